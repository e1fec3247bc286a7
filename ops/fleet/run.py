#!/usr/bin/env python3
"""A whole fleet on one machine, to look at: ./dev fleet [--products N] [--nodes N] [--for SECONDS]

A database, a primary, a builder, nodes and a balancer, each in a network namespace. It prints where
they are, keeps running, and removes everything when it is told to end. What they are is in
tests/integration/fleet.py.
"""
import argparse
import ipaddress
import os
import signal
import subprocess
import sys
import time

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
os.environ.setdefault("VITRINE_ROOT", ROOT)
sys.path.insert(0, os.path.join(ROOT, "tests", "integration"))

import fleet  # pylint: disable=wrong-import-position
import netns  # pylint: disable=wrong-import-position

HEALTH_S = 5
NETWORKS = [f"10.{second}.{third}." for second in (77, 78, 79) for third in range(256)]


def say(text):
    """What is done now, and what has happened."""
    print(text, flush=True)


def end(number, frame):
    """Told to end; not twice."""
    del number, frame
    for one in signal.SIGINT, signal.SIGTERM, signal.SIGHUP:
        signal.signal(one, signal.SIG_IGN)
    sys.exit(0)


def taken_networks():
    """Networks that this machine has a way to."""
    done = subprocess.run(["ip", "-4", "route", "show", "table", "main"], capture_output=True,
                          text=True, check=True)
    found = []
    for line in done.stdout.splitlines():
        try:
            network = ipaddress.ip_network(line.split()[0])
        except ValueError:
            continue  # default
        found.append(network)
    return found


def free_network():
    """(the beginning of its addresses, a name for the interface of this machine)"""
    taken = taken_networks()
    for number, network in enumerate(NETWORKS):
        if not any(ipaddress.ip_network(network + "0/24").overlaps(one) for one in taken):
            return network, f"vitrine{number}"
    raise SystemExit("dev fleet: 10.77.0.0/16 to 10.79.0.0/16 are all in use here")


def enter_hint():
    """How to get where the addresses are; nothing for root, who is there."""
    if netns.AGAIN not in os.environ:
        return ""
    return ("these addresses exist in namespaces only; put this before a command to be there:\n"
            f"    nsenter --target {os.getpid()} --user --net --preserve-credentials\n\n")


def describe(running):
    """Where everything is, and what to try."""
    machines = running.lab.machines
    front = f"http://{machines['balancer'].address}:{fleet.PORT}"
    lines = [f"\n{enter_hint()}the balancer    {front}/products",
             f"                {front}/reviews?product_id=1", ""]
    for node in running.nodes_and_primary():
        address = node.machine.address
        lines.append(f"{running.name(node):<15} http://{address}:{fleet.PORT}, status page "
                     f"http://{address}:{fleet.ADMIN}/, pid {node.server.pid}")
    lines += [f"database        {running.source}",
              f"logs            {running.balancer.path('access.log')}, {running.folder}/*.err", "",
              "write something, and read it when it was built and pulled:",
              f"    curl -X PUT {front}/reviews/1/helpful",
              "take a node away, and see that nobody notices:",
              f"    kill -9 {running.nodes[0].server.pid}", "",
              "Ctrl-C ends all of it."]
    return "\n".join(lines)


def health(running):
    """One line."""
    try:
        front = "ok" if running.get("/healthz", timeout=1).status == 200 else "not ok"
    except OSError:
        front = "down"
    nodes = [f"{running.name(node)} {running.state(node)}" for node in running.nodes_and_primary()]
    return "  ".join([time.strftime("%H:%M:%S"), f"balancer {front}", *nodes])


def watch(running, seconds):
    """Until SECONDS are over; without, until told to end."""
    until = time.monotonic() + (seconds or float("inf"))
    while time.monotonic() < until:
        if sys.stdout.isatty():
            say(health(running))
        time.sleep(max(0, min(HEALTH_S, until - time.monotonic())))


def positive(text):
    """An integer from 1 on."""
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f'"{text}" is not a number from 1 on')
    return int(text)


def parse_options():
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="./dev fleet", description="Runs a whole fleet in network namespaces of this machine: "
        "PostgreSQL, a primary, a builder, nodes and a balancer. As root it is reached from this "
        "machine; others reach it from its namespaces, as it tells. Ctrl-C or SIGTERM removes "
        "everything.",
        epilog="Exit codes: 0 it was told to end, 1 it could not be started, 2 wrong command line.")
    parser.add_argument("--products", type=positive, default=1000, metavar="N",
                        help="how much sample data (1000)")
    parser.add_argument("--nodes", type=positive, default=3, metavar="N", help="1 to 200 (3)")
    parser.add_argument("--for", type=float, default=0, metavar="SECONDS", dest="seconds",
                        help="end by itself after so long")
    options = parser.parse_args()
    if options.nodes > 200:
        parser.error("--nodes: at most 200")
    return options


def main():
    """The whole program."""
    options = parse_options()
    netns.enter_user_namespace()
    why = fleet.why_not()
    if why:
        raise SystemExit(f"dev fleet: {why}")
    for number in signal.SIGINT, signal.SIGTERM, signal.SIGHUP:
        signal.signal(number, end)
    network, interface = free_network()
    running = fleet.Fleet(options.products, options.nodes, network, say)
    try:
        running.start()
        running.lab.plug_in(interface)
        say(describe(running))
        watch(running, options.seconds)
    except (AssertionError, OSError, subprocess.CalledProcessError) as error:
        raise SystemExit(f"dev fleet: {error}") from error
    finally:
        for number in signal.SIGINT, signal.SIGTERM, signal.SIGHUP:
            signal.signal(number, signal.SIG_IGN)
        say("removing everything")
        running.stop()


if __name__ == "__main__":
    main()
