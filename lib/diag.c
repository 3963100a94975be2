/*
 * Diagnostic records: first report wins.
 */
#include "lib/diag.h"

#include "lib/format.h"

void
diag_init(struct diag *diag)
{
	*diag = (struct diag){
		.status = NB_OK,
		.offset = DIAG_NO_OFFSET,
		.function_idx = DIAG_NO_FUNCTION,
	};
}

enum nb_status
diag_report(struct diag *diag, enum nb_status status, uint64_t offset, const char *format, ...)
{
	va_list args;

	if (diag->status != NB_OK)
		return status;
	diag->status = status;
	diag->offset = offset;
	va_start(args, format);
	format_text_va(diag->text, sizeof(diag->text), format, args);
	va_end(args);
	return status;
}

/* Where the text of diag_format grows. */
struct diag_out {
	char *text;
	size_t cap;
	size_t len;
};

static void __attribute__((format(printf, 2, 3)))
diag_append(struct diag_out *out, const char *format, ...)
{
	size_t room = out->len < out->cap ? out->cap - out->len : 0;
	va_list args;

	va_start(args, format);
	out->len += format_text_va(room ? out->text + out->len : NULL, room, format, args);
	va_end(args);
}

size_t
diag_format(const struct diag *diag, char *out, size_t cap)
{
	struct diag_out text = { out, cap, 0 };

	if (cap > 0)
		out[0] = 0;
	if (diag->function_idx != DIAG_NO_FUNCTION)
		diag_append(&text, "function %u: ", diag->function_idx);
	if (diag->offset != DIAG_NO_OFFSET)
		diag_append(&text, "offset 0x%llx", (unsigned long long)diag->offset);
	if (diag->section)
		diag_append(&text, diag->offset != DIAG_NO_OFFSET ? " (%s section)" : "%s section",
			    diag->section);
	if (diag->offset != DIAG_NO_OFFSET || diag->section)
		diag_append(&text, ": ");
	diag_append(&text, "%s", diag->text[0] ? diag->text : nb_status_text(diag->status));
	return text.len < cap ? text.len : cap ? cap - 1 : 0;
}
