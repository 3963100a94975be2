/*
 * The verifier without common.c's instructions: as if the image always ended too early
 * for them, so that operand.c looks at every one.
 */
#include "tests/verifier/verify_plain.h"

#include "verifier/scan.h"

#pragma GCC diagnostic ignored "-Wmissing-prototypes"
#define VF_READ_BYTES	       UINT32_MAX
#define scan_refuse	       plain_refuse
#define verifier_begin	       plain_begin
#define verifier_function      verify_plainly
#define verifier_marks_bytes   plain_marks_bytes
#define verifier_scratch_bytes plain_scratch_bytes
#include "verifier/verify.c"
