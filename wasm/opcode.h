/*
 * Instruction numbers and what is known about each, from opcode.def.
 *
 * An opcode of the binary format, prefixed or not, is one small number: the
 * second number of a prefixed opcode is added to the start of its prefix's
 * page. Tables indexed by it have WASM_OPCODE_COUNT entries.
 */
#ifndef WASM_OPCODE_H
#define WASM_OPCODE_H

#include "wasm/types.h"

enum {
	WASM_PAGE_00 = 0x000,
	WASM_PAGE_FB = 0x100,
	WASM_PAGE_FC = 0x140,
	WASM_PAGE_FE = 0x180,
	WASM_PAGE_FD = 0x200,
	WASM_OPCODE_COUNT = 0x400,
};

enum wasm_opcode {
#define WASM_OP(name, text, prefix, number, immediate, signature, width, feature) \
	WASM_OP_##name = WASM_PAGE_##prefix + (number),
#include "wasm/opcode.def"
#undef WASM_OP
};

/* What follows an opcode. "idx" is an unsigned LEB128 number of 32 bits. */
enum wasm_immediate {
	WASM_IMM_ILLEGAL = 0, /* there is no such instruction */
	WASM_IMM_PREFIX,      /* a prefix byte: number of the instruction */
	WASM_IMM_NONE,
	WASM_IMM_BLOCK,		/* block type */
	WASM_IMM_LABEL,		/* label idx, 0 = innermost */
	WASM_IMM_BR_TABLE,	/* count, label idx * count, default label idx */
	WASM_IMM_FUNC,		/* function idx */
	WASM_IMM_CALL_INDIRECT, /* type idx, table idx */
	WASM_IMM_SELECT,	/* count (1), value type * count */
	WASM_IMM_LOCAL,		/* local idx */
	WASM_IMM_GLOBAL,	/* global idx */
	WASM_IMM_TABLE,		/* table idx */
	WASM_IMM_TABLE_TABLE,	/* destination and source table idx */
	WASM_IMM_ELEM,		/* element segment idx */
	WASM_IMM_ELEM_TABLE,	/* element segment idx, table idx */
	WASM_IMM_MEMARG,	/* struct wasm_memarg */
	WASM_IMM_MEMARG_LANE,	/* struct wasm_memarg, lane byte */
	WASM_IMM_MEMORY,	/* memory idx */
	WASM_IMM_MEMORY_MEMORY, /* destination and source memory idx */
	WASM_IMM_DATA,		/* data segment idx */
	WASM_IMM_DATA_MEMORY,	/* data segment idx, memory idx */
	WASM_IMM_I32,		/* signed LEB128 of 32 bits */
	WASM_IMM_I64,		/* signed LEB128 of 64 bits */
	WASM_IMM_F32,		/* 4 bytes */
	WASM_IMM_F64,		/* 8 bytes */
	WASM_IMM_V128,		/* 16 bytes */
	WASM_IMM_SHUFFLE,	/* 16 lane bytes */
	WASM_IMM_LANE,		/* lane byte */
	WASM_IMM_ZERO_BYTE,	/* a zero byte */
	WASM_IMM_HEAP_TYPE,	/* heap type */
	WASM_IMM_TAG,		/* tag idx */
	WASM_IMM_TRY_TABLE,	/* block type, catch clauses */
	WASM_IMM_TYPE,		/* type idx */
	WASM_IMM_TYPE_FIELD,	/* type idx, field idx */
	WASM_IMM_TYPE_COUNT,	/* type idx, count */
	WASM_IMM_TYPE_DATA,	/* type idx, data segment idx */
	WASM_IMM_TYPE_ELEM,	/* type idx, element segment idx */
	WASM_IMM_TYPE_TYPE,	/* destination and source type idx */
	WASM_IMM_BR_ON_CAST,	/* flags, label idx, two heap types */
};

/* Operand kinds: enum wasm_valtype up to V128, and these. */
enum {
	WASM_KIND_NONE = WASM_BOTTOM,
	WASM_KIND_I32 = WASM_I32,
	WASM_KIND_I64 = WASM_I64,
	WASM_KIND_F32 = WASM_F32,
	WASM_KIND_F64 = WASM_F64,
	WASM_KIND_V128 = WASM_V128,
	WASM_KIND_ADDRESS = 0x1f,
};

enum { WASM_OPERANDS_SPECIAL = 255 };

struct wasm_opcode_info {
	uint8_t immediate;     /* enum wasm_immediate */
	uint8_t feature;       /* enum wasm_feature */
	uint8_t width;	       /* log2 of bytes accessed or of a lane's bytes */
	uint8_t operand_count; /* or WASM_OPERANDS_SPECIAL */
	uint8_t operands[3];   /* kinds, deepest first */
	uint8_t result;	       /* kind, WASM_KIND_NONE: no result */
};

/* By enum wasm_opcode. Entries that no row of opcode.def defines are zero,
 * those of the prefix bytes have WASM_IMM_PREFIX. */
extern const struct wasm_opcode_info wasm_opcode_info[WASM_OPCODE_COUNT];

/* "i32.add", …; "unknown instruction" for numbers that are none. */
const char *wasm_opcode_text(enum wasm_opcode opcode);

/* The page of a prefix byte and the count of numbers in it; false for bytes
 * that are no prefix. */
static inline bool
wasm_opcode_page(uint8_t prefix, uint32_t *page, uint32_t *count)
{
	switch (prefix) {
	case 0xfb:
		*page = WASM_PAGE_FB;
		*count = WASM_PAGE_FC - WASM_PAGE_FB;
		return true;
	case 0xfc:
		*page = WASM_PAGE_FC;
		*count = WASM_PAGE_FE - WASM_PAGE_FC;
		return true;
	case 0xfd:
		*page = WASM_PAGE_FD;
		*count = WASM_OPCODE_COUNT - WASM_PAGE_FD;
		return true;
	case 0xfe:
		*page = WASM_PAGE_FE;
		*count = WASM_PAGE_FD - WASM_PAGE_FE;
		return true;
	default:
		return false;
	}
}

#endif
