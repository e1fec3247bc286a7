"""What the tests of `vitrine pull` share: a builder's root, an rsync daemon, and roots of nodes."""
import os
import random
import re
import shutil
import sqlite3

import rsyncd
import shelf
import support
from releases import files_below

MEGABYTE = 1 << 20
SEED = 7


class PullCase(support.TestCase):
    """A builder's root with an rsync daemon, and roots of nodes."""

    def setUp(self):
        super().setUp()
        self.random = random.Random(SEED)
        self.shelf = shelf.Shelf(self.folder, large_loans=10)
        self.daemons = []
        self.addCleanup(self._stop_daemons)

    def _stop_daemons(self):
        for daemon in self.daemons:
            daemon.stop()
            shutil.rmtree(daemon.folder, ignore_errors=True)

    def daemon(self, root=None):
        """A daemon for ROOT, by default the builder's."""
        self.daemons.append(rsyncd.Daemon(root or self.shelf.root))
        return self.daemons[-1]

    def add_loans(self, megabytes):
        """Text that neither repeats nor compresses, in loans of many branches."""
        with sqlite3.connect(self.shelf.source) as db:
            db.executemany("INSERT INTO loans(branch_id, title, version) VALUES(?, ?, 0)",
                           ((1000 + i, self.random.randbytes(500).hex())
                            for i in range(megabytes * MEGABYTE // 1000)))
        db.close()

    def change(self, *statements):
        """Changes the source and builds."""
        with sqlite3.connect(self.shelf.source) as db:
            for statement in statements:
                db.execute(statement)
        db.close()
        self.shelf.build()

    def node(self, name="node"):
        """The root of a node."""
        return self.path(name)

    def pull(self, source, *more, root=None, check=True, env=None):
        """One pull into ROOT."""
        return support.vitrine("pull", "--from", source, "--root", root or self.node(), *more,
                               check=check, env=env, timeout=120)

    def current(self, root=None):
        """What the link of ROOT says; None without one."""
        try:
            return os.readlink(os.path.join(root or self.node(), "current"))
        except FileNotFoundError:
            return None

    def files(self, root, release="current"):
        """{path: content} of a release."""
        top = os.path.join(root, release if release == "current" else "releases/" + release)
        return files_below(top)

    def inode(self, release, path, root=None):
        """The inode of a file of a release."""
        return os.stat(os.path.join(root or self.node(), "releases", release, path)).st_ino

    def releases(self, root=None):
        """The entries of releases/."""
        return sorted(os.listdir(os.path.join(root or self.node(), "releases")))

    def assert_same_as_builder(self, root=None):
        """The node's current release is the builder's, file by file, and verifies."""
        root = root or self.node()
        self.assertEqual(self.current(self.shelf.root), self.current(root))
        self.assertEqual(self.files(self.shelf.root), self.files(root))
        support.vitrine("verify", "--root", root)

    def damage(self, path, at=5000):
        """Flips bits of one byte of the builder's current release."""
        with open(os.path.join(self.shelf.root, "current", path), "r+b") as file:
            file.seek(at)
            byte = file.read(1)[0]
            file.seek(at)
            file.write(bytes([byte ^ 0x40]))

    @staticmethod
    def received(done):
        """Bytes on the wire, as a pull told them."""
        return int(re.search(r"([\d,]+) received", done.stdout)[1].replace(",", ""))

    def assert_fails(self, code, text, *arguments, **more):
        """The pull ends with CODE, and TEXT is in what it says."""
        done = self.pull(*arguments, check=False, **more)
        self.assertEqual(code, done.returncode, done.stderr)
        self.assertIn(text, done.stderr)
        return done
