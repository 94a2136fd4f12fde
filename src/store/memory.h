/* SPDX-License-Identifier: MIT
 *
 * Inside of the store in memory, private to memory*.c. Every message has
 * two versions, the committed one and that of the open batch, so that readers see
 * commits only and a crash is nothing but forgetting the second.
 */
#ifndef LCP_STORE_MEMORY_H
#define LCP_STORE_MEMORY_H

#include "store/row.h"

/* Shared immutable bytes: a payload, or a text with its NUL. */
struct lcp_blob {
    uint32_t refs;
    size_t len;
    uint8_t bytes[];
};

/* What of a message changes. */
struct lcp_slot_version {
    uint64_t changed;
    int64_t state_wall_ms;
    uint64_t expires_life_ms;
    int state;
    bool was_transmitted, owes;
    struct lcp_key key;
    uint8_t canon_digest[LCP_DIGEST_BYTES];
    struct lcp_blob *reason, *detail, *evidence;
    struct lcp_blob *raw; /* NULL when purged */
};

/* A message; its number is its index + 1, as nothing is ever deleted. */
struct lcp_slot {
    enum lcp_direction dir;
    const char *peer, *id, *type, *reply_to, *file;
    char *text; /* owns the five above */
    uint8_t digest[LCP_DIGEST_BYTES];
    int64_t wall_ms;
    bool wants_receipts;
    uint32_t older; /* index + 1 of the one before with the same hash of its id */
    bool is_committed, is_dirty;
    struct lcp_slot_version committed, dirty;
};

struct lcp_memory_pin {
    char peer[LCP_NAME_MAX + 1];
    char how[LCP_PIN_HOW_MAX + 1];
    struct lcp_key key;
    int64_t wall_ms;
};

struct lcp_memory_meta {
    char name[LCP_META_NAME_MAX + 1];
    int64_t value;
};

struct lcp_memory_seen {
    char id[LCP_ID_MAX + 1];
};

struct lcp_memory_peer {
    char name[LCP_NAME_MAX + 1];
    struct lcp_store_peer row;
};

/* The small tables; a batch that writes to them works on a copy. */
struct lcp_memory_side {
    struct lcp_memory_pin *pins;
    struct lcp_memory_meta *metas;
    struct lcp_memory_seen *seen;   /* oldest first */
    struct lcp_memory_peer *peers;  /* by name */
    struct lcp_audit_draft *audits; /* oldest first */
    size_t pin_count, meta_count, seen_count, peer_count, audit_count;
};

struct lcp_memory_store;

struct lcp_memory_disk {
    struct lcp_slot *slots;
    size_t count, committed_count, cap;
    uint32_t *buckets; /* index + 1 of the newest with this hash, 0 when none */
    size_t bucket_count;
    uint32_t *dirty; /* indexes of slots with a dirty version */
    size_t dirty_count, dirty_cap;
    uint64_t changed, committed_changed;
    /* States only grow: before these indexes nothing is pending, or queued, any more.
     */
    size_t pending_from, queued_from;
    struct lcp_memory_side side, *side_draft;
    struct lcp_memory_store *writer; /* has a batch open */
    enum lcp_err fails;
    unsigned handles;
};

struct lcp_memory_store {
    struct lcp_store base;
    struct lcp_memory_disk *disk;
    bool is_read_only;
    size_t
        opened_at; /* messages there were when it was opened: for LCP_BUG_DEDUP_LOST */
};

static inline struct lcp_memory_store *
lcp_memory(struct lcp_store *s)
{
    return (struct lcp_memory_store *)s;
}

/* What this handle sees: its own batch, or what is committed. NULL: no such message. */
const struct lcp_slot_version *lcp_memory_see(const struct lcp_memory_store *m,
                                              size_t index);
const struct lcp_memory_side *lcp_memory_side(const struct lcp_memory_store *m);
/* LCP_EPERM: read-only. LCP_EINVAL: no batch of this handle's is open. */
LCP_MUST_USE enum lcp_err lcp_memory_may_write(const struct lcp_memory_store *m);
uint32_t lcp_memory_hash(const char *id);
void lcp_blob_drop(struct lcp_blob *blob);
void lcp_slot_version_drop(struct lcp_slot_version *v);
/* Newest message with this id, then (with from = its index + 1) older ones; SIZE_MAX.
 */
size_t lcp_memory_find(const struct lcp_memory_store *m, enum lcp_direction dir,
                       const char *id, size_t from);
/* The received one of this key. */
size_t lcp_memory_find_keyed(const struct lcp_memory_store *m,
                             const struct lcp_key *key, const char *id);

/* Hands one message out; false ends the walk. Only get shows the evidence. */
bool lcp_memory_hand_out(const struct lcp_memory_store *m, size_t index,
                         bool without_raw, bool with_evidence, lcp_row_fn *fn,
                         void *ctx);
/* Is this peer's mail kept back now? */
bool lcp_memory_is_paused(const struct lcp_memory_store *m, const char *peer);

/* memory_side.c */
void lcp_memory_side_free(struct lcp_memory_side *side);
void lcp_memory_side_rollback(struct lcp_memory_disk *d);
void lcp_memory_side_commit(struct lcp_memory_disk *d);

/* The operations of lcp_store_ops, by name: memory_write.c,
 * memory_read.c, memory_owed.c, memory_side.c */
enum lcp_err lcp_memory_add(struct lcp_store *s, const struct lcp_row *row,
                            uint64_t *number);
enum lcp_err lcp_memory_change(struct lcp_store *s, enum lcp_direction dir,
                               uint64_t number, const struct lcp_change *change,
                               bool *moved);
enum lcp_err lcp_memory_set_told(struct lcp_store *s, uint64_t number, int state);
enum lcp_err lcp_memory_set_transmitted(struct lcp_store *s, uint64_t number);
enum lcp_err lcp_memory_resign(struct lcp_store *s, uint64_t number,
                               struct lcp_span raw, const struct lcp_key *key,
                               const uint8_t canon_digest[static LCP_DIGEST_BYTES]);
enum lcp_err lcp_memory_purge(struct lcp_store *s, int64_t before_wall_ms,
                              uint32_t limit, uint64_t *purged);
enum lcp_err lcp_memory_find_in(struct lcp_store *s, const struct lcp_key *key,
                                const char *id, struct lcp_row *row);
enum lcp_err lcp_memory_find_out(struct lcp_store *s, const char *id,
                                 struct lcp_row *row);
enum lcp_err lcp_memory_add_seen_any(struct lcp_store *s, const char *id);
enum lcp_err lcp_memory_pin_get(struct lcp_store *s, const char *peer,
                                struct lcp_key *key, char how[static 32],
                                int64_t *wall_ms);
enum lcp_err lcp_memory_pin_put(struct lcp_store *s, const char *peer,
                                const struct lcp_key *key, const char *how,
                                int64_t wall_ms);
enum lcp_err lcp_memory_pin_del(struct lcp_store *s, const char *peer);
enum lcp_err lcp_memory_meta_get(struct lcp_store *s, const char *name, int64_t *value);
enum lcp_err lcp_memory_meta_put(struct lcp_store *s, const char *name, int64_t value);
enum lcp_err lcp_memory_peer_get(struct lcp_store *s, const char *peer,
                                 struct lcp_store_peer *out);
enum lcp_err lcp_memory_peer_put(struct lcp_store *s, const char *peer,
                                 const struct lcp_store_peer *row);
enum lcp_err lcp_memory_peer_del(struct lcp_store *s, const char *peer);
enum lcp_err lcp_memory_each_paused(struct lcp_store *s,
                                    bool (*fn)(void *ctx, const char *peer), void *ctx);
enum lcp_err lcp_memory_audit_add(struct lcp_store *s, const struct lcp_audit *audit);
enum lcp_err lcp_memory_each_audit(struct lcp_store *s, uint32_t limit,
                                   lcp_audit_fn *fn, void *ctx);
enum lcp_err lcp_memory_get(struct lcp_store *s, uint64_t number, lcp_row_fn *fn,
                            void *ctx);
enum lcp_err lcp_memory_each(struct lcp_store *s, const struct lcp_query *q,
                             lcp_row_fn *fn, void *ctx);
enum lcp_err lcp_memory_each_changed(struct lcp_store *s, uint64_t after,
                                     uint32_t limit, lcp_row_fn *fn, void *ctx);
enum lcp_err lcp_memory_each_in_thread(struct lcp_store *s, uint64_t number,
                                       lcp_row_fn *fn, void *ctx);
enum lcp_err lcp_memory_resolve(struct lcp_store *s, struct lcp_span text,
                                unsigned dirs, uint64_t *number);
enum lcp_err lcp_memory_each_queued(struct lcp_store *s, const char *peer,
                                    uint64_t after, uint32_t n, size_t bytes_max,
                                    bool *more, lcp_row_fn *fn, void *ctx);
enum lcp_err lcp_memory_each_owed(struct lcp_store *s, const char *peer, uint32_t limit,
                                  lcp_row_fn *fn, void *ctx);
enum lcp_err lcp_memory_each_creditor(struct lcp_store *s,
                                      bool (*fn)(void *ctx, const char *peer),
                                      void *ctx);
enum lcp_err lcp_memory_usage(struct lcp_store *s, const char *peer,
                              struct lcp_store_usage *out);
enum lcp_err lcp_memory_counts(struct lcp_store *s, struct lcp_store_counts *out);
enum lcp_err lcp_memory_queued_to(struct lcp_store *s, const char *peer,
                                  uint64_t *count);
enum lcp_err lcp_memory_next_expiry(struct lcp_store *s, uint64_t *life_ms);
enum lcp_err lcp_memory_each_expired(struct lcp_store *s, uint64_t life_ms,
                                     uint32_t limit, lcp_row_fn *fn, void *ctx);
enum lcp_err lcp_memory_each_seen(struct lcp_store *s, uint32_t limit,
                                  bool (*fn)(void *ctx, const char *id), void *ctx);

#endif
