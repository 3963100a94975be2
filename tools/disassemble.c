/*
 * A disassembler for the instruction forms that code may contain, on the
 * verifier's decoder.
 */
#include "tools/disassemble.h"

#include "verifier/decode.h"

#include <stdlib.h>
#include <string.h>

static const char *const mnemonics[NB_FORM_COUNT] = {
#define NB_FORM(name, text, ...)      text,
#define NB_FORM_LOCK(name, text, ...) "lock " text,
#define NB_FORM_CC(name, text, ...)   text,
#define NB_FORM_VEX(name, text, ...)  text,
#define NB_FORM_SSE(name, text, ...)  text, "v" text,
#include "abi/code_forms.def"
#undef NB_FORM
#undef NB_FORM_LOCK
#undef NB_FORM_CC
#undef NB_FORM_VEX
#undef NB_FORM_SSE
};

/* A line under way. */
struct line {
	char text[sizeof((struct disassembled *)0)->text];
	size_t len;
	bool has_operand;
	bool has_target;
	uint32_t target;
};

static void
add(struct line *line, const char *text)
{
	size_t len = strlen(text);

	if (len > sizeof line->text - 1 - line->len)
		len = sizeof line->text - 1 - line->len;
	memcpy(line->text + line->len, text, len);
	line->len += len;
	line->text[line->len] = 0;
}

static void
add_operand(struct line *line, const char *text)
{
	add(line, line->has_operand ? ", " : " ");
	add(line, text);
	line->has_operand = true;
}

static const char *
gpr(uint32_t reg, uint32_t bytes)
{
	static const char *const names[16][4] = {
		{ "al", "ax", "eax", "rax" },	   { "cl", "cx", "ecx", "rcx" },
		{ "dl", "dx", "edx", "rdx" },	   { "bl", "bx", "ebx", "rbx" },
		{ "spl", "sp", "esp", "rsp" },	   { "bpl", "bp", "ebp", "rbp" },
		{ "sil", "si", "esi", "rsi" },	   { "dil", "di", "edi", "rdi" },
		{ "r8b", "r8w", "r8d", "r8" },	   { "r9b", "r9w", "r9d", "r9" },
		{ "r10b", "r10w", "r10d", "r10" }, { "r11b", "r11w", "r11d", "r11" },
		{ "r12b", "r12w", "r12d", "r12" }, { "r13b", "r13w", "r13d", "r13" },
		{ "r14b", "r14w", "r14d", "r14" }, { "r15b", "r15w", "r15d", "r15" },
	};

	return names[reg & 15][bytes >= 8 ? 3 : bytes == 4 ? 2 : bytes == 2 ? 1 : 0];
}

static void
add_register(struct line *line, bool is_xmm, uint32_t reg, uint32_t bytes)
{
	char text[8];

	snprintf(text, sizeof text, "xmm%u", reg & 15);
	add_operand(line, is_xmm ? text : gpr(reg, bytes));
}

static void
add_memory(struct line *line, const struct vf_inst *inst, uint32_t end)
{
	char text[64];
	const char *base = inst->base == VF_NO_REG ? "" : gpr(inst->base, 8);
	char index[16] = "";

	if (inst->operand == VF_RIP) {
		snprintf(text, sizeof text, "[rip -> 0x%x]", end + (uint32_t)inst->disp);
	} else {
		if (inst->index != VF_NO_REG)
			snprintf(index, sizeof index, "%s%s*%d", *base ? " + " : "",
				 gpr(inst->index, 8), 1 << inst->scale);
		snprintf(text, sizeof text, "[%s%s %c 0x%x]", base, index,
			 inst->disp < 0 ? '-' : '+', (uint32_t)abs(inst->disp));
	}
	add_operand(line, text);
}

static void
add_immediate(struct line *line, const struct vf_inst *inst, uint32_t end)
{
	char text[32];
	uint32_t imm = inst->form->info.imm;

	if (imm == NB_IMM_NONE)
		return;
	if (imm == NB_IMM_REL8 || imm == NB_IMM_REL32) {
		int64_t target = end + inst->imm;

		snprintf(text, sizeof text, "0x%llx", (unsigned long long)target);
		line->has_target = true;
		line->target = (uint32_t)target;
	} else {
		snprintf(text, sizeof text, "%lld", (long long)inst->imm);
	}
	add_operand(line, text);
}

/* in and out name no operands in their bytes but the port. */
static void
add_port(struct line *line, const struct vf_inst *inst)
{
	const struct nb_form_info *info = &inst->form->info;
	bool is_read = info->writes == NB_WRITES_RAX;
	char port[16] = "dx";

	if (info->imm == NB_IMM_U8)
		snprintf(port, sizeof port, "0x%x", (uint32_t)inst->imm);
	add_operand(line, is_read ? gpr(NB_RAX, info->bytes) : port);
	add_operand(line, is_read ? port : gpr(NB_RAX, info->bytes));
}

/* Intel's order: what is written comes first. */
static void
format(struct line *line, const struct vf_inst *inst, uint32_t end)
{
	static const char *const conditions[] = { "o", "no", "b", "ae", "e", "ne", "be", "a",
						  "s", "ns", "p", "np", "l", "ge", "le", "g" };
	const struct nb_form_info *info = &inst->form->info;
	uint32_t bytes = info->wide ? 8 : info->bytes > 4 || info->bytes == 0 ? 4 : info->bytes;
	bool has_reg = info->reg >= NB_REG_G8 && info->reg <= NB_REG_OPCODE;
	bool rm_first = info->writes == NB_WRITES_RM8 || info->writes == NB_WRITES_RM32 ||
			info->writes == NB_WRITES_RM64 || info->access & NB_ACCESS_WRITE;

	add(line, mnemonics[vf_form(inst)]);
	if (info->kind == NB_FORM_CONDITION)
		add(line, conditions[inst->opcode & 15]);
	if (vf_form(inst) >= NB_FORM_IN8 && vf_form(inst) <= NB_FORM_OUT32_IMM) {
		add_port(line, inst);
		return;
	}
	for (int pass = 0; pass < 2; pass++) {
		bool rm_now = rm_first == (pass == 0);

		if (!rm_now && has_reg)
			add_register(line, info->reg == NB_REG_X, inst->reg,
				     info->reg == NB_REG_G8 ? 1 : bytes);
		if (!rm_now && info->kind == NB_FORM_VEX_ENCODED && info->vvvv != NB_REG_NONE)
			add_register(line, info->vvvv != NB_REG_G, inst->vvvv, bytes);
		if (rm_now && inst->operand == VF_REGISTER)
			add_register(line, info->rm & NB_RM_X, inst->base,
				     info->rm & NB_RM_G8 ? 1 : bytes);
		else if (rm_now && inst->operand != VF_NONE)
			add_memory(line, inst, end);
	}
	add_immediate(line, inst, end);
}

static void
print_line(FILE *out, const uint8_t *code, uint32_t at, uint32_t len, const char *text,
	   bool is_marked)
{
	fprintf(out, "%s %8x: ", is_marked ? "->" : "  ", at);
	for (uint32_t i = 0; i < 10; i++)
		fprintf(out, i < len ? "%02x " : "   ", i < len ? code[at + i] : 0);
	fprintf(out, " %s\n", text);
}

/* The instruction at `at`, as text; its length. */
static uint32_t
disassemble(const struct nb_code_image *image, uint32_t at, uint32_t end, struct line *line)
{
	struct vf_inst inst;

	*line = (struct line){ 0 };
	if (vf_decode(UINT32_MAX, image->code + at, end - at, &inst) != VERIFIER_NONE) {
		/* The one form that only a template may contain. */
		static const uint8_t table[] = { 0x4f, 0x63, 0x14, 0x93 };
		bool is_table = end - at >= sizeof table &&
				memcmp(image->code + at, table, sizeof table) == 0;

		add(line, is_table ? "movsxd r10, [r11 + r10*4]" : "(not an instruction)");
		return is_table ? sizeof table : 1;
	}
	format(line, &inst, at + inst.len);
	return inst.len;
}

void
disassemble_around(FILE *out, const struct nb_code_image *image, uint32_t function, uint32_t marked,
		   uint32_t before)
{
	const struct nb_code_function *f = &image->functions[function];
	uint32_t at = f->code_offset, end = at + f->code_size, count = 0, skipped = 0;
	struct line line;

	for (uint32_t i = at; i < marked && i < end; count++)
		i += disassemble(image, i, end, &line);
	while (at < end && skipped <= count + before) {
		uint32_t len = disassemble(image, at, end, &line);

		if (skipped++ + before >= count)
			print_line(out, image->code, at, len, line.text, at == marked);
		at += len;
	}
}

bool
disassemble_function(const struct nb_code_image *image, uint32_t function,
		     void (*take)(void *context, const struct disassembled *inst), void *context)
{
	const struct nb_code_function *f = &image->functions[function];
	uint32_t end = f->code_offset + f->code_size;
	struct line line;

	for (uint32_t at = f->code_offset, len; at < end; at += len) {
		struct disassembled inst = { .at = at };

		len = disassemble(image, at, end, &line);
		inst.len = len;
		inst.has_target = line.has_target;
		inst.target = line.target;
		memcpy(inst.text, line.text, sizeof inst.text);
		take(context, &inst);
	}
	return true;
}
