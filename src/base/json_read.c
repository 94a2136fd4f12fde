/* SPDX-License-Identifier: MIT
 *
 * Questions to a parsed document. Its text was checked by json.c, so nothing here can
 * meet malformed escapes or UTF-8.
 */
#include "base/json.h"
#include "base/text.h"

static uint32_t
hex4(const uint8_t *text)
{
    uint32_t value = 0;

    for (int i = 0; i < 4; i++) {
        uint8_t c = text[i];

        value = value * 16 + (uint32_t)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
    }
    return value;
}

uint32_t
lcp_json_next(struct lcp_span body, size_t *at)
{
    const uint8_t *here = body.data + *at;
    uint32_t unit;

    if (here[0] != '\\') {
        if (here[0] >= 0x80)
            return lcp_utf8_next(body, at);
        (*at)++;
        return here[0];
    }
    if (here[1] != 'u') {
        static const char names[] = "bfnrt", values[] = "\b\f\n\r\t";
        const char *found = strchr(names, here[1]);

        *at += 2;
        return found != NULL ? (uint8_t)values[found - names] : here[1];
    }
    unit = hex4(here + 2);
    *at += 6;
    if (unit < 0xd800 || unit > 0xdbff)
        return unit;
    *at += 6;
    return 0x10000 + ((unit - 0xd800) << 10) + (hex4(here + 8) - 0xdc00);
}

struct lcp_span
lcp_json_body(const struct lcp_json *doc, uint32_t at)
{
    return lcp_span(doc->text.data + doc->nodes[at].start, doc->nodes[at].len);
}

struct lcp_span
lcp_json_name(const struct lcp_json *doc, uint32_t at)
{
    return lcp_span(doc->text.data + doc->nodes[at].key, doc->nodes[at].key_len);
}

static bool
body_equals(struct lcp_span body, bool has_escapes, const char *text)
{
    size_t at = 0, len = strlen(text);

    if (!has_escapes)
        return body.len == len && memcmp(body.data, text, len) == 0;
    for (size_t done = 0; done < len;) {
        char utf8[4];
        size_t bytes;

        if (at >= body.len)
            return false;
        bytes = lcp_utf8_put(lcp_json_next(body, &at), utf8);
        if (bytes > len - done || memcmp(text + done, utf8, bytes) != 0)
            return false;
        done += bytes;
    }
    return at == body.len;
}

uint32_t
lcp_json_member(const struct lcp_json *doc, uint32_t object, const char *name)
{
    if (doc->nodes[object].type != LCP_JSON_OBJECT)
        return 0;
    for (uint32_t at = lcp_json_first(doc, object); at != 0; at = doc->nodes[at].next)
        if (body_equals(lcp_json_name(doc, at), doc->nodes[at].key_has_escapes, name))
            return at;
    return 0;
}

bool
lcp_json_is(const struct lcp_json *doc, uint32_t at, enum lcp_json_type type)
{
    return doc->nodes[at].type == (uint8_t)type;
}

struct lcp_span
lcp_json_raw(const struct lcp_json *doc, uint32_t at)
{
    uint32_t quotes = lcp_json_is(doc, at, LCP_JSON_STRING) ? 1 : 0;

    return lcp_span(doc->text.data + doc->nodes[at].start - quotes,
                    doc->nodes[at].len + 2 * quotes);
}

static enum lcp_err
decode(struct lcp_span body, char *out, size_t cap, size_t *len)
{
    size_t at = 0, done = 0;

    while (at < body.len) {
        char utf8[4];
        size_t bytes = lcp_utf8_put(lcp_json_next(body, &at), utf8);

        if (done + bytes >= cap)
            return LCP_EFULL;
        memcpy(out + done, utf8, bytes);
        done += bytes;
    }
    if (done >= cap)
        return LCP_EFULL;
    out[done] = '\0';
    if (len != NULL)
        *len = done;
    return LCP_OK;
}

enum lcp_err
lcp_json_string(const struct lcp_json *doc, uint32_t at, char *out, size_t cap,
                size_t *len)
{
    if (!lcp_json_is(doc, at, LCP_JSON_STRING))
        return LCP_EFORMAT;
    return decode(lcp_json_body(doc, at), out, cap, len);
}

enum lcp_err
lcp_json_key(const struct lcp_json *doc, uint32_t at, char *out, size_t cap,
             size_t *len)
{
    return decode(lcp_json_name(doc, at), out, cap, len);
}

bool
lcp_json_equals(const struct lcp_json *doc, uint32_t at, const char *text)
{
    return lcp_json_is(doc, at, LCP_JSON_STRING) &&
           body_equals(lcp_json_body(doc, at), doc->nodes[at].has_escapes, text);
}

enum lcp_err
lcp_json_int(const struct lcp_json *doc, uint32_t at, int64_t *out)
{
    struct lcp_span text = lcp_json_body(doc, at);
    int64_t value = 0; /* kept negative: that side reaches one further */
    size_t i = 0;
    bool negative;

    if (!lcp_json_is(doc, at, LCP_JSON_INT))
        return LCP_EFORMAT;
    negative = text.data[0] == '-';
    for (i = negative; i < text.len; i++) {
        int digit = text.data[i] - '0';

        if (value < (INT64_MIN + digit) / 10)
            return LCP_EFULL;
        value = value * 10 - digit;
    }
    if (!negative && value == INT64_MIN)
        return LCP_EFULL;
    *out = negative ? value : -value;
    return LCP_OK;
}

const char *
lcp_json_fault_name(enum lcp_json_fault fault)
{
    static const char *const names[] = {
        [LCP_JSON_FAULT_NONE] = "none",
        [LCP_JSON_FAULT_SYNTAX] = "syntax",
        [LCP_JSON_FAULT_UTF8] = "utf8",
        [LCP_JSON_FAULT_SURROGATE] = "surrogate",
        [LCP_JSON_FAULT_DUPLICATE] = "duplicate",
        [LCP_JSON_FAULT_NUMBER] = "number",
        [LCP_JSON_FAULT_DEPTH] = "depth",
        [LCP_JSON_FAULT_NODES] = "nodes",
        [LCP_JSON_FAULT_TOP] = "top",
        [LCP_JSON_FAULT_BOM] = "bom",
        [LCP_JSON_FAULT_TRAILING] = "trailing",
    };
    _Static_assert(sizeof(names) / sizeof(names[0]) == LCP_JSON_FAULT_COUNT,
                   "one each");
    unsigned at = (unsigned)fault;

    return at < LCP_JSON_FAULT_COUNT ? names[at] : "?";
}
