/* SPDX-License-Identifier: MIT
 *
 * core/canon.h: the rules by name, sizes, limits. Python checks the rest:
 * tests/vectors.
 */
#include "core/canon.h"

#include "check.h"

static struct lcp_json_node nodes[LCP_JSON_NODES_MAX];
static char text[LCP_PAYLOAD_MAX + 1], out[LCP_CANON_BYTES_MAX + 1];

static size_t
canon(struct lcp_span in, const char *skip)
{
    struct lcp_json doc = {.nodes = nodes, .cap = LCP_JSON_NODES_MAX};
    size_t len = 0;

    CHECK(lcp_json_parse(in, &doc) == LCP_JSON_FAULT_NONE);
    CHECK(lcp_canon_print(&doc, skip, out, LCP_CANON_BYTES_MAX, &len) == LCP_OK);
    out[len] = '\0';
    return len;
}

static void
canonical_form_is_pythons(void)
{
    static const struct {
        const char *label, *in, *want;
    } rows[] = {
        {"empty", " { } ", "{}"},
        {"sorted, compact", "{\"b\": 1, \"a\": [ 1 , 2 ], \"aa\": {}}",
         "{\"a\":[1,2],\"aa\":{},\"b\":1}"},
        {"sorted at every level", "{\"z\":[{\"b\":{\"d\":1,\"c\":2},\"a\":3}]}",
         "{\"z\":[{\"a\":3,\"b\":{\"c\":2,\"d\":1}}]}"},
        {"by code point, not by UTF-16",
         "{\"\xf0\x90\x80\x80\":1,\"\xef\xbf\xbf\":2,\"a\":3}",
         "{\"a\":3,\"\\uffff\":2,\"\\ud800\\udc00\":1}"},
        {"sorted decoded", "{\"\\u0062\":1,\"a\":2,\"\\u0061a\":3,\"\":4}",
         "{\"\":4,\"a\":2,\"aa\":3,\"b\":1}"},
        {"NUL sorts first", "{\"a\\u0001\":1,\"a\\u0000\":2,\"a\":3}",
         "{\"a\":3,\"a\\u0000\":2,\"a\\u0001\":1}"},
        {"short escapes",
         "{\"\":\"\\u0008\\u000c\\u000a\\u000d\\u0009\\u0022\\u005c\\/\"}",
         "{\"\":\"\\b\\f\\n\\r\\t\\\"\\\\/\"}"},
        {"other controls and DEL", "{\"\":\"\\u0000\\u001F\x7f~\"}",
         "{\"\":\"\\u0000\\u001f\\u007f~\"}"},
        {"lower-case escapes",
         "{\"\":\"\xc3\xa9\\u9F99\xf0\x9f\xa6\x9e\\uD83E\\uDD9E\"}",
         "{\"\":\"\\u00e9\\u9f99\\ud83e\\udd9e\\ud83e\\udd9e\"}"},
        {"integers as they stand", "{\"a\":[0,-0,-1,123456789012345678901234567890]}",
         "{\"a\":[0,0,-1,123456789012345678901234567890]}"},
        {"floats", "{\"a\":[1.0,-0.0,1E5,1e16,1e-5,9007199254740993.0,0.5e-323]}",
         "{\"a\":[1.0,-0.0,100000.0,1e+16,1e-05,9007199254740992.0,5e-324]}"},
        {"words", "{\"a\":[true,false,null]}", "{\"a\":[true,false,null]}"},
        {"empty containers", "{\"a\":[[],{},[[]],[{}]]}", "{\"a\":[[],{},[[]],[{}]]}"},
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        canon(lcp_span_str(rows[i].in), NULL);
        CHECK_STR(out, rows[i].want);
    }
}

static void
only_the_top_level_member_is_skipped(void)
{
    static const struct {
        const char *in, *want;
    } rows[] = {
        {"{\"security\":1,\"a\":{\"security\":2}}", "{\"a\":{\"security\":2}}"},
        {"{\"a\":1,\"security\":{\"x\":[1,2]}}", "{\"a\":1}"},
        {"{\"z\":1,\"security\":2,\"a\":3}", "{\"a\":3,\"z\":1}"},
        {"{\"s\\u0065curity\":2}", "{}"},
        {"{\"security2\":1,\"Security\":2,\"securit\":3}",
         "{\"Security\":2,\"securit\":3,\"security2\":1}"},
        {"{\"a\":[{\"security\":{\"security\":1}}],\"security\":0}",
         "{\"a\":[{\"security\":{\"security\":1}}]}"},
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        canon(lcp_span_str(rows[i].in), "security");
        CHECK_STR(out, rows[i].want);
    }
}

/* A payload of the greatest size made of nothing but `unit`, in a string or an array.
 */
static size_t
worst_case(const char *head, const char *unit, const char *tail, size_t count_max)
{
    size_t len = strlen(head), size = strlen(unit);

    memcpy(text, head, len);
    for (size_t i = 0; i < count_max && len + size + strlen(tail) <= LCP_PAYLOAD_MAX;
         i++) {
        memcpy(text + len, unit, size);
        len += size;
    }
    memcpy(text + len, tail, strlen(tail));
    return canon(lcp_span(text, len + strlen(tail)), NULL);
}

static void
worst_growth_fits_the_buffer(void)
{
    CHECK(worst_case("{\"a\":\"", "\x7f", "\"}", SIZE_MAX) > 5u * LCP_PAYLOAD_MAX);
    CHECK(worst_case("{\"a\":\"", "\xc2\x80", "\"}", SIZE_MAX) > 2u * LCP_PAYLOAD_MAX);
    CHECK(worst_case("{\"a\":\"", "\xf0\x90\x80\x80", "\"}", SIZE_MAX) >
          2u * LCP_PAYLOAD_MAX);
    CHECK(worst_case("{\"a\":[1", ",1e15", "]}", LCP_JSON_NODES_MAX - 3) > 70000);
    CHECK(worst_case("{\"a\":[1", ",1e-4", "]}", LCP_JSON_NODES_MAX - 3) > 28000);
    CHECK(worst_case("{\"\x7f\":\"", "\x7f", "\"}", SIZE_MAX) > 5u * LCP_PAYLOAD_MAX);
}

static void
full_is_said_and_nothing_is_written_past_the_end(void)
{
    static const char in[] = "{\"b\":[1.5,\"\xe9\xbe\x99\"],\"a\":{\"c\":null}}";
    size_t want = canon(lcp_span_str(in), NULL);

    for (size_t cap = 0; cap <= want; cap++) {
        struct lcp_json doc = {.nodes = nodes, .cap = LCP_JSON_NODES_MAX};
        char *exact = malloc(cap > 0 ? cap : 1);
        size_t len = 99;

        REQUIRE(exact != NULL);
        CHECK(lcp_json_parse(lcp_span_str(in), &doc) == LCP_JSON_FAULT_NONE);
        CHECK(lcp_canon_print(&doc, NULL, exact, cap, &len) ==
              (cap < want ? LCP_EFULL : LCP_OK));
        CHECK(len == (cap < want ? 99 : want));
        free(exact);
    }
}

static void
deepest_nesting_prints(void)
{
    char in[4 * LCP_JSON_DEPTH_MAX + 8] = "";

    for (int i = 1; i < LCP_JSON_DEPTH_MAX; i++)
        strcat(in, i % 2 ? "{\"\":" : "[");
    strcat(in, "{}");
    for (int i = LCP_JSON_DEPTH_MAX - 1; i >= 1; i--)
        strcat(in, i % 2 ? "}" : "]");
    canon(lcp_span_str(in), NULL);
    CHECK_STR(out, in);
}

/* Canonical text is its own canonical form. */
static void
canon_of_canon_is_itself(void)
{
    static char again[sizeof(out)];

    canon(lcp_span_str(
              "{\"b\":[1E2,\"\xe9\xbe\x99\\u0041\",-0],\"\\u0061\":{\"c\":5e-1}}"),
          NULL);
    strcpy(again, out);
    canon(lcp_span_str(again), NULL);
    CHECK_STR(out, again);
}

int
main(void)
{
    canonical_form_is_pythons();
    only_the_top_level_member_is_skipped();
    worst_growth_fits_the_buffer();
    full_is_said_and_nothing_is_written_past_the_end();
    deepest_nesting_prints();
    canon_of_canon_is_itself();
    return check_end("canon");
}
