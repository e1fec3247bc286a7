"""pex, a counter over the Fibonacci numbers: the second definition on the same program."""

import sys
import threading
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import support
from writing import JSON_TYPE, PEX, TEXT_TYPE, Postgres, Sqlite, Store, fibonacci, number_of

CLIENTS = 64
LIMIT_64 = 92  # the last number of the sequence that has 63 bits
FAR = 500


class Pex:
    """What holds on both databases; every test begins with a reset."""

    source_class = None

    @classmethod
    def setUpClass(cls):
        cls.store = Store(cls.source_class, definition=PEX)
        cls.addClassCleanup(cls.store.close)
        cls.serve()

    @classmethod
    def serve(cls):
        """Starts the service, in which a write may wait long for its turn."""
        cls.store.serve("--write-timeout", "1m")
        cls.store.wait_for_source("/current")

    def setUp(self):
        self.web = self.store.web()
        self.addCleanup(self.web.close)
        self.assertEqual(0, self.ask("/reset"))

    def ask(self, path, method="GET"):
        """The number."""
        answer = self.web.ask(method, path)
        self.assertEqual((200, JSON_TYPE), (answer.status, answer.headers["content-type"]),
                         answer.body)
        return number_of(answer)

    def restart(self):
        """Ends the service and starts it again."""
        self.assertEqual(0, self.store.processes[-1].stop())
        self.web.close()
        self.serve()

    def test_the_sequence_goes_up_and_down(self):
        numbers = fibonacci(60)
        self.assertEqual(numbers[0], self.ask("/current"))
        for number in numbers[1:]:
            self.assertEqual(number, self.ask("/next"))
            self.assertEqual(number, self.ask("/current"))
        for number in reversed(numbers[:-1]):
            self.assertEqual(number, self.ask("/previous"))
            self.assertEqual(number, self.ask("/current"))

    def test_reset_begins_again(self):
        for _ in range(10):
            self.ask("/next")
        self.assertEqual(0, self.ask("/reset"))
        self.assertEqual(0, self.ask("/current"))
        self.assertEqual([1, 1, 2, 3], [self.ask("/next") for _ in range(4)])

    def test_what_changes_it_can_be_posted_and_put(self):
        self.assertEqual([1, 1, 2], [self.ask("/next", method) for method in
                                     ("POST", "PUT", "GET")])
        self.assertEqual([1, 1], [self.ask("/previous", method) for method in ("POST", "PUT")])
        self.assertEqual([0, 0], [self.ask("/reset", method) for method in ("POST", "PUT")])

    def test_the_first_page_says_what_it_is(self):
        answer = self.web.ask("GET", "/")
        self.assertEqual(200, answer.status)
        for path in ("/current", "/next", "/previous", "/reset"):
            self.assertIn(path.encode(), answer.body)

    def test_other_paths_and_methods_change_nothing(self):
        before = self.store.source.dump()
        self.assertEqual(404, self.web.ask("GET", "/nex").status)
        self.assertEqual(404, self.web.ask("GET", "/next/1").status)
        self.assertEqual(405, self.web.ask("DELETE", "/next").status)
        self.assertEqual(405, self.web.ask("POST", "/current", b"").status)
        self.assertEqual(204, self.web.ask("OPTIONS", "/next").status)
        self.assertEqual(before, self.store.source.dump())

    def test_before_the_first_there_is_none(self):
        before = self.store.source.dump()
        answer = self.web.ask("GET", "/previous")
        self.assertEqual((409, TEXT_TYPE), (answer.status, answer.headers["content-type"]))
        self.assertEqual(before, self.store.source.dump())
        self.assertEqual(1, self.ask("/next"))

    def test_of_many_clients_each_gets_another_number(self):
        found = []

        def count():
            with self.store.web() as web:
                found.append(number_of(web.ask("GET", "/next")))

        threads = [threading.Thread(target=count) for _ in range(CLIENTS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(fibonacci(CLIENTS)[1:], sorted(found))
        self.assertEqual(max(found), self.ask("/current"))

    def test_up_and_down_at_once_end_where_they_began(self):
        for _ in range(20):
            self.ask("/next")
        wrong = []

        def go(path):
            with self.store.web() as web:
                for _ in range(20):
                    answer = web.ask("GET", path)
                    if answer.status not in (200, 409) or (
                            answer.status == 200 and number_of(answer) not in numbers):
                        wrong.append(answer)

        numbers = set(fibonacci(100))
        threads = [threading.Thread(target=go, args=(path,)) for path in ("/next", "/previous") * 2]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual([], wrong)
        self.assertIn(self.ask("/current"), numbers)

    def test_a_key_makes_a_retry_harmless(self):
        for _ in range(7):
            self.ask("/next")
        key = (f"Idempotency-Key: retry-{id(self)}",)
        answers = [self.web.ask("GET", "/next", headers=key) for _ in range(3)]
        self.assertEqual([21] * 3, [number_of(answer) for answer in answers])
        self.assertEqual(21, self.ask("/current"))

    def test_the_state_survives_a_restart(self):
        for _ in range(12):
            self.ask("/next")
        self.restart()
        self.assertEqual(144, self.ask("/current"))

    def test_a_build_keeps_the_state(self):
        for _ in range(5):
            self.ask("/next")
        self.store.build()
        self.assertEqual(5, self.ask("/current"))
        self.assertEqual(8, self.ask("/next"))


class OnSqlite(Pex, unittest.TestCase):
    """Numbers of 64 bits."""

    source_class = Sqlite

    def test_the_limit_is_a_clear_409_and_changes_nothing(self):
        numbers = fibonacci(LIMIT_64)
        last = 0
        answer = None
        for number in (*numbers[1:], None):
            before = self.store.source.dump()
            answer = self.web.ask("GET", "/next")
            if answer.status != 200:
                break
            self.assertEqual(number, number_of(answer))
            last += 1
        self.assertEqual((409, TEXT_TYPE), (answer.status, answer.headers["content-type"]))
        self.assertIn(b"64", answer.body)
        self.assertGreaterEqual(last, LIMIT_64 - 1)
        self.assertEqual(before, self.store.source.dump())
        self.assertEqual(409, self.web.ask("GET", "/next").status)
        self.assertEqual(numbers[last], self.ask("/current"))
        self.assertEqual(numbers[last - 1], self.ask("/previous"))


class OnPostgres(Pex, unittest.TestCase):
    """Numbers of any size."""

    source_class = Postgres

    def test_numbers_beyond_64_bits_are_exact(self):
        numbers = fibonacci(FAR)
        for number in numbers[1:]:
            self.assertEqual(number, self.ask("/next"))
        self.assertGreater(numbers[-1].bit_length(), 340)
        for number in reversed(numbers[-60:-1]):
            self.assertEqual(number, self.ask("/previous"))
        self.assertEqual(numbers[-60], self.ask("/current"))
        self.restart()
        self.assertEqual(numbers[-60], self.ask("/current"))


if __name__ == "__main__":
    support.main()
