"""The writer of PostgreSQL below the program: its tests in C, with a server that is stopped and started.

ctest: threads (the tests in C start the writer's thread, and run under ThreadSanitizer too)
"""
import os
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import support
from postgres import Cluster

cluster = None


def setUpModule():
    global cluster
    cluster = Cluster("max_connections = 200\n")


def tearDownModule():
    cluster.stop()


def obey(control):
    """Stops and starts the server as the test asks."""
    with control.makefile("r", encoding="utf-8") as commands:
        for command in commands:
            if command == "stop\n":
                cluster.end()
            else:
                cluster.start()
            control.sendall(b".")


class Writer(support.TestCase):
    """The tests in C, where the build has them."""

    def run_test(self, name):
        """Runs one of them, and does with the server what it asks for."""
        test = os.path.join(os.path.dirname(support.binary()), "tests", name)
        if not os.path.exists(test):
            self.skipTest("the tests in C are not built")
        ours, theirs = socket.socketpair()

        def run():
            with theirs:  # whose end ends obey()
                return subprocess.run(
                    [test], capture_output=True, text=True, timeout=240, check=False,
                    pass_fds=[theirs.fileno()],
                    env={**os.environ, "VITRINE_TEST_POSTGRES": cluster.create("driver"),
                         "VITRINE_TEST_CONTROL": str(theirs.fileno())})

        with ours, ThreadPoolExecutor(1) as pool:
            running = pool.submit(run)
            obey(ours)  # here: a server that a thread has started ends with the thread
            done = running.result()
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertNotIn("SKIPPED", done.stdout + done.stderr)

    def test_outcomes_values_and_keys(self):
        self.run_test("source_test_writer_postgres")

    def test_what_comes_and_goes(self):
        self.run_test("source_test_writer_postgres_away")


if __name__ == "__main__":
    support.main()
