/* Where the tool's own files are: the executable stands in ROOT/build/MODE. */
#include "tools/tool.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Texts are kept in a list, so that they are never lost. */
struct kept_text {
	struct kept_text *next;
	char bytes[];
};

static struct kept_text *kept_texts;

const char *
tool_text(const char *format, ...)
{
	struct kept_text *text;
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(NULL, 0, format, args);
	va_end(args);
	text = malloc(sizeof *text + (size_t)len + 1);
	if (!text)
		abort();
	va_start(args, format);
	vsnprintf(text->bytes, (size_t)len + 1, format, args);
	va_end(args);
	text->next = kept_texts;
	kept_texts = text;
	return text->bytes;
}

/* The executable's path without its last `levels` components. */
static const char *
executable_folder(int levels)
{
	static char path[PATH_MAX];
	ssize_t len = readlink("/proc/self/exe", path, sizeof path - 1);
	char *slash;

	if (len < 0) {
		tool_error("cannot find out where the executable is: /proc is not there");
		exit(TOOL_FAILED);
	}
	path[len] = 0;
	while (levels-- > 0 && (slash = strrchr(path, '/')))
		*slash = 0;
	return path;
}

const char *
tool_root(void)
{
	return executable_folder(3);
}

const char *
tool_mode_folder(void)
{
	return executable_folder(1);
}

bool
tool_may_replace(const char *path)
{
	struct stat stat_buffer;

	return stat(path, &stat_buffer) != 0 || S_ISREG(stat_buffer.st_mode);
}

void
tool_error(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("nebulet: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
}
