/* SPDX-License-Identifier: MIT
 *
 * base/json.h, the reader: what is taken, what is refused and under which name.
 */
#include "base/json.h"

#include "check.h"

static struct lcp_json_node nodes[LCP_JSON_NODES_MAX];
static char text[1 << 20];

static enum lcp_json_fault
parse(struct lcp_span in, struct lcp_json *doc)
{
    *doc = (struct lcp_json){.nodes = nodes, .cap = LCP_JSON_NODES_MAX};
    return lcp_json_parse(in, doc);
}

static struct lcp_json
parsed(const char *in)
{
    struct lcp_json doc;

    CHECK_ROW(in, parse(lcp_span_str(in), &doc) == LCP_JSON_FAULT_NONE);
    return doc;
}

static const struct {
    const char *label;
    struct lcp_span in;
    enum lcp_json_fault want;
} fault_rows[] = {
    {"empty object", BYTES("{}"), LCP_JSON_FAULT_NONE},
    {"space around", BYTES(" \t\r\n{ \"a\" : [ ] } \n"), LCP_JSON_FAULT_NONE},
    {"all values", BYTES("{\"a\":[null,true,false,0,-1.5e+9,\"\",{}]}"),
     LCP_JSON_FAULT_NONE},
    {"all escapes",
     BYTES("{\"a\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\uD83E\\udd9e\"}"),
     LCP_JSON_FAULT_NONE},
    {"NUL escaped", BYTES("{\"\\u0000\":\"\\u0000\"}"), LCP_JSON_FAULT_NONE},
    {"empty", BYTES(""), LCP_JSON_FAULT_SYNTAX},
    {"space only", BYTES(" \n"), LCP_JSON_FAULT_SYNTAX},
    {"junk", BYTES("hello"), LCP_JSON_FAULT_SYNTAX},
    {"open", BYTES("{"), LCP_JSON_FAULT_SYNTAX},
    {"open name", BYTES("{\"a"), LCP_JSON_FAULT_SYNTAX},
    {"no value", BYTES("{\"a\":}"), LCP_JSON_FAULT_SYNTAX},
    {"no colon", BYTES("{\"a\"}"), LCP_JSON_FAULT_SYNTAX},
    {"trailing comma", BYTES("{\"a\":1,}"), LCP_JSON_FAULT_SYNTAX},
    {"comma in array", BYTES("{\"a\":[1,]}"), LCP_JSON_FAULT_SYNTAX},
    {"comma alone", BYTES("{\"a\":[,]}"), LCP_JSON_FAULT_SYNTAX},
    {"wrong closer", BYTES("{\"a\":[1}}"), LCP_JSON_FAULT_SYNTAX},
    {"raw control", BYTES("{\"a\":\"\x1f\"}"), LCP_JSON_FAULT_SYNTAX},
    {"raw NUL", BYTES("{\"a\":\"\0\"}"), LCP_JSON_FAULT_SYNTAX},
    {"raw DEL", BYTES("{\"a\":\"\x7f\"}"), LCP_JSON_FAULT_NONE},
    {"bad escape", BYTES("{\"a\":\"\\x\"}"), LCP_JSON_FAULT_SYNTAX},
    {"bad \\u", BYTES("{\"a\":\"\\u12g4\"}"), LCP_JSON_FAULT_SYNTAX},
    {"cut \\u", BYTES("{\"a\":\"\\u12"), LCP_JSON_FAULT_SYNTAX},
    {"cut escape", BYTES("{\"a\":\"\\"), LCP_JSON_FAULT_SYNTAX},
    {"leading zero", BYTES("{\"a\":00}"), LCP_JSON_FAULT_SYNTAX},
    {"minus", BYTES("{\"a\":-}"), LCP_JSON_FAULT_SYNTAX},
    {"plus", BYTES("{\"a\":+1}"), LCP_JSON_FAULT_SYNTAX},
    {"dot", BYTES("{\"a\":1.}"), LCP_JSON_FAULT_SYNTAX},
    {"e", BYTES("{\"a\":1e}"), LCP_JSON_FAULT_SYNTAX},
    {"e+", BYTES("{\"a\":1e+}"), LCP_JSON_FAULT_SYNTAX},
    {"nul", BYTES("{\"a\":nul}"), LCP_JSON_FAULT_SYNTAX},
    {"nulll", BYTES("{\"a\":nulll}"), LCP_JSON_FAULT_SYNTAX},
    {"bad UTF-8", BYTES("{\"a\":\"\xff\"}"), LCP_JSON_FAULT_UTF8},
    {"overlong", BYTES("{\"\xc0\x80\":1}"), LCP_JSON_FAULT_UTF8},
    {"cut UTF-8", BYTES("{\"a\":\"\xe9\xbe"), LCP_JSON_FAULT_UTF8},
    {"raw surrogate", BYTES("{\"a\":\"\xed\xbf\xbf\"}"), LCP_JSON_FAULT_SURROGATE},
    {"lone high", BYTES("{\"a\":\"\\ud800\"}"), LCP_JSON_FAULT_SURROGATE},
    {"lone low", BYTES("{\"a\":\"\\udfff\"}"), LCP_JSON_FAULT_SURROGATE},
    {"high, then BMP", BYTES("{\"a\":\"\\ud800\\u0041\"}"), LCP_JSON_FAULT_SURROGATE},
    {"in a name", BYTES("{\"\\udc00\":1}"), LCP_JSON_FAULT_SURROGATE},
    {"duplicate", BYTES("{\"a\":1,\"b\":2,\"a\":3}"), LCP_JSON_FAULT_DUPLICATE},
    {"duplicate, decoded", BYTES("{\"a/\":1,\"\\u0061\\/\":2}"),
     LCP_JSON_FAULT_DUPLICATE},
    {"duplicate, deep", BYTES("{\"x\":[[{\"y\":{\"\":1,\"\":1}}]]}"),
     LCP_JSON_FAULT_DUPLICATE},
    {"same name, other object", BYTES("{\"a\":{\"a\":{\"a\":1}},\"b\":{\"a\":1}}"),
     LCP_JSON_FAULT_NONE},
    {"prefixes", BYTES("{\"aa\":1,\"a\":1,\"\":1,\"a\\u0000\":1}"),
     LCP_JSON_FAULT_NONE},
    {"NaN", BYTES("{\"a\":NaN}"), LCP_JSON_FAULT_NUMBER},
    {"Infinity", BYTES("{\"a\":Infinity}"), LCP_JSON_FAULT_NUMBER},
    {"-Infinity", BYTES("{\"a\":-Infinity}"), LCP_JSON_FAULT_NUMBER},
    {"1e999", BYTES("{\"a\":1e999}"), LCP_JSON_FAULT_NUMBER},
    {"1e309", BYTES("{\"a\":1e309}"), LCP_JSON_FAULT_NUMBER},
    {"over", BYTES("{\"a\":1.7976931348623159e308}"), LCP_JSON_FAULT_NUMBER},
    {"under", BYTES("{\"a\":1.7976931348623158e308}"), LCP_JSON_FAULT_NONE},
    {"zero of any exponent", BYTES("{\"a\":0e999,\"b\":0.0e99999999999999999999}"),
     LCP_JSON_FAULT_NONE},
    {"tiny", BYTES("{\"a\":1e-99999999999999999999}"), LCP_JSON_FAULT_NONE},
    {"array", BYTES("[]"), LCP_JSON_FAULT_TOP},
    {"string", BYTES("\"a\""), LCP_JSON_FAULT_TOP},
    {"number", BYTES(" 12"), LCP_JSON_FAULT_TOP},
    {"null", BYTES("null"), LCP_JSON_FAULT_TOP},
    {"BOM", BYTES("\xef\xbb\xbf{}"), LCP_JSON_FAULT_BOM},
    {"trailing", BYTES("{}x"), LCP_JSON_FAULT_TRAILING},
    {"two", BYTES("{} {}"), LCP_JSON_FAULT_TRAILING},
    {"NUL behind", BYTES("{}\0"), LCP_JSON_FAULT_TRAILING},
};

static void
faults_have_their_names(void)
{
    for (size_t i = 0; i < COUNT_OF(fault_rows); i++) {
        struct lcp_json doc;

        CHECK_ROW(fault_rows[i].label,
                  parse(fault_rows[i].in, &doc) == fault_rows[i].want);
    }
    CHECK_STR(lcp_json_fault_name(LCP_JSON_FAULT_DUPLICATE), "duplicate");
    CHECK_STR(lcp_json_fault_name(LCP_JSON_FAULT_TRAILING), "trailing");
    CHECK_STR(lcp_json_fault_name(LCP_JSON_FAULT_COUNT), "?");
}

/* Any prefix of a good text is refused, and read in a heap block of its own size, so
 * that a sanitizer sees one byte too far. */
static void
every_prefix_is_refused(void)
{
    static const char whole[] = "{\"a\\u00e9\\ud83e\\udd9e\":[1,-2.5e-7,true,null,"
                                "\"\xe9\xbe\x99\xf0\x9f\xa6\x9e\"],"
                                "\"b\":{\"c\":NaN}}";

    for (size_t len = 0; len < sizeof(whole) - 1; len++) {
        uint8_t *copy = malloc(len + 1);
        uint8_t *exact = realloc(copy, len > 0 ? len : 1);
        struct lcp_json doc;

        REQUIRE(exact != NULL);
        memcpy(exact, whole, len);
        CHECK(parse(lcp_span(exact, len), &doc) != LCP_JSON_FAULT_NONE);
        free(exact);
    }
}

static enum lcp_json_fault
parse_nested(const char *open, const char *close, int levels, unsigned depth_max)
{
    struct lcp_json doc = {.nodes = nodes, .cap = LCP_JSON_NODES_MAX};

    strcpy(text, "{\"a\":");
    for (int i = 1; i < levels; i++)
        strcat(text, open);
    strcat(text, "1");
    for (int i = 1; i < levels; i++)
        strcat(text, close);
    strcat(text, "}");
    return lcp_json_parse_deep(lcp_span_str(text), depth_max, &doc);
}

static void
depth_is_bounded(void)
{
    CHECK(parse_nested("[", "]", 64, LCP_JSON_DEPTH_MAX) == LCP_JSON_FAULT_NONE);
    CHECK(parse_nested("[", "]", 65, LCP_JSON_DEPTH_MAX) == LCP_JSON_FAULT_DEPTH);
    CHECK(parse_nested("{\"a\":", "}", 64, LCP_JSON_DEPTH_MAX) == LCP_JSON_FAULT_NONE);
    CHECK(parse_nested("{\"a\":", "}", 65, LCP_JSON_DEPTH_MAX) == LCP_JSON_FAULT_DEPTH);
    CHECK(parse_nested("[", "]", 10000, LCP_JSON_DEPTH_MAX) == LCP_JSON_FAULT_DEPTH);
    CHECK(parse_nested("[", "]", 72, LCP_JSON_DEPTH_LIMIT) == LCP_JSON_FAULT_NONE);
    CHECK(parse_nested("[", "]", 73, LCP_JSON_DEPTH_LIMIT) == LCP_JSON_FAULT_DEPTH);
}

static enum lcp_json_fault
parse_members(unsigned count, unsigned same, bool escaped)
{
    struct lcp_json doc;
    size_t len = 0;

    text[len++] = '{';
    for (unsigned i = 0; i < count; i++) {
        unsigned name = i == count - 1 && same < count ? same : i * 2741u % 4096u;

        len += (size_t)sprintf(text + len, "%s\"%s%04u\":0", i > 0 ? "," : "",
                               escaped && i % 2 ? "\\u0061" : "a", name);
    }
    text[len++] = '}';
    return parse(lcp_span(text, len), &doc);
}

static void
nodes_are_bounded_and_duplicates_found_among_many(void)
{
    CHECK(parse_members(4095, 4095, false) == LCP_JSON_FAULT_NONE);
    CHECK(parse_members(4095, 4095, true) == LCP_JSON_FAULT_NONE);
    CHECK(parse_members(4096, 4096, false) == LCP_JSON_FAULT_NODES);
    for (unsigned at = 0; at < 4094; at += 89) {
        CHECK(parse_members(4095, at * 2741u % 4096u, false) ==
              LCP_JSON_FAULT_DUPLICATE);
        CHECK(parse_members(4095, at * 2741u % 4096u, true) ==
              LCP_JSON_FAULT_DUPLICATE);
    }
}

/* All pairs of equal names at all places of objects of up to 40 members. */
static void
no_duplicate_escapes_the_sort(void)
{
    unsigned missed = 0, false_alarms = 0;

    for (unsigned count = 2; count <= 40; count++)
        for (unsigned twin = 1; twin < count; twin++) {
            struct lcp_json doc;
            size_t len = 0;

            text[len++] = '{';
            for (unsigned i = 0; i < count; i++) {
                unsigned name = (i == twin ? i / 2 : i) * 17 % 41;

                len += (size_t)sprintf(text + len, "%s\"%02u\":0", i > 0 ? "," : "",
                                       name);
            }
            text[len++] = '}';
            missed += parse(lcp_span(text, len), &doc) != LCP_JSON_FAULT_DUPLICATE;
            text[3 + 7 * twin] = 'x'; /* the second digit of the twin */
            false_alarms += parse(lcp_span(text, len), &doc) != LCP_JSON_FAULT_NONE;
        }
    CHECK(missed == 0);
    CHECK(false_alarms == 0);
}

static void
integers_have_at_most_1000_digits(void)
{
    for (int digits = 999; digits <= 1002; digits++)
        for (int minus = 0; minus < 2; minus++) {
            struct lcp_json doc;

            sprintf(text, "{\"a\":%s", minus ? "-" : "");
            memset(text + 5 + minus, '7', (size_t)digits);
            strcpy(text + 5 + minus + digits, "}");
            CHECK(parse(lcp_span_str(text), &doc) ==
                  (digits <= 1000 ? LCP_JSON_FAULT_NONE : LCP_JSON_FAULT_NUMBER));
        }
}

static void
members_are_found_by_decoded_name(void)
{
    struct lcp_json doc = parsed("{\"a\":1,\"b\\u0062\":{\"a\":[2,{\"a\":3}]},"
                                 "\"\xe9\xbe\x99\":4,\"c\\u0000d\":5}");
    uint32_t inner = lcp_json_member(&doc, 0, "bb"), list, third;

    CHECK(inner != 0 && lcp_json_is(&doc, inner, LCP_JSON_OBJECT));
    CHECK(lcp_json_member(&doc, 0, "\xe9\xbe\x99") != 0);
    CHECK(lcp_json_member(&doc, 0, "b") == 0);
    CHECK(lcp_json_member(&doc, 0, "bbb") == 0);
    CHECK(lcp_json_member(&doc, 0, "c") == 0);
    CHECK(lcp_json_member(&doc, 0, "") == 0);
    list = lcp_json_member(&doc, inner, "a");
    CHECK(lcp_json_is(&doc, list, LCP_JSON_ARRAY) && doc.nodes[list].count == 2);
    CHECK(lcp_json_member(&doc, list, "a") == 0);
    third = doc.nodes[lcp_json_first(&doc, list)].next;
    CHECK(lcp_json_is(&doc, third, LCP_JSON_OBJECT) && doc.nodes[third].next == 0);
    CHECK(lcp_span_eq(lcp_json_raw(&doc, list), lcp_span_str("[2,{\"a\":3}]")));
    CHECK(lcp_span_eq(lcp_json_raw(&doc, third), lcp_span_str("{\"a\":3}")));
    CHECK(doc.nodes[0].count == 4);
    doc = parsed("{}");
    CHECK(lcp_json_first(&doc, 0) == 0);
}

static void
strings_decode(void)
{
    struct lcp_json doc = parsed(
        "{\"k\\n\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00E9\\ud83e\\udd9e\xe9\xbe\x99x\","
        "\"n\":\"a\\u0000b\",\"e\":\"\"}");
    uint32_t at = lcp_json_first(&doc, 0);
    static const char want[] = "\"\\/\b\f\n\r\t\xc3\xa9\xf0\x9f\xa6\x9e\xe9\xbe\x99x";
    char out[64];
    size_t len;

    CHECK(lcp_json_string(&doc, at, out, sizeof(out), &len) == LCP_OK);
    CHECK_STR(out, want);
    CHECK(len == strlen(want) && lcp_json_equals(&doc, at, want));
    CHECK(!lcp_json_equals(&doc, at, "\"\\/"));
    CHECK(!lcp_json_equals(&doc, at,
                           "\"\\/\b\f\n\r\t\xc3\xa9\xf0\x9f\xa6\x9e\xe9\xbe\x99xy"));
    CHECK(lcp_json_string(&doc, at, out, len + 1, NULL) == LCP_OK);
    CHECK(lcp_json_string(&doc, at, out, len, NULL) == LCP_EFULL);
    CHECK(lcp_json_string(&doc, at, out, 0, NULL) == LCP_EFULL);
    CHECK(lcp_json_key(&doc, at, out, sizeof(out), &len) == LCP_OK && len == 2);
    CHECK_STR(out, "k\n");
    at = lcp_json_member(&doc, 0, "n");
    CHECK(lcp_json_string(&doc, at, out, sizeof(out), &len) == LCP_OK && len == 3);
    CHECK(memcmp(out, "a\0b", 4) == 0);
    CHECK(!lcp_json_equals(&doc, at, "a"));
    at = lcp_json_member(&doc, 0, "e");
    CHECK(lcp_json_string(&doc, at, out, 1, &len) == LCP_OK && len == 0);
    CHECK(lcp_json_equals(&doc, at, ""));
    CHECK(lcp_json_string(&doc, 0, out, sizeof(out), &len) == LCP_EFORMAT);
}

static void
integers_fit_or_say_so(void)
{
    static const struct {
        const char *in;
        enum lcp_err err;
        int64_t want;
    } rows[] = {
        {"{\"a\":0}", LCP_OK, 0},
        {"{\"a\":-0}", LCP_OK, 0},
        {"{\"a\":-17}", LCP_OK, -17},
        {"{\"a\":9223372036854775807}", LCP_OK, INT64_MAX},
        {"{\"a\":-9223372036854775808}", LCP_OK, INT64_MIN},
        {"{\"a\":9223372036854775808}", LCP_EFULL, 0},
        {"{\"a\":-9223372036854775809}", LCP_EFULL, 0},
        {"{\"a\":99999999999999999999999999}", LCP_EFULL, 0},
        {"{\"a\":1.0}", LCP_EFORMAT, 0},
        {"{\"a\":1e2}", LCP_EFORMAT, 0},
        {"{\"a\":\"1\"}", LCP_EFORMAT, 0},
        {"{\"a\":null}", LCP_EFORMAT, 0},
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct lcp_json doc = parsed(rows[i].in);
        int64_t value = 0;

        CHECK_ROW(rows[i].in, lcp_json_int(&doc, 1, &value) == rows[i].err);
        CHECK_ROW(rows[i].in, value == rows[i].want);
    }
}

int
main(void)
{
    faults_have_their_names();
    every_prefix_is_refused();
    depth_is_bounded();
    nodes_are_bounded_and_duplicates_found_among_many();
    no_duplicate_escapes_the_sort();
    integers_have_at_most_1000_digits();
    members_are_found_by_decoded_name();
    strings_decode();
    integers_fit_or_say_so();
    return check_end("json");
}
