/*
 * everycall with devices.
 */
#define EVERY_DEVICES
#include "everycall.c"
