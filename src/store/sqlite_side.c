/* SPDX-License-Identifier: MIT
 *
 * The record in SQLite: what is not a message. Ids seen from anyone, pins, peers, the
 * audit record, small numbers.
 */
#include "store/sqlite.h"

#include <sqlite3.h>

/* Hands out the text in the first column of each row; ends the call. */
static enum lcp_err
walk_texts(struct lcp_call *c, size_t max, bool (*fn)(void *ctx, const char *text),
           void *ctx, uint32_t *count, bool *goes_on)
{
    enum lcp_err err = LCP_OK, ended;
    const char *text;

    *goes_on = true;
    while (*goes_on && lcp_call_step(c)) {
        err = lcp_call_get_text(c, 0, max, &text);
        *goes_on = err == LCP_OK && fn(ctx, text);
        ++*count;
    }
    ended = lcp_call_end(c);
    return err != LCP_OK ? err : ended;
}

enum lcp_err
lcp_sqlite_each_seen(struct lcp_store *s, uint32_t limit,
                     bool (*fn)(void *ctx, const char *id), void *ctx)
{
    static const enum lcp_statement from[] = {LCP_SQL_SEEN, LCP_SQL_SEEN_ANY};
    uint32_t count = 0;
    bool goes_on = true;

    for (size_t i = 0; i < 2 && goes_on; i++) {
        struct lcp_call c = lcp_call(lcp_sqlite(s), from[i]);
        enum lcp_err err;

        lcp_call_int(&c, (int64_t)limit - count);
        err = walk_texts(&c, LCP_ID_MAX, fn, ctx, &count, &goes_on);
        if (err != LCP_OK)
            return err;
    }
    return LCP_OK;
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
lcp_sqlite_pin_get(struct lcp_store *s, const char *peer, struct lcp_key *key,
                   char how[static 32], int64_t *wall_ms)
{
    struct lcp_call c = lcp_call(lcp_sqlite(s), LCP_SQL_PIN_GET);
    struct lcp_key read_key;
    const char *text = NULL;
    bool is_there;
    enum lcp_err err = LCP_OK, ended;

    lcp_call_text(&c, peer);
    is_there = lcp_call_step(&c);
    if (is_there) {
        err = lcp_call_get_bytes(&c, 0, read_key.bytes, sizeof(read_key.bytes));
        if (err == LCP_OK)
            err = lcp_call_get_text(&c, 1, LCP_PIN_HOW_MAX, &text);
        if (err == LCP_OK) {
            *key = read_key;
            memcpy(how, text, strlen(text) + 1);
            *wall_ms = lcp_call_get_int(&c, 2);
        }
    }
    ended = lcp_call_end(&c);
    if (err != LCP_OK || ended != LCP_OK)
        return err != LCP_OK ? err : ended;
    return is_there ? LCP_OK : LCP_ENOTFOUND;
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
lcp_sqlite_peer_get(struct lcp_store *s, const char *peer, struct lcp_store_peer *out)
{
    struct lcp_call c = lcp_call(lcp_sqlite(s), LCP_SQL_PEER_GET);

    memset(out, 0, sizeof(*out));
    lcp_call_text(&c, peer);
    if (lcp_call_step(&c)) {
        out->version = (int)lcp_call_get_int(&c, 0);
        out->is_paused = lcp_call_get_int(&c, 1) != 0;
        out->rate_life_ms = (uint64_t)lcp_call_get_int(&c, 2);
    }
    return lcp_call_end(&c);
}

enum lcp_err
lcp_sqlite_peer_put(struct lcp_store *s, const char *peer,
                    const struct lcp_store_peer *row)
{
    struct lcp_sqlite *q = lcp_sqlite(s);
    enum lcp_err err = lcp_sqlite_may_write(q);
    struct lcp_call c;

    if (err == LCP_OK)
        err = lcp_row_check_peer(peer, row);
    if (err != LCP_OK)
        return err;
    c = lcp_call(q, LCP_SQL_PEER_PUT);
    lcp_call_text(&c, peer);
    lcp_call_int(&c, row->version);
    lcp_call_int(&c, row->is_paused);
    lcp_call_int(&c, (int64_t)row->rate_life_ms);
    return lcp_call_run(&c);
}

enum lcp_err
lcp_sqlite_peer_del(struct lcp_store *s, const char *peer)
{
    struct lcp_sqlite *q = lcp_sqlite(s);
    enum lcp_err err = lcp_sqlite_may_write(q);
    struct lcp_call c;

    if (err != LCP_OK)
        return err;
    c = lcp_call(q, LCP_SQL_PEER_DEL);
    lcp_call_text(&c, peer);
    return lcp_call_run(&c);
}

enum lcp_err
lcp_sqlite_each_paused(struct lcp_store *s, bool (*fn)(void *ctx, const char *peer),
                       void *ctx)
{
    struct lcp_call c = lcp_call(lcp_sqlite(s), LCP_SQL_PAUSED);
    uint32_t count = 0;
    bool goes_on;

    return walk_texts(&c, LCP_NAME_MAX, fn, ctx, &count, &goes_on);
}

enum lcp_err
lcp_sqlite_each_creditor(struct lcp_store *s, bool (*fn)(void *ctx, const char *peer),
                         void *ctx)
{
    struct lcp_call c = lcp_call(lcp_sqlite(s), LCP_SQL_CREDITORS);
    uint32_t count = 0;
    bool goes_on;

    return walk_texts(&c, LCP_NAME_MAX, fn, ctx, &count, &goes_on);
}

enum lcp_err
lcp_sqlite_usage(struct lcp_store *s, const char *peer, struct lcp_store_usage *out)
{
    struct lcp_call c = lcp_call(lcp_sqlite(s), LCP_SQL_USAGE);

    memset(out, 0, sizeof(*out));
    lcp_call_text(&c, peer);
    if (lcp_call_step(&c)) {
        out->messages = (uint64_t)lcp_call_get_int(&c, 0);
        out->bytes = (uint64_t)lcp_call_get_int(&c, 1);
    }
    return lcp_call_end(&c);
}

enum lcp_err
lcp_sqlite_audit_add(struct lcp_store *s, const struct lcp_audit *audit)
{
    struct lcp_sqlite *q = lcp_sqlite(s);
    struct lcp_audit_draft draft;
    enum lcp_err err = lcp_sqlite_may_write(q);
    struct lcp_call c;

    if (err == LCP_OK)
        err = lcp_audit_draft(audit, &draft);
    if (err != LCP_OK)
        return err;
    c = lcp_call(q, LCP_SQL_AUDIT_ADD);
    lcp_call_int(&c, draft.wall_ms);
    lcp_call_text(&c, draft.who);
    lcp_call_text(&c, draft.what);
    lcp_call_text(&c, draft.detail);
    return lcp_call_run(&c);
}

enum lcp_err
lcp_sqlite_each_audit(struct lcp_store *s, uint32_t limit, lcp_audit_fn *fn, void *ctx)
{
    struct lcp_call c = lcp_call(lcp_sqlite(s), LCP_SQL_AUDIT);
    enum lcp_err err = LCP_OK, ended;
    bool goes_on = true;

    lcp_call_int(&c, limit);
    while (goes_on && lcp_call_step(&c)) {
        struct lcp_audit audit = {.number = (uint64_t)lcp_call_get_int(&c, 0),
                                  .wall_ms = lcp_call_get_int(&c, 1)};
        const char **const texts[] = {&audit.who, &audit.what, &audit.detail};

        for (int i = 0; i < 3 && err == LCP_OK; i++)
            err = lcp_call_get_text(&c, 2 + i, LCP_AUDIT_TEXT_MAX, texts[i]);
        goes_on = err == LCP_OK && fn(ctx, &audit);
    }
    ended = lcp_call_end(&c);
    return err != LCP_OK ? err : ended;
}

enum lcp_err
lcp_sqlite_meta_get(struct lcp_store *s, const char *name, int64_t *value)
{
    struct lcp_call c = lcp_call(lcp_sqlite(s), LCP_SQL_META_GET);
    bool is_there;
    enum lcp_err err;

    lcp_call_text(&c, name);
    is_there = lcp_call_step(&c);
    if (is_there)
        *value = lcp_call_get_int(&c, 0);
    err = lcp_call_end(&c);
    if (err != LCP_OK)
        return err;
    return is_there ? LCP_OK : LCP_ENOTFOUND;
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
