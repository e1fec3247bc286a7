"""Releases that are signed, and roots that trust a few keys only: what each command makes of it."""
import json
import os
import re
import shutil
import stat
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import shelf
import support


class Signatures(support.TestCase):
    """A shelf, three key pairs a, b and c, and a root."""

    def setUp(self):
        super().setUp()
        self.shelf = shelf.Shelf(self.folder, large_loans=300)
        self.root = self.shelf.root
        self.ids = {name: self.keygen(name) for name in "abc"}

    def keygen(self, name):
        """Makes NAME.key and NAME.pub; the id of the key."""
        done = support.vitrine("keygen", "--out", self.path(name))
        return re.match(r"key ([0-9a-f]{16})\n", done.stdout)[1]

    def key(self, name):
        """The secret of a key pair."""
        return self.path(name + ".key")

    def public(self, name):
        """The public half."""
        return self.path(name + ".pub")

    def build(self, *more, check=True):
        """Builds and activates a release."""
        return support.vitrine("build", "--definition", self.shelf.definition, "--source",
                               "sqlite:" + self.shelf.source, "--root", self.root, *more,
                               check=check)

    def trust(self, *names):
        """Writes ROOT/trusted.pub."""
        with open(os.path.join(self.root, "trusted.pub"), "w", encoding="utf-8") as file:
            for name in names:
                file.write(f"# {name}\n{Path(self.public(name)).read_text(encoding='utf-8')}\n")

    def current(self):
        """The number of the active release."""
        return int(os.path.basename(os.readlink(os.path.join(self.root, "current"))))

    def assert_ends(self, code, text, *arguments):
        """The command ends with CODE, and TEXT is in what it says."""
        done = support.vitrine(*arguments, check=False)
        self.assertEqual(code, done.returncode, done.stderr)
        self.assertIn(text, done.stderr)

    # ---- keys ----

    def test_a_secret_key_is_its_owners_and_is_never_overwritten(self):
        self.assertEqual(0o600, stat.S_IMODE(os.stat(self.key("a")).st_mode))
        before = Path(self.key("a")).read_bytes()
        for name in (self.path("a"), self.path("only")):
            shutil.copy(self.public("a"), self.path("only.pub"))
            self.assert_ends(3, "is there already; choose another name", "keygen", "--out", name)
        self.assertFalse(os.path.exists(self.path("only.key")))
        self.assertEqual(before, Path(self.key("a")).read_bytes())

    def test_a_key_that_others_can_read_signs_nothing(self):
        os.chmod(self.key("a"), 0o640)
        done = self.build("--sign", self.key("a"), check=False)
        self.assertEqual(3, done.returncode)
        self.assertIn("others than its owner may use this secret key; chmod 600", done.stderr)
        self.assertFalse(os.path.exists(self.root))

    # ---- building ----

    def test_the_signature_is_over_the_bytes_of_the_manifest_and_nothing_else_changes(self):
        self.build()
        self.build("--sign", self.key("a"))
        self.assertEqual(2, self.current())
        first, second = (os.path.join(self.root, "releases", name) for name in ("000001", "000002"))
        self.assertFalse(os.path.exists(os.path.join(first, "manifest.sig")))
        self.assertRegex(Path(second, "manifest.sig").read_text(encoding="utf-8"),
                         f"^ed25519-signature [A-Za-z0-9+/]{{86}}== {self.ids['a']}\n$")
        content = [re.search('"content": "(.*)"', Path(r, "manifest.json").read_text(
            encoding="utf-8"))[1] for r in (first, second)]
        self.assertEqual(content[0], content[1])
        self.assertIn(f'"parent": 1,\n  "parent_content": "{content[0]}"',
                      Path(second, "manifest.json").read_text(encoding="utf-8"))

    def test_an_unchanged_source_is_built_again_to_be_signed_by_the_key_of_today(self):
        for number, name in ((1, "a"), (1, "a"), (2, "b"), (2, "b")):
            self.build("--sign", self.key(name))
            self.assertEqual(number, self.current())

    def test_a_build_that_its_root_does_not_trust_does_not_begin(self):
        self.build("--sign", self.key("a"))
        self.trust("a")
        for more, text in (((), f"trusts only releases that are signed by {self.ids['a']}; build "
                            "with --sign NAME.key"),
                           (("--sign", self.key("b")), f"trusts only releases that are signed by "
                            f"{self.ids['a']}, not by {self.ids['b']}")):
            done = self.build("--force", *more, check=False)
            self.assertEqual(3, done.returncode)
            self.assertIn(text, done.stderr)
        self.assertEqual(1, self.current())
        self.build("--force", "--sign", self.key("a"))
        self.assertEqual(2, self.current())

    # ---- trusting ----

    def test_with_trust_only_what_a_trusted_key_signed_is_activated_verified_and_served(self):
        self.build()
        self.build("--sign", self.key("a"))
        root = ("--root", self.root)
        trust = ("--trust", self.public("b"), "--trust", self.public("c"))
        foreign = (f"000002/manifest.sig: signed by {self.ids['a']}, which is not trusted; trusted "
                   f"is only what is signed by {self.ids['b']}, {self.ids['c']}")
        self.assert_ends(3, foreign, "activate", *root, *trust, "2")
        self.assert_ends(3, foreign, "verify", *root, *trust)
        self.assert_ends(3, foreign, "serve", *root, *trust, "--listen", "127.0.0.1:0")
        self.assert_ends(3, "000001: the release is not signed (no manifest.sig)", "activate",
                         *root, "--trust", self.public("a"), "1")
        self.assertEqual(2, self.current())
        support.vitrine("activate", *root, *trust, "--trust", self.public("a"), "2")
        done = support.vitrine("verify", *root, "--trust", self.public("a"))
        self.assertIn(f"files verified; signed by {self.ids['a']}\n", done.stdout)

    def test_whatever_makes_a_release_current_heeds_trust(self):
        self.build("--sign", self.key("a"))
        self.build("--force")
        self.build("--force", "--sign", self.key("b"))
        self.trust("b")
        root = ("--root", self.root)
        self.assert_ends(3, "000002: the release is not signed", "pin", *root, "2")
        self.assert_ends(3, "000002: the release is not signed", "rollback", *root, "--to", "2")
        self.assert_ends(1, "no release before 000003 can be activated", "rollback", *root)
        self.assertEqual(3, self.current())
        done = support.vitrine("rollback", *root, "--trust", self.public("a"))
        self.assertRegex(done.stderr, r"warn release_refused release=000002 .*is not signed")
        self.assertEqual(1, self.current())

    def test_releases_says_which_are_not_trusted_and_diff_does_not_compare_them(self):
        self.build()
        self.build("--force", "--sign", self.key("a"))
        root = ("--root", self.root)
        trust = ("--trust", self.public("a"))
        self.assertNotIn("not trusted", support.vitrine("releases", *root).stdout)
        lines = support.vitrine("releases", *root, *trust).stdout.splitlines()[1:]
        self.assertEqual([True, False], ["not trusted: " in line for line in sorted(lines)])
        listed = json.loads(support.vitrine("releases", *root, *trust, "--json").stdout)
        self.assertEqual({1: True, 2: False},
                         {line["release"]: "not_trusted" in line for line in listed})
        self.assert_ends(3, "000001: the release is not signed", "diff", *root, *trust, "1")
        self.trust("a")
        self.assert_ends(3, "000001: the release is not signed", "diff", *root, "1")

    def test_run_signs_what_it_builds_and_looks_at_the_key_first(self):
        port = support.free_port()
        run = ("run", "--definition", self.shelf.definition, "--source", "sqlite:" +
               self.shelf.source, "--root", self.root, "--listen", f"127.0.0.1:{port}", "--sign")
        self.assert_ends(1, "none.key", *run, self.path("none.key"))
        self.assertFalse(os.path.exists(self.root))
        os.makedirs(self.root)
        self.trust("a")
        process = self.start_serving(port, *run, self.key("a"))
        self.assertIn(f"; signed by {self.ids['a']}\n",
                      support.vitrine("verify", "--root", self.root).stdout)
        self.assertEqual(0, process.stop())

    def test_without_trust_a_signature_is_shown_but_not_checked(self):
        self.build()
        self.assertIn("; not signed\n", support.vitrine("verify", "--root", self.root).stdout)
        self.build("--sign", self.key("a"))
        self.assertIn(f"; signed by {self.ids['a']}, not checked: no key is trusted here\n",
                      support.vitrine("verify", "--root", self.root).stdout)

    def test_the_keys_of_a_root_are_heeded_without_being_asked_for(self):
        self.build("--sign", self.key("a"))
        self.trust("b")
        for command in (("activate", "1"), ("verify",), ("serve", "--listen", "127.0.0.1:0")):
            self.assert_ends(3, f"signed by {self.ids['a']}, which is not trusted", command[0],
                             "--root", self.root, *command[1:])
        Path(self.root, "trusted.pub").write_text("", encoding="utf-8")
        self.assert_ends(1, "trusted.pub: there is no key in it", "verify", "--root", self.root)

    def test_keys_are_rotated_without_a_restart_and_without_a_gap(self):
        self.build("--sign", self.key("a"))
        self.trust("a")
        port = support.free_port()
        process = self.start_serving(port, "serve", "--root", self.root, "--threads", 1, "--listen",
                                     f"127.0.0.1:{port}")
        released = lambda: int(support.get(port, "/branches/1").headers["vitrine-release"])
        self.trust("a", "b")
        self.build("--sign", self.key("b"))
        support.wait_until(lambda: released() == 2, what="the release signed by the new key")
        self.trust("b")
        os.symlink("releases/000001", os.path.join(self.root, "new"))
        os.rename(os.path.join(self.root, "new"), os.path.join(self.root, "current"))
        support.wait_until(lambda: "release_refused" in process.stderr, what="the refusal")
        self.assertIn(f"signed by {self.ids['a']}, which is not trusted", process.stderr)
        self.assertEqual(2, released())

    # ---- which release ----

    def test_a_release_of_another_definition_is_activated_only_when_it_is_meant(self):
        self.build()
        text = Path(self.shelf.definition).read_text(encoding="utf-8")
        Path(self.shelf.definition).write_text(text.replace("name: shelf", "name: desk", 1),
                                               encoding="utf-8")
        self.build()
        activate = ("activate", "--root", self.root)
        self.assert_ends(3, "000001: the release is of the definition \"shelf\", what is served "
                         "here of \"desk\"; `vitrine activate --allow-foreign` takes it", *activate,
                         "1")
        self.assertEqual(2, self.current())
        support.vitrine(*activate, "--allow-foreign", "1")
        self.assertEqual(1, self.current())

    def test_a_person_may_go_back_to_an_older_release(self):
        self.build("--sign", self.key("a"))
        self.build("--force", "--sign", self.key("a"))
        self.trust("a")
        support.vitrine("activate", "--root", self.root, "1")
        self.assertEqual(1, self.current())

    def test_the_same_source_is_signed_with_the_same_bytes(self):
        env = {**os.environ, "SOURCE_DATE_EPOCH": "1600000000"}
        for name in ("one", "two"):
            support.vitrine("build", "--definition", self.shelf.definition, "--source",
                            "sqlite:" + self.shelf.source, "--root", self.path(name), "--sign",
                            self.key("a"), env=env)
        for name in ("manifest.json", "manifest.sig", "pages.xxh3", "loans/0001.db"):
            one, two = (Path(self.path(root), "current", name).read_bytes()
                        for root in ("one", "two"))
            self.assertEqual(one, two, name)


if __name__ == "__main__":
    support.main()
