/* SPDX-License-Identifier: Apache-2.0 */
#include "validator/recompute.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum reading { READING_TRUTH, READING_ADMITTED };

/* The rows that exist in one reading: no doubles, each side in the order (time, event id). */
struct view {
    enum reading reading;
    struct recompute_row **primaries;
    size_t primary_count;
    struct recompute_row **secondaries;
    size_t secondary_count;
};

/* -- Plan -- */

static uint32_t input_of(const struct pipeline_join *join, const struct pipeline_stream *stream)
{
    for (size_t i = 0; i < join->secondary_count; i++)
        if (join->secondaries[i].stream == stream)
            return (uint32_t)i + 1;
    return 0;
}

static uint32_t want_field(struct recompute_input *input, const char *path)
{
    for (size_t i = 0; i < input->field_count; i++)
        if (strcmp(input->fields[i], path) == 0)
            return (uint32_t)i;
    input->fields = memory_resize(input->fields, (input->field_count + 1) * sizeof(char *));
    input->fields[input->field_count] = path;
    return (uint32_t)input->field_count++;
}

static void plan_aggregate(struct recompute_plan *plan, const struct pipeline_output_field *field)
{
    struct recompute_aggregate *aggregate = &plan->aggregates[plan->aggregate_count++];

    *aggregate =
        (struct recompute_aggregate){.field = field, .input = input_of(plan->join, field->stream)};
    struct recompute_input *input = &plan->inputs[aggregate->input];
    if (field->field != NULL)
        aggregate->cell = want_field(input, field->field);
    aggregate->condition_cells = memory_array(field->condition_count + 1, sizeof(uint32_t));
    for (size_t c = 0; c < field->condition_count; c++)
        aggregate->condition_cells[c] = want_field(input, field->conditions[c].field);
}

void recompute_plan_init(struct recompute_plan *plan, const struct pipeline_join *join)
{
    *plan = (struct recompute_plan){.join = join, .input_count = join->secondary_count + 1};
    plan->inputs = memory_array(plan->input_count, sizeof *plan->inputs);
    for (size_t i = 0; i < join->secondary_count; i++) {
        const struct pipeline_secondary *secondary = &join->secondaries[i];
        plan->inputs[i + 1].before_ms = secondary->before_ms;
        plan->inputs[i + 1].after_ms = secondary->after_ms;
        if (i == 0 || secondary->after_ms > plan->hi_ms)
            plan->hi_ms = secondary->after_ms;
        if (i == 0 || secondary->before_ms > plan->lo_ms)
            plan->lo_ms = secondary->before_ms;
    }
    plan->aggregates = memory_array(join->field_count + 1, sizeof *plan->aggregates);
    for (size_t i = 0; i < join->field_count; i++)
        if (join->fields[i].aggregate != AGGREGATE_ALL
            && join->fields[i].aggregate != AGGREGATE_FIELD)
            plan_aggregate(plan, &join->fields[i]);
    plan->mask_size = (plan->aggregate_count + 7) / 8;
}

void recompute_plan_fini(struct recompute_plan *plan)
{
    for (size_t i = 0; i < plan->input_count; i++)
        free(plan->inputs[i].fields);
    for (size_t i = 0; i < plan->aggregate_count; i++)
        free(plan->aggregates[i].condition_cells);
    free(plan->inputs);
    free(plan->aggregates);
    *plan = (struct recompute_plan){0};
}

static bool holds(const struct pipeline_condition *condition, const struct cell *cell)
{
    for (size_t i = 0; i < condition->value_count; i++)
        if (cell_is_text(cell, condition->values[i]))
            return true;
    return false;
}

void recompute_mask(const struct recompute_plan *plan, uint32_t input, const struct cell *cells,
                    uint8_t *mask)
{
    memset(mask, 0, plan->mask_size);
    for (size_t i = 0; i < plan->aggregate_count; i++) {
        const struct recompute_aggregate *aggregate = &plan->aggregates[i];
        bool all = aggregate->input == input;
        for (size_t c = 0; all && c < aggregate->field->condition_count; c++)
            all = holds(&aggregate->field->conditions[c], &cells[aggregate->condition_cells[c]]);
        if (all)
            mask[i / 8] |= (uint8_t)(1u << (i % 8));
    }
}

int64_t recompute_cutoff_ms(const struct recompute_plan *plan, int64_t watermark_ms)
{
    int64_t reach = plan->hi_ms + plan->join->lateness_ms;

    if (plan->join->attribution == ATTRIBUTE_LATEST)
        reach += plan->lo_ms;
    return watermark_ms < INT64_MIN + reach ? INT64_MIN : watermark_ms - reach;
}

/* -- Doubles -- */

static int compare_ids(const struct recompute_row *a, const struct recompute_row *b)
{
    size_t shorter = a->id_size < b->id_size ? a->id_size : b->id_size;
    int order = shorter == 0 ? 0 : memcmp(a->id, b->id, shorter);

    return order != 0 ? order : (a->id_size > b->id_size) - (a->id_size < b->id_size);
}

/* Doubles side by side, the one that wins first. */
static int by_identity(const void *left, const void *right)
{
    const struct recompute_row *a = *(struct recompute_row *const *)left;
    const struct recompute_row *b = *(struct recompute_row *const *)right;

    if (a->input != b->input)
        return a->input < b->input ? -1 : 1;
    int order = compare_ids(a, b);
    return order != 0 ? order : (a->offset > b->offset) - (a->offset < b->offset);
}

static int by_time(const void *left, const void *right)
{
    const struct recompute_row *a = *(struct recompute_row *const *)left;
    const struct recompute_row *b = *(struct recompute_row *const *)right;

    if (a->time_ms != b->time_ms)
        return a->time_ms < b->time_ms ? -1 : 1;
    return compare_ids(a, b);
}

/* Keys have a handful of rows as a rule: no call through a pointer per comparison is worth it. */
static void sort_rows(struct recompute_row **rows, size_t count,
                      int (*compare)(const void *, const void *))
{
    if (count > 16) {
        qsort(rows, count, sizeof(struct recompute_row *), compare);
        return;
    }
    for (size_t i = 1; i < count; i++) {
        struct recompute_row *moving = rows[i];
        size_t to = i;
        for (; to > 0 && compare(&moving, &rows[to - 1]) < 0; to--)
            rows[to] = rows[to - 1];
        rows[to] = moving;
    }
}

static bool same_identity(const struct recompute_row *a, const struct recompute_row *b)
{
    return a->input == b->input && compare_ids(a, b) == 0;
}

static void mark_conflicts(struct recompute_row **rows, size_t count)
{
    for (size_t i = 1; i < count; i++)
        if (same_identity(rows[i - 1], rows[i]) && rows[i - 1]->time_ms != rows[i]->time_ms)
            rows[i - 1]->conflict = rows[i]->conflict = true;
}

/* `rows` lie by identity. */
static void view_init(struct view *view, enum reading reading, struct recompute_row **rows,
                      size_t count, struct arena *arena)
{
    const struct recompute_row *winner = NULL;

    *view = (struct view){.reading = reading};
    view->primaries = arena_take(arena, count * sizeof(struct recompute_row *));
    view->secondaries = arena_take(arena, count * sizeof(struct recompute_row *));
    for (size_t i = 0; i < count; i++) {
        if (reading == READING_ADMITTED && rows[i]->dropped)
            continue;
        if (winner != NULL && same_identity(winner, rows[i]))
            continue;
        winner = rows[i];
        if (rows[i]->input == 0)
            view->primaries[view->primary_count++] = rows[i];
        else
            view->secondaries[view->secondary_count++] = rows[i];
    }
    sort_rows(view->primaries, view->primary_count, by_time);
    sort_rows(view->secondaries, view->secondary_count, by_time);
}

/* -- Match -- */

static bool in_window(const struct recompute_plan *plan, const struct recompute_row *primary,
                      const struct recompute_row *row)
{
    const struct recompute_input *input = &plan->inputs[row->input];
    int64_t distance = row->time_ms - primary->time_ms;

    return -input->before_ms <= distance && distance <= input->after_ms;
}

/* Was the primary still open when the other row came? */
static bool met(const struct recompute_plan *plan, const struct view *view,
                const struct recompute_row *primary, const struct recompute_row *row)
{
    return view->reading == READING_TRUTH || !row->late
           || primary->time_ms >= recompute_cutoff_ms(plan, row->late_watermark_ms);
}

static bool attributed(const struct recompute_plan *plan, const struct view *view, size_t at,
                       const struct recompute_row *row)
{
    if (plan->join->attribution == ATTRIBUTE_EVERY)
        return true;
    for (size_t i = at + 1; i < view->primary_count; i++) {
        const struct recompute_row *rival = view->primaries[i];
        if (rival->time_ms - row->time_ms > plan->lo_ms)
            return true;
        if (in_window(plan, rival, row) && met(plan, view, view->primaries[at], rival))
            return false;
    }
    return true;
}

static size_t first_in_reach(const struct recompute_plan *plan, const struct view *view,
                             const struct recompute_row *primary)
{
    size_t low = 0, high = view->secondary_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (view->secondaries[middle]->time_ms < primary->time_ms - plan->lo_ms)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* -- Aggregates -- */

struct sums {
    bool overflow;
    json_t *list;
};

static void add_sum(struct cell *total, const struct cell *value, struct sums *sums)
{
    if (total->kind == CELL_NULL) {
        *total = *value;
    } else if (total->kind == CELL_INTEGER && value->kind == CELL_INTEGER) {
        if (__builtin_add_overflow(total->integer, value->integer, &total->integer))
            sums->overflow = true;
    } else if (total->kind == CELL_REAL && value->kind == CELL_REAL) {
        total->real += value->real;
    }
}

static void add_item(const struct recompute_aggregate *aggregate, const struct cell *value,
                     struct sums *sums)
{
    size_t limit = aggregate->field->limit > 0 ? (size_t)aggregate->field->limit : SIZE_MAX;

    if (json_array_size(sums->list) < limit)
        json_array_append_new(sums->list, cell_to_json(value));
}

static void add_row(const struct recompute_aggregate *aggregate, const struct recompute_row *row,
                    struct cell *total, struct sums *sums)
{
    static const struct cell no_field = {.kind = CELL_BOOLEAN};
    const struct cell *value =
        aggregate->field->field != NULL ? &row->cells[aggregate->cell] : &no_field;

    if (value->kind == CELL_NULL)
        return;
    switch (aggregate->field->aggregate) {
    case AGGREGATE_ANY:
        total->boolean = true;
        break;
    case AGGREGATE_COUNT:
        total->integer++;
        break;
    case AGGREGATE_FIRST:
        if (total->kind == CELL_NULL)
            *total = *value;
        break;
    case AGGREGATE_LAST:
        *total = *value;
        break;
    case AGGREGATE_MIN:
        if (total->kind == CELL_NULL || cell_compare(value, total) < 0)
            *total = *value;
        break;
    case AGGREGATE_MAX:
        if (total->kind == CELL_NULL || cell_compare(value, total) > 0)
            *total = *value;
        break;
    case AGGREGATE_SUM:
        add_sum(total, value, sums);
        break;
    case AGGREGATE_LIST:
        add_item(aggregate, value, sums);
        break;
    case AGGREGATE_ALL:
    case AGGREGATE_FIELD:
        assert(false);
    }
}

static struct cell start_value(enum pipeline_aggregate aggregate)
{
    switch (aggregate) {
    case AGGREGATE_ANY:
        return (struct cell){.kind = CELL_BOOLEAN};
    case AGGREGATE_COUNT:
        return (struct cell){.kind = CELL_INTEGER};
    default:
        return (struct cell){.kind = CELL_NULL};
    }
}

static struct cell aggregate_rows(const struct recompute_aggregate *aggregate, size_t bit,
                                  struct recompute_row *const *rows, size_t count,
                                  struct arena *arena)
{
    struct cell total = start_value(aggregate->field->aggregate);
    struct sums sums = {0};

    if (aggregate->field->aggregate == AGGREGATE_LIST)
        sums.list = json_array();
    for (size_t i = 0; i < count; i++)
        if (rows[i]->input == aggregate->input && (rows[i]->mask[bit / 8] >> (bit % 8) & 1))
            add_row(aggregate, rows[i], &total, &sums);
    if (sums.overflow)
        total = (struct cell){.kind = CELL_NULL};
    if (sums.list != NULL) {
        cell_from_json(sums.list, arena, &total);
        json_decref(sums.list);
    }
    return total;
}

/* False: this reading has no row for the primary. */
static bool label(const struct recompute_plan *plan, const struct view *view, size_t at,
                  struct arena *arena, struct cell **cells)
{
    const struct recompute_row *primary = view->primaries[at];
    size_t from = first_in_reach(plan, view, primary), to = from, count = 0;

    while (to < view->secondary_count
           && view->secondaries[to]->time_ms - primary->time_ms <= plan->hi_ms)
        to++;
    struct recompute_row **matches =
        arena_take(arena, (to - from) * sizeof(struct recompute_row *));
    for (size_t i = from; i < to; i++) {
        struct recompute_row *row = view->secondaries[i];
        if (in_window(plan, primary, row) && met(plan, view, primary, row)
            && attributed(plan, view, at, row))
            matches[count++] = row;
    }
    *cells = arena_take(arena, plan->aggregate_count * sizeof **cells);
    for (size_t i = 0; i < plan->aggregate_count; i++)
        (*cells)[i] = aggregate_rows(&plan->aggregates[i], i, matches, count, arena);
    return plan->join->kind == JOIN_LEFT || count > 0;
}

/* -- Both readings -- */

static bool same_cells(const struct recompute_plan *plan, const struct cell *a,
                       const struct cell *b)
{
    for (size_t i = 0; i < plan->aggregate_count; i++)
        if (!cell_equal(&a[i], &b[i]))
            return false;
    return true;
}

static void add_witness(struct recompute_result *result, const struct recompute_row *row)
{
    if (result->witness_count < RECOMPUTE_WITNESSES)
        result->witnesses[result->witness_count++] = row;
}

/* The late rows that could make the readings differ for this primary. */
static void find_witnesses(const struct recompute_plan *plan, const struct recompute_row *rows,
                           size_t count, struct recompute_result *result)
{
    int64_t reach = plan->hi_ms + plan->lo_ms;

    if (result->primary->late)
        add_witness(result, result->primary);
    for (size_t i = 0; i < count; i++) {
        int64_t distance = rows[i].time_ms - result->primary->time_ms;
        if (!rows[i].late || &rows[i] == result->primary)
            continue;
        if (rows[i].input > 0
                ? in_window(plan, result->primary, &rows[i])
                : plan->join->attribution == ATTRIBUTE_LATEST && distance >= 0 && distance <= reach)
            add_witness(result, &rows[i]);
    }
}

static bool touched_by_conflict(const struct recompute_plan *plan, const struct recompute_row *rows,
                                size_t count, const struct recompute_row *primary)
{
    if (primary->conflict)
        return true;
    for (size_t i = 0; i < count; i++)
        if (rows[i].conflict && rows[i].input > 0 && in_window(plan, primary, &rows[i]))
            return true;
    return false;
}

static size_t find_primary(const struct view *view, const struct recompute_row *primary)
{
    for (size_t i = 0; i < view->primary_count; i++)
        if (compare_ids(view->primaries[i], primary) == 0)
            return i;
    return SIZE_MAX;
}

static void read_both(const struct recompute_plan *plan, const struct view *truth,
                      const struct view *admitted, size_t at, struct arena *arena,
                      struct recompute_result *result)
{
    struct cell *cells;

    result->primary = truth->primaries[at];
    result->in_truth = label(plan, truth, at, arena, &cells);
    result->truth = cells;
    if (admitted == NULL) {
        result->in_admitted = result->in_truth;
        result->admitted = result->truth;
        return;
    }
    size_t other = find_primary(admitted, result->primary);
    if (other != SIZE_MAX) {
        result->in_admitted = label(plan, admitted, other, arena, &cells);
        result->admitted = cells;
    }
    result->differ = result->in_truth != result->in_admitted
                     || (result->in_truth && !same_cells(plan, result->truth, result->admitted));
}

bool recompute_key(const struct recompute_plan *plan, struct recompute_row *rows, size_t count,
                   struct arena *arena, recompute_take *take, void *context, struct error *err)
{
    struct recompute_row **order = arena_take(arena, count * sizeof(struct recompute_row *));
    struct view truth, admitted;
    bool any_late = false, any_conflict = false;

    for (size_t i = 0; i < count; i++) {
        order[i] = &rows[i];
        any_late = any_late || rows[i].late;
    }
    sort_rows(order, count, by_identity);
    mark_conflicts(order, count);
    for (size_t i = 0; i < count; i++)
        any_conflict = any_conflict || rows[i].conflict;
    view_init(&truth, READING_TRUTH, order, count, arena);
    if (any_late)
        view_init(&admitted, READING_ADMITTED, order, count, arena);
    for (size_t i = 0; i < truth.primary_count; i++) {
        struct recompute_result result = {0};
        read_both(plan, &truth, any_late ? &admitted : NULL, i, arena, &result);
        if (result.differ)
            find_witnesses(plan, rows, count, &result);
        result.conflict = any_conflict && touched_by_conflict(plan, rows, count, result.primary);
        if (!take(context, &result, err))
            return false;
    }
    return true;
}
