"""The servers that Vitrine is compared with, each as a context that yields a Peer.

All of them are pinned to the same cores, have as many workers as Vitrine has threads, listen on the
loopback, log nothing, keep connections open, and end with their context.
"""

import os
import shutil
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import measure
import prepare
import serve

sys.path.insert(0, str(prepare.ROOT / "tests/integration"))
import postgres  # pylint: disable=wrong-import-position

HERE = Path(__file__).parent / "peers"
JSON_TYPE = "application/json; charset=utf-8"
OPEN_FILES_SPARE = 4096  # descriptors that nginx needs for other things than cached files
CACHE_MIB = 4096         # of the cache of nginx and of Varnish
POOL = 8                 # connections of a worker to PostgreSQL


class Peer:
    """A name, a port, and the processes whose CPU time and memory count."""

    def __init__(self, name, port, pids, is_constant=False):
        self.name, self.port, self.pids = name, port, pids
        self.is_constant = is_constant  # answers of the right size, but always the same
        self.rounds = []

    def cpu_seconds(self):
        """(user, system)"""
        return measure.family_cpu(self.pids)


class Place:
    """Where servers run: on which cores, with how many threads, and their folders."""

    def __init__(self, folder, cores):
        self.folder, self.cores = folder, cores
        self.threads = len(cores)

    def command(self, *words):
        """A command that stays on the cores."""
        listed = ",".join(map(str, self.cores))
        return ["taskset", "-c", listed, *map(str, words)]

    def make(self, name):
        """A folder for a server."""
        path = self.folder / name
        path.mkdir()
        path.chmod(0o755)
        return path


@contextmanager
def running(place, name, port, *words, **options):
    """A server that listens on PORT, as a Peer."""
    options.setdefault("stderr", subprocess.DEVNULL)
    with serve.process(place.command(*words), port, stdin=subprocess.DEVNULL,
                       stdout=subprocess.DEVNULL, **options) as child:
        yield Peer(name, port, [child.pid])


# ---- Vitrine ----


@contextmanager
def vitrine(place, root, name="Vitrine"):
    """`vitrine serve` on ROOT."""
    port = serve.free_port()
    with running(place, name, port, prepare.VITRINE, "serve", "--root", root, "--listen",
                 f"127.0.0.1:{port}", "--threads", place.threads) as peer:
        yield peer


# ---- nginx ----

NGINX = """
daemon off; worker_processes {threads}; pid nginx.pid; error_log error.log crit; {user}
worker_rlimit_nofile {descriptors};
events {{ worker_connections 4096; }}
http {{
    access_log off; keepalive_requests 1000000000; keepalive_timeout 600s; tcp_nodelay on;
    sendfile on; default_type "{type}";
    open_file_cache max={cached} inactive=1d; open_file_cache_valid 1d;
    client_body_temp_path tmp; proxy_temp_path tmp; fastcgi_temp_path tmp;
    uwsgi_temp_path tmp; scgi_temp_path tmp;
    {http}
    server {{
        listen 127.0.0.1:{port} reuseport;
        {server}
    }}
}}
"""


@contextmanager
def nginx(place, name, folder, server, http=""):
    """nginx with the lines SERVER in its server, and HTTP before it."""
    prefix = place.make(folder)
    (prefix / "tmp").mkdir()
    port = serve.free_port()
    descriptors = os.sysconf("SC_OPEN_MAX")
    config = NGINX.format(
        threads=place.threads, user="user root;" if os.geteuid() == 0 else "", type=JSON_TYPE,
        descriptors=descriptors, cached=max(descriptors - OPEN_FILES_SPARE, 100), port=port,
        server=server, http=http)
    (prefix / "nginx.conf").write_text(config)
    with running(place, name, port, "nginx", "-p", prefix, "-c", "nginx.conf", "-e",
                 "error.log") as peer:
        yield peer


@contextmanager
def nginx_return(place, size):
    """A constant of SIZE bytes from the configuration."""
    variables, body = serve.nginx_body(size)
    with nginx(place, "nginx return 200", "return",
               f"{variables} location / {{ return 200 {body}; }}") as peer:
        peer.is_constant = True
        yield peer


def static_location(template, files):
    """The location that answers paths like TEMPLATE with the files named by their numbers."""
    path, _, query = template.partition("?")
    if query.endswith("=%d") and "&" not in query:
        return f"location = {path} {{ alias {files}/$arg_{query[:-3]}; }}"
    if path.count("%d") == 1 and not query:
        pattern = path.replace("%d", "([0-9]+)")
        return f"location ~ ^{pattern}$ {{ alias {files}/$1; }}"
    raise SystemExit(f"--path: {template} is neither /A?NAME=%d nor /A/%d/B")


@contextmanager
def nginx_static(place, template, files):
    """The finished answers as files."""
    with nginx(place, "nginx static file", "static", static_location(template, files)) as peer:
        yield peer


@contextmanager
def nginx_cache(place, origin):
    """proxy_cache in front of a service on the port ORIGIN, whose answers it keeps all the same."""
    http = f"""
    upstream origin {{ server 127.0.0.1:{origin}; keepalive 64; }}
    proxy_cache_path cache levels=1:2 keys_zone=answers:64m max_size={CACHE_MIB}m inactive=1d
                     use_temp_path=off;"""
    server = """
        location / {
            proxy_pass http://origin; proxy_http_version 1.1; proxy_set_header Connection "";
            proxy_cache answers; proxy_cache_key $request_uri; proxy_cache_valid 200 1d;
            proxy_ignore_headers Cache-Control;
            add_header X-Cache $upstream_cache_status;
        }"""
    with nginx(place, "nginx proxy_cache hit", "cache", server, http) as peer:
        yield peer


# ---- Varnish ----

VCL = """
vcl 4.1;
backend origin {{ .host = "127.0.0.1"; .port = "{origin}"; }}
sub vcl_hash {{ hash_data(req.url); return (lookup); }}
sub vcl_backend_response {{ set beresp.ttl = 1d; return (deliver); }}
sub vcl_deliver {{
    set resp.http.X-Cache = "MISS";
    if (obj.hits > 0) {{ set resp.http.X-Cache = "HIT"; }}
}}
"""


@contextmanager
def varnish(place, origin):
    """Varnish in front of a service on the port ORIGIN."""
    folder = place.make("varnish")
    (folder / "origin.vcl").write_text(VCL.format(origin=origin))
    port = serve.free_port()
    jail = ("-j", "none") if os.geteuid() == 0 else ()
    with running(place, "Varnish hit", port, "varnishd", *jail, "-F", "-n", folder / "state", "-a",
                 f"127.0.0.1:{port}", "-f", folder / "origin.vcl", "-s", f"malloc,{CACHE_MIB}m",
                 "-p", f"thread_pools={place.threads}", "-p",
                 "http_gzip_support=off") as peer:
        yield peer


# ---- Redis ----


def set_all(path, pairs):
    """SET of all PAIRS (bytes, bytes) on the server that listens on the socket PATH."""
    with socket.socket(socket.AF_UNIX) as link:
        link.connect(str(path))
        count = 0
        answers = link.makefile("rb")
        for key, value in pairs:
            link.sendall(b"*3\r\n$3\r\nSET\r\n$%d\r\n%s\r\n$%d\r\n%s\r\n"
                         % (len(key), key, len(value), value))
            count += 1
            if count % 100 == 0:
                check_set(answers, 100)
        check_set(answers, count % 100)


def check_set(answers, count):
    """Reads COUNT answers to SET."""
    for _ in range(count):
        line = answers.readline()
        if line != b"+OK\r\n":
            raise SystemExit(f"Redis: {line}")


@contextmanager
def redis(place, pairs):
    """Redis with PAIRS, and as many fronts as there are threads."""
    folder = place.make("redis")
    store, front, port = folder / "redis.sock", folder / "front", serve.free_port()
    subprocess.run(["cc", "-O2", "-D_GNU_SOURCE", "-o", front, HERE / "redis_front.c"], check=True)
    command = place.command("redis-server", "--port", 0, "--unixsocket", store, "--save", "",
                            "--appendonly", "no", "--dir", folder)
    server = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    children = [server]
    try:
        wait_for_path(store, server)
        set_all(store, pairs)
        for _ in range(place.threads):
            children.append(subprocess.Popen(place.command(front, port, store)))
        serve.wait_for_port(port, children[-1])
        yield Peer("Redis GET", port, [child.pid for child in children])
    finally:
        for child in reversed(children):
            measure.finish(child)


def wait_for_path(path, process):
    """Until PATH is there."""
    deadline = time.monotonic() + 30
    while not path.exists():
        if process.poll() is not None or time.monotonic() > deadline:
            raise SystemExit(f"{process.args[3]} does not start")
        time.sleep(0.02)


# ---- Express and PostgreSQL ----

SETTINGS = """
shared_buffers = 1GB
work_mem = 16MB
maintenance_work_mem = 256MB
max_connections = 200
jit = off
max_wal_size = 4GB
"""


def install_express(cache):
    """Express and pg in the folder CACHE, as package-lock.json has them; the folder with all."""
    folder = cache / "express"
    sources = sorted((HERE / "express").glob("*.js*"))
    lock = HERE / "express/package-lock.json"
    is_same = ((folder / "node_modules").exists()
               and (folder / lock.name).read_bytes() == lock.read_bytes())
    folder.mkdir(parents=True, exist_ok=True)
    for source in sources:
        shutil.copy(source, folder)
    if not is_same:
        prepare.say("installing Express")
        subprocess.run(["npm", "ci", "--omit=dev", "--no-audit", "--no-fund", "--silent"],
                       cwd=folder, check=True, stdout=subprocess.DEVNULL)
    return folder


@contextmanager
def database(place, data):
    """A cluster with the exports in the folder DATA, on the cores."""
    data.chmod(0o711)  # the server is somebody else when this runs as root
    cluster = postgres.Cluster(SETTINGS, data)
    try:
        os.sched_setaffinity(cluster.process.pid, place.cores)  # of all that it starts, too
        prepare.say("importing into PostgreSQL")
        prepare.timed("import", "--definition", prepare.DEFINITION, "--source",
                      cluster.create("shop"), "--rejects", data / "rejects.csv", data / "exports")
        cluster.psql("VACUUM ANALYZE", "shop")
        yield cluster
    finally:
        cluster.stop()


@contextmanager
def express(place, cluster, folder):
    """The service in FOLDER on the cluster; both count."""
    port = serve.free_port()
    env = {**cluster.client_env, "PGDATABASE": "shop", "PORT": str(port), "POOL": str(POOL),
           "WORKERS": str(place.threads), "NODE_ENV": "production"}
    with running(place, "Express + pg", port, "node", "server.js", cwd=folder, env=env,
                 stderr=None) as peer:
        peer.pids.append(cluster.process.pid)
        yield peer
