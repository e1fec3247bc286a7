"""A service that is replaced by another while clients ask: none of them is refused or cut.

RESTARTS=50 does it that often instead of 5 times.

ctest: threads
"""

import contextlib
import os
import resource
import socket
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import shelf
import support
from asking import asking
from shelf import Client, get

RESTARTS = int(os.environ.get("RESTARTS", "5"))
CLIENTS = 8
DRAIN = "60s"
FRESH_S = 0.4  # a service that stops waits so long, and a little more, for a request


class Restarts(support.TestCase):
    """One service after the other at one address."""

    def setUp(self):
        super().setUp()
        self.shelf = shelf.Shelf(self.folder, large_loans=300)
        self.shelf.build()

    def begin(self, *arguments, **options):
        """A service that listens already."""
        process = support.Process(self.folder, "serve", "--root", self.shelf.root, "--scrub", 0,
                                  *arguments, **options)
        self.processes.append(process)
        return process, shelf.listening(process)[1]

    def ask_while(self, port, restart):
        """Has clients ask while RESTART is called with them again and again; each keeps its own pace."""
        with asking(self, CLIENTS, port) as clients:
            support.wait_until(lambda: all(client.answers for client in clients), what="answers")
            for _ in range(RESTARTS):
                restart(clients)
        for client in clients:
            self.assertGreater(client.connections, RESTARTS)
        print(f"{RESTARTS} restarts, {sum(client.answers for client in clients)} answers on "
              f"{sum(client.connections for client in clients)} connections, 0 failed",
              file=sys.stderr)

    def replace(self, old, new, clients):
        """Ends OLD, beside which NEW listens already, once every client that it had was told to go."""
        until_told = [client for client in clients if client.lasts > 1]
        before = [client.connections for client in until_told]
        old.send(15)
        self.wait_for_connections(until_told, before)
        others = [client for client in clients if client.lasts == 1]
        self.wait_for_connections(others, [client.connections for client in others])
        old.send(15)
        self.assertEqual(old.wait(), 0, old.stderr)
        self.assertIn(" draining signal=15 ms=60000", old.stderr)
        self.assertIsNone(new.returncode, new.stderr)

    def test_a_drain_ends_by_itself(self):
        process, _ = self.begin("--listen", "127.0.0.1:0", "--drain", "1s")
        begun = time.monotonic()
        process.send(15)
        self.assertEqual(process.wait(), 0, process.stderr)
        self.assertGreater(time.monotonic() - begun, 0.9)
        self.assertIn(" draining signal=15 ms=1000", process.stderr)

    def end(self, process):
        """Ends PROCESS before its drain is over."""
        process.send(15)
        support.wait_until(lambda: " draining " in process.stderr, what="the drain")
        process.send(15)
        self.assertEqual(process.wait(), 0, process.stderr)

    @staticmethod
    def wait_for_connections(clients, before):
        """Waits until each of CLIENTS has had more connections than BEFORE, or one has failed."""
        support.wait_until(lambda: any(client.failure for client in clients) or all(
            client.connections > count for client, count in zip(clients, before)),
                           what="connections after those that end")

    def test_a_process_takes_over_from_the_one_that_shares_its_port(self):
        arguments = ("--threads", 2, "--drain", DRAIN)
        running, port = self.begin("--listen", "127.0.0.1:0", *arguments)

        def restart(clients):
            nonlocal running
            new, _ = self.begin("--listen", f"127.0.0.1:{port}", *arguments)
            self.replace(running, new, clients)
            running = new

        self.ask_while(port, restart)
        self.end(running)

    def drain(self, old, client):
        """Has OLD drain, and waits until CLIENT, which is connected to it, is told to go: new
        connections are another's by then."""
        old.send(15)
        support.wait_until(lambda: self.is_told(client), what="the drain")
        self.assertIn(" draining ", old.stderr)

    def is_told(self, client):
        """Whether CLIENT is answered, and told that its connection ends with that."""
        client.send(get("/branches/7"))
        answer = client.answer()
        self.assertEqual(answer.status, 200)
        return answer.headers.get("connection") == "close"

    def client(self, port):
        """A connection that was answered; it ends with the test."""
        client = Client(port)
        self.addCleanup(client.socket.close)
        client.send(get("/branches/7"))
        self.assertNotIn("connection", client.answer().headers)
        return client

    def test_new_connections_go_to_the_process_that_came_last(self):
        for before, after in ((2, 2), (1, 3), (3, 1)):
            old, port = self.begin("--listen", "127.0.0.1:0", "--threads", before, "--drain", "60s")
            client = self.client(port)
            new, _ = self.begin("--listen", f"127.0.0.1:{port}", "--threads", after)
            self.drain(old, client)
            told = [support.get(port, "/branches/7").headers.get("connection") for _ in range(40)]
            self.assertEqual(told, [None] * 40)  # the old one ends each
            for process in (old, new):
                process.send(15)
                self.assertEqual(process.wait(), 0)

    def test_new_connections_are_spread_over_all_loops_of_the_process_that_came_last(self):
        for before, after in ((2, 2), (1, 3)):
            old, port = self.begin("--listen", "127.0.0.1:0", "--threads", before, "--drain", "60s")
            client = self.client(port)
            new, _ = self.begin("--listen", f"127.0.0.1:{port}", "--threads", after,
                                "--connections", 120 * after)  # a loop takes 120
            self.drain(old, client)
            for _ in range(150):
                self.client(port)
            for process in (old, new):
                process.send(15)
                self.assertEqual(process.wait(), 0)

    def passed(self, listener):
        """Options that pass LISTENER as systemd does."""
        names = f'LISTEN_PID=$$ LISTEN_FDS=1 exec "$@" 3<&{listener.fileno()}'
        return {"wrapper": ("bash", "-c", names, "bash"), "pass_fds": (listener.fileno(),)}

    def test_a_process_takes_over_the_socket_that_systemd_passes(self):
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            listener.listen(512)
            arguments = ("--listen", "systemd", "--threads", 2, "--drain", DRAIN)
            running, port = self.begin(*arguments, **self.passed(listener))
            self.assertEqual(port, listener.getsockname()[1])

            def restart(clients):
                nonlocal running
                new, _ = self.begin(*arguments, **self.passed(listener))
                self.replace(running, new, clients)
                running = new

            self.ask_while(port, restart)
            self.end(running)

    def test_clients_wait_in_the_socket_of_systemd_while_nobody_runs(self):
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            listener.listen(16)
            with Client(listener.getsockname()[1]) as client:
                client.send(get("/branches/7"))
                self.begin("--listen", "systemd", **self.passed(listener))
                self.assertEqual(client.answer().status, 200)

    def test_without_a_socket_of_systemd_that_is_told(self):
        for env in ({}, {"LISTEN_PID": "1", "LISTEN_FDS": "1"}):
            done = support.vitrine("serve", "--root", self.shelf.root, "--listen", "systemd",
                                   check=False, env={**os.environ, **env})
            self.assertEqual(done.returncode, 2)
            self.assertIn("no socket was passed that listens; start it by a systemd socket unit, "
                          "or write --listen HOST:PORT", done.stderr)

    def test_a_process_that_drains_is_not_ready_and_answers_on(self):
        process, port = self.begin("--listen", "127.0.0.1:0", "--drain", "60s",
                                   "--admin", "127.0.0.1:0")
        admin = self.admin_port(process)
        with Client(port) as client:
            client.send(get("/branches/7"))
            self.assertNotIn("connection", client.answer().headers)
            process.send(15)
            support.wait_until(lambda: support.get(admin, "/readyz").status == 503, what="a 503")
            self.assertEqual(support.get(admin, "/readyz").text,
                             "this process is about to stop\n")
            support.wait_until(lambda: self.is_told(client), what="the drain of its loop")
            self.assertTrue(client.ended())

        def is_told_at_once():
            answer = support.get(port, "/branches/7")
            self.assertEqual(answer.status, 200)
            return answer.headers.get("connection") == "close"

        support.wait_until(is_told_at_once, what="the drain of the loop that accepts")
        begun = time.monotonic()
        process.send(15)
        self.assertEqual(process.wait(), 0)
        self.assertLess(time.monotonic() - begun, 30)  # of the 60 s of its drain

    def test_a_connection_that_has_not_asked_yet_is_still_answered(self):
        failures = [self.ask_amid_stop() for _ in range(4)]
        self.assertIn(None, failures)
        self.assertEqual([], [failure for failure in failures if failure and failure[0] < FRESH_S])

    def ask_amid_stop(self):
        """Asks on a connection when the service stops; after how long that failed, and why, if so."""
        process, port = self.begin("--listen", "127.0.0.1:0")
        failure = None
        with Client(port) as client:
            support.wait_until(lambda: self.has_accepted(process, client), what="the connection")
            begun = time.monotonic()
            process.send(15)
            support.wait_until(lambda: not support.answers(port), what="the end of listening")
            try:
                client.send(get("/branches/7"))
                answer = client.answer()
            except ConnectionError as error:
                failure = time.monotonic() - begun, str(error)
            else:
                self.assertEqual((answer.status, answer.headers["connection"]), (200, "close"))
        self.assertEqual(process.wait(), 0)
        return failure

    @staticmethod
    def has_accepted(process, client):
        """Whether PROCESS holds the other end of the connection of CLIENT."""
        local = "0100007F:{:04X}".format(client.socket.getsockname()[1])
        lines = Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]
        inodes = {line.split()[9] for line in lines if line.split()[2] == local}
        held = set()
        for fd in os.listdir(f"/proc/{process.pid}/fd"):
            with contextlib.suppress(FileNotFoundError):
                held.add(os.readlink(f"/proc/{process.pid}/fd/{fd}"))
        return any(f"socket:[{inode}]" in held for inode in inodes - {"0"})

    def test_connections_wait_while_no_descriptor_is_left(self):
        process, port = self.begin("--listen", "127.0.0.1:0", "--threads", 1)
        used = len(os.listdir(f"/proc/{process.pid}/fd"))
        resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (used + 5, used + 5))
        clients = [Client(port) for _ in range(12)]
        for client in clients:
            self.addCleanup(client.socket.close)
            client.send(get("/branches/7"))
        served = clients[:4]
        for client in served:
            self.assertEqual(client.answer().status, 200)
        support.wait_until(lambda: " accepting_paused open=" in process.stderr, what="the log")
        before = self.cpu_ticks(process)
        time.sleep(2)
        self.assertLess(self.cpu_ticks(process) - before, 40)
        for client in clients:  # each makes room for another
            if client not in served:
                self.assertEqual(client.answer().status, 200)
            client.socket.close()

    def test_the_admin_listener_answers_while_clients_have_every_descriptor(self):
        most, spared = 128, 8
        process, port = self.begin(
            "--listen", "127.0.0.1:0", "--threads", 2, "--admin", "127.0.0.1:0",
            "--first-byte-timeout", "10m",  # nobody makes room but the test
            wrapper=("sh", "-c", f'ulimit -n {most} && exec "$@"', "sh"))
        admin = self.admin_port(process)

        def is_full():
            return len(os.listdir(f"/proc/{process.pid}/fd")) >= most - spared - 1

        clients = [Client(port) for _ in range(2 * most)]
        for client in clients:
            self.addCleanup(client.socket.close)
        support.wait_until(lambda: process.stderr.count(" accepting_paused open=") >= 2,
                           what="the log of both loops")
        for client in clients[:most]:  # each makes room for another
            support.wait_until(is_full, what="clients that have what there is for them")
            self.check_admin(admin, most)
            client.socket.close()
        for client in clients:
            client.socket.close()
        self.assertEqual(support.get(port, "/branches/7").status, 200)

    def check_admin(self, port, most):
        """Looks at all that an operator looks at, and at /metrics twice at a time."""
        for path in "/healthz", "/readyz", "/status.json", "/metrics":
            self.assertEqual(support.get(port, path).status, 200)
        with Client(port), Client(port) as second:
            second.send(get("/metrics"))
            values = dict(line.rsplit(" ", 1) for line in second.answer().body.decode().splitlines()
                          if not line.startswith("#"))
        self.assertEqual(float(values["process_max_fds"]), most)
        self.assertGreater(float(values["process_open_fds"]), most - 16)
        self.assertGreater(float(values["process_resident_memory_bytes"]), 0)

    @staticmethod
    def admin_port(process):
        """The port of its admin listener."""
        return int(process.stderr.split("admin_listening address=127.0.0.1:")[1].split()[0])

    @staticmethod
    def cpu_ticks(process):
        """User and system time of PROCESS, in hundredths of a second."""
        with open(f"/proc/{process.pid}/stat", encoding="utf-8") as file:
            fields = file.read().rpartition(")")[2].split()
        return int(fields[11]) + int(fields[12])


if __name__ == "__main__":
    support.main()
