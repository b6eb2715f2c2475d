/* SPDX-License-Identifier: Apache-2.0 */
/*
 * validate.legacy of the pipeline file: the old system's output, and what may differ from it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/pipeline_reader.h"
#include "core/pipeline_value.h"
#include "core/rfc3339.h"

enum { DAY_MS = 86400000 };

/* A date is its beginning in UTC. 0 stands for "no limit" and is no time that a row has. */
static bool parse_moment(const char *text, int64_t *ms)
{
    int32_t days;
    int64_t us;

    if (rfc3339_parse_date(text, strlen(text), &days)) {
        *ms = (int64_t)days * DAY_MS;
        return true;
    }
    if (!rfc3339_parse_us(text, strlen(text), &us))
        return false;
    *ms = us / 1000;
    return true;
}

void pipeline_read_moment(struct pipeline_reader *reader, const struct pipeline_key *key,
                          const struct yaml_node *node, void *base, json_t *show)
{
    char quoted[PIPELINE_QUOTE_SIZE];
    int64_t ms;

    if (node == NULL) {
        json_object_set_new(show, key->name, pipeline_shown(json_null(), "not set"));
        return;
    }
    if (!pipeline_expect(reader, node, YAML_TEXT))
        return;
    if (!parse_moment(node->text, &ms) || ms <= 0) {
        pipeline_problem(reader, node, "write 2026-11-01, or 2026-11-01T09:30:00Z",
                         "%s is no date or time", pipeline_quote(node->text, quoted));
        return;
    }
    memcpy((char *)base + key->offset, &ms, sizeof ms);
    json_object_set_new(show, key->name, pipeline_shown_line(json_string(node->text), node));
}

static char *take_pair(struct pipeline_reader *reader, const struct yaml_node *node, json_t *shown)
{
    if (!pipeline_expect(reader, node, YAML_TEXT))
        return NULL;
    json_object_set_new(shown, node->key, pipeline_shown_line(json_string(node->text), node));
    return memory_text(node->text);
}

void pipeline_read_pairs(struct pipeline_reader *reader, const struct pipeline_key *key,
                         const struct yaml_node *node, void *base, json_t *show)
{
    struct pipeline_pairs *pairs = (void *)((char *)base + key->offset);
    struct error err;

    if (!pipeline_expect(reader, node, YAML_MAPPING))
        return;
    json_t *shown = json_object();
    pairs->items = memory_array(node->child_count + 1, sizeof *pairs->items);
    for (size_t i = 0; i < node->child_count; i++) {
        const struct yaml_node *child = &node->children[i];
        size_t mark = pipeline_enter(reader, child->key);
        char *theirs = take_pair(reader, child, shown);
        if (!pipeline_value_check(TYPE_FIELD_NAME, child->key, &err))
            pipeline_problem_key(reader, child, err.hint, "%s", err.text);
        if (theirs != NULL) {
            if (!pipeline_value_check(TYPE_FIELD, theirs, &err))
                pipeline_problem_error(reader, child, &err);
            pairs->items[pairs->count++] =
                (struct pipeline_pair){.ours = memory_text(child->key), .theirs = theirs};
        }
        pipeline_leave(reader, mark);
    }
    json_object_set_new(show, key->name, shown);
}

/* "1e-9", "0.1%" or "2ulp". */
static bool parse_allowance(const char *text, struct pipeline_allowance *allowance)
{
    char *end;
    double amount = strtod(text, &end);

    if (end == text || !(amount >= 0) || amount > 1e300 || strspn(text, "0123456789.eE+-") == 0)
        return false;
    if (*end == '\0')
        allowance->kind = ALLOW_ABSOLUTE;
    else if (strcmp(end, "%") == 0)
        allowance->kind = ALLOW_RELATIVE;
    else if (strcmp(end, "ulp") == 0)
        allowance->kind = ALLOW_ULP;
    else
        return false;
    allowance->amount = allowance->kind == ALLOW_RELATIVE ? amount / 100 : amount;
    return true;
}

void pipeline_read_allowances(struct pipeline_reader *reader, const struct pipeline_key *key,
                              const struct yaml_node *node, void *base, json_t *show)
{
    struct pipeline_legacy *legacy = base;
    char quoted[PIPELINE_QUOTE_SIZE];

    if (!pipeline_expect(reader, node, YAML_MAPPING))
        return;
    json_t *shown = json_object();
    legacy->allowances = memory_array(node->child_count + 1, sizeof *legacy->allowances);
    for (size_t i = 0; i < node->child_count; i++) {
        const struct yaml_node *child = &node->children[i];
        struct pipeline_allowance *allowance = &legacy->allowances[legacy->allowance_count];
        size_t mark = pipeline_enter(reader, child->key);
        char *text = take_pair(reader, child, shown);
        if (text != NULL && !parse_allowance(text, allowance)) {
            pipeline_problem(reader, child, "write it like 1e-9, 0.1% or 2ulp",
                             "%s is no tolerance", pipeline_quote(text, quoted));
        } else if (text != NULL) {
            allowance->field = memory_text(child->key);
            legacy->allowance_count++;
        }
        free(text);
        pipeline_leave(reader, mark);
    }
    json_object_set_new(show, key->name, shown);
}

void pipeline_read_null_fields(struct pipeline_reader *reader, const struct pipeline_key *key,
                               const struct yaml_node *node, void *base, json_t *show)
{
    struct pipeline_legacy *legacy = base;
    bool many = node->kind == YAML_LIST;
    const struct yaml_node *items = many ? node->children : node;
    size_t count = many ? node->child_count : 1;
    json_t *list = json_array();
    struct error err;

    legacy->null_fields = memory_array(count + 1, sizeof *legacy->null_fields);
    for (size_t i = 0; i < count; i++) {
        if (!pipeline_expect(reader, &items[i], YAML_TEXT))
            continue;
        if (!pipeline_value_check(TYPE_FIELD_NAME, items[i].text, &err))
            pipeline_problem_error(reader, &items[i], &err);
        legacy->null_fields[legacy->null_field_count++] = memory_text(items[i].text);
        json_array_append_new(list, json_string(items[i].text));
    }
    json_object_set_new(show, key->name, pipeline_shown_line(list, node));
}

static void read_enum(struct pipeline_reader *reader, const struct yaml_node *node,
                      struct pipeline_enum *words, json_t *show)
{
    words->field = memory_text(node->key);
    if (!pipeline_expect(reader, node, YAML_MAPPING))
        return;
    json_t *shown = json_object();
    words->words.items = memory_array(node->child_count + 1, sizeof *words->words.items);
    for (size_t i = 0; i < node->child_count; i++) {
        size_t mark = pipeline_enter(reader, node->children[i].key);
        char *ours = take_pair(reader, &node->children[i], shown);
        if (ours != NULL)
            words->words.items[words->words.count++] =
                (struct pipeline_pair){.ours = ours, .theirs = memory_text(node->children[i].key)};
        pipeline_leave(reader, mark);
    }
    json_object_set_new(show, node->key, shown);
}

void pipeline_read_enums(struct pipeline_reader *reader, const struct pipeline_key *key,
                         const struct yaml_node *node, void *base, json_t *show)
{
    struct pipeline_legacy *legacy = base;

    if (!pipeline_expect(reader, node, YAML_MAPPING))
        return;
    json_t *shown = json_object();
    legacy->enums = memory_array(node->child_count + 1, sizeof *legacy->enums);
    for (size_t i = 0; i < node->child_count; i++) {
        size_t mark = pipeline_enter(reader, node->children[i].key);
        read_enum(reader, &node->children[i], &legacy->enums[legacy->enum_count++], shown);
        pipeline_leave(reader, mark);
    }
    json_object_set_new(show, key->name, shown);
}

static void check_rule(struct pipeline_reader *reader, const struct yaml_node *node,
                       const struct pipeline_legacy *legacy, const struct pipeline_rule *rule)
{
    const struct yaml_node *field = yaml_child(node, "field"), *when = yaml_child(node, "when");

    if (rule->kind == RULE_VALUE && field == NULL)
        pipeline_problem(reader, node, "add field: FIELD, or kind: missing, extra, ...",
                         "a rule about a value needs its field");
    if (rule->kind != RULE_VALUE && (field != NULL || when != NULL))
        pipeline_problem_key(reader, field != NULL ? field : when, "remove it",
                             "only a rule about a value has a field and values");
    if ((rule->since_ms != 0 || rule->until_ms != 0) && legacy->time_field == NULL)
        pipeline_problem(reader, node, "add validate.legacy.event_time, or remove since and until",
                         "since and until need to know when a row happened");
    for (size_t i = 0; i < legacy->rule_count; i++)
        if (&legacy->rules[i] != rule && rule->name != NULL && legacy->rules[i].name != NULL
            && strcmp(legacy->rules[i].name, rule->name) == 0)
            pipeline_problem(reader, yaml_child(node, "name"), "give each rule its own name",
                             "the name %s is used by another rule too", rule->name);
}

void pipeline_read_rules(struct pipeline_reader *reader, const struct pipeline_key *key,
                         const struct yaml_node *node, void *base, json_t *show)
{
    struct pipeline_legacy *legacy = base;

    if (!pipeline_expect(reader, node, YAML_LIST))
        return;
    json_t *shown = json_array();
    legacy->rules = memory_array(node->child_count + 1, sizeof *legacy->rules);
    for (size_t i = 0; i < node->child_count; i++) {
        struct pipeline_rule *rule = &legacy->rules[i];
        json_t *inner = json_object();
        size_t mark = pipeline_enter_item(reader, i), problems = reader->problem_count;
        pipeline_read_section(reader, key->inner, &node->children[i], rule, inner);
        if (problems == reader->problem_count)
            check_rule(reader, &node->children[i], legacy, rule);
        legacy->rule_count++;
        json_array_append_new(shown, inner);
        pipeline_leave(reader, mark);
    }
    json_object_set_new(show, key->name, shown);
}

static void check_join(struct pipeline_reader *reader, const struct yaml_node *node,
                       const struct pipeline_legacy *legacy)
{
    const struct pipeline *pipeline = reader->pipeline;
    bool known = false;

    for (size_t i = 0; i < pipeline->join_count; i++)
        known |= legacy->join != NULL && pipeline->joins[i].name != NULL
                 && strcmp(pipeline->joins[i].name, legacy->join) == 0;
    if (pipeline->join_count == 0)
        pipeline_problem(reader, node, "add a join, or remove legacy",
                         "there is no join whose output could be compared");
    else if (legacy->join != NULL && !known)
        pipeline_problem(reader, yaml_child(node, "join"), "name a join of this file",
                         "no join has the name %s", legacy->join);
    else if (legacy->join == NULL && pipeline->join_count > 1)
        pipeline_problem(reader, node, "add join: NAME",
                         "the file has %zu joins: it must be said which", pipeline->join_count);
}

void pipeline_read_legacy(struct pipeline_reader *reader, const struct pipeline_key *key,
                          const struct yaml_node *node, void *base, json_t *show)
{
    struct pipeline_legacy *legacy = (void *)((char *)base + key->offset);
    json_t *inner = json_object();
    size_t problems = reader->problem_count;

    pipeline_read_section(reader, key->inner, node, legacy, inner);
    json_object_set_new(show, key->name, inner);
    if (problems != reader->problem_count)
        return;
    check_join(reader, node, legacy);
    if ((legacy->from_ms != 0 || legacy->to_ms != 0) && legacy->time_field == NULL)
        pipeline_problem(reader, node, "add event_time: {field: FIELD}, or remove from and to",
                         "from and to need to know when a row happened");
    else if (legacy->to_ms != 0 && legacy->to_ms <= legacy->from_ms)
        pipeline_problem(reader, yaml_child(node, "to"), "write a later time",
                         "it is not after from: no row would be judged");
}

/* Freeing. */

static void free_pairs(struct pipeline_pairs *pairs)
{
    for (size_t i = 0; i < pairs->count; i++) {
        free(pairs->items[i].ours);
        free(pairs->items[i].theirs);
    }
    free(pairs->items);
}

static void free_rule(struct pipeline_rule *rule)
{
    free(rule->name);
    free(rule->because);
    free(rule->field);
    free(rule->when_legacy);
    free(rule->when_new);
}

void pipeline_free_legacy(struct pipeline_legacy *legacy)
{
    free(legacy->files);
    free(legacy->key);
    free(legacy->join);
    free(legacy->time_field);
    free_pairs(&legacy->fields);
    for (size_t i = 0; i < legacy->allowance_count; i++)
        free(legacy->allowances[i].field);
    free(legacy->allowances);
    for (size_t i = 0; i < legacy->null_field_count; i++)
        free(legacy->null_fields[i]);
    free(legacy->null_fields);
    for (size_t i = 0; i < legacy->enum_count; i++) {
        free(legacy->enums[i].field);
        free_pairs(&legacy->enums[i].words);
    }
    free(legacy->enums);
    for (size_t i = 0; i < legacy->rule_count; i++)
        free_rule(&legacy->rules[i]);
    free(legacy->rules);
}
