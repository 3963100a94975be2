#!/bin/sh
# Runs the suite with each optimisation pass off, hosted, with the checks of a build
# with sanitizers.
set -eu
cd "$(dirname "$0")/../.."
status=0
for pass in $(sed -n 's/^COMPILER_PASS([A-Z0-9_]*, "\([a-z0-9-]*\)".*/\1/p' compiler/pass/pass.def); do
	echo "without $pass:"
	python3 tests/suite/suite.py --asan "--passes=-$pass" || status=$?
	[ $status -ne 77 ] || exit 77
done
exit $status
