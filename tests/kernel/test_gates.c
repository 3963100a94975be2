/*
 * Gates between processes: values, ranges, handles, badges; who waits for whom;
 * traps and kills on either side, and what is left of them: nothing.
 */
#include "kernel/init/boot.h"
#include "kernel/mm/account.h"
#include "kernel/object/event.h"
#include "kernel/sched/sched.h"
#include "tests/kernel/gate_fixture.h"

#include <stdio.h>
#include <string.h>

/* Of the client; the server has one more. */
enum { GATES = 13, GATE_BLOCK = 13 };
static const char *const gate_names[GATES] = { "add",	"mix",	"badge",   "count", "fault",
					       "spin",	"lend", "take",	   "wait",  "wait_lent",
					       "leave", "peek", "take_two" };
enum mode {
	MODE_ALL,
	MODE_FAULT,
	MODE_LEAVE,
	MODE_SPIN,
	MODE_WAIT_CLOSED,
	MODE_WAIT,
	MODE_WAIT_LENT,
	MODE_DEADLINE,
	MODE_SPIN_FAULTED,
	MODE_BUSY,
	MODE_BY_HANDLE = 100,
	MODE_OWN_WAIT,
	MODE_OWN_SPIN,
};

static struct object *event;
static bool is_by_handle; /* clients are not bound to gates, but name them */

static void
start_with(struct process *process, uint32_t first, uint32_t third)
{
	uint32_t words[3] = { first, kernel_grant(process, event, event_type.rights), third };

	kernel_start(process, words, 3);
}

/* A server with that many activations, which is ready for callers. */
static struct process *
start_server(uint32_t activations, uint32_t ms)
{
	struct process *server =
		gates_process(GUEST(gateserver), "server", NB_PRIORITY_NORMAL, NULL, 0);

	assert_int_equal(event_create(boot_account(), &event), NB_OK);
	start_with(server, activations, ms);
	kernel_run_idle();
	assert_int_equal(server->state, NB_PROCESS_RUNNING);
	return server;
}

/* A client that has handles to all gates, with a badge of 77. */
static struct process *
start_client_by_handle(struct process *server, enum mode mode, uint32_t priority)
{
	struct process *client = gates_process(GUEST(gatehandle), "client", priority, NULL, 0);
	uint32_t words[3 + GATES] = { mode };
	struct gate *gate;

	words[1] = kernel_grant(client, event, event_type.rights);
	for (uint32_t i = 0; i < GATES; i++) {
		assert_int_equal(gate_create_badged(gates_at(server, i), 77, boot_account(), &gate),
				 NB_OK);
		words[3 + i] = kernel_grant(client, &gate->object,
					    NB_RIGHT_EXECUTE | NB_RIGHT_DUPLICATE | NB_RIGHT_WAIT);
		object_put(&gate->object);
	}
	kernel_start(client, words, 3 + GATES);
	return client;
}

/* A client that is bound to all gates, through a badge of 77. */
static struct process *
start_client(struct process *server, enum mode mode, uint32_t priority)
{
	struct process_binding bindings[GATES];
	struct process *client;

	if (is_by_handle)
		return start_client_by_handle(server, mode, priority);
	for (uint32_t i = 0; i < GATES; i++) {
		bindings[i] =
			(struct process_binding){ .name = "peer",
						  .name_len = 4,
						  .field = gate_names[i],
						  .field_len = (uint32_t)strlen(gate_names[i]) };
		assert_int_equal(gate_create_badged(gates_at(server, i), 77, boot_account(),
						    &bindings[i].gate),
				 NB_OK);
	}
	client = gates_process(GUEST(gateclient), "client", priority, bindings, GATES);
	for (uint32_t i = 0; i < GATES; i++)
		object_put(&bindings[i].gate->object);
	start_with(client, mode, 0);
	return client;
}

static void
put_process(struct process *process)
{
	object_put(&process->object);
}

/* Everything is over: the server ends, too, if it has not. */
static void
finish(struct process *server)
{
	process_kill(server, 0);
	kernel_run_all(10000, NULL);
	put_process(server);
	object_put(event);
}

/* ---- calls ---- */

static void
check_plain(uint32_t activations)
{
	struct process *server = start_server(activations, 0);
	struct process *client = start_client(server, MODE_ALL, NB_PRIORITY_NORMAL);

	kernel_run_idle();
	kernel_expect_end(client, 33, NB_TRAP_NONE);
	assert_int_equal(server->state, NB_PROCESS_RUNNING);
	put_process(client);
	finish(server);
}

static void
test_own_instance(void **state)
{
	(void)state;
	check_plain(0);
}

static void
test_one_clone(void **state)
{
	(void)state;
	check_plain(1);
}

static void
test_many_clones(void **state)
{
	(void)state;
	check_plain(4);
}

static void
test_by_handle(void **state)
{
	struct process *server = start_server(1, 0);
	struct process *client = start_client_by_handle(server, MODE_BY_HANDLE, NB_PRIORITY_NORMAL);

	(void)state;
	kernel_run_idle();
	kernel_expect_end(client, 33, NB_TRAP_NONE);
	put_process(client);
	finish(server);
}

static int
by_handle(void **state)
{
	(void)state;
	is_by_handle = true;
	return 0;
}

static void
test_info(void **state)
{
	struct process *server = start_server(2, 0);
	struct process *client = start_client(server, MODE_BUSY, NB_PRIORITY_NORMAL);
	struct object_info info;
	struct nb_gate_info told;

	(void)state;
	kernel_run_idle();
	kernel_expect_end(client, 33, NB_TRAP_NONE);
	assert_int_equal(object_info(&gates_at(server, 0)->object, 0, NB_INFO_GATE, &info), NB_OK);
	assert_int_equal(info.len, sizeof told);
	memcpy(&told, info.bytes, sizeof told);
	assert_int_equal(told.calls, 200000);
	assert_int_equal(told.activations, 2);
	assert_int_equal(told.busy, 0);
	/* Of the process that serves, and what is counted stays when the gates go. */
	assert_int_equal(gate_process_calls(server), 200000);
	assert_int_equal(gate_process_calls(server), 200000);
	assert_int_equal(gate_process_calls(client), 0);
	process_kill(server, 0);
	kernel_run_all(10000, NULL);
	assert_true(list_is_empty(&server->gate_pools));
	assert_int_equal(gate_process_calls(server), 200000);
	put_process(client);
	finish(server);
}

static void
test_link_types(void **state)
{
	struct process *server = start_server(1, 0);
	struct process_binding binding = { .name = "peer",
					   .name_len = 4,
					   .field = "add",
					   .field_len = 3,
					   .gate = gates_at(server, 1) };
	struct process_options options = { .account = boot_account(), .name = "x", .name_len = 1 };
	struct module *module = GUEST(gateclient);
	struct process *client;
	struct diag diag;
	uint32_t idx;

	(void)state;
	diag_init(&diag);
	assert_int_equal(process_create(&options, &client), NB_OK);
	assert_int_equal(process_instantiate(client, module, &binding, 1, &diag, &idx),
			 NB_UNLINKABLE);
	assert_non_null(strstr(diag.text, "incompatible import type"));
	assert_non_null(
		strstr(diag.text, "\"peer\" \"add\" wants (i32, i64) -> (i64), found (i32, f32"));
	assert_null(client->graph.bindings);
	object_put(&module->object);
	put_process(client);
	finish(server);
}

static void
test_signatures(void **state)
{
	static const char *const bad[] = {
		"",	">",	      "i",	     "i>",     "i>i", "x>I",
		"i>Ix", "iiiiiiii>I", "fffffffff>I", "rrrr>I", "I>h",
	};
	static const char *const good[] = { ">I", "iiiiiii>I", "ffffffff>I", "rwb>I", "hv>IfFi" };
	struct gate_signature signature;

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_int_equal(gate_signature_read(bad[i], (uint32_t)strlen(bad[i]), &signature),
				 NB_INVALID_ARGUMENT);
	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
		assert_int_equal(
			gate_signature_read(good[i], (uint32_t)strlen(good[i]), &signature), NB_OK);
}

/* ---- traps and kills ---- */

static void
check_callee_ends(uint32_t activations, enum mode mode, int32_t status, enum nb_trap trap)
{
	struct process *server = start_server(activations, 0);
	struct process *client = start_client(server, mode, NB_PRIORITY_NORMAL);

	kernel_run_idle();
	kernel_expect_end(client, 33, NB_TRAP_NONE);
	kernel_expect_end(server, status, trap);
	if (trap == NB_TRAP_UNREACHABLE)
		assert_non_null(strstr(server->backtrace, "server: unreachable\n  at "));
	put_process(client);
	finish(server);
}

static void
test_trap_in_callee(void **state)
{
	(void)state;
	for (uint32_t activations = 0; activations < 3; activations++)
		check_callee_ends(activations, MODE_FAULT, NB_TRAP_EXIT_BASE + NB_TRAP_UNREACHABLE,
				  NB_TRAP_UNREACHABLE);
}

static void
test_exit_in_callee(void **state)
{
	(void)state;
	for (uint32_t activations = 0; activations < 3; activations++)
		check_callee_ends(activations, MODE_LEAVE, 9, NB_TRAP_NONE);
}

static struct process *victim;

static void
kill_victim(void)
{
	process_kill(victim, 3);
}

/* Lets everything run for `ms`, then kills `process`, and the rest goes on. */
static void
run_and_kill(struct process *process, uint32_t ms)
{
	victim = process;
	kernel_run_for(ms, kill_victim);
}

/* A process that is killed inside its own gate is caller and callee at once. */
static void
test_kill_in_own_gate(void **state)
{
	(void)state;
	for (enum mode mode = MODE_OWN_WAIT; mode <= MODE_OWN_SPIN; mode++) {
		struct process *server = start_server(1, 0);
		struct process *client = start_client_by_handle(server, mode, NB_PRIORITY_NORMAL);

		run_and_kill(client, 10);
		kernel_expect_end(client, 3, NB_TRAP_KILLED);
		assert_int_equal(server->state, NB_PROCESS_RUNNING);
		put_process(client);
		finish(server);
	}
}

static void
test_kill_callee_in_guest_code(void **state)
{
	(void)state;
	for (uint32_t activations = 0; activations < 3; activations++) {
		struct process *server = start_server(activations, 0);
		struct process *client = start_client(server, MODE_SPIN, NB_PRIORITY_NORMAL);

		run_and_kill(server, 10);
		kernel_expect_end(server, 3, NB_TRAP_KILLED);
		kernel_expect_end(client, 33, NB_TRAP_NONE);
		put_process(client);
		finish(server);
	}
}

static void
test_kill_callee_that_blocks(void **state)
{
	(void)state;
	for (uint32_t activations = 0; activations < 3; activations++) {
		struct process *server = start_server(activations, 0);
		struct process *client = start_client(server, MODE_WAIT_CLOSED, NB_PRIORITY_NORMAL);

		kernel_run_idle();
		assert_int_equal(client->state, NB_PROCESS_RUNNING);
		process_kill(server, 3);
		kernel_run_idle();
		kernel_expect_end(server, 3, NB_TRAP_KILLED);
		kernel_expect_end(client, 33, NB_TRAP_NONE);
		put_process(client);
		finish(server);
	}
}

/* The caller's process ends at once; its thread goes on in the callee. */
static void
test_kill_caller_in_guest_code(void **state)
{
	(void)state;
	for (uint32_t activations = 0; activations < 3; activations++) {
		struct process *server = start_server(activations, 0);
		struct process *client = start_client(server, MODE_SPIN, NB_PRIORITY_NORMAL);

		/* Its thread goes on until the server is killed, too, right behind. */
		victim = client;
		kernel_run_all(10, kill_victim);
		kernel_expect_end(client, 3, NB_TRAP_KILLED);
		kernel_expect_end(server, -1, NB_TRAP_KILLED);
		put_process(client);
		finish(server);
	}
}

static void
test_kill_caller_that_blocks(void **state)
{
	(void)state;
	for (uint32_t activations = 0; activations < 3; activations++) {
		struct process *server = start_server(activations, 0);
		struct process *client = start_client(server, MODE_WAIT_LENT, NB_PRIORITY_NORMAL);
		struct process *next;

		kernel_run_idle();
		assert_int_equal(client->state, NB_PROCESS_RUNNING);
		process_kill(client, 3);
		assert_int_equal(client->state, NB_PROCESS_ENDED);
		kernel_run_idle();
		assert_int_equal(object_signals(event) & 0x3c000000,
				 NB_SIGNAL_USER_2 | NB_SIGNAL_USER_4);
		/* The server goes on as if nothing had been. */
		next = start_client(server, MODE_ALL, NB_PRIORITY_NORMAL);
		kernel_run_idle();
		kernel_expect_end(next, 33, NB_TRAP_NONE);
		put_process(next);
		put_process(client);
		finish(server);
	}
}

/* ---- queues ---- */

static void
test_queue(void **state)
{
	(void)state;
	for (uint32_t activations = 0; activations < 4; activations++) {
		struct process *server = start_server(activations, 0);
		struct process *clients[5];

		for (int i = 0; i < 5; i++)
			clients[i] = start_client(server, MODE_WAIT, NB_PRIORITY_NORMAL);
		kernel_run_idle();
		object_signals_change(event, 0, NB_SIGNAL_USER_0);
		kernel_run_idle();
		for (int i = 0; i < 5; i++) {
			kernel_expect_end(clients[i], 33, NB_TRAP_NONE);
			put_process(clients[i]);
		}
		finish(server);
	}
}

static void
test_kill_waiter(void **state)
{
	struct process *server = start_server(1, 0);
	struct process *first = start_client(server, MODE_WAIT, NB_PRIORITY_NORMAL);
	struct process *second, *third;

	(void)state;
	kernel_run_idle();
	second = start_client(server, MODE_WAIT, NB_PRIORITY_NORMAL);
	third = start_client(server, MODE_WAIT, NB_PRIORITY_NORMAL);
	kernel_run_idle();
	process_kill(second, 3);
	kernel_run_idle();
	kernel_expect_end(second, 3, NB_TRAP_KILLED);
	object_signals_change(event, 0, NB_SIGNAL_USER_0);
	kernel_run_idle();
	kernel_expect_end(first, 33, NB_TRAP_NONE);
	kernel_expect_end(third, 33, NB_TRAP_NONE);
	put_process(first);
	put_process(second);
	put_process(third);
	finish(server);
}

static void
test_waiters_of_dying(void **state)
{
	(void)state;
	for (uint32_t activations = 0; activations < 2; activations++) {
		struct process *server = start_server(activations, 0);
		struct process *clients[3];

		for (int i = 0; i < 3; i++)
			clients[i] = start_client(server, MODE_WAIT_CLOSED, NB_PRIORITY_NORMAL);
		kernel_run_idle();
		process_kill(server, 3);
		kernel_run_idle();
		for (int i = 0; i < 3; i++) {
			kernel_expect_end(clients[i], 33, NB_TRAP_NONE);
			put_process(clients[i]);
		}
		finish(server);
	}
}

static void
test_inheritance(void **state)
{
	struct process *server = start_server(1, 0);
	struct process *low = start_client(server, MODE_WAIT, NB_PRIORITY_IDLE);
	struct process *middle, *high;

	(void)state;
	kernel_run_idle();
	assert_int_equal(gates_thread_in(low)->priority, NB_PRIORITY_IDLE);
	middle = start_client(server, MODE_WAIT, NB_PRIORITY_NORMAL);
	kernel_run_idle();
	assert_int_equal(gates_thread_in(low)->priority, NB_PRIORITY_NORMAL);
	high = start_client(server, MODE_WAIT, NB_PRIORITY_HIGH);
	kernel_run_idle();
	assert_int_equal(gates_thread_in(low)->priority, NB_PRIORITY_HIGH);
	assert_ptr_equal(gate_first_locked(gates_thread_in(high)->gate_wait->pool),
			 gates_thread_in(high)->gate_wait);
	process_kill(high, 3);
	kernel_run_idle();
	assert_int_equal(gates_thread_in(low)->priority, NB_PRIORITY_NORMAL);
	object_signals_change(event, 0, NB_SIGNAL_USER_0);
	kernel_run_idle();
	kernel_expect_end(low, 33, NB_TRAP_NONE);
	kernel_expect_end(middle, 33, NB_TRAP_NONE);
	put_process(low);
	put_process(middle);
	put_process(high);
	finish(server);
}

/* Whether `awaited` ends while something of middling priority loops for ever. */
static struct {
	struct process *looping;
	const struct process *awaited, *starved;
	bool has_ended, is_starved;
} inversion;

static void
look_at_inversion(void)
{
	inversion.has_ended = inversion.awaited->state == NB_PROCESS_ENDED;
	inversion.is_starved = inversion.starved->state != NB_PROCESS_ENDED;
	process_kill(inversion.looping, 3);
}

/* Who is inside at low priority gets the processor as long as somebody urgent waits for
 * that, and no longer. */
static void
test_inversion(void **state)
{
	struct process *server = start_server(1, 0);
	struct process *low = start_client(server, MODE_WAIT, NB_PRIORITY_IDLE);
	struct process *high, *looping;

	(void)state;
	kernel_run_idle();
	high = start_client(server, MODE_WAIT, NB_PRIORITY_HIGH);
	kernel_run_idle();
	looping = gates_process(GUEST(spin), "looping", NB_PRIORITY_NORMAL, NULL, 0);
	kernel_start(looping, NULL, 0);
	object_signals_change(event, 0, NB_SIGNAL_USER_0);
	inversion.looping = looping;
	inversion.awaited = high;
	inversion.starved = low;
	kernel_run_for(300, look_at_inversion);
	kernel_run_idle();
	assert_true(inversion.has_ended && inversion.is_starved);
	kernel_expect_end(high, 33, NB_TRAP_NONE);
	kernel_expect_end(low, 33, NB_TRAP_NONE);
	put_process(low);
	put_process(high);
	put_process(looping);
	finish(server);
}

static const struct process *awaited;

static bool
awaited_has_ended(void)
{
	return awaited->state == NB_PROCESS_ENDED;
}

/* Runs until the process has ended, however long the host takes for that. */
static void
run_until_end(const struct process *process)
{
	awaited = process;
	kernel_run_until(awaited_has_ended);
}

static void
test_deadline_inside(void **state)
{
	struct process *server = start_server(1, 0);
	struct process *client = start_client(server, MODE_DEADLINE, NB_PRIORITY_NORMAL);

	(void)state;
	run_until_end(client);
	kernel_expect_end(client, 33, NB_TRAP_NONE);
	put_process(client);
	finish(server);
}

static void
test_deadline_in_queue(void **state)
{
	struct process *server = start_server(1, 0);
	struct process *first = start_client(server, MODE_WAIT_CLOSED, NB_PRIORITY_NORMAL);
	struct process *client;

	(void)state;
	kernel_run_idle();
	client = start_client(server, MODE_DEADLINE, NB_PRIORITY_NORMAL);
	run_until_end(client);
	process_kill(server, 3);
	kernel_run_idle();
	kernel_expect_end(client, 33, NB_TRAP_NONE);
	kernel_expect_end(first, 33, NB_TRAP_NONE);
	put_process(client);
	put_process(first);
	finish(server);
}

static void
test_serve_deadline(void **state)
{
	struct process *server = start_server(0, 20);
	struct process *client = start_client(server, MODE_BUSY, NB_PRIORITY_NORMAL);

	(void)state;
	kernel_run_all(10000, NULL);
	assert_int_equal(server->status, 5);
	assert_int_equal(server->trap, NB_TRAP_NONE);
	put_process(client);
	finish(server);
}

/* ---- chains ---- */

/* A link of a chain whose gate calls `next`. */
static struct process *
start_link(struct gate *next, uint32_t activations, uint32_t first)
{
	struct process_binding binding = {
		.name = "peer", .name_len = 4, .field = "add", .field_len = 3, .gate = next
	};
	struct process *process =
		gates_process(GUEST(gatechain), "link", NB_PRIORITY_NORMAL, &binding, 1);

	start_with(process, activations, first);
	kernel_run_idle();
	return process;
}

enum { CHAIN = 12 };

static void
test_chain(void **state)
{
	struct process *server = start_server(1, 0), *links[CHAIN];

	(void)state;
	for (uint32_t i = 0; i < CHAIN; i++)
		links[i] = start_link(gates_at(i ? links[i - 1] : server, 0), i % 3,
				      i == CHAIN - 1 ? CHAIN : 0);
	object_signals_change(event, 0, NB_SIGNAL_USER_6);
	kernel_run_idle();
	/* Eleven links count one each; the server adds the one that is left. */
	kernel_expect_end(links[CHAIN - 1], 33 + CHAIN, NB_TRAP_NONE);
	for (uint32_t i = 0; i < CHAIN; i++) {
		process_kill(links[i], 0);
		kernel_run_idle();
		put_process(links[i]);
	}
	finish(server);
}

static void
test_reentry(void **state)
{
	(void)state;
	for (uint32_t activations = 0; activations < 4; activations++) {
		struct process *server = start_server(1, 0);
		struct process *inner = start_link(gates_at(server, 0), activations, 0);
		struct process *outer = start_link(gates_at(inner, 0), activations, 0);
		struct process *caller = start_link(gates_at(outer, 0), 0, 100);

		gates_rebind(inner, gates_at(outer, 0));
		object_signals_change(event, 0, NB_SIGNAL_USER_6);
		kernel_run_idle();
		/* Each has `activations` of them, and then there is none left. */
		kernel_expect_end(caller, NB_DEADLOCK, NB_TRAP_NONE);
		assert_int_equal(inner->state, NB_PROCESS_RUNNING);
		gates_rebind(inner, gates_at(server, 0));
		process_kill(inner, 0);
		process_kill(outer, 0);
		kernel_run_idle();
		put_process(inner);
		put_process(outer);
		put_process(caller);
		finish(server);
	}
}

/* The middle of a chain is killed while the call is at its end: what blocks there is
 * canceled, then the middle unwinds. */
static void
test_kill_middle(void **state)
{
	(void)state;
	for (uint32_t activations = 0; activations < 3; activations++) {
		struct process *server = start_server(activations, 0);
		struct process *middle = start_link(gates_at(server, GATE_BLOCK), activations, 0);
		struct process *caller = start_link(gates_at(middle, 0), 0, 1);

		object_signals_change(event, 0, NB_SIGNAL_USER_6);
		kernel_run_idle();
		process_kill(middle, 3);
		kernel_run_idle();
		kernel_expect_end(middle, 3, NB_TRAP_KILLED);
		kernel_expect_end(caller, NB_PEER_CLOSED, NB_TRAP_NONE);
		assert_int_equal(server->state, NB_PROCESS_RUNNING);
		put_process(middle);
		put_process(caller);
		finish(server);
	}
}

/* The same where the end of the chain computes: the middle ends after that. */
static void
test_kill_middle_of_computing(void **state)
{
	struct process *server = start_server(1, 0);
	struct process *middle = start_link(gates_at(server, GATE_BLOCK), 1, 0);
	struct process *caller = start_link(gates_at(middle, 0), 0, 2);

	(void)state;
	object_signals_change(event, 0, NB_SIGNAL_USER_6);
	victim = middle;
	kernel_run_all(200, kill_victim);
	/* The server was killed last, by the harness; until then all had to wait. */
	kernel_expect_end(middle, 3, NB_TRAP_KILLED);
	kernel_expect_end(caller, -1, NB_TRAP_KILLED);
	kernel_expect_end(server, -1, NB_TRAP_KILLED);
	put_process(middle);
	put_process(caller);
	finish(server);
}

/* ---- failing allocations ---- */

static void
test_limits(void **state)
{
	struct process_options options = { .account = boot_account(),
					   .name = "poor",
					   .name_len = 4,
					   .priority = NB_PRIORITY_NORMAL };
	uint32_t ended_well = 0;

	(void)state;
	for (uint64_t limit = 900 * 1024; !ended_well; limit += 128 * 1024) {
		struct module *module = GUEST(gateserver);
		struct process *server;
		struct diag diag;
		uint32_t idx;

		diag_init(&diag);
		options.memory_bytes = limit;
		assert_int_equal(event_create(boot_account(), &event), NB_OK);
		assert_int_equal(process_create(&options, &server), NB_OK);
		if (process_instantiate(server, module, NULL, 0, &diag, &idx) == NB_OK) {
			start_with(server, 2, 0);
			kernel_run_idle();
			ended_well = server->state == NB_PROCESS_RUNNING;
		}
		object_put(&module->object);
		finish(server);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		kernel_test(test_own_instance),
		kernel_test(test_one_clone),
		kernel_test(test_many_clones),
		kernel_test(test_info),
		kernel_test(test_link_types),
		kernel_test(test_signatures),
		kernel_test(test_by_handle),
		kernel_test(test_kill_in_own_gate),
		kernel_test(test_trap_in_callee),
		kernel_test(test_exit_in_callee),
		kernel_test(test_kill_callee_in_guest_code),
		kernel_test(test_kill_callee_that_blocks),
		kernel_test(test_kill_caller_in_guest_code),
		kernel_test(test_kill_caller_that_blocks),
		kernel_test(test_queue),
		kernel_test(test_kill_waiter),
		kernel_test(test_waiters_of_dying),
		kernel_test(test_inheritance),
		kernel_test(test_inversion),
		kernel_test(test_deadline_inside),
		kernel_test(test_deadline_in_queue),
		kernel_test(test_serve_deadline),
		kernel_test(test_chain),
		kernel_test(test_reentry),
		kernel_test(test_kill_middle),
		kernel_test(test_kill_middle_of_computing),
		kernel_test(test_limits),
	};

	/* All of it by bindings, then by handles. */
	return cmocka_run_group_tests(tests, NULL, NULL) +
	       cmocka_run_group_tests_name("by handle", tests, by_handle, NULL);
}
