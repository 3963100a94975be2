/*
 * Cutting a command line into words, as a shell does for the plain cases:
 * blanks separate, '...' and "..." keep blanks, a backslash keeps the next
 * character (inside "..." only before " and \).
 */
#ifndef USER_LIBS_TERMINAL_WORDS_H
#define USER_LIBS_TERMINAL_WORDS_H

#include "abi/status.h"

#include <stdint.h>

#define WORDS_MAX 256u

struct words {
	const char *word[WORDS_MAX]; /* in the line's own bytes, zero-terminated */
	uint32_t count;
};

/* Cuts line[0..len), in place; line[len] must exist. INVALID_ARGUMENT: a quote
 * is not closed; LIMIT_EXCEEDED: too many words. */
NB_MUST_USE enum nb_status words_split(char *line, uint32_t len, struct words *out);

#endif
