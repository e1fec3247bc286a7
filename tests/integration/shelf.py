"""A small source, definition and root for the tests of the service: loans of library branches."""

import os
import re
import socket
import sqlite3
import time
from collections import namedtuple

import support

DEFINITION = """
name: shelf
collections:
  branches:
    key: id
    rows: SELECT id, name, version FROM branches
    fields:
      id: integer
      name: text
      version: integer
    listings:
      by_id: [id]
  loans:
    key: branch_id
    rows: SELECT branch_id, id, title, version FROM loans
    fields:
      loan_id: {from: id, type: integer}
      title: text
      version: integer
    orders:
      oldest: [loan_id]
      newest: [-loan_id]
routes:
  - get: /branches
    from: branches
    listing: by_id
    page: {query: page, default: 1}
    count: {query: count, default: 5, most: 10000}
    answer: {total: $total, results: $rows}
  - get: /branches/:branch_id
    from: branches
    key: {path: branch_id}
    answer: $row
    missing: {status: 404, text: "Error: there is no such branch"}
    invalid_key: {status: 404, text: "Error: there is no such branch"}
  - get: /loans
    from: loans
    key: {query: branch}
    order: {query: sort, default: oldest}
    page: {query: page, default: 1}
    count: {query: count, default: 5, most: 10000}
    answer: {branch: $key.text, page: $page.number, count: $count, total: $total, results: $rows}
    invalid_key: {status: 422, text: "Error: a branch is an integer"}
"""

BRANCHES = 300
LARGE_BRANCH = 7
LARGE_LOANS = 3000
LARGE_TITLE = 1000  # bytes

Answer = namedtuple("Answer", "status headers body head")


class Shelf:
    """A folder with a source, and a root that releases are built into."""

    def __init__(self, folder, large_loans=LARGE_LOANS):
        self.source = os.path.join(folder, "source.db")
        self.definition = os.path.join(folder, "definition.yaml")
        self.root = os.path.join(folder, "root")
        self.signing = ()  # options of a build: "--sign", KEY
        with open(self.definition, "w", encoding="utf-8") as file:
            file.write(DEFINITION)
        with sqlite3.connect(self.source) as db:
            db.execute("CREATE TABLE branches(id INTEGER PRIMARY KEY, name TEXT, version INTEGER)")
            db.execute("CREATE TABLE loans(id INTEGER PRIMARY KEY, branch_id INTEGER, title TEXT,"
                       " version INTEGER)")
            db.executemany("INSERT INTO branches VALUES(?, ?, 0)",
                           ((i, f"branch {i}") for i in range(1, BRANCHES + 1)))
            db.executemany("INSERT INTO loans(branch_id, title, version) VALUES(?, ?, 0)",
                           self._loans(large_loans))
            db.execute("CREATE INDEX loans_branch ON loans(branch_id)")
        db.close()

    @staticmethod
    def _loans(large_loans):
        for branch in range(1, BRANCHES + 1):
            if branch == LARGE_BRANCH:
                for i in range(large_loans):
                    yield branch, f"{i:06} ".ljust(LARGE_TITLE, "x")
            else:
                for i in range(branch % 9):
                    yield branch, f"loan \"{i}\" of {branch}"

    def set_version(self, version):
        """Writes VERSION into every row of the source."""
        with sqlite3.connect(self.source) as db:
            db.execute("UPDATE branches SET version = ?", (version,))
            db.execute("UPDATE loans SET version = ?", (version,))
        db.close()

    def build(self):
        """Builds and activates a release."""
        return support.vitrine("build", "--definition", self.definition, "--source",
                               "sqlite:" + self.source, "--root", self.root, *self.signing)


def listening(process):
    """Waits until PROCESS listens; (host, port)."""

    def logged():
        if process.returncode is not None:
            raise AssertionError(f"ended with {process.returncode}\n{process.stderr}")
        return re.search(r" listening address=(\S+):(\d+) ", process.stderr)

    found = support.wait_until(logged, 60, "the line `listening`")
    return found[1].strip("[]"), int(found[2])


class Client:
    """A raw connection: what is sent is bytes, what comes back is parsed strictly."""

    def __init__(self, port, timeout=60, receive_buffer=None):
        self.socket = socket.socket()
        if receive_buffer is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(timeout)
        self.connect(port)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""

    def connect(self, port):
        """To the service on this machine."""
        try:
            self.socket.connect(("127.0.0.1", port))
        except OSError:
            self.socket.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.socket.close()

    def send(self, data, size=None, pause=0):
        """Sends DATA, in pieces of SIZE."""
        for at in range(0, len(data), size or len(data)):
            self.socket.sendall(data[at:at + (size or len(data))])
            if pause:
                time.sleep(pause)

    def _more(self):
        received = self.socket.recv(1 << 20)
        if not received:
            raise ConnectionError(f"closed; left: {self.buffer[:200]!r}")
        self.buffer += received

    def answer(self, has_body=True):
        """The next answer."""
        while (end := self.buffer.find(b"\r\n\r\n")) < 0:
            self._more()
        head = self.buffer[:end].decode("ascii")
        self.buffer = self.buffer[end + 4:]
        lines = head.split("\r\n")
        version, status, _ = lines[0].split(" ", 2)
        if version != "HTTP/1.1":
            raise ValueError(lines[0])
        headers = {}
        for line in lines[1:]:
            name, _, value = line.partition(": ")
            if name.lower() in headers:
                raise ValueError(f"twice: {name}")
            headers[name.lower()] = value
        size = int(headers.get("content-length", 0)) if has_body else 0
        while len(self.buffer) < size:
            self._more()
        body, self.buffer = self.buffer[:size], self.buffer[size:]
        return Answer(int(status), headers, body, head)

    def ended(self):
        """Whether the server ends the connection, with nothing more to say."""
        return self.buffer == b"" and self.socket.recv(1) == b""


def get(target, *headers):
    """The bytes of a GET."""
    return "\r\n".join([f"GET {target} HTTP/1.1", "Host: x", *headers, "", ""]).encode()
