/*
 * Guarded access to guest memory; guest_copy.S does the work.
 */
#include "kernel/port/memory.h"

#include "arch/x86_64/priv/guest_memory.h"

static void *
pointer(uint64_t address)
{
	return (void *)(uintptr_t)address;
}

enum nb_status
port_guest_read(void *to, uint64_t guest_address, size_t len)
{
	return guest_copy_up(to, pointer(guest_address), len);
}

enum nb_status
port_guest_write(uint64_t guest_address, const void *from, size_t len)
{
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
