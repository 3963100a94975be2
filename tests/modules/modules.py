#!/usr/bin/env python3
"""Validates, compiles and runs real modules of many languages: those of list.toml.

usage: modules.py [--hosted|--pc] [--long] [--list] [NAME...]

A module that needs only WASI runs, and its output, messages and exit status must be those
that it has under Node's WASI, or under Wasmtime where the list says so. One that needs
JavaScript beside it is validated and compiled. Modules come from package registries when first
needed (scripts/fetch.py); without a network the run is skipped, exit status 77. Without --long
only the modules marked for every test run; --pc takes those marked for it.
Needs: make tool hosted kernel ramdisk.
"""
import argparse
import gzip
import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys
import time
import tomllib

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
FETCHED = ROOT / ".cache" / "fetch"
WORK = ROOT / "build" / "modules"
TOOL = ROOT / "build" / "release" / "nebulet"
LIMIT_SECONDS = 900
NODE_VERSION_MIN = 20
FETCH_UNREACHABLE = 75
# What the tool says while the kernel compiles.
PROGRESS = re.compile(rb"^nebulet: compiling [^\n]*\n", re.MULTILINE)
# An empty environment is an error to Node's WASI.
ENVIRONMENT = {"LANG": "C"}


class Missing(Exception):
    """A module cannot be had for want of a network."""


class Failure(Exception):
    """What is wrong, for the reader."""


def read_list():
    with open(HERE / "list.toml", "rb") as source:
        modules = tomllib.load(source)["module"]
    for module in modules:
        unknown = set(module) - {"name", "language", "package", "path", "sha256", "use", "build",
                                 "every", "pc", "reference", "args", "stdin", "dirs", "env",
                                 "about", "text"}
        if unknown or module.get("use", "run") not in ("run", "compile", "refuse"):
            sys.exit(f"list.toml: {module.get('name')}: bad entry {unknown}")
    return modules


def located(path):
    """@PACKAGE/... is a fetched file, anything else one beside this script."""
    return FETCHED / path[1:] if path.startswith("@") else HERE / path


def fetch(packages):
    command = [sys.executable, str(ROOT / "scripts" / "fetch.py"), *packages]
    status = subprocess.run(command, check=False).returncode
    if status:
        problem = Missing if status == FETCH_UNREACHABLE else Failure
        raise problem(f"cannot fetch {' '.join(packages)}")


def find_node():
    """A Node whose WASI needs no flags: the machine's, else the fetched one."""
    try:
        version = subprocess.run(["node", "--version"], capture_output=True, text=True,
                                 check=True).stdout
        if int(re.match(r"v(\d+)", version)[1]) >= NODE_VERSION_MIN:
            return "node"
    except (OSError, subprocess.CalledProcessError):
        pass
    fetch(["node"])
    return str(FETCHED / "node" / "package" / "bin" / "node")


def prepare(module):
    """The module's binary in build/modules; fetches and checks, or builds it."""
    target = WORK / f"{module['name']}.wasm"
    fetch([*module["package"].split(), *module.get("reference", "").split()])
    if "build" in module:
        command = ["bash", str(HERE / "build.sh"), module["build"], str(target)]
        done = subprocess.run(command, cwd=ROOT, stdout=sys.stderr, check=False,
                              env=dict(os.environ, NODE=find_node()))
        if done.returncode:
            raise Failure(f"build.sh {module['build']} failed")
        return target
    source = located(f"@{module['package']}/{module['path']}")
    data = source.read_bytes()
    if source.suffix == ".gz":
        data = gzip.decompress(data)
    digest = hashlib.sha256(data).hexdigest()
    if digest != module["sha256"]:
        raise Failure(f"{module['path']} has the SHA-256 {digest}")
    if not target.exists() or target.read_bytes() != data:
        target.write_bytes(data)
    return target


def execute(command, stdin):
    try:
        return subprocess.run(command, input=stdin, capture_output=True, cwd=WORK, check=False,
                              timeout=LIMIT_SECONDS)
    except subprocess.TimeoutExpired:
        raise Failure(f"no end within {LIMIT_SECONDS} s: {' '.join(command)}") from None


def run_here(module, target, platform, stdin):
    options = [f"--{platform}"]
    options += [f"--env={k}={v}" for k, v in environment(module).items()]
    options += [f"--dir={located(path)}={guest}" for guest, path in
                module.get("dirs", {}).items()]
    return execute([str(TOOL), "run", *options, target.name, *module.get("args", [])], stdin)


def environment(module):
    return {**ENVIRONMENT, **module.get("env", {})}


def run_reference(module, target, stdin):
    spec = {"file": str(target), "args": [target.name, *module.get("args", [])],
            "env": environment(module),
            "dirs": {guest: str(located(path)) for guest, path in
                     module.get("dirs", {}).items()}}
    if module.get("reference") == "wasmtime":
        command = [sys.executable, str(HERE / "wasmtime_wasi.py"), str(FETCHED / "wasmtime")]
    else:
        command = [find_node(), "--no-warnings", str(HERE / "node_wasi.cjs")]
    return execute([*command, json.dumps(spec)], stdin)


def compare(module, target, platform):
    stdin = located(module["stdin"]).read_bytes() if "stdin" in module else b""
    ours = run_here(module, target, platform, stdin)
    theirs = run_reference(module, target, stdin)
    for what, mine, wanted in (
            ("exit status", ours.returncode, theirs.returncode),
            ("output", ours.stdout, theirs.stdout),
            ("messages", PROGRESS.sub(b"", ours.stderr), theirs.stderr)):
        if mine != wanted:
            raise Failure(f"{what} differ:\n    here:   {mine[:1500]!r}\n"
                          f"    there:  {wanted[:1500]!r}")
    if theirs.returncode or not theirs.stdout:
        raise Failure(f"a run that says nothing: {theirs.returncode} {theirs.stderr[:1500]!r}")


def compile_only(module, target):
    done = execute([str(TOOL), "compile", target.name, "-o", f"{module['name']}.nbo"], b"")
    (WORK / f"{module['name']}.nbo").unlink(missing_ok=True)
    if module["use"] == "compile":
        if done.returncode:
            raise Failure(f"refused: {done.stderr[:1500]!r}")
    elif done.returncode == 0 or module["text"].encode() not in done.stderr:
        raise Failure(f"should be refused for {module['text']}: {done.returncode} "
                      f"{done.stderr[:1500]!r}")


def check(module, platform):
    target = prepare(module)
    if module.get("use", "run") == "run":
        compare(module, target, platform)
    else:
        compile_only(module, target)
    return target.stat().st_size


def is_chosen(module, options):
    if options.names:
        return module["name"] in options.names
    if options.pc:
        return module.get("pc", False)
    return options.long or module.get("every", False)


def print_list(modules):
    for module in modules:
        print(f"{module['name']:22} {module['language']:15} {module.get('use', 'run'):8} "
              f"{module['package'].split()[0]:16} {module['about']}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    platforms = parser.add_mutually_exclusive_group()
    platforms.add_argument("--hosted", action="store_true", help="as a Linux process (default)")
    platforms.add_argument("--pc", action="store_true", help="in QEMU")
    parser.add_argument("--long", action="store_true", help="every module of the list")
    parser.add_argument("--list", action="store_true", help="print the list and stop")
    parser.add_argument("names", nargs="*", metavar="NAME")
    options = parser.parse_args()
    modules = read_list()
    if options.list:
        print_list(modules)
        return 0
    unknown = set(options.names) - {m["name"] for m in modules}
    if unknown:
        sys.exit(f"modules: no {', '.join(sorted(unknown))} in list.toml")
    WORK.mkdir(parents=True, exist_ok=True)
    passed, failed, missing = 0, 0, []
    for module in [m for m in modules if is_chosen(m, options)]:
        begin = time.monotonic()
        try:
            size = check(module, "pc" if options.pc else "hosted")
            passed += 1
            print(f"ok   {module['name']} ({module['language']}, {size / 1e6:.2f} MB, "
                  f"{time.monotonic() - begin:.1f} s)", flush=True)
        except Missing as problem:
            missing.append(module["name"])
            print(f"skip {module['name']}: {problem}", flush=True)
        except Failure as problem:
            failed += 1
            print(f"FAIL {module['name']} ({module['language']}): {problem}\n     repeat: python3 "
                  f"tests/modules/modules.py {'--pc ' * options.pc}{module['name']}", flush=True)
    left_out = f", not to be had without a network: {' '.join(missing)}" if missing else ""
    print(f"{passed} passed, {failed} failed{left_out}")
    if failed or not passed + len(missing):
        return 1
    return 77 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
