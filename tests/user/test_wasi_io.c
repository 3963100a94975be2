/*
 * The WASI personality over a fake kernel: streams, waiting, clocks, ending,
 * and calls with hostile arguments.
 */
#include "tests/user/wasi_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ---- streams ---- */

static char drained[256];
static uint32_t drained_len;

static void
drain_stdout(void)
{
	struct fake_stream *stream = &fake.streams[1];

	memcpy(drained + drained_len, stream->bytes, stream->len);
	drained_len += stream->len;
	stream->len = 0;
}

static void
feed_stdin(void)
{
	memcpy(fake.streams[0].bytes, "typed", 5);
	fake.streams[0].len = 5;
}

static void
close_stdout(void)
{
	fake.streams[1].is_peer_closed = true;
}

static void
writes_block_until_all_is_taken(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 150; i++)
		fake.client[BUF + i] = (uint8_t)i;
	put_iovec(0, BUF, 100);
	put_iovec(1, BUF + 100, 50);
	fake.on_wait = drain_stdout;
	assert_int_equal(wasi_fd_write(1, IOV, 2, OUT), 0);
	assert_int_equal(get_u32(OUT), 150);
	drain_stdout();
	assert_int_equal(drained_len, 150);
	assert_memory_equal(drained, fake.client + BUF, 150);

	assert_int_equal(wasi_fd_fdstat_set_flags(1, WASI_FDFLAG_NONBLOCK), 0);
	assert_int_equal(wasi_fd_write(1, IOV, 2, OUT), 0);
	assert_int_equal(get_u32(OUT), FAKE_STREAM_BYTES);
	assert_int_equal(wasi_fd_write(1, IOV, 2, OUT), WASI_AGAIN);
	assert_int_equal(wasi_fd_fdstat_set_flags(1, 0), 0);
	assert_int_equal(wasi_fd_fdstat_set_flags(1, WASI_FDFLAG_SYNC), WASI_NOTSUP);
	assert_int_equal(wasi_fd_fdstat_set_flags(1, 32), WASI_INVAL);

	/* the reader goes away while we wait */
	fake.on_wait = close_stdout;
	assert_int_equal(wasi_fd_write(1, IOV, 2, OUT), WASI_PIPE);
	fake.streams[1].is_peer_closed = false;
	fake.streams[1].len = 0;
	fake.on_wait = NULL;
	assert_int_equal(wasi_fd_read(1, IOV, 1, OUT), WASI_NOTCAPABLE);
	assert_int_equal(wasi_fd_seek(1, 0, WASI_WHENCE_CUR, OUT), WASI_SPIPE);
	assert_int_equal(wasi_fd_sync(1), WASI_INVAL);
}

static void
reads_block_for_the_first_byte_only(void **state)
{
	(void)state;
	put_iovec(0, BUF, 3);
	put_iovec(1, BUF + 3, 100);
	fake.waits = 0;
	fake.on_wait = feed_stdin;
	assert_int_equal(wasi_fd_read(0, IOV, 2, OUT), 0);
	assert_int_equal(get_u32(OUT), 5);
	assert_memory_equal(fake.client + BUF, "typed", 5);
	assert_int_equal(fake.waits, 1);
	assert_int_equal(wasi_fd_fdstat_set_flags(0, WASI_FDFLAG_NONBLOCK), 0);
	assert_int_equal(wasi_fd_read(0, IOV, 1, OUT), WASI_AGAIN);
	assert_int_equal(wasi_fd_fdstat_set_flags(0, 0), 0);
	fake.on_wait = NULL;
	/* an empty read returns at once; the end is 0 bytes */
	assert_int_equal(wasi_fd_read(0, IOV, 0, OUT), 0);
	assert_int_equal(get_u32(OUT), 0);
	fake.streams[0].is_peer_closed = true;
	assert_int_equal(wasi_fd_read(0, IOV, 1, OUT), 0);
	assert_int_equal(get_u32(OUT), 0);
	fake.streams[0].is_peer_closed = false;
	/* being killed interrupts the wait */
	assert_int_equal(wasi_fd_read(0, IOV, 1, OUT), WASI_CANCELED);
}

/* ---- poll_oneoff ---- */

static void
put_clock(uint32_t index, uint32_t id, uint64_t timeout, uint16_t flags)
{
	struct wasi_subscription sub = { .userdata = 100 + index, .type = WASI_EVENT_CLOCK };

	sub.clock.id = id;
	sub.clock.timeout = timeout;
	sub.clock.flags = flags;
	memcpy(fake.client + BUF + index * sizeof sub, &sub, sizeof sub);
}

static void
put_fd(uint32_t index, uint8_t type, uint32_t fd)
{
	struct wasi_subscription sub = { .userdata = 100 + index, .type = type, .fd = fd };

	memcpy(fake.client + BUF + index * sizeof sub, &sub, sizeof sub);
}

static struct wasi_event
event_at(uint32_t index)
{
	struct wasi_event event;

	memcpy(&event, fake.client + OUT2 + index * sizeof event, sizeof event);
	return event;
}

static void
polls_clocks(void **state)
{
	int64_t start = fake.monotonic_ns;

	(void)state;
	put_clock(0, WASI_CLOCK_MONOTONIC, 5000, 0);
	put_clock(1, WASI_CLOCK_REALTIME, 3000, 0);
	assert_int_equal(wasi_poll_oneoff(BUF, OUT2, 2, OUT), 0);
	assert_int_equal(get_u32(OUT), 1);
	assert_int_equal(event_at(0).userdata, 101);
	assert_int_equal(event_at(0).error, 0);
	assert_int_equal(fake.monotonic_ns - start, 3000);
	/* absolute, in either clock; past ones are due at once */
	put_clock(0, WASI_CLOCK_REALTIME, (uint64_t)fake.realtime_ns + 700, WASI_SUBCLOCK_ABSTIME);
	start = fake.monotonic_ns;
	assert_int_equal(wasi_poll_oneoff(BUF, OUT2, 1, OUT), 0);
	assert_int_equal(fake.monotonic_ns - start, 700);
	put_clock(0, WASI_CLOCK_MONOTONIC, 1, WASI_SUBCLOCK_ABSTIME);
	put_clock(1, WASI_CLOCK_MONOTONIC, UINT64_MAX, 0);
	assert_int_equal(wasi_poll_oneoff(BUF, OUT2, 2, OUT), 0);
	assert_int_equal(get_u32(OUT), 1);
	assert_int_equal(fake.monotonic_ns - start, 700);
	put_clock(0, WASI_CLOCK_PROCESS_CPUTIME, 1, 0);
	put_clock(1, 9, 1, 0);
	assert_int_equal(wasi_poll_oneoff(BUF, OUT2, 2, OUT), 0);
	assert_int_equal(get_u32(OUT), 2);
	assert_int_equal(event_at(0).error, WASI_NOTSUP);
	assert_int_equal(event_at(1).error, WASI_INVAL);
	assert_int_equal(wasi_poll_oneoff(BUF, OUT2, 0, OUT), WASI_INVAL);
	assert_int_equal(wasi_poll_oneoff(BAD_ADDRESS, OUT2, 1, OUT), WASI_FAULT);
	assert_int_equal(wasi_poll_oneoff(BUF, OUT2, UINT32_MAX, OUT), WASI_INVAL);
}

static void
polls_descriptors(void **state)
{
	uint32_t fd = open_file(ROOT, "data/hello.txt");

	(void)state;
	put_fd(0, WASI_EVENT_FD_READ, 0);
	put_clock(1, WASI_CLOCK_MONOTONIC, 1000, 0);
	assert_int_equal(wasi_poll_oneoff(BUF, OUT2, 2, OUT), 0);
	assert_int_equal(get_u32(OUT), 1);
	assert_int_equal(event_at(0).type, WASI_EVENT_CLOCK);
	fake.on_wait = feed_stdin;
	assert_int_equal(wasi_poll_oneoff(BUF, OUT2, 2, OUT), 0);
	fake.on_wait = NULL;
	assert_int_equal(get_u32(OUT), 1);
	assert_int_equal(event_at(0).userdata, 100);
	assert_int_equal(event_at(0).nbytes, 5);
	fake.streams[0].len = 0;

	put_fd(0, WASI_EVENT_FD_READ, fd);
	put_fd(1, WASI_EVENT_FD_WRITE, 1);
	put_fd(2, WASI_EVENT_FD_READ, 50);
	put_fd(3, WASI_EVENT_FD_WRITE, 0);
	put_fd(4, WASI_EVENT_FD_READ, 0);
	assert_int_equal(wasi_poll_oneoff(BUF, OUT2, 5, OUT), 0);
	assert_int_equal(get_u32(OUT), 4);
	assert_int_equal(event_at(0).nbytes, 12);
	assert_int_equal(event_at(1).nbytes, FAKE_STREAM_BYTES);
	assert_int_equal(event_at(2).error, WASI_BADF);
	assert_int_equal(event_at(3).error, WASI_NOTCAPABLE);
	fake.streams[0].is_peer_closed = true;
	put_fd(0, WASI_EVENT_FD_READ, 0);
	assert_int_equal(wasi_poll_oneoff(BUF, OUT2, 1, OUT), 0);
	assert_int_equal(event_at(0).flags, WASI_EVENT_HANGUP);
	fake.streams[0].is_peer_closed = false;
	put_fd(0, 3, 0);
	assert_int_equal(wasi_poll_oneoff(BUF, OUT2, 1, OUT), WASI_INVAL);
	assert_int_equal(wasi_fd_close(fd), 0);
}

static void
polls_in_the_layout_of_preview_0(void **state)
{
	struct wasi_unstable_subscription subs[2] = {
		{ .userdata = 7, .type = WASI_EVENT_FD_WRITE, .fd = 2 },
		{ .userdata = 8, .type = WASI_EVENT_CLOCK },
	};
	int64_t start = fake.monotonic_ns;

	(void)state;
	subs[1].clock.id = WASI_CLOCK_MONOTONIC;
	subs[1].clock.timeout = 400;
	memcpy(fake.client + BUF, subs, sizeof subs);
	assert_int_equal(wasi_unstable_poll_oneoff(BUF, OUT2, 2, OUT), 0);
	assert_int_equal(get_u32(OUT), 1);
	assert_int_equal(event_at(0).userdata, 7);
	assert_int_equal(wasi_unstable_poll_oneoff(BUF + sizeof subs[0], OUT2, 1, OUT), 0);
	assert_int_equal(event_at(0).userdata, 8);
	assert_int_equal(fake.monotonic_ns - start, 400);
}

/* ---- the rest ---- */

static void
clocks_and_random(void **state)
{
	(void)state;
	assert_int_equal(wasi_clock_time_get(WASI_CLOCK_REALTIME, 0, OUT), 0);
	assert_int_equal(get_u64(OUT), fake.realtime_ns);
	assert_int_equal(wasi_clock_time_get(WASI_CLOCK_MONOTONIC, 0, OUT), 0);
	assert_int_equal(get_u64(OUT), fake.monotonic_ns);
	assert_int_equal(wasi_clock_time_get(WASI_CLOCK_THREAD_CPUTIME, 0, OUT), 0);
	assert_int_equal(get_u64(OUT), 5);
	assert_int_equal(wasi_clock_time_get(4, 0, OUT), WASI_INVAL);
	assert_int_equal(wasi_clock_res_get(WASI_CLOCK_REALTIME, OUT), 0);
	assert_int_equal(get_u64(OUT), 1);
	assert_int_equal(wasi_clock_res_get(4, OUT), WASI_INVAL);
	fake.client[BUF + 300000] = 1;
	assert_int_equal(wasi_random_get(BUF, 300000), 0);
	assert_int_equal(fake.client[BUF], 0xa5);
	assert_int_equal(fake.client[BUF + 299999], 0xa5);
	assert_int_equal(fake.client[BUF + 300000], 1);
	assert_int_equal(wasi_random_get(BAD_ADDRESS, 100), WASI_FAULT);
	assert_int_equal(wasi_sched_yield(), 0);
}

static void
ends_the_process(void **state)
{
	(void)state;
	if (!setjmp(fake.exit))
		wasi_proc_exit(42);
	assert_int_equal(fake.exit_status, 42);
	if (!setjmp(fake.exit))
		wasi_proc_raise(6);
	assert_int_equal(fake.exit_status, 128 + 6);
	fake.exit_status = 0;
	assert_int_equal(wasi_proc_raise(0), 0);
	assert_int_equal(wasi_proc_raise(16), 0);
	assert_int_equal(wasi_proc_raise(18), WASI_NOTSUP);
	assert_int_equal(wasi_proc_raise(31), WASI_INVAL);
	assert_int_equal(fake.exit_status, 0);
}

static void
has_no_sockets(void **state)
{
	(void)state;
	assert_int_equal(wasi_sock_accept(0, 0, OUT), WASI_NOTSOCK);
	assert_int_equal(wasi_sock_recv(99, IOV, 1, 0, OUT, OUT2), WASI_BADF);
	assert_int_equal(wasi_sock_send(1, IOV, 1, 0, OUT), WASI_NOTSOCK);
	assert_int_equal(wasi_sock_shutdown(ROOT, 1), WASI_NOTSOCK);
}

/* ---- hostile arguments ---- */

static uint64_t random_state;

static uint32_t
random_u32(void)
{
	random_state = random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)(random_state >> 33);
}

/* Mostly something that means something, so that calls get far. */
static uint32_t
random_argument(void)
{
	static const uint32_t likely[] = { 0,		1,	    2,		 3,   4,
					   5,		6,	    8,		 12,  16,
					   PATH,	PATH2,	    OUT,	 IOV, BUF,
					   BAD_ADDRESS, UINT32_MAX, 0x80000000u, 4096 };

	return random_u32() % 8 ? likely[random_u32() % (sizeof likely / sizeof likely[0])]
				: random_u32();
}

static void
call_anything(uint32_t which)
{
	uint32_t a[9];

	for (int i = 0; i < 9; i++)
		a[i] = random_argument();
	switch (which) {
#define CALL(index, call)     \
	case index:           \
		(void)(call); \
		break;
		CALL(0, wasi_fd_read(a[0], a[1], a[2], a[3]))
		CALL(1, wasi_fd_pread(a[0], a[1], a[2], a[3] | (uint64_t)a[4] << 32, a[5]))
		CALL(2, wasi_fd_seek(a[0], (int32_t)a[1], a[2], a[3]))
		CALL(3, wasi_fd_readdir(a[0], a[1], a[2], a[3], a[4]))
		CALL(4, wasi_path_open(a[0], a[1] & 1, a[2], a[3] % 64, a[4] & 15, a[5], a[6], 0,
				       a[8]))
		CALL(5, wasi_path_filestat_get(a[0], a[1], a[2], a[3], a[4]))
		CALL(6, wasi_path_readlink(a[0], a[1], a[2], a[3], a[4], a[5]))
		CALL(7, wasi_fd_close(a[0] > 4 ? a[0] : 5))
		CALL(8, wasi_fd_renumber(a[0] > 4 ? a[0] : 5, a[1] > 4 ? a[1] : 6))
		CALL(9, wasi_fd_fdstat_get(a[0], a[1]))
		CALL(10, wasi_fd_filestat_get(a[0], a[1]))
		CALL(11, wasi_fd_prestat_dir_name(a[0], a[1], a[2]))
		CALL(12, wasi_poll_oneoff(a[0], a[1], a[2] % 40, a[3]))
		CALL(13, wasi_unstable_poll_oneoff(a[0], a[1], a[2] % 40, a[3]))
		CALL(14, wasi_args_get(a[0], a[1]))
		CALL(15, wasi_environ_get(a[0], a[1]))
		CALL(16, wasi_random_get(a[0], a[1] % 70000))
		CALL(17, wasi_path_rename(a[0], a[1], a[2], a[3], a[4], a[5]))
		CALL(18, wasi_path_symlink(a[0], a[1], a[2], a[3], a[4]))
		CALL(19, wasi_path_link(a[0], a[1], a[2], a[3], a[4], a[5], a[6]))
		CALL(20, wasi_fd_write(a[0], a[1], a[2] % 100, a[3]))
		CALL(21, wasi_fd_tell(a[0], a[1]))
		CALL(22, wasi_path_create_directory(a[0], a[1], a[2]))
		CALL(23, wasi_clock_time_get(a[0], 0, a[1]))
#undef CALL
	}
}

static void
hostile_arguments_do_no_harm(void **state)
{
	static const char *const paths[] = { "data/sub", "data/link", "..", "data/up/data", "" };
	uint32_t seed = 20240917;

	(void)state;
	print_message("seed %u\n", seed);
	random_state = seed;
	for (int round = 0; round < 60000; round++) {
		/* The personality writes results anywhere, so refresh the inputs. */
		if (round % 16 == 0) {
			for (uint32_t i = 0; i < 64; i++)
				fake.client[PATH + i] =
					(uint8_t) "./data/sublink\0x"[random_u32() % 16];
			put_text(PATH2, paths[random_u32() % 5]);
			for (uint32_t i = 0; i < 8; i++)
				put_iovec(i, random_argument(), random_argument());
		}
		call_anything(random_u32() % 24);
		for (int i = 1; i < 3; i++)
			fake.streams[i].len = 0;
	}
	/* still in order */
	for (uint32_t fd = 5; fd < FD_MAX; fd++)
		(void)wasi_fd_close(fd);
	assert_int_equal(open_error("data/hello.txt", 0, 0), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes_block_until_all_is_taken),
		cmocka_unit_test(reads_block_for_the_first_byte_only),
		cmocka_unit_test(polls_clocks),
		cmocka_unit_test(polls_descriptors),
		cmocka_unit_test(polls_in_the_layout_of_preview_0),
		cmocka_unit_test(clocks_and_random),
		cmocka_unit_test(ends_the_process),
		cmocka_unit_test(has_no_sockets),
		cmocka_unit_test(hostile_arguments_do_no_harm),
	};

	return cmocka_run_group_tests(tests, wasi_setup, wasi_teardown);
}
