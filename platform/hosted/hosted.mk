# The hosted kernel as a program of its own, with the digests it trusts.
#   make [MODE=...] hosted
# TRUSTED_ARTIFACTS (user/*.mk) is expanded late: that file is read after this one.
NEBULET_HOSTED := $(B)/nebulet-hosted
TRUSTED_C := $(B)/gen/trusted.c

.SECONDEXPANSION:
$(TRUSTED_C): scripts/gen_trusted.py $$(TRUSTED_ARTIFACTS)
	@mkdir -p $(@D)
	python3 scripts/gen_trusted.py $(TRUSTED_ARTIFACTS) > $@.new
	@if cmp -s $@.new $@; then rm $@.new; touch $@; else mv $@.new $@; fi

$(NEBULET_HOSTED): platform/hosted/main/main.c $(TRUSTED_C) $(HOSTED_LIB)
	$(CC) $(HOSTED_CFLAGS) -rdynamic -Wl,--gc-sections platform/hosted/main/main.c $(TRUSTED_C) -o $@ $(HOSTED_LIB)

.PHONY: hosted
hosted: $(NEBULET_HOSTED)
