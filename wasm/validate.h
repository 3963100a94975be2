/*
 * The validator of function bodies: its state and its stack operations.
 *
 * It is the algorithm of Core 3.0, appendix A.3: a stack of operand types, a
 * stack of control frames, one pass. Each instruction's row in opcode.def
 * says what to read and, for most, what to pop and push; validate.c runs the
 * loop, validate_locals.c has the types of locals, validate_control.c blocks,
 * branches and calls, validate_ops.c the other instructions with rules of their
 * own.
 *
 * Failures stick in `in` (wasm/input.h): the loop ends because `in.pos`
 * reaches `in.end`. Until then every operation keeps these invariants:
 * operands < floor <= top <= limit; frame_count >= 1 inside a body; floor is
 * the height of the innermost frame; the operand below each frame's floor is
 * WASM_BOTTOM and belongs to no frame.
 *
 * Private to wasm/.
 */
#ifndef WASM_VALIDATE_H
#define WASM_VALIDATE_H

#include "lib/vec.h"
#include "wasm/input.h"
#include "wasm/opcode.h"

enum {
	WASM_FRAME_ANY = 0xff,
	/* Below the first frame's operands, so that the three topmost can be looked at. */
	WASM_OPERANDS_BELOW = 3,
};

struct wasm_frame {
	const struct wasm_functype *type;
	uint32_t height;	  /* index of the frame's lowest operand */
	uint32_t br_table_number; /* of the last br_table that checked it */
	uint16_t opcode;	  /* BLOCK, LOOP, IF, ELSE; BLOCK for the body */
	bool is_unreachable;	  /* operands missing below are of any type */
	/* The one type of what the frame's end finds and of what a branch to it carries:
	 * WASM_BOTTOM if that is nothing, WASM_FRAME_ANY if it is more, or a reference, or
	 * if the frame takes operands. */
	uint8_t result;
	uint8_t carried;
	uint32_t assigned_count; /* of validator.assigned before the frame */
};

/* Declared locals and parameters with index < end, from where the run before
 * ended. */
struct wasm_local_span {
	uint32_t end;
	enum wasm_valtype type;
};

enum { WASM_LOCALS_DIRECT = 256 };

struct wasm_validator {
	const struct wasm_module *module;
	struct arena *arena;
	struct wasm_input in;
	const uint8_t *at;   /* first byte of the present instruction */
	enum wasm_opcode op; /* the present instruction */

	enum wasm_valtype *operands; /* bottom of the operand stack */
	enum wasm_valtype *top;	     /* behind the topmost operand */
	enum wasm_valtype *floor;    /* the innermost frame's lowest operand */
	enum wasm_valtype *limit;    /* end of the memory at `operands` */
	VEC(struct wasm_frame) frames;
	uint32_t br_table_count; /* so far, in this body */

	/* The type of addresses, i32 or i64, in memory 0 (WASM_BOTTOM: there is
	 * none) and in the memory that the present instruction names. */
	enum wasm_valtype first_address;
	enum wasm_valtype address;

	/* The types of the first locals directly, of the rest by span. */
	uint32_t local_count;
	uint32_t direct_count; /* of `direct`, up to the first without a default value */
	VEC(struct wasm_local_span) spans; /* empty if `direct` holds all */
	enum wasm_valtype direct[WASM_LOCALS_DIRECT];

	/* Declared locals without a default value that have one by now, as a
	 * set and in the order of assignment; the end of a block takes back
	 * what it assigned. */
	uint32_t param_count;
	uint64_t *assigned_set; /* NULL until a body needs it */
	VEC(uint32_t) assigned;
};

/* Prepares for any number of bodies of `module`, whose sections before the
 * code section are decoded. Memory that grows stays in `arena`. */
void wasm_validator_init(struct wasm_validator *v, const struct wasm_module *module,
			 struct arena *arena, struct diag *diag);

/* Validates the instructions of `func_idx`, whose `codes` entry is filled in
 * and whose local declarations are checked. */
NB_MUST_USE enum nb_status wasm_validator_run(struct wasm_validator *v, uint32_t func_idx);

/* Validates instructions from the present position on, up to the first that is not among the
 * simple ones or is not plainly valid, or to `pause`, which is at most the end of the body; the
 * last instruction may pass it. Reports only that one passes the end of the body. */
void wasm_validate_simple(struct wasm_validator *v, const uint8_t *pause);

/* Pushes a frame without its operands, whose floor is the present top. */
void wasm_validate_push_frame(struct wasm_validator *v, enum wasm_opcode opcode,
			      const struct wasm_functype *type);

/* The instructions whose operands do not follow from their row; the opcode has
 * been read, the immediate not. */
void wasm_validate_block(struct wasm_validator *v); /* block, loop, if */
void wasm_validate_else(struct wasm_validator *v);
void wasm_validate_end(struct wasm_validator *v);
void wasm_validate_branch(struct wasm_validator *v); /* br, br_if, br_on_... */
void wasm_validate_br_table(struct wasm_validator *v);
void wasm_validate_return(struct wasm_validator *v);
void wasm_validate_call(struct wasm_validator *v);	 /* call, return_call */
void wasm_validate_call_typed(struct wasm_validator *v); /* through a table or reference */
void wasm_validate_special(struct wasm_validator *v);	 /* all others */

/* "type mismatch" with what was wanted and what was there. */
void wasm_validate_fail_type(struct wasm_validator *v, enum wasm_valtype expected,
			     enum wasm_valtype actual) __attribute__((cold));

/* An operand is missing in reachable code. */
void wasm_validate_fail_underflow(struct wasm_validator *v, enum wasm_valtype expected)
	__attribute__((cold));

/* Makes room for `count` more operands; false after reporting exhaustion. */
bool wasm_validate_grow(struct wasm_validator *v, size_t count);

static inline struct wasm_frame *
wasm_validate_frame(struct wasm_validator *v)
{
	return &v->frames.items[v->frames.count - 1];
}

static inline void
wasm_validate_push(struct wasm_validator *v, enum wasm_valtype type)
{
	if (__builtin_expect(v->top == v->limit, 0) && !wasm_validate_grow(v, 1))
		return;
	*v->top++ = type;
}

/* Pops an operand of any type; WASM_BOTTOM if its type is unknown. `wanted`
 * is for the report of a missing one. */
static inline enum wasm_valtype
wasm_validate_pop_any(struct wasm_validator *v, enum wasm_valtype wanted)
{
	if (__builtin_expect(v->top > v->floor, 1))
		return *--v->top;
	if (!wasm_validate_frame(v)->is_unreachable)
		wasm_validate_fail_underflow(v, wanted);
	return WASM_BOTTOM;
}

static inline void
wasm_validate_pop(struct wasm_validator *v, enum wasm_valtype expected)
{
	enum wasm_valtype actual = wasm_validate_pop_any(v, expected);

	if (__builtin_expect(actual != expected, 0) && !wasm_valtype_matches(actual, expected))
		wasm_validate_fail_type(v, expected, actual);
}

/* Pops a reference of any type; WASM_BOTTOM if its type is unknown or after a
 * report. */
enum wasm_valtype wasm_validate_pop_ref(struct wasm_validator *v);

/* Notes the types of the parameters and declared locals of a body. */
void wasm_validate_set_locals(struct wasm_validator *v, const struct wasm_functype *type,
			      const struct wasm_code *code);

/* The type of local `idx` >= WASM_LOCALS_DIRECT, by bisection. */
enum wasm_valtype wasm_validate_far_local(const struct wasm_validator *v, uint32_t idx);

/* Looks after a local whose type has no default value when the present
 * instruction reads or sets it. */
void wasm_validate_track_local(struct wasm_validator *v, uint32_t idx);

/* Takes back what has been assigned since `count` locals were. */
void wasm_validate_unassign(struct wasm_validator *v, uint32_t count);

/* Whether operands of types `subs` may stand where `supers` are wanted. */
static inline bool
wasm_valtypes_match(const enum wasm_valtype *subs, const enum wasm_valtype *supers, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		if (!wasm_valtype_matches(subs[i], supers[i]))
			return false;
	}
	return true;
}

static inline bool
wasm_valtypes_equal(const enum wasm_valtype *a, const enum wasm_valtype *b, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		if (a[i] != b[i])
			return false;
	}
	return true;
}

/* Pops operands of these types, the last first. */
void
wasm_validate_pop_types(struct wasm_validator *v, const enum wasm_valtype *types, uint32_t count);

void
wasm_validate_push_types(struct wasm_validator *v, const enum wasm_valtype *types, uint32_t count);

/* What follows cannot be reached: the frame's operands become unknown. */
static inline void
wasm_validate_unreachable(struct wasm_validator *v)
{
	wasm_validate_frame(v)->is_unreachable = true;
	v->top = v->floor;
}

/* The type of indices into a memory or table. */
static inline enum wasm_valtype
wasm_validate_address(const struct wasm_limits *limits)
{
	return limits->is_64 ? WASM_I64 : WASM_I32;
}

/* Reads an index that must be below `count`; 0 after reporting. */
static inline uint32_t
wasm_validate_index(struct wasm_validator *v, uint32_t count, const char *what)
{
	uint32_t idx = wasm_input_u32(&v->in, what);

	if (__builtin_expect(idx >= count, 0)) {
		wasm_input_fail(&v->in, NB_INVALID, v->at, "unknown %s %u (%s)", what, idx,
				wasm_opcode_text(v->op));
		return 0;
	}
	return idx;
}

#endif
