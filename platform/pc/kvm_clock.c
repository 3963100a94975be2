/*
 * kvm-clock: a page in which the hypervisor keeps rate and offset of the time
 * stamp counter.
 *
 * Source: Linux Documentation/virt/kvm/x86/{cpuid,msr}.rst.
 */
#include "platform/pc/clock.h"

#include "arch/x86_64/priv/cpu.h"
#include "arch/x86_64/priv/frames.h"
#include "arch/x86_64/priv/memory_map.h"
#include "arch/x86_64/priv/processor.h"

enum {
	LEAF_SIGNATURE = 0x40000000,
	LEAF_FEATURES = 0x40000001,
	FEATURE_CLOCK = 1 << 3,
	MSR_WALL_CLOCK = 0x4b564d00,
	MSR_SYSTEM_TIME = 0x4b564d01,
	SYSTEM_TIME_ON = 1,
};

struct kvm_time {
	uint32_t version; /* odd while it changes */
	uint32_t pad;
	uint64_t tsc;
	uint64_t ns; /* at tsc */
	uint32_t multiplier;
	int8_t shift;
	uint8_t flags;
	uint8_t pad2[2];
};

struct kvm_wall_clock {
	uint32_t version;
	uint32_t seconds;
	uint32_t nanoseconds;
};

static volatile struct kvm_time *time_page;

/* Tells the address of what the hypervisor fills in. */
bool
kvm_clock_init(void)
{
	struct cpuid_result id;
	uint64_t frame;

	if (!processor_features.hypervisor)
		return false;
	id = cpu_cpuid(LEAF_SIGNATURE, 0);
	/* "KVMKVMKVM\0\0\0" */
	if (id.ebx != 0x4b4d564b || id.ecx != 0x564b4d56 || id.edx != 0x4d ||
	    !(cpu_cpuid(LEAF_FEATURES, 0).eax & FEATURE_CLOCK))
		return false;
	frame = frame_alloc_zeroed();
	if (frame == FRAME_NONE)
		return false;
	time_page = map_direct(frame);
	cpu_write_msr(MSR_SYSTEM_TIME, frame | SYSTEM_TIME_ON);
	return time_page->version != 0;
}

uint64_t
kvm_clock_monotonic_ns(void)
{
	for (;;) {
		uint32_t version = __atomic_load_n(&time_page->version, __ATOMIC_ACQUIRE);
		uint64_t ticks = cpu_read_tsc() - time_page->tsc;
		uint64_t ns;

		if (time_page->shift >= 0)
			ticks <<= time_page->shift;
		else
			ticks >>= -time_page->shift;
		ns = time_page->ns +
		     (uint64_t)((unsigned __int128)ticks * time_page->multiplier >> 32);
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		if (!(version & 1) && version == time_page->version)
			return ns;
	}
}

uint64_t
kvm_clock_tsc_hz(void)
{
	uint64_t hz = (1000000000ull << 32) / time_page->multiplier;

	return time_page->shift >= 0 ? hz >> time_page->shift : hz << -time_page->shift;
}

uint64_t
kvm_clock_boot_time_ns(void)
{
	uint64_t frame = frame_alloc_zeroed();
	const volatile struct kvm_wall_clock *wall = map_direct(frame);
	uint64_t ns;

	if (frame == FRAME_NONE)
		return rtc_read_ns() - kvm_clock_monotonic_ns();
	cpu_write_msr(MSR_WALL_CLOCK, frame);
	ns = wall->seconds * 1000000000ull + wall->nanoseconds;
	frame_free(frame, 0);
	return ns;
}
