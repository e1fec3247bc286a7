"""`vitrine pull`, killed before each call that changes the root, and with each of its file operations
failed in turn; the same of the rsyncs that it starts. `current` is a complete release all the time,
and the next pull finishes the job and leaves nothing lying about.

ctest: side by side
"""
import contextlib
import os
import shlex
import shutil
import signal
import subprocess
import time

import faults
import support
from pulling import PullCase

ORPHANS = 4
LEAST_HIT = 0.8  # what rsync prints comes in pieces, so that the count of a call is not quite fixed


class PullOfHalf(faults.FaultCase):
    """A pull of release 3, part of which is here already, after which 1 is removed."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        half = os.path.join(cls.node, "releases/.incoming")
        begun = os.path.join(half, "loans/.partial/0001.db")
        os.makedirs(os.path.join(half, "branches"))
        os.makedirs(os.path.dirname(begun))
        new = cls.contents["000003"]
        for path, content in ((os.path.join(half, "manifest.json"), new["manifest.json"]),
                              (os.path.join(half, "branches/0001.db"), new["branches/0001.db"]),
                              (begun, new["loans/0001.db"][:20000])):
            with open(path, "wb") as file:
                file.write(content)

    def pull_of_two(self, root):
        """The arguments of a pull that keeps two releases."""
        return self.pull(root, "--keep", 2)


class TestPull(PullOfHalf):
    """What the pull does itself."""

    def test_a_kill_before_each_change_leaves_a_root_that_the_next_pull_completes(self):
        self.try_all(self.pull_of_two, self.node, faults.kills, LEAST_HIT)

    def test_each_file_operation_that_fails_leaves_a_root_that_the_next_pull_completes(self):
        self.try_all(self.pull_of_two, self.node, faults.errors, LEAST_HIT)


class TestRsync(PullOfHalf):
    """What the rsyncs do that it starts in turn, each of which is several processes."""

    def traced(self, command, root, step=None, fault=None):
        """Puts a tracer in the place of rsync, or only of the one whose turn it is at STEP."""
        folder = os.path.dirname(root)
        rsync = shutil.which("rsync")
        with open(os.path.join(folder, "rsync"), "w", encoding="utf-8") as file:
            os.fchmod(file.fileno(), 0o755)
            file.write(f"#!/bin/sh\ncd {folder}\necho >> turns\nturn=$(wc -l < turns)\n")
            if step:
                file.write(f'[ "$turn" = {step.turn} ] || exec {rsync} "$@"\n')
            file.write(f"exec {shlex.join(faults.tracing(step, fault))} -ff -o trace.$turn {rsync} "
                       '"$@"\n')
        done = subprocess.run([support.binary(), *map(str, command(root))], capture_output=True,
                              text=True, timeout=60, check=False,
                              env={**os.environ, "PATH": folder + ":" + os.environ["PATH"]})
        return done, list(self._steps(folder, root))

    @staticmethod
    def _steps(folder, root):
        """The same step of several processes is one."""
        seen = set()
        for name in sorted(os.listdir(folder)):
            if name.startswith("trace."):
                for step in faults.calls_of(os.path.join(folder, name), root):
                    turn = int(name.split(".")[1])
                    if (turn, *step[:2]) not in seen:
                        seen.add((turn, *step[:2]))
                        yield step._replace(turn=turn)

    def test_a_kill_before_each_change_leaves_a_root_that_the_next_pull_completes(self):
        self.try_all(self.pull_of_two, self.node, faults.kills, LEAST_HIT)

    def test_each_file_operation_that_fails_leaves_a_root_that_the_next_pull_completes(self):
        self.try_all(self.pull_of_two, self.node, faults.errors, LEAST_HIT)


class TestOrphans(PullCase):
    """rsync, when it is killed itself, and when it outlives the pull that started it."""

    def setUp(self):
        super().setUp()
        self.add_loans(2)
        self.shelf.build()
        self.source = self.daemon().url

    def begun(self):
        """A pull amid a transfer, and its rsyncs."""
        process = self.start("pull", "--from", self.source, "--root", self.node(),
                             "--bwlimit", "200K")
        loans = os.path.join(self.node(), "releases/.incoming/loans")
        support.wait_until(lambda: os.path.isdir(loans) and os.listdir(loans), what="a transfer")
        return process, [pid for pid in support.session_members(process.pid) if pid != process.pid]

    def test_an_rsync_that_outlives_its_pull_never_works_beside_the_next_one(self):
        env = self.shadow_rsync(f"trap '' TERM\n: >{self.path('deaf')}\nexec sleep 600\n")
        process = self.start("pull", "--from", self.source, "--root", self.node(), env=env)
        support.wait_until(lambda: os.path.exists(self.path("deaf")) and
                           len(support.session_members(process.pid)) == 2, what="the rsync")
        orphan, = set(support.session_members(process.pid)) - {process.pid}
        process.send(signal.SIGKILL)
        process.wait()
        done = self.pull(self.source, check=False)
        self.assertEqual(1, done.returncode, done.stdout)
        self.assertIn("another build or pull is at work in", done.stderr)
        os.kill(orphan, signal.SIGKILL)
        self.pull(self.source)
        self.assert_same_as_builder()
        self.assertEqual(["000001"], self.releases())

    def test_a_kill_while_rsync_is_being_started_leaves_none(self):
        why = faults.why_not()
        if why:
            self.skipTest(why)
        env = self.shadow_rsync(f": >{self.path('started')}\nexec sleep 600\n")
        env["ASAN_OPTIONS"] = env.get("ASAN_OPTIONS", "") + ":detect_leaks=0"
        self.assertTrue(any(self.is_killed_amid_start(env) for _ in range(4)))

    def is_killed_amid_start(self, env):
        """Kills a pull that is starting rsync, and waits until all has ended; whether it was in time."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.path("started"))
        tracer = support.Process(
            self.folder, "pull", "--from", self.source, "--root", self.node(),
            wrapper=("strace", "-f", "-qq", "-o", os.devnull, "-e", "trace=setpgid",
                     "-e", "inject=setpgid:delay_enter=3000000"),  # amid the start, for 3 s
            env=env)
        self.processes.append(tracer)
        support.wait_until(lambda: len(support.session_members(tracer.pid)) == 3, what="the start")
        time.sleep(0.5)
        with open(f"/proc/{tracer.pid}/task/{tracer.pid}/children", encoding="ascii") as file:
            pull, = file.read().split()
        os.kill(int(pull), signal.SIGKILL)
        support.wait_for_session_end(tracer)
        return not os.path.exists(self.path("started"))

    def test_a_pull_right_after_a_kill_waits_for_the_rsync_that_is_ending(self):
        for _ in range(ORPHANS):
            process, _ = self.begun()
            time.sleep(self.random.uniform(0, 0.5))
            process.send(signal.SIGKILL)
            self.pull(self.source)
            self.assert_same_as_builder()
            self.assertEqual(["000001"], self.releases())
            shutil.rmtree(self.node())

    def test_an_rsync_that_is_killed_ends_the_pull_and_the_next_one_finishes_the_job(self):
        for number in range(ORPHANS):
            process, workers = self.begun()
            time.sleep(self.random.uniform(0, 0.5))
            os.kill(workers[number % len(workers)], signal.SIGKILL)
            self.assertEqual(1, process.wait(), process.stderr)
            self.assertRegex(process.stderr, r"fetch from rsync://\S+: \S+")
            self.assertIsNone(self.current())
            self.pull(self.source)
            self.assert_same_as_builder()
            shutil.rmtree(self.node())


if __name__ == "__main__":
    support.main()
