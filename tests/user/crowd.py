#!/usr/bin/env python3
"""Many processes that live at the same time: each says its number, waits, and ends with it. On
pc in a machine of 2 GiB, where the memory that each of them takes is bounded, too. The power-off
must find everything back.

    tests/user/crowd.py {hosted|pc} [COUNT]
"""
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
IDLE_BYTES_MOST = 32 * 1024


def main():
    platform = sys.argv[1]
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 1000
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(ROOT / "build" / "gen" / "tests" / "member.wasm", folder)
        machine = ["--pc", "--memory", "2G"] if platform == "pc" else ["--hosted"]
        command = [str(ROOT / "build" / "release" / "nebulet"), "run", *machine, "--timeout",
                   "1000", "--dir", f"{folder}=/unused",
                   str(ROOT / "build" / "guest" / "tests" / "native" / "crowd.wasm"), str(count)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=1100, check=False,
                              stdin=subprocess.DEVNULL)
    problems = []
    found = re.fullmatch(r"lived (\d+)\nbytes (\d+)\n", done.stdout)
    if done.returncode or not found or int(found.group(1)) != count:
        problems.append(f"status {done.returncode}: {done.stdout}{done.stderr}")
    elif platform == "pc" and int(found.group(2)) > IDLE_BYTES_MOST:
        problems.append(f"a process takes {found.group(2)} bytes, more than {IDLE_BYTES_MOST}")
    if "leak" in done.stderr:
        problems.append(done.stderr)
    for problem in problems:
        print(f"crowd: {problem}; again: tests/user/crowd.py {platform} {count}")
    print(f"{done.stdout.strip()}\n{int(not problems)} passed, {len(problems)} failed")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
