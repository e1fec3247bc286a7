"""The checks before a release is published: what fails on purpose is refused by name and with exit
code 3, the root stays as it was, and the next good build publishes."""
import os
import shutil
import sqlite3
import time

import support

DEFINITION = """
name: shelves
checks:
  growth: 100%
  requests:
    - get: /books/1
      expect: {title: One, loans: $number}
    - get: /books/none
      status: 404
      text: no such book
    - get: /loans?book=1&count=2
      expect: {book: 1, loans: [{days: 1}, {days: $any}]}
collections:
  books:
    key: id
    rows: SELECT id, title, (SELECT count(*) FROM loans l WHERE l.book_id = b.id) AS loans FROM books b
    fields: {title: text, loans: integer}
  loans:
    key: book_id
    rows: SELECT book_id, id, days FROM loans
    fields: {loan_id: {from: id, type: integer}, days: integer}
    orders: {oldest: [loan_id]}
    checks: {shrink: 10%}
routes:
  - get: /books/:id
    from: books
    key: {path: id}
    missing: {status: 404, text: no such book}
    invalid_key: {status: 404, text: no such book}
  - get: /loans
    from: loans
    key: {query: book}
    count: {query: count, default: 5}
    answer: {book: $key, loans: $rows}
"""

BOOKS = 200  # each lent three times
ADVICE = ("so release {} is not published; mend the source or the definition, or build with "
          "--accept {} to publish it all the same")


class Checks(support.TestCase):
    """Every test has a root with one good release, and then breaks the source."""

    def setUp(self):
        super().setUp()
        self.root = self.path("root")
        self.database = self.path("source.db")
        self.definition = self.path("definition.yaml")
        self.define(DEFINITION)
        self.change("CREATE TABLE books(id INTEGER PRIMARY KEY, title)",
                    "CREATE TABLE loans(id INTEGER PRIMARY KEY, book_id, days)")
        self.add_books(1, BOOKS)
        self.build()

    def define(self, text):
        """Writes the definition."""
        with open(self.definition, "w", encoding="utf-8") as file:
            file.write(text)

    def change(self, *statements):
        """Runs statements on the source."""
        db = sqlite3.connect(self.database)
        with db:
            for sql in statements:
                db.execute(sql)
        db.close()

    def add_books(self, first, last):
        """Books FIRST to LAST with three loans each; the first is called One."""
        db = sqlite3.connect(self.database)
        with db:
            for book in range(first, last + 1):
                db.execute("INSERT INTO books VALUES(?, ?)",
                           (book, "One" if book == 1 else f"Book {book}"))
                db.executemany("INSERT INTO loans(book_id, days) VALUES(?, ?)",
                               [(book, days) for days in (1, None, 3)])
        db.close()

    def arguments(self, command, *more):
        """A command line with definition, source and root."""
        return (command, "--definition", self.definition, "--source", "sqlite:" + self.database,
                "--root", self.root, *more)

    def build(self, *more, **options):
        """Builds."""
        return support.vitrine(*self.arguments("build", *more), **options)

    def current(self):
        """The name of the current release."""
        return os.path.basename(os.readlink(os.path.join(self.root, "current")))

    def refused(self, *more):
        """The lines that a build says that must be refused; nothing is published."""
        before = sorted(os.listdir(os.path.join(self.root, "releases"))), self.current()
        done = self.build(*more, check=False)
        after = sorted(os.listdir(os.path.join(self.root, "releases"))), self.current()
        self.assertEqual(3, done.returncode, done.stdout + done.stderr)
        self.assertEqual(before, after)
        self.assertEqual("", done.stdout)
        return [line.removeprefix("vitrine build: ") for line in done.stderr.splitlines()]

    def test_lost_rows_are_refused_and_the_next_good_build_publishes(self):
        self.change("CREATE TABLE kept AS SELECT * FROM loans",
                    "DELETE FROM loans WHERE id % 10 < 3 AND id > 3")
        self.assertEqual(
            ["collection loans has 422 rows, 29.7 % fewer than the 600 of release 000001; "
             "checks.shrink allows 10 %",
             "1 check of the definition failed, " + ADVICE.format("000002", "shrink")],
            self.refused())
        self.change("DELETE FROM loans", "INSERT INTO loans SELECT * FROM kept WHERE id < 590")
        self.build()
        self.assertEqual("000002", self.current())

    def test_growth_is_refused_and_accept_publishes_it_once(self):
        self.add_books(BOOKS + 1, 3 * BOOKS)
        self.assertEqual(
            ["collection books has 600 keys, 200.0 % more than the 200 of release 000001; "
             "checks.growth allows 100 %",
             "collection loans has 600 keys, 200.0 % more than the 200 of release 000001; "
             "checks.growth allows 100 %",
             "collection loans has 1,800 rows, 200.0 % more than the 600 of release 000001; "
             "checks.growth allows 100 %",
             "3 checks of the definition failed, " + ADVICE.format("000002", "growth")],
            self.refused("--accept", "shrink,empty,requests"))
        self.build("--accept", "growth")
        self.assertEqual("000002", self.current())

    def test_all_that_failed_is_said_at_once(self):
        self.change("DELETE FROM loans", "UPDATE books SET title = 'Two'")
        self.assertEqual(
            ["collection loans has no keys, which is rarely meant; import its tables first, or "
             "write `checks: {empty: accept}` in it",
             'request /books/1 (line 6): title is "Two", but "One" is expected',
             "request /loans?book=1&count=2 (line 11): loans is a list of 0, but a list of 2 is "
             "expected",
             "3 checks of the definition failed, " + ADVICE.format("000002", "empty,requests")],
            self.refused())
        self.build("--accept", "empty,requests")
        self.assertEqual("000002", self.current())

    def test_a_request_with_another_status_or_text_is_refused(self):
        self.change("DELETE FROM books WHERE id = 1")
        self.define(DEFINITION.replace("missing: {status: 404, text: no such book}",
                                       "missing: {status: 404, text: gone}")
                    .replace("invalid_key: {status: 404, text: no such book}",
                             "invalid_key: {status: 404, text: gone}"))
        self.assertEqual(
            ["request /books/1 (line 6): the status is 404, but 200 is expected",
             'request /books/none (line 8): the answer is "gone", but "no such book" is expected',
             "2 checks of the definition failed, " + ADVICE.format("000002", "requests")],
            self.refused())

    def test_keys_that_are_null_or_double_are_refused_by_collection_and_column(self):
        for sql, message in (
                ("INSERT INTO loans(book_id, days) VALUES(NULL, 1)",
                 "loans: key column book_id: 1 row without a key; mend the source"),
                ("ALTER TABLE books RENAME TO once; CREATE TABLE books AS SELECT * FROM once "
                 "UNION ALL SELECT 2, 'Again'", "books: key 2: 2 rows, but the collection has no orders")):
            shutil.copy(self.database, self.database + ".good")
            self.change(*sql.split(";"))
            done = self.build(check=False)
            self.assertEqual(3, done.returncode)
            self.assertIn(message, done.stderr)
            self.assertEqual("000001", self.current())
            os.replace(self.database + ".good", self.database)

    def test_a_name_that_is_no_check_is_a_wrong_command_line(self):
        for command in ("build", "run"):
            for name, advice in (("shrnk", 'did you mean "shrink"?'),
                                 ("growth,", "write one of empty, shrink, growth, requests")):
                done = support.vitrine(*self.arguments(command, "--accept", name), check=False)
                self.assertEqual(2, done.returncode)
                self.assertIn("--accept: there is no check", done.stderr)
                self.assertIn(advice, done.stderr)

    def test_following_the_source_logs_what_failed_once_and_accepts_once(self):
        self.change("DELETE FROM loans WHERE id > 300")
        build = self.start(*self.arguments("build", "--every", "100ms"))
        support.wait_until(lambda: "build_failed" in build.stderr, what="the refusal")
        time.sleep(1)  # some more turns, which say nothing new
        self.add_books(BOOKS + 1, BOOKS + 90)
        support.wait_until(lambda: "release_built release=000002" in build.stderr, what="a release")
        build.stop()
        self.assertEqual(1, build.stderr.count("check_failed reason=\"collection loans has 300 rows, "
                                               "50.0 % fewer"))
        self.change("DELETE FROM loans WHERE id > 250")
        build = self.start(*self.arguments("build", "--every", "100ms", "--accept", "shrink"))
        support.wait_until(lambda: "release_built release=000003" in build.stderr, what="accepted")
        self.change("DELETE FROM loans WHERE id > 125")
        support.wait_until(lambda: "build_failed" in build.stderr, what="the next refusal")
        build.stop()
        self.assertEqual("000003", self.current())

    def test_run_takes_what_its_first_build_accepts(self):
        shutil.rmtree(self.root)
        self.change("DELETE FROM loans")
        done = support.vitrine(*self.arguments("run", "--listen",
                                               f"127.0.0.1:{support.free_port()}"), check=False)
        self.assertNotEqual(0, done.returncode)
        self.assertIn("collection loans has no keys", done.stderr)
        port = support.free_port()
        self.start_serving(port, *self.arguments("run", "--listen", f"127.0.0.1:{port}",
                                                 "--accept", "empty,requests"))
        self.assertEqual(200, support.get(port, "/books/1").status)

    def test_verify_asks_the_requests_of_any_release(self):
        self.change("UPDATE books SET title = 'Two'")
        self.build("--accept", "requests")
        done = support.vitrine("verify", "--root", self.root, "--requests", "--release", 1)
        self.assertIn("releases/000001: 3 requests answered as expected\n", done.stdout)
        self.assertEqual(0, support.vitrine("verify", "--root", self.root).returncode)
        done = support.vitrine("verify", "--root", self.root, "--requests", check=False)
        self.assertEqual(3, done.returncode)
        self.assertIn('vitrine verify: request /books/1 (line 6): title is "Two", but "One" is '
                      "expected\n", done.stderr)
        self.assertIn("1 of 3 requests are not answered as expected", done.stderr)


class Storefront(support.TestCase):
    """The definition that comes along, with generated data."""

    def test_thirty_percent_fewer_rows_are_refused_by_name(self):
        database, root = self.path("source.db"), self.path("root")
        arguments = ("--definition", support.DEFINITION, "--source", "sqlite:" + database)
        support.vitrine("generate", "--products", 300, "--seed", 4, self.path("exports"))
        support.vitrine("import", *arguments, "--rejects", self.path("rejects.csv"),
                        self.path("exports"))
        support.vitrine("build", *arguments, "--root", root)
        db = sqlite3.connect(database)
        with db:
            before = db.execute("SELECT count(*) FROM reviews WHERE NOT reported").fetchone()[0]
            db.execute("DELETE FROM reviews WHERE id % 10 < 3")
            after = db.execute("SELECT count(*) FROM reviews WHERE NOT reported").fetchone()[0]
        db.close()
        done = support.vitrine("build", *arguments, "--root", root, check=False)
        self.assertEqual(3, done.returncode)
        self.assertRegex(done.stderr, f"vitrine build: collection reviews has {after:,} rows, "
                                      rf"\d\d\.\d % fewer than the {before:,} of release 000001; "
                                      r"checks\.shrink allows 20 %")
        self.assertEqual(["000001"], os.listdir(os.path.join(root, "releases")))


if __name__ == "__main__":
    support.main()
