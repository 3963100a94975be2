#!/usr/bin/env python3
"""Builds and runs the official WebAssembly suite.

usage: suite.py [OPTION...] [GROUP|GROUP/FILE|FILE...]

Without a platform it runs on both; without a name, everything that the system
takes part in (GROUPS of pack.py). On pc all files run in one boot of QEMU. What
is not applicable stands with its reason in not-applicable.txt and is counted by
reason. The last line is the sum: `N passed, N failed`.
"""
import argparse
import json
import os
import re
import subprocess
import sys

from pack import GROUPS

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
ARCHIVE = "build/suite.bin"
EXIT_SKIPPED = 77
TIMEOUT_SECONDS = 900
# isa-debug-exit ends QEMU with status * 2 + 1.
# Nehalem is the least processor that has x86-64-v2.
QEMU_CPU = {"all": "max", "baseline": "Nehalem"}
QEMU = ["qemu-system-x86_64", "-M", "q35", "-m", "512", "-nodefaults",
        "-display", "none", "-no-reboot", "-serial", "stdio", "-serial", "null",
        "-device", "isa-debug-exit,iobase=0xf4,iosize=4"]


def build(mode, target):
    command = ["make", "-s", "--no-print-directory", f"-j{os.cpu_count()}", f"MODE={mode}",
               "suite-archive", target]
    if subprocess.run(command, cwd=ROOT, stdout=sys.stderr).returncode != 0:
        sys.exit("suite: the build failed: " + " ".join(command))


def command_line(platform, mode, cpu, words):
    if platform == "hosted":
        options = [w for w in words if w.startswith("--")]
        names = [w for w in words if not w.startswith("--")]
        options += ["--cpu=baseline"] * (cpu == "baseline")
        return [f"build/{mode}/suite-hosted", *options, ARCHIVE, *names]
    return QEMU + ["-cpu", QEMU_CPU[cpu], "-kernel", f"build/{mode}/nebulet-suite.elf",
                   "-initrd", ARCHIVE, "-append", " ".join(words)]


def run(platform, mode, cpu, words):
    """Streams the runner's output; returns (passed, failed)."""
    build(mode, "suite-hosted" if platform == "hosted" else "suite-pc")
    print(f"suite on {platform}:", flush=True)
    command = command_line(platform, mode, cpu, words)
    child = subprocess.Popen(["timeout", str(TIMEOUT_SECONDS), *command], cwd=ROOT, text=True,
                             stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, errors="replace")
    counts = None
    for line in child.stdout:
        line = line.rstrip("\r\n")
        match = re.fullmatch(r"(\d+) passed, (\d+) failed", line)
        if match:
            counts = int(match[1]), int(match[2])
        else:
            print("  " + line, flush=True)
    status = child.wait()
    if counts is None:
        print(f"  the runner ended without a result (status {status}); repeat it with:\n  " +
              " ".join(command))
        return 0, 1
    print(f"  {counts[0]} passed, {counts[1]} failed", flush=True)
    return counts


def check_names(parser, names):
    """Each is a group, a file, or both with a slash between them."""
    spec = os.environ.get("NEBULET_SPEC_DIR", os.path.join(ROOT, "..", "shared", "spec"))
    try:
        with open(os.path.join(spec, "manifest.json")) as source:
            files = [n for n in json.load(source) if n.split("/")[0] in GROUPS]
    except OSError as error:
        print(f"suite: no specification suite in {spec} ({error.strerror}); set NEBULET_SPEC_DIR")
        sys.exit(EXIT_SKIPPED)
    known = {*GROUPS, *files, *(n.split("/", 1)[1] for n in files)}
    for name in names:
        if name not in known:
            parser.error(f"there is no group or file '{name}'; the groups are {', '.join(GROUPS)}")


def main():
    parser = argparse.ArgumentParser(prog="suite", description=__doc__.splitlines()[0])
    platforms = parser.add_mutually_exclusive_group()
    platforms.add_argument("--hosted", action="store_true", help="only as a Linux process")
    platforms.add_argument("--pc", action="store_true", help="only in QEMU")
    parser.add_argument("--asan", action="store_true", help="hosted with sanitizers and checks")
    parser.add_argument("--cpu", choices=QEMU_CPU, default="all",
                        help="baseline: a processor without AVX, BMI, LZCNT")
    parser.add_argument("--passes", metavar="LIST", help="such as -all or -gvn,-licm")
    parser.add_argument("--step", action="store_true",
                        help="hosted, interrupted behind every instruction of the guest")
    parser.add_argument("--verbose", action="store_true", help="a line for each file")
    parser.add_argument("names", nargs="*", metavar="GROUP|FILE", default=[])
    arguments = parser.parse_args()
    check_names(parser, arguments.names)

    chosen = [p for p in ("hosted", "pc") if getattr(arguments, p)] or ["hosted", "pc"]
    if arguments.asan or arguments.step:
        chosen = ["hosted"]
    mode = "asan" if arguments.asan else os.environ.get("MODE", "release")
    words = ["--verbose"] * arguments.verbose + ["--check"] * arguments.asan
    words += ["--step"] * arguments.step
    words += [f"--passes={arguments.passes}"] if arguments.passes else []
    words += arguments.names
    results = [run(platform, mode, arguments.cpu, words) for platform in chosen]
    print(f"{sum(r[0] for r in results)} passed, {sum(r[1] for r in results)} failed")
    if any(r[1] for r in results):
        sys.exit("repeat one file with: ./dev suite [--hosted|--pc] FILE")


if __name__ == "__main__":
    main()
