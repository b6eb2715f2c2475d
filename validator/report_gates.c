/* SPDX-License-Identifier: Apache-2.0 */
#include "validator/report_gates.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "validator/paired.h"

enum { WORST_SHOWN = 5, DETAIL_SIZE = 256 };

const char *report_kind(const struct result *result)
{
    return comparison_names[result->comparison];
}

/* -- What each gate is for -- */

struct gate_info {
    const char *name, *meaning, *advice;
};

static const struct gate_info gate_infos[] = {
    {"coverage", "the share of the eligible records that was compared",
     "the reasons are listed as inconclusive; mend them and validate again"},
    {"unexplained", "differences without a cause",
     "fetch both sides of the samples: each names the command"},
    {"missing_unexplained", "records that are nowhere", "fetch the samples and publish them again"},
    {"extra_unexplained", "records that nothing accounts for", "look for another writer"},
    {"duplicate_unexplained", "records that are there more than once",
     "look for a restart at that time, or a second writer"},
    {"old_duplicate_unexplained", "rows that the old system has more often than the new",
     "look at both sides of the samples; if it is right, write a rule of kind old_duplicate"},
    {"worst_bucket",
     "the share of rows that are equal or explained in the worst five minutes of event time",
     "see what happened then: a restart, a deploy, a full disk, a rebalance"},
    {"label_rate_difference",
     "how far a label's rate can lie from what the sources yield: the 95 % bound, from pairs of "
     "the same rows",
     "look at the rows that gained or lost the label; if the difference itself is within the "
     "limit, compare more rows"},
    {"books",
     "minutes whose books do not agree with what lies in the topics, or do not balance in "
     "themselves",
     "what the bridge wrote is no longer there, or more is there than it wrote: look for another "
     "writer, and for anything that deletes from the topics or the ledger"},
    {"counts_add_up", "every record is counted once", "this is a bug of dualrun: please report it"},
};

static const struct gate_info *info_of(const char *name)
{
    size_t i = 0;

    while (strcmp(gate_infos[i].name, name) != 0)
        i++;
    return &gate_infos[i];
}

static bool add_gate(json_t *gates, const struct result *result, const char *name, double value,
                     double limit, const char *sense, const char *detail)
{
    bool pass = strcmp(sense, "at least") == 0 ? value >= limit : value <= limit;
    const struct gate_info *info = info_of(name);

    json_array_append_new(gates, json_pack("{s:s, s:s, s:s, s:f, s:f, s:s, s:b, s:s, s:s, s:s}",
                                           "comparison", report_kind(result), "of", result->name,
                                           "name", name, "value", value, "limit", limit, "sense",
                                           sense, "pass", pass, "meaning", info->meaning, "advice",
                                           info->advice, "detail", detail));
    return pass;
}

static bool add_count_gate(json_t *gates, const struct result *result, enum difference_kind kind)
{
    int64_t value = 0;
    char name[64];

    for (size_t cause = 0; cause < CAUSES; cause++)
        value += cause_infos[cause].explained ? 0 : result->found[kind][cause];
    snprintf(name, sizeof name, "%s_unexplained", difference_kind_names[kind]);
    return add_gate(gates, result, name, (double)value, 0, "at most", "");
}

/* -- The worst five minutes -- */

static int by_share(const void *a, const void *b)
{
    const struct minutes_stretch *x = a, *y = b;
    double left = minutes_share(x), right = minutes_share(y);

    if (left < right || left > right)
        return left < right ? -1 : 1;
    return (x->from_ms > y->from_ms) - (x->from_ms < y->from_ms);
}

json_t *report_worst_buckets(const struct result *result)
{
    size_t count;
    struct minutes_stretch *stretches = minutes_stretches(&result->minutes, &count);
    json_t *list = json_array();

    if (count > 0)
        qsort(stretches, count, sizeof *stretches, by_share);
    for (size_t i = 0; i < count && i < WORST_SHOWN; i++)
        json_array_append_new(list, json_pack("{s:I, s:I, s:I, s:I, s:f}", "from_ms",
                                              (json_int_t)stretches[i].from_ms, "to_ms",
                                              (json_int_t)stretches[i].to_ms, "rows",
                                              (json_int_t)stretches[i].rows, "unexplained",
                                              (json_int_t)stretches[i].unexplained, "share",
                                              minutes_share(&stretches[i])));
    free(stretches);
    return json_pack("{s:I, s:o}", "width_ms", (json_int_t)result->minutes.width_ms, "list", list);
}

static bool worst_bucket_gate(json_t *gates, const struct result *result, double limit)
{
    json_t *buckets = report_worst_buckets(result);
    const json_t *worst = json_array_get(json_object_get(buckets, "list"), 0);
    json_int_t unexplained = json_integer_value(json_object_get(worst, "unexplained"));
    char from[CLOCK_TEXT_SIZE], to[CLOCK_TEXT_SIZE], detail[DETAIL_SIZE] = "";

    if (unexplained > 0)
        snprintf(detail, sizeof detail,
                 "%s to %s: %" JSON_INTEGER_FORMAT " of %" JSON_INTEGER_FORMAT
                 " rows differ without a cause",
                 clock_format_ms(json_integer_value(json_object_get(worst, "from_ms")), from),
                 clock_format_ms(json_integer_value(json_object_get(worst, "to_ms")), to),
                 unexplained, json_integer_value(json_object_get(worst, "rows")));
    json_decref(buckets);
    return add_gate(gates, result, "worst_bucket", result_worst_bucket(result), limit, "at least",
                    detail);
}

/* -- Labels -- */

/*
 * Fails only if the difference itself is too large. If it is not, but could be, no verdict is due: that no difference
 * was proven does not prove that there is none.
 */
static bool label_gate(json_t *gates, const struct result *result, double limit, json_t *reasons)
{
    double bound;
    const struct result_label *label = result_worst_label(result, &bound);
    char detail[DETAIL_SIZE];

    if (label == NULL)
        return true;
    double difference = paired_difference(label->pairs, label->gained, label->lost);
    snprintf(detail, sizeof detail,
             "%.64s: %" PRId64 " rows gained it, %" PRId64 " lost it, of %" PRId64
             ": a difference of %.6f",
             label->field, label->gained, label->lost, label->pairs, difference);
    if (add_gate(gates, result, "label_rate_difference", bound, limit, "at most", detail)
        || fabs(difference) > limit)
        return bound <= limit;
    result_note(reasons,
                "the rate of %.64s: %" PRId64
                " rows are too few to show that it is off by no more than %.6g (it may be %.6f)",
                label->field, label->pairs, limit, bound);
    return true;
}

/* -- Books -- */

static bool books_gate(json_t *gates, const struct result *result)
{
    int64_t unbalanced = result_unbalanced_minutes(result);
    const json_t *first = json_array_get(json_object_get(result->books, "list"), 0);
    char detail[DETAIL_SIZE] = "", minute[CLOCK_TEXT_SIZE];

    if (result->books == NULL)
        return true;
    if (first != NULL)
        snprintf(detail, sizeof detail, "%.16s: %.200s",
                 clock_format_ms(json_integer_value(json_object_get(first, "minute_ms")), minute),
                 json_string_value(json_object_get(first, "text")));
    return add_gate(gates, result, "books", (double)unbalanced, 0, "at most", detail);
}

/* -- Verdict -- */

static bool identities_hold(const json_t *identities)
{
    const json_t *identity;
    size_t i;

    json_array_foreach(identities, i, identity) if (!json_is_true(json_object_get(
                                                        identity, "holds"))) return false;
    return true;
}

/* Two records that differ, or are there twice, stay so whatever else was not read; and books are judged only where all
 * was read. */
static bool is_certain(const struct result *result)
{
    static const enum difference_kind kinds[] = {DIFFERENCE_DUPLICATE, DIFFERENCE_ALTERED,
                                                 DIFFERENCE_WRONG_KEY, DIFFERENCE_WRONG_PARTITION,
                                                 DIFFERENCE_OLD_DUPLICATE};

    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        for (size_t cause = 0; cause < CAUSES; cause++)
            if (result->found[kinds[i]][cause] > 0 && !cause_infos[cause].explained)
                return true;
    return result_unbalanced_minutes(result) > 0;
}

/* What is missing or extra means nothing where not all was read. */
enum exit_code report_gates(const struct pipeline_gates *limits, const struct result *result,
                            const json_t *identities, json_t *gates, json_t *reasons)
{
    bool covered = add_gate(gates, result, "coverage", result_coverage(result), limits->coverage,
                            "at least", "");
    bool good = add_gate(gates, result, "unexplained", (double)result_unexplained(result),
                         (double)limits->unexplained, "at most", "");

    good &= add_count_gate(gates, result, DIFFERENCE_MISSING);
    good &= add_count_gate(gates, result, DIFFERENCE_EXTRA);
    good &= add_count_gate(gates, result, DIFFERENCE_DUPLICATE);
    if (result->comparison == COMPARISON_LEGACY)
        good &= add_count_gate(gates, result, DIFFERENCE_OLD_DUPLICATE);
    good &= worst_bucket_gate(gates, result, limits->worst_bucket);
    good &= label_gate(gates, result, limits->label_rate_difference, reasons);
    good &= books_gate(gates, result);
    good &=
        add_gate(gates, result, "counts_add_up", identities_hold(identities), 1, "at least", "");
    if (!identities_hold(identities) || is_certain(result))
        return EXIT_CODE_DIFFERENT;
    if (!covered || json_array_size(result->inconclusive) > 0)
        return EXIT_CODE_INCONCLUSIVE;
    if (!good)
        return EXIT_CODE_DIFFERENT;
    return json_array_size(reasons) > 0 ? EXIT_CODE_INCONCLUSIVE : EXIT_CODE_OK;
}
