#!/usr/bin/env python3
"""Runs the large bundled programs, as artifacts and from their plain binaries.

    tests/user/bundled.py hosted|pc [TEST...]

Needs: make tool hosted kernel ramdisk programs.
"""
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
TOOL = ROOT / "build" / "release" / "nebulet"
PROGRAMS = ROOT / "build" / "guest" / "programs"
LIMIT_SECONDS = 240
PLATFORM = "hosted"

PYTHON_LINE = ("import sys,json,hashlib,re; print(sys.version_info[:2], json.dumps([1]), "
               'hashlib.sha256(b"x").hexdigest())')
PYTHON_OUT = (b"(3, 11) [1] "
              b"2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881\n")
SQL = b"""create table t(a integer, b text);
with recursive c(x) as (select 1 union all select x+1 from c where x < 100000)
  insert into t select x, 'k'||(x%97) from c;
select count(*), sum(a), min(b), max(b) from t;
select b, sum(a) from t group by b order by 2 desc limit 3;
"""
SQL_OUT = b"100000|5000050000|k0|k96\nk90|51596395\nk89|51595364\nk88|51594333\n"
# Shown when compiling in the kernel takes long.
PROGRESS = rb"\A(nebulet: compiling \w+.wasm(: \d+ %)?\n)*\Z"


def run(*words, options=(), stdin=b""):
    words = [str(TOOL), "run", f"--{PLATFORM}", *map(str, options), *map(str, words)]
    return subprocess.run(words, input=stdin, capture_output=True, timeout=LIMIT_SECONDS,
                          cwd=ROOT, check=False)


class Case(unittest.TestCase):
    def check(self, done, out, status=0, err=b""):
        self.assertEqual((done.returncode, done.stdout), (status, out), done)
        self.assertRegex(done.stderr, err if err else rb"\A\Z", done)


class Python(Case):
    def test_standard_library(self):
        self.check(run("python", "-c", PYTHON_LINE), PYTHON_OUT)

    def test_exit_status(self):
        self.check(run("python", "-c", "import sys; sys.exit(5)"), b"", 5)
        self.check(run("python", "-c", "1/0"), b"", 1, rb"ZeroDivisionError")

    def test_script_on_input(self):
        self.check(run("python", "-", "a b", stdin=b"import sys; print(sys.argv[1:])\n"),
                   b"['a b']\n")

    def test_script_in_a_folder(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder)
            (path / "helper.py").write_text("def twice(x): return 2 * x\n")
            (path / "main.py").write_text(
                "import helper, sys\nprint(helper.twice(21), open('/in/data').read())\n"
                "open('/in/new', 'w')\n")
            (path / "data").write_text("text")
            self.check(run("python", "/in/main.py", options=["--dir", f"{folder}=/in"]),
                       b"42 text\n", 1, rb"OSError: \[Errno 69\] Read-only file system")

    def test_many_modules(self):
        line = ("import argparse, ast, base64, collections, csv, dataclasses, datetime, decimal, "
                "difflib, email, fractions, functools, html, inspect, itertools, logging, math, "
                "pickle, random, statistics, string, struct, textwrap, time, typing, unittest, "
                "urllib.parse, uuid, xml.etree.ElementTree, zipfile, zlib\n"
                "print(decimal.Decimal(1) / 7, fractions.Fraction(1, 3) + 1)\n"
                "print(0 < time.monotonic(), time.time() > 1.6e9, time.process_time() > 0)\n"
                "print(len(random.randbytes(16)), uuid.uuid4() != uuid.uuid4())\n")
        self.check(run("python", "-c", line),
                   b"0.1428571428571428571428571429 4/3\nTrue True True\n16 True\n")

    def test_plain_binary(self):
        """The same module from its WebAssembly bytes: compiled in the kernel."""
        files = PROGRAMS / "python" / "files" / "share" / "python" / "usr"
        done = run(PROGRAMS / "python" / "python.wasm", "-c", PYTHON_LINE,
                   options=["--dir", f"{files}=/usr", "--env", "PYTHONHOME=/usr/local"])
        self.check(done, PYTHON_OUT, err=PROGRESS)


class Ruby(Case):
    def test_arithmetic(self):
        self.check(run("ruby", "-e", "puts (1..20).reduce(:*)"), b"2432902008176640000\n")

    def test_library_and_errors(self):
        line = "require 'json'; require 'set'; puts JSON.generate({a: [1, nil]}); exit 4"
        self.check(run("ruby", "-e", line), b'{"a":[1,null]}\n', 4)
        self.check(run("ruby", "-e", "raise 'oops'"), b"", 1, rb"oops \(RuntimeError\)")

    def test_input(self):
        self.check(run("ruby", "-ne", "puts $_.upcase", stdin=b"one\ntwo\n"), b"ONE\nTWO\n")


class Sqlite(Case):
    def test_aggregation(self):
        self.check(run("sqlite", stdin=SQL), SQL_OUT)

    def test_plain_binary(self):
        done = run(PROGRAMS / "sqlite" / "sqlite.wasm", stdin=SQL, options=["--env", "HOME=/"])
        self.check(done, SQL_OUT, err=PROGRESS)

    def test_error(self):
        self.check(run("sqlite", ":memory:", "select nonsense"), b"", 1, rb"no such column")


class CoreMark(Case):
    def test_validates_itself(self):
        done = run("coremark", "0x0", "0x0", "0x66", "400", "7", "1", "2000")
        self.assertEqual(done.returncode, 0, done)
        self.assertIn(b"Correct operation validated",
                      done.stdout, done)
        self.assertRegex(done.stdout, rb"\[0\]crclist       : 0xe714\n")


def main():
    global PLATFORM
    if len(sys.argv) < 2 or sys.argv[1] not in ("hosted", "pc"):
        sys.exit(__doc__)
    PLATFORM = sys.argv[1]
    here = sys.modules["__main__"]
    loader = unittest.TestLoader()
    suite = (loader.loadTestsFromNames(sys.argv[2:], here) if sys.argv[2:]
             else loader.loadTestsFromModule(here))
    result = unittest.TextTestRunner(stream=sys.stdout, verbosity=2).run(suite)
    failed = sorted({str(test) for test, _ in result.failures + result.errors})
    for name in failed:
        where = re.sub(r".*\(__main__\.(.*)\)", r"\1", name)
        print(f"again: tests/user/bundled.py {PLATFORM} {where}")
    print(f"{result.testsRun - len(failed)} passed, {len(failed)} failed")
    return 1 if failed or not result.testsRun else 0


if __name__ == "__main__":
    sys.exit(main())
