/*
 * process_start(process): it runs; once only. When it has ended nobody reads its channel.
 *
 * Prints: hello
 * Prints: the child has ended
 */
#include "tests/user/programs/abi/abi.h"
#include "tests/user/programs/abi/little_module.h"

void
main_of_2018(void)
{
	uint32_t code = (uint32_t)wasm_compile(little_module, sizeof little_module), tx, rx, child;

	EXPECT(channel_create(&tx, &rx) == 0);
	child = (uint32_t)process_create(code, rx);
	EXPECT(process_start(child) == 0);
	EXPECT(process_start(child) == ERROR_BAD_STATE);
	EXPECT(object_wait_one(tx, PEER_CLOSED) & PEER_CLOSED);
	SAY("the child has ended");
}
