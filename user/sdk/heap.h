/*
 * Memory that a module takes from the end of its linear memory and keeps.
 *
 * There is no way to give a piece back: modules take what lives as long as
 * they do and use fixed buffers for the rest.
 */
#ifndef USER_SDK_HEAP_H
#define USER_SDK_HEAP_H

#include <stdint.h>

/* `len` zero bytes aligned to 16, or NULL when the memory cannot grow. */
void *heap_take(uint32_t len);

#endif
