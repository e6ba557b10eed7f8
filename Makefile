# SPDX-License-Identifier: GPL-2.0
#
# Linux memory hotplug, rebuilt. Everything made is under build/.

# Kbuild refuses such a path, after minutes.
ifneq ($(words $(CURDIR))$(findstring :,$(CURDIR)),1)
$(error $(CURDIR): a kernel cannot be built in a path with a space or a colon)
endif

KERNEL ?= x86_64
GUEST := --kernel-dir build/$(KERNEL)

help:
	@echo 'make run      boot a guest, plug a DIMM, use it, eject it'
	@echo 'make pictures draw the map of memhp in the documents again'
	@echo 'make shell    a shell in a guest, with plug and unplug'
	@echo 'make test     all tests; TESTS="firmware clients/chmem" for some'
	@echo 'make test-vm  the same on a kernel with DEBUG_VM and page table checks'
	@echo 'make test-debug the same with KASAN and lockdep too; hours'
	@echo 'make test-debian the tests of a distribution: its configuration, systemd and udev'
	@echo 'make test-arch ARCH=arm64  tests in guests of another architecture'
	@echo 'make bench    measure beside the untouched kernel; SCENARIOS="single big" for some'
	@echo 'make kernel   prepare the tree and build the kernel'
	@echo 'make model    check a model of the locks and states with spin'
	@echo 'make fuzz     libFuzzer for the pure parts, then all files of a guest at random; SEED=1 OPERATIONS=20000'
	@echo 'make mutate   put small errors into a copy: do the tests see them? MUTATIONS="suite ladder" for some'
	@echo 'make coverage which lines, branches and functions the tests run; TESTS="kunit reasons" for some'
	@echo 'make deb      packages for Debian 12, in build/deb; FLAVOUR=cloud-amd64, amd64, rt-amd64'
	@echo 'make check    style and static checks; compile every caller'
	@echo 'make check-configs  compile ours, the callers and edited files in 32 configurations; CONFIGS="numa-off seed7"'
	@echo 'make series   the patch series, as mails for "git am build/series/*"'
	@echo 'make quilt    the same, for debian/patches of a package'
	@echo 'make series-check  the mails checked as a maintainer does, and git am; BUILD=1: build each commit too'
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

test-debian: test-names tree
	@scripts/build debian-x86_64
	@scripts/test-debian $(TESTS)

test-arch: arch-name test-names tree
	@scripts/test-arch $(ARCH) $(TESTS)

test: test-names kernel
	@scripts/test.py $(GUEST) $(TESTS)

bench: bench-names tree
	@scripts/build stock-$(KERNEL)
	@scripts/build $(KERNEL)
	@scripts/bench --kernel $(KERNEL) $(SCENARIOS)

# A wrong word is to be known before a kernel is built.
test-names:
	@[ -z "$(TESTS)" ] || scripts/test.py --check $(TESTS)

arch-name:
	@scripts/test-arch --check $(ARCH)

bench-names:
	@[ -z "$(SCENARIOS)" ] || scripts/bench --check $(SCENARIOS)

kernel: tree
	@scripts/build $(KERNEL)

deb: tree
	@scripts/deb

check: tree
	@scripts/check

# CONFIGS="numa-off seed7": only these
check-configs: tree
	@CHECK_CONFIGS="$(CONFIGS)" scripts/check configs

.PHONY: model
model:
	@scripts/setup model
	@nice -n 10 tools/testing/memory_hotplug/model/model.py

# The same seed lets each process of the guest do the same again; which of them is first is not decided.
.PHONY: fuzz
fuzz: kernel
	@scripts/setup fuzz
	@$(MAKE) --no-print-directory -C tools/testing/memory_hotplug fuzz O=$(CURDIR)/build/fuzz FUZZ_SECONDS=$(or $(FUZZ_SECONDS),60)
	@FUZZ_SEED=$(or $(SEED),1) FUZZ_OPERATIONS=$(or $(OPERATIONS),20000) scripts/test.py $(GUEST) fuzz/

.PHONY: coverage
coverage: test-names tree
	@scripts/build coverage-x86_64
	@scripts/coverage $(TESTS)

# In a copy of all this, which makes a tree and a kernel of its own.
.PHONY: mutate
mutate: setup
	@scripts/mutate $(MUTATIONS)

series: tree
	@scripts/tree.py --series

quilt: tree
	@scripts/tree.py --quilt

# BUILD=1: each commit as well, hours
series-check: tree
	@scripts/check mails am abi kernel-doc ours $(if $(BUILD),commits)

tree: setup
	@scripts/tree.py

# Which kernel it is can be read before anything is installed.
setup:
	@[ -z "$(KSRC)" ] || ! command -v python3 >/dev/null || scripts/tree.py --check
	@scripts/setup

clean:
	rm -rf build

.PHONY: help run shell test test-names test-vm test-debug test-debian test-arch arch-name bench bench-names kernel deb check check-configs
.PHONY: series quilt series-check tree setup clean
