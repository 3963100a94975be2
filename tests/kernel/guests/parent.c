/*
 * Builds, starts and ends children from the modules "spin" (handle 0), "trap"
 * (1) and "personality" (2) with its client (3).
 */
#include "guest.h"

static struct nb_process_info info;
static char text[2048];

static uint32_t
create(const char *name, uint32_t len)
{
	int64_t process = nb_process_create(name, len, 0);

	EXPECT(process > 0);
	return (uint32_t)process;
}

static void
wait_end(uint32_t process)
{
	EXPECT(nb_object_wait_one(process, NB_SIGNAL_TERMINATED, NB_DEADLINE_NEVER) &
	       NB_SIGNAL_TERMINATED);
	EXPECT(nb_object_info(process, NB_INFO_PROCESS, &info, sizeof info) == sizeof info);
	EXPECT(info.state == NB_PROCESS_ENDED);
	EXPECT(info.handles == 0 && info.memory_bytes == 0 && info.threads == 0);
}

static int
text_has(const char *needle)
{
	for (const char *at = text; *at; at++) {
		const char *a = at, *b = needle;

		while (*b && *a == *b) {
			a++;
			b++;
		}
		if (!*b)
			return 1;
	}
	return 0;
}

static void
test_kill(uint32_t module)
{
	uint32_t process = create("spinner", 7);
	int64_t len;

	EXPECT(nb_process_start(process, 0, 0, 0) == ERR(OUT_OF_RANGE));
	EXPECT(nb_process_instantiate(process, module, 0, 0, 0) == 0);
	EXPECT(nb_process_start(process, 0, 0, 0) == 0);
	EXPECT(nb_process_start(process, 0, 0, 0) == ERR(BAD_STATE));
	EXPECT(nb_process_instantiate(process, module, 0, 0, 0) == ERR(BAD_STATE));
	EXPECT(nb_thread_sleep(nb_clock_get(NB_CLOCK_MONOTONIC) + 5000000) == 0);
	EXPECT(nb_object_info(process, NB_INFO_PROCESS, &info, sizeof info) == sizeof info);
	EXPECT(info.state == NB_PROCESS_RUNNING && info.threads == 1 && info.run_ns > 0);
	EXPECT(nb_process_kill(process, 99) == 0);
	wait_end(process);
	EXPECT(info.status == 99 && info.trap == NB_TRAP_KILLED);
	len = nb_object_info(process, NB_INFO_BACKTRACE, text, sizeof text - 1);
	EXPECT(len > 0 && len < (int64_t)sizeof text);
	EXPECT(text_has("spinner: killed") && text_has("_start") && text_has("spin-module"));
	EXPECT(nb_process_kill(process, 1) == 0);
	EXPECT(nb_handle_close(process) == 0);
	EXPECT(nb_handle_close(process) == ERR(BAD_HANDLE));
}

static void
test_trap(uint32_t module)
{
	uint32_t process = create("trapper", 7);
	uint32_t kind = NB_TRAP_INTEGER_DIVIDE_BY_ZERO;

	EXPECT(nb_process_instantiate(process, module, 0, 0, 0) == 0);
	EXPECT(nb_process_start(process, 0, &kind, sizeof kind) == 0);
	wait_end(process);
	EXPECT(info.trap == kind && info.status == NB_TRAP_EXIT_BASE + (int)kind);
	EXPECT(nb_object_info(process, NB_INFO_BACKTRACE, text, sizeof text - 1) > 0);
	EXPECT(text_has("trapper: integer divide by zero") && text_has("divide ("));
	EXPECT(nb_handle_close(process) == 0);
}

static void
test_unstarted(uint32_t module)
{
	uint32_t process = create("never", 5);
	uint32_t other = create("other", 5);

	EXPECT(nb_process_instantiate(process, module, 0, 0, 0) == 0);
	/* A cycle of processes that are never started. */
	EXPECT(nb_process_grant(process, other, NB_RIGHTS_SAME) > 0);
	EXPECT(nb_process_grant(other, process, NB_RIGHTS_SAME) > 0);
	EXPECT(nb_handle_close(process) == 0);
	EXPECT(nb_handle_close(other) == 0);
	/* One that is killed before it starts. */
	process = create("killed", 6);
	EXPECT(nb_process_kill(process, 5) == 0);
	wait_end(process);
	EXPECT(info.status == 5);
	EXPECT(nb_process_instantiate(process, module, 0, 0, 0) == ERR(BAD_STATE));
	/* It stays open: the kernel closes it. */
}

static void
test_personality(uint32_t personality, uint32_t client)
{
	static const char name[] = "upper";
	struct nb_binding binding = { .name = (uint32_t)(uintptr_t)name, .name_len = 5 };
	struct nb_text_buffer diagnostic = { (uint32_t)(uintptr_t)text, sizeof text };
	uint32_t process = create("client", 6);

	EXPECT(nb_process_instantiate(process, personality, 0, 0, 0) == 0);
	EXPECT(nb_process_instantiate(process, client, 0, 0, &diagnostic) == ERR(UNLINKABLE));
	EXPECT(text_has("unknown import") && text_has("upper") && text_has("shout"));
	binding.instance = 7;
	EXPECT(nb_process_instantiate(process, client, &binding, 1, 0) == ERR(OUT_OF_RANGE));
	binding.instance = 0;
	EXPECT(nb_process_instantiate(process, client, &binding, 1, &diagnostic) == 1);
	EXPECT(nb_process_start(process, 1, 0, 0) == 0);
	wait_end(process);
	EXPECT(info.status == 42 && info.trap == 0);
	EXPECT(nb_handle_close(process) == 0);
}

static uint64_t
charged(uint32_t process)
{
	EXPECT(nb_object_info(process, NB_INFO_PROCESS, &info, sizeof info) > 0);
	return info.memory_bytes;
}

/* What a process may use of its stack is charged to it when it starts, and
 * there is less of it where little may be charged. */
static void
test_stack_limits(uint32_t module)
{
	static const struct {
		uint64_t limit, least, most; /* bytes; of the stack */
	} cases[] = { { 0, 4 << 20, 5 << 20 },
		      { 1 << 20, 128 << 10, 256 << 10 },
		      { 64 << 20, 4 << 20, 5 << 20 } };
	struct nb_limits limits = { 0 };
	uint64_t before, after;
	uint32_t process;

	for (uint32_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		limits.memory_bytes = cases[i].limit;
		process = (uint32_t)nb_process_create("stack", 5, &limits);
		EXPECT(nb_process_instantiate(process, module, 0, 0, 0) == 0);
		before = charged(process);
		EXPECT(nb_process_start(process, 0, 0, 0) == 0);
		after = charged(process);
		EXPECT(after - before >= cases[i].least && after - before <= cases[i].most);
		EXPECT(!cases[i].limit || after <= cases[i].limit);
		EXPECT(nb_process_kill(process, 1) == 0);
		wait_end(process);
		EXPECT(nb_handle_close(process) == 0);
	}
	/* Room for the instance and no more. */
	limits.memory_bytes = before + (64 << 10);
	process = (uint32_t)nb_process_create("stack", 5, &limits);
	EXPECT(nb_process_instantiate(process, module, 0, 0, 0) == 0);
	before = charged(process);
	EXPECT(nb_process_start(process, 0, 0, 0) == ERR(LIMIT_EXCEEDED));
	EXPECT(charged(process) == before);
	EXPECT(nb_handle_close(process) == 0);
}

/* A module that does not fit leaves no trace. */
static void
test_failed_instance(uint32_t module, uint32_t client)
{
	uint32_t process = create("failing", 7);
	uint64_t before, after;

	for (int i = 0; i < 20; i++) {
		EXPECT(nb_process_instantiate(process, client, 0, 0, 0) == ERR(UNLINKABLE));
		if (i == 0)
			before = charged(process);
	}
	/* The list of instances is there after the first attempt. */
	EXPECT(charged(process) == before);
	EXPECT(nb_process_instantiate(process, module, 0, 0, 0) == 0);
	after = charged(process);
	for (int i = 0; i < 20; i++)
		EXPECT(nb_process_instantiate(process, client, 0, 0, 0) == ERR(UNLINKABLE));
	EXPECT(charged(process) == after);
	EXPECT(nb_process_start(process, 0, 0, 0) == 0);
	EXPECT(nb_process_kill(process, 1) == 0);
	wait_end(process);
	EXPECT(nb_handle_close(process) == 0);
}

static void
test_limits(uint32_t module)
{
	struct nb_limits limits = { .memory_bytes = 40000 };
	int64_t process = nb_process_create("small", 5, &limits);

	EXPECT(process > 0);
	EXPECT(nb_process_instantiate((uint32_t)process, module, 0, 0, 0) < 0);
	EXPECT(nb_handle_close((uint32_t)process) == 0);
	test_stack_limits(module);
	limits = (struct nb_limits){ .priority = NB_PRIORITY_MAX };
	EXPECT(nb_process_create("high", 4, &limits) == ERR(OUT_OF_RANGE));
	limits = (struct nb_limits){ .reserved = 1 };
	EXPECT(nb_process_create("odd", 3, &limits) == ERR(OUT_OF_RANGE));
	limits = (struct nb_limits){ .handles = 2 };
	process = nb_process_create("few", 3, &limits);
	EXPECT(process > 0);
	EXPECT(nb_process_grant((uint32_t)process, module, NB_RIGHTS_SAME) > 0);
	EXPECT(nb_process_grant((uint32_t)process, module, NB_RIGHTS_SAME) > 0);
	EXPECT(nb_process_grant((uint32_t)process, module, NB_RIGHTS_SAME) == ERR(LIMIT_EXCEEDED));
	EXPECT(nb_handle_close((uint32_t)process) == 0);
}

void
_start(void)
{
	test_kill(guest_handle(0));
	test_trap(guest_handle(1));
	test_unstarted(guest_handle(0));
	test_personality(guest_handle(2), guest_handle(3));
	test_limits(guest_handle(0));
	test_failed_instance(guest_handle(0), guest_handle(3));
	nb_process_exit(0);
}
