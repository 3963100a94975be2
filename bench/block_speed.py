"""Drivers: what a block operation and an interrupt cost, in guest instructions."""
import os
import pathlib
import re
import sys
import tempfile

import measure

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "user"))
import drivers  # noqa: E402

INTERRUPT_BAR, INTERRUPT_REACH = 1500, 400


def counted(machine):
    machine.command[1:1] = ["--icount"]
    return machine


def numbers(pattern, output):
    found = re.search(pattern, output)
    if not found:
        raise measure.BenchError(f"no line '{pattern}' in:\n{output}")
    return [int(word) for word in found.groups()]


def interrupt_latency(args):
    """Instructions from an interrupt's arrival to its driver's next one: median and p99."""
    args.make("tool", "kernel", "ramdisk", "drivers", "build/guest/modules/drivers/latency.nbo",
              "build/guest/tests/native/disk.wasm")
    with tempfile.TemporaryDirectory() as folder:
        # The client only keeps the machine on: it sleeps nearly all the time.
        machine = counted(drivers.Machine(folder, "disk", ["latency"], (), ["kill=1000000"]))
        output = machine.run_until(": interrupt", 1, 60)
    median, high = numbers(r"interrupt (\d+) (\d+)", output)
    print(f"interrupt to the driver's next instruction: {median} median, {high} p99 "
          f"(bar {INTERRUPT_BAR}, reach {INTERRUPT_REACH})")
    return median, high


def bench_block(args):
    """Instructions a 4 KiB operation of a virtio disk, and from interrupt to driver."""
    args.make("tool", "kernel", "ramdisk", "drivers", "build/guest/modules/drivers/latency.nbo",
              "build/guest/tests/native/disk.wasm")
    with tempfile.TemporaryDirectory() as folder:
        image = pathlib.Path(folder) / "image"
        image.write_bytes(b"")
        os.truncate(image, 64 << 20)
        machine = counted(drivers.Machine(folder, "disk", ["block"], drivers.disk_options(image),
                                          ["fill=0/1"]))
        output = machine.run_until("milliseconds", 1, 240)
    client = numbers(r"instructions of a client (\d+)", output)[0]
    driver = numbers(r"instructions of the driver (\d+)", output)[0]
    median, high = interrupt_latency(args)
    print(f"4 KiB read or written, 32 under way: {driver} instructions in the driver, {client} in a "
          "client that also makes or checks the bytes")
    return {"driver": driver, "client": client, "interrupt": median, "interrupt_p99": high}
