/* SPDX-License-Identifier: MIT
 *
 * ADMIT: everything that must hold before a peer's message may be acknowledged, decided
 * in the transaction that stores it. docs/protocol.md "Rules" 2 to 5.
 */
#include "base/bugs.h"
#include "node/job.h"

#include <string.h>

/* Puts the message into the record. */
static enum lcp_err
store_message(struct lcp_batch *batch, struct lcp_job *job, const struct lcp_msg *msg,
              const uint8_t *digest)
{
    struct lcp_row row = {
        .dir = LCP_IN,
        .state = job->is_consumed ? LCP_IN_CONSUMED : LCP_IN_STORED,
        .peer = job->peer_name,
        .key = msg->key,
        .id = msg->id,
        .type = job->type,
        .reply_to = job->reply_to,
        .reason = "",
        .raw = msg->raw,
        .wall_ms = job->wall_ms,
        .state_wall_ms = job->wall_ms,
    };
    enum lcp_err err;

    memcpy(row.digest, digest, sizeof(row.digest));
    err = batch->store->ops->add(batch->store, &row, &job->number);
    if (err == LCP_OK)
        job->admission = LCP_ADM_STORED;
    return err;
}

/* Did this very transaction pin the key to another peer? One key is one peer. */
static bool
is_pinned_to_another(const struct lcp_batch *batch, const struct lcp_job *job,
                     const struct lcp_key *key)
{
    for (uint32_t i = 0; i < batch->count; i++) {
        const struct lcp_job *other = batch->jobs[i];

        if (other != job && other->kind == LCP_JOB_ADMIT && other->has_pinned &&
            lcp_key_eq(&other->key, key) &&
            strcmp(other->peer_name, job->peer_name) != 0)
            return true;
    }
    return job->is_key_taken;
}

/* The pin decides, here and not before: it may have changed since the machine looked.
 */
static enum lcp_err
check_pin(struct lcp_batch *batch, struct lcp_job *job, const struct lcp_msg *msg,
          bool *is_right)
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
        *is_right = lcp_key_eq(&pinned, &msg->key);
        return LCP_OK;
    }
    if (err != LCP_ENOTFOUND)
        return err;
    *is_right = !is_pinned_to_another(batch, job, &msg->key);
    if (!*is_right)
        return LCP_OK;
    job->has_pinned = true;
    return ops->pin_put(batch->store, job->peer_name, &msg->key, "first contact",
                        job->wall_ms);
}

static enum lcp_err
admit_new(struct lcp_batch *batch, struct lcp_job *job, const struct lcp_msg *msg)
{
    uint8_t digest[LCP_DIGEST_BYTES];
    bool is_right = false;
    enum lcp_err err;

    if (!lcp_msg_verify(msg, batch->scratch, digest)) {
        job->admission = LCP_ADM_BADSIG;
        return LCP_OK;
    }
    err = check_pin(batch, job, msg, &is_right);
    if (err != LCP_OK)
        return err;
    if (!is_right) {
        job->admission = LCP_ADM_REFUSED;
        return LCP_OK;
    }
    return store_message(batch, job, msg, digest);
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
    uint8_t digest[LCP_DIGEST_BYTES];

    job->number = known->number;
    if (content_is_known(known)) {
        if (lcp_msg_canon(msg, batch->scratch, &canon) != LCP_OK) {
            job->admission = LCP_ADM_BADSIG;
            return LCP_OK;
        }
        lcp_digest(canon, digest);
        if (memcmp(digest, known->digest, sizeof(digest)) == 0) {
            job->admission = LCP_ADM_DUPLICATE;
            return LCP_OK;
        }
    }
    if (!lcp_msg_verify(msg, batch->scratch, digest))
        job->admission = LCP_ADM_BADSIG;
    else if (!content_is_known(known))
        job->admission = LCP_ADM_DUPLICATE;
    else
        job->admission = LCP_ADM_CONFLICT;
    return LCP_OK;
}

enum lcp_err
lcp_job_admit(struct lcp_batch *batch, struct lcp_job *job)
{
    struct lcp_msg msg;
    struct lcp_row known = {0};
    enum lcp_err err;

    job->has_pinned = false;
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
