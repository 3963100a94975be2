/* Archives made by hand; see image.h. */
#include "tests/user/image.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static int64_t
image_read(void *context, uint64_t offset, void *buffer, uint32_t len)
{
	struct image *image = context;

	if (offset > image->size)
		return 0;
	if (len > image->size - offset)
		len = (uint32_t)(image->size - offset);
	memcpy(buffer, image->bytes + offset, len);
	return len;
}

void
image_add(struct image *image, const void *bytes, size_t len)
{
	image->bytes = realloc(image->bytes, image->size + len);
	assert_non_null(image->bytes);
	memcpy(image->bytes + image->size, bytes, len);
	image->size += len;
	image->source = (struct archive_source){ image_read, image, image->size };
}

static void
seal(uint8_t block[512])
{
	unsigned sum = 0;
	char text[8];

	memset(block + 148, ' ', 8);
	for (int i = 0; i < 512; i++)
		sum += block[i];
	snprintf(text, sizeof text, "%06o", sum & 0777777);
	memcpy(block + 148, text, 7);
}

/* One member with its contents. */
void
image_member(struct image *image, char type, const char *name, const char *link, const char *data)
{
	static const uint8_t zero[512];
	uint8_t block[512] = { 0 };
	size_t len = data ? strlen(data) : 0;

	strncpy((char *)block, name, 100);
	snprintf((char *)block + 124, 12, "%011o", (unsigned)len);
	snprintf((char *)block + 136, 12, "%011o", 1234567);
	block[156] = (uint8_t)type;
	if (link)
		strncpy((char *)block + 157, link, 100);
	memcpy(block + 257, "ustar\00000", 8);
	seal(block);
	image_add(image, block, 512);
	if (len) {
		image_add(image, data, len);
		image_add(image, zero, (512 - len % 512) % 512);
	}
}

void
image_finish(struct image *image)
{
	static const uint8_t zero[1024];

	image_add(image, zero, sizeof zero);
}
