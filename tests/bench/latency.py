"""Latency of the read mix at constant rates, counted from when each request was due (open loop).

    ./dev bench latency [--products 100000] [--rates 1000,2000,10000] [--seconds 20] [--rounds 3]
                        [--connections 64] [--cores 0] [--load-cores 1] [--keep DIR]
                        [--json FILE] [--charts [DIR]]

The routes and their weights are in mix.py. Rounds go through the rates in turn; of each rate the round
with the median p99 is shown. Exit code 1: a request failed. docs/performance.md explains the figures.
"""

import argparse
import json
import sys
from contextlib import ExitStack
from pathlib import Path

import chart
import generator
import measure
import mix
import peer_servers
import peers
import prepare

WARM_S, WARM_RATE = 2, 2000


def load(bench, rate, seconds, seed):
    """One run at RATE."""
    options = bench["options"]
    words = generator.command(bench["tool"], bench["service"].port, mix=bench["mix"], rate=rate,
                              seconds=seconds, connections=options.connections, seed=seed)
    cores = ",".join(map(str, options.load_cores))
    found = generator.run(["taskset", "-c", cores, *words])
    generator.warn_of_failures(found, f"{rate} requests/s")
    return found


def measure_all(bench):
    """The rounds of each rate: {rate: [found]}."""
    options = bench["options"]
    rounds = {rate: [] for rate in options.rates}
    load(bench, WARM_RATE, WARM_S, 1)
    for number in range(options.rounds):
        prepare.say(f"round {number + 1} of {options.rounds}")
        for rate, found in rounds.items():
            before = sum(bench["service"].cpu_seconds())
            found.append(load(bench, rate, options.seconds, 2 + number))
            used = sum(bench["service"].cpu_seconds()) - before
            found[-1]["cpu_us"] = used * 1e6 / max(found[-1]["requests"], 1)
    return rounds


def median_round(found):
    """The round whose p99 is the median."""
    return sorted(found, key=lambda one: one["p99_us"])[len(found) // 2]


def cells(found):
    """What a line of the table says."""
    return [f"{found['requests']:,}", found["failed"],
            *(f"{found[name]:,.0f}"
              for name in ("p50_us", "p90_us", "p99_us", "p999_us", "max_us"))]


def show(rounds):
    """A table a rate."""
    header = ("answers", "failed", "p50 us", "p90 us", "p99 us", "p99.9 us", "max us")
    for rate, found in rounds.items():
        one = median_round(found)
        p99s = ", ".join(f"{each['p99_us']:,.0f}" for each in found)
        failed = sum(each["failed"] for each in found)
        print(f"\n{rate:,} requests/s wanted, {one['rate']:,.0f} had; p99 of the rounds {p99s} us; "
              f"{failed} failed in all of them; service {one['cpu_us']:.1f} CPU us a request; sent "
              f"late by the generator itself: p99 {one['late_p99_us']:.0f} us")
        lines = [[route["name"], *cells(route)] for route in one["routes"]]
        prepare.table([*lines, ["all", *cells(one)]], ("", *header))


def draw(path, rounds, options):
    """The percentiles of each rate."""
    lines = []
    for rate, found in rounds.items():
        one, failed = median_round(found), sum(each["failed"] for each in found)
        lines.append((f"{rate:,} requests/s: p50 {chart.spell_us(one['p50_us'])}, p99 "
                      f"{chart.spell_us(one['p99_us'])}, {failed} failed", one["curve"]))
    notes = (f"Read mix of {len(mix.READS)} routes, random of {options.products:,} products",
             f"Open loop from the instant due; service on {chart.spell_cores(options.cores)}")
    chart.curves(path, "Latency at constant rates", notes, lines)


def parse_options():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--products", type=int, default=100000)
    parser.add_argument("--rates", default="1000,2000,10000",
                        type=lambda text: [int(part) for part in text.split(",")])
    parser.add_argument("--seconds", type=float, default=20, help="of a round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--cores", type=peers.cores, default=[0], help="of the service")
    parser.add_argument("--load-cores", type=peers.cores, default=[1], help="of the generator")
    parser.add_argument("--keep", metavar="DIR", help="data are made there, or used (var/bench)")
    parser.add_argument("--json", metavar="FILE", help="write the figures there")
    parser.add_argument("--charts", metavar="DIR", nargs="?", const=peers.CHARTS, type=Path,
                        help="draw latency.svg there (assets/bench)")
    return parser.parse_args()


def main():
    """The whole run."""
    options = parse_options()
    prepare.end_on_sigterm()
    data = Path(options.keep or peers.KEEP / f"products-{options.products}")
    with ExitStack() as stack:
        data = stack.enter_context(prepare.folder(data))
        folder = stack.enter_context(prepare.folder(None))
        prepare.release(data, options.products)
        place = peer_servers.Place(folder, options.cores)
        rounds = measure_all({
            "options": options,
            "tool": generator.compile_load(folder),
            "mix": mix.write(folder / "mix", mix.key_counts(data, options.products)),
            "service": stack.enter_context(peer_servers.vitrine(place, data / "root")),
        })
    print(f"the read mix, random of {options.products} products, {options.connections} "
          f"connections, service on cores {options.cores}, {options.rounds} rounds of "
          f"{options.seconds:g} s")
    show(rounds)
    if options.json:
        Path(options.json).write_text(json.dumps(
            {"machine": measure.machine(), "rounds": rounds}, indent=1) + "\n")
    if options.charts:
        draw(options.charts / "latency.svg", rounds, options)
    if any(one["failed"] for found in rounds.values() for one in found):
        sys.exit(1)


if __name__ == "__main__":
    main()
