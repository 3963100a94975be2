/*
 * Publishing: artifacts, verification, cancellation, exhaustion; and the small parts
 * around it: RAM disk, digests, random numbers, log.
 */
#include "compiler/compiler.h"
#include "kernel/code/artifact.h"
#include "kernel/code/publish.h"
#include "kernel/init/boot.h"
#include "kernel/init/ustar.h"
#include "kernel/mm/account.h"
#include "kernel/mm/heap.h"
#include "kernel/port/cpu.h"
#include "kernel/sched/sched.h"
#include "kernel/sched/thread.h"
#include "kernel/sys/log.h"
#include "kernel/sys/random.h"
#include "platform/hosted/hosted.h"
#include "tests/kernel/harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern const uint8_t guest_trap[], guest_trap_end[];

/* ---- artifacts ---- */

/* The trap guest as an artifact in `arena`. */
static const uint8_t *
make_artifact(struct arena *arena, size_t *out_len)
{
	const struct wasm_features features = { .set = WASM_FEATURES_ALL,
						.code = WASM_CODE_VALIDATE };
	size_t len = (size_t)(guest_trap_end - guest_trap);
	struct compiler_options options;
	struct nb_code_image image;
	struct wasm_module wasm;
	const uint8_t *bytes;
	struct diag diag;

	diag_init(&diag);
	compiler_options_init(&options);
	assert_int_equal(wasm_module_decode(&wasm, arena, guest_trap, len, &features, &diag),
			 NB_OK);
	assert_int_equal(compiler_compile(&wasm, &options, arena->source, arena, &image, &diag),
			 NB_OK);
	assert_int_equal(artifact_write(arena, &wasm, &image, &bytes, out_len), NB_OK);
	return bytes;
}

static struct module *
publish(const uint8_t *bytes, size_t len)
{
	struct module_source source = { .bytes = bytes, .len = len };
	struct module *module;

	assert_int_equal(publish_begin(boot_account(), NB_PRIORITY_NORMAL, &source, &module),
			 NB_OK);
	return module;
}

static void
test_artifact_runs(void **state)
{
	struct arena arena;
	struct module *module;
	struct process *process;
	const uint8_t *bytes;
	uint32_t word = NB_TRAP_INTEGER_DIVIDE_BY_ZERO;
	size_t len;

	(void)state;
	arena_init(&arena, &boot_account()->source, SIZE_MAX);
	bytes = make_artifact(&arena, &len);
	module = publish(bytes, len);
	assert_int_equal(module->state, NB_MODULE_READY);
	process = kernel_process(module, "artifact");
	kernel_start(process, &word, 1);
	kernel_run_all(5000, NULL);
	kernel_expect_end(process, NB_TRAP_EXIT_BASE + (int)word, (enum nb_trap)word);
	assert_non_null(strstr(process->backtrace, "divide"));
	object_put(&process->object);
	arena_reset(&arena);
}

/* Code that does more than it may is refused, with its place. */
static void
test_artifact_is_verified(void **state)
{
	static const uint8_t syscall[] = { 0x0f, 0x05 };
	const struct nb_artifact_head *head;
	struct arena arena;
	struct module *module;
	uint8_t *copy;
	size_t len;

	(void)state;
	arena_init(&arena, &boot_account()->source, SIZE_MAX);
	const uint8_t *bytes = make_artifact(&arena, &len);
	copy = arena_alloc(&arena, len, NB_ARTIFACT_ALIGN);
	assert_non_null(copy);
	memcpy(copy, bytes, len);
	head = (const struct nb_artifact_head *)copy;
	memcpy(copy + head->sections[NB_ARTIFACT_CODE].offset, syscall, sizeof syscall);
	module = publish(copy, len);
	assert_int_equal(module->state, NB_MODULE_FAILED);
	assert_int_equal(module->status, NB_NOT_TRUSTED);
	assert_non_null(strstr(module->diagnostic, "not an instruction"));
	object_put(&module->object);
	arena_reset(&arena);
}

/* Any damage is refused or at least harmless before code would run. */
static void
test_artifact_damage(void **state)
{
	struct code_module module;
	struct arena arena;
	const uint8_t *bytes;
	uint8_t *copy;
	struct diag diag;
	uint32_t seed = 4711, refused = 0;
	size_t len;

	(void)state;
	arena_init(&arena, &boot_account()->source, SIZE_MAX);
	code_module_init(&module, &boot_account()->source, SIZE_MAX);
	bytes = make_artifact(&arena, &len);
	copy = heap_alloc(len);
	for (size_t i = 0; i < 3000; i++) {
		/* Every bit of the head, then samples. */
		size_t bit = i;

		if (i >= 8 * sizeof(struct nb_artifact_head)) {
			seed = seed * 1664525 + 1013904223;
			bit = seed % (8 * len);
		}
		memcpy(copy, bytes, len);
		copy[bit / 8] ^= (uint8_t)(1 << bit % 8);
		diag_init(&diag);
		if (artifact_read(copy, len, 0, &diag, &module) != NB_OK) {
			assert_int_not_equal(diag.status, NB_OK);
			refused++;
		}
		arena_reset(&module.arena);
	}
	assert_true(refused > 300);
	for (size_t cut = 0; cut < len; cut += 7) {
		diag_init(&diag);
		assert_int_not_equal(artifact_read(bytes, cut, 0, &diag, &module), NB_OK);
		arena_reset(&module.arena);
	}
	heap_free(copy, len);
	arena_reset(&arena);
}

static void
test_artifact_features(void **state)
{
	struct nb_artifact_head *head;
	struct code_module module;
	struct arena arena;
	struct diag diag;
	uint8_t *bytes;
	size_t len;

	(void)state;
	arena_init(&arena, &boot_account()->source, SIZE_MAX);
	code_module_init(&module, &boot_account()->source, SIZE_MAX);
	bytes = (uint8_t *)(uintptr_t)make_artifact(&arena, &len);
	head = (void *)bytes;
	head->cpu_features = NB_CPU_BMI2;
	diag_init(&diag);
	assert_int_equal(artifact_read(bytes, len, NB_CPU_AVX, &diag, &module), NB_NOT_SUPPORTED);
	assert_non_null(strstr(diag.text, "missing here: BMI2;"));
	head->cpu_features = NB_CPU_AVX | NB_CPU_BMI2 | 1u << 31;
	diag_init(&diag);
	assert_int_equal(artifact_read(bytes, len, 0, &diag, &module), NB_NOT_SUPPORTED);
	assert_non_null(strstr(diag.text, "missing here: AVX, BMI2, 0x80000000;"));
	head->cpu_features = NB_CPU_BMI2;
	diag_init(&diag);
	assert_int_equal(artifact_read(bytes, len, NB_CPU_BMI2, &diag, &module), NB_OK);
	head->contract_version++;
	diag_init(&diag);
	assert_int_equal(artifact_read(bytes, len, NB_CPU_BMI2, &diag, &module), NB_NOT_SUPPORTED);
	arena_reset(&module.arena);
	arena_reset(&arena);
}

/* ---- compiling ---- */

enum { MANY_FUNCTIONS = 20000, MANY_BYTES = 400000 };
static uint8_t many[MANY_BYTES];

static size_t
put_u32(uint8_t *to, uint32_t value)
{
	size_t len = 0;

	/* Five bytes always, so that lengths are known beforehand. */
	for (; len < 4; len++, value >>= 7)
		to[len] = (uint8_t)(value | 0x80);
	to[len++] = (uint8_t)value;
	return len;
}

/* A module of MANY_FUNCTIONS functions ()->() with a few instructions each. */
static size_t
make_many(void)
{
	static const uint8_t head[] = { 0, 'a', 's', 'm', 1, 0, 0, 0, 1, 4, 1, 0x60, 0, 0 };
	static const uint8_t body[] = { 8, 0, 0x41, 1, 0x41, 2, 0x6a, 0x1a, 0x0b };
	size_t at = sizeof head;

	memcpy(many, head, sizeof head);
	many[at++] = 3;
	at += put_u32(many + at, MANY_FUNCTIONS + 5);
	at += put_u32(many + at, MANY_FUNCTIONS);
	memset(many + at, 0, MANY_FUNCTIONS);
	at += MANY_FUNCTIONS;
	many[at++] = 10;
	at += put_u32(many + at, MANY_FUNCTIONS * (uint32_t)sizeof body + 5);
	at += put_u32(many + at, MANY_FUNCTIONS);
	for (uint32_t i = 0; i < MANY_FUNCTIONS; i++, at += sizeof body)
		memcpy(many + at, body, sizeof body);
	return at;
}

/* Closes the only handle once some functions are compiled. */
struct closer {
	struct module *module;
	struct handle_table table;
};

static void
closer_main(void *argument)
{
	struct closer *closer = argument;

	while (__atomic_load_n(&closer->module->done, __ATOMIC_RELAXED) < 50 &&
	       module_state(closer->module) == NB_MODULE_PUBLISHING)
		thread_block(port_time_monotonic_ns() + 200000);
	handle_table_close(&closer->table);
	thread_exit();
}

static void
test_cancel_compile(void **state)
{
	struct closer closer = { .module = publish(many, make_many()) };
	struct thread_options options = {
		.account = boot_account(),
		.priority = NB_PRIORITY_HIGH,
		.stack_bytes = 256 * 1024,
		.entry = closer_main,
		.argument = &closer,
	};
	struct thread *thread;
	uint32_t handle;

	(void)state;
	handle_table_init(&closer.table, boot_account());
	assert_int_equal(handle_add(&closer.table, &closer.module->object, 0, &handle), NB_OK);
	assert_int_equal(thread_create(&options, &thread), NB_OK);
	thread_start(thread);
	sched_run(boot_is_over);
	assert_int_equal(closer.module->state, NB_MODULE_FAILED);
	assert_int_equal(closer.module->status, NB_CANCELED);
	assert_int_equal(closer.module->total, MANY_FUNCTIONS);
	assert_true(closer.module->done >= 50 && closer.module->done < MANY_FUNCTIONS);
	object_put(&closer.module->object);
}

static void
test_compile_many(void **state)
{
	struct module *module = kernel_publish(many, make_many());

	(void)state;
	assert_int_equal(module->done, MANY_FUNCTIONS);
	object_put(&module->object);
}

/* ---- exhaustion ---- */

/* From bytes to a process that has ended; true if nothing failed. */
static bool
try_whole_life(void)
{
	const struct process_options options = {
		.account = boot_account(),
		.name = "whole",
		.name_len = 5,
		.priority = NB_PRIORITY_NORMAL,
	};
	struct module_source source = { .bytes = guest_trap,
					.len = (size_t)(guest_trap_end - guest_trap) };
	struct process *process;
	struct module *module;
	struct diag diag;
	uint32_t idx;
	bool complete = false;

	diag_init(&diag);
	if (publish_begin(boot_account(), NB_PRIORITY_NORMAL, &source, &module) != NB_OK)
		return false;
	kernel_run_idle();
	if (module_state(module) == NB_MODULE_FAILED)
		assert_true(module->status == NB_OUT_OF_MEMORY);
	if (module_state(module) == NB_MODULE_READY &&
	    process_create(&options, &process) == NB_OK) {
		if (process_instantiate(process, module, NULL, 0, &diag, &idx) == NB_OK &&
		    process_start(process, 0, NULL, 0) == NB_OK) {
			kernel_run_idle();
			complete = process->state == NB_PROCESS_ENDED && process->status == 17;
			assert_true(complete || process->trap == NB_TRAP_OUT_OF_MEMORY);
		}
		object_put(&process->object);
	}
	object_put(&module->object);
	return complete;
}

static void
test_heap_exhaustion(void **state)
{
	uint64_t count = kernel_fail_each(heap_fail_after, try_whole_life);

	(void)state;
	(void)printf("%lu heap requests\n", (unsigned long)count);
	assert_true(count > 10);
}

static void
test_page_exhaustion(void **state)
{
	uint64_t count = kernel_fail_each(hosted_memory_fail_after, try_whole_life);

	(void)state;
	(void)printf("%lu page requests\n", (unsigned long)count);
	assert_true(count > 10);
}

/* ---- the RAM disk ---- */

enum { TAR_BLOCK = 512 };

static void
put_header(uint8_t *at, const char *prefix, const char *name, size_t size, char type)
{
	uint32_t sum = 0;

	memset(at, 0, TAR_BLOCK);
	memcpy(at, name, strlen(name));
	(void)snprintf((char *)at + 124, 12, "%011zo", size);
	at[156] = (uint8_t)type;
	memcpy(at + 257,
	       "ustar\0"
	       "00",
	       8);
	memcpy(at + 345, prefix, strlen(prefix));
	memset(at + 148, ' ', 8);
	for (int i = 0; i < TAR_BLOCK; i++)
		sum += at[i];
	(void)snprintf((char *)at + 148, 8, "%06o", sum);
}

static void
test_ustar(void **state)
{
	static uint8_t tar[8 * TAR_BLOCK];
	struct ustar_file file;

	(void)state;
	memset(tar, 0, sizeof tar);
	put_header(tar, "", "boot", 0, '5');
	put_header(tar + TAR_BLOCK, "", "boot/init.nbo", 600, '0');
	memset(tar + 2 * TAR_BLOCK, 'x', 600);
	put_header(tar + 4 * TAR_BLOCK, "long/prefix", "file", 3, '0');
	memcpy(tar + 5 * TAR_BLOCK, "abc", 3);
	assert_int_equal(ustar_find(tar, sizeof tar, "boot/init.nbo", &file), NB_OK);
	assert_int_equal(file.size, 600);
	assert_ptr_equal(file.bytes, tar + 2 * TAR_BLOCK);
	assert_int_equal(ustar_find(tar, sizeof tar, "long/prefix/file", &file), NB_OK);
	assert_int_equal(file.size, 3);
	assert_int_equal(ustar_find(tar, sizeof tar, "boot", &file), NB_NOT_FOUND);
	assert_int_equal(ustar_find(tar, sizeof tar, "boot/init", &file), NB_NOT_FOUND);
	assert_int_equal(ustar_find(tar, sizeof tar, "boot/init.nbo2", &file), NB_NOT_FOUND);
	assert_int_equal(ustar_find(tar, 0, "x", &file), NB_NOT_FOUND);
	/* Cut inside the contents; a wrong checksum; a size that passes the end. */
	assert_int_equal(ustar_find(tar, 3 * TAR_BLOCK, "long/prefix/file", &file), NB_MALFORMED);
	tar[TAR_BLOCK + 5] ^= 1;
	assert_int_equal(ustar_find(tar, sizeof tar, "long/prefix/file", &file), NB_MALFORMED);
	put_header(tar + TAR_BLOCK, "", "huge", 077777777777, '0');
	assert_int_equal(ustar_find(tar, sizeof tar, "long/prefix/file", &file), NB_MALFORMED);
}

/* ---- random numbers, log ---- */

/* Source: RFC 8439 appendix A.1, test vectors 1 and 2: zero key, blocks 0, 1. */
static void
test_random(void **state)
{
	static const uint8_t first[] = { 0x76, 0xb8, 0xe0, 0xad, 0xa0, 0xf1, 0x3d, 0x90 };
	static const uint8_t second[] = { 0x9f, 0x07, 0xe7, 0xbe, 0x55, 0x51, 0x38, 0x7a };
	const uint32_t key[8] = { 0 };
	uint8_t block[64], a[200], b[200], pieces[100][13];

	(void)state;
	random_chacha20_block(key, 0, block);
	assert_memory_equal(block, first, sizeof first);
	random_chacha20_block(key, 1, block);
	assert_memory_equal(block, second, sizeof second);
	random_bytes(a, sizeof a);
	random_bytes(b, sizeof b);
	assert_memory_not_equal(a, b, sizeof a);
	assert_memory_not_equal(a, a + 100, 100);
	/* Small pieces come from what is kept ready, across its end: none comes twice. */
	for (size_t i = 0; i < 100; i++) {
		random_bytes(pieces[i], sizeof pieces[i]);
		for (size_t j = 0; j < i; j++)
			assert_memory_not_equal(pieces[i], pieces[j], sizeof pieces[i]);
	}
}

static void
test_log(void **state)
{
	struct nb_log_record record;
	uint64_t sequence = 0, last = 0;
	char text[64];

	(void)state;
	while (log_read(sequence, &record, text, sizeof text) == NB_OK)
		sequence = record.sequence + 1;
	log_write(NB_LOG_INFO, "%s",
		  "\xc3\xa4\x1b[2J\xc2\x9b"
		  "2J");
	assert_int_equal(log_read(sequence, &record, text, sizeof text), NB_OK);
	assert_int_equal(record.len, 10);
	assert_memory_equal(text, "\xc3\xa4 [2J  2J", 10);
	sequence = record.sequence + 1;
	log_write(NB_LOG_INFO, "%s",
		  "\x9b"
		  "2J");
	assert_int_equal(log_read(sequence, &record, text, sizeof text), NB_OK);
	assert_memory_equal(text, "?2J", 3);
	sequence = record.sequence + 1;
	log_write(NB_LOG_INFO, "a\tb %d", 5);
	assert_int_equal(log_read(sequence, &record, text, sizeof text), NB_OK);
	assert_int_equal(record.level, NB_LOG_INFO);
	assert_int_equal(record.len, 5);
	assert_memory_equal(text, "a b 5", 5);
	/* Many more than the ring holds: the oldest have gone, none is torn. */
	for (int i = 0; i < 5000; i++)
		log_write(NB_LOG_DEBUG, "record %d of many", i);
	for (sequence = 0; log_read(sequence, &record, text, sizeof text) == NB_OK;) {
		assert_true(sequence == 0 || record.sequence == last + 1);
		assert_memory_equal(text, "record ", 7);
		last = record.sequence;
		sequence = last + 1;
	}
	assert_true(last >= 5000);
	assert_int_equal(log_read(sequence, &record, text, sizeof text), NB_SHOULD_WAIT);
}

/* Whether the log object says that there is something. */
static bool
has_news(struct object *object)
{
	log_poll();
	return object_signals(object) & NB_SIGNAL_READABLE;
}

static void
test_log_followed(void **state)
{
	struct object *object, *other;
	struct nb_log_record record = { 0 };
	char text[64];

	(void)state;
	/* To nowhere: the test has no console. */
	log_set_console_level(NB_LOG_WARN);
	log_write(NB_LOG_ERROR, "printed by the kernel");
	assert_int_equal(log_follow(boot_account(), &object), NB_OK);
	object_handle_get(object);
	object_put(object);
	assert_int_equal(log_follow(boot_account(), &other), NB_ALREADY_EXISTS);
	assert_false(has_news(object));
	assert_int_equal(log_read_followed(0, &record, text, sizeof text), NB_SHOULD_WAIT);

	log_write(NB_LOG_INFO, "not for the console");
	assert_false(has_news(object));
	log_write(NB_LOG_ERROR, "first");
	log_write(NB_LOG_DEBUG, "not for the console either");
	log_write(NB_LOG_WARN, "second");
	assert_true(has_news(object));
	assert_int_equal(log_read_followed(0, &record, text, sizeof text), NB_OK);
	assert_memory_equal(text, "first", 5);
	/* It has not been shown yet, as far as anybody knows. */
	assert_int_equal(log_read_followed(0, &record, text, sizeof text), NB_OK);
	assert_memory_equal(text, "first", 5);
	assert_int_equal(log_read_followed(record.sequence + 1, &record, text, sizeof text), NB_OK);
	assert_memory_equal(text, "second", 6);
	/* Nonsense shows nothing. */
	assert_int_equal(log_read_followed(UINT64_MAX, &record, text, sizeof text), NB_OK);
	assert_memory_equal(text, "second", 6);
	assert_true(object_signals(object) & NB_SIGNAL_READABLE);
	assert_int_equal(log_read_followed(record.sequence + 1, &record, text, sizeof text),
			 NB_SHOULD_WAIT);
	assert_false(has_news(object));

	/* What its reader did not come to is printed when the last handle goes, once. */
	log_write(NB_LOG_ERROR, "third");
	object_handle_put(object);
	assert_int_equal(log_follow(boot_account(), &other), NB_OK);
	object_handle_get(other);
	object_put(other);
	assert_int_equal(log_read_followed(0, &record, text, sizeof text), NB_SHOULD_WAIT);
	log_write(NB_LOG_ERROR, "fourth");
	assert_true(has_news(other));
	assert_int_equal(log_read_followed(0, &record, text, sizeof text), NB_OK);
	assert_memory_equal(text, "fourth", 6);
	object_handle_put(other);
	log_set_console_level(-1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		kernel_test(test_artifact_runs),
		kernel_test(test_artifact_is_verified),
		kernel_test(test_artifact_damage),
		kernel_test(test_artifact_features),
		kernel_test(test_cancel_compile),
		kernel_test(test_compile_many),
		kernel_test(test_heap_exhaustion),
		kernel_test(test_page_exhaustion),
		kernel_test(test_ustar),
		kernel_test(test_random),
		kernel_test(test_log),
		kernel_test(test_log_followed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
