/* SPDX-License-Identifier: MIT
 *
 * Inside of the store in SQLite, private to sqlite*.c: the handle, its statements and
 * one call of a statement.
 */
#ifndef LCP_STORE_SQLITE_H
#define LCP_STORE_SQLITE_H

#include "store/mark.h"
#include "store/row.h"

struct sqlite3;
struct sqlite3_stmt;

enum lcp_statement {
    LCP_SQL_BEGIN,
    LCP_SQL_COMMIT,
    LCP_SQL_ROLLBACK,
    LCP_SQL_COUNTERS,
    LCP_SQL_FIND_IN,
    LCP_SQL_FIND_OUT,
    LCP_SQL_FIND_SEEN,
    LCP_SQL_ID_TAKEN,
    LCP_SQL_ADD,
    LCP_SQL_WORD_ADD,
    LCP_SQL_HAS,
    LCP_SQL_CHANGE,
    LCP_SQL_WORD_CHANGE,
    LCP_SQL_TOLD,
    LCP_SQL_SET_TRANSMITTED,
    LCP_SQL_RESIGN,
    LCP_SQL_WORD_RESIGN,
    LCP_SQL_PURGE_NEXT,
    LCP_SQL_PURGE,
    LCP_SQL_WORD_PURGE,
    LCP_SQL_SEEN,
    LCP_SQL_SEEN_ANY,
    LCP_SQL_SEEN_ADD,
    LCP_SQL_PIN_GET,
    LCP_SQL_PIN_PUT,
    LCP_SQL_PIN_DEL,
    LCP_SQL_META_GET,
    LCP_SQL_META_PUT,
    LCP_SQL_PEER_GET,
    LCP_SQL_PEER_PUT,
    LCP_SQL_PEER_DEL,
    LCP_SQL_PAUSED,
    LCP_SQL_AUDIT_ADD,
    LCP_SQL_AUDIT,
    LCP_SQL_GET,
    LCP_SQL_EACH, /* then the same newest first, and so for the next two */
    LCP_SQL_EACH_DOWN,
    LCP_SQL_PENDING,
    LCP_SQL_PENDING_DOWN,
    LCP_SQL_UNSENT,
    LCP_SQL_UNSENT_DOWN,
    LCP_SQL_CHANGED,
    LCP_SQL_THREAD,
    LCP_SQL_NAMED_IN,
    LCP_SQL_NAMED_OUT,
    LCP_SQL_QUEUED,
    LCP_SQL_QUEUED_TO,
    LCP_SQL_OWED,
    LCP_SQL_CREDITORS,
    LCP_SQL_USAGE,
    LCP_SQL_COUNTS,
    LCP_SQL_NEXT_EXPIRY,
    LCP_SQL_EXPIRED,
    LCP_SQL_COUNT
};

enum { LCP_SQLITE_ERROR_MAX = 256 };

struct lcp_sqlite {
    struct lcp_store base;
    struct sqlite3 *db;
    bool is_read_only;
    bool is_in_batch;
    enum lcp_err failed; /* what doomed the open batch */
    uint64_t number, changed;
    uint64_t changed_before; /* at the begin of the batch */
    /* Commits that changed no message (pins, pauses, clocks) are counted in the record
     * too, so that the mark tells of every one. */
    uint64_t side;
    int total_before; /* rows SQLite had changed at the begin of the batch */
    struct lcp_seal *seal;
    bool is_sealed; /* its pages have seals */
    struct lcp_mark mark;
    int log_pages; /* in the write-ahead log after the last commit */
    struct sqlite3_stmt *statements[LCP_SQL_COUNT];
    char error[LCP_SQLITE_ERROR_MAX];
    char found_peer[LCP_NAME_MAX + 1]; /* of find_out */
};

static inline struct lcp_sqlite *
lcp_sqlite(struct lcp_store *s)
{
    return (struct lcp_sqlite *)s;
}

/* Opens a database that is there, on the file system of SQLite's by this name; NULL:
 * the one of the machine. */
LCP_MUST_USE enum lcp_err lcp_store_sqlite_open_on(const char *vfs, const char *path,
                                                   bool read_only,
                                                   struct lcp_store **out);
/* For who looks a record through that lcp_store_sqlite_open refuses: its seals and its
 * mark are not asked. */
LCP_MUST_USE enum lcp_err lcp_sqlite_open_blind(const char *path,
                                                struct lcp_store **out);

/* Seals of the pages of the database file: sqlite_seal.c. vfs: the file system below;
 * NULL: the one of the machine. is_blind: makes them, but does not look at them.
 * Returns NULL without memory, or such a file system. */
enum { LCP_SEAL_BYTES = 8 };
struct lcp_seal *lcp_seal_new(const char *vfs, bool is_blind);
void lcp_seal_free(struct lcp_seal *seal); /* after the database is closed */
const char *lcp_seal_name(const struct lcp_seal *seal);
/* Leaves room for seals in each page of a new record; an old one that has none gets
 * them once, at the cost of writing it anew. Without room on the disk it goes on as it
 * was. Where there is a mark there must be seals: LCP_ECORRUPT. */
LCP_MUST_USE enum lcp_err lcp_seal_pages(struct lcp_sqlite *q, bool is_new,
                                         uint64_t mark);
/* Writes the record anew, with seals. */
LCP_MUST_USE enum lcp_err lcp_seal_anew(struct lcp_sqlite *q);

/* Keeps the text of the handle's last error and translates its code. Dooms the
 * open batch. */
LCP_MUST_USE enum lcp_err lcp_sqlite_fail(struct lcp_sqlite *q, int code);
/* LCP_EPERM: read-only. LCP_EINVAL: no batch. Else what doomed the batch, if anything.
 */
LCP_MUST_USE enum lcp_err lcp_sqlite_may_write(const struct lcp_sqlite *q);

/* Prepares every statement, so that a schema which is not ours shows at once. */
LCP_MUST_USE enum lcp_err lcp_sqlite_prepare(struct lcp_sqlite *q);
void lcp_sqlite_finalize(struct lcp_sqlite *q);

/* One use of a statement: start, bind in order, step, end. Bound bytes are borrowed
 * until the end. A statement is in one use at a time. */
struct lcp_call {
    struct lcp_sqlite *q;
    struct sqlite3_stmt *stmt;
    int bound;
    int code;
};
struct lcp_call lcp_call(struct lcp_sqlite *q, enum lcp_statement which);
void lcp_call_int(struct lcp_call *c, int64_t value);
void lcp_call_text(struct lcp_call *c, const char *text); /* NULL is NULL */
void lcp_call_blob(struct lcp_call *c, const void *data, size_t len);
void lcp_call_null(struct lcp_call *c);
/* True: a row is there. False: no more, or an error that lcp_call_end tells. */
bool lcp_call_step(struct lcp_call *c);
enum lcp_err lcp_call_end(struct lcp_call *c);
/* Steps once and ends: for what gives no rows. */
enum lcp_err lcp_call_run(struct lcp_call *c);
/* Steps once, reads one integer, ends; *value stays when there is no row. */
enum lcp_err lcp_call_value(struct lcp_call *c, int64_t *value);

/* Values of the row that is there. */
int64_t lcp_call_get_int(struct lcp_call *c, int column);
/* LCP_ECORRUPT unless it is a text of at most max bytes, or a blob of exactly len. */
LCP_MUST_USE enum lcp_err lcp_call_get_text(struct lcp_call *c, int column, size_t max,
                                            const char **out);
LCP_MUST_USE enum lcp_err lcp_call_get_bytes(struct lcp_call *c, int column, void *out,
                                             size_t len);
/* A whole message, columns in the order of every statement that reads one. */
LCP_MUST_USE enum lcp_err lcp_call_get_row(struct lcp_call *c, struct lcp_row *row);
/* Steps to the end, handing out each row; ends the call. *count may be NULL. */
LCP_MUST_USE enum lcp_err lcp_call_walk(struct lcp_call *c, lcp_row_fn *fn, void *ctx,
                                        uint64_t *count);

/* The operations of lcp_store_ops, by name: sqlite_write.c,
 * sqlite_read.c, sqlite_side.c */
enum lcp_err lcp_sqlite_find_in(struct lcp_store *s, const struct lcp_key *key,
                                const char *id, struct lcp_row *row);
enum lcp_err lcp_sqlite_find_out(struct lcp_store *s, const char *id,
                                 struct lcp_row *row);
enum lcp_err lcp_sqlite_add(struct lcp_store *s, const struct lcp_row *row,
                            uint64_t *number);
enum lcp_err lcp_sqlite_change(struct lcp_store *s, enum lcp_direction dir,
                               uint64_t number, const struct lcp_change *change,
                               bool *moved);
enum lcp_err lcp_sqlite_set_transmitted(struct lcp_store *s, uint64_t number);
enum lcp_err lcp_sqlite_resign(struct lcp_store *s, uint64_t number,
                               struct lcp_span raw, const struct lcp_key *key,
                               const uint8_t canon_digest[static LCP_DIGEST_BYTES]);
enum lcp_err lcp_sqlite_set_told(struct lcp_store *s, uint64_t number, int state);
enum lcp_err lcp_sqlite_purge(struct lcp_store *s, int64_t before_wall_ms,
                              uint32_t limit, uint64_t *purged);
enum lcp_err lcp_sqlite_get(struct lcp_store *s, uint64_t number, lcp_row_fn *fn,
                            void *ctx);
enum lcp_err lcp_sqlite_each(struct lcp_store *s, const struct lcp_query *q,
                             lcp_row_fn *fn, void *ctx);
enum lcp_err lcp_sqlite_each_changed(struct lcp_store *s, uint64_t after,
                                     uint32_t limit, lcp_row_fn *fn, void *ctx);
enum lcp_err lcp_sqlite_each_in_thread(struct lcp_store *s, uint64_t number,
                                       lcp_row_fn *fn, void *ctx);
enum lcp_err lcp_sqlite_resolve(struct lcp_store *s, struct lcp_span text,
                                unsigned dirs, uint64_t *number);
enum lcp_err lcp_sqlite_each_queued(struct lcp_store *s, const char *peer,
                                    uint64_t after, uint32_t n, size_t bytes_max,
                                    bool *more, lcp_row_fn *fn, void *ctx);
enum lcp_err lcp_sqlite_each_owed(struct lcp_store *s, const char *peer, uint32_t limit,
                                  lcp_row_fn *fn, void *ctx);
enum lcp_err lcp_sqlite_each_creditor(struct lcp_store *s,
                                      bool (*fn)(void *ctx, const char *peer),
                                      void *ctx);
enum lcp_err lcp_sqlite_usage(struct lcp_store *s, const char *peer,
                              struct lcp_store_usage *out);
enum lcp_err lcp_sqlite_counts(struct lcp_store *s, struct lcp_store_counts *out);
enum lcp_err lcp_sqlite_queued_to(struct lcp_store *s, const char *peer,
                                  uint64_t *count);
enum lcp_err lcp_sqlite_next_expiry(struct lcp_store *s, uint64_t *life_ms);
enum lcp_err lcp_sqlite_each_expired(struct lcp_store *s, uint64_t life_ms,
                                     uint32_t limit, lcp_row_fn *fn, void *ctx);
enum lcp_err lcp_sqlite_each_seen(struct lcp_store *s, uint32_t limit,
                                  bool (*fn)(void *ctx, const char *id), void *ctx);
enum lcp_err lcp_sqlite_add_seen_any(struct lcp_store *s, const char *id);
enum lcp_err lcp_sqlite_pin_get(struct lcp_store *s, const char *peer,
                                struct lcp_key *key, char how[static 32],
                                int64_t *wall_ms);
enum lcp_err lcp_sqlite_pin_put(struct lcp_store *s, const char *peer,
                                const struct lcp_key *key, const char *how,
                                int64_t wall_ms);
enum lcp_err lcp_sqlite_pin_del(struct lcp_store *s, const char *peer);
enum lcp_err lcp_sqlite_peer_get(struct lcp_store *s, const char *peer,
                                 struct lcp_store_peer *out);
enum lcp_err lcp_sqlite_peer_put(struct lcp_store *s, const char *peer,
                                 const struct lcp_store_peer *row);
enum lcp_err lcp_sqlite_peer_del(struct lcp_store *s, const char *peer);
enum lcp_err lcp_sqlite_each_paused(struct lcp_store *s,
                                    bool (*fn)(void *ctx, const char *peer), void *ctx);
enum lcp_err lcp_sqlite_audit_add(struct lcp_store *s, const struct lcp_audit *audit);
enum lcp_err lcp_sqlite_each_audit(struct lcp_store *s, uint32_t limit,
                                   lcp_audit_fn *fn, void *ctx);
enum lcp_err lcp_sqlite_meta_get(struct lcp_store *s, const char *name, int64_t *value);
enum lcp_err lcp_sqlite_meta_put(struct lcp_store *s, const char *name, int64_t value);

#endif
