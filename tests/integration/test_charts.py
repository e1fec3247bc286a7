"""The charts that the benches draw: files that a browser can read, with all that they are to say."""
import os
import sys
import xml.dom.minidom
from pathlib import Path

import support

sys.path.insert(0, os.path.join(support.ROOT, "tests", "bench"))
import chart  # pylint: disable=wrong-import-position


class Charts(support.TestCase):
    """Each is drawn, and read again as XML."""

    def drawn(self, draw, *arguments):
        """The elements of a chart."""
        path = Path(self.path("new", "chart.svg"))
        draw(path, "A < B & C", ("a note",), *arguments)
        return xml.dom.minidom.parse(str(path)).documentElement

    def texts(self, root):
        """What it says."""
        return [node.firstChild.data for node in root.getElementsByTagName("text")]

    def test_bars_are_as_long_as_their_values(self):
        rows = [("ours", 200, "200 a second", True), ("theirs", 50, "50 a second", False),
                ("nothing", 0, "0", False)]
        root = self.drawn(chart.bars, (("heading", rows),))
        widths = [float(bar.getAttribute("width")) for bar in root.getElementsByTagName("rect")
                  if bar.getAttribute("class") in ("bar", "own")]
        self.assertEqual([376.0, 94.0, 1.0], widths)
        self.assertEqual(["A < B & C", "a note", "heading", "ours", "200 a second", "theirs",
                          "50 a second", "nothing", "0"], self.texts(root))

    def test_curves_stay_in_the_picture_and_rise_with_latency(self):
        points = [(0, 10), (0.5, 20), (0.9, 30), (0.99, 900), (0.999, 5000), (0.9999, 70000),
                  (1, 900000)]
        root = self.drawn(chart.curves, [("1,000 requests/s", points)])
        line = next(line for line in root.getElementsByTagName("polyline")
                    if line.getAttribute("class") == "curve c0")
        places = [tuple(map(float, pair.split(","))) for pair in line.getAttribute("points").split()]
        self.assertEqual(len(points) - 1, len(places))  # what is beyond 99.99 % is left out
        self.assertEqual(sorted(places), places)
        self.assertEqual(sorted((y for _, y in places), reverse=True), [y for _, y in places])
        self.assertTrue(all(0 <= x <= chart.WIDTH for x, _ in places), places)
        self.assertIn("1,000 requests/s", self.texts(root))
        self.assertIn("99.9 %", self.texts(root))

    def test_both_schemes_of_colours_are_there(self):
        root = self.drawn(chart.bars, (("heading", [("a", 1, "1", True)]),))
        style = root.getElementsByTagName("style")[0].firstChild.data
        self.assertIn("@media (prefers-color-scheme: dark)", style)
        self.assertNotIn("url(", style)

    def test_latencies_are_spelled_in_their_unit(self):
        spelled = [chart.spell_us(us) for us in (12.4, 999, 1000, 35127.3, 2500000)]
        self.assertEqual(["12 µs", "999 µs", "1 ms", "35.1 ms", "2.5 s"], spelled)


if __name__ == "__main__":
    support.main()
