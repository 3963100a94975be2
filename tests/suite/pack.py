#!/usr/bin/env python3
"""Packs the official test suite's JSON and modules into one binary archive.

usage: pack.py SPEC_DIR OUTPUT [GROUP...]

The archive is a plain sequence that tests/suite/archive.c reads front to back.
Little-endian; `str` is a u16 length and bytes; `names` is a u8 count and strs.

  archive  = "NBSUITE1" u32 file_count file*
  file     = u32 bytes_of_the_rest  str "GROUP/NAME"  str source  names features
             u32 command_count command*
  command  = u8 type u32 line payload
      MODULE, MODULE_DEFINITION    str name  module
      MODULE_INSTANCE              str instance  str module
      REGISTER                     str name  str as
      ACTION, ASSERT_RETURN        action  values
      ASSERT_TRAP, ASSERT_EXHAUSTION, ASSERT_EXCEPTION  action  str text
      other assertions             module  str text
  module   = u8 kind (0 binary, 1 text, 2 named definition)  names features
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
import struct
import sys

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
LANE_BITS = {"i8": 8, "i16": 16, "i32": 32, "i64": 64, "f32": 32, "f64": 64}


def text(value):
    data = (value or "").encode("utf-8", "surrogatepass")
    return struct.pack("<H", len(data)) + data


def names(values):
    return struct.pack("<B", len(values)) + b"".join(text(v) for v in values)


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


class File:
    def __init__(self, directory, entry):
        self.directory = directory
        self.entry = entry

    def module(self, command):
        if "module" in command and "filename" not in command:
            kind, data, features = KIND_NAMED, (command["module"] or "").encode(), []
        elif command.get("module_type") == "text":
            kind, data, features = KIND_TEXT, b"", []
        else:
            name = command["filename"]
            with open(os.path.join(self.directory, name), "rb") as source:
                data = source.read()
            kind = KIND_BINARY
            features = self.entry.get("module_features", {}).get(name, [])
            if not features and name in self.entry.get("needs_3.0", []):
                features = ["3.0"]
        return struct.pack("<B", kind) + names(features) + struct.pack("<I", len(data)) + data

    def command(self, command):
        kind = command["type"]
        head = struct.pack("<BI", COMMANDS.index(kind), command["line"])
        if kind in ("module", "module_definition"):
            return head + text(command.get("name")) + self.module(command)
        if kind == "module_instance":
            return head + text(command.get("instance")) + text(command.get("module"))
        if kind == "register":
            return head + text(command.get("name")) + text(command["as"])
        if kind in ("action", "assert_return"):
            return head + pack_action(command["action"]) + pack_values(command["expected"])
        if "action" in command:
            return head + pack_action(command["action"]) + text(command.get("text"))
        return head + self.module(command) + text(command.get("text"))


def pack_file(spec, name, entry):
    directory = os.path.join(spec, name)
    with open(os.path.join(directory, os.path.basename(name) + ".json")) as source:
        script = json.load(source)
    packer = File(directory, entry)
    commands = [packer.command(c) for c in script["commands"]]
    body = (text(name) + text(script["source_filename"]) + names(entry.get("features", [])) +
            struct.pack("<I", len(commands)) + b"".join(commands))
    return struct.pack("<I", len(body)) + body


def main():
    if len(sys.argv) < 3:
        sys.exit("usage: pack.py SPEC_DIR OUTPUT [GROUP...]")
    spec, output, groups = sys.argv[1], sys.argv[2], sys.argv[3:]
    try:
        with open(os.path.join(spec, "manifest.json")) as source:
            manifest = json.load(source)
    except OSError as error:
        sys.exit(f"pack.py: no test suite in {spec} ({error}); set NEBULET_SPEC_DIR")
    files = [n for n in sorted(manifest) if not groups or n.split("/")[0] in groups]
    archive = b"NBSUITE1" + struct.pack("<I", len(files))
    archive += b"".join(pack_file(spec, n, manifest[n]) for n in files)
    with open(output + ".part", "wb") as out:
        out.write(archive)
    os.replace(output + ".part", output)


if __name__ == "__main__":
    main()
