/*
 * Virtio over PCI: finding the registers, the life of a device.
 */
#include "user/libs/driver/driver.h"
#include "user/libs/virtio/virtio.h"
#include "user/sdk/startup.h"

#include "nebulet.h"

#include <stddef.h>

/* Section 4.1.4.3. */
struct virtio_common {
	uint32_t device_feature_select;
	uint32_t device_feature;
	uint32_t driver_feature_select;
	uint32_t driver_feature;
	uint16_t config_vector;
	uint16_t queue_count;
	uint8_t status;
	uint8_t config_generation;
	uint16_t queue_select;
	uint16_t queue_size;
	uint16_t queue_vector;
	uint16_t queue_enable;
	uint16_t queue_notify_offset;
	uint32_t queue_descriptors[2];
	uint32_t queue_available[2];
	uint32_t queue_used[2];
};
_Static_assert(sizeof(struct virtio_common) == 56, "section 4.1.4.3");

enum {
	CONFIG_BYTES = 256,
	AT_CAPABILITIES = 0x34,
	CAPABILITY_VENDOR = 9,
	CAPABILITY_MESSAGES = 0x11, /* MSI-X */
	CAPABILITY_BYTES = 16,
	KIND_COMMON = 1,
	KIND_NOTIFY = 2,
	KIND_LINE = 3,
	KIND_DEVICE = 4,
	KINDS = 5,
	STATUS_ACKNOWLEDGE = 1,
	STATUS_DRIVER = 2,
	STATUS_DRIVER_OK = 4,
	STATUS_FEATURES_OK = 8,
	STATUS_ALL = STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_DRIVER_OK | STATUS_FEATURES_OK,
	RESET_TRIES = 1000000,
	READ_TRIES = 1000,
	NO_VECTOR = 0xffff,
	PAGE = 4096,
};

/* A structure of registers in the BAR. */
struct place {
	uint32_t offset, len;
	uint32_t multiplier; /* of KIND_NOTIFY */
	uint8_t bar;
	bool is_there;
};

static uint32_t
get32(const uint8_t *at)
{
	return at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

/* The configuration space that the bus server passed on, or NULL. */
static const uint8_t *
find_config(void)
{
	struct startup startup = startup_get();
	const struct nb_startup_record *record;
	uint32_t at = 0;

	while ((record = nb_startup_next(startup.block, startup.size, &at))) {
		if (record->kind == DRIVER_RECORD_PCI && record->length == CONFIG_BYTES)
			return (const uint8_t *)startup_contents(record);
	}
	return NULL;
}

/* Section 4.1.4: the first structure of each kind. Whether the device sends messages. */
static bool
find_places(const uint8_t *config, struct place places[KINDS])
{
	uint32_t at = config[AT_CAPABILITIES] & 0xfcu;
	bool sends = false;

	for (uint32_t i = 0; at && at <= CONFIG_BYTES - CAPABILITY_BYTES - 4 && i < 64; i++) {
		uint8_t kind = config[at + 3];

		sends = sends || config[at] == CAPABILITY_MESSAGES;
		if (config[at] == CAPABILITY_VENDOR && kind < KINDS && !places[kind].is_there) {
			places[kind] = (struct place){ .is_there = true,
						       .bar = config[at + 4],
						       .offset = get32(config + at + 8),
						       .len = get32(config + at + 12),
						       .multiplier = get32(config + at + 16) };
		}
		at = config[at + 1] & 0xfcu;
	}
	return sends;
}

static bool
fits(const struct place *place, uint32_t least, uint32_t size, uint8_t bar)
{
	return place->is_there && place->bar == bar && place->len >= least &&
	       place->offset <= size && place->len <= size - place->offset &&
	       place->offset % 4 == 0;
}

static enum nb_status
find_registers(struct virtio *virtio)
{
	struct place places[KINDS] = { 0 };
	const uint8_t *config = find_config();
	volatile uint8_t *base;
	uint8_t bar;
	uint32_t size = 0;
	bool sends;

	if (!config)
		return NB_NOT_FOUND;
	sends = find_places(config, places);
	base = driver_map("mmio0", &size);
	if (!base)
		return NB_OUT_OF_MEMORY;
	bar = places[KIND_COMMON].bar;
	if (!fits(&places[KIND_COMMON], sizeof(struct virtio_common), size, bar) ||
	    !fits(&places[KIND_NOTIFY], 2, size, bar) ||
	    (!sends && !fits(&places[KIND_LINE], 1, size, bar)))
		return NB_NOT_SUPPORTED;
	*virtio = (struct virtio){
		.common = (volatile struct virtio_common *)(base + places[KIND_COMMON].offset),
		.notify = base + places[KIND_NOTIFY].offset,
		.notify_bytes = places[KIND_NOTIFY].len,
		.notify_multiplier = places[KIND_NOTIFY].multiplier,
		.line = sends ? NULL : base + places[KIND_LINE].offset,
	};
	if (fits(&places[KIND_DEVICE], 1, size, bar)) {
		virtio->device = base + places[KIND_DEVICE].offset;
		virtio->device_bytes = places[KIND_DEVICE].len;
	}
	return NB_OK;
}

static void
add_status(struct virtio *virtio, uint8_t bits)
{
	virtio->common->status = virtio->common->status | bits;
}

/* Section 3.1.1, steps 1 to 6. */
enum nb_status
virtio_begin(struct virtio *virtio, uint32_t features, uint32_t *out_features)
{
	enum nb_status status = find_registers(virtio);
	volatile struct virtio_common *common = virtio->common;
	uint32_t tries = RESET_TRIES;

	if (status)
		return status;
	common->status = 0;
	while (common->status && --tries)
		;
	if (!tries)
		return NB_IO_ERROR;
	add_status(virtio, STATUS_ACKNOWLEDGE);
	add_status(virtio, STATUS_DRIVER);
	common->device_feature_select = 1;
	if (!(common->device_feature & VIRTIO_VERSION_1))
		return NB_NOT_SUPPORTED;
	common->device_feature_select = 0;
	*out_features = common->device_feature & features;
	common->driver_feature_select = 0;
	common->driver_feature = *out_features;
	common->driver_feature_select = 1;
	common->driver_feature = VIRTIO_VERSION_1;
	add_status(virtio, STATUS_FEATURES_OK);
	return common->status & STATUS_FEATURES_OK ? NB_OK : NB_NOT_SUPPORTED;
}

enum nb_status
virtio_memory_create(uint32_t size, struct virtio_memory *out)
{
	int64_t result = nb_dma_create(startup_handle("dma"), size, &out->address);

	if (result < 0)
		return (enum nb_status) - result;
	out->handle = (uint32_t)result;
	size = (size + PAGE - 1) & ~(uint32_t)(PAGE - 1);
	result = nb_memory_map(out->handle, 0, size, (uint32_t)(uintptr_t)out->bytes,
			       NB_MAP_WRITE | (out->bytes ? 0 : NB_MAP_APPEND));
	if (result < 0) {
		(void)nb_handle_close(out->handle);
		return (enum nb_status) - result;
	}
	out->bytes = (uint8_t *)(uintptr_t)result;
	return NB_OK;
}

static void
set_address(volatile uint32_t at[2], uint64_t address)
{
	at[0] = (uint32_t)address;
	at[1] = (uint32_t)(address >> 32);
}

enum nb_status
virtio_queue_create(struct virtio *virtio, uint16_t index, struct virtio_queue *queue)
{
	volatile struct virtio_common *common = virtio->common;
	uint32_t size, used_at, at;
	struct virtio_memory memory = { .bytes = NULL };
	enum nb_status status;

	common->queue_select = index;
	size = common->queue_size;
	if (size > VIRTIO_QUEUE_MAX)
		size = VIRTIO_QUEUE_MAX;
	if (index >= common->queue_count || size < 2 || size & (size - 1))
		return NB_NOT_SUPPORTED;
	used_at = 16 * size + ((6 + 2 * size + 3) & ~3u);
	status = virtio_memory_create(used_at + 6 + 8 * size, &memory);
	if (status)
		return status;
	*queue = (struct virtio_queue){
		.index = index,
		.size = (uint16_t)size,
		.descriptors = (volatile struct virtio_descriptor *)memory.bytes,
		.available = (volatile uint16_t *)(memory.bytes + 16 * size),
		.used = (volatile uint16_t *)(memory.bytes + used_at),
		.free_count = (uint16_t)size,
	};
	for (uint32_t i = 0; i < size; i++)
		queue->next[i] = (uint16_t)(i + 1);
	common->queue_size = (uint16_t)size;
	if (!virtio->line)
		common->queue_vector = 0;
	set_address(common->queue_descriptors, memory.address);
	set_address(common->queue_available, memory.address + 16 * size);
	set_address(common->queue_used, memory.address + used_at);
	at = common->queue_notify_offset * virtio->notify_multiplier;
	if ((!virtio->line && common->queue_vector == NO_VECTOR) || at > virtio->notify_bytes - 2)
		return NB_NOT_SUPPORTED;
	queue->doorbell = (volatile uint16_t *)(virtio->notify + at);
	common->queue_enable = 1;
	return NB_OK;
}

void
virtio_interrupted(const struct virtio *virtio)
{
	if (virtio->line)
		(void)*virtio->line;
}

void
virtio_ready(struct virtio *virtio)
{
	add_status(virtio, STATUS_DRIVER_OK);
}

bool
virtio_is_sound(const struct virtio *virtio)
{
	return virtio->common->status == STATUS_ALL;
}

enum nb_status
virtio_read64(const struct virtio *virtio, uint32_t at, uint64_t *out)
{
	const volatile uint32_t *words = (const volatile uint32_t *)(virtio->device + at);

	for (uint32_t i = 0; i < READ_TRIES; i++) {
		uint8_t generation = virtio->common->config_generation;

		*out = words[0] | (uint64_t)words[1] << 32;
		if (virtio->common->config_generation == generation)
			return NB_OK;
	}
	return NB_IO_ERROR;
}
