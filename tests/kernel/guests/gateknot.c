/*
 * Processes whose gates call each other. Startup: activations, an event of its own,
 * what it is (enum kind), and for callers: the steps and the value of a call, its
 * deadline in milliseconds or the number of calls.
 *
 * The gate counts its calls and returns the number, of this one if it makes no further
 * call. It waits for the signal USER_0 << value before it goes on.
 */
#include "guest.h"

enum kind { SERVER, CALLER, HAMMER, OWN };
enum { STACK_BYTES = 4096, HOLD = -1, HOLD_ONCE = -2 };

__attribute__((import_module("peer"), import_name("add"))) int64_t
peer_step(int32_t steps, int64_t value);

static _Alignas(16) uint8_t stacks[8 * STACK_BYTES];
static uint32_t event, served;

/* `steps` further calls; none: at once; HOLD: after the signal; HOLD_ONCE: which is
 * cleared then. */
static int64_t
step(int32_t steps, int64_t value)
{
	uint64_t signal = (uint64_t)NB_SIGNAL_USER_0 << value;
	int64_t number = ++served;

	if (steps == 0)
		return number;
	if (nb_object_wait_one(event, signal, INT64_MAX) < 0)
		return ERR(CANCELED);
	if (steps == HOLD)
		return number;
	if (steps == HOLD_ONCE) {
		EXPECT(nb_object_signal(event, signal, 0) == 0);
		return number;
	}
	return peer_step(steps - 1, value);
}

static void
set_deadline(uint32_t ms)
{
	int64_t now = nb_clock_get(NB_CLOCK_MONOTONIC);

	EXPECT(nb_gate_deadline(ms ? now + ms * INT64_C(1000000) : INT64_MAX) == 0);
}

/* The calling clients are `gap` in number: nobody is served twice while another waits. */
static void
hammer(uint32_t calls, uint32_t gap)
{
	int64_t before = 0, number;

	for (uint32_t i = 0; i < calls; i++) {
		number = peer_step(HOLD_ONCE, 0);
		EXPECT(number > before);
		EXPECT(before == 0 || number - before <= gap);
		before = number;
	}
}

/* Its gate is its own instance, which it leaves for a call before it serves. */
static void
call_then_serve(void)
{
	int64_t result;

	EXPECT(nb_object_wait_one(event, NB_SIGNAL_USER_0, INT64_MAX) > 0);
	result = peer_step(0, 0);
	EXPECT(result > 0 || result == ERR(DEADLOCK));
	EXPECT(nb_object_signal(event, 0, result > 0 ? NB_SIGNAL_USER_1 : NB_SIGNAL_USER_2) == 0);
	(void)nb_gate_serve(INT64_MAX);
}

static void
serve(uint32_t activations, enum kind kind)
{
	struct nb_gate_stacks where = { (uint32_t)(uintptr_t)stacks, STACK_BYTES };

	EXPECT(nb_gate_create((uint32_t)(uintptr_t)step, "iI>I", 4, activations,
			      activations ? &where : 0) > 0);
	if (kind == OWN)
		call_then_serve();
	else if (!activations)
		(void)nb_gate_serve(INT64_MAX);
	else
		(void)nb_object_wait_one(event, NB_SIGNAL_USER_7, INT64_MAX);
	nb_process_exit(6);
}

void
_start(void)
{
	uint32_t activations = guest_handle(0);
	enum kind kind = (enum kind)guest_handle(2);
	int32_t steps = (int32_t)guest_handle(3);
	uint32_t value = guest_handle(4), last = guest_handle(5);
	int64_t result;

	event = guest_handle(1);
	if (kind == HAMMER) {
		hammer(last, value);
		nb_process_exit(33);
	}
	if (kind != CALLER)
		serve(activations, kind);
	set_deadline(last);
	result = peer_step(steps, value);
	nb_process_exit(result < 0 ? (int32_t)-result : 100 + (int32_t)result);
}
