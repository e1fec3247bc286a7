"""What the commands say and the code they end with, when they are not asked for what they can do."""
import os
import re
import sqlite3
import subprocess
import unittest

import support

LIBRARY = os.path.join(support.ROOT, "assets", "library")
DEFINITION = os.path.join(LIBRARY, "definition.yaml")
COMMANDS = ("run", "generate", "import", "build", "serve", "inspect", "verify", "releases",
            "diff", "activate", "rollback", "pin", "unpin", "repair", "keygen", "pull")


class Commands(support.TestCase):
    """One command line a case."""

    def assert_ends(self, code, text, *arguments):
        """The command ends with CODE, and TEXT is in what it says."""
        done = support.vitrine(*arguments, check=False)
        self.assertEqual(code, done.returncode, done.stderr)
        self.assertIn(text, done.stderr)

    def source(self):
        """The options of a build of the library."""
        return ("--definition", DEFINITION, "--source", "sqlite:" + self.path("library.db"))

    def build(self, *more):
        """Builds the library into a root."""
        return support.vitrine("build", *self.source(), "--root", self.path("root"), *more)

    def make_library(self):
        """Imports the library."""
        support.vitrine("import", *self.source(), "--rejects", self.path("rejects.csv"), LIBRARY)

    def test_every_help_fits_80_columns_and_ends_no_line_in_the_middle_of_a_sentence(self):
        for command in COMMANDS:
            done = support.vitrine(command, "--help")
            lines = done.stdout.split("\nOptions:")[0].splitlines()[1:]
            about = [line for line in lines if line][0]
            self.assertRegex(about, "^[a-z]+s[ ,].*[^.]$")
            for line, following in zip(lines, lines[1:]):
                self.assertLessEqual(len(line), 80, command)
                if line and following:
                    word = following.split()[0]
                    self.assertGreater(len(line) + 1 + len(word), 80, f"{command}: {line}")

    def test_every_usage_names_all_options_or_says_that_there_are_some(self):
        for command in COMMANDS:
            usage, _, rest = support.vitrine(command, "--help").stdout.partition("\n")
            for option in re.findall(r"(?m)^  (--[a-z-]+)", rest):
                if "[options]" not in usage and option != "--help":
                    self.assertIn(option, usage, command)

    def test_wrong_command_lines_end_with_2(self):
        root = ("--root", self.path("root"))
        for text, arguments in (
                ("--source URL is missing", ("build", *root)),
                ("--every: \"x\" is not a duration", ("build", *self.source(), *root, "--every", "x")),
                ("--every: the pause must be longer than 0",
                 ("run", *self.source(), *root, "--every", "0")),
                ("a source is written as", ("build", "--source", "oracle:x", *root)),
                ("\"x\" is not the number of a release", ("verify", *root, "--release", "x")),
                ("an argument is missing", ("activate", *root))):
            self.assert_ends(2, text, *arguments)

    def test_what_could_not_be_printed_is_an_error(self):
        self.make_library()
        self.build()
        root = ("--root", self.path("root"))
        for arguments in (("--version",), ("pull", "--help"), ("releases", *root),
                          ("diff", *root, "--json", "1")):
            with open("/dev/full", "w", encoding="utf-8") as full:
                done = subprocess.run([support.binary(), *arguments], stdout=full, check=False,
                                      stderr=subprocess.PIPE, text=True, timeout=60)
            self.assertEqual(1, done.returncode, arguments)
            self.assertEqual("vitrine: write standard output: No space left on device\n", done.stderr)

    def test_what_reads_all_of_a_root_gives_way_to_the_service_beside_it(self):
        self.make_library()
        self.build()
        verify = self.start("verify", "--root", self.path("root"), "--rate", "4K")
        support.wait_until(lambda: os.getpriority(os.PRIO_PROCESS, verify.process.pid) >= 10,
                           what="a lower priority")

    def test_an_empty_root_is_told_how_to_get_a_release(self):
        root = self.path("nothing")
        for command in ("serve", "verify", "inspect"):
            self.assert_ends(1, f"{root}: no release is active here; `vitrine build --root {root}` "
                             "makes one", command, "--root", root)
        self.assert_ends(1, f"{root}: no releases here; `vitrine build --root {root}` makes one",
                         "releases", "--root", root)

    def test_a_root_whose_current_is_a_folder_is_told_to_move_it(self):
        os.makedirs(self.path("root/current"))
        self.assert_ends(1, "current is no symbolic link; move it away", "verify", "--root",
                         self.path("root"))

    def test_a_release_without_one_of_its_files_is_corrupt(self):
        self.make_library()
        self.build()
        os.remove(self.path("root/current/books/0001.db"))
        self.assert_ends(1, "books/0001.db: the file is missing", "verify", "--root",
                         self.path("root"))

    def test_a_damaged_current_release_is_built_anew(self):
        self.make_library()
        self.build()
        os.remove(self.path("root/current/books/0001.db"))
        self.assertIn("release 000002 in", self.build().stdout)
        self.assertEqual("releases/000002", os.readlink(self.path("root/current")))

    def test_a_changed_definition_is_built_anew_from_the_same_source(self):
        self.make_library()
        self.build()
        self.assertIn("release 000001 is up to date", self.build().stdout)
        changed = self.path("changed.yaml")
        with open(DEFINITION, encoding="utf-8") as old, open(changed, "w", encoding="utf-8") as new:
            new.write(old.read() + "\n# changed\n")
        done = support.vitrine("build", "--definition", changed, *self.source()[2:], "--root",
                               self.path("root"))
        self.assertIn("release 000002 in", done.stdout)

    def test_a_second_import_replaces_the_first(self):
        self.make_library()
        with sqlite3.connect(self.path("library.db")) as db:
            before = db.execute("SELECT count(*) FROM loans").fetchone()
            db.execute("DELETE FROM loans")
        db.close()
        self.make_library()
        with sqlite3.connect(self.path("library.db")) as db:
            self.assertEqual(before, db.execute("SELECT count(*) FROM loans").fetchone())
        db.close()

    def test_a_source_without_a_table_is_told_of_import(self):
        self.make_library()
        with sqlite3.connect(self.path("library.db")) as db:
            db.execute("DROP TABLE loans")
        db.close()
        self.assert_ends(1, "the source has no table loans; `vitrine import` loads it", "build",
                         *self.source(), "--root", self.path("root"))

    def test_a_forgotten_definition_is_told(self):
        self.make_library()
        forgotten = "with the definition of the example, as --definition is missing: "
        source = self.source()[2:]
        self.assert_ends(1, forgotten + "the source has no table products", "build", *source,
                         "--root", self.path("root"))
        self.assert_ends(1, f"{forgotten}{LIBRARY}/product.csv: there is no such file", "import",
                         *source, "--rejects", self.path("rejects.csv"), LIBRARY)

    def test_an_order_with_the_longest_name_is_shown_whole(self):
        name = "o" * 63
        with open(self.path("d.yaml"), "w", encoding="utf-8") as file:
            file.write("name: t\ncollections:\n  " + "c" * 63 + ":\n    key: k\n"
                       "    rows: SELECT k, id FROM t\n    fields: {'i\"d': {from: id, type: integer}}\n"
                       f"    orders: {{a: ['i\"d'], {name}: ['-i\"d']}}\n"
                       "routes: [{get: /c, from: " + "c" * 63 + ", key: {query: k}}]\n")
        with sqlite3.connect(self.path("s.db")) as db:
            db.executescript("CREATE TABLE t(k, id); INSERT INTO t VALUES (1, 2), (1, 3)")
        db.close()
        support.vitrine("build", "--definition", self.path("d.yaml"), "--source",
                        "sqlite:" + self.path("s.db"), "--root", self.path("root"))
        shown = support.vitrine("inspect", "--root", self.path("root"), "c" * 63)
        self.assertIn("order " + name + " ", shown.stdout)
        rows = support.vitrine("inspect", "--root", self.path("root"), "c" * 63, "1")
        self.assertIn('{"i\\"d":2}', rows.stdout)


if __name__ == "__main__":
    unittest.main()
