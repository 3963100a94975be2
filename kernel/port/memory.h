/*
 * Memory that a platform provides.
 *
 * pc implements this over its page tables and physical allocator, hosted over
 * mmap. All of it may be called from any kernel context that may take the
 * memory lock, with no lock held what gives way; none of it sleeps otherwise. Sizes and addresses are multiples of
 * PORT_PAGE_BYTES unless said otherwise. Exhaustion is NB_OUT_OF_MEMORY and
 * changes nothing.
 */
#ifndef KERNEL_PORT_MEMORY_H
#define KERNEL_PORT_MEMORY_H

#include "abi/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PORT_PAGE_BYTES = 4096 };

/* Kernel memory: zero-filled, readable and writable, never executable. */
enum nb_status port_pages_get(size_t size, void **out) NB_MUST_USE;
void port_pages_put(void *pages, size_t size);
/* The same for many: they give way to others in between, and get gives up (NB_CANCELED) for a
 * thread that is to end. Either put takes back what either
 * get gave. */
enum nb_status port_many_pages_get(size_t size, void **out) NB_MUST_USE;
void port_many_pages_put(void *pages, size_t size);

/* The same, of pages that port_slot_map can map into slots. They give way to others. */
enum nb_status port_shared_pages_get(size_t size, void **out) NB_MUST_USE;
void port_shared_pages_put(void *pages, size_t size);
/* Where devices find such pages, if they are in a row for them, too. */
bool port_device_address(const void *pages, size_t size, uint64_t *out);

/* What memories hold at first: pages [at, at + size) of them, zero elsewhere. Slots made
 * with it get a copy of a page when they touch it. */
struct port_image {
	uint64_t at;
	uint64_t size;
	uint8_t *bytes; /* zero at first; not written any more once a slot has it */
	int64_t file;	/* the platform's */
};
/* Both give way to others. */
enum nb_status port_image_create(uint64_t at, uint64_t size, struct port_image *out) NB_MUST_USE;
/* No slot has it any more. */
void port_image_release(struct port_image *image);

/* A memory slot: `addressable` bytes of address space, either of
 * NB_SLOT_ADDRESSABLE and NB_WIDE_SLOT_ADDRESSABLE, of which [0, committed) is
 * accessible, zero on first touch, and NB_SLOT_GUARD bytes behind that never
 * are. The guard of another slot or an unmapped gap of the same size always
 * stands in front. Slots are pooled, with page tables and some pages; a
 * released slot keeps nothing of its old content. */
enum nb_status port_slot_reserve(uint64_t addressable, uint64_t *out_base) NB_MUST_USE;
/* The same with [0, bytes) committed, which hold what `image` (or NULL) says: of one
 * that the last user of the same kind left behind, if there is one. The image
 * outlives the slot. */
enum nb_status port_slot_create(uint64_t addressable, uint64_t bytes,
				const struct port_image *image, uint64_t *out_base) NB_MUST_USE;
enum nb_status port_slot_commit(uint64_t base, uint64_t old_bytes, uint64_t new_bytes) NB_MUST_USE;
/* Gives back what is committed from new_bytes on, a multiple of 2 MiB. Nothing
 * may touch it any more. */
void port_slot_shrink(uint64_t base, uint64_t old_bytes, uint64_t new_bytes);
void port_slot_release(uint64_t base, uint64_t committed_bytes);

/* Lets [address, address + size), inside the committed part of a slot, be the
 * same pages as `pages`, which port_shared_pages_get gave or a window on a device
 * shows (then PORT_MAP_DEVICE: not cached); what was there is gone. They belong to whoever
 * got them and must be unmapped before they are put, and before the slot shrinks or is
 * released. NB_OUT_OF_MEMORY: the range may be zero pages then. */
enum port_map_rights { PORT_MAP_READ, PORT_MAP_WRITE, PORT_MAP_DEVICE_READ, PORT_MAP_DEVICE };
enum nb_status port_slot_map(uint64_t address, const void *pages, size_t size,
			     enum port_map_rights rights) NB_MUST_USE;
/* Puts zero pages in the place of what port_slot_map mapped there, or of part of it. */
void port_slot_unmap(uint64_t address, size_t size);

/* True if `address` lies in some slot's committed part or guard. */
bool port_slot_contains(uint64_t address);

/* An area: reserved address space that is committed piece by piece and never
 * moves (tables). Committed bytes are zero. */
enum nb_status port_area_reserve(size_t size, void **out) NB_MUST_USE;
enum nb_status port_area_commit(void *area, size_t offset, size_t size) NB_MUST_USE;
/* Gives back a committed piece, which may be committed again. */
void port_area_decommit(void *area, size_t offset, size_t size);
/* Gives back whatever is committed, and the addresses. */
void port_area_release(void *area, size_t size);

/* A guest or kernel thread's stack: `size` usable bytes, committed on first
 * touch, with at least 1 MiB of inaccessible guard below. */
struct port_stack {
	uint64_t guard; /* lowest address of the guard */
	uint64_t limit; /* lowest usable address */
	uint64_t top;	/* one past the highest usable address, 16-aligned */
};
enum nb_status port_stack_create(size_t size, struct port_stack *out) NB_MUST_USE;
void port_stack_destroy(const struct port_stack *stack);
/* Makes [address, stack->top) present, so that kernel code cannot fault there. */
enum nb_status port_stack_commit(const struct port_stack *stack, uint64_t address) NB_MUST_USE;

/* Code: filled while writable and not executable, then sealed read-execute,
 * for ever. All code of all modules lies in one contiguous address range. What
 * follows gives way to others but for the last. */
struct port_code {
	uint8_t *base; /* writable until sealed; the address the code runs at */
	size_t size;
};
enum nb_status port_code_reserve(size_t size, struct port_code *out) NB_MUST_USE;
enum nb_status port_code_seal(struct port_code *code) NB_MUST_USE;
void port_code_release(struct port_code *code);
/* Bounds of the range that holds all guest code, for the is-guest test. */
void port_code_range(uint64_t *out_start, uint64_t *out_end);

/* Copies between kernel memory and guest memory whose range the caller has
 * already checked against the memory's length. A page that cannot be had
 * gives NB_OUT_OF_MEMORY, one that is mapped for reading only and should be
 * written NB_INVALID_ADDRESS; part may then be copied. */
enum nb_status port_guest_read(void *to, uint64_t guest_address, size_t len) NB_MUST_USE;
enum nb_status port_guest_write(uint64_t guest_address, const void *from, size_t len) NB_MUST_USE;
enum nb_status port_guest_fill(uint64_t guest_address, uint8_t value, size_t len) NB_MUST_USE;
enum nb_status port_guest_copy(uint64_t to, uint64_t from, size_t len) NB_MUST_USE; /* memmove */

/* What a leak check compares. */
struct port_memory_info {
	uint64_t total_pages;
	uint64_t free_pages; /* pooled pages count as free */
	uint64_t slots_live, stacks_live, areas_live, code_bytes_live;
};
void port_memory_info(struct port_memory_info *out);

#endif
