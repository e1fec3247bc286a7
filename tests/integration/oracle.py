"""Every answer of the Atelier storefront, computed from its CSV exports and from nothing else.

This is the second opinion of test_contract.py. It shares no code with the program: the CSV rules
and types (exports.py), the joins, the orders and the JSON are written again, as plainly as can be.

    python3 oracle.py DIR '/reviews?product_id=2'      prints one answer
"""

import re
import sys
from collections import defaultdict
from pathlib import Path

from exports import TABLES, days_before_year, month_lengths, parse_integer, read_table

# ---- JSON ----

ESCAPES = dict(zip('"\\\b\f\n\r\t', ('\\"', "\\\\", "\\b", "\\f", "\\n", "\\r", "\\t")))


def string(text):
    if text is None:
        return "null"
    escape = lambda match: ESCAPES.get(match[0]) or f"\\u{ord(match[0]):04x}"
    return '"' + re.sub(r'["\\\x00-\x1f]', escape, text) + '"'


def bare(value):
    """A number or a boolean."""
    if value is None:
        return "null"
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else str(value)


def scaled(value, scale):
    """An integer of 10^-scale as a decimal in quotes."""
    if value is None:
        return "null"
    whole, fraction = divmod(abs(value), 10**scale)
    return f'"{"-" if value < 0 else ""}{whole}.{fraction:0{scale}d}"'


def price(value):
    return scaled(value, 2)


def when(ms):
    if ms is None:
        return "null"
    days, rest = divmod(ms, 86400000)
    days += days_before_year(1970)
    year = days * 400 // 146097
    while days_before_year(year + 1) <= days:
        year += 1
    while days_before_year(year) > days:
        year -= 1
    days -= days_before_year(year)
    month = 0
    for length in month_lengths(year):
        if days < length:
            break
        days -= length
        month += 1
    hour, rest = divmod(rest, 3600000)
    minute, rest = divmod(rest, 60000)
    second, milli = divmod(rest, 1000)
    return (
        f'"{year:04d}-{month + 1:02d}-{days + 1:02d}'
        f'T{hour:02d}:{minute:02d}:{second:02d}.{milli:03d}Z"'
    )


def ratio(total, votes):
    """total / votes with 16 decimals; both are positive here, so half up is half away from zero."""
    if not votes:
        return "null"
    return scaled((2 * total * 10**16 + votes) // (2 * votes), 16)


def thing(**members):
    return "{" + ",".join(f'"{name}":{value}' for name, value in members.items()) + "}"


def array(items):
    return "[" + ",".join(items) + "]"


def mapping(pairs):
    """An object of (name, JSON); of two with one name the first stays."""
    members = {}
    for name, value in pairs:
        members.setdefault(name, value)
    return "{" + ",".join(f"{string(name)}:{value}" for name, value in members.items()) + "}"


# ---- the storefront ----


def grouped(rows, column, order=lambda row: row["id"]):
    """Rows by the value of COLUMN, each group in order."""
    groups = defaultdict(list)
    for row in sorted(rows, key=order):
        groups[row[column]].append(row)
    return groups


def most_helpful(column):
    return lambda row: (-row[column], row["id"])


ORDERS = {
    "relevant": lambda row: (-row["helpfulness"], -row["date"], row["id"]),
    "newest": lambda row: (-row["date"], row["id"]),
    "helpful": most_helpful("helpfulness"),
}


NO_META = {"ratings": "{}", "recommended": "{}", "characteristics": "{}"}


class Storefront:
    """The exports of one folder, joined, and every row of every answer written out."""

    def __init__(self, folder):
        self.tables, self.rejects = {}, []
        for name, (file, spec) in TABLES.items():
            self.tables[name], rejected = read_table(Path(folder) / file, spec)
            self.rejects += [(file, line) for line in rejected]
        self.load_products()
        self.load_styles()
        self.load_reviews()
        self.load_meta()
        self.load_questions()

    def rows(self, table):
        return self.tables[table].values()

    def shown(self, table):
        return [row for row in self.rows(table) if not row["reported"]]

    def load_products(self):
        features = grouped(self.rows("features"), "product_id")
        self.products, self.short_products = {}, []
        for product_id in sorted(self.tables["products"]):
            row = self.tables["products"][product_id]
            members = {"id": bare(product_id)}
            for name in ("name", "slogan", "description", "category"):
                members[name] = string(row[name])
            members["default_price"] = price(row["default_price"])
            self.short_products.append(thing(**members))
            listed = array(
                thing(feature=string(f["feature"]), value=string(f["value"]))
                for f in features[product_id]
            )
            self.products[product_id] = thing(**members, features=listed)
        related = grouped(self.rows("related"), "product_id")
        self.related = {
            product_id: array(bare(row["related_id"]) for row in rows if row["related_id"] != 0)
            for product_id, rows in related.items()
        }

    def load_styles(self):
        photos = grouped(self.rows("photos"), "style_id")
        skus = grouped(self.rows("skus"), "style_id")
        styles = grouped(self.rows("styles"), "product_id")
        self.styles = {}  # of products without styles too, and of styles without their product
        for product_id in styles.keys() | self.tables["products"].keys():
            self.styles[product_id] = array(
                thing(
                    style_id=bare(row["id"]),
                    name=string(row["name"]),
                    original_price=price(row["original_price"]),
                    sale_price=price(row["sale_price"]),
                    **{"default?": bare(row["default_style"])},
                    photos=array(
                        thing(thumbnail_url=string(p["thumbnail_url"]), url=string(p["url"]))
                        for p in photos[row["id"]]
                    ),
                    skus=mapping(
                        (str(s["id"]), thing(quantity=bare(s["quantity"]), size=string(s["size"])))
                        for s in skus[row["id"]]
                    ),
                )
                for row in styles[product_id]
            )

    def load_reviews(self):
        photos = grouped(self.rows("reviews_photos"), "review_id")
        for row in self.shown("reviews"):
            row["json"] = thing(
                review_id=bare(row["id"]),
                rating=bare(row["rating"]),
                summary=string(row["summary"]),
                recommend=bare(row["recommend"]),
                response=string(row["response"]),
                body=string(row["body"]),
                date=when(row["date"]),
                reviewer_name=string(row["reviewer_name"]),
                helpfulness=bare(row["helpfulness"]),
                photos=array(
                    thing(id=bare(p["id"]), url=string(p["url"])) for p in photos[row["id"]]
                ),
            )
        self.reviews = {
            name: grouped(self.shown("reviews"), "product_id", order)
            for name, order in ORDERS.items()
        }

    def load_meta(self):
        values = defaultdict(list)
        for vote in self.rows("characteristic_reviews"):
            review = self.tables["reviews"].get(vote["review_id"])
            if review and not review["reported"]:
                values[vote["characteristic_id"]].append(vote["value"])
        named = grouped(self.rows("characteristics"), "product_id")
        reviews = grouped(self.shown("reviews"), "product_id")
        self.meta = {}
        for product_id in set(named) | set(reviews):
            ratings = [row["rating"] for row in reviews.get(product_id, ())]
            recommends = [row["recommend"] for row in reviews.get(product_id, ())]
            self.meta[product_id] = {
                "ratings": mapping(
                    (str(n), f'"{ratings.count(n)}"') for n in sorted(set(ratings))
                ),
                "recommended": mapping(
                    (bare(flag), f'"{recommends.count(flag)}"')
                    for flag in (False, True)
                    if flag in recommends
                ),
                "characteristics": mapping(
                    (
                        row["name"],
                        thing(
                            id=bare(row["id"]),
                            value=ratio(sum(values[row["id"]]), len(values[row["id"]])),
                        ),
                    )
                    for row in named.get(product_id, ())
                ),
            }

    def load_questions(self):
        photos = grouped(self.rows("answers_photos"), "answer_id")
        answers = grouped(self.shown("answers"), "question_id", most_helpful("helpful"))
        inner = {}
        for row in self.shown("answers"):
            members = {
                "body": string(row["body"]),
                "date": when(row["date_written"]),
                "answerer_name": string(row["answerer_name"]),
                "helpfulness": bare(row["helpful"]),
            }
            mine = photos[row["id"]]
            urls = array(string(p["url"]) for p in mine)
            objects = array(thing(id=bare(p["id"]), url=string(p["url"])) for p in mine)
            inner[row["id"]] = thing(id=bare(row["id"]), **members, photos=urls)
            row["json"] = thing(answer_id=bare(row["id"]), **members, photos=objects)
        for row in self.shown("questions"):
            row["json"] = thing(
                question_id=bare(row["id"]),
                question_body=string(row["body"]),
                question_date=when(row["date_written"]),
                asker_name=string(row["asker_name"]),
                question_helpfulness=bare(row["helpful"]),
                reported="false",
                answers=mapping((str(a["id"]), inner[a["id"]]) for a in answers[row["id"]]),
            )
        self.answers = answers
        self.questions = grouped(self.shown("questions"), "product_id", most_helpful("helpful"))

    # ---- requests ----

    def answer(self, target):
        """(status, is_json, body) of GET TARGET."""
        path, _, query_text = target.partition("?")
        segments = [percent_decoded(part) for part in path.split("/")[1:]]
        if len(segments) > 1 and segments[-1] == "":
            segments.pop()
        query = {}
        for pair in query_text.split("&"):
            name, _, value = pair.partition("=")
            query.setdefault(percent_decoded(name), percent_decoded(value.replace("+", " ")))
        answer = self.route(segments, query)
        if isinstance(answer, str):
            return 200, True, answer.encode("utf-8")
        return answer[0], False, answer[1].encode("utf-8")

    def route(self, segments, query):
        match segments:
            case ["products"]:
                rows, _, _ = page_of(self.short_products, query)
                return array(rows)
            case ["products", product_id, "page"]:
                return self.page(product_id, query)
            case ["products", product_id, *rest] if rest in ([], ["styles"], ["related"]):
                return self.product(product_id, rest)
            case ["reviews"]:
                return self.reviews_of(query)
            case ["reviews", "meta"]:
                return self.meta_of(query)
            case ["reviews", "meta", "many"]:
                return self.meta_of_many(query)
            case ["qa", "questions"]:
                return self.questions_of(query)
            case ["qa", "questions", question_id, "answers"]:
                return self.answers_of(question_id, query)
        return 404, "Error: not found"

    def product(self, text, rest):
        product_id = parse_integer(text)
        if rest == ["related"] and product_id is not None:
            return self.related.get(product_id, "[]")
        if rest == ["styles"] and product_id in self.styles:
            return thing(product_id=string(text), results=self.styles[product_id])
        if rest == [] and product_id in self.products:
            return self.products[product_id]
        return 404, "Error: invalid product id provided"

    def page(self, text, query):
        product_id = parse_integer(text)
        if product_id not in self.products:
            return 404, "Error: invalid product id provided"
        reviews = self.reviews.get(query.get("sort")) or self.reviews["relevant"]
        lists = [(groups.get(product_id, ())) for groups in (reviews, self.questions)]
        reviews, questions = (
            thing(total=bare(len(rows)), results=array(row["json"] for row in rows[:5]))
            for rows in lists
        )
        return thing(
            product=self.products[product_id],
            styles=self.styles[product_id],
            related=self.related.get(product_id, "[]"),
            meta=thing(**self.meta.get(product_id, NO_META)),
            reviews=reviews,
            questions=questions,
        )

    def reviews_of(self, query):
        product_id = parse_integer(query.get("product_id", ""))
        if product_id is None:
            return 422, "Error: invalid product_id provided"
        groups = self.reviews.get(query.get("sort")) or self.reviews["relevant"]
        rows, page, count = page_of(groups.get(product_id, ()), query)
        return thing(
            product=string(query["product_id"]),
            page=bare(page - 1),
            count=bare(count),
            results=array(row["json"] for row in rows),
        )

    def meta_of(self, query):
        product_id = parse_integer(query.get("product_id", ""))
        if product_id is None:
            return 422, "Error: invalid product_id provided"
        return thing(
            product_id=string(query["product_id"]), **self.meta.get(product_id, NO_META)
        )

    def meta_of_many(self, query):
        texts = query.get("product_ids", "").split(",")
        if len(texts) > 1000:
            return 422, "Error: more than 1000 product_ids provided"
        ids = [parse_integer(text) for text in texts]
        if None in ids:
            return 422, "Error: invalid product_ids provided"
        return mapping((str(n), thing(**self.meta[n])) for n in ids if n in self.meta)

    def questions_of(self, query):
        product_id = parse_integer(query.get("product_id", ""))
        if product_id is None:
            return 422, "Error: invalid product_id provided"
        rows, _, _ = page_of(self.questions.get(product_id, ()), query)
        return thing(
            product_id=string(query["product_id"]), results=array(row["json"] for row in rows)
        )

    def answers_of(self, text, query):
        question_id = parse_integer(text)
        if question_id is None:
            return 404, "Error: invalid question id provided"
        rows, page, count = page_of(self.answers.get(question_id, ()), query)
        return thing(
            question=string(text),
            page=bare(page),
            count=bare(count),
            results=array(row["json"] for row in rows),
        )


def percent_decoded(text):
    """Malformed escapes stand for themselves; bytes that are no UTF-8 become no digit either."""
    raw = re.sub(
        rb"%([0-9A-Fa-f]{2})", lambda match: bytes.fromhex(match[1].decode()), text.encode("utf-8")
    )
    return raw.decode("utf-8", "replace")


def positive(text, default):
    if text is None or not re.fullmatch("[0-9]+", text) or int(text) < 1:
        return default
    return min(int(text), 9007199254740991)


def page_of(rows, query):
    """The rows of the page asked for, its number from 1, and the count in force."""
    page = positive(query.get("page"), 1)
    count = min(positive(query.get("count"), 5), 10000)
    first = (page - 1) * count
    return rows[first : first + count], page, count


if __name__ == "__main__":
    status, _, body = Storefront(sys.argv[1]).answer(sys.argv[2])
    print(status, body.decode("utf-8"))
