#!/usr/bin/env python3
"""The patch of docs/experiment-scheduler.md applies to the scheduler as it is, and compiles.

    tests/user/experiment.py
"""
import pathlib
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
PATCH = ROOT / "docs" / "experiments" / "round-robin.patch"
FOLDER = "kernel/sched"


def main():
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(ROOT / FOLDER, pathlib.Path(folder) / FOLDER)
        steps = (
            ["patch", "-p1", "--fuzz=0", "-d", folder, "-i", str(PATCH)],
            ["gcc", "-std=gnu17", "-fsyntax-only", "-Wall", "-Wextra", "-Wconversion", "-Werror",
             f"-I{folder}", f"-I{ROOT}", f"-I{ROOT}/build/gen", f"{folder}/{FOLDER}/sched.c"],
        )
        for step in steps:
            done = subprocess.run(step, capture_output=True, text=True, timeout=60, check=False)
            if done.returncode:
                print(done.stdout + done.stderr, end="")
                sys.exit(f"experiment: '{step[0]}' fails; make {PATCH.relative_to(ROOT)} anew and "
                         "check the figures of docs/experiment-scheduler.md")
    print("experiment: the patch applies and compiles")


if __name__ == "__main__":
    main()
