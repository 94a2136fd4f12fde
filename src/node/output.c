/* SPDX-License-Identifier: MIT
 *
 * The way outward: what the machine wants becomes datagrams, jobs and log lines. The
 * way back is finish.c.
 */
#include "core/receipt.h"

#include <stdlib.h>

#include "base/text.h"
#include "node/state.h"

/* A job about bytes that came from a peer; they and a ticket are copied. NULL without
 * memory. */
static struct lcp_job *
job_about(struct lcp_pump *p, enum lcp_job_kind kind, const struct lcp_output *out)
{
    struct lcp_job *job = lcp_pump_job(p, kind, out->peer);

    if (job == NULL || (job->raw = malloc(out->payload.len + 1)) == NULL) {
        lcp_job_free(job);
        return NULL;
    }
    if (out->payload.len > 0)
        memcpy(job->raw, out->payload.data, out->payload.len);
    job->raw_len = out->payload.len;
    job->ticket = out->ticket;
    return job;
}

/* What is decided of this message is decided by the policy of now. */
static bool
copy_policy(struct lcp_pump *p, struct lcp_job *job)
{
    const struct lcp_policy *policy = p->peers[job->peer].policy;

    if (policy == NULL)
        return true;
    job->policy = malloc(sizeof(*policy));
    if (job->policy != NULL)
        *job->policy = *policy;
    return job->policy != NULL;
}

static void
put_admission(struct lcp_pump *p, const struct lcp_output *out)
{
    const struct lcp_msg *msg = out->message;
    struct lcp_job *job = job_about(p, LCP_JOB_ADMIT, out);
    size_t len;

    if (job == NULL || !copy_policy(p, job)) {
        lcp_job_free(job);
        lcp_core_admitted(p->core, lcp_pump_now(p), out->ticket, LCP_ADM_LATER, NULL);
        return;
    }
    job->seq = out->seq;
    job->wants_receipt = out->wants_receipt;
    job->is_for_us = out->is_for_us;
    job->key = msg->key;
    memcpy(job->id, msg->id, sizeof(job->id));
    if (lcp_json_string(&msg->doc, msg->type, job->type, sizeof(job->type), &len) !=
        LCP_OK)
        strcpy(job->type, "other"); /* a longer type stands whole in the raw text */
    if (msg->reply_to == 0 || lcp_json_string(&msg->doc, msg->reply_to, job->reply_to,
                                              LCP_ID_MAX + 1, &len) != LCP_OK)
        job->reply_to[0] = '\0';
    job->is_ping = strcmp(job->type, "ping") == 0;
    job->is_consumed = job->is_ping ||
                       (strcmp(job->type, "pong") == 0 &&
                        lcp_ping_find_id(p, out->peer, job->reply_to) != NULL);
    lcp_pump_enqueue(p, job);
}

static void
put_hello(struct lcp_pump *p, const struct lcp_output *out)
{
    struct lcp_job *job = job_about(p, LCP_JOB_HELLO, out);

    if (job == NULL) {
        lcp_core_hello(p->core, lcp_pump_now(p), out->ticket, false, NULL);
        return;
    }
    job->key = ((const struct lcp_hello *)out->message)->object.key;
    lcp_pump_enqueue(p, job);
}

static void
put_receipt(struct lcp_pump *p, const struct lcp_output *out)
{
    struct lcp_job *job = job_about(p, LCP_JOB_RECEIPT, out);

    if (job == NULL) {
        lcp_core_receipt(p->core, lcp_pump_now(p), out->ticket, LCP_ADM_LATER, NULL, 0);
        return;
    }
    job->key = ((const struct lcp_receipt *)out->message)->object.key;
    lcp_pump_enqueue(p, job);
}

/* Without memory none goes now; another one follows. */
static void
put_hello_sign(struct lcp_pump *p, const struct lcp_output *out)
{
    struct lcp_job *job = lcp_pump_job(p, LCP_JOB_HELLO_SIGN, out->peer);

    if (job == NULL)
        return;
    job->to = out->to;
    job->has_echo = out->has_echo;
    memcpy(job->header, out->header, sizeof(job->header));
    memcpy(job->nonce, out->nonce, sizeof(job->nonce));
    memcpy(job->echo, out->echo, sizeof(job->echo));
    lcp_pump_enqueue(p, job);
}

static void
put_news(struct lcp_pump *p, const struct lcp_output *out)
{
    struct lcp_job *job = NULL;

    if (p->is_bound)
        job = lcp_pump_job(p, LCP_JOB_NEWS, out->peer);
    if (job == NULL)
        lcp_core_no_news(p->core, lcp_pump_now(p), out->peer, true);
    lcp_pump_enqueue(p, job);
}

static void
put_version(struct lcp_pump *p, const struct lcp_output *out)
{
    char name[LCP_NAME_MAX + 1];
    struct lcp_job *job = lcp_pump_job(p, LCP_JOB_VERSION, out->peer);

    lcp_pump_log(p, LCP_LOG_INFO, "peer %s: speaks LCP/1.2",
                 lcp_pump_peer_name(p, out->peer, name));
    if (job == NULL)
        return; /* after the next start it proves it once more */
    job->version = LCP_VERSION_1_2;
    lcp_pump_enqueue(p, job);
}

static void
put_refill(struct lcp_pump *p, const struct lcp_output *out)
{
    struct lcp_job *job = NULL;

    /* Without a socket nothing can go out, and so nothing shall count as transmitted.
     */
    if (p->is_bound)
        job = lcp_pump_job(p, LCP_JOB_REFILL, out->peer);
    if (job == NULL) {
        lcp_core_refill_failed(p->core, lcp_pump_now(p), out->peer);
        return;
    }
    job->after = out->after;
    job->count = out->count;
    job->bytes_max = out->bytes_max;
    lcp_pump_enqueue(p, job);
}

/* The TOLD job of a receipt whose transmission ended; NULL when it was no receipt. */
static struct lcp_job *
take_news(struct lcp_pump *p, const struct lcp_output *out)
{
    struct lcp_job *job = NULL;

    if (out->peer < p->peers_max && p->peers[out->peer].news != NULL &&
        p->peers[out->peer].news_number == out->number) {
        job = p->peers[out->peer].news;
        p->peers[out->peer].news = NULL;
    }
    return job;
}

static void
put_settled(struct lcp_pump *p, const struct lcp_output *out)
{
    struct lcp_job *job;
    struct lcp_ping *ping;

    lcp_flights_del(&p->flights, out->number);
    if ((job = take_news(p, out)) != NULL) {
        lcp_pump_enqueue(p, job);
        return;
    }
    if (out->number & LCP_EPHEMERAL) {
        ping = lcp_ping_find(p, out->number);
        if (ping != NULL) {
            ping->is_acked = true;
            ping->rtt_ms = out->rtt_ms;
            ping->deadline_ms = lcp_pump_now(p) + LCP_PONG_WAIT_MS;
        }
        return;
    }
    job = lcp_pump_job(p, LCP_JOB_SETTLE, out->peer);
    if (job == NULL) {
        /* It stays queued, goes again and is acknowledged again. */
        lcp_core_again(p->core, lcp_pump_now(p), out->peer);
        return;
    }
    job->number = out->number;
    /* Without memory for it the message may go once more, and is acknowledged again. */
    if (!lcp_flights_has(&p->settling, out->number))
        (void)!lcp_flights_put(&p->settling, out->number, NULL);
    lcp_pump_enqueue(p, job);
}

static void
put_parked(struct lcp_pump *p, const struct lcp_output *out)
{
    struct lcp_ping *ping;

    lcp_flights_del(&p->flights, out->number);
    lcp_job_free(take_news(p, out)); /* the machine asks for it anew */
    ping = lcp_ping_find(p, out->number);
    if (ping != NULL)
        lcp_ping_end(p, ping, NULL);
    else
        lcp_waiters_tell(p, out->number, LCP_SENT_QUEUED);
}

static void
put_alarm(struct lcp_pump *p, const struct lcp_output *out)
{
    char name[LCP_NAME_MAX + 1];
    struct lcp_job *job;

    if (out->alarm == LCP_ALARM_CONFLICT) {
        lcp_pump_log(p, LCP_LOG_WARN,
                     "peer %s: an id came again with other content; not taken",
                     lcp_pump_peer_name(p, out->peer, name));
        return;
    }
    /* A packet whose key is not the pinned one: worth a word only if that key really
     * signed it. */
    if (out->payload.len == 0 || p->peers[out->peer].is_looking ||
        lcp_pump_now(p) < p->peers[out->peer].look_after_ms)
        return;
    job = job_about(p, LCP_JOB_VERIFY, out);
    if (job == NULL)
        return;
    job->key = ((const struct lcp_msg *)out->message)->key;
    p->peers[out->peer].is_looking = true;
    lcp_pump_enqueue(p, job);
}

void
lcp_pump_carry_out(struct lcp_pump *p, const struct lcp_output *out)
{
    char name[LCP_NAME_MAX + 1];

    switch (out->kind) {
    case LCP_OUT_TX:
        p->world->ops->send(p->world, &out->to, lcp_span(out->header, LCP_HEADER_BYTES),
                            out->payload);
        break;
    case LCP_OUT_ADMIT:
        put_admission(p, out);
        break;
    case LCP_OUT_REFILL:
        put_refill(p, out);
        break;
    case LCP_OUT_SETTLED:
        put_settled(p, out);
        break;
    case LCP_OUT_PARKED:
        put_parked(p, out);
        break;
    case LCP_OUT_ONLINE:
        lcp_pump_log(p, LCP_LOG_INFO, "peer %s: online",
                     lcp_pump_peer_name(p, out->peer, name));
        break;
    case LCP_OUT_OFFLINE:
        lcp_pump_log(p, LCP_LOG_INFO, "peer %s: offline, silent %llu s",
                     lcp_pump_peer_name(p, out->peer, name),
                     (unsigned long long)(out->silent_ms / 1000));
        break;
    case LCP_OUT_ALARM:
        put_alarm(p, out);
        break;
    case LCP_OUT_HELLO_SIGN:
        put_hello_sign(p, out);
        break;
    case LCP_OUT_HELLO:
        put_hello(p, out);
        break;
    case LCP_OUT_RECEIPT:
        put_receipt(p, out);
        break;
    case LCP_OUT_NEWS:
        put_news(p, out);
        break;
    case LCP_OUT_VERSION:
        put_version(p, out);
        break;
    }
}
