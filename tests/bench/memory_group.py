"""A cgroup that bounds the memory of a server, its page cache included, where that is permitted."""

import os
import time
from contextlib import contextmanager
from pathlib import Path

MOUNT = Path("/sys/fs/cgroup")
MIB = 1 << 20
REMOVE_S = 5


class NotPermitted(Exception):
    """Memory cannot be bounded here."""


class Group:
    """A group of version 1 or 2 with a bound in bytes."""

    def __init__(self, path, limit_file, size):
        self.path = path
        try:
            path.mkdir()
        except OSError as error:
            raise NotPermitted(f"{path}: {error.strerror}") from error
        try:
            (path / limit_file).write_text(str(size))
            swap = path / "memory.swap.max"
            if swap.exists():
                swap.write_text("0")
        except OSError as error:
            self.remove()
            raise NotPermitted(f"{error.filename}: {error.strerror}") from error

    def enter(self):
        """Puts the calling process, and what it starts from now on, into it."""
        (self.path / "cgroup.procs").write_text(str(os.getpid()))

    def remove(self):
        """Once its last process has ended, which takes the kernel a moment to see."""
        deadline = time.monotonic() + REMOVE_S
        while True:
            try:
                self.path.rmdir()
                return
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)


def place(cgroups):
    """(folder to make the group in, file that bounds it), by the text of /proc/self/cgroup.

    Of version 1 inside our own group. Of version 2 beside it: one that has processes cannot
    bound its children."""
    for line in cgroups.splitlines():
        _, controllers, path = line.split(":", 2)
        if "memory" in controllers.split(","):
            return MOUNT / "memory" / path.lstrip("/"), "memory.limit_in_bytes"
    for line in cgroups.splitlines():
        number, _, path = line.split(":", 2)
        if number == "0" and (MOUNT / "cgroup.controllers").exists():
            return (MOUNT / path.lstrip("/")).parent if path != "/" else MOUNT, "memory.max"
    raise NotPermitted("there is no cgroup that bounds memory")


@contextmanager
def bounded(mib):
    """A Group of MIB MiB for the time of a with block."""
    folder, limit_file = place(Path("/proc/self/cgroup").read_text())
    group = Group(folder / f"vitrine-bench-{os.getpid()}", limit_file, mib * MIB)
    try:
        yield group
    finally:
        group.remove()
