/*
 * The startup block: what a creator tells a new process.
 *
 * A sequence of records, each beginning at a multiple of 8 from the block's
 * start: the head below, `length` bytes of contents, zero padding to 8. The
 * kernel keeps the block as it is and never looks inside, except that it
 * writes init's. Readers skip kinds they do not know; kinds from
 * NB_STARTUP_PRIVATE on are free for agreements between modules. Freestanding.
 *
 *   ARGUMENT    one command-line argument, text; argument 0 first
 *   VARIABLE    one environment variable, text "NAME=value"
 *   HANDLE      uint32_t handle, then its name, text; the names in use are
 *               "stdin" "stdout" "stderr" (stream or serial ends), "console"
 *               and "link" (the machine's byte ports), "ramdisk" (read-only
 *               memory object with the initial USTAR archive), "system"
 *   PREOPEN     two texts, each ended by a zero byte: the path the program
 *               sees, and the path prefix in the RAM disk that it stands for
 *
 * Texts are UTF-8 or at least free of zero bytes, and not terminated unless
 * it says so.
 */
#ifndef ABI_STARTUP_H
#define ABI_STARTUP_H

#include <stdint.h>

enum nb_startup_kind {
	NB_STARTUP_ARGUMENT = 1,
	NB_STARTUP_VARIABLE = 2,
	NB_STARTUP_HANDLE = 3,
	NB_STARTUP_PREOPEN = 4,
	NB_STARTUP_PRIVATE = 0x8000,
};

struct nb_startup_record {
	uint16_t kind;	   /* enum nb_startup_kind */
	uint16_t reserved; /* 0 */
	uint32_t length;   /* bytes of contents */
};
_Static_assert(sizeof(struct nb_startup_record) == 8, "layout");

/* Bytes from one record's start to the next one's. */
static inline uint64_t
nb_startup_record_size(uint32_t length)
{
	return sizeof(struct nb_startup_record) + (((uint64_t)length + 7) & ~7ull);
}

/* Steps through block[0..size): returns the record at *at and moves *at behind
 * it, or 0 (NULL) at the end and for a record that passes the end. The
 * contents follow the head directly. `block` is 8-aligned. */
static inline const struct nb_startup_record *
nb_startup_next(const void *block, uint32_t size, uint32_t *at)
{
	const struct nb_startup_record *record;
	uint64_t end;

	if (*at > size || size - *at < sizeof *record)
		return 0;
	record = (const struct nb_startup_record *)((const uint8_t *)block + *at);
	end = *at + nb_startup_record_size(record->length);
	if (end > size)
		return 0;
	*at = (uint32_t)end;
	return record;
}

#endif
