/* SPDX-License-Identifier: MIT
 *
 * Carries the pump's wishes to libuv and libuv's news to the pump, all on the loop's
 * thread but for the tasks themselves.
 */
#define _GNU_SOURCE
#include "uv/world_uv.h"

#include <stdlib.h>

#include "base/crypto.h"

enum { EXIT_STORAGE_LOST = 70 };

static struct lcp_world_uv *
self(struct lcp_world *world)
{
    return (struct lcp_world_uv *)world;
}

static uint64_t
world_mono_ms(struct lcp_world *world)
{
    (void)world;
    return lcp_os_mono_ms();
}

static int64_t
world_wall_ms(struct lcp_world *world)
{
    (void)world;
    return lcp_os_wall_ms();
}

static void
world_random(struct lcp_world *world, void *out, size_t len)
{
    (void)world;
    lcp_random(out, len);
}

static void
world_send(struct lcp_world *world, const struct lcp_endpoint *to,
           struct lcp_span header, struct lcp_span payload)
{
    lcp_uv_udp_send(&self(world)->udp, to, header, payload);
}

static void
on_task_done(void *ctx, struct lcp_task *task)
{
    struct lcp_world_uv *w = ctx;

    if (w->pump != NULL)
        lcp_pump_done(w->pump, task);
}

static void
world_work(struct lcp_world *world, struct lcp_task *task)
{
    lcp_hands_give(&self(world)->hands, task);
}

static void
world_reply(struct lcp_world *world, uint64_t client, struct lcp_span bytes, bool end,
            uint64_t tag)
{
    lcp_door_reply(&self(world)->door, client, bytes, end, tag);
}

static void
world_who(struct lcp_world *world, uint64_t client, char out[static LCP_WHO_MAX])
{
    lcp_door_who(&self(world)->door, client, out, LCP_WHO_MAX);
}

static void
world_log(struct lcp_world *world, enum lcp_level level, const char *line)
{
    lcp_log_line(self(world)->log, level, line);
}

/* What was promised is unknown now, so nothing more is promised: no reply, no ACK,
 * no farewell. */
static void
world_lost(struct lcp_world *world, const char *why)
{
    lcp_log_print(self(world)->log, LCP_LOG_ERROR, "storage lost: %s", why);
    _Exit(EXIT_STORAGE_LOST);
}

static const struct lcp_world_ops world_ops = {
    .mono_ms = world_mono_ms,
    .wall_ms = world_wall_ms,
    .random = world_random,
    .send = world_send,
    .work = world_work,
    .reply = world_reply,
    .who = world_who,
    .log = world_log,
    .lost = world_lost,
};

static void
on_datagram(void *ctx, const struct lcp_endpoint *from, struct lcp_span bytes)
{
    struct lcp_world_uv *w = ctx;

    if (w->pump != NULL)
        lcp_pump_datagram(w->pump, from, bytes);
}

static void
on_bound(void *ctx, bool is_bound, int rcv_bytes, int snd_bytes)
{
    struct lcp_world_uv *w = ctx;

    if (w->pump != NULL)
        lcp_pump_set_socket(w->pump, is_bound, rcv_bytes, snd_bytes);
}

static void
on_log(void *ctx, enum lcp_level level, const char *line)
{
    struct lcp_world_uv *w = ctx;

    lcp_log_line(w->log, level, line);
}

static void
on_request(void *ctx, uint64_t client, struct lcp_span request, bool is_ours)
{
    struct lcp_world_uv *w = ctx;

    if (w->pump != NULL)
        lcp_pump_request(w->pump, client, request, is_ours);
}

static void
on_gone(void *ctx, uint64_t client)
{
    struct lcp_world_uv *w = ctx;

    if (w->pump != NULL)
        lcp_pump_client_gone(w->pump, client);
}

static void
on_replied(void *ctx, uint64_t client, uint64_t tag, bool ok)
{
    struct lcp_world_uv *w = ctx;

    if (w->pump != NULL)
        lcp_pump_replied(w->pump, client, tag, ok);
}

static const struct lcp_uv_udp_events udp_events = {
    .datagram = on_datagram, .bound = on_bound, .log = on_log};
static const struct lcp_door_events door_events = {
    .request = on_request, .gone = on_gone, .replied = on_replied, .log = on_log};

static void
on_tick(uv_timer_t *timer)
{
    struct lcp_world_uv *w = timer->data;

    w->planned_ms = UINT64_MAX;
    if (w->pump != NULL)
        lcp_pump_tick(w->pump);
}

/* Runs before every wait of the loop: so after every call into the pump, however it
 * was reached. */
static void
on_prepare(uv_prepare_t *prepare)
{
    struct lcp_world_uv *w = prepare->data;
    uint64_t now_ms, next_ms;

    if (w->pump == NULL)
        return;
    next_ms = lcp_pump_next_ms(w->pump);
    if (next_ms == w->planned_ms)
        return;
    w->planned_ms = next_ms;
    (void)uv_timer_stop(&w->timer);
    if (next_ms == UINT64_MAX)
        return;
    now_ms = lcp_os_mono_ms();
    uv_update_time(w->loop);
    (void)uv_timer_start(&w->timer, on_tick, next_ms > now_ms ? next_ms - now_ms : 0,
                         0);
}

enum lcp_err
lcp_world_uv_init(struct lcp_world_uv *w, uv_loop_t *loop, struct lcp_log *log)
{
    *w = (struct lcp_world_uv){
        .world.ops = &world_ops, .loop = loop, .log = log, .planned_ms = UINT64_MAX};
    w->udp.fd = -1;
    if (uv_timer_init(loop, &w->timer) != 0 || uv_prepare_init(loop, &w->prepare) != 0)
        return LCP_EIO;
    w->timer.data = w;
    w->prepare.data = w;
    if (lcp_hands_open(&w->hands, loop, on_task_done, w) != LCP_OK)
        return LCP_ENOMEM;
    return lcp_door_init(&w->door, loop, &door_events, w);
}

enum lcp_err
lcp_world_uv_start(struct lcp_world_uv *w, struct lcp_pump *pump,
                   const struct lcp_endpoint *address)
{
    w->pump = pump;
    if (uv_prepare_start(&w->prepare, on_prepare) != 0)
        return LCP_EIO;
    return lcp_uv_udp_open(&w->udp, w->loop, address, &udp_events, w);
}

bool
lcp_world_uv_is_idle(const struct lcp_world_uv *w)
{
    return lcp_hands_are_idle(&w->hands);
}

void
lcp_world_uv_close(struct lcp_world_uv *w)
{
    w->pump = NULL;
    if (w->loop == NULL)
        return;
    lcp_hands_close(&w->hands);
    lcp_uv_udp_close(&w->udp);
    lcp_door_close(&w->door);
    if (w->timer.data != NULL)
        uv_close((uv_handle_t *)&w->timer, NULL);
    if (w->prepare.data != NULL)
        uv_close((uv_handle_t *)&w->prepare, NULL);
}
