"""Clients that ask without a pause while a service is replaced, and forgive nothing."""
import contextlib
import threading
import time

import support
from shelf import Client, get


class Asking(threading.Thread):
    """A client that keeps its connection until it is told that it ends. WHERE is entered by its
    thread: a network namespace."""

    def __init__(self, port, lasts, where=None):
        super().__init__(daemon=True)
        self.port, self.lasts = port, lasts  # requests that a connection lasts at most
        self.where = where or contextlib.nullcontext()
        self.answers = 0
        self.connections = 0
        self.longest_s = 0  # that an answer took, with its connection when that was new
        self.failure = None
        self.is_over = threading.Event()

    def one_connection(self):
        """Asks on one connection until it ends."""
        self.connections += 1
        begun = time.monotonic()
        with Client(self.port, timeout=20) as client:
            for i in range(self.lasts):
                is_last = i + 1 == self.lasts or self.is_over.is_set()
                client.send(get("/branches/7", *(["Connection: close"] if is_last else [])))
                answer = client.answer()
                if answer.status != 200 or b'"id":7' not in answer.body:
                    raise AssertionError(answer)
                self.answers += 1
                now = time.monotonic()
                self.longest_s, begun = max(self.longest_s, now - begun), now
                if answer.headers.get("connection") == "close":
                    return

    def run(self):
        try:
            with self.where:
                while not self.is_over.is_set():
                    self.one_connection()
        except (OSError, ValueError, AssertionError) as error:
            self.failure = f"{type(error).__name__}: {error} after {self.answers} answers"


@contextlib.contextmanager
def asking(test, count, port, where=None):
    """COUNT clients that ask for the time of a with block, every other one on a connection of its own
    for each request. None may fail."""
    clients = [Asking(port, 1 if i % 2 else 1000000, where) for i in range(count)]
    for client in clients:
        client.start()
    try:
        yield clients
    finally:
        for client in clients:
            client.is_over.set()
        for client in clients:
            client.join(30)
    test.assertFalse([client for client in clients if client.is_alive()])
    test.assertEqual([], [client.failure for client in clients if client.failure])


def ask_while(test, count, port, action, where, more_than):
    """Has COUNT clients ask while ACTION runs, and until each has had more than MORE_THAN connections,
    every other one on a connection of its own for each request. None may fail. Returns them."""
    with asking(test, count, port, where) as clients:
        action()
        support.wait_until(lambda: all(client.connections > more_than or client.failure
                                       for client in clients), what="another connection of each")
    return clients
