/* SPDX-License-Identifier: MIT
 *
 * What both stores must do alike when they take in a message: check it, cut it, name
 * its file. Private to this room.
 */
#ifndef LCP_STORE_ROW_H
#define LCP_STORE_ROW_H

#include "store/store.h"

enum {
    LCP_PREFIX_MIN = 4,    /* shorter beginnings of ids fit too much */
    LCP_THREAD_MAX = 1000, /* messages of one conversation */
    LCP_PIN_HOW_MAX = 31,  /* characters of a pin's origin */
    LCP_META_NAME_MAX = 63,
};

/* A message as it will be stored. Borrows from the row it was made from. */
struct lcp_row_draft {
    struct lcp_row row;
    char type[LCP_TYPE_MAX + 1];
};

/* LCP_EINVAL for an id, peer or direction that no row can have. Absent strings become
 * "", type is cut, a state without a time gets that of the message, what the other
 * direction or a state has no use for is cleared. number, changed and file are left to
 * the store. */
LCP_MUST_USE enum lcp_err lcp_row_draft(const struct lcp_row *in,
                                        struct lcp_row_draft *out);

/* LCP_EINVAL for what no store takes. */
LCP_MUST_USE enum lcp_err lcp_row_check_id(const char *id);
LCP_MUST_USE enum lcp_err lcp_row_check_pin(const char *peer, const char *how);
LCP_MUST_USE enum lcp_err lcp_row_check_meta(const char *name);
LCP_MUST_USE enum lcp_err lcp_row_check_peer(const char *peer,
                                             const struct lcp_store_peer *row);

/* A line of the audit record as it will be stored: its texts are copied, cut. */
struct lcp_audit_draft {
    int64_t wall_ms;
    char who[LCP_AUDIT_TEXT_MAX + 1], what[LCP_AUDIT_TEXT_MAX + 1];
    char detail[LCP_AUDIT_TEXT_MAX + 1];
};
/* LCP_EINVAL when it says not what was done. */
LCP_MUST_USE enum lcp_err lcp_audit_draft(const struct lcp_audit *in,
                                          struct lcp_audit_draft *out);

/* A change with no NULL in it and nothing that the direction has no use for. */
struct lcp_change lcp_change_draft(const struct lcp_change *in, enum lcp_direction dir);

/* docs/protocol.md "File names". number is 0 unless the plain name is taken. */
void lcp_row_file(const char *id, uint64_t number, char out[static LCP_FILE_NAME_MAX]);

/* True for a name that lcp_row_file can have made: safe inside a folder of ours. */
bool lcp_row_file_is_ours(const char *name);

/* True if retention may delete the body of a message in this state. */
bool lcp_row_may_purge(enum lcp_direction dir, int state);
/* The state it then has. What was refused stays refused: its sender may ask again. */
int lcp_row_purged_state(enum lcp_direction dir, int state);
/* The least state of this direction that is final. */
int lcp_row_final_state(enum lcp_direction dir);

/* How resolve reads its text: a number, when it can be one ("41", "#41"), and an id or
 * its beginning. Ids are a peer's choice: one that is another message's number ("41"),
 * or that a person would take for the beginning of a UUID ("a1b2c3d4"), must not shadow
 * that message. */
struct lcp_row_name {
    uint64_t number;         /* 0: cannot be one */
    char id[LCP_ID_MAX + 1]; /* "": cannot be one */
    bool may_be_prefix;
    bool is_uuid_start; /* whole or not, it is a prefix like any: no exact match wins */
};
void lcp_row_name(struct lcp_span text, struct lcp_row_name *out);

/* The number range (low, high] a query asks for. */
void lcp_query_range(const struct lcp_query *q, uint64_t *low, uint64_t *high);

#endif
