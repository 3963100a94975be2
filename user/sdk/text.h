/*
 * Text built piece by piece in a buffer of fixed size: what does not fit is
 * cut off. The buffer is always zero-terminated.
 */
#ifndef USER_SDK_TEXT_H
#define USER_SDK_TEXT_H

#include <stdint.h>

struct text {
	char *bytes;	   /* owned by the caller */
	uint32_t length;   /* without the zero byte; < capacity */
	uint32_t capacity; /* at least 1 */
};

/* An empty text in bytes[0..capacity). */
void text_init(struct text *text, char *bytes, uint32_t capacity);

void text_add_bytes(struct text *text, const char *bytes, uint32_t len);
/* Appends a zero-terminated string. */
void text_add(struct text *text, const char *string);
void text_add_number(struct text *text, int64_t number);

#endif
