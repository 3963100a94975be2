/*
 * The host tool `nebulet`: what its files share.
 *
 *   main.c       subcommands            tar.c       writing archives
 *   run.c        options of `run`       image.c     the RAM disk of a run
 *   compile.c    `compile`              programs.c  the table of bundled programs
 *   pack.c       `pack`                 machine.c   starting the kernel somewhere
 *   verify.c     `verify`               disassemble.c   code as text
 *   dump.c       `dump`                 dump_code.c     machine code with its places
 *   manifest.c   `manifest`
 *   switches.c   --passes, --functions  paint.c         colours
 *   files.c      memory, mapped files   crew.c      threads that compile
 *   session.c    the host's end of the link: one program
 *   prompt.c     the console on this terminal
 *   terminal.c   terminal modes         paths.c     where the tool's files are
 */
#ifndef TOOLS_TOOL_H
#define TOOLS_TOOL_H

#include "lib/arena.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Exit statuses of the tool's own; a program's are passed on. */
enum tool_status {
	TOOL_USAGE = 2,
	TOOL_TIMEOUT = 124,
	TOOL_FAILED = 125, /* 126 and 127: see abi/link.h */
};

#define TOOL_VERSION "nebulet 0.1"

/* Subcommands: argv[0] is the subcommand's name; the result is the exit status. */
int tool_run(int argc, char **argv);
int tool_compile(int argc, char **argv);
int tool_pack(int argc, char **argv);
int tool_verify(int argc, char **argv);
int tool_dump(int argc, char **argv);
int tool_manifest(int argc, char **argv);

/* Writes "nebulet: ..." and a newline to standard error. */
void tool_error(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Formatted text that lives as long as the tool. */
const char *tool_text(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Memory for arenas, straight from the system. */
extern const struct arena_source tool_memory;

/* Makes *crew one of `count` threads; 0: as many as there are processors for the tool. */
struct compiler_crew;
void tool_crew_init(struct compiler_crew *crew, uint32_t count);

/* The whole file, mapped; NULL after an error, which is reported. */
const uint8_t *tool_map_file(const char *path, size_t *len);

/* Writes the file, beside it first, so that there is never half of one; a device or
 * pipe is written to as it is, never replaced. False after an error, which is reported. */
bool tool_write_file(const char *path, const uint8_t *bytes, size_t len);

/* Whether an output file of that name may be renamed over and removed: there is
 * none yet or a regular one, not a device such as /dev/null. */
bool tool_may_replace(const char *path);

/* The folder with everything that belongs to the tool, the project's root; and
 * the executable's own, build/<mode>. */
const char *tool_root(void);
const char *tool_mode_folder(void);

#endif
