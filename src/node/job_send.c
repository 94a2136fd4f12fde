/* SPDX-License-Identifier: MIT
 *
 * Jobs of the outbox: sign and store, settle, refill the window, cancel, expire, sign
 * anew. docs/protocol.md "Rules" 8, 9, 11 and 16.
 */
#include "base/bugs.h"
#include "base/text.h"
#include "node/job.h"

#include <stdlib.h>
#include <string.h>

void
lcp_draft_digest(const char *to, const char *type, struct lcp_span message,
                 const char *reply_to, uint8_t out[static LCP_DIGEST_BYTES])
{
    uint8_t parts[4][LCP_DIGEST_BYTES];

    lcp_digest(lcp_span_str(to), parts[0]);
    lcp_digest(lcp_span_str(type), parts[1]);
    lcp_digest(message, parts[2]);
    lcp_digest(lcp_span_str(reply_to), parts[3]);
    lcp_digest(lcp_span(parts, sizeof(parts)), out);
}

static uint8_t *
copy_bytes(const void *data, size_t len)
{
    uint8_t *copy = malloc(len + 1);

    if (copy != NULL) {
        memcpy(copy, data, len);
        copy[len] = 0;
    }
    return copy;
}

/* Builds the payload of a SEND or SIGN into job->raw, its digest into job->digest. */
static enum lcp_err
build_payload(struct lcp_batch *batch, struct lcp_job *job)
{
    char timestamp[40];
    size_t len = 0;
    struct lcp_draft draft = {
        .id = job->id,
        .from = batch->name,
        .to = job->peer_name,
        .type = job->type,
        .timestamp = timestamp,
        .reply_to = job->reply_to[0] != '\0' ? job->reply_to : NULL,
        .message = lcp_span(job->text, job->text_len),
        .hops = job->hops,
    };

    lcp_iso8601_print(job->wall_ms, timestamp);
    job->err = lcp_msg_build(&draft, batch->identity, batch->scratch, batch->text, &len,
                             job->digest);
    return job->err == LCP_OK ? lcp_job_take_text(batch, job, len) : LCP_OK;
}

/* What RESOLVE knows of the message answered. */
struct answered {
    struct lcp_batch *batch;
    struct lcp_job *job;
};

static bool
keep_answered(void *ctx, const struct lcp_row *row)
{
    const struct answered *answered = ctx;
    struct lcp_job *job = answered->job;
    struct lcp_msg msg;

    if (job->is_automatic &&
        lcp_msg_parse(row->raw, answered->batch->scratch, &msg) == LCP_MSG_OK)
        job->hops = lcp_msg_hops(&msg);
    strncpy(job->reply_to, row->id, sizeof(job->reply_to) - 1);
    job->reply_to[sizeof(job->reply_to) - 1] = '\0';
    if (job->peer_name[0] == '\0')
        strncpy(job->peer_name, row->peer, sizeof(job->peer_name) - 1);
    return false;
}

/* --reply-to takes a number, a prefix or a whole id. A whole id need not be known here;
 * a legacy client names nothing else. Without a receiver, an answer goes to the peer of
 * the message answered. */
static enum lcp_err
resolve_reply_to(struct lcp_batch *batch, struct lcp_job *job)
{
    const struct lcp_store_ops *ops = batch->store->ops;
    struct lcp_span text = lcp_span_str(job->reply_to);
    struct answered answered = {batch, job};
    uint64_t number;
    enum lcp_err err;

    if (text.len == 0 || job->kind == LCP_JOB_RESEND) /* a whole id */
        return LCP_OK;
    err = ops->resolve(batch->store, text, 3, &number);
    if (err == LCP_OK)
        return ops->get(batch->store, number, keep_answered, &answered);
    if (lcp_err_is_storage(err))
        return err;
    if (err == LCP_ENOTFOUND &&
        (lcp_uuid_is(text) || (!job->is_ours && lcp_id_is_valid(text))))
        return LCP_OK;
    job->err = err;
    return LCP_OK;
}

/* One id, one message: the same draft gives the same answer. */
static enum lcp_err
find_same(struct lcp_batch *batch, struct lcp_job *job, const uint8_t *digest,
          bool *is_known)
{
    struct lcp_row known = {0};
    enum lcp_err err = batch->store->ops->find_out(batch->store, job->id, &known);

    *is_known = err == LCP_OK;
    if (err == LCP_ENOTFOUND)
        return LCP_OK;
    if (err != LCP_OK)
        return err;
    job->number = known.number;
    job->state = known.state;
    job->was_transmitted = known.was_transmitted;
    job->err = memcmp(known.digest, digest, LCP_DIGEST_BYTES) == 0 ? LCP_EEXIST
                                                                   : LCP_ECONFLICT;
    return LCP_OK;
}

enum lcp_err
lcp_job_send(struct lcp_batch *batch, struct lcp_job *job)
{
    struct lcp_row row = {0};
    bool is_known = false;
    enum lcp_err err;

    job->hops = 0;
    err = resolve_reply_to(batch, job);
    if (job->is_automatic && job->hops < UINT32_MAX)
        job->hops++;
    if (err == LCP_OK && job->err == LCP_OK && job->peer_name[0] == '\0')
        job->err = LCP_ECLOSED;
    if (err != LCP_OK || job->err != LCP_OK)
        return err;
    lcp_draft_digest(job->peer_name, job->type, lcp_span(job->text, job->text_len),
                     job->reply_to, row.digest);
    err = find_same(batch, job, row.digest, &is_known);
    if (err != LCP_OK || is_known)
        return err;
    err = build_payload(batch, job);
    if (err != LCP_OK || job->err != LCP_OK)
        return err;
    row.dir = LCP_OUT;
    row.state = LCP_SENT_QUEUED;
    row.peer = job->peer_name;
    row.key = batch->identity->key;
    row.id = job->id;
    row.type = job->type;
    row.reply_to = job->reply_to;
    row.reason = "";
    row.raw = lcp_span(job->raw, job->raw_len);
    memcpy(row.canon_digest, job->digest, sizeof(row.canon_digest));
    row.wall_ms = row.state_wall_ms = job->wall_ms;
    row.was_transmitted = job->is_reserved;
    row.expires_life_ms = job->ttl_s == 0 ? 0 : job->life_ms + job->ttl_s * 1000;
    job->state = LCP_SENT_QUEUED;
    job->was_transmitted = job->is_reserved;
    return batch->store->ops->add(batch->store, &row, &job->number);
}

enum lcp_err
lcp_job_sign(struct lcp_batch *batch, struct lcp_job *job)
{
    return build_payload(batch, job);
}

enum lcp_err
lcp_job_settle(struct lcp_batch *batch, struct lcp_job *job)
{
    bool moved;
    enum lcp_err err = lcp_store_set_state(batch->store, LCP_OUT, job->number,
                                           LCP_SENT_ACKED, NULL, job->wall_ms, &moved);

    job->state = LCP_SENT_ACKED;
    return err == LCP_ENOTFOUND ? LCP_OK : err;
}

struct refill {
    struct lcp_batch *batch;
    struct lcp_job *job;
    enum lcp_err err;
};

static bool
take_offer(void *ctx, const struct lcp_row *row)
{
    struct refill *r = ctx;
    struct lcp_job_offer *offer = &r->job->offers[r->job->offer_count];

    offer->raw = copy_bytes(row->raw.data, row->raw.len);
    if (offer->raw == NULL) {
        r->err = LCP_ENOMEM;
        return false;
    }
    offer->len = row->raw.len;
    offer->number = row->number;
    offer->was_transmitted = row->was_transmitted;
    r->job->offer_count++;
    r->job->through = row->number;
    return r->job->offer_count < r->job->count;
}

/* What is offered counts as transmitted before it is: after a crash nobody may call
 * it untouched. */
enum lcp_err
lcp_job_refill(struct lcp_batch *batch, struct lcp_job *job)
{
    const struct lcp_store_ops *ops = batch->store->ops;
    struct refill r = {.batch = batch, .job = job, .err = LCP_OK};
    enum lcp_err err;

    job->through = job->after;
    job->offers = calloc(job->count, sizeof(job->offers[0]));
    if (job->offers == NULL)
        return LCP_ENOMEM;
    err = ops->each_queued(batch->store, job->peer_name, job->after, job->count,
                           job->bytes_max, &job->more, take_offer, &r);
    if (err == LCP_OK)
        err = r.err;
    /* A probe of a peer that is away writes nothing. */
    for (uint32_t i = 0; err == LCP_OK && i < job->offer_count; i++) {
        if (!job->offers[i].was_transmitted)
            err = ops->set_transmitted(batch->store, job->offers[i].number);
    }
    return err;
}

/* The state a message has, and the one cancelling should give it. */
struct cancel {
    struct lcp_job *job;
    int wanted;
};

static bool
keep_cancel(void *ctx, const struct lcp_row *row)
{
    struct cancel *c = ctx;

    c->job->state = row->state;
    c->wanted = row->was_transmitted ? LCP_SENT_CANCEL_REQUESTED : LCP_SENT_CANCELLED;
    strncpy(c->job->id, row->id, sizeof(c->job->id) - 1);
    return false;
}

/* job->reply_to holds what the caller named. Afterwards job->state is that of
 * the message. */
enum lcp_err
lcp_job_cancel(struct lcp_batch *batch, struct lcp_job *job)
{
    const struct lcp_store_ops *ops = batch->store->ops;
    struct cancel c = {.job = job};
    bool moved = false;
    enum lcp_err err = ops->resolve(batch->store, lcp_span_str(job->reply_to), 2,
                                    &job->number);

    if (err == LCP_OK)
        err = ops->get(batch->store, job->number, keep_cancel, &c);
    if (err == LCP_OK)
        err = lcp_store_set_state(batch->store, LCP_OUT, job->number, c.wanted,
                                  "cancelled here", job->wall_ms, &moved);
    if (moved)
        job->state = c.wanted;
    job->done = moved;
    if (lcp_err_is_storage(err))
        return err;
    job->err = err;
    return LCP_OK;
}

/* Numbers of both directions, gathered before they are changed. */
struct expired {
    struct lcp_job *job;
    bool is_held[LCP_EXPIRE_MAX];
};

static bool
take_expired(void *ctx, const struct lcp_row *row)
{
    struct expired *e = ctx;
    struct lcp_job *job = e->job;

    e->is_held[job->number_count] = row->dir == LCP_IN;
    if (row->dir == LCP_IN && row->wants_receipts)
        lcp_job_owe(job, row->peer);
    job->numbers[job->number_count++] = row->number;
    return job->number_count < LCP_EXPIRE_MAX;
}

/* A message of ours that nobody acknowledged, or one that waited here for a person. */
static enum lcp_err
expire_one(struct lcp_batch *batch, struct lcp_job *job, uint64_t number, bool is_held)
{
    struct lcp_change change = {
        .state = LCP_SENT_EXPIRED, .reason = "ttl", .wall_ms = job->wall_ms};
    bool moved;

    if (is_held) {
        change.state = LCP_IN_REFUSED;
        change.reason = "declined";
        change.detail = "held for 7 days, nobody released it";
    }
    return batch->store->ops->change(batch->store, is_held ? LCP_IN : LCP_OUT, number,
                                     &change, &moved);
}

/* Afterwards numbers are those of our own messages, done counts the held. */
enum lcp_err
lcp_job_expire(struct lcp_batch *batch, struct lcp_job *job)
{
    const struct lcp_store_ops *ops = batch->store->ops;
    struct expired e = {.job = job};
    uint32_t ours = 0;
    enum lcp_err err;

    free(job->numbers);
    job->number_count = 0;
    job->numbers = calloc(LCP_EXPIRE_MAX, sizeof(job->numbers[0]));
    if (job->numbers == NULL)
        return LCP_ENOMEM;
    err = ops->each_expired(batch->store, job->life_ms, LCP_EXPIRE_MAX, take_expired,
                            &e);
    for (uint32_t i = 0; err == LCP_OK && i < job->number_count; i++) {
        err = expire_one(batch, job, job->numbers[i], e.is_held[i]);
        if (!e.is_held[i])
            job->numbers[ours++] = job->numbers[i];
    }
    if (err != LCP_OK)
        return err;
    job->done = job->number_count - ours;
    job->number_count = ours;
    return ops->next_expiry(batch->store, &job->next_expiry);
}

/* What RESIGN keeps of a row while it builds the new payload. */
struct resign {
    struct lcp_batch *batch;
    struct lcp_job *job;
    bool was_transmitted, is_right;
};

static bool
keep_draft(void *ctx, const struct lcp_row *row)
{
    struct resign *r = ctx;
    struct lcp_job *job = r->job;
    struct lcp_msg msg;
    size_t len = 0;

    r->was_transmitted = row->was_transmitted;
    if (lcp_msg_parse(row->raw, r->batch->scratch, &msg) != LCP_MSG_OK)
        return false;
    r->is_right = lcp_key_eq(&row->key, &r->batch->identity->key) &&
                  lcp_msg_is(&msg, msg.from, r->batch->name);
    job->hops = lcp_msg_hops(&msg);
    free(job->text);
    job->text = malloc(row->raw.len + 1);
    if (job->text == NULL || lcp_json_string(&msg.doc, msg.message, (char *)job->text,
                                             row->raw.len + 1, &len) != LCP_OK)
        return false;
    job->text_len = len;
    strncpy(job->id, row->id, sizeof(job->id) - 1);
    strncpy(job->type, row->type, sizeof(job->type) - 1);
    strncpy(job->reply_to, row->reply_to, sizeof(job->reply_to) - 1);
    strncpy(job->peer_name, row->peer, sizeof(job->peer_name) - 1);
    return false;
}

/* A queued message that a former identity of ours signed: signed anew if nobody can
 * have seen it. */
enum lcp_err
lcp_job_resign(struct lcp_batch *batch, struct lcp_job *job)
{
    const struct lcp_store_ops *ops = batch->store->ops;
    struct resign r = {.batch = batch, .job = job};
    bool moved;
    enum lcp_err err = ops->get(batch->store, job->number, keep_draft, &r);

    if (err == LCP_ENOTFOUND || (err == LCP_OK && r.is_right))
        return LCP_OK;
    if (err == LCP_OK && !r.was_transmitted && job->text != NULL) {
        err = build_payload(batch, job);
        if (err == LCP_OK && job->err == LCP_OK)
            return ops->resign(batch->store, job->number,
                               lcp_span(job->raw, job->raw_len), &batch->identity->key,
                               job->digest);
    }
    if (err != LCP_OK)
        return err;
    job->err = LCP_OK;
    return lcp_store_set_state(batch->store, LCP_OUT, job->number, LCP_SENT_EXPIRED,
                               "identity-changed", job->wall_ms, &moved);
}
