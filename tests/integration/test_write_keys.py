"""Retries with an Idempotency-Key, and carts, which belong to the session of a cookie.
"""

import json
import re
import sys
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import support
from write_case import Writes
from write_routes import CART, QUESTION, REVIEW, WRITES, encode
from writing import JSON_TYPE, Postgres, Sqlite, added

TOKEN = re.compile(r"(\w+)=([0-9a-f]{32}); (.*)")


class Keys(Writes):
    """A key stands for one request, for good."""

    def keyed(self, write, body, key, *headers):
        return self.post(write, body, (f"Idempotency-Key: {key}", *headers))

    @staticmethod
    def new_key():
        return f"key-{time.monotonic_ns()}"

    def test_a_key_that_comes_again_gets_the_same_answer_and_one_row(self):
        for write in WRITES:
            with self.subTest(path=write.path):
                key, body = self.new_key(), self.valid(write)
                session = ("Cookie: session=" + "5" * 32,)
                first = self.keyed(write, body, key, *session)
                self.assertEqual(201, first.status, first.body)
                self.assertNotIn("idempotent-replayed", first.headers)
                before = self.source.dump()
                for _ in range(3):
                    again = self.keyed(write, body, key, *session)
                    self.assertEqual((first.status, first.body, "true"),
                                     (again.status, again.body,
                                      again.headers.get("idempotent-replayed")))
                self.assertEqual(before, self.source.dump())

    def test_a_vote_with_a_key_counts_once(self):
        id_ = self.first("answers", "NOT reported")
        select = f"SELECT helpful FROM answers WHERE id = {id_}"
        before = self.source.rows(select)[0]["helpful"]
        key = f"Idempotency-Key: {self.new_key()}"
        for _ in range(3):
            answer = self.web.ask("PUT", f"/qa/answers/{id_}/helpful", headers=(key,))
            self.assertEqual((204, b""), (answer.status, answer.body))
        self.assertEqual(before + 1, self.source.rows(select)[0]["helpful"])

    def test_a_key_with_another_request_is_422(self):
        key, body = self.new_key(), self.valid(QUESTION)
        self.assertEqual(201, self.keyed(QUESTION, body, key).status)
        before = self.source.dump()
        other = {**body, "body": "Another?"}
        self.assertEqual(422, self.keyed(QUESTION, other, key).status)
        self.assertEqual(422, self.keyed(REVIEW, self.valid(REVIEW), key).status)
        self.assertEqual(422, self.web.ask("PUT", f"/qa/questions/{self.question}/helpful",
                                           headers=(f"Idempotency-Key: {key}",)).status)
        self.assertEqual(before, self.source.dump())

    def test_a_key_of_one_session_is_not_that_of_another(self):
        key, body = self.new_key(), self.valid(CART)
        self.assertEqual(201, self.keyed(CART, body, key, "Cookie: session=" + "a" * 32).status)
        before = self.source.dump()
        self.assertEqual(422, self.keyed(CART, body, key, "Cookie: session=" + "b" * 32).status)
        self.assertEqual(before, self.source.dump())
        self.assertEqual([], self.web.get("/cart", ("Cookie: session=" + "b" * 32,)))

    def test_a_refused_request_does_not_use_its_key(self):
        key = self.new_key()
        refused = self.keyed(REVIEW, self.valid(REVIEW, rating=9), key)
        self.assertEqual(REVIEW.invalid, (refused.status, refused.body))
        self.assertEqual(201, self.keyed(REVIEW, self.valid(REVIEW), key).status)

    def test_a_request_that_was_taken_back_does_not_use_its_key(self):
        key = self.new_key()
        scores = {str(self.foreign): 1}
        taken_back = self.keyed(REVIEW, self.valid(REVIEW, characteristics=scores), key)
        self.assertEqual(REVIEW.invalid, (taken_back.status, taken_back.body))
        before = self.source.dump()
        self.assertEqual(201, self.keyed(REVIEW, self.valid(REVIEW), key).status)
        self.assertEqual(1, added(before, self.source.dump())["reviews"])

    def test_a_key_of_many_at_once_runs_once(self):
        for _ in range(5):
            key, body = self.new_key(), encode(self.valid(REVIEW))
            before = self.source.dump()

            def send(found, key=key, body=body):
                with self.store.web() as web:
                    answer = web.ask("POST", "/reviews", body, (f"Idempotency-Key: {key}",))
                    found.append((answer.status, answer.body))

            self.assertEqual([(201, b"Created")] * 16, self.at_once(send, 16))
            self.assertEqual(1, added(before, self.source.dump())["reviews"])

    def test_a_key_that_is_none_is_400(self):
        before = self.source.dump()
        for key in ("x" * 256, "a b", "\u00e9", "a\tb", "a\x01"):
            with self.subTest(key=key):
                self.assertEqual(400, self.keyed(QUESTION, self.valid(QUESTION), key).status)
        two = self.post(QUESTION, self.valid(QUESTION),
                        ("Idempotency-Key: a", "Idempotency-Key: b"))
        self.assertEqual(400, two.status)
        self.assertEqual(before, self.source.dump())
        for key in (self.new_key().ljust(255, "~"), f"';DROP/**/TABLE/**/x;--{self.new_key()}",
                    f'"{self.new_key()}"'):
            self.assertEqual(201, self.keyed(QUESTION, self.valid(QUESTION), key).status, key)


class Carts(Keys):
    """Reads that talk to the source."""

    def session_of(self, answer):
        """The name and the token that an answer sets; the attributes are checked."""
        match = TOKEN.fullmatch(answer.headers["set-cookie"])
        self.assertIsNotNone(match, answer.headers["set-cookie"])
        attributes = {part.strip().lower() for part in match[3].split(";")}
        self.assertLessEqual({"httponly", "samesite=lax", "path=/"}, attributes)
        ages = [part for part in attributes if part.startswith("max-age=")]
        self.assertEqual(1, len(ages), attributes)
        self.assertGreater(int(ages[0][8:]), 3600)
        return match[1], match[2]

    def test_a_cart_is_that_of_its_session(self):
        skus = [row["id"] for row in self.source.rows("SELECT id FROM skus ORDER BY id LIMIT 3")]
        carts = []
        for owner in range(2):
            name, token = self.session_of(self.take(CART, self.valid(CART, sku_id=skus[0])))
            cookie = f"Cookie: {name}={token}"
            again = self.take(CART, self.valid(CART, sku_id=skus[0]), (cookie,))
            self.assertNotIn("set-cookie", again.headers)
            self.take(CART, self.valid(CART, sku_id=skus[1 + owner]), (f"{cookie}; theme=dark",))
            carts.append((cookie, [{"sku_id": skus[0], "count": "2"},
                                   {"sku_id": skus[1 + owner], "count": "1"}], token))
        self.assertNotEqual(carts[0][2], carts[1][2])
        for cookie, expected, _ in carts:
            answer = self.web.ask("GET", "/cart", headers=(cookie,))
            self.assertEqual((200, JSON_TYPE), (answer.status, answer.headers["content-type"]))
            self.assertEqual(expected, json.loads(answer.body))

    def test_a_cart_without_a_session_is_empty(self):
        answer = self.web.ask("GET", "/cart")
        self.assertEqual((200, b"[]"), (answer.status, answer.body))
        for cookie in ("session=", "session=x", "session=' OR 1=1 --", "session=" + "A" * 32,
                       "session=" + "0" * 31, "session=" + "0" * 33, "session=%30" + "0" * 31,
                       "x=" + "0" * 32, "sessions=1; session", ";;=;", "session=\xff"):
            with self.subTest(cookie=cookie):
                answer = self.web.ask("GET", "/cart", headers=(f"Cookie: {cookie}",))
                self.assertEqual((200, b"[]"), (answer.status, answer.body))

    def test_a_token_that_is_none_is_replaced_and_never_stored(self):
        for token in ("x", "' OR 1=1 --", "0" * 31, "g" * 32):
            answer = self.take(CART, self.valid(CART), (f"Cookie: session={token}",))
            self.assertNotEqual(token, self.session_of(answer)[1])
        stored = self.source.rows("SELECT session FROM cart_items")
        self.assertEqual([], [row for row in stored
                              if not re.fullmatch("[0-9a-f]{32}", row["session"])])

    def test_a_retry_without_its_cookie_finds_the_cart_of_the_first_try(self):
        key = self.new_key()
        first = self.keyed(CART, self.valid(CART), key)
        again = self.keyed(CART, self.valid(CART), key)  # the first answer was lost
        self.assertEqual(201, again.status)
        name, token = self.session_of(again)
        self.assertEqual(self.session_of(first)[1], token)
        self.assertEqual([{"sku_id": self.sku, "count": "1"}],
                         self.web.get("/cart", (f"Cookie: {name}={token}",)))

    def test_a_cart_is_read_at_once_after_it_was_written(self):
        cookie = "Cookie: session=" + "c" * 32
        for count in range(1, 30):
            self.take(CART, self.valid(CART), (cookie,))
            self.assertEqual([{"sku_id": self.sku, "count": str(count)}],
                             self.web.get("/cart", (cookie,)))

    def test_head_of_a_cart_has_no_body(self):
        answer = self.web.ask("HEAD", "/cart")
        self.assertEqual((200, b"", "2"),
                         (answer.status, answer.body, answer.headers["content-length"]))


class OnSqlite(Carts, unittest.TestCase):
    """The embedded source."""

    source_class = Sqlite


class OnPostgres(Carts, unittest.TestCase):
    """A server."""

    source_class = Postgres

if __name__ == "__main__":
    support.main()
