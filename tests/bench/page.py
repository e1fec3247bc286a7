"""One request for a whole page against the requests that it replaces, on one core.

    ./dev bench page [--products 20000] [--seconds 3] [--rounds 3] [--keep DIR]

Random keys, as in serve.py, whose load and counts these are. Of each path: bytes of a body, CPU time
(the median of the rounds) and instructions a request (callgrind). Many keys in one request are asked
for in a list of 100 that is always the same, beside 100 requests of one key.
"""

import argparse
import random
from contextlib import ExitStack
from types import SimpleNamespace

import generator
import prepare
import serve

PAGE = "/products/%d/page"
PARTS = ("/products/%d", "/products/%d/styles", "/products/%d/related", "/reviews/meta?product_id=%d",
         "/reviews?product_id=%d", "/qa/questions?product_id=%d")
MANY, KEYS = "/reviews/meta/many?product_ids=", 100


def measure(path, tool, scratch, options):
    """Bytes, instructions and CPU us of a request."""
    asked = SimpleNamespace(path=path, products=options.products, connections=16)
    load = serve.Load(tool, asked)
    with serve.vitrine(options.root) as (server, _):
        load.run(server.port, 1)
        server.rounds = [load.round(server, options.seconds) for _ in range(options.rounds)]
        found = server.median("mean_body"), server.median("cpu_us")
    return found[0], serve.instructions(load, options.root, scratch), found[1]


def row(name, figures):
    size, count, cpu = figures
    return name, f"{size:,.0f}", f"{count:,.0f}", f"{cpu:.1f}"


def compare(rows, name, one, several):
    """ONE request against SEVERAL, whose figures are added up."""
    total = [sum(figures) for figures in zip(*several)]
    rows += [row(name, total), ("ratio", *(f"{b / a:.2f}" for a, b in zip(one, total)))]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--products", type=int, default=20000)
    parser.add_argument("--seconds", type=float, default=3, help="of a round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--keep", metavar="DIR", help="make the data there, or use what is there")
    options = parser.parse_args()
    with ExitStack() as stack:
        path = stack.enter_context(prepare.folder(options.keep))
        scratch = stack.enter_context(prepare.folder(None))
        prepare.release(path, options.products)
        options.root = path / "root"
        tool = generator.compile_load(scratch)
        ids = random.Random(1).sample(range(1, options.products + 1), KEYS)
        figures = {name: measure(name, tool, scratch, options) for name in (PAGE, *PARTS)}
        many = measure(MANY + ",".join(map(str, ids)), tool, scratch, options)
        rows = [row(name, found) for name, found in figures.items()]
        compare(rows, "the six together", figures[PAGE], [figures[name] for name in PARTS])
        rows.append(row(f"{MANY}... ({KEYS})", many))
        compare(rows, f"{KEYS} of one key", many, [figures[PARTS[3]]] * KEYS)
        prepare.table(rows, ("GET", "bytes", "instructions", "CPU us"))


if __name__ == "__main__":
    main()
