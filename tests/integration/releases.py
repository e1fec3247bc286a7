"""What a root holds: for tests that compare releases."""

import json
import os
import re
import sqlite3

import support


def write(path, text):
    """Writes a text file."""
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def files_below(folder):
    """{path: bytes} of the files below FOLDER."""
    found = {}
    for at, _, names in os.walk(folder):
        for name in names:
            with open(os.path.join(at, name), "rb") as file:
                found[os.path.relpath(os.path.join(at, name), folder)] = file.read()
    return found


def release_files(root):
    """{path: bytes} of the current release."""
    return files_below(os.path.join(root, "current"))


def manifest(root, release="current"):
    """The manifest of the current release, or of the one with that path in ROOT."""
    with open(os.path.join(root, release, "manifest.json"), encoding="utf-8") as file:
        return json.load(file)


def partitions(root, collection=None):
    """The manifest entries of the current release's partitions, of all collections or of one."""
    return [file for file in manifest(root)["files"] if file["kind"] == "partition"
            and collection in (None, file["collection"])]


def keys_of(root, collection):
    """The integer keys of a collection in the current release, as its partitions have them."""
    keys = []
    for file in partitions(root, collection):
        db = sqlite3.connect(f"file:{root}/current/{file['path']}?immutable=1", uri=True)
        keys += [row[0] for row in db.execute("SELECT key FROM groups ORDER BY key")]
        db.close()
    return keys


def names_below(folder):
    """Every path below FOLDER, sorted, folders and links included."""
    found = []
    for at, folders, files in os.walk(folder):
        found += [os.path.relpath(os.path.join(at, name), folder) for name in folders + files]
    return sorted(found)


def releases(root):
    """The names of the releases of a root, without the one at work."""
    folder = os.path.join(root, "releases")
    names = os.listdir(folder) if os.path.isdir(folder) else []
    return sorted(name for name in names if re.fullmatch(r"\d{6,}", name))


def current(root):
    """The name of the current release, or None."""
    link = os.path.join(root, "current")
    return os.path.basename(os.readlink(link)) if os.path.islink(link) else None


def state(root):
    """The releases and the current one: what a build that fails must leave as it was."""
    return releases(root), current(root)
