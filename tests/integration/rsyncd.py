"""An rsync daemon of a test's own, on a free port, that serves one folder read-only."""
import os
import re
import shutil
import subprocess
import tempfile

import support

CONFIG = """
pid file = {folder}/rsyncd.pid
lock file = {folder}/rsyncd.lock
log file = {folder}/rsyncd.log
transfer logging = yes
log format = %o %f %l %b
use chroot = no
reverse lookup = no
[vitrine]
path = {root}
read only = yes
"""


class Daemon:
    """rsync --daemon in the foreground; stop() ends it, and connections with it. It listens on the
    loopback, or on ADDRESS in a network namespace, which start() is to be called in."""

    def __init__(self, root, port=None, address="127.0.0.1", wrapper=(), config=CONFIG):
        self.folder = tempfile.mkdtemp(prefix="vitrine-rsyncd-")
        self.root = root
        self.port = port or support.free_port()
        self.address = address
        self.config = config
        self.url = f"rsync://{address}:{self.port}/vitrine"
        self.wrapper = wrapper
        self.process = None
        try:
            self.start()
        except BaseException:
            self.stop()
            shutil.rmtree(self.folder, ignore_errors=True)
            raise

    def start(self):
        """Starts it (again), on the same port."""
        config = os.path.join(self.folder, "rsyncd.conf")
        with open(config, "w", encoding="utf-8") as file:
            file.write(self.config.format(folder=self.folder, root=self.root))
        self.process = subprocess.Popen(  # pylint: disable=consider-using-with
            [*self.wrapper, "rsync", "--daemon", "--no-detach", f"--config={config}", f"--port={self.port}",
             f"--address={self.address}"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, start_new_session=True)
        support.wait_until(lambda: support.answers(self.port, self.address), 60, "the rsync daemon")

    def stop(self):
        """Ends it and those of its processes that serve a connection."""
        if self.process is None:
            return

        def are_gone():
            """A killed one is there for a moment, and one may have been made meanwhile."""
            support.kill_session(self.process.pid)
            return self.process.poll() is not None and not support.session_members(self.process.pid)

        support.wait_until(are_gone, what="the end of the rsync daemon")

    def sent_files(self):
        """The files that it sent, as its log has them."""
        with open(os.path.join(self.folder, "rsyncd.log"), encoding="utf-8") as file:
            return re.findall(r"\] send (\S+) ", file.read())
