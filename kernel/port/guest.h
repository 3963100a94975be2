/*
 * Entering and leaving guest code, and thread contexts.
 *
 * arch/x86_64 implements this for both platforms; platforms deliver faults and
 * interrupts through the upcalls at the end, which the kernel core implements.
 *
 * A guest thread's stack carries, from the top: C frames, a guest_enter (an
 * activation), guest frames and crossing stubs, and at last perhaps a thunk
 * (kernel call or builtin) with C frames above it. C code that runs behind a
 * thunk finds GUEST_KERNEL_HEADROOM bytes of stack, GUEST_KERNEL_PRESENT of them
 * present.
 */
#ifndef KERNEL_PORT_GUEST_H
#define KERNEL_PORT_GUEST_H

#include "abi/code_contract.h"
#include "abi/trap.h"
#include "kernel/port/memory.h"

#include <stdbool.h>
#include <stdint.h>

/* What a kernel call or builtin may use of the guest's stack: whoever starts a
 * thread sets head.stack_floor to stack.limit + GUEST_KERNEL_HEADROOM, and
 * head.stack_limit to any address from there up to the top below which the
 * headroom is known to be present. */
/* guest_cross_stub takes up to 16 KiB and 64 bytes for an argument area; it may meet an
 * absent page. C functions may not: the deepest native calls take about 4 KiB. */
enum {
	GUEST_KERNEL_HEADROOM = 20 * 1024,
#ifdef NB_DEBUG
	GUEST_KERNEL_PRESENT = 16 * 1024,
#else
	GUEST_KERNEL_PRESENT = 6656,
#endif
};

struct cpu_budget;

/* Where a thread executes guest code: each thread has one, and each activation
 * of a gate, which callers' threads use in turn. A vmctx's thread field points
 * to the head of the seat that its instance always runs in. */
struct guest_seat {
	struct nb_thread_head head; /* must be first */
	struct port_stack stack;
	struct guest_seat **place; /* where the thread that is here keeps the address of
				    * its present seat; NULL: nobody is here */
	struct guest_seat *caller; /* the seat from which it came; NULL: its own seat */
	uint64_t call_deadline_ns; /* until which gate calls from here may queue and block */
	void *owner;		   /* whose instances run here: struct process; constant */
	struct cpu_budget *budget; /* of processor time, which limits that process; constant */
	/* For thread_yield's stub: where the guest code of who gave way to the thread here
	 * goes on when it is its turn; 0: nobody did, or it has none. */
	uint64_t left_return;
};

/* A seat on a stack, with nobody there and no deadline. */
static inline void
guest_seat_init(struct guest_seat *seat, const struct port_stack *stack, void *owner)
{
	*seat = (struct guest_seat){
		.head.stack_floor = stack->limit + GUEST_KERNEL_HEADROOM,
		.head.stack_limit = stack->top,
		.stack = *stack,
		.call_deadline_ns = UINT64_MAX,
		.owner = owner,
	};
}

/* Registers of a call from C into guest code: arguments in, results out. */
struct guest_call {
	uint64_t gpr[NB_INT_ARGUMENTS];	     /* in argument order; results in result order */
	uint8_t xmm[NB_FLOAT_ARGUMENTS][16]; /* likewise */
	uint64_t *area;			     /* incoming-argument area, or NULL */
	uint32_t area_slots;		     /* even */
};

/* Saved by guest_enter; chained from nb_thread_head.activation. Lives on the
 * stack of the thread that entered. */
struct guest_activation {
	uint64_t previous; /* outer activation or 0 */
	uint64_t stack;	   /* RSP to return to guest_enter's caller */
	uint64_t outcome;  /* enum nb_trap that ended it */
	uint64_t saved_guest_sp;
	uint64_t landing; /* where guest_unwind goes on, with RSP = stack */
};

/* Calls `callee` on the current stack and returns what ended it: NB_TRAP_NONE
 * after a normal return (results in `call`), else the trap with which
 * guest_unwind was called. `head` is the running thread's; the vmctx's thread
 * field must already point to it. The caller guarantees stack for the area.
 * May sleep. */
enum nb_trap
guest_enter(struct nb_thread_head *head, const struct nb_callee *callee, struct guest_call *call);

/* Leaves the innermost activation with `trap`, discarding everything above it.
 * Only for kernel code that runs on the guest's stack and owns nothing. */
_Noreturn void guest_unwind(struct nb_thread_head *head, enum nb_trap trap);

/* The complete state of an interrupted thread. Of a vector register that is its
 * low half: compiled code has no instruction that reads more, and those with a
 * VEX prefix clear the rest. */
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

/* Makes an interrupt handler return into entry(argument) on the empty stack
 * `stack`: edits `state` only. `entry` does not return. */
void guest_state_redirect_call(struct guest_state *state, const struct port_stack *stack,
			       void (*entry)(void *argument), void *argument);

/* Continues an interrupted thread, whose stack is `stack`. Interrupts may be on:
 * this is kernel code, in which they only leave a note. */
_Noreturn void guest_state_resume(const struct guest_state *state, const struct port_stack *stack);

/* A voluntarily suspended context: callee-saved registers live on its stack. */
struct guest_context {
	uint64_t stack;		  /* RSP */
	void *sanitizer_stack;	  /* hosted with the address sanitizer */
	const void *stack_bottom; /* likewise */
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
/* The same, and stores 0 in *lock when `from` can be continued by anybody. */
void
guest_context_switch_release(struct guest_context *from, struct guest_context *to, uint32_t *lock);
/* Continues `to` without saving anything; the caller's stack may be freed. */
_Noreturn void guest_context_jump(struct guest_context *to);
/* The same; stores 0 in *lock when it may be. */
_Noreturn void guest_context_jump_release(struct guest_context *to, uint32_t *lock);
/* Tells the address sanitizer that execution continues on `stack` after a
 * change it has not seen (an edited guest_state); called first on arrival.
 * Nothing without the sanitizer. */
void guest_context_announce(const struct port_stack *stack);

/* ---- stubs: addresses that struct nb_callee may hold ---- */

/* `cross` of a WebAssembly function: switches R15 and R14, copies the area. */
extern const uint8_t guest_cross_stub[];
/* vmctx.tail and vmctx.tail_grow: see the tail call templates of code_contract.h. */
extern const uint8_t guest_tail_stub[];
extern const uint8_t guest_tail_grow_stub[];
/* `code` and `cross` of a C function with the signature
 * R function(struct nb_vmctx *context, ...) in the kernel-call convention,
 * found in context->host_function. */
extern const uint8_t guest_host_code[];
extern const uint8_t guest_host_cross[];
/* What vmctx.builtins[k] holds; each calls runtime_builtin_NAME. */
extern const uint64_t guest_builtin_table[NB_BUILTIN_COUNT];
/* The one piece of trusted code in which a fault counts as the guest's: the stubs
 * between instances, and what touches the headroom of a kernel call. */
extern const uint8_t guest_stubs[];
extern const uint8_t guest_stubs_end[];

static inline bool
guest_pc_is_stub(uint64_t pc)
{
	return pc >= (uint64_t)(uintptr_t)guest_stubs && pc < (uint64_t)(uintptr_t)guest_stubs_end;
}

/* ---- the clock ---- */

/* What the stub of clock_get tells the monotonic clock by, without the kernel: the
 * time stamp counter, base_ns + (counter - base_ticks) * rate / 2^32, but not before
 * floor_ns. It asks the kernel from next_ns on, and while `version` is odd (the rest is
 * changing) or 0 (there is nothing to read). Platforms that count time so keep it, with
 * the orders of a sequence count. */
struct guest_clock {
	uint32_t version; /* atomic */
	uint32_t reserved;
	uint64_t base_ticks, base_ns;
	uint64_t rate; /* nanoseconds a tick times 2^32 */
	uint64_t next_ns;
	uint64_t floor_ns; /* no time before that is told: it may have been told already */
};
extern struct guest_clock guest_clock;

/* ---- gates ---- */

/* Where calls of a gate run: an instance graph of the callee's process, and a
 * stack. One caller at a time is in it.
 *
 * The stub takes it without the kernel if `state` is 0, and gives it back without
 * the kernel if `state` is still what it stored: the address of the caller's seat.
 * GUEST_GATE_SLOW in it makes the kernel decide. While it is neither 0 nor has the
 * kernel's mark in place of a caller, seat.place and seat.caller tell who is
 * inside; seat.place is stored last, and NULL again before it is given back. */
struct guest_gate_activation {
	struct guest_seat seat; /* must be first */
	uint64_t state;		/* atomic */
	uint64_t stack;		/* RSP of calls; there lies the address of this record */
	/* The boundary: what the caller finds again, whatever happens inside. */
	uint64_t caller_stack;		  /* RSP below the return address and the caller's R15 */
	uint64_t saved[4];		  /* RBX RBP R12 R13 */
	uint64_t binding;		  /* whose `results` the caller gets */
	uint64_t badge;			  /* of the binding that the call came through */
	uint64_t calls;			  /* how often it was entered */
	struct guest_activation boundary; /* seat.head.activation while nothing is nested */
};
enum { GUEST_GATE_SLOW = 1 };

/* A bit of head.pending, never cleared: what runs there ends instead of going on, and
 * its instances and bindings may be gone. */
enum { GUEST_PENDING_END = 4 };

/* Arguments of a gate call on the way in, results on the way out. */
struct guest_gate_registers {
	uint64_t rax, rcx, rdx, rsi, rdi, r8, r9;
	uint64_t binding; /* address of the gate's binding, for the stub that enters */
	_Alignas(16) uint8_t xmm[NB_FLOAT_ARGUMENTS][16];
};

/* What an import that is bound to a gate calls: the context of its callee. */
struct guest_gate_binding {
	struct nb_vmctx context;
	struct guest_gate_activation *first; /* to be tried without the kernel; NULL: none */
	uint64_t badge;
	struct nb_callee entry; /* what to call in `first` */
	/* The bits that arguments and results of the type consist of are ones. Nothing
	 * else that either side leaves in a register comes to the other's eyes. */
	struct guest_gate_registers arguments, results;
};

/* `code` and `cross` of callees whose context is a binding's. Types of gates have
 * no area. */
extern const uint8_t guest_gate_code[];
extern const uint8_t guest_gate_cross[];

/* Prepares what the stub and unwinding need of an activation whose seat is
 * initialised and whose stack has its topmost page present. */
void guest_gate_init(struct guest_gate_activation *activation);

/* Frames that were discarded on `stack` mean nothing any more. Only the address
 * sanitizer needs to know. */
void guest_context_forget(const struct port_stack *stack);

/* True if only the slow path keeps the address sanitizer informed. */
bool guest_gate_needs_slow_path(void);

/* Frame walk through guest code and crossing stubs of one activation: start
 * with guest_walk_start, then step until it returns false. */
struct guest_walk {
	uint64_t pc; /* in guest code: the instruction or return address */
	uint64_t sp;
	uint64_t stop_sp; /* activation's stack */
	bool is_return_address;
};
/* From `state`, or if that is NULL from the kernel call that head->guest_sp
 * records. False if there is no guest frame. */
bool guest_walk_start(struct guest_walk *walk, const struct nb_thread_head *head,
		      const struct guest_state *state);
/* Steps to the caller, given the bytes between walk->sp and the return address
 * (the runtime knows). False at the activation's end. Functions that ended in a
 * tail call are not there. */
bool guest_walk_step(struct guest_walk *walk, uint32_t frame_size);

/* ---- upcalls, implemented by the kernel core (tests may provide others) ---- */

enum guest_fault_kind {
	GUEST_FAULT_MEMORY,    /* page fault / SIGSEGV, SIGBUS */
	GUEST_FAULT_NO_MEMORY, /* page fault on a committed address, and no page was free */
	GUEST_FAULT_INVALID,   /* ud2 / SIGILL */
	GUEST_FAULT_DIVIDE,    /* #DE / SIGFPE */
};
/* A fault with state->rip in published code or guest_pc_is_stub. Edits `state`
 * so that continuing is right (a trap: guest_state_redirect_unwind) and returns
 * true; false if the fault is no recorded trap site: the platform then panics.
 * Runs on the fault stack with interrupts off; must not block. */
bool kernel_guest_fault(enum guest_fault_kind kind, uint64_t address, struct guest_state *state);

/* The timer (or a device) interrupted published code at `state`. May store
 * the state away and edit it to continue elsewhere (the scheduler). */
void kernel_guest_interrupted(struct guest_state *state);

/* A kernel call or builtin of the running thread is about to return to guest
 * code while head->pending is set. Runs on the guest's stack, owns nothing:
 * may switch, sleep or guest_unwind. */
void kernel_guest_pending(struct nb_thread_head *head);

/* A wait for somebody to change a word of guest memory and tell. */
struct guest_wait {
	uint64_t address; /* `bytes` aligned bytes, checked */
	uint64_t expected;
	uint32_t bytes;	      /* 4 or 8 */
	uint64_t deadline_ns; /* of the monotonic clock; UINT64_MAX: none */
};
enum guest_wait_result {
	GUEST_WAIT_WOKEN,
	GUEST_WAIT_DIFFERS,   /* the word is not what was expected */
	GUEST_WAIT_TIMED_OUT, /* or the process is ending, which the call's end will find */
	GUEST_WAIT_NO_MEMORY, /* the word's page is not there and cannot be had */
};
/* A builtin of the running thread waits. Compares and goes to sleep as one
 * step. Runs on the guest's stack. */
enum guest_wait_result
kernel_guest_wait(struct nb_thread_head *head, const struct guest_wait *wait);
/* The running thread wakes up to `count` of those who wait at `address`, oldest first; how
 * many. */
uint32_t kernel_guest_wake(struct nb_thread_head *head, uint64_t address, uint32_t count);

/* What is entered by a gate call that the kernel has let in. */
struct guest_gate_entry {
	struct guest_gate_activation *activation; /* NULL: refused, the registers hold results */
	const struct nb_callee *callee;
};

/* The stub could not take binding->first by itself. On the caller's stack, in its
 * seat, with head.guest_sp set; may sleep and may not return. An activation that it
 * returns has its `state`, badge, count, seat.place and seat.caller set, and is the
 * thread's present seat. */
struct guest_gate_entry
kernel_gate_enter(struct guest_gate_binding *binding, struct guest_seat *caller,
		  struct guest_gate_registers *registers);
/* A call has returned to its caller, which is the thread's seat again. `activation`
 * could not be given back by the stub; NULL: it was, and something is pending. On
 * the caller's stack, with head.guest_sp set; may sleep and may not return. */
void kernel_gate_return(struct guest_gate_activation *activation, struct guest_seat *caller);
/* A call was unwound by guest_unwind: activation->boundary.outcome tells why. The
 * activation is the thread's seat until this makes it the caller. Fills the results.
 * Otherwise the same. */
void kernel_gate_unwound(struct guest_gate_activation *activation,
			 struct guest_gate_registers *registers);

/* Lets others run where it is their turn. Long work that holds no lock calls it
 * several times a millisecond; cheap when nobody waits. May switch, ends nothing. */
void kernel_relax(void);
/* Whether long work is to be given up, because the process in which the thread is now is ending.
 * That of a process whose gate somebody was in who is ending is not given up in its midst:
 * it may be a table that grows, or a clone of its instances. */
bool kernel_is_canceled(void);

#endif
