/* SPDX-License-Identifier: MIT
 *
 * ADMIT: everything that must hold before a peer's message may be acknowledged, decided
 * in the transaction that stores it. docs/protocol.md "Rules" 2 to 5, and "LCP/1.2".
 */
#include "base/bugs.h"
#include "node/job.h"

/* Puts the message into the record. Of one that is refused only that much stays as it
 * takes to say so again. */
static enum lcp_err
store_message(struct lcp_batch *batch, struct lcp_job *job, const struct lcp_msg *msg)
{
    struct lcp_row row = {
        .dir = LCP_IN,
        .state = LCP_IN_STORED,
        .peer = job->peer_name,
        .key = msg->key,
        .id = msg->id,
        .type = job->type,
        .reply_to = job->reply_to,
        .reason = job->reason,
        .detail = job->detail,
        .raw = msg->raw,
        .wants_receipts = job->wants_receipt,
        .wall_ms = job->wall_ms,
        .state_wall_ms = job->wall_ms,
    };

    if (job->word == LCP_WORD_HELD) {
        row.state = LCP_IN_HELD;
        row.expires_life_ms = job->life_ms + LCP_HELD_LIFE_MS;
    } else if (job->word == LCP_WORD_REFUSED) {
        row.state = LCP_IN_REFUSED;
        row.raw = lcp_span(NULL, 0);
    } else if (job->is_consumed) {
        row.state = LCP_IN_CONSUMED;
        row.raw = lcp_span("", 0); /* nobody ever reads it */
    }
    memcpy(row.digest, job->digest, sizeof(row.digest));
    return batch->store->ops->add(batch->store, &row, &job->number);
}

/* Did this very transaction pin the key to another peer? One key is one peer. */
static bool
is_pinned_to_another(const struct lcp_batch *batch, const struct lcp_job *job,
                     const struct lcp_key *key)
{
    for (uint32_t i = 0; i < batch->count; i++) {
        const struct lcp_job *other = batch->jobs[i];

        if (other != job && other->has_pinned && lcp_key_eq(&other->key, key) &&
            strcmp(other->peer_name, job->peer_name) != 0)
            return true;
    }
    return job->is_key_taken;
}

enum lcp_err
lcp_job_check_pin(struct lcp_batch *batch, struct lcp_job *job,
                  const struct lcp_key *key, bool *is_right)
{
    const struct lcp_store_ops *ops = batch->store->ops;
    struct lcp_key pinned;
    char how[32];
    int64_t when;
    enum lcp_err err = ops->pin_get(batch->store, job->peer_name, &pinned, how, &when);

    if (lcp_bug(LCP_BUG_PIN_NOT_RECHECKED)) {
        *is_right = true;
        return LCP_OK;
    }
    if (err == LCP_OK) {
        *is_right = lcp_key_eq(&pinned, key);
        return LCP_OK;
    }
    if (err != LCP_ENOTFOUND)
        return err;
    *is_right = !batch->require_key && !is_pinned_to_another(batch, job, key);
    if (!*is_right)
        return LCP_OK;
    job->has_pinned = true;
    return ops->pin_put(batch->store, job->peer_name, key, "first contact",
                        job->wall_ms);
}

/* To a sender without receipts nothing can be said of a refusal, so nothing is kept. */
static enum lcp_err
carry_out_word(struct lcp_batch *batch, struct lcp_job *job, const struct lcp_msg *msg)
{
    enum lcp_err err = LCP_OK;

    job->has_word = job->wants_receipt;
    switch (job->word) {
    case LCP_WORD_LATER:
        job->admission = LCP_ADM_LATER;
        break;
    case LCP_WORD_REFUSED:
        job->admission = LCP_ADM_NOT_TAKEN;
        if (job->wants_receipt)
            err = store_message(batch, job, msg);
        break;
    default:
        job->admission = LCP_ADM_STORED;
        err = store_message(batch, job, msg);
        break;
    }
    return err;
}

static enum lcp_err
admit_new(struct lcp_batch *batch, struct lcp_job *job, const struct lcp_msg *msg)
{
    bool is_right = false;
    enum lcp_err err;

    if (!lcp_msg_verify(msg, batch->scratch, job->digest)) {
        job->admission = LCP_ADM_BADSIG;
        return LCP_OK;
    }
    err = lcp_job_check_pin(batch, job, &msg->key, &is_right);
    if (err != LCP_OK)
        return err;
    if (!is_right) {
        job->admission = LCP_ADM_REFUSED;
        return LCP_OK;
    }
    err = lcp_policy_decide(batch, job, msg->is_marked);
    return err == LCP_OK ? carry_out_word(batch, job, msg) : err;
}

/* ---- what is known ---- */

static bool
keep_word(void *ctx, const struct lcp_row *row)
{
    struct lcp_job *job = ctx;

    lcp_job_say(job, lcp_word_of(row->state), row->reason, row->detail);
    /* One that was refused as it came was never taken: a bare ACK would be a lie. */
    if (row->state == LCP_IN_REFUSED && row->raw.len == 0)
        job->admission = LCP_ADM_NOT_TAKEN;
    return false;
}

/* Answered again, with its present state. */
static enum lcp_err
answer_again(struct lcp_batch *batch, struct lcp_job *job, const struct lcp_row *known)
{
    job->admission = LCP_ADM_DUPLICATE;
    job->has_word = job->wants_receipt;
    lcp_job_say(job, LCP_WORD_STORED, "", "");
    if (known->number == 0)
        return LCP_OK; /* its id came with what was taken over from a Python node */
    return batch->store->ops->get(batch->store, known->number, keep_word, job);
}

/* Of what was taken over from a Python node the canonical form, or all but the id, is
 * not known. */
static bool
content_is_known(const struct lcp_row *known)
{
    static const uint8_t unknown[LCP_DIGEST_BYTES];

    return known->number != 0 && memcmp(known->digest, unknown, sizeof(unknown)) != 0;
}

/* Same content is answered again, and only that may skip Ed25519; anything else must be
 * verified before it is worth a word. */
static enum lcp_err
admit_known(struct lcp_batch *batch, struct lcp_job *job, const struct lcp_msg *msg,
            const struct lcp_row *known)
{
    struct lcp_span canon;

    job->number = known->number;
    if (lcp_msg_canon(msg, batch->scratch, &canon) != LCP_OK) {
        job->admission = LCP_ADM_BADSIG;
        return LCP_OK;
    }
    lcp_digest(canon, job->digest);
    if (content_is_known(known) &&
        memcmp(job->digest, known->digest, sizeof(job->digest)) == 0)
        return answer_again(batch, job, known);
    if (!lcp_bug(LCP_BUG_CONFLICT_UNVERIFIED) &&
        !lcp_msg_verify(msg, batch->scratch, NULL)) {
        job->admission = LCP_ADM_BADSIG;
        return LCP_OK;
    }
    if (!content_is_known(known))
        return answer_again(batch, job, known);
    job->admission = LCP_ADM_CONFLICT;
    job->has_word = job->wants_receipt;
    lcp_job_say(job, LCP_WORD_REFUSED, "conflict",
                "another message with this id came before");
    return LCP_OK;
}

enum lcp_err
lcp_job_admit(struct lcp_batch *batch, struct lcp_job *job)
{
    struct lcp_msg msg;
    struct lcp_row known = {0};
    enum lcp_err err;

    job->has_pinned = job->has_word = false;
    if (lcp_msg_parse(lcp_span(job->raw, job->raw_len), batch->scratch, &msg) !=
        LCP_MSG_OK) {
        job->admission =
            LCP_ADM_BADSIG; /* the machine parsed these bytes: cannot happen */
        return LCP_OK;
    }
    err = batch->store->ops->find_in(batch->store, &msg.key, msg.id, &known);
    if (err == LCP_OK)
        return admit_known(batch, job, &msg, &known);
    if (err == LCP_ENOTFOUND)
        return admit_new(batch, job, &msg);
    return err;
}

/* Outside of a transaction, so only what is durable is seen. */
void
lcp_job_admit_later(struct lcp_batch *batch, struct lcp_job *job)
{
    struct lcp_msg msg;
    struct lcp_row known = {0};
    enum lcp_err err;

    job->admission = LCP_ADM_LATER;
    job->has_pinned = job->has_word = false;
    /* Without a pin there is nobody to speak to. */
    if (!job->wants_receipt || job->is_first_contact ||
        lcp_msg_parse(lcp_span(job->raw, job->raw_len), batch->scratch, &msg) !=
            LCP_MSG_OK)
        return;
    err = batch->store->ops->find_in(batch->store, &msg.key, msg.id, &known);
    if (err == LCP_OK) {
        err = admit_known(batch, job, &msg, &known);
        if (err == LCP_OK)
            job->err = LCP_OK;
        else
            job->has_word = false;
        return;
    }
    if (err != LCP_ENOTFOUND)
        return; /* nobody knows whether it is stored */
    if (!lcp_msg_verify(&msg, batch->scratch, job->digest)) {
        job->admission = LCP_ADM_BADSIG;
        return;
    }
    lcp_job_say(job, LCP_WORD_LATER, "storage", "the receiver cannot store it now");
    job->retry_s = LCP_LATER_STORAGE_S;
    job->has_word = true;
}

enum lcp_err
lcp_job_verify(struct lcp_batch *batch, struct lcp_job *job)
{
    struct lcp_msg msg;

    job->err = LCP_EAUTH;
    if (lcp_msg_parse(lcp_span(job->raw, job->raw_len), batch->scratch, &msg) ==
            LCP_MSG_OK &&
        lcp_msg_verify(&msg, batch->scratch, NULL))
        job->err = LCP_OK;
    return LCP_OK;
}
