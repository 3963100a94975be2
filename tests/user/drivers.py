#!/usr/bin/env python3
"""Drivers on a whole machine: the bus server starts them for the devices that QEMU has, a
client asks their services, and what it prints is compared with what QEMU's side saw.

    tests/user/drivers.py [NAME...]    e.g. ports
"""
import os
import pathlib
import re
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


def services(client, arguments, together):
    lines = ["bus lib/bus.nbo always restart ramdisk root services services-server kept kept-server "
             "ports:0xcf8:8"]
    for words in [arguments] if together else [[argument] for argument in arguments]:
        lines.append(f"{client} lib/{client}.nbo always system console services " +
                     " ".join(f"arg={word}" for word in words))
    return "\n".join(lines) + "\n"


class Machine:
    """A kernel in QEMU with a RAM disk of the bus server, drivers, and a client for each argument, or
    one for all of them together. Drivers are names, or modules that are not among the project's."""

    def __init__(self, folder, client, drivers, extra=(), arguments=("-",), together=False):
        self.folder, self.extra = pathlib.Path(folder), extra
        files = {"boot/init.nbo": MODULES / "init.nbo", "lib/bus.nbo": MODULES / "bus.nbo"}
        artifact = self.folder / f"{client}.nbo"
        subprocess.run([TOOL, "compile", CLIENTS / f"{client}.wasm", "-o", artifact], check=True)
        files[f"lib/{client}.nbo"] = artifact
        (self.folder / "services").write_text(services(client, arguments, together))
        (self.folder / "drivers").write_text("".join(f"drivers/{pathlib.Path(d).stem}.nbo\n"
                                                     for d in drivers))
        files["etc/services"] = self.folder / "services"
        files["etc/drivers"] = self.folder / "drivers"
        for driver in drivers:
            artifact = MODULES / "drivers" / f"{driver}.nbo"
            if isinstance(driver, pathlib.Path):
                artifact = self.folder / f"{driver.stem}.nbo"
                subprocess.run([TOOL, "compile", driver, "-o", artifact], check=True)
                files["lib/abi.nbo"] = MODULES / "abi.nbo"
            files[f"drivers/{pathlib.Path(driver).stem}.nbo"] = artifact
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


    def run_until(self, text, count, timeout):
        """Runs until that text came so often, and ends the machine."""
        machine = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.STDOUT)
        killer = threading.Timer(timeout, machine.kill)
        killer.start()
        output = b""
        while output.count(text.encode()) < count and (line := machine.stdout.readline()):
            output += line
            if b"failed" in line:
                break
        killer.cancel()
        machine.terminate()
        machine.wait()
        return output.decode(errors="replace")


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


def test_line(folder):
    """Two devices that share one of PCI's interrupt lines, which is asserted until they are served: a
    virtio-rng and a disk without messages. The BIOS says which line it is; theirs is the same,
    four slots apart."""
    source = pathlib.Path(folder) / "bytes"
    source.write_bytes(b"\x01\x03\x07\x0f" * 65536)
    image = pathlib.Path(folder) / "image"
    image.write_bytes(b"")
    os.truncate(image, 64 << 20)
    machine = Machine(folder, "devices", ["clock", "entropy", "block"],
                      ["-bios", "bios-256k.bin", "-object", f"rng-random,id=r,filename={source}",
                       "-device", "virtio-rng-pci,rng=r,vectors=0,addr=4",
                       "-drive", f"if=none,id=d,format=raw,file={image}",
                       "-device", "virtio-blk-pci,drive=d,vectors=0,addr=8"])
    status, output = machine.run()
    found = lines_of(output)
    expect(status == 1, f"exit status {status}", output)
    expect(found.get("entropy ones") == str(6400 * 10 // 4), "other bytes than the host's", output)
    lines = re.findall(r"virtio-(?:rng|blk): interrupts by line (\d+)", output)
    expect(len(lines) == 2 and lines[0] == lines[1], "they do not share a line", output)
    machine = Machine(folder, "disk", ["entropy", "block"], machine.extra, ["fill=0/16"])
    output = machine.run_until("milliseconds", 1, 120)
    expect("blocks written and read" in output, "the disk does not work by its line", output)
    bytes_ = image.read_bytes()
    for number in range(len(bytes_) // 4096 // 16):
        expect(bytes_[number * 4096:(number + 1) * 4096] == pattern(number),
               f"block {number} of the image is wrong", output)


def test_pci(folder):
    """Configuration by registers on one chipset and by ports on the older one, and a device behind a
    bridge. The same driver finds its device and gets the host's bytes."""
    source = pathlib.Path(folder) / "bytes"
    source.write_bytes(b"\x01\x03\x07\x0f" * 65536)
    rng = ["-object", f"rng-random,id=r,filename={source}", "-device", "virtio-rng-pci,rng=r"]
    bridge = ["-bios", "bios-256k.bin", "-device", "pcie-root-port,id=bridge,chassis=1"]
    for way, options in (("registers", rng),
                         ("registers", bridge + rng[:-1] + [rng[-1] + ",bus=bridge"]),
                         ("ports", ["-machine", "pc", "-bios", "bios-256k.bin"] + rng)):
        status, output = Machine(folder, "devices", ["clock", "entropy"], options).run()
        expect(status == 1, f"exit status {status}", output)
        expect(f"PCI: configured by {way}" in output, f"not by {way}", output)
        expect(lines_of(output).get("entropy ones") == str(6400 * 10 // 4),
               "other bytes than the host's", output)


def disk_options(image):
    return ["-drive", f"if=none,id=d,format=raw,file={image}",
            "-device", "virtio-blk-pci,drive=d"]


def pattern(number):
    """What tests/user/programs/native/disk.c fills block `number` with."""
    mask = (1 << 64) - 1
    value, step = number * 0x9e3779b97f4a7c15 & mask, 0x0123456789abcdef
    return b"".join(((value + i * step) & mask).to_bytes(8, "little") for i in range(1, 513))


def run_fill(folder, parts):
    image = pathlib.Path(folder) / "image"
    image.write_bytes(b"")
    os.truncate(image, 64 << 20)
    machine = Machine(folder, "disk", ["block"], disk_options(image),
                      [f"fill={part}/{parts}" for part in range(parts)])
    # The bus server, which never ends, keeps the machine on.
    output = machine.run_until("milliseconds", parts, 120)
    expect(output.count("blocks written and read") == parts, "not all parts were written", output)
    bytes_ = image.read_bytes()
    for number in range(len(bytes_) // 4096):
        expect(bytes_[number * 4096:(number + 1) * 4096] == pattern(number),
               f"block {number} of the image is wrong", output)
    print("     " + ", ".join(re.findall(r"milliseconds \d+", output)))


def test_disk(folder):
    """One client writes and reads back a disk of 64 MiB, 32 requests deep."""
    run_fill(folder, 1)


def test_clients(folder):
    """Four clients at once, each its part of the disk."""
    run_fill(folder, 4)


def test_killed(folder, kills=100):
    """The driver is killed under a client that writes and checks."""
    image = pathlib.Path(folder) / "image"
    image.write_bytes(b"")
    os.truncate(image, 64 << 20)
    machine = Machine(folder, "disk", ["block"], disk_options(image),
                      [f"keep={kills // 8 + 2}", f"kill={kills}"])
    status, output = machine.run(kills)
    found = lines_of(output)
    expect(status == 1, f"exit status {status}", output)
    expect(f"killed {kills}" in output, "the driver was not killed as often", output)
    expect(int(found["reconnects"]) > kills // 4, "too few reconnects", output)
    expect("every page, handle, object and thread has come back" in output, "a leak", output)
    print("     " + re.search(r"operations \d+", output)[0] + ", " +
          re.search(r"longest recovery.*", output)[0].strip())


def test_bus(folder, kills=20):
    """The bus server is killed, and with it its drivers go; and drivers besides."""
    image = pathlib.Path(folder) / "image"
    image.write_bytes(b"")
    os.truncate(image, 64 << 20)
    machine = Machine(folder, "disk", ["block", "clock"], disk_options(image),
                      [f"keep={kills // 3 + 3}", f"bus={kills}", f"kill={kills}"])
    status, output = machine.run(60 + 2 * kills)
    found = lines_of(output)
    expect(status == 1, f"exit status {status}", output)
    expect(output.count(f"killed {kills}") == 2, "not killed as often", output)
    expect(int(found["reconnects"]) > kills // 2, "too few reconnects", output)
    expect("ended the drivers of a predecessor" in output, "no bus server took over", output)
    expect("every page, handle, object and thread has come back" in output, "a leak", output)
    print("     " + re.search(r"operations \d+", output)[0] + ", " +
          re.search(r"longest recovery.*", output)[0].strip())


class Monitor:
    """QEMU's monitor: types on the machine's keyboard and looks at its memory."""

    def __init__(self, path):
        for _ in range(100):
            try:
                self.socket = socket.socket(socket.AF_UNIX)
                self.socket.connect(str(path))
                break
            except OSError:
                time.sleep(0.1)
        self.answer()

    def answer(self):
        text = b""
        while not text.endswith(b"(qemu) "):
            more = self.socket.recv(4096)
            if not more:
                break
            text += more
        return text

    def command(self, text):
        self.socket.sendall(text.encode() + b"\n")
        return self.answer()

    def type(self, keys):
        for key in keys:
            self.command(f"sendkey {key}")

    def screen(self, folder):
        """The rows of VGA's text memory, without blanks at their ends."""
        path = pathlib.Path(folder) / "screen"
        self.command(f'pmemsave 0xb8000 4000 "{path}"')
        cells = path.read_bytes()[0::2].decode("cp437")
        return [cells[i:i + 80].rstrip() for i in range(0, 2000, 80)]

    def wait_for(self, folder, text, timeout=40):
        end = time.time() + timeout
        while time.time() < end:
            rows = self.screen(folder)
            if any(text in row for row in rows):
                return rows
            time.sleep(0.2)
        sys.exit(f"drivers.py: {text!r} did not appear on the screen:\n" + "\n".join(rows))


def test_console(folder):
    """Typing on the PS/2 keyboard reaches the prompt and shows in VGA's text memory."""
    folder = pathlib.Path(folder)
    ramdisk, monitor = folder / "ramdisk.tar", folder / "monitor"
    (folder / "services").write_text((ROOT / "user/servers/init/services").read_text())
    (folder / "drivers").write_text("drivers/keyboard.nbo\ndrivers/vga.nbo\n")
    files = {"boot/init.nbo": MODULES / "init.nbo", "etc/services": folder / "services",
             "etc/drivers": folder / "drivers"}
    for name in ("bus", "console", "shell", "wasi"):
        files[f"lib/{name}.nbo"] = MODULES / f"{name}.nbo"
    for name in ("keyboard", "vga"):
        files[f"drivers/{name}.nbo"] = MODULES / "drivers" / f"{name}.nbo"
    subprocess.run([TOOL, "pack", "-o", ramdisk] + [f"{k}={v}" for k, v in files.items()],
                   check=True)
    machine = subprocess.Popen(
        [ROOT / "scripts/qemu.sh", "--ramdisk", ramdisk, "--memory", "512M",
         ROOT / "build/release/nebulet.elf", "--", "-vga", "std", "-bios", "bios-256k.bin",
         "-monitor", f"unix:{monitor},server,nowait"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        qemu = Monitor(monitor)
        qemu.wait_for(folder, "nebulet>")
        # A wrong letter, taken back; a shifted letter; a key of the number pad.
        qemu.type(["e", "c", "x", "backspace", "shift-h", "o", "spc", "shift-1", "kp_7", "ret"])
        rows = qemu.wait_for(folder, "ecHo: there is no such program")
        expect("nebulet> ecHo !7" in rows, "the line is not as it was typed", "\n".join(rows))
        # Drivers and the bus server that are killed come back, and the console with them.
        qemu.type(["p", "s", "ret"])
        rows = qemu.wait_for(folder, " keyboard")
        ids = {row.split()[-1]: row.split()[0] for row in rows if row.strip()}
        for name in ("keyboard", "vga", "bus"):
            machine.stdin.write(f"kill {ids[name]}\n".encode())
            machine.stdin.flush()
        time.sleep(1)
        qemu.type(["b", "a", "c", "k", "ret"])
        rows = qemu.wait_for(folder, "back: there is no such program")
        qemu.type(["p", "s", "ret"])
        qemu.wait_for(folder, " keyboard")
        # Enough to scroll; the oldest row goes.
        qemu.type(["h", "e", "l", "p", "ret"])
        rows = qemu.wait_for(folder, "Quotes and backslashes")
        expect(not any("ecHo !7" in row for row in rows), "it did not scroll", "\n".join(rows))
        qemu.type(["a", "b", "ctrl-c"])
        rows = qemu.wait_for(folder, "ab^C")
        qemu.wait_for(folder, "130 nebulet>")
        qemu.type(["e", "x", "i", "t", "spc", "5", "ret"])
        output = machine.communicate(timeout=30)[0].decode(errors="replace")
    finally:
        machine.kill()
    expect(machine.returncode == 2 * 5 + 1, f"exit status {machine.returncode}", output)
    # The serial port shows the same.
    expect("nebulet> ecHo !7" in output.replace("\b \b", "").replace("x", ""),
           "the serial console shows something else", output)


def test_prompt(folder):
    """The prompt's command `disk` reads what the host wrote, and the other way round."""
    image = pathlib.Path(folder) / "disk,1.img"
    image.write_bytes(b"".join(b"sector %03d\n" % i + bytes(501) for i in range(64)))
    done = subprocess.run(
        [TOOL, "run", "--disk", image],
        input=b"disk\ndisk read 7 2\ndisk write 9 'from the guest'\ndisk read 64\n"
              b"disk write x\nexit\n", stdout=subprocess.PIPE, timeout=60, check=False)
    output = done.stdout.decode(errors="replace")
    for text in ("64 sectors of 512 bytes", "|sector 007......|", "|sector 008......|",
                 "00000e00  73 65 63 74 6f 72 20 30  30 37 0a 00", "usage: disk |",
                 "disk: value out of range"):
        expect(text in output, f"no {text!r}", output)
    data = image.read_bytes()
    expect(data[9 * 512:10 * 512] == b"from the guest".ljust(512, b"\0"), "not written", output)
    expect(data[10 * 512:].startswith(b"sector 010"), "too much written", output)
    done = subprocess.run([TOOL, "run"], input=b"disk\nexit\n", stdout=subprocess.PIPE,
                          timeout=60, check=False)
    expect(b"this machine has none" in done.stdout, "a disk without one", repr(done.stdout))


class Typist:
    """QEMU with the machine's console at both ends of pipes."""

    def __init__(self, command):
        self.machine = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT)
        self.output = b""
        self.came = threading.Condition()
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        while data := os.read(self.machine.stdout.fileno(), 4096):
            with self.came:
                self.output += data
                self.came.notify_all()

    def type(self, text):
        self.machine.stdin.write(text.encode())
        self.machine.stdin.flush()

    def wait_for(self, pattern, start=0, timeout=30):
        """Where the first match behind `start` ends, and the match."""
        end = time.time() + timeout
        with self.came:
            while not (found := re.compile(pattern.encode()).search(self.output, start)):
                if not self.came.wait(end - time.time()) and time.time() > end:
                    sys.exit(f"drivers.py: {pattern!r} did not come after\n" +
                             self.output[start:].decode(errors="replace"))
        return found.end(), found

    def ask(self, line, pattern):
        """Types a line and waits for what it makes the machine say."""
        start = len(self.output)
        self.type(line + "\n")
        return self.wait_for(pattern, start)[1]


def pack_prompt(folder, drivers):
    """A RAM disk with a prompt and those drivers."""
    folder = pathlib.Path(folder)
    files = {"boot/init.nbo": MODULES / "init.nbo", "etc/drivers": folder / "drivers",
             "etc/services": ROOT / "user/servers/init/services"}
    (folder / "drivers").write_text("".join(f"drivers/{name}.nbo\n" for name in drivers))
    for name in ("bus", "console", "shell", "wasi"):
        files[f"lib/{name}.nbo"] = MODULES / f"{name}.nbo"
    for name in drivers:
        files[f"drivers/{name}.nbo"] = MODULES / "drivers" / f"{name}.nbo"
    subprocess.run([TOOL, "pack", "-o", folder / "ramdisk.tar"] +
                   [f"{k}={v}" for k, v in files.items()], check=True)
    return folder / "ramdisk.tar"


def test_serial1(folder, kills=25):
    """The console is its driver's: it is killed under what is written, comes back and goes on; the
    log comes by it; a panic, which is the kernel's own, is still seen."""
    ramdisk, monitor = pack_prompt(folder, ["serial1"]), pathlib.Path(folder) / "monitor"
    prompt = Typist([ROOT / "scripts/qemu.sh", "--ramdisk", ramdisk, "--memory", "512M",
                     "--append", "log=warn", ROOT / "build/release/nebulet.elf", "--",
                     "-monitor", f"unix:{monitor},server,nowait"])
    try:
        prompt.wait_for("nebulet> ")
        text = prompt.ask("help", r"help\r?\n((?:.*\n)+)nebulet> ")[1]
        lost = 0
        for turn in range(kills):
            number = int(prompt.ask("ps", r"(\d+)  running .* serial1\r?\n(?s:.*)nebulet> ")[1])
            start = len(prompt.output)
            # All typed at once: the first text is still on its way when the driver dies.
            prompt.type(f"help\nkill {number}\nhelp\nturn{turn}\n")
            end, _ = prompt.wait_for(f"turn{turn}: there is no such program", start)
            prompt.wait_for("127 nebulet> ", end)
            got = prompt.output[start:]
            for line in text.splitlines(keepends=True):
                lost += len(line) * max(0, 2 - got.count(line))
            prompt.wait_for("warn: bus: serial1: has ended and will be restarted", start)
        # Of a killed driver the 16 bytes at most that it had in its hands are lost; here counted
        # by lines that are not whole.
        expect(lost <= kills * 2 * max(map(len, text.splitlines())), f"{lost} bytes were lost",
               prompt.output.decode(errors="replace"))
        Monitor(monitor).command("nmi")
        prompt.wait_for("panic: non-maskable interrupt")
        prompt.wait_for("backtrace:")
        expect(prompt.machine.wait(20) == 251, "another exit status than a panic's",
               prompt.output.decode(errors="replace"))
        print(f"     {kills} kills, {lost} bytes in lines that were not whole")
    finally:
        prompt.machine.kill()
        prompt.machine.wait()


def test_program(folder):
    """A program that is run with --disk reads and writes it; without, it has no services."""
    image = pathlib.Path(folder) / "image"
    image.write_bytes(bytes(65536))
    client = CLIENTS / "lied.wasm"
    done = subprocess.run([TOOL, "run", "--disk", image, client], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60, check=False)
    expect(done.returncode == 0, f"exit status {done.returncode}", done.stdout.decode())
    data = image.read_bytes()
    for number in range(8):
        expect(data[number * 1024:(number + 1) * 1024] ==
               bytes((number * 31 + at * 7 + 1) & 255 for at in range(1024)),
               f"block {number} is not as the program wrote it", "")
    expect(not any(data[8192:]), "more was written", "")
    done = subprocess.run([TOOL, "run", client], stdin=subprocess.DEVNULL, timeout=60, check=False)
    expect(done.returncode == 100, f"exit status {done.returncode} without a disk", "")
    done = subprocess.run([TOOL, "run", "--hosted", "--disk", image, client], timeout=60,
                          stderr=subprocess.PIPE, check=False)
    expect(done.returncode == 2 and b"leave out --hosted" in done.stderr, "a hosted disk", "")


def test_crowded(folder):
    """Clients that cannot take the pages that they ask for leave them to others."""
    image = pathlib.Path(folder) / "image"
    image.write_bytes(bytes(65536))
    done = subprocess.run([TOOL, "run", "--disk", image, CLIENTS / "crowded.wasm"],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          timeout=60, check=False)
    expect(done.returncode == 0, f"exit status {done.returncode}", done.stdout.decode())


def tutorial_blocks():
    """The indented blocks of the tutorial that are for a shell."""
    text = (ROOT / "docs/drivers.md").read_text()
    text = text[text.index("## A driver in half an hour"):text.index("## The manifest")]
    for block in re.findall(r"(?:^    .*\n)+", text, re.M):
        lines = [line[4:] for line in block.splitlines()]
        if re.match(r"\$ |mkdir|for |sed|clang", lines[0]):
            yield lines


def test_tutorial(folder):
    """What docs/drivers.md tells a beginner to type says what the page says that it does."""
    count = 0
    for lines in tutorial_blocks():
        is_shown = lines[0].startswith("$ ")
        command = lines[0][2:] if is_shown else "\n".join(lines)
        done = subprocess.run(["bash", "-c", command.replace("/tmp/edu", folder)], cwd=ROOT,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=60, check=False)
        output = done.stdout.decode()
        expect(is_shown or done.returncode == 0, f"{command!r} failed", output)
        for line in lines[1:] if is_shown else []:
            # A part that differs from machine to machine is written as an ellipsis.
            pattern = ".*".join(re.escape(part) for part in line.split("…"))
            expect(re.search(pattern.replace("/tmp/edu", folder), output), f"no {line!r}", output)
            count += 1
    expect(count >= 7, "the tutorial has lost its examples", "")


TESTS = {"ports": test_ports, "entropy": test_entropy, "line": test_line, "pci": test_pci, "disk": test_disk,
         "clients": test_clients, "killed": test_killed, "bus": test_bus,
         "console": test_console, "serial1": test_serial1, "prompt": test_prompt,
         "program": test_program, "crowded": test_crowded, "tutorial": test_tutorial}
LONG = {"killed-long": lambda folder: test_killed(folder, 1000)}


def main():
    names = sys.argv[1:] or list(TESTS)
    for name in names:
        with tempfile.TemporaryDirectory() as folder:
            (TESTS | LONG)[name](folder)
        print(f"ok   drivers {name}")
    print(f"{len(names)} passed, 0 failed")


if __name__ == "__main__":
    main()
