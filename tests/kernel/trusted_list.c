/*
 * A list of trusted artifacts with one entry that the test fills in. Does not
 * include kernel/code/digest.h, where the list is constant.
 */
#include <stdint.h>

extern uint32_t code_trusted_count;
extern uint8_t code_trusted[32];
uint32_t code_trusted_count = 1;
uint8_t code_trusted[32];
