/*
 * Archives made by hand for tests: a growing buffer and members to add to it.
 */
#ifndef TESTS_USER_IMAGE_H
#define TESTS_USER_IMAGE_H

#include "user/libs/archive/archive.h"

#include <stddef.h>

struct image {
	uint8_t *bytes; /* freed by the test */
	uint64_t size;
	struct archive_source source; /* over this image */
};

/* Appends bytes as they are. */
void image_add(struct image *image, const void *bytes, size_t len);

/* Appends a member: a header of that type (USTAR typeflag) with its name, link
 * target or NULL, and contents or NULL. */
void
image_member(struct image *image, char type, const char *name, const char *link, const char *data);

/* Appends the two blocks that end an archive. */
void image_finish(struct image *image);

#endif
