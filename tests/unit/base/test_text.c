/* SPDX-License-Identifier: MIT
 *
 * base/text.h: forms by table; times and endpoints are in test_text_forms.c.
 */
#include "base/text.h"

#include "base/err.h"
#include "check.h"

static struct lcp_span
span(const char *text)
{
    return lcp_span_str(text);
}

static void
every_error_has_its_own_name(void)
{
    for (int i = 0; i < LCP_ERR_COUNT; i++) {
        CHECK(strncmp(lcp_err_name((enum lcp_err)i), "LCP_", 4) == 0);
        for (int j = 0; j < i; j++)
            CHECK(strcmp(lcp_err_name((enum lcp_err)i),
                         lcp_err_name((enum lcp_err)j)) != 0);
    }
    CHECK_STR(lcp_err_name(LCP_ERR_COUNT), "LCP_E?");
    CHECK_STR(lcp_err_name((enum lcp_err) - 1), "LCP_E?");
}

static void
hex_goes_there_and_back(void)
{
    static const uint8_t bytes[] = {0x00, 0x7f, 0x80, 0xff, 0xa5};
    uint8_t back[5];
    char text[11];

    lcp_hex_print(bytes, sizeof(bytes), text);
    CHECK_STR(text, "007f80ffa5");
    CHECK(lcp_hex_parse(span("007F80ffA5"), back, 5) == LCP_OK);
    CHECK(memcmp(back, bytes, 5) == 0);
    CHECK(lcp_hex_parse(span("007f80ff"), back, 5) == LCP_EFORMAT);
    CHECK(lcp_hex_parse(span("007f80ffa5b"), back, 5) == LCP_EFORMAT);
    CHECK(lcp_hex_parse(span("007f80ffag"), back, 5) == LCP_EFORMAT);
    CHECK(lcp_hex_parse(span("007f80ff 5"), back, 5) == LCP_EFORMAT);
    CHECK(lcp_hex_parse(span(""), back, 0) == LCP_OK);
}

static void
base64_is_canonical_only(void)
{
    static const struct {
        const char *label, *text;
        size_t len;
        enum lcp_err want;
    } rows[] = {
        {"one byte", "/w==", 1, LCP_OK},
        {"two bytes", "//8=", 2, LCP_OK},
        {"three bytes", "////", 3, LCP_OK},
        {"nothing", "", 0, LCP_OK},
        {"unused bits, one byte", "/x==", 1, LCP_EFORMAT},
        {"unused bits, two bytes", "//9=", 2, LCP_EFORMAT},
        {"no padding", "/w", 1, LCP_EFORMAT},
        {"too little padding", "/wA=", 1, LCP_EFORMAT},
        {"too much padding", "/===", 1, LCP_EFORMAT},
        {"padding in front", "=/w=", 1, LCP_EFORMAT},
        {"padding where none belongs", "//8=", 3, LCP_EFORMAT},
        {"URL alphabet", "__8=", 2, LCP_EFORMAT},
        {"newline", "//8=\n", 2, LCP_EFORMAT},
        {"space", "// =", 2, LCP_EFORMAT},
        {"too long", "////////", 3, LCP_EFORMAT},
    };
    uint8_t out[8];

    for (size_t i = 0; i < COUNT_OF(rows); i++)
        CHECK_ROW(rows[i].label, lcp_base64_parse(span(rows[i].text), out,
                                                  rows[i].len) == rows[i].want);
}

static void
base64_goes_there_and_back(void)
{
    uint8_t bytes[67], back[67];
    char text[93];

    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)(i * 37 + 11);
    for (size_t len = 0; len <= sizeof(bytes); len++) {
        lcp_base64_print(bytes, len, text);
        CHECK(strlen(text) == (len + 2) / 3 * 4);
        CHECK(lcp_base64_parse(span(text), back, len) == LCP_OK);
        CHECK(memcmp(bytes, back, len) == 0);
    }
    lcp_base64_print((const uint8_t *)"foobar", 6, text);
    CHECK_STR(text, "Zm9vYmFy");
}

static void
utf8_knows_well_formed(void)
{
    static const struct {
        const char *label;
        struct lcp_span text;
        bool want;
    } rows[] = {
        {"empty", BYTES(""), true},
        {"ASCII and NUL", BYTES("a\0b"), true},
        {"two bytes", BYTES("\xc2\x80\xdf\xbf"), true},
        {"three bytes", BYTES("\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf"),
         true},
        {"four bytes", BYTES("\xf0\x90\x80\x80\xf4\x8f\xbf\xbf"), true},
        {"overlong NUL", BYTES("\xc0\x80"), false},
        {"overlong two", BYTES("\xc1\xbf"), false},
        {"overlong three", BYTES("\xe0\x9f\xbf"), false},
        {"overlong four", BYTES("\xf0\x8f\xbf\xbf"), false},
        {"surrogate, first", BYTES("\xed\xa0\x80"), false},
        {"surrogate, last", BYTES("\xed\xbf\xbf"), false},
        {"past the end", BYTES("\xf4\x90\x80\x80"), false},
        {"f5", BYTES("\xf5\x80\x80\x80"), false},
        {"ff", BYTES("\xff"), false},
        {"continuation alone", BYTES("\x80"), false},
        {"cut at two", BYTES("\xc2"), false},
        {"cut at three", BYTES("\xe2\x82"), false},
        {"cut at four", BYTES("\xf0\x9f\xa6"), false},
        {"ASCII in a sequence", BYTES("\xe2\x82x"), false},
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++)
        CHECK_ROW(rows[i].label, lcp_utf8_valid(rows[i].text) == rows[i].want);
}

static void
utf8_every_code_point_goes_there_and_back(void)
{
    unsigned wrong = 0;

    for (uint32_t c = 0; c < 0x110000; c++) {
        char text[4];
        size_t at = 0, len = lcp_utf8_put(c, text);
        bool is_surrogate = c >= 0xd800 && c < 0xe000;
        uint32_t back = lcp_utf8_next(lcp_span(text, len), &at);

        wrong += is_surrogate ? back != 0xfffd || at != 1 : back != c || at != len;
    }
    CHECK(wrong == 0);
}

static void
utf8_cut_leaves_whole_code_points(void)
{
    static const struct {
        const char *label, *text;
        size_t max, want;
    } rows[] = {
        {"fits", "abc", 3, 3},
        {"plain", "abcd", 3, 3},
        {"in two", "a\xc3\xa9x", 2, 1},
        {"after two", "a\xc3\xa9x", 3, 3},
        {"in three", "\xe9\xbe\x99\xe9", 2, 0},
        {"in four", "x\xf0\x9f\xa6\x9e", 4, 1},
        {"nothing", "abc", 0, 0},
        {"garbage", "\x80\x80\x80\x80\x80\x80", 5, 5},
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++)
        CHECK_ROW(rows[i].label,
                  lcp_utf8_cut(span(rows[i].text), rows[i].max) == rows[i].want);
}

static void
uuids_are_v4(void)
{
    uint8_t random[16];
    char text[LCP_UUID_CHARS + 1];

    memset(random, 0xff, sizeof(random));
    lcp_uuid_print(random, text);
    CHECK_STR(text, "ffffffff-ffff-4fff-bfff-ffffffffffff");
    CHECK(lcp_uuid_is_v4_lower(span(text)));
    memset(random, 0, sizeof(random));
    lcp_uuid_print(random, text);
    CHECK_STR(text, "00000000-0000-4000-8000-000000000000");
    CHECK(lcp_uuid_is_v4_lower(span(text)));
    CHECK(lcp_uuid_is(span("0190163D-8694-739B-AEA5-966C26F8AD91")));
    CHECK(!lcp_uuid_is_v4_lower(span("0190163d-8694-739b-aea5-966c26f8ad91")));
    CHECK(!lcp_uuid_is_v4_lower(span("0190163d-8694-439b-cea5-966c26f8ad91")));
    CHECK(!lcp_uuid_is_v4_lower(span("0190163D-8694-439b-aea5-966c26f8ad91")));
    CHECK(!lcp_uuid_is(span("0190163d-8694-439b-aea5-966c26f8ad9")));
    CHECK(!lcp_uuid_is(span("0190163d-8694-439b-aea5-966c26f8ad911")));
    CHECK(!lcp_uuid_is(span("0190163d08694-439b-aea5-966c26f8ad91")));
    CHECK(!lcp_uuid_is(span("0190163d-8694-439b-aea5-966c26f8ad9g")));
}

static void
names_have_no_space_control_or_slash(void)
{
    static const struct {
        const char *label;
        struct lcp_span text;
        bool want;
    } rows[] = {
        {"plain", BYTES("AgentA"), true},
        {"Chinese", BYTES("\xe9\xbe\x99\xe8\x99\xbe"), true},
        {"emoji", BYTES("\xf0\x9f\xa6\x9e"), true},
        {"64 bytes",
         BYTES("0123456789012345678901234567890123456789012345678901234567890123"),
         true},
        {"65 bytes",
         BYTES("01234567890123456789012345678901234567890123456789012345678901234"),
         false},
        {"empty", BYTES(""), false},
        {"slash", BYTES("a/b"), false},
        {"space", BYTES("a b"), false},
        {"tab", BYTES("a\tb"), false},
        {"NUL", BYTES("a\0"), false},
        {"DEL", BYTES("a\x7f"), false},
        {"C1", BYTES("a\xc2\x9b"), false},
        {"no-break space", BYTES("a\xc2\xa0"), false},
        {"em space", BYTES("a\xe2\x80\x83"), false},
        {"line separator", BYTES("a\xe2\x80\xa8"), false},
        {"ideographic space", BYTES("a\xe3\x80\x80"), false},
        {"not UTF-8", BYTES("a\xff"), false},
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++)
        CHECK_ROW(rows[i].label, lcp_name_is_valid(rows[i].text) == rows[i].want);
}

static void
ids_are_safe_everywhere(void)
{
    char longest[LCP_ID_MAX + 2];

    memset(longest, 'a', sizeof(longest));
    CHECK(lcp_id_is_valid(lcp_span(longest, LCP_ID_MAX)));
    CHECK(!lcp_id_is_valid(lcp_span(longest, LCP_ID_MAX + 1)));
    CHECK(!lcp_id_is_valid(span("")));
    CHECK(lcp_id_is_valid(span("AZaz09._:-")));
    for (int c = 0; c < 256; c++) {
        char id[1] = {(char)c};
        bool want = c != 0 &&
                    strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                           "0123456789._:-",
                           c) != NULL;

        CHECK(lcp_id_is_valid(lcp_span(id, 1)) == want);
    }
}

static void
escape_disarms_terminals(void)
{
    static const struct {
        const char *label;
        struct lcp_span text;
        const char *want, *want_kept; /* NULL: the same */
    } rows[] = {
        {"plain", BYTES("hello \\ world"), "hello \\ world", NULL},
        {"Chinese, emoji", BYTES("\xe9\xbe\x99\xf0\x9f\xa6\x9e"),
         "\xe9\xbe\x99\xf0\x9f\xa6\x9e", NULL},
        {"colour", BYTES("\x1b[31mred"), "\\x1b[31mred", NULL},
        {"title", BYTES("\x1b]0;x\x07"), "\\x1b]0;x\\x07", NULL},
        {"C1 CSI",
         BYTES("\xc2\x9b"
               "31m"),
         "\\u009b31m", NULL},
        {"raw C1",
         BYTES("\x9b"
               "31m"),
         "\\x9b31m", NULL},
        {"NUL, BS, DEL", BYTES("a\0\b\x7f"), "a\\x00\\x08\\x7f", NULL},
        {"carriage return", BYTES("good\rbad"), "good\\x0dbad", NULL},
        {"newline, tab", BYTES("a\nb\tc"), "a\\x0ab\\x09c", "a\nb\tc"},
        {"override",
         BYTES("\xe2\x80\xae"
               "gpj.exe"),
         "\\u202egpj.exe", NULL},
        {"embeddings", BYTES("\xe2\x80\xaa\xe2\x80\xac"), "\\u202a\\u202c", NULL},
        {"isolates", BYTES("\xe2\x81\xa6\xe2\x81\xa9"), "\\u2066\\u2069", NULL},
        {"zero width", BYTES("a\xe2\x80\x8b\xe2\x80\x8d\xe2\x80\x8f"),
         "a\\u200b\\u200d\\u200f", NULL},
        {"separators", BYTES("\xe2\x80\xa8\xe2\x80\xa9"), "\\u2028\\u2029", NULL},
        {"BOM", BYTES("\xef\xbb\xbf"), "\\ufeff", NULL},
        {"Arabic mark", BYTES("\xd8\x9c"), "\\u061c", NULL},
        {"tag", BYTES("\xf3\xa0\x80\x81"), "\\U000e0001", NULL},
        {"malformed", BYTES("a\xff\xc3(\xe2\x82"), "a\\xff\\xc3(\\xe2\\x82", NULL},
        {"raw surrogate", BYTES("\xed\xa0\x80"), "\\xed\\xa0\\x80", NULL},
        {"replacement sign itself", BYTES("\xef\xbf\xbd"), "\xef\xbf\xbd", NULL},
        {"variation selector of an emoji", BYTES("\xef\xb8\x8f"), "\xef\xb8\x8f", NULL},
    };
    char out[64];

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        size_t len = lcp_text_escape(rows[i].text, false, out, sizeof(out));

        CHECK_ROW(rows[i].label, len == strlen(out) && strcmp(out, rows[i].want) == 0);
        len = lcp_text_escape(rows[i].text, true, out, sizeof(out));
        CHECK_ROW(
            rows[i].label,
            len == strlen(out) &&
                strcmp(out, rows[i].want_kept ? rows[i].want_kept : rows[i].want) == 0);
    }
}

/* Whatever goes in: printable ASCII or well-formed text comes out, whole
 * and terminated. */
static void
escape_never_lets_a_control_through(void)
{
    uint32_t state = 12345;
    unsigned wrong = 0;

    for (int round = 0; round < 20000; round++) {
        uint8_t in[24];
        char out[40];
        size_t cap = (size_t)(round % 40) + 1, len;

        for (size_t i = 0; i < sizeof(in); i++) {
            state = state * 1664525 + 1013904223;
            in[i] = (uint8_t)(state >> 24);
        }
        memset(out, 1, sizeof(out));
        len = lcp_text_escape(lcp_span(in, sizeof(in)), false, out, cap);
        wrong += len >= cap || out[len] != '\0' || !lcp_utf8_valid(lcp_span(out, len));
        for (size_t i = 0; i < len; i++)
            wrong += (uint8_t)out[i] < 0x20 || out[i] == 0x7f;
    }
    CHECK(wrong == 0);
}

static void
escape_cuts_between_pieces(void)
{
    char out[8];

    CHECK(lcp_text_escape(span("abc\x1b"), false, out, 8) == 7);
    CHECK_STR(out, "abc\\x1b");
    CHECK(lcp_text_escape(span("abcd\x1b"), false, out, 8) == 4);
    CHECK_STR(out, "abcd");
    CHECK(lcp_text_escape(span("\xe9\xbe\x99"), false, out, 3) == 0);
    CHECK_STR(out, "");
    CHECK(lcp_text_escape(span("x"), false, out, 0) == 0);
    CHECK(lcp_text_escape(span("x"), false, out, 1) == 0);
}

static void
durations_and_numbers(void)
{
    static const struct {
        const char *text;
        enum lcp_err err;
        uint64_t want;
    } rows[] = {
        {"90", LCP_OK, 90},
        {"90s", LCP_OK, 90},
        {"15m", LCP_OK, 900},
        {"24h", LCP_OK, 86400},
        {"7d", LCP_OK, 604800},
        {"0", LCP_OK, 0},
        {"18446744073709551615", LCP_OK, UINT64_MAX},
        {"18446744073709551616", LCP_EFULL, 0},
        {"213503982334602d", LCP_EFULL, 0},
        {"", LCP_EFORMAT, 0},
        {"m", LCP_EFORMAT, 0},
        {"-1", LCP_EFORMAT, 0},
        {"+1", LCP_EFORMAT, 0},
        {"1.5h", LCP_EFORMAT, 0},
        {"1 h", LCP_EFORMAT, 0},
        {"1hh", LCP_EFORMAT, 0},
        {"1w", LCP_EFORMAT, 0},
        {"1H", LCP_EFORMAT, 0},
    };
    uint64_t value;

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        value = 0;
        CHECK_ROW(rows[i].text,
                  lcp_duration_parse(span(rows[i].text), &value) == rows[i].err);
        CHECK_ROW(rows[i].text, value == rows[i].want);
    }
    CHECK(lcp_uint_parse(span("10"), 10, 20, &value) == LCP_OK && value == 10);
    CHECK(lcp_uint_parse(span("0020"), 10, 20, &value) == LCP_OK && value == 20);
    CHECK(lcp_uint_parse(span("9"), 10, 20, &value) == LCP_EFULL);
    CHECK(lcp_uint_parse(span("21"), 10, 20, &value) == LCP_EFULL);
    CHECK(lcp_uint_parse(span("10 "), 10, 20, &value) == LCP_EFORMAT);
    CHECK(lcp_uint_parse(span(""), 0, 20, &value) == LCP_EFORMAT);
    CHECK(lcp_uint_parse(span("99999999999999999999"), 0, 20, &value) == LCP_EFULL);
}

int
main(void)
{
    every_error_has_its_own_name();
    hex_goes_there_and_back();
    base64_is_canonical_only();
    base64_goes_there_and_back();
    utf8_knows_well_formed();
    utf8_every_code_point_goes_there_and_back();
    utf8_cut_leaves_whole_code_points();
    uuids_are_v4();
    names_have_no_space_control_or_slash();
    ids_are_safe_everywhere();
    escape_disarms_terminals();
    escape_never_lets_a_control_through();
    escape_cuts_between_pieces();
    durations_and_numbers();
    return check_end("text");
}
