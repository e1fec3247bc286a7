#!/usr/bin/env python3
"""Definitions with actions, where nothing is written yet: releases without collections, and tables
without a file beside those that are imported."""
import os
import sqlite3

import support

COUNTER = """
name: counter
tables:
  ticks:
    primary_key: id
    columns: {id: integer, at: timestamp}
routes:
  - get: /ticks
    run: [{sql: SELECT count(*) FROM ticks, returns: {count: integer}}]
    answer: $count
  - post: /ticks
    run: ["INSERT INTO ticks (at) VALUES (:now)"]
    status: 204
"""

SHOP = """
name: shop
tables:
  books:
    file: books.csv
    primary_key: id
    sample: {root: true}
    columns: {id: {type: integer, sample: sequence}}
  orders:
    primary_key: id
    columns: {id: integer, book_id: integer}
collections:
  books: {key: id, rows: SELECT id FROM books, fields: {id: integer}}
routes:
  - {get: "/books/:id", from: books, key: {path: id}}
  - post: /orders
    take: {book_id: {body: book_id, type: integer}}
    run: ["INSERT INTO orders (book_id) VALUES (:book_id)"]
    status: 204
"""


class Actions(support.TestCase):
    """Each test has a definition and a root of its own."""

    def setUp(self):
        super().setUp()
        self.definition = self.path("definition.yaml")
        self.database = self.path("source.db")
        self.root = self.path("root")

    def define(self, text):
        """Writes the definition."""
        with open(self.definition, "w", encoding="utf-8") as file:
            file.write(text)

    def vitrine(self, command, *arguments, **options):
        """Runs a command that takes a definition."""
        return support.vitrine(command, "--definition", self.definition, *arguments, **options)

    def load(self, *arguments, **options):
        """Imports into the database."""
        return self.vitrine("import", "--source", "sqlite:" + self.database, "--rejects",
                            self.path("rejects.csv"), *arguments, **options)

    def build(self):
        """Builds a release."""
        return self.vitrine("build", "--source", "sqlite:" + self.database, "--root", self.root)

    def test_a_definition_without_collections_is_built_without_its_source(self):
        self.define(COUNTER)
        self.build()
        self.assertEqual(sorted(os.listdir(os.path.join(self.root, "current"))),
                         ["definition.yaml", "manifest.json", "pages.xxh3"])
        self.assertFalse(os.path.exists(self.database))
        self.assertIn("release 000001 is up to date", self.build().stdout)
        self.assertIn("2 files verified", support.vitrine("verify", "--root", self.root).stdout)
        self.assertIn("release 000001 of counter",
                      support.vitrine("inspect", "--root", self.root).stdout)

    def test_actions_of_a_node_without_a_source_are_503(self):
        self.define(COUNTER)
        self.build()
        port = support.free_port()
        self.start_serving(port, "serve", "--root", self.root, "--listen", f"127.0.0.1:{port}")
        answer = support.get(port, "/ticks")
        self.assertEqual((answer.status, answer.text), (503, "Error: this node takes no writes"))
        self.assertEqual(answer.headers["retry-after"], "1")

    def test_nothing_is_imported_into_a_definition_without_files(self):
        self.define(COUNTER)
        done = self.load(self.path(), check=False)
        self.assertEqual(done.returncode, 2)
        self.assertIn("there is no table to load; those of the definition that have a `file` are",
                      done.stderr)

    def test_tables_without_a_file_outlive_imports(self):
        self.define(SHOP)
        exports = self.path("exports")
        self.vitrine("generate", "--scale", "5", exports)
        self.assertEqual(os.listdir(exports), ["books.csv"])
        with sqlite3.connect(self.database) as database:
            database.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY, book_id INTEGER)")
            database.execute("INSERT INTO orders VALUES (1, 3)")
        for _ in range(2):
            self.load(exports)
        with sqlite3.connect(self.database) as database:
            self.assertEqual(database.execute("SELECT * FROM orders").fetchall(), [(1, 3)])
            self.assertEqual(database.execute("SELECT count(*) FROM books").fetchone(), (5,))
        self.build()

    def test_an_import_makes_what_actions_need(self):
        self.define(SHOP)
        self.vitrine("generate", "--scale", "5", self.path("exports"))
        self.load(self.path("exports"))
        with sqlite3.connect(self.database) as database:
            names = {name for name, in database.execute("SELECT name FROM sqlite_master")}
        self.assertLessEqual({"orders", "vitrine_answers", "vitrine_writes"}, names)

    def test_a_table_without_a_file_is_not_imported_by_name(self):
        self.define(SHOP)
        done = self.load("--only", "orders", self.path(), check=False)
        self.assertEqual(done.returncode, 2)
        self.assertIn('--only names "orders", which no file is loaded into; name some of books',
                      done.stderr)

    def test_a_collection_of_a_table_that_was_not_made_says_who_makes_it(self):
        self.define(SHOP.replace("collections:\n", "collections:\n"
                                 "  orders: {key: id, rows: SELECT * FROM orders,"
                                 " fields: {book_id: integer}}\n"))
        self.vitrine("generate", "--scale", "5", self.path("exports"))
        self.load(self.path("exports"))
        with sqlite3.connect(self.database) as database:
            database.execute("DROP TABLE orders")
        done = self.vitrine("build", "--source", "sqlite:" + self.database, "--root", self.root,
                            check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("the source has no table orders; `vitrine serve --source` makes it",
                      done.stderr)


if __name__ == "__main__":
    support.main()
