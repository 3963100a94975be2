/* The modules of test_template.c, assembled from their text: module_NAME[], module_NAME_len. */
	.section .rodata
	.macro module name
	.globl	module_\name, module_\name\()_len
	.balign	8
module_\name:
	.incbin	"build/gen/tests/runtime/template/\name\().wasm"
1:
	.balign	8
module_\name\()_len:
	.quad	1b - module_\name
	.endm
	module settled
	module pending
	module bare
	module large
	.section .note.GNU-stack, "", @progbits
