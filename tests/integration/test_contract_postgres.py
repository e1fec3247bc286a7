"""The whole contract once more, with PostgreSQL as the source: see test_contract.py."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import test_contract
from postgres import Cluster


def main():
    cluster = Cluster()
    try:
        return test_contract.run(lambda _: cluster.create("contract"))
    finally:
        cluster.stop()


if __name__ == "__main__":
    sys.exit(main())
