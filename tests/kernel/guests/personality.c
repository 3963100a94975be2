/* A library instance that works on its client's memory. */
#include "guest.h"

__attribute__((export_name("shout"))) int64_t shout(uint32_t address, uint32_t len);

static int initialized;

__attribute__((export_name("_initialize"))) void
initialize(void)
{
	initialized = 1;
}

/* Makes letters capital, in the client's memory; checks what is around. */
int64_t
shout(uint32_t address, uint32_t len)
{
	char copy[64];
	int64_t status;

	EXPECT(initialized);
	EXPECT(nb_client_size() == 2 * 65536);
	EXPECT(nb_client_read(copy, 2 * 65536 - 1, 2) == ERR(INVALID_ADDRESS));
	EXPECT(nb_client_read(copy, 0xffffffff, 0xffffffff) == ERR(INVALID_ADDRESS));
	if (len > sizeof copy)
		return ERR(OUT_OF_RANGE);
	status = nb_client_read(copy, address, len);
	if (status < 0)
		return status;
	for (uint32_t i = 0; i < len; i++) {
		if (copy[i] >= 'a' && copy[i] <= 'z')
			copy[i] = (char)(copy[i] - 32);
	}
	/* The same, by a call bound to the client's memory. */
	EXPECT(nb_client_random_fill(address, len) == 0);
	return nb_client_write(address, copy, len);
}
