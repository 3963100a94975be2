/*
 * The encoder against an independent decoder: every form with every register
 * and every shape of memory operand. Also that the columns of code_forms.def
 * (what is written, how memory is accessed) say what the decoder knows, and
 * that operands outside a form are refused.
 */
#include "tests/compiler/x64/form_check.h"
#include "tests/wasm/host_arena.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static ZydisDecoder decoder;

struct encoded {
	struct x64_buffer buffer;
	enum nb_form form;
	struct x64_operands ops;
};

static void
fail_at(const struct encoded *c, const char *what)
{
	char hex[3 * 16 + 1] = "";
	for (uint32_t i = 0; i < c->buffer.len && i < 16; i++)
		snprintf(hex + 3 * i, 4, "%02x ", c->buffer.bytes[i]);
	fail_msg("form %d (%s) reg %u rm %u/%u+%u*%u%+d imm %lld: %s; bytes %s", c->form,
		 x64_form_text(c->form), c->ops.reg, c->ops.rm.kind, c->ops.rm.reg, c->ops.rm.index,
		 1u << c->ops.rm.scale, c->ops.rm.disp, (long long)c->ops.imm, what, hex);
}

static void
check_decoded(const struct encoded *c)
{
	struct form_inst inst = { .info = x64_form_info(c->form),
				  .form = c->form,
				  .ops = c->ops,
				  .bytes = c->buffer.bytes,
				  .len = c->buffer.len };
	const char *wrong = form_check(&decoder, &inst);

	if (wrong)
		fail_at(c, wrong);
}

/* --- generating ----------------------------------------------------------- */

struct sweep {
	struct host_arena host;
	struct encoded c;
	uint64_t count;
};

static void
try_operands(struct sweep *s)
{
	s->c.buffer.len = 0;
	x64_encode(&s->c.buffer, s->c.form, &s->c.ops);
	if (s->c.buffer.status != NB_OK)
		fail_at(&s->c, "refused");
	check_decoded(&s->c);
	s->count++;
}

static void
try_immediates(struct sweep *s)
{
	static const int64_t values[] = { 0,	     1,		-1,	    63,	       3,
					  7,	     15,	31,	    127,       128,
					  -128,	     -129,	255,	    0x7fff,    -0x8000,
					  INT32_MAX, INT32_MIN, UINT32_MAX, INT64_MAX, INT64_MIN };
	static const int64_t limits[][2] = {
		[NB_IMM_NONE] = { 0, 0 },
		[NB_IMM_S8] = { -128, 127 },
		[NB_IMM_U8] = { 0, 255 },
		[NB_IMM_S16] = { -0x8000, 0x7fff },
		[NB_IMM_S32] = { INT32_MIN, INT32_MAX },
		[NB_IMM_U32] = { 0, UINT32_MAX },
		[NB_IMM_Q64] = { INT64_MIN, INT64_MAX },
		[NB_IMM_S8_32] = { INT32_MIN, INT32_MAX },
		[NB_IMM_REL8] = { -128, 127 },
		[NB_IMM_REL32] = { INT32_MIN, INT32_MAX },
		[NB_IMM_U1] = { 0, 1 },
		[NB_IMM_U2] = { 0, 3 },
		[NB_IMM_U3] = { 0, 7 },
		[NB_IMM_U4] = { 0, 15 },
		[NB_IMM_U5] = { 0, 31 },
		[NB_IMM_CMP] = { 0, 7 },
	};
	const struct nb_form_info *info = x64_form_info(s->c.form);
	if (info->imm == NB_IMM_IS4) {
		for (uint32_t reg = 0; reg < 16; reg++) {
			s->c.ops.imm = reg << 4;
			try_operands(s);
		}
		return;
	}
	for (uint32_t i = 0; i < sizeof(values) / sizeof(*values); i++) {
		if (values[i] < limits[info->imm][0] || values[i] > limits[info->imm][1])
			continue;
		s->c.ops.imm = values[i];
		try_operands(s);
	}
}

static void
try_memory(struct sweep *s, bool is_address)
{
	static const int32_t disps[] = { 0, 1, -1, 127, -128, 128, -129, INT32_MAX, INT32_MIN };
	for (uint32_t base = 0; base <= 16; base++)
		for (uint32_t index = 0; index <= 16; index++)
			for (uint32_t scale = 0; scale < (is_address ? 4u : 1u); scale++)
				for (uint32_t d = 0; d < sizeof(disps) / sizeof(*disps); d++) {
					if (index == NB_RSP || (base == 16 && !is_address) ||
					    (base == 16 && index == 16) || (index == 16 && scale))
						continue;
					s->c.ops.rm = x64_rm_indexed(
						base == 16 ? X64_NO_REG : base,
						index == 16 ? X64_NO_REG : index, scale, disps[d]);
					try_immediates(s);
				}
	s->c.ops.rm = (struct x64_rm){ .kind = X64_RM_RIP };
	uint8_t imm = x64_form_info(s->c.form)->imm;
	if (imm == NB_IMM_NONE || nb_imm_bits(imm) || imm == NB_IMM_IS4)
		try_immediates(s);
}

static void
try_rm(struct sweep *s)
{
	const struct nb_form_info *info = x64_form_info(s->c.form);
	if (info->rm == NB_RM_NONE) {
		s->c.ops.rm = (struct x64_rm){ 0 };
		try_immediates(s);
	}
	if (info->rm & (NB_RM_G8 | NB_RM_G | NB_RM_X))
		for (uint32_t reg = 0; reg < 16; reg++) {
			s->c.ops.rm = x64_rm_reg(reg);
			try_immediates(s);
		}
	if (info->rm & NB_RM_G0) {
		s->c.ops.rm = x64_rm_reg(0);
		try_operands(s);
	}
	if (info->rm & NB_RM_TABLE) {
		s->c.ops.rm = x64_rm_indexed(NB_R11, NB_R10, 2, 0);
		try_operands(s);
	}
	/* All of memory's shapes need not meet all registers. */
	if (info->rm & (NB_RM_M | NB_RM_ADDRESS) && (s->c.ops.reg & 3) == 1 &&
	    (info->vvvv == NB_REG_NONE || (s->c.ops.vvvv & 7) < 2))
		try_memory(s, info->rm & NB_RM_ADDRESS);
}

static void
sweep_form(struct sweep *s, enum nb_form form)
{
	const struct nb_form_info *info = x64_form_info(form);
	bool has_reg = info->reg >= NB_REG_G8 && info->reg <= NB_REG_OPCODE;
	uint32_t conditions = info->kind == NB_FORM_CONDITION ? 16 : 1;
	bool has_vvvv = info->kind == NB_FORM_VEX_ENCODED && info->vvvv != NB_REG_NONE;
	uint32_t others = has_vvvv ? 16 : 1;
	s->c.form = form;
	for (uint32_t cc = 0; cc < conditions; cc++)
		for (uint32_t vvvv = 0; vvvv < others; vvvv++)
			for (uint32_t reg = 0; reg < (has_reg ? 16u : 2u); reg++) {
				s->c.ops = (struct x64_operands){ .reg = (uint8_t)reg,
								  .cc = (uint8_t)cc,
								  .vvvv = (uint8_t)vvvv };
				try_rm(s);
			}
}

static void
test_every_form_decodes(void **state)
{
	(void)state;
	struct sweep s = { 0 };
	host_arena_init(&s.host, 1 << 20);
	s.c.buffer.arena = &s.host.arena;
	for (uint32_t form = 0; form < NB_FORM_COUNT; form++) {
		uint64_t before = s.count;
		sweep_form(&s, (enum nb_form)form);
		assert_true(s.count > before);
	}
	print_message("%llu instructions\n", (unsigned long long)s.count);
	arena_reset(&s.host.arena);
}

/* --- refusals ------------------------------------------------------------- */

static void
expect_refused(enum nb_form form, struct x64_operands ops)
{
	struct host_arena host;
	host_arena_init(&host, 1 << 20);
	struct x64_buffer buffer = { .arena = &host.arena };
	x64_encode(&buffer, form, &ops);
	assert_int_equal(buffer.status, NB_INTERNAL);
	assert_int_equal(buffer.len, 0);
	/* It stays refused. */
	x64_encode(&buffer, NB_FORM_RET, &(struct x64_operands){ 0 });
	assert_int_equal(buffer.len, 0);
	arena_reset(&host.arena);
}

#define OPS(...) ((struct x64_operands){ __VA_ARGS__ })

static void
test_operands_outside_the_form(void **state)
{
	(void)state;
	struct x64_rm reg = x64_rm_reg(NB_RAX), mem = x64_rm_mem(NB_R14, 0);
	expect_refused(NB_FORM_MOV32_STORE, OPS(.rm = reg));
	expect_refused(NB_FORM_SHL32_CL, OPS(.rm = mem));
	expect_refused(NB_FORM_LEA64, OPS(.rm = reg));
	expect_refused(NB_FORM_RET, OPS(.rm = reg));
	expect_refused(NB_FORM_ADD32, OPS(.rm = { 0 }));
	expect_refused(NB_FORM_ADD32, OPS(.reg = 16, .rm = reg));
	expect_refused(NB_FORM_ADD32, OPS(.rm = x64_rm_reg(16)));
	expect_refused(NB_FORM_ADD32, OPS(.rm = x64_rm_indexed(NB_R14, NB_RSP, 0, 0)));
	expect_refused(NB_FORM_ADD32, OPS(.rm = x64_rm_indexed(NB_R14, NB_RAX, 1, 0)));
	expect_refused(NB_FORM_ADD32, OPS(.rm = x64_rm_indexed(X64_NO_REG, NB_RAX, 0, 0)));
	expect_refused(NB_FORM_LEA64, OPS(.rm = x64_rm_indexed(X64_NO_REG, X64_NO_REG, 0, 0)));
	expect_refused(NB_FORM_LEA64, OPS(.rm = x64_rm_indexed(NB_RAX, NB_RAX, 4, 0)));
	expect_refused(NB_FORM_MOVSXD_TABLE, OPS(.rm = x64_rm_indexed(NB_R11, NB_RAX, 2, 0)));
	expect_refused(NB_FORM_MOVSXD_TABLE, OPS(.rm = x64_rm_indexed(NB_R14, NB_R10, 2, 0)));
	expect_refused(NB_FORM_ADD32_IMM, OPS(.rm = reg, .imm = INT64_C(1) << 31));
	expect_refused(NB_FORM_SHL32_IMM, OPS(.rm = reg, .imm = -1));
	expect_refused(NB_FORM_CMP8_IMM, OPS(.rm = reg, .imm = 128));
	expect_refused(NB_FORM_MOV32_IMM, OPS(.imm = -1));
	expect_refused(NB_FORM_JMP_8, OPS(.imm = 128));
	expect_refused(NB_FORM_CMP32_IMM, OPS(.rm = { .kind = X64_RM_RIP }));
	expect_refused(NB_FORM_MOVUPS, OPS(.rm = reg));
	expect_refused(NB_FORM_PSLLW_IMM, OPS(.rm = mem));
	expect_refused(NB_FORM_VPADDB, OPS(.vvvv = 16, .rm = reg));
	expect_refused(NB_FORM_VPADDB, OPS(.reg = 16, .rm = reg));
	expect_refused(NB_FORM_PSHUFD, OPS(.rm = reg, .imm = 256));
	expect_refused(NB_FORM_VPBLENDVB, OPS(.rm = reg, .imm = 8));
	expect_refused(NB_FORM_VPBLENDVB, OPS(.rm = reg, .imm = 256));
}

static void
test_exhaustion_is_reported(void **state)
{
	(void)state;
	struct host_arena host;
	host_arena_init(&host, 8192);
	struct x64_buffer buffer = { .arena = &host.arena };
	for (uint32_t i = 0; i < 10000; i++)
		x64_encode(&buffer, NB_FORM_RET, &(struct x64_operands){ 0 });
	assert_int_equal(buffer.status, NB_OUT_OF_MEMORY);
	arena_reset(&host.arena);
}

/* Alignment is what the decoder cannot tell: of the legacy vector forms only
 * movups may read 16 bytes anywhere. */
static void
test_aligned_operands_are_marked(void **state)
{
	(void)state;
	for (uint32_t form = 0; form < NB_FORM_COUNT; form++) {
		const struct nb_form_info *info = x64_form_info((enum nb_form)form);
		bool is_aligned = info->kind != NB_FORM_VEX_ENCODED && info->bytes == 16 &&
				  info->access == NB_ACCESS_READ_A;
		bool must_be = info->kind != NB_FORM_VEX_ENCODED && info->bytes == 16 &&
			       info->rm & NB_RM_M && form != NB_FORM_MOVUPS &&
			       form != NB_FORM_MOVUPS_STORE;
		assert_int_equal(is_aligned, must_be);
		assert_int_equal(info->access & NB_ACCESS_ALIGNED, must_be ? NB_ACCESS_ALIGNED : 0);
	}
}

/* What selection and emission take for granted of the twins. */
static void
test_twins_follow_their_legacy_form(void **state)
{
	(void)state;
	for (uint32_t form = 0; form < NB_FORM_COUNT; form++) {
		struct nb_form_info a = *x64_form_info((enum nb_form)form);
		if (a.kind != NB_FORM_SSE_LEGACY)
			continue;
		struct nb_form_info b = *x64_form_info((enum nb_form)(form + 1));
		assert_int_equal(a.feature, NB_FEATURE_BASE);
		assert_int_equal(b.kind, NB_FORM_VEX_ENCODED);
		assert_int_equal(b.feature, NB_FEATURE_AVX);
		if (a.vvvv == NB_REG_XD) {
			assert_int_equal(a.writes, NB_WRITES_RMX);
			assert_int_equal(b.writes, NB_WRITES_VVVVX);
			b.writes = a.writes;
		}
		if (a.imm == NB_IMM_CMP) {
			assert_int_equal(b.imm, NB_IMM_U5);
			b.imm = a.imm;
		}
		b.access |= a.access & NB_ACCESS_ALIGNED;
		b.kind = a.kind;
		b.feature = a.feature;
		assert_memory_equal(&a, &b, sizeof(a));
	}
}

int
main(void)
{
	ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_form_decodes),
		cmocka_unit_test(test_operands_outside_the_form),
		cmocka_unit_test(test_aligned_operands_are_marked),
		cmocka_unit_test(test_twins_follow_their_legacy_form),
		cmocka_unit_test(test_exhaustion_is_reported),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
