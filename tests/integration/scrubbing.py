"""What the tests of scrubbing and repair share: a service on a release that rots, and a peer."""

import os
import re
import shutil
from pathlib import Path

import rsyncd
import shelf
import support

PAGE = 4096
SECONDS = 60
RELEASE = os.path.join("releases", "000001")
LOANS = "loans/0001.db"


def flip(path, offset):
    """Flips a bit on the disk, behind everybody's back; again, and it is as it was."""
    with open(path, "r+b", buffering=0) as file:
        byte = os.pread(file.fileno(), 1, offset)[0]
        os.pwrite(file.fileno(), bytes([byte ^ 0x10]), offset)


def daemon_for(case, root):
    """An rsync daemon for ROOT that ends with the test."""
    daemon = rsyncd.Daemon(root)
    case.addCleanup(shutil.rmtree, daemon.folder, ignore_errors=True)
    case.addCleanup(daemon.stop)
    return daemon


class ServedCase(support.TestCase):
    """One service on a release of its own, with a peer that holds the same files."""

    def setUp(self):
        super().setUp()
        self.shelf = shelf.Shelf(self.folder)
        self.shelf.build()
        self.root = self.shelf.root
        self.peer = self.path("peer")
        shutil.copytree(self.root, self.peer, symlinks=True)
        self.process = None
        self.port = self.admin = None

    def serve(self, *arguments):
        """Starts the service with an admin listener."""
        self.process = self.start("serve", "--root", self.root, "--threads", 1, "--listen",
                                  "127.0.0.1:0", "--admin", "127.0.0.1:0", *arguments)
        _, self.port = shelf.listening(self.process)
        self.admin = int(re.search(r" admin_listening address=\S+:(\d+)\n",
                                   self.process.stderr)[1])

    def file(self, name=LOANS, release="000001"):
        """The path of a file of a release."""
        return os.path.join(self.root, "releases", release, name)

    def damage(self, page, name=LOANS, release="000001"):
        """Flips a bit of a page, counted from 1, which readers do not look at."""
        flip(self.file(name, release), page * PAGE - 8)

    def text_page(self):
        """A page of the large branch's text: nothing is reached by way of it but that text."""
        path = self.file()
        with open(path, "rb") as file:
            content = file.read()
        return next(page for page in range(1, len(content) // PAGE)
                    if content[page * PAGE - 64:page * PAGE] == b"x" * 64)

    def ready(self):
        """The answer of /readyz."""
        return support.get(self.admin, "/readyz")

    def metric(self, name):
        """The value of a metric."""
        text = support.get(self.admin, "/metrics").text
        return float(re.search(rf"^{re.escape(name)} (\S+)$", text, re.MULTILINE)[1])

    def wait_for(self, text):
        """Waits until /readyz says so."""
        support.wait_until(lambda: text in self.ready().text, SECONDS, text)

    def wait_for_closed(self):
        """Waits until no file is open that was replaced; a loop changes over in its own time."""
        maps = Path(f"/proc/{self.process.pid}/maps")
        support.wait_until(lambda: LOANS + " (deleted)" not in maps.read_text(encoding="utf-8"),
                           SECONDS, "the end of the damaged file")

    def wait_for_pages(self, count):
        """Waits until so many pages were checked."""
        support.wait_until(lambda: self.metric("vitrine_scrub_pages_checked_total") >= count,
                           SECONDS, f"{count} pages")

    def wait_for_passes(self, count):
        """Waits until all files were read so often."""
        support.wait_until(lambda: self.metric("vitrine_scrub_passes_total") >= count, SECONDS,
                           f"{count} passes")

    def pages(self):
        """The pages of the release that have hashes."""
        return os.path.getsize(self.file("pages.xxh3")) // 8
