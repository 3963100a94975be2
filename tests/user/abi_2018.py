#!/usr/bin/env python3
"""Holds the interface of 2018 against its table, and runs a small program for each call.

    tests/user/abi_2018.py hosted|pc          the table, and every program
    tests/user/abi_2018.py include MODULE...  programs as C, for one that starts them

The programs are tests/user/programs/abi/calls/CALL.c. What one prints is told by the lines
"Prints: ..." at its head; "Refused: ..." is the reason why it is not even started. In a virtual
machine one program (all.c) starts the others, so that they need one boot. Those with "Driver: ..." are
drivers as well, which the bus server starts for devices of QEMU, and log that line.
"""
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

import drivers

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
SOURCES = ROOT / "tests/user/programs/abi/calls"
PROGRAMS = ROOT / "build/guest/tests/abi"
PERSONALITY = ROOT / "build/guest/modules/abi.wasm"
TOOL = ROOT / "build/release/nebulet"
# What programs were built for: never to be changed.
TABLE = """
print (i32 i32) -> ()
exit (i64) -> (i64)
handle_close (i32) -> (i64)
handle_duplicate (i32 i32) -> (i64)
wasm_compile (i32 i32) -> (i64)
process_create (i32 i32) -> (i64)
process_start (i32) -> (i64)
channel_create (i32 i32) -> (i64)
channel_send (i32 i32 i32) -> (i64)
channel_recv (i32 i32 i32 i32) -> (i64)
stream_create (i32 i32) -> (i64)
stream_write (i32 i32 i32 i32) -> (i64)
stream_read (i32 i32 i32 i32) -> (i64)
event_create () -> (i64)
object_wait_one (i32 i32) -> (i64)
object_signal (i32 i32 i32) -> (i64)
physical_map (i64 i32) -> (i64)
physical_alloc (i32 i32) -> (i64)
read_port_u8 (i32) -> (i32)
write_port_u8 (i32 i32) -> ()
interrupt_create (i32 i32) -> (i64)
interrupt_ack (i32) -> (i64)
thread_spawn (i32 i32 i32) -> (i64)
thread_join (i32) -> (i64)
thread_yield () -> ()
pfex_acquire (i32) -> ()
pfex_release (i32) -> ()
random_fill (i32 i32) -> (i64)
cprng_fill (i32 i32) -> (i64)
"""
CALLS = dict(line.split(" ", 1) for line in TABLE.strip().splitlines())
NUMBER_TYPES = {0x7F: "i32", 0x7E: "i64", 0x7D: "f32", 0x7C: "f64"}


class Module:
    """The types of the functions that a WebAssembly binary imports and exports."""

    def __init__(self, path):
        self.data = pathlib.Path(path).read_bytes()
        self.at = 8
        self.types, self.functions, self.imports, self.exports = [], [], {}, {}
        read = {1: self.read_type, 2: self.read_import, 3: self.read_function,
                7: self.read_export}
        while self.at < len(self.data):
            section, length = self.byte(), self.number()
            end = self.at + length
            if section in read:
                for _ in range(self.number()):
                    read[section]()
            self.at = end

    def byte(self):
        self.at += 1
        return self.data[self.at - 1]

    def number(self):
        value = shift = 0
        while True:
            byte = self.byte()
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    def name(self):
        length = self.number()
        self.at += length
        return self.data[self.at - length:self.at].decode()

    def values(self):
        return f"({' '.join(NUMBER_TYPES[self.byte()] for _ in range(self.number()))})"

    def read_type(self):
        assert self.byte() == 0x60
        self.types.append(f"{self.values()} -> {self.values()}")

    def read_import(self):
        module, field, kind = self.name(), self.name(), self.byte()
        if kind == 0:
            self.functions.append(self.types[self.number()])
            self.imports[module, field] = self.functions[-1]
        elif kind == 3:
            self.at += 1
            self.byte()
        else:
            self.at += kind == 1
            for _ in range(1 + (self.number() & 1)):
                self.number()

    def read_function(self):
        self.functions.append(self.types[self.number()])

    def read_export(self):
        name, kind, index = self.name(), self.byte(), self.number()
        if kind == 0:
            self.exports[name] = self.functions[index]


def told(name, word):
    head = (SOURCES / f"{name}.c").read_text().split("*/")[0]
    return "".join(f"{line}\n" for line in re.findall(rf"(?m)^ \* {word}: (.*)$", head))


def run(platform, name):
    done = subprocess.run([TOOL, "run", f"--{platform}", PROGRAMS / f"{name}.wasm"],
                          stdin=subprocess.DEVNULL, capture_output=True, timeout=60, cwd=ROOT,
                          check=False)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


class Table(unittest.TestCase):
    def test_personality_offers_exactly_these(self):
        self.assertEqual(Module(PERSONALITY).exports, CALLS)

    def test_each_has_a_program_that_imports_it(self):
        self.assertEqual({source.stem for source in SOURCES.glob("*.c")}, set(CALLS))
        for name in CALLS:
            imports = Module(PROGRAMS / "calls" / f"{name}.wasm").imports
            self.assertIn(("abi", name), imports)
            for (module, field), kind in imports.items():
                self.assertEqual((module, CALLS[field]), ("abi", kind), (name, field))


class Programs(unittest.TestCase):
    platform = "hosted"

    def test_refused(self):
        names = [name for name in CALLS if told(name, "Refused")]
        self.assertEqual(names, ["physical_map", "physical_alloc", "read_port_u8",
                                 "write_port_u8", "interrupt_create"])
        for name in names:
            status, out, err = run(self.platform, f"calls/{name}")
            self.assertEqual((status, out), (126, ""), err)
            self.assertIn(told(name, "Refused").strip(), err)

    def test_one_by_one(self):
        if self.platform != "hosted":
            self.skipTest("all.c does it in one boot")
        for name in CALLS:
            if not told(name, "Refused"):
                self.assertEqual(run(self.platform, f"calls/{name}"),
                                 (0, told(name, "Prints"), ""), name)

    def test_all_in_one_boot(self):
        expected = "".join(told(name, "Prints") for name in sorted(CALLS))
        self.assertEqual(run(self.platform, "all"), (0, expected + "all\n", ""))


class Drivers(unittest.TestCase):
    """On a machine with the devices; the firmware is one that connects interrupt lines."""
    machine = ["-bios", "bios-256k.bin", "-device", "VGA", "-device", "edu", "-device", "edu",
               "-device", "edu"]

    def test_all_on_one_machine(self):
        names = [name for name in CALLS if told(name, "Driver")]
        self.assertEqual(names, ["physical_map", "physical_alloc", "interrupt_create",
                                 "interrupt_ack"])
        # Two of them end each time, and get what they had again.
        ending = ["physical_alloc", "interrupt_ack"]
        heard = names + ending * 3 + ["hostile"]
        modules = [PROGRAMS / f"calls/{name}.wasm" for name in names] + [PROGRAMS / "hostile.wasm"]
        with tempfile.TemporaryDirectory() as folder:
            machine = drivers.Machine(folder, "heard", modules, self.machine, heard, together=True)
            status, output = machine.run(90)
        self.assertEqual(status, 1, output)
        for name in names:
            line = f"{name}: {told(name, 'Driver').strip()}"
            self.assertGreaterEqual(output.count(line), heard.count(name), output)
        for ended in re.findall(r"bus: (.*) has ended", output):
            self.assertRegex(ended, f"({'|'.join(ending)}|hostile):", output)
        self.assertIn("hostile: errors only", output)
        self.assertIn("every page, handle, object and thread has come back", output)


    def test_memory_stays_until_the_device_is_reset(self):
        """What a driver had that did not last is its successor's; what one had that lasted, nobody's until
        another one that lasted has ended."""
        with tempfile.TemporaryDirectory() as folder:
            machine = drivers.Machine(folder, "heard", [PROGRAMS / "kept.wasm"],
                                      ["-bios", "bios-256k.bin", "-device", "edu"], ["kept"] * 10,
                                      together=True)
            # How long one lasted does not depend on what else the host does.
            machine.command.insert(1, "--icount")
            status, output = machine.run(90)
        self.assertEqual(status, 1, output)
        found = re.findall(r"kept: run (.) at (0x[0-9a-f]{16})", output)[:10]
        self.assertEqual([run for run, _ in found], list("0123456789"), output)
        first, second, third = ({address for _, address in part}
                                for part in (found[:4], found[4:8], found[8:]))
        self.assertEqual([len(first), len(second), len(third)], [1, 1, 1], found)
        self.assertNotEqual(first, second, output)
        self.assertNotEqual(second, third, output)
        self.assertIn("every page, handle, object and thread has come back", output)


def include(modules):
    modules = [path for path in modules if not told(pathlib.Path(path).stem, "Refused")]
    for number, path in enumerate(modules):
        data = ", ".join(map(str, pathlib.Path(path).read_bytes()))
        print(f"static const uint8_t bytes_{number}[] = {{ {data} }};")
    print("static const struct { const uint8_t *bytes; uint32_t len; } programs[] = {")
    for number in range(len(modules)):
        print(f"\t{{ bytes_{number}, sizeof bytes_{number} }},")
    print("};")


def main():
    if sys.argv[1] == "include":
        include(sys.argv[2:])
        return 0
    Programs.platform = sys.argv[1]
    if Programs.platform != "pc":
        globals().pop("Drivers")
    loader = unittest.TestLoader()
    suite = loader.loadTestsFromModule(sys.modules["__main__"])
    result = unittest.TextTestRunner(stream=sys.stdout, verbosity=2).run(suite)
    failed = len(result.failures) + len(result.errors)
    print(f"{result.testsRun - failed} passed, {failed} failed")
    return 1 if failed or not result.testsRun else 0


if __name__ == "__main__":
    sys.exit(main())
