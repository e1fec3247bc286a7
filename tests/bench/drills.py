"""Drills: what clients notice, through the balancer, when a part of a fleet fails under load.

    ./dev bench drills [--rate 1000] [--seconds 10] [--products 1000] [--only NAME]... [--json FILE]

PostgreSQL, a primary, a builder, three nodes, the balancer and the clients are machines in network
namespaces. Two seconds into each run something happens; a client that writes goes on meanwhile, and
at the end the source is asked whether each write is there once. Exit code 1: more requests failed
than may (none, and 1 in 1,000 during a reload), or a write is lost or there twice.
"""

import argparse
import json
import signal
import subprocess
import sys
import threading
import time
from collections import namedtuple
from contextlib import ExitStack
from pathlib import Path

import generator
import measure
import prepare
import presets

sys.path.insert(0, str(prepare.ROOT / "tests/integration"))
import fleet  # pylint: disable=wrong-import-position
import netns  # pylint: disable=wrong-import-position
import support  # pylint: disable=wrong-import-position

CONNECTIONS = 64
EVENT_S = 2  # from the start of a run
AWAY_S = 3  # what is frozen, cut or stopped
WRITES = 10  # a second
SLOW_S = 0.1  # an answer that a client notices
SETTLE_S = 60


class Writer(threading.Thread):
    """A client that writes through the balancer, and counts what it was told."""

    def __init__(self, running):
        super().__init__(daemon=True)
        self.running = running
        self.ended = threading.Event()
        self.done = self.refused = self.unknown = 0
        self.last_failure = 0  # time.time()

    def run(self):
        with self.running.lab.machines["client"]:
            at = 0
            while not self.ended.wait(1 / WRITES):
                at += 1
                self._write(at % self.running.products + 1)

    def _write(self, review):
        try:
            answer = self.running.get(f"/reviews/{review}/helpful", method="PUT", timeout=30)
        except OSError:
            answer = None
        if answer is not None and answer.status == 204:
            self.done += 1
            return
        self.last_failure = time.time()
        if answer is None or "may have been" in answer.text:
            self.unknown += 1
        else:
            self.refused += 1

    def end(self):
        """No more writes."""
        self.ended.set()
        self.join()


def written(running):
    """How many writes the source has."""
    rows = running.database.rows("SELECT sum(helpfulness) FROM reviews", fleet.DATABASE)
    return int(rows[0][0])


# ---- what happens ----


def nothing(running):
    """The run beside which the others are seen."""
    del running


def kill_node(running):
    """A node is killed, and started again a while later."""
    node = running.nodes[0]
    node.server.send(signal.SIGKILL)
    node.server.wait()
    time.sleep(AWAY_S)
    node.restart()


def freeze_node(running):
    """A node neither answers nor closes."""
    node = running.nodes[0]
    node.server.send(signal.SIGSTOP)
    try:
        time.sleep(AWAY_S)
    finally:
        node.server.send(signal.SIGCONT)


def cut_link(running):
    """The cable of a node is pulled."""
    machine = running.nodes[0].machine
    machine.plug(False)
    try:
        time.sleep(AWAY_S)
    finally:
        machine.plug(True)


def stop_primary(running):
    """Writes have nobody; reads must not notice."""
    running.primary.server.send(signal.SIGKILL)
    running.primary.server.wait()
    time.sleep(AWAY_S)
    running.primary.restart()


def stop_database(running):
    """The source dies with its sessions, and comes back."""
    running.database.end()
    time.sleep(AWAY_S)
    with running.lab.machines["database"]:
        running.database.start()


def change_rows(running, part=1):
    """Gives one row in PART another content, for a release that differs."""
    running.database.psql(f"UPDATE products SET slogan = slogan || '.' WHERE id % {part} = 0",
                          fleet.DATABASE)


def stop_builder(running):
    """The builder is killed while it builds, and its daemon while nodes fetch what it has built."""
    change_rows(running)
    with running.builder.machine:
        build = running.start_process("build", "--source", running.source, "--root",
                                      running.builder.root)
    support.wait_until(lambda: (Path(running.builder.root) / "releases/.building").exists()
                       or build.returncode is not None, 30, "a build")
    build.send(signal.SIGKILL)
    build.wait()
    running.build()
    support.wait_until(lambda: any((Path(node.root) / "releases/.incoming").exists()
                                   or node.number() == running.builder.number()
                                   for node in running.nodes), 30, "a pull")
    running.daemon.stop()
    time.sleep(1)
    with running.builder.machine:
        running.daemon.start()


def refused_release(running):
    """A release with a page that rotted at the builder, one that a check refuses, a good one."""
    before = running.builder.number()
    running.daemon.stop()
    change_rows(running)
    running.build()
    partition = next((Path(running.builder.root) / "current/products").glob("*.db"))
    content = bytearray(partition.read_bytes())
    content[len(content) // 2] ^= 0x40
    partition.chmod(0o644)
    partition.write_bytes(content)
    with running.builder.machine:
        running.daemon.start()
    support.wait_until(lambda: all(node.has_refused(before + 1)
                                   for node in running.nodes_and_primary()), 30,
                       "all nodes refuse the release")
    served = {node.number() for node in running.nodes}
    running.database.psql("UPDATE reviews SET reported = NOT reported WHERE id % 2 = 0",
                          fleet.DATABASE)
    refused = running.build(check=False)
    running.database.psql("UPDATE reviews SET reported = NOT reported WHERE id % 2 = 0",
                          fleet.DATABASE)
    if served != {before} or refused.returncode != 3:
        raise SystemExit(f"nodes at {served} after {before}, build {refused.returncode}:\n"
                         f"{refused.stderr}")
    change_rows(running)
    running.build("--fresh")


def roll_back(running):
    """A new release on all nodes, back to the one before, and forward again."""
    change_rows(running)
    running.build()
    number = running.builder.number()
    for node in running.nodes:
        node.is_at(number, SETTLE_S)
    for node in running.nodes:
        support.vitrine("rollback", "--root", node.root, "--reason", "a drill")
    time.sleep(1)
    if any(node.number() >= number for node in running.nodes):
        raise SystemExit("a node did not stay on the release that it was rolled back to")
    for node in running.nodes:
        support.vitrine("activate", "--root", node.root, number)


def reload_balancer(running):
    """The one time that clients may have to ask again."""
    running.balancer.reload()


def restart_nodes(running):
    """Node after node gets a new process, which takes over beside the old one."""
    for node in running.nodes_and_primary():
        node.hand_over()


Drill = namedtuple("Drill", "name title event most may_refuse_writes")

DRILLS = (
    Drill("rest", "at rest", nothing, 0, False),
    Drill("kill", "kill -9 a node", kill_node, 0, False),
    Drill("freeze", "freeze a node", freeze_node, 0, False),
    Drill("cut", "cut a link", cut_link, 0, False),
    Drill("primary", "stop the primary", stop_primary, 0, True),
    Drill("database", "stop the database", stop_database, 0, True),
    Drill("builder", "stop the builder in a publish", stop_builder, 0, False),
    Drill("refused", "a release that is refused", refused_release, 0, False),
    Drill("rollback", "activate, roll back", roll_back, 0, False),
    Drill("reload", "reload nginx", reload_balancer, 1 / 1000, False),
    Drill("restart", "restart nodes one by one", restart_nodes, 0, False),
)


# ---- a run ----


def settled(running):
    """Whether all is as before: every node answers, ready, from the release of the builder."""
    number = running.builder.number()
    with running.lab.machines["client"]:
        return all(running.state(node) == f"ready {number}"
                   for node in running.nodes_and_primary())


def noticed(lines, started):
    """(seconds from STARTED to the last read that failed or was slow, how many there were)."""
    bad = [line["unix"] for line in lines if line["method"] == "GET" and line["unix"] >= started
           and (line["status"] >= 500 or line["seconds"] > SLOW_S)]
    return max(bad, default=started) - started, len(bad)


def log_from(running, offset):
    """Lines of the access log of the balancer from a byte on; what is being written is left."""
    with open(running.balancer.path("access.log"), "rb") as file:
        file.seek(offset)
        return [json.loads(line) for line in file if line.endswith(b"\n")]


def run(running, drill, load, options):
    """One drill: its figures."""
    support.wait_until(lambda: settled(running), SETTLE_S, "a fleet that is well")
    log = Path(running.balancer.path("access.log"))
    offset = log.stat().st_size if log.exists() else 0
    before = written(running)
    writer = Writer(running)
    with running.lab.machines["client"]:
        child = subprocess.Popen(load, stdout=subprocess.PIPE, text=True)
    try:
        writer.start()
        time.sleep(EVENT_S)
        event = time.time()
        drill.event(running)
        took = time.time() - event
        time.sleep(max(1, options.seconds - EVENT_S - took))
        child.terminate()
        output = child.communicate(timeout=30)[0]
    finally:
        measure.finish(child)
        writer.end()
    support.wait_until(lambda: settled(running), SETTLE_S, "a fleet that is well again")
    time.sleep(1.2)  # the balancer's log is that late
    found = json.loads(output)
    missing = written(running) - before - writer.done
    recovered, slow = noticed(log_from(running, offset), event)
    return {
        "name": drill.name, "title": drill.title, "event_s": took, "recovered_s": recovered,
        "slow": slow, "writes": writer.done, "writes_refused": writer.refused,
        "writes_unknown": writer.unknown, "writes_lost": max(0, -missing),
        "writes_twice": max(0, missing - writer.unknown),
        "writes_recovered_s": max(0, writer.last_failure - event), **found,
    }


def faults(drill, found):
    """What should not be, in words."""
    total = found["requests"] + found["errors"]
    out = []
    if found["failed"] > drill.most * total:
        out.append(f"{found['failed']} of {total} reads failed")
    for what in "lost", "twice":
        if found[f"writes_{what}"]:
            out.append(f"{found[f'writes_{what}']} writes {what}")
    failed = found["writes_refused"] + found["writes_unknown"]
    if failed > (1 if drill.most else 0) and not drill.may_refuse_writes:
        out.append(f"{failed} writes failed")
    return [f"{drill.title}: {what}" for what in out]


def show(rows):
    """The table."""
    cells = [(row["title"], f"{row['requests'] + row['errors']:,}", row["failed"],
              f"{row['p50_us'] / 1000:.2f}", f"{row['p99_us'] / 1000:.1f}",
              f"{row['max_us'] / 1000:.0f}", f"{row['late_p99_us'] / 1000:.1f}", row["slow"],
              f"{row['recovered_s']:.1f}",
              row["writes"], row["writes_refused"] + row["writes_unknown"],
              f"{row['writes_recovered_s']:.1f}",
              row["writes_lost"] + row["writes_twice"]) for row in rows]
    prepare.table(cells, ("", "reads", "errors", "p50 ms", "p99 ms", "max ms",
                          "late p99", "slow", "again s", "writes", "refused", "again s",
                          "lost, twice"))


def parse_options():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rate", type=float, default=1000, help="reads a second")
    parser.add_argument("--seconds", type=float, default=10,
                        help="of each drill, at least")
    parser.add_argument("--products", type=int, default=1000)
    parser.add_argument("--only", action="append", choices=[drill.name for drill in DRILLS],
                        help="may be given several times")
    parser.add_argument("--json", metavar="FILE", help="write the figures there")
    return parser.parse_args()


def start(stack, options, more=""):
    """(a fleet that answers, the command of the load on it, which ends when it is told to); MORE are
    further sections of its fleet file."""
    folder = stack.enter_context(prepare.folder(None))
    running = stack.enter_context(fleet.Fleet(options.products, say=prepare.say,
                                              others=("client",)))
    running.start(build_every=None, pull_every="500ms", more=more)
    tool = generator.compile_load(folder)
    routes = presets.mix_file(folder / "mix", presets.PRESETS["steady"], options.products)

    return running, generator.command(
        tool, fleet.PORT, host=running.lab.machines["balancer"].address, mix=routes,
        rate=options.rate, connections=CONNECTIONS, seconds=0)


def main():
    """The whole run."""
    options = parse_options()
    netns.enter_user_namespace()
    why = fleet.why_not()
    if why:
        raise SystemExit(why)
    prepare.end_on_sigterm()
    chosen = [drill for drill in DRILLS if not options.only or drill.name in options.only]
    with ExitStack() as stack:
        running, load = start(stack, options)
        rows = []
        for drill in chosen:
            prepare.say(drill.title)
            rows.append(run(running, drill, load, options))
    print(f"{options.rate:g} requests/s for {options.seconds:g} s or more each, {CONNECTIONS} "
          f"connections, {options.products} products; the event after {EVENT_S} s; late: of the "
          f"generator itself; slow: above {SLOW_S * 1000:g} ms; again: from the event to the last "
          "that was slow or failed")
    show(rows)
    if options.json:
        Path(options.json).write_text(json.dumps(
            {"machine": measure.machine(), "drills": rows}, indent=1) + "\n")
    found = [fault for drill, row in zip(chosen, rows) for fault in faults(drill, row)]
    for fault in found:
        prepare.say(fault)
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
