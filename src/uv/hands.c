/* SPDX-License-Identifier: MIT
 *
 * One mutex for all hands: it is held for a few instructions a task.
 */
#define _GNU_SOURCE
#include "uv/hands.h"

#include <assert.h>

/* SQLite and the JSON reader stay below a tenth of it; the sanitizers' frames are
 * larger. */
enum { STACK_BYTES = 1024 * 1024 };

static void
work(void *arg)
{
    struct lcp_hand_thread *t = arg;
    struct lcp_hands *hands = t->hands;

    uv_mutex_lock(&hands->mutex);
    for (;;) {
        while (!t->is_running && !t->is_ending)
            uv_cond_wait(&t->given, &hands->mutex);
        if (!t->is_running)
            break;
        uv_mutex_unlock(&hands->mutex);
        t->task->run(t->task);
        uv_mutex_lock(&hands->mutex);
        t->is_running = false;
        (void)uv_async_send(&hands->wake);
    }
    uv_mutex_unlock(&hands->mutex);
}

static void
on_wake(uv_async_t *wake)
{
    struct lcp_hands *hands = wake->data;

    for (size_t i = 0; i < LCP_HAND_COUNT; i++) {
        struct lcp_hand_thread *t = &hands->threads[i];
        struct lcp_task *task = t->task;
        bool is_running;

        uv_mutex_lock(&hands->mutex);
        is_running = t->is_running;
        uv_mutex_unlock(&hands->mutex);
        if (task == NULL || is_running)
            continue;
        t->task = NULL;
        hands->done(hands->ctx, task);
    }
}

enum lcp_err
lcp_hands_open(struct lcp_hands *hands, uv_loop_t *loop,
               void (*done)(void *ctx, struct lcp_task *task), void *ctx)
{
    const uv_thread_options_t options = {.flags = UV_THREAD_HAS_STACK_SIZE,
                                         .stack_size = STACK_BYTES};

    *hands = (struct lcp_hands){.done = done, .ctx = ctx};
    if (uv_mutex_init(&hands->mutex) != 0)
        return LCP_ENOMEM;
    if (uv_async_init(loop, &hands->wake, on_wake) != 0) {
        uv_mutex_destroy(&hands->mutex);
        return LCP_ENOMEM;
    }
    hands->wake.data = hands;
    for (size_t i = 0; i < LCP_HAND_COUNT; i++) {
        struct lcp_hand_thread *t = &hands->threads[i];

        t->hands = hands;
        if (uv_cond_init(&t->given) != 0)
            return LCP_ENOMEM;
        t->has_thread = uv_thread_create_ex(&t->thread, &options, work, t) == 0;
        if (!t->has_thread) {
            uv_cond_destroy(&t->given);
            return LCP_ENOMEM;
        }
    }
    return LCP_OK;
}

void
lcp_hands_give(struct lcp_hands *hands, struct lcp_task *task)
{
    struct lcp_hand_thread *t = &hands->threads[task->hand];

    assert(t->task == NULL);
    t->task = task;
    uv_mutex_lock(&hands->mutex);
    t->is_running = true;
    uv_cond_signal(&t->given);
    uv_mutex_unlock(&hands->mutex);
}

bool
lcp_hands_are_idle(const struct lcp_hands *hands)
{
    for (size_t i = 0; i < LCP_HAND_COUNT; i++) {
        if (hands->threads[i].task != NULL)
            return false;
    }
    return true;
}

void
lcp_hands_close(struct lcp_hands *hands)
{
    if (hands->wake.data == NULL)
        return;
    for (size_t i = 0; i < LCP_HAND_COUNT; i++) {
        struct lcp_hand_thread *t = &hands->threads[i];

        if (!t->has_thread)
            continue;
        uv_mutex_lock(&hands->mutex);
        t->is_ending = true;
        uv_cond_signal(&t->given);
        uv_mutex_unlock(&hands->mutex);
        (void)uv_thread_join(&t->thread);
        uv_cond_destroy(&t->given);
    }
    uv_close((uv_handle_t *)&hands->wake, NULL);
    uv_mutex_destroy(&hands->mutex);
    hands->wake.data = NULL;
}
