"""One set of dirty exports, built from PostgreSQL and from SQLite, by one worker and by two: every
partition and listing has the same bytes each time.

ctest: threads
"""

import csv
import itertools
import os
import random
import shutil
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import support
from postgres import Cluster
from releases import manifest, partitions, release_files, write

PRODUCTS = 1000
JOBS = (1, 2)
PARTITION_ROWS = 1000  # the least there is: many partitions of few rows
WORD_ROWS = 6000
LETTERS = ("a", "A", "b", "B", "z", "_", "-", " ", "9", "10", "é", "ß", "Ω", "中", "\U0001f600", "'")
FIXED_TIME = {**os.environ, "SOURCE_DATE_EPOCH": "1700000000"}

WORDS = """
name: words
tables:
  words:
    file: words.csv
    primary_key: id
    indexes: [[word]]
    columns:
      id: {type: integer, required: true}
      word: {type: text, required: true}
      said: integer
collections:
  words:
    key: {column: word, type: text}
    rows: SELECT word, id, said FROM words
    fields: {id: integer, said: integer}
    orders:
      oldest: [id]
      most: [-said, id]
  speakers:
    key: {column: word, type: text}
    keys: SELECT word FROM words
    rows: SELECT word, id FROM words WHERE said > 50
    fields: {id: integer}
    orders: {oldest: [id]}
routes:
  - {get: "/words/:word", from: words, key: {path: word}, answer: $rows}
"""

cluster = None


def setUpModule():
    global cluster
    cluster = Cluster()


def tearDownModule():
    cluster.stop()


def odd_word(chance):
    """A word out of few letters, so that words meet again, begin alike and differ in case only."""
    return "".join(chance.choice(LETTERS) for _ in range(chance.randrange(1, 5)))


class SameBytes(support.TestCase):
    """Releases of all sources and numbers of jobs, each compared with the first."""

    large = "reviews"  # a collection of several thousand rows

    @classmethod
    def setUpClass(cls):
        cls.base = tempfile.mkdtemp(prefix="vitrine-same-")
        cls.addClassCleanup(shutil.rmtree, cls.base, ignore_errors=True)
        exports = os.path.join(cls.base, "exports")
        cls.definition = cls.make(exports)
        cls.urls = {"postgres": cluster.create("same"), "sqlite": f"sqlite:{cls.base}/same.db"}
        for url in cls.urls.values():
            support.vitrine("import", "--definition", cls.definition, "--source", url, "--rejects",
                            os.path.join(cls.base, "rejects.csv"), exports)

    @classmethod
    def make(cls, exports):
        """Makes the exports; the path of their definition."""
        support.vitrine("generate", "--definition", support.DEFINITION, "--products", PRODUCTS,
                        "--seed", 3, "--dirt", exports)
        return support.DEFINITION

    def build(self, name, jobs, root, *options):
        """Builds from the source of that name, at a fixed time."""
        support.vitrine("build", "--definition", self.definition, "--source", self.urls[name],
                        "--root", root, "--jobs", jobs, *options, env=FIXED_TIME)
        return root

    def build_each(self, *options):
        """{(source, jobs): its root}, all built with OPTIONS."""
        return {(name, jobs): self.build(name, jobs, self.path(f"{name}-{jobs}"), *options)
                for name, jobs in itertools.product(self.urls, JOBS)}

    def assert_same(self, roots):
        """Every file is the same; of the manifest, all but where the data came from."""
        (first, root), *others = roots.items()
        expected_files, expected = release_files(root), self.plain_manifest(root)
        for other, root in others:
            files = release_files(root)
            self.assertEqual(sorted(files), sorted(expected_files), (first, other))
            differ = {name for name in files if files[name] != expected_files[name]}
            self.assertLessEqual(differ, {"manifest.json"}, (first, other))
            self.assertEqual(self.plain_manifest(root), expected, (first, other))

    @staticmethod
    def plain_manifest(root):
        """The manifest without what differs from source to source; the content hash is in it."""
        plain = manifest(root)
        for name in ("source_position", "checksum"):
            del plain[name]
        plain.pop("write_position", None)
        assert "content" in plain  # the hash of all that the release holds
        return plain

    def test_one_partition_a_collection(self):
        roots = self.build_each()
        collections = {file["collection"] for file in partitions(roots["sqlite", 1])}
        self.assertEqual(len(partitions(roots["sqlite", 1])), len(collections))
        self.assert_same(roots)

    def test_many_partitions_a_collection(self):
        options = ("--partition-rows", PARTITION_ROWS)
        roots = self.build_each(*options)
        if options:
            self.assertGreater(len(partitions(roots["sqlite", 1], self.large)), 3)
        self.assert_same(roots)

    def test_a_source_by_one_worker_and_by_two(self):
        for name in self.urls:
            first, second = (release_files(self.build(name, jobs, self.path(f"{name}-{jobs}")))
                             for jobs in JOBS)
            self.assertEqual(first, second, name)


class KeysOfText(SameBytes):
    """The same with keys of text, which each database would like to sort in its own way."""

    large = "words"

    @classmethod
    def make(cls, exports):
        definition = os.path.join(cls.base, "words.yaml")
        write(definition, WORDS)
        os.mkdir(exports)
        with open(os.path.join(exports, "words.csv"), "w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["id", "word", "said"])
            chance = random.Random(5)
            for number in range(WORD_ROWS):
                writer.writerow([number, odd_word(chance), chance.randrange(100)])
        return definition


if __name__ == "__main__":
    support.main()
