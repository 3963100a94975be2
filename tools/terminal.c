/* Terminal modes; see terminal.h. */
#include "tools/terminal.h"

#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

static struct termios saved;
static volatile sig_atomic_t is_raw;

void
terminal_restore(void)
{
	if (is_raw) {
		is_raw = 0;
		tcsetattr(STDIN_FILENO, TCSADRAIN, &saved);
	}
}

/* Of the signals that mean a crash of the tool itself. */
static void
restore_and_die(int signal_number)
{
	if (is_raw)
		tcsetattr(STDIN_FILENO, TCSANOW, &saved);
	signal(signal_number, SIG_DFL);
	raise(signal_number);
}

void
terminal_make_raw(void)
{
	static const int crashes[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT };
	static bool is_prepared;
	struct termios raw;

	if (tcgetattr(STDIN_FILENO, &raw))
		return;
	saved = raw;
	if (!is_prepared) {
		atexit(terminal_restore);
		for (size_t i = 0; i < sizeof crashes / sizeof crashes[0]; i++)
			signal(crashes[i], restore_and_die);
		is_prepared = true;
	}
	raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO | ISIG | IEXTEN);
	raw.c_iflag &= ~(tcflag_t)(IXON | BRKINT);
	raw.c_cc[VMIN] = 1;
	raw.c_cc[VTIME] = 0;
	is_raw = 1;
	tcsetattr(STDIN_FILENO, TCSADRAIN, &raw);
}
