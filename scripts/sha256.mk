# SHA-256 by Colin Percival (libcperciva), fetched, checked and compiled as it is.
# SHA256_FLAGS and SHA256_SRC serve every binary that contains the kernel core.
SHA256_DIR := .cache/fetch/sha256/package/scrypt/scrypt-1.2.0/libcperciva
SHA256_STAMP := .cache/fetch/sha256/stamp
SHA256_SRC := $(SHA256_DIR)/alg/sha256.c $(SHA256_DIR)/util/insecure_memzero.c
SHA256_FLAGS := -I$(SHA256_DIR)/alg -I$(SHA256_DIR)/util -DNDEBUG -w
SHA256_HOSTED_OBJ := $(B)/hosted/third/sha256.o $(B)/hosted/third/insecure_memzero.o

$(SHA256_STAMP):
	python3 scripts/fetch.py sha256
$(SHA256_SRC): $(SHA256_STAMP)
	@touch $@

$(B)/hosted/third/sha256.o: $(SHA256_DIR)/alg/sha256.c
	@mkdir -p $(@D)
	$(CC) -std=gnu17 $(OPT_$(MODE)) $(SHA256_FLAGS) -c $< -o $@
$(B)/hosted/third/insecure_memzero.o: $(SHA256_DIR)/util/insecure_memzero.c
	@mkdir -p $(@D)
	$(CC) -std=gnu17 $(OPT_$(MODE)) $(SHA256_FLAGS) -c $< -o $@

$(HOSTED_LIB): $(SHA256_HOSTED_OBJ)
