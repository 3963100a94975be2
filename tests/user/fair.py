#!/usr/bin/env python3
"""Scheduling: two endless loops and a process that wakes up every 100 ms, in a virtual machine
whose time passes with instructions. The median lateness is at most 1 ms, the largest 20 ms, and
the two loops get half of the processor each, with 2 percent between them at most.

    tests/user/fair.py
"""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
NATIVE = ROOT / "build" / "guest" / "tests" / "native"


def main():
    command = [str(ROOT / "build" / "release" / "nebulet"), "run", "--pc", "--icount", "--timeout",
               "150", "--dir", f"{NATIVE}=/unused", str(NATIVE / "fair.wasm")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=170,
                          stdin=subprocess.DEVNULL, check=False)
    print(done.stdout + done.stderr, end="")
    found = re.fullmatch(r"fair (\d+) (-?\d+) (-?\d+) (\d+) (\d+)\n", done.stdout)
    if done.returncode or not found:
        sys.exit(f"fair: the program failed with status {done.returncode}")
    _, median_us, maximum_us, first, second = map(int, found.groups())
    problems = []
    if median_us > 1000:
        problems.append(f"median lateness is {median_us} us, more than 1000")
    if maximum_us > 20000:
        problems.append(f"largest lateness is {maximum_us} us, more than 20000")
    if not (495 <= first <= 505 and 495 <= second <= 505):
        problems.append(f"shares are {first} and {second} permille, not 500 +- 5")
    for problem in problems:
        print(f"fair: {problem}; again: tests/user/fair.py")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
