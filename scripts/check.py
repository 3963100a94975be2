#!/usr/bin/env python3
"""./dev check: everything that the house rules demand of the source.

Each check is a function that yields findings as text; a finding fails the run. Checks:
format, headers, includes, size, stubs, duplicates, links, listings, coverage, warnings, tidy, dead.
Waivers stand in scripts/check-waivers.txt, one `CHECK PATH REASON` a line. What only costs
time is kept under build/check/ and done again when something it depends on has changed.
"""
import argparse
import concurrent.futures
import hashlib
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time
import venv

import coverage

ROOT = pathlib.Path(__file__).resolve().parent.parent
VENV = ROOT / ".cache" / "check-venv"
REQUIREMENTS = ROOT / "scripts" / "check-requirements.txt"
CACHE = ROOT / "build" / "check"
CPUS = os.cpu_count() or 2
FLAGS = ["-std=gnu17", "-I.", "-Ibuild/gen", "-Ibuild/gen/sdk", "-Ibuild/debug/gen"]
NATIVE = ["-D_GNU_SOURCE", "-DNB_DEBUG=1"]
GUEST = ("user/", "docs/examples/", "tests/kernel/guests/")
WASI = ("user/programs/", "user/apps/tools/")
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
    "user": ("abi", "user/sdk", "user/libs", "lib/manifest.h", "lib/string.h", "lib/ustar.h"),
    "docs/examples": ("abi", "user/sdk", "user/libs"),
    "tools": None,
    "tests": None,
    "bench": None,
}
STUB_WORDS = re.compile(
    r"\b(for now|placeholder|simplified|not implemented|not yet implemented|stubbed|hack|fixme)\b"
    r"|\b(?-i:XXX)\b|\btodo\b(?!\(#\d+\))", re.IGNORECASE)


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


def digest(*parts):
    state = hashlib.sha256()
    for part in parts:
        data = part if isinstance(part, bytes) else str(part).encode()
        state.update(b"%d:" % len(data) + data)
    return state.hexdigest()


def is_known(name, key):
    """Whether `remember` was called with that name and key before."""
    path = CACHE / name
    return path.exists() and path.read_text() == key


def remember(name, key):
    path = CACHE / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(key)


def tool(name):
    """Path of a pinned tool, installed on first use and when the pins change."""
    stamp = VENV / "requirements"
    wanted = REQUIREMENTS.read_text()
    if not stamp.exists() or stamp.read_text() != wanted:
        print("installing clang-format and clang-tidy at their pinned versions…", flush=True)
        venv.create(VENV, with_pip=True)
        result = run([VENV / "bin" / "pip", "install", "-q", "--disable-pip-version-check",
                      "--require-hashes", "-r", REQUIREMENTS])
        if result.returncode:
            sys.exit(f"check: installing the pinned tools failed:\n{result.stdout}")
        stamp.write_text(wanted)
    return str(VENV / "bin" / name)


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
        result = run([tool("clang-format"), "--dry-run", "-Werror", *part])
        bad = sorted(set(re.findall(r"^([^:\n]+):\d+:\d+: (?:error|warning):", result.stdout,
                                    re.MULTILINE)))
        for path in bad:
            yield f"{path}: not formatted; ./dev fmt formats it"
        if result.returncode and not bad:
            yield f"clang-format failed: {result.stdout[-600:]}"


def check_headers():
    """Every header compiles alone and is guarded."""
    run(["make", "-s", "build/gen/abi.stamp"])

    def one(path):
        text = (ROOT / path).read_text()
        directives = re.findall(r"^[ \t]*#[ \t]*(\w+)[ \t]*(\w*)", text, re.MULTILINE)
        if (len(directives) < 3 or directives[0][0] != "ifndef" or directives[1][0] != "define"
                or directives[0][1] != directives[1][1] or directives[-1][0] != "endif"):
            yield f"{path}: no include guard"
        if path.startswith(WASI):
            command = ["clang", "--target=wasm32-wasi"]
        elif path.startswith(GUEST):
            command = ["clang", "--target=wasm32", "-ffreestanding", "-nostdlib"]
        else:
            command = ["gcc", "-Wall", "-Wextra", *NATIVE]
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
        if path == "scripts/check.py":  # names them
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


def check_coverage():
    """The verifier's own tests take each of its branches."""
    run(["make", "-s", "build/gen/abi.stamp"])
    key = digest(run(["gcc", "--version"]).stdout,
                 *(path.read_bytes() for path in coverage.inputs(ROOT)))
    if is_known("coverage", key):
        return
    found = list(coverage.uncovered(ROOT, CACHE / "coverage-build"))
    yield from found
    if not found:
        remember("coverage", key)


def check_warnings():
    """gcc and clang compile everything, in release and debug, without a warning."""
    runs = [(f"{compiler}-{mode}", [f"CC={compiler}", f"MODE={mode}",
                                    f"B=build/check/{compiler}-{mode}", "EXTRA_CFLAGS=-Werror"])
            for compiler in ("gcc", "clang") for mode in ("release", "debug")]
    runs.append(("guests", ["G=build/check/guests", "GUEST_CC=clang -Werror"]))
    versions = [run([compiler, "--version"]).stdout for compiler in ("gcc", "clang")]
    for name, words in runs:
        make = ["make", "-s", "-k", f"-j{CPUS}", "--no-print-directory", *words]
        target = "check-guests" if name == "guests" else "check-objects"
        # make looks at times only; other flags or compilers call for everything anew.
        key = digest(versions, run([*make, "check-flags"]).stdout)
        if not is_known(f"{name}.flags", key):
            shutil.rmtree(CACHE / name, ignore_errors=True)
            remember(f"{name}.flags", key)
        result = run([*make, target])
        if result.returncode:
            bad = [l for l in result.stdout.splitlines()
                   if re.search(r"(error|warning)\b.*:|\*\*\*", l)]
            yield f"{name}: " + "\n    ".join(bad[:20] or [result.stdout[-1500:]])


def tidy_flags(path):
    """How clang-tidy is to parse a source; its own compiler headers come with it."""
    if path.startswith(WASI):
        return [*FLAGS, "--target=wasm32-wasi", "-isystem", "/usr/include/wasm32-wasi"]
    if path.startswith(GUEST):
        return [*FLAGS, "--target=wasm32", "-ffreestanding", "-mbulk-memory"]
    # Behind all else: gcc's folder has the interface of the sanitizers.
    builtin = run(["gcc", "-print-file-name=include"]).stdout.strip()
    return [*FLAGS, *NATIVE, "-idirafter", builtin]


def tidy_finding(line):
    """One finding as PATH:LINE:…, or None for other lines and waived ones."""
    if "warning:" not in line and "error:" not in line:
        return None
    line = line.replace(str(ROOT) + "/", "").removeprefix("./")
    name = re.search(r"\[([\w.-]+)(?:,[^\]]*)?\]$", line)
    path = line.split(":")[0]
    return None if name and is_waived(f"tidy:{name.group(1)}", path) else line


def check_tidy():
    """clang-tidy finds nothing."""
    clang_tidy = tool("clang-tidy")
    setup = digest((ROOT / ".clang-tidy").read_text(), REQUIREMENTS.read_text(), sorted(WAIVED))
    run(["make", "-s", "build/gen/abi.stamp"])

    def one(path):
        flags = tidy_flags(path)
        if "NOLINT" in (ROOT / path).read_text():
            yield f"{path}: NOLINT; exceptions stand in scripts/check-waivers.txt"
        compiler = "clang" if path.startswith(GUEST) else "gcc"
        text = subprocess.run([compiler, "-E", "-dD", *flags, path], cwd=ROOT,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        if text.returncode and path.startswith("bench/"):
            return  # it includes what is fetched only for measuring
        key = digest(setup, flags, text.stdout)
        if text.returncode == 0 and is_known(f"tidy/{path}", key):
            return
        result = run([clang_tidy, "--quiet", path, "--", *flags])
        lines = result.stdout.splitlines()
        if result.returncode and not any("error:" in line for line in lines):
            yield f"{path}: clang-tidy failed: {result.stdout[-600:]}"
            return
        found = [line for line in map(tidy_finding, lines) if line]
        yield from found
        if not found and text.returncode == 0:
            remember(f"tidy/{path}", key)
    files = [p for p in sources(".c") if not p.startswith("tests/")]
    yield from dict.fromkeys(in_parallel(one, files))


def defined_functions(files):
    out = run(["nm", "--defined-only", *files]).stdout
    return set(re.findall(r"^[0-9a-f]+ [T] (\w+)$", out, re.MULTILINE))


def check_dead():
    """Every global function of core, platforms and tool is used by a binary or a test."""
    built = run(["make", "-s", "-k", f"-j{CPUS}", "MODE=debug", "tool", "kernel", "hosted"])
    if built.returncode:
        yield f"make MODE=debug tool kernel hosted: {built.stdout[-1500:]}"
        return
    base = ROOT / "build" / "debug"
    objects = []
    for path in sorted(base.glob("*/**/*.o")):
        kind, name = str(path.relative_to(base)).split("/", 1)
        source = name[:-2] if name.endswith(".S.o") else name[:-2] + ".c"
        if (ROOT / source).exists() and (
                kind == "hosted" and not name.startswith(("tests/", "user/", "platform/"))
                or kind == "pc" and name.startswith(("platform/pc/", "arch/"))):
            objects.append(str(path.relative_to(ROOT)))
    linked = set()
    # The hosted kernel exports everything for its backtraces, so it shows nothing.
    for binary in ("build/debug/nebulet.elf", "build/debug/nebulet"):
        linked |= set(re.findall(r" [Tt] (\w+)$", run(["nm", binary]).stdout, re.MULTILINE))
    # What only the hosted platform uses of the core, and the tests.
    texts = " ".join((ROOT / p).read_text() for p in tracked("tests", "bench", "platform/hosted")
                     if p.endswith((".c", ".h", ".S")))
    words = set(re.findall(r"\w+", texts))
    for name in sorted(defined_functions(objects) - linked - words):
        if not is_waived("dead", name):
            yield f"{name}: neither the tool nor a kernel nor a test uses it"


CHECKS = {name[6:]: value for name, value in list(globals().items()) if name.startswith("check_")}


def main():
    parser = argparse.ArgumentParser(prog="./dev check", description="Holds the house rules.")
    parser.add_argument("check", nargs="*", help=f"only these of: {', '.join(CHECKS)}")
    parser.add_argument("--fix", action="store_true", help="format instead of complaining")
    args = parser.parse_args()
    os.environ.pop("MAKEFLAGS", None)
    unknown = [name for name in args.check if name not in CHECKS]
    if unknown:
        parser.error(f"there is no check '{unknown[0]}'; there are: {', '.join(CHECKS)}")
    if args.fix:
        list(check_format(fix=True))
        return 0
    failed = 0
    for name in args.check or CHECKS:
        print(f"{name}: {CHECKS[name].__doc__}", flush=True)
        start = time.monotonic()
        findings = list(CHECKS[name]())
        for finding in findings:
            print(f"  {finding}")
        seconds = time.monotonic() - start
        if seconds >= 2:
            print(f"  {seconds:.0f} s")
        failed += bool(findings)
    total = len(args.check or CHECKS)
    print(f"{total - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
