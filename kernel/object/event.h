/*
 * Events: objects with nothing but signals.
 */
#ifndef KERNEL_OBJECT_EVENT_H
#define KERNEL_OBJECT_EVENT_H

#include "kernel/object/object.h"

extern const struct object_type event_type;

/* A new event with one reference. NB_OUT_OF_MEMORY. */
NB_MUST_USE enum nb_status event_create(struct account *account, struct object **out);

#endif
