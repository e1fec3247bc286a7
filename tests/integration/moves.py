"""Books that move between two tables of a PostgreSQL database: the small source of many tests."""

import os

import postgres
import support
from releases import keys_of, manifest, write

BOOKS = 200

# Every book is on the shelf or lent, never both and never neither: one snapshot sees BOOKS of them.
# The keys and the rows of `books` come over two connections at once.
DEFINITION = """
name: moves
collections:
  shelf:
    key: id
    rows: SELECT id, title FROM shelf
    fields: {id: integer, title: text}
  lent:
    key: id
    rows: SELECT id, title FROM lent
    fields: {id: integer, title: text}
  books:
    key: id
    keys: SELECT id FROM shelf
    rows: SELECT id, title FROM lent
    fields: {id: integer, title: text}
    orders: {by_id: [id]}
routes:
  - get: /shelf/:id
    from: shelf
    key: {path: id}
    answer: $row
"""

# Even books are on the shelf, odd ones are lent.
TABLES = """
CREATE TABLE shelf (id bigint PRIMARY KEY, title text);
CREATE TABLE lent (id bigint PRIMARY KEY, title text);
INSERT INTO shelf SELECT i, 'book ' || i FROM generate_series(1, {books}) AS i WHERE i % 2 = 0;
INSERT INTO lent SELECT i, 'book ' || i FROM generate_series(1, {books}) AS i WHERE i % 2 = 1;
"""


class Moving(support.TestCase):
    """Builds of a small source of its own for each test; a subclass names the CLUSTER."""

    cluster = None
    books = BOOKS
    database = "moves"
    definition = DEFINITION

    def setUp(self):
        super().setUp()
        self.url = self.cluster.create(self.database)
        self.cluster.psql(TABLES.format(books=self.books), self.database)
        write(self.path("moves.yaml"), self.definition)
        self.root = self.path("root")
        self.sessions = []
        self.addCleanup(lambda: [session.close() for session in self.sessions])

    def session(self):
        """A session that ends with the test."""
        self.sessions.append(postgres.Session(self.cluster, self.database))
        return self.sessions[-1]

    def command(self, url=None, options=()):
        """The arguments of a build; by default with one job, so that it is known what it does when."""
        if "--jobs" not in options:
            options = (*options, "--jobs", "1")
        return ("build", "--definition", self.path("moves.yaml"), "--source", url or self.url,
                "--root", self.root, *options)

    def build(self, url=None, options=(), **more):
        """Runs a build to its end."""
        return support.vitrine(*self.command(url, options), **more)

    def rows_built(self):
        """{collection: rows} of the current release."""
        counts = {"shelf": 0, "lent": 0}
        for file in manifest(self.root)["files"]:
            if file.get("collection") in counts:
                counts[file["collection"]] += file["rows"]
        return counts

    def books_built(self):
        """How many keys `books` has in the current release."""
        return len(keys_of(self.root, "books"))

    def sessions_that(self, condition="true"):
        """How many of the builder's sessions meet a condition on pg_stat_activity."""
        return int(self.cluster.rows(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'vitrine' AND "
            "backend_type = 'client backend' AND " + condition, "postgres")[0][0])

    def waiting(self):
        """How many of the builder's sessions wait for a lock."""
        return self.sessions_that("wait_event_type = 'Lock'")

    def builders(self):
        """How many sessions the builder has."""
        return self.sessions_that()

    def assert_nothing_left(self, releases=()):
        """The root holds these releases and no work in progress."""
        self.assertEqual(sorted(os.listdir(os.path.join(self.root, "releases"))), sorted(releases))
        self.assertEqual(os.path.lexists(os.path.join(self.root, "current")), bool(releases))

    def start_and_wait_for_lock(self, options=()):
        """A build that waits for the second table, which a session holds; (process, session)."""
        holder = self.session()
        holder.run("BEGIN; LOCK TABLE lent IN ACCESS EXCLUSIVE MODE;")
        process = self.start(*self.command(options=options))
        support.wait_until(lambda: self.waiting() >= 1, what="a build that waits")
        return process, holder
