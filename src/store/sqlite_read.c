/* SPDX-License-Identifier: MIT
 *
 * The record in SQLite: what only reads. A call is one statement, so it sees one moment
 * of the record even beside a writer.
 */
#include "store/sqlite.h"

#include <stdio.h>

#include <sqlite3.h>

static enum lcp_err
found_out(struct lcp_call *c, struct lcp_row *row)
{
    const char *peer = NULL;
    enum lcp_err err = lcp_call_get_bytes(c, 3, row->canon_digest,
                                          sizeof(row->canon_digest));

    if (err == LCP_OK)
        err = lcp_call_get_text(c, 4, LCP_NAME_MAX, &peer);
    if (err != LCP_OK)
        return err;
    memcpy(c->q->found_peer, peer, strlen(peer) + 1);
    row->peer = c->q->found_peer;
    row->was_transmitted = lcp_call_get_int(c, 5) != 0;
    return LCP_OK;
}

/* Reads number, state and digest, and of a message sent what else there is, if a row is
 * there; ends the call. */
static enum lcp_err
found(struct lcp_call *c, enum lcp_direction dir, struct lcp_row *row)
{
    bool is_there = lcp_call_step(c);
    enum lcp_err err = LCP_OK, ended;

    if (is_there) {
        row->dir = dir;
        row->number = (uint64_t)lcp_call_get_int(c, 0);
        row->state = (int)lcp_call_get_int(c, 1);
        err = lcp_call_get_bytes(c, 2, row->digest, sizeof(row->digest));
        if (err == LCP_OK && dir == LCP_OUT)
            err = found_out(c, row);
    }
    ended = lcp_call_end(c);
    if (ended != LCP_OK || err != LCP_OK)
        return ended != LCP_OK ? ended : err;
    return is_there ? LCP_OK : LCP_ENOTFOUND;
}

enum lcp_err
lcp_sqlite_find_in(struct lcp_store *s, const struct lcp_key *key, const char *id,
                   struct lcp_row *row)
{
    struct lcp_call c = lcp_call(lcp_sqlite(s), LCP_SQL_FIND_IN);
    int64_t is_seen = 0;
    enum lcp_err err;

    memset(row, 0, sizeof(*row));
    lcp_call_text(&c, id);
    lcp_call_blob(&c, key->bytes, sizeof(key->bytes));
    err = found(&c, LCP_IN, row);
    if (err != LCP_ENOTFOUND)
        return err;
    row->state = LCP_IN_ARCHIVED;
    c = lcp_call(lcp_sqlite(s), LCP_SQL_FIND_SEEN);
    lcp_call_text(&c, id);
    err = lcp_call_value(&c, &is_seen);
    if (err != LCP_OK)
        return err;
    return is_seen ? LCP_OK : LCP_ENOTFOUND;
}

enum lcp_err
lcp_sqlite_find_out(struct lcp_store *s, const char *id, struct lcp_row *row)
{
    struct lcp_call c = lcp_call(lcp_sqlite(s), LCP_SQL_FIND_OUT);

    memset(row, 0, sizeof(*row));
    lcp_call_text(&c, id);
    return found(&c, LCP_OUT, row);
}

static int64_t
bounded(uint64_t value)
{
    return value <= INT64_MAX ? (int64_t)value : INT64_MAX;
}

enum lcp_err
lcp_sqlite_get(struct lcp_store *s, uint64_t number, lcp_row_fn *fn, void *ctx)
{
    struct lcp_call c = lcp_call(lcp_sqlite(s), LCP_SQL_GET);
    uint64_t count = 0;
    enum lcp_err err;

    lcp_call_int(&c, bounded(number));
    err = lcp_call_walk(&c, fn, ctx, &count);
    return err == LCP_OK && count == 0 ? LCP_ENOTFOUND : err;
}

/* Pending and queued mail have indexes of their own, which stay small. */
static enum lcp_statement
statement_for(const struct lcp_query *q)
{
    unsigned down = q->newest_first ? 1 : 0;

    if (q->dir == LCP_IN && q->state_max < LCP_IN_ARCHIVED)
        return (enum lcp_statement)(LCP_SQL_PENDING + down);
    if (q->dir == LCP_OUT && q->state_max == LCP_SENT_QUEUED)
        return (enum lcp_statement)(LCP_SQL_UNSENT + down);
    return (enum lcp_statement)(LCP_SQL_EACH + down);
}

enum lcp_err
lcp_sqlite_each(struct lcp_store *s, const struct lcp_query *q, lcp_row_fn *fn,
                void *ctx)
{
    struct lcp_call c = lcp_call(lcp_sqlite(s), statement_for(q));
    uint64_t low, high;

    lcp_query_range(q, &low, &high);
    lcp_call_int(&c, q->dir);
    lcp_call_int(&c, (int64_t)low);
    lcp_call_int(&c, (int64_t)high);
    lcp_call_int(&c, q->state_min);
    lcp_call_int(&c, q->state_max);
    lcp_call_text(&c, q->peer);
    lcp_call_text(&c, q->type);
    lcp_call_int(&c, q->without_raw);
    lcp_call_int(&c, q->limit != 0 ? (int64_t)q->limit : -1);
    lcp_call_int(&c, q->without_paused && q->dir == LCP_IN);
    return lcp_call_walk(&c, fn, ctx, NULL);
}

enum lcp_err
lcp_sqlite_each_changed(struct lcp_store *s, uint64_t after, uint32_t limit,
                        lcp_row_fn *fn, void *ctx)
{
    struct lcp_call c = lcp_call(lcp_sqlite(s), LCP_SQL_CHANGED);

    lcp_call_int(&c, bounded(after));
    lcp_call_int(&c, limit);
    return lcp_call_walk(&c, fn, ctx, NULL);
}

enum lcp_err
lcp_sqlite_each_in_thread(struct lcp_store *s, uint64_t number, lcp_row_fn *fn,
                          void *ctx)
{
    struct lcp_call c = lcp_call(lcp_sqlite(s), LCP_SQL_THREAD);
    uint64_t count = 0;
    enum lcp_err err;

    lcp_call_int(&c, bounded(number));
    lcp_call_int(&c, LCP_THREAD_MAX);
    err = lcp_call_walk(&c, fn, ctx, &count);
    return err == LCP_OK && count == 0 ? LCP_ENOTFOUND : err;
}

/* Adds to *count the messages of one direction whose id is between two texts, up
 * to two. */
static enum lcp_err
count_named(struct lcp_sqlite *q, enum lcp_statement which, const char *low,
            const char *high, unsigned *count, uint64_t *number)
{
    struct lcp_call c = lcp_call(q, which);

    lcp_call_text(&c, low);
    lcp_call_text(&c, high);
    while (lcp_call_step(&c)) {
        *number = (uint64_t)lcp_call_get_int(&c, 0);
        ++*count;
    }
    return lcp_call_end(&c);
}

static enum lcp_err
resolve_id(struct lcp_sqlite *q, const struct lcp_row_name *name, bool is_prefix,
           unsigned dirs, uint64_t *number)
{
    char high[LCP_ID_MAX + 2];
    unsigned count = 0;
    uint64_t at = 0;
    enum lcp_err err = LCP_OK;

    /* 0x7f sorts behind every character of an id. */
    snprintf(high, sizeof(high), "%s%s", name->id, is_prefix ? "\x7f" : "");
    if ((dirs & (1u << LCP_IN)) != 0)
        err = count_named(q, LCP_SQL_NAMED_IN, name->id, high, &count, &at);
    if (err == LCP_OK && (dirs & (1u << LCP_OUT)) != 0)
        err = count_named(q, LCP_SQL_NAMED_OUT, name->id, high, &count, &at);
    if (err != LCP_OK)
        return err;
    if (count == 1)
        *number = at;
    return count == 0 ? LCP_ENOTFOUND : count == 1 ? LCP_OK : LCP_EAMBIGUOUS;
}

static enum lcp_err
has_number(struct lcp_sqlite *q, uint64_t number, enum lcp_direction dir,
           bool *is_there)
{
    struct lcp_call c = lcp_call(q, LCP_SQL_HAS);
    int64_t found_one = 0;
    enum lcp_err err;

    lcp_call_int(&c, bounded(number));
    lcp_call_int(&c, dir);
    err = lcp_call_value(&c, &found_one);
    *is_there = found_one != 0;
    return err;
}

enum lcp_err
lcp_sqlite_resolve(struct lcp_store *s, struct lcp_span text, unsigned dirs,
                   uint64_t *number)
{
    struct lcp_sqlite *q = lcp_sqlite(s);
    struct lcp_row_name name;
    bool is_there = false, is_meant = false; /* the number */
    uint64_t at = 0;
    enum lcp_err err;

    lcp_row_name(text, &name);
    for (int dir = LCP_IN; name.number != 0 && dir <= LCP_OUT && !is_there; dir++) {
        err = has_number(q, name.number, (enum lcp_direction)dir, &is_there);
        is_meant = is_there && (dirs & (1u << dir)) != 0;
        if (err != LCP_OK)
            return err;
    }
    if (name.id[0] != '\0')
        err = resolve_id(q, &name, name.is_uuid_start && !is_there, dirs, &at);
    else
        err = LCP_ENOTFOUND;
    if (is_there && err == LCP_ENOTFOUND && is_meant) {
        at = name.number;
        err = LCP_OK;
    } else if (is_there && err == LCP_OK && at != name.number) {
        err = LCP_EAMBIGUOUS;
    } else if (!is_there && err == LCP_ENOTFOUND && name.may_be_prefix) {
        err = resolve_id(q, &name, true, dirs, &at);
    }
    if (err == LCP_OK)
        *number = at;
    return err;
}

enum lcp_err
lcp_sqlite_each_queued(struct lcp_store *s, const char *peer, uint64_t after,
                       uint32_t n, size_t bytes_max, bool *more, lcp_row_fn *fn,
                       void *ctx)
{
    struct lcp_call c = lcp_call(lcp_sqlite(s), LCP_SQL_QUEUED);
    enum lcp_err err = LCP_OK, ended;
    uint32_t count = 0;
    size_t bytes = 0;
    bool has_ended = false;

    *more = false;
    lcp_call_text(&c, peer);
    lcp_call_int(&c, bounded(after));
    lcp_call_int(&c, (int64_t)n + 1);
    while (err == LCP_OK && lcp_call_step(&c)) {
        struct lcp_row row;

        err = lcp_call_get_row(&c, &row);
        if (err != LCP_OK)
            break;
        if (has_ended || count == n ||
            (count > 0 && (bytes > bytes_max || row.raw.len > bytes_max - bytes))) {
            *more = true;
            break;
        }
        count++;
        bytes += row.raw.len;
        has_ended = !fn(ctx, &row);
    }
    ended = lcp_call_end(&c);
    return err != LCP_OK ? err : ended;
}

enum lcp_err
lcp_sqlite_each_owed(struct lcp_store *s, const char *peer, uint32_t limit,
                     lcp_row_fn *fn, void *ctx)
{
    struct lcp_call c = lcp_call(lcp_sqlite(s), LCP_SQL_OWED);

    lcp_call_text(&c, peer);
    lcp_call_int(&c, limit);
    return lcp_call_walk(&c, fn, ctx, NULL);
}

enum lcp_err
lcp_sqlite_counts(struct lcp_store *s, struct lcp_store_counts *out)
{
    struct lcp_call c = lcp_call(lcp_sqlite(s), LCP_SQL_COUNTS);

    memset(out, 0, sizeof(*out));
    if (lcp_call_step(&c)) {
        out->inbox = (uint64_t)lcp_call_get_int(&c, 0);
        out->unhanded = (uint64_t)lcp_call_get_int(&c, 1);
        out->held = (uint64_t)lcp_call_get_int(&c, 2);
        out->queued = (uint64_t)lcp_call_get_int(&c, 3);
        out->total = (uint64_t)lcp_call_get_int(&c, 4);
    }
    return lcp_call_end(&c);
}

enum lcp_err
lcp_sqlite_queued_to(struct lcp_store *s, const char *peer, uint64_t *count)
{
    struct lcp_call c = lcp_call(lcp_sqlite(s), LCP_SQL_QUEUED_TO);
    int64_t value = 0;
    enum lcp_err err;

    lcp_call_text(&c, peer);
    err = lcp_call_value(&c, &value);
    *count = (uint64_t)value;
    return err;
}

enum lcp_err
lcp_sqlite_next_expiry(struct lcp_store *s, uint64_t *life_ms)
{
    struct lcp_call c = lcp_call(lcp_sqlite(s), LCP_SQL_NEXT_EXPIRY);
    int64_t value = 0;
    enum lcp_err err = lcp_call_value(&c, &value);

    *life_ms = (uint64_t)value;
    return err;
}

enum lcp_err
lcp_sqlite_each_expired(struct lcp_store *s, uint64_t life_ms, uint32_t limit,
                        lcp_row_fn *fn, void *ctx)
{
    struct lcp_call c = lcp_call(lcp_sqlite(s), LCP_SQL_EXPIRED);

    lcp_call_int(&c, bounded(life_ms));
    lcp_call_int(&c, limit);
    return lcp_call_walk(&c, fn, ctx, NULL);
}
