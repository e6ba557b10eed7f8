# SPDX-License-Identifier: GPL-2.0
"""What kernels built with gcov have counted: brought out of guests, added up in the directory of the kernel's objects.

gcov-tool adds up the counts of one kernel only, so scripts/coverage forgets those of earlier runs before it begins.
"""

import base64
import io
import shutil
import subprocess
import tarfile
import tempfile
import threading
from pathlib import Path

# Files of debugfs say that they are empty, so that tar would not read them.
COMMAND = """cd /sys/kernel/debug/gcov{directory} && find . -name '*.gcda' | while read -r file; do
    mkdir -p "/tmp/counts/${{file%/*}}" && cat "$file" >"/tmp/counts/$file"
done && tar -C /tmp/counts -cz . | base64 -w 0"""

_adding = threading.Lock()


def are_kept(kernel_dir):
    return kernel_dir.name.startswith("coverage-")


def sums(kernel_dir):
    """The directory of the sums."""
    return kernel_dir / "counts"


def forget(kernel_dir):
    shutil.rmtree(sums(kernel_dir), ignore_errors=True)


def fetch(guest):
    """The counts of a guest that is about to be switched off; "" if it has none."""
    status, text = guest.command(COMMAND.format(directory=guest.kernel_dir))
    return "" if status else text


def add(kernel_dir, text):
    """Add what fetch() got to the sums."""
    with _adding, tempfile.TemporaryDirectory(prefix="counts-", dir=kernel_dir) as work:
        new, total, both = Path(work) / "new", sums(kernel_dir), Path(work) / "both"
        tarfile.open(fileobj=io.BytesIO(base64.b64decode(text))).extractall(new)
        if not total.exists():
            new.rename(total)
            return
        subprocess.run(["gcov-tool", "merge", "-o", both, total, new], check=True, capture_output=True)
        shutil.rmtree(total)
        both.rename(total)
