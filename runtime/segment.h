/*
 * Element and data segments of an instance, for initialisation and builtins.
 * Indices come from machine code and are checked here.
 */
#ifndef RUNTIME_SEGMENT_H
#define RUNTIME_SEGMENT_H

#include "runtime/instance.h"

struct segment_range {
	uint64_t to;
	uint32_t from;
	uint32_t count;
};

/* The trap that table.init or memory.init with these operands ends with, or
 * none. Dropped segments are empty. */
NB_MUST_USE enum nb_trap segment_table_check(const struct instance *instance, uint32_t segment,
					     uint32_t table, const struct segment_range *range);
NB_MUST_USE enum nb_trap segment_memory_check(const struct instance *instance, uint32_t segment,
					      uint32_t memory, const struct segment_range *range);

/* table.init and memory.init: all or nothing. */
NB_MUST_USE enum nb_trap segment_table_init(struct instance *instance, uint32_t segment,
					    uint32_t table, const struct segment_range *range);
NB_MUST_USE enum nb_trap segment_memory_init(struct instance *instance, uint32_t segment,
					     uint32_t memory, const struct segment_range *range);

/* The same for segments of any size: gives way to others between pieces. Only
 * while nobody else can use the table or memory. */
NB_MUST_USE enum nb_trap segment_table_apply(struct instance *instance, uint32_t segment,
					     uint32_t table, const struct segment_range *range);
NB_MUST_USE enum nb_trap segment_memory_apply(struct instance *instance, uint32_t segment,
					      uint32_t memory, const struct segment_range *range);

/* elem.drop and data.drop; numbers out of range do nothing. */
void segment_elem_drop(struct instance *instance, uint32_t segment);
void segment_data_drop(struct instance *instance, uint32_t segment);

#endif
