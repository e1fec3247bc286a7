"""Builds while a writer commits all the time: each is of one moment, whatever it reads first or last.

A writer numbers its transactions. Each moves the books of one remainder between two tables and
counts itself, so a release must be exactly what was there after so many moves. The server's log
tells whether the writer committed between the first and the last statement of a build; a build
without that would prove nothing.
"""

import os
import re
import sys
import threading

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import moves
import support
from postgres import Cluster
from releases import keys_of, manifest

BUILDS = 50
LEAST_DISTURBED = 40  # of them
BOOKS = 6000
REMAINDERS = 50

# The number of moves is read first and last, and what moves in between, by several connections.
DEFINITION = moves.DEFINITION.replace("collections:", """collections:
  moved_first:
    key: moved
    rows: SELECT moved, 1 AS one FROM counter
    fields: {one: integer}""").replace("routes:", """  moved_last:
    key: moved
    rows: SELECT moved, 1 AS one FROM counter
    fields: {one: integer}
routes:""")

MOVE = """
BEGIN;
WITH taken AS (DELETE FROM shelf WHERE id % {of} = {remainder} RETURNING *),
     returned AS (DELETE FROM lent WHERE id % {of} = {remainder} RETURNING *),
     one AS (INSERT INTO lent SELECT * FROM taken)
INSERT INTO shelf SELECT * FROM returned;
UPDATE counter SET moved = moved + 1;
COMMIT;
"""

# Seconds with their fraction, who, and what: every statement once it is done.
LOGGED = """
ALTER SYSTEM SET log_line_prefix = '%n|%a|';
ALTER SYSTEM SET log_min_duration_statement = 0;
SELECT pg_reload_conf();
"""
LINE = re.compile(r"^([\d.]+)\|([^|]*)\|LOG:  duration: ([\d.]+) ms  \w+(?: \S+)?: (.*)$",
                  re.MULTILINE)

cluster = None


def setUpModule():
    global cluster
    cluster = Cluster()
    cluster.psql(LOGGED, "postgres")


def tearDownModule():
    cluster.stop()


def shelf_after(moved):
    """The books on the shelf after so many moves: the even ones, each remainder turned that often."""
    turned = [(moved - remainder + REMAINDERS - 1) // REMAINDERS % 2
              for remainder in range(REMAINDERS)]
    return [book for book in range(1, BOOKS + 1) if (book + turned[book % REMAINDERS]) % 2 == 0]


def statements(log):
    """(started, ended, who, text) of each statement in the server's log."""
    for ended, who, duration, text in LINE.findall(log):
        yield float(ended) - float(duration) / 1000, float(ended), who, text


def commits_within(log):
    """Commits of others between the end of the build's first statement on the data, the one that
    takes the snapshot, and the start of its last."""
    snapshot = last = None
    commits = []
    for started, ended, who, text in statements(log):
        if who != "vitrine" and text.startswith("COMMIT"):
            commits.append(ended)
        elif who == "vitrine" and "pg_export_snapshot" in text:
            snapshot = ended
        elif who == "vitrine" and text.startswith("COPY"):
            last = max(last or started, started)
    assert snapshot is not None and last is not None, log
    return sum(snapshot < commit < last for commit in commits)


class Writer(threading.Thread):
    """Moves books until it is told to stop; its error, if any, is raised by stop()."""

    def __init__(self, session):
        super().__init__()
        self.session = session
        self.stopping = threading.Event()
        self.moved = 0
        self.error = None

    def run(self):
        try:
            while not self.stopping.is_set():
                self.session.run(MOVE.format(of=REMAINDERS, remainder=self.moved % REMAINDERS))
                self.moved += 1
        except (AssertionError, OSError) as error:
            self.error = error

    def stop(self):
        """Ends after the move at hand."""
        self.stopping.set()
        self.join()
        if self.error is not None:
            raise self.error


class Snapshot(moves.Moving):
    """A source that is never at rest."""

    books = BOOKS
    definition = DEFINITION

    @classmethod
    def setUpClass(cls):
        cls.cluster = cluster

    def setUp(self):
        super().setUp()
        cluster.psql("CREATE TABLE counter (moved bigint); INSERT INTO counter VALUES (0)",
                     self.database)

    def assert_one_moment(self, what):
        """The current release is the source after as many moves as it says; that number."""
        (moved,) = keys_of(self.root, "moved_first")
        self.assertEqual(keys_of(self.root, "moved_last"), [moved], what)
        shelf = shelf_after(moved)
        self.assertEqual(keys_of(self.root, "shelf"), shelf, what)
        self.assertEqual(keys_of(self.root, "lent"),
                         sorted(set(range(1, BOOKS + 1)) - set(shelf)), what)
        self.assertEqual(keys_of(self.root, "books"), list(range(1, BOOKS + 1)), what)
        return moved

    def test_every_build_sees_one_moment_while_rows_move(self):
        options = ("--jobs", "2", "--partition-rows", "1000", "--force")
        writer = Writer(self.session())
        disturbed, seen = [], set()
        writer.start()
        try:
            for number in range(1, BUILDS + 1):
                size = len(cluster.log())
                self.build(options=options)
                disturbed.append(commits_within(cluster.log()[size:]))
                seen.add(self.assert_one_moment(f"build {number}"))
        finally:
            writer.stop()
        self.assertEqual(manifest(self.root)["release"], BUILDS)
        print(f"{writer.moved} moves; committed during each build: {disturbed}")
        self.assertGreater(len(seen), LEAST_DISTURBED)
        self.assertGreater(sum(count > 0 for count in disturbed), LEAST_DISTURBED, disturbed)

    def test_a_release_of_two_moments_would_be_noticed(self):
        self.build()
        self.assertEqual(self.assert_one_moment("at rest"), 0)
        cluster.psql(MOVE.format(of=REMAINDERS, remainder=0), self.database)
        self.build()
        self.assertEqual(self.assert_one_moment("after a move"), 1)
        for cheat in ("UPDATE counter SET moved = 0",
                      "UPDATE counter SET moved = 1; DELETE FROM shelf WHERE id = 2",
                      "INSERT INTO lent SELECT * FROM shelf WHERE id = 4"):
            cluster.psql(cheat, self.database)
            self.build()
            with self.assertRaises(AssertionError):
                self.assert_one_moment(cheat)


if __name__ == "__main__":
    support.main()
