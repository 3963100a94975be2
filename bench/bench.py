#!/usr/bin/env python3
"""./dev bench: boot, code, compile, kernel. Figures are ratios of one interleaved run, medians with
spread, or counts of guest instructions; bench/README.md explains each workload."""
import argparse
import json
import os
import pathlib
import re
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import measure  # noqa: E402
from code_speed import bench_code  # noqa: E402
from kernel_speed import bench_kernel  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parent.parent
TOOL = ROOT / "build" / "release" / "nebulet"
BOOT_LIMIT = 3_000_000


def say(text):
    print(f"bench: {text}", file=sys.stderr, flush=True)


def make(*targets):
    command = ["make", "-s", "--no-print-directory", f"-j{os.cpu_count()}", *targets]
    result = subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL)
    if result.returncode:
        raise measure.BenchError(f"building failed: {' '.join(command)}")


def fetch(*names):
    result = subprocess.run([sys.executable, "scripts/fetch.py", *names], cwd=ROOT,
                            stdin=subprocess.DEVNULL)
    if result.returncode:
        raise measure.BenchError(f"fetching {', '.join(names)} failed")


# ------------------------------------------------------------------------------ boot --
def bench_boot(args):
    """Guest instructions from kernel entry to the first guest instruction of init."""
    make("tool", "kernel", "ramdisk")
    counts = []
    for _ in range(2):
        result = subprocess.run([TOOL, "run", "--pc", "--count-boot"], cwd=ROOT, timeout=300,
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, text=True)
        found = re.search(r"boot: (\d+) instructions", result.stdout)
        if not found:
            raise measure.BenchError(f"the kernel printed no count:\n{result.stdout[-1500:]}")
        counts.append(int(found.group(1)))
    print(f"boot: {counts[0]:,} guest instructions from kernel entry to init "
          f"(limit {BOOT_LIMIT:,}; second run {counts[1]:,})")
    if max(counts) >= BOOT_LIMIT:
        raise measure.BenchError("boot is over its limit")
    return {"instructions": counts, "limit": BOOT_LIMIT}


# --------------------------------------------------------------------------- compile --
def read_leb(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7f) << shift
        shift += 7
        if byte < 0x80:
            return value, at


def code_section_bytes(path):
    data, at = path.read_bytes(), 8
    while at < len(data):
        kind = data[at]
        size, at = read_leb(data, at + 1)
        if kind == 10:
            return size
        at += size
    return 0


def bench_compile(args):
    """Compile speed, memory and code size of the bundled programs on one core."""
    names = ["coremark", "sqlite", "python", "ruby"]
    make("tool", *[f"program-{name}" for name in names])
    result = {}
    print(f"{'module':10} {'code MB':>8} {'CPU s':>7} {'MB/s':>7} {'peak MB':>8} {'bytes/byte':>10}")
    for name in names:
        lines = subprocess.run([TOOL, "run", "--describe", name], cwd=ROOT, check=True, text=True,
                               stdout=subprocess.PIPE).stdout.splitlines()
        module = pathlib.Path(next(l.split(" ", 1)[1] for l in lines if l.startswith("module ")))
        size = code_section_bytes(module)
        out = ROOT / "build" / "bench" / f"{name}.nbo"
        out.parent.mkdir(parents=True, exist_ok=True)
        command = [str(TOOL), "compile", "-j1", str(module), "-o", str(out), "--stats"]
        runs = [measure.run_measured(command) for _ in range(args.runs or 3)]
        stats = subprocess.run(command, text=True, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, check=True).stdout
        machine = int(re.search(r"machine code: (\d+) bytes", stats).group(1))
        seconds, peak = measure.spread([r[0] for r in runs])[0], max(r[1] for r in runs)
        print(f"{name:10} {size / 1e6:8.2f} {seconds:7.2f} {size / 1e6 / seconds:7.2f} "
              f"{peak / 1024:8.0f} {machine / size:10.2f}")
        result[name] = {"code_bytes": size, "cpu_seconds": seconds, "peak_kib": peak,
                        "machine_bytes": machine}
    return result


BENCHES = {"boot": bench_boot, "code": bench_code, "compile": bench_compile,
           "kernel": bench_kernel}


def main():
    parser = argparse.ArgumentParser(prog="./dev bench", description=__doc__)
    parser.add_argument("name", nargs="*", help=f"of: {', '.join(BENCHES)} (default: all)")
    parser.add_argument("--runs", type=int, help="interleaved runs (default 3; with --quick 1)")
    parser.add_argument("--quick", action="store_true", help="code: a quarter of the rounds")
    parser.add_argument("--programs", metavar="A,B", help="code: only these programs")
    parser.add_argument("--engines", metavar="A,B",
                        help="code: only these of gcc, clang, wasm2c, v8, wasmtime, nebulet")
    parser.add_argument("--no-pc", dest="pc", action="store_false",
                        help="kernel: without the counts of guest instructions")
    parser.add_argument("--json", metavar="FILE", help="write all figures to FILE")
    args = parser.parse_args()
    args.make, args.fetch = make, fetch
    unknown = [name for name in args.name if name not in BENCHES]
    if unknown:
        parser.error(f"there is no bench '{unknown[0]}'; there are: {', '.join(BENCHES)}")
    results, failed = {}, 0
    for name in args.name or BENCHES:
        print(f"== {name}: {BENCHES[name].__doc__}", flush=True)
        try:
            results[name] = BENCHES[name](args)
        except (measure.BenchError, subprocess.CalledProcessError) as error:
            print(f"bench: {name}: {error}", file=sys.stderr)
            failed = 1
    if args.json:
        pathlib.Path(args.json).write_text(json.dumps(results, indent=1) + "\n")
    return failed


if __name__ == "__main__":
    sys.exit(main())
