/*
 * Monotonic time and the one-shot timer.
 *
 * Under KVM the hypervisor's clock serves. Else the time stamp counter does,
 * measured against a reference counter of known frequency (HPET or the ACPI
 * timer) that runs beside it: until MEASURE_LEAST has passed every reading of
 * time reads the reference, then both counters give the rate, and the
 * measurement is repeated over ever longer spans. Nothing ever waits. The stub of clock_get
 * reads the same numbers (struct guest_clock).
 *
 * The local APIC timer's rate is found the same way, from what it counted
 * between arming and a later look. It is never thought faster than measured,
 * so the timer comes early at worst, and is then armed for the rest.
 *
 * Sources: IA-PC HPET 1.0a section 2.3; ACPI 6.5 section 4.8.3.3.
 */
#include "platform/pc/clock.h"

#include "arch/x86_64/priv/apic.h"
#include "arch/x86_64/priv/cpu.h"
#include "arch/x86_64/priv/lock.h"
#include "arch/x86_64/priv/processor.h"
#include "arch/x86_64/priv/space.h"
#include "arch/x86_64/priv/trap.h"
#include "kernel/port/cpu.h"
#include "kernel/port/guest.h"
#include "platform/pc/acpi.h"

enum {
	HPET_CAPABILITIES = 0x004, /* upper half: period in femtoseconds */
	HPET_CONFIGURATION = 0x010,
	HPET_COUNTER = 0x0f0,
	HPET_BYTES = 1024,
};

#define FS_PER_NS	 1000000ull
#define PM_TIMER_PERIOD	 279365115u /* femtoseconds: 1 / 3.579545 MHz */
#define MEASURE_LEAST	 5000000ull
#define MEASURE_MOST	 2000000000ull
#define TIMER_RATE_GUESS 25000000ull

/* Rates are ticks or nanoseconds times 2^32. */
static uint64_t
scale(uint64_t value, uint64_t rate)
{
	return (uint64_t)((unsigned __int128)value * rate >> 32);
}

/* numerator / denominator times 2^32; denominator is not 0. */
static uint64_t
rate_of(uint64_t numerator, uint64_t denominator)
{
	while (numerator >> 31) {
		numerator >>= 1;
		denominator >>= 1;
	}
	return (numerator << 32) / (denominator ? denominator : 1);
}

/* The counter of known frequency. */
static struct {
	volatile uint32_t *hpet; /* NULL: the ACPI timer */
	uint32_t mask;		 /* of the counter's width */
	uint32_t period_fs;
	uint32_t last;
	uint64_t ns; /* at `last` */
	uint64_t rest_fs;
} reference;

/* The time stamp counter as a clock is guest_clock: readers take no lock, only its holder
 * writes. */
static struct {
	bool is_measured;
	uint64_t first_tsc, first_ns; /* where measuring began */
} tsc_clock;

static struct {
	uint64_t deadline_ns; /* UINT64_MAX: nobody waits */
	uint64_t started_ns;
	uint32_t started_ticks; /* 0: not running */
	uint64_t rate;		/* ticks a nanosecond */
	uint64_t measured_ns;	/* span of the measurement that gave the rate */
} timer;

static bool has_kvm_clock;
static struct lock lock = LOCK_INIT(LOCK_RANK_CLOCK);

static uint32_t
reference_read(void)
{
	if (reference.hpet)
		return reference.hpet[HPET_COUNTER / 4];
	return cpu_in32(acpi_found.pm_timer_port) & reference.mask;
}

/* Advances the reference by what its counter has moved; whole turns that were
 * missed are made up from `expected_ns`, if that is not 0. */
static uint64_t
reference_advance(uint32_t now, uint64_t expected_ns)
{
	uint64_t ticks = (now - reference.last) & reference.mask;
	uint64_t fs = ticks * reference.period_fs + reference.rest_fs;
	uint64_t turn_ns = ((uint64_t)reference.mask + 1) * reference.period_fs / FS_PER_NS;

	reference.last = now;
	reference.ns += fs / FS_PER_NS;
	reference.rest_fs = fs % FS_PER_NS;
	if (expected_ns > reference.ns + turn_ns / 2)
		reference.ns += (expected_ns - reference.ns + turn_ns / 2) / turn_ns * turn_ns;
	return reference.ns;
}

/* Both counters as near to each other as three tries give. */
static uint32_t
read_pair(uint64_t *out_tsc)
{
	uint64_t best = UINT64_MAX;
	uint32_t counter = 0;

	for (int i = 0; i < 3; i++) {
		uint64_t before = cpu_read_tsc();
		uint32_t read = reference_read();
		uint64_t after = cpu_read_tsc();

		if (after - before < best) {
			best = after - before;
			counter = read;
			*out_tsc = before + best / 2;
		}
	}
	return counter;
}

static uint64_t
tsc_ns(uint64_t tsc)
{
	return guest_clock.base_ns + scale(tsc - guest_clock.base_ticks, guest_clock.rate);
}

static uint64_t
not_before_floor(uint64_t ns)
{
	return ns > guest_clock.floor_ns ? ns : guest_clock.floor_ns;
}

static void
measure(void)
{
	uint64_t tsc = 0;
	uint32_t counter = read_pair(&tsc);
	uint64_t ns = reference_advance(counter, tsc_clock.is_measured ? tsc_ns(tsc) : 0);
	uint64_t span = ns - tsc_clock.first_ns;
	uint32_t version = guest_clock.version;

	__atomic_store_n(&guest_clock.version, version | 1, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_RELEASE);
	/* The measurement may find that time ran ahead. Whoever reads the old rate does so before
	 * the version is odd, so the floor is no earlier than what he tells. */
	if (tsc_clock.is_measured)
		guest_clock.floor_ns = not_before_floor(tsc_ns(cpu_read_tsc()));
	guest_clock.base_ticks = tsc;
	guest_clock.base_ns = ns;
	guest_clock.rate = rate_of(span, tsc - tsc_clock.first_tsc);
	guest_clock.next_ns = ns + (span < MEASURE_MOST ? span : MEASURE_MOST);
	tsc_clock.is_measured = true;
	__atomic_store_n(&guest_clock.version, (version | 1) + 1, __ATOMIC_RELEASE);
}

static uint64_t
monotonic_locked(void)
{
	uint64_t ns;

	if (has_kvm_clock)
		return kvm_clock_monotonic_ns();
	if (tsc_clock.is_measured) {
		ns = tsc_ns(cpu_read_tsc());
		if (ns >= guest_clock.next_ns)
			measure();
	} else {
		ns = reference_advance(reference_read(), 0);
		guest_clock.floor_ns = ns;
		if (ns - tsc_clock.first_ns >= MEASURE_LEAST)
			measure();
	}
	return not_before_floor(ns);
}

/* The time, if the counter's rate is known and need not be measured again now. */
static bool
read_unlocked(uint64_t *out_ns)
{
	uint32_t version = __atomic_load_n(&guest_clock.version, __ATOMIC_ACQUIRE);
	uint64_t ns, next_ns;

	if (version == 0 || version & 1)
		return false;
	ns = tsc_ns(cpu_read_tsc());
	next_ns = guest_clock.next_ns;
	*out_ns = not_before_floor(ns);
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return ns < next_ns && __atomic_load_n(&guest_clock.version, __ATOMIC_RELAXED) == version;
}

uint64_t
port_time_monotonic_ns(void)
{
	uint64_t ns;

	if (read_unlocked(&ns))
		return ns;
	lock_take(&lock);
	ns = monotonic_locked();
	lock_drop(&lock);
	return ns;
}

uint64_t
port_time_realtime_ns(void)
{
	static uint64_t boot_time_ns;

	if (boot_time_ns == 0)
		boot_time_ns = has_kvm_clock ? kvm_clock_boot_time_ns()
					     : rtc_read_ns() - port_time_monotonic_ns();
	return boot_time_ns + port_time_monotonic_ns();
}

uint64_t
port_cycles_hz(void)
{
	uint64_t hz;

	if (has_kvm_clock)
		return kvm_clock_tsc_hz();
	lock_take(&lock);
	hz = tsc_clock.is_measured ? (1000000000ull << 32) / guest_clock.rate : 0;
	lock_drop(&lock);
	return hz;
}

/* ---- timer ---- */

/* Learns the rate from `ticks` counted in `span_ns`. */
static void
timer_learn(uint64_t ticks, uint64_t span_ns)
{
	if (span_ns == 0)
		return;
	timer.rate = rate_of(ticks, span_ns);
	timer.measured_ns = span_ns;
}

static void
timer_start_locked(uint64_t now)
{
	uint64_t ticks;

	if (timer.deadline_ns == UINT64_MAX) {
		if (timer.started_ticks)
			apic_timer_start(0);
		timer.started_ticks = 0;
		return;
	}
	ticks = timer.deadline_ns > now ? scale(timer.deadline_ns - now, timer.rate) : 0;
	if (timer.deadline_ns > now && (timer.deadline_ns - now) >> 40)
		ticks = UINT32_MAX;
	ticks = ticks < UINT32_MAX ? ticks + 1 : UINT32_MAX;
	timer.started_ns = now;
	timer.started_ticks = (uint32_t)ticks;
	apic_timer_start(timer.started_ticks);
}

void
port_timer_arm(uint64_t deadline_ns)
{
	uint64_t now;

	lock_take(&lock);
	now = monotonic_locked();
	if (timer.started_ticks && timer.measured_ns < MEASURE_MOST &&
	    now - timer.started_ns > 2 * timer.measured_ns) {
		uint32_t left = apic_timer_left();

		if (left)
			timer_learn(timer.started_ticks - left, now - timer.started_ns);
	}
	timer.deadline_ns = deadline_ns;
	timer_start_locked(now);
	lock_drop(&lock);
}

static void
timer_interrupt(void *context)
{
	uint64_t now;
	uint64_t span;
	bool is_due;

	(void)context;
	lock_take(&lock);
	now = monotonic_locked();
	span = now - timer.started_ns;
	/* It counted that much in less than this span. */
	if (timer.started_ticks && span && rate_of(timer.started_ticks, span) > timer.rate)
		timer_learn(timer.started_ticks, span);
	timer.started_ticks = 0;
	is_due = now >= timer.deadline_ns;
	if (is_due)
		timer.deadline_ns = UINT64_MAX;
	else
		timer_start_locked(now);
	lock_drop(&lock);
	if (is_due)
		kernel_timer_expired();
}

/* ---- choice ---- */

static void
reference_init(void)
{
	if (acpi_found.hpet) {
		reference.hpet = space_map_device(acpi_found.hpet, HPET_BYTES);
		reference.period_fs = reference.hpet ? reference.hpet[HPET_CAPABILITIES / 4] : 0;
		reference.mask = UINT32_MAX;
	}
	if (reference.period_fs) {
		reference.hpet[HPET_CONFIGURATION / 4] |= 1;
	} else if (acpi_found.pm_timer_port) {
		reference.hpet = NULL;
		reference.period_fs = PM_TIMER_PERIOD;
		reference.mask = acpi_found.pm_timer_is_32_bits ? UINT32_MAX : 0xffffff;
	} else {
		port_panic("no source of time: neither kvm-clock nor HPET nor ACPI timer");
	}
	reference.last = read_pair(&tsc_clock.first_tsc);
}

void
clock_init(void)
{
	has_kvm_clock = kvm_clock_init();
	if (!has_kvm_clock)
		reference_init();
	trap_set_handler(VECTOR_TIMER, timer_interrupt, NULL);
	timer.deadline_ns = UINT64_MAX;
	timer.rate = rate_of(TIMER_RATE_GUESS, 1000000000);
	/* Counts from now on, so that the first arming learns the rate. */
	timer.started_ns = has_kvm_clock ? kvm_clock_monotonic_ns() : 0;
	timer.started_ticks = UINT32_MAX;
	apic_timer_start(UINT32_MAX);
}
