/* SPDX-License-Identifier: MIT
 *
 * The peers of the configuration: taken up as a whole or not at all, at start and when
 * it is read anew.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "node/state.h"

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
    struct lcp_policy *policy; /* malloc'ed; NULL: no limits */
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

static bool
is_limited(const struct lcp_policy *policy)
{
    return policy->allow_count != 0 || policy->rate_per_hour != 0 ||
           policy->quota_messages != 0 || policy->quota_bytes != 0 || policy->hold ||
           policy->min_version_1_2;
}

/* Most peers have no limits, and then no copy. Made before anything is applied: no peer
 * is here for a moment without his limits. */
static enum lcp_err
copy_policy(struct wanted *w)
{
    if (!is_limited(&w->conf->policy))
        return LCP_OK;
    w->policy = malloc(sizeof(*w->policy));
    if (w->policy == NULL)
        return LCP_ENOMEM;
    *w->policy = w->conf->policy;
    return LCP_OK;
}

/* What the configuration and the record say, and else what the machine knows: a first
 * contact may have come after the record was read. */
static enum lcp_err
want_peer(struct lcp_pump *p, struct wanted *w, char *fault)
{
    uint32_t index = lcp_core_peer_find(p->core, w->conf->name);
    struct lcp_core_peer_view view;
    enum lcp_err err;

    w->peer = (struct lcp_core_peer){
        .name = w->conf->name,
        .endpoint = w->conf->endpoint,
        .version = (enum lcp_version)w->pin->version,
    };
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
    return copy_policy(w);
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
        bool is_new = lcp_core_peer_find(p->core, w->conf->name) == LCP_NO_PEER;
        uint32_t index;
        enum lcp_err err;

        if (w->is_put)
            continue;
        err = lcp_core_peer_put(p->core, lcp_pump_now(p), &w->peer, &index);
        w->is_put = err == LCP_OK;
        if (err != LCP_OK) {
            worst = err;
            continue;
        }
        if (is_new)
            p->peers[index].is_paused = w->pin->is_paused;
        free(p->peers[index].policy);
        p->peers[index].policy = w->policy;
        w->policy = NULL;
        if (lcp_key_is_set(&w->conf->key) && w->pin->how[0] == '\0')
            pin_configured(p, w->conf, index);
    }
    return worst;
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

void
lcp_pump_forget_peer(struct lcp_pump_peer *peer)
{
    free(peer->policy);
    lcp_job_free(peer->news);
    lcp_loop_free(&peer->loop);
    *peer = (struct lcp_pump_peer){0};
}

static enum lcp_err
remove_others(struct lcp_pump *p, const struct lcp_conf *conf)
{
    bool *is_kept = calloc(p->peers_max, sizeof(is_kept[0]));

    if (is_kept == NULL)
        return LCP_ENOMEM;
    for (size_t i = 0; i < conf->peer_count; i++) {
        uint32_t index = lcp_core_peer_find(p->core, conf->peers[i].name);

        if (index != LCP_NO_PEER)
            is_kept[index] = true;
    }
    for (uint32_t i = 0; i < p->peers_max; i++) {
        struct lcp_core_peer_view view;

        if (!is_kept[i] && lcp_core_peer_view(p->core, lcp_pump_now(p), i, &view)) {
            lcp_pump_unpin(p, view.name);
            lcp_core_peer_del(p->core, lcp_pump_now(p), i);
            lcp_pump_forget_peer(&p->peers[i]);
        }
    }
    free(is_kept);
    return LCP_OK;
}

/* What holds for all of them. */
static void
take_up_rules(struct lcp_pump *p, const struct lcp_conf *conf)
{
    p->require_key = conf->require_key;
    if (p->loop_limit == conf->loop_limit)
        return;
    for (uint32_t i = 0; i < p->peers_max; i++)
        lcp_loop_free(&p->peers[i].loop);
    p->loop_limit = conf->loop_limit;
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
    err = remove_others(p, conf);
    if (err != LCP_OK)
        goto out;
    take_up_rules(p, conf);
    vacate_moving(p, conf);
    err = put_wanted(p, wanted, conf->peer_count);
    if (err == LCP_EEXIST) /* a key that another one has just given up */
        err = put_wanted(p, wanted, conf->peer_count);
    if (err == LCP_EFULL)
        err = LCP_EAGAIN;

out:
    for (size_t i = 0; i < conf->peer_count; i++)
        free(wanted[i].policy);
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
