/* SPDX-License-Identifier: Apache-2.0 */
#include "core/pipeline_table.h"

#include <assert.h>
#include <string.h>

#include "core/log.h"
#include "core/pipeline.h"

#define KIB    ((int64_t)1024)
#define MIB    (1024 * KIB)
#define GIB    (1024 * MIB)
#define SECOND ((int64_t)1000)
#define MINUTE (60 * SECOND)
#define DAY    (1440 * MINUTE)

#define REQUIRED  FLAG_REQUIRED
#define DEFAULTED FLAG_DEFAULTED
#define SECRET    FLAG_SECRET
#define RELOAD    FLAG_RELOAD

#define AT(structure, member)                                                                      \
    offsetof(struct structure, member), sizeof(((struct structure *)NULL)->member)
#define SAME    0, 0 /* The inner section fills the outer one's struct. */
#define NOWHERE 0, 0

/* Two layers, so that a place becomes its two columns first. */
#define KEY(...) KEY_ROW(__VA_ARGS__)
#define KEY_ROW(section_, name_, type_, offset_, size_, detail_, default_, least_, most_, flags_,  \
                status_, help_)                                                                    \
    {.section = SECTION_##section_,                                                                \
     .name = #name_,                                                                               \
     .shape = SHAPE_VALUE,                                                                         \
     .type = TYPE_##type_,                                                                         \
     .offset = (offset_),                                                                          \
     .size = (size_),                                                                              \
     .detail = (detail_),                                                                          \
     .default_text = (default_),                                                                   \
     .least = (least_),                                                                            \
     .most = (most_),                                                                              \
     .flags = (flags_),                                                                            \
     .status = STATUS_##status_,                                                                   \
     .help = (help_)},
#define PART(...) PART_ROW(__VA_ARGS__)
#define PART_ROW(section_, name_, shape_, type_, inner_, offset_, size_, detail_, handler_,        \
                 flags_, status_, help_)                                                           \
    {.section = SECTION_##section_,                                                                \
     .name = #name_,                                                                               \
     .shape = SHAPE_##shape_,                                                                      \
     .type = TYPE_##type_,                                                                         \
     .inner = SECTION_##inner_,                                                                    \
     .offset = (offset_),                                                                          \
     .size = (size_),                                                                              \
     .detail = (detail_),                                                                          \
     .flags = (flags_),                                                                            \
     .status = STATUS_##status_,                                                                   \
     .help = (help_)},

/* The lists by the names that the table uses. */
enum {
    CREDENTIAL = LIST_CREDENTIAL,
    COMPRESSION = LIST_COMPRESSION,
    DECODE = LIST_DECODE,
    UNKNOWN = LIST_UNKNOWN,
    SHOW_VALUES = LIST_SHOW_VALUES,
    LOG_LEVEL = LIST_LOG_LEVEL,
    TIME_UNIT = LIST_TIME_UNIT,
    LEGACY_FORMAT = LIST_LEGACY_FORMAT,
    RULE_KIND = LIST_RULE_KIND,
    JOIN_KIND = LIST_JOIN_KIND,
    IDLE_EVIDENCE = LIST_IDLE_EVIDENCE,
    WHEN_IDLE = LIST_WHEN_IDLE,
    EMIT = LIST_EMIT,
    GUARANTEE = LIST_GUARANTEE,
    ATTRIBUTION = LIST_ATTRIBUTION,
};

const struct pipeline_key pipeline_keys[] = {
#include "core/pipeline.def"
};
const size_t pipeline_key_count = sizeof pipeline_keys / sizeof *pipeline_keys;

const struct pipeline_word pipeline_words[] = {
#define VALUE(list_, word_, value_, status_, help_)                                                \
    {.list = LIST_##list_,                                                                         \
     .word = #word_,                                                                               \
     .value = (int)(value_),                                                                       \
     .status = STATUS_##status_,                                                                   \
     .help = (help_)},
#include "core/pipeline.def"
};
const size_t pipeline_word_count = sizeof pipeline_words / sizeof *pipeline_words;

const struct pipeline_section_row *pipeline_section(enum pipeline_section section)
{
    static const struct pipeline_section_row sections[] = {
        {.id = "NONE"},
#define SECTION(id_, short_type_, short_list_, help_)                                              \
    {.id = #id_,                                                                                   \
     .short_type = TYPE_##short_type_,                                                             \
     .short_list = LIST_##short_list_,                                                             \
     .help = (help_)},
#include "core/pipeline.def"
    };

    assert(section < SECTION_COUNT);
    return &sections[section];
}

const struct pipeline_key *pipeline_key(enum pipeline_section section, const char *name)
{
    for (size_t i = 0; i < pipeline_key_count; i++) {
        if (pipeline_keys[i].section == section && strcmp(pipeline_keys[i].name, name) == 0)
            return &pipeline_keys[i];
    }
    return NULL;
}

const struct pipeline_word *pipeline_word(int list, const char *word)
{
    for (size_t i = 0; i < pipeline_word_count; i++) {
        if ((int)pipeline_words[i].list == list && strcmp(pipeline_words[i].word, word) == 0)
            return &pipeline_words[i];
    }
    return NULL;
}

const struct pipeline_word *pipeline_first_word(int list)
{
    size_t i = 0;

    while ((int)pipeline_words[i].list != list) {
        i++;
        assert(i < pipeline_word_count);
    }
    return &pipeline_words[i];
}

static const struct {
    const char *words;
    const char *schema;
} types[] = {
#define TYPE(id, words_, schema_) {.words = (words_), .schema = (schema_)},
#include "core/pipeline.def"
};

const char *pipeline_type_words(enum pipeline_type type)
{
    assert(type < TYPE_COUNT);
    return types[type].words;
}

const char *pipeline_type_schema(enum pipeline_type type)
{
    assert(type < TYPE_COUNT);
    return types[type].schema;
}

size_t pipeline_key_names(enum pipeline_section section, const char **names, size_t room)
{
    size_t count = 0;

    for (size_t i = 0; i < pipeline_key_count && count < room; i++) {
        const struct pipeline_key *key = &pipeline_keys[i];
        if (key->section == section && key->status == STATUS_LIVE)
            names[count++] = key->name;
    }
    return count;
}

size_t pipeline_list_words(int list, const char **words, size_t room)
{
    size_t count = 0;

    for (size_t i = 0; i < pipeline_word_count && count < room; i++) {
        const struct pipeline_word *word = &pipeline_words[i];
        if ((int)word->list == list && word->status == STATUS_LIVE)
            words[count++] = word->word;
    }
    return count;
}
