/*
 * The shell: a prompt on the console from which the bundled programs run.
 *
 * One program at a time is in front: lines typed go to its standard input,
 * Ctrl-D ends that, Ctrl-C kills the program. Programs started with `&` have
 * an empty standard input and write to the console when they like.
 */
#ifndef USER_APPS_SHELL_SHELL_H
#define USER_APPS_SHELL_SHELL_H

#include "user/libs/archive/archive.h"
#include "user/libs/terminal/line.h"
#include "user/libs/terminal/words.h"

#include <stdbool.h>
#include <stdint.h>

#define SHELL_INTERRUPTED 130 /* exit status of a program that Ctrl-C ended */

struct shell {
	uint32_t input;	 /* the console's typing */
	uint32_t output; /* its screen */
	uint32_t ramdisk;
	uint32_t system;
	uint32_t services; /* user/libs/service/service.h */
	struct line line;
	struct archive_entry entry; /* scratch */
};

/* Writes to the console, waiting for it. */
void shell_write(struct shell *shell, const char *bytes, uint32_t len);
void shell_print(struct shell *shell, const char *text);

/* Puts bytes before what the console has not been asked for yet, as if they had
 * been typed now. What does not fit is lost. */
void shell_unread(const char *bytes, uint32_t len);

/* Feeds what the console has to the line reader, byte by byte, until it has an
 * event or there is no more; LINE_END also when the console is gone. */
enum line_event shell_read(struct shell *shell);

/* Runs the bundled program words[0] in front until it ends. False: there is
 * none of that name. *status is its exit status. */
bool shell_run(struct shell *shell, const struct words *words, int32_t *status);

/* The same without waiting for its end; *status is 0 if it was started. */
bool shell_run_behind(struct shell *shell, const struct words *words, int32_t *status);

/* Lists all processes; does so every second until something is typed. */
void shell_ps(struct shell *shell);
void shell_top(struct shell *shell);
/* Ends the process that `word` names by its id, or lists its handles. False: there
 * is none, which is said. */
bool shell_kill(struct shell *shell, const char *word);
bool shell_handles(struct shell *shell, const char *word);

/* Lists what the kernel does in a tenth of a second. */
void shell_trace(struct shell *shell);

/* Tells of the block device, reads and writes sectors. False: an error, which is said. */
bool shell_disk(struct shell *shell, const struct words *words);

/* Prints the bundled programs with a line about each. */
void shell_list(struct shell *shell);

#endif
