/* SPDX-License-Identifier: MIT
 *
 * The node's one UDP socket on the loop: bound to exactly one address, waited for while
 * that address is not up yet, read in batches. Losing a datagram is no error here.
 * Knows nothing of the protocol.
 */
#ifndef LCP_UV_UDP_H
#define LCP_UV_UDP_H

#include <uv.h>

#include "lcp/types.h"

struct lcp_uv_udp_events {
    /* The bytes are borrowed for the call. */
    void (*datagram)(void *ctx, const struct lcp_endpoint *from, struct lcp_span bytes);
    /* The socket became usable, or its address went away (then from
     * within lcp_uv_udp_send). */
    void (*bound)(void *ctx, bool is_bound, int rcv_bytes, int snd_bytes);
    void (*log)(void *ctx, enum lcp_level level, const char *line);
};

struct lcp_uv_udp {
    uv_loop_t *loop;
    struct lcp_endpoint address;
    const struct lcp_uv_udp_events *events;
    void *ctx;
    int fd;             /* -1: not bound yet */
    uv_poll_t poll;     /* in use while fd is open */
    uv_timer_t timer;   /* next attempt to bind, or look for the address */
    bool is_gone;       /* bound, but the address left its interface */
    uint64_t looked_ms; /* when that was last asked */
    int rcv_bytes, snd_bytes;
    uint64_t dropped; /* datagrams the system took no room for */
    uint64_t dropped_said_ms;
    uint8_t *buffer; /* LCP_DATAGRAM_MAX + 1 */
};

/* LCP_OK also when the address is not up yet (then it is tried every second).
 * LCP_EBUSY: somebody else holds the port. LCP_EPERM: a port the system does not give
 * us. events and ctx live as long as udp. */
LCP_MUST_USE enum lcp_err lcp_uv_udp_open(struct lcp_uv_udp *udp, uv_loop_t *loop,
                                          const struct lcp_endpoint *address,
                                          const struct lcp_uv_udp_events *events,
                                          void *ctx);
/* The loop must turn once more before udp may go. */
void lcp_uv_udp_close(struct lcp_uv_udp *udp);
void lcp_uv_udp_send(struct lcp_uv_udp *udp, const struct lcp_endpoint *to,
                     struct lcp_span header, struct lcp_span payload);

#endif
