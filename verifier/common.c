/*
 * The scan over a function, and the instructions of which nearly all code consists.
 *
 * These are checked here by what the decoder's tables say of them, without making a
 * struct vf_inst. What is not one of them or not obviously right is looked at from its
 * start by operand.c, which would say the same of all that is accepted here. As what
 * comes next in code is hard to predict, choices are made by arithmetic where that is
 * possible.
 */
#include "verifier/scan.h"

#define ALWAYS_INLINE inline __attribute__((always_inline))

/* What came of looking at an instruction, beside the bytes that were taken. */
enum { NOT_COMMON = 0, REFUSED = -1 };

/* --- labels and claims ----------------------------------------------------- */

bool
scan_edge(struct scan *s, int64_t target, uint32_t open, uint32_t plain)
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

/* The edges that lead to the instruction at `at` meet. */
static bool
scan_join(struct scan *s, uint32_t at)
{
	uint32_t mark = s->marks[at];

	s->at = at;
	/* What R11 or R10 held on one way in. */
	s->scratch_at = at;
	s->scratch = SCRATCH_ANY;
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

/* --- common instructions: their bytes, NOT_COMMON or REFUSED -------------------------- */

static inline uint32_t
imm_bytes(const struct vf_head *h)
{
	return h->opcode >> VF_OPCODE_IMM & UINT8_MAX;
}

/* The instruction behind so many bytes, early: what it is has to be known long before it
 * can be predicted wrongly. */
static ALWAYS_INLINE struct vf_head
look_ahead(const struct scan *s, size_t behind)
{
	struct vf_head next = vf_look(s->tables, s->code + behind);

	__asm__ volatile("" : : "r"(next.opcode));
	return next;
}

/* Computations between registers. */
static ALWAYS_INLINE bool
take_registers(struct scan *s, const struct vf_head *h, const struct vf_row *row, uint32_t reg)
{
	uint32_t rm = (h->word >> 8 & 7) | (uint32_t)(h->rex->bits & VF_REX_B) << 3;
	uint64_t effect = vf_effect(s->tables, row, reg, rm);
	uint64_t bad = (effect & s->stop) | (h->rex->bits & row->no_rex) |
		       (row->no_kinds & VF_PLACE_REGISTER);

	if (__builtin_expect(bad != 0, false))
		return false;
	scan_apply(s, effect);
	return true;
}

/* Of the globals that code writes in place. */
static inline bool
is_variable(const struct scan *s, const struct vf_place *place, int32_t disp, uint32_t bytes)
{
	return place->kind == VF_PLACE_VMCTX &&
	       scan_global(s, disp, bytes) == VERIFIER_GLOBAL_VARIABLE;
}

/* Computations with an operand in memory. */
static ALWAYS_INLINE bool
take_memory(struct scan *s, const struct vf_head *h, const struct vf_modrm *m,
	    const struct vf_row *row, size_t at)
{
	const struct vf_place *place = vf_place(s->tables, h, m);
	const struct scan_bound *bound =
		(const struct scan_bound *)((const uint8_t *)s->bounds + place->bound);
	uint64_t effect = s->tables->patterns[row->on_reg] << vf_reg(h, m), site = 0;
	uint32_t is_right, last = row->last;
	uint32_t disp = (uint32_t)vf_disp(s->code + at, h, m, &is_right);

	if (s->site != s->site_end)
		memcpy(&site, s->site, sizeof(site));
	int64_t room = bound->last - disp - last;
	uint64_t bad = (effect & s->stop) | (place->extended & s->open) |
		       (h->rex->bits & row->no_rex) | (place->kind & row->no_kinds) |
		       ((site ^ (s->site_key + at)) & bound->site) | !is_right;

	if (__builtin_expect(bad != 0, false) ||
	    (room < 0 && !is_variable(s, place, (int32_t)disp, last + 1)))
		return false;
	s->site = (const struct nb_code_site *)((const uint8_t *)s->site + bound->sites);
	scan_apply(s, effect);
	return true;
}

/* Computations with a ModRM byte. */
static ALWAYS_INLINE int
take_modrm(struct scan *s, const struct vf_head *h, size_t at, struct vf_head *next)
{
	const struct vf_modrm *m = vf_modrm(s->tables, h);
	uint32_t len = h->end + m->bytes + imm_bytes(h);

	*next = look_ahead(s, at + len);
	const struct vf_row *row = vf_row(s->tables, h, m);
	bool is_good = m->row & VF_ROW_REGISTER ? take_registers(s, h, row, vf_reg(h, m))
						: take_memory(s, h, m, row, at);

	return is_good ? (int)len : NOT_COMMON;
}

/* Whether an unsure one is right: an immediate of 4 bytes does not fit one, or REX is as it
 * must be. */
static inline bool
is_sure(const struct scan *s, const struct vf_head *h, size_t at)
{
	const struct vf_modrm *m = vf_modrm(s->tables, h);
	uint32_t imm;

	if (imm_bytes(h) != sizeof(imm))
		return vf_rex_is_right(h, m, vf_row(s->tables, h, m));
	memcpy(&imm, s->code + at + h->end + m->bytes, sizeof(imm));
	return imm + 128 > UINT8_MAX;
}

/* mov of a constant */
static ALWAYS_INLINE bool
take_constant(struct scan *s, const struct vf_head *h, size_t at)
{
	const struct vf_row *row = &s->tables->rows[h->opcode >> VF_OPCODE_ROWS];
	uint32_t reg = (h->word & 7) | (uint32_t)(h->rex->bits & VF_REX_B) << 3;
	uint64_t effect = vf_effect(s->tables, row, reg, 0);

	if (h->rex->bits & row->no_rex || effect & s->stop)
		return false;
	scan_apply(s, effect);
	s->moved_at = (uint32_t)at;
	return true;
}

/* Branches, and jumps that are no tail calls. */
static ALWAYS_INLINE int
take_branch(struct scan *s, const struct vf_head *h, bool is_jump, size_t at)
{
	uint32_t bytes = imm_bytes(h), unused = 32 - 8 * bytes, open = s->open;
	uint32_t distance;

	memcpy(&distance, s->code + at + h->end, sizeof(distance));
	int64_t behind = (int64_t)at + h->end + bytes;
	int64_t target = behind + ((int32_t)(distance << unused) >> unused);

	if (h->rex->bits || (uint64_t)(target - 1) >= s->size - 1)
		return NOT_COMMON;
	s->at = (uint32_t)at;
	s->is_reached &= !is_jump;
	s->open |= is_jump ? SCAN_GPRS : 0;
	return scan_edge(s, target, open, MARK_PLAIN) ? (int)(h->end + bytes) : REFUSED;
}

/* Direct calls, traps, no-operations, and what is no instruction without ModRM. */
static ALWAYS_INLINE int
take_rest(struct scan *s, const struct vf_head *h, uint32_t shape, size_t at)
{
	uint32_t len = h->end + imm_bytes(h);
	int32_t distance;

	if (shape <= VF_SHAPE_UNSURE || h->rex->bits)
		return NOT_COMMON;
	if (shape == VF_SHAPE_NOP)
		return (int)len;
	s->at = (uint32_t)at;
	s->inst.len = (uint8_t)len;
	if (shape == VF_SHAPE_TRAP)
		return scan_trap(s) ? (int)len : REFUSED;
	memcpy(&distance, s->code + at + h->end, sizeof(distance));
	return scan_direct_call(s, (int64_t)at + len + distance) ? (int)len : REFUSED;
}

/* The instruction at `at`, of which *next is the head; afterwards of the one behind. */
static ALWAYS_INLINE int
take_common(struct scan *s, size_t at, struct vf_head *next)
{
	struct vf_head h = *next;
	uint32_t shape = h.opcode & VF_OPCODE_SHAPE;

	if (__builtin_expect(shape == VF_SHAPE_MODRM, true))
		return take_modrm(s, &h, at, next);
	if (shape == VF_SHAPE_PREFIX) {
		h = vf_look_behind(s->code + at);
		shape = h.opcode & VF_OPCODE_SHAPE;
	}
	if (shape == VF_SHAPE_MODRM || (shape == VF_SHAPE_UNSURE && is_sure(s, &h, at)))
		return take_modrm(s, &h, at, next);
	*next = look_ahead(s, at + h.end + imm_bytes(&h));
	if (shape == VF_SHAPE_BRANCH || shape == VF_SHAPE_JUMP)
		return take_branch(s, &h, shape == VF_SHAPE_JUMP, at);
	if (shape == VF_SHAPE_CONSTANT)
		return take_constant(s, &h, at) ? (int)(h.end + imm_bytes(&h)) : NOT_COMMON;
	return take_rest(s, &h, shape, at);
}

/* --- all ---------------------------------------------------------------------------- */

/* The instruction or sequence at s->at: its bytes, or REFUSED. */
static int __attribute__((noinline)) take_any(struct scan *s, uint32_t at)
{
	s->at = at;
	s->inst.len = 0;
	if (!scan_next(s) ||
	    !(s->inst.form->flags & VF_FORM_CONTROL ? scan_control(s) : scan_computation(s)))
		return REFUSED;
	return (int)(s->at + s->inst.len - at);
}

/* Of what may stand in memory, by vf_place.bound; behind the prologue. */
static void
set_bounds(struct scan *s)
{
	/* Of 8 bytes: the kind and the place. */
	const uint64_t site = (uint64_t)UINT8_MAX << 56 | UINT32_MAX;

	s->bounds[0] = (struct scan_bound){ .last = INT64_MAX };
	s->bounds[1] = (struct scan_bound){ .last = (int64_t)s->saved_at - 1 };
	s->bounds[2] = (struct scan_bound){ .last = NB_DISPLACEMENT_MAX,
					    .site = site,
					    .sites = sizeof(struct nb_code_site) };
	s->bounds[3] = (struct scan_bound){ .last = -1 }; /* is_variable knows */
}

/* The instruction at `at`, if it may be common. */
static struct vf_head
look_at(const struct scan *s, size_t at)
{
	static const uint8_t none[VF_READ_BYTES];

	return vf_look(s->tables, at < s->fast_end ? s->code + at : none);
}

/* Functions are smaller than 2 GiB, so lengths are, too. */
bool
scan_body(struct scan *s)
{
	if (!scan_prologue(s))
		return false;
	size_t at = s->own_at;

	set_bounds(s);
	struct vf_head next = look_at(s, at);

	while (at < s->size) {
		if (__builtin_expect(s->marks[at], false) && !scan_join(s, (uint32_t)at))
			return false;
		int len = NOT_COMMON;

		if (__builtin_expect(at < s->fast_end, true))
			len = take_common(s, at, &next);
		if (__builtin_expect(len > 0, true)) {
			at += (uint32_t)len;
			continue;
		}
		if (len == NOT_COMMON)
			len = take_any(s, (uint32_t)at);
		if (len == REFUSED)
			return false;
		at += (uint32_t)len;
		next = look_at(s, at);
	}
	s->at = (uint32_t)at;
	/* The last instruction may be longer than the function. */
	return scan_require(s, at <= s->size, VERIFIER_INSTRUCTION) &&
	       scan_require(s, !s->is_reached, VERIFIER_END) &&
	       scan_require(s, s->pending == 0, VERIFIER_LABEL) &&
	       scan_require(s, s->claims == 0, VERIFIER_CLAIM) &&
	       scan_require(s, s->site == s->site_end, VERIFIER_SITE);
}
