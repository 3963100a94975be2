#!/usr/bin/env python3
"""./dev check: everything that the house rules demand of the source.

Each check is a function that yields findings as text; a finding fails the run. Checks:
format, headers, includes, size, stubs, duplicates, links, listings, warnings, tidy, dead.
Waivers stand in scripts/check-waivers.txt, one `CHECK PATH REASON` a line.
"""
import argparse
import concurrent.futures
import os
import pathlib
import re
import subprocess
import sys
import venv

ROOT = pathlib.Path(__file__).resolve().parent.parent
VENV = ROOT / ".cache" / "check-venv"
CPUS = os.cpu_count() or 2
FLAGS = ["-std=gnu17", "-I.", "-Ibuild/gen", "-Ibuild/gen/sdk", "-Ibuild/debug/gen", "-D_GNU_SOURCE", "-DNB_DEBUG=1"]
GUEST = ("user/", "tests/kernel/guests/")
FILE_LINES = 800

# Which folders each folder may include from, beside itself; architecture.md section 3.
RUNTIME_HEADERS = ("lib", "abi", "kernel/port")
INCLUDES = {
    "abi": (),
    "lib": ("abi",),
    "wasm": ("lib", "abi"),
    "compiler": ("wasm", "lib", "abi"),
    "verifier": ("lib", "abi"),
    "runtime": ("wasm/module.h", "wasm/types.h", "wasm/limits.h", "wasm/names.h", *RUNTIME_HEADERS),
    "kernel/port": ("lib", "abi"),
    "kernel/code": ("kernel", "runtime", "wasm", "compiler", "verifier", "lib", "abi"),
    "kernel": ("kernel", "runtime", "lib", "abi"),
    "arch": ("kernel/port", "lib", "abi"),
    "platform": ("arch", "kernel/port", "lib", "abi"),
    "user": ("abi", "user/sdk", "user/libs"),
    "tools": None,
    "tests": None,
    "bench": None,
}
STUB_WORDS = re.compile(
    r"\b(for now|placeholder|simplified|not implemented|not yet implemented|stubbed|hack|XXX|FIXME)\b"
    r"|\bTODO\b(?!\(#\d+\))", re.IGNORECASE)


def run(command, **options):
    return subprocess.run(command, cwd=ROOT, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, **options)


def tracked(*patterns):
    out = run(["git", "ls-files", "--cached", "--others", "--exclude-standard", *patterns]).stdout
    return [line for line in out.splitlines() if (ROOT / line).is_file()]


def sources(*suffixes):
    return [p for p in tracked() if p.endswith(suffixes)]


def waivers():
    table = set()
    path = ROOT / "scripts" / "check-waivers.txt"
    for line in path.read_text().splitlines():
        if line.strip() and not line.startswith("#"):
            check, name, _ = line.split(None, 2)
            table.add((check, name))
    return table


WAIVED = waivers()


def is_waived(check, path):
    return (check, path) in WAIVED


def tool(name):
    """Path of a pinned tool, installed on first use."""
    path = VENV / "bin" / name
    if not path.exists():
        print("installing clang-format and clang-tidy at their pinned versions…", flush=True)
        venv.create(VENV, with_pip=True)
        result = run([VENV / "bin" / "pip", "install", "-q", "--disable-pip-version-check",
                      "--require-hashes", "-r", "scripts/check-requirements.txt"])
        if result.returncode:
            sys.exit(f"check: installing the pinned tools failed:\n{result.stdout}")
    return str(path)


def in_parallel(function, items):
    with concurrent.futures.ThreadPoolExecutor(CPUS) as pool:
        for found in pool.map(function, items):
            yield from found


def check_format(fix=False):
    """clang-format leaves every C source as it is."""
    files = sources(".c", ".h")
    step = 40
    for begin in range(0, len(files), step):
        part = files[begin:begin + step]
        if fix:
            run([tool("clang-format"), "-i", *part])
            continue
        out = run([tool("clang-format"), "--dry-run", *part]).stdout
        bad = sorted({line.split(":")[0] for line in out.splitlines() if "warning:" in line})
        for path in bad:
            yield f"{path}: not formatted; ./dev fmt formats it"


def check_headers():
    """Every header compiles alone and is guarded."""
    def one(path):
        text = (ROOT / path).read_text()
        if "#ifndef" not in text:
            yield f"{path}: no include guard"
        if path.startswith("user/programs/"):
            command = ["clang", "--target=wasm32-wasi"]
        elif path.startswith(GUEST):
            command = ["clang", "--target=wasm32", "-ffreestanding", "-nostdlib"]
        else:
            command = ["gcc", "-Wall", "-Wextra"]
        language = "assembler-with-cpp" if re.search(r"^\s*\.macro", text, re.MULTILINE) else "c"
        mode = ["-c", "-o", "/dev/null"] if language != "c" else ["-fsyntax-only"]
        result = run([*command, *FLAGS, *mode, "-x", language, path])
        if result.returncode:
            yield f"{path}: does not compile alone\n{result.stdout[:600]}"
    yield from in_parallel(one, sources(".h"))


def folder_rule(path):
    best = None
    for folder in INCLUDES:
        if path.startswith(folder + "/") and (best is None or len(folder) > len(best)):
            best = folder
    return best


def check_includes():
    """Includes follow the table of allowed arrows."""
    pattern = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.MULTILINE)
    for path in sources(".c", ".h", ".S"):
        rule = folder_rule(path)
        if rule is None:
            yield f"{path}: its folder has no row in the include table of scripts/check.py"
            continue
        allowed = INCLUDES[rule]
        if allowed is None:
            continue
        for name in pattern.findall((ROOT / path).read_text()):
            own = rule if rule != "kernel/code" else "kernel"
            if name.startswith(own + "/") or "/" not in name:
                continue
            if any(name == a or name.startswith(a + "/") for a in allowed):
                continue
            yield f"{path}: includes {name}, which {rule}/ may not include"


def check_size():
    """No file outgrows the house (tables and waived files aside)."""
    for path in sources(".c", ".h", ".S", ".py"):
        lines = (ROOT / path).read_text().count("\n")
        if lines > FILE_LINES and not is_waived("size", path):
            yield f"{path}: {lines} lines, more than {FILE_LINES}"


def check_stubs():
    """No words that mark unfinished work."""
    for path in sources(".c", ".h", ".S", ".def", ".py", ".sh", ".mk", "Makefile", "dev"):
        if path == "scripts/check.py":
            continue
        for number, line in enumerate((ROOT / path).read_text().splitlines(), 1):
            found = STUB_WORDS.search(line)
            if found and not is_waived("stubs", path):
                yield f"{path}:{number}: '{found.group(0)}' marks unfinished work"


TOKEN = re.compile(r'[A-Za-z_]\w*|\d[\w.]*|"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])*\'|[^\s\w]')
COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)
RUN_TOKENS = 60


def tokens_of(path):
    text = COMMENT.sub(lambda m: "\n" * m.group(0).count("\n"), (ROOT / path).read_text())
    out = []
    for number, line in enumerate(text.splitlines(), 1):
        if line.lstrip().startswith("#include"):
            continue
        out += [(token, number) for token in TOKEN.findall(line)]
    return out


def check_duplicates():
    """Runs of 60 equal tokens make up at most 1 % of the C code."""
    seen, total, repeated, places = {}, 0, 0, {}
    for path in sources(".c", ".h", ".S"):
        if is_waived("duplicates", path):
            continue
        tokens = tokens_of(path)
        total += len(tokens)
        words = [token for token, _ in tokens]
        covered = 0
        for at in range(len(words) - RUN_TOKENS + 1):
            key = hash(tuple(words[at:at + RUN_TOKENS]))
            first = seen.setdefault(key, (path, tokens[at][1], at))
            if first == (path, tokens[at][1], at) or (first[0] == path and at - first[2] < RUN_TOKENS):
                continue
            fresh = at + RUN_TOKENS - max(covered, at)
            repeated += max(fresh, 0)
            covered = at + RUN_TOKENS
            pair = (first[0], path)
            places.setdefault(pair, (first[1], tokens[at][1], 0))
            places[pair] = (*places[pair][:2], places[pair][2] + max(fresh, 0))
    share = 100.0 * repeated / max(total, 1)
    print(f"  duplicated: {share:.2f} % of {total} tokens")
    if share > 1.0:
        for (a, b), (la, lb, count) in sorted(places.items(), key=lambda x: -x[1][2])[:25]:
            yield f"{b}:{lb} repeats {a}:{la} ({count} tokens)"


def check_links():
    """Relative links in the documentation lead somewhere."""
    for path in sources(".md"):
        for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", (ROOT / path).read_text()):
            if "://" in target or target.startswith("mailto:"):
                continue
            if not (ROOT / path).parent.joinpath(target).exists():
                yield f"{path}: the link to {target} leads nowhere"


def check_listings():
    """Generated tables equal the checked-in listings."""
    result = run(["make", "-s", "--no-print-directory", "abi-check"])
    if result.returncode:
        yield f"make abi-check: {result.stdout.strip()[:2000]}"


def check_warnings():
    """gcc and clang build everything without a warning."""
    for compiler in ("gcc", "clang"):
        for mode in ("release", "debug"):
            result = run(["make", "-s", f"-j{CPUS}", f"CC={compiler}", f"MODE={mode}",
                          f"B=build/check-{compiler}-{mode}", "EXTRA_CFLAGS=-Werror",
                          "tool", "kernel"])
            if result.returncode:
                bad = [l for l in result.stdout.splitlines() if "error" in l or "warning" in l]
                yield f"{compiler} {mode}: " + "\n    ".join(bad[:20] or [result.stdout[-1500:]])


def check_tidy():
    """clang-tidy finds nothing."""
    clang_tidy = tool("clang-tidy")
    # The packaged linter brings no compiler headers of its own.
    builtin = run(["gcc", "-print-file-name=include"]).stdout.strip()

    def one(path):
        if is_waived("tidy", path):
            return
        result = run([clang_tidy, "--quiet", path, "--", *FLAGS, "-isystem", builtin])
        shown = [l for l in result.stdout.splitlines() if "warning:" in l or "error:" in l]
        for line in dict.fromkeys(shown):
            yield line.replace(str(ROOT) + "/", "")
    yield from in_parallel(one, [p for p in sources(".c") if not p.startswith(("user/", "tests/"))])


def defined_functions(files):
    out = run(["nm", "--defined-only", *files]).stdout
    return set(re.findall(r"^[0-9a-f]+ [T] (\w+)$", out, re.MULTILINE))


def check_dead():
    """Every global function of the core is used by the tool, the kernel or a test."""
    run(["make", "-s", f"-j{CPUS}", "MODE=debug", "tool", "kernel", "hosted"])
    objects = [str(p.relative_to(ROOT)) for p in (ROOT / "build/debug").glob("hosted/**/*.o")
               if not re.search("/(tests|third|platform/hosted)/", str(p))]
    if not objects:
        yield "nothing is built; make MODE=debug tool kernel"
        return
    linked = set()
    # The hosted kernel exports everything for its backtraces, so it shows nothing.
    for binary in ("build/debug/nebulet.elf", "build/debug/nebulet"):
        if (ROOT / binary).exists():
            linked |= set(re.findall(r" [Tt] (\w+)$", run(["nm", binary]).stdout, re.MULTILINE))
    used_by_tests = " ".join((ROOT / p).read_text() for p in tracked("tests", "bench")
                             if p.endswith((".c", ".h")))
    for name in sorted(defined_functions(objects) - linked):
        if is_waived("dead", name):
            continue
        if not re.search(rf"\b{name}\b", used_by_tests):
            yield f"{name}: neither the tool nor the kernel nor a test uses it"


CHECKS = {name[6:]: value for name, value in list(globals().items()) if name.startswith("check_")}


def main():
    parser = argparse.ArgumentParser(prog="./dev check", description="Holds the house rules.")
    parser.add_argument("check", nargs="*", help=f"only these of: {', '.join(CHECKS)}")
    parser.add_argument("--fix", action="store_true", help="format instead of complaining")
    args = parser.parse_args()
    unknown = [name for name in args.check if name not in CHECKS]
    if unknown:
        sys.exit(f"check: there is no check '{unknown[0]}'; there are: {', '.join(CHECKS)}")
    if args.fix:
        list(check_format(fix=True))
        return 0
    failed = 0
    for name in args.check or CHECKS:
        print(f"{name}: {CHECKS[name].__doc__}", flush=True)
        findings = list(CHECKS[name]())
        for finding in findings:
            print(f"  {finding}")
        failed += bool(findings)
    total = len(args.check or CHECKS)
    print(f"{total - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
