/* SPDX-License-Identifier: MIT
 *
 * The record made by any released version opens in this one. The schema texts are kept
 * here word for word: they are what files in the field look like, whatever schema.c
 * says.
 */
#include "unit/store/scratch.h"

#include "store/schema.h"
#include "unit/store/contract.h"
#include "unit/store/fault_vfs.h"
#include "unit/store/version_1.h"

/* What the second one added, word for word. */
static const char version_2[] =
    "CREATE TABLE word ( number INTEGER PRIMARY KEY, wants_receipts INTEGER NOT NULL, "
    "owed_to TEXT NOT NULL, owed_state INTEGER NOT NULL, held_until INTEGER NOT NULL, "
    "refused_ms INTEGER, canon_digest BLOB NOT NULL, detail TEXT NOT NULL, evidence "
    "BLOB NOT NULL) STRICT;CREATE INDEX word_owed ON word (owed_to, owed_state, "
    "number) WHERE owed_to <> '';CREATE INDEX word_held ON word (held_until) WHERE "
    "held_until > 0;CREATE INDEX word_refused ON word (refused_ms) WHERE refused_ms IS "
    "NOT NULL;CREATE TABLE usage ( peer TEXT NOT NULL PRIMARY KEY, messages INTEGER "
    "NOT NULL, bytes INTEGER NOT NULL) STRICT;INSERT INTO usage SELECT peer, count(*), "
    "sum(length(raw)) FROM message INDEXED BY message_pending WHERE dir = 0 AND state "
    "< 20 GROUP BY peer;CREATE TRIGGER usage_comes AFTER INSERT ON message WHEN "
    "new.dir = 0 AND new.state < 20 BEGIN INSERT INTO usage VALUES (new.peer, 1, "
    "length(new.raw)) ON CONFLICT (peer) DO UPDATE SET messages = messages + 1, bytes "
    "= bytes + excluded.bytes; END;CREATE TRIGGER usage_goes AFTER UPDATE OF state ON "
    "message WHEN old.dir = 0 AND old.state < 20 AND new.state >= 20 BEGIN UPDATE "
    "usage SET messages = messages - 1, bytes = bytes - length(old.raw) WHERE peer = "
    "old.peer; END;CREATE TABLE peer ( name TEXT NOT NULL PRIMARY KEY, version INTEGER "
    "NOT NULL, is_paused INTEGER NOT NULL, rate_life_ms INTEGER NOT NULL) "
    "STRICT;CREATE TABLE audit ( number INTEGER PRIMARY KEY, wall_ms INTEGER NOT NULL, "
    "who TEXT NOT NULL, what TEXT NOT NULL, detail TEXT NOT NULL) STRICT;PRAGMA "
    "application_id = 1279479857; PRAGMA user_version = 2;";

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
    run_sql(scratch("kept.db"), version_2);
    print_schema(scratch("fresh.db"), fresh, sizeof(fresh));
    print_schema(scratch("kept.db"), kept, sizeof(kept));
    CHECK(strlen(fresh) > 1000);
    CHECK_STR(fresh, kept);
}

/* Every value of the tables there were, as text; the caller frees it. */
static char *
print_values(const char *path)
{
    static const char *const tables[] = {"message", "seen_any", "pin", "meta"};
    sqlite3 *db = NULL;
    sqlite3_str *text;

    REQUIRE(sqlite3_open(path, &db) == SQLITE_OK);
    text = sqlite3_str_new(db);
    for (size_t i = 0; i < COUNT_OF(tables); i++) {
        char sql[64];
        sqlite3_stmt *stmt = NULL;

        snprintf(sql, sizeof(sql), "SELECT * FROM %s ORDER BY 1", tables[i]);
        REQUIRE(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) == SQLITE_OK);
        while (sqlite3_step(stmt) == SQLITE_ROW)
            for (int c = 0; c < sqlite3_column_count(stmt); c++) {
                const unsigned char *value = sqlite3_column_text(stmt, c);

                sqlite3_str_appendf(text, "%d %s=%s\n", sqlite3_column_type(stmt, c),
                                    sqlite3_column_name(stmt, c),
                                    value != NULL ? (const char *)value : "");
            }
        sqlite3_finalize(stmt);
    }
    REQUIRE(sqlite3_close(db) == SQLITE_OK);
    return sqlite3_str_finish(text);
}

static int64_t
ask_number(const char *path, const char *sql)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *stmt = NULL;
    int64_t number = -1;

    REQUIRE(sqlite3_open(path, &db) == SQLITE_OK);
    REQUIRE(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) == SQLITE_OK);
    if (sqlite3_step(stmt) == SQLITE_ROW)
        number = sqlite3_column_int64(stmt, 0);
    sqlite3_finalize(stmt);
    REQUIRE(sqlite3_close(db) == SQLITE_OK);
    return number;
}

static void
make_version_1(void)
{
    static char *made;
    static size_t len;

    fault_vfs_heal();
    scratch_clear();
    if (made == NULL) {
        run_sql(scratch("lcp.db"), version_1);
        for (size_t i = 0; i < COUNT_OF(content_1); i++)
            run_sql(scratch("lcp.db"), content_1[i]);
        REQUIRE(lcp_os_read_file(scratch("lcp.db"), 1 << 20, &made, &len) == LCP_OK);
    } else {
        REQUIRE(lcp_os_write_file(scratch("lcp.db"), lcp_span(made, len), 0600,
                                  false) == LCP_OK);
    }
}

static void
a_record_of_version_1_keeps_every_value(void)
{
    char *before, *after;
    struct lcp_store *s = NULL;

    make_version_1();
    before = print_values(scratch("lcp.db"));
    REQUIRE(before != NULL && strlen(before) > 3000);
    CHECK(lcp_store_sqlite_open(scratch("lcp.db"), true, &s) == LCP_EVERSION);
    REQUIRE(lcp_store_sqlite_open(scratch("lcp.db"), false, &s) == LCP_OK);
    s->ops->close(s);
    CHECK(ask_number(scratch("lcp.db"), "PRAGMA user_version") == 2);
    after = print_values(scratch("lcp.db"));
    CHECK_STR(after, before);
    sqlite3_free(before);
    sqlite3_free(after);
}

static void
a_record_of_version_1_is_read_as_it_was(struct lcp_store *s)
{
    struct lcp_query in = {.state_min = LCP_IN_HELD, .state_max = 99}, out = in;
    struct lcp_store_counts counts;
    struct lcp_row found;
    struct lcp_key key = {{0}};
    struct rows thread = {0}, got_in = {0}, got_out = {0};
    const struct rows *got;
    uint64_t life_ms = 0;
    int64_t value = 0;
    char how[32];

    out.dir = LCP_OUT;
    CHECK(s->ops->counts(s, &counts) == LCP_OK);
    CHECK(counts.total == 13 && counts.queued == 2 && counts.inbox == 3);
    CHECK(counts.unhanded == 2 && counts.held == 0);
    CHECK(s->ops->each(s, &in, rows_take, &got_in) == LCP_OK);
    CHECK_STR(got_in.text, "1 2 3 4 5 13");
    CHECK(s->ops->each(s, &out, rows_take, &got_out) == LCP_OK);
    CHECK_STR(got_out.text, "6 7 8 9 10 11 12");
    got = get(s, 6);
    CHECK(got->last.dir == LCP_OUT && got->last.was_transmitted);
    CHECK(got->last.expires_life_ms == 900 && got->last.state_wall_ms == 506);
    CHECK(got->last.canon_digest[0] == 0 && got->last.evidence.len == 0);
    CHECK(!got->last.wants_receipts && !got->last.owes);
    CHECK_STR(got->raw, "{\"queued\":6}");
    CHECK_STR(got->reason, "why 6");
    CHECK_STR(got->detail, "");
    CHECK(s->ops->next_expiry(s, &life_ms) == LCP_OK && life_ms == 800);
    CHECK(s->ops->each_in_thread(s, 1, rows_take, &thread) == LCP_OK);
    CHECK_STR(thread.text, "1 3 6");
    CHECK(s->ops->find_in(s, &key, "old", &found) == LCP_OK && found.number == 0);
    CHECK(s->ops->find_out(s, "0b9f3f0e-6d0c-4c4e-9a1f-012345678906", &found) ==
          LCP_OK);
    CHECK(found.number == 6 && found.was_transmitted && found.canon_digest[0] == 0);
    CHECK_STR(found.peer, "bob");
    CHECK(s->ops->pin_get(s, "bob", &key, how, &value) == LCP_OK && value == 7);
    CHECK(s->ops->meta_get(s, "life", &value) == LCP_OK && value == 12345);
    CHECK(s->ops->changed(s) == 113);
    expect_usage(s, "bob", 2, 24);
    expect_usage(s, "carol", 1, 12);
    CHECK_STR(creditors(s, 0), "");
}

static void
a_record_of_version_1_goes_on_from_there(void)
{
    const struct lcp_change with = {.reason = "declined",
                                    .detail = "not today",
                                    .evidence = lcp_span_str("receipt"),
                                    .wall_ms = 600};
    struct lcp_store *s = NULL;
    uint64_t purged = 0;

    make_version_1();
    REQUIRE(lcp_store_sqlite_open(scratch("lcp.db"), false, &s) == LCP_OK);
    a_record_of_version_1_is_read_as_it_was(s);
    CHECK(s->ops->begin(s) == LCP_OK);
    CHECK(add(s, incoming("new", 1)) == 14);
    CHECK(get(s, 14)->last.changed == 114);
    expect_usage(s, "bob", 3, 32);
    /* Old rows take what new ones take. */
    CHECK(change_to(s, LCP_OUT, 6, LCP_SENT_READ, &with));
    CHECK_STR(get(s, 6)->evidence, "receipt");
    CHECK_STR(get(s, 6)->detail, "not today");
    CHECK(s->ops->resign(s, 7, lcp_span_str("{}"), &(struct lcp_key){{9}}, canon) ==
          LCP_OK);
    CHECK(get(s, 7)->last.canon_digest[0] == 0xca);
    CHECK(change_to(s, LCP_IN, 1, LCP_IN_REFUSED, &with));
    CHECK(!get(s, 1)->last.owes && get(s, 1)->raw[0] == '{');
    CHECK(change_to(s, LCP_IN, 2, LCP_IN_ARCHIVED, &with));
    expect_usage(s, "bob", 2, 20);
    expect_usage(s, "carol", 0, 0);
    CHECK(s->ops->set_told(s, 13, LCP_IN_STORED) == LCP_OK);
    CHECK(s->ops->purge(s, 601, 99, &purged) == LCP_OK);
    CHECK(purged == 7); /* 1, 2, 3, 4, 6, 8, 9; the times of 10 and 11 are later */
    CHECK(s->ops->commit(s) == LCP_OK);
    s->ops->close(s);
}

/* It goes on without seals, which must not look like damage later. */
static void
without_room_to_write_it_anew_version_1_goes_on(void)
{
    char mark[LCP_PATH_MAX];
    struct lcp_store *s = NULL;

    make_version_1();
    /* More than SQLite copies without a file. */
    run_sql(scratch("lcp.db"),
            "PRAGMA journal_mode = WAL;"
            "WITH RECURSIVE it (n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM it"
            " WHERE n < 9000) INSERT INTO seen_any SELECT n + 99,"
            " 'some-' || n || hex(zeroblob(300)) FROM it");
    snprintf(mark, sizeof(mark), "%s-mark", scratch("lcp.db"));
    for (int start = 0; start < 3; start++) {
        fault_vfs_heal();
        fault_disk.write_code[FAULT_OTHER] = start < 2 ? SQLITE_FULL : 0;
        REQUIRE(lcp_store_sqlite_open(scratch("lcp.db"), false, &s) == LCP_OK);
        if (start == 0)
            a_record_of_version_1_is_read_as_it_was(s);
        CHECK(s->ops->begin(s) == LCP_OK);
        CHECK(s->ops->meta_put(s, "life", start) == LCP_OK);
        CHECK(s->ops->commit(s) == LCP_OK);
        CHECK(lcp_os_exists(mark) == (start == 2));
        s->ops->close(s);
    }
    fault_vfs_heal();
}

static void
reseal(void)
{
    const struct lcp_audit audit = {.wall_ms = 1, .who = "test"};
    struct lcp_reseal found;

    REQUIRE(lcp_store_sqlite_reseal(scratch("lcp.db"), NULL, NULL, &audit, &found) ==
            LCP_OK);
}

/* The step is made whole or not at all, wherever the disk fails it. */
static void
a_migration_that_fails_leaves_version_1_whole(void)
{
    enum { STEPS = 150 };
    static const int codes[] = {SQLITE_FULL, SQLITE_IOERR_WRITE};
    int64_t objects_1, objects_2, version;
    unsigned failed = 0, old = 0;
    char *before;

    make_version_1();
    before = print_values(scratch("lcp.db"));
    objects_1 = ask_number(scratch("lcp.db"), "SELECT count(*) FROM sqlite_schema");
    run_sql(scratch("lcp.db"), version_2);
    objects_2 = ask_number(scratch("lcp.db"), "SELECT count(*) FROM sqlite_schema");
    for (long good = 0; good < STEPS; good++) {
        struct lcp_store *s = NULL;
        enum lcp_err err;
        char *after;

        make_version_1();
        fault_disk.skips_syncs = true;
        for (int kind = 0; kind < FAULT_KINDS; kind++)
            fault_disk.write_code[kind] = codes[good % 2];
        fault_disk.writes_left = good / 2;
        fault_disk.write_errno = EIO;
        err = lcp_store_sqlite_open(scratch("lcp.db"), false, &s);
        if (err == LCP_OK)
            s->ops->close(s);
        fault_vfs_heal();
        fault_disk.skips_syncs = true;
        failed += err != LCP_OK;
        /* What fails behind the step leaves the next version whole. */
        version = ask_number(scratch("lcp.db"), "PRAGMA user_version");
        CHECK(version == 2 || (version == 1 && err != LCP_OK));
        CHECK(ask_number(scratch("lcp.db"), "SELECT count(*) FROM sqlite_schema") ==
              (version == 1 ? objects_1 : objects_2));
        old += version == 1;
        after = print_values(scratch("lcp.db"));
        CHECK_STR(after, before);
        sqlite3_free(after);
        s = NULL;
        reseal(); /* another SQLite has moved the log into the database */
        REQUIRE(lcp_store_sqlite_open(scratch("lcp.db"), false, &s) == LCP_OK);
        a_record_of_version_1_is_read_as_it_was(s);
        s->ops->close(s);
    }
    sqlite3_free(before);
    printf("migration: failed %u times of %d, %u of them before it was done\n", failed,
           (int)STEPS, old);
    CHECK(old > 10 && old < failed && failed < STEPS && objects_2 > objects_1);
}

/* The first start writes it anew, with seals; the next must not read it all. */
static void
a_long_history_is_not_read_at_a_start(void)
{
    enum { ROWS = 20000, READS_MAX = 200 };
    struct lcp_store *s = NULL;
    int64_t pages;
    unsigned reads;

    fault_vfs_heal();
    scratch_clear();
    run_sql(scratch("lcp.db"), version_1);
    run_sql(scratch("lcp.db"),
            "WITH RECURSIVE it (n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM it"
            " WHERE n < 20000) INSERT INTO message SELECT n, n, n % 8 = 0,"
            " iif(n % 8 = 0, 30, 20), n, 0, 0, n, 0, zeroblob(32), zeroblob(16), 'bob',"
            " 'id-' || n, 'chat', '', 'msg_' || n || '.json', '',"
            " CAST(replace(hex(zeroblob(200)), '0', 'x') AS BLOB) FROM it");
    pages = ask_number(scratch("lcp.db"), "PRAGMA page_count");
    REQUIRE(lcp_store_sqlite_open(scratch("lcp.db"), false, &s) == LCP_OK);
    s->ops->close(s);
    fault_vfs_heal();
    REQUIRE(lcp_store_sqlite_open(scratch("lcp.db"), false, &s) == LCP_OK);
    reads = fault_disk.reads[FAULT_DATABASE];
    printf("migration: %u reads, of %lld pages\n", reads, (long long)pages);
    CHECK(pages > 2000 && reads < READS_MAX);
    CHECK(s->ops->begin(s) == LCP_OK);
    CHECK(add(s, incoming("new", 1)) == ROWS + 1);
    s->ops->close(s);
}

static void
what_is_newer_or_another_s_is_left_alone(void)
{
    static const struct {
        const char *label, *sql;
        enum lcp_err want;
    } rows[] = {
        {"newer", "PRAGMA user_version = 3", LCP_EVERSION},
        {"much newer", "PRAGMA user_version = 2147483647", LCP_EVERSION},
        {"version lost", "PRAGMA user_version = 0", LCP_ECORRUPT},
        {"negative", "PRAGMA user_version = -1", LCP_ECORRUPT},
        {"another program's", "PRAGMA application_id = 252006673", LCP_ECORRUPT},
        {"nobody's", "PRAGMA application_id = 0", LCP_ECORRUPT},
        {"index missing", "DROP INDEX message_queued", LCP_ECORRUPT},
        {"table missing", "DROP TABLE meta", LCP_ECORRUPT},
        {"newer index missing", "DROP INDEX word_owed", LCP_ECORRUPT},
        {"newer table missing", "DROP TABLE audit", LCP_ECORRUPT},
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char *before = NULL, *after = NULL;
        size_t len_before = 0, len_after = 0;
        struct lcp_store *s = NULL;

        scratch_clear();
        run_sql(scratch("lcp.db"), version_1);
        run_sql(scratch("lcp.db"), version_2);
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
    fault_vfs_heal();
    scratch_clear();
    run_sql(scratch("lcp.db"), version_1);
}

int
main(void)
{
    REQUIRE(lcp_crypto_init() == LCP_OK);
    /* A new step needs its text and its content here. */
    CHECK(LCP_SCHEMA_VERSION == 2);
    fault_vfs_install();
    scratch_make();
    a_fresh_record_is_what_the_released_steps_make();
    a_record_of_version_1_keeps_every_value();
    a_record_of_version_1_goes_on_from_there();
    without_room_to_write_it_anew_version_1_goes_on();
    a_migration_that_fails_leaves_version_1_whole();
    a_long_history_is_not_read_at_a_start();
    what_is_newer_or_another_s_is_left_alone();
    contract_run((struct contract){open_migrated, clear_to_version_1});
    scratch_remove();
    return check_end("migration");
}
