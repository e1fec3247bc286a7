"""The load tests of the storefronts that Vitrine replaces, row by row, beside what they published.

    ./dev bench seeds [--products 1000011] [--seconds 60] [--only NAME]... [--keep DIR]
                      [--json FILE] [--charts [DIR]]

Nodes, balancer (ops/nginx), and the load generator share the cores of one machine. The data is as large as
theirs was. Presets of the loads are in presets.py; the counter is measured with ab, as it was.
Exit code 1: a request failed. docs/performance.md explains the figures.
"""

import argparse
import json
import re
import subprocess
import sys
from collections import namedtuple
from contextlib import ExitStack, contextmanager
from pathlib import Path

import chart
import generator
import measure
import peer_servers
import peers
import prepare
import presets
import serve

sys.path.insert(0, str(prepare.ROOT / "tests/integration"))
import balancer as fleet_balancer  # pylint: disable=wrong-import-position
import writing  # pylint: disable=wrong-import-position

CONNECTIONS = 64
WARM_S, WARM_RATE = 5, 1000
AB_REQUESTS, AB_CLIENTS, AB_ROUNDS = 10000, 10, 3
IN_TURN = "/next, /previous"  # by the generator: SQLite has 92 numbers, and then says so with 409
COUNTERS = ((writing.Sqlite, ("/", "/current", "/reset", IN_TURN)),
            (writing.Postgres, ("/", "/current", "/next", "/previous", "/reset")))

# What was published: mean milliseconds, answers, of how many requests; or requests a second.
Published = namedtuple("Published", "text mean_ms rate")
Scenario = namedtuple("Scenario", "preset title published variants")

SCENARIOS = {
    "newest": Scenario("newest", "Last 20 % of products, 2,000 a second", Published(
        "167 ms, 119,974 of 120,000 answered", 167, None),
        [("a node alone", 0, False)] +
        [(f"{nodes} node{'s' * (nodes > 1)}{', proxy_cache' * cache}", nodes, cache)
         for cache in (False, True) for nodes in (1, 2, 3)]),
    "first": Scenario("first", "First half of products, 1,000 a second", Published(
        "18 ms, 59,996 of 60,000 answered", 18, None),
        [("a node alone", 0, False), ("1 node", 1, False)]),
    "steady": Scenario("steady", "1,000 a second of the read mix", Published(
        "5 ms, no errors", 5, None), [("a node alone", 0, False), ("2 nodes", 2, False)]),
    "records": Scenario("records", "31 million records, 1,300 a second", Published(
        "under 1 s, 0.1 % errors at 1,300 a second", 1000, None),
        [("a node alone", 0, False), ("2 nodes", 2, False)]),
    "visitors": Scenario("visitors", "250 new clients a second, four hops", Published(
        "24 ms, 52 % errors", 24, None), [("front end, gateway, balancer, 2 nodes", 2, False)]),
}
COUNTER = Published("4,511 requests/s on one core, 8,492 on four", None, 4511)

# ---- what runs ----


@contextmanager
def node(root):
    """A service on a port of its own."""
    port = serve.free_port()
    command = (prepare.VITRINE, "serve", "--root", root, "--listen", f"127.0.0.1:{port}",
               "--threads", 1)
    with serve.process(list(map(str, command)), port, stderr=subprocess.DEVNULL):
        yield port


def fleet_file(port, nodes, cache):
    """What ops/nginx/render.py makes a balancer of."""
    lines = ["[balancer]", f"listen = 127.0.0.1:{port}", "[nodes]"]
    lines += [f"node{i + 1} = 127.0.0.1:{at}" for i, at in enumerate(nodes)]
    if cache:
        lines += ["[cache]", "folder = cache", "keep = 1h"]
    return "\n".join(lines) + "\n"


@contextmanager
def balancer(nodes, cache):
    """The port of the balancer of a fleet, as it is shipped."""
    port = serve.free_port()
    running = fleet_balancer.Balancer(fleet_file(port, nodes, cache), port=port)
    try:
        yield port
    finally:
        running.stop()


def hop(folder, name, behind):
    """A proxy that does nothing but pass on."""
    return peer_servers.nginx(
        peer_servers.Place(folder, [0]), name, name,
        """location / {
            proxy_pass http://next; proxy_http_version 1.1; proxy_set_header Connection "";
        }""", f"upstream next {{ server 127.0.0.1:{behind}; keepalive 64; }}")


def start(stack, folder, variant, root):
    """The port that clients ask."""
    name, count, cache = variant
    ports = [stack.enter_context(node(root)) for _ in range(max(count, 1))]
    if count == 0:
        return ports[0]
    port = stack.enter_context(balancer(ports, cache))
    if name.startswith("front end"):
        for each in ("gateway", "front"):
            port = stack.enter_context(hop(folder, each, port)).port
    return port


# ---- the reads ----


def load(tool, port, mix, preset, rate, seconds):
    """One run of the generator."""
    words = generator.command(tool, port, mix=mix, rate=rate, seconds=seconds,
                              connections=CONNECTIONS)
    return generator.run(words + (["--fresh"] if preset.fresh else []))


def run_variant(bench, scenario, variant):
    """The figures of one row."""
    preset = presets.PRESETS[scenario.preset]
    with ExitStack() as stack:
        folder = stack.enter_context(prepare.folder(None))
        folder.chmod(0o755)
        mix = presets.mix_file(folder / "mix", preset, bench["products"])
        port = start(stack, folder, variant, bench["root"])
        load(bench["tool"], port, mix, preset, WARM_RATE, WARM_S)
        return load(bench["tool"], port, mix, preset, preset.rate, bench["seconds"])


def run_reads(bench, name):
    """(variant, figures) of a scenario."""
    rows = []
    for variant in SCENARIOS[name].variants:
        prepare.say(f"{name}: {variant[0]}")
        rows.append((variant[0], run_variant(bench, SCENARIOS[name], variant)))
    return rows


def show_reads(name, rows):
    """The table of a scenario."""
    scenario = SCENARIOS[name]
    print(f"\n{scenario.title}. Published: {scenario.published.text}")
    prepare.table(
        [(variant, f"{one['requests']:,}", one["failed"], f"{one['mean_us'] / 1000:.3f}",
          *(f"{one[key] / 1000:.3f}" for key in ("p50_us", "p99_us", "p999_us", "max_us")))
         for variant, one in rows],
        ("", "answered", "failed", "mean ms", "p50 ms", "p99 ms", "p99.9 ms", "max ms"))


def draw_reads(folder, name, rows, products):
    """A chart of the means, beside the published one."""
    scenario = SCENARIOS[name]
    bars = [("published", scenario.published.mean_ms, scenario.published.text, False)]
    bars += [(variant, one["mean_us"] / 1000, f"{one['mean_us'] / 1000:.2f} ms, "
              f"{one['failed']:,} of {one['requests'] + one['failed']:,} failed", True)
             for variant, one in rows]
    chart.bars(folder / f"seed-{name}.svg", scenario.title,
               (f"{products:,} products; nodes, nginx and load on {chart.spell_cores([0, 1])}",),
               (("Mean milliseconds from the instant due, less is better", bars),))


# ---- the counter ----


def ab(port, path):
    """(requests a second, failed) of one run of ab."""
    said = subprocess.run(
        ["ab", "-q", "-l", "-k", "-c", str(AB_CLIENTS), "-n", str(AB_REQUESTS),
         f"http://127.0.0.1:{port}{path}"], check=True, stdout=subprocess.PIPE, text=True).stdout
    failed = int(re.search(r"Failed requests: +(\d+)", said)[1])
    wrong = re.search(r"Non-2xx responses: +(\d+)", said)
    return float(re.search(r"Requests per second: +([\d.]+)", said)[1]), failed + (
        int(wrong[1]) if wrong else 0)


def ab_from(store, path):
    """The same from where PATH has as many numbers to go as there are requests."""
    with store.web() as web:
        web.ask("GET", "/reset")
    if path == "/previous":
        ab(store.port, "/next")
    return ab(store.port, path)


def in_turn(store, tool):
    """(requests a second, failed) of going up and down, where there are numbers for no more."""
    with store.web() as web:
        web.ask("GET", "/reset")
        for _ in range(2 * AB_CLIENTS):
            web.ask("GET", "/next")
    found = generator.run(generator.command(tool, store.port, path="/next /previous", in_turn=True,
                                            connections=AB_CLIENTS, requests=AB_REQUESTS))
    return found["rate"], found["failed"] + found["requests"] - found["status_2xx"]


def run_counter(bench):
    """(database, path, rates, failed)."""
    rows = []
    for source, paths in COUNTERS:
        store = writing.Store(source, definition=writing.PEX)
        try:
            store.serve()
            store.wait_for_source("/current")
            for path in paths:
                prepare.say(f"counter: {source.name} {path}")
                rounds = [in_turn(store, bench["tool"]) if path == IN_TURN
                          else ab_from(store, path) for _ in range(AB_ROUNDS)]
                rows.append((source.name, path, sorted(rate for rate, _ in rounds),
                             sum(failed for _, failed in rounds)))
        finally:
            store.close()
    return rows


def show_counter(rows):
    """The table of the counter."""
    print(f"\nThe counter, ab -k -c {AB_CLIENTS} -n {AB_REQUESTS}, {AB_ROUNDS} runs each. "
          f"Published: {COUNTER.text}")
    prepare.table([(source, path, f"{rates[len(rates) // 2]:,.0f}",
                    f"{rates[0]:,.0f}-{rates[-1]:,.0f}", failed)
                   for source, path, rates, failed in rows],
                  ("", "", "requests/s", "range", "not 2xx"))


def draw_counter(folder, rows):
    """A chart of the rates."""
    bars = [("published, one core", COUNTER.rate, f"{COUNTER.rate:,}", False),
            ("published, four cores", 8492, "8,492", False)]
    bars += [(f"{source} {path}", rates[len(rates) // 2], f"{rates[len(rates) // 2]:,.0f}", True)
             for source, path, rates, _ in rows]
    chart.bars(folder / "seed-counter.svg", "The counter service", (
        f"ab -k -c {AB_CLIENTS} -n {AB_REQUESTS} on the same two cores",),
        (("Requests a second, more is better", bars),))


# ---- the run ----


def parse_options():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--products", type=int, default=1000011)
    parser.add_argument("--seconds", type=float, default=60, help="of a row")
    parser.add_argument("--only", action="append", choices=[*SCENARIOS, "counter"])
    parser.add_argument("--keep", metavar="DIR", help="data are made there, or used (var/bench)")
    parser.add_argument("--json", metavar="FILE", help="write the figures there")
    parser.add_argument("--charts", metavar="DIR", nargs="?", const=peers.CHARTS, type=Path,
                        help="draw seed-*.svg there (assets/bench)")
    return parser.parse_args()


def measure_all(options):
    """{scenario: rows}."""
    wanted = options.only or [*SCENARIOS, "counter"]
    with ExitStack() as stack:
        folder = stack.enter_context(prepare.folder(None))
        bench = {"products": options.products, "seconds": options.seconds,
                 "tool": generator.compile_load(folder)}
        if set(wanted) - {"counter"}:
            data = Path(options.keep or peers.KEEP / f"products-{options.products}")
            data = stack.enter_context(prepare.folder(data))
            prepare.release(data, options.products)
            bench["root"] = data / "root"
        return {name: run_counter(bench) if name == "counter" else run_reads(bench, name)
                for name in wanted}


def report(found, options):
    """Tables and charts; how many requests failed."""
    failed = 0
    for name, rows in found.items():
        if name == "counter":
            show_counter(rows)
            failed += sum(row[3] for row in rows)
        else:
            show_reads(name, rows)
            failed += sum(one["failed"] for _, one in rows)
        if options.charts and name == "counter":
            draw_counter(options.charts, rows)
        elif options.charts:
            draw_reads(options.charts, name, rows, options.products)
    return failed


def main():
    """The whole run."""
    options = parse_options()
    prepare.end_on_sigterm()
    found = measure_all(options)
    failed = report(found, options)
    if options.json:
        Path(options.json).write_text(json.dumps(
            {"machine": measure.machine(), "found": found}, indent=1) + "\n")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
