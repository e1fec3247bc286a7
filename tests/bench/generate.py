"""How fast `vitrine generate` makes exports: rows and bytes a second, one core, by table and all."""

import argparse
import os
import re
import subprocess

from prepare import VITRINE, folder, table


def measure(path, products, only):
    """Generates into PATH; returns rows, bytes and seconds."""
    chosen = ("--only", only) if only else ()
    done = subprocess.run(
        [VITRINE, "generate", "--products", str(products), *chosen, str(path)],
        check=True, capture_output=True, text=True,
    )
    rows, size = re.search(r"^total +([\d,]+) +([\d,]+)$", done.stdout, re.MULTILINE).groups()
    took_ms = int(re.search(r": (\d+) ms, ", done.stdout).group(1))
    return int(rows.replace(",", "")), int(size.replace(",", "")), max(took_ms, 1) / 1000


def main():
    """Prints one line a case: the best of some runs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--products", type=int, default=200000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--dir", default="/dev/shm/vitrine-bench-generate")
    options = parser.parse_args()
    lines = []
    existed = os.path.exists(options.dir)
    with folder(None if existed else options.dir) as path:
        for only in ("", "products", "skus", "photos", "reviews", "characteristic_reviews"):
            runs = [measure(path, options.products, only) for _ in range(options.runs)]
            rows, size, seconds = min(runs, key=lambda run: run[2])
            lines.append([
                only or "all tables", f"{rows:,}", f"{seconds:.2f}", f"{rows / seconds:,.0f}",
                f"{size / seconds / 1e6:,.0f}",
            ])
        for name in os.listdir(path):
            if name.endswith(".csv"):
                os.remove(os.path.join(path, name))
    if not existed:
        os.rmdir(options.dir)
    table(lines, ["generate", "rows", "s", "rows/s", "MB/s"])


if __name__ == "__main__":
    main()
