"""A connection that is lost midway: the build begins again with a fresh snapshot, or fails and
leaves nothing behind."""

import os
import signal
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import moves
import support
from postgres import Cluster
from releases import keys_of, manifest, release_files

NO_RETRY = ("--retries", "0")

cluster = None


def setUpModule():
    global cluster
    cluster = Cluster()


def tearDownModule():
    cluster.stop()


class Connection(moves.Moving):
    """A build stands still at its second collection, and then loses its sessions."""

    @classmethod
    def setUpClass(cls):
        cls.cluster = cluster

    def terminate(self):
        """Ends the builder's sessions as an administrator does."""
        ended = cluster.rows("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE "
                             "application_name = 'vitrine'", "postgres")
        self.assertGreater(len(ended), 0)

    def restart(self):
        """Restarts the server at once: every session is lost, and for a moment nobody answers."""
        cluster.end()
        cluster.start()

    def crash(self):
        """Kills one of the builder's backends: the server then ends all and recovers."""
        pid = cluster.rows("SELECT pid FROM pg_stat_activity WHERE application_name = 'vitrine' "
                           "LIMIT 1", "postgres")[0][0]
        os.kill(int(pid), signal.SIGKILL)
        support.wait_until(lambda: not os.path.exists(f"/proc/{pid}"), what="its end")
        cluster.wait()

    def backends(self):
        """The process ids of the builder's sessions."""
        return {row[0] for row in cluster.rows("SELECT pid FROM pg_stat_activity WHERE "
                                               "application_name = 'vitrine'", "postgres")}

    def change_what_was_read(self):
        """Replaces books of the collection that a waiting build has read already."""
        cluster.psql("DELETE FROM shelf WHERE id <= 20; INSERT INTO shelf "
                     "SELECT i, 'new book ' || i FROM generate_series(1001, 1010) AS i",
                     self.database)

    def expected_shelf(self):
        """The shelf after that change."""
        return [*range(22, moves.BOOKS + 1, 2), *range(1001, 1011)]

    def lose_and_recover(self, lose):
        """A build that waits for its second collection when LOSE is called; the lock is held until
        the second attempt waits, too, or the server has gone with its holder."""
        process, holder = self.start_and_wait_for_lock()
        self.change_what_was_read()
        before = self.backends()
        lose()
        if lose == self.terminate:
            support.wait_until(lambda: self.waiting() >= 1 and not before & self.backends(),
                               what="a second attempt")
            holder.run("COMMIT;")
        self.assertEqual(process.wait(60), 0, process.stderr)
        self.assertIn("build_retry", process.stderr)
        self.assertEqual(keys_of(self.root, "shelf"), self.expected_shelf())
        self.assertEqual(keys_of(self.root, "lent"), list(range(1, moves.BOOKS, 2)))
        self.assertEqual(keys_of(self.root, "books"),
                         sorted(self.expected_shelf() + keys_of(self.root, "lent")))
        support.vitrine("verify", "--root", self.root)
        self.assert_nothing_left(["000001"])

    def test_terminated_sessions_are_followed_by_a_build_of_a_fresh_snapshot(self):
        self.lose_and_recover(self.terminate)

    def test_the_end_of_the_session_that_holds_the_snapshot_is_followed_by_a_fresh_one(self):
        process, holder = self.start_and_wait_for_lock()
        self.change_what_was_read()
        (ended,) = cluster.rows("SELECT pid, pg_terminate_backend(pid) FROM pg_stat_activity WHERE "
                                "application_name = 'vitrine' AND query LIKE "
                                "'%pg_current_snapshot%'", "postgres")
        support.wait_until(lambda: ended[0] not in self.backends(), what="the end of the session")
        holder.run("COMMIT;")
        self.assertEqual(process.wait(60), 0, process.stderr)
        self.assertIn("build_retry", process.stderr)
        self.assertEqual(keys_of(self.root, "shelf"), self.expected_shelf())
        self.assert_nothing_left(["000001"])

    def test_a_restart_of_the_server_is_followed_by_a_build_of_a_fresh_snapshot(self):
        self.lose_and_recover(self.restart)

    def test_a_crash_of_the_server_is_followed_by_a_build_of_a_fresh_snapshot(self):
        self.lose_and_recover(self.crash)

    def test_a_build_gives_up_after_its_retries(self):
        process, _ = self.start_and_wait_for_lock(("--retries", "1"))
        for _ in range(2):
            before = self.backends()
            self.terminate()
            support.wait_until(lambda seen=before: process.returncode is not None or
                               (self.waiting() >= 1 and not seen & self.backends()),
                               what="the next attempt, or the end")
        self.assertEqual(process.wait(), 1)
        self.assertEqual(process.stderr.count("build_retry"), 1, process.stderr)
        self.assertIn("terminating connection due to administrator command",
                      process.stderr.splitlines()[-1])
        self.assert_nothing_left()

    def test_what_trying_again_cannot_mend_is_not_tried_again(self):
        cluster.psql("DROP TABLE lent", self.database)
        done = self.build(check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn('relation "lent" does not exist', done.stderr)
        self.assertNotIn("build_retry", done.stderr)
        self.assert_nothing_left()

    def test_without_a_retry_a_lost_session_leaves_the_root_as_it_was(self):
        self.build()
        before = release_files(self.root)
        self.change_what_was_read()
        for lose, message in ((self.terminate, "terminating connection due to administrator"),
                              (self.restart, "terminating connection|server closed the connection"),
                              (self.crash, "terminating connection|server closed the connection")):
            with self.subTest(lose.__name__):
                process, holder = self.start_and_wait_for_lock(NO_RETRY)
                self.addCleanup(holder.close)
                lose()
                self.assertEqual(process.wait(), 1)
                self.assertRegex(process.stderr,
                                 f"vitrine build: lent: postgres moves: .*({message})")
                self.assertEqual(process.stderr.count("vitrine build:"), 1)
                self.assertNotIn("build_retry", process.stderr)
                self.assertEqual(release_files(self.root), before)
                self.assert_nothing_left(["000001"])
                holder.close()
                cluster.wait()
        self.build()
        self.assertEqual(manifest(self.root)["release"], 2)


if __name__ == "__main__":
    support.main()
