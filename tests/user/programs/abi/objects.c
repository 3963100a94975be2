/*
 * print, handles, channels, streams, events, waiting, randomness, exit.
 */
#include "abi.h"

static char bytes[65537];
static uint32_t tx, rx, len;

static void
test_handles(void)
{
	int64_t event = event_create(), copy;

	EXPECT(event > 0);
	copy = handle_duplicate((uint32_t)event, DUPLICATE | WRITE);
	EXPECT(copy > 0 && copy != event);
	EXPECT(handle_duplicate((uint32_t)copy, READ) == ERROR_ACCESS_DENIED);
	EXPECT(handle_close((uint32_t)event) == 0);
	EXPECT(handle_close((uint32_t)event) == ERROR_BAD_HANDLE);
	EXPECT(object_signal((uint32_t)copy, EVENT_SIGNALED, 0) == 0);
	EXPECT(object_wait_one((uint32_t)copy, EVENT_SIGNALED) == EVENT_SIGNALED);
	EXPECT(object_signal((uint32_t)copy, USER_0, EVENT_SIGNALED) == 0);
	EXPECT(object_wait_one((uint32_t)copy, USER_0 | EVENT_SIGNALED) == USER_0);
	EXPECT(object_signal((uint32_t)copy, READABLE, 0) == ERROR_INVALID_ARGUMENT);
	event = handle_duplicate((uint32_t)copy, 0);
	EXPECT(handle_duplicate((uint32_t)event, 0) == ERROR_ACCESS_DENIED);
	EXPECT(object_signal((uint32_t)event, USER_0, 0) == ERROR_ACCESS_DENIED);
	EXPECT(channel_send((uint32_t)copy, "x", 1) == ERROR_WRONG_TYPE);
	EXPECT(handle_close(0) == ERROR_BAD_HANDLE);
	EXPECT(handle_close(12345) == ERROR_BAD_HANDLE);
}

static void
test_channel(void)
{
	EXPECT(channel_create(&tx, (uint32_t *)0xfffffff0) == ERROR_INVALID_ADDRESS);
	EXPECT(channel_create(&tx, &rx) == 0);
	EXPECT(channel_send(rx, "x", 1) == ERROR_ACCESS_DENIED);
	EXPECT(channel_recv(tx, bytes, 1, &len) == ERROR_ACCESS_DENIED);
	EXPECT(channel_recv(rx, bytes, 100, &len) == ERROR_SHOULD_WAIT);
	EXPECT(channel_send(tx, bytes, 65537) == ERROR_OUT_OF_RANGE);
	for (uint32_t i = 0; i < 1000; i++)
		EXPECT(channel_send(tx, &i, sizeof i) == 0);
	EXPECT(channel_send(tx, "x", 1) == ERROR_SHOULD_WAIT);
	EXPECT(object_wait_one(rx, READABLE | PEER_CLOSED) & READABLE);
	EXPECT(channel_recv(rx, bytes, 3, &len) == ERROR_BUFFER_TOO_SMALL && len == 4);
	EXPECT(channel_recv(rx, (void *)0xfffffff0, 4, &len) == ERROR_INVALID_ADDRESS);
	for (uint32_t i = 0; i < 1000; i++) {
		uint32_t got = 0;

		EXPECT(channel_recv(rx, &got, sizeof got, &len) == 0 && len == 4 && got == i);
	}
	bytes[65535] = 'z';
	EXPECT(channel_send(tx, bytes, 65536) == 0);
	bytes[65535] = 0;
	EXPECT(channel_recv(rx, bytes, 65537, &len) == 0 && len == 65536 && bytes[65535] == 'z');
	EXPECT(handle_close(tx) == 0);
	EXPECT(object_wait_one(rx, PEER_CLOSED) & PEER_CLOSED);
	EXPECT(channel_recv(rx, bytes, 1, &len) == ERROR_PEER_CLOSED);
	EXPECT(handle_close(rx) == 0);
}

static void
test_stream(void)
{
	uint32_t count = 0;

	EXPECT(stream_create(&tx, &rx) == 0);
	EXPECT(stream_read(rx, bytes, 10, &count) == ERROR_SHOULD_WAIT);
	EXPECT(stream_write(rx, bytes, 10, &count) == ERROR_ACCESS_DENIED);
	EXPECT(stream_write(tx, bytes, 65537, &count) == 0 && count == 65536);
	EXPECT(stream_write(tx, bytes, 1, &count) == ERROR_SHOULD_WAIT);
	EXPECT(stream_write(tx, bytes, 1, (uint32_t *)0xfffffffd) == ERROR_INVALID_ADDRESS);
	EXPECT(stream_read(rx, bytes, 100, &count) == 0 && count == 100);
	EXPECT(stream_write(tx, bytes, 1000, &count) == 0 && count == 100);
	EXPECT(handle_close(tx) == 0);
	for (uint32_t all = 0; all < 65536; all += count)
		EXPECT(stream_read(rx, bytes, 30000, &count) == 0 && count > 0);
	EXPECT(stream_read(rx, bytes, 100, &count) == ERROR_PEER_CLOSED);
	EXPECT(handle_close(rx) == 0);
}

static void
test_random(void)
{
	uint64_t numbers[4] = { 0 };

	EXPECT(random_fill(&numbers[0], 16) == 0 && cprng_fill(&numbers[2], 16) == 0);
	EXPECT(numbers[0] != numbers[1] && numbers[2] != numbers[3] && numbers[0] != numbers[2]);
	EXPECT(random_fill((void *)0xfffffff0, 16) == ERROR_INVALID_ADDRESS);
}

void
main_of_2018(void)
{
	print("objects: begins\n", 16);
	print((char *)0xfffffff0, 100);
	test_handles();
	test_channel();
	test_stream();
	test_random();
	print("objects: ends\n", 14);
	(void)exit_now(0);
}
