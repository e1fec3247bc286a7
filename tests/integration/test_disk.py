"""A disk that is full: noticed before a build where that can be known, otherwise midway; either way
the root stays as it was, the message says what is missing, and with room the build works.

The disk is a small tmpfs in a mount namespace that ends with this script.
"""

import os
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import support
from releases import manifest, names_below, state, write

IN_NAMESPACE = "VITRINE_TEST_NAMESPACE"
UNSHARE = ("unshare", "--mount", "--propagation", "private")
ROOM = "64m"
KIB = 1024

BOOKS = """
name: books
collections:
  books:
    key: id
    rows: SELECT id, title FROM books
    fields: {id: integer, title: text}
    listings: {by_id: [id]}
  copies:
    key: book_id
    rows: SELECT book_id, id, remark FROM copies
    fields: {copy_id: {from: id, type: integer}, remark: text}
    orders: {oldest: [copy_id]}
routes:
  - {get: "/books/:id", from: books, key: {path: id}, answer: $row}
"""


def enter_namespace():
    """Goes on in a mount namespace of its own, where that is permitted."""
    for command in (UNSHARE, (*UNSHARE, "--map-root-user")):
        probe = [*command, "mount", "-t", "tmpfs", "none", tempfile.gettempdir()]
        try:
            done = subprocess.run(probe, capture_output=True, timeout=30, check=False)
        except FileNotFoundError:
            return
        if done.returncode == 0:
            os.environ[IN_NAMESPACE] = "1"
            os.execvp(command[0], [*command, sys.executable, *sys.argv])


class Disk(support.TestCase):
    """A small disk at self.disk, with the root on it; the source is elsewhere."""

    def setUp(self):
        if IN_NAMESPACE not in os.environ:
            self.skipTest("no mount namespace can be made here")
        super().setUp()
        self.disk = self.path("disk")
        os.mkdir(self.disk)
        self.root = os.path.join(self.disk, "root")
        self.source = self.path("source.db")
        write(self.path("books.yaml"), BOOKS)
        self.fill(1, 1000)

    def fill(self, first, last):
        """Books of these numbers, with two copies each whose remarks do not compress."""
        db = sqlite3.connect(self.source)
        with db:
            db.execute("CREATE TABLE IF NOT EXISTS books(id, title)")
            db.execute("CREATE TABLE IF NOT EXISTS copies(book_id, id, remark)")
            db.executemany("INSERT INTO books VALUES(?, 'book ' || ?1)",
                           ((i,) for i in range(first, last + 1)))
            db.executemany("INSERT INTO copies VALUES(?, ?, hex(randomblob(200)))",
                           ((i // 2, i) for i in range(2 * first, 2 * last + 2)))
        db.close()

    def mount(self, options):
        """Mounts the disk, or mounts it anew with other limits."""
        again = ("remount," if os.path.ismount(self.disk) else "") + options
        subprocess.run(["mount", "-t", "tmpfs", "-o", again, "vitrine-disk", self.disk], check=True)
        self.addCleanup(subprocess.run, ["umount", self.disk], stderr=subprocess.DEVNULL,
                        check=False)

    def unmount(self):
        """Takes the disk away with all that is on it."""
        subprocess.run(["umount", self.disk], check=True)

    def build(self, *options, **more):
        """Builds into the disk."""
        return support.vitrine("build", "--definition", self.path("books.yaml"), "--source",
                               "sqlite:" + self.source, "--root", self.root, *options, **more)

    def used(self):
        """Bytes in use on the disk."""
        usage = os.statvfs(self.disk)
        return (usage.f_blocks - usage.f_bfree) * usage.f_frsize

    def refused(self, *options):
        """What a build says that fails for want of room; the root is as it was."""
        before = state(self.root)
        done = self.build(*options, check=False)
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
        self.assertEqual(state(self.root), before)
        self.assertEqual([name for name in names_below(self.root) if ".building" in name
                          or name.endswith(".new")], [])
        return done.stderr

    def assert_names_a_file(self, said):
        """The message names a file of the work in progress and says that there is no room for it."""
        self.assertRegex(said, r"^vitrine build: .*" + re.escape(self.root) + r"/\S+: ")
        self.assertRegex(said.lower(), "no space left|disk is full")

    def test_a_disk_that_fills_up_at_any_point_of_the_first_build(self):
        self.mount("size=" + ROOM)
        self.build()
        needed = self.used()
        failed = set()
        for size in range(4 * KIB, needed, needed // 24 // 4096 * 4096):
            for jobs in (2, 1):  # one job writes one file after the other, which is then known
                self.unmount()
                self.mount(f"size={size}")
                with self.subTest(size=size, jobs=jobs):
                    said = self.refused("--jobs", jobs)
                    self.assert_names_a_file(said)
                    if jobs == 1:
                        failed.update(re.findall(r"/\.building/([\w/.]+\w)", said))
                    self.assertLessEqual(self.used(), 4 * KIB)
        self.assertLessEqual({"books/0001.db", "copies/0001.db"}, failed)
        self.mount("size=" + ROOM)
        self.build()
        self.assertEqual(state(self.root), (["000001"], "000001"))
        support.vitrine("verify", "--root", self.root)

    def test_a_disk_without_inodes_fails_the_build_by_the_name_of_the_file(self):
        for inodes in range(2, 9):
            self.mount(f"size={ROOM},nr_inodes={inodes}")
            with self.subTest(inodes=inodes):
                self.assertIn(self.root, self.refused())
            self.unmount()
        self.mount("size=" + ROOM)
        self.build()

    def test_a_release_that_outgrows_the_disk_fails_midway(self):
        self.mount("size=" + ROOM)
        self.build()
        one = self.used()
        self.mount(f"size={one * 5 // 2}")
        self.fill(1001, 4000)
        self.assert_names_a_file(self.refused())
        self.assertEqual(self.used(), one)
        support.vitrine("verify", "--root", self.root)
        self.mount("size=" + ROOM)
        self.build()
        self.assertEqual(state(self.root), (["000001", "000002"], "000002"))
        support.vitrine("verify", "--root", self.root)

    def test_less_room_than_the_current_release_takes_is_told_before_anything_is_read(self):
        self.mount("size=" + ROOM)
        self.build()
        one = self.used()
        held = sum(file["size"] for file in manifest(self.root)["files"])
        self.mount(f"size={one + held // 2 // 4096 * 4096}")
        os.rename(self.source, self.path("kept.db"))
        sqlite3.connect(self.source).execute("CREATE TABLE unrelated(x)").close()
        said = self.refused()  # of tables that are missing it would say so
        self.assertRegex(said.lower(), "not enough (room|space)|no room|too little (room|space)")
        self.assertIn(self.root, said)
        os.replace(self.path("kept.db"), self.source)
        self.mount("size=" + ROOM)
        self.build("--force")
        self.assertEqual(state(self.root), (["000001", "000002"], "000002"))


if __name__ == "__main__":
    if IN_NAMESPACE not in os.environ and shutil.which("unshare"):
        enter_namespace()
    support.main()
