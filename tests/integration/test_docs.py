"""README.md and docs/ say what the program, its help, the tree and the measurements say.

ctest: side by side
"""
import glob
import json
import os
import re
import sqlite3
import subprocess
import sys
import unittest

import support

# The tables of options: a section, up to the next heading of its level, belongs to a command.
TABLES = (("docs/import.md", "# Importing CSV exports", "import"),
          ("docs/generate.md", "# Synthetic exports", "generate"),
          ("docs/operations.md", "## Releases of a root", "build"),
          ("docs/operations.md", "## Pulling", "pull"),
          ("docs/operations.md", "## Through a bucket", "build"),
          ("docs/serving.md", "## Scrubbing", "serve"))


def read(name):
    """The text of a file of the tree."""
    with open(os.path.join(support.ROOT, name), encoding="utf-8") as file:
        return file.read()


def pages():
    """Every page of documentation, as a path in the tree."""
    found = glob.glob("**/*.md", root_dir=support.ROOT, recursive=True)
    return sorted(page for page in found if not page.startswith(("build", "var")))


def section(page, heading):
    """The text of PAGE from HEADING to the next one of its level or above."""
    level = heading.split()[0]
    text = read(page).split("\n" + heading + "\n" if level != "#" else heading + "\n", 1)[1]
    return re.split(rf"(?m)^#{{1,{len(level)}}} ", text)[0]


def rows(text):
    """The rows of the tables in TEXT, as lists of cells."""
    return [[cell.strip() for cell in line.strip()[1:-1].split("|")]
            for line in text.splitlines() if line.startswith("| ")]


def anchors(page):
    """What links to headings of PAGE may end in."""
    names = re.findall(r"(?m)^#+ (.*)$", re.sub(r"(?s)```.*?```", "", read(page)))
    return {re.sub(r"[^\w\- ]", "", name.lower()).replace(" ", "-") for name in names}


def code_lines(text):
    """The lines of TEXT that are code, and what stands between backticks."""
    blocks = re.findall(r"(?m)^ {4,}(.*)$", text) + re.findall(r"`([^`]+)`", text)
    return [" ".join(line.split("#")[0].split()) for line in blocks]


def commands():
    """The names of all commands."""
    return re.findall(r"(?m)^  (\w+) +\S", support.vitrine("--help").stdout)


def options_of(command):
    """The options of COMMAND by its --help: name to (what the value is called, default)."""
    text = support.vitrine(command, "--help").stdout.split("\nOptions:\n")[1]
    found = {}
    for entry in re.split(r"\n(?=  --)", text):
        name, value = re.match(r"\s*--([a-z-]+)(?: (\S+))?", entry).groups()
        default = re.search(r"\(default ([^;)]+)", " ".join(entry.split()))
        found[name] = (value, default.group(1) if default else None)
    return found


class Links(unittest.TestCase):
    """Where the text points."""

    def test_every_link_within_the_tree_leads_to_a_file_and_a_heading(self):
        dead = []
        for page in pages():
            for target in re.findall(r"\]\(([^)\s]+)\)", read(page)):
                path, _, anchor = target.partition("#")
                if path.startswith(("http:", "https:")):
                    continue
                named = os.path.normpath(os.path.join(os.path.dirname(page), path))
                named = named if path else page
                if not os.path.exists(os.path.join(support.ROOT, named)) or (
                        anchor and anchor not in anchors(named)):
                    dead.append(f"{page}: {target}")
        self.assertEqual([], dead)

    def test_the_tree_of_the_readme_is_there(self):
        block = section("README.md", "## The tree, in reading order")
        names = re.findall(r"(?m)^ {4}(\S+(?: +ops/grafana/| +\.ci/run)?)  ", block)
        self.assertGreater(len(names), 15)
        for name in " ".join(names).split():
            self.assertTrue(os.path.exists(os.path.join(support.ROOT, name)), name)
        for page in glob.glob("*.md", root_dir=os.path.join(support.ROOT, "docs")):
            self.assertIn(page, block)


class Commands(unittest.TestCase):
    """Commands and options that the text shows."""

    def test_the_readme_names_every_command_and_no_other(self):
        shown = " ".join(row[1] for row in rows(section("README.md", "## Commands")))
        self.assertEqual(set(commands()), set(re.findall(r"`(?:vitrine )?(\w+)`", shown)))

    def test_every_command_line_has_options_that_the_help_knows(self):
        known = {name: options_of(name) for name in commands()}
        known["generate"]["products"] = None  # the root table of the storefront
        unknown, count = [], 0
        for page in pages():
            text = "\n".join(code_lines(read(page)))
            for command, rest in re.findall(r"(?:\bvitrine|\./dev) (\w+)([^|;&\n]*)", text):
                options = re.findall(r"(?<!\S)\[?--([a-z][a-z-]*)", rest)
                count += len(options)
                unknown += [f"{page}: vitrine {command} --{option}" for option in options
                            if option not in known.get(command, options)]
        self.assertEqual([], unknown)
        self.assertGreater(count, 100)

    def test_option_tables_have_the_values_and_defaults_of_the_help(self):
        for page, heading, command in TABLES:
            known = options_of(command)
            found = [row for row in rows(section(page, heading))
                     if row[0].startswith("`--") and len(row) == 3]
            self.assertGreater(len(found), 2, heading)
            for row in found:
                shown = re.findall(r"`--([a-z-]+)(?: ([^`]+))?`", row[0])
                for name, value in shown:
                    self.assertEqual(known[name][0], value or None, f"{page}: --{name}")
                default = known[shown[0][0]][1]
                if len(shown) == 1 and default is not None and known[shown[0][0]][0]:
                    self.assertEqual(default, row[1].strip("`"), f"{page}: --{shown[0][0]}")

    def test_option_tables_are_complete(self):
        for page, heading, command in TABLES[:4]:
            text = section(page, heading)
            named = set(re.findall(r"--([a-z-]+)", text))
            self.assertEqual(set(), set(options_of(command)) - named - {"help"}, heading)

    def test_synopses_list_every_option_with_its_value(self):
        for page, command in (("docs/serving.md", "serve"), ("docs/operations.md", "verify"),
                              ("docs/operations.md", "repair"), ("docs/import.md", "import")):
            synopsis = re.search(rf"(?m)^ {{4}}(vitrine {command} .*(?:\n {{8,}}.*)*)",
                                 read(page)).group(1)
            shown = dict(re.findall(r"--([a-z-]+)(?: ([^\]\s]+))?", synopsis))
            wanted = {name: value or "" for name, (value, _) in options_of(command).items()}
            del wanted["help"]
            if "listen" in wanted:
                shown["listen"] = wanted["listen"]  # it stands there with its default
            self.assertEqual(wanted, shown, command)

    def test_limits_of_the_service_are_its_defaults(self):
        known = options_of("serve")
        limits = re.findall(r"([\d,]+) ?(s|MiB|KiB)? \(`--([a-z-]+)`",
                            section("docs/serving.md", "## Limits"))
        self.assertGreater(len(limits), 8)
        for number, unit, name in limits:
            unit = {"MiB": "M", "KiB": "K"}.get(unit, unit)
            self.assertEqual(known[name][1], number.replace(",", "") + unit, name)

    def test_what_dev_is_asked_for_it_can_do(self):
        done = subprocess.run([os.path.join(support.ROOT, "dev"), "help"], capture_output=True,
                              text=True, check=True)
        known = re.findall(r"(?m)^  (\w+) ", done.stdout)
        for page in pages():
            for line in code_lines(read(page)):
                for name in re.findall(r"\./dev (\w+)", line):
                    self.assertIn(name, known, page)

    def test_benches_have_the_options_that_performance_shows(self):
        shown = re.findall(r"(?m)^ {4}\./dev bench (\w+)( [\[-].*(?:\n {8,}.*)*)",
                           read("docs/performance.md"))
        self.assertGreater(len(shown), 10)
        for name, rest in shown:
            done = subprocess.run([sys.executable, f"tests/bench/{name}.py", "--help"],
                                  cwd=support.ROOT, capture_output=True, text=True, check=True)
            known = re.findall(r"--[a-z-]+", done.stdout)
            self.assertEqual(set(), set(re.findall(r"--[a-z-]+", rest)) - set(known), name)


class Figures(unittest.TestCase):
    """The figures of the README are those of docs/performance.md and of the charts."""

    def measured(self, heading):
        """The rows of a section of performance.md by their first cell, without thousands."""
        table = rows(section("docs/performance.md", heading))
        return {row[0]: [cell.replace(",", "") for cell in row[1:]] for row in table}

    def test_peers(self):
        measured = self.measured("## peers")
        chart = read("assets/bench/peers.svg")
        shown = [row for row in rows(section("README.md", "## How fast it is")) if len(row) == 5]
        self.assertEqual(8, len(shown))
        for cells in shown[1:]:
            name = cells[0].replace("*", "").split(":")[0].split(",")[0].split(" of the")[0]
            rate, _, p99, _, cpu, *_, ratios = [re.sub(r" .*", "", c) for c in measured[name]]
            self.assertEqual([f"{int(rate):,}", f"{int(p99) / 1000:.2f}", f"{float(cpu):.1f}"],
                             cells[1:4], name)
            self.assertEqual(ratios.rstrip(",") + "x" if ratios else "", cells[4], name)
            self.assertIn(f">{cells[1]}<", chart)

    def test_latency(self):
        measured = self.measured("## latency")
        text = " ".join(section("README.md", "## How fast it is").split())
        for rate, said in (("1,000", "within {} us and 99 % within {} us at 1,000 a second"),
                           ("10,000", "within {} us and {} us at 10,000")):
            p50, _, p99 = measured[rate][:3]
            self.assertIn(said.format(p50, p99), text)

    def test_earlier_load_tests(self):
        means, load = {}, ""
        for row in rows(section("docs/performance.md", "## seeds")):
            if len(row) == 7:
                load = row[0] or load
                means[load, row[2]] = row[4]
        named = {"random products of the last 20 %": "last 20 % of the products",
                 "random products of the first half": "first half of the products",
                 "reviews of 31 million records": "reviews of 31 million records",
                 "250 new clients a second through four hops": "250 new clients a second"}
        shown = [row for row in rows(section("README.md", "## How fast it is")) if len(row) == 3]
        self.assertEqual(5, len(shown))
        for title, _, vitrine in shown[1:]:
            nodes, mean = re.match(r"(\d nodes?): ([\d.]+) ms, 0 failed$", vitrine).groups()
            load = named[title.split(",")[0]]
            found = [value for (name, who), value in means.items()
                     if name.startswith(load) and who == nodes]
            self.assertEqual([mean], [f"{float(value):.2f}" for value in found], title)

    def test_build_and_size(self):
        text = " ".join(read("README.md").split())
        seconds = float(self.measured("## build")["`vitrine build --jobs 2`"][0])
        self.assertIn(f"32 million rows took {seconds:.0f} s", text)
        self.assertIn("184.5 MB of partitions and listings, 0.487 of it",
                      " ".join(read("docs/performance.md").split()))
        self.assertIn("took 0.49 of the bytes of the CSV exports", text)


class Example(support.TestCase):
    """The reader's own tables, as the README shows them."""

    def test_the_recipes_of_the_readme_are_answered_as_it_says(self):
        text = section("README.md", "## Your own tables")
        sql = re.search(r'sqlite3 recipes.db "([^"]+)"', text).group(1)
        with sqlite3.connect(self.path("recipes.db")) as db:
            db.executescript(sql)
        db.close()
        with open(self.path("recipes.yaml"), "w", encoding="utf-8") as file:
            file.write(re.search(r"(?s)```yaml\n(.*?)```", text).group(1))
        path, wanted = re.search(r"curl 'http://127.0.0.1:8080(\S+)'\n +(\{.*\})\n", text).groups()
        port = support.free_port()
        self.start_serving(port, "run", "--definition", self.path("recipes.yaml"), "--source",
                           "sqlite:" + self.path("recipes.db"), "--root", self.path("recipes"),
                           "--listen", f"127.0.0.1:{port}")
        answer = support.get(port, path).text
        self.assertEqual(wanted, answer)
        self.assertEqual(2, json.loads(answer)["total"])

    def test_mistakes_in_the_example_of_the_definition_are_told_as_it_says(self):
        page = read("docs/definition.md")
        example = re.search(r"(?s)```yaml\n(.*?)```", page).group(1)
        messages = re.findall(r"(?m)^(shelf\.yaml:\d.*)$",
                              section("docs/definition.md", "## Messages"))
        mistakes = (("price FROM books\n", "price FROM books;\n"),
                    ("[title, isbn]", "[titel, isbn]"), ("total: $total", "total: $key"), ("get: /loans", "get: /books"),
                    (":reader, :now", ":raeder, :now"))
        self.assertEqual(len(mistakes), len(messages))
        for (right, wrong), message in zip(mistakes, messages):
            with open(self.path("shelf.yaml"), "w", encoding="utf-8") as file:
                file.write(example.replace(right, wrong, 1))
            done = support.vitrine("build", "--definition", self.path("shelf.yaml"), "--source",
                                   "sqlite:none.db", "--root", self.path("root"), check=False)
            self.assertEqual(f"vitrine build: {self.path(message)}\n", done.stderr)


if __name__ == "__main__":
    support.main()
