/*
 * The functions of lib/string.h that the compiler does not do in place, for what of
 * lib/ programs use.
 */
#include "lib/string.h"

/* These become one instruction. */
void *
memcpy(void *restrict to, const void *restrict from, size_t len)
{
	return __builtin_memcpy(to, from, len);
}

void *
memset(void *to, int value, size_t len)
{
	return __builtin_memset(to, value, len);
}

int
memcmp(const void *a, const void *b, size_t len)
{
	const unsigned char *left = a, *right = b;

	for (size_t i = 0; i < len; i++)
		if (left[i] != right[i])
			return left[i] - right[i];
	return 0;
}

size_t
strlen(const char *text)
{
	size_t len = 0;

	while (text[len])
		len++;
	return len;
}
