/*
 * Pieces of modules made up at random, see fuzz_structure.h.
 */
#include "tests/random.h"
#include "tests/wasm/fuzz_corpus.h"
#include "tests/wasm/fuzz_structure.h"

static bool
one_in(uint64_t *random, size_t n)
{
	return fuzz_below(random, n) == 0;
}

/* An index below `count`, seldom just behind. */
static void
put_index(struct fuzz_bytes *out, uint32_t count, uint64_t *random)
{
	fuzz_put_unsigned(out, one_in(random, 30) ? count : fuzz_below(random, count));
}

static void
make_heap_type(struct fuzz_bytes *out, const struct wasm_module *module, uint64_t *random)
{
	static const uint8_t abstract[] = { 0x70, 0x70, 0x70, 0x6f, 0x6f, 0x6f, 0x6e, 0x6d,
					    0x6c, 0x6b, 0x6a, 0x69, 0x71, 0x72, 0x73, 0x74 };

	if (one_in(random, 3))
		fuzz_put_byte(out, abstract[fuzz_below(random, one_in(random, 8) ? 16 : 6)]);
	else
		fuzz_put_signed(
			out, (int64_t)fuzz_below(random, module->type_count + one_in(random, 30)));
}

static void
make_reftype(struct fuzz_bytes *out, const struct wasm_module *module, uint64_t *random)
{
	if (one_in(random, 2)) {
		fuzz_put_byte(out, one_in(random, 2) ? 0x70 : 0x6f);
		return;
	}
	fuzz_put_byte(out, one_in(random, 2) ? 0x63 : 0x64);
	make_heap_type(out, module, random);
}

void
fuzz_make_valtype(struct fuzz_bytes *out, const struct wasm_module *module, uint64_t *random)
{
	if (one_in(random, 2))
		fuzz_put_byte(out, 0x7f - (unsigned)fuzz_below(random, 5));
	else
		make_reftype(out, module, random);
}

void
fuzz_put_opcode(struct fuzz_bytes *out, enum wasm_opcode opcode)
{
	static const uint8_t prefixes[] = { 0xfb, 0xfc, 0xfd, 0xfe };
	uint32_t count;
	uint32_t page;

	for (unsigned i = 0; i < sizeof(prefixes); i++) {
		if (!wasm_opcode_page(prefixes[i], &page, &count))
			continue;
		if (opcode >= page && opcode < page + count) {
			fuzz_put_byte(out, prefixes[i]);
			fuzz_put_unsigned(out, opcode - page);
			return;
		}
	}
	fuzz_put_byte(out, opcode);
}

static void
make_memarg(struct fuzz_bytes *out, const struct wasm_module *module, uint8_t width,
	    uint64_t *random)
{
	static const uint64_t offsets[] = { 0,	       1, 0x7f, 0x80, UINT32_MAX, UINT32_MAX + 1ull,
					    UINT64_MAX };
	unsigned align = one_in(random, 6) ? (unsigned)fuzz_below(random, 6) : width;
	bool has_memory = module->memory_count > 1 ? one_in(random, 2) : one_in(random, 8);

	fuzz_put_unsigned(out, align | (has_memory ? 0x40 : 0) | (one_in(random, 100) ? 0x80 : 0));
	if (has_memory)
		put_index(out, module->memory_count, random);
	fuzz_put_unsigned(out, offsets[fuzz_below(random, one_in(random, 6) ? 7 : 4)]);
}

static void
make_block_type(struct fuzz_bytes *out, const struct wasm_module *module, uint64_t *random)
{
	if (one_in(random, 3))
		fuzz_put_byte(out, 0x40);
	else if (one_in(random, 2))
		fuzz_make_valtype(out, module, random);
	else
		fuzz_put_signed(
			out, (int64_t)fuzz_below(random, module->type_count + one_in(random, 30)));
}

static void
make_bytes(struct fuzz_bytes *out, size_t count, size_t below, uint64_t *random)
{
	for (size_t i = 0; i < count; i++)
		fuzz_put_byte(out, (unsigned)fuzz_below(random, below));
}

static void
make_labels(struct fuzz_bytes *out, uint64_t *random)
{
	size_t count = fuzz_below(random, 4);

	fuzz_put_unsigned(out, count);
	make_bytes(out, count + 1, 4, random);
}

/* Immediates that are one or two indices. */
static bool
make_indices(struct fuzz_bytes *out, const struct wasm_module *module, enum wasm_immediate kind,
	     uint64_t *random)
{
	switch ((unsigned)kind) {
	case WASM_IMM_FUNC:
		put_index(out, module->func_count, random);
		return true;
	case WASM_IMM_GLOBAL:
		put_index(out, module->global_count, random);
		return true;
	case WASM_IMM_TABLE_TABLE:
		put_index(out, module->table_count, random);
		put_index(out, module->table_count, random);
		return true;
	case WASM_IMM_TABLE:
		put_index(out, module->table_count, random);
		return true;
	case WASM_IMM_ELEM_TABLE:
		put_index(out, module->elem_count, random);
		put_index(out, module->table_count, random);
		return true;
	case WASM_IMM_ELEM:
		put_index(out, module->elem_count, random);
		return true;
	case WASM_IMM_MEMORY_MEMORY:
		put_index(out, module->memory_count, random);
		put_index(out, module->memory_count, random);
		return true;
	case WASM_IMM_MEMORY:
		put_index(out, module->memory_count, random);
		return true;
	case WASM_IMM_DATA_MEMORY:
		put_index(out, module->data_count, random);
		put_index(out, module->memory_count, random);
		return true;
	case WASM_IMM_DATA:
		put_index(out, module->data_count, random);
		return true;
	case WASM_IMM_CALL_INDIRECT:
		put_index(out, module->type_count, random);
		put_index(out, module->table_count, random);
		return true;
	case WASM_IMM_TYPE:
		put_index(out, module->type_count, random);
		return true;
	default:
		return false;
	}
}

void
fuzz_make_immediate(struct fuzz_bytes *out, const struct wasm_module *module,
		    enum wasm_opcode opcode, uint32_t locals, uint64_t *random)
{
	const struct wasm_opcode_info *info = &wasm_opcode_info[opcode];
	enum wasm_immediate kind = (enum wasm_immediate)info->immediate;

	if (make_indices(out, module, kind, random))
		return;
	switch ((unsigned)kind) {
	case WASM_IMM_BLOCK:
		make_block_type(out, module, random);
		break;
	case WASM_IMM_LABEL:
		fuzz_put_unsigned(out, fuzz_below(random, 4));
		break;
	case WASM_IMM_BR_TABLE:
		make_labels(out, random);
		break;
	case WASM_IMM_SELECT:
		fuzz_put_unsigned(out, one_in(random, 10) ? fuzz_below(random, 3) : 1);
		fuzz_make_valtype(out, module, random);
		break;
	case WASM_IMM_LOCAL:
		put_index(out, locals, random);
		break;
	case WASM_IMM_HEAP_TYPE:
		make_heap_type(out, module, random);
		break;
	case WASM_IMM_I32:
	case WASM_IMM_I64:
		fuzz_put_signed(out, (int32_t)random_next(random) >> fuzz_below(random, 32));
		break;
	case WASM_IMM_MEMARG:
		make_memarg(out, module, info->width, random);
		break;
	case WASM_IMM_MEMARG_LANE:
		make_memarg(out, module, info->width, random);
		make_bytes(out, 1, one_in(random, 10) ? 17 : 16u >> info->width, random);
		break;
	case WASM_IMM_LANE:
		make_bytes(out, 1, one_in(random, 10) ? 17 : 16u >> info->width, random);
		break;
	case WASM_IMM_ZERO_BYTE:
		fuzz_put_byte(out, one_in(random, 10));
		break;
	case WASM_IMM_F32:
		make_bytes(out, 4, 256, random);
		break;
	case WASM_IMM_F64:
		make_bytes(out, 8, 256, random);
		break;
	case WASM_IMM_V128:
		make_bytes(out, 16, 256, random);
		break;
	case WASM_IMM_SHUFFLE:
		make_bytes(out, 16, one_in(random, 10) ? 33 : 32, random);
		break;
	default:
		break;
	}
}

/* An opcode with a row; seldom one of a feature that is left out. */
static enum wasm_opcode
pick_opcode(uint64_t *random)
{
	for (;;) {
		enum wasm_opcode opcode = (enum wasm_opcode)(
			one_in(random, 2) ? fuzz_below(random, 0x100)
					  : fuzz_below(random, WASM_OPCODE_COUNT));
		const struct wasm_opcode_info *info = &wasm_opcode_info[opcode];

		if (info->immediate <= WASM_IMM_PREFIX)
			continue;
		if (WASM_FEATURES_ALL >> info->feature & 1 || one_in(random, 50))
			return opcode;
	}
}

/* A reference and what takes one, which shows whether their types are equal. */
static void
make_reference_use(struct fuzz_bytes *out, const struct wasm_module *module, uint32_t locals,
		   uint64_t *random)
{
	static const uint16_t users[] = { WASM_OP_CALL_REF,	   WASM_OP_CALL_REF,
					  WASM_OP_RETURN_CALL_REF, WASM_OP_LOCAL_SET,
					  WASM_OP_TABLE_SET,	   WASM_OP_CALL };
	enum wasm_opcode source = one_in(random, 2) ? WASM_OP_REF_NULL : WASM_OP_REF_FUNC;
	enum wasm_opcode user = (enum wasm_opcode)users[fuzz_below(random, 6)];

	fuzz_put_opcode(out, source);
	fuzz_make_immediate(out, module, source, locals, random);
	if (one_in(random, 4))
		fuzz_put_opcode(out, WASM_OP_REF_AS_NON_NULL);
	fuzz_put_opcode(out, user);
	fuzz_make_immediate(out, module, user, locals, random);
}

void
fuzz_make_instruction(struct fuzz_bytes *out, const struct wasm_module *module, uint32_t locals,
		      uint64_t *random)
{
	/* Those that need a partner elsewhere are worth little alone, those on
	 * references are few but have the most rules. */
	static const uint16_t favourites[] = {
		WASM_OP_DROP,	     WASM_OP_REF_NULL,
		WASM_OP_REF_FUNC,    WASM_OP_REF_IS_NULL,
		WASM_OP_CALL_REF,    WASM_OP_RETURN_CALL_REF,
		WASM_OP_BR_ON_NULL,  WASM_OP_BR_ON_NON_NULL,
		WASM_OP_SELECT_T,    WASM_OP_REF_AS_NON_NULL,
		WASM_OP_LOCAL_GET,   WASM_OP_LOCAL_SET,
		WASM_OP_TABLE_GET,   WASM_OP_TABLE_SET,
		WASM_OP_RETURN_CALL, WASM_OP_MEMORY_COPY,
		WASM_OP_TABLE_COPY,  WASM_OP_TABLE_INIT,
		WASM_OP_BR_TABLE,    WASM_OP_LOCAL_TEE,
	};
	enum wasm_opcode opcode;

	if (one_in(random, 6)) {
		make_reference_use(out, module, locals, random);
		return;
	}
	if (one_in(random, 3))
		opcode = (enum wasm_opcode)
			favourites[fuzz_below(random, sizeof(favourites) / sizeof(*favourites))];
	else
		opcode = pick_opcode(random);
	fuzz_put_opcode(out, opcode);
	fuzz_make_immediate(out, module, opcode, locals, random);
}

static void
make_constant(struct fuzz_bytes *out, const struct wasm_module *module, unsigned kind,
	      uint64_t *random)
{
	static const uint16_t constants[] = {
		[WASM_KIND_I32] = WASM_OP_I32_CONST,   [WASM_KIND_I64] = WASM_OP_I64_CONST,
		[WASM_KIND_F32] = WASM_OP_F32_CONST,   [WASM_KIND_F64] = WASM_OP_F64_CONST,
		[WASM_KIND_V128] = WASM_OP_V128_CONST,
	};
	enum wasm_opcode opcode;

	if (kind == WASM_KIND_ADDRESS)
		kind = one_in(random, 2) ||
				       (module->memory_count && module->memories[0].limits.is_64)
			       ? WASM_KIND_I64
			       : WASM_KIND_I32;
	opcode = (enum wasm_opcode)constants[kind];
	fuzz_put_opcode(out, opcode);
	fuzz_make_immediate(out, module, opcode, 0, random);
}

void
fuzz_make_statement(struct fuzz_bytes *out, const struct wasm_module *module, uint32_t locals,
		    uint64_t *random)
{
	const struct wasm_opcode_info *info;
	enum wasm_opcode opcode;

	do {
		opcode = pick_opcode(random);
		info = &wasm_opcode_info[opcode];
	} while (info->operand_count == WASM_OPERANDS_SPECIAL);
	for (unsigned i = 0; i < info->operand_count; i++)
		make_constant(out, module, info->operands[i], random);
	fuzz_put_opcode(out, opcode);
	fuzz_make_immediate(out, module, opcode, locals, random);
	if (info->result != WASM_KIND_NONE)
		fuzz_put_opcode(out, WASM_OP_DROP);
}

/* ---- items of sections ---- */

static void
make_limits(struct fuzz_bytes *out, bool is_memory, uint64_t *random)
{
	static const uint64_t sizes[] = {
		0, 1, 2, 65536, 65537, UINT32_MAX, UINT32_MAX + 1ull, (UINT64_C(1) << 48) + 1
	};
	unsigned flags = (unsigned)fuzz_below(random, 2) | (one_in(random, 3) ? 4 : 0);
	size_t most = one_in(random, 4) ? sizeof(sizes) / sizeof(*sizes) : 3;

	if (is_memory && one_in(random, 4))
		flags |= one_in(random, 5) ? 2 : 3;
	if (one_in(random, 40))
		flags = (unsigned)fuzz_below(random, 17);
	fuzz_put_byte(out, flags);
	fuzz_put_unsigned(out, sizes[fuzz_below(random, most)]);
	if (flags & 1)
		fuzz_put_unsigned(out, sizes[fuzz_below(random, most)]);
}

/* A constant expression, not always constant and of any type. */
static void
make_init(struct fuzz_bytes *out, const struct wasm_module *module, uint64_t *random)
{
	static const uint16_t values[] = { WASM_OP_I32_CONST,  WASM_OP_I64_CONST, WASM_OP_F32_CONST,
					   WASM_OP_V128_CONST, WASM_OP_REF_NULL,  WASM_OP_REF_FUNC,
					   WASM_OP_GLOBAL_GET, WASM_OP_GLOBAL_GET };
	static const uint16_t arithmetic[] = { WASM_OP_I32_ADD, WASM_OP_I32_SUB, WASM_OP_I32_MUL,
					       WASM_OP_I64_ADD, WASM_OP_I64_SUB, WASM_OP_I64_MUL };
	enum wasm_opcode value = (enum wasm_opcode)values[fuzz_below(random, 8)];
	size_t operands = one_in(random, 3) ? fuzz_below(random, 4) : 1;

	for (size_t i = 0; i < operands; i++) {
		fuzz_put_opcode(out, value);
		fuzz_make_immediate(out, module, value, 0, random);
		if (i > 0)
			fuzz_put_opcode(out, (enum wasm_opcode)arithmetic[fuzz_below(random, 6)]);
	}
	if (one_in(random, 20))
		fuzz_make_instruction(out, module, 0, random);
	fuzz_put_byte(out, WASM_OP_END);
}

/* The encoding of a type of the module; an index may become that of an equal
 * type. */
static void
put_valtype(struct fuzz_bytes *out, const struct wasm_module *module, enum wasm_valtype type,
	    uint64_t *random)
{
	static const uint8_t bytes[] = {
		0x40, 0x7f, 0x7e, 0x7d, 0x7c, 0x7b, 0x70, 0x6f, 0x70, 0x6f
	};
	uint32_t idx = (uint32_t)fuzz_below(random, module->type_count);

	if (wasm_valtype_is_ref(type))
		fuzz_put_byte(out, wasm_valtype_is_nullable(type) ? 0x63 : 0x64);
	if (!wasm_valtype_is_typed(type)) {
		fuzz_put_byte(out, bytes[wasm_valtype_kind(type)]);
		return;
	}
	while (module->types[idx].canonical_idx != wasm_valtype_type_idx(type))
		idx = (idx + 1) % module->type_count;
	fuzz_put_signed(out, idx);
}

/* A type that is equal to one of the module, or nearly. */
static void
copy_type(struct fuzz_bytes *out, const struct wasm_module *module, uint64_t *random)
{
	const struct wasm_functype *type = &module->types[fuzz_below(random, module->type_count)];

	fuzz_put_byte(out, 0x60);
	fuzz_put_unsigned(out, type->param_count);
	for (uint32_t i = 0; i < type->param_count; i++) {
		if (one_in(random, 12))
			fuzz_make_valtype(out, module, random);
		else
			put_valtype(out, module, type->params[i], random);
	}
	fuzz_put_unsigned(out, type->result_count);
	for (uint32_t i = 0; i < type->result_count; i++)
		put_valtype(out, module, type->results[i], random);
}

static void
make_type(struct fuzz_bytes *out, const struct wasm_module *module, uint64_t *random)
{
	if (module->type_count > 0 && one_in(random, 2)) {
		copy_type(out, module, random);
		return;
	}
	fuzz_put_byte(out, one_in(random, 40) ? 0x5f - (unsigned)fuzz_below(random, 20) : 0x60);
	for (unsigned list = 0; list < 2; list++) {
		size_t count = fuzz_below(random, 4);

		fuzz_put_unsigned(out, count);
		for (; count > 0; count--)
			fuzz_make_valtype(out, module, random);
	}
}

static void
make_table(struct fuzz_bytes *out, const struct wasm_module *module, uint64_t *random)
{
	bool has_init = one_in(random, 2);

	if (has_init)
		fuzz_put(out, "\x40\x00", 2);
	make_reftype(out, module, random);
	make_limits(out, false, random);
	if (has_init)
		make_init(out, module, random);
}

static void
make_elem(struct fuzz_bytes *out, const struct wasm_module *module, uint64_t *random)
{
	unsigned flags = (unsigned)fuzz_below(random, one_in(random, 40) ? 9 : 8);
	size_t count = fuzz_below(random, 3);

	fuzz_put_unsigned(out, flags);
	if (!(flags & 1)) {
		if (flags & 2)
			put_index(out, module->table_count, random);
		make_init(out, module, random);
	}
	if (flags & 3) {
		if (flags & 4)
			make_reftype(out, module, random);
		else
			fuzz_put_byte(out, one_in(random, 20));
	}
	fuzz_put_unsigned(out, count);
	for (; count > 0; count--) {
		if (flags & 4)
			make_init(out, module, random);
		else
			put_index(out, module->func_count, random);
	}
}

static void
make_data(struct fuzz_bytes *out, const struct wasm_module *module, uint64_t *random)
{
	unsigned flags = (unsigned)fuzz_below(random, one_in(random, 40) ? 4 : 3);

	fuzz_put_unsigned(out, flags);
	if (flags == 2)
		put_index(out, module->memory_count, random);
	if (flags != 1)
		make_init(out, module, random);
	fuzz_put(out, "\x02hi", 3);
}

static void
make_extern(struct fuzz_bytes *out, const struct wasm_module *module, bool is_export,
	    uint64_t *random)
{
	const uint32_t counts[] = { module->func_count, module->table_count, module->memory_count,
				    module->global_count, 1 };
	unsigned kind = (unsigned)fuzz_below(random, one_in(random, 20) ? 5 : 4);

	fuzz_put_byte(out, 1);
	fuzz_put_byte(out, 'a' + (unsigned)fuzz_below(random, 26));
	if (is_export) {
		fuzz_put_byte(out, kind);
		put_index(out, counts[kind], random);
		return;
	}
	fuzz_put(out, "\x01x", 2);
	fuzz_put_byte(out, kind);
	if (kind == WASM_EXTERN_FUNC) {
		put_index(out, module->type_count, random);
	} else if (kind == WASM_EXTERN_TABLE) {
		make_reftype(out, module, random);
		make_limits(out, false, random);
	} else if (kind == WASM_EXTERN_MEMORY) {
		make_limits(out, true, random);
	} else {
		fuzz_make_valtype(out, module, random);
		fuzz_put_byte(out, one_in(random, 2));
	}
}

/* A body that is valid whatever it returns, if its instructions are. */
static void
make_body(struct fuzz_bytes *out, const struct wasm_module *module, uint64_t *random)
{
	struct fuzz_bytes body = { 0 };
	uint32_t locals = (uint32_t)fuzz_below(random, 4);

	fuzz_put_unsigned(&body, locals);
	for (uint32_t i = 0; i < locals; i++) {
		fuzz_put_byte(&body, 1);
		fuzz_make_valtype(&body, module, random);
	}
	for (size_t i = fuzz_below(random, 3); i > 0; i--)
		fuzz_make_statement(&body, module, locals, random);
	fuzz_put_byte(&body, WASM_OP_UNREACHABLE);
	for (size_t i = fuzz_below(random, 4); i > 0; i--)
		fuzz_make_instruction(&body, module, locals, random);
	fuzz_put_byte(&body, WASM_OP_UNREACHABLE);
	fuzz_put_byte(&body, WASM_OP_END);
	fuzz_put_unsigned(out, body.len);
	fuzz_put(out, body.items, body.len);
	free(body.items);
}

bool
fuzz_make_item(struct fuzz_bytes *out, const struct wasm_module *module, unsigned number,
	       uint64_t *random)
{
	switch (number) {
	case 1:
		make_type(out, module, random);
		return true;
	case 2:
		make_extern(out, module, false, random);
		return true;
	case 3:
		put_index(out, module->type_count, random);
		return true;
	case 10:
		make_body(out, module, random);
		return true;
	case 4:
		make_table(out, module, random);
		return true;
	case 5:
		make_limits(out, true, random);
		return true;
	case 6:
		fuzz_make_valtype(out, module, random);
		fuzz_put_byte(out, one_in(random, 40) ? 2 : one_in(random, 3));
		make_init(out, module, random);
		return true;
	case 7:
		make_extern(out, module, true, random);
		return true;
	case 9:
		make_elem(out, module, random);
		return true;
	case 11:
		make_data(out, module, random);
		return true;
	default:
		return false;
	}
}
