/* Text to work on: words and phrases that repeat, as in prose. */
#ifndef BENCH_TEXT_H
#define BENCH_TEXT_H

#include "bench.h"

/* Fills text[0..len), which is not terminated. */
static void
text_fill(char *text, size_t len, uint64_t seed)
{
	static const char *const parts[] = {
		"the ",	     "of ",	"and ",	    "in ",	"that ",     "compil", "ing ",
		"ed ",	     "s ",	"memory ",  "process ", "tion ",     "a ",     "engine",
		"for each ", "kernel ", "is ",	    "between ", "function ", "return", "value",
		", ",	     ".\n",	"message ", "table",	"\n\n",	     "with ",  "without ",
		"number ",   "un",	"block",    "quick",
	};
	size_t at = 0;

	while (at < len) {
		uint32_t pick = bench_random(&seed);
		if (pick % 7 == 0 && at > 4096) { /* a phrase from before */
			size_t from = at - 64 - (pick >> 8) % 4000, count = 10 + (pick >> 4) % 40;
			while (count-- && at < len)
				text[at++] = text[from++];
			continue;
		}
		const char *part = parts[(pick >> 8) % 32 * ((pick >> 16) % 4) / 3 % 32];
		for (; *part && at < len; part++)
			text[at++] = *part;
		if (pick % 61 == 0 && at < len)
			text[at++] = (char)('0' + (pick >> 20) % 10);
	}
}

#endif
