/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a pipeline file: a pipeline without a hole, or an error that names the file.
 */
#include <stdlib.h>
#include <string.h>

#include "core/pipeline.h"
#include "fuzz.h"

static void require(bool promise)
{
    if (!promise)
        abort();
}

static void check_join(const struct pipeline_join *join)
{
    require(join->name != NULL && join->group != NULL && join->output.name != NULL);
    require(join->primary != NULL && join->primary_key != NULL && join->late_topic != NULL);
    require(join->secondary_count > 0 && join->field_count > 0);
    for (size_t i = 0; i < join->secondary_count; i++) {
        const struct pipeline_secondary *secondary = &join->secondaries[i];
        require(secondary->stream != NULL && secondary->key != NULL);
        require(secondary->before_ms + secondary->after_ms > 0);
    }
    for (size_t i = 0; i < join->field_count; i++) {
        const struct pipeline_output_field *field = &join->fields[i];
        require(field->stream != NULL);
        require((field->aggregate == AGGREGATE_ALL) == (field->name == NULL));
        require((field->aggregate == AGGREGATE_LIST) == (field->limit > 0));
    }
    require(pipeline_join_cutoff_ms(join, 0) <= 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct error err = {0};
    struct pipeline *pipeline = NULL;

    if (memmem(data, size, "${file:", 7) != NULL)
        return 0; /* Any file of this machine: slow, and no parser of ours. */
    pipeline = pipeline_parse(data, size, "fuzz.yaml", &err);
    if (pipeline == NULL) {
        require(strncmp(err.text, "fuzz.yaml:", 10) == 0 && err.code == EXIT_CODE_CONFIG);
        return 0;
    }
    require(pipeline->name != NULL && pipeline->ledger_topic != NULL);
    require(pipeline->kafka.brokers != NULL && pipeline->kafka.compression != NULL);
    for (size_t i = 0; i < pipeline->stream_count; i++) {
        const struct pipeline_stream *stream = &pipeline->streams[i];
        require(stream->name != NULL && stream->topic.name != NULL);
        require((stream->key_kind == KEY_ORDERING_KEY) == (stream->key == NULL));
        require((stream->decode == DECODE_RAW) == (stream->schema_file == NULL));
    }
    for (size_t i = 0; i < pipeline->join_count; i++)
        check_join(&pipeline->joins[i]);
    pipeline_free(pipeline);
    return 0;
}
