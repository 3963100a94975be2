/*
 * Numbers that guest_stubs.S and its neighbours share with C. Each is asserted
 * against the structure it describes in guest.c; only the preprocessor may
 * be used here.
 */
#ifndef ARCH_X86_64_GUEST_LAYOUT_H
#define ARCH_X86_64_GUEST_LAYOUT_H

/* struct nb_callee */
#define CALLEE_CODE	     0
#define CALLEE_VMCTX	     8
#define CALLEE_SIGNATURE     16
#define SIGNATURE_AREA_SHIFT 20

/* struct nb_vmctx */
#define VMCTX_MEMORY_BASE   0
#define VMCTX_THREAD	    16
#define VMCTX_HOST_FUNCTION 40

/* struct nb_thread_head */
#define THREAD_STACK_LIMIT 0
#define THREAD_PENDING	   8
#define THREAD_GUEST_SP	   16
#define THREAD_ACTIVATION  24
#define THREAD_STACK_FLOOR 32

/* struct guest_activation */
#define ACTIVATION_PREVIOUS	  0
#define ACTIVATION_STACK	  8
#define ACTIVATION_OUTCOME	  16
#define ACTIVATION_SAVED_GUEST_SP 24
#define ACTIVATION_LANDING	  32
#define ACTIVATION_BYTES	  40

/* In the frame of guest_enter, behind its activation. */
#define FRAME_HEAD 40
#define FRAME_CALL 48

/* struct guest_seat; its head comes first */
#define SEAT_PLACE	 64
#define SEAT_CALLER	 72
#define SEAT_LEFT_RETURN 104

/* struct guest_gate_activation; its seat comes first */
#define GATE_STATE	  112
#define GATE_STACK	  120
#define GATE_CALLER_STACK 128
#define GATE_RBX	  136
#define GATE_RBP	  144
#define GATE_R12	  152
#define GATE_R13	  160
#define GATE_BINDING	  168
#define GATE_BADGE	  176
#define GATE_CALLS	  184
#define GATE_BOUNDARY	  192

/* struct guest_gate_binding */
#define BINDING_FIRST	  192
#define BINDING_BADGE	  200
#define BINDING_ENTRY	  208
#define BINDING_ARGUMENTS 240
#define BINDING_RESULTS	  432

/* GUEST_PENDING_END */
#define PENDING_END 4

/* struct guest_gate_registers */
#define GATE_REGISTERS_GPR     0
#define GATE_REGISTERS_BINDING 56
#define GATE_REGISTERS_XMM     64
#define GATE_REGISTERS_BYTES   192

/* struct guest_clock, NB_CLOCK_MONOTONIC */
#define CLOCK_VERSION	 0
#define CLOCK_BASE_TICKS 8
#define CLOCK_BASE_NS	 16
#define CLOCK_RATE	 24
#define CLOCK_NEXT_NS	 32
#define CLOCK_FLOOR_NS	 40
#define CLOCK_MONOTONIC	 0

/* struct guest_call */
#define CALL_GPR	0
#define CALL_XMM	56
#define CALL_AREA	184
#define CALL_AREA_SLOTS 192

/* struct guest_context */
#define CONTEXT_STACK 0

/* struct guest_state */
#define STATE_GPR    0
#define STATE_RIP    128
#define STATE_RFLAGS 136
#define STATE_XMM    144
#define STATE_MXCSR  400

/* Headroom that the probe makes present: debug builds have larger frames. */
#define PAGE_BYTES 4096
#ifdef NB_DEBUG
#define PRESENT_PAGES 4
#define PRESENT_REST  0
#else
#define PRESENT_PAGES 1
#define PRESENT_REST  2560
#endif

/* Tail frames: what nb_tail_class and nb_tail_word say; shifts are of the word's
 * upper half. Entries of guest_tail_entries, and where calls in them return to. */
#define TAIL_HEADER_BYTES 24
#define TAIL_CLASSES	  12
#define TAIL_AREA_SHIFT	  12
#define TAIL_CLASS_SHIFT  24
#define TAIL_SLOTS_MASK	  0xfff
#define TAIL_ENTRY_SHIFT  4
#define TAIL_ENTRY_RETURN 3

#endif
