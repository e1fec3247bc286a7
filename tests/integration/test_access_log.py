"""The access log: a line a request, sampled, as text or JSON, reopened, and never in the way.

ctest: threads
"""

import json
import os
import re
import shlex
import signal
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import support
from scrubbing import SECONDS, ServedCase
from shelf import Client, get

LINE = re.compile(r"^time=\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z client=127\.0\.0\.1 "
                  r'id=([0-9a-f]{16}) method=GET target="/branches/1" status=200 bytes=(\d+) us=\d+$')


class TestAccessLog(ServedCase):
    """One service a test, with its log."""

    def setUp(self):
        super().setUp()
        self.log = self.path("access.log")

    def serve(self, *arguments):
        super().serve("--access-log", self.log, *arguments)

    def lines(self, count, path=None):
        """The lines, when there are COUNT of them."""
        path = Path(path or self.log)
        text = support.wait_until(
            lambda: path.exists() and path.read_text(encoding="utf-8").count("\n") >= count
            and path.read_text(encoding="utf-8"), SECONDS, f"{count} lines")
        self.assertEqual(text.count("\n"), count, text[-2000:])
        return text.splitlines()

    def test_a_request_is_a_line(self):
        self.serve()
        with Client(self.port) as client:
            client.send(get("/branches/1"))
            answer = client.answer()
        line = self.lines(1)[0]
        self.assertRegex(line, LINE)
        self.assertEqual(LINE.match(line)[1], answer.headers["x-request-id"])
        self.assertEqual(int(LINE.match(line)[2]), len(answer.head) + 4 + len(answer.body))

    def test_lines_can_be_split_whatever_a_client_asks(self):
        self.serve()
        with Client(self.port) as client:
            client.send(get('/a"b\\c=d?e%20status=200&f'))
            client.answer()
            client.send(b"nonsense\r\n\r\n")
            client.answer()
        first, second = (dict(part.split("=", 1) for part in shlex.split(line))
                         for line in self.lines(2))
        self.assertEqual((first["target"], first["status"]),
                         ('/a"b\\c=d?e%20status=200&f', "404"))
        self.assertEqual((second["method"], second["target"], second["status"]), ("-", "", "400"))
        self.assertEqual(second["client"], "127.0.0.1")

    def test_lines_are_json_if_asked(self):
        self.serve("--access-log-format", "json", "--trust-proxy", "127.0.0.1")
        support.get(self.port, '/loans?branch=5"', headers={"X-Forwarded-For": "192.0.2.7"})
        line = json.loads(self.lines(1)[0])
        self.assertEqual(set(line), {"time", "client", "id", "method", "target", "status", "bytes",
                                     "us"})
        self.assertEqual((line["client"], line["method"], line["target"], line["status"]),
                         ("192.0.2.7", "GET", '/loans?branch=5"', 422))

    def test_one_line_in_so_many_requests_but_errors_have_all_of_theirs(self):
        self.serve("--access-log-sample", 10)
        with Client(self.port) as client:
            client.send(get("/branches/1") * 95 + get("/branches/0") * 7 + get("/branches/1") * 10)
            for _ in range(112):
                client.answer()
        lines = self.lines(9 + 7 + 1)
        self.assertEqual(sum("status=404" in line for line in lines), 7)

    def test_pipelined_requests_on_two_threads_have_a_line_each(self):
        self.serve("--threads", 2)
        clients = [Client(self.port) for _ in range(8)]
        for client in clients:
            self.addCleanup(client.socket.close)
            client.send(b"".join(get(f"/branches/{i % 300 + 1}?{i}") for i in range(1000)))
        for client in clients:
            for _ in range(1000):
                client.answer()
        targets = [re.search(r'target="/branches/\d+\?(\d+)"', line)[1]
                   for line in self.lines(8000)]
        for i in range(1000):
            self.assertEqual(targets.count(str(i)), 8)
        support.wait_until(  # lines are counted after they were written
            lambda: self.metric("vitrine_access_log_lines_total") >= 8000, SECONDS, "their number")
        self.assertEqual(self.metric("vitrine_access_log_lines_total"), 8000)
        self.assertEqual(self.metric("vitrine_access_log_dropped_total"), 0)

    def test_sigusr1_opens_the_file_again_and_no_line_is_lost(self):
        self.assert_reopened_by(signal.SIGUSR1)
        self.assertIn(" info reopen signal=10\n", self.process.stderr)

    def test_sighup_does_that_too_and_looks_at_the_root(self):
        self.assert_reopened_by(signal.SIGHUP)
        self.assertIn(" info reload signal=1\n", self.process.stderr)

    def test_sigusr1_leaves_release_and_scrub_alone(self):
        self.serve("--scrub", "1G", "--scrub-every", "24h")
        support.wait_until(lambda: self.metric("vitrine_scrub_passes_total") == 1, SECONDS, "a pass")
        for number, passes in (signal.SIGUSR1, 1), (signal.SIGHUP, 2):
            os.rename(self.log, self.log + f".{number}")
            self.process.send(number)
            support.wait_until(lambda: os.path.exists(self.log), SECONDS, "the new file")
            self.wait_for_passes(passes)
            time.sleep(1)  # what it did besides would have been done
            self.assertEqual(self.metric("vitrine_scrub_passes_total"), passes)
        self.assertEqual(self.process.stderr.count(" reload "), 1)

    def test_sigusr1_ends_no_service_that_has_no_log(self):
        super().serve()
        self.process.send(signal.SIGUSR1)
        support.wait_until(lambda: " reopen signal=10" in self.process.stderr, SECONDS, "the line")
        self.assertEqual(support.get(self.port, "/branches/1").status, 200)

    def assert_reopened_by(self, number):
        """Each line is in the file that was there for it."""
        self.serve()
        moved = self.log + ".1"
        support.get(self.port, "/branches/1")
        self.lines(1)
        os.rename(self.log, moved)
        support.get(self.port, "/branches/1")
        self.lines(2, moved)
        self.process.send(number)
        support.wait_until(lambda: os.path.exists(self.log), SECONDS, "the new file")
        support.get(self.port, "/branches/1")
        self.lines(1)
        self.lines(2, moved)

    def test_a_stop_writes_what_is_left(self):
        self.serve()
        with Client(self.port) as client:
            client.send(get("/branches/1") * 50)
            for _ in range(50):
                client.answer()
        self.assertEqual(self.process.stop(), 0)
        self.lines(50)

    def test_a_reader_that_sleeps_stops_no_request_and_what_it_misses_is_counted(self):
        os.mkfifo(self.log)
        reader = os.open(self.log, os.O_RDONLY | os.O_NONBLOCK)
        self.addCleanup(os.close, reader)
        self.serve()
        target = "/branches/1?" + "x" * 6000
        asked = 0
        deadline = time.monotonic() + SECONDS
        with Client(self.port) as client:
            while self.metric("vitrine_access_log_dropped_total") == 0:
                self.assertLess(time.monotonic(), deadline)
                client.send(get(target) * 100)
                self.assertEqual({client.answer().status for _ in range(100)}, {200})
                asked += 100
        self.assertGreater(asked, 1000)
        self.assertEqual(self.ready().status, 200)
        started = time.monotonic()
        self.assertEqual(self.process.stop(), 0)
        self.assertLess(time.monotonic() - started, 18)  # until it is killed
        self.assertIn(f"access_log_abandoned path={self.log}", self.process.stderr)

    def test_standard_output_takes_lines_too(self):
        self.log = "-"
        self.serve()
        support.get(self.port, "/branches/1")
        self.lines(1, self.process.stdout_path)
        self.process.send(signal.SIGHUP)
        support.get(self.port, "/branches/1")
        self.lines(2, self.process.stdout_path)

    def test_a_full_disk_is_told_once_and_requests_go_on(self):
        self.log = "/dev/full"
        self.serve()
        for dropped in (1, 2):
            support.get(self.port, "/branches/1")
            support.wait_until(
                lambda n=dropped: self.metric("vitrine_access_log_dropped_total") == n, SECONDS,
                "a dropped line")
        self.assertEqual(self.process.stderr.count("access_log_not_written path=/dev/full "
                                                   'reason="No space left on device"'), 1)

    def test_a_log_that_cannot_be_is_told_at_the_start(self):
        for arguments, code, text in (
                (("--access-log", self.path("no", "x")), 1,
                 f"open the access log {self.path('no', 'x')}: No such file or directory"),
                (("--access-log-format", "xml"), 2,
                 '--access-log-format: "xml" is neither text nor json')):
            done = support.vitrine("serve", "--root", self.root, "--listen", "127.0.0.1:0",
                                   *arguments, check=False)
            self.assertEqual(done.returncode, code)
            self.assertIn(text, done.stderr)


if __name__ == "__main__":
    support.main()
