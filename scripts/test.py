#!/usr/bin/env python3
"""Runs the project's tests: unit-test programs and the jobs that folders register.

A unit test is a program built from tests/**/test_*.c (address and undefined-behaviour
sanitizers on). Anything else stands in a file tests/<folder>/jobs, one line a job:

    NAME | TIMEOUT_SECONDS | FLAGS | COMMAND
    make | MODE | TARGET...

FLAGS is a comma list of `alone` (nothing runs beside it), `long` (only with --long, and the
command sees NEBULET_LONG=1), or `-`. A `make` line names what must be built before.
Ends with `N passed, N failed`. Interrupted, it ends what it started; an interrupted --long is
gone on with by the same command: jobs that passed are not run again, and the others keep what
they have done in the folder NEBULET_STATE_DIR.
"""
import argparse
import json
import os
import pathlib
import queue
import shlex
import signal
import subprocess
import sys
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
STATE = ROOT / "build" / "long"
PASSED = STATE / "passed.json"
COLOUR = sys.stdout.isatty() and not os.environ.get("NO_COLOR")


class Job:
    def __init__(self, name, command, timeout, flags):
        self.name, self.command, self.timeout, self.flags = name, command, timeout, flags


def paint(code, text):
    return f"\033[{code}m{text}\033[0m" if COLOUR else text


def read_jobs_file(path):
    """The jobs and the (mode, targets) builds that one tests/<folder>/jobs file names."""
    jobs, builds = [], []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        fields = [field.strip() for field in line.split("|", 3)]
        if fields[0] == "make" and len(fields) == 3:
            builds.append((fields[1], fields[2].split()))
            continue
        if len(fields) != 4 or not fields[1].isdigit():
            sys.exit(f"{path.relative_to(ROOT)}:{number}: "
                     "expected NAME | TIMEOUT_SECONDS | FLAGS | COMMAND")
        flags = {flag.strip() for flag in fields[2].split(",")} - {"-", ""}
        unknown = flags - {"alone", "long"}
        if unknown:
            sys.exit(f"{path.relative_to(ROOT)}:{number}: unknown flag {', '.join(unknown)}")
        jobs.append(Job(fields[0], fields[3], int(fields[1]), flags))
    return jobs, builds


def unit_jobs():
    jobs = []
    for source in sorted((ROOT / "tests").rglob("test_*.c")):
        name = source.relative_to(ROOT / "tests").with_suffix("")
        jobs.append(Job(f"unit/{name}", f"build/asan/tests/{name}", 300, set()))
    return jobs


def make(mode, targets):
    command = ["make", "--no-print-directory", "-s", f"-j{os.cpu_count()}", f"MODE={mode}"]
    print(f"building {mode}: {' '.join(targets)}", flush=True)
    log = ROOT / "build" / f"test-{mode}-build.log"
    log.parent.mkdir(exist_ok=True)
    with open(log, "a") as out:
        status = subprocess.run(command + targets, cwd=ROOT, stdout=out, stderr=out,
                                stdin=subprocess.DEVNULL).returncode
    if status:
        print(log.read_text()[-6000:])
        sys.exit(f"test: the build failed: {' '.join(command + targets)} (log: {log})")


class Processes:
    """The jobs that run now, each the leader of its own process group."""

    def __init__(self):
        self.lock = threading.Lock()
        self.running, self.is_stopped = set(), False

    def start(self, command, **options):
        """A process, or None once everything was stopped."""
        with self.lock:
            if self.is_stopped:
                return None
            process = subprocess.Popen(command, start_new_session=True, **options)
            self.running.add(process)
            return process

    def forget(self, process):
        with self.lock:
            self.running.discard(process)

    def stop(self):
        with self.lock:
            self.is_stopped = True
            for process in self.running:
                os.killpg(process.pid, signal.SIGKILL)
            for process in self.running:
                process.wait()


processes = Processes()


def run_job(job, long_run):
    """(exit status or text, output, seconds); None if the run was interrupted."""
    env = dict(os.environ, B_RELEASE="build/release", B_DEBUG="build/debug", B_ASAN="build/asan",
               NEBULET_STATE_DIR=str(STATE), CMOCKA_MESSAGE_OUTPUT="STDOUT",
               ASAN_OPTIONS=os.environ.get("ASAN_OPTIONS", "detect_stack_use_after_return=0"))
    env.setdefault("NEBULET_SPEC_DIR", "../shared/spec")
    if long_run:
        env["NEBULET_LONG"] = "1"
    begin = time.monotonic()
    process = processes.start(["bash", "-c", job.command], cwd=ROOT, env=env,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT)
    if not process:
        return None
    try:
        output, _ = process.communicate(timeout=None if long_run else job.timeout)
        status = process.returncode
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        output, _ = process.communicate()
        status = f"no end within {job.timeout} s"
    processes.forget(process)
    if processes.is_stopped:
        return None
    return status, output.decode(errors="replace"), time.monotonic() - begin


class Report:
    def __init__(self, total, verbose, note_passed=None):
        self.lock = threading.Lock()
        self.note_passed = note_passed
        self.total, self.verbose = total, verbose
        self.passed, self.failed, self.skipped, self.done = 0, [], 0, 0

    def add(self, job, result):
        if result is None:
            return
        status, output, seconds = result
        with self.lock:
            self.done += 1
            head = f"[{self.done}/{self.total}]"
            tail = output.strip().splitlines()
            summary = tail[-1][:70] if tail else ""
            if status == 77:
                self.skipped += 1
                print(f"{head} {paint(33, 'skip')} {job.name}: {summary}", flush=True)
            elif status == 0:
                self.passed += 1
                if self.note_passed:
                    self.note_passed(job)
                print(f"{head} {paint(32, 'ok')}   {job.name} ({seconds:.1f} s) {summary}",
                      flush=True)
                if self.verbose:
                    print(output)
            else:
                self.failed.append(job)
                shown = tail if self.verbose else tail[-40:]
                print(f"{head} {paint(31, 'FAIL')} {job.name} ({status}, {seconds:.1f} s)")
                print("\n".join("    " + line for line in shown))
                print(f"    repeat: ./dev test {shlex.quote(job.name)}", flush=True)


def run_all(jobs, report, long_run):
    together = queue.Queue()
    for job in jobs:
        if "alone" not in job.flags:
            together.put(job)

    def worker():
        while True:
            try:
                job = together.get_nowait()
            except queue.Empty:
                return
            report.add(job, run_job(job, long_run))

    threads = [threading.Thread(target=worker, daemon=True) for _ in range(min(2, os.cpu_count() or 1))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for job in jobs:
        if "alone" in job.flags:
            report.add(job, run_job(job, long_run))


def read_passed():
    try:
        return set(json.loads(PASSED.read_text()))
    except (OSError, ValueError):
        return set()


def interrupt(*_):
    raise KeyboardInterrupt


def main():
    parser = argparse.ArgumentParser(prog="./dev test", description="Runs the tests.")
    parser.add_argument("patterns", nargs="*", metavar="pattern",
                        help="run only tests whose names contain it, or one of them")
    parser.add_argument("--long", action="store_true",
                        help="the full counts instead of samples; interrupted runs resume")
    parser.add_argument("--list", action="store_true", help="list the tests and stop")
    parser.add_argument("--verbose", action="store_true", help="show the output of every test")
    args = parser.parse_args()

    def is_wanted(job):
        return not args.patterns or any(pattern in job.name for pattern in args.patterns)

    jobs, builds = unit_jobs(), [("asan", ["tests"])] if not args.long else []
    if args.long:
        jobs = []
    for path in sorted((ROOT / "tests").rglob("jobs")):
        more, needed = read_jobs_file(path)
        more = [job for job in more if ("long" in job.flags) == args.long]
        if any(is_wanted(job) for job in more):
            builds += needed
        jobs += more
    jobs = [job for job in jobs if is_wanted(job)]
    if args.list:
        for job in jobs:
            print(job.name)
        return 0
    if not jobs:
        parser.error(f"no test has {' or '.join(map(repr, args.patterns))} in its name; "
                     "./dev test --list names them")

    wanted = {}
    for mode, targets in builds:
        if mode == "asan" and targets == ["tests"] and \
                not any(job.name.startswith("unit/") for job in jobs):
            continue
        for target in targets:
            wanted.setdefault(mode, []).append(target)
    # Release first: it builds the programs whose digests the other kernels link.
    for mode, targets in sorted(wanted.items(), key=lambda item: item[0] != "release"):
        make(mode, list(dict.fromkeys(targets)))

    STATE.mkdir(parents=True, exist_ok=True)
    begin = time.monotonic()
    passed = read_passed() if args.long else set()
    earlier = [job for job in jobs if job.name in passed]
    for job in earlier:
        print(f"passed earlier, not run again: {job.name}", flush=True)
    jobs = [job for job in jobs if job.name not in passed]

    def note_passed(job):
        passed.add(job.name)
        part = PASSED.with_suffix(".part")
        part.write_text(json.dumps(sorted(passed)))
        part.replace(PASSED)

    report = Report(len(jobs), args.verbose, note_passed if args.long else None)
    signal.signal(signal.SIGTERM, interrupt)
    signal.signal(signal.SIGINT, interrupt)
    try:
        run_all(jobs, report, args.long)
    except KeyboardInterrupt:
        processes.stop()
        more = "; the same command goes on from here" if args.long else ""
        print(f"interrupted with {report.passed} passed, {len(report.failed)} failed{more}")
        return 130
    report.passed += len(earlier)
    if args.long and not report.failed:
        # The next run begins anew.
        note = read_passed() - {job.name for job in [*jobs, *earlier]}
        PASSED.write_text(json.dumps(sorted(note)))
    print(f"{time.monotonic() - begin:.0f} s in all")
    for job in report.failed:
        print(f"failed: {job.name}")
    skipped = f", {report.skipped} skipped" if report.skipped else ""
    print(f"{report.passed} passed, {len(report.failed)} failed{skipped}")
    if report.skipped and os.environ.get("CI"):
        print("test: skipping is failing in CI")
        return 1
    return 1 if report.failed else 0


if __name__ == "__main__":
    sys.exit(main())
