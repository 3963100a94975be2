/*
 * As gateclient, but its calls name the gates by handles: the words of startup behind the
 * third. Mode 100: what such calls refuse, and calls of a gate of its own; 101, 102: stays
 * in that, waiting and computing.
 */
#include "guest.h"

#include <stdbool.h>

#define GATES_BY_HANDLE
#define CALL(signature) \
	__attribute__((import_module("nebulet"), import_name("gate_call:" signature)))
CALL("iI>I") int64_t call_add(uint32_t gate, int32_t a, int64_t b);
CALL("ifIFi>I") int64_t call_mix(uint32_t gate, int32_t a, float f, int64_t b, double d, int32_t c);
CALL(">I") int64_t call_none(uint32_t gate);
CALL("rw>I")
int64_t call_lend(uint32_t gate, const void *from, uint32_t from_len, void *to, uint32_t to_len);
CALL("h>I") int64_t call_take(uint32_t gate, uint32_t handle);
CALL("hh>I") int64_t call_take_two(uint32_t gate, uint32_t first, uint32_t second);
CALL("r>I") int64_t call_wait_lent(uint32_t gate, const void *from, uint32_t len);
CALL("i>I") int64_t call_leave(uint32_t gate, int32_t status);
CALL("iiiiii>I")
int64_t
call_six(uint32_t gate, uint32_t a, uint32_t b, uint32_t c, uint32_t d, uint32_t e, uint32_t f);

enum {
	ADD,
	MIX,
	BADGE,
	COUNT,
	FAULT,
	SPIN,
	LEND,
	TAKE,
	WAIT,
	WAIT_LENT,
	LEAVE,
	PEEK,
	TAKE_TWO,
	GATES
};

static uint32_t
gate(uint32_t idx)
{
	uint32_t words[3 + GATES];

	(void)nb_process_startup(words, sizeof words);
	return words[3 + idx];
}

#define peer_add(a, b)		     call_add(gate(ADD), a, b)
#define peer_mix(a, f, b, d, c)	     call_mix(gate(MIX), a, f, b, d, c)
#define peer_badge()		     call_none(gate(BADGE))
#define peer_count()		     call_none(gate(COUNT))
#define peer_fault()		     call_none(gate(FAULT))
#define peer_spin()		     call_none(gate(SPIN))
#define peer_lend(from, n, to, to_n) call_lend(gate(LEND), from, n, to, to_n)
#define peer_take(handle)	     call_take(gate(TAKE), handle)
#define peer_wait()		     call_none(gate(WAIT))
#define peer_wait_lent(from, n)	     call_wait_lent(gate(WAIT_LENT), from, n)
#define peer_leave(status)	     call_leave(gate(LEAVE), status)
#define peer_peek()		     call_none(gate(PEEK))
#define peer_take_two(a, b)	     call_take_two(gate(TAKE_TWO), a, b)

static void refused(void);
static void own(void);
static void stay(bool is_waiting);
#define GATES_MORE                            \
	case 100:                             \
		refused();                    \
		own();                        \
		break;                        \
	case 101:                             \
	case 102:                             \
		stay(guest_handle(0) == 101); \
		break;
#include "gateclient.c"

static void
refused(void)
{
	int64_t event = nb_event_create();
	int64_t poor = nb_handle_duplicate(gate(ADD), NB_RIGHT_WAIT);

	EXPECT(call_add(0, 1, 2) == ERR(BAD_HANDLE));
	EXPECT(call_add(12345, 1, 2) == ERR(BAD_HANDLE));
	EXPECT(call_add((uint32_t)event, 1, 2) == ERR(WRONG_TYPE));
	EXPECT(call_add((uint32_t)poor, 1, 2) == ERR(ACCESS_DENIED));
	/* A number that the gate would take for a handle, ranges for other ranges. */
	EXPECT(call_leave(gate(TAKE), (int32_t)event) == ERR(UNLINKABLE));
	EXPECT(call_take(gate(LEAVE), (uint32_t)event) == ERR(UNLINKABLE));
	EXPECT(call_wait_lent(gate(LEND), from, 1) == ERR(UNLINKABLE));
	EXPECT(call_none(gate(ADD)) == ERR(UNLINKABLE));
	EXPECT(nb_object_signal((uint32_t)event, 0, NB_SIGNAL_USER_1) == 0);
	/* A handle that names the gate itself. */
	EXPECT(nb_handle_close((uint32_t)poor) == 0);
	poor = nb_handle_duplicate(gate(ADD), NB_RIGHT_EXECUTE);
	EXPECT(call_add((uint32_t)poor, 1, 2) == 3);
	EXPECT(nb_handle_close((uint32_t)poor) == 0);
	EXPECT(call_add((uint32_t)poor, 1, 2) == ERR(BAD_HANDLE));
}

static _Alignas(16) uint8_t own_stack[4096];
static uint32_t own_gate;

static int64_t
digits(uint32_t a, uint32_t b, uint32_t c, uint32_t d, uint32_t e, uint32_t f)
{
	if (a == 9)
		return call_six(own_gate, 1, b, c, d, e, f);
	return a * 100000 + b * 10000 + c * 1000 + d * 100 + e * 10 + f;
}

static void
own(void)
{
	struct nb_gate_stacks where = { (uint32_t)(uintptr_t)own_stack, sizeof own_stack };
	int64_t made = nb_gate_create((uint32_t)(uintptr_t)digits, "iiiiii>I", 8, 1, &where);

	EXPECT(made > 0);
	own_gate = (uint32_t)made;
	EXPECT(call_six(own_gate, 1, 2, 3, 4, 5, 6) == 123456);
	/* Inside there is one place, and this call has it. */
	EXPECT(call_six(own_gate, 9, 2, 3, 4, 5, 6) == ERR(DEADLOCK));
	EXPECT(call_six(own_gate, 6, 5, 4, 3, 2, 1) == 654321);
	EXPECT(nb_handle_close(own_gate) == 0);
}

static int64_t
remain(int32_t is_waiting)
{
	static volatile bool goes_on = true;

	while (!is_waiting && goes_on)
		;
	return nb_object_wait_one(guest_handle(1), NB_SIGNAL_USER_0, INT64_MAX);
}

static void
stay(bool is_waiting)
{
	struct nb_gate_stacks where = { (uint32_t)(uintptr_t)own_stack, sizeof own_stack };
	int64_t made = nb_gate_create((uint32_t)(uintptr_t)remain, "i>I", 3, 1, &where);

	EXPECT(made > 0);
	(void)call_leave((uint32_t)made, is_waiting);
	EXPECT(false);
}
