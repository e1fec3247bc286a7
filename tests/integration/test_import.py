#!/usr/bin/env python3
"""`vitrine import`: what it loads, what it rejects, how it ends."""
import csv
import os
import signal
import sqlite3
import time

from support import TestCase, is_written, main, vitrine, wait_until

DEFINITION = """\
name: library
tables:
  books:
    file: books.csv
    primary_key: id
    columns:
      id: {type: integer, required: true}
      title: text
      price: {type: decimal, scale: 2}
  loans:
    file: loans.csv
    primary_key: id
    indexes: [[book_id]]
    columns:
      id: {type: integer, required: true}
      book_id: {header: bookId, type: integer, required: true}
      due: timestamp
      returned: boolean
collections:
  books:
    key: id
    rows: SELECT id, title, price FROM books
    fields:
      id: integer
      title: text
      price: {type: decimal, scale: 2}
routes:
  - get: /books/:id
    from: books
    key: {path: id}
    answer: $row
"""

CLEAN_LOANS = "id,bookId,due,returned\n" + "".join(
    f"{i},{i % 7},1596080481467,{'tf'[i % 2]}\n" for i in range(1, 101))


class Import(TestCase):
    """Each test has a folder of exports, a definition and a database that is not there yet."""

    def setUp(self):
        super().setUp()
        os.mkdir(self.path("exports"))
        self.write("definition.yaml", DEFINITION)
        self.write("exports/books.csv", 'id,title,price\n1,"a, b",9.5\n2,null,price: 3\n')
        self.write("exports/loans.csv", CLEAN_LOANS)

    def write(self, name, text):
        """Writes a file of the test's folder."""
        with open(self.path(name), "wb") as file:
            file.write(text if isinstance(text, bytes) else text.encode())

    def command(self, *arguments):
        """The arguments of an import of the exports."""
        return ("import", "--definition", self.path("definition.yaml"), "--source",
                "sqlite:" + self.path("a.db"), "--rejects", self.path("rejects.csv"), *arguments,
                self.path("exports"))

    def run_import(self, *arguments):
        """Runs an import to its end."""
        return vitrine(*self.command(*arguments), check=False)

    def rows(self, sql):
        """The rows of a statement on the database."""
        connection = sqlite3.connect(self.path("a.db"))
        try:
            return connection.execute(sql).fetchall()
        finally:
            connection.close()

    def rejects(self):
        """The rejects file behind its header."""
        with open(self.path("rejects.csv"), newline="", encoding="utf-8") as file:
            lines = list(csv.reader(file))
        self.assertEqual(lines[0], ["file", "line", "reason", "record"])
        return lines[1:]

    def test_clean_exports_are_loaded_and_counted(self):
        done = self.run_import()
        self.assertEqual(done.returncode, 0, done.stderr)
        lines = [line.split() for line in done.stdout.splitlines()]
        self.assertEqual(lines[0], ["table", "file", "records", "loaded", "rejected", "seconds"])
        self.assertEqual(lines[1][:5], ["books", "books.csv", "2", "2", "0"])
        self.assertEqual(lines[2][:5], ["loans", "loans.csv", "100", "100", "0"])
        self.assertEqual(lines[3][:4], ["total", "102", "102", "0"])
        self.assertEqual(len(lines), 4)
        self.assertEqual(self.rejects(), [])
        self.assertEqual(self.rows("SELECT * FROM books ORDER BY id"),
                         [(1, "a, b", "9.50"), (2, None, "3.00")])
        self.assertEqual(self.rows("SELECT count(*), sum(returned) FROM loans"), [(100, 50)])
        self.assertEqual(sorted(name for name in os.listdir(self.folder) if "a.db" in name),
                         ["a.db"])

    def test_rejects_are_written_with_line_and_reason(self):
        self.write("exports/loans.csv",
                   CLEAN_LOANS + '101,x,,\n102,"5,,\n103,5,soon,t\n5,1,,\n104,1,,')
        done = self.run_import()
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("rejected records: " + self.path("rejects.csv"), done.stdout)
        self.assertEqual(self.rejects(), [
            ["loans.csv", "102", 'bookId: "x" is not an integer', "101,x,,"],
            ["loans.csv", "103", "a quoted field does not end", '102,"5,,'],
            ["loans.csv", "104", 'due: "soon" is not a date or time (2020-07-30, '
                                 "2020-07-30T03:41:21.467Z)", "103,5,soon,t"],
            ["loans.csv", "105", "id 5 is there already", "5,1,,"],
        ])
        self.assertEqual(self.rows("SELECT count(*), max(id) FROM loans"), [(101, 104)])

    def test_too_many_rejects_fail_and_load_nothing_of_the_file(self):
        self.write("exports/loans.csv", CLEAN_LOANS + "x\n" * 6)
        done = self.run_import()
        self.assertEqual(done.returncode, 1)
        self.assertIn("loans.csv: 6 of 106 records were rejected, more than 5 % (--most-rejects)",
                      done.stderr)
        self.assertEqual(self.rows("SELECT name FROM sqlite_master WHERE type = 'table' AND name "
                                   "IN ('books', 'loans')"), [("books",)])
        self.assertEqual(self.run_import("--most-rejects", "6").returncode, 0)
        self.assertEqual(self.rows("SELECT count(*) FROM loans"), [(100,)])

    def test_a_missing_file_is_named_and_only_leaves_it_out(self):
        os.remove(self.path("exports", "books.csv"))
        done = self.run_import()
        self.assertEqual(done.returncode, 1)
        self.assertIn("books.csv: there is no such file", done.stderr)
        self.assertFalse(os.path.exists(self.path("a.db")))
        done = self.run_import("--only", "loans")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertNotIn("books", done.stdout)

    def test_a_missing_column_is_named_with_its_place(self):
        self.write("exports/loans.csv", "id,book_id,due,returned\n")
        done = self.run_import()
        self.assertEqual(done.returncode, 1)
        self.assertIn('loans.csv:1: there is no column "bookId"; there are id, book_id, due, '
                      "returned", done.stderr)
        self.assertFalse(os.path.exists(self.path("a.db")))

    def test_a_wrong_command_line_is_a_usage_error(self):
        self.assertEqual(self.run_import("--only", "lones").returncode, 2)
        self.assertEqual(self.run_import("--most-rejects", "101").returncode, 2)
        done = vitrine("import", "--definition", self.path("definition.yaml"), "--source",
                       "mysql://x", self.path("exports"), check=False)
        self.assertEqual(done.returncode, 2)
        self.assertIn("a source is written as sqlite:FILE", done.stderr)

    def test_an_interrupt_keeps_what_was_loaded_before(self):
        self.assertEqual(self.run_import().returncode, 0)
        lines = b"".join(b"%d,1,1596080481467,t\n" % i for i in range(1000, 200000))
        self.write("exports/loans.csv", b"id,bookId,due,returned\n" + lines * 30)
        process = self.start(*self.command("--most-rejects", "100"))
        wait_until(lambda: is_written(self.path("a.db")), what="the load to begin")
        time.sleep(0.3)
        process.send(signal.SIGINT)
        self.assertEqual(process.wait(), 130, process.stderr)
        self.assertEqual(self.rows("SELECT count(*), max(id) FROM loans"), [(100, 100)])
        self.assertEqual(self.rows("PRAGMA integrity_check"), [("ok",)])
        self.write("exports/loans.csv", CLEAN_LOANS)
        self.assertEqual(self.run_import().returncode, 0)

    def test_a_killed_import_keeps_what_was_loaded_before(self):
        self.assertEqual(self.run_import().returncode, 0)
        lines = b"".join(b"%d,1,1596080481467,t\n" % i for i in range(1000, 200000))
        self.write("exports/loans.csv", b"id,bookId,due,returned\n" + lines * 30)
        process = self.start(*self.command("--most-rejects", "100"))
        wait_until(lambda: is_written(self.path("a.db")), what="the load to begin")
        time.sleep(0.3)
        process.send(signal.SIGKILL)
        process.wait()
        self.assertEqual(self.rows("SELECT count(*), max(id) FROM loans"), [(100, 100)])
        self.assertEqual(self.rows("PRAGMA integrity_check"), [("ok",)])


if __name__ == "__main__":
    main()
