/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/compat.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { DEPTH_MAX = 64 };

struct walk {
    struct compat *compat; /* NULL: only asked whether. */
    char path[256];
    unsigned depth;
};

static bool problem(struct walk *walk, const char *next, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static bool problem(struct walk *walk, const char *next, const char *format, ...)
{
    va_list arguments;

    if (walk->compat == NULL || walk->compat->count == COMPAT_PROBLEMS_MAX)
        return false;
    struct compat_problem *found = &walk->compat->problems[walk->compat->count++];

    snprintf(found->path, sizeof found->path, "%s", walk->path);
    snprintf(found->next, sizeof found->next, "%s", next);
    va_start(arguments, format);
    vsnprintf(found->fact, sizeof found->fact, format, arguments);
    va_end(arguments);
    return false;
}

static bool reads(struct walk *walk, const struct schema_type *reader,
                  const struct schema_type *writer);

/* Walks into a part; the path is as before when it comes back. */
static bool reads_part(struct walk *walk, const char *step, const struct schema_type *reader,
                       const struct schema_type *writer)
{
    size_t size = strlen(walk->path);

    snprintf(walk->path + size, sizeof walk->path - size, "%s%s",
             size > 0 && step[0] != '[' ? "." : "", step);
    bool ok = reads(walk, reader, writer);
    walk->path[size] = '\0';
    return ok;
}

static const char *kind_of(const struct schema_type *type)
{
    return schema_kind_name(type->kind);
}

static bool is_promoted(enum schema_kind reader, enum schema_kind writer)
{
    switch (writer) {
    case SCHEMA_INT:
        return reader == SCHEMA_LONG || reader == SCHEMA_FLOAT || reader == SCHEMA_DOUBLE;
    case SCHEMA_LONG:
        return reader == SCHEMA_FLOAT || reader == SCHEMA_DOUBLE;
    case SCHEMA_FLOAT:
        return reader == SCHEMA_DOUBLE;
    case SCHEMA_STRING:
        return reader == SCHEMA_BYTES;
    case SCHEMA_BYTES:
        return reader == SCHEMA_STRING;
    default:
        return false;
    }
}

static const char *short_name(const char *name)
{
    const char *dot = name != NULL ? strrchr(name, '.') : NULL;

    return dot != NULL ? dot + 1 : name != NULL ? name : "";
}

static bool same_name(struct walk *walk, const struct schema_type *reader,
                      const struct schema_type *writer)
{
    return strcmp(short_name(reader->name), short_name(writer->name)) == 0
           || problem(walk, "keep the name: it is part of the type", "%s %s was %s",
                      kind_of(reader), short_name(reader->name), short_name(writer->name));
}

/* By name, or by a name that the reader's field had before. */
static const struct schema_field *written_field(const struct schema_type *writer,
                                                const struct schema_field *field)
{
    const struct schema_field *found = schema_field(writer, field->name);

    for (size_t i = 0; found == NULL && i < field->alias_count; i++)
        found = schema_field(writer, field->aliases[i]);
    return found;
}

static bool reads_record(struct walk *walk, const struct schema_type *reader,
                         const struct schema_type *writer)
{
    bool ok = same_name(walk, reader, writer);

    for (size_t i = 0; i < reader->field_count; i++) {
        const struct schema_field *field = &reader->fields[i];
        const struct schema_field *written = written_field(writer, field);

        if (written != NULL) {
            ok = reads_part(walk, field->name, field->type, written->type) && ok;
        } else if (field->default_value == NULL) {
            size_t size = strlen(walk->path);

            snprintf(walk->path + size, sizeof walk->path - size, "%s%s", size > 0 ? "." : "",
                     field->name);
            ok = problem(walk, "give the field a default, or an alias if it was renamed",
                         "the reader needs it, what was written lacks it, and it has no default");
            walk->path[size] = '\0';
        }
    }
    return ok;
}

static bool reads_enum(struct walk *walk, const struct schema_type *reader,
                       const struct schema_type *writer)
{
    bool ok = same_name(walk, reader, writer);

    for (size_t i = 0; i < writer->symbol_count; i++) {
        bool known = false;

        for (size_t k = 0; k < reader->symbol_count; k++)
            known = known || strcmp(writer->symbols[i], reader->symbols[k]) == 0;
        if (!known)
            ok = problem(walk, "keep the symbol, or make the field a string",
                         "the symbol %s is not known to the reader", writer->symbols[i]);
    }
    return ok;
}

static bool reads_union(struct walk *walk, const struct schema_type *reader,
                        const struct schema_type *writer)
{
    struct walk quiet = *walk;

    if (writer->kind == SCHEMA_UNION) {
        bool ok = true;
        for (size_t i = 0; i < writer->branch_count; i++)
            ok = reads(walk, reader, writer->branches[i]) && ok;
        return ok;
    }
    quiet.compat = NULL;
    for (size_t i = 0; i < reader->branch_count; i++)
        if (reads(&quiet, reader->branches[i], writer))
            return true;
    /* A union of null and one other: what is wrong with that one tells more. */
    for (size_t i = 0; i < reader->branch_count && reader->branch_count == 2; i++)
        if (reader->branches[i]->kind == writer->kind)
            return reads(walk, reader->branches[i], writer);
    return problem(walk, "keep a branch that can read it", "no branch of the union reads a %s",
                   kind_of(writer));
}

static bool same_logical(struct walk *walk, const struct schema_type *reader,
                         const struct schema_type *writer)
{
    if (reader->logical == writer->logical && reader->scale == writer->scale)
        return true;
    return problem(walk, "keep the logical type; make another field for another one",
                   "the logical type was changed: numbers would be taken for something else");
}

static bool reads(struct walk *walk, const struct schema_type *reader,
                  const struct schema_type *writer)
{
    bool ok;

    if (walk->depth >= DEPTH_MAX) /* Types that hold themselves: the same again. */
        return true;
    if (reader->kind == SCHEMA_UNION || writer->kind == SCHEMA_UNION) {
        walk->depth++;
        ok = reads_union(walk, reader, writer);
        walk->depth--;
        return ok;
    }
    if (reader->kind != writer->kind)
        return is_promoted(reader->kind, writer->kind)
               || problem(walk, "keep the type; make another field for another one",
                          "the reader takes a %s, what was written is a %s", kind_of(reader),
                          kind_of(writer));
    if (!same_logical(walk, reader, writer))
        return false;
    walk->depth++;
    switch (reader->kind) {
    case SCHEMA_RECORD:
        ok = reads_record(walk, reader, writer);
        break;
    case SCHEMA_ENUM:
        ok = reads_enum(walk, reader, writer);
        break;
    case SCHEMA_FIXED:
        ok = same_name(walk, reader, writer)
             && (reader->fixed_size == writer->fixed_size
                 || problem(walk, "keep the size", "it had %zu bytes, now %zu", writer->fixed_size,
                            reader->fixed_size));
        break;
    case SCHEMA_ARRAY:
    case SCHEMA_MAP:
        ok = reads_part(walk, "[]", reader->items, writer->items);
        break;
    default:
        ok = true;
    }
    walk->depth--;
    return ok;
}

bool compat_reads(struct compat *compat, const struct schema *reader, const struct schema *writer)
{
    struct walk walk = {.compat = compat};

    return reads(&walk, reader->root, writer->root);
}
