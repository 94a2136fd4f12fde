/* SPDX-License-Identifier: MIT
 *
 * The strict reader: one loop over the text, no recursion, no allocation. Each object's
 * members are sorted by name when it closes, by links inside the nodes: that finds the
 * duplicates and is the order canon.c prints in.
 */
#include "base/json.h"
#include "base/float.h"
#include "base/text.h"

#include <assert.h>

struct parser {
    const uint8_t *text;
    uint32_t at, len;
    struct lcp_json *doc;
    unsigned depth, depth_max;
    bool after_comma;
    uint32_t open[LCP_JSON_DEPTH_LIMIT]; /* the containers we are in */
    uint32_t last[LCP_JSON_DEPTH_LIMIT]; /* and the last child of each */
};

static void
skip_space(struct parser *p)
{
    while (p->at < p->len && (p->text[p->at] == ' ' || p->text[p->at] == '\n' ||
                              p->text[p->at] == '\t' || p->text[p->at] == '\r'))
        p->at++;
}

static bool
take(struct parser *p, char c)
{
    if (p->at >= p->len || p->text[p->at] != (uint8_t)c)
        return false;
    p->at++;
    return true;
}

static bool
take_word(struct parser *p, const char *word)
{
    size_t len = strlen(word);

    if (p->len - p->at < len || memcmp(p->text + p->at, word, len) != 0)
        return false;
    p->at += (uint32_t)len;
    return true;
}

static int
hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The value of \uXXXX at this place, or -1. */
static int32_t
unicode_escape(const uint8_t *text, size_t left)
{
    int32_t value = 0;

    if (left < 6 || text[0] != '\\' || text[1] != 'u')
        return -1;
    for (int i = 2; i < 6; i++) {
        int digit = hex_digit(text[i]);

        if (digit < 0)
            return -1;
        value = value * 16 + digit;
    }
    return value;
}

static bool
is_high_surrogate(int32_t unit)
{
    return unit >= 0xd800 && unit <= 0xdbff;
}

static bool
is_low_surrogate(int32_t unit)
{
    return unit >= 0xdc00 && unit <= 0xdfff;
}

static enum lcp_json_fault
scan_escape(struct parser *p)
{
    const uint8_t *here = p->text + p->at;
    uint32_t left = p->len - p->at;
    int32_t unit;

    if (left < 2)
        return LCP_JSON_FAULT_SYNTAX;
    if (here[1] != 'u') {
        p->at += 2;
        return here[1] != 0 && strchr("\"\\/bfnrt", here[1]) != NULL
                   ? LCP_JSON_FAULT_NONE
                   : LCP_JSON_FAULT_SYNTAX;
    }
    unit = unicode_escape(here, left);
    if (unit < 0)
        return LCP_JSON_FAULT_SYNTAX;
    p->at += 6;
    if (is_high_surrogate(unit)) {
        if (!is_low_surrogate(unicode_escape(here + 6, left - 6)))
            return LCP_JSON_FAULT_SURROGATE;
        p->at += 6;
    }
    return is_low_surrogate(unit) ? LCP_JSON_FAULT_SURROGATE : LCP_JSON_FAULT_NONE;
}

static enum lcp_json_fault
scan_wide(struct parser *p)
{
    const uint8_t *here = p->text + p->at;
    size_t at = p->at;

    (void)lcp_utf8_next(lcp_span(p->text, p->len), &at);
    if (at > p->at + 1) {
        p->at = (uint32_t)at;
        return LCP_JSON_FAULT_NONE;
    }
    return p->len - p->at >= 3 && here[0] == 0xed && here[1] >= 0xa0 &&
                   here[1] <= 0xbf && here[2] >= 0x80 && here[2] <= 0xbf
               ? LCP_JSON_FAULT_SURROGATE
               : LCP_JSON_FAULT_UTF8;
}

/* After the opening quote; leaves *start and *len at what is between the quotes. */
static enum lcp_json_fault
scan_string(struct parser *p, uint32_t *start, uint32_t *len, bool *has_escapes)
{
    enum lcp_json_fault fault = LCP_JSON_FAULT_NONE;

    *start = p->at;
    *has_escapes = false;
    while (p->at < p->len && fault == LCP_JSON_FAULT_NONE) {
        uint8_t c = p->text[p->at];

        if (c == '"') {
            *len = p->at++ - *start;
            return LCP_JSON_FAULT_NONE;
        }
        if (c == '\\') {
            *has_escapes = true;
            fault = scan_escape(p);
        } else if (c >= 0x80) {
            fault = scan_wide(p);
        } else if (c < 0x20) {
            return LCP_JSON_FAULT_SYNTAX;
        } else {
            p->at++;
        }
    }
    return fault != LCP_JSON_FAULT_NONE ? fault : LCP_JSON_FAULT_SYNTAX;
}

static uint32_t
scan_digits(struct parser *p)
{
    uint32_t start = p->at;

    while (p->at < p->len && p->text[p->at] >= '0' && p->text[p->at] <= '9')
        p->at++;
    return p->at - start;
}

static enum lcp_json_fault
scan_number(struct parser *p, struct lcp_json_node *node)
{
    uint32_t digits;
    bool leading_zero;

    node->start = p->at;
    node->type = LCP_JSON_INT;
    (void)take(p, '-');
    leading_zero = p->at < p->len && p->text[p->at] == '0';
    digits = scan_digits(p);
    if (digits == 0 && take_word(p, "Infinity"))
        return LCP_JSON_FAULT_NUMBER;
    if (digits == 0 || (leading_zero && digits > 1))
        return LCP_JSON_FAULT_SYNTAX;
    if (take(p, '.')) {
        node->type = LCP_JSON_FLOAT;
        if (scan_digits(p) == 0)
            return LCP_JSON_FAULT_SYNTAX;
    }
    if (take(p, 'e') || take(p, 'E')) {
        node->type = LCP_JSON_FLOAT;
        if (!take(p, '-'))
            (void)take(p, '+');
        if (scan_digits(p) == 0)
            return LCP_JSON_FAULT_SYNTAX;
    }
    node->len = p->at - node->start;
    if (node->type == LCP_JSON_INT)
        return digits > LCP_JSON_INT_DIGITS_MAX ? LCP_JSON_FAULT_NUMBER
                                                : LCP_JSON_FAULT_NONE;
    return lcp_float_overflows(lcp_span(p->text + node->start, node->len))
               ? LCP_JSON_FAULT_NUMBER
               : LCP_JSON_FAULT_NONE;
}

static int
compare_names(const struct lcp_json *doc, const struct lcp_json_node *a,
              const struct lcp_json_node *b)
{
    struct lcp_span left = lcp_span(doc->text.data + a->key, a->key_len);
    struct lcp_span right = lcp_span(doc->text.data + b->key, b->key_len);
    size_t i = 0, j = 0;

    if (!a->key_has_escapes && !b->key_has_escapes) {
        /* The order of UTF-8 bytes is that of code points. */
        int order = memcmp(left.data, right.data,
                           left.len < right.len ? left.len : right.len);

        return order != 0 ? order : (left.len > right.len) - (left.len < right.len);
    }
    while (i < left.len && j < right.len) {
        uint32_t x = lcp_json_next(left, &i), y = lcp_json_next(right, &j);

        if (x != y)
            return x < y ? -1 : 1;
    }
    return (i < left.len) - (j < right.len);
}

/* Merges two sorted lists of members; sets *duplicate when two names are equal. Each
 * comparison costs at most the length of the name it puts out, so a merge is linear. */
static uint32_t
merge(struct lcp_json *doc, uint32_t a, uint32_t b, bool *duplicate)
{
    uint32_t head = 0, *tail = &head;

    while (a != 0 && b != 0) {
        int order = compare_names(doc, &doc->nodes[a], &doc->nodes[b]);
        uint32_t *least = order <= 0 ? &a : &b;

        *duplicate = *duplicate || order == 0;
        *tail = *least;
        tail = &doc->nodes[*least].sorted_next;
        *least = *tail;
    }
    *tail = a != 0 ? a : b;
    return head;
}

/* Sorts the members of an object that just closed: merge sort, bottom up. Neighbours in
 * the result were compared with each other at some point, so no duplicate escapes. */
static enum lcp_json_fault
sort_members(struct lcp_json *doc, uint32_t object)
{
    enum { BINS = 32 };
    uint32_t bins[BINS] = {0}; /* bins[i]: a sorted list of 2^i members, or none */
    uint32_t used = 0, sorted = 0;
    bool duplicate = false;

    for (uint32_t at = lcp_json_first(doc, object); at != 0; at = doc->nodes[at].next) {
        uint32_t list = at, i = 0;

        doc->nodes[at].sorted_next = 0;
        for (; i < used && bins[i] != 0; i++) {
            list = merge(doc, bins[i], list, &duplicate);
            bins[i] = 0;
        }
        bins[i] = list;
        used = i >= used ? i + 1 : used;
    }
    for (uint32_t i = 0; i < used; i++)
        sorted = merge(doc, bins[i], sorted, &duplicate);
    doc->nodes[object].sorted_first = sorted;
    return duplicate ? LCP_JSON_FAULT_DUPLICATE : LCP_JSON_FAULT_NONE;
}

static enum lcp_json_fault
add_node(struct parser *p, uint32_t *at)
{
    struct lcp_json *doc = p->doc;

    if (doc->count >= doc->cap)
        return LCP_JSON_FAULT_NODES;
    *at = doc->count++;
    doc->nodes[*at] = (struct lcp_json_node){0};
    if (p->depth > 0) {
        uint32_t *last = &p->last[p->depth - 1];

        doc->nodes[p->open[p->depth - 1]].count++;
        if (*last != 0)
            doc->nodes[*last].next = *at;
        *last = *at;
    }
    return LCP_JSON_FAULT_NONE;
}

static enum lcp_json_fault
open_container(struct parser *p, uint32_t at, enum lcp_json_type type)
{
    if (p->depth >= p->depth_max)
        return LCP_JSON_FAULT_DEPTH;
    p->doc->nodes[at].type = (uint8_t)type;
    p->doc->nodes[at].start = p->at++;
    p->open[p->depth] = at;
    p->last[p->depth] = 0;
    p->depth++;
    return LCP_JSON_FAULT_NONE;
}

static enum lcp_json_fault
scan_word(struct parser *p, struct lcp_json_node *node)
{
    static const struct {
        const char *word;
        enum lcp_json_type type;
    } words[] = {
        {"null", LCP_JSON_NULL}, {"false", LCP_JSON_FALSE}, {"true", LCP_JSON_TRUE}};

    node->start = p->at;
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (take_word(p, words[i].word)) {
            node->type = (uint8_t)words[i].type;
            node->len = p->at - node->start;
            return LCP_JSON_FAULT_NONE;
        }
    return take_word(p, "NaN") || take_word(p, "Infinity") ? LCP_JSON_FAULT_NUMBER
                                                           : LCP_JSON_FAULT_SYNTAX;
}

static enum lcp_json_fault
scan_value(struct parser *p, uint32_t at)
{
    struct lcp_json_node *node = &p->doc->nodes[at];
    uint8_t c = p->at < p->len ? p->text[p->at] : 0;

    switch (c) {
    case '{':
        return open_container(p, at, LCP_JSON_OBJECT);
    case '[':
        return open_container(p, at, LCP_JSON_ARRAY);
    case '"':
        p->at++;
        node->type = LCP_JSON_STRING;
        return scan_string(p, &node->start, &node->len, &node->has_escapes);
    default:
        return c == '-' || (c >= '0' && c <= '9') ? scan_number(p, node)
                                                  : scan_word(p, node);
    }
}

static enum lcp_json_fault
scan_member(struct parser *p, bool in_object)
{
    enum lcp_json_fault fault;
    uint32_t at, key = 0, key_len = 0;
    bool key_has_escapes = false;

    if (in_object) {
        if (!take(p, '"'))
            return LCP_JSON_FAULT_SYNTAX;
        fault = scan_string(p, &key, &key_len, &key_has_escapes);
        if (fault != LCP_JSON_FAULT_NONE)
            return fault;
        skip_space(p);
        if (!take(p, ':'))
            return LCP_JSON_FAULT_SYNTAX;
        skip_space(p);
    }
    fault = add_node(p, &at);
    if (fault != LCP_JSON_FAULT_NONE)
        return fault;
    p->doc->nodes[at].key = key;
    p->doc->nodes[at].key_len = key_len;
    p->doc->nodes[at].key_has_escapes = key_has_escapes;
    p->after_comma = false;
    return scan_value(p, at);
}

/* One step inside the innermost container: its end, a comma, or a child. */
static enum lcp_json_fault
step(struct parser *p)
{
    uint32_t at = p->open[p->depth - 1];
    struct lcp_json_node *node = &p->doc->nodes[at];
    bool in_object = node->type == LCP_JSON_OBJECT;

    skip_space(p);
    if (!p->after_comma && take(p, in_object ? '}' : ']')) {
        node->len = p->at - node->start;
        p->depth--;
        return in_object ? sort_members(p->doc, at) : LCP_JSON_FAULT_NONE;
    }
    if (node->count > 0 && !p->after_comma) {
        p->after_comma = take(p, ',');
        return p->after_comma ? LCP_JSON_FAULT_NONE : LCP_JSON_FAULT_SYNTAX;
    }
    return scan_member(p, in_object);
}

static enum lcp_json_fault
top_fault(const struct parser *p)
{
    static const char starts[] = "[\"-0123456789tfnNI";

    return p->at < p->len && p->text[p->at] != 0 &&
                   strchr(starts, p->text[p->at]) != NULL
               ? LCP_JSON_FAULT_TOP
               : LCP_JSON_FAULT_SYNTAX;
}

enum lcp_json_fault
lcp_json_parse_deep(struct lcp_span text, unsigned depth_max, struct lcp_json *doc)
{
    struct parser p = {.text = text.data, .doc = doc, .depth_max = depth_max};
    enum lcp_json_fault fault;
    uint32_t top;

    assert(depth_max <= LCP_JSON_DEPTH_LIMIT);
    doc->text = text;
    doc->count = 0;
    if (text.len > UINT32_MAX)
        return LCP_JSON_FAULT_NODES;
    p.len = (uint32_t)text.len;
    if (take_word(&p, "\xef\xbb\xbf"))
        return LCP_JSON_FAULT_BOM;
    skip_space(&p);
    if (p.at >= p.len || p.text[p.at] != '{')
        return top_fault(&p);
    fault = add_node(&p, &top);
    if (fault == LCP_JSON_FAULT_NONE)
        fault = scan_value(&p, top);
    while (fault == LCP_JSON_FAULT_NONE && p.depth > 0)
        fault = step(&p);
    skip_space(&p);
    if (fault == LCP_JSON_FAULT_NONE && p.at < p.len)
        fault = LCP_JSON_FAULT_TRAILING;
    return fault;
}

enum lcp_json_fault
lcp_json_parse(struct lcp_span text, struct lcp_json *doc)
{
    return lcp_json_parse_deep(text, LCP_JSON_DEPTH_MAX, doc);
}
