/*
 * Arguments and environment, straight from the startup block.
 */
#include "user/personalities/wasi/wasi.h"
#include "user/sdk/startup.h"

/* Where the strings of one kind go in the client's memory. */
struct strings {
	uint32_t pointers; /* array of addresses */
	uint32_t bytes;	   /* the strings, each with its zero byte */
};

static enum wasi_errno
strings_size(enum nb_startup_kind kind, uint32_t count_out, uint32_t size_out)
{
	struct startup startup = startup_get();
	const struct nb_startup_record *record;
	uint32_t at = 0, count = 0, size = 0;
	enum wasi_errno error;

	while ((record = nb_startup_next(startup.block, startup.size, &at))) {
		if (record->kind == kind) {
			count++;
			size += record->length + 1;
		}
	}
	error = client_put_u32(count_out, count);
	return error ? error : client_put_u32(size_out, size);
}

static enum wasi_errno
strings_put(enum nb_startup_kind kind, struct strings to)
{
	struct startup startup = startup_get();
	const struct nb_startup_record *record;
	uint32_t at = 0;
	enum wasi_errno error;

	while ((record = nb_startup_next(startup.block, startup.size, &at))) {
		if (record->kind != kind)
			continue;
		error = client_put_u32(to.pointers, to.bytes);
		if (!error)
			error = client_put(to.bytes, startup_contents(record), record->length);
		if (!error)
			error = client_put(to.bytes + record->length, "", 1);
		if (error)
			return error;
		to.pointers += (uint32_t)sizeof to.pointers;
		to.bytes += record->length + 1;
	}
	return WASI_SUCCESS;
}

uint32_t
wasi_args_sizes_get(uint32_t argc_out, uint32_t size_out)
{
	return strings_size(NB_STARTUP_ARGUMENT, argc_out, size_out);
}

uint32_t
wasi_args_get(uint32_t argv, uint32_t argv_buf)
{
	return strings_put(NB_STARTUP_ARGUMENT, (struct strings){ argv, argv_buf });
}

uint32_t
wasi_environ_sizes_get(uint32_t count_out, uint32_t size_out)
{
	return strings_size(NB_STARTUP_VARIABLE, count_out, size_out);
}

uint32_t
wasi_environ_get(uint32_t environ, uint32_t environ_buf)
{
	return strings_put(NB_STARTUP_VARIABLE, (struct strings){ environ, environ_buf });
}
