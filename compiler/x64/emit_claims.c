/*
 * The claims of labels: what the verifier is told of places that branches from
 * behind lead to, and of the targets of jump tables.
 *
 * A block claims what zx.h found for it. Of a label inside an instruction's
 * sequence that is not known beforehand: it claims what all its ways agree on.
 */
#include "compiler/x64/emit.h"

/* What is found about labels. */
struct labels {
	uint16_t *zx;
	uint8_t *needed;
};

static void
mark_tables(const struct emitter *e, struct labels *labels)
{
	const struct ir_function *ir = e->fn->ir;

	for (uint32_t t = 0; t < e->table_count; t++) {
		uint32_t number = e->tables[t].block;
		const struct ra_block *block = &e->fn->ra.blocks[number];
		const struct ir_inst *end = &ir->insts[ir->blocks[ir->order[number]].last_inst];

		for (uint32_t i = 0; i < ir_switch_case_count(end); i++) {
			uint32_t succ = e->fn->ra.block_lists[block->first_succ +
							      ir_switch_case(ir, end, i)];
			labels->needed[e->layout.forward[succ]] = 1;
		}
	}
}

static void
mark_events(const struct emitter *e, const struct emit_places *places, struct labels *labels)
{
	for (uint32_t i = 0; i < e->event_count; i++) {
		const struct emit_event *event = &e->events[i];

		if (event->kind != EMIT_LABEL && event->kind != EMIT_JUMP)
			continue;
		if (event->value >= e->fn->ra.block_count)
			labels->zx[event->value] &= event->zx;
		if (event->kind == EMIT_JUMP && places->labels[event->value] <= places->events[i])
			labels->needed[event->value] = 1;
	}
}

/* One claim for each place where some label needs one. */
static uint32_t
write_claims(const struct emitter *e, const struct emit_places *places, const struct labels *labels,
	     struct nb_code_claim *claims)
{
	uint32_t count = 0, i = 0;

	while (i < e->event_count) {
		uint32_t place = places->events[i], zx = 0xffff;
		bool needed = false;

		for (; i < e->event_count && places->events[i] == place; i++) {
			const struct emit_event *event = &e->events[i];

			if (event->kind != EMIT_LABEL)
				continue;
			zx &= labels->zx[event->value];
			needed |= labels->needed[event->value];
		}
		if (needed)
			claims[count++] = (struct nb_code_claim){ place, zx };
	}
	return count;
}

enum nb_status
emit_claims(struct emitter *e, const struct emit_places *places, struct arena *out_arena,
	    struct x64_chunk *out)
{
	struct labels labels = {
		.zx = arena_new_array(e->arena, uint16_t, e->label_count),
		.needed = arena_new_array(e->arena, uint8_t, e->label_count),
	};
	uint32_t cap = 0;

	if (!labels.zx || !labels.needed)
		return NB_OUT_OF_MEMORY;
	for (uint32_t i = 0; i < e->label_count; i++) {
		labels.zx[i] = i < e->fn->ra.block_count ? e->zx_in[i] : 0xffff;
		labels.needed[i] = 0;
	}
	mark_events(e, places, &labels);
	mark_tables(e, &labels);
	for (uint32_t i = 0; i < e->label_count; i++)
		cap += labels.needed[i];
	struct nb_code_claim *claims = arena_new_array(out_arena, struct nb_code_claim, cap);
	if (!claims)
		return NB_OUT_OF_MEMORY;
	out->claims = claims;
	out->claim_count = write_claims(e, places, &labels, claims);
	return NB_OK;
}
