/*
 * The verifier: proves machine code confined before it may run.
 *
 *   compiler ── nb_code_image ──> verifier_check ──> sealed read-execute
 *
 * Nothing about the image is trusted, its tables included. Trusted are this
 * folder, abi/code_contract.h, abi/trap.h, code_forms.h and its .def files, the
 * facts, and the stubs in arch/. docs/verifier.md has the argument; in short: one linear scan over the
 * final bytes accepts only listed instruction forms whose memory operands stay
 * inside what the contract grants, under claims that hold on every edge of the
 * control flow, so on mispredicted edges too.
 *
 * Freestanding, reentrant, linear in the image's size, no memory but `scratch` and `marks`.
 */
#ifndef VERIFIER_VERIFIER_H
#define VERIFIER_VERIFIER_H

#include "abi/code_contract.h"
#include "abi/manifest.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum verifier_rule {
#define VERIFIER_RULE(name, text) VERIFIER_##name,
#include "verifier/rule.def"
#undef VERIFIER_RULE
	VERIFIER_RULE_COUNT
};

/* How compiled code may touch a global of the instance. */
enum verifier_global {
	VERIFIER_GLOBAL_CONSTANT, /* read in place */
	VERIFIER_GLOBAL_VARIABLE, /* read and written in place */
	VERIFIER_GLOBAL_CELL,	  /* read and written through its cell pointer */
};

/* What the code is checked against, all from the validated module and the
 * machine. Areas are in slots, as nb_area_slots gives them. */
struct verifier_facts {
	struct nb_vmctx_counts counts;
	struct nb_vmctx_layout layout;	   /* of these counts */
	uint32_t cpu_features;		   /* NB_CPU_* that the processor has */
	uint32_t function_count;	   /* defined functions */
	const uint16_t *function_areas;	   /* per defined function */
	const uint16_t *import_areas;	   /* per imported function */
	const uint16_t *type_areas;	   /* per type */
	const uint8_t *globals;		   /* enum verifier_global, per global */
	const uint8_t *tables;		   /* per table: NB_TABLE_FUNCTIONS or NB_TABLE_EXTERNS */
	const struct nb_port_range *ports; /* what in and out may access */
	uint32_t port_count;
};

/* The first thing found. */
struct verifier_finding {
	enum verifier_rule rule;
	uint32_t function;    /* index of the defined function */
	uint32_t code_offset; /* of the instruction, from the image's start */
};

enum { VERIFIER_SCRATCH_ALIGN = 16 };

/* Bytes of scratch memory, so aligned, that the rest needs for `image`; and of that
 * which each thread needs for itself. Read only the function table. */
size_t verifier_scratch_bytes(const struct nb_code_image *image);
size_t verifier_marks_bytes(const struct nb_code_image *image);

/*
 * Checks the image's tables and prepares `scratch`. Needs: arrays of `image` of
 * the lengths it states, and bytes that do not change until they are sealed.
 * False: *finding says why. Does not sleep.
 */
bool verifier_begin(const struct nb_code_image *image, const struct verifier_facts *facts,
		    void *scratch, struct verifier_finding *finding);

/* Checks function number `function` and the bytes up to the next one, after
 * verifier_begin for the same image, facts and scratch; in any order, also on several
 * threads at once, each with its own marks. All code of the image obeys the contract if
 * this holds for each. */
bool verifier_function(const struct nb_code_image *image, const struct verifier_facts *facts,
		       uint32_t function, const void *scratch, void *marks,
		       struct verifier_finding *finding);

#endif
