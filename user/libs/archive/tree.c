/* The tree of an archive's members; see tree.h. */
#include "user/libs/archive/tree.h"

#include "user/sdk/bytes.h"

#include <stdbool.h>
#include <stddef.h>

#define BUCKETS_FIRST 64u

/* FNV-1a over the parent's id and the name. */
static uint32_t
hash_name(const struct tree_node *parent, const char *name, uint32_t len)
{
	uint32_t hash = 2166136261u ^ parent->id;

	hash *= 16777619u;
	for (uint32_t i = 0; i < len; i++)
		hash = (hash ^ (uint8_t)name[i]) * 16777619u;
	return hash;
}

static void
bucket_insert(struct tree *tree, struct tree_node *node)
{
	struct tree_node **bucket = &tree->buckets[node->name_hash & (tree->bucket_count - 1)];

	node->hash_next = *bucket;
	*bucket = node;
}

/* Keeps at most one node a bucket on average. */
static bool
buckets_grow(struct tree *tree)
{
	struct tree_node **old = tree->buckets, *node, *next;
	uint32_t old_count = tree->bucket_count;

	if (tree->node_count < old_count)
		return true;
	if (old_count > UINT32_MAX / 2 / sizeof *old)
		return false;
	tree->buckets = tree->take(old_count * 2 * (uint32_t)sizeof *old);
	if (!tree->buckets) {
		tree->buckets = old;
		return false;
	}
	tree->bucket_count = old_count * 2;
	for (uint32_t i = 0; i < old_count; i++) {
		for (node = old[i]; node; node = next) {
			next = node->hash_next;
			bucket_insert(tree, node);
		}
	}
	return true;
}

static struct tree_node *
node_create(struct tree *tree, struct tree_node *parent, const char *name, uint32_t len)
{
	struct tree_node *node;

	if (tree->bucket_count && !buckets_grow(tree))
		return NULL;
	node = tree->take((uint32_t)sizeof *node + len);
	if (!node)
		return NULL;
	node->id = ++tree->node_count;
	node->type = ARCHIVE_DIRECTORY;
	node->parent = parent ? parent : node;
	node->name_len = len;
	bytes_copy(node->name, name, len);
	if (!parent)
		return node;
	node->name_hash = hash_name(parent, name, len);
	bucket_insert(tree, node);
	if (parent->last)
		parent->last->next = node;
	else
		parent->first = node;
	parent->last = node;
	return node;
}

struct tree_node *
tree_child(const struct tree *tree, const struct tree_node *directory, const char *name,
	   uint32_t len)
{
	uint32_t hash = hash_name(directory, name, len);
	struct tree_node *node = tree->buckets[hash & (tree->bucket_count - 1)];

	for (; node; node = node->hash_next) {
		if (node->name_hash == hash && node->parent == directory && node != tree->top &&
		    node->name_len == len && bytes_equal(node->name, name, len))
			return node;
	}
	return NULL;
}

/* The component of path[0..len) at *at; moves *at behind it. Length 0: none. */
static uint32_t
next_component(const char *path, uint32_t len, uint32_t *at, const char **name)
{
	uint32_t from;

	do {
		while (*at < len && path[*at] == '/')
			++*at;
		from = *at;
		while (*at < len && path[*at] != '/')
			++*at;
	} while (*at - from == 1 && path[from] == '.');
	*name = path + from;
	return *at - from;
}

struct tree_node *
tree_walk(const struct tree *tree, const char *path, uint32_t len)
{
	struct tree_node *node = tree->top;
	const char *name;
	uint32_t at = 0, name_len;

	while (node && (name_len = next_component(path, len, &at, &name)))
		node = tree_child(tree, node, name, name_len);
	return node;
}

/* The node for `path`, made with its parents where missing; NULL without memory.
 * A component that was a file becomes a directory when something is below it. */
static struct tree_node *
node_at(struct tree *tree, const char *path, uint32_t len)
{
	struct tree_node *node = tree->top, *child;
	const char *name;
	uint32_t at = 0, name_len;

	while ((name_len = next_component(path, len, &at, &name))) {
		node->type = ARCHIVE_DIRECTORY;
		child = tree_child(tree, node, name, name_len);
		if (!child)
			child = node_create(tree, node, name, name_len);
		if (!child)
			return NULL;
		node = child;
	}
	return node;
}

static bool
names_parent(const struct archive_entry *entry)
{
	const char *name;
	uint32_t at = 0, len;

	while ((len = next_component(entry->path, entry->path_len, &at, &name))) {
		if (text_is(name, len, ".."))
			return true;
	}
	return false;
}

static enum nb_status
add_entry(struct tree *tree, const struct archive_entry *entry)
{
	struct tree_node *node;
	char *link;

	if (names_parent(entry))
		return NB_MALFORMED;
	node = node_at(tree, entry->path, entry->path_len);
	if (!node)
		return NB_OUT_OF_MEMORY;
	node->mtime_s = entry->mtime_s;
	/* A directory with children stays one. */
	if (node == tree->top || (node->first && entry->type != ARCHIVE_DIRECTORY))
		return NB_OK;
	node->type = entry->type;
	node->size = entry->size;
	node->data_offset = entry->data_offset;
	if (entry->type == ARCHIVE_SYMLINK) {
		link = tree->take(entry->link_len);
		if (!link)
			return NB_OUT_OF_MEMORY;
		bytes_copy(link, entry->link, entry->link_len);
		node->link = link;
		node->size = entry->link_len;
	}
	return NB_OK;
}

enum nb_status
tree_build(struct tree *tree, const struct archive_source *source, struct archive_entry *entry,
	   void *(*take)(uint32_t len))
{
	uint64_t at = 0;
	enum nb_status status;

	*tree = (struct tree){ .take = take };
	tree->top = node_create(tree, NULL, "", 0);
	tree->buckets = take(BUCKETS_FIRST * (uint32_t)sizeof *tree->buckets);
	if (!tree->top || !tree->buckets)
		return NB_OUT_OF_MEMORY;
	tree->bucket_count = BUCKETS_FIRST;
	while (!(status = archive_next(source, &at, entry))) {
		status = add_entry(tree, entry);
		if (status)
			return status;
	}
	return status == NB_END_OF_FILE ? NB_OK : status;
}
