#!/usr/bin/env python3
"""Runs programs through the whole system and looks at what comes out.

    tests/user/end_to_end.py [--mode MODE] hosted|pc [TEST...]

A TEST is a class or CLASS.METHOD, such as Streams or Streams.test_binary_input. What is
needed: make tool hosted kernel ramdisk guest-tests and the small programs.
"""
import argparse
import fcntl
import os
import pathlib
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
GUEST = ROOT / "build" / "guest"
TESTS = GUEST / "tests"
LIMIT_SECONDS = 60
# Told of work that takes seconds, as on a busy machine it may.
PROGRESS = re.compile(rb"(?m)^nebulet: compiling \S+(: \d+ %)?\n")
PLATFORM = "hosted"
TOOL = ROOT / "build" / "release" / "nebulet"


def command(*words, options=()):
    return [str(TOOL), "run", f"--{PLATFORM}", *map(str, options), *map(str, words)]


class Result:
    def __init__(self, status, out, err):
        self.status, self.out, self.err = status, out, err

    def __repr__(self):
        return f"status {self.status}, stdout {self.out[:500]!r}, stderr {self.err[:2000]!r}"


def run(*words, options=(), stdin=b"", **more):
    done = subprocess.run(command(*words, options=options), input=stdin, capture_output=True,
                          timeout=LIMIT_SECONDS, cwd=ROOT, check=False, **more)
    return Result(done.returncode, done.stdout, PROGRESS.sub(b"", done.stderr))


class Started(subprocess.Popen):
    """A program that runs beside the test, and never longer than it."""

    def __init__(self, *words, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE):
        super().__init__(command(*words), stdin=stdin, stdout=subprocess.PIPE, stderr=stderr,
                         cwd=ROOT)
        self.guard = threading.Timer(LIMIT_SECONDS, self.kill)
        self.guard.start()

    def __exit__(self, kind, value, trace):
        if kind:
            self.kill()
        self.guard.cancel()
        super().__exit__(kind, value, trace)


def module(name):
    return TESTS / f"{name}.wasm"


class Case(unittest.TestCase):
    def check(self, result, status, out=None, err=None):
        """The exit status, exact standard output, and a pattern in standard error."""
        self.assertEqual(result.status, status, result)
        if out is not None:
            self.assertEqual(result.out, out, result)
        if err is None:
            self.assertEqual(result.err, b"", result)
        else:
            self.assertRegex(result.err.decode(errors="replace"), err)
        # The kernel counts what is not given back when it powers off.
        self.assertNotIn(b"leak", result.err)


class Streams(Case):
    def test_output_and_error_are_apart(self):
        self.check(run(module("exit")), 0, b"to stdout\n", r"\Ato stderr\n\Z")

    def test_binary_input_comes_out_unchanged(self):
        data = os.urandom(1 << 20)
        self.check(run("cat", stdin=data), 0, data)

    def test_empty_input_has_an_end(self):
        self.check(run("cat"), 0, b"")

    def test_every_byte_value(self):
        data = bytes(range(256)) * 17
        self.check(run("cat", stdin=data), 0, data)

    def test_input_that_nobody_reads_does_no_harm(self):
        self.check(run("echo", "x", stdin=b"y" * (1 << 20)), 0, b"x\n")

    def test_file_as_input(self):
        """A regular file reaches the program by another way than a pipe."""
        data = os.urandom(300001)
        for skip in (0, 100000, len(data)):
            with tempfile.TemporaryFile() as source:
                source.write(data)
                source.flush()
                os.lseek(source.fileno(), skip, os.SEEK_SET)
                done = subprocess.run(command("cat"), stdin=source, capture_output=True,
                                      timeout=LIMIT_SECONDS, cwd=ROOT, check=False)
                self.assertEqual((done.returncode, done.stdout), (0, data[skip:]))
                self.assertEqual(os.lseek(source.fileno(), 0, os.SEEK_CUR), len(data))

    def test_slow_writer(self):
        with Started("cat", stdin=subprocess.PIPE) as process:
            for piece in (b"one ", b"two ", b"three"):
                process.stdin.write(piece)
                process.stdin.flush()
                self.assertEqual(os.read(process.stdout.fileno(), 100), piece)
            process.stdin.close()
            self.assertEqual(process.stdout.read(), b"")
            self.assertEqual(process.wait(LIMIT_SECONDS), 0)

    def test_slow_reader(self):
        data = os.urandom(1 << 19)
        with tempfile.TemporaryFile() as source:
            source.write(data)
            source.seek(0)
            with Started("cat", stdin=source) as process:
                time.sleep(1.5)
                self.assertEqual(process.stdout.read(), data)
                self.assertEqual(process.wait(LIMIT_SECONDS), 0)

    def test_reader_that_goes_away(self):
        with Started(module("yes")) as process:
            self.assertEqual(process.stdout.read(10), b"y\ny\ny\ny\ny\n")
            process.stdout.close()
            self.assertEqual(process.wait(LIMIT_SECONDS), 3)
            self.assertEqual(process.stderr.read(), b"nobody reads\n")

    def test_closed_streams(self):
        for closed in ("<&-", ">&-", "2>&-"):
            line = " ".join(command("echo", "x")) + " " + closed
            done = subprocess.run(["bash", "-c", line], capture_output=True, cwd=ROOT,
                                  timeout=LIMIT_SECONDS, stdin=subprocess.DEVNULL, check=False)
            self.assertIn(done.returncode, (0, 1), (closed, done))
            self.assertEqual(done.stdout, b"" if closed == ">&-" else b"x\n", closed)

    def test_input_that_cannot_be_read(self):
        with tempfile.NamedTemporaryFile("wb") as only_writable:
            done = subprocess.run(command("echo", "x"), stdin=only_writable, capture_output=True,
                                  timeout=LIMIT_SECONDS, cwd=ROOT, check=False)
            self.assertEqual((done.returncode, done.stdout, done.stderr), (0, b"x\n", b""))

    def test_waiting_for_input(self):
        for stdin, timeout, expected in ((b"12345", 5000, b"input 5\n"), (b"", 5000, b"end\n")):
            result = run(module("wait"), timeout, stdin=stdin)
            self.assertEqual((result.status, result.out), (0, expected), result)
        with Started(module("wait"), 300, stdin=subprocess.PIPE) as process:
            self.assertEqual(process.stdout.read(), b"timeout\n")
            waited = int(process.stderr.read())
            self.assertTrue(300 <= waited < 2000, waited)
            process.stdin.close()


class Log(Case):
    def test_verbose_shows_the_kernel_log_on_standard_error(self):
        result = run("echo", "x", options=["--verbose"])
        self.assertEqual((result.status, result.out), (0, b"x\n"), result)
        self.assertRegex(result.err, rb"(?m)^\[ *\d+\.\d+\] info: .*power off, status 0")


class Arguments(Case):
    def test_arguments_come_as_they_are(self):
        words = ["", "a b", "ä€😀", "--list", "-c", "'\"\\$x", "tab\there", "new\nline"]
        result = run(module("args"), *words)
        expected = "".join(f"arg [{word}]\n" for word in [str(module("args")), *words])
        self.check(result, 0, expected.encode())

    def test_many_arguments(self):
        words = [f"argument-number-{i}" for i in range(5000)]
        result = run(module("args"), *words)
        self.check(result, 0)
        self.assertEqual(result.out.count(b"\n"), 5001)

    def test_too_long(self):
        words = ["x" * 100000 for _ in range(12)]
        self.check(run(module("args"), *words), 125, b"", "too long")

    def test_environment(self):
        result = run("env", options=["--env", "A=b c", "--env", "EMPTY=", "--env", "A=2=3"])
        self.check(result, 0, b"A=b c\nEMPTY=\nA=2=3\n")

    def test_host_environment_stays_outside(self):
        self.check(run("env", env={**os.environ, "SECRET": "x"}), 0, b"")


class Endings(Case):
    def test_exit_status(self):
        for status in (0, 1, 7, 42, 127, 255):
            self.assertEqual(run(module("exit"), status).status, status)

    def crash(self, how, status, text, function):
        result = run(module("crash"), how)
        pattern = rf"\Acrash.wasm: {text}\n  at ({function}|main) \(crash.wasm, function \d+, offset 0x"
        self.check(result, status, f"about to {how}\n".encode(), pattern)

    def test_traps(self):
        self.crash("unreachable", 129, "unreachable", "main")
        self.crash("bounds", 130, "out of bounds memory access", "read_outside")
        self.crash("element", 132, "undefined element", "call_nothing")
        self.crash("signature", 134, "indirect call type mismatch", "call_wrong_signature")
        self.crash("divide", 135, "integer divide by zero", "divide_by")
        self.crash("overflow", 136, "integer overflow", "smallest_by")
        self.crash("conversion", 136, "integer overflow", "convert")
        self.crash("stack", 138, "call stack exhausted", "recurse")
        self.crash("stack-call", 138, "call stack exhausted", "recurse_and_call")
        self.crash("abort", 129, "unreachable", "abort")

    def test_module_that_wants_more_memory_than_there_is(self):
        result = run(module("huge"), options=["--memory", "256M"])
        self.assertIn(result.status, (126, 139), result)
        self.assertRegex(result.err, b"huge.wasm.*out of memory")

    def test_memory_used_up(self):
        """Where growing fails, the program is told; where a page is not there when it is
        touched, it ends, and says where, however deep it was and however little is left."""
        for size in ("64M", "128M", "200M"):
            for depth in (0, 40):
                result = run(module("exhaust"), depth, options=["--memory", size])
                if PLATFORM == "hosted":
                    self.check(result, 0)
                    self.assertRegex(result.out, rb"\A[1-9]\d* MiB\n\Z")
                    continue
                self.check(result, 139, b"", r"\Aexhaust.wasm: out of memory\n"
                           r"  at memset \(exhaust.wasm, function \d+, offset 0x[0-9a-f]+\)\n"
                           r"  at take_all \(exhaust.wasm, function \d+, offset 0x")
                self.assertEqual(result.err.count(b"at dig (exhaust.wasm"), depth + 1, result)
                self.assertRegex(result.err, rb"  at _start \(exhaust.wasm, function \d+")

    def test_memory_used_up_page_by_page(self):
        result = run(module("crash"), "memory", options=["--memory", "96M"])
        if PLATFORM == "hosted":
            self.check(result, 3, b"about to memory\n")
        else:
            self.check(result, 139, b"about to memory\n", r"\Acrash.wasm: out of memory\n  at \S+ "
                       r"\(crash.wasm, function \d+, offset 0x")

    def test_memory_beyond_4_gib(self):
        """What is not touched needs no memory; the hosted kernel asks its host for all."""
        size = "8G" if PLATFORM == "hosted" else "256M"
        self.check(run(module("wide_memory"), options=["--memory", size]), 0, b"")

    def test_memory_beyond_4_gib_used_up(self):
        result = run(module("wide_touch"), options=["--memory", "256M"])
        if PLATFORM == "hosted":
            self.check(result, 129, b"", r"\Awide_touch.wasm: unreachable\n  at touch ")
        else:
            self.check(result, 139, b"", r"\Awide_touch.wasm: out of memory\n  at touch ")

    def test_waiting_for_nobody(self):
        start = time.monotonic()
        result = run(module("atomic_wait"), options=["--timeout", "2"])
        self.check(result, 124, b"", "time is over")
        self.assertGreater(time.monotonic() - start, 1.9)
        with Started(module("atomic_wait")) as process:
            time.sleep(1.5)
            process.send_signal(signal.SIGINT)
            self.assertEqual(process.wait(10), 128 + signal.SIGINT)

    def test_modules_that_cannot_run(self):
        self.check(run(module("unknown_import")), 126, b"",
                   'unknown_import.wasm: .*"env" "no_such_thing"')
        self.check(run(module("wrong_import")), 126, b"",
                   r'wrong_import.wasm: .*"fd_sync".*\(i32, i32\) -> \(i64\).*\(i32\) -> \(i32\)')
        self.check(run(module("invalid")), 126, b"", "invalid.wasm: function 1.*offset 0x.*i64")
        self.check(run(module("no_start")), 126, b"", "no_start.wasm: .*_start")

    def test_entry_of_another_type(self):
        self.check(run(module("bad_start")), 126, b"", "bad_start.wasm: .*_start.*parameters")

    def test_bytes_that_are_no_module(self):
        whole = module("crash").read_bytes()
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "bad.wasm"
            for data in (b"", b"hello", whole[:1000], whole[:len(whole) // 2]):
                path.write_bytes(data)
                self.check(run(path), 126, b"", r"bad.wasm: .*offset 0x")

    def test_start_function_alone(self):
        self.check(run(module("start_only")), 0, b"")

    def test_preview_0(self):
        self.check(run(module("preview0")), 7, b"preview 0\n")

    def test_time_limit(self):
        start = time.monotonic()
        result = run(module("crash"), "loop", options=["--timeout", "4"])
        self.check(result, 124, b"about to loop\n", "time is over")
        self.assertLess(time.monotonic() - start, 15)

    def test_interrupt(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            with Started(module("crash"), "loop") as process:
                self.assertEqual(process.stdout.readline(), b"about to loop\n")
                process.send_signal(number)
                self.assertEqual(process.wait(10), 128 + number)
                self.assertEqual(process.stderr.read(), b"")

    def test_machine_dies_with_the_tool(self):
        with Started(module("crash"), "loop") as process:
            process.stdout.readline()
            children = pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children")
            child = int(children.read_text().split()[0])
            process.kill()
            process.wait()
            for _ in range(100):
                if not pathlib.Path(f"/proc/{child}").exists():
                    return
                time.sleep(0.05)
            self.fail("the machine outlives the tool")


class Folders(Case):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = pathlib.Path(folder.name) / "offered"
        (self.path / "sub").mkdir(parents=True)
        (self.path / "a file.txt").write_text("contents")
        (self.path / "sub" / "link").symlink_to("../a file.txt")
        (self.path.parent / "outside").write_text("secret")

    def test_what_a_program_may_do(self):
        expected = (b"read: contents\nread: contents\nread: Capabilities insufficient\n"
                    b"create: Read-only file system\nwrite: Read-only file system\n"
                    b"mkdir: File exists\nunlink: Read-only file system\nstat: fine\nsize: 8\n"
                    b"entries: 4\n")
        for option, name in ((str(self.path), str(self.path)), (f"{self.path}=/in", "/in"),
                             (f"{self.path}=.", ".")):
            result = run(module("files"), name, options=["--dir", option])
            self.check(result, 0, expected)

    def test_nothing_is_offered_unasked(self):
        result = run(module("files"), str(self.path))
        self.assertNotIn(b"contents", result.out)

    def test_two_folders(self):
        result = run("cat", "/b/a file.txt", "/a/link",
                     options=["--dir", f"{self.path}/sub=/a", "--dir", f"{self.path}=/b"])
        self.assertEqual(result.out, b"contents")
        self.assertEqual(result.status, 1)

    def test_long_names_and_many_files(self):
        deep = self.path / ("d" * 120) / ("e" * 200)
        deep.mkdir(parents=True)
        (deep / ("f" * 150)).write_text("far down")
        many = self.path / "many"
        many.mkdir()
        for i in range(1500):
            (many / f"file{i}").write_text(str(i))
        name = f"/in/{'d' * 120}/{'e' * 200}/{'f' * 150}"
        self.check(run("cat", name, "/in/many/file1499", options=["--dir", f"{self.path}=/in"]), 0,
                   b"far down1499")
        listing = run("ls", "/in/many", options=["--dir", f"{self.path}=/in"])
        self.check(listing, 0)
        self.assertEqual(listing.out.count(b"\n"), 1500)


class Usage(Case):
    """What is wrong and what to type; none of these starts a machine."""

    def usage(self, words, status, pattern):
        done = subprocess.run([str(TOOL), *words], capture_output=True, cwd=ROOT, check=False,
                              timeout=LIMIT_SECONDS, stdin=subprocess.DEVNULL)
        self.assertEqual(done.returncode, status, done)
        self.assertRegex(done.stderr.decode(), pattern)

    def test_messages(self):
        self.usage([], 2, "usage: nebulet COMMAND")
        self.usage(["jump"], 2, "no command 'jump'(.|\n)*usage")
        self.usage(["run", "--jump"], 2, "unrecognized option '--jump'(.|\n)*--help")
        self.usage(["run", "--dir"], 2, "requires an argument")
        self.usage(["run", "--dir", "/no/such/folder", "x"], 2, "'/no/such/folder' is not a folder")
        self.usage(["run", "--memory", "lots", "x"], 2, "'lots' is not a size such as 512M")
        for size in ("63M", "1025G", "0M", "99999999999999999999G", "18014398509481985M"):
            self.usage(["run", "--memory", size, "x"], 2, f"'{size}' is out of range; from 64M")
        for size in ("64", "-64M", "64K", "64MM", " 64M", "G"):
            self.usage(["run", "--memory", size, "x"], 2, f"'{size}' is not a size such as")
        self.usage(["run", "--timeout", "-1", "x"], 2, "'-1' is not a number of seconds")
        self.usage(["run", "--env", "NAME", "x"], 2, "'NAME' is not of the form NAME=VALUE")
        self.usage(["run", "nosuchprogram"], 127, "no bundled program 'nosuchprogram'.*--list")
        self.usage(["run", "./nosuch.wasm"], 127, "nosuch.wasm: No such file")
        self.usage(["run", "--needs", "./nosuch.wasm"], 127, "nosuch.wasm: No such file")
        self.usage(["run", "/tmp"], 126, "/tmp is not a file")
        self.usage(["run", "--hosted", "--gdb"], 2, "leave out --hosted")
        self.usage(["run", "--describe", "nosuch"], 2, "no bundled program 'nosuch'")
        self.usage(["compile"], 2, "name the WebAssembly module")
        self.usage(["compile", "/no/such.wasm"], 125, "cannot read /no/such.wasm")
        self.usage(["compile", str(module("invalid")), "-o", "/no/such.nbo"], 1,
                   "invalid.wasm: function 1.*offset")
        self.usage(["pack"], 2, "-o FILE")
        for member in ("nothing", "=source", "/absolute=source", ""):
            self.usage(["pack", "-o", "/no/such/x.tar", "a=b", member], 2,
                       f"'{member}' is not of the form PATH=SOURCE(.|\n)*--help")
        self.usage(["pack", "-o", "/no/such/x.tar"], 2, "name what to pack")
        self.usage(["pack", "-o", "/no/such/x.tar", "a=b"], 125, "cannot write /no/such/x.tar")
        self.usage(["compile", "/tmp"], 125, "cannot read /tmp: Is a directory")

    def test_output_is_not_replaced(self):
        """A device or pipe named as the output stays, whether or not writing succeeds."""
        with tempfile.TemporaryDirectory() as folder:
            pipe = pathlib.Path(folder) / "pipe"
            os.mkfifo(pipe)
            # Open at both ends, so that nobody waits for the other.
            file = os.open(pipe, os.O_RDWR)
            self.usage(["pack", "-o", str(pipe), "a=/no/such/file"], 125, "/no/such/file")
            self.assertTrue(pipe.is_fifo())
            self.usage(["compile", str(module("start_only")), "-o", str(pipe)], 0, "^$")
            self.assertTrue(pipe.is_fifo())
            self.assertEqual(os.listdir(folder), ["pipe"])
            os.close(file)

    def test_listing(self):
        done = subprocess.run([str(TOOL), "run", "--list"], capture_output=True, check=True,
                              cwd=ROOT)
        for name in (b"python", b"ruby", b"sqlite", b"coremark", b"cat"):
            self.assertRegex(done.stdout, rb"(?m)^" + name + rb" +\w")

    def test_needs(self):
        for words, expected in ((["--hosted", "cat"], "make program-cat hosted ramdisk"),
                                (["cat"], "make program-cat kernel ramdisk"),
                                ([], "make programs kernel ramdisk"),
                                ([str(module("exit"))], "make kernel ramdisk"),
                                (["--list"], "")):
            done = subprocess.run([str(TOOL), "run", "--needs", *words], capture_output=True,
                                  check=True, text=True, cwd=ROOT)
            self.assertEqual(done.stdout.split(), expected.split())

    def test_compile_says_sizes(self):
        with tempfile.TemporaryDirectory() as folder:
            target = pathlib.Path(folder) / "exit.nbo"
            done = subprocess.run([str(TOOL), "compile", str(module("exit")), "-o", str(target),
                                   "--stats"], capture_output=True, check=True, text=True)
            self.assertRegex(done.stdout, r"(?m)^machine code: \d+ bytes$")
            self.assertGreater(target.stat().st_size, 1000)

    def artifact(self, folder):
        target = pathlib.Path(folder) / "exit.nbo"
        subprocess.run([str(TOOL), "compile", str(module("exit")), "-o", str(target)], check=True)
        return target

    def test_artifact_of_anybody_runs(self):
        with tempfile.TemporaryDirectory() as folder:
            self.assertEqual(run(self.artifact(folder)).status, run(module("exit")).status)

    def test_artifact_with_changed_code_is_refused(self):
        with tempfile.TemporaryDirectory() as folder:
            target = self.artifact(folder)
            data = bytearray(target.read_bytes())
            code = struct.unpack_from("<I", data, 32 + 8 * 4)[0]
            data[code:code + 2] = b"\x0f\x05"  # syscall
            target.write_bytes(data)
            self.check(run(target), 126, b"", "exit.nbo: .*the verifier refuses function")


class Terminal:
    """A pseudo-terminal with a program on it."""

    def __init__(self, words):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(ROOT)
            os.execv(words[0], words)
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self.text = b""

    def read_until(self, pattern, seconds=LIMIT_SECONDS):
        """What came until `pattern` matched; it is taken away."""
        end = time.monotonic() + seconds
        while not (found := re.search(pattern, self.text)):
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.fd], [], [], left)[0]:
                raise AssertionError(f"waited for {pattern!r}, got {self.text!r}")
            try:
                piece = os.read(self.fd, 4096)
            except OSError:
                piece = b""
            if not piece:
                raise AssertionError(f"ended before {pattern!r}, got {self.text!r}")
            self.text += piece
        taken, self.text = self.text[:found.end()], self.text[found.end():]
        return taken

    def type(self, keys):
        os.write(self.fd, keys)

    def is_raw(self):
        return not termios.tcgetattr(self.fd)[3] & termios.ECHO

    def wait(self, seconds=15):
        """The exit status; the terminal's output is drained meanwhile."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if select.select([self.fd], [], [], 0.05)[0]:
                try:
                    self.text += os.read(self.fd, 4096)
                except OSError:
                    pass
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.pid = 0
                return os.waitstatus_to_exitcode(status)
        raise AssertionError(f"still runs; {self.text!r}")

    def close(self):
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        os.close(self.fd)


class Prompt(Case):
    def setUp(self):
        self.terminal = Terminal(command())
        self.addCleanup(self.terminal.close)
        self.terminal.read_until(rb"nebulet> ")

    def test_commands(self):
        terminal = self.terminal
        self.assertTrue(terminal.is_raw())
        terminal.type(b"echo 'a  b' c\r")
        self.assertIn(b"echo 'a  b' c\r\na  b c\r\n", terminal.read_until(rb"nebulet> "))
        terminal.type(b"help\r")
        self.assertRegex(terminal.read_until(rb"nebulet> "), rb"(?m)^  echo +prints")
        terminal.type(b"nosuch\r")
        self.assertIn(b"no such program", terminal.read_until(rb"127 nebulet> "))
        terminal.type(b"ls /nosuch\r")
        self.assertIn(b"No such file", terminal.read_until(rb"1 nebulet> "))
        terminal.type(b"echo 'open\r")
        self.assertIn(b"quote is not closed", terminal.read_until(rb"nebulet> "))
        terminal.type(b"echo abx\x7fc\r")
        self.assertIn(b"\r\nabc\r\n", terminal.read_until(rb"nebulet> "))
        terminal.type(b"exit 9\r")
        self.assertEqual(terminal.wait(), 9)
        self.assertFalse(terminal.is_raw())

    def test_looking_at_processes_and_ending_them(self):
        terminal = self.terminal
        terminal.type(b"spin &\r")
        terminal.read_until(rb"nebulet> ")
        terminal.type(b"ps\r")
        shown = terminal.read_until(rb"nebulet> ")
        self.assertRegex(shown, rb" THR  HANDLES  GATES   MEMORY ")
        # One thread, some handles, no gate and some memory.
        found = re.search(rb"(?m)^ *(\d+)  running +1 +[1-9]\d* +0 +\d+K .* spin\r$", shown)
        self.assertTrue(found, shown)
        spin = found.group(1)
        terminal.type(b"top\r")
        # Alone with a shell that waits, it has nearly all of a second.
        terminal.read_until(rb" [5-9]\d\.\d% +-  spin\r\n")
        terminal.type(b"q")
        terminal.read_until(rb"nebulet> ")
        terminal.type(b"handles " + spin + b"\r")
        shown = terminal.read_until(rb"nebulet> ")
        self.assertRegex(shown, rb" r--dt-sagi  one end of a byte stream\r\n")
        self.assertRegex(shown, rb" -w-dt--a-i  one end of a byte stream\r\n")
        terminal.type(b"trace\r")
        shown = terminal.read_until(rb"nebulet> ")
        self.assertRegex(shown, rb"\d us +" + spin + rb"  switch +8 ")
        terminal.type(b"kill " + spin + b"\r")
        terminal.read_until(rb"nebulet> ")
        terminal.type(b"ps\r")
        shown = terminal.read_until(rb"nebulet> ")
        self.assertNotIn(b"spin", shown)
        self.assertNotIn(b"last traps", shown)
        terminal.type(b"kill " + spin + b"\r")
        self.assertIn(b"no such process", terminal.read_until(rb"1 nebulet> "))
        # A program behind the prompt finds its input empty and may write.
        terminal.type(b"cat & \r")
        terminal.read_until(rb"nebulet> ")
        terminal.type(b"echo from behind &\r")
        terminal.read_until(rb"from behind\r\n")
        terminal.type(b"exit\r")
        self.assertEqual(terminal.wait(), 0)

    def test_the_last_traps(self):
        terminal = self.terminal
        terminal.type(b"python -c 'import os; os.abort()'\r")
        terminal.read_until(rb"129 nebulet> ")
        terminal.type(b"ps\r")
        shown = terminal.read_until(rb"nebulet> ")
        self.assertRegex(shown, rb" shell\r\n(.*\r\n)*last traps:\r\n +[1-9]\d* +\d+\.\ds ago  "
                                rb"python: unreachable\r\nnebulet> $")
        terminal.type(b"exit\r")
        self.assertEqual(terminal.wait(), 0)

    def test_input_for_the_program_in_front(self):
        terminal = self.terminal
        terminal.type(b"cat\r")
        terminal.read_until(rb"cat\r\n")
        for line in (b"first", b"second one"):
            terminal.type(line + b"\r")
            terminal.read_until(re.escape(line + b"\r\n" + line + b"\r\n"))
        terminal.type(b"\x04")
        terminal.read_until(rb"nebulet> ")
        terminal.type(b"\x04")
        self.assertEqual(terminal.wait(), 0)

    def test_interrupt_stops_the_program_in_front(self):
        terminal = self.terminal
        terminal.type(b"cat\r")
        terminal.read_until(rb"cat\r\n")
        terminal.type(b"\x03")
        terminal.read_until(rb"130 nebulet> ")
        terminal.type(b"half a line\x03")
        terminal.read_until(rb"130 nebulet> ")
        terminal.type(b"echo still here\r")
        terminal.read_until(rb"\r\nstill here\r\n")
        terminal.type(b"exit\r")
        self.assertEqual(terminal.wait(), 0)

    def test_way_out_of_a_machine_that_hangs(self):
        self.terminal.type(b"\x1d")
        self.assertEqual(self.terminal.wait(), 125)
        self.assertFalse(self.terminal.is_raw())

    def test_signal_restores_the_terminal(self):
        os.kill(self.terminal.pid, signal.SIGTERM)
        self.assertEqual(self.terminal.wait(), 128 + signal.SIGTERM)
        self.assertFalse(self.terminal.is_raw())


class Threads(Case):
    def test_without_a_library(self):
        result = run(TESTS / "threads" / "bare.wasm", stdin=b"x" * 1000)
        self.check(result, 5, b"counted 40000\nread 1000\nrefused 1\n")

    def test_closed_while_others_wait(self):
        program = TESTS / "threads" / "closed.wasm"
        with Started(program, stdin=subprocess.PIPE) as running:
            # Standard input stays open, and nothing comes.
            self.assertEqual(running.stderr.read(), b"")
            self.assertEqual(running.wait(), 0)

    def test_rust(self):
        program = TESTS / "threads" / "threads.wasm"
        if not program.exists():
            self.skipTest("there is no rustc with the target wasm32-wasip1-threads")
        result = run(program, stdin=b"hello\n")
        # Standard error may tell how far its compilation is.
        self.assertEqual(result.status, 7, result)
        self.assertEqual(result.out,
                         b"sum 1799820000 results 56 threads [0, 1, 2, 3, 4, 5, 6, 7]\n"
                         b"channel 619800\nturns 100\n" + b"slept 0\n" * 3 +
                         b"many 600\nlocal 6 5\nreading while others write\nread \"hello\\n\"\n")


class Personality2018(Case):
    """The programs of tests/user/programs/abi: status 0, or the line that failed."""

    def check(self, name, out=b""):
        result = run(ROOT / "build/guest/tests/abi" / f"{name}.wasm")
        self.assertEqual(result.status, 0, result)
        self.assertEqual(result.out, out)

    def test_signals(self):
        self.check("signals")

    def test_hostile(self):
        self.check("hostile", b"errors only\n")

    def test_objects(self):
        self.check("objects", b"objects: begins\nobjects: ends\n")

    def test_processes(self):
        self.check("processes", b"child: one\nchild: two\n")

    def test_threads(self):
        self.check("threads")

    def test_devices(self):
        self.check("devices")

    def test_ports_that_were_not_granted(self):
        result = run(ROOT / "build/guest/tests/abi/ports.wasm")
        self.assertEqual(result.status, 126, result)
        self.assertIn(b"line 3 of the manifest wants port 0x60", result.err)

    def test_device_without_manifest(self):
        result = run(ROOT / "build/guest/tests/abi/no_manifest.wasm")
        self.assertEqual(result.status, 126, result)
        self.assertIn(b"imports abi.write_port_u8 but has no manifest", result.err)


class PromptWithoutTerminal(Case):
    def test_commands_from_a_pipe(self):
        result = run(stdin=b"echo one\ncat\ninto cat\n")
        self.assertEqual(result.status, 0, result)
        # The echo of what was typed ahead may come in between what the first program prints.
        self.assertRegex(result.out, rb"nebulet> echo one\n(.|\n)*?one(.|\n)*?\n")
        # Lines typed ahead that a program did not read are for the shell again.
        self.assertGreaterEqual(result.out.count(b"into cat\n"), 2, result)


class Loops(Case):
    def test_interrupting_an_endless_loop_at_the_prompt(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        terminal = Terminal(command(module("crash"), "loop"))
        self.addCleanup(terminal.close)
        terminal.read_until(rb"about to loop")
        terminal.type(b"\x03")
        self.assertEqual(terminal.wait(), 130)


def main():
    global PLATFORM, TOOL
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mode", default="release", choices=["release", "debug", "asan"])
    parser.add_argument("platform", choices=["hosted", "pc"])
    parser.add_argument("tests", nargs="*", metavar="TEST")
    options = parser.parse_args()
    PLATFORM = options.platform
    TOOL = ROOT / "build" / options.mode / "nebulet"
    here = sys.modules["__main__"]
    loader = unittest.TestLoader()
    suite = (loader.loadTestsFromNames(options.tests, here) if options.tests
             else loader.loadTestsFromModule(here))
    result = unittest.TextTestRunner(stream=sys.stdout, verbosity=2).run(suite)
    failed = {str(test) for test, _ in result.failures + result.errors}
    for name in sorted(failed):
        where = name.split()[1].strip("()").removeprefix("__main__.")
        print(f"again: tests/user/end_to_end.py --mode {options.mode} {PLATFORM} {where}")
    print(f"{result.testsRun - len(failed)} passed, {len(failed)} failed")
    return 1 if failed or not result.testsRun else 0


if __name__ == "__main__":
    sys.exit(main())
