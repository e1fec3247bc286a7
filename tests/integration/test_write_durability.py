"""What was answered is there, exactly once, however often the service is killed.

16 clients write while the process group of the service is killed with SIGKILL at random moments, 50
times; each time it is started again at once. After every restart the source is asked for all rows.

ctest: side by side
"""

import os
import random
import signal
import sys
import threading
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import support
from writing import PEX, Postgres, Sqlite, Store, fibonacci, number_of

CLIENTS = 16
KILLS = 50
PEX_KILLS = 25
LOWEST, HIGHEST = 5, 85  # between which the counter goes up and down
LIFE_S = (0.05, 0.45)  # of the service, from when it answers
RETRY_S = 60
RETRY_PAUSE_S = 0.03
TIMEOUT_S = 5
REPLAYS = 0.1  # of the keyed requests that were answered are sent once more
SEED = 5

# The reviews of the writers, and how much of each is there; no index leads from one to its scores.
WRITTEN = """
SELECT r.summary AS mark, coalesce(p.count, 0) AS photos, coalesce(c.count, 0) AS scores
FROM reviews r
LEFT JOIN (SELECT review_id, count(*) AS count FROM reviews_photos GROUP BY review_id) p
       ON p.review_id = r.id
LEFT JOIN (SELECT review_id, count(*) AS count FROM characteristic_reviews GROUP BY review_id) c
       ON c.review_id = r.id
WHERE r.reviewer_name = 'durable'
"""


class Failed(Exception):
    """The service did not answer, or not as it should: whether it wrote is not known."""


class Writer(threading.Thread):
    """One client: writes after each other, until it is told to stop."""

    def __init__(self, number, store, body):
        super().__init__(daemon=True)
        self.number = number
        self.web = store.web(timeout=TIMEOUT_S)
        self.body = body
        self.random = random.Random(SEED + number)
        self.acknowledged = []  # appended to by this thread alone
        self.tried = 0
        self.is_stopped = threading.Event()
        self.wrong = None  # an answer that should never be

    def run(self):
        while not self.is_stopped.is_set() and self.wrong is None:
            self.tried += 1
            try:
                self.write(f"{self.number}-{self.tried}")
            except Failed:
                time.sleep(RETRY_PAUSE_S)
        self.web.close()

    def send(self, mark, *headers):
        """One review; returns when it was acknowledged."""
        try:
            answer = self.web.ask("POST", "/reviews", {**self.body, "summary": mark}, headers)
        except (OSError, ValueError, UnicodeError) as error:  # refused, reset, cut
            raise Failed from error
        if answer.status == 503:
            raise Failed
        if (answer.status, answer.body) != (201, b"Created"):
            self.wrong = f"{mark}: {answer.status} {answer.body}"
            raise Failed
        return answer

    def write(self, mark):
        """Once, without a retry."""
        self.send(mark)
        self.acknowledged.append(mark)


class KeyedWriter(Writer):
    """Retries blindly until there is an answer, and now and then once more."""

    def write(self, mark):
        deadline = time.monotonic() + RETRY_S
        while self.wrong is None:
            try:
                self.send(mark, f"Idempotency-Key: {mark}")
                break
            except Failed:
                if time.monotonic() > deadline:
                    self.wrong = f"{mark}: no answer in {RETRY_S} s"
                time.sleep(RETRY_PAUSE_S)
        self.acknowledged.append(mark)
        if self.random.random() < REPLAYS:
            mark = self.random.choice(self.acknowledged)
            self.send(mark, f"Idempotency-Key: {mark}")


class Killing(unittest.TestCase):
    """Common to both databases and both ways to write."""

    def kill(self, service):
        """All of the group at once, as when the machine's memory runs out."""
        os.killpg(service.pid, signal.SIGKILL)
        service.wait()

    def check_rows(self, store, acknowledged):
        """Exactly once, and whole."""
        rows = store.source.rows(WRITTEN)
        marks = [row["mark"] for row in rows]
        self.assertEqual(len(marks), len(set(marks)), "a review is there twice")
        lost = acknowledged - set(marks)
        self.assertFalse(lost, f"{len(lost)} of {len(acknowledged)} acknowledged writes are lost")
        torn = [row for row in rows if (row["photos"], row["scores"]) != (2, self.scores)]
        self.assertEqual([], torn[:3], "a review is there in part")
        return set(marks)

    def write_and_kill(self, store, writer_class):
        """Returns the writers, all stopped."""
        chance = random.Random(SEED)
        own = store.source.rows("SELECT product_id, count(*) AS count, min(id) AS id FROM "
                                "characteristics GROUP BY product_id ORDER BY product_id")[0]
        self.scores = 1
        body = {"product_id": own["product_id"], "rating": 5, "body": "x" * 60, "recommend": True,
                "name": "durable", "email": "d@mail.example",
                "photos": ["https://images.example.com/1.jpg", "https://images.example.com/2.jpg"],
                "characteristics": {str(own["id"]): 3}}
        service = store.serve()
        writers = [writer_class(i, store, body) for i in range(CLIENTS)]
        for writer in writers:
            writer.start()
        try:
            for _ in range(KILLS):
                time.sleep(chance.uniform(*LIFE_S))
                acknowledged = {mark for writer in writers for mark in list(writer.acknowledged)}
                self.kill(service)
                service = store.serve()
                self.check_rows(store, acknowledged)
                self.assertEqual([], [writer.wrong for writer in writers if writer.wrong])
        finally:
            for writer in writers:
                writer.is_stopped.set()
            for writer in writers:
                writer.join(RETRY_S + TIMEOUT_S)
        self.assertEqual([], [writer.wrong for writer in writers if writer.wrong])
        self.assertEqual(0, service.stop())
        return writers

    def check_writes(self, source_class, writer_class):
        """Returns how many were acknowledged, and tried."""
        store = Store(source_class, products=10)
        self.addCleanup(store.close)
        writers = self.write_and_kill(store, writer_class)
        acknowledged = {mark for writer in writers for mark in writer.acknowledged}
        there = self.check_rows(store, acknowledged)
        tried = sum(writer.tried for writer in writers)
        print(f"  {source_class.name}: {KILLS} kills, {tried} writes tried, {len(acknowledged)} "
              f"acknowledged, {len(there)} there", flush=True)
        self.assertGreater(len(acknowledged), KILLS * CLIENTS)
        return acknowledged, there

    def test_acknowledged_writes_survive_on_sqlite(self):
        self.check_writes(Sqlite, Writer)

    def test_acknowledged_writes_survive_on_postgresql(self):
        self.check_writes(Postgres, Writer)

    def test_blind_retries_with_a_key_write_once_on_sqlite(self):
        acknowledged, there = self.check_writes(Sqlite, KeyedWriter)
        self.assertEqual(acknowledged, there)

    def test_blind_retries_with_a_key_write_once_on_postgresql(self):
        acknowledged, there = self.check_writes(Postgres, KeyedWriter)
        self.assertEqual(acknowledged, there)


def wait_for_end(source):
    """Until nobody works for a service that was killed: a server ends the statement at hand, and may
    commit it after others were answered."""
    if isinstance(source, Postgres):
        support.wait_until(lambda: source.cluster.rows(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = 'writes'", "postgres") ==
            [["0"]], what="the end of its sessions")


class Counter(unittest.TestCase):
    """pex: the counter stands where it was answered last, or where a lost answer left it."""

    def check_counter(self, source_class):
        """One client counts up and down, so that numbers stay below 64 bits."""
        store = Store(source_class, definition=PEX)
        self.addCleanup(store.close)
        chance = random.Random(SEED)
        service = store.serve()
        walk = Walk(store)
        for _ in range(LOWEST):
            walk.step()
        unanswered = 0
        for _ in range(PEX_KILLS):
            killer = threading.Timer(chance.uniform(*LIFE_S), os.killpg,
                                     (service.pid, signal.SIGKILL))
            killer.start()
            walk.until_lost()
            killer.join()
            service.wait()
            wait_for_end(store.source)
            service = store.serve()
            unanswered += walk.find()
        print(f"  {source_class.name}: {PEX_KILLS} kills, {walk.steps} steps acknowledged, "
              f"{unanswered} more were made", flush=True)
        self.assertGreater(walk.steps, PEX_KILLS * 10)
        walk.web.close()
        self.assertEqual(0, service.stop())

    def test_the_counter_is_never_behind_on_sqlite(self):
        self.check_counter(Sqlite)

    def test_the_counter_is_never_behind_on_postgresql(self):
        self.check_counter(Postgres)


class Walk:
    """The one client of a counter: what it must say next is known."""

    def __init__(self, store):
        self.web = store.web(timeout=TIMEOUT_S)
        self.numbers = fibonacci(HIGHEST)
        self.at = 0
        self.move = 1
        self.steps = 0

    def step(self):
        """One step; Failed when there was no answer."""
        if self.at + self.move in (HIGHEST, LOWEST - 1) and self.at >= LOWEST:
            self.move = -self.move
        try:
            answer = self.web.ask("GET", "/next" if self.move > 0 else "/previous")
        except (OSError, ValueError) as error:
            raise Failed from error
        if answer.status == 503:
            raise Failed
        expected = self.numbers[self.at + self.move]
        if answer.status != 200 or number_of(answer) != expected:
            raise AssertionError(f"{answer.status} {answer.body}, not {expected}")
        self.at += self.move
        self.steps += 1

    def until_lost(self):
        """Steps until there is no answer."""
        try:
            while True:
                self.step()
        except Failed:
            self.web.close()

    def find(self):
        """Where the counter stands now: whether the step without an answer was made."""
        def ask():
            try:
                answer = self.web.ask("GET", "/current")
            except (OSError, ValueError):
                return None
            return answer if answer.status != 503 else None

        found = number_of(support.wait_until(ask, RETRY_S, "/current"))
        candidates = (self.numbers[self.at], self.numbers[self.at + self.move])
        if found not in candidates:
            raise AssertionError(f"the counter is at {found}, not at one of {candidates}")
        is_made = found != candidates[0]
        self.at += self.move if is_made else 0
        return is_made


if __name__ == "__main__":
    support.main()
