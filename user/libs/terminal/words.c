/* Command lines into words; see words.h. */
#include "user/libs/terminal/words.h"

#include <stdbool.h>

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n';
}

/* Whether the backslash at line[at] keeps the next character. */
static bool
is_escape(const char *line, uint32_t at, uint32_t len, char quote)
{
	if (line[at] != '\\' || at + 1 >= len || quote == '\'')
		return false;
	return quote == 0 || line[at + 1] == '"' || line[at + 1] == '\\';
}

/* Rewrites the word at *at without its quotes from *to on; the result never
 * runs ahead of what is read. */
static enum nb_status
take_word(char *line, uint32_t len, uint32_t *at, uint32_t *to)
{
	char quote = 0;

	while (*at < len && (quote || !is_blank(line[*at]))) {
		char c = line[*at];

		if (is_escape(line, *at, len, quote)) {
			line[(*to)++] = line[*at + 1];
			*at += 2;
			continue;
		}
		++*at;
		if (quote && c == quote)
			quote = 0;
		else if (!quote && (c == '"' || c == '\''))
			quote = c;
		else
			line[(*to)++] = c;
	}
	return quote ? NB_INVALID_ARGUMENT : NB_OK;
}

enum nb_status
words_split(char *line, uint32_t len, struct words *out)
{
	uint32_t at = 0, to = 0;
	enum nb_status status;

	out->count = 0;
	for (;;) {
		while (at < len && is_blank(line[at]))
			at++;
		if (at >= len)
			return NB_OK;
		if (out->count == WORDS_MAX)
			return NB_LIMIT_EXCEEDED;
		out->word[out->count++] = line + to;
		status = take_word(line, len, &at, &to);
		if (status)
			return status;
		line[to++] = 0;
		/* The blank that ended the word is passed before it is overwritten. */
		if (at < len)
			at++;
	}
}
