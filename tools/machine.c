/*
 * Starting a kernel: QEMU through scripts/qemu.sh, or the hosted kernel. Both
 * get the two serial ports as sockets and die with the tool.
 */
#include "tools/run.h"
#include "tools/tool.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define WORDS_MAX    48
#define WAIT_STEP_MS 5

/* A command line under construction; words live until exec. */
struct command {
	const char *words[WORDS_MAX + 1];
	size_t count;
};

static void
add(struct command *command, const char *word)
{
	if (command->count == WORDS_MAX)
		abort();
	command->words[command->count++] = word;
}

/* Whether this processor and user can run guests in hardware. */
static bool
has_kvm(void)
{
	char line[3072];
	bool has_flag = false;
	FILE *info = fopen("/proc/cpuinfo", "re");

	while (info && !has_flag && fgets(line, sizeof line, info))
		has_flag = strncmp(line, "flags", 5) == 0 &&
			   (strstr(line, " vmx") || strstr(line, " svm"));
	if (info)
		fclose(info);
	return has_flag && access("/dev/kvm", R_OK | W_OK) == 0;
}

/* The kernel's own command line. */
static const char *
kernel_words(const struct run_options *options)
{
	if (options->counts_boot)
		return "count-boot";
	return options->is_verbose ? "verbose" : NULL;
}

/* A block device with the file's contents; QEMU wants its commas twice. */
static void
add_disk(struct command *command, const char *path)
{
	const char *text = "if=none,id=disk,format=raw,file=";

	for (const char *c = path; *c; c++)
		text = tool_text(*c == ',' ? "%s%c," : "%s%c", text, *c);
	add(command, "-drive");
	add(command, text);
	add(command, "-device");
	add(command, "virtio-blk-pci,drive=disk");
}

static void
qemu_command(struct command *command, const struct run_options *options, int image, int console,
	     int link)
{
	add(command, "bash");
	add(command, tool_text("%s/scripts/qemu.sh", tool_root()));
	add(command, "--ramdisk");
	add(command, tool_text("/proc/self/fd/%d", image));
	add(command, "--console");
	add(command, "chardev:console");
	add(command, "--link");
	add(command, "chardev:link");
	if (options->memory_mib) {
		add(command, "--memory");
		add(command, tool_text("%uM", options->memory_mib));
	}
	if (kernel_words(options)) {
		add(command, "--append");
		add(command, kernel_words(options));
	}
	if (options->counts_instructions) {
		add(command, "--icount");
	} else if (has_kvm()) {
		add(command, "--accel");
		add(command, "kvm");
		add(command, "--cpu");
		add(command, "host");
	}
	if (options->debugs)
		add(command, "--gdb");
	add(command, tool_text("%s/nebulet.elf", tool_mode_folder()));
	add(command, "--");
	add(command, "-chardev");
	add(command, tool_text("socket,id=console,fd=%d", console));
	add(command, "-chardev");
	add(command, tool_text("socket,id=link,fd=%d", link));
	if (options->disk)
		add_disk(command, options->disk);
	for (size_t i = 0; i < options->device_count; i++) {
		add(command, "-device");
		add(command, options->devices[i]);
	}
}

static void
hosted_command(struct command *command, const struct run_options *options, int image, int console,
	       int link)
{
	add(command, tool_text("%s/nebulet-hosted", tool_mode_folder()));
	add(command, "--ramdisk");
	add(command, tool_text("/proc/self/fd/%d", image));
	add(command, "--console");
	add(command, tool_text("%d", console));
	add(command, "--link");
	add(command, tool_text("%d", link));
	if (options->memory_mib) {
		add(command, "--memory");
		add(command, tool_text("%u", options->memory_mib));
	}
	if (kernel_words(options)) {
		add(command, "--");
		add(command, kernel_words(options));
	}
}

/* In the child: never returns. `kept` descriptors stay open in the new program. */
static void
become(const struct command *command, const int *kept, size_t kept_count)
{
	sigset_t none;
	int null = open("/dev/null", O_RDONLY);

	/* Its own process group: Ctrl-C on the terminal is for the tool. */
	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (null >= 0)
		dup2(null, STDIN_FILENO);
	/* What it says is a problem, so it goes where problems go. */
	dup2(STDERR_FILENO, STDOUT_FILENO);
	for (size_t i = 0; i < kept_count; i++)
		fcntl(kept[i], F_SETFD, 0);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	execvp(command->words[0], (char *const *)(uintptr_t)command->words);
	tool_error("cannot start %s: %s", command->words[0], strerror(errno));
	_exit(TOOL_FAILED);
}

bool
machine_start(struct machine *machine, const struct run_options *options, int image)
{
	struct command command = { 0 };
	int console[2], link[2];

	*machine = (struct machine){ .pid = -1, .console = -1, .link = -1 };
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, console) ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, link)) {
		tool_error("cannot make a socket: %s", strerror(errno));
		return false;
	}
	if (options->platform == RUN_PC)
		qemu_command(&command, options, image, console[1], link[1]);
	else
		hosted_command(&command, options, image, console[1], link[1]);
	if (options->platform == RUN_HOSTED && access(command.words[0], X_OK)) {
		tool_error("%s is not built; type: make hosted", command.words[0]);
		return false;
	}
	machine->pid = fork();
	if (machine->pid == 0)
		become(&command, (const int[]){ image, console[1], link[1] }, 3);
	close(console[1]);
	close(link[1]);
	machine->console = console[0];
	machine->link = link[0];
	if (machine->pid < 0) {
		tool_error("cannot start a process: %s", strerror(errno));
		machine_destroy(machine);
		return false;
	}
	fcntl(machine->console, F_SETFL, O_NONBLOCK);
	fcntl(machine->link, F_SETFL, O_NONBLOCK);
	return true;
}

bool
machine_wait(struct machine *machine, int timeout_ms, int *wait_status)
{
	struct timespec step = { .tv_nsec = WAIT_STEP_MS * 1000000L };

	for (;;) {
		if (waitpid(machine->pid, wait_status, WNOHANG) == machine->pid) {
			machine->pid = -1;
			return true;
		}
		if (timeout_ms <= 0)
			return false;
		nanosleep(&step, NULL);
		timeout_ms -= WAIT_STEP_MS;
	}
}

void
machine_destroy(struct machine *machine)
{
	if (machine->pid > 0) {
		kill(machine->pid, SIGKILL);
		waitpid(machine->pid, NULL, 0);
		machine->pid = -1;
	}
	if (machine->console >= 0)
		close(machine->console);
	if (machine->link >= 0)
		close(machine->link);
	machine->console = machine->link = -1;
}

int
machine_power_status(const struct run_options *options, int wait_status)
{
	int status;

	if (!WIFEXITED(wait_status))
		return -1;
	status = WEXITSTATUS(wait_status);
	if (options->platform == RUN_HOSTED)
		return status;
	/* QEMU's isa-debug-exit device: 2 * status + 1. */
	return status & 1 ? status >> 1 : -1;
}
