#!/usr/bin/env python3
"""scripts/bisect.py finds the function and the pass of a compiler that is wrong on purpose."""
import pathlib
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
TOOL = ROOT / "build" / "release" / "nebulet"
WRONG = ROOT / "build" / "release" / "tests" / "tools" / "wrong-nebulet"


class Bisect(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        cls.module = pathlib.Path(cls.folder.name) / "sample.wasm"
        subprocess.run(["wat2wasm", "--debug-names", ROOT / "tests/tools/dump/sample.wat", "-o",
                        cls.module], check=True)

    def bisect(self, *words):
        return subprocess.run([sys.executable, ROOT / "scripts/bisect.py", *words], text=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=120)

    def test_the_wrong_pass_matters(self):
        artifact = pathlib.Path(self.folder.name) / "wrong.nbo"
        for tool, status in ((TOOL, 21 + (65 ^ 0x5a)), (WRONG, 21 + (65 | 0x5a))):
            subprocess.run([tool, "compile", self.module, "-o", artifact], check=True)
            done = subprocess.run([TOOL, "run", "--hosted", artifact], stdin=subprocess.DEVNULL)
            self.assertEqual(done.returncode, status)

    def test_function_and_pass_are_found(self):
        done = self.bisect("--compiler", WRONG, self.module)
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertIn('function: 2 "mix"\n', done.stdout)
        self.assertIn("pass: strength\n", done.stdout)

    def test_a_right_compiler_gives_nothing(self):
        done = self.bisect(self.module)
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertIn("nothing to find", done.stdout)

    def test_a_missing_module_is_said(self):
        done = self.bisect("nowhere.wasm")
        self.assertEqual(done.returncode, 2)
        self.assertIn("there is no file nowhere.wasm", done.stdout)


if __name__ == "__main__":
    unittest.main()
