#!/usr/bin/env python3
"""Puts faults into the compiler, one at a time, and expects the verifier to refuse its code.

usage: faults.py [--build DIR] [--sample COUNT] [--seed SEED] [-v] [PATTERN...]

The faults are those of fault_table.py: changes to the compiler's sources, of which only the changed
copies are compiled and linked before the library, so no build of the system contains any. Modules:
the official suite's, generated ones, programs, and some made for faults. Of each module whose code the
fault changes the verifier must refuse the code; where the table says why some of it stays confined,
accepted code runs in an emulator, with hostile registers and along wrong branches, and must do nothing
that the contract does not permit. Ends with `N passed, N failed`.
"""
import argparse
import concurrent.futures
import fnmatch
import os
import pathlib
import random
import shlex
import subprocess
import sys

from fault_table import FAULTS

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
GROUPS = ["core", "core-3.0", "tail-call", "multi-memory", "memory64", "relaxed-simd",
          "function-references", "threads"]
GENERATED, GENERATED_SEED = 40, 9000
PROGRAMS = ["sqlite", "coremark"]
EXIT_SKIPPED = 77
# Accepted; CONFINED also seen in the emulator to obey the contract.
ACCEPTED = ("NONE", "CONFINED", "ESCAPE")
# Or the faulty compiler noticed itself.
NO_RULE = (*ACCEPTED, "COMPILER")


def leb(value):
    out = b""
    while True:
        byte, value = value & 0x7f, value >> 7
        if value == 0:
            return out + bytes([byte])
        out += bytes([byte | 0x80])


def signed(value):
    """A number that is not negative, as constants of instructions are."""
    last = leb(value)
    return last if last[-1] < 0x40 else last[:-1] + bytes([last[-1] | 0x80, 0])


def module(types, functions):
    """Functions, each (type number, body), of a module with a memory; all exported."""
    def section(number, entries):
        body = leb(len(entries)) + b"".join(entries)
        return bytes([number]) + leb(len(body)) + body

    def code(body):
        body = b"\0" + body + b"\x0b"
        return leb(len(body)) + body
    return (b"\0asm\1\0\0\0" + section(1, types) + section(3, [leb(t) for t, _ in functions])
            + section(5, [b"\0\4"])
            + section(7, [b"\1" + bytes([97 + i]) + b"\0" + leb(i) for i in range(len(functions))])
            + section(10, [code(body) for _, body in functions]))


def large_frame(values, arguments):
    """A module with a function that keeps so many i64 across a call with so many arguments."""
    loads = b"".join(b"\x41\0\x29\3" + leb(8 * i) for i in range(values))
    types = [b"\x60" + leb(arguments) + b"\x7e" * arguments + b"\0", b"\x60\0\1\x7e"]
    store = b"\x41\0\x41\0\x36\2\0"
    return module(types, [(0, store), (1, loads + b"\x42\0" * arguments + b"\x10\0"
                                       + b"\x7c" * (values - 1))])


def results(count):
    """A module whose callee has so many i64 results and no arguments: the area is for them alone."""
    types = [b"\x60\0" + leb(count) + b"\x7e" * count, b"\x60\0\0"]
    values = b"".join(b"\x42" + signed(i) for i in range(count))
    return module(types, [(0, values), (1, b"\x10\0" + b"\x1a" * count)])


def narrow():
    """A module that fills lanes with what it loads from less memory than a lane has."""
    types = [b"\x60\1\x7f\1\x7b"]
    address, zero = b"\x20\0", b"\x41\0\xfd\x11"
    loads = {0x2d: b"\0", 0x2f: b"\1", 0x31: b"\0", 0x33: b"\1", 0x35: b"\2"}
    bodies = []
    for load, align in loads.items():
        is_32 = load < 0x31
        scalar = address + bytes([load]) + align + leb(16)
        bodies.append(scalar + b"\xfd" + (b"\x11" if is_32 else b"\x12"))
        bodies.append(zero + scalar + b"\xfd" + (b"\x1c" if is_32 else b"\x1e") + b"\1")
    return module(types, [(0, body) for body in bodies])


def splats(values=24):
    """A module that fills lanes with more floats than there are registers for, while all are wanted."""
    load = b"".join(b"\x20\0\x2a\2" + leb(4 * i) + b"\x21" + leb(1 + i) for i in range(values))
    lanes = b"".join(b"\x20" + leb(1 + i) + b"\xfd\x13" for i in range(values))
    add = b"\xfd\xe4\1" * (values - 1)
    rest = b"".join(b"\x20\0\x20" + leb(1 + i) + b"\x38\2" + leb(4 * i) for i in range(values))
    code = b"\1" + leb(values) + b"\x7d" + load + lanes + add + rest + b"\x0b"
    return (b"\0asm\1\0\0\0" + b"\1\6\1\x60\1\x7f\1\x7b" + b"\3\2\1\0" + b"\5\3\1\0\4"
            + b"\7\5\1\1a\0\0" + b"\x0a" + leb(1 + len(leb(len(code))) + len(code)) + b"\1"
            + leb(len(code)) + code)


def grown():
    """A module that uses the result of memory.grow as an address, and an address across it."""
    types = [b"\x60\1\x7f\1\x7f"]
    grow = b"\x20\0\x40\0"
    load = b"\x28\2\0"
    return module(types, [(0, grow + load), (0, b"\x20\0" + load + grow + b"\x6a\x20\0" + load
                                             + b"\x6a")])


def ports(constant):
    """A module that accesses ports, of each width and direction: these constants and a computed one."""
    def text(data):
        return leb(len(data)) + data

    def section(number, body):
        return bytes([number]) + leb(len(body)) + body
    calls = [b"port_read8", b"port_read16", b"port_read32", b"port_write8", b"port_write16",
             b"port_write32"]
    manifest = b"name x\nport 0x64 4 rw\nport 0x3f8 8 rw\nport 0x500 4 r\nport 0x600 4 w\n"
    bodies = []
    for call in range(len(calls)):
        value = b"\x41\1" if call >= 3 else b""
        drop = b"" if call >= 3 else b"\x1a"
        code = b"\0"
        for port in constant:
            code += b"\x41" + signed(port) + value + b"\x10" + leb(call) + drop
        code += b"\x20\0" + value + b"\x10" + leb(call) + drop + b"\x0b"
        bodies.append(text(code))
    return (b"\0asm\1\0\0\0"
            + section(1, b"\3" + b"\x60\1\x7f\1\x7f" + b"\x60\2\x7f\x7f\0" + b"\x60\1\x7f\0")
            + section(2, leb(len(calls)) + b"".join(text(b"nebulet") + text(c) + b"\0" + bytes([i >= 3])
                                                    for i, c in enumerate(calls)))
            + section(3, leb(len(bodies)) + b"\2" * len(bodies))
            + section(7, leb(len(bodies)) + b"".join(b"\1" + bytes([97 + i]) + b"\0" + leb(6 + i)
                                                     for i in range(len(bodies))))
            + section(10, leb(len(bodies)) + b"".join(bodies))
            + section(0, text(b"nebulet.manifest") + manifest))


MADE = {"ports": ports([0x3f8]), "ports-outside": ports([0x3f8, 0x700]),
        "large-frame": large_frame(20000, 0), "large-frame-area": large_frame(20000, 60),
        "results": results(24), "narrow": narrow(), "grown": grown(),
        "splats": splats()}


class Check:
    """What all faults share: the clean compiler, its results, the modules."""

    def __init__(self, build, seed):
        self.build = build
        self.seed = seed
        self.tests = build / "tests" / "verifier"
        self.work = build / "faults"
        self.work.mkdir(parents=True, exist_ok=True)
        self.command = shlex.split((self.tests / "faults.flags").read_text())
        self.list = self.work / "modules"
        self.modules = self.find_modules()
        self.list.write_text("".join(f"{m}\n" for m in self.modules))
        self.clean_list = None
        self.clean = self.run("clean", [])
        self.clean_list = self.work / "clean" / "list"

    def find_modules(self):
        spec = pathlib.Path(os.environ.get("NEBULET_SPEC_DIR", ROOT.parent / "shared" / "spec"))
        modules = [m for g in GROUPS for m in sorted((spec / g).rglob("*.wasm"))]
        if not modules:
            print(f"faults: no specification suite in {spec} (set NEBULET_SPEC_DIR)")
            sys.exit(EXIT_SKIPPED)
        made = self.work / "generated"
        made.mkdir(exist_ok=True)
        subprocess.run([self.build / "tests" / "diff" / "diff_engine", "generate",
                        str(GENERATED_SEED), str(GENERATED), made],
                       check=True, stdout=subprocess.DEVNULL)
        for name, data in MADE.items():
            (made / f"{name}.wasm").write_bytes(data)
        programs = [ROOT / "build" / "guest" / "programs" / p / f"{p}.wasm" for p in PROGRAMS]
        return modules + sorted(made.glob("*.wasm")) + programs

    def run(self, name, objects):
        """{(module, way): (hash, verdict)} of the compiler with these files in place of its own."""
        program = self.work / name / "check"
        program.parent.mkdir(exist_ok=True)
        sources = (ROOT / "tests" / "verifier").glob("*.c")
        own = [self.build / "hosted" / "tests" / "verifier" / f"{s.stem}.o" for s in sources
               if s.stem.startswith(("fault_check", "emulate", "module_facts"))]
        subprocess.run([*self.command, *own, *objects, self.build / "libnebulet-hosted.a",
                        "-lZydis", "-o", program], check=True)
        words = [self.clean_list, str(self.seed)] if self.clean_list else []
        done = subprocess.run([program, self.list, *words], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=300, check=False)
        if done.returncode:
            raise RuntimeError(f"ended with {done.returncode}")
        (program.parent / "list").write_bytes(done.stdout)
        (program.parent / "findings").write_bytes(done.stderr)
        rows = (line.split() for line in done.stdout.decode().splitlines())
        return {(int(number), int(way)): (hash_, verdict) for number, way, hash_, verdict in rows}

    def mutate(self, name, edits):
        """Compiles the changed copies; their objects."""
        texts = {}
        for file, old, new in edits:
            path = ROOT / "compiler" / (f"{file}.c" if "/" in file else f"x64/{file}.c")
            text = texts.get(path) or path.read_text()
            if text.count(old) != 1:
                raise RuntimeError(f"{file}.c has {text.count(old)} times: {old.strip()}")
            texts[path] = text.replace(old, new)
        objects = []
        for path, text in texts.items():
            source = self.work / name / path.name
            source.parent.mkdir(exist_ok=True)
            source.write_text(text)
            objects.append(source.with_suffix(".o"))
            done = subprocess.run([*self.command, "-w", "-O1", "-c", source, "-o", objects[-1]],
                                  cwd=ROOT, stderr=subprocess.PIPE, text=True, check=False)
            if done.returncode:
                raise RuntimeError(done.stderr)
        return objects

    def fault(self, fault):
        """Complaints about one fault, and what there is to say."""
        rules, edits, why_confined = FAULTS[fault]
        name = fault.replace("/", "-")
        try:
            found = self.run(name, self.mutate(name, edits))
        except (RuntimeError, subprocess.SubprocessError) as error:
            return [str(error)], ""
        changed = {key: verdict for key, (hash_, verdict) in found.items()
                   if hash_ != self.clean[key][0] and verdict != "COMPILER"}
        verdicts = list(changed.values())
        counts = {v: verdicts.count(v) for v in sorted(set(verdicts))}
        complaints = []
        if not changed:
            complaints.append("changes no code")
        if rules and rules[0] not in counts:
            complaints.append(f"nothing is refused by {rules[0]}")
        if set(counts) - set(rules) - set(ACCEPTED):
            complaints.append("refused by other rules than expected")
        for (number, way), verdict in changed.items():
            # NONE: it could not run.
            if verdict in ("ESCAPE", "NONE") or (verdict in ACCEPTED and not why_confined):
                complaints.append(f"{verdict}: way {way} of {self.modules[number]}")
        complaints[5:] = []
        return complaints, " ".join(f"{rule} {count}" for rule, count in counts.items())


def chosen(args):
    names = [n for n in FAULTS
             if not args.pattern or any(fnmatch.fnmatch(n, f"*{p}*") for p in args.pattern)]
    if args.sample and args.sample < len(names):
        names = random.Random(args.seed).sample(names, args.sample)
    return names


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build" / "release")
    parser.add_argument("--sample", type=int, help="only so many, chosen by --seed")
    parser.add_argument("--seed", type=int, default=None, help="default: another each time")
    parser.add_argument("-v", "--verbose", action="store_true")
    parser.add_argument("pattern", nargs="*")
    args = parser.parse_args()
    args.build = args.build.resolve()
    if args.seed is None:
        args.seed = random.randrange(1 << 32)
    check = Check(args.build, args.seed)
    refused = [key for key, (_, verdict) in check.clean.items() if verdict not in NO_RULE]
    for number, way in refused:
        print(f"refused without a fault: way {way} of {check.modules[number]}")
    names, failed = chosen(args), 0
    print(f"seed {args.seed}")
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for name, (complaints, text) in zip(names, pool.map(check.fault, names)):
            failed += bool(complaints)
            if complaints or args.verbose:
                print(f"{'FAILED' if complaints else 'ok    '} {name}: {text}", flush=True)
            for complaint in complaints:
                print(f"       {complaint}")
    print(f"{len(names) - failed} passed, {failed + bool(refused)} failed")
    return 1 if failed or refused else 0


if __name__ == "__main__":
    sys.exit(main())
