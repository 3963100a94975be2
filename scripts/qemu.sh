#!/bin/bash
# The one place that knows how a virtual machine for Nebulet is started.
#
#   scripts/qemu.sh [OPTIONS] IMAGE [-- QEMU ARGUMENTS]
#
# IMAGE is a kernel (.elf, booted by PVH) or a disc (.iso, booted by GRUB).
#   --ramdisk FILE       initial RAM disk (kernels only)
#   --append TEXT        kernel command line (kernels only)
#   --console CHARDEV    first serial port, as QEMU's -serial takes it (default stdio)
#   --link CHARDEV       second serial port (default null)
#   --memory SIZE        default 2G
#   --cpu MODEL          default max
#   --accel NAME         default tcg
#   --icount             count instructions: virtual time is 1 ns an instruction; date and random
#                        numbers are always the same, so that runs repeat
#   --gdb                wait for a debugger on port 1234
#   --print              show the command instead of running it
#
# This process becomes QEMU. When the kernel powers off with status S (0..127), QEMU exits
# with 2 * S + 1; a panic is status 125, exit 251.
set -eu

die() {
	echo "qemu.sh: $*" >&2
	exit 2
}

console=stdio link=null memory=2G cpu=max accel=tcg
image= ramdisk= append= run=exec
extra=()
while [ $# -gt 0 ]; do
	case $1 in
	--ramdisk | --append | --console | --link | --memory | --cpu | --accel)
		[ $# -ge 2 ] || die "$1 wants a value"
		printf -v "${1#--}" %s "$2"
		shift
		;;
	--icount) extra+=(-icount shift=0,sleep=off -seed 1 -rtc base=2026-01-01,clock=vm) ;;
	--gdb) extra+=(-s -S) ;;
	--print) run=echo ;;
	--)
		shift
		extra+=("$@")
		break
		;;
	-*) die "unknown option $1" ;;
	*)
		[ -z "$image" ] || die "more than one image: $image and $1"
		image=$1
		;;
	esac
	shift
done
[ -n "$image" ] || die "usage: scripts/qemu.sh [OPTIONS] IMAGE [-- QEMU ARGUMENTS]"
[ -e "$image" ] || die "$image does not exist"

machine=(-machine q35 -nodefaults -display none -no-reboot)
case $image in
*.iso)
	[ -z "$ramdisk$append" ] || die "a disc carries its own RAM disk and command line"
	boot=(-boot d -cdrom "$image")
	;;
*)
	boot=(-kernel "$image")
	[ -z "$ramdisk" ] || boot+=(-initrd "$ramdisk")
	[ -z "$append" ] || boot+=(-append "$append")
	# A small firmware that boots kernels only, in half the time.
	for folder in /usr/share/qemu /usr/local/share/qemu /usr/share/seabios; do
		if [ -e "$folder/qboot.rom" ]; then
			boot+=(-bios "$folder/qboot.rom")
			break
		fi
	done
	;;
esac

$run qemu-system-x86_64 "${machine[@]}" -accel "$accel" -cpu "$cpu" -m "$memory" \
	-device isa-debug-exit,iobase=0xf4,iosize=4 -serial "$console" -serial "$link" \
	"${boot[@]}" ${extra[@]+"${extra[@]}"}
