/* SPDX-License-Identifier: MIT
 *
 * Birth and death of the pump: memory, the machine, what the record remembers, the
 * configured peers.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bugs.h"
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
        .is_timing_fixed = conf->is_timing_fixed,
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
    p->batch.answers = calloc(LCP_BATCH_JOBS_MAX, sizeof(p->batch.answers[0]));
    p->read_nodes = calloc(LCP_JSON_NODES_MAX, sizeof(p->read_nodes[0]));
    p->request_nodes = calloc(LCP_IPC_NODES_MAX, sizeof(p->request_nodes[0]));
    p->request.ids = calloc(LCP_REQUEST_IDS_MAX, sizeof(p->request.ids[0]));
    p->request.text_buf = malloc(LCP_IPC_REQUEST_MAX);
    if (p->peers == NULL || p->lane_memory == NULL || p->batch.scratch == NULL ||
        p->batch.text == NULL || p->batch.answers == NULL || p->read_nodes == NULL ||
        p->request_nodes == NULL || p->request.ids == NULL ||
        p->request.text_buf == NULL)
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
    if (lcp_bug(LCP_BUG_TTL_RESTARTED))
        p->life_start_ms = 1;
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
choose_boot(struct lcp_pump *p)
{
    uint8_t random[LCP_BOOT_CHARS / 2];

    p->world->ops->random(p->world, random, sizeof(random));
    lcp_hex_print(random, sizeof(random), p->boot);
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
    p->batch.boot = p->boot;
    p->started_ms = lcp_pump_now(p);
    p->next_ephemeral = LCP_EPHEMERAL | 1;
    p->seen_is_dirty = true;
    choose_boot(p);
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
    p->is_paused = read->is_node_paused;
    if (err == LCP_OK)
        err = lcp_pump_apply_peers(p, config->conf, read->peers, fault);
    lcp_read_free(read);
    return err;
}

static bool
take_creditor(void *ctx, const char *peer)
{
    struct lcp_pump *p = ctx;
    uint32_t index = lcp_core_peer_find(p->core, peer);

    if (index != LCP_NO_PEER)
        lcp_core_news(p->core, lcp_pump_now(p), index);
    return true;
}

/* A seeded bug: the record forgets too, as if a pause were the process's. */
static void
forget_pauses(struct lcp_pump *p, struct lcp_store *store)
{
    enum lcp_err err = store->ops->begin(store);
    struct lcp_store_peer row;

    for (uint32_t i = 0; err == LCP_OK && i <= p->peers_max; i++) {
        char name[LCP_NAME_MAX + 1] = "";

        if (i < p->peers_max && !p->peers[i].is_paused)
            continue;
        if (i < p->peers_max)
            lcp_pump_peer_name(p, i, name);
        err = store->ops->peer_get(store, name, &row);
        row.is_paused = false;
        if (err == LCP_OK)
            err = store->ops->peer_put(store, name, &row);
        if (i < p->peers_max)
            p->peers[i].is_paused = false;
    }
    p->is_paused = false;
    if (err != LCP_OK || store->ops->commit(store) != LCP_OK)
        store->ops->rollback(store);
}

/* Who is owed a word, of the peers there are now. */
static enum lcp_err
recall_creditors(struct lcp_pump *p, struct lcp_store *store)
{
    if (lcp_bug(LCP_BUG_PAUSE_FORGOTTEN))
        forget_pauses(p, store);
    return store->ops->each_creditor(store, take_creditor, p);
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
    if ((err = first_peers(p, config, fault)) != LCP_OK ||
        (err = recall_creditors(p, config->writer)) != LCP_OK)
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
    for (uint32_t i = 0; p->peers != NULL && i < p->peers_max; i++)
        lcp_pump_forget_peer(&p->peers[i]);
    free(p->peers);
    free(p->lane_memory);
    free(p->batch.scratch);
    free(p->batch.text);
    free(p->batch.answers);
    free(p->read_nodes);
    free(p->request_nodes);
    free(p->request.ids);
    free(p->request.text_buf);
    free(p->waiters);
    free(p->reply_buf);
    lcp_wipe(&p->identity, sizeof(p->identity));
    free(p);
}
