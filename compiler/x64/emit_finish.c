/*
 * The last step of emission: sizes of jumps, final places, the chunk.
 *
 * Every jump starts short. As long as one does not reach, it becomes long and
 * everything is measured again; nothing ever becomes short again, so this
 * ends. After a number of rounds all jumps become long at once, so that time
 * stays linear.
 */
#include "compiler/x64/emit.h"

#include "lib/string.h"

enum { MEASURE_ROUNDS = 12, CODE_ALIGN = 16, PADDING_BYTE = 0xcc };

struct finisher {
	struct emitter *e;
	uint32_t *labels; /* final places */
	uint32_t *events; /* likewise */
	uint32_t code_size;
	uint32_t pool_at; /* of the pool, from the chunk's start */
};

static uint32_t
jump_size(const struct emit_event *event)
{
	if (!event->is_near)
		return 2;
	return event->cc == EMIT_ALWAYS ? 5 : 6;
}

static uint32_t
align_padding(const struct emit_event *event, uint32_t at)
{
	return (0u - at) & (event->value - 1);
}

/* Bytes that `event` adds, standing at final place `at`. */
static uint32_t
event_size(const struct emit_event *event, uint32_t at)
{
	if (event->kind == EMIT_JUMP)
		return jump_size(event);
	return event->kind == EMIT_ALIGN ? align_padding(event, at) : 0;
}

static void
measure(struct finisher *f)
{
	uint32_t added = 0;
	for (uint32_t i = 0; i < f->e->event_count; i++) {
		const struct emit_event *event = &f->e->events[i];
		f->events[i] = event->at + added;
		if (event->kind == EMIT_LABEL)
			f->labels[event->value] = event->at + added;
		added += event_size(event, event->at + added);
	}
	f->code_size = f->e->code.len + added;
}

/* Makes jumps that do not reach long; false if all reach. */
static bool
lengthen(struct finisher *f, bool all)
{
	uint32_t added = 0;
	bool changed = false;
	for (uint32_t i = 0; i < f->e->event_count; i++) {
		struct emit_event *event = &f->e->events[i];
		uint32_t size = event_size(event, event->at + added);
		if (event->kind == EMIT_JUMP && !event->is_near) {
			int64_t from = (int64_t)event->at + added + 2;
			int64_t distance = (int64_t)f->labels[event->value] - from;
			if (all || distance < INT8_MIN || distance > INT8_MAX) {
				event->is_near = true;
				changed = true;
			}
		}
		added += size;
	}
	return changed;
}

static void
relax(struct finisher *f)
{
	measure(f);
	for (uint32_t round = 0; lengthen(f, round >= MEASURE_ROUNDS); round++)
		measure(f);
}

/* --- writing -------------------------------------------------------------- */

static void
write_jump(struct finisher *f, struct x64_buffer *out, const struct emit_event *event)
{
	uint32_t end = out->len + jump_size(event);
	struct x64_operands ops = { .imm = (int64_t)f->labels[event->value] - end };
	enum nb_form form = event->is_near ? NB_FORM_JMP_32 : NB_FORM_JMP_8;
	if (event->cc != EMIT_ALWAYS) {
		form = event->is_near ? NB_FORM_J_32 : NB_FORM_J_8;
		ops.cc = event->cc;
	}
	x64_encode(out, form, &ops);
}

/* Padding that is executed: as few no-operations as possible. */
static void
write_nops(struct x64_buffer *out, uint32_t bytes)
{
	/* Displacements that make a NOP_LONG of 3, 4, 5, 7 or 8 bytes. */
	while (bytes) {
		struct x64_operands ops = { .rm = { .kind = X64_RM_NONE } };
		uint32_t before = out->len;
		if (bytes >= 8)
			ops.rm = x64_rm_indexed(NB_RAX, NB_RAX, 0, 512);
		else if (bytes == 7)
			ops.rm = x64_rm_mem(NB_RAX, 512);
		else if (bytes >= 5)
			ops.rm = x64_rm_indexed(NB_RAX, NB_RAX, 0, 8);
		else if (bytes >= 3)
			ops.rm = x64_rm_mem(NB_RAX, bytes == 4 ? 8 : 0);
		x64_encode(out, bytes >= 3 ? NB_FORM_NOP_LONG : NB_FORM_NOP, &ops);
		if (out->status != NB_OK)
			return;
		bytes -= out->len - before;
	}
}

static void
write_u32(uint8_t *at, uint32_t value)
{
	memcpy(at, &value, sizeof(value));
}

/* Copies code and puts in what the events say. */
static void
write_code(struct finisher *f, struct x64_buffer *out, struct nb_code_site *sites,
	   struct x64_call_fixup *fixups)
{
	const struct emitter *e = f->e;
	const struct compiler_dump *dump = e->context->options->dump;
	uint32_t copied = 0, site_count = 0, fixup_count = 0;
	for (uint32_t i = 0; i <= e->event_count; i++) {
		const struct emit_event *event = i < e->event_count ? &e->events[i] : NULL;
		uint32_t at = event ? event->at : e->code.len;
		if (!x64_buffer_reserve(out, at - copied))
			return;
		if (at > copied)
			memcpy(out->bytes + out->len, e->code.bytes + copied, at - copied);
		out->len += at - copied;
		copied = at;
		if (!event)
			return;
		switch ((enum emit_event_kind)event->kind) {
		case EMIT_LABEL:
			break;
		case EMIT_JUMP:
			write_jump(f, out, event);
			break;
		case EMIT_ALIGN:
			write_nops(out, align_padding(event, out->len));
			break;
		case EMIT_SITE:
			sites[site_count++] = (struct nb_code_site){ .code_offset = out->len,
								     .info = event->value };
			break;
		case EMIT_CALL:
			fixups[fixup_count++] = (struct x64_call_fixup){ .at = out->len - 4,
									 .func_idx = event->value };
			break;
		case EMIT_POOL:
			write_u32(out->bytes + out->len - event->cc - 4,
				  f->pool_at + event->value - out->len);
			break;
		case EMIT_PLACE:
			dump->place(dump->context, e->fn->ir->func_idx, out->len, event->value);
			break;
		}
	}
}

static void
write_tables(struct finisher *f, uint8_t *chunk)
{
	const struct emitter *e = f->e;
	const struct ir_function *ir = e->fn->ir;
	for (uint32_t t = 0; t < e->table_count; t++) {
		const struct emit_table *table = &e->tables[t];
		const struct ra_block *block = &e->fn->ra.blocks[table->block];
		const struct ir_inst *end =
			&ir->insts[ir->blocks[ir->order[table->block]].last_inst];
		uint32_t at = f->pool_at + table->pool_offset;
		for (uint32_t i = 0; i < ir_switch_case_count(end); i++) {
			uint32_t succ = e->fn->ra.block_lists[block->first_succ +
							      ir_switch_case(ir, end, i)];
			write_u32(chunk + at + 4 * i, f->labels[e->layout.forward[succ]] - at);
		}
	}
}

enum nb_status
emit_finish(struct emitter *e, struct arena *out_arena, struct x64_chunk *out)
{
	struct finisher f = { .e = e };
	f.labels = arena_new_array(e->arena, uint32_t, e->label_count);
	f.events = arena_new_array(e->arena, uint32_t, e->event_count);
	if (!f.labels || !f.events)
		return NB_OUT_OF_MEMORY;
	relax(&f);
	uint64_t padded = ((uint64_t)f.code_size + CODE_ALIGN - 1) & ~(uint64_t)(CODE_ALIGN - 1);
	if (padded + e->pool_size > INT32_MAX)
		return NB_LIMIT_EXCEEDED;
	f.pool_at = (uint32_t)padded;
	/* The encoder wants room for a longest instruction at every place. */
	uint32_t room = f.pool_at + e->pool_size + X64_INST_BYTES_MAX + 1;
	struct x64_buffer buffer = { .arena = out_arena, .cap = room };
	buffer.bytes = arena_alloc(out_arena, room, CODE_ALIGN);
	struct nb_code_site *sites = arena_new_array(out_arena, struct nb_code_site, e->site_count);
	struct x64_call_fixup *fixups =
		arena_new_array(out_arena, struct x64_call_fixup, e->call_count);
	if (!buffer.bytes || !sites || !fixups)
		return NB_OUT_OF_MEMORY;
	write_code(&f, &buffer, sites, fixups);
	if (buffer.status != NB_OK)
		return buffer.status;
	if (buffer.len != f.code_size)
		return NB_INTERNAL;
	memset(buffer.bytes + f.code_size, PADDING_BYTE, f.pool_at - f.code_size);
	if (e->fn->pool_size)
		memcpy(buffer.bytes + f.pool_at, e->fn->pool, e->fn->pool_size);
	write_tables(&f, buffer.bytes);
	*out = (struct x64_chunk){
		.code = buffer.bytes,
		.code_size = f.code_size,
		.pool_size = e->pool_size,
		.frame_size = e->frame_size,
		.sites = sites,
		.site_count = e->site_count,
		.fixups = fixups,
		.fixup_count = e->call_count,
	};
	return emit_claims(e, &(struct emit_places){ f.labels, f.events }, out_arena, out);
}
