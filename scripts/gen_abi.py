#!/usr/bin/env python3
"""Makes everything that follows from the tables in abi/.

  gen_abi.py --out DIR    writes DIR/sys_calls.h     prototypes of the kernel's sys_NAME functions
                                 DIR/sys_table.inc   dispatch table with the types linking checks
                                 DIR/sdk/nebulet.h   the SDK header
                                 DIR/sdk/nebulet_random.h  every call with arguments by kind
  gen_abi.py --update     rewrites the checked-in abi/listing.txt and docs/abi.md
  gen_abi.py --check      fails if those two differ from what the tables say

Run from anywhere; standard library only.
"""

import argparse
import difflib
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
NUMBER_KINDS = {
    "HANDLE": ("uint32_t", "i32"),
    "U32": ("uint32_t", "i32"),
    "I32": ("int32_t", "i32"),
    "U64": ("uint64_t", "i64"),
    "I64": ("int64_t", "i64"),
}
PLAIN_TARGETS = {"bytes": "void", "text": "char", "handles": "uint32_t", "u64": "uint64_t"}
RESULTS = {"I64": ("int64_t", "i64"), "U32": ("uint32_t", "i32"), "VOID": ("void", ""),
           "NORETURN": ("void", "")}
CLIENT_ONLY_OWN = ("client_", "port_")
# Besides calls that take addresses, those that mean the main instance or its memory otherwise, and those
# of which the main module has the manifest.
CLIENT_DIFFERS = {"thread_spawn", "memory_map", "mmio_create"}
MAX_PARAMETERS = 5


class Param:
    """One parameter of a call: `kind` as in calls.def, `target` of an address, name."""

    def __init__(self, text):
        match = re.fullmatch(r"(\w+)(?:\((\w+)\))?\s+(\w+)", text)
        if not match:
            sys.exit(f"calls.def: cannot read parameter '{text}'")
        self.kind, self.target, self.name = match.groups()
        self.is_address = self.kind in ("IN", "OUT", "INOUT")
        if not self.is_address and self.kind not in NUMBER_KINDS:
            sys.exit(f"calls.def: unknown kind '{self.kind}'")

    def wasm(self):
        return "i32" if self.is_address else NUMBER_KINDS[self.kind][1]

    def kernel(self):
        ctype = "uint32_t" if self.is_address else NUMBER_KINDS[self.kind][0]
        return f"{ctype} {self.name}"

    def sdk(self):
        if not self.is_address:
            return self.kernel()
        target = PLAIN_TARGETS.get(self.target, f"struct {self.target}")
        const = "const " if self.kind == "IN" else ""
        return f"{const}{target} *{self.name}"


class Call:
    def __init__(self, arguments):
        self.name, self.result, params, *text = arguments
        self.text = text[0]
        inner = params.strip()[1:-1].strip()
        self.params = [Param(p) for p in split_commas(inner)] if inner else []
        if len(self.params) > MAX_PARAMETERS:
            sys.exit(f"calls.def: {self.name} has more than {MAX_PARAMETERS} parameters")
        if self.result not in RESULTS:
            sys.exit(f"calls.def: {self.name}: unknown result '{self.result}'")

    def signature(self):
        params = " ".join(p.wasm() for p in self.params)
        return f"[{params}] -> [{RESULTS[self.result][1]}]"

    def in_client_namespace(self):
        return not self.name.startswith(CLIENT_ONLY_OWN)


def split_commas(text):
    """Splits at commas outside parentheses and strings; joins adjacent strings."""
    parts, depth, current, quoted = [], 0, "", False
    for char in text:
        if char == '"':
            quoted = not quoted
        if not quoted:
            depth += (char == "(") - (char == ")")
            if char == "," and depth == 0:
                parts.append(current.strip())
                current = ""
                continue
        current += char
    parts.append(current.strip())
    return [join_strings(p) for p in parts]


def join_strings(text):
    if not text.startswith('"'):
        return re.sub(r"\s+", " ", text)
    return "".join(re.findall(r'"([^"]*)"', text))


def strip_comments(text):
    return re.sub(r"/\*.*?\*/", lambda m: "\n" * m.group().count("\n"), text, flags=re.S)


def table(path, macro):
    """The argument lists of all macro(...) rows of a .def file."""
    text = strip_comments((ROOT / path).read_text())
    rows, at = [], 0
    while (start := text.find(macro + "(", at)) >= 0:
        at = start + len(macro) + 1
        depth, quoted, begin = 1, False, at
        while depth:
            char = text[at]
            if char == '"':
                quoted = not quoted
            if not quoted:
                depth += (char == "(") - (char == ")")
            at += 1
        rows.append(split_commas(text[begin : at - 1]))
    return rows


def sections(path):
    """calls.def's `---- title ----` comments: (position in rows, title)."""
    text = (ROOT / path).read_text()
    marks, count = [], 0
    for line in text.splitlines():
        if match := re.match(r"/\* ---- (.*) ---- \*/", line):
            marks.append((count, match.group(1)))
        count += line.startswith("NB_CALL(")
    return dict(marks)


SCALARS = {"uint8_t": 1, "uint16_t": 2, "uint32_t": 4, "int32_t": 4, "uint64_t": 8, "int64_t": 8}


def structures(path):
    """(name, [(offset, type, field, comment)], size) of every struct of fixed-size fields."""
    found = []
    for name, body in re.findall(r"^struct (nb_\w+) \{\n(.*?)^\};", (ROOT / path).read_text(),
                                 flags=re.S | re.M):
        fields, offset = [], 0
        for match in re.finditer(r"^\t(\w+) (\w+)(?:\[(\d+)\])?;[ \t]*(?:/\* (.*?) \*/)?", body,
                                 flags=re.M):
            ctype, field, count, comment = match.groups()
            size = SCALARS[ctype]
            if offset % size:
                sys.exit(f"{path}: padding before {name}.{field}")
            fields.append((offset, ctype + (f"[{count}]" if count else ""), field, comment or ""))
            offset += size * int(count or 1)
        found.append((name, fields, offset))
    return found


class Abi:
    def __init__(self):
        self.calls = [Call(row) for row in table("abi/calls.def", "NB_CALL")]
        self.sections = sections("abi/calls.def")
        self.statuses = table("abi/status.def", "NB_STATUS")
        self.traps = table("abi/trap.def", "NB_TRAP")
        self.rights = table("abi/rights.def", "NB_RIGHT")
        self.signals = table("abi/signals.def", "NB_SIGNAL")
        self.values = table("abi/values.def", "NB_VALUE")
        self.structs = structures("abi/types.h") + structures("abi/startup.h")
        names = [c.name for c in self.calls]
        if len(set(names)) != len(names):
            sys.exit("calls.def: a name occurs twice")
        known = {name for name, _, _ in self.structs}
        for call in self.calls:
            for param in call.params:
                if param.is_address and param.target not in known | set(PLAIN_TARGETS):
                    sys.exit(f"calls.def: {call.name}: no struct {param.target} in abi/types.h")


GENERATED = "/* Generated by scripts/gen_abi.py from abi/calls.def. */\n"


def kernel_header(abi):
    lines = [GENERATED + "#ifndef GEN_SYS_CALLS_H\n#define GEN_SYS_CALLS_H\n",
             '#include "abi/code_contract.h"\n', "#include <stdint.h>\n"]
    for call in abi.calls:
        params = ", ".join(["struct nb_vmctx *vmctx"] + [p.kernel() for p in call.params])
        noreturn = "_Noreturn " if call.result == "NORETURN" else ""
        lines.append(f"{noreturn}{RESULTS[call.result][0]} sys_{call.name}({params});")
    lines.append("\n#endif\n")
    return "\n".join(lines)


def kernel_table(abi):
    lines = [GENERATED + "/* Sorted by name. */"]
    for call in sorted(abi.calls, key=lambda c: c.name):
        types = ", ".join(f"WASM_{p.wasm().upper()}" for p in call.params) or "0"
        result = RESULTS[call.result][1] or "none"
        own = "false" if call.in_client_namespace() else "true"
        lines.append(f'SYS_CALL({call.name}, {len(call.params)}, ({types}), {result}, {own})')
    return "\n".join(lines) + "\n"


def wrap_comment(text, width=92):
    words, lines, line = text.split(), [], ""
    for word in words:
        if line and len(line) + 1 + len(word) > width:
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}" if line else word
    lines.append(line)
    return "/* " + "\n * ".join(lines) + " */"


def sdk_header(abi):
    out = [GENERATED + """/*
 * The native calls for modules written in C or C++ (clang --target=wasm32).
 *
 * nb_NAME passes addresses in the caller's memory 0. nb_client_NAME is the same
 * call of namespace nebulet:client, for personalities: its addresses are plain
 * numbers in memory 0 of the process's main instance. Only what a module uses
 * becomes an import.
 */
#ifndef NEBULET_H
#define NEBULET_H

#include "abi/startup.h"
#include "abi/status.h"
#include "abi/trap.h"
#include "abi/types.h"

#ifdef __cplusplus
extern "C" {
#endif

#define NB_IMPORT(name) __attribute__((import_module(NB_NAMESPACE), import_name(#name)))
#define NB_IMPORT_CLIENT(name) \\
	__attribute__((import_module(NB_NAMESPACE_CLIENT), import_name(#name)))
"""]
    for call in abi.calls:
        noreturn = " __attribute__((noreturn))" if call.result == "NORETURN" else ""
        result = RESULTS[call.result][0]
        params = ", ".join(p.sdk() for p in call.params) or "void"
        out.append(wrap_comment(call.text))
        out.append(f"NB_IMPORT({call.name}){noreturn}\n{result} nb_{call.name}({params});")
        if call.in_client_namespace() and (call.name in CLIENT_DIFFERS or
                                           any(p.is_address for p in call.params)):
            params = ", ".join(p.kernel() for p in call.params)
            out.append(f"NB_IMPORT_CLIENT({call.name}){noreturn}\n"
                       f"{result} nb_client_{call.name}({params});")
        out.append("")
    out.append("#ifdef __cplusplus\n}\n#endif\n\n#endif\n")
    return "\n".join(out)


def random_calls(abi):
    """Each call with arguments by kind, for programs that call at random."""
    out = [GENERATED + "/* NB_RANDOM_CALL(name, result, arguments); NB_ANY_* make the arguments. */"]
    for call in sorted(abi.calls, key=lambda c: c.name):
        if call.result == "NORETURN" or call.name.startswith("port_"):
            continue
        kinds = []
        for param in call.params:
            if param.is_address:
                kinds.append(f"(void *)NB_ANY_{param.kind}()")
            elif param.name == "deadline_ns":
                kinds.append("NB_ANY_DEADLINE()")
            else:
                kinds.append(f"NB_ANY_{param.kind}()")
        out.append(f"NB_RANDOM_CALL({call.name}, {call.result}, ({', '.join(kinds)}))")
    return "\n".join(out) + "\n"


def listing(abi):
    """Numbers, types and layouts without prose, one a line."""
    out = ["# What the binary interface promises: made by scripts/gen_abi.py --update.",
           "# A change of an existing line breaks programs; only additions are allowed."]
    out += [f"call {c.name} {c.signature()}{'' if c.in_client_namespace() else ' own'}"
            for c in sorted(abi.calls, key=lambda c: c.name)]
    out += [f"status {name} {number}" for name, number, _ in abi.statuses]
    out += [f"trap {name} {number}" for name, number, _ in abi.traps]
    out += [f"right {name} bit {bit}" for name, bit, _ in abi.rights]
    out += [f"signal {name} bit {bit}" for name, bit, _ in abi.signals]
    out += [f"value {group}_{name} {number}" for group, name, number, _ in abi.values]
    for name, fields, size in abi.structs:
        out.append(f"struct {name} size {size}")
        out += [f"field {name}.{field} {ctype} at {offset}" for offset, ctype, field, _ in fields]
    return "\n".join(out) + "\n"


def markdown_table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    lines += ["| " + " | ".join(str(cell).replace("|", "\\|") for cell in row) + " |"
              for row in rows]
    return "\n".join(lines) + "\n"


REFERENCE_HEAD = """# Native calls

Made by `scripts/gen_abi.py --update` from the tables in `abi/`; edit those. Modules import
these functions from the namespace `nebulet`; addresses are then offsets in memory 0 of the
importing instance. Personalities may import the same names from `nebulet:client` (all but
those that begin with `client_` or `port_`): addresses then mean memory 0 of the process's main
instance, found anew at each call. In C, include `nebulet.h` (`user/sdk`).

- A call that can fail returns `i64`: 0 or more is the value, less is minus a status number.
- Addresses are checked first: a range outside the memory is INVALID_ADDRESS, whatever else is
  wrong. Then come handles (BAD_HANDLE, WRONG_TYPE), rights (ACCESS_DENIED, shown in brackets) and
  the other arguments. A call that fails has changed nothing except where its text says so.
- Deadlines are absolute nanoseconds of the monotonic clock: 0 polls, the largest `i64` waits for
  ever. A blocking call returns CANCELED when its process is ending.
- A linker compares types exactly; an import of another type is UNLINKABLE and the diagnostic
  shows both.
- Handles are numbers with a generation: the number of a closed handle stays BAD_HANDLE for at
  least some million further openings.
"""


def reference(abi):
    out = [REFERENCE_HEAD]
    for index, call in enumerate(abi.calls):
        if index in abi.sections:
            out.append(f"## Calls: {abi.sections[index]}\n")
        params = ", ".join(f"{p.name} {p.wasm()}" for p in call.params)
        result = RESULTS[call.result][1]
        arrow = f" → {result}" if result else ""
        out.append(f"### `{call.name}({params}){arrow}`\n")
        addresses = [f"`{p.name}`: {p.kind.lower()} {p.target}" for p in call.params if p.is_address]
        if addresses:
            out.append("Addresses: " + "; ".join(addresses) + ".\n")
        out.append(call.text + "\n")
    out.append("## Status numbers\n")
    out.append(markdown_table(("name", "number", "meaning"), abi.statuses))
    out.append("## Traps\n\nA program that traps ends with status 128 + number.\n")
    out.append(markdown_table(("name", "number", "meaning"), abi.traps))
    out.append("## Rights\n")
    out.append(markdown_table(("name", "bit", "lets the holder"), abi.rights))
    out.append("## Signals\n")
    out.append(markdown_table(("name", "bit", "meaning"), abi.signals))
    out.append("## Other numbers\n")
    out.append(markdown_table(("name", "number", "meaning"),
                              [(f"NB_{g}_{n}", v, t) for g, n, v, t in abi.values]))
    out.append("## Structures\n")
    for name, fields, size in abi.structs:
        out.append(f"### `struct {name}` ({size} bytes)\n")
        out.append(markdown_table(("offset", "type", "field", "meaning"), fields))
    return "\n".join(out).rstrip() + "\n"


def write_if_changed(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists() or path.read_text() != text:
        path.write_text(text)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=pathlib.Path, metavar="DIR")
    parser.add_argument("--update", action="store_true")
    parser.add_argument("--check", action="store_true")
    args = parser.parse_args()
    if not (args.out or args.update or args.check):
        parser.error("say --out DIR, --update or --check")
    abi = Abi()
    checked_in = {ROOT / "abi/listing.txt": listing(abi), ROOT / "docs/abi.md": reference(abi)}
    if args.out:
        write_if_changed(args.out / "sys_calls.h", kernel_header(abi))
        write_if_changed(args.out / "sys_table.inc", kernel_table(abi))
        write_if_changed(args.out / "sdk/nebulet.h", sdk_header(abi))
        write_if_changed(args.out / "sdk/nebulet_random.h", random_calls(abi))
    if args.update:
        for path, text in checked_in.items():
            write_if_changed(path, text)
    failed = False
    if args.check:
        for path, text in checked_in.items():
            old = path.read_text() if path.exists() else ""
            name = str(path.relative_to(ROOT))
            diff = list(difflib.unified_diff(old.splitlines(), text.splitlines(), name,
                                             "the tables in abi/", lineterm=""))
            failed |= bool(diff)
            print("\n".join(diff[:60]), end="\n" if diff else "")
        if failed:
            print("abi: run scripts/gen_abi.py --update, and mind that promises are kept")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
