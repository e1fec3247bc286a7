"""The source goes away under load: reads do not notice, writes are answered 503, and what was
acknowledged is there when it is back, without a restart of the service."""

import os
import signal
import sqlite3
import sys
import threading
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import support
from postgres import Session
from writing import Postgres, Sqlite, Store

READERS = 4
WRITERS = 8
BEFORE_S = 1
AWAY_S = 3
BACK_S = 60  # the longest back-off, and time to spare
WRITE_TIMEOUT_S = 1
ANSWERED_S = WRITE_TIMEOUT_S + 3  # the longest that a write may take to be answered
READ_S = 1  # the longest that a read may take on a machine that is busy
PATHS = ("/products", "/reviews?product_id={}", "/reviews/meta?product_id={}",
         "/qa/questions?product_id={}", "/products/{}/styles")


class Client(threading.Thread):
    """Asks until it is stopped; what went wrong is kept."""

    def __init__(self, store, number):
        super().__init__(daemon=True)
        self.web = store.web()
        self.number = number
        self.is_stopped = threading.Event()
        self.wrong = []
        self.count = 0
        self.slowest_s = 0

    def run(self):
        while not self.is_stopped.is_set():
            self.count += 1
            began = time.monotonic()
            try:
                self.ask()
            except (OSError, ValueError) as error:
                self.wrong.append(f"{type(error).__name__}: {error}")
            self.slowest_s = max(self.slowest_s, time.monotonic() - began)
        self.web.close()


class Reader(Client):
    """Every answer is 200."""

    def ask(self):
        """One read."""
        path = PATHS[self.count % len(PATHS)].format(self.count % 10 + 1)
        answer = self.web.ask("GET", path)
        if answer.status != 200:
            self.wrong.append(f"{path}: {answer.status} {answer.body}")


class Writer(Client):
    """Every answer is 201, or 503 that says when to come again."""

    def __init__(self, store, number):
        super().__init__(store, number)
        self.acknowledged = []
        self.away = []  # when

    def ask(self):
        """One write."""
        mark = f"{self.number}-{self.count}"
        answer = self.web.ask("POST", "/qa/questions",
                              {"product_id": 1, "body": mark, "name": "away",
                               "email": "a@mail.example"})
        if answer.status == 201:
            self.acknowledged.append(mark)
        elif answer.status == 503 and answer.headers.get("retry-after", "").isdigit():
            self.away.append(time.monotonic())
            time.sleep(0.02)  # a client that waits a little, so that the log stays short
        else:
            self.wrong.append(f"{answer.status} {answer.headers} {answer.body}")


class Away(unittest.TestCase):
    """Common to all the ways to be away."""

    def check(self, source_class, go_away, come_back):
        """Load on a store while its source is away."""
        store = Store(source_class, products=10)
        self.addCleanup(store.close)
        service = store.serve("--write-timeout", f"{WRITE_TIMEOUT_S}s")
        readers = [Reader(store, i) for i in range(READERS)]
        writers = [Writer(store, i) for i in range(WRITERS)]
        for client in readers + writers:
            client.start()
        late = support.Lateness()
        late.start()
        try:
            time.sleep(BEFORE_S)
            left_at = time.monotonic()
            go_away(store.source)
            try:
                time.sleep(AWAY_S)
                support.wait_until(lambda: all(writer.away and writer.away[-1] > left_at
                                               for writer in writers), what="writes refused")
                self.assertEqual(200, support.get(store.port, "/products").status)
            finally:
                came = time.monotonic()
                come_back(store.source)
            self.wait_for_writes(writers)
            back_s = time.monotonic() - came
        finally:
            for client in readers + writers:
                client.is_stopped.set()
            for client in readers + writers:
                client.join(60)
            late.is_over.set()
            late.join()
        self.judge(store, readers, writers, (left_at, came), late.longest_s)
        print(f"  {source_class.name}: {sum(r.count for r in readers)} reads, slowest "
              f"{max(r.slowest_s for r in readers):.3f} s; "
              f"{sum(len(w.acknowledged) for w in writers)} writes, "
              f"{sum(len(w.away) for w in writers)} were 503, slowest "
              f"{max(w.slowest_s for w in writers):.2f} s; back after {back_s:.2f} s", flush=True)
        self.assertIsNone(service.returncode, "the service ended")
        self.assertEqual(0, service.stop())

    def wait_for_writes(self, writers):
        """Until every writer was acknowledged once more."""
        counts = [len(writer.acknowledged) for writer in writers]
        support.wait_until(
            lambda: all(len(writer.acknowledged) > count
                        for writer, count in zip(writers, counts)), BACK_S, "writes again")

    def judge(self, store, readers, writers, away, late_s):
        """What everybody saw, on a machine that stood still for LATE_S, and what is there."""
        self.assertEqual([], [wrong for client in readers + writers for wrong in client.wrong][:5])
        for reader in readers:
            self.assertGreater(reader.count, 100)
            self.assertLess(reader.slowest_s, READ_S + late_s)
        for writer in writers:
            self.assertTrue([at for at in writer.away if away[0] < at < away[1] + 1],
                            "nothing was refused while the source was away")
            self.assertLess(writer.slowest_s, ANSWERED_S + late_s)
        rows = store.source.rows("SELECT body FROM questions WHERE asker_name = 'away'")
        marks = [row["body"] for row in rows]
        self.assertEqual(len(marks), len(set(marks)), "a write is there twice")
        acknowledged = {mark for writer in writers for mark in writer.acknowledged}
        self.assertEqual(set(), acknowledged - set(marks))

    def test_a_server_that_stops_and_starts_again(self):
        self.check(Postgres, lambda source: source.cluster.end(),
                   lambda source: source.cluster.start())

    def test_a_server_that_stands_still(self):
        self.check(Postgres, lambda source: signal_all(source, signal.SIGSTOP),
                   lambda source: signal_all(source, signal.SIGCONT))

    def test_sessions_that_are_ended_over_and_over(self):
        def end_sessions(source):
            for _ in range(20):
                source.cluster.psql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE "
                                    "datname = 'writes' AND pid <> pg_backend_pid()", "writes")
                time.sleep(0.02)
            source.cluster.psql("ALTER DATABASE writes ALLOW_CONNECTIONS false", "postgres")
            source.cluster.psql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE "
                                "datname = 'writes'", "postgres")

        self.check(Postgres, end_sessions, lambda source: source.cluster.psql(
            "ALTER DATABASE writes ALLOW_CONNECTIONS true", "postgres"))

    def test_a_table_that_is_locked(self):
        held = []

        def lock(source):
            session = Session(source.cluster, "writes")
            session.run("BEGIN; LOCK TABLE questions IN EXCLUSIVE MODE;")
            held.append(session)

        self.check(Postgres, lock, lambda source: held[0].close())

    def test_a_file_that_somebody_else_writes_to(self):
        held = []

        def lock(source):
            db = sqlite3.connect(source.path, timeout=60, isolation_level=None,
                                 check_same_thread=False)
            db.execute("BEGIN IMMEDIATE")
            held.append(db)

        self.check(Sqlite, lock, lambda source: held[0].close())

    def test_a_service_that_starts_before_its_source(self):
        store = Store(Postgres, products=10)
        self.addCleanup(store.close)
        store.source.cluster.end()
        service = store.serve()
        body = {"product_id": 1, "body": "Early?", "name": "joe", "email": "j@mail.example"}
        with store.web() as web:
            self.assertEqual(200, web.ask("GET", "/products").status)
            answer = web.ask("POST", "/qa/questions", body)
            self.assertEqual(503, answer.status)
            self.assertRegex(answer.headers["retry-after"], r"\A[1-9]\d*\Z")
            store.source.cluster.start()
            support.wait_until(lambda: web.ask("POST", "/qa/questions", body).status == 201, BACK_S,
                               "a write")
        self.assertEqual(0, service.stop())


def signal_all(source, number):
    """A signal to the server and all of its children; one that is stopped makes no more of them."""
    parent = source.cluster.process.pid
    if number == signal.SIGSTOP:
        os.kill(parent, number)
        support.wait_until(lambda: support.is_frozen(parent), what="a server that stands still")
    with open(f"/proc/{parent}/task/{parent}/children", encoding="ascii") as file:
        children = [int(pid) for pid in file.read().split()]
    for pid in [*children, parent]:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            pass


if __name__ == "__main__":
    support.main()
