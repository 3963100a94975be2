/*
 * Several threads compile one module: what comes out, which error is reported,
 * and that memory returns, must not depend on how many there are.
 */
#include "compiler/compiler.h"
#include "tests/wasm/host_arena.h"
#include "tools/tool.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { FUNCTIONS = 600, MODULE_ROOM = 1 << 16, THREADS = 4 };

/* Of real threads, the tool's. */
static struct compiler_crew crew;

/* --- memory for several threads --------------------------------------------------- */

static void *
shared_get(void *context, size_t size)
{
	__atomic_fetch_add((size_t *)context, size, __ATOMIC_RELAXED);
	return aligned_alloc(4096, size);
}

static void
shared_put(void *context, void *chunk, size_t size)
{
	__atomic_fetch_sub((size_t *)context, size, __ATOMIC_RELAXED);
	free(chunk);
}

/* --- a module ---------------------------------------------------------------------- */

struct bytes {
	uint8_t at[MODULE_ROOM];
	size_t len;
};

static void
put(struct bytes *bytes, const uint8_t *from, size_t len)
{
	memcpy(bytes->at + bytes->len, from, len);
	bytes->len += len;
}

static void
put_number(struct bytes *bytes, uint32_t number)
{
	do {
		bytes->at[bytes->len++] = (uint8_t)((number & 127) | (number > 127 ? 128 : 0));
		number >>= 7;
	} while (number);
}

static void
put_section(struct bytes *bytes, uint8_t id, const struct bytes *content)
{
	put(bytes, &id, 1);
	put_number(bytes, (uint32_t)content->len);
	put(bytes, content->at, content->len);
}

/* Functions of i32 that multiply and call each other; the bodies of the two bad ones
 * give nothing back. */
static void
make_module(struct bytes *out, uint32_t bad_first, uint32_t bad_second)
{
	static const uint8_t head[] = { 0, 'a', 's', 'm', 1, 0, 0, 0 };
	static const uint8_t type[] = { 1, 0x60, 1, 0x7f, 1, 0x7f };
	static struct bytes types, functions, codes, body;

	types.len = functions.len = codes.len = 0;
	put(&types, type, sizeof(type));
	put_number(&functions, FUNCTIONS);
	put_number(&codes, FUNCTIONS);
	for (uint32_t i = 0; i < FUNCTIONS; i++) {
		body.len = 0;
		put_number(&functions, 0);
		put(&body, (const uint8_t[]){ 0, 0x20, 0, 0x41 }, 4);
		put_number(&body, i % 64);
		put(&body, (const uint8_t[]){ 0x6c, 0x10 }, 2);
		put_number(&body, (i * 7 + 1) % FUNCTIONS);
		if (i == bad_first || i == bad_second)
			put(&body, (const uint8_t[]){ 0x1a }, 1);
		put(&body, (const uint8_t[]){ 0x0b }, 1);
		put_number(&codes, (uint32_t)body.len);
		put(&codes, body.at, body.len);
	}
	out->len = 0;
	put(out, head, sizeof(head));
	put_section(out, 1, &types);
	put_section(out, 3, &functions);
	put_section(out, 10, &codes);
}

/* --- tests ------------------------------------------------------------------------- */

struct bench {
	struct host_arena host;
	struct bytes bytes;
	struct wasm_module module;
	struct nb_code_image image;
	struct diag diag;
	size_t taken;
	uint32_t polls_left; /* 0: never stop */
};

static void
open_bench(struct bench *b, uint32_t bad_first, uint32_t bad_second)
{
	struct wasm_features features = { .set = WASM_FEATURES_ALL, .code = WASM_CODE_DEFER };

	memset(b, 0, sizeof(*b));
	make_module(&b->bytes, bad_first, bad_second);
	host_arena_init(&b->host, SIZE_MAX);
	diag_init(&b->diag);
	assert_int_equal(wasm_module_decode(&b->module, &b->host.arena, b->bytes.at, b->bytes.len,
					    &features, &b->diag),
			 NB_OK);
}

static enum nb_status
poll(void *context, uint32_t done, uint32_t total)
{
	struct bench *b = context;

	assert_true(done <= total);
	if (b->polls_left == 0 || --b->polls_left > 0)
		return NB_OK;
	return NB_CANCELED;
}

static enum nb_status
compile(struct bench *b, const struct compiler_crew *with)
{
	const struct arena_source source = { shared_get, shared_put, &b->taken };
	struct compiler_options options;
	enum nb_status status;

	compiler_options_init(&options);
	options.crew = with;
	options.poll = poll;
	options.poll_context = b;
	diag_init(&b->diag);
	status = compiler_compile(&b->module, &options, &source, &b->host.arena, &b->image,
				  &b->diag);
	assert_int_equal(b->taken, 0);
	return status;
}

static void
test_same_code(void **state)
{
	static struct bench alone, together;

	(void)state;
	open_bench(&alone, FUNCTIONS, FUNCTIONS);
	open_bench(&together, FUNCTIONS, FUNCTIONS);
	assert_int_equal(compile(&alone, NULL), NB_OK);
	for (uint32_t round = 0; round < 8; round++) {
		assert_int_equal(compile(&together, &crew), NB_OK);
		assert_int_equal(alone.image.code_size, together.image.code_size);
		assert_memory_equal(alone.image.code, together.image.code, alone.image.code_size);
		assert_int_equal(alone.image.site_count, together.image.site_count);
	}
	arena_reset(&alone.host.arena);
	arena_reset(&together.host.arena);
}

static void
test_first_error(void **state)
{
	static struct bench b;

	(void)state;
	open_bench(&b, 301, 300);
	for (uint32_t round = 0; round < 32; round++) {
		assert_int_equal(compile(&b, &crew), NB_INVALID);
		assert_int_equal(b.diag.function_idx, 300);
	}
	arena_reset(&b.host.arena);
}

static void
test_cancel(void **state)
{
	static struct bench b;

	(void)state;
	open_bench(&b, FUNCTIONS, FUNCTIONS);
	b.polls_left = 1;
	assert_int_equal(compile(&b, &crew), NB_CANCELED);
	arena_reset(&b.host.arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_same_code),
		cmocka_unit_test(test_first_error),
		cmocka_unit_test(test_cancel),
	};

	tool_crew_init(&crew, THREADS);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
