"""HTTP as clients, proxies and caches expect it: conditional requests, what may be kept, names of
requests, and a table of requests on raw sockets."""

import contextlib
import gzip
import json
import re
import socket
import sqlite3
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import shelf
import support
from http_cases import CASES
from shelf import Client, get
from test_serve import ServedCase

NO_CACHE = "no-cache"
KEPT = "max-age=60, stale-while-revalidate=3600, stale-if-error=3600"
NO_STORE = "no-store"
MANY_NAMES = "/names?ids=" + ",".join(str(i) for i in range(1, 101))


PAGES_AND_KEYS = """  - get: /pages/:branch_id
    key: {path: branch_id}
    parts:
      branch: {from: branches, missing: {status: 404, text: "Error: there is no such branch"}}
      loans:
        from: loans
        order: {query: sort, default: oldest}
        page: {query: page, default: 1}
        count: 5
    answer: {branch: $branch, loans: $loans}
    cache: {age: 60s, stale: 1h}
  - get: /names
    from: branches
    keys: {query: ids, most: 100}
    answer: $row.name
    cache: {age: 60s, stale: 1h}
"""


def let_branches_be_kept(served):
    """Has the route of one branch say how long it may be kept."""
    path = Path(served.definition)
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("    answer: $row\n", "    answer: $row\n"
                                 "    cache: {age: 60s, stale: 1h}\n"), encoding="utf-8")


def add_pages_and_keys(served):
    """Adds a route with parts, and one by many keys."""
    with open(served.definition, "a", encoding="utf-8") as file:
        file.write(PAGES_AND_KEYS)


class CachedShelf(shelf.Shelf):
    """A shelf whose branches may be kept, with pages of them and many of them at once."""

    def __init__(self, folder):
        super().__init__(folder, large_loans=300)
        let_branches_be_kept(self)
        add_pages_and_keys(self)


class TestConditional(ServedCase):
    """ETag and If-None-Match."""

    shelf_class = CachedShelf

    def tag(self, target):
        """The ETag of TARGET, which has one."""
        answer = self.ask(get(target))
        self.assertEqual(answer.status, 200)
        self.assertRegex(answer.headers["etag"], r'^"[0-9a-f]{16}"$')
        return answer.headers["etag"]

    def test_an_answer_that_the_client_has_is_304(self):
        for target in ("/branches/1", "/loans?branch=8", "/loans?branch=8&sort=newest&page=2",
                       "/loans?branch=7&count=300", "/loans?branch=0", "/branches",
                       "/branches?page=2&count=70", "/pages/8", "/pages/7?page=2",
                       "/names?ids=3,1,2", "/names?ids=0"):
            tag = self.tag(target)
            for value in (tag, "W/" + tag, f'"a", W/"b" , {tag}', "*", tag[:-1] + '-gzip"'):
                with self.subTest(target=target, value=value), Client(self.port) as client:
                    client.send(get(target, "If-None-Match: " + value, "Accept-Encoding: gzip") +
                                get("/branches/2"))
                    answer = client.answer(has_body=False)
                    self.assertEqual(answer.head.split("\r\n")[0], "HTTP/1.1 304 Not Modified")
                    self.assertEqual(answer.headers["etag"],
                                     value if value.endswith('-gzip"') else tag)
                    self.assertEqual(set(answer.headers),
                                     {"access-control-allow-origin", "vitrine-release", "date",
                                      "access-control-expose-headers", "vitrine-age",
                                      "x-request-id", "cache-control", "etag", "vary"})
                    self.assertEqual(json.loads(client.answer().body)["id"], 2)

    def test_another_answer_is_sent_whole(self):
        for target in ("/branches/1", "/branches", "/loans?branch=8", "/pages/8",
                       "/names?ids=1,2"):
            whole = self.ask(get(target))
            for value in ('"0123456789abcdef"', "", whole.headers["etag"].strip('"'),
                          self.tag("/branches/3")):
                answer = self.ask(get(target, "If-None-Match: " + value))
                self.assertEqual((answer.status, answer.body), (200, whole.body))
                self.assertEqual(answer.headers["etag"], whole.headers["etag"])

    def test_a_client_that_takes_no_gzip_is_not_sent_back_to_what_it_has_in_gzip(self):
        for target in ("/branches/1", "/branches", "/pages/8", "/names?ids=1,2"):
            whole = self.ask(get(target))
            packed = whole.headers["etag"][:-1] + '-gzip"'
            for lines in ((), ("Accept-Encoding: br",), ("Accept-Encoding: gzip;q=0",)):
                answer = self.ask(get(target, "If-None-Match: " + packed, *lines))
                self.assertEqual((answer.status, answer.body), (200, whole.body))
                both = f'If-None-Match: {packed}, {whole.headers["etag"]}'
                answer = self.ask(get(target, both, *lines), False)
                self.assertEqual((answer.status, answer.headers["etag"]),
                                 (304, whole.headers["etag"]))

    def test_several_lines_are_one_list(self):
        tag = self.tag("/branches/1")
        answer = self.ask(get("/branches/1", 'If-None-Match: "a"', "If-None-Match: " + tag), False)
        self.assertEqual(answer.status, 304)

    def test_head_is_conditional_too(self):
        for target in ("/branches/1", "/branches", "/pages/1", "/names?ids=1"):
            request = get(target, "If-None-Match: " + self.tag(target)).replace(b"GET", b"HEAD", 1)
            self.assertEqual(self.ask(request, False).status, 304)

    def test_only_answers_from_files_are_conditional(self):
        for target, status in (("/branches/0", 404), ("/loans", 422), ("/lions", 404),
                               ("/pages/0", 404), ("/names?ids=a", 400),
                               ("/names?ids=" + ",".join("1" * 101), 400)):
            answer = self.ask(get(target, "If-None-Match: *"))
            self.assertEqual(answer.status, status)
            self.assertNotIn("etag", answer.headers)
        self.assertEqual(self.ask(get("/branches/1", "If-None-Match: *")
                                  .replace(b"GET", b"POST", 1)).status, 405)

    def test_what_decides_an_answer_decides_its_tag(self):
        targets = ["/loans?branch=8&" + rest for rest in
                   ("", "page=2", "count=4", "sort=newest", "sort=newest&page=2", "page=2&count=4")]
        targets += ["/loans?branch=08", "/loans?branch=9", "/loans?branch=0", "/branches/8",
                    "/branches", "/branches?page=2", "/branches?count=6",
                    "/pages/8", "/pages/9", "/pages/8?page=2", "/pages/8?sort=newest",
                    "/names?ids=8", "/names?ids=8,9", "/names?ids=9,8"]
        tags = [self.tag(target) for target in targets]
        self.assertEqual(len(set(tags)), len(tags))
        self.assertEqual(tags[0], self.tag("/loans?page=1&sort=oldest&branch=8&count=5"))

    def test_answers_say_how_long_they_may_be_kept(self):
        for target, kept in (("/branches/1", KEPT), ("/branches/0", KEPT), ("/branches/x", KEPT),
                             ("/pages/1", KEPT), ("/pages/0", KEPT), ("/pages/x", KEPT),
                             ("/names?ids=1", KEPT), ("/names", KEPT),
                             ("/branches", NO_CACHE), ("/loans?branch=8", NO_CACHE),
                             ("/loans", NO_CACHE), ("/lions", NO_STORE)):
            self.assertEqual(self.ask(get(target)).headers["cache-control"], kept)
        request = get("/branches/1").replace(b"GET", b"PUT", 1)
        self.assertEqual(self.ask(request).headers["cache-control"], NO_STORE)
        self.assertEqual(self.ask(b"x\r\n\r\n").headers["cache-control"], NO_STORE)

    def test_a_request_keeps_the_name_that_it_came_with(self):
        for name in ("a", "7f0c-11:~", "x" * 64):
            answer = self.ask(get("/branches/1", "X-Request-Id: " + name))
            self.assertEqual(answer.headers["x-request-id"], name)

    def test_a_request_without_a_good_name_gets_one(self):
        names = {self.ask(request).headers["x-request-id"] for request in (
            get("/branches/1"), get("/branches/1"), get("/lions"), b"x\r\n\r\n",
            get("/branches/1", "X-Request-Id: "), get("/branches/1", "X-Request-Id: a b"),
            get("/branches/1", 'X-Request-Id: a"b'),
            get("/branches/1", "X-Request-Id: a", "X-Request-Id: b"),
            get("/branches/1", "X-Request-Id: " + "x" * 65))}
        self.assertEqual(len(names), 9)
        for name in names:
            self.assertRegex(name, "^[0-9a-f]{16}$")

    def test_two_names_of_a_request_are_no_reason_to_refuse_it(self):
        answer = self.ask(get("/branches/1", "X-Request-Id: a", "X-Request-Id: b"))
        self.assertEqual(answer.status, 200)

    def test_clients_that_take_gzip_get_it_where_it_pays(self):
        for target, packed in (("/loans?branch=7&count=300", True), ("/branches?count=300", True),
                               ("/pages/7", True), (MANY_NAMES, True), ("/pages/1", False),
                               ("/branches/1", False), ("/branches", False), ("/lions", False)):
            plain = self.ask(get(target))
            answer = self.ask(get(target, "Accept-Encoding: br, gzip"))
            head = self.ask(get(target, "Accept-Encoding: gzip").replace(b"GET", b"HEAD", 1), False)
            with self.subTest(target):
                self.assertEqual(answer.headers.get("content-encoding"), "gzip" if packed else None)
                self.assertEqual(head.headers["content-length"], answer.headers["content-length"])
                self.assertEqual(gzip.decompress(answer.body) if packed else answer.body,
                                 plain.body)
                if packed:
                    self.assertEqual(answer.headers["etag"], plain.headers["etag"][:-1] + '-gzip"')
                    self.assertEqual(answer.headers["vary"], "Accept-Encoding")
                self.assertNotIn("content-encoding", plain.headers)
                refusing = self.ask(get(target, "Accept-Encoding: gzip;q=0"))
                self.assertEqual(refusing.body, plain.body)

    def test_packed_and_plain_answers_follow_each_other(self):
        target = "/loans?branch=7&count=200"
        plain = self.ask(get(target)).body
        with Client(self.port) as client:
            client.send((get(target, "Accept-Encoding: gzip") + get(target)) * 5)
            for _ in range(5):
                self.assertEqual(gzip.decompress(client.answer().body), plain)
                self.assertEqual(client.answer().body, plain)

    def test_answers_tell_the_age_of_their_data(self):
        built_ms = json.loads((Path(self.shelf.root) / "current" / "manifest.json")
                              .read_text(encoding="utf-8"))["built_ms"]
        for target in ("/branches/1", "/branches", "/lions"):
            asked = time.time()
            age = int(self.ask(get(target)).headers["vitrine-age"])
            self.assertGreater(age, asked - built_ms / 1000 - 2.1)
            self.assertLess(age, time.time() - built_ms / 1000 + 2.1)


class TestWithoutGzip(ServedCase):
    """--no-gzip"""

    arguments = ("--threads", 1, "--no-gzip")

    def test_nothing_is_packed(self):
        answer = self.ask(get("/branches?count=300", "Accept-Encoding: gzip"))
        self.assertNotIn("content-encoding", answer.headers)
        self.assertEqual(len(json.loads(answer.body)["results"]), shelf.BRANCHES)


class TestRebuilds(support.TestCase):
    """What another release does to tags."""

    targets = ("/branches/1", "/branches/2", "/loans?branch=1", "/loans?branch=2", "/branches",
               "/branches?page=2", "/pages/1", "/pages/2", "/pages/4", "/names?ids=1,3",
               "/names?ids=3,2")

    def tags(self, port):
        """The ETags of the targets."""
        return [support.get(port, target).headers["etag"] for target in self.targets]

    def rebuild(self, built, port, release):
        """Builds what has changed; returns when it is served."""
        built.build()
        support.wait_until(lambda: support.get(port, "/branches/1").headers["vitrine-release"]
                           == release, what="the next release")

    def test_a_tag_changes_with_its_key_and_with_no_other(self):
        built = shelf.Shelf(self.folder, large_loans=300)
        add_pages_and_keys(built)
        built.build()
        with support.serving(built.root) as port:
            before = self.tags(port)
            with sqlite3.connect(built.source) as db:
                db.execute("UPDATE branches SET name = 'new' WHERE id = 2")
                db.execute("UPDATE loans SET title = 'new' WHERE branch_id IN (2, 4)")
            db.close()
            self.rebuild(built, port, "000002")
            after = self.tags(port)
            same = [a == b for a, b in zip(before, after)]
            self.assertEqual(same, [True, False, True, False, False, True,
                                    True, False, False, True, False])
            answer = support.get(port, "/loans?branch=1", headers={"If-None-Match": before[2]})
            self.assertEqual((answer.status, answer.headers["vitrine-release"]), (304, "000002"))
            answer = support.get(port, "/loans?branch=2", headers={"If-None-Match": before[3]})
            self.assertEqual(answer.status, 200)

    def test_another_definition_changes_all_tags(self):
        built = shelf.Shelf(self.folder, large_loans=300)
        add_pages_and_keys(built)
        built.build()
        with support.serving(built.root) as port:
            before = self.tags(port)
            let_branches_be_kept(built)
            self.rebuild(built, port, "000002")
            self.assertFalse(set(before) & set(self.tags(port)))


class TestRaw(ServedCase):
    """The table of raw requests."""

    @staticmethod
    def statuses(client, count, ends):
        """(the statuses that came, whether the connection ended): until nothing comes, once COUNT of
        them and the end, when it ENDS, are there."""
        received = b""
        found = []
        ended = False
        try:
            while not ended:
                client.socket.settimeout(60 if ends or len(found) < count else 0.3)
                more = client.socket.recv(1 << 16)
                received += more
                ended = not more
                found = [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", received)]
        except socket.timeout:
            pass
        return found, ended

    def test_requests_are_answered_as_the_table_says(self):
        for name, data, statuses, ends in CASES:
            for size in (len(data), 1):
                with self.subTest(name, size=size), Client(self.port) as client:
                    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                        client.send(data, size)  # not all of what is refused midway
                    self.assertEqual(self.statuses(client, len(statuses), ends), (statuses, ends))


if __name__ == "__main__":
    support.main()
