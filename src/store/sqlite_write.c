/* SPDX-License-Identifier: MIT
 *
 * The record in SQLite: what writes, inside a batch. The counters `number` and
 * `changed` are read at its begin and count on in memory; there is one writer.
 */
#include "store/sqlite.h"

#include <sqlite3.h>

/* What there is of a message beside its row. */
struct word {
    uint64_t number;
    bool wants_receipts;
    const char *owed_to;
    int owed_state;
    uint64_t held_until;
    bool is_refused; /* and has a body */
    int64_t refused_ms;
    const uint8_t *canon_digest; /* NULL: not known */
    const char *detail;
    struct lcp_span evidence;
};

static enum lcp_err
insert_word(struct lcp_sqlite *q, const struct word *word)
{
    static const uint8_t unknown[LCP_DIGEST_BYTES];
    struct lcp_call c = lcp_call(q, LCP_SQL_WORD_ADD);

    lcp_call_int(&c, (int64_t)word->number);
    lcp_call_int(&c, word->wants_receipts);
    lcp_call_text(&c, word->owed_to);
    lcp_call_int(&c, word->owed_state);
    lcp_call_int(&c, (int64_t)word->held_until);
    if (word->is_refused)
        lcp_call_int(&c, word->refused_ms);
    else
        lcp_call_null(&c);
    lcp_call_blob(&c, word->canon_digest != NULL ? word->canon_digest : unknown,
                  LCP_DIGEST_BYTES);
    lcp_call_text(&c, word->detail);
    lcp_call_blob(&c, word->evidence.data, word->evidence.len);
    return lcp_call_run(&c);
}

/* Mail of an LCP/1.1 peer has nothing to add, and so no row. */
static enum lcp_err
add_word(struct lcp_sqlite *q, const struct lcp_row *row, bool is_purged)
{
    bool is_in = row->dir == LCP_IN;
    struct word word = {
        .number = q->number + 1,
        .wants_receipts = row->wants_receipts,
        .owed_to = row->owes ? row->peer : "",
        .owed_state = row->state,
        .held_until = is_in ? row->expires_life_ms : 0,
        .is_refused = is_in && row->state == LCP_IN_REFUSED && !is_purged,
        .refused_ms = row->state_wall_ms,
        .canon_digest = is_in ? NULL : row->canon_digest,
        .detail = row->detail,
        .evidence = row->evidence,
    };

    if (is_in && !word.wants_receipts && word.held_until == 0 && !word.is_refused &&
        word.detail[0] == '\0')
        return LCP_OK;
    return insert_word(q, &word);
}

static enum lcp_err
insert(struct lcp_sqlite *q, const struct lcp_row *row, const char *file)
{
    bool is_purged = row->dir == LCP_IN && row->state == LCP_IN_REFUSED &&
                     row->raw.len == 0;
    enum lcp_err err;
    struct lcp_call c = lcp_call(q, LCP_SQL_ADD);

    lcp_call_int(&c, (int64_t)q->number + 1);
    lcp_call_int(&c, (int64_t)q->changed + 1);
    lcp_call_int(&c, row->dir);
    lcp_call_int(&c, row->state);
    lcp_call_int(&c, row->state_wall_ms);
    lcp_call_int(&c, row->was_transmitted);
    lcp_call_int(&c, row->wall_ms);
    lcp_call_int(&c, row->dir == LCP_OUT ? (int64_t)row->expires_life_ms : 0);
    lcp_call_blob(&c, row->key.bytes, sizeof(row->key.bytes));
    lcp_call_blob(&c, row->digest, sizeof(row->digest));
    lcp_call_text(&c, row->peer);
    lcp_call_text(&c, row->id);
    lcp_call_text(&c, row->type);
    lcp_call_text(&c, row->reply_to);
    lcp_call_text(&c, file);
    lcp_call_text(&c, row->reason);
    lcp_call_blob(&c, row->raw.data, row->raw.len);
    lcp_call_int(&c, is_purged);
    lcp_call_step(&c);
    if (c.code == SQLITE_CONSTRAINT_UNIQUE) { /* no failure: it is there */
        c.code = SQLITE_DONE;
        (void)lcp_call_end(&c);
        return LCP_EEXIST;
    }
    err = lcp_call_end(&c);
    return err == LCP_OK ? add_word(q, row, is_purged) : err;
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

/* What goes with a change that took place. */
static enum lcp_err
change_word(struct lcp_sqlite *q, enum lcp_direction dir, uint64_t number,
            const struct lcp_change *change)
{
    bool is_refused = dir == LCP_IN && change->state == LCP_IN_REFUSED;
    struct lcp_call c = lcp_call(q, LCP_SQL_WORD_CHANGE);
    enum lcp_err err;

    lcp_call_int(&c, (int64_t)number);
    lcp_call_text(&c, change->detail);
    lcp_call_blob(&c, change->evidence.data, change->evidence.len);
    lcp_call_int(&c, change->told);
    lcp_call_int(&c, change->state);
    if (is_refused)
        lcp_call_int(&c, change->wall_ms);
    else
        lcp_call_null(&c);
    err = lcp_call_run(&c);
    if (err != LCP_OK || sqlite3_changes(q->db) != 0)
        return err;
    if (!is_refused && change->detail[0] == '\0' && change->evidence.len == 0)
        return LCP_OK;
    return insert_word(q, &(struct word){.number = number,
                                         .owed_to = "",
                                         .owed_state = change->state,
                                         .is_refused = is_refused,
                                         .refused_ms = change->wall_ms,
                                         .detail = change->detail,
                                         .evidence = change->evidence});
}

enum lcp_err
lcp_sqlite_change(struct lcp_store *s, enum lcp_direction dir, uint64_t number,
                  const struct lcp_change *change, bool *moved)
{
    struct lcp_sqlite *q = lcp_sqlite(s);
    struct lcp_change draft = lcp_change_draft(change, dir);
    enum lcp_err err = lcp_sqlite_may_write(q);
    struct lcp_call c;

    *moved = false;
    if (err == LCP_OK)
        err = check_there(q, dir, number);
    if (err != LCP_OK)
        return err;
    c = lcp_call(q, LCP_SQL_CHANGE);
    lcp_call_int(&c, (int64_t)number);
    lcp_call_int(&c, dir);
    lcp_call_int(&c, draft.state);
    lcp_call_text(&c, draft.reason);
    lcp_call_int(&c, draft.wall_ms);
    lcp_call_int(&c, (int64_t)q->changed + 1);
    lcp_call_int(&c, lcp_row_final_state(dir));
    err = lcp_call_run(&c);
    if (err != LCP_OK || sqlite3_changes(q->db) == 0)
        return err;
    err = change_word(q, dir, number, &draft);
    if (err != LCP_OK)
        return err;
    q->changed++;
    *moved = true;
    return LCP_OK;
}

enum lcp_err
lcp_sqlite_set_told(struct lcp_store *s, uint64_t number, int state)
{
    struct lcp_sqlite *q = lcp_sqlite(s);
    enum lcp_err err = lcp_sqlite_may_write(q);
    struct lcp_call c;

    if (err == LCP_OK)
        err = check_there(q, LCP_IN, number);
    if (err != LCP_OK)
        return err;
    c = lcp_call(q, LCP_SQL_TOLD);
    lcp_call_int(&c, (int64_t)number);
    lcp_call_int(&c, state);
    return lcp_call_run(&c);
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

static enum lcp_err
set_canon_digest(struct lcp_sqlite *q, uint64_t number, const uint8_t *digest)
{
    struct lcp_call c = lcp_call(q, LCP_SQL_WORD_RESIGN);
    enum lcp_err err;

    lcp_call_int(&c, (int64_t)number);
    lcp_call_blob(&c, digest, LCP_DIGEST_BYTES);
    err = lcp_call_run(&c);
    if (err != LCP_OK || sqlite3_changes(q->db) != 0)
        return err;
    return insert_word(
        q, &(struct word){
               .number = number, .owed_to = "", .canon_digest = digest, .detail = ""});
}

enum lcp_err
lcp_sqlite_resign(struct lcp_store *s, uint64_t number, struct lcp_span raw,
                  const struct lcp_key *key,
                  const uint8_t canon_digest[static LCP_DIGEST_BYTES])
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
    return set_canon_digest(q, number, canon_digest);
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
        c = lcp_call(q, LCP_SQL_WORD_PURGE);
        lcp_call_int(&c, number);
        err = lcp_call_run(&c);
        if (err != LCP_OK)
            break;
        q->changed++;
        ++*purged;
    }
    return err;
}
