/* `nebulet run`: options, and what is to be done with them. */
#include "tools/run.h"

#include "abi/link.h"
#include "tools/tool.h"

#include <argp.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	KEY_PC = 256,
	KEY_HOSTED,
	KEY_DIR,
	KEY_ENV,
	KEY_MEMORY,
	KEY_TIMEOUT,
	KEY_VERBOSE,
	KEY_LIST,
	KEY_NEEDS,
	KEY_DESCRIBE,
	KEY_COUNT_BOOT,
	KEY_ICOUNT,
	KEY_GDB,
	KEY_DISK,
	KEY_DRIVER,
	KEY_DEVICE,
};

static const struct argp_option option_table[] = {
	{ "pc", KEY_PC, NULL, 0, "Run in a virtual machine (default)", 0 },
	{ "hosted", KEY_HOSTED, NULL, 0, "Run the kernel as a Linux process", 0 },
	{ "dir", KEY_DIR, "HOST[=GUEST]", 0,
	  "Offer a folder to the program, read-only, as it is now (may be repeated)", 0 },
	{ "env", KEY_ENV, "NAME=VALUE", 0, "Set an environment variable (may be repeated)", 0 },
	{ "memory", KEY_MEMORY, "SIZE", 0, "Memory of the machine, such as 512M or 4G", 0 },
	{ "disk", KEY_DISK, "FILE", 0,
	  "Give the machine a block device with these contents, for the prompt's command disk or "
	  "for "
	  "PROGRAM, which gets the handle services",
	  0 },
	{ "driver", KEY_DRIVER, "FILE", 0,
	  "Start a driver of your own, a module with a manifest, if its device is there; PROGRAM "
	  "gets "
	  "the handle services (may be repeated)",
	  0 },
	{ "device", KEY_DEVICE, "TEXT", 0,
	  "Give the machine one more device, as QEMU's option -device takes it (may be repeated)",
	  0 },
	{ "timeout", KEY_TIMEOUT, "SECONDS", 0, "End the program after that time, status 124", 0 },
	{ "verbose", KEY_VERBOSE, NULL, 0, "Show the kernel's log on standard error", 0 },
	{ "list", KEY_LIST, NULL, 0, "Name the bundled programs", 0 },
	{ "describe", KEY_DESCRIBE, "NAME", 0, "Tell how to run a bundled program elsewhere", 1 },
	{ "needs", KEY_NEEDS, NULL, 0, "Name the make targets that this command needs", 1 },
	{ "count-boot", KEY_COUNT_BOOT, NULL, 0, "Count the instructions of booting", 1 },
	{ "icount", KEY_ICOUNT, NULL, 0,
	  "Virtual time passes with instructions, 1 ns each: measurements repeat", 1 },
	{ "gdb", KEY_GDB, NULL, 0, "Debug the kernel with gdb", 1 },
	{ 0 },
};

static void
add_directory(struct run_options *options, char *value, const struct argp_state *state)
{
	char *equals = strrchr(value, '=');
	struct run_directory *directory = &options->directories[options->directory_count];
	struct stat stat_buffer;

	if (options->directory_count++ == RUN_ITEMS_MAX)
		argp_error(state, "--dir: more than %d folders", RUN_ITEMS_MAX);
	if (equals)
		*equals = 0;
	directory->host = value;
	directory->guest = equals ? equals + 1 : value;
	if (stat(value, &stat_buffer) || !S_ISDIR(stat_buffer.st_mode))
		argp_error(state, "--dir: '%s' is not a folder", value);
	if (!*directory->guest)
		argp_error(state, "--dir: the name for the program is empty");
}

static void
add_variable(struct run_options *options, const char *value, const struct argp_state *state)
{
	if (options->variable_count == RUN_ITEMS_MAX)
		argp_error(state, "--env: more than %d variables", RUN_ITEMS_MAX);
	if (*value == '=' || !strchr(value, '='))
		argp_error(state, "--env: '%s' is not of the form NAME=VALUE", value);
	options->variables[options->variable_count++] = value;
}

/* The range is what both platforms take; whether this host has as much shows
 * when the machine starts. */
static void
set_memory(struct run_options *options, const char *value, const struct argp_state *state)
{
	char *end;
	unsigned long long amount;

	errno = 0;
	amount = strtoull(value, &end, 10);
	if (!isdigit((unsigned char)*value) || !*end || !strchr("MmGg", *end) || end[1])
		argp_error(state, "--memory: '%s' is not a size such as 512M or 4G", value);
	if (errno == 0 && amount <= RUN_MEMORY_MAX_MIB && (*end == 'G' || *end == 'g'))
		amount *= 1024;
	if (errno || amount < RUN_MEMORY_MIN_MIB || amount > RUN_MEMORY_MAX_MIB)
		argp_error(state, "--memory: '%s' is out of range; from %uM to %uG", value,
			   RUN_MEMORY_MIN_MIB, RUN_MEMORY_MAX_MIB / 1024);
	options->memory_mib = (uint32_t)amount;
}

static void
set_timeout(struct run_options *options, const char *value, const struct argp_state *state)
{
	char *end;

	options->timeout_s = strtod(value, &end);
	if (end == value || *end || !(options->timeout_s > 0) || options->timeout_s > 1e9)
		argp_error(state, "--timeout: '%s' is not a number of seconds", value);
}

static void
set_disk(struct run_options *options, const char *value, const struct argp_state *state)
{
	struct stat stat_buffer;

	if (stat(value, &stat_buffer))
		argp_error(state, "--disk: '%s': %s", value, strerror(errno));
	if (!S_ISREG(stat_buffer.st_mode) || stat_buffer.st_size == 0 || stat_buffer.st_size % 512)
		argp_error(state, "--disk: '%s' is not a file of whole sectors of 512 bytes",
			   value);
	options->disk = value;
}

static void
add_driver(struct run_options *options, const char *value, const struct argp_state *state)
{
	if (options->driver_count == RUN_ITEMS_MAX)
		argp_error(state, "--driver: more than %d", RUN_ITEMS_MAX);
	if (access(value, R_OK))
		argp_error(state, "--driver: '%s': %s", value, strerror(errno));
	options->drivers[options->driver_count++] = value;
}

static void
add_device(struct run_options *options, const char *value, const struct argp_state *state)
{
	if (options->device_count == RUN_ITEMS_MAX)
		argp_error(state, "--device: more than %d", RUN_ITEMS_MAX);
	options->devices[options->device_count++] = value;
}

static error_t
parse(int key, char *value, struct argp_state *state)
{
	struct run_options *options = state->input;

	switch (key) {
	case KEY_PC:
		options->platform = RUN_PC;
		return 0;
	case KEY_HOSTED:
		options->platform = RUN_HOSTED;
		return 0;
	case KEY_DIR:
		add_directory(options, value, state);
		return 0;
	case KEY_ENV:
		add_variable(options, value, state);
		return 0;
	case KEY_MEMORY:
		set_memory(options, value, state);
		return 0;
	case KEY_DISK:
		set_disk(options, value, state);
		return 0;
	case KEY_DRIVER:
		add_driver(options, value, state);
		return 0;
	case KEY_DEVICE:
		add_device(options, value, state);
		return 0;
	case KEY_TIMEOUT:
		set_timeout(options, value, state);
		return 0;
	case KEY_VERBOSE:
		options->is_verbose = true;
		return 0;
	case KEY_LIST:
		options->lists = true;
		return 0;
	case KEY_NEEDS:
		options->tells_needs = true;
		return 0;
	case KEY_DESCRIBE:
		options->described = value;
		return 0;
	case KEY_COUNT_BOOT:
		options->counts_boot = true;
		options->counts_instructions = true;
		return 0;
	case KEY_ICOUNT:
		options->counts_instructions = true;
		return 0;
	case KEY_GDB:
		options->debugs = true;
		return 0;
	case ARGP_KEY_ARGS:
		options->arguments = state->argv + state->next;
		options->argument_count = state->argc - state->next;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp argp = {
	.options = option_table,
	.parser = parse,
	.args_doc = "[PROGRAM [ARGUMENTS...]]",
	.doc = "Run PROGRAM, a WebAssembly file or the name of a bundled program, and exit with "
	       "its status; without one, boot to a prompt.\v"
	       "Exit status: the program's; 128 + the trap's number; 124 after --timeout; 125 if "
	       "the machine failed; 126 if the program cannot be loaded; 127 if there is none.",
};

/* Finds out what the first argument is; otherwise the exit status of the error,
 * which is reported. */
static int
find_program(struct run_options *options)
{
	const char *word;
	struct stat stat_buffer;
	bool looks_like_path;

	if (!options->argument_count)
		return 0;
	word = options->arguments[0];
	looks_like_path = strchr(word, '/') || strchr(word, '.');
	if (!looks_like_path)
		options->program = programs_find(word);
	if (options->program)
		return 0;
	if (stat(word, &stat_buffer) == 0) {
		options->path = word;
		if (S_ISREG(stat_buffer.st_mode))
			return 0;
		tool_error("%s is not a file", word);
		return NB_RUN_BAD_PROGRAM;
	}
	if (looks_like_path)
		tool_error("%s: %s", word, strerror(errno));
	else
		tool_error("there is no bundled program '%s' (run --list names them), nor a file "
			   "of that name",
			   word);
	return NB_RUN_NO_PROGRAM;
}

static int
list_programs(void)
{
	size_t count;
	const struct program *all = programs_load(&count);

	for (size_t i = 0; all && i < count; i++)
		printf("%-12s %s\n", all[i].name, all[i].about);
	return all ? 0 : TOOL_FAILED;
}

static int
describe_program(const char *name)
{
	const struct program *program = programs_find(name);

	if (!program) {
		tool_error("there is no bundled program '%s'; run --list names them", name);
		return TOOL_USAGE;
	}
	printf("module %s\n", program_module_path(name, "wasm"));
	for (size_t i = 0; i < program->argument_count; i++)
		printf("arg %s\n", program->arguments[i]);
	for (size_t i = 0; i < program->variable_count; i++)
		printf("env %s\n", program->variables[i]);
	for (size_t i = 0; i < program->directory_count; i++)
		printf("dir %s/%s=%s\n", program_files_path(name), program->directories[i].prefix,
		       program->directories[i].guest);
	return 0;
}

/* The make targets without which the command cannot run, behind the word that
 * tells them from the text of --help. */
static int
tell_needs(const struct run_options *options)
{
	if (options->lists)
		return 0;
	printf("make ");
	if (options->described) {
		printf("program-%s\n", options->described);
		return 0;
	}
	if (options->program)
		printf("program-%s ", options->program->name);
	else if (!options->path && !options->counts_boot)
		printf("programs ");
	printf("%s ramdisk\n", options->platform == RUN_PC ? "kernel" : "hosted");
	return 0;
}

/* gdb on the kernel of the machine that waits for it; its process id. */
static pid_t
start_gdb(void)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	execlp("gdb", "gdb", "-q", "-ex", "target remote localhost:1234",
	       tool_text("%s/nebulet.elf", tool_mode_folder()), (char *)NULL);
	tool_error("cannot start gdb: %s", strerror(errno));
	_exit(TOOL_FAILED);
}

static int
run(const struct run_options *options)
{
	struct machine machine;
	bool has_input = false;
	int image = image_create(options, &has_input), status;
	pid_t gdb = -1;

	if (image < 0)
		return TOOL_FAILED;
	if (!machine_start(&machine, options, image)) {
		close(image);
		return TOOL_FAILED;
	}
	close(image);
	if (options->debugs)
		gdb = start_gdb();
	if (options->program || options->path)
		status = session_serve(&machine, options, has_input);
	else
		status = prompt_serve(&machine, options);
	machine_destroy(&machine);
	if (gdb > 0)
		waitpid(gdb, NULL, 0);
	return status;
}

int
tool_run(int argc, char **argv)
{
	struct run_options options = { 0 };
	int status;

	argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, &options);
	if (options.counts_instructions && options.platform == RUN_HOSTED) {
		tool_error("--icount and --count-boot count what a virtual machine executes; leave "
			   "out --hosted");
		return TOOL_USAGE;
	}
	if (options.debugs && options.platform == RUN_HOSTED) {
		tool_error("--gdb debugs the kernel in a virtual machine; leave out --hosted");
		return TOOL_USAGE;
	}
	if (!options.lists && !options.described) {
		status = find_program(&options);
		if (status)
			return status;
	}
	if (options.platform == RUN_HOSTED &&
	    (options.disk || options.driver_count || options.device_count)) {
		tool_error("--disk, --driver and --device are about devices of a virtual machine; "
			   "leave "
			   "out --hosted");
		return TOOL_USAGE;
	}
	if (options.tells_needs)
		return tell_needs(&options);
	if (options.lists)
		return list_programs();
	if (options.described)
		return describe_program(options.described);
	return run(&options);
}
