# Images that boot instead of the kernel and test the platform from within:
# `make pc-tests`; tests/pc/run.py boots them.

PC_SELFTEST_OBJ := $(call obj,pc,tests/no_kernel.c $(wildcard tests/pc/*.c) $(wildcard tests/pc/*.S)) \
	$(PC_PLATFORM_OBJ) $(PC_LIB_OBJ) $(PC_ARCH_OBJ)
$(B)/pc-selftest.elf: $(PC_SELFTEST_OBJ) platform/pc/kernel.ld scripts/pc_symbols.py
	$(call pc_link,$@,$(PC_SELFTEST_OBJ))

# The same, but loaded away from where it was linked.
PC_BOOT_OBJ := $(call obj,pc,platform/pc/boot.S)
$(B)/pc/boot-moved.S.o: platform/pc/boot.S
	@mkdir -p $(@D)
	$(CC) -I. -DBOOT_LOWEST=0x1000000 -MMD -MP -c $< -o $@
PC_MOVED_OBJ := $(filter-out $(PC_BOOT_OBJ),$(PC_SELFTEST_OBJ)) $(B)/pc/boot-moved.S.o
$(B)/pc-selftest-moved.elf: $(PC_MOVED_OBJ) platform/pc/kernel.ld scripts/pc_symbols.py
	$(call pc_link,$@,$(PC_MOVED_OBJ))

pc-tests: $(B)/pc-selftest.elf $(B)/pc-selftest-moved.elf
