#!/usr/bin/env python3
"""Fetches pinned third-party packages and unpacks the files that the build wants.

    scripts/fetch.py NAME…      fetch packages of scripts/fetch.lock into .cache/fetch/NAME/
    scripts/fetch.py --list     name the packages

Downloads go through the registries' own clients (npm, pip, go, cargo) with the user's configuration, so
mirrors and proxies work and no host is named here. An archive is used only if its SHA-256 is the
pinned one. A package whose stamp matches its lock entry is not touched again. The exit status is
75 if a registry did not deliver, 1 after any other error.
"""
import argparse
import fcntl
import hashlib
import io
import os
import pathlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
LOCK = ROOT / "scripts" / "fetch.lock"
CACHE = ROOT / ".cache" / "fetch"
TIMEOUT_SECONDS = 900
UNREACHABLE_STATUS = 75  # EX_TEMPFAIL of sysexits.h


class FetchError(Exception):
    """A message for the person at the terminal: what is wrong and what to do."""


class Unreachable(FetchError):
    """The registry did not deliver: no network, perhaps."""


class Package:
    def __init__(self, name, kind, package, version, size, sha256):
        self.name, self.kind, self.package, self.version = name, kind, package, version
        self.size, self.sha256 = int(size), sha256
        self.members = []  # (inner archive or None, member)

    def stamp(self):
        """Text that changes whenever anything about this entry does."""
        lines = [f"{self.kind} {self.package} {self.version} {self.sha256}"]
        lines += [f"{inner or '-'} {member}" for inner, member in self.members]
        return "\n".join(lines) + "\n"


def read_lock(path):
    packages, last = {}, None
    for number, line in enumerate(path.read_text().splitlines(), 1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        if words[0] == "package" and len(words) == 7 and words[2] in DOWNLOADERS:
            last = packages[words[1]] = Package(*words[1:])
        elif words[0] == "file" and len(words) == 2 and last:
            last.members.append((None, words[1]))
        elif words[0] == "inner" and len(words) == 3 and last:
            last.members.append((words[1], words[2]))
        else:
            raise FetchError(f"{path.name}:{number}: cannot read this line: {line}")
    return packages


def npm_command(package, target):
    return ["npm", "pack", "--loglevel=error", "--pack-destination", str(target),
            f"{package.package}@{package.version}"]


def pypi_command(package, target):
    return [sys.executable, "-m", "pip", "download", "--no-deps", "--quiet", "--no-cache-dir",
            "--disable-pip-version-check", "--dest", str(target),
            f"{package.package}=={package.version}"]


def go_command(package, target):
    """The client is the fetched one; its module cache holds the archive it downloaded."""
    go = CACHE / "go" / "go"
    return ["env", f"GOROOT={go}", f"GOPATH={target}", "GOFLAGS=-modcacherw", "GOTOOLCHAIN=local",
            str(go / "bin" / "go"), "mod", "download", "-json",
            f"{package.package}@{package.version}"]


def crate_command(package, target):
    """Fetches what a package that needs only this crate needs; nothing of it is run."""
    (target / "lib.rs").write_text("")
    version = package.version.partition("+")[0]
    (target / "Cargo.toml").write_text(
        "[package]\nname = \"fetch\"\nversion = \"0.0.0\"\n[lib]\npath = \"lib.rs\"\n"
        f"[dependencies]\n{package.package} = \"={version}\"\n")
    return ["cargo", "fetch", "--quiet", "--manifest-path", str(target / "Cargo.toml")]


def crate_archive(package):
    """Where cargo keeps what it downloaded."""
    home = pathlib.Path(os.environ.get("CARGO_HOME", pathlib.Path.home() / ".cargo"))
    name = f"{package.package}-{package.version}.crate"
    return list((home / "registry" / "cache").glob(f"*/{name}"))


DOWNLOADERS = {"npm": npm_command, "pypi": pypi_command, "go": go_command, "crate": crate_command}
CLIENTS = {"npm": "npm", "pypi": "pip", "go": "go", "crate": "cargo"}
INSTALLED_BY = {"crate": "bench"}  # the group of ./dev setup, if it is not fetch


def say(text):
    print(f"fetch: {text}", file=sys.stderr, flush=True)


def wait_with_progress(process, package):
    """Waits for the client; a terminal sees the seconds pass."""
    start = time.monotonic()
    while True:
        try:
            output, _ = process.communicate(timeout=1)
            break
        except subprocess.TimeoutExpired:
            seconds = time.monotonic() - start
            if seconds > TIMEOUT_SECONDS:
                process.kill()
                process.communicate()
                raise Unreachable(f"{package.package}: no answer after {TIMEOUT_SECONDS} s; "
                                 "check the network and run the same command again") from None
            if sys.stderr.isatty():
                print(f"\rfetch: {package.package} {package.version}: {seconds:.0f} s ",
                      end="", file=sys.stderr, flush=True)
    if sys.stderr.isatty():
        print("\r\033[K", end="", file=sys.stderr, flush=True)
    return output


def download(package, target):
    """Runs the registry's client; returns the path of the one archive it left in `target`."""
    command = DOWNLOADERS[package.kind](package, target)
    say(f"{package.package} {package.version} ({package.size / 1e6:.0f} MB) with "
        f"{CLIENTS[package.kind]}")
    try:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.STDOUT, cwd=target, text=True)
    except FileNotFoundError:
        group = INSTALLED_BY.get(package.kind, "fetch")
        raise FetchError(f"{command[0]} is not installed; type: ./dev setup {group}") from None
    output = wait_with_progress(process, package)
    if process.returncode:
        tail = "\n".join("    " + line for line in output.strip().splitlines()[-8:])
        raise Unreachable(f"{CLIENTS[package.kind]} could not download {package.package} "
                          f"{package.version}:\n{tail}\n"
                          "  check the network and run the same command again")
    if package.kind == "crate":
        archives = crate_archive(package)
    else:
        archives = list(target.rglob("*.zip") if package.kind == "go" else target.iterdir())
    if len(archives) != 1:
        raise FetchError(f"{command[0]} left {len(archives)} files instead of one archive")
    return archives[0]


def check_hash(package, archive):
    actual = hashlib.sha256(archive.read_bytes()).hexdigest()
    if actual != package.sha256:
        raise FetchError(
            f"{package.package} {package.version} is not the pinned archive\n"
            f"    expected sha256 {package.sha256}\n    got      sha256 {actual} "
            f"({archive.stat().st_size} bytes, {package.size} expected)\n"
            "  the download is discarded; if this repeats, the registry or a proxy changes it")


class Archive:
    """Members of a tar (any compression) or zip archive by name."""

    def __init__(self, data):
        if zipfile.is_zipfile(io.BytesIO(data)):
            self.zip, self.tar = zipfile.ZipFile(io.BytesIO(data)), None
            self.names = [n for n in self.zip.namelist() if not n.endswith("/")]
        else:
            self.zip, self.tar = None, tarfile.open(fileobj=io.BytesIO(data))
            self.names = [m.name for m in self.tar.getmembers() if m.isfile()]

    def is_executable(self, name):
        mode = self.zip.getinfo(name).external_attr >> 16 if self.zip else \
            self.tar.getmember(name).mode
        return bool(mode & 0o100)

    def read(self, name):
        return self.zip.read(name) if self.zip else self.tar.extractfile(name).read()

    def select(self, wanted):
        if wanted.endswith("/"):
            found = [n for n in self.names if n.startswith(wanted)]
        else:
            found = [n for n in self.names if n == wanted]
        if not found:
            raise FetchError(f"the archive has no member {wanted}")
        return found


def write_member(root, name, data, is_executable):
    path = root / name
    if not path.resolve().is_relative_to(root.resolve()):
        raise FetchError(f"the archive has a member outside its root: {name}")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    if is_executable:
        path.chmod(0o755)


def unpack(package, archive, root):
    outer, inner_archives = Archive(archive.read_bytes()), {}
    for inner, wanted in package.members:
        source, target = outer, root
        if inner:
            if inner not in inner_archives:
                inner_archives[inner] = Archive(outer.read(outer.select(inner)[0]))
            source, target = inner_archives[inner], root / (inner + ".d")
        for name in source.select(wanted):
            write_member(target, name, source.read(name), source.is_executable(name))


def fetch(package):
    final = CACHE / package.name
    stamp = final / "stamp"
    CACHE.mkdir(parents=True, exist_ok=True)
    with open(CACHE / f"{package.name}.lock", "w") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)  # two makes at once download once
        if stamp.is_file() and stamp.read_text() == package.stamp():
            return
        work = pathlib.Path(tempfile.mkdtemp(prefix=package.name + ".", dir=CACHE))
        try:
            (work / "download").mkdir()
            archive = download(package, work / "download")
            check_hash(package, archive)
            (work / "files").mkdir()
            unpack(package, archive, work / "files")
            (work / "files" / "stamp").write_text(package.stamp())
            if final.exists():
                shutil.rmtree(final)
            os.rename(work / "files", final)
            say(f"{package.package} {package.version}: verified")
        finally:
            shutil.rmtree(work, ignore_errors=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--list", action="store_true", help="name the packages and stop")
    options = parser.parse_args()
    try:
        packages = read_lock(LOCK)
        if options.list:
            for package in packages.values():
                print(f"{package.name:10} {package.kind:5} {package.package} {package.version}")
            return 0
        if not options.names:
            parser.error(f"name a package: {', '.join(packages)}")
        for name in options.names:
            if name not in packages:
                raise FetchError(f"no package '{name}' in {LOCK.name}; "
                                 f"there are: {', '.join(packages)}")
            if packages[name].kind == "go":
                fetch(packages["go"])
            fetch(packages[name])
    except FetchError as error:
        print(f"fetch: {error}", file=sys.stderr)
        return UNREACHABLE_STATUS if isinstance(error, Unreachable) else 1
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
