"""A throwaway PostgreSQL cluster on a unix socket, and sessions on it.

The cluster belongs to an unprivileged user (postgres, when the tests run as root), listens on no
port, and ends with the process that started it, however that ends.
"""

import glob
import os
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.parse

OWNER = "postgres"  # of the cluster, both in the system and in the database
READY_S = 60

SETTINGS = """
listen_addresses = ''
unix_socket_directories = '{folder}'
fsync = off
shared_buffers = 32MB
max_connections = 60
log_statement = 'none'
# Its transactions would be changes of a source at moments that nobody knows.
autovacuum = off
"""

# Whoever is on this machine may be anybody, but for one role that needs its password.
ACCESS = """
local all locked scram-sha-256
local all all trust
"""


def programs():
    """The folder of initdb and postgres: the newest there is."""
    folders = glob.glob("/usr/lib/postgresql/*/bin")
    if not folders:
        raise FileNotFoundError("no PostgreSQL server: ./dev setup installs postgresql-15")
    return max(folders, key=lambda folder: int(folder.split("/")[-2]))


def as_owner():
    """How a command is run as somebody whom PostgreSQL accepts: it refuses root."""
    if os.getuid() != 0:
        return ["setpriv"]
    return ["setpriv", f"--reuid={OWNER}", f"--regid={OWNER}", "--init-groups"]


class Cluster:
    """Starts with the object; stop() ends it and removes its folders.

    SETTINGS are more lines of postgresql.conf, and win, ACCESS more lines of pg_hba.conf. PARENT is
    where its folder is made; DATA_PARENT where one for the data is, when there is more of it than fits
    beside the socket.
    """

    def __init__(self, settings="", data_parent=None, access="", parent="/tmp"):
        self.folder = tempfile.mkdtemp(prefix="vpg.", dir=parent)  # a socket's path is short
        self.settings = settings
        self.access = access
        self.data = (os.path.join(self.folder, "data") if data_parent is None
                     else tempfile.mkdtemp(prefix="vpg-data.", dir=data_parent))
        self.process = None
        self.client_env = {**os.environ, "PGHOST": self.folder, "PGUSER": OWNER}
        for name in ("PGSERVICE", "PGPASSFILE", "PGPASSWORD", "PGOPTIONS", "PGPORT"):
            self.client_env.pop(name, None)
        try:
            self.make()
            self.start()
        except BaseException:
            self.stop()
            raise

    def make(self):
        """initdb."""
        os.makedirs(self.data, mode=0o700, exist_ok=True)
        if os.getuid() == 0:
            for folder in (self.folder, self.data):
                shutil.chown(folder, OWNER, OWNER)
        subprocess.run([*as_owner(), os.path.join(programs(), "initdb"), "-D", self.data, "-A",
                        "trust", "-U", OWNER, "-E", "UTF8", "--locale=C.UTF-8", "--no-sync", "-N"],
                       check=True, stdout=subprocess.DEVNULL, cwd="/")
        with open(os.path.join(self.data, "postgresql.conf"), "a", encoding="utf-8") as file:
            file.write(SETTINGS.format(folder=self.folder) + self.settings)
        with open(os.path.join(self.data, "pg_hba.conf"), "w", encoding="utf-8") as file:
            file.write(ACCESS + self.access)

    def start(self):
        """Starts the server and waits until it answers."""
        command = [*as_owner(), "--pdeathsig", "QUIT", os.path.join(programs(), "postgres"), "-D",
                   self.data]
        with open(self.log_path(), "ab") as log:
            self.process = subprocess.Popen(  # pylint: disable=consider-using-with
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/")
        self.wait()

    def wait(self):
        """Waits until the server answers."""
        deadline = time.monotonic() + READY_S
        while self.psql("SELECT 1", database="postgres", check=False).returncode != 0:
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError("PostgreSQL does not start:\n" + self.log())
            time.sleep(0.02)

    def end(self):
        """Ends every session and the server at once, without a checkpoint; start() starts it again."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGQUIT)
            try:
                self.process.wait(timeout=READY_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def stop(self):
        """Ends the server and removes its folders; may be called again."""
        self.end()
        for folder in (self.data, self.folder):
            shutil.rmtree(folder, ignore_errors=True)

    def log_path(self):
        """Where the server says what it has to say."""
        return os.path.join(self.folder, "log")

    def log(self):
        """What the server said."""
        with open(self.log_path(), encoding="utf-8", errors="replace") as file:
            return file.read()

    def url(self, database, user=OWNER, **parameters):
        """The URL of a database for vitrine."""
        query = urllib.parse.urlencode({"host": self.folder, **parameters},
                                       quote_via=urllib.parse.quote)
        return f"postgres://{user}@/{database}?{query}"

    def psql(self, sql, database, user=OWNER, check=True, timeout=120):
        """Runs statements, each in a transaction of its own; stdout has rows as a|b."""
        done = subprocess.run(["psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-U", user, "-d", database],
                              input=sql, capture_output=True, text=True, timeout=timeout,
                              env=self.client_env, check=False)
        if check and done.returncode != 0:
            raise AssertionError(f"{sql}\n{done.stderr}")
        return done

    def rows(self, sql, database):
        """The rows of a statement, as lists of texts."""
        return [line.split("|") for line in self.psql(sql, database).stdout.splitlines()]

    def create(self, database):
        """A database of that name, empty, however often."""
        self.psql(f'DROP DATABASE IF EXISTS "{database}" WITH (FORCE)', "postgres")
        self.psql(f'CREATE DATABASE "{database}"', "postgres")
        return self.url(database)


class Session:
    """One connection that keeps its transaction from one call to the next."""

    def __init__(self, cluster, database):
        self.process = subprocess.Popen(  # pylint: disable=consider-using-with
            ["psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-d", database], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=cluster.client_env)

    def run(self, sql):
        """Runs statements to their end; what they print."""
        self.process.stdin.write(sql + "\n\\echo ==done==\n")
        self.process.stdin.flush()
        lines = []
        for line in self.process.stdout:
            if line == "==done==\n":
                return lines
            lines.append(line.rstrip("\n"))
        raise AssertionError(f"{sql}: " + "\n".join(lines))

    def close(self):
        """Ends it; an open transaction is rolled back."""
        if self.process.poll() is None:
            self.process.stdin.close()
            try:
                self.process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.process.stdout.close()
