#!/usr/bin/env python3
"""./dev bench: boot, code, compile. Figures are ratios of one interleaved run, medians with
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
import workloads  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parent.parent
FETCH = ROOT / ".cache" / "fetch"
TOOL = ROOT / "build" / "release" / "nebulet"
NODE = FETCH / "node" / "package" / "bin" / "node"
NATIVE = ROOT / "build" / "bench"
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


# ------------------------------------------------------------------------------ code --
def native_coremark():
    source = (FETCH / "coremark/pythondata_cpu_ibex/system_verilog/vendor/eembc_coremark")
    files = [str(source / name) for name in ("core_list_join.c", "core_main.c", "core_matrix.c",
                                             "core_state.c", "core_util.c",
                                             "linux64/core_portme.c")]
    return ["-I", str(source), "-I", str(source / "linux64"), "-DFLAGS_STR=\"-O2\"", *files]


def native_sqlite():
    source = FETCH / "sqlite/package/deps/sqlite-autoconf-3440200.tar.gz.d/sqlite-autoconf-3440200"
    if not source.exists():
        source = next((FETCH / "sqlite").rglob("sqlite3.c")).parent
    return ["-DSQLITE_THREADSAFE=0", "-DSQLITE_OMIT_LOAD_EXTENSION", "-DSQLITE_DEFAULT_MEMSTATUS=0",
            str(source / "shell.c"), str(source / "sqlite3.c"), "-lm"]


def native_command(name):
    """Builds the native peer with gcc -O2; CPython is the machine's own python3."""
    if name == "python":
        return ["python3"]
    NATIVE.mkdir(parents=True, exist_ok=True)
    binary = NATIVE / name
    if not binary.exists():
        say(f"building native {name} with gcc -O2")
        flags = {"coremark": native_coremark, "sqlite": native_sqlite}[name]()
        subprocess.run(["gcc", "-O2", "-w", "-o", binary, *flags], cwd=ROOT, check=True)
    return [str(binary)]


def node_command(name):
    lines = subprocess.run([TOOL, "run", "--describe", name], cwd=ROOT, check=True, text=True,
                           stdout=subprocess.PIPE).stdout.splitlines()
    options, module = [], None
    for line in lines:  # module PATH | env K=V | dir HOST=GUEST
        kind, value = line.split(" ", 1)
        if kind == "module":
            module = value
        else:
            options += [f"--{kind}", value]
    return [str(NODE), "--no-warnings", str(ROOT / "bench/wasi_run.mjs"), *options, module]


def bench_code(args):
    """Programs on hosted against native gcc -O2 and Node's V8, same machine, same run."""
    names = [w.name for w in workloads.WORKLOADS]
    make("tool", "hosted", "ramdisk", *[f"program-{name}" for name in names])
    fetch("node")
    NODE.chmod(0o755)
    rows, result = [], {}
    for workload in workloads.WORKLOADS:
        engines = {"native": native_command(workload.name), "node": node_command(workload.name),
                   "nebulet": [str(TOOL), "run", "--hosted", workload.name]}
        times = {engine: {True: [], False: []} for engine in engines}
        outputs = {}
        for turn in range(args.runs):
            for full in (False, True):
                for engine, command in engines.items():
                    say(f"{workload.name} {turn + 1}/{args.runs} {engine}{'' if full else ' (empty)'}")
                    seconds, output = measure.run_timed(command + workload.arguments(full),
                                                        workload.stdin(full))
                    times[engine][full].append(seconds)
                    if full and workload.name != "coremark":
                        if outputs.setdefault("first", output) != output:
                            raise measure.BenchError(f"{workload.name}: {engine} printed "
                                                     "something else than its peers")
        work = {engine: measure.spread(t[True])[0] - measure.spread(t[False])[0]
                for engine, t in times.items()}
        result[workload.name] = {"seconds": work, "raw": {
            e: {"full": t[True], "empty": t[False]} for e, t in times.items()}}
        rows.append((workload.name, work, times))
    print(f"{'program':10} {'native s':>9} {'node s':>9} {'nebulet s':>9} "
          f"{'/native':>8} {'/node':>8}  spread of full runs")
    for name, work, times in rows:
        low, high = min(times["nebulet"][True]), max(times["nebulet"][True])
        print(f"{name:10} {work['native']:9.3f} {work['node']:9.3f} {work['nebulet']:9.3f} "
              f"{work['nebulet'] / work['native']:8.2f} {work['nebulet'] / work['node']:8.2f}  "
              f"{low:.2f}..{high:.2f} s")
    against_native = measure.geomean([w["nebulet"] / w["native"] for _, w, _ in rows])
    against_node = measure.geomean([w["nebulet"] / w["node"] for _, w, _ in rows])
    print(f"geomean: {against_native:.2f} x native, {against_node:.2f} x Node's V8 "
          f"({args.runs} interleaved runs, medians; native python is this machine's own build)")
    result["geomean"] = {"native": against_native, "node": against_node}
    return result


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
        command = [str(TOOL), "compile", str(module), "-o", str(out), "--stats"]
        runs = [measure.run_measured(command) for _ in range(args.runs)]
        stats = subprocess.run(command, text=True, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, check=True).stdout
        machine = int(re.search(r"machine code: (\d+) bytes", stats).group(1))
        seconds, peak = measure.spread([r[0] for r in runs])[0], max(r[1] for r in runs)
        print(f"{name:10} {size / 1e6:8.2f} {seconds:7.2f} {size / 1e6 / seconds:7.2f} "
              f"{peak / 1024:8.0f} {machine / size:10.2f}")
        result[name] = {"code_bytes": size, "cpu_seconds": seconds, "peak_kib": peak,
                        "machine_bytes": machine}
    return result


BENCHES = {"boot": bench_boot, "code": bench_code, "compile": bench_compile}


def main():
    parser = argparse.ArgumentParser(prog="./dev bench", description=__doc__)
    parser.add_argument("name", nargs="*", help=f"of: {', '.join(BENCHES)} (default: all)")
    parser.add_argument("--runs", type=int, default=5, help="interleaved runs (default 5)")
    parser.add_argument("--json", metavar="FILE", help="write all figures to FILE")
    args = parser.parse_args()
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
