/*
 * What the verifier's rules say, for whoever reports that code was refused.
 */
#include "kernel/code/verify.h"

const char *
code_rule_text(enum verifier_rule rule)
{
	static const char *const texts[VERIFIER_RULE_COUNT] = {
#define VERIFIER_RULE(name, text) text,
#include "verifier/rule.def"
#undef VERIFIER_RULE
	};

	return (uint32_t)rule < VERIFIER_RULE_COUNT ? texts[rule] : "unknown rule";
}
