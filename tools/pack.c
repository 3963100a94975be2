/* `nebulet pack`: makes a RAM disk archive. */
#include "tools/tar.h"
#include "tools/tool.h"

#include <argp.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct options {
	const char *output;
	char **members; /* "PATH=SOURCE" */
	int count;
};

static const struct argp_option option_table[] = {
	{ "output", 'o', "FILE", 0, "The archive to write", 0 },
	{ 0 },
};

static void
check_member(const char *member, const struct argp_state *state)
{
	const char *equals = strchr(member, '=');

	if (!equals || equals == member || member[0] == '/')
		argp_error(state, "'%s' is not of the form PATH=SOURCE with a relative PATH",
			   member);
}

static error_t
parse(int key, char *value, struct argp_state *state)
{
	struct options *options = state->input;

	switch (key) {
	case 'o':
		options->output = value;
		return 0;
	case ARGP_KEY_ARGS:
		options->members = state->argv + state->next;
		options->count = state->argc - state->next;
		for (int i = 0; i < options->count; i++)
			check_member(options->members[i], state);
		return 0;
	case ARGP_KEY_END:
		if (!options->output)
			argp_error(state, "name the archive to write with -o FILE");
		if (!options->count)
			argp_error(state, "name what to pack, as PATH=FILE or PATH=DIRECTORY");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp argp = {
	.options = option_table,
	.parser = parse,
	.args_doc = "PATH=SOURCE...",
	.doc = "Make a RAM disk archive: each SOURCE of the host, a file or a directory, becomes "
	       "PATH in it.",
};

static void
add_member(struct tar *tar, char *member)
{
	char *equals = strchr(member, '=');
	struct stat stat_buffer;

	*equals = 0;
	if (stat(equals + 1, &stat_buffer) == 0 && S_ISDIR(stat_buffer.st_mode))
		tar_add_tree(tar, member, equals + 1);
	else
		tar_add_file(tar, member, equals + 1);
}

int
tool_pack(int argc, char **argv)
{
	struct options options = { 0 };
	struct tar tar;
	int file;

	argp_parse(&argp, argc, argv, 0, NULL, &options);
	file = open(options.output, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (file < 0) {
		tool_error("cannot write %s: %s", options.output, strerror(errno));
		return TOOL_FAILED;
	}
	tar_init(&tar, file);
	for (int i = 0; i < options.count && !tar.has_failed; i++)
		add_member(&tar, options.members[i]);
	if (!tar_finish(&tar) || close(file)) {
		if (tool_may_replace(options.output))
			unlink(options.output);
		return TOOL_FAILED;
	}
	return 0;
}
