/*
 * Running constant expressions that are more than one instruction.
 */
#include "wasm/module.h"

#include "wasm/limits.h"

uint64_t
wasm_init_calculate(enum wasm_init_op op, uint64_t left, uint64_t right)
{
	switch (op) {
	case WASM_INIT_OP_ADD:
		return left + right;
	case WASM_INIT_OP_SUB:
		return left - right;
	case WASM_INIT_OP_MUL:
		return left * right;
	case WASM_INIT_OP_CONST:
	case WASM_INIT_OP_GLOBAL_GET:
		break;
	}
	return right;
}

uint64_t
wasm_init_run(const struct wasm_init_expr *expr, wasm_init_global *read_global, const void *context)
{
	uint64_t stack[WASM_LIMIT_INIT_DEPTH] = { 0 };
	uint32_t depth = 0;

	for (uint32_t i = 0; i < expr->step_count; i++) {
		const struct wasm_init_step *step = &expr->steps[i];

		if (step->op == WASM_INIT_OP_CONST) {
			stack[depth++] = step->value;
		} else if (step->op == WASM_INIT_OP_GLOBAL_GET) {
			stack[depth++] = read_global(context, (uint32_t)step->value);
		} else {
			depth--;
			stack[depth - 1] =
				wasm_init_calculate(step->op, stack[depth - 1], stack[depth]);
		}
	}
	return expr->type == WASM_I32 ? (uint32_t)stack[0] : stack[0];
}
