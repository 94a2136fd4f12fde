/* SPDX-License-Identifier: MIT
 *
 * The store in memory: what writes to its messages, inside a batch.
 */
#include "store/memory.h"

#include <stdlib.h>

#include "base/bugs.h"

enum { BUCKETS_FIRST = 64, SLOTS_FIRST = 64 };

static struct lcp_blob *
lcp_blob_new(const void *data, size_t len)
{
    struct lcp_blob *blob = malloc(sizeof(*blob) + len);

    if (blob == NULL)
        return NULL;
    blob->refs = 1;
    blob->len = len;
    if (len != 0)
        memcpy(blob->bytes, data, len);
    return blob;
}

static struct lcp_blob *
lcp_blob_share(struct lcp_blob *blob)
{
    if (blob != NULL)
        blob->refs++;
    return blob;
}

static void
rehash(struct lcp_memory_disk *d, uint32_t *buckets, size_t bucket_count)
{
    free(d->buckets);
    d->buckets = buckets;
    d->bucket_count = bucket_count;
    for (size_t i = 0; i < d->count; i++) {
        uint32_t *head = &d->buckets[lcp_memory_hash(d->slots[i].id) % bucket_count];

        d->slots[i].older = *head;
        *head = (uint32_t)(i + 1);
    }
}

static bool
make_room(struct lcp_memory_disk *d)
{
    if (d->count == d->cap) {
        size_t cap = d->cap != 0 ? 2 * d->cap : SLOTS_FIRST;
        struct lcp_slot *grown = realloc(d->slots, cap * sizeof(*grown));

        if (grown == NULL)
            return false;
        d->slots = grown;
        d->cap = cap;
    }
    if (d->count >= d->bucket_count) {
        size_t bucket_count = d->bucket_count != 0 ? 4 * d->bucket_count
                                                   : BUCKETS_FIRST;
        uint32_t *buckets = calloc(bucket_count, sizeof(*buckets));

        if (buckets == NULL)
            return false;
        rehash(d, buckets, bucket_count);
    }
    return true;
}

static bool
mark_dirty(struct lcp_memory_disk *d, size_t index)
{
    if (d->dirty_count == d->dirty_cap) {
        size_t cap = d->dirty_cap != 0 ? 2 * d->dirty_cap : SLOTS_FIRST;
        uint32_t *grown = realloc(d->dirty, cap * sizeof(*grown));

        if (grown == NULL)
            return false;
        d->dirty = grown;
        d->dirty_cap = cap;
    }
    d->dirty[d->dirty_count++] = (uint32_t)index;
    d->slots[index].is_dirty = true;
    return true;
}

/* The version of a message that this batch may change; NULL without memory. */
static struct lcp_slot_version *
touch(struct lcp_memory_disk *d, size_t index)
{
    struct lcp_slot *slot = &d->slots[index];

    if (slot->is_dirty)
        return &slot->dirty;
    if (!mark_dirty(d, index))
        return NULL;
    slot->dirty = slot->committed;
    lcp_blob_share(slot->dirty.reason);
    lcp_blob_share(slot->dirty.detail);
    lcp_blob_share(slot->dirty.evidence);
    lcp_blob_share(slot->dirty.raw);
    return &slot->dirty;
}

/* Copies the texts of a row into one block of the slot's. */
static bool
slot_text(struct lcp_slot *slot, const struct lcp_row *row, const char *file)
{
    const char *const from[] = {row->peer, row->id, row->type, row->reply_to, file};
    const char **const to[] = {&slot->peer, &slot->id, &slot->type, &slot->reply_to,
                               &slot->file};
    size_t total = 0;
    char *at;

    for (size_t i = 0; i < 5; i++)
        total += strlen(from[i]) + 1;
    slot->text = at = malloc(total);
    if (at == NULL)
        return false;
    for (size_t i = 0; i < 5; i++) {
        size_t len = strlen(from[i]) + 1;

        memcpy(at, from[i], len);
        *to[i] = at;
        at += len;
    }
    return true;
}

static struct lcp_blob *
blob_of_text(const char *text)
{
    return lcp_blob_new(text, strlen(text) + 1);
}

/* The first version of a message; false without memory, what there is then is to be
 * dropped. */
static bool
make_version(const struct lcp_row *row, uint64_t changed, struct lcp_slot_version *out)
{
    bool is_purged = row->dir == LCP_IN && row->state == LCP_IN_REFUSED &&
                     row->raw.len == 0;

    *out = (struct lcp_slot_version){.changed = changed,
                                     .state_wall_ms = row->state_wall_ms,
                                     .expires_life_ms = row->expires_life_ms,
                                     .state = row->state,
                                     .was_transmitted = row->was_transmitted,
                                     .owes = row->owes,
                                     .key = row->key};
    memcpy(out->canon_digest, row->canon_digest, sizeof(out->canon_digest));
    out->reason = blob_of_text(row->reason);
    out->detail = blob_of_text(row->detail);
    out->evidence = lcp_blob_new(row->evidence.data, row->evidence.len);
    out->raw = is_purged ? NULL : lcp_blob_new(row->raw.data, row->raw.len);
    return out->reason != NULL && out->detail != NULL && out->evidence != NULL &&
           (is_purged || out->raw != NULL);
}

/* Puts a checked row behind the last; the caller made sure that it is new. */
static enum lcp_err
append(struct lcp_memory_disk *d, const struct lcp_row *row, const char *file)
{
    struct lcp_slot slot = {.dir = row->dir,
                            .wall_ms = row->wall_ms,
                            .wants_receipts = row->wants_receipts};
    uint32_t *head;

    memcpy(slot.digest, row->digest, sizeof(slot.digest));
    if (!make_version(row, d->changed + 1, &slot.dirty) || !make_room(d) ||
        !slot_text(&slot, row, file))
        goto no_memory;
    d->slots[d->count] = slot;
    if (!mark_dirty(d, d->count))
        goto no_memory;
    head = &d->buckets[lcp_memory_hash(slot.id) % d->bucket_count];
    d->slots[d->count].older = *head;
    *head = (uint32_t)++d->count;
    d->changed++;
    return LCP_OK;

no_memory:
    free(slot.text);
    lcp_slot_version_drop(&slot.dirty);
    return LCP_ENOMEM;
}

enum lcp_err
lcp_memory_add(struct lcp_store *s, const struct lcp_row *row, uint64_t *number)
{
    struct lcp_memory_store *m = lcp_memory(s);
    struct lcp_row_draft draft;
    char file[LCP_FILE_NAME_MAX];
    size_t same_id;
    enum lcp_err err = lcp_memory_may_write(m);

    if (err == LCP_OK)
        err = lcp_row_draft(row, &draft);
    if (err != LCP_OK)
        return err;
    same_id = lcp_memory_find(m, row->dir, row->id, 0);
    if (same_id != SIZE_MAX &&
        (row->dir == LCP_OUT ||
         lcp_memory_find_keyed(m, &row->key, row->id) != SIZE_MAX))
        return LCP_EEXIST;
    lcp_row_file(row->id, same_id != SIZE_MAX ? m->disk->count + 1 : 0, file);
    err = append(m->disk, &draft.row, file);
    if (err == LCP_OK)
        *number = m->disk->count;
    return err;
}

/* The message `number` of this direction as this batch sees it; LCP_ENOTFOUND. */
static enum lcp_err
locate(struct lcp_store *s, enum lcp_direction dir, uint64_t number, size_t *index)
{
    const struct lcp_memory_store *m = lcp_memory(s);
    enum lcp_err err = lcp_memory_may_write(m);

    if (err != LCP_OK)
        return err;
    if (number == 0 || number > m->disk->count || m->disk->slots[number - 1].dir != dir)
        return LCP_ENOTFOUND;
    *index = (size_t)number - 1;
    return LCP_OK;
}

static bool
may_change(enum lcp_direction dir, int from, int to)
{
    if (lcp_bug(LCP_BUG_STATE_BACK))
        return true;
    return to > from &&
           (from < lcp_row_final_state(dir) || lcp_bug(LCP_BUG_DONE_AND_REFUSED));
}

/* Puts another blob in the place of one; NULL: it could not be made. */
static bool
replace(struct lcp_blob **place, struct lcp_blob *blob)
{
    if (blob == NULL)
        return false;
    lcp_blob_drop(*place);
    *place = blob;
    return true;
}

enum lcp_err
lcp_memory_change(struct lcp_store *s, enum lcp_direction dir, uint64_t number,
                  const struct lcp_change *change, bool *moved)
{
    struct lcp_memory_disk *d = lcp_memory(s)->disk;
    struct lcp_change draft = lcp_change_draft(change, dir);
    struct lcp_slot_version *v;
    size_t index = 0;
    enum lcp_err err = locate(s, dir, number, &index);

    *moved = false;
    if (err != LCP_OK)
        return err;
    if (!may_change(dir, lcp_memory_see(lcp_memory(s), index)->state, draft.state))
        return LCP_OK;
    v = touch(d, index);
    if (v == NULL || !replace(&v->reason, blob_of_text(draft.reason)) ||
        !replace(&v->detail, blob_of_text(draft.detail)))
        return LCP_ENOMEM;
    if (draft.evidence.len != 0 &&
        !replace(&v->evidence, lcp_blob_new(draft.evidence.data, draft.evidence.len)))
        return LCP_ENOMEM;
    v->state = draft.state;
    v->state_wall_ms = draft.wall_ms;
    v->owes = d->slots[index].wants_receipts && !draft.told;
    if (dir == LCP_IN)
        v->expires_life_ms = 0;
    v->changed = ++d->changed;
    *moved = true;
    return LCP_OK;
}

enum lcp_err
lcp_memory_set_told(struct lcp_store *s, uint64_t number, int state)
{
    struct lcp_slot_version *v;
    size_t index = 0;
    enum lcp_err err = locate(s, LCP_IN, number, &index);

    if (err != LCP_OK)
        return err;
    v = touch(lcp_memory(s)->disk, index);
    if (v == NULL)
        return LCP_ENOMEM;
    if (v->state == state)
        v->owes = false;
    return LCP_OK;
}

enum lcp_err
lcp_memory_set_transmitted(struct lcp_store *s, uint64_t number)
{
    struct lcp_slot_version *v;
    size_t index = 0;
    enum lcp_err err = locate(s, LCP_OUT, number, &index);

    if (err != LCP_OK)
        return err;
    v = touch(lcp_memory(s)->disk, index);
    if (v == NULL)
        return LCP_ENOMEM;
    v->was_transmitted = true;
    return LCP_OK;
}

enum lcp_err
lcp_memory_resign(struct lcp_store *s, uint64_t number, struct lcp_span raw,
                  const struct lcp_key *key,
                  const uint8_t canon_digest[static LCP_DIGEST_BYTES])
{
    struct lcp_memory_disk *d = lcp_memory(s)->disk;
    const struct lcp_slot_version *old;
    struct lcp_slot_version *v;
    struct lcp_blob *blob;
    size_t index = 0;
    enum lcp_err err = locate(s, LCP_OUT, number, &index);

    if (err != LCP_OK)
        return err;
    old = lcp_memory_see(lcp_memory(s), index);
    if (old->state != LCP_SENT_QUEUED || old->was_transmitted)
        return LCP_ECONFLICT;
    blob = lcp_blob_new(raw.data, raw.len);
    v = blob != NULL ? touch(d, index) : NULL;
    if (v == NULL) {
        lcp_blob_drop(blob);
        return LCP_ENOMEM;
    }
    lcp_blob_drop(v->raw);
    v->raw = blob;
    v->key = *key;
    memcpy(v->canon_digest, canon_digest, sizeof(v->canon_digest));
    v->changed = ++d->changed;
    return LCP_OK;
}

/* The next message to purge, by time and number, SIZE_MAX when none. */
static size_t
next_to_purge(const struct lcp_memory_store *m, int64_t before_wall_ms)
{
    size_t best = SIZE_MAX;
    int64_t best_ms = before_wall_ms;

    for (size_t i = 0; i < m->disk->count; i++) {
        const struct lcp_slot_version *v = lcp_memory_see(m, i);

        if (v != NULL && v->raw != NULL && v->state_wall_ms < best_ms &&
            lcp_row_may_purge(m->disk->slots[i].dir, v->state)) {
            best = i;
            best_ms = v->state_wall_ms;
        }
    }
    return best;
}

enum lcp_err
lcp_memory_purge(struct lcp_store *s, int64_t before_wall_ms, uint32_t limit,
                 uint64_t *purged)
{
    struct lcp_memory_store *m = lcp_memory(s);
    enum lcp_err err = lcp_memory_may_write(m);

    *purged = 0;
    if (err != LCP_OK)
        return err;
    while (*purged < limit) {
        size_t index = next_to_purge(m, before_wall_ms);
        struct lcp_slot_version *v;

        if (index == SIZE_MAX)
            break;
        v = touch(m->disk, index);
        if (v == NULL)
            return LCP_ENOMEM;
        lcp_blob_drop(v->raw);
        v->raw = NULL;
        v->state = lcp_row_purged_state(m->disk->slots[index].dir, v->state);
        v->changed = ++m->disk->changed;
        ++*purged;
    }
    return LCP_OK;
}
