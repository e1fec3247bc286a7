"""A fleet in network namespaces: a builder that signs, with an rsync daemon, and three nodes on one
switch, each with `vitrine pull --every --trust` and `vitrine serve`. Links are cut and slow, the
builder dies; nodes serve what they have, catch up by themselves, and none serves a release early or
in part."""
import os
import random
import re
import threading
import time
import unittest

import fleet
import netns
import rsyncd
import support
from pulling import MEGABYTE, SEED, PullCase

MEGABYTES = 4
SILENCE_S = 5  # longer than a busy machine stands still
PATHS = ("/branches/1", "/branches?count=300", "/loans?branch=8", "/loans?branch=1001")

# Of the test of small changes.
ROWS = 20000
CHANGED = ROWS // 1000
MOST_RATIO = 3  # bytes on the wire for a byte of the pages that differ
MOST_PART = 0.02  # of the pages of a release
PAGE = 4096


def setUpModule():
    why = netns.why_not()
    if why:
        raise unittest.SkipTest(why)


class Watcher(threading.Thread):
    """A client on a node that asks until it is told to stop, and notes what should not be."""

    def __init__(self, node):
        super().__init__(daemon=True)
        self.node = node
        self.ended = threading.Event()
        self.failures = []
        self.requests = 0
        self.newest = 0

    def run(self):
        with self.node.machine:
            while not self.ended.is_set():
                try:
                    self._ask(PATHS[self.requests % len(PATHS)])
                except (OSError, AssertionError) as error:
                    self.failures.append(repr(error))
                self.ended.wait(0.01)

    def _ask(self, path):
        """Rows of one version, of a release that had been activated; never an older one again."""
        answer = support.get(fleet.PORT, path)
        self.requests += 1
        versions = {int(version) for version in re.findall(r'"version":(\d+)', answer.text)}
        current = self.node.number()
        if answer.status != 200 or len(versions) != 1:
            raise AssertionError(f"{path}: {answer.status} {versions}")
        release = versions.pop() + 1
        if not self.newest <= release <= current:
            raise AssertionError(f"{path}: of {release}, after {self.newest}; current is {current}")
        self.newest = release


class Node(fleet.Node):
    """A machine with a root, what runs there, and a client that watches it."""

    def __init__(self, test, machine, root):
        super().__init__(test.start, machine, root)
        self.test = test
        self.watcher = None

    def follow(self, source, *more, every="200ms"):
        super().follow(source, "--timeout", f"{SILENCE_S}s", *self.test.trust, *more, every=every)

    def serve(self, *arguments, address="127.0.0.1", seconds=60):
        super().serve(*arguments, address=address, seconds=seconds)
        self.watcher = Watcher(self)
        self.watcher.start()
        self.test.addCleanup(self.watcher.ended.set)

    def is_at(self, number, seconds=60):
        """Waits until the release is current, and answers come from it."""
        super().is_at(number, seconds)
        if self.watcher is not None:
            support.wait_until(lambda: self.watcher.newest == number, seconds,
                               f"an answer of release {number}")

    def incoming(self):
        """Bytes of the release that arrives, wherever rsync has them."""
        total = 0
        for top, _, names in os.walk(os.path.join(self.root, "releases/.incoming")):
            for name in names:
                try:
                    total += os.stat(os.path.join(top, name)).st_size
                except FileNotFoundError:
                    pass
        return total

    def is_amid_transfer(self):
        """Waits until a megabyte of a release arrived."""
        support.wait_until(lambda: self.incoming() > MEGABYTE, what="a megabyte")


class FleetCase(PullCase):
    """A builder and three nodes, on a switch."""

    def setUp(self):
        self.lab = netns.Lab("builder", "node1", "node2", "node3")
        self.addCleanup(self.lab.close)
        super().setUp()
        support.vitrine("keygen", "--out", self.path("key"))
        self.shelf.signing = ("--sign", self.path("key.key"))
        self.trust = ("--trust", self.path("key.pub"))
        self.builder = self.lab.machines["builder"]
        self.nodes = [Node(self, self.lab.machines[name], self.path(name))
                      for name in ("node1", "node2", "node3")]

    def daemon_at(self, machine, root):
        """An rsync daemon for ROOT on a machine."""
        with machine:
            self.daemons.append(rsyncd.Daemon(root, 8730, machine.address))
        return self.daemons[-1]


class TestFleet(FleetCase):
    """What each of the tests begins with is release 1 on all nodes, which answer."""

    def setUp(self):
        super().setUp()
        self.add_loans(MEGABYTES)
        self.shelf.build()
        self.source = self.daemon_at(self.builder, self.shelf.root)
        for node in self.nodes:
            node.follow(self.source.url)
        for node in self.nodes:
            node.is_at(1)
            node.serve()
        self.size = os.stat(os.path.join(self.nodes[0].root, "current/loans/0001.db")).st_size

    def build(self, number):
        """Builds release NUMBER, all of whose rows are new."""
        self.shelf.set_version(number - 1)
        self.shelf.build()

    def assert_all_is_well(self, number):
        """All nodes have the release, and whoever asked was answered, all the time."""
        for node in self.nodes:
            node.is_at(number)
            node.watcher.ended.set()
            node.watcher.join(60)
            self.assertFalse(node.watcher.is_alive())
            self.assertEqual([], node.watcher.failures)
            self.assertGreater(node.watcher.requests, 0)
            self.assertEqual(0, node.puller.stop())
            self.assert_same_as_builder(node.root)
            self.assertFalse([name for name in self.releases(node.root) if name.startswith(".")])

    def test_three_nodes_follow_a_builder(self):
        for number in (2, 3):
            self.build(number)
            for node in self.nodes:
                node.is_at(number)
        self.assert_all_is_well(3)

    def test_a_node_whose_link_is_cut_amid_a_transfer_serves_and_goes_on_when_it_is_back(self):
        cut, *others = self.nodes
        cut.machine.rate("3mbit")  # ten seconds and more: there is time to pull the plug
        self.build(2)
        cut.is_amid_transfer()
        cut.machine.plug(False)
        for node in others:
            node.is_at(2)
        support.wait_until(lambda: " error pull_failed " in cut.puller.stderr, what="the time-out")
        self.assertIn("silence for longer than --timeout", cut.puller.stderr)
        asked = cut.watcher.requests
        support.wait_until(lambda: cut.watcher.requests > asked + 10, what="answers meanwhile")
        self.assertEqual(1, cut.number())
        kept = os.stat(os.path.join(cut.root, "releases/.incoming/loans/.partial/0001.db")).st_size
        before = cut.machine.traffic()[0]
        cut.machine.rate(None)
        cut.machine.plug(True)
        self.assert_all_is_well(2)
        received = cut.machine.traffic()[0] - before
        self.assertGreater(kept, MEGABYTE // 2)
        self.assertLess(received, self.size - kept + MEGABYTE // 2)
        self.assertIn(" info pull_recovered ", cut.puller.stderr)
        print(f"cut after {kept} of {self.size} bytes, {received} came afterwards", flush=True)

    def test_a_slow_link_takes_its_time_and_holds_up_no_other_node(self):
        slow, *others = self.nodes
        slow.machine.rate("1mbit")  # half a minute and more
        self.build(2)
        for node in others:
            node.is_at(2)
        self.assertEqual(1, slow.number())
        slow.machine.rate("4mbit")  # still longer than silence may be
        self.assert_all_is_well(2)
        self.assertNotIn(" error ", slow.puller.stderr)

    def test_a_node_leaves_a_part_of_a_slow_link_to_others_when_it_is_told_to(self):
        modest = self.nodes[0]
        self.assertEqual(0, modest.puller.stop())
        modest.machine.rate("16mbit")  # two megabytes a second
        modest.follow(self.source.url, "--bwlimit", "1M")
        self.build(2)
        modest.is_amid_transfer()
        # In this order: what came while this thread stood still makes the rate less, not more.
        started = time.monotonic()
        before = modest.machine.traffic()[0]
        support.wait_until(lambda: modest.incoming() > 3 * MEGABYTE or modest.number() == 2,
                           what="two megabytes more")
        came = modest.machine.traffic()[0] - before
        rate = came / (time.monotonic() - started)
        self.assert_all_is_well(2)
        print(f"{rate / MEGABYTE:.2f} MiB/s came in", flush=True)
        self.assertLess(rate, 1.25 * MEGABYTE)

    def test_when_the_builder_dies_a_peer_is_a_source_and_all_follow_the_next_builder(self):
        stuck, peer, _ = self.nodes
        stuck.machine.rate("1mbit")  # so that the other is there first
        self.build(2)
        peer.is_at(2)
        stuck.machine.rate("3mbit")
        stuck.is_amid_transfer()
        self.source.stop()
        support.wait_until(lambda: " error pull_failed " in stuck.puller.stderr, what="the failure")
        self.assertEqual(1, stuck.number())
        self.assertEqual(0, stuck.puller.stop())
        stuck.machine.rate("12mbit")
        with stuck.machine:
            done = self.pull(self.daemon_at(peer.machine, peer.root).url, *self.trust,
                             root=stuck.root)
        self.assertLess(self.received(done), self.size - MEGABYTE // 2)
        stuck.is_at(2)
        stuck.follow(self.source.url)
        self.build(3)
        with self.builder:
            self.source.start()
        self.assert_all_is_well(3)

    def test_a_daemon_that_is_killed_again_and_again_stops_nobody_for_good(self):
        chance = random.Random(SEED)
        for node in self.nodes:
            node.machine.rate("24mbit")
        for number in range(2, 5):
            self.build(number)
            time.sleep(chance.uniform(0.2, 1))
            self.source.stop()
            with self.builder:
                self.source.start()
        self.assert_all_is_well(4)


class TestSmallChanges(FleetCase):
    """What a release that differs little costs on the wire, when the builder changes a copy of the
    last one, as it does by itself: the pages that differ are few, and little more comes in."""

    def setUp(self):
        super().setUp()
        self.add_loans(ROWS * 1000 // MEGABYTE)
        self.change(f"DELETE FROM loans WHERE branch_id > 1000 AND branch_id % {ROWS // CHANGED} = 3")
        self.node = self.nodes[0]
        self.source = self.daemon_at(self.builder, self.shelf.root)
        self.pull_measured()

    def pull_measured(self):
        """Pulls; bytes that came in over the link."""
        before = self.node.machine.traffic()[0]
        with self.node.machine:
            self.pull(self.source.url, *self.trust, root=self.node.root)
        return self.node.machine.traffic()[0] - before

    def pages(self):
        """{(path, number): page} of the files of the builder's release that have pages."""
        return {(path, at): content[at:at + PAGE]
                for path, content in self.files(self.shelf.root).items() if path.endswith(".db")
                for at in range(0, len(content), PAGE)}

    def insert(self, branches):
        """A statement that adds a loan to each of BRANCHES."""
        return "INSERT INTO loans(branch_id, title, version) VALUES " + ", ".join(
            f"({branch}, '{self.random.randbytes(500).hex()}', 0)" for branch in branches)

    def test_a_thousandth_of_the_rows_costs_little_more_than_the_pages_that_differ(self):
        step = ROWS // CHANGED
        for what, statement in (
                ("changed", f"UPDATE loans SET version = 1 "
                            f"WHERE branch_id > 1000 AND branch_id % {step} = 7"),
                ("of keys that were there inserted", self.insert(range(1011, 1011 + ROWS, step))),
                ("of new keys inserted", self.insert(range(1003, 1003 + ROWS, step)))):
            with self.subTest(what=what):
                old = self.pages()
                self.change(statement)
                new = self.pages()
                differ = sum(old.get(place) != page for place, page in new.items())
                received = self.pull_measured()
                self.assert_same_as_builder(self.node.root)
                ratio = received / (differ * PAGE)
                print(f"{CHANGED} rows {what}: {differ} of {len(new)} pages differ, "
                      f"{received} bytes came in, {ratio:.2f} times these pages", flush=True)
                self.assertLess(differ, len(new) * MOST_PART)
                self.assertLess(ratio, MOST_RATIO)


if __name__ == "__main__":
    netns.enter_user_namespace()
    support.main()
