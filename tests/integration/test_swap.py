"""A release is swapped under load: no request fails, and no body mixes two releases.

ctest: threads
"""

import json
import os
import re
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
MOST_SECONDS = 60


class Reader(threading.Thread):
    """A keep-alive client that asks until it is told to stop, and notes what contradicts itself."""

    TARGETS = ("/branches?count=50", "/loans?branch=8", "/branches/3",
               f"/loans?branch={shelf.LARGE_BRANCH}&count=300&sort=newest")

    def __init__(self, port, stop):
        super().__init__(daemon=True)
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
        """One release, one version, and releases only go forward."""
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
        elif release != max(self.versions):
            self.failures.append(f"{target}: release {release} after {max(self.versions)}")


class TestSwap(support.TestCase):
    """Releases come and go."""

    def setUp(self):
        super().setUp()
        self.shelf = shelf.Shelf(self.folder, large_loans=600)
        self.shelf.build()
        self.process = self.start("serve", "--root", self.shelf.root, "--threads", 2, "--listen",
                                  "127.0.0.1:0")
        _, self.port = shelf.listening(self.process)

    def release(self):
        """The release that answers now."""
        return support.get(self.port, "/branches/1").headers["vitrine-release"]

    def activate(self, target):
        """Points `current` at TARGET in one step."""
        link = os.path.join(self.shelf.root, "current")
        os.symlink(target, link + ".new")
        os.rename(link + ".new", link)

    def test_no_request_fails_and_no_body_mixes_releases(self):
        stop = threading.Event()
        readers = [Reader(self.port, stop) for _ in range(CLIENTS)]
        for reader in readers:
            reader.start()
        begun = time.monotonic()
        swaps = 0
        while swaps < SWAPS and time.monotonic() - begun < MOST_SECONDS:
            swaps += 1
            self.shelf.set_version(swaps)
            self.shelf.build()
            support.wait_until(lambda n=swaps: int(self.release()) == n + 1, 30, "the release")
        stop.set()
        for reader in readers:
            reader.join(30)
            self.assertFalse(reader.is_alive())
        self.assertEqual([failure for reader in readers for failure in reader.failures], [])
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
        support.wait_until(lambda: self.release() == "000002", 10, "the release")

        def old_files():
            folder = f"/proc/{self.process.pid}/fd"
            names = []
            for fd in os.listdir(folder):
                try:
                    names.append(os.readlink(os.path.join(folder, fd)))
                except OSError:
                    continue
            return [name for name in names if "releases/000001/" in name]

        support.wait_until(lambda: not old_files(), 10, "no file of release 000001 is open")

    def test_a_release_that_cannot_be_served_is_logged_once_and_the_old_one_stays(self):
        self.shelf.set_version(1)
        self.shelf.build()
        support.wait_until(lambda: self.release() == "000002", 10, "the release")
        bad = os.path.join(self.shelf.root, "releases", "000003")
        os.mkdir(bad)
        self.activate("releases/000003")
        refused = lambda: re.findall(r" error release_refused .*", self.process.stderr)
        support.wait_until(refused, 10, "the log")
        time.sleep(1.5)
        self.assertEqual(len(refused()), 1, self.process.stderr)
        self.assertIn("000003", refused()[0])
        self.assertEqual(self.release(), "000002")
        self.activate("releases/000001")
        support.wait_until(lambda: self.release() == "000001", 10, "the release before")
        self.activate("releases/000003")
        support.wait_until(lambda: len(refused()) == 2, 10, "another try")
        self.assertEqual(self.release(), "000001")

    def test_a_link_that_is_gone_changes_nothing(self):
        link = os.path.join(self.shelf.root, "current")
        target = os.readlink(link)
        os.unlink(link)
        support.wait_until(lambda: " warn current_unreadable " in self.process.stderr, 10, "the log")
        self.assertEqual(self.release(), "000001")
        os.symlink(target, link)
        self.shelf.set_version(1)
        self.shelf.build()
        support.wait_until(lambda: self.release() == "000002", 10, "the release")


if __name__ == "__main__":
    support.main()
