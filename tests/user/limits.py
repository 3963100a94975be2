#!/usr/bin/env python3
"""A limit of processor time, and processes that try to get more: in gates of their own making or of one with another limit, with
somebody waiting for them, in short turns, with timers, threads, children and compilations. What such a
process leaves over, in a virtual machine whose time passes with instructions, is had by one of the
lowest priority.

    tests/user/limits.py
"""
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
NATIVE = ROOT / "build" / "guest" / "tests" / "native"
ROLES = ["plain", "inside", "chain", "own", "wait", "bounce", "naps", "yields", "futexes", "timers",
         "herd", "kids", "modules", "abroad"]
LIMIT = 100  # thousandths
LEAST = {"abroad": 1000 - 2 * LIMIT - 15}  # two have a limit each
MOST = {"plain": 1000 - LIMIT + 5}  # so the limit is a limit and no more


def least(role):
    return LEAST.get(role, 1000 - LIMIT - 15)


def main():
    command = [str(ROOT / "build" / "release" / "nebulet"), "run", "--pc", "--icount", "--timeout",
               "180", "--dir", f"{NATIVE}=/unused", str(NATIVE / "limits.wasm")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200,
                          stdin=subprocess.DEVNULL, check=False)
    print(done.stdout + done.stderr, end="")
    left = {role: int(share) for role, share in map(str.split, done.stdout.splitlines())}
    problems = [f"{role}: {left.get(role)} are left, not "
                f"{least(role)} to {MOST.get(role, 1000)}"
                for role in ROLES if not least(role) <= left.get(role, 0) <= MOST.get(role, 1000)]
    if done.returncode:
        problems.append(f"the program ended with status {done.returncode}")
    for problem in problems:
        print(f"limits: {problem}; again: tests/user/limits.py")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
