/*
 * The reader of manifests: each line, each error with its place, and random texts.
 */
#include "lib/manifest.h"
#include "tests/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* In memory of exactly that size. */
static enum nb_status
parse_bytes(const char *text, size_t len, struct manifest *out, struct manifest_error *error)
{
	char *copy = malloc(len ? len : 1);
	enum nb_status status;

	memcpy(copy, text, len);
	status = manifest_parse(copy, len, out, error);
	free(copy);
	return status;
}

static void
parse(const char *text, struct manifest *out)
{
	struct manifest_error error;

	if (parse_bytes(text, strlen(text), out, &error) != NB_OK)
		fail_msg("%u:%u: %s", error.line, error.column, error.text);
}

static void
test_all_lines(void **state)
{
	struct manifest m;

	(void)state;
	parse("# what a driver needs\n"
	      "name ps2-keyboard_2.0\n"
	      "\n"
	      "port 0x60 1 rw # data\r\n"
	      "\tport\t100 1\tr\n"
	      "port 0xffff 1 w#no space\n"
	      "mmio 0xfee00000 4K\n"
	      "mmio bar5\n"
	      "mmio platform\n"
	      "irq 1\nirq pci\nirq platform\n"
	      "dma 256K\n"
	      "pci 1af4:1000..107f\npci 8086:100E\npci class 0c0330\npci class 01\n"
	      "platform pnp0303\n"
	      "memory 4M\nthreads 2\n"
	      "uses log\nuses bus\noffers keyboard",
	      &m);
	assert_string_equal(m.name.text, "ps2-keyboard_2.0");
	assert_int_equal(m.counts[NB_MANIFEST_PORT], 3);
	assert_int_equal(m.ports[0].first, 0x60);
	assert_int_equal(m.ports[0].count, 1);
	assert_int_equal(m.ports[0].access, NB_PORT_READ | NB_PORT_WRITE);
	assert_int_equal(m.ports[0].line, 4);
	assert_int_equal(m.ports[1].first, 100);
	assert_int_equal(m.ports[1].access, NB_PORT_READ);
	assert_int_equal(m.ports[2].first, 0xffff);
	assert_int_equal(m.ports[2].access, NB_PORT_WRITE);
	assert_int_equal(m.counts[NB_MANIFEST_MMIO], 3);
	assert_int_equal(m.mmio[0].place, MANIFEST_FIXED);
	assert_true(m.mmio[0].address == 0xfee00000 && m.mmio[0].size == 4096);
	assert_true(m.mmio[1].place == MANIFEST_PCI && m.mmio[1].bar == 5);
	assert_int_equal(m.mmio[2].place, MANIFEST_PLATFORM);
	assert_int_equal(m.counts[NB_MANIFEST_IRQ], 3);
	assert_true(m.irqs[0].place == MANIFEST_FIXED && m.irqs[0].number == 1);
	assert_int_equal(m.irqs[1].place, MANIFEST_PCI);
	assert_int_equal(m.irqs[2].place, MANIFEST_PLATFORM);
	assert_int_equal(m.dma_bytes, 256 * 1024);
	assert_int_equal(m.lines[NB_MANIFEST_DMA], 13);
	assert_int_equal(m.memory_bytes, 4 << 20);
	assert_int_equal(m.threads, 2);
	assert_string_equal(m.platform[0].text, "pnp0303");
	assert_string_equal(m.uses[1].text, "bus");
	assert_string_equal(m.offers[0].text, "keyboard");
	assert_int_equal(m.counts[NB_MANIFEST_OFFERS], 1);
}

static void
test_questions(void **state)
{
	struct manifest m;

	(void)state;
	parse("name x\nport 0x60 4 r\nport 0x64 1 rw\npci 1af4:1000..107f\npci class 0c03\n"
	      "platform pnp0303\n",
	      &m);
	assert_int_equal(manifest_port_line(&m, 0x60, 4, NB_PORT_READ), 2);
	assert_int_equal(manifest_port_line(&m, 0x63, 1, NB_PORT_READ), 2);
	assert_int_equal(manifest_port_line(&m, 0x64, 1, NB_PORT_WRITE), 3);
	assert_int_equal(manifest_port_line(&m, 0x63, 2, NB_PORT_READ), 0);
	assert_int_equal(manifest_port_line(&m, 0x5f, 1, NB_PORT_READ), 0);
	assert_int_equal(manifest_port_line(&m, 0x60, 1, NB_PORT_WRITE), 0);
	assert_int_equal(manifest_port_line(&m, UINT32_MAX, 4, NB_PORT_READ), 0);
	assert_true(manifest_drives_pci(&m, 0x1af4, 0x1000, 0x020000));
	assert_true(manifest_drives_pci(&m, 0x1af4, 0x107f, 0));
	assert_false(manifest_drives_pci(&m, 0x1af4, 0x1080, 0));
	assert_false(manifest_drives_pci(&m, 0x1af5, 0x1000, 0));
	assert_true(manifest_drives_pci(&m, 1, 2, 0x0c0330));
	assert_false(manifest_drives_pci(&m, 1, 2, 0x0c0430));
	assert_true(manifest_drives_platform(&m, "pnp0303"));
	assert_false(manifest_drives_platform(&m, "pnp030"));
	assert_false(manifest_drives_platform(&m, "pnp03030"));
	assert_false(manifest_drives_platform(&m, "a name that is longer than any word may be"));
	assert_string_equal(manifest_reserved_ports(0x1f, 2), "the DMA controller");
	assert_string_equal(manifest_reserved_ports(0x91, 2), "the reset line");
	assert_null(manifest_reserved_ports(0x60, 5));
}

/* --- errors --------------------------------------------------------------------- */

static const struct {
	const char *text;
	uint32_t line, column;
	const char *words;
} errors[] = {
	{ "", 1, 1, "there is no line \"name\"" },
	{ "port 0x60 1 r\n", 2, 1, "there is no line \"name\"" },
	{ "name x\nname y\n", 2, 1, "a second \"name\"" },
	{ "name\n", 1, 5, "expected: name WORD" },
	{ "name x y\n", 1, 8, "expected: name WORD" },
	{ "name x\n  gpio 4\n", 2, 3, "\"gpio\" is not a word that lines begin with" },
	{ "names x\n", 1, 1, "\"names\" is not a word" },
	{ "name a/b\n", 1, 7, "\"/\" in a name" },
	{ "name 12345678901234567890123456789012\n", 1, 6, "a name of more than 31 bytes" },
	{ "name x\nport 0x60\n", 2, 10, "expected: port FIRST COUNT MODE" },
	{ "name x\nport 0x60 1\n", 2, 12, "expected: port FIRST COUNT MODE" },
	{ "name x\nport 0x60 1 r w\n", 2, 15, "more words than any line has" },
	{ "name x\nport 60h 1 r\n", 2, 6, "\"60h\" is no number" },
	{ "name x\nport 0x 1 r\n", 2, 6, "\"0x\" is no number" },
	{ "name x\nport -1 1 r\n", 2, 6, "\"-1\" is no number" },
	{ "name x\nport 18446744073709551616 1 r\n", 2, 6, "is no number" },
	{ "name x\nport 0x10000 1 r\n", 2, 6, "a port is not between 0 and 65535" },
	{ "name x\nport 0x60 0 r\n", 2, 11, "the number of ports is not between 1 and 65440" },
	{ "name x\nport 0xffff 2 r\n", 2, 13, "the number of ports is not between 1 and 1" },
	{ "name x\nport 0x60 1 x\n", 2, 13, "\"x\" is not r, w or rw" },
	{ "name x\nport 0x60 1 wr\n", 2, 13, "\"wr\" is not r, w or rw" },
	{ "name x\nport 0x20 1 r\n", 2, 6,
	  "ports 0x20 to 0x20 touch the interrupt controller, which is never granted" },
	{ "name x\nport 0x60 0x40 rw\n", 2, 6, "the DMA controller" },
	{ "name x\nmmio\n", 2, 5, "expected: mmio" },
	{ "name x\nmmio bar6\n", 2, 6, "there are bar0 to bar5" },
	{ "name x\nmmio barx\n", 2, 6, "there are bar0 to bar5" },
	{ "name x\nmmio 0xb8001 4K\n", 2, 6, "not a multiple of 4K" },
	{ "name x\nmmio 0xb8000 1K\n", 2, 14, "not a multiple of 4K" },
	{ "name x\nmmio 0xb8000 K\n", 2, 14, "\"K\" is no size" },
	{ "name x\nmmio 0xb8000 4KK\n", 2, 14, "\"4KK\" is no size" },
	{ "name x\nmmio 0xffffffffffffffff 4K\n", 2, 6, "an address is not between" },
	{ "name x\nmmio 0 0\n", 2, 8, "a size out of range" },
	{ "name x\nirq 1024\n", 2, 5, "an interrupt is not between 0 and 1023" },
	{ "name x\nirq msi\n", 2, 5, "\"msi\" is no number" },
	{ "name x\ndma 9223372036854775808\n", 2, 5, "a size out of range" },
	{ "name x\ndma 8589934592G\n", 2, 5, "a size out of range" },
	{ "name x\ndma 4K\ndma 4K\n", 3, 1, "a second \"dma\"" },
	{ "name x\npci 1af4\n", 2, 9, "expected \":\" and a device" },
	{ "name x\npci 1af4:10\n", 2, 10, "expected four hexadecimal digits" },
	{ "name x\npci 1agf:1000\n", 2, 5, "expected four hexadecimal digits" },
	{ "name x\npci 1af4:1000-1001\n", 2, 14, "expected \"..\" and the last device" },
	{ "name x\npci 1af4:1000..10\n", 2, 16, "expected four hexadecimal digits" },
	{ "name x\npci 1af4:1000..10011\n", 2, 20, "more than a range of devices" },
	{ "name x\npci 1af4:1000..0fff\n", 2, 16, "a range that ends before it begins" },
	{ "name x\npci class 0c033\n", 2, 11, "a class is 2, 4 or 6 hexadecimal digits" },
	{ "name x\npci class 0c03300a\n", 2, 11, "a class is 2, 4 or 6 hexadecimal digits" },
	{ "name x\nthreads 0\n", 2, 9, "the number of threads is not between 1 and 4096" },
	{ "name x\nuses \xc3\xa4\n", 2, 6, "byte 0xc3" },
	{ "name x\nuses a\rb\n", 2, 7, "byte 0x0d" },
};

static void
test_errors(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(errors) / sizeof(*errors); i++) {
		struct manifest m;
		struct manifest_error e;
		size_t len = strlen(errors[i].text);

		if (parse_bytes(errors[i].text, len, &m, &e) != NB_MALFORMED)
			fail_msg("case %zu is accepted", i);
		if (e.line != errors[i].line || e.column != errors[i].column ||
		    !strstr(e.text, errors[i].words))
			fail_msg("case %zu: %u:%u: %s", i, e.line, e.column, e.text);
	}
}

/* A zero byte is no end of the text. */
static void
test_zero_byte(void **state)
{
	struct manifest m;
	struct manifest_error e;

	(void)state;
	assert_int_equal(parse_bytes("name x\0", 7, &m, &e), NB_MALFORMED);
	assert_int_equal(e.column, 7);
}

/* As many lines as there may be of each kind, and one more. */
static void
test_most(void **state)
{
	static const struct {
		const char *line;
		uint32_t most;
	} kinds[] = {
		{ "port 0x60 1 r\n", NB_MANIFEST_MOST_PORT },
		{ "mmio bar0\n", NB_MANIFEST_MOST_MMIO },
		{ "irq pci\n", NB_MANIFEST_MOST_IRQ },
		{ "pci 1af4:1000\n", NB_MANIFEST_MOST_PCI },
		{ "platform x\n", NB_MANIFEST_MOST_PLATFORM },
		{ "uses x\n", NB_MANIFEST_MOST_USES },
		{ "offers x\n", NB_MANIFEST_MOST_OFFERS },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		char text[1024] = "name x\n";
		static struct manifest m;
		struct manifest_error e;

		for (uint32_t k = 0; k < kinds[i].most; k++)
			strcat(text, kinds[i].line);
		parse(text, &m);
		strcat(text, kinds[i].line);
		assert_int_equal(parse_bytes(text, strlen(text), &m, &e), NB_MALFORMED);
		assert_int_equal(e.line, kinds[i].most + 2);
		assert_non_null(strstr(e.text, "more than"));
	}
}

static void
test_too_long(void **state)
{
	char *text = malloc(NB_MANIFEST_BYTES + 1);
	struct manifest m;
	struct manifest_error e;

	(void)state;
	memset(text, '\n', NB_MANIFEST_BYTES + 1);
	memcpy(text, "name x", 6);
	assert_int_equal(parse_bytes(text, NB_MANIFEST_BYTES, &m, &e), NB_OK);
	assert_int_equal(parse_bytes(text, NB_MANIFEST_BYTES + 1, &m, &e), NB_MALFORMED);
	free(text);
}

/* --- random texts ------------------------------------------------------------------- */

/* What was accepted is inside its bounds. */
static void
check_bounds(const struct manifest *m)
{
	assert_true(m->counts[NB_MANIFEST_NAME] == 1 && m->name.text[0]);
	assert_true(memchr(m->name.text, 0, sizeof(m->name.text)) != NULL);
	for (uint32_t i = 0; i < m->counts[NB_MANIFEST_PORT]; i++) {
		const struct nb_port_range *p = &m->ports[i];

		assert_true(p->count && p->first + p->count <= NB_PORT_COUNT && p->access &&
			    p->access < 4 && p->line);
		assert_null(manifest_reserved_ports(p->first, p->count));
	}
	for (uint32_t i = 0; i < m->counts[NB_MANIFEST_MMIO]; i++)
		assert_true(m->mmio[i].bar < 6 && m->mmio[i].size % 4096 == 0 &&
			    m->mmio[i].address + m->mmio[i].size >= m->mmio[i].address);
	for (uint32_t i = 0; i < m->counts[NB_MANIFEST_PCI]; i++)
		assert_true(m->pci[i].first_device <= m->pci[i].last_device &&
			    (m->pci[i].class_bits & ~m->pci[i].class_mask) == 0);
}

/* Words in random order, then bytes changed, until about one in a hundred is right. */
static size_t
make_text(uint64_t *random, char *out, size_t cap)
{
	static const char *const words[] = {
		"name",
		"port",
		"mmio",
		"irq",
		"dma",
		"pci",
		"platform",
		"memory",
		"uses",
		"offers",
		"class",
		"bar3",
		"rw",
		"r",
		"0x60",
		"1",
		"4K",
		"65535",
		"1af4:1000..107f",
		"0c03",
		"threads",
		"#",
		"\n",
		"\n",
		"\nname x\n",
		"\nport 0x60 1 r\n",
		"\nmmio bar1\n",
		"\ndma 4K\n",
	};
	size_t len = 0;
	uint64_t count = random_below(random, 40);

	for (uint64_t i = 0; i < count; i++) {
		const char *word = words[random_next(random) % (sizeof(words) / sizeof(*words))];

		len += (size_t)snprintf(out + len, cap - len, "%s ", word);
	}
	for (uint64_t i = random_below(random, 4); len && i > 0; i--)
		out[random_next(random) % len] = (char)random_next(random);
	return len;
}

static void
test_random(void **state)
{
	const char *setting = getenv("NEBULET_RUNS");
	uint64_t runs = setting ? strtoull(setting, NULL, 10) : 200000, random = 7;
	uint64_t accepted = 0;

	(void)state;
	for (uint64_t i = 0; i < runs; i++) {
		char text[1024];
		static struct manifest m;
		struct manifest_error e;
		size_t len = make_text(&random, text, sizeof(text));

		if (parse_bytes(text, len, &m, &e) == NB_OK) {
			accepted++;
			check_bounds(&m);
		} else {
			assert_true(e.line && e.column && e.text[0]);
			assert_true(memchr(e.text, 0, sizeof(e.text)) != NULL);
		}
	}
	assert_true(accepted > runs / 1000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_lines), cmocka_unit_test(test_questions),
		cmocka_unit_test(test_errors),	  cmocka_unit_test(test_zero_byte),
		cmocka_unit_test(test_most),	  cmocka_unit_test(test_too_long),
		cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
