/* Pointers and allocation: many short-lived binary trees out of a free list. */
#include "bench.h"

enum { DEPTH = 14 };

struct node {
	struct node *left, *right;
};

/* An allocator of our own: the C libraries' differ. */
static struct node pool[1 << (DEPTH + 2)], *free_nodes;
static uint32_t used_nodes;

static __attribute__((noinline)) struct node *
allocate(void)
{
	struct node *node = free_nodes;

	if (!node)
		return &pool[used_nodes++];
	free_nodes = node->left;
	return node;
}

static __attribute__((noinline)) void
release(struct node *node)
{
	node->left = free_nodes;
	free_nodes = node;
}

static struct node *
make(int depth)
{
	struct node *node = allocate();

	node->left = depth ? make(depth - 1) : NULL;
	node->right = depth ? make(depth - 1) : NULL;
	return node;
}

static uint32_t
count_and_free(struct node *node)
{
	uint32_t count = 1;

	if (node->left)
		count += count_and_free(node->left) + count_and_free(node->right);
	release(node);
	return count;
}

static void
bench_round(void)
{
	struct node *long_lived = make(DEPTH);

	for (int depth = 4; depth <= DEPTH; depth += 2) {
		uint32_t count = 0;
		for (int i = 0; i < 1 << (DEPTH - depth); i++)
			count += count_and_free(make(depth));
		bench_put_integer("nodes", count);
	}
	bench_put_integer("long-lived", count_and_free(long_lived));
}
