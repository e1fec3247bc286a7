"""PostgreSQL as the source: imports, rights, one moment, clear failures."""
import csv
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.parse
import shutil

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import support
from moves import BOOKS, DEFINITION, TABLES, Moving
from postgres import Cluster
from releases import release_files, write

PRODUCTS = 300
LIBRARY = os.path.join(support.ROOT, "assets", "library")

cluster = None


def setUpModule():
    global cluster
    cluster = Cluster()


def tearDownModule():
    cluster.stop()


class FromBothSources(support.TestCase):
    """One set of dirty exports in PostgreSQL and in SQLite."""

    @classmethod
    def setUpClass(cls):
        cls.base = tempfile.mkdtemp(prefix="vitrine-postgres-")
        cls.addClassCleanup(shutil.rmtree, cls.base, ignore_errors=True)
        cls.exports = os.path.join(cls.base, "exports")
        cls.urls = {"postgres": cluster.create("shop"), "sqlite": f"sqlite:{cls.base}/shop.db"}
        common = ("--definition", support.DEFINITION)
        support.vitrine("generate", *common, "--products", PRODUCTS, "--seed", 3, "--dirt",
                        cls.exports)
        for name, url in cls.urls.items():
            support.vitrine("import", *common, "--source", url, "--rejects",
                            os.path.join(cls.base, name + ".csv"), cls.exports)

    def test_both_reject_the_same_records(self):
        rejects = []
        for name in self.urls:
            with open(os.path.join(self.base, name + ".csv"), "rb") as file:
                rejects.append(file.read())
        self.assertEqual(rejects[0], rejects[1])
        self.assertIn(b" is there already", rejects[0])
        self.assertGreater(rejects[0].count(b"\n"), 100)

    def test_the_tables_have_types_keys_indexes_and_statistics(self):
        types = dict(cluster.rows(
            "SELECT attname, format_type(atttypid, atttypmod) || "
            "CASE WHEN attnotnull THEN ' NOT NULL' ELSE '' END FROM pg_attribute "
            "WHERE attrelid = 'reviews'::regclass AND attnum > 0 AND NOT attisdropped", "shop"))
        self.assertEqual(types["id"], "bigint NOT NULL")
        self.assertEqual(types["date"], "timestamp with time zone NOT NULL")
        self.assertEqual(types["recommend"], "boolean")
        self.assertEqual(types["summary"], "text")
        self.assertEqual(cluster.rows(
            "SELECT format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = "
            "'styles'::regclass AND attname = 'sale_price'", "shop"), [["numeric(38,2)"]])
        indexes = [row[0] for row in cluster.rows(
            "SELECT indexdef FROM pg_indexes WHERE tablename = 'reviews' ORDER BY 1", "shop")]
        self.assertEqual([re.sub(r".* USING ", "", index) for index in indexes],
                         ["btree (product_id)", "btree (id)"])
        self.assertEqual(cluster.rows(
            "SELECT count(*) > 0 FROM pg_stats WHERE tablename = 'reviews'", "shop"), [["t"]])

    def test_a_release_is_up_to_date_until_somebody_writes(self):
        database = "position"
        cluster.create(database)
        cluster.psql(TABLES.format(books=BOOKS), database)
        write(self.path("moves.yaml"), DEFINITION)
        arguments = ("build", "--definition", self.path("moves.yaml"), "--source",
                     cluster.url(database), "--root", self.path("root"))
        self.assertIn("release 000001 in", support.vitrine(*arguments).stdout)
        self.assertEqual(cluster.rows("SELECT count(*) FROM shelf", database), [[str(BOOKS // 2)]])
        self.assertIn("release 000001 is up to date", support.vitrine(*arguments).stdout)
        cluster.psql("UPDATE lent SET title = 'changed' WHERE id = 1", database)
        self.assertIn("release 000002 in", support.vitrine(*arguments).stdout)
        self.assertIn("release 000002 is up to date", support.vitrine(*arguments).stdout)

    def test_a_definition_with_keys_of_text_makes_the_same_release(self):
        urls = (cluster.create("library"), "sqlite:" + self.path("library.db"))
        files = []
        for number, url in enumerate(urls):
            common = ("--definition", os.path.join(LIBRARY, "definition.yaml"), "--source", url)
            support.vitrine("import", *common, "--rejects", self.path("rejects.csv"), LIBRARY)
            support.vitrine("build", *common, "--root", self.path(str(number)))
            files.append(release_files(self.path(str(number))))
            del files[-1]["manifest.json"]
        self.assertEqual(files[0], files[1])


class Building(Moving):
    """Builds of a small source of its own for each test."""

    @classmethod
    def setUpClass(cls):
        cls.cluster = cluster

    # ---- rights ----

    def test_the_documented_grants_are_enough_and_allow_no_writing(self):
        with open(os.path.join(support.ROOT, "docs", "operations.md"), encoding="utf-8") as file:
            grants = re.search(r"```sql\n(.*?)```", file.read(), re.DOTALL).group(1)
        self.assertIn("CREATE ROLE vitrine", grants)
        cluster.create("shop_of_grants")
        cluster.psql("REVOKE ALL ON DATABASE shop_of_grants FROM PUBLIC;"
                     "REVOKE ALL ON SCHEMA public FROM PUBLIC;" + TABLES.format(books=BOOKS) +
                     grants.replace(" shop ", " shop_of_grants "), "shop_of_grants")
        self.addCleanup(lambda: cluster.psql("DROP ROLE vitrine", "postgres"))
        self.addCleanup(lambda: cluster.psql("DROP DATABASE shop_of_grants WITH (FORCE)",
                                             "postgres"))
        self.build(cluster.url("shop_of_grants", "vitrine"))
        self.assertEqual(sum(self.rows_built().values()), BOOKS)
        for sql in ("INSERT INTO shelf VALUES (0)", "DELETE FROM lent", "CREATE TABLE x (y int)"):
            done = cluster.psql(sql, "shop_of_grants", user="vitrine", check=False)
            self.assertIn("permission denied", done.stderr)

    def test_a_build_cannot_write_even_where_its_role_may(self):
        write(self.path("moves.yaml"), DEFINITION.replace(
            "SELECT id, title FROM lent", "SELECT nextval('counter') AS id, title FROM lent"))
        cluster.psql("CREATE SEQUENCE counter", self.database)
        done = self.build(check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("cannot execute nextval() in a read-only transaction", done.stderr)

    # ---- one snapshot ----

    def test_rows_that_move_between_two_collections_are_seen_once(self):
        process, holder = self.start_and_wait_for_lock()
        holder.run("INSERT INTO lent SELECT * FROM shelf; DELETE FROM shelf; COMMIT;")
        self.assertEqual(process.wait(), 0, process.stderr)
        self.assertEqual(self.rows_built(), {"shelf": BOOKS // 2, "lent": BOOKS // 2})
        self.assertEqual(self.books_built(), BOOKS)

    def test_a_table_that_is_replaced_under_a_build_fails_it(self):
        for replace in ("TRUNCATE lent", "DROP TABLE lent; CREATE TABLE lent (id bigint, title text); "
                        "INSERT INTO lent VALUES (1, 'too new')"):
            process, holder = self.start_and_wait_for_lock(("--retries", "0"))
            holder.run(replace + "; COMMIT;")
            self.assertEqual(process.wait(), 1)
            self.assertIn("vitrine build: lent: postgres moves: the table lent was replaced or "
                          "truncated after the snapshot was taken; try again", process.stderr)
            self.assert_nothing_left()
            cluster.psql("TRUNCATE lent; INSERT INTO lent VALUES (1, 'one')", self.database)
        self.build()
        self.assertEqual(self.rows_built(), {"shelf": BOOKS // 2, "lent": 1})

    # ---- failures ----

    def test_each_failure_has_its_message_and_leaves_nothing(self):
        cluster.psql("DROP ROLE IF EXISTS locked; CREATE ROLE locked LOGIN PASSWORD 'right'",
                     "postgres")
        socket = cluster.folder + "/.s.PGSQL.5432"
        cases = (
            (f"postgres://locked:wrong@/moves?host={cluster.folder}",
             f'postgres: connection to server on socket "{socket}" failed: FATAL: password '
             'authentication failed for user "locked"'),
            (cluster.url("nowhere"), f'postgres: connection to server on socket "{socket}" failed: '
             'FATAL: database "nowhere" does not exist'),
            (f"postgres://postgres@127.0.0.1:{support.free_port()}/moves",
             "failed: Connection refused"),
            ("postgres:host=/nowhere dbname=moves", "failed: No such file or directory"),
            (cluster.url("postgres"), 'shelf: postgres postgres: relation "shelf" does not exist; '
             "`vitrine import` makes the tables of a definition (in: SELECT"),
        )
        for url, message in cases:
            done = self.build(url, check=False)
            self.assertEqual(done.returncode, 1, url)
            self.assertIn(message, done.stderr)
            self.assertEqual(done.stderr.count("\n"), 1)
            self.assertNotIn("wrong@", done.stderr)
            self.assert_nothing_left()

    def test_a_right_password_opens(self):
        cluster.psql("DROP ROLE IF EXISTS locked; CREATE ROLE locked LOGIN PASSWORD 'right';",
                     "postgres")
        cluster.psql("GRANT SELECT ON ALL TABLES IN SCHEMA public TO locked", self.database)
        self.addCleanup(lambda: cluster.psql("DROP OWNED BY locked", self.database))
        write(self.path("pass"), "*:*:moves:locked:right\n")
        os.chmod(self.path("pass"), 0o600)
        write(self.path("services"), f"[moves]\nhost={cluster.folder}\ndbname=moves\nuser=locked\n"
              f"passfile={self.path('pass')}\n")
        self.build("postgres:service=moves",
                   env={**os.environ, "PGSERVICEFILE": self.path("services")})
        self.assertEqual(sum(self.rows_built().values()), BOOKS)

    def test_a_time_out_of_a_statement_is_told(self):
        write(self.path("moves.yaml"), DEFINITION.replace("title FROM lent",
                                                          "title FROM lent, pg_sleep(60)"))
        options = urllib.parse.quote("-cstatement_timeout=3s")  # others of a build are quicker
        started = time.monotonic()
        done = self.build(self.url + "&options=" + options, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("lent: postgres moves: canceling statement due to statement timeout; a longer "
                      "one can be set for the role: ALTER ROLE ... SET statement_timeout (in: ",
                      done.stderr)
        self.assertLess(time.monotonic() - started, 30)
        self.assert_nothing_left()

    def test_a_time_out_of_a_lock_is_told(self):
        holder = self.session()
        holder.run("BEGIN; LOCK TABLE lent IN ACCESS EXCLUSIVE MODE;")
        cluster.psql(f"ALTER DATABASE {self.database} SET lock_timeout = '200ms'", "postgres")
        done = self.build(check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("canceling statement due to lock timeout; somebody holds the table",
                      done.stderr)
        self.assert_nothing_left()

    def test_a_type_that_is_no_value_is_refused_by_name(self):
        for column, message in (
                ("ARRAY[1]", "column title is of type integer[], which is no value here; cast it in "
                 "the SELECT, for example title::text"),
                ("'{}'::jsonb", "column title is of type jsonb, which is no value here"),
                ("'infinity'::timestamptz", "column title is infinite, which is no point in time")):
            write(self.path("moves.yaml"), DEFINITION.replace(
                "SELECT id, title FROM lent", f'"SELECT id, {column} AS title FROM lent"'))
            done = self.build(check=False)
            self.assertEqual(done.returncode, 1)
            self.assertIn("lent: postgres moves: " + message, done.stderr)
            self.assert_nothing_left()

    def test_a_column_that_rows_do_not_yield_is_told_as_a_mistake_of_the_definition(self):
        write(self.path("moves.yaml"), DEFINITION.replace("SELECT id, title FROM lent",
                                                          "SELECT id FROM lent"))
        done = self.build(check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("`key` or a field names a column that `rows` or `keys` does not yield: "
                      "lent: postgres moves: column p.title does not exist", done.stderr)
        self.assert_nothing_left()

    def test_an_interrupted_build_does_not_wait_for_a_lock(self):
        process, _ = self.start_and_wait_for_lock()
        process.send(signal.SIGTERM)
        self.assertEqual(process.wait(), 130)  # the lock is still held
        support.wait_until(lambda: self.builders() == 0, what="the end of its sessions")
        self.assert_nothing_left()

    def test_an_interrupted_build_cancels_its_statement(self):
        write(self.path("moves.yaml"), DEFINITION.replace("title FROM lent",
                                                          "title FROM lent, pg_sleep(60)"))
        process = self.start(*self.command())
        support.wait_until(lambda: cluster.rows(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'vitrine' AND "
            "wait_event = 'PgSleep'", "postgres") == [["1"]], what="a build that sleeps")
        started = time.monotonic()
        process.send(signal.SIGINT)
        self.assertEqual(process.wait(), 130)
        support.wait_until(lambda: self.builders() == 0, what="the end of its sessions")
        self.assertLess(time.monotonic() - started, 30)  # the statement takes 60 s
        self.assert_nothing_left()


class Importing(support.TestCase):
    """Loads of one table."""

    DEFINITION = """
name: loads
tables:
  loans:
    file: loans.csv
    primary_key: code
    indexes: [[due, code]]
    columns:
      code: {type: text, required: true}
      due: timestamp
      fee: {type: decimal, scale: 3}
      weight: number
      lost: boolean
      copies: integer
collections:
  loans:
    key: {column: code, type: text}
    rows: SELECT code, due, fee, weight, lost, copies FROM loans
    fields:
      code: text
      due: timestamp
      fee: {type: decimal, scale: 3}
      weight: number
      lost: boolean
      copies: integer
routes:
  - {get: "/loans/:code", from: loans, key: {path: code}, answer: $row}
"""
    EXTREMES = (
        "code,due,fee,weight,lost,copies\n"
        "a,0000-01-01,9223372036854775.807,1.7976931348623157e308,t,9223372036854775807\n"
        "A,9999-12-31T23:59:59.999Z,-9223372036854775.808,-5e-324,f,-9223372036854775808\n"
        "é,1969-12-31T23:59:59.999Z,0.001,0.1,1,0\n"
        "\"line\nbreak \"\"\\\",,,,,\n"
        "a,,,,,\n"
        "z,1970-01-01,-0.001,-0,0,-1\n")

    def setUp(self):
        super().setUp()
        self.url = cluster.create("loads")
        os.mkdir(self.path("exports"))
        write(self.path("loads.yaml"), self.DEFINITION)
        write(self.path("exports", "loans.csv"), self.EXTREMES)

    def run_import(self, url=None, *options, **more):
        """Imports the exports."""
        return support.vitrine("import", "--definition", self.path("loads.yaml"), "--source",
                               url or self.url, "--rejects", self.path("rejects.csv"), *options,
                               self.path("exports"), **more)

    def test_extreme_values_come_through_as_they_do_through_sqlite(self):
        files = []
        for url in (self.url, "sqlite:" + self.path("a.db")):
            self.run_import(url, "--most-rejects", 50)
            with open(self.path("rejects.csv"), newline="", encoding="utf-8") as file:
                rejects = list(csv.reader(file))
            self.assertEqual(rejects[1:], [["loans.csv", "7", 'code "a" is there already',
                                            "a,,,,,"]])
            support.vitrine("build", "--definition", self.path("loads.yaml"), "--source", url,
                            "--root", self.path("root"), "--force")
            files.append(release_files(self.path("root")))
            del files[-1]["manifest.json"]
        self.assertEqual(files[0], files[1])

    def test_an_import_that_fails_leaves_the_table_as_it_was(self):
        self.run_import(None, "--most-rejects", 50)
        before = cluster.rows("SELECT * FROM loans ORDER BY code", "loads")
        write(self.path("exports", "loans.csv"), "code,due,fee,weight,lost,copies\n" +
              "a,,,,,\n" * 100)
        done = self.run_import(check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("99 of 100 records were rejected", done.stderr)
        self.assertEqual(cluster.rows("SELECT * FROM loans ORDER BY code", "loads"), before)

    def test_an_import_again_replaces_the_table(self):
        self.run_import(None, "--most-rejects", 50)
        write(self.path("exports", "loans.csv"), "code,due,fee,weight,lost,copies\nb,,1,,,\n")
        self.run_import()
        self.assertEqual(cluster.rows("SELECT code, fee FROM loans", "loads"), [["b", "1.000"]])

    def test_a_role_that_may_not_create_is_told_where_the_grants_are(self):
        cluster.psql("DROP ROLE IF EXISTS guest; CREATE ROLE guest LOGIN", "postgres")
        done = self.run_import(cluster.url("loads", "guest"), check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("loans.csv: postgres loads: permission denied for schema public; "
                      "docs/operations.md has the grants that are needed (in: DROP TABLE IF EXISTS",
                      done.stderr)


class Driver(support.TestCase):
    """The driver below the program, where the build has its test."""

    def test_its_own_tests_pass_against_a_server(self):
        for name in ("test_postgres_server", "test_prepare_postgres", "test_source_record"):
            test = os.path.join(os.path.dirname(support.binary()), "tests", "source_" + name)
            if not os.path.exists(test):
                self.skipTest("the tests in C are not built")
            done = subprocess.run([test], capture_output=True, text=True, timeout=120, check=False,
                                  env={**os.environ, "VITRINE_TEST_POSTGRES":
                                       cluster.create("driver")})
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            self.assertNotIn("SKIPPED", done.stdout + done.stderr)


def has_ended(pid):
    """Whether a process runs no more; whether it is reaped is a matter of the first process here."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
            return file.read().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


class Cleaning(support.TestCase):
    """The cluster of these tests."""

    def test_a_cluster_ends_with_the_process_that_started_it(self):
        code = ("import os, postgres; c = postgres.Cluster(); "
                "print(c.folder, c.process.pid, flush=True); os.kill(os.getpid(), 9)")
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True,
                              timeout=60, check=False, cwd=os.path.dirname(os.path.abspath(__file__)))
        folder, pid = done.stdout.split()
        support.wait_until(lambda: has_ended(pid), what="the end of PostgreSQL")
        shutil.rmtree(folder)


if __name__ == "__main__":
    support.main()
