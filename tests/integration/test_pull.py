"""`vitrine pull`: a release travels from root to root, whole, as links or as differences, and nothing
that is damaged, foreign or cut ever becomes the current one."""
import fcntl
import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import unittest

import support
from pulling import MEGABYTE, PullCase

KILLS = 12


class TestShipping(PullCase):
    """What travels, and how much of it."""

    def test_a_first_pull_brings_the_release_of_the_source_and_activates_it(self):
        self.shelf.build()
        done = self.pull(self.daemon().url)
        self.assert_same_as_builder()
        self.assertIn("release 000001 in ", done.stdout)
        self.assertEqual(["000001"], self.releases())
        with support.serving(self.node()) as port:
            self.assertEqual(200, support.get(port, "/branches/1").status)

    def test_a_pull_of_what_is_there_fetches_nothing(self):
        self.shelf.build()
        daemon = self.daemon()
        self.pull(daemon.url)
        before = len(daemon.sent_files())
        self.assertIn("release 000001 is up to date", self.pull(daemon.url).stdout)
        self.assertEqual(before, len(daemon.sent_files()))

    def test_files_that_did_not_change_become_hard_links(self):
        self.add_loans(2)
        self.shelf.build()
        daemon = self.daemon()
        first = self.received(self.pull(daemon.url))
        self.change("UPDATE branches SET version = 1")
        done = self.pull(daemon.url)
        self.assert_same_as_builder()
        self.assertEqual(self.inode("000001", "loans/0001.db"), self.inode("000002", "loans/0001.db"))
        self.assertEqual(self.inode("000001", "definition.yaml"),
                         self.inode("000002", "definition.yaml"))
        self.assertNotEqual(self.inode("000001", "branches/0001.db"),
                            self.inode("000002", "branches/0001.db"))
        self.assertRegex(done.stdout, r"\b5 files, 3 of them linked")
        self.assertLess(self.received(done), first / 10)
        self.assertNotIn("releases/000002/loans/0001.db", daemon.sent_files())

    def test_a_file_whose_pages_mostly_stayed_arrives_as_differences(self):
        self.add_loans(4)
        self.shelf.build()
        daemon = self.daemon()
        whole = self.received(self.pull(daemon.url))
        self.change("UPDATE loans SET version = 1 WHERE branch_id % 400 = 0")
        done = self.pull(daemon.url)
        self.assert_same_as_builder()
        self.assertIn("1 as differences", done.stdout)
        self.assertLess(self.received(done), whole / 10)

    def test_a_file_whose_pages_moved_arrives_whole(self):
        self.add_loans(1)
        self.shelf.build()
        daemon = self.daemon()
        self.pull(daemon.url)
        self.change("UPDATE loans SET title = 'moved ' || title")
        self.assertIn("0 as differences", self.pull(daemon.url).stdout)
        self.assert_same_as_builder()
        self.change("UPDATE loans SET title = 'again ' || title")
        self.assertIn("1 as differences", self.pull(daemon.url, "--transfer", "delta").stdout)
        self.assert_same_as_builder()

    def test_a_release_here_keeps_its_bytes_whatever_is_made_of_its_files(self):
        self.add_loans(1)
        self.shelf.build()
        self.pull(self.shelf.root)
        before = self.files(self.node(), "000001")
        for version in (1, 2):
            self.change(f"UPDATE loans SET version = {version} WHERE branch_id % 400 = 0")
            self.pull(self.shelf.root)
            self.assert_same_as_builder()
        self.assertEqual(before, self.files(self.node(), "000001"))

    def test_a_node_pulls_from_a_node(self):
        self.add_loans(1)
        self.shelf.build()
        self.pull(self.daemon().url)
        second = self.node("second")
        self.pull(self.daemon(self.node()).url, root=second)
        self.assert_same_as_builder(second)
        self.change("UPDATE branches SET version = 1")
        self.pull(self.daemons[0].url)
        done = self.pull(self.daemons[1].url, root=second)
        self.assert_same_as_builder(second)
        self.assertIn("3 of them linked", done.stdout)

    def test_a_path_is_a_source_too(self):
        self.shelf.build()
        for source in (self.shelf.root, self.shelf.root + "/", os.path.relpath(self.shelf.root)):
            shutil.rmtree(self.node(), ignore_errors=True)
            self.pull(source)
            self.assert_same_as_builder()

    def test_a_remote_shell_is_started_without_questions_and_with_a_time_limit(self):
        self.shelf.build()
        shell = self.path("remote-shell")
        with open(shell, "w", encoding="utf-8") as file:
            # Drops the options and the host, and runs the rest here, as sshd would there.
            file.write(f"#!/bin/sh\necho \"$*\" >>{self.path('calls')}\n"
                       "while [ \"$1\" != builder ]; do shift; done\nshift\nexec sh -c \"$*\"\n")
        os.chmod(shell, 0o755)
        for source in (f"ssh://builder:2022{self.shelf.root}", f"builder:{self.shelf.root}"):
            shutil.rmtree(self.node(), ignore_errors=True)
            self.pull(source, "--ssh", shell + " -i key")
            self.assert_same_as_builder()
        with open(self.path("calls"), encoding="utf-8") as file:
            calls = file.read().splitlines()
        self.assertIn("-i key -o BatchMode=yes -o ConnectTimeout=30 -p 2022 builder rsync ", calls[0])
        self.assertNotIn("-p 2022", calls[-1])

    @unittest.skipUnless(shutil.which("rrsync"), "no rrsync")
    def test_a_key_that_is_restricted_to_reading_the_root_is_enough(self):
        self.shelf.build()
        shell = self.path("remote-shell")
        with open(shell, "w", encoding="utf-8") as file:
            file.write("#!/bin/sh\nwhile [ \"$1\" != builder ]; do shift; done\nshift\n"
                       f"SSH_ORIGINAL_COMMAND=\"$*\" exec rrsync -ro {self.shelf.root}\n")
        os.chmod(shell, 0o755)
        for source in ("ssh://builder/", "builder:."):
            shutil.rmtree(self.node(), ignore_errors=True)
            self.pull(source, "--ssh", shell)
            self.assert_same_as_builder()

    def test_compression_makes_what_travels_smaller(self):
        self.add_loans(1)
        self.shelf.build()
        plain = self.received(self.pull(self.daemon().url))
        packed = self.received(self.pull(self.daemons[0].url, "--compress", root=self.node("b")))
        self.assert_same_as_builder(self.node("b"))
        self.assertLess(packed, plain * 0.8)

    def test_old_releases_go_and_the_newest_stay(self):
        self.shelf.build()
        for version in range(1, 5):
            self.change(f"UPDATE branches SET version = {version}")
            self.pull(self.shelf.root, "--keep", 2)
        self.assertEqual(["000004", "000005"], self.releases())
        self.assertEqual("releases/000005", self.current())


class TestTrouble(PullCase):
    """Whatever goes wrong, the root serves what it had, and the message says what to do."""

    def test_wrong_command_lines_end_with_2(self):
        for text, source, *more in (
                ("a source is written as rsync://HOST", "rsync://host"),
                ("names no module", "rsync://host/"),
                ("names no host", "rsync:///module"),
                ("names no host", "rsync://-oX=y/module"),
                ("names no host", "ssh://-oProxyCommand=x/root"),
                ("names no host", "x@-host:/root"),
                ("names no path", "ssh://host"),
                ("has a port that is no number", "ssh://host:x/root"),
                ("is none of them", "http://host/root"),
                ("--bwlimit: \"10\" is not a rate; write 500K, 20M or 1G", "/x", "--bwlimit", "10"),
                ("--transfer: \"some\" is none of auto, whole, delta", "/x", "--transfer", "some"),
                ("--timeout: write at least 1s", "/x", "--timeout", "5ms"),
                ("--from and --root are the same folder", self.node())):
            os.makedirs(self.node(), exist_ok=True)
            self.assert_fails(2, text, source, *more)

    def test_following_a_source_that_is_none_says_so_once_and_ends(self):
        os.makedirs(self.node())
        done = support.vitrine("pull", "--from", "rsync://host/", "--root", self.node(), "--every", "1s",
                               check=False)
        self.assertEqual(2, done.returncode)
        self.assertRegex(done.stderr, r"\Avitrine pull: .*\"rsync://host/\" names no module\n\Z")

    def test_sources_that_do_not_answer_are_told_apart(self):
        self.shelf.build()
        url = self.daemon().url
        os.makedirs(self.node("empty"))
        empty = self.daemon(self.node("empty")).url
        with socket.socket() as silent:
            silent.bind(("127.0.0.1", 0))
            silent.listen()
            for text, source, timeout in (
                    ("nobody answers", f"rsync://127.0.0.1:{support.free_port()}/vitrine", "60s"),
                    ("the rsync daemon refuses (@ERROR: Unknown module 'x')",
                     url.replace("/vitrine", "/x"), "60s"),
                    ("it is not there", empty, "60s"),
                    ("is this a root with a current release?",
                     self.path("nothing"), "60s"),
                    ("silence for longer than --timeout",
                     f"rsync://127.0.0.1:{silent.getsockname()[1]}/vitrine", "1s")):
                self.assert_fails(1, text, source, "--timeout", timeout)

    def test_a_machine_without_rsync_is_told_to_install_it(self):
        self.shelf.build()
        self.assert_fails(1, "there is no program rsync; install it", self.shelf.root,
                          env={"PATH": self.path("none")})

    def test_two_do_not_work_in_one_root(self):
        self.shelf.build()
        os.makedirs(self.node())
        with open(os.path.join(self.node(), ".build-lock"), "w", encoding="utf-8") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            self.assert_fails(1, "another build or pull is at work in", self.shelf.root)
        self.pull(self.shelf.root)

    def test_a_damaged_file_is_refused_and_not_fetched_again(self):
        self.shelf.build()
        daemon = self.daemon()
        self.pull(daemon.url)
        self.change("UPDATE branches SET version = 1")
        self.damage("branches/0001.db")
        done = self.assert_fails(3, "branches/0001.db: page 2: hash differs", daemon.url)
        self.assertIn("damaged at the source", done.stderr)
        self.assertIn("warn fetch_again release=000002 files=1", done.stderr)
        self.assertEqual("releases/000001", self.current())
        self.assertEqual(["000001"], self.releases())
        before = len(daemon.sent_files())
        self.assert_fails(3, "is not fetched again without --again: it was refused: damaged at the "
                          "source: ", daemon.url)
        self.assertEqual(before, len(daemon.sent_files()))
        self.change("UPDATE branches SET version = 2")
        self.pull(daemon.url)
        self.assert_same_as_builder()

    def test_a_manifest_that_was_edited_is_not_believed(self):
        self.shelf.build()
        self.damage("manifest.json", 40)
        self.assert_fails(1, "the checksum of the manifest differs", self.shelf.root)
        self.assertIsNone(self.current())

    def test_a_file_that_is_missing_at_the_source_is_named(self):
        self.shelf.build()
        os.remove(os.path.join(self.shelf.root, "current/branches/0001.db"))
        self.assert_fails(1, "branches/0001.db", self.daemon().url)
        self.assertIsNone(self.current())

    def test_a_file_that_rotted_here_is_not_linked_into_the_new_release(self):
        self.shelf.build()
        self.pull(self.shelf.root)
        rotten = os.path.join(self.node(), "releases/000001/loans/0001.db")
        with open(rotten, "r+b") as file:
            file.seek(9000)
            file.write(b"rot")
        self.change("UPDATE branches SET version = 1")
        done = self.pull(self.shelf.root)
        self.assertIn("warn fetch_again release=000002 files=1", done.stderr)
        self.assert_same_as_builder()

    def test_a_release_of_another_definition_is_refused(self):
        self.shelf.build()
        self.pull(self.shelf.root)
        with open(self.shelf.definition, encoding="utf-8") as file:
            text = file.read()
        with open(self.shelf.definition, "w", encoding="utf-8") as file:
            file.write(text.replace("name: shelf", "name: cellar"))
        self.shelf.build()
        self.assert_fails(3, "is a root of shelf, and the source has cellar", self.shelf.root)
        self.assertEqual("releases/000001", self.current())

    def test_a_source_that_began_anew_is_refused(self):
        self.shelf.build()
        self.pull(self.shelf.root)
        shutil.rmtree(self.shelf.root)
        self.change("UPDATE branches SET version = 1")
        self.assert_fails(3, "which has begun anew; pull it into a new root", self.shelf.root)
        support.vitrine("verify", "--root", self.node())

    def test_a_complete_release_that_is_not_active_is_activated_without_fetching(self):
        self.shelf.build()
        daemon = self.daemon()
        self.pull(daemon.url)
        os.unlink(os.path.join(self.node(), "current"))
        before = len(daemon.sent_files())
        self.pull(daemon.url)
        self.assert_same_as_builder()
        self.assertEqual(before, len(daemon.sent_files()))

    def test_a_release_that_rotted_before_it_was_activated_is_mended(self):
        self.shelf.build()
        self.pull(self.shelf.root)
        os.unlink(os.path.join(self.node(), "current"))
        with open(os.path.join(self.node(), "releases/000001/loans/0001.db"), "r+b") as file:
            file.truncate(4096)
        self.assertIn("warn release_damaged", self.pull(self.shelf.root).stderr)
        self.assert_same_as_builder()

    def test_a_manifest_that_rotted_here_is_mended_with_its_release(self):
        self.shelf.build()
        daemon = self.daemon()
        self.pull(daemon.url)
        manifest = os.path.join(self.node(), "releases/000001/manifest.json")
        before = len(daemon.sent_files())
        for spoil in (lambda: os.truncate(manifest, 40), lambda: os.unlink(manifest)):
            spoil()
            self.assertIn("warn release_damaged release=000001", self.pull(daemon.url).stderr)
            self.assert_same_as_builder()
        self.assertFalse([name for name in daemon.sent_files()[before:] if name.endswith(".db")])


class TestInterruption(PullCase):
    """A pull that is cut, killed or out of space."""

    def incoming(self):
        """Bytes of the file that arrives, wherever rsync has it."""
        folder = os.path.join(self.node(), "releases/.incoming/loans")
        total = 0
        for top, _, names in os.walk(folder):
            for name in names:
                try:
                    total += os.stat(os.path.join(top, name)).st_size
                except FileNotFoundError:
                    pass
        return total

    def start_slow(self, source, *more, limit="1M", least=MEGABYTE):
        """A pull that takes a while, in the middle of the large file, when LEAST bytes of it came."""
        process = self.start("pull", "--from", source, "--root", self.node(), "--bwlimit", limit,
                             *more)
        support.wait_until(lambda: self.incoming() > least, what=f"{least} bytes")
        return process

    def test_a_transfer_that_was_cut_goes_on_where_it_ended(self):
        self.add_loans(6)
        self.shelf.build()
        daemon = self.daemon()
        process = self.start_slow(daemon.url)
        daemon.stop()
        self.assertEqual(1, process.wait())
        self.assertIn("the next attempt goes on where this one ended", process.stderr)
        self.assertIsNone(self.current())
        kept = os.stat(os.path.join(self.node(), "releases/.incoming/loans/.partial/0001.db")).st_size
        daemon.start()
        done = self.pull(daemon.url)
        self.assert_same_as_builder()
        size = os.stat(os.path.join(self.node(), "current/loans/0001.db")).st_size
        self.assertGreater(kept, MEGABYTE // 2)
        self.assertLess(self.received(done), size - kept + MEGABYTE // 2)

    def test_sigterm_ends_a_transfer_within_a_second_and_leaves_no_process(self):
        self.add_loans(6)
        self.shelf.build()
        url = self.daemon().url
        for every in ((), ("--every", "1s")):
            took = 2.0
            for _ in range(4):  # a busy machine makes it longer, not shorter
                if took > 1.5:
                    took = min(took, self.stop_amid_transfer(url, *every))
            self.assertLess(took, 1.5)

    def stop_amid_transfer(self, url, *every):
        """The seconds until a pull has ended that would have taken half a minute more."""
        process = self.start_slow(url, *every, limit="200K", least=MEGABYTE // 10)
        rsyncs = [pid for pid, command in all_processes().items()
                  if command.startswith("rsync") and self.node() in command]
        self.assertTrue(rsyncs)
        begun = time.monotonic()
        code = process.stop()
        took = time.monotonic() - begun
        self.assertEqual(0 if every else 130, code, process.stderr)
        support.wait_until(lambda: not any(pid in all_processes() for pid in rsyncs),
                           what="the end of rsync")
        self.assertIsNone(self.current())
        shutil.rmtree(self.node())
        return took

    def test_after_kill_9_at_any_moment_the_next_pull_finishes_the_job(self):
        self.add_loans(2)
        self.shelf.build()
        self.pull(self.shelf.root)
        self.change("UPDATE loans SET title = 'new ' || title")
        begun = time.monotonic()
        self.pull(self.shelf.root, root=self.node("timed"))
        seconds = time.monotonic() - begun
        outcomes = {"old": 0, "new": 0}
        version = 0
        for _ in range(KILLS):
            version += 1
            self.change(f"UPDATE loans SET title = '{version} ' || title")
            process = self.start("pull", "--from", self.shelf.root, "--root", self.node())
            time.sleep(self.random.uniform(0, seconds * 1.1))
            process.send(signal.SIGKILL)
            process.wait()
            support.vitrine("verify", "--root", self.node())
            arrived = self.current() == self.current(self.shelf.root)
            outcomes["new" if arrived else "old"] += 1
            support.wait_for_session_end(process)
            self.pull(self.shelf.root)
            self.assert_same_as_builder()
            self.assertFalse([name for name in self.releases() if name.startswith(".")])
        print(f"{KILLS} kills: {outcomes}", file=sys.stderr)

    def stop_between_looks(self, daemon, process):
        """Ends DAEMON while PROCESS asks it nothing: every look after that fails for the same reason."""
        process.freeze()
        support.wait_until(lambda: list(support.session_members(process.pid)) == [process.pid],
                           what="the end of rsync")
        daemon.stop()
        process.send(signal.SIGCONT)

    def test_following_logs_a_failure_once_and_catches_up(self):
        self.shelf.build()
        daemon = self.daemon()
        rsyncs = self.path("rsyncs")  # a byte for each start of one
        env = self.shadow_rsync(f'echo >>{rsyncs}\nexec {shutil.which("rsync")} "$@"\n')
        process = self.start("pull", "--from", daemon.url, "--root", self.node(), "--every", "100ms",
                             "--timeout", "30s", env=env)
        support.wait_until(lambda: self.current() == "releases/000001", what="the first release")
        self.stop_between_looks(daemon, process)
        support.wait_until(lambda: " error pull_failed " in process.stderr, what="the log")
        tried = os.path.getsize(rsyncs)
        support.wait_until(lambda: os.path.getsize(rsyncs) >= tried + 3, what="more attempts")
        self.assertEqual(1, process.stderr.count(" error pull_failed "), process.stderr)
        self.change("UPDATE branches SET version = 1")
        daemon.start()
        support.wait_until(lambda: self.current() == "releases/000002", what="the second release")
        support.wait_until(lambda: re.search(r" info release_pulled release=000002 files=5 linked=\d",
                                             process.stderr), what="the log of the second")
        self.assertIn(" info pull_recovered ", process.stderr)
        self.assertEqual(0, process.stop())
        self.assert_same_as_builder()


@unittest.skipUnless(os.geteuid() == 0 and shutil.which("unshare") and subprocess.run(
    ["unshare", "-m", "mount", "-t", "tmpfs", "tmpfs", "/mnt"], capture_output=True,
    check=False).returncode == 0, "a small disk of its own needs the right to mount a tmpfs")
class TestFullDisk(PullCase):
    """A root on a disk that is too small, in a mount namespace of its own."""

    def on_disk(self, size, script):
        """Runs SCRIPT where $root is on a tmpfs of SIZE; (exit code, output)."""
        os.makedirs(self.node(), exist_ok=True)
        done = subprocess.run(
            ["unshare", "-m", "sh", "-c", f"mount -t tmpfs -o size={size} tmpfs {self.node()}\n" +
             script], capture_output=True, text=True, timeout=120, check=False,
            env={**os.environ, "root": self.node(), "from": self.shelf.root,
                 "vitrine": support.binary()})
        return done.returncode, done.stdout + done.stderr

    def test_a_disk_that_is_too_small_is_noticed_before_anything_is_fetched(self):
        self.add_loans(6)
        self.shelf.build()
        code, text = self.on_disk("20m", "$vitrine pull --from $from --root $root; code=$?\n"
                                  "du -sk $root/releases; exit $code")
        self.assertEqual(1, code, text)
        self.assertRegex(text, r"\d+ bytes are to be fetched and 16777216 stay in reserve, but only "
                         r"\d+ bytes are free; make room, or keep fewer releases")
        self.assertIn("0\t", text)

    def test_a_disk_that_fills_up_meanwhile_loses_only_the_new_release(self):
        self.shelf.build()
        first = "$vitrine pull --from $from --root $root || exit 9\n"
        self.add_loans(6)
        shutil.copytree(self.shelf.root, self.path("second"), symlinks=True)
        with sqlite3.connect(self.shelf.source) as db:
            db.execute("UPDATE branches SET version = 1")
        db.close()
        support.vitrine("build", "--definition", self.shelf.definition, "--source",
                        "sqlite:" + self.shelf.source, "--root", self.path("second"), "--accept",
                        "growth")
        code, text = self.on_disk("40m", first + f"""
            $vitrine pull --from {self.path("second")} --root $root --bwlimit 1M & pid=$!
            while kill -0 $pid && [ -z "$(find $root/releases/.incoming/loans -size +1000k)" ]; do
                sleep 0.1
            done 2>/dev/null
            head -c 60000000 /dev/zero >$root/other 2>/dev/null
            wait $pid; code=$?
            readlink $root/current; ls -A $root/releases
            rm $root/other
            $vitrine verify --root $root && $vitrine pull --from {self.path("second")} --root $root
            readlink $root/current; exit $code""")
        self.assertEqual(1, code, text)
        self.assertIn("the disk of this machine is full", text)
        self.assertRegex(text, r"releases/000001\n000001\n")
        self.assertIn("releases/000002\n", text)


def all_processes():
    """{pid: command line} of every process that is no zombie."""
    found = {}
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            with open(f"/proc/{entry}/cmdline", "rb") as file:
                command = file.read().replace(b"\0", b" ").decode(errors="replace").strip()
        except OSError:
            continue
        if command:
            found[int(entry)] = command
    return found


if __name__ == "__main__":
    support.main()
