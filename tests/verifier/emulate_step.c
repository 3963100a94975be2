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

static void
put_register(struct emulator *e, uint32_t reg, uint64_t value, uint32_t size)
{
	uint64_t mask = mask_of(size);

	if (size >= 4)
		e->gpr[reg] = value & mask;
	else
		e->gpr[reg] = (e->gpr[reg] & ~mask) | (value & mask);
}

static uint64_t
address(const struct emulator *e)
{
	const struct place *p = e->last;
	uint64_t at = (uint64_t)(int64_t)p->displacement;

	if (p->base == RIP_REG)
		at += CODE_AT + e->function->code_offset + e->at + p->len;
	else if (p->base != NO_REG)
		at += e->gpr[p->base];
	if (p->index != NO_REG)
		at += e->gpr[p->index] << p->shift;
	return at;
}

static uint64_t
get(struct emulator *e, uint32_t number, uint32_t size)
{
	const struct place *p = e->last;

	switch ((enum operand)p->operands[number]) {
	case OPERAND_REG:
		return e->gpr[p->regs[number]] & mask_of(size);
	case OPERAND_MEMORY:
		return emu_read(e, address(e), p->memory_size);
	case OPERAND_VALUE:
		return p->value & mask_of(p->size);
	case OPERAND_NONE:
		break;
	}
	return 0;
}

static void
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

/* Of two values; their result. */
static uint64_t
arithmetic(struct emulator *e, enum op op, uint64_t a, uint64_t b, uint32_t size)
{
	switch ((int)op) {
	case OP_ADD:
		return add(e, a, b, false, size);
	case OP_ADC:
		return add(e, a, b, e->carry, size);
	case OP_SUB:
	case OP_CMP:
		return subtract(e, a, b, false, size);
	case OP_SBB:
		return subtract(e, a, b, e->carry, size);
	case OP_AND:
	case OP_TEST:
		return logic(e, a & b, size);
	case OP_OR:
		return logic(e, a | b, size);
	default:
		return logic(e, a ^ b, size);
	}
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
step_exchange(struct emulator *e)
{
	const struct place *p = e->last;
	uint64_t a = get(e, 0, p->size), b = get(e, 1, p->size), old;

	switch ((int)p->op) {
	case OP_XCHG:
		put(e, b);
		put_register(e, p->regs[1], a, p->size);
		break;
	case OP_XADD:
		put(e, add(e, a, b, false, p->size));
		put_register(e, p->regs[1], a, p->size);
		break;
	default:
		old = e->gpr[NB_RAX] & mask_of(p->size);
		(void)subtract(e, old, a, false, p->size);
		put(e, old == a ? b : a);
		if (old != a)
			put_register(e, NB_RAX, a, p->size);
		break;
	}
}

/* Of the first two operands, into the first if it is written. */
static void
step_pair(struct emulator *e)
{
	const struct place *p = e->last;
	enum op op = (enum op)p->op;
	uint32_t size = p->size;
	uint64_t a = get(e, 0, size), b = get(e, 1, size), r;
	uint32_t count = (uint32_t)b & (8 * size - 1);

	switch ((int)op) {
	case OP_ROL:
	case OP_ROR:
		r = rotate(e, op == OP_ROL, a, count, size);
		break;
	case OP_SHL:
	case OP_SHR:
	case OP_SAR:
		r = shift(e, op, a, count, size);
		break;
	case OP_BT:
	case OP_BTC:
		e->carry = a >> count & 1;
		r = a ^ 1ull << count;
		break;
	case OP_NOT:
		r = ~a;
		break;
	case OP_NEG:
		r = subtract(e, 0, a, false, size);
		break;
	default:
		r = arithmetic(e, op, a, b, size);
		break;
	}
	if (op != OP_CMP && op != OP_TEST && op != OP_BT && e->event == EVENT_NONE)
		put(e, r);
}

/* Of the other operands, into the first. */
static void
step_triple(struct emulator *e)
{
	const struct place *p = e->last;
	uint32_t size = p->size;
	uint64_t a = get(e, 1, size), b = get(e, 2, size), r;

	switch ((int)p->op) {
	case OP_IMUL:
		r = multiply(e, a, b, size);
		break;
	case OP_ANDN:
		r = logic(e, ~a & b & mask_of(size), size);
		break;
	default:
		r = plain_shift((enum op)p->op, a, (uint32_t)b & (8 * size - 1), size);
		break;
	}
	put(e, r);
}

static void
step_one(struct emulator *e)
{
	const struct place *p = e->last;
	uint64_t value;

	switch ((int)p->op) {
	case OP_MOVE:
		put(e, get(e, 1, p->source_size));
		break;
	case OP_MOVE_SIGNED:
		put(e, (uint64_t)extend(get(e, 1, p->source_size), p->source_size));
		break;
	case OP_ADDRESS:
		put(e, address(e));
		break;
	case OP_SET:
		put(e, emu_condition(e, p->condition));
		break;
	case OP_CMOV:
		value = get(e, 1, p->size);
		put(e, emu_condition(e, p->condition) ? value : get(e, 0, p->size));
		break;
	case OP_SIGN:
		value = (uint64_t)(extend(e->gpr[NB_RAX], p->size) >> 63);
		put_register(e, NB_RDX, value, p->size);
		break;
	case OP_MUL_WIDE:
	case OP_IMUL_WIDE:
		multiply_wide(e, get(e, 1, p->size), p->op == OP_IMUL_WIDE, p->size);
		break;
	case OP_DIV:
	case OP_IDIV:
		value = get(e, 1, p->size);
		if (e->event == EVENT_NONE)
			divide(e, value, p->op == OP_IDIV, p->size);
		break;
	case OP_BSF:
	case OP_BSR:
	case OP_POPCNT:
	case OP_TZCNT:
	case OP_LZCNT:
		scan_bits(e, (enum op)p->op, get(e, 1, p->size));
		break;
	case OP_XCHG:
	case OP_XADD:
	case OP_CMPXCHG:
		step_exchange(e);
		break;
	case OP_IMUL:
	case OP_ANDN:
	case OP_RORX:
	case OP_SHLX:
	case OP_SHRX:
	case OP_SARX:
		step_triple(e);
		break;
	default:
		step_pair(e);
		break;
	}
}

static void
step_call(struct emulator *e, uint64_t target, uint64_t *out)
{
	emu_write(e, e->gpr[NB_RSP] - 8, *out, 8);
	e->gpr[NB_RSP] -= 8;
	*out = target;
}

static void
step_control(struct emulator *e, uint64_t *out)
{
	const struct place *p = e->last;
	uint64_t relative = *out + (uint64_t)(int64_t)p->target;

	switch ((enum kind)p->kind) {
	case BRANCH:
		if (emu_is_taken(e))
			*out = relative;
		break;
	case JUMP:
		*out = relative;
		break;
	case JUMP_REGISTER:
	case JUMP_MEMORY:
		*out = get(e, 0, 8);
		break;
	case CALL:
		step_call(e, relative, out);
		break;
	case CALL_MEMORY:
		step_call(e, get(e, 0, 8), out);
		break;
	case RETURN:
		*out = emu_read(e, e->gpr[NB_RSP], 8);
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
		break;
	}
}

void
emu_step(struct emulator *e, uint64_t *out)
{
	*out = CODE_AT + e->function->code_offset + e->at + e->last->len;
	if (e->last->op == OP_CONTROL)
		step_control(e, out);
	else if (e->last->op == OP_VECTOR)
		step_vector(e);
	else if (e->last->op != OP_NOTHING)
		step_one(e);
}
