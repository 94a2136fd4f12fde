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
    int version; /* enum lcp_version as the record has it; 0: never told */
    bool is_paused;
};

struct lcp_read {
    struct lcp_task task; /* first member */
    struct lcp_read *next;
    struct lcp_store *store;
    struct lcp_json_node *nodes; /* LCP_JSON_NODES_MAX, the reader's */
    enum lcp_verb verb; /* CHECK, READ, SENT, HELD, AUDIT; STATUS, PEERS and RELOAD want
                           the overview */
    uint64_t client;    /* 0: nobody, or nobody any more */
    bool is_ours, thread, with_path, proof;
    char data_path[LCP_PATH_MAX];
    char id[LCP_REQUEST_ID_TEXT + 1];
    char peer[LCP_NAME_MAX + 1], type[LCP_TYPE_MAX + 1];
    uint64_t after, limit;
    int state;        /* SENT: only this one, or an LCP_IPC_STATE_*; -1 any */
    uint64_t life_ms; /* HELD: the life clock now */

    enum lcp_err err;
    /* A refusal in words of its own; NULL: err says all. Static but for message. */
    const char *code, *hint;
    char message[LCP_REQUEST_ID_TEXT + 128];
    char *out; /* malloc'ed JSON, without newline */
    size_t out_len, out_cap;
    uint64_t *numbers; /* CHECK: what the answer holds */
    uint32_t number_count, number_cap;
    uint64_t changed;    /* the answer names files: they must be written through this */
    uint64_t next_after; /* CHECK, SENT: 0 at the end */
    bool is_full, is_first;
    uint32_t left_out;                /* legacy CHECK: messages that did not fit */
    bool is_node_paused;              /* nothing at all is handed out */
    char (*paused)[LCP_NAME_MAX + 1]; /* malloc'ed: CHECK, READ: names; "" is the node
                                       */
    uint32_t paused_count, paused_cap;
    char version_peer[LCP_NAME_MAX + 1]; /* the last one looked up: its */
    int version;                         /* enum lcp_version */
    struct lcp_store_counts counts;
    struct lcp_read_peer *peers; /* malloc'ed; overview: names in, the rest out */
    uint32_t peer_count;
    uint64_t pins_queued;  /* RELOAD: the pump's, when it began */
    struct lcp_conf *conf; /* RELOAD: what to apply; peers[] follow its order. Owned */
};

void lcp_read_run(struct lcp_task *task);
void lcp_read_free(struct lcp_read *read);

/* What the files of the reader share. The answer grows by these; false: out of memory,
 * read->err says so. */
bool lcp_read_append(struct lcp_read *read,
                     void (*write)(struct lcp_writer *w, const void *what),
                     const void *what);
bool lcp_read_append_text(struct lcp_read *read, const char *text);
/* A comma, but not before the first element. */
bool lcp_read_append_comma(struct lcp_read *read);
/* Puts text around all that is there. */
void lcp_read_wrap(struct lcp_read *read, const char *before, const char *after);
/* ],"next":NUMBER behind a list (0: null). */
bool lcp_read_append_next(struct lcp_read *read, uint64_t next);
bool lcp_read_keep_number(struct lcp_read *read, uint64_t number);
/* Ends the request with an error in words of its own; %s in message stands for id. */
void lcp_read_refuse(struct lcp_read *read, const char *code, const char *message,
                     const char *hint);
/* read_sent.c, read_held.c */
void lcp_read_sent(struct lcp_read *read);
void lcp_read_held(struct lcp_read *read);
void lcp_read_audit(struct lcp_read *read);

#endif
