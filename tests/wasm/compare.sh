#!/bin/sh
# Compares the validator with Wasmtime's on mutations of the specification suite's modules.
#
# usage: compare.sh FUZZ_COMPARE COUNT LARGE_COUNT [SEED [STATE]]
#
# LARGE_COUNT is of mutations of the large bundled programs, where they are. With STATE, a file, an interrupted run goes on. Modules on which the two disagree are kept in
# STATE.kept/, else in build/disagree/, and are failures until a fresh run.
set -eu
fuzz=$1 count=$2 large=$3 seed=${4:-} state=${5:-}
root=$(cd "$(dirname "$0")/../.." && pwd)
spec=${NEBULET_SPEC_DIR:-$root/../shared/spec}
[ -n "$seed" ] || seed=$(od -An -N4 -tu4 /dev/urandom | tr -d ' ')

if [ ! -d "$spec" ]; then
	echo "compare: no specification suite at $spec (set NEBULET_SPEC_DIR)"
	[ "${CI:-}" = true ] && exit 1
	exit 77
fi
python3 "$root/scripts/fetch.py" wasmtime
NEBULET_WASMTIME=$root/.cache/fetch/wasmtime/wasmtime/linux-x86_64/_libwasmtime.so
NEBULET_KEEP=${state:+$state.kept}
NEBULET_KEEP=${NEBULET_KEEP:-$root/build/disagree}
export NEBULET_WASMTIME NEBULET_KEEP
if [ -z "$state" ] || [ ! -e "$state" ]; then
	rm -rf "$NEBULET_KEEP"
fi
mkdir -p "$NEBULET_KEEP"

set --
for group in core core-3.0 extended-const tail-call multi-memory memory64 relaxed-simd \
	function-references threads custom-sections annotations; do
	set -- "$@" "$spec/$group"
done
programs=$root/.cache/fetch/runno/package/dist/langs
if [ "$large" != 0 ] && [ -d "$programs" ]; then
	set -- "$@" "$programs"
else
	large=0
fi
[ -z "$state" ] || set -- --state "$state" "$@"
"$fuzz" --seed "$seed" --count "$count" --large-count "$large" "$@"
if [ -n "$(ls "$NEBULET_KEEP")" ]; then
	echo "compare: disagreements of this run are in $NEBULET_KEEP"
	exit 1
fi
