/*
 * Who gets how much of the processor: starts itself several times in other roles and prints,
 * for each setting, the shares in thousandths of the time that passed.
 *
 *     SETTING PERMILLE...
 *
 * Roles: none (the test itself), `loop`, `crowd` (three threads that loop), `divide` (starts two
 * that loop, one with a limit that is larger than its own).
 */
#include "user/libs/disk/disk.h"
#include "user/libs/launch/launch.h"
#include "user/sdk/start.h"
#include "user/sdk/startup.h"

#include "nebulet.h"

#define WARM_UP_NS INT64_C(50000000)
#define SHORT_NS   INT64_C(400000000)
#define LONG_NS	   INT64_C(1200000000)
#define PATH	   "mnt/0/shares.wasm"

enum { LOOPERS_MAX = 3, STACK_BYTES = 4096, ROLE_BYTES = 8 };

struct looper {
	const char *role;
	uint32_t priority;
	uint32_t permille;
	uint32_t process;
	uint64_t before_ns;
};

static struct archive_entry entry;
static _Alignas(16) uint8_t stacks[2][STACK_BYTES];

static uint32_t
start(struct looper *looper)
{
	struct {
		struct nb_startup_record head;
		char role[ROLE_BYTES];
	} record = { .head = { .kind = NB_STARTUP_PRIVATE } };
	uint32_t ramdisk = startup_handle("ramdisk"), process;
	const struct launch_handle handles[] = {
		{ "ramdisk", ramdisk, NB_RIGHTS_SAME },
		{ "stdout", startup_handle("stdout"), NB_RIGHTS_SAME },
	};
	struct launch launch = { .name = looper->role,
				 .ramdisk = ramdisk,
				 .priority = looper->priority,
				 .processor_permille = looper->permille,
				 .handles = handles,
				 .handle_count = 2,
				 .records = &record,
				 .records_size = sizeof record };
	char reason_bytes[256];
	struct text reason;

	while (record.head.length < ROLE_BYTES && looper->role[record.head.length]) {
		record.role[record.head.length] = looper->role[record.head.length];
		record.head.length++;
	}
	text_init(&reason, reason_bytes, sizeof reason_bytes);
	if (disk_publish(ramdisk, PATH, &entry, &launch.module) ||
	    launch_module_result(launch.module, &reason) ||
	    launch_process(&launch, &process, &reason))
		nb_process_exit(3);
	return process;
}

static uint64_t
run_time(uint32_t process)
{
	struct nb_process_info info;

	if (nb_object_info(process, NB_INFO_PROCESS, &info, sizeof info) < 0 ||
	    info.state != NB_PROCESS_RUNNING)
		nb_process_exit(4);
	return info.run_ns;
}

static void
print(const char *setting, const uint64_t *shares, uint32_t count)
{
	char bytes[256];
	struct text line;

	text_init(&line, bytes, sizeof bytes);
	text_add(&line, setting);
	for (uint32_t i = 0; i < count; i++) {
		text_add(&line, " ");
		text_add_number(&line, (int64_t)shares[i]);
	}
	text_add(&line, "\n");
	(void)nb_stream_write(startup_handle("stdout"), line.bytes, line.length);
}

/* Lets the loopers run beside each other. */
static void
measure(const char *setting, struct looper *loopers, uint32_t count, int64_t time_ns)
{
	uint64_t shares[LOOPERS_MAX];
	int64_t begin, passed;

	for (uint32_t i = 0; i < count; i++)
		loopers[i].process = start(&loopers[i]);
	/* Budgets that began full are used up. */
	(void)nb_thread_sleep(nb_clock_get(NB_CLOCK_MONOTONIC) + WARM_UP_NS);
	begin = nb_clock_get(NB_CLOCK_MONOTONIC);
	for (uint32_t i = 0; i < count; i++)
		loopers[i].before_ns = run_time(loopers[i].process);
	(void)nb_thread_sleep(begin + time_ns);
	passed = nb_clock_get(NB_CLOCK_MONOTONIC) - begin;
	for (uint32_t i = 0; i < count; i++)
		shares[i] = (run_time(loopers[i].process) - loopers[i].before_ns) * 1000 /
			    (uint64_t)passed;
	for (uint32_t i = 0; i < count; i++) {
		(void)nb_process_kill(loopers[i].process, 0);
		if (nb_object_wait_one(loopers[i].process, NB_SIGNAL_TERMINATED,
				       NB_DEADLINE_NEVER) < 0)
			nb_process_exit(5);
		(void)nb_handle_close(loopers[i].process);
	}
	print(setting, shares, count);
}

static void
loop(uint32_t argument)
{
	(void)argument;
	for (;;)
		__asm__ volatile("");
}

static void
divide(void)
{
	struct looper loopers[] = { { .role = "loop", .permille = 500 }, { .role = "loop" } };

	measure("divided", loopers, 2, SHORT_NS);
}

static void
run_role(char role)
{
	if (role == 'd') {
		divide();
		return;
	}
	for (uint32_t i = 0; role == 'c' && i < 2; i++)
		if (nb_thread_spawn((uint32_t)(uintptr_t)loop, 0,
				    (uint32_t)(uintptr_t)stacks[i] + STACK_BYTES) < 0)
			nb_process_exit(6);
	loop(0);
}

/* The first letter of this process's role, or 0. */
static char
own_role(void)
{
	struct startup startup = startup_get();
	const struct nb_startup_record *record;
	uint32_t at = 0;

	while (startup.block && (record = nb_startup_next(startup.block, startup.size, &at)))
		if (record->kind == NB_STARTUP_PRIVATE)
			return startup_contents(record)[0];
	return 0;
}

int
module_main(void)
{
	struct looper equal[] = { { .role = "loop" }, { .role = "loop" }, { .role = "loop" } };
	struct looper crowd[] = { { .role = "loop" }, { .role = "crowd" } };
	struct looper alone[] = { { .role = "loop", .permille = 250 } };
	struct looper tight[] = { { .role = "loop", .permille = 20 } };
	struct looper beside[] = { { .role = "loop", .permille = 250 }, { .role = "loop" } };
	struct looper crowded[] = { { .role = "crowd", .permille = 300 }, { .role = "loop" } };
	struct looper strict[] = { { .role = "loop" }, { .role = "loop", .priority = 1 } };
	struct looper divided = { .role = "divide", .permille = 300 };
	char role = own_role();

	if (role) {
		run_role(role);
		return 0;
	}
	measure("equal", equal, 3, LONG_NS);
	measure("crowd", crowd, 2, LONG_NS);
	measure("alone", alone, 1, SHORT_NS);
	measure("tight", tight, 1, SHORT_NS);
	measure("beside", beside, 2, SHORT_NS);
	measure("crowded", crowded, 2, SHORT_NS);
	measure("strict", strict, 2, SHORT_NS);
	divided.process = start(&divided);
	if (nb_object_wait_one(divided.process, NB_SIGNAL_TERMINATED, NB_DEADLINE_NEVER) < 0)
		nb_process_exit(5);
	return 0;
}
