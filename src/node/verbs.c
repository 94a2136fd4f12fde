/* SPDX-License-Identifier: MIT
 *
 * What each verb of the local protocol starts: a table row for each. docs/ipc.md.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "node/state.h"

/* Who asks, and what. */
struct ask {
    uint64_t client;
    bool is_ours;
    const struct lcp_request *r;
};

static void
refuse(struct lcp_pump *p, const struct ask *a, const char *code, const char *message,
       const char *hint)
{
    lcp_pump_reply_error(p, a->client, a->is_ours, code, message, hint);
}

static void
refuse_memory(struct lcp_pump *p, const struct ask *a)
{
    lcp_pump_reply_err(p, a->client, a->is_ours, LCP_ENOMEM, "");
}

/* How many peers there are, and the first of them. */
static uint32_t
count_peers(struct lcp_pump *p, uint32_t *first)
{
    uint32_t count = 0;

    *first = LCP_NO_PEER;
    for (uint32_t i = 0; i < p->peers_max; i++) {
        struct lcp_core_peer_view view;

        if (lcp_core_peer_view(p->core, lcp_pump_now(p), i, &view)) {
            if (count++ == 0)
                *first = i;
        }
    }
    return count;
}

/* The peer a request names, or the only one there is; a legacy client, which cannot
 * name any, means the first. LCP_NO_PEER: refused already. */
static uint32_t
find_peer(struct lcp_pump *p, const struct ask *a, const char *name)
{
    char message[160];
    uint32_t found, count;

    if (name[0] != '\0') {
        found = lcp_core_peer_find(p->core, name);
        snprintf(message, sizeof(message), "there is no peer %s", name);
        if (found == LCP_NO_PEER)
            refuse(
                p, a, "unknown-peer", message,
                "lcp peer list shows them; lcp peer add NAME ADDRESS [KEY] adds one");
        return found;
    }
    count = count_peers(p, &found);
    if (count == 1 || (count > 1 && !a->is_ours))
        return found;
    if (count == 0)
        refuse(p, a, "no-peer", "no peer is configured",
               "lcp peer add NAME ADDRESS [KEY]");
    else
        refuse(p, a, "no-peer", "there are several peers", "say which: --to NAME");
    return LCP_NO_PEER;
}

static struct lcp_job *
job_of(struct lcp_pump *p, const struct ask *a, enum lcp_job_kind kind, uint32_t peer)
{
    struct lcp_job *job = lcp_pump_job(p, kind, peer);

    if (job == NULL) {
        refuse_memory(p, a);
        return NULL;
    }
    job->client = a->client;
    job->is_ours = a->is_ours;
    return job;
}

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

/* Bytes a payload has beside its text; only an estimate for the window's bound. */
enum { PAYLOAD_FRAME_BYTES = 512 };

static void
do_send(struct lcp_pump *p, const struct ask *a)
{
    const struct lcp_request *r = a->r;
    bool answers_someone; /* the job finds out whom */
    uint32_t peer;
    struct lcp_job *job;

    if (r->id[0] != '\0' && !lcp_uuid_is_v4_lower(lcp_span_str(r->id))) {
        refuse(p, a, "bad-request", "an id must be a UUID v4 in lower case",
               "uuidgen -r makes one; without an id the daemon does");
        return;
    }
    answers_someone = r->to[0] == '\0' && r->reply_to[0] != '\0' &&
                      count_peers(p, &peer) > 1;
    peer = answers_someone ? LCP_NO_PEER : find_peer(p, a, r->to);
    if ((peer == LCP_NO_PEER && !answers_someone) ||
        (job = job_of(p, a, LCP_JOB_SEND, peer)) == NULL)
        return;
    job->text = malloc(r->message.len + 1);
    if (job->text == NULL) {
        lcp_job_free(job);
        refuse_memory(p, a);
        return;
    }
    memcpy(job->text, r->message.data, r->message.len);
    job->text_len = r->message.len;
    memcpy(job->type, r->type, sizeof(job->type));
    memcpy(job->reply_to, r->reply_to, sizeof(job->reply_to));
    choose_id(p, job, r->id);
    job->ttl_s = r->has_ttl ? r->ttl_s : p->ttl_s;
    job->wait = !r->has_wait || r->wait;
    job->bytes_max = r->message.len + PAYLOAD_FRAME_BYTES;
    job->is_reserved = p->is_bound &&
                       lcp_core_reserve(p->core, lcp_pump_now(p), peer, job->bytes_max);
    lcp_pump_enqueue(p, job);
}

static void
start_read(struct lcp_pump *p, const struct ask *a)
{
    const struct lcp_request *r = a->r;
    struct lcp_read *read = lcp_reads_new(p, r->verb, a->client, a->is_ours);

    if (read == NULL) {
        refuse_memory(p, a);
        return;
    }
    memcpy(read->id, r->id, sizeof(read->id));
    memcpy(read->peer, r->to, sizeof(read->peer));
    memcpy(read->type, r->type, sizeof(read->type));
    read->thread = r->thread;
    read->after = r->has_after ? r->after : 0;
    read->limit = r->has_limit ? r->limit : 0;
    if (r->state[0] != '\0' &&
        lcp_ipc_sent_state_parse(r->state, &read->state) != LCP_OK) {
        lcp_read_free(read);
        refuse(p, a, "bad-request", "no such state",
               "queued, cancel-requested, cancelled, expired or acked");
        return;
    }
    lcp_reads_add(p, read);
}

static void
start_overview(struct lcp_pump *p, const struct ask *a)
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
        refuse_memory(p, a);
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
do_ack(struct lcp_pump *p, const struct ask *a)
{
    const struct lcp_request *r = a->r;
    struct lcp_job *job;

    if (r->has_ids && r->id_count == 0) { /* an empty list is not no list */
        lcp_pump_reply_count(p, a->client, a->is_ours, "archived", 0);
        return;
    }
    job = job_of(p, a, LCP_JOB_ARCHIVE, LCP_NO_PEER);
    if (job == NULL)
        return;
    if (r->id_count > 0) {
        job->ids = malloc(r->id_count * sizeof(job->ids[0]));
        if (job->ids == NULL) {
            lcp_job_free(job);
            refuse_memory(p, a);
            return;
        }
        memcpy(job->ids, r->ids, r->id_count * sizeof(job->ids[0]));
        job->id_count = r->id_count;
    }
    job->all = r->all;
    job->through = r->has_through ? r->through : 0;
    lcp_pump_enqueue(p, job);
}

static void
do_shown(struct lcp_pump *p, const struct ask *a)
{
    const struct lcp_request *r = a->r;
    struct lcp_job *job = job_of(p, a, LCP_JOB_HANDED, LCP_NO_PEER);

    if (job == NULL)
        return;
    job->numbers = calloc((size_t)r->id_count + 1, sizeof(job->numbers[0]));
    if (job->numbers == NULL) {
        lcp_job_free(job);
        refuse_memory(p, a);
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

static void
do_cancel(struct lcp_pump *p, const struct ask *a)
{
    struct lcp_job *job = job_of(p, a, LCP_JOB_CANCEL, LCP_NO_PEER);

    if (job == NULL)
        return;
    memcpy(job->reply_to, a->r->id, sizeof(a->r->id));
    lcp_pump_enqueue(p, job);
}

static void
do_ping(struct lcp_pump *p, const struct ask *a)
{
    uint32_t peer = find_peer(p, a, a->r->to);
    struct lcp_ping *ping = NULL;
    uint8_t random[16];

    if (peer == LCP_NO_PEER)
        return;
    for (size_t i = 0; i < LCP_PINGS_MAX && ping == NULL; i++) {
        if (p->pings[i].number == 0)
            ping = &p->pings[i];
    }
    if (ping == NULL) {
        refuse(p, a, "busy", "32 pings are open already", "try again in some seconds");
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

static void
do_purge(struct lcp_pump *p, const struct ask *a)
{
    struct lcp_job *job = job_of(p, a, LCP_JOB_PURGE, LCP_NO_PEER);

    if (job == NULL)
        return;
    job->wall_ms -= (int64_t)a->r->older_than_s * 1000;
    lcp_pump_enqueue(p, job);
}

/* The fingerprint says which key: one that signed validly and was refused, or the one
 * lcp.conf asks for. */
static void
do_trust(struct lcp_pump *p, const struct ask *a)
{
    uint32_t peer = find_peer(p, a, a->r->to);
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
        refuse(p, a, "not-found",
               "no key with this fingerprint was seen from this peer",
               "the peer must write once more (a minute at most), or set the key "
               "itself: lcp peer set NAME "
               "PublicKey=KEY");
        return;
    }
    /* A person may have been told of another one's packet, sent again under
     * this address. */
    if (lcp_pump_is_key_of_another(p, peer, &key)) {
        refuse(p, a, "conflict", "this is the key of another peer, or our own",
               "lcp peer list and lcp id show whose");
        return;
    }
    job = job_of(p, a, LCP_JOB_PIN, peer);
    if (job == NULL)
        return;
    job->key = key;
    strcpy(job->how, "trusted");
    lcp_pump_enqueue(p, job);
}

static void
do_reload(struct lcp_pump *p, const struct ask *a)
{
    struct lcp_conf conf;
    char fault[LCP_CONF_FAULT_MAX] = "";
    struct lcp_read *read;

    if (p->reload == NULL || p->reload(p->reload_ctx, &conf, fault) != LCP_OK) {
        refuse(p, a, "config", fault[0] != '\0' ? fault : "lcp.conf cannot be read",
               "correct lcp.conf, then try again");
        return;
    }
    read = lcp_pump_overview_of(p, &conf);
    lcp_conf_free(&conf);
    if (read == NULL) {
        refuse_memory(p, a);
        return;
    }
    read->client = a->client;
    read->is_ours = a->is_ours;
    lcp_reads_add(p, read);
}

static void (*const verb_table[LCP_VERB_MAX])(struct lcp_pump *, const struct ask *) = {
    [LCP_VERB_SEND] = do_send,         [LCP_VERB_CHECK] = start_read,
    [LCP_VERB_SHOWN] = do_shown,       [LCP_VERB_READ] = start_read,
    [LCP_VERB_ACK] = do_ack,           [LCP_VERB_SENT] = start_read,
    [LCP_VERB_CANCEL] = do_cancel,     [LCP_VERB_STATUS] = start_overview,
    [LCP_VERB_PING] = do_ping,         [LCP_VERB_PURGE] = do_purge,
    [LCP_VERB_PEERS] = start_overview, [LCP_VERB_TRUST] = do_trust,
    [LCP_VERB_RELOAD] = do_reload,
};

void
lcp_pump_request(struct lcp_pump *p, uint64_t client, struct lcp_span text,
                 bool is_ours)
{
    const char *code = "bad-request", *message = "";
    struct ask a = {client, is_ours, &p->request};
    enum lcp_err err = lcp_request_parse(text, is_ours, p->request_nodes, &p->request,
                                         &code, &message);

    if (p->is_stopping)
        refuse(p, &a, "stopping", "the daemon is stopping",
               "start it again, then repeat this");
    else if (err != LCP_OK)
        refuse(p, &a, code, message, "docs/ipc.md lists the requests");
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
