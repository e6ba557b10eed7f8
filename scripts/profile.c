// SPDX-License-Identifier: GPL-2.0
/*
 * A plugin of QEMU's translator. It counts the instructions that all CPUs of a guest execute
 * between the call of a function and its return, interrupts included, by their address.
 *
 * Arguments: out=FILE, first=ADDRESS and end=ADDRESS of the function. At the end of the guest,
 * FILE has the number of calls of the function, and a line "address instructions" for each
 * translated block. The declarations here are a part of qemu-plugin.h, version 1.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef uint64_t qemu_plugin_id_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
struct qemu_info_t;

void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t, void (*)(qemu_plugin_id_t, struct qemu_plugin_tb *));
void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb *, int add, void *, uint64_t);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *, void (*)(unsigned int, void *), int, void *);
void qemu_plugin_register_atexit_cb(qemu_plugin_id_t, void (*)(qemu_plugin_id_t, void *), void *);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *);
uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *, size_t);
const uint8_t *qemu_plugin_insn_data(const struct qemu_plugin_insn *);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *);

#define EXPORT __attribute__((visibility("default")))
#define BLOCKS (1 << 22)

EXPORT int qemu_plugin_version = 1;

static const char *out;
static uint64_t first, end, calls;
static uint64_t address[BLOCKS], length[BLOCKS];	/* of each block, in instructions */
static uint64_t count[BLOCKS], before[BLOCKS], total[BLOCKS];
static size_t blocks;
static bool inside;

static void enter(unsigned int cpu, void *unused)
{
	if (inside)
		return;
	memcpy(before, count, blocks * sizeof(*count));
	inside = true;
}

static void leave(unsigned int cpu, void *unused)
{
	if (!inside)
		return;
	for (size_t i = 0; i < blocks; i++) {
		total[i] += (count[i] - before[i]) * length[i];
		before[i] = 0;
	}
	inside = false;
	calls++;
}

static void translate(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	size_t n = qemu_plugin_tb_n_insns(tb);
	struct qemu_plugin_insn *last = qemu_plugin_tb_get_insn(tb, n - 1);
	uint64_t at = qemu_plugin_insn_vaddr(last);

	if (blocks == BLOCKS)
		return;
	address[blocks] = qemu_plugin_tb_vaddr(tb);
	length[blocks] = n;
	qemu_plugin_register_vcpu_tb_exec_inline(tb, 0, count + blocks, 1);
	if (address[blocks] == first)
		qemu_plugin_register_vcpu_insn_exec_cb(qemu_plugin_tb_get_insn(tb, 0), enter, 0, NULL);
	if (at >= first && at < end && *qemu_plugin_insn_data(last) == 0xc3)	/* ret */
		qemu_plugin_register_vcpu_insn_exec_cb(last, leave, 0, NULL);
	blocks++;
}

static void report(qemu_plugin_id_t id, void *unused)
{
	FILE *file = fopen(out, "w");

	if (!file)
		return;
	fprintf(file, "%" PRIu64 "\n", calls);
	for (size_t i = 0; i < blocks; i++)
		if (total[i])
			fprintf(file, "%" PRIx64 " %" PRIu64 "\n", address[i], total[i]);
	fclose(file);
}

EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const struct qemu_info_t *info, int argc, char **argv)
{
	for (int i = 0; i < argc; i++) {
		if (!strncmp(argv[i], "out=", 4))
			out = strdup(argv[i] + 4);
		else if (!strncmp(argv[i], "first=", 6))
			first = strtoull(argv[i] + 6, NULL, 16);
		else if (!strncmp(argv[i], "end=", 4))
			end = strtoull(argv[i] + 4, NULL, 16);
	}
	if (!out || !first || !end)
		return 1;
	qemu_plugin_register_vcpu_tb_trans_cb(id, translate);
	qemu_plugin_register_atexit_cb(id, report, NULL);
	return 0;
}
