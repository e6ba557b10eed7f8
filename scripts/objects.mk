# SPDX-License-Identifier: GPL-2.0
#
# What Kbuild makes in `folder` of `srctree`, with the configuration in the current directory: objects,
# also those of modules, and folders, which end with a slash.

include include/config/auto.conf
BITS := $(if $(CONFIG_64BIT),64,32)

src := $(srctree)/$(folder)
obj := $(folder)
include $(firstword $(wildcard $(src)/Kbuild $(src)/Makefile))

parts = $1 $(foreach o,$(filter %.o,$1),$($(o:.o=-objs)) $($(o:.o=-y)) $($(o:.o=-m)))
made := $(call parts,$(call parts,$(obj-y) $(obj-m)))

.DEFAULT_GOAL := list
list:
	@printf '%s\n' $(patsubst ./%,%,$(addprefix $(folder)/,$(made)))
.PHONY: list
