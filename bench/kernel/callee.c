/*
 * What is created, called and ended by the others: an empty program, or, started
 * with a channel, a server of one gate, whose handle it sends.
 */
#include "nebulet.h"

static int64_t
add(int32_t a, int64_t b)
{
	return a + b;
}

static void
serve(uint32_t channel)
{
	static _Alignas(16) uint8_t stack[1024];
	struct nb_gate_stacks stacks = { (uint32_t)(uintptr_t)stack, sizeof stack };
	uint32_t gate = (uint32_t)nb_gate_create((uint32_t)(uintptr_t)add, "iI>I", 4, 1, &stacks);

	(void)nb_channel_send(channel, 0, 0, &gate, 1);
	(void)nb_object_wait_one(channel, NB_SIGNAL_USER_0, INT64_MAX);
}

void
_start(void)
{
	uint32_t words[2] = { 0, 0 };

	(void)nb_process_startup(words, sizeof words);
	if (words[0] == 1)
		serve(words[1]);
	if (words[0] == 2) {
		for (;;)
			nb_thread_yield();
	}
	if (words[0] == 3)
		(void)nb_object_wait_one(words[1], NB_SIGNAL_USER_0, INT64_MAX);
}
