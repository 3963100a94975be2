#!/usr/bin/env python3
"""Torture of the kernel on a whole machine: trees of processes that do everything to each other
at random, every native call with nonsense, and everything once, killed everywhere. Every process
must end as it should, and the power-off must find everything back. With the mode debug the kernel
checks its invariants all the time.

    tests/user/torment.py {hosted|pc} {release|debug} [ROUNDS [SEED [OPERATIONS [CALLS [KILLS]]]]]
"""
import pathlib
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
GUESTS = ROOT / "build" / "gen" / "tests"
NATIVE = ROOT / "build" / "guest" / "tests" / "native"


PARTS = 4  # of a round, each with a line


def main():
    platform, mode, *numbers = sys.argv[1:]
    rounds = int(numbers[0]) if numbers else 1
    with tempfile.TemporaryDirectory() as folder:
        for name in ("torture", "fuzz", "everycall", "everyclient"):
            shutil.copy(GUESTS / f"{name}.wasm", folder)
        command = [str(ROOT / "build" / mode / "nebulet"), "run", f"--{platform}", "--timeout",
                   "14000", "--dir", f"{folder}=/unused", str(NATIVE / "torment.wasm"), *numbers]
        done = subprocess.run(command, capture_output=True, text=True, errors="replace",
                              timeout=14100, check=False, stdin=subprocess.DEVNULL)
    lines = done.stdout.splitlines()
    passed = sum(line.endswith("status 0 trap 0") for line in lines)
    failed = int(done.returncode != 0 or passed != PARTS * rounds or len(lines) != passed)
    if failed:
        print(done.stdout + done.stderr + f"exit status {done.returncode}")
        print(f"again: tests/user/torment.py {' '.join(sys.argv[1:])}")
    print(f"{passed} passed, {failed} failed")
    return failed


if __name__ == "__main__":
    sys.exit(main())
