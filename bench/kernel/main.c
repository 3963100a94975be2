/*
 * The measuring side of `./dev bench kernel` inside the system: publishes the two
 * modules beside it, lets processes of the one call those of the other, and creates
 * and ends processes itself. Prints a line for each workload:
 *
 *     NAME MEDIAN P99 OPERATIONS      nanoseconds of a batch of so many operations
 *
 * and for memory `NAME BYTES`. Under instruction counting a nanosecond of the clock is
 * one guest instruction.
 */
#include "nebulet.h"

#include "modules.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum { CALLS = 1000, SAMPLES = 1000, CREATED = 400, IDLE = 64 };

#define CHECK(expression)                                                        \
	({                                                                       \
		int64_t checked = (expression);                                  \
		if (checked < 0) {                                               \
			printf("failed: line %d: %d\n", __LINE__, (int)checked); \
			exit(1);                                                 \
		}                                                                \
		checked;                                                         \
	})

static uint32_t samples[SAMPLES];

static int64_t
now(void)
{
	return nb_clock_get(NB_CLOCK_MONOTONIC);
}

static int
compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static void
report(const char *name, uint32_t count, uint32_t operations)
{
	qsort(samples, count, sizeof samples[0], compare);
	printf("%s %u %u %u\n", name, (unsigned)samples[count / 2],
	       (unsigned)samples[count - 1 - count / 100], (unsigned)operations);
	fflush(stdout);
}

static uint32_t
publish(const uint8_t *bytes, uint32_t len)
{
	uint32_t module = (uint32_t)CHECK(nb_module_publish(bytes, len));
	struct nb_module_info info;

	(void)CHECK(nb_object_wait_one(module, NB_SIGNAL_SIGNALED, INT64_MAX));
	(void)CHECK(nb_object_info(module, NB_INFO_MODULE, &info, sizeof info));
	CHECK(info.state == NB_MODULE_READY ? 0 : -(int)info.status);
	return module;
}

/* A process, started with `mode` and, if that is not 0, a handle. */
static uint32_t
start(uint32_t module, const struct nb_binding *binding, uint32_t mode, uint32_t handle)
{
	uint32_t process = (uint32_t)CHECK(nb_process_create("bench", 5, 0));
	uint32_t words[2] = { mode, 0 };

	if (handle)
		words[1] = (uint32_t)CHECK(nb_process_grant(process, handle, NB_RIGHTS_SAME));
	(void)CHECK(nb_process_instantiate(process, module, binding, binding != 0, 0));
	(void)CHECK(nb_process_start(process, 0, words, mode ? sizeof words : 0));
	return process;
}

static void
wait_end(uint32_t process)
{
	(void)CHECK(nb_object_wait_one(process, NB_SIGNAL_TERMINATED, INT64_MAX));
	(void)CHECK(nb_handle_close(process));
}

/* ---- calls ---- */

static void
measure_call(uint32_t caller, uint32_t gate, uint32_t workload, const char *name)
{
	static const char space[] = "peer", field[] = "add";
	struct nb_binding binding = { .name = (uint32_t)(uintptr_t)space,
				      .name_len = 4,
				      .gate = gate,
				      .field = (uint32_t)(uintptr_t)field,
				      .field_len = 3 };
	struct nb_message_counts counts = { sizeof samples, 0 };
	struct nb_channel_ends channel;
	uint32_t process, words[2];

	(void)CHECK(nb_channel_create(&channel, 4));
	process = (uint32_t)CHECK(nb_process_create("bench", 5, 0));
	words[0] = workload;
	words[1] = (uint32_t)CHECK(nb_process_grant(process, channel.ends[1], NB_RIGHTS_SAME));
	(void)CHECK(nb_process_instantiate(process, caller, &binding, 1, 0));
	(void)CHECK(nb_process_start(process, 0, words, sizeof words));
	(void)CHECK(nb_object_wait_one(channel.ends[0], NB_SIGNAL_READABLE, INT64_MAX));
	(void)CHECK(nb_channel_recv(channel.ends[0], samples, sizeof samples, 0, &counts));
	wait_end(process);
	(void)CHECK(nb_handle_close(channel.ends[0]));
	(void)CHECK(nb_handle_close(channel.ends[1]));
	report(name, SAMPLES, CALLS);
}

static void
measure_calls(uint32_t caller, uint32_t callee)
{
	struct nb_message_counts counts = { 0, 1 };
	struct nb_channel_ends channel;
	uint32_t server, other, gate = 0;

	(void)CHECK(nb_channel_create(&channel, 4));
	server = start(callee, 0, 1, channel.ends[1]);
	(void)CHECK(nb_object_wait_one(channel.ends[0], NB_SIGNAL_READABLE, INT64_MAX));
	(void)CHECK(nb_channel_recv(channel.ends[0], 0, 0, &gate, &counts));
	measure_call(caller, gate, 0, "loop");
	measure_call(caller, gate, 1, "null-call");
	measure_call(caller, gate, 6, "handle-call");
	measure_call(caller, gate, 5, "clock-call");
	measure_call(caller, gate, 2, "gate");
	measure_call(caller, gate, 3, "channel-64");
	other = start(callee, 0, 2, 0);
	/* There and back. */
	measure_call(caller, gate, 4, "switch");
	(void)CHECK(nb_process_kill(other, 0));
	wait_end(other);
	(void)CHECK(nb_process_kill(server, 0));
	wait_end(server);
}

/* ---- processes ---- */

static void
measure_processes(uint32_t callee)
{
	static uint32_t created[CREATED], ended[CREATED];
	struct nb_channel_ends channel;

	(void)CHECK(nb_channel_create(&channel, 4));
	for (int i = 0; i < CREATED; i++) {
		int64_t begin = now(), middle;
		uint32_t process = start(callee, 0, 0, 0);

		created[i] = (uint32_t)(now() - begin);
		wait_end(process);
		process = start(callee, 0, 3, channel.ends[1]);
		/* It is in its wait then. */
		for (int k = 0; k < 3; k++)
			nb_thread_yield();
		middle = now();
		(void)CHECK(nb_process_kill(process, 0));
		wait_end(process);
		ended[i] = (uint32_t)(now() - middle);
	}
	for (int i = 0; i < CREATED; i++)
		samples[i] = created[i];
	report("create", CREATED, 1);
	for (int i = 0; i < CREATED; i++)
		samples[i] = ended[i];
	report("end", CREATED, 1);
}

static uint64_t
free_bytes(void)
{
	struct nb_memory_info info;

	(void)CHECK(nb_system_info(NB_SYSTEM_MEMORY, &info, sizeof info));
	return info.free_bytes;
}

static void
measure_memory(uint32_t callee)
{
	struct nb_channel_ends channel;
	uint32_t idle[IDLE];
	uint64_t before;

	(void)CHECK(nb_channel_create(&channel, 4));
	before = free_bytes();
	for (int i = 0; i < IDLE; i++) {
		idle[i] = start(callee, 0, 3, channel.ends[1]);
		nb_thread_yield();
	}
	printf("idle %u\n", (unsigned)((before - free_bytes()) / IDLE));
	for (int i = 0; i < IDLE; i++) {
		(void)CHECK(nb_process_kill(idle[i], 0));
		wait_end(idle[i]);
	}
}

int
main(void)
{
	uint32_t caller = publish(caller_wasm, sizeof caller_wasm);
	uint32_t callee = publish(callee_wasm, sizeof callee_wasm);

	measure_calls(caller, callee);
	measure_processes(callee);
	measure_memory(callee);
	return 0;
}
