/*
 * The command `disk`: reads and writes sectors of the block device.
 */
#include "user/apps/shell/shell.h"
#include "user/libs/block/block.h"
#include "user/sdk/bytes.h"

#include "nebulet.h"

enum { ROW_BYTES = 16, SECTORS_MAX = 8, LINE_BYTES = 128 };

#define TIMEOUT_NS INT64_C(5000000000)

static struct block device;
static bool is_open;

static int64_t
deadline(void)
{
	return nb_clock_get(NB_CLOCK_MONOTONIC) + TIMEOUT_NS;
}

static bool
fail(struct shell *shell, enum nb_status status)
{
	shell_print(shell, "disk: ");
	shell_print(shell, nb_status_text(status));
	shell_print(shell, "\n");
	return false;
}

/* A decimal number of at most 18 digits. */
static bool
parse_number(const char *word, uint64_t *number)
{
	uint32_t i = 0;

	*number = 0;
	for (; word[i] >= '0' && word[i] <= '9' && i < 18; i++)
		*number = *number * 10 + (uint64_t)(word[i] - '0');
	return i && !word[i];
}

/* Waits for the one request that is under way. */
static enum nb_status
finish(void)
{
	enum nb_status result = NB_OK, status;
	uint32_t slot;

	block_start(&device);
	status = block_wait(&device, deadline(), &slot, &result);
	return status ? status : result;
}

static bool
open(struct shell *shell)
{
	enum nb_status status;

	if (is_open)
		return true;
	status = block_open(&device, shell->services, deadline());
	is_open = !status;
	if (status == NB_PEER_CLOSED || status == NB_TIMED_OUT) {
		shell_print(shell, "disk: this machine has none that a driver knows "
				   "(`./dev run --disk FILE` gives it one)\n");
		return false;
	}
	return is_open || fail(shell, status);
}

static void
add_hex(struct text *text, uint64_t value, uint32_t digits)
{
	while (digits--) {
		char digit = "0123456789abcdef"[value >> (4 * digits) & 15];

		text_add_bytes(text, &digit, 1);
	}
}

/* A row as hexdump -C shows it. */
static void
print_row(struct shell *shell, uint64_t offset, const uint8_t *bytes)
{
	char line_bytes[LINE_BYTES];
	struct text line;

	text_init(&line, line_bytes, sizeof line_bytes);
	add_hex(&line, offset, 8);
	for (uint32_t i = 0; i < ROW_BYTES; i++) {
		text_add(&line, i % 8 ? " " : "  ");
		add_hex(&line, bytes[i], 2);
	}
	text_add(&line, "  |");
	for (uint32_t i = 0; i < ROW_BYTES; i++) {
		char c = bytes[i] >= ' ' && bytes[i] < 0x7f ? (char)bytes[i] : '.';

		text_add_bytes(&line, &c, 1);
	}
	text_add(&line, "|\n");
	shell_write(shell, line.bytes, line.length);
}

static bool
read_sectors(struct shell *shell, uint64_t sector, uint32_t count)
{
	enum nb_status status;

	block_submit(&device, 0, BLOCK_READ, sector, count * BLOCK_SECTOR);
	status = finish();
	if (status)
		return fail(shell, status);
	for (uint32_t at = 0; at < count * BLOCK_SECTOR; at += ROW_BYTES)
		print_row(shell, sector * BLOCK_SECTOR + at, block_data(0) + at);
	return true;
}

/* A sector of that text, zeros behind it, safe when this returns. */
static bool
write_sector(struct shell *shell, uint64_t sector, const char *text)
{
	uint32_t len = text_length(text);
	uint8_t *data = block_data(0);
	enum nb_status status;

	if (len > BLOCK_SECTOR) {
		shell_print(shell, "disk: a sector has 512 bytes\n");
		return false;
	}
	bytes_clear(data, BLOCK_SECTOR);
	bytes_copy(data, text, len);
	block_submit(&device, 0, BLOCK_WRITE, sector, BLOCK_SECTOR);
	status = finish();
	if (!status) {
		block_submit(&device, 0, BLOCK_FLUSH, 0, 0);
		status = finish();
	}
	return status ? fail(shell, status) : true;
}

static bool
print_size(struct shell *shell)
{
	char line_bytes[LINE_BYTES];
	struct text line;

	text_init(&line, line_bytes, sizeof line_bytes);
	text_add_number(&line, (int64_t)device.sectors);
	text_add(&line, " sectors of 512 bytes");
	text_add(&line, device.is_read_only ? ", read only\n" : "\n");
	shell_write(shell, line.bytes, line.length);
	return true;
}

static bool
is_word(const char *word, const char *text)
{
	return text_is(word, text_length(word), text);
}

bool
shell_disk(struct shell *shell, const struct words *words)
{
	uint64_t sector = 0, count = 1;
	bool is_read = words->count >= 3 && is_word(words->word[1], "read");
	bool is_write = words->count == 4 && is_word(words->word[1], "write");

	if (words->count != 1 &&
	    ((!is_read && !is_write) || !parse_number(words->word[2], &sector) ||
	     (is_read &&
	      (words->count > 4 || (words->count == 4 && !parse_number(words->word[3], &count)) ||
	       !count || count > SECTORS_MAX)))) {
		shell_print(shell, "usage: disk | disk read SECTOR [COUNT, at most 8] | "
				   "disk write SECTOR TEXT\n");
		return false;
	}
	if (!open(shell))
		return false;
	if (words->count == 1)
		return print_size(shell);
	return is_read ? read_sectors(shell, sector, (uint32_t)count)
		       : write_sector(shell, sector, words->word[3]);
}
