#!/usr/bin/env python3
"""Tests of scripts/test.py: verdicts, and interrupting and going on with a long run."""
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


class Runner(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = pathlib.Path(folder.name)
        (self.path / "scripts").mkdir()
        (self.path / "tests" / "some").mkdir(parents=True)
        shutil.copy(ROOT / "scripts" / "test.py", self.path / "scripts")

    def jobs(self, *lines):
        (self.path / "tests" / "some" / "jobs").write_text("".join(f"{line}\n" for line in lines))

    def start(self, *words):
        environment = {name: value for name, value in os.environ.items() if name != "CI"}
        process = subprocess.Popen([sys.executable, "scripts/test.py", *words], cwd=self.path,
                                   env=environment, stdout=subprocess.PIPE,
                                   stderr=subprocess.STDOUT, text=True)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.kill)
        return process

    def run_all(self, *words):
        process = self.start(*words)
        output = process.communicate(timeout=60)[0]
        return process.returncode, output

    def wait_for(self, name):
        for _ in range(600):
            if (self.path / name).exists() and (self.path / name).stat().st_size:
                return
            time.sleep(0.05)
        self.fail(f"{name} does not appear")

    def count(self, name):
        return len((self.path / name).read_text().split())

    def test_verdicts(self):
        self.jobs("good | 10 | - | true", "bad | 10 | - | echo why; exit 3",
                  "slow | 1 | - | sleep 60", "none | 10 | - | exit 77", "more | 10 | long | false")
        status, output = self.run_all()
        self.assertEqual(status, 1)
        self.assertRegex(output, r"ok +good")
        self.assertRegex(output, r"FAIL bad \(3, (.|\n)*why(.|\n)*repeat: ./dev test bad")
        self.assertRegex(output, r"FAIL slow \(no end within 1 s")
        self.assertRegex(output, r"skip none")
        self.assertTrue(output.endswith("1 passed, 2 failed, 1 skipped\n"), output)

    def test_interrupted_long_run_goes_on(self):
        self.jobs("quick | 10 | long | echo x >>quick.ran",
                  "slow | 10 | long,alone | echo $$ >slow.pid; [ -e go ] || exec sleep 600")
        for number in (signal.SIGINT, signal.SIGTERM):
            process = self.start("--long")
            self.wait_for("slow.pid")
            process.send_signal(number)
            output = process.communicate(timeout=60)[0]
            self.assertEqual(process.returncode, 130, output)
            self.assertIn("the same command goes on from here", output)
            pid = int((self.path / "slow.pid").read_text())
            self.assertRaises(ProcessLookupError, os.kill, pid, 0)
            (self.path / "slow.pid").unlink()
        self.assertEqual(self.count("quick.ran"), 1)
        (self.path / "go").touch()
        status, output = self.run_all("--long")
        self.assertEqual(status, 0)
        self.assertIn("not run again: quick", output)
        self.assertTrue(output.endswith("2 passed, 0 failed\n"), output)
        self.assertEqual(self.count("quick.ran"), 1)
        status, output = self.run_all("--long", "quick")
        self.assertEqual((status, self.count("quick.ran")), (0, 2), output)

    def test_interrupted_beside_another(self):
        """Both workers are busy; nobody starts what is left."""
        self.jobs(*(f"slow{i} | 10 | long | echo $$ >{i}.pid; exec sleep 600" for i in range(4)))
        process = self.start("--long")
        started = min(2, os.cpu_count() or 1)
        for i in range(started):
            self.wait_for(f"{i}.pid")
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
        self.assertEqual(process.returncode, 130)
        time.sleep(0.5)
        self.assertEqual(len(list(self.path.glob("*.pid"))), started)

    def test_bad_usage(self):
        self.jobs("good | 10 | - | true")
        status, output = self.run_all("nosuch")
        self.assertEqual(status, 2)
        self.assertRegex(output, "no test has 'nosuch'.*--list")
        self.assertEqual(self.run_all("--jump")[0], 2)
        self.jobs("good | ten | - | true")
        self.assertRegex(self.run_all()[1], "tests/some/jobs:1: expected NAME")


if __name__ == "__main__":
    unittest.main()
