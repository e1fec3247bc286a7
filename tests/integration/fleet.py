"""A fleet in network namespaces: a database, a primary with the source, a builder with an rsync
daemon, nodes that pull and serve, and a balancer before them. Each is a machine on one switch.

`./dev fleet` shows it, tests and drills use it. What is started ends with the process that started
it, however that ends; stop() ends it in order and removes its folder.
"""
import contextlib
import json
import os
import re
import shutil
import signal
import tempfile

import balancer
import netns
import postgres
import rsyncd
import support

PORT = 8080  # every machine has ports of its own
ADMIN = 9090
RSYNC = 8730
DATABASE = "atelier"
# The command line ends with this process: with a signal that it listens to.
WITH_US = ("setpriv", "--pdeathsig", "TERM")
# The same, with its process group: what an rsync daemon has serve a connection would wait, for a
# quarter of an hour, for a network that is gone by then.
GROUP_WITH_US = (*WITH_US, "sh", "-c", """trap 'kill -KILL 0' TERM; "$@" & wait""", "sh")

FLEET_FILE = """
[balancer]
listen = {address}:{port}
admin = {address}:{admin}
[nodes]
{nodes}
[primary]
address = {primary}:{port}
paths = /cart
[cache]
folder = cache
{more}
"""


def why_not():
    """Why there can be no fleet here; empty when there can."""
    try:
        postgres.programs()
    except FileNotFoundError as error:
        return str(error)
    return balancer.why_not() or netns.why_not()


class Node:
    """A machine with a root, and what runs there. START(command) is a support.Process."""

    def __init__(self, start, machine, root):
        self.start = start
        self.machine = machine
        self.root = root
        self.puller = None
        self.server = None
        self.arguments = ()
        self.address = None

    def follow(self, source, *more, every="200ms"):
        """Starts to pull."""
        with self.machine:
            self.puller = self.start("pull", "--from", source, "--root", self.root, "--every",
                                     every, *more)

    def serve(self, *arguments, address="127.0.0.1", seconds=60):
        """Starts to serve what is current on ADDRESS, and waits until it answers."""
        self.address = address
        self.arguments = ("serve", "--root", self.root, "--listen", f"{address}:{PORT}",
                          "--threads", 1, *arguments)
        self.restart(seconds)

    def restart(self, seconds=60):
        """Serves again, after the process before has ended."""
        with self.machine:
            self.server = self.start(*self.arguments)
            support.wait_for_port(self.server, PORT, seconds, self.address)

    def number(self):
        """The number of the current release; 0 without one."""
        try:
            return int(os.readlink(os.path.join(self.root, "current")).rpartition("/")[2])
        except FileNotFoundError:
            return 0

    def has_refused(self, number):
        """Whether the root remembers that release as one not to be served."""
        try:
            with open(os.path.join(self.root, "state.json"), encoding="utf-8") as file:
                marks = json.load(file)["marks"]
        except FileNotFoundError:
            return False
        return any(mark["release"] == number and mark["mark"] == "refused" for mark in marks)

    def is_at(self, number, seconds=60):
        """Waits until the release is current."""
        support.wait_until(lambda: self.number() == number, seconds, f"release {number}")

    def hand_over(self):
        """Another process takes over from the one that serves, beside it."""
        before = self.server
        with self.machine:
            self.server = self.start(*self.arguments)
        support.wait_until(lambda: " info listening " in self.server.stderr, 60, "a new process")
        before.send(signal.SIGTERM)
        code = before.wait()
        if code != 0:
            raise AssertionError(f"vitrine serve: exit code {code}\n{before.stderr}")


class Fleet:
    """See above; `with` it, it is gone at the end. SAY is told what is done
    now; OTHERS are names of machines that nothing runs on."""

    def __init__(self, products, nodes=3, network=netns.NETWORK, say=lambda text: None, others=()):
        self.products = products
        self.say = say
        self.others = others
        self.everything = contextlib.ExitStack()
        self.processes = []
        self.names = [f"node{i}" for i in range(1, nodes + 1)]
        self.network = network
        self.folder = self.lab = self.database = self.daemon = self.balancer = self.builder = None
        self.source = self.primary = None
        self.nodes = []

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.stop()

    def path(self, *names):
        """A path in its folder."""
        return os.path.join(self.folder, *names)

    def start_process(self, *arguments):
        """Starts a vitrine command in the namespace of this thread."""
        process = support.Process(self.folder, *arguments, wrapper=WITH_US)
        self.processes.append(process)
        return process

    # ---- from nothing to answers ----

    def start(self, build_every="2s", pull_every="1s", more=""):
        """All of it; MORE is of the [cache] of the fleet file, and further sections."""
        self.folder = tempfile.mkdtemp(prefix="vitrine-fleet-")
        self.everything.callback(shutil.rmtree, self.folder, ignore_errors=True)
        os.chmod(self.folder, 0o755)
        self.lab = netns.Lab("balancer", "database", "primary", "builder", *self.names,
                             *self.others, network=self.network)
        self.everything.callback(self.lab.close)
        self._start_database()
        self._start_builder(build_every)
        self._start_nodes(pull_every)
        self._start_balancer(more)

    def _start_database(self):
        self.say("starting PostgreSQL")
        machine = self.lab.machines["database"]
        with machine:
            self.database = postgres.Cluster(f"listen_addresses = '{machine.address}'\n",
                                             access=f"host all all {self.network}0/24 trust\n",
                                             parent=self.folder)
        self.everything.callback(self.database.stop)
        self.everything.callback(self._stop_processes)
        self.database.create(DATABASE)
        self.source = f"postgres://{postgres.OWNER}@{machine.address}/{DATABASE}"
        self.say(f"importing sample data of {self.products} products")
        support.vitrine("generate", "--products", self.products, "--seed", 1, self.path("exports"))
        with self.lab.machines["builder"]:
            support.vitrine("import", "--source", self.source, "--rejects",
                            self.path("rejects.csv"), self.path("exports"))

    def _start_builder(self, every):
        self.say("building the first release")
        self.builder = Node(self.start_process, self.lab.machines["builder"], self.path("builder"))
        self.build("--jobs", 1)
        if every:
            with self.builder.machine:
                self.start_process("build", "--source", self.source, "--root", self.builder.root,
                                   "--every", every, "--jobs", 1)
        self.start_daemon()
        self.everything.callback(self.stop_daemon)

    def build(self, *arguments, check=True):
        """One build on the builder, to its end."""
        with self.builder.machine:
            return support.vitrine("build", "--source", self.source, "--root", self.builder.root,
                                   *arguments, check=check)

    def start_daemon(self):
        """The rsync daemon of the builder."""
        with self.builder.machine:
            self.daemon = rsyncd.Daemon(self.builder.root, RSYNC, self.builder.machine.address,
                                        wrapper=GROUP_WITH_US)

    def stop_daemon(self):
        """Ends it at once."""
        self.daemon.stop()
        shutil.rmtree(self.daemon.folder, ignore_errors=True)

    def _start_nodes(self, every):
        self.say("starting nodes")
        trust = ("--trust-proxy", self.network + "0/24", "--write-rate", 0, "--drain", "1s")
        at = {name: self.lab.machines[name] for name in ("primary", *self.names)}
        primary = f"http://{at['primary'].address}:{PORT}"
        for name, machine in at.items():
            node = Node(self.start_process, machine, self.path(name))
            node.follow(self.daemon.url, "--timeout", "5s", every=every)
            if name == "primary":
                self.primary = node
            else:
                self.nodes.append(node)
        for node in self.nodes_and_primary():
            node.is_at(self.builder.number(), 60)
            where = ("--source", self.source) if node is self.primary else ("--primary", primary)
            node.serve("--admin", f"{node.machine.address}:{ADMIN}", *where, *trust,
                       address=node.machine.address)

    def _start_balancer(self, more):
        self.say("starting the balancer")
        machine = self.lab.machines["balancer"]
        nodes = "\n".join(f"{name} = {self.lab.machines[name].address}:{PORT}"
                          for name in self.names)
        with machine:
            self.balancer = balancer.Balancer(
                FLEET_FILE.format(address=machine.address, port=PORT, admin=ADMIN, nodes=nodes,
                                  primary=self.primary.machine.address, more=more),
                machine.address, PORT)
        self.everything.callback(self.balancer.stop)

    # ---- what is there ----

    def nodes_and_primary(self):
        """All that serve."""
        return [*self.nodes, self.primary]

    def name(self, node):
        """The name of the machine."""
        return node.machine.port.removeprefix("p-")

    def get(self, path, machine=None, port=PORT, **options):
        """GET at a machine, by default the balancer, in the namespace of this thread."""
        machine = machine or self.lab.machines["balancer"]
        return support.request(port, path, host=machine.address, **options)

    def state(self, node):
        """Of a node, in a word or two: "ready 3", "not ready 3", "down"."""
        try:
            ready = self.get("/readyz", node.machine, ADMIN, timeout=1).status == 200
            metrics = self.get("/metrics", node.machine, ADMIN, timeout=1).text
        except OSError:
            return "down"
        number = re.search(r"^vitrine_release_number (\d+)$", metrics, re.MULTILINE)
        return f"{'ready' if ready else 'not ready'} {number[1] if number else 0}"

    # ---- the end ----

    def _stop_processes(self):
        """All at once, and then all that did not listen."""
        for process in self.processes:
            process.send(signal.SIGCONT)
            process.send(signal.SIGTERM)
        for process in self.processes:
            process.stop(10)
            support.kill_session(process.pid)
        for process in self.processes:
            process.check_sanitizers()

    def stop(self):
        """Ends all of it; may be called again."""
        self.everything.close()
