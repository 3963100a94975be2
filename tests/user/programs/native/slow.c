/*
 * Kills in the middle of long calls: starts itself in roles that are in one kind of them nearly
 * all the time, kills each KILLS times at moments of all kinds, and prints how long that took at
 * most until everything was given back, in microseconds:
 *
 *     ROLE KILLS MAXIMUM
 *
 * mnt/0/heavy.wasm of the RAM disk is a module that takes long to instantiate.
 */
#include "tests/user/programs/native/lib/roles.h"
#include "user/sdk/start.h"
#include "user/sdk/startup.h"

#include "nebulet.h"

#define PATH "mnt/0/slow.wasm"

enum {
	KILLS = 12,
	BYTES = 32 << 20,
	OBJECT_BYTES = 512 << 20,
	WAIT_MOST_NS = 60 * 1000 * 1000,
	BEGUN_NS = 20 * 1000 * 1000, /* a role is at its work then */
};

static uint8_t bytes[BYTES];

static void
expect(int holds, int32_t status)
{
	if (!holds)
		nb_process_exit(status);
}

/* ---- roles ---- */

static void
instantiate(void)
{
	for (;;) {
		int64_t process = nb_process_create("heavy", 5, 0);

		expect(process > 0, 10);
		expect(nb_process_instantiate((uint32_t)process, startup_handle("module"), 0, 0,
					      0) == 0,
		       11);
		(void)nb_handle_close((uint32_t)process);
	}
}

static void
make_objects(void)
{
	for (;;) {
		int64_t memory = nb_memory_create(OBJECT_BYTES);

		expect(memory > 0, 12);
		(void)nb_handle_close((uint32_t)memory);
	}
}

static void
copy(void)
{
	int64_t memory = nb_memory_create(BYTES);

	expect(memory > 0, 13);
	for (;;) {
		expect(nb_memory_write((uint32_t)memory, 0, bytes, BYTES) >= 0, 14);
		expect(nb_memory_read((uint32_t)memory, 0, bytes, BYTES) >= 0, 15);
	}
}

/* Without ever being refused: what is published fails, but is looked through first. */
static void
publish(void)
{
	for (;;) {
		int64_t module = nb_module_publish(bytes, BYTES);

		expect(module > 0, 16);
		(void)nb_handle_close((uint32_t)module);
	}
}

static void
fill_memory(void)
{
	for (int value = 0;; value++)
		__builtin_memset(bytes, value, sizeof bytes);
}

/* ---- the test ---- */

static void
kill_often(const char *name, uint32_t module)
{
	struct role role = { .path = PATH, .name = name, .priority = NB_PRIORITY_NORMAL - 2 };
	uint64_t numbers[2] = { 0, 0 };
	uint32_t random = 12345;

	role.handles[0] = (struct launch_handle){ "module", module, NB_RIGHTS_SAME };
	role.handle_count = 1;
	for (int i = 0; i < KILLS; i++) {
		uint32_t process = role_start(&role);
		int64_t begin;

		random = random * 1664525 + 1013904223;
		(void)nb_thread_sleep(nb_clock_get(NB_CLOCK_MONOTONIC) + BEGUN_NS +
				      random % WAIT_MOST_NS);
		expect(nb_object_wait_one(process, NB_SIGNAL_TERMINATED, NB_DEADLINE_POLL) < 0, 20);
		begin = nb_clock_get(NB_CLOCK_MONOTONIC);
		role_kill(process);
		begin = (nb_clock_get(NB_CLOCK_MONOTONIC) - begin) / 1000;
		numbers[1] = (uint64_t)begin > numbers[1] ? (uint64_t)begin : numbers[1];
		numbers[0]++;
		(void)nb_handle_close(process);
	}
	role_print(name, numbers, 2);
}

int
module_main(void)
{
	static const char *const names[] = { "instance", "objects", "copies", "publish", "fill" };
	static void (*const functions[])(void) = { instantiate, make_objects, copy, publish,
						   fill_memory };
	uint32_t module;

	for (uint32_t i = 0; i < sizeof names / sizeof names[0]; i++)
		if (role_letter() == names[i][0])
			functions[i]();
	module = role_publish("mnt/0/heavy.wasm");
	for (uint32_t i = 0; i < sizeof names / sizeof names[0]; i++)
		kill_often(names[i], module);
	return 0;
}
