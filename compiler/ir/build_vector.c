/*
 * Vector instructions. Most are a row of vector.def, as wasm_vector.def says;
 * the others are composed here, of as few operations as there are.
 */
#include "compiler/ir/build_vector.h"

/* How an instruction follows from its operation: see wasm_vector.def. */
enum form {
	SAME = 1,
	SWAPPED,
	NOT,
	BOUND,
	NOT_BOUND,
	NOT_GREATER,
	SWAPPED_NOT_GREATER,
	COUNTED,
};

static const struct {
	uint8_t vector; /* enum ir_vector */
	uint8_t form;	/* enum form; 0: not one operation */
} simple_vectors[WASM_OPCODE_COUNT - WASM_PAGE_FD] = {
#define IR_WASM_VECTOR(wasm, vector, form) [WASM_OP_##wasm - WASM_PAGE_FD] = { IR_##vector, form },
#include "compiler/ir/wasm_vector.def"
#undef IR_WASM_VECTOR
};
_Static_assert(IR_VECTOR_COUNT <= 256, "a vector operation is a byte");

uint32_t
build_vector_op(struct builder *b, enum ir_vector op, uint32_t lane, const uint32_t args[3])
{
	const struct ir_vector_info *info = &ir_vector_infos[op];
	struct ir_inst proto = {
		.op = info->op,
		.type = IR_V128,
		.args = { args[0], args[1], args[2] },
		.imm = op | (uint64_t)lane << 16,
	};

	if (info->op == IR_VTEST)
		proto.type = IR_I32;
	else if (info->op == IR_EXTRACT)
		proto.type = (uint8_t)ir_shape_scalar(info->shape);
	return build_emit(b, &proto);
}

uint32_t
build_shuffle(struct builder *b, uint32_t a, uint32_t c, const struct ir_v128 *pattern)
{
	struct ir_inst proto = {
		.op = IR_SHUFFLE,
		.type = IR_V128,
		.args = { a, c, IR_NONE },
		.imm = b->fn->insts[ir_const_v128(b->fn, pattern)].imm,
	};

	return build_emit(b, &proto);
}

uint32_t
build_splat_const(struct builder *b, enum ir_shape shape, uint64_t bits)
{
	struct ir_v128 vector;
	uint32_t bytes = 1u << ir_shape_width(shape);

	for (uint32_t i = 0; i < 16; i++)
		vector.bytes[i] = (uint8_t)(bits >> 8 * (i % bytes));
	return ir_const_v128(b->fn, &vector);
}

uint32_t
build_vector_not(struct builder *b, uint32_t a)
{
	return build_vector2(b, IR_V128_XOR, a, build_splat_const(b, IR_SHAPE_I64X2, UINT64_MAX));
}

static uint32_t
zero(struct builder *b)
{
	return ir_zero(b->fn, IR_V128);
}

/* --- one operation ---------------------------------------------------------- */

/* A shift count modulo the lane's width. */
static uint32_t
build_count(struct builder *b, uint32_t count, uint32_t shape)
{
	uint32_t mask = (8u << ir_shape_width(shape)) - 1;

	return build_binary(b, IR_AND, IR_I32, count, ir_const(b->fn, IR_I32, mask));
}

static uint32_t
build_form(struct builder *b, enum ir_vector op, enum form form, uint32_t lane, uint32_t args[3])
{
	uint32_t first = args[0];

	switch (form) {
	case BOUND:
		return build_vector_bound(b, op, args[0], args[1], BUILD_HOLDS);
	case NOT_BOUND:
		return build_vector_bound(b, op, args[0], args[1], BUILD_FAILS);
	case NOT_GREATER:
		return build_vector_not_greater(b, op, args[0], args[1]);
	case SWAPPED_NOT_GREATER:
		return build_vector_not_greater(b, op, args[1], args[0]);
	case NOT:
		return build_vector_not(b, build_vector_op(b, op, lane, args));
	case SWAPPED:
		args[0] = args[1];
		args[1] = first;
		return build_vector_op(b, op, lane, args);
	case COUNTED:
		args[1] = build_count(b, args[1], ir_vector_infos[op].shape);
		return build_vector_op(b, op, lane, args);
	case SAME:
	default:
		return build_vector_op(b, op, lane, args);
	}
}

static void
build_simple_vector(struct builder *b, enum wasm_opcode opcode)
{
	const struct wasm_opcode_info *info = &wasm_opcode_info[opcode];
	enum ir_vector op = (enum ir_vector)simple_vectors[opcode - WASM_PAGE_FD].vector;
	enum form form = (enum form)simple_vectors[opcode - WASM_PAGE_FD].form;
	uint32_t lane = info->immediate == WASM_IMM_LANE ? wasm_read_byte(&b->reader) : 0;
	uint32_t args[3] = { IR_NONE, IR_NONE, IR_NONE };

	for (uint32_t i = info->operand_count; i-- > 0;)
		args[i] = build_pop(b);
	build_push(b, build_form(b, op, form, lane, args));
}

/* --- lanes ------------------------------------------------------------------- */

static struct ir_v128
read_bytes(struct builder *b)
{
	struct ir_v128 bits;

	for (uint32_t i = 0; i < 16; i++)
		bits.bytes[i] = wasm_read_byte(&b->reader);
	return bits;
}

static void
build_wasm_shuffle(struct builder *b)
{
	struct ir_v128 pattern = read_bytes(b);
	uint32_t c = build_pop(b);
	uint32_t a = build_pop(b);

	build_push(b, build_shuffle(b, a, c, &pattern));
}

/* Indices above 15 give 0: adding 112 with saturation sets their top bit. */
static void
build_swizzle(struct builder *b)
{
	uint32_t index = build_pop(b);
	uint32_t a = build_pop(b);

	index = build_vector2(b, IR_I8X16_ADD_SAT_U, index,
			      build_splat_const(b, IR_SHAPE_I8X16, 0x70));
	build_push(b, build_vector2(b, IR_I8X16_SWIZZLE, a, index));
}

static void
build_extract_signed(struct builder *b, enum ir_vector op, enum ir_op extend)
{
	uint32_t lane = wasm_read_byte(&b->reader);
	uint32_t value = build_pop(b);

	value = build_vector_op(b, op, lane, (uint32_t[3]){ value, IR_NONE, IR_NONE });
	build_push(b, build_unary(b, extend, IR_I32, value));
}

/* The upper half of the lanes, twice as wide. */
static void
build_extend_high(struct builder *b, enum ir_vector op)
{
	const struct ir_vector_info *info = &ir_vector_infos[op];
	uint32_t bytes = (1u << ir_shape_width(info->shape)) / 2;
	struct ir_v128 pattern;
	uint32_t a = build_pop(b);

	if (info->meaning == IR_LANE_EXTEND_LOW_S) {
		for (uint32_t i = 0; i < 16; i++)
			pattern.bytes[i] = (uint8_t)(8 + i % 8);
		build_push(b, build_vector1(b, op, build_shuffle(b, a, a, &pattern)));
		return;
	}
	for (uint32_t i = 0; i < 16; i++) {
		uint32_t lane = i / (2 * bytes);
		bool is_upper = i % (2 * bytes) >= bytes;

		pattern.bytes[i] = (uint8_t)(8 + lane * bytes + i % bytes + (is_upper ? 16 : 0));
	}
	build_push(b, build_shuffle(b, a, zero(b), &pattern));
}

static bool
build_lanes(struct builder *b, enum wasm_opcode opcode)
{
	switch ((uint32_t)opcode) {
	case WASM_OP_I8X16_SHUFFLE:
		build_wasm_shuffle(b);
		return true;
	case WASM_OP_I8X16_SWIZZLE:
		build_swizzle(b);
		return true;
	case WASM_OP_I8X16_EXTRACT_LANE_S:
		build_extract_signed(b, IR_I8X16_EXTRACT, IR_EXTEND8_S);
		return true;
	case WASM_OP_I16X8_EXTRACT_LANE_S:
		build_extract_signed(b, IR_I16X8_EXTRACT, IR_EXTEND16_S);
		return true;
	case WASM_OP_I16X8_EXTEND_HIGH_I8X16_S:
		build_extend_high(b, IR_I16X8_EXTEND_LOW_S);
		return true;
	case WASM_OP_I16X8_EXTEND_HIGH_I8X16_U:
		build_extend_high(b, IR_I16X8_EXTEND_LOW_U);
		return true;
	case WASM_OP_I32X4_EXTEND_HIGH_I16X8_S:
		build_extend_high(b, IR_I32X4_EXTEND_LOW_S);
		return true;
	case WASM_OP_I32X4_EXTEND_HIGH_I16X8_U:
		build_extend_high(b, IR_I32X4_EXTEND_LOW_U);
		return true;
	case WASM_OP_I64X2_EXTEND_HIGH_I32X4_S:
		build_extend_high(b, IR_I64X2_EXTEND_LOW_S);
		return true;
	case WASM_OP_I64X2_EXTEND_HIGH_I32X4_U:
		build_extend_high(b, IR_I64X2_EXTEND_LOW_U);
		return true;
	default:
		return false;
	}
}

/* --- one lane in memory ------------------------------------------------------ */

static const struct {
	uint8_t load, store, extract, replace;
} lane_access[] = {
	{ IR_LOAD8_U, IR_STORE8, IR_I8X16_EXTRACT, IR_I8X16_REPLACE },
	{ IR_LOAD16_U, IR_STORE16, IR_I16X8_EXTRACT, IR_I16X8_REPLACE },
	{ IR_LOAD, IR_STORE, IR_I32X4_EXTRACT, IR_I32X4_REPLACE },
	{ IR_LOAD, IR_STORE, IR_I64X2_EXTRACT, IR_I64X2_REPLACE },
};

static void
build_lane_access(struct builder *b, enum wasm_opcode opcode)
{
	uint32_t width = wasm_opcode_info[opcode].width;
	bool is_load = wasm_opcode_info[opcode].result != WASM_KIND_NONE;
	uint64_t imm = build_access(b, 1);
	uint32_t lane = wasm_read_byte(&b->reader);
	uint32_t vector = build_pop(b);
	struct ir_inst proto = {
		.op = is_load ? lane_access[width].load : lane_access[width].store,
		.args = { build_pop(b), IR_NONE, IR_NONE },
		.imm = imm,
	};

	if (is_load) {
		uint32_t scalar;

		proto.type = width == 3 ? IR_I64 : IR_I32;
		scalar = build_emit(b, &proto);
		build_push(b, build_vector_op(b, (enum ir_vector)lane_access[width].replace, lane,
					      (uint32_t[3]){ vector, scalar, IR_NONE }));
		return;
	}
	proto.args[1] = build_vector_op(b, (enum ir_vector)lane_access[width].extract, lane,
					(uint32_t[3]){ vector, IR_NONE, IR_NONE });
	build_append(b, &proto);
}

/* --- shifts, signs, bits ------------------------------------------------------ */

/* A splat of the low 8 bits of an i32; a constant if that is one. */
static uint32_t
splat8(struct builder *b, uint32_t scalar)
{
	return build_vector1(b, IR_I8X16_SPLAT, scalar);
}

/* Bytes shifted as halves of 16-bit lanes; then the bits that came from the
 * neighbour are cleared. */
static void
build_shift8(struct builder *b, bool is_left)
{
	uint32_t count = build_count(b, build_pop(b), IR_SHAPE_I8X16);
	uint32_t a = build_pop(b);
	uint32_t ones = ir_const(b->fn, IR_I32, 0xff);
	uint32_t mask = build_binary(b, is_left ? IR_SHL : IR_SHR_U, IR_I32, ones, count);
	uint32_t shifted = build_vector2(b, is_left ? IR_I16X8_SHL : IR_I16X8_SHR_U, a, count);

	build_push(b, build_vector2(b, IR_V128_AND, shifted, splat8(b, mask)));
}

/* A shift right whose sign bit has come to `sign`, a vector: extends it. */
static uint32_t
extend_sign(struct builder *b, enum ir_vector sub, uint32_t shifted, uint32_t sign)
{
	return build_vector2(b, sub, build_vector2(b, IR_V128_XOR, shifted, sign), sign);
}

/* Bytes shifted right, signed, by a constant. */
static uint32_t
shift8_const(struct builder *b, uint32_t a, uint32_t count)
{
	uint32_t mask = build_splat_const(b, IR_SHAPE_I8X16, 0xffu >> count);
	uint32_t sign = build_splat_const(b, IR_SHAPE_I8X16, 0x80u >> count);
	uint32_t amount = ir_const(b->fn, IR_I32, count);
	uint32_t shifted = build_vector2(b, IR_I16X8_SHR_U, a, amount);

	if (count == 0)
		return a;
	if (count == 7)
		return build_vector2(b, IR_I8X16_GT_S, zero(b), a);
	shifted = build_vector2(b, IR_V128_AND, shifted, mask);
	return extend_sign(b, IR_I8X16_SUB, shifted, sign);
}

/* By a variable: as upper halves of 16-bit lanes. */
static void
build_shift8_signed(struct builder *b)
{
	static const struct ir_v128 low = { { 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7 } };
	static const struct ir_v128 high = { { 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13, 14, 14,
					       15, 15 } };
	uint32_t count = build_count(b, build_pop(b), IR_SHAPE_I8X16);
	uint32_t a = build_pop(b);
	uint32_t amount, l, h;

	if (b->fn->insts[count].op == IR_CONST) {
		build_push(b, shift8_const(b, a, (uint32_t)b->fn->insts[count].imm));
		return;
	}
	amount = build_binary(b, IR_ADD, IR_I32, count, ir_const(b->fn, IR_I32, 8));
	l = build_vector2(b, IR_I16X8_SHR_S, build_shuffle(b, a, a, &low), amount);
	h = build_vector2(b, IR_I16X8_SHR_S, build_shuffle(b, a, a, &high), amount);
	build_push(b, build_vector2(b, IR_I8X16_NARROW_S, l, h));
}

static void
build_shift64_signed(struct builder *b)
{
	uint32_t count = build_count(b, build_pop(b), IR_SHAPE_I64X2);
	uint32_t a = build_pop(b);
	uint32_t signs = build_splat_const(b, IR_SHAPE_I64X2, UINT64_C(1) << 63);
	uint32_t shifted;

	if (b->fn->insts[count].op == IR_CONST && b->fn->insts[count].imm == 63) {
		build_push(b, build_vector2(b, IR_I64X2_GT_S, zero(b), a));
		return;
	}
	shifted = build_vector2(b, IR_I64X2_SHR_U, a, count);
	signs = build_vector2(b, IR_I64X2_SHR_U, signs, count);
	build_push(b, extend_sign(b, IR_I64X2_SUB, shifted, signs));
}

static void
build_abs64(struct builder *b)
{
	uint32_t a = build_pop(b);
	uint32_t sign = build_vector2(b, IR_I64X2_GT_S, zero(b), a);

	build_push(b, extend_sign(b, IR_I64X2_SUB, a, sign));
}

/* The sum of what a table says of each half of the byte. */
static void
build_popcnt8(struct builder *b)
{
	static const struct ir_v128 counts = { { 0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4 } };
	uint32_t a = build_pop(b);
	uint32_t table = ir_const_v128(b->fn, &counts);
	uint32_t mask = build_splat_const(b, IR_SHAPE_I8X16, 15);
	uint32_t four = ir_const(b->fn, IR_I32, 4);
	uint32_t low = build_vector2(b, IR_V128_AND, a, mask);
	uint32_t high =
		build_vector2(b, IR_V128_AND, build_vector2(b, IR_I16X8_SHR_U, a, four), mask);

	low = build_vector2(b, IR_I8X16_SWIZZLE, table, low);
	high = build_vector2(b, IR_I8X16_SWIZZLE, table, high);
	build_push(b, build_vector2(b, IR_I8X16_ADD, low, high));
}

static void
build_negate(struct builder *b, enum ir_vector sub)
{
	build_push(b, build_vector2(b, sub, zero(b), build_pop(b)));
}

static bool
build_bits(struct builder *b, enum wasm_opcode opcode)
{
	switch ((uint32_t)opcode) {
	case WASM_OP_V128_NOT:
		build_push(b, build_vector_not(b, build_pop(b)));
		return true;
	case WASM_OP_I8X16_NEG:
		build_negate(b, IR_I8X16_SUB);
		return true;
	case WASM_OP_I16X8_NEG:
		build_negate(b, IR_I16X8_SUB);
		return true;
	case WASM_OP_I32X4_NEG:
		build_negate(b, IR_I32X4_SUB);
		return true;
	case WASM_OP_I64X2_NEG:
		build_negate(b, IR_I64X2_SUB);
		return true;
	case WASM_OP_I64X2_ABS:
		build_abs64(b);
		return true;
	case WASM_OP_I8X16_POPCNT:
		build_popcnt8(b);
		return true;
	case WASM_OP_I8X16_SHL:
	case WASM_OP_I8X16_SHR_U:
		build_shift8(b, opcode == WASM_OP_I8X16_SHL);
		return true;
	case WASM_OP_I8X16_SHR_S:
		build_shift8_signed(b);
		return true;
	case WASM_OP_I64X2_SHR_S:
		build_shift64_signed(b);
		return true;
	default:
		return false;
	}
}

bool
build_vector(struct builder *b, enum wasm_opcode opcode)
{
	struct ir_v128 bits;

	if ((uint32_t)opcode < WASM_PAGE_FD)
		return false;
	if (simple_vectors[opcode - WASM_PAGE_FD].form) {
		build_simple_vector(b, opcode);
		return true;
	}
	if (wasm_opcode_info[opcode].immediate == WASM_IMM_MEMARG_LANE) {
		build_lane_access(b, opcode);
		return true;
	}
	if (opcode == WASM_OP_V128_CONST) {
		bits = read_bytes(b);
		build_push(b, ir_const_v128(b->fn, &bits));
		return true;
	}
	return build_bits(b, opcode) || build_vector_test(b, opcode) || build_lanes(b, opcode) ||
	       build_vector_product(b, opcode) || build_vector_float(b, opcode);
}
