"""Which branches of the verifier its own tests never take; for ./dev check.

The verifier is compiled with --coverage and without optimisation, so that each branch of the source
is one of the code, and linked with the tests of tests/verifier. A branch is an outcome of a condition,
also of one operand of && and ||, or a case of a switch.
"""
import json
import os
import pathlib
import re
import shutil
import subprocess

# Tests that count: how the verifier takes code, case by case.
TESTS = ["test_rules"]
# What they need beside the verifier.
SUPPORT = ["compiler/x64/encode.c", "kernel/code/rule_text.c", "lib/*.c", "tests/verifier/builder.c",
           "tests/verifier/cases*.c"]
# One copy of what is inlined always, or its branches would count once for each place.
FLAGS = ["-std=gnu17", "-I.", "-Ibuild/gen", "-D_GNU_SOURCE", "-DNB_DEBUG=1", "-fno-strict-aliasing",
         "-Dalways_inline=noinline"]
# The last operand of || that only refuses, and so is never true.
REFUSES = re.compile(r"(\|\||^)\s*scan_refuse\(.*\)+;$")


def inputs(root):
    """Everything that decides the outcome, in order."""
    patterns = ["verifier/*.*", "verifier/generate/*", "abi/*.h", "abi/*.def", "lib/*.[ch]", "compiler/x64/encode.[ch]",
                "tests/verifier/*.[ch]", "kernel/code/rule_text.c", "tests/wasm/host_arena.h", "scripts/coverage.py"]
    return sorted(path for pattern in patterns for path in root.glob(pattern))


class Failure(Exception):
    """A step that should have worked did not; the text says which."""


def step(command, root, **options):
    done = subprocess.run([str(word) for word in command], cwd=root, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          stdin=subprocess.DEVNULL, timeout=120, check=False, **options)
    if done.returncode:
        raise Failure(f"{command[0]}: {done.stdout[-1500:]}")
    return done.stdout


def compile_all(root, build, sources, flags):
    """Objects of these sources, two at a time."""
    running, objects = [], []

    def wait():
        process, source = running.pop(0)
        text = process.communicate()[0]
        if process.returncode:
            raise Failure(f"{source}: {text.decode()[-1500:]}")
    for source in sources:
        name = str(source.relative_to(root)).replace("/", "-")
        objects.append(build / (name[:-2] + ".o"))
        command = ["gcc", *FLAGS, *flags, "-c", source.relative_to(root), "-o", objects[-1]]
        running.append((subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE,
                                         stderr=subprocess.STDOUT), source))
        if len(running) >= (os.cpu_count() or 2):
            wait()
    while running:
        wait()
    return objects


def run_tests(root, build):
    """Builds and runs the tests; the objects of the verifier, beside which the counts lie."""
    support = [path for pattern in SUPPORT for path in sorted(root.glob(pattern))]
    tests = [root / "tests" / "verifier" / f"{name}.c" for name in TESTS]
    objects = compile_all(root, build, sorted(root.glob("verifier/*.c")), ["-O0", "--coverage"])
    others = compile_all(root, build, support, ["-O1"])
    for test in tests:
        program = build / test.stem
        step(["gcc", *FLAGS, "-O1", "--coverage", test, *objects, *others, "-lcmocka",
              "-o", program], root)
        step([program], root)
    return objects


def uncovered(root, build):
    """Lines PATH:LINE: TEXT, one for each branch of verifier/ that no test takes."""
    shutil.rmtree(build, ignore_errors=True)
    build.mkdir(parents=True)
    try:
        objects = run_tests(root, build)
        counts = {}
        for counted in objects:
            text = step(["gcov", "--json-format", "--stdout", "-b", counted], root)
            for file in json.loads(text)["files"]:
                add_counts(counts, pathlib.PurePath(file["file"]).as_posix(), file["lines"])
    except (Failure, OSError, subprocess.SubprocessError, ValueError) as failure:
        yield str(failure)
        return
    total = 0
    for (path, line), taken in sorted(counts.items()):
        total += len(taken)
        missing = [number for number, count in enumerate(taken) if count == 0]
        if not missing:
            continue
        source = (root / path).read_text().splitlines()[line - 1].strip()
        if REFUSES.search(source) and len(taken) > 1 and taken[-1]:
            missing = [number for number in missing if number != len(taken) - 2]
        if missing:
            which = ", ".join(str(number + 1) for number in missing)
            yield f"{path}:{line}: branch {which} of {len(taken)} never taken: {source}"
    if total == 0:
        yield "no branches at all: the counts are missing"
    print(f"  {total} branches")


def add_counts(counts, path, lines):
    """Adds what one object saw; headers are in several. A line without branches counts as one."""
    if not path.startswith("verifier/"):
        return
    for line in lines:
        taken = [branch["count"] for branch in line["branches"]] or [line["count"]]
        key = (path, line["line_number"])
        old = counts.get(key)
        if old and len(old) == len(taken):
            taken = [a + b for a, b in zip(old, taken)]
        counts[key] = taken if not old or len(taken) >= len(old) else old
