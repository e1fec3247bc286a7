"""The Debian package, built once a run of a test script, and minimal Debian roots to put it in."""
import functools
import glob
import hashlib
import os
import re
import shutil
import subprocess
import tempfile

import support

BUILD_S = 900
BOOTSTRAP_S = 600
SUITE = "bookworm"


def run(*command, check=True, timeout=120, **more):
    """Runs a program to its end; stdout and stderr are text."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False,
                          **more)
    if check and done.returncode != 0:
        raise AssertionError(f"{' '.join(command)}: exit code {done.returncode}\n{done.stdout}"
                             f"{done.stderr}")
    return done


@functools.cache
def build():
    """The path of the package, made from the release build, which is brought up to date first."""
    done = run("nice", os.path.join(support.ROOT, "dev"), "package", timeout=BUILD_S)
    return os.path.join(support.ROOT, done.stdout.split()[-1])


def field(name, path=None):
    """A field of the package's control file."""
    return run("dpkg-deb", "-f", path or build(), name).stdout.strip()


def with_version(version, folder):
    """The same package under another version, in FOLDER."""
    tree = os.path.join(folder, f"package-{version}")
    run("dpkg-deb", "-R", build(), tree)
    control = os.path.join(tree, "DEBIAN", "control")
    with open(control, encoding="utf-8") as file:
        text = re.sub(r"(?m)^Version: .*$", f"Version: {version}", file.read())
    with open(control, "w", encoding="utf-8") as file:
        file.write(text)
    run("dpkg-deb", "-Znone", "-b", tree, tree + ".deb")
    shutil.rmtree(tree)
    return tree + ".deb"


def apt_sources():
    """The files that say where apt of this machine takes packages from."""
    folder = "/etc/apt/sources.list.d/"
    files = ["/etc/apt/sources.list", *sorted(glob.glob(folder + "*.list") +
                                              glob.glob(folder + "*.sources"))]
    return [path for path in files if os.path.exists(path) and os.path.getsize(path) > 0]


def debian_root():
    """A tar archive of a minimal Debian that boots, with what the package depends on and nothing
    else. It is kept in build/ until that changes."""
    # Of alternatives the first, as apt does.
    names = [re.split(r"[ |(]", each.strip())[0] for each in field("Depends").split(",")]
    include = ",".join(sorted({*names, "systemd-sysv"}))
    key = hashlib.sha256(include.encode())
    for path in apt_sources():
        with open(path, "rb") as file:
            key.update(file.read())
    kept = os.path.join(support.ROOT, "build", f"debian-{key.hexdigest()[:12]}.tar")
    if not os.path.exists(kept):
        for old in glob.glob(os.path.join(support.ROOT, "build", "debian-*.tar")):
            os.unlink(old)
        with tempfile.TemporaryDirectory(dir=os.path.dirname(kept)) as folder:
            made = os.path.join(folder, "debian.tar")
            run("nice", "mmdebstrap", "--mode=root", "--variant=minbase", "--include=" + include,
                SUITE, made, *apt_sources(), timeout=BOOTSTRAP_S)
            os.rename(made, kept)
    return kept


def unpack_root(folder):
    """A minimal Debian in FOLDER, which is made."""
    os.mkdir(folder)
    run("tar", "-C", folder, "--numeric-owner", "-xf", debian_root())
