#!/usr/bin/env python3
"""Compares this engine with Node's on random modules.

usage: diff.py [--engine TOOL] [--seed S] [--count N] [--variants N] [--state FILE] [--keep DIR]
       diff.py [--engine TOOL] --reduce SEED [--keep DIR]
       diff.py [--engine TOOL] --kept FOLDER

The node is that of $NEBULET_NODE, or the one in the path if it is version 24 or
later, or a fetched one; before version 24 it gets modules of WebAssembly 2.0 only.

Each module is compiled in the normal way and in --variants others; results,
traps, globals, tables and memories must agree after every call. With --state
an interrupted run goes on where it was. Ends with `N passed, N failed`.
A failing module is kept in --keep; --reduce makes it small. --kept compares on the
modules in the folder instead, each compiled in every way; regressions/README.md says
what may be there.
"""
import argparse
import json
import os
import pathlib
import random
import re
import resource
import struct
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
FETCHED_NODE = ROOT / ".cache" / "fetch" / "node24" / "package" / "bin" / "node"
NODE_STACK_KIB = 30000
BATCH = 100
BATCH_SECONDS = 400
FAILURES_MOST = 20  # then it gives up
EVERY_WAY = "1000"  # more ways of compiling than there are
TYPES = {"i32": (0x7F, "<q"), "i64": (0x7E, "<q"), "f32": (0x7D, "<fxxxx"), "f64": (0x7C, "<d"),
         "funcref": (0x70, "<q"), "externref": (0x6F, "<q")}


def node_version(node):
    """Its major version, 0 if there is no such program."""
    try:
        done = subprocess.run([node, "--version"], check=True, capture_output=True, text=True)
        return int(done.stdout.lstrip("v").split(".")[0])
    except (OSError, subprocess.CalledProcessError, ValueError):
        return 0


def find_node():
    """$NEBULET_NODE, or the path's if it knows all features, or the fetched one."""
    node = os.environ.get("NEBULET_NODE")
    if node:
        return node
    if node_version("node") >= 24:
        return "node"
    done = subprocess.run([sys.executable, str(ROOT / "scripts" / "fetch.py"), "node24"],
                          check=False)
    if done.returncode == 0:
        return str(FETCHED_NODE)
    print("diff: node 24 cannot be fetched; testing WebAssembly 2.0 only with the path's")
    return "node"


NODE = find_node()


def allow_stack():
    """Twice what Node is told to use."""
    hard = resource.getrlimit(resource.RLIMIT_STACK)[1]
    wanted = 2 * 1024 * NODE_STACK_KIB
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_STACK, (wanted, hard))


def outputs(text):
    """The tools' output by file."""
    parts = {}
    for part in text.split("== ")[1:]:
        path, _, body = part.partition("\n")
        parts[path] = body
    return parts


class Tools:
    def __init__(self, engine, options):
        self.engine, self.options = engine, options
        self.is_plain = node_version(NODE) < 24

    def generate(self, seed, count, directory, skip=()):
        command = [self.engine, "generate", *(["--plain"] if self.is_plain else [])]
        if skip:
            command += ["--skip", ",".join(map(str, skip))]
        command += [str(seed), str(count), str(directory)]
        lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        return {path: int(nodes) for path, nodes in map(str.split, lines.splitlines())}

    def start_ours(self, paths, extra=()):
        return subprocess.Popen([self.engine, "run", *self.options, *extra, *paths],
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def start_theirs(self, paths, extra=()):
        flags = ["--experimental-wasm-relaxed-simd",
                 "--experimental-wasm-typed-funcref"] if self.is_plain else []
        # Frames of 2000 locals and the depth that modules allow need more than its usual stack.
        flags.append(f"--stack-size={NODE_STACK_KIB}")
        return subprocess.Popen([NODE, *flags, str(HERE / "oracle.js"), *extra, *paths],
                                preexec_fn=allow_stack, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT)

    def finish(self, process):
        try:
            text, _ = process.communicate(timeout=BATCH_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            text, _ = process.communicate()
            text += b"\nno end\n"
        return text.decode(errors="replace"), process.returncode

    def compare(self, paths):
        """The paths whose outputs differ, with both. After a crash or hang of
        ours the files behind it get a run of their own."""
        theirs = self.start_theirs(paths)
        ours, rest = {}, list(paths)
        while rest:
            text, status = self.finish(self.start_ours(rest))
            parts = outputs(text)
            if not parts:
                sys.exit(f"diff: the engine does not run (status {status}): {text[-2000:]}")
            ours.update(parts)
            if status:
                ours[list(parts)[-1]] += f"(status {status})\n"
            rest = rest[len(parts):]
        text, status = self.finish(theirs)
        theirs = outputs(text)
        if status or len(theirs) != len(paths):
            sys.exit(f"diff: node fails: {text[-2000:]}")
        return {path: (ours[path], theirs[path]) for path in paths if ours[path] != theirs[path]}


def first_difference(ours, theirs):
    mine, other = ours.splitlines(), theirs.splitlines()
    for number, (a, b) in enumerate(zip(mine + [""], other + [""])):
        if a != b:
            return f"line {number + 1}: here `{a}`, in node `{b}`"
    return f"here, further on: `{(mine + [''])[len(other)]}`"


def kind_of(ours, theirs):
    """What a reduction must preserve: the sort of disagreement."""
    if theirs.startswith("refused") or "no end" in theirs:
        return "bad"
    for sign in ("hang or crash", "refused", "differs when compiled", "came back", "runtime error"):
        if sign in ours:
            return sign
    return "wrong" if ours != theirs else ""


def reduce(tools, seed, keep):
    with tempfile.TemporaryDirectory() as directory:
        def attempt(skip):
            (path, _), = tools.generate(seed, 1, directory, sorted(skip)).items()
            found = tools.compare([path])
            return kind_of(*found[path]) if found else ""

        nodes, = tools.generate(seed, 1, directory).values()
        kind = attempt(())
        if kind in ("", "bad"):
            sys.exit(f"diff: seed {seed} does not fail ({kind})")
        skip, chunk = set(), max(1, nodes // 2)
        while True:
            before = len(skip)
            for start in range(0, nodes, chunk):
                more = set(range(start, min(start + chunk, nodes))) - skip
                if more and attempt(skip | more) == kind:
                    skip |= more
            if chunk > 1:
                chunk = max(1, chunk // 3)
            elif len(skip) == before:
                break
        (path, _), = tools.generate(seed, 1, directory, sorted(skip)).items()
        found = tools.compare([path])
        keep.mkdir(parents=True, exist_ok=True)
        out = keep / f"{seed}.wasm"
        out.write_bytes(pathlib.Path(path).read_bytes())
        print(f"{kind}: {out} ({out.stat().st_size} bytes)")
        print(first_difference(*found[path]))


def leb(number):
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes(out) + bytes([number])


def type_list(names):
    return leb(len(names)) + bytes(TYPES[name][0] for name in names)


def call_bytes(line):
    """`;; call FUNCTION TYPE:VALUE… -> TYPE…` as it stands in the section diff.calls."""
    function, *params = line.group(1).split()
    params = [param.split(":") for param in params]
    out = leb(int(function)) + type_list([name for name, _ in params])
    out += type_list((line.group(2) or "").split())
    for name, value in params:
        form = TYPES[name][1]
        number = float(value) if name[0] == "f" and name != "funcref" else int(value, 0)
        out += struct.pack(form, number)
    return out


def module_of_text(path, out):
    """Writes the module of a .wat, with its comments `;; call` as the calls to make, to `out`."""
    subprocess.run(["wat2wasm", "--enable-all", str(path), "-o", str(out)], check=True)
    calls = re.findall(r"^;; call .*$", path.read_text(), re.MULTILINE)
    lines = [re.fullmatch(r";; call (.*?)(?: -> (.*))?", call) for call in calls]
    if not lines:
        sys.exit(f"diff: {path} has no line `;; call`")
    section = leb(len("diff.calls")) + b"diff.calls" + leb(len(lines))
    section += b"".join(map(call_bytes, lines))
    with open(out, "ab") as module:
        module.write(b"\0" + leb(len(section)) + section)


def run_kept(tools, folder):
    """Compares on the modules kept in the folder."""
    with tempfile.TemporaryDirectory() as directory:
        paths = {}
        for path in sorted([*folder.glob("*.wat"), *folder.glob("*.wasm")]):
            out = pathlib.Path(directory) / f"{path.stem}.wasm"
            if path.suffix == ".wat":
                module_of_text(path, out)
            else:
                out.write_bytes(path.read_bytes())
            paths[str(out)] = path
        if not paths:
            sys.exit(f"diff: no modules in {folder}")
        failed = tools.compare(list(paths))
        for path, (ours, theirs) in failed.items():
            print(f"FAIL {paths[path]}: {kind_of(ours, theirs)}: {first_difference(ours, theirs)}")
    print(f"{len(paths) - len(failed)} passed, {len(failed)} failed")
    return 1 if failed else 0


def load_state(path, seed, count):
    if path and path.exists():
        state = json.loads(path.read_text())
        if state["count"] == count:
            print(f"going on behind {state['done']} of {count}")
            return state
    return {"seed": seed, "count": count, "done": 0, "failed": []}


def save_state(path, state):
    if path:
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        part.write_text(json.dumps(state))
        os.replace(part, path)


def run(tools, args):
    state = load_state(args.state, args.seed, args.count)
    print(f"seed {state['seed']}, {state['count']} modules", flush=True)
    while state["done"] < state["count"]:
        first = state["seed"] + state["done"]
        count = min(BATCH, state["count"] - state["done"])
        with tempfile.TemporaryDirectory() as directory:
            paths = list(tools.generate(first, count, directory))
            for path, (ours, theirs) in tools.compare(paths).items():
                seed = pathlib.Path(path).stem
                args.keep.mkdir(parents=True, exist_ok=True)
                (args.keep / f"{seed}.wasm").write_bytes(pathlib.Path(path).read_bytes())
                state["failed"].append(seed)
                print(f"FAIL seed {seed}: {kind_of(ours, theirs)}: "
                      f"{first_difference(ours, theirs)}\n"
                      f"  repeat: python3 tests/diff/diff.py --engine {tools.engine} "
                      f"--reduce {seed}", flush=True)
        state["done"] += count
        save_state(args.state, state)
        if len(state["failed"]) >= FAILURES_MOST:
            print(f"too many failures; stopped behind {state['done']} modules")
            state["count"] = state["done"]
    failed = len(state["failed"])
    if args.state:
        args.state.unlink(missing_ok=True)
    print(f"{state['count'] - failed} passed, {failed} failed")
    return 1 if failed else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--engine", default="build/release/tests/diff/diff_engine")
    parser.add_argument("--seed", type=int, default=random.getrandbits(48))
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--variants", default="2", help="other ways to compile each")
    parser.add_argument("--options", default="", help="for the engine, for instance --passes=-gvn")
    parser.add_argument("--state", type=pathlib.Path)
    parser.add_argument("--keep", type=pathlib.Path, default=pathlib.Path("build/diff-failures"))
    parser.add_argument("--reduce", type=int, metavar="SEED")
    parser.add_argument("--kept", type=pathlib.Path, metavar="FOLDER")
    args = parser.parse_args()
    if not os.access(args.engine, os.X_OK):
        sys.exit(f"diff: {args.engine} is not built: make MODE=release {args.engine}")
    tools = Tools(args.engine, [*args.options.split(), "--variants", args.variants])
    if args.kept:
        return run_kept(Tools(args.engine, [*args.options.split(), "--variants", EVERY_WAY]),
                        args.kept)
    if args.reduce is not None:
        return reduce(tools, args.reduce, args.keep)
    return run(tools, args)


if __name__ == "__main__":
    sys.exit(main())
