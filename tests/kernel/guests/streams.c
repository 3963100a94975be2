/*
 * One end of a pipe. Handle 0 is a stream end, word 1 tells the role: 0 writes
 * BYTES bytes of a sequence, 1 reads and checks them up to the end of file.
 */
#include "guest.h"

enum { BYTES = 300000, PIECE = 1000 };
static uint8_t buffer[4096];

static void
write_all(uint32_t stream)
{
	uint32_t sent = 0;

	while (sent < BYTES) {
		uint32_t want = BYTES - sent < PIECE ? BYTES - sent : PIECE;
		int64_t put;

		for (uint32_t i = 0; i < want; i++)
			buffer[i] = (uint8_t)((sent + i) * 7 >> 3);
		put = nb_stream_write(stream, buffer, want);
		if (put == ERR(SHOULD_WAIT)) {
			EXPECT(nb_object_wait_one(stream, NB_SIGNAL_WRITABLE, NB_DEADLINE_NEVER) >
			       0);
			continue;
		}
		EXPECT(put > 0);
		sent += (uint32_t)put;
	}
}

static void
read_all(uint32_t stream)
{
	uint32_t got = 0;

	for (;;) {
		int64_t count = nb_stream_read(stream, buffer, sizeof buffer);

		if (count == ERR(SHOULD_WAIT)) {
			EXPECT(nb_object_wait_one(stream, NB_SIGNAL_READABLE, NB_DEADLINE_NEVER) >
			       0);
			continue;
		}
		EXPECT(count >= 0);
		if (count == 0)
			break;
		for (uint32_t i = 0; i < count; i++)
			EXPECT(buffer[i] == (uint8_t)((got + i) * 7 >> 3));
		got += (uint32_t)count;
	}
	EXPECT(got == BYTES);
}

void
_start(void)
{
	uint32_t stream = guest_handle(0);

	if (guest_handle(1))
		read_all(stream);
	else
		write_all(stream);
	nb_process_exit(0);
}
