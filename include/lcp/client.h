/* SPDX-License-Identifier: MIT
 *
 * Talk to the daemon of a home on this machine: blocking, one request at a time.
 * docs/ipc.md lists requests and replies. Not for use by several threads at once on one
 * client.
 */
#ifndef LCP_CLIENT_H
#define LCP_CLIENT_H

#include "lcp/types.h"

#ifdef __cplusplus
extern "C" {
#endif

struct lcp_client;

/* home NULL: $LCP_HOME, else the default home. LCP_ECLOSED: no daemon. LCP_EPERM: the
 * system forbids the connection (a sandbox, another user). LCP_EFULL: the path is too
 * long for a socket address. */
LCP_API LCP_MUST_USE enum lcp_err lcp_client_open(const char *home,
                                                  struct lcp_client **out);
LCP_API void lcp_client_close(struct lcp_client *client); /* NULL is fine */

/* Sends one request (a JSON object, without newline) and waits for its reply, at most
 * timeout_ms. The reply (one JSON object, NUL-terminated, without newline) is the
 * client's until the next call. A reply with an "error" member is LCP_OK here. */
LCP_API LCP_MUST_USE enum lcp_err lcp_client_call(struct lcp_client *client,
                                                  const char *request,
                                                  uint64_t timeout_ms,
                                                  const char **reply);

/* What became of a message. */
struct lcp_sent {
    uint64_t number;
    char id[LCP_ID_MAX + 1];
    char state[32]; /* "stored" or further: the receiver signed that it has it;
                       "acked": its LCP/1.1 node got it; "queued", "sent": it goes by
                       itself, do not send again; docs/ipc.md has them all */
    bool accepted;  /* durable here */
    bool ok;        /* the receiver has it */
};

/* Sends a message. to may be NULL with a single peer; type NULL is "chat"; reply_to may
 * be NULL. With wait: until it is delivered or the tries are over (10 s). LCP_EINVAL:
 * the daemon refused it, see lcp_client_error. */
LCP_API LCP_MUST_USE enum lcp_err lcp_client_send(struct lcp_client *client,
                                                  const char *to, const char *type,
                                                  const char *message,
                                                  const char *reply_to, bool wait,
                                                  struct lcp_sent *sent);

/* A received message. Its strings last until each() returns, whatever is called in it.
 */
struct lcp_received {
    uint64_t number;
    const char *id, *peer, *type, *message, *reply_to; /* reply_to "" when none */
};

/* Calls each() for pending messages after number `after`, oldest first, at most one
 * page of 100; *next: where the following page starts, 0 at the end. What each()
 * returned true for counts as handed out. */
LCP_API LCP_MUST_USE enum lcp_err
lcp_client_check(struct lcp_client *client, uint64_t after,
                 bool (*each)(void *ctx, const struct lcp_received *message), void *ctx,
                 uint64_t *next);

/* Archives one message. */
LCP_API LCP_MUST_USE enum lcp_err lcp_client_done(struct lcp_client *client,
                                                  uint64_t number);

/* The sentence of the last error reply or failed call, else ""; never NULL. */
LCP_API const char *lcp_client_error(const struct lcp_client *client);

#ifdef __cplusplus
}
#endif

#endif
