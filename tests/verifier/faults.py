#!/usr/bin/env python3
"""Puts faults into the compiler, one at a time, and expects the verifier to refuse its code.

usage: faults.py [--build DIR] [--sample COUNT] [--seed SEED] [-v] [PATTERN...]

The faults are those of fault_table.py: changes to the compiler's sources, of which only the changed
copies are compiled and linked before the library, so no build of the system contains any. Modules:
the official suite's, generated ones, and one with a large frame. Of each module whose code the
fault changes the verifier must refuse the code. Ends with `N passed, N failed`.
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
# Accepted; or the faulty compiler noticed itself.
NO_RULE = ("NONE", "COMPILER")


def leb(value):
    out = b""
    while True:
        byte, value = value & 0x7f, value >> 7
        if value == 0:
            return out + bytes([byte])
        out += bytes([byte | 0x80])


def large_frame(values):
    """A module with a function that keeps so many i64 across a call."""
    def section(number, body):
        return bytes([number]) + leb(len(body)) + body

    def code(body):
        body = b"\0" + body + b"\x0b"
        return leb(len(body)) + body
    loads = b"".join(b"\x41\0\x29\3" + leb(8 * i) for i in range(values))
    types = b"\2\x60\0\0\x60\0\1\x7e"
    return (b"\0asm\1\0\0\0" + section(1, types) + section(3, b"\2\0\1") + section(5, b"\1\0\4")
            + section(7, b"\1\1f\0\1")
            + section(10, b"\2" + code(b"\x41\0\x41\0\x36\2\0\x10\0")
                      + code(loads + b"\x10\0" + b"\x7c" * (values - 1))))


class Check:
    """What all faults share: the clean compiler, its results, the modules."""

    def __init__(self, build):
        self.build = build
        self.tests = build / "tests" / "verifier"
        self.work = build / "faults"
        self.work.mkdir(parents=True, exist_ok=True)
        self.command = shlex.split((self.tests / "faults.flags").read_text())
        self.list = self.work / "modules"
        self.modules = self.find_modules()
        self.list.write_text("".join(f"{m}\n" for m in self.modules))
        self.clean = self.run("clean", [])

    def find_modules(self):
        spec = pathlib.Path(os.environ.get("NEBULET_SPEC_DIR", ROOT.parent / "shared" / "spec"))
        modules = [m for g in GROUPS for m in sorted((spec / g).rglob("*.wasm"))]
        if not modules:
            sys.exit(f"no modules of the suite in {spec}: set NEBULET_SPEC_DIR")
        made = self.work / "generated"
        made.mkdir(exist_ok=True)
        subprocess.run([self.build / "tests" / "diff" / "diff_engine", "generate",
                        str(GENERATED_SEED), str(GENERATED), made],
                       check=True, stdout=subprocess.DEVNULL)
        large = made / "large-frame.wasm"
        large.write_bytes(large_frame(20000))
        return modules + sorted(made.glob("*.wasm"))

    def run(self, name, objects):
        """{(module, way): (hash, verdict)} of the compiler with these files in place of its own."""
        program = self.work / name / "check"
        program.parent.mkdir(exist_ok=True)
        subprocess.run([*self.command, self.tests / "fault_check.o", *objects,
                        self.build / "libnebulet-hosted.a", "-o", program], check=True)
        done = subprocess.run([program, self.list], stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, timeout=120, check=False)
        if done.returncode:
            raise RuntimeError(f"ended with {done.returncode}")
        rows = (line.split() for line in done.stdout.decode().splitlines())
        return {(int(number), int(way)): (hash_, verdict) for number, way, hash_, verdict in rows}

    def mutate(self, name, edits):
        """Compiles the changed copies; their objects."""
        texts = {}
        for file, old, new in edits:
            path = ROOT / "compiler" / "x64" / f"{file}.c"
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
        rules, edits, some = FAULTS[fault]
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
        if rules[0] not in counts:
            complaints.append(f"nothing is refused by {rules[0]}")
        if set(counts) - set(rules) - {"NONE"}:
            complaints.append("refused by other rules than expected")
        accepted = [key for key, verdict in changed.items() if verdict == "NONE"]
        if accepted and not some:
            complaints += [f"accepted: way {way} of {self.modules[number]}"
                           for number, way in accepted[:3]]
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
    check = Check(args.build)
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
