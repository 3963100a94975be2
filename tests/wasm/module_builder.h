/*
 * Test support: writing WebAssembly modules byte by byte.
 *
 * A buffer grows on the heap; buffer_free ends it. Sections are written by
 * filling a buffer with their contents and appending it to the module's.
 */
#ifndef TESTS_WASM_MODULE_BUILDER_H
#define TESTS_WASM_MODULE_BUILDER_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct buffer {
	uint8_t *bytes;
	size_t len;
	size_t cap;
};

static inline void
put_bytes(struct buffer *buffer, const void *bytes, size_t len)
{
	if (buffer->len + len > buffer->cap) {
		buffer->cap = 2 * (buffer->len + len) + 64;
		buffer->bytes = realloc(buffer->bytes, buffer->cap);
		if (!buffer->bytes)
			abort();
	}
	if (len > 0)
		memcpy(buffer->bytes + buffer->len, bytes, len);
	buffer->len += len;
}

/* put(&buffer, 0x41, 0x00, 0x0b): these bytes. */
#define put(buffer, ...)                                      \
	put_bytes((buffer), (const uint8_t[]){ __VA_ARGS__ }, \
		  sizeof((const uint8_t[]){ __VA_ARGS__ }))

static inline void
put_u32(struct buffer *buffer, uint32_t value)
{
	while (value >= 0x80) {
		put(buffer, (uint8_t)(value | 0x80));
		value >>= 7;
	}
	put(buffer, (uint8_t)value);
}

static inline void
put_name(struct buffer *buffer, const char *name)
{
	put_u32(buffer, (uint32_t)strlen(name));
	put_bytes(buffer, name, strlen(name));
}

static inline void
buffer_free(struct buffer *buffer)
{
	free(buffer->bytes);
	*buffer = (struct buffer){ 0 };
}

/* Length and contents, which are freed. */
static inline void
put_sized(struct buffer *buffer, struct buffer *contents)
{
	put_u32(buffer, (uint32_t)contents->len);
	put_bytes(buffer, contents->bytes, contents->len);
	buffer_free(contents);
}

static inline void
put_header(struct buffer *module)
{
	put(module, 0x00, 'a', 's', 'm', 0x01, 0x00, 0x00, 0x00);
}

/* Section `id` with `contents`, which are freed. */
static inline void
put_section(struct buffer *module, uint8_t id, struct buffer *contents)
{
	put(module, id);
	put_sized(module, contents);
}

/* A section of these bytes. */
#define put_section_bytes(module, id, ...)              \
	do {                                            \
		struct buffer section_ = { 0 };         \
		put(&section_, __VA_ARGS__);            \
		put_section((module), (id), &section_); \
	} while (0)

enum {
	SECTION_TYPE = 1,
	SECTION_IMPORT,
	SECTION_FUNCTION,
	SECTION_TABLE,
	SECTION_MEMORY,
	SECTION_GLOBAL,
	SECTION_EXPORT,
	SECTION_START,
	SECTION_ELEMENT,
	SECTION_CODE,
	SECTION_DATA,
	SECTION_DATA_COUNT,
};

/* Begins a module of one function of type [] -> [], with one memory and one table of funcref. */
static inline void
put_small_world(struct buffer *module)
{
	put_header(module);
	put_section_bytes(module, SECTION_TYPE, 1, 0x60, 0, 0);
	put_section_bytes(module, SECTION_FUNCTION, 1, 0);
	put_section_bytes(module, SECTION_TABLE, 1, 0x70, 0, 1);
	put_section_bytes(module, SECTION_MEMORY, 1, 0, 1);
}

/* A module of one function of type [] -> [], whose body (locals, instructions,
 * end) is `body`, which is freed; with one memory and one table of funcref. */
static inline struct buffer
module_of_body(struct buffer *body)
{
	struct buffer module = { 0 };
	struct buffer code = { 0 };

	put_small_world(&module);
	put(&code, 1);
	put_sized(&code, body);
	put_section(&module, SECTION_CODE, &code);
	return module;
}

#endif
