/*
 * Random bytes that cannot be predicted, for guests and kernel.
 */
#ifndef KERNEL_SYS_RANDOM_H
#define KERNEL_SYS_RANDOM_H

#include <stddef.h>
#include <stdint.h>

/* Fills `out`. Seeds itself from the port at the first call and again every
 * few million bytes. Any context but interrupts. */
void random_bytes(void *out, size_t len);

/* One ChaCha20 block: key and counter to 64 bytes. For tests, too.
 * Source: RFC 8439, section 2.3, with a 64-bit counter and a zero nonce. */
void random_chacha20_block(const uint32_t key[8], uint64_t counter, uint8_t out[64]);

#endif
