/*
 * The 2018 interface as its programs saw it, and what these tests share: a
 * program ends with 0 or with the line that failed.
 */
#ifndef TESTS_USER_PROGRAMS_ABI_ABI_H
#define TESTS_USER_PROGRAMS_ABI_ABI_H

#include <stdint.h>

#define ABI(name) __attribute__((import_module("abi"), import_name(#name))) extern

ABI(print) void print(const char *text, uint32_t len);
ABI(exit) int64_t exit_now(int64_t status);
ABI(handle_close) int64_t handle_close(uint32_t handle);
ABI(handle_duplicate) int64_t handle_duplicate(uint32_t handle, uint32_t rights);
ABI(wasm_compile) int64_t wasm_compile(const void *bytes, uint32_t len);
ABI(process_create) int64_t process_create(uint32_t code, uint32_t channel);
ABI(process_start) int64_t process_start(uint32_t process);
ABI(channel_create) int64_t channel_create(uint32_t *tx, uint32_t *rx);
ABI(channel_send) int64_t channel_send(uint32_t handle, const void *bytes, uint32_t len);
ABI(channel_recv)
int64_t channel_recv(uint32_t handle, void *bytes, uint32_t cap, uint32_t *len);
ABI(stream_create) int64_t stream_create(uint32_t *tx, uint32_t *rx);
ABI(stream_write)
int64_t stream_write(uint32_t handle, const void *bytes, uint32_t len, uint32_t *count);
ABI(stream_read) int64_t stream_read(uint32_t handle, void *bytes, uint32_t len, uint32_t *count);
ABI(event_create) int64_t event_create(void);
ABI(object_wait_one) int64_t object_wait_one(uint32_t handle, uint32_t signals);
ABI(object_signal) int64_t object_signal(uint32_t handle, uint32_t set, uint32_t clear);
ABI(physical_map) int64_t physical_map(uint64_t address, uint32_t size);
ABI(physical_alloc) int64_t physical_alloc(uint32_t size, uint64_t *address);
ABI(read_port_u8) uint32_t read_port_u8(uint32_t port);
ABI(write_port_u8) void write_port_u8(uint32_t port, uint32_t value);
ABI(interrupt_create) int64_t interrupt_create(uint32_t channel, uint32_t vector);
ABI(interrupt_ack) int64_t interrupt_ack(uint32_t handle);
ABI(thread_spawn) int64_t thread_spawn(void *function, uint32_t argument, void *stack);
ABI(thread_join) int64_t thread_join(uint32_t thread);
ABI(thread_yield) void thread_yield(void);
ABI(pfex_acquire) void pfex_acquire(uint32_t *lock);
ABI(pfex_release) void pfex_release(uint32_t *lock);
ABI(random_fill) int64_t random_fill(void *buffer, uint32_t len);
ABI(cprng_fill) int64_t cprng_fill(void *buffer, uint32_t len);

enum {
	DUPLICATE = 1,
	TRANSFER = 2,
	READ = 4,
	WRITE = 8,
	READABLE = 1,
	WRITABLE = 2,
	PEER_CLOSED = 4,
	PEER_SIGNALED = 8,
	EVENT_SIGNALED = 16,
	HANDLE_CLOSED = 32,
	USER_0 = 1 << 24,
	USER_1 = 1 << 25,
	USER_2 = 1 << 26,
	USER_3 = 1 << 27,
	USER_7 = -0x7fffffff - 1,
	ERROR_INVALID_ARGUMENT = -1,
	ERROR_INVALID_ADDRESS = -2,
	ERROR_BAD_HANDLE = -3,
	ERROR_WRONG_TYPE = -4,
	ERROR_ACCESS_DENIED = -5,
	ERROR_LIMIT_EXCEEDED = -7,
	ERROR_ALREADY_EXISTS = -9,
	ERROR_BAD_STATE = -11,
	ERROR_SHOULD_WAIT = -12,
	ERROR_PEER_CLOSED = -14,
	ERROR_BUFFER_TOO_SMALL = -17,
	ERROR_OUT_OF_RANGE = -18,
	ERROR_MALFORMED = -20,
};

/* What comes over the channel when a device has interrupted: the time since the system began. */
struct interrupt_message {
	uint64_t seconds;
	uint32_t nanoseconds;
	uint32_t unused;
};

#define EXPECT(condition)                         \
	do {                                      \
		if (!(condition))                 \
			(void)exit_now(__LINE__); \
	} while (0)

/* Prints a line. */
#define SAY(text) print(text "\n", sizeof text)

#define MAIN __attribute__((export_name("main"))) void main_of_2018(void)
MAIN;

#endif
