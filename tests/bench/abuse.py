"""What clients that ask too much, too slowly, or nonsense cost a healthy one.

    ./dev bench abuse [--products 20000] [--rate 1000] [--seconds 5] [--rounds 3] [--connections 16]
                      [--cores 0] [--load-cores 1] [--keep DIR] [--json FILE]

The healthy client asks for the read mix (mix.py) at a constant rate, in an open loop, at rest and beside
each kind of abuse (abuser.py); it shares its core with the abuser, which has what it leaves. Every round
begins at rest. Exit code 1: a healthy request failed. docs/performance.md explains the figures.
"""

import argparse
import json
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import abuser
import generator
import measure
import mix
import peers
import prepare
import serve

SMALL, LARGE = "/products/1", "/products?count=10000"
SETTLE_S = 2
AT_REST = "at rest"
MIB = 1 << 20


def median(values):
    """The middle one."""
    return sorted(values)[len(values) // 2]


def healthy(bench, seed):
    """One run of the healthy client."""
    options = bench["options"]
    cores = ",".join(map(str, options.load_cores))
    return generator.run(["taskset", "-c", cores, *generator.command(
        bench["tool"], bench["port"], mix=bench["mix"], rate=options.rate, seed=seed,
        seconds=options.seconds, connections=options.connections)])


def peak_memory(pid, work):
    """What WORK returns, with the most resident memory of PID meanwhile, in bytes."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")
    found = work()
    peaks = measure.Peaks()
    peaks.look(pid)
    return {**found, "memory": peaks.total()}


def beside(bench, case, seed):
    """The healthy client beside one kind of abuse."""
    name, options, data = case
    cores = ",".join(map(str, bench["options"].load_cores))
    with abuser.abusing(bench["abuser"], bench["port"], bench["folder"], options, data,
                        wrapper=("chrt", "--idle", "0", "taskset", "-c", cores)) as abuse:
        time.sleep(SETTLE_S)
        found = healthy(bench, seed)
    generator.warn_of_failures(found, name)
    return {**found, "abuse": dict(abuse)}


def one_round(bench, number):
    """Every kind, on a service of its own: {name: found}."""
    found = {}
    cases = abuser.cases(SMALL, LARGE)
    for name, work in ((AT_REST, lambda: healthy(bench, number)),
                       *((case[0], lambda case=case: beside(bench, case, number))
                         for case in cases)):
        command = ["taskset", "-c", ",".join(map(str, bench["options"].cores)), prepare.VITRINE,
                   "serve", "--root", bench["data"] / "root", "--threads",
                   len(bench["options"].cores), "--connections", 2 * abuser.IDLE_MOST, "--listen",
                   f"127.0.0.1:{bench['port']}", "--first-byte-timeout", "60s"]
        with serve.process(list(map(str, command)), bench["port"]) as child:
            healthy(bench, number)
            found[name] = peak_memory(child.pid, work)
    return found


def show(rounds, options):
    """A line a kind: the medians over the rounds."""
    rest = median([found[AT_REST]["p99_us"] for found in rounds])
    rows = []
    for name in rounds[0]:
        found = [one[name] for one in rounds]
        p50, p99 = (median([one[key] for one in found]) for key in ("p50_us", "p99_us"))
        done = [one.get("abuse", {}) for one in found]
        per_s = median([one.get("answers", 0) / one["seconds"] if one else 0 for one in done])
        rows.append((name, median([one.get("open_max", 0) for one in done]), f"{per_s:,.0f}",
                     f"{p50:,.0f}", f"{p99:,.0f}", f"{p99 / rest:.2f}",
                     f"{median([one['max_us'] for one in found]):,.0f}",
                     f"{median([one['late_p99_us'] for one in found]):,.0f}",
                     sum(one["failed"] for one in found),
                     f"{median([one['memory'] for one in found]) / MIB:.0f}"))
    print(f"{options.rate} requests/s of the read mix, {options.products} products; {options.rounds} "
          f"rounds of {options.seconds:g} s; service on cores {options.cores}, both clients on "
          f"{options.load_cores}")
    prepare.table(rows, ("a healthy client", "connections", "abusive answers/s", "p50 us", "p99 us",
                         "of rest", "max us", "sent late p99", "failed",
                         "peak MiB"))


def parse_options():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--products", type=int, default=20000)
    parser.add_argument("--rate", type=int, default=1000, help="requests a second")
    parser.add_argument("--seconds", type=float, default=5, help="of a measurement")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--connections", type=int, default=16, help="of the healthy client")
    parser.add_argument("--cores", type=peers.cores, default=[0], help="of the service")
    parser.add_argument("--load-cores", type=peers.cores, default=[1], help="of the clients")
    parser.add_argument("--keep", metavar="DIR", help="data are made there, or used")
    parser.add_argument("--json", metavar="FILE", help="write the figures there")
    return parser.parse_args()


def main():
    """The whole run."""
    options = parse_options()
    prepare.end_on_sigterm()
    with ExitStack() as stack:
        data = stack.enter_context(prepare.folder(options.keep))
        folder = stack.enter_context(prepare.folder(None))
        prepare.release(data, options.products)
        bench = {"options": options, "data": data, "folder": folder, "port": serve.free_port(),
                 "tool": generator.compile_load(folder), "abuser": abuser.compile_abuse(folder),
                 "mix": mix.write(folder / "mix", mix.key_counts(data, options.products))}
        rounds = []
        for number in range(options.rounds):
            prepare.say(f"round {number + 1} of {options.rounds}")
            rounds.append(one_round(bench, number + 1))
    show(rounds, options)
    if options.json:
        Path(options.json).write_text(json.dumps({"machine": measure.machine(), "rounds": rounds},
                                                 indent=1) + "\n")
    if any(one["failed"] for found in rounds for one in found.values()):
        sys.exit(1)


if __name__ == "__main__":
    main()
