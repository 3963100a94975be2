/*
 * fuzz with devices.
 */
#define FUZZ_DEVICES
#include "fuzz.c"
