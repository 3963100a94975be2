/*
 * The few entries of the Unicorn emulator's C interface that the tests use, found
 * in its shared library at run time; scripts/fetch.lock pins the version whose
 * numbers these are.
 */
#ifndef TESTS_VERIFIER_UNICORN_H
#define TESTS_VERIFIER_UNICORN_H

#include <stddef.h>
#include <stdint.h>

enum {
	UC_ARCH_X86 = 4,
	UC_MODE_64 = 8,
	UC_PROT_ALL = 7,
	UC_HOOK_INTR = 1 << 0,
	UC_HOOK_CODE = 1 << 2,
	UC_HOOK_MEM_READ = 1 << 10,
	UC_HOOK_MEM_WRITE = 1 << 11,
	UC_MEM_READ = 16,
	UC_ERR_OK = 0,
	UC_ERR_FETCH_UNMAPPED = 8,
	UC_X86_REG_RIP = 41,
	UC_X86_REG_XMM0 = 122,
	UC_CPU_X86_HASWELL = 19,
};
#define UC_CTL_WRITE_CPU_MODEL	     0x44000007u
#define UC_CTL_WRITE_TCG_BUFFER_SIZE 0x4400000du
#define UC_CTL_WRITE_REMOVE_CACHE    0x48000009u

struct unicorn {
	int (*open)(int arch, int mode, void **out);
	int (*close)(void *uc);
	int (*ctl)(void *uc, unsigned control, ...);
	int (*reg_read)(void *uc, int reg, void *value);
	int (*reg_write)(void *uc, int reg, const void *value);
	int (*mem_map)(void *uc, uint64_t at, size_t size, uint32_t prot);
	int (*mmio_map)(void *uc, uint64_t at, uint64_t size, void *read, void *read_data,
			void *write, void *write_data);
	int (*mem_write)(void *uc, uint64_t at, const void *bytes, size_t size);
	int (*hook_add)(void *uc, size_t *hook, int type, void *callback, void *data,
			uint64_t begin, uint64_t end, ...);
	int (*emu_start)(void *uc, uint64_t begin, uint64_t until, uint64_t timeout, size_t count);
	int (*emu_stop)(void *uc);
};

#endif
