"""What a client may take: connections of one address, time, bytes of an answer."""

import re
import socket
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import shelf
import support
from shelf import Client, get
from test_serve import ServedCase

LARGE = f"/loans?branch={shelf.LARGE_BRANCH}&count=3000"


class From(Client):
    """A client at another address of this machine."""

    def __init__(self, port, address):
        self.address = address
        super().__init__(port)

    def connect(self, port):
        self.socket.bind((self.address, 0))
        super().connect(port)


class TestAddresses(ServedCase):
    """--connections-per-address"""

    arguments = ("--threads", 2, "--connections-per-address", 3, "--trust-proxy", "127.0.9.0/24")

    def connect(self, address):
        """A connection from ADDRESS that ends with the test."""
        client = From(self.port, address)
        self.addCleanup(client.socket.close)
        return client

    def is_served(self, client):
        """Whether a request on it is answered."""
        try:
            client.send(get("/branches/1"))
            return client.answer().status == 200
        except ConnectionError:
            return False

    def logged(self):
        """How many connections were one too many of their address: each loop tells of its own."""
        return sum(map(int, re.findall(r" by_address=(\d+) ", self.service.stderr)))

    def test_an_address_has_so_many_and_no_more_until_one_ends(self):
        clients = [self.connect("127.0.0.2") for _ in range(3)]
        for client in clients:
            self.assertTrue(self.is_served(client))
        for _ in range(4):
            self.assertFalse(self.is_served(self.connect("127.0.0.2")))
        self.assertTrue(self.is_served(self.connect("127.0.0.3")))
        support.wait_until(lambda: self.logged() == 4, what="the log")
        clients[0].socket.close()
        support.wait_until(lambda: self.is_served(self.connect("127.0.0.2")), what="room")

    def test_proxies_and_this_machine_may_have_more(self):
        for address in ("127.0.0.1", "127.0.9.7"):
            for client in [self.connect(address) for _ in range(10)]:
                self.assertTrue(self.is_served(client))


class TestTimes(ServedCase):
    """The time-outs, told apart by what the client has done."""

    times = {"first-byte": 2, "head": 4, "body": 6, "idle": 8}
    arguments = ("--threads", 1, *(part for name, seconds in times.items()
                                   for part in (f"--{name}-timeout", f"{seconds}s")))

    def ends(self):
        """Seconds until the end of each connection, none of which is early."""
        earliest = time.monotonic()
        begun = {
            "first-byte": b"",
            "head": b"GET /branches/1 HTTP/1.1\r\n",
            "body": get("/branches/1", "Content-Length: 5") + b"a",
            "idle": get("/branches/1"),
        }
        clients = {name: Client(self.port) for name in begun}
        for name, client in clients.items():
            self.addCleanup(client.socket.close)
            if begun[name]:
                client.send(begun[name])
        self.assertEqual(clients["idle"].answer().status, 200)
        start = time.monotonic()
        took = {}
        for name, client in clients.items():
            if name in ("head", "body"):
                self.assertEqual(client.answer().status, 408)
            self.assertTrue(client.ended())
            now = time.monotonic()
            took[name] = now - start
            # Its time began behind the first of these moments, and before the second.
            self.assertGreater(now - earliest, self.times[name] - 0.5, name)
        return took

    def test_each_stage_of_a_connection_has_its_time(self):
        late = {}
        for _ in range(4):  # a busy machine makes it later, not always each of them
            late = {name: took for name, took in self.ends().items()
                    if took > self.times[name] + 1.9}
            if not late:
                break
        self.assertEqual(late, {})


class TestSlowReaders(ServedCase):
    """--send-timeout"""

    arguments = ("--threads", 1, "--send-timeout", "6s")

    def test_a_client_that_takes_nothing_is_let_go(self):
        begun = time.monotonic()
        with Client(self.port, receive_buffer=4096) as client:
            client.send(get(LARGE) * 4)
            support.wait_until(lambda: self.is_gone(client), 30, "its end")  # 60 s are usual
            self.assertGreater(time.monotonic() - begun, 5)

    def test_a_client_that_took_its_answers_slowly_may_be_idle_as_long_as_others(self):
        with Client(self.port, receive_buffer=4096) as client:
            client.send(get(LARGE) * 4)
            time.sleep(1.5)
            for _ in range(4):
                self.assertEqual(client.answer().status, 200)
            time.sleep(8)
            client.send(get("/branches/1"))
            self.assertEqual(client.answer().status, 200)

    def is_gone(self, client):
        """Whether the service holds no connection to CLIENT any more."""
        host, port = client.socket.getsockname()
        peer = f"{int.from_bytes(socket.inet_aton(host), 'little'):08X}:{port:04X}"
        lines = Path(f"/proc/{self.service.pid}/net/tcp").read_text(encoding="ascii").splitlines()
        return not any(line.split()[2] == peer and line.split()[3] == "01" for line in lines[1:])


class TestSmallAnswers(ServedCase):
    """--answer-size"""

    arguments = ("--threads", 1, "--answer-size", "1K")

    def test_a_larger_answer_is_500_and_the_connection_goes_on(self):
        with Client(self.port) as client:
            client.send(get("/branches?count=300") + get("/branches/1"))
            answer = client.answer()
            self.assertEqual((answer.status, answer.body),
                             (500, b"Error: the answer is too large"))
            self.assertEqual(client.answer().status, 200)
        self.assertIn("more than the 1024 it may have", self.service.stderr)


class TestOptions(support.TestCase):
    """Bounds that cannot be meant."""

    def test_they_are_refused_with_what_to_write(self):
        for option, value, message in (
                ("--head-timeout", "0s", "--head-timeout: write 1s to 24h"),
                ("--idle-timeout", "25h", "--idle-timeout: write 1s to 24h"),
                ("--answer-size", "65M", "--answer-size: write 1K to 64M"),
                ("--answer-size", "1000", "--answer-size: write 1K to 64M"),
                ("--held-size", "127M", "--held-size: write at least 2 times --answer-size")):
            done = support.vitrine("serve", "--root", self.folder, option, value, check=False)
            self.assertEqual(done.returncode, 2)
            self.assertIn(message, done.stderr)


if __name__ == "__main__":
    support.main()
