/*
 * The bundled programs: the table user/programs/table, read once.
 */
#ifndef TOOLS_PROGRAMS_H
#define TOOLS_PROGRAMS_H

#include <stddef.h>

enum { PROGRAM_ITEMS_MAX = 8 };

/* Strings live as long as the tool. */
struct program {
	const char *name;
	const char *about;
	const char *arguments[PROGRAM_ITEMS_MAX]; /* before those of the command line */
	const char *variables[PROGRAM_ITEMS_MAX]; /* "NAME=value" */
	struct {
		const char *guest;
		const char *prefix; /* in the RAM disk */
	} directories[PROGRAM_ITEMS_MAX];
	size_t argument_count;
	size_t variable_count;
	size_t directory_count;
};

/* All programs; NULL and a message when the table cannot be read. */
const struct program *programs_load(size_t *count);

/* The program called `name`, or NULL. */
const struct program *programs_find(const char *name);

/* Where `make program-NAME` puts its module ("wasm" or "nbo"), and its files,
 * which keep their RAM disk paths. */
const char *program_module_path(const char *name, const char *suffix);
const char *program_files_path(const char *name);

#endif
