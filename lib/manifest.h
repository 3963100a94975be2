/*
 * Manifests: reads the text that abi/manifest.def describes.
 *
 * The one reader of kernel, compiler, tool and programs. Freestanding; trusts
 * nothing; no memory but what the caller gives; time linear in the text.
 */
#ifndef LIB_MANIFEST_H
#define LIB_MANIFEST_H

#include "abi/manifest.h"
#include "abi/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum manifest_place {
	MANIFEST_FIXED,	   /* a number in the manifest */
	MANIFEST_PCI,	   /* of the PCI function that is driven */
	MANIFEST_PLATFORM, /* of the platform device that is driven */
};

struct manifest_mmio {
	enum manifest_place place;
	uint32_t bar;		/* of PCI */
	uint64_t address, size; /* of FIXED: multiples of 4 KiB, the end fits 64 bits */
	uint32_t line;
};

struct manifest_irq {
	enum manifest_place place;
	uint32_t number; /* of FIXED */
	uint32_t line;
};

/* A PCI function fits if (class_code & class_mask) == class_bits and its vendor
 * and device lie inside. */
struct manifest_pci {
	uint16_t vendor, first_device, last_device;
	bool is_any_id; /* `class`: whatever vendor and device */
	uint32_t class_bits, class_mask;
	uint32_t line;
};

struct manifest_word {
	char text[NB_MANIFEST_WORD_BYTES]; /* zero-terminated */
};

struct manifest {
	struct manifest_word name;
	struct nb_port_range ports[NB_MANIFEST_MOST_PORT];
	struct manifest_mmio mmio[NB_MANIFEST_MOST_MMIO];
	struct manifest_irq irqs[NB_MANIFEST_MOST_IRQ];
	struct manifest_pci pci[NB_MANIFEST_MOST_PCI];
	struct manifest_word platform[NB_MANIFEST_MOST_PLATFORM];
	struct manifest_word uses[NB_MANIFEST_MOST_USES];
	struct manifest_word offers[NB_MANIFEST_MOST_OFFERS];
	uint64_t dma_bytes;    /* 0: none */
	uint64_t memory_bytes; /* 0: not said */
	uint32_t threads;      /* 0: not said */
	/* How many lines of each kind there are: of the arrays above, too. */
	uint32_t counts[NB_MANIFEST_LINE_COUNT];
	uint32_t lines[NB_MANIFEST_LINE_COUNT]; /* the last one of each kind, from 1; 0: none */
};

/* The first thing wrong. */
struct manifest_error {
	uint32_t line, column; /* from 1; column counts bytes */
	char text[112];	       /* zero-terminated */
};

/*
 * Reads text[0..len) into *out. Errors: NB_MALFORMED, with *error saying where and
 * what; *out is unspecified then. Does not sleep; reentrant.
 */
NB_MUST_USE enum nb_status
manifest_parse(const char *text, size_t len, struct manifest *out, struct manifest_error *error);

/* The number of the `port` line that lets `bytes` ports from `port` on be accessed
 * for `access`, one of enum nb_port_access; 0: none does. */
uint32_t manifest_port_line(const struct manifest *manifest, uint32_t port, uint32_t bytes,
			    enum nb_port_access access);

/* Why the ports can never be granted, as text such as "the reset line"; NULL if they
 * can. */
const char *manifest_reserved_ports(uint32_t first, uint32_t count);

/* Whether it drives the PCI function; class_code: class << 16 | subclass << 8 | interface. */
bool manifest_drives_pci(const struct manifest *manifest, uint16_t vendor, uint16_t device,
			 uint32_t class_code);

/* Whether it drives platform devices of that zero-terminated name. */
bool manifest_drives_platform(const struct manifest *manifest, const char *name);

#endif
