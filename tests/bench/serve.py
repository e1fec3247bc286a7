"""Random, uncached reads on one core, beside nginx `return 200` of the same size in the same run.

    ./dev bench serve [--products 100000] [--seconds 5] [--rounds 5] [--connections 64]
                      [--path '/reviews?product_id=%d'] [--instructions] [--keep DIR]

The server runs on core 0 with one thread, the load generator (load/) on core 1. Rounds alternate
between the two servers, so that whatever else the machine does falls on both; medians are printed.
CPU a request is user and system time of the serving process over the answers of a round.
"""

import argparse
import os
import re
import signal
import socket
import statistics
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path

import generator
import prepare

SERVER_CORE, LOAD_CORE = 0, 1
TICKS = os.sysconf("SC_CLK_TCK")
BODY_PART = 2000  # bytes of a body in one nginx string; its parser allows 4096


def pinned(core, command):
    if core in os.sched_getaffinity(0) and len(os.sched_getaffinity(0)) > 1:
        return ["taskset", "-c", str(core), *map(str, command)]
    return list(map(str, command))


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for_port(port, process):
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            if process.poll() is not None:
                break
            time.sleep(0.02)
    raise SystemExit(f"nothing listens on port {port}: {process.args}")


@contextmanager
def process(command, port, **options):
    """A server as a child that ends with the block."""
    child = subprocess.Popen(command, **options)
    try:
        wait_for_port(port, child)
        yield child
    finally:
        child.terminate()
        try:
            child.wait(30)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


class Server:
    """A name, a port, and the process whose CPU time counts."""

    def __init__(self, name, port, pid):
        self.name, self.port, self.pid = name, port, pid
        self.rounds = []

    def cpu_seconds(self):
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return int(fields[11]) / TICKS, int(fields[12]) / TICKS

    def median(self, name):
        return statistics.median(found[name] for found in self.rounds)


# ---- load ----


class Load:
    def __init__(self, tool, options):
        self.tool, self.options, self.seed = tool, options, 0

    def run(self, port, seconds, requests=0, connections=None):
        """One run of the load generator: its JSON."""
        self.seed += 1
        words = generator.command(
            self.tool, port, self.options.path, (1, self.options.products), seconds=seconds,
            connections=connections or self.options.connections, requests=requests, seed=self.seed)
        found = generator.run(pinned(LOAD_CORE, words))
        generator.warn_of_failures(found, self.options.path)
        return found

    def round(self, server, seconds):
        before = server.cpu_seconds()
        found = self.run(server.port, seconds)
        user, system = (b - a for a, b in zip(before, server.cpu_seconds()))
        used = user + system
        found["cpu_us"] = used * 1e6 / found["requests"]
        found["user_us"] = user * 1e6 / found["requests"]
        found["busy"] = used / found["seconds"]
        return found


# ---- servers ----


@contextmanager
def vitrine(root, wrapper=()):
    port = free_port()
    command = (*wrapper, prepare.VITRINE, "serve", "--root", root, "--listen",
               f"127.0.0.1:{port}", "--threads", 1, *(("--scrub", 0) if wrapper else ()))
    with process(pinned(SERVER_CORE, command), port, stderr=subprocess.PIPE if wrapper else None,
                 text=True) as child:
        yield Server("vitrine", port, child.pid), child


NGINX = """
daemon off; worker_processes 1; pid nginx.pid; error_log error.log crit; {user}
events {{ worker_connections 2048; }}
http {{
    access_log off; keepalive_requests 1000000000; keepalive_timeout 600s; tcp_nodelay on;
    client_body_temp_path tmp; proxy_temp_path tmp; fastcgi_temp_path tmp;
    uwsgi_temp_path tmp; scgi_temp_path tmp;
    server {{
        listen 127.0.0.1:{port}; default_type "application/json; charset=utf-8";
        {variables}
        location / {{ return 200 {body}; }}
    }}
}}
"""


def nginx_body(size):
    """(the variables of a server, an expression of SIZE bytes): strings that nginx can read."""
    parts = [min(BODY_PART, size - at) for at in range(0, size, BODY_PART)]
    variables = " ".join(f'set $part{i} "{"x" * n}";' for i, n in enumerate(parts))
    return variables, '"' + "".join(f"$part{i}" for i in range(len(parts))) + '"'


def nginx_config(port, size):
    """Answers of SIZE bytes."""
    variables, body = nginx_body(size)
    user = "user root;" if os.geteuid() == 0 else ""
    return NGINX.format(port=port, variables=variables, body=body, user=user)


@contextmanager
def nginx(prefix, size):
    port = free_port()
    (prefix / "tmp").mkdir(parents=True)
    prefix.chmod(0o755)
    (prefix / "nginx.conf").write_text(nginx_config(port, size))
    command = ("nginx", "-p", prefix, "-c", "nginx.conf", "-e", "error.log")
    with process(pinned(SERVER_CORE, command), port) as master:
        children = Path(f"/proc/{master.pid}/task/{master.pid}/children").read_text().split()
        yield Server("nginx return 200", port, int(children[0]))


# ---- what is counted ----


def system_calls(load, server, path):
    """Calls a request, by name, from a short run under strace."""
    output = path / f"strace-{server.port}"
    tracer = subprocess.Popen(["strace", "-c", "-f", "-o", output, "-p", str(server.pid)],
                              stderr=subprocess.DEVNULL)
    try:
        time.sleep(0.5)
        done = load.run(server.port, 30, requests=20000)
    finally:
        tracer.send_signal(signal.SIGINT)
        tracer.wait(30)
    calls = {}
    for line in output.read_text().splitlines():
        found = re.match(r"\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)\s+(?:\d+\s+)?(\w+)$", line)
        if found and found[2] != "total":
            calls[found[2]] = int(found[1]) / done["requests"]
    return calls


def instructions(load, root, path):
    """Instructions a request: two runs under callgrind, without a scrub, and their difference."""
    collected = []
    for requests in (2000, 12000):
        wrapper = ("valgrind", "--tool=callgrind", f"--callgrind-out-file={path}/callgrind.out")
        with vitrine(root, wrapper) as (server, child):
            load.run(server.port, 300, requests=requests, connections=8)
            child.terminate()
            text = child.communicate(timeout=120)[1]
        collected.append(int(re.search(r"Collected : (\d+)", text)[1]))
    return (collected[1] - collected[0]) / 10000


def show_rounds(ours, theirs):
    rows = []
    for server in (ours, theirs):
        rates = [found["rate"] for found in server.rounds]
        rows.append((
            server.name,
            f"{server.median('rate'):,.0f}",
            f"{min(rates):,.0f}-{max(rates):,.0f}",
            f"{server.median('p50_us'):.0f}",
            f"{server.median('p99_us'):.0f}",
            f"{server.median('p999_us'):.0f}",
            f"{server.median('cpu_us'):.2f}",
            f"{server.median('user_us'):.2f}",
            f"{100 * server.median('busy'):.0f} %",
        ))
    header = ("server", "requests/s", "range", "p50 us", "p99 us", "p99.9 us", "CPU us a request",
              "of it user", "core busy")
    prepare.table(rows, header)
    pairs = zip(ours.rounds, theirs.rounds)
    ratio = statistics.median(a["rate"] / b["rate"] for a, b in pairs)
    cpu = theirs.median("cpu_us") / ours.median("cpu_us")
    print(f"\nvitrine / nginx: {ratio:.2f} of the requests a second (median of the rounds), "
          f"{cpu:.2f} by CPU time")


def show_calls(load, servers, path):
    for server in servers:
        calls = system_calls(load, server, path)
        named = sorted(calls.items(), key=lambda item: -item[1])
        listed = ", ".join(f"{name} {count:.2f}" for name, count in named if count >= 0.005)
        print(f"{server.name}: {sum(calls.values()):.2f} system calls a request ({listed})")


def parse_options():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--products", type=int, default=100000)
    parser.add_argument("--seconds", type=float, default=5, help="of a round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--path", default="/reviews?product_id=%d")
    parser.add_argument("--instructions", action="store_true", help="count them with callgrind")
    parser.add_argument("--keep", metavar="DIR", help="make the data there, or use what is there")
    return parser.parse_args()


def main():
    options = parse_options()
    with ExitStack() as stack:
        path = stack.enter_context(prepare.folder(options.keep))
        scratch = stack.enter_context(prepare.folder(None))
        prepare.release(path, options.products)
        load = Load(generator.compile_load(scratch), options)
        ours, _ = stack.enter_context(vitrine(path / "root"))
        warm = load.run(ours.port, 2)
        size = round(warm["mean_body"])
        theirs = stack.enter_context(nginx(scratch / "nginx", size))
        load.run(theirs.port, 1)
        for number in range(options.rounds):
            print(f"round {number + 1} of {options.rounds}", file=sys.stderr)
            for server in (ours, theirs):
                server.rounds.append(load.round(server, options.seconds))
        print(f"\nGET {options.path}, random of {options.products}, {size} bytes a body, "
              f"{options.connections} connections")
        show_rounds(ours, theirs)
        show_calls(load, (ours, theirs), scratch)
        if options.instructions:
            count = instructions(load, path / "root", scratch)
            print(f"vitrine: {count:,.0f} instructions a request")


if __name__ == "__main__":
    main()
