/* SPDX-License-Identifier: MIT
 *
 * What the end of RELEASE, REFUSE, RESEND and PAUSE means: answers, and what the
 * pump remembers of pauses. That a sender is owed a word the pump sees by itself.
 */
#include <stdio.h>
#include <string.h>

#include "node/state.h"

static void
write_decided(struct lcp_writer *w, void *ctx)
{
    const struct lcp_job *job = ctx;

    lcp_write_object(w);
    lcp_write_member_bool(w, "ok", true);
    lcp_write_member_string(w, "id", job->id);
    lcp_write_member_int(w, "number", (int64_t)job->number);
    lcp_write_member_string(w, "state", lcp_ipc_in_state_name(job->state));
    if (job->kind == LCP_JOB_REFUSE)
        lcp_write_member_bool(w, "told", job->done != 0);
    lcp_write_object_end(w);
}

/* what: the name that the caller gave the message. */
static void
refuse(struct lcp_pump *p, const struct lcp_job *job, const char *direction,
       const char *message, const char *what, const char *hint)
{
    char text[LCP_REQUEST_ID_TEXT + 128];
    bool is_sent = strcmp(direction, "sent") == 0;

    if (job->err != LCP_ECONFLICT) {
        lcp_pump_reply_unless_found(p, job, direction, what);
        return;
    }
    snprintf(text, sizeof(text), "%s is %s: %s", what,
             is_sent ? lcp_ipc_sent_state_name(job->state, false)
                     : lcp_ipc_in_state_name(job->state),
             message);
    lcp_pump_reply_error(p, job->client, job->is_ours, "conflict", text, hint);
}

void
lcp_finish_release(struct lcp_pump *p, struct lcp_job *job)
{
    if (job->err != LCP_OK) {
        refuse(p, job, "received", "only what is held can be released", job->reply_to,
               "lcp held lists it");
        return;
    }
    lcp_pump_log(p, LCP_LOG_INFO, "message #%llu from %s: released",
                 (unsigned long long)job->number, job->peer_name);
    lcp_pump_reply(p, job->client, job->is_ours, write_decided, job);
}

void
lcp_finish_refuse(struct lcp_pump *p, struct lcp_job *job)
{
    if (job->err != LCP_OK)
        refuse(p, job, "received", "of done and refused the first is final",
               job->reply_to, "lcp read ID shows the message");
    else
        lcp_pump_reply(p, job->client, job->is_ours, write_decided, job);
}

static void
write_resent(struct lcp_writer *w, void *ctx)
{
    const struct lcp_job *job = ctx;

    lcp_write_object(w);
    lcp_write_member_bool(w, "ok", false);
    lcp_write_member_bool(w, "accepted", true);
    lcp_write_member_string(w, "id", job->id);
    lcp_write_member_int(w, "number", (int64_t)job->number);
    lcp_write_member_string(w, "to", job->peer_name);
    lcp_write_member_string(w, "state", lcp_ipc_sent_state_name(job->state, false));
    lcp_write_member_string(w, "of", job->detail);
    lcp_write_object_end(w);
}

static void
refuse_resend(struct lcp_pump *p, const struct lcp_job *job)
{
    const char *what = job->reply_to;

    if (job->err == LCP_ENOTFOUND && job->number != 0)
        lcp_pump_reply_error(p, job->client, job->is_ours, "not-found",
                             "the text of this message was purged", "lcp send it anew");
    else if (job->err == LCP_ECONFLICT || job->number == 0)
        refuse(p, job, "sent",
               "only what expired, was refused or was cancelled is sent again", what,
               "lcp sent --state dead lists what is dead");
    else
        lcp_pump_reply_err(p, job->client, job->is_ours, job->err, job->id);
}

void
lcp_finish_resend(struct lcp_pump *p, struct lcp_job *job)
{
    uint32_t peer = lcp_core_peer_find(p->core, job->peer_name);

    if (job->err != LCP_OK) {
        refuse_resend(p, job);
        return;
    }
    if (job->ttl_s != 0)
        lcp_pump_note_expiry(p, job->life_ms + job->ttl_s * 1000);
    if (peer != LCP_NO_PEER) {
        lcp_loop_clear(p, peer);
        lcp_core_queued(p->core, lcp_pump_now(p), peer);
    }
    lcp_pump_reply(p, job->client, job->is_ours, write_resent, job);
}

static void
write_pauses(struct lcp_writer *w, void *ctx)
{
    const struct lcp_job *job = ctx;
    const char *names = (const char *)job->text;

    lcp_write_object(w);
    lcp_write_member_bool(w, "ok", true);
    lcp_write_key(w, "paused");
    lcp_write_array(w);
    for (size_t at = 0; at < job->text_len; at += strlen(names + at) + 1)
        lcp_write_string(w, names + at);
    lcp_write_array_end(w);
    lcp_write_object_end(w);
}

void
lcp_finish_pause(struct lcp_pump *p, struct lcp_job *job)
{
    uint32_t peer = LCP_NO_PEER;

    if (job->err == LCP_ENOTFOUND) {
        lcp_pump_reply_error(p, job->client, job->is_ours, "unknown-peer",
                             "there is no peer of this name, and no pause of it",
                             "lcp status shows what is paused");
        return;
    }
    if (job->err != LCP_OK) {
        lcp_pump_reply_err(p, job->client, job->is_ours, job->err, job->peer_name);
        return;
    }
    if (job->peer_name[0] == '\0')
        p->is_paused = !job->all;
    else
        peer = lcp_core_peer_find(p->core, job->peer_name);
    if (peer != LCP_NO_PEER)
        p->peers[peer].is_paused = !job->all;
    lcp_pump_log(p, LCP_LOG_INFO, "%s: %s",
                 job->peer_name[0] != '\0' ? job->peer_name : "all mail",
                 job->all ? "handed out again" : "paused, nothing is handed out");
    lcp_pump_reply(p, job->client, job->is_ours, write_pauses, job);
}
