/*
 * An archive as a tree of directories that can be searched by path.
 *
 * Built once by reading every header; contents stay in the archive. Nodes
 * never move or go away, so pointers to them stay valid. A later member
 * replaces an earlier one of the same path; directories that a path implies
 * are made.
 */
#ifndef USER_LIBS_ARCHIVE_TREE_H
#define USER_LIBS_ARCHIVE_TREE_H

#include "user/libs/archive/archive.h"

struct tree_node {
	struct tree_node *parent; /* the top's is itself */
	struct tree_node *first;  /* children in the order of the archive */
	struct tree_node *last;
	struct tree_node *next;	     /* sibling */
	struct tree_node *hash_next; /* in the same bucket */
	uint64_t size;		     /* bytes of contents; of a link: of its target */
	uint64_t data_offset;	     /* of a FILE's contents in the archive */
	uint64_t mtime_s;
	const char *link; /* target if SYMLINK, `size` bytes */
	uint32_t id;	  /* unique, from 1 */
	uint32_t name_hash;
	uint32_t name_len;
	enum archive_type type;
	char name[]; /* not terminated */
};

struct tree {
	struct tree_node *top; /* a directory with an empty name */
	struct tree_node **buckets;
	uint32_t bucket_count; /* a power of two */
	uint32_t node_count;
	void *(*take)(uint32_t len); /* zeroed memory that is kept, or NULL */
};

/* Builds the tree of `source`; `entry` is scratch. OUT_OF_MEMORY, or the error
 * of the first bad header (the tree then has what came before it). */
NB_MUST_USE enum nb_status tree_build(struct tree *tree, const struct archive_source *source,
				      struct archive_entry *entry, void *(*take)(uint32_t len));

/* The child of `directory` with that name, or NULL. `name` is one component,
 * neither empty nor "." nor "..". */
struct tree_node *tree_child(const struct tree *tree, const struct tree_node *directory,
			     const char *name, uint32_t len);

/* The node at `path` below the top, following no links, or NULL. Empty and "."
 * components are skipped; ".." is not understood. */
struct tree_node *tree_walk(const struct tree *tree, const char *path, uint32_t len);

#endif
