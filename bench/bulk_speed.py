"""Bulk memory: memory.copy and memory.fill beside the host's memcpy and memset."""
import pathlib

import measure
from engines import TOOL, WASM_FLAGS, run

ROOT = pathlib.Path(__file__).resolve().parent.parent
SOURCE = ROOT / "bench" / "bulk" / "bulk.c"
OUT = ROOT / "build" / "bench" / "bulk"
MILLISECONDS = 20  # for each length and operation


def build():
    OUT.mkdir(parents=True, exist_ok=True)
    run(["clang", *WASM_FLAGS, SOURCE, "-o", OUT / "bulk.wasm"], "compiling bulk.c")
    # Without builtins every copy is a call of the C library's, as of a length nobody knows.
    run(["cc", "-O2", "-fno-builtin", SOURCE, "-o", OUT / "native"], "compiling bulk.c")
    return {"host": [OUT / "native"], "here": [TOOL, "run", "--hosted", OUT / "bulk.wasm"]}


def merge(best, text):
    """Keeps the least time of each length and operation."""
    for line in text.splitlines():
        length, *times = line.split()
        old = best.get(int(length), times)
        best[int(length)] = [min(float(a), float(b)) for a, b in zip(old, times)]


def bench_bulk(args):
    """memory.copy and memory.fill, GB/s, and the share of the host's memcpy and memset."""
    args.make("tool")
    commands = build()
    best = {name: {} for name in commands}
    for _ in range(args.runs or 3):
        for name, command in commands.items():
            merge(best[name], run([*command, MILLISECONDS], name, timeout=120))
    print(f"{'bytes':>9} {'copy: host':>11} {'here':>6} {'share':>6} {'fill: host':>11} {'here':>6} "
          f"{'share':>6}")
    rows = []
    for length, times in best["host"].items():
        row = {"bytes": length}
        for which, operation in enumerate(("copy", "fill")):
            row[operation] = {name: length / best[name][length][which] for name in commands}
        rows.append(row)
        words = [f"{r['host']:11.1f} {r['here']:6.1f} {r['here'] / r['host']:6.2f}"
                 for r in (row["copy"], row["fill"])]
        print(f"{length:9} {' '.join(words)}")
    shares = [row[operation]["here"] / row[operation]["host"]
              for row in rows for operation in ("copy", "fill")]
    print(f"geometric mean of the shares: {measure.geomean(shares):.2f}")
    return {"rows": rows}
