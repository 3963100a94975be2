/*
 * Values of the suite: arguments, expectations, and exact NaN classes.
 *
 * A host reference N of the suite is the externref N + 1, because 0 is null.
 */
#include "tests/suite/values.h"

#include "lib/format.h"

/* Reads the lanes of a vector into 128 bits. */
static void
read_lanes(struct archive_cursor *cursor, uint64_t lane_bits, uint64_t out[2])
{
	uint8_t lanes = archive_u8(cursor);

	out[0] = out[1] = 0;
	for (uint32_t i = 0; i < lanes; i++) {
		(void)archive_u8(cursor);
		uint64_t bits = archive_u64(cursor);
		uint64_t at = i * lane_bits;
		if (at < 128)
			out[at / 64] |= bits << at % 64;
	}
}

struct runtime_value
values_argument(struct archive_cursor *cursor)
{
	struct archive_value value = archive_value(cursor);
	struct runtime_value out = { { value.bits, 0 } };

	if (value.how == ARCHIVE_NULL)
		out.bits[0] = 0;
	else if (value.type == ARCHIVE_EXTERNREF)
		out.bits[0] = value.bits + 1;
	else if (value.type == ARCHIVE_V128)
		read_lanes(cursor, value.bits, out.bits);
	return out;
}

/* `how` and `expected` for a float or integer of `width` bits. */
static bool
match_number(enum archive_how how, uint64_t expected, uint64_t actual, uint64_t width)
{
	uint64_t mask = width == 64 ? UINT64_MAX : (1ull << width) - 1;
	uint64_t sign = 1ull << (width - 1);
	uint64_t quiet = width == 32 ? 0x7fc00000ull : 0x7ff8000000000000ull;

	switch (how) {
	case ARCHIVE_BITS:
		return (expected & mask) == (actual & mask);
	case ARCHIVE_NAN_CANONICAL:
		return (actual & mask & ~sign) == quiet;
	case ARCHIVE_NAN_ARITHMETIC:
		return (actual & quiet) == quiet;
	case ARCHIVE_NULL:
	case ARCHIVE_ANY:
		break;
	}
	return false;
}

static bool
match_vector(struct archive_cursor *cursor, uint64_t lane_bits, const uint64_t actual[2])
{
	uint8_t lanes = archive_u8(cursor);
	bool is_match = true;

	for (uint32_t i = 0; i < lanes; i++) {
		enum archive_how how = (enum archive_how)archive_u8(cursor);
		uint64_t expected = archive_u64(cursor);
		uint64_t at = i * lane_bits;
		if (at >= 128 ||
		    !match_number(how, expected, actual[at / 64] >> at % 64, lane_bits))
			is_match = false;
	}
	return is_match;
}

/* Whether a value of `type` can be what the suite calls `expected`. */
static bool
is_reference_of(enum archive_type expected, enum wasm_valtype type)
{
	if (expected == ARCHIVE_EXTERNREF || expected == ARCHIVE_NULLEXTERNREF)
		return type == WASM_EXTERNREF || type == WASM_REF_EXTERN;
	return wasm_valtype_is_func_ref(type) &&
	       (expected == ARCHIVE_FUNCREF || expected == ARCHIVE_NULLFUNCREF ||
		expected == ARCHIVE_REF);
}

static bool
match_reference(const struct archive_value *value, enum wasm_valtype type, uint64_t actual)
{
	if (value->type == ARCHIVE_REFNULL)
		return wasm_valtype_is_ref(type) && actual == 0;
	if (!is_reference_of(value->type, type))
		return false;
	if (value->how == ARCHIVE_NULL)
		return actual == 0;
	return value->how == ARCHIVE_ANY ? actual != 0 : actual == value->bits + 1;
}

static bool
match_scalar(const struct archive_value *value, enum wasm_valtype type, uint64_t actual)
{
	static const uint8_t types[] = {
		[ARCHIVE_I32] = WASM_I32,
		[ARCHIVE_I64] = WASM_I64,
		[ARCHIVE_F32] = WASM_F32,
		[ARCHIVE_F64] = WASM_F64,
	};
	if (value->type > ARCHIVE_F64)
		return match_reference(value, type, actual);
	bool is_narrow = type == WASM_I32 || type == WASM_F32;
	return (enum wasm_valtype)types[value->type] == type &&
	       match_number(value->how, value->bits, actual, is_narrow ? 32 : 64);
}

static bool
match_one(struct archive_cursor *cursor, const struct archive_value *value, enum wasm_valtype type,
	  const struct runtime_value *actual)
{
	if (value->type == ARCHIVE_V128)
		return match_vector(cursor, value->bits, actual->bits) && type == WASM_V128;
	return match_scalar(value, type, actual->bits[0]);
}

bool
values_match(struct archive_cursor *cursor, enum wasm_valtype type,
	     const struct runtime_value *actual)
{
	struct archive_value value = archive_value(cursor);
	bool is_match = false;

	if (value.type != ARCHIVE_EITHER)
		return match_one(cursor, &value, type, actual);
	for (uint8_t n = archive_u8(cursor); n > 0; n--) {
		value = archive_value(cursor);
		is_match |= match_one(cursor, &value, type, actual);
	}
	return is_match;
}

void
values_format(enum wasm_valtype type, const struct runtime_value *value, char *out, size_t cap)
{
	unsigned long long low = value->bits[0], high = value->bits[1];

	if (type == WASM_V128)
		format_text(out, cap, "v128 0x%016llx%016llx", high, low);
	else
		format_text(out, cap, "%s 0x%llx", wasm_valtype_text(type).text, low);
}

/* The lanes of the vector whose head has been read. */
static void
format_lanes(struct archive_cursor *cursor, uint64_t lane_bits, char *out, size_t cap)
{
	uint8_t lanes = archive_u8(cursor);
	size_t at = format_text(out, cap, "v128");

	for (uint32_t i = 0; i < lanes; i++) {
		enum archive_how how = (enum archive_how)archive_u8(cursor);
		uint64_t bits = archive_u64(cursor);
		char *rest = at < cap ? out + at : out;
		size_t room = at < cap ? cap - at : 0;
		if (how == ARCHIVE_BITS)
			at += format_text(rest, room, " 0x%0*llx", (int)(lane_bits / 4),
					  (unsigned long long)bits);
		else
			at += format_text(rest, room, " nan:%s",
					  how == ARCHIVE_NAN_CANONICAL ? "canonical"
								       : "arithmetic");
	}
}

void
values_format_expected(struct archive_cursor cursor, char *out, size_t cap)
{
	static const char *const types[] = {
		"i32",		 "i64",	       "f32",	 "f64",	    "v128",
		"externref",	 "funcref",    "anyref", "eqref",   "i31ref",
		"structref",	 "arrayref",   "exnref", "nullref", "nullfuncref",
		"nullexternref", "nullexnref", "ref",	 "refnull", "either",
	};
	struct archive_value value = archive_value(&cursor);
	const char *type = value.type <= ARCHIVE_EITHER ? types[value.type] : "?";

	if (value.type == ARCHIVE_EITHER) {
		(void)archive_u8(&cursor);
		value = archive_value(&cursor);
		type = "one of several, the first of type";
	}
	if (value.type == ARCHIVE_V128) {
		format_lanes(&cursor, value.bits, out, cap);
		return;
	}
	switch (value.how) {
	case ARCHIVE_BITS:
		format_text(out, cap, "%s 0x%llx", type, (unsigned long long)value.bits);
		return;
	case ARCHIVE_NAN_CANONICAL:
		format_text(out, cap, "%s nan:canonical", type);
		return;
	case ARCHIVE_NAN_ARITHMETIC:
		format_text(out, cap, "%s nan:arithmetic", type);
		return;
	case ARCHIVE_NULL:
		format_text(out, cap, "%s null", type);
		return;
	case ARCHIVE_ANY:
		break;
	}
	format_text(out, cap, "any %s", type);
}
