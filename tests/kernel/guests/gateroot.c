/*
 * A node without peers: where calls end. It never ends by itself.
 */
#define GATE_ROOT
#include "gatenode.c"
