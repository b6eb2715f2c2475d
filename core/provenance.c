/* SPDX-License-Identifier: Apache-2.0 */
#include "core/provenance.h"

#include <assert.h>
#include <string.h>

/* Written by hand, not by printf: one text a record, at hundreds of thousands a second. */

/* The longest text is that of a source: its keys, a time of 20 digits and an attempt of 10. */
_Static_assert(PROVENANCE_NAME_SIZE_MAX + PROVENANCE_ID_SIZE_MAX
                       + sizeof "sub= id= time= attempt=" + 20 + 10
                   <= PROVENANCE_TEXT_SIZE,
               "no text is ever cut");
/* Next comes that of a late record: position, two times, the outcome. */
_Static_assert(PROVENANCE_NAME_SIZE_MAX + sizeof "input= from=: time= watermark= outcome=admitted"
                       + 10 + 60
                   <= PROVENANCE_TEXT_SIZE,
               "no text is ever cut");

static const char digits[] =
    "0001020304050607080910111213141516171819202122232425262728293031323334"
    "3536373839404142434445464748495051525354555657585960616263646566676869"
    "707172737475767778798081828384858687888990919293949596979899";

#define PUT(out, literal) put(out, literal, sizeof(literal) - 1)

static char *put(char *out, const char *text, size_t size)
{
    memcpy(out, text, size);
    return out + size;
}

static char *put_integer(char *out, int64_t value)
{
    char text[20];
    char *start = text + sizeof text;
    uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;

    if (value < 0)
        *out++ = '-';
    for (; rest >= 100; rest /= 100) {
        start -= 2;
        memcpy(start, digits + rest % 100 * 2, 2);
    }
    if (rest >= 10) {
        start -= 2;
        memcpy(start, digits + rest * 2, 2);
    } else {
        *--start = (char)('0' + rest);
    }
    return put(out, start, (size_t)(text + sizeof text - start));
}

static char *put_position(char *out, int32_t partition, int64_t offset)
{
    assert(partition >= 0 && offset >= 0);
    out = put_integer(out, partition);
    *out++ = ':';
    return put_integer(out, offset);
}

/* A value ends at a blank, so a name must hold none. */
static bool name_fits(const char *name, size_t size, size_t limit)
{
    if (size == 0 || size > limit)
        return false;
    for (size_t i = 0; i < size; i++)
        if ((unsigned char)name[i] <= ' ' || (unsigned char)name[i] >= 0x7f)
            return false;
    return true;
}

size_t provenance_format_source(const struct provenance_source *source,
                                char text[static PROVENANCE_TEXT_SIZE])
{
    if (!name_fits(source->subscription, source->subscription_size, PROVENANCE_NAME_SIZE_MAX)
        || !name_fits(source->message_id, source->message_id_size, PROVENANCE_ID_SIZE_MAX))
        return 0;

    char *out = PUT(text, "sub=");

    out = put(out, source->subscription, source->subscription_size);
    out = PUT(out, " id=");
    out = put(out, source->message_id, source->message_id_size);
    out = PUT(out, " time=");
    out = put_integer(out, source->publish_time_us);
    if (source->attempt > 0) {
        out = PUT(out, " attempt=");
        out = put_integer(out, source->attempt);
    }
    return (size_t)(out - text);
}

size_t provenance_format_replay(const struct provenance_replay *replay,
                                char text[static PROVENANCE_TEXT_SIZE])
{
    char *out = PUT(text, "from=");

    out = put_position(out, replay->partition, replay->offset);
    out = PUT(out, " attempt=");
    out = put_integer(out, replay->attempt);
    return (size_t)(out - text);
}

size_t provenance_format_join(const struct provenance_join *join,
                              char text[static PROVENANCE_TEXT_SIZE])
{
    static const char hex[] = "0123456789abcdef";
    char *out = PUT(text, "sample=");

    for (size_t i = 0; i < sizeof join->sample_id; i++) {
        *out++ = hex[join->sample_id[i] >> 4];
        *out++ = hex[join->sample_id[i] & 15];
    }
    out = PUT(out, " from=");
    out = put_position(out, join->partition, join->offset);
    out = PUT(out, " watermark=");
    out = put_integer(out, join->watermark_ms);
    out = join->final ? PUT(out, " final=true") : PUT(out, " final=false");
    return (size_t)(out - text);
}

size_t provenance_format_late(const struct provenance_late *late,
                              char text[static PROVENANCE_TEXT_SIZE])
{
    if (!name_fits(late->input, late->input_size, PROVENANCE_NAME_SIZE_MAX))
        return 0;

    char *out = PUT(text, "input=");

    out = put(out, late->input, late->input_size);
    out = PUT(out, " from=");
    out = put_position(out, late->partition, late->offset);
    out = PUT(out, " time=");
    out = put_integer(out, late->time_ms);
    out = PUT(out, " watermark=");
    out = put_integer(out, late->watermark_ms);
    out = late->outcome == LATE_DROPPED ? PUT(out, " outcome=dropped")
                                        : PUT(out, " outcome=admitted");
    return (size_t)(out - text);
}

/* What is left of a text. Each get_ moves over what it took, or leaves `at` undefined and is false. */
struct cursor {
    const char *at;
    const char *end;
};

static bool get(struct cursor *in, const char *literal)
{
    size_t size = strlen(literal);

    if ((size_t)(in->end - in->at) < size || memcmp(in->at, literal, size) != 0)
        return false;
    in->at += size;
    return true;
}

static bool get_name(struct cursor *in, size_t limit, const char **name, size_t *size)
{
    const char *blank = memchr(in->at, ' ', (size_t)(in->end - in->at));

    *name = in->at;
    *size = (size_t)((blank != NULL ? blank : in->end) - in->at);
    in->at += *size;
    return name_fits(*name, *size, limit);
}

/* One spelling a number: no plus, no leading zeros, no minus zero. */
static bool get_integer(struct cursor *in, int64_t *value)
{
    bool negative = get(in, "-");
    uint64_t limit = (uint64_t)INT64_MAX + negative;
    uint64_t sum = 0;
    const char *first = in->at;

    for (; in->at < in->end && *in->at >= '0' && *in->at <= '9'; in->at++) {
        uint64_t digit = (uint64_t)(*in->at - '0');
        if (sum > (limit - digit) / 10)
            return false;
        sum = sum * 10 + digit;
    }
    if (in->at == first || (*first == '0' && (in->at - first > 1 || negative)))
        return false;
    *value = negative ? (int64_t)(0 - sum) : (int64_t)sum;
    return true;
}

static bool get_int32(struct cursor *in, int32_t *value)
{
    int64_t wide;

    if (!get_integer(in, &wide) || wide < 0 || wide > INT32_MAX)
        return false;
    *value = (int32_t)wide;
    return true;
}

static bool get_position(struct cursor *in, int32_t *partition, int64_t *offset)
{
    return get_int32(in, partition) && get(in, ":") && get_integer(in, offset) && *offset >= 0;
}

static bool get_hex(struct cursor *in, uint8_t *data, size_t size)
{
    for (size_t i = 0; i < 2 * size; i++, in->at++) {
        if (in->at == in->end)
            return false;
        char c = *in->at;
        bool letter = c >= 'a' && c <= 'f';
        if (!letter && (c < '0' || c > '9'))
            return false;
        int nibble = letter ? c - 'a' + 10 : c - '0';
        data[i / 2] = (uint8_t)(i % 2 == 0 ? nibble << 4 : data[i / 2] | nibble);
    }
    return true;
}

/* " key=value" as often as a later version likes. */
static bool get_unknown(struct cursor *in)
{
    const char *value;
    size_t size;

    while (in->at < in->end) {
        if (!get(in, " ") || !get_name(in, SIZE_MAX, &value, &size))
            return false;
        const char *equals = memchr(value, '=', size);
        if (equals == NULL || equals == value)
            return false;
    }
    return true;
}

bool provenance_parse_source(const void *text, size_t size, struct provenance_source *source)
{
    struct cursor in = {text, (const char *)text + size};

    if (!get(&in, "sub=")
        || !get_name(&in, PROVENANCE_NAME_SIZE_MAX, &source->subscription,
                     &source->subscription_size)
        || !get(&in, " id=")
        || !get_name(&in, PROVENANCE_ID_SIZE_MAX, &source->message_id, &source->message_id_size)
        || !get(&in, " time=") || !get_integer(&in, &source->publish_time_us))
        return false;
    source->attempt = 0;
    if (get(&in, " attempt=") && (!get_int32(&in, &source->attempt) || source->attempt == 0))
        return false;
    return get_unknown(&in);
}

bool provenance_parse_replay(const void *text, size_t size, struct provenance_replay *replay)
{
    struct cursor in = {text, (const char *)text + size};

    return get(&in, "from=") && get_position(&in, &replay->partition, &replay->offset)
           && get(&in, " attempt=") && get_int32(&in, &replay->attempt) && replay->attempt > 0
           && get_unknown(&in);
}

bool provenance_parse_join(const void *text, size_t size, struct provenance_join *join)
{
    struct cursor in = {text, (const char *)text + size};

    if (!get(&in, "sample=") || !get_hex(&in, join->sample_id, sizeof join->sample_id)
        || !get(&in, " from=") || !get_position(&in, &join->partition, &join->offset)
        || !get(&in, " watermark=") || !get_integer(&in, &join->watermark_ms)
        || !get(&in, " final="))
        return false;
    join->final = get(&in, "true");
    return (join->final || get(&in, "false")) && get_unknown(&in);
}

bool provenance_parse_late(const void *text, size_t size, struct provenance_late *late)
{
    struct cursor in = {text, (const char *)text + size};

    if (!get(&in, "input=")
        || !get_name(&in, PROVENANCE_NAME_SIZE_MAX, &late->input, &late->input_size)
        || !get(&in, " from=") || !get_position(&in, &late->partition, &late->offset)
        || !get(&in, " time=") || !get_integer(&in, &late->time_ms) || !get(&in, " watermark=")
        || !get_integer(&in, &late->watermark_ms) || !get(&in, " outcome="))
        return false;
    late->outcome = get(&in, "dropped") ? LATE_DROPPED : LATE_ADMITTED;
    return (late->outcome == LATE_DROPPED || get(&in, "admitted")) && get_unknown(&in);
}
