/* SPDX-License-Identifier: GPL-2.0 */
/*
 * In the place of mm/mhp/pure.h, whose guard it takes: what the pure files use
 * of the kernel, for user space. Included before everything else (Makefile).
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

/* The compiler's own check of formats is enough here. */
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
