/* SPDX-License-Identifier: MIT
 *
 * The keys of lcp.conf, one table row each, and how a line of the file is cut. Inside
 * conf/ only.
 */
#ifndef LCP_CONF_KEYS_H
#define LCP_CONF_KEYS_H

#include "conf/conf.h"

enum lcp_conf_section { LCP_CONF_NOWHERE, LCP_CONF_NODE, LCP_CONF_PEER };

/* What is being filled. A port of 0 means: none was given. */
struct lcp_conf_draft {
    struct lcp_conf *conf;
    struct lcp_conf_peer *peer; /* the section's, in [Peer] */
    uint16_t port;              /* LCP_PORT of this layer */
};

struct lcp_conf_key {
    enum lcp_conf_section section;
    const char *name;
    const char *seed_name; /* of the Python node: in file and environment; NULL: none */
    const char *env;       /* NULL: none */
    bool repeats;          /* may stand several times in a section */
    const char *expected;
    bool (*set)(struct lcp_conf_draft *draft, const struct lcp_conf_key *key,
                struct lcp_span value);
    size_t field;      /* of numbers: where in struct lcp_conf */
    uint64_t min, max; /* of numbers, in the unit of the file */
};

/* The table's rows one after the other; NULL behind the last. */
const struct lcp_conf_key *lcp_conf_key_at(size_t index);
/* Case and underscores do not count. NULL: no such key in that section. */
const struct lcp_conf_key *lcp_conf_key_find(enum lcp_conf_section section,
                                             struct lcp_span name);
/* What to say about an unknown key: "did you mean Address?" or a list of all. */
void lcp_conf_key_suggest(enum lcp_conf_section section, struct lcp_span name,
                          char *out, size_t cap);

/* A line without its end, comment and surrounding blanks. A comment begins with '#' or
 * ';' at the start of a line or behind a blank. */
struct lcp_span lcp_conf_content(struct lcp_span line);
/* Cuts content "key = value" (or "key: value"); false if it is no such thing. */
bool lcp_conf_pair(struct lcp_span content, struct lcp_span *key,
                   struct lcp_span *value);
bool lcp_conf_is_section(struct lcp_span content, const char *name);
/* The next line of text from *at on, without "\n" or "\r\n"; false at the end. */
bool lcp_conf_next_line(struct lcp_span text, size_t *at, struct lcp_span *line);

/* Reads text as lcp.conf. env NULL: the file alone, which then need not be complete
 * in [Node]. */
LCP_MUST_USE enum lcp_err lcp_conf_parse(const char *home, const char *path,
                                         struct lcp_span text,
                                         const char *(*env)(const char *name),
                                         struct lcp_conf *conf, char *fault);
/* A sentence into fault (LCP_CONF_FAULT_MAX). */
LCP_PRINTF(2, 3) void lcp_conf_fault(char *fault, const char *format, ...);

#endif
