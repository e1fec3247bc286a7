"""A small node: a release several times its memory, and what cold keys do to hot ones.

    ./dev bench small [--memory 512] [--products 800000] [--hot 1000] [--hot-rate 1000]
                      [--cold-rate 1000] [--disk-reads N] [--seconds 20] [--rounds 3]
                      [--cold-threads 2] [--connections 64] [--cores 0] [--load-cores 1] [--keep DIR] [--json FILE]

The service runs in a memory cgroup of --memory MiB, page cache included; without permission for one
the bench says so and does nothing. --disk-reads makes a slow disk of a fast one. The same service with --cold-threads 0 is measured in turn.
docs/performance.md explains the figures. Exit code 1: a request failed.
"""

import argparse
import json
import mmap
import os
import random
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import generator
import measure
import memory_group
import mix
import peers
import prepare
import serve

PAGE = 4096
TIMES = 5  # the files are at least so many times the memory
DISK_S = 5
WARM_S = 2
CONNECTIONS_EACH = 16  # of the hot and of the cold keys, when both are asked for


def median(values):
    """The middle one."""
    return sorted(values)[len(values) // 2]


def files(data):
    """The partitions and listings of the release that is served."""
    stored = prepare.stored_files(data / "root" / "current")
    return [path for paths in stored.values() for path in paths]


def drop(paths):
    """Out of memory, so that what is read again counts as the service's."""
    for path in paths:
        fd = os.open(path, os.O_RDONLY)
        os.fsync(fd)
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(fd)


def measure_disk(path):
    """Random reads of a page, one at a time, around the page cache."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECT)
    pages = os.fstat(fd).st_size // PAGE
    into = mmap.mmap(-1, PAGE)
    choose = random.Random(1)
    took = []
    end = time.monotonic() + DISK_S
    while time.monotonic() < end:
        started = time.perf_counter()
        os.preadv(fd, [into], choose.randrange(pages) * PAGE)
        took.append((time.perf_counter() - started) * 1e6)
    os.close(fd)
    took.sort()
    return {"reads_per_s": len(took) / DISK_S, "p50_us": took[len(took) // 2],
            "p99_us": took[len(took) * 99 // 100]}


def waited(pid):
    """Reads from the disk that the loops of PID waited for, and its threads for cold keys."""
    loops = pool = 0
    for thread in os.listdir(f"/proc/{pid}/task"):
        text = Path(f"/proc/{pid}/task/{thread}/stat").read_text()
        faults = int(text.rpartition(")")[2].split()[9])
        if "(vitrine-cold)" in text:
            pool += faults
        else:
            loops += faults
    return loops, pool


class Service:
    """A service in the group, and what is asked of it."""

    def __init__(self, bench, child, port):
        self.bench, self.child, self.port = bench, child, port

    def words(self, keys, **options):
        """The generator's command: KEYS is "hot", "cold" or "all"."""
        cores = ",".join(map(str, self.bench["options"].load_cores))
        return ["taskset", "-c", cores,
                *generator.command(self.bench["tool"], self.port, mix=self.bench[keys], **options)]

    def throughput(self, seed):
        """As fast as it goes, random keys."""
        options = self.bench["options"]
        cpu, before = measure.tree_cpu(self.child.pid), waited(self.child.pid)
        found = generator.run(self.words("all", seconds=options.seconds, seed=seed,
                                         connections=options.connections))
        found["cpu_us"] = ((measure.tree_cpu(self.child.pid) - cpu) * 1e6 /
                           max(found["requests"], 1))
        found["loop_waits"], found["pool_waits"] = (
            (now - then) / max(found["requests"], 1)
            for now, then in zip(waited(self.child.pid), before))
        return found

    def constant(self, keys, rate, seconds, seed):
        """How the generator is called for a constant rate."""
        return self.words(keys, rate=rate, seconds=seconds, seed=seed,
                          connections=CONNECTIONS_EACH)

    def hot_alone(self, seed):
        """Hot keys, and nothing else."""
        options = self.bench["options"]
        generator.run(self.constant("hot", options.hot_rate, WARM_S, seed))
        return generator.run(self.constant("hot", options.hot_rate, options.seconds, seed))

    def hot_and_cold(self, seed):
        """Both at the same time, by generators of their own: (hot, cold)."""
        options = self.bench["options"]
        with subprocess.Popen(self.constant("cold", options.cold_rate, options.seconds + WARM_S,
                                            seed), stdout=subprocess.PIPE, text=True) as cold:
            time.sleep(WARM_S / 2)
            hot = generator.run(self.constant("hot", options.hot_rate, options.seconds, seed))
            printed, _ = cold.communicate()
        if cold.returncode != 0:
            raise SystemExit("the generator of cold keys failed")
        return hot, json.loads(printed)


def one_round(bench, threads, seed):
    """A service with --cold-threads THREADS from its start to its end."""
    options = bench["options"]
    drop(bench["files"])
    with memory_group.bounded(options.memory, options.disk_reads, bench["data"]) as group:
        port = serve.free_port()
        command = ["taskset", "-c", ",".join(map(str, options.cores)), prepare.VITRINE, "serve",
                   "--root", bench["data"] / "root", "--listen", f"127.0.0.1:{port}", "--threads",
                   len(options.cores), "--cold-threads", threads, "--scrub", 0, "--no-verify"]
        with serve.process(list(map(str, command)), port, stdin=subprocess.DEVNULL,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                           preexec_fn=group.enter) as child:
            service = Service(bench, child, port)
            service.throughput(seed + 1000)  # fills the memory
            found = {"all": service.throughput(seed), "hot alone": service.hot_alone(seed)}
            found["hot"], found["cold"] = service.hot_and_cold(seed)
    for what, one in found.items():
        generator.warn_of_failures(one, f"--cold-threads {threads}, {what}")
    return found


def show(rounds, options):
    """The median of each figure over the rounds."""

    def figure(found, what, name):
        return f"{median([one[what][name] for one in found]):,.0f}"

    def line(found, what, *names):
        return [figure(found, what, name) for name in names]

    print("\nrandom keys, closed loop")
    prepare.table([[f"--cold-threads {threads}", *line(found, "all", "rate", "p50_us", "p99_us",
                                                       "p999_us", "cpu_us"),
                    *(f"{median([one['all'][name] for one in found]):.4f}"
                      for name in ("loop_waits", "pool_waits"))]
                   for threads, found in rounds.items()],
                  ("", "requests/s", "p50 us", "p99 us", "p99.9 us", "CPU us", "waits of loops",
                   "of the pool"))
    names = ("p50_us", "p99_us", "p999_us", "max_us", "late_p99_us")
    for what, title in (("hot alone", f"hot keys alone, {options.hot_rate} requests/s"),
                        ("hot", f"hot keys beside {options.cold_rate} cold ones a second"),
                        ("cold", "those cold keys")):
        print(f"\n{title}")
        prepare.table([[f"--cold-threads {threads}", *line(found, what, *names),
                        sum(one[what]["failed"] for one in found)]
                       for threads, found in rounds.items()],
                      ("", "p50 us", "p99 us", "p99.9 us", "max us", "sent late p99", "failed"))


def write_mixes(folder, data, options):
    """The read mix over all keys, the hot ones, and the others."""
    counts = mix.key_counts(data, options.products)
    hot = {name: min(options.hot, count) for name, count in counts.items()}
    lines = [f"{weight} {name} {route} {hot[name] + 1}-{counts[name]}\n"
             for weight, name, route in mix.READS]
    (folder / "cold").write_text("".join(lines))
    return {"all": mix.write(folder / "all", counts), "hot": mix.write(folder / "hot", hot),
            "cold": folder / "cold"}


def parse_options():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--memory", type=int, default=512, metavar="MIB", help="of the service")
    parser.add_argument("--products", type=int, default=800000)
    parser.add_argument("--hot", type=int, default=1000, help="products that are asked for often")
    parser.add_argument("--hot-rate", type=int, default=1000, help="requests a second for them")
    parser.add_argument("--cold-rate", type=int, default=1000, help="for the others")
    parser.add_argument("--disk-reads", type=int, default=0, metavar="N",
                        help="a second that the disk does for the service; 0: as it can")
    parser.add_argument("--seconds", type=float, default=20, help="of a measurement")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--cold-threads", type=int, default=2, help="compared with 0")
    parser.add_argument("--connections", type=int, default=64, help="of the closed loop")
    parser.add_argument("--cores", type=peers.cores, default=[0], help="of the service")
    parser.add_argument("--load-cores", type=peers.cores, default=[1], help="of the generators")
    parser.add_argument("--keep", metavar="DIR", help="data are made there, or used (var/bench)")
    parser.add_argument("--json", metavar="FILE", help="write the figures there")
    return parser.parse_args()


def check_permission(options):
    """Ends the bench where memory cannot be bounded."""
    try:
        with memory_group.bounded(options.memory, options.disk_reads, peers.KEEP.parent.parent):
            pass
    except memory_group.NotPermitted as error:
        print(f"skipped: memory cannot be bounded here: {error}")
        sys.exit(0)


def main():
    """The whole run."""
    options = parse_options()
    prepare.end_on_sigterm()
    check_permission(options)
    data = Path(options.keep or peers.KEEP / f"products-{options.products}")
    rounds = {0: [], options.cold_threads: []}
    with ExitStack() as stack:
        data = stack.enter_context(prepare.folder(data))
        folder = stack.enter_context(prepare.folder(None))
        prepare.release(data, options.products)
        stored = files(data)
        times = prepare.sizes(stored) / (options.memory * memory_group.MIB)
        if times < TIMES:
            raise SystemExit(f"the files are {times:.1f} times the memory, less than {TIMES}: "
                             "more --products, or less --memory")
        disk = measure_disk(max(stored, key=lambda path: path.stat().st_size))
        bench = {"options": options, "data": data, "files": stored,
                 "tool": generator.compile_load(folder), **write_mixes(folder, data, options)}
        for number in range(options.rounds):
            prepare.say(f"round {number + 1} of {options.rounds}")
            for threads, found in rounds.items():
                found.append(one_round(bench, threads, number))
    print(f"{options.memory} MiB of memory, {times:.1f} times as much in {len(stored)} files, "
          f"{options.products} products, read mix; {options.rounds} rounds of {options.seconds:g} s; "
          f"{options.disk_reads or 'any number of'} reads a second for the service; "
          f"disk: {disk['reads_per_s']:,.0f} random reads of 4 KiB a second one at a time, p50 "
          f"{disk['p50_us']:.0f} us, p99 {disk['p99_us']:.0f} us")
    show(rounds, options)
    if options.json:
        Path(options.json).write_text(json.dumps(
            {"machine": measure.machine(), "disk": disk, "times": times, "rounds": rounds},
            indent=1) + "\n")
    if any(one["failed"] for found in rounds.values() for each in found for one in each.values()):
        sys.exit(1)


if __name__ == "__main__":
    main()
