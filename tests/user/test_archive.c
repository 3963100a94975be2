/*
 * The archive reader and its tree over archives made by hand: names, long
 * names, links, replacement, damage. Natively, with sanitizers.
 */
#include "tests/user/image.h"
#include "user/libs/archive/archive.h"
#include "user/libs/archive/tree.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* --- memory for trees, returned after each test --- */
static void *taken[4096];
static size_t taken_count, taken_limit = 4096;

static void *
take(uint32_t len)
{
	if (taken_count >= taken_limit)
		return NULL;
	taken[taken_count] = calloc(1, len ? len : 1);
	return taken[taken_count++];
}

static int
teardown(void **state)
{
	(void)state;
	while (taken_count)
		free(taken[--taken_count]);
	taken_limit = 4096;
	return 0;
}

static struct archive_entry entry;

static void
reads_members_in_order(void **state)
{
	struct image image = { 0 };
	uint64_t at = 0;

	(void)state;
	image_member(&image, '5', "./etc/", NULL, NULL);
	image_member(&image, '0', "etc/hello", NULL, "hi there");
	image_member(&image, '2', "/etc/link", "hello", NULL);
	image_member(&image, '3', "dev/null", NULL, NULL);
	image_finish(&image);

	assert_int_equal(archive_next(&image.source, &at, &entry), NB_OK);
	assert_string_equal(entry.path, "etc");
	assert_int_equal(entry.type, ARCHIVE_DIRECTORY);
	assert_int_equal(archive_next(&image.source, &at, &entry), NB_OK);
	assert_string_equal(entry.path, "etc/hello");
	assert_int_equal(entry.size, 8);
	assert_int_equal(entry.mtime_s, 1234567);
	assert_memory_equal(image.bytes + entry.data_offset, "hi there", 8);
	assert_int_equal(archive_next(&image.source, &at, &entry), NB_OK);
	assert_string_equal(entry.path, "etc/link");
	assert_string_equal(entry.link, "hello");
	/* the device is passed over */
	assert_int_equal(archive_next(&image.source, &at, &entry), NB_END_OF_FILE);
	free(image.bytes);
}

static void
finds_the_last_of_equal_names(void **state)
{
	struct image image = { 0 };

	(void)state;
	image_member(&image, '0', "a", NULL, "old");
	image_member(&image, '0', "b", NULL, "other");
	image_member(&image, '0', "a", NULL, "newer");
	image_finish(&image);
	assert_int_equal(archive_find(&image.source, "a", &entry), NB_OK);
	assert_int_equal(entry.size, 5);
	assert_memory_equal(image.bytes + entry.data_offset, "newer", 5);
	assert_int_equal(archive_find(&image.source, "c", &entry), NB_NOT_FOUND);
	free(image.bytes);
}

static void
reads_extended_headers(void **state)
{
	struct image image = { 0 };
	char path[600], record[700];
	uint64_t at = 0;

	(void)state;
	memset(path, 'p', sizeof path - 1);
	path[sizeof path - 1] = 0;
	path[300] = '/';
	/* "LENGTH path=...\n", where LENGTH counts itself */
	snprintf(record, sizeof record, "%zu path=%s\n", strlen(path) + 10, path);
	assert_int_equal(strlen(record), strlen(path) + 10);
	image_member(&image, 'x', "PaxHeaders/p", NULL, record);
	image_member(&image, '0', "short", NULL, "data");
	image_member(&image, 'x', "PaxHeaders/q", NULL,
		     "30 comment=anything goes here\n18 linkpath=a/b/c\n");
	image_member(&image, '2', "q", "overridden", NULL);
	image_finish(&image);
	assert_int_equal(archive_next(&image.source, &at, &entry), NB_OK);
	assert_string_equal(entry.path, path);
	assert_int_equal(archive_next(&image.source, &at, &entry), NB_OK);
	assert_string_equal(entry.path, "q");
	assert_string_equal(entry.link, "a/b/c");
	assert_int_equal(archive_next(&image.source, &at, &entry), NB_END_OF_FILE);
	free(image.bytes);
}

static void
refuses_bad_extended_headers(void **state)
{
	static const char *const bad[] = { "0 path=x\n", "99 path=x\n", "path=x\n", "5 \n",
					   "",		 "8 path=x\n1" };

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct image image = { 0 };
		uint64_t at = 0;
		enum nb_status status;

		image_member(&image, 'x', "PaxHeaders/p", NULL, bad[i]);
		image_member(&image, '0', "short", NULL, "data");
		image_finish(&image);
		status = archive_next(&image.source, &at, &entry);
		if (*bad[i])
			assert_int_equal(status, NB_MALFORMED);
		else
			assert_int_equal(status, NB_OK);
		free(image.bytes);
	}
}

static void
every_damaged_byte_is_noticed_or_harmless(void **state)
{
	struct image image = { 0 };

	(void)state;
	image_member(&image, '0', "etc/hello", NULL, "hi there");
	image_member(&image, '0', "etc/other", NULL, "more");
	image_finish(&image);
	for (uint64_t i = 0; i < image.size; i++) {
		uint64_t at = 0;
		int count = 0;

		image.bytes[i] ^= 0x41;
		while (archive_next(&image.source, &at, &entry) == NB_OK)
			count++;
		assert_in_range(count, 0, 2);
		/* a header's damage stops the reading at that header; the last byte of
		 * the checksum field means nothing */
		if (i < 512 && i != 155)
			assert_int_equal(count, 0);
		image.bytes[i] ^= 0x41;
	}
	/* truncation at every length */
	for (uint64_t size = image.size; size-- > 0;) {
		uint64_t at = 0;

		image.source.size = image.size = size;
		while (archive_next(&image.source, &at, &entry) == NB_OK)
			;
	}
	free(image.bytes);
}

static void
tree_finds_paths(void **state)
{
	struct image image = { 0 };
	struct tree tree;
	struct tree_node *node;
	char name[32];

	(void)state;
	image_member(&image, '0', "a/b/c.txt", NULL, "deep");
	image_member(&image, '5', "a", NULL, NULL);
	image_member(&image, '2', "a/l", "b/c.txt", NULL);
	for (int i = 0; i < 500; i++) {
		snprintf(name, sizeof name, "many/file%d", i);
		image_member(&image, '0', name, NULL, "x");
	}
	image_member(&image, '0', "a/b/c.txt", NULL, "replaced");
	image_finish(&image);
	assert_int_equal(tree_build(&tree, &image.source, &entry, take), NB_OK);

	node = tree_walk(&tree, "a/b/c.txt", 9);
	assert_non_null(node);
	assert_int_equal(node->type, ARCHIVE_FILE);
	assert_int_equal(node->size, 8);
	assert_ptr_equal(tree_walk(&tree, "/a/./b//c.txt/", 14), node);
	assert_int_equal(tree_walk(&tree, "a/b", 3)->type, ARCHIVE_DIRECTORY);
	node = tree_walk(&tree, "a/l", 3);
	assert_int_equal(node->type, ARCHIVE_SYMLINK);
	assert_int_equal(node->size, 7);
	assert_memory_equal(node->link, "b/c.txt", 7);
	assert_ptr_equal(tree_walk(&tree, "", 0), tree.top);
	assert_null(tree_walk(&tree, "a/x", 3));
	assert_null(tree_walk(&tree, "a/b/c.txt/d", 11));
	for (int i = 0; i < 500; i++) {
		int len = snprintf(name, sizeof name, "many/file%d", i);

		assert_non_null(tree_walk(&tree, name, (uint32_t)len));
	}
	/* children keep the order of the archive */
	node = tree_walk(&tree, "many", 4)->first;
	for (int i = 0; i < 500; i++, node = node->next) {
		int len = snprintf(name, sizeof name, "file%d", i);

		assert_int_equal(node->name_len, len);
		assert_memory_equal(node->name, name, (size_t)len);
	}
	assert_null(node);
	free(image.bytes);
}

static void
tree_refuses_parents_and_lack_of_memory(void **state)
{
	struct image image = { 0 };
	struct tree tree;

	(void)state;
	image_member(&image, '0', "a/b", NULL, "x");
	image_member(&image, '2', "a/l", "b", NULL);
	image_finish(&image);
	for (taken_limit = 0; taken_limit < 6; taken_limit++) {
		assert_int_equal(tree_build(&tree, &image.source, &entry, take), NB_OUT_OF_MEMORY);
		while (taken_count)
			free(taken[--taken_count]);
	}
	assert_int_equal(tree_build(&tree, &image.source, &entry, take), NB_OK);
	free(image.bytes);

	image = (struct image){ 0 };
	taken_limit = 4096;
	image_member(&image, '0', "a/../../b", NULL, "x");
	image_finish(&image);
	assert_int_equal(tree_build(&tree, &image.source, &entry, take), NB_MALFORMED);
	free(image.bytes);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_members_in_order),
		cmocka_unit_test(finds_the_last_of_equal_names),
		cmocka_unit_test(reads_extended_headers),
		cmocka_unit_test(refuses_bad_extended_headers),
		cmocka_unit_test(every_damaged_byte_is_noticed_or_harmless),
		cmocka_unit_test_teardown(tree_finds_paths, teardown),
		cmocka_unit_test_teardown(tree_refuses_parents_and_lack_of_memory, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
