"""The balancer: nginx, rendered from a fleet file, before nodes and a primary; what it keeps, what it
asks twice and what it does not, what it refuses."""
import contextlib
import gzip
import os
import re
import signal
import socket
import sqlite3
import subprocess
import tempfile
import threading
import time
import unittest

import balancer
import shelf
import support

DEFINITION = """
name: kiosk
tables:
  notes:
    primary_key: id
    columns: {id: integer, text: {type: text, required: true}, session: text}
collections:
  papers:
    key: id
    rows: SELECT id, text FROM papers
    fields: {id: integer, text: text}
routes:
  - get: /kept/:id
    from: papers
    key: {path: id}
    answer: $row
    cache: {age: 1s, stale: 1h}
    missing: {status: 404, text: "Error: there is no such paper"}
  - get: /short/:id
    from: papers
    key: {path: id}
    answer: $row
    cache: 1s
  - get: /long/:id
    from: papers
    key: {path: id}
    answer: $row
    cache: 1h
  - get: /asked/:id
    from: papers
    key: {path: id}
    answer: $row
  - get: /notes
    run:
      - sql: SELECT count(*) FROM notes
        returns: {count: integer}
    answer: {count: $count}
  - post: /notes
    take:
      text: {body: text, type: text, longest: 100000}
    run:
      - sql: INSERT INTO notes (text) VALUES (:text)
    status: 204
  - get: /mine
    take:
      session: {cookie: session, type: session, age: 30d}
    run:
      - sql: INSERT INTO notes (text, session) VALUES ('mine', :session)
    status: 204
"""
PAPERS = 200
NOTE = '{"text": "a"}'
JSON = {"Content-Type": "application/json"}
NODES = 3
AGE_S = 2.1  # after which what is kept for 1 s is too old: nginx counts whole seconds
FAIL_S = 3  # after which a node that is down is tried again: fail_timeout
# So that no node is taken for dead because the machine is busy.
PATIENT = "[timeouts]\nconnect = 10s\nread = 10s"


def setUpModule():
    why = balancer.why_not()
    if why:
        raise unittest.SkipTest(why)


class Counter(threading.Thread):
    """A server that notes the methods of requests, sends one answer to all, or none, and closes."""

    def __init__(self, answer=b""):
        super().__init__(daemon=True)
        self.answer = answer
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.requests = []
        self.start()

    def run(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with connection, contextlib.suppress(OSError):  # nginx may be gone
                connection.settimeout(5)
                self.requests.append(connection.recv(65536).split(b" ")[0].decode())
                connection.sendall(self.answer)

    def close(self):
        """Ends it."""
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.join(5)


class Case(support.TestCase):
    """A primary and three nodes, all of one root; balancers as the tests want them."""

    def setUp(self):
        super().setUp()
        self.source = self.path("source.db")
        with sqlite3.connect(self.source) as db:
            db.execute("CREATE TABLE papers(id INTEGER PRIMARY KEY, text TEXT)")
            db.executemany("INSERT INTO papers VALUES(?, ?)",
                           ((i, f"paper {i} " * (1 if i % 2 else 400))
                            for i in range(1, PAPERS + 1)))
        db.close()
        with open(self.path("definition.yaml"), "w", encoding="utf-8") as file:
            file.write(DEFINITION)
        self.build()
        self.primary, self.primary_port = self.serve("--source", "sqlite:" + self.source)
        forward = ("--primary", f"http://127.0.0.1:{self.primary_port}")
        self.nodes = [self.serve(*forward) for _ in range(NODES)]
        support.wait_until(lambda: self.count(self.primary_port) == 0, 30, "the source")

    def build(self):
        """Builds a release, which all of them then serve."""
        support.vitrine("build", "--definition", self.path("definition.yaml"), "--source",
                        "sqlite:" + self.source, "--root", self.path("root"))

    def serve(self, *arguments):
        """A service of the root; (process, port)."""
        process = self.start("serve", "--root", self.path("root"), "--listen", "127.0.0.1:0",
                             "--threads", 1, "--write-rate", 0, "--trust-proxy", "127.0.0.0/8",
                             *arguments)
        return process, shelf.listening(process)[1]

    def fleet(self, *more, primary="", paths="/notes, /mine", cache="", nodes=None,
              timeouts=PATIENT):
        """A fleet file; MORE sections of it."""
        self.port, self.admin = support.free_port(), support.free_port()
        ports = nodes or [port for _, port in self.nodes]
        parts = [f"[balancer]\nlisten = 127.0.0.1:{self.port}\nadmin = 127.0.0.1:{self.admin}",
                 "behind = 127.0.0.0/8",
                 "[nodes]", *(f"node{i} = 127.0.0.1:{port}" for i, port in enumerate(ports))]
        if primary is not None:
            parts += [f"[primary]\naddress = 127.0.0.1:{primary or self.primary_port}",
                      f"paths = {paths}"]
        if cache is not None:
            parts += ["[cache]\nfolder = cache", cache]
        return "\n".join([*parts, timeouts, *more]) + "\n"

    def balance(self, *more, **options):
        """Starts a balancer; see fleet()."""
        fleet = self.fleet(*more, **options)
        found = balancer.Balancer(fleet, port=self.port)
        self.addCleanup(found.stop)
        return found

    def get(self, path, **headers):
        """GET through the balancer."""
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        return support.get(self.port, path, headers=headers)

    def kept(self, path, **headers):
        """What X-Cache says of a GET."""
        answer = self.get(path, **headers)
        self.assertEqual(answer.status, 200, answer.body)
        return answer.headers["x-cache"]

    def wait_for_hit(self, path, **headers):
        """Asks until the answer is one that was kept: nginx keeps it after it has sent it, and its
        workers know of each other's answers only then."""
        support.wait_until(lambda: self.kept(path, **headers) == "HIT", what="an answer that is kept")

    def asked(self, balancer_, count=1):
        """The last lines of the access log, once COUNT are there."""
        def found():
            lines = balancer_.log() if os.path.exists(balancer_.path("access.log")) else ()
            return lines if len(lines) >= count else None
        return support.wait_until(found, what=f"{count} lines in the access log")

    def counter(self, answer=b""):
        """Starts a Counter."""
        found = Counter(answer)
        self.addCleanup(found.close)
        return found

    def count(self, port=None):
        """How many notes the source has, by its service; None when it does not answer."""
        answer = support.get(port or self.primary_port, "/notes")
        found = re.fullmatch(r'\{"count":(\d+)\}', answer.text)
        return int(found[1]) if found else None


class TestKept(Case):
    """What the balancer keeps, for how long, and for whom."""

    def test_an_answer_is_kept_as_long_as_its_route_says(self):
        self.balance()
        self.assertEqual(self.kept("/long/1"), "MISS")
        self.wait_for_hit("/long/1")
        answer = self.get("/long/1")
        self.assertEqual(answer.text, '{"id":1,"text":"paper 1 "}')

    def test_what_a_route_says_nothing_of_is_asked_for_each_time(self):
        self.balance()
        self.assertEqual([self.kept("/asked/1") for _ in range(3)], ["MISS"] * 3)

    def test_all_but_no_store_is_kept_when_the_fleet_file_says_so(self):
        self.balance(cache="keep = 60s", paths="")
        self.assertEqual(self.kept("/asked/1"), "MISS")
        self.wait_for_hit("/asked/1")
        self.assertEqual([self.kept("/notes") for _ in range(2)], ["MISS"] * 2)
        self.assertEqual([self.get("/nowhere").headers["x-cache"] for _ in range(2)], ["MISS"] * 2)

    def test_what_is_too_old_is_compared_with_the_node_and_not_fetched(self):
        running = self.balance()
        self.assertEqual(self.kept("/short/1"), "MISS")
        self.wait_for_hit("/short/1")
        time.sleep(AGE_S)
        self.assertEqual(self.kept("/short/1"), "REVALIDATED")
        self.wait_for_hit("/short/1")
        statuses = {"MISS": "200", "REVALIDATED": "304", "HIT": ""}
        support.wait_until(  # each worker writes its own lines
            lambda: {line["cache"] for line in self.asked(running, 3)} == set(statuses),
            what="all three in the log")
        self.assertEqual({line["cache"]: line["node_status"] for line in self.asked(running)},
                         statuses)

    def test_a_change_arrives_when_what_is_kept_is_too_old(self):
        self.balance()
        self.assertEqual(self.kept("/short/1"), "MISS")
        with sqlite3.connect(self.source) as db:
            db.execute("UPDATE papers SET text = 'new' WHERE id = 1")
        db.close()
        self.build()
        support.wait_until(lambda: self.get("/short/1").text == '{"id":1,"text":"new"}',
                           what="the change")

    def test_nobody_waits_while_a_route_allows_an_answer_that_is_too_old(self):
        self.balance()
        self.assertEqual(self.kept("/kept/1"), "MISS")
        self.wait_for_hit("/kept/1")
        time.sleep(AGE_S)
        self.assertEqual(self.kept("/kept/1"), "STALE")
        self.wait_for_hit("/kept/1")

    def test_with_all_nodes_down_what_is_kept_is_served_and_the_rest_is_503(self):
        self.balance()
        for path in "/kept/1", "/short/1":
            self.assertEqual(self.kept(path), "MISS")
            self.wait_for_hit(path)
        for process, _ in self.nodes:
            process.send(signal.SIGKILL)
            process.wait()
        time.sleep(AGE_S)
        self.assertEqual(self.get("/kept/1").text, '{"id":1,"text":"paper 1 "}')
        self.assertEqual(self.kept("/short/1"), "STALE")
        answer = self.get("/kept/3")
        self.assertEqual((answer.status, answer.text), (503, "Error: no node gave an answer"))
        self.assertEqual(answer.headers["retry-after"], "1")
        self.assertEqual(answer.headers["cache-control"], "no-store")

    def test_what_the_source_answers_is_never_kept(self):
        for options in {}, {"paths": ""}, {"cache": "keep = 60s", "paths": ""}:
            with self.subTest(options=options):
                running = self.balance(**options)
                before = self.count(self.port)
                for i in range(1, 4):
                    answer = support.request(self.port, "/notes", "POST", JSON, NOTE)
                    self.assertEqual(answer.status, 204, answer.text)
                    self.assertEqual(self.count(self.port), before + i)
                answer = self.get("/notes")
                self.assertEqual(answer.headers["cache-control"], "no-store")
                running.stop()

    def test_a_cookie_is_never_kept(self):
        self.balance(cache="keep = 60s", paths="")
        cookies = {self.get("/mine").headers["set-cookie"] for _ in range(3)}
        self.assertEqual(len(cookies), 3)

    def test_clients_with_and_without_gzip_get_what_they_take(self):
        self.balance()
        plain = f'{{"id":2,"text":"{"paper 2 " * 400}"}}'
        for kept in "MISS", "HIT":
            for accepts, packed in (("gzip, deflate, br", True), ("identity", False),
                                    ("gzip;q=0", False), ("br, gzip;q=0.5", True)):
                with self.subTest(accepts=accepts, kept=kept):
                    answer = self.get("/kept/2", Accept_Encoding=accepts)
                    self.assertEqual(answer.headers.get("content-encoding"),
                                     "gzip" if packed else None)
                    body = gzip.decompress(answer.body) if packed else answer.body
                    self.assertEqual(body.decode(), plain)
                    self.assertIn("accept-encoding", answer.headers["vary"].lower())
        for one, alike in ("gzip", "gzip, deflate"), ("deflate", "gzip;q=0.000, br"):
            self.assertEqual(self.kept("/long/4", Accept_Encoding=one), "MISS")
            self.wait_for_hit("/long/4", Accept_Encoding=one)
            self.assertEqual(self.kept("/long/4", Accept_Encoding=alike), "HIT")

    def test_a_client_that_has_the_answer_gets_304_kept_or_not(self):
        self.balance()
        for path in "/kept/1", "/asked/1":
            for packed in "gzip", "identity":
                tag = self.get(path, Accept_Encoding=packed).headers["etag"]
                for _ in range(2):
                    answer = self.get(path, Accept_Encoding=packed, If_None_Match=tag)
                    self.assertEqual((answer.status, answer.body), (304, b""), path)
                    self.assertEqual(answer.headers["etag"], tag)
                other = self.get(path, Accept_Encoding=packed, If_None_Match='"other"')
                self.assertEqual(other.status, 200)

    def test_a_304_of_one_client_is_not_kept_for_another(self):
        self.balance()
        tag = support.get(self.nodes[0][1], "/kept/1").headers["etag"]
        self.assertEqual(self.get("/kept/1", If_None_Match=tag).status, 304)
        self.assertEqual(self.get("/kept/1").status, 200)

    def test_the_tag_of_a_client_does_not_revive_what_is_too_old(self):
        self.balance()
        self.assertEqual(self.get("/kept/999").status, 404)
        with sqlite3.connect(self.source) as db:
            db.execute("INSERT INTO papers VALUES (999, 'new')")
        db.close()
        self.build()
        node = self.nodes[0][1]
        support.wait_until(lambda: support.get(node, "/kept/999").status == 200, what="the release")
        tag = support.get(node, "/kept/999").headers["etag"]
        time.sleep(AGE_S)
        self.get("/kept/999", If_None_Match=tag)
        support.wait_until(lambda: self.get("/kept/999").status == 200, what="the new answer")


class TestRetried(Case):
    """What is asked for once and what twice."""

    def answers_until(self, condition, seconds=60):
        """Reads keys one after the other until the condition holds; their answers."""
        deadline, i = time.monotonic() + seconds, 0
        while not condition() or i < 3 * NODES:
            self.assertLess(time.monotonic(), deadline)
            i += 1
            yield self.get(f"/asked/{i % PAPERS + 1}")

    def reads_until(self, condition):
        """As answers_until; none of them may fail."""
        for answer in self.answers_until(condition):
            self.assertEqual(answer.status, 200, answer.text)

    def test_a_read_of_a_node_that_was_killed_is_answered_by_another(self):
        running = self.balance()
        self.reads_until(lambda: True)
        self.nodes[0][0].send(signal.SIGKILL)
        self.reads_until(lambda: " connect() failed " in running.errors()
                         or " prematurely closed " in running.errors())
        self.assertRegex(running.errors(), f"127.0.0.1:{self.nodes[0][1]}")

    def test_a_read_of_a_node_that_is_frozen_is_answered_by_another(self):
        running = self.balance(timeouts="")
        self.reads_until(lambda: True)
        frozen, port = self.nodes[0]
        frozen.freeze()

        def waits():
            """The seconds that reads waited for the frozen node before another was asked."""
            return [float(line["node_seconds"].split(",")[0]) for line in running.log()
                    if line["node"].startswith(f"127.0.0.1:{port}, ")]

        try:
            failed = [answer.headers["x-request-id"]
                      for answer in self.answers_until(lambda: len(waits()) >= 3)
                      if answer.status != 200]
        finally:
            frozen.send(signal.SIGCONT)
        support.wait_until(lambda: set(failed) <= {line["id"] for line in running.log()},
                           what="the lines of reads that failed")
        # Only where the machine made another node as late as the frozen one, and then for a while,
        # when all of them count as down.
        said = {line["node_status"] for line in running.log() if line["id"] in failed}
        self.assertLessEqual(said, {"504, 504", "504, 502", "502"})
        if said:
            others = "|".join(str(port) for _, port in self.nodes[1:])
            self.assertRegex(running.errors(),
                             rf"upstream timed out.*http://127\.0\.0\.1:({others})/")
        self.assertIn("upstream timed out", running.errors())
        self.assertGreater(min(waits()), 0.25)
        self.assertLess(min(waits()), 1)  # a busy machine makes it longer, not shorter

    def test_a_read_that_a_node_cannot_answer_is_answered_by_another(self):
        for answer, passed in ((b"", False), (b"HTTP/1.1 200 x\r\n\0\r\n\r\n", False),
                               (b"HTTP/1.1 503 x\r\nContent-Length: 0\r\n\r\n", False),
                               (b"HTTP/1.1 502 x\r\nContent-Length: 0\r\n\r\n", False),
                               (b"HTTP/1.1 504 x\r\nContent-Length: 0\r\n\r\n", False),
                               (b"HTTP/1.1 500 x\r\nContent-Length: 0\r\n\r\n", True)):
            with self.subTest(answer=answer):
                bad = self.counter(answer)
                running = self.balance(nodes=[bad.port, self.nodes[0][1]])
                statuses = {self.get("/asked/1").status for _ in range(20)}
                self.assertEqual(statuses, {200, 500} if passed else {200})
                self.assertGreater(len(bad.requests), 0)
                running.stop()

    def test_an_answer_that_no_node_can_give_takes_none_of_them_out(self):
        nodes = [self.serve("--answer-size", "1K")[1] for _ in range(2)]
        running = self.balance(nodes=nodes)
        for _ in range(3 * len(nodes)):  # more failures than take a node out
            self.assertEqual(self.get("/asked/2").status, 500)
            self.assertEqual(self.get("/asked/1").status, 200)
        self.assertNotIn("no live upstreams", running.errors())

    def test_two_of_three_nodes_may_be_down(self):
        self.balance()
        for process, _ in self.nodes[:2]:
            process.send(signal.SIGKILL)
            process.wait()
        begun = time.monotonic()
        statuses = [self.get(f"/asked/{i}").status for i in range(1, 31 + 3 * NODES)]
        tried_again = int((time.monotonic() - begun) / FAIL_S)  # when reads take that long
        # Only the first reads meet both of them, before they are known to be down.
        self.assertLessEqual(len(statuses) - statuses.count(200), 2 + tried_again)
        if not tried_again:
            self.assertEqual(set(statuses[30:]), {200})

    def test_a_write_comes_to_the_primary_once(self):
        self.balance()
        before = self.count()
        for _ in range(5):
            answer = support.request(self.port, "/notes", "POST", JSON, NOTE)
            self.assertEqual(answer.status, 204, answer.text)
        self.assertEqual(self.count(), before + 5)

    def test_a_write_without_an_answer_is_not_sent_again(self):
        counter = self.counter()
        self.balance(primary=counter.port)
        methods = ["POST", "PUT", "DELETE", "PATCH"]
        for method in methods:
            answer = support.request(self.port, "/notes", method, JSON, NOTE)
            self.assertEqual((answer.status, answer.text),
                             (503, "Error: the primary gave no answer; it may have been written"))
            self.assertEqual(answer.headers["retry-after"], "1")
            self.assertIn("x-request-id", answer.headers)
        self.assertEqual(counter.requests, methods)

    def test_a_path_of_the_primary_is_asked_there_once_and_others_are_not(self):
        counter = self.counter()
        self.balance(primary=counter.port)
        for path in "/notes", "/notes/", "/notes/1", "/notes?page=1", "/n%6ftes", "/mine":
            self.assertEqual(self.get(path).status, 503, path)
        self.assertEqual(counter.requests, ["GET"] * 6)
        self.assertEqual(self.get("/notesy").status, 404)
        self.assertEqual(len(counter.requests), 6)

    def test_without_a_primary_writes_go_to_a_node_once(self):
        self.balance(primary=None)
        before = self.count()
        for _ in range(5):
            self.assertEqual(support.request(self.port, "/notes", "POST", JSON, NOTE).status, 204)
        self.assertEqual(self.count(), before + 5)

    def test_without_a_primary_a_write_that_a_node_does_not_answer_is_not_sent_to_another(self):
        counters = [self.counter() for _ in range(NODES)]
        self.balance(primary=None, nodes=[counter.port for counter in counters])
        self.assertEqual(support.request(self.port, "/notes", "PUT", JSON, NOTE).status, 503)
        self.assertEqual(sum((counter.requests for counter in counters), []), ["PUT"])

    def test_reads_do_not_need_the_primary(self):
        self.balance()
        self.primary.send(signal.SIGKILL)
        self.primary.wait()
        self.reads_until(lambda: True)
        answer = support.request(self.port, "/notes", "POST", JSON, NOTE)
        self.assertEqual(answer.status, 503)


class TestLimits(Case):
    """What the balancer refuses, and what it tells."""

    def test_a_body_that_is_too_large_is_413_and_comes_to_nobody(self):
        self.balance("[limits]\nbody = 4K")
        before = self.count()
        large = b'{"text": "' + b"a" * 5000 + b'"}'
        for how, body in ("with its size", large), ("in chunks", iter([large])):
            with self.subTest(how=how):
                answer = support.request(self.port, "/notes", "POST", JSON, body)
                self.assertEqual((answer.status, answer.text),
                                 (413, "Error: the body is larger than 4k"))
                self.assertEqual(answer.headers["access-control-allow-origin"], "*")
        body = '{"text": "' + "a" * 3000 + '"}'
        self.assertEqual(support.request(self.port, "/notes", "POST", JSON, body).status, 204)
        self.assertEqual(self.count(), before + 1)

    def test_an_address_that_asks_too_often_is_429_and_others_are_not(self):
        self.balance("[limits]\nrequests = 5/m")  # 6 at once, and the next after 12 s

        def ask(client):
            return [self.get("/asked/1", X_Forwarded_For=client) for _ in range(12)]

        answers = ask("192.0.2.1")
        self.assertEqual({answer.status for answer in answers}, {200, 429})
        refused = next(answer for answer in answers if answer.status == 429)
        self.assertEqual(refused.text, "Error: too many requests from this address")
        self.assertEqual(refused.headers["retry-after"], "1")
        self.assertEqual(self.get("/asked/1", X_Forwarded_For="192.0.2.2").status, 200)
        self.assertIn(429, {answer.status for answer in ask("2001:db8:1:2::1")})
        self.assertEqual(self.get("/asked/1", X_Forwarded_For="2001:db8:1:2::9").status, 429)
        self.assertEqual(self.get("/asked/1", X_Forwarded_For="2001:db8:1:3::1").status, 200)

    def test_writes_have_a_limit_of_their_own(self):
        self.balance("[limits]\nwrites = 2/m")
        statuses = [support.request(self.port, "/notes", "POST", JSON, NOTE).status
                    for _ in range(8)]
        self.assertEqual(set(statuses), {204, 429})
        self.assertEqual(self.count(), statuses.count(204))
        self.assertEqual({self.get("/asked/1").status for _ in range(20)}, {200})

    def test_the_client_that_the_primary_sees_is_the_one_that_asked(self):
        log = self.path("access")
        _, port = self.serve("--source", "sqlite:" + self.source, "--access-log", log)
        self.balance(primary=port)
        forged = "198.51.100.9, 203.0.113.7"  # 203.0.113.7 is who the trusted proxy names
        support.request(self.port, "/notes", "POST", {**JSON, "X-Forwarded-For": forged}, NOTE)

        def logged():
            with open(log, encoding="utf-8") as file:
                return re.findall(r"client=(\S+) .*method=POST", file.read())

        self.assertEqual(support.wait_until(logged, what="a line"), ["203.0.113.7"])

    def test_the_name_of_a_request_is_in_the_log_the_answer_and_at_the_node(self):
        log = self.path("access")
        node = self.serve("--access-log", log)
        running = self.balance(nodes=[node[1]])
        for given, kept in ("mine-1", True), ('has"quote', False), ("x" * 65, False), ("", False):
            with self.subTest(given=given):
                answer = self.get("/asked/1", **({"X_Request_Id": given} if given else {}))
                self.assertEqual(answer.headers["x-request-id"] == given, kept)
                name = answer.headers["x-request-id"]

                def in_both(name=name):
                    with open(log, encoding="utf-8") as file:
                        at_node = f"id={name} " in file.read()
                    return at_node and [line for line in running.log() if line["id"] == name]

                line, = support.wait_until(in_both, what=name)
                self.assertEqual((line["status"], line["method"], line["target"], line["node"]),
                                 (200, "GET", "/asked/1", f"127.0.0.1:{node[1]}"))

    def test_a_kept_answer_has_the_name_of_its_own_request(self):
        self.balance()
        with shelf.Client(self.port) as client:
            for name in "one", "two":
                client.send(shelf.get("/kept/1", "X-Request-Id: " + name))
                # No header is there twice: the client looks.
                self.assertEqual(client.answer().headers["x-request-id"], name)

    def test_the_log_is_json_whatever_a_client_sends(self):
        running = self.balance()
        self.get('/asked/1?x="%0a\\', User_Agent='"\\')
        with socket.create_connection(("127.0.0.1", self.port)) as client:
            client.sendall(b"\x16\x03\x01\"\\\r\n\r\n")
            client.recv(4096)
        lines = {line["status"]: line for line in self.asked(running, 2)}
        self.assertEqual(sorted(lines), [200, 400])
        self.assertEqual(lines[200]["target"], '/asked/1?x="%0a\\')

    def test_the_balancer_tells_of_itself(self):
        self.balance("[limits]\nrequests = 1/m")
        for port in self.port, self.admin:
            answers = [support.get(port, "/healthz") for _ in range(5)]
            self.assertEqual({(answer.status, answer.text) for answer in answers}, {(200, "ok\n")})
        self.assertIn("Active connections", support.get(self.admin, "/status").text)
        self.assertEqual(self.get("/status").status, 404)

    def test_a_preflight_and_a_head_are_answered_by_a_node(self):
        self.balance()
        answer = support.request(self.port, "/notes", "OPTIONS")
        self.assertEqual(answer.status, 204)
        head = support.request(self.port, "/kept/1", "HEAD")
        self.assertEqual((head.status, head.body), (200, b""))
        self.assertEqual(head.headers["content-length"], "26")

    def test_a_reload_takes_another_fleet(self):
        running = self.balance()
        port, admin = self.port, self.admin
        fleet = self.fleet(nodes=[self.nodes[2][1]])
        running.write(fleet.replace(str(self.port), str(port)).replace(str(self.admin), str(admin)))
        self.port = port
        running.reload()

        def asked():
            self.assertEqual(self.get("/asked/1").status, 200)
            nodes = {line["node"] for line in running.log()[-5:]}
            return nodes == {f"127.0.0.1:{self.nodes[2][1]}"}

        support.wait_until(asked, what="only one node is asked")


class TestTls(Case):
    """With a certificate."""

    def test_clients_speak_tls_and_plain_http_is_sent_on(self):
        made = subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
             "-nodes", "-days", "1", "-subj", "/CN=localhost", "-keyout", "/dev/stdout"],
            capture_output=True, text=True, check=True).stdout
        folder = tempfile.mkdtemp(prefix="vitrine-tls-")
        self.addCleanup(subprocess.run, ["rm", "-rf", folder], check=True)
        os.chmod(folder, 0o755)
        pem = os.path.join(folder, "both.pem")
        with open(pem, "w", encoding="utf-8") as file:
            file.write(made)
        os.chmod(pem, 0o644)
        plain = support.free_port()
        fleet = self.fleet().replace("behind = 127.0.0.0/8", "\n".join((
            f"certificate = {pem}", f"key = {pem}", f"redirect_from = 127.0.0.1:{plain}")))
        running = balancer.Balancer(fleet, port=self.port)
        self.addCleanup(running.stop)
        done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{self.port}", "-alpn",
                               "http/1.1", "-quiet", "-CAfile", pem, "-verify_return_error"],
                              input="GET /asked/1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
                              capture_output=True, text=True, timeout=60, check=False)
        self.assertIn('{"id":1,"text":"paper 1 "}', done.stdout, done.stderr)
        answer = support.get(plain, "/asked/1?x=1", headers={"Host": "shop.example.com"})
        self.assertEqual((answer.status, answer.headers["location"]),
                         (308, "https://shop.example.com/asked/1?x=1"))


if __name__ == "__main__":
    support.main()
