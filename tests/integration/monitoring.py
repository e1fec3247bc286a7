"""What the tests of ops/prometheus and ops/grafana share: programs that are no vitrine, Prometheus with our
configuration at a quicker pace, and the expressions of rules and dashboard."""

import json
import os
import re
import shutil
import subprocess
import time
import urllib.parse
from pathlib import Path

import support

OPS = Path(support.ROOT, "ops")
RULES = OPS / "prometheus" / "vitrine.rules.yml"
RULES_TEST = OPS / "prometheus" / "vitrine.rules.test.yml"
DASHBOARD = OPS / "grafana" / "vitrine.json"
RUNBOOK = Path(support.ROOT, "docs", "runbook.md")
JOBS = ("nodes", "primary", "builder", "balancer")
SECONDS = 60

# What a name with an underscore may be besides a metric.
WORDS = {"histogram_quantile", "group_left", "group_right"}


def missing(*programs):
    """The Debian packages of those PROGRAMS that are not here, as the reason of a skip; or nothing."""
    packages = sorted({{"promtool": "prometheus", "nginx": "nginx-light"}.get(name, name)
                       for name in programs if shutil.which(name) is None})
    return "apt install " + " ".join(packages) if packages else ""


def promtool(*arguments, text=None):
    """Runs promtool; (exit code, what it said)."""
    done = subprocess.run(["promtool", *map(str, arguments)], input=text, capture_output=True,
                          text=True, timeout=SECONDS, check=False)
    return done.returncode, done.stdout + done.stderr


def panels():
    """The panels of the dashboard, rows included."""
    return json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]


def expand(expression):
    """An expression of the dashboard, with what Grafana puts in for its variables."""
    for name, value in (("$__rate_interval", "1m"), ("$job", ".*"), ("$instance", ".*")):
        expression = expression.replace(name, value)
    return expression


def dashboard_expressions():
    """Those of all panels, of the annotations, and the metrics that variables ask for."""
    board = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    found = [target["expr"] for panel in board["panels"] for target in panel.get("targets", ())]
    found += [note["expr"] for note in board["annotations"]["list"]]
    found += [re.fullmatch(r"label_values\((.*), \w+\)", variable["definition"])[1]
              for variable in board["templating"]["list"] if "definition" in variable]
    return [expand(expression) for expression in found]


def metric_names(expression):
    """The metrics that an expression names, and what rules record."""
    bare = re.sub(r'"[^"]*"', "", expression)
    names = set(re.findall(r"[a-z]+(?:[:_][a-z0-9_:]+)+", bare)) - WORDS
    return names | ({"up"} & set(re.findall(r"\w+", bare)))


def told(text):
    """The names of the samples in the text format of Prometheus."""
    return {re.match(r"\w+", line)[0] for line in text.splitlines()
            if line and not line.startswith("#")}


class Program:
    """A program that is no vitrine, in the background; it ends with the test."""

    def __init__(self, case, port, *arguments):
        self.log = case.path(f"{os.path.basename(arguments[0])}-{port}.log")
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(  # pylint: disable=consider-using-with
                list(map(str, arguments)), stdin=subprocess.DEVNULL, stdout=log,
                stderr=subprocess.STDOUT, start_new_session=True)
        case.addCleanup(self.stop)
        support.wait_until(lambda: self.runs() and support.answers(port), SECONDS, arguments[0])

    def runs(self):
        """True, or what it said at its end."""
        if self.process.poll() is not None:
            raise AssertionError(Path(self.log).read_text(encoding="utf-8", errors="replace"))
        return True

    def stop(self):
        """By its id, and the children that it left."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        support.kill_session(self.process.pid)


class Prometheus:
    """One with the configuration of ops/, which looks every second; alerts wait for nothing."""

    def __init__(self, case, **ports):
        """PORTS is a list for each of JOBS that there is something of."""
        folder = Path(case.path("prometheus"))
        shutil.copytree(OPS / "prometheus", folder)
        for job in JOBS:
            targets = [f"127.0.0.1:{port}" for port in ports.get(job, ())]
            (folder / "targets" / f"{job}.yml").write_text(
                json.dumps([{"targets": targets}] if targets else []), encoding="utf-8")
        self._change(folder / "prometheus.yml", r"\b(15|5)s$", "1s")
        self._change(folder / "prometheus.yml", r"127\.0\.0\.1:9093", f"127.0.0.1:{support.free_port()}")
        self._change(folder / "vitrine.rules.yml", r"^( +for): .*$", r"\1: 0s")
        self.target_count = sum(map(len, ports.values()))
        self.port = support.free_port()
        self.program = Program(
            case, self.port, "prometheus", f"--config.file={folder}/prometheus.yml",
            f"--storage.tsdb.path={folder}/data", f"--web.listen-address=127.0.0.1:{self.port}",
            "--log.level=warn")
        support.wait_until(lambda: support.get(self.port, "/-/ready").status == 200, SECONDS,
                           "Prometheus")

    @staticmethod
    def _change(path, pattern, by):
        text, count = re.subn(pattern, by, path.read_text(encoding="utf-8"), flags=re.MULTILINE)
        if count == 0:
            raise AssertionError(f"{path}: no {pattern}")
        path.write_text(text, encoding="utf-8")

    def ask(self, path):
        """What the API answers."""
        response = support.get(self.port, "/api/v1/" + path)
        answer = json.loads(response.body)
        if answer["status"] != "success":
            raise AssertionError(f"{path}: {answer}")
        return answer["data"]

    def query(self, expression):
        """The samples of an instant, as [(labels, value)]."""
        result = self.ask("query?" + urllib.parse.urlencode({"query": expression}))["result"]
        return [(sample["metric"], float(sample["value"][1])) for sample in result]

    def rules(self, kind):
        """The rules that are "alerting" or "recording"."""
        return [rule for group in self.ask("rules")["groups"] for rule in group["rules"]
                if rule["type"] == kind]

    def firing(self):
        """The names of the alerts that fire, with their instances."""
        return {(alert["labels"]["alertname"], alert["labels"].get("instance"))
                for alert in self.ask("alerts")["alerts"] if alert["state"] == "firing"}

    def wait_for_all_up(self):
        """Until every target was scraped."""
        support.wait_until(lambda: len(self.query("up == 1")) == self.target_count, SECONDS,
                           "scrapes of all targets")

    def wait_for_alert(self, name, instance, seconds=SECONDS):
        """Until it fires."""
        support.wait_until(lambda: (name, instance) in self.firing(), seconds, f"{name} to fire")

    def wait_for_end(self, name, instance, seconds=SECONDS):
        """Until it does not."""
        support.wait_until(lambda: (name, instance) not in self.firing(), seconds, f"{name} to end")

    def rest(self, seconds=3):
        """Time for some looks."""
        time.sleep(seconds)
        self.program.runs()
