/*
 * A node without peers: where calls end. It never ends by itself.
 */
#define GRAPH_BASE
#include "graphnode.c"
