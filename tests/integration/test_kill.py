"""kill -9 at any moment of a build: the root is as it was, or has one complete release more; the next
build works, and nothing piles up, neither in the root nor on the server.

ctest: side by side
"""

import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import moves
import support
from postgres import Cluster
from releases import manifest, names_below, releases, state, write

KILLS = 100  # of each source
PRODUCTS = 200
BUILD_EVERY = 10  # kills, one of which is followed by a build that is let live
LONGEST = 1.15  # the last kills come when most builds have ended
SESSIONS_END_S = 30
BUSY_SESSIONS_END_S = 30  # a busy server looks for its client now and then
LIBRARY = os.path.join(support.ROOT, "assets", "library")

# What a build does to a folder. It is killed as it enters the first call of each kind, the second ...
CALLS = ("mkdir", "fsync", "rename", "symlink", "unlinkat")
LEAST_CALLS = {"mkdir": 3, "fsync": 8, "rename": 4, "symlink": 1, "unlinkat": 5}
CALLS_MAX = 200

# What a kill may leave until the next build.
IN_PROGRESS = re.compile(r"releases/\.(building|retiring-\d+)(/|$)|current\.\d+\.new$|"
                         r"state\.json\.\w{6}$")

cluster = None


def setUpModule():
    global cluster
    cluster = Cluster()


def tearDownModule():
    cluster.stop()


def shape(root):
    """Every path of a root, with all releases called by one name."""
    return sorted(re.sub(r"^releases/\d+", "releases/N", name) for name in names_below(root))


class Kill(support.TestCase):
    """A source in self.url by self.definition, and a root with two releases of it."""

    definition = support.DEFINITION
    url = None

    def setUp(self):
        super().setUp()
        self.root = self.path("root")
        self.build()
        started = time.monotonic()
        self.build()
        self.usual_s = time.monotonic() - started
        self.content = manifest(self.root)["content"]
        self.shape = shape(self.root)

    def command(self):
        """The arguments of a build, which keeps two releases: it removes one at its end, too."""
        return ("build", "--definition", self.definition, "--source", self.url, "--root", self.root,
                "--force", "--keep", 2, "--jobs", 2)

    def build(self):
        """A build that is let live."""
        support.vitrine(*self.command())

    def assert_whole(self, before):
        """The root is as BEFORE, or has one complete release more, which is current or, when the
        kill came before the link was changed, not yet; nothing else is in it but work in progress."""
        names, current = state(self.root)
        new = sorted(set(names) - set(before[0]))
        self.assertLessEqual(len(new), 1, (before, names, current))
        self.assertIn(current, [before[1], *new], (before, names, current))
        self.assertIn(current, names)
        for name in names:
            support.vitrine("verify", "--root", self.root, "--release", int(name))
            self.assertEqual(manifest(self.root, f"releases/{name}")["content"], self.content)
        others = [name for name in shape(self.root) if name not in self.shape]
        self.assertEqual([name for name in others if not IN_PROGRESS.match(name)], [])

    def assert_next_build_works(self):
        """The next build makes one release more, and the root holds what it held at first."""
        last = int(releases(self.root)[-1])
        self.build()
        self.assertEqual(manifest(self.root)["release"], last + 1)
        self.assertEqual(manifest(self.root)["content"], self.content)
        self.assertEqual(shape(self.root), self.shape)

    def kill_at_random(self, seed):
        """Builds that are killed at moments spread over what a build takes; how many were."""
        print(f"seed {seed}, a build takes {self.usual_s:.2f} s", flush=True)
        chance = random.Random(seed)
        killed = 0
        for number in chance.sample(range(KILLS), KILLS):
            before = state(self.root)
            wait_s = (number + chance.random()) / KILLS * LONGEST * self.usual_s
            with subprocess.Popen([support.binary(), *map(str, self.command())],
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
                begun = time.monotonic()
                try:
                    process.wait(wait_s)
                    self.usual_s = time.monotonic() - begun  # other work has ended meanwhile
                except subprocess.TimeoutExpired:
                    process.kill()
            killed += process.returncode == -signal.SIGKILL
            self.assert_whole(before)
            if number % BUILD_EVERY == 0:
                self.assert_next_build_works()
        self.assert_next_build_works()
        print(f"{killed} of {KILLS} builds were killed", flush=True)
        return killed


def make_shop(cls, url):
    """Imports generated exports with all their dirt, once for a class."""
    base = tempfile.mkdtemp(prefix="vitrine-kill-")
    cls.addClassCleanup(shutil.rmtree, base, ignore_errors=True)
    cls.url = url or f"sqlite:{base}/shop.db"
    exports = os.path.join(base, "exports")
    support.vitrine("generate", "--definition", cls.definition, "--products", PRODUCTS, "--seed", 9,
                    "--dirt", exports)
    support.vitrine("import", "--definition", cls.definition, "--source", cls.url, "--rejects",
                    os.path.join(base, "rejects.csv"), exports)


class FromSqlite(Kill):
    """Builds from a file."""

    @classmethod
    def setUpClass(cls):
        make_shop(cls, None)

    def test_a_kill_at_a_random_moment_leaves_the_root_whole(self):
        self.assertGreater(self.kill_at_random(seed=7), KILLS // 2)


class FromPostgres(Kill):
    """Builds from a server."""

    @classmethod
    def setUpClass(cls):
        make_shop(cls, cluster.create("shop"))

    def test_a_kill_at_a_random_moment_leaves_the_root_whole_and_the_server_without_sessions(self):
        self.assertGreater(self.kill_at_random(seed=8), KILLS // 2)
        support.wait_until(lambda: cluster.rows(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'vitrine'",
            "postgres") == [["0"]], SESSIONS_END_S, "the end of the sessions")


class AtEachCall(Kill):
    """A small build that is killed at each call that changes a folder, by strace."""

    definition = os.path.join(LIBRARY, "definition.yaml")

    def setUp(self):
        self.tracer = shutil.which("strace")
        done = self.tracer and subprocess.run([self.tracer, "-o", os.devnull, "true"], check=False,
                                              capture_output=True)
        if not done or done.returncode != 0:
            self.skipTest("strace cannot trace here")
        base = tempfile.mkdtemp(prefix="vitrine-kill-")
        self.addCleanup(shutil.rmtree, base, ignore_errors=True)
        self.url = f"sqlite:{base}/library.db"
        support.vitrine("import", "--definition", self.definition, "--source", self.url,
                        "--rejects", os.path.join(base, "rejects.csv"), LIBRARY)
        super().setUp()

    def killed_at(self, call, number):
        """Whether a build came to its NUMBERth CALL, at which it was killed."""
        command = [self.tracer, "-f", "-qq", "-o", os.devnull, "-e", f"trace={call}", "-e",
                   f"inject={call}:signal=KILL:when={number}", support.binary(),
                   *map(str, self.command())]
        options = os.environ.get("ASAN_OPTIONS", "")
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False,
                              env={**os.environ, "ASAN_OPTIONS": options + ":detect_leaks=0"})
        if done.returncode not in (0, -signal.SIGKILL):
            raise AssertionError(f"{call} {number}: {done.returncode}\n{done.stderr}")
        return done.returncode != 0

    def test_a_kill_at_each_call_leaves_the_root_whole(self):
        kills = {}
        for call in CALLS:
            for number in range(1, CALLS_MAX):
                before = state(self.root)
                if not self.killed_at(call, number):
                    break
                with self.subTest(call=call, number=number):
                    self.assert_whole(before)
                    self.assert_next_build_works()
                kills[call] = number
        print(f"killed at: {kills}", flush=True)
        for call, least in LEAST_CALLS.items():
            self.assertGreaterEqual(kills.get(call, 0), least, call)


class Waiting(moves.Moving):
    """A build that waits for the server, which has nothing to send to it."""

    @classmethod
    def setUpClass(cls):
        cls.cluster = cluster

    def test_a_kill_while_the_server_is_busy_leaves_no_session_for_long(self):
        write(self.path("moves.yaml"), moves.DEFINITION.replace(
            "title FROM lent", f"title FROM lent, pg_sleep({4 * BUSY_SESSIONS_END_S})"))
        process = self.start(*self.command())
        support.wait_until(lambda: self.sessions_that("wait_event = 'PgSleep'") > 0,
                           what="a build that waits for the server")
        process.send(signal.SIGKILL)
        process.wait()
        support.wait_until(lambda: self.builders() == 0, BUSY_SESSIONS_END_S,
                           "the end of its sessions")


if __name__ == "__main__":
    support.main()
