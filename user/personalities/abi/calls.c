/*
 * The calls of the 2018 interface but for those of devices (devices.c); see abi.h for the lock and the
 * stack.
 */
#include "user/personalities/abi/call.h"
#include "user/sdk/startup.h"

struct lock abi_lock;

/* ---- print, exit, randomness ---- */

/* Of print alone, which may wait for room while others call. */
static struct lock print_lock;

ABI_LOCKED static uint32_t
find_stdout(void)
{
	return startup_handle("stdout");
}

/* Has no frame: it is not under abi_lock. */
static void
print_bytes(uint32_t out, uint32_t text, uint32_t len)
{
	for (uint32_t at = 0; at < len;) {
		uint32_t piece = len - at < NB_LOG_TEXT_MAX ? len - at : NB_LOG_TEXT_MAX;

		if (nb_client_log_write(NB_LOG_INFO, text + at, piece) < 0)
			break;
		at += piece;
	}
	for (uint32_t at = 0; out != NB_HANDLE_NONE && at < len;) {
		int64_t put = nb_client_stream_write(out, text + at, len - at);

		if (put == ABI_ERROR(SHOULD_WAIT))
			put = nb_object_wait_one(out, NB_SIGNAL_WRITABLE | NB_SIGNAL_PEER_CLOSED,
						 NB_DEADLINE_NEVER) < 0
				      ? -1
				      : 0;
		if (put < 0)
			break;
		at += (uint32_t)put;
	}
}

/* Has no result: what lies outside of the memory is not printed. */
ABI_EXPORT(print) void abi_print(uint32_t text, uint32_t len);
void
abi_print(uint32_t text, uint32_t len)
{
	uint32_t out;

	if (!is_client_range(text, len))
		return;
	abi_enter();
	out = find_stdout();
	abi_leave();
	lock_take(&print_lock);
	print_bytes(out, text, len);
	lock_give(&print_lock);
}

ABI_EXPORT(exit) int64_t abi_exit(int64_t status);
int64_t
abi_exit(int64_t status)
{
	nb_process_exit((int32_t)status);
}

ABI_EXPORT(random_fill) int64_t abi_random_fill(uint32_t buffer, uint32_t len);
int64_t
abi_random_fill(uint32_t buffer, uint32_t len)
{
	return nb_client_random_fill(buffer, len);
}

ABI_EXPORT(cprng_fill) int64_t abi_cprng_fill(uint32_t buffer, uint32_t len);
int64_t
abi_cprng_fill(uint32_t buffer, uint32_t len)
{
	return nb_client_random_fill(buffer, len);
}

/* ---- handles ---- */

ABI_CALL(handle_close, (uint32_t number), (number))
{
	struct abi_entry *entry;
	enum nb_status status = abi_find(number, ABI_FREE, 0, &entry);

	if (status == NB_OK)
		abi_remove(entry);
	return -(int64_t)status;
}

ABI_CALL(handle_duplicate, (uint32_t number, uint32_t rights), (number, rights))
{
	struct abi_entry *entry;
	enum nb_status status = abi_find(number, ABI_FREE, ABI_RIGHT_DUPLICATE, &entry);
	int64_t native;

	if (status != NB_OK)
		return -(int64_t)status;
	if (rights & ~entry->rights)
		return ABI_ERROR(ACCESS_DENIED);
	if (entry->native == NB_HANDLE_NONE || entry->kind == ABI_THREAD)
		return ABI_ERROR(BAD_STATE);
	native = nb_handle_duplicate(entry->native, NB_RIGHTS_SAME);
	return native < 0 ? native : abi_add(entry->kind, rights, (uint32_t)native);
}

/* ---- code and processes ---- */

ABI_LOCKED static int64_t
compile_end(uint32_t module)
{
	struct nb_module_info info;
	int64_t result = nb_object_info(module, NB_INFO_MODULE, &info, sizeof info);

	if (result >= 0 && info.state == NB_MODULE_READY)
		return abi_add(ABI_CODE, ABI_RIGHTS_ALL, module);
	(void)nb_handle_close(module);
	return result < 0 ? result : -(int64_t)info.status;
}

ABI_EXPORT(wasm_compile) int64_t abi_wasm_compile(uint32_t bytes, uint32_t len);
int64_t
abi_wasm_compile(uint32_t bytes, uint32_t len)
{
	int64_t module = nb_client_module_publish(bytes, len), result;

	if (module < 0)
		return module;
	result = nb_object_wait_one((uint32_t)module, NB_SIGNAL_SIGNALED, NB_DEADLINE_NEVER);
	if (result < 0) {
		(void)nb_handle_close((uint32_t)module);
		return result;
	}
	abi_enter();
	result = compile_end((uint32_t)module);
	abi_leave();
	return result;
}

ABI_CALL(process_create, (uint32_t code, uint32_t channel), (code, channel))
{
	struct abi_entry *module, *given, *made;
	enum nb_status status = abi_find(code, ABI_CODE, 0, &module);
	int64_t copy, number, renewed;

	if (status == NB_OK)
		status =
			abi_find(channel, ABI_CHANNEL, ABI_RIGHT_READ | ABI_RIGHT_TRANSFER, &given);
	if (status != NB_OK)
		return -(int64_t)status;
	copy = nb_handle_duplicate(module->native, NB_RIGHTS_SAME);
	if (copy < 0)
		return copy;
	number = abi_add(ABI_PROCESS, ABI_RIGHTS_ALL, NB_HANDLE_NONE);
	if (number < 0 || abi_find((uint32_t)number, ABI_PROCESS, 0, &made) != NB_OK) {
		(void)nb_handle_close((uint32_t)copy);
		return number;
	}
	made->code = (uint32_t)copy;
	/* Under another number, so that nobody waits by it any more. */
	renewed = nb_handle_replace(given->native, NB_RIGHTS_SAME);
	if (renewed < 0) {
		abi_remove(made);
		return renewed;
	}
	made->channel = (uint32_t)renewed;
	given->native = NB_HANDLE_NONE;
	abi_remove(given);
	return number;
}

ABI_CALL(process_start, (uint32_t number), (number))
{
	struct abi_entry *entry;
	enum nb_status status = abi_find(number, ABI_PROCESS, 0, &entry);

	return -(int64_t)(status == NB_OK ? abi_start(entry) : status);
}

/* ---- channels, streams ---- */

/* Numbers for both ends, stored in the client's memory, or neither. */
static int64_t
add_ends(enum abi_kind kind, const uint32_t ends[2], const uint32_t addresses[2])
{
	const uint32_t both = ABI_RIGHT_DUPLICATE | ABI_RIGHT_TRANSFER;
	struct abi_entry *entry;
	int64_t tx = abi_add(kind, both | ABI_RIGHT_WRITE, ends[0]), rx;

	if (tx < 0) {
		(void)nb_handle_close(ends[1]);
		return tx;
	}
	rx = abi_add(kind, both | ABI_RIGHT_READ, ends[1]);
	if (rx < 0) {
		if (abi_find((uint32_t)tx, kind, 0, &entry) == NB_OK)
			abi_remove(entry);
		return rx;
	}
	(void)put_word(addresses[0], (uint32_t)tx);
	(void)put_word(addresses[1], (uint32_t)rx);
	return 0;
}

ABI_CALL(channel_create, (uint32_t tx, uint32_t rx), (tx, rx))
{
	const uint32_t addresses[2] = { tx, rx };
	struct nb_channel_ends ends;
	int64_t result;

	if (!is_client_range(tx, 4) || !is_client_range(rx, 4))
		return ABI_ERROR(INVALID_ADDRESS);
	result = nb_channel_create(&ends, ABI_MESSAGES);
	return result < 0 ? result : add_ends(ABI_CHANNEL, ends.ends, addresses);
}

ABI_CALL(channel_send, (uint32_t number, uint32_t bytes, uint32_t len), (number, bytes, len))
{
	struct abi_entry *entry;
	enum nb_status status = abi_find(number, ABI_CHANNEL, ABI_RIGHT_WRITE, &entry);

	if (status != NB_OK)
		return -(int64_t)status;
	return nb_client_channel_send(entry->native, bytes, len, 0, 0);
}

ABI_CALL(channel_recv, (uint32_t number, uint32_t bytes, uint32_t cap, uint32_t len),
	 (number, bytes, cap, len))
{
	static char message[ABI_MESSAGE_BYTES];
	struct nb_message_counts counts = { 0, 0 };
	struct abi_entry *entry;
	enum nb_status status = abi_find(number, ABI_CHANNEL, ABI_RIGHT_READ, &entry);
	int64_t result;

	if (!is_client_range(bytes, cap) || !is_client_range(len, 4))
		return ABI_ERROR(INVALID_ADDRESS);
	if (status != NB_OK)
		return -(int64_t)status;
	if (cap > sizeof message)
		cap = sizeof message;
	result = nb_channel_recv(entry->native, message, cap, 0, &counts);
	if (result == ABI_ERROR(BUFFER_TOO_SMALL))
		(void)put_word(len, counts.bytes);
	if (result < 0)
		return result;
	(void)put_word(len, counts.bytes);
	return nb_client_write(bytes, message, counts.bytes);
}

ABI_CALL(stream_create, (uint32_t tx, uint32_t rx), (tx, rx))
{
	const uint32_t addresses[2] = { tx, rx };
	struct nb_stream_ends ends;
	uint32_t handles[2];
	int64_t result;

	if (!is_client_range(tx, 4) || !is_client_range(rx, 4))
		return ABI_ERROR(INVALID_ADDRESS);
	result = nb_stream_create(&ends, ABI_STREAM_BYTES);
	if (result < 0)
		return result;
	handles[0] = ends.writer;
	handles[1] = ends.reader;
	return add_ends(ABI_STREAM, handles, addresses);
}

ABI_CALL(stream_write, (uint32_t number, uint32_t bytes, uint32_t len, uint32_t count),
	 (number, bytes, len, count))
{
	struct abi_entry *entry;
	enum nb_status status = abi_find(number, ABI_STREAM, ABI_RIGHT_WRITE, &entry);
	int64_t result;

	if (!is_client_range(count, 4))
		return ABI_ERROR(INVALID_ADDRESS);
	if (status != NB_OK)
		return -(int64_t)status;
	result = nb_client_stream_write(entry->native, bytes, len);
	return result < 0 ? result : put_word(count, (uint32_t)result);
}

ABI_CALL(stream_read, (uint32_t number, uint32_t bytes, uint32_t len, uint32_t count),
	 (number, bytes, len, count))
{
	struct abi_entry *entry;
	enum nb_status status = abi_find(number, ABI_STREAM, ABI_RIGHT_READ, &entry);
	int64_t result;

	if (!is_client_range(count, 4))
		return ABI_ERROR(INVALID_ADDRESS);
	if (status != NB_OK)
		return -(int64_t)status;
	result = nb_client_stream_read(entry->native, bytes, len);
	/* The end of a stream was an error then. */
	if (result == 0 && len != 0)
		return ABI_ERROR(PEER_CLOSED);
	return result < 0 ? result : put_word(count, (uint32_t)result);
}

/* ---- events, signals ---- */

ABI_CALL(event_create, (void), ())
{
	int64_t event = nb_event_create();

	return event < 0 ? event : abi_add(ABI_EVENT, ABI_RIGHTS_ALL, (uint32_t)event);
}

/* What SIGNALED of the native object is called. */
static uint32_t
signaled_of(const struct abi_entry *entry)
{
	return entry->kind == ABI_CHANNEL || entry->kind == ABI_STREAM ? ABI_SIGNAL_PEER
								       : ABI_SIGNAL_EVENT;
}

static uint32_t
to_native(uint32_t signals, uint32_t signaled)
{
	uint32_t native = signals & ((uint32_t)ABI_SIGNALS_USER | ABI_SIGNALS_PLAIN);

	return signals & signaled ? native | NB_SIGNAL_SIGNALED : native;
}

static uint32_t
from_native(uint32_t native, uint32_t signaled)
{
	uint32_t signals = native & ((uint32_t)ABI_SIGNALS_USER | ABI_SIGNALS_PLAIN);

	return native & NB_SIGNAL_SIGNALED ? signals | signaled : signals;
}

/* The native handle to be waited by, above what its SIGNALED is called. */
ABI_LOCKED static int64_t
wait_handle(uint32_t number)
{
	struct abi_entry *entry;
	enum nb_status status = abi_find(number, ABI_FREE, 0, &entry);

	if (status == NB_OK && entry->native == NB_HANDLE_NONE)
		status = NB_BAD_STATE;
	if (status != NB_OK)
		return -(int64_t)status;
	return (int64_t)entry->native << 8 | signaled_of(entry);
}

ABI_EXPORT(object_wait_one) int64_t abi_object_wait_one(uint32_t number, uint32_t signals);
int64_t
abi_object_wait_one(uint32_t number, uint32_t signals)
{
	int64_t handle, seen;
	uint32_t signaled;

	abi_enter();
	handle = wait_handle(number);
	abi_leave();
	if (handle < 0)
		return handle;
	signaled = handle & 0xff;
	seen = nb_object_wait_one((uint32_t)(handle >> 8), to_native(signals, signaled),
				  NB_DEADLINE_NEVER);
	/* It was one before: another thread has closed it. */
	if (seen == ABI_ERROR(BAD_HANDLE))
		return ABI_SIGNAL_HANDLE_CLOSED;
	return seen < 0 ? seen : from_native((uint32_t)seen, signaled);
}

ABI_CALL(object_signal, (uint32_t number, uint32_t set, uint32_t clear), (number, set, clear))
{
	struct abi_entry *entry;
	enum nb_status status = abi_find(number, ABI_FREE, 0, &entry);
	uint32_t signaled, settable, needed;
	int64_t result;

	if (status == NB_OK && entry->native == NB_HANDLE_NONE)
		status = NB_BAD_STATE;
	if (status != NB_OK)
		return -(int64_t)status;
	signaled = signaled_of(entry);
	settable = (uint32_t)ABI_SIGNALS_USER | signaled;
	/* Either end of a channel or stream signals to the other. */
	needed = signaled == ABI_SIGNAL_PEER ? ABI_RIGHT_READ | ABI_RIGHT_WRITE : ABI_RIGHT_WRITE;
	if (!(entry->rights & needed))
		return ABI_ERROR(ACCESS_DENIED);
	if ((set | clear) & ~settable)
		return ABI_ERROR(INVALID_ARGUMENT);
	result = nb_object_signal(entry->native, to_native(clear, signaled),
				  to_native(set, signaled));
	if (result == 0 && signaled == ABI_SIGNAL_PEER && set & (uint32_t)ABI_SIGNALS_USER)
		(void)nb_object_signal(entry->native, 0, NB_SIGNAL_SIGNALED);
	return result;
}

/* ---- threads ---- */

ABI_LOCKED static int64_t
add_thread(uint32_t native)
{
	return abi_add(ABI_THREAD, 0, native);
}

ABI_EXPORT(thread_spawn) int64_t abi_thread_spawn(uint32_t idx, uint32_t argument, uint32_t stack);
int64_t
abi_thread_spawn(uint32_t idx, uint32_t argument, uint32_t stack)
{
	int64_t thread = nb_client_thread_spawn(idx, argument, stack), id;

	if (thread < 0)
		return thread;
	abi_enter();
	id = add_thread((uint32_t)thread);
	abi_leave();
	return id;
}

ABI_LOCKED static int64_t
thread_handle(uint32_t id)
{
	struct abi_entry *entry;
	enum nb_status status = abi_find(id, ABI_THREAD, 0, &entry);

	return status == NB_OK ? (int64_t)entry->native : -(int64_t)status;
}

ABI_EXPORT(thread_join) int64_t abi_thread_join(uint32_t id);
int64_t
abi_thread_join(uint32_t id)
{
	int64_t handle, result;

	abi_enter();
	handle = thread_handle(id);
	abi_leave();
	if (handle < 0)
		return handle;
	result = nb_thread_join((uint32_t)handle, NB_DEADLINE_NEVER);
	if (result < 0)
		return result;
	abi_enter();
	abi_forget_thread(id);
	abi_leave();
	return 0;
}

ABI_EXPORT(thread_yield) void abi_thread_yield(void);
void
abi_thread_yield(void)
{
	nb_thread_yield();
}

/* ---- locks in the client's memory: only these two calls change the word ---- */

/* 0: got it; 1: somebody holds it; or an error. */
ABI_LOCKED static int64_t
try_lock(uint32_t address)
{
	uint32_t word;
	int64_t result = address % 4 ? ABI_ERROR(INVALID_ARGUMENT)
				     : nb_client_read(&word, address, sizeof word);

	if (result < 0)
		return result;
	if (word)
		return 1;
	return put_word(address, 1);
}

ABI_EXPORT(pfex_acquire) void abi_pfex_acquire(uint32_t address);
void
abi_pfex_acquire(uint32_t address)
{
	int64_t result;

	for (;;) {
		abi_enter();
		result = try_lock(address);
		abi_leave();
		if (result == 0)
			return;
		/* Neither a lock nor a way to say so. */
		if (result < 0)
			__builtin_trap();
		(void)nb_client_futex_wait(address, 1, NB_DEADLINE_NEVER);
	}
}

ABI_LOCKED static int64_t
unlock(uint32_t address)
{
	return address % 4 ? ABI_ERROR(INVALID_ARGUMENT) : put_word(address, 0);
}

ABI_EXPORT(pfex_release) void abi_pfex_release(uint32_t address);
void
abi_pfex_release(uint32_t address)
{
	int64_t result;

	abi_enter();
	result = unlock(address);
	abi_leave();
	if (result < 0)
		__builtin_trap();
	(void)nb_client_futex_wake(address, 1);
}
