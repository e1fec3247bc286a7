"""Rows in PostgreSQL that the definition cannot take: the message names collection, key and column,
and the root stays as it was."""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import support
from postgres import Cluster
from releases import names_below, release_files, write

# Keys and values are text in the tables, so that they take anything.
DEFINITION = """
name: shelves
collections:
  books:
    key: id
    rows: SELECT id, title FROM books
    fields: {{title: text}}
  loans:
    key: book_id
    rows: SELECT book_id, id, {value} AS value FROM loans_of_readers
    fields:
      loan_id: {{from: id, type: integer}}
      value: {field}
    orders:
      oldest: [loan_id]
  readers:
    key: book_id
    keys: SELECT id AS book_id FROM books
    rows: SELECT book_id, id FROM loans WHERE id > 100
    fields:
      loan_id: {{from: id, type: integer}}
      remarks:
        rows: SELECT loan_id, place, text FROM remarks
        on: {{loan_id: id}}
        as: list
        order: [place]
        fields: {{place: integer, text: text}}
    orders:
      oldest: [loan_id]
routes:
  - {{get: /loans, from: loans, key: {{query: book}}, answer: $rows}}
"""

TABLES = """
CREATE TABLE books (id text, title text);
CREATE TABLE loans (book_id text, id bigint, value text);
CREATE TABLE remarks (loan_id bigint, place text, text text);
CREATE VIEW loans_of_readers AS SELECT * FROM loans;
INSERT INTO books VALUES ('1', 'One'), ('2', 'Two');
INSERT INTO loans VALUES ('1', 1, NULL), ('2', 2, NULL), ('2', 101, NULL);
INSERT INTO remarks VALUES (101, '1', 'late');
"""

# What is inserted, and what the message must say of it: a check of the build refuses it.
REFUSED = (
    ("null keys", "loans VALUES (NULL, 3, NULL), (NULL, 4, NULL)",
     "loans: key column book_id: 2 rows without a key; mend the source, or leave such rows out "
     "with WHERE book_id IS NOT NULL"),
    ("a null among the keys", "books VALUES (NULL, 'Nobody')",
     "books: key column id: 1 row without a key; mend the source"),
    ("several rows of a document", "books VALUES ('2', 'Again'), ('2', 'And again')",
     "books: key 2: 3 rows, but the collection has no orders, which means one row a key; mend the "
     "source, group the rows, or declare orders"),
)

# What is inserted, and what the message must say.
KEYS = (
    ("a text key", "loans VALUES ('x', 3, NULL)",
     'loans: key column book_id: "x" is not an integer'),
    ("a key with a fraction", "loans VALUES ('3.5', 3, NULL)",
     'loans: key column book_id: "3.5" is not an integer'),
    ("a duplicate in an order", "loans VALUES ('2', 2, NULL)",
     "loans: key 2: two rows are equal in the order oldest"),
    ("text in an integer column of nested rows", "remarks VALUES (101, 'first', '')",
     'readers: remarks: key 2: column place: "first" is not an integer'),
)

# The type of the field, the SQL of its value, and what the message must say of it.
VALUES = (
    ("integer", "value", "abc", '"abc" is not an integer'),
    ("integer", "value::numeric", "1.5", '"1.5" is not an integer'),
    ("integer", "value::numeric", "9223372036854775808",
     '"9223372036854775808" is not an integer'),
    ("number", "value::float8", "NaN", "nan is not a finite number"),
    ("number", "value::float8", "-Infinity", "-inf is not a finite number"),
    ("number", "value", "1,5", '"1,5" is not a finite number'),
    ("boolean", "value", "maybe", '"maybe" is not a boolean'),
    ("timestamp", "value", "yesterday", '"yesterday" is not a timestamp'),
    ("timestamp", "value::timestamptz", "20000-01-01 00:00Z", "568971820800000 is not a timestamp"),
    ("timestamp", "value::date", "0044-03-15 BC", "-63517824000000 is not a timestamp"),
    ("{type: decimal, scale: 2}", "value::numeric", "NaN", '"NaN" is not a decimal'),
    ("{type: decimal, scale: 2}", "value::numeric", "1e18",
     '"1000000000000000000" is not a decimal that fits 64 bits'),
)

cluster = None


def setUpModule():
    global cluster
    cluster = Cluster()


def tearDownModule():
    cluster.stop()


class Rows(support.TestCase):
    """A good source whose release is there already; each test adds a bad row and takes it back."""

    def setUp(self):
        super().setUp()
        self.url = cluster.create("shelves")
        cluster.psql(TABLES, "shelves")
        self.root = self.path("root")
        self.define("integer", "value::bigint")
        done = self.build()
        self.assertEqual(done.returncode, 0, done.stderr)

    def define(self, field, value):
        """Writes the definition with the type of the value, and the SQL that makes it."""
        write(self.path("shelves.yaml"), DEFINITION.format(field=field, value=value))

    def build(self):
        """Builds."""
        return support.vitrine("build", "--definition", self.path("shelves.yaml"), "--source",
                               self.url, "--root", self.root, "--force", check=False)

    def said_of(self, row, code=1):
        """What a build that ends with CODE says of a source with this row; the root is as before."""
        before, names = release_files(self.root), names_below(self.root)
        cluster.psql("CREATE TABLE before_it AS SELECT * FROM {0}; INSERT INTO {1}".format(
            row.split()[0], row), "shelves")
        done = self.build()
        cluster.psql("TRUNCATE {0}; INSERT INTO {0} SELECT * FROM before_it; DROP TABLE before_it"
                     .format(row.split()[0]), "shelves")
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        self.assertEqual(done.stderr.count("\n"), 1)
        self.assertEqual(release_files(self.root), before)
        self.assertEqual(names_below(self.root), names)
        return done.stderr

    def test_missing_and_duplicate_keys_are_refused_by_a_check_with_their_numbers(self):
        for what, row, message in REFUSED:
            with self.subTest(what):
                self.assertIn("vitrine build: " + message, self.said_of(row, code=3))
        self.assertEqual(self.build().returncode, 0)

    def test_a_key_or_an_order_that_cannot_be_is_named(self):
        for what, row, message in KEYS:
            with self.subTest(what):
                self.assertIn("vitrine build: " + message, self.said_of(row))
        self.assertEqual(self.build().returncode, 0)

    def test_a_value_that_its_type_cannot_hold_is_named_with_key_and_column(self):
        for field, value, text, message in VALUES:
            with self.subTest(field=field, text=text):
                self.define(field, value)
                said = self.said_of(f"loans VALUES ('2', 3, '{text}')")
                self.assertIn("vitrine build: loans: key 2: column value: " + message, said)


if __name__ == "__main__":
    support.main()
