/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the pure files of memory hotplug may use: types, arithmetic and error
 * codes. No locks, no globals, no struct page. tools/testing/memory_hotplug
 * brings a header with the same guard and builds the same files in user space.
 */
#ifndef _MM_MHP_PURE_H
#define _MM_MHP_PURE_H

#include <linux/align.h>
#include <linux/array_size.h>
#include <linux/bug.h>
#include <linux/errno.h>
#include <linux/log2.h>
#include <linux/math64.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/sprintf.h>
#include <linux/stdarg.h>
#include <linux/string.h>
#include <linux/types.h>

#endif /* _MM_MHP_PURE_H */
