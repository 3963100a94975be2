/*
 * Runs the programs of calls/, which it carries with it, one after the other as
 * its children: all of them in one boot, but for those that cannot be started
 * without a grant.
 */
#include "abi.h"

#include "all.inc"

void
main_of_2018(void)
{
	for (uint32_t i = 0; i < sizeof programs / sizeof programs[0]; i++) {
		uint32_t tx, rx;
		int64_t code = wasm_compile(programs[i].bytes, programs[i].len), child;

		EXPECT(code > 0);
		EXPECT(channel_create(&tx, &rx) == 0);
		child = process_create((uint32_t)code, rx);
		EXPECT(child > 0);
		EXPECT(process_start((uint32_t)child) == 0);
		/* The channel was in nobody's hands but the child's. */
		EXPECT(object_wait_one(tx, PEER_CLOSED) & PEER_CLOSED);
		EXPECT(handle_close(tx) == 0 && handle_close((uint32_t)child) == 0);
		EXPECT(handle_close((uint32_t)code) == 0);
	}
	SAY("all");
}
