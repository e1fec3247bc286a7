"""Every write route of the storefront, on both databases: what is taken and what is refused.

What is refused must leave every table as it was; what is taken must change what it says and nothing
else. Both are decided by dumps of all tables before and after.
"""

import re
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import support
from write_case import Writes
from write_routes import (ANSWER, CART, INTERACTION, MOST_ID, NO_IDS, QUESTION, REVIEW, SQL,
                          UNICODE, VOTES, WRITES, Boolean, Integer, Raw, Scores, Text, Texts,
                          encode, no_objects, wrong_bodies)
from writing import Postgres, Sqlite, added

COLUMNS = {
    "reviews": {"summary": "summary", "body": "body", "name": "reviewer_name",
                "email": "reviewer_email"},
    "questions": {"body": "body", "name": "asker_name", "email": "asker_email"},
    "answers": {"body": "body", "name": "answerer_name", "email": "answerer_email"},
    "interactions": {"element": "element", "widget": "widget"},
}


class Contract(Writes):
    """What every test changes, it looks at itself."""

    def test_a_valid_body_adds_its_rows_and_nothing_else(self):
        none = {"photos": [], "characteristics": {}}
        for write, body, rows in (
            (REVIEW, {}, {"reviews": 1, "reviews_photos": 1,
                          "characteristic_reviews": len(self.own)}),
            (REVIEW, none, {"reviews": 1}),
            (REVIEW, {"photos": [f"https://images.example.com/{i}.jpg" for i in range(5)],
                      "characteristics": {str(self.own[0]): 1}},
             {"reviews": 1, "reviews_photos": 5, "characteristic_reviews": 1}),
            (QUESTION, {}, {"questions": 1}),
            (ANSWER, {}, {"answers": 1}),
            (ANSWER, {"photos": ["https://images.example.com/a.jpg"] * 2},
             {"answers": 1, "answers_photos": 2}),
            (CART, {}, {"cart_items": 1}),
            (INTERACTION, {}, {"interactions": 1}),
        ):
            with self.subTest(path=write.path, body=body):
                before = self.source.dump()
                self.take(write, self.valid(write, **body))
                self.assertEqual(rows, added(before, self.source.dump()))

    def test_members_with_a_default_may_be_missing(self):
        for write in WRITES:
            for name in write.optional:
                body = self.valid(write)
                del body[name]
                self.take(write, body)

    def test_members_that_nobody_asked_for_are_ignored(self):
        for write in WRITES:
            before = self.source.dump()
            self.take(write, self.valid(write, photos=[], characteristics={}, id=1, reported=True,
                                        helpfulness=99, x={"y": [1.5, None]}))
            self.assertEqual({write.table: 1}, added(before, self.source.dump()))
            self.assertNotEqual(1, self.last(write.table)["id"])

    def test_every_value_at_its_bounds_is_taken(self):
        for write in WRITES:
            for name, rule in write.members.items():
                for value in self.at_bounds(name, rule):
                    with self.subTest(path=write.path, name=name, value=f"{value!r:.40}"):
                        self.take(write, self.valid(write, **{name: value}))

    @staticmethod
    def at_bounds(name, rule):
        """The least and the most that RULE takes, without ids, which must exist."""
        if isinstance(rule, Text) and name not in ("email", "time"):
            yield from ("x" * rule.shortest, "x" * rule.longest, "\U0001f600" * rule.longest)
        elif isinstance(rule, Integer) and rule.most < MOST_ID:
            yield from (rule.least, rule.most)
        elif isinstance(rule, Boolean):
            yield from (True, False)
        elif isinstance(rule, Texts):
            yield from ([], ["https://images.example.com/p.jpg"] * rule.most,
                        ["https://images.example.com/" + "x" * (rule.of.longest - 27)])
        elif isinstance(rule, Scores):
            yield {}

    def test_what_was_taken_is_stored_as_it_was_sent(self):
        self.take(REVIEW, self.valid(REVIEW, rating=2, recommend=False))
        row = self.last("reviews")
        self.assertEqual(
            (self.product, 2, "As described", False, False, "jane", "jane@mail.example", None, 0),
            (row["product_id"], row["rating"], row["summary"], bool(row["recommend"]),
             bool(row["reported"]), row["reviewer_name"], row["reviewer_email"], row["response"],
             row["helpfulness"]))
        scores = self.source.rows("SELECT characteristic_id, value FROM characteristic_reviews "
                                  f"WHERE review_id = {row['id']} ORDER BY characteristic_id")
        self.assertEqual([(id_, 5) for id_ in sorted(self.own)],
                         [(score["characteristic_id"], score["value"]) for score in scores])
        self.take(ANSWER, self.valid(ANSWER))
        row = self.last("answers")
        self.assertEqual((self.question, "No.", "ann", "ann@mail.example", False, 0),
                         (row["question_id"], row["body"], row["answerer_name"],
                          row["answerer_email"], bool(row["reported"]), row["helpful"]))

    def test_texts_are_stored_verbatim_and_do_nothing(self):
        for write in (REVIEW, QUESTION, ANSWER, INTERACTION):
            columns, sent = COLUMNS[write.table], []
            before = self.source.dump()
            for text in (*SQL, *UNICODE):
                sent.append(self.texts(write, columns, text))
                self.take(write, self.valid(write, photos=[], characteristics={}, **sent[-1]))
            self.assertEqual({write.table: len(sent)}, added(before, self.source.dump()))
            rows = self.source.rows(f"SELECT * FROM {write.table} ORDER BY id DESC "
                                    f"LIMIT {len(sent)}")
            for values, row in zip(reversed(sent), rows):
                with self.subTest(path=write.path):
                    self.assertEqual(values, {name: row[columns[name]] for name in columns})

    @staticmethod
    def texts(write, columns, text):
        """TEXT for each of COLUMNS, made as long as its rule wants."""
        values = {}
        for name in columns:
            rule = write.members[name]
            value = text[:rule.longest - 2] + ("@x" if name == "email" else "")
            values[name] = value + "." * (rule.shortest - len(value))
        return values

    def test_escapes_of_json_mean_what_they_say(self):
        escaped = '"\\ud83d\\ude00 \\u00e9 \\n \\/ \\" ' + "x" * 50 + '"'
        self.take(REVIEW, {**self.valid(REVIEW), "body": Raw(escaped)})
        self.assertEqual("\U0001f600 \u00e9 \n / \" " + "x" * 50, self.last("reviews")["body"])

    def test_texts_in_photos_are_stored_verbatim(self):
        photos = ["https://x.example/'); DROP TABLE reviews_photos; --",
                  "https://x.example/\U0001f600", "https://x.example/$1?a=:review_id"]
        self.take(REVIEW, self.valid(REVIEW, photos=photos))
        stored = self.source.rows("SELECT url FROM reviews_photos WHERE review_id = "
                                  f"{self.last('reviews')['id']} ORDER BY id")
        self.assertEqual(photos, [row["url"] for row in stored])

    # ---- what is refused ----

    def test_a_wrong_member_is_refused_and_changes_nothing(self):
        for write in WRITES:
            with self.subTest(path=write.path):
                self.check_refused(wrong_bodies(write, self.valid(write)),
                                   lambda body, write=write: self.post(write, body), write.invalid)

    def test_a_body_that_is_no_object_is_refused(self):
        for write in WRITES:
            with self.subTest(path=write.path):
                cases = ((f"{body!r:.60}", body) for body in no_objects(self.valid(write)))
                self.check_refused(cases, lambda body, write=write: self.post(write, body),
                                   write.invalid)

    def test_an_empty_body_is_an_object_without_members(self):
        for write in WRITES:
            first, path = next(iter(write.members)), self.path(write)
            self.check_refused(((body, body) for body in (b"", b"{}", None)),
                               lambda body, path=path: self.web.ask("POST", path, body),
                               write.own.get(first, write.invalid))

    def test_rows_that_do_not_exist_cannot_be_referred_to(self):
        for write, name in ((REVIEW, "product_id"), (QUESTION, "product_id"), (CART, "sku_id")):
            with self.subTest(path=write.path):
                self.check_unknown(write, name)

    def check_unknown(self, write, name):
        before = self.source.dump()
        for unknown in (987654321, MOST_ID):
            answer = self.post(write, self.valid(write, **{name: unknown}))
            self.assertEqual(422, answer.status, (unknown, answer.body))
            self.assertTrue(answer.body.startswith(b"Error: "), answer.body)
        self.assertEqual(before, self.source.dump())

    def test_a_characteristic_of_another_product_takes_all_of_the_review_back(self):
        cases = [("foreign", {str(self.own[0]): 5, str(self.foreign): 5}),
                 ("only foreign", {str(self.foreign): 5}), ("unknown", {"987654321": 1}),
                 ("zero", {"0": 1}), ("negative", {"-1": 1}), ("large", {str(MOST_ID): 1})]
        self.check_refused(
            ((what, self.valid(REVIEW, characteristics=scores)) for what, scores in cases),
            lambda body: self.post(REVIEW, body), REVIEW.invalid)

    def test_a_body_of_10_mb_is_413(self):
        for write in WRITES:
            for size in (10 << 20, (1 << 20) + 1):
                name = next(iter(write.members))
                body = encode({**self.valid(write), name: "x" * size})
                before = self.source.dump()
                answer = self.post(write, body)
                self.assertEqual(413, answer.status, answer.body)
                self.assertEqual(before, self.source.dump())
                self.web.close()

    def test_a_body_of_10_mb_in_chunks_is_413(self):
        before = self.source.dump()
        with self.store.web() as web:
            body = b"".join(b"%x\r\n%s\r\n" % (65536, b" " * 65536) for _ in range(160))
            head = "POST /reviews HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
            self.assertEqual(413, web.raw(head.encode() + body + b"0\r\n\r\n").status)
        self.assertEqual(before, self.source.dump())

    def test_ids_in_paths_that_nothing_has_are_404(self):
        for path, _, _, text in VOTES:
            with self.subTest(path=path):
                self.check_refused(((id_, id_) for id_ in NO_IDS),
                                   lambda id_, path=path: self.web.ask("PUT", path.format(id_)),
                                   (404, text))
        body = encode(self.valid(ANSWER))
        self.check_refused(
            ((id_, id_) for id_ in NO_IDS),
            lambda id_: self.web.ask("POST", f"/qa/questions/{id_}/answers", body),
            (404, b"Error: invalid question id provided"))

    def test_other_methods_are_405_and_say_which_are_not(self):
        for write in WRITES:
            for method in ("PUT", "DELETE", "PATCH"):
                answer = self.web.ask(method, self.path(write), encode(self.valid(write)))
                self.assertEqual(405, answer.status, (method, write.path))
                allowed = set(re.split(r",\s*", answer.headers["allow"]))
                self.assertIn("POST", allowed)
                self.assertNotIn(method, allowed)
            answer = self.web.ask("OPTIONS", self.path(write))
            self.assertIn("POST", answer.headers["access-control-allow-methods"])
        answer = self.web.ask("POST", VOTES[0][0].format(1), b"")
        self.assertEqual((405, True), (answer.status, "PUT" in answer.headers["allow"]))

    # ---- votes ----

    def test_a_vote_counts_once_and_changes_one_row(self):
        for path, table, column, _ in VOTES:
            with self.subTest(path=path):
                id_ = self.first(table, "NOT reported")
                select = f"SELECT * FROM {table} ORDER BY id"
                before = {row["id"]: row for row in self.source.rows(select)}
                for target in (path.format(id_), path.format(id_) + "/"):
                    answer = self.web.ask("PUT", target)
                    self.assertEqual((204, b""), (answer.status, answer.body))
                    self.assertNotIn("content-length", answer.headers)
                expected = True if column == "reported" else before[id_][column] + 2
                before[id_][column] = expected
                self.assertEqual(before, {row["id"]: row for row in self.source.rows(select)})

    def test_a_body_of_a_vote_is_ignored(self):
        id_ = self.first("reviews", "NOT reported")
        for body in (b"", b"{}", b"x", b'{"review_id": 2}'):
            self.assertEqual(204, self.web.ask("PUT", f"/reviews/{id_}/helpful", body).status)

    def test_votes_of_many_at_once_are_all_counted(self):
        id_ = self.first("reviews", "NOT reported")
        select = f"SELECT helpfulness FROM reviews WHERE id = {id_}"
        before = self.source.rows(select)[0]["helpfulness"]

        def vote(statuses):
            with self.store.web() as web:
                statuses += [web.ask("PUT", f"/reviews/{id_}/helpful").status for _ in range(50)]

        self.assertEqual([204] * 800, self.at_once(vote, 16))
        self.assertEqual(before + 800, self.source.rows(select)[0]["helpfulness"])


class OnSqlite(Contract, unittest.TestCase):
    """The embedded source."""

    source_class = Sqlite


class OnPostgres(Contract, unittest.TestCase):
    """A server."""

    source_class = Postgres

if __name__ == "__main__":
    support.main()
