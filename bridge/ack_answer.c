/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/ack_answer.h"

#include <string.h>

json_t *ack_answer_parse(const void *body, size_t size)
{
    json_t *root = json_loadb(body, size, 0, NULL), *detail, *metadata = NULL;
    json_t *details = json_object_get(json_object_get(root, "error"), "details");
    size_t i;

    json_array_foreach(details, i, detail)
    {
        const char *reason = json_string_value(json_object_get(detail, "reason"));
        json_t *found = json_object_get(detail, "metadata");
        if (reason != NULL && strcmp(reason, "EXACTLY_ONCE_ACKID_FAILURE") == 0
            && json_is_object(found))
            metadata = found;
    }
    json_incref(metadata);
    json_decref(root);
    return metadata;
}

enum ack_verdict ack_answer_verdict(const json_t *metadata, const char *ack_id, size_t size)
{
    static const char permanent[] = "PERMANENT_FAILURE";
    const char *verdict = json_string_value(json_object_getn(metadata, ack_id, size));

    if (verdict == NULL)
        return ACK_UNNAMED;
    return strncmp(verdict, permanent, sizeof permanent - 1) == 0 ? ACK_LOST : ACK_AGAIN;
}
