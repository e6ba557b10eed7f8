/* SPDX-License-Identifier: GPL-2.0 */
/* The causes, for files that user space compiles as well. */
#ifndef _MM_MHP_REASON_H
#define _MM_MHP_REASON_H

#include "pure.h"
/* By path, as user space has a linux/ of its own. */
#include "../../include/linux/mhp_reason.h"

#endif /* _MM_MHP_REASON_H */
