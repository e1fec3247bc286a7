"""The client that no server deserves (abuse/main.c), for a bench and a test: what it does, as cases."""

import json
import resource
import signal
import subprocess
from contextlib import contextmanager

import generator

IDLE_MOST = 10000
FILES_SPARE = 500  # descriptors that the service and the client need for other things


def compile_abuse(path):
    """The client as a program in PATH."""
    return generator.compile_tool(path, "abuse")


def idle_connections():
    """How many idle connections there can be here: a connection is a file on either side."""
    return min(IDLE_MOST, resource.getrlimit(resource.RLIMIT_NOFILE)[1] - FILES_SPARE)


def request(target, *lines, body=b""):
    """The bytes of a GET."""
    return "\r\n".join([f"GET {target} HTTP/1.1", "Host: x", *lines, "", ""]).encode() + body


def cases(small, large):
    """(name, options, bytes) of each abuse; SMALL and LARGE are targets with such answers."""
    slow = request(small, "A: " + "a" * 4000)
    return (
        ("idle connections", {"mode": "hold", "connections": idle_connections(), "tick": 0.05}, b""),
        ("heads, byte by byte", {"mode": "drip", "connections": 1000, "tick": 0.05}, slow),
        ("bodies, byte by byte", {"mode": "drip", "connections": 1000, "tick": 0.02},
         request(small, "Content-Length: 4000", body=b"a" * 4000)),
        ("slow readers of large answers",
         {"mode": "hold", "connections": 200, "tick": 0.1, "take": 1000}, request(large) * 4),
        ("one large header", {"mode": "send", "connections": 16},
         request(small, "A: " + "a" * 100000)),
        ("many headers", {"mode": "send", "connections": 16}, request(small, *["A: a"] * 20000)),
        ("a large target", {"mode": "send", "connections": 16}, request("/" + "a" * 100000)),
        ("requests without end", {"mode": "send", "connections": 4}, request(small) * 1000),
        ("nonsense", {"mode": "send", "connections": 16}, b"\x16\x03\x01\x02\0" * 1000),
        ("fuzzed requests", {"mode": "fuzz", "answers": 10**9}, b""),
    )


@contextmanager
def abusing(tool, port, folder, options, data, ends=False, wrapper=()):
    """The client at work for the time of a with block, which gets a dict that has its result afterwards;
    with ENDS until it ends by itself."""
    path = folder / "bytes"
    path.write_bytes(data)
    words = [*wrapper, tool, "--port", port, "--seconds", 600, "--bytes", path]
    for name, value in options.items():
        words += [f"--{name}", value]
    found = {}
    with subprocess.Popen(list(map(str, words)), stdout=subprocess.PIPE, text=True) as process:
        try:
            yield found
        finally:
            if not ends:
                process.send_signal(signal.SIGTERM)
            printed, _ = process.communicate(timeout=600)
    if process.returncode != 0:
        raise SystemExit(f"abuse: exit code {process.returncode}")
    found.update(json.loads(printed))
