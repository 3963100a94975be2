/* Its buffers reach a gate by way of a personality. */
#include "guest.h"

__attribute__((import_module("lender"), import_name("pass"))) int64_t
pass(const void *from, void *to, uint32_t len);

enum { BYTES = 5000 };
static uint8_t from[BYTES], to[BYTES];

void
_start(void)
{
	for (uint32_t i = 0; i < BYTES; i++)
		from[i] = (uint8_t)(i * 7);
	EXPECT(pass(from, to, BYTES) == BYTES);
	for (uint32_t i = 0; i < BYTES; i++)
		EXPECT(to[i] == (uint8_t)(i * 7 + 1));
	EXPECT(pass(from, (void *)0x7ffffff0, BYTES) == ERR(INVALID_ADDRESS));
	/* This is inside of the client's memory, and beyond the personality's. */
	EXPECT(__builtin_wasm_memory_grow(0, 4) > 0);
	to[0] = 0;
	EXPECT(pass((void *)(5 * 65536), to, 1) == 1 && to[0] == 1);
	nb_process_exit(42);
}
