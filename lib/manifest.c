/*
 * Manifests. A line is cut into words, the first one of which says who reads the
 * others. The first error ends the reading.
 */
#include "lib/manifest.h"

#include "lib/format.h"
#include "lib/string.h"

enum { WORDS_MAX = 4, MMIO_UNIT = 4096, BARS = 6, IRQ_COUNT = 1024, THREADS_MOST = 4096 };

struct word {
	const char *bytes;
	uint32_t len;
	uint32_t column;
};

struct parser {
	const char *at, *end;
	struct manifest *out;
	struct manifest_error *error;
	uint32_t line;
	struct word words[WORDS_MAX];
	uint32_t word_count; /* of the line, the keyword included */
	uint32_t end_column; /* behind the last word */
};

static const struct line_info {
	const char *keyword, *arguments;
	uint32_t most;
} line_infos[] = {
#define NB_MANIFEST(name, keyword, arguments, most, text) { keyword, arguments, most },
#include "abi/manifest.def"
#undef NB_MANIFEST
};

__attribute__((format(printf, 3, 4))) static bool
refuse(struct parser *p, uint32_t column, const char *format, ...)
{
	va_list args;

	p->error->line = p->line;
	p->error->column = column;
	va_start(args, format);
	format_text_va(p->error->text, sizeof(p->error->text), format, args);
	va_end(args);
	return false;
}

/* A word for messages: no more of it than there is room for. */
#define WORD(word) (int)((word)->len < 32 ? (word)->len : 32), (word)->bytes

static bool
is_word(const struct word *word, const char *text)
{
	return word->len == strlen(text) && memcmp(word->bytes, text, word->len) == 0;
}

/* --- words ---------------------------------------------------------------- */

/* Behind the end of the line, or at the end. */
static void
skip_line(struct parser *p)
{
	while (p->at < p->end && *p->at != '\n')
		p->at++;
	if (p->at < p->end)
		p->at++;
}

static bool
is_line_end(const struct parser *p)
{
	return p->at == p->end || *p->at == '\n' || *p->at == '#' ||
	       (*p->at == '\r' && p->end - p->at > 1 && p->at[1] == '\n');
}

static bool
is_printable(char c)
{
	return c > ' ' && c < 127;
}

/* Cuts the line into words. */
static bool
read_line(struct parser *p)
{
	const char *start = p->at;

	p->word_count = 0;
	p->end_column = 1;
	while (!is_line_end(p)) {
		uint32_t column = (uint32_t)(p->at - start) + 1;
		const char *word = p->at;

		if (*p->at == ' ' || *p->at == '\t') {
			p->at++;
			continue;
		}
		while (p->at < p->end && is_printable(*p->at) && *p->at != '#')
			p->at++;
		if (p->at == word)
			return refuse(p, column, "byte 0x%02x", (unsigned char)*p->at);
		if (p->word_count == WORDS_MAX)
			return refuse(p, column, "more words than any line has");
		p->end_column = (uint32_t)(p->at - start) + 1;
		p->words[p->word_count++] = (struct word){ word, (uint32_t)(p->at - word), column };
	}
	skip_line(p);
	return true;
}

/* --- arguments ------------------------------------------------------------ */

static uint32_t
digit_of(char c)
{
	if (c >= '0' && c <= '9')
		return (uint32_t)(c - '0');
	if (c >= 'a' && c <= 'f')
		return (uint32_t)(c - 'a') + 10;
	if (c >= 'A' && c <= 'F')
		return (uint32_t)(c - 'A') + 10;
	return 16;
}

/* All of bytes[0..len), at least one, in that base; false if it is no such number. */
static bool
read_digits(const char *bytes, uint32_t len, uint32_t base, uint64_t *out)
{
	uint64_t value = 0;

	for (uint32_t i = 0; i < len; i++) {
		uint32_t digit = digit_of(bytes[i]);

		if (digit >= base || value > (UINT64_MAX - digit) / base)
			return false;
		value = value * base + digit;
	}
	*out = value;
	return len > 0;
}

static bool
read_number(const char *bytes, uint32_t len, uint64_t *out)
{
	if (len > 2 && bytes[0] == '0' && bytes[1] == 'x')
		return read_digits(bytes + 2, len - 2, 16, out);
	return read_digits(bytes, len, 10, out);
}

/* Word `which` as a number from `least` to `most`; `noun` says what of. */
static bool
take_number(struct parser *p, uint32_t which, const char *noun, uint64_t least, uint64_t most,
	    uint64_t *out)
{
	const struct word *word = &p->words[which];

	if (!read_number(word->bytes, word->len, out))
		return refuse(p, word->column, "\"%.*s\" is no number", WORD(word));
	if (*out < least || *out > most)
		return refuse(p, word->column, "%s is not between %llu and %llu", noun,
			      (unsigned long long)least, (unsigned long long)most);
	return true;
}

static bool
take_size(struct parser *p, uint32_t which, uint64_t *out)
{
	const struct word *word = &p->words[which];
	static const char units[] = "KMG";
	uint32_t len = word->len, shift = 0;

	for (uint32_t i = 0; i < 3; i++)
		if (word->bytes[len - 1] == units[i] && !shift) {
			shift = 10 * (i + 1);
			len--;
			break;
		}
	if (!read_number(word->bytes, len, out))
		return refuse(p, word->column, "\"%.*s\" is no size such as 4096, 256K or 4M",
			      WORD(word));
	if (*out == 0 || *out > UINT64_MAX >> 1 >> shift)
		return refuse(p, word->column, "a size out of range");
	*out <<= shift;
	return true;
}

static bool
is_word_byte(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '-' || c == '_' || c == '.';
}

static bool
take_word(struct parser *p, struct manifest_word *out)
{
	const struct word *word = &p->words[1];

	if (word->len >= sizeof(out->text))
		return refuse(p, word->column, "a name of more than %u bytes",
			      NB_MANIFEST_WORD_BYTES - 1);
	for (uint32_t i = 0; i < word->len; i++)
		if (!is_word_byte(word->bytes[i]))
			return refuse(p, word->column + i, "\"%c\" in a name", word->bytes[i]);
	memcpy(out->text, word->bytes, word->len);
	memset(out->text + word->len, 0, sizeof(out->text) - word->len);
	return true;
}

/* Exactly so many arguments. */
static bool
need(struct parser *p, const struct line_info *info, uint32_t count)
{
	if (p->word_count == count + 1)
		return true;
	bool is_more = p->word_count > count + 1 && count + 1 < WORDS_MAX;
	uint32_t column = is_more ? p->words[count + 1].column : p->end_column;

	return refuse(p, column, "expected: %s %s", info->keyword, info->arguments);
}

/* --- lines ------------------------------------------------------------------ */

static bool
read_port(struct parser *p, const struct line_info *info)
{
	static const char *const modes[] = { "", "r", "w", "rw" };
	struct nb_port_range *range = &p->out->ports[p->out->counts[NB_MANIFEST_PORT]];
	uint64_t first, count;

	if (!need(p, info, 3) || !take_number(p, 1, "a port", 0, NB_PORT_COUNT - 1, &first) ||
	    !take_number(p, 2, "the number of ports", 1, NB_PORT_COUNT - first, &count))
		return false;
	*range = (struct nb_port_range){ (uint32_t)first, (uint32_t)count, 0, p->line };
	for (uint32_t i = NB_PORT_READ; i < 4; i++)
		if (is_word(&p->words[3], modes[i]))
			range->access = i;
	if (!range->access)
		return refuse(p, p->words[3].column, "\"%.*s\" is not r, w or rw",
			      WORD(&p->words[3]));
	const char *owner = manifest_reserved_ports(range->first, range->count);

	if (owner)
		return refuse(p, p->words[1].column,
			      "ports 0x%x to 0x%x touch %s, which is never granted", range->first,
			      range->first + range->count - 1, owner);
	return true;
}

static bool
read_mmio(struct parser *p, const struct line_info *info)
{
	struct manifest_mmio *mmio = &p->out->mmio[p->out->counts[NB_MANIFEST_MMIO]];
	const struct word *word = &p->words[1];

	*mmio = (struct manifest_mmio){ .line = p->line };
	if (p->word_count == 2 && is_word(word, "platform")) {
		mmio->place = MANIFEST_PLATFORM;
		return true;
	}
	if (p->word_count == 2 && word->len == 4 && memcmp(word->bytes, "bar", 3) == 0) {
		mmio->place = MANIFEST_PCI;
		mmio->bar = digit_of(word->bytes[3]);
		return mmio->bar < BARS || refuse(p, word->column, "there are bar0 to bar5");
	}
	if (!need(p, info, 2) ||
	    !take_number(p, 1, "an address", 0, UINT64_MAX >> 1, &mmio->address) ||
	    !take_size(p, 2, &mmio->size))
		return false;
	for (uint32_t i = 1; i <= 2; i++)
		if ((i == 1 ? mmio->address : mmio->size) % MMIO_UNIT)
			return refuse(p, p->words[i].column, "not a multiple of 4K");
	return true;
}

static bool
read_irq(struct parser *p, const struct line_info *info)
{
	struct manifest_irq *irq = &p->out->irqs[p->out->counts[NB_MANIFEST_IRQ]];
	uint64_t number = 0;

	*irq = (struct manifest_irq){ .line = p->line };
	if (!need(p, info, 1))
		return false;
	if (is_word(&p->words[1], "pci"))
		irq->place = MANIFEST_PCI;
	else if (is_word(&p->words[1], "platform"))
		irq->place = MANIFEST_PLATFORM;
	else if (!take_number(p, 1, "an interrupt", 0, IRQ_COUNT - 1, &number))
		return false;
	irq->number = (uint32_t)number;
	return true;
}

/* CLASS */
static bool
read_class(struct parser *p, struct manifest_pci *pci)
{
	const struct word *word = &p->words[2];
	uint64_t bits;

	if (word->len > 6 || word->len % 2 || !read_digits(word->bytes, word->len, 16, &bits))
		return refuse(p, word->column,
			      "a class is 2, 4 or 6 hexadecimal digits, such as 0c0330");
	uint32_t rest = 24 - 4 * word->len;

	pci->is_any_id = true;
	pci->class_bits = (uint32_t)bits << rest;
	pci->class_mask = 0xffffffu & (0xffffffu << rest);
	return true;
}

/* ID at the word's byte `at`. */
static bool
read_id(struct parser *p, uint32_t at, uint16_t *out)
{
	const struct word *word = &p->words[1];
	uint64_t id;

	if (word->len < at + 4 || !read_digits(word->bytes + at, 4, 16, &id))
		return refuse(p, word->column + at, "expected four hexadecimal digits");
	*out = (uint16_t)id;
	return true;
}

static bool
read_pci(struct parser *p, const struct line_info *info)
{
	enum { DEVICE = 5, RANGE = 9, LAST = 11, WHOLE = 15 };
	struct manifest_pci *pci = &p->out->pci[p->out->counts[NB_MANIFEST_PCI]];
	const struct word *word = &p->words[1];

	*pci = (struct manifest_pci){ .line = p->line };
	if (p->word_count == 3 && is_word(word, "class"))
		return read_class(p, pci);
	if (!need(p, info, 1) || !read_id(p, 0, &pci->vendor))
		return false;
	if (word->len == 4 || word->bytes[4] != ':')
		return refuse(p, word->column + 4, "expected \":\" and a device");
	if (!read_id(p, DEVICE, &pci->first_device))
		return false;
	pci->last_device = pci->first_device;
	if (word->len == RANGE)
		return true;
	if (word->len < LAST || memcmp(word->bytes + RANGE, "..", 2) != 0)
		return refuse(p, word->column + RANGE, "expected \"..\" and the last device");
	if (!read_id(p, LAST, &pci->last_device))
		return false;
	if (word->len != WHOLE)
		return refuse(p, word->column + WHOLE, "more than a range of devices");
	return pci->first_device <= pci->last_device ||
	       refuse(p, word->column + LAST, "a range that ends before it begins");
}

static bool
read_threads(struct parser *p, const struct line_info *info)
{
	uint64_t threads = 0;

	if (!need(p, info, 1) ||
	    !take_number(p, 1, "the number of threads", 1, THREADS_MOST, &threads))
		return false;
	p->out->threads = (uint32_t)threads;
	return true;
}

static bool
read_arguments(struct parser *p, enum nb_manifest_line kind)
{
	const struct line_info *info = &line_infos[kind];
	struct manifest *out = p->out;
	uint32_t number = out->counts[kind];

	switch (kind) {
	case NB_MANIFEST_NAME:
		return need(p, info, 1) && take_word(p, &out->name);
	case NB_MANIFEST_PORT:
		return read_port(p, info);
	case NB_MANIFEST_MMIO:
		return read_mmio(p, info);
	case NB_MANIFEST_IRQ:
		return read_irq(p, info);
	case NB_MANIFEST_DMA:
		return need(p, info, 1) && take_size(p, 1, &out->dma_bytes);
	case NB_MANIFEST_PCI:
		return read_pci(p, info);
	case NB_MANIFEST_PLATFORM:
		return need(p, info, 1) && take_word(p, &out->platform[number]);
	case NB_MANIFEST_MEMORY:
		return need(p, info, 1) && take_size(p, 1, &out->memory_bytes);
	case NB_MANIFEST_THREADS:
		return read_threads(p, info);
	case NB_MANIFEST_USES:
		return need(p, info, 1) && take_word(p, &out->uses[number]);
	case NB_MANIFEST_OFFERS:
		return need(p, info, 1) && take_word(p, &out->offers[number]);
	case NB_MANIFEST_LINE_COUNT:
		break;
	}
	return false;
}

static bool
take_line(struct parser *p)
{
	const struct word *keyword = &p->words[0];

	for (uint32_t i = 0; i < NB_MANIFEST_LINE_COUNT; i++) {
		const struct line_info *info = &line_infos[i];

		if (!is_word(keyword, info->keyword))
			continue;
		if (p->out->counts[i] == info->most && info->most == 1)
			return refuse(p, keyword->column, "a second \"%s\"", info->keyword);
		if (p->out->counts[i] == info->most)
			return refuse(p, keyword->column, "more than %u lines \"%s\"", info->most,
				      info->keyword);
		if (!read_arguments(p, (enum nb_manifest_line)i))
			return false;
		p->out->counts[i]++;
		p->out->lines[i] = p->line;
		return true;
	}
	return refuse(p, keyword->column, "\"%.*s\" is not a word that lines begin with",
		      WORD(keyword));
}

enum nb_status
manifest_parse(const char *text, size_t len, struct manifest *out, struct manifest_error *error)
{
	struct parser p = { .at = text, .end = text + len, .out = out, .error = error };

	memset(out, 0, sizeof(*out));
	memset(error, 0, sizeof(*error));
	if (len > NB_MANIFEST_BYTES) {
		p.line = 1;
		refuse(&p, 1, "more than %u bytes", NB_MANIFEST_BYTES);
		return NB_MALFORMED;
	}
	while (p.at < p.end) {
		p.line++;
		if (!read_line(&p) || (p.word_count && !take_line(&p)))
			return NB_MALFORMED;
	}
	p.line++;
	if (!out->counts[NB_MANIFEST_NAME]) {
		refuse(&p, 1, "there is no line \"name\"");
		return NB_MALFORMED;
	}
	return NB_OK;
}

/* --- questions ---------------------------------------------------------------- */

uint32_t
manifest_port_line(const struct manifest *manifest, uint32_t port, uint32_t bytes,
		   enum nb_port_access access)
{
	for (uint32_t i = 0; i < manifest->counts[NB_MANIFEST_PORT]; i++) {
		const struct nb_port_range *range = &manifest->ports[i];

		if (range->access & access && bytes <= range->count && port >= range->first &&
		    port - range->first <= range->count - bytes)
			return range->line;
	}
	return 0;
}

const char *
manifest_reserved_ports(uint32_t first, uint32_t count)
{
	static const struct {
		uint32_t first, last;
		const char *text;
	} reserved[] = {
#define NB_RESERVED_PORTS(first, last, text) { first, last, text },
#include "abi/reserved_ports.def"
#undef NB_RESERVED_PORTS
	};

	for (uint32_t i = 0; i < sizeof(reserved) / sizeof(*reserved); i++)
		if (first <= reserved[i].last && first + count > reserved[i].first)
			return reserved[i].text;
	return NULL;
}

bool
manifest_drives_pci(const struct manifest *manifest, uint16_t vendor, uint16_t device,
		    uint32_t class_code)
{
	for (uint32_t i = 0; i < manifest->counts[NB_MANIFEST_PCI]; i++) {
		const struct manifest_pci *pci = &manifest->pci[i];

		if ((class_code & pci->class_mask) != pci->class_bits)
			continue;
		if (pci->is_any_id || (vendor == pci->vendor && device >= pci->first_device &&
				       device <= pci->last_device))
			return true;
	}
	return false;
}

bool
manifest_drives_platform(const struct manifest *manifest, const char *name)
{
	size_t bytes = strlen(name) + 1;

	for (uint32_t i = 0; i < manifest->counts[NB_MANIFEST_PLATFORM]; i++)
		if (bytes <= NB_MANIFEST_WORD_BYTES &&
		    memcmp(manifest->platform[i].text, name, bytes) == 0)
			return true;
	return false;
}
