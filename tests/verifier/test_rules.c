/*
 * Every rule of the verifier: code that violates exactly it and is refused,
 * beside code of the same kind that is accepted.
 */
#include "kernel/code/verify.h"
#include "tests/verifier/cases.h"
#include "verifier/decode.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* 1 if the case goes wrong. */
static int
run_case(const struct verifier_case *c)
{
	struct builder b;
	struct verifier_finding finding;

	builder_init(&b);
	c->build(&b);
	builder_finish(&b);
	enum verifier_rule rule = builder_verify(&b, &finding);
	if (rule != c->rule)
		print_error("%s: \"%s\" at 0x%x, expected \"%s\"\n", c->name, code_rule_text(rule),
			    finding.code_offset, code_rule_text(c->rule));
	builder_release(&b);
	return rule != c->rule;
}

static const struct verifier_case *const tables[] = { cases_stream, cases_forms,  cases_registers,
						      cases_frame,  cases_memory, cases_calls,
						      cases_tail,   cases_port };
enum { TABLES = sizeof(tables) / sizeof(*tables) };

static void
test_rules(void **state)
{
	bool seen[VERIFIER_RULE_COUNT] = { false };
	int wrong = 0;

	(void)state;
	for (size_t t = 0; t < TABLES; t++)
		for (const struct verifier_case *c = tables[t]; c->build; c++) {
			wrong += run_case(c);
			seen[c->rule] = true;
		}
	assert_int_equal(wrong, 0);
	/* These are about the image, see below. */
	seen[VERIFIER_LAYOUT] = seen[VERIFIER_PADDING] = true;
	for (uint32_t rule = 0; rule < VERIFIER_RULE_COUNT; rule++) {
		const char *text = code_rule_text((enum verifier_rule)rule);

		if (!seen[rule])
			fail_msg("no test for \"%s\"", text);
		assert_true(strlen(text) > 8);
	}
}

/* --- immediates -------------------------------------------------------------- */

/* The largest immediates whose upper bits the processor neither reserves nor ignores. */
static const struct {
	enum nb_form form;
	uint8_t most;
} narrow_immediates[] = {
	{ NB_FORM_ROUNDSS, 15 }, { NB_FORM_ROUNDSD, 15 },     { NB_FORM_ROUNDPS, 15 },
	{ NB_FORM_ROUNDPD, 15 }, { NB_FORM_BLENDPS, 15 },     { NB_FORM_PINSRB, 15 },
	{ NB_FORM_PEXTRB, 15 },	 { NB_FORM_PINSRW, 7 },	      { NB_FORM_PEXTRW, 7 },
	{ NB_FORM_PINSRD, 3 },	 { NB_FORM_PEXTRD, 3 },	      { NB_FORM_EXTRACTPS, 3 },
	{ NB_FORM_SHUFPD, 3 },	 { NB_FORM_PINSRQ, 1 },	      { NB_FORM_PEXTRQ, 1 },
	{ NB_FORM_CMPPS, 7 },	 { NB_FORM_CMPPD, 7 },	      { NB_FORM_VROUNDSS, 15 },
	{ NB_FORM_VPINSRQ, 1 },	 { NB_FORM_VCMPPS, 31 },      { NB_FORM_VCMPPD, 31 },
	{ NB_FORM_SHUFPS, 255 }, { NB_FORM_VPSLLW_IMM, 255 },
};

static void
test_immediates(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(narrow_immediates) / sizeof(*narrow_immediates); i++)
		for (uint32_t imm = 0; imm < 256; imm++) {
			bool is_right = imm <= narrow_immediates[i].most;
			struct builder b;
			struct verifier_finding finding;

			builder_init(&b);
			b.cpu_features = NB_CPU_AVX;
			put(&b, narrow_immediates[i].form,
			    (struct x64_operands){ .reg = 1, .vvvv = 2, .rm = REG(0) });
			b.code.bytes[b.code.len - 1] = (uint8_t)imm;
			put_return(&b);
			builder_finish(&b);
			enum verifier_rule rule = builder_verify(&b, &finding);
			if (rule != (is_right ? VERIFIER_NONE : VERIFIER_ENCODING))
				fail_msg("entry %zu with %u: \"%s\"", i, imm, code_rule_text(rule));
			builder_release(&b);
		}
}

/* --- cut off anywhere ------------------------------------------------------ */

static void
cut(struct builder *b, uint32_t len)
{
	b->code.len = len;
	while (b->site_count && b->sites[b->site_count - 1].code_offset > len)
		b->site_count--;
	while (b->claim_count && b->claims[b->claim_count - 1].code_offset >= len)
		b->claim_count--;
	while (b->fixup_count && b->fixups[b->fixup_count - 1].field + 4 > len)
		b->fixup_count--;
}

/* Whether code may end with such bytes: ret, ud2, a jump; no-operations behind. */
static bool
may_end(const uint8_t *code, uint32_t len)
{
	while (len > 1 && code[len - 1] == 0x90)
		len--;
	bool is_return = code[len - 1] == 0xc3;
	bool is_trap = len >= 2 && code[len - 2] == 0x0f && code[len - 1] == 0x0b;
	bool is_jump = len >= 5 && code[len - 5] == 0xe9;

	return is_return || is_trap || is_jump;
}

/* Accepted code that ends anywhere else is not accepted. */
static void
test_cut_off(void **state)
{
	uint32_t refused = 0;

	(void)state;
	for (size_t t = 0; t < TABLES; t++)
		for (const struct verifier_case *c = tables[t]; c->build; c++)
			for (uint32_t len = 1; c->rule == VERIFIER_NONE; len++) {
				struct builder b;
				struct verifier_finding finding;

				builder_init(&b);
				c->build(&b);
				bool is_whole = len >= b.code.len;
				cut(&b, is_whole ? b.code.len : len);
				builder_finish(&b);
				enum verifier_rule rule = builder_verify(&b, &finding);
				if (!is_whole && rule == VERIFIER_NONE && !may_end(b.bytes, len))
					fail_msg("%s: accepted when cut off at 0x%x", c->name, len);
				refused += rule != VERIFIER_NONE;
				builder_release(&b);
				if (is_whole)
					break;
			}
	assert_true(refused > 500);
}

/* --- every operand of a template matters ------------------------------------ */

/* What else a template permits: another builtin, fewer cases. */
static const struct {
	const char *name;
	uint32_t at;
	enum twist twist;
} permitted[] = {
	{ "calls", 7, TWIST_DISP_UP },
	{ "br_table", 0, TWIST_IMM_DOWN },
};

static bool
is_permitted(const char *name, uint32_t at, enum twist twist)
{
	for (size_t i = 0; i < sizeof(permitted) / sizeof(*permitted); i++)
		if (strcmp(permitted[i].name, name) == 0 && permitted[i].at == at &&
		    permitted[i].twist == twist)
			return true;
	return false;
}

/* 1 if the case with that instruction changed, otherwise as *right, is refused;
 * 0 if it is the same; -1 if it is accepted although it must not be. */
static int __attribute__((noinline))
twist_case(const struct verifier_case *c, const struct builder *right, uint32_t at,
	   enum twist twist)
{
	struct builder b;
	struct verifier_finding finding;
	/* A template may begin at a label, and behind its own beginning. */
	bool is_first = at == 0 || !right->is_template[at - 1];
	bool is_fine = is_permitted(c->name, at, twist) ||
		       (is_first && (twist == TWIST_DOUBLE || twist == TWIST_CLAIM));

	builder_init(&b);
	b.twist = twist;
	b.twist_at = at;
	c->build(&b);
	builder_finish(&b);
	bool is_same = !b.is_twisted ||
		       (b.site_count == right->site_count && b.claim_count == right->claim_count &&
			memcmp(b.bytes, right->bytes, sizeof(b.bytes)) == 0);
	enum verifier_rule rule = builder_verify(&b, &finding);
	builder_release(&b);
	if (is_same)
		return 0;
	if (rule != VERIFIER_NONE || is_fine)
		return 1;
	print_error("%s: twist %u of instruction %u is accepted\n", c->name, twist, at);
	return -1;
}

/* One change after the other in all templates of the cases that are accepted. */
static void
test_templates(void **state)
{
	uint32_t refused = 0, wrong = 0;

	(void)state;
	for (size_t t = 0; t < TABLES; t++)
		for (const struct verifier_case *c = tables[t]; c->build; c++) {
			struct builder b;

			builder_init(&b);
			c->build(&b);
			builder_finish(&b);
			for (uint32_t at = 0; c->rule == VERIFIER_NONE && at < b.puts; at++)
				for (uint32_t twist = 1; b.is_template[at] && twist < TWISTS;
				     twist++) {
					int outcome = twist_case(c, &b, at, (enum twist)twist);

					refused += outcome > 0;
					wrong += outcome < 0;
				}
			builder_release(&b);
		}
	assert_int_equal(wrong, 0);
	assert_true(refused > 1000);
}

/* --- the end of the image ----------------------------------------------------- */

/* The code behind `shift` no-operations, in an image of its own: the function has `len`
 * bytes, up to `more` that follow are its pool, and no more are there. */
static void __attribute__((noinline))
try_alone(const struct verifier_case *c, uint32_t shift, uint32_t len, uint32_t more)
{
	static const uint8_t nops[16] = { [0 ... 15] = 0x90 };
	struct builder b;
	struct verifier_finding finding;

	builder_init(&b);
	if (shift)
		put_bytes(&b, nops, shift);
	c->build(&b);
	uint32_t end = b.code.len < len + more ? b.code.len : len + more;
	cut(&b, len);
	builder_finish(&b);
	struct verifier_facts facts = builder_facts(&b);
	/* Of exactly this size, so that reads beyond it are found. */
	uint8_t *code = malloc(end);

	memcpy(code, b.code.bytes, end);
	facts.function_count = b.image.function_count = 1;
	b.functions[0].code_size = len;
	b.functions[0].pool_size = end - len;
	b.image.code = code;
	b.image.code_size = end;
	(void)verify_image(&b.image, &facts, &finding);
	free(code);
	builder_release(&b);
}

static uint32_t __attribute__((noinline)) code_bytes(const struct verifier_case *c)
{
	struct builder b;

	builder_init(&b);
	c->build(&b);
	uint32_t size = b.code.len;
	builder_release(&b);
	return size;
}

/* Nothing behind the image is read, wherever instructions and sequences break off. */
static void
test_image_ends(void **state)
{
	(void)state;
	for (size_t t = 0; t < TABLES; t++)
		for (const struct verifier_case *c = tables[t]; c->build; c++) {
			uint32_t size = c->rule == VERIFIER_NONE ? code_bytes(c) : 0;

			for (uint32_t shift = 0; shift < 16; shift++)
				for (uint32_t len = 16; len <= shift + size && size < 200;
				     len += 16)
					for (uint32_t more = 0; more < 8; more++)
						try_alone(c, shift, len, more);
		}
}

/* --- the image ------------------------------------------------------------- */

enum image_change {
	NO_FUNCTION_MORE,
	FUNCTION_MISALIGNED,
	FUNCTIONS_OVERLAP,
	FUNCTION_OUTSIDE,
	FUNCTION_EMPTY,
	FUNCTION_HUGE,
	POOL_HUGE,
	POOL_OUTSIDE,
	SITES_DESCEND,
	SITES_TOO_MANY,
	FIRST_SITE,
	FIRST_CLAIM,
	CLAIMS_DESCEND,
	NO_FUNCTIONS_BUT_SITES,
	GAP_CODE,
	GAP_POOL,
	GAP_END,
	GAP_BEHIND_POOL,
	GAP_AT_START,
	IMAGE_HUGE,
	IMAGE_ENDS_WITH_CODE,
	IMAGE_CHANGES,
};

static enum verifier_rule
change_image(struct builder *b, enum image_change change)
{
	switch (change) {
	case NO_FUNCTION_MORE:
		b->image.function_count--;
		return VERIFIER_LAYOUT;
	case FUNCTION_MISALIGNED:
		b->functions[1].code_offset += 1;
		return VERIFIER_LAYOUT;
	case FUNCTIONS_OVERLAP:
		b->functions[1].code_offset = 0;
		return VERIFIER_LAYOUT;
	case FUNCTION_OUTSIDE:
		b->functions[3].code_offset = 0x7ffffff0;
		return VERIFIER_LAYOUT;
	case FUNCTION_EMPTY:
		b->functions[3].code_size = 0;
		return VERIFIER_LAYOUT;
	case FUNCTION_HUGE:
		b->functions[3].code_size = UINT32_MAX - 64;
		return VERIFIER_LAYOUT;
	case POOL_HUGE:
		b->functions[3].pool_size = UINT32_MAX;
		return VERIFIER_LAYOUT;
	case POOL_OUTSIDE:
		b->functions[3].pool_size = 64;
		return VERIFIER_LAYOUT;
	case SITES_DESCEND:
		b->functions[2].first_site = 0;
		return VERIFIER_LAYOUT;
	case SITES_TOO_MANY:
		b->functions[3].first_site = 1000;
		return VERIFIER_LAYOUT;
	case FIRST_SITE:
		b->functions[0].first_site = 1;
		return VERIFIER_LAYOUT;
	case FIRST_CLAIM:
		b->functions[0].first_claim = 1;
		return VERIFIER_LAYOUT;
	case CLAIMS_DESCEND:
		b->functions[2].first_claim = 0;
		return VERIFIER_LAYOUT;
	case NO_FUNCTIONS_BUT_SITES:
		b->image.function_count = 0;
		return VERIFIER_LAYOUT;
	case GAP_CODE:
		b->bytes[b->functions[2].code_offset - 1] = 0x90;
		return VERIFIER_PADDING;
	case GAP_POOL:
		b->bytes[b->functions[0].code_size] = 0x90;
		return VERIFIER_PADDING;
	case GAP_END:
		b->bytes[b->image.code_size - 1] = 0x90;
		return VERIFIER_PADDING;
	case GAP_BEHIND_POOL: /* which is shorter than it was */
		b->functions[0].pool_size = 8;
		return VERIFIER_PADDING;
	case GAP_AT_START: /* its code begins where its pool was */
		b->functions[0].code_offset = 16;
		b->functions[0].pool_size = 0;
		return VERIFIER_PADDING;
	case IMAGE_HUGE:
		b->image.code_size = (size_t)INT32_MAX + 1;
		return VERIFIER_LAYOUT;
	case IMAGE_ENDS_WITH_CODE:
		b->image.code_size = b->functions[BUILDER_FUNCTIONS - 1].code_offset + 1;
		return VERIFIER_NONE;
	case IMAGE_CHANGES:
		break;
	}
	return VERIFIER_NONE;
}

/* A function with everything: a pool, a claim, a site. */
static void
build_all(struct builder *b)
{
	b->pool_size = 16;
	claim(b, 0);
	ACCESS(b, MOV32, .reg = NB_RAX, .rm = MEM(NB_R14, 0));
	put_return(b);
}

static void
test_image(void **state)
{
	(void)state;
	for (uint32_t i = 0; i <= IMAGE_CHANGES; i++) {
		struct builder b;
		struct verifier_finding finding;

		builder_init(&b);
		build_all(&b);
		builder_finish(&b);
		enum verifier_rule wanted = change_image(&b, (enum image_change)i);
		enum verifier_rule rule = builder_verify(&b, &finding);
		if (rule != wanted)
			fail_msg("change %u: \"%s\", expected \"%s\"", i, code_rule_text(rule),
				 code_rule_text(wanted));
		builder_release(&b);
	}
	assert_string_equal(code_rule_text((enum verifier_rule)1000), "unknown rule");
}

/* An image of a module without functions. */
static void
test_empty_image(void **state)
{
	static const struct {
		uint32_t sites, claims, size;
		enum verifier_rule rule;
	} cases[] = {
		{ 0, 0, 0, VERIFIER_NONE },
		{ 0, 0, 32, VERIFIER_NONE },
		{ 1, 0, 0, VERIFIER_LAYOUT },
		{ 0, 1, 0, VERIFIER_LAYOUT },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct builder b;
		struct verifier_finding finding;

		builder_init(&b);
		put_return(&b);
		builder_finish(&b);
		struct verifier_facts facts = builder_facts(&b);

		memset(b.bytes, 0xcc, sizeof(b.bytes));
		facts.function_count = b.image.function_count = 0;
		b.image.site_count = cases[i].sites;
		b.image.claim_count = cases[i].claims;
		b.image.code_size = cases[i].size;
		bool is_good = verify_image(&b.image, &facts, &finding);

		assert_int_equal(finding.rule, cases[i].rule);
		assert_int_equal(is_good, cases[i].rule == VERIFIER_NONE);
		builder_release(&b);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rules),	    cmocka_unit_test(test_immediates),
		cmocka_unit_test(test_cut_off),	    cmocka_unit_test(test_templates),
		cmocka_unit_test(test_image_ends),  cmocka_unit_test(test_image),
		cmocka_unit_test(test_empty_image),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
