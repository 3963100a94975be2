/*
 * Ending the process, and sockets, of which a process has none.
 */
#include "user/personalities/wasi/wasi.h"

#define SIGNAL_BASE 128

/* What a signal does to a process that handles none (WASI numbers). */
enum signal_action { SIGNAL_IGNORED, SIGNAL_ENDS, SIGNAL_STOPS };

static enum signal_action
default_action(uint32_t signal)
{
	switch (signal) {
	case 0:	 /* none */
	case 16: /* chld */
	case 17: /* cont */
	case 22: /* urg */
	case 27: /* winch */
		return SIGNAL_IGNORED;
	case 18: /* stop */
	case 19: /* tstp */
	case 20: /* ttin */
	case 21: /* ttou */
		return SIGNAL_STOPS;
	default:
		return SIGNAL_ENDS;
	}
}

void
wasi_proc_exit(uint32_t status)
{
	nb_process_exit((int32_t)status);
	__builtin_unreachable();
}

uint32_t
wasi_proc_raise(uint32_t signal)
{
	if (signal > 30)
		return WASI_INVAL;
	switch (default_action(signal)) {
	case SIGNAL_ENDS:
		nb_process_exit(SIGNAL_BASE + (int32_t)signal);
		__builtin_unreachable();
	case SIGNAL_STOPS:
		return WASI_NOTSUP;
	case SIGNAL_IGNORED:
		break;
	}
	return WASI_SUCCESS;
}

void
wasi_initialize(void)
{
	fd_initialize();
}

static enum wasi_errno
not_a_socket(uint32_t number)
{
	struct fd *fd;
	enum wasi_errno error = fd_get(number, 0, &fd);

	return error ? error : WASI_NOTSOCK;
}

uint32_t
wasi_sock_accept(uint32_t fd, uint32_t flags, uint32_t fd_out)
{
	(void)flags;
	(void)fd_out;
	return not_a_socket(fd);
}

uint32_t
wasi_sock_recv(uint32_t fd, uint32_t iovs, uint32_t count, uint32_t flags, uint32_t read_out,
	       uint32_t flags_out)
{
	(void)iovs;
	(void)count;
	(void)flags;
	(void)read_out;
	(void)flags_out;
	return not_a_socket(fd);
}

uint32_t
wasi_sock_send(uint32_t fd, uint32_t iovs, uint32_t count, uint32_t flags, uint32_t written_out)
{
	(void)iovs;
	(void)count;
	(void)flags;
	(void)written_out;
	return not_a_socket(fd);
}

uint32_t
wasi_sock_shutdown(uint32_t fd, uint32_t how)
{
	(void)how;
	return not_a_socket(fd);
}
