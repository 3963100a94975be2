/*
 * Instruction selection.
 *
 * Blocks and instructions are visited from last to first. An instruction whose
 * value nobody has asked for, and which has no effect, produces nothing: so
 * whatever was folded into its only user vanishes by itself. A value that is
 * used as an operand is asked for by select_use.
 *
 * The code of one IR instruction is appended in forward order and then turned
 * around, and at the end everything is turned around once more.
 *
 * Folding a load moves it down to its user (the root). That is right if it has
 * one use, is in the root's block, and nothing with an effect other than a load
 * stands between; `epoch` counts such effects. Under strict accesses loads
 * count as well.
 */
#include "compiler/x64/select.h"

#include "lib/string.h"

/* --- one instruction ------------------------------------------------------ */

static void
select_jump(struct selector *s, uint32_t value)
{
	const struct ir_inst *inst = select_inst(s, value);
	const struct ir_edge *edge = ir_inst_edge(s->ir, inst, 0);
	const struct ir_block *to = &s->ir->blocks[edge->to];
	for (uint32_t i = 0; i < edge->arg_count; i++) {
		uint32_t arg = s->ir->lists[edge->first_arg + i];
		if (s->marks[s->ir->lists[to->first_param + i]] & SELECT_ADDRESS)
			s->marks[arg] |= SELECT_ADDRESS;
		s->args[i] = select_use_moved(s, arg);
	}
	select_emit(s, X64_JUMP, NB_FORM_JMP_32);
}

static void
select_trap(struct selector *s, uint32_t value)
{
	select_emit(s, X64_TRAP, NB_FORM_UD2)->trap = (uint8_t)select_inst(s, value)->imm;
}

static void
select_switch_or_jump(struct selector *s, uint32_t value)
{
	if (ir_inst_edge_count(select_inst(s, value)) == 1)
		select_jump(s, value);
	else
		select_switch(s, value);
}

/* What makes code of each operation. The others define nothing by themselves:
 * constants, parameters, RESULTs, and what exists only while passes run. */
typedef void select_function(struct selector *s, uint32_t value);
static select_function *const select_functions[IR_OP_COUNT] = {
	[IR_ADD] = select_binary,
	[IR_AND] = select_binary,
	[IR_OR] = select_binary,
	[IR_XOR] = select_binary,
	[IR_SUB] = select_sub,
	[IR_MUL] = select_mul,
	[IR_MUL_HIGH_S] = select_mul_high,
	[IR_MUL_HIGH_U] = select_mul_high,
	[IR_DIV_S] = select_divide,
	[IR_DIV_U] = select_divide,
	[IR_REM_S] = select_divide,
	[IR_REM_U] = select_divide,
	[IR_SHL] = select_shift,
	[IR_SHR_S] = select_shift,
	[IR_SHR_U] = select_shift,
	[IR_ROTL] = select_shift,
	[IR_ROTR] = select_shift,
	[IR_CLZ] = select_bit_count,
	[IR_CTZ] = select_bit_count,
	[IR_POPCNT] = select_bit_count,
	[IR_EXTEND8_S] = select_extend,
	[IR_EXTEND16_S] = select_extend,
	[IR_EXTEND32_S] = select_extend,
	[IR_WRAP] = select_extend,
	[IR_EXTEND_S] = select_extend,
	[IR_EXTEND_U] = select_extend,
	[IR_EQ] = select_compare_value,
	[IR_NE] = select_compare_value,
	[IR_LT_S] = select_compare_value,
	[IR_LT_U] = select_compare_value,
	[IR_GT_S] = select_compare_value,
	[IR_GT_U] = select_compare_value,
	[IR_LE_S] = select_compare_value,
	[IR_LE_U] = select_compare_value,
	[IR_GE_S] = select_compare_value,
	[IR_GE_U] = select_compare_value,
	[IR_FEQ] = select_compare_value,
	[IR_FNE] = select_compare_value,
	[IR_FLT] = select_compare_value,
	[IR_FGT] = select_compare_value,
	[IR_FLE] = select_compare_value,
	[IR_FGE] = select_compare_value,
	[IR_SELECT] = select_select,
	[IR_FADD] = select_float_binary,
	[IR_FSUB] = select_float_binary,
	[IR_FMUL] = select_float_binary,
	[IR_FDIV] = select_float_binary,
	[IR_FMIN] = select_float_binary,
	[IR_FMAX] = select_float_binary,
	[IR_FCOPYSIGN] = select_copysign,
	[IR_FABS] = select_float_unary,
	[IR_FNEG] = select_float_unary,
	[IR_FSQRT] = select_float_unary,
	[IR_FCEIL] = select_float_unary,
	[IR_FFLOOR] = select_float_unary,
	[IR_FTRUNC] = select_float_unary,
	[IR_FNEAREST] = select_float_unary,
	[IR_PROMOTE] = select_float_unary,
	[IR_DEMOTE] = select_float_unary,
	[IR_TRUNC_S] = select_trunc,
	[IR_TRUNC_U] = select_trunc,
	[IR_TRUNC_SAT_S] = select_trunc,
	[IR_TRUNC_SAT_U] = select_trunc,
	[IR_CONVERT_S] = select_convert,
	[IR_CONVERT_U] = select_convert,
	[IR_BITCAST] = select_bitcast,
	[IR_VECTOR1] = select_vector,
	[IR_VECTOR2] = select_vector,
	[IR_VECTOR3] = select_vector,
	[IR_VSHIFT] = select_vector,
	[IR_VTEST] = select_vector_test,
	[IR_SPLAT] = select_splat,
	[IR_EXTRACT] = select_extract,
	[IR_REPLACE] = select_replace,
	[IR_SHUFFLE] = select_shuffle,
	[IR_LOAD] = select_load,
	[IR_LOAD8_S] = select_load,
	[IR_LOAD8_U] = select_load,
	[IR_LOAD16_S] = select_load,
	[IR_LOAD16_U] = select_load,
	[IR_LOAD32_S] = select_load,
	[IR_LOAD32_U] = select_load,
	[IR_LOAD8_SPLAT] = select_vector_load,
	[IR_LOAD16_SPLAT] = select_vector_load,
	[IR_LOAD32_SPLAT] = select_vector_load,
	[IR_LOAD64_SPLAT] = select_vector_load,
	[IR_LOAD32_ZERO] = select_vector_load,
	[IR_LOAD64_ZERO] = select_vector_load,
	[IR_LOAD8X8_S] = select_vector_load,
	[IR_LOAD8X8_U] = select_vector_load,
	[IR_LOAD16X4_S] = select_vector_load,
	[IR_LOAD16X4_U] = select_vector_load,
	[IR_LOAD32X2_S] = select_vector_load,
	[IR_LOAD32X2_U] = select_vector_load,
	[IR_STORE] = select_store,
	[IR_STORE8] = select_store,
	[IR_STORE16] = select_store,
	[IR_STORE32] = select_store,
	[IR_ATOMIC_LOAD] = select_atomic_load,
	[IR_ATOMIC_STORE] = select_atomic_store,
	[IR_ATOMIC_RMW] = select_atomic_rmw,
	[IR_ATOMIC_CMPXCHG] = select_atomic_cmpxchg,
	[IR_ATOMIC_FENCE] = select_atomic_fence,
	[IR_PORT_READ] = select_port,
	[IR_PORT_WRITE] = select_port,
	[IR_PORT_READ_ANY] = select_port,
	[IR_PORT_WRITE_ANY] = select_port,
	[IR_MEMORY_SIZE] = select_size,
	[IR_TABLE_SIZE] = select_size,
	[IR_GLOBAL_GET] = select_global_get,
	[IR_GLOBAL_SET] = select_global_set,
	[IR_FRAME_GET] = select_frame_get,
	[IR_FRAME_SET] = select_frame_set,
	[IR_REF_FUNC] = select_ref_func,
	[IR_TRAP_IF] = select_trap_if,
	[IR_CALL] = select_call,
	[IR_CALL_IMPORT] = select_call,
	[IR_CALL_INDIRECT] = select_call,
	[IR_CALL_REF] = select_call,
	[IR_CALL_BUILTIN] = select_call,
	[IR_RETURN_CALL] = select_tail_call,
	[IR_RETURN_CALL_IMPORT] = select_tail_call,
	[IR_RETURN_CALL_INDIRECT] = select_tail_call,
	[IR_RETURN_CALL_REF] = select_tail_call,
	[IR_JUMP] = select_jump,
	[IR_BRANCH] = select_branch,
	[IR_SWITCH] = select_switch_or_jump,
	[IR_RETURN] = select_return,
	[IR_TRAP] = select_trap,
};

static bool
is_wanted(const struct selector *s, uint32_t value, const struct ir_inst *inst)
{
	if (!select_functions[inst->op] || s->marks[value] & SELECT_SUNK)
		return false;
	return s->vreg[value] != IR_NONE || ir_inst_has_effect(inst);
}

/* --- room ----------------------------------------------------------------- */

static bool
grow(struct selector *s, void **array, uint32_t *cap, uint32_t need, uint32_t size)
{
	if (need <= *cap)
		return true;
	uint32_t new_cap = *cap * 2 > need ? *cap * 2 : need;
	void *grown = arena_extend_array(s->arena, *array, *cap, new_cap, size, 8);
	if (!grown) {
		s->status = NB_OUT_OF_MEMORY;
		return false;
	}
	*array = grown;
	*cap = new_cap;
	return true;
}

/* Room for the code of any one IR instruction with `values` listed values, so
 * that adding instructions, operands and registers cannot fail. */
static bool
reserve(struct selector *s, uint32_t values)
{
	uint32_t insts = s->inst_count + 16 + 3 * values;
	uint32_t operands = s->operand_count + 64 + 6 * values;
	uint32_t vregs = s->vreg_count + 32 + 3 * values;
	if (insts > s->inst_cap) {
		uint32_t cap = s->inst_cap;
		if (!grow(s, (void **)&s->insts, &cap, insts, sizeof(*s->insts)) ||
		    !grow(s, (void **)&s->ra_insts, &s->inst_cap, insts, sizeof(*s->ra_insts)))
			return false;
	}
	if (vregs > s->vreg_cap) {
		uint32_t cap = s->vreg_cap, cap2 = s->vreg_cap;
		if (!grow(s, (void **)&s->vreg_class, &cap, vregs, 1) ||
		    !grow(s, (void **)&s->vreg_slots, &cap2, vregs, 1) ||
		    !grow(s, (void **)&s->vreg_type, &s->vreg_cap, vregs, 1))
			return false;
	}
	return grow(s, (void **)&s->operands, &s->operand_cap, operands, sizeof(*s->operands));
}

static void
reverse_insts(struct selector *s, uint32_t first, uint32_t end)
{
	while (first + 1 < end) {
		end--;
		struct x64_inst inst = s->insts[first];
		s->insts[first] = s->insts[end];
		s->insts[end] = inst;
		struct ra_inst ra = s->ra_insts[first];
		s->ra_insts[first] = s->ra_insts[end];
		s->ra_insts[end] = ra;
		first++;
	}
}

/* Values in an instruction's list or passed along its only edge. */
static uint32_t
listed_values(const struct selector *s, const struct ir_inst *inst)
{
	uint32_t count = 0;
	if (ir_op_info(inst->op)->flags & IR_OP_LIST)
		count = inst->args[2];
	if (ir_inst_edge_count(inst) == 1)
		count = ir_inst_edge(s->ir, inst, 0)->arg_count;
	if (ir_op_info(inst->op)->flags & IR_OP_CALL && inst->op != IR_CALL_BUILTIN)
		count += ir_call_type(s->ir, inst)->result_count;
	return count;
}

/* The constants that the loops behind want. False: out of memory. */
static bool
select_before_end(struct selector *s, uint32_t block)
{
	uint32_t first;

	if (!reserve(s, select_loop_const_count(s, block)))
		return false;
	first = s->inst_count;
	select_loop_consts(s, block);
	reverse_insts(s, first, s->inst_count);
	return true;
}

static enum nb_status
select_block(struct selector *s, uint32_t block)
{
	uint32_t value = s->ir->blocks[block].last_inst;
	while (value != IR_NONE) {
		const struct ir_inst *inst = select_inst(s, value);
		if (is_wanted(s, value, inst)) {
			if (!reserve(s, listed_values(s, inst)))
				return s->status;
			uint32_t first = s->inst_count;
			s->root = value;
			select_functions[inst->op](s, value);
			reverse_insts(s, first, s->inst_count);
		}
		if (value == s->ir->blocks[block].last_inst && s->first_const[block] &&
		    !select_before_end(s, block))
			return s->status;
		value = inst->prev;
	}
	return s->status;
}

/* --- before and after ----------------------------------------------------- */

static void
count_uses(struct selector *s, const struct ir_inst *inst)
{
	const struct ir_op_info *info = ir_op_info(inst->op);
	for (uint32_t i = 0; i < info->arg_count; i++)
		s->use_count[inst->args[i]]++;
	if (info->flags & IR_OP_LIST) {
		struct ir_list list = ir_inst_list(s->ir, inst);
		for (uint32_t i = 0; i < list.count; i++)
			s->use_count[list.values[i]]++;
	}
	for (uint32_t e = 0; e < ir_inst_edge_count(inst); e++) {
		const struct ir_edge *edge = ir_inst_edge(s->ir, inst, e);
		for (uint32_t i = 0; i < edge->arg_count; i++)
			s->use_count[s->ir->lists[edge->first_arg + i]]++;
	}
}

static bool
moves_epoch(const struct selector *s, const struct ir_inst *inst)
{
	bool is_load = inst->op >= IR_LOAD && inst->op <= IR_LOAD32_U;
	bool is_vector_load = inst->op >= IR_LOAD8_SPLAT && inst->op <= IR_LOAD32X2_U;
	if (is_load || is_vector_load)
		return s->context->options->strict_accesses;
	return ir_inst_has_effect(inst);
}

/* Counts uses and effects; whether there are shuffles. */
static bool
scan(struct selector *s)
{
	uint32_t epoch = 0;
	bool shuffles = false;
	for (uint32_t i = 0; i < s->ir->order_count; i++) {
		uint32_t value = s->ir->blocks[s->ir->order[i]].first_inst;
		while (value != IR_NONE) {
			const struct ir_inst *inst = select_inst(s, value);
			s->epoch[value] = epoch;
			epoch += moves_epoch(s, inst);
			count_uses(s, inst);
			shuffles |= inst->op == IR_SHUFFLE;
			s->has_mul_high |= inst->op == IR_MUL_HIGH_U;
			value = inst->next;
		}
	}
	return shuffles;
}

static enum nb_status
selector_init(struct selector *s)
{
	uint32_t values = s->ir->inst_count;
	uint32_t cap = values + values / 4 + 64;
	s->vreg = arena_alloc(s->arena, sizeof(uint32_t) * values, 8);
	s->use_count = arena_new_array(s->arena, uint32_t, values);
	s->epoch = arena_new_array(s->arena, uint32_t, values);
	s->const_at = arena_new_array(s->arena, uint32_t, values);
	s->marks = arena_new_array(s->arena, uint8_t, values);
	s->loop_const = arena_new_array(s->arena, uint32_t, values);
	s->first_const = arena_new_array(s->arena, uint32_t, s->ir->block_count);
	if (!s->loop_const || !s->first_const || !s->vreg || !s->use_count || !s->epoch ||
	    !s->const_at || !s->marks)
		return NB_OUT_OF_MEMORY;
	memset(s->vreg, 0xff, sizeof(uint32_t) * values);
	s->insts = arena_alloc(s->arena, sizeof(*s->insts) * cap, 8);
	s->ra_insts = arena_alloc(s->arena, sizeof(*s->ra_insts) * cap, 8);
	s->operands = arena_alloc(s->arena, sizeof(*s->operands) * cap * 3, 8);
	s->vreg_class = arena_alloc(s->arena, cap, 8);
	s->vreg_slots = arena_alloc(s->arena, cap, 8);
	s->vreg_type = arena_alloc(s->arena, cap, 8);
	if (!s->insts || !s->ra_insts || !s->operands || !s->vreg_class || !s->vreg_slots ||
	    !s->vreg_type)
		return NB_OUT_OF_MEMORY;
	s->inst_cap = s->vreg_cap = cap;
	s->operand_cap = cap * 3;
	return NB_OK;
}

/* The RA's blocks and the lists of their neighbours; parameters' registers and
 * arguments are filled in while selecting. */
struct block_table {
	struct ra_block *blocks;
	uint32_t *lists;
	uint8_t *flags;
};

static enum nb_status
blocks_build(struct selector *s, struct block_table *out)
{
	const struct ir_function *ir = s->ir;
	uint32_t total = 0;
	for (uint32_t i = 0; i < ir->order_count; i++) {
		const struct ir_block *block = &ir->blocks[ir->order[i]];
		const struct ir_inst *end = select_inst(s, block->last_inst);
		uint32_t edges = ir_inst_edge_count(end);
		total += block->param_count + 2 * edges;
		if (edges == 1)
			total += ir_inst_edge(ir, end, 0)->arg_count;
	}
	out->blocks = arena_new_array(s->arena, struct ra_block, ir->order_count);
	out->flags = arena_new_array(s->arena, uint8_t, ir->order_count);
	out->lists = arena_new_array(s->arena, uint32_t, total);
	if (!out->blocks || !out->flags || !out->lists)
		return NB_OUT_OF_MEMORY;
	uint32_t at = 0;
	for (uint32_t i = 0; i < ir->order_count; i++) {
		const struct ir_block *block = &ir->blocks[ir->order[i]];
		const struct ir_inst *end = select_inst(s, block->last_inst);
		struct ra_block *ra = &out->blocks[i];
		ra->first_param = at;
		ra->param_count = i == 0 ? 0 : block->param_count;
		at += ra->param_count;
		ra->first_succ = at;
		ra->succ_count = ir_inst_edge_count(end);
		for (uint32_t e = 0; e < ra->succ_count; e++)
			out->lists[at++] = ir->blocks[ir_inst_edge(ir, end, e)->to].position;
		ra->first_pred = at;
		for (uint32_t e = block->first_pred; e != IR_NONE; e = ir->edges[e].next_pred) {
			uint32_t from = ir->blocks[ir->edges[e].from].position;
			if (from != IR_NONE)
				out->lists[at++] = from;
		}
		ra->pred_count = at - ra->first_pred;
		ra->first_arg = at;
		if (ra->succ_count == 1)
			at += ir_inst_edge(ir, end, 0)->arg_count;
		ra->loop_depth = block->loop_depth;
		ra->loop_header = block->loop_header == IR_NONE
					  ? UINT32_MAX
					  : ir->blocks[block->loop_header].position;
		ra->frequency = block->frequency;
		out->flags[i] = (uint8_t)block->flags;
	}
	return NB_OK;
}

static enum nb_status
select_blocks(struct selector *s, struct block_table *table)
{
	const struct ir_function *ir = s->ir;
	for (uint32_t i = ir->order_count; i-- > 0;) {
		struct ra_block *ra = &table->blocks[i];
		const struct ir_block *block = &ir->blocks[ir->order[i]];
		/* In reversed order until finish() turns everything around. */
		ra->end_inst = s->inst_count;
		s->args = table->lists + ra->first_arg;
		if (select_block(s, ir->order[i]) != NB_OK)
			return s->status;
		if (!reserve(s, block->param_count))
			return s->status;
		if (i == 0) {
			uint32_t first = s->inst_count;
			select_entry(s);
			reverse_insts(s, first, s->inst_count);
		}
		for (uint32_t k = 0; k < ra->param_count; k++)
			table->lists[ra->first_param + k] =
				select_def(s, ir->lists[block->first_param + k]);
		ra->first_inst = s->inst_count;
	}
	return s->status;
}

static void
finish(struct selector *s, struct block_table *table)
{
	reverse_insts(s, 0, s->inst_count);
	for (uint32_t i = 0; i < s->ir->order_count; i++) {
		table->blocks[i].first_inst = s->inst_count - table->blocks[i].first_inst;
		table->blocks[i].end_inst = s->inst_count - table->blocks[i].end_inst;
	}
	struct x64_function *out = s->out;
	out->insts = s->insts;
	out->vreg_type = s->vreg_type;
	out->block_flags = table->flags;
	out->pool = s->pool;
	out->pool_size = (s->pool_size + 3) & ~3u;
	out->ra = (struct ra_function){
		.insts = s->ra_insts,
		.inst_count = s->inst_count,
		.operands = s->operands,
		.operand_count = s->operand_count,
		.blocks = table->blocks,
		.block_count = s->ir->order_count,
		.block_lists = table->lists,
		.vreg_class = s->vreg_class,
		.vreg_slots = s->vreg_slots,
		.vreg_count = s->vreg_count,
		.allocatable = { 0xffff & ~(1 << NB_RSP | 1 << NB_REG_MEMORY_BASE |
					    1 << NB_REG_VMCTX | 1 << RA_SCRATCH_GPR),
				 0xffff & ~(1 << RA_SCRATCH_XMM) },
		.preserved = { NB_PRESERVED_GPRS, 0 },
	};
}

enum nb_status
x64_select(const struct x64_context *context, const struct ir_function *ir, struct arena *arena,
	   struct x64_function *out)
{
	struct selector s = { .context = context, .ir = ir, .arena = arena, .out = out };
	struct block_table table;
	*out = (struct x64_function){ .ir = ir };
	enum nb_status status = selector_init(&s);
	if (status == NB_OK)
		status = blocks_build(&s, &table);
	if (status != NB_OK)
		return status;
	if (scan(&s))
		status = select_demand_compute(&s);
	if (status == NB_OK)
		status = select_blocks(&s, &table);
	if (status == NB_OK)
		finish(&s, &table);
	return status;
}
