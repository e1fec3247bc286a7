"""What the tests of the user-data of ops/terraform share: where it is, and what is in a sample."""
import os
import re
import textwrap

import support

MODULE = os.path.join(support.ROOT, "ops", "terraform", "modules", "user-data")
FILES = os.path.join(MODULE, "files")
SAMPLES = os.path.join(support.ROOT, "tests", "terraform", "samples")
ROLES = ("builder", "node", "balancer")


def read(path):
    """The text of a file."""
    with open(path, encoding="utf-8") as file:
        return file.read()


def write(path, text, mode=0o644):
    """Makes a file."""
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    os.chmod(path, mode)


def file_of_sample(role, path):
    """What a file of a machine says."""
    found = re.search(rf"- path: {re.escape(path)}\n.*?content: \|\n(.*?)(?=^  - path|^\S)",
                      read(os.path.join(SAMPLES, f"{role}.yaml")), re.DOTALL | re.MULTILINE)
    return textwrap.dedent(found[1])
