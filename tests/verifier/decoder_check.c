/*
 * The verifier's decoder against an independent one.
 *
 *	decoder_check [--every N] [--random N] [--start BYTES]
 *
 * Goes through all instructions there can be: every prefix or VEX prefix, opcode, ModRM
 * and SIB byte, with samples of displacements and immediates; then through all starts of
 * some bytes, and random bytes. Whatever the verifier's decoder accepts, the other must
 * decode likewise, and every form with every register must have been accepted.
 *
 *   --every N      of the SIB bytes, every Nth is tried, by chance, and of the ModRM bytes
 *                  behind long VEX prefixes four times as many (1)
 *   --random N     so many random ones (1000000)
 *   --start BYTES  all starts of so many bytes, 0 to 4 (3)
 */
#include "tests/compiler/x64/form_check.h"
#include "verifier/decode.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROOM = 24, FAILURES_SHOWN = 20 };

struct form_seen {
	uint64_t count;
	uint16_t regs, rms, bases, indexes, vvvvs, conditions;
	bool is_rip;
};

struct check {
	ZydisDecoder zydis;
	struct form_seen seen[NB_FORM_COUNT];
	uint64_t tried, accepted, failed, rng;
	uint32_t every;
};

static uint64_t
next_random(struct check *c)
{
	uint64_t x = c->rng += 0x9e3779b97f4a7c15ull;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ull;
	x = (x ^ x >> 27) * 0x94d049bb133111ebull;
	return x ^ x >> 31;
}

/* --- one instruction --------------------------------------------------------- */

static struct x64_rm
rm_of(const struct vf_inst *inst)
{
	switch ((enum vf_operand)inst->operand) {
	case VF_NONE:
		break;
	case VF_REGISTER:
		return x64_rm_reg(inst->base);
	case VF_MEMORY:
		return x64_rm_indexed(inst->base == VF_NO_REG ? X64_NO_REG : inst->base,
				      inst->index == VF_NO_REG ? X64_NO_REG : inst->index,
				      inst->scale, inst->disp);
	case VF_RIP:
		return (struct x64_rm){ .kind = X64_RM_RIP, .disp = inst->disp };
	}
	return (struct x64_rm){ .kind = X64_RM_NONE };
}

static void
note(struct form_seen *seen, const struct vf_inst *inst)
{
	seen->count++;
	seen->conditions |= (uint16_t)(1u << (inst->opcode & 15));
	seen->regs |= (uint16_t)(1u << inst->reg);
	if (inst->form->info.kind == NB_FORM_VEX_ENCODED)
		seen->vvvvs |= (uint16_t)(1u << inst->vvvv);
	if (inst->operand == VF_REGISTER)
		seen->rms |= (uint16_t)(1u << inst->base);
	if (inst->operand == VF_MEMORY && inst->base != VF_NO_REG)
		seen->bases |= (uint16_t)(1u << inst->base);
	if (inst->operand == VF_MEMORY && inst->index != VF_NO_REG)
		seen->indexes |= (uint16_t)(1u << inst->index);
	seen->is_rip |= inst->operand == VF_RIP;
}

/* What the verifier goes by: the columns, and what is written to which general
 * registers. It may know less than what happens. */
static const char *
check_row(const struct vf_inst *inst, const struct form_inst *form)
{
	const struct nb_form_info *a = &inst->form->info, *b = form->info;
	uint64_t effect = inst->effect;

	if (a->access != b->access || a->bytes != b->bytes || a->rm != b->rm ||
	    a->feature != b->feature || a->reg != b->reg || a->imm != b->imm)
		return "the columns differ";
	for (uint32_t i = 0; i < 16; i++) {
		/* 1, 2, 4 or 8 bytes */
		uint32_t bytes = form->written >> 4 * i & 15;

		if ((effect >> (VF_WRITTEN + i) & 1) != (bytes != 0))
			return "other registers are written";
		if (!bytes || effect >> (VF_WIDE + i) & 1)
			continue;
		if (effect >> (VF_EXTENDED + i) & 1 ? bytes != 4 : bytes > 2)
			return "the upper half is not what is said";
	}
	return NULL;
}

static enum verifier_rule
try_bytes(struct check *c, const uint8_t *bytes)
{
	struct vf_inst inst;
	enum verifier_rule rule = vf_decode(UINT32_MAX, bytes, ROOM, &inst);

	c->tried++;
	if (rule != VERIFIER_NONE)
		return rule;
	c->accepted++;
	struct form_inst form = {
		.info = x64_form_info((enum nb_form)vf_form(&inst)),
		.form = (enum nb_form)vf_form(&inst),
		.ops = { .reg = inst.reg,
			 .vvvv = inst.form->info.kind == NB_FORM_VEX_ENCODED ? inst.vvvv : 0,
			 .cc = inst.opcode & 15,
			 .rm = rm_of(&inst),
			 .imm = inst.form->imm_bytes ? inst.imm : 0 },
		.bytes = bytes,
		.len = inst.len,
	};
	const char *wrong = form_check(&c->zydis, &form);

	if (!wrong)
		wrong = check_row(&inst, &form);
	note(&c->seen[form.form], &inst);
	if (wrong && c->failed++ < FAILURES_SHOWN) {
		printf("%s (form %u), %s:", x64_form_text(form.form), form.form, wrong);
		for (uint32_t i = 0; i < inst.len; i++)
			printf(" %02x", bytes[i]);
		printf("\n");
	}
	return rule;
}

/* --- everything behind the opcode ----------------------------------------------- */

/* Displacement, immediate, or both: of one and four bytes, short and long. */
static const uint8_t tails[][12] = {
	{ 0 },
	{ 0x10, 0x32, 0x54, 0x76, 0x01, 0x00, 0x00, 0x00, 0x00 },
	{ 0x01, 0x00, 0x00, 0x80, 0x03, 0x02, 0x01, 0x80, 0x80, 0x7f, 0x01, 0x90 },
	{ 0x80, 0xff, 0xff, 0xff, 0x80, 0xff, 0xff, 0xff },
	{ 0x7f, 0x00, 0x00, 0x00, 0x07, 0x00, 0x00, 0x00 },
	{ 0xff, 0xff, 0xff, 0x7f, 0xf0, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff, 0x7f },
	{ 0x0f, 0xf0, 0x80, 0x00, 0x0f, 0x80, 0x00, 0x00, 0x00, 0x00, 0x00, 0x80 },
};
enum { TAILS = sizeof(tails) / sizeof(*tails) };

/* Tries `bytes`, of which `len` are there, with all tails. */
static enum verifier_rule
try_tails(struct check *c, uint8_t *bytes, uint32_t len)
{
	enum verifier_rule best = VERIFIER_INSTRUCTION;

	for (uint32_t i = 0; i <= TAILS; i++) {
		uint64_t random = next_random(c);
		enum verifier_rule rule;

		if (i < TAILS) {
			memcpy(bytes + len, tails[i], sizeof(*tails));
		} else {
			memcpy(bytes + len, &random, sizeof(random));
		}
		rule = try_bytes(c, bytes);
		if (rule != VERIFIER_INSTRUCTION)
			best = rule;
		else if (i == 0)
			break; /* no tail makes another instruction of it */
	}
	return best;
}

/* Tries what begins with the `len` bytes up to the opcode, and of the ModRM bytes
 * every Nth. */
static void
try_operands(struct check *c, uint8_t *bytes, uint32_t len, uint32_t every)
{
	for (uint32_t modrm = 0; modrm < 256; modrm++) {
		if (every > 1 && next_random(c) % every)
			continue;
		bytes[len] = (uint8_t)modrm;
		if (modrm >= 0xc0 || (modrm & 7) != 4) {
			try_tails(c, bytes, len + 1);
			continue;
		}
		for (uint32_t sib = 0; sib < 256; sib++) {
			if (c->every > 1 && next_random(c) % c->every)
				continue;
			bytes[len + 1] = (uint8_t)sib;
			if (try_tails(c, bytes, len + 2) == VERIFIER_INSTRUCTION)
				break; /* nor does a SIB byte */
		}
	}
}

/* --- everything before it --------------------------------------------------------- */

static void
try_maps(struct check *c, uint8_t *bytes, uint32_t len)
{
	static const struct {
		uint8_t bytes[2];
		uint32_t len;
	} maps[] = { { { 0 }, 0 }, { { 0x0f }, 1 }, { { 0x0f, 0x38 }, 2 }, { { 0x0f, 0x3a }, 2 } };

	for (uint32_t map = 0; map < 4; map++) {
		memcpy(bytes + len, maps[map].bytes, sizeof(maps[map].bytes));
		for (uint32_t opcode = 0; opcode < 256; opcode++) {
			bytes[len + maps[map].len] = (uint8_t)opcode;
			try_operands(c, bytes, len + maps[map].len + 1, 1);
		}
	}
}

static void
try_legacy(struct check *c)
{
	static const struct {
		uint8_t bytes[3];
		uint32_t len;
	} prefixes[] = {
		{ { 0 }, 0 },
		{ { 0x66 }, 1 },
		{ { 0xf2 }, 1 },
		{ { 0xf3 }, 1 },
		{ { 0xf0 }, 1 },
		{ { 0x2e }, 1 },
		{ { 0x36 }, 1 },
		{ { 0x3e }, 1 },
		{ { 0x26 }, 1 },
		{ { 0x64 }, 1 },
		{ { 0x65 }, 1 },
		{ { 0x67 }, 1 },
		{ { 0xf0, 0x66 }, 2 },
		{ { 0x66, 0xf0 }, 2 },
		{ { 0xf0, 0xf2 }, 2 },
		{ { 0xf2, 0xf0 }, 2 },
		{ { 0xf0, 0xf3 }, 2 },
		{ { 0xf3, 0xf0 }, 2 },
		{ { 0x66, 0xf2 }, 2 },
		{ { 0xf2, 0x66 }, 2 },
		{ { 0x66, 0xf3 }, 2 },
		{ { 0xf3, 0x66 }, 2 },
		{ { 0xf2, 0xf3 }, 2 },
		{ { 0x66, 0x66 }, 2 },
		{ { 0xf3, 0xf3 }, 2 },
		{ { 0xf0, 0xf0 }, 2 },
		{ { 0x67, 0x66 }, 2 },
		{ { 0x66, 0x67 }, 2 },
		{ { 0xf0, 0x66, 0xf3 }, 3 },
		{ { 0x64, 0x66 }, 2 },
		{ { 0x66, 0x64 }, 2 },
		{ { 0x66, 0xf2, 0xf0 }, 3 },
	};

	for (uint32_t i = 0; i < sizeof(prefixes) / sizeof(*prefixes); i++)
		for (uint32_t rex = 0x3f; rex < 0x50; rex++) {
			uint8_t bytes[ROOM] = { 0 };
			uint32_t len = prefixes[i].len;

			memcpy(bytes, prefixes[i].bytes, sizeof(prefixes[i].bytes));
			if (rex >= 0x40)
				bytes[len++] = (uint8_t)rex;
			try_maps(c, bytes, len);
		}
}

static void
try_vex(struct check *c)
{
	for (uint32_t first = 0; first < 256; first++) {
		uint8_t bytes[ROOM] = { 0xc5, (uint8_t)first };

		for (uint32_t opcode = 0; opcode < 256; opcode++) {
			bytes[2] = (uint8_t)opcode;
			try_operands(c, bytes, 3, 1);
		}
	}
	for (uint32_t first = 0; first < 256; first++)
		for (uint32_t second = 0; second < 256; second++) {
			uint8_t bytes[ROOM] = { 0xc4, (uint8_t)first, (uint8_t)second };

			/* Reserved maps: one opcode of each is like the next. */
			for (uint32_t opcode = 0; opcode < ((first & 31) > 3 ? 2u : 256u);
			     opcode++) {
				bytes[3] = (uint8_t)opcode;
				try_operands(c, bytes, 4, (c->every + 3) / 4);
			}
		}
}

/* --- regardless of what bytes mean --------------------------------------------------- */

static void
fill_random(struct check *c, uint8_t *bytes)
{
	for (uint32_t i = 0; i < ROOM; i += 8) {
		uint64_t x = next_random(c);

		memcpy(bytes + i, &x, 8);
	}
}

static void
try_starts(struct check *c, uint32_t count)
{
	uint8_t bytes[ROOM];

	for (uint64_t i = 0; count && i < 1ull << 8 * count; i++) {
		if (i % 64 == 0)
			fill_random(c, bytes);
		memcpy(bytes, &i, count);
		try_bytes(c, bytes);
	}
}

static void
try_random(struct check *c, uint64_t count)
{
	static const uint8_t likely[] = { 0x66, 0xf2, 0xf3, 0xf0, 0x40, 0x41, 0x44, 0x45, 0x48,
					  0x4c, 0x4d, 0x4f, 0x0f, 0x38, 0x3a, 0xc4, 0xc5 };

	for (uint64_t i = 0; i < count; i++) {
		uint8_t bytes[ROOM];

		fill_random(c, bytes);
		for (uint64_t x = next_random(c), at = 0; at < 4 && x & 1; x >>= 16, at++)
			bytes[at] = likely[(x >> 1) % sizeof(likely)];
		try_bytes(c, bytes);
	}
}

/* --- all -------------------------------------------------------------------------------- */

/* Whether a form has been tried with all that it may have. */
static bool
was_exercised(const struct check *c, uint32_t form)
{
	const struct nb_form_info *info = x64_form_info((enum nb_form)form);
	const struct form_seen *seen = &c->seen[form];
	bool has_reg = info->reg >= NB_REG_G8 && info->reg <= NB_REG_OPCODE;
	bool has_vvvv = info->kind == NB_FORM_VEX_ENCODED && info->vvvv != NB_REG_NONE;

	return seen->count && (!has_reg || seen->regs == UINT16_MAX) &&
	       (!has_vvvv || seen->vvvvs == UINT16_MAX) &&
	       (info->kind != NB_FORM_CONDITION || seen->conditions == UINT16_MAX) &&
	       (!(info->rm & (NB_RM_G8 | NB_RM_G | NB_RM_X)) || seen->rms == UINT16_MAX) &&
	       (!(info->rm & (NB_RM_M | NB_RM_ADDRESS)) ||
		(seen->bases == UINT16_MAX && seen->is_rip &&
		 seen->indexes == (UINT16_MAX & ~(1 << NB_RSP))));
}

static uint32_t
count_missing(const struct check *c)
{
	uint32_t missing = 0;

	for (uint32_t form = 0; form < NB_FORM_COUNT; form++) {
		/* The bytes of a template, which the verifier compares as they are. */
		if (x64_form_info((enum nb_form)form)->rm & NB_RM_TABLE)
			continue;
		if (was_exercised(c, form))
			continue;
		printf("form %u (%s) was not accepted with all its registers\n", form,
		       x64_form_text((enum nb_form)form));
		missing++;
	}
	return missing;
}

int
main(int argc, char **argv)
{
	static struct check c = { .every = 1, .rng = 1 };
	uint64_t random = 1000000, start = 3;

	for (int i = 1; i + 1 < argc; i += 2) {
		uint64_t value = strtoull(argv[i + 1], NULL, 0);

		if (strcmp(argv[i], "--every") == 0)
			c.every = (uint32_t)value;
		else if (strcmp(argv[i], "--random") == 0)
			random = value;
		else if (strcmp(argv[i], "--start") == 0)
			start = value;
		else
			return 2;
	}
	ZydisDecoderInit(&c.zydis, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
	try_legacy(&c);
	try_vex(&c);
	try_starts(&c, (uint32_t)start);
	try_random(&c, random);
	uint32_t missing = count_missing(&c);
	printf("%" PRIu64 " tried, %" PRIu64 " accepted, %" PRIu64
	       " decoded otherwise, %u forms not exercised\n",
	       c.tried, c.accepted, c.failed, missing);
	return c.failed || missing;
}
