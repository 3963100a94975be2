#!/usr/bin/env python3
"""Punctuality beside long kernel work: one process decodes, compiles and instantiates a module
made to keep the kernel busy, while another wakes up every 10 ms and is at most 12 ms late, in a
virtual machine whose time passes with instructions.

    tests/user/late.py
"""
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
NATIVE = ROOT / "build" / "guest" / "tests" / "native"
FUNCTIONS, TABLE_ENTRIES, ITEMS, EXPORTS, TYPES = 1000, 4 << 20, 1000000, 100000, 50000
MEMORY_PAGES, DATA_BYTES = 1024, 16 << 20
IMPORTS, GLOBALS = 300000, 300000


def leb(value):
    out = bytearray()
    while True:
        out.append(value & 0x7f | (0x80 if value > 0x7f else 0))
        value >>= 7
        if not value:
            return bytes(out)


def section(number, count, contents):
    contents = leb(count) + contents
    return bytes([number]) + leb(len(contents)) + contents


def some_type(number):
    """Different parameters for each number, none for 0."""
    params = bytearray()
    while number:
        params.append(0x7f - number % 4)
        number //= 4
    return b"\x60" + leb(len(params)) + bytes(params) + b"\0"


def heavy_module():
    """Much of everything that is cheap to write down."""
    exports = b"".join(leb(len(name)) + name + b"\0" + leb(i % FUNCTIONS)
                       for i, name in ((i, b"export number %d" % i) for i in range(EXPORTS)))
    # clock_get, of the type that comes last.
    one_import = b"\x07nebulet\x09clock_get\0" + leb(TYPES)
    items = b"".join(leb(i % FUNCTIONS) for i in range(ITEMS))
    return (b"\0asm\1\0\0\0" +
            section(1, TYPES + 1, b"".join(some_type(i) for i in range(TYPES)) +
                    b"\x60\1\x7f\1\x7e") +
            section(2, IMPORTS, one_import * IMPORTS) +
            section(3, FUNCTIONS, b"\0" * FUNCTIONS) +
            section(4, 1, b"\x70\0" + leb(TABLE_ENTRIES)) +
            section(5, 1, b"\0" + leb(MEMORY_PAGES)) +
            section(6, GLOBALS, b"\x7f\0\x41\0\x0b" * GLOBALS) +
            section(7, EXPORTS, exports) +
            section(9, 1, b"\0\x41\0\x0b" + leb(ITEMS) + items) +
            section(10, FUNCTIONS, b"\2\0\x0b" * FUNCTIONS) +
            section(11, 1, b"\0\x41\0\x0b" + leb(DATA_BYTES) + b"\x5a" * DATA_BYTES))


def main():
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(NATIVE / "hog.wasm", folder)
        (pathlib.Path(folder) / "heavy.wasm").write_bytes(heavy_module())
        command = [str(ROOT / "build" / "release" / "nebulet"), "run", "--pc", "--icount",
                   "--timeout", "200", "--dir", f"{folder}=/unused", str(NATIVE / "late.wasm")]
        done = subprocess.run(command, capture_output=True, text=True, timeout=230,
                              stdin=subprocess.DEVNULL, check=False)
    print(done.stdout + done.stderr, end="")
    found = re.fullmatch(r"wakeups (\d+) maximum (-?\d+) status (\d+)\n", done.stdout)
    if done.returncode or not found:
        sys.exit(f"late: the program failed with status {done.returncode}")
    wakeups, maximum_us, status = map(int, found.groups())
    problems = []
    if status:
        problems.append(f"the hog ended with status {status} (tests/user/programs/native/hog.c)")
    if wakeups < 20:
        problems.append(f"only {wakeups} wakeups: the hog was not busy")
    if maximum_us > 12000:
        problems.append(f"largest lateness is {maximum_us} us, more than 12000")
    for problem in problems:
        print(f"late: {problem}; again: tests/user/late.py")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
