/*
 * The native calls that a personality uses, played by a test: a client memory,
 * three streams, a RAM disk, clocks that only waiting moves.
 *
 * Linked with a personality's sources compiled natively, so that they run under
 * the sanitizers.
 */
#ifndef TESTS_USER_FAKE_KERNEL_H
#define TESTS_USER_FAKE_KERNEL_H

#include "tests/user/image.h"

#include <setjmp.h>
#include <stdbool.h>
#include <stdint.h>

#define FAKE_CLIENT_BYTES (1u << 20)
#define FAKE_STREAM_BYTES 64u

/* A byte queue; the test is at the other end of it. */
struct fake_stream {
	uint8_t bytes[FAKE_STREAM_BYTES];
	uint32_t len;
	bool is_peer_closed;
	bool is_closed; /* by the personality */
};

struct fake_kernel {
	uint8_t client[FAKE_CLIENT_BYTES];
	struct fake_stream streams[3];
	struct image disk;
	uint8_t startup[4096] __attribute__((aligned(8)));
	uint32_t startup_size;
	int64_t monotonic_ns;
	int64_t realtime_ns;
	uint32_t waits; /* how often the personality blocked */
	/* Called when the personality would block; moves the world on. */
	void (*on_wait)(void);
	jmp_buf exit; /* where process_exit goes */
	int32_t exit_status;
};

extern struct fake_kernel fake;

/* Appends a startup record. */
void fake_startup_add(uint16_t kind, const void *contents, uint32_t len);
void fake_startup_add_handle(const char *name, uint32_t handle);

/* Handles: 10 + n for stream n, and the RAM disk. */
enum { FAKE_STREAM_HANDLE = 10, FAKE_DISK_HANDLE = 20 };

#endif
