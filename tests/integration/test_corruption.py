"""1,000 seeded damages of a signed release: none is activated, each is called by its name, and the
service goes on answering from the release before. Beside it what SQLite's own integrity_check says.

ctest: side by side
"""
import os
import random
import re
import shutil
import sqlite3
import subprocess
import sys
import time
from collections import namedtuple
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import shelf
import support
from hashing import hash_of, with_checksum

DAMAGES = 1000
SEED = 42
PAGE = 4096
DATABASES = ("branches/0001.db", "branches/by_id.listing.db", "loans/0001.db")
SIGNATURE = r"manifest\.sig: the signature by {a} does not fit manifest\.json"


class Tree:
    """The files of a release as they were, and a way to change them and to put them back."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.files = {str(path.relative_to(folder)): path.read_bytes()
                      for path in sorted(self.folder.rglob("*")) if path.is_file()}
        self.changed = {}  # what is there now: bytes, or None for nothing

    def write(self, name, data):
        """Puts DATA into a file; None removes it."""
        path = self.folder / name
        self.changed[name] = data
        if data is None:
            path.unlink()
        else:
            path.write_bytes(data)

    def now(self, name):
        """What the file holds now."""
        return self.changed.get(name, self.files.get(name))

    def restore(self):
        """All is as it was."""
        for name in self.changed:
            path = self.folder / name
            path.unlink(missing_ok=True)
            if name in self.files:
                path.write_bytes(self.files[name])
        self.changed = {}


def first_difference(name, before, after):
    """How a release whose file NAME changed is refused."""
    if len(before) != len(after):
        return f"{name}: {len(after)} bytes, the manifest says {len(before)}"
    page = next(i for i in range(0, len(before), PAGE) if before[i:i + PAGE] != after[i:i + PAGE])
    return f"{name}: page {page // PAGE + 1}: hash differs"


class Damages:
    """Each method damages the release once and says, as a pattern, how it must be refused."""

    def __init__(self, tree, older, foreign_signature, chance):
        self.tree = tree
        self.older = older
        self.foreign_signature = foreign_signature
        self.chance = chance

    def kinds(self):
        """(what it is called, the method)"""
        return [(name.replace("_", " "), getattr(self, name)) for name in vars(Damages)
                if name not in ("__init__", "kinds") and not name.startswith("_")]

    def _database(self):
        return self.chance.choice(DATABASES)

    def _change(self, name, data):
        """Writes DATA, which differs; the message names the page."""
        self.tree.write(name, data)
        return re.escape(first_difference(name, self.tree.files[name], data))

    def _flip(self, name):
        data = bytearray(self.tree.now(name))
        data[self.chance.randrange(len(data))] ^= 1 << self.chance.randrange(8)
        return bytes(data)

    # ---- files ----

    def bit_flip(self):
        """One bit of a partition or listing."""
        name = self._database()
        return self._change(name, self._flip(name))

    def garbage_in_a_page(self):
        """A run of random bytes."""
        name = self._database()
        data = bytearray(self.tree.files[name])
        size = self.chance.randrange(8, PAGE)
        at = self.chance.randrange(len(data) - size)
        data[at:at + size] = self.chance.randbytes(size)
        return self._change(name, bytes(data))

    def truncation(self):
        """The end of a file is missing."""
        name = self.chance.choice(DATABASES + ("definition.yaml", "pages.xxh3"))
        data = self.tree.files[name]
        return self._change(name, data[:self.chance.randrange(len(data))])

    def zeroed_tail(self):
        """As after a crash without fsync: the size is right, the end was never written."""
        name = self._database()
        data = self.tree.files[name]
        at = self.chance.randrange(len(data) // PAGE) * PAGE
        return self._change(name, data[:at] + bytes(len(data) - at))

    def swapped_pages(self):
        """Two pages change places."""
        name = self._database()
        data = bytearray(self.tree.files[name])
        a = b = slice(0, PAGE)
        while data[a] == data[b]:
            a, b = (slice(at * PAGE, at * PAGE + PAGE)
                    for at in self.chance.sample(range(len(data) // PAGE), 2))
        data[a], data[b] = data[b], data[a]
        return self._change(name, bytes(data))

    def file_of_another_release(self):
        """A file of the release before, under the same name."""
        name = self.chance.choice([name for name in DATABASES + ("pages.xxh3",)
                                   if self.older.files[name] != self.tree.files[name]])
        data = self.older.files[name]
        if name == "pages.xxh3":
            self.tree.write(name, data)
            return r"pages\.xxh3: the hash of the file differs from the manifest"
        return self._change(name, data)

    def page_of_another_release(self):
        """As after a transfer that was cut: some pages are those of the release before."""
        name = "loans/0001.db"
        old, data = self.older.files[name], bytearray(self.tree.files[name])
        pages = [at for at in range(0, min(len(old), len(data)), PAGE)
                 if old[at:at + PAGE] != data[at:at + PAGE]]
        for at in self.chance.sample(pages, self.chance.randint(1, min(8, len(pages)))):
            data[at:at + PAGE] = old[at:at + PAGE]
        return self._change(name, bytes(data))

    def missing_file(self):
        """A file that the manifest lists is gone."""
        name = self.chance.choice(DATABASES + ("definition.yaml", "pages.xxh3"))
        self.tree.write(name, None)
        return re.escape(f"{name}: the file is missing")

    def extra_file(self):
        """A file that a reader might take for a part of the release."""
        name = self.chance.choice(DATABASES) + self.chance.choice(("-wal", "-journal", "~", ".1"))
        self.tree.write(name, self.chance.randbytes(self.chance.randrange(64)))
        return re.escape(f"{name}: the manifest does not list this file")

    def definition_changed(self):
        """Another definition would make other answers of the same data."""
        self.tree.write("definition.yaml", self._flip("definition.yaml"))
        return r"definition\.yaml: the hash of the file differs from the manifest"

    # ---- what the hashes are kept in ----

    def page_hashes_changed(self):
        """One bit of pages.xxh3."""
        self.tree.write("pages.xxh3", self._flip("pages.xxh3"))
        return r"pages\.xxh3: the hash of the file differs from the manifest"

    def _damage_page_and_its_hash(self):
        """Changes a page, and pages.xxh3 so that it fits; the name of the file."""
        name = self._database()
        data = self._flip(name)
        first = int(re.search(rb'"path": "%s".*?"first_page": (\d+)' % name.encode(),
                              self.tree.files["manifest.json"])[1])
        pages = bytearray(self.tree.files["pages.xxh3"])
        for at in range(0, len(data), PAGE):
            entry = 8 * (first + at // PAGE)
            pages[entry:entry + 8] = hash_of(data[at:at + PAGE]).to_bytes(8, "little")
        self.tree.write(name, data)
        self.tree.write("pages.xxh3", bytes(pages))
        return name

    def page_and_its_hash_changed(self):
        """pages.xxh3 fits the damaged file, but not the manifest."""
        self._damage_page_and_its_hash()
        return r"pages\.xxh3: the hash of the file differs from the manifest"

    def page_and_all_hashes_changed(self):
        """Everything fits everything: only who signed the manifest can notice."""
        damaged = self._damage_page_and_its_hash()
        text = self.tree.files["manifest.json"].decode()
        for name in (damaged, "pages.xxh3"):
            old, new = hash_of(self.tree.files[name]), hash_of(self.tree.now(name))
            text = text.replace(f"{old:016x}", f"{new:016x}")
        self._write_manifest(text)
        return SIGNATURE

    # ---- manifest and signature ----

    def _write_manifest(self, text):
        """Writes a manifest, with its checksum made right."""
        self.tree.write("manifest.json", with_checksum(text))

    def manifest_changed(self):
        """One bit of the manifest."""
        self.tree.write("manifest.json", self._flip("manifest.json"))
        return SIGNATURE

    def manifest_edited(self):
        """A number of the manifest is another, and its checksum was made right."""
        text = self.tree.files["manifest.json"].decode()
        numbers = list(re.finditer(r'"(?:release|built_ms|size|rows|keys|first_page|last_key)": (\d+)',
                                   text))
        number = self.chance.choice(numbers)
        value = int(number[1]) + self.chance.choice((-1, 1, 1000))
        self._write_manifest(text[:number.start(1)] + str(value) + text[number.end(1):])
        return SIGNATURE

    def manifest_replayed(self):
        """The manifest of the release before, with the signature that it rightly has."""
        for name in ("manifest.json", "manifest.sig"):
            self.tree.write(name, self.older.files[name])
        return r"000002/manifest\.json: this is the manifest of release 000001"

    def release_replayed(self):
        """All of the release before, in the place of this one."""
        for name, data in self.older.files.items():
            self.tree.write(name, data)
        return r"000002/manifest\.json: this is the manifest of release 000001"

    def signature_missing(self):
        """The release is as it was built, but nobody answers for it."""
        self.tree.write("manifest.sig", None)
        return (r"000002: the release is not signed \(no manifest\.sig\); trusted is only what is "
                r"signed by {a}")

    def signature_of_another_key(self):
        """Rightly signed, by somebody who is not trusted."""
        self.tree.write("manifest.sig", self.foreign_signature)
        return r"manifest\.sig: signed by {b}, which is not trusted; trusted is only what is signed by {a}"

    def signature_changed(self):
        """One bit of the signature, or that of another release."""
        if self.chance.random() < 0.2:
            self.tree.write("manifest.sig", self.older.files["manifest.sig"])
            return SIGNATURE
        self.tree.write("manifest.sig", self._flip("manifest.sig"))
        return (rf"(?:{SIGNATURE}|manifest\.sig: this is not a signature|"
                r"manifest\.sig: signed by [0-9a-f]{{16}}, which is not trusted)")


Tally = namedtuple("Tally", "damages refused noticed")


class Corruption(support.TestCase):
    """Release 1 is served, release 2 is damaged."""

    def setUp(self):
        super().setUp()
        self.shelf = shelf.Shelf(self.folder, large_loans=400)
        self.root = self.shelf.root
        self.ids = {}
        for name in "ab":
            done = support.vitrine("keygen", "--out", self.path(name))
            self.ids[name] = done.stdout.split()[1]
        self.build("a")
        self.shelf.set_version(1)
        self.build("b")
        foreign = Path(self.root, "current", "manifest.sig").read_bytes()
        shutil.rmtree(os.path.join(self.root, "releases", "000002"))
        os.remove(os.path.join(self.root, "state.json"))  # or the next one is release 3
        self.point_to("000001")
        self.build("a")
        shutil.copy(self.path("a.pub"), os.path.join(self.root, "trusted.pub"))
        self.older = Tree(os.path.join(self.root, "releases", "000001"))
        self.tree = Tree(os.path.join(self.root, "releases", "000002"))
        self.damages = Damages(self.tree, self.older, foreign, random.Random(SEED))
        # Leaks are looked for by the other tests; here it would take longer than the work.
        self.env = {**os.environ, "ASAN_OPTIONS": "detect_leaks=0"}

    def build(self, key):
        """Builds a release that is signed by KEY, at a fixed time."""
        support.vitrine("build", "--definition", self.shelf.definition, "--source",
                        "sqlite:" + self.shelf.source, "--root", self.root, "--sign",
                        self.path(key + ".key"),
                        env={**os.environ, "SOURCE_DATE_EPOCH": "1600000000"})

    def point_to(self, name):
        """Moves the link by hand, past all checks."""
        link = os.path.join(self.root, "current")
        os.symlink("releases/" + name, link + ".new")
        os.rename(link + ".new", link)

    def released(self):
        """The release that answers now."""
        return support.get(self.port, "/loans?branch=7&count=3").headers["vitrine-release"]

    def activate(self):
        """Asks for release 2, and meanwhile for an answer; (exit code, message)."""
        with subprocess.Popen([support.binary(), "activate", "--root", self.root, "2"],
                              stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                              env=self.env) as process:
            self.assertEqual("000001", self.released())
            message = process.communicate(timeout=60)[1]
        return process.returncode, message

    def is_refused(self, pattern):
        """Whether release 2 is not activated, for the reason that PATTERN says; and what was said."""
        code, message = self.activate()
        is_current = os.readlink(os.path.join(self.root, "current")) == "releases/000001"
        self.point_to("000001")
        named = re.search("^vitrine activate: .*" + pattern.format(**self.ids), message)
        return code in (1, 3) and is_current and named is not None, message

    def is_noticed_by_sqlite(self):
        """Whether integrity_check of the databases that were changed says so."""
        for name in self.tree.changed:
            if name not in DATABASES:
                continue
            try:
                db = sqlite3.connect(f"file:{self.tree.folder / name}?mode=ro&immutable=1", uri=True)
            except sqlite3.Error:
                return True
            try:
                if db.execute("PRAGMA integrity_check").fetchall() != [("ok",)]:
                    return True
            except sqlite3.Error:
                return True
            finally:
                db.close()
        return False

    def assert_not_served(self, kind):
        """The service refuses what is put before it past `activate`, too."""
        refused = lambda: self.process.stderr.count(" release_refused ")
        opened = lambda: self.process.stderr.count(" release_opened ")
        refusals, openings = refused(), opened()
        self.point_to("000002")
        support.wait_until(lambda: refused() > refusals, what=f"{kind}: the refusal")
        self.assertEqual("000001", self.released(), kind)
        self.point_to("000001")
        support.wait_until(lambda: opened() > openings, what=f"{kind}: release 1 again")

    def start_service(self):
        """Serves release 1."""
        self.point_to("000001")
        self.port = support.free_port()
        self.process = self.start_serving(self.port, "serve", "--root", self.root, "--threads", 1,
                                          "--listen", f"127.0.0.1:{self.port}")

    def test_every_damage_is_refused_by_name_while_the_release_before_is_served(self):
        self.start_service()
        kinds = self.damages.kinds()
        tally = {}
        missed = []
        begun = time.monotonic()
        for i in range(DAMAGES):
            kind, damage = kinds[i % len(kinds)]
            pattern = damage()
            noticed = self.is_noticed_by_sqlite()
            refused, message = self.is_refused(pattern)
            if not refused:
                missed.append(f"{kind}: not refused as {pattern}: {message}")
            elif i < len(kinds):
                self.assert_not_served(kind)
            self.tree.restore()
            so_far = tally.get(kind, Tally(0, 0, 0))
            tally[kind] = Tally(so_far.damages + 1, so_far.refused + refused,
                                so_far.noticed + noticed)
        self.print_table(tally, time.monotonic() - begun)
        self.assertEqual([], missed, "\n".join(missed[:20]))
        self.assertLess(sum(line.noticed for line in tally.values()), DAMAGES)
        support.vitrine("activate", "--root", self.root, "2")
        support.wait_until(lambda: self.released() == "000002", what="the undamaged release")
        self.assertEqual(0, self.process.stop(), self.process.stderr)

    @staticmethod
    def print_table(tally, seconds):
        """What was found, a line a kind."""
        line = "{:30} {:>8} {:>8} {:>24}".format
        print(line("damage", "damages", "refused", "noticed by SQLite"), file=sys.stderr)
        for kind, counts in tally.items():
            print(line(kind, *counts), file=sys.stderr)
        print(line("total", *map(sum, zip(*tally.values()))), f"  {seconds:.1f} s", file=sys.stderr)


if __name__ == "__main__":
    support.main()
