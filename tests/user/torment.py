#!/usr/bin/env python3
"""Torture of the kernel on a whole machine: trees of processes that do everything to each other
at random, and every native call with nonsense. Every process must end as it should, and the
power-off must find everything back.

    tests/user/torment.py {hosted|pc} [ROUNDS [SEED]]
"""
import pathlib
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
GUESTS = ROOT / "build" / "gen" / "tests"
NATIVE = ROOT / "build" / "guest" / "tests" / "native"


def main():
    platform, rounds, seed = (sys.argv[1:] + ["1", "1"])[:3] if len(sys.argv) < 4 else sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        for name in ("torture", "fuzz"):
            shutil.copy(GUESTS / f"{name}.wasm", folder)
        command = [str(ROOT / "build" / "release" / "nebulet"), "run", f"--{platform}", "--timeout",
                   "3600", "--dir", f"{folder}=/unused", str(NATIVE / "torment.wasm"), rounds, seed]
        done = subprocess.run(command, capture_output=True, text=True, timeout=3700, check=False,
                              stdin=subprocess.DEVNULL)
    lines = done.stdout.splitlines()
    passed = sum(line.endswith("status 0 trap 0") for line in lines)
    failed = int(done.returncode != 0 or passed != 2 * int(rounds))
    if failed:
        print(done.stdout + done.stderr)
        print(f"again: tests/user/torment.py {' '.join(sys.argv[1:])}")
    print(f"{passed} passed, {failed} failed")
    return failed


if __name__ == "__main__":
    sys.exit(main())
