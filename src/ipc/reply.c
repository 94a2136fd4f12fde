/* SPDX-License-Identifier: MIT
 *
 * A scan over JSON text that the daemon wrote: strings and brackets, no more.
 */
#include "ipc/reply.h"

#include <stdio.h>

#include "base/json.h"
#include "base/text.h"

static bool
is_space(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static size_t
skip_space(struct lcp_span text, size_t at)
{
    while (at < text.len && is_space(text.data[at]))
        at++;
    return at;
}

/* Behind the closing quote of the string at `at`; 0 when there is none. */
static size_t
skip_string(struct lcp_span text, size_t at)
{
    for (at++; at < text.len; at++) {
        if (text.data[at] == '\\')
            at++;
        else if (text.data[at] == '"')
            return at + 1;
    }
    return 0;
}

/* Behind the value at `at`; 0 when the text ends before it. */
static size_t
skip_value(struct lcp_span text, size_t at)
{
    size_t depth = 0;

    while (at < text.len) {
        uint8_t c = text.data[at];

        if (c == '"') {
            at = skip_string(text, at);
            if (at == 0 || depth == 0)
                return at;
            continue;
        }
        if (depth == 0 && (c == ',' || c == '}' || c == ']' || is_space(c)))
            return at;
        if (c == '{' || c == '[')
            depth++;
        at++;
        if ((c == '}' || c == ']') && --depth == 0)
            return at;
    }
    return depth == 0 ? at : 0;
}

bool
lcp_reply_member(struct lcp_span object, const char *name, struct lcp_span *value)
{
    size_t at = skip_space(object, 0), name_len = strlen(name);

    if (at >= object.len || object.data[at++] != '{')
        return false;
    for (;;) {
        size_t key, key_end, start;

        at = skip_space(object, at);
        if (at < object.len && object.data[at] == ',')
            at = skip_space(object, at + 1);
        if (at >= object.len || object.data[at] != '"')
            return false;
        key = at + 1;
        key_end = skip_string(object, at);
        if (key_end == 0)
            return false;
        at = skip_space(object, key_end);
        if (at >= object.len || object.data[at] != ':')
            return false;
        start = skip_space(object, at + 1);
        at = skip_value(object, start);
        if (at <= start)
            return false;
        if (key_end - 1 - key == name_len &&
            memcmp(object.data + key, name, name_len) == 0) {
            *value = lcp_span(object.data + start, at - start);
            return true;
        }
    }
}

bool
lcp_reply_next(struct lcp_span array, size_t *at, struct lcp_span *element)
{
    size_t start = *at, end;

    if (start == 0) {
        start = skip_space(array, 0);
        if (start >= array.len || array.data[start++] != '[')
            return false;
    }
    start = skip_space(array, start);
    if (start < array.len && array.data[start] == ',')
        start = skip_space(array, start + 1);
    if (start >= array.len || array.data[start] == ']')
        return false;
    end = skip_value(array, start);
    if (end <= start)
        return false;
    *element = lcp_span(array.data + start, end - start);
    *at = end;
    return true;
}

uint64_t
lcp_reply_number(struct lcp_span object, const char *name)
{
    struct lcp_span value;
    uint64_t number;

    if (!lcp_reply_member(object, name, &value) ||
        lcp_uint_parse(value, 0, UINT64_MAX, &number) != LCP_OK)
        return 0;
    return number;
}

bool
lcp_reply_is_true(struct lcp_span object, const char *name)
{
    struct lcp_span value;

    return lcp_reply_member(object, name, &value) &&
           lcp_span_eq(value, lcp_span_str("true"));
}

void
lcp_reply_text(struct lcp_span object, const char *name, char *out, size_t cap)
{
    enum { WRAPPED_MAX = 4096 };
    char wrapped[WRAPPED_MAX];
    struct lcp_json_node nodes[2];
    struct lcp_json doc = {.nodes = nodes, .cap = 2};
    struct lcp_span value;
    int len;

    out[0] = '\0';
    if (!lcp_reply_member(object, name, &value) || value.len > WRAPPED_MAX - 8 ||
        value.data[0] != '"')
        return;
    len = snprintf(wrapped, sizeof(wrapped), "{\"t\":%.*s}", (int)value.len,
                   (const char *)value.data);
    if (lcp_json_parse(lcp_span(wrapped, (size_t)len), &doc) != LCP_JSON_FAULT_NONE ||
        lcp_json_string(&doc, 1, out, cap, NULL) != LCP_OK)
        out[0] = '\0';
}
