/* SPDX-License-Identifier: MIT
 *
 * The real world of node/world.h: libuv's loop, threads as hands, one UDP socket, the
 * local door.
 */
#ifndef LCP_UV_WORLD_UV_H
#define LCP_UV_WORLD_UV_H

#include "node/pump.h"
#include "uv/door.h"
#include "uv/hands.h"
#include "uv/log.h"
#include "uv/udp.h"

struct lcp_world_uv {
    struct lcp_world world; /* first: what the pump sees */
    uv_loop_t *loop;
    struct lcp_pump *pump; /* NULL before start and after the end */
    struct lcp_log *log;
    struct lcp_uv_udp udp;
    struct lcp_door door;
    uv_timer_t timer;     /* for lcp_pump_tick */
    uv_prepare_t prepare; /* sets the timer before every wait */
    uint64_t planned_ms;  /* what the timer is set to; UINT64_MAX: nothing */
    struct lcp_hands hands;
};

/* Readies the parts that need no pump. LCP_ENOMEM: no room for the hands. */
LCP_MUST_USE enum lcp_err lcp_world_uv_init(struct lcp_world_uv *w, uv_loop_t *loop,
                                            struct lcp_log *log);
/* Takes the pump and opens the UDP socket; errors of lcp_uv_udp_open. */
LCP_MUST_USE enum lcp_err lcp_world_uv_start(struct lcp_world_uv *w,
                                             struct lcp_pump *pump,
                                             const struct lcp_endpoint *address);
/* True when no hand holds a task. */
bool lcp_world_uv_is_idle(const struct lcp_world_uv *w);
/* Closes every handle; the pump hears nothing any more. The loop must turn until they
 * are gone. */
void lcp_world_uv_close(struct lcp_world_uv *w);

#endif
