/*
 * What instructions do to general registers, flags and memory.
 */
#include "tests/verifier/emulator.h"

static uint64_t
mask_of(uint32_t size)
{
	return UINT64_MAX >> (64 - 8 * size);
}

static int64_t
extend(uint64_t value, uint32_t size)
{
	uint32_t shift = 64 - 8 * size;

	return (int64_t)(value << shift) >> shift;
}

/* --- operands ---------------------------------------------------------------- */

static inline void
put_register(struct emulator *e, uint32_t reg, uint64_t value, uint32_t size)
{
	uint64_t mask = mask_of(size);

	if (size >= 4)
		e->gpr[reg] = value & mask;
	else
		e->gpr[reg] = (e->gpr[reg] & ~mask) | (value & mask);
}

static inline uint64_t
address(const struct emulator *e)
{
	const struct place *p = e->last;

	return (uint64_t)(int64_t)p->displacement + e->gpr[p->base] +
	       (e->gpr[p->index] << p->shift);
}

static inline uint64_t
get(struct emulator *e, uint32_t number, uint32_t size)
{
	const struct place *p = e->last;

	if (p->operands[number] == OPERAND_MEMORY)
		return emu_read(e, address(e), p->memory_size);
	return e->gpr[p->regs[number]] & mask_of(size);
}

static inline void
put(struct emulator *e, uint64_t value)
{
	const struct place *p = e->last;

	if (p->operands[0] == OPERAND_MEMORY)
		emu_write(e, address(e), value, p->memory_size);
	else
		put_register(e, p->regs[0], value, p->size);
}

/* --- flags ------------------------------------------------------------------- */

static void
set_result(struct emulator *e, uint64_t value, uint32_t size)
{
	e->result = (uint64_t)extend(value, size);
	e->parity = (uint8_t)value;
}

/* What the manual does not say. */
static void
forget_result(struct emulator *e)
{
	uint64_t x = emu_random(e);

	e->result = x & 1 ? 0 : x;
	e->parity = (uint8_t)(x >> 8);
}

static void
forget_flags(struct emulator *e)
{
	uint64_t x = emu_random(e);

	forget_result(e);
	e->carry = x & 1;
	e->overflow = x >> 1 & 1;
}

bool
emu_condition(const struct emulator *e, uint32_t condition)
{
	bool is_less = ((int64_t)e->result < 0) != e->overflow, is_true = false;

	switch (condition >> 1) {
	case 0:
		is_true = e->overflow;
		break;
	case 1:
		is_true = e->carry;
		break;
	case 2:
		is_true = e->result == 0;
		break;
	case 3:
		is_true = e->carry || e->result == 0;
		break;
	case 4:
		is_true = (int64_t)e->result < 0;
		break;
	case 5:
		is_true = !__builtin_parity(e->parity);
		break;
	case 6:
		is_true = is_less;
		break;
	default:
		is_true = is_less || e->result == 0;
		break;
	}
	return is_true != (condition & 1);
}

/* --- arithmetic -------------------------------------------------------------- */

static uint64_t
add(struct emulator *e, uint64_t a, uint64_t b, bool carry, uint32_t size)
{
	uint64_t mask = mask_of(size), r = (a + b + carry) & mask;

	e->carry = r < a || (carry && r == a);
	e->overflow = ((a ^ r) & (b ^ r)) >> (8 * size - 1) & 1;
	set_result(e, r, size);
	return r;
}

static uint64_t
subtract(struct emulator *e, uint64_t a, uint64_t b, bool borrow, uint32_t size)
{
	uint64_t r = (a - b - borrow) & mask_of(size);

	e->carry = a < b || (borrow && a == b);
	e->overflow = ((a ^ b) & (a ^ r)) >> (8 * size - 1) & 1;
	set_result(e, r, size);
	return r;
}

static uint64_t
logic(struct emulator *e, uint64_t r, uint32_t size)
{
	e->carry = e->overflow = false;
	set_result(e, r, size);
	return r;
}

static uint64_t
multiply(struct emulator *e, uint64_t a, uint64_t b, uint32_t size)
{
	__int128 product = (__int128)extend(a, size) * extend(b, size);

	forget_result(e);
	e->carry = e->overflow = product != extend((uint64_t)product, size);
	return (uint64_t)product & mask_of(size);
}

static void
multiply_wide(struct emulator *e, uint64_t b, bool is_signed, uint32_t size)
{
	uint64_t a = e->gpr[NB_RAX] & mask_of(size);
	unsigned __int128 product = (unsigned __int128)a * b;
	bool is_wide = product >> (8 * size) != 0;

	if (is_signed) {
		product = (unsigned __int128)((__int128)extend(a, size) * extend(b, size));
		is_wide = (__int128)product != extend((uint64_t)product, size);
	}
	forget_result(e);
	e->carry = e->overflow = is_wide;
	put_register(e, NB_RAX, (uint64_t)product, size);
	put_register(e, NB_RDX, (uint64_t)(product >> (8 * size)), size);
}

static void
divide(struct emulator *e, uint64_t divisor, bool is_signed, uint32_t size)
{
	uint64_t mask = mask_of(size);
	unsigned __int128 value =
		(unsigned __int128)(e->gpr[NB_RDX] & mask) << (8 * size) | (e->gpr[NB_RAX] & mask);
	unsigned __int128 quotient = 0, rest = 0;
	bool fits = divisor != 0;

	if (fits && is_signed) {
		uint32_t unused = 128 - 16 * size;
		__int128 wide = (__int128)(value << unused) >> unused, by = extend(divisor, size);
		bool is_edge = by == -1 && wide == (__int128)((unsigned __int128)1 << 127);
		__int128 signed_quotient = is_edge ? wide : wide / by;

		fits = !is_edge && signed_quotient == extend((uint64_t)signed_quotient, size);
		quotient = (unsigned __int128)signed_quotient;
		rest = (unsigned __int128)(is_edge ? 0 : wide % by);
	} else if (fits) {
		quotient = value / divisor;
		rest = value % divisor;
		fits = quotient <= mask;
	}
	if (!fits) {
		emu_on_divide_error(e);
		return;
	}
	forget_flags(e);
	put_register(e, NB_RAX, (uint64_t)quotient, size);
	put_register(e, NB_RDX, (uint64_t)rest, size);
}

/* --- shifts and bits ---------------------------------------------------------- */

static uint64_t
rotate(struct emulator *e, bool is_left, uint64_t a, uint32_t count, uint32_t size)
{
	uint32_t bits = 8 * size, left = is_left ? count : (bits - count) % bits;
	uint64_t r = left ? (a << left | a >> (bits - left)) & mask_of(size) : a;

	if (count == 0)
		return r;
	e->carry = is_left ? r & 1 : r >> (bits - 1) & 1;
	e->overflow = is_left ? (r >> (bits - 1) & 1) != e->carry
			      : (r >> (bits - 1) & 1) != (r >> (bits - 2) & 1);
	if (count != 1)
		e->overflow = emu_random(e) & 1;
	return r;
}

static uint64_t
shift(struct emulator *e, enum op op, uint64_t a, uint32_t count, uint32_t size)
{
	uint32_t bits = 8 * size;
	uint64_t r;

	if (count == 0)
		return a;
	if (op == OP_SHL) {
		r = a << count & mask_of(size);
		e->carry = a >> (bits - count) & 1;
		e->overflow = (r >> (bits - 1) & 1) != e->carry;
	} else if (op == OP_SHR) {
		r = a >> count;
		e->carry = a >> (count - 1) & 1;
		e->overflow = a >> (bits - 1) & 1;
	} else {
		r = (uint64_t)(extend(a, size) >> count) & mask_of(size);
		e->carry = (uint64_t)(extend(a, size) >> (count - 1)) & 1;
		e->overflow = false;
	}
	if (count != 1)
		e->overflow = emu_random(e) & 1;
	set_result(e, r, size);
	return r;
}

/* Without flags. */
static uint64_t
plain_shift(enum op op, uint64_t a, uint32_t count, uint32_t size)
{
	uint32_t bits = 8 * size;

	switch ((int)op) {
	case OP_SHLX:
		return a << count;
	case OP_SHRX:
		return a >> count;
	case OP_SARX:
		return (uint64_t)(extend(a, size) >> count);
	default:
		return count ? a >> count | a << (bits - count) : a;
	}
}

/* Looks for bits in `a`, whose result goes to the first operand. */
static void
scan_bits(struct emulator *e, enum op op, uint64_t a)
{
	const struct place *p = e->last;
	uint32_t bits = 8u * p->size;
	uint64_t r;

	forget_flags(e);
	if (op == OP_POPCNT) {
		r = (uint64_t)__builtin_popcountll(a);
		logic(e, a != 0, 4);
		e->parity = 1;
	} else if (op == OP_BSF || op == OP_BSR) {
		r = a ? (uint64_t)(op == OP_BSF ? __builtin_ctzll(a) : 63 - __builtin_clzll(a)) : 0;
		e->result = a != 0;
		if (!a) {
			e->gpr[p->regs[0]] = emu_hostile(e);
			return;
		}
	} else {
		r = op == OP_TZCNT ? (uint64_t)__builtin_ctzll(a | 1ull << (bits - 1))
				   : (uint64_t)__builtin_clzll(a | 1) - (64 - bits);
		r = a ? r : bits;
		e->carry = a == 0;
		e->result = r;
	}
	put(e, r);
}

/* --- instructions --------------------------------------------------------------- */

static void
step_vector(struct emulator *e)
{
	const struct place *p = e->last;

	if (p->memory_size && p->reads)
		(void)emu_read(e, address(e), p->memory_size);
	if (p->memory_size && p->writes)
		emu_write(e, address(e), emu_hostile(e), p->memory_size);
	if (p->sets_flags)
		forget_flags(e);
	if (p->regs[0] != NO_REG)
		put_register(e, p->regs[0], emu_hostile(e), p->size);
}

static void
step_nothing(struct emulator *e)
{
	(void)e;
}

static void
step_move(struct emulator *e)
{
	put(e, get(e, 1, e->last->source_size));
}

static void
step_move_signed(struct emulator *e)
{
	uint32_t size = e->last->source_size;

	put(e, (uint64_t)extend(get(e, 1, size), size));
}

static void
step_address(struct emulator *e)
{
	put(e, address(e));
}

/* From the first two operands, of `size` bytes: what the first becomes; or nothing. */
#define STEP_PAIR(name, result)                                    \
	static void step_##name(struct emulator *e)                \
	{                                                          \
		uint32_t size = e->last->size;                     \
		uint64_t a = get(e, 0, size), b = get(e, 1, size); \
                                                                   \
		put(e, result);                                    \
	}
#define STEP_COMPARISON(name, result)                              \
	static void step_##name(struct emulator *e)                \
	{                                                          \
		uint32_t size = e->last->size;                     \
		uint64_t a = get(e, 0, size), b = get(e, 1, size); \
                                                                   \
		(void)result;                                      \
	}
#define STEP_SHIFT(name, result)                                             \
	static void step_##name(struct emulator *e)                          \
	{                                                                    \
		uint32_t size = e->last->size;                               \
		uint64_t a = get(e, 0, size);                                \
		uint32_t count = (uint32_t)get(e, 1, size) & (8 * size - 1); \
                                                                             \
		put(e, result);                                              \
	}
/* From the other two, what the first becomes. */
#define STEP_TRIPLE(name, result)                                  \
	static void step_##name(struct emulator *e)                \
	{                                                          \
		uint32_t size = e->last->size;                     \
		uint64_t a = get(e, 1, size), b = get(e, 2, size); \
		uint32_t count = (uint32_t)b & (8 * size - 1);     \
                                                                   \
		(void)count;                                       \
		put(e, result);                                    \
	}
#define STEP_SCAN(name, op)                                 \
	static void step_##name(struct emulator *e)         \
	{                                                   \
		scan_bits(e, op, get(e, 1, e->last->size)); \
	}

STEP_PAIR(add, add(e, a, b, false, size))
STEP_PAIR(adc, add(e, a, b, e->carry, size))
STEP_PAIR(sub, subtract(e, a, b, false, size))
STEP_PAIR(sbb, subtract(e, a, b, e->carry, size))
STEP_PAIR(and, logic(e, a &b, size))
STEP_PAIR(or, logic(e, a | b, size))
STEP_PAIR(xor, logic(e, a ^ b, size))
STEP_COMPARISON(cmp, subtract(e, a, b, false, size))
STEP_COMPARISON(test, logic(e, a &b, size))
STEP_SHIFT(rol, rotate(e, true, a, count, size))
STEP_SHIFT(ror, rotate(e, false, a, count, size))
STEP_SHIFT(shl, shift(e, OP_SHL, a, count, size))
STEP_SHIFT(shr, shift(e, OP_SHR, a, count, size))
STEP_SHIFT(sar, shift(e, OP_SAR, a, count, size))
STEP_SHIFT(btc, (e->carry = a >> count & 1, a ^ 1ull << count))
STEP_TRIPLE(imul, multiply(e, a, b, size))
STEP_TRIPLE(andn, logic(e, ~a &b &mask_of(size), size))
STEP_TRIPLE(rorx, plain_shift(OP_RORX, a, count, size))
STEP_TRIPLE(shlx, plain_shift(OP_SHLX, a, count, size))
STEP_TRIPLE(shrx, plain_shift(OP_SHRX, a, count, size))
STEP_TRIPLE(sarx, plain_shift(OP_SARX, a, count, size))
STEP_SCAN(bsf, OP_BSF)
STEP_SCAN(bsr, OP_BSR)
STEP_SCAN(popcnt, OP_POPCNT)
STEP_SCAN(tzcnt, OP_TZCNT)
STEP_SCAN(lzcnt, OP_LZCNT)

static void
step_bt(struct emulator *e)
{
	uint32_t size = e->last->size;

	e->carry = get(e, 0, size) >> (get(e, 1, size) & (8 * size - 1)) & 1;
}

static void
step_not(struct emulator *e)
{
	put(e, ~get(e, 0, e->last->size));
}

static void
step_neg(struct emulator *e)
{
	put(e, subtract(e, 0, get(e, 0, e->last->size), false, e->last->size));
}

static void
step_mul_wide(struct emulator *e)
{
	multiply_wide(e, get(e, 1, e->last->size), false, e->last->size);
}

static void
step_imul_wide(struct emulator *e)
{
	multiply_wide(e, get(e, 1, e->last->size), true, e->last->size);
}

static void
step_div(struct emulator *e)
{
	uint64_t divisor = get(e, 1, e->last->size);

	if (e->event == EVENT_NONE)
		divide(e, divisor, e->last->op == OP_IDIV, e->last->size);
}

static void
step_sign(struct emulator *e)
{
	uint32_t size = e->last->size;

	put_register(e, NB_RDX, (uint64_t)(extend(e->gpr[NB_RAX], size) >> 63), size);
}

static void
step_set(struct emulator *e)
{
	put(e, emu_condition(e, e->last->condition));
}

static void
step_cmov(struct emulator *e)
{
	uint64_t value = get(e, 1, e->last->size);

	put(e, emu_condition(e, e->last->condition) ? value : get(e, 0, e->last->size));
}

static void
step_xchg(struct emulator *e)
{
	uint32_t size = e->last->size;
	uint64_t a = get(e, 0, size), b = get(e, 1, size);

	put(e, b);
	put_register(e, e->last->regs[1], a, size);
}

static void
step_xadd(struct emulator *e)
{
	uint32_t size = e->last->size;
	uint64_t a = get(e, 0, size);

	put(e, add(e, a, get(e, 1, size), false, size));
	put_register(e, e->last->regs[1], a, size);
}

static void
step_cmpxchg(struct emulator *e)
{
	uint32_t size = e->last->size;
	uint64_t a = get(e, 0, size), old = e->gpr[NB_RAX] & mask_of(size);

	(void)subtract(e, old, a, false, size);
	put(e, old == a ? get(e, 1, size) : a);
	if (old != a)
		put_register(e, NB_RAX, a, size);
}

/* --- control ------------------------------------------------------------------ */

static uint64_t
step_call(struct emulator *e, uint64_t target, uint64_t next)
{
	emu_write(e, e->gpr[NB_RSP] - 8, next, 8);
	e->gpr[NB_RSP] -= 8;
	return target;
}

static uint64_t
step_control(struct emulator *e, uint64_t next)
{
	const struct place *p = e->last;
	uint64_t relative = next + (uint64_t)(int64_t)p->target;

	switch ((enum kind)p->kind) {
	case BRANCH:
		return emu_is_taken(e) ? relative : next;
	case JUMP:
		return relative;
	case JUMP_REGISTER:
	case JUMP_MEMORY:
		return get(e, 0, 8);
	case CALL:
		return step_call(e, relative, next);
	case CALL_MEMORY:
		return step_call(e, get(e, 0, 8), next);
	case RETURN:
		next = emu_read(e, e->gpr[NB_RSP], 8);
		e->gpr[NB_RSP] += 8;
		break;
	case INPUT:
		emu_take_input(e);
		break;
	case PLAIN:
	case COMPARE:
	case TRAP:
	case DIVIDE:
	case OUTPUT:
	case TABLE_COUNT:
		break;
	}
	return next;
}

uint64_t
emu_step(struct emulator *e)
{
	static void (*const steps[OP_CONTROL])(struct emulator * e) = {
		[OP_NOTHING] = step_nothing,
		[OP_VECTOR] = step_vector,
		[OP_MOVE] = step_move,
		[OP_MOVE_SIGNED] = step_move_signed,
		[OP_ADDRESS] = step_address,
		[OP_ADD] = step_add,
		[OP_ADC] = step_adc,
		[OP_SUB] = step_sub,
		[OP_SBB] = step_sbb,
		[OP_CMP] = step_cmp,
		[OP_AND] = step_and,
		[OP_TEST] = step_test,
		[OP_OR] = step_or,
		[OP_XOR] = step_xor,
		[OP_ANDN] = step_andn,
		[OP_NOT] = step_not,
		[OP_NEG] = step_neg,
		[OP_MUL_WIDE] = step_mul_wide,
		[OP_IMUL_WIDE] = step_imul_wide,
		[OP_IMUL] = step_imul,
		[OP_DIV] = step_div,
		[OP_IDIV] = step_div,
		[OP_SIGN] = step_sign,
		[OP_ROL] = step_rol,
		[OP_ROR] = step_ror,
		[OP_RORX] = step_rorx,
		[OP_SHL] = step_shl,
		[OP_SHR] = step_shr,
		[OP_SAR] = step_sar,
		[OP_SHLX] = step_shlx,
		[OP_SHRX] = step_shrx,
		[OP_SARX] = step_sarx,
		[OP_BT] = step_bt,
		[OP_BTC] = step_btc,
		[OP_BSF] = step_bsf,
		[OP_BSR] = step_bsr,
		[OP_POPCNT] = step_popcnt,
		[OP_TZCNT] = step_tzcnt,
		[OP_LZCNT] = step_lzcnt,
		[OP_XCHG] = step_xchg,
		[OP_XADD] = step_xadd,
		[OP_CMPXCHG] = step_cmpxchg,
		[OP_SET] = step_set,
		[OP_CMOV] = step_cmov,
	};
	uint64_t next = e->code_at + e->at + e->last->len;

	e->gpr[VALUE_REG] = e->last->value;
	e->gpr[NEXT_REG] = next;
	if (e->last->op == OP_CONTROL)
		return step_control(e, next);
	steps[e->last->op](e);
	return next;
}
