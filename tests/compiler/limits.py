#!/usr/bin/env python3
"""Compiles and runs modules that are extreme in one way each.

usage: limits.py RUNNER [NAME...]

RUNNER is suite-hosted. Nesting, parameters, live values, br_table targets and
plain size near their limits must neither take long nor give wrong results; a
frame of hundreds of kilobytes must still find the end of the stack.
"""
import json
import os
import random
import struct
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
I32, I64, F32, F64 = 0x7F, 0x7E, 0x7D, 0x7C
NAMES = {I32: "i32", I64: "i64", F32: "f32", F64: "f64"}
SECONDS = 60


def uleb(n):
    out = bytearray()
    while n > 0x7F:
        out.append(n & 0x7F | 0x80)
        n >>= 7
    return bytes(out) + bytes([n])


def sleb(n):
    out = bytearray()
    while not -64 <= n < 64:
        out.append(n & 0x7F | 0x80)
        n >>= 7
    return bytes(out) + bytes([n & 0x7F])


def i32(n):
    return b"\x41" + sleb(n)


def i64(n):
    return b"\x42" + sleb(n)


def get(n):
    return b"\x20" + uleb(n)


def put(n):
    return b"\x21" + uleb(n)


def vector(items):
    items = list(items)
    return uleb(len(items)) + b"".join(items)


def section(number, body):
    return bytes([number]) + uleb(len(body)) + body


def module(types, funcs):
    """funcs: (type, [(count, local type)], code); the last one is exported as "f"."""
    def signature(params, results):
        return b"\x60" + vector(bytes([t]) for t in params) + vector(bytes([t]) for t in results)

    def body(local_groups, code):
        inner = vector(uleb(n) + bytes([t]) for n, t in local_groups) + code + b"\x0b"
        return uleb(len(inner)) + inner

    return (b"\0asm\x01\0\0\0" + section(1, vector(signature(*t) for t in types)) +
            section(3, vector(uleb(t) for t, _, _ in funcs)) + section(5, b"\x01\x00\x01") +
            section(7, b"\x01\x01f\x00" + uleb(len(funcs) - 1)) +
            section(10, vector(body(groups, code) for _, groups, code in funcs)))


TO_F64 = {I32: b"\xb7", I64: b"\xb9", F32: b"\xbb", F64: b""}


def wide():
    """1000 parameters, returned as 1000 results in reverse order."""
    rng = random.Random(5)
    params = [rng.choice(list(NAMES)) for _ in range(1000)]
    results = params[::-1]
    arguments, total = b"", 0.0
    for i, t in enumerate(params):
        if t in (I32, I64):
            arguments += (i32 if t == I32 else i64)((i * 7 + 1) % 1000)
            total += (i * 7 + 1) % 1000
        else:
            arguments += b"\x43" + struct.pack("<f", i / 2) if t == F32 else \
                b"\x44" + struct.pack("<d", i / 4)
            total += i / 2 if t == F32 else i / 4
    weigh = b"".join(TO_F64[t] + get(0) + b"\xa0" + put(0) for t in reversed(results))
    reverse = b"".join(get(i) for i in reversed(range(1000)))
    bits = struct.unpack("<Q", struct.pack("<d", total))[0]
    return (module([(params, results), ([], [F64])],
                   [(0, [], reverse), (1, [(1, F64)], arguments + b"\x10\x00" + weigh + get(0))]),
            [([], F64, bits)])


def frame():
    """49000 values live over a call: a frame of 400 KB, and recursion in it."""
    count = 49000
    code = b"".join(get(0) + i64(i) + b"\x7c" + put(1 + i) for i in range(count))
    code += get(0) + b"\x50\x45\x04\x40" + get(0) + i64(1) + b"\x7d\x10\x00\x1a\x0b" + i64(0)
    code += b"".join(get(1 + i) + b"\x7c" for i in range(count))
    total = count * (count - 1) // 2
    return (module([([I64], [I64])], [(0, [(count, I64)], code)]),
            [([(I64, 0)], I64, total), ([(I64, 3)], I64, total + 3 * count),
             ([(I64, 100000)], None, "call stack exhausted")])


def table():
    """A br_table of 300000 targets."""
    count = 300000
    code = b"\x02\x40" * 3 + get(0) + b"\x0e" + vector(uleb(i % 3) for i in range(count)) + uleb(2)
    code += b"\x0b" + i32(10) + b"\x0f\x0b" + i32(20) + b"\x0f\x0b" + i32(30)
    return (module([([I32], [I32])], [(0, [], code)]),
            [([(I32, n)], I32, (10, 20, 30)[n % 3] if n < count else 30)
             for n in (0, 1, 2, 3, count - 1, count, 0xFFFFFFFF)])


def nested_blocks():
    depth = 100000
    code = b"\x02\x40" * depth + get(0) + b"\x0d" + uleb(depth - 1) + b"\x0b" * depth + get(0)
    return module([([I32], [I32])], [(0, [], code)]), [([(I32, 7)], I32, 7), ([(I32, 0)], I32, 0)]


def nested_ifs():
    depth = 30000
    code = (get(0) + b"\x04\x40") * depth + get(0) + i32(1) + b"\x6a" + put(0) + b"\x0b" * depth
    return (module([([I32], [I32])], [(0, [], code + get(0))]),
            [([(I32, 7)], I32, 8), ([(I32, 0)], I32, 0)])


def nested_loops():
    depth = 20000
    leave = get(0) + i32(5) + b"\x48\x0d\x00\x0b"
    code = b"\x03\x40" * depth + get(0) + i32(1) + b"\x6a" + put(0) + leave * depth + get(0)
    return module([([I32], [I32])], [(0, [], code)]), [([(I32, 0)], I32, 5), ([(I32, 9)], I32, 10)]


def straight():
    """Six megabytes without a branch."""
    count = 400000
    code = b"".join(i32(4 * i % 65536) + get(0) + i32(i) + b"\x6c\x36\x02\x00" for i in range(count))
    return (module([([I32], [I32])], [(0, [], code + i32(0) + b"\x28\x02\x00")]),
            [([(I32, 3)], I32, 3 * ((count - 1) // 16384 * 16384))])


def branches():
    """Many joins, each with a value that may have changed."""
    count = 60000
    code = b"".join(get(0) + i32(i) + b"\x46\x04\x40" + get(1) + i32(i + 1) + b"\x6a" + put(1) +
                    b"\x0b" for i in range(count))
    return (module([([I32], [I32])], [(0, [(1, I32)], code + get(1))]),
            [([(I32, 77)], I32, 78), ([(I32, count)], I32, 0)])


CASES = (wide, frame, table, nested_blocks, nested_ifs, nested_loops, straight, branches)


def script(name, calls):
    commands = [{"type": "module", "line": 1, "filename": name + ".wasm"}]
    for line, (arguments, result, value) in enumerate(calls, 2):
        action = {"type": "invoke", "field": "f",
                  "args": [{"type": NAMES[t], "value": str(v)} for t, v in arguments]}
        command = {"type": "assert_return", "line": line, "action": action}
        if result is None:
            command.update(type="assert_exhaustion", text=value)
        else:
            command["expected"] = [{"type": NAMES[result], "value": str(value)}]
        commands.append(command)
    return {"source_filename": name, "commands": commands}


def main():
    runner, wanted = sys.argv[1], sys.argv[2:]
    failed = 0
    for case in CASES:
        name = case.__name__
        if wanted and name not in wanted:
            continue
        binary, calls = case()
        with tempfile.TemporaryDirectory() as spec:
            directory = os.path.join(spec, "core", name)
            os.makedirs(directory)
            with open(os.path.join(directory, name + ".wasm"), "wb") as file:
                file.write(binary)
            with open(os.path.join(directory, name + ".json"), "w") as file:
                json.dump(script(name, calls), file)
            with open(os.path.join(spec, "manifest.json"), "w") as file:
                json.dump({"core/" + name: {"features": []}}, file)
            archive = os.path.join(spec, "archive")
            pack = os.path.join(ROOT, "tests", "suite", "pack.py")
            subprocess.run([sys.executable, pack, spec, os.devnull, archive], check=True)
            try:
                run = subprocess.run([runner, archive], timeout=SECONDS, capture_output=True,
                                     text=True)
                good, text = run.returncode == 0, run.stdout + run.stderr
            except subprocess.TimeoutExpired:
                good, text = False, "longer than %d s\n" % SECONDS
        failed += not good
        if not good:
            print("FAIL %s; repeat: %s %s %s\n%s" % (name, sys.argv[0], runner, name, text[-2000:]))
    total = len(wanted) or len(CASES)
    print("%d passed, %d failed" % (total - failed, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
