"""A page that rots in a release that is served is found, told, and mended, while requests go on.

ctest: threads
"""

import os
import re
import shutil
import signal
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import shelf
import support
from scrubbing import LOANS, PAGE, SECONDS, ServedCase, flip


class TestScrub(ServedCase):
    """What is found, told and mended."""

    def test_the_admin_listener_tells_of_a_sound_service(self):
        self.serve()
        self.assertEqual(support.get(self.admin, "/healthz").text, "ok\n")
        answer = self.ready()
        self.assertEqual((answer.status, answer.text), (200, "ready\n"))
        for name in ("vitrine-release", "access-control-allow-origin"):
            self.assertNotIn(name, answer.headers)
        support.get(self.port, "/branches/1")
        support.get(self.port, "/nowhere")
        answer = support.get(self.admin, "/metrics")
        self.assertEqual(answer.headers["content-type"],
                         "text/plain; version=0.0.4; charset=utf-8")
        self.assertIn('\nvitrine_release_info{release="000001",definition="shelf"} 1\n',
                      answer.text)
        self.assertEqual(self.metric(
            'vitrine_requests_total{method="GET",route="/branches/:branch_id",status="200"}'), 1)
        self.assertEqual(self.metric(
            'vitrine_requests_total{method="other",route="none",status="404"}'), 1)
        self.assertEqual(self.metric("vitrine_ready"), 1)
        self.assertLess(self.metric("vitrine_data_age_seconds"), 600)
        self.assertLess(abs(time.time() - self.metric("process_start_time_seconds")), 600)

    def test_the_admin_listener_refuses_what_it_has_not(self):
        self.serve()
        head = support.request(self.admin, "/readyz", method="HEAD")
        self.assertEqual((head.status, head.body, head.headers["content-length"]), (200, b"", "6"))
        answer = support.get(self.admin, "/branches/1")
        self.assertEqual(answer.status, 404)
        self.assertIn("there are /, /healthz, /readyz and /metrics", answer.text)
        answer = support.request(self.admin, "/metrics", method="POST", body=b"x")
        self.assertEqual((answer.status, answer.headers["allow"]), (405, "GET, HEAD"))
        self.assertEqual(support.get(self.port, "/metrics").status, 404)

    def test_a_swap_is_counted_and_the_new_release_is_scrubbed(self):
        self.serve("--scrub", "1G")
        self.wait_for_passes(1)
        self.shelf.set_version(1)
        self.shelf.build()
        support.wait_until(lambda: self.metric("vitrine_release_number") == 2, SECONDS, "release 2")
        self.assertEqual(self.metric("vitrine_swaps_total"), 1)
        self.wait_for_passes(2)
        self.assertEqual(self.ready().text, "ready\n")

    def test_a_release_that_cannot_be_opened_is_counted_as_refused(self):
        self.serve()
        os.mkdir(self.file("", "000002"))
        link = os.path.join(self.root, "current")
        os.symlink("releases/000002", link + ".new")
        os.rename(link + ".new", link)
        support.wait_until(lambda: self.metric("vitrine_refusals_total") >= 1, SECONDS, "a refusal")
        self.assertEqual(self.ready().text, "ready\n")
        self.assertEqual(self.metric("vitrine_release_number"), 1)

    def test_a_flipped_bit_is_found_told_once_and_the_other_keys_are_answered(self):
        self.serve("--scrub", "1G", "--scrub-every", "200ms")
        self.wait_for_passes(1)
        page = self.text_page()
        self.damage(page)
        self.wait_for(f"damaged page {LOANS} page {page}: hash differs")
        self.assertEqual(self.ready().status, 503)
        self.assertEqual(self.metric("vitrine_scrub_damaged_pages"), 1)
        self.assertEqual(self.metric("vitrine_ready"), 0)
        for branch in (1, 8, 200):
            answer = support.get(self.port, f"/loans?branch={branch}")
            self.assertEqual(answer.status, 200)
        self.wait_for_passes(self.metric("vitrine_scrub_passes_total") + 3)
        self.assertEqual(len(re.findall(rf" error page_damaged release=000001 file={LOANS} "
                                        rf"page={page} ", self.process.stderr)), 1)

    def test_damage_of_every_kind_of_file_is_found(self):
        self.serve("--scrub", "1G", "--scrub-every", "100ms")
        self.damage(2, "branches/0001.db")
        self.damage(1, "branches/by_id.listing.db")
        self.wait_for("damaged page branches/0001.db page 2")
        self.wait_for("damaged page branches/by_id.listing.db page 1")
        flip(self.file("definition.yaml"), 3)
        self.wait_for("damaged file definition.yaml: hash differs")
        os.rename(self.file(), self.path("away"))
        self.wait_for(f"damaged file {LOANS}: missing or of another size")
        flip(self.file("pages.xxh3"), 3)
        self.wait_for("damaged file pages.xxh3: hash differs")
        self.assertEqual(support.get(self.port, "/loans?branch=8").status, 200)

    def test_a_damaged_file_is_fetched_from_a_peer_and_served_without_a_restart(self):
        self.serve("--scrub", "1G", "--scrub-every", "200ms", "--repair-from", self.peer)
        self.wait_for_passes(1)
        with open(self.file(), "rb") as file:
            good = file.read()
        inode = os.stat(self.file()).st_ino
        self.damage(self.text_page())
        support.wait_until(lambda: " info file_repaired " in self.process.stderr, SECONDS, "repair")
        self.wait_for("ready")
        self.assertEqual(self.metric("vitrine_repairs_total"), 1)
        self.assertEqual(self.metric("vitrine_scrub_damaged_pages"), 0)
        with open(self.file(), "rb") as file:
            self.assertEqual(file.read(), good)
        self.assertNotEqual(os.stat(self.file()).st_ino, inode)
        self.assertNotEqual(os.stat(self.file()).st_ino,
                            os.stat(os.path.join(self.peer, "releases/000001", LOANS)).st_ino)
        self.wait_for_closed()
        self.assertEqual(os.listdir(os.path.join(self.root, "releases")), ["000001"])
        answer = support.get(self.port, f"/loans?branch={shelf.LARGE_BRANCH}&count=3000")
        self.assertEqual(answer.status, 200)

    def test_a_peer_that_is_damaged_too_is_not_believed_until_it_is_mended(self):
        page = self.text_page()
        bad = os.path.join(self.peer, "releases/000001", LOANS)
        flip(bad, 5 * PAGE)
        self.serve("--scrub", "1G", "--scrub-every", "1s", "--repair-from", self.peer)
        self.damage(page)
        support.wait_until(lambda: " error repair_failed " in self.process.stderr, SECONDS, "error")
        self.assertIn("has a good copy of it", self.process.stderr)
        self.assertIn(f"damaged page {LOANS} page {page}", self.ready().text)
        flip(bad, 5 * PAGE)
        self.wait_for("ready")
        self.assertGreaterEqual(self.metric("vitrine_repair_failures_total"), 1)

    def test_a_file_that_an_operator_replaced_is_noticed_on_sighup(self):
        self.serve("--scrub", "1G")
        self.damage(2)
        self.process.send(signal.SIGHUP)
        self.wait_for(f"damaged page {LOANS} page 2")
        shutil.copy(os.path.join(self.peer, "releases/000001", LOANS), self.file("new"))
        os.rename(self.file("new"), self.file())
        self.process.send(signal.SIGHUP)
        self.wait_for("ready")

    def test_a_file_that_was_repaired_before_its_damage_was_noticed_is_opened_again(self):
        for scrub in (0, "1G"):
            with self.subTest(scrub=scrub):
                self.serve("--scrub", scrub)
                if scrub:
                    self.wait_for_passes(1)
                self.damage(self.text_page())
                support.vitrine("repair", "--root", self.root, "--from", self.peer)
                self.process.send(signal.SIGHUP)
                support.wait_until(lambda: self.metric("vitrine_swaps_total") == 1, SECONDS, "swap")
                self.wait_for_closed()
                self.process.send(signal.SIGHUP)  # nothing has been replaced since
                support.wait_until(lambda: self.process.stderr.count(" info reload ") == 2,
                                   SECONDS, "the second look")
                time.sleep(0.5)
                self.assertEqual(self.metric("vitrine_swaps_total"), 1)
                self.process.stop()

    def test_the_rate_is_kept(self):
        total = self.pages()
        rate = total * PAGE // 4  # bytes a second: a pass of 4 s
        begun = time.monotonic()
        self.serve("--scrub", rate)
        self.wait_for_pages(1)
        time.sleep(1.5)
        early = self.metric("vitrine_scrub_pages_checked_total")
        self.assertLess(early, total * ((time.monotonic() - begun) / 4 + 0.25))
        self.wait_for_passes(1)
        self.assertEqual(self.metric("vitrine_scrub_pages_checked_total"), total)

    def test_no_rate_means_no_scrubbing(self):
        self.serve("--scrub", 0, "--scrub-every", "100ms")
        self.damage(2)
        time.sleep(1)
        self.assertEqual(self.metric("vitrine_scrub_pages_checked_total"), 0)
        self.assertEqual(self.ready().status, 200)

    def test_a_stop_does_not_wait_for_the_scrub(self):
        self.serve("--scrub", 4096)
        support.wait_until(lambda: self.metric("vitrine_scrub_read_bytes_total") > 0, SECONDS,
                           "the first step")
        begun = time.monotonic()
        self.assertEqual(self.process.stop(), 0, self.process.stderr)
        self.assertLess(time.monotonic() - begun, 15)  # reading them all takes minutes


if __name__ == "__main__":
    support.main()
