/*
 * Drivers that test_virtio runs, as bytes.
 */
	.section .rodata
	.balign	16
	.globl	driver_entropy, driver_entropy_end
driver_entropy:
	.incbin	"build/guest/modules/drivers/entropy.wasm"
driver_entropy_end:

	.section .note.GNU-stack, "", @progbits
