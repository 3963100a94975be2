/*
 * Drivers that test_virtio and test_virtio_block run, and a client, as bytes.
 */
	.macro module name, path
	.balign	16
	.globl	\name, \name\()_end
\name:
	.incbin	"\path"
\name\()_end:
	.endm

	.section .rodata
	module	driver_entropy, "build/guest/modules/drivers/entropy.wasm"
	module	driver_block, "build/guest/modules/drivers/block.wasm"
	module	client_lied, "build/guest/tests/native/lied.wasm"

	.section .note.GNU-stack, "", @progbits
