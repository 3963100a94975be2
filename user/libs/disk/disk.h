/*
 * Files of the RAM disk, for modules that hold the handle "ramdisk".
 */
#ifndef USER_LIBS_DISK_DISK_H
#define USER_LIBS_DISK_DISK_H

#include "user/libs/archive/archive.h"

/* The archive in the memory object `ramdisk`; the object's size is 0 if it
 * cannot be read. `handle` must stay where it is while the source is used. */
struct archive_source disk_source(const uint32_t *handle);

/* Reads the whole file `path` into buffer[0..cap): *len is its size. NOT_FOUND,
 * BUFFER_TOO_SMALL, MALFORMED. `entry` is scratch. */
NB_MUST_USE enum nb_status
disk_read_file(uint32_t handle, const char *path, struct archive_entry *entry, void *buffer,
	       uint32_t cap, uint32_t *len);

/* Publishes the module in the file `path`, named after it; *module signals
 * SIGNALED when it is done. NOT_FOUND, MALFORMED. */
NB_MUST_USE enum nb_status
disk_publish(uint32_t handle, const char *path, struct archive_entry *entry, uint32_t *module);

#endif
