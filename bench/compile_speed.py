"""./dev bench compile: how fast modules of 0.1 to 16 MB are compiled and validated."""
import json
import pathlib
import re
import subprocess
import sys
import tomllib

import engines
import measure
import programs
from measure import BenchError
from programs import FETCH, ROOT

TOOL = engines.TOOL
BUNDLED = ["coremark", "sqlite", "python", "ruby"]
BUILT = ["lua", "satsolver", "quickjs", "sqlite"]  # of programs.toml
LANGUAGES = {"python": "python-3.11.3.wasm", "ruby": "ruby-3.2.0.wasm"}  # of the package runno
LISTED = ["php", "esbuild", "yosys"]  # of tests/modules/list.toml
BARS = {"speed": 3.0, "ratio": 2.4, "validation": 200.0}
STATS = {name: re.compile(pattern) for name, pattern in {
    "code_bytes": r"code section: (\d+) bytes", "machine_bytes": r"machine code: (\d+) bytes",
    "compile_s": r"compile: ([\d.]+) CPU s", "validate_s": r"validate: ([\d.]+) CPU s",
}.items()}

# Each prints JSON: CPU seconds of validating and of compiling with the optimizing tier, and the
# peak of the process's memory in KiB.
NODE_SCRIPT = """
const bytes = require('fs').readFileSync(process.argv[1]);
const spent = work => { const begin = process.cpuUsage(); work();
  const used = process.cpuUsage(begin); return (used.user + used.system) / 1e6; };
const validate_s = spent(() => WebAssembly.validate(bytes));
const compile_s = spent(() => new WebAssembly.Module(bytes));
console.log(JSON.stringify({ validate_s, compile_s, peak_kib: process.resourceUsage().maxRSS }));
"""
WASMTIME_SCRIPT = """
import json, pathlib, resource, sys, time
sys.path.insert(0, sys.argv[1])
import wasmtime
config = wasmtime.Config()
config.cranelift_opt_level = "speed"
engine = wasmtime.Engine(config)
data = pathlib.Path(sys.argv[2]).read_bytes()
def spent(work):
    begin = time.process_time(); work(); return time.process_time() - begin
validate_s = spent(lambda: wasmtime.Module.validate(engine, data))
compile_s = spent(lambda: wasmtime.Module(engine, data))
print(json.dumps({"validate_s": validate_s, "compile_s": compile_s,
                  "peak_kib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}))
"""


def bundled_module(name):
    lines = subprocess.run([TOOL, "run", "--describe", name], cwd=ROOT, check=True, text=True,
                           stdout=subprocess.PIPE).stdout.splitlines()
    return pathlib.Path(next(l.split(" ", 1)[1] for l in lines if l.startswith("module ")))


def listed_modules(args):
    """name -> path, of the real modules that the tests fetch."""
    table = tomllib.loads((ROOT / "tests" / "modules" / "list.toml").read_text())["module"]
    found = {}
    for entry in table:
        if entry["name"] in LISTED:
            args.fetch(entry["package"])
            found[entry["name"]] = FETCH / entry["package"] / entry["path"]
    return found


def modules(args):
    """name -> path, all that are measured."""
    args.make("tool")
    found = {}
    for program in programs.choose(",".join(BUILT)):
        args.fetch(*program.packages)
        found[program.name] = engines.build_wasm(program)
    args.fetch("runno")
    for name, file in LANGUAGES.items():
        found[name] = FETCH / "runno" / "package" / "dist" / "langs" / file
    return found if args.quick else found | listed_modules(args)


def compile_once(module):
    """What `nebulet compile --stats` tells, on one core, and the peak memory in KiB."""
    out = ROOT / "build" / "bench" / "compile.nbo"
    out.parent.mkdir(parents=True, exist_ok=True)
    command = [str(TOOL), "compile", "-j1", "--stats", str(module), "-o", str(out)]
    text = subprocess.run(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          check=True).stdout
    figures = {}
    for name, pattern in STATS.items():
        found = pattern.search(text)
        if not found:
            raise BenchError(f"nebulet compile --stats tells no {name}:\n{text}")
        figures[name] = float(found.group(1))
    # Without --stats, which validates once more.
    figures["peak_kib"] = measure.run_measured([w for w in command if w != "--stats"])[1]
    return figures


def peers(module):
    """engine -> its figures, one run each."""
    flags = ["--no-liftoff", "--no-wasm-tier-up", "--no-wasm-lazy-compilation"]
    commands = {
        "v8": [engines.NODE, *flags, "-e", NODE_SCRIPT, module],
        "wasmtime": [sys.executable, "-c", WASMTIME_SCRIPT, FETCH / "wasmtime", module],
    }
    result = {}
    for name, command in commands.items():
        done = subprocess.run([str(word) for word in command], text=True, timeout=600,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE)
        if done.returncode == 0:  # a module with features that the peer lacks has no figure
            result[name] = json.loads(done.stdout)
    return result


def print_row(name, row):
    code = row["code_bytes"] / 1e6
    cells = [f"{name:10} {code:8.2f} {code / row['compile_s']:7.2f} {row['peak_kib'] / 1024:8.0f} "
             f"{row['machine_bytes'] / row['code_bytes']:7.2f} {code / row['validate_s']:9.0f}  "]
    for peer in ("v8", "wasmtime"):
        figures = row["peers"].get(peer)
        cells.append(f" {code / figures['compile_s']:8.2f} {figures['peak_kib'] / 1024:6.0f} "
                     f"{code / max(figures['validate_s'], 1e-4):6.0f}" if figures
                     else f" {'-':>8} {'-':>6} {'-':>6}")
    print("".join(cells), flush=True)


def bench_compile(args):
    """Compile speed, memory, code size and validation, one core, in CPU seconds."""
    chosen = modules(args)
    if not args.quick:
        args.fetch("node", "wasmtime")
        engines.NODE.chmod(0o755)
    rows = {}
    print(f"{'':10} {'':8} {'nebulet':>7} {'':8} {'':7} {'':9}    {'v8 (TurboFan)':>21} "
          f"{'wasmtime':>22}")
    print(f"{'module':10} {'code MB':>8} {'MB/s':>7} {'peak MB':>8} {'b/byte':>7} {'valid MB/s':>10}"
          + f"  {'MB/s':>8} {'peak':>6} {'valid':>6}" * 2)
    for name, module in chosen.items():
        runs = [compile_once(module) for _ in range(args.runs or 3)]
        row = {key: measure.spread([run[key] for run in runs])[0] for key in runs[0]}
        row["runs"] = runs
        row["peers"] = {} if args.quick else peers(module)
        rows[name] = row
        print_row(name, row)
    total = {key: sum(row[key] for row in rows.values())
             for key in ("code_bytes", "machine_bytes", "compile_s", "validate_s")}
    speed = total["code_bytes"] / 1e6 / total["compile_s"]
    ratio = total["machine_bytes"] / total["code_bytes"]
    validation = total["code_bytes"] / 1e6 / total["validate_s"]
    print(f"all: {speed:.2f} MB/s (at least {BARS['speed']:.0f}: "
          f"{'met' if speed >= BARS['speed'] else 'MISSED'}), {ratio:.2f} machine bytes per wasm "
          f"byte (at most {BARS['ratio']}: {'met' if ratio <= BARS['ratio'] else 'MISSED'}), "
          f"validation {validation:.0f} MB/s (at least {BARS['validation']:.0f}: "
          f"{'met' if validation >= BARS['validation'] else 'MISSED'})")
    return {"modules": rows, "speed_mb_s": speed, "bytes_per_byte": ratio,
            "validation_mb_s": validation}
