/*
 * The end of a hosted kernel whose invariants are broken.
 */
#include "kernel/port/platform.h"

#include <execinfo.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FRAMES = 48 };

static void
say(const char *text)
{
	(void)!write(STDERR_FILENO, text, strlen(text));
}

void
port_panic(const char *message)
{
	void *frames[FRAMES];
	int count = backtrace(frames, FRAMES);

	kernel_panicking();
	say("\nnebulet: kernel panic: ");
	say(message);
	say("\n");
	backtrace_symbols_fd(frames, count, STDERR_FILENO);
	abort();
}
