/* Options of the compiler on the command line; see switches.h. */
#include "tools/switches.h"

#include "tools/tool.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

bool
switches_passes(struct compiler_options *options, const char *text)
{
	const char *bad;

	if (!text || compiler_options_set_passes(options, text, &bad) == NB_OK)
		return true;
	tool_error("there is no pass '%s'; there are:", bad);
	for (unsigned i = 0; i < COMPILER_PASS_COUNT; i++)
		fprintf(stderr, "  %-12s %s\n", compiler_pass_text((enum compiler_pass)i),
			compiler_pass_about((enum compiler_pass)i));
	return false;
}

/* A number that `end` follows. */
static bool
read_index(const char **at, char end, uint32_t *out)
{
	unsigned long value;
	char *stop;

	if (!isdigit((unsigned char)**at))
		return false;
	errno = 0;
	value = strtoul(*at, &stop, 10);
	if (errno || value > UINT32_MAX || *stop != end)
		return false;
	*at = stop + (end != 0);
	*out = (uint32_t)value;
	return true;
}

bool
switches_functions(struct compiler_options *options, const char *text)
{
	const char *at = text;

	if (!text)
		return true;
	if (read_index(&at, ':', &options->disabled_first) &&
	    read_index(&at, 0, &options->disabled_end))
		return true;
	tool_error("--functions: '%s' is not of the form A:B, two function indices", text);
	return false;
}
