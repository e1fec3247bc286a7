"""`vitrine repair` from an rsync daemon, killed before each call that changes the root, and with each of
its file operations failed in turn: the release is the old one, with the damage or without, and the next
repair mends it and leaves nothing lying about."""
import contextlib
import os
import shutil
import tempfile
import unittest

import shelf
import support
import test_pull_faults
from releases import names_below
from scrubbing import LOANS, PAGE, RELEASE, daemon_for, flip


class TestFaults(unittest.TestCase):
    """A root with an rsync daemon, and copies of it with a damaged page."""

    def setUp(self):
        why = test_pull_faults.why_not()
        if why:
            self.skipTest(why)
        self.folder = tempfile.mkdtemp(prefix="vitrine-repair-")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.shelf = shelf.Shelf(self.folder, large_loans=40)
        self.shelf.build()
        self.daemon = daemon_for(self, self.shelf.root)
        self.names = names_below(self.shelf.root)
        self.good = test_pull_faults.files_of(os.path.join(self.shelf.root, RELEASE))

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

    def steps(self):
        """The calls of a repair that nothing happens to."""
        calls = test_pull_faults.CHANGES | test_pull_faults.OTHERS
        with self.damaged() as root:
            log = os.path.join(self.folder, "trace")
            done = test_pull_faults.traced(log, ["trace=" + ",".join(sorted(calls))],
                                           self.repair(root))
            self.assertEqual(done.returncode, 0, done.stderr)
            return test_pull_faults.calls_of(log, root)

    def assert_good_or_damaged(self, root):
        """The release is the old one, with or without the damage."""
        files = test_pull_faults.files_of(os.path.join(root, RELEASE))
        self.assertEqual(files.keys(), self.good.keys())
        for name in self.good.keys() - {LOANS}:
            self.assertEqual(files[name], self.good[name])
        damaged = bytearray(self.good[LOANS])
        damaged[PAGE] ^= 0x10
        self.assertIn(files[LOANS], (self.good[LOANS], bytes(damaged)))

    def try_all(self, faults):
        """Injects (step, fault) one after the other, each into a root of its own."""
        hits = 0
        log = os.path.join(self.folder, "trace")
        for step, fault in faults:
            with self.subTest(step=step.line, fault=fault), self.damaged() as root:
                done = test_pull_faults.traced(
                    log, ["trace=" + step.call, f"inject={step.call}:{fault}:when={step.number}"],
                    self.repair(root))
                hits += any(call.number == step.number
                            for call in test_pull_faults.calls_of(log, root))
                self.assertNotIn("Sanitizer", done.stderr)
                self.assert_good_or_damaged(root)
                support.vitrine(*self.repair(root))
                self.assertEqual(test_pull_faults.files_of(os.path.join(root, RELEASE)), self.good)
                self.assertEqual(names_below(root), self.names)
                support.vitrine("verify", "--root", root)
        print(f"{hits} of {len(faults)} hit", flush=True)
        self.assertGreater(hits, 0)
        self.assertGreaterEqual(hits, len(faults) * test_pull_faults.LEAST_HIT)

    def test_a_kill_before_each_change_leaves_the_old_file_or_the_good_one(self):
        self.try_all(test_pull_faults.kills(self.steps()))

    def test_each_file_operation_that_fails_leaves_the_old_file_or_the_good_one(self):
        self.try_all(test_pull_faults.failures_of(self.steps()))


if __name__ == "__main__":
    support.main()
