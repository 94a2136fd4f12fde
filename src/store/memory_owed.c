/* SPDX-License-Identifier: MIT
 *
 * The store in memory: sums over what is under way, and what is owed or runs out.
 */
#include "store/memory.h"

#include <stdlib.h>

/* A message in the inbox, or held before it; peer NULL: anyone's. */
static const struct lcp_slot_version *
see_pending(const struct lcp_memory_store *m, size_t index, const char *peer)
{
    const struct lcp_slot *slot = &m->disk->slots[index];
    const struct lcp_slot_version *v = lcp_memory_see(m, index);

    if (v == NULL || slot->dir != LCP_IN || v->state >= LCP_IN_ARCHIVED)
        return NULL;
    return peer == NULL || strcmp(slot->peer, peer) == 0 ? v : NULL;
}

enum lcp_err
lcp_memory_counts(struct lcp_store *s, struct lcp_store_counts *out)
{
    const struct lcp_memory_store *m = lcp_memory(s);
    const struct lcp_memory_disk *d = m->disk;

    memset(out, 0, sizeof(*out));
    out->total = d->writer == m ? d->count : d->committed_count;
    for (size_t i = d->pending_from; i < d->count; i++) {
        const struct lcp_slot_version *v = see_pending(m, i, NULL);

        if (v == NULL)
            continue;
        out->inbox += v->state >= LCP_IN_STORED;
        out->unhanded += v->state == LCP_IN_STORED;
        out->held += v->state == LCP_IN_HELD;
    }
    return lcp_memory_queued_to(s, NULL, &out->queued);
}

enum lcp_err
lcp_memory_usage(struct lcp_store *s, const char *peer, struct lcp_store_usage *out)
{
    const struct lcp_memory_store *m = lcp_memory(s);

    memset(out, 0, sizeof(*out));
    for (size_t i = m->disk->pending_from; i < m->disk->count; i++) {
        const struct lcp_slot_version *v = see_pending(m, i, peer);

        if (v == NULL)
            continue;
        out->messages++;
        out->bytes += v->raw != NULL ? v->raw->len : 0;
    }
    return LCP_OK;
}

/* When the message at index runs out, 0: it does not. */
static uint64_t
expiry(const struct lcp_memory_store *m, size_t index)
{
    const struct lcp_slot_version *v = lcp_memory_see(m, index);
    int state = m->disk->slots[index].dir == LCP_IN ? (int)LCP_IN_HELD
                                                    : (int)LCP_SENT_QUEUED;

    return v != NULL && v->state == state ? v->expires_life_ms : 0;
}

static size_t
first_under_way(const struct lcp_memory_disk *d)
{
    return d->pending_from < d->queued_from ? d->pending_from : d->queued_from;
}

enum lcp_err
lcp_memory_next_expiry(struct lcp_store *s, uint64_t *life_ms)
{
    const struct lcp_memory_store *m = lcp_memory(s);

    *life_ms = 0;
    for (size_t i = first_under_way(m->disk); i < m->disk->count; i++) {
        uint64_t expires = expiry(m, i);

        if (expires != 0 && (*life_ms == 0 || expires < *life_ms))
            *life_ms = expires;
    }
    return LCP_OK;
}

enum lcp_err
lcp_memory_each_expired(struct lcp_store *s, uint64_t life_ms, uint32_t limit,
                        lcp_row_fn *fn, void *ctx)
{
    const struct lcp_memory_store *m = lcp_memory(s);
    uint32_t count = 0;

    for (size_t i = first_under_way(m->disk); i < m->disk->count && count < limit;
         i++) {
        uint64_t expires = expiry(m, i);

        if (expires == 0 || expires > life_ms)
            continue;
        count++;
        if (!lcp_memory_hand_out(m, i, false, false, fn, ctx))
            break;
    }
    return LCP_OK;
}

/* Does the message at index owe its sender a word? */
static bool
owes(const struct lcp_memory_store *m, size_t index)
{
    const struct lcp_slot_version *v = lcp_memory_see(m, index);

    return v != NULL && v->owes;
}

struct debt {
    int state;
    size_t index;
};

static int
by_state(const void *a, const void *b)
{
    const struct debt *left = a, *right = b;

    if (left->state != right->state)
        return left->state < right->state ? -1 : 1;
    return left->index < right->index ? -1 : left->index > right->index;
}

enum lcp_err
lcp_memory_each_owed(struct lcp_store *s, const char *peer, uint32_t limit,
                     lcp_row_fn *fn, void *ctx)
{
    const struct lcp_memory_store *m = lcp_memory(s);
    struct debt *debts = malloc((m->disk->count + 1) * sizeof(*debts));
    size_t count = 0;

    if (debts == NULL)
        return LCP_ENOMEM;
    for (size_t i = 0; i < m->disk->count; i++)
        if (owes(m, i) && strcmp(m->disk->slots[i].peer, peer) == 0)
            debts[count++] = (struct debt){lcp_memory_see(m, i)->state, i};
    qsort(debts, count, sizeof(*debts), by_state);
    for (size_t i = 0; i < count && i < limit; i++)
        if (!lcp_memory_hand_out(m, debts[i].index, true, false, fn, ctx))
            break;
    free(debts);
    return LCP_OK;
}

/* By name: each time the least that comes after the last. */
enum lcp_err
lcp_memory_each_creditor(struct lcp_store *s, bool (*fn)(void *ctx, const char *peer),
                         void *ctx)
{
    const struct lcp_memory_store *m = lcp_memory(s);
    const char *last = "";

    for (;;) {
        const char *next = NULL;

        for (size_t i = 0; i < m->disk->count; i++) {
            const char *peer = m->disk->slots[i].peer;

            if (owes(m, i) && strcmp(peer, last) > 0 &&
                (next == NULL || strcmp(peer, next) < 0))
                next = peer;
        }
        if (next == NULL || !fn(ctx, next))
            return LCP_OK;
        last = next;
    }
}
