/* SPDX-License-Identifier: MIT
 *
 * The durable record: every message of both directions, its state, the dedup keys, the
 * pins. One contract, two implementations (sqlite, memory) that pass
 * tests/unit/store/contract.h. A handle is used by one thread at a time. Knows base
 * only; verifies nothing, sends nothing.
 *
 * Errors: LCP_ENOSPACE when the disk is full or read-only (the transaction must be
 * rolled back; the handle stays usable), LCP_ELOST when an fsync failed, LCP_EIO and
 * LCP_ECORRUPT for the rest.
 */
#ifndef LCP_STORE_STORE_H
#define LCP_STORE_STORE_H

#include "base/crypto.h"

enum {
    LCP_FILE_NAME_MAX = 192,
    LCP_AUDIT_TEXT_MAX = 512, /* one text of the audit record */
};

enum lcp_direction { LCP_IN = 0, LCP_OUT = 1 };

/* A message of the record. As an argument of add: strings and spans are borrowed for
 * the call. As a row handed to a callback: valid until it returns. */
struct lcp_row {
    uint64_t number;  /* local, monotone over both directions, never used twice */
    uint64_t changed; /* grows with every change the mirror must see */
    enum lcp_direction dir;
    int state;          /* enum lcp_in_state or lcp_out_state */
    const char *peer;   /* registry name at the time */
    struct lcp_key key; /* of the signer: the peer's, or ours */
    const char *id;
    const char *type; /* at most LCP_TYPE_MAX bytes of it; the raw text has it whole */
    const char *reply_to; /* "" when none or no valid id */
    const char *reason;   /* of the state: a word, "" when none */
    const char *detail;   /* of the state: a sentence, "" when none. NULL as an argument
                             is "" */
    const char *file;     /* name inside inbox/, inbox_archive/ or outbox/ */
    struct lcp_span raw;  /* the DATA payload; empty when purged */
    uint8_t digest[LCP_DIGEST_BYTES];       /* in: of the canonical bytes. out: of the
                                               caller's draft */
    uint8_t canon_digest[LCP_DIGEST_BYTES]; /* out: of the canonical bytes; all zero in
                                               rows of the first schema */
    struct lcp_span evidence; /* out: the receipt that gave it its state; empty when
                                 none. Only get() fills it in */
    bool wants_receipts;      /* in: its sender takes receipts (LCP/1.2) */
    bool owes;                /* in: the sender does not know its state yet */
    int64_t wall_ms;          /* received or accepted */
    int64_t state_wall_ms;    /* of the last change of state */
    bool was_transmitted;     /* out: may have been on the wire */
    uint64_t expires_life_ms; /* out: on the node's life clock (docs/design.md); in:
                                 when HELD, the end of it. 0 = never */
};

/* A change of state. */
struct lcp_change {
    int state;
    const char *reason, *detail; /* NULL is "" */
    struct lcp_span evidence;    /* out; empty: none, that of before stays */
    int64_t wall_ms;
    bool told; /* in: the sender's 1.2 node hears of this in the same breath (an
                  answer), so it is not owed */
};

typedef bool lcp_row_fn(void *ctx, const struct lcp_row *row); /* false ends the walk */

/* Which messages; zero means "any". Rows come by number, ascending unless newest_first.
 */
struct lcp_query {
    enum lcp_direction dir;
    uint64_t after;   /* number > after; with newest_first: number < after when not 0 */
    uint64_t through; /* number <= through, 0 = no bound */
    int state_min,
        state_max;           /* inclusive; both 0 with dir in = only STORED: set them */
    const char *peer, *type; /* NULL = any */
    bool
        without_paused; /* in: leave out peers that are paused; none when the node is */
    uint32_t limit;     /* 0 = no limit */
    bool newest_first;
    bool without_raw; /* leave raw empty: for listings */
};

struct lcp_store_counts {
    uint64_t inbox;    /* in, STORED or HANDED */
    uint64_t unhanded; /* in, STORED */
    uint64_t held;     /* in, HELD */
    uint64_t queued;   /* out, QUEUED */
    uint64_t total;
};

/* What lies here of one peer and is not archived: for quotas. */
struct lcp_store_usage {
    uint64_t messages, bytes; /* in, HELD, STORED or HANDED; bytes of their payloads */
};

/* What is remembered of a peer beside its pin; zeroed when there is nothing. The peer
 * "" is the whole node: is_paused alone has a meaning there. */
struct lcp_store_peer {
    int version; /* enum lcp_version; 0: never told */
    bool is_paused;
    uint64_t rate_life_ms; /* RatePerHour: the theoretical arrival time of GCRA */
};

/* One line of the audit record. Texts are UTF-8, at most LCP_AUDIT_TEXT_MAX bytes. */
struct lcp_audit {
    uint64_t number; /* 1, 2...; the store's to choose */
    int64_t wall_ms;
    const char *who;    /* "uid 1000, pid 4711 (lcp)" */
    const char *what;   /* "peer trust", "release", "resume" */
    const char *detail; /* "AgentB 0f29db...", "--yes" or "typed" */
};
typedef bool lcp_audit_fn(void *ctx, const struct lcp_audit *audit);

struct lcp_store;

struct lcp_store_ops {
    void (*close)(struct lcp_store *s);

    /* Write transaction around one batch. commit makes it durable (synchronous=FULL) or
     * returns an error after which nothing of the batch is in the record (LCP_ELOST:
     * unknown). rollback accepts any state. Every write below belongs into a batch:
     * LCP_EINVAL outside of one, LCP_EPERM on a read-only handle, and after a failure
     * of the disk that failure again until the rollback. begin: LCP_EBUSY when another
     * handle writes. Numbers of a batch that was rolled back are given again. */
    enum lcp_err (*begin)(struct lcp_store *s);
    enum lcp_err (*commit)(struct lcp_store *s);
    void (*rollback)(struct lcp_store *s);
    /* Moves the log into the database when it has grown past its limit, or always with
     * `force`. Outside a transaction. LCP_ELOST: the database file could not be synced.
     * LCP_EAGAIN: a reader is in the way; harmless. */
    enum lcp_err (*checkpoint)(struct lcp_store *s, bool force);
    /* The greatest `changed` so far, committed or not. */
    uint64_t (*changed)(struct lcp_store *s);
    /* The last error of this handle in words, for the log; "" before the first.
     * Borrowed until the next call. */
    const char *(*error)(struct lcp_store *s);

    /* in: the row with this key and id, else LCP_ENOTFOUND. An id imported as "seen
     * from anyone" is found too, with number 0. Only number, state, digest are filled.
     * out: by id alone; number, state, digest, canon_digest, peer (valid until the next
     * call) and was_transmitted are filled. */
    enum lcp_err (*find_in)(struct lcp_store *s, const struct lcp_key *key,
                            const char *id, struct lcp_row *row);
    enum lcp_err (*find_out)(struct lcp_store *s, const char *id, struct lcp_row *row);
    /* Adds; number, changed and file are the store's to choose. LCP_EEXIST if (key, id)
     * or for out the id is there. The file name is msg_<id>.json for a lower-case UUID,
     * else msg_<hex digest of the id>.json; with _<number> before .json when another
     * row of this direction has that name. */
    enum lcp_err (*add)(struct lcp_store *s, const struct lcp_row *row,
                        uint64_t *number);
    /* Moves a message to a greater state; the same or a lesser one changes nothing and
     * is LCP_OK with *moved = false, and so is any change of a final one
     * (lcp_in_state_is_final, lcp_out_state_is_final). LCP_ENOTFOUND without such a
     * number in this direction. An incoming message that wants receipts then owes its
     * sender the word, unless change->told. Leaving HELD clears its expiry. */
    enum lcp_err (*change)(struct lcp_store *s, enum lcp_direction dir, uint64_t number,
                           const struct lcp_change *change, bool *moved);
    enum lcp_err (*set_transmitted)(struct lcp_store *s, uint64_t number);
    /* Its sender knows this state of a message received: it owes nothing more, if that
     * is still its state. LCP_ENOTFOUND. */
    enum lcp_err (*set_told)(struct lcp_store *s, uint64_t number, int state);
    /* Replaces payload and key of a queued message that was never transmitted (the
     * draft and so its digest stay). LCP_ECONFLICT when it is past that. */
    enum lcp_err (*resign)(struct lcp_store *s, uint64_t number, struct lcp_span raw,
                           const struct lcp_key *key,
                           const uint8_t canon_digest[static LCP_DIGEST_BYTES]);

    /* One whole message by number. The row is handed to fn once. */
    enum lcp_err (*get)(struct lcp_store *s, uint64_t number, lcp_row_fn *fn,
                        void *ctx);
    enum lcp_err (*each)(struct lcp_store *s, const struct lcp_query *q, lcp_row_fn *fn,
                         void *ctx);
    /* Messages whose `changed` is greater, ascending, at most limit: the mirror's food.
     */
    enum lcp_err (*each_changed)(struct lcp_store *s, uint64_t after, uint32_t limit,
                                 lcp_row_fn *fn, void *ctx);
    /* All messages linked to this one by replyTo, both directions, by number; at
     * most 1,000. */
    enum lcp_err (*each_in_thread)(struct lcp_store *s, uint64_t number, lcp_row_fn *fn,
                                   void *ctx);
    /* A number ("41", "#41"), an id, or a unique prefix (at least 4 characters) of one.
     * dirs is a bit set: 1 in, 2 out. LCP_ENOTFOUND, LCP_EAMBIGUOUS. Purged messages
     * are found too. */
    enum lcp_err (*resolve)(struct lcp_store *s, struct lcp_span text, unsigned dirs,
                            uint64_t *number);
    /* Queued messages to a peer with number > after, ascending, while count <= n and
     * their payload bytes fit in bytes_max (the first always fits). *more: at least one
     * further row exists. */
    enum lcp_err (*each_queued)(struct lcp_store *s, const char *peer, uint64_t after,
                                uint32_t n, size_t bytes_max, bool *more,
                                lcp_row_fn *fn, void *ctx);
    /* Messages of this peer's that owe it a word, at most limit, those of one state
     * together, then by number; without_raw. */
    enum lcp_err (*each_owed)(struct lcp_store *s, const char *peer, uint32_t limit,
                              lcp_row_fn *fn, void *ctx);
    /* Each peer that is owed a word, once. */
    enum lcp_err (*each_creditor)(struct lcp_store *s,
                                  bool (*fn)(void *ctx, const char *peer), void *ctx);
    enum lcp_err (*usage)(struct lcp_store *s, const char *peer,
                          struct lcp_store_usage *out);
    enum lcp_err (*counts)(struct lcp_store *s, struct lcp_store_counts *out);
    enum lcp_err (*queued_to)(struct lcp_store *s, const char *peer, uint64_t *count);
    /* The least expires_life_ms of queued and of held messages, 0 when there is none.
     */
    enum lcp_err (*next_expiry)(struct lcp_store *s, uint64_t *life_ms);
    /* Queued and held messages whose expires_life_ms is at or before life_ms (and not
     * 0): by number. */
    enum lcp_err (*each_expired)(struct lcp_store *s, uint64_t life_ms, uint32_t limit,
                                 lcp_row_fn *fn, void *ctx);
    /* Deletes the bodies of archived and consumed and of sent messages that are no
     * longer queued, whose last change of state is before wall_ms, the oldest first, at
     * most limit; ids stay known. */
    enum lcp_err (*purge)(struct lcp_store *s, int64_t before_wall_ms, uint32_t limit,
                          uint64_t *purged);
    /* The newest received ids, newest first: for seen_ids.json. */
    enum lcp_err (*each_seen)(struct lcp_store *s, uint32_t limit,
                              bool (*fn)(void *ctx, const char *id), void *ctx);
    enum lcp_err (*add_seen_any)(struct lcp_store *s, const char *id);

    /* Pins: one key a peer name. how is "config", "first contact" or "trusted". get:
     * ENOTFOUND. del: LCP_OK also when there is none. */
    enum lcp_err (*pin_get)(struct lcp_store *s, const char *peer, struct lcp_key *key,
                            char how[static 32], int64_t *wall_ms);
    enum lcp_err (*pin_put)(struct lcp_store *s, const char *peer,
                            const struct lcp_key *key, const char *how,
                            int64_t wall_ms);
    enum lcp_err (*pin_del)(struct lcp_store *s, const char *peer);
    /* What is remembered of a peer. get: zeroed without a row, LCP_OK. del: LCP_OK also
     * when there is none. */
    enum lcp_err (*peer_get)(struct lcp_store *s, const char *peer,
                             struct lcp_store_peer *out);
    enum lcp_err (*peer_put)(struct lcp_store *s, const char *peer,
                             const struct lcp_store_peer *row);
    enum lcp_err (*peer_del)(struct lcp_store *s, const char *peer);
    /* Each peer that is paused ("" for the node). */
    enum lcp_err (*each_paused)(struct lcp_store *s,
                                bool (*fn)(void *ctx, const char *peer), void *ctx);
    /* The audit record: nothing is ever deleted from it. each: the newest first. */
    enum lcp_err (*audit_add)(struct lcp_store *s, const struct lcp_audit *audit);
    enum lcp_err (*each_audit)(struct lcp_store *s, uint32_t limit, lcp_audit_fn *fn,
                               void *ctx);
    /* Small named numbers: life clock, mirror watermark. LCP_ENOTFOUND. */
    enum lcp_err (*meta_get)(struct lcp_store *s, const char *name, int64_t *value);
    enum lcp_err (*meta_put)(struct lcp_store *s, const char *name, int64_t value);
};

struct lcp_store {
    const struct lcp_store_ops *ops;
};

/* A change with a reason and no more. */
static inline enum lcp_err
lcp_store_set_state(struct lcp_store *s, enum lcp_direction dir, uint64_t number,
                    int state, const char *reason, int64_t wall_ms, bool *moved)
{
    struct lcp_change change = {.state = state, .reason = reason, .wall_ms = wall_ms};

    return s->ops->change(s, dir, number, &change, moved);
}

/* store/sqlite.c. Opens or makes HOME/data/lcp.db. Writable: one handle a database,
 * migrates an older schema (LCP_EVERSION for a newer one). Read-only: beside a
 * writer or alone; writes fail with LCP_EPERM. LCP_ENOTFOUND: read-only and there is
 * no database. */
LCP_MUST_USE enum lcp_err lcp_store_sqlite_open(const char *path, bool read_only,
                                                struct lcp_store **out);
/* LCP_ECORRUPT of the above may also mean that another program has written into the
 * file: its pages do not have our seals then. Looks the record through without them,
 * each row with is_sound (false: it is not what was signed; NULL: not asked); when all
 * is sound, writes a line of the audit record (audit: when and who), and the whole
 * record anew with seals. LCP_ECORRUPT: it is not, found->word says why, and nothing
 * was sealed. LCP_ENOTFOUND, LCP_ENOSPACE (it needs room for the record twice) and
 * others. Nobody else may have it open. */
struct lcp_reseal {
    uint64_t messages, unsound, first_unsound;
    char word[LCP_AUDIT_TEXT_MAX + 1];
};
LCP_MUST_USE enum lcp_err lcp_store_sqlite_reseal(const char *path,
                                                  lcp_row_fn *is_sound, void *ctx,
                                                  const struct lcp_audit *audit,
                                                  struct lcp_reseal *found);
const char *lcp_store_sqlite_version(void);

/* store/memory.c, for tests and the simulator. A disk survives its handles: what was
 * committed is there for the next handle, what was not is gone, as after a crash.
 * Readers see commits only. */
struct lcp_memory_disk;
struct lcp_memory_disk *lcp_memory_disk_new(void);
void lcp_memory_disk_free(struct lcp_memory_disk *disk);
/* From now on begin/commit fail with this error (LCP_OK: work again). */
void lcp_memory_disk_fail(struct lcp_memory_disk *disk, enum lcp_err err);
LCP_MUST_USE enum lcp_err lcp_store_memory_open(struct lcp_memory_disk *disk,
                                                bool read_only, struct lcp_store **out);

#endif
