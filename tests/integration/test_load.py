"""The load generator of the benches, against servers that stall, cut, lie and go away."""
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager

import support

sys.path.insert(0, os.path.join(support.ROOT, "tests", "bench"))
import generator  # pylint: disable=wrong-import-position

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Server:
    """Answers each request with what ANSWER(path) returns, and then closes the connection or not."""

    def __init__(self, answer, closes):
        self.answer, self.closes, self.paths, self.is_ended = answer, closes, [], False
        self.stalled_until = 0
        self.stalls_at = 0  # its so manieth request, for half a second; 0: never
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        """Until is_ended."""
        clients = {}
        while not self.is_ended:
            time.sleep(max(0, self.stalled_until - time.monotonic()))
            for ready in select.select([self.listener, *clients], [], [], 0.02)[0]:
                if ready is self.listener:
                    clients[self.listener.accept()[0]] = b""
                elif not self.serve(ready, clients):
                    ready.close()
                    del clients[ready]
        for client in clients:
            client.close()
        self.listener.close()

    def serve(self, client, clients):
        """One read; false when the connection is to be closed."""
        try:
            data = client.recv(65536)
        except OSError:
            return False
        clients[client] += data
        while b"\r\n\r\n" in clients[client]:
            head, clients[client] = clients[client].split(b"\r\n\r\n", 1)
            path = head.split(b" ")[1].decode()
            self.paths.append(path)
            if len(self.paths) == self.stalls_at:
                self.stalled_until = time.monotonic() + 0.5
            try:
                client.sendall(self.answer(path))
            except OSError:
                return False
            if self.closes:
                return False
        return data != b""

    def wait_for(self, count):
        """Until so many requests came."""
        support.wait_until(lambda: len(self.paths) >= count, what=f"{count} requests")

    def end(self):
        """Closes everything."""
        self.is_ended = True
        self.thread.join(10)


@contextmanager
def serving(answer, closes=False):
    """A server for the time of a with block."""
    server = Server(answer, closes)
    try:
        yield server
    finally:
        server.end()


class LoadGenerator(support.TestCase):
    """What it counts, and from when."""

    @classmethod
    def setUpClass(cls):
        cls.made = support.tempfile.mkdtemp(prefix="vitrine-load-")
        cls.tool = generator.compile_load(cls.made)

    @classmethod
    def tearDownClass(cls):
        support.shutil.rmtree(cls.made)

    def load(self, port, path="/", **options):
        """A run's JSON."""
        return generator.run(generator.command(self.tool, port, path, **options))

    def test_the_latency_of_a_stall_counts_from_when_requests_were_due(self):
        with serving(lambda path: OK) as server:
            server.stalls_at = 100
            found = self.load(server.port, rate=200, seconds=2, connections=2)
        self.assertEqual((400, 0), (found["requests"], found["failed"]), found)
        # A quarter of the run stood still: a quarter of the requests waited, evenly up to half a
        # second, although only two of them had been sent.
        self.assertGreater(found["p90_us"], 200000)
        self.assertGreater(found["p99_us"], 400000)
        self.assertGreater(found["max_us"], 450000)

    def test_a_closed_loop_ends_after_its_requests(self):
        with serving(lambda path: OK) as server:
            found = self.load(server.port, requests=100, seconds=30, connections=4)
            self.assertEqual(100, len(server.paths))
        self.assertEqual((100, 0), (found["status_2xx"], found["failed"]))
        self.assertEqual(2.0, found["mean_body"])

    def test_an_open_loop_sends_all_that_its_schedule_has(self):
        with serving(lambda path: OK) as server:
            found = self.load(server.port, rate=300, seconds=1, connections=8)
            self.assertEqual(300, len(server.paths))
        self.assertEqual(300, found["requests"])

    def test_errors_are_counted_by_kind(self):
        half = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"
        cases = (
            ("error_cut", b"", True, 30),
            ("error_cut", half, True, 30),
            ("error_timeout", half, False, 0.5),
            ("error_length", OK + b"more", False, 30),
            ("error_malformed", b"HTTP/1.1 200 OK\r\n\r\n", False, 30),
            ("status_4xx", b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", False, 30),
            ("status_5xx", b"HTTP/1.1 503 Unavailable\r\nContent-Length: 0\r\n\r\n", False, 30),
        )
        for kind, answer, closes, timeout in cases:
            with self.subTest(kind), serving(lambda path, a=answer: a, closes) as server:
                found = self.load(server.port, rate=50, seconds=1, connections=50, timeout=timeout)
                self.assertEqual((50, 50), (found[kind], found["failed"]), found)

    def test_a_silent_server_is_a_time_out(self):
        with serving(lambda path: b"") as server:
            found = self.load(server.port, rate=20, seconds=1, connections=30, timeout=0.3)
        self.assertEqual(20, found["error_timeout"], found)
        self.assertEqual(0, found["requests"])

    def test_what_was_never_sent_is_a_time_out(self):
        with serving(lambda path: b"") as server:
            found = self.load(server.port, rate=100, seconds=1, connections=1, timeout=2)
            self.assertLess(len(server.paths), 5)
        self.assertEqual(100, found["error_timeout"], found)

    def test_a_server_that_goes_away_is_cuts_then_refused_connections(self):
        with serving(lambda path: OK) as server:
            command = generator.command(self.tool, server.port, "/", rate=200, seconds=4,
                                        connections=4)
            with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
                server.wait_for(40)
                server.end()
                found = json.loads(process.communicate(timeout=30)[0])
        self.assertGreater(found["requests"], 20)
        self.assertGreater(found["error_connect"], 100)
        self.assertEqual(800, found["requests"] + found["errors"], found)

    def test_a_connection_that_the_server_ends_politely_is_no_error(self):
        answer = OK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
        with serving(lambda path: answer) as server:
            found = self.load(server.port, rate=100, seconds=1, connections=2)
        self.assertEqual((100, 0, 100), (found["requests"], found["failed"], found["closed"]))

    def test_the_routes_of_a_mix_are_reported_one_by_one(self):
        mix = self.path("mix")
        with open(mix, "w", encoding="utf-8") as file:
            file.write("3 good /good/%d 1-9\n1 bad /bad\n")
        bad = b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n"
        with serving(lambda path: bad if path == "/bad" else OK) as server:
            found = self.load(server.port, None, mix=mix, requests=400, seconds=30)
        good, bad = found["routes"]
        self.assertEqual(("good", 0), (good["name"], good["failed"]))
        self.assertEqual(("bad", bad["requests"]), (bad["name"], bad["status_5xx"]))
        self.assertEqual(400, good["requests"] + bad["requests"])
        self.assertTrue(50 < bad["requests"] < 150, bad)

    def test_sigterm_ends_a_run_with_its_result(self):
        with serving(lambda path: OK) as server:
            command = generator.command(self.tool, server.port, "/", rate=100, seconds=0,
                                        connections=2)
            with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
                server.wait_for(40)
                process.send_signal(signal.SIGTERM)
                found = json.loads(process.communicate(timeout=30)[0])
        self.assertEqual(0, found["failed"], found)
        self.assertTrue(10 < found["requests"] < 3000, found)

    def test_wrong_usage_says_what_is_wrong(self):
        cases = (
            (("--port", "80"), "a port, and paths or a mix, are needed"),
            (("--port", "80", "--path", "/%d"), "%d in a path needs keys"),
            (("--keys", "5-1", "--port", "80", "--path", "/%d"), "FROM at most TO"),
            (("--port", "80", "--path", "x"), "a path begins with /"),
            (("--port", "80", "--path", "/", "--connections", "0"), "1 to 4096 connections"),
            (("--port", "80", "--mix", "/nowhere/mix"), "No such file or directory"),
        )
        for arguments, message in cases:
            with self.subTest(arguments):
                done = subprocess.run([self.tool, *arguments], capture_output=True, text=True,
                                      check=False)
                self.assertEqual(2, done.returncode)
                self.assertIn(message, done.stderr)

    def test_nobody_listening_is_exit_code_1(self):
        command = generator.command(self.tool, support.free_port(), "/")
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        self.assertEqual((1, "load: connect: Connection refused\n"),
                         (done.returncode, done.stderr))


if __name__ == "__main__":
    support.main()
