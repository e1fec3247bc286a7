"""nginx as the balancer of a fleet: rendered by ops/nginx/render.py from a fleet file, started out of
a folder of its own, as nobody when this is root."""
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile

import support

RENDER = os.path.join(support.ROOT, "ops", "nginx", "render.py")
OWNER = ("nobody", "nogroup")


def why_not():
    """Why there can be no balancer here; empty when there can."""
    return "" if shutil.which("nginx") else "there is no program nginx; install nginx-light"


def render(*arguments):
    """One run of render.py to its end."""
    return subprocess.run([sys.executable, RENDER, *arguments], capture_output=True, text=True,
                          timeout=60, check=False)


def as_owner(command):
    """COMMAND as somebody without privileges, that ends with its parent."""
    who = (("--reuid", OWNER[0], "--regid", OWNER[1], "--clear-groups")
           if os.geteuid() == 0 else ())
    return ["setpriv", *who, "--pdeathsig", "TERM", *command]


class Balancer:
    """Starts with the object, in the network namespace of the calling thread; stop() ends it and
    removes its folder."""

    def __init__(self, fleet, address="127.0.0.1", port=None):
        self.folder = tempfile.mkdtemp(prefix="vitrine-nginx-")
        self.address = address
        self.port = port
        self.process = None
        if os.geteuid() == 0:
            shutil.chown(self.folder, *OWNER)
        try:
            self.write(fleet)
            self.start()
        except BaseException:
            self.stop()
            raise

    def path(self, name):
        """A file in its folder."""
        return os.path.join(self.folder, name)

    def nginx(self, *more):
        """How nginx is called."""
        return as_owner(["nginx", "-p", self.folder, "-c", "nginx.conf", "-e", "error.log", *more])

    def write(self, fleet):
        """Renders the fleet file, and has nginx check what came out."""
        with open(self.path("fleet.ini"), "w", encoding="utf-8") as file:
            file.write(fleet)
        done = render("--prefix", self.folder, self.path("fleet.ini"))
        if done.returncode != 0:
            raise AssertionError(done.stderr)
        with open(self.path("nginx.conf"), "w", encoding="utf-8") as file:
            file.write(done.stdout)
        tested = subprocess.run(self.nginx("-t"), capture_output=True, text=True, timeout=30,
                                check=False)
        if tested.returncode != 0:
            raise AssertionError(tested.stderr)

    def start(self):
        """Starts nginx and waits until it listens to signals, and on all its addresses."""
        self.process = subprocess.Popen(  # pylint: disable=consider-using-with
            self.nginx("-g", "daemon off;"), stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        support.wait_until(self.is_up, what="nginx")
        if self.port is not None:
            support.wait_until(lambda: support.answers(self.port, self.address), what="nginx")

    def is_up(self):
        """Whether it has written its id, which it does when it listens, to signals too; before, a
        SIGHUP ends it."""
        if self.process.poll() is not None:
            raise AssertionError(self.errors())
        try:
            with open(self.path("nginx.pid"), encoding="utf-8") as file:
                return file.read() == f"{self.process.pid}\n"
        except FileNotFoundError:
            return False

    def reload(self):
        """Has it take what was written; new workers take over from the old."""
        self.process.send_signal(signal.SIGHUP)

    def errors(self):
        """Its error log."""
        try:
            with open(self.path("error.log"), encoding="utf-8", errors="replace") as file:
                return file.read()
        except FileNotFoundError:
            return ""

    def log(self):
        """The lines of its access log, which comes a second late; not one that is being written."""
        with open(self.path("access.log"), encoding="utf-8") as file:
            return [json.loads(line) for line in file.read().split("\n")[:-1]]

    def stop(self):
        """Ends it at once; may be called again."""
        if self.process is not None:
            if self.process.poll() is None:
                self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            support.kill_session(self.process.pid)
        shutil.rmtree(self.folder, ignore_errors=True)
