"""What ops/terraform has machines do when they boot: the user-data of each role is a file that
cloud-init takes, says nothing secret, and its rsync daemon is one that nodes can pull from."""
import base64
import glob
import gzip
import json
import os
import re
import shutil
import subprocess
import textwrap
import unittest

import pulling
import rsyncd
import support
from user_data import FILES, MODULE, ROLES, SAMPLES, file_of_sample, read, write

TEMPLATE = os.path.join(MODULE, "templates", "cloud-config.yaml.tftpl")
PYTHON = "/usr/bin/python3"  # that of Debian: cloud-init needs its packages

# cloud-init does not complain of a key that it does not know.
KEYS = {"package_update", "packages", "disable_root", "ssh_pwauth", "write_files", "runcmd"}


def unknown_keys(path):
    """FILE:LINE: of the keys at the top that are none of ours."""
    found = []
    for number, line in enumerate(read(path).splitlines(), 1):
        key = re.match(r"([A-Za-z_-]+):", line)
        if key and key[1] not in KEYS:
            found.append(f"{path}:{number}: {key[1]} is no key of cloud-init that is used here")
    return found


def cloud_init():
    """The command line and environment of cloud-init; a skipped test where there is none."""
    if shutil.which("cloud-init"):
        return ["cloud-init"], dict(os.environ)
    unpacked = os.path.join(support.ROOT, "build", "cloud-init", "usr", "lib", "python3",
                            "dist-packages")
    if not os.path.isdir(unpacked):
        raise unittest.SkipTest("no cloud-init: ./dev test unpacks it below build/")
    return ([PYTHON, "-m", "cloudinit.cmd.main"], {**os.environ, "PYTHONPATH": unpacked})


class UserData(support.TestCase):
    """The files that cloud-init gets."""

    def rendered(self, output="text"):
        """An output of the samples by Terraform: {role: user-data}."""
        tree = self.path("tree")
        shutil.copytree(MODULE, os.path.join(tree, "ops", "terraform", "modules", "user-data"))
        samples = shutil.copytree(SAMPLES, os.path.join(tree, "tests", "terraform", "samples"))
        shutil.copytree(os.path.join(support.ROOT, "assets", "atelier"),
                        os.path.join(tree, "assets", "atelier"))
        environment = {**os.environ, "CHECKPOINT_DISABLE": "1", "TF_CLI_CONFIG_FILE": os.devnull,
                       "TF_DATA_DIR": self.path("data")}
        for command in (["init"], ["apply", "-auto-approve"], ["output", "-json", output]):
            done = subprocess.run(["terraform", *command, "-no-color"], cwd=samples, text=True,
                                  env=environment, capture_output=True, timeout=120, check=False)
            self.assertEqual(0, done.returncode, done.stderr)
        return json.loads(done.stdout)

    @unittest.skipUnless(shutil.which("terraform"), "terraform is not installed")
    def test_samples_are_what_the_module_renders(self):
        rendered = self.rendered()
        self.assertEqual(set(ROLES), set(rendered))
        for role in ROLES:
            path = os.path.join(SAMPLES, f"{role}.yaml")
            if os.environ.get("UPDATE_SAMPLES"):
                write(path, rendered[role])
            self.assertEqual(read(path), rendered[role])

    @unittest.skipUnless(shutil.which("terraform"), "terraform is not installed")
    def test_cloud_init_takes_what_is_rendered(self):
        for role, text in self.rendered().items():
            write(self.path(f"{role}.yaml"), text)
            self.assertEqual((0, ""), self.judged(self.path(f"{role}.yaml")))

    @unittest.skipUnless(shutil.which("terraform"), "terraform is not installed")
    def test_a_large_definition_fits(self):
        packed = base64.b64decode(self.rendered("with_definition"))
        self.assertLessEqual(len(packed), 16384)
        text = gzip.decompress(packed).decode()
        definition = read(os.path.join(support.ROOT, "assets", "atelier", "definition.yaml"))
        self.assertIn(textwrap.indent(definition, " " * 6), text)
        write(self.path("builder.yaml"), text)
        self.assertEqual((0, ""), self.judged(self.path("builder.yaml")))

    def judged(self, path):
        """(exit code, complaints) of cloud-init."""
        command, environment = cloud_init()
        done = subprocess.run([*command, "schema", "--config-file", path], env=environment,
                              capture_output=True, text=True, timeout=60, check=False)
        return done.returncode, done.stderr

    def test_cloud_init_takes_the_samples(self):
        for role in ROLES:
            self.assertEqual((0, ""), self.judged(os.path.join(SAMPLES, f"{role}.yaml")))

    def test_cloud_init_refuses_a_key_of_the_wrong_kind(self):
        text = read(os.path.join(SAMPLES, "node.yaml"))
        write(self.path("node.yaml"), text.replace("    permissions: ", "    permission: ", 1))
        code, complaints = self.judged(self.path("node.yaml"))
        self.assertEqual(1, code)
        self.assertIn("write_files.0", complaints)

    def test_every_key_is_known(self):
        for path in [TEMPLATE, *(os.path.join(SAMPLES, f"{role}.yaml") for role in ROLES)]:
            self.assertEqual([], unknown_keys(path))

    def test_a_misspelt_key_is_found_in_its_line(self):
        write(self.path("template"), read(TEMPLATE).replace("\nruncmd:", "\nruncmds:"))
        number = read(TEMPLATE).split("\n").index("runcmd:") + 1
        self.assertEqual([f"{self.path('template')}:{number}: runcmds is no key of cloud-init that "
                          "is used here"], unknown_keys(self.path("template")))

    def test_no_secret_is_in_a_sample(self):
        for role in ROLES:
            text = read(os.path.join(SAMPLES, f"{role}.yaml"))
            self.assertNotRegex(text, r"ed25519-secret|PRIVATE KEY|://[^/\s]+:[^/\s]+@")


class Scripts(unittest.TestCase):
    """How they are written."""

    def scripts(self, shebang):
        """Scripts that begin so."""
        found = [path for path in sorted(glob.glob(os.path.join(FILES, "*")))
                 if read(path).startswith(shebang)]
        self.assertTrue(found)
        return found

    def test_shell_scripts_are_syntactically_right(self):
        for path in self.scripts("#!/bin/bash\n"):
            subprocess.run(["bash", "-n", path], check=True)

    @unittest.skipUnless(shutil.which("shellcheck"), "shellcheck is not installed")
    def test_shellcheck_has_nothing_to_say(self):
        done = subprocess.run(["shellcheck", *self.scripts("#!/bin/bash\n")], text=True,
                              capture_output=True, check=False)
        self.assertEqual((0, ""), (done.returncode, done.stdout))

    def test_python_scripts_compile(self):
        for path in self.scripts("#!/usr/bin/python3\n"):
            compile(read(path), path, "exec")


class Daemon(pulling.PullCase):
    """The rsync daemon of a builder."""

    def start_daemon(self):
        """Starts it as a builder would, with folders of the test."""
        config = file_of_sample("builder", "/etc/vitrine/rsyncd.conf")
        for old, new in (("/run/fleet-rsyncd", "{folder}"), ("/var/lib/vitrine", "{root}"),
                         ("10.0.0.0/16", "127.0.0.0/8")):
            self.assertIn(old, config)
            config = config.replace(old, new)
        self.daemons.append(rsyncd.Daemon(self.shelf.root, config=config))
        return self.daemons[-1].url

    def test_a_node_pulls_from_it(self):
        self.shelf.build()
        self.pull(self.start_daemon())
        self.assertEqual(os.readlink(os.path.join(self.shelf.root, "current")),
                         os.readlink(os.path.join(self.node(), "current")))

    def test_it_gives_releases_and_nothing_else(self):
        self.shelf.build()
        write(os.path.join(self.shelf.root, "sign.key"), "secret")
        done = subprocess.run(["rsync", "-r", "--list-only", self.start_daemon() + "/"], text=True,
                              capture_output=True, timeout=30, check=True)
        names = {line.split()[4].split("/")[0] for line in done.stdout.splitlines()}
        self.assertEqual({".", "current", "releases"}, names)


if __name__ == "__main__":
    support.main()
