"""What /metrics and /readyz tell of requests, their time, and connections.

ctest: threads
"""

import itertools
import json
import re
import socket
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import shelf
import support
from scrubbing import SECONDS, ServedCase
from shelf import Client, get
from test_http import add_pages_and_keys

LOANS = 'method="GET",route="/loans"'
TIMES = "vitrine_request_duration_seconds"


class TestMetrics(ServedCase):
    """One service a test."""

    def count(self, labels):
        """The value of a sample of requests, or 0."""
        text = support.get(self.admin, "/metrics").text
        found = re.search(rf"^vitrine_requests_total{{{re.escape(labels)}}} (\d+)$", text,
                          re.MULTILINE)
        return int(found[1]) if found else 0

    def bounds(self):
        """The bounds of times, in seconds."""
        return [float(bound) for bound in re.findall(
            rf'^{TIMES}_bucket{{{LOANS},le="([\d.]+)"}}', support.get(self.admin, "/metrics").text,
            re.MULTILINE)]

    def test_requests_are_counted_by_route_and_status_on_all_threads(self):
        self.serve("--threads", 2)
        for _ in range(8):
            support.get(self.port, "/loans?branch=5")
        support.get(self.port, "/loans")
        support.request(self.port, "/loans", method="PUT")
        with Client(self.port) as client:
            client.send(b"nonsense\r\n\r\n")
            self.assertEqual(client.answer().status, 400)
        self.assertEqual(self.count(LOANS + ',status="200"'), 8)
        self.assertEqual(self.count(LOANS + ',status="422"'), 1)
        self.assertEqual(self.count('method="other",route="none",status="405"'), 1)
        self.assertEqual(self.count('method="other",route="none",status="400"'), 1)

    def test_each_answer_is_timed_also_when_many_come_at_once(self):
        self.serve()
        with Client(self.port) as client:
            begun = time.monotonic()
            client.send(get("/loans?branch=5") * 500 + get("/branches/1"))
            sizes = [client.answer() for _ in range(501)]
        # An answer may arrive before it is counted as sent.
        support.wait_until(lambda: f"{TIMES}_count{{{LOANS}}} 500\n" in
                           support.get(self.admin, "/metrics").text, SECONDS, "500 answers")
        took = time.monotonic() - begun
        self.assertEqual(self.metric(f'{TIMES}_bucket{{{LOANS},le="+Inf"}}'), 500)
        for bound in (bound for bound in self.bounds() if bound >= took):
            # None took longer than all of them.
            self.assertEqual(self.metric(f'{TIMES}_bucket{{{LOANS},le="{bound:g}"}}'), 500)
        self.assertGreater(self.metric(f"{TIMES}_sum{{{LOANS}}}"), 0)
        self.assertLess(self.metric(f"{TIMES}_sum{{{LOANS}}}"), 500 * took)
        self.assertEqual(self.metric("vitrine_response_bytes_total"),
                         sum(len(answer.head) + 4 + len(answer.body) for answer in sizes))

    def test_every_kind_of_answer_from_files_is_counted(self):
        add_pages_and_keys(self.shelf)
        self.shelf.build()
        self.serve()
        for target, route in (("/branches/8", "/branches/:branch_id"), ("/branches", "/branches"),
                              ("/pages/8", "/pages/:branch_id"), ("/names?ids=1,2", "/names")):
            labels = f'method="GET",route="{route}",status='
            tag = support.get(self.port, target).headers["etag"]
            support.get(self.port, target, headers={"Accept-Encoding": "gzip"})
            support.get(self.port, target, headers={"If-None-Match": tag})
            self.assertEqual((self.count(labels + '"200"'), self.count(labels + '"304"')), (2, 1))
        for target, route, status in (("/pages/x", "/pages/:branch_id", 400),
                                      ("/pages/0", "/pages/:branch_id", 404),
                                      ("/names?ids=x", "/names", 400)):
            support.get(self.port, target)
            self.assertEqual(self.count(f'method="GET",route="{route}",status="{status}"'), 1)

    def test_counters_go_on_over_a_swap_also_when_routes_have_other_places(self):
        self.serve()
        support.get(self.port, "/loans?branch=5")
        definition = Path(self.shelf.definition)
        definition.write_text(definition.read_text(encoding="utf-8").replace(
            "\nroutes:\n", "\nroutes:\n  - {get: /all, from: branches, listing: by_id, "
            "answer: {total: $total, results: $rows}}\n"), encoding="utf-8")
        self.shelf.build()
        support.wait_until(lambda: support.get(self.port, "/all").status == 200, SECONDS,
                           "release 2")
        support.get(self.port, "/loans?branch=5")
        self.assertEqual(self.count(LOANS + ',status="200"'), 2)
        self.assertEqual(self.count('method="GET",route="/all",status="200"'), 1)

    def test_connections_are_told_by_their_state(self):
        self.serve("--first-byte-timeout", "5m", "--head-timeout", "5m", "--send-timeout", "5m")
        slow = Client(self.port, receive_buffer=4096)
        self.addCleanup(slow.socket.close)
        slow.send(get(f"/loans?branch={shelf.LARGE_BRANCH}&count=10000") * 8)
        head = Client(self.port)
        self.addCleanup(head.socket.close)
        head.send(b"GET /loans HTTP/1.1\r\nHos")
        idle = socket.create_connection(("127.0.0.1", self.port))
        self.addCleanup(idle.close)
        for state in ("writing", "reading", "idle"):
            support.wait_until(
                lambda s=state: self.metric(f'vitrine_connections{{state="{s}"}}') == 1, SECONDS,
                state)
        self.assertEqual(self.metric("vitrine_connections_open"), 3)
        self.assertEqual(self.metric("vitrine_connections_accepted_total"), 3)

    def test_connections_that_are_one_too_many_are_counted(self):
        self.serve("--connections", 1)
        with Client(self.port) as first:
            first.send(get("/branches/1"))
            first.answer()
            with Client(self.port) as second:
                self.assertTrue(second.ended())
        self.assertEqual(self.metric("vitrine_connections_refused_total"), 1)

    def test_collections_are_told_with_their_sizes(self):
        self.serve()
        release = Path(self.root, "releases", "000001")
        files = json.loads((release / "manifest.json").read_text(encoding="utf-8"))["files"]
        for name, keys in (("branches", shelf.BRANCHES), ("loans", shelf.BRANCHES // 9 * 8 + 3)):
            label = f'{{collection="{name}"}}'
            self.assertEqual(self.metric("vitrine_collection_bytes" + label),
                             sum(file["size"] for file in files if file.get("collection") == name))
            self.assertEqual(self.metric("vitrine_collection_keys" + label), keys)
        self.assertGreaterEqual(self.metric('vitrine_collection_rows{collection="loans"}'),
                                shelf.LARGE_LOANS)

    def test_a_node_whose_data_is_too_old_is_not_ready_until_newer_comes(self):
        self.serve("--max-age", "3s")
        support.wait_until(lambda: self.ready().status == 503, SECONDS, "data that is too old")
        self.assertRegex(self.ready().text,
                         r"^the data is \d+ s old, more than the 3 s of --max-age: "
                         r"see why no newer release comes\n$")
        self.assertEqual(self.metric("vitrine_ready"), 0)
        self.assertEqual(support.get(self.port, "/branches/1").status, 200)
        versions = itertools.count(1)

        def is_new():
            """Whether newer data came; on a busy machine it may be too old when it comes."""
            self.shelf.set_version(next(versions))
            self.shelf.build()
            deadline = time.monotonic() + 4
            while self.ready().status != 200:
                if time.monotonic() > deadline:
                    return False
                time.sleep(0.02)
            return True

        support.wait_until(is_new, SECONDS, "newer data")


if __name__ == "__main__":
    support.main()
