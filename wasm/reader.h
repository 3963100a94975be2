/*
 * Reading validated bytes: function bodies once more, after the validator.
 *
 * Nothing here checks a bound or a range; every function needs a reader that
 * stands where the validator has seen what is asked for. To walk a body:
 *
 *	struct wasm_reader r = wasm_reader_at(module, code->code_offset);
 *	while (wasm_reader_offset(module, &r) < code->offset + code->len) {
 *		enum wasm_opcode op = wasm_read_opcode(&r);
 *		... read its immediate, or wasm_skip_immediate(&r, op) ...
 *	}
 */
#ifndef WASM_READER_H
#define WASM_READER_H

#include "lib/string.h"
#include "wasm/module.h"
#include "wasm/opcode.h"

struct wasm_reader {
	const uint8_t *pos; /* next byte */
};

struct wasm_memarg {
	uint64_t offset;
	uint32_t memory_idx;
	uint32_t align_log2; /* a hint, at most the natural alignment */
};

static inline struct wasm_reader
wasm_reader_at(const struct wasm_module *module, uint32_t offset)
{
	return (struct wasm_reader){ module->bytes + offset };
}

/* The offset in the input of the next byte. */
static inline uint32_t
wasm_reader_offset(const struct wasm_module *module, const struct wasm_reader *r)
{
	return (uint32_t)(r->pos - module->bytes);
}

static inline uint8_t
wasm_read_byte(struct wasm_reader *r)
{
	return *r->pos++;
}

/* Longer encodings of the readers below; same meaning. */
uint64_t wasm_read_uleb_long(struct wasm_reader *r);
int64_t wasm_read_sleb_long(struct wasm_reader *r);

/* Unsigned LEB128 of at most 32 bits. */
static inline uint32_t
wasm_read_u32(struct wasm_reader *r)
{
	uint8_t byte = *r->pos;

	if (__builtin_expect(byte < 0x80, 1)) {
		r->pos++;
		return byte;
	}
	return (uint32_t)wasm_read_uleb_long(r);
}

static inline uint64_t
wasm_read_u64(struct wasm_reader *r)
{
	uint8_t byte = *r->pos;

	if (__builtin_expect(byte < 0x80, 1)) {
		r->pos++;
		return byte;
	}
	return wasm_read_uleb_long(r);
}

/* Signed LEB128 of at most 64 bits: also i32.const (s32) and s33. */
static inline int64_t
wasm_read_s64(struct wasm_reader *r)
{
	uint8_t byte = *r->pos;

	if (__builtin_expect(byte < 0x80, 1)) {
		r->pos++;
		return (int64_t)((uint64_t)byte << 57) >> 57;
	}
	return wasm_read_sleb_long(r);
}

static inline int32_t
wasm_read_s32(struct wasm_reader *r)
{
	return (int32_t)wasm_read_s64(r);
}

static inline int64_t
wasm_read_s33(struct wasm_reader *r)
{
	return wasm_read_s64(r);
}

/* The bits of a float constant; floats are never computed with here. */
static inline uint32_t
wasm_read_f32_bits(struct wasm_reader *r)
{
	uint32_t bits;

	memcpy(&bits, r->pos, sizeof(bits));
	r->pos += sizeof(bits);
	return bits;
}

static inline uint64_t
wasm_read_f64_bits(struct wasm_reader *r)
{
	uint64_t bits;

	memcpy(&bits, r->pos, sizeof(bits));
	r->pos += sizeof(bits);
	return bits;
}

/* A v128.const or the 16 lane numbers of i8x16.shuffle. */
static inline void
wasm_read_v128(struct wasm_reader *r, uint8_t out[16])
{
	memcpy(out, r->pos, 16);
	r->pos += 16;
}

static inline enum wasm_opcode
wasm_read_opcode(struct wasm_reader *r)
{
	uint8_t byte = *r->pos++;
	uint32_t page;
	uint32_t count;

	if (__builtin_expect(byte < 0xfb, 1))
		return (enum wasm_opcode)byte;
	if (!wasm_opcode_page(byte, &page, &count))
		return (enum wasm_opcode)byte;
	return (enum wasm_opcode)(page + wasm_read_u32(r));
}

/* The nullable reference type of a heap type: the immediate of ref.null. */
static inline enum wasm_valtype
wasm_read_heap_type(struct wasm_reader *r, const struct wasm_module *module)
{
	if ((*r->pos & 0xc0) == 0x40)
		return wasm_valtype_from_byte(*r->pos++);
	return wasm_valtype_typed(module->types[wasm_read_s33(r)].canonical_idx, true);
}

static inline enum wasm_valtype
wasm_read_valtype(struct wasm_reader *r, const struct wasm_module *module)
{
	uint8_t byte = *r->pos++;
	enum wasm_valtype type;

	if (__builtin_expect(byte != 0x63 && byte != 0x64, 1))
		return wasm_valtype_from_byte(byte);
	type = wasm_read_heap_type(r, module);
	return byte == 0x63 ? type : wasm_valtype_as_non_null(type);
}

/* The type of a block, loop or if. Never NULL; lives as long as the module. */
static inline const struct wasm_functype *
wasm_read_block_type(struct wasm_reader *r, const struct wasm_module *module)
{
	uint8_t byte = *r->pos;

	if (byte == 0x40) {
		r->pos++;
		return wasm_functype_shorthand(WASM_BOTTOM);
	}
	if ((byte & 0xc0) == 0x40)
		return wasm_module_block_type(module, wasm_read_valtype(r, module));
	return &module->types[wasm_read_s33(r)];
}

/* Bit 6 of the alignment says that a memory index follows. */
static inline struct wasm_memarg
wasm_read_memarg(struct wasm_reader *r)
{
	struct wasm_memarg arg;

	arg.align_log2 = wasm_read_u32(r);
	arg.memory_idx = 0;
	if (arg.align_log2 & 0x40) {
		arg.align_log2 &= 0x3f;
		arg.memory_idx = wasm_read_u32(r);
	}
	arg.offset = wasm_read_u64(r);
	return arg;
}

/* Passes over the immediate of `opcode`, which has just been read. Knows the
 * instructions of WASM_FEATURES_ALL. */
void wasm_skip_immediate(struct wasm_reader *r, enum wasm_opcode opcode);

/*
 * Local declarations, run by run. After wasm_locals_begin `runs` entries
 * follow, each read by wasm_locals_next; then the reader stands at
 * code_offset. A run may have count 0; parameters are not among them.
 */
struct wasm_locals {
	const struct wasm_module *module;
	struct wasm_reader reader;
	uint32_t runs; /* still to be read */
};

struct wasm_local_run {
	uint32_t count;
	enum wasm_valtype type;
};

static inline struct wasm_locals
wasm_locals_begin(const struct wasm_module *module, const struct wasm_code *code)
{
	struct wasm_locals locals = { module, wasm_reader_at(module, code->offset), 0 };

	locals.runs = wasm_read_u32(&locals.reader);
	return locals;
}

/* The next run; false (and *run untouched) when there is none. */
static inline bool
wasm_locals_next(struct wasm_locals *locals, struct wasm_local_run *run)
{
	if (locals->runs == 0)
		return false;
	locals->runs--;
	run->count = wasm_read_u32(&locals->reader);
	run->type = wasm_read_valtype(&locals->reader, locals->module);
	return true;
}

#endif
