/*
 * Selection of shuffles: the cheapest instructions that make a byte pattern.
 *
 * A pattern names for each byte of the result a byte of the first vector (0 to
 * 15) or of the second (16 to 31). It is also looked at in lanes of 2, 4 and 8
 * bytes, where all bytes of each lane come from one lane. A vector of zeros is
 * not a vector at all but zeros in the result (ZERO); bytes that nobody needs
 * (select_demand.c) may be anything (ANY).
 */
#include "compiler/x64/select.h"

#include "lib/string.h"

enum { ZERO = 0xff, ANY = 0xfe };

struct shuffle {
	struct selector *s;
	uint32_t value;
	uint32_t a, b;	      /* IR values */
	uint8_t bytes[16];    /* of a, of b + 16, ZERO or ANY */
	uint8_t lanes[4][16]; /* the same by lanes of 1 << k bytes */
	bool has_lanes[4];    /* lanes[k] exists */
	bool has_zeros;
};

/* --- patterns ------------------------------------------------------------- */

static bool
fits(uint32_t entry, uint32_t wanted)
{
	return entry == ANY || entry == wanted;
}

/* Whether an entry is a number, not ZERO or ANY. */
static bool
is_source(uint32_t entry)
{
	return entry < ANY;
}

/* The lane of `width` bytes that some bytes are, ZERO or ANY; false if none. */
static bool
lane_of(const uint8_t *bytes, uint32_t width, uint8_t *out)
{
	*out = ANY;
	for (uint32_t j = 0; j < width; j++) {
		uint8_t lane = bytes[j];
		if (lane == ANY)
			continue;
		if (is_source(lane) && lane % width != j)
			return false;
		if (is_source(lane))
			lane = (uint8_t)(lane / width);
		if (*out != ANY && *out != lane)
			return false;
		*out = lane;
	}
	return true;
}

/* lanes[k] from bytes. */
static bool
widen(const uint8_t bytes[16], uint32_t k, uint8_t lanes[16])
{
	for (uint32_t i = 0; i < 16u >> k; i++)
		if (!lane_of(bytes + (i << k), 1u << k, &lanes[i]))
			return false;
	return true;
}

/* Whether the first `count` entries are first, first + step, first + 2 step … */
static bool
is_run(const uint8_t *entries, uint32_t count, uint32_t first, uint32_t step)
{
	for (uint32_t i = 0; i < count; i++)
		if (!fits(entries[i], first + i * step))
			return false;
	return true;
}

static bool
is_zero_run(const uint8_t *entries, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		if (!fits(entries[i], ZERO))
			return false;
	return true;
}

/* Immediate of pshufd and pshuflw for four entries. */
static uint8_t
imm_of(const uint8_t entries[4])
{
	uint32_t imm = 0;
	for (uint32_t i = 0; i < 4; i++)
		imm |= (is_source(entries[i]) ? entries[i] & 3u : i) << 2 * i;
	return (uint8_t)imm;
}

/* --- emission ------------------------------------------------------------- */

static struct select_source
source_of_vreg(uint32_t vreg)
{
	return (struct select_source){ .base = X64_BASE_NONE, .vreg = vreg };
}

/* result = form(from), without a register of its own. */
static bool
put_unary(struct shuffle *f, enum nb_form form, uint32_t from, uint8_t imm)
{
	struct select_source source = select_vector_source(f->s, from);
	select_sse_unary(f->s, form, select_def(f->s, f->value), &source)->imm = imm;
	return true;
}

/* result = form(first, second). */
static bool
put_binary(struct shuffle *f, enum nb_form form, uint32_t first, uint32_t second, uint8_t imm)
{
	bool may_be_memory = x64_form_info(form)->rm & NB_RM_M && form != NB_FORM_INSERTPS;
	struct select_source source = may_be_memory && first != second
					      ? select_vector_source(f->s, second)
					      : select_source_reg(f->s, second);
	uint32_t vreg = first == second ? source.vreg : select_use(f->s, first);
	select_sse(f->s, form, select_def(f->s, f->value), vreg, &source, SELECT_ORDERED)->imm =
		imm;
	return true;
}

/* result = form(a, mask in the pool). */
static bool
put_masked(struct shuffle *f, enum nb_form form, const uint8_t mask[16])
{
	uint32_t vreg = select_use(f->s, f->a);
	struct select_source source = { .base = X64_BASE_POOL,
					.vreg = IR_NONE,
					.disp = (int32_t)select_pool_add(f->s, mask, 16) };
	select_sse(f->s, form, select_def(f->s, f->value), vreg, &source, SELECT_ORDERED);
	return true;
}

/* --- one vector, with zeros ----------------------------------------------- */

/* Lanes of 1 << k bytes, each in 1 << by times as many. */
static bool
try_extend(struct shuffle *f)
{
	static const uint16_t forms[3][3] = {
		{ NB_FORM_PMOVZXBW, NB_FORM_PMOVZXBD, NB_FORM_PMOVZXBQ },
		{ NB_FORM_PMOVZXWD, NB_FORM_PMOVZXWQ, 0 },
		{ NB_FORM_PMOVZXDQ, 0, 0 },
	};
	for (uint32_t k = 0; k < 3; k++)
		for (uint32_t by = 1; by <= 3 - k; by++) {
			bool is_good = f->has_lanes[k];
			for (uint32_t i = 0; is_good && i < 16u >> k; i++)
				is_good = fits(f->lanes[k][i], i % (1u << by) ? ZERO : i >> by);
			if (!is_good)
				continue;
			struct select_source source = select_low_source(f->s, f->a, 8u >> (by - 1));
			select_sse_unary(f->s, forms[k][by - 1], select_def(f->s, f->value),
					 &source);
			return true;
		}
	return false;
}

static bool
try_zeros(struct shuffle *f)
{
	const uint8_t *bytes = f->bytes;
	uint8_t mask[16];
	bool is_in_place = true;
	if (try_extend(f))
		return true;
	if (is_run(bytes, 8, 0, 1) && is_zero_run(bytes + 8, 8)) {
		struct select_source source = select_source_reg(f->s, f->a);
		select_sse_unary(f->s, NB_FORM_MOVQ, select_def(f->s, f->value), &source);
		return true;
	}
	for (uint32_t n = 1; n < 16; n++) {
		bool is_left = is_zero_run(bytes, n) && is_run(bytes + n, 16 - n, 0, 1);
		bool is_right = is_run(bytes, 16 - n, n, 1) && is_zero_run(bytes + 16 - n, n);
		if (!is_left && !is_right)
			continue;
		uint32_t vreg = select_use(f->s, f->a);
		select_sse_shift_imm(f->s, is_left ? NB_FORM_PSLLDQ_IMM : NB_FORM_PSRLDQ_IMM,
				     select_def(f->s, f->value), vreg, (uint8_t)n);
		return true;
	}
	for (uint32_t i = 0; i < 16; i++)
		is_in_place = is_in_place && (bytes[i] == ZERO || fits(bytes[i], i));
	for (uint32_t i = 0; i < 16; i++)
		mask[i] = is_in_place ? (is_source(bytes[i]) ? 0xff : 0)
				      : (is_source(bytes[i]) ? bytes[i] : 0x80);
	return put_masked(f, is_in_place ? NB_FORM_PAND : NB_FORM_PSHUFB, mask);
}

/* --- interleaving, of one or two vectors ------------------------------------ */

static bool
try_unpack(struct shuffle *f)
{
	static const uint16_t forms[4][2] = {
		{ NB_FORM_PUNPCKLBW, NB_FORM_PUNPCKHBW },
		{ NB_FORM_PUNPCKLWD, NB_FORM_PUNPCKHWD },
		{ NB_FORM_PUNPCKLDQ, NB_FORM_PUNPCKHDQ },
		{ NB_FORM_PUNPCKLQDQ, NB_FORM_PUNPCKHQDQ },
	};
	for (uint32_t k = 4; k-- > 0;) {
		uint32_t count = 16u >> k;
		if (!f->has_lanes[k])
			continue;
		for (uint32_t high = 0; high < 2; high++)
			for (uint32_t sides = 0; sides < 4; sides++) {
				uint32_t first = sides & 1 ? count : 0;
				uint32_t second = sides & 2 ? count : 0;
				bool is_good = true;
				for (uint32_t i = 0; is_good && i < count; i++)
					is_good = fits(f->lanes[k][i], (i % 2 ? second : first) +
									       i / 2 +
									       high * count / 2);
				if (is_good)
					return put_binary(f, forms[k][high], first ? f->b : f->a,
							  second ? f->b : f->a, 0);
			}
	}
	return false;
}

/* --- one vector ----------------------------------------------------------- */

static bool
try_words(struct shuffle *f)
{
	const uint8_t *words = f->lanes[1];
	uint8_t high[4];
	if (!f->has_lanes[1])
		return false;
	bool low_moves = true, high_moves = true;
	for (uint32_t i = 0; i < 4; i++) {
		bool is_any = words[4 + i] == ANY;
		high[i] = is_any ? ANY : words[4 + i] & 3;
		low_moves = low_moves && (words[i] < 4 || words[i] == ANY);
		high_moves = high_moves && (words[4 + i] / 4 == 1 || is_any);
	}
	if (low_moves && is_run(words + 4, 4, 4, 1))
		return put_unary(f, NB_FORM_PSHUFLW, f->a, imm_of(words));
	if (high_moves && is_run(words, 4, 0, 1))
		return put_unary(f, NB_FORM_PSHUFHW, f->a, imm_of(high));
	return false;
}

/* The bytes that matter are where they were. */
static bool
put_move(struct shuffle *f)
{
	uint32_t vreg = select_use(f->s, f->a);
	struct x64_inst *move = select_emit(f->s, X64_MOVE, NB_FORM_MOVAPS);
	move->reg = select_op_def(f->s, select_def(f->s, f->value));
	move->rm = select_op_use(f->s, vreg, RA_REG);
	select_flag(f->s, RA_INST_MOVE);
	return true;
}

static bool
put_one(struct shuffle *f)
{
	if (is_run(f->bytes, 16, 0, 1))
		return put_move(f);
	bool is_float = select_is_float_vector(f->s, f->a);
	const uint8_t *dwords = f->lanes[2];
	if (f->has_lanes[3] && is_run(f->lanes[3], 2, 0, 0))
		return put_unary(f, is_float ? NB_FORM_MOVDDUP : NB_FORM_PSHUFD, f->a, 0x44);
	if (f->has_lanes[2] && is_float && select_has_avx(f->s))
		return put_binary(f, NB_FORM_SHUFPS, f->a, f->a, imm_of(dwords));
	if (f->has_lanes[2])
		return put_unary(f, NB_FORM_PSHUFD, f->a, imm_of(dwords));
	if (try_words(f) || try_unpack(f))
		return true;
	for (uint32_t n = 1; n < 16; n++) {
		bool is_rotation = true;
		for (uint32_t i = 0; is_rotation && i < 16; i++)
			is_rotation = fits(f->bytes[i], (i + n) % 16);
		if (is_rotation)
			return put_binary(f, NB_FORM_PALIGNR, f->a, f->a, (uint8_t)n);
	}
	uint8_t mask[16];
	for (uint32_t i = 0; i < 16; i++)
		mask[i] = is_source(f->bytes[i]) ? f->bytes[i] : 0x80;
	return put_masked(f, NB_FORM_PSHUFB, mask);
}

/* --- two vectors ---------------------------------------------------------- */

/* The upper bytes of one vector before the lower ones of the other. */
static bool
try_align(struct shuffle *f)
{
	for (uint32_t n = 1; n < 32; n++) {
		bool is_good = true;
		for (uint32_t i = 0; is_good && i < 16; i++)
			is_good = fits(f->bytes[i], (i + n) % 32);
		if (is_good && n < 16)
			return put_binary(f, NB_FORM_PALIGNR, f->b, f->a, (uint8_t)n);
		if (is_good && n > 16)
			return put_binary(f, NB_FORM_PALIGNR, f->a, f->b, (uint8_t)(n - 16));
	}
	return false;
}

/* Every lane where it was. */
static bool
try_blend(struct shuffle *f)
{
	uint32_t words = 0;
	if (!f->has_lanes[1])
		return false;
	for (uint32_t i = 0; i < 8; i++) {
		if (!fits(f->lanes[1][i], i) && f->lanes[1][i] != i + 8)
			return false;
		words |= (uint32_t)(f->lanes[1][i] == i + 8) << i;
	}
	if (!f->has_lanes[2] || !select_is_float_vector(f->s, f->a))
		return put_binary(f, NB_FORM_PBLENDW, f->a, f->b, (uint8_t)words);
	uint32_t dwords = 0;
	for (uint32_t i = 0; i < 4; i++)
		dwords |= (uint32_t)(f->lanes[2][i] == i + 4) << i;
	return put_binary(f, NB_FORM_BLENDPS, f->a, f->b, (uint8_t)dwords);
}

/* Which vector two lanes come from; false if from both. */
static bool
side_of(const uint8_t lanes[2], bool *is_b)
{
	uint32_t first = is_source(lanes[0]) ? lanes[0] : lanes[1];
	uint32_t second = is_source(lanes[1]) ? lanes[1] : lanes[0];
	*is_b = is_source(first) && first >= 4;
	return first / 4 == second / 4;
}

/* Two lanes of one vector below two of the other, or of the same. */
static bool
try_shufps(struct shuffle *f)
{
	const uint8_t *lanes = f->lanes[2];
	bool low_is_b, high_is_b;
	if (!f->has_lanes[2] || !side_of(lanes, &low_is_b) || !side_of(lanes + 2, &high_is_b))
		return false;
	return put_binary(f, NB_FORM_SHUFPS, low_is_b ? f->b : f->a, high_is_b ? f->b : f->a,
			  imm_of(lanes));
}

/* Three lanes of one vector, in place or moved by a pshufd, and one of the
 * other. */
static bool
try_insert(struct shuffle *f)
{
	uint8_t lanes[4];
	uint32_t from_a = 0, from_b = 0, other = 0;
	if (!f->has_lanes[2])
		return false;
	for (uint32_t i = 0; i < 4; i++) {
		from_a += f->lanes[2][i] < 4;
		from_b += is_source(f->lanes[2][i]) && f->lanes[2][i] >= 4;
	}
	if (from_a != 1 && from_b != 1)
		return false;
	uint32_t first = from_b == 1 ? f->a : f->b, second = from_b == 1 ? f->b : f->a;
	for (uint32_t i = 0; i < 4; i++) {
		bool is_lane = is_source(f->lanes[2][i]);
		bool is_other = is_lane && (f->lanes[2][i] >= 4) == (from_b == 1);
		lanes[i] = is_other || !is_lane ? (uint8_t)i : f->lanes[2][i] & 3;
		other = is_other ? i : other;
	}
	uint8_t imm = (uint8_t)((f->lanes[2][other] & 3u) << 6 | other << 4);
	if (is_run(lanes, 4, 0, 1))
		return put_binary(f, NB_FORM_INSERTPS, first, second, imm);
	struct select_source inserted = select_source_reg(f->s, second);
	struct select_source source = select_vector_source(f->s, first);
	uint32_t moved = select_vreg_new(f->s, IR_V128);
	select_sse_unary(f->s, NB_FORM_PSHUFD, moved, &source)->imm = imm_of(lanes);
	select_sse(f->s, NB_FORM_INSERTPS, select_def(f->s, f->value), moved, &inserted,
		   SELECT_ORDERED)
		->imm = imm;
	return true;
}

/* Two lanes of each, in any order: both pairs by shufps, then their places. */
static bool
try_pairs(struct shuffle *f)
{
	uint8_t picked[4] = { 0 }, places[4];
	uint32_t low = 0, high = 2;
	if (!f->has_lanes[2])
		return false;
	for (uint32_t i = 0; i < 4; i++) {
		bool is_b = f->lanes[2][i] >= 4;
		places[i] = (uint8_t)i;
		if (!is_source(f->lanes[2][i]))
			continue;
		if (is_b ? high == 4 : low == 2)
			return false;
		places[i] = (uint8_t)(is_b ? high : low);
		picked[is_b ? high++ : low++] = f->lanes[2][i] & 3;
	}
	struct select_source b = select_vector_source(f->s, f->b);
	uint32_t a = select_use(f->s, f->a);
	uint32_t both = select_vreg_new(f->s, IR_V128);
	select_sse(f->s, NB_FORM_SHUFPS, both, a, &b, SELECT_ORDERED)->imm = imm_of(picked);
	struct select_source source = source_of_vreg(both);
	select_sse_unary(f->s, NB_FORM_PSHUFD, select_def(f->s, f->value), &source)->imm =
		imm_of(places);
	return true;
}

/* The bytes of vector `which` where they belong, zeros elsewhere. */
static uint32_t
spread(struct shuffle *f, uint32_t which)
{
	uint8_t mask[16];
	for (uint32_t i = 0; i < 16; i++)
		mask[i] = f->bytes[i] / 16 == which ? f->bytes[i] & 15 : 0x80;
	uint32_t d = select_vreg_new(f->s, IR_V128);
	uint32_t vreg = select_use(f->s, which ? f->b : f->a);
	struct select_source source = { .base = X64_BASE_POOL,
					.vreg = IR_NONE,
					.disp = (int32_t)select_pool_add(f->s, mask, 16) };
	select_sse(f->s, NB_FORM_PSHUFB, d, vreg, &source, SELECT_ORDERED);
	return d;
}

static void
put_two(struct shuffle *f)
{
	if (try_unpack(f) || try_blend(f) || try_align(f) || try_shufps(f) || try_insert(f) ||
	    try_pairs(f))
		return;
	uint32_t a = spread(f, 0);
	struct select_source b = source_of_vreg(spread(f, 1));
	select_sse(f->s, NB_FORM_POR, select_def(f->s, f->value), a, &b, SELECT_COMMUTES);
}

/* --- all ------------------------------------------------------------------ */

void
select_shuffle(struct selector *s, uint32_t value)
{
	const struct ir_inst *inst = select_inst(s, value);
	struct shuffle f = { .s = s, .value = value, .a = inst->args[0], .b = inst->args[1] };
	bool a_is_zero = select_is_zero_vector(s, f.a), b_is_zero = select_is_zero_vector(s, f.b);
	const uint8_t *pattern = ir_shuffle_pattern(s->ir, inst);
	uint32_t from_a = 0, from_b = 0;
	for (uint32_t i = 0; i < 16; i++) {
		bool is_b = pattern[i] >= 16;
		bool is_zero = is_b ? b_is_zero : a_is_zero;
		f.bytes[i] = is_zero ? ZERO : pattern[i];
		if (!(s->demand[value] >> i & 1))
			f.bytes[i] = ANY;
		f.has_zeros |= f.bytes[i] == ZERO;
		from_a += f.bytes[i] < 16;
		from_b += is_source(f.bytes[i]) && is_b;
	}
	if (from_a == 0 && from_b != 0) {
		f.a = inst->args[1];
		for (uint32_t i = 0; i < 16; i++)
			f.bytes[i] = is_source(f.bytes[i]) ? f.bytes[i] & 15 : f.bytes[i];
		from_b = 0;
	}
	for (uint32_t k = 0; k < 4; k++)
		f.has_lanes[k] = widen(f.bytes, k, f.lanes[k]);
	if (f.has_zeros)
		try_zeros(&f);
	else if (from_b == 0)
		put_one(&f);
	else
		put_two(&f);
}
