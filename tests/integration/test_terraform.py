"""ops/terraform: what Terraform would say of it, always without the provider of AWS.

tests/terraform/check (Go, with the parser and the formatter of Terraform) compares all files with
the arguments in tests/terraform/aws-schema.json. Where Terraform is installed it runs the tests of
the modules that need no provider, and plans the examples with stand-ins for all resources."""
import glob
import json
import os
import re
import shutil
import subprocess
import sys
import unittest

import support

sys.path.insert(0, os.path.join(support.ROOT, "tests", "terraform"))
from stand_in import stand_in  # pylint: disable=wrong-import-position

TREE = os.path.join(support.ROOT, "ops", "terraform")
CHECK = os.path.join(support.ROOT, "tests", "terraform", "check")
SCHEMA = os.path.join(support.ROOT, "tests", "terraform", "aws-schema.json")
BUILT = os.path.join(support.ROOT, "build", "terraform-check")
HCL = "/usr/share/gocode/src/github.com/hashicorp/hcl/v2"
TERRAFORM = shutil.which("terraform")

# What the planted mistake is, where, what becomes of what, at which text the line is, what is said.
PLANTED = [
    ("a misspelt argument", "modules/network/main.tf",
     "enable_dns_hostnames = true", "enable_dns_hostname  = true", "enable_dns_hostname ",
     "aws_vpc has no argument enable_dns_hostname; is enable_dns_hostnames meant?"),
    ("a misspelt argument of a block", "modules/nodes/main.tf",
     "http_tokens  ", "https_tokens ", "https_tokens",
     "aws_launch_template.metadata_options has no argument https_tokens; is http_tokens meant?"),
    ("a misspelt argument of a dynamic block", "modules/nodes/main.tf",
     "volume_size           = block_device", "volume_sizes          = block_device", "volume_sizes",
     "aws_launch_template.block_device_mappings.ebs has no argument volume_sizes; "
     "is volume_size meant?"),
    ("a misspelt block", "modules/builder/main.tf",
     "  root_block_device {", "  root_block_devices {", "root_block_devices",
     "aws_instance has no block root_block_devices; is root_block_device meant?"),
    ("a missing required argument", "modules/builder/main.tf",
     "  volume_id                      = aws_ebs_volume.releases.id\n", "",
     'resource "aws_volume_attachment"', "aws_volume_attachment needs volume_id"),
    ("a missing required block", "modules/bucket/main.tf",
     '  versioning_configuration {\n    status = "Enabled"\n  }\n', "",
     'resource "aws_s3_bucket_versioning"',
     "aws_s3_bucket_versioning needs a block versioning_configuration"),
    ("a block as an argument", "modules/bucket/main.tf",
     "  versioning_configuration {", "  versioning_configuration = {", "versioning_configuration =",
     "versioning_configuration of aws_s3_bucket_versioning is a block; "
     "write versioning_configuration { ... } without ="),
    ("a word for a number", "modules/alarms/main.tf",
     "threshold           = 0", 'threshold           = "none"', 'threshold           = "none"',
     "threshold of aws_cloudwatch_metric_alarm is a number"),
    ("a resource that does not exist", "modules/network/main.tf",
     'resource "aws_internet_gateway" "this"', 'resource "aws_internet_gate" "this"',
     '"aws_internet_gate"', "aws_internet_gate is not in the schema"),
    ("an undeclared variable", "modules/builder/main.tf",
     "var.root_gb", "var.root_size", "var.root_size", "var.root_size is not declared"),
    ("a variable that nothing uses", "modules/alarms/variables.tf",
     'variable "mail"',
     'variable "unused" {\n  description = "None."\n  type        = string\n}\n\nvariable "mail"',
     'variable "unused"', "variable unused is never used"),
    ("an undeclared local value", "modules/nodes/main.tf",
     "tags          = local.tags", "tags          = local.labels", "local.labels",
     "local.labels is not declared"),
    ("an undeclared resource", "modules/network/main.tf",
     "aws_internet_gateway.this.id", "aws_internet_gateway.main.id", "gateway.main.id",
     "aws_internet_gateway.main is not declared"),
    ("an attribute that a resource has not", "modules/builder/outputs.tf",
     "aws_network_interface.this.private_ip}:${module.ports.all.serve}",
     "aws_network_interface.this.private_adr}:${module.ports.all.serve}", "private_adr",
     "aws_network_interface has no attribute private_adr"),
    ("each without for_each", "modules/builder/main.tf",
     "${var.name}-releases", "${each.key}-releases", "each.key",
     "each.key is in a block without for_each"),
    ("a wrong output of a module", "examples/small/main.tf",
     "module.builder.releases_url", "module.builder.releases", "module.builder.releases\n",
     "has no output releases"),
    ("an argument that a module has not", "examples/small/main.tf",
     "  size           = 3", "  count_of_nodes = 3", "count_of_nodes",
     "has no variable count_of_nodes"),
    ("an argument that a module needs", "examples/large/main.tf",
     "  releases_url   = module.bucket.url\n", "", 'module "nodes"',
     "module nodes needs releases_url"),
    ("a module that is not there", "examples/large/main.tf",
     '"../../modules/bucket"', '"../../modules/buckets"', 'module "bucket"',
     "module bucket has no source that is a folder with .tf files"),
    ("a network that is none", "examples/small/main.tf",
     '"10.0.0.0/16"', '"10.0.0.0/33"', "10.0.0.0/33", '"10.0.0.0/33" is no network'),
    ("an address for a network", "examples/small/variables.tf",
     '["0.0.0.0/0"]', '["10.0.0.1/16"]', "10.0.0.1/16", '"10.0.0.1/16" is no network'),
    ("a template variable that is not given", "modules/user-data/templates/rsyncd.conf.tftpl",
     "${root}", "${folder}", "${folder}", "the template is not given folder"),
    ("a template argument that is not used", "modules/user-data/files.tf",
     "connections  = var.pullers", "connections  = var.pullers\n        others       = 3",
     "others  ", "template rsyncd.conf.tftpl never uses others"),
    ("a template that is not there", "modules/user-data/outputs.tf",
     "cloud-config.yaml.tftpl", "cloud-init.yaml.tftpl", "cloud-init.yaml.tftpl",
     "there is no file"),
    ("a function that does not exist", "modules/nodes/main.tf",
     "ceil(var", "ceiling(var", "ceiling(", "unknown function ceiling"),
    ("a test of a variable that is not there", "modules/user-data/tests/refused.tftest.hcl",
     'primary = "http', 'primery = "http', "primery", "has no variable primery"),
    ("a file that is not formatted", "modules/nodes/main.tf",
     "  min_size            = var.size", "  min_size = var.size", "min_size = var.size",
     "not in canonical format; run terraform fmt"),
    ("a brace that is not closed", "modules/bucket/outputs.tf",
     'output "reader_policy" {', 'output "reader_policy" {{', "reader_policy",
     "Argument or block definition required"),
]

PACKAGE = {"package_url": "s3://packages/vitrine_0.1.0_amd64.deb", "package_sha256": "0" * 64}
KEY = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:key"

# Which example, with which variables, makes how many of what.
PLANNED = [
    ("small", {}, {"aws_instance": 2, "aws_autoscaling_group": 1, "aws_eip": 2,
                   "aws_db_instance": 1, "aws_nat_gateway": 1, "aws_lb": 0, "aws_s3_bucket": 0,
                   "aws_cloudwatch_metric_alarm": 6}),
    ("small", {"package_url": "https://example.com/vitrine.deb", "signing_secret": KEY,
               "trusted_keys": '["ed25519 AAAA"]', "tls_secret": KEY,
               "mail": '["oncall@example.com"]'}, {"aws_sns_topic_subscription": 1}),
    ("large", {}, {"aws_instance": 4, "aws_nat_gateway": 3, "aws_lb": 1, "aws_s3_bucket": 1,
                   "aws_db_instance": 1, "aws_lb_target_group_attachment": 3, "aws_eip": 3,
                   "aws_cloudwatch_metric_alarm": 9}),
    ("large", {"source_url": "postgres://vitrine@db.example.com/shop",
               "source_cidrs": '["10.9.0.12/32"]',
               "certificate_arn": "arn:aws:acm:eu-west-1:111122223333:certificate/1"},
     {"aws_db_instance": 0}),
]

# Who may open connections to whom.
FLOWS = {
    "small": {"clients -> balancer", "balancer -> nodes:8080", "balancer -> nodes:9090",
              "balancer -> builder:8080", "nodes -> builder:8080", "nodes -> builder:8730",
              "builder -> source:5432"},
    "large": {"clients -> front", "front -> balancer:80", "balancer -> nodes:8080",
              "balancer -> nodes:9090", "balancer -> builder:8080", "nodes -> builder:8080",
              "builder -> source:5432"},
}

# What is asked of examples/large, and what it is refused with.
REFUSED = [
    ({"name": "Shop"}, "name has 2 to 20 lower-case letters, digits and -"),
    ({"zones": '["eu-west-1a"]'}, "zones are 2 to 8 different availability zones"),
    ({"zones": '["eu-west-1", "eu-west-2"]'}, 'write "eu-west-1a", not "eu-west-1"'),
    ({"client_cidrs": '["10.0.0.0/33"]'}, "client_cidrs are IPv4 networks"),
    ({"source_cidrs": '["db.example.com"]'}, "source_cidrs are IPv4 networks"),
    ({"source_url": "postgres://vitrine:hunter2@db/shop"}, "url has a password in it"),
    ({"source_url": "mysql://db/shop"}, 'url is "postgres://user@host:5432/database'),
    ({"nodes": "1"}, "size is 2 to 100: with one node nothing answers while it is replaced"),
    ({"ami_id": "debian-12"}, "ami_id is the id of an image"),
    ({"certificate_arn": "cert.pem"}, "certificate_arn is the ARN of a certificate"),
    ({"mail": '["oncall"]'}, "mail has addresses of mail"),
    ({"package_url": "http://example.com/vitrine.deb"}, "package_url leads to the .deb"),
    ({"package_sha256": "abc"}, "package_sha256 is 64 hexadecimal digits"),
    ({"trusted_keys": '["ed25519-secret AAAA"]'}, "trusted_keys are public"),
    ({"signing_secret": "hunter2"}, "signing_secret is the ARN of a secret"),
]


def build_check():
    """The checker, built when it is older than its sources; a skipped test where Go is missing."""
    program = os.path.join(BUILT, "check")
    sources = sorted(glob.glob(os.path.join(CHECK, "*.go")))
    if os.path.exists(program) and all(os.path.getmtime(source) < os.path.getmtime(program)
                                       for source in sources):
        return program
    if not shutil.which("go") or not os.path.isdir(HCL):
        raise unittest.SkipTest("no Go, or not its package hcl: ./dev setup installs them")
    os.makedirs(BUILT, exist_ok=True)
    environment = {**os.environ, "GO111MODULE": "off", "GOPATH": "/usr/share/gocode",
                   "GOCACHE": os.path.join(BUILT, "cache"), "GOFLAGS": "-p=2"}
    subprocess.run(["nice", "go", "build", "-o", program, *sources], env=environment, check=True,
                   timeout=300)
    return program


def checked(program, tree):
    """(exit code, output) of the checker for a folder; paths in it are below that folder."""
    done = subprocess.run([program, SCHEMA, tree], capture_output=True, text=True, timeout=60,
                          check=False)
    return done.returncode, (done.stdout + done.stderr).replace(tree + "/", "")


def copy_of_tree(folder):
    """ops/terraform elsewhere, where it may be changed."""
    return shutil.copytree(TREE, folder, ignore=shutil.ignore_patterns(".terraform*"))


def read(path):
    """The text of a file."""
    with open(path, encoding="utf-8") as file:
        return file.read()


def line_of(text, part):
    """The number of the first line that holds PART."""
    return text[:text.index(part)].count("\n") + 1


class Checked(support.TestCase):
    """What is found without Terraform."""

    @classmethod
    def setUpClass(cls):
        cls.program = build_check()

    def test_the_tree_has_no_mistakes(self):
        self.assertEqual((0, ""), checked(self.program, TREE))

    def test_the_samples_have_no_mistakes(self):
        samples = os.path.join(support.ROOT, "tests", "terraform", "samples")
        self.assertEqual((0, ""), checked(self.program, samples))

    def test_every_planted_mistake_is_found_in_its_line(self):
        for number, (name, path, old, new, at, said) in enumerate(PLANTED):
            with self.subTest(name):
                tree = copy_of_tree(self.path(str(number)))
                text = read(os.path.join(tree, path))
                self.assertIn(old, text)
                text = text.replace(old, new, 1)
                with open(os.path.join(tree, path), "w", encoding="utf-8") as file:
                    file.write(text)
                code, output = checked(self.program, tree)
                self.assertEqual(1, code, output)
                found = [line for line in output.splitlines() if said in line]
                self.assertTrue(found, output)
                self.assertIn(f"{path}:{line_of(text, at)}:", found[0])

    def test_a_wrong_command_line_is_told(self):
        done = subprocess.run([self.program, SCHEMA], capture_output=True, text=True, check=False)
        self.assertEqual((2, "usage: check SCHEMA FOLDER...\n"), (done.returncode, done.stderr))
        self.assertEqual(2, checked(self.program, self.folder)[0])


@unittest.skipUnless(TERRAFORM, "terraform is not installed")
class WithTerraform(support.TestCase):
    """What the program itself finds where no provider is needed."""

    def data(self, folder):
        """Where Terraform keeps what it knows of a folder."""
        return self.path("data" + folder.replace(os.sep, "-"))

    def terraform(self, folder, *arguments):
        """(exit code, output) of a command in a folder."""
        environment = {**os.environ, "CHECKPOINT_DISABLE": "1", "TF_CLI_CONFIG_FILE": os.devnull,
                       "TF_DATA_DIR": self.data(folder), "TF_IN_AUTOMATION": "1"}
        done = subprocess.run([TERRAFORM, *arguments], cwd=folder, env=environment, timeout=120,
                              capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr

    def test_all_files_are_in_canonical_format(self):
        for tree in (TREE, os.path.join(support.ROOT, "tests", "terraform")):
            self.assertEqual((0, ""), self.terraform(tree, "fmt", "-check", "-recursive"))

    def test_terraform_and_the_checker_agree_on_what_is_not_formatted(self):
        tree = copy_of_tree(self.path("tree"))
        path = os.path.join(tree, "modules", "nodes", "main.tf")
        with open(path, "a", encoding="utf-8") as file:
            file.write("\nlocals {\n   badly = 1\n}\n")
        code, output = self.terraform(tree, "fmt", "-check", "-recursive")
        self.assertEqual((3, "modules/nodes/main.tf\n"), (code, output))
        self.assertIn("modules/nodes/main.tf:", checked(build_check(), tree)[1])

    def planned(self, tree, example, variables, *arguments):
        """(exit code, output) of a plan of a stand-in."""
        folder = os.path.join(tree, "examples", example)
        if not os.path.isdir(self.data(folder)):
            code, output = self.terraform(folder, "init", "-no-color")
            self.assertEqual(0, code, output)
        given = [f"-var={name}={value}" for name, value in {**PACKAGE, **variables}.items()]
        return self.terraform(folder, "plan", "-no-color", "-input=false", *given,
                              *arguments)

    def test_the_examples_can_be_planned(self):
        tree = stand_in(TREE, self.path("tree"))
        for example, variables, counts in PLANNED:
            with self.subTest(f"{example} {variables}"):
                code, output = self.planned(tree, example, variables)
                self.assertEqual(0, code, output[-2000:])
                for name, count in counts.items():
                    made = re.findall(rf"# \S*terraform_data\.{name}__\S+ will be created", output)
                    self.assertEqual(count, len(made), name)

    def test_machines_talk_to_each_other_as_they_must_and_no_more(self):
        tree = stand_in(TREE, self.path("tree"))
        for module, value in (("modules/network", "[local.flows, local.entrance]"),
                              ("examples/small", "module.network.table"),
                              ("examples/large", "module.network.table")):
            with open(os.path.join(tree, module, "outputs.tf"), "a", encoding="utf-8") as file:
                file.write(f'output "table" {{\n  value = {value}\n}}\n')
        for example, expected in FLOWS.items():
            code, output = self.planned(tree, example, {}, f"-out={self.path('plan')}")
            self.assertEqual(0, code, output[-2000:])
            output = self.terraform(os.path.join(tree, "examples", example), "show", "-json",
                                    self.path("plan"))[1]
            flows, entrance = json.loads(output)["planned_values"]["outputs"]["table"]["value"]
            found = {f"{flow['from']} -> {flow['to']}:{flow['port']}" for flow in flows.values()}
            self.assertEqual(expected, found | {f"clients -> {entrance}"})

    def test_half_of_a_fleet_that_is_not_ready_raises_an_alarm(self):
        tree = stand_in(TREE, self.path("tree"))
        for nodes, least in ((2, 2), (3, 2), (4, 3), (9, 5)):
            code, output = self.planned(tree, "large", {"nodes": str(nodes)},
                                        f"-out={self.path('plan')}")
            self.assertEqual(0, code, output[-2000:])
            output = self.terraform(os.path.join(tree, "examples", "large"), "show", "-json",
                                    self.path("plan"))[1]
            found = re.search(r'"metric_name":"ReadyNodes"[^{}]*?"threshold":(\d+)', output)
            self.assertEqual(least, int(found[1]), nodes)

    def test_what_is_wrong_is_refused_with_what_to_write(self):
        tree = stand_in(TREE, self.path("tree"))
        for variables, message in REFUSED:
            with self.subTest(f"{variables}"):
                code, output = self.planned(tree, "large", variables)
                self.assertEqual(1, code)
                self.assertIn(message, " ".join(output.split()))

    def test_tls_belongs_to_who_clients_come_to(self):
        tree = stand_in(TREE, self.path("tree"))
        for example, given, wrong, message in (
                ("large", "certificate_arn      = var.certificate_arn", f'tls_secret = "{KEY}"',
                 "give certificate_arn, not tls_secret"),
                ("small", "tls_secret        = var.tls_secret",
                 'certificate_arn = "arn:aws:acm:eu-west-1:111122223333:certificate/1"',
                 "give tls_secret, not certificate_arn")):
            path = os.path.join(tree, "examples", example, "main.tf")
            text = read(path)
            self.assertIn(given, text)
            with open(path, "w", encoding="utf-8") as file:
                file.write(text.replace(given, wrong))
            code, output = self.planned(tree, example, {})
            self.assertEqual(1, code, example)
            self.assertIn(message, " ".join(output.replace("│", " ").split()))

    def test_modules_without_a_provider_are_valid_and_their_tests_pass(self):
        found = []
        for folder in sorted({os.path.dirname(path) for path in
                              glob.glob(os.path.join(TREE, "modules", "**", "*.tf"),
                                        recursive=True)}):
            files = glob.glob(os.path.join(folder, "*.tf"))
            if any("required_providers" in read(path) for path in files):
                continue
            found.append(os.path.relpath(folder, TREE))
            copied = shutil.copytree(folder, self.path(f"module{len(found)}"))
            for command in (("init", "-backend=false"), ("validate",), ("test", "-no-color")):
                code, output = self.terraform(copied, *command)
                self.assertEqual(0, code, output)
            tests = glob.glob(os.path.join(folder, "tests", "*.tftest.hcl"))
            runs = sum(read(path).count('\nrun "') for path in tests)
            self.assertIn(f"Success! {runs} passed, 0 failed.", output)
        self.assertEqual(["modules/user-data", "modules/user-data/ports"], found)


class Agreed(unittest.TestCase):
    """The module names what others have."""

    def names(self):
        """The text of names.tf."""
        return read(os.path.join(TREE, "modules", "user-data", "names.tf"))

    def test_settings_are_those_of_the_package(self):
        folder = os.path.join(support.ROOT, "ops", "debian", "etc")
        known = "".join(read(path) for path in glob.glob(os.path.join(folder, "*.env")))
        for name in re.findall(r'"(VITRINE_\w+)"', self.names()):
            self.assertRegex(known, rf"(?m)^#?{name}=")

    def test_units_are_those_of_the_package(self):
        folder = os.path.join(support.ROOT, "ops", "systemd")
        for name in re.findall(r'"(vitrine-\w+\.(?:service|timer))"', self.names()):
            self.assertIn(name, os.listdir(folder))

    def test_every_module_has_its_variables_and_outputs_in_its_readme(self):
        missing = []
        for folder in sorted(glob.glob(os.path.join(TREE, "modules", "*"))):
            readme = read(os.path.join(folder, "README.md"))
            for path in glob.glob(os.path.join(folder, "*.tf")):
                for kind, name in re.findall(r'(?m)^(variable|output) "(\w+)"', read(path)):
                    if f"`{name}`" not in readme:
                        missing.append(f"{os.path.basename(folder)}/README.md: {kind} {name}")
        self.assertEqual([], missing)


if __name__ == "__main__":
    support.main()
