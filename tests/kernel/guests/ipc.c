/*
 * Channels, timers and waitsets by their native calls, in one process.
 */
#include "guest.h"

static struct nb_message_counts counts;
static uint32_t handles[16];
static char buffer[256];

static int64_t
now(void)
{
	return nb_clock_get(NB_CLOCK_MONOTONIC);
}

static uint32_t
signals_of(uint32_t handle)
{
	struct nb_object_info info;

	EXPECT(nb_object_info(handle, NB_INFO_OBJECT, &info, sizeof info) == sizeof info);
	return info.signals;
}

static void
test_channel(void)
{
	struct nb_channel_ends channel;
	struct nb_channel_info info;
	uint32_t event = (uint32_t)nb_event_create(), narrow;

	EXPECT(nb_channel_create(&channel, 2000) == ERR(OUT_OF_RANGE));
	EXPECT(nb_channel_create((void *)0x7ffffff0, 0) == ERR(INVALID_ADDRESS));
	EXPECT(nb_channel_create(&channel, 2) == 0);
	EXPECT(nb_channel_send(channel.ends[0], "hello", 5, &event, 1) == 0);
	EXPECT(nb_handle_close(event) == ERR(BAD_HANDLE));
	EXPECT(nb_channel_send(channel.ends[0], "full", 4, 0, 0) == 0);
	EXPECT(nb_channel_send(channel.ends[0], "over", 4, 0, 0) == ERR(SHOULD_WAIT));
	EXPECT(nb_object_info(channel.ends[1], NB_INFO_CHANNEL, &info, sizeof info) == sizeof info);
	EXPECT(info.capacity == 2 && info.readable == 2 && info.writable == 2);
	EXPECT(info.next_len == 5 && info.next_handles == 1);
	counts.handles = 0;
	EXPECT(nb_channel_recv(channel.ends[1], buffer, sizeof buffer, handles, &counts) ==
	       ERR(BUFFER_TOO_SMALL));
	EXPECT(counts.bytes == 5 && counts.handles == 1);
	EXPECT(nb_channel_recv(channel.ends[1], buffer, 4, handles, &counts) ==
	       ERR(BUFFER_TOO_SMALL));
	EXPECT(nb_channel_recv(channel.ends[1], (void *)0x7ffffff0, 64, handles, &counts) ==
	       ERR(INVALID_ADDRESS));
	EXPECT(nb_channel_recv(channel.ends[1], buffer, 5, handles, &counts) == 5);
	EXPECT(counts.handles == 1 && buffer[0] == 'h' && buffer[4] == 'o');
	EXPECT(nb_object_signal(handles[0], 0, NB_SIGNAL_SIGNALED) == 0);
	EXPECT(nb_handle_close(handles[0]) == 0);
	narrow = (uint32_t)nb_handle_duplicate(channel.ends[0], NB_RIGHT_READ);
	EXPECT(nb_channel_send(narrow, "x", 1, 0, 0) == ERR(ACCESS_DENIED));
	EXPECT(nb_channel_send(channel.ends[0], "x", 1, &narrow, 1) == ERR(ACCESS_DENIED));
	EXPECT(nb_handle_close(narrow) == 0);
	EXPECT(nb_handle_close(channel.ends[0]) == 0);
	EXPECT(signals_of(channel.ends[1]) == (NB_SIGNAL_READABLE | NB_SIGNAL_PEER_CLOSED));
	counts.handles = 0;
	EXPECT(nb_channel_recv(channel.ends[1], buffer, sizeof buffer, 0, &counts) == 4);
	EXPECT(nb_channel_recv(channel.ends[1], buffer, sizeof buffer, 0, &counts) ==
	       ERR(PEER_CLOSED));
	EXPECT(nb_handle_close(channel.ends[1]) == 0);
}

/* A sign given at one end is seen at the other, where it is cleared. */
static void
check_signs(uint32_t from, uint32_t to)
{
	uint32_t before = signals_of(from);

	EXPECT(nb_object_signal(from, 0, NB_SIGNAL_SIGNALED | NB_SIGNAL_USER_3) == 0);
	EXPECT(signals_of(from) == (before | NB_SIGNAL_USER_3));
	EXPECT(signals_of(to) & NB_SIGNAL_SIGNALED);
	EXPECT(!(signals_of(to) & NB_SIGNAL_USER_3));
	EXPECT(nb_object_signal(from, NB_SIGNAL_SIGNALED | NB_SIGNAL_USER_3, 0) == 0);
	EXPECT(signals_of(from) == before && signals_of(to) & NB_SIGNAL_SIGNALED);
	EXPECT(nb_object_signal(to, NB_SIGNAL_SIGNALED, 0) == 0);
	EXPECT(!(signals_of(to) & NB_SIGNAL_SIGNALED));
	EXPECT(nb_object_signal(from, 0, NB_SIGNAL_READABLE) == ERR(INVALID_ARGUMENT));
	EXPECT(nb_handle_close(to) == 0);
	before = signals_of(from);
	EXPECT(nb_object_signal(from, 0, NB_SIGNAL_SIGNALED | NB_SIGNAL_USER_3) ==
	       ERR(PEER_CLOSED));
	EXPECT(signals_of(from) == before);
	EXPECT(nb_handle_close(from) == 0);
}

static void
test_signs(void)
{
	struct nb_channel_ends channel;
	struct nb_stream_ends stream;

	EXPECT(nb_channel_create(&channel, 1) == 0);
	check_signs(channel.ends[1], channel.ends[0]);
	EXPECT(nb_channel_create(&channel, 1) == 0);
	check_signs(channel.ends[0], channel.ends[1]);
	EXPECT(nb_stream_create(&stream, 16) == 0);
	check_signs(stream.reader, stream.writer);
	EXPECT(nb_stream_create(&stream, 16) == 0);
	check_signs(stream.writer, stream.reader);
}

static void
test_timer(void)
{
	uint32_t timer = (uint32_t)nb_timer_create();
	struct nb_timer_info info;
	int64_t start = now();

	EXPECT(nb_timer_set(timer, start, 5) == ERR(OUT_OF_RANGE));
	EXPECT(signals_of(timer) == 0);
	EXPECT(nb_timer_set(timer, start + 3000000, 0) == 0);
	EXPECT(signals_of(timer) == 0);
	EXPECT(nb_object_wait_one(timer, NB_SIGNAL_SIGNALED, NB_DEADLINE_NEVER) ==
	       NB_SIGNAL_SIGNALED);
	EXPECT(now() >= start + 3000000);
	/* Setting it again clears it; one in the past comes at once. */
	EXPECT(nb_timer_set(timer, NB_DEADLINE_NEVER, 0) == 0 && signals_of(timer) == 0);
	EXPECT(nb_timer_set(timer, 1, 0) == 0 && signals_of(timer) == NB_SIGNAL_SIGNALED);
	/* A period; what is missed is counted. */
	start = now();
	EXPECT(nb_timer_set(timer, start + 1000000, 1000000) == 0);
	for (int i = 1; i <= 3; i++) {
		EXPECT(nb_object_wait_one(timer, NB_SIGNAL_SIGNALED, NB_DEADLINE_NEVER) > 0);
		EXPECT(now() >= start + i * 1000000);
		EXPECT(nb_object_signal(timer, NB_SIGNAL_SIGNALED, 0) == 0);
	}
	EXPECT(nb_thread_sleep(start + 20000000) == 0);
	EXPECT(nb_object_info(timer, NB_INFO_TIMER, &info, sizeof info) == sizeof info);
	EXPECT(info.expirations >= 19 && info.period_ns == 1000000);
	EXPECT((int64_t)info.deadline_ns > start + 19000000);
	/* Closed while it is set. */
	EXPECT(nb_handle_close(timer) == 0);
	timer = (uint32_t)nb_timer_create();
	EXPECT(nb_timer_set(timer, now() + 1000000, 0) == 0);
	EXPECT(nb_handle_close(timer) == 0);
	EXPECT(nb_thread_sleep(now() + 3000000) == 0);
	/* And one that the end of the process finds set. */
	timer = (uint32_t)nb_timer_create();
	EXPECT(nb_timer_set(timer, now() + INT64_C(60000000000), 100000) == 0);
}

enum { EVENTS = 100 };

static void
test_waitset(void)
{
	static uint32_t events[EVENTS], entries[EVENTS];
	static struct nb_waitset_event ready[64];
	uint32_t set = (uint32_t)nb_waitset_create();
	struct nb_waitset_info info;
	int64_t count, start = now();

	EXPECT(nb_waitset_wait(set, ready, 1, NB_DEADLINE_POLL) == ERR(TIMED_OUT));
	EXPECT(nb_waitset_wait(set, ready, 1, start + 2000000) == ERR(TIMED_OUT));
	EXPECT(now() >= start + 2000000);
	EXPECT(nb_waitset_wait(set, ready, 65, 0) == ERR(OUT_OF_RANGE));
	EXPECT(nb_waitset_add(set, set, 1, 0) == ERR(ACCESS_DENIED));
	for (uint32_t i = 0; i < EVENTS; i++) {
		events[i] = (uint32_t)nb_event_create();
		count = nb_waitset_add(set, events[i], NB_SIGNAL_SIGNALED, i | UINT64_C(1) << 40);
		EXPECT(count > 0);
		entries[i] = (uint32_t)count;
	}
	EXPECT(nb_object_info(set, NB_INFO_WAITSET, &info, sizeof info) == sizeof info);
	EXPECT(info.entries == EVENTS && info.waiters == 0);
	EXPECT(nb_object_signal(events[7], 0, NB_SIGNAL_USER_0) == 0);
	EXPECT(nb_waitset_wait(set, ready, 64, NB_DEADLINE_POLL) == ERR(TIMED_OUT));
	EXPECT(nb_object_signal(events[70], 0, NB_SIGNAL_SIGNALED) == 0);
	EXPECT(nb_object_signal(events[7], 0, NB_SIGNAL_SIGNALED) == 0);
	EXPECT(nb_waitset_wait(set, ready, 64, NB_DEADLINE_NEVER) == 2);
	EXPECT(ready[0].key == (70 | UINT64_C(1) << 40) && ready[0].entry == entries[70]);
	EXPECT(ready[0].seen == NB_SIGNAL_SIGNALED);
	EXPECT(ready[1].seen == (NB_SIGNAL_SIGNALED | NB_SIGNAL_USER_0));
	/* Levels: they stay ready, in turns. */
	EXPECT(nb_waitset_wait(set, ready, 1, 0) == 1 && ready[0].entry == entries[70]);
	EXPECT(nb_waitset_wait(set, ready, 1, 0) == 1 && ready[0].entry == entries[7]);
	EXPECT(nb_object_signal(events[7], NB_SIGNAL_SIGNALED, 0) == 0);
	EXPECT(nb_waitset_wait(set, ready, 64, 0) == 1 && ready[0].entry == entries[70]);
	EXPECT(nb_waitset_remove(set, entries[70]) == 0);
	EXPECT(nb_waitset_remove(set, entries[70]) == ERR(NOT_FOUND));
	EXPECT(nb_waitset_wait(set, ready, 64, 0) == ERR(TIMED_OUT));
	/* An entry for what is ready already, and one for a closed handle. */
	EXPECT(nb_waitset_add(set, events[70], NB_SIGNAL_SIGNALED, 5) > 0);
	EXPECT(nb_handle_close(events[70]) == 0);
	EXPECT(nb_waitset_wait(set, ready, 64, 0) == 1 && ready[0].key == 5);
	for (uint32_t i = 0; i < EVENTS; i++) {
		if (i % 2 == 0 && i != 70)
			EXPECT(nb_handle_close(events[i]) == 0);
	}
	EXPECT(nb_handle_close(set) == 0);
	/* A timer in a waitset. */
	set = (uint32_t)nb_waitset_create();
	events[0] = (uint32_t)nb_timer_create();
	EXPECT(nb_waitset_add(set, events[0], NB_SIGNAL_SIGNALED, 1) > 0);
	EXPECT(nb_timer_set(events[0], now() + 2000000, 0) == 0);
	EXPECT(nb_waitset_wait(set, ready, 64, NB_DEADLINE_NEVER) == 1 && ready[0].key == 1);
}

void
_start(void)
{
	test_channel();
	test_signs();
	test_timer();
	test_waitset();
	nb_process_exit(0);
}
