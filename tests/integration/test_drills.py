"""The drills of tests/bench/drills.py, short and at a low rate: what clients notice when a part of a
fleet fails. With sanitizers on a busy machine only counts are certain; the bench has the times."""
import contextlib
import os
import sys
import unittest
from types import SimpleNamespace

import fleet
import netns
import support

sys.path.insert(0, os.path.join(support.ROOT, "tests", "bench"))
os.environ["VITRINE"] = support.binary()
import drills  # pylint: disable=wrong-import-position

OPTIONS = SimpleNamespace(rate=200, seconds=6, products=100)
# A node is taken for dead when it is, not when the machine is busy.
PATIENT = "[timeouts]\nconnect = 1s\nread = 1500ms"
RELOAD_MOST = 4  # connections that meet it; 1,000 requests are too few for a rate


def setUpModule():
    why = fleet.why_not()
    if why:
        raise unittest.SkipTest(why)


class TestDrills(unittest.TestCase):
    """One fleet for all of them: each leaves it well."""

    @classmethod
    def setUpClass(cls):
        cls.stack = contextlib.ExitStack()
        cls.addClassCleanup(cls.stack.close)
        cls.running, cls.load = drills.start(cls.stack, OPTIONS, PATIENT)

    def drill(self, name):
        """Runs one; no read fails, no write is lost or done twice. Its figures."""
        one = next(drill for drill in drills.DRILLS if drill.name == name)
        if one.most:
            one = one._replace(most=RELOAD_MOST / (OPTIONS.rate * OPTIONS.seconds))
        self.errors_before = len(self.running.balancer.errors())
        found = drills.run(self.running, one, self.load, OPTIONS)
        self.assertEqual(drills.faults(one, found), [])
        self.assertGreaterEqual(found["requests"], OPTIONS.rate * (OPTIONS.seconds - 1))
        self.assertGreater(found["writes"], 0)
        return found

    def balancer_said(self, *texts):
        """Whether its log has one of them since the drill began."""
        errors = self.running.balancer.errors()[self.errors_before:]
        return any(text in errors for text in texts)

    def test_reads_go_on_while_a_node_is_killed(self):
        self.drill("kill")
        # Two requests that the node had not read yet are reset, and it is taken for dead: then nobody
        # connects.
        self.assertTrue(self.balancer_said("reset by peer", "Connection refused",
                                           "prematurely closed"))

    def test_reads_go_on_while_a_node_is_frozen(self):
        self.drill("freeze")
        self.assertTrue(self.balancer_said("upstream timed out"))

    def test_reads_go_on_while_a_link_is_cut(self):
        self.drill("cut")
        self.assertTrue(self.balancer_said("upstream timed out", "No route to host"))

    def test_reads_go_on_without_the_primary(self):
        found = self.drill("primary")
        self.assertGreater(found["writes_refused"] + found["writes_unknown"], 0)

    def test_reads_go_on_without_the_database(self):
        found = self.drill("database")
        self.assertGreater(found["writes_refused"] + found["writes_unknown"], 0)

    def test_reads_and_writes_go_on_when_the_builder_is_killed_in_a_publish(self):
        self.drill("builder")

    def test_reads_and_writes_go_on_while_nodes_refuse_a_release(self):
        self.drill("refused")

    def test_reads_and_writes_go_on_while_nodes_roll_back_and_activate(self):
        self.drill("rollback")

    def test_a_reload_of_the_balancer_costs_few_requests(self):
        self.drill("reload")

    def test_reads_and_writes_go_on_while_all_nodes_and_the_primary_are_restarted(self):
        before = [node.server.pid for node in self.running.nodes_and_primary()]
        self.drill("restart")
        after = [node.server.pid for node in self.running.nodes_and_primary()]
        self.assertFalse(set(before) & set(after))


if __name__ == "__main__":
    netns.enter_user_namespace()
    support.main()
