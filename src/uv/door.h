/* SPDX-License-Identifier: MIT
 *
 * The local door: connections of programs on this machine. Cuts what they send into
 * requests, one open at a time for each connection, and writes the replies.
 * docs/ipc.md. Understands no verb.
 */
#ifndef LCP_UV_DOOR_H
#define LCP_UV_DOOR_H

#include <uv.h>

#include "uv/listen.h"

enum {
    LCP_DOOR_LISTENERS_MAX = 2,
    LCP_DOOR_CONNECTIONS_MAX =
        256, /* 64 MiB of half-written requests at the very worst */
};

struct lcp_door_events {
    /* The span is borrowed for the call. */
    void (*request)(void *ctx, uint64_t client, struct lcp_span request, bool is_ours);
    /* The client of an open request is gone. */
    void (*gone)(void *ctx, uint64_t client);
    /* Never called from within lcp_door_reply. */
    void (*replied)(void *ctx, uint64_t client, uint64_t tag, bool ok);
    void (*log)(void *ctx, enum lcp_level level, const char *line);
};

struct lcp_connection;

struct lcp_door {
    uv_loop_t *loop;
    const struct lcp_door_events *events;
    void *ctx;
    struct lcp_door_listener {
        struct lcp_door *door;
        struct lcp_listen listen;
        uv_pipe_t pipe;
        bool has_guest; /* who is in nobody's hands before uv_accept() */
    } listeners[LCP_DOOR_LISTENERS_MAX];
    size_t listener_count;
    struct lcp_connection *connections[LCP_DOOR_CONNECTIONS_MAX];
    size_t connection_count;
    size_t connections_max;  /* fewer where the process may open few files */
    uint64_t next_client;    /* names of connections, never used twice */
    uv_timer_t sweep, again; /* again: for those that could not be let in yet */
    uint8_t *read_buffer;
    bool is_closing;
};

LCP_MUST_USE enum lcp_err lcp_door_init(struct lcp_door *door, uv_loop_t *loop,
                                        const struct lcp_door_events *events,
                                        void *ctx);
/* Listens at one more path; on failure fault holds a sentence. */
LCP_MUST_USE enum lcp_err lcp_door_listen(struct lcp_door *door, const char *path,
                                          enum lcp_listen_kind kind,
                                          char fault[static LCP_LISTEN_FAULT_MAX]);
/* Copies the bytes. To a client that is gone: nothing happens. */
void lcp_door_reply(struct lcp_door *door, uint64_t client, struct lcp_span bytes,
                    bool end, uint64_t tag);
/* Who is at the other end, as the system knew it when the connection was made; "" for a
 * client that is gone. */
void lcp_door_who(struct lcp_door *door, uint64_t client, char *out, size_t cap);
/* Lets nobody in any more; those inside stay. */
void lcp_door_shut(struct lcp_door *door);
/* True while bytes of a reply are on their way. */
bool lcp_door_is_writing(const struct lcp_door *door);
/* Closes all. The loop must turn until nothing is left of it. */
void lcp_door_close(struct lcp_door *door);

#endif
