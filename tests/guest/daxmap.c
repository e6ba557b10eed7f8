// SPDX-License-Identifier: GPL-2.0
/* daxmap DEVICE: map 2 MiB of a device of device-dax, write to it and read it back. */
#include <err.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>

#define LENGTH	(2UL << 20)

int main(int argc, char **argv)
{
	volatile uint64_t *p;
	int fd;

	if (argc != 2)
		errx(2, "usage: daxmap DEVICE");
	fd = open(argv[1], O_RDWR);
	if (fd < 0)
		err(2, "%s", argv[1]);
	p = mmap(NULL, LENGTH, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		err(2, "mmap");
	for (uint64_t i = 0; i < LENGTH / sizeof(*p); i++)
		p[i] = i * 0x9e3779b97f4a7c15ULL;
	for (uint64_t i = 0; i < LENGTH / sizeof(*p); i++)
		if (p[i] != i * 0x9e3779b97f4a7c15ULL)
			errx(1, "number %llu is wrong", (unsigned long long)i);
	return 0;
}
