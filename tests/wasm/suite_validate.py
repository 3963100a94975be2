#!/usr/bin/env python3
"""Holds the decoder and validator against the WebAssembly specification suite.

usage: suite_validate.py WASM_CHECK [NAME...]

The suite is looked for in $NEBULET_SPEC_DIR, else in ../shared/spec beside the
source tree. Every module that a `module` command (or a command that runs one)
names must be accepted; every binary module of assert_malformed and
assert_invalid must be refused. Modules that need more than WebAssembly 2.0 are
not applicable; whatever they are, they must not crash. NAME limits the run to
groups or files such as `core` or `core/br_table`. Without the suite the run is
skipped (exit status 77), or fails if $CI is "true".
"""
import json
import os
import subprocess
import sys

ACCEPTED = ("module", "module_definition", "assert_unlinkable", "assert_uninstantiable",
            "assert_invalid_custom", "assert_malformed_custom")
REFUSED = ("assert_malformed", "assert_invalid")
# Refused by WebAssembly 1.0, valid since 2.0 (see the suite's README).
STALE = {"threads/imports": (309, 313, 317)}


def spec_dir():
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    default = os.path.join(os.path.dirname(root), "shared", "spec")
    return os.environ.get("NEBULET_SPEC_DIR", default)


def is_selected(name, wanted):
    return not wanted or any(name == w or name.startswith(w + "/") for w in wanted)


class Case:
    """One module of the suite and what must become of it."""

    def __init__(self, path, where, expectation, text):
        self.path, self.where = path, where
        self.expectation, self.text = expectation, text

    def problem(self, status):
        if status is None:
            return "no answer (crash?)"
        if self.expectation == "accept" and status != 0:
            return "refused"
        if self.expectation == "refuse" and status == 0:
            return "accepted, must be refused: " + self.text
        if status in (6, 28):
            return "unexpected status %d" % status
        return None


def cases_of(spec, name, info):
    """Yields the cases of one suite file; None for a module that is not applicable."""
    folder = os.path.join(spec, name)
    later = set(info["needs_3.0"]) | set(info.get("module_features", {}))
    with open(os.path.join(folder, name.split("/")[1] + ".json"), encoding="utf-8") as file:
        commands = json.load(file)
    for command in commands if isinstance(commands, list) else commands["commands"]:
        kind = command["type"]
        filename = command.get("filename")
        if not filename or kind not in ACCEPTED + REFUSED:
            continue
        if command.get("module_type", "binary") == "text":
            yield None
            continue
        expectation = "refuse" if kind in REFUSED else "accept"
        if command["line"] in STALE.get(name, ()):
            expectation = "survive"
        if expectation == "accept" and filename in later:
            expectation = "survive"
        yield Case(os.path.join(folder, filename), "%s:%d" % (name, command["line"]),
                   expectation, command.get("text", ""))


def main():
    if len(sys.argv) < 2:
        print(__doc__)
        return 2
    spec = spec_dir()
    manifest = os.path.join(spec, "manifest.json")
    if not os.path.exists(manifest):
        print("suite_validate: no specification suite at %s (set NEBULET_SPEC_DIR)" % spec)
        if os.environ.get("CI") == "true":
            print("0 passed, 1 failed")
            return 1
        print("0 passed, 0 failed (skipped)")
        return 77
    with open(manifest, encoding="utf-8") as file:
        files = json.load(file)
    cases, not_applicable = [], 0
    for name, info in sorted(files.items()):
        if not is_selected(name, sys.argv[2:]):
            continue
        for case in cases_of(spec, name, info):
            if case is None:
                not_applicable += 1
            else:
                cases.append(case)
    run = subprocess.run([sys.argv[1], "-"], input="".join(c.path + "\n" for c in cases),
                         stdout=subprocess.PIPE, text=True, errors="replace", check=False)
    answers = {}
    for line in run.stdout.split("\n"):
        fields = line.split("\t")
        if len(fields) == 3:
            answers[fields[0]] = (int(fields[1]), fields[2])
    failed = 0
    for case in cases:
        status, text = answers.get(case.path, (None, ""))
        problem = case.problem(status)
        if problem:
            failed += 1
            print("%s: %s: %s%s" % (case.where, os.path.basename(case.path), problem,
                                    " (%s)" % text if text else ""))
    if run.returncode != 0:
        failed += 1
        print("wasm_check ended with %d" % run.returncode)
    survived = sum(c.expectation == "survive" for c in cases)
    print("%d modules need later features, %d are text: not applicable" %
          (survived, not_applicable))
    if failed:
        print("repeat with: %s" % " ".join(sys.argv))
    print("%d passed, %d failed" % (len(cases) - survived - failed, failed))
    return 1 if failed or not cases else 0


if __name__ == "__main__":
    sys.exit(main())
