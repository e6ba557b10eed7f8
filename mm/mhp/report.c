// SPDX-License-Identifier: GPL-2.0
/*
 * How requests ended: for each block, in a trace event, in a line of the log, in counters.
 *
 * Owns the records, one for each request that failed, which its blocks share, and the
 * counters. Called when the locks of mm are free again. Its own lock is held for moments
 * only, so that who reads how a request ended never waits for another to end.
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

static const char * const verbs[MHP_NR_VERBS] = {
	[MHP_VERB_ADD]		= "add",
	[MHP_VERB_ONLINE]	= "online",
	[MHP_VERB_OFFLINE]	= "offline",
	[MHP_VERB_REMOVE]	= "remove",
	[MHP_VERB_LOSE]		= "lose",
};

/* ---- Records ----------------------------------------------------------- */

/**
 * struct mhp_record - how a request failed
 * @users: the slots that hold it, and the request that made it; under record_lock
 * @line: for sysfs, without a newline
 */
struct mhp_record {
	unsigned int users;
	char line[];
};

static DEFINE_SPINLOCK(record_lock);

/* Where there is no memory for one. */
static struct mhp_record no_record = {
	.users = 1,
	.line = "verb=unknown err=-12 reason=nomem detail=\"no memory to keep it\"",
};

static char *pfn_text(char *text, size_t size, unsigned long pfn)
{
	if (pfn == MHP_NO_PFN)
		strscpy(text, "none", size);
	else
		snprintf(text, size, "%#lx", pfn);
	return text;
}

/* Names of tasks may contain anything; the line must remain one, with its quotes. */
static void make_harmless(char *text)
{
	for (; text && *text; text++)
		if (!isprint(*text) || *text == '"' || *text == '\\')
			*text = '?';
}

static struct mhp_record *make_record(const struct mhp_ending *end, s64 us)
{
	const struct mhp_result *res = end->result;
	struct mhp_record *record;
	char pfn[24], head[128];
	size_t size;

	make_harmless(res->detail);
	snprintf(head, sizeof(head), "verb=%s err=%d reason=%s pfn=%s step=%s", verbs[end->verb],
		 res->err, mhp_reason_name(res->why), pfn_text(pfn, sizeof(pfn), res->pfn),
		 res->step ?: "check");
	size = sizeof(head) + 128 + (res->detail ? strlen(res->detail) : 0);
	record = kmalloc(struct_size(record, line, size), MHP_GFP);
	if (!record)
		return &no_record;
	record->users = 1;
	snprintf(record->line, size, "%s passes=%u left=%lu ms=%lld kind=%s detail=\"%s\"", head,
		 end->passes, end->left, us / USEC_PER_MSEC, res->kind ?: "none",
		 res->detail ?: "");
	return record;
}

static void drop_locked(struct mhp_record *record)
{
	if (record && record != &no_record && !--record->users)
		kfree(record);
}

/**
 * mhp_record_put() - what mhp_report() returned is no longer needed
 * @record: the record, or NULL
 */
void mhp_record_put(struct mhp_record *record)
{
	spin_lock(&record_lock);
	drop_locked(record);
	spin_unlock(&record_lock);
}

/**
 * mhp_record_set() - remember how the last request for some memory ended
 * @slot: where; it may be shared with mhp_record_show()
 * @record: of struct mhp_change or struct mhp_extent; NULL: the request succeeded
 *
 * Context: Any but interrupts. Takes a spinlock.
 */
void mhp_record_set(struct mhp_record **slot, struct mhp_record *record)
{
	spin_lock(&record_lock);
	if (record && record != &no_record)
		record->users++;
	drop_locked(*slot);
	*slot = record;
	spin_unlock(&record_lock);
}

/**
 * mhp_record_show() - how the last request for some memory ended
 * @slot: where that is remembered
 * @buf: of sysfs
 *
 * Context: Any but interrupts. Takes a spinlock.
 * Return: length of the line in @buf: "none", or words of the form key=value.
 */
int mhp_record_show(struct mhp_record **slot, char *buf)
{
	int len;

	spin_lock(&record_lock);
	len = sysfs_emit(buf, "%s\n", *slot ? (*slot)->line : "none");
	spin_unlock(&record_lock);
	return len;
}

/* ---- Counters ---------------------------------------------------------- */

/* The n-th is of requests that took less than 1 << n microseconds, the last of all others. */
#define NR_BUCKETS	32

static atomic_long_t ended[MHP_NR_VERBS][MHP_WHY_COUNT];
static atomic_long_t took[MHP_NR_VERBS][NR_BUCKETS];

static void count_ending(const struct mhp_ending *end, s64 us)
{
	unsigned int bucket = us > 0 ? ilog2(us) + 1 : 0;

	atomic_long_inc(&ended[end->verb][end->result->why]);
	atomic_long_inc(&took[end->verb][min(bucket, NR_BUCKETS - 1U)]);
}

static void show_verb(struct seq_file *m, unsigned int verb)
{
	unsigned long n, failures = 0;
	unsigned int i;

	for (i = 1; i < MHP_WHY_COUNT; i++)
		failures += atomic_long_read(&ended[verb][i]);
	seq_printf(m, "verb=%s attempts=%lu failures=%lu\n", verbs[verb],
		   atomic_long_read(&ended[verb][MHP_WHY_NONE]) + failures, failures);
	for (i = 1; i < MHP_WHY_COUNT; i++) {
		n = atomic_long_read(&ended[verb][i]);
		if (n)
			seq_printf(m, "verb=%s reason=%s count=%lu\n", verbs[verb],
				   mhp_reason_name(i), n);
	}
	for (i = 0; i < NR_BUCKETS; i++) {
		n = atomic_long_read(&took[verb][i]);
		if (n)
			seq_printf(m, "verb=%s us=%llu count=%lu\n", verbs[verb],
				   i ? BIT_ULL(i - 1) : 0, n);
	}
}

static int stats_show(struct seq_file *m, void *v)
{
	unsigned int verb;

	for (verb = 0; verb < MHP_NR_VERBS; verb++)
		show_verb(m, verb);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(stats);

/**
 * mhp_debugfs_dir() - where files about memory hotplug go
 *
 * Context: Boot, one thread.
 * Return: the directory memory_hotplug in debugfs; may be an error, which debugfs takes.
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

static void log_failure(const struct mhp_ending *end)
{
	const struct mhp_result *res = end->result;
	u64 start = mhp_range_phys(end->range), last = start + mhp_range_bytes(end->range) - 1;
	char pfn[24];

	/* What the caller knows himself needs no line. */
	if (res->why == MHP_WHY_SIGNAL || res->why == MHP_WHY_ALREADY)
		return;
	pr_info_ratelimited("[mem %#010llx-%#010llx] %s failed (%d): %s, step %s%s%s%s%s\n",
			    start, last, verbs[end->verb], res->err, mhp_reason_text(res->why),
			    res->step ?: "check", res->pfn == MHP_NO_PFN ? "" : ", pfn ",
			    res->pfn == MHP_NO_PFN ? "" : pfn_text(pfn, sizeof(pfn), res->pfn),
			    res->kind ? ", " : "", res->kind ?: "");
}

/**
 * mhp_report() - a request has ended
 * @end: how
 *
 * Context: May sleep. No lock of mm held.
 * Return: how it failed, for mhp_record_set() and at last mhp_record_put(); NULL where all is
 * well.
 */
struct mhp_record *mhp_report(const struct mhp_ending *end)
{
	struct mhp_result *res = end->result;
	s64 us = ktime_us_delta(ktime_get(), end->begin);
	struct mhp_record *record = NULL;

	trace_mhp_result(verbs[end->verb], end->range->start_pfn, end->range->nr_pages, res,
			 end->passes, end->left, us);
	count_ending(end, us);
	if (res->err) {
		record = make_record(end, us);
		log_failure(end);
	}
	kfree(res->detail);
	res->detail = NULL;
	return record;
}

/**
 * mhp_report_refusal() - a request was refused before it came to mm
 * @verb: what was asked for
 * @start: physical address of the memory
 * @size: bytes
 * @res: why; its details are freed
 *
 * Context: May sleep. No lock of mm held.
 * Return: as mhp_report().
 */
struct mhp_record *mhp_report_refusal(enum mhp_verb verb, u64 start, u64 size,
				      struct mhp_result *res)
{
	const struct mhp_range range = { PHYS_PFN(start), PHYS_PFN(size) };

	return mhp_report(&(struct mhp_ending){
		.verb = verb, .range = &range, .result = res, .begin = ktime_get(),
	});
}
