/*
 * Builtins on memories: what compiled code calls for memory.grow, memory.fill,
 * memory.copy, memory.init and data.drop.
 *
 * Their arguments come from machine code, so indices are checked here, and
 * long operations let others run between pieces: the guest's own thread stays
 * interruptible.
 */
#include "kernel/port/memory.h"
#include "runtime/builtin.h"
#include "runtime/segment.h"

/* Between two looks at head.pending: well under 100 us of copying. */
enum { PIECE_BYTES = 64 * 1024 };

static struct runtime_memory *
memory_at(struct nb_vmctx *vmctx, uint32_t idx)
{
	struct instance *instance = instance_of(vmctx);

	return idx < instance->module->wasm.memory_count ? instance->memories[idx] : NULL;
}

/* Of a copy whose range fits: no page could be had, or one may only be read. */
static enum nb_trap
copy_trap(enum nb_status status)
{
	if (status == NB_OK)
		return NB_TRAP_NONE;
	return status == NB_OUT_OF_MEMORY ? NB_TRAP_OUT_OF_MEMORY : NB_TRAP_MEMORY_OUT_OF_BOUNDS;
}

static bool
desc_fits(const struct nb_memory_desc *desc, uint64_t at, uint64_t count)
{
	uint64_t length = __atomic_load_n(&desc->length, __ATOMIC_ACQUIRE);

	return count <= length && at <= length - count;
}

static bool
range_fits(const struct runtime_memory *memory, uint64_t at, uint64_t count)
{
	return desc_fits(&memory->desc, at, count);
}

int64_t
runtime_builtin_MEMORY_GROW(struct nb_vmctx *vmctx, uint32_t idx, uint64_t delta_pages)
{
	struct runtime_memory *memory = memory_at(vmctx, idx);

	return memory ? runtime_memory_grow(memory, delta_pages) : -1;
}

/* Apart from the short way, which otherwise would save this one's registers. */
__attribute__((noinline)) static enum nb_trap
fill_long(struct nb_vmctx *vmctx, uint32_t idx, uint64_t at, uint32_t value, uint64_t count)
{
	struct runtime_memory *memory = memory_at(vmctx, idx);

	if (!memory || !range_fits(memory, at, count))
		return NB_TRAP_MEMORY_OUT_OF_BOUNDS;
	while (count) {
		uint64_t piece = count < PIECE_BYTES ? count : PIECE_BYTES;
		enum nb_trap trap =
			copy_trap(port_guest_fill(memory->desc.base + at, (uint8_t)value, piece));
		if (trap != NB_TRAP_NONE)
			return trap;
		at += piece;
		count -= piece;
		if (count)
			builtin_give_way(vmctx);
	}
	return NB_TRAP_NONE;
}

/* Most fills are short and of memory 0, of which the vmctx knows all there is. */
enum nb_trap
runtime_builtin_MEMORY_FILL(struct nb_vmctx *vmctx, uint32_t idx, uint64_t at, uint32_t value,
			    uint64_t count)
{
	const struct nb_memory_desc *desc = vmctx->memory;

	if (idx != 0 || count > PIECE_BYTES)
		return fill_long(vmctx, idx, at, value, count);
	if (!desc_fits(desc, at, count))
		return NB_TRAP_MEMORY_OUT_OF_BOUNDS;
	return copy_trap(port_guest_fill(desc->base + at, (uint8_t)value, count));
}

__attribute__((noinline)) static enum nb_trap
copy_long(struct nb_vmctx *vmctx, uint32_t memories, uint64_t to, uint64_t from, uint64_t count)
{
	struct runtime_memory *target = memory_at(vmctx, memories & 0xffff);
	struct runtime_memory *source = memory_at(vmctx, memories >> 16);

	if (!target || !source || !range_fits(target, to, count) ||
	    !range_fits(source, from, count))
		return NB_TRAP_MEMORY_OUT_OF_BOUNDS;
	uint64_t target_address = target->desc.base + to;
	uint64_t source_address = source->desc.base + from;
	bool is_backward = target_address > source_address;
	for (uint64_t done = 0; done < count;) {
		uint64_t piece = count - done < PIECE_BYTES ? count - done : PIECE_BYTES;
		uint64_t at = is_backward ? count - done - piece : done;
		enum nb_trap trap =
			copy_trap(port_guest_copy(target_address + at, source_address + at, piece));
		if (trap != NB_TRAP_NONE)
			return trap;
		done += piece;
		if (done < count)
			builtin_give_way(vmctx);
	}
	return NB_TRAP_NONE;
}

/* Likewise. */
enum nb_trap
runtime_builtin_MEMORY_COPY(struct nb_vmctx *vmctx, uint32_t memories, uint64_t to, uint64_t from,
			    uint64_t count)
{
	const struct nb_memory_desc *desc = vmctx->memory;

	if (memories != 0 || count > PIECE_BYTES)
		return copy_long(vmctx, memories, to, from, count);
	if (!desc_fits(desc, to, count) || !desc_fits(desc, from, count))
		return NB_TRAP_MEMORY_OUT_OF_BOUNDS;
	return copy_trap(port_guest_copy(desc->base + to, desc->base + from, count));
}

enum nb_trap
runtime_builtin_MEMORY_INIT(struct nb_vmctx *vmctx, uint32_t segment, uint32_t memory, uint64_t to,
			    uint32_t from, uint32_t count)
{
	struct instance *instance = instance_of(vmctx);
	struct segment_range whole = { to, from, count };
	enum nb_trap trap = segment_memory_check(instance, segment, memory, &whole);

	for (uint32_t done = 0; trap == NB_TRAP_NONE && done < count;) {
		uint32_t piece = count - done < PIECE_BYTES ? count - done : PIECE_BYTES;
		struct segment_range range = { to + done, from + done, piece };
		trap = segment_memory_init(instance, segment, memory, &range);
		done += piece;
		if (trap == NB_TRAP_NONE && done < count)
			builtin_give_way(vmctx);
	}
	return trap;
}

void
runtime_builtin_DATA_DROP(struct nb_vmctx *vmctx, uint32_t segment)
{
	segment_data_drop(instance_of(vmctx), segment);
}
