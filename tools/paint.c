/* Colours for text about code; see paint.h. */
#include "tools/paint.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool
paint_wanted(FILE *out)
{
	const char *terminal = getenv("TERM"), *no_color = getenv("NO_COLOR");

	return isatty(fileno(out)) && !(no_color && *no_color) && terminal &&
	       strcmp(terminal, "dumb") != 0;
}

void
paint_put(FILE *out, bool is_colored, enum paint paint, const char *text, size_t len)
{
	static const char *const colors[PAINT_COUNT] = {
		[PAINT_HEAD] = "\033[1m",
		[PAINT_LABEL] = "\033[33m",
		[PAINT_NAME] = "\033[36m",
		[PAINT_QUIET] = "\033[2m",
	};

	if (!len)
		return;
	if (is_colored)
		fputs(colors[paint], out);
	fwrite(text, 1, len, out);
	if (is_colored)
		fputs("\033[0m", out);
}
