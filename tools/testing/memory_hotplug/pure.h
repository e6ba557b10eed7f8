/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Replaces mm/mhp/pure.h in user space, with the same include guard: what the
 * pure files use of the kernel. The Makefile includes it before all other files.
 */
#ifndef _MM_MHP_PURE_H
#define _MM_MHP_PURE_H

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

typedef uint8_t u8;
typedef uint32_t u32;
typedef unsigned long long u64;

#define U64_MAX			(~0ULL)

#define PAGE_SHIFT		12
#define PHYS_PFN(x)		((unsigned long)((x) >> PAGE_SHIFT))

/* Formats are checked when the files are compiled for the kernel. */
#define __printf(...)
#define BIT(n)			(1UL << (n))
#define ARRAY_SIZE(a)		(sizeof(a) / sizeof((a)[0]))
#define ALIGN_DOWN(x, a)	((x) & ~((typeof(x))(a) - 1))

#define min(a, b)	({ typeof(a) _a = (a); typeof(b) _b = (b); \
			   _a < _b ? _a : _b; })
#define max(a, b)	({ typeof(a) _a = (a); typeof(b) _b = (b); \
			   _a > _b ? _a : _b; })

#define check_add_overflow(a, b, d)	__builtin_add_overflow(a, b, d)
#define check_mul_overflow(a, b, d)	__builtin_mul_overflow(a, b, d)

#endif /* _MM_MHP_PURE_H */
