/* SPDX-License-Identifier: MIT
 *
 * What a peer may do here, decided in the transaction that stores its message and
 * before an agent sees anything. docs/protocol.md "Policy".
 */
#include <stdio.h>

#include "base/bugs.h"
#include "node/job.h"

void
lcp_job_say(struct lcp_job *job, enum lcp_word word, const char *reason,
            const char *detail)
{
    job->word = word;
    job->retry_s = 0;
    snprintf(job->reason, sizeof(job->reason), "%s", reason);
    snprintf(job->detail, sizeof(job->detail), "%s", detail);
}

enum lcp_word
lcp_word_of(int in_state)
{
    switch (in_state) {
    case LCP_IN_HELD:
        return LCP_WORD_HELD;
    case LCP_IN_STORED:
    case LCP_IN_CONSUMED: /* the daemon dealt with it; no agent read it or did it */
        return LCP_WORD_STORED;
    case LCP_IN_HANDED:
        return LCP_WORD_READ;
    case LCP_IN_REFUSED:
        return LCP_WORD_REFUSED;
    default:
        return LCP_WORD_DONE; /* archived, and perhaps purged since */
    }
}

static void
say_later(struct lcp_job *job, uint64_t wait_s, const char *reason, const char *detail)
{
    if (lcp_bug(LCP_BUG_QUOTA_FINAL)) {
        lcp_job_say(job, LCP_WORD_REFUSED, "policy", detail);
        return;
    }
    lcp_job_say(job, LCP_WORD_LATER, reason, detail);
    job->retry_s = wait_s < LCP_RETRY_S_MAX ? (uint32_t)wait_s : LCP_RETRY_S_MAX;
}

static bool
is_allowed(const struct lcp_policy *policy, const char *type)
{
    for (size_t i = 0; i < policy->allow_count; i++) {
        if (strcmp(policy->allow[i], type) == 0)
            return true;
    }
    return policy->allow_count == 0;
}

/* What no waiting would change. */
static bool
is_refused(struct lcp_job *job, bool is_marked)
{
    const struct lcp_policy *policy = job->policy;

    if (!is_allowed(policy, job->type))
        lcp_job_say(job, LCP_WORD_REFUSED, "policy",
                    "messages of this type are not taken from you");
    else if (policy->min_version_1_2 && !is_marked)
        lcp_job_say(job, LCP_WORD_REFUSED, "policy", "only LCP/1.2 is taken from you");
    else
        return false;
    return true;
}

static enum lcp_err
check_quota(struct lcp_batch *batch, struct lcp_job *job, bool *is_over)
{
    const struct lcp_policy *policy = job->policy;
    struct lcp_store_usage usage;
    enum lcp_err err;

    if (policy->quota_messages == 0 && policy->quota_bytes == 0)
        return LCP_OK;
    err = batch->store->ops->usage(batch->store, job->peer_name, &usage);
    if (err != LCP_OK)
        return err;
    *is_over =
        (policy->quota_messages != 0 && usage.messages >= policy->quota_messages) ||
        (policy->quota_bytes != 0 && usage.bytes + job->raw_len > policy->quota_bytes);
    if (*is_over)
        say_later(job, LCP_LATER_QUOTA_S, "quota",
                  "too much of your mail waits here to be dealt with");
    return LCP_OK;
}

/* GCRA: a message moves the theoretical arrival time on by one interval; it may run
 * ahead of the clock by an hour's worth. What makes no row does not count. */
static enum lcp_err
check_rate(struct lcp_batch *batch, struct lcp_job *job, bool *is_over)
{
    const struct lcp_store_ops *ops = batch->store->ops;
    struct lcp_store_peer known;
    uint64_t interval_ms, next_ms, latest_ms = job->life_ms + LCP_RATE_WINDOW_MS;
    enum lcp_err err;

    if (job->policy->rate_per_hour == 0)
        return LCP_OK;
    err = ops->peer_get(batch->store, job->peer_name, &known);
    if (err != LCP_OK)
        return err;
    interval_ms = LCP_RATE_WINDOW_MS / job->policy->rate_per_hour;
    interval_ms += interval_ms == 0;
    next_ms = known.rate_life_ms > job->life_ms ? known.rate_life_ms : job->life_ms;
    /* A limit that was lowered meanwhile shall not shut anybody out for days. */
    next_ms = next_ms < latest_ms ? next_ms : latest_ms;
    next_ms += interval_ms;
    *is_over = next_ms > latest_ms;
    if (*is_over) {
        say_later(job, (next_ms - latest_ms + 999) / 1000, "rate",
                  "more messages an hour than are taken from you");
        return LCP_OK;
    }
    known.rate_life_ms = next_ms;
    return ops->peer_put(batch->store, job->peer_name, &known);
}

static void
decide_hold(struct lcp_job *job)
{
    if (job->policy != NULL && job->policy->hold)
        lcp_job_say(job, LCP_WORD_HELD, "policy", "waits for a person to release it");
    else if (job->is_looping)
        lcp_job_say(job, LCP_WORD_HELD, "loop",
                    "too many messages one upon the other and none by a person");
    else
        lcp_job_say(job, LCP_WORD_STORED, "", "");
}

/* The word that no counting decides; false: the message is mail. */
static bool
is_decided(struct lcp_job *job, bool is_marked)
{
    if (!job->is_for_us)
        lcp_job_say(job, LCP_WORD_REFUSED, "not-for-me", "nobody of this name is here");
    else if (job->is_consumed) /* ping and pong are the daemon's: they make no mail */
        lcp_job_say(job, LCP_WORD_STORED, "", "");
    else
        return job->policy != NULL && is_refused(job, is_marked);
    return true;
}

enum lcp_err
lcp_policy_decide(struct lcp_batch *batch, struct lcp_job *job, bool is_marked)
{
    bool is_over = false, is_mail = !is_decided(job, is_marked);
    enum lcp_err err = LCP_OK;

    if (job->policy != NULL && is_mail)
        err = check_quota(batch, job, &is_over);
    /* The record keeps what was refused, too, and pings: a row each. */
    if (job->policy != NULL && err == LCP_OK && !is_over &&
        (is_mail || job->is_consumed || job->wants_receipt))
        err = check_rate(batch, job, &is_over);
    if (err == LCP_OK && !is_over && is_mail)
        decide_hold(job);
    return err;
}
