#!/bin/sh
# Fuzzes the compiler with the specification suite's modules, generated ones and, where they
# are, the large bundled programs.
#
# usage: fuzz_compile.sh FUZZ_COMPILE DIFF_ENGINE SMALL_COUNT LARGE_COUNT [OPTION...]
set -eu
fuzz=$1 engine=$2 small=$3 large=$4
shift 4
root=$(cd "$(dirname "$0")/../.." && pwd)
spec=${NEBULET_SPEC_DIR:-$root/../shared/spec}
programs=$root/.cache/fetch/runno/package/dist/langs
sqlite=$root/build/guest/programs/sqlite/sqlite.wasm

if [ ! -d "$spec" ]; then
	echo "fuzz: no specification suite at $spec (set NEBULET_SPEC_DIR)"
	[ "${CI:-}" = true ] && exit 1
	exit 77
fi
generated=$root/build/fuzz-modules
mkdir -p "$generated"
"$engine" generate 1 1000 "$generated" >/dev/null
set -- --count "$small" "$@"
if [ "$large" -gt 0 ] && [ -d "$programs" ]; then
	set -- --large-count "$large" "$@" "$programs"
	[ -f "$sqlite" ] && set -- "$@" "$sqlite"
elif [ "$large" -gt 0 ]; then
	echo "fuzz: the large programs are not fetched; only small modules are used"
fi
exec "$fuzz" "$@" "$spec" "$generated"
