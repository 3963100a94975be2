#!/usr/bin/env python3
"""`nebulet dump`: its text against golden files, its choices, and what it says when they are wrong.

NEBULET_UPDATE_GOLDEN=1 rewrites the golden files.
"""
import os
import pathlib
import pty
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
TOOL = ROOT / "build" / "release" / "nebulet"
GOLDEN = ROOT / "tests" / "tools" / "dump"


class Dump(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        cls.path = pathlib.Path(cls.folder.name)
        cls.module = cls.path / "sample.wasm"
        subprocess.run(["wat2wasm", "--debug-names", GOLDEN / "sample.wat", "-o", cls.module],
                       check=True)

    def dump(self, *words, status=0):
        done = subprocess.run([TOOL, "dump", *words], text=True, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
        self.assertEqual(done.returncode, status, done.stdout)
        return done.stdout

    def golden(self, name, text):
        path = GOLDEN / name
        if os.environ.get("NEBULET_UPDATE_GOLDEN"):
            path.write_text(text)
        self.assertEqual(text, path.read_text(), f"{name}: NEBULET_UPDATE_GOLDEN=1 rewrites it")

    def test_machine_code(self):
        self.golden("multiply.asm", self.dump("--asm", "--cpu=baseline", "--function=multiply",
                                              "--passes=-inline", self.module))

    def test_bytes_are_those_of_the_listing(self):
        plain = self.dump("--asm", "--function=mix", self.module)
        with_bytes = self.dump("--bytes", "--function=mix", self.module)
        self.assertEqual(len(plain.splitlines()), len(with_bytes.splitlines()))
        self.assertRegex(with_bytes, r"(?m)^ +\w+  c3 +ret")

    def test_ir(self):
        self.golden("multiply.ir", self.dump("--ir=build,schedule", "--function=1",
                                             "--passes=-all", self.module))

    def test_loops_have_labels_and_offsets(self):
        text = self.dump("--asm", "--function=mix", self.module)
        self.assertRegex(text, r"(?m)^L1:\n +\w+  add .* @17$")
        self.assertRegex(text, r"(?m)^ +\w+  j\w+ L1$")

    def test_callees_have_names(self):
        text = self.dump("--asm", "--function=sum", "--passes=-inline", self.module)
        self.assertRegex(text, r'call 1 "multiply" +@\d+')
        self.assertRegex(text, r'call 2 "mix" +@\d+')

    def test_every_stage_in_order(self):
        text = self.dump("--ir=all", "--function=mix", self.module)
        stages = [line.rsplit(" ", 1)[1] for line in text.splitlines() if " after " in line]
        self.assertEqual(stages[0], "build")
        self.assertEqual(stages[-1], "allocate")
        self.assertIn("schedule", stages)
        self.assertIn("gvn", stages)

    def test_switched_passes_do_not_run(self):
        text = self.dump("--ir=all", "--function=mix", "--passes=-gvn", self.module)
        self.assertNotIn("after gvn", text)
        text = self.dump("--ir=all", "--function=mix", "--passes=-gvn", "--functions=0:2",
                         self.module)
        self.assertIn("after gvn", text)
        text = self.dump("--ir=gvn", "--function=mix", "--passes=-gvn", self.module, status=1)
        self.assertIn("is it a pass that --passes switches off?", text)

    def test_the_list_of_functions(self):
        lines = self.dump(self.module).splitlines()
        self.assertEqual([line.split(None, 3)[3] for line in lines[1:]],
                         ['1 "multiply"', '2 "mix"', '3 "sum"', '4 "_start"'])

    def test_an_artifact_has_code_but_no_ir(self):
        artifact = self.path / "sample.nbo"
        subprocess.run([TOOL, "compile", self.module, "-o", artifact], check=True)
        self.assertIn("ret", self.dump("--asm", "--function=1", artifact))
        self.assertIn("which has no IR", self.dump("--ir", artifact, status=2))

    def test_errors_say_what_to_do(self):
        text = self.dump("--asm", "--function=mi", self.module, status=1)
        self.assertIn('2 "mix"', text)
        text = self.dump("--ir=nothing", self.module, status=2)
        self.assertIn("there is no stage 'nothing'", text)
        self.assertIn("gvn", text)
        self.assertIn("is imported", self.dump("--asm", "--function=0", self.module, status=1))
        self.assertIn("A:B", self.dump("--functions=7", self.module, status=2))
        self.assertIn("neither native nor baseline", self.dump("--cpu=old", self.module, status=2))
        self.assertIn("name the module", self.dump(status=2))
        broken = self.path / "broken.wasm"
        broken.write_bytes(self.module.read_bytes()[:40])
        self.assertIn("broken.wasm: ", self.dump(broken, status=1))

    def terminal_text(self, **environment):
        """What `dump` writes to a terminal."""
        master, slave = pty.openpty()
        clean = {k: v for k, v in os.environ.items() if k != "NO_COLOR"}
        process = subprocess.Popen([TOOL, "dump", "--asm", "--function=1", self.module],
                                   stdin=subprocess.DEVNULL, stdout=slave,
                                   env=clean | {"TERM": "xterm"} | environment)
        os.close(slave)
        text = b""
        while True:
            try:
                piece = os.read(master, 4096)
            except OSError:  # the other end is closed
                break
            if not piece:
                break
            text += piece
        os.close(master)
        self.assertEqual(process.wait(timeout=60), 0)
        return text

    def test_colours_on_a_terminal_only(self):
        self.assertIn(b"\x1b[36mret", self.terminal_text())
        self.assertNotIn(b"\x1b", self.terminal_text(NO_COLOR="1"))
        self.assertNotIn(b"\x1b", self.terminal_text(TERM="dumb"))
        self.assertNotIn("\x1b", self.dump("--asm", "--function=1", self.module))


if __name__ == "__main__":
    unittest.main()
