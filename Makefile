# SPDX-License-Identifier: GPL-2.0
#
# Linux memory hotplug, rebuilt. Everything made is under build/.

KERNEL ?= x86_64
GUEST := --kernel-dir build/$(KERNEL)

help:
	@echo 'make run      boot a guest, plug a DIMM, use it, eject it'
	@echo 'make pictures draw the map of memhp in the documents again'
	@echo 'make shell    a shell in a guest, with plug and unplug'
	@echo 'make test     all tests; TESTS="firmware clients/chmem" for some'
	@echo 'make test-vm  the same on a kernel with DEBUG_VM and page table checks'
	@echo 'make test-debug the same with KASAN and lockdep too; hours'
	@echo 'make bench    measure beside the untouched kernel; SCENARIOS="single big" for some'
	@echo 'make kernel   prepare the tree and build the kernel'
	@echo 'make check    style and static checks; compile every caller'
	@echo 'make series   the patch series, as mails'
	@echo 'make clean    remove build/'
	@echo
	@echo 'KSRC=PATH     a kernel source, directory or tarball (default: linux-source-6.12)'
	@echo 'KERNEL=NAME   build and boot build/NAME (default: x86_64)'

run: kernel
	@scripts/run.py $(GUEST)

.PHONY: pictures
pictures: kernel
	@scripts/pictures $(GUEST)

shell: kernel
	@scripts/guest.py $(GUEST) shell

test-vm test-debug: test-%:
	@$(MAKE) --no-print-directory test KERNEL=$*-x86_64

test: kernel
	@scripts/test.py $(GUEST) $(TESTS)

bench: tree
	@scripts/build stock-x86_64
	@scripts/build x86_64
	@scripts/bench $(SCENARIOS)

kernel: tree
	@scripts/build $(KERNEL)

check: tree
	@scripts/check

series: tree
	@scripts/tree.py --series

tree: setup
	@scripts/tree.py

setup:
	@scripts/setup

clean:
	rm -rf build

.PHONY: help run shell test test-vm test-debug bench kernel check series tree setup clean
