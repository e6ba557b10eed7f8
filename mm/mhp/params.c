// SPDX-License-Identifier: GPL-2.0
/*
 * Parameters of memory hotplug, the physical addresses at which memory can be added, and the
 * size of memory blocks.
 *
 * Owns the parameters, which the rest of mm reads by the functions below. Takes no locks, as each
 * parameter is a single value.
 */
#define pr_fmt(fmt) "memory_hotplug: " fmt

#include <linux/align.h>
#include <linux/export.h>
#include <linux/init.h>
#include <linux/jiffies.h>
#include <linux/kernel.h>
#include <linux/log2.h>
#include <linux/memblock.h>
#include <linux/memory.h>
#include <linux/moduleparam.h>
#include <linux/range.h>
#include <linux/string.h>
#include <linux/sysfs.h>

#include "mhp.h"
#include "policy.h"
#include "request.h"

/* All parameters of memory hotplug have this prefix, in whichever file they are. */
#undef MODULE_PARAM_PREFIX
#define MODULE_PARAM_PREFIX	"memory_hotplug."

/* ---- Parameters ------------------------------------------------------- */

static enum mhp_memmap_mode memmap_mode __ro_after_init;

static int mhp_memmap_mode_set(const char *val, const struct kernel_param *kp)
{
	static const char * const words[] = {
		"0", "1", "n", "y", "N", "Y", "no", "yes", "off", "on", "false", "true",
	};
	int word;

	if (sysfs_streq(val, "force")) {
		memmap_mode = MHP_MEMMAP_FORCED;
		return 0;
	}
	word = sysfs_match_string(words, val);
	if (word < 0) {
		pr_warn("memmap_on_memory: '%s' is none of N, Y, force\n", val);
		return -EINVAL;
	}
	memmap_mode = word & 1 ? MHP_MEMMAP_WHERE_IT_FITS : MHP_MEMMAP_ELSEWHERE;
	return 0;
}

static int mhp_memmap_mode_get(char *buffer, const struct kernel_param *kp)
{
	static const char * const names[] = { "N", "Y", "force" };

	return sysfs_emit(buffer, "%s\n", names[memmap_mode]);
}

static const struct kernel_param_ops memmap_mode_ops __maybe_unused = {
	.set = mhp_memmap_mode_set,
	.get = mhp_memmap_mode_get,
};

#ifdef CONFIG_MHP_MEMMAP_ON_MEMORY
module_param_cb(memmap_on_memory, &memmap_mode_ops, NULL, 0444);
MODULE_PARM_DESC(memmap_on_memory,
		 "Let the memmap of added memory lie in it: N, Y, or force (padded)");
#endif

static enum mhp_online_policy online_policy __read_mostly;

static const char * const online_policy_names[] = {
	[MHP_POLICY_CONTIG_ZONES] = "contig-zones",
	[MHP_POLICY_AUTO_MOVABLE] = "auto-movable",
};

static int mhp_online_policy_set(const char *val, const struct kernel_param *kp)
{
	int policy = sysfs_match_string(online_policy_names, val);

	if (policy < 0) {
		/* A later writer is told by EINVAL, and would fill the log with any text. */
		if (system_state < SYSTEM_RUNNING)
			pr_warn("online_policy: '%s' is no policy\n", val);
		return policy;
	}
	WRITE_ONCE(online_policy, policy);
	return 0;
}

static int mhp_online_policy_get(char *buffer, const struct kernel_param *kp)
{
	return sysfs_emit(buffer, "%s\n", online_policy_names[READ_ONCE(online_policy)]);
}

static const struct kernel_param_ops online_policy_ops = {
	.set = mhp_online_policy_set,
	.get = mhp_online_policy_get,
};

module_param_cb(online_policy, &online_policy_ops, NULL, 0644);
MODULE_PARM_DESC(online_policy, "Zone of memory that is brought online by just \"online\"");

static unsigned int auto_movable_ratio __read_mostly = 301;
module_param(auto_movable_ratio, uint, 0644);
MODULE_PARM_DESC(auto_movable_ratio, "auto-movable: at most this many percent of kernel memory");

#ifdef CONFIG_NUMA
static bool auto_movable_numa_aware __read_mostly = true;
module_param(auto_movable_numa_aware, bool, 0644);
MODULE_PARM_DESC(auto_movable_numa_aware, "auto-movable: also on each node");
#else
#define auto_movable_numa_aware false
#endif

static unsigned int offline_timeout_ms __read_mostly = 120 * MSEC_PER_SEC;
module_param(offline_timeout_ms, uint, 0644);
MODULE_PARM_DESC(offline_timeout_ms, "How long an offline by user space may take, 0: no limit");

static bool offline_viability __read_mostly = true;
module_param(offline_viability, bool, 0644);
MODULE_PARM_DESC(offline_viability, "Refuse an offline that would leave too little memory");

static bool removable_compat __read_mostly;
module_param(removable_compat, bool, 0644);
MODULE_PARM_DESC(removable_compat, "Let every block say that it is removable");

/* Set by the boot option movable_node: hotpluggable memory is for movable pages. */
bool movable_node_enabled;

static int __init mhp_parse_movable_node(char *p)
{
	movable_node_enabled = true;
	return 0;
}
early_param("movable_node", mhp_parse_movable_node);

/* The limit of the boot option mem=. */
u64 max_mem_size = U64_MAX;

/**
 * mhp_memmap_mode() - get the parameter memmap_on_memory
 *
 * Context: Any.
 * Return: where the memmap of added memory may lie.
 */
enum mhp_memmap_mode mhp_memmap_mode(void)
{
	return memmap_mode;
}

/**
 * mhp_online_policy() - get the parameter online_policy
 *
 * Context: Any.
 * Return: the policy that chooses the zone of memory for "online".
 */
enum mhp_online_policy mhp_online_policy(void)
{
	return READ_ONCE(online_policy);
}

/**
 * mhp_auto_movable_ratio() - get the parameter auto_movable_ratio
 *
 * Context: Any.
 * Return: how much movable memory the policy auto-movable allows, in percent of kernel memory.
 */
unsigned int mhp_auto_movable_ratio(void)
{
	return READ_ONCE(auto_movable_ratio);
}

/**
 * mhp_auto_movable_numa_aware() - get the parameter auto_movable_numa_aware
 *
 * Context: Any.
 * Return: true if the ratio of the policy auto-movable has to hold on each node as well.
 */
bool mhp_auto_movable_numa_aware(void)
{
	return auto_movable_numa_aware;
}

/**
 * mhp_checks_viability() - get the parameter offline_viability
 *
 * Context: Any.
 * Return: true if an offline is refused that would leave too little memory.
 */
bool mhp_checks_viability(void)
{
	return READ_ONCE(offline_viability);
}

/**
 * mhp_removable_compat() - get the parameter removable_compat
 *
 * Context: Any.
 * Return: true if every block is reported as removable.
 */
bool mhp_removable_compat(void)
{
	return READ_ONCE(removable_compat);
}

/**
 * mhp_user_policy() - make the policy for an offline by user space
 *
 * Context: Any.
 * Return: a policy that any signal interrupts, with the time limit of the parameter
 * offline_timeout_ms.
 */
struct mhp_policy mhp_user_policy(void)
{
	return (struct mhp_policy){
		.timeout_ms = READ_ONCE(offline_timeout_ms),
		.signals = MHP_SIGNALS_ANY,
	};
}

/**
 * mhp_user_limit() - compute the time limit for all attempts of a request of user space
 * @bytes: size of all memory of the request in bytes
 *
 * Context: Any.
 * Return: the limit in milliseconds; 0: no limit.
 */
unsigned int mhp_user_limit(u64 bytes)
{
	return mhp_time_limit(READ_ONCE(offline_timeout_ms), bytes);
}

/**
 * mhp_driver_limit() - get the time limit for an offline by a driver
 *
 * Context: Any.
 * Return: the parameter offline_timeout_ms in milliseconds; 0: no limit.
 */
unsigned int mhp_driver_limit(void)
{
	return READ_ONCE(offline_timeout_ms);
}

/* ---- Physical addresses ------------------------------------------------ */

/**
 * arch_get_mappable_range() - get the physical addresses that the direct map can have
 *
 * Architectures with a smaller range have their own function.
 *
 * Context: Any.
 * Return: the range, the end included.
 */
struct range __weak arch_get_mappable_range(void)
{
	return (struct range){ .start = 0, .end = U64_MAX };
}

/**
 * mhp_get_pluggable_range() - get the physical addresses at which memory can be added
 * @need_mapping: the memory has to be in the direct map
 *
 * Context: Any.
 * Return: the range in bytes, the end included.
 */
struct range mhp_get_pluggable_range(bool need_mapping)
{
	struct range range = { .start = 0, .end = PHYSMEM_END };
	struct range mappable = arch_get_mappable_range();

	if (need_mapping) {
		range.start = max(range.start, mappable.start);
		range.end = min(range.end, mappable.end);
	}
	return range;
}
EXPORT_SYMBOL_GPL(mhp_get_pluggable_range);

/**
 * mhp_range_allowed() - test whether memory can be added at a range of addresses
 * @start: physical address
 * @size: in bytes
 * @need_mapping: the memory has to be in the direct map
 *
 * Context: Any.
 * Return: true; false, with a message in the log, if the range cannot be addressed.
 */
bool mhp_range_allowed(u64 start, u64 size, bool need_mapping)
{
	struct range range = mhp_get_pluggable_range(need_mapping);
	u64 end = start + size;

	if (start < end && start >= range.start && end - 1 <= range.end)
		return true;
	/* Rate limited, as firmware can request the same repeatedly. */
	pr_warn_ratelimited("[mem %#010llx-%#010llx] is outside [%#010llx-%#010llx]\n", start,
			    end - 1, range.start, range.end);
	return false;
}

/**
 * mhp_machine_limits() - get the limits for requests that add or remove memory
 *
 * Context: Any.
 * Return: the limits of this machine.
 */
struct mhp_limits mhp_machine_limits(void)
{
	struct range range = mhp_get_pluggable_range(true);

	return (struct mhp_limits){
		.block_bytes = memory_block_size_bytes(),
		.section_pages = PAGES_PER_SECTION,
		.subsection_pages = PAGES_PER_SUBSECTION,
		.first = range.start,
		.last = range.end,
		/* mem= does not limit memory that is plugged into a running machine. */
		.max_bytes = system_state < SYSTEM_RUNNING ? max_mem_size : U64_MAX,
		.nr_nodes = MAX_NUMNODES,
	};
}

/* ---- The size of a block ---------------------------------------------- */

/**
 * memory_block_size_bytes() - get the size of memory blocks
 *
 * The size is a power of two, at least that of a section, and does not change after boot.
 * Architectures may have their own function.
 *
 * Context: Any.
 * Return: the size in bytes.
 */
unsigned long __weak memory_block_size_bytes(void)
{
	return MIN_MEMORY_BLOCK_SIZE;
}
EXPORT_SYMBOL_GPL(memory_block_size_bytes);

static u64 wanted_block_bytes __initdata;

static int __init mhp_parse_block_size(char *text)
{
	char *end;

	/* The option without a value. */
	if (!text)
		return -EINVAL;
	wanted_block_bytes = memparse(text, &end);
	if (*end || !wanted_block_bytes) {
		pr_warn("memory_block_size=%s is no size\n", text);
		wanted_block_bytes = 0;
	}
	return 0;
}
early_param("memory_block_size", mhp_parse_block_size);

/**
 * set_memory_block_size_order() - set the size of memory blocks
 * @order: the binary logarithm of the size in bytes
 *
 * For architectures with a fixed block size; x86 has a function of its own.
 *
 * Context: Process context, at boot, before the first use of the block size.
 * Return: -EOPNOTSUPP; of x86: 0, or -EINVAL if blocks cannot have this size.
 */
int __init __weak set_memory_block_size_order(unsigned int order)
{
	return -EOPNOTSUPP;
}

/**
 * mhp_choose_block_size() - apply the boot option memory_block_size=
 *
 * Context: Process context, at boot, before the first use of the block size.
 */
void __init mhp_choose_block_size(void)
{
	const char *refusal;

	if (!wanted_block_bytes)
		return;
	/* Otherwise the last block would have a hole, and could not go offline. */
	if (!is_power_of_2(wanted_block_bytes) || wanted_block_bytes < MIN_MEMORY_BLOCK_SIZE)
		refusal = "no power of two, or less than a section";
	else if (!IS_ALIGNED(PFN_PHYS(SECTION_ALIGN_UP(max_pfn)), wanted_block_bytes))
		refusal = "memory does not end with such a block";
	else if (set_memory_block_size_order(ilog2(wanted_block_bytes)) ||
		 memory_block_size_bytes() != wanted_block_bytes)
		refusal = "this machine does not have such blocks";
	else
		return;
	pr_warn("memory_block_size=%#llx: %s; it is %#lx\n", wanted_block_bytes, refusal,
		memory_block_size_bytes());
}
