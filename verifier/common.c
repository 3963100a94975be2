/*
 * The scan over a function, and the instructions of which nearly all code consists.
 *
 * These are decoded and checked here in one go. What is not one of them, not in its
 * one encoding, or not obviously right is looked at from its start by operand.c, which
 * would say the same of all that is accepted here. As what comes next in code is hard
 * to predict, choices are made by arithmetic where that is possible.
 */
#include "verifier/scan.h"

#include "lib/string.h"

#define ALWAYS_INLINE inline __attribute__((always_inline))

/* --- labels and claims ----------------------------------------------------- */

static ALWAYS_INLINE bool
edge(struct scan *s, int64_t target, uint32_t open, uint32_t plain)
{
	if (target < s->own_at || target >= s->size)
		return scan_refuse(s, VERIFIER_LABEL);
	uint32_t mark = s->marks[target];
	uint32_t unclaimed = open & ~mark & MARK_OPEN;

	if (mark & MARK_LABEL ? unclaimed != 0 : target <= s->at)
		return scan_refuse(s, mark & MARK_LABEL ? VERIFIER_CLAIM : VERIFIER_LABEL);
	s->pending += !mark;
	s->marks[target] = (uint16_t)(mark | unclaimed | MARK_TARGET | plain);
	return true;
}

bool
scan_edge(struct scan *s, int64_t target, uint32_t open, uint32_t plain)
{
	return edge(s, target, open, plain);
}

bool
scan_join(struct scan *s)
{
	uint32_t mark = s->marks[s->at];

	/* What R11, R10 or EDX held on one way in. */
	s->scratch_at = s->at;
	s->scratch = SCRATCH_ANY;
	s->port_at = UINT32_MAX;
	if (mark & MARK_LABEL) {
		if (s->is_reached && s->open & ~mark & MARK_OPEN)
			return scan_refuse(s, VERIFIER_CLAIM);
		s->claims--;
	} else {
		if (!s->is_reached && !(mark & MARK_PLAIN))
			s->scratch = SCRATCH_UNFIT;
		s->pending--;
	}
	s->open = mark | (s->is_reached ? s->open : 0) | (SCAN_GPRS & ~MARK_OPEN);
	s->is_reached = true;
	return true;
}

/* --- operands ------------------------------------------------------------------------ */

struct head {
	uint64_t word; /* from the opcode on */
	const struct vf_head *rex;
	uint32_t opcode;   /* of vf_decoder.opcodes */
	size_t opcode_end; /* bytes up to the opcode, and it */
};

/* What is right for a kind of operand in memory. */
struct limit {
	int64_t end;	   /* most that displacement and bytes accessed may be */
	uint64_t site;	   /* of the next site, what must be right */
	uint32_t in_frame; /* mask: behind the frame below the saved registers */
	uint32_t sites;	   /* bytes of those to be taken */
	uint64_t spare;
};
_Static_assert(sizeof(struct limit) == VF_LIMIT_BYTES, "places have offsets");
/* Where the kind of a site is in its 8 bytes, and where its place. */
#define SITE_KIND(kind) ((uint64_t)(kind) << 56)
#define SITE_ALL	(SITE_KIND(UINT8_MAX) | UINT32_MAX)
#define ANY_END		(INT64_MAX / 4)

/* Of what is not common; of accesses; of addresses. */
enum { ACCESS = VF_PLACE_KINDS, ADDRESS = 2 * VF_PLACE_KINDS };
static const struct limit limits[3 * VF_PLACE_KINDS] = {
	[0 ... ACCESS + VF_PLACE_OTHER] = { .end = -ANY_END },
	[ACCESS + VF_PLACE_FRAME] = { .end = 0, .in_frame = UINT32_MAX },
	[ACCESS + VF_PLACE_MEMORY] = { .end = NB_DISPLACEMENT_MAX + 1ll,
				       .site = SITE_ALL,
				       .sites = sizeof(struct nb_code_site) },
	[ACCESS + VF_PLACE_VMCTX... ADDRESS + VF_PLACE_VMCTX] = { .end = -ANY_END },
	[ADDRESS + VF_PLACE_ADDRESS] = { .end = ANY_END },
};

/* --- instructions: their bytes, or 0 if they are not common or not right ------------------ */

static ALWAYS_INLINE const struct vf_row *
row_of(const struct scan *s, const struct head *h, size_t digit)
{
	size_t entry = s->decoder->rows[(h->opcode >> VF_OPCODE_ROWS) + digit] >> VF_ROW_SHAPED;

	return (const struct vf_row *)((const uint8_t *)s->tables->rows + entry);
}

static ALWAYS_INLINE size_t
common_register(struct scan *s, const struct head *h)
{
	uint32_t modrm = h->word >> 8 & UINT8_MAX, digit = modrm >> 3 & 7;
	const struct vf_row *row = row_of(s, h, digit + VF_ROW_REGISTER);
	uint64_t effect = (vf_sets(digit | h->rex->r) & row->on_reg) |
			  (vf_sets((modrm & 7) | h->rex->b) & row->on_rm);

	if (effect & s->stop || h->rex->rex & row->no_x)
		return 0;
	scan_apply(s, effect);
	return h->opcode_end + 1 + (h->opcode >> VF_OPCODE_IMM & UINT8_MAX);
}

static ALWAYS_INLINE const struct limit *
limit_of(const struct vf_place *place, const struct vf_row *row)
{
	return (const struct limit *)((const uint8_t *)limits + place->kind + row->places);
}

static ALWAYS_INLINE size_t
common_memory(struct scan *s, const struct head *h, size_t at)
{
	const struct vf_modrm *m = &s->tables->modrms[h->word >> 8 & UINT8_MAX];
	const struct vf_row *row = row_of(s, h, m->digit);
	const struct vf_place *place =
		&s->tables->places[(h->word >> m->rm_shift & UINT8_MAX) + h->rex->xb + m->sib];
	const struct limit *limit = limit_of(place, row);
	int32_t disp;

	memcpy(&disp, s->code + at + h->opcode_end + m->disp_at, sizeof(disp));
	int32_t near = (int8_t)disp, far = disp & m->far;
	/* Negative, if 1 byte is 0 and could be none, or 4 bytes could be 1. */
	int64_t wrong = (int64_t)(uint32_t)((near ^ far) | m->is_none) - 1;

	disp = (near & m->near) | far;
	int64_t room =
		limit->end + (s->saved_at & limit->in_frame) - (uint32_t)disp - row->info.bytes;
	uint64_t effect = vf_sets(m->digit | h->rex->r) & row->on_reg;
	uint64_t bad =
		(effect & s->stop) | (place->extended & s->open) | (h->rex->rex & row->no_rex);

	if (bad)
		return 0;
	if ((wrong | room) < 0 &&
	    (wrong < 0 || limit != &limits[ACCESS + VF_PLACE_VMCTX] ||
	     scan_global(s, disp, row->info.bytes) != VERIFIER_GLOBAL_VARIABLE))
		return 0;
	uint64_t site = 0;

	if (s->site != s->site_end)
		memcpy(&site, s->site, sizeof(site));
	if ((site ^ (s->site_key + at)) & limit->site)
		return 0;
	s->site = (const struct nb_code_site *)((const uint8_t *)s->site + limit->sites);
	scan_apply(s, effect);
	return h->opcode_end + m->bytes + (h->opcode >> VF_OPCODE_IMM & UINT8_MAX);
}

/* Whether an unsure one is right: an immediate of 4 bytes does not fit one, and a register
 * is one whose lowest byte needs no REX. */
static inline bool
is_sure(const struct scan *s, const struct head *h, size_t at)
{
	uint32_t modrm = h->word >> 8 & UINT8_MAX;
	int32_t imm;

	if ((h->opcode >> VF_OPCODE_IMM & UINT8_MAX) != sizeof(imm))
		return modrm < 0xc0 || !(modrm & 4);
	memcpy(&imm, s->code + at + h->opcode_end + s->tables->modrms[modrm].bytes, sizeof(imm));
	return imm != (int8_t)imm;
}

static ALWAYS_INLINE size_t
common_modrm(struct scan *s, const struct head *h, size_t at)
{
	if ((h->word & 0xc000) == 0xc000)
		return at + common_register(s, h);
	return at + common_memory(s, h, at);
}

/* mov r32, constant */
static ALWAYS_INLINE size_t
common_constant(struct scan *s, const struct head *h)
{
	uint32_t reg = (h->word & 7) | h->rex->b;
	uint64_t effect = vf_sets(reg) & s->tables->rows[NB_FORM_MOV32_IMM + 1].on_reg;

	size_t bytes = h->opcode_end + 4;

	if (h->rex->rex & (VF_REX_R | VF_REX_X) || effect & s->stop)
		return 0;
	scan_apply(s, effect);
	if (reg == NB_RDX) {
		s->port_at = s->at + (uint32_t)bytes;
		memcpy(&s->port, s->code + s->at + h->opcode_end, sizeof(s->port));
	}
	return bytes;
}

/* Branches, and jumps that are no tail calls: what is behind, or 0 if they are refused. */
static ALWAYS_INLINE size_t
common_branch(struct scan *s, const struct head *h, bool is_jump, size_t at)
{
	uint32_t imm_bytes = h->opcode >> VF_OPCODE_IMM & UINT8_MAX, open = s->open;
	size_t behind = at + h->opcode_end + imm_bytes;
	int32_t distance;

	if (h->rex->shift | (is_jump & (s->frame == 0)))
		return at;
	memcpy(&distance, s->code + at + h->opcode_end, sizeof(distance));
	distance = imm_bytes == 1 ? (int8_t)distance : distance;
	s->is_reached &= !is_jump;
	s->open |= is_jump ? SCAN_GPRS : 0;
	return edge(s, (int64_t)behind + distance, open, MARK_PLAIN) ? behind : 0;
}

/* Likewise: direct calls, traps, no-operations. */
static ALWAYS_INLINE size_t
common_rest(struct scan *s, const struct head *h, uint32_t shape, size_t at)
{
	size_t behind = at + h->opcode_end + (h->opcode >> VF_OPCODE_IMM & UINT8_MAX);
	int32_t distance;

	if (shape <= VF_SHAPE_UNSURE || h->rex->shift)
		return at;
	if (shape == VF_SHAPE_NOP)
		return behind;
	if (shape == VF_SHAPE_TRAP)
		return scan_trap(s) ? behind : 0;
	memcpy(&distance, s->code + at + h->opcode_end, sizeof(distance));
	return scan_direct_call(s, (int64_t)behind + distance, (uint32_t)behind) ? behind : 0;
}

/* The page of opcodes behind a prefix, or 0. */
static inline size_t
prefixed_page(uint32_t byte)
{
	if (byte == 0x66)
		return VF_PAGE_ONE + 2 * VF_PAGE * NB_PREFIX_66;
	if (byte == 0xf2)
		return VF_PAGE_ONE + 2 * VF_PAGE * NB_PREFIX_F2;
	return byte == 0xf3 ? VF_PAGE_ONE + 2 * VF_PAGE * NB_PREFIX_F3 : 0;
}

/* The instruction at s->at, whose prefixes end at `start` and which is on these pages of
 * opcodes. */
static ALWAYS_INLINE size_t
take_paged(struct scan *s, size_t at, size_t start, size_t page)
{
	struct head h;

	memcpy(&h.word, s->code + start, sizeof(h.word));
	h.rex = &s->tables->heads[h.word & UINT8_MAX];
	h.word >>= h.rex->shift;
	h.opcode_end = start - at + h.rex->end;
	if ((h.word & UINT8_MAX) == 0x0f) {
		page += VF_PAGE;
		h.word >>= 8;
		h.opcode_end++;
	}
	h.opcode = s->decoder->opcodes[page + h.rex->page + (h.word & UINT8_MAX)];
	uint32_t shape = h.opcode & VF_OPCODE_SHAPE;

	if (shape == VF_SHAPE_MODRM)
		return common_modrm(s, &h, at);
	if (shape == VF_SHAPE_BRANCH || shape == VF_SHAPE_JUMP)
		return common_branch(s, &h, shape == VF_SHAPE_JUMP, at);
	if (shape == VF_SHAPE_CONSTANT)
		return at + common_constant(s, &h);
	if (shape == VF_SHAPE_UNSURE)
		return is_sure(s, &h, at) ? common_modrm(s, &h, at) : at;
	return common_rest(s, &h, shape, at);
}

/* The instruction at `at`: what is behind; `at` if it is not common; 0 if it is refused. */
static ALWAYS_INLINE size_t
take_common(struct scan *s, size_t at)
{
	return take_paged(s, at, at, VF_PAGE_ONE);
}

/* --- all ---------------------------------------------------------------------------- */

/* The instruction or sequence at s->at; likewise. */
static size_t
take_any(struct scan *s)
{
	s->inst.len = 0;
	if (!scan_next(s) ||
	    !(s->inst.row->flags & VF_ROW_CONTROL ? scan_control(s) : scan_computation(s)))
		return 0;
	return s->at + s->inst.len;
}

/* What is not common, but perhaps behind a prefix. */
static size_t __attribute__((noinline)) take_rare(struct scan *s, size_t at)
{
	size_t behind = at, page = prefixed_page(s->code[at]);

	if (page && at < s->fast_end)
		behind = take_paged(s, at, at + 1, page);
	return behind == at ? take_any(s) : behind;
}

bool
scan_body(struct scan *s)
{
	if (!scan_prologue(s))
		return false;
	size_t at = s->own_at;

	while (at < s->size) {
		size_t behind = at;

		s->at = (uint32_t)at;
		if (s->marks[at] && !scan_join(s))
			return false;
		if (at < s->fast_end)
			behind = take_common(s, at);
		/* At byte 0 what is behind does not tell the two apart. */
		if (behind <= at &&
		    (s->finding->rule != VERIFIER_NONE || !(behind = take_rare(s, at))))
			return false;
		at = behind;
	}
	/* The last instruction may be longer than the function. */
	if (at > s->size)
		return scan_refuse(s, VERIFIER_INSTRUCTION);
	if (s->is_reached)
		return scan_refuse(s, VERIFIER_END);
	if (s->pending)
		return scan_refuse(s, VERIFIER_LABEL);
	if (s->claims)
		return scan_refuse(s, VERIFIER_CLAIM);
	if (s->site != s->site_end)
		return scan_refuse(s, VERIFIER_SITE);
	return true;
}
