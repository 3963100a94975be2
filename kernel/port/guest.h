/*
 * Entering and leaving guest code, and thread contexts.
 *
 * arch/x86_64 implements this for both platforms; platforms deliver faults and
 * interrupts through the upcalls at the end, which the kernel core implements.
 */
#ifndef KERNEL_PORT_GUEST_H
#define KERNEL_PORT_GUEST_H

#include "abi/code_contract.h"
#include "abi/trap.h"
#include "kernel/port/memory.h"

#include <stdbool.h>
#include <stdint.h>

/* Registers of a call from C into guest code: arguments in, results out. */
struct guest_call {
	uint64_t gpr[NB_INT_ARGUMENTS];	       /* in argument order; results in result order */
	uint8_t xmm[NB_FLOAT_ARGUMENTS][16];   /* likewise */
	uint64_t *area;			       /* incoming-argument area, or NULL */
	uint32_t area_slots;		       /* even */
};

/* Saved by guest_enter; chained from nb_thread_head.activation. Lives on the
 * stack of the thread that entered. */
struct guest_activation {
	uint64_t previous;  /* outer activation or 0 */
	uint64_t stack;	    /* RSP to return to guest_enter's caller */
	uint64_t outcome;   /* enum nb_trap that ended it */
	uint64_t saved_guest_sp;
};

/* Calls `callee` on the current stack and returns what ended it: NB_TRAP_NONE
 * after a normal return (results in `call`), else the trap with which
 * guest_unwind was called. `head` is the running thread's; the vmctx's thread
 * field must already point to it. */
enum nb_trap guest_enter(struct nb_thread_head *head, const struct nb_callee *callee,
			 struct guest_call *call);

/* Leaves the innermost activation with `trap`, discarding everything above it.
 * Only for kernel code that runs on the guest's stack and owns nothing. */
_Noreturn void guest_unwind(struct nb_thread_head *head, enum nb_trap trap);

/* The complete state of an interrupted thread. */
struct guest_state {
	uint64_t gpr[16]; /* by encoding number */
	uint64_t rip;
	uint64_t rflags;
	uint8_t xmm[16][16];
	uint32_t mxcsr;
	uint32_t reserved;
};

/* Makes a fault or interrupt handler return into guest_unwind instead of the
 * interrupted instruction: edits `state` only. */
void guest_state_redirect_unwind(struct guest_state *state, struct nb_thread_head *head,
				 enum nb_trap trap);

/* Continues an interrupted thread. Interrupts (or signals) must be off; they
 * are on again afterwards. */
_Noreturn void guest_state_resume(const struct guest_state *state);

/* A voluntarily suspended context: callee-saved registers live on its stack. */
struct guest_context {
	uint64_t stack; /* RSP */
	void *sanitizer_stack;	   /* hosted with the address sanitizer */
	const void *stack_bottom;  /* likewise */
	uint64_t stack_size;
};
typedef void guest_entry(void *argument);

/* Prepares `context` so that the first switch to it calls entry(argument) on
 * `stack`; entry must not return. */
void guest_context_init(struct guest_context *context, const struct port_stack *stack,
			guest_entry *entry, void *argument);
/* Saves the caller in `from` and continues `to`; returns when something
 * switches back to `from`. */
void guest_context_switch(struct guest_context *from, struct guest_context *to);
/* Continues `to` without saving anything; the caller's stack may be freed. */
_Noreturn void guest_context_jump(struct guest_context *to);

/* Addresses of the stubs that struct nb_callee.cross may hold. */
extern const uint8_t guest_cross_stub[];     /* to another instance's WebAssembly function */
/* Frame walk through guest code, crossing stubs and kernel-call thunks of one
 * activation: start with guest_walk_start, then step until it returns false. */
struct guest_walk {
	uint64_t pc; /* in guest code: the instruction or return address */
	uint64_t sp;
	bool is_return_address;
	uint64_t stop_sp; /* activation's stack */
};
/* pc/sp of a thread stopped in a kernel call (head->guest_sp) or of `state`. */
bool guest_walk_start(struct guest_walk *walk, const struct nb_thread_head *head,
		      const struct guest_state *state);
/* Steps to the caller, given the frame size of the function that holds pc
 * (runtime finds it by pc). False at the activation's end. */
bool guest_walk_step(struct guest_walk *walk, uint32_t frame_size);

/* ---- upcalls, implemented by the kernel core (tests may provide others) ---- */

enum guest_fault_kind {
	GUEST_FAULT_MEMORY,  /* page fault / SIGSEGV, SIGBUS */
	GUEST_FAULT_INVALID, /* ud2 / SIGILL */
	GUEST_FAULT_DIVIDE,  /* #DE / SIGFPE */
};
/* A fault at an address of published code (state->rip). Edits `state` so that
 * continuing is right (a trap: guest_state_redirect_unwind) and returns true;
 * false if the fault is no recorded trap site: the platform then panics.
 * Runs on the fault stack with interrupts off; must not block. */
bool kernel_guest_fault(enum guest_fault_kind kind, uint64_t address, struct guest_state *state);

/* The timer (or a device) interrupted published code at `state`. May store
 * the state away and edit it to continue elsewhere (the scheduler). */
void kernel_guest_interrupted(struct guest_state *state);

#endif
