"""The scripts that ops/terraform has machines run, with stand-ins for the commands of AWS and of
the system."""
import contextlib
import hashlib
import http.server
import itertools
import json
import os
import re
import socket
import stat
import subprocess
import sys
import threading

import support
from user_data import FILES, file_of_sample, read, write


class Machine(support.TestCase):
    """A machine of its own for a script: stand-ins come first in PATH and log their calls."""

    def setUp(self):
        super().setUp()
        self.bin = self.path("bin")
        os.mkdir(self.bin)
        self.log = self.path("log")
        write(self.log, "")
        self.settings = {"AWS_DEFAULT_REGION": "eu-west-1"}

    def stand_in(self, name, body="exit 0"):
        """A command that logs itself and runs BODY."""
        write(os.path.join(self.bin, name),
              f'#!/bin/bash\necho "{name} $*" >>{self.log}\n{body}\n', 0o755)

    def run_script(self, name, check=None, *arguments, **environment):
        """Runs a script to its end."""
        env = self.path("machine.env")
        write(env, "".join(f"{key}='{value}'\n" for key, value in self.settings.items()))
        done = subprocess.run(
            [*([sys.executable] if name == "fleet-nodes" else ["bash"]), os.path.join(FILES, name),
             *arguments],
            env={"PATH": f"{self.bin}:/usr/bin:/bin:/usr/sbin:/sbin", "MACHINE_ENV": env,
                 "HOME": self.folder, **environment},
            capture_output=True, text=True, timeout=60, check=False)
        if check is not None:
            self.assertEqual(check, done.returncode, done.stdout + done.stderr)
        return done

    def calls(self, name):
        """How a stand-in was called."""
        return [line for line in read(self.log).splitlines() if line.startswith(name + " ")]


class Install(Machine):
    """fleet-install."""

    def setUp(self):
        super().setUp()
        write(self.path("package"), "a package")
        self.stand_in("curl", f'cp {self.path("package")} "${{@: -2:1}}"')
        self.stand_in("aws", f'cp {self.path("package")} "${{@: -1}}"')
        self.stand_in("apt-get")
        self.settings |= {"PACKAGE_URL": "https://example.com/vitrine.deb",
                          "PACKAGE_SHA256": hashlib.sha256(b"a package").hexdigest()}

    def test_the_package_that_was_meant_is_installed(self):
        for url, command in (("https://example.com/vitrine.deb", "curl"),
                             ("s3://bucket/vitrine.deb", "aws")):
            write(self.log, "")
            self.settings["PACKAGE_URL"] = url
            self.run_script("fleet-install", 0)
            self.assertIn(url, self.calls(command)[0])
            self.assertIn("--force-confold", self.calls("apt-get")[0])
            self.assertIn("DPkg::Lock::Timeout=", self.calls("apt-get")[0])

    def test_another_package_is_not_installed(self):
        write(self.path("package"), "another package")
        done = self.run_script("fleet-install", 1)
        self.assertIn("is another package than package_sha256 says", done.stderr)
        self.assertEqual([], self.calls("apt-get"))

    def test_what_cannot_be_fetched_is_not_installed(self):
        self.stand_in("curl", "exit 22")
        self.run_script("fleet-install", 22)
        self.assertEqual([], self.calls("apt-get"))


class Storage(Machine):
    """fleet-storage."""

    DISKS = {  # name: (model, further names, signature, label)
        "/dev/root": ("Amazon Elastic Block Store", ["/dev/root1"], True, ""),
        "/dev/ebs": ("Amazon Elastic Block Store", [], False, ""),
        "/dev/nvme": ("Amazon EC2 NVMe Instance Storage", [], False, ""),
    }

    def start(self, device, disks, mounted=False):  # pylint: disable=arguments-differ
        """Runs the script on a machine with these disks."""
        lines = "".join(f"{name} disk {model}\n".replace(" EC2", r"\x20EC2")
                        for name, (model, _, _, _) in disks.items())
        names = "".join(f"{name}) echo {name}; {''.join(f'echo {part};' for part in parts)} ;;\n"
                        for name, (_, parts, _, _) in disks.items())
        self.stand_in("lsblk", f'if [ "$2" != NAME ]; then printf %s \'{lines}\'; exit; fi\n'
                               f'case "${{@: -1}}" in\n{names}esac')
        labels = "".join(f"{name}) {f'echo {label}' if label else 'exit 2'} ;;\n"
                         for name, (_, _, _, label) in disks.items())
        signed = "".join(f"{name}) exit {0 if signature else 2} ;;\n"
                         for name, (_, _, signature, _) in disks.items())
        self.stand_in("blkid", f'if [ "$2" = -s ]; then case "${{@: -1}}" in\n{labels}esac\n'
                               f'else case "${{@: -1}}" in\n{signed}esac\nfi')
        self.stand_in("mountpoint", "exit 0" if mounted else "exit 1")
        for name in ("mkfs.xfs", "mount", "chown", "install"):
            self.stand_in(name)
        self.settings |= {"DATA_DEVICE": device, "DATA_FOLDER": self.path("data"),
                          "DATA_USER": "vitrine", "TRUSTED_KEYS": "/etc/vitrine/trusted.pub"}
        os.makedirs(self.path("data"), exist_ok=True)
        return self.run_script("fleet-storage", STORAGE_TRIES="1")

    def test_a_blank_disk_of_the_kind_asked_for_becomes_xfs(self):
        for device, disk in (("attached", "/dev/ebs"), ("local", "/dev/nvme")):
            write(self.log, "")
            done = self.start(device, self.DISKS)
            self.assertEqual(0, done.returncode, done.stderr)
            self.assertEqual([f"mkfs.xfs -q -m reflink=1 -L vitrine {disk}"],
                             self.calls("mkfs.xfs"))
            self.assertEqual([f"mount -t xfs -o noatime {disk} {self.path('data')}"],
                             self.calls("mount"))

    def test_our_disk_is_mounted_as_it_is(self):
        model = "Amazon Elastic Block Store"
        done = self.start("attached", {"/dev/blank": (model, [], False, ""),
                                       "/dev/ours": (model, [], True, "vitrine")})
        self.assertEqual(0, done.returncode, done.stderr)
        self.assertEqual([], self.calls("mkfs.xfs"))
        self.assertIn("/dev/ours", self.calls("mount")[0])

    def test_a_disk_that_holds_something_else_is_left_alone(self):
        model = "Amazon Elastic Block Store"
        done = self.start("attached", {"/dev/root": (model, ["/dev/root1"], True, ""),
                                       "/dev/parts": (model, ["/dev/parts1"], False, ""),
                                       "/dev/other": (model, [], True, "backup")})
        self.assertEqual(1, done.returncode)
        self.assertIn("no blank disk and none with the label vitrine (attached)", done.stderr)
        self.assertEqual([], self.calls("mkfs.xfs") + self.calls("mount"))

    def test_a_disk_that_is_mounted_is_not_touched(self):
        done = self.start("attached", self.DISKS, mounted=True)
        self.assertEqual(0, done.returncode, done.stderr)
        self.assertEqual([], self.calls("mkfs.xfs") + self.calls("mount"))

    def test_trusted_keys_come_to_the_disk(self):
        self.start("attached", self.DISKS)
        self.assertEqual(["install -m 644 -o vitrine /etc/vitrine/trusted.pub "
                          + self.path("data", "trusted.pub")], self.calls("install"))


class Secrets(Machine):
    """fleet-secrets."""

    def setUp(self):
        super().setUp()
        self.stand_in("aws", f'cat {self.folder}/secret')
        self.stand_in("chown")
        self.stand_in("systemctl")
        self.settings |= {"DATA_USER": "vitrine", "PASSWORD_FILE": self.path("pgpass"),
                          "SIGNING_FILE": self.path("sign.key"), "TLS_FOLDER": self.path("tls")}

    def test_a_password_becomes_a_line_of_libpq(self):
        self.settings["PASSWORD_SECRET"] = "arn:1"
        for secret, line in (("plain", "plain"), ("a:b\\c", "a\\:b\\\\c"), ('"quoted"', '"quoted"'),
                             ('{"username": "vitrine", "password": "p:w"}', "p\\:w")):
            write(self.path("secret"), secret + "\n")
            self.run_script("fleet-secrets", 0)
            self.assertEqual(f"*:*:*:*:{line}\n", read(self.path("pgpass")))
            self.assertEqual(0o600, stat.S_IMODE(os.stat(self.path("pgpass")).st_mode))

    def test_a_secret_that_did_not_change_is_not_written(self):
        self.settings["SIGNING_SECRET"] = "arn:2"
        write(self.path("secret"), "ed25519-secret AAAA\n")
        self.run_script("fleet-secrets", 0)
        before = os.stat(self.path("sign.key"))
        self.run_script("fleet-secrets", 0)
        self.assertEqual(before.st_ino, os.stat(self.path("sign.key")).st_ino)
        self.assertEqual(1, len(self.calls("chown")))

    def test_a_secret_that_cannot_be_had_leaves_the_file(self):
        self.settings["PASSWORD_SECRET"] = "arn:1"
        write(self.path("secret"), "first")
        self.run_script("fleet-secrets", 0)
        self.stand_in("aws", "exit 254")
        self.run_script("fleet-secrets", 254)
        self.assertEqual("*:*:*:*:first\n", read(self.path("pgpass")))

    def test_a_file_that_its_user_could_not_read_is_not_put_in_place(self):
        self.stand_in("chown", "exit 1")
        self.settings["PASSWORD_SECRET"] = "arn:1"
        write(self.path("secret"), "first")
        self.run_script("fleet-secrets", 1)
        self.assertFalse(os.path.exists(self.path("pgpass")))
        self.stand_in("chown")
        self.run_script("fleet-secrets", 0)
        self.assertEqual("*:*:*:*:first\n", read(self.path("pgpass")))

    def test_a_new_certificate_reloads_nginx_and_an_old_one_does_not(self):
        self.settings["TLS_SECRET"] = "arn:3"
        write(self.path("secret"), json.dumps({"certificate": "CERT", "key": "KEY"}))
        self.run_script("fleet-secrets", 0)
        self.assertEqual(("CERT\n", "KEY\n"), (read(self.path("tls", "certificate.pem")),
                                               read(self.path("tls", "key.pem"))))
        self.run_script("fleet-secrets", 0)
        self.assertEqual(1, len([call for call in self.calls("systemctl") if "reload" in call]))


class Alert(Machine):
    """/etc/vitrine/alert of a builder."""

    def test_a_unit_that_failed_is_told_to_the_topic(self):
        self.stand_in("aws")
        self.settings["ALERT_TOPIC"] = "arn:aws:sns:eu-west-1:1:shop"
        done = self.run_script("alert", 0, "vitrine-build.service", MONITOR_EXIT_STATUS="3")
        self.assertIn("failed with 3", done.stdout)
        self.assertIn("--topic-arn arn:aws:sns:eu-west-1:1:shop", self.calls("aws")[0])


class Node(http.server.BaseHTTPRequestHandler):
    """The admin listener of a node; its server has ready, age and the paths that were asked."""

    def do_GET(self):  # pylint: disable=invalid-name
        """Answers."""
        server = self.server
        server.asked.append(self.path)
        if self.path == "/readyz":
            self.answer(200 if server.ready() else 503, "ready\n")
        elif self.path == "/metrics":
            self.answer(200, f"vitrine_ready 1\nvitrine_data_age_seconds {server.age}\n")
        else:
            self.answer(200, "i-1")

    do_PUT = do_GET

    def answer(self, status, text):
        """One answer."""
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_):  # pylint: disable=arguments-differ
        """Nothing."""


@contextlib.contextmanager
def node(host, port, ready=lambda: True, age=10):
    """A node that listens for the time of a with block."""
    server = http.server.ThreadingHTTPServer((host, port), Node)
    server.ready, server.age, server.asked = ready, age, []
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Ready(Machine):
    """fleet-ready."""

    def test_the_group_hears_of_a_node_when_it_is_ready(self):
        answers = itertools.chain([False], itertools.repeat(True))
        port = support.free_port()
        self.stand_in("aws")
        self.settings |= {"ADMIN_PORT": port, "GROUP": "shop-nodes", "HOOK": "ready"}
        with node("127.0.0.1", port, ready=lambda: next(answers)) as server:
            self.run_script("fleet-ready", 0, METADATA_URL=f"http://127.0.0.1:{port}")
        *before, token, instance = server.asked
        self.assertEqual(("/latest/api/token", "/latest/meta-data/instance-id"), (token, instance))
        self.assertEqual({"/readyz"}, set(before))
        self.assertGreaterEqual(len(before), 2)  # again, too, when an answer came too late
        self.assertEqual(["aws autoscaling complete-lifecycle-action --auto-scaling-group-name "
                          "shop-nodes --lifecycle-hook-name ready --instance-id i-1 "
                          "--lifecycle-action-result CONTINUE"], self.calls("aws"))


class Nodes(Machine):
    """fleet-nodes, the eyes of a balancer."""

    def setUp(self):
        super().setUp()
        self.port = support.free_port()
        self.settings |= {
            "GROUP": "shop-nodes", "SERVE_PORT": 8080, "ADMIN_PORT": self.port,
            "METRICS_NAMESPACE": "Vitrine/shop", "RENDER": self.path("render.py"),
            "FLEET_HEAD": self.path("balancer.ini"), "FLEET_FILE": self.path("fleet.ini"),
            "NGINX_CONF": self.path("nginx.conf")}
        write(self.path("balancer.ini"), "[balancer]\nlisten = 0.0.0.0:80\n")
        write(self.path("render.py"), "import sys\nprint(open(sys.argv[1]).read(), end='')\n")
        self.stand_in("nginx")
        self.stand_in("systemctl")
        self.stand_in("aws", f'cat {self.folder}/$2.json 2>/dev/null || true')
        self.group(3)

    def group(self, count, states=None):
        """The auto scaling group has so many instances; nodes listen on 127.0.1.N."""
        ids = [f"i-{number}" for number in range(1, count + 1)]
        write(self.path("describe-auto-scaling-groups.json"), json.dumps({"AutoScalingGroups": [
            {"Instances": [{"InstanceId": name, "LifecycleState": (states or {}).get(
                name, "InService")} for name in ids]}]}))
        write(self.path("describe-instances.json"), json.dumps({"Reservations": [
            {"Instances": [{"InstanceId": name, "PrivateIpAddress": f"127.0.1.{name[2:]}"}]}
            for name in ids if (states or {}).get(name, "InService") == "InService"]}))

    def look(self, check=0, ready=(1, 2, 3), ages=None):
        """One run, while these nodes are ready."""
        with contextlib.ExitStack() as stack:
            for number in (1, 2, 3):
                stack.enter_context(node(f"127.0.1.{number}", self.port,
                                         ready=lambda number=number: number in ready,
                                         age=(ages or {}).get(number, 10)))
            return self.run_script("fleet-nodes", check, FLEET_STATE=self.path("state.json"))

    def reported(self):
        """Instances that the group was told are unhealthy."""
        return re.findall(r"set-instance-health --instance-id (\S+) --health-status Unhealthy",
                          read(self.log))

    def test_nodes_in_service_are_balanced(self):
        self.group(3, {"i-2": "Pending:Wait"})
        self.look()
        self.assertEqual("[balancer]\nlisten = 0.0.0.0:80\n\n[nodes]\ni-1 = 127.0.1.1:8080\n"
                         "i-3 = 127.0.1.3:8080\n", read(self.path("fleet.ini")))
        self.assertIn("--instance-ids i-1 i-3 --output", self.calls("aws ec2")[0])
        self.assertEqual(read(self.path("fleet.ini")), read(self.path("nginx.conf")))
        self.assertEqual(["systemctl reload-or-restart nginx"], self.calls("systemctl"))

    def test_nginx_is_reloaded_only_when_the_nodes_are_others(self):
        self.look()
        self.look(ready=(1,))
        self.assertEqual(1, len(self.calls("systemctl")))
        self.group(2)
        self.look()
        self.assertEqual(2, len(self.calls("systemctl")))

    def test_a_configuration_that_nginx_refuses_is_not_used_and_tried_again(self):
        self.stand_in("nginx", "echo no such thing >&2; exit 1")
        done = self.look(1)
        self.assertIn("no such thing", done.stderr)
        self.assertFalse(os.path.exists(self.path("nginx.conf")))
        self.stand_in("nginx")
        self.look()
        self.assertEqual(1, len(self.calls("systemctl")))

    def test_the_balancer_stays_as_it_is_when_aws_does_not_answer(self):
        self.look()
        before = read(self.path("fleet.ini"))
        self.stand_in("aws", "echo throttled >&2; exit 254")
        done = self.look(1)
        self.assertIn("throttled; the balancer stays as it is", done.stderr)
        self.assertEqual(before, read(self.path("fleet.ini")))

    def test_the_balancer_stays_as_it_is_when_no_node_is_in_service(self):
        self.look()
        self.group(0)
        self.look()
        self.assertIn("i-1 =", read(self.path("fleet.ini")))

    def test_a_node_that_stays_not_ready_is_reported_once(self):
        for _ in range(3):
            self.look(ready=(1, 3))
        self.assertEqual([], self.reported())
        self.look(ready=(1, 3))
        self.assertEqual(["i-2"], self.reported())
        self.look(ready=(1, 3))
        self.assertEqual(["i-2"], self.reported())

    def test_a_node_that_comes_back_is_not_reported(self):
        for ready in ((1, 3), (1, 3), (1, 3), (1, 2, 3), (1, 3)):
            self.look(ready=ready)
        self.assertEqual([], self.reported())

    def test_no_node_is_reported_when_most_are_not_ready(self):
        for _ in range(6):
            self.look(ready=(1,))
        self.assertEqual([], self.reported())

    def test_the_oldest_data_and_the_ready_nodes_are_pushed(self):
        self.look(ready=(1, 3), ages={2: 7200.5})
        call = self.calls("aws cloudwatch")[0]
        self.assertIn("--namespace Vitrine/shop", call)
        self.assertEqual([{"MetricName": "ReadyNodes", "Value": 2},
                          {"MetricName": "ReleaseAgeSeconds", "Value": 7200.5, "Unit": "Seconds"}],
                         json.loads(re.search(r"--metric-data (\[.*\])", call)[1]))

    def test_a_primary_that_answers_anything_is_told_apart_from_one_that_does_not(self):
        silent = socket.create_server(("127.0.0.1", 0))  # as the socket of systemd
        self.addCleanup(silent.close)
        port = support.free_port()
        with node("127.0.0.1", port, ready=lambda: False):
            for address, value in ((f"127.0.0.1:{port}", 1),
                                   (f"127.0.0.1:{silent.getsockname()[1]}", 0),
                                   (f"127.0.0.1:{support.free_port()}", 0)):
                write(self.log, "")
                self.settings["PRIMARY"] = address
                self.look()
                self.assertIn(f'{{"MetricName": "PrimaryAnswers", "Value": {value}}}',
                              self.calls("aws cloudwatch")[0])

    def test_a_fleet_file_is_one_that_nginx_gets_rendered_from(self):
        render = os.path.join(support.ROOT, "ops", "nginx", "render.py")
        write(self.path("balancer.ini"), file_of_sample("balancer", "/etc/vitrine/balancer.ini"))
        self.settings["RENDER"] = render
        self.look()
        self.assertIn("127.0.1.3:8080", read(self.path("nginx.conf")))


if __name__ == "__main__":
    support.main()
