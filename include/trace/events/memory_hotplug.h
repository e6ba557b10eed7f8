/* SPDX-License-Identifier: GPL-2.0 */
/* Events for the steps of memory hotplug. See Documentation/mm/memory-hotplug/. */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM memory_hotplug

#if !defined(_TRACE_MEMORY_HOTPLUG_H) || defined(TRACE_HEADER_MULTI_READ)
#define _TRACE_MEMORY_HOTPLUG_H

#include <linux/mhp_reason.h>
#include <linux/tracepoint.h>

DECLARE_EVENT_CLASS(mhp_step,

	TP_PROTO(const char *ladder, const char *step, bool up, bool unwinding, int err),

	TP_ARGS(ladder, step, up, unwinding, err),

	TP_STRUCT__entry(
		__string(ladder, ladder)
		__string(step, step)
		__field(bool, up)
		__field(bool, unwinding)
		__field(int, err)
	),

	TP_fast_assign(
		__assign_str(ladder);
		__assign_str(step);
		__entry->up = up;
		__entry->unwinding = unwinding;
		__entry->err = err;
	),

	TP_printk("%s/%s %s%s err=%d", __get_str(ladder), __get_str(step),
		  __entry->up ? "up" : "down", __entry->unwinding ? " unwinding" : "",
		  __entry->err)
);

DEFINE_EVENT(mhp_step, mhp_step_enter,
	TP_PROTO(const char *ladder, const char *step, bool up, bool unwinding, int err),
	TP_ARGS(ladder, step, up, unwinding, err)
);

DEFINE_EVENT(mhp_step, mhp_step_exit,
	TP_PROTO(const char *ladder, const char *step, bool up, bool unwinding, int err),
	TP_ARGS(ladder, step, up, unwinding, err)
);

/* The end of a request, with the fields of last_error. */
TRACE_EVENT(mhp_result,

	TP_PROTO(const char *verb, unsigned long start_pfn, unsigned long nr_pages,
		 const struct mhp_result *res, unsigned int passes, unsigned long left, s64 us),

	TP_ARGS(verb, start_pfn, nr_pages, res, passes, left, us),

	TP_STRUCT__entry(
		__string(verb, verb)
		__field(unsigned long, start_pfn)
		__field(unsigned long, nr_pages)
		__field(int, err)
		__string(why, mhp_reason_name(res->why))
		__field(unsigned long, pfn)
		__string(step, res->step ? res->step : "-")
		__field(unsigned int, passes)
		__field(unsigned long, left)
		__field(s64, us)
	),

	TP_fast_assign(
		__assign_str(verb);
		__entry->start_pfn = start_pfn;
		__entry->nr_pages = nr_pages;
		__entry->err = res->err;
		__assign_str(why);
		__entry->pfn = res->pfn;
		__assign_str(step);
		__entry->passes = passes;
		__entry->left = left;
		__entry->us = us;
	),

	TP_printk("%s pfn=%#lx pages=%lu err=%d why=%s at=%#lx step=%s passes=%u left=%lu us=%lld",
		  __get_str(verb), __entry->start_pfn, __entry->nr_pages, __entry->err,
		  __get_str(why), __entry->pfn, __get_str(step), __entry->passes,
		  __entry->left, __entry->us)
);

/* A pass over the pages of a run that is going offline. */
TRACE_EVENT(mhp_offline_pass,

	TP_PROTO(unsigned long start_pfn, unsigned long nr_pages, unsigned int pass,
		 unsigned long moved, unsigned long left, unsigned long failed),

	TP_ARGS(start_pfn, nr_pages, pass, moved, left, failed),

	TP_STRUCT__entry(
		__field(unsigned long, start_pfn)
		__field(unsigned long, nr_pages)
		__field(unsigned int, pass)
		__field(unsigned long, moved)
		__field(unsigned long, left)
		__field(unsigned long, failed)
	),

	TP_fast_assign(
		__entry->start_pfn = start_pfn;
		__entry->nr_pages = nr_pages;
		__entry->pass = pass;
		__entry->moved = moved;
		__entry->left = left;
		__entry->failed = failed;
	),

	TP_printk("pfn=%#lx pages=%lu pass=%u moved=%lu left=%lu failed=%lu",
		  __entry->start_pfn, __entry->nr_pages, __entry->pass, __entry->moved,
		  __entry->left, __entry->failed)
);

#endif /* _TRACE_MEMORY_HOTPLUG_H */

#include <trace/define_trace.h>
