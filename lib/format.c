/*
 * Formatted text: one pass over the format, pieces handed to an emitter.
 */
#include "lib/format.h"

#include "lib/string.h"

#include <stdbool.h>
#include <stdint.h>

/* A conversion specification between % and its letter. */
struct format_spec {
	bool zero_pad;
	bool left;
	size_t width;
	size_t precision; /* SIZE_MAX: none */
	enum { LEN_INT, LEN_CHAR, LEN_SHORT, LEN_LONG, LEN_LONG_LONG, LEN_SIZE } length;
};

struct format_sink {
	format_emit *emit;
	void *context;
};

enum { WIDTH_MOST = 4096 };

static void
emit_repeated(const struct format_sink *sink, char c, size_t count)
{
	char pad[16];

	memset(pad, c, sizeof(pad));
	while (count > 0) {
		size_t len = count < sizeof(pad) ? count : sizeof(pad);

		sink->emit(sink->context, pad, len);
		count -= len;
	}
}

/* `prefix` is what zero padding goes behind: a sign or "0x". */
static void
emit_padded(const struct format_sink *sink, const struct format_spec *spec, const char *prefix,
	    const char *body, size_t body_len)
{
	size_t prefix_len = strlen(prefix);
	size_t len = prefix_len + body_len;
	size_t pad = spec->width > len ? spec->width - len : 0;

	if (!spec->left && !spec->zero_pad)
		emit_repeated(sink, ' ', pad);
	sink->emit(sink->context, prefix, prefix_len);
	if (!spec->left && spec->zero_pad)
		emit_repeated(sink, '0', pad);
	sink->emit(sink->context, body, body_len);
	if (spec->left)
		emit_repeated(sink, ' ', pad);
}

static void
emit_number(const struct format_sink *sink, const struct format_spec *spec, const char *prefix,
	    uint64_t value, const char *digits)
{
	unsigned base = digits[10] ? 16 : 10;
	char text[20];
	size_t at = sizeof(text);

	do {
		text[--at] = digits[value % base];
		value /= base;
	} while (value > 0);
	emit_padded(sink, spec, prefix, text + at, sizeof(text) - at);
}

static void
emit_string(const struct format_sink *sink, const struct format_spec *spec, const char *text)
{
	struct format_spec plain = *spec;
	size_t len = 0;

	if (!text)
		text = "(null)";
	while (len < spec->precision && text[len])
		len++;
	plain.zero_pad = false;
	emit_padded(sink, &plain, "", text, len);
}

/* Wrapped, because a va_list may be an array and then cannot be passed by
 * pointer as it stands. */
struct format_args {
	va_list list;
};

static uint64_t
take_unsigned(struct format_args *args, const struct format_spec *spec)
{
	switch (spec->length) {
	case LEN_CHAR:
		return (unsigned char)va_arg(args->list, unsigned);
	case LEN_SHORT:
		return (unsigned short)va_arg(args->list, unsigned);
	case LEN_LONG:
		return va_arg(args->list, unsigned long);
	case LEN_LONG_LONG:
		return va_arg(args->list, unsigned long long);
	case LEN_SIZE:
		return va_arg(args->list, size_t);
	case LEN_INT:
		break;
	}
	return va_arg(args->list, unsigned);
}

static int64_t
take_signed(struct format_args *args, const struct format_spec *spec)
{
	switch (spec->length) {
	case LEN_CHAR:
		return (signed char)va_arg(args->list, int);
	case LEN_SHORT:
		return (short)va_arg(args->list, int);
	case LEN_LONG:
		return va_arg(args->list, long);
	case LEN_LONG_LONG:
		return va_arg(args->list, long long);
	case LEN_SIZE:
		return va_arg(args->list, ptrdiff_t);
	case LEN_INT:
		break;
	}
	return va_arg(args->list, int);
}

/* A number or * at *at; leaves *at behind it. */
static int64_t
parse_count(const char **at, struct format_args *args)
{
	int64_t count = 0;

	if (**at == '*') {
		++*at;
		return va_arg(args->list, int);
	}
	for (; **at >= '0' && **at <= '9'; ++*at) {
		if (count < WIDTH_MOST)
			count = count * 10 + (**at - '0');
	}
	return count;
}

/* Parses from behind the % up to the letter, to which it leaves *at pointing. */
static struct format_spec
parse_spec(const char **at, struct format_args *args)
{
	struct format_spec spec = { .precision = SIZE_MAX };
	int64_t count;

	for (; **at == '0' || **at == '-'; ++*at) {
		if (**at == '0')
			spec.zero_pad = true;
		else
			spec.left = true;
	}
	count = parse_count(at, args);
	if (count < 0) {
		spec.left = true;
		count = -count;
	}
	spec.width = count < WIDTH_MOST ? (size_t)count : WIDTH_MOST;
	if (**at == '.') {
		++*at;
		count = parse_count(at, args);
		spec.precision = count < 0 ? SIZE_MAX : (size_t)count;
	}
	if (**at == 'z') {
		++*at;
		spec.length = LEN_SIZE;
	} else if (**at == 'l') {
		spec.length = *++*at == 'l' ? LEN_LONG_LONG : LEN_LONG;
		*at += spec.length == LEN_LONG_LONG;
	} else if (**at == 'h') {
		spec.length = *++*at == 'h' ? LEN_CHAR : LEN_SHORT;
		*at += spec.length == LEN_CHAR;
	}
	return spec;
}

/* Emits one conversion; false if `letter` is none of the language. */
static bool
convert(const struct format_sink *sink, const struct format_spec *spec, char letter,
	struct format_args *args)
{
	int64_t value;
	char c;

	switch (letter) {
	case 'd':
	case 'i':
		value = take_signed(args, spec);
		emit_number(sink, spec, value < 0 ? "-" : "",
			    value < 0 ? -(uint64_t)value : (uint64_t)value, "0123456789");
		return true;
	case 'u':
		emit_number(sink, spec, "", take_unsigned(args, spec), "0123456789");
		return true;
	case 'x':
		emit_number(sink, spec, "", take_unsigned(args, spec), "0123456789abcdef");
		return true;
	case 'X':
		emit_number(sink, spec, "", take_unsigned(args, spec), "0123456789ABCDEF");
		return true;
	case 'p':
		emit_number(sink, spec, "0x", (uintptr_t)va_arg(args->list, void *),
			    "0123456789abcdef");
		return true;
	case 'c':
		c = (char)va_arg(args->list, int);
		emit_padded(sink, &(struct format_spec){ .left = spec->left, .width = spec->width },
			    "", &c, 1);
		return true;
	case 's':
		emit_string(sink, spec, va_arg(args->list, const char *));
		return true;
	case '%':
		sink->emit(sink->context, "%", 1);
		return true;
	default:
		return false;
	}
}

void
format_to(format_emit *emit, void *context, const char *format, va_list args)
{
	struct format_sink sink = { emit, context };
	struct format_args rest;

	va_copy(rest.list, args);
	while (*format) {
		const char *start = format;
		struct format_spec spec;

		while (*format && *format != '%')
			format++;
		if (format != start)
			emit(context, start, (size_t)(format - start));
		if (!*format)
			break;
		start = format++;
		spec = parse_spec(&format, &rest);
		if (*format && convert(&sink, &spec, *format, &rest)) {
			format++;
			continue;
		}
		emit(context, start, (size_t)(format - start));
	}
	va_end(rest.list);
}

struct format_buffer {
	char *out;
	size_t cap;
	size_t len; /* of the whole text, also what did not fit */
};

static void
emit_to_buffer(void *context, const char *bytes, size_t len)
{
	struct format_buffer *buffer = context;
	size_t room = buffer->len + 1 < buffer->cap ? buffer->cap - 1 - buffer->len : 0;

	if (room > 0)
		memcpy(buffer->out + buffer->len, bytes, len < room ? len : room);
	buffer->len += len;
}

size_t
format_text_va(char *out, size_t cap, const char *format, va_list args)
{
	struct format_buffer buffer = { out, cap, 0 };

	format_to(emit_to_buffer, &buffer, format, args);
	if (cap > 0)
		out[buffer.len < cap ? buffer.len : cap - 1] = 0;
	return buffer.len;
}

size_t
format_text(char *out, size_t cap, const char *format, ...)
{
	va_list args;
	size_t len;

	va_start(args, format);
	len = format_text_va(out, cap, format, args);
	va_end(args);
	return len;
}
