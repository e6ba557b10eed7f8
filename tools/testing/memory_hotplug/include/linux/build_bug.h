/* SPDX-License-Identifier: GPL-2.0 */
/* In user space: see pure.h. */
#include <assert.h>
