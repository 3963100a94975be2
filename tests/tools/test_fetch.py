#!/usr/bin/env python3
"""scripts/fetch.py with registries' clients played by small scripts: what is fetched, what is
refused, what it says. Nothing is downloaded."""
import hashlib
import importlib.util
import io
import os
import pathlib
import sys
import tarfile
import tempfile
import unittest
import contextlib

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


def load_fetch():
    spec = importlib.util.spec_from_file_location("fetch", ROOT / "scripts" / "fetch.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def make_tar(members, mode="w:gz"):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            info.mode = 0o755 if name.endswith("/bin/go") else 0o644
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


class Fetch(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = pathlib.Path(folder.name)
        self.fetch = load_fetch()
        self.fetch.CACHE = self.path / "cache"
        self.fetch.LOCK = self.path / "fetch.lock"
        self.archive = make_tar({
            "package/wanted": b"contents",
            "package/other": b"not wanted",
            "package/inner.tar.gz": make_tar({"usr/a": b"A", "usr/b/c": b"C", "etc/d": b"D"}),
        })
        self.client("cp {archive} package.tgz")
        path = os.environ["PATH"]
        os.environ["PATH"] = f"{self.path}:{path}"
        self.addCleanup(os.environ.__setitem__, "PATH", path)

    def client(self, command):
        """Puts a script in npm's place; it notes each call."""
        (self.path / "archive").write_bytes(self.archive)
        script = self.path / "npm"
        script.write_text("#!/bin/sh\n"
                          f"echo \"$@\" >>{self.path}/calls\n"
                          + command.format(archive=self.path / "archive") + "\n")
        script.chmod(0o755)

    def lock(self, *lines, digest=None):
        digest = digest or hashlib.sha256(self.archive).hexdigest()
        self.fetch.LOCK.write_text(
            f"# comment\npackage thing npm @some/thing 1.2.3 {len(self.archive)} {digest}\n"
            + "\n".join(lines) + "\n")

    def run_fetch(self, *names):
        out = io.StringIO()
        argv, sys.argv = sys.argv, ["fetch.py", *names]
        try:
            with contextlib.redirect_stderr(out), contextlib.redirect_stdout(out):
                status = self.fetch.main()
        finally:
            sys.argv = argv
        return status, out.getvalue()

    def calls(self):
        path = self.path / "calls"
        return path.read_text().splitlines() if path.exists() else []

    def files(self):
        root = self.fetch.CACHE / "thing"
        return {str(p.relative_to(root)): p.read_bytes()
                for p in root.rglob("*") if p.is_file() and p.name != "stamp"}

    def test_takes_what_is_wanted_once(self):
        self.lock("file package/wanted", "inner package/inner.tar.gz usr/")
        status, text = self.run_fetch("thing")
        self.assertEqual(status, 0, text)
        self.assertIn("@some/thing 1.2.3", text)
        self.assertEqual(self.files(), {"package/wanted": b"contents",
                                        "package/inner.tar.gz.d/usr/a": b"A",
                                        "package/inner.tar.gz.d/usr/b/c": b"C"})
        self.assertEqual(len(self.calls()), 1)
        self.assertRegex(self.calls()[0], r"^pack .* @some/thing@1\.2\.3$")
        self.assertEqual(self.run_fetch("thing"), (0, ""))
        self.assertEqual(len(self.calls()), 1)

    def test_fetches_again_when_the_entry_changes(self):
        self.lock("file package/wanted")
        self.assertEqual(self.run_fetch("thing")[0], 0)
        self.lock("file package/other")
        self.assertEqual(self.run_fetch("thing")[0], 0)
        self.assertEqual(self.files(), {"package/other": b"not wanted"})

    def test_refuses_another_archive(self):
        self.lock("file package/wanted", digest="0" * 64)
        status, text = self.run_fetch("thing")
        self.assertEqual(status, 1)
        self.assertIn("not the pinned archive", text)
        self.assertIn("0" * 64, text)
        self.assertIn(hashlib.sha256(self.archive).hexdigest(), text)
        self.assertFalse((self.fetch.CACHE / "thing").exists())
        self.assertEqual([p.name for p in self.fetch.CACHE.iterdir()], ["thing.lock"])

    def test_takes_go_modules_with_the_fetched_client(self):
        """The client comes first, is executable, and keeps its cache where it is told."""
        module = make_tar({"example.com/m@v1/a.wasm": b"\0asm"})
        (self.path / "module").write_bytes(module)
        client = ("#!/bin/sh\nset -e\ntest -d \"$GOROOT\"\n"
                  "mkdir -p \"$GOPATH/cache/example.com/m/@v\"\n"
                  f"cp {self.path / 'module'} \"$GOPATH/cache/example.com/m/@v/v1.zip\"\n"
                  "echo \"$@\" >\"$GOPATH/cache/said\"\n")
        self.archive = make_tar({"go/bin/go": client.encode()})
        self.client("cp {archive} package.tgz")
        self.lock("file go/")
        with open(self.fetch.LOCK, "a") as lock:
            lock.write(self.fetch.LOCK.read_text().replace("package thing", "package go"))
            lock.write(f"package m go example.com/m v1 {len(module)} "
                       f"{hashlib.sha256(module).hexdigest()}\nfile example.com/m@v1/a.wasm\n")
        status, text = self.run_fetch("m")
        self.assertEqual(status, 0, text)
        self.assertEqual((self.fetch.CACHE / "m/example.com/m@v1/a.wasm").read_bytes(), b"\0asm")

    def test_says_what_the_client_said(self):
        self.client("echo no route to somewhere; exit 1")
        self.lock("file package/wanted")
        status, text = self.run_fetch("thing")
        self.assertEqual(status, 75)
        self.assertIn("no route to somewhere", text)
        self.assertIn("check the network", text)

    def test_says_when_the_client_is_missing(self):
        (self.path / "npm").unlink()
        os.environ["PATH"] = str(self.path)
        self.lock("file package/wanted")
        status, text = self.run_fetch("thing")
        self.assertEqual(status, 1)
        self.assertIn("npm is not installed", text)
        self.assertIn("./dev setup", text)

    def test_refuses_members_that_are_missing_or_outside(self):
        self.lock("file package/nothing")
        status, text = self.run_fetch("thing")
        self.assertEqual((status, "no member package/nothing" in text), (1, True), text)
        self.archive = make_tar({"../../escaped": b"x"})
        self.client("cp {archive} package.tgz")
        self.lock("file ../../escaped")
        status, text = self.run_fetch("thing")
        self.assertEqual((status, "outside its root" in text), (1, True), text)
        self.assertFalse((self.path / "escaped").exists())

    def test_explains_bad_lines_and_names(self):
        self.lock("what is this")
        status, text = self.run_fetch("thing")
        self.assertEqual((status, "fetch.lock:3" in text), (1, True), text)
        self.lock("file package/wanted")
        status, text = self.run_fetch("nothing")
        self.assertEqual((status, "there are: thing" in text), (1, True), text)

    def test_the_real_lock_file_can_be_read(self):
        packages = self.fetch.read_lock(ROOT / "scripts" / "fetch.lock")
        for package in packages.values():
            self.assertRegex(package.sha256, r"^[0-9a-f]{64}$")
            self.assertTrue(package.members, package.name)


if __name__ == "__main__":
    unittest.main()
