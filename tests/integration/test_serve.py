"""HTTP as the service speaks it: split, pipelined, malformed, too large, slow; start and stop.

ctest: threads
"""

import calendar
import contextlib
import glob
import json
import os
import re
import shutil
import signal
import socket
import sqlite3
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import shelf
import support
from shelf import Client, get

LARGE = f"/loans?branch={shelf.LARGE_BRANCH}&count=10000"
USUAL = {"content-type", "content-length", "access-control-allow-origin", "vitrine-release", "date",
         "access-control-expose-headers", "vitrine-age", "x-request-id", "cache-control", "etag",
         "vary"}


class ServedCase(support.TestCase):
    """One service for all tests of a class."""

    arguments = ("--threads", 1)
    environment = None
    shelf_class = shelf.Shelf

    @classmethod
    def setUpClass(cls):
        cls.shared = tempfile.mkdtemp(prefix="vitrine-serve-")
        cls.addClassCleanup(shutil.rmtree, cls.shared, ignore_errors=True)
        cls.shelf = cls.shelf_class(cls.shared)
        cls.shelf.build()
        cls.service = support.Process(cls.shared, "serve", "--root", cls.shelf.root, "--listen",
                                      "127.0.0.1:0", *cls.options(), env=cls.environment)
        cls.addClassCleanup(cls.stop_service)
        _, cls.port = shelf.listening(cls.service)

    @classmethod
    def options(cls):
        """What it is started with; the shelf is there."""
        return cls.arguments

    @classmethod
    def stop_service(cls):
        """It ends well whatever was asked of it."""
        code = cls.service.stop()
        if code != 0 or "runtime error:" in cls.service.stderr:
            raise AssertionError(f"vitrine serve: exit code {code}\n{cls.service.stderr}")

    def client(self, **options):
        """A raw connection that ends with the test."""
        client = Client(self.port, **options)
        self.addCleanup(client.socket.close)
        return client

    def ask(self, data, has_body=True):
        """The answer to DATA on a connection of its own."""
        with Client(self.port) as client:
            client.send(data)
            return client.answer(has_body)

    def assert_refused(self, data, status, text):
        """DATA is answered with STATUS and TEXT, and the connection ends."""
        with Client(self.port) as client:
            client.send(data)
            answer = client.answer()
            self.assertEqual((answer.status, answer.body.decode()), (status, text))
            self.assertEqual(answer.headers["connection"], "close")
            self.assertEqual(answer.headers["content-type"], "text/plain; charset=utf-8")
            self.assertTrue(client.ended())


class TestRequests(ServedCase):
    """What one client asks."""

    def test_an_answer_has_these_headers_and_no_others(self):
        asked = time.time()
        answer = self.ask(get("/branches/1"))
        self.assertEqual(answer.status, 200)
        self.assertEqual(set(answer.headers), USUAL)
        self.assertEqual(answer.headers["content-type"], "application/json; charset=utf-8")
        self.assertEqual(answer.headers["vitrine-release"], "000001")
        self.assertEqual(answer.headers["access-control-allow-origin"], "*")
        then = calendar.timegm(time.strptime(answer.headers["date"], "%a, %d %b %Y %H:%M:%S GMT"))
        self.assertTrue(asked - 5 < then < time.time() + 5, answer.headers["date"])
        self.assertEqual(json.loads(answer.body), {"id": 1, "name": "branch 1", "version": 0})

    def test_pipelined_requests_are_answered_in_order_however_they_are_split(self):
        targets = [f"/loans?branch={i}&count=3&sort={('oldest', 'newest')[i % 2]}" if i % 3
                   else f"/branches/{i}" for i in range(1, 101)]
        alone = [self.ask(get(target)).body for target in targets]
        data = b"".join(get(target) for target in targets)
        for size in (1, 7, 61, 997, 4096, len(data)):
            with self.subTest(size=size), Client(self.port) as client:
                client.send(data, size)
                self.assertEqual([client.answer().body for _ in targets], alone)

    def test_large_pipelined_answers_arrive_whole(self):
        alone = self.ask(get(LARGE)).body
        self.assertEqual(len(json.loads(alone)["results"]), shelf.LARGE_LOANS)
        with Client(self.port) as client:
            client.send((get(LARGE) + get("/branches/1")) * 12)
            for _ in range(12):
                self.assertEqual(client.answer().body, alone)
                self.assertEqual(client.answer().status, 200)

    def test_head_has_the_headers_of_get_and_no_body(self):
        for target in ("/branches/1", LARGE, "/branches/0", "/loans", "/x"):
            whole = self.ask(get(target))
            with Client(self.port) as client:
                client.send(get(target).replace(b"GET", b"HEAD", 1) + get("/branches/2"))
                head = client.answer(has_body=False)
                self.assertEqual(head.status, whole.status)
                for name in USUAL - {"date", "vitrine-age", "x-request-id"}:
                    self.assertEqual(head.headers.get(name), whole.headers.get(name))
                self.assertEqual(json.loads(client.answer().body)["id"], 2)

    def test_options_tells_what_is_allowed(self):
        for target in ("/branches", "/branches/1", "/loans", "*"):
            answer = self.ask(f"OPTIONS {target} HTTP/1.1\r\nHost: x\r\nOrigin: http://a\r\n\r\n"
                              .encode())
            self.assertEqual(answer.status, 204)
            self.assertEqual(answer.headers["allow"], "GET, HEAD, OPTIONS")
            self.assertEqual(answer.headers["access-control-allow-methods"], "GET, HEAD, OPTIONS")
            self.assertEqual(answer.headers["access-control-allow-headers"], "*")
            self.assertEqual(answer.headers["access-control-max-age"], "86400")
            self.assertNotIn("content-length", answer.headers)

    def test_other_methods_are_405_on_known_paths_and_404_elsewhere(self):
        for method in ("POST", "PUT", "DELETE", "PATCH", "TRACE"):
            answer = self.ask(f"{method} /loans HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            self.assertEqual((answer.status, answer.body), (405, b"Error: method not allowed"))
            self.assertEqual(answer.headers["allow"], "GET, HEAD, OPTIONS")
            self.assertNotIn("connection", answer.headers)
            answer = self.ask(f"{method} /lions HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            self.assertEqual((answer.status, answer.body), (404, b"Error: not found"))
            self.assertEqual(answer.headers["content-type"], "text/plain; charset=utf-8")

    def test_a_trailing_slash_is_ignored(self):
        for target in ("/branches", "/branches/1", "/loans"):
            query = "?branch=5"
            self.assertEqual(self.ask(get(target + "/" + query)).body,
                             self.ask(get(target + query)).body)
            self.assertEqual(self.ask(get(target + "//")).status, 404)

    def test_keys_that_are_missing_or_invalid_are_answered_as_the_route_says(self):
        for target, status, body in (
                ("/branches/0", 404, "Error: there is no such branch"),
                ("/branches/x", 404, "Error: there is no such branch"),
                ("/loans", 422, "Error: a branch is an integer"),
                ("/loans?branch=1e3", 422, "Error: a branch is an integer"),
                ("/loans?branch=0", 200,
                 '{"branch":"0","page":1,"count":5,"total":0,"results":[]}')):
            answer = self.ask(get(target))
            self.assertEqual((answer.status, answer.body.decode()), (status, body))

    def test_listings_are_pages_of_all_keys(self):
        ids = []
        for page in range(1, 6):
            body = json.loads(self.ask(get(f"/branches?page={page}&count=70")).body)
            self.assertEqual(body["total"], shelf.BRANCHES)
            ids += [row["id"] for row in body["results"]]
        self.assertEqual(ids, list(range(1, shelf.BRANCHES + 1)))
        self.assertEqual(json.loads(self.ask(get("/branches?page=9007199254740991&count=10000"))
                                    .body)["results"], [])

    def test_bodies_are_read_and_dropped(self):
        chunked = ("GET /loans?branch=1 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                   "5\r\nhello\r\n10;a=b\r\n0123456789abcdef\r\n0\r\nA: b\r\n\r\n").encode()
        whole = get("/branches/2", "Content-Length: 20") + b"GET /x HTTP/1.1\r\n\r\nx"
        for size in (1, 5, 1000):
            with Client(self.port) as client:
                client.send(chunked + whole + get("/branches/3"), size)
                self.assertEqual([client.answer().status for _ in range(3)], [200, 200, 200])

    def test_a_client_that_waits_for_100_continue_gets_it(self):
        with Client(self.port) as client:
            client.send(get("/branches/1", "Expect: 100-continue", "Content-Length: 5"))
            self.assertEqual(client.answer(has_body=False).head, "HTTP/1.1 100 Continue")
            client.send(b"hello")
            self.assertEqual(client.answer().status, 200)

    def test_a_body_that_cannot_change_the_answer_is_not_waited_for(self):
        for target, status in (("/branches/1", 405), ("/lions", 404)):
            for header in ("Content-Length: 60000", "Transfer-Encoding: chunked"):
                with self.subTest(target, header=header), Client(self.port) as client:
                    client.send(get(target, header).replace(b"GET", b"POST", 1))
                    answer = client.answer()
                    self.assertEqual((answer.status, answer.headers["connection"]),
                                     (status, "close"))
                    client.send(b"x" * 60000)  # it is dropped, and resets nothing
                    self.assertTrue(client.ended())

    def test_http_1_0_closes_unless_asked_to_stay(self):
        with Client(self.port) as client:
            client.send(b"GET /branches/1 HTTP/1.0\r\n\r\n" + get("/branches/2"))
            answer = client.answer()
            self.assertEqual(answer.headers["connection"], "close")
            self.assertTrue(client.ended())
        with Client(self.port) as client:
            for _ in range(3):
                client.send(b"GET /branches/1 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
                self.assertEqual(client.answer().headers["connection"], "keep-alive")

    def test_connection_close_is_obeyed(self):
        with Client(self.port) as client:
            client.send(get("/branches/1") + get("/branches/1", "Connection: close"))
            self.assertNotIn("connection", client.answer().headers)
            self.assertEqual(client.answer().headers["connection"], "close")
            self.assertTrue(client.ended())

    def test_a_client_that_has_ended_its_side_is_still_answered(self):
        with Client(self.port) as client:
            client.send(get(LARGE) * 3)
            client.socket.shutdown(socket.SHUT_WR)
            time.sleep(0.2)
            for _ in range(3):
                self.assertEqual(client.answer().status, 200)
            self.assertTrue(client.ended())


class TestRefusals(ServedCase):
    """What no client should ask."""

    def test_malformed_requests_are_400(self):
        for data in (b"hello\r\n\r\n", b"GET /\r\n\r\n", b"GET / HTTP/3.0\r\n\r\n",
                     b"GET /branches/1 HTTP/1.1\r\n\r\n", get("/branches/1", "Host: x"),
                     b"POST /loans HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                     get("/", "no colon"), b"\x16\x03\x01\x02\x00\x01\x00\r\n",
                     b"POST /loans HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n",
                     get("/", "Content-Length: 1", "Transfer-Encoding: chunked")):
            self.assert_refused(data, 400, "Error: bad request")

    def test_what_is_not_understood_is_refused(self):
        self.assert_refused(get("/branches/1", "Expect: 200-ok"), 417,
                            "Error: the only expectation that is met is 100-continue")
        self.assert_refused(get("/branches/1", "Transfer-Encoding: gzip, chunked"), 501,
                            "Error: the only transfer coding that is read is chunked")

    def test_a_request_is_not_hidden_behind_a_carriage_return_without_its_line_feed(self):
        """What a proxy in front would see as one request must not be two here."""
        hidden = get("/branches/1")
        for data in (get("/loans", "X:\rxContent-Length: 5") + b"hello",
                     get("/loans", "X:\rxTransfer-Encoding: chunked") + b"0\r\n\r\n",
                     get("/loans", "Transfer-Encoding: chunked") + b"1\r\naXX0\r\n\r\n",
                     get("/loans", "Transfer-Encoding: chunked") + b"3\rXabc\r\n0\r\n\r\n",
                     b"GET /branches/1 HTTP/1.1\r\nHost: x\r\n\r\rX"):
            with self.subTest(data=data):
                self.assert_refused(data + hidden, 400, "Error: bad request")

    def test_requests_before_a_malformed_one_are_answered(self):
        with Client(self.port) as client:
            client.send(get("/branches/1") * 2 + b"nonsense\r\n\r\n" + get("/branches/1"))
            self.assertEqual([client.answer().status for _ in range(3)], [200, 200, 400])
            self.assertTrue(client.ended())

    def test_an_announced_body_beyond_64_kib_is_413(self):
        self.assert_refused(get("/loans", f"Content-Length: {(64 << 10) + 1}"), 413,
                            "Error: the body is too large")

    def test_the_answer_413_arrives_while_the_client_still_sends(self):
        chunk = b"8000\r\n" + b"x" * 0x8000 + b"\r\n"
        self.assert_refused(get("/loans", "Transfer-Encoding: chunked") + chunk * 40, 413,
                            "Error: the body is too large")

    def test_a_body_of_64_kib_is_taken(self):
        answer = self.ask(get("/branches/1", f"Content-Length: {64 << 10}") + b"x" * (64 << 10))
        self.assertEqual(answer.status, 200)

    def test_a_target_beyond_8_kib_is_414(self):
        self.assertEqual(self.ask(get("/" + "a" * 8191)).status, 404)
        self.assert_refused(get("/" + "a" * 8192), 414, "Error: the address is too long")

    def test_headers_beyond_32_kib_are_431(self):
        self.assertEqual(self.ask(get("/branches/1", "A: " + "a" * 30000)).status, 200)
        self.assert_refused(get("/branches/1", "A: " + "a" * 33000), 431,
                            "Error: the headers are too large")
        self.assert_refused(get("/branches/1", *["A: a"] * 10000), 431,
                            "Error: the headers are too large")

    def test_a_head_that_does_not_end_is_answered_408_after_10_seconds(self):
        with Client(self.port) as idle, Client(self.port) as slow:
            idle.send(get("/branches/1"))
            self.assertEqual(idle.answer().status, 200)
            begun = time.monotonic()
            slow.send(b"GET /branches/1 HTTP/1.1\r\nHost: x\r\n")
            slow.socket.settimeout(0.5)
            answer = None
            while answer is None and time.monotonic() - begun < 30:
                slow.send(b"A: b\r\n")
                with contextlib.suppress(socket.timeout):
                    answer = slow.answer()
            self.assertEqual((answer.status, answer.body),
                             (408, b"Error: the request took too long"))
            self.assertEqual(answer.headers["connection"], "close")
            self.assertTrue(slow.ended())
            self.assertGreater(time.monotonic() - begun, 9)
            self.assertLess(time.monotonic() - begun, 30)  # a body and a pause may take 60 s
            idle.send(get("/branches/1"))
            self.assertEqual(idle.answer().status, 200)

    def test_a_slow_reader_of_large_answers_does_not_hold_up_others(self):
        alone = self.ask(get(LARGE)).body
        slow = self.client(receive_buffer=4096)
        slow.send(get(LARGE) * 30)
        time.sleep(0.3)
        begun = time.monotonic()
        with Client(self.port) as client:
            for i in range(1, 201):
                client.send(get(f"/branches/{i}"))
                self.assertEqual(client.answer().status, 200)
        self.assertLess(time.monotonic() - begun, 30)  # the slow one is let go after 60 s
        for _ in range(30):
            self.assertEqual(slow.answer().body, alone)

    def test_a_client_that_goes_away_in_the_middle_harms_nobody(self):
        for count in (1, 30):
            with Client(self.port) as client:
                client.send(get(LARGE) * count)
                client.socket.recv(1000)
        self.assertEqual(self.ask(get("/branches/1")).status, 200)


class TestManyThreads(ServedCase):
    """Two loops share the port."""

    arguments = ("--threads", 2)

    def test_connections_are_spread_and_all_are_answered(self):
        clients = [self.client() for _ in range(64)]
        for client in clients:
            client.send(get("/branches/9") * 3)
        for client in clients:
            for _ in range(3):
                self.assertEqual(json.loads(client.answer().body)["id"], 9)


class TestLife(support.TestCase):
    """Start, stop, and what goes wrong at both."""

    def setUp(self):
        super().setUp()
        self.shelf = shelf.Shelf(self.folder, large_loans=300)

    def serve(self, *arguments):
        """A service on a free port; (process, port)."""
        process = self.start("serve", "--root", self.shelf.root, "--threads", 2, *arguments)
        return process, shelf.listening(process)[1]

    def test_a_root_without_a_release_is_refused_with_what_to_do(self):
        os.mkdir(self.shelf.root)
        done = support.vitrine("serve", "--root", self.shelf.root, "--listen", "127.0.0.1:0",
                               check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("vitrine build", done.stderr)

    def test_addresses_that_cannot_be_had_are_refused(self):
        self.shelf.build()
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            name = f"127.0.0.1:{taken.getsockname()[1]}"
            done = support.vitrine("serve", "--root", self.shelf.root, "--listen", name,
                                   check=False)
            self.assertEqual(done.returncode, 1)
            self.assertIn(f"listen on {name}: another program listens there; choose another port", done.stderr)
        for name in ("8080", "127.0.0.1", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:65536", ":80",
                     "::1:80", "[::1]"):
            done = support.vitrine("serve", "--root", self.shelf.root, "--listen", name,
                                   check=False)
            self.assertEqual(done.returncode, 2, name)
            self.assertIn("write HOST:PORT", done.stderr)

    def test_ipv6_is_served(self):
        self.shelf.build()
        process = self.start("serve", "--root", self.shelf.root, "--listen", "[::1]:0")
        host, port = shelf.listening(process)
        self.assertEqual(host, "::1")
        with socket.create_connection((host, port), timeout=10) as connection:
            connection.sendall(get("/branches/1", "Connection: close"))
            self.assertTrue(connection.recv(100).startswith(b"HTTP/1.1 200 OK\r\n"))

    def test_a_stop_answers_what_was_read_and_closes_what_is_idle(self):
        self.shelf.build()
        for number in (signal.SIGTERM, signal.SIGINT):
            process, port = self.serve("--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0")
            with Client(port) as idle, Client(port) as busy, Client(port) as half, \
                    Client(port, receive_buffer=4096) as slow:
                for client in (idle, busy):
                    client.send(get("/branches/1"))
                    self.assertEqual(client.answer().status, 200)
                half.send(get("/branches/2")[:-2])
                slow.send(get(f"/loans?branch={shelf.LARGE_BRANCH}&count=300") * 40)
                self.wait_for_states(process, idle=2, reading=1, writing=1)
                begun = time.monotonic()
                process.send(number)
                self.assertTrue(idle.ended())
                support.wait_until(lambda port=port: not support.answers(port),
                                   what="the stop of both loops")
                half.send(b"\r\n")
                answer = half.answer()
                self.assertEqual(answer.status, 200)
                self.assertEqual(answer.headers["connection"], "close")
                self.assertEqual(process.wait(), 0, process.stderr)
                self.assertLess(time.monotonic() - begun, 30)  # the slow one is let go after 60 s
            self.assertIn(f" stopping signal={int(number)}", process.stderr)

    def wait_for_states(self, process, **counts):
        """Waits until so many connections of PROCESS are idle, are read from, are written to."""
        admin = int(re.search(r" admin_listening address=\S+:(\d+)\n", process.stderr)[1])

        def is_so():
            text = support.get(admin, "/metrics").text
            return all(f'\nvitrine_connections{{state="{state}"}} {count}\n' in text
                       for state, count in counts.items())

        support.wait_until(is_so, what=f"connections: {counts}")

    def test_connections_beyond_the_limit_are_closed_and_noted(self):
        self.shelf.build()
        process = self.start("serve", "--root", self.shelf.root, "--listen", "127.0.0.1:0",
                             "--threads", 1, "--connections", 3)
        port = shelf.listening(process)[1]
        clients = [Client(port) for _ in range(3)]
        for client in clients:
            self.addCleanup(client.socket.close)
            client.send(get("/branches/1"))
            self.assertEqual(client.answer().status, 200)
        with Client(port) as more:
            self.assertTrue(more.ended())
        clients[0].socket.close()

        def served_again():
            with Client(port) as again:
                try:
                    again.send(get("/branches/1"))
                    return again.answer().status == 200
                except ConnectionError:
                    return False

        support.wait_until(served_again, what="room for a connection")
        support.wait_until(lambda: " connections_refused count=" in process.stderr, what="the log")

    def test_a_connection_that_both_sides_ended_makes_room_at_once(self):
        self.shelf.build()
        process = self.start("serve", "--root", self.shelf.root, "--listen", "127.0.0.1:0",
                             "--threads", 1, "--connections", 3)
        port = shelf.listening(process)[1]
        for _ in range(12):
            with Client(port) as client:
                client.send(get("/branches/1", "Connection: close"))
                self.assertEqual(client.answer().status, 200)
                self.assertTrue(client.ended())
            time.sleep(0.02)
        self.assertNotIn(" connections_refused ", process.stderr)

    def test_damaged_files_are_503_and_logged_once_a_second(self):
        self.shelf.build()
        [path] = glob.glob(os.path.join(self.shelf.root, "current", "loans", "*.db"))
        os.chmod(path, 0o644)
        with sqlite3.connect(path) as db:  # as many bytes as before, but none of them right
            db.execute("UPDATE groups SET data = zeroblob(length(data))")
        db.close()
        done = support.vitrine("serve", "--root", self.shelf.root, "--listen", "127.0.0.1:0",
                               check=False)
        self.assertEqual(done.returncode, 1)
        process, port = self.serve("--listen", "127.0.0.1:0", "--no-verify")
        begun = time.monotonic()
        with Client(port) as client:
            for branch in filter(lambda i: i % 9 != 0, range(1, 51)):  # the others have no loans
                client.send(get(f"/loans?branch={branch}"))
                answer = client.answer()
                self.assertEqual((answer.status, answer.body),
                                 (503, b"Error: this node cannot answer"))
            client.send(get("/branches/1"))
            self.assertEqual(client.answer().status, 200)
        lines = [line for line in process.stderr.splitlines() if " answer_failed " in line]
        self.assertTrue(1 <= len(lines) <= 2 + int(time.monotonic() - begun), lines)
        self.assertIn("loans", lines[0])


if __name__ == "__main__":
    support.main()
