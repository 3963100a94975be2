/*
 * Split queues (section 2.6). The free list and what belongs to which chain are the
 * driver's own; the device's memory is only written, except for the used ring.
 */
#include "user/libs/virtio/virtio.h"

enum {
	FLAG_NEXT = 1,
	FLAG_WRITE = 2,
	INDEX = 1, /* in both rings */
	RING = 2,
};

/* Orders what the device must see in that order; the processor does. */
static void
order(void)
{
	__asm__ volatile("" ::: "memory");
}

enum nb_status
virtio_queue_add(struct virtio_queue *queue, const struct virtio_piece *pieces, uint32_t count,
		 uint64_t cookie)
{
	uint16_t first = queue->free_first, at = first;
	uint32_t writable = 0;

	if (count == 0 || count > queue->free_count)
		return NB_SHOULD_WAIT;
	for (uint32_t i = 0; i < count; i++) {
		volatile struct virtio_descriptor *descriptor = &queue->descriptors[at];
		uint16_t flags = pieces[i].is_written ? FLAG_WRITE : 0;

		writable += pieces[i].is_written ? pieces[i].len : 0;
		descriptor->address = pieces[i].address;
		descriptor->len = pieces[i].len;
		descriptor->flags = (uint16_t)(flags | (i + 1 < count ? FLAG_NEXT : 0));
		descriptor->next = queue->next[at];
		at = queue->next[at];
	}
	queue->free_first = at;
	queue->free_count = (uint16_t)(queue->free_count - count);
	queue->chains[first] = (struct virtio_chain){ true, (uint16_t)count, writable, cookie };
	queue->available[RING + queue->available_index % queue->size] = first;
	order();
	queue->available[INDEX] = ++queue->available_index;
	return NB_OK;
}

void
virtio_notify(struct virtio_queue *queue)
{
	order();
	*queue->doorbell = queue->index;
}

/* The chain's descriptors are free again. */
static void
free_chain(struct virtio_queue *queue, uint16_t first)
{
	struct virtio_chain *chain = &queue->chains[first];
	uint16_t last = first;

	for (uint32_t i = 1; i < chain->count; i++)
		last = queue->next[last];
	queue->next[last] = queue->free_first;
	queue->free_first = first;
	queue->free_count = (uint16_t)(queue->free_count + chain->count);
	chain->is_with_device = false;
}

enum virtio_result
virtio_queue_take(struct virtio_queue *queue, uint64_t *cookie, uint32_t *written)
{
	uint16_t done = (uint16_t)(queue->used[INDEX] - queue->used_index);
	const volatile uint32_t *row;
	uint32_t id;

	if (!done)
		return VIRTIO_NONE;
	if (done > queue->size)
		return VIRTIO_BROKEN;
	order();
	row = (const volatile uint32_t *)(queue->used + RING) +
	      2 * (queue->used_index % queue->size);
	id = row[0];
	*written = row[1];
	if (id >= queue->size || !queue->chains[id].is_with_device ||
	    *written > queue->chains[id].writable)
		return VIRTIO_BROKEN;
	queue->used_index++;
	*cookie = queue->chains[id].cookie;
	free_chain(queue, (uint16_t)id);
	return VIRTIO_DONE;
}
