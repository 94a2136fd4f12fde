/* SPDX-License-Identifier: MIT
 *
 * What each verb of the local protocol starts: a table row for each, and the verbs that
 * look or concern peers. docs/ipc.md.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "node/verbs.h"

void
lcp_ask_refuse(struct lcp_pump *p, const struct lcp_ask *a, const char *code,
               const char *message, const char *hint)
{
    lcp_pump_reply_error(p, a->client, a->is_ours, code, message, hint);
}

void
lcp_ask_refuse_memory(struct lcp_pump *p, const struct lcp_ask *a)
{
    lcp_pump_reply_err(p, a->client, a->is_ours, LCP_ENOMEM, "");
}

uint32_t
lcp_ask_count_peers(struct lcp_pump *p, uint32_t *first)
{
    uint32_t count = 0;

    *first = LCP_NO_PEER;
    for (uint32_t i = 0; count < 2 && i < p->peers_max; i++) {
        struct lcp_core_peer_view view;

        if (lcp_core_peer_view(p->core, lcp_pump_now(p), i, &view)) {
            if (count++ == 0)
                *first = i;
        }
    }
    return count;
}

uint32_t
lcp_ask_peer(struct lcp_pump *p, const struct lcp_ask *a, const char *name)
{
    char message[160];
    uint32_t found, count;

    if (name[0] != '\0') {
        found = lcp_core_peer_find(p->core, name);
        snprintf(message, sizeof(message), "there is no peer %s", name);
        if (found == LCP_NO_PEER)
            lcp_ask_refuse(
                p, a, "unknown-peer", message,
                "lcp peer list shows them; lcp peer add NAME ADDRESS [KEY] adds one");
        return found;
    }
    count = lcp_ask_count_peers(p, &found);
    if (count == 1 || (count > 1 && !a->is_ours))
        return found;
    if (count == 0)
        lcp_ask_refuse(p, a, "no-peer", "no peer is configured",
                       "lcp peer add NAME ADDRESS [KEY]");
    else
        lcp_ask_refuse(p, a, "no-peer", "there are several peers",
                       "say which: --to NAME");
    return LCP_NO_PEER;
}

struct lcp_job *
lcp_ask_job(struct lcp_pump *p, const struct lcp_ask *a, enum lcp_job_kind kind,
            uint32_t peer)
{
    struct lcp_job *job = lcp_pump_job(p, kind, peer);

    if (job == NULL) {
        lcp_ask_refuse_memory(p, a);
        return NULL;
    }
    job->client = a->client;
    job->is_ours = a->is_ours;
    return job;
}

struct lcp_job *
lcp_ask_audited(struct lcp_pump *p, const struct lcp_ask *a, enum lcp_job_kind kind,
                uint32_t peer)
{
    struct lcp_job *job = lcp_ask_job(p, a, kind, peer);

    if (job == NULL)
        return NULL;
    p->world->ops->who(p->world, a->client, job->who);
    if (job->who[0] == '\0') /* an act without a name is one all the same */
        snprintf(job->who, sizeof(job->who), "unknown");
    return job;
}

static void
start_read(struct lcp_pump *p, const struct lcp_ask *a)
{
    const struct lcp_request *r = a->r;
    struct lcp_read *read = lcp_reads_new(p, r->verb, a->client, a->is_ours);

    if (read == NULL) {
        lcp_ask_refuse_memory(p, a);
        return;
    }
    memcpy(read->id, r->id, sizeof(read->id));
    memcpy(read->peer, r->to, sizeof(read->peer));
    memcpy(read->type, r->type, sizeof(read->type));
    read->thread = r->thread;
    read->proof = r->proof;
    read->after = r->has_after ? r->after : 0;
    read->limit = r->has_limit ? r->limit : 0;
    if (r->state[0] != '\0' &&
        lcp_ipc_sent_state_parse(r->state, &read->state) != LCP_OK) {
        lcp_read_free(read);
        lcp_ask_refuse(
            p, a, "bad-request", "no such state",
            "queued, sent, acked, held, stored, read, done, refused, expired, "
            "cancelled, cancel-requested, or dead for expired and refused");
        return;
    }
    lcp_reads_add(p, read);
}

static void
start_overview(struct lcp_pump *p, const struct lcp_ask *a)
{
    struct lcp_read *read;

    if (a->r->verb == LCP_VERB_PEERS && a->r->unknown) {
        lcp_pump_reply_strangers(p, a->client, a->is_ours);
        return;
    }
    read = lcp_reads_new(p, a->r->verb, a->client, a->is_ours);
    if (read == NULL ||
        (read->peers = calloc(p->peers_max, sizeof(read->peers[0]))) == NULL) {
        lcp_read_free(read);
        lcp_ask_refuse_memory(p, a);
        return;
    }
    for (uint32_t i = 0; i < p->peers_max; i++) {
        struct lcp_core_peer_view view;

        if (lcp_core_peer_view(p->core, lcp_pump_now(p), i, &view))
            memcpy(read->peers[read->peer_count++].name, view.name, sizeof(view.name));
    }
    lcp_reads_add(p, read);
}

static void
do_ping(struct lcp_pump *p, const struct lcp_ask *a)
{
    uint32_t peer = lcp_ask_peer(p, a, a->r->to);
    struct lcp_ping *ping = NULL;
    uint8_t random[16];

    if (peer == LCP_NO_PEER)
        return;
    for (size_t i = 0; i < LCP_PINGS_MAX && ping == NULL; i++) {
        if (p->pings[i].number == 0)
            ping = &p->pings[i];
    }
    if (ping == NULL) {
        lcp_ask_refuse(p, a, "busy", "32 pings are open already",
                       "try again in some seconds");
        return;
    }
    *ping = (struct lcp_ping){
        .number = p->next_ephemeral++,
        .client = a->client,
        .is_ours = a->is_ours,
        .peer = peer,
        .started_ms = lcp_pump_now(p),
        .deadline_ms = lcp_pump_now(p) + LCP_SEND_ANSWER_MS,
    };
    p->world->ops->random(p->world, random, sizeof(random));
    lcp_uuid_print(random, ping->id);
    lcp_pump_sign_ephemeral(p, peer, "ping", ping->id, "", ping->number);
}

/* The fingerprint says which key: one that signed validly and was refused, or the one
 * lcp.conf asks for. */
static void
do_trust(struct lcp_pump *p, const struct lcp_ask *a)
{
    uint32_t peer = lcp_ask_peer(p, a, a->r->to);
    char fingerprint[LCP_FINGERPRINT_CHARS + 1] = "";
    struct lcp_core_peer_view view;
    struct lcp_key key = {{0}};
    struct lcp_job *job;

    if (peer == LCP_NO_PEER)
        return;
    if (lcp_key_is_set(&p->peers[peer].offered)) {
        key = p->peers[peer].offered;
        lcp_fingerprint(&key, fingerprint);
    }
    if (strcmp(fingerprint, a->r->fingerprint) != 0 &&
        lcp_core_peer_view(p->core, lcp_pump_now(p), peer, &view) && view.has_key) {
        memcpy(key.bytes, view.key, sizeof(key.bytes));
        lcp_fingerprint(&key, fingerprint);
    }
    if (fingerprint[0] == '\0' || strcmp(fingerprint, a->r->fingerprint) != 0) {
        lcp_ask_refuse(
            p, a, "not-found", "no key with this fingerprint was seen from this peer",
            "the peer must write once more (a minute at most), or set the key "
            "itself: lcp peer set NAME "
            "PublicKey=KEY");
        return;
    }
    /* A person may have been told of another one's packet, sent again under
     * this address. */
    if (lcp_pump_is_key_of_another(p, peer, &key)) {
        lcp_ask_refuse(p, a, "conflict", "this is the key of another peer, or our own",
                       "lcp peer list and lcp id show whose");
        return;
    }
    job = lcp_ask_audited(p, a, LCP_JOB_PIN, peer);
    if (job == NULL)
        return;
    job->key = key;
    strcpy(job->how, "trusted");
    snprintf(job->detail, sizeof(job->detail), "%s %s%s%s", a->r->to, fingerprint,
             a->r->how[0] != '\0' ? ", " : "", a->r->how);
    lcp_pump_enqueue(p, job);
}

/* Of one peer, or of everything. What is paused is still stored and acknowledged. The
 * pause of a peer that was removed can be ended, too. */
static void
do_pause(struct lcp_pump *p, const struct lcp_ask *a)
{
    bool is_resume = a->r->verb == LCP_VERB_RESUME;
    bool is_stranger = a->r->to[0] != '\0' &&
                       lcp_core_peer_find(p->core, a->r->to) == LCP_NO_PEER;
    struct lcp_job *job;

    if (is_stranger && !is_resume) {
        (void)lcp_ask_peer(p, a, a->r->to); /* says so */
        return;
    }
    job = lcp_ask_audited(p, a, LCP_JOB_PAUSE, LCP_NO_PEER);
    if (job == NULL)
        return;
    memcpy(job->peer_name, a->r->to, sizeof(job->peer_name));
    memcpy(job->how, a->r->how, sizeof(a->r->how));
    job->all = is_resume;
    job->is_stranger = is_stranger;
    lcp_pump_enqueue(p, job);
}

static void
do_version(struct lcp_pump *p, const struct lcp_ask *a)
{
    uint32_t peer = lcp_ask_peer(p, a, a->r->to);
    struct lcp_job *job;

    if (peer == LCP_NO_PEER)
        return;
    job = lcp_ask_audited(p, a, LCP_JOB_VERSION, peer);
    if (job == NULL)
        return;
    job->version = a->r->version;
    lcp_pump_enqueue(p, job);
}

static void
do_reload(struct lcp_pump *p, const struct lcp_ask *a)
{
    struct lcp_conf conf;
    char fault[LCP_CONF_FAULT_MAX] = "";
    struct lcp_read *read;

    if (p->reload == NULL || p->reload(p->reload_ctx, &conf, fault) != LCP_OK) {
        lcp_ask_refuse(p, a, "config",
                       fault[0] != '\0' ? fault : "lcp.conf cannot be read",
                       "correct lcp.conf, then try again");
        return;
    }
    read = lcp_pump_overview_of(p, &conf);
    lcp_conf_free(&conf);
    if (read == NULL) {
        lcp_ask_refuse_memory(p, a);
        return;
    }
    read->client = a->client;
    read->is_ours = a->is_ours;
    lcp_reads_add(p, read);
}

static lcp_verb_fn *const verb_table[LCP_VERB_MAX] = {
    [LCP_VERB_SEND] = lcp_verb_send,
    [LCP_VERB_CHECK] = start_read,
    [LCP_VERB_SHOWN] = lcp_verb_shown,
    [LCP_VERB_READ] = start_read,
    [LCP_VERB_ACK] = lcp_verb_ack,
    [LCP_VERB_SENT] = start_read,
    [LCP_VERB_CANCEL] = lcp_verb_cancel,
    [LCP_VERB_STATUS] = start_overview,
    [LCP_VERB_PING] = do_ping,
    [LCP_VERB_PURGE] = lcp_verb_purge,
    [LCP_VERB_PEERS] = start_overview,
    [LCP_VERB_TRUST] = do_trust,
    [LCP_VERB_RELOAD] = do_reload,
    [LCP_VERB_HELD] = start_read,
    [LCP_VERB_RELEASE] = lcp_verb_release,
    [LCP_VERB_REFUSE] = lcp_verb_refuse,
    [LCP_VERB_RESEND] = lcp_verb_resend,
    [LCP_VERB_PAUSE] = do_pause,
    [LCP_VERB_RESUME] = do_pause,
    [LCP_VERB_VERSION] = do_version,
    [LCP_VERB_AUDIT] = start_read,
};

void
lcp_pump_request(struct lcp_pump *p, uint64_t client, struct lcp_span text,
                 bool is_ours)
{
    const char *code = "bad-request", *message = "";
    struct lcp_ask a = {client, is_ours, &p->request};
    enum lcp_err err = lcp_request_parse(text, is_ours, p->request_nodes, &p->request,
                                         &code, &message);

    if (p->is_stopping)
        lcp_ask_refuse(p, &a, "stopping", "the daemon is stopping",
                       "start it again, then repeat this");
    else if (err != LCP_OK)
        lcp_ask_refuse(p, &a, code, message, "docs/ipc.md lists the requests");
    else
        verb_table[p->request.verb](p, &a);
    lcp_pump_drain(p);
}

void
lcp_pump_client_gone(struct lcp_pump *p, uint64_t client)
{
    lcp_waiters_drop(p, client);
    lcp_reads_drop(p, client);
}
