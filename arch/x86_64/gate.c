/*
 * The part of gates that C can say: the layouts behind guest_stubs.S, and the
 * boundary of a call.
 */
#include "kernel/port/guest.h"

#include "arch/x86_64/guest_layout.h"

#define ASSERT_OFFSET(type, field, value) \
	_Static_assert(offsetof(struct type, field) == (value), "guest_layout.h: " #type)
ASSERT_OFFSET(guest_seat, head, 0);
ASSERT_OFFSET(guest_seat, place, SEAT_PLACE);
ASSERT_OFFSET(guest_seat, left_return, SEAT_LEFT_RETURN);
ASSERT_OFFSET(guest_seat, caller, SEAT_CALLER);
ASSERT_OFFSET(guest_gate_activation, seat, 0);
ASSERT_OFFSET(guest_gate_activation, state, GATE_STATE);
ASSERT_OFFSET(guest_gate_activation, stack, GATE_STACK);
ASSERT_OFFSET(guest_gate_activation, caller_stack, GATE_CALLER_STACK);
ASSERT_OFFSET(guest_gate_activation, saved, GATE_RBX);
ASSERT_OFFSET(guest_gate_activation, binding, GATE_BINDING);
ASSERT_OFFSET(guest_gate_activation, badge, GATE_BADGE);
ASSERT_OFFSET(guest_gate_activation, calls, GATE_CALLS);
ASSERT_OFFSET(guest_gate_activation, boundary, GATE_BOUNDARY);
ASSERT_OFFSET(guest_gate_binding, context, 0);
ASSERT_OFFSET(guest_gate_binding, first, BINDING_FIRST);
ASSERT_OFFSET(guest_gate_binding, badge, BINDING_BADGE);
ASSERT_OFFSET(guest_gate_binding, entry, BINDING_ENTRY);
ASSERT_OFFSET(guest_gate_binding, arguments, BINDING_ARGUMENTS);
ASSERT_OFFSET(guest_gate_binding, results, BINDING_RESULTS);
ASSERT_OFFSET(guest_gate_registers, rax, GATE_REGISTERS_GPR);
ASSERT_OFFSET(guest_gate_registers, binding, GATE_REGISTERS_BINDING);
ASSERT_OFFSET(guest_gate_registers, xmm, GATE_REGISTERS_XMM);
_Static_assert(sizeof(struct guest_gate_registers) == GATE_REGISTERS_BYTES, "registers");

_Static_assert(GUEST_PENDING_END == PENDING_END, "guest_layout.h: pending");

extern const uint8_t guest_gate_landing[];

void
guest_gate_init(struct guest_gate_activation *activation)
{
	struct guest_seat *seat = &activation->seat;

	/* Aligned for a call, below it the return address. */
	activation->stack = seat->stack.top - 16;
	*(uint64_t *)(uintptr_t)activation->stack = (uint64_t)(uintptr_t)activation;
	activation->boundary = (struct guest_activation){
		.stack = activation->stack,
		.landing = (uint64_t)(uintptr_t)guest_gate_landing,
	};
	seat->head.activation = (uint64_t)(uintptr_t)&activation->boundary;
}
