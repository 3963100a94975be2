/*
 * The longer readers of validated bytes.
 */
#include "wasm/reader.h"

/* The bits of a number, and how many; those above are zeroes. */
static uint64_t
read_bits(struct wasm_reader *r, unsigned *out_count)
{
	uint64_t value = 0;
	unsigned shift = 0;
	uint8_t byte;

	do {
		byte = *r->pos++;
		value |= (uint64_t)(byte & 0x7f) << shift;
		shift += 7;
	} while (byte & 0x80);
	*out_count = shift;
	return value;
}

uint64_t
wasm_read_uleb_long(struct wasm_reader *r)
{
	unsigned count;

	return read_bits(r, &count);
}

int64_t
wasm_read_sleb_long(struct wasm_reader *r)
{
	unsigned count;
	uint64_t value = read_bits(r, &count);

	if (count < 64 && value >> (count - 1))
		value |= UINT64_MAX << count;
	return (int64_t)value;
}

static void
skip_leb(struct wasm_reader *r)
{
	while (*r->pos++ & 0x80)
		continue;
}

static void
skip_valtype(struct wasm_reader *r)
{
	uint8_t byte = *r->pos++;

	if (byte == 0x63 || byte == 0x64)
		skip_leb(r);
}

void
wasm_skip_immediate(struct wasm_reader *r, enum wasm_opcode opcode)
{
	switch (wasm_opcode_info[opcode].immediate) {
	case WASM_IMM_BLOCK:
		if ((*r->pos & 0xc0) == 0x40)
			skip_valtype(r);
		else
			skip_leb(r);
		break;
	case WASM_IMM_LABEL:
	case WASM_IMM_FUNC:
	case WASM_IMM_LOCAL:
	case WASM_IMM_GLOBAL:
	case WASM_IMM_TABLE:
	case WASM_IMM_ELEM:
	case WASM_IMM_MEMORY:
	case WASM_IMM_DATA:
	case WASM_IMM_I32:
	case WASM_IMM_I64:
	case WASM_IMM_HEAP_TYPE:
	case WASM_IMM_TYPE:
		skip_leb(r);
		break;
	case WASM_IMM_CALL_INDIRECT:
	case WASM_IMM_TABLE_TABLE:
	case WASM_IMM_ELEM_TABLE:
	case WASM_IMM_MEMORY_MEMORY:
	case WASM_IMM_DATA_MEMORY:
		skip_leb(r);
		skip_leb(r);
		break;
	case WASM_IMM_BR_TABLE:
		for (uint32_t targets = wasm_read_u32(r) + 1; targets > 0; targets--)
			skip_leb(r);
		break;
	case WASM_IMM_SELECT:
		for (uint32_t types = wasm_read_u32(r); types > 0; types--)
			skip_valtype(r);
		break;
	case WASM_IMM_MEMARG:
		wasm_read_memarg(r);
		break;
	case WASM_IMM_MEMARG_LANE:
		wasm_read_memarg(r);
		r->pos++;
		break;
	case WASM_IMM_LANE:
	case WASM_IMM_ZERO_BYTE:
		r->pos++;
		break;
	case WASM_IMM_F32:
		r->pos += 4;
		break;
	case WASM_IMM_F64:
		r->pos += 8;
		break;
	case WASM_IMM_V128:
	case WASM_IMM_SHUFFLE:
		r->pos += 16;
		break;
	default:
		break;
	}
}
