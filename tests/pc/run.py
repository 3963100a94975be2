#!/usr/bin/env python3
"""Boots the test images of tests/pc in QEMU and judges what they print.

tests/pc/run.py BUILD [boot|panic] [NAME...]      BUILD is build/release or build/debug
"""
import os
import pathlib
import queue
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
QEMU = ROOT / "scripts" / "qemu.sh"
RAMDISK = b"RAMDISK!" + bytes(range(256)) * 9000 + b"!KSIDMAR"
PANIC_EXIT = 2 * 125 + 1

# Name: what the panic line and the backtrace must contain.
PANICS = {
    "second-free": ("records[number].state == FRAME_USED", "second_free+"),
    "wrong-order": ("records[number].order == order", "wrong_order+"),
    "second-free-of-zeroed": ("record->state == FRAME_USED", "second_free_of_zeroed+"),
    "null-pointer": ("page fault at", "null_pointer+"),
    "text-write": ("page fault at", "text_write+"),
    "boot-stack-overflow": ("page fault at", "descend+"),
    "invalid-instruction": ("invalid instruction at", "invalid_instruction+"),
    "lock-order": ("lock_ranks", "lock_order+"),
    "no-memory-for-kernel-stack": ("out of memory for a page of the kernel", "descend+"),
    "double-mapping": ("mapping twice is refused", "double_mapping+"),
    "run-data": ("page fault at", "run_data+"),
    "run-constant": ("page fault at", "run_constant+"),
    "run-stack": ("page fault at", "run_stack+"),
    "run-heap": ("page fault at", "run_heap+"),
    "run-slot": ("page fault at", "run_slot+"),
}

SMALL = ("--memory", "256M")
# Name: options of qemu.sh, words of the command line, arguments of QEMU.
BOOTS = {
    "plain": ((*SMALL,), "smap=1", ()),
    "counted": ((*SMALL, "--icount"), "smap=1 icount=1", ()),
    "much-memory": (("--memory", "6G"), "", ()),
    "little-memory": (("--memory", "40M"), "", ()),
    "old-processor": ((*SMALL, "--cpu", "Nehalem"), "", ()),
    "no-protections": ((*SMALL, "--cpu", "max,-smap,-smep,-umip,-fsgsbase,-avx,-rdrand,-rdseed"),
                       "", ()),
    "small-pages": ((*SMALL, "--cpu", "max,-pdpe1gb"), "", ()),
    "bios-pc": ((*SMALL,), "", ("-machine", "pc", "-bios", "bios-256k.bin")),
    "no-hpet": ((*SMALL,), "", ("-machine", "hpet=off")),
}


class Echo:
    """A peer for the link port that takes every byte at once and sends it back."""

    def __init__(self, folder):
        self.path = folder / "link"
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.bind(str(self.path))
        self.listener.listen(1)
        self.pending = queue.Queue()
        threading.Thread(target=self.receive, daemon=True).start()

    def receive(self):
        try:
            peer, _ = self.listener.accept()
            self.pending.put(b"typed before the kernel was there")
            threading.Thread(target=self.send, args=(peer,), daemon=True).start()
            while data := peer.recv(4096):
                self.pending.put(data)
        except OSError:
            pass
        self.pending.put(b"")

    def send(self, peer):
        try:
            while data := self.pending.get():
                peer.sendall(data)
        except OSError:
            pass


def run(image, options, append, qemu_args, folder, seconds=100):
    """Exit status (None: did not end) and console text."""
    echo = Echo(folder)
    command = [str(QEMU), *options, "--link", f"unix:{echo.path}"]
    if append is not None:
        command += ["--append", append]
    command += [str(image), "--", *qemu_args]
    try:
        result = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, timeout=seconds)
        return result.returncode, result.stdout.decode(errors="replace")
    except subprocess.TimeoutExpired as late:
        return None, (late.stdout or b"").decode(errors="replace")
    finally:
        echo.listener.close()


def judge_boot(status, text):
    if status == 1 and "FAIL" not in text and "not so" not in text and " 0 failed" in text:
        return None
    return f"exit {status}\n" + "\n".join(
        line for line in text.splitlines() if not line.startswith("ok "))[-3000:]


def boot_kernel(build, name, folder):
    options, words, qemu_args = BOOTS[name]
    ramdisk = folder / "ramdisk"
    ramdisk.write_bytes(RAMDISK)
    now = 0 if "--icount" in options else int(time.time())  # there the date is always the same
    append = f"link=1 ramdisk={len(RAMDISK)} now={now} {words}"
    return judge_boot(*run(build / "pc-selftest.elf", (*options, "--ramdisk", str(ramdisk)), append,
                           qemu_args, folder))


def boot_disc(build, image, words, folder):
    """By GRUB from a disc, with the RAM disk as a module."""
    if not shutil.which("grub-mkrescue") or not shutil.which("xorriso"):
        return "grub-mkrescue and xorriso are needed"
    disc = folder / "disc" / "boot"
    (disc / "grub").mkdir(parents=True)
    shutil.copy(build / image, disc / "kernel.elf")
    (disc / "ramdisk").write_bytes(RAMDISK)
    (disc / "grub" / "grub.cfg").write_text(
        f"set timeout=0\nmenuentry test {{\n multiboot2 /boot/kernel.elf link=1 "
        f"ramdisk={len(RAMDISK)} {words}\n module2 /boot/ramdisk\n boot\n}}\n")
    iso = folder / "test.iso"
    subprocess.run(["grub-mkrescue", "-o", iso, folder / "disc"], check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return judge_boot(*run(iso, SMALL, None, (), folder))


def power_off_by_acpi(build, machine, folder):
    """Without the device that carries a status, the machine still ends."""
    shown = subprocess.run([str(QEMU), "--print", *SMALL, "--append", "panic none",
                            str(build / "pc-selftest.elf")], check=True, capture_output=True,
                           text=True, cwd=folder).stdout.split()
    at = shown.index("-device")
    command = shown[:at] + shown[at + 2:] + machine
    command[command.index("-append") + 1:command.index("-append") + 3] = ["panic none"]
    try:
        status = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                timeout=60).returncode
    except subprocess.TimeoutExpired:
        return "the machine did not end"
    return None if status == 0 else f"exit {status}, not 0"


def panic(build, name, folder):
    words, frame = PANICS[name]
    status, text = run(build / "pc-selftest.elf", SMALL, f"panic {name}", (), folder)
    last = text[text.find("panic: "):]
    if status == PANIC_EXIT and words in last.splitlines()[0] and frame in last:
        return None
    return f"exit {status}, wanted '{words}' and a frame '{frame}'\n{text[-3000:]}"


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    build = pathlib.Path(sys.argv[1]).absolute()
    kind = sys.argv[2] if len(sys.argv) > 2 else None
    only = sys.argv[3:]
    cases = []
    if kind in (None, "boot"):
        cases += [(f"boot {name}", boot_kernel, (name,)) for name in BOOTS]
        cases += [("boot grub", boot_disc, ("pc-selftest.elf", "")),
                  ("boot grub-moved", boot_disc, ("pc-selftest-moved.elf", "image=16777216")),
                  ("boot acpi-off-q35", power_off_by_acpi, ([],)),
                  ("boot acpi-off-pc", power_off_by_acpi,
                   (["-machine", "pc", "-bios", "bios-256k.bin"],))]
    if kind in (None, "panic"):
        cases += [(f"panic {name}", panic, (name,)) for name in PANICS]
    cases = [case for case in cases if not only or case[0].split()[1] in only]
    failed = 0
    for name, function, arguments in cases:
        with tempfile.TemporaryDirectory() as folder:
            begin = time.time()
            complaint = function(build, *arguments, pathlib.Path(folder))
        if complaint is None:
            print(f"ok   {name} ({time.time() - begin:.1f} s)", flush=True)
        else:
            failed += 1
            print(f"FAIL {name}: {complaint}", flush=True)
            print(f"     repeat: tests/pc/run.py {os.path.relpath(build)} {name}", flush=True)
    print(f"{len(cases) - failed} passed, {failed} failed")
    return 1 if failed or not cases else 0


if __name__ == "__main__":
    sys.exit(main())
