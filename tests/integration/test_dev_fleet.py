"""`./dev fleet`: a whole fleet in network namespaces answers, a write comes back in reads, and at
the end, whichever way it comes, no process, namespace, interface or file is left."""
import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
import unittest

import fleet
import netns
import support

RUN = os.path.join(support.ROOT, "ops", "fleet", "run.py")
PRODUCTS = 50
NODES = 2
SEEN_S = 120  # from a write to its rebuilt and pulled answer, with sanitizers on two busy cores
REVIEW = {"product_id": 1, "rating": 5, "summary": "from the test", "body": "a body",
          "recommend": True, "name": "tester", "email": "tester@example.com"}


def setUpModule():
    why = fleet.why_not()
    if why:
        raise unittest.SkipTest(why)


def stat(pid):
    """(parent, start time) of a process; None when it is gone, a zombie included."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            fields = file.read().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] == "Z" else (int(fields[1]), int(fields[19]))


def descendants(pid):
    """{pid: start time} of a process and all below it."""
    every = {int(name): stat(name) for name in os.listdir("/proc") if name.isdigit()}
    found = {one: every[one][1] for one in (pid,) if every.get(one)}
    while more := {one: its[1] for one, its in every.items()
                   if its and its[0] in found and one not in found}:
        found.update(more)
    return found


def namespace(pid):
    """The network namespace of a process."""
    try:
        return os.readlink(f"/proc/{pid}/ns/net")
    except OSError:
        return None


def interfaces():
    """{(name, number)} of those by which this machine is plugged into fleets."""
    found = set()
    for name in os.listdir("/sys/class/net"):
        with contextlib.suppress(OSError):  # it is gone meanwhile
            if name.startswith("vitrine"):
                with open(f"/sys/class/net/{name}/ifindex", encoding="ascii") as file:
                    found.add((name, int(file.read())))
    return found


class TestDevFleet(support.TestCase):
    """Starts the command, and looks at what it leaves."""

    def setUp(self):
        super().setUp()
        self.interfaces = interfaces()
        self.running = None
        self.seen = {}
        self.spaces = set()

    def start_fleet(self, *arguments, **env):
        """Starts it; its temporary files go below the folder of the test."""
        os.makedirs(self.path("tmp"), exist_ok=True)
        os.chmod(self.folder, 0o755)
        self.output = open(self.path("output"), "wb")
        self.addCleanup(self.output.close)
        self.running = subprocess.Popen(  # pylint: disable=consider-using-with
            [sys.executable, RUN, "--products", str(PRODUCTS), "--nodes", str(NODES), *arguments],
            env={**os.environ, "VITRINE": support.binary(), "TMPDIR": self.path("tmp"), **env},
            stdin=subprocess.DEVNULL, stdout=self.output, stderr=subprocess.STDOUT)
        self.addCleanup(self.end_fleet)

    def held_program(self, instead):
        """A vitrine that does not serve before let_go(), so that what runs then can be noted; INSTEAD
        is what it does then, if that is another thing."""
        program = self.path("vitrine")
        with open(program, "w", encoding="utf-8") as file:
            file.write(f'#!/bin/sh\nif [ "$1" = serve ]; then\n'
                       f'    until [ -e "{self.path("go")}" ]; do sleep 0.05; done\n    {instead}\n'
                       f'fi\nexec "{support.binary()}" "$@"\n')
        os.chmod(program, 0o755)
        return program

    def let_go(self):
        """See held_program()."""
        with open(self.path("go"), "w", encoding="utf-8"):
            pass

    def end_fleet(self):
        """Whatever a failed test left running."""
        if self.running.poll() is None:
            self.running.terminate()
            self.running.wait(30)

    def said(self):
        """What it printed until now."""
        with open(self.path("output"), encoding="utf-8") as file:
            return file.read()

    def wait_for(self, text, seconds=120):
        """Until it says so; notes all processes of that moment."""
        def found():
            has_ended = self.running.poll() is not None  # all that it says is there then
            if text not in self.said() and has_ended:
                raise AssertionError(f"ended with {self.running.returncode}\n{self.said()}")
            return text in self.said()
        support.wait_until(found, seconds, text)
        self.note()

    def note(self):
        """Notes all processes that it has now, and the network namespaces that they are in."""
        found = descendants(self.running.pid)
        self.assertTrue(found, "it ended before its processes were noted")
        self.seen.update(found)
        self.spaces |= {namespace(pid) for pid in self.seen} - {namespace(os.getpid()), None}

    def assert_nothing_is_left(self, code, seconds=120):
        """It ends with CODE, and everything with it."""
        self.assertEqual(self.running.wait(seconds), code, self.said())
        started = time.monotonic()
        while left := [pid for pid, start in self.seen.items()
                       if (stat(pid) or (0, 0))[1] == start]:
            self.assertLess(time.monotonic() - started, 60, left)
            time.sleep(0.05)
        # What was started after the last note() may take a moment longer.
        support.wait_until(lambda: not self.spaces & {namespace(name) for name in os.listdir("/proc")
                                                      if name.isdigit()},
                           what="the namespaces empty")
        support.wait_until(lambda: interfaces() <= self.interfaces, 180, "the interface gone")

    def assert_no_files_are_left(self):
        """Nor a file."""
        self.assertEqual(os.listdir(self.path("tmp")), [])

    @staticmethod
    def ready(port, host):
        """What /readyz says."""
        answer = support.get(port, "/readyz", host=host)
        return answer.status, answer.text

    def front(self):
        """(address, port) of the balancer, as it is printed."""
        found = re.search(r"the balancer +http://([\d.]+):(\d+)/", self.said())
        return found[1], int(found[2])

    def test_it_answers_a_write_comes_back_and_sigterm_removes_everything(self):
        self.start_fleet()
        self.wait_for("Ctrl-C ends all of it.")
        host, port = self.front()
        answer = support.get(port, "/products/1", host=host)
        self.assertEqual((answer.status, json.loads(answer.text)["id"]), (200, 1))
        addresses = re.findall(r"^(?:node\d+|primary) +http://([\d.]+):(\d+), status page "
                               r"http://[\d.]+:(\d+)/", self.said(), re.MULTILINE)
        self.assertEqual(len(addresses), NODES + 1)
        for address, reads, admin in addresses:
            self.assertEqual(support.get(int(reads), "/products/1", host=address).text, answer.text)
            # Ready a moment after it answers; the primary says more until its source is reached.
            support.wait_until(lambda where=(int(admin), address): self.ready(*where) ==
                               (200, "ready\n"), what="a node that is ready")
        written = support.request(port, "/reviews", "POST", {"Content-Type": "application/json"},
                                  json.dumps(REVIEW), host=host)
        self.assertEqual((written.status, written.text), (201, "Created"))
        started = time.monotonic()
        for where in [(host, port)] + [(address, int(reads)) for address, reads, _ in addresses]:
            support.wait_until(
                lambda where=where: REVIEW["summary"] in support.get(
                    where[1], "/reviews?product_id=1&count=100", host=where[0]).text,
                SEEN_S, "the review in the answer")
        print(f"a review was in all answers after {time.monotonic() - started:.1f} s", flush=True)
        self.note()
        self.assertGreater(len(self.seen), 10)
        self.assertEqual(len(self.spaces), NODES + 4)
        self.running.terminate()
        self.assert_nothing_is_left(0)
        self.assert_no_files_are_left()

    def test_it_ends_by_itself_when_told_to(self):
        self.start_fleet("--for", "1", VITRINE=self.held_program(""))
        self.wait_for("starting nodes")
        self.let_go()
        self.assert_nothing_is_left(0)
        self.assert_no_files_are_left()

    def test_an_interrupt_while_it_starts_removes_everything(self):
        for step in "starting PostgreSQL", "importing", "starting nodes":
            with self.subTest(step=step):
                self.start_fleet()
                self.wait_for(step)
                self.running.send_signal(signal.SIGINT)
                self.assert_nothing_is_left(0)
                self.assert_no_files_are_left()

    def test_a_start_that_fails_says_why_and_removes_everything(self):
        self.start_fleet(VITRINE=self.held_program("echo no >&2; exit 1"))
        self.wait_for("starting nodes")
        self.let_go()
        self.assert_nothing_is_left(1)
        self.assertIn("dev fleet: ended with 1\nno\n", self.said())
        self.assert_no_files_are_left()

    def test_what_it_started_does_not_outlive_it_when_it_is_killed(self):
        self.start_fleet()
        self.wait_for("Ctrl-C ends all of it.")
        self.running.kill()
        self.assert_nothing_is_left(-signal.SIGKILL)

    def test_wrong_options_are_2_and_say_what_is_right(self):
        for arguments, message in ((["--nodes", "0"], '"0" is not a number from 1 on'),
                                   (["--nodes", "201"], "--nodes: at most 200"),
                                   (["--products", "x"], '"x" is not a number from 1 on')):
            done = subprocess.run([sys.executable, RUN, *arguments], capture_output=True,
                                  text=True, check=False)
            self.assertEqual(done.returncode, 2)
            self.assertIn(message, done.stderr)


if __name__ == "__main__":
    netns.enter_user_namespace()
    support.main()
