/*
 * The RAM disk of one run: the base system, the program with its files, what
 * etc/run or the prompt needs, the offered folders of the host.
 */
#include "tools/run.h"
#include "tools/tar.h"
#include "tools/tool.h"
#include "user/libs/launch/block.h"
#include "user/libs/launch/records.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define RECORDS_MAX   (1024 * 1024)
#define IMAGE_LIMIT   (UINT64_C(1536) << 20)
#define INPUT_LIMIT   ((off_t)64 << 20)
#define MODULE_FOLDER "run/"
#define DRIVER_FOLDER "drivers/more/"

static _Alignas(8) uint8_t record_bytes[RECORDS_MAX];

static void
add_text(struct block *block, uint16_t kind, const char *value)
{
	block_add(block, kind, value, (uint32_t)strlen(value));
}

static void
add_preopen(struct block *block, const char *guest, const char *prefix)
{
	size_t guest_len = strlen(guest) + 1, prefix_len = strlen(prefix) + 1;
	char *contents = malloc(guest_len + prefix_len);

	if (!contents)
		abort();
	memcpy(contents, guest, guest_len);
	memcpy(contents + guest_len, prefix, prefix_len);
	block_add(block, NB_STARTUP_PREOPEN, contents, (uint32_t)(guest_len + prefix_len));
	free(contents);
}

/* Whether "NAME=..." sets the same NAME as one of the command line's. */
static bool
is_overridden(const struct run_options *options, const char *variable)
{
	size_t len = strcspn(variable, "=") + 1;

	for (size_t i = 0; i < options->variable_count; i++) {
		if (strncmp(options->variables[i], variable, len) == 0)
			return true;
	}
	return false;
}

/* Where the `index`th offered folder stands in the RAM disk. */
static const char *
folder_prefix(size_t index)
{
	return tool_text("mnt/%zu", index);
}

static void
add_folders(struct block *block, const struct run_options *options)
{
	for (size_t i = 0; i < options->directory_count; i++)
		add_preopen(block, options->directories[i].guest, folder_prefix(i));
}

/* What the table says about a program, without arguments. */
static void
add_program(struct block *block, const struct program *program, const struct run_options *options)
{
	add_text(block, STARTUP_MODULE, tool_text("bin/%s.nbo", program->name));
	add_text(block, STARTUP_ABOUT, program->about);
	for (size_t i = 0; i < program->variable_count; i++) {
		if (!is_overridden(options, program->variables[i]))
			add_text(block, NB_STARTUP_VARIABLE, program->variables[i]);
	}
	for (size_t i = 0; i < program->directory_count; i++)
		add_preopen(block, program->directories[i].guest, program->directories[i].prefix);
	for (size_t i = 0; i < program->argument_count; i++)
		add_text(block, NB_STARTUP_ARGUMENT, program->arguments[i]);
}

static void
add_terminals(struct block *block)
{
	uint8_t terminals[3];
	uint32_t count = 0;

	for (int fd = 0; fd < 3; fd++) {
		if (isatty(fd))
			terminals[count++] = (uint8_t)fd;
	}
	if (count)
		block_add(block, STARTUP_TERMINAL, terminals, count);
}

static void
finish_records(struct tar *tar, const char *path, const struct block *block)
{
	if (block->is_full) {
		tool_error("arguments and environment are too long (1 MiB at most)");
		tar->has_failed = true;
		return;
	}
	tar_add_bytes(tar, path, block->bytes, block->size, time(NULL));
}

static const char *
file_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* The RAM disk path of a module given by path: "run/" and its file name. */
static const char *
module_path(const char *host)
{
	return tool_text(MODULE_FOLDER "%s", file_name(host));
}

/* The drivers that were given, and the list of them. */
static void
add_drivers(struct tar *tar, const struct run_options *options)
{
	const char *list = "";

	for (size_t i = 0; i < options->driver_count; i++) {
		const char *path = tool_text(DRIVER_FOLDER "%s", file_name(options->drivers[i]));

		tar_add_file(tar, path, options->drivers[i]);
		list = tool_text("%s%s\n", list, path);
	}
	if (options->driver_count)
		tar_add_bytes(tar, "etc/drivers.more", list, strlen(list), time(NULL));
}

static void
add_run_file(struct tar *tar, const struct run_options *options)
{
	struct block block;

	block_init(&block, record_bytes, sizeof record_bytes);
	add_text(&block, NB_STARTUP_ARGUMENT, options->arguments[0]);
	if (options->program)
		add_program(&block, options->program, options);
	else
		add_text(&block, STARTUP_MODULE, module_path(options->path));
	for (int i = 1; i < options->argument_count; i++)
		add_text(&block, NB_STARTUP_ARGUMENT, options->arguments[i]);
	for (size_t i = 0; i < options->variable_count; i++)
		add_text(&block, NB_STARTUP_VARIABLE, options->variables[i]);
	add_folders(&block, options);
	add_terminals(&block);
	if (options->disk || options->driver_count)
		block_add(&block, STARTUP_SERVICES, "", 0);
	finish_records(tar, "etc/run", &block);
}

/* The module of a bundled program and the files it brings. */
static void
add_program_files(struct tar *tar, const struct program *program)
{
	const char *module = program_module_path(program->name, "nbo");
	const char *files = program_files_path(program->name);

	if (access(module, R_OK)) {
		tool_error("%s is not built; type: make program-%s", program->name, program->name);
		tar->has_failed = true;
		return;
	}
	tar_add_file(tar, tool_text("bin/%s.nbo", program->name), module);
	if (access(files, R_OK) == 0)
		tar_add_tree(tar, "", files);
}

/* At the prompt: every program that is built, and how it is run. */
static void
add_prompt_files(struct tar *tar, const struct run_options *options)
{
	size_t count;
	const struct program *all = programs_load(&count);
	struct block block;

	for (size_t i = 0; all && i < count; i++) {
		if (access(program_module_path(all[i].name, "nbo"), R_OK))
			continue;
		add_program_files(tar, &all[i]);
		block_init(&block, record_bytes, sizeof record_bytes);
		add_program(&block, &all[i], options);
		finish_records(tar, tool_text("etc/programs/%s", all[i].name), &block);
	}
	block_init(&block, record_bytes, sizeof record_bytes);
	for (size_t i = 0; i < options->variable_count; i++)
		add_text(&block, NB_STARTUP_VARIABLE, options->variables[i]);
	add_folders(&block, options);
	if (block.size)
		finish_records(tar, "etc/preopens", &block);
}

/* Standard input, if it is a file of moderate size: the link would carry it
 * more slowly. False: it is not. */
static bool
add_input(struct tar *tar)
{
	struct stat stat;
	off_t at = lseek(STDIN_FILENO, 0, SEEK_CUR);

	if (at < 0 || fstat(STDIN_FILENO, &stat) || !S_ISREG(stat.st_mode) ||
	    stat.st_size - at > INPUT_LIMIT ||
	    (fcntl(STDIN_FILENO, F_GETFL) & O_ACCMODE) == O_WRONLY)
		return false;
	tar_add_rest(tar, "etc/stdin", STDIN_FILENO,
		     stat.st_size > at ? (uint64_t)(stat.st_size - at) : 0);
	return true;
}

int
image_create(const struct run_options *options, bool *has_input)
{
	struct tar tar;
	int file = memfd_create("nebulet-ramdisk", MFD_CLOEXEC);

	if (file < 0) {
		tool_error("cannot make the RAM disk: %s", strerror(errno));
		return -1;
	}
	tar_init(&tar, file);
	tar.limit_bytes = IMAGE_LIMIT;
	tar_add_archive(&tar, tool_text("%s/build/guest/base.tar", tool_root()));
	if (options->program || options->path) {
		add_run_file(&tar, options);
		if (options->platform == RUN_PC)
			tar_add_archive(&tar, tool_text("%s/build/guest/%s.tar", tool_root(),
							options->disk ? "disk" : "link"));
		*has_input = !options->debugs && add_input(&tar);
	} else {
		add_prompt_files(&tar, options);
		if (options->platform == RUN_PC)
			tar_add_archive(&tar, tool_text("%s/build/guest/drivers.tar", tool_root()));
	}
	if (options->program)
		add_program_files(&tar, options->program);
	if (options->path)
		tar_add_file(&tar, module_path(options->path), options->path);
	add_drivers(&tar, options);
	for (size_t i = 0; i < options->directory_count; i++)
		tar_add_tree(&tar, folder_prefix(i), options->directories[i].host);
	if (!tar_finish(&tar)) {
		close(file);
		return -1;
	}
	return file;
}
