/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Reasons why a memory hotplug request was refused or failed. The names are user-space ABI, in
 * sysfs files and traces, and must not change. This file includes no other header, as the
 * user-space tests include it as well.
 */
#ifndef _LINUX_MHP_REASON_H
#define _LINUX_MHP_REASON_H

/* X(symbol, name, sentence) */
#define MHP_REASONS							\
	X(NONE,		"none",		"nothing went wrong")		\
	X(ALREADY,	"already",	"the block is in that state already") \
	X(RANGE,	"range",	"the range is empty, unaligned or wraps around") \
	X(ADDRESS,	"address",	"the range lies outside what can be addressed or mapped") \
	X(NODE,		"node",		"the node number does not exist") \
	X(GROUP,	"group",	"the memory group does not exist or does not fit") \
	X(RESOURCE,	"resource",	"something else claims this physical range") \
	X(EXISTS,	"exists",	"the memory is there already")	\
	X(ABSENT,	"absent",	"there is no such memory block")	\
	X(NOMEM,	"nomem",	"the kernel has no memory for the bookkeeping") \
	X(HOLES,	"holes",	"the block has holes")		\
	X(MULTI_ZONE,	"multi-zone",	"the block spans zones or nodes") \
	X(BOOT_MEMORY,	"boot-memory",	"this architecture keeps the memory that it had at boot") \
	X(ONLINE,	"online",	"the block is online and must go offline first") \
	X(BUSY,		"busy",		"another request works on the block") \
	X(DISABLED,	"disabled",	"the device does not allow to be taken offline") \
	X(HWPOISON,	"hwpoison",	"the block has poisoned pages")	\
	X(NOTIFIER,	"notifier",	"a subsystem refused")		\
	X(ISOLATE_RACE,	"isolate-race",	"the pages are isolated by somebody else") \
	X(UNMOVABLE,	"unmovable",	"a page cannot be moved")	\
	X(PINNED,	"pinned",	"a page is held by a long reference") \
	X(BUSY_PAGE,	"busy-page",	"a page is in use and does not come free") \
	X(HUGETLB,	"hugetlb",	"a free huge page could not be dissolved") \
	X(NO_TARGET,	"no-target",	"there is no memory to move the pages to") \
	X(NO_ROOM,	"no-room",	"too little memory would be left") \
	X(KEXEC,	"kexec",	"a kernel that kexec has loaded is to lie there") \
	X(SIGNAL,	"signal",	"the caller was interrupted")	\
	X(DEADLINE,	"deadline",	"it took longer than the caller allows") \
	X(SLEEP,	"sleep",	"the system goes to sleep")	\
	X(CANCELLED,	"cancelled",	"somebody wants it to stay online") \
	X(EJECTING,	"ejecting",	"the device of the block is being ejected") \
	X(DEPENDENCY,	"dependency",	"a device that goes with it is in use") \
	X(FIRMWARE,	"firmware",	"the firmware did not eject the device") \
	X(LOST,		"lost",		"the memory has gone while it was in use") \
	X(MAPPING,	"mapping",	"the architecture could not map the range") \
	X(MEMMAP,	"memmap",	"a block of this size cannot hold its own memmap") \
	X(DEVICE,	"device",	"the sysfs device could not be made") \
	X(INJECTED,	"injected",	"a fault was injected")		\
	X(INTERNAL,	"internal",	"an internal check failed")

enum mhp_reason {
#define X(symbol, name, sentence) MHP_WHY_##symbol,
	MHP_REASONS
#undef X
	MHP_WHY_COUNT
};

/**
 * struct mhp_result - the result of a request, passed unchanged from the cause to the caller
 * @err: 0 or a negative error code, the documented one for the reason
 * @why: the reason; %MHP_WHY_NONE if @err is 0
 * @pfn: the first page frame concerned, or %MHP_NO_PFN
 * @step: the name of the step that failed; NULL if none had begun
 * @kind: the kind of the page at @pfn, or the reason why its block can never go offline; NULL
 *	if unknown
 * @detail: further details, allocated, or NULL; freed by the report at the end of the request
 */
struct mhp_result {
	int err;
	enum mhp_reason why;
	unsigned long pfn;
	const char *step;
	const char *kind;
	char *detail;
};

#define MHP_NO_PFN	(~0UL)
#define MHP_RESULT_OK	((struct mhp_result){ .pfn = MHP_NO_PFN })

/**
 * mhp_refuse() - record why a request cannot continue
 * @res: the result; an error that it has already is kept, as later ones are consequences
 * @err: negative error code
 * @why: the reason
 * @pfn: the first page frame concerned, or %MHP_NO_PFN
 *
 * Context: Any.
 * Return: @err, so that a refusal is a single statement.
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

const char *mhp_reason_name(enum mhp_reason why);
const char *mhp_reason_text(enum mhp_reason why);

#endif /* _LINUX_MHP_REASON_H */
