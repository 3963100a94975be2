/*
 * Events.
 */
#include "kernel/object/event.h"

const struct object_type event_type = {
	.number = NB_OBJECT_EVENT,
	.rights = NB_RIGHT_DUPLICATE | NB_RIGHT_TRANSFER | NB_RIGHT_SIGNAL | NB_RIGHT_WAIT |
		  NB_RIGHT_MANAGE | NB_RIGHT_INSPECT,
	.settable_signals = NB_SIGNAL_SIGNALED,
	.destroy = object_free,
};

enum nb_status
event_create(struct account *account, struct object **out)
{
	*out = object_alloc(&event_type, sizeof(struct object), account);
	return *out ? NB_OK : NB_OUT_OF_MEMORY;
}
