/*
 * Both sides: its gate calls the one that it is bound to, with one less. Startup:
 * activations, event; then, if the third word is not 0, it calls first itself with
 * that number and exits with the error, or 33.
 */
#include "guest.h"

__attribute__((import_module("peer"), import_name("add"))) int64_t peer_add(int32_t a, int64_t b);

static uint32_t event;

static int64_t
add(int32_t a, int64_t b)
{
	if (a == 0)
		return b;
	return peer_add(a - 1, b + 1);
}

void
_start(void)
{
	uint32_t activations = guest_handle(0), first = guest_handle(2);
	int64_t result;

	event = guest_handle(1);
	EXPECT(nb_gate_create((uint32_t)(uintptr_t)add, "iI>I", 4, activations, 0) > 0);
	if (first) {
		(void)nb_object_wait_one(event, NB_SIGNAL_USER_6, INT64_MAX);
		result = peer_add((int32_t)first, 0);
		nb_process_exit(result < 0 ? (int32_t)-result : 33 + (int32_t)result);
	}
	if (!activations)
		(void)nb_gate_serve(INT64_MAX);
	(void)nb_object_wait_one(event, NB_SIGNAL_USER_7, INT64_MAX);
	nb_process_exit(6);
}
