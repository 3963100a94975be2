/*
 * Processes for tests of gates.
 */
#include "tests/kernel/gate_fixture.h"

#include "kernel/init/boot.h"

#include <string.h>

struct gate *
gates_at(struct process *process, uint32_t n)
{
	struct handle_table *table = &process->handles;

	for (uint32_t i = 0; i < table->chunk_count * HANDLE_CHUNK_SLOTS; i++) {
		struct object *object =
			table->chunks[i / HANDLE_CHUNK_SLOTS][i % HANDLE_CHUNK_SLOTS].object;

		if (object && object->type == &gate_type && n-- == 0)
			return gate_of(object);
	}
	fail_msg("there is no such gate");
	return NULL;
}

struct process *
gates_process(struct module *module, const char *name, uint32_t priority,
	      const struct process_binding *bindings, uint32_t count)
{
	return gates_process_in(boot_account(), module, name, priority, bindings, count);
}

struct process *
gates_process_in(struct account *account, struct module *module, const char *name,
		 uint32_t priority, const struct process_binding *bindings, uint32_t count)
{
	struct process_options options = {
		.account = account, .name = name, .name_len = strlen(name), .priority = priority
	};
	struct process *process;
	struct diag diag;
	uint32_t idx;

	diag_init(&diag);
	assert_int_equal(process_create(&options, &process), NB_OK);
	if (process_instantiate(process, module, bindings, count, &diag, &idx) != NB_OK)
		fail_msg("instantiate: %s", diag.text);
	object_put(&module->object);
	return process;
}

void
gates_rebind(struct process *process, struct gate *gate)
{
	for (struct gate_binding *binding = process->graph.bindings; binding;
	     binding = binding->next) {
		object_get(&gate->object);
		object_put(&binding->gate->object);
		binding->gate = gate;
		binding->port.first = NULL;
	}
	for (struct list_link *link = process->gate_pools.next; link != &process->gate_pools;
	     link = link->next) {
		struct gate_pool *pool = list_entry(link, struct gate_pool, link);

		for (uint32_t i = 0; i < pool->count; i++) {
			struct gate_binding *binding = pool->activations[i].clone.bindings;

			if (!binding)
				continue;
			object_get(&gate->object);
			object_put(&binding->gate->object);
			binding->gate = gate;
			binding->port.first = NULL;
		}
	}
}

struct thread *
gates_thread_in(struct process *process)
{
	return list_entry(list_first(&process->threads), struct thread, link);
}
