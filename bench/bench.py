#!/usr/bin/env python3
"""./dev bench: boot, code, compile, verify, kernel, block, bulk. Figures are ratios of one interleaved run, medians with
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
from compile_speed import BUNDLED, bench_compile, bundled_module  # noqa: E402
from block_speed import bench_block  # noqa: E402
from bulk_speed import bench_bulk  # noqa: E402
from kernel_speed import bench_kernel  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parent.parent
TOOL = ROOT / "build" / "release" / "nebulet"
BOOT_LIMIT = 3_000_000
VERIFY_SPEED = 300  # MB/s of machine code
VERIFY_SHARE = 0.03


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


# ---------------------------------------------------------------------------- verify --
VERIFY_STATS = re.compile(r"machine code: (\d+) bytes\ncompile: ([\d.]+) CPU s\n"
                          r"verify: ([\d.]+) CPU s, then ([\d.]+) median, ([\d.]+) least of \d+\n.*\n"
                          r"all processors: ([\d.]+) s median")


def bench_verify(args):
    """Speed of the verifier on the bundled programs' machine code, beside compiling them."""
    make("tool", *[f"program-{name}" for name in BUNDLED])
    result = {}
    print(f"{'module':10} {'code MB':>8} {'MB/s':>6} {'best':>6} {'all':>6} {'verify ms':>10} "
          f"{'compile ms':>11} {'share':>7}")
    for name in BUNDLED:
        command = [str(TOOL), "verify", "--stats", str(bundled_module(name))]
        runs = []
        for _ in range(args.runs or 3):
            output = subprocess.run(command, text=True, stdout=subprocess.PIPE, check=True).stdout
            found = VERIFY_STATS.search(output)
            if not found:
                raise measure.BenchError(f"nebulet verify --stats printed no times:\n{output}")
            size, compiling, first, median, least, together = map(float, found.groups())
            runs.append({"machine_bytes": int(size), "compile_s": compiling, "verify_s": first,
                         "again_median_s": median, "again_least_s": least,
                         "all_processors_s": together})
        speed = measure.spread([r["machine_bytes"] / 1e6 / r["again_median_s"] for r in runs])[0]
        best = max(r["machine_bytes"] / 1e6 / r["again_least_s"] for r in runs)
        together = measure.spread([r["machine_bytes"] / 1e6 / r["all_processors_s"] for r in runs])[0]
        first = measure.spread([r["verify_s"] for r in runs])[0]
        compiling = measure.spread([r["compile_s"] for r in runs])[0]
        share = measure.spread([r["verify_s"] / r["compile_s"] for r in runs])[0]
        print(f"{name:10} {runs[0]['machine_bytes'] / 1e6:8.2f} {speed:6.0f} {best:6.0f} {together:6.0f} "
              f"{first * 1e3:10.2f} {compiling * 1e3:11.1f} {share:7.2%}")
        result[name] = {"megabytes_per_second": speed, "best_megabytes_per_second": best,
                        "all_processors_megabytes_per_second": together,
                        "share_of_compiling": share, "runs": runs}
    print(f"bars: {VERIFY_SPEED} MB/s; {VERIFY_SHARE:.0%} of compiling the same module; all: with one "
          f"thread for each processor, by the clock")
    return result


BENCHES = {"boot": bench_boot, "code": bench_code, "compile": bench_compile,
           "verify": bench_verify, "kernel": bench_kernel, "block": bench_block, "bulk": bench_bulk}


def main():
    parser = argparse.ArgumentParser(prog="./dev bench", description=__doc__)
    parser.add_argument("name", nargs="*", help=f"of: {', '.join(BENCHES)} (default: all)")
    parser.add_argument("--runs", type=int, help="interleaved runs (default 3; with --quick 1)")
    parser.add_argument("--quick", action="store_true", help="code: a quarter of the rounds; compile: fewer "
                        "modules, no peers")
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
            failed |= bool(results[name].get("failures"))
        except (measure.BenchError, subprocess.CalledProcessError) as error:
            print(f"bench: {name}: {error}", file=sys.stderr)
            failed = 1
    if args.json:
        pathlib.Path(args.json).write_text(json.dumps(results, indent=1) + "\n")
    return failed


if __name__ == "__main__":
    sys.exit(main())
