// SPDX-License-Identifier: GPL-2.0
/*
 * Reports the results of requests: in a record for its blocks, a trace event, a line of the log,
 * and in counters.
 *
 * Owns the counters, and the records: one for each request that failed, which its blocks share.
 * Called after the locks of mm were released. Its own lock is held for a short time only, so
 * that a reader of last_error never waits for a request to end.
 */
#define pr_fmt(fmt) "memory_hotplug: " fmt

#include <linux/atomic.h>
#include <linux/ctype.h>
#include <linux/debugfs.h>
#include <linux/init.h>
#include <linux/ktime.h>
#include <linux/log2.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/sysfs.h>
#include <trace/events/memory_hotplug.h>

#include "mhp.h"

static const char * const mhp_verb_names[MHP_NR_VERBS] = {
	[MHP_VERB_ADD]		= "add",
	[MHP_VERB_ONLINE]	= "online",
	[MHP_VERB_OFFLINE]	= "offline",
	[MHP_VERB_REMOVE]	= "remove",
	[MHP_VERB_LOSE]		= "lose",
};

/* ---- Records ----------------------------------------------------------- */

/**
 * struct mhp_record - the description of a request that failed
 * @users: number of references, by slots and by the caller of mhp_report(); protected by
 *	mhp_record_lock
 * @line: the text for users, without a newline
 */
struct mhp_record {
	unsigned int users;
	char line[];
};

static DEFINE_SPINLOCK(mhp_record_lock);

/* Used if there is no memory for a record. */
static struct mhp_record mhp_no_record = {
	.users = 1,
	.line = "verb=unknown err=-12 reason=nomem detail=\"no memory to keep it\"",
};

static char *mhp_pfn_text(char *text, size_t size, unsigned long pfn)
{
	if (pfn == MHP_NO_PFN)
		strscpy(text, "none", size);
	else
		snprintf(text, size, "%#lx", pfn);
	return text;
}

/* Names of tasks can have any characters, but must not break the line or its quotes. */
static void mhp_sanitize_text(char *text)
{
	for (; text && *text; text++)
		if (!isprint(*text) || *text == '"' || *text == '\\')
			*text = '?';
}

static struct mhp_record *mhp_record_make(const struct mhp_ending *end, s64 us)
{
	const struct mhp_result *res = end->result;
	struct mhp_record *record;
	char pfn[24], head[128];
	size_t size;

	mhp_sanitize_text(res->detail);
	snprintf(head, sizeof(head), "verb=%s err=%d reason=%s pfn=%s step=%s",
		 mhp_verb_names[end->verb], res->err, mhp_reason_name(res->why),
		 mhp_pfn_text(pfn, sizeof(pfn), res->pfn),
		 res->step ?: "check");
	size = sizeof(head) + 128 + (res->detail ? strlen(res->detail) : 0);
	record = kmalloc(struct_size(record, line, size), MHP_GFP);
	if (!record)
		return &mhp_no_record;
	record->users = 1;
	snprintf(record->line, size, "%s passes=%u left=%lu ms=%lld kind=%s detail=\"%s\"", head,
		 end->passes, end->left, us / USEC_PER_MSEC, res->kind ?: "none",
		 res->detail ?: "");
	return record;
}

static void mhp_record_drop(struct mhp_record *record)
{
	if (record && record != &mhp_no_record && !--record->users)
		kfree(record);
}

/**
 * mhp_record_put() - drop the reference that mhp_report() returned
 * @record: the record, or NULL
 *
 * Context: Process context. Takes a spinlock that is not interrupt-safe.
 */
void mhp_record_put(struct mhp_record *record)
{
	spin_lock(&mhp_record_lock);
	mhp_record_drop(record);
	spin_unlock(&mhp_record_lock);
}

/**
 * mhp_record_set() - store the record of the last request for some memory
 * @slot: where to store it; mhp_record_show() may read it at the same time
 * @record: the record of struct mhp_change or struct mhp_extent; NULL if the request succeeded
 *
 * Context: Process context. Takes a spinlock that is not interrupt-safe.
 */
void mhp_record_set(struct mhp_record **slot, struct mhp_record *record)
{
	spin_lock(&mhp_record_lock);
	if (record && record != &mhp_no_record)
		record->users++;
	mhp_record_drop(*slot);
	*slot = record;
	spin_unlock(&mhp_record_lock);
}

/**
 * mhp_record_show() - write the record of the last request for some memory
 * @slot: where the record is stored
 * @buf: buffer of sysfs
 *
 * The line is "none" if the request succeeded, otherwise it has key=value words.
 *
 * Context: Process context. Takes a spinlock that is not interrupt-safe.
 * Return: the length of the line in bytes.
 */
int mhp_record_show(struct mhp_record **slot, char *buf)
{
	int len;

	spin_lock(&mhp_record_lock);
	len = sysfs_emit(buf, "%s\n", *slot ? (*slot)->line : "none");
	spin_unlock(&mhp_record_lock);
	return len;
}

/* ---- Counters ---------------------------------------------------------- */

/* Bucket n counts requests that took less than 1 << n microseconds; the last has all others. */
#define NR_BUCKETS	32

static atomic_long_t mhp_ended[MHP_NR_VERBS][MHP_WHY_COUNT];
static atomic_long_t mhp_took[MHP_NR_VERBS][NR_BUCKETS];

static void mhp_count_ending(const struct mhp_ending *end, s64 us)
{
	unsigned int bucket = us > 0 ? ilog2(us) + 1 : 0;

	atomic_long_inc(&mhp_ended[end->verb][end->result->why]);
	atomic_long_inc(&mhp_took[end->verb][min(bucket, NR_BUCKETS - 1U)]);
}

static void mhp_stats_show_verb(struct seq_file *m, unsigned int verb)
{
	unsigned long n, failures = 0;
	unsigned int i;

	for (i = 1; i < MHP_WHY_COUNT; i++)
		failures += atomic_long_read(&mhp_ended[verb][i]);
	seq_printf(m, "verb=%s attempts=%lu failures=%lu\n", mhp_verb_names[verb],
		   atomic_long_read(&mhp_ended[verb][MHP_WHY_NONE]) + failures, failures);
	for (i = 1; i < MHP_WHY_COUNT; i++) {
		n = atomic_long_read(&mhp_ended[verb][i]);
		if (n)
			seq_printf(m, "verb=%s reason=%s count=%lu\n", mhp_verb_names[verb],
				   mhp_reason_name(i), n);
	}
	for (i = 0; i < NR_BUCKETS; i++) {
		n = atomic_long_read(&mhp_took[verb][i]);
		if (n)
			seq_printf(m, "verb=%s us=%llu count=%lu\n", mhp_verb_names[verb],
				   i ? BIT_ULL(i - 1) : 0, n);
	}
}

static int stats_show(struct seq_file *m, void *v)
{
	unsigned int verb;

	for (verb = 0; verb < MHP_NR_VERBS; verb++)
		mhp_stats_show_verb(m, verb);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(stats);

/**
 * mhp_debugfs_dir() - get the directory of memory hotplug in debugfs
 *
 * Context: Process context, only at boot, from a single thread.
 * Return: the directory, or an error pointer that the debugfs functions accept.
 */
struct dentry *mhp_debugfs_dir(void)
{
	static struct dentry *dir;

	if (!dir)
		dir = debugfs_create_dir("memory_hotplug", NULL);
	return dir;
}

static int __init mhp_report_init(void)
{
	debugfs_create_file("stats", 0400, mhp_debugfs_dir(), NULL, &stats_fops);
	return 0;
}
late_initcall(mhp_report_init);

/* ---- The end of a request ----------------------------------------------- */

static void mhp_log_failure(const struct mhp_ending *end)
{
	const struct mhp_result *res = end->result;
	u64 start = mhp_range_phys(end->range), last = start + mhp_range_bytes(end->range) - 1;
	char pfn[24];

	/* The caller knows these two causes already. */
	if (res->why == MHP_WHY_SIGNAL || res->why == MHP_WHY_ALREADY)
		return;
	pr_info_ratelimited("[mem %#010llx-%#010llx] %s failed (%d): %s, step %s%s%s%s%s\n",
			    start, last, mhp_verb_names[end->verb], res->err,
			    mhp_reason_text(res->why), res->step ?: "check",
			    res->pfn == MHP_NO_PFN ? "" : ", pfn ",
			    res->pfn == MHP_NO_PFN ? "" : mhp_pfn_text(pfn, sizeof(pfn), res->pfn),
			    res->kind ? ", " : "", res->kind ?: "");
}

/**
 * mhp_report() - report the end of a request
 * @end: the request and its result
 *
 * Context: Process context. May sleep. mem_hotplug_lock not held.
 * Return: the record for mhp_record_set(), to be released with mhp_record_put(); NULL if the
 * request succeeded.
 */
struct mhp_record *mhp_report(const struct mhp_ending *end)
{
	struct mhp_result *res = end->result;
	s64 us = ktime_us_delta(ktime_get(), end->begin);
	struct mhp_record *record = NULL;

	trace_mhp_result(mhp_verb_names[end->verb], end->range->start_pfn, end->range->nr_pages,
			 res, end->passes, end->left, us);
	mhp_count_ending(end, us);
	if (res->err) {
		record = mhp_record_make(end, us);
		mhp_log_failure(end);
	}
	kfree(res->detail);
	res->detail = NULL;
	return record;
}

/**
 * mhp_report_refusal() - report a request that was refused before it was passed to mm
 * @verb: the kind of the request
 * @start: physical address of the memory
 * @size: in bytes
 * @res: the reason; its details are freed
 *
 * Context: Process context. May sleep. mem_hotplug_lock not held.
 * Return: as for mhp_report().
 */
struct mhp_record *mhp_report_refusal(enum mhp_verb verb, u64 start, u64 size,
				      struct mhp_result *res)
{
	const struct mhp_range range = { PHYS_PFN(start), PHYS_PFN(size) };

	return mhp_report(&(struct mhp_ending){
		.verb = verb, .range = &range, .result = res, .begin = ktime_get(),
	});
}
