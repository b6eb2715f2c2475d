/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bridge/json_avro.h"

/* Schemas and JSON are written with ' for ", so that they can be read. */
static char *quoted(const char *text)
{
    char *copy = memory_text(text);

    for (char *at = copy; *at != '\0'; at++)
        if (*at == '\'')
            *at = '"';
    return copy;
}

struct bench {
    struct schema *schema;
    struct json_avro *program;
    struct buffer out;
};

static void bench_open(struct bench *bench, const char *schema)
{
    struct error err;
    char *text = quoted(schema);

    *bench = (struct bench){.schema = schema_parse(text, "s", &err)};
    if (bench->schema == NULL)
        fail_msg("%s", err.text);
    bench->program = json_avro_new(bench->schema, &err);
    if (bench->program == NULL)
        fail_msg("%s", err.text);
    free(text);
}

static void bench_close(struct bench *bench)
{
    json_avro_free(bench->program);
    schema_free(bench->schema);
    buffer_fini(&bench->out);
}

/* The text is copied to the heap exactly, so that a read behind its end is seen. */
static bool encode(struct bench *bench, const char *json, struct json_avro_fault *fault)
{
    char *text = quoted(json);
    size_t size = strlen(text);
    uint8_t *exact = malloc(size > 0 ? size : 1);

    memcpy(exact, text, size); /* NOLINT(bugprone-not-null-terminated-result): on purpose. */
    buffer_clear(&bench->out);

    bool encoded = json_avro_encode(bench->program, exact, size, &bench->out, fault);

    free(exact);
    free(text);
    return encoded;
}

static void assert_json(struct bench *bench, const char *json, const char *expected)
{
    struct json_avro_fault fault;

    if (!encode(bench, json, &fault))
        fail_msg("%s: at %zu, %s: %s", json, fault.offset, fault.path, fault.reason);

    const uint8_t *end = bench->out.data + bench->out.size;

    assert_true(codec_check(bench->schema->root, bench->out.data, end));
    json_t *back = codec_to_json(bench->schema->root, bench->out.data, end);
    char *text = json_dumps(back, JSON_COMPACT | JSON_ENCODE_ANY);

    for (char *at = text; *at != '\0'; at++)
        if (*at == '"')
            *at = '\'';
    assert_string_equal(text, expected);
    free(text);
    json_decref(back);
}

static void assert_fault(struct bench *bench, const char *json, const char *expected)
{
    struct json_avro_fault fault;
    struct buffer text = {0};

    if (encode(bench, json, &fault))
        fail_msg("%s was taken", json);
    assert_int_equal(bench->out.size, 0);
    json_avro_fault_format(&fault, &text);
    assert_string_equal(buffer_text(&text), expected);
    buffer_fini(&text);
}

/* One type, several texts: an expectation that begins with "at byte" is a fault. */
static void assert_cases(const char *schema, const char *const (*cases)[2], size_t count)
{
    struct bench bench;

    bench_open(&bench, schema);
    for (size_t i = 0; i < count; i++) {
        if (strncmp(cases[i][1], "at byte", 7) == 0)
            assert_fault(&bench, cases[i][0], cases[i][1]);
        else
            assert_json(&bench, cases[i][0], cases[i][1]);
    }
    bench_close(&bench);
}

#define ASSERT_CASES(schema, ...)                                                                  \
    do {                                                                                           \
        static const char *const cases[][2] = {__VA_ARGS__};                                       \
        assert_cases(schema, cases, sizeof cases / sizeof *cases);                                 \
    } while (0)

static void whole_numbers_are_exact_or_refused(void **state)
{
    (void)state;
    ASSERT_CASES(
        "'int'", {"0", "0"}, {"-0", "0"}, {" 42 ", "42"}, {"1e3", "1000"}, {"1.0", "1"},
        {"2147483647", "2147483647"}, {"-2147483648", "-2147483648"}, {"12.50e1", "125"},
        {"100000000000000000000e-20", "1"}, {"0e999999999999999999999", "0"}, {"0.000", "0"},
        {"2147483648", "at byte 0, 2147483648 is out of range of int"},
        {"-2147483649", "at byte 0, -2147483649 is out of range of int"},
        {"3.5", "at byte 0, 3.5 is no int"}, {"1e-1", "at byte 0, 1e-1 is no int"},
        {"1e99999999999999999999", "at byte 0, 1e99999999999999999999 is out of range of int"},
        {"1.0000000000000000000000000000000000000000001",
         "at byte 0, 1.000000000000000000000000000000... is no int"},
        {"'1'", "at byte 0, a string is no int"}, {"true", "at byte 0, a boolean is no int"},
        {"null", "at byte 0, null is no int"}, {"[1]", "at byte 0, an array is no int"},
        {"{}", "at byte 0, an object is no int"});
    ASSERT_CASES(
        "'long'", {"9223372036854775807", "9223372036854775807"},
        {"-9223372036854775808", "-9223372036854775808"},
        {"922337203685477580700e-2", "9223372036854775807"},
        {"9223372036854775808", "at byte 0, 9223372036854775808 is out of range of long"},
        {"-9223372036854775809", "at byte 0, -9223372036854775809 is out of range of long"},
        {"18446744073709551616", "at byte 0, 18446744073709551616 is out of range of long"},
        {"9007199254740993.0", "9007199254740993"});
}

static void numbers_that_are_no_json_are_refused(void **state)
{
    (void)state;
    ASSERT_CASES("'double'", {"01", "at byte 0, a number begins with 0"},
                 {"-", "at byte 0, a number has no digits"},
                 {"1.", "at byte 0, a number has no digits behind its point"},
                 {".5", "at byte 0, no JSON value begins like this"},
                 {"+1", "at byte 0, no JSON value begins like this"},
                 {"1e", "at byte 0, a number's exponent has no digits"},
                 {"1e+", "at byte 0, a number's exponent has no digits"},
                 {"NaN", "at byte 0, no JSON value begins like this"},
                 {"0x10", "at byte 1, more text behind the value"},
                 {"1 2", "at byte 2, more text behind the value"},
                 {"", "at byte 0, the text ends where a value should be"});
}

static void assert_double(struct bench *bench, const char *text, double expected)
{
    struct json_avro_fault fault;
    struct codec_value value;

    assert_true(encode(bench, text, &fault));
    assert_non_null(
        codec_get(bench->schema->root, bench->out.data, bench->out.data + bench->out.size, &value));
    assert_memory_equal(&value.real, &expected, sizeof expected);
}

static void real_numbers_are_correctly_rounded(void **state)
{
    struct bench bench;

    (void)state;
    bench_open(&bench, "'double'");
    assert_double(&bench, "0.1", 0.1);
    assert_double(&bench, "-0.0", -0.0);
    assert_double(&bench, "1e22", 1e22);
    assert_double(&bench, "1e23", 1e23);
    assert_double(&bench, "9007199254740993", 9007199254740992.0);
    assert_double(&bench, "9007199254740993.00000000000000000000000001", 9007199254740994.0);
    assert_double(&bench, "2.2250738585072011e-308", 2.2250738585072011e-308);
    assert_double(&bench, "1e-400", 0.0);
    assert_double(&bench, "1.7976931348623157e308", 1.7976931348623157e308);
    assert_fault(&bench, "1e309", "at byte 0, 1e309 is out of range of double");
    bench_close(&bench);
    bench_open(&bench, "'float'");
    assert_double(&bench, "0.1", (double)0.1f);
    /* Through double this would round twice, and wrongly. */
    assert_double(&bench, "1.00000017881393432617187499", (double)0x1.000002p0f);
    assert_double(&bench, "3.4028234663852886e38", (double)0x1.fffffep127f);
    assert_fault(&bench, "3.5e38", "at byte 0, 3.5e38 is out of range of float");
    bench_close(&bench);
}

static void strings_are_unescaped_and_checked(void **state)
{
    (void)state;
    ASSERT_CASES("'string'", {"''", "''"}, {"'plain'", "'plain'"},
                 {"'a text that is longer than sixteen bytes, and than thirty-two'",
                  "'a text that is longer than sixteen bytes, and than thirty-two'"},
                 {"'\\u00e9\\ud83d\\ude00\\/\\\\'", "'\xc3\xa9\xf0\x9f\x98\x80/\\\\'"},
                 {"'\\b\\f\\n\\r\\t'", "'\\b\\f\\n\\r\\t'"}, {"'\\u0000'", "'\\u0000'"},
                 {"'\xf0\x9f\x98\x80'", "'\xf0\x9f\x98\x80'"},
                 {"'\\ud83d'", "at byte 1, a high surrogate without its low one"},
                 {"'\\ud83d\\u0041'", "at byte 1, a high surrogate without its low one"},
                 {"'abc\\ude00'", "at byte 4, a low surrogate without its high one"},
                 {"'\\x'", "at byte 1, unknown escape in a string"},
                 {"'\\u12g4'", "at byte 1, \\u needs four hexadecimal digits"},
                 {"'\xc0\x80'", "at byte 0, string is not UTF-8"},
                 {"'\xed\xa0\x80'", "at byte 0, string is not UTF-8"},
                 {"'\xf4\x90\x80\x80'", "at byte 0, string is not UTF-8"},
                 {"'0123456789abcdef0123456789\xff'", "at byte 0, string is not UTF-8"},
                 {"'0123456789abcdef01\x01'", "at byte 19, control character in a string"},
                 {"'a\nb'", "at byte 2, control character in a string"},
                 {"'open", "at byte 5, the text ends inside a string"},
                 {"'open\\", "at byte 6, the text ends inside a string"},
                 {"1", "at byte 0, a number is no string"});
}

static void bytes_are_code_points_up_to_255(void **state)
{
    (void)state;
    ASSERT_CASES("'bytes'", {"'A\\u0000\\u00ff\xc3\xbe'", "'4100fffe'"}, {"''", "''"},
                 {"'\xc4\x80'", "at byte 0, a character above U+00FF is no byte"});
    ASSERT_CASES("{'type':'fixed','name':'F','size':2}", {"'\\u00ffA'", "'ff41'"},
                 {"'A'", "at byte 0, 1 bytes are no fixed F of 2"});
}

static void a_symbol_stands_for_its_index(void **state)
{
    (void)state;
    ASSERT_CASES("{'type':'enum','name':'Kind','symbols':['like','share']}", {"'share'", "'share'"},
                 {"'l\\u0069ke'", "'like'"},
                 {"'Like'", "at byte 0, the string is no symbol of enum Kind: like, share"},
                 {"1", "at byte 0, a number is no enum"});
}

static void a_uuid_is_checked(void **state)
{
    static const char *const good = "'00112233-4455-6677-8899-aAbBcCdDeEfF'";

    (void)state;
    ASSERT_CASES(
        "{'type':'string','logicalType':'uuid'}",
        {"'00112233-4455-6677-8899-aAbBcCdDeEfF'", "'00112233-4455-6677-8899-aAbBcCdDeEfF'"},
        {"'00112233-4455-6677-8899-aabbccddeeff0'", "at byte 0, the string is no uuid"},
        {"'00112233-4455-6677-8899-aabbccddeefg'", "at byte 0, the string is no uuid"},
        {"'00112233x4455-6677-8899-aabbccddeeff'", "at byte 0, the string is no uuid"});
    struct bench bench;

    bench_open(&bench, "{'type':'fixed','name':'U','size':16,'logicalType':'uuid'}");
    assert_json(&bench, good, "'00112233-4455-6677-8899-aabbccddeeff'");
    assert_int_equal(bench.out.size, 16);
    assert_fault(&bench, "'0123456789abcdef'", "at byte 0, the string is no uuid");
    bench_close(&bench);
}

static void times_and_dates_come_as_text_or_number(void **state)
{
    (void)state;
    ASSERT_CASES("{'type':'long','logicalType':'timestamp-millis'}",
                 {"1763717400123", "1763717400123"},
                 {"'2025-11-21T09:30:00.123Z'", "1763717400123"},
                 {"'2025-11-21T15:00:00.123000+05:30'", "1763717400123"},
                 {"'1969-12-31T23:59:59.999Z'", "-1"},
                 {"'2025-11-21T09:30:00.1234Z'", "at byte 0, the time is finer than milliseconds"},
                 {"'2025-02-29T09:30:00Z'", "at byte 0, the string is no RFC 3339 time"},
                 {"'2025-11-21 09:30:00Z'", "at byte 0, the string is no RFC 3339 time"},
                 {"'2025-11-21T09:30:00'", "at byte 0, the string is no RFC 3339 time"});
    ASSERT_CASES(
        "{'type':'long','logicalType':'timestamp-micros'}",
        {"'2025-11-21T09:30:00.123456Z'", "1763717400123456"},
        {"'2025-11-21T09:30:00.123456789Z'", "at byte 0, the time is finer than microseconds"});
    ASSERT_CASES("{'type':'int','logicalType':'date'}", {"'1970-01-02'", "1"},
                 {"'2024-02-29'", "19782"}, {"'0001-01-01'", "-719162"}, {"7", "7"},
                 {"'2023-02-29'", "at byte 0, the string is no date of the form YYYY-MM-DD"});
}

static void a_decimal_is_exact(void **state)
{
    (void)state;
    ASSERT_CASES("{'type':'bytes','logicalType':'decimal','precision':20,'scale':2}",
                 {"'12.34'", "'12.34'"}, {"12.34", "'12.34'"}, {"-0.01", "'-0.01'"},
                 {"0", "'0.00'"}, {"-0", "'0.00'"}, {"1.28", "'1.28'"}, {"-1.28", "'-1.28'"},
                 {"-1.29", "'-1.29'"}, {"2.560", "'2.56'"}, {"1e3", "'1000.00'"},
                 {"'999999999999999999.99'", "'999999999999999999.99'"},
                 {"'-999999999999999999.99'", "'-999999999999999999.99'"},
                 {"1000000000000000000", "at byte 0, more than 20 digits"},
                 {"0.001", "at byte 0, more than 2 decimals"},
                 {"'1,5'", "at byte 0, the string is no decimal number"},
                 {"''", "at byte 0, the string is no decimal number"},
                 {"true", "at byte 0, a boolean is no bytes"});
    ASSERT_CASES(
        "{'type':'fixed','name':'D','size':4,'logicalType':'decimal','precision':9,'scale':3}",
        {"-1.5", "'-1.500'"}, {"999999.999", "'999999.999'"});
}

#define USER                                                                                       \
    "{'type':'record','name':'View','fields':["                                                    \
    "{'name':'id','type':'string','aliases':['view_id']},"                                         \
    "{'name':'n','type':['null','long']},"                                                         \
    "{'name':'user','type':{'type':'record','name':'User','fields':["                              \
    "{'name':'age','type':'int'},{'name':'tags','type':{'type':'array','items':'string'},"         \
    "'default':['a','b']}]}},"                                                                     \
    "{'name':'w','type':'double','default':1.5}]}"

static void members_come_in_any_order(void **state)
{
    (void)state;
    ASSERT_CASES(
        USER,
        {"{'id':'x','n':7,'user':{'age':3,'tags':['q']},'w':0.5}",
         "{'id':'x','n':7,'user':{'age':3,'tags':['q']},'w':0.5}"},
        {"{'w':0.5,'user':{'tags':['q'],'age':3},'n':7,'id':'x'}",
         "{'id':'x','n':7,'user':{'age':3,'tags':['q']},'w':0.5}"},
        {" { 'id' : 'x' , 'n' : 7 , 'user' : { 'age' : 3 , 'tags' : [ 'q' ] } , 'w' : 0.5 } ",
         "{'id':'x','n':7,'user':{'age':3,'tags':['q']},'w':0.5}"},
        {"{'n':7,'w':0.5,'view_id':'x','user':{'\\u0061ge':3,'tags':['q']}}",
         "{'id':'x','n':7,'user':{'age':3,'tags':['q']},'w':0.5}"});
}

static void what_is_missing_takes_its_default_or_null(void **state)
{
    (void)state;
    ASSERT_CASES(USER,
                 {"{'id':'x','user':{'age':3}}",
                  "{'id':'x','n':null,'user':{'age':3,'tags':['a','b']},'w':1.5}"},
                 {"{'user':{'age':3},'id':'x'}",
                  "{'id':'x','n':null,'user':{'age':3,'tags':['a','b']},'w':1.5}"},
                 {"{'id':'x','user':{}}", "at byte 17, user.age: is missing"},
                 {"{'user':{'age':1}}", "at byte 0, id: is missing"},
                 {"{'id':'x','user':{'age':3},'w':null}", "at byte 31, w: null is no double"},
                 {"{}", "at byte 0, id: is missing"});
}

static void a_field_may_be_there_once(void **state)
{
    (void)state;
    ASSERT_CASES(USER, {"{'id':'x','id':'y','user':{'age':3}}", "at byte 10, id: is there twice"},
                 {"{'id':'x','view_id':'y','user':{'age':3}}", "at byte 10, id: is there twice"},
                 {"{'id':'x','user':{'age':3,'age':3}}", "at byte 26, user.age: is there twice"},
                 {"{'id':'x','?':1,'?':2,'user':{'age':3}}",
                  "{'id':'x','n':null,'user':{'age':3,'tags':['a','b']},'w':1.5}"});
}

static void unknown_members_are_refused_by_name_if_asked(void **state)
{
    struct bench bench;

    (void)state;
    bench_open(&bench,
               "{'type':'record','name':'R','fields':[{'name':'a','type':'int'},{'name':'b','type':"
               "{'type':'record','name':'B','fields':[{'name':'c','type':'int','default':0}]}}]}");
    assert_json(&bench, "{'a':1,'x':2,'b':{'y':3}}", "{'a':1,'b':{'c':0}}");
    json_avro_refuse_unknown(bench.program);
    assert_json(&bench, "{'b':{'c':3},'a':1}", "{'a':1,'b':{'c':3}}");
    assert_fault(&bench, "{'a':1,'b':{},'x':2}", "at byte 14, x is not in the schema");
    assert_fault(&bench, "{'b':{},'x':2,'a':1}", "at byte 8, x is not in the schema");
    assert_fault(&bench, "{'a':1,'b':{'c':1,'y':3}}", "at byte 18, b: y is not in the schema");
    assert_fault(&bench, "{'a':1,'b':{},'\\u0061b':2}", "at byte 14, is not in the schema");
    bench_close(&bench);
}

#define MARKED(name)                                                                               \
    "{'name':'" name "','type':{'type':'map','values':'string'},'dualrun':'unknown'}"

static void unknown_members_are_kept_as_they_stand_in_order_of_their_names(void **state)
{
    struct bench bench;
    struct error err;

    (void)state;
    bench_open(&bench,
               "{'type':'record','name':'R','fields':[{'name':'a','type':'int'}," MARKED(
                   "rest") ",{'name':'b','type':['null',{'type':'record','name':'B','fields':["
                           "{'name':'c','type':'int','default':0}," MARKED(
                               "more") "]}]},{'name':'l','default':"
                                       "[],'type':{'type':'array','items':'R'}}]}");
    assert_true(json_avro_keep_unknown(bench.program, &err));
    assert_json(&bench, "{'a':1}", "{'a':1,'rest':{},'b':null,'l':[]}");
    assert_json(&bench, "{'z':2,'a':1,'': null , 'y':[1, 2.50],'\\u0079y':'\\u0041'}",
                "{'a':1,'rest':{'':'null','y':'[1, 2.50]','yy':'\\'\\\\u0041\\'','z':'2'},"
                "'b':null,'l':[]}");
    assert_json(&bench, "{'yy':1e999,'b':{'d':{'c':1},'c':4,'a':1},'a':1,'l':[{'a':2,'q':3}]}",
                "{'a':1,'rest':{'yy':'1e999'},'b':{'c':4,'more':{'a':'1','d':'{\\'c\\':1}'}},"
                "'l':[{'a':2,'rest':{'q':'3'},'b':null,'l':[]}]}");
    assert_json(&bench, "{'rest':{'x':'y'},'a':1}",
                "{'a':1,'rest':{'rest':'{\\'x\\':\\'y\\'}'},'b':null,'l':[]}");
    assert_fault(&bench, "{'x':1,'a':1,'x':2}", "at byte 13, x is there twice");
    assert_fault(&bench, "{'x':1,'a':1,'\\u0078':2}", "at byte 13, is there twice");
    assert_fault(&bench, "{'a':1,'b':{'x':1,'x':2}}", "at byte 18, b: x is there twice");
    assert_fault(&bench, "{'x':[1,],'a':1}", "at byte 8, no JSON value begins like this");
    bench_close(&bench);
}

static void a_record_without_a_map_refuses_what_others_keep(void **state)
{
    struct bench bench;
    struct error err;

    (void)state;
    bench_open(&bench, "{'type':'record','name':'R','fields':[" MARKED(
                           "rest") ",{'name':'b','type':"
                                   "{'type':'record','name':'B','fields':[]},'default':{}}]}");
    assert_true(json_avro_keep_unknown(bench.program, &err));
    assert_json(&bench, "{'x':1}", "{'rest':{'x':'1'},'b':{}}");
    assert_fault(&bench, "{'x':1,'b':{'y':2}}", "at byte 12, b: y is not in the schema");
    bench_close(&bench);
}

static void assert_cannot_keep(const char *fields, const char *message)
{
    struct bench bench;
    struct error err;
    char *text = memory_textf("{'type':'record','name':'R','fields':[%s]}", fields);

    bench_open(&bench, text);
    assert_false(json_avro_keep_unknown(bench.program, &err));
    assert_string_equal(err.text, message);
    bench_close(&bench);
    free(text);
}

static void a_schema_that_cannot_keep_says_why(void **state)
{
    (void)state;
    assert_cannot_keep("{'name':'a','type':'int'}", "no record has a field for unknown members");
    assert_cannot_keep("{'name':'a','type':{'type':'map','values':'int'},'dualrun':'unknown'}",
                       "record R: field a takes unknown members and is no map of string");
    assert_cannot_keep(MARKED("a") "," MARKED("b"), "record R: both a and b take unknown members");
}

static void what_is_kept_nests_no_deeper_than_64(void **state)
{
    struct bench bench;
    struct buffer json = {0};
    struct json_avro_fault fault;
    struct error err;

    (void)state;
    bench_open(&bench,
               "{'type':'record','name':'R','fields':[{'name':'n','type':['null','R']}," MARKED(
                   "rest") "]}");
    assert_true(json_avro_keep_unknown(bench.program, &err));
    for (int depth = 62; depth <= 63; depth++) {
        buffer_clear(&json);
        for (int i = 0; i < depth; i++)
            buffer_append_text(&json, "{'n':");
        buffer_append_text(&json, "{'x':1}");
        for (int i = 0; i < depth; i++)
            buffer_append_byte(&json, '}');
        assert_int_equal(encode(&bench, buffer_text(&json), &fault), depth == 62);
        if (depth == 62)
            assert_true(
                codec_check(bench.schema->root, bench.out.data, bench.out.data + bench.out.size));
    }
    assert_string_equal(fault.reason, "nested deeper than 64");
    buffer_fini(&json);
    bench_close(&bench);
}

static void unknown_members_are_ignored_but_checked(void **state)
{
    (void)state;
    ASSERT_CASES(USER,
                 {"{'a':{'b':[1,true,false,null,'x',{}]},'id':'x','z':99999999999999999999999,'"
                  "user':{'age':3}}",
                  "{'id':'x','n':null,'user':{'age':3,'tags':['a','b']},'w':1.5}"},
                 {"{'a':[1,],'id':'x'}", "at byte 8, no JSON value begins like this"},
                 {"{'a':tru}", "at byte 5, no JSON value begins like this"},
                 {"{'a':'\\q'}", "at byte 6, unknown escape in a string"},
                 {"{'a':[1 2]}", "at byte 8, expected a comma or ]"},
                 {"{'a':{'b':1,}}", "at byte 12, expected a name in quotes"},
                 {"{'a':{'b' 1}}", "at byte 10, expected a colon behind a name"},
                 {"{'a':1", "at byte 6, the text ends inside an object or array"},
                 {"{'a':1,", "at byte 7, the text ends inside an object or array"},
                 {"{'a':", "at byte 5, the text ends where a value should be"},
                 {"{", "at byte 1, the text ends inside an object or array"},
                 {"{'a' 1}", "at byte 5, expected a colon behind a name"},
                 {"{id:1}", "at byte 1, expected a name in quotes"},
                 {"{'id':'x','user':{'age':3}}}", "at byte 27, more text behind the value"},
                 {"[]", "at byte 0, an array is no record"});
}

static void a_fault_names_its_place(void **state)
{
    (void)state;
    ASSERT_CASES(USER, {"{'id':'x','user':{'age':3.5}}", "at byte 24, user.age: 3.5 is no int"},
                 {"{'id':'x','user':{'age':3,'tags':['a',1]}}",
                  "at byte 38, user.tags[1]: a number is no string"},
                 {"{'user':{'age':'x'},'id':'x'}", "at byte 15, user.age: a string is no int"});
}

static void a_union_takes_its_first_branch_that_fits(void **state)
{
    (void)state;
    ASSERT_CASES("['int','null','double','string']", {"1", "1"}, {"1.5", "1.5"},
                 {"1e10", "10000000000.0"}, {"null", "null"}, {"'x'", "'x'"},
                 {"true", "at byte 0, fits no branch of the union: int, null, double, string"},
                 {"1e999", "at byte 0, fits no branch of the union: int, null, double, string"},
                 {"?", "at byte 0, no JSON value begins like this"});
    ASSERT_CASES("[{'type':'record','name':'A','fields':[{'name':'a','type':'int'}]},"
                 "{'type':'record','name':'B','fields':[{'name':'b','type':'int'}]},"
                 "{'type':'map','values':'int'}]",
                 {"{'a':1}", "{'a':1}"}, {"{'b':1}", "{'b':1}"}, {"{'b':1,'a':2}", "{'a':2}"},
                 {"{'c':1}", "{'c':1}"}, {"{'c':[}", "at byte 6, no JSON value begins like this"},
                 {"{'c':null}", "at byte 0, fits no branch of the union: A, B, map"});
    ASSERT_CASES("['null',{'type':'enum','name':'E','symbols':['A']},'string']", {"'A'", "'A'"},
                 {"'B'", "'B'"});
    ASSERT_CASES("['string','null']", {"null", "null"}, {"'B'", "'B'"},
                 {"1", "at byte 0, a number is no string"},
                 {"nul", "at byte 0, no JSON value begins like this"});
}

static void a_map_has_each_key_once(void **state)
{
    (void)state;
    ASSERT_CASES("{'type':'map','values':{'type':'map','values':'int'}}", {"{}", "{}"},
                 {"{'a':{},'b':{'a':1,'b':2}}", "{'a':{},'b':{'a':1,'b':2}}"},
                 {"{'a':{},'b':{},'\\u0061':{}}", "at byte 15, a key is there twice"},
                 {"{'a':{'k':1,'x':1,'k':1}}", "at byte 18, [0]: a key is there twice"},
                 {"{'x':{'0':0,'1':0,'2':0,'3':0,'4':0,'5':0,'6':0,'7':0,'8':0,'9':0,'3':0,'a':0}}",
                  "at byte 66, [0]: a key is there twice"},
                 {"{'a':{'k':1.5}}", "at byte 10, [0][0]: 1.5 is no int"},
                 {"{1:{}}", "at byte 1, expected a name in quotes"});
}

static void long_arrays_are_one_block(void **state)
{
    struct buffer json = {0};
    struct json_avro_fault fault;
    struct bench bench;
    int64_t count;

    (void)state;
    bench_open(&bench, "{'type':'array','items':'int'}");
    for (int size = 0; size < 9000; size = size * 2 + 63) {
        buffer_clear(&json);
        buffer_append_byte(&json, '[');
        for (int i = 0; i < size; i++)
            buffer_appendf(&json, "%s%d", i > 0 ? "," : "", i);
        buffer_append_byte(&json, ']');
        assert_true(encode(&bench, buffer_text(&json), &fault));

        const uint8_t *end = bench.out.data + bench.out.size;
        json_t *back = codec_to_json(bench.schema->root, bench.out.data, end);

        assert_int_equal(json_array_size(back), size);
        for (int i = 0; i < size; i++)
            assert_int_equal(json_integer_value(json_array_get(back, (size_t)i)), i);
        assert_non_null(codec_get_long(bench.out.data, end, &count));
        assert_int_equal(count, size);
        json_decref(back);
    }
    buffer_fini(&json);
    bench_close(&bench);
}

static char *repeated(const char *open, const char *middle, const char *close, int count)
{
    struct buffer text = {0};

    for (int i = 0; i < count; i++)
        buffer_append_text(&text, open);
    buffer_append_text(&text, middle);
    for (int i = 0; i < count; i++)
        buffer_append_text(&text, close);
    buffer_text(&text);
    return (char *)text.data;
}

static void nesting_has_a_limit(void **state)
{
    static const char schema[] = "{'type':'record','name':'Node','fields':[{'name':'next','type':"
                                 "['null','Node']},{'name':'v','type':'int','default':0}]}";
    struct json_avro_fault fault;
    struct bench bench;

    (void)state;
    bench_open(&bench, schema);
    for (int known = 0; known < 2; known++) {
        char *good = repeated(known ? "{'v':1,'next':" : "{'u':", "null", "}", 64);
        char *bad = repeated(known ? "{'v':1,'next':" : "{'u':", "{}", "}", 64);

        assert_true(encode(&bench, good, &fault));
        assert_true(
            codec_check(bench.schema->root, bench.out.data, bench.out.data + bench.out.size));
        assert_false(encode(&bench, bad, &fault));
        assert_string_equal(fault.reason, "nested deeper than 64");
        assert_int_equal(fault.offset, known ? 64 * 14 : 64 * 5);
        free(good);
        free(bad);
    }
    bench_close(&bench);
}

/* Without its limit each level would double the work: this would take until the sun goes out. */
static void unions_inside_unions_do_not_explode(void **state)
{
    struct json_avro_fault fault;
    struct bench bench;

    (void)state;
    bench_open(&bench, "[{'type':'record','name':'A','fields':[{'name':'x','type':['null','A',"
                       "{'type':'record','name':'B','fields':[{'name':'x','type':['null','A','B']},"
                       "{'name':'y','type':'int'}]}]},{'name':'z','type':'int'}]},'B']");
    char *text = repeated("{'x':", "7", "}", 60);

    assert_false(encode(&bench, text, &fault));
    free(text);
    bench_close(&bench);
}

static void records_out_of_order_inside_each_other_do_not_explode(void **state)
{
    struct json_avro_fault fault;
    struct bench bench;

    (void)state;
    bench_open(&bench, "{'type':'record','name':'Node','fields':[{'name':'a','type':'int'},"
                       "{'name':'next','type':['null','Node']}]}");
    char *text = repeated("{'next':", "null", ",'a':1}", 64);

    for (int i = 0; i < 3; i++)
        assert_true(encode(&bench, text, &fault));
    free(text);
    bench_close(&bench);
}

static void the_same_event_gives_the_same_bytes_in_every_order_and_history(void **state)
{
    struct json_avro_fault fault;
    struct buffer first = {0};
    struct bench bench;

    (void)state;
    bench_open(&bench, USER);
    assert_true(encode(&bench, "{'id':'x','user':{'age':3},'n':1}", &fault));
    buffer_append(&first, bench.out.data, bench.out.size);
    for (int i = 0; i < 2500; i++) {
        static const char *const texts[] = {"{'id':'x','n':1,'user':{'age':3}}",
                                            "{'user':{'age':3},'n':1,'id':'x'}"};

        assert_true(encode(&bench, texts[i % 1500 == 7], &fault));
        assert_int_equal(bench.out.size, first.size);
        assert_memory_equal(bench.out.data, first.data, first.size);
    }
    buffer_fini(&first);
    bench_close(&bench);
}

static void captures_find_values_of_the_last_record(void **state)
{
    struct schema_path id, age, n;
    struct json_avro_fault fault;
    struct codec_value value;
    struct bench bench;
    struct error err;

    (void)state;
    bench_open(&bench, USER);
    assert_true(schema_path_resolve(&id, bench.schema, "id", &err));
    assert_true(schema_path_resolve(&age, bench.schema, "user.age", &err));
    assert_true(schema_path_resolve(&n, bench.schema, "n", &err));
    assert_int_equal(json_avro_capture(bench.program, &id), 0);
    assert_int_equal(json_avro_capture(bench.program, &age), 1);
    assert_int_equal(json_avro_capture(bench.program, &n), 2);
    for (int i = 0; i < 2; i++) {
        static const char *const texts[] = {"{'id':'view','user':{'age':31}}",
                                            "{'user':{'age':31},'id':'view'}"};

        assert_true(encode(&bench, texts[i], &fault));
        assert_true(json_avro_captured(bench.program, 0, &value));
        assert_int_equal(value.kind, SCHEMA_STRING);
        assert_int_equal(value.size, 4);
        assert_memory_equal(value.bytes, "view", 4);
        assert_true(json_avro_captured(bench.program, 1, &value));
        assert_int_equal(value.integer, 31);
        assert_false(json_avro_captured(bench.program, 2, &value));
        assert_int_equal(value.kind, SCHEMA_NULL);
    }
    bench_close(&bench);
}

static void encoding_appends_and_a_fault_leaves_out_as_it_was(void **state)
{
    struct json_avro_fault fault;
    struct bench bench;

    (void)state;
    bench_open(&bench, "'int'");
    buffer_append_text(&bench.out, "head");
    assert_true(json_avro_encode(bench.program, (const uint8_t *)"1", 1, &bench.out, &fault));
    assert_int_equal(bench.out.size, 5);
    assert_false(json_avro_encode(bench.program, (const uint8_t *)"1 x", 3, &bench.out, &fault));
    assert_int_equal(bench.out.size, 5);
    assert_memory_equal(bench.out.data, "head\x02", 5);
    bench_close(&bench);
}

static void assert_not_compiled(const char *schema, const char *message)
{
    char *text = quoted(schema);
    struct error err = {0};
    struct schema *parsed = schema_parse(text, "s", &err);

    assert_non_null(parsed);
    assert_null(json_avro_new(parsed, &err));
    assert_string_equal(err.text, message);
    schema_free(parsed);
    free(text);
}

static void a_schema_that_no_event_could_use_is_refused(void **state)
{
    (void)state;
    assert_not_compiled("{'type':'record','name':'A','fields':[{'name':'a','type':'int','aliases':"
                        "['b']},{'name':'b','type':'int'}]}",
                        "record A: b is an alias of field a and a name of field b");
    assert_not_compiled("{'type':'record','name':'A','fields':[{'name':'a','type':{'type':'fixed',"
                        "'name':'F','size':2},'default':'x'}]}",
                        "record A: default of a: 1 bytes are no fixed F of 2");
    assert_not_compiled("{'type':'record','name':'A','fields':[{'name':'a','type':'A',"
                        "'default':{}}]}",
                        "record A: default of a: the default needs itself");
}

static void defaults_may_need_the_defaults_of_others(void **state)
{
    (void)state;
    ASSERT_CASES("{'type':'record','name':'A','fields':[{'name':'b','default':{'n':7},'type':"
                 "{'type':'record','name':'B','fields':[{'name':'n','type':'int'},"
                 "{'name':'s','type':'bytes','default':'\\u00ff'},"
                 "{'name':'u','type':['string','null'],'default':'d'}]}}]}",
                 {"{}", "{'b':{'n':7,'s':'ff','u':'d'}}"},
                 {"{'b':{'n':8}}", "{'b':{'n':8,'s':'ff','u':'d'}}"});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_numbers_are_exact_or_refused),
        cmocka_unit_test(numbers_that_are_no_json_are_refused),
        cmocka_unit_test(real_numbers_are_correctly_rounded),
        cmocka_unit_test(strings_are_unescaped_and_checked),
        cmocka_unit_test(bytes_are_code_points_up_to_255),
        cmocka_unit_test(a_symbol_stands_for_its_index),
        cmocka_unit_test(a_uuid_is_checked),
        cmocka_unit_test(times_and_dates_come_as_text_or_number),
        cmocka_unit_test(a_decimal_is_exact),
        cmocka_unit_test(members_come_in_any_order),
        cmocka_unit_test(what_is_missing_takes_its_default_or_null),
        cmocka_unit_test(a_field_may_be_there_once),
        cmocka_unit_test(unknown_members_are_ignored_but_checked),
        cmocka_unit_test(unknown_members_are_refused_by_name_if_asked),
        cmocka_unit_test(unknown_members_are_kept_as_they_stand_in_order_of_their_names),
        cmocka_unit_test(a_record_without_a_map_refuses_what_others_keep),
        cmocka_unit_test(a_schema_that_cannot_keep_says_why),
        cmocka_unit_test(what_is_kept_nests_no_deeper_than_64),
        cmocka_unit_test(a_fault_names_its_place),
        cmocka_unit_test(a_union_takes_its_first_branch_that_fits),
        cmocka_unit_test(a_map_has_each_key_once),
        cmocka_unit_test(long_arrays_are_one_block),
        cmocka_unit_test(nesting_has_a_limit),
        cmocka_unit_test(unions_inside_unions_do_not_explode),
        cmocka_unit_test(records_out_of_order_inside_each_other_do_not_explode),
        cmocka_unit_test(the_same_event_gives_the_same_bytes_in_every_order_and_history),
        cmocka_unit_test(captures_find_values_of_the_last_record),
        cmocka_unit_test(encoding_appends_and_a_fault_leaves_out_as_it_was),
        cmocka_unit_test(a_schema_that_no_event_could_use_is_refused),
        cmocka_unit_test(defaults_may_need_the_defaults_of_others),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
