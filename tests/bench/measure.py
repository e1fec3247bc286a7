"""What a bench can know about processes: time, CPU, memory, and what the server logged."""

import os
import platform
import re
import resource
import select
import sqlite3
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
SAMPLE_MS = 20
STOP_S = 10


def fields(pid):
    """/proc/PID/stat from the state on."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def children(pid):
    """The processes that PID started and that are still there."""
    found = []
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            text = Path(f"/proc/{pid}/task/{task}/children").read_text()
            found += [int(child) for child in text.split()]
    except OSError:
        pass  # a thread, or all of it, ended meanwhile
    return found


def family(pid):
    """PID and all that it started, and so on."""
    return [pid] + [member for child in children(pid) for member in family(child)]


# ---- CPU ----


def tree_cpu(pid):
    """CPU seconds of a server: its own, of the children that it has waited for, and of the others."""
    ticks = sum(int(value) for value in fields(pid)[11:15])
    for child in children(pid):
        try:
            ticks += sum(int(value) for value in fields(child)[11:15])
        except OSError:
            continue  # ended, and counted in the next reading
    return ticks / TICKS


def waited_cpu():
    """CPU seconds of all children of this process that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def family_cpu(pids):
    """(user, system) seconds of PIDS, what they started, and what of that ended and was waited for."""
    user = system = 0
    for member in {member for pid in pids for member in family(pid)}:
        try:
            used = [int(value) for value in fields(member)[11:15]]
        except OSError:
            continue
        user += used[0] + used[2]
        system += used[1] + used[3]
    return user / TICKS, system / TICKS


@contextmanager
def clock(server_pid):
    """Fills a dict with what a with block took: seconds, client CPU, server CPU."""
    out = {}
    client, server, started = waited_cpu(), tree_cpu(server_pid), time.monotonic()
    yield out
    out["seconds"] = time.monotonic() - started
    out["client_cpu_s"] = waited_cpu() - client
    out["server_cpu_s"] = tree_cpu(server_pid) - server


# ---- memory ----


def memory(pids):
    """(all, without files) bytes of PIDS and all that they started; what they share counts once.

    Proportional set size: the first with the mapped files, of which the kernel may take every page
    back, the second without them."""
    names = ("Pss", "Pss_Anon", "Pss_Shmem")
    kib = dict.fromkeys(names, 0)
    for member in {member for pid in pids for member in family(pid)}:
        try:
            text = Path(f"/proc/{member}/smaps_rollup").read_text()
        except OSError:
            continue
        for name in names:
            kib[name] += int(re.search(rf"^{name}:\s+(\d+) kB", text, re.MULTILINE)[1])
    return kib["Pss"] * 1024, (kib["Pss_Anon"] + kib["Pss_Shmem"]) * 1024


class Peaks:
    """The greatest resident memory of every process of a family, as the kernel remembers it."""

    def __init__(self):
        self.kib = {}

    def look(self, pid):
        """Reads VmHWM of PID and its descendants."""
        for member in family(pid):
            try:
                status = Path(f"/proc/{member}/status").read_text()
            except OSError:
                continue
            found = re.search(r"^VmHWM:\s+(\d+) kB", status, re.MULTILINE)
            if found:
                self.kib[member] = max(int(found[1]), self.kib.get(member, 0))

    def total(self):
        """Bytes, summed over the processes whether or not they peaked at the same time."""
        return sum(self.kib.values()) * 1024


def finish(process):
    """Ends a child that may still run."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def run(command, **options):
    """Runs COMMAND to its end; returns its peak memory in bytes, and what it printed."""
    peaks = Peaks()
    with subprocess.Popen([*map(str, command)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, **options) as process:
        try:
            printed = read_all(process, peaks)
            process.wait()
        finally:
            finish(process)
    if process.returncode != 0:
        raise SystemExit(f"{' '.join(map(str, command))}: exit code {process.returncode}\n{printed}")
    return peaks.total(), printed


def read_all(process, peaks):
    """What PROCESS prints until it closes its output, with a look at its memory now and then."""
    parts = []
    poll = select.poll()
    poll.register(process.stdout, select.POLLIN)
    while True:
        peaks.look(process.pid)
        if poll.poll(SAMPLE_MS):
            part = os.read(process.stdout.fileno(), 65536)
            if not part:
                return b"".join(parts).decode(errors="replace")
            parts.append(part)


# ---- the log of the server ----

LOG_PREFIX = "%n [%p] %d: "  # of log_line_prefix: when, who, in which database
LOGGED = re.compile(
    r"^(\d+\.\d+) \[(\d+)\] (\S*): LOG:  duration: ([\d.]+) ms  (?:statement|execute [^:]*): "
    r"(.*(?:\n\t.*)*)", re.MULTILINE)


class Statement:
    """A statement that the server has finished."""

    def __init__(self, match):
        self.end = float(match[1])
        self.pid = int(match[2])
        self.database = match[3]
        self.seconds = float(match[4]) / 1000
        self.sql = match[5].replace("\n\t", "\n")


class Statements:
    """What a server finished since the object was made; it must log every duration."""

    def __init__(self, path):
        self.path = path
        self.start = os.path.getsize(path)

    def read(self):
        """The statements, in the order in which they ended."""
        with open(self.path, encoding="utf-8", errors="replace") as file:
            file.seek(self.start)
            return [Statement(match) for match in LOGGED.finditer(file.read())]


def most_at_once(statements):
    """How many of them ran at the same time, at most."""
    changes = sorted([(s.end - s.seconds, 1) for s in statements] + [(s.end, -1) for s in statements])
    running = most = 0
    for _, change in changes:
        running += change
        most = max(most, running)
    return most


# ---- the machine ----


def first_match(path, pattern):
    """The first group of PATTERN in a file, or a question mark."""
    found = re.search(pattern, Path(path).read_text(), re.MULTILINE)
    return found[1] if found else "?"


def machine():
    """What the figures were measured on."""
    memory_kib = int(first_match("/proc/meminfo", r"^MemTotal:\s+(\d+)"))
    return {
        "processor": first_match("/proc/cpuinfo", r"^model name\s*: (.*)"),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(memory_kib / 1024**2, 1),
        "kernel": platform.release(),
        "system": first_match("/etc/os-release", r'^PRETTY_NAME="(.*)"'),
        "sqlite": sqlite3.sqlite_version,
    }
