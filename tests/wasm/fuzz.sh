#!/bin/sh
# Fuzzes the decoder with the specification suite's modules and, where they are, the large
# bundled programs.
#
# usage: fuzz.sh FUZZ_DECODE SMALL_COUNT LARGE_COUNT [SEED [OPTION...]]
set -eu
fuzz=$1 small=$2 large=$3 seed=${4:-$(od -An -N4 -tu4 /dev/urandom | tr -d ' ')}
root=$(cd "$(dirname "$0")/../.." && pwd)
spec=${NEBULET_SPEC_DIR:-$root/../shared/spec}
[ $# -gt 4 ] && shift 4 || shift $#
programs=$root/.cache/fetch/runno/package/dist/langs

if [ ! -d "$spec" ]; then
	echo "fuzz: no specification suite at $spec (set NEBULET_SPEC_DIR)"
	[ "${CI:-}" = true ] && exit 1
	exit 77
fi
set -- "$@" "$spec"
if [ -d "$programs" ]; then
	set -- "$@" "$programs"
else
	echo "fuzz: the large programs are not fetched; only small modules are used"
	large=0
fi
exec "$fuzz" --seed "$seed" --count "$small" --large-count "$large" "$@"
