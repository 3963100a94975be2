/*
 * process_create(code, channel): the channel's read end becomes the child's handle 0 and is
 * gone here. A write end is refused.
 *
 * Prints: made, not started
 */
#include "tests/user/programs/abi/abi.h"
#include "tests/user/programs/abi/little_module.h"

void
main_of_2018(void)
{
	uint32_t code = (uint32_t)wasm_compile(little_module, sizeof little_module), tx, rx;

	EXPECT(channel_create(&tx, &rx) == 0);
	EXPECT(process_create(code, tx) == ERROR_ACCESS_DENIED);
	EXPECT(process_create(code, rx) > 0);
	EXPECT(handle_close(rx) == ERROR_BAD_HANDLE);
	SAY("made, not started");
}
