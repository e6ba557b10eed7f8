// SPDX-License-Identifier: GPL-2.0
/*
 * Room for what has to move: an offline is refused before its first step where the contents
 * of its memory cannot be elsewhere, and each counts the room that others were promised.
 *
 * Owns the list of offlines that move pages, under its own lock.
 */
#include <linux/list.h>
#include <linux/mmzone.h>
#include <linux/spinlock.h>

#include "mhp.h"

static DEFINE_SPINLOCK(claims_lock);
static LIST_HEAD(claims);

/* The room that other requests were told they have, and have not filled yet. */
static struct mhp_room mhp_promised_room(void)
{
	struct mhp_room promised = {};
	struct mhp_room_claim *other;

	spin_lock(&claims_lock);
	list_for_each_entry(other, &claims, list) {
		unsigned long need = READ_ONCE(other->need) ?: READ_ONCE(other->progress->left);

		if (other->from_kernel)
			promised.kernel += need;
		else
			promised.movable += need;
	}
	spin_unlock(&claims_lock);
	return promised;
}

/**
 * mhp_claim_room() - make sure that the pages of a request can be elsewhere
 * @claim: of the request; mhp_release_room() ends it, whatever this returns
 * @req: the request; its runs are online, not isolated yet
 * @progress: of the request
 *
 * The room is counted beside what other requests are moving: else all other memory would be
 * emptied first, for nothing. From here on it is counted for the next request.
 *
 * Context: May sleep. mem_hotplug_lock held for write.
 * Return: 0 or -EBUSY.
 */
int mhp_claim_room(struct mhp_room_claim *claim, struct mhp_request *req,
		   const struct mhp_progress *progress)
{
	const struct mhp_room promised = mhp_promised_room();
	unsigned long need = 0;
	struct mhp_run *run;

	if (mhp_checks_viability() && !mhp_has_room(req, &promised, &need))
		return mhp_refuse(req->result, -EBUSY, MHP_WHY_NO_ROOM, req->first->all.start_pfn);

	mhp_for_each_run(run, req)
		claim->from_kernel |= zone_idx(run->zone) != ZONE_MOVABLE;
	claim->progress = progress;
	WRITE_ONCE(claim->need, need);
	spin_lock(&claims_lock);
	list_add(&claim->list, &claims);
	spin_unlock(&claims_lock);
	return 0;
}

/**
 * mhp_release_room() - a request moves no more pages
 * @claim: of the request; its list is initialized
 */
void mhp_release_room(struct mhp_room_claim *claim)
{
	spin_lock(&claims_lock);
	list_del_init(&claim->list);
	spin_unlock(&claims_lock);
}
