"""The Debian package: what is in it, that its manual page and units are as they should be, and, as
root, a fleet of fresh machines that it is installed on."""
import os
import re
import shutil
import sqlite3
import tempfile
import threading
import time
import unittest

import balancer
import booted
import netns
import package
import shelf
import support
from asking import ask_while

UNITS = "/lib/systemd/system"
SERVICES = ("vitrine-alert@.service", "vitrine-build.service", "vitrine-primary.service",
            "vitrine-pull.service", "vitrine-serve.service")
OTHERS = ("vitrine-build.timer", "vitrine-primary.socket", "vitrine-serve.socket")
SETTINGS = {"node": ("serve", "pull"), "builder": ("build",), "primary": ("primary",)}
EXPOSURE_MOST = 2.0

PORT = 8080
ADMIN = 9090
CLIENTS = 6


class Package(support.TestCase):
    """The package, unpacked into a folder."""

    @classmethod
    def setUpClass(cls):
        cls.tree = tempfile.mkdtemp(prefix="vitrine-package-")
        cls.addClassCleanup(shutil.rmtree, cls.tree)
        package.run("dpkg-deb", "-x", package.build(), cls.tree)

    def read(self, path):
        """The text of a file of the package."""
        with open(self.tree + path, encoding="utf-8") as file:
            return file.read()

    def program(self, *arguments, check=True):
        """Runs the program of the package, away from the sources."""
        return package.run(self.tree + "/usr/bin/vitrine", *arguments, check=check, cwd=self.folder)

    def test_it_depends_on_the_libraries_that_it_is_linked_with_and_on_rsync(self):
        depends = package.field("Depends")
        for name in ("libc6", "libuv1", "libsqlite3-0", "libpq5", "libsodium23", "rsync"):
            self.assertRegex(depends, rf"(^|, ){re.escape(name)} \(>=")

    def test_files_belong_to_root_and_settings_are_not_for_everybody(self):
        listing = package.run("dpkg-deb", "-c", package.build()).stdout
        modes = {line.split()[5].removeprefix("."): line.split()[:2]
                 for line in listing.splitlines()}
        self.assertEqual({"root/root"}, {owner for _, owner in modes.values()})
        for path, mode in (("/usr/bin/vitrine", "-rwxr-xr-x"),
                           ("/etc/vitrine/node.env", "-rw-r-----"),
                           ("/etc/vitrine/alert", "-rwxr-xr-x"), ("/etc/vitrine/", "drwxr-xr-x"),
                           (UNITS + "/vitrine-serve.service", "-rw-r--r--")):
            self.assertEqual(mode, modes[path][0], path)

    def test_the_program_is_stripped_and_protected(self):
        path = self.tree + "/usr/bin/vitrine"
        sections = package.run("readelf", "-WS", path).stdout
        self.assertEqual([], re.findall(r" (\.symtab|\.debug\w*) ", sections))
        dynamic = package.run("readelf", "-Wdl", path).stdout
        self.assertIn("GNU_RELRO", dynamic)
        self.assertRegex(dynamic, r"Flags: NOW PIE")
        symbols = package.run("readelf", "-W", "--dyn-syms", path).stdout
        self.assertIn(" __stack_chk_fail", symbols)
        self.assertRegex(symbols, r" __\w+_chk@GLIBC")  # of _FORTIFY_SOURCE

    def test_everything_below_etc_is_a_conffile(self):
        found = sorted(os.path.join(folder, name).removeprefix(self.tree)
                       for folder, _, names in os.walk(self.tree + "/etc") for name in names)
        listed = package.run("dpkg-deb", "-I", package.build(), "conffiles").stdout.split()
        self.assertEqual(found, sorted(listed))
        self.assertEqual(["logrotate.d", "vitrine"], sorted(os.listdir(self.tree + "/etc")))

    def test_the_definitions_that_come_along_are_found_and_can_be_used(self):
        done = self.program("generate", "--scale", "10", "--only", "products", "exports")
        self.assertIn("products", done.stdout)
        assets = self.tree + "/usr/share/vitrine/assets"
        self.program("import", "--definition", assets + "/library/definition.yaml", "--source",
                     "sqlite:library.db", assets + "/library")
        self.program("build", "--definition", assets + "/pex/definition.yaml", "--source",
                     "sqlite:pex.db", "--root", "root")

    def test_the_manual_page_has_every_command_and_every_option_of_its_help(self):
        page = package.run("gzip", "-dc", self.tree + "/usr/share/man/man1/vitrine.1.gz").stdout
        page = re.sub(r"\\f[BIR]", "", page).replace("\\-", "-")
        sections = dict(re.findall(r"(?ms)^\.SS vitrine (\w+)\n(.*?)(?=^\.S[SH] )", page))
        commands = re.findall(r"(?m)^  (\w+) ", self.program("--help").stdout)
        self.assertEqual(commands, list(sections))
        for command in commands:
            options = re.findall(r"(?m)^  (--\S+(?: [A-Z]\S*)?)(?:  |$)",
                                 self.program(command, "--help").stdout)
            self.assertIn("--help", options)
            for option in options:
                if option != "--help":
                    self.assertIn(f"\n.TP\n{option}\n", sections[command], command)

    @unittest.skipUnless(shutil.which("man"), "there is no program man")
    def test_the_manual_page_is_typeset_without_a_warning(self):
        done = package.run("man", "--warnings", "-l",
                           self.tree + "/usr/share/man/man1/vitrine.1.gz",
                           env={**os.environ, "LC_ALL": "C", "MANWIDTH": "100"})
        self.assertEqual("", done.stderr)
        self.assertIn("EXIT STATUS", done.stdout)

    def test_every_setting_is_commented_out_and_shows_the_default_of_its_unit(self):
        for name, units in SETTINGS.items():
            text = self.read(f"/etc/vitrine/{name}.env")
            shown = dict(re.findall(r"(?m)^#([A-Z_]+)=(.*)$", text))
            self.assertNotRegex(text, r"(?m)^[^#\n]")
            known = {}
            for unit in units:
                unit = self.read(f"{UNITS}/vitrine-{unit}.service")
                known.update(re.findall(r"(?m)^Environment=([A-Z_]+)=(.*)$", unit))
                self.assertIn(f"EnvironmentFile=-/etc/vitrine/{name}.env\n", unit)
                used = set(re.findall(r"\$\{?(VITRINE_[A-Z_]+)", unit))
                self.assertEqual(used, used & set(known))
            self.assertEqual(set(known), set(shown) - {"RSYNC_PASSWORD"})
            for variable, default in known.items():
                if default:
                    self.assertEqual(default, shown[variable])

    @unittest.skipUnless(shutil.which("systemd-analyze"), "there is no program systemd-analyze")
    def test_units_are_hardened(self):
        for name in SERVICES:
            done = package.run("systemd-analyze", "security", "--no-pager", "--offline=yes",
                               f"--threshold={EXPOSURE_MOST * 10:.0f}",
                               f"{self.tree}{UNITS}/{name}", check=False)
            overall = done.stdout.rpartition("Overall exposure level for ")[2].strip()
            self.assertEqual(0, done.returncode, overall or done.stderr)
            print(overall, flush=True)

    @unittest.skipUnless(shutil.which("systemd-analyze"), "there is no program systemd-analyze")
    def test_systemd_has_nothing_to_say_against_the_units(self):
        for name in (*SERVICES, *OTHERS, "vitrine-.service.d/10-hardening.conf"):
            text = self.read(f"{UNITS}/{name}")
            for path in ("/usr/bin/vitrine", "/etc/vitrine/alert"):
                text = text.replace("=" + path, f"={self.tree}{path}")
            os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
            with open(self.path(name), "w", encoding="utf-8") as file:
                file.write(text)
        done = package.run("systemd-analyze", "verify", "--man=no",
                           *(self.path(name) for name in (*SERVICES, *OTHERS)), check=False)
        self.assertEqual((0, ""), (done.returncode, done.stderr))

    @unittest.skipUnless(shutil.which("logrotate"), "there is no program logrotate")
    def test_logrotate_takes_its_part(self):
        text = self.read("/etc/logrotate.d/vitrine").replace("su vitrine vitrine\n", "")
        log = self.path("access.log")
        for name, content in (("rotate", text.replace("/var/log/vitrine", self.folder)),
                              ("access.log", "a line\n")):
            with open(self.path(name), "w", encoding="utf-8") as file:
                file.write(content)
        package.run("logrotate", "--force", "--state", self.path("state"), self.path("rotate"))
        self.assertEqual([False, True], [os.path.exists(log), os.path.exists(log + ".1")])

    @unittest.skipUnless(shutil.which("lintian"), "there is no program lintian")
    def test_lintian_has_nothing_to_say_against_it(self):
        done = package.run("lintian", "--allow-root", package.build(), check=False)
        self.assertEqual((0, ""), (done.returncode, done.stdout))


class Machines(unittest.TestCase):
    """Minimal Debian machines on one switch, with a folder."""

    names = ()

    @classmethod
    def setUpClass(cls):
        why = booted.why_not()
        if why:
            raise unittest.SkipTest(why)
        cls.folder = tempfile.mkdtemp(prefix="vitrine-machines-", dir="/var/tmp")
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        cls.lab = netns.Lab(*cls.names)
        cls.addClassCleanup(cls.lab.close)

    @classmethod
    def begin(cls, name):
        """A machine that is booted and has the package, and is powered off at the end; what its
        installation printed."""
        machine = booted.Debian(cls.folder, name, cls.lab.machines[name])
        cls.addClassCleanup(machine.power_off)
        machine.boot()
        return machine, machine.install(package.build())


class OneMachine(Machines):
    """What the package does to a machine, from the installation to the purge."""

    names = ("counter",)

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.machine, cls.printed = cls.begin("counter")

    def active(self, unit):
        """Whether a unit runs."""
        return self.machine.property(unit, "ActiveState")

    def test_1_nothing_is_enabled_by_the_installation_which_says_what_to_do_next(self):
        self.assertIn("nothing of it runs yet", self.printed)
        self.assertIn("systemctl enable --now vitrine-pull vitrine-serve", self.printed)
        for unit in (*SERVICES[1:], *OTHERS):
            state = self.machine.run("systemctl", "is-enabled", unit, check=False).stdout.strip()
            self.assertIn(state, ("disabled", "static"), unit)
            self.assertEqual("inactive", self.active(unit), unit)
        stat = self.machine.run("stat", "-c", "%U:%G %a", "/var/lib/vitrine").stdout
        self.assertEqual("vitrine:vitrine 750\n", stat)

    def test_2_a_unit_without_settings_says_so_once_and_wakes_somebody(self):
        machine = self.machine
        machine.run("systemctl", "start", "vitrine-pull")
        support.wait_until(lambda: self.active("vitrine-pull") == "failed", what="the failure")
        self.assertIn('"" is none of them', machine.journal("vitrine-pull"))
        self.assertEqual("0", machine.property("vitrine-pull", "NRestarts"))
        support.wait_until(lambda: "vitrine-pull failed with 2" in
                           machine.journal("vitrine-alert@vitrine-pull"), what="the alert")

    def test_2_a_build_that_failed_is_tried_again_and_at_last_wakes_somebody(self):
        self.build_in_vain("postgres://nobody@127.0.0.1:1/none")
        machine = self.machine
        self.assertEqual(5, machine.journal("vitrine-build").count("Connection refused"))
        support.wait_until(lambda: "vitrine-build failed with 1" in
                           machine.journal("vitrine-alert@vitrine-build"), what="the alert")
        self.assertEqual(1, machine.journal("vitrine-alert@vitrine-build").count("failed with"))
        machine.run("systemctl", "reset-failed", "vitrine-build")
        machine.run("systemctl", "start", "vitrine-build", check=False)
        self.assertLess(5, machine.journal("vitrine-build").count("Connection refused"))

    def test_2_a_build_without_settings_is_not_tried_again(self):
        self.build_in_vain("")
        self.assertEqual("0", self.machine.property("vitrine-build", "NRestarts"))
        self.assertEqual("2", self.machine.property("vitrine-build", "ExecMainStatus"))

    def build_in_vain(self, source):
        """Starts a build, and waits until its unit has failed; waits of minutes are short ones."""
        machine = self.machine
        drop_in = "/etc/systemd/system/vitrine-build.service.d/short.conf"
        machine.write(drop_in, f"[Service]\nRestartSec=100ms\nEnvironment=VITRINE_SOURCE={source}\n")
        machine.run("systemctl", "daemon-reload")
        self.addCleanup(machine.run, "systemctl", "reset-failed", "vitrine-build", check=False)
        self.addCleanup(machine.run, "systemctl", "daemon-reload")
        self.addCleanup(os.unlink, machine.path(drop_in))
        self.addCleanup(machine.run, "systemctl", "stop", "vitrine-build")
        self.assertNotEqual(0, machine.run("systemctl", "start", "vitrine-build",
                                           check=False).returncode)
        support.wait_until(lambda: self.active("vitrine-build") == "failed", what="the failure")

    def test_2_a_socket_listens_on_an_address_that_is_not_there_yet(self):
        machine = self.machine
        drop_in = "/etc/systemd/system/vitrine-serve.socket.d/address.conf"
        machine.write(drop_in, f"[Socket]\nListenStream=\nListenStream=10.99.99.1:{PORT}\n")
        machine.run("systemctl", "daemon-reload")
        machine.run("systemctl", "start", "vitrine-serve.socket")
        machine.run("systemctl", "stop", "vitrine-serve.socket")
        machine.run("rm", "-r", os.path.dirname(drop_in))
        machine.run("systemctl", "daemon-reload")

    def test_3_a_primary_writes_and_keeps_what_it_wrote_over_a_restart(self):
        machine = self.machine
        source = "VITRINE_SOURCE=sqlite:/var/lib/vitrine/pex.db\n"
        machine.append("/etc/vitrine/primary.env", source + "VITRINE_PRIMARY_OPTIONS="
                       "--access-log /var/log/vitrine/access.log\n")
        machine.append("/etc/vitrine/builder.env", source + "VITRINE_DEFINITION="
                       "/usr/share/vitrine/assets/pex/definition.yaml\n")
        machine.run("systemctl", "start", "vitrine-build")
        machine.run("systemctl", "enable", "--now", "vitrine-primary", "vitrine-build.timer")
        with machine.machine:
            numbers = [support.get(PORT, "/next").text for _ in range(6)]
            machine.run("systemctl", "restart", "vitrine-primary")
            numbers.append(support.get(PORT, "/current").text)
        self.assertEqual(["1", "1", "2", "3", "5", "8", "8"], numbers)
        self.assertIn('target="/next"', machine.run("cat", "/var/log/vitrine/access.log").stdout)

    def test_3_logs_that_are_rotated_go_on_in_a_new_file(self):
        machine = self.machine
        log = "/var/log/vitrine/access.log"
        script = re.search(r"postrotate\n(.*)\n +endscript",
                           machine.run("cat", "/etc/logrotate.d/vitrine").stdout)[1]
        pid = machine.property("vitrine-primary", "MainPID")
        self.assertNotIn(" reopen ", machine.journal("vitrine-primary"))
        machine.run("mv", log, log + ".1")
        machine.run("sh", "-ec", script)
        with machine.machine:
            support.wait_until(lambda: support.get(PORT, "/current?rotated") and
                               'target="/current?rotated"' in
                               machine.run("cat", log, check=False).stdout, what="a new log")
        self.assertEqual(pid, machine.property("vitrine-primary", "MainPID"))
        self.assertIn(" reopen signal=10", machine.journal("vitrine-primary"))
        self.assertNotIn(" reload ", machine.journal("vitrine-primary"))
        self.assertEqual("", machine.run("systemctl", "list-units", "-q", "vitrine-serve.service",
                                         "--state=active").stdout)

    def test_4_a_removal_stops_all_and_keeps_releases_and_settings(self):
        machine = self.machine
        machine.run("dpkg", "-r", "vitrine")
        for unit in ("vitrine-primary", "vitrine-primary.socket", "vitrine-build.timer"):
            self.assertEqual("inactive", self.active(unit), unit)
        with machine.machine:
            self.assertFalse(support.answers(PORT))
        self.assertEqual(1, machine.release())
        self.assertIn("pex.db", machine.run("cat", "/etc/vitrine/primary.env").stdout)

    def test_5_installed_again_it_is_enabled_as_before(self):
        machine = self.machine
        machine.install(package.build())
        state = machine.run("systemctl", "is-enabled", "vitrine-primary", "vitrine-primary.socket")
        self.assertEqual("enabled\nenabled\n", state.stdout)
        machine.run("systemctl", "start", "vitrine-primary")
        with machine.machine:
            self.assertEqual("8", support.get(PORT, "/current").text)

    def test_6_a_purge_removes_releases_settings_and_links_but_not_what_somebody_put_there(self):
        machine = self.machine
        machine.write("/etc/vitrine/shop.key", "secret")
        machine.write("/var/lib/vitrine/.publish/list", "of a publish that was killed")
        machine.run("dpkg", "-P", "vitrine")
        self.assertEqual(["shop.key"], os.listdir(machine.path("/etc/vitrine")))
        self.assertEqual([], [name for name in os.listdir(machine.path("/var/lib/vitrine"))
                              if not name.startswith("pex.db")])
        found = machine.run("find", "/etc", "/lib/systemd", "/usr", "/var/lib/systemd", "/var/log",
                            "-name", "*vitrine*", "-not", "-path", "/usr/share/doc*").stdout.split()
        self.assertEqual(["/etc/vitrine"], found)


class FreshNode(Machines):
    """A builder that signs, a node and a balancer. Builder and node are minimal Debians with
    the package and its dependencies; the builder has release 1 when a test begins, or a later one,
    and the node follows."""

    names = ("builder", "node", "balancer")

    @classmethod
    def setUpClass(cls):
        why = balancer.why_not()
        if why:
            raise unittest.SkipTest(why)
        super().setUpClass()
        cls.builder, _ = cls.begin("builder")
        cls.node, _ = cls.begin("node")
        cls.set_up_builder()
        cls.fresh = cls.set_up_node()
        cls.balance()

    @classmethod
    def set_up_builder(cls):
        """Release 1, signed, from an SQLite source, and an rsync daemon for it."""
        builder = cls.builder
        cls.shelf = shelf.Shelf(builder.path("/var/lib/vitrine"), large_loans=10)
        builder.run("vitrine", "keygen", "--out", "/etc/vitrine/shop")
        builder.run("chown", "vitrine:", "/etc/vitrine/shop.key", "/var/lib/vitrine/source.db",
                    "/var/lib/vitrine/definition.yaml")
        builder.append("/etc/vitrine/builder.env",
                       "VITRINE_SOURCE=sqlite:/var/lib/vitrine/source.db\n"
                       "VITRINE_DEFINITION=/var/lib/vitrine/definition.yaml\n"
                       "VITRINE_BUILD_OPTIONS=--sign /etc/vitrine/shop.key\n")
        builder.write("/etc/vitrine/alert", "#!/bin/sh\n"
                      "echo \"somebody wakes: $1 ended with $MONITOR_EXIT_STATUS\"\n")
        builder.run("cp", "/usr/share/doc/vitrine/examples/rsyncd.conf", "/etc/rsyncd.conf")
        builder.run("systemctl", "start", "vitrine-build", "rsync")

    @classmethod
    def set_up_node(cls):
        """Follows the builder and trusts its key alone. What its first client was answered, which
        asked before there was a release."""
        node = cls.node
        shutil.copy(cls.builder.path("/etc/vitrine/shop.pub"),
                    node.path("/var/lib/vitrine/trusted.pub"))
        node.append("/etc/vitrine/node.env",
                    f"VITRINE_FROM=rsync://{cls.builder.machine.address}/vitrine\n"
                    f"VITRINE_PULL_EVERY=200ms\nVITRINE_ADMIN=127.0.0.1:{ADMIN}\n")
        node.run("systemctl", "enable", "--now", "vitrine-serve")
        answers = []

        def ask():
            with node.machine:
                answers.append(support.get(PORT, "/branches/7", timeout=60))

        first = threading.Thread(target=ask)
        first.start()
        support.wait_until(lambda: "no release is active here" in node.journal("vitrine-serve"),
                           what="a service that has no release")
        time.sleep(1)
        node.run("systemctl", "enable", "--now", "vitrine-pull")
        first.join()
        return answers

    @classmethod
    def balance(cls):
        """nginx on a machine of its own."""
        with cls.lab.machines["balancer"]:
            running = balancer.Balancer(f"[balancer]\nlisten = 0.0.0.0:{PORT}\n[nodes]\n"
                                        f"node = {cls.node.machine.address}:{PORT}\n[cache]\n"
                                        "folder = cache\n", port=PORT)
        cls.addClassCleanup(running.stop)

    # What the tests ask for.

    def through_balancer(self, path="/branches/7"):
        """The answer to a client of the balancer."""
        with self.lab.machines["balancer"]:
            return support.get(PORT, path)

    def ready(self):
        """What /readyz of the node says."""
        with self.node.machine:
            try:
                answer = support.get(ADMIN, "/readyz")
            except OSError:
                return None
        return answer.status, answer.text

    def wait_for_release(self, number):
        """Waits until clients of the balancer are answered from release NUMBER."""
        support.wait_until(lambda: self.through_balancer().headers.get("vitrine-release") ==
                           f"{number:06}", what=f"answers of release {number}")

    def change_source(self, statement):
        """Changes the source on the builder."""
        with sqlite3.connect(self.shelf.source) as db:
            db.execute(statement)
        db.close()
        self.builder.run("chown", "vitrine:", "/var/lib/vitrine/source.db")

    def build_by_timer(self):
        """Has the timer fire in a second, and waits until its build has ended; how it ended."""
        builder = self.builder
        builder.write("/etc/systemd/system/vitrine-build.timer.d/soon.conf",
                      "[Timer]\nOnCalendar=\nOnActiveSec=1s\nAccuracySec=100ms\n"
                      "RandomizedDelaySec=0\n")
        builder.run("systemctl", "daemon-reload")
        before = builder.property("vitrine-build", "ExecMainStartTimestampMonotonic")
        builder.run("systemctl", "restart", "vitrine-build.timer")
        support.wait_until(
            lambda: builder.property("vitrine-build", "ExecMainStartTimestampMonotonic") != before
            and builder.property("vitrine-build", "ActiveState") in ("inactive", "failed"),
            what="the build of the timer")
        builder.run("systemctl", "stop", "vitrine-build.timer")
        return (builder.property("vitrine-build", "Result"),
                builder.property("vitrine-build", "ExecMainStatus"))

    def test_a_client_that_came_before_the_first_release_waited_for_it(self):
        self.assertEqual([200], [answer.status for answer in self.fresh])
        self.assertIn("no release is active here", self.node.journal("vitrine-serve"))

    def test_a_node_pulls_is_ready_and_serves_behind_the_balancer(self):
        support.wait_until(lambda: self.ready() == (200, "ready\n"), what="a node that is ready")
        answer = self.through_balancer()
        self.assertEqual(200, answer.status)
        self.assertIn("x-cache", answer.headers)
        self.assertIn('"id":7', answer.text)
        done = self.node.run("runuser", "-u", "vitrine", "--", "vitrine", "verify", "--root",
                             "/var/lib/vitrine")
        self.assertIn("signed by", done.stdout)

    def test_the_builder_offers_its_releases_and_nothing_else(self):
        top = f"rsync://{self.builder.machine.address}/vitrine/"
        listed = self.node.run("rsync", top).stdout
        self.assertEqual({".", "current", "releases"}, {line.split()[4] for line in
                                                        listed.splitlines()})
        done = self.node.run("rsync", top + "source.db", "/tmp/", check=False)
        self.assertNotEqual(0, done.returncode)
        self.assertFalse(os.path.exists(self.node.path("/tmp/source.db")))

    def test_the_timer_rebuilds_and_the_node_follows(self):
        number = self.builder.release()
        self.change_source(f"UPDATE branches SET version = {number} WHERE id = 7")
        self.assertEqual(("success", "0"), self.build_by_timer())
        self.assertEqual(number + 1, self.builder.release())
        self.wait_for_release(number + 1)
        self.assertIn(f'"version":{number}', self.through_balancer().text)

    def test_a_build_that_is_refused_wakes_somebody_and_the_node_goes_on(self):
        number = self.builder.release()
        kept = self.shelf.source + ".kept"
        shutil.copy(self.shelf.source, kept)
        self.addCleanup(self.builder.run, "chown", "vitrine:", "/var/lib/vitrine/source.db")
        self.addCleanup(os.rename, kept, self.shelf.source)
        self.change_source("DELETE FROM loans")
        self.assertEqual(("exit-code", "3"), self.build_by_timer())
        self.assertEqual("0", self.builder.property("vitrine-build", "NRestarts"))
        support.wait_until(lambda: "somebody wakes: vitrine-build ended with 3" in
                           self.builder.journal("vitrine-alert@vitrine-build"), what="the alert")
        self.assertEqual(number, self.builder.release())
        self.wait_for_release(number)

    def test_a_node_that_reboots_serves_the_same_release_without_its_builder(self):
        number = self.builder.release()
        self.wait_for_release(number)
        self.builder.run("systemctl", "stop", "rsync")
        self.node.power_off()
        self.node.boot()
        support.wait_until(lambda: self.ready() == (200, "ready\n"), what="a node that is ready")
        self.assertEqual(f"{number:06}", self.through_balancer().headers["vitrine-release"])
        support.wait_until(lambda: "pull_failed" in self.node.journal("vitrine-pull"),
                           what="a pull that fails")
        self.builder.run("systemctl", "start", "rsync")
        support.wait_until(lambda: "pull_recovered" in self.node.journal("vitrine-pull"),
                           what="a pull that works again")

    def test_an_upgrade_loses_no_request(self):
        deb = package.with_version(package.field("Version") + "+1", self.folder)
        before = self.node.property("vitrine-serve", "MainPID")

        def upgrade():
            time.sleep(1)
            self.node.install(deb)
            support.wait_until(lambda: self.ready() == (200, "ready\n"), what="a node that is ready")

        clients = ask_while(self, CLIENTS, PORT, upgrade, self.node.machine, more_than=1)
        self.assertNotEqual(before, self.node.property("vitrine-serve", "MainPID"))
        self.assertEqual("active", self.node.property("vitrine-pull", "ActiveState"))
        self.assertIn("+1", self.node.run("dpkg-query", "-W", "vitrine").stdout)
        print(f"{sum(client.answers for client in clients)} answers on "
              f"{sum(client.connections for client in clients)} connections during an upgrade, "
              f"0 failed; the longest wait was {max(client.longest_s for client in clients):.2f} s",
              flush=True)


if __name__ == "__main__":
    support.main()
