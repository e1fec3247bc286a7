"""`vitrine build --metrics FILE`: what node_exporter is told of how builds end."""

import os
import re
import shutil
import sqlite3
import stat
import subprocess
import sys
import time
import unittest
from datetime import datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import shelf
import support

OUTCOMES = ("built", "unchanged", "refused", "failed")


class TestBuildMetrics(support.TestCase):
    """One source and root a test, and a folder of text files."""

    def setUp(self):
        super().setUp()
        self.shelf = shelf.Shelf(self.folder, large_loans=100)
        self.file = self.path("metrics", "vitrine.prom")
        os.mkdir(os.path.dirname(self.file))

    def build(self, *arguments, source=None):
        """One build that tells; its exit code."""
        return support.vitrine("build", "--definition", self.shelf.definition, "--source",
                               source or "sqlite:" + self.shelf.source, "--root", self.shelf.root,
                               "--metrics", self.file, *arguments, check=False)

    def text(self):
        """What the file says, or nothing."""
        path = Path(self.file)
        return path.read_text(encoding="utf-8") if path.exists() else ""

    def told(self, name):
        """The value of a sample, or None."""
        found = re.search(rf"^vitrine_builder_{re.escape(name)} (\S+)$", self.text(), re.MULTILINE)
        return float(found[1]) if found else None

    def assert_outcome(self, expected):
        """Exactly one outcome is told, now."""
        told = {name: self.told(f'outcome{{outcome="{name}"}}') for name in OUTCOMES}
        self.assertEqual(told, {name: float(name == expected) for name in OUTCOMES})
        self.assertAlmostEqual(self.told("finished_timestamp_seconds"), time.time(), delta=60)

    def shrink(self):
        """Takes away so much that a check refuses the next release."""
        with sqlite3.connect(self.shelf.source) as db:
            db.execute("DELETE FROM branches WHERE id > 100")
        db.close()

    def test_a_release_is_told_with_its_number_rows_and_bytes(self):
        self.assertEqual(self.build().returncode, 0)
        self.assert_outcome("built")
        self.assertEqual(self.told("release_number"), 1)
        self.assertEqual(self.told("failed_checks"), 0)
        self.assertGreater(self.told("rows"), 1000)
        self.assertGreater(self.told("bytes"), 4096)
        self.assertGreater(self.told("duration_seconds"), 0)

    def test_a_build_with_nothing_to_do_names_the_release_that_is_current(self):
        self.build()
        self.assertEqual(self.build().returncode, 0)
        self.assert_outcome("unchanged")
        self.assertEqual(self.told("release_number"), 1)
        self.assertIsNone(self.told("rows"))

    def test_a_build_that_a_check_refuses_counts_the_checks(self):
        self.build()
        self.shrink()
        self.assertEqual(self.build().returncode, 3)
        self.assert_outcome("refused")
        self.assertEqual(self.told("failed_checks"), 1)
        self.assertIsNone(self.told("release_number"))

    def test_a_source_that_is_away_is_a_failure(self):
        self.assertEqual(self.build(source="sqlite:" + self.path("none.db")).returncode, 1)
        self.assert_outcome("failed")

    def test_a_key_that_cannot_be_read_is_a_failure_too(self):
        self.assertEqual(self.build("--sign", self.path("none.key")).returncode, 1)
        self.assert_outcome("failed")

    def test_the_file_is_replaced_as_a_whole_and_readable_by_all(self):
        self.build()
        first = os.stat(self.file)
        self.build()
        self.assertNotEqual(os.stat(self.file).st_ino, first.st_ino)
        self.assertEqual(stat.S_IMODE(first.st_mode), 0o644)
        self.assertEqual(os.listdir(os.path.dirname(self.file)), ["vitrine.prom"])

    def test_a_file_that_cannot_be_written_is_a_warning_and_the_release_is_there(self):
        self.file = self.path("nowhere", "vitrine.prom")
        done = self.build()
        self.assertEqual(done.returncode, 0)
        self.assertRegex(done.stderr, r'metrics_not_written path="\S+" reason="create a temporary')
        self.assertEqual(os.readlink(os.path.join(self.shelf.root, "current")), "releases/000001")

    def test_who_follows_the_source_tells_of_each_build_and_that_it_still_looks(self):
        builder = self.start("build", "--definition", self.shelf.definition, "--source",
                             "sqlite:" + self.shelf.source, "--root", self.shelf.root, "--metrics",
                             self.file, "--every", "100ms")
        support.wait_until(lambda: self.told("release_number") == 1, what="release 1")
        first = self.told("finished_timestamp_seconds")
        support.wait_until(lambda: self.told('outcome{outcome="unchanged"}') == 1, what="a look")
        self.assertGreaterEqual(self.told("finished_timestamp_seconds") - first, 9.9)
        self.shelf.set_version(1)
        support.wait_until(lambda: self.told("release_number") == 2, what="release 2")
        self.assert_told_at_once(builder, "built", "release_built")
        self.shrink()
        support.wait_until(lambda: self.told('outcome{outcome="refused"}') == 1, what="a refusal")
        self.assert_told_at_once(builder, "refused", "build_failed")

    def assert_told_at_once(self, builder, outcome, event):
        """What is told is the build that the last line EVENT of the log is of, and no later one; a
        clock that is set meanwhile has a second."""
        self.assert_outcome(outcome)
        logged = re.findall(rf"^(\S+)Z \w+ {event} ", builder.stderr, re.MULTILINE)[-1]
        logged = datetime.fromisoformat(logged + "+00:00").timestamp()
        ended = self.told("finished_timestamp_seconds")
        self.assertLessEqual(ended - self.told("duration_seconds") - 1, logged)
        self.assertLessEqual(logged, ended + 1)
        self.assertLess(os.stat(self.file).st_mtime - ended, 30)

    @unittest.skipUnless(shutil.which("promtool"), "no promtool: apt install prometheus")
    def test_the_text_is_what_prometheus_takes(self):
        self.build()
        done = subprocess.run(["promtool", "check", "metrics"], input=self.text(),
                              capture_output=True, text=True, check=False)
        self.assertEqual((done.returncode, done.stdout + done.stderr), (0, ""))


if __name__ == "__main__":
    support.main()
