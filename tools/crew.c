/* Threads that compile: they live for one call of run. */
#include "compiler/compiler.h"
#include "tools/tool.h"

#include <pthread.h>
#include <sched.h>

enum { CREW_MOST = 64 };

struct member {
	pthread_t thread;
	void (*work)(void *argument, uint32_t number);
	void *argument;
	uint32_t number;
};

static void *
member_main(void *context)
{
	const struct member *member = context;

	member->work(member->argument, member->number);
	return NULL;
}

/* A thread that cannot be had leaves its part to the caller. */
static void
run(void *context, uint32_t count, void (*work)(void *argument, uint32_t number), void *argument)
{
	struct member members[CREW_MOST];
	bool is_running[CREW_MOST] = { false };

	(void)context;
	for (uint32_t i = 1; i < count; i++) {
		members[i] = (struct member){ .work = work, .argument = argument, .number = i };
		is_running[i] =
			pthread_create(&members[i].thread, NULL, member_main, &members[i]) == 0;
	}
	work(argument, 0);
	for (uint32_t i = 1; i < count; i++) {
		if (is_running[i])
			pthread_join(members[i].thread, NULL);
		else
			work(argument, i);
	}
}

void
tool_crew_init(struct compiler_crew *crew, uint32_t count)
{
	cpu_set_t processors;

	if (count == 0)
		count = sched_getaffinity(0, sizeof processors, &processors) == 0
				? (uint32_t)CPU_COUNT(&processors)
				: 1;
	*crew = (struct compiler_crew){ .run = run,
					.count = count < CREW_MOST ? count : CREW_MOST };
}
