"""The fleet file that ops/nginx/render.py makes a configuration of nginx from: what it takes, and what it
refuses with which words."""
import os
import re
import shutil
import subprocess
import unittest

import balancer
import support

GOOD = """[balancer]
listen = 127.0.0.1:8000
[nodes]
a = 10.0.0.1:80
"""
BAD = (
    ("", "fleet.ini:1: [balancer]: listen is missing; write listen = 0.0.0.0:80"),
    ("", "fleet.ini:1: [nodes]: there are 0 nodes, 1 to 256 may be; "
         "write for example node1 = 10.0.1.11:8080"),
    ("listen = 1", "fleet.ini:1: a section comes first; write [balancer]"),
    (GOOD + "b\n", "fleet.ini:5: 'b\\n' is neither [SECTION] nor KEY = VALUE"),
    (GOOD + "a = 10.0.0.2:80\n", "fleet.ini:5: this key is there already; keep one of them"),
    (GOOD + "[nodes]\n", "fleet.ini:5: this section is there already; join the two"),
    (GOOD + "[nodse]\n", "fleet.ini:5: [nodse]: there is no such section; did you mean nodes?"),
    (GOOD + "[cache]\nfolder = c\nsise = 1G\n",
     "fleet.ini:7: [cache] sise: there is no such key; did you mean size?"),
    (GOOD + "[cache]\nzzz = 1\nfolder = c\n",
     "fleet.ini:6: [cache] zzz: there is no such key; "
     "there are folder, size, inactive, keep, lock"),
    (GOOD + "[cache]\n", "fleet.ini:5: [cache]: folder is missing; "
                         "write folder = /var/cache/vitrine"),
    (GOOD + "b = 10.0.0.2\n", 'fleet.ini:5: [nodes] b: "10.0.0.2" is not HOST:PORT; '
                              "write for example 10.0.1.11:8080"),
    (GOOD + "b = 10.0.0.2:99999\n",
     'fleet.ini:5: [nodes] b: the port of "10.0.0.2:99999" is not 1 to 65535'),
    (GOOD + "b = 10.0.0.300:80\n", 'fleet.ini:5: [nodes] b: "10.0.0.300" is no IP address; '
                                   "write for example 0.0.0.0:80 or [::]:80"),
    (GOOD + "b = 10.0.0.1:80\n",
     "fleet.ini:5: [nodes] b: this is the address of a, too; keep one"),
    (GOOD + "b = 10.0.0.2:80 weight=0\n", 'fleet.ini:5: [nodes] b: "weight=0" is not known here; '
                                          "there are weight=N (1 to 999) and down"),
    (GOOD.replace(":80\n", ":80 down\n"),
     "fleet.ini:3: [nodes]: all of them are down; nobody would answer"),
    (GOOD.replace("127.0.0.1:8000", "localhost:80"),
     'fleet.ini:2: [balancer] listen: "localhost" is no IP address; '
     "write for example 0.0.0.0:80 or [::]:80"),
    (GOOD.replace("[nodes]", "certificate = /x.pem\n[nodes]"),
     "fleet.ini:3: [balancer] certificate: it needs key, which is not there"),
    (GOOD.replace("[nodes]", "redirect_from = 0.0.0.0:80\n[nodes]"),
     "fleet.ini:3: [balancer] redirect_from: it needs certificate, which is not there"),
    (GOOD.replace("[nodes]", "server_name = a;b\n[nodes]"),
     'fleet.ini:3: [balancer] server_name: "a;b" is no host name; '
     "write for example shop.example.com"),
    (GOOD.replace("[nodes]", "behind = 10.0.0.1/8\n[nodes]"),
     'fleet.ini:3: [balancer] behind: "10.0.0.1/8" is no network; write for example 10.0.0.0/16'),
    (GOOD + "[primary]\naddress = a:80\npaths = cart\n",
     'fleet.ini:7: [primary] paths: "cart" is no path of a URL; write for example /cart'),
    (GOOD + "[cache]\nfolder = a b; }\n",
     'fleet.ini:6: [cache] folder: "a b; }" is not a plain path; '
     "letters, digits and / . _ + @ ~ - may be in it"),
    (GOOD + "[cache]\nfolder = c\nsize = much\n",
     'fleet.ini:7: [cache] size: "much" is no size; write for example 64K, 8M or 1G'),
    (GOOD + "[cache]\nfolder = c\nkeep = 1500ms\n",
     'fleet.ini:7: [cache] keep: "1500ms" is not a number of seconds; write for example 10s'),
    (GOOD + "[limits]\nwrites = 10\n",
     'fleet.ini:6: [limits] writes: "10" is no rate; write for example 200/s or 30/m'),
    (GOOD + "[limits]\nbody = 1G\n", 'fleet.ini:6: [limits] body: "1G" is more than a node takes; '
                                     "write for example 64K, at most 1M"),
    (GOOD + "[timeouts]\nread = 0s\n",
     'fleet.ini:6: [timeouts] read: "0s" is no time; write for example 300ms, 10s or 5m'),
)


class TestFleetFile(support.TestCase):
    """What render.py takes and refuses."""

    def written(self, text):
        """A fleet file."""
        with open(self.path("fleet.ini"), "w", encoding="utf-8") as file:
            file.write(text)
        return self.path("fleet.ini")

    def test_a_mistake_is_refused_with_its_line_and_what_to_write_instead(self):
        for text, message in BAD:
            with self.subTest(message=message):
                done = balancer.render("--check", self.written(text))
                self.assertEqual((done.returncode, done.stdout), (1, ""))
                self.assertIn(self.path("") + message + "\n", done.stderr)

    def test_all_mistakes_are_told_at_once(self):
        done = balancer.render(self.written(GOOD + "b = 1\nc = 2\n[limits]\nrequests = 3\n"))
        self.assertEqual(done.returncode, 1)
        self.assertEqual(len(done.stderr.splitlines()), 3)

    def test_a_good_file_is_said_to_be_good(self):
        done = balancer.render("--check", self.written(GOOD))
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(done.stdout, self.path("fleet.ini") + ": 1 nodes, no mistakes\n")

    @unittest.skipUnless(shutil.which("nginx"), "there is no program nginx")
    def test_the_example_and_all_that_it_comments_out_are_taken_by_nginx(self):
        example = os.path.join(os.path.dirname(balancer.RENDER), "fleet.ini")
        with open(example, encoding="utf-8") as file:
            text = file.read()
        with_all = re.sub(r"^# (?=[a-z_]+ =)(?!certificate|key|redirect)", "", text, flags=re.M)
        self.assertNotEqual(text, with_all)
        for one in text, with_all, GOOD, GOOD.replace("[nodes]", "health =\n[nodes]"):
            one = re.sub(r"^folder = .*", "folder = cache", one, flags=re.M)
            for key in "listen", "admin":
                one = re.sub(rf"^{key} = .*", f"{key} = 127.0.0.1:{support.free_port()}", one,
                             flags=re.M)
            done = balancer.render("--prefix", self.folder, self.written(one))
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            self.assertNotRegex(done.stdout, r"@[a-z_]+@|\n%|\n\n\n")
            with open(self.path("nginx.conf"), "w", encoding="utf-8") as file:
                file.write(done.stdout)
            tested = subprocess.run(["nginx", "-t", "-p", self.folder, "-c", "nginx.conf", "-e",
                                     "error.log"], capture_output=True, text=True, check=False)
            self.assertEqual(tested.returncode, 0, tested.stderr)

    def test_values_are_written_as_nginx_has_them(self):
        done = balancer.render(self.written(
            GOOD + "b = [2001:db8::1]:80 weight=3 down\n[limits]\nwrites = 30/m\nbody = 8K\n"
            "[timeouts]\nread = 2s\n[cache]\nfolder = /c\nlock = 20ms\nkeep = 5m\nsize = 2GiB\n"))
        for line in ("server [2001:db8::1]:80 weight=3 down max_fails=2 fail_timeout=3s;",
                     "limit_req_zone $writer zone=writes:10m rate=30r/m;",
                     "limit_req zone=writes burst=30 nodelay;", "client_max_body_size 8k;",
                     "proxy_read_timeout 2000ms;", "proxy_cache_lock_timeout 20ms;",
                     "proxy_cache_valid any 300s;",
                     "proxy_cache_path /c levels=1:2 keys_zone=answers:32m max_size=2g"):
            self.assertIn(line + "\n", done.stdout, done.stderr)

    def test_without_a_prefix_it_is_a_configuration_of_the_system(self):
        done = balancer.render(self.written(GOOD))
        for line in "user www-data;", "pid /run/nginx.pid;", \
                    "access_log /var/log/nginx/access.log json buffer=64k flush=1s;":
            self.assertIn(line, done.stdout)

    def test_wrong_command_lines_are_2_and_files_that_are_not_there_1(self):
        self.assertEqual(balancer.render().returncode, 2)
        self.assertEqual(balancer.render("--user", "a;b", self.written(GOOD)).returncode, 2)
        self.assertEqual(balancer.render("--prefix", "/a b", self.written(GOOD)).returncode, 2)
        missing = balancer.render(self.path("nothing.ini"))
        self.assertEqual(missing.returncode, 1)
        self.assertIn("No such file or directory", missing.stderr)
        help_ = balancer.render("--help")
        self.assertEqual(help_.returncode, 0)
        self.assertIn("Exit codes: 0 done, 1", help_.stdout)


if __name__ == "__main__":
    support.main()
