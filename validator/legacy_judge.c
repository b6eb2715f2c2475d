/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Old and new rows in the order of their keys' hashes, judged key by key. What has no partner is looked
 * at a second time by a plainer form of its key.
 */
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "validator/legacy_rows.h"

enum { EVIDENCE_SIZE = 256, PARTNERS_TRIED = 1000, NO_RULE = -1 };

struct sides {
    struct legacy_side *items;
    size_t count, room;
};

struct group {
    uint8_t hash[SORT_KEY_HASH_SIZE];
    struct sides sides[2]; /* TAG_OLD, TAG_NEW */
    struct legacy_late *lates;
    size_t late_count;
    char dead[EVIDENCE_SIZE]; /* The reason of the last dead letter. */
    bool has_dead;
    size_t bytes;
};

/* -- A group -- */

static void group_clear(struct group *group)
{
    group->sides[0].count = group->sides[1].count = 0;
    group->late_count = group->bytes = 0;
    group->has_dead = false;
}

static void group_fini(struct group *group)
{
    free(group->sides[0].items);
    free(group->sides[1].items);
    free(group->lates);
}

static void take_side(struct legacy_compare *c, struct sides *sides, const struct sorter_row *row)
{
    if (sides->count == sides->room) {
        sides->room = sides->room * 2 + 8;
        sides->items = memory_resize(sides->items, sides->room * sizeof *sides->items);
    }
    struct legacy_side *side = &sides->items[sides->count++];
    uint8_t *data = arena_take(&c->arena, row->size + 1);

    memcpy(data, row->payload, row->size);
    *side = (struct legacy_side){.payload = data, .size = row->size};
    memcpy(&side->head, data, sizeof side->head);
    side->key = data + sizeof side->head;
    side->cells = arena_take(&c->arena, (c->field_count + 1) * sizeof *side->cells);
    side->present = arena_take(&c->arena, c->field_count + 1);
    memset(side->cells, 0, (c->field_count + 1) * sizeof *side->cells); /* CELL_NULL */
    memset(side->present, 0, c->field_count + 1);
    const uint8_t *at = side->key + side->head.key_size;
    for (uint32_t i = 0; i < side->head.field_count; i++) {
        uint32_t index;
        memcpy(&index, at, sizeof index);
        at = cell_get(at + sizeof index, &side->cells[index]);
        side->present[index] = true;
    }
}

static bool take_row(struct legacy_compare *c, struct group *group, const struct sorter_row *row,
                     struct error *err)
{
    enum legacy_tag tag = (enum legacy_tag)row->key[SORT_KEY_HASH_SIZE];

    group->bytes += row->size + c->field_count * (sizeof(struct cell) + 1);
    if (group->bytes > (size_t)c->options.validate->memory_bytes) {
        error_set(err, EXIT_CODE_SOURCE, "the rows of one key take more than validate.memory");
        return error_hint(err, "raise validate.memory, or name the field that tells rows apart");
    }
    if (tag == TAG_LATE) {
        group->lates = memory_resize(group->lates, (group->late_count + 1) * sizeof *group->lates);
        memcpy(&group->lates[group->late_count++], row->payload, sizeof *group->lates);
    } else if (tag == TAG_DEAD) {
        size_t size = row->size < EVIDENCE_SIZE - 1 ? row->size : EVIDENCE_SIZE - 1;
        memcpy(group->dead, row->payload, size);
        group->dead[size] = '\0';
        group->has_dead = true;
    } else {
        take_side(c, &group->sides[tag], row);
    }
    return true;
}

/* -- Which rows are judged -- */

static bool is_pending(const struct legacy_compare *c, const struct legacy_side *side)
{
    const struct legacy_compare_options *options = &c->options;
    int64_t before_ms = INT64_MAX;

    if (c->legacy->time_field == NULL || options->partition_count == 0)
        return false;
    if (side->head.partition >= 0 && (size_t)side->head.partition < options->partition_count)
        return side->head.time_ms >= options->final_before_ms[side->head.partition];
    for (size_t p = 0; p < options->partition_count; p++)
        if (options->final_before_ms[p] < before_ms)
            before_ms = options->final_before_ms[p];
    return side->head.time_ms >= before_ms;
}

static bool is_outside(const struct legacy_compare *c, const struct legacy_side *side)
{
    const struct pipeline_legacy *legacy = c->legacy;

    return (legacy->from_ms != 0 && side->head.time_ms < legacy->from_ms)
           || (legacy->to_ms != 0 && side->head.time_ms >= legacy->to_ms);
}

/* A row whose own time is not judged still is, if another of its key is: the times may be what differs. */
static bool is_judged(const struct legacy_compare *c, const struct group *group)
{
    for (size_t s = 0; s < 2; s++)
        for (size_t i = 0; i < group->sides[s].count; i++)
            if (!is_pending(c, &group->sides[s].items[i])
                && !is_outside(c, &group->sides[s].items[i]))
                return true;
    return false;
}

static void count_unjudged(struct legacy_compare *c, const struct group *group)
{
    struct result_counts *counts = &c->options.result->counts;

    for (size_t s = 0; s < 2; s++)
        for (size_t i = 0; i < group->sides[s].count; i++) {
            bool outside = is_outside(c, &group->sides[s].items[i]);
            int64_t *count = s == TAG_OLD
                                 ? (outside ? &counts->old_outside : &counts->pending)
                                 : (outside ? &counts->outside : &counts->candidate_pending);
            ++*count;
        }
}

/* -- Two rows -- */

static bool is_compared(const struct legacy_field *field)
{
    return field->seen_in_old && field->seen_in_new;
}

static bool rows_match(const struct legacy_compare *c, const struct legacy_side *old,
                       const struct legacy_side *new)
{
    for (size_t i = 0; i < c->field_count; i++)
        if (is_compared(&c->fields[i])
            && legacy_match(&c->fields[i], &old->cells[i], old->head.untyped, &new->cells[i])
                   == LEGACY_DIFFERENT)
            return false;
    return true;
}

static void count_borne(struct legacy_compare *c, const struct legacy_side *old,
                        const struct legacy_side *new)
{
    for (size_t i = 0; i < c->field_count; i++) {
        if (!is_compared(&c->fields[i]))
            continue;
        enum legacy_match match =
            legacy_match(&c->fields[i], &old->cells[i], old->head.untyped, &new->cells[i]);
        c->fields[i].tolerated += match == LEGACY_TOLERATED;
        c->fields[i].defaulted += match == LEGACY_DEFAULTED;
    }
}

static int value_rule(const struct legacy_compare *c, size_t field, const struct legacy_side *old,
                      const struct legacy_side *new)
{
    for (size_t r = 0; r < c->legacy->rule_count; r++)
        if (legacy_rule_names(&c->legacy->rules[r], &c->fields[field], &old->cells[field],
                              &new->cells[field])
            && legacy_rule_holds(&c->legacy->rules[r], old->head.time_ms))
            return (int)r;
    return NO_RULE;
}

static int row_rule(const struct legacy_compare *c, enum pipeline_rule_kind kind, int64_t time_ms)
{
    for (size_t r = 0; r < c->legacy->rule_count; r++)
        if (c->legacy->rules[r].kind == kind && legacy_rule_holds(&c->legacy->rules[r], time_ms))
            return (int)r;
    return NO_RULE;
}

/* Rules for all that differs, or one look that all of it has; a rule for a part explains nothing. */
static enum cause value_cause(struct legacy_compare *c, const struct legacy_side *old,
                              const struct legacy_side *new, json_t *fields, int *rule)
{
    enum cause looks = CAUSES;
    bool ruled = true;

    *rule = NO_RULE;
    for (size_t i = 0; i < c->field_count; i++) {
        const struct legacy_field *field = &c->fields[i];
        if (!is_compared(field)
            || legacy_match(field, &old->cells[i], old->head.untyped, &new->cells[i])
                   != LEGACY_DIFFERENT)
            continue;
        json_array_append_new(fields, result_field(field->ours, cell_to_json(&old->cells[i]),
                                                   cell_to_json(&new->cells[i])));
        int found = value_rule(c, i, old, new);
        if (found != NO_RULE) {
            *rule = *rule == NO_RULE ? found : *rule;
            continue;
        }
        ruled = false;
        enum cause one =
            legacy_looks_like(field, &old->cells[i], old->head.untyped, &new->cells[i]);
        looks = looks == CAUSES || looks == one ? one : CAUSE_UNEXPLAINED;
    }
    if (ruled)
        return CAUSE_EXPECTED;
    *rule = NO_RULE;
    return looks;
}

/* -- Witnesses -- */

/* A late record that could have been in the row: its window, where the row's time is known. */
static const struct legacy_late *late_witness(const struct legacy_compare *c,
                                              const struct group *group, int64_t time_ms)
{
    const struct pipeline_join *join = c->options.join;

    for (size_t i = 0; i < group->late_count; i++) {
        const struct legacy_late *late = &group->lates[i];
        if (c->legacy->time_field == NULL || late->input > join->secondary_count)
            return late;
        int64_t before_ms = late->input == 0 ? 0 : join->secondaries[late->input - 1].before_ms;
        int64_t after_ms = late->input == 0 ? 0 : join->secondaries[late->input - 1].after_ms;
        if (late->time_ms >= time_ms - before_ms && late->time_ms <= time_ms + after_ms)
            return late;
    }
    return NULL;
}

static bool find_witness(const struct legacy_compare *c, const struct group *group, int64_t time_ms,
                         enum cause *cause, char evidence[static EVIDENCE_SIZE])
{
    const struct legacy_late *late = late_witness(c, group, time_ms);

    if (late != NULL) {
        *cause = CAUSE_LATE;
        snprintf(evidence, EVIDENCE_SIZE,
                 "a record of time %" PRId64 " came at watermark %" PRId64 " and was %s",
                 late->time_ms, late->watermark_ms, late->dropped ? "dropped" : "admitted");
        return true;
    }
    if (group->has_dead) {
        *cause = CAUSE_DEAD_LETTER;
        snprintf(evidence, EVIDENCE_SIZE, "%.200s", group->dead);
    }
    return group->has_dead;
}

/* -- Reports -- */

static json_t *place_of(const struct legacy_compare *c, enum legacy_tag tag,
                        const struct legacy_side *side)
{
    if (tag == TAG_NEW)
        return result_position(c->options.join->output.name, side->head.partition,
                               side->head.offset);
    return json_sprintf("%s:%" PRId64, c->files[side->head.file], side->head.offset);
}

static void report(struct legacy_compare *c, const struct legacy_side *old,
                   const struct legacy_side *new, enum difference_kind kind, enum cause cause,
                   int rule, json_t *fields, const char *evidence)
{
    const struct legacy_side *known = old != NULL ? old : new;
    char text[EVIDENCE_SIZE];
    struct difference difference = {.kind = kind,
                                    .cause = cause,
                                    .key = known->key,
                                    .key_size = known->head.key_size,
                                    .time_ms = known->head.time_ms,
                                    .partition =
                                        new != NULL ? new->head.partition : known->head.partition,
                                    .positions = json_object(),
                                    .fields = fields,
                                    .evidence = evidence};

    if (old != NULL)
        json_object_set_new(difference.positions, "expected", place_of(c, TAG_OLD, old));
    if (new != NULL)
        json_object_set_new(difference.positions, "found", place_of(c, TAG_NEW, new));
    if (rule != NO_RULE) {
        snprintf(text, sizeof text, "expected:%.100s: %.120s", c->legacy->rules[rule].name,
                 c->legacy->rules[rule].because);
        difference.evidence = text;
        c->rule_counts[rule]++;
    }
    result_add(c->options.result, &difference);
}

static void judge_altered(struct legacy_compare *c, const struct group *group,
                          const struct legacy_side *old, const struct legacy_side *new)
{
    json_t *fields = json_array();
    char evidence[EVIDENCE_SIZE] = "";
    int rule;
    enum cause cause = value_cause(c, old, new, fields, &rule);

    if (cause != CAUSE_EXPECTED)
        find_witness(c, group, old->head.time_ms, &cause, evidence);
    c->options.result->counts.different++;
    report(c, old, new, DIFFERENCE_ALTERED, cause, rule, fields,
           evidence[0] != '\0' ? evidence : NULL);
    result_judge(c->options.result, old->head.time_ms, new->head.partition, false,
                 !cause_infos[cause].explained);
}

/* A row more than the other side has of the key. */
static void judge_duplicate(struct legacy_compare *c, enum legacy_tag tag,
                            const struct legacy_side *side)
{
    bool old = tag == TAG_OLD;
    int rule = row_rule(c, old ? RULE_OLD_DUPLICATE : RULE_DUPLICATE, side->head.time_ms);
    bool repeated = !old && c->options.join->guarantee == GUARANTEE_AT_LEAST_ONCE;

    if (old)
        c->options.result->counts.old_duplicate++;
    else
        c->options.result->counts.duplicate++;
    report(c, old ? side : NULL, old ? NULL : side,
           old ? DIFFERENCE_OLD_DUPLICATE : DIFFERENCE_DUPLICATE,
           rule != NO_RULE ? CAUSE_EXPECTED
           : repeated      ? CAUSE_REPEATED
                           : CAUSE_UNEXPLAINED,
           rule, NULL, NULL);
}

/* -- Rows without a partner: once by what is known now, and again by the plain form of the key -- */

static void plain_form(const struct legacy_side *side, struct buffer *key)
{
    const uint8_t *at = side->key, *end = side->key + side->head.key_size;

    buffer_clear(key);
    while (at < end && isspace(*at))
        at++;
    while (at < end && isspace(end[-1]))
        end--;
    while (end - at > 1 && *at == '0')
        at++;
    for (; at < end; at++)
        buffer_append_byte(key, (uint8_t)tolower(*at));
}

static bool keep_single(struct legacy_compare *c, struct group *group, enum legacy_tag tag,
                        struct legacy_side *side, struct error *err)
{
    char evidence[EVIDENCE_SIZE] = "";
    enum cause cause = CAUSE_UNEXPLAINED;
    int rule = row_rule(c, tag == TAG_OLD ? RULE_MISSING : RULE_EXTRA, side->head.time_ms);

    if (rule != NO_RULE)
        cause = CAUSE_EXPECTED;
    else
        find_witness(c, group, side->head.time_ms, &cause, evidence);
    side->head.cause = (uint8_t)cause;
    side->head.rule = (uint32_t)rule;
    plain_form(side, &c->key);
    buffer_clear(&c->scratch);
    buffer_append(&c->scratch, side->payload, side->size);
    memcpy(c->scratch.data, &side->head, sizeof side->head);
    buffer_append(&c->scratch, evidence, sizeof evidence);
    return legacy_add(c, c->forms, c->key.data, c->key.size, tag, c->scratch.data, c->scratch.size,
                      err);
}

static void report_single(struct legacy_compare *c, enum legacy_tag tag,
                          const struct legacy_side *side, bool has_form)
{
    struct result *result = c->options.result;
    const char *evidence = (const char *)side->payload + side->size - EVIDENCE_SIZE;
    enum cause cause = (enum cause)side->head.cause;

    if (cause == CAUSE_UNEXPLAINED && has_form)
        cause = CAUSE_KEY_FORM;
    if (tag == TAG_NEW)
        result->counts.extra++;
    else if (cause == CAUSE_DEAD_LETTER)
        result->counts.dead_letter++;
    else
        result->counts.missing++;
    report(c, tag == TAG_OLD ? side : NULL, tag == TAG_NEW ? side : NULL,
           tag == TAG_OLD ? DIFFERENCE_MISSING : DIFFERENCE_EXTRA, cause, (int)side->head.rule,
           NULL, evidence[0] != '\0' ? evidence : NULL);
    if (tag == TAG_OLD)
        result_judge(result, side->head.time_ms, side->head.partition, false,
                     !cause_infos[cause].explained);
}

static bool judge_forms(struct legacy_compare *c, struct group *group, struct error *err)
{
    struct sides *old = &group->sides[TAG_OLD], *new = &group->sides[TAG_NEW];
    size_t pairs = old->count < new->count ? old->count : new->count;

    (void)err;
    for (size_t i = 0; i < old->count; i++)
        report_single(c, TAG_OLD, &old->items[i], i < pairs);
    for (size_t i = 0; i < new->count; i++)
        report_single(c, TAG_NEW, &new->items[i], i < pairs);
    return true;
}

/* -- Rows of one key -- */

static struct legacy_side *find_equal(const struct legacy_compare *c, struct sides *new,
                                      const struct legacy_side *old)
{
    size_t tried = 0;

    for (size_t i = 0; i < new->count &&tried < PARTNERS_TRIED; i++) {
        if (new->items[i].taken)
            continue;
        if (rows_match(c, old, &new->items[i]))
            return &new->items[i];
        tried++;
    }
    return NULL;
}

static struct legacy_side *first_free(struct sides *sides)
{
    for (size_t i = 0; i < sides->count; i++)
        if (!sides->items[i].taken)
            return &sides->items[i];
    return NULL;
}

static void match_equal(struct legacy_compare *c, struct sides *old, struct sides *new)
{
    for (size_t i = 0; i < old->count; i++) {
        struct legacy_side *partner = find_equal(c, new, &old->items[i]);
        if (partner == NULL)
            continue;
        partner->taken = old->items[i].taken = true;
        count_borne(c, &old->items[i], partner);
        c->options.result->counts.matched++;
        result_judge(c->options.result, old->items[i].head.time_ms, partner->head.partition, true,
                     false);
    }
}

static bool judge_key(struct legacy_compare *c, struct group *group, struct error *err)
{
    struct sides *old = &group->sides[TAG_OLD], *new = &group->sides[TAG_NEW];
    struct legacy_side *left, *partner;

    if (!is_judged(c, group)) {
        count_unjudged(c, group);
        return true;
    }
    match_equal(c, old, new);
    while ((left = first_free(old)) != NULL && (partner = first_free(new)) != NULL) {
        left->taken = partner->taken = true;
        judge_altered(c, group, left, partner);
    }
    for (enum legacy_tag tag = TAG_OLD; tag <= TAG_NEW; tag++) {
        bool other = group->sides[tag == TAG_OLD ? TAG_NEW : TAG_OLD].count > 0;
        for (size_t i = 0; i < group->sides[tag].count; i++) {
            struct legacy_side *side = &group->sides[tag].items[i];
            if (side->taken)
                continue;
            if (other || i > 0)
                judge_duplicate(c, tag, side);
            else if (!keep_single(c, group, tag, side, err))
                return false;
        }
    }
    return true;
}

/* -- All groups -- */

static bool each_group(struct legacy_compare *c, struct sorter *sorter,
                       bool (*judge)(struct legacy_compare *c, struct group *group,
                                     struct error *err),
                       struct error *err)
{
    struct group group = {0};
    struct sorter_row row;
    bool done = sorter_sort(sorter, err), any = false;

    while (done && (done = sorter_next(sorter, &row, err))) {
        if (any && (row.key == NULL || memcmp(row.key, group.hash, sizeof group.hash) != 0)) {
            done = judge(c, &group, err);
            group_clear(&group);
            arena_reset(&c->arena, LEGACY_ARENA_KEEP);
        }
        if (row.key == NULL || !done)
            break;
        any = true;
        memcpy(group.hash, row.key, sizeof group.hash);
        done = take_row(c, &group, &row, err);
    }
    group_fini(&group);
    return done;
}

bool legacy_compare_finish(struct legacy_compare *c, struct error *err)
{
    arena_reset(&c->arena, LEGACY_ARENA_KEEP);
    if (!each_group(c, c->rows, judge_key, err) || !each_group(c, c->forms, judge_forms, err))
        return false;
    legacy_notes(c);
    return true;
}
