"""The load generator (load/main.c) for the benches: compiled, called, its JSON read."""

import json
import subprocess
from pathlib import Path

import prepare



def compile_tool(path, name):
    """The sources in the folder NAME as a program in PATH."""
    tool = Path(path) / name
    sources = Path(__file__).with_name(name).glob("*.c")
    subprocess.run(["cc", "-O2", "-D_GNU_SOURCE", "-o", tool, *sorted(sources)], check=True)
    return tool


def compile_load(path):
    """The generator as a program in PATH."""
    return compile_tool(path, "load")


def command(tool, port, path=None, keys=None, in_turn=False, **options):
    """How it is called: PATH may be several with blanks between; OPTIONS as in load --help."""
    words = [tool, "--port", port]
    if keys:
        words += ["--keys", f"{keys[0]}-{keys[1]}"]
    for one in path.split() if path else ():
        words += ["--path", one]
    if in_turn:
        words.append("--in-turn")
    for name, value in options.items():
        if value is not None:
            words += [f"--{name}", value]
    return list(map(str, words))


def run(words):
    """One run to its end: its JSON."""
    done = subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout)


def warn_of_failures(found, what):
    """Says so when not every answer was a success."""
    if found["failed"]:
        kinds = {name: count for name, count in found.items()
                 if name.startswith(("status_", "error_")) and count and name != "status_2xx"}
        prepare.say(f"{what}: {found['failed']} of {found['requests'] + found['errors']} requests "
                    f"failed: {kinds}")
