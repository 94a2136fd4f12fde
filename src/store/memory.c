/* SPDX-License-Identifier: MIT
 *
 * The store in memory: the disk, its handles and batches. For tests and the simulator;
 * the same contract as the store in SQLite.
 */
#include "store/memory.h"

#include <assert.h>
#include <stdlib.h>

#include "base/err.h"

void
lcp_blob_drop(struct lcp_blob *blob)
{
    if (blob != NULL && --blob->refs == 0)
        free(blob);
}

void
lcp_slot_version_drop(struct lcp_slot_version *v)
{
    lcp_blob_drop(v->reason);
    lcp_blob_drop(v->detail);
    lcp_blob_drop(v->evidence);
    lcp_blob_drop(v->raw);
    memset(v, 0, sizeof(*v));
}

uint32_t
lcp_memory_hash(const char *id)
{
    uint32_t hash =
        2166136261u; /* FNV-1a: deterministic, and no stranger chooses here */

    for (; *id != '\0'; id++)
        hash = (hash ^ (uint8_t)*id) * 16777619u;
    return hash;
}

const struct lcp_slot_version *
lcp_memory_see(const struct lcp_memory_store *m, size_t index)
{
    const struct lcp_slot *slot = &m->disk->slots[index];

    if (m->disk->writer == m && slot->is_dirty)
        return &slot->dirty;
    return slot->is_committed ? &slot->committed : NULL;
}

const struct lcp_memory_side *
lcp_memory_side(const struct lcp_memory_store *m)
{
    const struct lcp_memory_disk *d = m->disk;

    return d->writer == m && d->side_draft != NULL ? d->side_draft : &d->side;
}

size_t
lcp_memory_find(const struct lcp_memory_store *m, enum lcp_direction dir,
                const char *id, size_t from)
{
    const struct lcp_memory_disk *d = m->disk;
    uint32_t at;

    if (from != 0)
        at = d->slots[from - 1].older;
    else
        at = d->bucket_count != 0 ? d->buckets[lcp_memory_hash(id) % d->bucket_count]
                                  : 0;
    for (; at != 0; at = d->slots[at - 1].older) {
        const struct lcp_slot *slot = &d->slots[at - 1];

        if (slot->dir == dir && strcmp(slot->id, id) == 0 && lcp_memory_see(m, at - 1))
            return at - 1;
    }
    return SIZE_MAX;
}

enum lcp_err
lcp_memory_may_write(const struct lcp_memory_store *m)
{
    if (m->is_read_only)
        return LCP_EPERM;
    return m->disk->writer == m ? LCP_OK : LCP_EINVAL;
}

static enum lcp_err
memory_begin(struct lcp_store *s)
{
    struct lcp_memory_store *m = lcp_memory(s);

    if (m->is_read_only)
        return LCP_EPERM;
    if (m->disk->writer == m)
        return LCP_EINVAL;
    if (m->disk->writer != NULL)
        return LCP_EBUSY;
    if (m->disk->fails != LCP_OK)
        return m->disk->fails;
    m->disk->writer = m;
    return LCP_OK;
}

static void
memory_rollback(struct lcp_store *s)
{
    struct lcp_memory_store *m = lcp_memory(s);
    struct lcp_memory_disk *d = m->disk;

    if (d->writer != m)
        return;
    for (size_t i = 0; i < d->dirty_count; i++) {
        d->slots[d->dirty[i]].is_dirty = false;
        lcp_slot_version_drop(&d->slots[d->dirty[i]].dirty);
    }
    d->dirty_count = 0;
    /* Newest first, so that each one is the head of its chain when it goes. */
    for (; d->count > d->committed_count; d->count--) {
        struct lcp_slot *slot = &d->slots[d->count - 1];

        d->buckets[lcp_memory_hash(slot->id) % d->bucket_count] = slot->older;
        free(slot->text);
    }
    lcp_memory_side_rollback(d);
    d->changed = d->committed_changed;
    d->writer = NULL;
}

static void
advance_hints(struct lcp_memory_disk *d)
{
    for (; d->pending_from < d->committed_count; d->pending_from++) {
        const struct lcp_slot *slot = &d->slots[d->pending_from];

        if (slot->dir == LCP_IN && slot->committed.state < LCP_IN_ARCHIVED)
            break;
    }
    for (; d->queued_from < d->committed_count; d->queued_from++) {
        const struct lcp_slot *slot = &d->slots[d->queued_from];

        if (slot->dir == LCP_OUT && slot->committed.state == LCP_SENT_QUEUED)
            break;
    }
}

static enum lcp_err
memory_commit(struct lcp_store *s)
{
    struct lcp_memory_store *m = lcp_memory(s);
    struct lcp_memory_disk *d = m->disk;
    enum lcp_err err = lcp_memory_may_write(m);

    if (err != LCP_OK)
        return err;
    if (d->fails != LCP_OK) {
        memory_rollback(s);
        return d->fails;
    }
    for (size_t i = 0; i < d->dirty_count; i++) {
        struct lcp_slot *slot = &d->slots[d->dirty[i]];

        if (slot->is_committed)
            lcp_slot_version_drop(&slot->committed);
        slot->committed = slot->dirty;
        slot->is_committed = true;
        slot->is_dirty = false;
        memset(&slot->dirty, 0, sizeof(slot->dirty));
    }
    d->dirty_count = 0;
    d->committed_count = d->count;
    d->committed_changed = d->changed;
    lcp_memory_side_commit(d);
    d->writer = NULL;
    advance_hints(d);
    return LCP_OK;
}

static void
memory_close(struct lcp_store *s)
{
    struct lcp_memory_store *m = lcp_memory(s);

    memory_rollback(s);
    m->disk->handles--;
    free(m);
}

static enum lcp_err
memory_checkpoint(struct lcp_store *s, bool force)
{
    struct lcp_memory_store *m = lcp_memory(s);

    (void)force;
    if (m->is_read_only)
        return LCP_EPERM;
    return m->disk->writer == m ? LCP_EINVAL : LCP_OK;
}

static uint64_t
memory_changed(struct lcp_store *s)
{
    const struct lcp_memory_disk *d = lcp_memory(s)->disk;

    return d->writer == lcp_memory(s) ? d->changed : d->committed_changed;
}

struct lcp_memory_disk *
lcp_memory_disk_new(void)
{
    return calloc(1, sizeof(struct lcp_memory_disk));
}

void
lcp_memory_disk_free(struct lcp_memory_disk *disk)
{
    if (disk == NULL)
        return;
    assert(disk->handles == 0);
    for (size_t i = 0; i < disk->count; i++) {
        lcp_slot_version_drop(&disk->slots[i].committed);
        free(disk->slots[i].text);
    }
    lcp_memory_side_free(&disk->side);
    free(disk->slots);
    free(disk->buckets);
    free(disk->dirty);
    free(disk);
}

void
lcp_memory_disk_fail(struct lcp_memory_disk *disk, enum lcp_err err)
{
    disk->fails = err;
}

static const char *
memory_error(struct lcp_store *s)
{
    enum lcp_err err = ((struct lcp_memory_store *)s)->disk->fails;

    return err == LCP_OK ? "" : lcp_err_name(err);
}

static const struct lcp_store_ops memory_ops = {
    .close = memory_close,
    .begin = memory_begin,
    .commit = memory_commit,
    .rollback = memory_rollback,
    .checkpoint = memory_checkpoint,
    .changed = memory_changed,
    .error = memory_error,
    .find_in = lcp_memory_find_in,
    .find_out = lcp_memory_find_out,
    .add = lcp_memory_add,
    .change = lcp_memory_change,
    .set_transmitted = lcp_memory_set_transmitted,
    .set_told = lcp_memory_set_told,
    .resign = lcp_memory_resign,
    .get = lcp_memory_get,
    .each = lcp_memory_each,
    .each_changed = lcp_memory_each_changed,
    .each_in_thread = lcp_memory_each_in_thread,
    .resolve = lcp_memory_resolve,
    .each_queued = lcp_memory_each_queued,
    .each_owed = lcp_memory_each_owed,
    .each_creditor = lcp_memory_each_creditor,
    .usage = lcp_memory_usage,
    .counts = lcp_memory_counts,
    .queued_to = lcp_memory_queued_to,
    .next_expiry = lcp_memory_next_expiry,
    .each_expired = lcp_memory_each_expired,
    .purge = lcp_memory_purge,
    .each_seen = lcp_memory_each_seen,
    .add_seen_any = lcp_memory_add_seen_any,
    .pin_get = lcp_memory_pin_get,
    .pin_put = lcp_memory_pin_put,
    .pin_del = lcp_memory_pin_del,
    .peer_get = lcp_memory_peer_get,
    .peer_put = lcp_memory_peer_put,
    .peer_del = lcp_memory_peer_del,
    .each_paused = lcp_memory_each_paused,
    .audit_add = lcp_memory_audit_add,
    .each_audit = lcp_memory_each_audit,
    .meta_get = lcp_memory_meta_get,
    .meta_put = lcp_memory_meta_put,
};

enum lcp_err
lcp_store_memory_open(struct lcp_memory_disk *disk, bool read_only,
                      struct lcp_store **out)
{
    struct lcp_memory_store *m = calloc(1, sizeof(*m));

    if (m == NULL)
        return LCP_ENOMEM;
    m->base.ops = &memory_ops;
    m->disk = disk;
    m->is_read_only = read_only;
    m->opened_at = disk->committed_count;
    disk->handles++;
    *out = &m->base;
    return LCP_OK;
}
