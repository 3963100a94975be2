#!/usr/bin/env python3
"""Finds the function and the pass of the compiler that change what a program does.

    scripts/bisect.py [--stdin FILE] [--timeout SECONDS] MODULE.wasm [ARGUMENT…]

Runs the program hosted, compiled with all passes and with none. If what it prints or its exit
status differs, the function is found by halving the range of functions in which the passes are
off, then the pass by switching single ones off in that function alone. Exit status: 0 found,
1 nothing to find, 2 wrong usage.
"""
import argparse
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
TOOL = ROOT / "build" / "release" / "nebulet"


class BisectError(Exception):
    """A message for the person at the terminal."""


def say(text):
    print(text, flush=True)


class Subject:
    """A program, what it does with these passes off in those functions."""

    def __init__(self, options, folder):
        self.options, self.artifact = options, pathlib.Path(folder) / "program.nbo"
        self.runs = 0

    def compile(self, *switches):
        command = [self.options.compiler, "compile", self.options.module, "-o", self.artifact,
                   *switches]
        return subprocess.run([str(word) for word in command], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def behaviour(self, passes="", first=0, end=2**32 - 1):
        """(exit status, standard output); a run that does not end has the status "timeout"."""
        switches = [f"--passes={passes}", f"--functions={first}:{end}"] if passes else []
        done = self.compile(*switches)
        if done.returncode:
            # A compiler that fails behaves wrongly too.
            return f"compiler: {done.stdout.strip()[-300:]}", b""
        self.runs += 1
        command = [str(TOOL), "run", "--hosted", str(self.artifact), *self.options.arguments]
        with open(self.options.stdin or "/dev/null", "rb") as stdin:
            try:
                ran = subprocess.run(command, stdin=stdin, stdout=subprocess.PIPE,
                                     stderr=subprocess.DEVNULL, timeout=self.options.timeout)
            except subprocess.TimeoutExpired as late:
                return "timeout", late.stdout or b""
        return ran.returncode, ran.stdout

    def passes(self):
        """The names that the compiler lists when it is asked for a pass that there is none of."""
        names = re.findall(r"^  (\w+) ", self.compile("--passes=-?").stdout, re.MULTILINE)
        if not names:
            raise BisectError("the compiler lists no passes")
        return names

    def functions(self):
        """Index -> title, of the functions with code."""
        done = subprocess.run([str(self.options.compiler), "dump", str(self.options.module)],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        rows = re.findall(r"^ *\d+ +\d+ +\d+  ((\d+).*)$", done.stdout, re.MULTILINE)
        if done.returncode or not rows:
            raise BisectError(f"{self.options.module} has no functions to look at:\n"
                              f"{done.stdout.strip()[-500:]}")
        return {int(index): title for title, index in rows}


def find_function(subject, good, functions):
    """The last function that must be left alone for the program to behave as it should."""
    low, high = min(functions), max(functions) + 1  # off in [0, low): bad; in [0, high): good
    while high - low > 1:
        middle = (low + high) // 2
        is_good = subject.behaviour("-all", 0, middle) == good
        say(f"  passes off in functions below {middle}: {'right' if is_good else 'wrong'}")
        low, high = (low, middle) if is_good else (middle, high)
    return high - 1


def find_passes(subject, good, passes, first, end):
    """The passes that, switched off alone in these functions, make the program right; if there
    is none, the one whose addition to those before it makes it wrong."""
    single = [name for name in passes if subject.behaviour(f"-{name}", first, end) == good]
    if single:
        return single
    for count in range(len(passes)):
        off = ",".join(f"-{name}" for name in passes[count + 1:])
        if off and subject.behaviour(off, first, end) != good:
            return [passes[count]]
    return [passes[-1]]


def bisect(subject):
    good, bad = subject.behaviour("-all"), subject.behaviour()
    if good == bad:
        say("the program does the same with all passes and with none: nothing to find here")
        return 1
    say(f"without passes: status {good[0]}, {len(good[1])} bytes; with all: status {bad[0]}, "
        f"{len(bad[1])} bytes")
    functions = subject.functions()
    index = find_function(subject, good, functions)
    first, end = index, index + 1
    is_alone = subject.behaviour("-all", first, end) == good
    if not is_alone:
        say(f"  more functions than {index} take part; passes are searched in all up to it")
        first = 0
    passes = find_passes(subject, good, subject.passes(), first, end)
    say(f"function: {functions[index]}{'' if is_alone else ' (and others before it)'}")
    say(f"pass: {' or '.join(passes)}")
    say(f"look at it: {subject.options.compiler} dump --ir=all --function {index} "
        f"{subject.options.module}")
    return 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, prog="scripts/bisect.py",
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stdin", metavar="FILE", help="the program's standard input")
    parser.add_argument("--timeout", type=float, default=60, help="of one run (default 60 s)")
    parser.add_argument("--compiler", default=TOOL, metavar="PATH",
                        help="another build of the tool to compile with")
    parser.add_argument("module", metavar="MODULE.wasm")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, metavar="ARGUMENT")
    options = parser.parse_args()
    for path in (options.module, options.stdin):
        if path and not pathlib.Path(path).is_file():
            parser.error(f"there is no file {path}")
    if not TOOL.exists():
        parser.error(f"{TOOL.relative_to(ROOT)} is missing; type: ./dev build tool hosted")
    with tempfile.TemporaryDirectory() as folder:
        try:
            return bisect(Subject(options, folder))
        except BisectError as error:
            print(f"bisect: {error}", file=sys.stderr)
            return 1


if __name__ == "__main__":
    sys.exit(main())
