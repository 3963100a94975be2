/*
 * Makes the kernel work as long at a time as it can be made to: publishes
 * mnt/0/heavy.wasm of the RAM disk, makes an instance of it that fits and one
 * that does not, makes a large memory object and maps it, and throws all away, ROUNDS times.
 */
#include "tests/user/programs/native/lib/roles.h"
#include "user/sdk/start.h"

#include "nebulet.h"

enum { ROUNDS = 3, OBJECT_BYTES = 128 << 20 };

static void
expect(int holds, int32_t status)
{
	if (!holds)
		nb_process_exit(status);
}

static uint64_t
charged(uint32_t process)
{
	struct nb_process_info info;

	expect(nb_object_info(process, NB_INFO_PROCESS, &info, sizeof info) > 0, 5);
	return info.memory_bytes;
}

/* The limit leaves room for the tables and not for the memory after them. */
static void
fail_to_instantiate(uint32_t module)
{
	struct nb_limits limits = { .memory_bytes = 160 << 20, .priority = NB_PRIORITY_NORMAL };
	int64_t process = nb_process_create("small", 5, &limits);
	uint64_t before;

	expect(process > 0, 6);
	before = charged((uint32_t)process);
	for (int i = 0; i < 2; i++) {
		expect(nb_process_instantiate((uint32_t)process, module, 0, 0, 0) ==
			       -NB_LIMIT_EXCEEDED,
		       7);
		expect(charged((uint32_t)process) <= before + 4096, 8);
	}
	(void)nb_handle_close((uint32_t)process);
}

/* Maps all of it, and unmaps it again. */
static void
use_object(uint32_t memory)
{
	static uint32_t at;

	if (at)
		expect(nb_memory_map(memory, 0, OBJECT_BYTES, at, NB_MAP_WRITE) == at, 10);
	else
		at = (uint32_t)nb_memory_map(memory, 0, OBJECT_BYTES, 0,
					     NB_MAP_WRITE | NB_MAP_APPEND);
	expect(at > 0 && at < 0xffff0000, 11);
	expect(nb_memory_unmap(at) == 0, 12);
}

int
module_main(void)
{
	for (int i = 0; i < ROUNDS; i++) {
		uint32_t module = role_publish("mnt/0/heavy.wasm");
		int64_t process, memory;

		fail_to_instantiate(module);
		process = nb_process_create("heavy", 5, 0);
		expect(process > 0 &&
			       nb_process_instantiate((uint32_t)process, module, 0, 0, 0) == 0,
		       4);
		(void)nb_process_kill((uint32_t)process, 0);
		(void)nb_handle_close((uint32_t)process);
		(void)nb_handle_close(module);
		memory = nb_memory_create(OBJECT_BYTES);
		expect(memory > 0, 9);
		use_object((uint32_t)memory);
		(void)nb_handle_close((uint32_t)memory);
	}
	return 0;
}
