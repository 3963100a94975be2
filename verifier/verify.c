/*
 * The scan over functions: instructions, labels, claims and sites.
 */
#include "verifier/verifier.h"

#include "abi/trap.h"
#include "lib/string.h"
#include "verifier/scan.h"

enum { PADDING_BYTE = 0xcc, POOL_ALIGN = 16 };

const char *
verifier_rule_text(enum verifier_rule rule)
{
	static const char *const texts[VERIFIER_RULE_COUNT] = {
#define VERIFIER_RULE(name, text) text,
#include "verifier/rule.def"
#undef VERIFIER_RULE
	};

	return (uint32_t)rule < VERIFIER_RULE_COUNT ? texts[rule] : "unknown rule";
}

bool
scan_refuse(struct scan *s, enum verifier_rule rule)
{
	*s->finding = (struct verifier_finding){
		.rule = rule,
		.function = (uint32_t)(s->function - s->image->functions),
		.code_offset = s->function->code_offset + s->at,
	};
	return false;
}

/* --- labels and claims ----------------------------------------------------- */

static bool
edge(struct scan *s, int64_t target, uint16_t claims, bool is_plain)
{
	uint16_t kept = claims & MARK_CLAIMS;

	if (target < s->own_at || target >= s->size)
		return scan_refuse(s, VERIFIER_LABEL);
	uint16_t *mark = &s->marks[target];
	if (target <= s->at) {
		if (!(*mark & MARK_LABEL))
			return scan_refuse(s, VERIFIER_LABEL);
		return !(*mark & MARK_CLAIMS & ~kept) || scan_refuse(s, VERIFIER_CLAIM);
	}
	if (!(*mark & MARK_PENDING)) {
		*mark = (uint16_t)(MARK_PENDING | kept);
		s->pending++;
	}
	*mark &= (uint16_t)(~MARK_CLAIMS | kept);
	if (is_plain)
		*mark |= MARK_PLAIN;
	return true;
}

bool
scan_edge(struct scan *s, int64_t target, bool is_fit)
{
	return edge(s, target, s->zx, !is_fit);
}

bool
scan_edge_bare(struct scan *s, int64_t target)
{
	return edge(s, target, 0, true);
}

void
scan_forget(struct scan *s)
{
	s->zx = 0;
	s->scratch_kind = SCRATCH_ANY;
	s->fit_failed = false;
}

/* Where the next claimed label is. */
static void
find_claim(struct scan *s)
{
	s->claim_at = s->claim < s->claim_end ? s->claim->code_offset - s->function->code_offset
					      : UINT32_MAX;
}

/* The edges that lead to the instruction at s->at meet. */
static bool
join(struct scan *s)
{
	uint16_t *mark = &s->marks[s->at];
	bool is_pending = *mark & MARK_PENDING;
	bool is_claimed = s->at == s->claim_at;

	if (!is_pending && !is_claimed) {
		if (!s->is_reached)
			scan_forget(s);
		return true;
	}
	uint16_t held = is_pending ? *mark & MARK_CLAIMS : MARK_CLAIMS;
	bool is_fit = is_pending && !(*mark & MARK_PLAIN) && !s->is_reached && !is_claimed;
	if (s->is_reached)
		held &= s->zx;
	s->pending -= is_pending;
	*mark = 0;
	if (is_claimed) {
		uint16_t claims = s->claim++->extended & MARK_CLAIMS;

		find_claim(s);

		if (claims & ~held)
			return scan_refuse(s, VERIFIER_CLAIM);
		held = claims;
		*mark = (uint16_t)(MARK_LABEL | claims);
	}
	scan_forget(s);
	s->zx = held;
	s->fit_failed = is_fit;
	s->is_reached = true;
	return true;
}

/* --- sites ------------------------------------------------------------------- */

/* Where the next site is. */
static void
find_site(struct scan *s)
{
	s->site_at = s->site < s->site_end ? s->site->code_offset - s->function->code_offset
					   : UINT32_MAX;
}

/* Takes the sites at this place: of the call before it, and of the trap here. */
static bool
take_sites(struct scan *s)
{
	uint32_t offset = s->function->code_offset + s->at;
	bool has_call = false;

	for (; s->site < s->site_end && s->site->code_offset <= offset; s->site++) {
		uint32_t kind = s->site->info >> 24;

		if (s->site->code_offset < offset)
			return scan_refuse(s, VERIFIER_SITE);
		if (kind == NB_SITE_CALL) {
			if (has_call || !s->after_call)
				return scan_refuse(s, VERIFIER_SITE);
			has_call = true;
		} else if (s->site_kind != NB_TRAP_NONE || kind == NB_TRAP_NONE) {
			return scan_refuse(s, VERIFIER_SITE);
		} else {
			s->site_kind = kind;
		}
	}
	if (s->after_call != has_call)
		return scan_refuse(s, VERIFIER_SITE);
	s->after_call = false;
	find_site(s);
	return true;
}

static bool
is_trap(uint32_t kind)
{
	switch (kind) {
#define NB_TRAP(name, number, text) case NB_TRAP_##name:
#include "abi/trap.def"
#undef NB_TRAP
		return kind != NB_TRAP_NONE;
	default:
		return false;
	}
}

/* ud2 needs a site that says what it means. */
static bool
check_trap(struct scan *s)
{
	uint32_t kind = s->site_kind;

	s->is_reached = false;
	s->site_kind = NB_TRAP_NONE;
	if (kind == NB_SITE_INDIRECT || kind == NB_SITE_REFERENCE)
		return s->fit_failed || scan_refuse(s, VERIFIER_SITE);
	return kind == NB_SITE_DYNAMIC || is_trap(kind) || scan_refuse(s, VERIFIER_SITE);
}

/* --- instructions --------------------------------------------------------------- */

bool
scan_next(struct scan *s)
{
	s->at += s->inst.len;
	s->inst.len = 0;
	if (s->at >= s->size)
		return scan_refuse(s, VERIFIER_END);
	enum verifier_rule rule = vf_decode(s->decoder, s->code + s->at, s->size - s->at, &s->inst);
	if (rule != VERIFIER_NONE)
		return scan_refuse(s, rule);
	if (s->inst.info->feature & ~s->image->cpu_features)
		return scan_refuse(s, VERIFIER_FEATURE);
	s->site_kind = NB_TRAP_NONE;
	return (s->at < s->site_at && !s->after_call) || take_sites(s);
}

bool
scan_peek(const struct scan *s, struct vf_inst *out)
{
	uint32_t at = s->at + s->inst.len;

	return at < s->size &&
	       vf_decode(s->decoder, s->code + at, s->size - at, out) == VERIFIER_NONE;
}

/* Forms that are no computation. */
static bool
is_control(uint32_t form)
{
	return form >= NB_FORM_J_8 && form <= NB_FORM_NOP_LONG;
}

/* Forms that may begin a sequence, or an epilogue. */
static bool
may_begin(uint32_t form)
{
	return form == NB_FORM_MOV64 || form == NB_FORM_LEA64 || form == NB_FORM_MOV32_IMM ||
	       form == NB_FORM_ADD64_IMM || form == NB_FORM_RET || form == NB_FORM_JMP_32;
}

static bool
check_control(struct scan *s)
{
	switch (s->inst.form) {
	case NB_FORM_J_8:
	case NB_FORM_J_32:
		return scan_edge(s, scan_branch_target(s), false);
	case NB_FORM_JMP_8:
	case NB_FORM_JMP_32:
		s->is_reached = false;
		return scan_edge(s, scan_branch_target(s), false);
	case NB_FORM_CALL_32:
		return scan_direct_call(s);
	case NB_FORM_UD2:
		return check_trap(s);
	case NB_FORM_NOP:
	case NB_FORM_NOP_LONG:
		return true;
	default:
		return scan_refuse(s, VERIFIER_TEMPLATE);
	}
}

static bool
check_instruction(struct scan *s)
{
	bool is_done = false;

	if (may_begin(s->inst.form)) {
		if (scan_is_epilogue(s))
			return scan_epilogue(s);
		if (!scan_sequence(s, &is_done))
			return false;
	}
	if (is_done)
		return true;
	return is_control(s->inst.form) ? check_control(s) : scan_operands(s);
}

/* --- functions ------------------------------------------------------------------- */

static bool
scan_instructions(struct scan *s)
{
	if (!scan_prologue(s))
		return false;
	while (s->at + s->inst.len < s->size) {
		if (!scan_next(s) || !join(s) || !check_instruction(s))
			return false;
		/* A site that nothing has used. */
		if (s->site_kind != NB_TRAP_NONE)
			return scan_refuse(s, VERIFIER_SITE);
	}
	if (s->is_reached)
		return scan_refuse(s, VERIFIER_END);
	if (s->pending)
		return scan_refuse(s, VERIFIER_LABEL);
	if (s->claim != s->claim_end)
		return scan_refuse(s, VERIFIER_CLAIM);
	return s->site == s->site_end || scan_refuse(s, VERIFIER_SITE);
}

static const struct nb_code_site *
sites_of(const struct nb_code_image *image, uint32_t number)
{
	return number < image->function_count ? image->sites + image->functions[number].first_site
					      : image->sites + image->site_count;
}

static const struct nb_code_claim *
claims_of(const struct nb_code_image *image, uint32_t number)
{
	return number < image->function_count ? image->claims + image->functions[number].first_claim
					      : image->claims + image->claim_count;
}

static uint32_t
pool_offset(uint32_t code_size)
{
	return (code_size + POOL_ALIGN - 1) & ~(uint32_t)(POOL_ALIGN - 1);
}

bool
verifier_function(const struct nb_code_image *image, const struct verifier_facts *facts,
		  uint32_t number, void *scratch, struct verifier_finding *finding)
{
	const struct nb_code_function *function = &image->functions[number];
	uint32_t pool_at = pool_offset(function->code_size);
	struct scan s = {
		.facts = facts,
		.image = image,
		.function = function,
		.decoder = scratch,
		.marks = (uint16_t *)((uint8_t *)scratch + sizeof(struct vf_decoder)),
		.finding = finding,
		.code = image->code + function->code_offset,
		.size = function->code_size,
		.pool_at = pool_at,
		.pool_end = pool_at + function->pool_size,
		.tables_at = pool_at,
		.frame = function->frame_size,
		.saved_at = function->frame_size,
		.area = 8u * facts->function_areas[number],
		.claim = claims_of(image, number),
		.claim_end = claims_of(image, number + 1),
		.site = sites_of(image, number),
		.site_end = sites_of(image, number + 1),
		.is_reached = true,
	};

	*finding = (struct verifier_finding){ VERIFIER_NONE, number, function->code_offset };
	memset(s.marks, 0, sizeof(*s.marks) * s.size);
	find_claim(&s);
	find_site(&s);
	return scan_instructions(&s);
}

/* --- the image ---------------------------------------------------------------------- */

static bool
is_padding(const struct nb_code_image *image, uint64_t from, uint64_t to)
{
	for (uint64_t at = from; at < to; at++)
		if (image->code[at] != PADDING_BYTE)
			return false;
	return true;
}

/* Functions follow one another; sites and claims follow their order. */
static enum verifier_rule
check_place(const struct nb_code_image *image, uint32_t number, uint64_t *end)
{
	const struct nb_code_function *function = &image->functions[number];
	const struct nb_code_function *next =
		number + 1 < image->function_count ? function + 1 : NULL;
	uint64_t code_end = (uint64_t)function->code_offset + function->code_size;
	uint64_t pool_at = (uint64_t)function->code_offset + pool_offset(function->code_size);

	if (function->code_offset % POOL_ALIGN || function->code_offset < *end ||
	    code_end > image->code_size || function->code_size == 0 ||
	    function->code_size > INT32_MAX || function->pool_size > INT32_MAX)
		return VERIFIER_LAYOUT;
	if (!is_padding(image, *end, function->code_offset))
		return VERIFIER_PADDING;
	*end = code_end;
	if (function->pool_size) {
		*end = pool_at + function->pool_size;
		if (*end > image->code_size)
			return VERIFIER_LAYOUT;
		if (!is_padding(image, code_end, pool_at))
			return VERIFIER_PADDING;
	}
	if (function->first_site > (next ? next->first_site : image->site_count) ||
	    function->first_claim > (next ? next->first_claim : image->claim_count))
		return VERIFIER_LAYOUT;
	return VERIFIER_NONE;
}

static bool
check_layout(const struct nb_code_image *image, const struct verifier_facts *facts,
	     struct verifier_finding *finding)
{
	uint64_t end = 0;
	bool is_whole = image->function_count == facts->function_count &&
			!(image->cpu_features & ~facts->cpu_features) &&
			image->code_size <= INT32_MAX;

	if (image->function_count) {
		is_whole &=
			image->functions[0].first_site == 0 && image->functions[0].first_claim == 0;
	} else {
		is_whole &= image->site_count == 0 && image->claim_count == 0;
	}
	if (!is_whole) {
		finding->rule = image->cpu_features & ~facts->cpu_features ? VERIFIER_FEATURE
									   : VERIFIER_LAYOUT;
		return false;
	}
	for (uint32_t i = 0; i < image->function_count; i++) {
		enum verifier_rule rule = check_place(image, i, &end);

		if (rule == VERIFIER_NONE)
			continue;
		*finding = (struct verifier_finding){ rule, i, image->functions[i].code_offset };
		return false;
	}
	if (is_padding(image, end, image->code_size))
		return true;
	finding->rule = VERIFIER_PADDING;
	return false;
}

size_t
verifier_scratch_bytes(const struct nb_code_image *image)
{
	uint32_t largest = 0;

	for (uint32_t i = 0; i < image->function_count; i++)
		if (image->functions[i].code_size > largest)
			largest = image->functions[i].code_size;
	return sizeof(struct vf_decoder) + sizeof(uint16_t) * (size_t)largest;
}

bool
verifier_begin(const struct nb_code_image *image, const struct verifier_facts *facts, void *scratch,
	       struct verifier_finding *finding)
{
	*finding = (struct verifier_finding){ VERIFIER_NONE, UINT32_MAX, 0 };
	if (!check_layout(image, facts, finding))
		return false;
	vf_decoder_init(scratch);
	return true;
}

bool
verifier_check(const struct nb_code_image *image, const struct verifier_facts *facts, void *scratch,
	       struct verifier_finding *finding)
{
	if (!verifier_begin(image, facts, scratch, finding))
		return false;
	for (uint32_t i = 0; i < image->function_count; i++)
		if (!verifier_function(image, facts, i, scratch, finding))
			return false;
	return true;
}
