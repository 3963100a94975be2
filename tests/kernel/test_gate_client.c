/*
 * A personality that lends its client's memory to a gate.
 */
#include "kernel/init/boot.h"
#include "kernel/object/event.h"
#include "kernel/object/gate.h"
#include "tests/kernel/harness.h"

/* The gate that the server made as its number `n`. */
static struct gate *
gate_at(struct process *server, uint32_t n)
{
	struct handle_use use;
	uint32_t handle = 0;

	while (handle_next(&server->handles, handle, &use, &handle) == NB_OK) {
		object_put(use.object);
		if (use.object->type == &gate_type && n-- == 0)
			return gate_of(use.object);
	}
	fail_msg("there is no such gate");
	return NULL;
}

static void
test_lend_client(void **state)
{
	struct process_binding to_gate = {
		.name = "peer", .name_len = 4, .field = "lend", .field_len = 4, .lends_client = true
	};
	const struct process_binding to_lender = { .name = "lender", .name_len = 6 };
	struct process *server = kernel_process(GUEST(gateserver), "server"), *client;
	const struct process_options options = { .account = boot_account(),
						 .name = "lent",
						 .name_len = 4,
						 .priority = NB_PRIORITY_NORMAL };
	struct module *lender = GUEST(gatelender), *lent = GUEST(gatelent);
	uint32_t words[3] = { 1 }, idx;
	struct object *event;
	struct diag diag;

	(void)state;
	diag_init(&diag);
	assert_int_equal(event_create(boot_account(), &event), NB_OK);
	words[1] = kernel_grant(server, event, event_type.rights);
	object_put(event);
	kernel_start(server, words, 3);
	kernel_run_idle();
	to_gate.gate = gate_at(server, 6);
	assert_int_equal(process_create(&options, &client), NB_OK);
	assert_int_equal(process_instantiate(client, lender, &to_gate, 1, &diag, &idx), NB_OK);
	assert_int_equal(process_instantiate(client, lent, &to_lender, 1, &diag, &idx), NB_OK);
	object_put(&lender->object);
	object_put(&lent->object);
	assert_int_equal(process_start(client, idx, NULL, 0), NB_OK);
	kernel_run_idle();
	kernel_expect_end(client, 42, NB_TRAP_NONE);
	object_put(&client->object);
	process_kill(server, 0);
	kernel_run_all(10000, NULL);
	object_put(&server->object);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		kernel_test(test_lend_client),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
