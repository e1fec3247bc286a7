"""Writes as the service takes them: bodies in pieces, answers that come later, a source that is slow
or away, retries with a key, a stop in the middle of it.

ctest: threads
"""

import contextlib
import json
import os
import select
import shutil
import socket
import sqlite3
import struct
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import shelf
import support
from shelf import Client, get

ROUTES = """
  - post: /branches
    take: {name: {body: name, type: text, shortest: 1, longest: 1000}}
    run:
      - sql: INSERT INTO branches(name, version) VALUES (:name, 0) RETURNING id
        returns: {branch: integer}
    status: 201
    answer: {id: $branch, name: $name}
    invalid: {status: 422, text: "Error: a branch has a name"}
  - put: /branches/:branch_id
    take:
      branch_id: {path: branch_id, type: integer, invalid: {status: 404, text: "Error: no branch"}}
      name: {body: name, type: text}
    run:
      - sql: UPDATE branches SET name = :name WHERE id = :branch_id
        missing: {status: 404, text: "Error: no branch"}
    status: 204
  - delete: /branches/:branch_id
    take: {branch_id: {path: branch_id, type: integer}}
    run: [{sql: "DELETE FROM branches WHERE id = :branch_id"}]
    text: Deleted
  - get: /visits
    take: {session: {cookie: session, type: session, age: 1d}}
    run:
      - sql: SELECT title FROM loans WHERE title = :session ORDER BY id
        rows: {title: text}
    answer: {visits: $rows}
  - post: /visits
    take: {session: {cookie: session, type: session, age: 1d}}
    run: [{sql: "INSERT INTO loans(branch_id, title, version) VALUES (1, :session, 0)"}]
    status: 201
    text: Created
  - post: /broken
    run:
      - sql: INSERT INTO branches(name, version) VALUES ('broken', 0)
      - sql: INSERT INTO nowhere VALUES (1)
    text: never
"""

NEW_TABLE = """
tables:
  notes:
    primary_key: id
    columns: {id: integer, note: text}
"""

NEW_ROUTE = """
  - post: /notes
    take: {note: {body: note, type: text}}
    run: [{sql: "INSERT INTO notes(note) VALUES (:note) RETURNING id", returns: {id: integer}}]
    answer: {id: $id}
"""

PATIENT = ("--write-timeout", "60s")
AWAY = (503, b"Error: the source is away")


def write(method, target, body=b"", *headers):
    """The bytes of a request with a body."""
    if not isinstance(body, bytes):
        body = json.dumps(body).encode()
    return "\r\n".join([f"{method} {target} HTTP/1.1", "Host: x", f"Content-Length: {len(body)}",
                        *headers, "", ""]).encode() + body


def post(target, body=b"", *headers):
    """The bytes of a POST."""
    return write("POST", target, body, *headers)


class WritingCase(support.TestCase):
    """A shelf that can be written to, and a service for each test."""

    routes = ROUTES

    @classmethod
    def setUpClass(cls):
        cls.shared = tempfile.mkdtemp(prefix="vitrine-writes-")
        cls.addClassCleanup(shutil.rmtree, cls.shared, ignore_errors=True)
        made = shelf.Shelf(cls.shared, large_loans=10)
        with open(made.definition, "a", encoding="utf-8") as file:
            file.write(cls.routes)
        made.build()

    def setUp(self):
        super().setUp()
        shutil.copytree(self.shared, self.path("shelf"), symlinks=True)
        self.source = self.path("shelf", "source.db")
        self.root = self.path("shelf", "root")
        self.definition = self.path("shelf", "definition.yaml")

    def serve(self, *arguments, source=True):
        """Starts a service; its port."""
        if source:
            arguments = ("--source", "sqlite:" + self.source, *arguments)
        self.service = self.start("serve", "--root", self.root, "--listen", "127.0.0.1:0",
                                  "--threads", 1, "--write-rate", 0, *arguments)
        _, self.port = shelf.listening(self.service)
        if source:
            support.wait_until(lambda: self.ask(get("/visits")).status == 200, what="the source")
        return self.port

    def build(self):
        """Builds and activates a release."""
        support.vitrine("build", "--definition", self.definition, "--source",
                        "sqlite:" + self.source, "--root", self.root)

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

    def assert_answer(self, answer, status, body):
        """Status and body."""
        self.assertEqual((answer.status, answer.body), (status, body))

    def names(self, where="id > 300"):
        """The names of branches in the source."""
        with contextlib.closing(sqlite3.connect(self.source, timeout=30)) as db:
            return [row[0] for row in db.execute(f"SELECT name FROM branches WHERE {where}"
                                                 " ORDER BY id")]

    @contextlib.contextmanager
    def locked(self):
        """Nobody else writes to the source within the block."""
        db = sqlite3.connect(self.source, timeout=30, isolation_level=None)
        db.execute("BEGIN IMMEDIATE")
        try:
            yield
        finally:
            db.execute("ROLLBACK")
            db.close()

    def wait_for_writes(self, count):
        """Waits until COUNT writes are at work."""
        support.wait_until(lambda: f"vitrine_writes_waiting {count}\n" in self.metrics(),
                           what=f"{count} writes at work")

    def metrics(self):
        """/metrics of a service with --admin."""
        return support.get(self.admin, "/metrics").text

    def serve_with_admin(self, *arguments):
        """A service with an admin listener."""
        self.admin = support.free_port()
        return self.serve("--admin", f"127.0.0.1:{self.admin}", *arguments)


class TestRequests(WritingCase):
    """What is asked, however it arrives."""

    def test_a_write_is_in_the_source_when_it_is_answered(self):
        self.serve()
        answer = self.ask(post("/branches", {"name": "\"é\""}))
        self.assert_answer(answer, 201, '{"id":301,"name":"\\"é\\""}'.encode())
        self.assertEqual(answer.headers["content-type"], "application/json; charset=utf-8")
        self.assertEqual(self.names(), ['"é"'])
        self.assert_answer(self.ask(write("PUT", "/branches/301", {"name": "b"}), False), 204, b"")
        self.assertEqual(self.names(), ["b"])
        answer = self.ask(write("DELETE", "/branches/301"))
        self.assert_answer(answer, 200, b"Deleted")
        self.assertEqual(answer.headers["content-type"], "text/plain; charset=utf-8")
        self.assertEqual(self.names(), [])

    def test_failures_are_those_of_the_definition(self):
        self.serve()
        for data, status, body in (
                (post("/branches", {}), 422, b"Error: a branch has a name"),
                (post("/branches", b"{"), 422, b"Error: a branch has a name"),
                (write("PUT", "/branches/x", {"name": "a"}), 404, b"Error: no branch"),
                (write("PUT", "/branches/999", {"name": "a"}), 404, b"Error: no branch"),
                (write("PATCH", "/branches/1"), 405, b"Error: method not allowed"),
                (post("/nowhere", {"name": "a"}), 404, b"Error: not found")):
            with self.subTest(data):
                self.assert_answer(self.ask(data), status, body)
        self.assertEqual(self.names(), [])

    def test_a_body_may_come_in_any_pieces(self):
        self.serve()
        whole = post("/branches", {"name": "a" * 50}, "Cookie: a=b")
        chunked = (b"POST /branches HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                   b"5\r\n{\"nam\r\n6;x=y\r\ne\":\"b\"\r\n1\r\n}\r\n0\r\nTrailer: t\r\n\r\n")
        for data, name in ((whole, "a" * 50), (chunked, "b")):
            for size in (1, 17, len(data) - 1, len(data)):
                with self.subTest(size=size), Client(self.port) as client:
                    client.send(data + get("/branches/1"), size)
                    answer = client.answer()
                    self.assertEqual((answer.status, json.loads(answer.body)["name"]), (201, name))
                    self.assertEqual(json.loads(client.answer().body)["id"], 1)
        self.assertEqual(self.names(), ["a" * 50] * 4 + ["b"] * 4)

    def test_a_client_that_expects_100_is_told_to_send_its_body(self):
        self.serve()
        with Client(self.port) as client:
            head, body = post("/branches", {"name": "a"}, "Expect: 100-continue").split(b"{", 1)
            client.send(head)
            self.assertEqual(client.answer().status, 100)
            client.send(b"{" + body)
            self.assertEqual(client.answer().status, 201)

    def test_a_body_that_is_too_large_is_413_and_the_connection_ends(self):
        for most, arguments in ((64 << 10, ()), (1 << 20, ("--body-size", "1M")),
                                (2000, ("--body-size", 2000))):
            with self.subTest(most):
                self.serve(*arguments)
                self.assert_largest_body(most)
        done = support.vitrine("serve", "--root", self.root, "--body-size", "2M", check=False)
        self.assertEqual((done.returncode, done.stderr.strip()),
                         (2, "vitrine serve: --body-size is 1M at most"))

    def assert_largest_body(self, most):
        """A body of MOST bytes is taken, a byte more is not."""
        name = {"name": "x" * (most - 12)}
        self.assertEqual(len(json.dumps(name)), most)
        self.assert_answer(self.ask(post("/branches", name)), 422, b"Error: a branch has a name")
        announced = ("POST /branches HTTP/1.1\r\nHost: x\r\n"
                     f"Content-Length: {most + 1}\r\n\r\n").encode()
        chunks = (b"POST /branches HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" +
                  b"100\r\n" + b"x" * 256 + b"\r\n")
        chunks += (b"100\r\n" + b"x" * 256 + b"\r\n") * (most // 256)
        for data in (announced, chunks):
            with Client(self.port) as client:
                client.send(data)
                answer = client.answer()
                self.assert_answer(answer, 413, b"Error: the body is too large")
                self.assertEqual(answer.headers["connection"], "close")
                self.assertTrue(client.ended())
        self.assertEqual(self.names(), [])

    def test_head_runs_a_get_action_and_options_and_405_tell_the_methods(self):
        self.serve()
        whole = self.ask(get("/visits", "Cookie: session=" + "a" * 32))
        self.assert_answer(whole, 200, b'{"visits":[]}')
        head = get("/visits", "Cookie: session=" + "a" * 32).replace(b"GET", b"HEAD", 1)
        with Client(self.port) as client:
            client.send(head + get("/branches/1"))
            answer = client.answer(has_body=False)
            for name in ("content-type", "content-length"):
                self.assertEqual(answer.headers[name], whole.headers[name])
            self.assertEqual(json.loads(client.answer().body)["id"], 1)
        for target, methods in (("/visits", "GET, HEAD, POST, OPTIONS"),
                                ("/branches/1", "GET, HEAD, PUT, DELETE, OPTIONS"),
                                ("/broken", "POST, OPTIONS"),
                                ("*", "GET, HEAD, POST, PUT, DELETE, OPTIONS")):
            answer = self.ask(f"OPTIONS {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode(), False)
            self.assertEqual(answer.headers["allow"], methods)
            self.assertEqual(answer.headers["access-control-allow-methods"], methods)
            if target != "*":
                answer = self.ask(f"PATCH {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
                self.assertEqual((answer.status, answer.headers["allow"]), (405, methods))

    def test_pipelined_requests_are_answered_in_order(self):
        self.serve()
        data = b""
        for i in range(1, 101):
            data += post("/branches", {"name": f"n{i}"}) + get(f"/branches/{i}")
        for size in (len(data), 100, 4096):
            with self.subTest(size=size), Client(self.port) as client:
                client.send(data, size)
                first = None
                for i in range(1, 101):
                    answer = json.loads(client.answer().body)
                    first = first or answer["id"]
                    self.assertEqual(answer, {"id": first + i - 1, "name": f"n{i}"})
                    self.assertEqual(json.loads(client.answer().body)["id"], i)

    def test_sessions_are_made_and_kept(self):
        self.serve()
        answer = self.ask(post("/visits"))
        cookie, _, rest = answer.headers["set-cookie"].partition("; ")
        self.assertRegex(cookie, "^session=[0-9a-f]{32}$")
        self.assertEqual(rest, "Max-Age=86400; Path=/; HttpOnly; SameSite=Lax")
        answer = self.ask(get("/visits", "Cookie: a=b", "Cookie: " + cookie))
        self.assert_answer(answer, 200,
                           f'{{"visits":[{{"title":"{cookie[8:]}"}}]}}'.encode())
        self.assertNotIn("set-cookie", answer.headers)


class TestKeys(WritingCase):
    """Idempotency-Key."""

    def test_a_retry_with_its_key_changes_nothing_and_has_the_same_answer(self):
        self.serve()
        data = post("/branches", {"name": "a"}, "Idempotency-Key: k")
        first, again = self.ask(data), self.ask(data)
        self.assertEqual((again.status, again.body), (first.status, first.body))
        self.assertNotIn("idempotent-replayed", first.headers)
        self.assertEqual(again.headers["idempotent-replayed"], "true")
        for name in ("content-type", "vitrine-position"):
            self.assertEqual(again.headers[name], first.headers[name])
        self.assertEqual(self.names(), ["a"])

    def test_a_key_belongs_to_one_request(self):
        self.serve()
        self.ask(post("/branches", {"name": "a"}, "Idempotency-Key: k"))
        session = "Cookie: session=" + "a" * 32
        for data in (post("/branches", {"name": "b"}, "Idempotency-Key: k"),
                     post("/branches?a", {"name": "a"}, "Idempotency-Key: k"),
                     write("PUT", "/branches/1", {"name": "a"}, "Idempotency-Key: k"),
                     post("/visits", b"", "Idempotency-Key: k", session)):
            self.assert_answer(self.ask(data), 422,
                               b"Error: this Idempotency-Key was used for another request")
        self.ask(post("/visits", b"", "Idempotency-Key: v", session))
        other = post("/visits", b"", "Idempotency-Key: v", session.replace("a" * 32, "b" * 32))
        self.assertEqual(self.ask(other).status, 422)
        self.assertEqual(self.names(), ["a"])

    def test_a_session_that_was_given_is_given_again(self):
        self.serve()
        data = post("/visits", b"", "Idempotency-Key: " + 16 * "k")
        first, again = self.ask(data), self.ask(data)
        self.assertEqual(again.headers["set-cookie"], first.headers["set-cookie"])
        self.assertEqual(again.headers["idempotent-replayed"], "true")

    def test_a_key_that_can_be_guessed_makes_no_session(self):
        self.serve()
        short = "Idempotency-Key: " + 15 * "k"
        answer = self.ask(post("/visits", b"", short))
        self.assert_answer(answer, 400, b"Error: without a session, an Idempotency-Key has 16 to "
                                        b"255 characters")
        self.assertNotIn("set-cookie", answer.headers)
        session = "Cookie: session=" + "a" * 32
        self.assertEqual(self.ask(post("/visits", b"", short, session)).status, 201)

    def test_what_failed_is_not_remembered(self):
        self.serve()
        data = write("PUT", "/branches/301", {"name": "b"}, "Idempotency-Key: k")
        self.assert_answer(self.ask(data), 404, b"Error: no branch")
        self.ask(post("/branches", {"name": "a"}))
        self.assertEqual(self.ask(data, False).status, 204)
        again = self.ask(data, False)
        self.assertEqual((again.status, again.headers["idempotent-replayed"]), (204, "true"))

    def test_keys_that_are_none_are_400(self):
        self.serve()
        for key in ("", "a b", "é", "a" * 256, "a\tb"):
            with self.subTest(key):
                data = post("/branches", {"name": "a"}, "Idempotency-Key: @").replace(
                    b"@", key.encode())
                self.assert_answer(self.ask(data), 400, b"Error: an Idempotency-Key has 1 to 255 "
                                                        b"visible characters")
        two = post("/branches", {"name": "a"}, "Idempotency-Key: a", "Idempotency-Key: b")
        self.assert_answer(self.ask(two), 400, b"Error: bad request")
        self.assertEqual(self.names(), [])
        same = post("/branches", {"name": "a"}, *["Idempotency-Key: " + "~" * 255] * 2)
        self.assertEqual(self.ask(same).status, 201)


class TestSlow(WritingCase):
    """A source that takes its time, or is not there."""

    def test_reads_do_not_wait_for_a_write(self):
        self.serve_with_admin(*PATIENT)
        client = self.client()
        with self.locked():
            client.send(post("/branches", {"name": "a"}) + get("/branches/2"))
            self.wait_for_writes(1)
            started = time.monotonic()
            for _ in range(100):
                self.assertEqual(self.ask(get("/branches/1")).status, 200)
            self.assertLess(time.monotonic() - started, 40)  # the write gives up after 60 s
            self.assertEqual(select.select([client.socket], [], [], 0)[0], [])
        self.assertEqual(client.answer().status, 201)
        self.assertEqual(json.loads(client.answer().body)["id"], 2)

    def test_a_write_is_timed_until_its_answer(self):
        self.serve_with_admin(*PATIENT)
        labels = 'method="POST",route="/branches"'
        client = self.client()
        with self.locked():
            client.send(post("/branches", {"name": "a"}))
            self.wait_for_writes(1)
            self.assertNotIn(labels, self.metrics())
            time.sleep(0.3)
        self.assertEqual(client.answer().status, 201)
        support.wait_until(lambda: f"_count{{{labels}}} 1\n" in self.metrics(), what="its count")
        self.assertIn(f'vitrine_requests_total{{{labels},status="201"}} 1\n', self.metrics())
        self.assertIn(f'_bucket{{{labels},le="0.25"}} 0\n', self.metrics())

    def test_a_write_has_its_line_in_the_access_log_also_when_nobody_waits_for_it(self):
        log = Path(self.path("access.log"))
        self.serve_with_admin(*PATIENT, "--access-log", log, "--access-log-sample", 1000000)
        with self.locked():
            client = self.client()
            client.send(post("/branches", {"name": "a"}))
            self.wait_for_writes(1)
            client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            client.socket.close()
            support.wait_until(lambda: "vitrine_connections_open 0\n" in self.metrics(),
                               what="its end")
        self.assert_answer(self.ask(post("/branches", {})), 422, b"Error: a branch has a name")

        def written():
            text = log.read_text(encoding="utf-8")
            lines = [line for line in text.splitlines() if '"/branches"' in line]
            return len(lines) == 2 and sorted(lines, key=lambda line: line.partition("status=")[2])

        lost, failed = support.wait_until(written, what="two lines")
        self.assertRegex(lost,
                         r' client=\S+ id=\S+ method=POST target="/branches" status=0 bytes=0 us=')
        self.assertRegex(failed, r' client=\S+ id=\S+ method=POST target="/branches" status=422 ')

    def test_a_write_that_takes_too_long_is_503_and_not_done(self):
        self.serve("--write-timeout", "500ms")
        with self.locked():
            started = time.monotonic()
            answer = self.ask(post("/branches", {"name": "late"}))
            self.assertLess(time.monotonic() - started, 4.5)  # 5 s without the option
            self.assertEqual((answer.status, answer.body), AWAY)
            self.assertEqual(answer.headers["retry-after"], "1")
            self.assertNotIn("vitrine-position", answer.headers)
        support.wait_until(lambda: self.ask(post("/branches", {"name": "b"})).status == 201)
        self.assertEqual(self.names(), ["b"])

    def test_a_client_that_goes_away_leaves_its_write_behind(self):
        self.serve_with_admin(*PATIENT)
        for linger in (None, struct.pack("ii", 1, 0)):
            clients = [Client(self.port) for _ in range(20)]
            with self.locked():
                for client in clients:
                    client.send(post("/branches", {"name": "gone"}) + get("/branches/1"))
                self.wait_for_writes(20)
                for client in clients:
                    if linger is not None:
                        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                    client.socket.close()
                self.assertEqual(self.ask(get("/branches/1")).status, 200)
            self.wait_for_writes(0)
        self.assertEqual(self.names(), ["gone"] * 40)

    def test_a_stop_waits_for_a_write_that_is_at_work(self):
        self.serve_with_admin(*PATIENT)
        client = self.client()
        with self.locked():
            client.send(post("/branches", {"name": "last"}) + get("/branches/1"))
            self.wait_for_writes(1)
            self.service.send(15)
            support.wait_until(lambda: not support.answers(self.port), what="the stop of its loop")
        self.assertIn(" stopping ", self.service.stderr)
        answer = client.answer()
        self.assertEqual((answer.status, answer.headers["connection"]), (201, "close"))
        self.assertTrue(client.ended())
        self.assertEqual(self.service.wait(), 0)
        self.assertEqual(self.names(), ["last"])

    def test_a_stop_does_not_wait_for_ever(self):
        self.serve_with_admin()
        client = self.client()
        with self.locked():
            client.send(post("/branches", {"name": "never"}))
            self.wait_for_writes(1)
            started = time.monotonic()
            self.service.send(15)
            self.assertEqual(self.service.wait(), 0)
            self.assertLess(time.monotonic() - started, 30)
        self.assertEqual(self.names(), [])

    def test_a_source_that_is_away_is_told_and_comes_back(self):
        self.source = self.path("away", "source.db")
        self.admin = support.free_port()
        self.serve("--source", "sqlite:" + self.source, "--admin", f"127.0.0.1:{self.admin}",
                   "--write-timeout", "300ms", source=False)
        self.assertEqual(self.ask(get("/branches/1")).status, 200)
        answer = self.ask(post("/branches", {"name": "a"}))
        self.assertEqual((answer.status, answer.body), AWAY)
        self.assertIn("vitrine_source_connected 0\n", self.metrics())
        ready = support.get(self.admin, "/readyz")
        self.assertEqual((ready.status, ready.text),
                         (200, "ready\nthe source is away: writes are answered 503\n"))
        os.mkdir(self.path("away"))
        shutil.copy(self.path("shelf", "source.db"), self.path("away", "copy"))
        os.rename(self.path("away", "copy"), self.source)  # whole, whenever it is looked for
        support.wait_until(lambda: self.ask(post("/branches", {"name": "a"})).status == 201)
        self.assertEqual(support.get(self.admin, "/readyz").text, "ready\n")
        self.assertIn("vitrine_source_connected 1\n", self.metrics())
        self.assertEqual(self.names(), ["a"])

    def test_without_a_source_no_writes_are_taken(self):
        self.serve(source=False)
        for data in (post("/branches", {"name": "a"}), get("/visits")):
            answer = self.ask(data)
            self.assert_answer(answer, 503, b"Error: this node takes no writes")
            self.assertIn("retry-after", answer.headers)
        self.assertEqual(self.ask(get("/branches/1")).status, 200)

    def test_a_source_that_is_none_is_refused_at_the_start(self):
        done = support.vitrine("serve", "--root", self.root, "--listen", "127.0.0.1:0", "--source",
                               "nonsense", check=False)
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertIn("sqlite:FILE", done.stderr)


class TestReleases(WritingCase):
    """Writes and the releases that hold them."""

    def test_positions_tell_which_release_holds_a_write(self):
        self.serve()
        written = self.ask(post("/branches", {"name": "a"}))
        position = int(written.headers["vitrine-position"])
        before = self.ask(get("/branches/301"))
        self.assertEqual(before.status, 404)
        self.assertLess(int(before.headers.get("vitrine-position", 0)), position)
        self.build()
        support.wait_until(lambda: self.ask(get("/branches/301")).status == 200)
        after = self.ask(get("/branches/301"))
        self.assertGreaterEqual(int(after.headers["vitrine-position"]), position)
        self.assertNotIn("vitrine-position", self.ask(get("/visits")).headers)

    def test_a_release_with_another_definition_writes_by_that_one(self):
        self.serve_with_admin("--first-byte-timeout", "10m")
        client = self.client()
        with open(self.definition, "r+", encoding="utf-8") as file:
            text = file.read().replace("VALUES (:name, 0)", "VALUES (:name || '!', 0)", 1)
            file.seek(0)
            file.write(text.replace("\ncollections:", NEW_TABLE + "collections:", 1) + NEW_ROUTE)
        self.build()
        support.wait_until(lambda: self.ask(post("/notes", {"note": "n"})).status == 200,
                           what="the new route")
        client.send(post("/branches", {"name": "a"}))
        self.assertEqual(client.answer().status, 201)
        self.assertEqual(self.names(), ["a!"])

    def test_a_write_that_waits_is_answered_by_the_definition_it_was_asked_by(self):
        self.serve_with_admin("--first-byte-timeout", "10m", *PATIENT)
        client = self.client()
        text = Path(self.definition).read_text(encoding="utf-8")
        Path(self.definition).write_text(text.replace("status: 201\n    answer", "answer"),
                                         encoding="utf-8")
        self.build()
        support.vitrine("activate", "--root", self.root, "1")
        support.wait_until(lambda: self.ask(get("/branches/1")).headers["vitrine-release"] ==
                           "000001", what="the old release")
        with self.locked():
            client.send(post("/branches", {"name": "a"}))
            self.wait_for_writes(1)
            support.vitrine("activate", "--root", self.root, "2")
            support.wait_until(lambda: self.ask(get("/branches/1")).headers["vitrine-release"] ==
                               "000002", what="the new release")
        self.assertEqual(client.answer().status, 201)
        self.assertEqual(self.ask(post("/branches", {"name": "b"})).status, 200)

    def test_a_mistake_in_a_statement_is_500_and_changes_nothing(self):
        self.serve_with_admin()
        for _ in range(20):
            self.assert_answer(self.ask(post("/broken")), 500, b"Error: this request failed")
        self.assertEqual(self.names("name = 'broken'"), [])
        lines = [line for line in self.service.stderr.splitlines() if " answer_failed " in line]
        self.assertIn("route=/broken", lines[0])
        self.assertIn("nowhere", lines[0])
        self.assertLess(len(lines), 10)
        self.assertIn('vitrine_writes_total{end="failed"} 20\n', self.metrics())


if __name__ == "__main__":
    support.main()
