/* SPDX-License-Identifier: MIT
 *
 * The hands of node/world.h as threads, one each, made at the start: libuv's own pool
 * is made with the first task, and ends the process when the system has no room for it.
 */
#ifndef LCP_UV_HANDS_H
#define LCP_UV_HANDS_H

#include <uv.h>

#include "node/world.h"

struct lcp_hands {
    void (*done)(void *ctx, struct lcp_task *task);
    void *ctx;
    uv_async_t wake; /* a hand has finished; data NULL: not open */
    uv_mutex_t mutex;
    struct lcp_hand_thread {
        struct lcp_hands *hands;
        uv_thread_t thread;
        uv_cond_t given;
        struct lcp_task *task; /* the loop's: NULL when the hand is idle */
        bool has_thread;
        bool is_running, is_ending; /* under the mutex */
    } threads[LCP_HAND_COUNT];
};

/* Starts the threads; done() is called on the loop for each task that has run.
 * LCP_ENOMEM: the system has no room for them. On failure, too, close it. */
LCP_MUST_USE enum lcp_err lcp_hands_open(struct lcp_hands *hands, uv_loop_t *loop,
                                         void (*done)(void *ctx, struct lcp_task *task),
                                         void *ctx);
/* task->hand must be idle. */
void lcp_hands_give(struct lcp_hands *hands, struct lcp_task *task);
bool lcp_hands_are_idle(const struct lcp_hands *hands);
/* Waits for what runs; its done() is not called any more. The loop must turn until the
 * handle is gone. */
void lcp_hands_close(struct lcp_hands *hands);

#endif
