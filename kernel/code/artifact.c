/*
 * Artifacts. The skeleton is cut from the original binary section by section,
 * so what it keeps is byte for byte what the module's author wrote.
 */
#include "kernel/code/artifact.h"

#include "lib/format.h"
#include "lib/leb128.h"
#include "lib/string.h"

enum {
	WASM_HEAD_BYTES = 8,
	WASM_SECTION_CUSTOM = 0,
	WASM_SECTION_CODE = 10,
};

bool
artifact_is_one(const uint8_t *bytes, size_t len)
{
	uint64_t magic = NB_ARTIFACT_MAGIC;

	return len >= sizeof magic && memcmp(bytes, &magic, sizeof magic) == 0;
}

/* ---- writing ---- */

static bool
custom_is_kept(const uint8_t *contents, size_t len)
{
	static const char kept_prefix[] = "nebulet.";
	const uint8_t *at = contents, *end = contents + len;
	const char *name;
	uint32_t name_len;

	if (leb128_read_u32(&at, end, &name_len) != LEB128_OK || name_len > (size_t)(end - at))
		return false;
	name = (const char *)at;
	if (name_len == 4 && memcmp(name, "name", 4) == 0)
		return true;
	return name_len >= sizeof kept_prefix - 1 &&
	       memcmp(name, kept_prefix, sizeof kept_prefix - 1) == 0;
}

/* Copies the binary's head and the sections that stay to `to` (NULL: only
 * counts); returns the bytes. The module has been decoded, so its sections
 * are well-formed. */
static size_t
skeleton_copy(const struct wasm_module *module, uint8_t *to)
{
	const uint8_t *at = module->bytes + WASM_HEAD_BYTES;
	const uint8_t *end = module->bytes + module->len;
	size_t size = WASM_HEAD_BYTES;

	if (to)
		memcpy(to, module->bytes, WASM_HEAD_BYTES);
	while (at < end) {
		const uint8_t *start = at++;
		uint32_t len;

		if (leb128_read_u32(&at, end, &len) != LEB128_OK || len > (size_t)(end - at))
			break;
		if (*start != WASM_SECTION_CODE &&
		    (*start != WASM_SECTION_CUSTOM || custom_is_kept(at, len))) {
			size_t whole = (size_t)(at - start) + len;

			if (to)
				memcpy(to + size, start, whole);
			size += whole;
		}
		at += len;
	}
	return size;
}

static uint64_t
align(uint64_t at)
{
	return (at + NB_ARTIFACT_ALIGN - 1) & ~(uint64_t)(NB_ARTIFACT_ALIGN - 1);
}

enum nb_status
artifact_write(struct arena *arena, const struct wasm_module *module,
	       const struct nb_code_image *image, const uint8_t **out, size_t *out_len)
{
	const uint64_t sizes[NB_ARTIFACT_SECTION_COUNT] = {
		[NB_ARTIFACT_SKELETON] = skeleton_copy(module, NULL),
		[NB_ARTIFACT_FUNCTIONS] =
			(uint64_t)image->function_count * sizeof(struct nb_code_function),
		[NB_ARTIFACT_SITES] = (uint64_t)image->site_count * sizeof(struct nb_code_site),
		[NB_ARTIFACT_CLAIMS] = (uint64_t)image->claim_count * sizeof(struct nb_code_claim),
		[NB_ARTIFACT_CODE] = image->code_size,
	};
	struct nb_artifact_head head = {
		.magic = NB_ARTIFACT_MAGIC,
		.version = NB_ARTIFACT_VERSION,
		.contract_version = NB_CODE_CONTRACT_VERSION,
		.cpu_features = image->cpu_features,
		.wasm_features = module->features.set,
		.binary_size = module->len,
	};
	uint64_t at = sizeof head;
	uint8_t *bytes;

	for (int i = 0; i < NB_ARTIFACT_SECTION_COUNT; i++) {
		at = align(at);
		if (at > UINT32_MAX || sizes[i] > UINT32_MAX - at)
			return NB_LIMIT_EXCEEDED;
		head.sections[i] = (struct nb_artifact_range){ (uint32_t)at, (uint32_t)sizes[i] };
		at += sizes[i];
	}
	head.size = (uint32_t)at;
	bytes = arena_alloc_array(arena, at, 1, NB_ARTIFACT_ALIGN);
	if (!bytes)
		return NB_OUT_OF_MEMORY;
	memcpy(bytes, &head, sizeof head);
	(void)skeleton_copy(module, bytes + head.sections[NB_ARTIFACT_SKELETON].offset);
	if (image->function_count)
		memcpy(bytes + head.sections[NB_ARTIFACT_FUNCTIONS].offset, image->functions,
		       sizes[NB_ARTIFACT_FUNCTIONS]);
	if (image->site_count)
		memcpy(bytes + head.sections[NB_ARTIFACT_SITES].offset, image->sites,
		       sizes[NB_ARTIFACT_SITES]);
	if (image->claim_count)
		memcpy(bytes + head.sections[NB_ARTIFACT_CLAIMS].offset, image->claims,
		       sizes[NB_ARTIFACT_CLAIMS]);
	if (image->code_size)
		memcpy(bytes + head.sections[NB_ARTIFACT_CODE].offset, image->code,
		       image->code_size);
	*out = bytes;
	*out_len = at;
	return NB_OK;
}

/* ---- reading ---- */

/* Says by name which of the features that code needs are not there. */
static enum nb_status
report_missing(uint32_t missing, struct diag *diag)
{
	static const struct {
		uint32_t feature;
		const char *name;
	} names[] = { { NB_CPU_AVX, "AVX" },
		      { NB_CPU_BMI1, "BMI1" },
		      { NB_CPU_BMI2, "BMI2" },
		      { NB_CPU_LZCNT, "LZCNT" } };
	char text[64] = "";
	size_t len = 0;

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		if (!(missing & names[i].feature))
			continue;
		len += format_text(text + len, sizeof text - len, "%s%s", len ? ", " : "",
				   names[i].name);
		missing &= ~names[i].feature;
	}
	if (missing)
		format_text(text + len, sizeof text - len, "%s0x%x", len ? ", " : "", missing);
	return diag_report(diag, NB_NOT_SUPPORTED, 16,
			   "code needs processor features that are missing here: %s; compile the "
			   "module again",
			   text);
}

static enum nb_status
check_head(const struct nb_artifact_head *head, size_t len, uint32_t cpu_features,
	   struct diag *diag)
{
	uint64_t at = sizeof *head;

	if (head->version != NB_ARTIFACT_VERSION ||
	    head->contract_version != NB_CODE_CONTRACT_VERSION)
		return diag_report(diag, NB_NOT_SUPPORTED, 8,
				   "artifact format %u with code contract %u, this kernel has %u "
				   "and %u; compile the module again",
				   head->version, head->contract_version, NB_ARTIFACT_VERSION,
				   NB_CODE_CONTRACT_VERSION);
	if (head->size != len)
		return diag_report(diag, NB_MALFORMED, 24, "artifact says it has %u bytes, not %zu",
				   head->size, len);
	if (head->cpu_features & ~cpu_features)
		return report_missing(head->cpu_features & ~cpu_features, diag);
	for (int i = 0; i < NB_ARTIFACT_SECTION_COUNT; i++) {
		struct nb_artifact_range range = head->sections[i];

		if (range.offset < at || range.offset % NB_ARTIFACT_ALIGN || range.offset > len ||
		    range.size > len - range.offset)
			return diag_report(diag, NB_MALFORMED, 32,
					   "artifact section %d is misplaced", i);
		at = (uint64_t)range.offset + range.size;
	}
	return NB_OK;
}

/* Functions and sites lie in the code in ascending order. */
static bool
tables_are_sane(const struct nb_code_image *image)
{
	uint64_t at = 0;

	for (uint32_t i = 0; i < image->function_count; i++) {
		const struct nb_code_function *function = &image->functions[i];

		if (function->code_offset < at || function->first_site > image->site_count ||
		    (i && function->first_site < image->functions[i - 1].first_site))
			return false;
		at = (uint64_t)function->code_offset + function->code_size + function->pool_size;
		if (at > image->code_size)
			return false;
	}
	for (uint32_t i = 0; i < image->site_count; i++) {
		if (image->sites[i].code_offset > image->code_size ||
		    (i && image->sites[i].code_offset < image->sites[i - 1].code_offset))
			return false;
	}
	return true;
}

static void
locate_image(const uint8_t *bytes, struct nb_code_image *out)
{
	const struct nb_artifact_head *head = (const struct nb_artifact_head *)bytes;
	const struct nb_artifact_range *functions = &head->sections[NB_ARTIFACT_FUNCTIONS];
	const struct nb_artifact_range *sites = &head->sections[NB_ARTIFACT_SITES];
	const struct nb_artifact_range *claims = &head->sections[NB_ARTIFACT_CLAIMS];
	const struct nb_artifact_range *code = &head->sections[NB_ARTIFACT_CODE];

	*out = (struct nb_code_image){
		.code = bytes + code->offset,
		.code_size = code->size,
		.functions = (const void *)(bytes + functions->offset),
		.function_count = functions->size / (uint32_t)sizeof(struct nb_code_function),
		.sites = (const void *)(bytes + sites->offset),
		.site_count = sites->size / (uint32_t)sizeof(struct nb_code_site),
		.claims = (const void *)(bytes + claims->offset),
		.claim_count = claims->size / (uint32_t)sizeof(struct nb_code_claim),
		.cpu_features = head->cpu_features,
	};
}

enum nb_status
artifact_read(const uint8_t *bytes, size_t len, uint32_t cpu_features, struct diag *diag,
	      struct code_module *out)
{
	const struct nb_artifact_head *head = (const struct nb_artifact_head *)bytes;
	const struct nb_artifact_range *skeleton = &head->sections[NB_ARTIFACT_SKELETON];
	struct wasm_features features = { .code = WASM_CODE_ABSENT };
	enum nb_status status;

	if (!artifact_is_one(bytes, len) || len < sizeof *head)
		return diag_report(diag, NB_MALFORMED, 0, "not a complete artifact");
	status = check_head(head, len, cpu_features, diag);
	if (status != NB_OK)
		return status;
	features.set = head->wasm_features;
	status = wasm_module_decode(&out->wasm, &out->arena, bytes + skeleton->offset,
				    skeleton->size, &features, diag);
	if (status != NB_OK)
		return status;
	locate_image(bytes, &out->image);
	if (out->image.function_count != out->wasm.func_count - out->wasm.func_import_count ||
	    !tables_are_sane(&out->image))
		return diag_report(diag, NB_MALFORMED, head->sections[NB_ARTIFACT_FUNCTIONS].offset,
				   "the artifact's tables do not fit its module");
	return NB_OK;
}
