/*
 * Reading bytes that nobody has checked, for the decoder and validator.
 *
 * Errors stick: the first failure is reported to the diagnostic, is kept in
 * `status` and moves `pos` to `end`, so that every later read fails too (and
 * returns zero) and every loop that runs to `end` stops. A user reads a whole
 * piece and looks at `status` before it relies on the values. Checks of what
 * was read after a failure are harmless, since only the first report counts.
 *
 * Private to wasm/.
 */
#ifndef WASM_INPUT_H
#define WASM_INPUT_H

#include "lib/diag.h"
#include "lib/leb128.h"
#include "wasm/module.h"

struct wasm_input {
	const uint8_t *base; /* start of the module; offsets count from here */
	const uint8_t *pos;  /* next byte */
	const uint8_t *end;  /* of the piece being read: section, body, … */
	struct diag *diag;
	enum nb_status status; /* of the first failure */

	/* From struct wasm_features; NULL: never called. */
	void (*relax)(void *context);
	void *relax_context;
	const uint8_t *relax_at; /* `pos` at which it is due */
	uint32_t ticks;		 /* of wasm_input_tick */
};

enum {
	WASM_INPUT_RELAX_BYTES = 32 << 10,
	WASM_INPUT_RELAX_TICKS = 4096,
};

/* Reports a failure whose cause lies at `at`. */
void wasm_input_fail(struct wasm_input *in, enum nb_status status, const uint8_t *at,
		     const char *format, ...) __attribute__((cold, format(printf, 4, 5)));

/* Reports that the arena is exhausted. */
void wasm_input_fail_memory(struct wasm_input *in) __attribute__((cold));

/* Reports that `at` uses `what`, which needs a feature that is off. */
void wasm_input_fail_feature(struct wasm_input *in, const uint8_t *at, enum wasm_feature feature,
			     const char *what) __attribute__((cold));

/* Reports why a number at `at` could not be read. */
void wasm_input_fail_leb(struct wasm_input *in, const uint8_t *at, enum leb128_result result,
			 const char *what) __attribute__((cold));

/* Lets others run, if the user of the decoder cares. */
void wasm_input_relax(struct wasm_input *in) __attribute__((cold));

/* A loop over the input calls this in each round. */
static inline void
wasm_input_progress(struct wasm_input *in)
{
	if (__builtin_expect(in->pos >= in->relax_at, 0))
		wasm_input_relax(in);
}

/* A long loop that does not move in the input calls this in each round. */
static inline void
wasm_input_tick(struct wasm_input *in)
{
	if (__builtin_expect(++in->ticks % WASM_INPUT_RELAX_TICKS == 0, 0))
		wasm_input_relax(in);
}

static inline uint32_t
wasm_input_offset(const struct wasm_input *in)
{
	return (uint32_t)(in->pos - in->base);
}

static inline size_t
wasm_input_left(const struct wasm_input *in)
{
	return (size_t)(in->end - in->pos);
}

static inline bool
wasm_input_has_feature(const struct wasm_module *module, enum wasm_feature feature)
{
	return module->features.set >> feature & 1;
}

/* One byte. `what` names the thing read, for the report, here and below. */
static inline uint8_t
wasm_input_byte(struct wasm_input *in, const char *what)
{
	if (in->pos == in->end) {
		wasm_input_fail_leb(in, in->pos, LEB128_TRUNCATED, what);
		return 0;
	}
	return *in->pos++;
}

static inline uint32_t
wasm_input_u32(struct wasm_input *in, const char *what)
{
	const uint8_t *at = in->pos;
	uint32_t value;
	enum leb128_result result = leb128_read_u32(&in->pos, in->end, &value);

	if (__builtin_expect(result == LEB128_OK, 1))
		return value;
	wasm_input_fail_leb(in, at, result, what);
	return 0;
}

static inline uint64_t
wasm_input_u64(struct wasm_input *in, const char *what)
{
	const uint8_t *at = in->pos;
	enum leb128_result result;
	uint64_t value;

	if (__builtin_expect(at < in->end && *at < 0x80, 1)) {
		in->pos++;
		return *at;
	}
	result = leb128_read_u64(&in->pos, in->end, &value);
	if (__builtin_expect(result == LEB128_OK, 1))
		return value;
	wasm_input_fail_leb(in, at, result, what);
	return 0;
}

/* Signed LEB128 of `bits` bits. */
static inline int64_t
wasm_input_signed(struct wasm_input *in, unsigned bits, const char *what)
{
	const uint8_t *at = in->pos;
	enum leb128_result result;
	int64_t value;

	if (__builtin_expect(at < in->end && *at < 0x80, 1)) {
		in->pos++;
		return (int64_t)((uint64_t)*at << 57) >> 57;
	}
	result = leb128_read_signed(&in->pos, in->end, bits, &value);
	if (__builtin_expect(result == LEB128_OK, 1))
		return value;
	wasm_input_fail_leb(in, at, result, what);
	return 0;
}

/* The next `len` bytes, or NULL after a failure. */
const uint8_t *wasm_input_bytes(struct wasm_input *in, size_t len, const char *what);

/* A count of things of which each takes at least `least_bytes` bytes, so that
 * memory for them stays in proportion to the input; at most `limit`. */
uint32_t
wasm_input_count(struct wasm_input *in, uint32_t limit, uint32_t least_bytes, const char *what);

/* Length-prefixed text, checked to be UTF-8. */
struct wasm_name wasm_input_name(struct wasm_input *in, const char *what);

/* A value type, whose feature must be on. */
enum wasm_valtype wasm_input_valtype(struct wasm_input *in, const struct wasm_module *module);

/* A reference type. */
enum wasm_valtype wasm_input_reftype(struct wasm_input *in, const struct wasm_module *module);

/* A heap type, as the type of nullable references to it. */
enum wasm_valtype wasm_input_heap_type(struct wasm_input *in, const struct wasm_module *module);

/* The type (ref $type_idx) of references to a function, or funcref if there
 * are no typed references. */
enum wasm_valtype wasm_input_func_ref(const struct wasm_module *module, uint32_t type_idx);

#endif
