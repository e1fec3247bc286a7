"""`vitrine pull` and `vitrine activate`, killed before each call that changes the root, and with
each of their file operations failed in turn: `current` is a complete release all the time, and the
next attempt finishes the job and leaves nothing lying about."""
import concurrent.futures
import os
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import time
import unittest
from collections import Counter, namedtuple

import shelf
import support
import test_pull

WORKERS = 3  # most of the time is waiting for disk and rsync
ORPHANS = 4
CHANGES = {"mkdir", "mkdirat", "write", "pwrite64", "rename", "renameat", "renameat2", "link",
           "linkat", "symlink", "symlinkat", "unlink", "unlinkat", "ftruncate", "fchmod"}
OTHERS = {"openat", "read", "pread64", "fsync", "fdatasync", "getdents64", "readlink", "flock",
          "access", "mmap"}
TAKES_SPACE = {"mkdir", "write", "rename", "link", "symlink", "fsync"}
LEAST_HIT = 0.8  # what rsync prints comes in pieces, so that the count of a call is not quite fixed

Step = namedtuple("Step", "call number line")


def files_of(folder):
    """{path: content} of the files below a folder."""
    found = {}
    for top, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(top, name)
            if not os.path.islink(path):
                with open(path, "rb") as file:
                    found[os.path.relpath(path, folder)] = file.read()
    return found


def names_below(folder):
    """Every path below a folder, folders and links included."""
    return sorted(os.path.relpath(os.path.join(top, name), folder)
                  for top, folders, names in os.walk(folder) for name in folders + names)


def why_not():
    """Why nothing can be traced here; empty when it can."""
    if shutil.which("strace") is None:
        return "there is no program strace; install it"
    done = subprocess.run(["strace", "-o", os.devnull, "true"], capture_output=True, check=False)
    return "" if done.returncode == 0 else "strace cannot trace here"


def traced(log, expressions, arguments):
    """A command under strace; what it starts itself is not traced."""
    options = [part for expression in expressions for part in ("-e", expression)]
    asan = os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"
    return subprocess.run(["strace", "-qq", "-y", "-o", log, *options, support.binary(),
                           *map(str, arguments)], capture_output=True, text=True, timeout=60,
                          check=False, env={**os.environ, "ASAN_OPTIONS": asan})


def calls_of(log, root):
    """The calls in LOG that have to do with ROOT, each with its number among those of its name."""
    counts = Counter()
    found = []
    with open(log, encoding="utf-8", errors="replace") as file:
        for line in file:
            call = line.partition("(")[0]
            counts[call] += 1
            if root + "/" in line or root + '"' in line:
                found.append(Step(call, counts[call], line))
    return found


class FaultCase(unittest.TestCase):
    """A builder with release 3, and a node with the releases 1 and 2 and the half of 3."""

    @classmethod
    def setUpClass(cls):
        why = why_not()
        if why:
            raise unittest.SkipTest(why)
        cls.folder = tempfile.mkdtemp(prefix="vitrine-faults-")
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        cls.shelf = shelf.Shelf(cls.folder, large_loans=40)
        cls.before = os.path.join(cls.folder, "before")
        for version in (1, 2):
            cls.shelf.set_version(version)
            cls.shelf.build()
            support.vitrine(*cls.pull(cls.before))
        with sqlite3.connect(cls.shelf.source) as db:
            db.execute("UPDATE branches SET version = 3")
            db.execute("UPDATE loans SET title = 'other' WHERE branch_id = 8")
        db.close()
        cls.shelf.build()
        cls.make_clean_nodes()

    @classmethod
    def make_clean_nodes(cls):
        """Half of a transfer, and what a node looks like after a pull that nothing happened to."""
        new = os.path.join(cls.shelf.root, "releases/000003")
        half = os.path.join(cls.before, "releases/.incoming")
        os.makedirs(os.path.join(half, "branches"))
        os.makedirs(os.path.join(half, "loans/.partial"))
        for name in ("manifest.json", "branches/0001.db"):
            shutil.copyfile(os.path.join(new, name), os.path.join(half, name))
        with open(os.path.join(new, "loans/0001.db"), "rb") as file:
            begun = file.read(20000)
        with open(os.path.join(half, "loans/.partial/0001.db"), "wb") as file:
            file.write(begun)
        cls.contents = {number: files_of(os.path.join(cls.shelf.root, "releases", number))
                        for number in ("000002", "000003")}
        cls.after = os.path.join(cls.folder, "after")
        shutil.copytree(cls.before, cls.after, symlinks=True)
        support.vitrine(*cls.pull(cls.after))
        cls.pulled = names_below(cls.after)
        os.unlink(os.path.join(cls.after, "current"))
        os.symlink("releases/000002", os.path.join(cls.after, "current"))

    @classmethod
    def pull(cls, root):
        """The arguments of a pull."""
        return "pull", "--from", cls.shelf.root, "--root", root, "--keep", 2

    @staticmethod
    def activate(root):
        """The arguments of an activation."""
        return "activate", "--root", root, 3

    def assert_whole(self, root):
        """The current release is the old one or the new one, byte for byte, and verifies."""
        number = os.readlink(os.path.join(root, "current")).rpartition("/")[2]
        self.assertEqual(self.contents[number], files_of(os.path.join(root, "releases", number)))
        support.vitrine("verify", "--root", root)
        return number

    def copy_of(self, template):
        """A root to do harm to, with a file for a trace beside it."""
        folder = tempfile.mkdtemp(dir=self.folder)
        root = os.path.join(folder, "traced")
        shutil.copytree(template, root, symlinks=True)
        return folder, root, os.path.join(folder, "trace")

    def steps(self, command, template):
        """The calls of a command that nothing happens to."""
        folder, root, log = self.copy_of(template)
        done = traced(log, ["trace=" + ",".join(sorted(CHANGES | OTHERS))], command(root))
        self.assertEqual(0, done.returncode, done.stderr)
        found = calls_of(log, root)
        shutil.rmtree(folder)
        return found

    def after_fault(self, command, template, step, fault):
        """Injects a fault, then tries again; whether it happened in the root."""
        folder, root, log = self.copy_of(template)
        done = traced(log, ["trace=" + step.call, f"inject={step.call}:{fault}:when={step.number}"],
                      command(root))
        hit = any(call.number == step.number for call in calls_of(log, root))
        self.assert_ended_well(done, root, fault)
        support.vitrine(*command(root))
        self.assertEqual("000003", self.assert_whole(root))
        self.assertEqual(self.pulled, names_below(root))
        shutil.rmtree(folder)
        return hit

    def assert_ended_well(self, done, root, fault):
        """It was killed, or it ended in order: with the new release, or with a reason."""
        number = self.assert_whole(root)
        self.assertNotIn("Sanitizer", done.stderr)
        if fault.startswith("signal"):
            self.assertIn(done.returncode, (0, -signal.SIGKILL))
        elif done.returncode == 0:
            self.assertEqual("000003", number)
        else:
            self.assertEqual(1, done.returncode, done.stderr)
            self.assertRegex(done.stderr, r"vitrine (pull|activate): \S+")

    def try_all(self, command, template, faults):
        """Injects (step, fault) one after the other, each into a root of its own."""

        def inject(job):
            step, fault = job
            try:
                return self.after_fault(command, template, step, fault), None
            except AssertionError as error:
                return True, f"{fault} at {step.call} {step.number}, {step.line}{error}"

        with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
            results = list(pool.map(inject, faults))
        failures = [failure for _, failure in results if failure]
        self.assertEqual([], failures, "\n".join(failures))
        hits = sum(hit for hit, _ in results)
        self.assertGreater(len(faults), 0)
        self.assertGreaterEqual(hits, len(faults) * LEAST_HIT)
        print(f"{hits} of {len(faults)} hit", flush=True)


def kills(steps):
    """A kill before each step that changes something; between two of them nothing is to be seen."""
    return [(step, "signal=KILL") for step in steps
            if (step.call in CHANGES or "O_CREAT" in step.line) and "= -1 E" not in step.line]


def failures_of(steps):
    """An error at each step; where space is taken, there is none left."""
    # The read at the end of a file is as good as the one before.
    return [(step, "error=" + ("ENOSPC" if step.call in TAKES_SPACE or "O_CREAT" in step.line
                               else "EIO"))
            for step in steps if not (step.call == "read" and step.line.endswith("= 0\n"))]


class TestPull(FaultCase):
    """A pull of a release, part of which is here already."""

    def test_a_kill_before_each_change_leaves_a_root_that_the_next_pull_completes(self):
        self.try_all(self.pull, self.before, kills(self.steps(self.pull, self.before)))

    def test_each_file_operation_that_fails_leaves_a_root_that_the_next_pull_completes(self):
        self.try_all(self.pull, self.before, failures_of(self.steps(self.pull, self.before)))


class TestActivate(FaultCase):
    """The activation of a release that is here."""

    def test_a_kill_before_each_change_leaves_the_old_release_or_the_new_one(self):
        self.try_all(self.activate, self.after, kills(self.steps(self.activate, self.after)))

    def test_each_file_operation_that_fails_leaves_the_old_release_or_the_new_one(self):
        self.try_all(self.activate, self.after, failures_of(self.steps(self.activate, self.after)))


class TestOrphans(test_pull.PullCase):
    """rsync, when it is killed itself, and when it outlives the pull that started it."""

    def setUp(self):
        super().setUp()
        self.add_loans(2)
        self.shelf.build()
        self.source = self.daemon().url

    def begun(self):
        """A pull amid a transfer, and its rsyncs."""
        process = self.start("pull", "--from", self.source, "--root", self.node(),
                             "--bwlimit", "1M")
        loans = os.path.join(self.node(), "releases/.incoming/loans")
        support.wait_until(lambda: os.path.isdir(loans) and os.listdir(loans), 20, "a transfer")
        return process, [pid for pid in support.session_members(process.pid) if pid != process.pid]

    def test_an_rsync_that_outlives_its_pull_never_works_beside_the_next_one(self):
        os.mkdir(self.path("bin"))
        with open(self.path("bin", "rsync"), "w", encoding="utf-8") as file:
            file.write("#!/bin/sh\ntrap '' TERM\nexec sleep 60\n")
        os.chmod(self.path("bin", "rsync"), 0o755)
        process = self.start("pull", "--from", self.source, "--root", self.node(), env={
            **os.environ, "PATH": self.path("bin") + ":" + os.environ["PATH"]})
        support.wait_until(lambda: len(support.session_members(process.pid)) == 2, 20, "the rsync")
        time.sleep(0.3)  # until it does not listen
        orphan, = set(support.session_members(process.pid)) - {process.pid}
        process.send(signal.SIGKILL)
        process.wait()
        done = self.pull(self.source, check=False)
        self.assertEqual(1, done.returncode, done.stdout)
        self.assertIn("another build or pull is at work in", done.stderr)
        os.kill(orphan, signal.SIGKILL)
        self.pull(self.source)
        self.assert_same_as_builder()
        self.assertEqual(["000001"], self.releases())

    def test_a_pull_right_after_a_kill_waits_for_the_rsync_that_is_ending(self):
        for _ in range(ORPHANS):
            process, _ = self.begun()
            time.sleep(self.random.uniform(0, 0.5))
            process.send(signal.SIGKILL)
            self.pull(self.source)
            self.assert_same_as_builder()
            self.assertEqual(["000001"], self.releases())
            shutil.rmtree(self.node())

    def test_an_rsync_that_is_killed_ends_the_pull_and_the_next_one_finishes_the_job(self):
        for number in range(ORPHANS):
            process, workers = self.begun()
            time.sleep(self.random.uniform(0, 0.5))
            os.kill(workers[number % len(workers)], signal.SIGKILL)
            self.assertEqual(1, process.wait(), process.stderr)
            self.assertRegex(process.stderr, r"fetch from rsync://\S+: \S+")
            self.assertIsNone(self.current())
            self.pull(self.source)
            self.assert_same_as_builder()
            shutil.rmtree(self.node())


if __name__ == "__main__":
    support.main()
