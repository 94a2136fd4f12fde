/* SPDX-License-Identifier: MIT
 *
 * base/json.h, the writer: commas, indentation as Python's, escapes, full buffers.
 */
#include "base/json.h"

#include "check.h"

static char out[4096];

static const char *
ended(struct lcp_writer *w)
{
    struct lcp_span text = {0};

    CHECK(lcp_writer_end(w, &text) == LCP_OK);
    CHECK(text.len < sizeof(out));
    out[text.len] = '\0';
    return out;
}

static void
write_sample(struct lcp_writer *w)
{
    lcp_write_object(w);
    lcp_write_member_string(w, "a", "x");
    lcp_write_member_int(w, "b", -5);
    lcp_write_member_bool(w, "c", true);
    lcp_write_key(w, "d");
    lcp_write_array(w);
    lcp_write_null(w);
    lcp_write_object(w);
    lcp_write_object_end(w);
    lcp_write_array(w);
    lcp_write_array_end(w);
    lcp_write_object(w);
    lcp_write_key_span(w, lcp_span_str("e"));
    lcp_write_raw(w, lcp_span_str("1.50"));
    lcp_write_object_end(w);
    lcp_write_array_end(w);
    lcp_write_key(w, "f");
    lcp_write_bool(w, false);
    lcp_write_object_end(w);
}

static const char compact[] =
    "{\"a\":\"x\",\"b\":-5,\"c\":true,\"d\":[null,{},[],{\"e\":1.50}],\"f\":false}";
/* As json.dumps(json.loads(compact), indent=2, ensure_ascii=False) prints it, but
 * for 1.50 */
static const char indented[] = "{\n"
                               "  \"a\": \"x\",\n"
                               "  \"b\": -5,\n"
                               "  \"c\": true,\n"
                               "  \"d\": [\n"
                               "    null,\n"
                               "    {},\n"
                               "    [],\n"
                               "    {\n"
                               "      \"e\": 1.50\n"
                               "    }\n"
                               "  ],\n"
                               "  \"f\": false\n"
                               "}";

static void
layout_is_pythons(void)
{
    struct lcp_writer w;

    lcp_writer_init(&w, out, sizeof(out), 0);
    write_sample(&w);
    CHECK_STR(ended(&w), compact);
    lcp_writer_init(&w, out, sizeof(out), 2);
    write_sample(&w);
    CHECK_STR(ended(&w), indented);
}

static void
full_buffer_only_counts(void)
{
    size_t want = strlen(compact);

    for (size_t cap = 0; cap <= want; cap++) {
        char *exact = malloc(cap > 0 ? cap : 1);
        struct lcp_writer w;
        struct lcp_span text;

        REQUIRE(exact != NULL);
        lcp_writer_init(&w, exact, cap, 0);
        write_sample(&w);
        CHECK(w.len == want);
        CHECK(lcp_writer_end(&w, &text) == (cap < want ? LCP_EFULL : LCP_OK));
        free(exact);
    }
}

static void
strings_are_escaped_where_needed(void)
{
    static const struct {
        const char *label;
        struct lcp_span in;
        const char *want;
    } rows[] = {
        {"plain", BYTES("abc /~"), "\"abc /~\""},
        {"short escapes", BYTES("\"\\\b\f\n\r\t"), "\"\\\"\\\\\\b\\f\\n\\r\\t\""},
        {"controls", BYTES("\0\x01\x1f\x7f"), "\"\\u0000\\u0001\\u001f\\u007f\""},
        {"C1", BYTES("\xc2\x9b\xc2\xa0"), "\"\\u009b\xc2\xa0\""},
        {"UTF-8 stays", BYTES("\xe9\xbe\x99\xf0\x9f\xa6\x9e"),
         "\"\xe9\xbe\x99\xf0\x9f\xa6\x9e\""},
        {"malformed", BYTES("a\xff\xe9\xbe"),
         "\"a\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
        {"surrogate", BYTES("\xed\xa0\x80"),
         "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
        {"empty", BYTES(""), "\"\""},
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct lcp_writer w;

        lcp_writer_init(&w, out, sizeof(out), 0);
        lcp_write_string_span(&w, rows[i].in);
        CHECK_STR(ended(&w), rows[i].want);
    }
}

static void
integers_reach_both_ends(void)
{
    struct lcp_writer w;

    lcp_writer_init(&w, out, sizeof(out), 0);
    lcp_write_array(&w);
    lcp_write_int(&w, INT64_MIN);
    lcp_write_int(&w, INT64_MAX);
    lcp_write_int(&w, 0);
    lcp_write_int(&w, -1);
    lcp_write_array_end(&w);
    CHECK_STR(ended(&w), "[-9223372036854775808,9223372036854775807,0,-1]");
}

static void
values_are_printed_anew(void)
{
    static const struct {
        const char *in, *want;
    } rows[] = {
        {"{}", "{}"},
        {" { \"a\" : [ ] } ", "{\"a\":[]}"},
        {"{\"a\":[1,[2,[3]],{\"b\":{}}],\"c\":-0.10E+5}",
         "{\"a\":[1,[2,[3]],{\"b\":{}}],\"c\":-0.10E+5}"},
        {"{\"\\u0061\\u000a\":\"\\u9f99\\ud83e\\udd9e\\/\\u001b\"}",
         "{\"a\\n\":\"\xe9\xbe\x99\xf0\x9f\xa6\x9e/\\u001b\"}"},
        {"{\"z\":1,\"a\":[{},{\"q\":null}],\"m\":true}",
         "{\"z\":1,\"a\":[{},{\"q\":null}],\"m\":true}"},
    };
    struct lcp_json_node nodes[32];

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct lcp_json doc = {.nodes = nodes, .cap = COUNT_OF(nodes)};
        struct lcp_writer w;

        CHECK(lcp_json_parse(lcp_span_str(rows[i].in), &doc) == LCP_JSON_FAULT_NONE);
        lcp_writer_init(&w, out, sizeof(out), 0);
        lcp_write_value(&w, &doc, 0);
        CHECK_STR(ended(&w), rows[i].want);
    }
}

static void
values_go_into_other_documents(void)
{
    struct lcp_json_node nodes[32];
    struct lcp_json doc = {.nodes = nodes, .cap = COUNT_OF(nodes)};
    struct lcp_writer w;

    CHECK(lcp_json_parse(lcp_span_str("{\"a\":[1,{\"b\":2}],\"c\":\"x\"}"), &doc) ==
          LCP_JSON_FAULT_NONE);
    lcp_writer_init(&w, out, sizeof(out), 2);
    lcp_write_array(&w);
    lcp_write_value(&w, &doc, lcp_json_member(&doc, 0, "c"));
    lcp_write_object(&w);
    lcp_write_key(&w, "in");
    lcp_write_value(&w, &doc, lcp_json_member(&doc, 0, "a"));
    lcp_write_object_end(&w);
    lcp_write_array_end(&w);
    CHECK_STR(ended(&w),
              "[\n  \"x\",\n  {\n    \"in\": [\n      1,\n      {\n        \"b\": 2\n"
              "      }\n    ]\n  }\n]");
}

/* The deepest document a daemon may be sent, inside a reply and that inside another. */
static void
deepest_documents_fit(void)
{
    static struct lcp_json_node nodes[LCP_JSON_DEPTH_LIMIT + 1];
    struct lcp_json doc = {.nodes = nodes, .cap = COUNT_OF(nodes)};
    struct lcp_writer w;
    char in[3 * LCP_JSON_DEPTH_LIMIT + 8] = "{\"a\":";

    for (int i = 1; i < LCP_JSON_DEPTH_LIMIT; i++)
        strcat(in, "[");
    for (int i = 1; i < LCP_JSON_DEPTH_LIMIT; i++)
        strcat(in, "]");
    strcat(in, "}");
    CHECK(lcp_json_parse_deep(lcp_span_str(in), LCP_JSON_DEPTH_LIMIT, &doc) ==
          LCP_JSON_FAULT_NONE);
    lcp_writer_init(&w, out, sizeof(out), 0);
    for (int i = 0; i < 4; i++)
        lcp_write_array(&w);
    lcp_write_value(&w, &doc, 0);
    for (int i = 0; i < 4; i++)
        lcp_write_array_end(&w);
    CHECK(strlen(ended(&w)) == strlen(in) + 8);
}

int
main(void)
{
    layout_is_pythons();
    full_buffer_only_counts();
    strings_are_escaped_where_needed();
    integers_reach_both_ends();
    values_are_printed_anew();
    values_go_into_other_documents();
    deepest_documents_fit();
    return check_end("json_write");
}
