/* Reading the table of bundled programs; see programs.h and the table itself. */
#include "tools/programs.h"

#include "tools/tool.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define PROGRAMS_MAX 64

static struct program programs[PROGRAMS_MAX];
static size_t program_count;

static bool
add_item(const char **items, size_t *count, const char *value)
{
	if (*count == PROGRAM_ITEMS_MAX)
		return false;
	items[(*count)++] = tool_text("%s", value);
	return true;
}

static bool
add_directory(struct program *program, char *value)
{
	char *blank = strchr(value, ' ');

	if (!blank || program->directory_count == PROGRAM_ITEMS_MAX)
		return false;
	*blank = 0;
	program->directories[program->directory_count].guest = tool_text("%s", value);
	program->directories[program->directory_count++].prefix = tool_text("%s", blank + 1);
	return true;
}

/* Takes one line of the table; false if it cannot be understood. */
static bool
take_line(char *line)
{
	struct program *program = program_count ? &programs[program_count - 1] : NULL;
	char *value;

	line[strcspn(line, "\n")] = 0;
	if (!*line || *line == '#')
		return true;
	value = strchr(line, ' ');
	if (!value)
		return false;
	*value++ = 0;
	if (strcmp(line, "program") == 0) {
		if (program_count == PROGRAMS_MAX)
			return false;
		programs[program_count++] =
			(struct program){ .name = tool_text("%s", value), .about = "" };
		return true;
	}
	if (!program)
		return false;
	if (strcmp(line, "about") == 0) {
		program->about = tool_text("%s", value);
		return true;
	}
	if (strcmp(line, "argument") == 0)
		return add_item(program->arguments, &program->argument_count, value);
	if (strcmp(line, "env") == 0)
		return add_item(program->variables, &program->variable_count, value);
	return strcmp(line, "dir") == 0 && add_directory(program, value);
}

const struct program *
programs_load(size_t *count)
{
	const char *path = tool_text("%s/user/programs/table", tool_root());
	char line[1024];
	FILE *table;
	int number = 0;
	bool is_good = true;

	*count = program_count;
	if (program_count)
		return programs;
	table = fopen(path, "re");
	if (!table) {
		tool_error("cannot read %s: %s", path, strerror(errno));
		return NULL;
	}
	while (is_good && fgets(line, sizeof line, table)) {
		number++;
		is_good = take_line(line);
		if (!is_good)
			tool_error("%s:%d: cannot understand this line", path, number);
	}
	fclose(table);
	*count = program_count;
	return is_good ? programs : NULL;
}

const struct program *
programs_find(const char *name)
{
	size_t count;
	const struct program *all = programs_load(&count);

	for (size_t i = 0; all && i < count; i++) {
		if (strcmp(all[i].name, name) == 0)
			return &all[i];
	}
	return NULL;
}

const char *
program_module_path(const char *name, const char *suffix)
{
	return tool_text("%s/build/guest/programs/%s/%s.%s", tool_root(), name, name, suffix);
}

const char *
program_files_path(const char *name)
{
	return tool_text("%s/build/guest/programs/%s/files", tool_root(), name);
}
