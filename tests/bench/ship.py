"""What it costs to ship a release: bytes on the wire and seconds, from a daemon on the loopback.

    ./dev bench ship [--products 50000] [--keep DIR]

A first pull, one of what is there already, and a second release after 0.1 % of the reviews were
changed, or added, each with every --transfer mode.
"""

import argparse
import json
import re
import shutil
import sqlite3
import struct
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import prepare

sys.path.insert(0, str(Path(__file__).parents[1] / "integration"))
import rsyncd  # noqa: E402

PAGE = 4096
CHANGES = (
    ("0.1 % of the rows changed", "UPDATE reviews SET rating = 6 - rating WHERE id % 1000 = 0"),
    (
        "0.1 % of the rows added",
        "INSERT INTO reviews SELECT id + 1000000000, {others} FROM reviews WHERE id % 1000 = 1",
    ),
)


def change(source, statement):
    with closing(sqlite3.connect(source)) as db, db:
        columns = [row[1] for row in db.execute("PRAGMA table_info(reviews)")]
        db.execute(statement.format(others=", ".join(c for c in columns if c != "id")))


def pages(release):
    """{path: page hashes} of the files with pages."""
    manifest = json.loads((release / "manifest.json").read_bytes())
    hashes = (release / "pages.xxh3").read_bytes()
    return {
        file["path"]: struct.unpack_from(f"<{file['size'] // PAGE}Q", hashes, 8 * file["first_page"])
        for file in manifest["files"]
        if "first_page" in file
    }


def changed_pages(old, new):
    """Pages of NEW that the file of their name in OLD does not have."""
    before = {path: set(hashes) for path, hashes in pages(old).items()}
    return sum(
        hash_ not in before.get(path, ()) for path, hashes in pages(new).items() for hash_ in hashes
    )


def pull(url, root, *more):
    """(what, bytes received, seconds) of one pull."""
    started = time.monotonic()
    done = subprocess.run(
        [prepare.VITRINE, "pull", "--from", url, "--root", root, *more],
        check=True, capture_output=True, text=True,
    )
    seconds = time.monotonic() - started
    found = re.search(r"(\d+) files, (\d+) of them linked, (\d+) as .*, ([\d,]+) received", done.stdout)
    what = f"{found[1]} files, {found[2]} linked, {found[3]} deltas" if found else "up to date"
    return what, found[4] if found else "", f"{seconds:.2f}"


def copy_node(node, name):
    """The same root again, by hard links: a file of a release is never written to."""
    copy = node.with_name(name)
    shutil.rmtree(copy, ignore_errors=True)
    subprocess.run(["cp", "-al", node, copy], check=True)
    return copy


def measure(path, url):
    current = path / "root/current"
    node = path / "node"
    rows = [("first", *pull(url, node))]
    rows.append(("first, --compress", *pull(url, path / "packed", "--compress")))
    rows.append(("unchanged", *pull(url, node)))
    for name, statement in CHANGES:
        old = current.resolve()
        change(path / "source.db", statement)
        prepare.timed("build", "--definition", prepare.DEFINITION, "--source",
                      f"sqlite:{path}/source.db", "--root", path / "root")
        count = changed_pages(old, current.resolve())
        rows.append((f"{name}: {count:,} new pages", "", f"{count * PAGE:,}", ""))
        for mode in ("whole", "delta", "auto"):
            copy = copy_node(node, mode)
            rows.append((f"  --transfer {mode}", *pull(url, copy, "--transfer", mode)))
            shutil.rmtree(copy)
        pull(url, node)
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--products", type=int, default=50000)
    parser.add_argument("--keep", metavar="DIR", help="make the data there, or use what is there")
    options = parser.parse_args()
    with prepare.folder(options.keep) as path:
        prepare.release(path, options.products)
        for name in ("node", "packed"):
            shutil.rmtree(path / name, ignore_errors=True)
        files = [f for f in (path / "root/current/").rglob("*") if f.is_file()]
        daemon = rsyncd.Daemon(str(path / "root"))
        try:
            rows = measure(path, daemon.url)
        finally:
            daemon.stop()
            shutil.rmtree(daemon.folder)
        print(f"\n{options.products} products, {len(files)} files, "
              f"{sum(f.stat().st_size for f in files):,} bytes")
        prepare.table(rows, ("pull", "release", "bytes received", "seconds"))


if __name__ == "__main__":
    main()
