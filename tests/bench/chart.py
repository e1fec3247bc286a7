"""Charts as SVG: bars, and percentile curves. They need nothing but a browser.

400 units wide, so that text is readable on a phone; colours follow the reader's light or dark scheme;
fonts are the system's. What is drawn is also said as text, on the bars and beside the curves.
"""

import math
from xml.sax.saxutils import escape

WIDTH, EDGE = 400, 12
STYLE = """
  text { font: 12px system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; fill: #1f2328; }
  .title { font-size: 15px; font-weight: 600; }
  .note, .tick { fill: #59636e; font-size: 11px; }
  .back { fill: #ffffff; } .bar { fill: #8c959f; } .own { fill: #0969da; }
  .grid { stroke: #d1d9e0; stroke-width: 1; } .curve { fill: none; stroke-width: 2; }
  .c0 { stroke: #0969da; } .c1 { stroke: #bc4c00; } .c2 { stroke: #1a7f37; } .c3 { stroke: #8250df; }
  @media (prefers-color-scheme: dark) {
    text { fill: #f0f6fc; } .note, .tick { fill: #9198a1; }
    .back { fill: #0d1117; } .bar { fill: #656c76; } .own { fill: #4493f8; }
    .grid { stroke: #3d444d; }
    .c0 { stroke: #4493f8; } .c1 { stroke: #f0883e; } .c2 { stroke: #3fb950; }
    .c3 { stroke: #ab7df8; }
  }
"""
COLOURS = 4


class Drawing:
    """Elements in the order in which they are drawn; Y is where the next part begins."""

    def __init__(self, title, notes):
        self.title, self.parts, self.y = title, [], 28
        self.text(EDGE, self.y, title, "title")
        for note in notes:
            self.y += 16
            self.text(EDGE, self.y, note, "note")

    def text(self, x, y, text, kind="", anchor="start"):
        """One line of text."""
        self.parts.append(f'<text x="{x:.1f}" y="{y:.1f}" class="{kind}" '
                          f'text-anchor="{anchor}">{escape(str(text))}</text>')

    def bar(self, x, y, width, height, kind):
        """A bar with round ends."""
        self.parts.append(f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" '
                          f'height="{height:.1f}" rx="2" class="{kind}"/>')

    def line(self, points, kind):
        """A line through points."""
        listed = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        self.parts.append(f'<polyline points="{listed}" class="{kind}" fill="none"/>')

    def write(self, path):
        """The file."""
        height = self.y + EDGE
        head = (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}" '
                f'role="img" aria-label="{escape(self.title)}">\n<style>{STYLE}</style>\n'
                f'<rect class="back" width="{WIDTH}" height="{height:.0f}" rx="6"/>\n')
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(head + "\n".join(self.parts) + "\n</svg>\n")


# ---- bars ----


def bars(path, title, notes, panels):
    """PANELS: (heading, [(name, value, its text, whether it is ours)]), each with its own scale."""
    drawing = Drawing(title, notes)
    for heading, rows in panels:
        drawing.y += 30
        drawing.text(EDGE, drawing.y, heading)
        most = max(value for _, value, _, _ in rows)
        for name, value, text, is_own in rows:
            drawing.y += 19
            drawing.text(EDGE, drawing.y, name, "note")
            drawing.text(WIDTH - EDGE, drawing.y, text, "note", "end")
            drawing.y += 5
            width = (WIDTH - 2 * EDGE) * value / most
            drawing.bar(EDGE, drawing.y, max(width, 1), 9, "own" if is_own else "bar")
            drawing.y += 9
    drawing.write(path)


# ---- curves ----

LEFT, RIGHT, HEIGHT = 52, 30, 220
SHARES = (0, 0.9, 0.99, 0.999, 0.9999)


def across(share):
    """Where a share is, 0 .. 1: each further nine takes the same room."""
    nines = -math.log10(max(1 - share, 1e-4))
    return nines / 4


def spell_us(us):
    """A latency in its unit."""
    if us < 1000:
        return f"{us:.0f} µs"
    return f"{us / 1000:.3g} ms" if us < 1e6 else f"{us / 1e6:.3g} s"


def spell_cores(cores):
    """How many there are."""
    return "one core" if len(cores) == 1 else f"{len(cores)} cores"


def curves(path, title, notes, lines):
    """LINES: (name, [(share, microseconds)]); the height is logarithmic."""
    drawing = Drawing(title, notes)
    top = drawing.y + 20
    values = [us for _, points in lines for share, us in points if share <= SHARES[-1]]
    low = math.floor(math.log10(max(min(values), 1)))
    high = max(math.ceil(math.log10(max(values))), low + 1)

    def place(share, us):
        up = (math.log10(max(us, 1)) - low) / (high - low)
        return (LEFT + (WIDTH - LEFT - RIGHT) * across(share), top + HEIGHT * (1 - up))

    for power in range(low, high + 1):
        _, y = place(0, 10**power)
        drawing.line([(LEFT, y), (WIDTH - RIGHT, y)], "grid")
        drawing.text(LEFT - 6, y + 4, spell_us(10**power), "tick", "end")
    for share in SHARES:
        x, _ = place(share, 1)
        drawing.line([(x, top), (x, top + HEIGHT)], "grid")
        drawing.text(x, top + HEIGHT + 16, f"{100 * share:g} %", "tick", "middle")
    drawing.y = top + HEIGHT + 16
    for number, (name, points) in enumerate(lines):
        kind = f"curve c{number % COLOURS}"
        drawing.line([place(share, us) for share, us in points if share <= SHARES[-1]], kind)
        drawing.y += 20
        drawing.line([(EDGE, drawing.y - 4), (EDGE + 20, drawing.y - 4)], kind)
        drawing.text(EDGE + 28, drawing.y, name)
    drawing.write(path)
