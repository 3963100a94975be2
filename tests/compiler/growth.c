/*
 * Time and memory of compilation must grow in proportion to the module.
 *
 *	growth [--count N] [SHAPE...]
 *
 * A shape is a family of modules with one extreme feature, n times. Each is
 * compiled for n, 2n and 4n; the time for 4n may be at most TIME_MOST times
 * that for n, and peak memory MEMORY_MOST times. Prints all of it, and ends with
 * `N passed, N failed`.
 */
#include "compiler/compiler.h"

#include "tests/compiler/growth.h"
#include "tests/wasm/host_arena.h"

#include <time.h>

enum {
	TRIES = 3,		     /* the best counts */
	TIME_MOST = 11,		     /* 4 would be linear, 16 quadratic; caches add to it */
	MEMORY_MOST = 6,	     /* chunks double, so up to twice is in the noise */
	SHORT_MICROSECONDS = 100000, /* less says nothing */
	ROUNDS = 4,		     /* of measuring what looks slow */
	LONG_SECONDS = 60,
};

/* Chunks from the heap, and how many bytes were out at most. */
struct meter {
	struct arena_source source;
	size_t bytes, peak;
};

struct measure {
	double seconds;
	size_t peak;
	size_t module_bytes, code_bytes;
};

static void *
meter_get(void *context, size_t size)
{
	struct meter *meter = context;
	void *chunk = aligned_alloc(4096, size);

	if (!chunk)
		return NULL;
	memset(chunk, 0, size);
	meter->bytes += size;
	meter->peak = meter->bytes > meter->peak ? meter->bytes : meter->peak;
	return chunk;
}

static void
meter_put(void *context, void *chunk, size_t size)
{
	struct meter *meter = context;

	meter->bytes -= size;
	free(chunk);
}

static double
now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* Compiles once. A module that breaks a limit of the engine does not count. */
static enum nb_status
compile_once(const struct buffer *bytes, struct measure *out)
{
	static const struct wasm_features features = { .set = WASM_FEATURES_ALL,
						       .code = WASM_CODE_VALIDATE };
	struct meter meter = { 0 };
	struct compiler_options options;
	struct wasm_module module;
	struct nb_code_image image;
	struct arena arena;
	struct diag diag;
	enum nb_status status;

	meter.source = (struct arena_source){ meter_get, meter_put, &meter };
	compiler_options_init(&options);
	arena_init(&arena, &meter.source, SIZE_MAX);
	diag_init(&diag);
	status = wasm_module_decode(&module, &arena, bytes->bytes, bytes->len, &features, &diag);
	out->seconds = now();
	if (status == NB_OK)
		status = compiler_compile(&module, &options, &meter.source, &arena, &image, &diag);
	out->seconds = now() - out->seconds;
	out->peak = meter.peak;
	out->module_bytes = bytes->len;
	out->code_bytes = status == NB_OK ? image.code_size : 0;
	arena_reset(&arena);
	if (status != NB_OK)
		printf("  refused: %s\n", diag.text);
	return status;
}

static bool
measure(const struct growth_shape *shape, uint32_t n, struct measure *out)
{
	struct buffer bytes = growth_module(shape, n);
	bool is_good = true;

	out->seconds = 1e9;
	for (int i = 0; i < TRIES && is_good; i++) {
		struct measure one;

		is_good = compile_once(&bytes, &one) == NB_OK;
		if (one.seconds > 1)
			i = TRIES;
		if (one.seconds < out->seconds)
			*out = one;
	}
	buffer_free(&bytes);
	return is_good;
}

static bool
is_slow(const struct measure m[3])
{
	return m[2].seconds * 1e6 > SHORT_MICROSECONDS && m[2].seconds > TIME_MOST * m[0].seconds;
}

/* Measures the three sizes; false, and says so, if one cannot be or takes too long. */
static bool
measure_sizes(const struct growth_shape *shape, uint32_t count, struct measure m[3])
{
	for (uint32_t i = 0; i < 3; i++) {
		struct measure one;

		if (!measure(shape, count << i, &one))
			return false;
		if (one.seconds > LONG_SECONDS) {
			printf("FAIL %s: %.0f s for %zu bytes\n", shape->name, one.seconds,
			       one.module_bytes);
			return false;
		}
		if (one.seconds < m[i].seconds)
			m[i] = one;
	}
	return true;
}

/* Whether the shape's cost grows as it should. What other programs do to the
 * caches may slow down one size: what looks slow is measured again, and the
 * least of each size counts. */
static bool
check(const struct growth_shape *shape, uint32_t count)
{
	struct measure m[3] = { { .seconds = 1e9 }, { .seconds = 1e9 }, { .seconds = 1e9 } };
	uint32_t rounds = 0;

	do {
		if (!measure_sizes(shape, count, m))
			return false;
	} while (is_slow(m) && ++rounds < ROUNDS);
	bool is_big = m[2].peak > MEMORY_MOST * m[0].peak;
	bool is_good = !is_slow(m) && !is_big;

	printf("%s %s: %u: %.3f %.3f %.3f s, %zu %zu %zu KiB, %zu to %zu bytes\n",
	       is_good ? "ok" : "FAIL", shape->name, count, m[0].seconds, m[1].seconds,
	       m[2].seconds, m[0].peak >> 10, m[1].peak >> 10, m[2].peak >> 10, m[2].module_bytes,
	       m[2].code_bytes);
	return is_good;
}

static bool
is_wanted(const char *name, char **names, int count)
{
	for (int i = 0; i < count; i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return count == 0;
}

int
main(int argc, char **argv)
{
	uint32_t passed = 0, failed = 0, count = 0;

	if (argc > 2 && strcmp(argv[1], "--count") == 0) {
		count = (uint32_t)strtoul(argv[2], NULL, 0);
		argc -= 2;
		argv += 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (const struct growth_shape *shape = growth_shapes; shape->name; shape++) {
		if (!is_wanted(shape->name, argv + 1, argc - 1))
			continue;
		if (check(shape, count ? count : shape->count))
			passed++;
		else
			failed++;
	}
	printf("%u passed, %u failed\n", passed, failed);
	return failed > 0 || passed == 0;
}
