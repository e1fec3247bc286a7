"""Delta builds: each holds what a build from nothing holds, few pages of its files differ from those
before, and a file that cannot be changed is built fresh.

ctest: side by side
"""

import os
import random
import re
import shutil
import sqlite3
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import support
from hashing import hash_of, with_checksum, with_content
from releases import current, manifest, partitions, release_files, releases, write

PAGE = 4096
BUILDS = 200
PARTITION_ROWS = 1000  # the least there is
CHUNK_ROWS = 256
LARGE_KEYS = (50, 51, 150)
if os.access("/dev/shm", os.W_OK) and shutil.disk_usage("/dev/shm").free > 512 << 20:
    tempfile.tempdir = "/dev/shm"  # several hundred builds, each with a few dozen fsyncs
FIXED_TIME = {**os.environ, "SOURCE_DATE_EPOCH": "1700000000"}

DEFINITION = """
name: delta
collections:
  loans:
    key: branch
    keys: SELECT id AS branch FROM branches
    rows: SELECT branch, id, title, days, weight FROM loans
    fields:
      loan_id: {from: id, type: integer}
      title: text
      days: integer
      weight: {type: integer, hidden: true}
    orders:
      oldest: [loan_id]
      longest: [-days, loan_id]
      heavy: [weight, loan_id]
  readers:
    key: {column: reader, type: text}
    rows: SELECT reader, id, title FROM loans
    fields: {id: integer, title: text}
    orders:
      oldest: [id]
      named: [title, id]
  branches:
    key: id
    rows: SELECT id, name FROM branches
    fields: {id: integer, name: text}
    listings:
      up: [id]
      named: [name, id]
  people:
    key: {column: name, type: text}
    rows: SELECT reader AS name, min(id) AS first FROM loans GROUP BY reader
    fields: {first: integer}
    listings:
      first: [first]
routes:
  - {get: "/loans", from: loans, key: {query: branch}, answer: $rows}
"""

TABLES = """
CREATE TABLE branches(id INTEGER PRIMARY KEY, name TEXT);
CREATE TABLE loans(id INTEGER PRIMARY KEY, branch INTEGER, reader TEXT, title TEXT, days INTEGER,
                   weight INTEGER);
CREATE INDEX loans_branch ON loans(branch);
CREATE INDEX loans_reader ON loans(reader);
"""


class Source:
    """Branches and their loans in an SQLite file, and random changes of them."""

    def __init__(self, path, seed, branches=200, loans=5000):
        self.chance = random.Random(seed)
        self.path = path
        self.db = sqlite3.connect(path, isolation_level=None)
        self.db.executescript(TABLES)
        self.db.execute("BEGIN")
        self.db.executemany("INSERT INTO branches VALUES(?, ?)",
                            ((i * 3, f"branch {i}") for i in range(branches)))
        for _ in range(loans):
            self.insert()
        for branch in LARGE_KEYS:
            self.grow(branch * 3)
        self.db.execute("COMMIT")

    def title(self):
        """A text that repeats others, of any length."""
        return "".join(self.chance.choice(("the ", "house ", "of ", "é", "leaves ", '"'))
                       for _ in range(self.chance.randrange(1, 25)))

    def branch(self):
        """A branch, mostly one that is there."""
        return self.chance.randrange(0, 600) if self.chance.random() < 0.02 else \
            3 * self.chance.randrange(0, 200)

    def insert(self, branch=None):
        """A loan more."""
        self.db.execute(
            "INSERT INTO loans(branch, reader, title, days, weight) VALUES(?, ?, ?, ?, ?)",
            (self.branch() if branch is None else branch, f"reader {self.chance.randrange(700):03}",
             self.title(), self.chance.randrange(30), self.chance.randrange(1000)))

    def one(self):
        """The id of some loan."""
        return self.db.execute("SELECT id FROM loans WHERE id >= ? ORDER BY id LIMIT 1",
                               (self.chance.randrange(self.top() + 1),)).fetchone()[0]

    def top(self):
        """The highest id."""
        return self.db.execute("SELECT max(id) FROM loans").fetchone()[0]

    def grow(self, branch):
        """Some rows more or less than a chunk, or than a block of a permutation."""
        for _ in range(self.chance.choice((CHUNK_ROWS - 3, CHUNK_ROWS, CHUNK_ROWS + 40, 700))):
            self.insert(branch)

    def shrink(self, branch):
        """So that it is no longer a large key, or just smaller."""
        rows = self.db.execute("SELECT count(*) FROM loans WHERE branch = ?",
                               (branch,)).fetchone()[0]
        self.db.execute("DELETE FROM loans WHERE id IN (SELECT id FROM loans WHERE branch = ?"
                        " ORDER BY id DESC LIMIT ?)", (branch, self.chance.randrange(rows + 1)))

    def change(self):
        """One random change."""
        db, chance = self.db, self.chance
        what = chance.choices(range(9), (30, 20, 20, 10, 5, 2, 2, 3, 3))[0]
        if what == 0:
            db.execute("UPDATE loans SET title = ?, days = ? WHERE id = ?",
                       (self.title(), chance.randrange(30), self.one()))
        elif what == 1:
            self.insert()
        elif what == 2:
            db.execute("DELETE FROM loans WHERE id = ?", (self.one(),))
        elif what == 3:
            db.execute("UPDATE loans SET branch = ? WHERE id = ?", (self.branch(), self.one()))
        elif what == 4:
            db.execute("UPDATE loans SET weight = ? WHERE id = ?",
                       (chance.randrange(1000), self.one()))
        elif what == 5:
            self.grow(3 * chance.choice(LARGE_KEYS))
        elif what == 6:
            self.shrink(3 * chance.choice(LARGE_KEYS))
        elif what == 7:
            db.execute("INSERT OR IGNORE INTO branches VALUES(?, ?)",
                       (chance.randrange(1000), self.title()))
        else:
            db.execute("UPDATE loans SET reader = ? WHERE id = ?",
                       (f"reader {chance.randrange(9999)}", self.one()))

    def changes(self, count):
        """COUNT of them, in one transaction."""
        self.db.execute("BEGIN")
        for _ in range(count):
            self.change()
        self.db.execute("COMMIT")


def logical(root):
    """{collection: what its manifest says that it holds}."""
    return {each["name"]: (each["rows"], each["keys"], each["logical"])
            for each in manifest(root)["collections"]}


def different_pages(before, after):
    """How many pages of a file differ from those of the one before."""
    count = max(len(before), len(after)) // PAGE
    return sum(before[at * PAGE:(at + 1) * PAGE] != after[at * PAGE:(at + 1) * PAGE]
               for at in range(count))


def databases(files):
    """Those of {path: bytes} that hold data."""
    return {path: content for path, content in files.items() if path.endswith(".db")}


class DeltaCase(support.TestCase):
    """A source, and roots that it is built into."""

    def setUp(self):
        super().setUp()
        self.root = self.path("root")
        self.fresh_root = self.path("fresh")
        self.definition = self.path("delta.yaml")
        write(self.definition, DEFINITION)

    def make(self, **options):
        """The source."""
        source = Source(self.path("source.db"), 11, **options)
        self.addCleanup(source.db.close)
        return source

    def build(self, root=None, *options):
        """Builds from the source; what was logged."""
        return support.vitrine("build", "--definition", self.definition, "--source",
                               "sqlite:" + self.path("source.db"), "--root", root or self.root,
                               "--partition-rows", PARTITION_ROWS, "--jobs", 1, "--accept",
                               "empty,shrink,growth", *options, env=FIXED_TIME).stderr

    def assert_like_fresh(self):
        """The current release holds what one holds that is built from nothing."""
        self.build(self.fresh_root, "--fresh", "--force")
        self.assertEqual(logical(self.root), logical(self.fresh_root))
        support.vitrine("verify", "--root", self.root)


class Chain(DeltaCase):
    """One release after the other."""

    def test_200_random_delta_builds_each_have_the_logical_hashes_of_a_fresh_one(self):
        source = self.make()
        self.build()
        before = databases(release_files(self.root))
        differ = changes = pages = 0
        for turn in range(BUILDS):
            count = source.chance.randrange(1, 30)
            source.changes(count)
            self.assertNotIn("built_fresh", self.build())
            self.assert_like_fresh()
            after = databases(release_files(self.root))
            if turn < 50:  # later, a partition that has shrunk or grown much was built fresh
                differ += sum(different_pages(before.get(path, b""), after[path])
                              for path in after if not path.endswith(".listing.db"))
                pages += sum(len(content) for content in after.values()) // PAGE
                changes += count
            before = after
        self.assertEqual(current(self.root), f"{BUILDS + 1:06}")
        print(f"{differ} pages of {pages} for {changes} changes of rows", flush=True)
        self.assertLess(differ, pages / 3)

    def test_a_delta_build_answers_as_a_fresh_one(self):
        source = self.make()
        self.build()
        for _ in range(3):
            source.changes(40)
            self.build()
        self.build(None, "--fresh", "--force")
        self.assertEqual(len(releases(self.root)), 3)
        diff = support.vitrine("diff", "--root", self.root, "--json",
                               *[str(int(name)) for name in releases(self.root)[1:]]).stdout
        self.assertEqual(re.findall(r'"(?:added|removed|changed)": (\d+)', diff), ["0"] * 12)


class Bytes(DeltaCase):
    """What stays the same byte by byte."""

    def test_nothing_changed_gives_the_same_files(self):
        source = self.make()
        self.build()
        source.changes(30)
        self.build()
        before = databases(release_files(self.root))
        self.build(None, "--force")
        self.assertEqual(current(self.root), "000003")
        self.assertEqual(databases(release_files(self.root)), before)

    def test_fresh_builds_have_the_same_bytes_whatever_was_before(self):
        source = self.make()
        self.build()
        source.changes(30)
        self.build()
        self.build(None, "--fresh", "--force")
        self.build(self.fresh_root)
        self.assertEqual(databases(release_files(self.root)),
                         databases(release_files(self.fresh_root)))

    def test_the_number_of_jobs_does_not_change_a_delta_build(self):
        source = self.make()
        self.build()
        shutil.copytree(self.root, self.fresh_root, symlinks=True)
        source.changes(60)
        self.build(None)
        self.build(self.fresh_root, "--jobs", 2)
        self.assertEqual(release_files(self.root), release_files(self.fresh_root))

    def test_the_release_before_is_not_touched(self):
        source = self.make()
        self.build()
        before = release_files(self.root)
        source.changes(60)
        self.build()
        self.assertEqual(os.readlink(os.path.join(self.root, "current")), "releases/000002")
        os.unlink(os.path.join(self.root, "current"))
        os.symlink("releases/000001", os.path.join(self.root, "current"))
        self.assertEqual(release_files(self.root), before)


class Partitions(DeltaCase):
    """The files follow those of the release before."""

    def paths(self):
        """Of the loans, in the order of their keys."""
        return [file["path"] for file in partitions(self.root, "loans")]

    def test_full_partitions_take_some_rows_more_before_they_are_divided(self):
        source = self.make()
        self.build()
        paths = self.paths()
        for _ in range(100):
            source.insert(3)
        self.build()
        self.assertEqual(self.paths(), paths)
        for _ in range(200):
            source.insert(6)
        self.build()
        self.assert_like_fresh()
        self.assertEqual(len(self.paths()), len(paths) + 1)
        self.assertEqual(self.paths()[1], f"loans/{len(paths) + 1:04}.db")
        self.assertEqual([self.paths()[0], *self.paths()[2:]], paths)

    def test_a_partition_whose_keys_are_gone_goes_and_its_number_is_used_again(self):
        source = self.make()
        self.build()
        paths = self.paths()
        second = partitions(self.root, "loans")[1]
        source.db.execute("DELETE FROM loans WHERE branch BETWEEN ? AND ?",
                          (second["first_key"], second["last_key"]))
        source.db.execute("DELETE FROM branches WHERE id BETWEEN ? AND ?",
                          (second["first_key"], second["last_key"]))
        self.build()
        self.assert_like_fresh()
        self.assertEqual(self.paths(), [paths[0], *paths[2:]])
        last = partitions(self.root, "loans")[-1]["last_key"]
        for branch in range(1300):
            source.insert(last + 1 + branch)
        self.build()
        self.assert_like_fresh()
        self.assertIn(paths[1], self.paths()[-2:])

    def test_keys_before_the_first_and_behind_the_last_find_their_place(self):
        source = self.make()
        self.build()
        for branch in (-5, -4, 99999):
            source.insert(branch)
        self.build()
        self.assert_like_fresh()
        self.assertEqual(partitions(self.root, "loans")[0]["first_key"], -5)
        self.assertEqual(partitions(self.root, "loans")[-1]["last_key"], 99999)

    def test_a_collection_that_becomes_empty_and_full_again(self):
        source = self.make()
        self.build()
        source.db.executescript("CREATE TABLE kept AS SELECT * FROM loans; DELETE FROM loans")
        self.build()
        self.assert_like_fresh()
        source.db.executescript("INSERT INTO loans SELECT * FROM kept")
        self.build()
        self.assert_like_fresh()


class Fresh(DeltaCase):
    """When a file is not changed but built anew."""

    def same(self, before):
        """The partitions that are byte by byte what a fresh build gives."""
        self.build(self.fresh_root, "--fresh", "--force")
        fresh = databases(release_files(self.fresh_root))
        after = databases(release_files(self.root))
        self.assertEqual(logical(self.root), logical(self.fresh_root))
        self.assertEqual(sorted(after), sorted(before))
        return {path for path in after if after[path] == fresh.get(path)}

    def unused(self, path):
        """The part of a file's pages that nothing uses."""
        header = release_files(self.root)[path][:40]
        return int.from_bytes(header[36:40], "big") / int.from_bytes(header[28:32], "big")

    def test_when_more_than_30_percent_of_the_keys_differ(self):
        source = self.make()
        self.build()
        before = databases(release_files(self.root))
        limits = partitions(self.root, "loans")[1]
        source.db.execute("UPDATE loans SET title = 'x' || title WHERE branch BETWEEN ? AND ?",
                          (limits["first_key"], limits["last_key"]))
        source.db.execute("UPDATE loans SET title = 'x' WHERE branch = 3")
        self.assertNotIn("built_fresh", self.build())  # nothing is wrong
        same = self.same(before)
        self.assertIn(limits["path"], same)
        self.assertNotIn("loans/0001.db", same)

    def test_when_the_file_was_damaged_and_it_is_said(self):
        source = self.make()
        self.build()
        before = databases(release_files(self.root))
        path = os.path.join(self.root, "current", "loans", "0002.db")
        with open(path, "r+b") as file:
            file.seek(2 * PAGE + 100)
            file.write(b"rot")
        source.changes(5)
        log = self.build()
        self.assertIn("built_fresh file=loans/0002.db", log)
        self.assertIn("the hash of the file differs from the manifest", log)
        self.assertIn("loans/0002.db", self.same(before))
        support.vitrine("verify", "--root", self.root)

    def spoil(self, path, sql):
        """Runs SQL on a file of the release, and makes the manifest fit it."""
        folder = os.path.join(self.root, "current")
        before = hash_of(release_files(self.root)[path])
        db = sqlite3.connect(os.path.join(folder, path))
        with db:
            db.execute(sql)
        db.close()
        after = hash_of(release_files(self.root)[path])
        text = release_files(self.root)["manifest.json"].decode()
        with open(os.path.join(folder, "manifest.json"), "wb") as file:
            file.write(with_checksum(with_content(text.replace(f"{before:016x}",
                                                               f"{after:016x}"))))

    def test_when_the_file_is_whole_but_not_what_was_written_and_it_is_said(self):
        source = self.make()
        self.build()
        before = databases(release_files(self.root))
        self.spoil("loans/0002.db", "UPDATE groups SET data = x''")
        self.spoil("branches/named.listing.db", "UPDATE blocks SET id = 1")
        source.db.execute("UPDATE loans SET title = 'x' || title WHERE id % 50 = 0")
        source.db.execute("UPDATE branches SET name = 'x' || name WHERE id = 300")
        log = self.build()
        for path in ("loans/0002.db", "branches/named.listing.db"):
            self.assertRegex(log, f'built_fresh file={path} reason="read .* is damaged')
            self.assertIn(path, self.same(before))
        support.vitrine("verify", "--root", self.root)

    def test_when_the_definition_is_another_one(self):
        source = self.make()
        self.build()
        write(self.definition, DEFINITION + "\n# changed\n")
        source.changes(5)
        self.build()
        before = databases(release_files(self.root))
        self.assertEqual(self.same(before), set(before))

    def test_when_much_of_the_file_is_unused(self):
        source = self.make()
        self.build()
        file = partitions(self.root, "loans")[-2]  # without a large key
        limits = (file["first_key"], file["last_key"])
        for _ in range(10):  # each time less than 30 % of the keys
            keys = [row[0] for row in source.db.execute(
                "SELECT DISTINCT branch FROM loans WHERE branch BETWEEN ? AND ? ORDER BY 1", limits)]
            last = keys[len(keys) // 5]
            source.db.execute("DELETE FROM loans WHERE branch BETWEEN ? AND ?", (limits[0], last))
            source.db.execute("DELETE FROM branches WHERE id BETWEEN ? AND ?", (limits[0], last))
            self.build()
            if self.unused(file["path"]) > 0.25:
                break
        source.db.execute("UPDATE loans SET title = '' WHERE branch = ?", (limits[1],))
        self.build()
        self.assertEqual(self.unused(file["path"]), 0)
        self.assert_like_fresh()


if __name__ == "__main__":
    support.main()
