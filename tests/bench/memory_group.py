"""Cgroups that bound the memory of a server, its page cache included, and its reads from the disk, where
that is permitted."""

import os
import time
from contextlib import contextmanager
from pathlib import Path

MOUNT = Path("/sys/fs/cgroup")
MIB = 1 << 20
REMOVE_S = 5


class NotPermitted(Exception):
    """Nothing can be bounded here."""


class Group:
    """A group of version 1 or 2; SETTINGS are texts by file, those that are not there being optional."""

    def __init__(self, path, settings):
        self.path = path
        try:
            path.mkdir()
        except OSError as error:
            raise NotPermitted(f"{path}: {error.strerror}") from error
        try:
            for name, text in settings.items():
                (path / name).write_text(text)
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


class Groups:
    """Several as one."""

    def __init__(self):
        self.groups = []

    def add(self, path, settings):
        """Makes one more."""
        self.groups.append(Group(path, settings))

    def enter(self):
        """Of all."""
        for group in self.groups:
            group.enter()

    def remove(self):
        """All of them."""
        for group in self.groups:
            group.remove()


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


def disk_of(path):
    """MAJOR:MINOR of the whole disk below PATH."""
    number = os.stat(path).st_dev
    device = Path(f"/sys/dev/block/{os.major(number)}:{os.minor(number)}").resolve()
    if (device / "partition").exists():
        device = device.parent
    try:
        return (device / "dev").read_text().strip()
    except OSError as error:
        raise NotPermitted(f"{path} is on no disk whose reads can be bounded") from error


@contextmanager
def bounded(mib, reads=0, path="/"):
    """Groups of MIB MiB, and of READS reads a second from the disk of PATH, for a with block."""
    folder, limit_file = place(Path("/proc/self/cgroup").read_text())
    name = f"vitrine-bench-{os.getpid()}"
    settings = {limit_file: str(mib * MIB)}
    groups = Groups()
    if reads and limit_file == "memory.max":
        settings["io.max"] = f"{disk_of(path)} riops={reads}"
    try:
        groups.add(folder / name, settings)
        if reads and limit_file != "memory.max":
            groups.add(MOUNT / "blkio" / name,
                       {"blkio.throttle.read_iops_device": f"{disk_of(path)} {reads}"})
        yield groups
    finally:
        groups.remove()
