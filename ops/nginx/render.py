#!/usr/bin/env python3
"""Renders the configuration of nginx from a short description of a fleet.

    ops/nginx/render.py fleet.ini > nginx.conf
    ops/nginx/render.py --check fleet.ini
    ops/nginx/render.py --prefix DIR fleet.ini > DIR/nginx.conf

fleet.ini beside this file is an example with every key; docs/operations.md describes them. The
text comes from nginx.conf.in. Whatever a fleet file says is checked before it gets there.

Exit codes: 0 done, 1 the fleet file has mistakes or cannot be read, 2 wrong command line.
"""
import argparse
import configparser
import difflib
import ipaddress
import os
import re
import sys

TEMPLATE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "nginx.conf.in")
NODES_MAX = 256
INDENT = " " * 8


class Mistake(ValueError):
    """What is wrong with a value, and what to write instead."""


# ---- values ----


def words(text):
    """The parts of a list with commas or blanks between."""
    return [word for word in re.split(r"[,\s]+", text) if word]


def address(text, may_be_name=True):
    """HOST:PORT, [IPV6]:PORT."""
    match = re.fullmatch(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+):(\d{1,5})", text)
    if not match:
        raise Mistake(f'"{text}" is not HOST:PORT; write for example 10.0.1.11:8080')
    host, port = match[1], int(match[2])
    if not 1 <= port <= 65535:
        raise Mistake(f'the port of "{text}" is not 1 to 65535')
    is_name = not host.startswith("[") and not re.fullmatch(r"[0-9.]+", host)
    if is_name and may_be_name:
        return text
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        raise Mistake(f'"{host}" is no IP address; write for example 0.0.0.0:{port} or '
                      f"[::]:{port}") from None
    return text


def addresses(text):
    """One or more addresses to listen on."""
    found = [address(word, may_be_name=False) for word in words(text)]
    if not found:
        raise Mistake("there is no address; write for example 0.0.0.0:80")
    return found


def networks(text):
    """CIDRs."""
    found = []
    for word in words(text):
        try:
            found.append(str(ipaddress.ip_network(word)))
        except ValueError:
            raise Mistake(f'"{word}" is no network; write for example 10.0.0.0/16') from None
    return found


def names(text):
    """Host names for server_name."""
    for word in words(text):
        if not re.fullmatch(r"(\*\.)?[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*", word):
            raise Mistake(f'"{word}" is no host name; write for example shop.example.com')
    return " ".join(words(text)) or "_"


def path(text):
    """A path of a file or a folder."""
    if not re.fullmatch(r"[A-Za-z0-9/._+@~-]+", text):
        raise Mistake(f'"{text}" is not a plain path; letters, digits and / . _ + @ ~ - may be in it')
    return text


def route(text):
    """A path of a URL."""
    if not re.fullmatch(r"/[A-Za-z0-9/._~-]*", text):
        raise Mistake(f'"{text}" is no path of a URL; write for example /cart')
    return text


def health(text):
    """A path, or nothing."""
    return route(text) if text else ""


def routes(text):
    """Paths of a URL, those below them included."""
    return [route(word).rstrip("/") for word in words(text)]


def size(text):
    """Bytes as nginx writes them."""
    match = re.fullmatch(r"([1-9]\d{0,8})([KMG]?)i?B?", text, re.IGNORECASE)
    if not match:
        raise Mistake(f'"{text}" is no size; write for example 64K, 8M or 1G')
    return match[1] + match[2].lower()


def body(text):
    """A size of a body; nginx takes no G there."""
    found = size(text)
    if found.endswith("g"):
        raise Mistake(f'"{text}" is more than a node takes; write for example 64K, at most 1M')
    return found


UNITS_MS = {"ms": 1, "s": 1000, "m": 60000, "h": 3600000, "d": 86400000}


def time_ms(text):
    """A time in milliseconds."""
    match = re.fullmatch(r"(\d{1,9})(ms|s|m|h|d)", text)
    if not match or int(match[1]) == 0:
        raise Mistake(f'"{text}" is no time; write for example 300ms, 10s or 5m')
    return int(match[1]) * UNITS_MS[match[2]]


def seconds(text):
    """A time of whole seconds, as nginx writes it."""
    found = time_ms(text)
    if found % 1000:
        raise Mistake(f'"{text}" is not a number of seconds; write for example 10s')
    return f"{found // 1000}s"


def keep(text):
    """How long an answer is kept: empty, as the nodes tell."""
    return "" if text == "as told" else seconds(text)


def lock(text):
    """How long others wait for the one that asks: empty, not at all."""
    return "" if text == "off" else f"{time_ms(text)}ms"


def rate(text):
    """(rate as nginx writes it, burst): as many again may come at once."""
    match = re.fullmatch(r"([1-9]\d{0,6})/([sm])", text)
    if not match:
        raise Mistake(f'"{text}" is no rate; write for example 200/s or 30/m')
    return f"{match[1]}r/{match[2]}", int(match[1])


def node(text):
    """HOST:PORT [weight=N] [down], as a server of an upstream."""
    parts = text.split()
    if not parts:
        raise Mistake("there is no address; write for example 10.0.1.11:8080")
    server = address(parts[0])
    for part in parts[1:]:
        if not re.fullmatch(r"weight=[1-9]\d{0,2}|down", part):
            raise Mistake(f'"{part}" is not known here; there are weight=N (1 to 999) and down')
        server += " " + part
    return server


# ---- what a fleet file may say ----

REQUIRED = object()

# Section: key: (what it is, its default as it would be written).
KEYS = {
    "balancer": {
        "listen": (addresses, REQUIRED),
        "server_name": (names, "_"),
        "certificate": (path, None),
        "key": (path, None),
        "redirect_from": (addresses, None),
        "admin": (lambda text: address(text, may_be_name=False), "127.0.0.1:9091"),
        "health": (health, "/healthz"),
        "behind": (networks, None),
    },
    "primary": {
        "address": (address, REQUIRED),
        "paths": (routes, ""),
    },
    "cache": {
        "folder": (path, REQUIRED),
        "size": (size, "1G"),
        "inactive": (seconds, "10m"),
        "keep": (keep, "as told"),
        "lock": (lock, "off"),
    },
    "limits": {
        "requests": (rate, None),
        "writes": (rate, None),
        "body": (body, "64K"),
    },
    "timeouts": {
        "connect": (time_ms, "100ms"),
        "read": (time_ms, "300ms"),
        "write": (time_ms, "10s"),
    },
}
SECTIONS = [*KEYS, "nodes"]
ALWAYS = ("balancer", "limits", "timeouts")  # they have defaults, written or not


class Fleet:
    """A fleet file, checked: values by (section, key), and the mistakes that are in it."""

    def __init__(self, file_name):
        self.file_name = file_name
        self.lines = {}
        self.values = {}
        self.nodes = []
        self.mistakes = []
        parser = configparser.ConfigParser(delimiters=("=",), interpolation=None,
                                           default_section="", empty_lines_in_values=False)
        parser.optionxform = str
        with open(file_name, encoding="utf-8") as file:
            text = file.read()
        try:
            parser.read_string(text, file_name)
        except configparser.Error as error:
            self._not_ini(error)
            return
        self._note_lines(text)
        self._check(parser)

    def _not_ini(self, error):
        if isinstance(error, configparser.ParsingError) and getattr(error, "errors", None):
            for number, line in error.errors:
                self.mistakes.append(f"{self.file_name}:{number}: {line} is neither [SECTION] nor "
                                     "KEY = VALUE")
            return
        what = {
            configparser.MissingSectionHeaderError: "a section comes first; write [balancer]",
            configparser.DuplicateSectionError: "this section is there already; join the two",
            configparser.DuplicateOptionError: "this key is there already; keep one of them",
        }.get(type(error), str(error))
        self.mistakes.append(f"{self.file_name}:{getattr(error, 'lineno', 1)}: {what}")

    def _note_lines(self, text):
        """Where what stands: configparser does not tell."""
        section = None
        for number, line in enumerate(text.splitlines(), 1):
            if line.lstrip().startswith(("#", ";")):
                continue
            if match := re.match(r"\[(.+)\]", line):
                section = match[1]
                self.lines[section, None] = number
            elif match := re.match(r"(\S.*?)\s*=", line):
                self.lines.setdefault((section, match[1]), number)

    def _mistake(self, section, key, text):
        line = self.lines.get((section, key), self.lines.get((section, None), 1))
        where = f"[{section}] {key}" if key else f"[{section}]"
        self.mistakes.append(f"{self.file_name}:{line}: {where}: {text}")

    def _unknown(self, section, key, known, what):
        close = difflib.get_close_matches(key or section, known, 1)
        self._mistake(section, key, f"there is no such {what}; " + (
            f"did you mean {close[0]}?" if close else "there are " + ", ".join(known)))

    def _check(self, parser):
        for section in parser.sections():
            if section not in SECTIONS:
                self._unknown(section, None, SECTIONS, "section")
        for section, keys in KEYS.items():
            if section in parser or section in ALWAYS:
                self._check_section(section, keys, parser[section] if section in parser else {})
        self._check_nodes(parser["nodes"] if "nodes" in parser else {})
        self._check_together()

    def _check_section(self, section, keys, given):
        for key in given:
            if key not in keys:
                self._unknown(section, key, list(keys), "key")
        for key, (kind, default) in keys.items():
            text = given.get(key, default)
            if text is REQUIRED:
                self._mistake(section, None, f"{key} is missing; write {key} = "
                              + {"listen": "0.0.0.0:80", "folder": "/var/cache/vitrine",
                                 "address": "10.0.1.10:8080"}[key])
            elif text is not None:
                self._take(section, key, kind, text)

    def _take(self, section, key, kind, text):
        try:
            self.values[section, key] = kind(text)
        except Mistake as mistake:
            self._mistake(section, key, str(mistake))

    def _check_nodes(self, given):
        if not 1 <= len(given) <= NODES_MAX:
            self._mistake("nodes", None, f"there are {len(given)} nodes, 1 to {NODES_MAX} may be; "
                          "write for example node1 = 10.0.1.11:8080")
        seen = {}
        for name, text in given.items():
            self._take("nodes", name, node, text)
            server = self.values.get(("nodes", name))
            if server is None:
                continue
            first = seen.setdefault(server.split()[0], name)
            if first != name:
                self._mistake("nodes", name, f"this is the address of {first}, too; keep one")
            self.nodes.append(server)
        if self.nodes and all(server.endswith(" down") for server in self.nodes):
            self._mistake("nodes", None, "all of them are down; nobody would answer")

    def _check_together(self):
        has = {key for section, key in self.values if section == "balancer"}
        for one, other in (("certificate", "key"), ("key", "certificate"),
                           ("redirect_from", "certificate")):
            if one in has and other not in has:
                self._mistake("balancer", one, f"it needs {other}, which is not there")

    def get(self, section, key):
        """A value; None when neither it nor a default is there."""
        return self.values.get((section, key))


# ---- the configuration ----


def lines(texts):
    """Each on a line of its own."""
    return "\n".join(INDENT + text for text in texts)


def placed(place, found):
    """A path that a prefix may be put before."""
    return os.path.join(place.prefix, found) if place.prefix else found


def settings(fleet, place):
    """What the template can name, and whether %if finds it."""
    get = fleet.get
    secure = " ssl http2" if get("balancer", "certificate") else ""
    requests, writes = (get("limits", key) or ("", 0) for key in ("requests", "writes"))
    primary = get("primary", "address")
    return {
        "fleet": os.path.basename(fleet.file_name),
        "user": "" if place.prefix else place.user,
        "pid": placed(place, "nginx.pid") if place.prefix else "/run/nginx.pid",
        "error_log": placed(place, "error.log") if place.prefix else "/var/log/nginx/error.log",
        "access_log": placed(place, "access.log") if place.prefix else "/var/log/nginx/access.log",
        "temp": place.prefix or "/var/lib/nginx",
        "behind": get("balancer", "behind"),
        "real_ip": "\n".join(f"    set_real_ip_from {network};"
                             for network in get("balancer", "behind") or ()),
        "server_name": get("balancer", "server_name"),
        "health": get("balancer", "health"),
        "admin": get("balancer", "admin"),
        "listens": lines(f"listen {one}{secure} backlog=4096;"
                         for one in get("balancer", "listen")),
        "redirect_from": get("balancer", "redirect_from"),
        "redirect_listens": lines(f"listen {one};"
                                  for one in get("balancer", "redirect_from") or ()),
        "certificate": get("balancer", "certificate"),
        "key": get("balancer", "key"),
        "nodes": lines(f"server {server} max_fails=2 fail_timeout=3s;" for server in fleet.nodes),
        "primary": primary and INDENT + f"server {primary} max_fails=0;",
        "primary_paths": lines(f'"~^{re.escape(one)}(/|$)" 1;'
                               for one in get("primary", "paths") or ()),
        "writes_to": "primary" if primary else "nodes",
        "cache": get("cache", "folder"),
        "folder": placed(place, get("cache", "folder") or ""),
        "size": get("cache", "size"),
        "inactive": get("cache", "inactive"),
        "keep": get("cache", "keep"),
        "lock": get("cache", "lock"),
        "requests": requests[0],
        "requests_burst": str(requests[1]),
        "writes": writes[0],
        "writes_burst": str(writes[1]),
        "body": get("limits", "body"),
        "connect": f"{get('timeouts', 'connect')}ms",
        "read": f"{get('timeouts', 'read')}ms",
        "write": f"{get('timeouts', 'write')}ms",
    }


def fill(template, found):
    """The template with its %if lines decided and its @names@ replaced."""
    out = []
    decisions = []
    for line in template.splitlines():
        word, _, name = line.partition(" ")
        if word == "%if":
            decisions.append(bool(found[name]))
        elif word == "%else":
            decisions[-1] = not decisions[-1]
        elif word == "%end":
            decisions.pop()
        elif word != "%#" and all(decisions):
            text = re.sub(r"@([a-z_]+)@", lambda match: found[match[1]], line)
            # A list without members leaves no empty line, a part that is left out one.
            if text.strip() or not line.strip() and out[-1]:
                out.append(text)
    return "\n".join(out) + "\n"


def parse_options(arguments):
    """The command line."""
    parser = argparse.ArgumentParser(
        description="Renders the configuration of nginx from the description of a fleet.",
        epilog="Exit codes: 0 done, 1 the fleet file has mistakes or cannot be read, 2 wrong "
               "command line.")
    parser.add_argument("fleet", metavar="FLEET", help="the fleet file; fleet.ini is an example")
    parser.add_argument("--check", action="store_true", help="only say whether it has mistakes")
    parser.add_argument("--prefix", metavar="DIR", help="keep pid, logs, temporary files and a "
                        "relative cache folder there, and run as whoever starts nginx")
    parser.add_argument("--user", metavar="NAME", default="www-data",
                        help="whom the workers run as (www-data); not with --prefix")
    options = parser.parse_args(arguments)
    if options.prefix is not None:
        try:
            options.prefix = path(os.path.abspath(options.prefix))
        except Mistake as mistake:
            parser.error(f"--prefix: {mistake}")
    if not re.fullmatch(r"[a-z_][a-z0-9_-]*", options.user):
        parser.error(f'--user: "{options.user}" is no name of a user')
    return options


def main(arguments=None):
    """The whole program; its exit code."""
    options = parse_options(arguments)
    try:
        fleet = Fleet(options.fleet)
    except (OSError, UnicodeDecodeError) as error:
        print(f"render.py: {options.fleet}: {error}", file=sys.stderr)
        return 1
    if fleet.mistakes:
        print("\n".join(fleet.mistakes), file=sys.stderr)
        return 1
    if options.check:
        print(f"{options.fleet}: {len(fleet.nodes)} nodes, no mistakes")
        return 0
    with open(TEMPLATE, encoding="utf-8") as file:
        sys.stdout.write(fill(file.read(), settings(fleet, options)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
