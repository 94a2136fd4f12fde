/* SPDX-License-Identifier: MIT
 *
 * The store in memory: what only reads. A handle sees its own open batch, else commits.
 */
#include "store/memory.h"

#include <stdlib.h>

#include "base/bugs.h"

static const char *
blob_text(const struct lcp_blob *blob)
{
    return blob != NULL ? (const char *)blob->bytes : "";
}

bool
lcp_memory_hand_out(const struct lcp_memory_store *m, size_t index, bool without_raw,
                    bool with_evidence, lcp_row_fn *fn, void *ctx)
{
    const struct lcp_slot *slot = &m->disk->slots[index];
    const struct lcp_slot_version *v = lcp_memory_see(m, index);
    struct lcp_row row = {.number = index + 1,
                          .changed = v->changed,
                          .dir = slot->dir,
                          .state = v->state,
                          .peer = slot->peer,
                          .key = v->key,
                          .id = slot->id,
                          .type = slot->type,
                          .reply_to = slot->reply_to,
                          .reason = blob_text(v->reason),
                          .detail = blob_text(v->detail),
                          .file = slot->file,
                          .wants_receipts = slot->wants_receipts,
                          .owes = v->owes,
                          .wall_ms = slot->wall_ms,
                          .state_wall_ms = v->state_wall_ms,
                          .was_transmitted = v->was_transmitted,
                          .expires_life_ms = v->expires_life_ms};

    memcpy(row.digest, slot->digest, sizeof(row.digest));
    memcpy(row.canon_digest, v->canon_digest, sizeof(row.canon_digest));
    if (!without_raw && v->raw != NULL)
        row.raw = lcp_span(v->raw->bytes, v->raw->len);
    if (with_evidence && v->evidence != NULL)
        row.evidence = lcp_span(v->evidence->bytes, v->evidence->len);
    return fn(ctx, &row);
}

static bool
hand_out(const struct lcp_memory_store *m, size_t index, bool without_raw,
         lcp_row_fn *fn, void *ctx)
{
    return lcp_memory_hand_out(m, index, without_raw, false, fn, ctx);
}

/* A message in the outbox that still has to go; peer NULL: to anyone. */
static const struct lcp_slot_version *
see_queued(const struct lcp_memory_store *m, size_t index, const char *peer)
{
    const struct lcp_slot *slot = &m->disk->slots[index];
    const struct lcp_slot_version *v = lcp_memory_see(m, index);

    if (v == NULL || slot->dir != LCP_OUT || v->state != LCP_SENT_QUEUED)
        return NULL;
    return peer == NULL || strcmp(slot->peer, peer) == 0 ? v : NULL;
}

static void
found(const struct lcp_memory_store *m, size_t index, struct lcp_row *row)
{
    const struct lcp_slot_version *v = lcp_memory_see(m, index);

    row->dir = m->disk->slots[index].dir;
    row->number = index + 1;
    row->state = v->state;
    memcpy(row->digest, m->disk->slots[index].digest, LCP_DIGEST_BYTES);
}

size_t
lcp_memory_find_keyed(const struct lcp_memory_store *m, const struct lcp_key *key,
                      const char *id)
{
    size_t at = lcp_memory_find(m, LCP_IN, id, 0);

    while (at != SIZE_MAX && (!lcp_key_eq(&lcp_memory_see(m, at)->key, key) ||
                              (lcp_bug(LCP_BUG_DEDUP_LOST) && at < m->opened_at)))
        at = lcp_memory_find(m, LCP_IN, id, at + 1);
    return at;
}

enum lcp_err
lcp_memory_find_in(struct lcp_store *s, const struct lcp_key *key, const char *id,
                   struct lcp_row *row)
{
    const struct lcp_memory_store *m = lcp_memory(s);
    const struct lcp_memory_side *side = lcp_memory_side(m);
    size_t at = lcp_memory_find_keyed(m, key, id);

    memset(row, 0, sizeof(*row));
    if (at != SIZE_MAX) {
        found(m, at, row);
        return LCP_OK;
    }
    row->state = LCP_IN_ARCHIVED;
    for (size_t i = 0; i < side->seen_count; i++)
        if (strcmp(side->seen[i].id, id) == 0)
            return LCP_OK;
    return LCP_ENOTFOUND;
}

enum lcp_err
lcp_memory_find_out(struct lcp_store *s, const char *id, struct lcp_row *row)
{
    const struct lcp_memory_store *m = lcp_memory(s);
    size_t at = lcp_memory_find(m, LCP_OUT, id, 0);

    memset(row, 0, sizeof(*row));
    if (at == SIZE_MAX)
        return LCP_ENOTFOUND;
    found(m, at, row);
    row->peer = m->disk->slots[at].peer;
    row->was_transmitted = lcp_memory_see(m, at)->was_transmitted;
    memcpy(row->canon_digest, lcp_memory_see(m, at)->canon_digest, LCP_DIGEST_BYTES);
    return LCP_OK;
}

enum lcp_err
lcp_memory_get(struct lcp_store *s, uint64_t number, lcp_row_fn *fn, void *ctx)
{
    const struct lcp_memory_store *m = lcp_memory(s);

    if (number == 0 || number > m->disk->count ||
        lcp_memory_see(m, (size_t)number - 1) == NULL)
        return LCP_ENOTFOUND;
    lcp_memory_hand_out(m, (size_t)number - 1, false, true, fn, ctx);
    return LCP_OK;
}

static bool
fits(const struct lcp_memory_store *m, size_t index, const struct lcp_query *q)
{
    const struct lcp_slot *slot = &m->disk->slots[index];
    const struct lcp_slot_version *v = lcp_memory_see(m, index);

    return v != NULL && slot->dir == q->dir && v->state >= q->state_min &&
           v->state <= q->state_max &&
           (q->peer == NULL || strcmp(slot->peer, q->peer) == 0) &&
           (q->type == NULL || strcmp(slot->type, q->type) == 0) &&
           !(q->without_paused && q->dir == LCP_IN &&
             lcp_memory_is_paused(m, slot->peer));
}

enum lcp_err
lcp_memory_each(struct lcp_store *s, const struct lcp_query *q, lcp_row_fn *fn,
                void *ctx)
{
    const struct lcp_memory_store *m = lcp_memory(s);
    uint64_t low, high;
    uint32_t count = 0;

    lcp_query_range(q, &low, &high);
    if (high > m->disk->count)
        high = m->disk->count;
    if (q->dir == LCP_IN && q->state_max < LCP_IN_ARCHIVED &&
        low < m->disk->pending_from)
        low = m->disk->pending_from;
    for (uint64_t step = 0; low + step < high; step++) {
        size_t index = (size_t)(q->newest_first ? high - 1 - step : low + step);

        if (!fits(m, index, q))
            continue;
        count++;
        if (!hand_out(m, index, q->without_raw, fn, ctx) || count == q->limit)
            break;
    }
    return LCP_OK;
}

struct change {
    uint64_t changed;
    size_t index;
};

static int
by_changed(const void *a, const void *b)
{
    const struct change *left = a, *right = b;

    return left->changed < right->changed ? -1 : left->changed > right->changed;
}

enum lcp_err
lcp_memory_each_changed(struct lcp_store *s, uint64_t after, uint32_t limit,
                        lcp_row_fn *fn, void *ctx)
{
    const struct lcp_memory_store *m = lcp_memory(s);
    struct change *changes = malloc((m->disk->count + 1) * sizeof(*changes));
    size_t count = 0;

    if (changes == NULL)
        return LCP_ENOMEM;
    for (size_t i = 0; i < m->disk->count; i++) {
        const struct lcp_slot_version *v = lcp_memory_see(m, i);

        if (v != NULL && v->changed > after)
            changes[count++] = (struct change){v->changed, i};
    }
    qsort(changes, count, sizeof(*changes), by_changed);
    for (size_t i = 0; i < count && i < limit; i++)
        if (!hand_out(m, changes[i].index, false, fn, ctx))
            break;
    free(changes);
    return LCP_OK;
}

/* Marks what is linked to the message at index; true if that is news. */
static size_t
mark_linked(const struct lcp_memory_store *m, size_t index, uint8_t *is_in)
{
    const struct lcp_slot *slots = m->disk->slots;
    const struct lcp_slot *from = &slots[index];
    size_t news = 0;

    for (size_t i = 0; i < m->disk->count; i++) {
        if (is_in[i] != 0 || lcp_memory_see(m, i) == NULL)
            continue;
        if (strcmp(slots[i].reply_to, from->id) != 0 &&
            (from->reply_to[0] == '\0' || strcmp(slots[i].id, from->reply_to) != 0))
            continue;
        is_in[i] = 1;
        news++;
    }
    return news;
}

enum lcp_err
lcp_memory_each_in_thread(struct lcp_store *s, uint64_t number, lcp_row_fn *fn,
                          void *ctx)
{
    enum { OUTSIDE, REACHED, FOLLOWED };
    const struct lcp_memory_store *m = lcp_memory(s);
    size_t total = m->disk->count, known = 1, count = 0;
    uint8_t *is_in;
    bool has_more = true;

    if (number == 0 || number > total || lcp_memory_see(m, (size_t)number - 1) == NULL)
        return LCP_ENOTFOUND;
    is_in = calloc(total, 1);
    if (is_in == NULL)
        return LCP_ENOMEM;
    is_in[number - 1] = REACHED;
    while (has_more && known < LCP_THREAD_MAX) {
        has_more = false;
        for (size_t i = 0; i < total && known < LCP_THREAD_MAX; i++) {
            if (is_in[i] != REACHED)
                continue;
            is_in[i] = FOLLOWED;
            known += mark_linked(m, i, is_in);
            has_more = true;
        }
    }
    for (size_t i = 0; i < total && count < LCP_THREAD_MAX; i++) {
        if (is_in[i] == OUTSIDE)
            continue;
        count++;
        if (!hand_out(m, i, false, fn, ctx))
            break;
    }
    free(is_in);
    return LCP_OK;
}

/* Counts what an id (whole, or its first len bytes) names, up to two; *number is
 * the last. */
static unsigned
count_named(const struct lcp_memory_store *m, const struct lcp_row_name *name,
            bool is_prefix, unsigned dirs, uint64_t *number)
{
    size_t len = strlen(name->id) + (is_prefix ? 0 : 1);
    unsigned count = 0;

    for (size_t i = 0; i < m->disk->count && count < 2; i++) {
        const struct lcp_slot *slot = &m->disk->slots[i];

        if ((dirs & (1u << slot->dir)) == 0 || strncmp(slot->id, name->id, len) != 0 ||
            lcp_memory_see(m, i) == NULL)
            continue;
        count++;
        *number = i + 1;
    }
    return count;
}

enum lcp_err
lcp_memory_resolve(struct lcp_store *s, struct lcp_span text, unsigned dirs,
                   uint64_t *number)
{
    const struct lcp_memory_store *m = lcp_memory(s);
    struct lcp_row_name name;
    bool is_there, is_meant; /* the number */
    uint64_t at = 0;
    unsigned count = 0;

    lcp_row_name(text, &name);
    is_there = name.number != 0 && name.number <= m->disk->count &&
               lcp_memory_see(m, (size_t)name.number - 1) != NULL;
    is_meant = is_there && (dirs & (1u << m->disk->slots[name.number - 1].dir)) != 0;
    if (name.id[0] != '\0')
        count = count_named(m, &name, name.is_uuid_start && !is_there, dirs, &at);
    if (is_there && count == 0 && is_meant) {
        at = name.number;
        count = 1;
    } else if (is_there && count == 1 && at != name.number) {
        count = 2;
    } else if (!is_there && count == 0 && name.may_be_prefix) {
        count = count_named(m, &name, true, dirs, &at);
    }
    if (count == 1)
        *number = at;
    return count == 0 ? LCP_ENOTFOUND : count == 1 ? LCP_OK : LCP_EAMBIGUOUS;
}

enum lcp_err
lcp_memory_each_queued(struct lcp_store *s, const char *peer, uint64_t after,
                       uint32_t n, size_t bytes_max, bool *more, lcp_row_fn *fn,
                       void *ctx)
{
    const struct lcp_memory_store *m = lcp_memory(s);
    size_t from = m->disk->queued_from, bytes = 0;
    uint32_t count = 0;
    bool has_ended = false;

    *more = false;
    if (after > from)
        from = after < m->disk->count ? (size_t)after : m->disk->count;
    for (size_t i = from; i < m->disk->count; i++) {
        const struct lcp_slot_version *v = see_queued(m, i, peer);
        size_t len;

        if (v == NULL)
            continue;
        len = v->raw != NULL ? v->raw->len : 0;
        if (has_ended || count == n ||
            (count > 0 && (bytes > bytes_max || len > bytes_max - bytes))) {
            *more = true;
            break;
        }
        count++;
        bytes += len;
        has_ended = !hand_out(m, i, false, fn, ctx);
    }
    return LCP_OK;
}

enum lcp_err
lcp_memory_queued_to(struct lcp_store *s, const char *peer, uint64_t *count)
{
    const struct lcp_memory_store *m = lcp_memory(s);

    *count = 0;
    for (size_t i = m->disk->queued_from; i < m->disk->count; i++)
        *count += see_queued(m, i, peer) != NULL;
    return LCP_OK;
}
