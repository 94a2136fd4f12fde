/* SPDX-License-Identifier: MIT
 *
 * The machine's doors: memory, time, peers, polling. What can be looked at is in
 * view.c, what happens inside in the others.
 */
#include "core/machine.h"

#include <assert.h>

#include "base/text.h"

/* A caller that comes this late to a timer did not run: it was stopped or suspended. */
enum { LATE_MS = 2000 };

/* Of the tables of fingerprints: 16 seconds and 4 minutes until they wrap. */
enum { AGAIN_UNIT_MS = 64, BAD_UNIT_MS = 1000 };

/* Defaults: docs/protocol.md "Defaults". */

static uint32_t
or_default(uint32_t value, uint32_t otherwise)
{
    return value == 0 ? otherwise : value;
}

static struct lcp_core_limits
limits_of(const struct lcp_core_limits *given)
{
    struct lcp_core_limits l = *given;

    l.peers_max = or_default(l.peers_max, 64);
    l.inflight_max = or_default(l.inflight_max, 1024);
    l.parked_max = or_default(l.parked_max, 4096);
    l.admissions_max = or_default(l.admissions_max, 256);
    l.admissions_peer_max = or_default(l.admissions_peer_max, 64);
    if (l.inflight_bytes_max == 0)
        l.inflight_bytes_max = (size_t)8 << 20;
    /* Or a message of full size could never go. */
    if (l.inflight_bytes_max < LCP_PAYLOAD_MAX)
        l.inflight_bytes_max = LCP_PAYLOAD_MAX;
    return l;
}

static struct lcp_core_config
config_of(const struct lcp_core_config *given)
{
    struct lcp_core_config c = *given;

    c.name = NULL;
    c.aliases = NULL;
    memset(c.random_seed, 0, sizeof(c.random_seed));
    c.retries_max = or_default(c.retries_max, 5);
    c.retry_base_ms = or_default(c.retry_base_ms, 500);
    c.ack_timeout_ms = or_default(c.ack_timeout_ms, 3000);
    c.heartbeat_ms = or_default(c.heartbeat_ms, 30000);
    c.peer_timeout_ms = or_default(c.peer_timeout_ms, 120000);
    c.probe_min_ms = or_default(c.probe_min_ms, 15000);
    c.probe_max_ms = or_default(c.probe_max_ms, 600000);
    c.window_max = or_default(c.window_max, 8);
    c.window_1_2_max = or_default(c.window_1_2_max, LCP_WINDOW_CAP);
    if (c.window_max > LCP_WINDOW_CAP)
        c.window_max = LCP_WINDOW_CAP;
    if (c.window_1_2_max > LCP_WINDOW_CAP)
        c.window_1_2_max = LCP_WINDOW_CAP;
    c.limits = limits_of(&given->limits);
    return c;
}

/* Memory. */

/* One feed puts out at most the answers of an admission or the messages of a deleted
 * peer, and a caller polls after each. There is room all the same for every admission
 * to end, a batch's receipts, every message to be parked and every peer to move between
 * two polls: no answer can be lost here. */
static uint32_t
staged_cap(const struct lcp_core_limits *l, uint32_t ephemerals)
{
    enum {
        BESIDES = 64,
        AN_ADMISSION = LCP_ADMIT_SEQS_MAX + 6, /* settled words, online, version, HELLO,
                                                  news, alarm */
        A_PEER = 5, /* HELLO and what one of theirs proves, news */
    };

    return l->admissions_max * AN_ADMISSION + LCP_ANSWERS_MAX + l->inflight_max +
           ephemerals + l->peers_max * A_PEER + BESIDES;
}

static void
lay_out(struct lcp_core *core, struct lcp_arena *arena,
        const struct lcp_core_limits *given)
{
    struct lcp_core_limits l = limits_of(given);
    struct lcp_staged *staged = &core->staged;
    uint64_t wanted = (uint64_t)l.peers_max * LCP_EPHEMERAL_PEER_MAX;

    core->ephemerals_max = wanted < LCP_EPHEMERAL_ALL_MAX ? (uint32_t)wanted
                                                          : LCP_EPHEMERAL_ALL_MAX;
    core->scratch = lcp_arena_take(arena, 1, sizeof(*core->scratch));
    /* One more than may be parked: a message is parked before the oldest is forgotten.
     */
    lcp_outq_lay(&core->outq, arena, l.inflight_max + core->ephemerals_max + 1,
                 l.parked_max, l.peers_max);
    lcp_seqs_lay(&core->seqs, arena,
                 core->outq.cap * LCP_OUTQ_REMEMBERED +
                     l.peers_max * LCP_BEATS_REMEMBERED);
    lcp_heap_lay(&core->timers, arena, core->outq.cap + l.peers_max);
    lcp_peers_lay(&core->peers, arena, l.peers_max);
    lcp_admits_lay(&core->admits, arena, l.admissions_max);
    lcp_again_lay(&core->again, arena, LCP_AGAIN_SETS);
    lcp_again_lay(&core->bad, arena, LCP_BAD_SETS);
    core->wanting_links = lcp_arena_take(arena, l.peers_max,
                                         sizeof(*core->wanting_links));
    staged->cap = staged_cap(&l, core->ephemerals_max);
    staged->items = lcp_arena_take(arena, staged->cap, sizeof(*staged->items));
}

size_t
lcp_core_size(const struct lcp_core_limits *limits)
{
    struct lcp_arena arena = {.base = NULL};
    struct lcp_core core;

    lcp_arena_take(&arena, 1, sizeof(core));
    lay_out(&core, &arena, limits);
    return arena.used;
}

static bool
copy_name(struct lcp_core *core, const char *name)
{
    struct lcp_span text;

    if (name == NULL)
        return false;
    text = lcp_span_str(name);
    if (!lcp_name_is_valid(text))
        return false;
    memcpy(core->names[core->name_count++], name, text.len + 1);
    return true;
}

static bool
copy_names(struct lcp_core *core, const struct lcp_core_config *config)
{
    if (config->alias_count > LCP_ALIASES_MAX || !copy_name(core, config->name))
        return false;
    for (size_t i = 0; i < config->alias_count; i++)
        if (!copy_name(core, config->aliases[i]))
            return false;
    return true;
}

static uint64_t
draw_hash_key(struct lcp_draw *draw)
{
    uint64_t high = lcp_draw_u32(draw);

    return high << 32 | lcp_draw_u32(draw);
}

/* Two streams from one seed: how often nonces are drawn does not move the jitter. */
static void
init_draws(struct lcp_core *core, const uint8_t seed[static LCP_DRAW_SEED_BYTES])
{
    uint8_t other[LCP_DRAW_SEED_BYTES];

    memcpy(other, seed, sizeof(other));
    other[LCP_DRAW_SEED_BYTES - 1] ^= 0xff;
    lcp_draw_init(&core->draw, seed);
    lcp_draw_init(&core->nonces, other);
    lcp_wipe(other, sizeof(other));
}

static void
init_tables(struct lcp_core *core)
{
    lcp_seqs_init(&core->seqs, &core->draw);
    lcp_outq_init(&core->outq, &core->seqs);
    lcp_heap_init(&core->timers);
    lcp_peers_init(&core->peers, draw_hash_key(&core->draw));
    lcp_admits_init(&core->admits, draw_hash_key(&core->draw));
    lcp_again_init(&core->again, AGAIN_UNIT_MS, draw_hash_key(&core->nonces));
    lcp_again_init(&core->bad, BAD_UNIT_MS, draw_hash_key(&core->nonces));
    lcp_purses_init_all(&core->purses, core->now_ms);
    lcp_list_init(&core->wanting);
    lcp_list_init(&core->wanting_idle);
    lcp_links_init(core->wanting_links, core->config.limits.peers_max);
}

enum lcp_err
lcp_core_init(void *memory, size_t size, const struct lcp_core_config *config,
              uint64_t now_ms, struct lcp_core **out)
{
    struct lcp_arena arena = {.base = memory};
    struct lcp_core *core = memory;

    if ((uintptr_t)memory % LCP_ARENA_ALIGN != 0 ||
        size < lcp_core_size(&config->limits))
        return LCP_EINVAL;
    lcp_arena_take(&arena, 1, sizeof(*core));
    memset(core, 0, sizeof(*core));
    core->now_ms = now_ms;
    core->config = config_of(config);
    memcpy(core->key.bytes, config->key, sizeof(core->key.bytes));
    init_draws(core, config->random_seed);
    if (!copy_names(core, config))
        return LCP_EINVAL;
    lay_out(core, &arena, &config->limits);
    init_tables(core);
    *out = core;
    return LCP_OK;
}

/* Time. */

uint64_t
lcp_core_enter(struct lcp_core *core, uint64_t now_ms)
{
    const struct lcp_timer *first = lcp_heap_top(&core->timers);
    uint64_t now = now_ms > core->slept_ms ? now_ms - core->slept_ms : 0;

    if (now < core->now_ms)
        now = core->now_ms;
    if (first != NULL && now > first->due_ms && now - first->due_ms > LATE_MS) {
        /* We slept, not our peers: go on where we stopped. */
        uint64_t woke = first->due_ms > core->now_ms ? first->due_ms : core->now_ms;

        if (now > woke)
            core->counters[LCP_COUNT_SLEPT]++;
        core->slept_ms += now - woke;
        core->woke_ms = woke;
        now = woke;
    }
    core->now_ms = now;
    return now;
}

uint64_t
lcp_core_look_at(const struct lcp_core *core, uint64_t now_ms)
{
    uint64_t now = now_ms > core->slept_ms ? now_ms - core->slept_ms : 0;

    return now > core->now_ms ? now : core->now_ms;
}

uint64_t
lcp_core_next_ms(const struct lcp_core *core)
{
    const struct lcp_timer *first = lcp_heap_top(&core->timers);

    if (core->staged.count > 0 || lcp_window_can_refill(core))
        return core->now_ms + core->slept_ms;
    return first == NULL ? LCP_NEVER : first->due_ms + core->slept_ms;
}

/* Outputs. */

struct lcp_output *
lcp_core_stage(struct lcp_core *core, enum lcp_output_kind kind, uint32_t peer)
{
    struct lcp_staged *staged = &core->staged;
    struct lcp_output *out;

    assert(staged->count < staged->cap);
    out = &staged->items[(staged->head + staged->count++) % staged->cap];
    *out = (struct lcp_output){.kind = kind, .peer = peer};
    return out;
}

void
lcp_core_stage_tx(struct lcp_core *core, uint32_t peer, enum lcp_packet_type type,
                  uint32_t seq, struct lcp_span payload)
{
    struct lcp_output *out = lcp_core_stage(core, LCP_OUT_TX, peer);

    out->to = lcp_core_row(core, peer)->endpoint;
    out->payload = payload;
    lcp_frame_encode(seq, type, out->header);
    core->counters[LCP_COUNT_TX]++;
}

void
lcp_core_stage_bare(struct lcp_core *core, uint32_t peer, enum lcp_packet_type type,
                    uint32_t seq)
{
    /* Not NULL: a caller may hand it to memcpy as it is. */
    lcp_core_stage_tx(core, peer, type, seq, lcp_span("", 0));
}

static bool
step(struct lcp_core *core)
{
    const struct lcp_timer *first = lcp_heap_top(&core->timers);

    if (first == NULL || first->due_ms > core->now_ms)
        return lcp_window_refill_step(core);
    if (first->id < core->outq.cap)
        lcp_tries_step(core, first->id);
    else
        lcp_live_step(core, first->id - core->outq.cap);
    return true;
}

bool
lcp_core_poll(struct lcp_core *core, uint64_t now_ms, struct lcp_output *out)
{
    struct lcp_staged *staged = &core->staged;

    lcp_core_enter(core, now_ms);
    while (staged->count == 0)
        if (!step(core))
            return false;
    *out = staged->items[staged->head];
    staged->head = (staged->head + 1) % staged->cap;
    if (--staged->count == 0)
        staged->head = 0; /* the same few pages are used again */
    return true;
}

/* Peers. */

static enum lcp_err
check_peer(const struct lcp_core *core, const struct lcp_core_peer *peer,
           const struct lcp_key *key)
{
    uint32_t self, other;

    if (peer->name == NULL || !lcp_name_is_valid(lcp_span_str(peer->name)))
        return LCP_EINVAL;
    if (peer->has_key && (!lcp_key_is_set(key) || lcp_key_eq(key, &core->key)))
        return LCP_EINVAL;
    self = lcp_peers_by_name(&core->peers, peer->name);
    other = lcp_peers_by_endpoint(&core->peers, &peer->endpoint);
    if (other != LCP_NONE && other != self)
        return LCP_EEXIST;
    other = peer->has_key ? lcp_peers_by_key(&core->peers, key) : LCP_NONE;
    return other != LCP_NONE && other != self ? LCP_EEXIST : LCP_OK;
}

static void
start_peer(struct lcp_core *core, uint32_t index)
{
    lcp_purses_init_peer(&lcp_core_row(core, index)->purses, core->now_ms);
    lcp_live_start(core, index);
}

static void
move_peer(struct lcp_core *core, uint32_t index, const struct lcp_endpoint *endpoint)
{
    if (lcp_endpoint_eq(&lcp_core_row(core, index)->endpoint, endpoint))
        return;
    lcp_peers_move(&core->peers, index, endpoint);
    lcp_cwnd_init(&lcp_core_row(core, index)->cwnd, LCP_CWND_START);
    lcp_live_greet(core, index);
}

enum lcp_err
lcp_core_peer_put(struct lcp_core *core, uint64_t now_ms,
                  const struct lcp_core_peer *peer, uint32_t *index)
{
    struct lcp_key key;
    enum lcp_err err;
    uint32_t at;

    lcp_core_enter(core, now_ms);
    memcpy(key.bytes, peer->key, sizeof(key.bytes));
    err = check_peer(core, peer, &key);
    if (err != LCP_OK)
        return err;
    at = lcp_peers_by_name(&core->peers, peer->name);
    if (at != LCP_NONE) {
        move_peer(core, at, &peer->endpoint);
    } else {
        err = lcp_peers_add(&core->peers, peer->name, &peer->endpoint, &at);
        if (err != LCP_OK)
            return err;
        start_peer(core, at);
    }
    if (peer->has_key && !lcp_key_eq(&lcp_core_row(core, at)->key, &key)) {
        lcp_greet_forget(core, at);
        lcp_peers_pin(&core->peers, at, &key);
    }
    if (peer->version > lcp_core_row(core, at)->version)
        lcp_core_set_version(core, now_ms, at, peer->version);
    if (index != NULL)
        *index = at;
    return LCP_OK;
}

void
lcp_core_peer_del(struct lcp_core *core, uint64_t now_ms, uint32_t index)
{
    lcp_core_enter(core, now_ms);
    if (lcp_peers_at(&core->peers, index) == NULL)
        return;
    lcp_window_clear(core, index);
    lcp_live_stop(core, index);
    lcp_peers_del(&core->peers, index);
}

void
lcp_core_peer_vacate(struct lcp_core *core, uint64_t now_ms, uint32_t index)
{
    static const struct lcp_endpoint nowhere;

    lcp_core_enter(core, now_ms);
    if (lcp_peers_at(&core->peers, index) != NULL)
        lcp_peers_move(&core->peers, index, &nowhere);
}

void
lcp_core_hurry(struct lcp_core *core, uint64_t now_ms)
{
    lcp_core_enter(core, now_ms);
    for (uint32_t i = 0; i < core->peers.cap; i++) {
        if (lcp_peers_at(&core->peers, i) == NULL)
            continue;
        lcp_live_hurry(core, i);
        lcp_tries_hurry(core, i);
    }
}
