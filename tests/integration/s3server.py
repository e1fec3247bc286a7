"""An S3-compatible server of a test's own (s3rver), behind a proxy that counts requests, cuts them, holds
them, and answers in the server's place."""
import http.client
import http.server
import os
import shutil
import subprocess
import tempfile
import threading
import urllib.parse
from collections import namedtuple

import support

BUCKET = "shop"
KEY = "S3RVER"
SOURCES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "s3")
FOLDER = os.path.join(support.ROOT, "build", "s3")

Request = namedtuple("Request", "method path sent received copy_of")


def install():
    """The server in build/s3, as package-lock.json has it."""
    missing = [name for name in ("node", "npm", "rclone") if shutil.which(name) is None]
    if missing:
        raise AssertionError(f"not installed: {', '.join(missing)}; ./dev setup does it")
    locks = [os.path.join(folder, "package-lock.json") for folder in (SOURCES, FOLDER)]
    program = os.path.join(FOLDER, "node_modules", "s3rver", "bin", "s3rver.js")
    if os.path.exists(program) and os.path.exists(locks[1]):
        with open(locks[0], "rb") as ours, open(locks[1], "rb") as there:
            if ours.read() == there.read():
                return program
    shutil.copytree(SOURCES, FOLDER, dirs_exist_ok=True)
    try:
        subprocess.run(["npm", "ci", "--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund",
                        "--silent"], cwd=FOLDER, check=True, stdout=subprocess.DEVNULL)
    except subprocess.CalledProcessError:
        os.unlink(locks[1])
        raise
    return program


def environment(port, home):
    """What a vitrine command needs to reach the server, and nothing of this machine's own."""
    env = {name: value for name, value in os.environ.items()
           if not name.startswith(("AWS_", "RCLONE_"))}
    env.update(HOME=home, AWS_ACCESS_KEY_ID=KEY, AWS_SECRET_ACCESS_KEY=KEY,
               AWS_EC2_METADATA_DISABLED="true", RCLONE_S3_ENDPOINT=f"http://127.0.0.1:{port}")
    return env


class Handler(http.server.BaseHTTPRequestHandler):
    """Passes one request on, unless server.fault says otherwise."""

    protocol_version = "HTTP/1.1"

    def log_message(self, format, *args):  # pylint: disable=redefined-builtin
        pass

    def _pass(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = urllib.parse.unquote(urllib.parse.urlsplit(self.path).path)
        proxy = self.server.proxy
        action = proxy.fault(self.command, path) or ""
        if action == "hold":
            proxy.hold()
            self.close_connection = True
            return
        if isinstance(action, int):
            self.send_response(action)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        status, reason, headers, data = self._ask(body)
        proxy.requests.append(Request(self.command, path, len(body), len(data),
                                      self.headers.get("x-amz-copy-source")))
        if action == "hold after":
            proxy.hold()
            self.close_connection = True
            return
        self._answer(status, reason, headers, data, action)

    def _ask(self, body):
        connection = http.client.HTTPConnection("127.0.0.1", self.server.proxy.behind, timeout=30)
        try:
            connection.putrequest(self.command, self.path, skip_host=True,
                                  skip_accept_encoding=True)
            for name, value in self.headers.items():
                connection.putheader(name, value)
            connection.endheaders(body)
            response = connection.getresponse()
            return response.status, response.reason, response.getheaders(), response.read()
        finally:
            connection.close()

    def _answer(self, status, reason, headers, data, action):
        self.send_response_only(status, reason)
        for name, value in headers:
            if name.lower() not in ("connection", "keep-alive", "transfer-encoding",
                                    "content-length"):
                self.send_header(name, value)
        length = dict((name.lower(), value) for name, value in headers).get("content-length")
        if status not in (204, 304):
            self.send_header("Content-Length",
                             length if self.command == "HEAD" and length else len(data))
        self.end_headers()
        is_half = action in ("cut", "stall")
        self.wfile.write(data[:len(data) // 2] if is_half else data)
        if action == "stall":
            self.wfile.flush()
            self.server.proxy.hold()
        self.close_connection = self.close_connection or is_half

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _pass


class Proxy(http.server.ThreadingHTTPServer):
    """Listens on a free port of the loopback; what it is asked goes to the port BEHIND."""

    daemon_threads = True

    def __init__(self, behind):
        super().__init__(("127.0.0.1", 0), Handler)
        self.proxy = self
        self.behind = behind
        self.port = self.server_address[1]
        self.requests = []
        self.fault = lambda method, path: None
        self.held = threading.Event()
        self.released = threading.Event()
        self.thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05})
        self.thread.start()

    def handle_error(self, request, client_address):
        pass  # a client that was killed

    def reset(self):
        """Forgets what was asked, and passes everything on."""
        self.released.set()
        self.requests.clear()
        self.fault = lambda method, path: None
        self.held = threading.Event()
        self.released = threading.Event()

    def hold(self):
        """In a handler: keeps a client waiting until the test goes on."""
        released = self.released
        self.held.set()
        released.wait(60)

    def objects(self, method, names=True):
        """The last parts of the paths that were asked with METHOD; not the bucket itself."""
        return [os.path.basename(r.path) if names else r.path for r in list(self.requests)
                if r.method == method and r.path.strip("/") != BUCKET]

    def stop(self):
        """Ends it."""
        self.released.set()
        self.shutdown()
        self.thread.join()
        self.server_close()


class Server:
    """s3rver with one bucket; `proxy` is the way to it."""

    def __init__(self):
        program = install()
        self.folder = tempfile.mkdtemp(prefix="vitrine-s3-")
        self.data = os.path.join(self.folder, "data")
        os.makedirs(os.path.join(self.data, BUCKET))
        port = support.free_port()
        with open(os.path.join(self.folder, "log"), "wb") as log:
            self.process = subprocess.Popen(  # pylint: disable=consider-using-with
                ["node", program, "-d", self.data, "-a", "127.0.0.1", "-p", str(port)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        support.wait_until(lambda: support.answers(port), 60, "the S3 server")
        self.proxy = Proxy(port)

    def stop(self):
        """Ends it."""
        self.proxy.stop()
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def keys(self, prefix):
        """The objects below PREFIX, which has no slash at its end."""
        top = os.path.join(self.data, BUCKET, prefix)
        found = []
        for at, _, names in os.walk(top):
            found += [os.path.relpath(os.path.join(at, name), top)[:-len("._S3rver_object")]
                      for name in names if name.endswith("._S3rver_object")]
        return sorted(found)

    def path(self, key):
        """The file that an object is."""
        return os.path.join(self.data, BUCKET, key + "._S3rver_object")

    def save(self, prefix, folder):
        """Copies all below PREFIX to FOLDER."""
        shutil.copytree(os.path.join(self.data, BUCKET, prefix), folder)

    def restore(self, prefix, folder):
        """All below PREFIX is as it was when it was saved."""
        top = os.path.join(self.data, BUCKET, prefix)
        shutil.rmtree(top, ignore_errors=True)
        shutil.copytree(folder, top)
