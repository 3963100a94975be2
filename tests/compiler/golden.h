/*
 * Test support: golden text. A file holds cases
 *
 *	== name of the case
 *	input
 *	-- argument
 *	expected output
 *
 * and a test says how the input becomes output. All cases are judged; what
 * differs is printed whole. With NEBULET_UPDATE_GOLDEN=1 in the environment
 * the file is rewritten with what came out instead.
 */
#ifndef TESTS_COMPILER_GOLDEN_H
#define TESTS_COMPILER_GOLDEN_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct golden_text {
	char *text;
	size_t len, cap;
};

/* A format_emit that appends to the golden_text `context`. */
static inline void
golden_emit(void *context, const char *bytes, size_t len)
{
	struct golden_text *out = context;

	if (len >= out->cap - out->len) {
		out->cap = 2 * (out->len + len) + 256;
		out->text = realloc(out->text, out->cap);
		if (!out->text)
			abort();
	}
	memcpy(out->text + out->len, bytes, len);
	out->len += len;
	out->text[out->len] = 0;
}

static inline void
golden_put(struct golden_text *out, const char *text)
{
	golden_emit(out, text, strlen(text));
}

struct golden_case {
	const char *name, *input, *argument, *expected;
};

/* Writes what the case gives. */
typedef void golden_transform(const struct golden_case *test, struct golden_text *out);

/* The rest of the line, terminated; *pos goes behind it. */
static inline char *
golden_line(char **pos)
{
	char *line = *pos;
	char *end = strchr(line, '\n');

	*pos = end ? end + 1 : line + strlen(line);
	if (end)
		*end = 0;
	return line;
}

/* The lines up to the next one that begins with `mark`, terminated. */
static inline char *
golden_section(char **pos, const char *mark)
{
	char *start = *pos;
	char *end = start;

	while (*end && strncmp(end, mark, strlen(mark)) != 0) {
		char *next = strchr(end, '\n');

		end = next ? next + 1 : end + strlen(end);
	}
	*pos = end;
	return start;
}

static inline char *
golden_read_file(const char *path)
{
	FILE *file = fopen(path, "rb");
	char *text;
	long len;

	if (!file) {
		fprintf(stderr, "cannot read %s (tests run from the project's root)\n", path);
		return NULL;
	}
	fseek(file, 0, SEEK_END);
	len = ftell(file);
	rewind(file);
	text = calloc(1, (size_t)len + 1);
	if (!text || fread(text, 1, (size_t)len, file) != (size_t)len)
		abort();
	fclose(file);
	return text;
}

/* A copy of [start, end) without blank lines at its end. */
static inline char *
golden_copy(const char *start, const char *end)
{
	char *copy;
	size_t len;

	while (end - start > 1 && end[-1] == '\n' && end[-2] == '\n')
		end--;
	len = (size_t)(end - start);
	copy = calloc(1, len + 1);
	if (!copy)
		abort();
	memcpy(copy, start, len);
	return copy;
}

static inline void
golden_put_case(struct golden_text *update, const struct golden_case *test, const char *output)
{
	golden_put(update, "== ");
	golden_put(update, test->name);
	golden_put(update, "\n");
	golden_put(update, test->input);
	golden_put(update, "-- ");
	golden_put(update, test->argument);
	golden_put(update, "\n");
	golden_put(update, output);
	golden_put(update, "\n");
}

/* Runs one case, which starts at *pos; true if it passes. */
static inline bool
golden_run_case(char **pos, golden_transform *transform, struct golden_text *update)
{
	struct golden_case test = { .name = golden_line(pos) + 3 };
	struct golden_text out = { 0 };
	char *start = golden_section(pos, "-- ");
	char *input = golden_copy(start, *pos);
	char *expected;
	bool passed;

	test.input = input;
	test.argument = golden_line(pos) + 3;
	start = golden_section(pos, "== ");
	expected = golden_copy(start, *pos);
	test.expected = expected;
	golden_put(&out, "");
	transform(&test, &out);
	passed = strcmp(out.text, expected) == 0;
	if (!passed && !update)
		fprintf(stderr, "case '%s' (%s): expected\n%sgot\n%s", test.name, test.argument,
			expected, out.text);
	if (update)
		golden_put_case(update, &test, out.text);
	free(input);
	free(expected);
	free(out.text);
	return passed;
}

/* Runs all cases of the file; the number that failed, or -1 if it cannot be
 * read or has no cases. */
static inline int
golden_run(const char *path, golden_transform *transform)
{
	struct golden_text update = { 0 };
	bool updates = getenv("NEBULET_UPDATE_GOLDEN") != NULL;
	char *text = golden_read_file(path);
	char *pos = text;
	int failed = 0;
	int count = 0;

	if (!text)
		return -1;
	golden_section(&pos, "== ");
	golden_emit(&update, text, (size_t)(pos - text));
	while (*pos) {
		count++;
		failed += !golden_run_case(&pos, transform, updates ? &update : NULL);
	}
	if (updates) {
		FILE *file = fopen(path, "wb");

		if (!file || fwrite(update.text, 1, update.len, file) != update.len)
			abort();
		fclose(file);
		failed = 0;
	}
	free(update.text);
	free(text);
	return count ? failed : -1;
}

#endif
