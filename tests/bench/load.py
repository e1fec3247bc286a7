"""One load on a service or a fleet that is running: constant rate, latency from when each request was due.

    ./dev bench load --port PORT [--host IPV4] [--preset NAME] [--products 1000011] [--rate N]
                     [--seconds S] [--connections 64] [--json]

Presets: see --list. load/client.h says how latencies are counted. For anything else than a preset call
the generator itself: tests/bench/load.
"""

import argparse
import subprocess
import sys
from contextlib import ExitStack

import generator
import prepare
import presets


def parse_options():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--list", action="store_true", help="say what presets there are")
    parser.add_argument("--host", default="127.0.0.1", help="an IPv4 address")
    parser.add_argument("--port", type=int)
    parser.add_argument("--preset", choices=presets.PRESETS, default="steady")
    parser.add_argument("--products", type=int, default=1000011, help="that the service has")
    parser.add_argument("--rate", type=float, help="requests a second; 0: as fast as it goes")
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--json", action="store_true", help="all figures, instead of a table")
    options = parser.parse_args()
    if not options.list and options.port is None:
        parser.error("--port is needed")
    return options


def main():
    """One run."""
    options = parse_options()
    if options.list:
        for name, preset in presets.PRESETS.items():
            print(f"{name:10} {preset.rate:5} requests/s for {preset.seconds} s: {preset.about}")
        return
    preset = presets.PRESETS[options.preset]
    with ExitStack() as stack:
        folder = stack.enter_context(prepare.folder(None))
        tool = generator.compile_load(folder)
        words = generator.command(
            tool, options.port, host=options.host, connections=options.connections,
            mix=presets.mix_file(folder / "mix", preset, options.products),
            rate=preset.rate if options.rate is None else options.rate or None,
            seconds=preset.seconds if options.seconds is None else options.seconds)
        words += ["--fresh"] if preset.fresh else []
        words += [] if options.json else ["--table"]
        sys.exit(subprocess.run(words, check=False).returncode)


if __name__ == "__main__":
    main()
