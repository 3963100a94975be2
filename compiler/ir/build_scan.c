/*
 * First look at a body: its regions, and where each local is set.
 *
 * One pass over the bytes with an explicit stack of open constructs; then one
 * over the regions, outermost first, that takes the transparent ones out of
 * the trees and sets the jumps; then the sets are brought into order by local.
 */
#include "compiler/ir/build_internal.h"

/* An open construct. */
struct scan_frame {
	uint32_t region; /* the construct */
	uint32_t inner;	 /* it, or its then or else part */
};

struct scan_set {
	uint32_t local, position, region;
};

struct scan {
	struct builder *b;
	struct wasm_reader reader;
	uint32_t position;
	struct scan_frame *frames;
	uint32_t frame_count, frame_cap;
	struct scan_set *sets;
	uint32_t set_count, set_cap;
};

#define SCAN_GROW(s, array, noun)                                                         \
	((s)->noun##_count < (s)->noun##_cap ||                                           \
	 build_grow((s)->b, (void **)&(s)->array, (s)->noun##_count, &(s)->noun##_cap, 1, \
		    sizeof(*(s)->array)))

static uint32_t
add_region(struct scan *s, enum region_kind kind, uint32_t parent)
{
	struct builder *b = s->b;

	if (!BUILD_GROW(b, regions, region, 1))
		return 0;
	b->regions[b->region_count] = (struct region){
		.start = s->position,
		.end = UINT32_MAX,
		.parent = parent,
		.kind = (uint8_t)kind,
		.is_target = kind != REGION_BLOCK && kind != REGION_LOOP,
		.block = IR_NONE,
		.first_edge = IR_NONE,
	};
	return b->region_count++;
}

static void
open_construct(struct scan *s, enum region_kind kind)
{
	uint32_t parent = s->frame_count ? s->frames[s->frame_count - 1].inner : 0;
	uint32_t region = add_region(s, kind, parent);
	uint32_t inner = kind == REGION_IF ? add_region(s, REGION_THEN, region) : region;

	if (!SCAN_GROW(s, frames, frame))
		return;
	s->frames[s->frame_count++] = (struct scan_frame){ region, inner };
}

static void
open_else(struct scan *s)
{
	struct scan_frame *frame = &s->frames[s->frame_count - 1];

	s->b->regions[frame->inner].end = s->position;
	frame->inner = add_region(s, REGION_ELSE, frame->region);
}

/* The body's own end stays open: nothing comes behind it. */
static void
close_construct(struct scan *s)
{
	struct scan_frame frame = s->frames[--s->frame_count];

	if (s->frame_count == 0)
		return;
	s->b->regions[frame.inner].end = s->position;
	s->b->regions[frame.region].end = s->position;
}

static void
mark_target(struct scan *s, uint32_t label)
{
	s->b->regions[s->frames[s->frame_count - 1 - label].region].is_target = true;
}

static void
scan_br_table(struct scan *s)
{
	uint32_t count = wasm_read_u32(&s->reader);

	for (uint32_t i = 0; i <= count; i++)
		mark_target(s, wasm_read_u32(&s->reader));
}

static void
scan_set_local(struct scan *s)
{
	uint32_t local = wasm_read_u32(&s->reader);

	if (!SCAN_GROW(s, sets, set))
		return;
	s->sets[s->set_count++] = (struct scan_set){
		.local = local,
		.position = s->position,
		.region = s->frames[s->frame_count - 1].inner,
	};
}

static void
scan_construct(struct scan *s, enum wasm_opcode opcode)
{
	open_construct(s, opcode == WASM_OP_LOOP ? REGION_LOOP
			  : opcode == WASM_OP_IF ? REGION_IF
						 : REGION_BLOCK);
	(void)wasm_read_block_type(&s->reader, s->b->module);
}

static void
scan_instruction(struct scan *s, enum wasm_opcode opcode)
{
	switch ((uint32_t)opcode) {
	case WASM_OP_BLOCK:
	case WASM_OP_LOOP:
	case WASM_OP_IF:
		scan_construct(s, opcode);
		break;
	case WASM_OP_ELSE:
		open_else(s);
		break;
	case WASM_OP_END:
		close_construct(s);
		break;
	case WASM_OP_BR:
	case WASM_OP_BR_IF:
	case WASM_OP_BR_ON_NULL:
	case WASM_OP_BR_ON_NON_NULL:
		mark_target(s, wasm_read_u32(&s->reader));
		break;
	case WASM_OP_BR_TABLE:
		scan_br_table(s);
		break;
	case WASM_OP_LOCAL_SET:
	case WASM_OP_LOCAL_TEE:
		scan_set_local(s);
		break;
	case WASM_OP_RETURN_CALL:
		if (wasm_read_u32(&s->reader) >= s->b->module->func_import_count)
			s->b->has_tail_call = true;
		break;
	case WASM_OP_RETURN_CALL_REF:
		/* Its callee may turn out to be known. */
		s->b->has_tail_call = true;
		wasm_skip_immediate(&s->reader, opcode);
		break;
	default:
		wasm_skip_immediate(&s->reader, opcode);
		break;
	}
}

/* The innermost region of the tree of joins at a point directly inside `raw`. */
static uint32_t
join_region(const struct builder *b, uint32_t raw)
{
	const struct region *region = &b->regions[raw];

	if (region->is_target && region->kind != REGION_LOOP)
		return raw;
	return region->region;
}

static uint32_t
loop_region(const struct builder *b, uint32_t raw)
{
	const struct region *region = &b->regions[raw];

	if (region->is_target && region->kind == REGION_LOOP)
		return raw;
	return region->loop;
}

/* Sets trees and jumps; parents have lower numbers than their children. */
static void
finish_regions(struct builder *b)
{
	for (uint32_t i = 1; i < b->region_count; i++) {
		struct region *region = &b->regions[i];
		const struct region *parent;
		const struct region *jump;

		region->region = join_region(b, region->parent);
		region->loop = loop_region(b, region->parent);
		region->parent = region->kind == REGION_LOOP ? region->loop : region->region;
		parent = &b->regions[region->parent];
		jump = &b->regions[parent->jump];
		region->depth = parent->depth + 1;
		region->jump = region->parent;
		if (parent->depth - jump->depth == jump->depth - b->regions[jump->jump].depth)
			region->jump = jump->jump;
	}
}

/* Counting sort by local; positions stay in order. */
static void
finish_sets(struct scan *s)
{
	struct builder *b = s->b;
	uint32_t sum = 0;

	b->sets = arena_alloc(b->scratch, (size_t)s->set_count * sizeof(*b->sets), 8);
	if (!b->sets) {
		ir_fail(b->fn, NB_OUT_OF_MEMORY);
		return;
	}
	b->set_count = s->set_count;
	for (uint32_t i = 0; i < s->set_count; i++)
		b->locals[s->sets[i].local].set_count++;
	for (uint32_t i = 0; i < b->local_count; i++) {
		b->locals[i].first_set = sum;
		sum += b->locals[i].set_count;
		b->locals[i].set_count = 0;
	}
	for (uint32_t i = 0; i < s->set_count; i++) {
		const struct scan_set *set = &s->sets[i];
		struct build_local *local = &b->locals[set->local];

		b->sets[local->first_set + local->set_count++] = (struct local_set){
			.position = set->position,
			.region = join_region(b, set->region),
			.value = 0,
		};
	}
}

enum nb_status
build_scan(struct builder *b)
{
	struct scan s = { .b = b, .reader = wasm_reader_at(b->module, b->code->code_offset) };

	s.position = b->code->offset;
	open_construct(&s, REGION_BODY);
	while (s.frame_count && ir_tick(b->fn, 1)) {
		s.position = wasm_reader_offset(b->module, &s.reader);
		scan_instruction(&s, wasm_read_opcode(&s.reader));
	}
	if (b->fn->status != NB_OK)
		return b->fn->status;
	finish_regions(b);
	finish_sets(&s);
	return b->fn->status;
}
