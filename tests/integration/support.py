"""What the whole-program tests share: the binary, folders, ports, processes, requests."""
import contextlib
import http.client
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import unittest

ROOT = os.environ.get("VITRINE_ROOT") or os.path.abspath(
    os.path.join(os.path.dirname(__file__), "..", ".."))
DEFINITION = os.path.join(ROOT, "assets", "atelier", "definition.yaml")


def binary():
    """The program under test: $VITRINE, or the first build that is there."""
    named = os.environ.get("VITRINE")
    if named:
        return os.path.abspath(named)
    for preset in ("dev", "release"):
        path = os.path.join(ROOT, "build", preset, "vitrine")
        if os.path.exists(path):
            return path
    raise FileNotFoundError("no vitrine binary: set VITRINE, or ./dev build")


def vitrine(*arguments, timeout=600, check=True, env=None):
    """Runs one command to its end; stdout and stderr are text."""
    done = subprocess.run([binary(), *map(str, arguments)], capture_output=True, text=True,
                          timeout=timeout, env=env, check=False)
    if check and done.returncode != 0:
        raise AssertionError(f"vitrine {' '.join(map(str, arguments))}: exit code "
                             f"{done.returncode}\n{done.stdout}{done.stderr}")
    return done


ports_given = set()


def free_port():
    """A port of 127.0.0.1 that nobody listens on now, another one each time."""
    while True:
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            port = s.getsockname()[1]
        if port not in ports_given:
            ports_given.add(port)
            return port


def wait_until(condition, seconds=60, what="the condition"):
    """Asks CONDITION until it is true; fails after SECONDS."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError(f"{what}: not within {seconds} s")


def quickest(action, enough, tries=4):
    """The least seconds that ACTION took in TRIES: a busy machine makes it take longer, never less.
    It is not done again once it took less than ENOUGH."""
    least = None
    for _ in range(tries):
        begun = time.monotonic()
        action()
        took = time.monotonic() - begun
        least = took if least is None else min(least, took)
        if least < enough:
            break
    return least


class Lateness(threading.Thread):
    """How late a thread that asks for nothing else is woken, for the time of a with block: what an
    answer may take longer because the machine stood still."""

    PAUSE_S = 0.01

    def __init__(self):
        super().__init__(daemon=True)
        self.longest_s = 0
        self.is_over = threading.Event()

    def run(self):
        before = time.monotonic()
        while not self.is_over.wait(self.PAUSE_S):
            now = time.monotonic()
            self.longest_s = max(self.longest_s, now - before - self.PAUSE_S)
            before = now

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *unused):
        self.is_over.set()
        self.join()


def answers(port, host="127.0.0.1"):
    """Whether somebody accepts connections."""
    try:
        socket.create_connection((host, port), timeout=1).close()
        return True
    except OSError:
        return False


class Response:
    """An HTTP answer, read to its end."""

    def __init__(self, response):
        self.status = response.status
        self.reason = response.reason
        self.headers = {name.lower(): value for name, value in response.getheaders()}
        self.body = response.read()

    @property
    def text(self):
        """The body as text."""
        return self.body.decode()


def request(port, path, method="GET", headers=None, body=None, timeout=30, host="127.0.0.1"):
    """One request on a connection of its own."""
    connection = http.client.HTTPConnection(host, port, timeout=timeout)
    try:
        connection.request(method, path, body=body, headers=headers or {})
        return Response(connection.getresponse())
    finally:
        connection.close()


def get(port, path, **options):
    """GET."""
    return request(port, path, **options)


class Process:
    """A vitrine command in the background; its output goes to files that stay readable."""

    def __init__(self, folder, *arguments, env=None, wrapper=(), pass_fds=()):
        name = f"{arguments[0]}-{time.monotonic_ns()}"
        self.stdout_path = os.path.join(folder, name + ".out")
        self.stderr_path = os.path.join(folder, name + ".err")
        with open(self.stdout_path, "wb") as out, open(self.stderr_path, "wb") as err:
            self.process = subprocess.Popen(  # pylint: disable=consider-using-with
                [*wrapper, binary(), *map(str, arguments)], stdin=subprocess.DEVNULL, stdout=out,
                stderr=err, env=env, start_new_session=True, pass_fds=pass_fds)
        self.pid = self.process.pid

    @property
    def stdout(self):
        """What it printed so far."""
        with open(self.stdout_path, encoding="utf-8", errors="replace") as file:
            return file.read()

    @property
    def stderr(self):
        """What it logged so far."""
        with open(self.stderr_path, encoding="utf-8", errors="replace") as file:
            return file.read()

    @property
    def returncode(self):
        """None while it runs."""
        return self.process.poll()

    def send(self, number):
        """Sends a signal, unless it has ended."""
        if self.process.poll() is None:
            os.kill(self.pid, number)

    def freeze(self):
        """SIGSTOP, which takes effect later: waits until no thread of it runs any more."""
        self.send(signal.SIGSTOP)
        wait_until(lambda: is_frozen(self.pid), what="a process that stands still")

    def wait(self, seconds=60):
        """The exit code."""
        return self.process.wait(timeout=seconds)

    def check_sanitizers(self):
        """A child's exit code may go unseen; what a sanitizer said must not."""
        if "Sanitizer" in self.stderr or "runtime error:" in self.stderr:
            raise AssertionError(self.stderr)

    def stop(self, seconds=20):
        """SIGTERM, and SIGKILL to what does not listen; the exit code."""
        self.send(signal.SIGTERM)
        try:
            return self.process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            self.send(signal.SIGKILL)
            return self.process.wait(timeout=seconds)


def is_frozen(pid):
    """Whether every thread of a process is stopped; one that has ended is, too."""
    for thread in os.listdir(f"/proc/{pid}/task"):
        try:
            with open(f"/proc/{pid}/task/{thread}/stat", encoding="utf-8", errors="replace") as file:
                if file.read().rpartition(")")[2].split()[0] not in ("T", "Z"):
                    return False
        except (FileNotFoundError, ProcessLookupError):
            continue  # it ended meanwhile
    return True


def session_members(session):
    """The processes of a session that still run (zombies do not), as {pid: command line}."""
    members = {}
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            with open(f"/proc/{entry}/stat", encoding="utf-8", errors="replace") as file:
                fields = file.read().rpartition(")")[2].split()
            with open(f"/proc/{entry}/cmdline", "rb") as file:
                command = file.read().replace(b"\0", b" ").decode(errors="replace").strip()
        except OSError:
            continue  # it ended meanwhile
        if int(fields[3]) == session and fields[0] != "Z":
            members[int(entry)] = command
    return members


def is_written(path):
    """Whether somebody writes to an SQLite file; between two transactions there is no journal."""
    try:
        return os.path.getsize(path + "-journal") > 0
    except FileNotFoundError:
        return False


def wait_for_session_end(process, seconds=60, what="the end of all that it started"):
    """Waits until no process of the session of PROCESS, itself included, runs any more."""
    wait_until(lambda: not session_members(process.pid), seconds, what)


def kill_session(session):
    """Ends all processes of a session, some of which may be about to end by themselves."""
    for pid in session_members(session):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


@contextlib.contextmanager
def serving(root, *arguments, seconds=60):
    """`vitrine serve` on ROOT for the time of a with block, which gets its port."""
    folder = tempfile.mkdtemp(prefix="vitrine-serve-")
    port = free_port()
    process = Process(folder, "serve", "--root", root, "--listen", f"127.0.0.1:{port}",
                      "--threads", 1, *arguments)
    try:
        wait_for_port(process, port, seconds)
        yield port
    finally:
        code = process.stop()
        log = process.stderr
        shutil.rmtree(folder, ignore_errors=True)
    if code != 0:
        raise AssertionError(f"vitrine serve: exit code {code}\n{log}")


def wait_for_port(process, port, seconds=60, host="127.0.0.1"):
    """Waits until PROCESS answers on PORT; fails with its log when it ends before."""

    def ready():
        if process.returncode is not None:
            raise AssertionError(f"ended with {process.returncode}\n{process.stderr}")
        return answers(port, host)

    wait_until(ready, seconds, f"an answer on port {port}")


class TestCase(unittest.TestCase):
    """A test with a temporary folder, whose processes end with it."""

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="vitrine-test-")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.processes = []
        self.addCleanup(self._stop_processes)

    def path(self, *names):
        """A path in the temporary folder."""
        return os.path.join(self.folder, *names)

    def shadow_rsync(self, script):
        """An environment in which rsync is SCRIPT."""
        folder = self.path("bin")
        os.makedirs(folder, exist_ok=True)
        path = os.path.join(folder, "rsync")
        with open(path, "w", encoding="utf-8") as file:
            file.write("#!/bin/sh\n" + script)
        os.chmod(path, 0o755)
        return {**os.environ, "PATH": folder + ":" + os.environ["PATH"]}

    def start(self, *arguments, env=None):
        """Starts a vitrine command; it is stopped after the test."""
        process = Process(self.folder, *arguments, env=env)
        self.processes.append(process)
        return process

    def start_serving(self, port, *arguments, seconds=60):
        """Starts a command and waits until it answers on PORT."""
        process = self.start(*arguments)
        wait_for_port(process, port, seconds)
        return process

    def _stop_processes(self):
        for process in self.processes:
            process.stop()
            kill_session(process.pid)
            process.check_sanitizers()


def main():
    """The end of every test file."""
    unittest.main(verbosity=2)
