"""What the benches share: the program, the clock, and data from generated exports to a release."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]
DEFINITION = ROOT / "assets/atelier/definition.yaml"
VITRINE = os.environ.get("VITRINE", str(ROOT / "build/release/vitrine"))


def say(text):
    """What a bench does now."""
    print(text, file=sys.stderr, flush=True)


def timed(*arguments):
    """Runs the program; returns seconds."""
    started = time.monotonic()
    subprocess.run([VITRINE, *map(str, arguments)], check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - started


def sizes(paths):
    """Bytes of files."""
    return sum(path.stat().st_size for path in paths)


def stored_files(release_path):
    """Partitions and listings of a release, by collection."""
    folders = sorted(p for p in Path(release_path).iterdir() if p.is_dir())
    return {folder.name: sorted(folder.glob("*.db")) for folder in folders}


def end_on_sigterm():
    """SIGTERM ends the bench as Ctrl-C does: with all that it started."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))


@contextmanager
def folder(keep, parent="/var/tmp"):
    """KEEP, which stays, or a temporary folder in PARENT."""
    path = Path(keep or tempfile.mkdtemp(prefix="vitrine-bench-", dir=parent))
    path.mkdir(parents=True, exist_ok=True)
    try:
        yield path
    finally:
        if not keep:
            shutil.rmtree(path)


def release(path, products):
    """Exports, source and root in PATH, those that are missing made; returns seconds by step."""
    source = f"sqlite:{path}/source.db"
    common = ("--definition", DEFINITION)
    took = {}
    if not (path / "exports").exists():
        print(f"generating {products} products", file=sys.stderr)
        took["generate"] = timed(
            "generate", *common, "--products", products, "--seed", 1, path / "exports"
        )
    if not (path / "root").exists():
        (path / "source.db").unlink(missing_ok=True)
        print("importing", file=sys.stderr)
        took["import"] = timed(
            "import", *common, "--source", source, "--rejects", path / "rejects.csv",
            path / "exports"
        )
        print("building", file=sys.stderr)
        took["build"] = timed("build", *common, "--source", source, "--root", path / "root")
    return took


def table(rows, header):
    """Prints ROWS in columns: the first to the left, the others to the right."""
    rows = [header, *rows]
    widths = [max(len(str(row[i])) for row in rows) for i in range(len(header))]
    for row in rows:
        cells = [str(row[0]).ljust(widths[0])]
        cells += [str(cell).rjust(width) for cell, width in zip(row[1:], widths[1:])]
        print("  ".join(cells).rstrip())
