/* SPDX-License-Identifier: GPL-2.0 */
/* The reasons, for files that are also compiled for user space. */
#ifndef _MM_MHP_REASON_H
#define _MM_MHP_REASON_H

#include "pure.h"
/* Included by its path, as <linux/> has other headers in user space. */
#include "../../include/linux/mhp_reason.h"

#endif /* _MM_MHP_REASON_H */
