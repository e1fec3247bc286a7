"""releases, verify, activate and inspect, on a release of assets/library."""
import csv
import json
import os
import re
import shutil
import tempfile

import support

LIBRARY = os.path.join(support.ROOT, "assets", "library")
ORDERS = ("latest", "longest", "shortest")


class Inspect(support.TestCase):
    """One root with two releases for all tests."""

    @classmethod
    def setUpClass(cls):
        cls.shared = tempfile.mkdtemp(prefix="vitrine-inspect-")
        cls.addClassCleanup(shutil.rmtree, cls.shared, ignore_errors=True)
        cls.source = "sqlite:" + os.path.join(cls.shared, "library.db")
        cls.root = os.path.join(cls.shared, "root")
        cls.definition = os.path.join(LIBRARY, "definition.yaml")
        support.vitrine("import", "--definition", cls.definition, "--source", cls.source,
                        "--rejects", os.path.join(cls.shared, "rejects.csv"), LIBRARY)
        for _ in range(2):
            support.vitrine("build", "--definition", cls.definition, "--source", cls.source,
                            "--root", cls.root, "--force")
        with open(os.path.join(LIBRARY, "loans.csv"), encoding="utf-8", newline="") as file:
            cls.loans = list(csv.DictReader(file))

    def run_on_root(self, command, *arguments, **options):
        """A command with --root."""
        return support.vitrine(command, "--root", self.root, *arguments, **options)

    def refused(self, code, *arguments):
        """What a command that must fail says."""
        done = self.run_on_root(*arguments, check=False)
        self.assertEqual(code, done.returncode, done.stdout + done.stderr)
        return done.stderr

    def rows(self, *arguments):
        """The rows that inspect prints for a key."""
        return json.loads(self.run_on_root("inspect", *arguments).stdout)

    # ---- releases, verify, activate ----

    def test_releases_are_listed_and_the_current_one_is_marked(self):
        lines = self.run_on_root("releases").stdout.splitlines()
        self.assertEqual(["release", "000001", "000002"], [line.split()[0] for line in lines])
        self.assertEqual([2], [i for i, line in enumerate(lines) if line.endswith("  current")])
        first, second = json.loads(self.run_on_root("releases", "--json").stdout)
        self.assertEqual(first["content"], second["content"])  # equal data, equal hash

    def test_verify_counts_the_files(self):
        for arguments in ((), ("--release", 1), ("--release", 2)):
            self.assertRegex(self.run_on_root("verify", *arguments).stdout, r": 7 files verified; not signed\n$")

    def test_verify_names_a_release_that_is_not_there(self):
        self.assertIn("has no release 000009", self.refused(1, "verify", "--release", 9))

    def test_activate_leads_back_and_forth(self):
        for number in (1, 2):
            out = self.run_on_root("activate", number).stdout
            self.assertEqual(f"release {number:06} is active\n", out)
            self.assertEqual(f"releases/{number:06}",
                             os.readlink(os.path.join(self.root, "current")))

    def test_activate_refuses_what_is_not_a_release(self):
        self.assertIn("has no release 000009", self.refused(1, "activate", 9))
        self.assertIn('"x" is not the number of a release', self.refused(2, "activate", "x"))
        self.assertEqual("releases/000002", os.readlink(os.path.join(self.root, "current")))

    # ---- inspect ----

    def test_a_release_shows_its_files(self):
        out = self.run_on_root("inspect").stdout
        for name in ("books/0001.db", "loans/0001.db", "books/by_title.listing.db", "pages.xxh3",
                     "books/newest.listing.db", "books/by_isbn.listing.db", "definition.yaml"):
            self.assertEqual(1, len(re.findall(rf"^{re.escape(name)} ", out, re.M)), name)
        self.assertRegex(out, rf"loans/0001.db +{len(self.loans)} ")

    def test_a_collection_shows_its_fields_and_orders(self):
        out = self.run_on_root("inspect", "loans").stdout
        for name in ("loan_id", "isbn", "title", "borrowed", "days", "remark", "order longest",
                     "order shortest"):
            self.assertRegex(out, rf"(?m)^{name} ")
        self.assertNotIn("order latest", out)  # the stored order needs no permutation

    def test_every_key_has_its_rows_in_every_order(self):
        branches = {loan["branch"] for loan in self.loans}
        for branch in sorted(branches):
            expected = sorted(int(loan["id"]) for loan in self.loans if loan["branch"] == branch)
            for order in ORDERS:
                rows = self.rows("--order", order, "loans", branch)
                self.assertEqual(expected, sorted(row["loan_id"] for row in rows), branch)

    def test_the_orders_sort(self):
        branch = max({loan["branch"] for loan in self.loans},
                     key=lambda name: sum(loan["branch"] == name for loan in self.loans))
        latest, longest, shortest = (self.rows("--order", order, "loans", branch)
                                     for order in ORDERS)
        borrowed = [row["borrowed"] for row in latest]
        self.assertEqual(sorted(borrowed, reverse=True), borrowed)
        days = [row["days"] for row in longest]
        known = [value for value in days if value is not None]
        self.assertEqual(sorted(known, reverse=True) + [None] * days.count(None), days)
        self.assertEqual(days[::-1], [row["days"] for row in shortest])
        self.assertEqual(latest, self.rows("loans", branch))

    def test_first_and_count_cut_a_page(self):
        branch = self.loans[0]["branch"]
        everything = self.rows("loans", branch)
        self.assertGreater(len(everything), 3)
        self.assertEqual(everything[1:3], self.rows("--first", 1, "--count", 2, "loans", branch))
        self.assertEqual([], self.rows("--first", 10**9, "loans", branch))

    def test_nested_rows_are_json_within_json(self):
        with open(os.path.join(LIBRARY, "books.csv"), encoding="utf-8", newline="") as file:
            books = list(csv.DictReader(file))
        kinds = set()
        for book in books:
            rows = self.rows("books", book["isbn"])
            self.assertEqual(1, len(rows))
            self.assertEqual(book["title"], rows[0]["title"])
            self.assertIsInstance(rows[0]["authors"], list)
            self.assertEqual(sum(loan["isbn"] == book["isbn"] for loan in self.loans),
                             sum(rows[0]["loans"].values()))
            kinds.add((bool(rows[0]["authors"]), bool(rows[0]["loans"])))
        self.assertIn((True, True), kinds)

    def test_what_does_not_exist_is_named(self):
        self.assertIn('has no collection "shelves"', self.refused(1, "inspect", "shelves"))
        self.assertIn("loans has no key Nowhere", self.refused(1, "inspect", "loans", "Nowhere"))
        self.assertIn('loans has no order "best"',
                      self.refused(2, "inspect", "--order", "best", "loans", "Central"))


if __name__ == "__main__":
    support.main()
