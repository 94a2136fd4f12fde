/* SPDX-License-Identifier: MIT
 *
 * Every SQL statement of the record, prepared once, and the one way to use them: values
 * are bound, never printed into a text, and what is read is checked, because a damaged
 * file may say anything.
 */
#include "store/sqlite.h"

#include <assert.h>
#include <errno.h>

#include <sqlite3.h>

/* The columns of a whole message; lcp_call_get_row reads them in this order. A message
 * without a word is one of LCP/1.1, or of the first schema. */
#define ROW_WITH(raw, evidence)                                               \
    "number, changed, dir, state, state_wall_ms, was_transmitted, wall_ms,"   \
    " expires_life_ms + coalesce(held_until, 0), signer, digest, peer, id,"   \
    " type, reply_to, file, reason, coalesce(detail, ''), " raw ", " evidence \
    ", coalesce(canon_digest, zeroblob(16)), coalesce(wants_receipts, 0),"    \
    " coalesce(owed_to, '') <> ''"
#define ROW ROW_WITH("raw", "x''")
#define FROM(index) " FROM message " index " LEFT JOIN word USING (number)"

/* Bound in order: direction, low, high, least and greatest state, peer, type, without
 * raw, limit, without paused. NULL fits any. */
#define EACH(from, order)                                                \
    "SELECT " ROW_WITH("CASE WHEN ?8 THEN x'' ELSE raw END", "x''") from \
        " AND dir = ?1 AND number > ?2 AND number <= ?3"                 \
        " AND state BETWEEN ?4 AND ?5 AND (?6 IS NULL OR peer = ?6)"     \
        " AND (?7 IS NULL OR type = ?7)"                                 \
        " AND (?10 = 0 OR NOT EXISTS (SELECT 1 FROM peer AS it"          \
        " WHERE it.name IN ('', message.peer) AND it.is_paused = 1))"    \
        " ORDER BY number " order " LIMIT ?9"
#define EACH_ALL FROM("INDEXED BY message_dir") " WHERE dir = ?1"
#define EACH_PENDING FROM("INDEXED BY message_pending") " WHERE dir = 0 AND state < 20"
#define EACH_UNSENT                                                          \
    FROM("NOT INDEXED")                                                      \
    " WHERE number IN (SELECT number FROM message INDEXED BY message_queued" \
    " WHERE dir = 1 AND state = 0)"

#define NAMED(index, dir)                                              \
    "SELECT number FROM message INDEXED BY " index " WHERE dir = " dir \
    " AND id >= ?1 AND id <= ?2 LIMIT 2"

static const char *const texts[LCP_SQL_COUNT] = {
    [LCP_SQL_BEGIN] = "BEGIN IMMEDIATE",
    [LCP_SQL_COMMIT] = "COMMIT",
    [LCP_SQL_ROLLBACK] = "ROLLBACK",
    [LCP_SQL_COUNTERS] =
        "SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'message'), 0),"
        " coalesce((SELECT max(changed) FROM message), 0)",
    [LCP_SQL_FIND_IN] =
        "SELECT number, state, digest FROM message INDEXED BY message_in"
        " WHERE dir = 0 AND id = ?1 AND signer = ?2",
    [LCP_SQL_FIND_OUT] =
        "SELECT number, state, digest, coalesce(canon_digest, zeroblob(16)), peer,"
        " was_transmitted" FROM("INDEXED BY message_out") " WHERE dir = 1 AND id = ?1",
    [LCP_SQL_FIND_SEEN] = "SELECT 1 FROM seen_any WHERE id = ?1",
    [LCP_SQL_ID_TAKEN] = "SELECT 1 FROM message INDEXED BY message_in"
                         " WHERE dir = 0 AND id = ?1 LIMIT 1",
    [LCP_SQL_ADD] =
        "INSERT INTO message (number, changed, dir, state, state_wall_ms,"
        " was_transmitted, wall_ms, expires_life_ms, signer, digest, peer, id, type,"
        " reply_to, file, reason, raw, is_purged) VALUES"
        " (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15,"
        " ?16, ?17, ?18)",
    [LCP_SQL_WORD_ADD] =
        "INSERT INTO word (number, wants_receipts, owed_to, owed_state, held_until,"
        " refused_ms, canon_digest, detail, evidence) VALUES"
        " (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    [LCP_SQL_HAS] = "SELECT 1 FROM message WHERE number = ?1 AND dir = ?2",
    [LCP_SQL_CHANGE] = "UPDATE message SET state = ?3, reason = ?4,"
                       " state_wall_ms = ?5, changed = ?6"
                       " WHERE number = ?1 AND dir = ?2 AND state < ?3 AND state < ?7",
    [LCP_SQL_WORD_CHANGE] =
        "UPDATE word SET detail = ?2, evidence = iif(?3 = x'', evidence, ?3),"
        " owed_to = iif(wants_receipts = 1 AND ?4 = 0,"
        " (SELECT peer FROM message WHERE message.number = ?1), ''),"
        " owed_state = ?5, held_until = 0, refused_ms = ?6 WHERE number = ?1",
    [LCP_SQL_TOLD] = "UPDATE word SET owed_to = '' WHERE number = ?1"
                     " AND owed_to <> '' AND owed_state = ?2",
    /* Again and again the same of what waits for a peer: then nothing is written. */
    [LCP_SQL_SET_TRANSMITTED] = "UPDATE message SET was_transmitted = 1 WHERE"
                                " number = ?1 AND dir = 1 AND was_transmitted = 0",
    [LCP_SQL_RESIGN] = "UPDATE message SET signer = ?2, changed = ?3, raw = ?4"
                       " WHERE number = ?1 AND dir = 1 AND state = 0"
                       " AND was_transmitted = 0",
    [LCP_SQL_WORD_RESIGN] = "UPDATE word SET canon_digest = ?2 WHERE number = ?1",
    /* The oldest of two kinds. */
    [LCP_SQL_PURGE_NEXT] =
        "SELECT number FROM (SELECT * FROM (SELECT number, state_wall_ms AS at"
        " FROM message INDEXED BY message_purge WHERE is_purged = 0"
        " AND ((dir = 0 AND state IN (20, 30)) OR (dir = 1 AND state > 0))"
        " AND state_wall_ms < ?1 ORDER BY state_wall_ms, number LIMIT 1)"
        " UNION ALL SELECT * FROM (SELECT number, refused_ms AS at"
        " FROM word INDEXED BY word_refused WHERE refused_ms IS NOT NULL"
        " AND refused_ms < ?1 ORDER BY refused_ms, number LIMIT 1))"
        " ORDER BY at, number LIMIT 1",
    [LCP_SQL_PURGE] = "UPDATE message SET is_purged = 1, changed = ?2, raw = x'',"
                      " state = iif(dir = 0 AND state <> 21, 40, state)"
                      " WHERE number = ?1",
    [LCP_SQL_WORD_PURGE] =
        "UPDATE word SET owed_state = iif(refused_ms IS NULL, 40, owed_state),"
        " refused_ms = NULL WHERE number = ?1"
        " AND (owed_to <> '' OR refused_ms IS NOT NULL)",
    [LCP_SQL_SEEN] = "SELECT id FROM message INDEXED BY message_dir WHERE dir = 0"
                     " ORDER BY number DESC LIMIT ?1",
    [LCP_SQL_SEEN_ANY] = "SELECT id FROM seen_any ORDER BY position DESC LIMIT ?1",
    [LCP_SQL_SEEN_ADD] = "INSERT OR IGNORE INTO seen_any (id) VALUES (?1)",
    [LCP_SQL_PIN_GET] = "SELECT signer, how, wall_ms FROM pin WHERE peer = ?1",
    [LCP_SQL_PIN_PUT] = "INSERT OR REPLACE INTO pin (peer, signer, how, wall_ms)"
                        " VALUES (?1, ?2, ?3, ?4)",
    [LCP_SQL_PIN_DEL] = "DELETE FROM pin WHERE peer = ?1",
    [LCP_SQL_META_GET] = "SELECT value FROM meta WHERE name = ?1",
    [LCP_SQL_META_PUT] = "INSERT OR REPLACE INTO meta (name, value) VALUES (?1, ?2)",
    [LCP_SQL_PEER_GET] = "SELECT version, is_paused, rate_life_ms FROM peer"
                         " WHERE name = ?1",
    [LCP_SQL_PEER_PUT] = "INSERT OR REPLACE INTO peer"
                         " (name, version, is_paused, rate_life_ms)"
                         " VALUES (?1, ?2, ?3, ?4)",
    [LCP_SQL_PEER_DEL] = "DELETE FROM peer WHERE name = ?1",
    [LCP_SQL_PAUSED] = "SELECT name FROM peer WHERE is_paused = 1 ORDER BY name",
    [LCP_SQL_AUDIT_ADD] = "INSERT INTO audit (wall_ms, who, what, detail)"
                          " VALUES (?1, ?2, ?3, ?4)",
    [LCP_SQL_AUDIT] = "SELECT number, wall_ms, who, what, detail FROM audit"
                      " ORDER BY number DESC LIMIT ?1",
    [LCP_SQL_GET] = "SELECT " ROW_WITH("raw", "coalesce(evidence, x'')")
        FROM("") " WHERE number = ?1",
    [LCP_SQL_EACH] = EACH(EACH_ALL, "ASC"),
    [LCP_SQL_EACH_DOWN] = EACH(EACH_ALL, "DESC"),
    [LCP_SQL_PENDING] = EACH(EACH_PENDING, "ASC"),
    [LCP_SQL_PENDING_DOWN] = EACH(EACH_PENDING, "DESC"),
    [LCP_SQL_UNSENT] = EACH(EACH_UNSENT, "ASC"),
    [LCP_SQL_UNSENT_DOWN] = EACH(EACH_UNSENT, "DESC"),
    [LCP_SQL_CHANGED] = "SELECT " ROW FROM(
        "INDEXED BY message_changed") " WHERE changed > ?1 ORDER BY changed LIMIT ?2",
    [LCP_SQL_THREAD] =
        "WITH RECURSIVE linked (number) AS (VALUES (?1)"
        " UNION SELECT other.number FROM linked"
        " CROSS JOIN message AS one ON one.number = linked.number"
        " CROSS JOIN message AS other INDEXED BY message_in"
        " ON other.dir = 0 AND other.id = one.reply_to WHERE one.reply_to <> ''"
        " UNION SELECT other.number FROM linked"
        " CROSS JOIN message AS one ON one.number = linked.number"
        " CROSS JOIN message AS other INDEXED BY message_out"
        " ON other.dir = 1 AND other.id = one.reply_to WHERE one.reply_to <> ''"
        " UNION SELECT other.number FROM linked"
        " CROSS JOIN message AS one ON one.number = linked.number"
        " CROSS JOIN message AS other INDEXED BY message_reply_to"
        " ON other.reply_to = one.id WHERE other.reply_to <> ''"
        " LIMIT ?2) SELECT " ROW FROM(
            "") " WHERE number IN (SELECT number FROM linked) ORDER BY number",
    [LCP_SQL_NAMED_IN] = NAMED("message_in", "0"),
    [LCP_SQL_NAMED_OUT] = NAMED("message_out", "1"),
    [LCP_SQL_QUEUED] =
        "SELECT " ROW FROM("INDEXED BY message_queued") " WHERE dir = 1 AND state = 0 "
                                                        "AND peer = ?1 AND number > ?2"
                                                        " ORDER BY number LIMIT ?3",
    [LCP_SQL_QUEUED_TO] = "SELECT count(*) FROM message INDEXED BY message_queued"
                          " WHERE dir = 1 AND state = 0 AND peer = ?1",
    [LCP_SQL_OWED] = "SELECT " ROW_WITH(
        "x''",
        "x''") " FROM word INDEXED BY word_owed CROSS JOIN message USING (number)"
               " WHERE owed_to <> '' AND owed_to = ?1 ORDER BY owed_state, number "
               "LIMIT ?2",
    /* Steps from one to the next: each may be owed any number of words. */
    [LCP_SQL_CREDITORS] =
        "WITH RECURSIVE it (name) AS ("
        "SELECT min(owed_to) FROM word INDEXED BY word_owed WHERE owed_to <> ''"
        " UNION ALL SELECT (SELECT min(owed_to) FROM word INDEXED BY word_owed"
        " WHERE owed_to <> '' AND owed_to > it.name) FROM it"
        " WHERE it.name IS NOT NULL) SELECT name FROM it WHERE name IS NOT NULL",
    [LCP_SQL_USAGE] = "SELECT messages, bytes FROM usage WHERE peer = ?1",
    /* Numbers have no gaps, so the greatest is the count. */
    [LCP_SQL_COUNTS] =
        "SELECT coalesce(sum(state >= 0), 0), coalesce(sum(state = 0), 0),"
        " coalesce(sum(state = -10), 0),"
        " (SELECT count(*) FROM message INDEXED BY message_queued"
        " WHERE dir = 1 AND state = 0),"
        " (SELECT coalesce(max(number), 0) FROM message)"
        " FROM message INDEXED BY message_pending WHERE dir = 0 AND state < 20",
    [LCP_SQL_NEXT_EXPIRY] =
        "SELECT coalesce(min(at), 0) FROM (SELECT min(expires_life_ms) AS at"
        " FROM message INDEXED BY message_expiry"
        " WHERE dir = 1 AND state = 0 AND expires_life_ms > 0"
        " UNION ALL SELECT min(held_until) FROM word INDEXED BY word_held"
        " WHERE held_until > 0)",
    [LCP_SQL_EXPIRED] = "SELECT " ROW FROM(
        "") " WHERE number IN (SELECT number FROM message INDEXED BY message_expiry"
            " WHERE dir = 1 AND state = 0 AND expires_life_ms > 0"
            " AND expires_life_ms <= ?1 UNION ALL SELECT number"
            " FROM word INDEXED BY word_held WHERE held_until > 0 AND held_until <= ?1)"
            " ORDER BY number LIMIT ?2",
};

enum lcp_err
lcp_sqlite_prepare(struct lcp_sqlite *q)
{
    for (size_t i = 0; i < LCP_SQL_COUNT; i++) {
        int code = sqlite3_prepare_v3(q->db, texts[i], -1, SQLITE_PREPARE_PERSISTENT,
                                      &q->statements[i], NULL);

        if (code == SQLITE_ERROR) /* a table or an index of ours is not there */
            code = SQLITE_CORRUPT;
        if (code != SQLITE_OK)
            return lcp_sqlite_fail(q, code);
    }
    return LCP_OK;
}

void
lcp_sqlite_finalize(struct lcp_sqlite *q)
{
    for (size_t i = 0; i < LCP_SQL_COUNT; i++) {
        sqlite3_finalize(q->statements[i]);
        q->statements[i] = NULL;
    }
}

struct lcp_call
lcp_call(struct lcp_sqlite *q, enum lcp_statement which)
{
    struct lcp_call c = {.q = q, .stmt = q->statements[which], .code = SQLITE_OK};

    /* A callback that calls what is calling it would end the walk it is in. */
    assert(!sqlite3_stmt_busy(c.stmt));
    errno = 0; /* see lcp_sqlite_fail */
    return c;
}

static void
note(struct lcp_call *c, int code)
{
    if (c->code == SQLITE_OK)
        c->code = code;
}

void
lcp_call_int(struct lcp_call *c, int64_t value)
{
    note(c, sqlite3_bind_int64(c->stmt, ++c->bound, value));
}

void
lcp_call_text(struct lcp_call *c, const char *text)
{
    note(c, sqlite3_bind_text(c->stmt, ++c->bound, text, -1, SQLITE_STATIC));
}

void
lcp_call_blob(struct lcp_call *c, const void *data, size_t len)
{
    const void *bytes = data != NULL ? data : "";

    note(c, sqlite3_bind_blob64(c->stmt, ++c->bound, bytes, len, SQLITE_STATIC));
}

void
lcp_call_null(struct lcp_call *c)
{
    note(c, sqlite3_bind_null(c->stmt, ++c->bound));
}

bool
lcp_call_step(struct lcp_call *c)
{
    if (c->code == SQLITE_OK || c->code == SQLITE_ROW)
        c->code = sqlite3_step(c->stmt);
    return c->code == SQLITE_ROW;
}

enum lcp_err
lcp_call_end(struct lcp_call *c)
{
    enum lcp_err err = LCP_OK;

    if (c->code != SQLITE_OK && c->code != SQLITE_ROW && c->code != SQLITE_DONE)
        err = lcp_sqlite_fail(c->q, c->code);
    sqlite3_reset(c->stmt); /* tells the error of the last step again */
    sqlite3_clear_bindings(c->stmt);
    return err;
}

enum lcp_err
lcp_call_run(struct lcp_call *c)
{
    lcp_call_step(c);
    return lcp_call_end(c);
}

enum lcp_err
lcp_call_value(struct lcp_call *c, int64_t *value)
{
    if (lcp_call_step(c))
        *value = lcp_call_get_int(c, 0);
    return lcp_call_end(c);
}

int64_t
lcp_call_get_int(struct lcp_call *c, int column)
{
    return sqlite3_column_int64(c->stmt, column);
}

enum lcp_err
lcp_call_get_text(struct lcp_call *c, int column, size_t max, const char **out)
{
    const char *text;

    if (sqlite3_column_type(c->stmt, column) != SQLITE_TEXT)
        return LCP_ECORRUPT;
    text = (const char *)sqlite3_column_text(c->stmt, column);
    if (text == NULL)
        return LCP_ENOMEM;
    if (strlen(text) > max)
        return LCP_ECORRUPT;
    *out = text;
    return LCP_OK;
}

enum lcp_err
lcp_call_get_bytes(struct lcp_call *c, int column, void *out, size_t len)
{
    const void *data;

    if (sqlite3_column_type(c->stmt, column) != SQLITE_BLOB)
        return LCP_ECORRUPT;
    data = sqlite3_column_blob(c->stmt, column);
    if ((size_t)sqlite3_column_bytes(c->stmt, column) != len)
        return LCP_ECORRUPT;
    if (data == NULL)
        return LCP_ENOMEM;
    memcpy(out, data, len);
    return LCP_OK;
}

static enum lcp_err
get_texts(struct lcp_call *c, struct lcp_row *row)
{
    const struct {
        const char **to;
        size_t max;
    } texts_of[] = {{&row->peer, LCP_NAME_MAX},
                    {&row->id, LCP_ID_MAX},
                    {&row->type, LCP_TYPE_MAX},
                    {&row->reply_to, LCP_ID_MAX},
                    {&row->file, LCP_FILE_NAME_MAX - 1},
                    {&row->reason, SIZE_MAX},
                    {&row->detail, SIZE_MAX}};
    enum lcp_err err = LCP_OK;

    for (int i = 0; i < 7 && err == LCP_OK; i++)
        err = lcp_call_get_text(c, 10 + i, texts_of[i].max, texts_of[i].to);
    return err;
}

static enum lcp_err
get_span(struct lcp_call *c, int column, struct lcp_span *out)
{
    if (sqlite3_column_type(c->stmt, column) != SQLITE_BLOB)
        return LCP_ECORRUPT;
    out->data = sqlite3_column_blob(c->stmt, column);
    out->len = (size_t)sqlite3_column_bytes(c->stmt, column);
    return out->data == NULL && out->len != 0 ? LCP_ENOMEM : LCP_OK;
}

enum lcp_err
lcp_call_get_row(struct lcp_call *c, struct lcp_row *row)
{
    int64_t dir = lcp_call_get_int(c, 2);
    enum lcp_err err;

    memset(row, 0, sizeof(*row));
    row->number = (uint64_t)lcp_call_get_int(c, 0);
    row->changed = (uint64_t)lcp_call_get_int(c, 1);
    row->dir = dir == LCP_OUT ? LCP_OUT : LCP_IN;
    row->state = sqlite3_column_int(c->stmt, 3);
    row->state_wall_ms = lcp_call_get_int(c, 4);
    row->was_transmitted = lcp_call_get_int(c, 5) != 0;
    row->wall_ms = lcp_call_get_int(c, 6);
    row->expires_life_ms = (uint64_t)lcp_call_get_int(c, 7);
    err = lcp_call_get_bytes(c, 8, row->key.bytes, sizeof(row->key.bytes));
    if (err == LCP_OK)
        err = lcp_call_get_bytes(c, 9, row->digest, sizeof(row->digest));
    if (err == LCP_OK)
        err = get_texts(c, row);
    if (err == LCP_OK)
        err = get_span(c, 17, &row->raw);
    if (err == LCP_OK)
        err = get_span(c, 18, &row->evidence);
    if (err == LCP_OK)
        err = lcp_call_get_bytes(c, 19, row->canon_digest, sizeof(row->canon_digest));
    if (err != LCP_OK)
        return err;
    row->wants_receipts = lcp_call_get_int(c, 20) != 0;
    row->owes = lcp_call_get_int(c, 21) != 0;
    if ((dir != LCP_IN && dir != LCP_OUT) || !lcp_row_file_is_ours(row->file))
        return LCP_ECORRUPT;
    /* JSON holds no NUL; a page that was lost holds nothing else. */
    if (row->raw.len != 0 && memchr(row->raw.data, 0, row->raw.len) != NULL)
        return LCP_ECORRUPT;
    return LCP_OK;
}

enum lcp_err
lcp_call_walk(struct lcp_call *c, lcp_row_fn *fn, void *ctx, uint64_t *count)
{
    enum lcp_err err = LCP_OK, ended;
    uint64_t handed = 0;

    while (err == LCP_OK && lcp_call_step(c)) {
        struct lcp_row row;

        err = lcp_call_get_row(c, &row);
        if (err != LCP_OK)
            break;
        handed++;
        if (!fn(ctx, &row))
            break;
    }
    ended = lcp_call_end(c);
    if (count != NULL)
        *count = handed;
    return err != LCP_OK ? err : ended;
}
