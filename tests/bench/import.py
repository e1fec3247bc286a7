"""`vitrine import` into PostgreSQL beside `psql \\copy` of the same files into the same tables.

    ./dev bench import [--products 100000] [--only reviews,answers] [--rounds 5] [--keep DIR]

Both load clean exports with ISO times, which \\copy can read, into a cluster of their own. "rows" is
the load alone, without keys and indexes; "all" adds the primary keys, the indexes and ANALYZE. The
statements of \\copy run in one transaction with the CREATE TABLE and FREEZE, as those of the import.
"""

import argparse
import json
import re
import statistics
import subprocess
import sys
import time

import prepare

sys.path.insert(0, str(prepare.ROOT / "tests/integration"))
from postgres import Cluster  # noqa: E402  pylint: disable=wrong-import-position

TABLES = "reviews,answers,characteristic_reviews"
# What makes a CSV file of a table whose columns are called as in the export.
HEADER_SQL = "SELECT attname FROM pg_attribute WHERE attrelid = '{}'::regclass AND attnum > 0"
CREATE_SQL = """
SELECT format('CREATE TABLE %I (%s);', '{0}', string_agg(format('%I %s%s%s', attname,
    format_type(atttypid, atttypmod), CASE WHEN attcollation = 0 THEN '' ELSE ' COLLATE "C"' END,
    CASE WHEN attnotnull THEN ' NOT NULL' ELSE '' END), ', ' ORDER BY attnum))
FROM pg_attribute WHERE attrelid = '{0}'::regclass AND attnum > 0
"""
INDEX_SQL = """
SELECT CASE WHEN indisprimary THEN format('ALTER TABLE %I ADD %s;', '{0}',
    pg_get_constraintdef((SELECT oid FROM pg_constraint WHERE conindid = indexrelid)))
  ELSE pg_get_indexdef(indexrelid) || ';' END
FROM pg_index WHERE indrelid = '{0}'::regclass ORDER BY NOT indisprimary, indexrelid
"""


def seconds(command, **options):
    """Runs COMMAND; its time."""
    started = time.monotonic()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, **options)
    return time.monotonic() - started


class Bench:
    """A cluster with two databases: one for the import, one for \\copy."""

    def __init__(self, cluster, path, tables):
        self.cluster, self.path, self.tables = cluster, path, tables
        self.imported = cluster.create("imported")
        cluster.create("copied")
        self.plain = path / "plain.yaml"
        text = prepare.DEFINITION.read_text()
        self.files = dict(re.findall(r"^  (\w+):\n    file: (\S+)$", text, re.M))
        self.plain.write_text(re.sub(r"^    (primary_key|indexes): .*\n", "", text, flags=re.M))
        self.headers = {}

    def vitrine(self, definition, exports):
        """Imports; its time."""
        return seconds([prepare.VITRINE, "import", "--definition", definition, "--source",
                        self.imported, "--rejects", self.path / "rejects.csv", "--only",
                        ",".join(self.tables), exports])

    def prepare(self, products):
        """Exports that both can read, and the statements of the copies."""
        raw = self.path / "raw"
        if not raw.exists():
            prepare.timed("generate", "--definition", prepare.DEFINITION, "--products", products,
                          "--only", ",".join(self.tables), raw)
        self.vitrine(prepare.DEFINITION, raw)
        (self.path / "exports").mkdir(exist_ok=True)
        copies, indexes = [], []
        for table in self.tables:
            path = self.path / "exports" / self.files[table]
            header = (raw / self.files[table]).read_text("utf-8").partition("\n")[0]
            self.cluster.psql(f"SET TimeZone = 'UTC'; \\copy {table} to '{path}' (format csv)",
                              "imported")
            path.write_bytes(header.encode() + b"\n" + path.read_bytes())
            copies += self.lines(CREATE_SQL, table)
            copies.append(f"\\copy {table} from '{path}' (format csv, header, freeze)")
            indexes += [*self.lines(INDEX_SQL, table), f"ANALYZE {table};"]
        drop = [f"DROP TABLE IF EXISTS {table};" for table in self.tables]
        load = [*drop, "BEGIN;", *copies, "COMMIT;"]
        self.scripts = {"rows": load, "all": [*load, *indexes]}

    def lines(self, sql, table):
        """What a statement about TABLE returns."""
        return self.cluster.psql(sql.format(table), "imported").stdout.splitlines()

    def copy(self, what):
        """Runs the statements; their time."""
        script = self.path / f"{what}.sql"
        settings = ["SET maintenance_work_mem = '256MB';"]  # as the import has it
        script.write_text("\n".join(settings + self.scripts[what]) + "\n")
        return seconds(["psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-d", "copied", "-f", script],
                       env=self.cluster.client_env)

    def round(self):
        """One of each."""
        exports = self.path / "exports"
        return {"rows": (self.vitrine(self.plain, exports), self.copy("rows")),
                "all": (self.vitrine(prepare.DEFINITION, exports), self.copy("all"))}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--products", type=int, default=100000)
    parser.add_argument("--only", default=TABLES)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--keep", metavar="DIR", help="make the data there, or use what is there")
    options = parser.parse_args()
    cluster = Cluster()
    try:
        with prepare.folder(options.keep) as path:
            bench = Bench(cluster, path, options.only.split(","))
            bench.prepare(options.products)
            csv_bytes = sum(file.stat().st_size for file in (path / "exports").iterdir())
            rounds = [bench.round() for _ in range(options.rounds)]
    finally:
        cluster.stop()
    print(f"\n{options.only}: {csv_bytes:,} bytes of CSV, {options.rounds} rounds, medians")
    rows = []
    for what in ("rows", "all"):
        ours, theirs = (statistics.median(r[what][i] for r in rounds) for i in (0, 1))
        rows.append((what, f"{ours:.2f}", f"{theirs:.2f}", f"{ours / theirs:.2f}"))
    prepare.table(rows, ("what", "import s", "copy s", "ratio"))
    print(json.dumps(rounds))


if __name__ == "__main__":
    main()
