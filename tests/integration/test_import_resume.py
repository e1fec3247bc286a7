#!/usr/bin/env python3
"""`vitrine import --resume`: cut short at any moment, it ends as if nothing had happened.

ctest: side by side
"""
import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import support
from postgres import Cluster, Session

TABLES = ("authors", "books", "loans")
DEFINITION = """\
name: library
tables:
  authors:
    file: authors.csv
    primary_key: id
    columns: {id: {type: integer, required: true}, name: text}
  books:
    file: books.csv
    primary_key: id
    indexes: [[author_id]]
    columns:
      id: {type: integer, required: true}
      author_id: integer
      title: text
      price: {type: decimal, scale: 2}
  loans:
    file: loans.csv
    primary_key: id
    indexes: [[book_id], [due, book_id]]
    columns:
      id: {type: integer, required: true}
      book_id: {type: integer, required: true}
      due: timestamp
collections:
  books:
    key: id
    rows: SELECT id, title, price FROM books
    fields: {id: integer, title: text, price: {type: decimal, scale: 2}}
routes:
  - {get: "/books/:id", from: books, key: {path: id}, answer: $row}
"""
RECORDS = {"authors": 20000, "books": 50000, "loans": 120000}
MOMENTS = 10  # at which an import is cut short, on each source

cluster = None


def setUpModule():
    global cluster
    cluster = Cluster()


def tearDownModule():
    cluster.stop()


def exports(folder, scale=1.0):
    """Files in which a few records of each hundred are bad, one with a byte that is no UTF-8."""
    os.mkdir(folder)
    rows = {"authors": lambda i: b"%d,Author %d" % (i, i),
            "books": lambda i: b'%d,%d,"Title, ""%d""",%d.5' % (i, i % 999, i, i % 90),
            "loans": lambda i: b"%d,%d,%d" % (i, i % 5000, 1596080481467 + i)}
    headers = {"authors": b"id,name", "books": b"id,author_id,title,price",
               "loans": b"id,book_id,due"}
    for table in TABLES:
        lines = [headers[table]]
        for i in range(1, int(RECORDS[table] * scale) + 1):
            lines.append(rows[table](i))
            if i % 97 == 0:
                lines.append(b"%d,twice" % i if table == "authors" else b'bad \xff "%d"' % i)
        with open(os.path.join(folder, table + ".csv"), "wb") as file:
            file.write(b"\n".join(lines) + b"\n")


class Sqlite:
    """An embedded source that a test looks into."""

    def __init__(self, test, name):
        self.path = test.path(name + ".db")
        self.url = "sqlite:" + self.path

    def rows(self, sql):
        """The rows of a statement, as lists of texts."""
        connection = sqlite3.connect(self.path)
        try:
            found = connection.execute(sql).fetchall()
            connection.commit()
            return [["" if value is None else str(value) for value in row] for row in found]
        finally:
            connection.close()

    def has(self, table):
        """Whether the table is there."""
        return bool(self.rows(f"SELECT 1 FROM sqlite_master WHERE name = '{table}'"))

    def statistics(self):
        """The tables that have some."""
        return sorted({row[0] for row in self.rows("SELECT tbl FROM sqlite_stat1")})

    def drop_statistics(self):
        """As if the import had been killed before it made them."""
        self.rows("DELETE FROM sqlite_stat1")

    def indexes(self):
        """What is indexed."""
        return self.rows("SELECT name, sql FROM sqlite_master WHERE type = 'index' ORDER BY 1")


class Postgres:
    """The same on the cluster."""

    def __init__(self, _, name):
        self.name = name
        self.url = cluster.create(name)

    def rows(self, sql):
        """The rows of a statement."""
        return cluster.rows(sql, self.name)

    def has(self, table):
        """Whether the table is there."""
        return bool(self.rows(f"SELECT 1 FROM pg_class WHERE relname = '{table}'"))

    def statistics(self):
        """The tables that have some."""
        return [row[0] for row in self.rows("SELECT DISTINCT tablename FROM pg_stats WHERE "
                                            "schemaname = 'public' ORDER BY 1")]

    def drop_statistics(self):
        """As if the import had been killed before it made them."""
        self.rows("DELETE FROM pg_statistic WHERE starelid IN (SELECT oid FROM pg_class WHERE "
                  "relname IN ('authors', 'books', 'loans'))")

    def indexes(self):
        """What is indexed."""
        return self.rows("SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' "
                         "ORDER BY 1")


class Importing(support.TestCase):
    """A test with a definition and exports, small ones unless it asks for more."""

    scale = 0.02

    def setUp(self):
        super().setUp()
        exports(self.path("exports"), self.scale)
        self.write("definition.yaml", DEFINITION)

    def write(self, name, text):
        """Writes a file of the test's folder."""
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)

    def replace(self, name, old, new):
        """Changes a file of the test's folder."""
        with open(self.path(name), "rb") as file:
            data = file.read()
        self.assertIn(old, data)
        with open(self.path(name), "wb") as file:
            file.write(data.replace(old, new, 1))

    def command(self, source, *options):
        """The arguments of an import."""
        return ("import", "--definition", self.path("definition.yaml"), "--source", source.url,
                "--rejects", self.path("rejects.csv"), *options, self.path("exports"))

    def run_import(self, source, *options, **more):
        """Runs an import to its end."""
        return support.vitrine(*self.command(source, *options), **more)

    def rejects(self, name="rejects.csv"):
        """The bytes of the rejects file."""
        with open(self.path(name), "rb") as file:
            return file.read()

    def took(self, done):
        """{table: what stands in the last column of the report}."""
        lines = [line.split() for line in done.stdout.splitlines()]
        return {line[0]: line[-1] for line in lines[1:] if line[0] in TABLES}

    def skipped(self, done):
        """The tables that an import left alone."""
        return sorted(table for table, text in self.took(done).items() if text == "skipped")

    def contents(self, source):
        """All that an import brings about."""
        tables = {table: source.rows(f"SELECT * FROM {table} ORDER BY id") for table in TABLES}
        return tables, source.indexes(), source.statistics()


class OnBoth:
    """What holds for either source."""

    def test_resuming_skips_what_is_there_and_rewrites_the_rejects(self):
        source = self.source("again")
        first = self.run_import(source)
        self.assertEqual(self.skipped(first), [])
        rejects = self.rejects()
        self.assertGreater(rejects.count(b"\n"), 30)
        os.remove(self.path("rejects.csv"))
        done = self.run_import(source, "--resume")
        self.assertEqual(self.skipped(done), sorted(TABLES))
        self.assertEqual(self.rejects(), rejects)
        # Without the seconds, which are the last column of every line that has numbers.
        counts = [[line.split()[:-1] for line in text.splitlines()] for text in
                  (first.stdout, done.stdout)]
        self.assertEqual(counts[0], counts[1])
        self.assertIn(str(["total", "3,838", "3,800", "38"]), str(counts[0]))
        self.assertEqual(self.skipped(self.run_import(source)), [])

    def test_a_changed_file_is_loaded_again(self):
        source = self.source("file")
        self.run_import(source)
        self.replace("exports/books.csv", b'"Title, ""7"""', b'"Title, ""8"""')
        done = self.run_import(source, "--resume")
        self.assertEqual(self.skipped(done), ["authors", "loans"])
        self.assertIn('loaded_again table=books reason="its file has changed"', done.stderr)
        self.assertEqual(source.rows("SELECT title FROM books WHERE id = 7"), [['Title, "8"']])
        rejects = self.rejects()
        self.run_import(source)
        self.assertEqual(self.rejects(), rejects)

    def test_a_changed_definition_is_loaded_again(self):
        changes = ((b"name: text", b"name: url", "authors"),
                   (b"indexes: [[author_id]]", b"indexes: [[title]]", "books"),
                   (b"due: timestamp", b"due: {type: timestamp, required: true}", "loans"),
                   (b"type: decimal, scale: 2", b"type: decimal, scale: 3", "books"))
        source = self.source("definition")
        self.run_import(source)
        for old, new, table in changes:
            self.replace("definition.yaml", old, new)
            done = self.run_import(source, "--resume")
            self.assertEqual(self.skipped(done), sorted(set(TABLES) - {table}), new)
            self.assertIn(f'table={table} reason="its definition has changed"', done.stderr)

    def test_a_table_that_was_dropped_or_emptied_is_loaded_again(self):
        source = self.source("gone")
        self.run_import(source)
        before = self.contents(source)
        source.rows("DROP TABLE books")
        source.rows("DELETE FROM loans")
        done = self.run_import(source, "--resume")
        self.assertEqual(self.skipped(done), ["authors"])
        self.assertEqual(self.contents(source), before)

    def test_a_stricter_limit_counts_for_what_was_loaded_too(self):
        source = self.source("limit")
        self.run_import(source)
        done = self.run_import(source, "--resume", "--most-rejects", 0, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("authors.csv: 4 of 404 records were rejected, more than 0 %", done.stderr)

    def test_a_failure_says_how_to_go_on(self):
        source = self.source("failure")
        with open(self.path("exports", "loans.csv"), "ab") as file:
            file.write(b"x\n" * 1000)
        done = self.run_import(source, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("the same command with --resume goes on", done.stderr)
        done = self.run_import(source, "--resume", "--most-rejects", 60)
        self.assertEqual(self.skipped(done), ["authors", "books"])

    def test_statistics_that_are_missing_are_made(self):
        source = self.source("statistics")
        self.run_import(source)
        wanted = source.statistics()
        self.assertLessEqual(set(TABLES), set(wanted))
        source.drop_statistics()
        self.run_import(source, "--resume")
        self.assertEqual(set(source.statistics()) & set(TABLES), set())  # were made, it believes
        source.rows("UPDATE vitrine_import SET is_settled = (1 = 0)")
        done = self.run_import(source, "--resume")
        self.assertEqual(self.skipped(done), sorted(TABLES))
        self.assertEqual(source.statistics(), wanted)

    def test_a_build_does_not_see_that_nothing_was_done(self):
        source = self.source("build")
        build = ("build", "--definition", self.path("definition.yaml"), "--source", source.url,
                 "--root", self.path("root"))
        self.run_import(source)
        support.vitrine(*build)
        self.run_import(source, "--resume")
        self.assertIn("is up to date", support.vitrine(*build).stdout)

    def test_only_leaves_the_records_of_other_tables(self):
        source = self.source("only")
        self.run_import(source, "--only", "books")
        done = self.run_import(source, "--resume", "--only", "authors,books")
        self.assertEqual(self.took(done)["books"], "skipped")
        self.assertEqual(self.skipped(self.run_import(source, "--resume")), ["authors", "books"])

    def test_a_table_may_not_take_the_name_of_the_record(self):
        source = self.source("name")
        self.replace("definition.yaml", b"  authors:", b"  Vitrine_Import:")
        done = self.run_import(source, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("table Vitrine_Import: this is where an import keeps what it loaded; give "
                      "the table another name", done.stderr)


class SqliteResume(OnBoth, Importing):
    """The embedded source."""

    def source(self, name):
        """A new one."""
        return Sqlite(self, name)

    def test_names_of_indexes_do_not_collide(self):
        for name in ("a", "a_b"):
            self.write(f"exports/{name}.csv", "id,c,b_c\n1,2,3\n")
        self.replace("definition.yaml", b"tables:\n", b"""tables:
  a_b:
    file: a_b.csv
    indexes: [[c]]
    columns: {id: integer, c: integer}
  a:
    file: a.csv
    indexes: [[b_c], [c]]
    columns: {id: integer, b_c: integer, c: integer}
""")
        source = self.source("names")
        self.run_import(source, "--only", "a,a_b")
        self.assertEqual([row[0] for row in source.indexes() if "sqlite_" not in row[0]],
                         ["a(b_c)", "a(c)", "a_b(c)"])


class PostgresResume(OnBoth, Importing):
    """A server."""

    def source(self, name):
        """A new one."""
        return Postgres(self, name)


class CutShort(Importing):
    """Imports that are killed or interrupted at moments all over their course."""

    scale = 1.0

    def cut(self, source, after_s, number):
        """Starts an import, ends it, and waits until nobody works for it any more."""
        process = self.start(*self.command(source))
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(after_s)
        process.send(number)
        code = process.wait()
        self.assertIn(code, (0, 130, -number), process.stderr)
        if isinstance(source, Postgres):
            support.wait_until(lambda: cluster.rows(
                f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{source.name}'",
                "postgres") == [["0"]], what="the end of its session")
        return code

    def check(self, kind):
        """Cuts imports short and compares what they come to with one that went through."""
        whole = kind(self, "whole")
        started = time.monotonic()
        self.run_import(whole)
        whole_s = time.monotonic() - started
        wanted = (self.contents(whole), self.rejects())
        skips = set()
        # Further rounds when the machine was busier, or less busy, than in the import that was timed.
        for moment in (moment for _ in range(4) for moment in range(MOMENTS)):
            if moment == 0 and len(skips) >= 2:
                break
            source = kind(self, f"cut{moment}")
            number = (signal.SIGKILL, signal.SIGTERM)[moment % 2]
            started = time.monotonic()
            code = self.cut(source, whole_s * (moment + 0.5) / MOMENTS, number)
            if code == 0:
                whole_s = min(whole_s, time.monotonic() - started)
            done = self.run_import(source, "--resume")
            self.assertTrue(self.contents(source) == wanted[0], f"{moment}: another content")
            self.assertTrue(self.rejects() == wanted[1], f"{moment}: other rejects")
            self.assertEqual(source.rows("SELECT count(*) FROM vitrine_import WHERE is_settled"),
                             [["3"]])
            if code != 0:
                skips.add(len(self.skipped(done)))
        self.assertGreaterEqual(len(skips), 2, f"always the same was skipped: {skips}")

    def test_at_any_moment_on_sqlite(self):
        self.check(Sqlite)

    def test_at_any_moment_on_postgres(self):
        self.check(Postgres)

    def kill_resume(self, source):
        """Whether a resume could be killed while it loads; one that nobody looked at ends by itself."""
        for table in TABLES[1:]:
            source.rows(f"DROP TABLE IF EXISTS {table}")
        process = self.start(*self.command(source, "--resume"))
        support.wait_until(lambda: support.is_written(source.path) or process.returncode is not None,
                           what="the load to begin")
        process.send(signal.SIGKILL)
        return process.wait() == -signal.SIGKILL

    def test_a_resume_that_is_cut_short_is_resumed(self):
        source = Sqlite(self, "twice")
        self.run_import(source)
        wanted = self.rejects()
        support.wait_until(lambda: self.kill_resume(source), what="a load that was killed")
        self.assertIn("authors", self.skipped(self.run_import(source, "--resume")))
        self.assertEqual(self.rejects(), wanted)


SLOW_INDEXES = """
CREATE FUNCTION slow() RETURNS event_trigger LANGUAGE plpgsql AS
$$ BEGIN PERFORM pg_sleep({}); END $$;
CREATE EVENT TRIGGER slow ON ddl_command_end WHEN tag IN ('CREATE INDEX') EXECUTE FUNCTION slow();
"""

BAD_ROW = """
CREATE FUNCTION refuse() RETURNS event_trigger LANGUAGE plpgsql AS
$$ BEGIN ALTER TABLE loans ADD CONSTRAINT not_the_fifth CHECK (id <> 5); END $$;
CREATE EVENT TRIGGER refuse ON ddl_command_end WHEN tag IN ('CREATE TABLE')
EXECUTE FUNCTION refuse();
"""


class Waiting(Importing):
    """What a server does by itself, and what it says meanwhile."""

    def assert_ends_soon(self, process):
        """SIGINT ends it with its code, within seconds."""
        started = time.monotonic()
        process.send(signal.SIGINT)
        self.assertEqual(process.wait(), 130, process.stderr)
        self.assertLess(time.monotonic() - started, 30)  # what it waits for takes 60 s, or for ever

    def wait_for(self, condition, database):
        """Until a session of the import is as said."""
        support.wait_until(lambda: cluster.rows(
            f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{database}' AND {condition}",
            "postgres") == [["1"]], what=condition)

    def test_a_signal_ends_the_making_of_indexes(self):
        source = Postgres(self, "indexes")
        cluster.psql(SLOW_INDEXES.format(60), "indexes")
        process = self.start(*self.command(source))
        self.wait_for("wait_event = 'PgSleep'", "indexes")
        self.assert_ends_soon(process)
        self.assertIn("books.csv: interrupted: indexes of books", process.stderr)
        self.assertFalse(source.has("books"))
        cluster.psql("DROP EVENT TRIGGER slow", "indexes")
        self.assertEqual(self.skipped(self.run_import(source, "--resume")), ["authors"])

    def test_long_work_on_indexes_is_told(self):
        source = Postgres(self, "telling")
        cluster.psql(SLOW_INDEXES.format(8), "telling")
        done = self.run_import(source, "--only", "books")
        self.assertRegex(done.stderr, r'working on="indexes of books" seconds=[5-9]')

    def test_a_signal_ends_the_waiting_for_a_lock(self):
        source = Postgres(self, "locks")
        self.run_import(source)
        for table, sql, options in (
                ("statistics of loans", "LOCK loans IN SHARE UPDATE EXCLUSIVE MODE", ["--resume"]),
                ("making authors", "LOCK authors IN ACCESS SHARE MODE", [])):
            source.rows("UPDATE vitrine_import SET is_settled = table_name <> 'loans'")
            session = Session(cluster, "locks")
            try:
                session.run(f"BEGIN; {sql};")
                process = self.start(*self.command(source, *options))
                self.wait_for("wait_event_type = 'Lock'", "locks")
                self.assert_ends_soon(process)
                self.assertIn("interrupted: " + table, process.stderr)
            finally:
                session.close()

    def test_an_error_among_the_rows_is_told_at_once(self):
        lines = b"".join(b"%d,1,1596080481467\n" % i for i in range(1, 600000))
        with open(self.path("exports", "loans.csv"), "wb") as file:
            file.write(b"id,book_id,due\n" + lines)
        source = Postgres(self, "complaint")
        started = time.monotonic()
        self.run_import(source, "--only", "loans")
        whole_s = time.monotonic() - started
        cluster.psql(BAD_ROW, "complaint")

        def complain():
            done = self.run_import(source, "--only", "loans", check=False)
            self.assertEqual(done.returncode, 1)
            self.assertIn('violates check constraint "not_the_fifth"', done.stderr)

        self.assertLess(support.quickest(complain, whole_s / 2), whole_s / 2)

    def test_a_lost_session_is_told_at_once(self):
        source = Postgres(self, "lost")
        cluster.psql(SLOW_INDEXES.format(60), "lost")
        process = self.start(*self.command(source))
        self.wait_for("wait_event = 'PgSleep'", "lost")
        cluster.psql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = "
                     "'lost'", "postgres")
        self.assertEqual(process.wait(30), 1)  # its index takes 60 s
        self.assertIn("terminating connection due to administrator command", process.stderr)

    def test_two_first_imports_at_once_both_succeed(self):
        source = Postgres(self, "both")
        self.run_import(source, "--only", "authors")
        source.rows("ALTER TABLE vitrine_import RENAME TO one_like_it")
        session = Session(cluster, "both")
        try:
            # What another import does when its load ends.
            session.run("BEGIN; SELECT pg_advisory_xact_lock(hashtext('vitrine_import'));"
                        "CREATE TABLE vitrine_import (LIKE one_like_it INCLUDING ALL);")
            process = self.start(*self.command(source, "--only", "books"))
            self.wait_for("wait_event_type = 'Lock'", "both")
            session.run("COMMIT;")
        finally:
            session.close()
        self.assertEqual(process.wait(), 0, process.stderr)
        self.assertEqual(source.rows("SELECT table_name FROM vitrine_import"), [["books"]])


if __name__ == "__main__":
    support.main()
