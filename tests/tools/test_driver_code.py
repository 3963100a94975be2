#!/usr/bin/env python3
"""The drivers' machine code: every access to a port is the bare instruction at a constant port of the
manifest, with no check around it; and what overreaches by other means than ports is refused."""
import pathlib
import re
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
TOOL = ROOT / "build/release/nebulet"
MODULES = ROOT / "build/guest/modules"
INSTRUCTION = re.compile(r"^ +[0-9a-f]+  ([^@]*?) *(?:@\d+)?$")
OF_2018 = ROOT / "build/guest/tests/abi/ports.wasm"
DRIVERS = sorted((MODULES / "drivers").glob("*.wasm")) + [MODULES / "bus.wasm", OF_2018]
NO_PORTS = {"block", "entropy"}


def tool(*words):
    return subprocess.run([TOOL, *words], capture_output=True, text=True, timeout=60)


def ranges(module):
    """The manifest's ports: port -> its modes."""
    found = {}
    for line in tool("manifest", "show", module).stdout.splitlines():
        if line.startswith("port "):
            _, first, count, mode = line.split("#")[0].split()
            for port in range(int(first, 0), int(first, 0) + int(count, 0)):
                found[port] = mode
    return found


def accesses(module):
    """Each `in` and `out` of the machine code: direction, port or None, the operand."""
    before = ""
    for line in tool("dump", "--asm", module).stdout.splitlines():
        match = INSTRUCTION.match(line)
        if not match:
            continue
        text = match[1].strip()
        name, _, operands = text.partition(" ")
        if name in ("in", "out"):
            first, second = operands.split(", ")
            operand = second if name == "in" else first
            constant = re.fullmatch(r"mov edx, (\w+)", before)
            if operand != "dx":
                yield name, int(operand, 0), text
            else:
                yield name, int(constant[1], 0) if constant else None, f"{before}; {text}"
        before = text


class DriverCode(unittest.TestCase):
    def test_bare(self):
        for module in DRIVERS:
            with self.subTest(module.stem):
                checked = tool("manifest", "check", module).stdout
                constants, computed = map(int, re.search(
                    r"(\d+) at constant ports, (\d+) at computed", checked).groups())
                found, allowed = list(accesses(module)), ranges(module)
                self.assertEqual(computed, 0)
                # Blocks may have been copied, and none has been lost.
                self.assertGreaterEqual(len(found), constants)
                self.assertEqual(bool(found), module.stem not in NO_PORTS)
                for direction, port, text in found:
                    self.assertIn(port, allowed, text)
                    self.assertIn("r" if direction == "in" else "w", allowed[port], text)

    def test_checks_are_seen(self):
        """What the test above looks for is there where a port is computed."""
        with tempfile.TemporaryDirectory() as folder:
            module = pathlib.Path(folder) / "computed.wasm"
            build(module, 'NEBULET_MANIFEST("name x", "port 0x60 4 r");',
                  "nb_port_read8((uint32_t)nb_random_fill(0, 0))")
            self.assertEqual([port for _, port, _ in accesses(module)], [None])

    def test_other_needs(self):
        """Calls that reach devices, and no line that says so."""
        cases = [("mmio", "nb_mmio_create(1, 0, 4096)", "nebulet.mmio_create"),
                 ("dma", "nb_dma_create(1, 4096, 0)", "nebulet.dma_create"),
                 ("irq", "nb_interrupt_create(1, 0)", "nebulet.interrupt_create"),
                 ("mmio", "physical_map(0xb8000, 4096)", "abi.physical_map"),
                 ("dma", "physical_alloc(4096, 0)", "abi.physical_alloc"),
                 ("irq", "interrupt_create(1, 1)", "abi.interrupt_create")]
        lines = {"mmio": "mmio 0xb8000 4K", "dma": "dma 4K", "irq": "irq 1"}
        with tempfile.TemporaryDirectory() as folder:
            module = pathlib.Path(folder) / "driver.wasm"
            for kind, call, name in cases:
                others = ", ".join(f'"{text}"' for key, text in lines.items() if key != kind)
                for manifest, words, status in (
                        ("", f"imports {name} but has no manifest", 1),
                        (f'NEBULET_MANIFEST("name x", {others});',
                         f'imports {name} but its manifest has no line "{kind}"', 1),
                        (f'NEBULET_MANIFEST("name x", "{lines[kind]}");', "", 0)):
                    with self.subTest(name + manifest):
                        build(module, manifest, call)
                        for words_of_tool in (("manifest", "check", module),
                                              ("compile", module, "-o", folder + "/x.nbo")):
                            result = tool(*words_of_tool)
                            self.assertEqual(result.returncode, status, result)
                            self.assertIn(words, result.stderr)


SOURCE = """
#include "nebulet.h"
#include "user/sdk/manifest.h"
#define OLD(name) __attribute__((import_module("abi"), import_name(#name)))
OLD(physical_map) int64_t physical_map(uint64_t address, uint32_t size);
OLD(physical_alloc) int64_t physical_alloc(uint32_t size, uint32_t *address);
OLD(interrupt_create) int64_t interrupt_create(uint32_t channel, uint32_t vector);
%s
__attribute__((export_name("_start"))) void start(void)
{
	nb_process_exit((int32_t)%s);
}
"""


def build(module, manifest, call):
    source = module.with_suffix(".c")
    source.write_text(SOURCE % (manifest, call))
    subprocess.run(["clang", "--target=wasm32", "-O2", "-ffreestanding", "-nostdlib",
                    "-Wl,--no-entry", f"-I{ROOT}", f"-I{ROOT}/build/gen/sdk", source,
                    "-o", module], check=True, timeout=60)


if __name__ == "__main__":
    unittest.main()
