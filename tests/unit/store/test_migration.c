/* SPDX-License-Identifier: MIT
 *
 * The record made by any released version opens in this one. The schema texts are kept
 * here word for word: they are what files in the field look like, whatever schema.c
 * says.
 */
#include "unit/store/scratch.h"

#include <sqlite3.h>

#include "store/schema.h"
#include "unit/store/contract.h"

static const char version_1[] =
    "CREATE TABLE message ( number INTEGER PRIMARY KEY AUTOINCREMENT,"
    " changed INTEGER NOT NULL, dir INTEGER NOT NULL, state INTEGER NOT NULL,"
    " state_wall_ms INTEGER NOT NULL, was_transmitted INTEGER NOT NULL,"
    " is_purged INTEGER NOT NULL, wall_ms INTEGER NOT NULL,"
    " expires_life_ms INTEGER NOT NULL, signer BLOB NOT NULL, digest BLOB NOT NULL,"
    " peer TEXT NOT NULL, id TEXT NOT NULL, type TEXT NOT NULL, reply_to TEXT NOT NULL,"
    " file TEXT NOT NULL, reason TEXT NOT NULL, raw BLOB NOT NULL) STRICT;"
    "CREATE UNIQUE INDEX message_in ON message (id, signer) WHERE dir = 0;"
    "CREATE UNIQUE INDEX message_out ON message (id) WHERE dir = 1;"
    "CREATE INDEX message_dir ON message (dir);"
    "CREATE INDEX message_pending ON message (dir, number, state)"
    " WHERE dir = 0 AND state < 20;"
    "CREATE INDEX message_queued ON message (peer, number, dir, state)"
    " WHERE dir = 1 AND state = 0;"
    "CREATE INDEX message_expiry ON message (expires_life_ms)"
    " WHERE dir = 1 AND state = 0 AND expires_life_ms > 0;"
    "CREATE UNIQUE INDEX message_changed ON message (changed);"
    "CREATE INDEX message_reply_to ON message (reply_to) WHERE reply_to <> '';"
    "CREATE INDEX message_purge ON message (state_wall_ms) WHERE is_purged = 0"
    " AND ((dir = 0 AND state IN (20, 30)) OR (dir = 1 AND state > 0));"
    "CREATE TABLE seen_any ( position INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE)"
    " STRICT;"
    "CREATE TABLE pin ( peer TEXT NOT NULL PRIMARY KEY, signer BLOB NOT NULL,"
    " how TEXT NOT NULL, wall_ms INTEGER NOT NULL) STRICT;"
    "CREATE TABLE meta ( name TEXT NOT NULL PRIMARY KEY, value INTEGER NOT NULL) "
    "STRICT;"
    "PRAGMA application_id = 1279479857; PRAGMA user_version = 1;";

/* What a version 1 program left: one in, archived; one out, queued; the rest once each.
 */
static const char content_1[] =
    "INSERT INTO message VALUES (1, 3, 0, 20, 500, 0, 0, 100, 0, zeroblob(32),"
    " zeroblob(16), 'bob', '0b9f3f0e-6d0c-4c4e-9a1f-0123456789ab', 'task', '',"
    " 'msg_0b9f3f0e-6d0c-4c4e-9a1f-0123456789ab.json', '', CAST('{\"a\":1}' AS BLOB));"
    "INSERT INTO message VALUES (2, 2, 1, 0, 200, 1, 0, 200, 900, zeroblob(32),"
    " zeroblob(16), 'bob', '1b9f3f0e-6d0c-4c4e-9a1f-0123456789ab', 'result',"
    " '0b9f3f0e-6d0c-4c4e-9a1f-0123456789ab',"
    " 'msg_1b9f3f0e-6d0c-4c4e-9a1f-0123456789ab.json', '', CAST('{\"b\":2}' AS BLOB));"
    "INSERT INTO seen_any (id) VALUES ('old');"
    "INSERT INTO pin VALUES ('bob', zeroblob(32), 'config', 7);"
    "INSERT INTO meta VALUES ('life', 12345);";

static void
run_sql(const char *path, const char *sql)
{
    sqlite3 *db = NULL;

    REQUIRE(sqlite3_open(path, &db) == SQLITE_OK);
    REQUIRE(sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK);
    REQUIRE(sqlite3_close(db) == SQLITE_OK);
}

/* Every object of a database, without white space, in order of name. */
static void
print_schema(const char *path, char *out, size_t cap)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *stmt = NULL;
    size_t len = 0;

    REQUIRE(sqlite3_open(path, &db) == SQLITE_OK);
    REQUIRE(sqlite3_prepare_v2(db,
                               "SELECT name || coalesce(sql, '') FROM sqlite_schema"
                               " ORDER BY name",
                               -1, &stmt, NULL) == SQLITE_OK);
    while (sqlite3_step(stmt) == SQLITE_ROW)
        for (const unsigned char *c = sqlite3_column_text(stmt, 0); *c != '\0'; c++)
            if (*c != ' ' && len + 1 < cap)
                out[len++] = (char)*c;
    out[len] = '\0';
    sqlite3_finalize(stmt);
    sqlite3_close(db);
}

static void
a_fresh_record_is_what_the_released_steps_make(void)
{
    static char fresh[8192], kept[8192];
    struct lcp_store *s = NULL;

    scratch_clear();
    REQUIRE(lcp_store_sqlite_open(scratch("fresh.db"), false, &s) == LCP_OK);
    s->ops->close(s);
    run_sql(scratch("kept.db"), version_1);
    print_schema(scratch("fresh.db"), fresh, sizeof(fresh));
    print_schema(scratch("kept.db"), kept, sizeof(kept));
    CHECK(strlen(fresh) > 1000);
    CHECK_STR(fresh, kept);
}

static void
a_record_of_version_1_opens_whole(void)
{
    struct lcp_store *s = NULL;
    struct lcp_store_counts counts;
    struct lcp_key key = {{0}};
    struct lcp_row found;
    struct rows thread = {0};
    const struct rows *got;
    uint64_t life_ms = 0;
    int64_t value = 0;
    char how[32];

    scratch_clear();
    run_sql(scratch("lcp.db"), version_1);
    run_sql(scratch("lcp.db"), content_1);
    REQUIRE(lcp_store_sqlite_open(scratch("lcp.db"), false, &s) == LCP_OK);
    CHECK(s->ops->counts(s, &counts) == LCP_OK);
    CHECK(counts.total == 2 && counts.queued == 1 && counts.inbox == 0);
    got = get(s, 1);
    CHECK(got->last.state == LCP_IN_ARCHIVED && got->last.state_wall_ms == 500);
    CHECK_STR(got->raw, "{\"a\":1}");
    got = get(s, 2);
    CHECK(got->last.dir == LCP_OUT && got->last.was_transmitted);
    CHECK(got->last.expires_life_ms == 900);
    CHECK(s->ops->next_expiry(s, &life_ms) == LCP_OK && life_ms == 900);
    CHECK(s->ops->each_in_thread(s, 1, rows_take, &thread) == LCP_OK);
    CHECK_STR(thread.text, "1 2");
    CHECK(s->ops->find_in(s, &key, "old", &found) == LCP_OK && found.number == 0);
    CHECK(s->ops->pin_get(s, "bob", &key, how, &value) == LCP_OK && value == 7);
    CHECK(s->ops->meta_get(s, "life", &value) == LCP_OK && value == 12345);
    CHECK(s->ops->changed(s) == 3);
    CHECK(s->ops->begin(s) == LCP_OK);
    CHECK(add(s, incoming("new", 1)) == 3);
    CHECK(s->ops->commit(s) == LCP_OK);
    CHECK(get(s, 3)->last.changed == 4);
    s->ops->close(s);
}

static void
what_is_newer_or_another_s_is_left_alone(void)
{
    static const struct {
        const char *label, *sql;
        enum lcp_err want;
    } rows[] = {
        {"newer", "PRAGMA user_version = 2", LCP_EVERSION},
        {"much newer", "PRAGMA user_version = 2147483647", LCP_EVERSION},
        {"version lost", "PRAGMA user_version = 0", LCP_ECORRUPT},
        {"negative", "PRAGMA user_version = -1", LCP_ECORRUPT},
        {"another program's", "PRAGMA application_id = 252006673", LCP_ECORRUPT},
        {"nobody's", "PRAGMA application_id = 0", LCP_ECORRUPT},
        {"index missing", "DROP INDEX message_queued", LCP_ECORRUPT},
        {"table missing", "DROP TABLE meta", LCP_ECORRUPT},
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char *before = NULL, *after = NULL;
        size_t len_before = 0, len_after = 0;
        struct lcp_store *s = NULL;

        scratch_clear();
        run_sql(scratch("lcp.db"), version_1);
        run_sql(scratch("lcp.db"), rows[i].sql);
        REQUIRE(lcp_os_read_file(scratch("lcp.db"), 1 << 20, &before, &len_before) ==
                LCP_OK);
        CHECK_ROW(rows[i].label,
                  lcp_store_sqlite_open(scratch("lcp.db"), true, &s) == rows[i].want);
        CHECK_ROW(rows[i].label,
                  lcp_store_sqlite_open(scratch("lcp.db"), false, &s) == rows[i].want);
        CHECK_ROW(rows[i].label, s == NULL);
        REQUIRE(lcp_os_read_file(scratch("lcp.db"), 1 << 20, &after, &len_after) ==
                LCP_OK);
        CHECK_ROW(rows[i].label, i >= 6 || lcp_span_eq(lcp_span(before, len_before),
                                                       lcp_span(after, len_after)));
        free(before);
        free(after);
    }
}

static struct lcp_store *
open_migrated(bool read_only)
{
    struct lcp_store *s = NULL;

    REQUIRE(lcp_store_sqlite_open(scratch("lcp.db"), read_only, &s) == LCP_OK);
    return s;
}

static void
clear_to_version_1(void)
{
    scratch_clear();
    run_sql(scratch("lcp.db"), version_1);
}

int
main(void)
{
    REQUIRE(lcp_crypto_init() == LCP_OK);
    /* A new step needs its text and its content here. */
    CHECK(LCP_SCHEMA_VERSION == 2);
    scratch_make();
    a_fresh_record_is_what_the_released_steps_make();
    a_record_of_version_1_opens_whole();
    what_is_newer_or_another_s_is_left_alone();
    contract_run((struct contract){open_migrated, clear_to_version_1});
    scratch_remove();
    return check_end("migration");
}
