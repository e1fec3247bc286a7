"""A definition cut down to the collections that need only some of its tables.

The text is cut, not parsed and written anew: whole entries of `collections:` and `routes:` go, all
other lines stay as they are. It relies on how definitions are written here: sections at the start
of a line, their entries two blanks further in.
"""

import re

SHORTHANDS = {"reviews": ("reviews", "reviews_meta")}  # collections whose tables are meant

SECTION = re.compile(r"^([A-Za-z_]\w*):", re.MULTILINE)
ENTRY = {
    "tables": re.compile(r"^  ([\w-]+):", re.MULTILINE),
    "collections": re.compile(r"^  ([\w-]+):", re.MULTILINE),
    "routes": re.compile(r"^  - ", re.MULTILINE),
}
SQL_TABLE = re.compile(r'\b(?:FROM|JOIN)\s+"?(\w+)', re.IGNORECASE)
ROUTE_SOURCE = re.compile(r"^    from: *(\S+)", re.MULTILINE)
TABLE_FILE = re.compile(r"^    file: *(\S+)", re.MULTILINE)


def pieces(text, pattern):
    """TEXT before the first match, and the matches, each with the text up to the next one."""
    found = list(pattern.finditer(text))
    ends = [match.start() for match in found[1:]] + [len(text)]
    head = text[: found[0].start()] if found else text
    return head, [(match, text[match.start():end]) for match, end in zip(found, ends)]


class Subset:
    """Tables (name: file), the collections that can be built of them, and the definition's text."""

    def __init__(self, text, only=None):
        self.sections = {match[1]: part for match, part in pieces(text, SECTION)[1]}
        self.files = {match[1]: TABLE_FILE.search(part)[1] for match, part in self.parts("tables")}
        needs = {match[1]: set(SQL_TABLE.findall(part)) & set(self.files)
                 for match, part in self.parts("collections")}
        self.tables = self.choose(only, needs)
        self.collections = [name for name, tables in needs.items() if tables <= set(self.tables)]
        if not self.collections:
            listed = "; ".join(f"{name}: {', '.join(sorted(t))}" for name, t in needs.items())
            raise SystemExit(f"no collection can be built of {only}; they need: {listed}")
        self.text = pieces(text, SECTION)[0] + "".join(map(self.cut, self.sections))

    def parts(self, section):
        """The entries of a section."""
        return pieces(self.sections[section], ENTRY[section])[1]

    def choose(self, only, needs):
        """The tables that ONLY asks for, in the order of the definition."""
        if not only:
            return list(self.files)
        wanted = set()
        if only in SHORTHANDS:
            wanted.update(*(needs[name] for name in SHORTHANDS[only]))
        else:
            wanted.update(only.split(","))
        unknown = wanted - set(self.files)
        if unknown:
            raise SystemExit(f"--only: no table {', '.join(sorted(unknown))}; there are "
                             f"{', '.join(self.files)}, and for short: {', '.join(SHORTHANDS)}")
        return [name for name in self.files if name in wanted]

    def cut(self, section):
        """The text of a section with what belongs to the subset."""
        if section not in ("collections", "routes"):
            return self.sections[section]
        head, entries = pieces(self.sections[section], ENTRY[section])
        return head + "".join(part for match, part in entries if self.keeps(section, match, part))

    def keeps(self, section, match, part):
        """Whether an entry belongs to the subset; a route that reads no collection does not."""
        if section == "collections":
            return match[1] in self.collections
        source = ROUTE_SOURCE.search(part)
        return source is not None and source[1] in self.collections
