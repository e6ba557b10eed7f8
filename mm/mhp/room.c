// SPDX-License-Identifier: GPL-2.0
/*
 * Room for the pages that an offline has to move: an offline is refused before its first step
 * if its pages do not fit into the rest of memory, together with those of other offlines.
 *
 * Owns the list of offlines that move pages, each with the room that it has claimed, and the lock
 * of the list. Calls movable.c.
 */
#include <linux/list.h>
#include <linux/mmzone.h>
#include <linux/spinlock.h>

#include "mhp.h"

static DEFINE_SPINLOCK(claims_lock);
static LIST_HEAD(claims);

/* The room that was promised to other requests, and that they have not used yet. */
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
 * mhp_claim_room() - test whether the pages of an offline fit elsewhere, and claim that room
 * @claim: the claim of the request; mhp_release_room() ends it, also after an error
 * @req: the request; its runs are online, not isolated yet
 * @progress: progress of the request
 *
 * Room that other requests have claimed does not count. Otherwise a request could move most of
 * its pages before it fails. From now on the room is not available to later requests.
 *
 * Context: Process context. May sleep. mem_hotplug_lock held for write.
 * Return: 0; -EBUSY if there is no room.
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
 * mhp_release_room() - end the claim of a request that moves no more pages
 * @claim: the claim of the request, whose list entry is initialized
 *
 * Context: Process context. Takes a spinlock that is not interrupt-safe.
 */
void mhp_release_room(struct mhp_room_claim *claim)
{
	spin_lock(&claims_lock);
	list_del_init(&claim->list);
	spin_unlock(&claims_lock);
}
