#!/usr/bin/env python3
"""A process gets no more than its share by computing in threads that sleep in turns, or that
live in turns, in a virtual machine whose time passes with instructions.

    tests/user/baton.py
"""
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
NATIVE = ROOT / "build" / "guest" / "tests" / "native"
LEAST = 480  # thousandths, of a half: a turn is a hundredth of the time


def main():
    command = [str(ROOT / "build" / "release" / "nebulet"), "run", "--pc", "--icount", "--timeout",
               "180", "--dir", f"{NATIVE}=/unused", str(NATIVE / "baton.wasm")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200,
                          stdin=subprocess.DEVNULL, check=False)
    print(done.stdout + done.stderr, end="")
    had = {name: int(loop) for name, loop, _ in map(str.split, done.stdout.splitlines())}
    problems = [f"{name}: the looping process had {had.get(name)} thousandths, not {LEAST}"
                for name in ("baton", "spawn") if had.get(name, 0) < LEAST]
    if done.returncode:
        problems.append(f"the program ended with status {done.returncode}")
    for problem in problems:
        print(f"baton: {problem}; again: tests/user/baton.py")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
