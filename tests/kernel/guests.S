/*
 * The guest modules of the kernel tests as bytes: guest_NAME, guest_NAME_end.
 */
	.macro guest name
	.balign	16
	.globl	guest_\name, guest_\name\()_end
guest_\name:
	.incbin	"build/gen/tests/\name\().wasm"
guest_\name\()_end:
	.endm

	.section .rodata
	guest	client
	guest	driver
	guest	everybuiltin
	guest	everycall
	guest	everyclient
	guest	everydriver
	guest	failing
	guest	fuzz
	guest	fuzzdriver
	guest	gatechain
	guest	gateclient
	guest	gatehandle
	guest	gateknot
	guest	gatelender
	guest	gatelent
	guest	gatenode
	guest	gateroot
	guest	gateserver
	guest	graph
	guest	graphbase
	guest	graphnode
	guest	hostile
	guest	ipc
	guest	mapping
	guest	parent
	guest	personality
	guest	spin
	guest	now
	guest	streams
	guest	threads
	guest	ticker
	guest	torture
	guest	trap
	guest	waiter

	.section .note.GNU-stack, "", @progbits
