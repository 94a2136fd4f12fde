/* SPDX-License-Identifier: MIT
 *
 * How far the record had come when it last promised something, in a small file beside
 * it: "lcp.db-mark". A log that was cut, emptied or lost looks to SQLite like one that
 * never was longer; beside the mark it does not. Written behind each commit, without a
 * sync: after a crash it may be older than the record, never newer. Private to this
 * room.
 */
#ifndef LCP_STORE_MARK_H
#define LCP_STORE_MARK_H

#include "lcp/types.h"

struct lcp_mark {
    intptr_t handle; /* -1: none */
};

/* 0 when there is no mark, or none that can be read. */
uint64_t lcp_mark_read(const char *database);
/* Failures are left alone, here and below: an old mark, or none, does no harm. */
void lcp_mark_open(struct lcp_mark *mark, const char *database);
void lcp_mark_put(struct lcp_mark *mark, uint64_t changed);
void lcp_mark_close(struct lcp_mark *mark);

#endif
