/*
 * The byte functions that compilers expect, and nothing else.
 *
 * On pc lib/string.c defines them; hosted binaries take those of the C
 * library, so lib/string.c is not linked there. Meaning as in C17 7.24.
 */
#ifndef LIB_STRING_H
#define LIB_STRING_H

#include <stddef.h>

void *memcpy(void *restrict to, const void *restrict from, size_t len);
void *memmove(void *to, const void *from, size_t len);
void *memset(void *to, int byte, size_t len);
int memcmp(const void *a, const void *b, size_t len);
size_t strlen(const char *text);

#endif
