"""A damaged file of a release is repaired through rsync, while the release is served: from a daemon, over
ssh, and not from a peer that has nothing better.

ctest: threads
"""
import http.client
import os
import shutil
import signal
import socket
import sqlite3
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import shelf
import support
from releases import names_below
from scrubbing import LOANS, PAGE, RELEASE, SECONDS, ServedCase, daemon_for, flip

FAILURES = 3


class Clients:
    """Clients that go on asking, on a connection each; what they were not answered as before is kept."""

    def __init__(self, port, targets):
        self.port = port
        self.wanted = {target: support.get(port, target).body for target in targets}
        self.wrong = []
        self.count = 0
        self.is_over = threading.Event()
        self.threads = [threading.Thread(target=self._ask) for _ in range(2)]

    def _ask(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        while not self.is_over.is_set():
            for target, body in self.wanted.items():
                try:
                    connection.request("GET", target)
                    answer = connection.getresponse()
                    got = (answer.status, answer.read())
                except (OSError, http.client.HTTPException) as error:
                    got = (0, repr(error))
                self.count += 1
                if got != (200, body):
                    self.wrong.append((target, got))
        connection.close()

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *unused):
        self.is_over.set()
        for thread in self.threads:
            thread.join()


class TestServe(ServedCase):
    """`vitrine serve --repair-from`, with a daemon for the source."""

    def setUp(self):
        super().setUp()
        self.daemon = daemon_for(self, self.peer)

    def serve_with(self, source, *more):
        """A service that is quick to find damage."""
        self.serve("--scrub", "1G", "--scrub-every", "300ms", "--repair-from", source, *more)
        self.wait_for_passes(1)

    def failures(self):
        """How often a repair failed."""
        return self.metric("vitrine_repair_failures_total")

    def logged_failures(self):
        """The lines that say so."""
        return [line for line in self.process.stderr.splitlines() if " error repair_failed " in line]

    def test_a_page_is_repaired_from_a_daemon_that_comes_back_and_no_request_fails(self):
        self.daemon.stop()
        self.serve_with(self.daemon.url)
        large = f"/loans?branch={shelf.LARGE_BRANCH}&count=3000"
        before = support.get(self.port, large).body
        page = self.text_page()
        with open(self.file(), "rb") as file:
            good = file.read()
        targets = [f"/loans?branch={branch}" for branch in range(8, 40)] + ["/branches?count=300"]
        with Clients(self.port, targets) as clients:
            self.damage(page)
            self.wait_for(f"damaged page {LOANS} page {page}: hash differs")
            self.wait_for("not repaired: repair ")
            self.assertEqual(self.ready().status, 503)
            self.assertIn(f"{LOANS}: fetch from {self.daemon.url}: nobody answers", self.ready().text)
            self.assertEqual(self.metric("vitrine_repair_failing_files"), 1)
            self.daemon.start()
            self.wait_for("ready")
        self.assertEqual(clients.wrong, [])
        self.assertGreater(clients.count, len(targets))
        with open(self.file(), "rb") as file:
            self.assertEqual(file.read(), good)
        self.wait_for_closed()
        self.assertEqual(support.get(self.port, large).body, before)
        self.assertEqual(self.daemon.sent_files(), [os.path.join(RELEASE, LOANS)])
        self.assertEqual(os.listdir(os.path.join(self.root, "releases")), ["000001"])
        self.assertEqual(self.metric("vitrine_repair_failing_files"), 0)
        self.assertEqual(self.metric("vitrine_repairs_total"), 1)
        self.assertEqual(len(self.logged_failures()), 1)
        support.vitrine("verify", "--root", self.root)

    def assert_not_repaired(self, reason):
        """The peer cannot help: told once, tried again and again but not too often."""
        inode = os.stat(self.file()).st_ino
        self.damage(self.text_page())
        self.wait_for(reason)
        begun = time.monotonic()
        first = self.failures()
        support.wait_until(lambda: self.failures() >= first + FAILURES - 1, SECONDS, "more failures")
        self.assertGreater(time.monotonic() - begun, 1)
        self.assertIn("damaged page ", self.ready().text)
        self.assertEqual(len(self.logged_failures()), 1, self.process.stderr)
        self.assertEqual(os.stat(self.file()).st_ino, inode)
        self.assertEqual(os.listdir(os.path.join(self.root, "releases")), ["000001"])
        self.assertEqual(support.get(self.port, "/loans?branch=8").status, 200)

    def test_a_peer_that_has_another_release_only_is_no_help(self):
        os.rename(os.path.join(self.peer, RELEASE), os.path.join(self.peer, "releases/000002"))
        self.serve_with(self.daemon.url)
        self.assert_not_repaired(f"{LOANS}: release 000001: fetch from {self.daemon.url}: it is not "
                                 "there")

    def test_a_release_of_the_same_number_with_other_data_is_not_taken(self):
        shutil.rmtree(self.peer)
        with sqlite3.connect(self.shelf.source) as db:
            db.execute("DELETE FROM loans WHERE branch_id = ? AND id % 2", (shelf.LARGE_BRANCH,))
        db.close()
        self.shelf.root, mine = self.peer, self.shelf.root
        self.shelf.build()
        self.shelf.root = mine
        size = os.stat(os.path.join(self.peer, RELEASE, LOANS)).st_size
        self.serve_with(self.daemon.url)
        self.assert_not_repaired(f"what came from {self.daemon.url}: {size} bytes, the manifest says "
                                 f"{os.stat(self.file()).st_size}; it is damaged there, too, or "
                                 "another release")

    def test_a_copy_that_is_damaged_too_is_not_taken_until_the_peer_is_mended(self):
        bad = os.path.join(self.peer, RELEASE, LOANS)
        flip(bad, 5 * PAGE)
        self.serve_with(self.daemon.url)
        self.assert_not_repaired(f"what came from {self.daemon.url}: page 6: hash differs; it is "
                                 "damaged there, too, or another release")
        flip(bad, 5 * PAGE)
        self.process.send(signal.SIGHUP)  # not to wait until the next try
        self.wait_for("ready")

    def test_a_peer_that_says_nothing_is_left_after_the_time_out(self):
        with socket.socket() as silent:
            silent.bind(("127.0.0.1", 0))
            silent.listen()
            self.serve_with(f"rsync://127.0.0.1:{silent.getsockname()[1]}/vitrine",
                            "--repair-timeout", "1s")
            self.damage(self.text_page())

            def told():
                text = self.ready().text
                return "silence for longer than --timeout" in text and text

            self.assertIn("the next attempt begins anew",
                          support.wait_until(told, SECONDS, "the time-out"))

    def test_the_page_hashes_and_the_definition_are_repaired_too(self):
        self.serve_with(self.daemon.url)
        for name in ("definition.yaml", "pages.xxh3"):
            flip(self.file(name), 3)
            support.wait_until(lambda name=name: f"file_repaired release=000001 file={name} "
                               in self.process.stderr, SECONDS, name)
            self.wait_for("ready")
        support.vitrine("verify", "--root", self.root)

    def test_a_stop_does_not_wait_for_a_repair(self):
        with socket.socket() as silent:
            silent.bind(("127.0.0.1", 0))
            silent.listen()
            self.serve_with(f"rsync://127.0.0.1:{silent.getsockname()[1]}/vitrine")
            self.damage(self.text_page())
            support.wait_until(lambda: len(support.session_members(self.process.pid)) > 1, SECONDS,
                               "rsync")
            begun = time.monotonic()
            self.assertEqual(self.process.stop(), 0, self.process.stderr)
            self.assertLess(time.monotonic() - begun, 15)  # the repair would wait for 30 s
        self.assertIn("repair=abandoned", self.process.stderr)
        support.wait_for_session_end(self.process, SECONDS)

    def test_a_source_that_cannot_be_read_is_told_before_anything_is_served(self):
        for text, arguments in (
                ("a source is written as rsync://HOST", ("--repair-from", "rsync://host")),
                ("--repair-timeout: write at least 1s",
                 ("--repair-from", self.peer, "--repair-timeout", "5ms"))):
            done = support.vitrine("serve", "--root", self.root, *arguments, check=False, timeout=30)
            self.assertEqual(done.returncode, 2)
            self.assertIn(text, done.stderr)


class TestCommand(ServedCase):
    """`vitrine repair --from`, with a daemon or a remote shell for the source."""

    def setUp(self):
        super().setUp()
        self.daemon = daemon_for(self, self.peer)

    def repair(self, source, *more, check=True, env=None):
        """Runs it to its end."""
        return support.vitrine("repair", "--root", self.root, "--from", source, *more, check=check,
                               env=env, timeout=60)

    def begun(self, env):
        """A repair whose rsync is at work, by what the folder beside the release says."""
        process = self.start("repair", "--root", self.root, "--from", self.daemon.url, env=env)
        scratch = os.path.join(self.root, "releases", ".repair-000001", "list")
        support.wait_until(lambda: os.path.exists(scratch) and
                           len(support.session_members(process.pid)) > 1, SECONDS, "rsync")
        return process

    def assert_mended(self):
        """The release is the peer's again, with nothing beside it."""
        support.vitrine("verify", "--root", self.root)
        self.assertEqual(names_below(os.path.join(self.root, "releases")),
                         names_below(os.path.join(self.peer, "releases")))

    def test_every_damaged_file_is_fetched_from_a_daemon_by_its_name(self):
        self.damage(self.text_page())
        os.unlink(self.file("branches/0001.db"))
        self.assertIn("2 of 5 files replaced", self.repair(self.daemon.url).stdout)
        self.assert_mended()
        self.assertEqual(sorted(self.daemon.sent_files()),
                         [os.path.join(RELEASE, "branches/0001.db"), os.path.join(RELEASE, LOANS)])

    def test_a_remote_shell_is_a_way_too(self):
        shell = self.path("remote-shell")
        with open(shell, "w", encoding="utf-8") as file:
            file.write("#!/bin/sh\nwhile [ \"$1\" != peer ]; do shift; done\nshift\n"
                       "exec sh -c \"$*\"\n")
        os.chmod(shell, 0o755)
        self.damage(self.text_page())
        self.repair(f"peer:{self.peer}", "--ssh", shell)
        self.assert_mended()

    def test_an_rsync_that_was_killed_is_told_with_what_comes_next(self):
        self.damage(self.text_page())
        done = self.repair(self.daemon.url, check=False, env=self.shadow_rsync("kill -9 $$\n"))
        self.assertEqual(done.returncode, 1)
        self.assertIn("rsync ended with signal 9 (Killed); the next attempt begins anew", done.stderr)

    def test_a_release_that_is_not_trusted_is_not_repaired(self):
        support.vitrine("keygen", "--out", self.path("key"))
        self.damage(self.text_page())
        done = self.repair(self.daemon.url, "--trust", self.path("key.pub"), check=False)
        self.assertEqual(done.returncode, 3, done.stderr)
        self.assertEqual(self.daemon.sent_files(), [])

    def test_a_release_that_is_being_repaired_holds_no_file_that_is_not_its_own(self):
        process = self.begun_on_damage(
            f"while [ ! -e {self.path('go')} ]; do sleep 0.05; done\nexec /usr/bin/rsync \"$@\"\n")
        done = support.vitrine("verify", "--root", self.root, check=False)
        self.assertIn(f"{LOANS}: page ", done.stderr)
        with open(self.path("go"), "wb"):
            pass
        self.assertEqual(process.wait(), 0, process.stderr)
        self.assert_mended()

    def begun_on_damage(self, script):
        """Damages a page and starts a repair with SCRIPT as its rsync."""
        self.damage(self.text_page())
        return self.begun(self.shadow_rsync(script))

    def test_what_a_killed_repair_left_is_in_nobodys_way(self):
        process = self.begun_on_damage("exec sleep 60\n")
        process.send(signal.SIGKILL)
        process.wait()
        support.wait_for_session_end(process, SECONDS)
        self.assertIn(".repair-000001", os.listdir(os.path.join(self.root, "releases")))
        shutil.copy(os.path.join(self.peer, RELEASE, LOANS), self.path("good"))
        os.rename(self.path("good"), self.file())
        support.vitrine("verify", "--root", self.root)
        support.vitrine("activate", "--root", self.root, 1)
        support.vitrine("pull", "--from", self.daemon.url, "--root", self.root)
        self.assert_mended()

    def test_what_was_left_beside_a_release_that_is_gone_leaves_with_the_next_build(self):
        for name in (".repair-000001", ".repair-000000"):
            os.makedirs(self.file("arriving", name))
        self.shelf.set_version(1)
        self.shelf.build()
        self.assertEqual(sorted(os.listdir(os.path.join(self.root, "releases"))),
                         ["000001", "000002"])

    def test_an_rsync_that_outlives_its_repair_keeps_others_out(self):
        deaf = self.path("deaf")
        process = self.begun_on_damage(f"trap '' TERM\n: >{deaf}\nexec sleep 600\n")
        support.wait_until(lambda: os.path.exists(deaf), what="an rsync that does not listen")
        orphan, = set(support.session_members(process.pid)) - {process.pid}
        process.send(signal.SIGKILL)
        process.wait()
        done = self.repair(self.daemon.url, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("another process repairs this release", done.stderr)
        os.kill(orphan, signal.SIGKILL)
        self.repair(self.daemon.url)
        self.assert_mended()


if __name__ == "__main__":
    support.main()
