/*
 * Guarded access to guest memory; guest_copy.S does the work.
 *
 * The address sanitizer does not see what assembly does, so it is asked about
 * the kernel's side of each copy.
 */
#include "arch/x86_64/guest_memory.h"

#include "kernel/port/memory.h"

#ifdef __SANITIZE_ADDRESS__
void __asan_loadN(void *at, long len);
void __asan_storeN(void *at, long len);
#define check_load(at, len)  __asan_loadN((void *)(uintptr_t)(at), (long)(len))
#define check_store(at, len) __asan_storeN(at, (long)(len))
#else
#define check_load(at, len)  ((void)(at), (void)(len))
#define check_store(at, len) ((void)(at), (void)(len))
#endif

/* Addresses relative to where they stand. */
struct fault_fixup {
	int32_t start, end, target;
};
extern const struct fault_fixup __start_fault_fixups[], __stop_fault_fixups[];

static uint64_t
address_at(const int32_t *relative)
{
	return (uint64_t)(uintptr_t)relative + (uint64_t)(int64_t)*relative;
}

bool
guest_copy_fixup(uint64_t pc, uint64_t *out_target)
{
	for (const struct fault_fixup *f = __start_fault_fixups; f < __stop_fault_fixups; f++) {
		if (pc >= address_at(&f->start) && pc < address_at(&f->end)) {
			*out_target = address_at(&f->target);
			return true;
		}
	}
	return false;
}

static void *
pointer(uint64_t address)
{
	return (void *)(uintptr_t)address;
}

enum nb_status
port_guest_read(void *to, uint64_t guest_address, size_t len)
{
	check_store(to, len);
	return guest_copy_up(to, pointer(guest_address), len);
}

enum nb_status
port_guest_write(uint64_t guest_address, const void *from, size_t len)
{
	check_load(from, len);
	return guest_copy_up(pointer(guest_address), from, len);
}

enum nb_status
port_guest_fill(uint64_t guest_address, uint8_t value, size_t len)
{
	return guest_fill_bytes(pointer(guest_address), value * 0x0101010101010101ull, len);
}

enum nb_status
port_guest_copy(uint64_t to, uint64_t from, size_t len)
{
	if (to - from >= len)
		return guest_copy_up(pointer(to), pointer(from), len);
	return guest_copy_down(pointer(to), pointer(from), len);
}
