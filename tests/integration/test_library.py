"""The second definition, assets/library: text keys, answered by the same program.

What is expected is computed here from the CSV files. The loans get one more branch with thousands
of rows, so that a text key is also read in chunks.
"""

import csv
import json
import random
import shutil
import sys
import tempfile
import unittest
from datetime import datetime, timezone
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from urllib.parse import quote

sys.path.insert(0, str(Path(__file__).parent))
import support
from pipeline import get_all

LIBRARY = Path(support.ROOT) / "assets/library"
BULK = "Bulk \u2713 / annex"
BULK_LOANS = 3000


def dumps(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8")


def read(folder, name):
    with open(folder / name, newline="", encoding="utf-8") as file:
        return [
            {column: None if text in ("", "null") else text for column, text in row.items()}
            for row in csv.DictReader(file)
        ]


def milliseconds(text):
    if text.isdigit():
        return int(text)
    moment = datetime.fromisoformat(text)
    moment = moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)
    return round(moment.timestamp() * 1000)


def iso(ms):
    moment = datetime.fromtimestamp(ms / 1000, timezone.utc)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{ms % 1000:03d}Z"


def money(text):
    return text and str(Decimal(text).quantize(Decimal("0.01"), ROUND_HALF_UP))


def number(text):
    return None if text is None else float(text) if set(text) & set(".e") else int(text)


def nulls_first(value):
    return (value is not None, value or 0)


class Shelf:
    """The library's answers as Python objects."""

    def __init__(self, folder):
        books, authors, loans = (read(folder, f"{n}.csv") for n in ("books", "authors", "loans"))
        self.loans = {}
        titles = {book["isbn"]: book["title"] for book in books}
        for loan in loans:
            self.loans.setdefault(loan["branch"], []).append({
                "loan_id": int(loan["id"]),
                "isbn": loan["isbn"],
                "title": titles.get(loan["isbn"]),
                "borrowed": iso(milliseconds(loan["borrowed"])),
                "days": number(loan["days"]),
                "remark": loan["remark"],
            })
        self.books = {book["isbn"]: self.book(book, authors, loans) for book in books}
        self.by_isbn = sorted(self.books, key=str.encode)
        self.by_title = sorted(self.by_isbn, key=lambda isbn: titles[isbn].encode())
        self.newest = sorted(
            self.by_isbn, key=lambda isbn: nulls_first(self.books[isbn]["year"]), reverse=True
        )
        # reverse=True keeps equal years in their old order, so isbn still ascends.

    @staticmethod
    def book(book, authors, loans):
        mine = [a for a in authors if a["isbn"] == book["isbn"]]
        mine.sort(key=lambda a: (int(a["place"]), int(a["id"])))
        lent = [loan["branch"] for loan in loans if loan["isbn"] == book["isbn"]]
        branches = sorted(set(lent), key=lambda branch: (-lent.count(branch), branch.encode()))
        in_print = {"true": "true", "T": "true", "false": "false", "f": "false", None: None}
        return {
            "isbn": book["isbn"],
            "title": book["title"],
            "year": number(book["year"]),
            "weight_kg": number(book["weight_kg"]),
            "price": money(book["price"]),
            "in_print": in_print[book["in_print"]],
            "authors": [
                {"name": a["name"], "homepage": a["homepage"] and a["homepage"].replace("uh", "h")}
                for a in mine
            ],
            "loans": {branch: lent.count(branch) for branch in branches},
        }

    def ordered(self, branch, order):
        rows = sorted(self.loans.get(branch, ()), key=lambda row: row["loan_id"])
        if order == "longest":
            rows.sort(key=lambda row: nulls_first(row["days"]), reverse=True)
        elif order == "shortest":
            rows = sorted(reversed(rows), key=lambda row: nulls_first(row["days"]))
        else:
            rows.sort(key=lambda row: row["borrowed"], reverse=True)
        return rows

    def loans_page(self, branch, order, page, count):
        rows = self.ordered(branch, order)
        first = (page - 1) * count
        return {
            "branch": branch,
            "page": page - 1,
            "count": count,
            "total": len(rows),
            "loans": rows[first : first + count],
        }


def add_bulk(folder):
    chance = random.Random(11)
    isbns = [book["isbn"] for book in read(folder, "books.csv")]
    with open(folder / "loans.csv", "a", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        for loan_id in range(1000, 1000 + BULK_LOANS):
            day = f"20{chance.randint(10, 20)}-03-{chance.randint(1, 28):02d}"
            days = chance.choice(["", *range(1, 40)])
            remark = chance.choice(["", 'a "quoted" one', "line\nbreak", "\u00fcber \U0001f600"])
            writer.writerow([loan_id, BULK, chance.choice(isbns), day, days, remark])


class Library(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = Path(tempfile.mkdtemp(prefix="vitrine-library-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        exports = cls.folder / "exports"
        shutil.copytree(LIBRARY, exports)
        add_bulk(exports)
        cls.run_program("import", "--rejects", cls.folder / "rejects.csv", exports)
        cls.run_program("build", "--root", cls.folder / "root")
        cls.shelf = Shelf(exports)
        cls.port = cls.enterClassContext(support.serving(cls.folder / "root"))

    @classmethod
    def run_program(cls, command, *rest):
        source = f"sqlite:{cls.folder}/library.db"
        definition = LIBRARY / "definition.yaml"
        support.vitrine(command, "--definition", definition, "--source", source, *rest)

    def expect(self, cases):
        """Each of CASES is a target with its body, or with (status, text)."""
        cases = list(cases)
        answers = get_all(self.port, [target for target, _ in cases])
        for (target, expected), (_, answer) in zip(cases, answers, strict=True):
            with self.subTest(target=target):
                if isinstance(expected, tuple):
                    self.assertEqual((answer.status, answer.body.decode()), expected)
                    self.assertEqual(answer.headers["content-type"], "text/plain; charset=utf-8")
                else:
                    self.assertEqual(answer.body.decode(), dumps(expected).decode())
                    self.assertEqual(answer.status, 200)

    def test_sample_data_loads_without_rejects(self):
        rejects = (self.folder / "rejects.csv").read_text(encoding="utf-8")
        self.assertEqual(rejects.splitlines()[1:], [])

    def test_every_book_is_found_by_its_text_key(self):
        books = self.shelf.books.items()
        cases = [(f"/books/{quote(isbn, safe='')}", book) for isbn, book in books]
        cases += [(target + "/", book) for target, book in cases]
        self.expect(cases)

    def test_every_byte_of_a_key_may_be_percent_encoded(self):
        isbn = "local/0001"
        encoded = "".join(f"%{byte:02X}" for byte in isbn.encode())
        book = self.shelf.books[isbn]
        self.expect([(f"/books/{encoded}", book), (f"/books/{encoded.lower()}", book)])

    def test_unknown_keys_are_answered_as_the_route_says(self):
        missing = (404, "no such book")
        unknown = "x 978 978-0-14-043944 978-0-14-043944-45 LOCAL%2F0001 %20 local%2F 1 %E2%9C%93"
        self.expect((f"/books/{key}", missing) for key in unknown.split())
        self.expect([("/branches/Nowhere/longest", (404, "no such branch")),
                     ("/branches/central/longest", (404, "no such branch")),
                     ("/books/local/0001", (404, "Error: not found"))])

    def test_listings_page_in_their_order(self):
        shelf, total = self.shelf, len(self.shelf.books)
        short = [
            {"isbn": isbn, "title": shelf.books[isbn]["title"], "by": shelf.books[isbn]["authors"]}
            for isbn in shelf.by_title
        ]
        cases = []
        for count in (1, 3, 10, 50):
            for page in range(1, total // count + 3):
                at = slice((page - 1) * count, page * count)
                asked = f"?page={page}&count={count}"
                body = {"page": page, "count": count, "total": total, "books": short[at]}
                cases += [("/books" + asked, body), ("/books/by_isbn" + asked, shelf.by_isbn[at])]
        self.expect(cases)

    def test_a_literal_segment_wins_over_a_parameter(self):
        newest = [
            {name: self.shelf.books[isbn][name] for name in ("title", "year")}
            for isbn in self.shelf.newest[:3]
        ]
        self.expect([("/books/newest", newest), ("/books/newest/?count=9", newest)])

    def test_counts_are_clamped_to_the_route(self):
        books = self.shelf.by_isbn
        for odd in ("0", "-1", "x", "", "1.5", "%2B3"):
            self.expect([(f"/books/by_isbn?count={odd}", books[:10])])
        self.expect([(f"/books/by_isbn?count={2**70}", books[:50])])

    def test_loans_of_every_branch_in_every_order(self):
        cases = []
        for branch, rows in self.shelf.loans.items():
            for order in ("latest", "longest", "shortest", "other"):
                for count in (4, 7) if branch != BULK else (256, 1999, 2000):
                    for page in range(1, len(rows) // count + 3):
                        asked = f"branch={quote(branch, safe='')}&order={order}"
                        body = self.shelf.loans_page(branch, order, page, count)
                        cases.append((f"/loans?{asked}&page={page}&count={count}", body))
        self.expect(cases)

    def test_a_plus_in_a_query_is_a_blank(self):
        body = self.shelf.loans_page("North Park", "latest", 1, 4)
        self.expect([("/loans?branch=North+Park", body), ("/loans?branch=North%20Park", body),
                     ("/loans?branch=a+b&c=d", self.shelf.loans_page("a b", "latest", 1, 4))])

    def test_an_unknown_branch_has_no_loans(self):
        for branch in ("Nowhere", 'a "quoted" \\ one', "\u65b0", "tab\tand\x01"):
            body = self.shelf.loans_page(branch, "latest", 1, 4)
            self.expect([(f"/loans?branch={quote(branch, safe='')}", body)])

    def test_a_key_that_is_no_text_is_refused(self):
        refused = (400, "say which branch: ?branch=NAME")
        asked = ("/loans", "/loans?branch=", "/loans?branch=%FF", "/loans?Branch=Central")
        self.expect((target, refused) for target in asked)

    def test_branches_with_slashes_stand_in_a_path(self):
        cases = []
        for branch in self.shelf.loans:
            rows = self.shelf.ordered(branch, "longest")[:3]
            rows = [{"title": row["title"], "days": row["days"]} for row in rows]
            body = {"branch": branch, "longest": rows}
            cases.append((f"/branches/{quote(branch, safe='')}/longest", body))
        self.expect(cases)

    def short(self, branch, count):
        rows = self.shelf.ordered(branch, "latest")
        shown = [{name: row[name] for name in ("title", "borrowed")} for row in rows[:count]]
        return {"branch": branch, "loans": len(rows), "latest": shown} if rows else None

    def test_a_page_has_several_orders_of_one_collection(self):
        cases = [("/branches/Nowhere/page", (404, "no such branch"))]
        for branch, rows in self.shelf.loans.items():
            longest = self.shelf.ordered(branch, "longest")[:3]
            body = {
                "branch": branch,
                "loans": len(rows),
                "latest": self.shelf.ordered(branch, "latest")[:2],
                "longest": [{"title": row["title"], "days": row["days"]} for row in longest],
            }
            cases.append((f"/branches/{quote(branch, safe='')}/page", body))
        self.expect(cases)

    def test_many_branches_come_in_the_order_asked(self):
        chance = random.Random(5)
        known = list(self.shelf.loans)
        cases = []
        for count in (1, 2, 5, 100, 2):
            names = chance.sample([*known, "Nowhere", "a, b"], min(20, len(known)))
            asked = ",".join(quote(name, safe="") for name in [*names, names[0]][:20])
            body = [self.short(name, count) for name in names]
            cases.append((f"/branches?names={asked}&count={count}", body))
        self.expect(cases)

    def test_branches_that_are_no_text_or_too_many_are_refused(self):
        invalid, most = (400, "Error: invalid names"), (400, "Error: more than 20 names")
        self.expect([("/branches", invalid), ("/branches?names=", invalid),
                     ("/branches?names=Central,", invalid), ("/branches?names=%FF", invalid),
                     ("/branches?names=" + ",".join("x" * 20), [None]),
                     ("/branches?names=" + ",".join("x" * 21), most)])


if __name__ == "__main__":
    unittest.main(verbosity=1)
