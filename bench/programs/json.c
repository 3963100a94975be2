/* Parsing: a document in JSON is read into a tree, changed and written again. */
#include "bench.h"

enum { TEXT_MAX = 60000, NODES = 12000, DEPTH_MAX = 64 };

enum kind { NUMBER, STRING, LIST, OBJECT, WORD };

struct node {
	enum kind kind;
	struct node *next, *first;
	const char *name, *text; /* in the source, not terminated */
	uint32_t name_len, text_len;
	double number;
};

static char source[TEXT_MAX], written[TEXT_MAX * 2];
static struct node nodes[NODES];
static uint32_t node_count;
static const char *at;

static void
make_source(void)
{
	uint64_t seed = 4;
	size_t len = 0;
	char *out = source;

	len += (size_t)sprintf(out + len, "[\n");
	for (int i = 0; len < TEXT_MAX - 400; i++) {
		uint32_t r[8];
		for (int k = 0; k < 8; k++)
			r[k] = bench_random(&seed);
		len += (size_t)sprintf(
			out + len,
			"  {\"id\": %d, \"name\": \"item \\u00e9 %u\", \"price\": %u.%02u,\n"
			"   \"tags\": [\"a%u\", \"b\\n\", true, null],\n"
			"   \"size\": {\"w\": -%u, \"h\": %ue2, \"deep\": [[[%u]]]}},\n",
			i, r[0] % 1000, r[1] % 500, r[2] % 100, r[3] % 10, r[4] % 100, r[5] % 90,
			r[6] % 7);
	}
	sprintf(out + len, "  false\n]\n");
}

static void
skip_blanks(void)
{
	while (*at == ' ' || *at == '\n' || *at == '\t')
		at++;
}

static void
fail(const char *what)
{
	fprintf(stderr, "json: %s at %ld\n", what, (long)(at - source));
	exit(1);
}

static const char *
read_string(uint32_t *len)
{
	const char *start = ++at;

	for (; *at != '"'; at++) {
		if (!*at)
			fail("an open string");
		at += *at == '\\';
	}
	*len = (uint32_t)(at++ - start);
	return start;
}

static double
read_number(void)
{
	bool is_negative = *at == '-';
	double value = 0, scale = 1;
	int exponent = 0;

	at += is_negative;
	for (; *at >= '0' && *at <= '9'; at++)
		value = value * 10 + (*at - '0');
	if (*at == '.')
		for (at++; *at >= '0' && *at <= '9'; at++)
			value += (*at - '0') * (scale /= 10);
	if (*at == 'e')
		for (at++; *at >= '0' && *at <= '9'; at++)
			exponent = exponent * 10 + (*at - '0');
	while (exponent-- > 0)
		value *= 10;
	return is_negative ? -value : value;
}

static struct node *read_value(int depth);

static void
read_members(struct node *node, char end, int depth)
{
	struct node **last = &node->first;

	at++;
	for (skip_blanks(); *at != end; skip_blanks()) {
		const char *name = NULL;
		uint32_t name_len = 0;
		if (node->kind == OBJECT) {
			name = read_string(&name_len);
			skip_blanks();
			if (*at++ != ':')
				fail("no colon");
		}
		*last = read_value(depth + 1);
		(*last)->name = name;
		(*last)->name_len = name_len;
		last = &(*last)->next;
		skip_blanks();
		if (*at == ',')
			at++;
		else if (*at != end)
			fail("no comma");
	}
	at++;
}

static struct node *
read_value(int depth)
{
	struct node *node = &nodes[node_count++];

	if (depth > DEPTH_MAX || node_count == NODES)
		fail("too much");
	*node = (struct node){ .kind = WORD };
	skip_blanks();
	switch (*at) {
	case '{':
		node->kind = OBJECT;
		read_members(node, '}', depth);
		break;
	case '[':
		node->kind = LIST;
		read_members(node, ']', depth);
		break;
	case '"':
		node->kind = STRING;
		node->text = read_string(&node->text_len);
		break;
	case 't':
	case 'f':
	case 'n':
		for (node->text = at; *at >= 'a' && *at <= 'z'; at++)
			node->text_len++;
		break;
	default:
		node->kind = NUMBER;
		node->number = read_number();
	}
	return node;
}

/* Every price rises, every list turns around. */
static void
change(struct node *node)
{
	struct node *done = NULL;

	if (node->kind == NUMBER && node->name_len == 5 && memcmp(node->name, "price", 5) == 0)
		node->number = node->number * 1.25 + 1;
	for (struct node *child = node->first; child; child = child->next)
		change(child);
	if (node->kind != LIST)
		return;
	for (struct node *child = node->first, *next; child; child = next) {
		next = child->next;
		child->next = done;
		done = child;
	}
	node->first = done;
}

static char *
put(char *out, const char *text, uint32_t len)
{
	memcpy(out, text, len);
	return out + len;
}

/* With two digits behind the point. */
static char *
put_number(char *out, double number)
{
	char digits[24];
	int count = 0;

	if (number < 0) {
		*out++ = '-';
		number = -number;
	}
	for (uint64_t hundredths = (uint64_t)(number * 100 + 0.5); hundredths || count < 3;
	     hundredths /= 10) {
		if (count == 2)
			digits[count++] = '.';
		digits[count++] = (char)('0' + hundredths % 10);
	}
	while (count)
		*out++ = digits[--count];
	return out;
}

static char *
write_value(char *out, const struct node *node)
{
	if (node->name) {
		*out++ = '"';
		out = put(out, node->name, node->name_len);
		out = put(out, "\":", 2);
	}
	switch (node->kind) {
	case NUMBER:
		return put_number(out, node->number);
	case STRING:
		*out++ = '"';
		out = put(out, node->text, node->text_len);
		*out++ = '"';
		return out;
	case WORD:
		return put(out, node->text, node->text_len);
	case LIST:
	case OBJECT:
		break;
	}
	*out++ = node->kind == LIST ? '[' : '{';
	for (const struct node *child = node->first; child; child = child->next) {
		out = write_value(out, child);
		if (child->next)
			*out++ = ',';
	}
	*out++ = node->kind == LIST ? ']' : '}';
	return out;
}

static void
bench_round(void)
{
	if (!*source)
		make_source();
	uint64_t total = 0;
	for (int pass = 0; pass < 4; pass++) {
		at = source;
		node_count = 0;
		struct node *root = read_value(0);
		change(root);
		total += (uint64_t)(write_value(written, root) - written);
	}
	bench_put_integer("nodes", node_count);
	bench_put_integer("bytes", total);
	bench_digest(written, total / 4);
}
