#!/bin/sh
# Holds the code of the suite's modules, of generated ones and, where they are, of the bundled
# programs against the code contract.
#
# usage: contract_check.sh CONTRACT_CHECK DIFF_ENGINE
set -eu
check=$1 engine=$2
root=$(cd "$(dirname "$0")/../../.." && pwd)
spec=${NEBULET_SPEC_DIR:-$root/../shared/spec}
[ -d "$spec" ] || echo "contract_check: no suite in $spec (NEBULET_SPEC_DIR): left out" >&2
[ -d "$spec" ] || [ -z "${CI:-}" ] || exit 1
generated=$root/build/contract-modules
mkdir -p "$generated"
"$engine" generate 7000 200 "$generated" >/dev/null
for place in "$spec/core" "$spec/tail-call" "$spec/function-references" "$spec/multi-memory" \
	"$spec/memory64" "$spec/threads" "$generated" "$root/build/guest" "$root/.cache/fetch/runno"; do
	[ -d "$place" ] || continue
	find "$place" -name '*.wasm' -not -path '*simd*'
done | sort | xargs "$check"
