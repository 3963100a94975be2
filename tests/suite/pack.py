#!/usr/bin/env python3
"""Packs the official test suite's JSON and modules into one binary archive.

usage: pack.py SPEC_DIR NOT_APPLICABLE OUTPUT

NOT_APPLICABLE is not-applicable.txt, which explains itself; an entry of it that
no command matches is an error here, one that would pass is a failure of the run.

The archive is a plain sequence that tests/suite/archive.c reads front to back.
Little-endian; `str` is a u16 length and bytes.

  archive  = "NBSUITE2" u8 excuse_count excuse*  u32 file_count file*
  excuse   = u8 kind  str reason
  file     = u32 bytes_of_the_rest  str "GROUP/NAME"  str source
             u32 command_count command*
  command  = u8 type u32 line u8 excuse (0: must pass; else its number from 1) payload
      MODULE, MODULE_DEFINITION    str name  module
      MODULE_INSTANCE              str instance  str module
      REGISTER                     str name  str as
      ACTION, ASSERT_RETURN        action  values
      ASSERT_TRAP, ASSERT_EXHAUSTION, ASSERT_EXCEPTION  action  str text
      other assertions             module  str text
  module   = u8 kind (0 binary, 1 text, 2 named definition)
             u32 len bytes  (kind 2: the bytes are the definition's name)
  action   = u8 kind (0 invoke, 1 get)  str module  str field  values
  values   = u8 count value*
  value    = u8 type u8 how u64 bits
      v128:    ... u8 lane_count lane*, lane = u8 how u64 bits; bits of the value = lane bits
      EITHER:  ... values

An absent name is empty: no script of the suite names anything "".
"""
import json
import os
import re
import struct
import sys

# What the system takes part in; the other groups of the suite belong to features
# that it refuses by name.
GROUPS = [
    "core", "core-3.0", "extended-const", "tail-call", "multi-memory", "memory64",
    "relaxed-simd", "function-references", "threads", "custom-sections", "annotations",
]
COMMANDS = [
    "module", "module_definition", "module_instance", "register", "action",
    "assert_return", "assert_trap", "assert_exhaustion", "assert_exception",
    "assert_invalid", "assert_malformed", "assert_unlinkable", "assert_uninstantiable",
    "assert_invalid_custom", "assert_malformed_custom",
]
TYPES = [
    "i32", "i64", "f32", "f64", "v128", "externref", "funcref", "anyref", "eqref", "i31ref",
    "structref", "arrayref", "exnref", "nullref", "nullfuncref", "nullexternref", "nullexnref",
    "ref", "refnull", "either",
]
HOW_BITS, HOW_NAN_CANONICAL, HOW_NAN_ARITHMETIC, HOW_NULL, HOW_ANY = range(5)
KIND_BINARY, KIND_TEXT, KIND_NAMED = range(3)
EXCUSES = ["text", "feature", "after", "stale", "custom"]
LANE_BITS = {"i8": 8, "i16": 16, "i32": 32, "i64": 64, "f32": 32, "f64": 64}


def text(value):
    data = (value or "").encode("utf-8", "surrogatepass")
    return struct.pack("<H", len(data)) + data


def scalar(value):
    """The `how` and bits of a number, a NaN class, null or anything."""
    if value is None:
        return HOW_ANY, 0
    if value == "null":
        return HOW_NULL, 0
    if value == "nan:canonical":
        return HOW_NAN_CANONICAL, 0
    if value == "nan:arithmetic":
        return HOW_NAN_ARITHMETIC, 0
    return HOW_BITS, int(value)


def pack_value(value):
    kind = value["type"]
    if kind == "v128":
        lanes = [scalar(v) for v in value["value"]]
        out = struct.pack("<BBQB", TYPES.index(kind), HOW_BITS, LANE_BITS[value["lane_type"]],
                          len(lanes))
        return out + b"".join(struct.pack("<BQ", how, bits) for how, bits in lanes)
    if kind == "either":
        return struct.pack("<BBQ", TYPES.index(kind), HOW_BITS, 0) + pack_values(value["values"])
    how, bits = scalar(value.get("value"))
    return struct.pack("<BBQ", TYPES.index(kind), how, bits)


def pack_values(values):
    return struct.pack("<B", len(values)) + b"".join(pack_value(v) for v in values)


def pack_action(action):
    return (struct.pack("<B", ["invoke", "get"].index(action["type"])) +
            text(action.get("module")) + text(action["field"]) +
            pack_values(action.get("args", [])))


class Excuse:
    """One line of not-applicable.txt."""

    def __init__(self, where, words):
        self.where = where
        self.file, lines, self.kind, self.reason = words
        self.ranges = []
        for part in [] if lines == "*" else lines.split(","):
            first, _, last = part.partition("-")
            self.ranges.append((int(first), int(last or first)))
        self.unused = set(self.ranges) or {None}

    def covers(self, name, command):
        """Whether it speaks of this command."""
        if self.file not in ("*", name):
            return False
        hit = [r for r in self.ranges if r[0] <= command["line"] <= r[1]]
        if (self.ranges and not hit) or not self.fits(command):
            return False
        self.unused -= set(hit) or {None}
        return True

    def fits(self, command):
        """Whether the kind of excuse can apply to the kind of command."""
        is_text = command.get("module_type") == "text"
        if self.kind == "text":
            return is_text
        if self.kind == "custom":
            return command["type"].endswith("_custom") and not is_text
        if self.kind == "feature":
            return "filename" in command and not is_text
        return command["type"] != "register"


def read_excuses(path):
    excuses = []
    with open(path) as source:
        for number, line in enumerate(source, 1):
            words = line.split(None, 3)
            if not words or words[0].startswith("#"):
                continue
            where = f"{path}:{number}"
            if len(words) != 4 or words[2] not in EXCUSES or \
                    not re.fullmatch(r"\*|\d+(-\d+)?(,\d+(-\d+)?)*", words[1]):
                sys.exit(f"{where}: expected FILE LINES KIND REASON")
            excuses.append(Excuse(where, [w.strip() for w in words]))
    return excuses


class Packer:
    def __init__(self, spec, excuses):
        self.spec, self.excuses = spec, excuses
        self.table = list(dict.fromkeys((e.kind, e.reason) for e in excuses))

    def excuse(self, name, command):
        found = [e for e in self.excuses if e.covers(name, command)]
        if len(found) > 1:
            sys.exit(f"{found[1].where}: {name}:{command['line']} has an entry already "
                     f"({found[0].where})")
        return self.table.index((found[0].kind, found[0].reason)) + 1 if found else 0

    def module(self, name, command):
        if "module" in command and "filename" not in command:
            kind, data = KIND_NAMED, (command["module"] or "").encode()
        elif command.get("module_type") == "text":
            kind, data = KIND_TEXT, b""
        else:
            with open(os.path.join(self.spec, name, command["filename"]), "rb") as source:
                kind, data = KIND_BINARY, source.read()
        return struct.pack("<BI", kind, len(data)) + data

    def command(self, name, command):
        kind = command["type"]
        head = struct.pack("<BIB", COMMANDS.index(kind), command["line"],
                           self.excuse(name, command))
        if kind in ("module", "module_definition"):
            return head + text(command.get("name")) + self.module(name, command)
        if kind == "module_instance":
            return head + text(command.get("instance")) + text(command.get("module"))
        if kind == "register":
            return head + text(command.get("name")) + text(command["as"])
        if kind in ("action", "assert_return"):
            return head + pack_action(command["action"]) + pack_values(command["expected"])
        if "action" in command:
            return head + pack_action(command["action"]) + text(command.get("text"))
        return head + self.module(name, command) + text(command.get("text"))

    def file(self, name):
        path = os.path.join(self.spec, name, os.path.basename(name) + ".json")
        with open(path) as source:
            script = json.load(source)
        commands = [self.command(name, c) for c in script["commands"]]
        body = (text(name) + text(script["source_filename"]) +
                struct.pack("<I", len(commands)) + b"".join(commands))
        return struct.pack("<I", len(body)) + body

    def archive(self, names):
        files = b"".join(self.file(n) for n in names)
        unused = [e for e in self.excuses if e.unused]
        if unused:
            sys.exit("\n".join(f"{e.where}: no command of the suite matches " + ", ".join(
                "this" if r is None else f"{r[0]}-{r[1]}" for r in e.unused) for e in unused))
        table = [struct.pack("<B", EXCUSES.index(k)) + text(r) for k, r in self.table]
        return (b"NBSUITE2" + struct.pack("<B", len(table)) + b"".join(table) +
                struct.pack("<I", len(names)) + files)


def main():
    if len(sys.argv) != 4:
        sys.exit("usage: pack.py SPEC_DIR NOT_APPLICABLE OUTPUT")
    spec, not_applicable, output = sys.argv[1:]
    try:
        with open(os.path.join(spec, "manifest.json")) as source:
            manifest = json.load(source)
    except OSError as error:
        sys.exit(f"pack.py: no test suite in {spec} ({error}); set NEBULET_SPEC_DIR")
    names = sorted((n for n in manifest if n.split("/")[0] in GROUPS),
                   key=lambda n: (GROUPS.index(n.split("/")[0]), n))
    archive = Packer(spec, read_excuses(not_applicable)).archive(names)
    with open(output + ".part", "wb") as out:
        out.write(archive)
    os.replace(output + ".part", output)


if __name__ == "__main__":
    main()
