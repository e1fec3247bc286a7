"""How large a release is beside the CSV exports that it was made from.

    ./dev bench size [--products 50000] [--keep DIR]
"""

import argparse

import prepare


def thousands(number):
    return f"{number:,}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--products", type=int, default=50000)
    parser.add_argument("--keep", metavar="DIR", help="make the data there, or use what is there")
    options = parser.parse_args()
    with prepare.folder(options.keep) as path:
        took = prepare.release(path, options.products)
        exports = sorted((path / "exports").glob("*.csv"))
        current = (path / "root/current").resolve()
        csv_bytes, source_bytes = prepare.sizes(exports), (path / "source.db").stat().st_size

        print(f"\n{options.products} products")
        prepare.table([(e.name, thousands(e.stat().st_size)) for e in exports], ("export", "bytes"))
        print()
        rows, total = [], 0
        for collection, files in prepare.stored_files(current).items():
            size = prepare.sizes(files)
            total += size
            rows.append((collection, len(files), thousands(size), f"{size / csv_bytes:.3f}"))
        prepare.table(rows, ("collection", "files", "bytes", "of the CSV bytes"))
        print()
        prepare.table(
            [
                ("CSV exports", thousands(csv_bytes), "1.000"),
                ("SQLite source", thousands(source_bytes), f"{source_bytes / csv_bytes:.3f}"),
                ("partitions and listings", thousands(total), f"{total / csv_bytes:.3f}"),
            ],
            ("in all", "bytes", "of the CSV bytes"),
        )
        for step, seconds in took.items():
            rate = csv_bytes / seconds / 1e6
            print(f"{step}: {seconds:.1f} s, {rate:.0f} MB of CSV a second")


if __name__ == "__main__":
    main()
