/*
 * Starts as many processes as its first argument says (the module mnt/0/member.wasm of
 * the RAM disk, tests/kernel/guests/member.c), all of which live at once and say so;
 * lets them end, and checks how each of them ended. Prints how much free memory of the
 * machine a member took.
 */
#include "tests/user/programs/native/lib/roles.h"
#include "user/sdk/start.h"
#include "user/sdk/startup.h"

#include "nebulet.h"

enum { MOST = 20000 };

static uint32_t members[MOST];
static uint8_t seen[MOST];

static void
print(const char *what, int64_t number)
{
	role_print(what, &(uint64_t){ (uint64_t)number }, 1);
}

/* Ends the program if a call failed. */
static uint32_t
must(int64_t result, const char *what)
{
	if (result < 0) {
		print(what, result);
		nb_process_exit(1);
	}
	return (uint32_t)result;
}

static uint32_t
argument(void)
{
	struct startup startup = startup_get();
	const struct nb_startup_record *record;
	uint32_t at = 0, which = 0, number = 0;

	while ((record = nb_startup_next(startup.block, startup.size, &at))) {
		if (record->kind != NB_STARTUP_ARGUMENT || which++ == 0)
			continue;
		for (uint32_t i = 0; i < record->length; i++)
			number = number * 10 + (uint32_t)(startup_contents(record)[i] - '0');
		break;
	}
	return number > MOST ? MOST : number;
}

static uint64_t
free_bytes(void)
{
	struct nb_memory_info info;

	(void)must(nb_system_info(NB_SYSTEM_MEMORY, &info, sizeof info), "memory");
	return info.free_bytes;
}

static void
start(uint32_t module, uint32_t number, uint32_t channel, uint32_t event)
{
	uint32_t words[3] = { 0, 0, number };
	uint32_t process = must(nb_process_create("member", 6, 0), "create");

	words[0] = must(nb_process_grant(process, channel, NB_RIGHTS_SAME), "grant");
	words[1] = must(nb_process_grant(process, event, NB_RIGHTS_SAME), "grant");
	(void)must(nb_process_instantiate(process, module, 0, 0, 0), "instantiate");
	(void)must(nb_process_start(process, 0, words, sizeof words), "start");
	members[number] = process;
}

/* Hears of a member that lives. */
static void
hear(uint32_t channel, uint32_t count)
{
	struct nb_message_counts counts = { sizeof(uint32_t), 0 };
	uint32_t number = MOST;

	(void)must(nb_object_wait_one(channel, NB_SIGNAL_READABLE, NB_DEADLINE_NEVER), "wait");
	(void)must(nb_channel_recv(channel, &number, sizeof number, 0, &counts), "receive");
	if (number >= count || seen[number]++)
		must(-1, "a member that is not expected");
}

static void
check_end(uint32_t number)
{
	struct nb_process_info info;

	(void)must(nb_object_wait_one(members[number], NB_SIGNAL_TERMINATED, NB_DEADLINE_NEVER),
		   "wait for the end");
	(void)must(nb_object_info(members[number], NB_INFO_PROCESS, &info, sizeof info), "info");
	if (info.status != (int32_t)number || info.trap)
		must(-1, "a member ended otherwise");
	(void)must(nb_handle_close(members[number]), "close");
}

int
module_main(void)
{
	uint32_t count = argument(), module = role_publish("mnt/0/member.wasm");
	uint32_t event = must(nb_event_create(), "event");
	struct nb_channel_ends channel;
	uint64_t before, bytes;

	(void)must(nb_channel_create(&channel, 16), "channel");
	before = free_bytes();
	for (uint32_t i = 0; i < count; i++) {
		start(module, i, channel.ends[1], event);
		hear(channel.ends[0], count);
		/* It says so, and then waits. */
		nb_thread_yield();
	}
	bytes = (before - free_bytes()) / (count ? count : 1);
	(void)must(nb_object_signal(event, 0, NB_SIGNAL_SIGNALED), "signal");
	for (uint32_t i = 0; i < count; i++)
		check_end(i);
	print("lived", count);
	print("bytes", (int64_t)bytes);
	return 0;
}
