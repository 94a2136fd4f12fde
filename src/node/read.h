/* SPDX-License-Identifier: MIT
 *
 * Work for the reader: one request that only looks. Runs off the loop on a read-only
 * store handle and leaves the JSON of its answer, or the numbers STATUS and PEERS are
 * made of. Marks nothing.
 */
#ifndef LCP_NODE_READ_H
#define LCP_NODE_READ_H

#include "base/os.h"
#include "conf/conf.h"
#include "ipc/server.h"
#include "node/world.h"
#include "store/store.h"

enum {
    LCP_CHECK_PAGE = 100, /* messages a page, docs/ipc.md */
    LCP_CHECK_PAGE_BYTES =
        4 * 1024 * 1024, /* and bytes: a page ends after the message that passes it */
};

struct lcp_read_peer {
    char name[LCP_NAME_MAX + 1];
    uint64_t queued;
    char how[32]; /* pinned how; "" when not */
    struct lcp_key key;
};

struct lcp_read {
    struct lcp_task task; /* first member */
    struct lcp_read *next;
    struct lcp_store *store;
    struct lcp_json_node *nodes; /* LCP_JSON_NODES_MAX, the reader's */
    enum lcp_verb
        verb;        /* CHECK, READ, SENT; STATUS, PEERS and RELOAD want the overview */
    uint64_t client; /* 0: nobody, or nobody any more */
    bool is_ours, thread, with_path;
    char data_path[LCP_PATH_MAX];
    char id[LCP_REQUEST_ID_TEXT + 1];
    char peer[LCP_NAME_MAX + 1], type[LCP_TYPE_MAX + 1];
    uint64_t after, limit;
    int state; /* SENT: only this one; -1 any */

    enum lcp_err err;
    char *out; /* malloc'ed JSON, without newline */
    size_t out_len, out_cap;
    uint64_t *numbers; /* CHECK: what the answer holds */
    uint32_t number_count, number_cap;
    uint64_t changed;    /* the answer names files: they must be written through this */
    uint64_t next_after; /* CHECK, SENT: 0 at the end */
    bool is_full, is_first;
    uint32_t left_out; /* legacy CHECK: messages that did not fit */
    struct lcp_store_counts counts;
    struct lcp_read_peer *peers; /* malloc'ed; overview: names in, the rest out */
    uint32_t peer_count;
    uint64_t pins_queued;  /* RELOAD: the pump's, when it began */
    struct lcp_conf *conf; /* RELOAD: what to apply; peers[] follow its order. Owned */
};

void lcp_read_run(struct lcp_task *task);
void lcp_read_free(struct lcp_read *read);

#endif
