/* A personality that passes its client's ranges on to a gate. */
#include "guest.h"

__attribute__((import_module("peer"), import_name("lend"))) int64_t
lend(uint32_t from, uint32_t from_len, uint32_t to, uint32_t to_len);

__attribute__((export_name("pass"))) int64_t pass(uint32_t from, uint32_t to, uint32_t len);

int64_t
pass(uint32_t from, uint32_t to, uint32_t len)
{
	return lend(from, len, to, len);
}
