/* SPDX-License-Identifier: Apache-2.0 */
#include "validator/meaning.h"

#include <stddef.h>

static const struct meaning bridge_meanings[DIFFERENCE_KINDS] = {
    [DIFFERENCE_MISSING] = {"published, but neither in the topic nor among its dead letters: lost",
                            "see whether anybody else pulls the bridge's subscription or deletes "
                            "from the topic, and publish what is missing again"},
    [DIFFERENCE_EXTRA] = {"in the topic, but the audit subscription never delivered it",
                          "look for another writer of the topic, or a filter on the audit "
                          "subscription"},
    [DIFFERENCE_DUPLICATE] = {"the message is in the topic more than once",
                              "see whether the bridge was restarted at that time: it then writes "
                              "again what it could not acknowledge. The join drops the copy by its "
                              "event id, other readers do not; without a restart there is a second "
                              "writer"},
    [DIFFERENCE_ALTERED] = {"the record does not say what was published",
                            "compare the fields below; look for a schema that was changed, or for "
                            "another writer of the topic"},
    [DIFFERENCE_WRONG_KEY] = {"the record has another key than its fields give",
                              "look for another writer of the topic, or a key setting that was "
                              "changed"},
    [DIFFERENCE_WRONG_PARTITION] = {"the record is not on the partition that its key belongs to",
                                    "look for a writer with another partitioner, or partitions "
                                    "that were added: its join partners are elsewhere"},
};

static const struct meaning join_meanings[DIFFERENCE_KINDS] = {
    [DIFFERENCE_MISSING] = {"the source records yield this sample, the output topic lacks it",
                            "see the joiner's log at that time, and whether anything deletes from "
                            "the output topic"},
    [DIFFERENCE_EXTRA] = {"the output topic has a sample that no source record yields",
                          "look for another writer of the output topic"},
    [DIFFERENCE_DUPLICATE] = {"the sample is in the output topic more than once",
                              "look for a second writer of the output topic, or a joiner with "
                              "guarantee at_least_once that was restarted"},
    [DIFFERENCE_ALTERED] = {"the sample has other values than the source records yield",
                            "compare the fields below; see whether the join's rules were changed "
                            "while it ran"},
    [DIFFERENCE_WRONG_KEY] = {"the sample is right, but not its key",
                              "look for another writer of the output topic, or an output key that "
                              "was changed"},
    [DIFFERENCE_WRONG_PARTITION] = {"the sample is right, but lies on another partition",
                                    "look for another writer of the output topic"},
};

static const struct meaning legacy_meanings[DIFFERENCE_KINDS] = {
    [DIFFERENCE_MISSING] =
        {"the old system has a row that the new output lacks",
         "see whether its event is in the primary's topic: dualrun cat FILE TOPIC "
         "--key KEY; if not, begin with the bridge comparison"},
    [DIFFERENCE_EXTRA] =
        {"the new output has a row that the old system lacks",
         "see whether the old system lost it: its event is in the primary's topic"},
    [DIFFERENCE_DUPLICATE] = {"the new output has a row more often than the old system",
                              "see whether the events have ids of their own; a join counts events "
                              "of one id once"},
    [DIFFERENCE_ALTERED] = {"a field of the row has another value than in the old system",
                            "work one sample out by hand from its events; if the old system is "
                            "wrong, write a rule into validate.legacy.expected"},
    [DIFFERENCE_OLD_DUPLICATE] = {"the old system has a row more often than the new output",
                                  "if the old system doubles rows, write a rule of kind "
                                  "old_duplicate into validate.legacy.expected"},
};

struct meaning meaning_of(enum comparison comparison, enum difference_kind kind, enum cause cause)
{
    const struct cause_info *info = &cause_infos[cause];

    if (cause != CAUSE_UNEXPLAINED)
        return (struct meaning){info->meaning, info->advice};
    return comparison == COMPARISON_BRIDGE ? bridge_meanings[kind]
           : comparison == COMPARISON_JOIN ? join_meanings[kind]
                                           : legacy_meanings[kind];
}
