"""nginx in front: whatever shape a client gives a request, both see the same requests.

nginx names each request that it passes on (X-Request-Id), and both write a line for each. What nginx
passes on and the service reads as something else, as two requests or as a part of one, is a line too many
in one of the two logs, or an answer that belongs to another request."""

import contextlib
import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import support
from http_cases import CASES, post
from shelf import Client, get
from test_abuse import WritableShelf
from test_serve import ServedCase

MARKERS = 3  # requests behind each shape, on connections of their own
CONFIG = """
daemon off; worker_processes 1; pid nginx.pid; error_log error.log crit; {user}
events {{ worker_connections 512; }}
http {{
    log_format seen "id=$request_id method=$request_method status=$upstream_status";
    access_log seen.log seen;
    client_body_temp_path tmp; proxy_temp_path tmp; fastcgi_temp_path tmp;
    uwsgi_temp_path tmp; scgi_temp_path tmp;
    upstream node {{ server 127.0.0.1:{node}; keepalive 1; }}
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    proxy_set_header X-Request-Id $request_id;
    ignore_invalid_headers off;
    underscores_in_headers on;
    server {{
        listen 127.0.0.1:{whole};
        location / {{ proxy_pass http://node; proxy_ignore_client_abort on; }}
    }}
    server {{
        listen 127.0.0.1:{streamed};
        location / {{
            proxy_pass http://node; proxy_request_buffering off; proxy_ignore_client_abort on;
        }}
    }}
}}
"""

# Bodies that nginx may pass on in another form, to a route that reads them.
NOTE = b'{"text": "a"}'
BODIES = (
    post("/notes", f"Content-Length: {len(NOTE)}", body=NOTE),
    post("/notes", "Transfer-Encoding: chunked", body=b"d;a=b\r\n" + NOTE + b"\r\n0\r\nA: b\r\n\r\n"),
    post("/notes", "Content-Length: 5", body=NOTE),
    post("/branches/1", f"Content-Length: {len(NOTE)}", body=NOTE),
    post("/branches/1", "Content-Length: 50000", body=b"a" * 50000),
    post("/notes", "Expect: 100-continue", f"Content-Length: {len(NOTE)}", body=NOTE),
    post("/notes", "Transfer-Encoding: chunked", body=b"ffffff\r\n" + b"a" * 1000),
)


def lines(path):
    """The lines of a log, as dicts; not one that is being written."""
    whole = Path(path).read_text(encoding="utf-8").split("\n")[:-1]
    return [dict(part.split("=", 1) for part in shlex.split(line)) for line in whole]


class TestBehindNginx(ServedCase):
    """One nginx, one connection to the service that it keeps open."""

    shelf_class = WritableShelf

    @classmethod
    def options(cls):
        cls.log = os.path.join(cls.shared, "access.log")
        return ("--threads", 1, "--access-log", cls.log, "--write-rate", 0, "--source",
                "sqlite:" + cls.shelf.source)

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.prefix = Path(cls.shared, "nginx")
        (cls.prefix / "tmp").mkdir(parents=True)
        Path(cls.shared).chmod(0o755)
        cls.fronts = [support.free_port(), support.free_port()]
        (cls.prefix / "nginx.conf").write_text(CONFIG.format(
            node=cls.port, whole=cls.fronts[0], streamed=cls.fronts[1],
            user="user root;" if os.geteuid() == 0 else ""), encoding="utf-8")
        cls.nginx = subprocess.Popen(  # pylint: disable=consider-using-with
            ["/usr/sbin/nginx", "-p", cls.prefix, "-c", "nginx.conf", "-e", "error.log"])
        cls.addClassCleanup(cls.stop_nginx)
        support.wait_until(lambda: all(map(support.answers, cls.fronts)), what="nginx")

    @classmethod
    def stop_nginx(cls):
        """Nothing of it is left."""
        cls.nginx.terminate()
        cls.nginx.wait(60)

    def send(self, port, data, size):
        """Sends DATA to nginx in pieces of SIZE, and reads what comes until nothing does."""
        with Client(port) as client:
            client.socket.settimeout(0.15)
            try:
                client.send(data, size)
                while client.socket.recv(1 << 16):
                    pass
            except (socket.timeout, ConnectionError):
                pass

    def assert_markers(self, port):
        """Requests of others have the answers that are theirs."""
        for number in range(1, MARKERS + 1):
            answer = support.get(port, f"/branches/{100 + number}")
            self.assertEqual((answer.status, json.loads(answer.body)["id"]), (200, 100 + number))

    def passed(self):
        """What nginx passed on, by its names."""
        return {line["id"]: line for line in lines(self.prefix / "seen.log")
                if line["status"] != "-"}

    def end_both(self):
        """Has both end, nginx after the requests that it has: a client may have left before its
        answer, which nginx waits for. Both logs are whole then, if the service had the time to write
        all of its own; what never comes is told by its names."""
        self.nginx.send_signal(signal.SIGQUIT)
        self.assertEqual(self.nginx.wait(60), 0)
        wanted = sum(len(line["status"].split(",")) for line in self.passed().values())
        with contextlib.suppress(AssertionError):
            support.wait_until(lambda: len(lines(self.log)) >= wanted, what="the lines of all")
        self.assertEqual(self.service.stop(), 0)

    def assert_same_requests(self):
        """What nginx passed on is what the service has seen: each once, with one answer."""
        passed = self.passed()
        refused = 0
        seen = set()
        for line in lines(self.log):
            if line["id"] not in passed:  # it has no name: it was not read so far
                self.assertEqual(line["status"], "400", line)
                refused += 1
                continue
            self.assertNotIn(line["id"], seen)
            seen.add(line["id"])
            self.assertEqual((line["method"], line["status"]),
                             (passed[line["id"]]["method"], passed[line["id"]]["status"]))
        left = [line for name, line in passed.items() if name not in seen]
        self.assertEqual([line["status"] for line in left], ["400"] * refused, left)
        return len(seen), refused

    def test_no_shape_of_a_request_is_two_requests_for_one_of_both(self):
        shapes = [case.data for case in CASES] + list(BODIES)
        for port in self.fronts:
            for data in shapes:
                for size in (len(data), 7):
                    self.send(port, data, size if len(data) < 2000 else len(data))
                self.assert_markers(port)
        self.end_both()
        seen, refused = self.assert_same_requests()
        print(f"{len(shapes)} shapes: {seen} requests seen by both, {refused} refused behind nginx",
              file=sys.stderr)
        self.assertGreater(seen, 2 * len(shapes) * MARKERS)


class TestTools(ServedCase):
    """Clients that everybody has."""

    def curl(self, *words):
        """What it prints; it fails when the answer is not as HTTP wants it."""
        done = subprocess.run(["curl", "-sS", "--max-time", "20", *words], capture_output=True,
                              text=True, check=False)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout

    def url(self, target):
        """Of the service."""
        return f"http://127.0.0.1:{self.port}{target}"

    def test_curl_reads_what_it_asks_for(self):
        plain = self.curl(self.url("/branches/1"))
        self.assertEqual(json.loads(plain)["id"], 1)
        for words in (("--http1.0",), ("--http2",), ("--compressed",), ("--path-as-is",),
                      ("-H", "Expect: 100-continue", "-d", "a", "-X", "GET"),
                      ("-H", "Transfer-Encoding: chunked", "-d", "a", "-X", "GET"),
                      ("--range", "0-3"), ("-H", "Connection: close"),
                      ("-x", f"http://127.0.0.1:{self.port}")):
            self.assertEqual(self.curl(*words, self.url("/branches/1")), plain, words)
        head = self.curl("-I", self.url("/branches/1"))
        self.assertIn(f"Content-Length: {len(plain)}", head)
        self.assertRegex(self.curl("-i", "-X", "OPTIONS", self.url("/branches/1")),
                         "^HTTP/1.1 204 No Content\n")
        # One connection for all of them: what ends each answer is known.
        out = self.curl("-w", "%{http_code} %{num_connects}\n", "-o", "/dev/null",
                        *(word for target in ("/branches/1", "/lions", "/branches?count=300")
                          for word in (self.url(target), "-o", "/dev/null")))
        self.assertEqual(out, "200 1\n404 0\n200 0\n")

    def test_curl_sends_a_large_body_that_nobody_wants(self):
        path = os.path.join(self.shared, "large")
        with open(path, "wb") as file:
            file.write(b"a" * 3000000)
        for words in ((), ("-H", "Expect:"), ("-H", "Transfer-Encoding: chunked")):
            out = self.curl("-o", "/dev/null", "-w", "%{http_code}", *words, "--data-binary",
                            "@" + path, self.url("/lions"))
            self.assertIn(out, ("404", "413"))

    def test_h2load_has_all_its_answers(self):
        for words in (("-c", "8", "-m", "1"), ("-c", "4", "-m", "32")):
            done = subprocess.run(["h2load", "--h1", "-n", "5000", *words, self.url("/branches/1"),
                                   self.url("/loans?branch=8"), self.url("/lions")],
                                  capture_output=True, text=True, check=True)
            self.assertRegex(done.stdout, r"5000 done, \d+ succeeded, \d+ failed, 0 errored, 0 timeout")
            found = re.search(r"status codes: (\d+) 2xx, 0 3xx, (\d+) 4xx, 0 5xx", done.stdout)
            self.assertEqual(int(found[1]) + int(found[2]), 5000)


if __name__ == "__main__":
    support.main()
