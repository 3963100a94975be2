/* Strings: splitting a text into words, counting them in a table, sorting and printing them. */
#include "bench.h"

#include <ctype.h>

enum { BUCKETS = 4096, WORDS = 15000, LENGTH_MAX = 32 };

struct word {
	struct word *next;
	uint32_t count;
	char text[LENGTH_MAX];
};

static struct word pool[8192], *buckets[BUCKETS], *sorted[8192];
static uint32_t word_count;
static char text[WORDS * 12], lines[512];

static void
make_text(void)
{
	static const char *const syllables[] = { "ka", "Tor", "mi", "lun", "es",  "va",
						 "re", "Ost", "in", "qua", "del", "ph",
						 "yo", "ber", "st", "ix" };
	uint64_t seed = 11;
	char *at = text;

	for (int i = 0; i < WORDS; i++) {
		uint32_t parts = 1 + bench_random(&seed) % 3;
		while (parts--) {
			const char *part = syllables[bench_random(&seed) % 16];
			at = stpcpy(at, part);
		}
		*at++ = bench_random(&seed) % 9 ? ' ' : '\n';
	}
	*at = 0;
}

static void
count_word(const char *word)
{
	uint32_t hash = 5381;

	for (const char *c = word; *c; c++)
		hash = hash * 33 + (unsigned char)*c;
	struct word **head = &buckets[hash % BUCKETS];
	for (struct word *w = *head; w; w = w->next) {
		if (strcmp(w->text, word) == 0) {
			w->count++;
			return;
		}
	}
	struct word *w = &pool[word_count];
	sorted[word_count++] = w;
	*w = (struct word){ .next = *head, .count = 1 };
	strcpy(w->text, word);
	*head = w;
}

static void
shell_sort(void)
{
	for (uint32_t gap = word_count / 2; gap; gap /= 2) {
		for (uint32_t i = gap; i < word_count; i++) {
			struct word *w = sorted[i];
			uint32_t k = i;
			for (; k >= gap && strcmp(sorted[k - gap]->text, w->text) > 0; k -= gap)
				sorted[k] = sorted[k - gap];
			sorted[k] = w;
		}
	}
}

static void
bench_round(void)
{
	char word[LENGTH_MAX];

	make_text();
	memset(buckets, 0, sizeof buckets);
	word_count = 0;
	for (const char *at = text; *at; at++) {
		size_t len = 0;
		for (; isalpha((unsigned char)*at); at++)
			word[len++] = (char)tolower((unsigned char)*at);
		word[len] = 0;
		if (len)
			count_word(word);
	}
	shell_sort();
	for (uint32_t i = 0; i < word_count; i += word_count / 8) {
		snprintf(lines, sizeof lines, "%-20s %6u\n", sorted[i]->text, sorted[i]->count);
		bench_put(lines);
	}
	for (uint32_t i = 0; i < word_count; i++)
		bench_digest(sorted[i]->text, strlen(sorted[i]->text));
}
