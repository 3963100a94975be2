/*
 * wasm_compile, process_create, process_start: a child that prints what it is
 * sent.
 */
#include "abi.h"

static const uint8_t child[] = {
#include "child.inc"
};

void
main_of_2018(void)
{
	uint32_t tx, rx, other;
	int64_t code, process;

	EXPECT(wasm_compile("nonsense", 8) < 0);
	EXPECT(wasm_compile((void *)0xfffffff0, 100) == ERROR_INVALID_ADDRESS);
	code = wasm_compile(child, sizeof child);
	EXPECT(code > 0);
	EXPECT(channel_create(&tx, &rx) == 0);
	EXPECT(stream_create(&other, &other) == 0);
	EXPECT(process_create((uint32_t)code, other) == ERROR_WRONG_TYPE);
	EXPECT(process_create((uint32_t)code, tx) == ERROR_ACCESS_DENIED);
	EXPECT(process_create(rx, rx) == ERROR_WRONG_TYPE);
	process = process_create((uint32_t)code, rx);
	EXPECT(process > 0);
	/* The channel is the child's now. */
	EXPECT(handle_close(rx) == ERROR_BAD_HANDLE);
	EXPECT(handle_close((uint32_t)code) == 0);
	EXPECT(channel_send(tx, "child: one\n", 11) == 0);
	EXPECT(process_start((uint32_t)process) == 0);
	EXPECT(process_start((uint32_t)process) == ERROR_BAD_STATE);
	EXPECT(process_start(tx) == ERROR_WRONG_TYPE);
	EXPECT(channel_send(tx, "child: two\n", 11) == 0);
	EXPECT(object_wait_one(tx, WRITABLE) & WRITABLE);
	/* A sign, and one back. */
	EXPECT(object_signal(tx, PEER_SIGNALED, 0) == 0);
	EXPECT(object_wait_one(tx, PEER_SIGNALED) & PEER_SIGNALED);
	/* The child ends at the word, and then nobody receives any more. */
	EXPECT(channel_send(tx, "end", 3) == 0);
	EXPECT(object_wait_one(tx, PEER_CLOSED) & PEER_CLOSED);
	EXPECT(channel_send(tx, "more", 4) == ERROR_PEER_CLOSED);
	(void)exit_now(0);
}
