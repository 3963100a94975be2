"""The kernel: calls, gates, channels, switches, processes. Hosted in cycles of the time stamp
counter, on pc in guest instructions, and beside them the same primitives of Linux on the host."""
import os
import pathlib
import shutil
import subprocess

import block_speed
import measure

ROOT = pathlib.Path(__file__).resolve().parent.parent
SOURCE = ROOT / "bench" / "kernel"
OUT = ROOT / "build" / "bench" / "kernel"
TOOL = ROOT / "build" / "release" / "nebulet"
GUEST = ["clang", "--target=wasm32", "-O2", "-nostdlib", "-ffreestanding", "-mbulk-memory",
         "-I.", "-Ibuild/gen/sdk", "-Wl,--no-entry,--export-if-defined=_start,--stack-first",
         "-Wl,-z,stack-size=8192"]
WASI = ["clang", "--target=wasm32-wasi", "-O2", "-I.", "-Ibuild/gen/sdk"]

# What is compared with what: text, workload here, the bar, workload of Linux.
ROWS = [
    ("checked kernel call", "null-call", 20, "getppid"),
    ("kernel call on a handle", "handle-call", None, None),
    ("reading the clock", "clock-call", None, "clock-libc"),
    ("gate, there and back", "gate", 50, "pipe"),
    ("switch to another process", "switch", 60, "futex"),
    ("message of 64 bytes, sent and received", "channel-64", 150, "pipe"),
]
# What one turn of a batch's loop does more than once.
OPERATIONS = {"switch": 2}
LIVES = [
    ("process: create, link, start", "create", "process", "1.5 us, 6000 instructions"),
    ("process: kill until its end is known", "end", None, "3 us"),
]


def run(command, **options):
    result = subprocess.run([str(part) for part in command], cwd=ROOT, stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, text=True, timeout=600, **options)
    if result.returncode:
        raise measure.BenchError(f"{' '.join(map(str, command))} failed:\n{result.stdout[-1000:]}")
    return result.stdout


def build():
    OUT.mkdir(parents=True, exist_ok=True)
    header = []
    for name in ("caller", "callee"):
        run([*GUEST, SOURCE / f"{name}.c", "-o", OUT / f"{name}.wasm"])
        data = (OUT / f"{name}.wasm").read_bytes()
        header.append(f"static const uint8_t {name}_wasm[] = {{ {', '.join(map(str, data))} }};\n")
    (OUT / "modules.h").write_text("#include <stdint.h>\n" + "".join(header))
    run([*WASI, f"-I{OUT}", SOURCE / "main.c", "-o", OUT / "kernel.wasm"])
    run(["cc", "-O2", "-D_GNU_SOURCE", SOURCE / "linux.c", "-lpthread", "-o", OUT / "linux"])


def parse(text):
    """{name: numbers} of the lines that programs print."""
    rows = (line.split() for line in text.splitlines())
    return {row[0]: [float(word) for word in row[1:]] for row in rows if len(row) > 1}


def per_operation(figures, name, scale):
    """Median and 99th percentile of one operation, without the loop around it."""
    median, high, count = figures[name]
    count *= OPERATIONS.get(name, 1)
    loop = figures["loop"][0] if count > 1 else 0
    return [(value - loop) / count * scale for value in (median, high)]


def bench_kernel(args):
    """Calls, gates, channels, switches, processes; Linux's on the host beside them."""
    args.make("tool", "hosted", "kernel", "ramdisk")
    build()
    pin = ["taskset", "-c", str(os.cpu_count() - 1)] if shutil.which("taskset") else []
    linux = parse(run([*pin, OUT / "linux"]))
    hosted = parse(run([*pin, TOOL, "run", "--hosted", OUT / "kernel.wasm"]))
    pc = parse(run([TOOL, "run", "--pc", "--icount", OUT / "kernel.wasm"])) if args.pc else None
    scale = linux["hz"][0] / 1e9
    figures = {}
    print(f"{'cycles (hosted)':42} {'median':>8} {'p99':>8} {'bar':>6} {'pc':>9}   Linux on the host")
    for text, name, bar, other in ROWS:
        median, high = per_operation(hosted, name, scale)
        count = per_operation(pc, name, 1)[0] if pc else None
        beside = f"{other} {linux[other][0]:.0f}" if other else ""
        print(f"{text:42} {median:8.1f} {high:8.1f} {bar or '':>6} "
              f"{'' if count is None else f'{count:.1f}':>9}   {beside}")
        figures[name] = {"cycles": median, "p99": high, "bar": bar, "instructions": count}
    for text, name, other, bar in LIVES:
        median, high = per_operation(hosted, name, 1)
        count = per_operation(pc, name, 1)[0] if pc else None
        beside = f"{other} {linux[other][0] / scale / 1000:.1f} us" if other else ""
        print(f"{text:42} {median / 1000:5.2f} us {high / 1000:5.2f} us  "
              f"{'' if count is None else f'{count:.0f}':>9}   (bar {bar}) {beside}")
        figures[name] = {"ns": median, "p99": high, "instructions": count}
    print("the clock on the host: system call "
          f"{linux['clock-syscall'][0]:.0f}, C library {linux['clock-libc'][0]:.0f}, "
          f"counter and scaling in a function {linux['clock-call-16'][0] / 16:.1f}, "
          f"in line {linux['clock-line-16'][0] / 16:.1f}")
    print(f"Linux: thread created and joined {linux['thread'][0] / scale / 1000:.1f} us")
    idle = (pc or hosted)["idle"][0]
    print(f"memory of an idle process: {idle / 1024:.1f} KiB (bar 32){'' if pc else ', hosted'}")
    figures["idle"] = idle
    if args.pc:
        median, high = block_speed.interrupt_latency(args)
        figures["interrupt"] = {"instructions": median, "p99": high}
    figures["linux"] = {name: value[0] for name, value in linux.items()}
    return figures
