/* SPDX-License-Identifier: MIT
 *
 * The daemon's side of the local protocol: a table row for each verb says which members
 * it takes and of which type; the result is a typed request. Carries nothing out.
 */
#ifndef LCP_IPC_SERVER_H
#define LCP_IPC_SERVER_H

#include "ipc/ipc.h"

enum lcp_verb {
    LCP_VERB_SEND,
    LCP_VERB_CHECK,
    LCP_VERB_SHOWN,
    LCP_VERB_READ,
    LCP_VERB_ACK,
    LCP_VERB_SENT,
    LCP_VERB_CANCEL,
    LCP_VERB_STATUS,
    LCP_VERB_PING,
    LCP_VERB_PURGE,
    LCP_VERB_PEERS,
    LCP_VERB_TRUST,
    LCP_VERB_RELOAD,
    LCP_VERB_HELD,
    LCP_VERB_RELEASE,
    LCP_VERB_REFUSE,
    LCP_VERB_RESEND,
    LCP_VERB_PAUSE,
    LCP_VERB_RESUME,
    LCP_VERB_VERSION,
    LCP_VERB_AUDIT,
    LCP_VERB_MAX
};

enum { LCP_REQUEST_IDS_MAX = 1000, LCP_REQUEST_ID_TEXT = LCP_ID_MAX + 4 };

/* A parsed request. Text members are NUL-terminated copies ("" when absent) except
 * those that are spans into `text_buf`. About 400 KiB: one lives in the server. */
struct lcp_request {
    enum lcp_verb verb;
    bool is_ours;
    char to[LCP_NAME_MAX + 1];        /* SEND, PING; CHECK's `from`; TRUST's `name` */
    char type[LCP_TYPE_MAX + 1];      /* SEND (default "chat"), CHECK */
    char id[LCP_REQUEST_ID_TEXT + 1]; /* SEND, READ, SENT, CANCEL */
    char reply_to[LCP_REQUEST_ID_TEXT +
                  1]; /* SEND: number, id or prefix, to be resolved */
    char state[32];   /* SENT */
    char fingerprint[LCP_FINGERPRINT_CHARS + 1]; /* TRUST */
    struct lcp_span message; /* SEND: decoded UTF-8 (may hold NUL), in text_buf */
    char wait_for[16];       /* SEND: "", "stored", "read" or "done" */
    uint64_t timeout_s;      /* SEND with wait_for; 0: the usual 9.5 s */
    char reason[LCP_DETAIL_MAX + 1]; /* REFUSE: the sentence for the sender */
    char how[16]; /* RELEASE, RESUME, TRUST: "typed" or "--yes", for the audit record */
    int version;  /* VERSION: enum lcp_version */
    bool automatic; /* SEND: by a handler */
    bool proof;     /* SENT */
    bool peek; /* CHECK, READ: say nothing of it afterwards (the client does not say
                  SHOWN; legacy: no member) */
    bool has_wait, wait, thread, all, unknown, has_through, has_ids;
    uint64_t ttl_s, older_than_s, limit, after, through;
    bool has_ttl, has_limit, has_after;
    uint32_t id_count; /* ACK's ids, SHOWN's numbers as text */
    char (*ids)[LCP_REQUEST_ID_TEXT +
                1]; /* the caller gives room for LCP_REQUEST_IDS_MAX */
    char *text_buf; /* the caller gives LCP_IPC_REQUEST_MAX bytes */
};

/* Parses and checks. On an error *code and *message (static) say what is wrong.
 * nodes: LCP_IPC_NODES_MAX. */
LCP_MUST_USE enum lcp_err lcp_request_parse(struct lcp_span text, bool is_ours,
                                            struct lcp_json_node *nodes,
                                            struct lcp_request *out, const char **code,
                                            const char **message);

#endif
