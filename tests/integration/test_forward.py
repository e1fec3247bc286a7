"""Writes that are limited by address, and writes that a node forwards to its primary.

ctest: threads
"""

import json
import re
import signal
import socket
import sqlite3
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import shelf
import support

DEFINITION = """
name: notes
tables:
  notes:
    primary_key: id
    columns: {id: integer, text: {type: text, required: true}, session: text}
routes:
  - post: /notes
    take:
      text: {body: text, type: text, longest: 100000}
    run:
      - sql: INSERT INTO notes (text) VALUES (:text) RETURNING id
        returns: {id: integer}
    status: 201
    answer: {id: $id}
    invalid: {status: 422, text: "Error: a note has a text"}
  - get: /notes
    run:
      - sql: SELECT id, text FROM notes ORDER BY id
        rows: {id: integer, text: text}
    answer: $rows
  - put: /mine
    take:
      session: {cookie: session, type: session, age: 30d}
    run:
      - sql: INSERT INTO notes (text, session) VALUES ('mine', :session)
    status: 204
"""

WRITERS = 16
AWAY = "Error: the primary is away; nothing was written"
LOST = "Error: the primary gave no answer; it may have been written"


def metric(port, name):
    """The value of a line of /metrics."""
    text = support.get(port, "/metrics").text
    return int(re.search(rf"^{re.escape(name)} (\d+)$", text, re.MULTILINE)[1])


class Case(support.TestCase):
    """A source, a release of it, and processes that serve it."""

    def setUp(self):
        super().setUp()
        self.source = self.path("source.db")
        definition = self.path("definition.yaml")
        with open(definition, "w", encoding="utf-8") as file:
            file.write(DEFINITION)
        arguments = ("--definition", definition, "--source", "sqlite:" + self.source)
        db = sqlite3.connect(self.source)
        db.execute("PRAGMA user_version = 1")  # so that there is a file
        db.close()
        support.vitrine("build", *arguments, "--root", self.path("root"))

    def serve(self, *arguments, port=0):
        """A service of the release; (process, port)."""
        process = self.start("serve", "--root", self.path("root"), "--listen", f"127.0.0.1:{port}",
                             "--threads", 2, *arguments)
        return process, shelf.listening(process)[1]

    def serve_primary(self, *arguments, port=0):
        """One that writes, when its source is reached."""
        process, port = self.serve("--source", "sqlite:" + self.source, "--write-rate", 0,
                                   *arguments, port=port)
        support.wait_until(lambda: support.get(port, "/notes").status == 200, 30, "the source")
        return process, port

    def serve_node(self, primary, *arguments):
        """One that forwards; its port."""
        return self.serve("--primary", f"http://127.0.0.1:{primary}", "--write-rate", 0,
                          *arguments)[1]

    def post(self, port, text, **headers):
        """POST /notes."""
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        return support.request(port, "/notes", "POST", headers, json.dumps({"text": text}))

    def texts(self):
        """What the source holds, in order."""
        db = sqlite3.connect(self.source)
        try:
            return [text for text, in db.execute("SELECT text FROM notes ORDER BY id")]
        finally:
            db.close()

    def assert_away(self, answer, text):
        """A 503 that says TEXT and when to try again."""
        self.assertEqual((answer.status, answer.text), (503, text))
        self.assertEqual(answer.headers["retry-after"], "1")


class TestForward(Case):
    """Two services: one with the source, one that forwards to it."""

    def test_a_forwarded_write_is_answered_as_the_primary_answers(self):
        _, primary = self.serve_primary()
        node = self.serve_node(primary)
        for body, headers in (('{"text": "a"}', {}), ('{"text": 5}', {}), ("{", {}), ("", {}),
                              ('{"text": "k"}', {"Idempotency-Key": "k"}),
                              ('{"text": "k"}', {"Idempotency-Key": "k"}),
                              ('{"text": "other"}', {"Idempotency-Key": "k"}),
                              ('{"text": "a"}', {"Idempotency-Key": "a b"})):
            seen = []
            for port, key in (primary, "p"), (node, "n"):
                own = {name: key + value for name, value in headers.items()}
                answer = support.request(port, "/notes", "POST", own, body)
                kept = {name: answer.headers.get(name) for name in
                        ("content-type", "retry-after", "idempotent-replayed")}
                kept["position"] = "vitrine-position" in answer.headers
                seen.append((answer.status, re.sub(r"\d+", "N", answer.text), kept))
            self.assertEqual(*seen, f"{body} {headers}")
        self.assertEqual(support.get(primary, "/notes").text, support.get(node, "/notes").text)
        head = support.request(node, "/notes", "HEAD")
        self.assertEqual((head.status, head.body), (200, b""))

    def test_a_session_is_given_through_the_node_and_kept(self):
        _, primary = self.serve_primary()
        node = self.serve_node(primary)
        answer = support.request(node, "/mine", "PUT")
        self.assertEqual((answer.status, answer.text), (204, ""))
        cookie = re.match(r"session=([0-9a-f]{32}); Max-Age=2592000; Path=/; HttpOnly; "
                          r"SameSite=Lax$", answer.headers["set-cookie"])
        again = support.request(node, "/mine", "PUT", {"Cookie": f"session={cookie[1]}"})
        self.assertNotIn("set-cookie", again.headers)
        with sqlite3.connect(self.source) as db:
            sessions = db.execute("SELECT session FROM notes").fetchall()
        db.close()
        self.assertEqual(sessions, [(cookie[1],)] * 2)

    def test_large_bodies_and_answers_go_through_whole(self):
        _, primary = self.serve_primary("--body-size", "1M")
        node = self.serve_node(primary, "--body-size", "1M")
        for i in range(60):
            self.assertEqual(self.post(node, str(i % 10) * 100000).status, 201)
        self.assertEqual(support.get(node, "/notes").body, support.get(primary, "/notes").body)
        self.assertEqual(self.texts(), [str(i % 10) * 100000 for i in range(60)])
        answer = support.request(node, "/notes", "POST", {}, b"x" * ((1 << 20) + 1))
        self.assertEqual(answer.status, 413)

    def test_pipelined_writes_are_answered_in_their_order(self):
        _, primary = self.serve_primary()
        node = self.serve_node(primary)
        with shelf.Client(node) as client:
            for i in range(50):
                body = json.dumps({"text": str(i)})
                client.send(f"POST /notes HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}"
                            f"\r\n\r\n{body}".encode())
            ids = [json.loads(client.answer().body)["id"] for _ in range(50)]
        self.assertEqual(ids, sorted(ids))
        self.assertEqual(self.texts(), [str(i) for i in range(50)])

    def test_without_its_primary_a_node_says_so_at_once_and_finds_it_again(self):
        process, primary = self.serve_primary()
        node = self.serve_node(primary, "--admin", "127.0.0.1:0")
        self.assertEqual(self.post(node, "a").status, 201)
        process.stop()

        def refused():
            for _ in range(20):
                self.assert_away(self.post(node, "b"), AWAY)

        self.assertLess(support.quickest(refused, 2), 2)
        self.serve_primary(port=primary)
        self.assertEqual(self.post(node, "c").status, 201)
        self.assertEqual(self.texts(), ["a", "c"])

    def test_a_primary_that_is_too_slow_is_a_503_that_leaves_open_what_was_done(self):
        process, primary = self.serve_primary()
        node = self.serve_node(primary, "--write-timeout", "700ms")

        def write(text):
            """As a client that is told to come again, when the machine is busy."""
            support.wait_until(lambda: self.post(node, text, Idempotency_Key=text).status == 201,
                               what="a write")

        def is_lost():
            """Not so when the machine stood still before the request was on its way."""
            began = time.monotonic()
            answer = self.post(node, "b", Idempotency_Key="b")
            took = time.monotonic() - began
            if answer.text == AWAY:
                return False
            self.assert_away(answer, LOST)
            self.assertGreater(took, 0.6)
            self.assertLess(took, 4.5)  # 5 s without the option
            return True

        write("a")
        process.freeze()
        try:
            support.wait_until(is_lost, what="a request that was sent")
        finally:
            process.send(signal.SIGCONT)
        write("b")
        self.assertEqual(self.texts(), ["a", "b"])

    def write_while_killed(self, write, written):
        """WRITERS threads call WRITE(text) on a node whose primary is killed five times, each time
        when one more of WRITTEN has come for each of them."""
        process, primary = self.serve_primary()
        node = self.serve_node(primary)
        stop = threading.Event()

        def work(writer):
            number = 0
            while not stop.is_set():
                write(node, f"{writer}.{number}", stop)
                number += 1

        writers = [threading.Thread(target=work, args=(i,)) for i in range(WRITERS)]
        for thread in writers:
            thread.start()
        try:
            for _ in range(5):
                before = len(written)
                time.sleep(0.3)
                support.wait_until(lambda least=before + WRITERS: len(written) > least,
                                   what="writes")
                process.send(signal.SIGKILL)
                process.wait()
                process, _ = self.serve_primary(port=primary)
            time.sleep(0.3)
        finally:
            stop.set()
            for thread in writers:
                thread.join()
        texts = self.texts()
        self.assertEqual(len(texts), len(set(texts)), "written twice")
        return set(texts)

    def test_with_a_key_what_is_sent_until_it_is_answered_is_written_once(self):
        written = set()
        statuses = set()

        def write(node, text, stop):
            status = 503
            while status == 503 and not stop.is_set():  # blind retries, under one key
                status = self.post(node, text, Idempotency_Key=text).status
                statuses.add(status)
            if status == 201:
                written.add(text)

        texts = self.write_while_killed(write, written)
        self.assertEqual(statuses, {201, 503})
        self.assertGreater(len(written), WRITERS)
        self.assertEqual(written - texts, set())

    def test_without_a_key_what_is_sent_once_is_written_once_at_most(self):
        said = {}

        def write(node, text, _):
            answer = self.post(node, text)
            said[text] = answer.text if answer.status == 503 else answer.status

        texts = self.write_while_killed(write, said)
        self.assertLessEqual(set(said.values()), {201, AWAY, LOST, "Error: the source is away"})
        self.assertEqual({text for text, what in said.items() if what == 201} - texts, set())
        self.assertEqual({text for text, what in said.items() if what == AWAY} & texts, set())

    def test_two_nodes_that_forward_to_each_other_end_it(self):
        one_port = support.free_port()
        _, other = self.serve("--primary", f"http://127.0.0.1:{one_port}")
        self.serve("--primary", f"http://127.0.0.1:{other}", port=one_port)
        self.assert_away(self.post(one_port, "a"), "Error: this node takes no forwarded writes")

    def test_clients_that_go_away_and_a_stop_leave_nothing_behind(self):
        process, primary = self.serve_primary()
        admin = support.free_port()
        node, port = self.serve("--primary", f"http://127.0.0.1:{primary}", "--write-rate", 0,
                                "--admin", f"127.0.0.1:{admin}", "--write-timeout", "60s")
        process.freeze()
        body = b'{"text": "gone"}'
        count = 30
        for _ in range(count):
            with socket.create_connection(("127.0.0.1", port)) as client:
                client.sendall(b"POST /notes HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s" %
                               (len(body), body))
        support.wait_until(lambda: metric(admin, 'vitrine_connections{state="waiting"}') == count,
                           what="requests that wait for the primary")
        began = time.monotonic()
        self.assertEqual(node.stop(), 0)
        self.assertLess(time.monotonic() - began, 15)  # it does not wait for the primary
        process.send(signal.SIGCONT)

    def test_an_answer_that_is_cut_is_a_503_and_not_half_an_answer(self):
        listener = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(listener.close)
        seen = []

        def play():
            for answer in (b"HTTP/1.1 201 Created\r\nContent-Length: 10\r\n\r\nhalf",
                           b"HTTP/1.1 201 Cre", b""):
                connection, _ = listener.accept()
                seen.append(connection.recv(65536))
                connection.sendall(answer)
                connection.close()

        thread = threading.Thread(target=play)
        thread.start()
        node = self.serve_node(listener.getsockname()[1])
        for _ in range(3):
            self.assert_away(self.post(node, "a", X_Forwarded_For="1.2.3.4", Authorization="x"),
                             LOST)
        thread.join()
        self.assertEqual(len(seen), 3)
        head = seen[0].partition(b"\r\n\r\n")[0].decode().lower()
        self.assertIn("x-forwarded-for: 1.2.3.4, 127.0.0.1", head)
        self.assertIn("vitrine-forwarded: 1", head)
        self.assertNotIn("authorization", head)


class TestLimits(Case):
    """How much an address may write."""

    def test_an_address_that_writes_too_much_is_told_to_wait(self):
        _, port = self.serve("--source", "sqlite:" + self.source, "--write-rate", 5)
        support.wait_until(lambda: support.get(port, "/notes").status == 200, 30, "the source")
        began = time.monotonic()
        statuses = [self.post(port, "a").status for _ in range(10)]
        self.assertEqual(statuses, [201] * 10)
        answers = []

        def refused():
            answers.extend(self.post(port, "a") for _ in range(10))
            return [answer for answer in answers if answer.status == 429]

        limited = support.wait_until(refused, what="a write that is refused")
        taken = 10 + len(answers) - len(limited)
        self.assertLess(taken, 10 + 5 * (time.monotonic() - began) + 1)
        self.assertEqual(limited[0].text, "Error: too many writes from this address")
        self.assertEqual(limited[0].headers["retry-after"], "1")
        self.assertEqual(support.get(port, "/notes").status, 200)
        time.sleep(1.1)
        self.assertEqual(self.post(port, "a").status, 201)

    def test_a_proxy_is_believed_only_when_it_is_trusted(self):
        for trust, written in ((("--trust-proxy", "127.0.0.0/8"), 20), ((), 2)):
            _, port = self.serve("--source", "sqlite:" + self.source, "--write-rate", 1, *trust)
            support.wait_until(lambda port=port: support.get(port, "/notes").status == 200, 30,
                               "the source")
            began = time.monotonic()
            statuses = [self.post(port, "a", X_Forwarded_For=f"9.9.9.9, 198.51.100.{i}").status
                        for i in range(20)]
            self.assertLess(abs(statuses.count(201) - written), 2 + time.monotonic() - began)

    def test_a_node_that_is_trusted_passes_on_whose_write_it_is(self):
        _, primary = self.serve("--source", "sqlite:" + self.source, "--write-rate", 1,
                                "--trust-proxy", "127.0.0.1")
        support.wait_until(lambda: support.get(primary, "/notes").status == 200, 30, "the source")
        node = self.serve_node(primary)
        statuses = [self.post(node, "a", X_Forwarded_For=f"198.51.100.{i}").status
                    for i in range(20)]
        self.assertEqual(statuses, [201] * 20)
        one = lambda: self.post(node, "a", X_Forwarded_For="198.51.100.77").status
        self.assertEqual([one(), one()], [201] * 2)
        support.wait_until(lambda: 429 in [one() for _ in range(5)], what="a write that is refused")

    def test_how_writes_end_is_counted(self):
        admin = support.free_port()
        _, primary = self.serve_primary()
        _, port = self.serve("--primary", f"http://127.0.0.1:{primary}", "--write-rate", 1,
                             "--admin", f"127.0.0.1:{admin}")
        statuses = []
        support.wait_until(lambda: statuses.append(self.post(port, "a").status) or
                           statuses.count(429) >= 2, what="writes that are refused")
        ends = {end: metric(admin, f'vitrine_writes_total{{end="{end}"}}')
                for end in ("forwarded", "limited", "lost", "away")}
        self.assertEqual((ends["forwarded"], ends["limited"]),
                         (statuses.count(201), statuses.count(429)))
        self.assertEqual((ends["lost"], ends["away"]), (0, 0))
        labels = 'method="POST",route="/notes",status='
        self.assertEqual([metric(admin, f"vitrine_requests_total{{{labels}{status}}}")
                          for status in ('"201"', '"429"')], [ends["forwarded"], ends["limited"]])
        self.assertEqual(support.get(admin, "/readyz").status, 200)


class TestOptions(Case):
    """What the command line refuses."""

    def test_a_mistake_is_told_before_anything_is_served(self):
        for arguments, message in (
                (("--primary", "10.0.0.5:8080"),
                 '"10.0.0.5:8080" is no address of a primary; write http://HOST:PORT as in '
                 "http://10.0.0.5:8080"),
                (("--primary", "http://a:1", "--source", "sqlite:" + self.source),
                 "--source and --primary: a node writes itself or forwards; give one"),
                (("--trust-proxy", "10.1.2.3/8"),
                 "10.1.2.3/8 is not where its network begins; write 10.0.0.0/8")):
            result = support.vitrine("serve", "--root", self.path("root"), "--listen",
                                     "127.0.0.1:0", *arguments, check=False)
            self.assertEqual(result.returncode, 2)
            self.assertIn(message, result.stderr)


if __name__ == "__main__":
    support.main()
