"""Plans of ops/terraform without the provider of AWS: each of its resources and data sources
becomes a terraform_data, which Terraform has built in, with the same arguments, count and for_each.
What is read from a resource becomes its id, because that, too, is known only after apply. So
counts, keys, types, cycles and validations are those of the real plan; what AWS or its provider
says is not.

It reads the canonical format: a block begins in a line of its own and ends at the same indent."""
import glob
import itertools
import os
import re
import shutil

RESOURCE = re.compile(r'^(resource|data) "(aws_\w+)" "(\w+)" \{(?:\}|\n(.*?)^\})$',
                      re.DOTALL | re.MULTILINE)
BLOCK = re.compile(r'^( *)(?:dynamic "(?P<dynamic>\w+)"|(?P<name>\w+)) \{(?P<empty>\})?$')
META = ("count", "for_each", "depends_on")
IGNORED = ("lifecycle",)


def depth(line):
    """How many brackets a line opens and does not close."""
    bare = re.sub(r'"(?:[^"\\]|\\.)*"', "", line)
    return sum(bare.count(each) for each in "([{") - sum(bare.count(each) for each in ")]}")


def statements(lines):
    """The blocks and arguments of a body: (match of a block or None, its lines)."""
    lines = iter(lines)
    for line in lines:
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        block = BLOCK.match(line)
        if block and not block["empty"]:
            inner = list(itertools.takewhile(lambda each, end=block[1] + "}": each != end, lines))
            yield block, inner
        elif block:
            yield block, []
        else:
            found, open_brackets = [line], depth(line)
            while open_brackets > 0:
                found.append(next(lines))
                open_brackets += depth(found[-1])
            yield None, found


def as_object(lines, numbers):
    """Arguments and blocks as the items of an object; every block gets a name of its own."""
    items = []
    for block, inner in statements(lines):
        if not block:
            items += inner
        elif block["dynamic"]:
            items.append(dynamic(block["dynamic"], inner, numbers))
        elif block["name"] not in IGNORED:
            items += [f"block{next(numbers)} = {{", as_object(inner, numbers), "}"]
    return "\n".join(items)


def dynamic(name, lines, numbers):
    """A dynamic block as a list of objects."""
    for_each, content = "", ""
    for block, inner in statements(lines):
        if block:
            content = as_object(inner, numbers)
        elif inner[0].split("=")[0].strip() == "for_each":
            for_each = "\n".join(inner).split("=", 1)[1]
    content = re.sub(rf"\b{name}\.(key|value)\b", rf"{name}_\1", content)
    return (f"block{next(numbers)} = [for {name}_key, {name}_value in {for_each.strip()} : {{\n"
            f"{content}\n}}]")


def resource(match):
    """The terraform_data in the place of a resource or a data source."""
    kind, typ, name, body = match.groups()
    meta, rest = [], []
    for block, inner in statements((body or "").split("\n")):
        if block:
            rest += [block[0], *inner, "" if block["empty"] else block[1] + "}"]
        else:
            argument = inner[0].split("=")[0].strip()
            (meta if argument in META else rest).extend(inner)
    prefix = "data_" if kind == "data" else ""
    return "\n".join([f'resource "terraform_data" "{prefix}{typ}__{name}" {{', *meta, "input = {",
                      as_object(rest, itertools.count()), "}", "}"])


def converted(text):
    """A file of a module without the provider."""
    text = re.sub(r"^  required_providers \{.*?^  \}\n", "", text, flags=re.DOTALL | re.MULTILINE)
    text = re.sub(r'^provider "aws" \{.*?^\}\n', "", text, flags=re.DOTALL | re.MULTILINE)
    text = RESOURCE.sub(resource, text)
    text = re.sub(r"\bdata\.(aws_\w+)\.(\w+)", r"terraform_data.data_\1__\2", text)
    text = re.sub(r'(?<![\w".])(aws_\w+)\.(\w+)', r"terraform_data.\1__\2", text)
    text = text.replace(".master_user_secret[0].", ".")
    index = r"\[[^\[\]]*(?:\[[^\[\]]*\][^\[\]]*)*\]"
    return re.sub(rf"(terraform_data\.\w+(?:{index})?)\.[a-z]\w*", r"\1.id", text)


def stand_in(source, target):
    """Copies a folder of modules and converts its files."""
    shutil.copytree(source, target, ignore=shutil.ignore_patterns(".terraform*"))
    for path in glob.glob(os.path.join(target, "**", "*.tf"), recursive=True):
        with open(path, encoding="utf-8") as file:
            text = file.read()
        with open(path, "w", encoding="utf-8") as file:
            file.write(converted(text))
    return target
