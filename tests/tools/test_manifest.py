#!/usr/bin/env python3
"""Tests of `nebulet manifest`: what it prints, writes and refuses, with which status."""
import pathlib
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
TOOL = ROOT / "build/release/nebulet"
SOURCE = """
#include "nebulet.h"
#include "user/sdk/manifest.h"
%s
__attribute__((export_name("_start"))) void start(void)
{
	nb_port_write8(0x3f8, nb_port_read8(0x3fd));
}
__attribute__((export_name("any"))) uint32_t any(uint32_t port)
{
	return nb_port_read8(port);
}
"""
MANIFEST = 'NEBULET_MANIFEST("name uart", "port 0x3f8 8 rw # a comment", "irq 4");'
TEXT = "name uart\nport 0x3f8 8 rw # a comment\nirq 4\n"


class Manifest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = pathlib.Path(folder.name)

    def run_tool(self, *words):
        return subprocess.run([TOOL, *words], cwd=self.path, capture_output=True, text=True,
                              timeout=60)

    def manifest(self, *words):
        return self.run_tool("manifest", *words)

    def build(self, manifest, language="c"):
        (self.path / "driver.c").write_text(SOURCE % manifest)
        subprocess.run(["clang", "--target=wasm32", "-O2", "-ffreestanding", "-nostdlib",
                        "-Wl,--no-entry", "-x", language, f"-I{ROOT}", f"-I{ROOT}/build/gen/sdk",
                        "driver.c", "-o", "driver.wasm"], cwd=self.path, check=True, timeout=60)

    def test_show(self):
        for language in "c", "c++":
            self.build(MANIFEST, language)
            result = self.manifest("show", "driver.wasm")
            self.assertEqual((result.returncode, result.stdout, result.stderr), (0, TEXT, ""))
        self.assertEqual(self.run_tool("compile", "driver.wasm").returncode, 0)
        result = self.manifest("show", "driver.nbo")
        self.assertEqual((result.returncode, result.stdout), (0, TEXT))

    def test_check(self):
        self.build(MANIFEST)
        words = ("manifest of uart: 3 lines, right; accesses to ports: 2 at constant ports, "
                 "1 at computed ones\n")
        result = self.manifest("check", "driver.wasm")
        self.assertEqual((result.returncode, result.stdout), (0, f"driver.wasm: {words}"))
        self.run_tool("compile", "driver.wasm")
        result = self.manifest("check", "driver.nbo")
        self.assertEqual((result.returncode, result.stdout), (0, f"driver.nbo: {words}"))

    def test_overreach(self):
        self.build('NEBULET_MANIFEST("name uart", "port 0x3f8 5 rw");')
        for words in ("manifest", "check", "driver.wasm"), ("compile", "driver.wasm"):
            result = self.run_tool(*words)
            self.assertEqual(result.returncode, 1, result)
            self.assertRegex(result.stderr,
                             r"^nebulet: driver.wasm: function \d+: offset 0x[0-9a-f]+ \(code "
                             r'section\): start reads 8 bits at port 0x3fd, outside the manifest; '
                             r'it would need the line "port 0x3fd 1 r"\n$')
        self.assertFalse((self.path / "driver.nbo").exists())

    def test_add(self):
        self.build("")
        result = self.manifest("check", "driver.wasm")
        self.assertEqual(result.returncode, 1)
        self.assertIn("imports nebulet.port_", result.stderr)
        self.assertIn("but has no manifest", result.stderr)
        self.assertEqual(self.manifest("show", "driver.wasm").returncode, 1)
        (self.path / "m.txt").write_text(TEXT)
        result = self.manifest("add", "m.txt", "driver.wasm", "-o", "with.wasm")
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        self.assertEqual(self.manifest("show", "with.wasm").stdout, TEXT)
        self.assertEqual(self.manifest("check", "with.wasm").returncode, 0)
        # In place, and in place of another one.
        (self.path / "m.txt").write_text("name other\nport 0x3f8 8 rw")
        self.assertEqual(self.manifest("add", "m.txt", "with.wasm").returncode, 0)
        self.assertEqual(self.manifest("show", "with.wasm").stdout,
                         "name other\nport 0x3f8 8 rw\n")
        self.assertIn("manifest of other: 2 lines, right",
                      self.manifest("check", "with.wasm").stdout)

    def test_text(self):
        (self.path / "m.txt").write_text(TEXT)
        result = self.manifest("check", "m.txt")
        self.assertEqual((result.returncode, result.stdout), (0, "m.txt: manifest of uart: right\n"))
        (self.path / "m.txt").write_text("name uart\nport 0x3f8 8 x\n")
        for words in ("check", "m.txt"), ("add", "m.txt", "driver.wasm"):
            self.build("")
            before = (self.path / "driver.wasm").read_bytes()
            result = self.manifest(*words)
            self.assertEqual((result.returncode, result.stderr),
                             (1, 'nebulet: m.txt:2:14: "x" is not r, w or rw\n'))
            self.assertEqual((self.path / "driver.wasm").read_bytes(), before)

    def test_two_manifests(self):
        self.build("")
        section = b"\x10nebulet.manifest" + TEXT.encode()
        whole = (self.path / "driver.wasm").read_bytes()
        (self.path / "driver.wasm").write_bytes(whole + 2 * (b"\0" + bytes([len(section)]) + section))
        result = self.manifest("check", "driver.wasm")
        self.assertEqual(result.returncode, 1)
        self.assertIn("more than one manifest", result.stderr)

    def test_usage(self):
        self.build(MANIFEST)
        self.run_tool("compile", "driver.wasm")
        for words in ((), ("show",), ("show", "a", "b"), ("add", "a"), ("have", "a"),
                      ("add", "a", "b", "c"), ("show", "driver.wasm", "-o", "x")):
            self.assertEqual(self.manifest(*words).returncode, 2, words)
        self.assertEqual(self.manifest("show", "nothing.wasm").returncode, 125)
        (self.path / "m.txt").write_text(TEXT)
        self.assertEqual(self.manifest("add", "nothing.txt", "driver.wasm").returncode, 125)
        result = self.manifest("add", "m.txt", "driver.nbo")
        self.assertEqual(result.returncode, 1)
        self.assertIn("is an artifact", result.stderr)
        result = self.manifest("--help")
        self.assertEqual(result.returncode, 0)
        self.assertIn("check FILE", result.stdout)


if __name__ == "__main__":
    unittest.main()
