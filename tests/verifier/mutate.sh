#!/bin/sh
# Mutates machine code of generated modules; see mutate.c.
#
# usage: mutate.sh MUTATE DIFF_ENGINE sample SEED
#        mutate.sh MUTATE DIFF_ENGINE rules
#        mutate.sh MUTATE DIFF_ENGINE long BYTES EDITS STATE
#        mutate.sh MUTATE - programs AIMED FILE.wasm...
#
# `rules` leaves out one rule of the verifier after the other, and fails if nothing
# escapes: neither in ordinary runs nor on mispredicted ways alone.
# `long` flips every bit of BYTES of code and makes EDITS random edits, two processes at a time; it
# goes on from the totals in the file STATE.
# `programs` runs their functions on mispredicted ways, unchanged; of each, AIMED runs at most are
# led to instructions that no other has reached.
set -eu
mutate=$1 engine=$2 mode=$3
root=$(cd "$(dirname "$0")/../.." && pwd)
program=$root/build/guest/programs/sqlite/sqlite.wasm
modules=$(mktemp -d)
trap 'rm -rf "$modules"' EXIT
trap 'exit 1' INT TERM

generate() { # SEED COUNT
	rm -f "$modules"/*.wasm
	"$engine" generate "$1" "$2" "$modules" >/dev/null
}

# Flips $bits bits of each of four modules and makes edits if $some is 1; the same with functions
# of a program, and with the code by hand of test_rules.
one_round() { # SEED
	mkdir -p "$modules/$1"
	"$engine" generate $((500000 + $1 * 4)) 4 "$modules/$1" >/dev/null
	{
		"$mutate" --seed "$1" --steps 1200 --flips "$bits" --edits $((some * 25000)) \
			"$modules/$1"/*.wasm &&
			"$mutate" --seed "$1" --steps 1200 --runs 0 --flips $((bits ? 300000 : 0)) \
				--edits $((some * 150000)) "$program" &&
			"$mutate" --seed "$1" --steps 1200 --cases 1 --flips 0 \
				--edits $((some * 2000))
	} >"$modules/$(($1 % 2)).out"
	status=$?
	rm -rf "${modules:?}/$1"
	return $status
}

# The rules whose absence lets bytes pass that do harm. Those of the decoder and of the image's
# layout cannot be left out alone, and without TABLE the verifier itself would read anywhere.
leave_out() { # OPTION RULE...
	option=$1
	shift
	for rule in "$@"; do
		status=0
		"$mutate" --cases 1 --forced "$option" --without "$rule" --seed 1 --flips 4000 \
			--edits 2000 "$modules"/*.wasm >"$modules/out" || status=$?
		if [ $status = 1 ] && grep -q '^1 escapes, 0' "$modules/out"; then
			sed -n "s/.*: function/without $rule: function/p" "$modules/out"
		else
			echo "without $rule nothing escaped: $(cat "$modules/out")"
			failed=$((failed + 1))
		fi
	done
}

case $mode in
sample)
	generate "$4" 20
	"$mutate" --seed "$4" --cases 1 --flips 2500 --edits 2500 "$modules"/*.wasm
	;;
rules)
	generate 1001 20
	failed=0 rules='PINNED PRESERVED MEMORY EXTENSION DISPLACEMENT ALIGNMENT STACK VMCTX POOL
		FRAME LABEL CLAIM TEMPLATE CALL SITE PORT END'
	# shellcheck disable=SC2086
	leave_out 0 $rules AREA
	leave_out 1 MEMORY EXTENSION DISPLACEMENT STACK VMCTX LABEL CLAIM TEMPLATE
	echo "$failed rules without which nothing escaped"
	[ $failed = 0 ]
	;;
programs)
	aimed=$4
	shift 4
	"$mutate" --forced 1 --window 4096 --runs 200 --aimed "$aimed" --flips 0 --edits 0 "$@"
	;;
long)
	bytes=$4 edits=$5 state=$6
	# round, then bytes, flips, edits, accepted, of these run where they are changed, and
	# instructions so far
	[ -e "$state" ] || echo '0 0 0 0 0 0 0' >"$state"
	read -r round b f e a r i <"$state"
	while [ "$b" -lt "$bytes" ] || [ "$e" -lt "$edits" ]; do
		bits=$((b < bytes ? 1000000000 : 0)) some=$((e < edits))
		one_round "$round" &
		first=$!
		one_round $((round + 1)) &
		wait $first && wait $! || { cat "$modules"/*.out && exit 1; }
		round=$((round + 2))
		# shellcheck disable=SC2046
		set -- $(awk '/ flips, / { f += $1; e += $3; a += $5; r += $7; i += $15 }
			END { print f, e, a, r, i }' "$modules"/*.out)
		b=$((b + $1 / 8)) f=$((f + $1)) e=$((e + $2)) a=$((a + $3)) r=$((r + $4))
		i=$((i + $5))
		echo "$round $b $f $e $a $r $i" >"$state.new"
		mv "$state.new" "$state"
		echo "$f flips in $b bytes of code, $e edits: $a accepted, $r of them run where they" \
			"are changed, $i instructions run, 0 escapes"
	done
	;;
esac
