/*
 * The frame of a benchmark program: `PROGRAM COUNT` runs bench_round() once to warm up and then
 * COUNT times under the clock, and prints "bench: TOTAL FASTEST" in nanoseconds to standard error.
 *
 * What a round gives to bench_put() and its relatives is its result. The result of the first
 * round goes to standard output, where engines are compared; later rounds must give the same.
 * Include it in the one file that defines bench_round().
 */
#ifndef BENCH_H
#define BENCH_H

#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static void bench_round(void);

static struct {
	uint64_t digest;
	uint64_t bytes;
	bool is_silent;
} bench_output;

/* Adds bytes to the result; they are printed if they are text, else only digested. */
static inline void
bench_digest(const void *data, size_t len)
{
	const unsigned char *bytes = (const unsigned char *)data;

	for (size_t i = 0; i < len; i++)
		bench_output.digest = (bench_output.digest ^ bytes[i]) * 1099511628211u;
	bench_output.bytes += len;
}

static inline void
bench_put(const char *text)
{
	bench_digest(text, strlen(text));
	if (!bench_output.is_silent)
		fputs(text, stdout);
}

static inline void
bench_put_integer(const char *what, uint64_t value)
{
	char line[96];

	snprintf(line, sizeof line, "%s %" PRIu64 "\n", what, value);
	bench_put(line);
}

/* Every bit of it counts. */
static inline void
bench_put_double(const char *what, double value)
{
	uint64_t bits;
	char line[96];

	memcpy(&bits, &value, sizeof bits);
	snprintf(line, sizeof line, "%s %016" PRIx64 "\n", what, bits);
	bench_put(line);
}

/* Numbers that are the same on every machine. */
static inline uint32_t
bench_random(uint64_t *state)
{
	*state = *state * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(*state >> 33);
}

/* Makes the compiler believe that memory at `address` was read and changed. */
static inline void
bench_escape(void *address)
{
	__asm__ volatile("" : : "r"(address) : "memory");
}

static inline uint64_t
bench_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

int
main(int argc, char **argv)
{
	long count = argc > 1 ? strtol(argv[1], NULL, 10) : 1;
	uint64_t total = 0, fastest = UINT64_MAX;

	bench_round();
	printf("digest %016" PRIx64 " of %" PRIu64 " bytes\n", bench_output.digest,
	       bench_output.bytes);
	fflush(stdout);
	uint64_t digest = bench_output.digest;
	bench_output.is_silent = true;
	for (long i = 0; i < count; i++) {
		bench_output.digest = bench_output.bytes = 0;
		uint64_t begin = bench_now();
		bench_round();
		uint64_t spent = bench_now() - begin;
		if (bench_output.digest != digest) {
			fprintf(stderr, "bench: round %ld gave another result\n", i + 2);
			return 1;
		}
		total += spent;
		fastest = spent < fastest ? spent : fastest;
	}
	fprintf(stderr, "bench: %" PRIu64 " %" PRIu64 "\n", total, fastest);
	return 0;
}

#endif
