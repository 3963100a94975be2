/*
 * The shell's loop and its own commands; see shell.h.
 */
#include "user/apps/shell/shell.h"

#include "user/sdk/bytes.h"
#include "user/sdk/start.h"
#include "user/sdk/startup.h"
#include "user/sdk/stream.h"

#include "nebulet.h"

#include <stddef.h>

#define READ_BYTES  256u
#define TYPED_BYTES 65536u

static struct shell shell;

/* Bytes that the console gave and nobody has looked at. */
static uint8_t typed[TYPED_BYTES];
static uint32_t typed_at, typed_len;

void
shell_write(struct shell *self, const char *bytes, uint32_t len)
{
	(void)stream_write_all(self->output, bytes, len);
}

void
shell_print(struct shell *self, const char *text)
{
	shell_write(self, text, text_length(text));
}

void
shell_unread(const char *bytes, uint32_t len)
{
	uint32_t left = typed_len - typed_at;

	if (len > sizeof typed - left)
		return;
	bytes_move(typed + len, typed + typed_at, left);
	bytes_copy(typed, bytes, len);
	typed_at = 0;
	typed_len = left + len;
}

enum line_event
shell_read(struct shell *self)
{
	static char echo_bytes[LINE_MAX_BYTES * 4];
	struct text echo;
	enum line_event event = LINE_NONE;

	text_init(&echo, echo_bytes, sizeof echo_bytes);
	while (event == LINE_NONE) {
		if (typed_at == typed_len) {
			int64_t got = nb_stream_read(self->input, typed, READ_BYTES);

			if (got == -NB_SHOULD_WAIT)
				break;
			if (got <= 0)
				return LINE_END;
			typed_at = 0;
			typed_len = (uint32_t)got;
		}
		event = line_feed(&self->line, typed[typed_at++], &echo);
		/* Erasing a whole line is the longest echo of one byte. */
		if (echo.capacity - echo.length < 3 * self->line.length + 8) {
			shell_write(self, echo.bytes, echo.length);
			text_init(&echo, echo_bytes, sizeof echo_bytes);
		}
	}
	shell_write(self, echo.bytes, echo.length);
	return event;
}

static void
help(void)
{
	shell_print(&shell, "Type the name of a program and its arguments:\n\n");
	shell_list(&shell);
	shell_print(&shell, "\nOr a command of the shell:\n\n"
			    "  help          this text\n"
			    "  exit [STATUS] power the machine off\n"
			    "  ps            the processes that there are\n"
			    "  top           the same every second, with their shares of the time\n"
			    "  trace         what the kernel does in a tenth of a second\n"
			    "  kill ID       end a process\n"
			    "  handles ID    what a process has handles to\n"
			    "  disk          the block device; also:\n"
			    "                disk read SECTOR [COUNT], disk write SECTOR TEXT\n\n"
			    "A last word & starts a program behind the prompt.\n"
			    "Ctrl-C stops the program in front, Ctrl-D ends its input.\n"
			    "Quotes and backslashes keep blanks together.\n");
}

/* A decimal number of at most three digits, or -1. */
static int32_t
parse_status(const char *word)
{
	int32_t value = 0;
	uint32_t i = 0;

	for (; word[i] >= '0' && word[i] <= '9' && i < 3; i++)
		value = value * 10 + (word[i] - '0');
	return i && !word[i] ? value : -1;
}

static bool
is_word(const struct words *words, const char *text)
{
	return words->count && text_is(words->word[0], text_length(words->word[0]), text);
}

static bool
refuse(const char *usage)
{
	shell_print(&shell, usage);
	return false;
}

/* The commands that show and end processes; false: it is none of them. */
static bool
execute_inspection(const struct words *words, int32_t *status)
{
	bool is_done = true;

	if (is_word(words, "ps") && words->count == 1)
		shell_ps(&shell);
	else if (is_word(words, "top") && words->count == 1)
		shell_top(&shell);
	else if (is_word(words, "trace") && words->count == 1)
		shell_trace(&shell);
	else if (is_word(words, "kill") && words->count == 2)
		is_done = shell_kill(&shell, words->word[1]);
	else if (is_word(words, "handles") && words->count == 2)
		is_done = shell_handles(&shell, words->word[1]);
	else if (is_word(words, "disk"))
		is_done = shell_disk(&shell, words);
	else if (is_word(words, "kill") || is_word(words, "handles"))
		is_done = refuse("usage: kill ID, handles ID; `ps` lists them\n");
	else if (is_word(words, "ps") || is_word(words, "top") || is_word(words, "trace"))
		is_done = refuse("usage: ps, top, trace; nothing behind it\n");
	else
		return false;
	*status = is_done ? 0 : 1;
	return true;
}

/* A program in front, or with a last word & behind. */
static bool
execute_program(struct words *words, int32_t *status)
{
	const char *last = words->word[words->count - 1];

	if (words->count == 1 || !text_is(last, text_length(last), "&"))
		return shell_run(&shell, words, status);
	words->count--;
	return shell_run_behind(&shell, words, status);
}

/* One line; returns false when the shell should end with *status. */
static bool
execute(char *line, uint32_t len, int32_t *status)
{
	struct words words;
	int32_t asked;
	enum nb_status split = words_split(line, len, &words);

	if (split) {
		shell_print(&shell, split == NB_INVALID_ARGUMENT ? "a quote is not closed\n"
								 : "too many words\n");
		return true;
	}
	if (!words.count)
		return true;
	if (is_word(&words, "help")) {
		help();
		return true;
	}
	if (is_word(&words, "exit")) {
		if (words.count == 1)
			return false;
		asked = parse_status(words.word[1]);
		if (words.count == 2 && asked >= 0) {
			*status = asked;
			return false;
		}
		shell_print(&shell, "usage: exit [STATUS], a number from 0 to 255\n");
		return true;
	}
	if (execute_inspection(&words, status))
		return true;
	if (!execute_program(&words, status)) {
		shell_print(&shell, words.word[0]);
		shell_print(&shell, ": there is no such program; `help` lists them\n");
		*status = 127;
	}
	return true;
}

static void
prompt(int32_t status)
{
	char bytes[32];
	struct text text;

	text_init(&text, bytes, sizeof bytes);
	if (status) {
		text_add_number(&text, status);
		text_add(&text, " ");
	}
	text_add(&text, "nebulet> ");
	shell_print(&shell, text.bytes);
}

/* Waits for the console; false when it is gone. */
static bool
wait_for_console(void)
{
	return nb_object_wait_one(shell.input, NB_SIGNAL_READABLE | NB_SIGNAL_PEER_CLOSED,
				  NB_DEADLINE_NEVER) >= 0;
}

int
module_main(void)
{
	int32_t status = 0;
	bool goes_on = true;

	shell.input = startup_handle("stdin");
	shell.output = startup_handle("stdout");
	shell.ramdisk = startup_handle("ramdisk");
	shell.system = startup_handle("system");
	shell.services = startup_handle("services");
	line_init(&shell.line);
	shell_print(&shell, "Nebulet. `help` tells what there is.\n");
	prompt(0);
	while (goes_on) {
		switch (shell_read(&shell)) {
		case LINE_NONE:
			goes_on = wait_for_console();
			continue;
		case LINE_READY:
			goes_on = execute(shell.line.bytes, shell.line.length, &status);
			break;
		case LINE_INTERRUPT:
			status = SHELL_INTERRUPTED;
			break;
		case LINE_END:
			shell_print(&shell, "\n");
			goes_on = false;
			break;
		}
		if (goes_on)
			prompt(status);
	}
	return status;
}
