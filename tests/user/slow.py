#!/usr/bin/env python3
"""Kills in the middle of long calls: how long it takes until a process that is killed while the
kernel works for it has ended and everything is given back, in a virtual machine whose time passes
with instructions.

    tests/user/slow.py
"""
import pathlib
import shutil
import subprocess
import sys
import tempfile

from late import NATIVE, ROOT, heavy_module

# What it takes to give back what the role had, of which 512 MiB of "objects", and some more.
MOST_US = {"instance": 10000, "objects": 40000, "copies": 10000, "publish": 10000, "fill": 10000}


def main():
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(NATIVE / "slow.wasm", folder)
        (pathlib.Path(folder) / "heavy.wasm").write_bytes(heavy_module())
        command = [str(ROOT / "build" / "release" / "nebulet"), "run", "--pc", "--icount", "--memory", "1G",
                   "--timeout", "200", "--dir", f"{folder}=/unused", str(NATIVE / "slow.wasm")]
        done = subprocess.run(command, capture_output=True, text=True, timeout=230,
                              stdin=subprocess.DEVNULL, check=False)
    print(done.stdout + done.stderr, end="")
    took_us = {}
    for line in done.stdout.splitlines():
        role, _kills, us = line.split()
        took_us[role] = int(us)
    problems = [f"{role}: {took_us.get(role)} us, more than {most}"
                for role, most in MOST_US.items() if not took_us.get(role, most + 1) <= most]
    if done.returncode:
        problems.append(f"the program ended with status {done.returncode}")
    for problem in problems:
        print(f"slow: {problem}; again: tests/user/slow.py")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
