#!/usr/bin/env python3
"""Holds the runner to what not-applicable.txt promises.

usage: excuses.py SUITE_HOSTED

A command that is excused and passes, an entry that nothing matches, two entries for one
command, and a command that needs an excuse and has none are errors.
"""
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
SPEC = os.environ.get("NEBULET_SPEC_DIR", "../shared/spec")
RUNNER = ROOT / "build" / "release" / "suite-hosted"
EXCUSES = (HERE / "not-applicable.txt").read_text()


class Excuses(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = pathlib.Path(folder.name)

    def pack(self, text):
        (self.path / "excuses").write_text(text)
        return subprocess.run([sys.executable, str(HERE / "pack.py"), SPEC,
                               str(self.path / "excuses"), str(self.path / "suite.bin")],
                              cwd=ROOT, capture_output=True, text=True, check=False)

    def run_suite(self, text, name):
        done = self.pack(text)
        self.assertEqual(done.returncode, 0, done.stderr)
        return subprocess.run([str(RUNNER), str(self.path / "suite.bin"), name],
                              capture_output=True, text=True, check=False)

    def test_as_it_stands(self):
        done = self.run_suite(EXCUSES, "core-3.0/type-rec")
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertRegex(done.stdout, r"\d+ not applicable:\n")

    def test_what_passes_needs_no_excuse(self):
        for kind in ("after", "stale"):
            done = self.run_suite(EXCUSES + f"core/fac 102 {kind} a wrong excuse\n", "core/fac")
            self.assertEqual(done.returncode, 1, kind)
            self.assertIn("fac.wast:102: assert_return: passes although not-applicable.txt says: "
                          "a wrong excuse", done.stdout)

    def test_what_is_accepted_is_not_refused(self):
        done = self.run_suite(EXCUSES + "core/fac 1 feature nothing\n", "core/fac")
        self.assertIn("fac.wast:1: module: passes although", done.stdout)

    def test_another_kind_does_not_excuse(self):
        changed = EXCUSES.replace("85  custom ", "85  feature ")
        self.assertNotEqual(changed, EXCUSES)
        done = self.run_suite(changed, "custom-sections/branch_hint")
        self.assertIn("branch_hint.wast:85: assert_invalid_custom: accepted", done.stdout)
        self.assertEqual(done.returncode, 1)

    def test_what_cannot_pass_needs_an_excuse(self):
        lines = [line for line in EXCUSES.splitlines() if not line.startswith("core-3.0/table_init")]
        done = self.run_suite("\n".join(lines) + "\n", "core-3.0/table_init")
        self.assertEqual(done.returncode, 1)
        self.assertIn("garbage collection", done.stdout)
        self.assertIn("needs a module that was refused", done.stdout)

    def test_an_entry_must_match(self):
        for entry in ("core/fac 999999 after x", "core/nothing * after x", "core/fac 1 text x",
                      "core/fac 102,999999 after x"):
            done = self.pack(EXCUSES + entry + "\n")
            self.assertIn("no command of the suite matches", done.stderr, entry)
            self.assertEqual(done.returncode, 1)

    def test_one_entry_a_command(self):
        done = self.pack(EXCUSES + "core/fac 1 after x\ncore/fac * after y\n")
        self.assertIn("has an entry already", done.stderr)
        done = self.pack(EXCUSES + "core/fac 1 perhaps x\n")
        self.assertIn("expected FILE LINES KIND REASON", done.stderr)


def main():
    global RUNNER
    if len(sys.argv) > 1:
        RUNNER = ROOT / sys.argv.pop(1)
    if not (ROOT / SPEC / "manifest.json").exists():
        print(f"no specification suite at {SPEC} (set NEBULET_SPEC_DIR)")
        return 77
    done = unittest.main(exit=False, argv=sys.argv[:1], verbosity=0).result
    failed = len(done.failures) + len(done.errors)
    print(f"{done.testsRun - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
