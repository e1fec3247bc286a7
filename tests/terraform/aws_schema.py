#!/usr/bin/env python3
"""Makes aws-schema.json: what the resources in ops/terraform may be given, without the provider.

    npm pack @cdktf/provider-aws@21.22.1
    tests/terraform/aws_schema.py cdktf-provider-aws-21.22.1.tgz > tests/terraform/aws-schema.json

That package has the arguments of the provider as typings (MPL-2.0, Copyright (c) HashiCorp, Inc.);
of them only names, kinds and what is required are taken, for the types that ops/terraform uses. Run
it again when a type is added, or with a newer package when the provider's version moves.

A kind is s (text), n (number), b (bool), l (list or set), m (map); ! is required.
"""
import glob
import json
import os
import re
import sys
import tarfile

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
NOTE = ("Extracted by tests/terraform/aws_schema.py from the typings of the npm package "
        "@cdktf/provider-aws (Copyright (c) HashiCorp, Inc., Mozilla Public License 2.0, "
        "https://mozilla.org/MPL/2.0/); names, kinds and what is required, nothing else.")
MEMBER = re.compile(r"/\*\*(?P<text>.*?)\*/\s*readonly \w+(?P<optional>\??): (?P<type>[^;]+(?:;"
                    r"\s*\}[^;]*)?);", re.DOTALL)
INTERFACE = re.compile(r"export interface (\w+)[^{]*\{(.*?)\n\}", re.DOTALL)
KINDS = (("string[]", "l"), ("number[]", "l"), ("{", "m"), ("string", "s"), ("number", "n"),
         ("boolean", "b"))


def used_types():
    """{"resource aws_vpc", "data aws_ami", ...}: those in ops/terraform."""
    found = set()
    for path in glob.glob(os.path.join(ROOT, "ops", "terraform", "**", "*.tf"), recursive=True):
        with open(path, encoding="utf-8") as file:
            found |= set(re.findall(r'^(resource|data) "(aws_\w+)"', file.read(), re.MULTILINE))
    return {f"{kind} {name}" for kind, name in found}


def kind_of(text):
    """The letter of a type of TypeScript."""
    for beginning, letter in KINDS:
        if text.startswith(beginning):
            return letter
    return "l" if "[]" in text.split("|")[0] else "?"


def block_of(interfaces, name):
    """Arguments and nested blocks of an interface."""
    arguments, blocks = {}, {}
    for member in MEMBER.finditer(interfaces[name]):
        argument = re.search(r"#([a-z0-9_]+) \w+#\1\}", member["text"])
        if not argument:
            continue
        mark = "" if member["optional"] else "!"
        inner = re.match(r"\w+", member["type"])
        if inner and inner[0] in interfaces and re.search(r"\* \w+ block\s", member["text"]):
            blocks[argument[1]] = {"required": mark, **block_of(interfaces, inner[0])}
        else:
            arguments[argument[1]] = kind_of(member["type"]) + mark
    return {"arguments": arguments, "blocks": blocks} if blocks else {"arguments": arguments}


def attributes_of(javascript, name):
    """What may be read from a resource."""
    body = re.search(rf"^class {name} extends cdktf\.\w+ \{{(.*?)^\}}", javascript,
                     re.DOTALL | re.MULTILINE)[1]
    return sorted(set(re.findall(r"get\w*Attribute\('(\w+)'\)", body))
                  | set(re.findall(r'new \w+\(this, "(\w+)"', body)))


def main():
    """Reads the package that is named on the command line."""
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    wanted, types, version = used_types(), {}, "?"
    with tarfile.open(sys.argv[1]) as package:
        texts = {}
        for member in package:
            if re.fullmatch(r"package/lib/[a-z0-9-]+/index\.(d\.ts|js)", member.name):
                texts[member.name] = package.extractfile(member).read().decode()
                if not member.name.endswith(".d.ts"):
                    continue
            elif member.name == "package/package.json":
                manifest = json.loads(package.extractfile(member).read())
                version = f"{manifest['name']} {manifest['version']}"
    for path, text in sorted(texts.items()):
        found = re.search(r'tfResourceType = "(aws_\w+)"', text) if path.endswith(".d.ts") else None
        if not found:
            continue
        key = ("data " if "/data-aws-" in path else "resource ") + found[1]
        if key in wanted:
            interfaces = dict(INTERFACE.findall(text))
            top = next(name for name in interfaces if name.endswith("Config")
                       and f"class {name[:-6]} extends" in text)
            javascript = texts[path.replace(".d.ts", ".js")]
            types[key] = {**block_of(interfaces, top),
                          "attributes": attributes_of(javascript, top[:-6])}
            provider = re.search(r"providerVersion: '([\d.]+)'", javascript)[1]
    missing = wanted - set(types)
    if missing:
        sys.exit(f"not in this package: {', '.join(sorted(missing))}")
    head = {"note": NOTE, "package": version, "provider": provider}
    lines = [f'"{name}": {json.dumps(block, separators=(",", ":"))}'
             for name, block in sorted(types.items())]
    print(json.dumps(head, indent=0)[:-2] + ',\n"types": {\n' + ",\n".join(lines) + "\n}\n}")


if __name__ == "__main__":
    main()
