"""`vitrine repair` from an rsync daemon, killed before each call that changes the root, and with each of
its file operations failed in turn: the release is the old one, with the damage or without, and the next
repair mends it and leaves nothing lying about.

ctest: side by side
"""
import contextlib
import os
import shutil
import subprocess
import tempfile
import unittest

import faults
import shelf
import support
from releases import files_below, names_below
from scrubbing import LOANS, PAGE, RELEASE, daemon_for, flip

LEAST_HIT = 0.8  # what rsync prints comes in pieces, so that the count of a call is not quite fixed


class TestFaults(unittest.TestCase):
    """A root with an rsync daemon, and copies of it with a damaged page."""

    def setUp(self):
        why = faults.why_not()
        if why:
            self.skipTest(why)
        self.folder = tempfile.mkdtemp(prefix="vitrine-repair-")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.shelf = shelf.Shelf(self.folder, large_loans=40)
        self.shelf.build()
        self.daemon = daemon_for(self, self.shelf.root)
        self.names = names_below(self.shelf.root)
        self.good = files_below(os.path.join(self.shelf.root, RELEASE))

    @contextlib.contextmanager
    def damaged(self):
        """A copy of the root, with a damaged page."""
        folder = tempfile.mkdtemp(dir=self.folder)
        root = os.path.join(folder, "traced")
        shutil.copytree(self.shelf.root, root, symlinks=True)
        flip(os.path.join(root, RELEASE, LOANS), PAGE)
        yield root
        shutil.rmtree(folder)

    def repair(self, root):
        """The arguments of a repair."""
        return "repair", "--root", root, "--from", self.daemon.url

    def traced(self, root, step=None, fault=None):
        """A repair with FAULT at STEP; what ended, and the calls that met the root."""
        log = os.path.join(self.folder, "trace")
        asan = os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"
        done = subprocess.run(
            [*faults.tracing(step, fault), "-o", log, support.binary(), *self.repair(root)],
            capture_output=True, text=True, timeout=60, check=False,
            env={**os.environ, "ASAN_OPTIONS": asan})
        return done, faults.calls_of(log, root)

    def steps(self):
        """The calls of a repair that nothing happens to."""
        with self.damaged() as root:
            done, steps = self.traced(root)
            self.assertEqual(done.returncode, 0, done.stderr)
            return steps

    def assert_good_or_damaged(self, root):
        """The release is the old one, with or without the damage."""
        files = files_below(os.path.join(root, RELEASE))
        self.assertEqual(files.keys(), self.good.keys())
        for name in self.good.keys() - {LOANS}:
            self.assertEqual(files[name], self.good[name])
        damaged = bytearray(self.good[LOANS])
        damaged[PAGE] ^= 0x10
        self.assertIn(files[LOANS], (self.good[LOANS], bytes(damaged)))

    def try_all(self, chosen):
        """Injects (step, fault) one after the other, each into a root of its own."""
        hits = 0
        for step, fault in chosen:
            with self.subTest(step=step.line, fault=fault), self.damaged() as root:
                done, steps = self.traced(root, step, fault)
                if not faults.met_the_sanitizer(done):
                    hits += any(found.number == step.number for found in steps)
                    self.assertNotIn("Sanitizer", done.stderr)
                self.assert_good_or_damaged(root)
                support.vitrine(*self.repair(root))
                self.assertEqual(files_below(os.path.join(root, RELEASE)), self.good)
                self.assertEqual(names_below(root), self.names)
                support.vitrine("verify", "--root", root)
        print(f"{hits} of {len(chosen)} hit", flush=True)
        self.assertGreater(hits, 0)
        self.assertGreaterEqual(hits, len(chosen) * LEAST_HIT)

    def test_a_kill_before_each_change_leaves_the_old_file_or_the_good_one(self):
        self.try_all(faults.kills(self.steps()))

    def test_each_file_operation_that_fails_leaves_the_old_file_or_the_good_one(self):
        self.try_all(faults.errors(self.steps()))


if __name__ == "__main__":
    support.main()
