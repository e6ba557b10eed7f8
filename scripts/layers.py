#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""layers.py OBJECTS: check by the symbols of objects that every call between layers goes down.

The layers, from the top: drivers/base/memory*.c knows memory blocks, mm/memory_hotplug.c has the
requests, mm/mhp/ has the mechanisms, and its pure files only compute. A layer may call the
functions of lower layers that are listed here, and callbacks that it was given. It does not call
functions of a higher layer by name, except those that are listed.
"""
import glob
import os
import subprocess
import sys

PURE = "range request span policy ladder reason".split()
LAYERS = {
    "blocks": ["drivers/base/memory*.o"],
    "devices": ["drivers/base/core.o", "drivers/base/node.o"],
    "story": ["mm/memory_hotplug.o"],
    "pure": [f"mm/mhp/{name}.o" for name in PURE],
    "mechanisms": ["mm/mhp/*.o"],
}

# (caller, called): the functions that may be called; "*" for all.
ALLOWED = {
    # Down.
    ("story", "mechanisms"): "*",
    ("story", "pure"): "*",
    ("mechanisms", "pure"): "*",
    ("blocks", "story"): "mhp_add mhp_remove mhp_extent_add_altmap mhp_online mhp_offline mhp_lose",
    ("blocks", "mechanisms"):
        # Nodes of CPUs; results of requests; queries; parameters and limits.
        "mhp_node_online mhp_node_offline "
        "mhp_report_refusal mhp_record_set mhp_record_put mhp_record_show "
        "mhp_range_has_holes mhp_range_stays mhp_range_removable mhp_take_census mhp_census_score "
        "mhp_movable_ratio_line zone_for_pfn_range "
        "mhp_user_policy mhp_user_limit mhp_driver_limit mhp_removable_compat "
        "mhp_choose_block_size memory_block_size_bytes "
        "mhp_group_join mhp_group_leave",
    ("blocks", "pure"): "mhp_reason_name",
    ("devices", "mechanisms"): "memory_block_size_bytes",
    # Up: the locks of the requests, and the hooks of the step runner.
    ("mechanisms", "story"): "get_online_mems put_online_mems mem_hotplug_begin mem_hotplug_done "
                             "mem_hotplug_lock",
    ("pure", "mechanisms"): "mhp_step_enter mhp_step_exit mhp_run_after mhp_run_before",
    # Between layers of the same height.
    ("blocks", "devices"): "*",
    ("devices", "blocks"): "*",
}

# Called with some options only: an assertion of lockdep.
OPTIONAL = {"mem_hotplug_lock"}


def symbols(path):
    """The global symbols that an object defines, and the symbols that it needs."""
    defined, needed = set(), set()
    for line in subprocess.check_output(["nm", path], text=True).splitlines():
        words = line.split()
        if words[-2] == "U":
            needed.add(words[-1])
        elif words[-2] in "TDBRVW":
            defined.add(words[-1])
    return defined, needed


def read_layers(top):
    """Sorts each object into the first layer that names it: {layer: {path: (defined, needed)}}."""
    seen, layers = set(), {}
    for layer, patterns in LAYERS.items():
        layers[layer] = {}
        for pattern in patterns:
            for path in sorted(glob.glob(os.path.join(top, pattern))):
                if path not in seen and not path.endswith("built-in.o"):
                    seen.add(path)
                    layers[layer][path] = symbols(path)
    return layers


def check(layers):
    """A line for each call that is not allowed."""
    used = {pair: set() for pair in ALLOWED}
    for caller, objects in layers.items():
        for path, (_, needed) in objects.items():
            for called, others in layers.items():
                if called == caller:
                    continue
                names = needed & set().union(*(defined for defined, _ in others.values()))
                allowed = ALLOWED.get((caller, called), "")
                used.setdefault((caller, called), set()).update(names)
                if allowed != "*":
                    for name in sorted(names - set(allowed.split())):
                        yield f"{path}: error: {caller} may not call {name} of {called}"
    for (caller, called), allowed in ALLOWED.items():
        # A list must not have functions that are not called any more.
        if allowed != "*":
            for name in sorted(set(allowed.split()) - used[caller, called] - OPTIONAL):
                yield f"layers.py: error: {caller} does not call {name} of {called} any more"


def main():
    layers = read_layers(sys.argv[1])
    for layer, objects in layers.items():
        if not objects:
            sys.exit(f"layers.py: no objects of {layer} in {sys.argv[1]}")
    problems = list(check(layers))
    print("\n".join(problems) or "layers: every call goes down")
    sys.exit(bool(problems))


if __name__ == "__main__":
    main()
