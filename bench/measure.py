"""Timing of whole processes: interleaved runs, medians, ratios."""
import os
import statistics
import subprocess
import time


class BenchError(Exception):
    """A message for the person at the terminal."""


def run_timed(command, stdin_text, expect=None):
    """Wall seconds of one run of `command`, and its peak memory in KiB.

    Raises BenchError if it fails or prints something else than `expect` (bytes, if given).
    """
    begin = time.perf_counter()
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE)
    output, errors = process.communicate(stdin_text.encode())
    seconds = time.perf_counter() - begin
    if process.returncode:
        raise BenchError(f"{' '.join(map(str, command))[:200]}: exit status {process.returncode}\n"
                         f"{errors.decode(errors='replace')[-1500:]}")
    if expect is not None and output != expect:
        raise BenchError(f"{' '.join(map(str, command))[:200]}: other output than its peers")
    return seconds, output


def run_measured(command):
    """User+system CPU seconds and peak KiB of one run of `command`."""
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               stderr=subprocess.PIPE)
    errors = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise BenchError(f"{' '.join(map(str, command))[:200]}: {errors.decode()[-800:]}")
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss


def spread(values):
    """(median, smallest, largest)."""
    return statistics.median(values), min(values), max(values)


def geomean(values):
    return statistics.geometric_mean(values)
