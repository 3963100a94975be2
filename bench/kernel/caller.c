/*
 * Times calls: of the kernel, of a gate, of nothing. Started with a channel, to
 * which it sends, for each workload, nanoseconds of every batch.
 */
#include "nebulet.h"

enum { BATCH = 1000, SAMPLES = 1000, WARM = 20 };

__attribute__((import_module("peer"), import_name("add"))) int64_t peer_add(int32_t a, int64_t b);

static uint32_t samples[SAMPLES];
static uint32_t ends[2];
static uint8_t message[64];

static inline int64_t
now(void)
{
	return nb_clock_get(NB_CLOCK_MONOTONIC);
}

/* `samples` batches of `work`, which uses `i`. */
#define MEASURE(work)                                               \
	for (int s = -WARM; s < SAMPLES; s++) {                     \
		int64_t begin = now();                              \
		for (int i = 0; i < BATCH; i++) {                   \
			__asm__ volatile("" ::: "memory");          \
			work;                                       \
		}                                                   \
		samples[s < 0 ? 0 : s] = (uint32_t)(now() - begin); \
	}

static void
send_message(void)
{
	struct nb_message_counts counts = { sizeof message, 0 };

	(void)nb_channel_send(ends[0], message, sizeof message, 0, 0);
	(void)nb_channel_recv(ends[1], message, sizeof message, 0, &counts);
}

void
_start(void)
{
	uint32_t words[2] = { 0, 0 };
	struct nb_channel_ends created;
	int64_t sum = 0;

	(void)nb_process_startup(words, sizeof words);
	(void)nb_channel_create(&created, 4);
	ends[0] = created.ends[0];
	ends[1] = created.ends[1];
	switch (words[0]) {
	case 0:
		MEASURE((void)i)
		break;
	case 1:
		MEASURE(sum += nb_client_size())
		break;
	case 2:
		MEASURE(sum += peer_add(i, 1))
		break;
	case 3:
		MEASURE(send_message())
		break;
	case 4:
		MEASURE(nb_thread_yield())
		break;
	case 5:
		MEASURE(sum += now())
		break;
	case 6:
		MEASURE(sum += nb_object_signal(words[1], 0, 0))
		break;
	}
	message[0] = (uint8_t)sum;
	(void)nb_channel_send(words[1], samples, sizeof samples, 0, 0);
}
