#!/bin/sh
# Verifies the code of the suite's modules, of generated ones and of the bundled programs, compiled
# in several ways and with each optimisation pass left out.
#
# usage: verify_all.sh VERIFY_MODULES DIFF_ENGINE COUNT
set -eu
verify=$1 engine=$2 count=$3
root=$(cd "$(dirname "$0")/../.." && pwd)
spec=${NEBULET_SPEC_DIR:-$root/../shared/spec}
generated=$root/build/verify-modules
mkdir -p "$generated"
"$engine" generate 61000 "$count" "$generated" >/dev/null
if [ ! -d "$spec" ]; then
	echo "verify_all: no suite in $spec (NEBULET_SPEC_DIR): its modules are left out" >&2
	[ -z "${CI:-}" ] || exit 1
fi
find "$spec" "$generated" "$root/build/guest" -name '*.wasm' 2>/dev/null | sort |
	xargs -n 3000 "$verify"
for pass in $("$verify" --list-passes); do
	find "$generated" "$root/build/guest/modules" -name '*.wasm' | sort |
		xargs -n 3000 "$verify" "--passes=-$pass"
done
