# The hosted kernel as a program of its own.
#   make [MODE=...] hosted
NEBULET_HOSTED := $(B)/nebulet-hosted

$(NEBULET_HOSTED): platform/hosted/main/main.c $(HOSTED_LIB)
	$(CC) $(HOSTED_CFLAGS) -rdynamic -Wl,--gc-sections platform/hosted/main/main.c -o $@ $(HOSTED_LIB)

.PHONY: hosted
hosted: $(NEBULET_HOSTED)
