"""Durable writes a second, beside pgbench with the same statements, server and run.

    ./dev bench write [--products 2000] [--seconds 10] [--rounds 3] [--connections 64]
                      [--source-connections 16] [--only reviews|pex] [--keep DIR]

What is written: a review with two photos and four characteristics (POST /reviews of
assets/atelier: seven rows), and one step of the counter (assets/pex: /next and /previous in turn,
so that its numbers stay as long as they are). Each is committed and synced to disk before it is
answered. Rounds go through all of them in turn, so that whatever else the machine does falls on
each; medians are printed.

The service has one event loop and its writer's thread; the load generator and pgbench have one
thread each. Nothing is bound to a core: with PostgreSQL, the server's processes need the rest. CPU is
user and system time over the answers of a round: of the service, and of all processes of the server.
"""

import argparse
import json
import os
import random
import re
import sqlite3
import statistics
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import ExitStack, contextmanager

import generator
import measure
import prepare
import serve

sys.path.insert(0, str(prepare.ROOT / "tests/integration"))
import postgres  # pylint: disable=wrong-import-position

PEX = prepare.ROOT / "assets/pex/definition.yaml"
PRODUCT, PRODUCTS = 1000000, 1000  # the first that reviews are written for, and how many
SCORE, SCORES = 10000000, 4        # the first of their characteristics, and how many each has
BODIES = 5000
MIDDLE = 45  # steps of the counter before it is measured: far from both of its ends
SYNC_TRIES = 500
READY_S = 30
SAMPLED = 0.2  # of the transactions of pgbench are logged, for its percentiles
SETTINGS = """
fsync = on
shared_buffers = 512MB
max_connections = 120
max_wal_size = 4GB
"""

TEXTS = {
    "summary": "As described, and soft",
    "body": "It fits as described, the colour is the one of the picture, and it came in two days.",
    "name": "jane doe",
    "email": "jane.doe@mail.example",
    "photo1": "https://images.example.com/photo-1500000000001-abcdef012345?w=1050&q=80",
    "photo2": "https://images.example.com/photo-1500000000002-abcdef012345?w=1050&q=80",
}


# ---- what is written ----


def own_products():
    """SQL that adds products; the ids of their characteristics are what pgbench can compute."""
    products = ", ".join(f"({PRODUCT + i}, 'Bench')" for i in range(PRODUCTS))
    scores = ", ".join(f"({SCORE + SCORES * i + j}, {PRODUCT + i}, 'Fit {j}')"
                       for i in range(PRODUCTS) for j in range(SCORES))
    return (f"INSERT INTO products (id, name) VALUES {products};"
            f"INSERT INTO characteristics (id, product_id, name) VALUES {scores};")


def write_bodies(path):
    """A file of reviews for the load generator."""
    chance = random.Random(1)
    with open(path, "w", encoding="utf-8") as file:
        for _ in range(BODIES):
            number = chance.randrange(PRODUCTS)
            scores = range(SCORE + SCORES * number, SCORE + SCORES * (number + 1))
            body = {"product_id": PRODUCT + number, "rating": chance.randint(1, 5),
                    "recommend": True, "photos": [TEXTS["photo1"], TEXTS["photo2"]],
                    "characteristics": {str(id_): chance.randint(1, 5) for id_ in scores}}
            body.update((name, TEXTS[name]) for name in ("summary", "body", "name", "email"))
            file.write(json.dumps(body) + "\n")


class Workload:
    """What the service is asked for, and what pgbench runs instead."""

    def __init__(self, name, definition, path, script, count=None, bodies=None):
        self.name, self.definition, self.path = name, definition, path
        self.script = script  # of pgbench
        self.count = count    # SQL: how many were written; None when that is not to be seen
        self.bodies = bodies  # a file, when the requests are POST
        self.database = definition.parent.name
        self.probe = "/cart" if bodies else "/current"

    def prepare(self, runner):
        """What is done once before it is measured."""
        if not self.bodies:
            runner.load(0, requests=MIDDLE, connections=1, path="/next")


# The statements of the two definitions for pgbench: every :NAME is a parameter of a prepared one.

REVIEW = f"""
\\set number random(0, {PRODUCTS - 1})
\\set product_id {PRODUCT} + :number
\\set rating random(1, 5)
BEGIN;
INSERT INTO reviews (product_id, rating, date, summary, body, recommend, reported, reviewer_name,
                     reviewer_email, response, helpfulness)
SELECT :product_id, :rating, now(), :summary, :body, true, false, :name, :email, NULL, 0
WHERE EXISTS (SELECT 1 FROM products WHERE id = :product_id) AND :email LIKE '%_@_%'
RETURNING id AS review_id \\gset
""" + "".join(f"""
INSERT INTO reviews_photos (review_id, url) VALUES (:review_id, :photo{number});
""" for number in (1, 2)) + "".join(f"""
\\set characteristic_id {SCORE} + {SCORES} * :number + {number}
\\set value random(1, 5)
INSERT INTO characteristic_reviews (characteristic_id, review_id, value)
SELECT id, :review_id, :value FROM characteristics
WHERE id = :characteristic_id AND product_id = :product_id;
""" for number in range(SCORES)) + "COMMIT;\n"

# A client goes up and down in turn, too.
STEP = """
\\set turn 1 - :turn
\\if :turn
UPDATE position SET a = b, b = (a::numeric + b::numeric)::text WHERE id = 1 RETURNING b::numeric;
\\else
UPDATE position SET a = (b::numeric - a::numeric)::text, b = a WHERE id = 1 AND b <> '0'
RETURNING b::numeric;
\\endif
"""


# ---- the machine ----


def sync_us(path):
    """What one small fdatasync takes: the floor of a commit that shares it with nobody."""
    times = []
    with open(path / "sync", "wb", buffering=0) as file:
        for _ in range(SYNC_TRIES):
            file.write(b"x" * 4096)
            began = time.perf_counter()
            os.fdatasync(file.fileno())
            times.append(time.perf_counter() - began)
    return statistics.median(times) * 1e6


# ---- databases ----


class Sqlite:
    """A source in a file."""

    name = "SQLite"

    def __init__(self, path):
        self.path = path

    def url(self, workload):
        return f"sqlite:{self.path}/{workload.database}.db"

    def run(self, sql, workload):
        db = sqlite3.connect(self.path / f"{workload.database}.db")
        with db:
            db.executescript(sql)
        db.close()

    def count(self, workload):
        db = sqlite3.connect(self.path / f"{workload.database}.db")
        found = db.execute(workload.count).fetchone()[0]
        db.close()
        return found

    def cpu_seconds(self):
        return 0.0


class Postgres:
    """A source on a server."""

    name = "PostgreSQL"

    def __init__(self, cluster):
        self.cluster = cluster

    def url(self, workload):
        return self.cluster.url(workload.database)

    def run(self, sql, workload):
        self.cluster.psql(sql, workload.database)

    def count(self, workload):
        return int(self.cluster.rows(workload.count, workload.database)[0][0])

    def cpu_seconds(self):
        return measure.tree_cpu(self.cluster.process.pid)


# ---- who writes ----


class Ours:
    """The service on one database, for one workload."""

    def __init__(self, tool, workload, database, port, pid, options):
        self.name = f"vitrine, {database.name}"
        self.tool, self.workload, self.database, self.options = tool, workload, database, options
        self.server = serve.Server(self.name, port, pid)
        self.seed = 0

    def load(self, seconds, requests=0, connections=None, path=None):
        """One run of the load generator: its JSON."""
        self.seed += 1
        found = generator.run(generator.command(
            self.tool, self.server.port, path or self.workload.path, in_turn=True, seconds=seconds,
            requests=requests, connections=connections or self.options.connections, seed=self.seed,
            bodies=self.workload.bodies))
        if found["status_2xx"] != found["requests"]:
            raise SystemExit(f"{self.workload.name}, {self.name}: not every answer was a success: "
                             f"{found}")
        return found

    def run(self, seconds):
        return self.load(seconds)

    def cpu_seconds(self):
        return sum(self.server.cpu_seconds())


class Pgbench:
    """The same statements without us."""

    name = "pgbench, PostgreSQL"

    def __init__(self, folder, workload, database, options):
        self.folder, self.workload, self.database = folder, workload, database
        self.options = options
        folder.mkdir()
        (folder / "script").write_text(workload.script)

    def run(self, seconds):
        for old in self.folder.glob("log.*"):
            old.unlink()
        command = ["pgbench", "-n", "-M", "prepared", "-c", self.options.connections, "-j", 1, "-T",
                   max(1, round(seconds)), "-l", f"--sampling-rate={SAMPLED}",
                   f"--log-prefix={self.folder}/log"]
        for name, value in (*TEXTS.items(), ("turn", 0)):
            command += ["-D", f"{name}={value}"]
        command += ["-f", self.folder / "script", self.workload.database]
        done = subprocess.run([*map(str, command)], check=True, capture_output=True, text=True,
                              env=self.database.cluster.client_env)
        rate = float(re.search(r"^tps = ([\d.]+)", done.stdout, re.MULTILINE)[1])
        count = int(re.search(r"transactions actually processed: (\d+)", done.stdout)[1])
        taken = sorted(int(line.split()[2]) for log in self.folder.glob("log.*")
                       for line in log.read_text().splitlines())
        return {"rate": rate, "requests": count, "p50_us": taken[len(taken) // 2],
                "p99_us": taken[len(taken) * 99 // 100]}

    def cpu_seconds(self):
        return 0.0


class Rounds:
    """What one of them did, round by round."""

    def __init__(self, runner):
        self.runner, self.found = runner, []

    def round(self, seconds, connections):
        """Runs it, and looks whether what it counted is there."""
        runner = self.runner
        database, count = runner.database, runner.workload.count
        rows = database.count(runner.workload) if count else 0
        before, database_before = runner.cpu_seconds(), database.cpu_seconds()
        found = runner.run(seconds)
        found["cpu_us"] = (runner.cpu_seconds() - before) * 1e6 / found["requests"]
        found["database_us"] = (database.cpu_seconds() - database_before) * 1e6 / found["requests"]
        self.found.append(found)
        if count:  # those on their way when the load ended are there, too
            more = database.count(runner.workload) - rows - found["requests"]
            if not 0 <= more <= connections:
                raise SystemExit(f"{runner.workload.name}, {runner.name}: {found['requests']} were "
                                 f"answered, {more} more are there")

    def median(self, name):
        return statistics.median(found[name] for found in self.found)


# ---- the run ----


@contextmanager
def service(root, url, options):
    """A service that takes writes, and its process."""
    port = serve.free_port()
    command = (prepare.VITRINE, "serve", "--root", root, "--listen", f"127.0.0.1:{port}",
               "--threads", 1, "--source", url, "--write-rate", 0,
               "--source-connections", options.source_connections)
    with serve.process([*map(str, command)], port, stderr=subprocess.DEVNULL) as child:
        yield port, child.pid


def wait_for_source(port, path):
    """Until PATH, which is read from the source, is answered: the source is connected to later."""
    deadline = time.monotonic() + READY_S
    while True:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=READY_S).close()
            return
        except urllib.error.HTTPError as error:
            if time.monotonic() > deadline:
                raise SystemExit(f"GET {path}: {error}") from error
            time.sleep(0.05)


def fill(workload, database, exports, root):
    """The source of a workload, and a release of it."""
    common = ("--definition", workload.definition, "--source", database.url(workload))
    if workload.bodies:
        prepare.timed("import", *common, "--rejects", root.with_suffix(".rejects"), exports)
        database.run(own_products(), workload)
    prepare.timed("build", *common, "--root", root)


def set_up(workload, databases, tool, path, stack, options):
    """All that write this workload."""
    runners = []
    for database in databases:
        root = path / f"root-{workload.database}-{database.name}"
        fill(workload, database, path / "exports", root)
        port, pid = stack.enter_context(service(root, database.url(workload), options))
        wait_for_source(port, workload.probe)
        runners.append(Ours(tool, workload, database, port, pid, options))
        workload.prepare(runners[-1])
        runners[-1].run(1)
    runners.append(Pgbench(path / f"pgbench-{workload.database}", workload, databases[-1],
                           options))
    runners[-1].run(1)
    return [Rounds(runner) for runner in runners]


def show(workload, rounds, options):
    rows = [(one.runner.name, f"{one.median('rate'):,.0f}", f"{one.median('p50_us'):,.0f}",
             f"{one.median('p99_us'):,.0f}",
             f"{one.median('cpu_us'):.1f}" if isinstance(one.runner, Ours) else "",
             f"{one.median('database_us'):.1f}" if one.median("database_us") else "",
             " ".join(f"{found['rate']:,.0f}" for found in one.found)) for one in rounds]
    print(f"\n{workload.name}, {options.connections} connections, {options.rounds} rounds of "
          f"{options.seconds:g} s")
    prepare.table(rows, ("", "durable/s", "p50 us", "p99 us", "CPU us", "database CPU us",
                         "rounds"))
    rates = {one.runner.name: one.median("rate") for one in rounds}
    if Pgbench.name in rates:
        ratio = rates["vitrine, PostgreSQL"] / rates[Pgbench.name]
        print(f"vitrine / pgbench: {ratio:.2f}")


def parse_options():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--products", type=int, default=2000)
    parser.add_argument("--seconds", type=float, default=10, help="of a round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--source-connections", type=int, default=16, help="to PostgreSQL")
    parser.add_argument("--only", choices=("reviews", "pex"), help="one of the two")
    parser.add_argument("--keep", metavar="DIR", help="make the data there, and leave it")
    return parser.parse_args()


def workloads(path):
    """Both, by the name of --only."""
    bodies = path / "bodies"
    write_bodies(bodies)
    return {
        "reviews": Workload("POST /reviews, 2 photos and 4 characteristics", prepare.DEFINITION,
                            "/reviews", REVIEW, "SELECT count(*) FROM reviews", bodies),
        "pex": Workload("GET /next and /previous in turn", PEX, "/next /previous",
                        STEP),
    }


def main():
    options = parse_options()
    with ExitStack() as stack:
        path = stack.enter_context(prepare.folder(options.keep))
        path.chmod(0o711)  # the server is somebody else when this runs as root
        cluster = postgres.Cluster(SETTINGS, path)
        stack.callback(cluster.stop)
        prepare.timed("generate", "--definition", prepare.DEFINITION, "--products",
                      options.products, "--seed", 1, path / "exports")
        tool = generator.compile_load(path)
        databases = (Sqlite(path), Postgres(cluster))
        found = {}
        for name, workload in workloads(path).items():
            if options.only in (None, name):
                cluster.create(workload.database)
                found[workload] = set_up(workload, databases, tool, path, stack, options)
        for number in range(options.rounds):
            for one in [one for rounds in found.values() for one in rounds]:
                print(f"round {number + 1} of {options.rounds}: {one.runner.workload.name}, "
                      f"{one.runner.name}", file=sys.stderr)
                one.round(options.seconds, options.connections)
        print(f"one fdatasync of 4 KiB: {sync_us(path):.0f} us")
        for workload, rounds in found.items():
            show(workload, rounds, options)


if __name__ == "__main__":
    main()
