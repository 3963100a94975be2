#!/usr/bin/env python3
"""Torture of the kernel on a whole machine: trees of processes that do everything to each other
at random, every native call with nonsense, a graph of processes that call each other through
gates, and everything once, killed everywhere. Every process must end as it should, and the
power-off must find everything back. With the mode debug the kernel checks its invariants all the
time. Counts of 0 leave a part out. On `counted` virtual time passes with instructions, so that a
failure comes again with its seed.

    tests/user/torment.py {hosted|pc|counted} {release|debug|asan}
        [ROUNDS [SEED [OPERATIONS [CALLS [KILLS [GATE_OPERATIONS]]]]]]
"""
import pathlib
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
GUESTS = ROOT / "build" / "gen" / "tests"
NATIVE = ROOT / "build" / "guest" / "tests" / "native"


PLATFORMS = {"hosted": ["--hosted"], "pc": ["--pc"], "counted": ["--pc", "--icount"]}


def lines_expected(rounds, numbers):
    """Each part of a round says how it has ended; everything that is killed also when it is not."""
    given = [int(number) for number in numbers[2:]] + [1] * (4 - len(numbers[2:]))
    return rounds * sum(lines for lines, count in zip((1, 1, 2, 1), given) if count)


def main():
    platform, mode, *numbers = sys.argv[1:]
    rounds = int(numbers[0]) if numbers else 1
    with tempfile.TemporaryDirectory() as folder:
        for name in ("torture", "fuzz", "everycall", "everyclient", "everybuiltin", "graph", "graphnode", "graphbase"):
            shutil.copy(GUESTS / f"{name}.wasm", folder)
        command = [str(ROOT / "build" / mode / "nebulet"), "run", *PLATFORMS[platform], "--timeout",
                   "14000", "--dir", f"{folder}=/unused", str(NATIVE / "torment.wasm"), *numbers]
        done = subprocess.run(command, capture_output=True, text=True, errors="replace",
                              timeout=14100, check=False, stdin=subprocess.DEVNULL)
    lines = [line for line in done.stdout.splitlines() if not line.startswith("plain ")]
    counts = [line for line in done.stdout.splitlines() if line.startswith("plain ")]
    passed = sum(line.endswith("status 0 trap 0") for line in lines)
    failed = int(done.returncode != 0 or passed != lines_expected(rounds, numbers) or len(lines) != passed)
    if failed:
        print(done.stdout + done.stderr + f"exit status {done.returncode}")
        print(f"again: tests/user/torment.py {' '.join(sys.argv[1:])}")
    print("".join(line + "\n" for line in counts), end="")
    print(f"{passed} passed, {failed} failed")
    return failed


if __name__ == "__main__":
    sys.exit(main())
