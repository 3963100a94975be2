/*
 * A client of a disk that may lie (tests/kernel/test_virtio_block.c): writes blocks, one after
 * the other, then reads and compares them. What fails is done again. Exit status: the sum
 * of what it has seen (enum seen), or an outcome from 100 on.
 */
#include "user/libs/block/block.h"
#include "user/sdk/bytes.h"
#include "user/sdk/start.h"
#include "user/sdk/startup.h"

#include "nebulet.h"

enum seen { SEEN_ERROR = 1, SEEN_NEW_DRIVER = 2 };
enum outcome { NO_DISK = 100, NO_RESULT = 101, GAVE_UP = 102, OTHER_BYTES = 103 };
enum { BLOCKS = 8, TRIES = 3, SECTORS_EACH = 2, BYTES_EACH = SECTORS_EACH * BLOCK_SECTOR };

static struct block block;
static bool has_seen_error;

static uint8_t
byte_of(uint32_t number, uint32_t at)
{
	return (uint8_t)(number * 31 + at * 7 + 1);
}

/* One request; false: an error. */
static bool
ask(enum block_operation operation, uint32_t number)
{
	enum nb_status result;
	uint32_t slot;

	block_submit(&block, number, operation, number * SECTORS_EACH, BYTES_EACH);
	block_start(&block);
	if (block_wait(&block, nb_clock_get(NB_CLOCK_MONOTONIC) + 20000000000ll, &slot, &result) ||
	    slot != number)
		nb_process_exit(NO_RESULT);
	has_seen_error |= result != NB_OK;
	return result == NB_OK;
}

static void
insist(enum block_operation operation, uint32_t number)
{
	for (uint32_t i = 0; i < TRIES; i++) {
		if (ask(operation, number))
			return;
	}
	nb_process_exit(GAVE_UP);
}

int
module_main(void)
{
	if (block_open(&block, startup_handle("services"),
		       nb_clock_get(NB_CLOCK_MONOTONIC) + 20000000000ll))
		return NO_DISK;
	for (uint32_t number = 0; number < BLOCKS; number++) {
		for (uint32_t at = 0; at < BYTES_EACH; at++)
			block_data(number)[at] = byte_of(number, at);
		insist(BLOCK_WRITE, number);
	}
	for (uint32_t number = 0; number < BLOCKS; number++) {
		bytes_clear(block_data(number), BYTES_EACH);
		insist(BLOCK_READ, number);
		for (uint32_t at = 0; at < BYTES_EACH; at++) {
			if (block_data(number)[at] != byte_of(number, at))
				return OTHER_BYTES;
		}
	}
	return (has_seen_error ? SEEN_ERROR : 0) + (block.reconnects ? SEEN_NEW_DRIVER : 0);
}
