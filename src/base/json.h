/* SPDX-License-Identifier: MIT
 *
 * Strict JSON without allocation: a reader that fills a caller's array of nodes, and a
 * writer into a caller's buffer. The reader rejects what RFC 8259 rejects and, on top,
 * what docs/protocol.md "Rejected JSON" lists. Knows text.h only.
 */
#ifndef LCP_BASE_JSON_H
#define LCP_BASE_JSON_H

#include "lcp/types.h"

enum {
    LCP_JSON_DEPTH_MAX = 64,
    LCP_JSON_DEPTH_LIMIT = LCP_JSON_DEPTH_MAX +
                           8,  /* what the code can do: see parse_deep */
    LCP_JSON_NODES_MAX = 4096, /* of a message; keys are not nodes of their own */
    LCP_JSON_INT_DIGITS_MAX = 1000,
    LCP_WRITER_DEPTHS = LCP_JSON_DEPTH_LIMIT +
                        8, /* the deepest document inside some of ours */
};

enum lcp_json_type {
    LCP_JSON_NULL,
    LCP_JSON_FALSE,
    LCP_JSON_TRUE,
    LCP_JSON_INT, /* no '.', 'e' or 'E' in its text */
    LCP_JSON_FLOAT,
    LCP_JSON_STRING,
    LCP_JSON_ARRAY,
    LCP_JSON_OBJECT,
};

/* One value. Offsets and lengths are bytes of the document's text. A container's first
 * child is the node after it; `next` leads to its sibling, 0 when there is none. */
struct lcp_json_node {
    uint8_t type;     /* enum lcp_json_type */
    bool has_escapes; /* strings: the text between the quotes holds a backslash */
    bool key_has_escapes;
    uint32_t start, len;   /* raw text; for strings what is between the quotes */
    uint32_t key, key_len; /* member of an object: its raw name between the quotes */
    uint32_t count;        /* children of a container */
    uint32_t next;
    uint32_t sorted_first; /* object: its first member in order of the decoded names */
    uint32_t sorted_next;  /* member: the one after it in that order, 0 at the end */
};

struct lcp_json {
    struct lcp_span text;
    struct lcp_json_node *nodes; /* the caller's; nodes[0] is the top level */
    uint32_t count, cap;
};

/* Why a text was rejected; for counters and tests. */
enum lcp_json_fault {
    LCP_JSON_FAULT_NONE,
    LCP_JSON_FAULT_SYNTAX,
    LCP_JSON_FAULT_UTF8,
    LCP_JSON_FAULT_SURROGATE, /* lone, raw or escaped */
    LCP_JSON_FAULT_DUPLICATE, /* member name twice in one object, compared decoded */
    LCP_JSON_FAULT_NUMBER, /* overflows a double, or over 1,000 digits, NaN, Infinity */
    LCP_JSON_FAULT_DEPTH,
    LCP_JSON_FAULT_NODES,
    LCP_JSON_FAULT_TOP, /* top level is no object */
    LCP_JSON_FAULT_BOM,
    LCP_JSON_FAULT_TRAILING,
    LCP_JSON_FAULT_COUNT
};

/* Parses one object that fills the whole text. doc->nodes and doc->cap are set by the
 * caller; the text is borrowed for the life of doc. Time is bounded by O(n log n)
 * whatever the bytes (duplicate names in objects of 4,096 members included). */
LCP_MUST_USE enum lcp_json_fault lcp_json_parse(struct lcp_span text,
                                                struct lcp_json *doc);

/* The same, down to depth_max levels (at most LCP_JSON_DEPTH_LIMIT): for replies of a
 * daemon, which carry whole messages inside. */
LCP_MUST_USE enum lcp_json_fault
lcp_json_parse_deep(struct lcp_span text, unsigned depth_max, struct lcp_json *doc);

/* "duplicate" and so on: the counters' names. Static storage. */
const char *lcp_json_fault_name(enum lcp_json_fault fault);

/* The member `name` of the object at index `object`, or 0. Names compare decoded. */
uint32_t lcp_json_member(const struct lcp_json *doc, uint32_t object, const char *name);

/* First child, or 0. */
static inline uint32_t
lcp_json_first(const struct lcp_json *doc, uint32_t at)
{
    return doc->nodes[at].count != 0 ? at + 1 : 0;
}

bool lcp_json_is(const struct lcp_json *doc, uint32_t at, enum lcp_json_type type);

/* The raw text of a value, quotes and all for strings: can be put out again as it is.
 */
struct lcp_span lcp_json_raw(const struct lcp_json *doc, uint32_t at);

/* Decodes a string (or with _key a member's name) to UTF-8 and NUL-terminates it. `len`
 * (may be NULL) excludes the NUL. LCP_EFULL when cap is too small; nothing is said
 * about out then. A string may hold NUL bytes; *len tells. */
LCP_MUST_USE enum lcp_err lcp_json_string(const struct lcp_json *doc, uint32_t at,
                                          char *out, size_t cap, size_t *len);
LCP_MUST_USE enum lcp_err lcp_json_key(const struct lcp_json *doc, uint32_t at,
                                       char *out, size_t cap, size_t *len);

/* What stands between the quotes of a string, or of a member's name, still escaped. */
struct lcp_span lcp_json_body(const struct lcp_json *doc, uint32_t at);
struct lcp_span lcp_json_name(const struct lcp_json *doc, uint32_t at);
/* Decodes one code point of such text at *at and advances. */
uint32_t lcp_json_next(struct lcp_span body, size_t *at);

/* True if the value is a string that decodes to exactly this text. */
bool lcp_json_equals(const struct lcp_json *doc, uint32_t at, const char *text);

/* An integer in range; LCP_EFORMAT if it is no INT, LCP_EFULL if it does not fit. */
LCP_MUST_USE enum lcp_err lcp_json_int(const struct lcp_json *doc, uint32_t at,
                                       int64_t *out);

/* A growing-nowhere writer: when the buffer is full it only counts, and `overflow` says
 * so. Commas are put by themselves. With indent > 0 it prints like Python's
 * json.dumps(indent=2, ensure_ascii=False): items on lines of their own, "key": value.
 */
struct lcp_writer {
    char *buf;
    size_t cap, len; /* len counts on past cap */
    bool overflow;
    uint8_t indent; /* spaces a level, 0 = compact: no white space at all */
    uint8_t depth;
    bool first[LCP_WRITER_DEPTHS]; /* nothing yet in the container at this depth */
    bool after_key;
};

void lcp_writer_init(struct lcp_writer *w, char *buf, size_t cap, unsigned indent);
void lcp_write_object(struct lcp_writer *w);
void lcp_write_object_end(struct lcp_writer *w);
void lcp_write_array(struct lcp_writer *w);
void lcp_write_array_end(struct lcp_writer *w);
void lcp_write_key(struct lcp_writer *w, const char *name);
void lcp_write_key_span(struct lcp_writer *w, struct lcp_span name);
/* Strings are UTF-8 and stay unescaped beyond ASCII; controls and 0x7f are escaped.
 * Bytes that are not UTF-8 become U+FFFD. */
void lcp_write_string(struct lcp_writer *w, const char *text);
void lcp_write_string_span(struct lcp_writer *w, struct lcp_span text);
void lcp_write_int(struct lcp_writer *w, int64_t value);
void lcp_write_bool(struct lcp_writer *w, bool value);
void lcp_write_null(struct lcp_writer *w);
/* A whole JSON value that is already text; put out byte for byte. */
void lcp_write_raw(struct lcp_writer *w, struct lcp_span json);
/* A parsed value, printed anew in the writer's manner (indentation, unescaped UTF-8).
 */
void lcp_write_value(struct lcp_writer *w, const struct lcp_json *doc, uint32_t at);
/* key + value in one call, for the common cases */
void lcp_write_member_string(struct lcp_writer *w, const char *key, const char *text);
void lcp_write_member_int(struct lcp_writer *w, const char *key, int64_t value);
void lcp_write_member_bool(struct lcp_writer *w, const char *key, bool value);

/* The written text; LCP_EFULL if it did not fit. */
LCP_MUST_USE enum lcp_err lcp_writer_end(const struct lcp_writer *w,
                                         struct lcp_span *out);

#endif
