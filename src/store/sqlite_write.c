/* SPDX-License-Identifier: MIT
 *
 * The record in SQLite: what writes, inside a batch. The counters `number` and
 * `changed` are read at its begin and count on in memory; there is one writer.
 */
#include "store/sqlite.h"

#include <sqlite3.h>

static enum lcp_err
insert(struct lcp_sqlite *q, const struct lcp_row *row, const char *file)
{
    struct lcp_call c = lcp_call(q, LCP_SQL_ADD);

    lcp_call_int(&c, (int64_t)q->number + 1);
    lcp_call_int(&c, (int64_t)q->changed + 1);
    lcp_call_int(&c, row->dir);
    lcp_call_int(&c, row->state);
    lcp_call_int(&c, row->state_wall_ms);
    lcp_call_int(&c, row->was_transmitted);
    lcp_call_int(&c, row->wall_ms);
    lcp_call_int(&c, (int64_t)row->expires_life_ms);
    lcp_call_blob(&c, row->key.bytes, sizeof(row->key.bytes));
    lcp_call_blob(&c, row->digest, sizeof(row->digest));
    lcp_call_text(&c, row->peer);
    lcp_call_text(&c, row->id);
    lcp_call_text(&c, row->type);
    lcp_call_text(&c, row->reply_to);
    lcp_call_text(&c, file);
    lcp_call_text(&c, row->reason);
    lcp_call_blob(&c, row->raw.data, row->raw.len);
    lcp_call_step(&c);
    if (c.code == SQLITE_CONSTRAINT_UNIQUE) { /* no failure: it is there */
        c.code = SQLITE_DONE;
        (void)lcp_call_end(&c);
        return LCP_EEXIST;
    }
    return lcp_call_end(&c);
}

enum lcp_err
lcp_sqlite_add(struct lcp_store *s, const struct lcp_row *row, uint64_t *number)
{
    struct lcp_sqlite *q = lcp_sqlite(s);
    struct lcp_row_draft draft;
    char file[LCP_FILE_NAME_MAX];
    int64_t is_taken = 0;
    enum lcp_err err = lcp_sqlite_may_write(q);

    if (err == LCP_OK)
        err = lcp_row_draft(row, &draft);
    if (err == LCP_OK && row->dir == LCP_IN) {
        struct lcp_call c = lcp_call(q, LCP_SQL_ID_TAKEN);

        lcp_call_text(&c, row->id);
        err = lcp_call_value(&c, &is_taken);
    }
    if (err != LCP_OK)
        return err;
    lcp_row_file(row->id, is_taken ? q->number + 1 : 0, file);
    err = insert(q, &draft.row, file);
    if (err != LCP_OK)
        return err;
    q->changed++;
    *number = ++q->number;
    return LCP_OK;
}

/* LCP_ENOTFOUND unless the message is there in this direction. */
static enum lcp_err
check_there(struct lcp_sqlite *q, enum lcp_direction dir, uint64_t number)
{
    struct lcp_call c = lcp_call(q, LCP_SQL_HAS);
    int64_t is_there = 0;
    enum lcp_err err;

    lcp_call_int(&c, number <= INT64_MAX ? (int64_t)number : 0);
    lcp_call_int(&c, dir);
    err = lcp_call_value(&c, &is_there);
    if (err != LCP_OK)
        return err;
    return is_there ? LCP_OK : LCP_ENOTFOUND;
}

enum lcp_err
lcp_sqlite_set_state(struct lcp_store *s, enum lcp_direction dir, uint64_t number,
                     int state, const char *reason, int64_t wall_ms, bool *moved)
{
    struct lcp_sqlite *q = lcp_sqlite(s);
    enum lcp_err err = lcp_sqlite_may_write(q);
    struct lcp_call c;

    *moved = false;
    if (err == LCP_OK)
        err = check_there(q, dir, number);
    if (err != LCP_OK)
        return err;
    c = lcp_call(q, LCP_SQL_SET_STATE);
    lcp_call_int(&c, (int64_t)number);
    lcp_call_int(&c, dir);
    lcp_call_int(&c, state);
    lcp_call_text(&c, reason != NULL ? reason : "");
    lcp_call_int(&c, wall_ms);
    lcp_call_int(&c, (int64_t)q->changed + 1);
    err = lcp_call_run(&c);
    if (err != LCP_OK || sqlite3_changes(q->db) == 0)
        return err;
    q->changed++;
    *moved = true;
    return LCP_OK;
}

enum lcp_err
lcp_sqlite_set_transmitted(struct lcp_store *s, uint64_t number)
{
    struct lcp_sqlite *q = lcp_sqlite(s);
    enum lcp_err err = lcp_sqlite_may_write(q);
    struct lcp_call c;

    if (err == LCP_OK)
        err = check_there(q, LCP_OUT, number);
    if (err != LCP_OK)
        return err;
    c = lcp_call(q, LCP_SQL_SET_TRANSMITTED);
    lcp_call_int(&c, (int64_t)number);
    return lcp_call_run(&c);
}

enum lcp_err
lcp_sqlite_resign(struct lcp_store *s, uint64_t number, struct lcp_span raw,
                  const struct lcp_key *key)
{
    struct lcp_sqlite *q = lcp_sqlite(s);
    enum lcp_err err = lcp_sqlite_may_write(q);
    struct lcp_call c;

    if (err == LCP_OK)
        err = check_there(q, LCP_OUT, number);
    if (err != LCP_OK)
        return err;
    c = lcp_call(q, LCP_SQL_RESIGN);
    lcp_call_int(&c, (int64_t)number);
    lcp_call_blob(&c, key->bytes, sizeof(key->bytes));
    lcp_call_int(&c, (int64_t)q->changed + 1);
    lcp_call_blob(&c, raw.data, raw.len);
    err = lcp_call_run(&c);
    if (err != LCP_OK)
        return err;
    if (sqlite3_changes(q->db) == 0)
        return LCP_ECONFLICT;
    q->changed++;
    return LCP_OK;
}

enum lcp_err
lcp_sqlite_purge(struct lcp_store *s, int64_t before_wall_ms, uint32_t limit,
                 uint64_t *purged)
{
    struct lcp_sqlite *q = lcp_sqlite(s);
    enum lcp_err err = lcp_sqlite_may_write(q);

    *purged = 0;
    while (err == LCP_OK && *purged < limit) {
        struct lcp_call c = lcp_call(q, LCP_SQL_PURGE_NEXT);
        int64_t number = 0;

        lcp_call_int(&c, before_wall_ms);
        err = lcp_call_value(&c, &number);
        if (err != LCP_OK || number == 0)
            break;
        c = lcp_call(q, LCP_SQL_PURGE);
        lcp_call_int(&c, number);
        lcp_call_int(&c, (int64_t)q->changed + 1);
        err = lcp_call_run(&c);
        if (err != LCP_OK)
            break;
        q->changed++;
        ++*purged;
    }
    return err;
}

enum lcp_err
lcp_sqlite_add_seen_any(struct lcp_store *s, const char *id)
{
    struct lcp_sqlite *q = lcp_sqlite(s);
    enum lcp_err err = lcp_sqlite_may_write(q);
    struct lcp_call c;

    if (err == LCP_OK)
        err = lcp_row_check_id(id);
    if (err != LCP_OK)
        return err;
    c = lcp_call(q, LCP_SQL_SEEN_ADD);
    lcp_call_text(&c, id);
    return lcp_call_run(&c);
}

enum lcp_err
lcp_sqlite_pin_put(struct lcp_store *s, const char *peer, const struct lcp_key *key,
                   const char *how, int64_t wall_ms)
{
    struct lcp_sqlite *q = lcp_sqlite(s);
    enum lcp_err err = lcp_sqlite_may_write(q);
    struct lcp_call c;

    if (err == LCP_OK)
        err = lcp_row_check_pin(peer, how);
    if (err != LCP_OK)
        return err;
    c = lcp_call(q, LCP_SQL_PIN_PUT);
    lcp_call_text(&c, peer);
    lcp_call_blob(&c, key->bytes, sizeof(key->bytes));
    lcp_call_text(&c, how);
    lcp_call_int(&c, wall_ms);
    return lcp_call_run(&c);
}

enum lcp_err
lcp_sqlite_pin_del(struct lcp_store *s, const char *peer)
{
    struct lcp_sqlite *q = lcp_sqlite(s);
    enum lcp_err err = lcp_sqlite_may_write(q);
    struct lcp_call c;

    if (err != LCP_OK)
        return err;
    c = lcp_call(q, LCP_SQL_PIN_DEL);
    lcp_call_text(&c, peer);
    return lcp_call_run(&c);
}

enum lcp_err
lcp_sqlite_meta_put(struct lcp_store *s, const char *name, int64_t value)
{
    struct lcp_sqlite *q = lcp_sqlite(s);
    enum lcp_err err = lcp_sqlite_may_write(q);
    struct lcp_call c;

    if (err == LCP_OK)
        err = lcp_row_check_meta(name);
    if (err != LCP_OK)
        return err;
    c = lcp_call(q, LCP_SQL_META_PUT);
    lcp_call_text(&c, name);
    lcp_call_int(&c, value);
    return lcp_call_run(&c);
}
