/*
 * Emission of accesses to ports, as abi/code_contract.h has them.
 */
#include "compiler/x64/emit.h"

#include "abi/trap.h"

static void
put_access(struct emitter *e, enum nb_form form, int64_t port)
{
	emit_put(e, form, &(struct x64_operands){ .imm = port });
}

static void
put_constant(struct emitter *e, enum nb_form form, int64_t port)
{
	/* The forms with an immediate stand behind the others, in the same order. */
	if (port <= UINT8_MAX) {
		put_access(e, form + (NB_FORM_IN8_IMM - NB_FORM_IN8), port);
		return;
	}
	emit_put(e, NB_FORM_MOV32_IMM, &(struct x64_operands){ .reg = NB_RDX, .imm = port });
	put_access(e, form, 0);
}

/* The access if the port lies in the range, else on at `elsewhere`. */
static void
put_guarded(struct emitter *e, enum nb_form form, const struct nb_port_range *range,
	    uint32_t elsewhere)
{
	emit_rm(e, NB_FORM_LEA32, RA_SCRATCH_GPR, x64_rm_mem(NB_RDX, -(int32_t)range->first));
	emit_r_imm(e, NB_FORM_CMP32_IMM, RA_SCRATCH_GPR, range->count - x64_form_info(form)->bytes);
	emit_jump(e, X64_CC_A, elsewhere);
	put_access(e, form, 0);
}

static bool
is_usable(const struct nb_port_range *range, enum nb_form form)
{
	bool is_read = x64_form_info(form)->writes == NB_WRITES_RAX;

	return range->access & (is_read ? NB_PORT_READ : NB_PORT_WRITE) &&
	       range->count >= x64_form_info(form)->bytes;
}

/* One range after the other. There is at least one, or the function would not have been
 * built. */
static void
put_computed(struct emitter *e, enum nb_form form, uint32_t trap)
{
	const struct manifest *manifest = e->fn->ir->rules->manifest;
	uint32_t done = emit_label_new(e), left = 0;

	for (uint32_t i = 0; i < manifest->counts[NB_MANIFEST_PORT]; i++)
		left += is_usable(&manifest->ports[i], form);
	for (uint32_t i = 0; left; i++) {
		uint32_t next;

		if (!is_usable(&manifest->ports[i], form))
			continue;
		left--;
		next = left ? emit_label_new(e) : emit_trap_label(e, trap);
		put_guarded(e, form, &manifest->ports[i], next);
		if (left) {
			emit_jump(e, EMIT_ALWAYS, done);
			emit_label(e, next);
		}
	}
	emit_label(e, done);
}

void
emit_port(struct emitter *e)
{
	const struct x64_inst *inst = emit_inst(e);

	if (inst->memory)
		put_computed(e, inst->form, inst->trap);
	else
		put_constant(e, inst->form, inst->imm);
}
