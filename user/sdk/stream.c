/* Byte streams; see stream.h. */
#include "user/sdk/stream.h"

#include "nebulet.h"

bool
stream_write_all(uint32_t stream, const char *bytes, uint32_t len)
{
	while (len) {
		int64_t put = nb_stream_write(stream, bytes, len);

		if (put == -NB_SHOULD_WAIT) {
			put = nb_object_wait_one(stream, NB_SIGNAL_WRITABLE | NB_SIGNAL_PEER_CLOSED,
						 NB_DEADLINE_NEVER);
			if (put >= 0)
				continue;
		}
		if (put < 0)
			return false;
		bytes += put;
		len -= (uint32_t)put;
	}
	return true;
}
