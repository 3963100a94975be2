/*
 * One process for the tests of the WASI personality: what it was started with,
 * and ways to put things into and take them out of its client's memory.
 *
 * The state of a personality lives as long as its process, so the tests of one
 * program share it and close what they open.
 */
#ifndef TESTS_USER_WASI_FIXTURE_H
#define TESTS_USER_WASI_FIXTURE_H

#include "tests/user/fake_kernel.h"
#include "user/personalities/wasi/wasi.h"

/* Addresses in the client's memory that the tests use. */
enum { PATH = 0x100, PATH2 = 0x2000, OUT = 0x4000, OUT2 = 0x4100, IOV = 0x5000, BUF = 0x8000 };
enum { ROOT = 3, DATA = 4 }; /* preopened: "/" is root/, "/data" is root/data/ */
#define BAD_ADDRESS (FAKE_CLIENT_BYTES - 2)
#define READ_RIGHTS (WASI_RIGHT_FD_READ | WASI_RIGHT_FD_SEEK | WASI_RIGHT_FD_TELL)

uint32_t get_u32(uint32_t address);
uint64_t get_u64(uint32_t address);

/* Puts a text into the client's memory; its length. */
uint32_t put_text(uint32_t address, const char *text);

void put_iovec(uint32_t index, uint32_t address, uint32_t len);

/* path_open of `path`; the descriptor goes to OUT. */
uint32_t
open_with(uint32_t directory, const char *path, uint32_t lookup, uint32_t oflags, uint64_t rights);

/* Opens for reading; the descriptor. */
uint32_t open_file(uint32_t directory, const char *path);

/* The errno of opening below ROOT for reading. */
uint32_t open_error(const char *path, uint32_t lookup, uint32_t oflags);

/* Group fixtures: start and end the process. */
int wasi_setup(void **state);
int wasi_teardown(void **state);

#endif
