"""A command that is killed before each call by which it changes a root, and with each of its file
operations failed in turn, by strace.

After each of them `current` is a complete release that verifies, what the root remembers is readable,
and the next run of the command leaves the root as if nothing had happened, with no file more.
"""
import concurrent.futures
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import unittest
from collections import Counter, namedtuple

import shelf
import support
from releases import current, files_below, names_below

WORKERS = 6  # most of the time is waiting for disk and rsync
CHANGES_OF_NAMES = {"mkdir", "mkdirat", "rename", "renameat", "renameat2", "link", "linkat",
                    "symlink", "symlinkat", "unlink", "unlinkat", "rmdir"}
CHANGES = CHANGES_OF_NAMES | {"write", "pwrite64", "ftruncate", "fchmod"}
OTHERS = {"openat", "read", "pread64", "preadv2", "fsync", "fdatasync", "getdents64", "readlink",
          "flock", "access", "mmap", "newfstatat", "statfs", "fstatfs", "lseek"}
TAKES_SPACE = {"mkdir", "write", "rename", "link", "symlink", "fsync", "ftruncate"}

# NUMBER counts the calls of that name in a process, TURN the programs that are traced in turn.
Step = namedtuple("Step", "call number line turn", defaults=(0,))

# A command that makes a copy of the folder BEFORE into a root with OUTCOME.
Scene = namedtuple("Scene", "command before outcome")


def why_not():
    """Why nothing can be traced here; empty when it can."""
    if shutil.which("strace") is None:
        return "there is no program strace; install it"
    done = subprocess.run(["strace", "-o", os.devnull, "true"], capture_output=True, check=False)
    return "" if done.returncode == 0 else "strace cannot trace here"


def tracing(step=None, fault=None):
    """The words before a command that is traced, with FAULT at STEP."""
    if step is None:
        expressions = ["trace=" + ",".join(sorted(CHANGES | OTHERS))]
    else:
        expressions = [f"trace={step.call}", f"inject={step.call}:{fault}:when={step.number}"]
    return ["strace", "-qq", "-y",
            *(word for expression in expressions for word in ("-e", expression))]


def calls_of(log, root):
    """The calls in LOG that have to do with ROOT; no other names are changed."""
    counts = Counter()
    found = []
    with open(log, encoding="utf-8", errors="replace") as file:
        for line in file:
            call = line.partition("(")[0]
            counts[call] += 1
            if call in CHANGES_OF_NAMES or root + "/" in line or root + '"' in line:
                found.append(Step(call, counts[call], line))
    return found


def kills(steps):
    """A kill before each step that changes something; between two of them nothing is to be seen."""
    return [(step, "signal=KILL") for step in steps
            if (step.call in CHANGES or "O_CREAT" in step.line) and "= -1 E" not in step.line]


def errors(steps):
    """An error at each step; where space is taken, there is none left."""
    # The read at the end of a file is as good as the one before.
    return [(step, "error=" + ("ENOSPC" if step.call in TAKES_SPACE or "O_CREAT" in step.line
                               else "EIO"))
            for step in steps if not (step.call == "read" and step.line.endswith("= 0\n"))]


def met_the_sanitizer(done):
    """Whether the fault met the memory of AddressSanitizer, which maps some more or less often from run
    to run, so that the count of mmap is not quite fixed."""
    return "AddressSanitizer failed to allocate" in done.stderr


def remembered(root):
    """What state.json says, without times; None when there is no such file."""
    try:
        with open(os.path.join(root, "state.json"), encoding="utf-8") as file:
            state = json.load(file)
    except FileNotFoundError:
        return None
    for mark in state["marks"]:
        del mark["at"]
    return state


def outcome(root):
    """All of a root that must be the same whatever happened on the way."""
    return current(root), remembered(root), names_below(root)


class FaultCase(unittest.TestCase):
    """A builder with the signed releases 1 to 3, and a node that has 1 and 2, as a template."""

    @classmethod
    def setUpClass(cls):
        why = why_not()
        if why:
            raise unittest.SkipTest(why)
        cls.folder = tempfile.mkdtemp(prefix="vitrine-faults-")
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        key = os.path.join(cls.folder, "key")
        support.vitrine("keygen", "--out", key)
        cls.trust = ("--trust", key + ".pub")
        cls.shelf = shelf.Shelf(cls.folder, large_loans=40)
        cls.shelf.signing = ("--sign", key + ".key")
        cls.node = os.path.join(cls.folder, "node")
        for version in (1, 2):
            cls.shelf.set_version(version)
            cls.shelf.build()
            support.vitrine(*cls.pull(cls.node))
        with sqlite3.connect(cls.shelf.source) as db:
            db.execute("UPDATE branches SET version = 3")
            db.execute("UPDATE loans SET title = 'other' WHERE branch_id = 8")
        db.close()
        cls.shelf.build()
        releases = os.path.join(cls.shelf.root, "releases")
        cls.contents = {name: files_below(os.path.join(releases, name))
                        for name in ("000001", "000002", "000003")}

    @classmethod
    def pull(cls, root, *more):
        """The arguments of a pull."""
        return ("pull", "--from", cls.shelf.root, "--root", root, *cls.trust, "--warm", "1G", *more)

    @classmethod
    def copy_of(cls, template):
        """A root like TEMPLATE in a folder of its own."""
        root = os.path.join(tempfile.mkdtemp(dir=cls.folder), "root")
        shutil.copytree(template, root, symlinks=True)
        return root

    def traced(self, command, root, step=None, fault=None):
        """Runs COMMAND in ROOT, with FAULT at STEP; what ended, and the calls that met the root."""
        log = os.path.join(os.path.dirname(root), "trace")
        asan = os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"
        done = subprocess.run(
            [*tracing(step, fault), "-o", log, support.binary(), *map(str, command(root))],
            capture_output=True, text=True, timeout=60, check=False,
            env={**os.environ, "ASAN_OPTIONS": asan})
        return done, calls_of(log, root)

    def undisturbed(self, command, before):
        """A scene in which nothing happens, and its steps."""
        root = self.copy_of(before)
        done, steps = self.traced(command, root)
        self.assertEqual(0, done.returncode, done.stderr)
        scene = Scene(command, before, outcome(root))
        self.assertNotEqual(outcome(before), scene.outcome)
        shutil.rmtree(os.path.dirname(root))
        return scene, steps

    def assert_whole(self, root):
        """The current release is complete, byte for byte, and the root can be looked at."""
        self.assertEqual(self.contents[current(root)], files_below(os.path.join(root, "current")))
        support.vitrine("verify", "--root", root, *self.trust)
        support.vitrine("releases", "--root", root, *self.trust)

    def assert_ended_well(self, done, scene, root):
        """It was killed, or it ended in order: with its work done, or with a reason."""
        if met_the_sanitizer(done):
            return
        self.assertNotIn("Sanitizer", done.stderr)
        self.assertIn(done.returncode, (0, 1, -signal.SIGKILL), done.stderr)
        if done.returncode == 0:
            self.assertEqual(scene.outcome[:2], outcome(root)[:2])
        if done.returncode == 1:
            self.assertRegex(done.stderr, rf"vitrine {scene.command(root)[0]}: \S+")
            # It either did its work, or nothing.
            self.assertIn(outcome(root)[:2], (outcome(scene.before)[:2], scene.outcome[:2]))

    def after_fault(self, scene, step, fault):
        """Injects FAULT at STEP, then tries again; whether it happened in the root."""
        root = self.copy_of(scene.before)
        done, steps = self.traced(scene.command, root, step, fault)
        self.assert_whole(root)
        self.assert_ended_well(done, scene, root)
        if outcome(root) != scene.outcome:
            support.vitrine(*scene.command(root))
            self.assert_whole(root)
        self.assertEqual(scene.outcome, outcome(root))
        shutil.rmtree(os.path.dirname(root))
        # The last line of who was killed may be missing.
        return not met_the_sanitizer(done) and (
            done.returncode != 0 or any(found[:2] == step[:2] for found in steps))

    def try_all(self, command, before, choose, least_hit=1):
        """Runs COMMAND in copies of the root BEFORE, each time with another one of the faults that
        CHOOSE makes of its steps; most of them must happen."""
        scene, steps = self.undisturbed(command, before)
        faults = choose(steps)

        def inject(job):
            step, fault = job
            try:
                return self.after_fault(scene, step, fault), None
            except AssertionError as error:
                return True, f"{fault} at {step.call} {step.number}, {step.line}{error}"

        with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
            results = list(pool.map(inject, faults))
        failures = [failure for _, failure in results if failure]
        self.assertEqual([], failures, "\n".join(failures))
        hits = sum(hit for hit, _ in results)
        self.assertGreater(hits, 0)
        self.assertGreaterEqual(hits, len(faults) * least_hit)
        print(f"{hits} of {len(faults)} hit", flush=True)
