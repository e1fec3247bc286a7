"""`vitrine build`: the same input gives the same bytes, and what the definition cannot take is
refused with its collection, key and column. test_kill.py has the builds that are killed."""
import fcntl
import hashlib
import os
import re
import sqlite3
import time

import support

# One small collection of each kind; a test breaks its rows.
SHELVES = """
name: shelves
collections:
  books:
    key: id
    rows: SELECT id, title, pages FROM books
    fields:
      title: text
      pages: integer
  loans:
    key: book_id
    rows: SELECT book_id, id, days, remark FROM loans
    fields:
      loan_id: {from: id, type: integer}
      days: integer
      remark: text
    orders:
      latest: [-loan_id]
      longest: [-days, loan_id]
routes:
  - get: /loans
    from: loans
    key: {query: book}
    answer: $rows
"""

NESTED = """
name: shelves
collections:
  books:
    key: id
    rows: SELECT id, title FROM books
    fields:
      title: text
      loans:
        rows: SELECT book_id, id FROM loans
        on: {book_id: id}
        as: list
        order: [id]
        fields: {id: integer}
    orders: {by_title: [title]}
routes:
  - get: /books
    from: books
    key: {query: book}
    answer: $rows
"""


def file_hashes(folder):
    """{path in the folder: hash of the file}."""
    found = {}
    for at, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(at, name)
            with open(path, "rb") as file:
                found[os.path.relpath(path, folder)] = hashlib.sha256(file.read()).hexdigest()
    return found


class Build(support.TestCase):
    """Every test makes a small source of its own."""

    def setUp(self):
        super().setUp()
        self.root = self.path("root")
        self.database = self.path("source.db")
        self.definition = self.path("definition.yaml")
        with open(self.definition, "w", encoding="utf-8") as file:
            file.write(SHELVES)

    def fill(self, books=((1, "One", 100), (2, "Two", 200)),
             loans=((1, 10, 7, "late"), (1, 11, None, None), (2, 12, 14, ""))):
        """Makes the source; its columns have no type, so that they take anything."""
        db = sqlite3.connect(self.database)
        with db:
            db.execute("CREATE TABLE IF NOT EXISTS books(id, title, pages)")
            db.execute("CREATE TABLE IF NOT EXISTS loans(book_id, id, days, remark)")
            db.executemany("INSERT INTO books VALUES(?, ?, ?)", books)
            db.executemany("INSERT INTO loans VALUES(?, ?, ?, ?)", loans)
        db.close()

    def change(self, sql, *values):
        """Runs one statement on the source."""
        db = sqlite3.connect(self.database)
        with db:
            db.execute(sql, values)
        db.close()

    def arguments(self, *more, root=None):
        """The command line of a build."""
        return ("build", "--definition", self.definition, "--source", "sqlite:" + self.database,
                "--root", root or self.root, *more)

    def build(self, *more, root=None, **options):
        """Builds."""
        return support.vitrine(*self.arguments(*more, root=root), **options)

    def refused(self, *more, code=1):
        """What a build that must fail says; the root has no release then, or the same as before."""
        before = self.root_state()
        done = self.build(*more, check=False)
        self.assertEqual(code, done.returncode, done.stdout + done.stderr)
        self.assertEqual(before, self.root_state())
        self.assertFalse(os.path.exists(os.path.join(self.root, "releases", ".building")))
        return done.stderr

    def releases(self):
        """The names of the folders in releases/, but for those on their way in or out."""
        folder = os.path.join(self.root, "releases")
        names = os.listdir(folder) if os.path.isdir(folder) else []
        return sorted(name for name in names if not name.startswith("."))

    def current(self):
        """The name of the current release, or None."""
        link = os.path.join(self.root, "current")
        return os.path.basename(os.readlink(link)) if os.path.islink(link) else None

    def root_state(self):
        """Releases and the current one."""
        return self.releases(), self.current()

    # ---- the same bytes ----

    def test_the_same_source_gives_the_same_bytes(self):
        self.fill()
        env = dict(os.environ, SOURCE_DATE_EPOCH="1600000000")
        roots = [self.path("a"), self.path("b")]
        for root in roots:
            self.build(root=root, env=env)
        first, second = (file_hashes(os.path.join(root, "releases", "000001")) for root in roots)
        self.assertEqual(first, second)
        self.assertIn("loans/0001.db", first)

    def test_without_a_fixed_time_only_the_manifest_differs(self):
        self.fill()
        self.build()
        time.sleep(0.01)
        self.build("--force")
        first, second = (file_hashes(os.path.join(self.root, "releases", name))
                         for name in ("000001", "000002"))
        self.assertEqual({"manifest.json"}, {name for name in first if first[name] != second[name]})
        self.assertEqual(first.keys(), second.keys())

    # ---- ranges of keys ----

    def fill_many(self):
        """3,000 books with a loan each, whose book stands there as a text."""
        db = sqlite3.connect(self.database)
        with db:
            db.execute("CREATE TABLE books(id INTEGER PRIMARY KEY, title, pages)")
            db.execute("CREATE TABLE loans(book_id TEXT, id, days, remark)")
            db.executemany("INSERT INTO books VALUES(?1, 'book ' || ?1, 1)",
                           ((i,) for i in range(1, 3001)))
            db.executemany("INSERT INTO loans VALUES(?1, ?1, 1, 'x')",
                           ((i,) for i in range(1, 3001)))
        db.close()

    def test_nested_rows_are_all_there_whatever_the_ranges_and_the_type_of_their_column(self):
        self.fill_many()
        with open(self.definition, "w", encoding="utf-8") as file:
            file.write(NESTED)
        read = [re.search(r"^total +3,000 +3,000 +([\d,]+)", self.build(
            "--force", "--partition-rows", rows).stdout, re.MULTILINE)[1]
                for rows in ("10000", "1000")]
        self.assertEqual(read[0], read[1])
        self.assertTrue(os.path.exists(os.path.join(self.root, "current/books/0003.db")))

    def test_a_null_among_the_keys_is_refused_whatever_the_ranges(self):
        self.fill_many()
        self.change("CREATE TABLE shelf(id)")
        self.change("INSERT INTO shelf VALUES (1), (NULL)")
        with open(self.definition, "w", encoding="utf-8") as file:
            file.write(NESTED.replace("    key: id", "    key: id\n    keys: SELECT id FROM shelf"))
        for rows in ("10000", "1000"):
            self.assertIn("books: keys: key column id: 1 row without a key",
                          self.refused("--partition-rows", rows, code=3))

    def test_rows_that_change_while_they_are_read_are_refused(self):
        # Each range is counted and read by itself. In one, half of whose rows are there by chance,
        # both numbers are the same in 2 % of all runs; in all twenty ranges, never.
        self.fill(books=[(i, "title", 1) for i in range(40000)])
        with open(self.definition, "w", encoding="utf-8") as file:
            file.write(SHELVES.replace("FROM books", "FROM books WHERE random() > 0"))
        self.assertRegex(self.refused("--partition-rows", "1000"),
                         r"books: \d+ rows where \d+ were counted; the SELECT must")

    def test_an_unchanged_source_is_not_built_again(self):
        self.fill()
        self.build()
        self.assertEqual("release 000001 is up to date\n", self.build().stdout)
        self.assertEqual((["000001"], "000001"), self.root_state())

    # ---- what is refused ----

    def test_an_empty_collection_is_refused(self):
        self.fill(loans=())
        self.assertIn("collection loans has no keys", self.refused(code=3))
        self.build("--accept", "empty")
        self.assertEqual("000001", self.current())

    def test_what_the_definition_cannot_take_is_named(self):
        cases = (
            ("a null key", "INSERT INTO loans VALUES(NULL, 20, 1, '')", 3,
             ("loans: ", "key column book_id: 1 row without a key")),
            ("a text key", "INSERT INTO loans VALUES('x', 20, 1, '')", 1,
             ("loans: ", 'key column book_id: "x" is not an integer')),
            ("a text in an integer column", "INSERT INTO loans VALUES(2, 20, 'abc', '')", 1,
             ("loans: key 2: column days: ", '"abc" is not an integer')),
            ("a tie", "INSERT INTO loans VALUES(2, 12, 1, '')", 1,
             ("loans: key 2: ", "order latest")),
            ("a second row of a document", "INSERT INTO books VALUES(2, 'Again', 1)", 3,
             ("books: key 2: 2 rows, but the collection has no orders",)),
            ("text that is not UTF-8", "INSERT INTO books VALUES(3, CAST(x'C328' AS TEXT), 1)", 1,
             ("books: key 3: column title: the text is not valid UTF-8",)),
        )
        self.fill()
        self.build()
        for name, sql, code, expected in cases:
            with self.subTest(name):
                self.change(sql)
                said = self.refused(code=code)
                for part in expected:
                    self.assertIn(part, said)
                self.change("DELETE FROM loans WHERE rowid > 3")
                self.change("DELETE FROM books WHERE rowid > 2")
        self.build()

    def test_a_source_that_is_not_there_is_named(self):
        self.assertIn("there is no such database", self.refused())

    # ---- --every, --keep, --root ----

    def test_every_picks_up_a_change(self):
        self.fill()
        process = self.start(*self.arguments("--every", "50ms"))
        support.wait_until(lambda: self.current() == "000001", what="the first release")
        self.change("UPDATE books SET title = 'Three' WHERE id = 1")
        support.wait_until(lambda: self.current() == "000002", what="the second release")
        shown = support.vitrine("inspect", "--root", self.root, "books", 1).stdout
        self.assertIn('"Three"', shown)
        self.change("INSERT INTO books VALUES(NULL, 'Nobody', 1)")
        support.wait_until(lambda: "key column id: 1 row without a key" in process.stderr,
                           what="the failure")
        support.wait_until(lambda: " build_failed " in process.stderr, what="its end")
        self.change("DELETE FROM books WHERE id IS NULL")
        support.wait_until(lambda: self.current() == "000003", what="the third release")
        self.assertEqual(0, process.stop())

    def test_keep_removes_the_oldest_releases(self):
        self.fill()
        for _ in range(4):
            self.build("--force", "--keep", 2)
        self.assertEqual((["000003", "000004"], "000004"), self.root_state())
        support.vitrine("activate", "--root", self.root, 3)
        self.build("--force", "--keep", 3)
        self.assertEqual((["000003", "000004", "000005"], "000005"), self.root_state())

    def test_keep_is_two_at_least(self):
        self.fill()
        self.assertIn("--keep", self.refused("--keep", "1", code=2))

    def test_a_second_builder_in_one_root_is_refused(self):
        self.fill()
        os.makedirs(self.root)
        with open(os.path.join(self.root, ".build-lock"), "w", encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            self.assertIn("another build or pull is at work in " + self.root, self.refused())
        self.build()
        self.assertEqual("000001", self.current())


if __name__ == "__main__":
    support.main()
