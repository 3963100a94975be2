/*
 * The scan over functions: instructions, labels, claims and sites.
 */
#include "verifier/verifier.h"

#include "lib/string.h"
#include "verifier/scan.h"

enum { PADDING_BYTE = 0xcc, POOL_ALIGN = 16 };

/* Scratch memory: per block of code (and one more) the first function that begins there or
 * behind. */
static size_t
block_count(const struct nb_code_image *image)
{
	return (image->code_size >> SCAN_BLOCK_SHIFT) + 2;
}

bool
scan_refuse(struct scan *s, enum verifier_rule rule)
{
	*s->finding = (struct verifier_finding){ .rule = rule,
						 .function = (uint32_t)(s->function -
									s->image->functions),
						 .code_offset = s->function->code_offset + s->at };
	return false;
}

/* --- functions ------------------------------------------------------------------- */

/* Marks the labels that the image claims. They must all be reached; until then,
 * and afterwards, edges to them are held against the claims. */
static bool
mark_claims(struct scan *s, const struct nb_code_claim *claim, const struct nb_code_claim *end)
{
	for (; claim < end; claim++) {
		uint32_t at = claim->code_offset - s->function->code_offset;

		if (at >= s->size || s->marks[at])
			return scan_refuse(s, VERIFIER_CLAIM);
		s->marks[at] = (uint16_t)(MARK_TARGET | MARK_LABEL | MARK_PLAIN |
					  (~(uint32_t)claim->extended & MARK_OPEN));
		s->claims++;
	}
	return true;
}

/* Also what would be behind the last. */
static struct nb_code_function
function_of(const struct nb_code_image *image, uint32_t number)
{
	if (number < image->function_count)
		return image->functions[number];
	return (struct nb_code_function){ .code_offset = (uint32_t)image->code_size,
					  .first_site = image->site_count,
					  .first_claim = image->claim_count };
}

/* Where a function's parts end, from the image's start: a pool of 0 bytes is none. */
struct extent {
	uint64_t code_end, pool_at, pool_end;
	struct nb_code_function next;
};

static struct extent
extent_of(const struct nb_code_image *image, uint32_t number)
{
	const struct nb_code_function *f = &image->functions[number];
	uint64_t code_end = (uint64_t)f->code_offset + f->code_size;
	uint64_t pool_at =
		f->pool_size ? (code_end + POOL_ALIGN - 1) / POOL_ALIGN * POOL_ALIGN : code_end;

	return (struct extent){ .code_end = code_end,
				.pool_at = pool_at,
				.pool_end = pool_at + f->pool_size,
				.next = function_of(image, number + 1) };
}

static bool
is_padding(const struct nb_code_image *image, uint64_t from, uint64_t to)
{
	for (uint64_t at = from; at < to; at++)
		if (image->code[at] != PADDING_BYTE)
			return false;
	return true;
}

bool
verifier_function(const struct nb_code_image *image, const struct verifier_facts *facts,
		  uint32_t number, const void *memory, void *marks,
		  struct verifier_finding *finding)
{
	const struct nb_code_function *function = &image->functions[number];
	const struct extent extent = extent_of(image, number);
	uint32_t pool_at = (uint32_t)extent.pool_at - function->code_offset;
	uint32_t room = (uint32_t)image->code_size - function->code_offset;
	uint32_t fast_end = room < VF_READ_BYTES ? 0 : room - VF_READ_BYTES;
	struct scan s = { .facts = facts,
			  .image = image,
			  .function = function,
			  .tables = &vf_tables,
			  .blocks = memory,
			  .marks = marks,
			  .finding = finding,
			  .code = image->code + function->code_offset,
			  .size = function->code_size,
			  .room = room,
			  .fast_end =
				  fast_end < function->code_size ? fast_end : function->code_size,
			  .pool_at = pool_at,
			  .pool_end = pool_at + function->pool_size,
			  .tables_at = pool_at,
			  .frame = function->frame_size,
			  .saved_at = function->frame_size,
			  .area = 8u * facts->function_areas[number],
			  .site = image->sites + function->first_site,
			  .site_end = image->sites + extent.next.first_site,
			  .stop = SCAN_SPECIAL_GPRS | (uint64_t)NB_PRESERVED_GPRS << VF_WRITTEN,
			  .site_key = function->code_offset | (uint64_t)NB_TRAP_MEMORY_OUT_OF_BOUNDS
								      << 56,
			  .is_reached = true,
			  .open = SCAN_GPRS,
			  .scratch_at = UINT32_MAX };

	bool is_padded = is_padding(image, extent.code_end, extent.pool_at) &&
			 is_padding(image, extent.pool_end, extent.next.code_offset);

	*finding = (struct verifier_finding){ VERIFIER_NONE, number, function->code_offset };
	memset(s.marks, 0, sizeof(*s.marks) * s.size);
	return mark_claims(&s, image->claims + function->first_claim,
			   image->claims + extent.next.first_claim) &&
	       scan_body(&s) && scan_require(&s, is_padded, VERIFIER_PADDING);
}

/* --- the image ---------------------------------------------------------------------- */

/* Functions follow one another; sites and claims follow their order. */
static bool
check_place(const struct nb_code_image *image, uint32_t number, uint64_t *end)
{
	const struct nb_code_function *function = &image->functions[number];
	struct extent extent = extent_of(image, number);
	bool is_right = function->code_offset % POOL_ALIGN == 0 && function->code_offset >= *end &&
			function->code_size != 0 && function->pool_size <= INT32_MAX &&
			extent.pool_end <= image->code_size &&
			function->first_site <= extent.next.first_site &&
			function->first_claim <= extent.next.first_claim;

	*end = extent.pool_end;
	return is_right;
}

static bool
check_layout(const struct nb_code_image *image, const struct verifier_facts *facts,
	     struct verifier_finding *finding)
{
	uint64_t end = 0;
	struct nb_code_function first = function_of(image, 0);
	bool is_whole = image->function_count == facts->function_count &&
			image->code_size <= INT32_MAX && first.first_site == 0 &&
			first.first_claim == 0;

	if (image->cpu_features & ~facts->cpu_features)
		finding->rule = VERIFIER_FEATURE;
	else if (!is_whole)
		finding->rule = VERIFIER_LAYOUT;
	for (uint32_t i = 0; i < image->function_count && finding->rule == VERIFIER_NONE; i++)
		if (!check_place(image, i, &end))
			*finding = (struct verifier_finding){ VERIFIER_LAYOUT, i,
							      image->functions[i].code_offset };
	/* Before the first function; verifier_function sees to the rest. */
	if (finding->rule == VERIFIER_NONE && !is_padding(image, 0, first.code_offset))
		finding->rule = VERIFIER_PADDING;
	return finding->rule == VERIFIER_NONE;
}

size_t
verifier_scratch_bytes(const struct nb_code_image *image)
{
	return sizeof(uint32_t) * block_count(image);
}

size_t
verifier_marks_bytes(const struct nb_code_image *image)
{
	uint32_t largest = 0;

	for (uint32_t i = 0; i < image->function_count; i++)
		if (image->functions[i].code_size > largest)
			largest = image->functions[i].code_size;
	return sizeof(uint16_t) * (size_t)largest;
}

bool
verifier_begin(const struct nb_code_image *image, const struct verifier_facts *facts, void *memory,
	       struct verifier_finding *finding)
{
	uint32_t *blocks = memory, block = 0;

	*finding = (struct verifier_finding){ VERIFIER_NONE, UINT32_MAX, 0 };
	if (!check_layout(image, facts, finding))
		return false;
	for (uint32_t i = 0; i < image->function_count; i++)
		while (block <= image->functions[i].code_offset >> SCAN_BLOCK_SHIFT)
			blocks[block++] = i;
	while (block < block_count(image))
		blocks[block++] = image->function_count;
	return true;
}
