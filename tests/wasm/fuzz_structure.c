/*
 * Structural mutations, see fuzz_structure.h.
 *
 * A body is taken apart into slices, one per instruction, which are then
 * edited as a list; a section is edited as bytes or gets one more item. Then
 * the module is written again with its lengths recomputed. Changes that leave
 * the module valid accumulate, so that features meet that no file combines.
 */
#include "tests/wasm/fuzz_structure.h"

#include "tests/wasm/fuzz_corpus.h"
#include "tests/wasm/host_arena.h"
#include "wasm/reader.h"

enum { SLICES_MOST = 3000, EDITS_MOST = 4 };

struct slice {
	uint32_t start; /* in `pool` */
	uint32_t len;
	uint16_t opcode; /* WASM_OPCODE_COUNT: several instructions */
};

/* A body in pieces. */
struct body {
	const struct wasm_module *module;
	uint64_t *random;
	struct fuzz_bytes pool; /* what the slices are made of */
	struct slice slices[SLICES_MOST];
	uint32_t count;
	uint32_t locals;
};

static uint32_t
below(struct body *b, uint32_t limit)
{
	return (uint32_t)fuzz_below(b->random, limit);
}

static void
insert(struct body *b, uint32_t at, struct slice slice)
{
	if (b->count == SLICES_MOST)
		return;
	memmove(&b->slices[at + 1], &b->slices[at], (b->count - at) * sizeof(slice));
	b->slices[at] = slice;
	b->count++;
}

/* The slice of what has been added to the pool since `start`. */
static struct slice
slice_since(const struct body *b, size_t start, unsigned opcode)
{
	return (struct slice){ (uint32_t)start, (uint32_t)(b->pool.len - start), (uint16_t)opcode };
}

/* Takes the body of `code` apart; false if it is too long. */
static bool
take_apart(struct body *b, const struct wasm_code *code)
{
	struct wasm_reader r = wasm_reader_at(b->module, code->code_offset);
	uint32_t end = code->offset + code->len;

	b->locals = code->local_count;
	fuzz_put(&b->pool, b->module->bytes + code->code_offset, end - code->code_offset);
	while (wasm_reader_offset(b->module, &r) < end) {
		uint32_t start = wasm_reader_offset(b->module, &r);
		enum wasm_opcode opcode = wasm_read_opcode(&r);

		wasm_skip_immediate(&r, opcode);
		if (b->count == SLICES_MOST)
			return false;
		b->slices[b->count++] = (struct slice){ start - code->code_offset,
							wasm_reader_offset(b->module, &r) - start,
							(uint16_t)opcode };
	}
	return b->count > 0;
}

/* ---- edits of bodies ---- */

/* Another opcode with the same kind of immediate and, mostly, types. */
static void
replace_opcode(struct body *b, uint32_t at)
{
	struct slice old = b->slices[at];
	size_t start = b->pool.len;
	const struct wasm_opcode_info *info;
	struct wasm_reader r;
	uint32_t skip;

	if (old.opcode == WASM_OPCODE_COUNT)
		return;
	info = &wasm_opcode_info[old.opcode];
	r = (struct wasm_reader){ b->pool.items + old.start };
	(void)wasm_read_opcode(&r);
	skip = (uint32_t)(r.pos - (b->pool.items + old.start));
	for (unsigned tries = 0; tries < 200; tries++) {
		uint32_t opcode = below(b, WASM_OPCODE_COUNT);
		const struct wasm_opcode_info *other = &wasm_opcode_info[opcode];
		struct fuzz_bytes rest = { 0 };

		if (other->immediate != info->immediate ||
		    !(WASM_FEATURES_ALL >> other->feature & 1) ||
		    (tries < 180 && memcmp(other->operands, info->operands, 4) != 0))
			continue;
		fuzz_put(&rest, b->pool.items + old.start + skip, old.len - skip);
		fuzz_put_opcode(&b->pool, (enum wasm_opcode)opcode);
		fuzz_put(&b->pool, rest.items, rest.len);
		free(rest.items);
		b->slices[at] = slice_since(b, start, opcode);
		return;
	}
}

static void
replace_immediate(struct body *b, uint32_t at)
{
	enum wasm_opcode opcode = (enum wasm_opcode)b->slices[at].opcode;
	size_t start = b->pool.len;

	if (b->slices[at].opcode == WASM_OPCODE_COUNT)
		return;
	fuzz_put_opcode(&b->pool, opcode);
	fuzz_make_immediate(&b->pool, b->module, opcode, b->locals, b->random);
	b->slices[at] = slice_since(b, start, opcode);
}

/* Any instructions where the stack is polymorphic. */
static void
insert_unreachable(struct body *b, uint32_t at)
{
	size_t start = b->pool.len;

	fuzz_put_byte(&b->pool, WASM_OP_UNREACHABLE);
	for (uint32_t i = below(b, 4) + 1; i > 0; i--)
		fuzz_make_instruction(&b->pool, b->module, b->locals, b->random);
	fuzz_put_byte(&b->pool, WASM_OP_UNREACHABLE);
	insert(b, at, slice_since(b, start, WASM_OPCODE_COUNT));
}

static void
insert_statement(struct body *b, uint32_t at)
{
	size_t start = b->pool.len;

	fuzz_make_statement(&b->pool, b->module, b->locals, b->random);
	insert(b, at, slice_since(b, start, WASM_OPCODE_COUNT));
}

static void
insert_instruction(struct body *b, uint32_t at)
{
	size_t start = b->pool.len;

	fuzz_make_instruction(&b->pool, b->module, b->locals, b->random);
	insert(b, at, slice_since(b, start, WASM_OPCODE_COUNT));
}

/* A block around what stands from `at` to some later place. */
static void
insert_block(struct body *b, uint32_t at)
{
	uint32_t end = at + below(b, b->count - at);
	enum wasm_opcode opcode = below(b, 3) ? WASM_OP_BLOCK : WASM_OP_LOOP;
	size_t start = b->pool.len;

	fuzz_put_byte(&b->pool, WASM_OP_END);
	insert(b, end, slice_since(b, start, WASM_OP_END));
	start = b->pool.len;
	fuzz_put_byte(&b->pool, opcode);
	fuzz_make_immediate(&b->pool, b->module, opcode, 0, b->random);
	insert(b, at, slice_since(b, start, opcode));
}

static void
edit_body(struct body *b)
{
	uint32_t at = below(b, b->count);
	uint32_t other = below(b, b->count);
	struct slice slice = b->slices[at];

	switch (below(b, 12)) {
	case 0:
		b->count--;
		memmove(&b->slices[at], &b->slices[at + 1], (b->count - at) * sizeof(slice));
		break;
	case 1:
		insert(b, other, slice);
		break;
	case 2:
		b->slices[at] = b->slices[other];
		b->slices[other] = slice;
		break;
	case 3:
	case 4:
		replace_immediate(b, at);
		break;
	case 5:
	case 6:
		replace_opcode(b, at);
		break;
	case 7:
	case 8:
		insert_unreachable(b, at);
		break;
	case 9:
		insert_statement(b, at);
		break;
	case 10:
		insert_instruction(b, at);
		break;
	default:
		insert_block(b, at);
		break;
	}
}

/* Writes the local declarations of `code`, sometimes with one more. */
static void
put_locals(struct fuzz_bytes *out, struct body *b, const struct wasm_code *code)
{
	struct wasm_reader r = wasm_reader_at(b->module, code->offset);
	uint32_t runs = wasm_read_u32(&r);
	uint32_t start = wasm_reader_offset(b->module, &r);
	bool has_more = below(b, 4) == 0;

	fuzz_put_unsigned(out, runs + has_more);
	fuzz_put(out, r.pos, code->code_offset - start);
	if (has_more) {
		fuzz_put_unsigned(out, below(b, 3));
		fuzz_make_valtype(out, b->module, b->random);
	}
}

static void
put_edited_body(struct fuzz_bytes *out, const struct wasm_module *module,
		const struct wasm_code *code, uint64_t *random)
{
	static struct body b;
	struct fuzz_bytes body = { 0 };

	b.module = module;
	b.random = random;
	b.count = 0;
	b.pool.len = 0;
	if (take_apart(&b, code)) {
		for (uint32_t edits = 1 + below(&b, EDITS_MOST); edits > 0 && b.count > 0; edits--)
			edit_body(&b);
		put_locals(&body, &b, code);
		for (uint32_t i = 0; i < b.count; i++)
			fuzz_put(&body, b.pool.items + b.slices[i].start, b.slices[i].len);
	} else {
		fuzz_put(&body, module->bytes + code->offset, code->len);
	}
	fuzz_put_unsigned(out, body.len);
	fuzz_put(out, body.items, body.len);
	free(body.items);
}

/* ---- sections ---- */

static void
put_section(struct fuzz_bytes *out, unsigned number, struct fuzz_bytes *contents)
{
	fuzz_put_byte(out, number);
	fuzz_put_unsigned(out, contents->len);
	fuzz_put(out, contents->items, contents->len);
	free(contents->items);
}

static void
put_code_section(struct fuzz_bytes *out, const struct wasm_module *module, uint64_t *random)
{
	struct fuzz_bytes contents = { 0 };
	size_t chosen = fuzz_below(random, module->code_count);

	fuzz_put_unsigned(&contents, module->code_count);
	for (uint32_t i = 0; i < module->code_count; i++) {
		const struct wasm_code *code = &module->codes[i];

		if (i == chosen) {
			put_edited_body(&contents, module, code, random);
			continue;
		}
		fuzz_put_unsigned(&contents, code->len);
		fuzz_put(&contents, module->bytes + code->offset, code->len);
	}
	put_section(out, 10, &contents);
}

/* The contents with one more item behind those there are. */
static void
put_longer_section(struct fuzz_bytes *out, const struct wasm_module *module, unsigned number,
		   const uint8_t *bytes, size_t len, uint64_t *random)
{
	struct wasm_reader r = { bytes };
	struct fuzz_bytes contents = { 0 };
	uint32_t count = len > 0 ? wasm_read_u32(&r) : 0;
	size_t used = (size_t)(r.pos - bytes);
	struct fuzz_bytes item = { 0 };

	fuzz_make_item(&item, module, number, random);
	fuzz_put_unsigned(&contents, count + 1);
	fuzz_put(&contents, r.pos, len - used);
	fuzz_put(&contents, item.items, item.len);
	free(item.items);
	put_section(out, number, &contents);
}

/* The contents with some bytes changed, added or missing. */
static void
put_mangled_section(struct fuzz_bytes *out, unsigned number, const uint8_t *bytes, size_t len,
		    uint64_t *random)
{
	static const uint8_t telling[] = { 0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x0b,
					   0x23, 0x40, 0x41, 0x42, 0x60, 0x63, 0x64, 0x6a, 0x6f,
					   0x70, 0x7b, 0x7c, 0x7d, 0x7e, 0x7f, 0xd0, 0xd2 };
	struct fuzz_bytes contents = { 0 };
	size_t at = fuzz_below(random, len);
	size_t kind = fuzz_below(random, 4);

	fuzz_put(&contents, bytes, at);
	if (len > 0) {
		if (kind == 0)
			fuzz_put_byte(&contents, bytes[at] ^ 1u << fuzz_below(random, 8));
		else if (kind != 3)
			fuzz_put_byte(&contents, telling[fuzz_below(random, sizeof(telling))]);
		if (kind == 2)
			at--;
		fuzz_put(&contents, bytes + at + 1, len - at - 1);
	}
	put_section(out, number, &contents);
}

/* Where a section stands among the others; custom sections anywhere. */
static unsigned
order_of(unsigned number)
{
	static const uint8_t orders[] = { 0, 1, 2, 3, 4, 5, 7, 8, 9, 10, 12, 13, 11, 6 };

	return number < sizeof(orders) ? orders[number] : 0;
}

static const uint8_t sections_with_items[] = { 1, 2, 4, 5, 6, 7, 9, 11 };

/* Copies bytes[0..len), a module behind its header, with one more item in
 * section `number`, which may be missing. */
static void
add_item(struct fuzz_bytes *out, const struct wasm_module *module, unsigned number,
	 const uint8_t *bytes, size_t len, uint64_t *random)
{
	struct wasm_reader r = { bytes };
	const uint8_t *end = bytes + len;
	bool is_done = false;

	while (r.pos < end) {
		const uint8_t *start = r.pos;
		unsigned present = wasm_read_byte(&r);
		uint32_t section_len = wasm_read_u32(&r);

		if (!is_done && present != 0 && order_of(present) >= order_of(number)) {
			put_longer_section(out, module, number, r.pos,
					   present == number ? section_len : 0, random);
			is_done = true;
		}
		if (present != number)
			fuzz_put(out, start, (size_t)(r.pos - start) + section_len);
		r.pos += section_len;
	}
	if (!is_done)
		put_longer_section(out, module, number, end, 0, random);
}

/* One more function: its type in one section and its body in another. */
static void
add_function(struct fuzz_bytes *out, const struct wasm_module *module, uint64_t *random)
{
	struct fuzz_bytes typed = { 0 };

	add_item(&typed, module, 3, module->bytes + 8, module->len - 8, random);
	add_item(out, module, 10, typed.items, typed.len, random);
	free(typed.items);
}

/* Copies the module; the section that comes as number `chosen` is changed. */
static void
change_section(struct fuzz_bytes *out, const struct wasm_module *module, size_t chosen,
	       uint64_t *random)
{
	struct wasm_reader r = { module->bytes + 8 };
	const uint8_t *end = module->bytes + module->len;

	for (size_t i = 0; r.pos < end; i++) {
		const uint8_t *start = r.pos;
		unsigned number = wasm_read_byte(&r);
		uint32_t len = wasm_read_u32(&r);

		if (i == chosen)
			put_mangled_section(out, number, r.pos, len, random);
		else
			fuzz_put(out, start, (size_t)(r.pos - start) + len);
		r.pos += len;
	}
}

static void
change_code(struct fuzz_bytes *out, const struct wasm_module *module, uint64_t *random)
{
	struct wasm_reader r = { module->bytes + 8 };
	const uint8_t *end = module->bytes + module->len;

	while (r.pos < end) {
		const uint8_t *start = r.pos;
		unsigned number = wasm_read_byte(&r);
		uint32_t len = wasm_read_u32(&r);

		if (number == 10)
			put_code_section(out, module, random);
		else
			fuzz_put(out, start, (size_t)(r.pos - start) + len);
		r.pos += len;
	}
}

static bool
is_valid(const struct fuzz_bytes *module_bytes)
{
	static const struct wasm_features features = { .set = WASM_FEATURES_ALL };
	struct host_arena host;
	struct wasm_module module;
	struct diag diag;
	enum nb_status status;

	host_arena_init(&host, SIZE_MAX);
	diag_init(&diag);
	status = wasm_module_decode(&module, &host.arena, module_bytes->items, module_bytes->len,
				    &features, &diag);
	arena_reset(&host.arena);
	return status == NB_OK;
}

/* Appends a copy of `module` with one change. */
static void
change(struct fuzz_bytes *out, const struct wasm_module *module, uint64_t *random)
{
	size_t choice = fuzz_below(random, 12);
	unsigned number = sections_with_items[fuzz_below(random, sizeof(sections_with_items))];

	fuzz_put(out, module->bytes, 8);
	if (choice < 6 && module->code_count > 0)
		change_code(out, module, random);
	else if (choice < 8 && module->type_count > 0)
		add_function(out, module, random);
	else if (choice < 11)
		add_item(out, module, number, module->bytes + 8, module->len - 8, random);
	else
		change_section(out, module, fuzz_below(random, 8), random);
}

/* The module in base[0..len), which is valid, with one change. */
static struct fuzz_bytes
changed(const struct fuzz_bytes *base, uint64_t *random)
{
	static const struct wasm_features features = { .set = WASM_FEATURES_ALL };
	struct fuzz_bytes variant = { 0 };
	struct host_arena host;
	struct wasm_module module;
	struct diag diag;

	host_arena_init(&host, SIZE_MAX);
	diag_init(&diag);
	if (wasm_module_decode(&module, &host.arena, base->items, base->len, &features, &diag))
		fuzz_fail("a valid module is refused");
	change(&variant, &module, random);
	arena_reset(&host.arena);
	return variant;
}

struct fuzz_bytes
fuzz_structure(const uint8_t *bytes, size_t len, uint64_t *random)
{
	size_t steps = 1 + fuzz_below(random, fuzz_below(random, 4) == 0 ? 24 : 3);
	struct fuzz_bytes base = { 0 };
	struct fuzz_bytes variant;

	fuzz_put(&base, bytes, len);
	for (;;) {
		variant = changed(&base, random);
		if (--steps == 0)
			break;
		if (is_valid(&variant)) {
			free(base.items);
			base = variant;
		} else {
			free(variant.items);
		}
	}
	free(base.items);
	return variant;
}
