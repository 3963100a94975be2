/*
 * Time, processor features and entropy, as the host has them.
 */
#include "abi/code_contract.h"
#include "kernel/port/cpu.h"
#include "kernel/port/platform.h"

#include <cpuid.h>
#include <errno.h>
#include <sys/random.h>
#include <time.h>

static uint64_t
clock_ns(clockid_t clock)
{
	struct timespec now;

	(void)clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t
port_time_monotonic_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

uint64_t
port_time_realtime_ns(void)
{
	return clock_ns(CLOCK_REALTIME);
}

uint64_t
port_cycles_hz(void)
{
	return 0;
}

/* Source: Intel SDM volume 2A, CPUID; AMD APM volume 3, CPUID Fn8000_0001. */
uint32_t
port_cpu_features(void)
{
	unsigned eax, ebx, ecx, edx;
	uint32_t features = 0;

	if (__builtin_cpu_supports("avx"))
		features |= NB_CPU_AVX;
	if (__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx))
		features |=
			(ebx & bit_BMI ? NB_CPU_BMI1 : 0u) | (ebx & bit_BMI2 ? NB_CPU_BMI2 : 0u);
	if (__get_cpuid(0x80000001, &eax, &ebx, &ecx, &edx) && (ecx & bit_LZCNT))
		features |= NB_CPU_LZCNT;
	return features;
}

void
port_entropy(void *out, size_t len)
{
	uint8_t *at = out;

	while (len) {
		ssize_t got = getrandom(at, len, 0);

		if (got < 0 && errno != EINTR)
			port_panic("the host gives no entropy");
		if (got > 0) {
			at += got;
			len -= (size_t)got;
		}
	}
}
