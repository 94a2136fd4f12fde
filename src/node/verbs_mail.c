/* SPDX-License-Identifier: MIT
 *
 * The verbs about mail: each becomes a job of the writer. docs/ipc.md.
 */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "node/verbs.h"

static void
choose_id(struct lcp_pump *p, struct lcp_job *job, const char *given)
{
    uint8_t random[16];

    if (given[0] != '\0') {
        memcpy(job->id, given, LCP_UUID_CHARS + 1); /* its form was checked */
        return;
    }
    p->world->ops->random(p->world, random, sizeof(random));
    lcp_uuid_print(random, job->id);
}

/* 0: none is named. */
static int
state_named(const char *wait_for)
{
    int state = 0;

    if (wait_for[0] == '\0' || lcp_ipc_sent_state_parse(wait_for, &state) != LCP_OK)
        return 0;
    return state;
}

/* Bytes a payload has beside its text; only an estimate for the window's bound. */
enum { PAYLOAD_FRAME_BYTES = 512 };

void
lcp_verb_send(struct lcp_pump *p, const struct lcp_ask *a)
{
    const struct lcp_request *r = a->r;
    bool answers_someone; /* the job finds out whom */
    uint32_t peer;
    struct lcp_job *job;

    if (r->id[0] != '\0' && !lcp_uuid_is_v4_lower(lcp_span_str(r->id))) {
        lcp_ask_refuse(p, a, "bad-request", "an id must be a UUID v4 in lower case",
                       "uuidgen -r makes one; without an id the daemon does");
        return;
    }
    answers_someone = r->to[0] == '\0' && r->reply_to[0] != '\0' &&
                      lcp_ask_count_peers(p, &peer) > 1;
    peer = answers_someone ? LCP_NO_PEER : lcp_ask_peer(p, a, r->to);
    if ((peer == LCP_NO_PEER && !answers_someone) ||
        (job = lcp_ask_job(p, a, LCP_JOB_SEND, peer)) == NULL)
        return;
    job->text = malloc(r->message.len + 1);
    if (job->text == NULL) {
        lcp_job_free(job);
        lcp_ask_refuse_memory(p, a);
        return;
    }
    memcpy(job->text, r->message.data, r->message.len);
    job->text_len = r->message.len;
    memcpy(job->type, r->type, sizeof(job->type));
    memcpy(job->reply_to, r->reply_to, sizeof(job->reply_to));
    choose_id(p, job, r->id);
    job->ttl_s = r->has_ttl ? r->ttl_s : p->ttl_s;
    job->wait = !r->has_wait || r->wait;
    job->is_automatic = r->automatic;
    if (a->is_ours) { /* a legacy client gives up at 10 s */
        job->wait_for = state_named(r->wait_for);
        job->timeout_ms = job->wait_for != 0 ? r->timeout_s * 1000 : 0;
    }
    job->bytes_max = r->message.len + PAYLOAD_FRAME_BYTES;
    job->is_reserved = p->is_bound &&
                       lcp_core_reserve(p->core, lcp_pump_now(p), peer, job->bytes_max);
    lcp_pump_enqueue(p, job);
}

void
lcp_verb_ack(struct lcp_pump *p, const struct lcp_ask *a)
{
    const struct lcp_request *r = a->r;
    struct lcp_job *job;

    if (r->has_ids && r->id_count == 0) { /* an empty list is not no list */
        lcp_pump_reply_count(p, a->client, a->is_ours, "archived", 0);
        return;
    }
    job = lcp_ask_job(p, a, LCP_JOB_ARCHIVE, LCP_NO_PEER);
    if (job == NULL)
        return;
    if (r->id_count > 0) {
        job->ids = malloc(r->id_count * sizeof(job->ids[0]));
        if (job->ids == NULL) {
            lcp_job_free(job);
            lcp_ask_refuse_memory(p, a);
            return;
        }
        memcpy(job->ids, r->ids, r->id_count * sizeof(job->ids[0]));
        job->id_count = r->id_count;
    }
    job->all = r->all;
    job->through = r->has_through ? r->through : 0;
    lcp_pump_enqueue(p, job);
}

void
lcp_verb_shown(struct lcp_pump *p, const struct lcp_ask *a)
{
    const struct lcp_request *r = a->r;
    struct lcp_job *job = lcp_ask_job(p, a, LCP_JOB_HANDED, LCP_NO_PEER);

    if (job == NULL)
        return;
    job->numbers = calloc((size_t)r->id_count + 1, sizeof(job->numbers[0]));
    if (job->numbers == NULL) {
        lcp_job_free(job);
        lcp_ask_refuse_memory(p, a);
        return;
    }
    for (uint32_t i = 0; i < r->id_count; i++) {
        const char *text = r->ids[i] + (r->ids[i][0] == '#');
        uint64_t number;

        if (lcp_uint_parse(lcp_span_str(text), 1, INT64_MAX, &number) == LCP_OK)
            job->numbers[job->number_count++] = number;
    }
    lcp_pump_enqueue(p, job);
}

/* What the caller named is resolved by the job. */
static void
name_message(struct lcp_job *job, const struct lcp_request *r)
{
    memcpy(job->reply_to, r->id, sizeof(r->id));
}

void
lcp_verb_cancel(struct lcp_pump *p, const struct lcp_ask *a)
{
    struct lcp_job *job = lcp_ask_job(p, a, LCP_JOB_CANCEL, LCP_NO_PEER);

    if (job == NULL)
        return;
    name_message(job, a->r);
    lcp_pump_enqueue(p, job);
}

void
lcp_verb_purge(struct lcp_pump *p, const struct lcp_ask *a)
{
    struct lcp_job *job = lcp_ask_job(p, a, LCP_JOB_PURGE, LCP_NO_PEER);

    if (job == NULL)
        return;
    job->wall_ms -= (int64_t)a->r->older_than_s * 1000;
    lcp_pump_enqueue(p, job);
}

void
lcp_verb_release(struct lcp_pump *p, const struct lcp_ask *a)
{
    struct lcp_job *job = lcp_ask_audited(p, a, LCP_JOB_RELEASE, LCP_NO_PEER);

    if (job == NULL)
        return;
    name_message(job, a->r);
    memcpy(job->how, a->r->how, sizeof(a->r->how));
    lcp_pump_enqueue(p, job);
}

void
lcp_verb_refuse(struct lcp_pump *p, const struct lcp_ask *a)
{
    struct lcp_job *job = lcp_ask_job(p, a, LCP_JOB_REFUSE, LCP_NO_PEER);

    if (job == NULL)
        return;
    name_message(job, a->r);
    memcpy(job->detail, a->r->reason, sizeof(job->detail));
    lcp_pump_enqueue(p, job);
}

void
lcp_verb_resend(struct lcp_pump *p, const struct lcp_ask *a)
{
    struct lcp_job *job = lcp_ask_job(p, a, LCP_JOB_RESEND, LCP_NO_PEER);

    if (job == NULL)
        return;
    name_message(job, a->r);
    choose_id(p, job, "");
    job->ttl_s = p->ttl_s;
    lcp_pump_enqueue(p, job);
}
