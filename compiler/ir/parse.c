/*
 * IR from text. One pass, line by line; a name that is used before it is
 * defined gets its instruction or block at once and its meaning later.
 */
#include "compiler/ir/parse.h"

#include "abi/code_contract.h"
#include "abi/trap.h"
#include "compiler/ir/edit.h"
#include "lib/string.h"

enum {
	MAX_NAMES = 1 << 20, /* numbers of values and blocks are below this */
	MAX_ITEMS = 1 << 16, /* arguments, edges, cases of one instruction */
};

/* What numbers stand for; 0: not mentioned yet. */
struct names {
	uint32_t *items;
	uint32_t count; /* room, which grows */
};

struct parser {
	struct ir_function *fn;
	struct arena *scratch;
	struct diag *diag;
	const char *start, *pos, *end;
	struct names values; /* instructions */
	struct names blocks; /* block + 1 */
	uint32_t *items;     /* of the list or switch being read */
	uint32_t block;	     /* being filled, IR_NONE before the first one */
	bool failed;
};

static bool
bad(struct parser *p, const char *what)
{
	if (!p->failed)
		(void)diag_report(p->diag, NB_MALFORMED, (uint64_t)(p->pos - p->start),
				  "expected %s", what);
	p->failed = true;
	return false;
}

static void
skip_space(struct parser *p)
{
	while (p->pos < p->end && (*p->pos == ' ' || *p->pos == '\t'))
		p->pos++;
}

static char
peek(struct parser *p)
{
	skip_space(p);
	return p->pos < p->end ? *p->pos : '\n';
}

/* Takes `c` if it comes next. */
static bool
accept(struct parser *p, char c)
{
	if (p->failed || peek(p) != c || p->pos == p->end)
		return false;
	p->pos++;
	return true;
}

static bool
expect(struct parser *p, char c)
{
	char text[2] = { c, 0 };

	return accept(p, c) || bad(p, text);
}

static bool
is_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_' || c == '.';
}

/* The word that comes next, of length 0 if none does. */
static size_t
word(struct parser *p, const char **out)
{
	skip_space(p);
	*out = p->pos;
	while (p->pos < p->end && is_word(*p->pos))
		p->pos++;
	return (size_t)(p->pos - *out);
}

static bool
word_is(const char *text, size_t len, const char *name)
{
	return strlen(name) == len && memcmp(text, name, len) == 0;
}

static int
digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return 99;
}

/* A number, decimal with an optional sign or hexadecimal with 0x. */
static uint64_t
number(struct parser *p)
{
	bool is_negative = accept(p, '-');
	uint64_t value = 0;
	int base = 10;
	const char *first;

	skip_space(p);
	if (p->end - p->pos > 2 && p->pos[0] == '0' && p->pos[1] == 'x') {
		base = 16;
		p->pos += 2;
	}
	first = p->pos;
	while (p->pos < p->end && digit(*p->pos) < base)
		value = value * (uint64_t)base + (uint64_t)digit(*p->pos++);
	if (first == p->pos)
		bad(p, "a number");
	return is_negative ? -value : value;
}

/* `name=number`; the number, or 0 if something else comes next. */
static uint32_t
option(struct parser *p, const char *name)
{
	const char *before = p->pos;
	const char *text;
	size_t len = word(p, &text);

	if (word_is(text, len, name) && accept(p, '='))
		return (uint32_t)number(p);
	p->pos = before;
	return 0;
}

/* A number behind the letter `letter`, below MAX_NAMES. */
static uint32_t
name(struct parser *p, char letter)
{
	uint64_t value;

	if (!expect(p, letter))
		return 0;
	value = number(p);
	if (value < MAX_NAMES)
		return (uint32_t)value;
	bad(p, "a smaller number");
	return 0;
}

/* The place for what `number_of` stands for, valid until the next call; NULL without memory. */
static uint32_t *
place_of(struct parser *p, struct names *names, uint32_t number_of)
{
	uint32_t count = names->count ? names->count : 64;

	while (count <= number_of)
		count *= 2;
	if (count != names->count) {
		uint32_t *items = arena_grow_array(p->scratch, names->items, names->count, count,
						   sizeof *items, _Alignof(uint32_t));

		if (!items) {
			p->fn->status = NB_OUT_OF_MEMORY;
			p->failed = true;
			return NULL;
		}
		names->items = items;
		names->count = count;
	}
	return &names->items[number_of];
}

static uint32_t
named_value(struct parser *p, uint32_t number_of)
{
	uint32_t *place = place_of(p, &p->values, number_of);

	if (place && *place == 0)
		*place = ir_new_inst(p->fn, IR_GONE, IR_VOID);
	return place ? *place : 0;
}

static uint32_t
block_name(struct parser *p)
{
	uint32_t number_of = name(p, 'b'), *place;

	if (number_of == 0)
		return 0;
	place = place_of(p, &p->blocks, number_of);
	if (place && *place == 0)
		*place = ir_new_block(p->fn) + 1;
	return place ? *place - 1 : 0;
}

static enum ir_type
type_name(struct parser *p)
{
	const char *text;
	size_t len = word(p, &text);

	for (uint32_t i = IR_I32; i < IR_TYPE_COUNT; i++)
		if (word_is(text, len, ir_type_text(i)))
			return (enum ir_type)i;
	bad(p, "a type");
	return IR_I32;
}

/* 0x and 32 digits. */
static uint32_t
vector(struct parser *p)
{
	struct ir_v128 bits;
	const char *text;
	size_t len = word(p, &text);

	for (uint32_t i = 0; i < 16; i++) {
		int high = len == 34 ? digit(text[2 + 2 * i]) : 99;
		int low = len == 34 ? digit(text[3 + 2 * i]) : 99;

		if (high > 15 || low > 15) {
			bad(p, "32 hexadecimal digits");
			return 0;
		}
		bits.bytes[15 - i] = (uint8_t)(high << 4 | low);
	}
	return ir_const_v128(p->fn, &bits);
}

/* "[0, 1, …]": the pattern of a shuffle. */
static uint64_t
pattern(struct parser *p)
{
	struct ir_v128 bits;

	expect(p, '[');
	for (uint32_t i = 0; i < 16; i++) {
		if (i)
			expect(p, ',');
		bits.bytes[i] = (uint8_t)number(p);
	}
	expect(p, ']');
	return p->fn->insts[ir_const_v128(p->fn, &bits)].imm;
}

/* vN or TYPE:BITS. */
static uint32_t
value(struct parser *p)
{
	enum ir_type type;

	if (peek(p) == 'v' && p->end - p->pos > 4 && memcmp(p->pos, "v128:", 5) != 0)
		return named_value(p, name(p, 'v'));
	type = type_name(p);
	expect(p, ':');
	if (type == IR_V128)
		return vector(p);
	return ir_const(p->fn, type, number(p));
}

/* "(v1, v2, …)" into a list of the function; *count values. */
static uint32_t
value_list(struct parser *p, uint32_t *count)
{
	uint32_t list;

	*count = 0;
	if (!expect(p, '('))
		return 0;
	while (!p->failed && !accept(p, ')')) {
		if (*count == MAX_ITEMS)
			bad(p, "fewer values");
		else
			p->items[(*count)++] = value(p);
		if (peek(p) != ')')
			expect(p, ',');
	}
	list = ir_new_list(p->fn, *count);
	if (p->fn->status != NB_OK)
		return 0;
	memcpy(p->fn->lists + list, p->items, *count * sizeof(*p->items));
	return list;
}

/* "b1 (args), b2, …": new edges of the present block; nothing else makes edges
 * meanwhile, so they are adjacent. */
static uint32_t
edge_list(struct parser *p, uint32_t *count)
{
	uint32_t first = p->fn->edge_count;

	*count = 0;
	do {
		uint32_t edge = ir_new_edges(p->fn, p->block, 1);
		uint32_t to = block_name(p);
		uint32_t arg_count = 0;
		uint32_t args = peek(p) == '(' ? value_list(p, &arg_count) : 0;

		if (p->failed || p->fn->status != NB_OK)
			return first;
		ir_edge_connect(p->fn, edge, to);
		p->fn->edges[edge].first_arg = args;
		p->fn->edges[edge].arg_count = arg_count;
		++*count;
	} while (accept(p, ','));
	return first;
}

/* "[0, 1, …]": imm of a switch. */
static uint64_t
case_list(struct parser *p)
{
	uint32_t count = 0;
	uint32_t list;

	expect(p, '[');
	while (!p->failed && !accept(p, ']')) {
		if (count == MAX_ITEMS)
			bad(p, "fewer cases");
		else
			p->items[count++] = (uint32_t)number(p);
		if (peek(p) != ']')
			expect(p, ',');
	}
	list = ir_new_list(p->fn, count);
	if (p->fn->status != NB_OK)
		return 0;
	memcpy(p->fn->lists + list, p->items, count * sizeof(*p->items));
	return count | (uint64_t)list << 32;
}

static uint64_t
trap_number(struct parser *p)
{
	const char *text;
	size_t len = word(p, &text);

#define NB_TRAP(name, number, about)   \
	if (word_is(text, len, #name)) \
		return number;
#include "abi/trap.def"
#undef NB_TRAP
	return bad(p, "a trap");
}

static uint64_t
builtin_number(struct parser *p)
{
	const char *text;
	size_t len = word(p, &text);

#define NB_BUILTIN(name, ...)          \
	if (word_is(text, len, #name)) \
		return NB_BUILTIN_##name;
#include "abi/builtin.def"
#undef NB_BUILTIN
	return bad(p, "a builtin");
}

/* imm of loads, stores and atomics. */
static uint64_t
access_imm(struct parser *p, uint32_t op)
{
	uint64_t memory = option(p, "memory");
	uint64_t imm = option(p, "offset") | memory << 32;
	uint64_t bytes, operation = 0;

	if (!ir_op_is_atomic(op))
		return imm;
	bytes = option(p, "bytes");
	if (op == IR_ATOMIC_RMW)
		operation = option(p, "operation");
	if (bytes == 0 || bytes > 8 || operation >= IR_ATOMIC_COUNT)
		return bad(p, "an atomic access");
	return imm | operation << IR_ACCESS_OPERATION_SHIFT |
	       (uint64_t)__builtin_ctzll(bytes) << IR_ACCESS_WIDTH_SHIFT;
}

/* imm of accesses to ports. */
static uint64_t
port_imm(struct parser *p)
{
	uint64_t bytes = option(p, "bytes"), port = option(p, "port");

	if ((bytes != 1 && bytes != 2 && bytes != 4) || port > UINT16_MAX)
		return bad(p, "an access to a port");
	return (uint64_t)__builtin_ctzll(bytes) | port << 8;
}

/* A slot of the frame, which becomes as large as it must be. */
static uint64_t
frame_slot(struct parser *p)
{
	uint64_t slot = number(p);

	if (slot > UINT16_MAX)
		return bad(p, "a slot");
	if (p->fn->frame_slots < slot + 2)
		p->fn->frame_slots = (uint32_t)slot + 2;
	return slot;
}

/* What stands between the operation, whose name says `imm`, and its arguments. */
static uint64_t
read_imm(struct parser *p, uint32_t op, uint64_t imm)
{
	uint64_t type;

	switch (op) {
	case IR_MEMORY_SIZE:
	case IR_GLOBAL_GET:
	case IR_GLOBAL_SET:
	case IR_TABLE_SIZE:
	case IR_REF_FUNC:
	case IR_CALL:
	case IR_CALL_IMPORT:
	case IR_RETURN_CALL:
	case IR_RETURN_CALL_IMPORT:
	case IR_RESULT:
		return number(p);
	case IR_FRAME_GET:
	case IR_FRAME_SET:
		return frame_slot(p);
	case IR_CALL_REF:
	case IR_RETURN_CALL_REF:
		return option(p, "type");
	case IR_CALL_INDIRECT:
	case IR_RETURN_CALL_INDIRECT:
		type = option(p, "type");
		return type | (uint64_t)option(p, "table") << 32;
	case IR_CALL_BUILTIN:
		return builtin_number(p);
	case IR_PORT_READ:
	case IR_PORT_WRITE:
	case IR_PORT_READ_ANY:
	case IR_PORT_WRITE_ANY:
		return port_imm(p);
	case IR_TRAP:
	case IR_TRAP_IF:
		return trap_number(p);
	case IR_EXTRACT:
	case IR_REPLACE:
		return imm | number(p) << 16;
	case IR_VECTOR1:
	case IR_VECTOR2:
	case IR_VECTOR3:
	case IR_VSHIFT:
	case IR_VTEST:
	case IR_SPLAT:
		return imm;
	case IR_SHUFFLE:
		return pattern(p);
	default:
		return access_imm(p, op);
	}
}

/* The operation; *imm names it more closely, if it is one on vectors. */
static uint32_t
op_name(struct parser *p, uint64_t *imm)
{
	const char *text;
	size_t len = word(p, &text);

	*imm = 0;
	for (uint32_t i = 1; i < IR_VECTOR_COUNT; i++) {
		*imm = i;
		if (word_is(text, len, ir_vector_infos[i].text))
			return ir_vector_infos[i].op;
	}

	for (uint32_t i = 0; i < IR_OP_COUNT; i++)
		if (word_is(text, len, ir_op_info(i)->text) && !(ir_op_info(i)->flags & IR_OP_FREE))
			return i;
	bad(p, "an operation");
	return IR_TRAP;
}

/* "!no_trap" and such, "@12", up to the end of the line. */
static void
read_suffixes(struct parser *p, struct ir_inst *inst)
{
	const char *text;
	size_t len;

	while (accept(p, '!')) {
		len = word(p, &text);
		if (word_is(text, len, "no_trap"))
			inst->flags |= IR_NO_TRAP;
		else if (word_is(text, len, "likely"))
			inst->flags |= IR_LIKELY;
		else if (word_is(text, len, "unlikely"))
			inst->flags |= IR_UNLIKELY;
		else
			bad(p, "a property");
	}
	if (accept(p, '@'))
		inst->wasm_offset = (uint32_t)number(p) & IR_OFFSET_MASK;
}

static void
read_inst(struct parser *p)
{
	struct ir_inst inst = {
		.args = { IR_NONE, IR_NONE, IR_NONE },
		.block = IR_NONE,
		.prev = IR_NONE,
		.next = IR_NONE,
	};
	const struct ir_op_info *info;
	uint32_t index = 0;
	uint64_t imm;

	if (peek(p) == 'v' && p->end - p->pos > 1 && digit(p->pos[1]) < 10 &&
	    (p->end - p->pos < 4 || memcmp(p->pos, "v128", 4) != 0)) {
		index = named_value(p, name(p, 'v'));
		expect(p, ':');
		inst.type = (uint8_t)type_name(p);
		expect(p, '=');
		if (!p->failed && p->fn->insts[index].op != IR_GONE)
			bad(p, "one definition only");
	}
	inst.op = (uint8_t)op_name(p, &imm);
	info = ir_op_info(inst.op);
	inst.imm = read_imm(p, inst.op, imm);
	for (uint32_t i = 0; i < info->arg_count && !p->failed; i++) {
		if (i > 0)
			expect(p, ',');
		inst.args[i] = value(p);
	}
	if (info->flags & IR_OP_LIST)
		inst.args[1] = value_list(p, &inst.args[2]);
	if (info->flags & IR_OP_EDGES) {
		if (info->arg_count)
			expect(p, ',');
		inst.args[1] = edge_list(p, &inst.args[2]);
	}
	if (inst.op == IR_SWITCH)
		inst.imm = case_list(p);
	read_suffixes(p, &inst);
	if (index == 0)
		index = ir_new_inst(p->fn, IR_GONE, IR_VOID);
	if (p->failed || p->fn->status != NB_OK)
		return;
	p->fn->insts[index] = inst;
	ir_append(p->fn, p->block, index);
}

/* "b1 (v2: i32, …): !property …" */
static void
read_block(struct parser *p)
{
	uint32_t count = 0;
	uint32_t list;

	p->block = block_name(p);
	if (accept(p, '(')) {
		do {
			uint32_t param = named_value(p, name(p, 'v'));

			expect(p, ':');
			if (p->failed || count == MAX_ITEMS)
				return;
			p->fn->insts[param].op = IR_PARAM;
			p->fn->insts[param].type = (uint8_t)type_name(p);
			p->fn->insts[param].block = p->block;
			p->fn->insts[param].imm = count;
			p->items[count++] = param;
		} while (accept(p, ','));
		expect(p, ')');
	}
	expect(p, ':');
	while (p->pos < p->end && *p->pos != '\n')
		p->pos++;
	list = ir_new_list(p->fn, count);
	if (p->failed || p->fn->status != NB_OK)
		return;
	memcpy(p->fn->lists + list, p->items, count * sizeof(*p->items));
	p->fn->blocks[p->block].first_param = list;
	p->fn->blocks[p->block].param_count = count;
}

static bool
is_block_ended(const struct parser *p)
{
	uint32_t last = p->fn->blocks[p->block].last_inst;

	return last != IR_NONE && ir_op_info(p->fn->insts[last].op)->flags & IR_OP_END;
}

static void
read_line(struct parser *p)
{
	char first = peek(p);

	if (first == 'b' && p->end - p->pos > 1 && digit(p->pos[1]) < 10) {
		read_block(p);
	} else if (first != '\n') {
		if (p->block == IR_NONE || is_block_ended(p))
			bad(p, "a block");
		else
			read_inst(p);
	}
	if (!p->failed && peek(p) != '\n')
		bad(p, "the end of the line");
	if (p->pos < p->end)
		p->pos++;
}

static void
read_function(struct parser *p)
{
	const char *text;
	size_t len = word(p, &text);

	if (!word_is(text, len, "function"))
		bad(p, "function");
	p->fn->func_idx = (uint32_t)number(p);
	expect(p, '{');
	while (!p->failed && p->fn->status == NB_OK && peek(p) != '}') {
		if (p->pos == p->end)
			bad(p, "}");
		else
			read_line(p);
	}
}

enum nb_status
ir_parse(struct ir_function *fn, const char *text, size_t len, struct arena *scratch,
	 struct diag *diag)
{
	struct arena_mark mark = arena_mark_get(scratch);
	struct parser p = {
		.fn = fn,
		.diag = diag,
		.start = text,
		.pos = text,
		.end = text + len,
		.scratch = scratch,
		.items = arena_new_array(scratch, uint32_t, MAX_ITEMS),
		.block = IR_NONE,
	};
	enum nb_status status = NB_OUT_OF_MEMORY;

	if (p.items)
		status = ir_function_init(fn, 64);
	if (status == NB_OK) {
		read_function(&p);
		status = p.failed && fn->status == NB_OK ? NB_MALFORMED : fn->status;
	}
	arena_release(scratch, mark);
	return status;
}
