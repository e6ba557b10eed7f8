// SPDX-License-Identifier: GPL-2.0
/*
 * fuzz SEED OPERATIONS: PROCESSES processes write words to the files of memory hotplug, and read
 * them. The words are those that a file knows, with numbers near to the right ones; some of the
 * texts are changed at random. The first process also lets the host plug and unplug DIMMs.
 *
 * After each HUNDRED operations all processes wait, and within PATIENCE seconds it has to be so:
 * each block is online or offline, its last_error is a reason or "none", and MemTotal is what it
 * was at first, with what came online since then and without what went offline. An operation that
 * takes longer than PATIENCE, an error that the file does not document, and a line of an answer
 * that nobody knows are wrong, too.
 *
 * The seed decides what each process does, but not who is first. At the end the parameters are as
 * they were. Exit 0 if nothing was wrong.
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PROCESSES	4
#define HUNDRED		100
#define PATIENCE	60
#define TEXT		512	/* of a text that is written; some are repeated to LONG */
#define LONG		8192
#define MEMORY		"/sys/devices/system/memory/"
#define PARAMETERS	"/sys/module/memory_hotplug/parameters/"
#define DEBUG		"/sys/kernel/debug/memory_hotplug/"
#define HANDLE		"/dev/memory_hotplug"
/* The first blocks stay, so that programs have memory: blocks of 128 MiB, or one of 2 GiB. */
#define KEPT_BYTES	(768UL << 20)

static struct shared {
	pthread_barrier_t barrier;
	unsigned long block_bytes;
	unsigned int blocks[1024], nr_blocks;
	char devices[32][16];
	unsigned int nr_devices;
	unsigned long operations, errors[PROCESSES][256], wrong, slowest_ms, host_seconds;
	char doing[PROCESSES][160];
	bool end;
} *all;

static unsigned int self;	/* which of the processes this is */
static uint64_t seed;
static double patience = PATIENCE;

static uint64_t number(void)
{
	seed ^= seed >> 12;
	seed ^= seed << 25;
	seed ^= seed >> 27;
	return seed * 0x2545F4914F6CDD1DULL;
}

static unsigned int below(unsigned int limit)
{
	return (number() >> 33) % limit;
}

#define one_of(array) ((array)[below(sizeof(array) / sizeof(*(array)))])

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static void wrong(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	printf("wrong (%u): ", self);
	vprintf(format, args);
	puts("");
	va_end(args);
	fflush(stdout);
	__atomic_add_fetch(&all->wrong, 1, __ATOMIC_RELAXED);
}

/* ---- Files ---- */

static char *get(const char *path)
{
	static char text[4096];
	int fd = open(path, O_RDONLY);
	ssize_t length = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (fd >= 0)
		close(fd);
	text[length > 0 ? length : 0] = 0;
	return text;
}

/* Returns an error of the write, or -1 if the file cannot be opened. */
static int put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY), error;

	if (fd < 0)
		return -1;
	error = write(fd, text, strlen(text)) < 0 ? errno : 0;
	close(fd);
	return error;
}

static void write_text(const char *path, const char *text)
{
	if (put(path, text))
		wrong("%s does not take '%s'", path, text);
}

/* ---- Texts ---- */

#define WORDS(...) ((const char * const[]){ __VA_ARGS__, NULL })

static unsigned int a_block(void)
{
	unsigned int block = all->nr_blocks ? all->blocks[below(all->nr_blocks)] : 0;

	return below(16) ? block : block + below(5);
}

/* What a letter behind a % stands for, one of these; but see expand_one(). */
static const struct letter {
	char letter;
	const char * const *patterns;
} letters[] = {
	{ 'n', WORDS("0", "1", "-1", "7", "300", "4096", "2147483648", "18446744073709551615",
		     "0x", "1e9") },
	{ 'z', WORDS("Normal", "Movable", "DMA32", "DMA", "Device", "movable", "") },
	{ 'p', WORDS("%b", "%b", "%b-%b", "memory%b", "group%n", "0x%a-0x%A", "%b,%b", "%p,%p",
		     "%n") },
	{ 'o', WORDS("", "", "", " node=%n", " node=1", " zone=%z", " best-effort",
		     " timeout=%n", "%o%o") },
	{ 'v', WORDS("offline", "online", "online_kernel", "online_movable") },
	{ 's', WORDS("128M", "134217728", "268435456", "%n") },
	{ 'f', WORDS("add/resource", "add/node", "add/sections", "add/blocks", "online/prepare",
		     "online/memmap", "online/zone", "online/notify", "online/pages",
		     "online/evacuate", "online/publish") },
};

static const char *word_of(const char * const *words)
{
	unsigned int nr = 0;

	while (words[nr])
		nr++;
	return words[below(nr)];
}

static void expand(FILE *to, const char *pattern);

/* b: a block; a, A: its first and last address */
static void expand_one(FILE *to, char what)
{
	const struct letter *letter = letters;

	if (what == 'b') {
		fprintf(to, "%u", a_block());
	} else if (what == 'a' || what == 'A') {
		fprintf(to, "%lx", (a_block() + (what == 'A')) * all->block_bytes - (what == 'A'));
	} else {
		while (letter->letter != what)
			letter++;
		expand(to, word_of(letter->patterns));
	}
}

/* Writes @pattern with something for each %LETTER. */
static void expand(FILE *to, const char *pattern)
{
	for (; *pattern && ftell(to) < TEXT / 2; pattern++)
		if (*pattern == '%')
			expand_one(to, *++pattern);
		else
			fputc(*pattern, to);
}

/* Changes a text of at least one byte; returns its new length. */
static size_t change(char *text, size_t length)
{
	size_t at = below(length), rest;

	switch (below(6)) {
	case 0:
		text[at] ^= 1 << below(8);
		break;
	case 1:
		text[at] = number();
		break;
	case 2:
		length = at;
		break;
	case 3:
		text[at] = one_of("\n\t ,-=%");
		break;
	case 4:
		rest = length - at;
		memmove(text + at, text + at + 1, rest - 1);
		length--;
		break;
	case 5:
		for (rest = length; length + rest < LONG; length += rest)
			memcpy(text + length, text, rest);
		break;
	}
	return length;
}

static size_t make(const char *pattern, char *text, bool changeable)
{
	FILE *to = fmemopen(text, TEXT, "w");
	size_t length;

	expand(to, pattern);
	fclose(to);
	length = strnlen(text, TEXT - 1);
	if (below(2))
		text[length++] = '\n';
	if (changeable && length && !below(5))
		length = change(text, length);
	return length;
}

/* ---- Files ---- */

#define ERRORS(...) ((const int[]){ __VA_ARGS__, 0 })
#define REQUEST_ERRORS ERRORS(EINVAL, EBUSY, EINTR, ENOMEM, EPERM, EAGAIN, ENOENT, ECANCELED)

/*
 * Files that are written. Errors: those that are documented; that a file of a block or a device is
 * not there any more is none. A fixed text is never changed.
 */
static const struct file {
	const char *path;
	unsigned int weight;
	const char * const *words;
	const int *errors;
	bool fixed;
} files[] = {
	{ .path = MEMORY "memory%b/state", 30,
	  WORDS("online", "offline", "offline", "online_kernel",
	  "online_movable", "going-offline", "%n", ""), REQUEST_ERRORS },
	{ .path = MEMORY "memory%b/online", 10,
	  WORDS("0", "1", "y", "off", "online_movable", "%n", ""),
	  REQUEST_ERRORS },
	{ .path = MEMORY "auto_online_blocks", 3, WORDS("offline", "online", "online_kernel",
	  "online_movable", "%n"), ERRORS(EINVAL) },
	/* Addresses without memory must stay without. */
	{ .path = MEMORY "probe", 2,
	  WORDS("1", "0x123456", "0xfffffffff8000000", "x", "0x8000001 memmap_on_memory"),
	  ERRORS(EINVAL, EEXIST, E2BIG, ERANGE), .fixed = true },
	{ .path = PARAMETERS "online_policy", 2, WORDS("contig-zones", "auto-movable", "%n"),
	  ERRORS(EINVAL) },
	{ .path = PARAMETERS "auto_movable_ratio", 2, WORDS("%n", "301"), ERRORS(EINVAL, ERANGE) },
	{ .path = PARAMETERS "auto_movable_numa_aware", 1, WORDS("Y", "N", "%n"), ERRORS(EINVAL) },
	{ .path = PARAMETERS "movable_ratio_limit", 1, WORDS("%n"), ERRORS(EINVAL, ERANGE) },
	{ .path = PARAMETERS "offline_timeout_ms", 2, WORDS("5", "500", "60000", "x"),
	  ERRORS(EINVAL), .fixed = true },
	{ .path = PARAMETERS "offline_viability", 1, WORDS("Y", "Y", "0", "%n"), ERRORS(EINVAL) },
	{ .path = PARAMETERS "removable_compat", 1, WORDS("Y", "N", "%n"), ERRORS(EINVAL) },
	{ .path = "/sys/module/memory_eject/parameters/timeout_ms", 1,
	  WORDS("5", "500", "5000", "x"),
	  ERRORS(EINVAL), .fixed = true },
	{ .path = DEBUG "fail", 4, WORDS("%f/up -12", "%f/down -16", "%f/up %nms", "%f/up 20ms",
	  "%f/down 20ms", "", "%f %n %n"), ERRORS(EINVAL) },
	{ .path = DEBUG "walk_delay", 1, WORDS("0", "1", "10", "x"),
	  ERRORS(EINVAL), .fixed = true },
	{ .path = "/sys/bus/acpi/devices/%d/eject", 2, WORDS("1", "1", "0", "%n"),
	  ERRORS(EINVAL, EBUSY, EAGAIN, ENODEV, ENOENT, ENOMEM, EPERM, EOPNOTSUPP) },
	{ .path = "/sys/bus/acpi/devices/%d/eject_status", 2, WORDS("cancel", "cancel", "%n"),
	  ERRORS(EINVAL, EBUSY, ENODEV, ENOENT) },
	{ .path = "/sys/bus/acpi/devices/%d/eject_ask", 1, WORDS("0", "0", "1", "%n"),
	  ERRORS(EINVAL, ENODEV, ENOENT) },
};

static const char * const read_only[] = {
	MEMORY "block_size_bytes", MEMORY "movable_ratio", MEMORY "crash_hotplug",
	MEMORY "memory%b/valid_zones", MEMORY "memory%b/removable", MEMORY "memory%b/phys_index",
	MEMORY "memory%b/end_phys_index", MEMORY "memory%b/phys_device",
	MEMORY "memory%b/movability", MEMORY "memory%b/last_error",
	MEMORY "memory%b/progress", MEMORY "memory%b/group",
	MEMORY "memory%b/uevent", MEMORY "memory%b/state", MEMORY "memory%b/online",
	MEMORY "groups/0/blocks", MEMORY "groups/1/zones", MEMORY "groups/1/type",
	MEMORY "groups/2/owner", MEMORY "auto_online_blocks", "/proc/zoneinfo", "/proc/iomem",
	"/sys/bus/acpi/devices/%d/eject_status", "/sys/bus/acpi/devices/%d/eject_ask",
	"/sys/bus/acpi/devices/%d/status", DEBUG "stats", DEBUG "fail", DEBUG "walk_delay",
	"/sys/module/memory_hotplug/parameters/memmap_on_memory", "/proc/kpagecount",
};

/* The path with a block for %b, a device for %d. */
static char *path_of(const char *pattern)
{
	static char path[128];
	const char *at = strchr(pattern, '%');
	const char *device = all->nr_devices ? all->devices[below(all->nr_devices)] : "none";
	int before = at - pattern;

	if (!at)
		snprintf(path, sizeof(path), "%s", pattern);
	else if (at[1] == 'b')
		snprintf(path, sizeof(path), "%.*s%u%s", before, pattern, a_block(), at + 2);
	else
		snprintf(path, sizeof(path), "%.*s%s%s", before, pattern, device, at + 2);
	return path;
}

static bool is_documented(const int *errors, int error)
{
	for (; *errors; errors++)
		if (*errors == error)
			return true;
	return !error;
}

/* Notes what is being done, for the case that it does not end. */
static void note(const char *path, const char *text, size_t length)
{
	snprintf(all->doing[self], sizeof(*all->doing), "%s '%.*s'", path,
		 (int)(length < 60 ? length : 60), text);
}

static void judge(const char *path, const char *text, size_t length, const int *errors, int error)
{
	all->errors[self][error & 255]++;
	if (!is_documented(errors, error))
		wrong("%s: %s after '%.*s' (%zu bytes)", path, strerrorname_np(error),
		      (int)(length < 60 ? length : 60), text, length);
}

static void write_file(void)
{
	static char text[LONG];
	const struct file *file;
	unsigned int weights = 0, at;
	int fd, error = 0;
	size_t length;
	char *path;

	for (file = files; file < files + sizeof(files) / sizeof(*files); file++)
		weights += file->weight;
	at = below(weights);
	for (file = files; at >= file->weight; file++)
		at -= file->weight;
	length = make(word_of(file->words), text, !file->fixed);
	path = path_of(file->path);
	note(path, text, length);
	fd = open(path, O_WRONLY);
	if (fd < 0) {
		if (errno != ENOENT && errno != ENODEV)
			wrong("open %s: %s", path, strerrorname_np(errno));
		return;
	}
	if (write(fd, text, length) < 0)
		error = errno;
	close(fd);
	if (error != ENODEV)	/* The block or the device is removed. */
		judge(path, text, length, file->errors, error);
}

static void read_file(void)
{
	static char text[LONG];
	char *path = path_of(below(4) ? one_of(read_only) : one_of(files).path);
	size_t size = below(4) ? sizeof(text) : 1 + below(8);
	int fd, error = 0;

	note(path, "", 0);
	fd = open(path, O_RDONLY);
	if (fd < 0) {
		if (errno != ENOENT && errno != ENODEV && errno != EACCES)
			wrong("open %s: %s", path, strerrorname_np(errno));
		return;
	}
	if (pread(fd, text, size, below(8) ? 0 : below(200)) < 0)
		error = errno;
	close(fd);
	judge(path, "(read)", 6, ERRORS(ENODEV, ENOENT, EIO, EINVAL, EINTR, ESPIPE), error);
}

/* ---- The handle ---- */

static void check_line(const char *line)
{
	static const char * const first[] = {
		"progress ", "block=", "last_error ", "range=", "request verb=",
	};

	for (size_t i = 0; i < sizeof(first) / sizeof(*first); i++)
		if (!strncmp(line, first[i], strlen(first[i])))
			return;
	wrong("an answer has the line '%s'", line);
}

/* Reads an answer to its end; @last is its last line. */
static int read_answer(int fd, char *last, size_t size)
{
	char *line = NULL;
	size_t room = 0;
	FILE *answer = fdopen(fd, "r");
	int error = 0;

	*last = 0;
	while (errno = 0, getline(&line, &room, answer) > 0) {
		line[strcspn(line, "\n")] = 0;
		check_line(line);
		snprintf(last, size, "%s", line);
	}
	if (ferror(answer))
		error = errno;
	free(line);
	fclose(answer);
	return error;
}

static void use_request(int fd, const char *text, size_t length)
{
	struct pollfd wait = { .fd = fd, .events = POLLIN };
	char last[256];
	int error;

	switch (below(5)) {
	case 0:	/* closed in the middle */
		poll(&wait, 1, below(50));
		close(fd);
		return;
	case 1:
		poll(&wait, 1, below(50));
		if (write(fd, "cancel", 6) < 0)
			judge(HANDLE, "cancel", 6, ERRORS(EINTR), errno);
		break;
	}
	error = read_answer(fd, last, sizeof(last));
	judge(HANDLE, "(answer)", 8, ERRORS(EINTR), error);
	if (!*last)
		wrong("no answer to '%.*s'", (int)length, text);
}

static void use_handle(void)
{
	static const char * const requests[] = {
		"query %p", "why %b", "%v %p%o", "%v %p%o", "%v %p%o", "%v size=%s%o",
		"cancel", "%v", "%p",
	};
	static char text[LONG];
	size_t length = make(one_of(requests), text, true);
	int fd;

	note(HANDLE, text, length);
	fd = open(HANDLE, O_RDWR);
	if (fd < 0) {
		wrong("open " HANDLE ": %s", strerrorname_np(errno));
	} else if (write(fd, text, length) < 0) {
		judge(HANDLE, text, length, ERRORS(EINVAL, ENOMEM, EINTR), errno);
		close(fd);
	} else if (length >= 6 && !memcmp(text, "cancel", 6)) {
		close(fd);
	} else {
		all->errors[self][0]++;
		use_request(fd, text, length);
	}
}

/* ---- The firmware ---- */

static const char *device_file(unsigned int device, const char *file)
{
	static char path[128];

	snprintf(path, sizeof(path), "/sys/bus/acpi/devices/%s/%s", all->devices[device], file);
	return path;
}

/* No request of the firmware waits for a user, so that the host gets its answer. */
static void do_not_ask(void)
{
	for (unsigned int i = 0; i < all->nr_devices; i++) {
		int error = put(device_file(i, "eject_ask"), "0");

		if (error > 0 && error != ENODEV)
			wrong("eject_ask of %s: %s after '0'", all->devices[i], strerrorname_np(error));
		put(device_file(i, "eject_status"), "cancel");
	}
}

/* Tells why the host has no answer. */
static void tell_ejects(void)
{
	for (unsigned int i = 0; i < all->nr_devices; i++)
		printf("%s: %s", all->devices[i], get(device_file(i, "eject_status")));
	fflush(stdout);
	write_text("/proc/sysrq-trigger", "w");
}

static void use_firmware(void)
{
	static const char * const requests[] = {
		"plug 128M 1", "plug 256M 1", "plug 256M 0", "unplug", "unplug",
	};
	const char *request = one_of(requests);
	int fd = open("/dev/virtio-ports/host", O_RDWR);
	struct pollfd wait = { .fd = fd, .events = POLLIN };
	unsigned int seconds = 0;
	char answer[512];

	note("the host", request, strlen(request));
	if (fd < 0)
		err(2, "the host");
	dprintf(fd, "%s\n", request);
	/* Another process may have let the eject wait for a user. */
	while (!poll(&wait, 1, 1000)) {
		do_not_ask();
		/* The log of a test that passes has no list of tasks. */
		if (++seconds == (unsigned int)(patience / 3))
			tell_ejects();
	}
	if (seconds > all->host_seconds)
		all->host_seconds = seconds;
	if (read(fd, answer, sizeof(answer)) <= 0)
		err(2, "the host's answer");
	close(fd);
}

/* ---- What has to be so ---- */

static long mem_total(void)
{
	return strtol(get("/proc/meminfo") + strlen("MemTotal:"), NULL, 10) / 4;
}

/* Finds all blocks and devices. Returns the number of online blocks; -1 if one is on its way. */
static long look_around(void)
{
	long online = 0;
	char path[128];
	glob_t found;

	all->nr_blocks = 0;
	glob(MEMORY "memory[0-9]*", 0, NULL, &found);
	for (size_t i = 0; i < found.gl_pathc && online >= 0; i++) {
		unsigned int block = atoi(found.gl_pathv[i] + strlen(MEMORY "memory"));
		char *state;

		snprintf(path, sizeof(path), "%s/state", found.gl_pathv[i]);
		state = get(path);
		if (!strcmp(state, "online\n"))
			online++;
		else if (*state && strcmp(state, "offline\n"))
			online = -1;
		if (block * all->block_bytes >= KEPT_BYTES && all->nr_blocks < 1024)
			all->blocks[all->nr_blocks++] = block;
	}
	globfree(&found);

	all->nr_devices = 0;
	glob("/sys/bus/acpi/devices/PNP0C80:*", 0, NULL, &found);
	for (size_t i = 0; i < found.gl_pathc && all->nr_devices < 32; i++)
		snprintf(all->devices[all->nr_devices++], sizeof(*all->devices), "%.15s",
			 strrchr(found.gl_pathv[i], '/') + 1);
	globfree(&found);
	return online;
}

static void check_reasons(void)
{
	char path[128], *text;

	for (unsigned int i = 0; i < all->nr_blocks; i++) {
		snprintf(path, sizeof(path), MEMORY "memory%u/last_error", all->blocks[i]);
		text = get(path);
		if (*text && strcmp(text, "none\n") && !strstr(text, "reason="))
			wrong("%s: %s", path, text);
	}
}

/* MemTotal in pages without the online blocks; the first time it becomes @expected. */
static void check_all(long *expected)
{
	double end = now() + patience;
	long online, rest = 0;

	do {
		online = look_around();
		rest = mem_total() - online * (long)(all->block_bytes / 4096);
		if (online >= 0 && look_around() == online && (!*expected || rest == *expected))
			break;
		usleep(100000);
	} while (now() < end);
	if (online < 0)
		wrong("a block is neither online nor offline");
	else if (*expected && rest != *expected)
		wrong("MemTotal has %ld pages too many with %ld blocks online",
		      rest - *expected, online);
	*expected = rest;
	check_reasons();
}

/* ---- All of it ---- */

static void operate(void)
{
	double begin = now();
	unsigned int what = below(100), ms;

	if (what < 40)
		read_file();
	else if (what < 80)
		write_file();
	else if (what < 97 || self)
		use_handle();
	else
		use_firmware();
	ms = (now() - begin) * 1000;
	if (ms > patience * 1000)
		wrong("an operation took %u ms", ms);
	if (ms > all->slowest_ms)
		all->slowest_ms = ms;
	__atomic_add_fetch(&all->operations, 1, __ATOMIC_RELAXED);
}

static void run(unsigned long operations)
{
	long expected = 0;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;) {
		if (!self) {
			check_all(&expected);
			all->end = all->operations >= operations || all->wrong;
		}
		note("wait", "for the others", 14);
		/* From here to the next one, all processes see the same end. */
		pthread_barrier_wait(&all->barrier);
		if (all->end)
			break;
		for (int i = 0; i < HUNDRED / PROCESSES; i++)
			operate();
		note("wait", "for the check", 13);
		pthread_barrier_wait(&all->barrier);
	}
	exit(0);
}

/* Until all processes have ended. They have to get ahead, and none may end before the others. */
static void watch(void)
{
	unsigned long before = 0;
	int status, left = PROCESSES, quiet = 0;

	while (left && quiet < 2 * patience) {
		while (left && waitpid(-1, &status, WNOHANG) > 0) {
			left--;
			if (status)
				wrong("a process ended with status %#x", status);
		}
		quiet = all->operations == before ? quiet + 1 : 0;
		before = all->operations;
		if (all->wrong && quiet > patience)
			break;
		sleep(1);
	}
	if (!left)
		return;
	wrong("no process gets ahead");
	write_text("/proc/sysrq-trigger", "t");
	write_text("/proc/sysrq-trigger", "l");
	for (self = 0; self < PROCESSES; self++)
		printf("%u: %s\n", self, all->doing[self]);
}

static void set_up(void)
{
	pthread_barrierattr_t attr;

	all = mmap(NULL, sizeof(*all), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (all == MAP_FAILED)
		err(2, "mmap");
	pthread_barrierattr_init(&attr);
	pthread_barrierattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	pthread_barrier_init(&all->barrier, &attr, PROCESSES);
	all->block_bytes = strtoul(get(MEMORY "block_size_bytes"), NULL, 16);
	if (getenv("guest_patience"))
		patience *= atof(getenv("guest_patience"));
}

static void keep_parameters(bool restore)
{
	static char kept[sizeof(files) / sizeof(*files)][64];

	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
		const char *path = files[i].path;

		if (strchr(path, '%') || !strcmp(path, MEMORY "probe") || access(path, W_OK))
			continue;
		if (restore)
			write_text(path, *kept[i] ? kept[i] : "\n");
		else
			snprintf(kept[i], sizeof(kept[i]), "%.63s", get(path));
	}
}

static void report(const char *seed_text)
{
	printf("seed %s: %lu operations, the slowest %lu ms, of the host %lu s; wrong %lu;",
	       seed_text, all->operations, all->slowest_ms, all->host_seconds, all->wrong);
	for (int error = 0; error < 256; error++) {
		unsigned long sum = 0;

		for (int i = 0; i < PROCESSES; i++)
			sum += all->errors[i][error];
		if (sum)
			printf(" %s %lu", error ? strerrorname_np(error) : "OK", sum);
	}
	puts("");
}

int main(int argc, char *argv[])
{
	if (argc != 3)
		errx(2, "usage: fuzz SEED OPERATIONS");
	setlinebuf(stdout);
	set_up();
	keep_parameters(false);
	for (self = 0; self < PROCESSES; self++) {
		seed = (strtoull(argv[1], NULL, 0) * PROCESSES + self + 1) * 0x9E3779B97F4A7C15ULL;
		if (!fork())
			run(strtoul(argv[2], NULL, 0));
	}
	watch();
	keep_parameters(true);
	look_around();
	do_not_ask();
	report(argv[1]);
	return !!all->wrong;
}
