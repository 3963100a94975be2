/*
 * Ports: in and out where the manifest allows them.
 */
#include "verifier/scan.h"

#include "lib/string.h"

enum { CC_A = 7, PORT_MOVE = 0xba, PORT_MOVE_BYTES = 5 };

static bool
is_output(const struct vf_inst *inst)
{
	return vf_form(inst) >= NB_FORM_OUT8;
}

/* Forms with DX, and not with an immediate. */
static bool
is_by_register(const struct vf_inst *inst)
{
	return inst->form->info.imm == NB_IMM_NONE;
}

/* The current instruction accesses some port from `first` to `last`. */
static bool
take_access(struct scan *s, int64_t first, int64_t last)
{
	uint32_t wanted = is_output(&s->inst) ? NB_PORT_WRITE : NB_PORT_READ;
	int64_t end = last + s->inst.form->info.bytes;

	for (uint32_t i = 0; i < s->facts->port_count; i++) {
		const struct nb_port_range *range = &s->facts->ports[i];

		if (range->access & wanted && first >= range->first &&
		    end <= (int64_t)range->first + range->count)
			return true;
	}
	return scan_refuse(s, VERIFIER_PORT);
}

bool
scan_port(struct scan *s)
{
	if (!is_by_register(&s->inst))
		return take_access(s, s->inst.imm, s->inst.imm);
	/* mov edx, constant */
	uint32_t port, move = s->moved_at;

	if (s->at - move != PORT_MOVE_BYTES || s->code[move] != PORT_MOVE || s->marks[s->at])
		return scan_refuse(s, VERIFIER_PORT);
	memcpy(&port, s->code + move + 1, sizeof(port));
	return take_access(s, port, port);
}

bool
scan_computed_port(struct scan *s)
{
	int64_t first = -(int64_t)s->inst.disp;

	if (s->inst.index != VF_NO_REG || !scan_next(s) ||
	    !scan_is_immediate(&s->inst, NB_FORM_CMP32_IMM, NB_REG_CALLEE, s->inst.imm))
		return scan_refuse(s, VERIFIER_TEMPLATE);
	int64_t distance = s->inst.imm;

	/* R11 has been written. */
	s->open |= 1u << NB_REG_CALLEE;
	if (!scan_step_condition(s, CC_A) ||
	    !scan_edge(s, scan_branch_target(s), s->open, MARK_PLAIN) || !scan_next(s) ||
	    vf_form(&s->inst) < NB_FORM_IN8 || vf_form(&s->inst) > NB_FORM_OUT32_IMM ||
	    !is_by_register(&s->inst) || distance < 0)
		return scan_refuse(s, VERIFIER_TEMPLATE);
	if (!is_output(&s->inst))
		s->open |= 1u << NB_RAX;
	return take_access(s, first, first + distance);
}
