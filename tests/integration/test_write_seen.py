"""What was written to the storefront is seen in what is read once it was built: all of it, from the
position on that its answer named, but for what must never be in a release.
"""

import base64
import json
import os
import sys
import threading
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import support
from write_case import SEEN_S, Writes
from write_routes import ANSWER, QUESTION, REVIEW
from writing import Postgres, Sqlite

EMAIL = "nobody-shall-see.{}@mail.example"


class Seen(Writes):
    """A builder follows the source."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.store.follow()

    def test_a_review_is_seen_with_its_photos_and_in_the_ratings(self):
        before = self.web.get(f"/reviews/meta?product_id={self.product}")
        summary = f"Seen {time.monotonic_ns()}"
        photos = ["https://images.example.com/one.jpg", "https://images.example.com/two.jpg"]
        began = time.time()
        self.take(REVIEW, self.valid(REVIEW, rating=3, summary=summary, photos=photos,
                                     recommend=False))
        page = self.until(self.reviews(),
                          lambda body: summary in [row["summary"] for row in body["results"]],
                          "the review")
        row = next(row for row in page["results"] if row["summary"] == summary)
        self.assertEqual(photos, [photo["url"] for photo in row["photos"]])
        self.assertEqual((3, False, None, "jane", 0),
                         (row["rating"], row["recommend"], row["response"], row["reviewer_name"],
                          row["helpfulness"]))
        self.assertRegex(row["date"], r"\A\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\Z")
        self.assertIn(row["date"][:10], [time.strftime("%Y-%m-%d", time.gmtime(at))
                                         for at in (began, time.time())])  # midnight may be between
        self.check_meta(before, self.web.get(f"/reviews/meta?product_id={self.product}"))

    def check_meta(self, before, after):
        """One more review: rating 3, not recommended, 5 of every characteristic."""
        self.assertGreaterEqual(int(after["ratings"]["3"]), int(before["ratings"].get("3", 0)) + 1)
        self.assertGreaterEqual(int(after["recommended"]["false"]),
                                int(before["recommended"].get("false", 0)) + 1)
        for name, member in after["characteristics"].items():
            sums = self.source.rows(
                "SELECT sum(s.value) AS total, count(*) AS votes FROM characteristic_reviews s "
                f"JOIN reviews r ON r.id = s.review_id WHERE s.characteristic_id = {member['id']} "
                "AND NOT r.reported")[0]
            self.assertAlmostEqual(sums["total"] / sums["votes"], float(member["value"]), 9, name)

    def test_questions_and_answers_are_seen(self):
        mark = f"Is it {time.monotonic_ns()}?"
        self.take(QUESTION, self.valid(QUESTION, body=mark))
        path = f"/qa/questions?product_id={self.product}&count=10000"
        body = self.until(path, lambda body: mark in str(body), "the question")
        question = next(row for row in body["results"] if row["question_body"] == mark)
        self.assertEqual(("joe", 0, False, {}),
                         (question["asker_name"], question["question_helpfulness"],
                          question["reported"], question["answers"]))
        answers = f"/qa/questions/{question['question_id']}/answers"
        photos = ["https://images.example.com/a.jpg", "https://images.example.com/b.jpg"]
        answer = self.web.ask("POST", answers, self.valid(ANSWER, body="Yes.", photos=photos))
        self.assertEqual((201, b"Created"), (answer.status, answer.body))
        row = self.until(answers, lambda body: body["results"], "the answer")["results"][0]
        self.assertEqual(("Yes.", "ann", 0, photos),
                         (row["body"], row["answerer_name"], row["helpfulness"],
                          [photo["url"] for photo in row["photos"]]))
        body = self.web.get(path)
        question = next(row for row in body["results"] if row["question_body"] == mark)
        self.assertEqual(photos, question["answers"][str(row["answer_id"])]["photos"])

    def test_votes_are_seen_and_what_was_reported_is_not(self):
        summary = f"Vote {time.monotonic_ns()}"
        self.take(REVIEW, self.valid(REVIEW, summary=summary))
        id_ = self.last("reviews")["id"]

        def votes(body):
            return [row["helpfulness"] for row in body["results"] if row["review_id"] == id_]

        for _ in range(3):
            self.web.ask("PUT", f"/reviews/{id_}/helpful")
        self.until(self.reviews(), lambda body: votes(body) == [3], "three votes")
        self.web.ask("PUT", f"/reviews/{id_}/report")
        self.until(self.reviews(), lambda body: votes(body) == [], "the review is gone")
        question = self.first("questions", "NOT reported")
        product = self.source.rows(f"SELECT product_id AS id FROM questions WHERE id = {question}")
        path = f"/qa/questions?product_id={product[0]['id']}&count=10000"
        self.web.ask("PUT", f"/qa/questions/{question}/report")
        self.until(path, lambda body: question not in [row["question_id"] for row in
                                                       body["results"]], "the question is gone")

    def test_the_first_release_whose_position_is_not_lower_shows_the_write(self):
        stop = threading.Event()
        others = [threading.Thread(target=self.vote_until, args=(stop,)) for _ in range(2)]
        for thread in others:
            thread.start()
        try:
            for number in range(12):
                self.check_position(f"Position {number} {time.monotonic_ns()}")
        finally:
            stop.set()
            for thread in others:
                thread.join()

    def vote_until(self, stop):
        """Writes by somebody else meanwhile."""
        id_ = self.first("reviews", "NOT reported")
        with self.store.web() as web:
            while not stop.wait(0.005):
                web.ask("PUT", f"/reviews/{id_}/helpful")

    def check_position(self, summary):
        written = int(self.take(REVIEW, self.valid(REVIEW, summary=summary))
                      .headers["vitrine-position"])
        deadline = time.monotonic() + SEEN_S
        while time.monotonic() < deadline:
            answer = self.web.ask("GET", self.reviews())
            is_seen = summary.encode() in answer.body
            if int(answer.headers["vitrine-position"]) >= written:
                self.assertTrue(is_seen, f"{summary}: not in a release at "
                                f"{answer.headers['vitrine-position']}, written at {written}")
                return
            time.sleep(0.002)
        self.fail(f"{summary}: no release reached position {written} "
                  f"({answer.headers['vitrine-position']}, seen: {is_seen})")

    def test_e_mail_addresses_are_in_no_file_of_any_release(self):
        marks = [f"secret{i}{time.monotonic_ns()}" for i in range(3)]
        name = f"shown{time.monotonic_ns()}"
        self.take(REVIEW, self.valid(REVIEW, email=EMAIL.format(marks[0]), summary=name))
        self.take(QUESTION, self.valid(QUESTION, email=EMAIL.format(marks[1]), body=name))
        self.take(ANSWER, self.valid(ANSWER, email=EMAIL.format(marks[2]), body=name))
        self.until(self.reviews(), lambda body: name in str(body), "the review")
        self.until(f"/qa/questions?product_id={self.product}&count=10000",
                   lambda body: name in str(body), "the question")
        self.until(f"/qa/questions/{self.question}/answers?count=10000",
                   lambda body: name in str(body), "the answer")
        words = [mark.encode() for mark in marks] + [b"nobody-shall-see"]
        words += [base64.b64encode(b"nobody-shall-see")[:20]]
        for folder, _, files in os.walk(os.path.join(self.store.root, "releases")):
            for file in files:
                self.check_file(os.path.join(folder, file), words)

    def check_file(self, path, words):
        try:
            data = Path(path).read_bytes()
        except FileNotFoundError:
            return  # an old release that goes away
        for word in words:
            self.assertNotIn(word, data, path)
            self.assertNotIn(word.decode().encode("utf-16-le"), data, path)


class OnSqlite(Seen, unittest.TestCase):
    """The embedded source."""

    source_class = Sqlite


class OnPostgres(Seen, unittest.TestCase):
    """A server."""

    source_class = Postgres


class Run(support.TestCase):
    """The embedded default."""

    def test_what_is_posted_shows_within_seconds(self):
        port = support.free_port()
        process = self.start_serving(
            port, "run", "--definition", support.DEFINITION, "--source",
            "sqlite:" + self.path("source.db"), "--root", self.path("root"), "--scale", 30,
            "--listen", f"127.0.0.1:{port}")
        body = {"product_id": 1, "body": "Seen by now?", "name": "joe", "email": "j@mail.example"}
        answer = support.request(port, "/qa/questions", "POST", body=json.dumps(body))
        self.assertEqual((201, "Created"), (answer.status, answer.text))
        support.wait_until(
            lambda: "Seen by now?" in support.get(port, "/qa/questions?product_id=1&count=99").text,
            SEEN_S, "the question")
        self.assertEqual(0, process.stop())

if __name__ == "__main__":
    support.main()
