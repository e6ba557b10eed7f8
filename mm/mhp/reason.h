/* SPDX-License-Identifier: GPL-2.0 */
/* Recording a cause; the causes are in include/linux/mhp_reason.h. */
#ifndef _MM_MHP_REASON_H
#define _MM_MHP_REASON_H

#include "pure.h"
/* By path, as user space has a linux/ of its own. */
#include "../../include/linux/mhp_reason.h"

/**
 * mhp_refuse() - record why a request cannot go on
 * @res: where to record; the first cause stays, later ones are its consequences
 * @err: negative error code
 * @why: the cause
 * @pfn: the first page frame concerned, or %MHP_NO_PFN
 *
 * Return: @err, so that a refusal is one statement.
 */
static inline int mhp_refuse(struct mhp_result *res, int err,
			     enum mhp_reason why, unsigned long pfn)
{
	if (!res->err) {
		res->err = err;
		res->why = why;
		res->pfn = pfn;
	}
	return err;
}

#endif /* _MM_MHP_REASON_H */
