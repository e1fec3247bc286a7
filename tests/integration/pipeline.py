"""Very many GET requests over a few keep-alive connections, pipelined, with answers in order.

http.client makes some 3,000 requests a second; this makes ten times that, so that a test can ask
for everything there is instead of a sample.
"""

import socket
from collections import deque, namedtuple
from itertools import islice

Answer = namedtuple("Answer", "status headers body")

BATCH = 64
TIMEOUT_S = 60


class Connection:
    """One keep-alive connection; responses are framed by Content-Length alone."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT_S)
        self.buffer = b""
        self.at = 0

    def send(self, targets):
        requests = (f"GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n" for target in targets)
        self.socket.sendall("".join(requests).encode("utf-8"))

    def more(self):
        received = self.socket.recv(1 << 20)
        if not received:
            raise ConnectionError(f"closed by the server after {self.buffer[self.at:]!r}")
        self.buffer = self.buffer[self.at :] + received
        self.at = 0

    def receive(self):
        """The next answer: status, headers as a dict of lower-case names, body."""
        while (end := self.buffer.find(b"\r\n\r\n", self.at)) < 0:
            self.more()
        lines = self.buffer[self.at : end].decode("latin-1").split("\r\n")
        self.at = end + 4
        headers = {}
        for line in lines[1:]:
            name, _, value = line.partition(": ")
            if name.lower() in headers:
                raise ValueError(f"the header {name} twice")
            headers[name.lower()] = value
        return Answer(int(lines[0][9:12]), headers, self.take(int(headers["content-length"])))

    def take(self, size):
        if len(self.buffer) - self.at < size:
            parts = [self.buffer[self.at :]]
            missing = size - len(parts[0])
            while missing > 0:
                self.buffer, self.at = b"", 0
                self.more()
                parts.append(self.buffer[:missing])
                missing -= len(parts[-1])
            self.at = len(parts[-1])
            return b"".join(parts)
        self.at += size
        return self.buffer[self.at - size : self.at]

    def close(self):
        self.socket.close()


def get_all(port, targets, connections=4):
    """Yields (target, Answer) for each of TARGETS, in their order."""
    idle = deque(Connection(port) for _ in range(connections))
    opened = list(idle)
    sent = deque()
    targets = iter(targets)
    try:
        while True:
            while idle and (batch := list(islice(targets, BATCH))):
                connection = idle.popleft()
                connection.send(batch)
                sent.append((connection, batch))
            if not sent:
                return
            connection, batch = sent.popleft()
            for target in batch:
                yield target, connection.receive()
            idle.append(connection)
    finally:
        for connection in opened:
            connection.close()
