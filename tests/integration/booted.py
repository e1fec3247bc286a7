"""A minimal Debian that is booted: systemd in a container, with a machine of netns.Lab."""
import os
import re
import shutil
import signal
import subprocess

import netns
import package
import support

PROGRAMS = ("systemd-nspawn", "mmdebstrap", "nsenter", "setpriv")
BOOT_S = 180


def why_not():
    """Why nothing can be booted here; empty when it can."""
    if os.geteuid() != 0:
        return "a Debian is booted by root alone"
    for program in PROGRAMS:
        if shutil.which(program) is None:
            return f"there is no program {program}; ./dev test installs what is missing"
    return netns.why_not()


class Debian:
    """A root in FOLDER that can be booted and powered off, again and again, at one machine of a
    lab."""

    def __init__(self, folder, name, machine):
        self.name = name
        self.machine = machine
        self.root = os.path.join(folder, name)
        self.console = os.path.join(folder, name + ".console")
        self.nspawn = None
        self.init = None  # the container's first process, as this machine numbers it
        package.unpack_root(self.root)

    def path(self, path):
        """Where a file of it is on this machine."""
        return self.root + path

    def write(self, path, text):
        """Writes a file of it."""
        os.makedirs(os.path.dirname(self.path(path)), exist_ok=True)
        with open(self.path(path), "w", encoding="utf-8") as file:
            file.write(text)

    def append(self, path, text):
        """Adds to a file of it."""
        with open(self.path(path), "a", encoding="utf-8") as file:
            file.write(text)

    def boot(self):
        """Boots, and waits until systemd has started everything. Should this process die, it is
        powered off."""
        with open(self.console, "ab") as console:
            self.nspawn = subprocess.Popen(  # pylint: disable=consider-using-with
                ["setpriv", "--pdeathsig", "TERM", "systemd-nspawn", "--quiet", "--boot",
                 "--directory", self.root, "--register=no", "--keep-unit",
                 f"--machine=vitrine-{self.name}-{os.getpid()}", "--console=pipe",
                 "--resolv-conf=off", "--timezone=off", "--link-journal=no",
                 f"--network-namespace-path=/proc/{os.getpid()}/fd/{self.machine.fd}"],
                stdin=subprocess.DEVNULL, stdout=console, stderr=console)
        support.wait_until(self._is_up, BOOT_S, f"the boot of {self.name}")

    def _is_up(self):
        if self.nspawn.poll() is not None:
            with open(self.console, encoding="utf-8", errors="replace") as file:
                raise AssertionError(f"{self.name} did not boot:\n{file.read()}")
        try:
            with open(f"/proc/{self.nspawn.pid}/task/{self.nspawn.pid}/children",
                      encoding="ascii") as file:
                children = file.read().split()
            for pid in children:
                with open(f"/proc/{pid}/comm", encoding="ascii") as file:
                    if file.read() == "systemd\n":
                        self.init = int(pid)
        except (FileNotFoundError, ProcessLookupError):
            return False  # it goes on to the next step
        state = self.run("systemctl", "is-system-running", check=False) if self.init else None
        return state is not None and state.stdout.strip() in ("running", "degraded")

    def run(self, *command, check=True, timeout=120):
        """Runs a program inside."""
        return package.run("nsenter", "-t", str(self.init), "-m", "-u", "-i", "-n", "-p", "-C",
                           "-r", "-w", "--", *command, check=check, timeout=timeout)

    def power_off(self):
        """Ends it as its administrator would, or at once when it does not listen."""
        if self.nspawn is None:
            return
        if self.init is not None and self.nspawn.poll() is None:
            self.run("systemctl", "poweroff", "--no-block", check=False)
        try:
            self.nspawn.wait(BOOT_S)
        except subprocess.TimeoutExpired:
            os.kill(self.init or self.nspawn.pid, signal.SIGKILL)
            self.nspawn.wait(BOOT_S)
        self.nspawn = self.init = None

    def install(self, deb):
        """dpkg -i; what it printed."""
        shutil.copy(deb, self.path("/root/vitrine.deb"))
        return self.run("dpkg", "-i", "/root/vitrine.deb").stdout

    def journal(self, unit):
        """What the unit logged until now; the journal reads what it wrote a moment after that."""
        self.run("journalctl", "--sync")
        return self.run("journalctl", "--no-pager", "-o", "cat", "-u", unit, check=False).stdout

    def property(self, unit, name):
        """A property of a unit."""
        return self.run("systemctl", "show", "--value", "-p", name, unit).stdout.strip()

    def release(self):
        """The number of the current release of /var/lib/vitrine; 0 without one."""
        try:
            return int(re.search(r"\d+$", os.readlink(self.path("/var/lib/vitrine/current")))[0])
        except FileNotFoundError:
            return 0
