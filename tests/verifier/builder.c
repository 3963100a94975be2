/*
 * Code by hand, see builder.h.
 */
#include "tests/verifier/builder.h"

enum { ENTRY_ALIGN = 32, POOL_ALIGN = 16, PADDING = 0xcc };

static const uint16_t function_areas[] = { BUILDER_AREA, 0, 2, BUILDER_LARGE };
static const uint16_t import_areas[] = { 0, 2, BUILDER_LARGE };
static const uint16_t type_areas[] = { 0, 2, BUILDER_LARGE };
static const uint8_t globals[] = { VERIFIER_GLOBAL_CONSTANT, VERIFIER_GLOBAL_VARIABLE,
				   VERIFIER_GLOBAL_CELL };
static const uint8_t tables[] = { NB_TABLE_FUNCTIONS, NB_TABLE_EXTERNS };
static const struct nb_port_range ports[] = {
	{ BUILDER_PORT_LOW, 1, NB_PORT_READ | NB_PORT_WRITE, 1 },
	{ 0x70, 2, NB_PORT_READ, 2 },
	{ BUILDER_PORT, 1, NB_PORT_READ | NB_PORT_WRITE, 3 },
	{ 0x3f8, 8, NB_PORT_READ | NB_PORT_WRITE, 4 },
	{ 0x400, 4, NB_PORT_WRITE, 5 },
};
static const struct nb_vmctx_counts counts = {
	.globals = 3, .tables = 2, .memories = 2, .imports = 3, .types = 3
};

void
builder_init(struct builder *b)
{
	memset(b, 0, sizeof(*b));
	host_arena_init(&b->host, SIZE_MAX);
	b->code.arena = &b->host.arena;
	if (!nb_vmctx_layout_compute(&counts, &b->layout))
		abort();
}

void
builder_release(struct builder *b)
{
	arena_reset(&b->host.arena);
}

struct verifier_facts
builder_facts(const struct builder *b)
{
	return (struct verifier_facts){
		.counts = counts,
		.layout = b->layout,
		.cpu_features = NB_CPU_AVX | NB_CPU_BMI1,
		.function_count = BUILDER_FUNCTIONS,
		.function_areas = function_areas,
		.import_areas = import_areas,
		.type_areas = type_areas,
		.globals = globals,
		.tables = tables,
		.ports = ports,
		.port_count = sizeof(ports) / sizeof(*ports),
	};
}

static uint32_t
round_up(uint32_t at, uint32_t to)
{
	return (at + to - 1) & ~(to - 1);
}

void
builder_finish(struct builder *b)
{
	uint32_t at = b->code.len;

	if (b->code.status != NB_OK)
		abort();
	memset(b->bytes, PADDING, sizeof(b->bytes));
	memcpy(b->bytes, b->code.bytes, b->code.len);
	if (b->pool_size) {
		at = round_up(at, POOL_ALIGN);
		memcpy(b->bytes + at, b->pool, b->pool_size);
		at += b->pool_size;
	}
	b->functions[0] = (struct nb_code_function){ .code_size = b->code.len,
						     .pool_size = b->pool_size,
						     .frame_size = b->frame };
	for (uint32_t i = 1; i < BUILDER_FUNCTIONS; i++) {
		at = round_up(at, ENTRY_ALIGN);
		b->functions[i] = (struct nb_code_function){ .code_offset = at,
							     .code_size = 1,
							     .first_site = b->site_count,
							     .first_claim = b->claim_count };
		b->bytes[at++] = 0xc3;
	}
	for (uint32_t i = 0; i < b->fixup_count; i++) {
		uint32_t field = b->fixups[i].field;
		uint32_t distance = b->functions[b->fixups[i].callee].code_offset - (field + 4);

		memcpy(b->bytes + field, &distance, sizeof(distance));
	}
	b->image = (struct nb_code_image){
		.code = b->bytes,
		.code_size = round_up(at, ENTRY_ALIGN),
		.functions = b->functions,
		.function_count = BUILDER_FUNCTIONS,
		.sites = b->sites,
		.site_count = b->site_count,
		.claims = b->claims,
		.claim_count = b->claim_count,
		.cpu_features = b->cpu_features,
	};
}

bool
verify_image(const struct nb_code_image *image, const struct verifier_facts *facts,
	     struct verifier_finding *finding)
{
	size_t size = verifier_scratch_bytes(image), marks_size = verifier_marks_bytes(image);
	void *scratch = aligned_alloc(VERIFIER_SCRATCH_ALIGN, (size + 15) & ~(size_t)15);
	void *marks = aligned_alloc(VERIFIER_SCRATCH_ALIGN, (marks_size + 31) & ~(size_t)15);
	bool is_good = verifier_begin(image, facts, scratch, finding);

	for (uint32_t i = 0; is_good && i < image->function_count; i++)
		is_good = verifier_function(image, facts, i, scratch, marks, finding);
	free(scratch);
	free(marks);
	return is_good;
}

enum verifier_rule
builder_verify(const struct builder *b, struct verifier_finding *finding)
{
	struct verifier_facts facts = builder_facts(b);
	bool is_good = verify_image(&b->image, &facts, finding);

	if (is_good != (finding->rule == VERIFIER_NONE))
		abort();
	return finding->rule;
}

/* --- instructions ---------------------------------------------------------- */

void
template_begin(struct builder *b)
{
	b->in_template = true;
}

void
template_end(struct builder *b)
{
	b->in_template = false;
}

static enum nb_form
narrow(enum nb_form form)
{
	static const enum nb_form pairs[][2] = {
		{ NB_FORM_MOV64, NB_FORM_MOV32 },
		{ NB_FORM_MOV64_STORE, NB_FORM_MOV32_STORE },
		{ NB_FORM_CMP64, NB_FORM_CMP32 },
		{ NB_FORM_ADD64, NB_FORM_ADD32 },
		{ NB_FORM_ADD64_IMM, NB_FORM_ADD32_IMM },
		{ NB_FORM_CMOV64, NB_FORM_CMOV32 },
		{ NB_FORM_LEA64, NB_FORM_LEA32 },
		{ NB_FORM_SHL64_IMM, NB_FORM_SHL32_IMM },
	};

	for (size_t i = 0; i < sizeof(pairs) / sizeof(*pairs); i++)
		if (pairs[i][0] == form)
			return pairs[i][1];
	return form;
}

/* Changes the operands, or puts something beside the instruction. */
static void
twist(struct builder *b, enum nb_form *form, struct x64_operands *ops)
{
	bool is_memory = ops->rm.kind == X64_RM_MEM;

	switch (b->twist) {
	case TWIST_REG:
		ops->reg ^= 1;
		return;
	case TWIST_REG_8:
		ops->reg ^= 8;
		return;
	case TWIST_RM:
		ops->rm.reg ^= 1;
		return;
	case TWIST_RM_8:
		ops->rm.reg ^= 8;
		return;
	case TWIST_TO_MEMORY:
		if (ops->rm.kind == X64_RM_REG)
			ops->rm = MEM(ops->rm.reg, 0);
		return;
	case TWIST_TO_REGISTER:
		if (is_memory)
			ops->rm = REG(ops->rm.reg);
		return;
	case TWIST_INDEX:
		if (is_memory)
			ops->rm.index = ops->rm.index == X64_NO_REG ? NB_RAX : X64_NO_REG;
		return;
	case TWIST_DISP:
	case TWIST_DISP_UP:
	case TWIST_DISP_DOWN:
	case TWIST_DISP_FAR:
		ops->rm.disp += b->twist == TWIST_DISP	      ? 1
				: b->twist == TWIST_DISP_UP   ? 8
				: b->twist == TWIST_DISP_DOWN ? -8
							      : 4096;
		return;
	case TWIST_IMM:
		ops->imm++;
		return;
	case TWIST_IMM_DOWN:
		ops->imm--;
		return;
	case TWIST_CC:
		ops->cc ^= 1;
		return;
	case TWIST_CC_2:
		ops->cc ^= 6;
		return;
	case TWIST_NARROW:
		*form = narrow(*form);
		return;
	case TWIST_DROP:
		if (ops->rm.kind != X64_RM_RIP && *form != NB_FORM_J_32 &&
		    *form != NB_FORM_JMP_32 && *form != NB_FORM_CALL_32 && *form != NB_FORM_J_8 &&
		    *form != NB_FORM_JMP_8)
			*form = NB_FORM_NOP;
		return;
	case TWIST_DOUBLE:
		x64_encode(&b->code, *form, ops);
		return;
	case TWIST_GARBAGE:
		put_bytes(b, "\x06", 1);
		return;
	case TWIST_SITE:
		site(b, NB_TRAP_MEMORY_OUT_OF_BOUNDS);
		return;
	case TWIST_CLAIM:
		claim(b, 0);
		return;
	case TWIST_NONE:
	case TWISTS:
		return;
	}
}

void
put(struct builder *b, enum nb_form form, struct x64_operands ops)
{
	uint32_t number = b->puts++;

	if (number < BUILDER_INSTRUCTIONS)
		b->is_template[number] = b->in_template;
	if (b->twist && number == b->twist_at) {
		struct x64_operands as_they_were = ops;
		enum nb_form form_was = form;

		twist(b, &form, &ops);
		x64_encode(&b->code, form, &ops);
		b->is_twisted = b->code.status == NB_OK;
		if (b->is_twisted)
			return;
		/* The encoder does not know such operands. */
		b->code.status = NB_OK;
		form = form_was;
		ops = as_they_were;
	}
	x64_encode(&b->code, form, &ops);
}

void
put_bytes(struct builder *b, const void *bytes, uint32_t len)
{
	if (!x64_buffer_reserve(&b->code, len))
		abort();
	memcpy(b->code.bytes + b->code.len, bytes, len);
	b->code.len += len;
}

static void
set_distance(struct builder *b, uint32_t field, uint32_t target)
{
	uint32_t distance = target - (field + 4);

	memcpy(b->code.bytes + field, &distance, sizeof(distance));
}

void
put_rip(struct builder *b, enum nb_form form, uint32_t reg, uint32_t at)
{
	put(b, form, (struct x64_operands){ .reg = (uint8_t)reg, .rm = { .kind = X64_RM_RIP } });
	set_distance(b, b->code.len - 4, at);
}

uint32_t
put_branch(struct builder *b, enum nb_form form, uint32_t cc, uint32_t target)
{
	put(b, form, (struct x64_operands){ .cc = (uint8_t)cc });
	set_distance(b, b->code.len - 4, target);
	return b->code.len - 4;
}

void
patch(struct builder *b, uint32_t field)
{
	set_distance(b, field, b->code.len);
}

uint32_t
put_short(struct builder *b, enum nb_form form, uint32_t cc)
{
	put(b, form, (struct x64_operands){ .cc = (uint8_t)cc });
	return b->code.len - 1;
}

void
patch_short(struct builder *b, uint32_t field)
{
	b->code.bytes[field] = (uint8_t)(b->code.len - (field + 1));
}

void
fixup(struct builder *b, uint32_t callee)
{
	b->fixups[b->fixup_count].field = b->code.len - 4;
	b->fixups[b->fixup_count++].callee = callee;
}

void
put_call(struct builder *b, uint32_t callee)
{
	put(b, NB_FORM_CALL_32, (struct x64_operands){ 0 });
	fixup(b, callee);
	site(b, NB_SITE_CALL);
}

void
put_prologue(struct builder *b, uint32_t frame)
{
	b->frame = frame;
	put(b, NB_FORM_SUB64_IMM, (struct x64_operands){ .rm = REG(NB_RSP), .imm = frame });
}

void
put_return(struct builder *b)
{
	if (b->frame)
		put(b, NB_FORM_ADD64_IMM,
		    (struct x64_operands){ .rm = REG(NB_RSP), .imm = b->frame });
	put(b, NB_FORM_RET, (struct x64_operands){ 0 });
}

void
put_trap(struct builder *b, uint32_t kind)
{
	site(b, kind);
	put(b, NB_FORM_UD2, (struct x64_operands){ 0 });
}

void
site(struct builder *b, uint32_t kind)
{
	b->sites[b->site_count++] =
		(struct nb_code_site){ .code_offset = b->code.len, .info = kind << 24 };
}

void
claim(struct builder *b, uint32_t extended)
{
	b->claims[b->claim_count++] = (struct nb_code_claim){ b->code.len, extended };
}
