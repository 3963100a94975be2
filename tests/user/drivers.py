#!/usr/bin/env python3
"""Drivers on a whole machine: the bus server starts them for the devices that QEMU has, a
client asks their services, and what it prints is compared with what QEMU's side saw.

    tests/user/drivers.py [NAME...]    e.g. ports
"""
import pathlib
import socket
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
TOOL = ROOT / "build/release/nebulet"
MODULES = ROOT / "build/guest/modules"
CLIENTS = ROOT / "build/guest/tests/native"


def services(client):
    return (f"bus lib/bus.nbo always ramdisk root services services-server ports:0xcf8:8\n"
            f"client lib/{client}.nbo always system console services\n")


class Machine:
    """A kernel in QEMU with a RAM disk of the bus server, drivers and one client."""

    def __init__(self, folder, client, drivers, extra=()):
        self.folder = pathlib.Path(folder)
        files = {"boot/init.nbo": MODULES / "init.nbo", "lib/bus.nbo": MODULES / "bus.nbo"}
        artifact = self.folder / f"{client}.nbo"
        subprocess.run([TOOL, "compile", CLIENTS / f"{client}.wasm", "-o", artifact], check=True)
        files[f"lib/{client}.nbo"] = artifact
        (self.folder / "services").write_text(services(client))
        (self.folder / "drivers").write_text("".join(f"drivers/{d}.nbo\n" for d in drivers))
        files["etc/services"] = self.folder / "services"
        files["etc/drivers"] = self.folder / "drivers"
        for driver in drivers:
            files[f"drivers/{driver}.nbo"] = MODULES / "drivers" / f"{driver}.nbo"
        ramdisk = self.folder / "ramdisk.tar"
        subprocess.run([TOOL, "pack", "-o", ramdisk] + [f"{k}={v}" for k, v in files.items()],
                       check=True)
        self.command = [ROOT / "scripts/qemu.sh", "--ramdisk", ramdisk, "--memory", "512M",
                        "--append", "log=debug",
                        ROOT / "build/release/nebulet.elf", "--", *extra]

    def run(self, timeout=60):
        done = subprocess.run(self.command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=timeout, check=False)
        return done.returncode, done.stdout.decode(errors="replace")


def expect(condition, what, output):
    if not condition:
        print(output)
        sys.exit(f"drivers.py: {what}")


def lines_of(output):
    """What the client printed: NAME -> the rest of the line."""
    found = {}
    for line in output.splitlines():
        words = line.strip().split(" ")
        for cut in (2, 1):
            if len(words) > cut:
                found[" ".join(words[:cut])] = " ".join(words[cut:])
    return found


class SerialPeer:
    """The host's end of the third serial port: answers what comes with what it is given."""

    def __init__(self, path, answer):
        self.got = b""
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(path))
        self.listener.listen(1)
        self.answer = answer
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        connection, _ = self.listener.accept()
        while data := connection.recv(4096):
            self.got += data
            if self.got.endswith(b"\n"):
                connection.sendall(self.answer)


def test_ports(folder):
    """The clock and a serial port: by bare port accesses and interrupts of ISA lines."""
    path = pathlib.Path(folder) / "serial"
    peer = SerialPeer(path, b"good day")
    machine = Machine(folder, "devices", ["clock", "serial"],
                      ["-chardev", f"socket,id=third,path={path}",
                       "-device", "isa-serial,index=2,iobase=0x3e8,irq=5,chardev=third"])
    status, output = machine.run()
    now = time.time()
    found = lines_of(output)
    expect(status == 1, f"exit status {status}", output)
    expect(found.get("nobody") == "14", "an unknown service did not give PEER_CLOSED", output)
    expect(abs(int(found["clock tells"]) - now) < 60, "the clock is wrong", output)
    expect(found["clock ticks"] == "1", "the clock does not tick by seconds", output)
    expect(800 < int(found["clock milliseconds"]) < 1500, "a second is not a second", output)
    expect(found["serial"].startswith("0") or found["serial got"], "no serial port", output)
    expect(found["serial got"] == "good day", "the serial port received something else", output)
    expect(peer.got == b"hello from a driver\n", f"the host got {peer.got!r}", output)


def test_entropy(folder):
    """virtio-rng: PCI, registers in memory, messages, DMA. The host's bytes are known ones."""
    source = pathlib.Path(folder) / "bytes"
    source.write_bytes(b"\x01\x03\x07\x0f" * 65536)  # 10 of 32 bits
    machine = Machine(folder, "devices", ["clock", "entropy"],
                      ["-object", f"rng-random,id=r,filename={source}",
                       "-device", "virtio-rng-pci,rng=r"])
    status, output = machine.run()
    found = lines_of(output)
    expect(status == 1, f"exit status {status}", output)
    expect(found.get("entropy ones") == str(6400 * 10 // 4), "other bytes than the host's", output)
    expect("virtio-rng may use DMA" in output, "DMA was granted and nobody said so", output)


TESTS = {"ports": test_ports, "entropy": test_entropy}


def main():
    names = sys.argv[1:] or list(TESTS)
    for name in names:
        with tempfile.TemporaryDirectory() as folder:
            TESTS[name](folder)
        print(f"ok   drivers {name}")
    print(f"{len(names)} passed, 0 failed")


if __name__ == "__main__":
    main()
