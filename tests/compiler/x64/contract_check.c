/*
 * Holds emitted machine code against the code contract, with a decoder and an
 * analysis of its own.
 *
 * usage: contract_check FILE.wasm...
 *
 * Compiles every module in several ways (all passes and none, the least and the
 * richest processor) and checks of every function: it decodes from end to end;
 * jumps and table entries lead to instructions, calls to entries; registers
 * that address linear memory hold zero-extended values on every path; other
 * memory operands are one of the contract's; the pinned registers are never
 * written; calls, divisions and traps have their sites. Modules that do not
 * validate, or that use what is not supported, are passed over.
 */
#include "tests/compiler/x64/contract_check.h"

#include "compiler/compiler.h"
#include "compiler/x64/encode.h"
#include "compiler/x64/x64.h"
#include "tests/wasm/host_arena.h"

#include <stdarg.h>

static ZydisDecoder decoder;

__attribute__((format(printf, 3, 4))) static void
finding(struct check *c, uint32_t at, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	printf("%s: function %u at +0x%x: ", c->file, c->number, at);
	vprintf(format, args);
	puts("");
	va_end(args);
	c->findings++;
}

static bool
is_relative_jump(const struct instruction *inst)
{
	return inst->head.meta.branch_type != ZYDIS_BRANCH_TYPE_NONE &&
	       !is(inst, ZYDIS_MNEMONIC_CALL) && !is(inst, ZYDIS_MNEMONIC_RET) &&
	       inst->operands[0].type == ZYDIS_OPERAND_TYPE_IMMEDIATE;
}

/* Whether execution never goes on behind `inst`. */
static bool
is_end(const struct instruction *inst)
{
	return is(inst, ZYDIS_MNEMONIC_JMP) || is(inst, ZYDIS_MNEMONIC_RET) ||
	       is(inst, ZYDIS_MNEMONIC_UD2);
}

static int64_t
jump_target(const struct instruction *inst)
{
	return (int64_t)inst->at + inst->head.length + inst->operands[0].imm.value.s;
}

/* --- decoding -------------------------------------------------------------- */

static bool
decode(struct check *c)
{
	const uint8_t *code = c->image->code + c->function->code_offset;
	uint32_t at = 0;
	while (at < c->function->code_size) {
		struct instruction *inst = &c->insts[c->count];
		inst->at = at;
		ZydisDecoderContext context;
		memset(inst->operands, 0, sizeof(inst->operands));
		ZyanStatus status = ZydisDecoderDecodeInstruction(
			&decoder, &context, code + at, c->function->code_size - at, &inst->head);
		uint8_t operands = inst->head.operand_count < 5 ? inst->head.operand_count : 5;
		if (!ZYAN_SUCCESS(status) ||
		    !ZYAN_SUCCESS(ZydisDecoderDecodeOperands(&decoder, &context, &inst->head,
							     inst->operands, operands))) {
			finding(c, at, "does not decode");
			return false;
		}
		c->inst_at[at] = (int32_t)c->count++;
		at += inst->head.length;
	}
	return true;
}

static int32_t
instruction_at(const struct check *c, int64_t at)
{
	return at >= 0 && at < c->function->code_size ? c->inst_at[at] : -1;
}

static void
mark_label(struct check *c, const struct instruction *from, int64_t target, uint16_t claims)
{
	int32_t to = instruction_at(c, target);
	if (to < 0) {
		finding(c, from->at, "target %lld is no instruction", (long long)target);
		return;
	}
	c->is_label[to] = 1;
	c->claims[to] &= claims;
}

/* --- the br_table template -------------------------------------------------- */

/* insts[i] is `jmp r10`. Marks the targets. */
static void
check_table(struct check *c, uint32_t i)
{
	static const ZydisMnemonic template[] = { ZYDIS_MNEMONIC_MOV,	  ZYDIS_MNEMONIC_CMP,
						  ZYDIS_MNEMONIC_CMOVNBE, ZYDIS_MNEMONIC_LEA,
						  ZYDIS_MNEMONIC_MOVSXD,  ZYDIS_MNEMONIC_ADD };
	const struct instruction *jump = &c->insts[i];
	bool fits = i >= 6;
	for (uint32_t k = 0; fits && k < 6; k++)
		fits = is(&c->insts[i - 6 + k], template[k]) &&
		       (k == 0 || !c->is_label[i - 6 + k]) &&
		       gpr_number(c->insts[i - 6 + k].operands[0].reg.value) ==
			       (k == 0 || k == 3 ? NB_R11 : NB_R10);
	if (!fits) {
		finding(c, jump->at, "indirect jump outside the template");
		return;
	}
	uint64_t cases = c->insts[i - 6].operands[1].imm.value.u + 1;
	const struct instruction *lea = &c->insts[i - 3];
	int64_t table = (int64_t)lea->at + lea->head.length + lea->operands[1].mem.disp.value;
	int64_t pool = (c->function->code_size + 15) & ~15ll;
	if (table < pool || table + 4 * (int64_t)cases > pool + c->function->pool_size) {
		finding(c, jump->at, "jump table outside the pool");
		return;
	}
	for (uint64_t k = 0; k < cases; k++) {
		int32_t distance;
		memcpy(&distance,
		       c->image->code + c->function->code_offset + table + 4 * (int64_t)k, 4);
		mark_label(c, jump, table + distance, 0);
	}
}

/* Whether `inst` ends the function by a tail call. */
static bool
is_tail_jump(const struct check *c, const struct instruction *inst)
{
	if (!is(inst, ZYDIS_MNEMONIC_JMP))
		return false;
	if (is_relative_jump(inst)) {
		int64_t target = jump_target(inst);
		return target < 0 || target >= c->function->code_size ||
		       (target == 0 && c->function->frame_size);
	}
	return inst->operands[0].type == ZYDIS_OPERAND_TYPE_MEMORY;
}

static void
find_labels(struct check *c)
{
	for (uint32_t i = 0; i < c->count; i++)
		if (is_relative_jump(&c->insts[i]) && !is_tail_jump(c, &c->insts[i]))
			mark_label(c, &c->insts[i], jump_target(&c->insts[i]), 0xffff);
	for (uint32_t i = 0; i < c->count; i++)
		if (is(&c->insts[i], ZYDIS_MNEMONIC_JMP) && !is_relative_jump(&c->insts[i]) &&
		    !is_tail_jump(c, &c->insts[i]))
			check_table(c, i);
}

/* --- zero extension ---------------------------------------------------------- */

static uint16_t
step(const struct instruction *inst, uint16_t zx)
{
	if (is(inst, ZYDIS_MNEMONIC_CALL))
		return 0;
	uint16_t out = zx;
	bool is_scan = is(inst, ZYDIS_MNEMONIC_BSF) || is(inst, ZYDIS_MNEMONIC_BSR);
	for (uint32_t i = 0; i < inst->head.operand_count && i < 5; i++) {
		const ZydisDecodedOperand *o = &inst->operands[i];
		int reg = o->type == ZYDIS_OPERAND_TYPE_REGISTER ? gpr_number(o->reg.value) : -1;
		if (reg < 0 || !(o->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE) || o->size < 32)
			continue;
		uint16_t bit = (uint16_t)(1u << reg);
		bool copies = is(inst, ZYDIS_MNEMONIC_MOV) && o->size == 64 &&
			      inst->operands[1].type == ZYDIS_OPERAND_TYPE_REGISTER &&
			      zx >> gpr_number(inst->operands[1].reg.value) & 1;
		bool is_zx = (o->size == 32 && !is_scan) || copies;
		out = is_zx ? out | bit : (uint16_t)(out & ~bit);
	}
	return out;
}

/* The greatest claims that hold on every edge. */
static void
solve(struct check *c)
{
	bool changed = true;
	while (changed) {
		changed = false;
		uint16_t zx = 0;
		for (uint32_t i = 0; i < c->count; i++) {
			const struct instruction *inst = &c->insts[i];
			if (c->is_label[i]) {
				uint16_t joined = c->claims[i] & zx;
				changed |= joined != c->claims[i];
				c->claims[i] = zx = joined;
			}
			zx = step(inst, zx);
			int32_t to = -1;
			if (is_relative_jump(inst) && !is_tail_jump(c, inst))
				to = instruction_at(c, jump_target(inst));
			if (to >= 0 && c->claims[to] & ~zx) {
				c->claims[to] &= zx;
				changed = true;
			}
			/* Nothing comes here: padding, until the next label. */
			if (is_end(inst))
				zx = 0xffff;
		}
	}
}

/* --- operands ----------------------------------------------------------------- */

static enum nb_value_class
class_of(enum wasm_valtype type)
{
	if (type == WASM_V128)
		return NB_CLASS_VECTOR;
	return type == WASM_F32 || type == WASM_F64 ? NB_CLASS_FLOAT : NB_CLASS_INT;
}

/* Slots of the area of a defined function; *out_results: that its results take. */
static uint32_t
area_of(const struct check *c, uint32_t number, uint32_t *out_results)
{
	const struct wasm_functype *type =
		wasm_module_function_type(c->module, number + c->module->func_import_count);
	struct nb_placement arguments = { 0 }, results = { 0 };
	for (uint32_t i = 0; i < type->param_count; i++)
		nb_place_argument(&arguments, class_of(type->params[i]));
	for (uint32_t i = 0; i < type->result_count; i++)
		nb_place_result(&results, class_of(type->results[i]));
	*out_results = results.slots;
	return nb_area_slots(&arguments, &results);
}

static uint32_t
incoming_slots(const struct check *c)
{
	uint32_t results;
	return area_of(c, c->number, &results);
}

static bool
stack_operand_fits(const struct check *c, int64_t disp, int64_t bytes)
{
	int64_t frame = c->function->frame_size;
	int64_t area_end = frame + 8 + 8 * (int64_t)incoming_slots(c);
	return disp >= 0 &&
	       (disp + bytes <= frame || (disp >= frame + 8 && disp + bytes <= area_end));
}

static bool
vmctx_operand_fits(const struct check *c, const ZydisDecodedOperand *o)
{
	int64_t disp = o->mem.disp.value, end = disp + o->size / 8;
	if (!(o->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE))
		return disp >= 0 && end <= c->layout.size;
	if (disp < c->layout.globals || end > c->layout.tables || disp % 16 != 0)
		return false;
	uint64_t global = (uint64_t)(disp - c->layout.globals) / 16;
	return global >= c->module->global_import_count;
}

/* R11 and R10 address only directly behind what loads them. */
static bool
template_operand_fits(const struct check *c, uint32_t i, int base, int64_t disp)
{
	const struct instruction *before = i ? &c->insts[i - 1] : NULL;
	if (base == NB_R10)
		return disp == NB_CALLEE_SIGNATURE || disp == NB_CALLEE_VMCTX ||
		       disp == NB_CALLEE_CODE;
	if (!before || c->is_label[i])
		return false;
	bool is_load = (is(before, ZYDIS_MNEMONIC_MOV) || is(before, ZYDIS_MNEMONIC_LEA)) &&
		       gpr_number(before->operands[0].reg.value) == NB_R11;
	/* The table's mask is read three instructions behind. */
	bool is_mask = is(&c->insts[i], ZYDIS_MNEMONIC_AND) && disp == NB_TABLE_MASK;
	/* So is the base of all references. */
	bool is_references = is(&c->insts[i], ZYDIS_MNEMONIC_ADD) && disp == NB_REFERENCES_BASE &&
			     i >= 3 && is(&c->insts[i - 3], ZYDIS_MNEMONIC_MOV) &&
			     gpr_number(c->insts[i - 3].operands[0].reg.value) == NB_R11 &&
			     c->insts[i - 3].operands[1].mem.disp.value == NB_VMCTX_REFERENCES;
	return is_mask || is_references ||
	       (is_load && (disp == 0 || disp == NB_MEMORY_LENGTH || disp == NB_CALLEE_CROSS));
}

/* Legacy vector instructions but movups want their 16 bytes aligned: constants
 * and the frame's slots are. */
static bool
is_aligned(const struct check *c, const struct instruction *inst, const ZydisDecodedOperand *o)
{
	int64_t disp = o->mem.disp.value, frame = c->function->frame_size;
	if (o->size != 128 || inst->head.encoding != ZYDIS_INSTRUCTION_ENCODING_LEGACY ||
	    is(inst, ZYDIS_MNEMONIC_MOVUPS))
		return true;
	if (o->mem.base == ZYDIS_REGISTER_RIP)
		return (inst->at + inst->head.length + disp) % 16 == 0;
	return o->mem.base == ZYDIS_REGISTER_RSP && disp % 16 == 0 && disp < frame &&
	       frame % 16 == 8;
}

static void
check_memory(struct check *c, uint32_t i, const ZydisDecodedOperand *o, uint16_t zx)
{
	const struct instruction *inst = &c->insts[i];
	if (!is_aligned(c, inst, o))
		finding(c, inst->at, "unaligned operand of %s",
			ZydisMnemonicGetString(inst->head.mnemonic));
	if (is(inst, ZYDIS_MNEMONIC_LEA) || is(inst, ZYDIS_MNEMONIC_NOP))
		return;
	bool has_index = o->mem.index != ZYDIS_REGISTER_NONE;
	int64_t disp = o->mem.disp.value;
	if (o->mem.segment != ZYDIS_REGISTER_DS && o->mem.segment != ZYDIS_REGISTER_SS)
		finding(c, inst->at, "segment");
	if (o->mem.base == ZYDIS_REGISTER_RIP) {
		int64_t at = (int64_t)inst->at + inst->head.length + disp;
		int64_t pool = (c->function->code_size + 15) & ~15ll;
		if (at < pool || at + o->size / 8 > pool + c->function->pool_size)
			finding(c, inst->at, "constant outside the pool");
		return;
	}
	int base = o->mem.base == ZYDIS_REGISTER_NONE ? -1 : gpr_number(o->mem.base);
	bool fits = contract_linear_fits(c, i, o, zx);
	if (fits || base == NB_R14) {
		/* Linear memory, or what should be. */
	} else if (base == NB_R11 && has_index) {
		fits = is(inst, ZYDIS_MNEMONIC_MOVSXD) && i + 2 < c->count &&
		       is(&c->insts[i + 2], ZYDIS_MNEMONIC_JMP);
	} else if (!has_index && base == NB_RSP) {
		fits = stack_operand_fits(c, disp, o->size / 8);
	} else if (!has_index && base == NB_R15) {
		fits = vmctx_operand_fits(c, o);
	} else if (!has_index && (base == NB_R11 || base == NB_R10)) {
		fits = template_operand_fits(c, i, base, disp);
	}
	if (!fits)
		finding(c, inst->at, "%s: memory operand base %d index %d disp %lld",
			ZydisMnemonicGetString(inst->head.mnemonic), base, has_index,
			(long long)disp);
}

/* R14 and R15 never, RSP only where the frame begins and ends. */
static void
check_pinned(struct check *c, uint32_t i, const ZydisDecodedOperand *o)
{
	const struct instruction *inst = &c->insts[i];
	int reg = o->type == ZYDIS_OPERAND_TYPE_REGISTER ? gpr_number(o->reg.value) : -1;
	if (!(o->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE) || reg < 0)
		return;
	if (reg == NB_R14 || reg == NB_R15)
		finding(c, inst->at, "writes a pinned register");
	if (reg != NB_RSP || is(inst, ZYDIS_MNEMONIC_CALL) || is(inst, ZYDIS_MNEMONIC_RET))
		return;
	bool is_frame = inst->operands[1].type == ZYDIS_OPERAND_TYPE_IMMEDIATE &&
			inst->operands[1].imm.value.u == c->function->frame_size;
	bool begins = is(inst, ZYDIS_MNEMONIC_SUB) && i == 0;
	bool ends = is(inst, ZYDIS_MNEMONIC_ADD) && i + 1 < c->count && !c->is_label[i + 1] &&
		    (is(&c->insts[i + 1], ZYDIS_MNEMONIC_RET) || is_tail_jump(c, &c->insts[i + 1]));
	if (!is_frame || (!begins && !ends))
		finding(c, inst->at, "changes RSP");
}

/* --- sites, calls ------------------------------------------------------------ */

static bool
has_site(const struct check *c, uint32_t at, bool is_return)
{
	uint32_t offset = c->function->code_offset + at;
	uint32_t end = c->number + 1 < c->image->function_count ? c->function[1].first_site
								: c->image->site_count;
	uint32_t low = c->function->first_site, high = end;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		if (c->image->sites[middle].code_offset < offset)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < end && c->image->sites[low].code_offset == offset; low++)
		if ((c->image->sites[low].info >> 24 == NB_SITE_CALL) == is_return)
			return true;
	return false;
}

/* The function whose entry is at `target` from this one's start; UINT32_MAX. */
static uint32_t
function_at(struct check *c, const struct instruction *inst, int64_t target)
{
	for (uint32_t f = 0; f < c->image->function_count; f++)
		if (c->image->functions[f].code_offset == target + c->function->code_offset)
			return f;
	finding(c, inst->at, "leads to no entry");
	return UINT32_MAX;
}

static void
check_call(struct check *c, const struct instruction *inst)
{
	if (!has_site(c, inst->at + inst->head.length, true))
		finding(c, inst->at, "call without a site");
	if (inst->operands[0].type == ZYDIS_OPERAND_TYPE_IMMEDIATE)
		(void)function_at(c, inst, jump_target(inst));
}

/* The preserved registers that `inst` moves between register and frame. */
static uint32_t
saved_register(const struct instruction *inst, bool is_store)
{
	const ZydisDecodedOperand *reg = &inst->operands[is_store ? 1 : 0];
	const ZydisDecodedOperand *slot = &inst->operands[is_store ? 0 : 1];
	if (!is(inst, ZYDIS_MNEMONIC_MOV) || reg->type != ZYDIS_OPERAND_TYPE_REGISTER ||
	    slot->type != ZYDIS_OPERAND_TYPE_MEMORY || gpr_number(slot->mem.base) != NB_RSP)
		return 0;
	int number = gpr_number(reg->reg.value);
	return number < 0 ? 0 : 1u << number & NB_PRESERVED_GPRS;
}

/* What was saved at the start has been restored right before insts[i]. */
static void
check_restored(struct check *c, uint32_t i)
{
	uint32_t saved = 0, restored = 0, begin = 0;
	while (begin < c->count && !saved_register(&c->insts[begin], true) && begin < 300)
		begin++;
	while (begin < c->count && saved_register(&c->insts[begin], true))
		saved |= saved_register(&c->insts[begin++], true);
	uint32_t at = i;
	while (at > 0 && saved_register(&c->insts[at - 1], false))
		restored |= saved_register(&c->insts[--at], false);
	if (saved & ~restored && c->function->frame_size)
		finding(c, c->insts[i].at, "registers are not restored: 0x%x", saved & ~restored);
}

static void
check_stub_jump(struct check *c, uint32_t i)
{
	const struct instruction *inst = &c->insts[i], *word = i ? inst - 1 : inst;
	uint64_t value = word->operands[1].imm.value.u;
	uint32_t slots = value >> 44 & 0xfff, results;
	(void)area_of(c, c->number, &results);
	if (!is(word, ZYDIS_MNEMONIC_MOV) || c->is_label[i] ||
	    gpr_number(word->operands[0].reg.value) != NB_R10 ||
	    value != nb_tail_word(c->function->frame_size, results, slots) || results > slots ||
	    c->function->frame_size < nb_tail_frame_bytes(slots))
		finding(c, inst->at, "tail stub without its word");
	/* `grow` has its lea behind what restores. */
	bool is_grow = i > 1 && is(inst - 2, ZYDIS_MNEMONIC_LEA) &&
		       inst[-2].operands[1].mem.base == ZYDIS_REGISTER_RIP;
	check_restored(c, i - (i > 0) - is_grow);
}

/* insts[i] leaves the function for another one. */
static void
check_tail_jump(struct check *c, uint32_t i)
{
	const struct instruction *inst = &c->insts[i];
	const ZydisDecodedOperand *o = &inst->operands[0];
	bool is_relative = is_relative_jump(inst);
	int64_t disp = is_relative ? 0 : o->mem.disp.value;
	int base = is_relative ? -1 : gpr_number(o->mem.base);
	if (base == NB_R15 && (disp == NB_VMCTX_TAIL || disp == NB_VMCTX_TAIL_GROW)) {
		check_stub_jump(c, i);
		return;
	}
	if (!is_relative && (base != NB_R10 || disp != NB_CALLEE_CODE))
		finding(c, inst->at, "indirect jump outside the templates");
	bool has_frame = c->function->frame_size;
	if (has_frame && (i == 0 || !is(inst - 1, ZYDIS_MNEMONIC_ADD)))
		finding(c, inst->at, "tail call within the frame");
	check_restored(c, i - (has_frame && i > 0));
	uint32_t results,
		callee = is_relative ? function_at(c, inst, jump_target(inst)) : c->number;
	if (callee != UINT32_MAX && area_of(c, callee, &results) > incoming_slots(c))
		finding(c, inst->at, "tail call with too large an area");
}

static void
check_instruction(struct check *c, uint32_t i, uint16_t zx)
{
	const struct instruction *inst = &c->insts[i];
	for (uint32_t k = 0; k < inst->head.operand_count && k < 5; k++) {
		const ZydisDecodedOperand *o = &inst->operands[k];
		bool is_hidden = o->visibility == ZYDIS_OPERAND_VISIBILITY_HIDDEN;
		if (o->type == ZYDIS_OPERAND_TYPE_MEMORY && !is_hidden)
			check_memory(c, i, o, zx);
		check_pinned(c, i, o);
	}
	if (is(inst, ZYDIS_MNEMONIC_CALL))
		check_call(c, inst);
	if (is_tail_jump(c, inst))
		check_tail_jump(c, i);
	bool must_have_site = is(inst, ZYDIS_MNEMONIC_UD2) || is(inst, ZYDIS_MNEMONIC_DIV) ||
			      is(inst, ZYDIS_MNEMONIC_IDIV);
	if (must_have_site && !has_site(c, inst->at, false))
		finding(c, inst->at, "trap without a site");
}

static void
check_function(struct check *c)
{
	uint32_t size = c->function->code_size;
	c->count = 0;
	c->insts = malloc(sizeof(*c->insts) * (size + 1));
	c->inst_at = malloc(sizeof(*c->inst_at) * (size + 1));
	c->claims = malloc(sizeof(*c->claims) * (size + 1));
	c->is_label = calloc(size + 1, 1);
	memset(c->inst_at, 0xff, sizeof(*c->inst_at) * (size + 1));
	memset(c->claims, 0xff, sizeof(*c->claims) * (size + 1));
	if (decode(c)) {
		find_labels(c);
		solve(c);
		uint16_t zx = 0;
		for (uint32_t i = 0; i < c->count; i++) {
			if (c->is_label[i])
				zx = c->claims[i];
			check_instruction(c, i, zx);
			zx = step(&c->insts[i], zx);
		}
		if (c->count == 0 || !is_end(&c->insts[c->count - 1]))
			finding(c, size, "runs off its end");
	}
	free(c->insts);
	free(c->inst_at);
	free(c->claims);
	free(c->is_label);
}

/* --- modules ------------------------------------------------------------------- */

static uint32_t
check_module(const char *file, const struct wasm_module *module,
	     const struct compiler_options *options)
{
	struct host_arena host;
	struct nb_code_image image;
	struct diag diag;
	struct x64_context context;
	struct check c = { .file = file, .module = module, .image = &image };
	host_arena_init(&host, SIZE_MAX);
	diag_init(&diag);
	enum nb_status status =
		compiler_compile(module, options, &host.source, &host.arena, &image, &diag);
	if (status == NB_INTERNAL)
		finding(&c, 0, "does not compile: %s", diag.text);
	if (status == NB_OK && x64_context_init(&context, module, options) == NB_OK) {
		c.layout = context.layout;
		for (uint32_t f = 0; f < image.function_count && c.findings < 20; f++) {
			c.function = &image.functions[f];
			c.number = f;
			check_function(&c);
		}
	}
	arena_reset(&host.arena);
	return c.findings;
}

static uint32_t
check_file(const char *file)
{
	static const struct {
		const char *passes;
		uint32_t features;
	} ways[] = {
		{ "+all", 0 },
		{ "+all", NB_CPU_AVX | NB_CPU_BMI1 | NB_CPU_BMI2 | NB_CPU_LZCNT },
		{ "-all", 0 },
	};
	struct host_arena host;
	struct wasm_module module;
	struct diag diag;
	size_t len = 0;
	uint32_t findings = 0;
	uint8_t *bytes = host_read_file(file, &len);
	const struct wasm_features features = { .set = WASM_FEATURES_ALL,
						.code = WASM_CODE_VALIDATE };
	if (!bytes)
		return 1;
	host_arena_init(&host, SIZE_MAX);
	diag_init(&diag);
	if (wasm_module_decode(&module, &host.arena, bytes, len, &features, &diag) == NB_OK)
		for (uint32_t i = 0; i < sizeof(ways) / sizeof(*ways); i++) {
			struct compiler_options options;
			const char *bad;
			compiler_options_init(&options);
			options.cpu_features = ways[i].features;
			if (compiler_options_set_passes(&options, ways[i].passes, &bad) == NB_OK)
				findings += check_module(file, &module, &options);
		}
	arena_reset(&host.arena);
	free(bytes);
	return findings;
}

int
main(int argc, char **argv)
{
	uint32_t failed = 0;
	ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
	for (int i = 1; i < argc; i++)
		failed += check_file(argv[i]) != 0;
	printf("%d passed, %u failed\n", argc - 1 - (int)failed, failed);
	return failed != 0;
}
