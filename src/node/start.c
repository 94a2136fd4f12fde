/* SPDX-License-Identifier: MIT
 *
 * Birth and death of the pump: memory, the machine, what the record remembers, the
 * configured peers.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "node/state.h"

static enum lcp_err
make_core(struct lcp_pump *p, const struct lcp_conf *conf)
{
    const char *aliases[LCP_ALIASES_MAX];
    struct lcp_core_config config = {
        .name = conf->name,
        .aliases = aliases,
        .alias_count = conf->alias_count,
        .retries_max = conf->retries_max,
        .retry_base_ms = conf->retry_base_ms,
        .ack_timeout_ms = conf->ack_timeout_ms,
        .heartbeat_ms = conf->heartbeat_ms,
        .peer_timeout_ms = conf->peer_timeout_ms,
        .limits.peers_max = p->peers_max,
    };
    size_t size = lcp_core_size(&config.limits);
    enum lcp_err err;

    for (size_t i = 0; i < conf->alias_count; i++)
        aliases[i] = conf->aliases[i];
    memcpy(config.key, p->identity.key.bytes, sizeof(config.key));
    p->world->ops->random(p->world, config.random_seed, sizeof(config.random_seed));
    p->core_memory = calloc(1, size);
    if (p->core_memory == NULL)
        return LCP_ENOMEM;
    err = lcp_core_init(p->core_memory, size, &config, lcp_pump_now(p), &p->core);
    lcp_wipe(config.random_seed, sizeof(config.random_seed));
    return err;
}

static enum lcp_err
make_tables(struct lcp_pump *p)
{
    p->peers = calloc(p->peers_max, sizeof(p->peers[0]));
    p->lane_memory = calloc(p->peers_max + 1, sizeof(p->lane_memory[0]));
    p->batch.scratch = malloc(sizeof(*p->batch.scratch));
    p->batch.text = malloc(LCP_PAYLOAD_MAX);
    p->read_nodes = calloc(LCP_JSON_NODES_MAX, sizeof(p->read_nodes[0]));
    p->request_nodes = calloc(LCP_IPC_NODES_MAX, sizeof(p->request_nodes[0]));
    p->request.ids = calloc(LCP_REQUEST_IDS_MAX, sizeof(p->request.ids[0]));
    p->request.text_buf = malloc(LCP_IPC_REQUEST_MAX);
    if (p->peers == NULL || p->lane_memory == NULL || p->batch.scratch == NULL ||
        p->batch.text == NULL || p->read_nodes == NULL || p->request_nodes == NULL ||
        p->request.ids == NULL || p->request.text_buf == NULL)
        return LCP_ENOMEM;
    lcp_lanes_init(&p->lanes, p->lane_memory, p->peers_max + 1);
    if (lcp_flights_init(&p->settling, 64) != LCP_OK)
        return LCP_ENOMEM;
    return lcp_flights_init(&p->flights, 1024);
}

static enum lcp_err
meta(struct lcp_store *store, const char *name, int64_t absent, int64_t *value)
{
    enum lcp_err err = store->ops->meta_get(store, name, value);

    if (err != LCP_ENOTFOUND)
        return err;
    *value = absent;
    return LCP_OK;
}

/* The life clock goes on where it was saved, plus what the wall clock says has passed,
 * if that is believable. docs/protocol.md "Rules" 9. */
static enum lcp_err
load_life(struct lcp_pump *p, struct lcp_store *store)
{
    int64_t life, wall, mirrored, clean, gap;
    enum lcp_err err;

    if ((err = meta(store, "life_ms", 1, &life)) != LCP_OK ||
        (err = meta(store, "life_wall_ms", 0, &wall)) != LCP_OK ||
        (err = meta(store, "mirrored", 0, &mirrored)) != LCP_OK ||
        (err = meta(store, "clean_stop", 1, &clean)) != LCP_OK)
        return err;
    gap = p->world->ops->wall_ms(p->world) - wall;
    p->life_start_ms = (uint64_t)life;
    if (wall != 0 && gap > 0 && gap <= LCP_LIFE_GAP_MAX_MS)
        p->life_start_ms += (uint64_t)gap;
    p->changed = store->ops->changed(store);
    p->mirrored = (uint64_t)mirrored;
    if (!clean) {
        p->mend_at =
            0; /* what lay before the watermark is looked through in the background */
        p->mend_to = p->mirrored;
    }
    return store->ops->next_expiry(store, &p->next_expiry);
}

struct stale {
    struct lcp_pump *p;
    enum lcp_err err;
};

static bool
take_stale(void *ctx, const struct lcp_row *row)
{
    struct stale *stale = ctx;
    struct lcp_batch *batch = &stale->p->batch;
    struct lcp_job *job = lcp_pump_job(stale->p, LCP_JOB_RESIGN, LCP_NO_PEER);

    if (job == NULL) {
        stale->err = LCP_ENOMEM;
        return false;
    }
    job->number = row->number;
    batch->jobs[batch->count++] = job;
    return batch->count < LCP_BATCH_JOBS_MAX;
}

/* Before a REFILL can meet any of it. Nothing runs yet, so the writer may be used here.
 */
static enum lcp_err
resign_queued(struct lcp_pump *p, struct lcp_store *store)
{
    struct lcp_query query = {.dir = LCP_OUT, .without_raw = true};
    struct stale stale = {.p = p, .err = LCP_OK};
    struct lcp_batch *batch = &p->batch;
    enum lcp_err err;

    do {
        batch->count = 0;
        err = store->ops->each(store, &query, take_stale, &stale);
        if (err == LCP_OK)
            err = stale.err;
        if (batch->count > 0)
            query.after = batch->jobs[batch->count - 1]->number;
        if (err == LCP_OK) {
            lcp_batch_run(&batch->task);
            err = batch->checkpoint_err == LCP_ELOST ? LCP_ELOST : batch->err;
        }
        for (uint32_t i = 0; i < batch->count; i++)
            lcp_job_free(batch->jobs[i]);
    } while (err == LCP_OK && batch->count == LCP_BATCH_JOBS_MAX);
    p->changed = store->ops->changed(store);
    return err;
}

/* Looks at queued mail only when the name or key is another than at the last start. */
static enum lcp_err
check_identity(struct lcp_pump *p, struct lcp_store *store)
{
    uint8_t digest[LCP_DIGEST_BYTES], both[LCP_KEY_BYTES + LCP_NAME_MAX] = {0};
    int64_t now = 0, then;
    enum lcp_err err = meta(store, "identity", 0, &then);

    if (err != LCP_OK)
        return err;
    memcpy(both, p->identity.key.bytes, LCP_KEY_BYTES);
    memcpy(both + LCP_KEY_BYTES, p->name, strlen(p->name));
    lcp_digest(lcp_span(both, sizeof(both)), digest);
    memcpy(&now, digest, sizeof(now));
    if (now == then)
        return LCP_OK;
    if (then != 0)
        err = resign_queued(p, store);
    if (err == LCP_OK)
        err = store->ops->begin(store);
    if (err == LCP_OK)
        err = store->ops->meta_put(store, "identity", now);
    if (err == LCP_OK)
        err = store->ops->commit(store);
    if (err != LCP_OK)
        store->ops->rollback(store);
    return err;
}

static void
fill_in(struct lcp_pump *p, const struct lcp_pump_config *config)
{
    const struct lcp_conf *conf = config->conf;

    p->world = config->world;
    p->version = config->version;
    p->uv_version = config->uv_version;
    p->reload = config->reload;
    p->reload_ctx = config->reload_ctx;
    p->identity = *config->identity;
    memcpy(p->home, conf->home, sizeof(p->home));
    memcpy(p->name, conf->name, sizeof(p->name));
    p->address = conf->address;
    p->ttl_s = conf->ttl_s;
    p->retention_s = conf->retention_s;
    p->peers_max = conf->peers_max;
    p->reader = config->reader;
    p->mirror.mirror = config->mirror;
    p->mirror.task = (struct lcp_task){.hand = LCP_HAND_MIRROR};
    p->batch.task = (struct lcp_task){.hand = LCP_HAND_WRITER, .run = lcp_batch_run};
    p->batch.store = config->writer;
    p->batch.identity = &p->identity;
    p->batch.name = p->name;
    p->started_ms = lcp_pump_now(p);
    p->next_ephemeral = LCP_EPHEMERAL | 1;
    p->seen_is_dirty = true;
}

/* Nothing runs yet, so the reader may be used here. */
static enum lcp_err
first_peers(struct lcp_pump *p, const struct lcp_pump_config *config, char *fault)
{
    struct lcp_read *read = lcp_pump_overview_of(p, config->conf);
    enum lcp_err err;

    if (read == NULL)
        return LCP_ENOMEM;
    lcp_read_run(&read->task);
    err = read->err;
    if (err == LCP_OK)
        err = lcp_pump_apply_peers(p, config->conf, read->peers, fault);
    lcp_read_free(read);
    return err;
}

enum lcp_err
lcp_pump_new(const struct lcp_pump_config *config, char *fault, struct lcp_pump **out)
{
    struct lcp_pump *p = calloc(1, sizeof(*p));
    enum lcp_err err = LCP_ENOMEM;

    fault[0] = '\0';
    if (p == NULL)
        return LCP_ENOMEM;
    fill_in(p, config);
    if (lcp_path_join(p->data_path, sizeof(p->data_path), p->home, "data") != LCP_OK) {
        err = LCP_EFULL;
        goto out;
    }
    if ((err = make_tables(p)) != LCP_OK ||
        (err = make_core(p, config->conf)) != LCP_OK ||
        (err = load_life(p, config->writer)) != LCP_OK ||
        (err = check_identity(p, config->writer)) != LCP_OK)
        goto out;
    err = first_peers(p, config, fault);
    if (err != LCP_OK)
        goto out;
    lcp_pump_save_life(p, false);
    *out = p;
    return LCP_OK;

out:
    lcp_pump_free(p);
    return err;
}

static void
free_reads(struct lcp_read *read)
{
    while (read != NULL) {
        struct lcp_read *next = read->next;

        lcp_read_free(read);
        read = next;
    }
}

static void
free_jobs(struct lcp_job *job)
{
    while (job != NULL) {
        struct lcp_job *next = job->next;

        lcp_job_free(job);
        job = next;
    }
}

void
lcp_pump_free(struct lcp_pump *p)
{
    if (p == NULL)
        return;
    while (p->lanes.jobs > 0)
        lcp_job_free(lcp_lanes_take(&p->lanes));
    for (uint32_t i = 0; p->is_writing && i < p->batch.count; i++)
        lcp_job_free(p->batch.jobs[i]);
    free_jobs(p->retry);
    free_jobs(p->unconfirmed);
    free_reads(p->read_head);
    free_reads(p->unwritten);
    lcp_read_free(p->read_running);
    lcp_flights_free(&p->flights);
    lcp_flights_free(&p->settling);
    free(p->core_memory);
    free(p->peers);
    free(p->lane_memory);
    free(p->batch.scratch);
    free(p->batch.text);
    free(p->read_nodes);
    free(p->request_nodes);
    free(p->request.ids);
    free(p->request.text_buf);
    free(p->waiters);
    free(p->reply_buf);
    lcp_wipe(&p->identity, sizeof(p->identity));
    free(p);
}

/* ---- peers of the configuration ---- */

/* The key a peer is known by: configured, pinned, or none yet. A contradiction is an
 * error; the configured key is then remembered, so that a person can trust it. */
static enum lcp_err
key_of(struct lcp_pump *p, const struct lcp_conf_peer *peer,
       const struct lcp_read_peer *pin, struct lcp_core_peer *out, char *fault)
{
    const struct lcp_key *key = lcp_key_is_set(&peer->key) ? &peer->key : &pin->key;
    bool is_pinned = pin->how[0] != '\0';
    uint32_t index = lcp_core_peer_find(p->core, peer->name);

    if (is_pinned && !lcp_key_eq(key, &pin->key)) {
        snprintf(fault, LCP_CONF_FAULT_MAX,
                 "lcp.conf:%u: PublicKey of %s is not the key that is pinned (%s); if "
                 "it is right, say: lcp peer trust %s FINGERPRINT",
                 peer->line, peer->name, pin->how, peer->name);
        if (index != LCP_NO_PEER)
            p->peers[index].offered = *key;
        return LCP_ECONFLICT;
    }
    out->has_key = is_pinned || lcp_key_is_set(&peer->key);
    if (out->has_key)
        memcpy(out->key, key->bytes, LCP_KEY_BYTES);
    return LCP_OK;
}

static void
pin_configured(struct lcp_pump *p, const struct lcp_conf_peer *peer, uint32_t index)
{
    struct lcp_job *job = lcp_pump_job(p, LCP_JOB_PIN, index);

    if (job == NULL)
        return;
    job->key = peer->key;
    strcpy(job->how, "config");
    lcp_pump_enqueue(p, job);
}

/* A peer of the configuration with the key it will have. */
struct wanted {
    const struct lcp_conf_peer *conf;
    const struct lcp_read_peer *pin;
    struct lcp_core_peer peer;
    bool is_put;
};

static enum lcp_err
refuse_peer(const struct lcp_conf_peer *peer, enum lcp_err err, const char *why,
            char *fault)
{
    snprintf(fault, LCP_CONF_FAULT_MAX, "lcp.conf:%u: peer %s: %s", peer->line,
             peer->name, why);
    return err;
}

/* What the configuration and the record say, and else what the machine knows: a first
 * contact may have come after the record was read. */
static enum lcp_err
want_peer(struct lcp_pump *p, struct wanted *w, char *fault)
{
    uint32_t index = lcp_core_peer_find(p->core, w->conf->name);
    struct lcp_core_peer_view view;
    enum lcp_err err;

    w->peer = (struct lcp_core_peer){.name = w->conf->name,
                                     .endpoint = w->conf->endpoint};
    err = key_of(p, w->conf, w->pin, &w->peer, fault);
    if (err != LCP_OK)
        return err;
    if (!w->peer.has_key && index != LCP_NO_PEER &&
        lcp_core_peer_view(p->core, lcp_pump_now(p), index, &view) && view.has_key) {
        w->peer.has_key = true;
        memcpy(w->peer.key, view.key, sizeof(w->peer.key));
    }
    if (w->peer.has_key &&
        memcmp(w->peer.key, p->identity.key.bytes, LCP_KEY_BYTES) == 0)
        return refuse_peer(w->conf, LCP_EINVAL, "this is our own key", fault);
    return LCP_OK;
}

static int
by_key(const void *a, const void *b)
{
    const struct wanted *one = a, *two = b;

    if (!one->peer.has_key || !two->peer.has_key)
        return one->peer.has_key - two->peer.has_key;
    return memcmp(one->peer.key, two->peer.key, LCP_KEY_BYTES);
}

/* All that can be wrong with the set as a whole, before any of it is applied. Names and
 * addresses are checked when the file is read. Sorts. */
static enum lcp_err
check_wanted(struct lcp_pump *p, struct wanted *wanted, size_t count, char *fault)
{
    if (count > p->peers_max)
        return refuse_peer(wanted[p->peers_max].conf, LCP_EFULL,
                           "no room for more peers; raise MaxPeers and restart", fault);
    for (size_t i = 0; i < count; i++) {
        enum lcp_err err = want_peer(p, &wanted[i], fault);

        if (err != LCP_OK)
            return err;
    }
    qsort(wanted, count, sizeof(wanted[0]), by_key);
    for (size_t i = 1; i < count; i++) {
        if (wanted[i - 1].peer.has_key && by_key(&wanted[i - 1], &wanted[i]) == 0)
            return refuse_peer(wanted[i].conf, LCP_EEXIST, "its key is another peer's",
                               fault);
    }
    return LCP_OK;
}

static enum lcp_err
put_wanted(struct lcp_pump *p, struct wanted *wanted, size_t count)
{
    enum lcp_err worst = LCP_OK;

    for (size_t i = 0; i < count; i++) {
        struct wanted *w = &wanted[i];
        uint32_t index;
        enum lcp_err err;

        if (w->is_put)
            continue;
        err = lcp_core_peer_put(p->core, lcp_pump_now(p), &w->peer, &index);
        w->is_put = err == LCP_OK;
        if (err != LCP_OK)
            worst = err;
        else if (lcp_key_is_set(&w->conf->key) && w->pin->how[0] == '\0')
            pin_configured(p, w->conf, index);
    }
    return worst;
}

static bool
is_configured(const struct lcp_conf *conf, const char *name)
{
    for (size_t i = 0; i < conf->peer_count; i++) {
        if (strcmp(conf->peers[i].name, name) == 0)
            return true;
    }
    return false;
}

void
lcp_pump_unpin(struct lcp_pump *p, const char *name)
{
    struct lcp_job *job = lcp_pump_job(p, LCP_JOB_UNPIN, LCP_NO_PEER);

    if (job == NULL)
        return;
    strcpy(job->peer_name, name);
    lcp_pump_enqueue(p, job);
}

static void
remove_others(struct lcp_pump *p, const struct lcp_conf *conf)
{
    for (uint32_t i = 0; i < p->peers_max; i++) {
        struct lcp_core_peer_view view;

        if (lcp_core_peer_view(p->core, lcp_pump_now(p), i, &view) &&
            !is_configured(conf, view.name)) {
            lcp_pump_unpin(p, view.name);
            lcp_core_peer_del(p->core, lcp_pump_now(p), i);
            p->peers[i] = (struct lcp_pump_peer){0};
        }
    }
}

/* Peers that move make their places free first, so that they can swap them. */
static void
vacate_moving(struct lcp_pump *p, const struct lcp_conf *conf)
{
    for (size_t i = 0; i < conf->peer_count; i++) {
        uint32_t index = lcp_core_peer_find(p->core, conf->peers[i].name);
        struct lcp_core_peer_view view;

        if (index != LCP_NO_PEER &&
            lcp_core_peer_view(p->core, lcp_pump_now(p), index, &view) &&
            !lcp_endpoint_eq(&view.endpoint, &conf->peers[i].endpoint))
            lcp_core_peer_vacate(p->core, lcp_pump_now(p), index);
    }
}

/* All of it, or nothing: what can be wrong is known before the first change. */
enum lcp_err
lcp_pump_apply_peers(struct lcp_pump *p, const struct lcp_conf *conf,
                     const struct lcp_read_peer *pins, char *fault)
{
    struct wanted *wanted = calloc(conf->peer_count + 1, sizeof(wanted[0]));
    enum lcp_err err;

    if (wanted == NULL)
        return LCP_ENOMEM;
    for (size_t i = 0; i < conf->peer_count; i++)
        wanted[i] = (struct wanted){.conf = &conf->peers[i], .pin = &pins[i]};
    err = check_wanted(p, wanted, conf->peer_count, fault);
    if (err != LCP_OK)
        goto out;
    remove_others(p, conf);
    vacate_moving(p, conf);
    err = put_wanted(p, wanted, conf->peer_count);
    if (err == LCP_EEXIST) /* a key that another one has just given up */
        err = put_wanted(p, wanted, conf->peer_count);
    if (err == LCP_EFULL)
        err = LCP_EAGAIN;

out:
    free(wanted);
    return err;
}

struct lcp_read *
lcp_pump_overview_of(struct lcp_pump *p, const struct lcp_conf *conf)
{
    struct lcp_read *read = lcp_reads_new(p, LCP_VERB_RELOAD, 0, true);

    if (read == NULL)
        return NULL;
    read->peers = calloc(conf->peer_count + 1, sizeof(read->peers[0]));
    read->conf = calloc(1, sizeof(*read->conf));
    if (read->peers == NULL || read->conf == NULL) {
        lcp_read_free(read);
        return NULL;
    }
    *read->conf = *conf;
    read->conf->peers = calloc(conf->peer_count + 1, sizeof(conf->peers[0]));
    if (read->conf->peers == NULL) {
        lcp_read_free(read);
        return NULL;
    }
    for (size_t i = 0; i < conf->peer_count; i++) {
        read->conf->peers[i] = conf->peers[i];
        memcpy(read->peers[i].name, conf->peers[i].name, sizeof(read->peers[i].name));
    }
    read->peer_count = (uint32_t)conf->peer_count;
    return read;
}

enum lcp_err
lcp_pump_reload(struct lcp_pump *p, const struct lcp_conf *conf)
{
    struct lcp_read *read = lcp_pump_overview_of(p, conf);

    if (read == NULL)
        return LCP_ENOMEM;
    lcp_reads_add(p, read);
    lcp_pump_drain(p);
    return LCP_OK;
}
