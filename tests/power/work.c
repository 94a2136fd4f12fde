/* SPDX-License-Identifier: MIT
 *
 * The jobs of the power test and the picture of a record. Both use nothing but the
 * operations of a store.
 */
#include "power/work.h"

#include <stdio.h>
#include <stdlib.h>

#include "check.h"

enum { PEERS = 5, METAS = 3, TICK_MS = 1000 };

static void
name_peer(uint64_t number, char out[static LCP_NAME_MAX + 1])
{
    snprintf(out, LCP_NAME_MAX + 1, "peer-%u", (unsigned)(number % PEERS));
}

static struct lcp_key
key_of(uint64_t number)
{
    struct lcp_key key;

    memset(key.bytes, (int)(number % 7 + 1), sizeof(key.bytes));
    return key;
}

static size_t
draw_length(struct sim_random *random)
{
    uint64_t size = sim_random_in(random, 0, 99);

    if (size < 80)
        return (size_t)sim_random_in(random, 60, 600);
    return (size_t)sim_random_in(random, 600, size < 98 ? 8000 : POWER_RAW_MAX);
}

static enum power_job_kind
draw_kind(struct sim_random *random)
{
    static const uint8_t weights[] = {
        [POWER_ADD_IN] = 40,     [POWER_ADD_OUT] = 30, [POWER_MOVE_IN] = 25,
        [POWER_MOVE_OUT] = 20,   [POWER_PIN] = 4,      [POWER_UNPIN] = 2,
        [POWER_TRANSMITTED] = 8, [POWER_RESIGN] = 5,   [POWER_PURGE] = 3,
        [POWER_LIFE] = 10,       [POWER_SEEN] = 2,     [POWER_TOLD] = 10,
        [POWER_PEER] = 5,        [POWER_AUDIT] = 3,    [POWER_FORGET_PEER] = 1,
    };
    uint64_t lot, sum = 0;
    size_t kind = 0;

    for (size_t i = 0; i < COUNT_OF(weights); i++)
        sum += weights[i];
    lot = sim_random_in(random, 0, sum - 1);
    while (lot >= weights[kind])
        lot -= weights[kind++];
    return (enum power_job_kind)kind;
}

struct power_job
power_job_draw(struct sim_random *random, uint64_t known, uint64_t *next)
{
    static const int in_states[] = {LCP_IN_STORED, LCP_IN_HANDED, LCP_IN_ARCHIVED,
                                    LCP_IN_REFUSED, LCP_IN_CONSUMED};
    static const int out_states[] = {LCP_SENT_CANCEL_REQUESTED,
                                     LCP_SENT_CANCELLED,
                                     LCP_SENT_EXPIRED,
                                     LCP_SENT_ACKED,
                                     LCP_SENT_HELD,
                                     LCP_SENT_STORED,
                                     LCP_SENT_READ,
                                     LCP_SENT_DONE,
                                     LCP_SENT_REFUSED};
    struct power_job job = {.kind = draw_kind(random)};
    bool is_repeat = *next > 0 && sim_random_chance(random, 50);
    uint64_t id = is_repeat ? sim_random_in(random, 0, *next - 1) : (*next)++;

    job.lot = sim_random_next(random);
    job.number = sim_random_in(random, 1, known + 1);
    job.raw_len = draw_length(random);
    job.state = job.kind == POWER_MOVE_OUT ? out_states[job.lot % COUNT_OF(out_states)]
                                           : in_states[job.lot % COUNT_OF(in_states)];
    name_peer(job.lot >> 8, job.peer);
    snprintf(job.id, sizeof(job.id), "%08x-0000-4000-8000-%012x",
             (unsigned)(id * UINT64_C(0x9E3779B1)), (unsigned)id);
    return job;
}

static enum lcp_err
add(struct lcp_store *s, const struct power_job *job, struct lcp_span raw)
{
    bool is_out = job->kind == POWER_ADD_OUT;
    uint64_t number = 0;
    bool is_held = !is_out && job->lot % 5 == 0;
    struct lcp_row row = {
        .dir = is_out ? LCP_OUT : LCP_IN,
        .state = is_held ? (int)LCP_IN_HELD : 0,
        .peer = job->peer,
        .key = key_of(job->lot >> 8),
        .id = job->id,
        .type = job->lot % 3 == 0 ? "task" : "chat",
        .reply_to = job->lot % 4 == 0 ? job->id : "",
        .raw = raw,
        .wall_ms = (int64_t)(job->lot % 1000) * TICK_MS,
        .expires_life_ms = job->lot % 2 == 0 ? job->lot % 100000 : 0,
        .wants_receipts = job->lot % 7 < 5,
        .owes = job->lot % 7 == 0,
        .reason = is_held ? "policy" : "",
        .detail = job->lot % 11 == 0 ? "too many of them" : "",
    };

    lcp_digest(raw, row.digest);
    lcp_digest(lcp_span(raw.data, raw.len / 2), row.canon_digest);
    if (!is_out && job->lot % 13 == 0) { /* by policy, without a body */
        row.state = LCP_IN_REFUSED;
        row.raw.len = 0;
    }
    return s->ops->add(s, &row, &number);
}

static enum lcp_err
do_with_raw(struct lcp_store *s, const struct power_job *job)
{
    struct sim_random random = {job->lot};
    struct lcp_key key = key_of(job->lot >> 16);
    uint8_t canon[LCP_DIGEST_BYTES] = {(uint8_t)job->lot};
    uint8_t *raw = malloc(job->raw_len);
    enum lcp_err err;

    REQUIRE(raw != NULL);
    sim_random_fill(&random, raw, job->raw_len);
    for (size_t i = 0; i < job->raw_len; i++)
        raw[i] |= raw[i] == 0; /* JSON holds no NUL */
    if (job->kind == POWER_RESIGN)
        err = s->ops->resign(s, job->number, lcp_span(raw, job->raw_len), &key, canon);
    else
        err = add(s, job, lcp_span(raw, job->raw_len));
    free(raw);
    return err;
}

static enum lcp_err
move(struct lcp_store *s, const struct power_job *job)
{
    enum lcp_direction dir = job->kind == POWER_MOVE_OUT ? LCP_OUT : LCP_IN;
    char evidence[64];
    struct lcp_change change = {
        .state = job->state,
        .reason = job->lot % 2 == 0 ? "so it is" : NULL,
        .detail = job->lot % 3 == 0 ? "nobody released it" : NULL,
        .wall_ms = (int64_t)(job->lot % 1000) * TICK_MS,
        .told = job->lot % 5 == 0,
    };
    bool moved = false;

    snprintf(evidence, sizeof(evidence), "{\"lot\":%llu}",
             (unsigned long long)job->lot);
    if (job->lot % 4 != 0)
        change.evidence = lcp_span_str(evidence);
    return s->ops->change(s, dir, job->number, &change, &moved);
}

static enum lcp_err
do_to_peer(struct lcp_store *s, const struct power_job *job)
{
    struct lcp_key key = key_of(job->lot >> 16);
    struct lcp_store_peer peer = {.version = job->lot % 2 == 0 ? LCP_VERSION_1_2 : 0,
                                  .is_paused = job->lot % 3 == 0,
                                  .rate_life_ms = job->lot % 100000};

    switch (job->kind) {
    case POWER_PIN:
        return s->ops->pin_put(s, job->peer, &key, "first contact",
                               (int64_t)(job->lot % 1000) * TICK_MS);
    case POWER_UNPIN:
        return s->ops->pin_del(s, job->peer);
    case POWER_FORGET_PEER:
        return s->ops->peer_del(s, job->peer);
    default:
        return s->ops->peer_put(s, job->peer, &peer);
    }
}

enum lcp_err
power_job_do(struct lcp_store *s, const struct power_job *job)
{
    int64_t wall_ms = (int64_t)(job->lot % 1000) * TICK_MS;
    struct lcp_audit audit = {0, wall_ms, "uid 1", "release", job->id};
    char name[LCP_NAME_MAX + 1];
    uint64_t purged = 0;

    switch (job->kind) {
    case POWER_ADD_IN:
    case POWER_ADD_OUT:
    case POWER_RESIGN:
        return do_with_raw(s, job);
    case POWER_MOVE_IN:
    case POWER_MOVE_OUT:
        return move(s, job);
    case POWER_TRANSMITTED:
        return s->ops->set_transmitted(s, job->number);
    case POWER_TOLD:
        return s->ops->set_told(s, job->number, job->state);
    case POWER_PURGE:
        return s->ops->purge(s, wall_ms, 20, &purged);
    case POWER_PIN:
    case POWER_UNPIN:
    case POWER_PEER:
    case POWER_FORGET_PEER:
        return do_to_peer(s, job);
    case POWER_LIFE:
        snprintf(name, sizeof(name), "meta-%u", (unsigned)(job->lot % METAS));
        return s->ops->meta_put(s, name, (int64_t)(job->lot >> 2));
    case POWER_SEEN:
        return s->ops->add_seen_any(s, job->id);
    case POWER_AUDIT:
        return s->ops->audit_add(s, &audit);
    }
    return LCP_EINVAL;
}

static void
put(struct power_dump *d, const void *data, size_t len)
{
    if (d->len + len > d->cap) {
        d->cap = 2 * d->cap + len;
        d->data = realloc(d->data, d->cap);
        REQUIRE(d->data != NULL);
    }
    if (len > 0)
        memcpy(d->data + d->len, data, len);
    d->len += len;
}

static void
put_text(struct power_dump *d, const char *text)
{
    put(d, text, strlen(text) + 1);
}

static void
put_number(struct power_dump *d, uint64_t number)
{
    put(d, &number, sizeof(number));
}

static bool
put_row(void *ctx, const struct lcp_row *row)
{
    struct power_dump *d = ctx;
    uint8_t digest[LCP_DIGEST_BYTES];

    lcp_digest(row->raw, digest);
    put_number(d, row->number);
    put_number(d, row->changed);
    put_number(d, (uint64_t)row->dir);
    put_number(d, (uint64_t)row->state);
    put_number(d, (uint64_t)row->wall_ms);
    put_number(d, (uint64_t)row->state_wall_ms);
    put_number(d, row->expires_life_ms);
    put_number(d, row->was_transmitted);
    put_number(d, row->wants_receipts);
    put_number(d, row->owes);
    put_number(d, row->raw.len);
    put(d, digest, sizeof(digest));
    put(d, row->digest, sizeof(row->digest));
    put(d, row->canon_digest, sizeof(row->canon_digest));
    put_number(d, row->evidence.len);
    put(d, row->evidence.data, row->evidence.len);
    put(d, row->key.bytes, sizeof(row->key.bytes));
    put_text(d, row->peer);
    put_text(d, row->id);
    put_text(d, row->type);
    put_text(d, row->reply_to);
    put_text(d, row->reason);
    put_text(d, row->detail);
    put_text(d, row->file);
    return true;
}

static bool
put_row_number(void *ctx, const struct lcp_row *row)
{
    put_number(ctx, row->number);
    return true;
}

static bool
put_audit(void *ctx, const struct lcp_audit *audit)
{
    put_number(ctx, audit->number);
    put_number(ctx, (uint64_t)audit->wall_ms);
    put_text(ctx, audit->who);
    put_text(ctx, audit->what);
    put_text(ctx, audit->detail);
    return true;
}

static bool
put_id(void *ctx, const char *id)
{
    put_text(ctx, id);
    return true;
}

static bool
put_peer(struct lcp_store *s, const char *name, struct power_dump *d)
{
    struct lcp_store_peer peer = {0};
    struct lcp_store_usage usage = {0};
    uint64_t queued = 0;

    if (s->ops->peer_get(s, name, &peer) != LCP_OK ||
        s->ops->usage(s, name, &usage) != LCP_OK ||
        s->ops->queued_to(s, name, &queued) != LCP_OK ||
        s->ops->each_owed(s, name, UINT32_MAX, put_row_number, d) != LCP_OK)
        return false;
    put_number(d, (uint64_t)peer.version);
    put_number(d, peer.is_paused);
    put_number(d, peer.rate_life_ms);
    put_number(d, usage.messages);
    put_number(d, usage.bytes);
    put_number(d, queued);
    return true;
}

static bool
put_small(struct lcp_store *s, struct power_dump *d)
{
    for (unsigned i = 0; i < PEERS; i++) {
        char peer[LCP_NAME_MAX + 1], how[32] = "";
        struct lcp_key key = {{0}};
        int64_t wall_ms = 0;
        enum lcp_err err;

        name_peer(i, peer);
        err = s->ops->pin_get(s, peer, &key, how, &wall_ms);
        if ((err != LCP_OK && err != LCP_ENOTFOUND) || !put_peer(s, peer, d))
            return false;
        put_number(d, err);
        if (err == LCP_OK) {
            put(d, key.bytes, sizeof(key.bytes));
            put_text(d, how);
            put_number(d, (uint64_t)wall_ms);
        }
    }
    for (unsigned i = 0; i < METAS; i++) {
        char name[LCP_NAME_MAX + 1];
        int64_t value = 0;
        enum lcp_err err;

        snprintf(name, sizeof(name), "meta-%u", i);
        err = s->ops->meta_get(s, name, &value);
        if (err != LCP_OK && err != LCP_ENOTFOUND)
            return false;
        put_number(d, err);
        put_number(d, (uint64_t)value);
    }
    return true;
}

bool
power_dump(struct lcp_store *s, struct power_dump *out)
{
    struct lcp_store_counts counts = {0};
    uint64_t next_ms = 0;

    out->len = 0;
    if (s->ops->counts(s, &counts) != LCP_OK)
        return false;
    for (uint64_t number = 1; number <= counts.total; number++)
        if (s->ops->get(s, number, put_row, out) != LCP_OK)
            return false;
    /* The same by its indexes, which must not say otherwise. */
    for (int dir = LCP_IN; dir <= LCP_OUT; dir++) {
        struct lcp_query all = {.dir = (enum lcp_direction)dir,
                                .state_min = LCP_IN_HELD,
                                .state_max = 99,
                                .without_raw = true};
        struct lcp_query open = all;

        open.state_max = dir == LCP_IN ? (int)LCP_IN_HANDED : (int)LCP_SENT_QUEUED;
        open.without_paused = true;
        if (s->ops->each(s, &all, put_row_number, out) != LCP_OK ||
            s->ops->each(s, &open, put_row_number, out) != LCP_OK)
            return false;
    }
    if (s->ops->next_expiry(s, &next_ms) != LCP_OK ||
        s->ops->each_expired(s, 50000, UINT32_MAX, put_row_number, out) != LCP_OK ||
        s->ops->each_creditor(s, put_id, out) != LCP_OK ||
        s->ops->each_paused(s, put_id, out) != LCP_OK ||
        s->ops->each_audit(s, UINT32_MAX, put_audit, out) != LCP_OK ||
        s->ops->each_seen(s, UINT32_MAX, put_id, out) != LCP_OK)
        return false;
    put_number(out, counts.inbox);
    put_number(out, counts.unhanded);
    put_number(out, counts.held);
    put_number(out, counts.queued);
    put_number(out, counts.total);
    put_number(out, next_ms);
    return put_small(s, out);
}
