"""Releases through a bucket: `vitrine build --publish s3://...` and `vitrine pull --from s3://...`. What
did not change does not travel, nobody ever sees a part of a release, and what is damaged, cut or of
another hand never becomes the current one."""
import os
import shutil
import signal
import sqlite3
import subprocess
import time
import unittest

import s3server
import shelf
import support
from releases import files_below

SERVER = None


def setUpModule():  # pylint: disable=invalid-name
    """One server for all; each test has a prefix of its own."""
    global SERVER  # pylint: disable=global-statement
    SERVER = s3server.Server()


def tearDownModule():  # pylint: disable=invalid-name
    """Ends it."""
    SERVER.stop()


class BucketCase(support.TestCase):
    """A builder's root, a prefix in the bucket, and roots of nodes."""

    def setUp(self):
        super().setUp()
        self.proxy = SERVER.proxy
        self.proxy.reset()
        self.addCleanup(self.proxy.reset)
        self.prefix = os.path.basename(self.folder).replace("_", "-")
        self.url = f"s3://{s3server.BUCKET}/{self.prefix}"
        self.env = s3server.environment(self.proxy.port, self.folder)
        self.shelf = shelf.Shelf(self.folder, large_loans=500)

    def build_arguments(self, *more):
        """Of a build that publishes."""
        return ("build", "--definition", self.shelf.definition, "--source",
                "sqlite:" + self.shelf.source, "--root", self.shelf.root, *self.shelf.signing,
                "--publish", self.url, *more)

    def read(self, path):
        """The text of a file."""
        with open(path, encoding="utf-8") as file:
            return file.read()

    def publish(self, *more, check=True, env=None):
        """Builds when something changed, and publishes."""
        return support.vitrine(*self.build_arguments(*more), check=check, env=env or self.env,
                               timeout=120)

    def change(self, version):
        """Changes every branch, and no loan."""
        with sqlite3.connect(self.shelf.source) as db:
            db.execute("UPDATE branches SET version = ?", (version,))
        db.close()

    def node(self, name="node"):
        """The root of a node."""
        return self.path(name)

    def pull(self, *more, root=None, check=True, env=None, source=None):
        """One pull into ROOT."""
        return support.vitrine("pull", "--from", source or self.url, "--root", root or self.node(),
                               *more, check=check, env=env or self.env, timeout=120)

    def assert_fails(self, code, text, done):
        """DONE ended with CODE, and TEXT is in what it said."""
        self.assertEqual(code, done.returncode, done.stdout + done.stderr)
        self.assertIn(text, done.stderr)

    def current(self, root=None):
        """What the link of ROOT says; None without one."""
        try:
            return os.readlink(os.path.join(root or self.node(), "current"))
        except FileNotFoundError:
            return None

    def assert_same_as_builder(self, root=None):
        """The node's current release is the builder's, file by file, and verifies."""
        root = root or self.node()
        self.assertEqual(self.current(self.shelf.root), self.current(root))
        self.assertEqual(files_below(os.path.join(self.shelf.root, "current")),
                         files_below(os.path.join(root, "current")))
        support.vitrine("verify", "--root", root)

    def rclone(self, *arguments):
        """What somebody else does in the bucket."""
        subprocess.run(["rclone", "--config=", "--s3-provider=Other", "--s3-env-auth",
                        *arguments], env=self.env, check=True, timeout=60)

    def object(self, name):
        """An object below the prefix, as rclone calls it."""
        return f":s3:{s3server.BUCKET}/{self.prefix}/{name}"

    def put_text(self, name, text):
        """Somebody writes an object."""
        with open(self.path("object"), "w", encoding="utf-8") as file:
            file.write(text)
        self.rclone("copyto", "--ignore-times", self.path("object"), self.object(name))

    def damage(self, name):
        """Somebody replaces an object of release 1 by one with another byte."""
        with open(os.path.join(self.shelf.root, "releases/000001", name), "rb") as file:
            content = bytearray(file.read())
        content[5000] ^= 0x40
        with open(self.path("object"), "wb") as file:
            file.write(content)
        self.rclone("copyto", "--ignore-times", self.path("object"),
                    self.object("releases/000001/" + name))


class TestShipping(BucketCase):
    """What travels, and how much of it."""

    def test_what_is_published_is_pulled_and_activated(self):
        self.assertIn("release 000001 published in ", self.publish().stdout)
        self.assertIn("release 000001 in ", self.pull().stdout)
        self.assert_same_as_builder()
        with support.serving(self.node()) as port:
            self.assertEqual(200, support.get(port, "/branches/1").status)

    def test_the_bucket_holds_the_release_and_a_pointer_to_it(self):
        self.publish()
        files = files_below(os.path.join(self.shelf.root, "current"))
        self.assertEqual(sorted(["current", *(f"releases/000001/{name}" for name in files)]),
                         SERVER.keys(self.prefix))
        with open(SERVER.path(f"{self.prefix}/current"), encoding="utf-8") as file:
            self.assertRegex(file.read(), r"\A000001 [0-9a-f]{16}\n\Z")

    def test_a_release_that_is_published_is_not_published_again(self):
        self.publish()
        self.proxy.reset()
        self.assertIn("release 000001 is published", self.publish().stdout)
        self.assertEqual([], self.proxy.objects("PUT"))
        self.assertEqual({"current"}, set(self.proxy.objects("GET")))

    def test_files_that_did_not_change_are_copied_within_the_bucket(self):
        self.publish()
        self.change(1)
        self.proxy.reset()
        done = self.publish()
        self.assertIn("5 files, 3 of them copied there", done.stdout)
        puts = [r for r in self.proxy.requests if r.method == "PUT"]
        self.assertEqual(["0001.db", "by_id.listing.db", "definition.yaml"],
                         sorted(os.path.basename(r.path) for r in puts if r.copy_of))
        sent = {r.path.split("/000002/")[-1]: r.sent for r in puts if not r.copy_of}
        self.assertEqual({"branches/0001.db", "pages.xxh3", "manifest.json",
                          f"/{s3server.BUCKET}/{self.prefix}/current"}, set(sent))
        sizes = files_below(os.path.join(self.shelf.root, "current"))
        self.assertEqual(len(sizes["branches/0001.db"]), sent["branches/0001.db"])
        self.assertGreater(len(sizes["loans/0001.db"]), 100000)

    def test_the_manifest_is_put_after_all_files_and_the_pointer_after_the_manifest(self):
        self.publish()
        self.change(1)
        self.proxy.reset()
        self.publish()
        puts = self.proxy.objects("PUT")
        self.assertEqual(["manifest.json", "current"], puts[-2:])
        self.assertEqual(7, len(puts))

    def test_a_pull_of_what_is_there_asks_for_the_pointer_only(self):
        self.publish()
        self.pull()
        self.proxy.reset()
        self.assertIn("release 000001 is up to date", self.pull().stdout)
        self.assertEqual([("HEAD", "current", 0), ("GET", "current", 24)],
                         [(r.method, os.path.basename(r.path), r.received)
                          for r in self.proxy.requests])

    def test_files_that_a_node_has_become_hard_links(self):
        self.publish()
        self.pull()
        self.change(1)
        self.publish()
        self.proxy.reset()
        self.assertRegex(self.pull().stdout, r"\b5 files, 3 of them linked, 0 as differences")
        self.assert_same_as_builder()
        self.assertEqual(*(os.stat(os.path.join(self.node(), "releases", name, "loans/0001.db"))
                           .st_ino for name in ("000001", "000002")))
        self.assertEqual(["0001.db", "current", "manifest.json", "pages.xxh3"],
                         sorted(self.proxy.objects("GET")))

    def test_two_nodes_follow_a_builder(self):
        builder = self.start(*self.build_arguments("--every", "200ms"), env=self.env)
        support.wait_until(lambda: "release_published release=000001" in builder.stderr)
        nodes = [self.node(name) for name in "ab"]
        pulls = [self.start("pull", "--from", self.url, "--root", root, "--every", "200ms",
                            env=self.env) for root in nodes]
        for number in (1, 2, 3):
            for root in nodes:
                support.wait_until(lambda: self.current(root) == f"releases/00000{number}", 60,
                                   f"release {number}: {[p.stderr for p in pulls]}")
                self.assert_same_as_builder(root)
            self.change(number)
        for pull in pulls:
            self.assertRegex(pull.stderr, r"info release_pulled release=000002 files=5 linked=3 ")
            self.assertEqual(0, pull.stop())
        self.assertEqual(0, builder.stop())

    def test_a_limit_of_bytes_a_second_is_kept(self):
        with sqlite3.connect(self.shelf.source) as db:
            db.executemany("INSERT INTO loans(branch_id, title, version) VALUES(?, ?, 0)",
                           ((i, os.urandom(2000).hex()) for i in range(1, 300)))
        db.close()
        self.publish()
        names = iter(range(4))
        fast = support.quickest(lambda: self.pull(root=self.node(f"fast{next(names)}")), 1)
        started = time.monotonic()
        self.pull("--bwlimit", "500K", root=self.node("slow"))
        self.assertGreater(time.monotonic() - started, fast + 0.5)  # it is more than 2 s
        self.assert_same_as_builder(self.node("slow"))

    def test_files_are_readable_for_the_service_whatever_the_umask_is(self):
        self.publish()
        before = os.umask(0o077)
        try:
            self.pull()
        finally:
            os.umask(before)
        for name in ("manifest.json", "loans/0001.db", "pages.xxh3"):
            mode = os.stat(os.path.join(self.node(), "current", name)).st_mode & 0o777
            self.assertEqual(0o644, mode, name)


class TestRetention(BucketCase):
    """What stays in the bucket."""

    def folders(self):
        """The releases that have objects."""
        return sorted({key.split("/")[1] for key in SERVER.keys(self.prefix) if "/" in key})

    def test_releases_beyond_the_newest_are_removed(self):
        self.env["RCLONE_CHECKERS"] = "1"  # s3rver answers 500 when two of a folder go at once
        for version in range(4):
            self.change(version + 1)
            done = self.publish("--publish-keep", "2")
        self.assertIn("1 releases removed", done.stdout)
        self.assertEqual(["000003", "000004"], self.folders())
        self.pull()
        self.assert_same_as_builder()

    def test_all_stay_with_0(self):
        for version in range(4):
            self.change(version + 1)
            self.publish("--publish-keep", "0")
        self.assertEqual(["000001", "000002", "000003", "000004"], self.folders())
        self.assertEqual([], self.proxy.objects("DELETE"))

    def test_what_the_pointer_names_stays_when_a_builder_went_back(self):
        for version in (1, 2, 3):
            self.change(version)
            self.publish("--keep", "5", "--publish-keep", "5")
        support.vitrine("rollback", "--root", self.shelf.root, "--to", "1")
        done = self.publish("--keep", "5", "--publish-keep", "1")
        self.assertIn("release 000001 published", done.stdout)
        self.assertEqual(["000001"], self.folders())
        self.pull()
        self.assertEqual("releases/000001", self.current())

    def test_what_is_not_a_release_is_left_alone(self):
        self.publish()
        self.put_text("releases/notes/readme", "text")
        self.put_text("releases/1/readme", "text")
        self.change(1)
        self.publish("--publish-keep", "1")
        self.assertEqual(["000002", "1", "notes"], self.folders())

    def test_a_removal_that_fails_is_no_failure_of_the_publish(self):
        self.publish()
        self.change(1)
        self.proxy.fault = lambda method, path: 403 if method in ("DELETE", "POST") else None
        done = self.publish("--publish-keep", "1")
        self.assertIn("warn publish_prune_failed reason=\"remove from " + self.url, done.stderr)
        self.assertIn("release 000002 published", done.stdout)


class TestKilled(BucketCase):
    """A publish dies before and after each change of the bucket."""

    def kill_at(self, number, action):
        """Kills a publish at its PUT of that number; the name that was put, None when it ended before."""
        count = 0
        name = None

        def fault(method, path):
            nonlocal count, name
            if method != "PUT" or name is not None:
                return None
            count += 1
            if count <= number:
                return None
            name = os.path.basename(path)
            return action

        self.proxy.reset()
        self.proxy.fault = fault
        process = self.start(*self.build_arguments(), env=self.env)
        support.wait_until(lambda: self.proxy.held.is_set() or process.returncode is not None)
        process.send(signal.SIGKILL)
        process.wait()
        support.wait_for_session_end(process)
        self.proxy.reset()
        return name

    def test_whenever_a_publish_dies_a_node_gets_a_complete_release(self):
        self.env["RCLONE_TRANSFERS"] = "1"
        self.publish()
        SERVER.save(self.prefix, self.path("saved"))
        self.change(1)
        self.shelf.build()
        names = []
        for action in ("hold", "hold after"):
            while True:
                SERVER.restore(self.prefix, self.path("saved"))
                at = len(names)
                name = self.kill_at(at, action)
                if name is None:
                    break
                names.append(name)
                root = self.node(f"{action}-{at}".replace(" ", "-"))
                self.pull(root=root)
                newest = name == "current" and action == "hold after"
                self.assertEqual(f"releases/00000{2 if newest else 1}", self.current(root), name)
                support.vitrine("verify", "--root", root)
                self.assertIn("release 000002 ", self.publish().stdout)
                self.pull(root=root)
                self.assert_same_as_builder(root)
            self.assertEqual(7, len(names), names)
            self.assertEqual(["manifest.json", "current"], names[-2:])
            names.clear()

    def test_a_publish_that_died_is_gone_on_with(self):
        self.env["RCLONE_TRANSFERS"] = "1"
        self.kill_at(4, "hold")
        there = set(SERVER.keys(self.prefix))
        self.proxy.reset()
        self.publish()
        put = {path.split(f"{self.prefix}/")[1] for path in self.proxy.objects("PUT", names=False)}
        self.assertEqual(4, len(there))
        self.assertEqual(set(), there & put)
        self.pull()
        self.assert_same_as_builder()


class TestCut(BucketCase):
    """A transfer that is cut, or hangs."""

    def test_a_pull_that_was_cut_goes_on_with_the_files_that_had_arrived(self):
        self.publish()
        self.env["RCLONE_TRANSFERS"] = "1"
        self.proxy.fault = lambda method, path: (
            "cut" if method == "GET" and path.endswith("loans/0001.db") else None)
        self.assert_fails(1, "files that had arrived are not sent again", self.pull(check=False))
        self.assertIsNone(self.current())
        self.proxy.reset()
        self.pull()
        self.assert_same_as_builder()
        self.assertIn("0001.db", self.proxy.objects("GET"))
        self.assertNotIn("definition.yaml", self.proxy.objects("GET"))
        self.assertNotIn("pages.xxh3", self.proxy.objects("GET"))

    def test_one_cut_is_mended_on_the_way(self):
        self.publish()
        cut = []

        def fault(method, path):
            if method == "GET" and path.endswith("loans/0001.db") and not cut:
                cut.append(path)
                return "cut"
            return None

        self.proxy.fault = fault
        self.pull()
        self.assertEqual(1, len(cut))
        self.assert_same_as_builder()

    def test_silence_ends_a_pull(self):
        self.publish()
        for action, method in (("hold", "HEAD"), ("stall", "GET")):
            self.proxy.fault = lambda verb, path, action=action, method=method: (
                action if verb == method and path.endswith("loans/0001.db") else None)
            started = time.monotonic()
            self.assert_fails(1, "silence for longer than the time-out",
                              self.pull("--timeout", "1s", check=False))
            self.assertLess(time.monotonic() - started, 50)  # it is held for 60 s

    def test_a_signal_ends_a_pull_that_hangs(self):
        self.publish()
        took = 60.0
        for _ in range(4):  # a busy machine makes it longer, not shorter
            if took >= 2:
                took = min(took, self.stop_a_pull_that_hangs())
        self.assertLess(took, 2)

    def stop_a_pull_that_hangs(self):
        """The seconds until it has ended."""
        self.proxy.reset()
        self.proxy.fault = lambda method, path: "hold" if path.endswith("loans/0001.db") else None
        pull = self.start("pull", "--from", self.url, "--root", self.node(), "--every", "1s",
                          env=self.env)
        support.wait_until(self.proxy.held.is_set, what="the pull")
        started = time.monotonic()
        pull.send(signal.SIGTERM)
        self.assertEqual(0, pull.wait())
        took = time.monotonic() - started
        support.wait_for_session_end(pull)
        return took

    def test_a_pull_that_is_killed_leaves_a_root_that_the_next_one_completes(self):
        self.publish()
        self.pull()
        self.change(1)
        self.publish()
        for name in ("current", "manifest.json", "pages.xxh3", "branches/0001.db"):
            self.proxy.reset()
            self.proxy.fault = lambda method, path, name=name: (
                "hold" if method == "GET" and path.endswith(name) else None)
            pull = self.start("pull", "--from", self.url, "--root", self.node(), env=self.env)
            support.wait_until(self.proxy.held.is_set, what=name)
            pull.send(signal.SIGKILL)
            pull.wait()
            support.wait_for_session_end(pull)
            self.assertEqual("releases/000001", self.current())
            support.vitrine("verify", "--root", self.node())
        self.proxy.reset()
        self.pull()
        self.assert_same_as_builder()

    def test_what_a_killed_rclone_left_is_removed_by_the_next_pull(self):
        self.publish()
        self.pull()
        before = sorted(os.listdir(os.path.join(self.node(), ".pull")))
        with open(os.path.join(self.node(), ".pull/manifest.json.0a1b2c3d.partial"), "wb"):
            pass
        self.pull()
        self.assertEqual(before, sorted(os.listdir(os.path.join(self.node(), ".pull"))))
        self.assertEqual(["current", "list", "manifest.json"], before)

    def test_a_server_that_is_in_trouble_is_asked_again_later(self):
        self.publish()
        self.proxy.fault = lambda method, path: 503
        pull = self.start("pull", "--from", self.url, "--root", self.node(), "--every", "300ms",
                          env=self.env)
        support.wait_until(lambda: "error pull_failed" in pull.stderr)
        self.proxy.reset()
        support.wait_until(lambda: "info pull_recovered release=000001" in pull.stderr, 120)
        self.assertEqual("releases/000001", self.current())

    def test_a_publish_that_fails_is_tried_again_and_told_once(self):
        asked = []
        self.proxy.fault = lambda method, path: asked.append(path) or 503
        note = self.path("vitrine.prom")
        builder = self.start(*self.build_arguments("--every", "200ms", "--metrics", note),
                             env=self.env)
        support.wait_until(lambda: "error publish_failed" in builder.stderr, 120)
        support.wait_until(lambda: os.path.exists(note), what="the note")
        self.assertIn('outcome{outcome="failed"} 1', self.read(note))
        once = len(asked)
        support.wait_until(lambda: len(asked) > 2 * once, what="the end of another attempt")
        self.proxy.reset()
        support.wait_until(lambda: "info publish_recovered release=000001" in builder.stderr, 120)
        support.wait_until(lambda: 'outcome{outcome="failed"} 0' in self.read(note))
        self.assertEqual(1, builder.stderr.count("publish_failed"), builder.stderr)
        self.assertEqual(1, builder.stderr.count("release_published"))
        self.pull()


@unittest.skipUnless(os.geteuid() == 0 and subprocess.run(
    ["unshare", "-m", "mount", "-t", "tmpfs", "tmpfs", "/mnt"], capture_output=True,
    check=False).returncode == 0, "a small disk of its own needs the right to mount a tmpfs")
class TestFullDisk(BucketCase):
    """A root on a disk that fills up, in a mount namespace of its own."""

    def test_a_disk_that_fills_up_meanwhile_loses_only_the_new_release(self):
        self.publish()
        os.mkdir(self.node())
        held, full = self.path("held"), self.path("full")

        def fault(method, path):
            if method == "GET" and path.endswith("000002/branches/0001.db"):
                with open(held, "w", encoding="utf-8"):
                    pass
                support.wait_until(lambda: os.path.exists(full), what="the full disk")

        self.proxy.fault = fault
        script = f"""
            mount -t tmpfs -o size=24m tmpfs $root || exit 9
            $vitrine pull --from $from --root $root || exit 8
            touch {self.path("first")}
            while [ ! -e {self.path("second")} ]; do sleep 0.1; done
            $vitrine pull --from $from --root $root & pid=$!
            while [ ! -e {held} ]; do sleep 0.1; done
            head -c 60000000 /dev/zero >$root/other 2>/dev/null
            touch {full}
            wait $pid; code=$?
            readlink $root/current; ls -A $root/releases
            rm $root/other
            $vitrine verify --root $root && $vitrine pull --from $from --root $root
            readlink $root/current; exit $code"""
        node = subprocess.Popen(
            ["unshare", "-m", "sh", "-c", script], stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, env={**self.env, "root": self.node(),
                                                      "from": self.url,
                                                      "vitrine": support.binary()})
        with node:
            support.wait_until(lambda: os.path.exists(self.path("first")) or
                               node.poll() is not None, what="the first pull")
            self.change(1)
            self.publish()
            with open(self.path("second"), "w", encoding="utf-8"):
                pass
            text = node.communicate(timeout=120)[0]
        self.assertEqual(1, node.returncode, text)
        self.assertIn("the disk of this machine is full", text)
        self.assertRegex(text, r"releases/000001\n000001\n")
        self.assertIn("releases/000002\n", text)


class TestTrust(BucketCase):
    """What a node does not take."""

    def test_a_damaged_object_is_refused_with_its_page_and_remembered(self):
        self.publish()
        self.damage("loans/0001.db")
        done = self.pull(check=False)
        self.assert_fails(3, "damaged at the source: ", done)
        self.assertIn("loans/0001.db: page 2: hash differs", done.stderr)
        self.assertIsNone(self.current())
        self.proxy.reset()
        self.assert_fails(3, "is not fetched again without --again", self.pull(check=False))
        self.assertNotIn("0001.db", self.proxy.objects("GET"))

    def test_publishing_again_without_the_pointer_mends_what_is_damaged_there(self):
        self.publish()
        self.damage("loans/0001.db")
        self.assert_fails(3, "page 2", self.pull(check=False))
        self.rclone("deletefile", self.object("current"))
        self.proxy.reset()
        self.publish()
        self.assertEqual(["0001.db", "manifest.json", "current"], self.proxy.objects("PUT"))
        self.pull("--again")
        self.assert_same_as_builder()

    def test_a_release_that_is_damaged_here_is_not_published(self):
        self.shelf.build()
        path = os.path.join(self.shelf.root, "current/loans/0001.db")
        with open(path, "r+b") as file:
            file.seek(5000)
            file.write(b"!!!!")
        self.assert_fails(1, "loans/0001.db: page 2: hash differs", self.publish(check=False))
        self.assertEqual([], SERVER.keys(self.prefix))

    def test_only_what_a_trusted_key_signed_is_fetched(self):
        for key in "ab":
            support.vitrine("keygen", "--out", self.path(key))
        self.shelf.signing = ("--sign", self.path("a.key"))
        self.publish()
        self.proxy.reset()
        self.assert_fails(3, "which is not trusted",
                          self.pull("--trust", self.path("b.pub"), check=False))
        self.assertEqual({"current", "manifest.json", "manifest.sig"},
                         set(self.proxy.objects("GET")))
        self.assertIsNone(self.current())
        self.pull("--trust", self.path("a.pub"))
        self.assert_same_as_builder()

    def test_a_manifest_that_the_pointer_does_not_mean_is_not_taken(self):
        self.publish()
        self.put_text("releases/000001/manifest.json", "{}")
        self.assert_fails(1, "the manifest of release 000001 is not the one that the object current "
                          "means; publish again", self.pull(check=False))

    def test_a_pointer_that_cannot_be_read_is_told(self):
        for text in ("", "000001\n", "../../etc 0123456789abcdef\n", "x" * 100000):
            self.put_text("current", text)
            self.assert_fails(1, f"{self.url}: the object current does not name a release",
                              self.pull(check=False))
            self.assert_fails(3, "the object current is not one of ours",
                              self.publish(check=False))

    def test_a_bucket_that_went_back_is_not_followed(self):
        self.publish()
        with open(SERVER.path(f"{self.prefix}/current"), encoding="utf-8") as file:
            first = file.read()
        self.change(1)
        self.publish()
        self.pull()
        self.put_text("current", first)
        self.assert_fails(3, "release 000001 of " + self.url, self.pull(check=False))
        self.assertEqual("releases/000002", self.current())

    def test_a_builder_that_began_anew_does_not_publish(self):
        self.publish()
        self.change(1)
        self.publish()
        shutil.rmtree(self.shelf.root)
        done = self.publish(check=False)
        self.assert_fails(3, f"{self.url} has release 000002, which {self.shelf.root} never had; pull "
                          f"it first (vitrine pull --from {self.url} --root ", done)
        self.pull(root=self.shelf.root)
        self.change(2)
        self.publish()
        self.pull()
        self.assertEqual("releases/000003", self.current())

    def test_a_pointer_that_another_builder_moved_meanwhile_is_not_moved_back(self):
        self.publish()
        other = "000009 0123456789abcdef\n"

        def publish_between(method, path):
            if method == "PUT" and path.endswith("000002/manifest.json"):
                self.proxy.fault = lambda method, path: None
                self.put_text("current", other)

        self.change(1)
        self.proxy.fault = publish_between
        self.assert_fails(3, f"somebody else published to {self.url} meanwhile; only one builder",
                          self.publish(check=False))
        self.assertEqual(other, self.read(SERVER.path(f"{self.prefix}/current")))

    def test_a_release_that_is_there_is_never_replaced_by_another_one(self):
        self.publish()
        self.rclone("deletefile", self.object("current"))
        shutil.rmtree(self.shelf.root)
        self.change(1)
        before = SERVER.keys(self.prefix)
        self.assert_fails(3, f"{self.url} has another release 000001; publish to another prefix",
                          self.publish(check=False))
        self.assertEqual(before, SERVER.keys(self.prefix))

    def test_a_rotten_page_of_a_node_is_mended_from_the_bucket(self):
        self.publish()
        self.pull()
        path = os.path.join(self.node(), "current/loans/0001.db")
        os.chmod(path, 0o644)
        with open(path, "r+b") as file:
            file.seek(5000)
            file.write(b"!!!!")
        done = support.vitrine("repair", "--root", self.node(), "--from", self.url, env=self.env)
        self.assertIn("1 of 5 files replaced", done.stdout)
        self.assert_same_as_builder()


class TestMessages(BucketCase):
    """What is wrong, and what to do about it."""

    def both(self):
        """A pull and a publish that are expected to fail."""
        return (self.pull(check=False), self.publish(check=False))

    def test_wrong_command_lines_end_with_2(self):
        for text, source, *more in (
                ("a bucket is written as s3://BUCKET or s3://BUCKET/PREFIX", "s3://x"),
                ("has a prefix that is not letters", "s3://shop/a/../b"),
                ("--compress: files come from s3://shop as they are", "s3://shop", "--compress"),
                ("--transfer delta: s3://shop has whole files only", "s3://shop", "--transfer",
                 "delta"),
                ("s3://BUCKET[/PREFIX] or a path", "http://shop")):
            self.assert_fails(2, text, self.pull(*more, source=source, check=False))
        self.url = "s3://x"
        self.assert_fails(2, "a bucket is written as", self.publish(check=False))
        self.url = "s3://shop"
        self.assert_fails(2, "--publish-timeout: write at least 1s",
                          self.publish("--publish-timeout", "1ms", check=False))
        self.assertFalse(os.path.exists(self.shelf.root))

    def test_a_machine_without_rclone_is_told_to_install_it(self):
        self.env["PATH"] = self.folder
        for done in self.both():
            self.assert_fails(1, "there is no program rclone, which talks to s3:// buckets; apt "
                              "install rclone", done)

    def test_what_a_server_says_cannot_write_to_a_terminal_or_a_log(self):
        fake = self.path("rclone")
        with open(fake, "w", encoding="utf-8") as file:
            file.write('#!/bin/sh\nprintf \'{"level":"error","msg":"a \\\\u001b[31mb\\\\rc'
                       '\\\\u007fd"}\\n\' >&2\nexit 1\n')
        os.chmod(fake, 0o755)
        self.env["PATH"] = f"{self.folder}:{self.env['PATH']}"
        done = self.pull(check=False)
        self.assert_fails(1, "rclone ended with exit code 1: a [31mb c d\n", done)

    def test_a_key_that_is_not_known_is_told(self):
        self.env["AWS_ACCESS_KEY_ID"] = "nobody"
        for done in self.both():
            self.assert_fails(1, "it does not let us in", done)
            self.assertIn("look at the credentials", done.stderr)

    def test_no_credentials_are_told(self):
        del self.env["AWS_ACCESS_KEY_ID"]
        for done in self.both():
            self.assert_fails(1, "there are no credentials", done)
            self.assertIn("set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give this machine a "
                          "role", done.stderr)

    def test_a_bucket_that_is_missing_is_told(self):
        self.url = "s3://nobodys/x"
        for done in self.both():
            self.assert_fails(1, "there is no such bucket", done)

    def test_a_prefix_without_a_release_is_told(self):
        self.assert_fails(1, f"{self.url} has no release: there is no object current; publish one "
                          "there with vitrine build --publish", self.pull(check=False))

    def test_an_endpoint_where_nobody_answers_is_told(self):
        self.env["RCLONE_S3_ENDPOINT"] = f"http://127.0.0.1:{support.free_port()}"
        for done in self.both():
            self.assert_fails(1, "nobody answers", done)
            self.assertIn("look at the network and at RCLONE_S3_ENDPOINT", done.stderr)

    def test_a_bundle_of_certificates_that_rclone_cannot_use_is_told(self):
        self.env["AWS_CA_BUNDLE"] = "/etc/ssl/certs/ca-certificates.crt"
        for done in self.both():
            self.assert_fails(1, "name the file in RCLONE_CA_CERT", done)

    def test_an_object_that_was_just_removed_is_told(self):
        self.publish()
        self.rclone("deletefile", self.object("releases/000001/loans/0001.db"))
        self.assert_fails(1, "releases/000001/loans/0001.db is not there; if that was just removed "
                          "there, try again", self.pull(check=False))

    def test_region_and_key_come_from_the_environment(self):
        seen = []
        self.proxy.fault = lambda method, path: seen.append(path)
        self.env["AWS_REGION"] = "eu-central-1"
        credentials = []
        original = s3server.Handler.parse_request

        def parse(handler):
            good = original(handler)
            credentials.append(handler.headers.get("Authorization", "") if good else "")
            return good

        s3server.Handler.parse_request = parse
        self.addCleanup(setattr, s3server.Handler, "parse_request", original)
        self.publish()
        self.assertTrue(credentials)
        for text in credentials:
            self.assertIn(f"Credential={s3server.KEY}/", text)
            self.assertIn("/eu-central-1/s3/", text)


if __name__ == "__main__":
    support.main()
