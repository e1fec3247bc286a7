"""A release is swapped under load: no request fails, and no body mixes two releases.

ctest: threads
"""

import json
import os
import re
import signal
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import shelf
import support
from shelf import Client, get

SWAPS = 20
CLIENTS = 4
MOVES = 300  # activations and rollbacks
MOST_SECONDS = 60
MAPPINGS_SLACK = 100  # of an allocator; a leak has two a move at least
ASKED = 16  # connections, some of which meet each of the two loops


class Reader(threading.Thread):
    """A keep-alive client that asks until it is told to stop, and notes what contradicts itself."""

    TARGETS = ("/branches?count=50", "/loans?branch=8", "/branches/3",
               f"/loans?branch={shelf.LARGE_BRANCH}&count=300&sort=newest")

    def __init__(self, port, stop, only_forward=True):
        super().__init__(daemon=True)
        self.only_forward = only_forward
        self.port = port
        self.stop_event = stop
        self.failures = []
        self.requests = 0
        self.versions = {}  # release -> version

    def run(self):
        try:
            with Client(self.port) as client:
                while not self.stop_event.is_set():
                    client.send(b"".join(map(get, self.TARGETS)))
                    for target in self.TARGETS:
                        self.check(target, client.answer())
        except (OSError, ValueError) as error:
            self.failures.append(repr(error))

    def check(self, target, answer):
        """One release, one version, and releases only go forward where they should."""
        self.requests += 1
        if answer.status != 200:
            self.failures.append(f"{target}: {answer.status}")
            return
        body = json.loads(answer.body)
        rows = body.get("results", [body])
        release = answer.headers["vitrine-release"]
        versions = {row["version"] for row in rows}
        if len(versions) != 1:
            self.failures.append(f"{target}: rows of versions {versions} in release {release}")
        elif self.versions.setdefault(release, min(versions)) != min(versions):
            self.failures.append(f"{target}: release {release} with another version")
        elif self.only_forward and release != max(self.versions):
            self.failures.append(f"{target}: release {release} after {max(self.versions)}")


class TestSwap(support.TestCase):
    """Releases come and go."""

    def setUp(self):
        super().setUp()
        self.shelf = shelf.Shelf(self.folder, large_loans=600)
        self.shelf.build()
        self.process = self.start("serve", "--root", self.shelf.root, "--threads", 2, "--listen",
                                  "127.0.0.1:0", "--admin", "127.0.0.1:0")
        _, self.port = shelf.listening(self.process)
        self.admin = int(re.search(r" admin_listening address=\S+:(\d+)\n",
                                   self.process.stderr)[1])

    def release(self):
        """The release that answers now, on one of the loops."""
        return support.get(self.port, "/branches/1").headers["vitrine-release"]

    def wait_for_release(self, name):
        """Waits until every loop answers from a release: each of them changes for itself."""
        support.wait_until(lambda: all(self.release() == name for _ in range(ASKED)),
                           what=f"release {name}")

    def activate(self, target):
        """Points `current` at TARGET in one step."""
        link = os.path.join(self.shelf.root, "current")
        os.symlink(target, link + ".new")
        os.rename(link + ".new", link)

    def start_readers(self, only_forward=True):
        """(the clients, a function): they ask until it is called."""
        stop = threading.Event()
        readers = [Reader(self.port, stop, only_forward) for _ in range(CLIENTS)]
        for reader in readers:
            reader.start()

        def end():
            stop.set()
            for reader in readers:
                reader.join(30)
                self.assertFalse(reader.is_alive())
            self.assertEqual([failure for reader in readers for failure in reader.failures], [])

        return readers, end

    def open_files(self):
        """What the descriptors of the service lead to; not those that libuv holds in reserve, one from
        the first connection of a loop on."""
        folder = f"/proc/{self.process.pid}/fd"
        names = []
        for fd in os.listdir(folder):
            try:
                names.append(os.readlink(os.path.join(folder, fd)))
            except OSError:
                continue
        return [name for name in names if name != "/dev/null"]

    def mappings(self):
        """The lines of its address space."""
        with open(f"/proc/{self.process.pid}/maps", encoding="utf-8") as file:
            return file.read().splitlines()

    def held(self, release=""):
        """How many descriptors and mappings lead to files of a release, or of any."""
        part = f"releases/{release}"
        return tuple(sum(part in name for name in names)
                     for names in (self.open_files(), self.mappings()))

    def passes(self):
        """How often a release was scrubbed from beginning to end, its files closed again."""
        text = support.get(self.admin, "/metrics").text
        return int(re.search(r"^vitrine_scrub_passes_total (\d+)$", text, re.MULTILINE)[1])

    def settle(self):
        """Has the release that came last scrubbed, and waits until that has ended."""
        counts = []
        before = self.passes()
        self.process.send(signal.SIGHUP)
        support.wait_until(lambda: self.passes() > before, what="the end of a scrub")

        def is_steady():
            counts.append(len(self.open_files()))
            return len(counts) > 50 and len(set(counts[-50:])) == 1  # a second

        support.wait_until(is_steady, what="descriptors that stay as they are")

    def move(self, command, *arguments):
        """Activates or rolls back, and waits until the service has followed."""
        support.vitrine(command, "--root", self.shelf.root, *arguments)
        name = os.path.basename(os.readlink(os.path.join(self.shelf.root, "current")))
        support.wait_until(lambda: self.release() == name, what=f"release {name}")
        return name

    def move_all(self, command, *arguments):
        """The same, and waits until every loop has followed."""
        self.wait_for_release(self.move(command, *arguments))

    def test_nothing_is_lost_or_leaked_by_many_activations_and_rollbacks(self):
        for version in range(1, 3):
            self.shelf.set_version(version)
            self.shelf.build()
        self.move("activate", 3)
        support.wait_until(lambda: self.held() == self.held("000003"), what="the old files closed")
        self.settle()
        before = self.held()
        descriptors, mappings = len(self.open_files()), len(self.mappings())
        ways = (("rollback",), ("rollback",), ("activate", 2), ("activate", 3))
        readers, end_readers = self.start_readers(only_forward=False)
        begun = time.monotonic()
        moves = 0
        while moves < MOVES and time.monotonic() - begun < MOST_SECONDS:
            self.move(*ways[moves % len(ways)])
            moves += 1
        self.move("activate", 3)
        end_readers()
        requests = sum(reader.requests for reader in readers)
        print(f"{moves} moves, {requests} requests, {time.monotonic() - begun:.1f} s",
              file=sys.stderr)
        for reader in readers:
            self.assertEqual(set(reader.versions.items()),
                             {("000001", 0), ("000002", 1), ("000003", 2)})
        support.wait_until(lambda: len(self.open_files()) == descriptors,
                           what=f"as many descriptors as before, {descriptors}")
        self.settle()
        self.assertEqual(len(self.open_files()), descriptors, self.open_files())
        self.assertEqual(before, self.held())
        self.assertEqual(before, self.held("000003"))
        self.assertLess(len(self.mappings()), mappings + MAPPINGS_SLACK)
        self.assertEqual(self.process.stop(), 0, self.process.stderr)
        self.assertNotIn(" error ", self.process.stderr)

    def test_no_request_fails_and_no_body_mixes_releases(self):
        readers, end_readers = self.start_readers()
        begun = time.monotonic()
        swaps = 0
        while swaps < SWAPS and time.monotonic() - begun < MOST_SECONDS:
            swaps += 1
            self.shelf.set_version(swaps)
            self.shelf.build()
            support.wait_until(lambda n=swaps: int(self.release()) == n + 1, what="the release")
            support.wait_until(lambda n=swaps: any(f"{n + 1:06}" in reader.versions
                                                   for reader in readers), what="a reader of it")
        end_readers()
        seen = {release for reader in readers for release in reader.versions}
        requests = sum(reader.requests for reader in readers)
        print(f"{swaps} swaps, {requests} requests, {len(seen)} releases seen, "
              f"{time.monotonic() - begun:.1f} s", file=sys.stderr)
        self.assertGreaterEqual(len(seen), swaps)
        for reader in readers:
            for release, version in reader.versions.items():
                self.assertEqual(int(release), version + 1)
        self.assertEqual(self.process.stop(), 0, self.process.stderr)
        self.assertNotIn(" error ", self.process.stderr)

    def test_the_files_of_a_release_are_closed_when_another_is_served(self):
        self.shelf.set_version(1)
        support.get(self.port, "/branches?count=100")
        support.get(self.port, "/loans?branch=8")
        self.shelf.build()
        support.wait_until(lambda: self.release() == "000002", what="the release")

        support.wait_until(lambda: self.held("000001") == (0, 0),
                           what="no file of release 000001 is open")

    def test_a_release_that_cannot_be_served_is_logged_once_and_the_old_one_stays(self):
        self.shelf.set_version(1)
        self.shelf.build()
        self.wait_for_release("000002")
        bad = os.path.join(self.shelf.root, "releases", "000003")
        os.mkdir(bad)
        self.activate("releases/000003")
        refused = lambda: re.findall(r" error release_refused .*", self.process.stderr)
        support.wait_until(refused, what="the log")
        time.sleep(1.5)
        self.assertEqual(len(refused()), 1, self.process.stderr)
        self.assertIn("000003", refused()[0])
        self.assertEqual(self.release(), "000002")
        self.activate("releases/000001")
        self.wait_for_release("000001")
        self.activate("releases/000003")
        support.wait_until(lambda: len(refused()) == 2, what="another try")
        self.assertEqual(self.release(), "000001")

    def damage(self, number):
        """Spoils the manifest of a release; gives back what mends it."""
        path = os.path.join(self.shelf.root, "releases", f"{number:06}", "manifest.json")
        with open(path, "rb") as file:
            good = file.read()

        def write(content):
            """In one step: the service may be looking."""
            with open(self.path("manifest"), "wb") as file:
                file.write(content)
            os.rename(self.path("manifest"), path)

        write(good.replace(b"shelf", b"wharf"))
        return lambda: write(good)

    def marks(self):
        """What the root remembers, as {release: mark}."""
        lines = json.loads(support.vitrine("releases", "--root", self.shelf.root, "--json").stdout)
        return {line["release"]: line["mark"] for line in lines if "mark" in line}

    def damaged_second(self):
        """A second release that is damaged behind the back of every check; its mending."""
        self.shelf.set_version(1)
        self.shelf.build()
        self.wait_for_release("000002")
        self.move_all("activate", 1)
        mend = self.damage(2)
        self.activate("releases/000002")
        support.wait_until(lambda: " error release_refused " in self.process.stderr, what="the log")
        return mend

    def test_a_damaged_release_is_remembered_as_refused_and_tried_again_until_it_is_mended(self):
        mend = self.damaged_second()
        support.wait_until(lambda: self.marks() == {2: "refused"}, what="the mark")
        self.assertEqual(self.release(), "000001")
        mend()
        support.wait_until(lambda: self.release() == "000002", what="the release")
        support.wait_until(lambda: self.marks() == {}, what="the mark is gone")
        self.assertEqual(self.process.stderr.count(" error release_refused "), 1)

    def test_sighup_tries_at_once_what_failed(self):
        mend = self.damaged_second()
        time.sleep(8)  # tried after 1 s, 3 s and 7 s; the next time is 8 s later
        mend()
        begun = time.monotonic()
        self.process.send(signal.SIGHUP)
        support.wait_until(lambda: self.release() == "000002", what="the release")
        self.assertLess(time.monotonic() - begun, 5)
        support.wait_until(lambda: " info reload signal=1" in self.process.stderr, what="the log")

    def test_a_link_that_is_gone_changes_nothing(self):
        link = os.path.join(self.shelf.root, "current")
        target = os.readlink(link)
        os.unlink(link)
        support.wait_until(lambda: " warn current_unreadable " in self.process.stderr, what="the log")
        self.assertEqual(self.release(), "000001")
        os.symlink(target, link)
        self.shelf.set_version(1)
        self.shelf.build()
        support.wait_until(lambda: self.release() == "000002", what="the release")


if __name__ == "__main__":
    support.main()
