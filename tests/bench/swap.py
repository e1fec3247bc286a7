"""Latency while releases come and go, beside the same service at rest.

    ./dev bench swap [--products 30000] [--moves 300] [--rate 2000] [--connections 16]
                     [--seconds 10] [--pause 0.1] [--keep DIR]

Three releases are activated and rolled back in turn while clients ask for random keys at a fixed rate.
Before each move the release that is about to be served is dropped from the page cache. With warming, the
move is `vitrine activate` or `vitrine rollback`; without, the link is replaced behind their back and
the service runs with --no-verify, so that the first requests read from the disk. At rest is measured
before and after.
"""

import argparse
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.request
from contextlib import ExitStack, contextmanager
from pathlib import Path

import generator
import prepare
import serve

PAGE = 4096
WAYS = (("rollback",), ("rollback",), ("activate", 2), ("activate", 3))
RELEASES = (2, 1, 2, 3)  # what each of them leads to
FOLLOW_S = 30
NICE = 10


def say(text):
    print(text, file=sys.stderr)


# ---- releases ----


def make_releases(path, products):
    """Three releases whose rows differ in every partition of a collection."""
    prepare.release(path, products)
    for _ in range(3 - len(list((path / "root/releases").glob("0*")))):
        with sqlite3.connect(path / "source.db") as db:
            db.execute("UPDATE reviews SET helpfulness = helpfulness + 1 WHERE id % 10 = 0")
        db.close()
        say("building")
        prepare.timed("build", "--definition", prepare.DEFINITION, "--source",
                      f"sqlite:{path}/source.db", "--root", path / "root")
    for number in (1, 2, 3):  # a run that was cut short left some of them rolled back
        prepare.timed("activate", "--root", path / "root", number)


def files(root, number):
    return [path for folder in prepare.stored_files(root / f"releases/{number:06}").values()
            for path in folder]


def make_cold(root, number):
    """Drops a release from the page cache; the share of its pages that stayed, by a sample."""
    stayed = looked_at = 0
    for path in files(root, number):
        fd = os.open(path, os.O_RDONLY)
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
        for offset in range(0, os.fstat(fd).st_size, 64 * PAGE):
            looked_at += 1
            try:
                stayed += os.preadv(fd, [bytearray(PAGE)], offset, os.RWF_NOWAIT) > 0
            except BlockingIOError:
                pass
        os.close(fd)
    return stayed / looked_at


# ---- the service ----


@contextmanager
def service(root, *arguments):
    """(port, admin port, pid)"""
    port, admin = serve.free_port(), serve.free_port()
    command = (prepare.VITRINE, "serve", "--root", root, "--listen", f"127.0.0.1:{port}",
               "--admin", f"127.0.0.1:{admin}", "--threads", 1, "--scrub", 0, *arguments)
    with serve.process(list(map(str, command)), port, stderr=subprocess.DEVNULL) as child:
        yield port, admin, child.pid


def released(admin):
    with urllib.request.urlopen(f"http://127.0.0.1:{admin}/metrics", timeout=5) as answer:
        return int(re.search(r"^vitrine_release_number (\d+)$", answer.read().decode(),
                             re.MULTILINE)[1])


def held(pid):
    """Descriptors, and mappings of releases, of a process."""
    maps = Path(f"/proc/{pid}/maps").read_text().splitlines()
    return len(os.listdir(f"/proc/{pid}/fd")), sum("/releases/" in line for line in maps)


def wait_until(condition, what):
    deadline = time.monotonic() + FOLLOW_S
    while not condition():
        if time.monotonic() > deadline:
            raise SystemExit(f"{what}: not within {FOLLOW_S} s")
        time.sleep(0.005)


# ---- moves ----


def activate(root, number, way):
    """With everything that an activation does."""
    del number
    subprocess.run([prepare.VITRINE, way[0], "--root", root, *map(str, way[1:])], check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def replace_link(root, number, way):
    """Nothing but the link."""
    del way
    os.symlink(f"releases/{number:06}", root / "current.new")
    os.rename(root / "current.new", root / "current")


def closed(pid, number):
    """Whether no release but NUMBER is open."""
    lines = Path(f"/proc/{pid}/maps").read_text().splitlines()
    return all(f"/releases/{number:06}/" in line for line in lines if "/releases/" in line)


def make_moves(root, admin, pid, move, options):
    """All moves; the mean share of pages that stayed in memory before them."""
    shares = []
    for i in range(options.moves):
        number = RELEASES[i % len(WAYS)]
        if not options.leave_warm:
            shares.append(make_cold(root, number))
        move(root, number, WAYS[i % len(WAYS)])
        wait_until(lambda n=number: released(admin) == n, f"release {number}")
        wait_until(lambda n=number: closed(pid, n), "the release before closed")
        time.sleep(options.pause)
    return sum(shares) / len(shares) if shares else 1


def make_moves_aside(*arguments):
    """make_moves in a thread of a low priority: what looks whether a move is over is no part of it."""
    shares, failures = [], []

    def run():
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE)
        try:
            shares.append(make_moves(*arguments))
        except (Exception, SystemExit) as error:  # pylint: disable=broad-exception-caught
            failures.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if failures:
        raise SystemExit(f"the moves failed: {failures[0]}")
    return shares[0]


# ---- load ----


class Load:
    """The load generator at a fixed rate, until it is told to stop."""

    def __init__(self, tool, port, options, seconds):
        words = generator.command(tool, port, options.path, (1, options.products), seconds=seconds,
                                  connections=options.connections, rate=options.rate)
        self.process = subprocess.Popen(words, stdout=subprocess.PIPE)

    def end(self):
        """What it found; SIGTERM ends one that has no end."""
        self.process.send_signal(signal.SIGTERM)
        return self.result()

    def result(self):
        output = self.process.communicate(timeout=3600)[0]
        if self.process.returncode != 0:
            raise SystemExit("the load generator failed")
        return json.loads(output)


def measure(tool, root, name, move, arguments, options):
    """Rows of the table: at rest, and with moves."""
    with service(root, *arguments) as (port, admin, pid):
        Load(tool, port, options, 2).result()
        say(f"{name}: at rest")
        rests = [Load(tool, port, options, options.seconds).result()]
        time.sleep(0.5)  # until the connections of the load are closed
        before = held(pid)
        say(f"{name}: {options.moves} moves")
        begun = time.monotonic()
        load = Load(tool, port, options, 0)
        try:
            stayed = make_moves_aside(root, admin, pid, move, options)
        finally:
            moved = load.end()
        took = time.monotonic() - begun
        time.sleep(0.5)
        after = held(pid)
        rests.append(Load(tool, port, options, options.seconds).result())
    rest_us = sum(rest["p99_us"] for rest in rests) / 2
    print(f"{name}: {options.moves} moves in {took:.1f} s, {moved['requests']:,} requests, "
          f"{moved['failed']} failures; "
          f"{100 * stayed:.0f} % of a release in memory before its move; descriptors {before[0]} -> "
          f"{after[0]}, mappings {before[1]} -> {after[1]}; p99 with moves / at rest: "
          f"{moved['p99_us'] / rest_us:.2f}")
    return [(f"{name}, {when}", *(f"{found[key]:,.0f}" for key in
                                  ("rate", "p50_us", "p99_us", "p999_us", "max_us")))
            for when, found in zip(("before", "with moves", "after"), (rests[0], moved, rests[1]))]


def parse_options():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--products", type=int, default=30000)
    parser.add_argument("--moves", type=int, default=300)
    parser.add_argument("--rate", type=int, default=2000, help="requests a second")
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=10, help="at rest")
    parser.add_argument("--pause", type=float, default=0.1, help="seconds between two moves")
    parser.add_argument("--path", default="/reviews?product_id=%d")
    parser.add_argument("--leave-warm", action="store_true", help="leave the page cache alone")
    parser.add_argument("--keep", metavar="DIR", help="make the data there, or use what is there")
    return parser.parse_args()


def main():
    options = parse_options()
    with ExitStack() as stack:
        path = stack.enter_context(prepare.folder(options.keep))
        scratch = stack.enter_context(prepare.folder(None))
        make_releases(path, options.products)
        root = path / "root"
        size = prepare.sizes(files(root, 3))
        tool = generator.compile_load(scratch)
        print(f"GET {options.path}, random of {options.products}, {options.rate} a second over "
              f"{options.connections} connections; a release has {size / 1e6:.0f} MB")
        rows = measure(tool, root, "warmed", activate, (), options)
        replace_link(root, 3, ())
        rows += measure(tool, root, "not warmed", replace_link, ("--no-verify",), options)
        header = ("", "requests/s", "p50 us", "p99 us", "p99.9 us", "max us")
        print()
        prepare.table(rows, header)


if __name__ == "__main__":
    main()
