/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the legacy comparison says beside its counts: which fields it compared, what was borne by which
 * word of the pipeline file, and what it could not see.
 */
#include <inttypes.h>
#include <string.h>

#include "validator/legacy_rows.h"

static void append_name(struct buffer *list, const char *name)
{
    buffer_appendf(list, "%s%s", list->size > 0 ? ", " : "", name);
}

static void note_list(json_t *notes, const char *what, struct buffer *list)
{
    if (list->size > 0)
        result_note(notes, "%s: %.400s", what, buffer_text(list));
    buffer_fini(list);
}

static bool is_theirs(const struct legacy_compare *c, const char *name)
{
    size_t size = strlen(name);

    for (size_t i = 0; i < c->field_count; i++)
        if (c->fields[i].seen_in_new && strncmp(c->fields[i].theirs, name, size) == 0
            && (c->fields[i].theirs[size] == '\0' || c->fields[i].theirs[size] == '.'))
            return true;
    return strcmp(name, c->legacy->key) == 0;
}

static void note_fields(struct legacy_compare *c)
{
    struct result *result = c->options.result;
    struct buffer both = {0}, ours = {0}, theirs = {0};
    const char *name;
    json_t *value;

    for (size_t i = 0; i < c->field_count; i++) {
        const struct legacy_field *field = &c->fields[i];
        if (field->seen_in_old && field->seen_in_new)
            append_name(&both, field->ours);
        else if (field->seen_in_new)
            append_name(&ours, field->ours);
        if (field->named && (!field->seen_in_new || !field->seen_in_old))
            result_note(result->inconclusive,
                        "validate.legacy.fields: {%s: %s}: %s rows have no such field", field->ours,
                        field->theirs, field->seen_in_new ? "the old" : "our");
    }
    json_object_foreach(c->old_names, name, value)
    {
        (void)value;
        if (!is_theirs(c, name))
            append_name(&theirs, name);
    }
    note_list(result->notes, "fields that are compared", &both);
    note_list(result->not_checked, "fields that only our rows have", &ours);
    note_list(result->not_checked, "fields that only the old rows have", &theirs);
}

static void note_borne(struct legacy_compare *c)
{
    struct result *result = c->options.result;

    for (size_t i = 0; i < c->field_count; i++) {
        const struct legacy_field *field = &c->fields[i];
        if (field->tolerated > 0)
            result_note(result->notes, "%s: %" PRId64 " values differ within the tolerance",
                        field->ours, field->tolerated);
        if (field->defaulted > 0)
            result_note(result->notes,
                        "%s: %" PRId64 " times null on one side, the default on "
                        "the other",
                        field->ours, field->defaulted);
    }
    json_t *rules = json_object();
    for (size_t i = 0; i < c->legacy->rule_count; i++) {
        json_object_set_new(rules, c->legacy->rules[i].name, json_integer(c->rule_counts[i]));
        result_note(result->notes, "expected:%s explains %" PRId64 " differences: %.200s",
                    c->legacy->rules[i].name, c->rule_counts[i], c->legacy->rules[i].because);
    }
    json_object_set_new(result->facts, "expected", rules);
}

void legacy_notes(struct legacy_compare *c)
{
    struct result *result = c->options.result;
    const struct result_counts *counts = &result->counts;

    note_fields(c);
    note_borne(c);
    if (counts->unreadable > 0)
        result_note(result->not_checked,
                    "%" PRId64 " rows of the old system are unreadable, at %" PRId64 " places",
                    counts->unreadable, c->unreadable_told);
    if (counts->old_outside + counts->outside > 0)
        result_note(result->not_checked,
                    "%" PRId64 " old and %" PRId64 " new rows lie outside from and to",
                    counts->old_outside, counts->outside);
    if (c->legacy->time_field == NULL)
        result_note(result->not_checked, "which rows are final: without validate.legacy.event_time "
                                         "every row is taken as final");
    if (c->unattributed > 0)
        result_note(result->not_checked,
                    "%" PRId64 " late records and dead letters cannot be told by the rows' key",
                    c->unattributed);
    if (counts->reference - counts->pending - counts->old_outside == 0)
        result_note(result->inconclusive, "there was nothing final to compare");
}
