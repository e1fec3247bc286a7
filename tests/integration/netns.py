"""Network namespaces for one script: machines on a switch, each link with a rate and a plug of its
own.

Nothing here has a name on the host: a namespace is held by a descriptor of this process and is
gone, with its devices, when that is closed and the last process in it has ended. The switch has a
namespace too, and no way leads out of it. Being in a namespace is a matter of the thread: in a
`with` block, sockets that are opened and processes that are started belong to it.
"""
import ctypes
import os
import shutil
import subprocess
import sys
import threading

CLONE_NEWNET = 0x40000000
NETWORK = "10.77.0."
HOST = 254  # the address of the machine that the lab runs on, when it is plugged in
AGAIN = "VITRINE_IN_USER_NAMESPACE"

libc = ctypes.CDLL(None, use_errno=True)


class Way(threading.local):
    """The namespaces that a thread has to go back to, the last one first."""

    def __init__(self):
        super().__init__()
        self.back = []


way = Way()


def enter_user_namespace():
    """Who is not root runs this script again in a user namespace, where namespaces may be made."""
    if os.geteuid() == 0 or AGAIN in os.environ:
        return
    command = ["unshare", "--user", "--map-current-user", "--keep-caps", "--net"]
    if shutil.which("unshare") and subprocess.run([*command, "true"], capture_output=True,
                                                  check=False).returncode == 0:
        os.environ[AGAIN] = "1"
        os.execvp(command[0], [*command, sys.executable, *sys.argv])


def why_not():
    """Why there can be no machines here; empty when there can."""
    for program in ("ip", "tc"):
        if shutil.which(program) is None:
            return f"there is no program {program}; install iproute2"
    try:
        with Lab("one") as lab:
            lab.machines["one"].rate("8mbit")
    except (OSError, subprocess.CalledProcessError) as error:
        return f"network namespaces are not permitted here: {error}"
    return ""


def check(result):
    """Raises what a call of libc says."""
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def open_own():
    """A descriptor of the namespace that this thread is in."""
    return os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)


def run(*command):
    """ip or tc, which are silent when all is well."""
    subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)


class Namespace:
    """A network namespace; `with` it, this thread is inside."""

    def __init__(self):
        home = open_own()
        try:
            check(libc.unshare(CLONE_NEWNET))
            self.fd = open_own()
            check(libc.setns(home, CLONE_NEWNET))
        finally:
            os.close(home)
        with self:
            run("ip", "link", "set", "lo", "up")

    def __enter__(self):
        way.back.append(open_own())
        check(libc.setns(self.fd, CLONE_NEWNET))
        return self

    def __exit__(self, *unused):
        home = way.back.pop()
        check(libc.setns(home, CLONE_NEWNET))
        os.close(home)

    def close(self):
        """Lets go of it."""
        os.close(self.fd)


class Machine(Namespace):
    """A namespace with one interface, eth0, whose other end is a port of the switch."""

    def __init__(self, switch, name, address):
        super().__init__()
        self.switch = switch
        self.port = "p-" + name
        self.address = address
        with switch:
            run("ip", "link", "add", self.port, "type", "veth", "peer", "name", "eth0", "netns",
                f"/proc/{os.getpid()}/fd/{self.fd}")
            run("ip", "link", "set", self.port, "master", "switch", "up")
        with self:
            run("ip", "address", "add", address + "/24", "dev", "eth0")
            run("ip", "link", "set", "eth0", "up")

    def plug(self, is_in):
        """Puts the cable in, or pulls it out."""
        with self.switch:
            run("ip", "link", "set", self.port, "up" if is_in else "down")

    def rate(self, rate):
        """Most that it gets, as tc writes it: 8mbit. None: as much as the machine can."""
        with self.switch:
            if rate is None:
                run("tc", "qdisc", "delete", "dev", self.port, "root")
            else:
                run("tc", "qdisc", "replace", "dev", self.port, "root", "tbf", "rate", rate,
                    "burst", "64kb", "latency", "100ms")

    def traffic(self):
        """Bytes that came in and went out at eth0 until now, headers included."""
        with self, open("/proc/thread-self/net/dev", encoding="ascii") as file:
            fields = file.read().split("eth0:")[1].split()
        return int(fields[0]), int(fields[8])


class Lab:
    """Machines by name on one switch; `with` it, they are gone at the end."""

    def __init__(self, *names, network=NETWORK):
        self.network = network
        self.namespaces = []
        self.machines = {}
        self.plug_name = None
        try:
            self._set_up(names)
        except BaseException:
            self.close()
            raise

    def _set_up(self, names):
        switch = Namespace()
        self.namespaces.append(switch)
        with switch:
            run("ip", "link", "add", "switch", "type", "bridge", "stp_state", "0",
                "forward_delay", "0")
            run("ip", "link", "set", "switch", "up")
        for number, name in enumerate(names, 1):
            machine = Machine(switch, name, f"{self.network}{number}")
            self.namespaces.append(machine)
            self.machines[name] = machine

    def plug_in(self, name):
        """Gives the namespace of this thread an interface NAME on the switch; its address."""
        switch = self.namespaces[0]
        run("ip", "link", "add", name, "type", "veth", "peer", "name", "p-host", "netns",
            f"/proc/{os.getpid()}/fd/{switch.fd}")
        self.plug_name = name
        with switch:
            run("ip", "link", "set", "p-host", "master", "switch", "up")
        address = f"{self.network}{HOST}"
        run("ip", "address", "add", address + "/24", "dev", name)
        run("ip", "link", "set", name, "up")
        return address

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.close()

    def close(self):
        """Lets go of all of them."""
        if self.plug_name is not None:
            subprocess.run(["ip", "link", "delete", self.plug_name], capture_output=True,
                           check=False)
            self.plug_name = None
        for namespace in self.namespaces:
            namespace.close()
        self.namespaces = []
