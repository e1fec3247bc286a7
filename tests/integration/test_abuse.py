"""Clients that ask too much, too slowly, or nonsense: healthy ones are answered, memory stays within
bounds, and afterwards the service is as before. `./dev bench abuse` measures what they cost."""

import os
import re
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import shelf
import support
from shelf import get
from test_serve import ServedCase

sys.path.insert(0, os.path.join(support.ROOT, "tests", "bench"))
import abuser  # pylint: disable=wrong-import-position
import generator  # pylint: disable=wrong-import-position

SMALL = "/branches/1"
LARGE = f"/loans?branch={shelf.LARGE_BRANCH}&count=10000"
FUZZED = 1000000
KNOWN = {"100", "200", "204", "304", "400", "404", "405", "408", "413", "414", "417", "422", "431",
         "501"}
MIB = 1 << 20
HELD = 128 * MIB
NOTES = """  - post: /notes
    take:
      text: {body: text, type: text, longest: 60000}
    run:
      - sql: UPDATE branches SET version = version WHERE name = :text
    status: 204
    invalid: {status: 422, text: "Error: a note has a text"}
"""


class WritableShelf(shelf.Shelf):
    """A shelf with a route that takes bodies."""

    def __init__(self, folder):
        super().__init__(folder)
        with open(self.definition, "a", encoding="utf-8") as file:
            file.write(NOTES)


class Abused(ServedCase):
    """One service, with short time-outs, and the two clients."""

    shelf_class = WritableShelf
    # AddressSanitizer keeps freed memory for a while; that is not the service's.
    environment = {**os.environ, "ASAN_OPTIONS":
                   "quarantine_size_mb=1:allocator_release_to_os_interval_ms=100"}
    arguments = ("--threads", 2, "--connections", 14000, "--admin", "127.0.0.1:0", "--held-size",
                 HELD, "--first-byte-timeout", "5m", "--head-timeout", "2s", "--body-timeout", "2s",
                 "--write-rate", 0)

    @classmethod
    def options(cls):
        return *cls.arguments, "--source", "sqlite:" + cls.shelf.source

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.tool = abuser.compile_abuse(cls.shared)
        cls.load = generator.compile_load(cls.shared)
        cls.admin = int(re.search(r" admin_listening address=\S+:(\d+)", cls.service.stderr)[1])
        cls.bodies = [support.get(cls.port, target).body for target in (SMALL, LARGE)]

    latency = None  # of the healthy client, when it was last asked

    def memory(self, name):
        """VmRSS or VmHWM, in bytes."""
        status = Path(f"/proc/{self.service.pid}/status").read_text(encoding="ascii")
        return int(re.search(rf"^{name}:\s+(\d+) kB", status, re.MULTILINE)[1]) * 1024

    def metric(self, name):
        """A sample of /metrics."""
        text = support.get(self.admin, "/metrics").text
        return float(re.search(rf"^{re.escape(name)} (\S+)$", text, re.MULTILINE)[1])

    def timed_out(self):
        """How many requests were answered 408."""
        text = support.get(self.admin, "/metrics").text
        return sum(map(int, re.findall(r'^vitrine_requests_total{.*status="408"} (\d+)$', text,
                                       re.MULTILINE)))

    def wait_for_408(self, count):
        """A check of abuse(): so many more requests were answered 408. All but those on the open
        connections of the client have been read by it."""
        before = self.timed_out()
        return lambda: support.wait_until(lambda: self.timed_out() >= before + count,
                                          what=f"{count} requests that took too long")

    def healthy(self, seconds=3):
        """What a client sees that asks 200 times a second: no failure."""
        found = generator.run(generator.command(
            self.load, self.port, f"{SMALL} /loans?branch=8", rate=200, seconds=seconds,
            connections=8, timeout=10))
        self.assertEqual(found["failed"], 0, found)
        self.assertGreater(found["status_2xx"], 200 * seconds * 0.9)
        return found

    def outstayed(self):
        """How many connections were closed for what they held."""
        return self.metric("vitrine_connections_outstayed_total")

    def wait_for_outstayed(self):
        """A check of abuse(): more connections were closed for what they held."""
        before = self.outstayed()
        return lambda: support.wait_until(lambda: self.outstayed() > before,
                                          what="connections that outstayed")

    def abuse(self, most, data, check=lambda: None, wait=1.5, ready=lambda: None, ends=False,
              **options):
        """What the client has when it was at it, beside a healthy one, which comes when it is READY, in
        MOST more bytes of memory."""
        Path(f"/proc/{self.service.pid}/clear_refs").write_text("5", encoding="ascii")
        before = self.memory("VmRSS")
        with abuser.abusing(self.tool, self.port, Path(self.folder), options, data,
                            ends) as found:
            time.sleep(wait)
            ready()
            self.latency = self.healthy()
            check()
        grown = self.memory("VmHWM") - before
        print(f"{options['mode']}: opened {found['opened']}, {found['statuses']}, healthy p99 "
              f"{self.latency['p99_us']:.0f} us, {grown / MIB:.1f} MiB more", file=sys.stderr)
        self.assertLess(grown, most)
        self.assert_as_before()
        return found

    def assert_as_before(self):
        """Nobody of them is left, and answers are what they were."""
        support.wait_until(lambda: self.metric("vitrine_connections_open") == 0, what="their end")
        self.assertEqual(self.metric("vitrine_held_bytes"), 0)
        self.assertEqual([support.get(self.port, target).body for target in (SMALL, LARGE)],
                         self.bodies)


class TestAbuse(Abused):
    """Each kind, one after another, on the same service."""

    def test_ten_thousand_idle_connections(self):
        wanted = abuser.idle_connections()
        if wanted < abuser.IDLE_MOST:
            print(f"only {wanted}: RLIMIT_NOFILE allows no more", file=sys.stderr)
        # Before the healthy client comes, whose connections are open, too.
        found = self.abuse(150 * MIB, b"", ready=lambda: support.wait_until(
            lambda: self.metric("vitrine_connections_open") >= wanted, what="all of them"),
            mode="hold", connections=wanted, tick=0.1)
        self.assertEqual(found["open_max"], wanted)
        self.assertEqual(found["ended"], 0)

    def test_heads_that_come_byte_by_byte_are_cut(self):
        found = self.abuse(100 * MIB, get(SMALL, "A: " + "a" * 4000), self.wait_for_408(1950),
                           mode="drip", connections=1000, tick=0.1, wait=3)
        self.assertEqual(set(found["statuses"]), {"408"})
        self.assertGreaterEqual(found["answers"], 900)

    def test_bodies_that_come_byte_by_byte_are_cut(self):
        found = self.abuse(100 * MIB, get(SMALL, "Content-Length: 4000") + b"a" * 4000,
                           self.wait_for_408(1950), mode="drip", connections=1000, tick=0.03,
                           wait=5)
        self.assertEqual(set(found["statuses"]), {"408"})
        self.assertGreaterEqual(found["answers"], 900)

    def test_bodies_that_do_not_end_cost_memory_up_to_the_bound(self):
        body = get("/notes", "Content-Length: 60000").replace(b"GET", b"POST", 1) + b"a" * 50000
        self.abuse(3 * HELD, body, self.wait_for_outstayed(), mode="hold", connections=3000,
                   tick=0.1)
        support.wait_until(lambda: "connections_outstayed" in self.service.stderr, what="the log")

    def test_slow_readers_of_large_answers_cost_memory_up_to_the_bound(self):
        self.abuse(3 * HELD, get(LARGE) * 4, self.wait_for_outstayed(), mode="hold",
                   connections=200, tick=0.1, take=1000, wait=4)

    def test_header_and_target_bombs_are_refused(self):
        for data, status in ((get(SMALL, "A: " + "a" * 100000), "431"),
                             (get(SMALL, *["A: a"] * 20000), "431"),
                             (get("/" + "a" * 100000), "414"),
                             (b"\x16\x03\x01\x02\0" * 1000, "400")):
            found = self.abuse(50 * MIB, data, mode="send", connections=16)
            self.assertLessEqual(set(found["statuses"]), {status})  # some do not read theirs

    def test_requests_without_end_starve_nobody(self):
        found = self.abuse(50 * MIB, get(SMALL) * 1000, mode="send", connections=4)
        self.assertEqual(set(found["statuses"]), {"200"})
        self.assertEqual(found["ended"], 0)
        self.assertLess(self.latency["p50_us"], 500000)

    def test_a_million_fuzzed_requests(self):
        found = self.abuse(100 * MIB, b"", ends=True, mode="fuzz", answers=FUZZED, seed=1)
        print(f"{found['answers']} answers in {found['seconds']:.0f} s, {found['requests']} sent",
              file=sys.stderr)
        self.assertGreaterEqual(found["answers"], FUZZED)
        self.assertLessEqual(set(found["statuses"]), KNOWN)
        for status in ("200", "204", "400", "404", "405", "422", "501"):
            self.assertGreater(found["statuses"][status], 100)


if __name__ == "__main__":
    support.main()
