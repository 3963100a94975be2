#!/usr/bin/env python3
"""Shares of the processor, in a virtual machine whose time passes with instructions: equal
processes get equal shares whatever number of threads they have, limits hold alone, beside others,
for many threads and for all that a limited process creates, priorities are strict, and no number of
timers takes more than a fifth.

    tests/user/shares.py
"""
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
NATIVE = ROOT / "build" / "guest" / "tests" / "native"
# Setting: the least and the most for each process, in thousandths of the time.
EXPECTED = {
    "equal": [(330, 337)] * 3,
    "crowd": [(495, 505)] * 2,
    "alone": [(242, 256)],
    "tight": [(15, 23)],
    "beside": [(242, 258), (730, 758)],
    "crowded": [(290, 308), (680, 710)],
    "divided": [(135, 160)] * 2,
    "timers": [(780, 960), (0, 5)],  # being told of them takes a fifth at most, and something
    "strict": [(990, 1000), (0, 0)],
}
DIVIDED_MOST = 308  # the two together


def judge(setting, shares):
    bounds = EXPECTED.get(setting, [])
    fits = len(bounds) == len(shares) and all(
        least <= share <= most for share, (least, most) in zip(shares, bounds))
    return fits and (setting != "divided" or sum(shares) <= DIVIDED_MOST)


def main():
    command = [str(ROOT / "build" / "release" / "nebulet"), "run", "--pc", "--icount", "--timeout",
               "180", "--dir", f"{NATIVE}=/unused", str(NATIVE / "shares.wasm")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200,
                          stdin=subprocess.DEVNULL, check=False)
    print(done.stdout + done.stderr, end="")
    found = {}
    for line in done.stdout.splitlines():
        setting, *shares = line.split()
        found[setting] = list(map(int, shares))
    problems = [f"{setting}: {found.get(setting)} is not in {EXPECTED[setting]}"
                for setting in EXPECTED if not judge(setting, found.get(setting, []))]
    if done.returncode:
        problems.append(f"the program ended with status {done.returncode}")
    for problem in problems:
        print(f"shares: {problem}; again: tests/user/shares.py")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
