/*
 * Serial ports over file descriptors.
 *
 * The descriptors stay in blocking mode, because they may be shared with other
 * processes; every transfer asks poll first and moves no more than what then
 * cannot block. A helper pthread waits for the descriptors on which a transfer
 * came up short and raises the serial interrupt.
 */
#include "platform/hosted/serial.h"

#include "kernel/port/platform.h"
#include "platform/hosted/interrupt.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { EXIT_UNPLUGGED = 72 };

struct channel {
	int fd;			  /* -1: none */
	volatile bool is_awaited; /* the helper shall report when it is ready */
	volatile bool is_dead;	  /* end of file, or the other side is gone */
};

static struct channel inputs[PORT_SERIAL_COUNT] = { { .fd = -1 }, { .fd = -1 } };
static struct channel outputs[PORT_SERIAL_COUNT] = { { .fd = -1 }, { .fd = -1 } };
static int helper_wake = -1; /* eventfd; -1: no helper */

static bool
is_ready(int fd, short events)
{
	struct pollfd poll_fd = { .fd = fd, .events = events };

	return poll(&poll_fd, 1, 0) == 1;
}

/* Asks the helper to watch. */
static void
await(struct channel *channel)
{
	const uint64_t one = 1;

	if (channel->is_awaited || helper_wake < 0)
		return;
	channel->is_awaited = true;
	(void)!write(helper_wake, &one, sizeof one);
}

/* Once the host program at the link has gone, with the console, nobody is left
 * who could want anything of this machine. */
static void
exit_if_unplugged(void)
{
	if (inputs[PORT_SERIAL_LINK].is_dead && inputs[PORT_SERIAL_CONSOLE].is_dead)
		_exit(EXIT_UNPLUGGED);
}

/* A descriptor has neither ports nor an interrupt. */
enum nb_status
port_serial_release(enum port_serial port)
{
	(void)port;
	return NB_NOT_SUPPORTED;
}

size_t
port_serial_read(enum port_serial port, uint8_t *out, size_t cap)
{
	struct channel *input = &inputs[port];
	ssize_t got;

	if (input->fd < 0 || input->is_dead || cap == 0)
		return 0;
	if (!is_ready(input->fd, POLLIN)) {
		await(input);
		return 0;
	}
	got = read(input->fd, out, cap);
	if (got <= 0 && (got == 0 || errno != EINTR)) {
		input->is_dead = true;
		exit_if_unplugged();
	}
	return got > 0 ? (size_t)got : 0;
}

size_t
port_serial_write(enum port_serial port, const uint8_t *bytes, size_t len)
{
	struct channel *output = &outputs[port];
	size_t done = 0;

	if (output->fd < 0)
		return len;
	while (done < len && !output->is_dead) {
		size_t piece = len - done < PIPE_BUF ? len - done : PIPE_BUF;
		ssize_t put;

		if (!is_ready(output->fd, POLLOUT)) {
			await(output);
			return done;
		}
		put = write(output->fd, bytes + done, piece);
		if (put > 0)
			done += (size_t)put;
		else if (errno != EINTR)
			output->is_dead = true;
	}
	/* Nobody listens any more: swallow the bytes, as a wire does. */
	return len;
}

void
port_serial_write_sync(enum port_serial port, const uint8_t *bytes, size_t len)
{
	struct pollfd poll_fd = { .fd = outputs[port].fd, .events = POLLOUT };

	while (len) {
		size_t done = port_serial_write(port, bytes, len);

		bytes += done;
		len -= done;
		if (len)
			(void)poll(&poll_fd, 1, -1);
	}
}

/* ---- the helper ---- */

/* Adds the channel to the poll list if it is awaited. */
static nfds_t
list_channel(struct channel *channel, short events, struct pollfd *list, struct channel **owners,
	     nfds_t count)
{
	if (!channel->is_awaited)
		return count;
	list[count] = (struct pollfd){ .fd = channel->fd, .events = events };
	owners[count] = channel;
	return count + 1;
}

static void *
helper_main(void *unused)
{
	struct pollfd list[1 + 2 * PORT_SERIAL_COUNT];
	struct channel *owners[1 + 2 * PORT_SERIAL_COUNT];

	(void)unused;
	for (;;) {
		nfds_t count = 1;
		bool is_raised = false;
		uint64_t wakes;

		list[0] = (struct pollfd){ .fd = helper_wake, .events = POLLIN };
		for (int port = 0; port < PORT_SERIAL_COUNT; port++) {
			count = list_channel(&inputs[port], POLLIN, list, owners, count);
			count = list_channel(&outputs[port], POLLOUT, list, owners, count);
		}
		if (poll(list, count, -1) < 0)
			continue;
		if (list[0].revents)
			(void)!read(helper_wake, &wakes, sizeof wakes);
		for (nfds_t i = 1; i < count; i++) {
			if (!list[i].revents)
				continue;
			owners[i]->is_awaited = false;
			is_raised = true;
		}
		if (is_raised)
			hosted_interrupt_serial();
	}
	return NULL;
}

bool
hosted_serial_start(const struct hosted_serial_fds fds[PORT_SERIAL_COUNT])
{
	sigset_t all, before;
	pthread_t helper;
	int error;

	for (int port = 0; port < PORT_SERIAL_COUNT; port++) {
		inputs[port] = (struct channel){ .fd = fds[port].in };
		outputs[port] = (struct channel){ .fd = fds[port].out };
	}
	(void)signal(SIGPIPE, SIG_IGN);
	helper_wake = eventfd(0, EFD_CLOEXEC);
	if (helper_wake < 0)
		return false;
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	error = pthread_create(&helper, NULL, helper_main, NULL);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return error == 0;
}
