"""The read mix of the benches: what a storefront asks for while visitors look at products.

The one place that lists the routes and their weights. A product page asks for the product, its styles
and reviews each time, for the rest when a visitor scrolls that far; answers beyond the first ones of a
question are asked for one by one.
"""

import sqlite3
from contextlib import closing

# Weight, name, path; %d is a random product, or for answers a random question.
READS = (
    (20, "product", "/products/%d"),
    (20, "styles", "/products/%d/styles"),
    (20, "reviews", "/reviews?product_id=%d"),
    (15, "meta", "/reviews/meta?product_id=%d"),
    (10, "related", "/products/%d/related"),
    (10, "questions", "/qa/questions?product_id=%d"),
    (5, "answers", "/qa/questions/%d/answers"),
)
OF_QUESTIONS = ("answers",)


def key_counts(data, products):
    """How many keys each route has, with the source in the folder DATA."""
    with closing(sqlite3.connect(data / "source.db")) as db:
        questions = db.execute("SELECT max(id) FROM questions").fetchone()[0]
    return {name: questions if name in OF_QUESTIONS else products for _, name, _ in READS}


def write(path, counts):
    """A file for load --mix."""
    lines = [f"{weight} {name} {route} 1-{counts[name]}\n" for weight, name, route in READS]
    path.write_text("".join(lines))
    return path
