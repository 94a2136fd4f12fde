/* SPDX-License-Identifier: MIT
 *
 * The store in memory: its small tables, pins, numbers and ids seen from anyone. A
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
        d->side_draft = side;
        if (side->pins == NULL || side->metas == NULL || side->seen == NULL) {
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
