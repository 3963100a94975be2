#!/usr/bin/env python3
"""Latency beside thousands of threads that wait at gates: at one with many inside, and in a
chain of which each holds what the next one wants, with somebody urgent at its end. A process of
higher priority wakes up every half millisecond, in a virtual machine whose time passes with
instructions.

    tests/user/queue.py
"""
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
NATIVE = ROOT / "build" / "guest" / "tests" / "native"
MOST_US = {"flat": 100, "chain": 500}
LEAST_WAKEUPS = {"flat": 400, "chain": 50}


def main():
    command = [str(ROOT / "build" / "release" / "nebulet"), "run", "--pc", "--icount", "--timeout",
               "160", "--dir", f"{NATIVE}=/unused", str(NATIVE / "queue.wasm")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=180,
                          stdin=subprocess.DEVNULL, check=False)
    print(done.stdout + done.stderr, end="")
    found = {}
    for line in done.stdout.splitlines():
        role, wakeups, late_us = line.split()
        found[role] = int(wakeups), int(late_us)
    problems = [f"{role}: late by {found[role][1]} us, more than {most}"
                for role, most in MOST_US.items() if role in found and found[role][1] > most]
    problems += [f"{role}: too few wakeups"
                 for role, least in LEAST_WAKEUPS.items() if found.get(role, (0, 0))[0] < least]
    if done.returncode:
        problems.append(f"the program ended with status {done.returncode}")
    for problem in problems:
        print(f"queue: {problem}; again: tests/user/queue.py")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
