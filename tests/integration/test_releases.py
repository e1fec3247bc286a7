"""What an operator does with the releases of a root: releases, diff, activate, rollback, pin, unpin,
and what a build makes of it."""
import json
import os
import shutil
import signal
import sqlite3
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import shelf
import support


class Releases(support.TestCase):
    """A root with three releases, each with rows of a version of its own."""

    def setUp(self):
        super().setUp()
        self.shelf = shelf.Shelf(self.folder, large_loans=600)
        self.root = self.shelf.root
        for version in range(3):
            self.shelf.set_version(version)
            self.shelf.build()

    def run_on_root(self, command, *arguments, **options):
        """A command with --root."""
        return support.vitrine(command, "--root", self.root, *arguments, **options)

    def refused(self, code, command, *arguments):
        """What a command that must fail says; `current` stays."""
        before = self.current()
        done = self.run_on_root(command, *arguments, check=False)
        self.assertEqual(code, done.returncode, done.stdout + done.stderr)
        self.assertEqual(before, self.current())
        return done.stderr

    def current(self):
        """The number of the current release."""
        return int(os.path.basename(os.readlink(os.path.join(self.root, "current"))))

    def release(self, number):
        """One line of the list, as JSON."""
        lines = json.loads(self.run_on_root("releases", "--json").stdout)
        return next(line for line in lines if line["release"] == number)

    def numbers(self):
        """The releases that are there."""
        return [line["release"] for line in
                json.loads(self.run_on_root("releases", "--json").stdout)]

    def damage(self, number):
        """Changes one byte of a partition; gives back what puts it right again."""
        path = os.path.join(self.root, "releases", f"{number:06}", "loans", "0001.db")
        with open(path, "r+b") as file:
            file.seek(5000)
            byte = file.read(1)
            file.seek(5000)
            file.write(bytes([byte[0] ^ 1]))

        def mend():
            with open(path, "r+b") as again:
                again.seek(5000)
                again.write(byte)

        return mend

    # ---- rollback ----

    def test_a_rollback_leads_to_the_release_before_and_says_why_the_other_was_left(self):
        out = self.run_on_root("rollback", "--reason", "prices are zero").stdout
        self.assertEqual("release 000002 is active\n"
                         "release 000003 is rolled back and not activated again by itself\n", out)
        self.assertEqual(2, self.current())
        line = self.release(3)
        self.assertEqual(("rolled back", "prices are zero"), (line["mark"], line["reason"]))
        self.assertRegex(self.run_on_root("releases").stdout,
                         r"(?m)^000003 .*  rolled back: prices are zero$")

    def test_a_build_of_the_same_source_changes_nothing_after_a_rollback(self):
        self.run_on_root("rollback")
        self.assertIn("release 000003 is up to date", self.shelf.build().stdout)
        self.assertEqual(2, self.current())

    def test_a_forced_build_of_the_same_data_is_made_but_not_activated(self):
        self.run_on_root("rollback", "--reason", "oops")
        done = support.vitrine("build", "--definition", self.shelf.definition, "--source",
                               "sqlite:" + self.shelf.source, "--root", self.root, "--force")
        self.assertIn('release_not_activated release=000004 reason="it holds the same as release '
                      '000003, which was rolled back: oops"', done.stderr)
        self.assertEqual(2, self.current())

    def test_a_newer_build_is_activated_after_a_rollback(self):
        self.run_on_root("rollback")
        self.shelf.set_version(7)
        self.shelf.build()
        self.assertEqual(4, self.current())

    def test_a_second_rollback_goes_further_back_and_the_third_has_nowhere_to_go(self):
        self.run_on_root("rollback")
        self.run_on_root("rollback")
        self.assertEqual(1, self.current())
        self.assertIn("no release before 000001 can be activated", self.refused(1, "rollback"))

    def test_a_rollback_passes_over_refused_and_damaged_releases(self):
        self.damage(2)
        done = self.run_on_root("rollback")
        self.assertEqual(1, self.current())
        self.assertRegex(done.stderr, r"warn release_refused release=000002 .*page 2: hash differs")
        self.assertEqual("refused", self.release(2)["mark"])

    def test_a_rollback_goes_to_the_release_that_is_named(self):
        self.run_on_root("rollback", "--to", 1)
        self.assertEqual(1, self.current())
        self.assertIn("release 000002 is not before the current one",
                      self.refused(2, "rollback", "--to", 2))
        self.assertIn("has no release 000009", self.refused(1, "rollback", "--to", 9))

    def test_an_operator_may_activate_what_was_rolled_back(self):
        self.run_on_root("rollback")
        self.run_on_root("activate", 3)
        self.assertEqual(3, self.current())
        self.assertNotIn("mark", self.release(3))

    def test_a_build_is_numbered_above_all_that_was_ever_active(self):
        shutil.rmtree(os.path.join(self.root, "releases"))
        os.remove(os.path.join(self.root, "current"))
        self.shelf.build()
        self.assertEqual(4, self.current())

    # ---- pin ----

    def test_a_pin_holds_the_root_while_builds_go_on(self):
        self.assertEqual("release 000003 is active and pinned\n", self.run_on_root("pin").stdout)
        for version in range(10, 15):
            self.shelf.set_version(version)
            self.assertIn("release_not_activated release=00000", self.shelf.build().stderr)
            self.assertIn("is up to date", self.shelf.build().stdout)
        self.assertEqual(3, self.current())
        self.assertEqual([3, 6, 7, 8], self.numbers())
        line = self.release(3)
        self.assertTrue(line["current"] and line["pinned"])

    def test_after_unpin_the_next_build_is_activated(self):
        self.run_on_root("pin", 2)
        self.assertEqual(2, self.current())
        out = self.run_on_root("unpin").stdout
        self.assertEqual("release 000002 is pinned no longer\nrelease 000003 is newer; "
                         f"`vitrine activate --root {self.root} 3` serves it\n", out)
        self.assertEqual("the root was not pinned\n", self.run_on_root("unpin").stdout)
        self.shelf.build()
        self.assertEqual(4, self.current())

    def test_a_pinned_root_refuses_to_go_elsewhere_and_says_how(self):
        self.run_on_root("pin", 2)
        for arguments in (("activate", 3), ("rollback",)):
            self.assertIn("the root is pinned to release 000002; `vitrine unpin --root "
                          f"{self.root}` ends that", self.refused(3, *arguments))
        self.run_on_root("pin", 1)
        self.assertEqual(1, self.current())

    def test_a_damaged_release_is_not_pinned(self):
        self.damage(1)
        self.assertIn("page 2: hash differs", self.refused(1, "pin", 1))
        self.assertFalse(self.release(1)["pinned"])

    # ---- activate ----

    def test_a_damaged_release_is_remembered_as_refused_until_it_is_mended(self):
        mend = self.damage(1)
        self.refused(1, "activate", 1)
        line = self.release(1)
        self.assertEqual("refused", line["mark"])
        self.assertIn("loans/0001.db: page 2: hash differs", line["reason"])
        mend()
        self.run_on_root("activate", 1)
        self.assertEqual(1, self.current())
        self.assertNotIn("mark", self.release(1))

    def test_activation_brings_the_files_into_memory_when_that_is_wanted(self):
        self.assertRegex(self.run_on_root("activate", "--warm", "1G", 1).stderr,
                         r"info release_warmed release=000001 bytes=[1-9]\d* read=\d+ ms=\d+")
        self.assertEqual("", self.run_on_root("activate", "--warm", "0", 2).stderr)
        self.assertIn('--warm: "fast" is not a size; write 4096, 64K, 500M or 2G',
                      self.refused(2, "activate", "--warm", "fast", 1))

    def test_a_release_with_a_missing_file_is_listed_as_damaged(self):
        os.remove(os.path.join(self.root, "releases", "000001", "loans", "0001.db"))
        self.assertRegex(self.run_on_root("releases").stdout,
                         r"(?m)^000001 .*  damaged: .*loans/0001.db: the file is missing$")

    # ---- retention ----

    def test_a_release_that_is_served_is_not_removed(self):
        self.run_on_root("activate", 1)
        process = self.start("serve", "--root", self.root, "--threads", 1, "--listen",
                             "127.0.0.1:0", "--no-verify")
        shelf.listening(process)
        process.freeze()  # it does not learn of the builds that follow
        for version in range(20, 24):
            self.shelf.set_version(version)
            self.shelf.build()
        self.assertEqual([1, 5, 6, 7], self.numbers())
        process.send(signal.SIGCONT)
        self.assertEqual(0, process.stop())
        self.shelf.set_version(30)
        self.shelf.build()
        self.assertEqual([6, 7, 8], self.numbers())

    # ---- diff ----

    def test_diff_names_the_keys_that_were_added_removed_and_changed(self):
        with sqlite3.connect(self.shelf.source) as db:
            db.execute("DELETE FROM branches WHERE id = 5")
            db.execute("INSERT INTO branches VALUES(1000, 'new', 2)")
            db.execute("UPDATE branches SET name = 'other' WHERE id IN (8, 9)")
        db.close()
        self.shelf.build()
        text = self.run_on_root("diff", "--keys", 3, 3).stdout
        self.assertRegex(text, r"(?m)^branches +300 +300 +300 +300 +1 +1 +2$")
        self.assertRegex(text, r"(?m)^loans +\S+ +\S+ +\S+ +\S+ +0 +0 +0$")
        self.assertEqual(["branches - 5", "branches ~ 8", "branches ~ 9"], text.splitlines()[3:])
        found = json.loads(self.run_on_root("diff", "--keys", 9, "--json", 4, 3).stdout)
        self.assertEqual((4, 3), (found["before"], found["after"]))
        self.assertEqual([{"change": "added", "key": 5}, {"change": "changed", "key": 8},
                          {"change": "changed", "key": 9}, {"change": "removed", "key": 1000}],
                         found["collections"][0]["first"])

    def test_equal_releases_do_not_differ(self):
        found = json.loads(self.run_on_root("diff", "--json", 2, 2).stdout)
        for collection in found["collections"]:
            self.assertEqual([0, 0, 0, []], [collection[name] for name in
                                             ("added", "removed", "changed", "first")])

    def test_diff_names_a_release_that_is_not_there(self):
        self.assertIn("has no release 000009", self.refused(1, "diff", 1, 9))


if __name__ == "__main__":
    support.main()
