/*
 * One of everything, in a system that may run out of memory at any moment: what
 * fails must have changed nothing. Handle 0: a module for a child (trap). Ends with 0
 * if nothing failed, 1 if something did, or with the line of an EXPECT.
 */
#include "guest.h"

enum { STACK = 4096 };

static _Alignas(16) char stack[STACK];
static char bytes[8192];

static uint32_t
handles_live(void)
{
	struct nb_system_info info;

	EXPECT(nb_system_info(NB_SYSTEM_INFO, &info, sizeof info) == sizeof info);
	return info.handles_live;
}

/* A call that made `handles` handles if it worked. */
static int64_t
tried(int64_t result, uint32_t before, uint32_t handles)
{
	if (result >= 0) {
		EXPECT(handles_live() == before + handles);
		return result;
	}
	EXPECT(result == ERR(OUT_OF_MEMORY) || result == ERR(LIMIT_EXCEEDED));
	EXPECT(handles_live() == before);
	nb_process_exit(1);
}
#define TRY(handles, call)                         \
	({                                         \
		uint32_t before_ = handles_live(); \
		tried((call), before_, handles);   \
	})

static int
thread_main(int argument)
{
	return argument;
}

static void
use_channel(void)
{
	struct nb_channel_ends channel;
	struct nb_message_counts counts = { 0, 4 };
	uint32_t handles[4];
	uint32_t event = (uint32_t)TRY(1, nb_event_create());

	(void)TRY(2, nb_channel_create(&channel, 4));
	/* On a failure the event is still here. */
	int64_t result = nb_channel_send(channel.ends[0], bytes, sizeof bytes, &event, 1);

	if (result < 0) {
		EXPECT(result == ERR(OUT_OF_MEMORY));
		EXPECT(nb_object_signal(event, 0, NB_SIGNAL_SIGNALED) == 0);
		nb_process_exit(1);
	}
	result = nb_channel_recv(channel.ends[1], bytes, sizeof bytes, handles, &counts);
	EXPECT(result == sizeof bytes && counts.handles == 1);
	EXPECT(nb_object_signal(handles[0], 0, NB_SIGNAL_SIGNALED) == 0);
}

static void
use_objects(void)
{
	struct nb_stream_ends stream;
	uint32_t set = (uint32_t)TRY(1, nb_waitset_create());
	uint32_t timer = (uint32_t)TRY(1, nb_timer_create());

	(void)TRY(0, nb_waitset_add(set, timer, NB_SIGNAL_SIGNALED, 1));
	(void)TRY(2, nb_stream_create(&stream, 5000));
	(void)TRY(1, nb_memory_create(20000));
	(void)TRY(1, nb_handle_duplicate(timer, NB_RIGHTS_SAME));
	(void)TRY(0, nb_object_set_name(timer, "timer", 5));
	for (uint32_t i = 0; i < 100; i++)
		(void)TRY(1, nb_event_create());
}

static void
use_thread(void)
{
	uint32_t thread = (uint32_t)TRY(1, nb_thread_spawn((uint32_t)(uintptr_t)thread_main, 5,
							   (uint32_t)(uintptr_t)(stack + STACK)));

	EXPECT(nb_thread_join(thread, NB_DEADLINE_NEVER) == 5);
}

static void
use_process(uint32_t module)
{
	uint32_t word = 0, before;
	int64_t result;
	struct nb_process_info info;
	uint32_t process = (uint32_t)TRY(1, nb_process_create("child", 5, 0));

	(void)TRY(1, nb_process_grant(process, module, NB_RIGHTS_SAME));
	(void)TRY(0, nb_process_instantiate(process, module, 0, 0, 0));
	/* Once started the child may be over, and its handle closed, at any moment. */
	before = handles_live();
	result = nb_process_start(process, 0, &word, sizeof word);
	if (result < 0)
		(void)tried(result, before, 0);
	EXPECT(nb_object_wait_one(process, NB_SIGNAL_TERMINATED, NB_DEADLINE_NEVER) > 0);
	EXPECT(nb_object_info(process, NB_INFO_PROCESS, &info, sizeof info) == sizeof info);
	EXPECT((info.status == 17 && info.trap == 0) || info.trap == NB_TRAP_OUT_OF_MEMORY);
}

void
_start(void)
{
	use_channel();
	use_objects();
	use_thread();
	use_process(guest_handle(0));
	nb_process_exit(0);
}
