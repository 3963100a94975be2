"""./dev bench code: the speed of compiled code, program by program, against other engines."""
import re
import statistics
import subprocess
import sys
import time

import chart
import engines
import programs
from measure import BenchError, geomean

RUN_SECONDS = 120
# The bars of the project: geomeans over all programs, and the worst single one.
BARS = {"gcc": 1.18, "wasmtime": 0.87, "v8": 0.92}
WORST = 1.4
PEERS = ("v8", "wasmtime")


def say(text):
    print(f"bench: {text}", file=sys.stderr, flush=True)


def progress(text):
    """One line that the next overwrites; without a terminal, nothing."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


def run_once(name, command, count):
    """(fastest round in ns, standard output) of one run."""
    words = [str(word) for word in command] + [str(count)]
    try:
        result = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, timeout=RUN_SECONDS)
    except subprocess.TimeoutExpired:
        raise BenchError(f"{name}: no end after {RUN_SECONDS} s: {' '.join(words)}") from None
    found = re.search(rb"^bench: (\d+) (\d+)$", result.stderr, re.MULTILINE)
    if result.returncode or not found:
        raise BenchError(f"{name}: exit status {result.returncode}: {' '.join(words)}\n"
                         f"{result.stderr.decode(errors='replace')[-1500:]}")
    return int(found.group(2)), result.stdout


class Figures:
    """What was measured of one program: engine -> the fastest round of each run, in ns."""

    def __init__(self, program):
        self.program = program
        self.times, self.missing = {}, {}

    def median(self, engine):
        return statistics.median(self.times[engine]) if engine in self.times else None

    def ratio(self, engine, base):
        mine, other = self.median(engine), self.median(base)
        return mine / other if mine and other else None

    def native(self):
        """The native peer: gcc, or clang's back end where gcc has none for the language."""
        return "gcc" if "gcc" in self.times else "clang"

    def better_peer(self):
        there = [peer for peer in PEERS if peer in self.times]
        return min(there, key=self.median) if there else None

    def spread(self, engine):
        """(largest - smallest) / median of the runs."""
        values = self.times[engine]
        return (max(values) - min(values)) / statistics.median(values)


def fail(failures, text):
    """One program on one engine failed: said at once and at the end, the others go on."""
    say(text)
    failures.append(text.splitlines()[0][:200])


def prepare(chosen, names, failures):
    """Builds everything first: (program, {engine: command}, {engine: why not})."""
    prepared = []
    for program in chosen:
        progress(f"building {program.name}")
        commands, missing = {}, {}
        for name in names:
            try:
                commands[name] = engines.ENGINES[name].command(program)
            except engines.Unsupported as reason:
                missing[name] = str(reason)
            except BenchError as error:
                missing[name] = str(error)
                fail(failures, f"{program.name}: {name}: {error}")
        prepared.append((program, commands, missing))
    progress("")
    return prepared


def measure_program(entry, commands, runs, count, failures):
    """Interleaved: every engine takes its turn before any takes the next."""
    outputs = {}
    for turn in range(runs):
        for name in list(commands):
            progress(f"{entry.program.name} {turn + 1}/{runs} {name}")
            try:
                spent, output = run_once(f"{entry.program.name} on {name}", commands[name], count)
                first = next(iter(outputs), name)
                if output != outputs.setdefault(first, output):
                    raise BenchError(f"{entry.program.name}: {name} and {first} print different "
                                     "results")
            except BenchError as error:
                fail(failures, str(error))
                entry.missing[name] = str(error)
                entry.times.pop(name, None)
                del commands[name]
                continue
            entry.times.setdefault(name, []).append(spent)


def measure_all(prepared, runs, quick, failures):
    figures = []
    for program, commands, missing in prepared:
        entry = Figures(program)
        entry.missing = missing
        count = max(1, program.count // 4) if quick else program.count
        measure_program(entry, dict(commands), runs, count, failures)
        if not entry.times:
            continue
        figures.append(entry)
    progress("")
    return figures


def cell(value, width=9, form=".2f"):
    return f"{value:{width}{form}}" if value is not None else f"{'-':>{width}}"


def print_table(figures, names):
    others = [name for name in names if name not in ("gcc", "nebulet")]
    print(f"{'program':12} {'kind':12} {'gcc ms':>9}" + "".join(f"{n:>9}" for n in others)
          + f"{'nebulet':>9} {'÷best':>8}  spread   (times over native gcc -O2)")
    for entry in figures:
        base = entry.native()
        best = entry.better_peer()
        against = entry.ratio("nebulet", best) if best else None
        outlier = chart.bold(f"{against:8.2f} !") if against and against > WORST else cell(against, 8)
        absolute = entry.median(base)
        print(f"{entry.program.name:12} {entry.program.kind:12} {cell(absolute / 1e6 if absolute else None)}"
              + "".join(cell(entry.ratio(n, base)) for n in others)
              + cell(entry.ratio("nebulet", base)) + " " + outlier
              + (f" {entry.spread('nebulet') * 100:6.0f}%" if "nebulet" in entry.times else ""))


def geomeans(figures, names):
    """engine -> (geomean over native, geomean of nebulet over it), over the programs with both."""
    result = {}
    for name in names:
        over = [entry.ratio(name, entry.native()) for entry in figures if name in entry.times]
        ours = [r for r in (entry.ratio("nebulet", entry.native() if name == "gcc" else name)
                            for entry in figures) if r]
        result[name] = {"over_native": geomean([r for r in over if r]) if any(over) else None,
                        "nebulet_over": geomean(ours) if ours else None}
    return result


def print_summary(figures, means):
    print(f"{'geomean':25} {'':9}" + "".join(
        cell(means[n]["over_native"]) for n in means if n not in ("gcc", "nebulet"))
        + (cell(means["nebulet"]["over_native"]) if "nebulet" in means else ""))
    met = True
    for name, bar in BARS.items():
        value = means.get(name, {}).get("nebulet_over")
        if value is None:
            continue
        is_met = value <= bar
        met &= is_met
        print(f"bar: nebulet / {'native' if name == 'gcc' else name:8} {value:5.2f}  "
              f"(at most {bar:.2f})  {'met' if is_met else 'MISSED'}")
    worst = [(entry.ratio("nebulet", entry.better_peer()), entry.program.name)
             for entry in figures if entry.better_peer() and "nebulet" in entry.times]
    if worst:
        over = [f"{name} {value:.2f}" for value, name in sorted(worst, reverse=True)
                if value > WORST]
        met &= not over
        print(f"bar: no program over {WORST} x the better of V8 and Wasmtime: "
              + ("met" if not over else "MISSED: " + ", ".join(over)))
    return met


def as_json(figures, means, versions, runs):
    rows = {}
    for entry in figures:
        rows[entry.program.name] = {
            "kind": entry.program.kind, "rounds_per_run": entry.program.count,
            "fastest_round_ns": entry.times, "missing": entry.missing,
            "over_native": {n: entry.ratio(n, entry.native()) for n in entry.times},
        }
    return {"versions": versions, "runs": runs, "programs": rows, "geomean": means}


def fetch_all(args, chosen, packages):
    """Fetches `packages`; the programs of what cannot be fetched are left out, which is said."""
    missing = set()
    for package in sorted(packages):
        try:
            args.fetch(package)
        except BenchError as error:
            if not any(package in program.packages for program in chosen):
                raise
            say(str(error))
            missing.add(package)
    left = [program for program in chosen if not missing & set(program.packages)]
    if len(left) < len(chosen):
        say("left out: " + ", ".join(p.name for p in chosen if p not in left))
    return left


def bench_code(args):
    """Real programs on hosted against native code, wasm2c, V8 and Wasmtime."""
    names = args.engines.split(",") if args.engines else list(engines.ENGINES)
    for name in names:
        if name not in engines.ENGINES:
            raise BenchError(f"there is no engine '{name}'; there are: "
                             f"{', '.join(engines.ENGINES)}")
    chosen = programs.choose(args.programs)
    args.make("tool", "hosted", "ramdisk")
    packages = {p for program in chosen for p in program.packages}
    packages |= {p for name in names for p in engines.ENGINES[name].packages}
    chosen = fetch_all(args, chosen, packages)
    if "v8" in names:
        engines.NODE.chmod(0o755)
    begin = time.monotonic()
    failures = []
    prepared = prepare(chosen, names, failures)
    runs = args.runs or (1 if args.quick else 3)
    versions = {name: engines.ENGINES[name].version() for name in names}
    say("modules by " + engines.run(["clang", "--version"], "clang").splitlines()[0])
    figures = measure_all(prepared, runs, args.quick, failures)
    for name, version in versions.items():
        print(f"{name:9} {version}")
    print_table(figures, names)
    means = geomeans(figures, names)
    met = print_summary(figures, means)
    print(f"{len(figures)} programs, medians of {runs} interleaved runs, each its fastest round; "
          f"{time.monotonic() - begin:.0f} s")
    if "nebulet" in names and len(names) > 1:
        chart.print_bars(figures, names)
        path = engines.OUT / "code.svg"
        chart.write_svg(path, figures, names)
        print(f"plot: {path.relative_to(engines.ROOT)}")
    for text in failures:
        print(f"FAILED: {text}")
    return as_json(figures, means, versions, runs) | {"bars_met": met, "failures": failures}
