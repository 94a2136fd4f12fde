/* SPDX-License-Identifier: MIT
 *
 * Codec of the local protocol, docs/ipc.md: cuts a byte stream into requests, and
 * requests into typed members. Pure: no socket, no clock. Both ends and the tests use
 * it.
 */
#ifndef LCP_IPC_IPC_H
#define LCP_IPC_IPC_H

#include "base/json.h"

enum {
    LCP_IPC_REQUEST_MAX = 256 * 1024,
    LCP_IPC_LEGACY_REPLY_MAX = 64 * 1024, /* a legacy client reads with one recv */
    LCP_IPC_NODES_MAX = 4096,
};

/* Cuts requests out of a stream, byte by byte if need be. buf is the
 * caller's, LCP_IPC_REQUEST_MAX. */
struct lcp_ipc_stream {
    char *buf;
    size_t len;     /* bytes in buf */
    size_t scanned; /* how far the scan for the end went */
    uint32_t depth;
    bool in_string, escaped, is_open;
};

enum lcp_ipc_verdict {
    LCP_IPC_MORE,    /* no whole request yet */
    LCP_IPC_REQUEST, /* *request is one; call lcp_ipc_stream_next when it is dealt with
                      */
    LCP_IPC_REJECT,  /* first byte is not '{', or too long: close the connection */
};

void lcp_ipc_stream_init(struct lcp_ipc_stream *s, char *buf);
/* Takes as many bytes as there is room for; returns how many. */
size_t lcp_ipc_stream_put(struct lcp_ipc_stream *s, struct lcp_span bytes);
/* is_ours: a newline follows the object, or it has a member "v". White space between
 * requests is skipped. */
enum lcp_ipc_verdict lcp_ipc_stream_get(struct lcp_ipc_stream *s,
                                        struct lcp_span *request, bool *is_ours);
void lcp_ipc_stream_next(struct lcp_ipc_stream *s);
/* True if a JSON object has a member spelled "v" of its own. */
bool lcp_ipc_has_version(struct lcp_span object);

/* Error object of docs/ipc.md, in either shape. */
void lcp_ipc_write_error(struct lcp_writer *w, bool is_ours, const char *code,
                         const char *message, const char *hint);

/* Writes a message for display: its own members as they came, without the names that
 * are ours, then ours (docs/ipc.md). doc is the parsed message. */
struct lcp_shown {
    uint64_t number;
    const char *filepath;     /* NULL: no member */
    const char *peer;         /* local name */
    const char *fingerprint;  /* NULL: null */
    const char *version;      /* "1.1" */
    int64_t received_wall_ms; /* or accepted */
    const char *
        sent_state; /* a message of ours: `_sent` (to, state, at) instead of `_peer` and
                       `_received`; NULL: received */
};
void lcp_ipc_write_message(struct lcp_writer *w, const struct lcp_json *doc,
                           const struct lcp_shown *shown);

/* Names of states for SEND, SENT and --state. What was transmitted and is QUEUED still
 * is `sent`. Two names mean no single stored state: parse gives these for them. */
enum {
    LCP_IPC_STATE_SENT = 1,    /* QUEUED and transmitted */
    LCP_IPC_STATE_DEAD = 1000, /* EXPIRED or REFUSED */
};
const char *lcp_ipc_sent_state_name(int state, bool was_transmitted);
LCP_MUST_USE enum lcp_err lcp_ipc_sent_state_parse(const char *name, int *state);
/* Of a message received: "held", "stored", "read", "done", "refused". */
const char *lcp_ipc_in_state_name(int state);

#endif
