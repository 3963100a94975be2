/*
 * Waiting at gates: who is refused because a wait would never end, who is not, and in
 * which order those are served who wait.
 */
#include "kernel/init/boot.h"
#include "kernel/object/event.h"
#include "tests/kernel/gate_fixture.h"

/* Of gateknot. Callers exit with an error, or with SERVED and the number of the call. */
enum kind { KIND_SERVER, KIND_CALLER, KIND_HAMMER, KIND_OWN };
enum { SERVED = 100, HOLD = -1, RING_MAX = 5, LOW = 4 };

/* Servers whose gates each call the next one's, and those who call them. */
struct ring {
	struct process *base; /* what they are bound to before there are all of them */
	struct process *servers[RING_MAX], *callers[RING_MAX];
	struct object *events[RING_MAX]; /* each server's */
	uint32_t count;
};

struct role {
	enum kind kind;
	uint32_t activations;
	int32_t steps;
	uint32_t value, last;
};

static struct process *
start_bound(struct gate *gate, struct object *event, uint32_t priority, const struct role *role)
{
	struct process_binding binding = {
		.name = "peer", .name_len = 4, .field = "add", .field_len = 3, .gate = gate
	};
	struct process *process = gates_process(GUEST(gateknot), "knot", priority, &binding, 1);
	uint32_t words[6] = { role->activations, kernel_grant(process, event, event_type.rights),
			      role->kind,	 (uint32_t)role->steps,
			      role->value,	 role->last };

	kernel_start(process, words, 6);
	kernel_run_idle();
	return process;
}

/* Calls the gate of `server`: so many steps, with that value, within `ms` (0: ever). */
static struct process *
start_caller(struct process *server, uint32_t priority, int32_t steps, uint32_t value, uint32_t ms)
{
	struct role role = { .kind = KIND_CALLER, .steps = steps, .value = value, .last = ms };
	struct object *event;
	struct process *process;

	assert_int_equal(event_create(boot_account(), &event), NB_OK);
	process = start_bound(gates_at(server, 0), event, priority, &role);
	object_put(event);
	return process;
}

static struct process *
start_base(void)
{
	struct process *base =
		gates_process(GUEST(gateserver), "base", NB_PRIORITY_NORMAL, NULL, 0);
	struct object *event;
	uint32_t words[3] = { 1, 0, 0 };

	assert_int_equal(event_create(boot_account(), &event), NB_OK);
	words[1] = kernel_grant(base, event, event_type.rights);
	object_put(event);
	kernel_start(base, words, 3);
	kernel_run_idle();
	return base;
}

/* `activations` has one number for each server. */
static void
ring_start(struct ring *ring, uint32_t count, const uint32_t *activations, enum kind kind)
{
	*ring = (struct ring){ .base = start_base(), .count = count };
	for (uint32_t i = 0; i < count; i++) {
		struct role role = { .kind = kind, .activations = activations[i] };

		assert_int_equal(event_create(boot_account(), &ring->events[i]), NB_OK);
		ring->servers[i] = start_bound(gates_at(ring->base, 0), ring->events[i],
					       NB_PRIORITY_NORMAL, &role);
	}
	for (uint32_t i = 0; i < count; i++)
		gates_rebind(ring->servers[i], gates_at(ring->servers[(i + 1) % count], 0));
}

static void
end_process(struct process *process)
{
	process_kill(process, 0);
	kernel_run_idle();
	object_put(&process->object);
}

static void
ring_end(struct ring *ring)
{
	for (uint32_t i = 0; i < ring->count; i++)
		gates_rebind(ring->servers[i], gates_at(ring->base, 0));
	for (uint32_t i = 0; i < ring->count; i++) {
		if (ring->callers[i])
			end_process(ring->callers[i]);
		assert_int_equal(ring->servers[i]->state, NB_PROCESS_RUNNING);
		end_process(ring->servers[i]);
		object_put(ring->events[i]);
	}
	end_process(ring->base);
}

/* Callers inside server i that have waited for `value` go on. */
static void
go(struct ring *ring, uint32_t i, uint32_t value)
{
	object_signals_change(ring->events[i], 0, (uint32_t)NB_SIGNAL_USER_0 << value);
}

static void
expect_waiting_at(struct process *process, struct process *server)
{
	assert_int_equal(process->state, NB_PROCESS_RUNNING);
	assert_non_null(gates_thread_in(process)->gate_wait);
	assert_ptr_equal(gates_thread_in(process)->gate_wait->pool, gates_at(server, 0)->pool);
}

static void
expect_first(struct process *server, struct process *process)
{
	assert_ptr_equal(gate_first_locked(gates_at(server, 0)->pool),
			 gates_thread_in(process)->gate_wait);
}

static const uint32_t one_each[RING_MAX] = { 1, 1, 1, 1, 1 };

/* ---- cycles ---- */

/* One caller is in each server's only activation. They go on to the next server in the
 * order first, first + stride, ...: the last one closes the cycle, and is refused; so
 * all the others get through. */
static void
check_ring(uint32_t count, uint32_t first, uint32_t stride, uint32_t ms)
{
	struct ring ring;
	uint32_t last = (first + (count - 1) * stride) % count;

	ring_start(&ring, count, one_each, KIND_SERVER);
	for (uint32_t i = 0; i < count; i++)
		ring.callers[i] = start_caller(ring.servers[i], NB_PRIORITY_NORMAL, 1, 0, ms);
	for (uint32_t k = 0; k < count - 1; k++) {
		uint32_t i = (first + k * stride) % count;

		go(&ring, i, 0);
		kernel_run_idle();
		expect_waiting_at(ring.callers[i], ring.servers[(i + 1) % count]);
	}
	go(&ring, last, 0);
	kernel_run_idle();
	for (uint32_t i = 0; i < count; i++)
		kernel_expect_end(ring.callers[i], i == last ? NB_DEADLOCK : SERVED + 2,
				  NB_TRAP_NONE);
	ring_end(&ring);
}

static void
test_cross(void **state)
{
	(void)state;
	check_ring(2, 0, 1, 0);
	check_ring(2, 1, 1, 0);
}

/* A call of oneself is the smallest ring. */
static void
test_self(void **state)
{
	(void)state;
	check_ring(1, 0, 1, 0);
}

static void
test_rings(void **state)
{
	(void)state;
	for (uint32_t first = 0; first < 3; first++) {
		check_ring(3, first, 1, 0);
		check_ring(3, first, 2, 0);
	}
	for (uint32_t stride = 1; stride < RING_MAX; stride++)
		check_ring(RING_MAX, stride, stride, 0);
}

/* That a wait of the cycle would be over in a minute does not count. */
static void
test_cross_with_deadline(void **state)
{
	(void)state;
	check_ring(2, 0, 1, 60000);
	check_ring(3, 1, 2, 60000);
}

/* Two threads whose gates are their own instances, and which are not in gate_serve:
 * each occupies what the other wants. */
static void
test_cross_of_servers(void **state)
{
	static const uint32_t own[2] = { 0, 0 };

	(void)state;
	for (uint32_t first = 0; first < 2; first++) {
		struct ring ring;
		uint32_t second = 1 - first;

		ring_start(&ring, 2, own, KIND_OWN);
		go(&ring, first, 0);
		kernel_run_idle();
		expect_waiting_at(ring.servers[first], ring.servers[second]);
		go(&ring, second, 0);
		kernel_run_idle();
		assert_true(object_signals(ring.events[second]) & NB_SIGNAL_USER_2);
		assert_true(object_signals(ring.events[first]) & NB_SIGNAL_USER_1);
		ring_end(&ring);
	}
}

/* ---- what only looks like it ---- */

/* Caller 0 is in server 0 and waits for server 1, whose two activations are used by
 * caller 1, which waits for server 0, and by caller 2, which does neither: so there
 * is a way out, until caller 2, too, wants to get into server 0 (`steps` 1). */
static void
check_second_activation(int32_t steps)
{
	static const uint32_t activations[3] = { 1, 2, 1 };
	struct ring ring;

	ring_start(&ring, 2, activations, KIND_SERVER);
	ring.callers[0] = start_caller(ring.servers[0], NB_PRIORITY_NORMAL, 1, 0, 0);
	ring.callers[1] = start_caller(ring.servers[1], NB_PRIORITY_NORMAL, 1, 0, 0);
	ring.callers[2] = start_caller(ring.servers[1], NB_PRIORITY_NORMAL, steps, 1, 0);
	go(&ring, 0, 0);
	kernel_run_idle();
	expect_waiting_at(ring.callers[0], ring.servers[1]);
	go(&ring, 1, 0);
	kernel_run_idle();
	expect_waiting_at(ring.callers[1], ring.servers[0]);
	assert_int_equal(ring.callers[2]->state, NB_PROCESS_RUNNING);
	go(&ring, 1, 1);
	kernel_run_idle();
	kernel_expect_end(ring.callers[2], steps > 0 ? NB_DEADLOCK : SERVED + 2, NB_TRAP_NONE);
	kernel_expect_end(ring.callers[0], SERVED + 3, NB_TRAP_NONE);
	kernel_expect_end(ring.callers[1], SERVED + 2, NB_TRAP_NONE);
	end_process(ring.callers[2]);
	ring_end(&ring);
}

static void
test_second_activation(void **state)
{
	(void)state;
	check_second_activation(HOLD);
	check_second_activation(1);
}

/* A line is no ring: all wait, but for the one at its end. */
static void
test_line(void **state)
{
	struct ring ring;

	(void)state;
	ring_start(&ring, RING_MAX, one_each, KIND_SERVER);
	for (uint32_t i = 0; i < RING_MAX; i++)
		ring.callers[i] = start_caller(ring.servers[i], NB_PRIORITY_NORMAL,
					       i < RING_MAX - 1 ? 1 : HOLD, 0, 0);
	for (uint32_t i = 0; i < RING_MAX - 1; i++)
		go(&ring, i, 0);
	kernel_run_idle();
	for (uint32_t i = 0; i < RING_MAX - 1; i++)
		expect_waiting_at(ring.callers[i], ring.servers[i + 1]);
	go(&ring, RING_MAX - 1, 0);
	kernel_run_idle();
	for (uint32_t i = 0; i < RING_MAX; i++)
		kernel_expect_end(ring.callers[i], SERVED + (i < RING_MAX - 1 ? 2 : 1),
				  NB_TRAP_NONE);
	ring_end(&ring);
}

static const struct process *awaited;

static bool
awaited_has_ended(void)
{
	return awaited->state == NB_PROCESS_ENDED;
}

/* Caller 0 gives up waiting for server 1 before caller 1, in there, wants to get into
 * server 0: there is no cycle any more. */
static void
test_timed_out_first(void **state)
{
	struct ring ring;

	(void)state;
	ring_start(&ring, 2, one_each, KIND_SERVER);
	ring.callers[0] = start_caller(ring.servers[0], NB_PRIORITY_NORMAL, 1, 0, 20);
	ring.callers[1] = start_caller(ring.servers[1], NB_PRIORITY_NORMAL, 1, 0, 0);
	go(&ring, 0, 0);
	awaited = ring.callers[0];
	kernel_run_until(awaited_has_ended);
	go(&ring, 1, 0);
	kernel_run_idle();
	kernel_expect_end(ring.callers[1], SERVED + 2, NB_TRAP_NONE);
	assert_true(ring.callers[0]->status == NB_TIMED_OUT ||
		    ring.callers[0]->status == NB_CANCELED);
	ring_end(&ring);
}

/* Caller 0 is killed while it waits for server 1; before it has run again, caller 1
 * wants to get into server 0, which caller 0 is about to leave. */
static void
test_canceled_first(void **state)
{
	struct ring ring;

	(void)state;
	ring_start(&ring, 2, one_each, KIND_SERVER);
	ring.callers[0] = start_caller(ring.servers[0], NB_PRIORITY_IDLE, 1, 0, 0);
	ring.callers[1] = start_caller(ring.servers[1], NB_PRIORITY_HIGH, 1, 0, 0);
	go(&ring, 0, 0);
	kernel_run_idle();
	expect_waiting_at(ring.callers[0], ring.servers[1]);
	go(&ring, 1, 0);
	process_kill(ring.callers[0], 3);
	kernel_run_idle();
	kernel_expect_end(ring.callers[0], 3, NB_TRAP_KILLED);
	kernel_expect_end(ring.callers[1], SERVED + 2, NB_TRAP_NONE);
	ring_end(&ring);
}

/* ---- order ---- */

/* Whoever waits is served by priority, and in the order of arrival among equals. */
static void
test_order(void **state)
{
	static const struct {
		uint32_t priority;
		int32_t served; /* after the one that is inside */
	} waiters[] = {
		{ NB_PRIORITY_NORMAL, 3 }, { NB_PRIORITY_HIGH, 1 }, { NB_PRIORITY_NORMAL, 4 },
		{ NB_PRIORITY_IDLE, 6 },   { NB_PRIORITY_HIGH, 2 }, { NB_PRIORITY_IDLE, 7 },
		{ NB_PRIORITY_NORMAL, 5 },
	};
	enum { WAITERS = sizeof waiters / sizeof waiters[0] };
	struct process *callers[WAITERS], *holder;
	struct ring ring;

	(void)state;
	ring_start(&ring, 1, one_each, KIND_SERVER);
	holder = start_caller(ring.servers[0], NB_PRIORITY_NORMAL, HOLD, 0, 0);
	for (uint32_t i = 0; i < WAITERS; i++) {
		callers[i] = start_caller(ring.servers[0], waiters[i].priority, 0, 0, 0);
		expect_waiting_at(callers[i], ring.servers[0]);
	}
	go(&ring, 0, 0);
	kernel_run_idle();
	kernel_expect_end(holder, SERVED + 1, NB_TRAP_NONE);
	for (uint32_t i = 0; i < WAITERS; i++) {
		kernel_expect_end(callers[i], SERVED + 1 + waiters[i].served, NB_TRAP_NONE);
		end_process(callers[i]);
	}
	end_process(holder);
	ring_end(&ring);
}

/* A waiter that inherits priority for a while, and loses it again, waits between the
 * same two as before. */
static void
test_order_after_inheritance(void **state)
{
	struct process *callers[3], *urgent, *holder;
	struct ring ring;

	(void)state;
	ring_start(&ring, 2, one_each, KIND_SERVER);
	holder = start_caller(ring.servers[1], NB_PRIORITY_NORMAL, HOLD, 0, 0);
	go(&ring, 0, 0);
	for (uint32_t i = 0; i < 3; i++) {
		callers[i] = start_caller(ring.servers[i == 1 ? 0 : 1], NB_PRIORITY_NORMAL, i == 1,
					  0, 0);
		expect_waiting_at(callers[i], ring.servers[1]);
	}
	urgent = start_caller(ring.servers[0], NB_PRIORITY_HIGH, 0, 0, 0);
	expect_waiting_at(urgent, ring.servers[0]);
	assert_int_equal(gates_thread_in(callers[1])->priority, NB_PRIORITY_HIGH);
	expect_first(ring.servers[1], callers[1]);
	process_kill(urgent, 3);
	kernel_run_idle();
	assert_int_equal(gates_thread_in(callers[1])->priority, NB_PRIORITY_NORMAL);
	go(&ring, 1, 0);
	kernel_run_idle();
	for (uint32_t i = 0; i < 3; i++) {
		kernel_expect_end(callers[i], SERVED + 2 + (int32_t)i, NB_TRAP_NONE);
		end_process(callers[i]);
	}
	end_process(urgent);
	end_process(holder);
	ring_end(&ring);
}

/* A waiter's own priority changes: so do its place, and what those inherit for whom it
 * waits. */
static void
test_order_after_change(void **state)
{
	struct process *first, *second, *holder;
	struct ring ring;

	(void)state;
	ring_start(&ring, 1, one_each, KIND_SERVER);
	holder = start_caller(ring.servers[0], NB_PRIORITY_IDLE, HOLD, 0, 0);
	first = start_caller(ring.servers[0], NB_PRIORITY_NORMAL, 0, 0, 0);
	second = start_caller(ring.servers[0], NB_PRIORITY_NORMAL, 0, 0, 0);
	expect_first(ring.servers[0], first);
	gate_set_priority(gates_thread_in(second), NB_PRIORITY_HIGH);
	expect_first(ring.servers[0], second);
	assert_int_equal(gates_thread_in(holder)->priority, NB_PRIORITY_HIGH);
	gate_set_priority(gates_thread_in(second), NB_PRIORITY_NORMAL);
	expect_first(ring.servers[0], first);
	assert_int_equal(gates_thread_in(holder)->priority, NB_PRIORITY_NORMAL);
	gate_set_priority(gates_thread_in(first), NB_PRIORITY_IDLE);
	expect_first(ring.servers[0], second);
	go(&ring, 0, 0);
	kernel_run_idle();
	kernel_expect_end(second, SERVED + 2, NB_TRAP_NONE);
	kernel_expect_end(first, SERVED + 3, NB_TRAP_NONE);
	end_process(first);
	end_process(second);
	end_process(holder);
	ring_end(&ring);
}

/* ---- starvation ---- */

enum { HAMMERS = 6, HAMMER_CALLS = 30 };

/* Callers that call again as soon as they are back: each is served once before any is
 * served twice. */
static void
check_hammering(uint32_t activations)
{
	struct role role = { .kind = KIND_HAMMER, .value = HAMMERS, .last = HAMMER_CALLS };
	struct process *callers[HAMMERS];
	struct ring ring;

	ring_start(&ring, 1, &activations, KIND_SERVER);
	for (uint32_t i = 0; i < HAMMERS; i++)
		callers[i] = start_bound(gates_at(ring.servers[0], 0), ring.events[0],
					 NB_PRIORITY_NORMAL, &role);
	for (uint32_t i = 0; i < HAMMERS * HAMMER_CALLS; i++) {
		go(&ring, 0, 0);
		kernel_run_idle();
	}
	for (uint32_t i = 0; i < HAMMERS; i++) {
		kernel_expect_end(callers[i], 33, NB_TRAP_NONE);
		end_process(callers[i]);
	}
	ring_end(&ring);
}

/* ---- urgency ---- */

static void
expect_priority(struct process *process, uint32_t priority)
{
	assert_int_equal(gates_thread_in(process)->priority, priority);
}

/* Who is urgent and waits for one that waits for another, and so on, makes all of them
 * urgent, as long as it waits. */
static void
test_inheritance_along_chain(void **state)
{
	struct process *low, *middle[2], *high;
	struct ring ring;

	(void)state;
	ring_start(&ring, 3, one_each, KIND_SERVER);
	low = start_caller(ring.servers[2], NB_PRIORITY_IDLE, HOLD, 0, 0);
	middle[1] = start_caller(ring.servers[1], LOW, 1, 0, 0);
	go(&ring, 1, 0);
	kernel_run_idle();
	expect_waiting_at(middle[1], ring.servers[2]);
	expect_priority(low, LOW);
	middle[0] = start_caller(ring.servers[0], NB_PRIORITY_IDLE, 1, 0, 0);
	go(&ring, 0, 0);
	kernel_run_idle();
	expect_waiting_at(middle[0], ring.servers[1]);
	expect_priority(low, LOW);
	high = start_caller(ring.servers[0], NB_PRIORITY_HIGH, HOLD, 0, 0);
	expect_waiting_at(high, ring.servers[0]);
	expect_priority(middle[0], NB_PRIORITY_HIGH);
	expect_priority(middle[1], NB_PRIORITY_HIGH);
	expect_priority(low, NB_PRIORITY_HIGH);
	end_process(high);
	expect_priority(middle[0], NB_PRIORITY_IDLE);
	expect_priority(middle[1], LOW);
	expect_priority(low, LOW);
	end_process(middle[1]);
	end_process(middle[0]);
	expect_priority(low, NB_PRIORITY_IDLE);
	end_process(low);
	ring_end(&ring);
}

/* A server that does something else first is urgent for those who wait for it. */
static void
test_inheritance_of_server(void **state)
{
	struct role role = { .kind = KIND_OWN };
	struct process *server, *high;
	struct object *event;
	struct ring ring;

	(void)state;
	ring_start(&ring, 1, one_each, KIND_SERVER);
	assert_int_equal(event_create(boot_account(), &event), NB_OK);
	server = start_bound(gates_at(ring.servers[0], 0), event, LOW, &role);
	expect_priority(server, LOW);
	high = start_caller(server, NB_PRIORITY_HIGH, 0, 0, 0);
	expect_waiting_at(high, server);
	expect_priority(server, NB_PRIORITY_HIGH);
	object_signals_change(event, 0, NB_SIGNAL_USER_0);
	kernel_run_idle();
	kernel_expect_end(high, SERVED + 1, NB_TRAP_NONE);
	expect_priority(server, LOW);
	end_process(high);
	end_process(server);
	ring_end(&ring);
	object_put(event);
}

static void
test_hammering(void **state)
{
	(void)state;
	check_hammering(0);
	check_hammering(1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		kernel_test(test_cross),
		kernel_test(test_self),
		kernel_test(test_rings),
		kernel_test(test_cross_with_deadline),
		kernel_test(test_cross_of_servers),
		kernel_test(test_second_activation),
		kernel_test(test_line),
		kernel_test(test_timed_out_first),
		kernel_test(test_canceled_first),
		kernel_test(test_order),
		kernel_test(test_order_after_inheritance),
		kernel_test(test_order_after_change),
		kernel_test(test_inheritance_along_chain),
		kernel_test(test_inheritance_of_server),
		kernel_test(test_hammering),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
