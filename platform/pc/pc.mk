# The kernel image for pc: `make kernel` gives build/<mode>/nebulet.elf, `make
# pc-tests` the images of tests/pc. Every image is linked twice: the first link
# tells the addresses for the symbol table of the second.

PC_CFLAGS := $(filter-out -fsanitize% -fno-sanitize%,$(CFLAGS_ALL)) -ffreestanding -nostdlib \
	-fno-stack-protector -fno-pic -fno-pie -fcf-protection=none -mno-red-zone -mcmodel=kernel -mpopcnt \
	-fno-omit-frame-pointer -fno-asynchronous-unwind-tables -fno-unwind-tables
# Every call shows in a backtrace.
PC_GENERAL_REGS := -mgeneral-regs-only -fno-optimize-sibling-calls
# Code that computes with floating point or gains from vectors; it runs on
# threads only, never in an interrupt.
PC_VECTOR_DIRS := wasm compiler verifier

PC_PLATFORM_SRC := $(sort $(wildcard arch/x86_64/priv/*.[cS]) $(wildcard platform/pc/*.[cS]))
PC_PLATFORM_OBJ := $(call obj,pc,$(PC_PLATFORM_SRC))
PC_LIB_OBJ := $(call obj,pc,$(wildcard lib/*.c))
PC_ARCH_OBJ := $(call obj,pc,$(wildcard arch/x86_64/*.[cS]))
PC_CORE_OBJ := $(call obj,pc,$(CORE_SRC))

$(B)/pc/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(PC_CFLAGS) $(if $(filter $(PC_VECTOR_DIRS),$(firstword $(subst /, ,$<))),,$(PC_GENERAL_REGS)) \
		-c $< -o $@
$(B)/pc/%.S.o: %.S
	@mkdir -p $(@D)
	$(CC) -I. -I$(B)/gen -Ibuild/gen -g -MMD -MP -c $< -o $@

# $(call pc_link,IMAGE,OBJECTS)
PC_LDFLAGS := -nostdlib -static -Wl,-T,platform/pc/kernel.ld -Wl,-z,max-page-size=4096 \
	-Wl,--build-id=none -Wl,--gc-sections -Wl,-z,noexecstack -Wl,--no-warn-rwx-segments
define pc_link
	@mkdir -p $(1).link
	@printf '\t.section .symbols, "a"\n\t.globl symbols_start\nsymbols_start:\t.long 0\n' >$(1).link/none.S
	@$(CC) -c $(1).link/none.S -o $(1).link/none.o
	@$(CC) $(PC_LDFLAGS) $(2) $(1).link/none.o -o $(1).link/first
	@python3 scripts/pc_symbols.py nm $(1).link/first >$(1).link/symbols.S
	@$(CC) -c $(1).link/symbols.S -o $(1).link/symbols.o
	$(CC) $(PC_LDFLAGS) $(2) $(1).link/symbols.o -o $(1)
endef

$(PC_CORE_OBJ) $(PC_PLATFORM_OBJ): | $(ABI_GEN)

KERNEL_ELF := $(B)/nebulet.elf
$(KERNEL_ELF): $(PC_CORE_OBJ) $(PC_PLATFORM_OBJ) platform/pc/kernel.ld scripts/pc_symbols.py
	$(call pc_link,$@,$(PC_CORE_OBJ) $(PC_PLATFORM_OBJ))
.PHONY: kernel pc-tests
kernel: $(KERNEL_ELF)
