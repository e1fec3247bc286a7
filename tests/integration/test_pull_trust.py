"""`vitrine pull` and what its root trusts and remembers: keys, older releases, pins, rollbacks, refusals."""
import hashlib
import json
import os
import shutil
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import support
from pulling import PullCase


class TrustCase(PullCase):
    """A builder that signs, and a node that trusts."""

    def setUp(self):
        super().setUp()
        self.ids = {}
        for name in "ab":
            done = support.vitrine("keygen", "--out", self.path(name))
            self.ids[name] = done.stdout.split()[1]
        self.version = 0

    def build(self, key=None, *more):
        """Changes the source and builds a release that is signed by KEY."""
        self.version += 1
        self.shelf.set_version(self.version)
        return support.vitrine("build", "--definition", self.shelf.definition, "--source",
                               "sqlite:" + self.shelf.source, "--root", self.shelf.root,
                               *(["--sign", self.path(key + ".key")] if key else []), *more)

    def trust(self, *names, root=None):
        """Writes trusted.pub of a node."""
        os.makedirs(root or self.node(), exist_ok=True)
        with open(os.path.join(root or self.node(), "trusted.pub"), "w", encoding="utf-8") as file:
            for name in names:
                file.write(Path(self.path(name + ".pub")).read_text(encoding="utf-8"))

    def listed(self, number):
        """What `vitrine releases` says of a release of the node."""
        lines = json.loads(support.vitrine("releases", "--root", self.node(), "--json").stdout)
        return next(line for line in lines if line["release"] == number)

    def replay(self, number):
        """The builder offers release NUMBER again."""
        link = os.path.join(self.shelf.root, "current")
        os.symlink(f"releases/{number:06}", link + ".new")
        os.rename(link + ".new", link)


class TestKeys(TrustCase):
    """Who signed what is pulled."""

    def test_a_signature_travels_with_its_release_from_node_to_node(self):
        self.build("a")
        second = self.node("second")
        self.trust("a")
        self.trust("a", root=second)
        self.pull(self.daemon().url)
        self.pull(self.daemon(self.node()).url, root=second)
        for root in (self.node(), second):
            self.assert_same_as_builder(root)
            self.assertIn(f"; signed by {self.ids['a']}\n",
                          support.vitrine("verify", "--root", root).stdout)

    def test_what_no_trusted_key_signed_is_refused_before_any_other_file_is_asked_for(self):
        daemon = None
        for key, reason in (("b", f"manifest.sig: signed by {self.ids['b']}, which is not trusted; "
                             f"trusted is only what is signed by {self.ids['a']}"),
                            (None, "the release is not signed (no manifest.sig)")):
            self.build(key)
            daemon = daemon or self.daemon()
            for root, more in ((self.node("told"), ("--trust", self.path("a.pub"))),
                               (self.node("keeps"), ())):
                self.trust("a", root=self.node("keeps"))
                before = len(daemon.sent_files())
                self.assert_fails(3, reason, daemon.url, *more, root=root)
                sent = {os.path.basename(name) for name in daemon.sent_files()[before:]}
                self.assertLessEqual(sent, {"manifest.json", "manifest.sig"})
                self.assertIsNone(self.current(root))
                self.assertEqual([], self.releases(root))

    def test_a_release_that_was_not_trusted_is_pulled_when_it_is(self):
        self.build("b")
        self.trust("a")
        self.assert_fails(3, "which is not trusted", self.shelf.root)
        self.assertFalse(os.path.exists(os.path.join(self.node(), "state.json")))
        self.trust("a", "b")
        self.pull(self.shelf.root)
        self.assert_same_as_builder()

    def test_keys_are_rotated_without_a_gap(self):
        for key, trusted in (("a", "a"), ("a", "ab"), ("b", "ab"), ("b", "b")):
            self.trust(*trusted)
            self.build(key)
            self.pull(self.shelf.root)
            self.assert_same_as_builder()

    def test_the_signature_of_another_release_is_refused(self):
        self.build("a")
        self.trust("a")
        self.build("a")
        older = os.path.join(self.shelf.root, "releases/000001/manifest.sig")
        shutil.copy(older, os.path.join(self.shelf.root, "releases/000002/manifest.sig"))
        self.assert_fails(3, f"the signature by {self.ids['a']} does not fit manifest.json",
                          self.shelf.root)
        self.assertIsNone(self.current())

    def test_a_signature_that_rotted_here_is_mended_with_its_release(self):
        self.build("a")
        self.trust("a")
        self.pull(self.shelf.root)
        os.unlink(os.path.join(self.node(), "current"))
        signature = Path(self.node(), "releases/000001/manifest.sig")
        text = signature.read_text(encoding="utf-8")
        other = "A" if text[30] != "A" else "B"  # of a line that can still be read
        signature.write_text(text[:30] + other + text[31:], encoding="utf-8")
        self.assertIn("warn release_damaged release=000001", self.pull(self.shelf.root).stderr)
        self.assert_same_as_builder()

    def test_a_signed_release_lists_the_digests_of_its_files(self):
        self.build("a")
        release = Path(self.shelf.root, "releases/000001")
        manifest = json.loads((release / "manifest.json").read_text(encoding="utf-8"))
        for file in manifest["files"]:
            content = (release / file["path"]).read_bytes()
            self.assertEqual(hashlib.blake2b(content, digest_size=32).hexdigest(), file["digest"])


class TestAge(TrustCase):
    """What is older than what was active."""

    def test_an_older_release_that_is_rightly_signed_is_refused(self):
        self.trust("a")
        for _ in range(2):
            self.build("a")
            self.pull(self.shelf.root)
        daemon = self.daemon()
        self.replay(1)
        self.assert_fails(3, f"release 000001 of {daemon.url}: it is older than release 000002, which "
                          "was active here", daemon.url)
        self.assertEqual("releases/000002", self.current())
        self.assertFalse([name for name in daemon.sent_files() if not name.endswith("manifest.json")])

    def test_an_older_manifest_in_the_place_of_the_newer_one_is_refused(self):
        self.trust("a")
        for _ in range(2):
            self.build("a")
            self.pull(self.shelf.root)
        for name in ("manifest.json", "manifest.sig"):
            shutil.copy(os.path.join(self.shelf.root, "releases/000001", name),
                        os.path.join(self.shelf.root, "releases/000002", name))
        self.assert_fails(3, "it is older than release 000002", self.shelf.root)
        self.assertEqual("releases/000002", self.current())

    def test_what_was_active_is_remembered_longer_than_the_release_is_kept(self):
        for _ in range(2):
            self.build()
            self.pull(self.shelf.root)
        shutil.rmtree(os.path.join(self.node(), "releases"))
        os.remove(os.path.join(self.node(), "current"))
        self.replay(1)
        self.assert_fails(3, "it is older than release 000002", self.shelf.root)
        self.replay(2)
        self.pull(self.shelf.root)
        self.assert_same_as_builder()

    def test_a_node_that_is_on_the_older_release_itself_has_nothing_to_refuse(self):
        for _ in range(2):
            self.build()
            self.pull(self.shelf.root)
        support.vitrine("activate", "--root", self.node(), "1")
        self.replay(1)
        self.assertIn("release 000001 is up to date", self.pull(self.shelf.root).stdout)

    def test_a_builder_that_lost_its_root_goes_on_from_what_a_node_holds(self):
        for _ in range(2):
            self.build()
            self.pull(self.shelf.root)
        shutil.rmtree(self.shelf.root)
        self.pull(self.node(), root=self.shelf.root)
        self.build()
        self.pull(self.shelf.root)
        self.assertEqual("releases/000003", self.current())
        self.assert_same_as_builder()


class TestState(TrustCase):
    """What an operator of the node wanted."""

    def test_a_pinned_node_pulls_but_does_not_activate_until_it_is_unpinned(self):
        self.build()
        self.pull(self.shelf.root)
        support.vitrine("pin", "--root", self.node())
        self.build()
        daemon = self.daemon()
        held = ("release 000002 is not activated: the root is pinned to release 000001; `vitrine "
                f"unpin --root {self.node()}` ends that\n")
        self.assertRegex(self.pull(daemon.url).stdout, r"release 000002 in .*\n" + held)
        self.assertEqual("releases/000001", self.current())
        self.assertEqual(["000001", "000002"], self.releases())
        before = len(daemon.sent_files())
        self.assertEqual(held, self.pull(daemon.url).stdout)
        self.assertEqual(before, len(daemon.sent_files()))
        support.vitrine("unpin", "--root", self.node())
        self.pull(daemon.url)
        self.assert_same_as_builder()
        self.assertFalse([name for name in daemon.sent_files()[before:] if name.endswith(".db")])

    def test_a_release_that_was_rolled_back_is_not_activated_again_but_a_newer_one_is(self):
        for _ in range(2):
            self.build()
            self.pull(self.shelf.root)
        support.vitrine("rollback", "--root", self.node(), "--reason", "prices are zero")
        self.assertEqual("release 000002 is not activated: it was rolled back: prices are zero\n",
                         self.pull(self.shelf.root).stdout)
        self.assertEqual("releases/000001", self.current())
        self.build()
        self.pull(self.shelf.root)
        self.assert_same_as_builder()

    def test_a_release_with_the_content_of_one_that_was_rolled_back_is_not_even_fetched(self):
        for _ in range(2):
            self.build()
            self.pull(self.shelf.root)
        support.vitrine("rollback", "--root", self.node())
        support.vitrine("build", "--definition", self.shelf.definition, "--source",
                        "sqlite:" + self.shelf.source, "--root", self.shelf.root, "--force")
        self.assertIn("release 000003 is not activated: it holds the same as release 000002, which "
                      "was rolled back", self.pull(self.shelf.root).stdout)
        self.assertEqual(["000001", "000002"], self.releases())

    def test_following_says_once_that_a_release_is_held(self):
        self.build()
        self.pull(self.shelf.root)
        support.vitrine("pin", "--root", self.node())
        self.build()
        process = self.start("pull", "--from", self.shelf.root, "--root", self.node(), "--every",
                             "100ms")
        said = ' info release_not_activated release=000002 reason="the root is pinned to'
        support.wait_until(lambda: said in process.stderr, what="the log")
        time.sleep(1)
        self.assertEqual(1, process.stderr.count(said), process.stderr)
        self.assertEqual(1, process.stderr.count(" info release_pulled "), process.stderr)
        support.vitrine("unpin", "--root", self.node())
        support.wait_until(lambda: self.current() == "releases/000002", what="the release")
        self.assertEqual(0, process.stop())

    def test_a_release_that_was_refused_is_fetched_again_only_when_that_is_asked_for(self):
        self.build()
        self.pull(self.shelf.root)
        self.build()
        self.damage("branches/0001.db")
        self.assert_fails(3, "damaged at the source", self.shelf.root)
        self.damage("branches/0001.db")  # the same bits again: it is mended
        self.assert_fails(3, "is not fetched again without --again: it was refused", self.shelf.root)
        self.pull(self.shelf.root, "--again")
        self.assert_same_as_builder()
        self.assertNotIn("mark", self.listed(2))

    def test_a_release_is_brought_into_memory_unless_that_is_not_wanted(self):
        self.build()
        self.assertIn(" info release_warmed release=000001 ", self.pull(self.shelf.root).stderr)
        self.build()
        self.assertNotIn("release_warmed", self.pull(self.shelf.root, "--warm", "0").stderr)

    def test_a_release_that_is_served_is_not_removed(self):
        self.build()
        self.pull(self.shelf.root)
        with support.serving(self.node()) as port:
            support.vitrine("pin", "--root", self.node())
            for _ in range(4):
                self.build()
                self.pull(self.shelf.root, "--keep", 2)
            self.assertEqual(["000001", "000004", "000005"], self.releases())
            self.assertEqual(200, support.get(port, "/branches/1").status)


if __name__ == "__main__":
    support.main()
