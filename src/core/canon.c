/* SPDX-License-Identifier: MIT
 *
 * Canonical JSON: one walk over the sorted links that the reader left in the nodes.
 */
#include "core/canon.h"
#include "base/float.h"

struct printer {
    const struct lcp_json *doc;
    uint32_t skip; /* a member of the top level, or 0 */
    char *out;
    size_t cap, len;
    bool full;
};

static void
put(struct printer *p, const void *text, size_t len)
{
    if (p->full || len > p->cap - p->len) {
        p->full = true;
        return;
    }
    if (len > 0)
        memcpy(p->out + p->len, text, len);
    p->len += len;
}

static void
put_unit(struct printer *p, uint32_t unit)
{
    static const char hex[] = "0123456789abcdef";
    char text[6] = {
        '\\',          'u', hex[unit >> 12], hex[unit >> 8 & 15], hex[unit >> 4 & 15],
        hex[unit & 15]};

    put(p, text, sizeof(text));
}

static bool
is_plain(uint8_t c)
{
    return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

static void
put_code_point(struct printer *p, uint32_t c)
{
    static const char names[] = "\b\f\n\r\t\"\\", letters[] = "bfnrt\"\\";
    const char *found = c != 0 && c < 0x80 ? strchr(names, (int)c) : NULL;
    char pair[2] = {'\\', 0};

    if (found != NULL) {
        pair[1] = letters[found - names];
        put(p, pair, 2);
    } else if (c < 0x80 && is_plain((uint8_t)c)) {
        pair[1] = (char)c;
        put(p, pair + 1, 1);
    } else if (c < 0x10000) {
        put_unit(p, c);
    } else {
        put_unit(p, 0xd800 + ((c - 0x10000) >> 10));
        put_unit(p, 0xdc00 + ((c - 0x10000) & 0x3ff));
    }
}

static void
put_string(struct printer *p, struct lcp_span body)
{
    size_t at = 0;

    put(p, "\"", 1);
    while (at < body.len) {
        size_t start = at;

        while (at < body.len && is_plain(body.data[at]))
            at++;
        put(p, body.data + start, at - start);
        if (at < body.len)
            put_code_point(p, lcp_json_next(body, &at));
    }
    put(p, "\"", 1);
}

size_t
lcp_canon_float(struct lcp_span text, char out[static LCP_FLOAT_CHARS])
{
    _Static_assert((int)LCP_FLOAT_CHARS > (int)LCP_FLOAT_TEXT_MAX, "room for each");
    uint64_t bits = 0;

    if (lcp_float_parse(text, &bits) != LCP_OK)
        bits = 0; /* the reader lets none of those through */
    return lcp_float_print(bits, out);
}

static void
put_scalar(struct printer *p, uint32_t at)
{
    struct lcp_span text = lcp_json_body(p->doc, at);
    char number[LCP_FLOAT_CHARS];

    switch ((enum lcp_json_type)p->doc->nodes[at].type) {
    case LCP_JSON_STRING:
        put_string(p, text);
        break;
    case LCP_JSON_FLOAT:
        put(p, number, lcp_canon_float(text, number));
        break;
    case LCP_JSON_INT:
        if (text.len == 2 && memcmp(text.data, "-0", 2) == 0)
            text = lcp_span("0", 1);
        put(p, text.data, text.len);
        break;
    default:
        put(p, text.data, text.len);
        break;
    }
}

static bool
is_object(const struct printer *p, uint32_t at)
{
    return lcp_json_is(p->doc, at, LCP_JSON_OBJECT);
}

/* The child of `up` that comes after `at`; the first one when at is 0. 0 at the end. */
static uint32_t
following(const struct printer *p, uint32_t up, uint32_t at)
{
    const struct lcp_json_node *nodes = p->doc->nodes;

    if (!is_object(p, up))
        return at != 0 ? nodes[at].next : lcp_json_first(p->doc, up);
    at = at != 0 ? nodes[at].sorted_next : nodes[up].sorted_first;
    return at != 0 && at == p->skip ? nodes[at].sorted_next : at;
}

static void
put_tree(struct printer *p)
{
    uint32_t open[LCP_JSON_DEPTH_LIMIT], depth = 0, at, before = 0;

    open[depth++] = 0;
    put(p, "{", 1);
    while (depth > 0) {
        uint32_t up = open[depth - 1];

        at = following(p, up, before);
        if (at == 0) {
            put(p, is_object(p, up) ? "}" : "]", 1);
            before = up;
            depth--;
            continue;
        }
        if (before != 0)
            put(p, ",", 1);
        if (is_object(p, up)) {
            put_string(p, lcp_json_name(p->doc, at));
            put(p, ":", 1);
        }
        before = at;
        if (is_object(p, at) || lcp_json_is(p->doc, at, LCP_JSON_ARRAY)) {
            put(p, is_object(p, at) ? "{" : "[", 1);
            open[depth++] = at;
            before = 0;
        } else {
            put_scalar(p, at);
        }
    }
}

enum lcp_err
lcp_canon_print(const struct lcp_json *doc, const char *skip, char *out, size_t cap,
                size_t *len)
{
    struct printer p = {.doc = doc, .out = out, .cap = cap};

    if (skip != NULL)
        p.skip = lcp_json_member(doc, 0, skip);
    put_tree(&p);
    if (p.full)
        return LCP_EFULL;
    *len = p.len;
    return LCP_OK;
}
