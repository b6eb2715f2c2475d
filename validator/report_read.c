/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A report from a file. It may have been written by another version, cut short or edited: what the renderers rely on is
 * checked here, once.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/buffer.h"
#include "validator/report.h"

/* A member that must be there, and what it is. */
struct member {
    const char *name;
    json_type type; /* JSON_REAL stands for any number, JSON_TRUE for true or false. */
};

static const struct member document_members[] = {
    {"verdict", JSON_STRING},    {"summary", JSON_STRING},    {"next", JSON_STRING},
    {"gates", JSON_ARRAY},       {"comparisons", JSON_ARRAY}, {"differences", JSON_ARRAY},
    {"not_checked", JSON_ARRAY}, {"provenance", JSON_OBJECT},
};
static const struct member provenance_members[] = {
    {"run_id", JSON_STRING}, {"version", JSON_STRING}, {"pipeline", JSON_STRING},
    {"file", JSON_STRING},   {"started", JSON_STRING}, {"ended", JSON_STRING},
};
static const struct member gate_members[] = {
    {"comparison", JSON_STRING}, {"of", JSON_STRING},  {"name", JSON_STRING},
    {"value", JSON_REAL},        {"limit", JSON_REAL}, {"sense", JSON_STRING},
    {"pass", JSON_TRUE},
};
static const struct member comparison_members[] = {
    {"kind", JSON_STRING},   {"name", JSON_STRING},        {"verdict", JSON_STRING},
    {"counts", JSON_OBJECT}, {"identities", JSON_ARRAY},   {"coverage", JSON_REAL},
    {"causes", JSON_ARRAY},  {"buckets", JSON_OBJECT},     {"partitions", JSON_ARRAY},
    {"reads", JSON_ARRAY},   {"inconclusive", JSON_ARRAY}, {"not_checked", JSON_ARRAY},
};
static const struct member cause_members[] = {
    {"cause", JSON_STRING},   {"kind", JSON_STRING},    {"count", JSON_INTEGER},
    {"explained", JSON_TRUE}, {"meaning", JSON_STRING}, {"advice", JSON_STRING},
};
static const struct member difference_members[] = {
    {"comparison", JSON_STRING},
    {"kind", JSON_STRING},
    {"cause", JSON_STRING},
};

#define MEMBERS(table) (table), sizeof(table) / sizeof *(table)

static bool has_type(const json_t *value, json_type type)
{
    if (type == JSON_REAL)
        return json_is_number(value);
    if (type == JSON_TRUE)
        return json_is_boolean(value);
    return value != NULL && json_typeof(value) == type;
}

static bool broken(const char *path, const char *where, struct error *err)
{
    error_set(err, EXIT_CODE_SOURCE, "%s: the report is broken: %s is missing or of another type",
              path, where);
    return error_hint(err, "restore the file as dualrun validate wrote it, or validate again");
}

static bool check_members(const char *path, const json_t *object, const char *where,
                          const struct member *members, size_t count, struct error *err)
{
    char place[128];

    for (size_t i = 0; i < count; i++) {
        if (has_type(json_object_get(object, members[i].name), members[i].type))
            continue;
        snprintf(place, sizeof place, "%s%s%s", where, *where != '\0' ? "." : "", members[i].name);
        return broken(path, place, err);
    }
    return true;
}

static bool check_list(const char *path, const json_t *list, const char *where,
                       const struct member *members, size_t count, struct error *err)
{
    const json_t *item;
    char place[64];
    size_t i;

    json_array_foreach(list, i, item)
    {
        snprintf(place, sizeof place, "%s[%zu]", where, i);
        if (!check_members(path, item, place, members, count, err))
            return false;
    }
    return true;
}

static bool is_verdict(const json_t *object)
{
    const char *verdict = json_string_value(json_object_get(object, "verdict"));

    for (size_t i = 0; i < REPORT_VERDICTS; i++)
        if (strcmp(verdict, report_verdict_names[i]) == 0)
            return true;
    return false;
}

static bool check_comparisons(const char *path, const json_t *document, struct error *err)
{
    const json_t *list = json_object_get(document, "comparisons"), *one;
    char place[64];
    size_t i;

    if (!check_list(path, list, "comparisons", MEMBERS(comparison_members), err))
        return false;
    json_array_foreach(list, i, one)
    {
        snprintf(place, sizeof place, "comparisons[%zu].verdict", i);
        if (!is_verdict(one))
            return broken(path, place, err);
        snprintf(place, sizeof place, "comparisons[%zu].causes", i);
        if (!check_list(path, json_object_get(one, "causes"), place, MEMBERS(cause_members), err))
            return false;
    }
    return true;
}

static bool check_document(const char *path, const json_t *document, struct error *err)
{
    if (!check_members(path, document, "", MEMBERS(document_members), err))
        return false;
    if (!is_verdict(document))
        return broken(path, "verdict", err);
    return check_members(path, json_object_get(document, "provenance"), "provenance",
                         MEMBERS(provenance_members), err)
           && check_list(path, json_object_get(document, "gates"), "gates", MEMBERS(gate_members),
                         err)
           && check_comparisons(path, document, err)
           && check_list(path, json_object_get(document, "differences"), "differences",
                         MEMBERS(difference_members), err);
}

static bool check_version(const char *path, const json_t *document, struct error *err)
{
    const json_t *version = json_object_get(document, "schema_version");
    const char *writer =
        json_string_value(json_object_get(json_object_get(document, "provenance"), "version"));

    if (!json_is_integer(version) || json_integer_value(version) < 1) {
        error_set(err, EXIT_CODE_SOURCE, "%s: is no report: it has no schema_version", path);
        return error_hint(err, "name a report.json that dualrun validate wrote, or its folder");
    }
    if (json_integer_value(version) <= REPORT_SCHEMA_VERSION)
        return true;
    error_set(err, EXIT_CODE_SOURCE,
              "%s: the report has version %" JSON_INTEGER_FORMAT
              ", this dualrun (%s) reads up to %d",
              path, json_integer_value(version), DUALRUN_VERSION, REPORT_SCHEMA_VERSION);
    return error_hint(err, "show it with dualrun %.40s or newer",
                      writer != NULL ? writer : "of that version");
}

static json_t *parse(const char *path, struct error *err)
{
    FILE *in = fopen(path, "re");
    json_error_t where;

    if (in == NULL) {
        error_set(err, EXIT_CODE_SOURCE, "%s: %s", path, strerror(errno));
        error_hint(err, "name a report.json that dualrun validate wrote, or its folder");
        return NULL;
    }
    json_t *document = json_loadf(in, JSON_REJECT_DUPLICATES, &where);
    fclose(in);
    if (document == NULL) {
        error_set(err, EXIT_CODE_SOURCE, "%s:%d:%d: is no JSON: %s", path, where.line, where.column,
                  where.text);
        error_hint(err, "the file is cut short or was edited: validate again");
    }
    return document;
}

json_t *report_read(const char *path, struct error *err)
{
    struct stat info;
    bool folder = stat(path, &info) == 0 && S_ISDIR(info.st_mode);
    char *file = memory_textf("%s%s", path, folder ? "/report.json" : "");
    json_t *document = parse(file, err);

    if (document != NULL
        && (!check_version(file, document, err) || !check_document(file, document, err))) {
        json_decref(document);
        document = NULL;
    }
    free(file);
    return document;
}
