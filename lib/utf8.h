/*
 * UTF-8, as RFC 3629 has it: no surrogates, no overlong forms, at most U+10FFFF.
 */
#ifndef LIB_UTF8_H
#define LIB_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

bool utf8_is_valid(const uint8_t *bytes, size_t len);

/* Whether a control character begins at the first of `len` (at least 1) bytes of valid
 * UTF-8: U+0000 to U+001F, or U+007F to U+009F, which are orders to some terminals. */
bool utf8_is_control(const uint8_t *bytes, size_t len);

#endif
