"""Import and build on a PostgreSQL cluster of their own, beside what PostgreSQL does alone.

    ./dev bench build [--products N] [--only TABLES] [--jobs N] [--runs N] [--connections N]
                      [--dir DIR] [--json FILE]

vitrine import is compared with psql \\copy of the same files into the same typed tables, with the
same keys, indexes and ANALYZE; vitrine build with COPY ... TO STDOUT (FORMAT binary) to /dev/null:
(a) of the very statements that the build sends, as the server logged them, and (b) of the bare
tables. Which side goes first alternates from run to run; ratios are medians of the runs' ratios.
docs/performance.md explains the figures.
"""

import argparse
import json
import os
import queue
import re
import shutil
import signal
import statistics
import subprocess
import sys
import threading
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import measure
import prepare
from subset import SHORTHANDS, Subset

sys.path.insert(0, str(prepare.ROOT / "tests/integration"))
import postgres  # pylint: disable=wrong-import-position

# What a server is given for a nightly load and a build; nothing else runs on this one.
SERVER = {
    "shared_buffers": "1GB",
    "work_mem": "64MB",
    "maintenance_work_mem": "256MB",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "15min",
    "wal_level": "minimal",  # a table made and loaded in one transaction writes no WAL
    "max_wal_senders": "0",
    "fsync": "on",
    "autovacuum": "off",
    "max_parallel_workers_per_gather": "2",
    "log_min_duration_statement": "0",
    "log_line_prefix": f"'{measure.LOG_PREFIX}'",
}
SMALL = 1000  # products of the data that tell the DDL and how much space is needed
SPARE_BYTES = 5 << 30  # for WAL, and so that no disk runs full

OURS_IMPORT, PSQL_COPY = "vitrine import", "psql \\copy"
OURS_BUILD = "vitrine build"
SAME_STATEMENTS = "(a) COPY of the build's own statements"
BARE_TABLES = "(b) COPY of the bare tables"


def say(text):
    print(text, file=sys.stderr, flush=True)


def vitrine(*arguments):
    return measure.run([prepare.VITRINE, *arguments])


# ---- files ----

DAY_MS = 86400000
FIELD = rb'(?:"[^"]*(?:""[^"]*)*"|[^",]*)'


def records(file):
    """The records of a CSV file; one that has line ends between quotes comes whole."""
    record = b""
    for line in file:
        record += line
        if record.count(b'"') % 2 == 0:
            yield record
            record = b""


def iso_text(days, text):
    """Milliseconds since 1970 as PostgreSQL reads a date; DAYS remembers dates."""
    day, ms = divmod(int(text), DAY_MS)
    if day not in days:
        days[day] = (datetime(1970, 1, 1) + timedelta(days=day)).strftime("%Y-%m-%dT").encode()
    return days[day] + b"%02d:%02d:%02d.%03dZ" % (
        ms // 3600000, ms // 60000 % 60, ms // 1000 % 60, ms % 1000)


def spell_dates(path, column):
    """Writes the numbers in a column (from 0) as dates: psql cannot take them otherwise."""
    date = re.compile(rb"((?:%s,){%d})(\d+)" % (FIELD, column))
    days, written = {}, path.with_suffix(".new")
    with open(path, "rb") as file, open(written, "wb") as out:
        for number, record in enumerate(records(file)):
            found = date.match(record)
            if number > 0 and found:
                out.write(found[1] + iso_text(days, found[2]) + record[found.end():])
            else:
                out.write(record)
    written.replace(path)


class Exports:
    """Generated CSV files of some tables, dates written out; rows and bytes before that."""

    def __init__(self, path, definition, subset, products):
        printed = vitrine("generate", "--definition", definition, "--products", products,
                          "--only", ",".join(subset.tables), path)[1]
        found = re.findall(r"^(\w+) +([\d,]+) +([\d,]+)$", printed, re.MULTILINE)
        counts = {name: (int(rows.replace(",", "")), int(size.replace(",", "")))
                  for name, rows, size in found}
        self.path = path
        self.rows = {name: counts[name][0] for name in subset.tables}
        self.csv_bytes = sum(counts[name][1] for name in subset.tables)

    def spell_dates(self, subset, dates):
        for table, column in dates:
            if table in subset.files:  # not the record of imports
                spell_dates(self.path / subset.files[table], column)


# ---- the server ----


def start_cluster(path):
    """A cluster with its data in PATH."""
    settings = "".join(f"{name} = {value}\n" for name, value in SERVER.items())
    return postgres.Cluster(settings, path)


@contextmanager
def cluster_in(path):
    path.chmod(0o711)  # the server is somebody else when this runs as root
    cluster = start_cluster(path)
    try:
        yield cluster
    finally:
        cluster.stop()


class Bench:
    """The cluster, the data, and what was measured: {name: [a dict a run]}."""

    def __init__(self, options, path, cluster, subset):
        self.options, self.path, self.cluster, self.subset = options, path, cluster, subset
        self.definition = path / "definition.yaml"
        self.definition.write_text(subset.text)
        self.ddl, self.exports = {}, None
        self.statements, self.session, self.connections = [], [], options.connections
        self.runs = {}

    @contextmanager
    def measured(self, name):
        """Puts what a with block took, and what it adds, among the runs of NAME."""
        os.sync()
        self.cluster.psql("CHECKPOINT", "postgres", timeout=600)
        log = measure.Statements(self.cluster.log_path())
        with measure.clock(self.cluster.process.pid) as found:
            yield found
        found["statements"] = log.read()
        say(f"{name}: {found['seconds']:.1f} s")
        self.runs.setdefault(name, []).append(found)

    # ---- import ----

    def import_ours(self, exports, database="shop"):
        url = self.cluster.create(database)
        rejects = self.path / "rejects.csv"
        with self.measured(OURS_IMPORT) as found:
            found["peak_bytes"], _ = vitrine(
                "import", "--definition", self.definition, "--source", url, "--rejects", rejects,
                "--only", ",".join(self.subset.tables), exports.path)
        if rejects.read_text().count("\n") > 1:
            raise SystemExit(f"vitrine import rejected records:\n{rejects.read_text()[:2000]}")
        self.split_load(found, database)

    def import_psql(self, exports, database="psql"):
        self.cluster.create(database)
        script = self.path / "copy.sql"
        script.write_text("".join(self.load_table(exports, name) for name in self.subset.tables)
                          + "".join(f'ANALYZE public."{name}";\n' for name in self.subset.tables))
        with self.measured(PSQL_COPY) as found:
            found["peak_bytes"], _ = measure.run(
                ["psql", "-Xq", "-v", "ON_ERROR_STOP=1", "-o", "/dev/null", "-d", database, "-f",
                 script], env=self.cluster.client_env)
        self.split_load(found, database)

    def load_table(self, exports, name):
        """The script of one table: one transaction, rows before keys and indexes, as vitrine does."""
        before, after = self.ddl[name]
        file = str(exports.path / self.subset.files[name]).replace("'", "''")
        return (f"BEGIN;\n{before}\n\\copy public.\"{name}\" FROM '{file}' WITH (FORMAT csv, HEADER, "
                f"NULL 'null', FREEZE)\n{after}\nCOMMIT;\n")

    @staticmethod
    def split_load(found, database):
        """Seconds of the statements of an import by what they do."""
        kinds = {"load_s": "COPY", "index_s": "ALTER TABLE|CREATE INDEX", "analyze_s": "ANALYZE"}
        for name, words in kinds.items():
            found[name] = sum(s.seconds for s in found["statements"] if s.database == database
                              and re.match(rf"\s*(?:{words})\b", s.sql))

    # ---- build ----

    def build_ours(self):
        root = self.path / "root"
        # The golden requests of the definition ask for all collections.
        accepted = ("--accept", "requests") if self.options.only else ()
        with self.measured(OURS_BUILD) as found:
            found["peak_bytes"], _ = vitrine(
                "build", "--definition", self.definition, "--source", self.cluster.url("shop"),
                "--root", root, "--force", "--jobs", self.options.jobs, *accepted)
        found["stored_bytes"] = sum(
            prepare.sizes(files)
            for files in prepare.stored_files((root / "current").resolve()).values())
        shutil.rmtree(root)
        self.take_statements(found)

    def take_statements(self, found):
        """What the build read with, and how its sessions were set, for the control (a)."""
        copies = [s for s in found["statements"] if s.sql.startswith("COPY (")]
        if not copies:
            raise SystemExit("the server logged no COPY of the build: the control has no statements")
        found["connections"] = measure.most_at_once(copies)
        readers = {s.pid for s in copies}
        settings = [s.sql for s in found["statements"]
                    if s.pid in readers and re.match(r"SET (?!TRANSACTION)|SELECT set_config", s.sql)]
        self.session = list(dict.fromkeys(settings))
        copies.sort(key=lambda s: -s.seconds)
        self.statements = [s.sql for s in copies]
        self.connections = self.options.connections or found["connections"]

    def copy_statements(self):
        self.copy_out(SAME_STATEMENTS, self.statements)

    def copy_tables(self):
        largest = sorted(self.subset.tables, key=lambda name: -self.exports.rows[name])
        self.copy_out(BARE_TABLES, [f'COPY "{name}" TO STDOUT (FORMAT binary)' for name in largest])

    def copy_out(self, name, copies):
        """Runs COPYs to /dev/null, each on the next connection that is free."""
        with self.measured(name) as found:
            found["connections"] = min(self.connections, len(copies))
            Readers(self.cluster, found["connections"], self.session).run(copies)

    # ---- in all ----

    def prepare(self):
        """Loads a little both ways: for the DDL, the space needed, and to see that they agree."""
        exports = Exports(self.path / "small", self.definition, self.subset, SMALL)
        self.import_ours(exports)
        self.ddl = {name: dump(self.cluster, name) for name in self.subset.tables}
        dates = date_columns(self.cluster)
        exports.spell_dates(self.subset, dates)
        self.import_psql(exports)
        for name in self.subset.tables:
            if checksum(self.cluster, "shop", name) != checksum(self.cluster, "psql", name):
                raise SystemExit(f"table {name} differs between vitrine import and psql \\copy")
        check_space(self.path, exports.csv_bytes, self.database_bytes(), self.options.products)
        self.runs.clear()
        say(f"generating {self.options.products:,} products")
        self.exports = Exports(self.path / "exports", self.definition, self.subset,
                               self.options.products)
        say("writing their dates as psql reads them")
        self.exports.spell_dates(self.subset, dates)

    def database_bytes(self):
        return int(self.cluster.rows("SELECT pg_database_size('shop')", "postgres")[0][0])

    def run(self, number):
        """All that is compared, once; every other time in the opposite order."""
        imports = [lambda: self.import_ours(self.exports), self.import_control]
        builds = [self.build_ours, self.copy_statements, self.copy_tables]
        for steps in (imports, builds):
            for step in reversed(steps) if number % 2 else steps:
                step()

    def import_control(self):
        self.import_psql(self.exports)
        self.cluster.psql('DROP DATABASE "psql"', "postgres")


class Readers:
    """Connections that read what nobody keeps."""

    def __init__(self, cluster, count, settings):
        self.work, self.errors = queue.SimpleQueue(), []
        self.sessions = [postgres.Session(cluster, "shop") for _ in range(count)]
        self.settings = [f"{sql}\n\\g /dev/null" for sql in settings]

    def run(self, copies):
        for sql in copies:
            self.work.put(f"{sql}\n\\g /dev/null")
        threads = [threading.Thread(target=self.read, args=(session,), daemon=True)
                   for session in self.sessions]
        try:
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        except BaseException:
            for session in self.sessions:
                session.process.kill()
            raise
        finally:
            for session in self.sessions:
                session.close()
        if self.errors:
            raise SystemExit(f"a control failed: {self.errors[0]}")

    def read(self, session):
        try:
            for sql in self.settings:
                session.run(sql)
            while True:
                session.run(self.work.get_nowait())
        except queue.Empty:
            pass
        except (AssertionError, OSError) as error:
            self.errors.append(error)


def dump(cluster, table):
    """The DDL of a table that vitrine made: what makes it, and its keys and indexes."""
    parts = []
    for section in ("pre-data", "post-data"):
        done = subprocess.run(
            ["pg_dump", "--schema-only", "--no-owner", "--no-privileges", f"--section={section}",
             "-t", f'public."{table}"', "shop"],
            check=True, capture_output=True, text=True, env=cluster.client_env)
        parts.append("\n".join(line for line in done.stdout.splitlines()
                               if line and not line.startswith(("--", "\\"))))
    return parts


def date_columns(cluster):
    """Table and place (from 0) of every date."""
    rows = cluster.rows("SELECT table_name, ordinal_position - 1 FROM information_schema.columns"
                        " WHERE table_schema = 'public' AND data_type LIKE 'timestamp%'", "shop")
    return [(table, int(column)) for table, column in rows]


def checksum(cluster, database, table):
    return cluster.rows(f"SELECT count(*), md5(string_agg(t::text, '|' ORDER BY t::text))"
                        f' FROM public."{table}" AS t', database)


def check_space(path, csv_bytes, database_bytes, products):
    """Two databases and the exports are there at once; of the small ones much is overhead."""
    needed = round((csv_bytes * 2 + database_bytes * 2) * products / SMALL) + SPARE_BYTES
    free = shutil.disk_usage(path).free
    if free < needed:
        raise SystemExit(f"{path}: {free / 1e9:.1f} GB are free, {products:,} products need about "
                         f"{needed / 1e9:.1f} GB; take another --dir, or fewer --products")


# ---- figures ----

PLAIN = ("seconds", "load_s", "index_s", "analyze_s", "client_cpu_s", "server_cpu_s", "peak_bytes",
         "connections", "stored_bytes")


def median(runs, name):
    return statistics.median(run[name] for run in runs)


def ratio(ours, theirs, name="seconds"):
    return statistics.median(a[name] / b[name] for a, b in zip(ours, theirs))


def both_sides(runs):
    """The runs with the CPU seconds of client and server added up, which share the cores here."""
    return [{"cpu_s": run["client_cpu_s"] + run["server_cpu_s"]} for run in runs]


def seconds(runs, name="seconds"):
    return f"{median(runs, name):.2f}"


def spread(runs):
    values = [run["seconds"] for run in runs]
    return f"{min(values):.2f}-{max(values):.2f}"


def mebibytes(runs):
    return f"{median(runs, 'peak_bytes') / 2**20:.0f}" if "peak_bytes" in runs[0] else "-"


def figures(bench):
    """All that was measured, for --json and for the tables."""
    runs = {name: [{key: run[key] for key in PLAIN if key in run} for run in found]
            for name, found in bench.runs.items()}
    ours, builds = runs[OURS_IMPORT], runs[OURS_BUILD]
    stored = median(builds, "stored_bytes")
    rows = sum(bench.exports.rows.values())
    return {
        "machine": {**measure.machine(), "postgresql": version(bench.cluster)},
        "server": SERVER,
        "products": bench.options.products,
        "tables": bench.exports.rows,
        "collections": bench.subset.collections,
        "rows": rows,
        "csv_bytes": bench.exports.csv_bytes,
        "database_bytes": bench.database_bytes(),
        "stored_bytes": stored,
        "jobs": bench.options.jobs,
        "runs": runs,
        "ratios": {
            "import, load": ratio(ours, runs[PSQL_COPY], "load_s"),
            "import, total": ratio(ours, runs[PSQL_COPY]),
            "build, against (a)": ratio(builds, runs[SAME_STATEMENTS]),
            "build, CPU of both sides against (a)": ratio(
                both_sides(builds), both_sides(runs[SAME_STATEMENTS]), "cpu_s"),
            "build, against (b)": ratio(builds, runs[BARE_TABLES]),
            "partitions and listings, of the CSV bytes": stored / bench.exports.csv_bytes,
        },
        "import_rows_per_s": rows / median(ours, "seconds"),
        "build_rows_per_s": rows / median(builds, "seconds"),
    }


def version(cluster):
    return cluster.rows("SHOW server_version", "postgres")[0][0]


def show_machine(found):
    about = found["machine"]
    print(f"\n{about['cores']} cores ({about['processor']}), {about['memory_gib']} GiB, "
          f"{about['system']}, kernel {about['kernel']}, PostgreSQL {about['postgresql']}, SQLite "
          f"{about['sqlite']}; page cache warm")
    settings = ", ".join(f"{k} {v}" for k, v in found["server"].items() if not k.startswith("log_"))
    print(f"server: {settings}\n")
    print(f"{found['products']:,} products, {found['rows']:,} rows in {len(found['tables'])} tables; "
          f"collections: {', '.join(found['collections'])}\n")


def show_times(found):
    runs = found["runs"]
    rows = [(name, seconds(runs[name]), spread(runs[name]), seconds(runs[name], "load_s"),
             seconds(runs[name], "index_s"), seconds(runs[name], "analyze_s"),
             seconds(runs[name], "client_cpu_s"), seconds(runs[name], "server_cpu_s"),
             mebibytes(runs[name])) for name in (OURS_IMPORT, PSQL_COPY)]
    prepare.table(rows, ("import", "s", "range", "load s", "indexes s", "analyze s", "client CPU s",
                         "server CPU s", "client peak MiB"))
    print()
    rows = [(name, seconds(runs[name]), spread(runs[name]),
             f"{median(runs[name], 'connections'):.0f}", seconds(runs[name], "client_cpu_s"),
             seconds(runs[name], "server_cpu_s"), mebibytes(runs[name]))
            for name in (OURS_BUILD, SAME_STATEMENTS, BARE_TABLES)]
    prepare.table(rows, ("build", "s", "range", "connections", "client CPU s", "server CPU s",
                         "client peak MiB"))


def show(found):
    show_machine(found)
    show_times(found)
    aims = {"import, total": 1.3, "build, against (a)": 1.3,
            "partitions and listings, of the CSV bytes": 0.5}
    print()
    prepare.table([(name, f"{value:.2f}", f"<= {aims[name]}" if name in aims else "")
                   for name, value in found["ratios"].items()], ("ratio", "", "aim"))
    print(f"\nCSV {found['csv_bytes']:,} bytes, database {found['database_bytes']:,}, partitions and "
          f"listings {found['stored_bytes']:,.0f}\nrows of the tables a second: import "
          f"{found['import_rows_per_s']:,.0f}, build {found['build_rows_per_s']:,.0f}; build --jobs "
          f"{found['jobs']}")


def parse_options():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--products", type=int, default=20000)
    parser.add_argument("--only", metavar="TABLES", help="these tables, and the collections that "
                        f"need no others; for short: {', '.join(SHORTHANDS)}")
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)),
                        help="of vitrine build (default: the cores)")
    parser.add_argument("--connections", type=int, default=0, metavar="N",
                        help="of the controls (default: as many as the build had at once)")
    parser.add_argument("--runs", type=int, default=3, help="of everything (default 3)")
    parser.add_argument("--dir", default="/var/tmp", help="for the data, which is removed at the "
                        "end (default /var/tmp)")
    parser.add_argument("--json", metavar="FILE", help="write the figures there too")
    options = parser.parse_args()
    for name in ("products", "jobs", "runs"):
        if getattr(options, name) < 1:
            parser.error(f"--{name}: at least 1")
    return options


def interrupt(number, _):
    """The first signal ends the bench; further ones must not disturb the cleaning up."""
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, signal.SIG_IGN)
    raise KeyboardInterrupt(number)


def main():
    options = parse_options()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupt)
    subset = Subset(prepare.DEFINITION.read_text(), options.only)
    with ExitStack() as stack:
        path = stack.enter_context(prepare.folder(None, options.dir))
        cluster = stack.enter_context(cluster_in(path))
        bench = Bench(options, path, cluster, subset)
        bench.prepare()
        for number in range(options.runs):
            say(f"run {number + 1} of {options.runs}")
            bench.run(number)
        found = figures(bench)
    show(found)
    if options.json:
        Path(options.json).write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt as stopped:
        raise SystemExit(128 + (stopped.args[0] if stopped.args else signal.SIGINT)) from None
