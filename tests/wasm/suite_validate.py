#!/usr/bin/env python3
"""Holds the decoder and validator against the WebAssembly specification suite.

usage: suite_validate.py WASM_CHECK [NAME...]

The suite is looked for in $NEBULET_SPEC_DIR, else in ../shared/spec beside the
source tree. Every module that a `module` command (or a command that runs one)
names must be accepted, every binary module of assert_malformed must be refused
as malformed and every one of assert_invalid as invalid. A module that needs a
feature this project leaves out must be refused by the name of that feature.
NAME limits the run to groups or files such as `core` or `core/br_table`. Without
the suite the run is skipped (exit status 77), or fails if $CI is "true".
"""
import json
import os
import subprocess
import sys

ACCEPTED = ("module", "module_definition", "assert_unlinkable", "assert_uninstantiable",
            "assert_invalid_custom", "assert_malformed_custom")
REFUSED = {"assert_malformed": "malformed", "assert_invalid": "invalid"}
# abi/status.def
MALFORMED, INVALID, UNSUPPORTED = 20, 21, 22
# Refused by older versions, valid since 3.0 (see the suite's README).
STALE = {"threads/imports": (309, 313, 317, 404, 408, 412), "threads/memory": (14, 15)}
# The features left out, by the suite's name, and what the refusal names.
LEFT_OUT = {
    "exceptions": "exception handling",
    "legacy-exceptions": "legacy exception handling",
    "gc": "garbage collection",
    "wide-arithmetic": "wide arithmetic",
    "custom-page-sizes": "custom page sizes",
    "custom-descriptors": "custom descriptors",
}
# Modules that the manifest does not give these features, or that use them in a
# way that is not left out.
REFUSED_BY_NAME = {
    "core/exports": ({"exports.23.wasm"}, "exception handling"),
    "core-3.0/type-rec": ({"type-rec.%d.wasm" % n for n in (5, 6, 9, 10, 11, 12, 21, 22)},
                          "garbage collection"),
}
# Recursive function types that are recursion groups of their own.
ACCEPTED_ANYWAY = {
    "core-3.0/type-equivalence": {"type-equivalence.%d.wasm" % n for n in (2, 8, 14, 15)},
    "core-3.0/type-rec": {"type-rec.4.wasm", "type-rec.16.wasm"},
}


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

    def problem(self, status, text):
        """What is wrong with this answer, or None."""
        if status is None:
            return "no answer (crash?)"
        if self.expectation == "accept":
            return None if status == 0 else "refused"
        if self.expectation == "survive":
            return None if status in (0, UNSUPPORTED) else "unexpected status"
        if self.expectation == "left out":
            if status == UNSUPPORTED and any(name in text for name in self.text):
                return None
            return "not refused by the name of its feature (%s)" % ", ".join(self.text)
        if status == 0:
            return "accepted, must be refused: " + self.text
        if self.expectation == "refuse":
            return None if status in (MALFORMED, INVALID, UNSUPPORTED) else "unexpected status"
        wanted = MALFORMED if self.expectation == "malformed" else INVALID
        return None if status == wanted else "not %s: %s" % (self.expectation, self.text)


def cases_of(spec, name, info):
    """Yields the cases of one suite file; None for a module that is not applicable."""
    folder = os.path.join(spec, name)
    features = info.get("module_features", {})
    group_is_left_out = name.split("/")[0] in LEFT_OUT
    with open(os.path.join(folder, name.split("/")[1] + ".json"), encoding="utf-8") as file:
        commands = json.load(file)
    for command in commands if isinstance(commands, list) else commands["commands"]:
        kind = command["type"]
        filename = command.get("filename")
        if not filename or kind not in ACCEPTED + tuple(REFUSED):
            continue
        if command.get("module_type", "binary") == "text":
            yield None
            continue
        text = command.get("text", "")
        expectation = REFUSED.get(kind, "accept")
        if command["line"] in STALE.get(name, ()):
            expectation = "accept"
        missing = [LEFT_OUT[f] for f in features.get(filename, ()) if f in LEFT_OUT]
        if filename in ACCEPTED_ANYWAY.get(name, ()):
            missing = []
        if filename in REFUSED_BY_NAME.get(name, ((), ""))[0]:
            expectation, text = "left out", [REFUSED_BY_NAME[name][1]]
        elif expectation == "accept" and missing:
            expectation, text = "left out", missing
        elif group_is_left_out:
            expectation = "survive" if expectation == "accept" else "refuse"
        yield Case(os.path.join(folder, filename), "%s:%d" % (name, command["line"]),
                   expectation, text)


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
        problem = case.problem(status, text)
        if problem:
            failed += 1
            print("%s: %s: %s%s" % (case.where, os.path.basename(case.path), problem,
                                    " (%s)" % text if text else ""))
    if run.returncode != 0:
        failed += 1
        print("wasm_check ended with %d" % run.returncode)
    left_out = sum(c.expectation == "left out" for c in cases)
    print("%d modules are refused by the name of a feature, %d are text (not applicable)" %
          (left_out, not_applicable))
    if failed:
        print("repeat with: %s" % " ".join(sys.argv))
    print("%d passed, %d failed" % (len(cases) - failed, failed))
    return 1 if failed or not cases else 0


if __name__ == "__main__":
    sys.exit(main())
