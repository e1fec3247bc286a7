"""One table from one run: Vitrine beside what else could answer the same requests.

    ./dev bench peers [--products 100000] [--path '/reviews?product_id=%d'] [--seconds 5]
                      [--rounds 5] [--connections 64] [--cores 0] [--load-cores 1]
                      [--only NAME]... [--keep DIR] [--json FILE] [--charts [DIR]]

All servers run on the same cores with as many workers as there are cores, the load generator on others;
each is alone at work in its rounds, which take turns, and medians are printed. Keys are random of all
products. Before anything is measured, the answers of each peer to a sample of keys are compared with
Vitrine's. docs/performance.md says how each peer is set up.
"""

import argparse
import http.client
import json
import random
import re
import statistics
from contextlib import ExitStack, closing
from pathlib import Path

import chart
import generator
import measure
import mix
import peer_servers
import prepare

SAMPLE = 200       # keys whose answers are compared
WARM_S = 1         # before the first round of a peer
FILL_CONNECTIONS, FILL_S = 16, 600
KEEP = prepare.ROOT / "var/bench"
CHARTS = prepare.ROOT / "assets/bench"


# ---- answers ----


class Asker:
    """A connection that is kept."""

    def __init__(self, port):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)

    def get(self, path):
        """(status, headers, body)"""
        self.connection.putrequest("GET", path, skip_accept_encoding=True)  # as load asks
        self.connection.endheaders()
        answer = self.connection.getresponse()
        return answer.status, answer.headers, answer.read()

    def close(self):
        """Ends it."""
        self.connection.close()


def meaning(body):
    """What a body says, whatever its spaces and the order of its names."""
    try:
        return json.loads(body)
    except ValueError:
        return body


def compare(peer, vitrine, paths):
    """Ends the bench when PEER answers one of PATHS otherwise than Vitrine."""
    with closing(Asker(peer.port)) as theirs, closing(Asker(vitrine.port)) as ours:
        for path in paths:
            (status, _, body), (wanted_status, _, wanted) = theirs.get(path), ours.get(path)
            if (status, meaning(body)) != (wanted_status, meaning(wanted)):
                raise SystemExit(
                    f"{peer.name} answers {path} otherwise than Vitrine:\n"
                    f"{status} {body.decode()}\n{wanted_status} {wanted.decode()}\n"
                    "If kept data is of another version, remove it.")


def compare_size(peer, size):
    """Ends the bench when a constant has another size."""
    with closing(Asker(peer.port)) as theirs:
        found = len(theirs.get("/")[2])
    if found != size:
        raise SystemExit(f"{peer.name} answers {found} bytes, not {size}")


def expect_hits(peer, paths):
    """Ends the bench when a cache does not have one of PATHS."""
    with closing(Asker(peer.port)) as theirs:
        for path in paths:
            found = theirs.get(path)[1]["X-Cache"]
            if found != "HIT":
                raise SystemExit(f"{peer.name}: {path} is a {found}; "
                                 "the cache does not hold all keys")


def store_answers(vitrine, template, products, folder):
    """Vitrine's answers as files named by their keys; those that are kept are used again."""
    files = folder / re.sub(r"\W+", "_", template)
    if (files / str(products)).exists():
        return files
    prepare.say(f"storing {products} answers")
    files.mkdir(parents=True, exist_ok=True)
    with closing(Asker(vitrine.port)) as asker:
        for key in range(1, products + 1):
            (files / str(key)).write_bytes(asker.get(template.replace("%d", str(key)))[2])
    return files


# ---- the run ----


class Bench:
    """The data, the paths, and the load."""

    def __init__(self, options, data, folder):
        self.options, self.data, self.folder = options, data, folder
        self.tool = generator.compile_load(folder)
        self.seed = 0
        chance = random.Random(1)
        sample = [chance.randint(1, options.products) for _ in range(SAMPLE)]
        self.paths = [options.path.replace("%d", str(key)) for key in sample]
        counts = mix.key_counts(data, options.products)
        self.mix_paths = [route.replace("%d", str(chance.randint(1, counts[name])))
                          for _, name, route in mix.READS for _ in range(SAMPLE // 4)]

    def load(self, peer, seconds, **more):
        """One run of the load generator."""
        self.seed += 1
        more.setdefault("connections", self.options.connections)
        words = generator.command(self.tool, peer.port, self.options.path,
                                  (1, self.options.products), seconds=seconds, seed=self.seed,
                                  **more)
        cores = ",".join(map(str, self.options.load_cores))
        found = generator.run(["taskset", "-c", cores, *words])
        generator.warn_of_failures(found, peer.name)
        return found

    def fill(self, peer):
        """Asks a cache for every key once."""
        prepare.say(f"filling: {peer.name}")
        self.load(peer, FILL_S, in_turn=True, requests=self.options.products,
                  connections=FILL_CONNECTIONS)
        expect_hits(peer, self.paths)

    def round(self, peer):
        """One measured run."""
        before = peer.cpu_seconds()
        found = self.load(peer, self.options.seconds)
        user, system = (b - a for a, b in zip(before, peer.cpu_seconds()))
        answers = max(found["requests"], 1)
        found["cpu_us"], found["user_us"] = (user + system) * 1e6 / answers, user * 1e6 / answers
        found["busy"] = (user + system) / found["seconds"] / len(self.options.cores)
        found["memory"], found["memory_anonymous"] = measure.memory(peer.pids)
        peer.rounds.append(found)


def start(bench, stack):
    """All peers, checked, Vitrine first."""
    options, place = bench.options, peer_servers.Place(bench.folder, bench.options.cores)
    wanted = options.only or None

    def begin(context, check):
        peer = stack.enter_context(context)
        check(peer)
        return peer

    def same(peer):
        compare(peer, ours, bench.paths)

    def filled(peer):
        bench.fill(peer)
        same(peer)

    def same_of_all_routes(peer):
        compare(peer, ours, bench.paths + bench.mix_paths)

    ours = stack.enter_context(peer_servers.vitrine(place, bench.data / "root"))
    origin = stack.enter_context(peer_servers.vitrine(place, bench.data / "root", "origin"))
    size = round(bench.load(ours, WARM_S)["mean_body"])
    files = store_answers(ours, options.path, options.products, bench.data)
    pairs = ((options.path.replace("%d", str(key)).encode(), (files / str(key)).read_bytes())
             for key in range(1, options.products + 1))

    def express():
        service = peer_servers.install_express(KEEP)
        cluster = stack.enter_context(peer_servers.database(place, bench.data))
        return peer_servers.express(place, cluster, service)

    known = {
        "return": (lambda: peer_servers.nginx_return(place, size), lambda p: compare_size(p, size)),
        "static": (lambda: peer_servers.nginx_static(place, options.path, files), same),
        "cache": (lambda: peer_servers.nginx_cache(place, origin.port), filled),
        "varnish": (lambda: peer_servers.varnish(place, origin.port), filled),
        "redis": (lambda: peer_servers.redis(place, pairs), same),
        "express": (express, same_of_all_routes),
    }
    if wanted and set(wanted) - set(known):
        raise SystemExit(f"--only: one of {', '.join(known)}")
    return [ours] + [begin(make(), check) for name, (make, check) in known.items()
                     if not wanted or name in wanted], size


def measure_all(bench, peers):
    """All rounds, in turn."""
    for peer in peers:
        bench.load(peer, WARM_S)
    for number in range(bench.options.rounds):
        prepare.say(f"round {number + 1} of {bench.options.rounds}")
        for peer in peers:
            bench.round(peer)
    for peer in peers:
        if peer.name.endswith(" hit"):
            expect_hits(peer, bench.paths)


# ---- results ----


def summary(peers):
    """One dict a peer: medians, and how Vitrine compares."""
    ours, found = peers[0], []
    for peer in peers:
        row = {"name": peer.name, "failed": sum(one["failed"] for one in peer.rounds)}
        for name in ("rate", "p50_us", "p99_us", "p999_us", "cpu_us", "user_us", "busy", "memory",
                     "memory_anonymous"):
            row[name] = statistics.median(one[name] for one in peer.rounds)
        row["rates"] = [one["rate"] for one in peer.rounds]
        row["vitrine_times"] = statistics.median(
            a["rate"] / max(b["rate"], 1e-9) for a, b in zip(ours.rounds, peer.rounds))
        row["vitrine_times_by_cpu"] = row["cpu_us"] / found[0]["cpu_us"] if found else 1
        found.append(row)
    return found


def show(rows):
    """The table."""
    header = ("", "requests/s", "range", "p50 us", "p99 us", "p99.9 us", "CPU us a request",
              "of it user", "cores busy", "memory MiB", "without files", "Vitrine: by rate",
              "by CPU", "failed")
    prepare.table([(
        row["name"], f"{row['rate']:,.0f}", f"{min(row['rates']):,.0f}-{max(row['rates']):,.0f}",
        f"{row['p50_us']:,.0f}", f"{row['p99_us']:,.0f}", f"{row['p999_us']:,.0f}",
        f"{row['cpu_us']:.2f}", f"{row['user_us']:.2f}", f"{100 * row['busy']:.0f} %",
        f"{row['memory'] / 2**20:,.0f}", f"{row['memory_anonymous'] / 2**20:,.0f}",
        f"{row['vitrine_times']:.2f}x", f"{row['vitrine_times_by_cpu']:.2f}x", row["failed"],
    ) for row in rows], header)


def draw(path, rows, options, size):
    """The bar chart."""
    notes = (f"GET {options.path.replace('%d', 'N')}, random of {options.products:,} products",
             f"{size:,} bytes on average, each server on {chart.spell_cores(options.cores)}")
    rates = [(row["name"], row["rate"], f"{row['rate']:,.0f}", i == 0)
             for i, row in enumerate(rows)]
    cpus = [(row["name"], row["cpu_us"], f"{row['cpu_us']:,.1f} µs", i == 0)
            for i, row in enumerate(rows)]
    chart.bars(path, "Vitrine and its peers", notes,
               (("Requests a second, more is better", rates),
                ("CPU time a request, less is better", cpus)))


def cores(text):
    """A list like 0,2-3."""
    found = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        found += range(int(first), int(last or first) + 1)
    return found


def parse_options():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--products", type=int, default=100000)
    parser.add_argument("--path", default="/reviews?product_id=%d")
    parser.add_argument("--seconds", type=float, default=5, help="of a round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--cores", type=cores, default=[0], help="of the servers, like 0,2-3")
    parser.add_argument("--load-cores", type=cores, default=[1], help="of the load generator")
    parser.add_argument("--only", action="append", metavar="NAME",
                        help="return, static, cache, varnish, redis or express; may be repeated")
    parser.add_argument("--keep", metavar="DIR", help="data are made there, or used (var/bench)")
    parser.add_argument("--json", metavar="FILE", help="write the figures there")
    parser.add_argument("--charts", metavar="DIR", nargs="?", const=CHARTS, type=Path,
                        help="draw peers.svg there (assets/bench)")
    return parser.parse_args()


def main():
    """The whole run."""
    options = parse_options()
    prepare.end_on_sigterm()
    data = Path(options.keep or KEEP / f"products-{options.products}")
    with ExitStack() as stack:
        data = stack.enter_context(prepare.folder(data))
        folder = stack.enter_context(prepare.folder(None))
        folder.chmod(0o755)
        prepare.release(data, options.products)
        bench = Bench(options, data, folder)
        peers, size = start(bench, stack)
        measure_all(bench, peers)
        rows = summary(peers)
    print(f"GET {options.path}, random of {options.products}, {size} bytes a body on average, "
          f"{options.connections} connections, servers on cores {options.cores}, "
          f"{options.rounds} rounds of {options.seconds:g} s\n")
    show(rows)
    if options.json:
        Path(options.json).write_text(json.dumps(
            {"machine": measure.machine(), "options": {**vars(options), "charts": None},
             "body_bytes": size, "peers": rows}, indent=1) + "\n")
    if options.charts:
        draw(options.charts / "peers.svg", rows, options, size)


if __name__ == "__main__":
    main()
