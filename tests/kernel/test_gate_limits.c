/*
 * Limits of processor time inside gates (docs/decisions/0011-limits-inside-gates.md): who is
 * made to wait, who pays, and that kills still work. What a limit holds for is made to owe
 * so much that it does not come back by itself while a test runs; until then it has the
 * whole processor.
 */
#include "kernel/init/boot.h"
#include "kernel/mm/account.h"
#include "kernel/object/event.h"
#include "kernel/port/cpu.h"
#include "kernel/sched/budget.h"
#include "tests/kernel/gate_fixture.h"

/* Of gateserver: loops if the first argument is not 0, else waits for the event. */
enum { GATE_BLOCK = 13, LOOP = 1, WAIT = 0 };
enum { KIND_CALLER = 1, SERVED = 100, LOOK_MS = 20 }; /* of gateknot */

/* An account with a limit, and what is in it or beside it. */
static struct {
	struct account *limited;
	struct account *other; /* has another limit; or NULL */
	struct object *event;
	struct process *server, *caller, *waiter;
	struct gate *gate;
} t;

static void
make_account(struct account **out)
{
	const uint64_t none[ACCOUNT_RESOURCE_COUNT] = { 0 };

	assert_int_equal(account_create(boot_account(), none, out), NB_OK);
	account_limit_processor(*out, BUDGET_PERMILLE_MAX);
}

static void
make_owe(struct account *account)
{
	budget_take(&account->budget, UINT64_C(3600) * 1000000000, port_time_monotonic_ns());
}

static const struct process *awaited;

static bool
awaited_is_blocked(void)
{
	const struct list_link *link = list_first(&awaited->threads);

	return link && list_entry(link, struct thread, link)->run_state == THREAD_BLOCKED;
}

/* A loaded host can take so long for a step that even the whole processor is not enough, and
 * it has to wait for its budget in between. */
static void
run_until_blocked(const struct process *process)
{
	awaited = process;
	kernel_run_until(awaited_is_blocked);
}

static void
start_server(struct account *account)
{
	uint32_t words[3] = { 1, 0, 0 };

	assert_int_equal(event_create(boot_account(), &t.event), NB_OK);
	t.server =
		gates_process_in(account, GUEST(gateserver), "server", NB_PRIORITY_NORMAL, NULL, 0);
	words[1] = kernel_grant(t.server, t.event, event_type.rights);
	kernel_start(t.server, words, 3);
	run_until_blocked(t.server);
	t.gate = gates_at(t.server, GATE_BLOCK);
}

/* Something that calls the gate once. */
static struct process *
start_caller(struct account *account, uint32_t how)
{
	struct process_binding binding = {
		.name = "peer", .name_len = 4, .field = "add", .field_len = 3, .gate = t.gate
	};
	struct process *process = gates_process_in(account, GUEST(gateknot), "caller",
						   NB_PRIORITY_NORMAL, &binding, 1);
	uint32_t words[6] = { 0, kernel_grant(process, t.event, event_type.rights), KIND_CALLER,
			      how };

	kernel_start(process, words, 6);
	return process;
}

static struct thread *
caller_thread(void)
{
	return gates_thread_in(t.caller);
}

static bool
is_inside(const struct thread *thread)
{
	return thread->seat == &t.gate->pool->activations[0].port.seat;
}

static void
end_process(struct process **process)
{
	if (!*process)
		return;
	process_kill(*process, 0);
	kernel_run_idle();
	assert_int_equal((*process)->state, NB_PROCESS_ENDED);
	object_put(&(*process)->object);
	*process = NULL;
}

static void
finish(void)
{
	end_process(&t.waiter);
	end_process(&t.caller);
	end_process(&t.server);
	object_put(t.event);
	account_put(t.limited);
	if (t.other)
		account_put(t.other);
	t.other = NULL;
}

static void
make_limited_owe(void)
{
	make_owe(t.limited);
}

static void
make_other_owe(void)
{
	budget_take(&t.other->budget, UINT64_C(1800) * 1000000000, port_time_monotonic_ns());
}

/* A caller is in the gate, both under the limit, and is made to wait there: at the end of a
 * kernel call, or in a loop, by an interrupt. */
static void
start_parked(uint32_t how)
{
	make_account(&t.limited);
	start_server(t.limited);
	t.caller = start_caller(t.limited, how);
	if (how == LOOP) {
		kernel_run_for(LOOK_MS, make_limited_owe);
	} else {
		run_until_blocked(t.caller);
		make_owe(t.limited);
		object_signals_change(t.event, 0, NB_SIGNAL_USER_0);
	}
	kernel_run_idle();
	assert_true(is_inside(caller_thread()));
	assert_int_equal(caller_thread()->run_state, THREAD_PARKED);
	assert_int_equal(caller_thread()->is_interrupted, how == LOOP);
}

static void
expect_home_parked(void)
{
	assert_ptr_equal(caller_thread()->seat, &caller_thread()->home);
	assert_int_equal(caller_thread()->run_state, THREAD_PARKED);
}

/* ---- kills ---- */

static void
test_callee_is_killed(void **state)
{
	(void)state;
	for (uint32_t how = WAIT; how <= LOOP; how++) {
		start_parked(how);
		end_process(&t.server);
		/* The caller's own code is limited as well. */
		expect_home_parked();
		finish();
	}
}

/* Who pays for a thread that has nobody else: the callee, if its limits allow. */
static void
test_caller_is_killed(void **state)
{
	uint64_t threads, memory;

	(void)state;
	for (uint32_t how = WAIT; how <= LOOP; how++) {
		start_parked(how);
		threads = t.server->account->used[ACCOUNT_THREADS];
		memory = t.server->account->used[ACCOUNT_MEMORY];
		process_kill(t.caller, 0);
		kernel_run_idle();
		assert_int_equal(t.caller->state, NB_PROCESS_ENDED);
		assert_int_equal(t.caller->account->used[ACCOUNT_THREADS], 0);
		assert_int_equal(t.server->account->used[ACCOUNT_THREADS], threads + 1);
		assert_true(t.server->account->used[ACCOUNT_MEMORY] > memory);
		finish();
	}
}

/* The callee's limit holds for such a thread then. */
static void
test_callee_pays(void **state)
{
	uint64_t threads;

	(void)state;
	make_account(&t.limited);
	start_server(t.limited);
	t.caller = start_caller(boot_account(), WAIT);
	kernel_run_idle();
	assert_true(is_inside(caller_thread()));
	threads = t.server->account->used[ACCOUNT_THREADS];
	make_owe(t.limited);
	end_process(&t.caller);
	/* Its wait was canceled, and what the callee's code does about that has to wait. */
	assert_int_equal(t.server->account->used[ACCOUNT_THREADS], threads + 1);
	assert_non_null(t.gate->pool->activations[0].port.seat.place);
	finish();
}

/* A foreign server's code is not held back by its caller's limit; the caller is, behind. */
static void
test_foreign_server(void **state)
{
	(void)state;
	make_account(&t.limited);
	start_server(boot_account());
	t.caller = start_caller(t.limited, WAIT);
	run_until_blocked(t.caller);
	assert_true(is_inside(caller_thread()));
	make_owe(t.limited);
	object_signals_change(t.event, 0, NB_SIGNAL_USER_0);
	kernel_run_idle();
	expect_home_parked();
	finish();
}

/* ---- two limits ---- */

/* A caller is in a gate of somebody with another limit. */
static void
start_at_other(uint32_t how)
{
	make_account(&t.limited);
	make_account(&t.other);
	start_server(t.other);
	t.caller = start_caller(t.limited, how);
	if (how == WAIT) {
		run_until_blocked(t.caller);
		assert_true(is_inside(caller_thread()));
	}
}

static void
make_both_owe(void)
{
	make_limited_owe();
	make_other_owe();
}

/* Both have nothing left, and it is made to wait. */
static void
start_parked_at_other(uint32_t how)
{
	start_at_other(how);
	if (how == LOOP) {
		kernel_run_for(LOOK_MS, make_both_owe);
	} else {
		make_both_owe();
		object_signals_change(t.event, 0, NB_SIGNAL_USER_0);
	}
	kernel_run_idle();
	assert_true(is_inside(caller_thread()));
	assert_int_equal(caller_thread()->run_state, THREAD_PARKED);
	assert_int_equal(caller_thread()->is_interrupted, how == LOOP);
}

static struct {
	int64_t before, after; /* what the caller's limit left */
	bool is_ready;
	const struct cpu_budget *payer;
} paid;

/* Lets the caller loop on with nothing of its own. */
static void
owe_and_look(void)
{
	make_limited_owe();
	paid.before = t.limited->budget.left;
	(void)thread_block(port_time_monotonic_ns() + LOOK_MS * 1000000);
	paid.after = t.limited->budget.left;
	paid.is_ready = is_inside(caller_thread()) && caller_thread()->run_state == THREAD_READY;
	paid.payer = caller_thread()->payer_budget;
}

static void
owe_and_look_and_owe(void)
{
	owe_and_look();
	make_other_owe();
}

/* It goes on, and what limits the callee is taken from; then it waits, no longer than until
 * one of the two can pay again. */
static void
test_limited_server_pays(void **state)
{
	(void)state;
	start_at_other(LOOP);
	kernel_run_for(LOOK_MS, owe_and_look_and_owe);
	kernel_run_idle();
	assert_true(paid.is_ready);
	assert_ptr_equal(paid.payer, &t.other->budget);
	/* But for what it had not been asked for yet. */
	assert_true(paid.after > paid.before - (int64_t)LOOK_MS * 1000 * 1000 * 500);
	assert_true(is_inside(caller_thread()));
	assert_int_equal(caller_thread()->run_state, THREAD_PARKED);
	assert_true(caller_thread()->timeout.key <
		    port_time_monotonic_ns() + UINT64_C(2000) * 1000000000);
	finish();
}

/* What it finds on the way back is its own limit. */
static void
test_limited_server_returns(void **state)
{
	(void)state;
	start_at_other(WAIT);
	make_limited_owe();
	object_signals_change(t.event, 0, NB_SIGNAL_USER_0);
	kernel_run_idle();
	expect_home_parked();
	/* By the stub's fast way it comes home unnoticed, and who pays is settled when it goes on. */
	if (guest_gate_needs_slow_path())
		assert_ptr_equal(caller_thread()->payer_budget, &t.limited->budget);
	finish();
}

static void
test_limited_server_is_killed(void **state)
{
	(void)state;
	for (uint32_t how = WAIT; how <= LOOP; how++) {
		start_parked_at_other(how);
		end_process(&t.server);
		expect_home_parked();
		finish();
	}
}

static void
look_and_drop_server(void)
{
	owe_and_look();
	process_kill(t.server, 0);
	object_put(&t.server->object);
	t.server = NULL;
	account_put(t.other);
	t.other = NULL;
}

/* The budget that pays goes with the pool of the gate that the thread leaves. */
static void
test_payer_goes(void **state)
{
	(void)state;
	start_at_other(LOOP);
	kernel_run_for(LOOK_MS, look_and_drop_server);
	kernel_run_idle();
	assert_true(paid.is_ready && paid.payer != &t.limited->budget);
	expect_home_parked();
	assert_ptr_equal(caller_thread()->payer_budget, &t.limited->budget);
	finish();
}

/* The thread is the callee's then, and waits where it is until that has time or ends. */
static void
test_limited_client_is_killed(void **state)
{
	(void)state;
	for (uint32_t how = WAIT; how <= LOOP; how++) {
		start_parked_at_other(how);
		end_process(&t.caller);
		assert_non_null(t.gate->pool->activations[0].port.seat.place);
		end_process(&t.server);
		finish();
	}
}

/* Somebody without a limit lends its time there as well. */
static void
test_waiter_lends_at_other(void **state)
{
	int64_t limited, other;

	(void)state;
	start_parked_at_other(WAIT);
	limited = t.limited->budget.left;
	other = t.other->budget.left;
	t.waiter = start_caller(boot_account(), WAIT);
	kernel_run_idle();
	assert_int_equal(t.waiter->state, NB_PROCESS_ENDED);
	assert_true(t.limited->budget.left >= limited && t.other->budget.left >= other);
	expect_home_parked();
	finish();
}

/* ---- lending ---- */

/* Lent time is enough to get out; the debt stays what it was. */
static void
test_waiter_lends(void **state)
{
	int64_t before;

	(void)state;
	start_parked(WAIT);
	before = t.limited->budget.left;
	t.waiter = start_caller(boot_account(), WAIT);
	kernel_run_idle();
	assert_int_equal(t.waiter->state, NB_PROCESS_ENDED);
	assert_int_equal(t.waiter->trap, NB_TRAP_NONE);
	assert_true(t.limited->budget.left >= before);
	assert_false(caller_thread()->lender.is_there);
	expect_home_parked();
	finish();
}

static struct {
	bool is_running, is_unlimited;
	int64_t left;
} seen;

static void
look_and_end_waiter(void)
{
	const struct thread *thread = caller_thread();

	seen.is_running = is_inside(thread) && thread->run_state == THREAD_READY;
	seen.is_unlimited = thread->lender.is_there && !thread->lender.budget;
	seen.left = t.limited->budget.left;
	process_kill(t.waiter, 0);
}

/* As long as somebody waits, and no longer. */
static void
test_lending_ends(void **state)
{
	int64_t before;

	(void)state;
	start_parked(LOOP);
	before = t.limited->budget.left;
	t.waiter = start_caller(boot_account(), WAIT);
	kernel_run_for(LOOK_MS, look_and_end_waiter);
	kernel_run_idle();
	assert_true(seen.is_running && seen.is_unlimited && seen.left >= before);
	assert_true(is_inside(caller_thread()));
	assert_int_equal(caller_thread()->run_state, THREAD_PARKED);
	assert_false(caller_thread()->lender.is_there);
	finish();
}

/* One that the same limit holds for has nothing to lend, however urgent it is. */
static void
test_poor_waiter(void **state)
{
	(void)state;
	make_account(&t.limited);
	start_server(t.limited);
	t.caller = start_caller(t.limited, WAIT);
	run_until_blocked(t.caller);
	t.waiter = start_caller(t.limited, WAIT);
	run_until_blocked(t.waiter);
	assert_non_null(gates_thread_in(t.waiter)->gate_wait);
	make_owe(t.limited);
	gate_set_priority(gates_thread_in(t.waiter), NB_PRIORITY_HIGH);
	object_signals_change(t.event, 0, NB_SIGNAL_USER_0);
	kernel_run_idle();
	assert_int_equal(caller_thread()->inherited_priority, NB_PRIORITY_HIGH);
	assert_true(is_inside(caller_thread()));
	assert_int_equal(caller_thread()->run_state, THREAD_PARKED);
	finish();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		kernel_test(test_callee_is_killed),
		kernel_test(test_caller_is_killed),
		kernel_test(test_callee_pays),
		kernel_test(test_foreign_server),
		kernel_test(test_waiter_lends),
		kernel_test(test_lending_ends),
		kernel_test(test_poor_waiter),
		kernel_test(test_limited_server_pays),
		kernel_test(test_limited_server_returns),
		kernel_test(test_limited_server_is_killed),
		kernel_test(test_limited_client_is_killed),
		kernel_test(test_waiter_lends_at_other),
		kernel_test(test_payer_goes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
