"""What the tests of writes share: sources of both databases, a service on one, its clients."""

import json
import os
import select
import shutil
import sqlite3
import sys
import tempfile
from decimal import Decimal
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import shelf
import support
from postgres import Cluster

PEX = os.path.join(support.ROOT, "assets", "pex", "definition.yaml")
READY_S = 60
PIECE = 64 << 10  # of a body that may be refused before its end
NO_LIMIT = ("--write-rate", 0)
JSON_TYPE = "application/json; charset=utf-8"
TEXT_TYPE = "text/plain; charset=utf-8"


# ---- sources ----


class Sqlite:
    """A source in a file."""

    name = "SQLite"

    def __init__(self, folder):
        self.path = os.path.join(folder, "source.db")
        self.url = f"sqlite:{self.path}"

    def rows(self, sql):
        """The rows of a SELECT as dicts."""
        db = sqlite3.connect(self.path, timeout=30)
        db.row_factory = sqlite3.Row
        try:
            return [dict(row) for row in db.execute(sql)]
        finally:
            db.close()

    def tables(self):
        """The names of the tables, without those of the writer itself."""
        names = self.rows("SELECT name FROM sqlite_master WHERE type = 'table'")
        return sorted(row["name"] for row in names
                      if not row["name"].startswith(("sqlite_", "vitrine_")))

    def dump(self):
        """All rows of all tables: {table: sorted rows}."""
        return {table: sorted(map(repr, self.rows(f'SELECT * FROM "{table}"')))
                for table in self.tables()}

    def stop(self):
        """Nothing runs."""


class Postgres:
    """A source in a cluster of its own."""

    name = "PostgreSQL"

    def __init__(self, _folder, settings="", data_parent=None):
        self.cluster = Cluster(settings, data_parent)
        self.url = self.cluster.create("writes")

    def rows(self, sql):
        """The rows of a SELECT as dicts; integers of any size, decimals exact."""
        # As JSON: a text may hold whatever separates columns and rows.
        done = self.cluster.psql(f"SELECT row_to_json(q) FROM ({sql}) q", "writes")
        return [json.loads(line, parse_float=Decimal) for line in done.stdout.split("\n") if line]

    def tables(self):
        """The names of the tables, without those of the writer itself."""
        names = self.rows("SELECT table_name AS name FROM information_schema.tables "
                          "WHERE table_schema = 'public'")
        return sorted(row["name"] for row in names if not row["name"].startswith("vitrine_"))

    def dump(self):
        """All rows of all tables: {table: sorted rows}."""
        tables = {table: [] for table in self.tables()}
        for row in self.rows(" UNION ALL ".join(  # one statement: each costs a psql
                f"SELECT '{table}' AS name, row_to_json(t)::text AS row FROM \"{table}\" t"
                for table in tables) or "SELECT 1 WHERE false"):
            tables[row["name"]].append(row["row"])
        return {table: sorted(rows) for table, rows in tables.items()}

    def stop(self):
        """Ends the server."""
        self.cluster.stop()


def added(before, after):
    """How many rows each table has more, without those that have none; no row may be another."""
    more = {}
    for table in after:
        if set(before[table]) - set(after[table]):
            raise AssertionError(f"{table}: rows were changed or lost: "
                                 f"{sorted(set(before[table]) - set(after[table]))[:3]}")
        if len(after[table]) != len(before[table]):
            more[table] = len(after[table]) - len(before[table])
    return more


# ---- clients ----


class Web:
    """One keep-alive connection: a request after the other; opened again when it was closed."""

    def __init__(self, port, timeout=30):
        self.port = port
        self.timeout = timeout
        self.client = None

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.close()

    def close(self):
        """Ends the connection."""
        if self.client is not None:
            self.client.socket.close()
            self.client = None

    def ask(self, method, path, body=None, headers=()):
        """The answer; BODY is bytes, or a value that is sent as JSON."""
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body, ensure_ascii=False).encode()
        lines = [f"{method} {path} HTTP/1.1", "Host: x", *headers]
        if body is not None:
            lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
        return self.raw("\r\n".join([*lines, "", ""]).encode() + (body or b""), method != "HEAD")

    def raw(self, data, has_body=True):
        """The answer to the bytes of a request."""
        if self.client is None:
            self.client = shelf.Client(self.port, timeout=self.timeout)
        try:
            self._send(data)
            answer = self.client.answer(has_body=has_body)
        except BaseException:
            self.close()  # nobody knows what comes next on it
            raise
        if answer.headers.get("connection") == "close":
            self.close()
        return answer

    def _send(self, data):
        """Sends DATA until an answer comes, which a service may give before it has read all. Of what
        was on its way by then it drops 2 MiB and resets the connection; its answer can still be read."""
        if len(data) <= PIECE:
            self.client.socket.sendall(data)
            return
        for at in range(0, len(data), PIECE):
            if select.select([self.client.socket], [], [], 0)[0]:
                return
            try:
                self.client.socket.sendall(data[at:at + PIECE])
            except ConnectionError:
                return

    def get(self, path, headers=()):
        """GET; the answer with its body as JSON."""
        answer = self.ask("GET", path, headers=headers)
        if answer.status != 200:
            raise AssertionError(f"GET {path}: {answer.status} {answer.body}")
        return json.loads(answer.body)


# ---- pex ----


def fibonacci(last):
    """The numbers 0 .. LAST of the sequence, exact."""
    numbers = [0, 1]
    while len(numbers) <= last:
        numbers.append(numbers[-1] + numbers[-2])
    return numbers


def number_of(answer):
    """The number of an answer of pex."""
    return json.loads(answer.body)


# ---- services ----


class Store:
    """A definition on a source: its release in a root, a service that takes writes, a builder."""

    def __init__(self, source_class, definition=support.DEFINITION, products=0, **options):
        self.folder = tempfile.mkdtemp(prefix="vitrine-writes-", dir="/var/tmp")
        self.processes = []
        self.source = None
        self.definition = definition
        self.root = os.path.join(self.folder, "root")
        self.port = support.free_port()
        self.common = ("--definition", definition)
        try:
            self.source = source_class(self.folder, **options)
            if products:
                self.fill(products)
            self.build()
        except BaseException:
            self.close()
            raise

    def fill(self, products):
        """Imports generated exports."""
        exports = os.path.join(self.folder, "exports")
        support.vitrine("generate", *self.common, "--products", products, "--seed", 3, exports)
        support.vitrine("import", *self.common, "--source", self.source.url, "--rejects",
                        os.path.join(self.folder, "rejects.csv"), exports)

    def build(self):
        """Builds a release and makes it the current one."""
        support.vitrine("build", *self.common, "--source", self.source.url, "--root", self.root)

    def start(self, *arguments):
        """A command in the background, until close()."""
        process = support.Process(self.folder, *arguments)
        self.processes.append(process)
        return process

    def serve(self, *options, wait=True):
        """Starts the service, always on the same port."""
        process = self.start("serve", "--root", self.root, "--source", self.source.url, "--listen",
                             f"127.0.0.1:{self.port}", "--threads", 2, *NO_LIMIT, *options)
        if wait:
            support.wait_for_port(process, self.port)
        return process

    def wait_for_source(self, path="/cart"):
        """Until PATH, which is read from the source, is answered; tables may be made before."""
        with self.web() as web:
            support.wait_until(lambda: web.ask("GET", path).status == 200, READY_S, path)

    def follow(self):
        """Starts a builder that makes a release whenever the source changed."""
        return self.start("build", *self.common, "--source", self.source.url, "--root", self.root,
                          "--every", "100ms")

    def web(self, **options):
        """A client."""
        return Web(self.port, **options)

    def close(self):
        """Ends everything; fails when a sanitizer said something."""
        said = []
        for process in self.processes:
            process.stop()
            if "Sanitizer" in process.stderr or "runtime error:" in process.stderr:
                said.append(process.stderr)
        if self.source is not None:
            self.source.stop()
        shutil.rmtree(self.folder, ignore_errors=True)
        if said:
            raise AssertionError("\n".join(said))
