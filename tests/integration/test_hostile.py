"""Damaged releases, through the commands: verify and activate refuse them and name the file, inspect
ends with a message, and what is served stays as it was."""
import os
import shutil

import support

LIBRARY = os.path.join(support.ROOT, "assets", "library")


class Hostile(support.TestCase):
    """A root with two releases; the first one is damaged."""

    def setUp(self):
        super().setUp()
        self.root = self.path("root")
        source = "sqlite:" + self.path("library.db")
        definition = os.path.join(LIBRARY, "definition.yaml")
        support.vitrine("import", "--definition", definition, "--source", source, "--rejects",
                        self.path("rejects.csv"), LIBRARY)
        for _ in range(2):
            support.vitrine("build", "--definition", definition, "--source", source, "--root",
                            self.root, "--force")
        self.release = os.path.join(self.root, "releases", "000001")

    def damage(self, name, at, byte=b"\xff"):
        """Overwrites one byte of a file of the first release."""
        with open(os.path.join(self.release, name), "r+b") as file:
            file.seek(at)
            file.write(byte)

    def assert_refused(self, *expected):
        """verify and activate say what is wrong, and `current` stays."""
        for arguments in (("verify", "--root", self.root, "--release", 1),
                          ("activate", "--root", self.root, 1)):
            done = support.vitrine(*arguments, check=False)
            self.assertEqual(1, done.returncode, done.stdout + done.stderr)
            for part in expected:
                self.assertIn(part, done.stderr)
        self.assertEqual("releases/000002", os.readlink(os.path.join(self.root, "current")))

    def test_a_changed_byte_is_refused_with_its_page(self):
        self.damage("loans/0001.db", 2 * 4096 + 77)
        self.assert_refused("loans/0001.db: page 3: hash differs")

    def test_a_missing_file_is_refused(self):
        os.remove(os.path.join(self.release, "books", "newest.listing.db"))
        self.assert_refused("books/newest.listing.db")

    def test_a_cut_file_is_refused_with_its_size(self):
        os.truncate(os.path.join(self.release, "books", "0001.db"), 4096)
        self.assert_refused("books/0001.db: 4096 bytes, the manifest says ")

    def test_an_edited_manifest_is_refused(self):
        path = os.path.join(self.release, "manifest.json")
        with open(path, encoding="utf-8") as file:
            text = file.read()
        with open(path, "w", encoding="utf-8") as file:
            file.write(text.replace('"release": 1', '"release": 7'))
        self.assert_refused("manifest.json: the checksum of the manifest differs")

    def test_files_of_another_collection_are_refused(self):
        shutil.copy(os.path.join(self.release, "books", "by_isbn.listing.db"),
                    os.path.join(self.release, "books", "by_title.listing.db"))
        self.assert_refused("books/by_title.listing.db")

    def test_inspect_of_damaged_pages_ends_with_rows_or_a_message(self):
        path = os.path.join(self.release, "loans", "0001.db")
        with open(path, "rb") as file:
            whole = file.read()
        refused = 0
        for page in range(len(whole) // 4096):
            with open(path, "wb") as file:
                file.write(whole[:page * 4096] + b"\x7f" * 4096 + whole[page * 4096 + 4096:])
            done = support.vitrine("inspect", "--root", self.root, "--release", 1, "loans",
                                   "Central", check=False)
            self.assertIn(done.returncode, (0, 1), done.stderr)
            if done.returncode == 1:
                self.assertRegex(done.stderr, r"vitrine inspect: .*loans")
                refused += 1
        self.assertGreater(refused, 2)


if __name__ == "__main__":
    support.main()
