#!/usr/bin/env bash
# Builds the modules of list.toml that registries offer only as sources.
#   NODE=... build.sh WHAT OUTPUT
set -euo pipefail
cd "$(dirname "$0")/../.."
fetched=$PWD/.cache/fetch work=$PWD/build/modules
what=$1 output=$2

build_go() {
	[ -e "$output" ] && return
	cd "$fetched/go/go/src"
	env -u GOPATH -u GOFLAGS GOROOT="$fetched/go/go" GOCACHE="$work/go-cache" GOTOOLCHAIN=local \
		GOPROXY=off GOOS=wasip1 GOARCH=wasm \
		../bin/go build -trimpath -o "$output.part" "$1"
	mv "$output.part" "$output"
}

# The compiler looks for packages in folders called node_modules.
build_assemblyscript() {
	local modules=$work/assemblyscript/node_modules source=$1
	mkdir -p "$modules/@assemblyscript"
	ln -sfn "$fetched/assemblyscript/package" "$modules/assemblyscript"
	ln -sfn "$fetched/assemblyscript-binaryen/package" "$modules/binaryen"
	ln -sfn "$fetched/assemblyscript-long/package" "$modules/long"
	ln -sfn "$fetched/assemblyscript-wasi/package" "$modules/@assemblyscript/wasi-shim"
	cp "$source" "$work/assemblyscript/"
	cd "$work/assemblyscript"
	"$NODE" --preserve-symlinks --preserve-symlinks-main node_modules/assemblyscript/bin/asc.js \
		"$(basename "$source")" --config node_modules/@assemblyscript/wasi-shim/asconfig.json \
		-O3 --enable simd -o "$output"
}

case "$what" in
gofmt) build_go cmd/gofmt ;;
go-compiler) build_go cmd/compile ;;
assemblyscript) build_assemblyscript "$PWD/tests/modules/inputs/tables.ts" ;;
*)
	echo "build.sh: no $what" >&2
	exit 2
	;;
esac
