/*
 * Text form of a function for the register allocator, and of its allocation:
 *
 *   block 2 (v7, v8) from 1 4  depth 1 frequency 8
 *       v7: xmm3 -> [5]
 *     12 two-address  v9:r1 = v7:r1 v8:r0
 *     13 -> 3 4
 */
#include "compiler/x64/ra.h"

struct dump {
	const struct ra_function *fn;
	const struct ra_result *result;
	format_emit *emit;
	void *context;
};

static void __attribute__((format(printf, 2, 3)))
print(const struct dump *dump, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	format_to(dump->emit, dump->context, format, args);
	va_end(args);
}

static void
print_place(const struct dump *dump, struct ra_place place)
{
	if (place.kind == RA_PLACE_REG)
		print(dump, "%s%u", place.class_ == RA_GPR ? "r" : "xmm", (unsigned)place.reg);
	else if (place.kind == RA_PLACE_SLOT)
		print(dump, "[%u]", place.slot);
	else
		print(dump, "none");
}

static void
print_list(const struct dump *dump, const char *before, uint32_t first, uint32_t count,
	   const char *prefix)
{
	if (count == 0)
		return;
	print(dump, "%s", before);
	for (uint32_t k = 0; k < count; k++)
		print(dump, " %s%u", prefix, dump->fn->block_lists[first + k]);
}

static void
print_operand(const struct dump *dump, uint32_t index)
{
	static const char *const constraints[] = { "", "any:", "fixed:", "reuse:" };
	const struct ra_operand *o = &dump->fn->operands[index];
	bool is_usual_time = o->role == RA_USE ? o->time == RA_EARLY : o->time == RA_LATE;

	print(dump, " %s%sv%u",
	      is_usual_time	    ? ""
	      : o->time == RA_EARLY ? "early:"
				    : "late:",
	      constraints[o->constraint], o->vreg);
	if (o->constraint == RA_FIXED || o->constraint == RA_REUSE)
		print(dump, "(%u)", (unsigned)o->detail);
	if (dump->result == NULL)
		return;
	print(dump, ":");
	print_place(dump, dump->result->places[index]);
}

static void
print_inst(const struct dump *dump, uint32_t i)
{
	static const char *const flags[] = { "move", "remat", "commute", "same" };
	const struct ra_inst *inst = &dump->fn->insts[i];
	uint32_t end = inst->first_operand + inst->operand_count;

	print(dump, "%6u", i);
	for (uint32_t k = 0; k < 4; k++)
		if ((inst->flags >> k & 1) != 0)
			print(dump, " %s", flags[k]);
	for (uint32_t k = inst->first_operand; k < end; k++)
		if (dump->fn->operands[k].role == RA_DEF)
			print_operand(dump, k);
	print(dump, " =");
	for (uint32_t k = inst->first_operand; k < end; k++)
		if (dump->fn->operands[k].role == RA_USE)
			print_operand(dump, k);
	if (inst->clobbers[RA_GPR] != 0 || inst->clobbers[RA_XMM] != 0)
		print(dump, "  clobbers %x %x", (unsigned)inst->clobbers[RA_GPR],
		      (unsigned)inst->clobbers[RA_XMM]);
}

static void
print_move(const struct dump *dump, const struct ra_move *move)
{
	print(dump, "           v%u: ", move->vreg);
	if (move->remat_inst != UINT32_MAX)
		print(dump, "repeat %u", move->remat_inst);
	else
		print_place(dump, move->from);
	print(dump, " -> ");
	print_place(dump, move->to);
	print(dump, "\n");
}

void
ra_dump(const struct ra_function *function, const struct ra_result *result, format_emit *emit,
	void *context)
{
	struct dump dump = { function, result, emit, context };
	uint32_t move = 0;

	for (uint32_t b = 0; b < function->block_count; b++) {
		const struct ra_block *block = &function->blocks[b];

		print(&dump, "block %u", b);
		print_list(&dump, " params", block->first_param, block->param_count, "v");
		print_list(&dump, " from", block->first_pred, block->pred_count, "");
		print(&dump, "  depth %u frequency %u/1000\n", block->loop_depth,
		      (unsigned)(block->frequency * 1000));
		for (uint32_t i = block->first_inst; i < block->end_inst; i++) {
			for (; result != NULL && move < result->move_count &&
			       result->moves[move].before_inst == i;
			     move++)
				print_move(&dump, &result->moves[move]);
			print_inst(&dump, i);
			if (i + 1 < block->end_inst) {
				print(&dump, "\n");
				continue;
			}
			print_list(&dump, " ->", block->first_succ, block->succ_count, "");
			if (block->succ_count == 1)
				print_list(
					&dump, " with", block->first_arg,
					function->blocks[function->block_lists[block->first_succ]]
						.param_count,
					"v");
			print(&dump, "\n");
		}
	}
	if (result != NULL)
		print(&dump, "%u slots, %u moves, %u to and %u from slots, %u splits\n",
		      result->slot_count, result->move_count, result->spill_count,
		      result->reload_count, result->split_count);
}
