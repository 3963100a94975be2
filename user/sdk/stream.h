/*
 * Byte streams.
 */
#ifndef USER_SDK_STREAM_H
#define USER_SDK_STREAM_H

#include <stdbool.h>
#include <stdint.h>

/* Writes all the bytes, waiting while the stream is full. False: nobody reads any more, or the
 * handle is none to write to. */
bool stream_write_all(uint32_t stream, const char *bytes, uint32_t len);

#endif
