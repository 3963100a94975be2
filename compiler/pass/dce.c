/*
 * Dead code elimination: marks what effects need, removes the rest. Block
 * parameters count as any other value, so cycles through loops go too.
 */
#include "compiler/pass/pass.h"

#include "compiler/ir/edit.h"
#include "compiler/ir/params.h"

struct marking {
	struct ir_function *fn;
	uint8_t *is_live;
	uint32_t *work; /* live values whose arguments are still to be marked */
	uint32_t work_count;
};

static void
mark(void *context, uint32_t *value)
{
	struct marking *m = context;

	if (m->is_live[*value])
		return;
	m->is_live[*value] = 1;
	m->work[m->work_count++] = *value;
}

/* A live parameter needs its argument on every edge. */
static void
mark_param(struct marking *m, const struct ir_inst *param)
{
	const struct ir_function *fn = m->fn;

	for (uint32_t e = fn->blocks[param->block].first_pred; e != IR_NONE;
	     e = fn->edges[e].next_pred)
		mark(m, &fn->lists[fn->edges[e].first_arg + param->imm]);
}

/* Arguments and list, not the edges' arguments. */
static void
mark_uses(struct marking *m, uint32_t index)
{
	const struct ir_function *fn = m->fn;
	struct ir_inst *inst = &fn->insts[index];
	const struct ir_op_info *info = ir_op_info(inst->op);

	for (uint32_t i = 0; i < info->arg_count; i++)
		mark(m, &inst->args[i]);
	if (info->flags & IR_OP_LIST)
		for (uint32_t i = 0; i < inst->args[2]; i++)
			mark(m, &fn->lists[inst->args[1] + i]);
}

static void
mark_all(struct marking *m)
{
	struct ir_function *fn = m->fn;

	for (uint32_t b = 0; b < fn->block_count && ir_tick(fn, 1); b++)
		for (uint32_t i = fn->blocks[b].first_inst; i != IR_NONE; i = fn->insts[i].next)
			if (ir_inst_has_effect(&fn->insts[i])) {
				uint32_t value = i;

				mark(m, &value);
			}
	while (m->work_count && ir_tick(fn, 1)) {
		uint32_t value = m->work[--m->work_count];

		if (fn->insts[value].op == IR_PARAM)
			mark_param(m, &fn->insts[value]);
		else
			mark_uses(m, value);
	}
}

/* RESULT instructions stay with their call: the call has all of them. */
static void
sweep(struct marking *m)
{
	struct ir_function *fn = m->fn;

	for (uint32_t b = 0; b < fn->block_count && ir_tick(fn, 1); b++) {
		uint32_t next;

		for (uint32_t i = fn->blocks[b].first_inst; i != IR_NONE; i = next) {
			next = fn->insts[i].next;
			if (!m->is_live[i] && fn->insts[i].op != IR_RESULT)
				ir_remove(fn, i);
		}
	}
	if (fn->status == NB_OK)
		ir_remove_params(fn, m->is_live);
}

enum nb_status
pass_dce(struct ir_function *fn, struct pass_context *context)
{
	struct arena_mark mark_before = arena_mark_get(context->scratch);
	struct marking m = {
		.fn = fn,
		.is_live = arena_new_array(context->scratch, uint8_t, fn->inst_count),
		.work = arena_alloc(context->scratch, fn->inst_count * sizeof(uint32_t), 4),
	};

	if (!m.is_live || !m.work) {
		ir_fail(fn, NB_OUT_OF_MEMORY);
	} else {
		mark_all(&m);
		if (fn->status == NB_OK)
			sweep(&m);
	}
	arena_release(context->scratch, mark_before);
	return fn->status;
}
