"""ops/prometheus and ops/grafana: their files are right by promtool, name what /metrics tells, and a real
Prometheus with them sees a live fleet and calls when it must."""

import json
import os
import re
import signal
import sqlite3
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import balancer
import monitoring
import support
from monitoring import Program, Prometheus, dashboard_expressions, metric_names, promtool, told
from scrubbing import ServedCase

FLEET = """
[balancer]
listen = 127.0.0.1:{port}
admin = 127.0.0.1:{admin}
[nodes]
node1 = 127.0.0.1:1
"""

WRITE_ROUTE = """
  - put: /branches/:branch_id/renewed
    take:
      branch_id: {path: branch_id, type: integer}
    run:
      - sql: UPDATE branches SET version = version + 1 WHERE id = :branch_id
    status: 204
    invalid: {status: 404, text: "Error: there is no such branch"}
"""


def rule_lines(kind):
    """{name: (expression, runbook)} of the rules, as the file writes them."""
    text = monitoring.RULES.read_text(encoding="utf-8")
    blocks = re.split(r"^      - (?=alert:|record:)", text, flags=re.MULTILINE)[1:]
    found = {}
    for block in blocks:
        if block.startswith(kind + ":"):
            name = re.match(r"\w+: (\S+)", block)[1]
            expression = re.search(r"        expr: (?:\|\n)?((?:.*\n)(?: {10}.*\n)*)", block)[1]
            link = re.search(r"runbook: (\S+)", block)
            found[name] = (expression, link and link[1])
    return found


def anchors(path):
    """The anchors of the headings of a Markdown file."""
    headings = re.findall(r"^#+ (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-") for heading in headings}


class TestFiles(support.TestCase):
    """What can be said without a service."""

    @unittest.skipIf(monitoring.missing("promtool"), monitoring.missing("promtool"))
    def test_promtool_takes_configuration_rules_and_their_tests(self):
        for arguments in (("check", "config", monitoring.OPS / "prometheus" / "prometheus.yml"),
                          ("check", "rules", "--lint-fatal", monitoring.RULES),
                          ("test", "rules", monitoring.RULES_TEST)):
            code, said = promtool(*arguments)
            self.assertEqual(code, 0, said)
            self.assertIn("SUCCESS", said)

    def test_every_alert_has_a_case_that_fires_and_one_that_does_not(self):
        text = monitoring.RULES_TEST.read_text(encoding="utf-8")
        fires = re.findall(r"- alertname: (\w+)\n +eval_time: \w+\n +exp_alerts:\n +- exp_labels",
                           text)
        quiet = re.findall(r"- \{alertname: (\w+), eval_time: \w+\}", text)
        alerts = set(rule_lines("alert"))
        self.assertGreater(len(alerts), 20)
        self.assertEqual((set(fires), set(quiet)), (alerts, alerts))

    def test_every_alert_has_a_section_in_the_runbook(self):
        there = {"docs/runbook.md#" + anchor for anchor in anchors(monitoring.RUNBOOK)}
        links = {link for _, link in rule_lines("alert").values()}
        self.assertEqual(links - there, set())

    def test_every_alert_is_named_in_the_runbook_and_no_other(self):
        named = re.findall(r"\bVitrine[A-Z]\w+", monitoring.RUNBOOK.read_text(encoding="utf-8"))
        self.assertEqual(set(named), set(rule_lines("alert")))

    def test_commands_and_options_of_the_runbook_are_there(self):
        text = monitoring.RUNBOOK.read_text(encoding="utf-8")
        lines = re.findall(r"^ +vitrine (\w+) ([^#\n]*)", text, re.MULTILINE)
        self.assertGreater(len(lines), 30)
        for command, rest in lines:
            usage = support.vitrine(command, "--help").stdout
            for option in re.findall(r"--[a-z-]+", rest):
                self.assertIn(f"  {option} ", usage, f"vitrine {command} {rest}")

    def test_what_the_runbook_stops_is_not_started_again_by_its_socket(self):
        text = monitoring.RUNBOOK.read_text(encoding="utf-8")
        stops = re.findall(r"systemctl (?:stop|disable --now)([^#`\n]*(?:\n[a-z][^#`\n]*)?)", text)
        self.assertGreater(len(stops), 2)
        for units in stops:
            for unit in re.findall(r"\bvitrine-(?:serve|primary)(?![.\w-])", units):
                self.assertIn(f"{unit}.socket", units.split())

    @unittest.skipIf(monitoring.missing("promtool"), monitoring.missing("promtool"))
    def test_every_query_of_the_dashboard_can_be_parsed(self):
        rules = [{"record": f"panel:{i}", "expr": expression}
                 for i, expression in enumerate(dashboard_expressions())]
        path = Path(self.path("rules.yml"))
        for extra in ([], [{"record": "panel:bad", "expr": "sum(rate(x[5m])"}]):
            path.write_text(json.dumps({"groups": [{"name": "all", "rules": rules + extra}]}),
                            encoding="utf-8")
            code, said = promtool("check", "rules", path)
            self.assertEqual(code != 0, bool(extra), said)

    def test_panels_have_titles_units_and_places_of_their_own(self):
        panels = monitoring.panels()
        self.assertEqual(len({panel["id"] for panel in panels}), len(panels))
        self.assertEqual(len({panel["title"] for panel in panels}), len(panels))
        taken = set()
        for panel in panels:
            place = panel["gridPos"]
            squares = {(place["x"] + x, place["y"] + y)
                       for x in range(place["w"]) for y in range(place["h"])}
            self.assertFalse(squares & taken, panel["title"])
            self.assertLessEqual(place["x"] + place["w"], 24, panel["title"])
            taken |= squares
            if panel["type"] == "row":
                continue
            unit = (panel["options"]["yAxis"]["unit"] if panel["type"] == "heatmap"
                    else panel["fieldConfig"]["defaults"]["unit"])
            self.assertTrue(panel["title"] and unit and panel["targets"], panel["title"])
            for target in panel["targets"]:
                self.assertEqual(target["datasource"]["uid"], "${datasource}", panel["title"])

    def test_rules_use_what_is_recorded_and_so_does_the_dashboard(self):
        recorded = set(rule_lines("record"))
        self.assertGreater(len(recorded), 5)
        used = set()
        for expression in [rule[0] for rule in rule_lines("alert").values()] + \
                [rule[0] for rule in rule_lines("record").values()] + dashboard_expressions():
            used |= {name for name in metric_names(expression) if ":" in name}
        self.assertEqual(used, recorded)


class TestNames(ServedCase):
    """Every name of rules and dashboard is one that a running program tells."""

    def used(self):
        """The metrics in all expressions, without what is recorded."""
        names = set()
        for expression, _ in (rule_lines("alert") | rule_lines("record")).values():
            names |= metric_names(expression)
        for expression in dashboard_expressions():
            names |= metric_names(expression)
        return {name for name in names if ":" not in name}

    def test_names_are_those_of_the_service_and_of_the_builder(self):
        notes = self.path("vitrine.prom")
        support.vitrine("build", "--definition", self.shelf.definition, "--source",
                        "sqlite:" + self.shelf.source, "--root", self.root, "--force", "--metrics",
                        notes)
        self.serve("--source", "sqlite:" + self.shelf.source, "--max-age", "1h")
        support.get(self.port, "/loans?branch=5")

        def measured():
            text = support.get(self.admin, "/metrics").text
            return text if "\nvitrine_request_duration_seconds_count{" in text else None

        text = support.wait_until(measured, what="the time of an answer, which is told after it")
        names = told(text) | told(Path(notes).read_text(encoding="utf-8")) | {"up"}
        used = {name for name in self.used() if not name.startswith("nginx_")}
        self.assertGreater(len(used), 35)
        self.assertEqual(used - names, set())
        self.assertIn('le="0.005"', text)
        for end in ("away", "lost"):
            self.assertIn(f'vitrine_writes_total{{end="{end}"}}', text)

    @unittest.skipIf(monitoring.missing("promtool"), monitoring.missing("promtool"))
    def test_promtool_takes_what_the_service_tells(self):
        self.serve("--source", "sqlite:" + self.shelf.source)
        support.get(self.port, "/loans?branch=5")
        text = support.get(self.admin, "/metrics").text
        self.assertEqual(promtool("check", "metrics", text=text), (0, ""))

    @unittest.skipIf(monitoring.missing("nginx", "prometheus-nginx-exporter"),
                     monitoring.missing("nginx", "prometheus-nginx-exporter"))
    def test_names_of_the_balancer_are_those_of_its_exporter(self):
        port, admin, exporter = (support.free_port() for _ in range(3))
        nginx = balancer.Balancer(FLEET.format(port=port, admin=admin), port=port)
        self.addCleanup(nginx.stop)
        Program(self, exporter, "prometheus-nginx-exporter",
                f"-nginx.scrape-uri=http://127.0.0.1:{admin}/status",
                f"-web.listen-address=127.0.0.1:{exporter}")
        text = support.get(exporter, "/metrics").text
        self.assertIn("\nnginx_up 1\n", text)
        used = {name for name in self.used() if name.startswith("nginx_")}
        self.assertGreater(len(used), 1)
        self.assertEqual(used - told(text), set())


@unittest.skipIf(monitoring.missing("prometheus", "prometheus-node-exporter"),
                 monitoring.missing("prometheus", "prometheus-node-exporter"))
class TestPrometheus(ServedCase):
    """A live one, which looks at a node, a primary and a builder."""

    def setUp(self):
        super().setUp()
        notes = self.path("textfiles")
        os.mkdir(notes)
        self.notes = os.path.join(notes, "vitrine.prom")
        exporter = support.free_port()
        Program(self, exporter, "prometheus-node-exporter", "--collector.disable-defaults",
                "--collector.textfile", f"--collector.textfile.directory={notes}",
                f"--web.listen-address=127.0.0.1:{exporter}")
        self.builder = f"127.0.0.1:{exporter}"
        with open(self.shelf.definition, "a", encoding="utf-8") as file:
            file.write(WRITE_ROUTE)
        self.assertEqual(self.build("--force"), 0)
        self.serve("--source", "sqlite:" + self.shelf.source)
        self.primary = f"127.0.0.1:{self.admin}"
        writer, primary = self.port, self.admin
        self.serve("--primary", f"http://127.0.0.1:{writer}")
        self.node = f"127.0.0.1:{self.admin}"
        self.prometheus = Prometheus(self, nodes=[self.admin], primary=[primary],
                                     builder=[exporter])
        self.prometheus.wait_for_all_up()

    def build(self, *arguments):
        """A build that tells; its exit code."""
        return support.vitrine("build", "--definition", self.shelf.definition, "--source",
                               "sqlite:" + self.shelf.source, "--root", self.root, "--metrics",
                               self.notes, *arguments, check=False).returncode

    def ask_for(self, count):
        """So many good requests and one that is not."""
        for i in range(count):
            self.assertEqual(support.get(self.port, f"/loans?branch={1 + i % 300}").status, 200)
        self.assertEqual(support.get(self.port, "/nowhere").status, 404)

    def all_rules(self):
        """Those that record and those that call."""
        return self.prometheus.rules("recording") + self.prometheus.rules("alerting")

    def wait_for_samples(self, expression, expected, part=lambda labels, value: value):
        """Until these are the samples of EXPRESSION, by a PART of each: rules are evaluated one after
        the other, and a look that came late leaves a hole."""
        def are_there():
            return sorted(part(*one) for one in self.prometheus.query(expression)) == expected

        support.wait_until(are_there, what=f"{expression} to be {expected}")

    def test_a_usual_day_is_seen_and_calls_nobody(self):
        ask = self.prometheus.query
        for _ in range(4):
            self.ask_for(30)
            self.prometheus.rest(1)
        support.wait_until(
            lambda: sum(value for _, value in ask('vitrine_requests_total{route="/loans"}')) == 120,
            what="120 requests")
        self.wait_for_samples("up == 1", [("vitrine-builder", self.builder),
                                          ("vitrine-nodes", self.node),
                                          ("vitrine-primary", self.primary)],
                              lambda labels, _: (labels["job"], labels["instance"]))
        self.wait_for_samples("sum(vitrine_ready)", [2])
        self.wait_for_samples('vitrine_release_info{job="vitrine-nodes"}', ["shelf"],
                              lambda labels, _: labels["definition"])
        self.wait_for_samples("vitrine_builder_release_number", [2])
        self.wait_for_samples(f'vitrine:requests:rate5m{{instance="{self.node}"}} > 0',
                              ["vitrine-nodes"], lambda labels, _: labels["job"])
        self.wait_for_samples(f'vitrine:errors:ratio5m{{instance="{self.node}"}}', [0])
        # A look that came late, on a busy machine, calls until the next one.
        support.wait_until(lambda: self.prometheus.firing() == set(), what="no alert")

    def test_every_expression_can_be_evaluated_and_those_of_a_usual_day_have_samples(self):
        self.ask_for(20)
        self.prometheus.rest(4)
        self.ask_for(20)
        self.prometheus.rest(4)
        rare = ("nginx_", 'status=~"5..', "refused_release_number", "changes(")
        usual = {expression for expression in dashboard_expressions()
                 if not any(word in expression for word in rare)}
        for expression in usual:
            support.wait_until(lambda query=expression: self.prometheus.query(query),
                               what=f"samples of {expression}")
        for expression in dashboard_expressions():
            self.prometheus.query(expression)
        support.wait_until(lambda: "unknown" not in {rule["health"] for rule in self.all_rules()},
                           what="an evaluation of every rule")
        for rule in self.all_rules():
            self.assertEqual((rule["name"], rule["health"]), (rule["name"], "ok"))
        self.assertEqual({rule["name"] for rule in self.prometheus.rules("alerting")},
                         set(rule_lines("alert")))

    def test_a_refused_release_calls_until_it_is_whole_and_active(self):
        support.vitrine("pin", "--root", self.root)
        self.shelf.set_version(1)
        self.assertEqual(self.build(), 0)
        support.vitrine("unpin", "--root", self.root)
        self.damage(1, release="000003")
        refused = support.vitrine("activate", "3", "--root", self.root, check=False)
        self.assertEqual(refused.returncode, 1, refused.stderr)
        self.prometheus.wait_for_alert("VitrineReleaseRefused", self.node)
        self.prometheus.wait_for_alert("VitrineReleaseRefused", self.primary)
        self.damage(1, release="000003")
        support.vitrine("activate", "3", "--root", self.root)
        self.prometheus.wait_for_end("VitrineReleaseRefused", self.node)

    def test_a_build_that_a_check_refuses_calls_until_one_is_published(self):
        with sqlite3.connect(self.shelf.source) as db:
            db.execute("DELETE FROM branches WHERE id > 100")
        db.close()
        self.assertEqual(self.build(), 3)
        self.prometheus.wait_for_alert("VitrineBuildRefused", self.builder)
        self.prometheus.wait_for_end("VitrineBuildFailed", self.builder)
        self.assertEqual(self.build("--accept", "shrink"), 0)
        self.prometheus.wait_for_end("VitrineBuildRefused", self.builder)

    def test_a_node_that_is_killed_is_down_and_too_few_are_left(self):
        self.process.send(signal.SIGKILL)
        self.process.wait()
        self.prometheus.wait_for_alert("VitrineDown", self.node)
        self.prometheus.wait_for_alert("VitrineNodesTooFew", None)
        self.prometheus.wait_for_end("VitrineDown", self.primary)

    def write(self):
        """One write, by way of the node."""
        return support.request(self.port, "/branches/5/renewed", method="PUT")

    def test_a_primary_that_stops_is_away_for_the_nodes(self):
        self.assertEqual(self.write().status, 204)
        self.processes[0].send(signal.SIGKILL)
        self.processes[0].wait()
        self.assertEqual(self.write().status, 503)
        self.prometheus.wait_for_alert("VitrinePrimaryDown", self.primary)
        self.prometheus.wait_for_alert("VitrinePrimaryAway", self.node)
        self.prometheus.wait_for_end("VitrineErrors", self.primary)

    def test_damage_that_scrubbing_finds_calls(self):
        self.serve("--scrub", "100M", "--scrub-every", "1s")
        Path(self.path("prometheus", "targets", "nodes.yml")).write_text(
            json.dumps([{"targets": [f"127.0.0.1:{self.admin}"]}]), encoding="utf-8")
        self.damage(self.text_page(), release="000002")
        self.prometheus.wait_for_alert("VitrinePagesDamaged", f"127.0.0.1:{self.admin}")
        self.prometheus.wait_for_alert("VitrineNodeNotReady", f"127.0.0.1:{self.admin}")


if __name__ == "__main__":
    support.main()
