"""The status page of the admin listener in headless Chromium: on a phone and on a desk, light and dark.

Screenshots go to $VITRINE_SCREENSHOTS, if that is set: status-WIDTH-SCHEME.png. Without Chromium (Debian
package chromium) the tests of what it shows are skipped.
"""

import json
import os
import re
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import browser
import support
from scrubbing import SECONDS, ServedCase

VIEWS = [(width, scheme) for width in (360, 1280) for scheme in ("light", "dark")]

# The contrast of each text with what it stands on, by WCAG 2, where it is too low.
LOW_CONTRAST = """
(() => {
  const parts = (text) => text.match(/[\\d.]+/g).map(Number);
  const light = (text) => parts(text).slice(0, 3).map((value) => value / 255)
    .map((value) => value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4)
    .reduce((sum, value, i) => sum + value * [0.2126, 0.7152, 0.0722][i], 0);
  const back = (element) => {
    const colour = getComputedStyle(element).backgroundColor;
    const isSeen = parts(colour).length === 3 || parts(colour)[3] === 1;
    return isSeen || !element.parentElement ? colour : back(element.parentElement);
  };
  const found = [];
  for (const element of document.body.querySelectorAll("*")) {
    const has = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    if (has && element.offsetParent !== null) {
      const levels = [light(getComputedStyle(element).color), light(back(element))];
      const ratio = (Math.max(...levels) + 0.05) / (Math.min(...levels) + 0.05);
      if (ratio < 4.5) {
        found.push(`${element.tagName} ${element.textContent.trim()}: ${ratio.toFixed(2)}`);
      }
    }
  }
  return found;
})()
"""

# What sticks out to the right, with its width.
TOO_WIDE = """
[...document.body.querySelectorAll("*")]
  .filter((element) => element.getBoundingClientRect().right > innerWidth + 0.5)
  .map((element) => `${element.tagName}.${element.className} ${element.id}`)
"""

SHOWN = """
[...document.querySelectorAll("[data-metric]")]
  .map((element) => [element.dataset.metric, element.dataset.value, element.textContent])
"""


class TestAnswers(ServedCase):
    """What needs no browser."""

    def test_the_page_comes_with_the_program_and_may_ask_nobody_else(self):
        self.serve()
        for path, kind in (("/", "text/html"), ("/status.css", "text/css"),
                           ("/status.js", "text/javascript")):
            answer = support.get(self.admin, path)
            self.assertEqual((answer.status, answer.headers["content-type"]),
                             (200, kind + "; charset=utf-8"))
            policy = answer.headers["content-security-policy"]
            self.assertIn("default-src 'none'; script-src 'self'; style-src 'self'", policy)
            self.assertNotIn("unsafe", policy)
            self.assertEqual(answer.headers["x-content-type-options"], "nosniff")
            name = "status.html" if path == "/" else path[1:]
            file = Path(support.ROOT, "assets", "web", name)
            self.assertEqual(answer.body, file.read_bytes())
            self.assertNotRegex(answer.text.replace("http://www.w3.org/2000/svg", ""), r"//[a-z]+\.")
        self.assertEqual(support.get(self.port, "/status.css").status, 404)

    def test_status_json_tells_why_it_is_not_ready_and_what_came_and_was_refused(self):
        self.serve("--scrub", "1G")
        status = json.loads(support.get(self.admin, "/status.json").text)
        self.assertEqual((status["ready"], status["reasons"], status["remarks"]), (True, [], []))
        self.assertEqual([(event["release"], event["refused"]) for event in status["events"]],
                         [("000001", False)])
        self.damage(self.text_page())
        self.process.send(1)
        self.wait_for("damaged page")
        os.mkdir(self.file("", "000002"))
        link = os.path.join(self.root, "current")
        os.symlink("releases/000002", link + ".new")
        os.rename(link + ".new", link)
        support.wait_until(lambda: self.metric("vitrine_refusals_total") >= 1, SECONDS, "a refusal")
        status = json.loads(support.get(self.admin, "/status.json").text)
        self.assertFalse(status["ready"])
        self.assertEqual("".join(line + "\n" for line in status["reasons"]), self.ready().text)
        event = status["events"][0]
        self.assertEqual((event["release"], event["refused"]), ("000002", True))
        self.assertIn("manifest.json", event["reason"])
        self.assertGreaterEqual(event["times"], 1)


@unittest.skipUnless(browser.program(), "there is no chromium")
class TestPage(ServedCase):
    """What Chromium shows."""

    def samples(self):
        """/metrics as {name with labels: value}."""
        text = support.get(self.admin, "/metrics").text
        return {name: float(value)
                for name, value in re.findall(r"^([^#\n]\S*(?:\{.*\})?) (\S+)$", text, re.MULTILINE)}

    def traffic(self):
        """Requests of all kinds."""
        for i in range(1, 120):
            support.get(self.port, f"/loans?branch={i}")
        for i in range(10):
            support.get(self.port, f"/branches/{i * 40}")
        support.get(self.port, "/nowhere")

    def open(self, chromium, width, scheme):
        """A page that has looked three times, with requests between."""
        page = chromium.page(width, 900, scheme)
        page.open(f"http://127.0.0.1:{self.admin}/")
        for looks in (1, 2, 3):
            page.wait_for(f"(document.body.dataset.looks || 0) >= {looks}")
            self.traffic()
        page.wait_for("document.body.dataset.looks >= 4")
        return page

    def check_values(self, page):
        """What is shown of a metric is what /metrics says; some grow between the two looks."""
        before = self.samples()
        looks = page.evaluate("Number(document.body.dataset.looks)")
        page.wait_for(f"document.body.dataset.looks >= {looks + 2}")
        shown = page.evaluate(SHOWN)
        after = self.samples()
        names = {name for name, _, _ in shown}
        self.assertLessEqual({"vitrine_release_number", "vitrine_data_age_seconds",
                              "vitrine_connections_open", "vitrine_scrub_damaged_pages",
                              'vitrine_collection_rows{collection="loans"}',
                              'vitrine_collection_bytes{collection="branches"}'}, names)
        for name, value, text in shown:
            self.assertTrue(text.strip(), name)
            low, high = sorted((before[name], after[name]))
            self.assertTrue(low <= float(value) <= high, f"{name}: {low} {value} {high}")

    def check_routes(self, page):
        """Requests by route add up to those of /metrics."""
        cells = page.evaluate("""[...document.querySelectorAll("#routes tr")]
            .map((line) => [...line.children].map((cell) => cell.textContent))""")
        after = self.samples()
        for name, requests, wrong, failed, within in cells:
            route = "none" if name == "no route" else name.split(" ")[1]
            ours = {key: value for key, value in after.items()
                    if key.startswith("vitrine_requests_total") and f'route="{route}"' in key}
            self.assertEqual(int(requests.replace(",", "")), sum(ours.values()), name)
            self.assertEqual(int(wrong.replace(",", "")),
                             sum(value for key, value in ours.items() if 'status="4' in key))
            self.assertEqual(failed, "0")
            self.assertRegex(within, r"^[\d.]+ (µs|ms|s)$")
        self.assertEqual(len(cells), 3)

    def check_times(self, page):
        """The time of the answers is told for ten seconds after them."""
        self.traffic()
        page.wait_for("/^[\\d.]+ (µs|ms|s)$/.test(document.getElementById('p99').textContent)")

    def test_the_page_tells_what_metrics_tells_on_every_screen(self):
        self.serve()
        folder = os.environ.get("VITRINE_SCREENSHOTS")
        backs = {}
        with browser.running() as chromium:
            for width, scheme in VIEWS:
                with self.subTest(width=width, scheme=scheme):
                    page = self.open(chromium, width, scheme)
                    self.assertEqual(page.evaluate(TOO_WIDE), [])
                    self.assertLessEqual(
                        page.evaluate("document.documentElement.scrollWidth"), width)
                    self.assertEqual(page.evaluate(LOW_CONTRAST), [])
                    self.assertEqual(page.evaluate("document.getElementById('state').textContent"),
                                     "Ready")
                    self.check_values(page)
                    self.check_routes(page)
                    self.check_times(page)
                    self.assertGreaterEqual(page.evaluate(
                        "(document.querySelector('#rate-chart .rate').getAttribute('d')"
                        ".match(/L/g) || []).length"), 1)
                    self.assertEqual(page.complaints(), [])
                    self.assertEqual(page.hosts(), {f"127.0.0.1:{self.admin}"})
                    backs[width, scheme] = page.evaluate(
                        "getComputedStyle(document.body).backgroundColor")
                    if folder:
                        page.screenshot(os.path.join(folder, f"status-{width}-{scheme}.png"))
        self.assertEqual(backs.get((360, "light")), "rgb(255, 255, 255)")
        self.assertEqual(backs.get((1280, "dark")), "rgb(13, 17, 23)")

    def test_landmarks_headings_and_tables_have_their_names(self):
        self.serve()
        with browser.running() as chromium:
            page = self.open(chromium, 360, "light")
            self.assertEqual(page.evaluate("document.documentElement.lang"), "en")
            for landmark in ("header", "main", "footer", "nav[aria-label]", "h1"):
                self.assertEqual(
                    page.evaluate(f"document.querySelectorAll('{landmark}').length"), 1, landmark)
            self.assertEqual(page.evaluate(
                "[...document.querySelectorAll('section')].filter((section) => "
                "!document.getElementById(section.getAttribute('aria-labelledby'))).length"), 0)
            self.assertEqual(page.evaluate(
                "[...document.querySelectorAll('th')].filter((head) => !head.scope).length"), 0)
            self.assertEqual(page.evaluate(
                "document.getElementById('state').getAttribute('role')"), "status")
            for chart in ("rate-chart", "time-chart"):
                label = page.evaluate(f"document.getElementById('{chart}').ariaLabel")
                self.assertRegex(label, r"^The last 1 min 0 s; now .+, at most .+")

    def test_damage_a_swap_and_the_end_of_the_service_are_seen_without_a_reload(self):
        self.serve("--scrub", "1G", "--scrub-every", "1s")
        with browser.running() as chromium:
            page = chromium.page(360, 800, "dark")
            page.open(f"http://127.0.0.1:{self.admin}/")
            page.wait_for("document.getElementById('state').textContent === 'Ready'")
            self.assertTrue(page.evaluate("document.getElementById('trouble').hidden"))
            self.damage(self.text_page())
            page.wait_for("document.getElementById('state').textContent === 'Not ready'")
            self.assertIn("damaged page loans/0001.db",
                          page.evaluate("document.getElementById('reasons').textContent"))
            self.assertEqual(page.evaluate(LOW_CONTRAST), [])
            self.assertEqual(page.evaluate(TOO_WIDE), [])
            self.shelf.set_version(1)
            self.shelf.build()
            page.wait_for("document.getElementById('release').textContent === '000002'")
            page.wait_for("document.getElementById('releases').children.length >= 2")
            self.assertEqual(self.process.stop(), 0)
            page.wait_for("document.getElementById('state').textContent.startsWith('No answer')")


if __name__ == "__main__":
    support.main()
