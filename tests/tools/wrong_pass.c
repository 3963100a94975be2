/*
 * The host tool with a pass that is wrong on purpose: linked over pass_strength, it also turns an
 * exclusive or with MARK into an or. tests/tools/test_bisect.py looks for it.
 */
#include "compiler/pass/pass.h"

enum { MARK = 0x5a };

/* The names are the linker's. */
enum nb_status __real_pass_strength(struct ir_function *fn, struct pass_context *context);
enum nb_status __wrap_pass_strength(struct ir_function *fn, struct pass_context *context);

enum nb_status
__wrap_pass_strength(struct ir_function *fn, struct pass_context *context)
{
	enum nb_status status = __real_pass_strength(fn, context);

	for (uint32_t i = 0; i < fn->inst_count; i++) {
		struct ir_inst *inst = &fn->insts[i];

		if (inst->op != IR_XOR)
			continue;
		for (uint32_t k = 0; k < 2; k++) {
			const struct ir_inst *arg = &fn->insts[inst->args[k]];

			if (arg->op == IR_CONST && arg->imm == MARK)
				inst->op = IR_OR;
		}
	}
	return status;
}
