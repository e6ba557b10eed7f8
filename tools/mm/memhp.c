// SPDX-License-Identifier: GPL-2.0
/*
 * memhp: see the memory blocks of this machine, ask which can go and why another does
 * not, and take them offline and online.
 *
 * What it knows is from /sys/devices/system/memory. Where the kernel tells how movable a
 * block is (movability, query), why a request failed (last_error), how far one is (progress)
 * and takes requests for many blocks (request), it is asked. Elsewhere the first is an
 * estimate from /proc/kpageflags, and requests are made block by block.
 *
 * Nothing that the kernel says is trusted to be well-formed: unknown words are shown as
 * they are, and what is missing is unknown.
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <langinfo.h>
#include <limits.h>
#include <locale.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <linux/kernel-page-flags.h>

#define VERSION		"1.0"

/* Exit codes of chmem */
#define DONE_NOTHING	1
#define DONE_PARTLY	64

#define MEMORY		"sys/devices/system/memory"
#define PAGE_OWNER	"sys/kernel/debug/page_owner"
#define LINE_SIZE	4096
#define NONE		(-1)
#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

typedef unsigned long long u64;

static struct {
	bool json, verbose, best_effort, color;
	int node;		/* NONE: any */
	const char *zone;	/* NULL: any */
	const char *online;	/* what is written to bring a block online */
	double timeout;		/* seconds, 0: as long as the kernel lets it take */
} opt = { .node = NONE, .online = "online" };

static int root = AT_FDCWD;	/* directory that paths start at */
static bool other_root;		/* it is not this machine's */
static bool utf8;
static u64 page_size;

/* ---- Text -------------------------------------------------------------- */

/* All of @text as a number, decimal or with 0x; false if it is none. */
static bool number(const char *text, u64 *n)
{
	int base = strncasecmp(text, "0x", 2) ? 10 : 16;
	char *end;

	if (!isxdigit(text[base == 16 ? 2 : 0]))
		return false;
	errno = 0;
	*n = strtoull(text, &end, base);
	return !errno && !*end;
}

/* As lsmem has it: 128M, 1.5G. */
static const char *human(u64 bytes)
{
	static char texts[4][16];
	static unsigned int next;
	char *text = texts[next++ % ARRAY_SIZE(texts)];
	const char *unit = "BKMGTPE";
	u64 tenths = bytes * 10;

	if (bytes > ULLONG_MAX / 10)
		tenths = ULLONG_MAX;
	while (tenths >= 10240) {
		tenths = (tenths + 512) / 1024;
		unit++;
	}
	if (tenths % 10)
		snprintf(text, sizeof(texts[0]), "%llu.%llu%c", tenths / 10, tenths % 10, *unit);
	else
		snprintf(text, sizeof(texts[0]), "%llu%c", tenths / 10, *unit);
	return text;
}

/* "512M", "1GiB": bytes. A number without a unit is no size, but a block. */
static bool parse_size(const char *text, u64 *bytes)
{
	static const char units[] = "KMGTPE";
	const char *unit;
	char *end;

	errno = 0;
	*bytes = strtoull(text, &end, 10);
	if (errno || !isdigit(*text) || !*end)
		return false;
	unit = strchr(units, toupper(*end++));
	if (!unit || (*end && strcasecmp(end, "B") && strcasecmp(end, "iB")))
		return false;
	for (; unit >= units; unit--) {
		if (*bytes > ULLONG_MAX / 1024)
			return false;
		*bytes *= 1024;
	}
	return true;
}

/* A line of "key=value ..."; values may have spaces. Before the first key may be other words. */
struct pairs {
	char text[LINE_SIZE];
	const char *head;
	unsigned int nr;
	struct {
		const char *key, *value;
	} pair[32];
};

static bool is_key(const char *word, const char *equals)
{
	return equals > word && strspn(word, "abcdefghijklmnopqrstuvwxyz_-0123456789") ==
				(size_t)(equals - word);
}

static void parse_pairs(const char *line, struct pairs *p)
{
	char *word, *equals, *before = NULL;

	snprintf(p->text, sizeof(p->text), "%s", line);
	p->head = "";
	p->nr = 0;
	for (word = p->text; word; before = word, word = strchr(word, ' ')) {
		if (before) {
			before = word++;
			word += strspn(word, " ");
		}
		equals = word + strcspn(word, " =");
		if (*equals == '=' && is_key(word, equals) && p->nr < ARRAY_SIZE(p->pair)) {
			*equals = '\0';
			if (before)
				*before = '\0';
			p->pair[p->nr].key = word;
			p->pair[p->nr++].value = equals + 1;
			word = equals + 1;
		} else if (!p->nr) {
			p->head = p->text;
		}
	}
}

static const char *get(const struct pairs *p, const char *key)
{
	for (unsigned int i = 0; i < p->nr; i++)
		if (!strcmp(p->pair[i].key, key))
			return p->pair[i].value;
	return NULL;
}

/* 0 where there is no such number. */
static u64 get_number(const struct pairs *p, const char *key)
{
	const char *text = get(p, key);
	u64 n;

	return text && number(text, &n) ? n : 0;
}

/* An error code, positive; 0: none. */
static int get_error(const struct pairs *p)
{
	const char *text = get(p, "err");

	return text ? abs(atoi(text)) : 0;
}

/* ---- JSON -------------------------------------------------------------- */

static unsigned int json_depth;
static bool json_more;

static void json_text(const char *s)
{
	putchar('"');
	for (; *s; s++) {
		if (*s == '"' || *s == '\\')
			printf("\\%c", *s);
		else if ((unsigned char)*s < ' ' || (unsigned char)*s > '~')
			printf("\\u%04x", (unsigned char)*s);
		else
			putchar(*s);
	}
	putchar('"');
}

static void json_key(const char *key)
{
	if (json_depth)
		printf("%s\n%*s", json_more ? "," : "", 3 * json_depth, "");
	json_more = true;
	if (!key)
		return;
	json_text(key);
	fputs(": ", stdout);
}

static void json_open(const char *key, char bracket)
{
	json_key(key);
	putchar(bracket);
	json_depth++;
	json_more = false;
}

static void json_close(char bracket)
{
	json_depth--;
	if (json_more)
		printf("\n%*s", 3 * json_depth, "");
	putchar(bracket);
	json_more = true;
	if (!json_depth)
		putchar('\n');
}

static void json_number(const char *key, u64 n)
{
	json_key(key);
	printf("%llu", n);
}

static void json_string(const char *key, const char *s)
{
	json_key(key);
	if (s)
		json_text(s);
	else
		fputs("null", stdout);
}

static void json_bool(const char *key, bool b)
{
	json_key(key);
	fputs(b ? "true" : "false", stdout);
}

/* NONE is null. */
static void json_id(const char *key, int n)
{
	if (n == NONE)
		json_string(key, NULL);
	else
		json_number(key, n);
}

static void json_pairs(const char *key, const struct pairs *p)
{
	u64 n;

	json_open(key, '{');
	for (unsigned int i = 0; i < p->nr; i++) {
		const char *value = p->pair[i].value;
		bool negative = *value == '-';

		if (!number(value + negative, &n)) {
			json_string(p->pair[i].key, strcmp(value, "none") ? value : NULL);
			continue;
		}
		json_key(p->pair[i].key);
		printf("%s%llu", negative ? "-" : "", n);
	}
	json_close('}');
}

/* ---- Files ------------------------------------------------------------- */

static int open_file(int flags, const char *format, ...)
{
	char path[256];
	va_list args;

	va_start(args, format);
	vsnprintf(path, sizeof(path), format, args);
	va_end(args);
	/* From the root of this machine, or of another. */
	if (!other_root) {
		memmove(path + 1, path, sizeof(path) - 1);
		path[0] = '/';
		path[sizeof(path) - 1] = '\0';
	}
	return openat(root, path, flags | O_CLOEXEC);
}

/* What a file says, at most @size - 1 bytes, as text that no terminal stumbles over. */
static bool read_text(int fd, char *text, size_t size, off_t offset)
{
	ssize_t n;

	n = fd < 0 ? NONE : pread(fd, text, size - 1, offset);
	text[n < 0 ? 0 : n] = '\0';
	for (char *c = text; *c; c++)
		if (!isprint((unsigned char)*c) && *c != '\n')
			*c = '?';
	return n > 0;
}

/* Is it there, and for others to read? */
static bool is_for_root(const char *path, unsigned long nr)
{
	int fd = open_file(O_RDONLY, path, nr);
	bool ret = fd < 0 && (errno == EACCES || errno == EPERM);

	if (fd >= 0) {
		/* The mode allows it, and then who reads is asked for what he may. */
		ret = read(fd, &(char){ 0 }, 1) < 0 && errno == EPERM;
		close(fd);
	}
	return ret;
}

/* All of a file, of any length, without its last newline; NULL where it cannot be read. */
static char *read_all(int fd)
{
	size_t len = 0, size = 0;
	char *text = NULL;
	ssize_t n = 0;

	for (; fd >= 0; len += n) {
		if (len + 1 >= size)
			text = reallocarray(text, 1, size += 65536);
		if (!text)
			err(1, "text");
		n = read(fd, text + len, size - len - 1);
		if (n <= 0)
			break;
	}
	if (fd >= 0)
		close(fd);
	if (!text)
		return NULL;
	if (len && text[len - 1] == '\n')
		len--;
	text[len] = '\0';
	for (char *c = text; *c; c++)
		if (!isprint((unsigned char)*c))
			*c = '?';
	return text;
}

/* The first line of a file; "" and false where it cannot be read. */
#define read_line(line, ...) read_line_of(open_file(O_RDONLY, __VA_ARGS__), line, sizeof(line))

static bool read_line_of(int fd, char *line, size_t size)
{
	bool ret = read_text(fd, line, size, 0);

	line[strcspn(line, "\n")] = '\0';
	if (fd >= 0)
		close(fd);
	return ret;
}

/* ---- How movable ------------------------------------------------------- */

enum { FREE, MOVABLE, UNMOVABLE, PINNED, HUGETLB, POISONED, NR_COUNTS };

static const char * const count_names[] = {
	"free", "movable", "unmovable", "pinned", "hugetlb", "poisoned"
};

/* Who counted, the better the later. */
enum source { NOBODY, ESTIMATE, KERNEL };

struct counts {
	enum source source;
	u64 pages[NR_COUNTS];
	bool blocked;
	u64 blocker;		/* page frame, where there is one */
	char kind[32];		/* of the blocker */
	unsigned int score;	/* 0: cannot go .. 100: nothing to move */
};

static u64 count_all(const struct counts *c)
{
	u64 sum = 0;

	for (int i = 0; i < NR_COUNTS; i++)
		sum += c->pages[i];
	return sum;
}

/* A line of "movability" or "query". */
static bool parse_counts(const char *line, struct counts *c)
{
	struct pairs p;

	parse_pairs(line, &p);
	*c = (struct counts){};
	if (!get(&p, "free") || !get(&p, "movable"))
		return false;
	c->source = KERNEL;
	for (int i = 0; i < NR_COUNTS; i++)
		c->pages[i] = get_number(&p, count_names[i]);
	c->score = get_number(&p, "score");
	c->blocked = get(&p, "blocker") && number(get(&p, "blocker"), &c->blocker);
	snprintf(c->kind, sizeof(c->kind), "%.31s", get(&p, "kind") ?: "none");
	return true;
}

#define KPF(flag)	(1ULL << KPF_##flag)
#define KPF_RESERVED	32	/* not in the header, as it may change */

/* What a page is by its flags: the first that fits. */
static const struct kind {
	u64 flags;
	int count;
	const char *name;	/* of what does not move */
} kinds[] = {
	{ KPF(NOPAGE), NONE, "hole" },
	{ KPF(HWPOISON), POISONED, NULL },
	{ KPF(BUDDY), FREE, NULL },
	{ KPF(HUGE), HUGETLB, NULL },
	{ KPF(SLAB), UNMOVABLE, "slab" },
	{ KPF(PGTABLE), UNMOVABLE, "page-table" },
	{ KPF(ZERO_PAGE) | KPF(RESERVED), UNMOVABLE, "reserved" },
	{ KPF(OFFLINE), MOVABLE, NULL },
	{ KPF(LRU) | KPF(ANON) | KPF(MMAP) | KPF(SWAPBACKED) | KPF(UNEVICTABLE) | KPF(THP),
	  MOVABLE, NULL },
	{ ~0ULL, UNMOVABLE, "kernel" },
};

/* No flags: on a list of a CPU, if the kernel allocates nothing for itself there. */
static const struct kind cached = { 0, FREE, NULL };
static const struct kind unknown = { 0, UNMOVABLE, "kernel" };

static const struct kind *kind_of(u64 flags, bool movable_zone)
{
	const struct kind *kind = kinds;

	if (!flags)
		return movable_zone ? &cached : &unknown;
	while (!(kind->flags & flags))
		kind++;
	return kind;
}

static void estimate_page(struct counts *c, const struct kind *kind, u64 pfn, u64 weight)
{
	if (kind->count != NONE)
		c->pages[kind->count] += weight;
	if (!kind->name || c->blocked)
		return;
	c->blocked = true;
	c->blocker = pfn;
	snprintf(c->kind, sizeof(c->kind), "%s", kind->name);
}

/* Page frames [@pfn, @end) by /proc/kpageflags; of @every chunks only one is looked at. */
static bool estimate(u64 pfn, u64 end, bool movable_zone, unsigned int every, struct counts *c)
{
	static int fd = NONE;
	uint64_t flags[4096];
	u64 all;

	*c = (struct counts){ .source = ESTIMATE, .kind = "none" };
	if (fd < 0)
		fd = open_file(O_RDONLY, "proc/kpageflags");
	for (; pfn < end; pfn += ARRAY_SIZE(flags) * every) {
		u64 want = end - pfn < ARRAY_SIZE(flags) ? end - pfn : ARRAY_SIZE(flags);
		ssize_t got = pread(fd, flags, want * sizeof(flags[0]), pfn * sizeof(flags[0]));

		if (got < (ssize_t)sizeof(flags[0]))
			return false;
		for (u64 i = 0; i < got / sizeof(flags[0]); i++)
			estimate_page(c, kind_of(flags[i], movable_zone), pfn + i, every);
	}
	all = count_all(c);
	c->score = c->blocked ? 0 : all ? 1 + 99 * c->pages[FREE] / all : 100;
	return true;
}

/* ---- Blocks ------------------------------------------------------------ */

struct block {
	unsigned long nr;
	int node, group;	/* NONE: several or unknown; of no group */
	char state[20];
	char zones[64];		/* online: its zone; offline: those it can have */
	bool removable;
	struct counts counts;
	/* Of a request: */
	enum { UNTOUCHED, CHANGED, FAILED, TAKEN_BACK, STUCK } outcome;
	char reason[128];
};

static struct block *blocks;
static unsigned int nr_blocks;
static u64 block_size;

static bool is(const struct block *b, const char *state)
{
	return !strcmp(b->state, state);
}

/* Memory that is in use, or could be. */
static bool is_up(const struct block *b)
{
	return !is(b, "offline") && !is(b, "lost");
}

static bool is_movable(const struct block *b)
{
	return !strcmp(b->zones, "Movable");
}

static u64 first_pfn(const struct block *b)
{
	return b->nr * (block_size / page_size);
}

/* The number after @prefix, if that is all of @name. */
static bool numbered(const char *name, const char *prefix, u64 *n)
{
	size_t len = strlen(prefix);

	return !strncmp(name, prefix, len) && isdigit(name[len]) && number(name + len, n);
}

/* The node of a block; NONE if it is not exactly one. */
static int find_node(unsigned long nr)
{
	int node = NONE, found = 0, fd = open_file(O_RDONLY | O_DIRECTORY, MEMORY "/memory%lu", nr);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	u64 n;

	while (dir && (entry = readdir(dir))) {
		if (numbered(entry->d_name, "node", &n) && n <= INT_MAX) {
			node = n;
			found++;
		}
	}
	if (dir)
		closedir(dir);
	return found == 1 ? node : NONE;
}

static bool look_at_state(struct block *b)
{
	char line[LINE_SIZE];
	bool ret = read_line(line, MEMORY "/memory%lu/state", b->nr);

	snprintf(b->state, sizeof(b->state), "%.19s", line);
	return ret;
}

/* False if the block has just gone. */
static bool look_at(struct block *b)
{
	char line[LINE_SIZE];
	u64 n;

	if (!look_at_state(b))
		return false;
	read_line(line, MEMORY "/memory%lu/valid_zones", b->nr);
	snprintf(b->zones, sizeof(b->zones), "%.63s", line);
	/* Only what says 0 is not. */
	b->removable = !read_line(line, MEMORY "/memory%lu/removable", b->nr) || strcmp(line, "0");
	read_line(line, MEMORY "/memory%lu/group", b->nr);
	b->group = number(line, &n) && n <= INT_MAX ? (int)n : NONE;
	b->node = find_node(b->nr);
	return true;
}

static int by_number(const void *a, const void *b)
{
	const struct block *x = a, *y = b;

	return (x->nr > y->nr) - (x->nr < y->nr);
}

static void find_blocks(void)
{
	int fd = open_file(O_RDONLY | O_DIRECTORY, MEMORY);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	char line[LINE_SIZE];
	u64 n;

	if (!dir)
		errx(1, "no /" MEMORY ": no memory hotplug in this kernel, or no sysfs");
	read_line(line, MEMORY "/block_size_bytes");
	block_size = strtoull(line, NULL, 16);
	if (block_size < page_size || block_size & (block_size - 1))
		errx(1, "/" MEMORY "/block_size_bytes: '%s' is no size of blocks", line);

	while ((entry = readdir(dir))) {
		if (!numbered(entry->d_name, "memory", &n) || n > ULLONG_MAX / block_size - 1)
			continue;
		blocks = reallocarray(blocks, nr_blocks + 1, sizeof(*blocks));
		if (!blocks)
			err(1, "memory blocks");
		blocks[nr_blocks] = (struct block){ .nr = n };
		nr_blocks += look_at(&blocks[nr_blocks]);
	}
	closedir(dir);
	if (!nr_blocks)
		errx(1, "/" MEMORY " has no blocks");
	qsort(blocks, nr_blocks, sizeof(*blocks), by_number);
}

static struct block *find_block(unsigned long nr)
{
	struct block key = { .nr = nr };

	return bsearch(&key, blocks, nr_blocks, sizeof(key), by_number);
}

/* Fills in @b->counts as well as can be. */
static void count(struct block *b, unsigned int every)
{
	char line[LINE_SIZE];

	if (read_line(line, MEMORY "/memory%lu/movability", b->nr) &&
	    parse_counts(line, &b->counts))
		return;
	b->counts = (struct counts){ .source = ESTIMATE, .kind = "none", .score = 100 };
	if (is_up(b) && !estimate(first_pfn(b), first_pfn(b) + block_size / page_size,
				  is_movable(b), every, &b->counts))
		b->counts.source = NOBODY;
	if (is(b, "online") && !strcmp(b->zones, "none")) {
		b->counts.score = 0;
		b->counts.blocked = false;
		snprintf(b->counts.kind, sizeof(b->counts.kind), "multi-zone");
	}
}

/* All blocks. To look at each page of some TiB would take minutes. */
static void count_blocks(void)
{
	u64 pages = nr_blocks * (block_size / page_size);

	for (unsigned int i = 0; i < nr_blocks; i++)
		count(&blocks[i], 1 + (pages >> 27));
}

static void add_counts(struct counts *sum, const struct counts *c)
{
	for (int i = 0; i < NR_COUNTS; i++)
		sum->pages[i] += c->pages[i];
	if (c->source < sum->source)
		sum->source = c->source;
	/* The first one in the way. */
	if (sum->score && !c->score) {
		sum->blocked = c->blocked;
		sum->blocker = c->blocker;
		memcpy(sum->kind, c->kind, sizeof(sum->kind));
	}
	/* As hard as its hardest part. */
	if (c->score < sum->score)
		sum->score = c->score;
}

/* ---- Ranges ------------------------------------------------------------ */

/* Neighbours among all blocks, or where @scattered, any of them. */
struct range {
	unsigned int nr;
	bool scattered;
	struct block **blocks;
};

static void take(struct range *r, struct block *b)
{
	if (r->nr && r->blocks[r->nr - 1]->nr + 1 != b->nr)
		r->scattered = true;
	r->blocks = reallocarray(r->blocks, r->nr + 1, sizeof(*r->blocks));
	if (!r->blocks)
		err(1, "range");
	r->blocks[r->nr++] = b;
}

static void take_group(struct range *r, u64 group)
{
	for (unsigned int i = 0; i < nr_blocks; i++)
		if (blocks[i].group >= 0 && (u64)blocks[i].group == group)
			take(r, &blocks[i]);
	if (!r->nr)
		errx(1, "no blocks are of group %llu: 'memhp groups' shows which there are", group);
}

static void take_blocks(struct range *r, const char *text, u64 first, u64 last)
{
	if (first > last)
		errx(1, "%s ends before it begins", text);
	/* Not number by number: there are more numbers than blocks. */
	for (unsigned int i = 0; i < nr_blocks; i++)
		if (blocks[i].nr >= first && blocks[i].nr <= last)
			take(r, &blocks[i]);
	if (!r->nr)
		errx(1, "%s: there is no such block, 'memhp map' shows which there are", text);
	if (r->nr != last - first + 1)
		errx(1, "%s: of these %llu blocks only %u exist, 'memhp map' shows which", text,
		     last - first + 1, r->nr);
}

/* Addresses, the last as lsmem prints it (included) or the beginning of the next block. */
static void take_addresses(struct range *r, const char *text, u64 first, u64 last)
{
	if (last && last % block_size == 0)
		last--;
	if (first % block_size || (last + 1) % block_size)
		errx(1, "%s is not of whole blocks: those which it touches are %llu-%llu", text,
		     first / block_size, last / block_size);
	take_blocks(r, text, first / block_size, last / block_size);
}

/* 12, 12-15, memory12, 0xADDRESS, 0xADDRESS-0xADDRESS, group3. Exits where it is none. */
static struct range parse_range(const char *text)
{
	bool addresses = !strncasecmp(text, "0x", 2);
	char *copy = strdup(text), *dash;
	struct range r = {};
	u64 first, last;

	if (!copy)
		err(1, "range");
	dash = strchr(copy, '-');
	if (dash)
		*dash++ = '\0';

	if (!dash && numbered(copy, "group", &first))
		take_group(&r, first);
	else if (!dash && numbered(copy, "memory", &first))
		take_blocks(&r, text, first, first);
	else if (!number(copy, &first) || (dash && !number(dash, &last)))
		errx(1, "'%s' is no range: try 12, 12-15, memory12, 0x0-0x7ffffff, group3", text);
	else if (!dash)
		take_blocks(&r, text, addresses ? first / block_size : first,
			    addresses ? first / block_size : first);
	else if (addresses)
		take_addresses(&r, text, first, last);
	else
		take_blocks(&r, text, first, last);
	free(copy);
	return r;
}

/* ---- map --------------------------------------------------------------- */

#define GREEN		"\033[32m"
#define YELLOW		"\033[33m"
#define RED		"\033[31m"
#define DIM		"\033[2m"
#define BOLD		"\033[1m"
#define PLAIN		"\033[0m"

static const char *paint(const char *how)
{
	return opt.color ? how : "";
}

static unsigned int terminal_width(int fd)
{
	const char *columns = getenv("COLUMNS");
	struct winsize size;
	u64 n;

	if (!ioctl(fd, TIOCGWINSZ, &size) && size.ws_col)
		return size.ws_col;
	return columns && number(columns, &n) && n && n < 10000 ? n : 80;
}

/* How a block is drawn: one column. */
struct cell {
	const char *glyph, *color;
};

static unsigned int tenths_used(const struct counts *c, unsigned int of)
{
	u64 all = count_all(c), used = all - c->pages[FREE];

	/* The last is for what is full, or nearly. */
	return all ? used * of / (all + 1) : 0;
}

static struct cell draw_block(const struct block *b)
{
	static const char digits[][2] = { "0", "1", "2", "3", "4", "5", "6", "7", "8", "9" };
	static const char bars[][4] = { "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█" };
	const struct counts *c = &b->counts;
	struct cell cell = { "?", GREEN };

	if (is(b, "offline"))
		return (struct cell){ ".", DIM };
	if (is(b, "lost"))
		return (struct cell){ "!", RED };
	if (is(b, "going-offline"))
		return (struct cell){ "<", BOLD };
	if (is(b, "going-online"))
		return (struct cell){ ">", BOLD };
	if (c->source != NOBODY)
		cell.glyph = utf8 ? bars[tenths_used(c, ARRAY_SIZE(bars))] :
			     digits[tenths_used(c, ARRAY_SIZE(digits))];
	if (c->source == NOBODY ? b->removable && strcmp(b->zones, "none") : c->score > 0)
		return cell;
	if (c->pages[PINNED] && !c->pages[UNMOVABLE])
		return (struct cell){ opt.color ? cell.glyph : "P", YELLOW };
	return (struct cell){ opt.color ? cell.glyph : "X", RED };
}

#define INDENT		48	/* of the cells */
#define FOLD		8	/* so many equal ones become one and their number */

static void draw_cells(struct block **run, unsigned int nr, unsigned int width)
{
	unsigned int same, used = 0, room = width > INDENT + 10 ? width - INDENT : 10;
	bool fold = nr > room;
	const char *color = "";

	for (unsigned int i = 0; i < nr; i += same) {
		struct cell next, cell = draw_block(run[i]);
		char number[16] = "";
		unsigned int len = 1;

		for (same = 1; fold && i + same < nr; same++) {
			next = draw_block(run[i + same]);
			if (strcmp(next.glyph, cell.glyph) || next.color != cell.color)
				break;
		}
		if (same < FOLD)
			same = 1;
		else
			len += snprintf(number, sizeof(number), "*%u ", same);
		if (used && used + len > room) {
			printf("%s\n%*s", paint(PLAIN), INDENT, "");
			used = 0;
			color = "";
		}
		if (cell.color != color)
			printf("%s%s", paint(PLAIN), paint(cell.color));
		color = cell.color;
		printf("%s%s", cell.glyph, number);
		used += len;
	}
	printf("%s\n", paint(PLAIN));
}

static struct counts sum_counts(struct block **run, unsigned int nr)
{
	struct counts sum = { .source = KERNEL, .kind = "none", .score = 100 };

	for (unsigned int i = 0; i < nr; i++)
		add_counts(&sum, &run[i]->counts);
	return sum;
}

/* Neighbours of the same zone and state: one line, or more. */
static void draw_run(struct block **run, unsigned int nr, unsigned int width)
{
	const struct counts sum = sum_counts(run, nr);
	char text[48], zones[sizeof(run[0]->zones)], full[8] = "-";
	u64 all = count_all(&sum);

	if (nr == 1)
		snprintf(text, sizeof(text), "%lu", run[0]->nr);
	else
		snprintf(text, sizeof(text), "%lu-%lu", run[0]->nr, run[nr - 1]->nr);
	memcpy(zones, run[0]->zones, sizeof(zones));
	for (char *c = zones; *c; c++)
		if (*c == ' ')
			*c = '/';
	if (sum.source != NOBODY && all)
		snprintf(full, sizeof(full), "%llu%%", (all - sum.pages[FREE]) * 100 / all);
	printf("  %-11s %-14s %-13s %4s ", text, *zones ? zones : "-", run[0]->state, full);
	draw_cells(run, nr, width);
}

static int by_node(const void *a, const void *b)
{
	const struct block *x = *(struct block **)a, *y = *(struct block **)b;

	return x->node != y->node ? (x->node > y->node) - (x->node < y->node) : by_number(x, y);
}

static void draw_heading(struct block **run, unsigned int nr)
{
	unsigned int online = 0;

	for (unsigned int i = 0; i < nr; i++)
		online += is_up(run[i]);
	printf("%s", paint(BOLD));
	if (run[0]->node == NONE)
		printf("No single node");
	else
		printf("Node %d", run[0]->node);
	printf("%s: ", paint(PLAIN));
	if (online < nr)
		printf("%s of ", human(online * block_size));
	printf("%s online\n", human(nr * block_size));
}

static bool same_run(const struct block *a, const struct block *b)
{
	return a->node == b->node && a->nr + 1 == b->nr && !strcmp(a->state, b->state) &&
	       !strcmp(a->zones, b->zones);
}

/* Of so many blocks, from the first one on, @same holds for neighbours. */
static unsigned int run_length(struct block **run, unsigned int nr,
			       bool (*same)(const struct block *a, const struct block *b))
{
	unsigned int len = 1;

	while (len < nr && same(run[len - 1], run[len]))
		len++;
	return len;
}

static bool same_node(const struct block *a, const struct block *b)
{
	return a->node == b->node;
}

static void draw_legend(enum source source)
{
	if (source == NOBODY)
		printf("\n? how full is not known");
	else
		printf("\n%s how full", utf8 ? "▁▂▃▄▅▆▇█" : "0..9");
	if (opt.color)
		printf("  %scan go%s  %sheld%s  %scannot go%s", GREEN, PLAIN, YELLOW, PLAIN, RED,
		       PLAIN);
	else
		printf("  X cannot go  P held");
	printf("  . offline  < > on its way  ! lost\nBlocks of %s.%s\n", human(block_size),
	       source == KERNEL ? "" : source == NOBODY ? " Root can see more." :
	       " The kernel does not tell more: the rest is an estimate.");
}

static void draw_map(void)
{
	struct block **all = calloc(nr_blocks, sizeof(*all));
	unsigned int width = terminal_width(STDOUT_FILENO), i, n, len;

	if (!all)
		err(1, "map");
	for (i = 0; i < nr_blocks; i++)
		all[i] = &blocks[i];
	qsort(all, nr_blocks, sizeof(*all), by_node);
	printf("  %-11s %-14s %-13s %4s %s\n", "BLOCKS", "ZONE", "STATE", "FULL", "MAP");
	for (i = 0; i < nr_blocks; i += n) {
		n = run_length(all + i, nr_blocks - i, same_node);
		draw_heading(all + i, n);
		for (unsigned int j = 0; j < n; j += len) {
			len = run_length(all + i + j, n - j, same_run);
			draw_run(all + i + j, len, width);
		}
	}
	draw_legend(sum_counts(all, nr_blocks).source);
	free(all);
}

static void json_counts(const struct counts *c)
{
	static const char * const sources[] = { NULL, "estimate", "kernel" };

	json_string("source", sources[c->source]);
	if (c->source == NOBODY)
		return;
	for (int i = 0; i < NR_COUNTS; i++)
		json_number(count_names[i], c->pages[i]);
	if (c->blocked)
		json_number("blocker", c->blocker);
	else
		json_string("blocker", NULL);
	json_string("kind", strcmp(c->kind, "none") ? c->kind : NULL);
	json_number("score", c->score);
}

static void json_block(const struct block *b)
{
	json_number("block", b->nr);
	json_number("start", b->nr * block_size);
	json_number("size", block_size);
	json_string("state", b->state);
	json_string("zones", b->zones);
	json_id("node", b->node);
	json_id("group", b->group);
	json_bool("removable", b->removable);
}

static int run_map(const char *arg)
{
	(void)arg;
	count_blocks();
	if (!opt.json) {
		draw_map();
		return 0;
	}
	json_open(NULL, '{');
	json_number("page_size", page_size);
	json_number("block_size", block_size);
	json_open("blocks", '[');
	for (unsigned int i = 0; i < nr_blocks; i++) {
		json_open(NULL, '{');
		json_block(&blocks[i]);
		json_counts(&blocks[i].counts);
		json_close('}');
	}
	json_close(']');
	json_close('}');
	return 0;
}

/* ---- why --------------------------------------------------------------- */

/* By the first word of a reason or kind: what it means, what to do. */
static const struct advice {
	const char *word, *cause, *todo;
} advices[] = {
	{ "pinned", "something holds the page for long: I/O of a device, a pipe, a debugger",
	  "End what does, then try again." },
	{ "unmovable", "the kernel itself uses the page, and cannot move it",
	  "Free it, or keep the kernel out for good: 'memhp online --movable'." },
	{ "kernel", "the kernel itself uses the page, and cannot move it",
	  "Free it, or keep the kernel out for good: 'memhp online --movable'." },
	{ "slab", "caches of the kernel do not move",
	  "Try 'echo 2 >/proc/sys/vm/drop_caches'; for good: 'memhp online --movable'." },
	{ "page-table", "page tables do not move",
	  "They go with their program; for good: 'memhp online --movable'." },
	{ "reserved", "what is reserved at boot or by a driver never moves",
	  "Choose another block." },
	{ "hole", "a block with holes never goes offline", "Choose another block." },
	{ "holes", "a block with holes never goes offline", "Choose another block." },
	{ "multi-zone", "a block with pages of several zones or nodes never goes offline",
	  "Choose another block." },
	{ "hugetlb", "a huge page can neither move nor be dissolved",
	  "Reserve one of its size elsewhere, or shrink the pool: /sys/kernel/mm/hugepages." },
	{ "no-target", "there is no memory to move the pages to",
	  "Free some, or take less offline." },
	{ "no-room", "too little memory would be left", "Free some, or take less offline." },
	{ "kexec", "a kernel that kexec has loaded is to lie there",
	  "Unload it: kexec -u. Load it again afterwards." },
	{ "notifier", "a subsystem or driver refused; the kernel log names it",
	  "Make it let go of the block." },
	{ "busy", "another request works on the block", "Wait for it, then try again." },
	{ "isolate-race", "somebody else moves pages of the block (CMA, huge pages)",
	  "Try again." },
	{ "disabled", "the device does not allow it", "Choose another block." },
	{ "signal", "who asked was interrupted", "Try again." },
	{ "cancelled", "the request was taken back", "Try again." },
	{ "sleep", "the system suspends or hibernates", "Try again afterwards." },
	{ "deadline", "it took longer than allowed",
	  "Allow more: --timeout, or the parameter memory_hotplug.offline_timeout_ms." },
	{ "hwpoison", "the block has broken pages", "Leave it offline." },
	{ "ejecting", "the device of the block is being ejected",
	  "Wait for its end: eject_status of the device tells." },
	{ "dependency", "a device that goes with it is in use", "Take that offline first." },
	{ "firmware", "the firmware did not eject the device", "Ask the hypervisor or vendor." },
	{ "lost", "the memory has gone while it was in use", "Nothing of it can be saved." },
	{ "nomem", "the kernel had no memory for the bookkeeping", "Free some, then try again." },
};

static const struct advice *advice_for(const char *word)
{
	size_t len;

	if (!word)
		return NULL;
	len = strcspn(word, ":");
	for (unsigned int i = 0; i < ARRAY_SIZE(advices); i++)
		if (strlen(advices[i].word) == len && !strncmp(word, advices[i].word, len))
			return &advices[i];
	return NULL;
}

/* How the last request of a block ended. */
enum ending { NOT_TOLD, NOT_TO_US, WELL, BADLY };

static enum ending last_request(const struct block *b, struct pairs *p)
{
	char line[LINE_SIZE];

	p->nr = 0;
	if (is_for_root(MEMORY "/memory%lu/last_error", b->nr))
		return NOT_TO_US;
	if (!read_line(line, MEMORY "/memory%lu/last_error", b->nr))
		return NOT_TOLD;
	parse_pairs(line, p);
	return p->nr ? BADLY : WELL;
}

static const struct {
	int bit;
	const char *name;
} flag_names[] = {
	{ KPF_LOCKED, "locked" }, { KPF_REFERENCED, "referenced" }, { KPF_UPTODATE, "uptodate" },
	{ KPF_DIRTY, "dirty" }, { KPF_LRU, "lru" }, { KPF_ACTIVE, "active" }, { KPF_SLAB, "slab" },
	{ KPF_WRITEBACK, "writeback" }, { KPF_RECLAIM, "reclaim" }, { KPF_BUDDY, "buddy" },
	{ KPF_MMAP, "mmap" }, { KPF_ANON, "anon" }, { KPF_SWAPCACHE, "swapcache" },
	{ KPF_SWAPBACKED, "swapbacked" }, { KPF_COMPOUND_HEAD, "head" },
	{ KPF_COMPOUND_TAIL, "tail" }, { KPF_HUGE, "huge" }, { KPF_UNEVICTABLE, "unevictable" },
	{ KPF_HWPOISON, "hwpoison" }, { KPF_NOPAGE, "nopage" }, { KPF_KSM, "ksm" },
	{ KPF_THP, "thp" }, { KPF_OFFLINE, "offline" }, { KPF_ZERO_PAGE, "zero" },
	{ KPF_IDLE, "idle" }, { KPF_PGTABLE, "pgtable" }, { KPF_RESERVED, "reserved" },
};

/* What is known of one page. */
struct page {
	bool known;		/* @flags and @mapped */
	bool owners;		/* page_owner is on */
	u64 flags, mapped;
	char flag_text[512];
	char owner[LINE_SIZE];	/* as page_owner has it, else "" */
};

static bool read_u64(const char *path, u64 index, u64 *value)
{
	int fd = open_file(O_RDONLY, "%s", path);
	uint64_t entry = 0;
	bool ret = fd >= 0 && pread(fd, &entry, sizeof(entry), index * sizeof(entry)) ==
			      sizeof(entry);

	if (fd >= 0)
		close(fd);
	*value = entry;
	return ret;
}

/* The record of the allocation which the page is part of: the file's offsets are page frames. */
static void read_owner(u64 pfn, struct page *page)
{
	int fd = open_file(O_RDONLY, PAGE_OWNER);
	u64 first, found, last = ULLONG_MAX;
	unsigned int order;
	const char *text;

	for (int i = 0; i <= 10; i++) {
		first = pfn >> i << i;
		if (first == last)
			continue;
		last = first;
		if (!first || !read_text(fd, page->owner, sizeof(page->owner), first))
			break;
		page->owners = true;
		text = strstr(page->owner, "\nPFN ");
		if (text && sscanf(text, "\nPFN %llx", &found) == 1 && found == first &&
		    sscanf(page->owner, "Page allocated via order %u", &order) == 1 &&
		    order < 64 && pfn - first < 1ULL << order)
			goto out;
	}
	page->owner[0] = '\0';
out:
	if (fd >= 0)
		close(fd);
}

static struct page look_at_page(u64 pfn)
{
	struct page page = {};
	size_t len = 0;

	page.known = read_u64("proc/kpageflags", pfn, &page.flags);
	read_u64("proc/kpagecount", pfn, &page.mapped);
	for (unsigned int i = 0; i < ARRAY_SIZE(flag_names); i++)
		if (page.flags >> flag_names[i].bit & 1)
			len += snprintf(page.flag_text + len, sizeof(page.flag_text) - len, "%s%s",
					len ? "," : "", flag_names[i].name);
	read_owner(pfn, &page);
	return page;
}

#define LABEL		"%-10s"

static void print_if(const char *before, const char *value)
{
	if (value && strcmp(value, "none"))
		printf("%s%s", before, value);
}

/* Keys that the sentence has; others are shown as they are. */
static void print_failure(const struct pairs *p)
{
	static const char * const said[] = { "verb", "err", "reason", "pfn", "step", "passes",
					     "left", "ms" };
	int error = get_error(p);
	unsigned int i, j;

	printf(LABEL "%s failed", "last", get(p, "verb") ?: "request");
	if (error)
		printf(" (%s)", strerror(error));
	print_if(": ", get(p, "reason"));
	print_if(" at page frame ", get(p, "pfn"));
	print_if(", step ", get(p, "step"));
	if (get(p, "passes"))
		printf(", %llu passes", get_number(p, "passes"));
	if (get(p, "left"))
		printf(", %llu left", get_number(p, "left"));
	if (get(p, "ms"))
		printf(", after %.1f s", get_number(p, "ms") / 1000.0);
	putchar('\n');
	for (i = 0; i < p->nr; i++) {
		for (j = 0; j < ARRAY_SIZE(said) && strcmp(said[j], p->pair[i].key); j++)
			;
		if (j == ARRAY_SIZE(said))
			printf(LABEL "%s=%s\n", "", p->pair[i].key, p->pair[i].value);
	}
}

/* @for_root: the kernel would tell, but not us. */
static void print_counts(const struct counts *c, bool for_root)
{
	if (c->source == NOBODY) {
		printf(LABEL "%s\n", "pages", for_root ? "only root can see what they are" :
		       "this kernel does not tell; as root they can be estimated");
		return;
	}
	for (int i = 0; i < NR_COUNTS; i++)
		printf(LABEL "%10llu %-9s %7s\n", i ? "" : "pages", c->pages[i], count_names[i],
		       human(c->pages[i] * page_size));
	printf(LABEL "%u of 100%s\n", "score", c->score, c->source == ESTIMATE ?
	       ", an estimate by the flags of pages: they do not tell who is pinned" : "");
}

static void print_page(const char *label, u64 pfn, const char *kind, const struct page *page)
{
	const char *line = page->owner;
	int len;

	printf(LABEL "page frame %#llx", label, pfn);
	if (kind)
		printf(", %s", kind);
	putchar('\n');
	if (page->known)
		printf(LABEL "flags %s, mapped %llu times\n", "",
		       *page->flag_text ? page->flag_text : "none", page->mapped);
	for (; *line; line += len + !!line[len]) {
		len = strcspn(line, "\n");
		if (len)
			printf(LABEL "%.*s\n", "", len, line);
	}
	if (!*page->owner)
		printf(LABEL "%s\n", "", page->owners ?
		       "nobody is known to have allocated it" :
		       "who allocated it is not recorded (boot option page_owner=on)");
}

/* What the reader is to do. @cause is what is known about why, or NULL. */
static const char *block_advice(const struct block *b, enum ending last, const struct advice *cause)
{
	if (is(b, "lost"))
		return "Its memory has gone: nothing of it can be saved.";
	if (is(b, "going-offline") || is(b, "going-online"))
		return "It is on its way: look again.";
	if (cause)
		return cause->todo;
	if (is(b, "offline"))
		return "It is offline: 'memhp online' brings it back.";
	if ((b->counts.source != NOBODY && !b->counts.score) || !b->removable)
		return "Something in it does not move: choose another block.";
	if (last == NOT_TOLD)
		return "Nothing is known to be in its way. If an offline fails, 'dmesg' may tell.";
	if (last == NOT_TO_US)
		return "Nothing is known to be in its way; root can see more.";
	if (last == BADLY)
		return "Nothing is known to be in its way now: try again.";
	return "Nothing is in its way: 'memhp offline' should work.";
}

static const struct advice *find_cause(const struct block *b, const struct pairs *p)
{
	const struct advice *cause = advice_for(get(p, "reason"));

	if (cause || is(b, "offline") || b->counts.source == NOBODY || b->counts.score)
		return cause;
	return advice_for(b->counts.kind);
}

/* The page to look at: what stopped the last request, else what would stop the next. */
static bool find_culprit(const struct block *b, const struct pairs *p, u64 *pfn, const char **kind)
{
	u64 first = first_pfn(b);

	*kind = get(p, "reason");
	if (get(p, "pfn") && number(get(p, "pfn"), pfn) && *pfn >= first &&
	    *pfn < first + block_size / page_size)
		return true;
	*kind = b->counts.kind;
	*pfn = b->counts.blocker;
	return b->counts.blocked;
}

static void print_block(const struct block *b)
{
	char line[LINE_SIZE];

	printf(LABEL "memory%lu, %#llx-%#llx, %s", "block", b->nr, b->nr * block_size,
	       b->nr * block_size + block_size - 1, human(block_size));
	if (b->node != NONE)
		printf(", node %d", b->node);
	if (b->group != NONE)
		printf(", group %d", b->group);
	printf("\n" LABEL "%s", "state", b->state);
	if (*b->zones)
		printf("%s%s", is(b, "offline") ? ", can be in " : " in ", b->zones);
	if (read_line(line, MEMORY "/memory%lu/progress", b->nr) && strcmp(line, "none"))
		printf(", %s", line);
	putchar('\n');
}

static void json_page(u64 pfn, const char *kind, const struct page *page)
{
	json_open("page", '{');
	json_number("pfn", pfn);
	json_string("kind", kind);
	json_string("flags", page->known ? page->flag_text : NULL);
	if (page->known)
		json_number("mapped", page->mapped);
	json_string("owner", *page->owner ? page->owner : NULL);
	json_close('}');
}

static int run_why(const char *arg)
{
	struct range r = parse_range(arg);
	struct block *b = r.blocks[0];
	struct page page = {};
	const struct advice *cause;
	const char *kind, *todo;
	enum ending last;
	struct pairs p;
	bool culprit;
	u64 pfn;

	if (r.nr > 1)
		errx(1, "%s is more than one block: 'memhp query' tells about those", arg);
	count(b, 1);
	last = last_request(b, &p);
	culprit = find_culprit(b, &p, &pfn, &kind);
	if (culprit)
		page = look_at_page(pfn);
	cause = find_cause(b, &p);
	todo = block_advice(b, last, cause);
	free(r.blocks);

	if (opt.json) {
		json_open(NULL, '{');
		json_block(b);
		json_counts(&b->counts);
		if (last == BADLY)
			json_pairs("last_error", &p);
		else
			json_string("last_error", NULL);
		if (culprit)
			json_page(pfn, kind, &page);
		else
			json_string("page", NULL);
		json_string("cause", cause ? cause->cause : NULL);
		json_string("advice", todo);
		json_close('}');
		return 0;
	}
	print_block(b);
	if (last == BADLY)
		print_failure(&p);
	else
		printf(LABEL "%s\n", "last", last == WELL ? "no request has failed since" :
		       last == NOT_TO_US ? "only root can see how the last request ended" :
		       "this kernel does not keep how requests ended");
	print_counts(&b->counts, last == NOT_TO_US);
	if (culprit)
		print_page("blocker", pfn, kind, &page);
	if (cause)
		printf(LABEL "%s\n", "cause", cause->cause);
	printf(LABEL "%s\n", "advice", todo);
	return 0;
}

/* ---- query ------------------------------------------------------------- */

/* The kernel's answer for the range as a whole; false if it has none. */
static bool ask_kernel(const struct range *r, struct counts *c)
{
	int fd = open_file(O_RDWR, MEMORY "/query");
	char line[LINE_SIZE];
	bool ret;

	if (fd < 0 || other_root || r->scattered) {
		if (fd >= 0)
			close(fd);
		return false;
	}
	/* The answer is one for all who ask: one at a time. */
	flock(fd, LOCK_EX);
	snprintf(line, sizeof(line), "%lu-%lu", r->blocks[0]->nr, r->blocks[r->nr - 1]->nr);
	ret = write(fd, line, strlen(line)) > 0;
	return read_line_of(fd, line, sizeof(line)) && ret && parse_counts(line, c);
}

static struct counts ask(const struct range *r)
{
	struct counts c;

	if (ask_kernel(r, &c))
		return c;
	for (unsigned int i = 0; i < r->nr; i++)
		count(r->blocks[i], 1);
	return sum_counts(r->blocks, r->nr);
}

static int run_query(const char *arg)
{
	struct range r = parse_range(arg);
	const struct counts c = ask(&r);
	const char *verdict = c.source == NOBODY ? "unknown" : c.score ? "yes" : "no";
	u64 start = r.blocks[0]->nr * block_size, end = (r.blocks[r.nr - 1]->nr + 1) * block_size;
	struct page page = {};
	unsigned int online = 0;

	for (unsigned int i = 0; i < r.nr; i++)
		online += is_up(r.blocks[i]);
	free(r.blocks);
	if (c.blocked)
		page = look_at_page(c.blocker);

	if (opt.json) {
		json_open(NULL, '{');
		json_number("start", start);
		json_number("end", end);
		json_number("blocks", r.nr);
		json_number("online", online);
		json_string("can_go", verdict);
		json_counts(&c);
		if (c.blocked)
			json_page(c.blocker, c.kind, &page);
		else
			json_string("page", NULL);
		json_close('}');
		return !c.score;
	}
	printf(LABEL "%u block%s%s, %#llx-%#llx, %s, %s online\n", "range", r.nr,
	       r.nr > 1 ? "s" : "", r.scattered ? " within" : "", start, end - 1,
	       human(r.nr * block_size), human(online * block_size));
	printf(LABEL "%s", "can go", verdict);
	if (c.score && c.source != NOBODY)
		printf(": %s to move", human((c.pages[MOVABLE] + c.pages[HUGETLB]) * page_size));
	else if (strcmp(c.kind, "none"))
		printf(": %s", c.kind);
	putchar('\n');
	print_counts(&c, is_for_root(MEMORY "/query", 0));
	if (c.blocked) {
		printf(LABEL "memory%llu\n", "blocker", c.blocker / (block_size / page_size));
		print_page("", c.blocker, c.kind, &page);
	}
	return !c.score;
}

/* ---- groups ------------------------------------------------------------ */

static const char * const group_files[] = { "type", "node", "blocks", "zones", "owner" };

static void show_group(u64 group)
{
	const char *values[ARRAY_SIZE(group_files)];
	char *texts[ARRAY_SIZE(group_files)];
	unsigned int all = 0, online = 0, i;

	/* The list of blocks may be longer than a page. */
	for (i = 0; i < ARRAY_SIZE(group_files); i++) {
		texts[i] = read_all(open_file(O_RDONLY, MEMORY "/groups/%llu/%s", group,
					      group_files[i]));
		values[i] = texts[i] ?: "";
	}
	for (i = 0; i < nr_blocks; i++) {
		if (blocks[i].group < 0 || (u64)blocks[i].group != group)
			continue;
		all++;
		online += is_up(&blocks[i]);
	}

	if (!opt.json) {
		printf("%5llu %-8s %4s %7s %7s  %-14s %-16s %s\n", group, values[0], values[1],
		       human(all * block_size), human(online * block_size), values[3], values[4],
		       values[2]);
		goto out;
	}
	json_open(NULL, '{');
	json_number("group", group);
	for (i = 0; i < ARRAY_SIZE(group_files); i++) {
		u64 n;

		if (number(values[i], &n))
			json_number(group_files[i], n);
		else
			json_string(group_files[i], *values[i] ? values[i] : NULL);
	}
	json_number("size", all * block_size);
	json_number("online_size", online * block_size);
	json_close('}');
out:
	for (i = 0; i < ARRAY_SIZE(group_files); i++)
		free(texts[i]);
}

static int run_groups(const char *arg)
{
	int fd = open_file(O_RDONLY | O_DIRECTORY, MEMORY "/groups");
	struct dirent **entries = NULL;
	int nr;
	u64 n;

	(void)arg;
	nr = fd < 0 ? NONE : scandirat(fd, ".", &entries, NULL, versionsort);
	if (nr < 0)
		errx(1, "this kernel does not show groups of memory blocks");
	close(fd);

	if (opt.json) {
		json_open(NULL, '{');
		json_open("groups", '[');
	} else {
		printf("%5s %-8s %4s %7s %7s  %-14s %-16s %s\n", "GROUP", "TYPE", "NODE", "SIZE",
		       "ONLINE", "ZONES", "OWNER", "BLOCKS");
	}
	for (int i = 0; i < nr; i++) {
		if (number(entries[i]->d_name, &n))
			show_group(n);
		free(entries[i]);
	}
	free(entries);
	if (opt.json) {
		json_close(']');
		json_close('}');
	}
	return 0;
}

/* ---- offline, online --------------------------------------------------- */

struct change {
	bool offline;
	const char *word;	/* what is written to a block */
	const char *goal;	/* the state it then has */
	struct range range;	/* candidates, in the order in which they are tried */
	unsigned int wanted, done;
	bool may_skip;		/* "any so many" of them, not just these */
	bool cancelled, late, had_bar;
	double begin, limit;	/* when; how many seconds, 0: any */
	double cancel_begin;	/* of the write that goes on */
};

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

/* For --verbose */
static void say(const char *format, ...)
{
	va_list args;

	if (!opt.verbose || opt.json)
		return;
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	fflush(stdout);
}

/* Pages that the block on its way still has to move, by its own account: 0..1 done. */
static double read_progress(const struct block *b, u64 *left)
{
	char line[LINE_SIZE];
	struct pairs p;
	u64 moved;

	*left = 0;
	if (!read_line(line, MEMORY "/memory%lu/progress", b->nr))
		return 0;
	parse_pairs(line, &p);
	*left = get_number(&p, "left");
	moved = get_number(&p, "moved");
	return moved ? (double)moved / (moved + *left) : 0;
}

static void clear_bar(struct change *c)
{
	if (c->had_bar)
		fputs("\r\033[K", stderr);
	c->had_bar = false;
}

static void draw_bar(struct change *c)
{
	unsigned int width = terminal_width(STDERR_FILENO), there = 0, going = 0, filled, len;
	const struct block *current = NULL;
	char text[128], bar[64];
	double part = 0;
	u64 left = 0;

	if (opt.json || !isatty(STDERR_FILENO) || now() - c->begin < 0.2)
		return;
	for (unsigned int i = 0; i < c->range.nr; i++) {
		struct block *b = c->range.blocks[i];

		look_at_state(b);
		there += is(b, c->goal);
		if (is(b, c->offline ? "going-offline" : "going-online")) {
			current = current ?: b;
			going++;
		}
	}
	/* What moves, moves for all that are on their way. */
	if (current)
		part = read_progress(current, &left) * going;
	len = snprintf(text, sizeof(text), " %u of %u blocks %s, %.0f s%s", there, c->wanted,
		       c->goal, now() - c->begin, c->cancelled ? ", taking back" : "");
	if (left)
		len += snprintf(text + len, sizeof(text) - len, ", %llu pages left", left);

	width = width > len + 4 ? width - len - 4 : 0;
	width = width < 40 ? width : 40;
	filled = width * (there + part) / c->wanted;
	filled = filled < width ? filled : width;
	memset(bar, '-', width);
	memset(bar, '#', filled);
	fprintf(stderr, "\r[%.*s]%s\033[K", width, bar, text);
	fflush(stderr);
	c->had_bar = true;
}

static void on_term(int sig)
{
	(void)sig;
}

/* Signals that end a request are not delivered, but waited for: see attend(). */
static sigset_t held_signals;

static void hold_signals(void)
{
	sigemptyset(&held_signals);
	sigaddset(&held_signals, SIGCHLD);
	sigaddset(&held_signals, SIGINT);
	sigaddset(&held_signals, SIGTERM);
	sigaddset(&held_signals, SIGHUP);
	sigprocmask(SIG_BLOCK, &held_signals, NULL);
}

/* A write that may last, by a child: SIGTERM interrupts it, and nothing else. */
static pid_t start_write(int fd, const char *text)
{
	struct sigaction act = { .sa_handler = on_term };
	pid_t parent = getpid(), pid = fork();
	sigset_t term;

	if (pid)
		return pid;
	sigaction(SIGTERM, &act, NULL);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	sigemptyset(&term);
	sigaddset(&term, SIGTERM);
	sigprocmask(SIG_UNBLOCK, &term, NULL);
	if (getppid() != parent)
		_exit(EINTR);
	_exit(write(fd, text, strlen(text)) < 0 ? errno : 0);
}

/* What brings a block back to where it was, the zone included. */
static const char *former(const struct change *c, const struct block *b)
{
	if (!c->offline)
		return "offline";
	return is_movable(b) ? "online_movable" : "online_kernel";
}

/*
 * Where the kernel takes an offline back by that, says "online" to a block that is on its way.
 * And with the zone: should it have gone by then, it comes back to where it was.
 */
static bool take_back(const struct change *c)
{
	struct block *b = NULL;
	const char *word;
	bool done;
	int fd;

	for (unsigned int i = 0; c->offline && i < c->range.nr; i++) {
		b = c->range.blocks[i];
		if (look_at_state(b) && is(b, "going-offline"))
			break;
		b = NULL;
	}
	fd = b ? open_file(O_RDONLY, MEMORY "/memory%lu/progress", b->nr) : NONE;
	if (fd < 0)
		return false;
	close(fd);
	fd = open_file(O_WRONLY, MEMORY "/memory%lu/state", b->nr);
	word = former(c, b);
	done = fd >= 0 && write(fd, word, strlen(word)) > 0;
	if (fd >= 0)
		close(fd);
	return done;
}

/* Else, and where that has not helped a second later, the writer gets a signal until it ends. */
static void cancel(struct change *c, pid_t writer)
{
	bool first = !c->cancel_begin;

	if (first)
		c->cancel_begin = now();
	if (first ? !take_back(c) : now() - c->cancel_begin > 1)
		kill(writer, SIGTERM);
}

/* Until the writer has ended, or has been ended. Returns its error, 0: none. */
static int attend(struct change *c, pid_t writer, bool may_cancel)
{
	const struct timespec tick = { .tv_nsec = 100000000 };
	int sig, status;
	pid_t ended;

	if (writer < 0)
		return errno;
	c->cancel_begin = 0;
	while (!(ended = waitpid(writer, &status, WNOHANG))) {
		sig = sigtimedwait(&held_signals, NULL, &tick);
		if (sig > 0 && sig != SIGCHLD)
			c->cancelled = true;
		if (c->limit && now() - c->begin > c->limit)
			c->late = true;
		if (may_cancel && (c->cancelled || c->late))
			cancel(c, writer);
		draw_bar(c);
	}
	return ended < 0 ? errno : WIFEXITED(status) ? WEXITSTATUS(status) : EINTR;
}

static int write_state(struct change *c, const struct block *b, const char *word, bool may_cancel)
{
	int error, fd = open_file(O_WRONLY, MEMORY "/memory%lu/state", b->nr);

	if (fd < 0)
		return errno;
	error = attend(c, start_write(fd, word), may_cancel);
	close(fd);
	return error;
}

/* The kernel's reason in a few words; false if it has none. */
static bool take_reason(struct block *b, const struct pairs *p)
{
	const char *reason = get(p, "reason"), *pfn = get(p, "pfn");

	if (!reason || !strcmp(reason, "none"))
		return false;
	if (!pfn || !strcmp(pfn, "none"))
		snprintf(b->reason, sizeof(b->reason), "%.80s", reason);
	else
		snprintf(b->reason, sizeof(b->reason), "%.80s at page frame %.24s", reason, pfn);
	return true;
}

/* One line for people. Who ended it himself knows why. */
static void note_failure(const struct change *c, struct block *b)
{
	b->outcome = FAILED;
	if (!opt.json && !c->cancelled)
		warnx("memory%lu does not go %s: %s ('memhp why %lu' says more)", b->nr, c->goal,
		      b->reason, b->nr);
}

/* One block; false if no other is to follow. */
static bool change_block(struct change *c, struct block *b)
{
	double begin = now();
	int error = write_state(c, b, c->word, true);
	struct pairs p;

	clear_bar(c);
	/* It may have been taken back as soon as it was there. */
	if (!error && look_at_state(b) && !is(b, c->goal))
		error = ECANCELED;
	if (!error) {
		b->outcome = CHANGED;
		c->done++;
		say("memory%lu is %s, %.0f ms\n", b->nr, c->goal, (now() - begin) * 1000);
	} else {
		if (c->cancelled || c->late || last_request(b, &p) != BADLY || !take_reason(b, &p))
			snprintf(b->reason, sizeof(b->reason), "%s", c->cancelled ? "cancelled" :
				 c->late ? "not in time" : strerror(error));
		note_failure(c, b);
	}
	if (c->cancelled || c->late)
		return false;
	return !error || c->may_skip || opt.best_effort;
}

static void roll_back(struct change *c)
{
	for (unsigned int i = c->range.nr; i-- > 0; ) {
		struct block *b = c->range.blocks[i];
		int error;

		if (b->outcome != CHANGED)
			continue;
		error = write_state(c, b, former(c, b), false);
		clear_bar(c);
		if (error) {
			snprintf(b->reason, sizeof(b->reason), "%s", strerror(error));
			warnx("memory%lu stays %s: %s", b->nr, c->goal, b->reason);
			b->outcome = STUCK;
			continue;
		}
		b->outcome = TAKEN_BACK;
		c->done--;
		say("memory%lu is as before\n", b->nr);
	}
}

static void change_by_blocks(struct change *c)
{
	for (unsigned int i = 0; i < c->range.nr && c->done < c->wanted; i++)
		if (!change_block(c, c->range.blocks[i]))
			break;
	if (c->done < c->wanted && !opt.best_effort)
		roll_back(c);
}

/* A line of the answer: its block's, by "block=N" or the first number before all keys. */
static void note_answer(const char *line)
{
	struct pairs p;
	struct block *b;
	u64 nr;

	parse_pairs(line, &p);
	if (!get(&p, "block") || !number(get(&p, "block"), &nr)) {
		line = p.head + strcspn(p.head, "0123456789");
		if (!*line)
			return;
		nr = strtoull(line, NULL, 10);
	}
	b = find_block(nr);
	if (b)
		take_reason(b, &p);
}

static void read_answer(int fd)
{
	char *line = NULL;
	size_t size = 0;
	FILE *file;

	lseek(fd, 0, SEEK_SET);
	file = fdopen(fd, "r");
	if (!file) {
		close(fd);
		return;
	}
	while (getline(&line, &size, file) > 0) {
		line[strcspn(line, "\n")] = '\0';
		note_answer(line);
	}
	free(line);
	fclose(file);
}

/* What became of the blocks is what they say themselves. */
static void see_outcome(struct change *c, int error)
{
	for (unsigned int i = 0; i < c->range.nr; i++) {
		struct block *b = c->range.blocks[i];

		look_at_state(b);
		if (is(b, c->goal)) {
			b->outcome = CHANGED;
			c->done++;
			say("memory%lu is %s\n", b->nr, c->goal);
		} else if (*b->reason) {
			note_failure(c, b);
		}
	}
	if (error && !c->done && !c->cancelled && !opt.json)
		warnx("%s", strerror(error));
}

/* Leaves it all to the kernel; false if it takes no such requests. */
static bool change_by_request(struct change *c)
{
	char text[256];
	size_t len;
	int error, fd;

	if (c->range.scattered && !c->may_skip)
		return false;
	fd = open_file(O_RDWR, MEMORY "/request");
	if (fd < 0)
		return false;

	if (c->may_skip)
		len = snprintf(text, sizeof(text), "%s size=%llu", c->word, c->wanted * block_size);
	else
		len = snprintf(text, sizeof(text), "%s %lu-%lu", c->word, c->range.blocks[0]->nr,
			       c->range.blocks[c->range.nr - 1]->nr);
	if (c->may_skip && opt.node != NONE)
		len += snprintf(text + len, sizeof(text) - len, " node=%d", opt.node);
	if (c->may_skip && opt.zone)
		len += snprintf(text + len, sizeof(text) - len, " zone=%.32s", opt.zone);
	if (opt.best_effort)
		len += snprintf(text + len, sizeof(text) - len, " best-effort");
	if (opt.timeout)
		snprintf(text + len, sizeof(text) - len, " timeout=%.0f",
			 /* 0 would be no limit. */
			 opt.timeout < 0.001 ? 1 : opt.timeout * 1000);

	/* The kernel keeps to the time, and can tell why it was not enough. */
	c->limit = opt.timeout ? opt.timeout + 2 : 0;
	error = attend(c, start_write(fd, text), true);
	c->late |= error && opt.timeout && now() - c->begin >= opt.timeout;
	clear_bar(c);
	read_answer(fd);
	see_outcome(c, error);
	return true;
}

/* The best score first, of equals the highest address: there is less of the kernel. */
static int by_score(const void *a, const void *b)
{
	const struct block *x = *(struct block **)a, *y = *(struct block **)b;

	if (x->counts.score != y->counts.score)
		return y->counts.score > x->counts.score ? 1 : -1;
	return by_number(y, x);
}

/* Is this block one of those "any" may be? */
static bool is_candidate(const struct change *c, const struct block *b)
{
	if (opt.node != NONE && b->node != opt.node)
		return false;
	if (!c->offline)
		return is(b, "offline") && (strcmp(c->word, "online_movable") ||
					    strstr(b->zones, "Movable"));
	if (!is(b, "online") || (opt.zone && strcasecmp(b->zones, opt.zone)))
		return false;
	/* The kernel knows; an estimate is worth a try when all else failed. */
	return b->counts.source != KERNEL || b->counts.score;
}

static void choose_any(struct change *c, const char *text, u64 size)
{
	if (!size || size % block_size)
		errx(1, "%s is not of whole blocks, which are of %s", text, human(block_size));
	if (c->offline)
		count_blocks();
	for (unsigned int i = 0; i < nr_blocks; i++)
		if (is_candidate(c, &blocks[i]))
			take(&c->range, &blocks[i]);
	/* As the kernel spells it */
	if (opt.zone && c->range.nr)
		opt.zone = c->range.blocks[0]->zones;
	if (c->offline && c->range.nr)
		qsort(c->range.blocks, c->range.nr, sizeof(*c->range.blocks), by_score);
	c->may_skip = true;
	c->wanted = size / block_size;
	if (c->range.nr < c->wanted && !opt.best_effort)
		errx(1, "only %s of %s can go %s (--best-effort takes what there is)",
		     human(c->range.nr * block_size), text, c->goal);
}

/* Those of a range which are not there yet; a wish that is fulfilled is no error. */
static void choose_these(struct change *c, const char *text)
{
	struct range all = parse_range(text);

	if (opt.node != NONE || opt.zone)
		errx(1, "--node and --zone choose the blocks of a SIZE, not of %s", text);
	for (unsigned int i = 0; i < all.nr; i++)
		if (!is(all.blocks[i], c->goal))
			take(&c->range, all.blocks[i]);
	free(all.blocks);
	c->wanted = c->range.nr;
}

static void json_change(const struct change *c, const char *result)
{
	static const char * const outcomes[] = {
		"untouched", "changed", "failed", "rolled-back", "stuck"
	};

	json_open(NULL, '{');
	json_string("request", c->word);
	json_string("result", result);
	json_string("ended_by", c->cancelled ? "signal" : c->late ? "timeout" : NULL);
	json_number("wanted_size", c->wanted * block_size);
	json_number("changed_size", c->done * block_size);
	json_number("ms", (now() - c->begin) * 1000);
	json_open("blocks", '[');
	for (unsigned int i = 0; i < c->range.nr; i++) {
		const struct block *b = c->range.blocks[i];

		if (b->outcome == UNTOUCHED)
			continue;
		json_open(NULL, '{');
		json_number("block", b->nr);
		json_string("outcome", outcomes[b->outcome]);
		json_string("reason", *b->reason ? b->reason : NULL);
		json_close('}');
	}
	json_close(']');
	json_close('}');
}

static int report_change(const struct change *c)
{
	bool all = c->done >= c->wanted;

	if (opt.json) {
		json_change(c, all ? "done" : c->done ? "partial" : "nothing");
	} else if (!all) {
		warnx("%s%s of %s %s", c->cancelled ? "cancelled: " : c->late ? "time is up: " : "",
		      c->done ? human(c->done * block_size) : "nothing",
		      human(c->wanted * block_size), c->goal);
	} else if (opt.verbose || isatty(STDOUT_FILENO)) {
		printf("%s %s in %.1f s\n", human(c->done * block_size), c->goal, now() - c->begin);
	}
	return all ? 0 : c->done ? DONE_PARTLY : DONE_NOTHING;
}

static int change(struct change *c, const char *arg)
{
	u64 size;
	int ret;

	if (other_root)
		errx(1, "a request is for this machine, not for that of --sysroot");
	if (geteuid())
		errx(1, "only root can take memory %s", c->goal);
	hold_signals();
	c->begin = now();
	c->limit = opt.timeout;
	if (parse_size(arg, &size))
		choose_any(c, arg, size);
	else
		choose_these(c, arg);
	if (c->range.nr && !change_by_request(c))
		change_by_blocks(c);
	ret = report_change(c);
	free(c->range.blocks);
	return ret;
}

static int run_offline(const char *arg)
{
	struct change c = { .offline = true, .word = "offline", .goal = "offline" };

	return change(&c, arg);
}

static int run_online(const char *arg)
{
	struct change c = { .word = opt.online, .goal = "online" };

	return change(&c, arg);
}

/* ---- Commands and options ---------------------------------------------- */

static const struct command {
	const char *name, *arg;
	int (*run)(const char *arg);
	const char *options;	/* letters of those that not all commands have */
	const char *help;
} commands[] = {
	{ "map", NULL, run_map, "c", "draw all memory blocks (without a command, too)" },
	{ "why", "BLOCK", run_why, "", "why a block does not go offline" },
	{ "query", "RANGE", run_query, "", "could it go offline? exit code 0: yes" },
	{ "offline", "RANGE|SIZE", run_offline, "tbnzv", "take memory offline" },
	{ "online", "RANGE|SIZE", run_online, "tbnkmv", "bring memory online" },
	{ "groups", NULL, run_groups, "", "which blocks belong together" },
};

static const struct {
	const char *name;
	int letter;
	const char *arg;
	const char *help;
} options[] = {
	{ "json", 'J', NULL, "use JSON output format" },
	{ "sysroot", 's', "DIR", "use the specified directory as system root" },
	{ "color", 'c', "[=WHEN]", "map: auto, always or never" },
	{ "timeout", 't', "SECONDS", "offline, online: end it then" },
	{ "best-effort", 'b', NULL, "offline, online: keep what was done when some fail" },
	{ "node", 'n', "N", "offline, online SIZE: choose from this NUMA node" },
	{ "zone", 'z', "ZONE", "offline SIZE: choose from this zone" },
	{ "kernel", 'k', NULL, "online: to a zone of the kernel" },
	{ "movable", 'm', NULL, "online: to ZONE_MOVABLE" },
	{ "verbose", 'v', NULL, "offline, online: a line for each block" },
	{ "help", 'h', NULL, "display this help" },
	{ "version", 'V', NULL, "display version" },
};

#define COMMON	"JshV"

static void help(void)
{
	char text[32];

	puts("\nUsage:\n memhp [options] [command]\n\n"
	     "See memory blocks, why they do not go offline, and take them offline and online.\n\n"
	     "Commands:");
	for (unsigned int i = 0; i < ARRAY_SIZE(commands); i++) {
		snprintf(text, sizeof(text), "%s %s", commands[i].name, commands[i].arg ?: "");
		printf(" %-22s %s\n", text, commands[i].help);
	}
	puts("\nA RANGE is 12, 12-15, memory12, 0x0-0x7ffffff or group3; a SIZE 512M or 2G.\n\n"
	     "Options:");
	for (unsigned int i = 0; i < ARRAY_SIZE(options); i++) {
		const char *arg = options[i].arg ?: "";

		snprintf(text, sizeof(text), "--%s%s%s", options[i].name,
			 *arg && *arg != '[' ? " " : "", arg);
		printf(" -%c, %-18s %s\n", options[i].letter, text, options[i].help);
	}
	puts("\nExit codes: 0 done, 1 nothing done, 64 partly done.\n\n"
	     "For more details see memhp(1).");
}

static bool choose_color(const char *when)
{
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

	if (!when || !strcmp(when, "always"))
		return true;
	if (!strcmp(when, "never"))
		return false;
	if (strcmp(when, "auto"))
		errx(1, "--color=%s: it is auto, always or never", when);
	return isatty(STDOUT_FILENO) && (!no || !*no) && term && strcmp(term, "dumb");
}

static void set_option(int letter, const char *arg)
{
	char *end;
	u64 n;

	switch (letter) {
	case 'J':
		opt.json = true;
		break;
	case 's':
		root = open(arg, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (root < 0)
			err(1, "--sysroot %s", arg);
		other_root = true;
		break;
	case 'c':
		opt.color = choose_color(arg);
		break;
	case 't':
		opt.timeout = strtod(arg, &end);
		if (*end || end == arg || !(opt.timeout > 0 && opt.timeout < 1e6))
			errx(1, "--timeout %s: it is a number of seconds", arg);
		break;
	case 'b':
		opt.best_effort = true;
		break;
	case 'n':
		if (!number(arg, &n) || n > INT_MAX)
			errx(1, "--node %s: it is the number of a node", arg);
		opt.node = n;
		break;
	case 'z':
		opt.zone = arg;
		break;
	case 'k':
	case 'm':
		opt.online = letter == 'k' ? "online_kernel" : "online_movable";
		break;
	case 'v':
		opt.verbose = true;
		break;
	case 'h':
		help();
		exit(0);
	case 'V':
		puts("memhp " VERSION);
		exit(0);
	default:
		fputs("Try 'memhp --help'.\n", stderr);
		exit(1);
	}
}

/* Returns the letters that were used. */
static const char *parse_options(int argc, char **argv)
{
	static char used[64];
	struct option longs[ARRAY_SIZE(options) + 1] = {};
	char shorts[4 * ARRAY_SIZE(options)] = "";
	size_t len = 0, nr = 0;
	int letter;

	for (unsigned int i = 0; i < ARRAY_SIZE(options); i++) {
		const char *arg = options[i].arg;

		longs[i].name = options[i].name;
		longs[i].val = options[i].letter;
		longs[i].has_arg = !arg ? no_argument : *arg == '[' ? optional_argument :
				   required_argument;
		len += sprintf(shorts + len, "%c%s", options[i].letter,
			       !arg ? "" : *arg == '[' ? "::" : ":");
	}
	while ((letter = getopt_long(argc, argv, shorts, longs, NULL)) != -1) {
		set_option(letter, optarg);
		if (nr < sizeof(used) - 1)
			used[nr++] = letter;
	}
	return used;
}

static const struct command *find_command(const char *name)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(commands); i++)
		if (!strcmp(commands[i].name, name))
			return &commands[i];
	errx(1, "there is no command '%s': see 'memhp --help'", name);
}

int main(int argc, char **argv)
{
	const struct command *command = commands;
	const char *used;
	int ret;

	setlocale(LC_CTYPE, "");
	utf8 = !strcmp(nl_langinfo(CODESET), "UTF-8");
	page_size = sysconf(_SC_PAGESIZE);
	opt.color = choose_color("auto");
	used = parse_options(argc, argv);
	argv += optind;
	argc -= optind;
	if (argc) {
		command = find_command(*argv++);
		argc--;
	}
	for (; *used; used++)
		if (!strchr(COMMON, *used) && !strchr(command->options, *used))
			errx(1, "-%c does not belong to '%s': see 'memhp --help'", *used,
			     command->name);
	if (argc != !!command->arg)
		errx(1, "usage: memhp %s %s", command->name, command->arg ?: "");

	find_blocks();
	ret = command->run(argc ? *argv : NULL);
	free(blocks);
	if (fflush(stdout) || ferror(stdout))
		err(1, "standard output");
	return ret;
}
