/* SPDX-License-Identifier: MIT
 *
 * The writer. It never fails in the middle: past the end of the buffer it only counts,
 * so the caller asks once, at the end. Unbalanced calls are our own mistake: asserts.
 */
#include "base/json.h"
#include "base/text.h"

#include <assert.h>

static void
put(struct lcp_writer *w, const void *text, size_t len)
{
    if (w->overflow || len > w->cap - w->len)
        w->overflow = true;
    else if (len > 0)
        memcpy(w->buf + w->len, text, len);
    w->len += len;
}

static void
put_char(struct lcp_writer *w, char c)
{
    put(w, &c, 1);
}

static void
new_line(struct lcp_writer *w)
{
    if (w->indent == 0)
        return;
    put_char(w, '\n');
    for (unsigned i = 0; i < (unsigned)w->indent * w->depth; i++)
        put_char(w, ' ');
}

/* What goes before an item: nothing after a key, else a comma and a new line as needed.
 */
static void
begin_item(struct lcp_writer *w)
{
    if (w->after_key) {
        w->after_key = false;
        return;
    }
    if (w->depth == 0)
        return;
    if (!w->first[w->depth])
        put_char(w, ',');
    w->first[w->depth] = false;
    new_line(w);
}

static void
begin_container(struct lcp_writer *w, char c)
{
    begin_item(w);
    put_char(w, c);
    assert(w->depth + 1 < LCP_WRITER_DEPTHS);
    w->depth++;
    w->first[w->depth] = true;
}

static void
end_container(struct lcp_writer *w, char c)
{
    bool empty = w->first[w->depth];

    assert(w->depth > 0 && !w->after_key);
    w->depth--;
    if (!empty)
        new_line(w);
    put_char(w, c);
}

void
lcp_writer_init(struct lcp_writer *w, char *buf, size_t cap, unsigned indent)
{
    *w = (struct lcp_writer){.buf = buf, .cap = cap, .indent = (uint8_t)indent};
}

void
lcp_write_object(struct lcp_writer *w)
{
    begin_container(w, '{');
}

void
lcp_write_object_end(struct lcp_writer *w)
{
    end_container(w, '}');
}

void
lcp_write_array(struct lcp_writer *w)
{
    begin_container(w, '[');
}

void
lcp_write_array_end(struct lcp_writer *w)
{
    end_container(w, ']');
}

static void
put_escape(struct lcp_writer *w, uint32_t c)
{
    static const char names[] = "\b\f\n\r\t\"\\", letters[] = "bfnrt\"\\";
    static const char hex[] = "0123456789abcdef";
    const char *found = c != 0 && c < 0x80 ? strchr(names, (int)c) : NULL;
    char text[6] = {'\\', 'u', '0', '0', hex[c >> 4 & 15], hex[c & 15]};

    if (found != NULL) {
        text[1] = letters[found - names];
        put(w, text, 2);
        return;
    }
    put(w, text, sizeof(text));
}

/* Controls of both sets: a terminal obeys U+009B as it obeys ESC [. */
static bool
needs_escape(uint32_t c)
{
    return c < 0x20 || c == '"' || c == '\\' || (c >= 0x7f && c < 0xa0);
}

static void
put_code_point(struct lcp_writer *w, uint32_t c)
{
    char utf8[4];

    if (needs_escape(c))
        put_escape(w, c);
    else
        put(w, utf8, lcp_utf8_put(c, utf8));
}

static void
put_string(struct lcp_writer *w, struct lcp_span text)
{
    size_t at = 0;

    put_char(w, '"');
    while (at < text.len) {
        size_t start = at;

        while (at < text.len && text.data[at] < 0x7f && !needs_escape(text.data[at]))
            at++;
        if (at > start)
            put(w, text.data + start, at - start);
        if (at < text.len)
            put_code_point(w, lcp_utf8_next(text, &at));
    }
    put_char(w, '"');
}

/* The same from text that is still escaped. */
static void
put_body(struct lcp_writer *w, struct lcp_span body)
{
    size_t at = 0;

    put_char(w, '"');
    while (at < body.len)
        put_code_point(w, lcp_json_next(body, &at));
    put_char(w, '"');
}

static void
end_key(struct lcp_writer *w)
{
    put(w, ": ", w->indent > 0 ? 2 : 1);
    w->after_key = true;
}

void
lcp_write_key_span(struct lcp_writer *w, struct lcp_span name)
{
    assert(w->depth > 0 && !w->after_key);
    begin_item(w);
    put_string(w, name);
    end_key(w);
}

void
lcp_write_key(struct lcp_writer *w, const char *name)
{
    lcp_write_key_span(w, lcp_span_str(name));
}

void
lcp_write_string_span(struct lcp_writer *w, struct lcp_span text)
{
    begin_item(w);
    put_string(w, text);
}

void
lcp_write_string(struct lcp_writer *w, const char *text)
{
    lcp_write_string_span(w, lcp_span_str(text));
}

void
lcp_write_int(struct lcp_writer *w, int64_t value)
{
    enum { CHARS = 20 };
    char text[CHARS];
    size_t at = CHARS;
    uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;

    do {
        text[--at] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest != 0);
    if (value < 0)
        text[--at] = '-';
    lcp_write_raw(w, lcp_span(text + at, CHARS - at));
}

void
lcp_write_bool(struct lcp_writer *w, bool value)
{
    lcp_write_raw(w, lcp_span_str(value ? "true" : "false"));
}

void
lcp_write_null(struct lcp_writer *w)
{
    lcp_write_raw(w, lcp_span_str("null"));
}

void
lcp_write_raw(struct lcp_writer *w, struct lcp_span json)
{
    begin_item(w);
    put(w, json.data, json.len);
}

static void
write_key_of(struct lcp_writer *w, const struct lcp_json *doc, uint32_t at)
{
    begin_item(w);
    put_body(w, lcp_json_name(doc, at));
    end_key(w);
}

/* Nodes stand in the order of the text, so one pass over them is the whole walk. */
void
lcp_write_value(struct lcp_writer *w, const struct lcp_json *doc, uint32_t at)
{
    uint32_t open[LCP_JSON_DEPTH_LIMIT], depth = 0;

    for (;;) {
        bool is_object = lcp_json_is(doc, at, LCP_JSON_OBJECT);

        if (is_object || lcp_json_is(doc, at, LCP_JSON_ARRAY)) {
            begin_container(w, is_object ? '{' : '[');
            open[depth++] = at;
            at = lcp_json_first(doc, at);
        } else {
            if (lcp_json_is(doc, at, LCP_JSON_STRING)) {
                begin_item(w);
                put_body(w, lcp_json_body(doc, at));
            } else {
                lcp_write_raw(w, lcp_json_raw(doc, at));
            }
            at = depth > 0 ? doc->nodes[at].next : 0;
        }
        while (at == 0 && depth > 0) { /* nothing follows here: close and go up */
            uint32_t up = open[--depth];

            end_container(w, lcp_json_is(doc, up, LCP_JSON_OBJECT) ? '}' : ']');
            at = depth > 0 ? doc->nodes[up].next : 0;
        }
        if (at == 0)
            return;
        if (lcp_json_is(doc, open[depth - 1], LCP_JSON_OBJECT))
            write_key_of(w, doc, at);
    }
}

void
lcp_write_member_string(struct lcp_writer *w, const char *key, const char *text)
{
    lcp_write_key(w, key);
    lcp_write_string(w, text);
}

void
lcp_write_member_int(struct lcp_writer *w, const char *key, int64_t value)
{
    lcp_write_key(w, key);
    lcp_write_int(w, value);
}

void
lcp_write_member_bool(struct lcp_writer *w, const char *key, bool value)
{
    lcp_write_key(w, key);
    lcp_write_bool(w, value);
}

enum lcp_err
lcp_writer_end(const struct lcp_writer *w, struct lcp_span *out)
{
    assert(w->depth == 0 && !w->after_key);
    if (w->overflow)
        return LCP_EFULL;
    *out = lcp_span(w->buf, w->len);
    return LCP_OK;
}
