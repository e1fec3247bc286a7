"""The whole contract: every GET of the storefront, compared byte by byte with the oracle.

CSV exports are generated, once clean and once with all the dirt that real exports carry, imported
into SQLite (into PostgreSQL by test_contract_postgres.py), built and served by the program. Then every product, question, sort, page and odd id is asked for,
and status, headers and body must be what oracle.py computes from the same CSV files.
"""

import csv
import random
import re
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import support
from oracle import Storefront
from pipeline import get_all

HUGE = (100000, 9007199254740991)
SORTS = ("relevant", "newest", "helpful", None, "nonsense")
MOST_SHOWN = 5
SHOWN_BYTES = 600
COARSE_MS = 10**10  # 116 days

# Ids that are no integer of 64 bits, and some that are though they do not look like it.
ODD_IDS = (
    "hello null 5.55 -1 +5 %2B5 99999999999999999999 9223372036854775807 9223372036854775808 "
    "-9223372036854775808 1%00 %31 %3 %zz 007 0x1 1e3 %C3%A9 %FF 1%20 +1 1+ 1%2F2 %D9%A1 --1 - 1- "
    "0 -0 missing product_id"
).split()
ODD_NUMBERS = (
    "0 -1 +1 1.0 x %31 007 99999999999999999999 9007199254740991 9007199254740992 "
    "18446744073709551617"
).split()
UNKNOWN_PATHS = (
    "/ /x /product /products/1/x /products/1/styles/2 /reviews/5 /reviews/meta/1 /qa "
    "/qa/questions/1 /qa/questions/1/answers/2 /favicon.ico /products/1/related/1 /Products"
).split()


# ---- what is asked ----


def address(path, **query):
    pairs = [f"{name}={value}" for name, value in query.items() if value is not None]
    return path + ("?" + "&".join(pairs) if pairs else "")


def every_page(path, rows, count, **query):
    """All pages of a list of ROWS rows, and one past the end."""
    for page in range(1, -(-rows // min(count, 10000)) + 2):
        yield address(path, page=page, count=count, **query)


def counts_for(key):
    """Counts to ask a list with; single rows only for a sample, they are so many."""
    return (5, 7, *HUGE, 1) if key % 10 == 0 else (5, 7, *HUGE)


def product_targets(product_id):
    for rest in ("", "/", "/styles", "/styles/", "/related", "/related/", "/page", "/page/"):
        yield f"/products/{product_id}{rest}"


def review_targets(shop, product_id):
    rows = len(shop.reviews["relevant"].get(product_id, ()))
    yield f"/reviews?product_id={product_id}"
    yield f"/reviews/?product_id={product_id}"
    yield f"/reviews/meta?product_id={product_id}"
    yield f"/reviews/meta/?product_id={product_id}"
    for sort in SORTS:
        yield address(f"/products/{product_id}/page", sort=sort)
        for count in counts_for(product_id):
            yield from every_page("/reviews", rows, count, product_id=product_id, sort=sort)


def question_targets(shop, product_id):
    rows = len(shop.questions.get(product_id, ()))
    yield f"/qa/questions?product_id={product_id}"
    yield f"/qa/questions/?product_id={product_id}"
    for count in counts_for(product_id):
        yield from every_page("/qa/questions", rows, count, product_id=product_id)


def answer_targets(shop, question_id):
    path = f"/qa/questions/{question_id}/answers"
    rows = len(shop.answers.get(question_id, ()))
    yield path
    yield path + "/"
    for count in counts_for(question_id):
        yield from every_page(path, rows, count)


def listing_targets(shop):
    rows = len(shop.short_products)
    yield from ("/products", "/products/")
    for count in (5, 1, 7, *HUGE):
        yield from every_page("/products", rows, count)


def many_targets(products):
    """Random keys, some of them twice, some unknown; as many as there may be, and one more."""
    chance = random.Random(3)
    for count in (1, 2, 3, 10, 100, 999, 1000, 1001):
        for separator in (",", "%2C"):
            ids = [str(chance.randint(-1, products + 30)) for _ in range(count)]
            yield "/reviews/meta/many?product_ids=" + separator.join(ids)
    for odd in ODD_IDS:
        yield from (f"/reviews/meta/many?product_ids={odd}",
                    f"/reviews/meta/many?product_ids=1,{odd},2")
    for odd in ("", "?", "/?product_ids=1", "?product_ids", "?product_ids=", "?product_ids=1,",
                "?product_ids=,", "?product_ids=1,,2", "?product_ids=02,2,2",
                "?product_ids=1&product_ids=2", "?product_id=1", "?product_ids=1,%202"):
        yield "/reviews/meta/many" + odd


def odd_targets():
    yield from UNKNOWN_PATHS
    for odd in (*ODD_IDS, ""):
        for path in ("/reviews", "/reviews/meta", "/qa/questions"):
            yield f"{path}?product_id={odd}"
    for odd in ODD_IDS:
        yield from product_targets(odd)
        yield f"/qa/questions/{odd}/answers"
    for path in ("/reviews", "/reviews/meta", "/qa/questions"):
        yield from (path, path + "?", path + "?product_id", path + "?product_id=1&product_id=x")
        yield from (path + "?Product_id=1", path + "?product%5Fid=1", path + "?&&product_id=1&")
    for path in ("/products?a=b", "/reviews?product_id=2", "/qa/questions?product_id=2",
                 "/qa/questions/1/answers?a=b"):
        for odd in (*ODD_NUMBERS, ""):
            yield from (f"{path}&page={odd}", f"{path}&count={odd}", f"{path}&page=2&count={odd}")
            yield f"{path}&page={odd}&count=9007199254740991"
    for sort in ("", "NEWEST", "newest%20", "%6Eewest", "helpful&sort=newest"):
        yield f"/reviews?product_id=2&sort={sort}"


def keys_seen(shop, table, column, first, last):
    """Ids that some row mentions, known or not, and FIRST to LAST."""
    own = set(shop.tables[table])
    mentioned = {row[column] for rows in shop.tables.values() for row in rows.values()
                 if column in row}
    return sorted(own | mentioned | set(range(first, last + 1)))


def every_target(shop, products):
    yield from listing_targets(shop)
    yield from odd_targets()
    yield from many_targets(products)
    for product_id in keys_seen(shop, "products", "product_id", 0, products + 10):
        yield from product_targets(product_id)
        yield from review_targets(shop, product_id)
        yield from question_targets(shop, product_id)
    last = max(shop.tables["questions"])
    for question_id in keys_seen(shop, "questions", "question_id", last, last + 3):
        yield from answer_targets(shop, question_id)


# ---- what must come back ----

HEADERS = {
    "content-type": None,
    "content-length": None,
    "access-control-allow-origin": r"\*",
    "access-control-expose-headers": r"\*",
    "vitrine-release": "000001",
    "vitrine-age": r"\d+",
    "x-request-id": "[0-9a-f]{16}",
    "cache-control": "no-cache|no-store",
    "date": r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT",
}
OPTIONAL = {"vitrine-position": r"\d+"}  # the position of a source that nobody wrote to yet is none
CONDITIONAL = {"etag": '"[0-9a-f]{16}"', "vary": "Accept-Encoding"}  # of answers from files
CONTENT_TYPES = {True: "application/json; charset=utf-8", False: "text/plain; charset=utf-8"}


def header_fault(headers, is_json):
    """What is wrong with the headers of an answer, or None."""
    required = {**HEADERS, **(CONDITIONAL if is_json else {})}
    unexpected = (headers.keys() ^ required.keys()) - OPTIONAL.keys()
    if unexpected:
        return f"headers {sorted(unexpected)} are missing or not expected"
    if headers["content-type"] != CONTENT_TYPES[is_json]:
        return f"Content-Type is {headers['content-type']}"
    for name, pattern in {**required, **OPTIONAL}.items():
        if pattern and name in headers and not re.fullmatch(pattern, headers[name]):
            return f"{name} is {headers[name]}"
    return None


def fault(expected, answer):
    status, is_json, body = expected
    if answer.status != status:
        return f"status is {answer.status}, not {status}"
    return header_fault(answer.headers, is_json) or (answer.body != body and "the body differs")


def show_difference(target, what, expected, answer):
    """Both bodies, or of long ones what is around the first byte that differs."""
    pairs = zip(expected[2], answer.body)
    shorter = min(len(expected[2]), len(answer.body))
    at = next((i for i, (a, b) in enumerate(pairs) if a != b), shorter)
    first = max(0, at - SHOWN_BYTES // 2) if len(answer.body) > SHOWN_BYTES else 0
    around = slice(first, first + SHOWN_BYTES)
    print(f"\nGET {target}\n  {what} (bodies from byte {first})"
          f"\n  expected {expected[0]}, {len(expected[2])} bytes: {expected[2][around]!r}"
          f"\n  received {answer.status}, {len(answer.body)} bytes: {answer.body[around]!r}")


def route_of(target):
    """A target with its ids taken out, for the counts."""
    path = target.partition("?")[0].rstrip("/") or "/"
    return re.sub(r"(/products|/questions)/[^/]+", r"\1/:id", path)


def compare(port, shop, products):
    """Asks for everything; returns how many answers were wrong."""
    asked, wrong = Counter(), 0
    for target, answer in get_all(port, every_target(shop, products)):
        route = "unknown paths" if target in UNKNOWN_PATHS else route_of(target)
        asked[route] += 1
        expected = shop.answer(target)
        what = fault(expected, answer)
        if what:
            wrong += 1
            if wrong <= MOST_SHOWN:
                show_difference(target, what, expected, answer)
    for route, count in asked.items():
        print(f"  {count:8} {route}")
    print(f"  {sum(asked.values()):8} in all, {wrong} differ", flush=True)
    return wrong


def compare_rejects(path, shop):
    """The rejects file against the lines that the oracle refuses."""
    with open(path, newline="", encoding="utf-8", errors="replace") as file:
        reader = csv.DictReader(file)
        found = Counter((Path(row["file"]).name, int(row["line"])) for row in reader)
    expected = Counter(shop.rejects)
    for file, line in sorted((found - expected).keys())[:MOST_SHOWN]:
        print(f"  {file}:{line} was rejected, but is sound")
    for file, line in sorted((expected - found).keys())[:MOST_SHOWN]:
        print(f"  {file}:{line} was not rejected, but is bad")
    print(f"  {found.total():8} lines rejected, {expected.total()} expected")
    return 0 if found == expected else 1


# ---- the runs ----


def force_ties(exports):
    """Makes dates and votes of reviews coarse and mixes up their lines: only ids still decide."""
    path = exports / "reviews.csv"
    with open(path, newline="", encoding="utf-8") as file:
        header, *rows = csv.reader(file)
    date, votes = header.index("date"), header.index("helpfulness")
    for row in rows:
        row[date] = str(int(row[date]) // COARSE_MS * COARSE_MS)
        row[votes] = str(int(row[votes]) % 4)
    random.Random(1).shuffle(rows)
    with open(path, "w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows([header, *rows])


def check(folder, url, products, change, *options):
    """One set of exports, from CSV through the source URL to answers; returns how much differed."""
    started = time.monotonic()
    common = ("--definition", support.DEFINITION)
    source = ("--source", url)
    exports, rejects = folder / "exports", folder / "rejects.csv"
    support.vitrine("generate", *common, "--products", products, *options, exports)
    if change:
        change(exports)
    shop = Storefront(exports)
    support.vitrine("import", *common, *source, "--rejects", rejects, exports)
    support.vitrine("build", *common, *source, "--root", folder / "root")
    wrong = compare_rejects(rejects, shop)
    with support.serving(folder / "root") as port:
        wrong += compare(port, shop, products)
    print(f"  {time.monotonic() - started:8.1f} s", flush=True)
    return wrong


def run(source):
    """All sets; SOURCE gives the URL of an empty source, that may be in the folder of a set."""
    wrong = 0
    for name, products, change, options in (
        ("300 products, clean", 300, None, ("--seed", "7")),
        ("100 products, reviews that tie", 100, force_ties, ("--seed", "8")),
        ("2000 products, dirty", 2000, None, ("--seed", "1", "--dirt")),
    ):
        print(name, flush=True)
        with tempfile.TemporaryDirectory(prefix="vitrine-contract-") as folder:
            wrong += check(Path(folder), source(folder), products, change, *options)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(run(lambda folder: f"sqlite:{folder}/source.db"))
