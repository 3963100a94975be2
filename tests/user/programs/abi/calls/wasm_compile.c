/*
 * wasm_compile(bytes, len): a handle of the code, for process_create.
 *
 * Prints: compiled
 */
#include "tests/user/programs/abi/abi.h"
#include "tests/user/programs/abi/little_module.h"

void
main_of_2018(void)
{
	EXPECT(wasm_compile(little_module, sizeof little_module) > 0);
	EXPECT(wasm_compile("not WebAssembly", 15) == ERROR_MALFORMED);
	SAY("compiled");
}
