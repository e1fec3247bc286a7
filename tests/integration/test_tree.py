"""The rules of the tree that no compiler checks: dependence runs one way, the engine knows nothing
of the storefront, files stay readable."""
import glob
import os
import re
import unittest

ROOT = os.environ.get("VITRINE_ROOT") or os.path.abspath(
    os.path.join(os.path.dirname(__file__), "..", ".."))

# A folder may include its own headers and those of the folders that are named here.
MAY_INCLUDE = {
    "base": set(),
    "definition": {"base"},
    "source": {"base", "definition"},
    "replica": {"base", "definition"},
    "builder": {"base", "definition", "source", "replica"},
    "service": {"base", "definition", "source", "replica"},
    "commands": {"base", "definition", "source", "replica", "builder", "service"},
    ".": {"base", "definition", "source", "replica", "builder", "service", "commands"},
}

# A library's header may be included in these folders only.
LIBRARIES = {
    "sqlite3.h": {"source", "replica"},
    "libpq-fe.h": {"source"},
    "uv.h": {"service"},
    "llhttp.h": {"service"},
    "yaml.h": {"definition"},
    "jansson.h": {"replica", "service"},
    "sodium.h": {"replica"},
    "libdeflate.h": {"service"},
    "xxhash.h": {"source", "replica", "builder", "service"},
}

LINES_MAX = 500

# Words of one storefront; the engine serves any definition.
STOREFRONT = re.compile(r"(?<![a-z])(review|product|question)s?(?![a-z])", re.IGNORECASE)


def sources(folder):
    """The .c and .h files of a folder of the tree, as (path in the tree, lines)."""
    found = []
    for path in sorted(glob.glob(os.path.join(ROOT, folder, "*.[ch]"))):
        with open(path, encoding="utf-8") as file:
            found.append((os.path.normpath(os.path.relpath(path, ROOT)), file.read().split("\n")))
    return found


def includes(lines):
    """(line number, header, whether it was written in quotes)."""
    for number, line in enumerate(lines, 1):
        match = re.match(r'\s*#\s*include\s*([<"])([^>"]+)[>"]', line)
        if match:
            yield number, match.group(2), match.group(1) == '"'


class Tree(unittest.TestCase):
    """Each test lists all offenders, not the first."""

    def check(self, offenders):
        """Fails with the list, one a line."""
        self.assertEqual([], offenders, "\n" + "\n".join(offenders))

    def test_the_tree_has_its_folders(self):
        for folder in MAY_INCLUDE:
            self.assertTrue(sources(folder), f"{folder} has no sources")

    def test_dependence_runs_one_way(self):
        offenders = []
        for folder, allowed in MAY_INCLUDE.items():
            for path, lines in sources(folder):
                for number, header, quoted in includes(lines):
                    other = os.path.dirname(header)
                    if quoted and other not in allowed | {folder}:
                        offenders.append(f"{path}:{number}: {folder} includes {header}")
        self.check(offenders)

    def test_own_headers_are_in_quotes_with_their_folder(self):
        offenders = []
        for folder in MAY_INCLUDE:
            for path, lines in sources(folder):
                for number, header, quoted in includes(lines):
                    if quoted != os.path.exists(os.path.join(ROOT, header)):
                        offenders.append(f"{path}:{number}: {header}")
        self.check(offenders)

    def test_libraries_stay_in_their_folders(self):
        offenders = []
        for folder in MAY_INCLUDE:
            for path, lines in sources(folder):
                for number, header, quoted in includes(lines):
                    if not quoted and folder not in LIBRARIES.get(header, {folder}):
                        offenders.append(f"{path}:{number}: {folder} includes <{header}>")
        self.check(offenders)

    def test_the_engine_does_not_know_the_storefront(self):
        offenders = []
        for folder in MAY_INCLUDE:
            for path, lines in sources(folder):
                for number, line in enumerate(lines, 1):
                    if STOREFRONT.search(line):
                        offenders.append(f"{path}:{number}: {line.strip()}")
        self.check(offenders)

    def test_every_header_has_its_guard(self):
        offenders = []
        for folder in MAY_INCLUDE:
            for path, lines in sources(folder):
                guard = "VITRINE_" + re.sub(r"[/.]", "_", path).upper()
                if path.endswith(".h") and f"#ifndef {guard}" not in lines:
                    offenders.append(f"{path}: no #ifndef {guard}")
        self.check(offenders)

    def test_files_stay_readable(self):
        offenders = []
        for folder in MAY_INCLUDE:
            for path, lines in sources(folder):
                if len(lines) > LINES_MAX:
                    offenders.append(f"{path}: {len(lines)} lines, {LINES_MAX} at most")
        self.check(offenders)

    def test_nothing_is_left_to_do(self):
        marks = re.compile("TO" + "DO|FIX" + "ME|XX" + "X\\b")
        offenders = []
        for folder in MAY_INCLUDE:
            for path, lines in sources(folder):
                for number, line in enumerate(lines, 1):
                    if marks.search(line.replace("XXXXXX", "")):
                        offenders.append(f"{path}:{number}: {line.strip()}")
        self.check(offenders)


if __name__ == "__main__":
    unittest.main(verbosity=2)
