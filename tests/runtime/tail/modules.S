/* The modules of test_tail.c, assembled from their text: module_NAME[], module_NAME_len. */
	.section .rodata
	.macro module name
	.globl	module_\name, module_\name\()_len
	.balign	8
module_\name:
	.incbin	"build/gen/tests/runtime/tail/\name\().wasm"
1:
	.balign	8
module_\name\()_len:
	.quad	1b - module_\name
	.endm
	module first
	module second
	.section .note.GNU-stack, "", @progbits
