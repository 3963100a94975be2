/*
 * The system object: who holds it with MANAGE may power off and read the log.
 */
#ifndef KERNEL_OBJECT_SYSTEM_H
#define KERNEL_OBJECT_SYSTEM_H

#include "kernel/object/object.h"

extern const struct object_type system_type;

/* A system object with one reference. NB_OUT_OF_MEMORY. */
NB_MUST_USE enum nb_status system_create(struct account *account, struct object **out);

/* What NB_SYSTEM_<topic> tells. NB_NOT_SUPPORTED. */
NB_MUST_USE enum nb_status system_info(uint32_t topic, struct object_info *out);

#endif
