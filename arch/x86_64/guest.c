/*
 * The part of guest entry that C can say: the layouts behind guest_stubs.S, edited
 * states, and the walk over guest frames.
 */
#include "kernel/port/guest.h"

#include "abi/types.h"
#include "arch/x86_64/guest_layout.h"

#define ASSERT_OFFSET(type, field, value) \
	_Static_assert(offsetof(struct type, field) == (value), "guest_layout.h: " #type)
ASSERT_OFFSET(nb_callee, code, CALLEE_CODE);
ASSERT_OFFSET(nb_callee, vmctx, CALLEE_VMCTX);
ASSERT_OFFSET(nb_callee, signature, CALLEE_SIGNATURE);
_Static_assert(SIGNATURE_AREA_SHIFT == NB_SIGNATURE_TYPE_BITS, "signature word");
ASSERT_OFFSET(nb_vmctx, memory_base, VMCTX_MEMORY_BASE);
ASSERT_OFFSET(nb_vmctx, thread, VMCTX_THREAD);
ASSERT_OFFSET(nb_vmctx, host_function, VMCTX_HOST_FUNCTION);
ASSERT_OFFSET(nb_thread_head, stack_limit, THREAD_STACK_LIMIT);
ASSERT_OFFSET(nb_thread_head, pending, THREAD_PENDING);
ASSERT_OFFSET(nb_thread_head, guest_sp, THREAD_GUEST_SP);
ASSERT_OFFSET(nb_thread_head, activation, THREAD_ACTIVATION);
ASSERT_OFFSET(nb_thread_head, stack_floor, THREAD_STACK_FLOOR);
ASSERT_OFFSET(guest_activation, previous, ACTIVATION_PREVIOUS);
ASSERT_OFFSET(guest_activation, stack, ACTIVATION_STACK);
ASSERT_OFFSET(guest_activation, outcome, ACTIVATION_OUTCOME);
ASSERT_OFFSET(guest_activation, saved_guest_sp, ACTIVATION_SAVED_GUEST_SP);
ASSERT_OFFSET(guest_activation, landing, ACTIVATION_LANDING);
_Static_assert(sizeof(struct guest_activation) == ACTIVATION_BYTES, "activation");
ASSERT_OFFSET(guest_call, gpr, CALL_GPR);
ASSERT_OFFSET(guest_call, xmm, CALL_XMM);
ASSERT_OFFSET(guest_call, area, CALL_AREA);
ASSERT_OFFSET(guest_call, area_slots, CALL_AREA_SLOTS);
ASSERT_OFFSET(guest_state, gpr, STATE_GPR);
ASSERT_OFFSET(guest_state, rip, STATE_RIP);
ASSERT_OFFSET(guest_state, rflags, STATE_RFLAGS);
ASSERT_OFFSET(guest_state, xmm, STATE_XMM);
ASSERT_OFFSET(guest_state, mxcsr, STATE_MXCSR);
ASSERT_OFFSET(guest_clock, version, CLOCK_VERSION);
ASSERT_OFFSET(guest_clock, base_ticks, CLOCK_BASE_TICKS);
ASSERT_OFFSET(guest_clock, base_ns, CLOCK_BASE_NS);
ASSERT_OFFSET(guest_clock, rate, CLOCK_RATE);
ASSERT_OFFSET(guest_clock, next_ns, CLOCK_NEXT_NS);
ASSERT_OFFSET(guest_clock, floor_ns, CLOCK_FLOOR_NS);
_Static_assert(NB_CLOCK_MONOTONIC == CLOCK_MONOTONIC, "clock");
_Static_assert(PRESENT_PAGES *PAGE_BYTES + PRESENT_REST == GUEST_KERNEL_PRESENT, "probed headroom");
_Static_assert(PAGE_BYTES == PORT_PAGE_BYTES, "page size");

struct guest_clock guest_clock;

_Static_assert(NB_TAIL_HEADER_BYTES == TAIL_HEADER_BYTES, "tail frame");
_Static_assert(NB_TAIL_CLASSES == TAIL_CLASSES, "tail frame");

/* Places inside guest_stubs.S, in their order there. */
extern const uint8_t guest_enter_return[];
extern const uint8_t guest_cross_area[];
extern const uint8_t guest_cross_return[];
extern const uint8_t guest_tail_entries[];
extern const uint8_t guest_tail_leave[];
extern const uint8_t guest_stack_probe[];

enum { RFLAGS_DIRECTION = 1 << 10, RFLAGS_RESUME = 1 << 16 };

void
guest_state_redirect_unwind(struct guest_state *state, struct nb_thread_head *head,
			    enum nb_trap trap)
{
	const struct guest_activation *activation =
		(const struct guest_activation *)(uintptr_t)head->activation;

	state->rip = (uint64_t)(uintptr_t)guest_unwind;
	state->gpr[NB_RDI] = (uint64_t)(uintptr_t)head;
	state->gpr[NB_RSI] = trap;
	state->gpr[NB_RSP] = activation->stack;
	state->rflags &= ~(uint64_t)(RFLAGS_DIRECTION | RFLAGS_RESUME);
}

void
guest_state_redirect_call(struct guest_state *state, const struct port_stack *stack,
			  void (*entry)(void *argument), void *argument)
{
	state->rip = (uint64_t)(uintptr_t)entry;
	state->gpr[NB_RDI] = (uint64_t)(uintptr_t)argument;
	state->gpr[NB_RBP] = 0;
	/* As behind a call: 8 below a multiple of 16. */
	state->gpr[NB_RSP] = stack->top - 8;
	state->rflags &= ~(uint64_t)(RFLAGS_DIRECTION | RFLAGS_RESUME);
}

/* Words of the walked stack are read past the sanitizer's redzones, which C
 * frames discarded by an unwind may have left there. */
static __attribute__((no_sanitize("address"))) uint64_t
stack_word(uint64_t address)
{
	return *(const uint64_t *)(uintptr_t)address;
}

static bool
is_between(uint64_t pc, const uint8_t *start, const uint8_t *end)
{
	return pc >= (uint64_t)(uintptr_t)start && pc < (uint64_t)(uintptr_t)end;
}

/* Bytes of the tail frame without its return address, which has `pc` in one of
 * guest_tail_entries. */
static uint64_t
tail_frame_bytes(uint64_t pc)
{
	uint64_t offset = pc - (uint64_t)(uintptr_t)guest_tail_entries;

	return nb_tail_class_bytes((uint32_t)(offset >> TAIL_ENTRY_SHIFT)) + TAIL_HEADER_BYTES;
}

/* The return address at `slot`, or behind the frames of stubs above it, becomes
 * the walk's place. False if it leads out of guest code, or above the activation,
 * so that a walk stays on the stack even if it takes a guest's words for return
 * addresses. */
static bool
walk_return(struct guest_walk *walk, uint64_t slot)
{
	while (slot < walk->stop_sp) {
		walk->pc = stack_word(slot);
		walk->sp = slot + 8;
		walk->is_return_address = true;
		if (walk->pc == (uint64_t)(uintptr_t)guest_cross_return)
			slot = walk->sp + 8;
		else if (is_between(walk->pc, guest_tail_entries, guest_tail_leave))
			slot = walk->sp + tail_frame_bytes(walk->pc);
		else
			return walk->pc != (uint64_t)(uintptr_t)guest_enter_return;
	}
	return false;
}

/* Where the return address into guest code is for a fault in a stub. */
static uint64_t
stub_return_slot(const struct guest_state *state)
{
	uint64_t sp = state->gpr[NB_RSP];

	if (is_between(state->rip, guest_cross_area, guest_tail_grow_stub))
		return state->gpr[NB_R15] - 8;
	if (is_between(state->rip, guest_tail_grow_stub, guest_tail_entries))
		return state->gpr[NB_RBX];
	if (is_between(state->rip, guest_tail_entries, guest_tail_leave))
		return sp + tail_frame_bytes(state->rip);
	if (is_between(state->rip, guest_tail_leave, guest_stack_probe))
		return state->gpr[NB_R14] + TAIL_HEADER_BYTES;
	return sp;
}

bool
guest_walk_start(struct guest_walk *walk, const struct nb_thread_head *head,
		 const struct guest_state *state)
{
	const struct guest_activation *activation =
		(const struct guest_activation *)(uintptr_t)head->activation;

	*walk = (struct guest_walk){ 0 };
	if (!activation)
		return false;
	walk->stop_sp = activation->stack;
	if (state && !guest_pc_is_stub(state->rip)) {
		walk->pc = state->rip;
		walk->sp = state->gpr[NB_RSP];
		return true;
	}
	uint64_t slot = state ? stub_return_slot(state) : head->guest_sp;
	return slot && walk_return(walk, slot);
}

bool
guest_walk_step(struct guest_walk *walk, uint32_t frame_size)
{
	return walk_return(walk, walk->sp + frame_size);
}
