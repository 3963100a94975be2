#!/usr/bin/env python3
"""Writes the kernel's symbol table as assembly, from the output of a first link.

pc_symbols.py NM IMAGE > symbols.S     (layout: struct symbols in platform/pc/panic.c)
"""
import subprocess
import sys


def main():
    nm, image = sys.argv[1:3]
    text = subprocess.run([nm, "-n", image], check=True, capture_output=True, text=True).stdout
    start, functions = None, {}
    for line in text.splitlines():
        address, kind, name = line.split(None, 2)
        if name == "image_start":
            start = int(address, 16)
        elif kind in "tT" and name not in ("text_start", "text_end", "image_end"):
            functions.setdefault(int(address, 16), name)
    rows = sorted(functions.items())
    print('\t.section .symbols, "a"\n\t.balign 8\n\t.globl symbols_start\nsymbols_start:')
    print(f"\t.long {len(rows)}")
    at = 0
    for address, name in rows:
        print(f"\t.long {address - start:#x}, {at}")
        at += len(name) + 1
    for _, name in rows:
        print(f'\t.asciz "{name}"')
    print('\t.section .note.GNU-stack, "", @progbits')


main()
