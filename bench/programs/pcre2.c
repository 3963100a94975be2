/* Regular expressions: PCRE2 without its own compiler, over prose. */
#include "text.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

enum { TEXT_BYTES = 5000 };

static const char *const patterns[] = {
	"[a-z]+ing\\b",
	"(?i)KERNEL|PROCESS",
	"\\b(\\w+) \\1\\b",
	"([a-z]*)(tion|ed)[ ,.]+(the|and)",
	"[0-9]+",
	"^[^.,\\n]{20,60}\\.$",
	"(?<=for each )\\w+",
};

static uint32_t
count_matches(const char *pattern, const char *text)
{
	int error;
	PCRE2_SIZE place;
	pcre2_code *code = pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED,
					 PCRE2_MULTILINE, &error, &place, NULL);
	pcre2_match_data *data = pcre2_match_data_create_from_pattern(code, NULL);
	PCRE2_SIZE at = 0;
	uint32_t count = 0;

	while (pcre2_match(code, (PCRE2_SPTR)text, TEXT_BYTES, at, 0, data, NULL) > 0) {
		const PCRE2_SIZE *ends = pcre2_get_ovector_pointer(data);
		at = ends[1] > ends[0] ? ends[1] : ends[1] + 1;
		count++;
	}
	pcre2_match_data_free(data);
	pcre2_code_free(code);
	return count;
}

static void
bench_round(void)
{
	static char text[TEXT_BYTES];

	text_fill(text, sizeof text, 23);
	for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++)
		bench_put_integer(patterns[i], count_matches(patterns[i], text));
}
