/* Entry of the host tool: chooses the subcommand. */
#include "tools/tool.h"

#include <argp.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
} commands[] = {
	{ "run", tool_run },	   { "compile", tool_compile }, { "pack", tool_pack },
	{ "verify", tool_verify }, { "dump", tool_dump },	{ "manifest", tool_manifest },
};

static void
usage(FILE *out)
{
	fputs("usage: nebulet COMMAND [ARGUMENTS]\n"
	      "\n"
	      "  run [OPTIONS] [PROGRAM [ARGUMENTS]]   run a program, or boot to a prompt\n"
	      "  compile IN.wasm -o OUT.nbo            compile a module to an artifact\n"
	      "  verify FILE                           prove the machine code of a module "
	      "confined\n"
	      "  dump [OPTIONS] FILE                   show what the compiler makes of a "
	      "module\n"
	      "  manifest show|check|add ...           what devices a driver asks for\n"
	      "  pack -o OUT.tar PATH=FILE...          make a RAM disk archive\n"
	      "  version                               print the version\n"
	      "  help                                  this text\n"
	      "\n"
	      "`nebulet COMMAND --help` tells the options of a command.\n",
	      out);
}

/* Fills descriptors 0 to 2 that are closed, so that nothing else gets their
 * numbers; using them fails as before. */
static void
fill_standard_streams(void)
{
	int file = open("/dev/null", O_WRONLY);

	if (file == STDIN_FILENO)
		file = open("/dev/null", O_RDONLY);
	while (file == STDOUT_FILENO || file == STDERR_FILENO)
		file = open("/dev/null", O_RDONLY);
	if (file > STDERR_FILENO)
		close(file);
}

int
main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "";

	fill_standard_streams();
	argp_err_exit_status = TOOL_USAGE;
	argp_program_version = TOOL_VERSION;
	for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
		if (strcmp(name, commands[i].name) == 0) {
			/* argp names the program in its messages. */
			static char full_name[32];

			snprintf(full_name, sizeof full_name, "nebulet %s", name);
			argv[1] = full_name;
			return commands[i].run(argc - 1, argv + 1);
		}
	}
	if (strcmp(name, "help") == 0 || strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) {
		usage(stdout);
		return 0;
	}
	if (strcmp(name, "version") == 0 || strcmp(name, "--version") == 0) {
		puts(TOOL_VERSION);
		return 0;
	}
	if (argc > 1)
		tool_error("there is no command '%s'", name);
	usage(stderr);
	return TOOL_USAGE;
}
