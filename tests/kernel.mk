comma := ,
# Guest modules for the kernel tests: tests/kernel/guests/NAME.c is compiled to
# WebAssembly and linked into the test programs as guest_NAME[] (guests.S).
KERNEL_GUESTS := $(patsubst tests/kernel/guests/%.c,build/gen/tests/%.wasm,\
	$(wildcard tests/kernel/guests/*.c)) build/gen/tests/everybuiltin.wasm
build/gen/tests/everybuiltin.wasm: tests/kernel/guests/everybuiltin.wat
	@mkdir -p $(@D)
	wat2wasm --enable-threads --debug-names $< -o $@

# Of a guest whose threads wait for each other's words.
GUEST_FLAGS_threads := -matomics -mbulk-memory -mmutable-globals -Wl,--shared-memory,--max-memory=1048576 \
	-Wl,--export=__stack_pointer
# Its copies are instructions, not calls.
GUEST_FLAGS_mapping := -mbulk-memory
# It is the other with other names for calls.
build/gen/tests/gatehandle.wasm: tests/kernel/guests/gateclient.c
GUEST_FLAGS_everycall := $(GUEST_FLAGS_threads) -Wl,--export=by_name
GUEST_FLAGS_everydriver := $(GUEST_FLAGS_everycall)
build/gen/tests/everydriver.wasm: tests/kernel/guests/everycall.c
build/gen/tests/fuzzdriver.wasm: tests/kernel/guests/fuzz.c
# Vectors through gates; several threads of a memory that is not shared.
GUEST_FLAGS_graphnode := -matomics -mbulk-memory -msimd128
GUEST_FLAGS_graphbase := $(GUEST_FLAGS_graphnode)
build/gen/tests/gateroot.wasm: tests/kernel/guests/gatenode.c
build/gen/tests/graphbase.wasm: tests/kernel/guests/graphnode.c
build/gen/tests/graph.wasm build/gen/tests/graphnode.wasm build/gen/tests/graphbase.wasm: tests/kernel/guests/graph.h
build/gen/tests/torture.wasm build/gen/tests/fuzz.wasm build/gen/tests/graph.wasm: tests/kernel/guests/random.h
build/gen/tests/%.wasm: tests/kernel/guests/%.c tests/kernel/guests/guest.h $(ABI_GEN)
	@mkdir -p $(@D)
	clang --target=wasm32 $(GUEST_FLAGS_$*) -O1 -g0 -nostdlib -Wall -Wextra -Werror -I. -Ibuild/gen/sdk \
		-Wl,--no-entry,--export-if-defined=_start,--stack-first $< -o $@

KERNEL_TESTS := $(patsubst tests/%.c,$(B)/tests/%,$(wildcard tests/kernel/test_*.c))
KERNEL_TEST_OBJ := $(B)/hosted/tests/kernel/harness.o $(B)/hosted/tests/kernel/guests.S.o
$(B)/hosted/tests/kernel/guests.S.o: $(KERNEL_GUESTS)
$(KERNEL_TESTS): $(KERNEL_TEST_OBJ)

$(addprefix $(B)/tests/kernel/,test_gates test_gate_waits test_gate_limits): $(B)/hosted/tests/kernel/gate_fixture.o

$(B)/tests/kernel/test_gate_torture: $(B)/hosted/tests/kernel/gate_reference.o

# Every way from guest code into the kernel leads through kill_stubs.S.
$(B)/tests/kernel/test_kill: $(B)/hosted/tests/kernel/kill_stubs.S.o
$(B)/tests/kernel/test_kill: HOSTED_CFLAGS += $(patsubst %,-Wl$(comma)--wrap=%,guest_enter kernel_guest_pending \
	kernel_guest_interrupted kernel_gate_enter kernel_gate_return kernel_gate_unwound \
	$(shell sed -n 's/^NB_CALL.\([a-z0-9_]*\),.*/sys_\1/p' abi/calls.def) \
	$(shell sed -n 's/^NB_BUILTIN.\([A-Z0-9_]*\),.*/runtime_builtin_\1/p' abi/builtin.def))

# With the driver itself.
$(B)/hosted/tests/kernel/drivers.S.o: build/guest/modules/drivers/entropy.wasm
$(B)/tests/kernel/test_virtio: $(B)/hosted/tests/kernel/drivers.S.o

$(addprefix $(B)/tests/kernel/,test_virtio test_virtio_block): $(B)/hosted/tests/kernel/virtio_device.o
$(B)/hosted/tests/kernel/drivers.S.o: build/guest/modules/drivers/block.wasm build/guest/tests/native/lied.wasm
$(B)/tests/kernel/test_virtio_block: $(B)/hosted/tests/kernel/drivers.S.o

# All of the kernel's memory comes through the test.
$(B)/tests/kernel/test_failures: HOSTED_CFLAGS += $(patsubst %,-Wl$(comma)--wrap=%,heap_alloc heap_alloc_any account_alloc object_alloc hosted_account_take)
