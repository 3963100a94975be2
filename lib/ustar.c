/* Headers of archives; see ustar.h. */
#include "lib/ustar.h"

#include "lib/string.h"

bool
ustar_number(const char *field, size_t len, uint64_t *out)
{
	uint64_t value = 0;
	size_t i = 0;

	while (i < len && field[i] == ' ')
		i++;
	for (; i < len && field[i] >= '0' && field[i] <= '7'; i++)
		value = value << 3 | (uint64_t)(field[i] - '0');
	*out = value;
	return i == len || field[i] == ' ' || field[i] == 0;
}

/* The checksum is the sum of all bytes, with its own field taken as spaces. */
bool
ustar_is_header(const struct ustar_header *header)
{
	const uint8_t *bytes = (const uint8_t *)header;
	size_t field = offsetof(struct ustar_header, checksum);
	uint64_t sum = 0, wanted;

	for (size_t i = 0; i < USTAR_BLOCK_BYTES; i++)
		sum += i >= field && i < field + sizeof header->checksum ? ' ' : bytes[i];
	return memcmp(header->magic, "ustar", 5) == 0 &&
	       ustar_number(header->checksum, sizeof header->checksum, &wanted) && sum == wanted;
}
