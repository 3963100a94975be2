/*
 * The console on this terminal, for the prompt and for what the kernel prints.
 *
 * Typed bytes go to the machine as they are, Ctrl-C too; only Ctrl-] is for
 * this tool and ends the machine. When standard input ends, the machine is
 * sent Ctrl-D until it powers off: each ends the input of what is in front.
 */
#include "tools/run.h"
#include "tools/terminal.h"
#include "tools/tool.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define KEY_END_OF_INPUT 0x04
#define KEY_ESCAPE	 0x1d /* Ctrl-] */
#define END_STEP_MS	 200
#define TYPED_MAX	 2048u

struct prompt {
	struct machine *machine;
	const struct run_options *options;
	int signals;
	bool input_ended;
	bool is_console_closed;
	bool is_terminal;
	bool has_spoken;       /* the console: what is sent before that may get lost */
	int kill_status;       /* nonzero: the machine is to be killed */
	char typed[TYPED_MAX]; /* not taken by the machine yet */
	size_t typed_len;
};

/* Writes everything; false when nobody reads. */
static bool
write_all(int fd, const char *bytes, size_t len)
{
	while (len) {
		ssize_t put = write(fd, bytes, len);

		if (put < 0 && errno == EAGAIN) {
			poll(&(struct pollfd){ .fd = fd, .events = POLLOUT }, 1, -1);
			continue;
		}
		if (put < 0 && errno != EINTR)
			return false;
		if (put > 0) {
			bytes += put;
			len -= (size_t)put;
		}
	}
	return true;
}

static void
show_output(struct prompt *prompt)
{
	char bytes[2048];
	ssize_t got = read(prompt->machine->console, bytes, sizeof bytes);

	if (got == 0)
		prompt->is_console_closed = true;
	if (got > 0)
		prompt->has_spoken = true;
	if (got > 0 && !write_all(STDOUT_FILENO, bytes, (size_t)got))
		prompt->kill_status = 128 + SIGPIPE;
}

static void
take_input(struct prompt *prompt)
{
	ssize_t got = read(STDIN_FILENO, prompt->typed + prompt->typed_len,
			   sizeof prompt->typed - prompt->typed_len);

	if (got == 0 || (got < 0 && errno != EINTR && errno != EAGAIN)) {
		prompt->input_ended = true;
		return;
	}
	if (got <= 0)
		return;
	if (prompt->is_terminal &&
	    memchr(prompt->typed + prompt->typed_len, KEY_ESCAPE, (size_t)got))
		prompt->kill_status = TOOL_FAILED;
	prompt->typed_len += (size_t)got;
}

static void
send_input(struct prompt *prompt)
{
	ssize_t put;

	if (!prompt->typed_len || !prompt->has_spoken)
		return;
	put = write(prompt->machine->console, prompt->typed, prompt->typed_len);
	if (put <= 0)
		return;
	prompt->typed_len -= (size_t)put;
	memmove(prompt->typed, prompt->typed + put, prompt->typed_len);
}

/* One round of waiting and moving bytes. */
static void
serve_events(struct prompt *prompt)
{
	struct pollfd items[3] = {
		{ .fd = prompt->signals, .events = POLLIN },
		{ .fd = -1 },
		{ .fd = -1 },
	};
	int number, timeout = prompt->input_ended ? END_STEP_MS : -1;

	if (!prompt->is_console_closed)
		items[1] = (struct pollfd){
			.fd = prompt->machine->console,
			.events = (short)(prompt->typed_len && prompt->has_spoken ? POLLIN | POLLOUT
										  : POLLIN),
		};
	if (!prompt->input_ended && prompt->typed_len < sizeof prompt->typed)
		items[2] = (struct pollfd){ .fd = STDIN_FILENO, .events = POLLIN };
	if (poll(items, 3, timeout) == 0 && !prompt->typed_len)
		prompt->typed[prompt->typed_len++] = KEY_END_OF_INPUT;
	while ((number = signals_next(prompt->signals))) {
		if (number != SIGCHLD)
			prompt->kill_status = 128 + number;
	}
	if (items[2].revents)
		take_input(prompt);
	send_input(prompt);
	if (items[1].revents)
		show_output(prompt);
}

static int
finish(struct prompt *prompt, int wait_status)
{
	int status = machine_power_status(prompt->options, wait_status);

	while (!prompt->is_console_closed && !prompt->kill_status &&
	       poll(&(struct pollfd){ .fd = prompt->machine->console, .events = POLLIN }, 1, 0) > 0)
		show_output(prompt);
	terminal_restore();
	if (status < 0) {
		tool_error("the machine stopped unexpectedly");
		return TOOL_FAILED;
	}
	return status;
}

int
prompt_serve(struct machine *machine, const struct run_options *options)
{
	struct prompt prompt = {
		.machine = machine,
		.options = options,
		.signals = signals_open(),
		.input_ended = options->counts_boot,
		.is_terminal = isatty(STDIN_FILENO),
	};
	int wait_status;

	if (!options->counts_boot && !options->debugs)
		terminal_make_raw();
	while (!prompt.kill_status) {
		serve_events(&prompt);
		if (machine_wait(machine, 0, &wait_status))
			return finish(&prompt, wait_status);
	}
	terminal_restore();
	return prompt.kill_status;
}
