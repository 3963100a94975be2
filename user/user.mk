# Everything that runs as WebAssembly: `make user` builds the modules of the
# base system, `make ramdisk` their archive, `make program-NAME` a bundled
# program (fetching it first where it is a third party's), `make programs` all.
#
# Modules and artifacts do not depend on MODE: they go to build/guest, and the
# release build of the tool compiles them.

G := build/guest
GUEST_CC ?= clang
GUEST_WARN := $(WARN)
GUEST_CFLAGS := --target=wasm32 -std=gnu17 -O2 -ffreestanding -mbulk-memory -msign-ext \
	-mnontrapping-fptoint $(GUEST_WARN) -I. -Ibuild/gen/sdk -MMD -MP
GUEST_LDFLAGS := --target=wasm32 -nostdlib -Wl,--no-entry -Wl,--stack-first \
	-Wl,-z,stack-size=131072 -Wl,--gc-sections
WASI_CFLAGS := --target=wasm32-wasi -std=gnu17 -O2 -MMD -MP

guest_obj = $(patsubst %.c,$(G)/obj/%.o,$(wildcard $(addsuffix /*.c,$(1))))
GUEST_COMMON := $(filter-out %/start.o,$(call guest_obj,user/sdk user/libs/archive user/libs/disk \
	user/libs/launch user/libs/service user/libs/terminal \
	user/libs/driver user/libs/virtio user/libs/block user/libs/log)) \
	$(G)/obj/lib/manifest.o $(G)/obj/lib/format.o $(G)/obj/lib/ustar.o
GUEST_START := $(G)/obj/user/sdk/start.o

$(G)/obj/%.o: %.c | $(ABI_GEN)
	@mkdir -p $(@D)
	$(GUEST_CC) $(GUEST_CFLAGS) -c $< -o $@

# $(call guest_module,NAME,FOLDER,MORE OBJECTS)
define guest_module
$(G)/modules/$(1).wasm: $(call guest_obj,$(2)) $(GUEST_COMMON) $(3)
	@mkdir -p $$(@D)
	$(GUEST_CC) $(GUEST_LDFLAGS) $$^ -o $$@
endef
# Its lock is taken by threads of one process.
$(G)/obj/user/personalities/wasi/%.o: GUEST_CFLAGS += -matomics
$(eval $(call guest_module,wasi,user/personalities/wasi,))
$(eval $(call guest_module,wasi_unstable,user/personalities/wasi_unstable,))
# Its lock is taken by threads of one process.
$(G)/obj/user/personalities/abi/%.o: GUEST_CFLAGS += -matomics
$(eval $(call guest_module,abi,user/personalities/abi,))
$(eval $(call guest_module,init,user/servers/init,$(GUEST_START)))
$(eval $(call guest_module,session,user/servers/session,$(GUEST_START)))
$(eval $(call guest_module,console,user/servers/console,$(GUEST_START)))
$(eval $(call guest_module,shell,user/apps/shell,$(GUEST_START)))
BASE_MODULES := init abi wasi wasi_unstable session console shell
$(eval $(call guest_module,bus,user/servers/bus,$(GUEST_START)))
# Drivers, and what finds and starts them: not in the base RAM disk.
DRIVERS := $(patsubst user/drivers/%/main.c,%,$(sort $(wildcard user/drivers/*/main.c)))
$(foreach name,$(DRIVERS),$(eval $(call guest_module,drivers/$(name),user/drivers/$(name),$(GUEST_START))))
# At the prompt: the console's first, and not the link's.
PROMPT_DRIVERS := serial1 $(filter-out serial1 serial2,$(DRIVERS))
DRIVER_ARTIFACTS := $(G)/modules/bus.nbo $(DRIVERS:%=$(G)/modules/drivers/%.nbo)
# What bench/block.py measures with.
$(eval $(call guest_module,drivers/latency,bench/drivers,$(GUEST_START)))
.PHONY: drivers
drivers: $(DRIVER_ARTIFACTS)
BASE_ARTIFACTS := $(BASE_MODULES:%=$(G)/modules/%.nbo)

# For modules that are not made here: everything that the libraries have, in one object, and the entry. What a
# module does not use is left out when it is linked.
.PHONY: sdk
sdk: $(G)/sdk.o $(G)/start.o
$(G)/start.o: $(GUEST_START)
	cp $< $@
$(G)/sdk.o: $(GUEST_COMMON)
	$(GUEST_CC) --target=wasm32 -nostdlib -Wl,-r $^ -o $@

# --- artifacts ---------------------------------------------------------------
TOOL := build/release/nebulet
ifneq ($(MODE),release)
.PHONY: guest-tool
guest-tool:
	$(MAKE) --no-print-directory MODE=release $(TOOL)
$(TOOL): guest-tool ;
endif
%.nbo: %.wasm $(TOOL)
	$(TOOL) compile $< -o $@

# --- the base RAM disk -------------------------------------------------------
BASE_TAR := $(G)/base.tar
$(BASE_TAR): $(BASE_ARTIFACTS) user/servers/init/services
	$(TOOL) pack -o $@ boot/init.nbo=$(G)/modules/init.nbo \
		$(foreach m,$(filter-out init,$(BASE_MODULES)),lib/$(m).nbo=$(G)/modules/$(m).nbo) \
		etc/services=user/servers/init/services

# What a machine with devices gets besides.
DRIVERS_TAR := $(G)/drivers.tar
$(DRIVERS_TAR): $(DRIVER_ARTIFACTS) user/user.mk
	printf 'drivers/%s.nbo\n' $(PROMPT_DRIVERS) > $(G)/drivers.list
	$(TOOL) pack -o $@ lib/bus.nbo=$(G)/modules/bus.nbo etc/drivers=$(G)/drivers.list \
		$(foreach d,$(PROMPT_DRIVERS),drivers/$(d).nbo=$(G)/modules/drivers/$(d).nbo)

# What a machine that runs one program for the host gets besides: the link's driver.
LINK_TAR := $(G)/link.tar
$(LINK_TAR): $(G)/modules/bus.nbo $(G)/modules/drivers/serial2.nbo user/user.mk
	echo drivers/serial2.nbo > $(G)/link.list
	$(TOOL) pack -o $@ lib/bus.nbo=$(G)/modules/bus.nbo etc/drivers=$(G)/link.list \
		drivers/serial2.nbo=$(G)/modules/drivers/serial2.nbo

# And if that program is to have the disk.
DISK_TAR := $(G)/disk.tar
$(DISK_TAR): $(G)/modules/bus.nbo $(G)/modules/drivers/serial2.nbo $(G)/modules/drivers/block.nbo user/user.mk
	printf 'drivers/%s.nbo\n' serial2 block > $(G)/disk.list
	$(TOOL) pack -o $@ lib/bus.nbo=$(G)/modules/bus.nbo etc/drivers=$(G)/disk.list \
		$(foreach d,serial2 block,drivers/$(d).nbo=$(G)/modules/drivers/$(d).nbo)

# --- bundled programs: build/guest/programs/NAME/{NAME.wasm,NAME.nbo,files/} ---
P := $(G)/programs
FETCH := .cache/fetch
FETCH_PY := scripts/fetch.py

# A package is fetched when its stamp is missing or the lock file changed.
$(FETCH)/%/stamp: scripts/fetch.lock $(FETCH_PY)
	$(FETCH_PY) $*
	@touch $@

RUNNO := $(FETCH)/runno/package/dist/langs
$(P)/python/python.wasm: $(FETCH)/runno/stamp
	@mkdir -p $(@D)/files/share/python
	rm -rf $(@D)/files/share/python/usr
	cp -R $(RUNNO)/python-3.11.3.tar.gz.d/usr $(@D)/files/share/python/usr
	cp $(RUNNO)/python-3.11.3.wasm $@
$(P)/ruby/ruby.wasm: $(FETCH)/runno/stamp
	@mkdir -p $(@D)
	cp $(RUNNO)/ruby-3.2.0.wasm $@

SQLITE := $(FETCH)/sqlite/package/deps/sqlite-autoconf-3440200.tar.gz.d/sqlite-autoconf-3440200
SQLITE_CFLAGS := -DSQLITE_THREADSAFE=0 -DSQLITE_OMIT_LOAD_EXTENSION -DSQLITE_OMIT_POPEN \
	-DSQLITE_NOHAVE_SYSTEM -DSQLITE_TEMP_STORE=3 -DSQLITE_ENABLE_MATH_FUNCTIONS
WASI_EMULATED := -D_WASI_EMULATED_SIGNAL -D_WASI_EMULATED_GETPID \
	-D_WASI_EMULATED_PROCESS_CLOCKS -D_WASI_EMULATED_MMAN
$(P)/sqlite/sqlite.wasm: $(FETCH)/sqlite/stamp user/programs/sqlite/wasi_compat.h
	@mkdir -p $(@D)
	$(GUEST_CC) --target=wasm32-wasi -O2 -w -include user/programs/sqlite/wasi_compat.h \
		$(WASI_EMULATED) $(SQLITE_CFLAGS) -I$(SQLITE) $(SQLITE)/shell.c $(SQLITE)/sqlite3.c \
		-o $@ -lwasi-emulated-signal -lwasi-emulated-getpid \
		-lwasi-emulated-process-clocks -lwasi-emulated-mman

COREMARK := $(FETCH)/coremark/pythondata_cpu_ibex/system_verilog/vendor/eembc_coremark
COREMARK_SRC := $(addprefix $(COREMARK)/,core_list_join.c core_main.c core_matrix.c core_state.c \
	core_util.c)
COREMARK_CFLAGS := -O2 -w -DFLAGS_STR='"-O2"' -DITERATIONS=0 -DPERFORMANCE_RUN=1
$(P)/coremark/coremark.wasm: $(FETCH)/coremark/stamp
	@mkdir -p $(@D)
	$(GUEST_CC) --target=wasm32-wasi $(COREMARK_CFLAGS) -I$(COREMARK) -I$(COREMARK)/linux \
		$(COREMARK_SRC) $(COREMARK)/linux/core_portme.c -o $@

SMALL_PROGRAMS := $(patsubst user/apps/tools/%.c,%,$(sort $(wildcard user/apps/tools/*.c)))
define small_program
$(P)/$(1)/$(1).wasm: user/apps/tools/$(1).c
	@mkdir -p $$(@D)
	$(GUEST_CC) $(WASI_CFLAGS) $(GUEST_WARN) $$< -o $$@
endef
$(foreach name,$(SMALL_PROGRAMS),$(eval $(call small_program,$(name))))

PROGRAMS := python ruby sqlite coremark $(SMALL_PROGRAMS)
program_artifact = $(P)/$(1)/$(1).nbo
.PHONY: user ramdisk programs $(PROGRAMS:%=program-%)
$(foreach name,$(PROGRAMS),$(eval program-$(name): $(call program_artifact,$(name))))
programs: $(PROGRAMS:%=program-%)
user: $(BASE_MODULES:%=$(G)/modules/%.wasm)
ramdisk: $(BASE_TAR) $(DRIVERS_TAR) $(LINK_TAR) $(DISK_TAR)
# A kernel trusts the artifacts of one build: keep the archive in step.
kernel hosted: $(BASE_TAR) $(DRIVERS_TAR) $(LINK_TAR) $(DISK_TAR)

# --- programs that the end-to-end tests run: build/guest/tests/NAME.wasm -------
T := $(G)/tests
GUEST_TEST_C := $(patsubst tests/user/programs/%.c,$(T)/%.wasm,$(wildcard tests/user/programs/*.c))
GUEST_TEST_WAT := $(patsubst tests/user/programs/%.wat,$(T)/%.wasm,$(wildcard tests/user/programs/*.wat))
GUEST_TEST_NATIVE := $(patsubst tests/user/programs/native/%.c,$(T)/native/%.wasm,\
	$(wildcard tests/user/programs/native/*.c))
$(GUEST_TEST_C): $(T)/%.wasm: tests/user/programs/%.c
	@mkdir -p $(@D)
	$(GUEST_CC) $(WASI_CFLAGS) -Wall -Wextra -fno-builtin $< -o $@
$(GUEST_TEST_WAT): $(T)/%.wasm: tests/user/programs/%.wat
	@mkdir -p $(@D)
	wat2wasm --no-check --debug-names --enable-memory64 --enable-threads $< -o $@
$(GUEST_TEST_NATIVE): $(T)/native/%.wasm: $(G)/obj/tests/user/programs/native/%.o $(GUEST_COMMON) \
		$(GUEST_START) $(G)/obj/tests/user/programs/native/lib/roles.o
	@mkdir -p $(@D)
	$(GUEST_CC) $(GUEST_LDFLAGS) $^ -o $@
# With threads; the one in Rust only where that toolchain is.
$(addprefix $(T)/threads/,bare.wasm closed.wasm): $(T)/threads/%.wasm: tests/user/programs/threads/%.c \
		tests/user/programs/threads/start.s
	@mkdir -p $(@D)
	$(GUEST_CC) --target=wasm32 -O1 -nostdlib -matomics -mbulk-memory -mmutable-globals -Wall -Wextra \
		-Werror -Wl,--no-entry,--import-memory,--shared-memory,--max-memory=1048576 $^ -o $@
$(T)/threads/threads.wasm: tests/user/programs/threads/threads.rs
	@mkdir -p $(@D)
	rustc --target wasm32-wasip1-threads -O $< -o $@
GUEST_TEST_THREADS := $(T)/threads/bare.wasm $(T)/threads/closed.wasm $(if $(wildcard $(shell rustc --print target-libdir \
	--target wasm32-wasip1-threads 2>/dev/null)),$(T)/threads/threads.wasm)
# In the style of 2018, with a child that one of them carries with it.
GUEST_TEST_ABI := $(patsubst tests/user/programs/abi/%.c,$(T)/abi/%.wasm,\
	$(wildcard tests/user/programs/abi/*.c tests/user/programs/abi/calls/*.c))
$(GUEST_TEST_ABI): $(T)/abi/%.wasm: tests/user/programs/abi/%.c $(wildcard tests/user/programs/abi/*.h)
	@mkdir -p $(@D)
	$(GUEST_CC) --target=wasm32 -O1 -nostdlib -Wall -Wextra -Werror -I. -I$(T)/abi \
		-Wl,--no-entry,--stack-first $< -o $@
$(T)/abi/processes.wasm: $(T)/abi/child.inc
$(T)/abi/child.inc: $(T)/abi/child.wasm
	python3 -c "import sys; print(','.join(map(str, open(sys.argv[1], 'rb').read())))" $< >$@
# All that can be started, in the order of their names.
ABI_CALLS := $(filter $(T)/abi/calls/%,$(GUEST_TEST_ABI))
$(T)/abi/all.wasm: $(T)/abi/all.inc
$(T)/abi/all.inc: tests/user/abi_2018.py $(ABI_CALLS)
	python3 $< include $(sort $(ABI_CALLS)) >$@
.PHONY: guest-tests
guest-tests: $(patsubst %,build/gen/tests/%.wasm,everycall everyclient everybuiltin torture fuzz member graph graphnode graphbase) $(GUEST_TEST_THREADS) $(GUEST_TEST_ABI) $(GUEST_TEST_C) $(GUEST_TEST_WAT) $(GUEST_TEST_NATIVE)

-include $(shell find $(G) -name '*.d' 2>/dev/null)
