"""vitrine run: the embedded default, from nothing to answers, and down to nothing again.

ctest: threads
"""
import json
import os
import re
import signal
import socket
import sqlite3
from pathlib import Path

import support

ROUTES = """
routes:
  - get: /stats
    from: reviews_meta
    keys: {query: ids, most: 3}
  - get: /page/:id
    key: {path: id}
    parts: {product: {from: products}, reviews: {from: reviews}}
"""


class Run(support.TestCase):
    """A supervisor on a source and a root of its own."""

    def start_run(self, *more, port=None, definition=support.DEFINITION):
        """Starts `vitrine run`; the process has the attribute port."""
        port = port or support.free_port()
        process = self.start("run", "--definition", definition, "--source",
                             "sqlite:" + self.path("source.db"), "--root", self.path("root"),
                             "--scale", 50, "--listen", f"127.0.0.1:{port}", "--every", "200ms",
                             "--threads", 2, *more)
        process.port = port
        return process

    def wait_for_block(self, process, seconds=120):
        """The URLs that it prints once it answers."""

        def printed():
            if process.returncode is not None:
                raise AssertionError(f"ended with {process.returncode}\n{process.stderr}")
            return "Ctrl-C" in process.stdout

        support.wait_until(printed, seconds, "the block of URLs")
        return re.findall(r"http://127\.0\.0\.1:\d+(/[^\s']*)", process.stdout)

    def assert_nothing_left(self, process, seconds=60):
        """No process of its session is alive and the port is free."""
        support.wait_for_session_end(process, seconds)
        # A killed process gives its memory back, and so looks ended, before its sockets.
        support.wait_until(lambda: not support.answers(process.port), seconds, "the port is free")

    def member(self, process, command):
        """The pid of the child that runs COMMAND, or None."""
        for pid, line in support.session_members(process.pid).items():
            if pid != process.pid and line.startswith(f"vitrine {command} "):
                return pid
        return None

    def test_whole_pages_and_many_keys_are_shown_with_keys(self):
        text = Path(support.DEFINITION).read_text(encoding="utf-8")
        definition = Path(self.path("pages.yaml"))
        definition.write_text(text[: text.index("\nchecks:")] + ROUTES, encoding="utf-8")
        process = self.start_run(definition=definition)
        urls = self.wait_for_block(process)
        self.assertEqual(["/stats?ids=1,2,3", "/page/1"], urls)
        for url in urls:
            self.assertEqual(200, support.get(process.port, url).status, url)

    def test_keys_that_are_text_are_left_to_the_reader(self):
        library = os.path.join(support.ROOT, "assets", "library")
        process = self.start_run("--data", library,
                                 definition=os.path.join(library, "definition.yaml"))
        self.assertEqual(["/books", "/loans?branch=...", "/branches/:branch/longest"],
                         self.wait_for_block(process))
        self.assertIn('\nWrite a key of yours in place of :NAME or "...".\n', process.stdout)

    def test_from_nothing_it_prints_three_urls_that_answer(self):
        process = self.start_run()
        urls = self.wait_for_block(process)
        self.assertEqual(["/products", "/reviews?product_id=1", "/qa/questions?product_id=1"],
                         urls)
        self.assertNotIn("a key of yours", process.stdout)
        for url in urls:
            response = support.get(process.port, url)
            self.assertEqual(200, response.status, url)
            json.loads(response.body)
        self.assertEqual(sorted(["releases", "current"]),
                         sorted(set(os.listdir(self.path("root"))) & {"releases", "current",
                                                                      "exports.tmp"}))
        self.assertFalse([name for name in os.listdir(self.folder) if "importing" in name])
        self.assertEqual(0, process.stop())
        self.assert_nothing_left(process)

    def test_a_second_start_builds_nothing_and_is_quick(self):
        first = self.start_run()
        self.wait_for_block(first)
        self.assertEqual(0, first.stop())
        current = os.readlink(self.path("root", "current"))
        written = os.stat(self.path("source.db")).st_mtime_ns

        def start_again():
            if len(self.processes) > 1:
                self.assertEqual(0, self.processes[-1].stop())
            self.wait_for_block(self.start_run())

        self.assertLess(support.quickest(start_again, 5), 5)
        self.assertEqual(current, os.readlink(self.path("root", "current")))
        self.assertEqual(written, os.stat(self.path("source.db")).st_mtime_ns)
        self.assertEqual(0, self.processes[-1].stop())

    def test_a_change_of_the_source_is_served_without_a_restart(self):
        process = self.start_run()
        self.wait_for_block(process)
        source = sqlite3.connect(self.path("source.db"))
        with source:
            source.execute("UPDATE products SET name = 'Renamed' WHERE id = 1")
        source.close()
        support.wait_until(
            lambda: json.loads(support.get(process.port, "/products/1").body)["name"] == "Renamed",
            60, "the new name")
        self.assertEqual(0, process.stop())

    def test_ctrl_c_leaves_nothing(self):
        process = self.start_run()
        self.wait_for_block(process)
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to all of the group
        self.assertEqual(0, process.wait())
        self.assert_nothing_left(process)

    def test_sigint_to_the_supervisor_alone_leaves_nothing(self):
        process = self.start_run()
        self.wait_for_block(process)
        process.send(signal.SIGINT)
        self.assertEqual(0, process.wait())
        self.assert_nothing_left(process)

    def test_kill_9_of_the_supervisor_leaves_no_children(self):
        process = self.start_run()
        self.wait_for_block(process)
        self.assertIsNotNone(self.member(process, "serve"))
        process.send(signal.SIGKILL)
        process.wait()
        self.assert_nothing_left(process)

    def test_an_interrupted_import_does_not_count_as_data(self):
        process = self.start_run("--scale", 20000)
        support.wait_until(lambda: self.member(process, "import"), 120, "the import")
        process.send(signal.SIGKILL)
        process.wait()
        self.assert_nothing_left(process)
        self.assertFalse(os.path.exists(self.path("source.db")))
        again = self.start_run()
        for url in self.wait_for_block(again):
            self.assertEqual(200, support.get(again.port, url).status)
        self.assertFalse([name for name in os.listdir(self.folder) if "importing" in name])
        self.assertFalse(os.path.exists(self.path("root", "exports.tmp")))
        self.assertEqual(0, again.stop())

    def test_a_stop_during_the_import_is_clean(self):
        process = self.start_run("--scale", 20000)
        support.wait_until(lambda: self.member(process, "import"), 120, "the import")
        process.send(signal.SIGTERM)
        self.assertEqual(0, process.wait())
        self.assert_nothing_left(process)
        self.assertFalse(os.path.exists(self.path("source.db")))
        self.assertFalse(os.path.exists(self.path("root", "exports.tmp")))

    def test_the_service_outlives_the_builder(self):
        process = self.start_run()
        self.wait_for_block(process)
        builder = support.wait_until(lambda: self.member(process, "build"), what="the builder")
        os.kill(builder, signal.SIGKILL)
        for _ in range(50):
            self.assertEqual(200, support.get(process.port, "/products").status)
        support.wait_until(lambda: self.member(process, "build") not in (None, builder),
                           what="another builder")
        self.assertIn("child_ended command=build end=\"signal 9 (Killed)\" restart_in_ms=1000",
                      process.stderr)
        self.assertEqual(0, process.stop())
        self.assert_nothing_left(process)

    def test_a_service_that_died_is_started_again(self):
        process = self.start_run()
        self.wait_for_block(process)
        died = self.member(process, "serve")
        os.kill(died, signal.SIGKILL)
        support.wait_until(lambda: self.member(process, "serve") not in (None, died),
                           what="another service")
        support.wait_until(lambda: support.answers(process.port), what="its answer")
        self.assertEqual(200, support.get(process.port, "/products").status)
        self.assertEqual(0, process.stop())
        self.assert_nothing_left(process)

    def test_exports_of_ones_own_are_imported(self):
        exports = self.path("exports")
        support.vitrine("generate", "--definition", support.DEFINITION, "--scale", 30, exports)
        process = self.start_run("--data", exports)
        self.wait_for_block(process)
        page = json.loads(support.get(process.port, "/products?count=100").body)
        self.assertEqual(30, len(page))
        self.assertTrue(os.path.isdir(exports))
        self.assertEqual(0, process.stop())

    def test_a_missing_source_that_no_sample_can_fill_is_told_of_data(self):
        definition = os.path.join(support.ROOT, "assets", "library", "definition.yaml")
        done = support.vitrine("run", "--definition", definition, "--source",
                               "sqlite:" + self.path("none.db"), "--root", self.path("root"),
                               "--listen", f"127.0.0.1:{support.free_port()}", check=False)
        self.assertEqual(2, done.returncode)
        self.assertEqual(f"vitrine run: {self.path('none.db')}: there is no such database, and the "
                         "definition has no `sample` to make one by; import exports into it with "
                         "--data DIR, or look at the path\n", done.stderr)
        self.assertFalse(os.path.exists(self.path("none.db")))

    def test_a_port_in_use_is_refused_before_any_work(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            process = self.start_run(port=port)
            self.assertEqual(1, process.wait())
        self.assertEqual(f"vitrine run: --listen 127.0.0.1:{port}: another program listens there; "
                         "choose another port\n", process.stderr)
        self.assertFalse(os.path.exists(self.path("root")))

    def test_an_address_that_it_cannot_use_is_refused_before_any_work(self):
        for address in ("localhost", "::1:8080", "127.0.0.1:0"):
            with self.subTest(address=address):
                process = self.start_run("--listen", address)
                self.assertEqual(2, process.wait())
                self.assertEqual(f"vitrine run: --listen: \"{address}\" is not an address; write "
                                 "HOST:PORT, as in 127.0.0.1:8080\n", process.stderr)
                self.assertFalse(os.path.exists(self.path("root")))


class CommandLine(support.TestCase):
    """The program without a command, or with a wrong one."""

    def test_help_lists_every_command(self):
        text = support.vitrine("--help").stdout
        for name in ("generate", "import", "build", "serve", "run", "inspect", "verify",
                     "releases", "diff", "activate", "rollback", "pin", "unpin", "repair"):
            self.assertRegex(text, rf"(?m)^  {name} +\S")
            shown = support.vitrine("help", name).stdout
            self.assertTrue(shown.startswith(f"Usage: vitrine {name} "), shown)
            self.assertEqual(shown, support.vitrine(name, "--help").stdout)

    def test_lines_of_help_fit_a_terminal(self):
        for name in ("generate", "import", "build", "serve", "run", "inspect", "verify",
                     "releases", "diff", "activate", "rollback", "pin", "unpin", "repair"):
            for line in support.vitrine(name, "--help").stdout.splitlines()[1:]:
                self.assertLessEqual(len(line), 80, line)

    def test_a_mistyped_command_is_answered_with_the_nearest(self):
        done = support.vitrine("biuld", check=False)
        self.assertEqual(2, done.returncode)
        self.assertEqual("vitrine: there is no command \"biuld\"; did you mean \"build\"?\n"
                         "Try: vitrine --help\n", done.stderr)

    def test_no_command_prints_the_list_and_fails(self):
        done = support.vitrine(check=False)
        self.assertEqual(2, done.returncode)
        self.assertEqual("", done.stdout)
        self.assertIn("Commands:", done.stderr)

    def test_version_is_one_line(self):
        self.assertRegex(support.vitrine("--version").stdout, r"\Avitrine \d+\.\d+\.\d+\n\Z")


if __name__ == "__main__":
    support.main()
