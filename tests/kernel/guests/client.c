/* Uses the personality. */
#include "guest.h"

__attribute__((import_module("upper"), import_name("shout"))) int64_t
shout(char *text, uint32_t len);

static char word[] = "nebulet";

void
_start(void)
{
	static const char wanted[] = "NEBULET";

	EXPECT(shout(word, 7) == 0);
	for (int i = 0; i < 8; i++)
		EXPECT(word[i] == wanted[i]);
	EXPECT(shout((char *)0x7ffffff0, 7) == ERR(INVALID_ADDRESS));
	EXPECT(shout(word, 65) == ERR(OUT_OF_RANGE));
	nb_process_exit(42);
}
