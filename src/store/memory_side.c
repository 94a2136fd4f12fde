/* SPDX-License-Identifier: MIT
 *
 * The store in memory: its small tables: pins, peers, the audit record, numbers,
 * ids seen from anyone. A
 * batch that writes to them works on a copy, which replaces the original at its commit.
 */
#include "store/memory.h"

#include <stdlib.h>

void
lcp_memory_side_free(struct lcp_memory_side *side)
{
    free(side->pins);
    free(side->metas);
    free(side->seen);
    free(side->peers);
    free(side->audits);
    memset(side, 0, sizeof(*side));
}

void
lcp_memory_side_rollback(struct lcp_memory_disk *d)
{
    if (d->side_draft == NULL)
        return;
    lcp_memory_side_free(d->side_draft);
    free(d->side_draft);
    d->side_draft = NULL;
}

void
lcp_memory_side_commit(struct lcp_memory_disk *d)
{
    if (d->side_draft == NULL)
        return;
    lcp_memory_side_free(&d->side);
    d->side = *d->side_draft;
    free(d->side_draft);
    d->side_draft = NULL;
}

/* A copy of count things, with room for one more; NULL without memory. */
static void *
copy(const void *from, size_t count, size_t size)
{
    void *to = malloc((count + 1) * size);

    if (to != NULL && count != 0)
        memcpy(to, from, count * size);
    return to;
}

static enum lcp_err
draft(struct lcp_store *s, struct lcp_memory_side **out)
{
    struct lcp_memory_disk *d = lcp_memory(s)->disk;
    struct lcp_memory_side *side;
    enum lcp_err err = lcp_memory_may_write(lcp_memory(s));

    if (err != LCP_OK)
        return err;
    if (d->side_draft == NULL) {
        side = malloc(sizeof(*side));
        if (side == NULL)
            return LCP_ENOMEM;
        *side = d->side;
        side->pins = copy(d->side.pins, side->pin_count, sizeof(*side->pins));
        side->metas = copy(d->side.metas, side->meta_count, sizeof(*side->metas));
        side->seen = copy(d->side.seen, side->seen_count, sizeof(*side->seen));
        side->peers = copy(d->side.peers, side->peer_count, sizeof(*side->peers));
        side->audits = copy(d->side.audits, side->audit_count, sizeof(*side->audits));
        d->side_draft = side;
        if (side->pins == NULL || side->metas == NULL || side->seen == NULL ||
            side->peers == NULL || side->audits == NULL) {
            lcp_memory_side_rollback(d);
            return LCP_ENOMEM;
        }
    }
    *out = d->side_draft;
    return LCP_OK;
}

enum lcp_err
lcp_memory_each_seen(struct lcp_store *s, uint32_t limit,
                     bool (*fn)(void *ctx, const char *id), void *ctx)
{
    const struct lcp_memory_store *m = lcp_memory(s);
    const struct lcp_memory_side *side = lcp_memory_side(m);
    uint32_t count = 0;

    for (size_t i = m->disk->count; i > 0 && count < limit; i--) {
        if (m->disk->slots[i - 1].dir != LCP_IN || lcp_memory_see(m, i - 1) == NULL)
            continue;
        count++;
        if (!fn(ctx, m->disk->slots[i - 1].id))
            return LCP_OK;
    }
    for (size_t i = side->seen_count; i > 0 && count < limit; i--, count++)
        if (!fn(ctx, side->seen[i - 1].id))
            return LCP_OK;
    return LCP_OK;
}

enum lcp_err
lcp_memory_add_seen_any(struct lcp_store *s, const char *id)
{
    struct lcp_memory_side *side = NULL;
    struct lcp_memory_seen *grown;
    enum lcp_err err = draft(s, &side);

    if (err == LCP_OK)
        err = lcp_row_check_id(id);
    if (err != LCP_OK)
        return err;
    for (size_t i = 0; i < side->seen_count; i++)
        if (strcmp(side->seen[i].id, id) == 0)
            return LCP_OK;
    grown = realloc(side->seen, (side->seen_count + 1) * sizeof(*grown));
    if (grown == NULL)
        return LCP_ENOMEM;
    side->seen = grown;
    memcpy(grown[side->seen_count++].id, id, strlen(id) + 1);
    return LCP_OK;
}

static struct lcp_memory_pin *
find_pin(const struct lcp_memory_side *side, const char *peer)
{
    for (size_t i = 0; i < side->pin_count; i++)
        if (strcmp(side->pins[i].peer, peer) == 0)
            return &side->pins[i];
    return NULL;
}

enum lcp_err
lcp_memory_pin_get(struct lcp_store *s, const char *peer, struct lcp_key *key,
                   char how[static 32], int64_t *wall_ms)
{
    const struct lcp_memory_pin *pin = find_pin(lcp_memory_side(lcp_memory(s)), peer);

    if (pin == NULL)
        return LCP_ENOTFOUND;
    *key = pin->key;
    memcpy(how, pin->how, sizeof(pin->how));
    *wall_ms = pin->wall_ms;
    return LCP_OK;
}

enum lcp_err
lcp_memory_pin_put(struct lcp_store *s, const char *peer, const struct lcp_key *key,
                   const char *how, int64_t wall_ms)
{
    struct lcp_memory_side *side = NULL;
    struct lcp_memory_pin *pin;
    enum lcp_err err = draft(s, &side);

    if (err == LCP_OK)
        err = lcp_row_check_pin(peer, how);
    if (err != LCP_OK)
        return err;
    pin = find_pin(side, peer);
    if (pin == NULL) {
        struct lcp_memory_pin *grown = realloc(side->pins,
                                               (side->pin_count + 1) * sizeof(*grown));

        if (grown == NULL)
            return LCP_ENOMEM;
        side->pins = grown;
        pin = &grown[side->pin_count++];
        memset(pin, 0, sizeof(*pin));
        memcpy(pin->peer, peer, strlen(peer) + 1);
    }
    memset(pin->how, 0, sizeof(pin->how));
    memcpy(pin->how, how, strlen(how));
    pin->key = *key;
    pin->wall_ms = wall_ms;
    return LCP_OK;
}

enum lcp_err
lcp_memory_pin_del(struct lcp_store *s, const char *peer)
{
    struct lcp_memory_side *side = NULL;
    struct lcp_memory_pin *pin;
    enum lcp_err err = draft(s, &side);

    if (err != LCP_OK)
        return err;
    pin = find_pin(side, peer);
    if (pin != NULL)
        *pin = side->pins[--side->pin_count];
    return LCP_OK;
}

/* The place of a peer in their order, there or not. */
static size_t
place_of_peer(const struct lcp_memory_side *side, const char *name, bool *is_there)
{
    size_t at = 0;

    while (at < side->peer_count && strcmp(side->peers[at].name, name) < 0)
        at++;
    *is_there = at < side->peer_count && strcmp(side->peers[at].name, name) == 0;
    return at;
}

enum lcp_err
lcp_memory_peer_get(struct lcp_store *s, const char *peer, struct lcp_store_peer *out)
{
    const struct lcp_memory_side *side = lcp_memory_side(lcp_memory(s));
    bool is_there;
    size_t at = place_of_peer(side, peer, &is_there);

    memset(out, 0, sizeof(*out));
    if (is_there)
        *out = side->peers[at].row;
    return LCP_OK;
}

enum lcp_err
lcp_memory_peer_put(struct lcp_store *s, const char *peer,
                    const struct lcp_store_peer *row)
{
    struct lcp_memory_side *side = NULL;
    bool is_there;
    size_t at;
    enum lcp_err err = draft(s, &side);

    if (err == LCP_OK)
        err = lcp_row_check_peer(peer, row);
    if (err != LCP_OK)
        return err;
    at = place_of_peer(side, peer, &is_there);
    if (!is_there) {
        struct lcp_memory_peer *grown = realloc(side->peers, (side->peer_count + 1) *
                                                                 sizeof(*grown));

        if (grown == NULL)
            return LCP_ENOMEM;
        side->peers = grown;
        memmove(&grown[at + 1], &grown[at], (side->peer_count - at) * sizeof(*grown));
        side->peer_count++;
        memcpy(grown[at].name, peer, strlen(peer) + 1);
    }
    side->peers[at].row = *row;
    return LCP_OK;
}

enum lcp_err
lcp_memory_peer_del(struct lcp_store *s, const char *peer)
{
    struct lcp_memory_side *side = NULL;
    bool is_there;
    size_t at;
    enum lcp_err err = draft(s, &side);

    if (err != LCP_OK)
        return err;
    at = place_of_peer(side, peer, &is_there);
    if (is_there) {
        side->peer_count--;
        memmove(&side->peers[at], &side->peers[at + 1],
                (side->peer_count - at) * sizeof(*side->peers));
    }
    return LCP_OK;
}

bool
lcp_memory_is_paused(const struct lcp_memory_store *m, const char *peer)
{
    const struct lcp_memory_side *side = lcp_memory_side(m);

    for (size_t i = 0; i < side->peer_count; i++)
        if (side->peers[i].row.is_paused &&
            (side->peers[i].name[0] == '\0' || strcmp(side->peers[i].name, peer) == 0))
            return true;
    return false;
}

enum lcp_err
lcp_memory_each_paused(struct lcp_store *s, bool (*fn)(void *ctx, const char *peer),
                       void *ctx)
{
    const struct lcp_memory_side *side = lcp_memory_side(lcp_memory(s));

    for (size_t i = 0; i < side->peer_count; i++)
        if (side->peers[i].row.is_paused && !fn(ctx, side->peers[i].name))
            break;
    return LCP_OK;
}

enum lcp_err
lcp_memory_audit_add(struct lcp_store *s, const struct lcp_audit *audit)
{
    struct lcp_memory_side *side = NULL;
    struct lcp_audit_draft *grown;
    enum lcp_err err = draft(s, &side);

    if (err != LCP_OK)
        return err;
    grown = realloc(side->audits, (side->audit_count + 1) * sizeof(*grown));
    if (grown == NULL)
        return LCP_ENOMEM;
    side->audits = grown;
    err = lcp_audit_draft(audit, &grown[side->audit_count]);
    if (err == LCP_OK)
        side->audit_count++;
    return err;
}

enum lcp_err
lcp_memory_each_audit(struct lcp_store *s, uint32_t limit, lcp_audit_fn *fn, void *ctx)
{
    const struct lcp_memory_side *side = lcp_memory_side(lcp_memory(s));

    for (size_t i = side->audit_count, count = 0; i > 0 && count < limit;
         i--, count++) {
        const struct lcp_audit_draft *draft_of = &side->audits[i - 1];
        struct lcp_audit audit = {.number = i,
                                  .wall_ms = draft_of->wall_ms,
                                  .who = draft_of->who,
                                  .what = draft_of->what,
                                  .detail = draft_of->detail};

        if (!fn(ctx, &audit))
            break;
    }
    return LCP_OK;
}

static struct lcp_memory_meta *
find_meta(const struct lcp_memory_side *side, const char *name)
{
    for (size_t i = 0; i < side->meta_count; i++)
        if (strcmp(side->metas[i].name, name) == 0)
            return &side->metas[i];
    return NULL;
}

enum lcp_err
lcp_memory_meta_get(struct lcp_store *s, const char *name, int64_t *value)
{
    const struct lcp_memory_meta *meta = find_meta(lcp_memory_side(lcp_memory(s)),
                                                   name);

    if (meta == NULL)
        return LCP_ENOTFOUND;
    *value = meta->value;
    return LCP_OK;
}

enum lcp_err
lcp_memory_meta_put(struct lcp_store *s, const char *name, int64_t value)
{
    struct lcp_memory_side *side = NULL;
    struct lcp_memory_meta *meta;
    enum lcp_err err = draft(s, &side);

    if (err == LCP_OK)
        err = lcp_row_check_meta(name);
    if (err != LCP_OK)
        return err;
    meta = find_meta(side, name);
    if (meta == NULL) {
        struct lcp_memory_meta *grown = realloc(side->metas, (side->meta_count + 1) *
                                                                 sizeof(*grown));

        if (grown == NULL)
            return LCP_ENOMEM;
        side->metas = grown;
        meta = &grown[side->meta_count++];
        memcpy(meta->name, name, strlen(name) + 1);
    }
    meta->value = value;
    return LCP_OK;
}
