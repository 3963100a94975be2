/*
 * Hand-written machine code for tests of guest entry: bytes, published.
 */
#ifndef TESTS_ARCH_X86_64_GUEST_CODE_H
#define TESTS_ARCH_X86_64_GUEST_CODE_H

#include "kernel/port/guest.h"

/* The assembled functions between these labels, in guest_code.S. */
extern const uint8_t guest_code_start[], guest_code_end[];
extern const uint8_t guest_code_sum_all[]; /* see guest_code.S for each */
extern const uint8_t guest_code_area_swap[];
extern const uint8_t guest_code_call_import[];
extern const uint8_t guest_code_call_import_area[];
extern const uint8_t guest_code_call_import_area_return[];
extern const uint8_t guest_code_call_import_return[];
extern const uint8_t guest_code_call_builtin[];
extern const uint8_t guest_code_trap[];
extern const uint8_t guest_code_trap_site[];
extern const uint8_t guest_code_load[];
extern const uint8_t guest_code_load_site[];
extern const uint8_t guest_code_divide[];
extern const uint8_t guest_code_recurse[];
extern const uint8_t guest_code_recurse_host[];
extern const uint8_t guest_code_spin[];
extern const uint8_t guest_code_report_pins[];
extern const uint8_t guest_code_pins_after_import[];

#endif
