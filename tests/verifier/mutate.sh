#!/bin/sh
# Mutates machine code of generated modules; see mutate.c.
#
# usage: mutate.sh MUTATE DIFF_ENGINE sample SEED
#        mutate.sh MUTATE DIFF_ENGINE rules SEED
#        mutate.sh MUTATE DIFF_ENGINE long FLIPS EDITS STATE
#
# `rules` leaves out one rule of the verifier after the other, and fails if nothing escapes.
# `long` goes on from the round in the file STATE.
set -eu
mutate=$1 engine=$2 mode=$3
root=$(cd "$(dirname "$0")/../.." && pwd)
python3 "$root/scripts/fetch.py" unicorn
library=$root/.cache/fetch/unicorn/unicorn/lib/libunicorn.so.2
modules=$(mktemp -d)
trap 'rm -rf "$modules"' EXIT
trap 'exit 1' INT TERM

generate() { # SEED COUNT
	rm -f "$modules"/*
	"$engine" generate "$1" "$2" "$modules" >/dev/null
}

case $mode in
sample)
	generate "$4" 20
	"$mutate" --emulator "$library" --seed "$4" --flips 600 --edits 600 "$modules"/*.wasm
	;;
rules)
	generate "$4" 20
	failed=0
	for rule in PINNED PRESERVED MEMORY EXTENSION STACK VMCTX POOL FRAME LABEL CLAIM TEMPLATE \
		SITE; do
		status=0
		"$mutate" --emulator "$library" --without $rule --seed "$4" --flips 2000 \
			--edits 2000 "$modules"/*.wasm >"$modules/out" || status=$?
		if [ $status = 1 ] && grep -q '^1 escapes' "$modules/out"; then
			echo "without $rule: $(grep -m1 wasm: "$modules/out" | sed 's/.*wasm: //')"
		else
			echo "without $rule nothing escaped: $(cat "$modules/out")"
			failed=$((failed + 1))
		fi
	done
	[ $failed = 0 ]
	;;
long)
	flips=$4 edits=$5 state=$6 count=20 each=10000 round=0
	[ ! -e "$state" ] || round=$(cat "$state")
	# Each round does 200 000 of both.
	most=$flips
	[ "$edits" -le "$most" ] || most=$edits
	rounds=$(((most + count * each - 1) / (count * each)))
	while [ "$round" -lt "$rounds" ]; do
		done=$((round * count * each))
		generate $((500000 + round * count)) $count
		"$mutate" --emulator "$library" --seed "$round" \
			--flips $((done < flips ? each : 0)) --edits $((done < edits ? each : 0)) \
			"$modules"/*.wasm
		round=$((round + 1))
		echo "$round" >"$state.new"
		mv "$state.new" "$state"
	done
	;;
esac
