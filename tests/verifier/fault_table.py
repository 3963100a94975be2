"""Faults of the compiler that break confinement: what faults.py puts into it, one at a time.

fault(NAME, RULES, *EDITS): an edit is (file of compiler/x64, or with a folder one of compiler/, without
.c; text; text in its place); the text must be there exactly once. RULES: what the verifier must say,
separated by blanks; each refusal must name one of them, and at least one the first; none: nothing is
refused. Where the compiler then makes other code than without the fault, the verifier must refuse the
module, unless a text before the edits says why some of that code is confined nevertheless: not a hope
but what the rules make certain, and the emulator looks at such code.

Published bugs of other compilers stand where their kind is, by number. Some have no counterpart, as
nothing of the sort is compiled: references that a collector must find on the stack (Cranelift's stack
maps, CVE-2021-39216, CVE-2021-39218, CVE-2022-24791, CVE-2022-31146: here a reference is an index that
is masked where it is used), lifetimes in the runtime (Lucet, CVE-2021-43790), and wrong values that
stay values (CVE-2022-31104, CVE-2022-31169, CVE-2023-27477).
"""
FAULTS = {}


def fault(name, rules, *edits):
    assert name not in FAULTS, name
    why_confined = edits[0] if isinstance(edits[0], str) else None
    FAULTS[name] = (rules.split(), edits[1 if why_confined else 0:], why_confined)


# Why code with a wrong belief about upper halves may pass: the verifier does not share the belief.
NO_INDEX = ("every index that is left was extended by an instruction that the verifier saw: the register "
            "in question is none, or is extended again before it is one")
# Why code with a wrong place on the stack may pass.
IN_FRAME = ("all places that are left lie in the function's own frame below the saved registers, or in its "
            "incoming area: other values, nobody else's")

# The encoder would not make a scaled access.
SCALED = ("encode", "(rm->index == X64_NO_REG || rm->scale == 0);", "true;")

# --- linear memory, 32-bit indices ---------------------------------------------------------------
fault("index/not-extended", "EXTENSION CLAIM",
      ("emit_operand", "		emit_zero_extend(e, index);",
       "		e->zx |= (uint16_t)(1u << index);"))
fault("index/wide-writes-extend", "EXTENSION CLAIM", NO_INDEX,
      ("emit_put", "track_write(e, written, info->writes == NB_WRITES_REG32);",
       "track_write(e, written, true);"))
# Cranelift, CVE-2021-32629: a spilled i32 is sign-extended when it is reloaded. Only where it is
# an address does it matter.
fault("index/sign-extended-reload", "EXTENSION CLAIM", NO_INDEX,
      ("emit", "		emit_rm(e, load, to->reg, emit_slot_rm(e, from->slot));\n"
       "	else if (to->kind == RA_PLACE_SLOT)\n"
       "		emit_rm(e, store, from->reg, emit_slot_rm(e, to->slot));\n	else\n"
       "		emit_rr(e, load",
       "		emit_rm(e, is_64 ? load : NB_FORM_MOVSXD, to->reg, emit_slot_rm(e, from->slot)),\n"
       "			e->zx |= (uint16_t)(!is_64 << to->reg);\n"
       "	else if (to->kind == RA_PLACE_SLOT)\n"
       "		emit_rm(e, store, from->reg, emit_slot_rm(e, to->slot));\n	else\n"
       "		emit_rr(e, load"))
# A slot has the wrong type when it is reloaded: what else it held comes with it. Winch, CVE-2026-34987: a
# register that holds 64 bits is an address of 32.
fault("index/reload-too-wide", "EXTENSION CLAIM", NO_INDEX,
      ("emit", "	enum nb_form load = is_64 ? NB_FORM_MOV64 : NB_FORM_MOV32;",
       "	enum nb_form load = NB_FORM_MOV64;"),
      ("emit", "		move_gpr(e, move, is_64);",
       "		move_gpr(e, move, is_64), e->zx |= (uint16_t)(to_reg && !is_64 ? 1u << move->to.reg : 0);"))
# Winch, CVE-2026-35186: the result of table.grow, 64 bits of it, is taken for an i32. Here of any builtin.
fault("index/result-believed-extended", "EXTENSION CLAIM", NO_INDEX,
      ("emit_call", "	e->zx = 0;\n}\n\n/* A builtin's",
       "	e->zx = (uint16_t)(inst->op == X64_CALL_BUILTIN << NB_RAX);\n}\n\n/* A builtin's"))
fault("index/believed-after-call", "EXTENSION CLAIM", NO_INDEX,
      ("emit_call", "	e->zx = 0;\n}\n\n/* A builtin's", "}\n\n/* A builtin's"))
# Cranelift, CVE-2023-26489, and CVE-2026-34971: the shift of an i32 address becomes the scale of the access, so its
# upper bits are not cut off: 34 bits of offset.
fault("index/folded-shift", "MEMORY",
      ("select_mem", "	source.vreg = select_use(s, address);\n	s->marks",
       "	if (address_inst->op == IR_SHL && select_inst(s, address_inst->args[1])->op == IR_CONST &&\n"
       "	    (select_inst(s, address_inst->args[1])->imm & 31) == 2) {\n"
       "		address = address_inst->args[0];\n		source.memory |= 0x8000;\n	}\n"
       "	source.vreg = select_use(s, address);\n	s->marks"),
      ("emit_operand", "linear_rm(struct emitter *e, const struct x64_inst *inst)\n{",
       "linear_rm(struct emitter *e, const struct x64_inst *given)\n{\n"
       "	struct x64_inst copy = *given, *inst = &copy;\n	inst->memory &= 0x7fff;"),
      ("emit_operand", "	e->site = (uint32_t)",
       "	rm.scale = given->memory >> 15 ? 2 : 0;\n	e->site = (uint32_t)"), SCALED)
# The same by a 64-bit shift.
fault("index/wide-shift", "EXTENSION CLAIM", NO_INDEX,
      ("emit_inst", "enum nb_form lea = is_64 ? NB_FORM_LEA64 : NB_FORM_LEA32;",
       "enum nb_form lea = NB_FORM_LEA64;"),
      ("emit_inst", "emit_r_imm(e, inst->form, d, inst->imm);\n}\n\n/* bsr or",
       "emit_r_imm(e, inst->form, d, inst->imm);\n	e->zx |= (uint16_t)(!is_64 << d);\n}\n\n/* bsr or"))
fault("index/wide-sum", "EXTENSION CLAIM", NO_INDEX,
      ("emit_inst", "emit_rm(e, emit_is_wide(inst->form) ? NB_FORM_LEA64 : NB_FORM_LEA32, d,\n"
       "			x64_rm_indexed(a, b, 0, 0));",
       "emit_rm(e, NB_FORM_LEA64, d, x64_rm_indexed(a, b, 0, 0)), e->zx |= (uint16_t)(1u << d);"))
fault("index/wide-sum-with-constant", "EXTENSION CLAIM", NO_INDEX,
      ("emit_inst", "emit_rm(e, emit_is_wide(inst->form) ? NB_FORM_LEA64 : NB_FORM_LEA32, d,\n"
       "			x64_rm_mem(a, (int32_t)inst->imm));",
       "emit_rm(e, NB_FORM_LEA64, d, x64_rm_mem(a, (int32_t)inst->imm)),\n"
       "			e->zx |= (uint16_t)(1u << d);"))
fault("index/scale-4", "MEMORY",
      ("emit_operand", "		rm.index = (uint8_t)index;",
       "		rm.index = (uint8_t)index, rm.scale = index != X64_NO_REG ? 2 : 0;"), SCALED)
fault("index/pinned-register", "PINNED",
      ("emit_operand", "		rm.index = (uint8_t)index;",
       "		rm.index = index == X64_NO_REG ? X64_NO_REG : NB_R15;"))
fault("index/lost-rex-x", "EXTENSION ENCODING TEMPLATE",
      "the index became a register of which the verifier knows that it is extended",
      ("encode", "e.x = ops->rm.index >> 3;", "e.x = ops->rm.index >> 4;"))
# What a pass believes about ranges is wrong. TurboFan's typer, CVE-2019-13764 and others of its kind.
fault("range/sum-that-wraps-folded", "",
      "an extended index and a displacement are inside the guard, whether their sum wraps or not",
      ("pass/range", " ||\n		    span_of(&r->spans, add->args[0]).hi + by->imm > UINT32_MAX)", ")"))
fault("range/64-bit-index-believed-small", "",
      "the index is extended from 32 bits before it is used: another place of the memory",
      ("select_mem", "address_inst->type == IR_I64 && ~ir_known_zeros(s->ir, address) > UINT32_MAX)",
       "address_inst->type == IR_I64 && ~ir_known_zeros(s->ir, address) > UINT64_MAX - 1)"))
fault("base/dropped", "MEMORY",
      ("emit_operand", "		rm.index = (uint8_t)index;",
       "		rm.reg = (uint8_t)index, rm.index = X64_NO_REG;"),
      ("emit_operand", "if (index != NB_R11 || !inst->memory)", "if (index != X64_NO_REG)"))
fault("base/vmctx", "VMCTX SITE", ("emit_operand", "x64_rm_mem(NB_REG_MEMORY_BASE, inst->disp);",
                              "x64_rm_mem(NB_REG_VMCTX, inst->disp);"))
fault("base/stack", "STACK SITE",
      ("emit_operand", "x64_rm_mem(NB_REG_MEMORY_BASE, inst->disp);",
       "x64_rm_mem(NB_RSP, inst->disp);"))
fault("base/lost-rex-b", "MEMORY ENCODING PINNED PRESERVED TEMPLATE CALL",

      "only operands in registers were met: other registers, none of them pinned", ("encode", "e.b = ops->rm.reg >> 3;", "e.b = 0;"))
# Cranelift, CVE-2026-24116: f64.copysign with an operand in memory reads 16 bytes of it.
fault("access/too-wide", "",
      "at most 16 bytes are read where a smaller scalar begins: the guard is larger",
      ("select_lane", "ir_access_bytes(s->ir, inst) == bytes && ", ""),
      ("select_vector", "ir_access_bytes(s->ir, select_inst(s, load)) == bytes &&\n		    ", ""))
fault("access/must-be-aligned", "ALIGNMENT",
      ("select_vector", "inst->op == IR_LOAD && select_has_avx(s) && select_can_sink(s, value);",
       "inst->op == IR_LOAD && select_can_sink(s, value);"))
fault("displacement/negated", "DISPLACEMENT",
      ("emit_operand", "x64_rm_mem(NB_REG_MEMORY_BASE, inst->disp);",
       "x64_rm_mem(NB_REG_MEMORY_BASE, -inst->disp);"))
fault("displacement/no-limit", "DISPLACEMENT",
      ("select_mem", "if (address->op != IR_CONST || address->imm > NB_DISPLACEMENT_MAX - offset)",
       "if (address->op != IR_CONST || address->imm > UINT32_MAX)"))

# --- linear memory, 64-bit indices and other memories ---------------------------------------------
COMPARE = "		emit_rr(e, NB_FORM_CMP64, index, NB_R11);\n"
fault("clamp/index-used-instead", "EXTENSION STACK MEMORY SITE CLAIM",
      ("emit_operand", "		index = NB_R11;\n	} else", "	} else"))
fault("clamp/no-comparison", "TEMPLATE", ("emit_operand", COMPARE, ""))
fault("clamp/comparison-of-32-bits", "TEMPLATE",
      ("emit_operand", COMPARE, COMPARE.replace("CMP64", "CMP32")))
# Checks that are thought to have been made: an earlier access with the same index is believed to dominate.
fault("clamp/left-out-now-and-then", "EXTENSION MEMORY VMCTX TEMPLATE",
      ("emit_operand", "	if (inst->base == X64_BASE_CLAMPED) {\n",
       "	if (inst->base == X64_BASE_CLAMPED && inst->wasm_offset & 1) {\n		index = NB_R11;\n"
       "	} else if (inst->base == X64_BASE_CLAMPED) {\n"))
fault("clamp/greater-of-both", "TEMPLATE",
      ("emit_operand", ".cc = X64_CC_B, .rm", ".cc = X64_CC_A, .rm"))
fault("clamp/signed", "TEMPLATE", ("emit_operand", ".cc = X64_CC_B, .rm", ".cc = X64_CC_L, .rm"))
fault("clamp/descriptor-is-bound", "EXTENSION VMCTX",
      ("emit_operand", "memory_entry_rm(e, inst->memory, NB_VMCTX_ENTRY_BOUND)",
       "memory_entry_rm(e, inst->memory, NB_VMCTX_ENTRY_DESC)"))
fault("clamp/bound-of-next-memory", "VMCTX TEMPLATE SITE",
      ("emit_operand", "memory_entry_rm(e, inst->memory, NB_VMCTX_ENTRY_BOUND)",
       "memory_entry_rm(e, inst->memory + 1, NB_VMCTX_ENTRY_BOUND)"))
# A 32-bit index into another memory of the instance would be confined.
fault("clamp/base-of-next-memory", "TEMPLATE",
      ("emit_operand", "			memory_entry_rm(e, inst->memory, NB_VMCTX_ENTRY_BASE)",
       "			memory_entry_rm(e, inst->memory + (inst->base == X64_BASE_CLAMPED),\n"
       "					NB_VMCTX_ENTRY_BASE)"))
fault("memory/descriptor-is-base", "MEMORY TEMPLATE",
      ("emit_operand", "memory_entry_rm(e, inst->memory, NB_VMCTX_ENTRY_BASE)",
       "memory_entry_rm(e, inst->memory, NB_VMCTX_ENTRY_DESC)"))
fault("memory/reserved-word-is-base", "VMCTX TEMPLATE",
      ("emit_operand", "memory_entry_rm(e, inst->memory, NB_VMCTX_ENTRY_BASE)",
       "memory_entry_rm(e, inst->memory, NB_VMCTX_ENTRY_BOUND + 8)"))
fault("memory/address-kept", "MEMORY EXTENSION",
      "without an index from memory 1 on the place was [r14 + i + d] or as good: the same operand again",
      ("emit_atomic", "	place = emit_inst_rm(e);\n	emit_rm(e, exchanges",
       "	e->site = 2u << 24;\n	emit_rm(e, exchanges"))
fault("site/access-without", "SITE",
      ("emit_operand", "	e->site = (uint32_t)NB_TRAP_MEMORY_OUT_OF_BOUNDS << 24 | "
       "(inst->wasm_offset & 0xffffff);", "	e->site = 0;"))
fault("site/access-of-other-kind", "SITE",
      ("emit_operand", "	e->site = (uint32_t)NB_TRAP_MEMORY_OUT_OF_BOUNDS << 24",
       "	e->site = (uint32_t)NB_TRAP_UNREACHABLE << 24"))
fault("site/division-without", "SITE", ("emit_call", "	emit_site(e, NB_SITE_DIVIDE);\n", ""))
fault("site/trap-without", "SITE",
      ("emit_put", "{\n	emit_site(e, kind);\n	emit_put(e, NB_FORM_UD2", "{\n	(void)kind;\n	emit_put(e, NB_FORM_UD2"))
fault("site/call-without", "SITE",
      ("emit_call", "x64_rm_mem(base, disp));\n	emit_site(e, NB_SITE_CALL);",
       "x64_rm_mem(base, disp));"))
fault("site/one-byte-late", "SITE",
      ("x64", "sites[site_count++].code_offset += at;", "sites[site_count++].code_offset += at + 1;"))
# The kernel would follow R10, an index of the guest's, to look at the callee.
fault("site/index-is-no-callee", "SITE",
      ("emit_call", "emit_trap_label(e, NB_TRAP_UNDEFINED_ELEMENT)",
       "emit_trap_label(e, NB_SITE_INDIRECT)"))
# The code runs on into what stands behind.
fault("trap/no-instruction", "LABEL END SITE LAYOUT CLAIM TEMPLATE",
      ("emit_put", "	emit_put(e, NB_FORM_UD2, &(struct x64_operands){ 0 });\n", ""))

# --- vmctx ----------------------------------------------------------------------------------------
fault("vmctx/cell-not-followed", "VMCTX",
      ("emit_operand", "	case X64_BASE_VMCTX:\n", "	case X64_BASE_CELL:\n	case X64_BASE_VMCTX:\n"),
      ("emit_operand", "	case X64_BASE_CELL:\n	case X64_BASE_LENGTH:", "	case X64_BASE_LENGTH:"))
fault("vmctx/behind-the-cell", "MEMORY",
      ("emit_operand", "inst->base == X64_BASE_CELL ? 0 :", "inst->base == X64_BASE_CELL ? 16 :"))
fault("vmctx/base-for-length", "MEMORY",
      ("emit_operand", "? 0 : NB_MEMORY_LENGTH)", "? 0 : 0)"))
fault("vmctx/global-before-the-first", "VMCTX MEMORY",
      "the global before is a variable of the instance or only read",
      ("select_mem", "layout.globals + 16 * global)", "layout.globals + 16 * global - 16)"))
fault("vmctx/global-entries-of-32-bytes", "VMCTX MEMORY",
      "at twice its place lies another global that may be used so",
      ("select_mem", "layout.globals + 16 * global)", "layout.globals + 32 * global)"))
fault("vmctx/store-to-constant", "VMCTX",
      "global 0 is a variable of the instance",
      ("select_mem", "global_place(s, (uint32_t)set->imm)", "global_place(s, 0)"))
fault("vmctx/pointer-leaks", "PINNED TEMPLATE SITE",
      ("emit_put", "	if (value == 0)\n		emit_zero(e, reg);",
       "	if (value == 0)\n		emit_rr(e, NB_FORM_MOV64, reg, NB_R15);"))
fault("stack/pointer-leaks", "PINNED",
      ("emit_put", "	if (value == 0)\n		emit_zero(e, reg);",
       "	if (value == 0)\n		emit_rm(e, NB_FORM_LEA64, reg, x64_rm_mem(NB_RSP, 0));"))
fault("pinned/memory-base-written", "PINNED",
      ("emit_call", "		emit_zero(e, NB_RDX);\n	emit_site", "		emit_zero(e, NB_R14);\n	emit_site"))
fault("pinned/vmctx-written", "PINNED",
      ("emit_call", "emit_rr(e, NB_FORM_MOV64, NB_RDI, NB_R15);",
       "emit_rr(e, NB_FORM_MOV64, NB_R15, NB_RDI);"))
fault("pinned/allocated", "PINNED",
      ("select", "~(1 << NB_RSP | 1 << NB_REG_MEMORY_BASE |", "~(1 << NB_RSP |"))

# --- frame ----------------------------------------------------------------------------------------
PADDED = "size % 16 == 8 ? 0 : 8;"
RESTORE = "		emit_restore_saved(e);\n"
fault("frame/slot-off-by-one", "STACK ALIGNMENT FRAME", IN_FRAME,
      ("emit_operand", "slots_at + 8 * slot)", "slots_at + 8 * slot + 8)"))
fault("frame/slot-below", "STACK ALIGNMENT", IN_FRAME,
      ("emit_operand", "slots_at + 8 * slot)", "slots_at + 8 * slot - 8)"))
fault("frame/no-room-for-slots", "STACK FRAME",
      ("emit", "	size += 8ull * e->ra->slot_count;\n", ""))
fault("frame/return-address-is-argument", "STACK",
      "argument 0, whose place would be the return address, is never used; the others lie in the area",
      ("emit_operand", "(int32_t)e->frame_size + 8 + 8 * disp", "(int32_t)e->frame_size + 8 * disp"))
fault("frame/beyond-incoming-area", "STACK",
      "the area has two slots more than were used: its size is even, and that of the results",
      ("emit_operand", "(int32_t)e->frame_size + 8 + 8 * disp",
       "(int32_t)e->frame_size + 24 + 8 * disp"))
fault("frame/below-outgoing-area", "STACK", IN_FRAME,
      ("emit_operand", "x64_rm_mem(NB_RSP, 8 * disp);", "x64_rm_mem(NB_RSP, 8 * disp - 8);"))
fault("frame/misaligned", "FRAME", ("emit", PADDED, "size % 16 == 8 ? 8 : 0;"))
# Cranelift, CVE-2026-115889: a field is too narrow for what is packed into it. Here the number of a slot.
fault("frame/slot-number-of-3-bits", "", IN_FRAME,
      ("emit_operand", "slots_at + 8 * slot)", "slots_at + 8 * (slot & 7))"))
fault("frame/smaller-than-stated", "FRAME",
      ("emit_call", "SUB64_IMM, NB_RSP, size);", "SUB64_IMM, NB_RSP, size - 8);"))
fault("frame/not-removed", "TEMPLATE FRAME",
      ("emit_call", RESTORE + "		emit_r_imm(e, NB_FORM_ADD64_IMM, NB_RSP, e->frame_size);\n", RESTORE))
fault("frame/removed-off-by-one", "FRAME",
      ("emit_call", "ADD64_IMM, NB_RSP, e->frame_size);", "ADD64_IMM, NB_RSP, e->frame_size + 8);"))
fault("frame/stated-too-large", "FRAME",
      ("x64", ".frame_size = chunk->frame_size,", ".frame_size = chunk->frame_size + 16,"))
fault("frame/no-probes", "FRAME", ("emit_call", "if (size > NB_PROBE_INTERVAL) {", "if (false) {"))
fault("frame/probes-too-far-apart", "FRAME",
      ("emit_call", "at = at > NB_PROBE_INTERVAL ? at - NB_PROBE_INTERVAL : 0;",
       "at = at > 2 * NB_PROBE_INTERVAL ? at - 2 * NB_PROBE_INTERVAL : 0;"))
# Cranelift, pull request 8301: what calls need at the frame's end is not thought of.
fault("frame/probes-without-outgoing-area", "FRAME",
      ("emit_call", "		int64_t at = size;\n", "		int64_t at = size - e->slots_at;\n"))
fault("frame/last-probe-missing", "FRAME",
      ("emit_call", "while (at > 0) {", "while (at > NB_PROBE_INTERVAL) {"))
fault("saved/not-saved", "PRESERVED FRAME",
      ("emit_call", "	transfer_saved(e, NB_FORM_MOV64_STORE);\n", ""))
fault("saved/not-restored", "PINNED", ("emit_call", RESTORE, ""))
fault("saved/one-forgotten", "PRESERVED FRAME",
      ("emit_call", "e->ra->used[RA_GPR] & NB_PRESERVED_GPRS;",
       "e->ra->used[RA_GPR] & NB_PRESERVED_GPRS & ~(1u << NB_RBX);"))
fault("saved/wrong-register", "PRESERVED FRAME",
      ("emit_call", "		emit_rm(e, form, reg, x64_rm_mem(NB_RSP, at));",
       "		emit_rm(e, form, reg == NB_RBX ? NB_RBP : reg, x64_rm_mem(NB_RSP, at));"))
fault("saved/restored-from-wrong-place", "FRAME PINNED STACK",
      ("emit_call", "		emit_rm(e, form, reg, x64_rm_mem(NB_RSP, at));",
       "		emit_rm(e, form, reg, x64_rm_mem(NB_RSP, at - (form == NB_FORM_MOV64 ? 8 : 0)));"))
fault("saved/under-spill-slots", "FRAME PRESERVED STACK",
      ("emit", "e->saves_at = (uint32_t)size - 8 * saves;", "e->saves_at = e->slots_at;"))

# --- calls ----------------------------------------------------------------------------------------
AREA = "	if (slots > s->out->out_slots)\n		s->out->out_slots = slots;\n"
fault("call/no-outgoing-area", "AREA STACK",
      "spill slots or another call's area below the saved registers leave the room that the callee needs",
      ("select_call", AREA + "	struct call_args", "	struct call_args"))
fault("call/half-the-outgoing-area", "AREA STACK ALIGNMENT",
      "spill slots or another call's area below the saved registers leave the room that the callee needs",
      ("select_call", AREA + "	struct call_args", AREA.replace("= slots;", "= slots / 2;")
       + "	struct call_args"))
fault("call/behind-the-entry", "CALL LABEL",
      ("x64", "functions[callee].code_offset - (field + 4);",
       "functions[callee].code_offset + 1 - (field + 4);"))
SIGNATURE = ("	emit_rm(e, NB_FORM_CMP32, NB_R11, x64_rm_mem(NB_R10, NB_CALLEE_SIGNATURE));\n")
fault("indirect/no-signature-check", "TEMPLATE SITE", ("emit_call", SIGNATURE, ""))
fault("indirect/signature-check-inverted", "TEMPLATE",
      ("emit_call", "	emit_jump(e, X64_CC_NE,\n		  emit_trap_label",
       "	emit_jump(e, X64_CC_E,\n		  emit_trap_label"))
fault("indirect/other-word-for-signature", "TEMPLATE",
      ("emit_call", SIGNATURE, SIGNATURE.replace("SIGNATURE", "REFERENCE")))
fault("indirect/signature-of-no-type", "TEMPLATE",
      ("emit_call", "layout.types + 4 * canonical)",
       "layout.types + 4 * (canonical + context->module->type_count))"))
fault("indirect/type-number-of-2-bits", "AREA TEMPLATE",
      "the callee has the type that was compared, for whose area the frame has room; what it makes of the "
      "registers is what a callee of that type may make of any",
      ("emit_call", "layout.types + 4 * canonical)", "layout.types + 4 * (canonical & 3))"))
MASK = "	emit_rm(e, NB_FORM_AND32, NB_R10, x64_rm_mem(NB_R11, NB_TABLE_MASK));\n"
LENGTH = "	emit_rm(e, NB_FORM_CMP32, NB_R10, x64_rm_mem(NB_R11, NB_TABLE_LENGTH));\n"
fault("indirect/index-not-masked", "VMCTX TEMPLATE PINNED MEMORY", ("emit_call", MASK, ""))
fault("indirect/masked-by-length", "MEMORY",
      ("emit_call", MASK, MASK.replace("MASK", "LENGTH")))
fault("indirect/no-bounds-check", "MEMORY",
      ("emit_call", LENGTH, ""))
fault("indirect/bound-off-by-one", "TEMPLATE",
      ("emit_call", "X64_CC_AE, emit_trap_label", "X64_CC_A, emit_trap_label"))
fault("indirect/bound-signed", "TEMPLATE",
      ("emit_call", "X64_CC_AE, emit_trap_label", "X64_CC_GE, emit_trap_label"))
fault("indirect/base-of-next-table", "TEMPLATE",
      ("emit_call", "table + NB_VMCTX_TABLE_BASE", "table + 16 + NB_VMCTX_TABLE_BASE"))
fault("indirect/descriptor-is-base", "TEMPLATE",
      ("emit_call", "table + NB_VMCTX_TABLE_BASE", "table + NB_VMCTX_TABLE_DESC"))
fault("indirect/foreign-called-directly", "TEMPLATE AREA",
      ("emit_call", "	emit_jump(e, X64_CC_NE, foreign);\n", ""))
fault("indirect/jump-into-template", "TEMPLATE",
      ("emit_call", "	emit_label(e, foreign);\n	emit_rr(e, NB_FORM_MOV64, NB_R11, NB_R10);\n",
       "	emit_rr(e, NB_FORM_MOV64, NB_R11, NB_R10);\n	emit_label(e, foreign);\n"))
fault("indirect/end-before-crossing", "TEMPLATE",
      ("emit_call", "	call_memory(e, NB_R11, NB_CALLEE_CROSS);\n	emit_label(e, done);",
       "	emit_label(e, done);\n	call_memory(e, NB_R11, NB_CALLEE_CROSS);"))
fault("indirect/other-field-called", "FRAME AREA",
      ("emit_call", "call_memory(e, NB_R10, NB_CALLEE_CODE)", "call_memory(e, NB_R10, NB_CALLEE_VMCTX)"))
fault("reference/not-masked", "TEMPLATE",
      ("emit_call", "	emit_rm(e, NB_FORM_AND32, NB_R10, x64_rm_mem(NB_R11, NB_REFERENCES_MASK));\n", ""))
fault("reference/mask-is-base", "TEMPLATE",
      ("emit_call", "x64_rm_mem(NB_R11, NB_REFERENCES_BASE)", "x64_rm_mem(NB_R11, NB_REFERENCES_MASK)"))
fault("import/without-crossing", "TEMPLATE",
      ("emit_call", "x64_rm_mem(NB_R15, inst->disp));\n		call_memory(e, NB_R11, NB_CALLEE_CROSS)",
       "x64_rm_mem(NB_R15, inst->disp));\n		call_memory(e, NB_R11, NB_CALLEE_CODE)"))
fault("import/inside-an-entry", "VMCTX",
      ("emit_call", "x64_rm_mem(NB_R15, inst->disp));\n		call", "x64_rm_mem(NB_R15, inst->disp + 8));\n		call"))
fault("builtin/wrong-number", "TEMPLATE",
      ("emit_call", "8 * (int32_t)inst->imm);", "8 * ((int32_t)inst->imm + NB_BUILTIN_COUNT));"))
fault("builtin/without-vmctx", "TEMPLATE",
      ("emit_call", "		emit_rr(e, NB_FORM_MOV64, NB_RDI, NB_R15);\n", ""))

# --- tail calls -----------------------------------------------------------------------------------
fault("tail/other-frame", "AREA",
      ("emit_tail", "nb_tail_word(e->frame_size, ", "nb_tail_word(e->frame_size + 16, "))
fault("tail/other-area", "AREA",
      ("emit_tail", "tail->result_slots, tail->area_slots);", "tail->result_slots, tail->area_slots + 2);"))
fault("tail/too-many-results", "AREA",
      ("emit_tail", "nb_tail_word(e->frame_size, tail->result_slots,", "nb_tail_word(e->frame_size, tail->result_slots + 64,"))
fault("tail/area-does-not-fit", "AREA STACK",
      ("emit_tail", "return tail->area_slots <= e->fn->in_slots;", "return tail->area_slots || true;"))
fault("tail/frame-too-small", "AREA",
      ("select_call", "s->out->frame_min = nb_tail_frame_bytes(slots);", "s->out->frame_min = 8;"))
fault("tail/nothing-restored", "FRAME PINNED",
      ("emit_tail", "	emit_restore_saved(e);\n	if (e->frame_size)", "	if (e->frame_size)"))
fault("tail/frame-not-removed", "FRAME LABEL",
      ("emit_tail", "	if (e->frame_size)\n		emit_r_imm(e, NB_FORM_ADD64_IMM, NB_RSP, e->frame_size);\n", ""))
fault("tail/over-return-address", "TEMPLATE",
      ("emit_tail", "int32_t own_area = (int32_t)e->frame_size + 8;", "int32_t own_area = (int32_t)e->frame_size;"))
fault("tail/wrong-stub", "TEMPLATE",
      ("emit_tail", "	emit_restore_saved(e);\n	jump_to_stub(e, tail, NB_VMCTX_TAIL);\n}\n\n/* R10",
       "	emit_restore_saved(e);\n	jump_to_stub(e, tail, NB_VMCTX_TAIL_GROW);\n}\n\n/* R10"))
fault("tail/foreign-entered-directly", "TEMPLATE",
      ("emit_tail", "		emit_jump(e, X64_CC_NE, foreign);\n", ""))

# --- branches, tables, claims -----------------------------------------------------------------------
fault("branch/off-by-one", "LABEL TEMPLATE EXTENSION MEMORY",
      ("emit_finish", "f->labels[event->value] - end };", "f->labels[event->value] - end + 1 };"))
CLAMP = ("	emit_put(e, NB_FORM_CMOV32,\n		 &(struct x64_operands){ .reg = NB_R10, .cc = X64_CC_A, "
         ".rm = x64_rm_reg(NB_R11) });\n")
fault("switch/index-not-clamped", "TEMPLATE", ("emit_call", CLAMP, ""))
fault("switch/clamp-signed", "TEMPLATE", ("emit_call", CLAMP, CLAMP.replace("CC_A", "CC_G")))
fault("switch/clamp-inverted", "TEMPLATE", ("emit_call", CLAMP, CLAMP.replace("CC_A", "CC_BE")))
fault("switch/one-case-too-many", "TABLE LABEL",
      ("emit_call", ".imm = cases - 1 });", ".imm = cases });"))
fault("switch/entry-off-by-one", "LABEL",
      ("emit_finish", "f->labels[e->layout.forward[succ]] - at);", "f->labels[e->layout.forward[succ]] - at + 1);"))
# Cranelift, CVE-2026-115893: the distances of a large br_table do not fit.
fault("switch/entry-of-16-bits", "LABEL",
      ("emit_finish", "f->labels[e->layout.forward[succ]] - at);",
       "(uint32_t)(int16_t)(f->labels[e->layout.forward[succ]] - at));"))
fault("switch/table-off-by-one", "TABLE LABEL",
      ("emit_put", "	e->pool_size += 4 * cases;\n	return at;", "	e->pool_size += 4 * cases;\n	return at + 4;"))
fault("switch/tables-overlap", "TABLE LABEL",
      ("emit_put", "	e->pool_size += 4 * cases;\n	return at;", "	e->pool_size += 4 * cases - 4;\n	return at;"))
fault("switch/targets-claim", "CLAIM LABEL EXTENSION",
      ("zx", "		if (end->op == X64_SWITCH)\n			return 0;\n", ""))
fault("claim/none", "LABEL EXTENSION MEMORY",
      "no branch leads backward, or only to where nothing needs to be known",
      ("emit_claims", "		if (needed)\n", "		if (false && needed)\n"))
fault("claim/too-much", "CLAIM",
      ("emit_claims", "(struct nb_code_claim){ place, zx };", "(struct nb_code_claim){ place, 0xffff };"))
fault("claim/wrong-place", "LABEL CLAIM EXTENSION MEMORY",
      ("emit_claims", "(struct nb_code_claim){ place, zx };", "(struct nb_code_claim){ place + 1, zx };"))

# --- the image ------------------------------------------------------------------------------------
fault("pool/outside", "POOL ALIGNMENT TABLE LABEL TEMPLATE",
      ("emit_finish", "f->pool_at + event->value - out->len);", "f->pool_at + event->value + e->pool_size - out->len);"))
fault("pool/before", "POOL ALIGNMENT TABLE LABEL TEMPLATE",
      ("emit_finish", "f->pool_at + event->value - out->len);", "f->pool_at + event->value - 16 - out->len);"))
fault("pool/misaligned", "ALIGNMENT POOL TABLE LABEL",
      ("emit_finish", "f->pool_at + event->value - out->len);", "f->pool_at + event->value - 8 - out->len);"))
fault("image/padding-goes-on", "PADDING", ("x64", "PADDING_BYTE = 0xcc };", "PADDING_BYTE = 0x90 };"))
fault("image/misaligned", "LAYOUT",
      "the functions happen to lie at multiples of 16", ("x64", "FUNCTION_ALIGN = 32,", "FUNCTION_ALIGN = 8,"))
# The last byte of the last instruction, mostly ret, is taken for padding.
fault("image/size-off-by-one", "END INSTRUCTION LAYOUT LABEL CLAIM POOL",
      ("x64", ".code_size = chunk->code_size,", ".code_size = chunk->code_size - 1,"))
fault("image/no-return", "END CLAIM FRAME LABEL LAYOUT SITE",
      "what follows is reached with all registers and the frame as it is, and ends the function",
      ("emit_call", "	emit_put(e, NB_FORM_RET, &(struct x64_operands){ 0 });\n", ""))
fault("image/undeclared-features", "FEATURE",
      "no instruction of such a feature is used",
      ("x64", ".cpu_features = context->options->cpu_features,", ".cpu_features = 0,"))

# --- ports ----------------------------------------------------------------------------------------
fault("port/constants-unchecked", "PORT",
      ("ir/build_port", "	status = check(b, port, &b->fn->insts[number]);\n", "	status = check ? NB_OK : NB_INTERNAL;\n"))
fault("port/next-one", "PORT",
      "ranges may have room behind the port that is meant",
      ("emit_port", "		put_constant(e, inst->form, inst->imm);", "		put_constant(e, inst->form, inst->imm + 8);"))
fault("port/range-too-long", "PORT",
      ("emit_port", "range->count - x64_form_info(form)->bytes);", "range->count);"))
fault("port/range-for-bytes", "PORT",
      "one byte is as wide as the access",
      ("emit_port", "range->count - x64_form_info(form)->bytes);", "range->count - 1);"))
fault("port/direction", "PORT",
      ("emit_port", "	return range->access & (is_read ? NB_PORT_READ : NB_PORT_WRITE) &&",
       "	return (is_read || range->access) &&"))
fault("port/not-compared", "TEMPLATE",
      ("emit_port", "	emit_jump(e, X64_CC_A, elsewhere);\n", "	(void)elsewhere;\n"))
fault("port/signed", "TEMPLATE",
      ("emit_port", "emit_jump(e, X64_CC_A, elsewhere);", "emit_jump(e, X64_CC_G, elsewhere);"))
fault("port/other-register", "PORT",
      ("emit_port", "RA_SCRATCH_GPR, x64_rm_mem(NB_RDX,", "RA_SCRATCH_GPR, x64_rm_mem(NB_RCX,"))
