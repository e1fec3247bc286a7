"""Keys that are not in memory: answered rightly and in order, and no event loop waits for them.

ctest: threads
"""

import base64
import json
import os
import random
import sqlite3
import sys
import threading
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import shelf
import support
from shelf import Client, get
from test_swap import Reader

FIRST, LAST = 1000, 2200  # branches with so many loans that they fill files
LOANS = 24
TITLE = 1600  # bytes; the files must be several times what a kernel reads ahead, up to 8 MiB
HOT = f"/loans?branch={FIRST}"
SMALL_FAULTS = 8  # pages of the program itself, or one that left memory at the wrong moment
SWAPS = 4


MORE_ROUTES = f"""  - get: /pages/:branch
    key: {{path: branch}}
    parts:
      branch: {{from: branches}}
      loans: {{from: loans, order: newest, count: {LOANS}}}
    answer: {{name: $branch.name, loans: $loans}}
  - get: /many
    from: loans
    keys: {{query: branches, most: 20}}
    order: newest
    count: {LOANS}
    answer: $rows
"""


def title(loan):
    """What hardly compresses, and is told by its number."""
    return base64.b85encode(random.Random(loan).randbytes(TITLE * 4 // 5)).decode()


def make_shelf(folder):
    """A shelf whose files are many times larger than what is read to open them."""
    made = shelf.Shelf(folder, large_loans=600)
    with open(made.definition, "a", encoding="utf-8") as file:
        file.write(MORE_ROUTES)
    with sqlite3.connect(made.source) as db:
        db.executemany("INSERT INTO branches VALUES(?, ?, 0)",
                       ((i, f"branch {i}") for i in range(FIRST, LAST)))
        db.executemany("INSERT INTO loans VALUES(?, ?, ?, 0)",
                       ((i * 100 + k, i, title(i * 100 + k))
                        for i in range(FIRST, LAST) for k in range(LOANS)))
    db.close()
    made.build()
    return made


def drop(root):
    """Takes the releases out of memory: what no process maps."""
    for folder, _, names in os.walk(os.path.join(root, "releases")):
        for name in names:
            fd = os.open(os.path.join(folder, name), os.O_RDONLY)
            os.fsync(fd)
            os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(fd)


def is_in_memory(folder):
    """Whether files of FOLDER are memory themselves."""
    with open("/proc/mounts", encoding="utf-8") as file:
        mounts = [line.split()[1:3] for line in file]
    inside = [(point, kind) for point, kind in mounts
              if os.path.join(os.path.realpath(folder), "").startswith(os.path.join(point, ""))]
    return max(inside, key=lambda mount: len(mount[0]))[1] == "tmpfs"


def faults(pid):
    """Reads that each thread waited for: {thread id: (name, count)}."""
    counts = {}
    for thread in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{thread}/stat", encoding="utf-8") as file:
            name, _, fields = file.read().partition("(")[2].rpartition(")")
        counts[thread] = (name, int(fields.split()[9]))
    return counts


class TestCold(support.TestCase):
    """A service that has just begun, over files that nobody has read."""

    @classmethod
    def setUpClass(cls):
        cls.case = support.TestCase()
        cls.case.setUp()
        if is_in_memory(cls.case.folder):
            cls.case.doCleanups()
            raise unittest.SkipTest("temporary files are in memory here")
        cls.shelf = make_shelf(cls.case.folder)

    @classmethod
    def tearDownClass(cls):
        cls.case.doCleanups()

    def serve(self, *options):
        """Serves cold files."""
        drop(self.shelf.root)
        self.process = self.start("serve", "--root", self.shelf.root, "--threads", 1, "--scrub", 0,
                                  "--no-verify", "--listen", "127.0.0.1:0", *options)
        _, self.port = shelf.listening(self.process)

    def check(self, branch, answer):
        """ANSWER is that to all loans of BRANCH."""
        self.assertEqual(answer.status, 200, answer)
        body = json.loads(answer.body)
        self.assertEqual(body["branch"], str(branch))
        self.assertEqual([(row["loan_id"], row["title"]) for row in body["results"]],
                         [(branch * 100 + k, title(branch * 100 + k)) for k in range(LOANS)])

    @staticmethod
    def ask(branch):
        """The request that CHECK checks."""
        return get(f"/loans?branch={branch}&count={LOANS}")

    def shuffled(self, count, seed):
        """Branches, hot and cold."""
        return random.Random(seed).sample(range(FIRST, LAST), count)

    def test_cold_keys_are_answered_in_the_order_of_their_requests(self):
        admin = support.free_port()
        self.serve("--admin", f"127.0.0.1:{admin}")
        for seed in range(3):
            branches = [branch for some in self.shuffled(100, seed) for branch in (FIRST, some)]
            with Client(self.port) as client:
                client.send(b"".join(self.ask(branch) for branch in branches))
                for branch in branches:
                    self.check(branch, client.answer())
        metrics = support.get(admin, "/metrics").text
        counts = dict(line.split() for line in metrics.splitlines() if not line.startswith("#"))
        self.assertGreater(int(counts["vitrine_cold_reads_total"]), 100)
        self.assertEqual(int(counts["vitrine_cold_reads_refused_total"]), 0)
        answered = 'vitrine_requests_total{method="GET",route="/loans",status="200"}'
        self.assertEqual(int(counts[answered]), 600)

    def check_rows(self, branch, rows):
        """ROWS are all loans of BRANCH, the newest first."""
        self.assertEqual([(row["loan_id"], row["title"]) for row in rows],
                         [(branch * 100 + k, title(branch * 100 + k)) for k in range(LOANS)][::-1])

    def ask_singly(self, client):
        """Loans of one branch after another."""
        for branch in self.shuffled(200, 9):
            client.send(self.ask(branch))
            self.check(branch, client.answer())

    def ask_for_pages_and_many(self, client):
        """Whole pages and many keys, in turn; each again, with its tag."""
        for seed in range(20):
            first, *branches = self.shuffled(11, seed)
            some = ",".join(str(branch) for branch in branches)
            client.send(get(f"/pages/{first}") + get(f"/many?branches={some}"))
            page, many = client.answer(), client.answer()
            self.check_rows(first, json.loads(page.body)["loans"])
            for branch, rows in zip(branches, json.loads(many.body).items()):
                self.assertEqual(rows[0], str(branch))
                self.check_rows(branch, rows[1])
            for target, answer in ((f"/pages/{first}", page), (f"/many?branches={some}", many)):
                client.send(get(target, "If-None-Match: " + answer.headers["etag"]))
                self.assertEqual(client.answer(has_body=False).status, 304)

    def count_faults(self, *options, ask=ask_singly):
        """How many reads threads of the pool waited for, and all others."""
        self.serve(*options)
        support.get(self.port, HOT)
        before = faults(self.process.pid)
        with Client(self.port) as client:
            ask(self, client)
        after = faults(self.process.pid)
        self.assertEqual(self.process.stop(), 0)  # what it maps stays in memory for those to come
        pool, others = 0, 0
        for thread, (name, count) in after.items():
            count -= before.get(thread, (name, 0))[1]
            if name == "vitrine-cold":
                pool += count
            else:
                others += count
        return pool, others

    def assert_only_the_pool_waits(self, ask):
        """Threads of the pool wait for the disk, and others for a few pages at most. Where memory is
        short the kernel takes pages at the wrong moment, but not in each of some services."""
        for _ in range(4):
            pool, others = self.count_faults(ask=ask)
            self.assertGreater(pool, 100)
            if others < SMALL_FAULTS:
                break
        self.assertLess(others, SMALL_FAULTS)

    def test_the_pool_waits_for_the_disk_and_no_loop_does(self):
        self.assert_only_the_pool_waits(TestCold.ask_singly)

    def test_the_pool_waits_for_whole_pages_and_many_keys_too(self):
        self.assert_only_the_pool_waits(TestCold.ask_for_pages_and_many)

    def test_without_a_pool_the_loops_wait(self):
        pool, others = self.count_faults("--cold-threads", 0)
        self.assertEqual(pool, 0)
        self.assertGreater(others, 0)

    def test_a_head_and_a_listing_of_cold_rows_are_answered(self):
        self.serve()
        with Client(self.port) as client:
            for branch in self.shuffled(20, 4):
                client.send(self.ask(branch).replace(b"GET", b"HEAD", 1) + get("/branches/1"))
                head = client.answer(has_body=False)
                self.assertEqual(head.status, 200)
                self.assertGreater(int(head.headers["content-length"]), LOANS * TITLE)
                self.assertEqual(json.loads(client.answer().body)["id"], 1)
            client.send(get("/branches?count=10000"))
            listed = json.loads(client.answer().body)["results"]
        self.assertEqual([row["id"] for row in listed],
                         [*range(1, shelf.BRANCHES + 1), *range(FIRST, LAST)])

    def test_a_stop_ends_no_answer_in_the_middle(self):
        for seed in range(5):
            self.serve("--cold-threads", 1)
            branches = self.shuffled(30, seed)
            clients = [Client(self.port) for _ in branches]
            for client, branch in zip(clients, branches):
                client.send(self.ask(branch))
            self.check(branches[0], clients[0].answer())
            self.process.send(15)
            for client, branch in list(zip(clients, branches))[1:]:
                try:
                    self.check(branch, client.answer())
                except ConnectionError as error:  # it had not been accepted, or read, when it ended
                    self.assertRegex(str(error), r"reset|left: b''")
                client.socket.close()
            clients[0].socket.close()
            self.assertEqual(self.process.wait(), 0, self.process.stderr)

    def test_clients_that_leave_while_they_wait_do_no_harm(self):
        self.serve("--cold-threads", 1)
        for branch in self.shuffled(200, 6):
            with Client(self.port) as client:
                client.send(self.ask(branch))
        with Client(self.port) as client:
            client.send(self.ask(LAST - 1))
            self.check(LAST - 1, client.answer())
        self.assertEqual(self.process.stop(), 0, self.process.stderr)

    def test_releases_are_swapped_while_cold_keys_are_read(self):
        self.serve("--cold-threads", 2)
        for version in range(1, SWAPS + 1):
            stop = threading.Event()
            reader = Reader(self.port, stop)
            reader.start()
            self.shelf.set_version(version)
            self.shelf.build()
            drop(self.shelf.root)
            with Client(self.port) as client:
                branches = self.shuffled(60, version)
                client.send(b"".join(self.ask(branch) for branch in branches))
                for branch in branches:
                    self.check(branch, client.answer())
            name = os.path.basename(os.readlink(os.path.join(self.shelf.root, "current")))
            support.wait_until(lambda n=name: support.get(self.port, HOT).headers["vitrine-release"]
                               == n, 30, "the release")
            stop.set()
            reader.join(30)
            self.assertEqual(reader.failures, [])
        self.assertEqual(self.process.stop(), 0, self.process.stderr)
        self.assertNotIn(" error ", self.process.stderr)


if __name__ == "__main__":
    support.main()
