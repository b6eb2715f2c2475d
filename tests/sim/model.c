/* SPDX-License-Identifier: Apache-2.0 */
#include "model.h"

#include <stdlib.h>
#include <string.h>

static int64_t largest(const int64_t *values, int inputs)
{
    int64_t most = 0;

    for (int i = 1; i < inputs; i++)
        most = values[i] > most ? values[i] : most;
    return most;
}

int64_t model_cutoff(const struct model_join *join, int64_t watermark)
{
    int64_t reach = largest(join->after, join->inputs) + join->lateness;

    return watermark - reach - (join->latest ? largest(join->before, join->inputs) : 0);
}

static bool meets(const struct model_join *join, const struct model_row *row, int64_t cutoff)
{
    return row->time >= (row->input == 0 ? cutoff : cutoff - join->before[row->input]);
}

static bool match(const struct model_join *join, const struct model_row *primary,
                  const struct model_row *row)
{
    int64_t distance = row->time - primary->time;

    return row->key == primary->key && distance >= -join->before[row->input]
           && distance <= join->after[row->input];
}

static bool same(const struct model_row *a, const struct model_row *b)
{
    return a->input == b->input && a->key == b->key && a->id == b->id && a->time == b->time;
}

int model_order(const void *a, const void *b)
{
    const struct model_row *x = a, *y = b;

    if (x->time != y->time)
        return x->time < y->time ? -1 : 1;
    if (x->id != y->id)
        return x->id < y->id ? -1 : 1;
    return strcmp(x->kind, y->kind);
}

static bool counts(const struct model_join *join, const struct model_row *primary,
                   const struct model_row *row, const struct model_row *rows, size_t count)
{
    if (row->input == 0 || !match(join, primary, row))
        return false;
    for (size_t i = 0; join->latest && i < count; i++)
        if (rows[i].input == 0 && match(join, &rows[i], row)
            && (rows[i].time > primary->time
                || (rows[i].time == primary->time && rows[i].id > primary->id)))
            return false;
    return true;
}

static struct model_label label_of(const struct model_join *join, const struct model_row *primary,
                                   const struct model_row *rows, size_t count)
{
    struct model_label label = {.key = primary->key, .id = primary->id, .time = primary->time};

    for (size_t i = 0; i < count; i++) {
        if (!counts(join, primary, &rows[i], rows, count))
            continue;
        if (label.matches == 0 || model_order(&rows[i], &label.first) < 0)
            label.first = rows[i];
        if (label.matches == 0 || model_order(&rows[i], &label.last) > 0)
            label.last = rows[i];
        label.matches++;
    }
    return label;
}

/* An inner join has no row for a primary row without a match. */
static void put_label(const struct model_join *join, const struct model_row *primary,
                      const struct model_row *rows, size_t row_count, struct model_label *labels,
                      size_t *label_count)
{
    struct model_label label = label_of(join, primary, rows, row_count);

    if (!join->inner || label.matches > 0)
        labels[(*label_count)++] = label;
}

bool model_label_equal(const struct model_label *a, const struct model_label *b)
{
    return a->key == b->key && a->id == b->id && a->time == b->time && a->matches == b->matches
           && (a->matches == 0
               || (model_order(&a->first, &b->first) == 0 && model_order(&a->last, &b->last) == 0));
}

static int order_labels(const void *a, const void *b)
{
    const struct model_label *x = a, *y = b;

    if (x->time != y->time)
        return x->time < y->time ? -1 : 1;
    if (x->key != y->key)
        return x->key < y->key ? -1 : 1;
    return (x->id > y->id) - (x->id < y->id);
}

static bool is_known(const struct model_row *rows, size_t count, const struct model_row *row)
{
    for (size_t i = 0; i < count; i++)
        if (same(&rows[i], row))
            return true;
    return false;
}

size_t model_batch(const struct model_join *join, const struct model_row *rows, size_t count,
                   struct model_label *labels)
{
    struct model_row *unique = malloc(count * sizeof *unique);
    size_t unique_count = 0, label_count = 0;

    for (size_t i = 0; unique != NULL && i < count; i++)
        if (!is_known(unique, unique_count, &rows[i]))
            unique[unique_count++] = rows[i];
    for (size_t i = 0; i < unique_count; i++)
        if (unique[i].input == 0)
            put_label(join, &unique[i], unique, unique_count, labels, &label_count);
    qsort(labels, label_count, sizeof *labels, order_labels);
    free(unique);
    return label_count;
}

void model_start(struct model *model, const struct model_join *join)
{
    memset(model, 0, sizeof *model);
    model->join = join;
}

void model_feed(struct model *model, const struct model_row *row)
{
    const struct model_join *join = model->join;
    bool dropped = model->has_watermark && !meets(join, row, model_cutoff(join, model->watermark));
    int64_t least = INT64_MAX;

    if (model->has_watermark && row->time < model->watermark - join->lateness)
        model->late[model->late_count++] = (struct model_late){*row, dropped};
    if (!dropped && !is_known(model->live, model->live_count, row))
        model->live[model->live_count++] = *row;
    if (!model->seen[row->input] || row->time > model->max_time[row->input])
        model->max_time[row->input] = row->time;
    model->seen[row->input] = true;
    for (int i = 0; i < join->inputs; i++) {
        if (!model->seen[i])
            return;
        least = model->max_time[i] < least ? model->max_time[i] : least;
    }
    model_advance(model, least);
}

void model_advance(struct model *model, int64_t watermark)
{
    const struct model_join *join = model->join;
    int64_t cutoff = model_cutoff(join, watermark);
    size_t before = model->out_count, kept = 0;

    if (model->has_watermark && watermark <= model->watermark)
        return;
    model->has_watermark = true;
    model->watermark = watermark;
    for (size_t i = 0; i < model->live_count; i++)
        if (model->live[i].input == 0 && model->live[i].time < cutoff)
            put_label(join, &model->live[i], model->live, model->live_count, model->out,
                      &model->out_count);
    qsort(model->out + before, model->out_count - before, sizeof *model->out, order_labels);
    for (size_t i = 0; i < model->live_count; i++)
        if (meets(join, &model->live[i], cutoff))
            model->live[kept++] = model->live[i];
    model->live_count = kept;
}

bool model_touches(const struct model_join *join, const struct model_row *late,
                   const struct model_label *label)
{
    struct model_row primary = {.key = label->key, .time = label->time, .id = label->id};
    int64_t reach = largest(join->after, join->inputs) + largest(join->before, join->inputs);

    if (late->key != label->key)
        return false;
    if (late->input != 0)
        return match(join, &primary, late);
    return late->id == label->id || (join->latest && llabs(late->time - label->time) <= reach);
}
