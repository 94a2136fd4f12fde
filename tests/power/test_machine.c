/* SPDX-License-Identifier: MIT
 *
 * The machines of vfs.h as the simulator uses them: a writer and readers on each,
 * several beside each other, and the same seeds give the same fate.
 */
#include "check.h"
#include "power/vfs.h"
#include "power/work.h"
#include "unit/store/version_1.h"

static struct lcp_store *
open_on(struct power_machine *m, bool read_only)
{
    struct lcp_store *s = NULL;

    REQUIRE(power_machine_open(m, read_only, &s) == LCP_OK);
    return s;
}

static enum lcp_err
add(struct lcp_store *s, const char *id)
{
    struct lcp_row row = {.peer = "bob", .id = id, .raw = lcp_span_str("{}")};
    uint64_t number = 0;
    enum lcp_err err = s->ops->begin(s);

    if (err == LCP_OK)
        err = s->ops->add(s, &row, &number);
    if (err == LCP_OK)
        return s->ops->commit(s);
    s->ops->rollback(s);
    return err;
}

static uint64_t
total(struct lcp_store *s)
{
    struct lcp_store_counts counts = {0};

    REQUIRE(s->ops->counts(s, &counts) == LCP_OK);
    return counts.total;
}

static void
readers_see_commits_of_their_own_machine(void)
{
    struct power_machine *a = power_machine_new(1), *b = power_machine_new(1);
    struct lcp_store *writer, *reader, *other, *none = NULL;

    CHECK(power_machine_open(a, true, &none) == LCP_ENOTFOUND);
    writer = open_on(a, false);
    reader = open_on(a, true);
    other = open_on(b, false);
    CHECK(add(writer, "one") == LCP_OK);
    CHECK(total(reader) == 1 && total(other) == 0);
    CHECK(add(other, "one") == LCP_OK && add(other, "two") == LCP_OK);
    CHECK(total(reader) == 1 && total(writer) == 1 && total(other) == 2);
    CHECK(writer->ops->begin(writer) == LCP_OK);
    CHECK(writer->ops->meta_put(writer, "life", 1) == LCP_OK);
    CHECK(reader->ops->meta_get(reader, "life", &(int64_t){0}) == LCP_ENOTFOUND);
    CHECK(writer->ops->commit(writer) == LCP_OK);
    CHECK(reader->ops->meta_get(reader, "life", &(int64_t){0}) == LCP_OK);
    CHECK(reader->ops->begin(reader) == LCP_EPERM);
    CHECK(writer->ops->checkpoint(writer, true) == LCP_OK);
    CHECK(add(writer, "two") == LCP_OK && total(reader) == 2);
    /* In any order. */
    writer->ops->close(writer);
    CHECK(total(reader) == 2);
    reader->ops->close(reader);
    other->ops->close(other);
    power_machine_free(a);
    power_machine_free(b);
}

static void
one_machine_loses_its_power_the_other_goes_on(void)
{
    struct power_machine *a = power_machine_new(2), *b = power_machine_new(3);
    struct lcp_store *writer = open_on(a, false), *reader = open_on(a, true);
    struct lcp_store *other = open_on(b, false);
    struct sim_random fates = {77};

    CHECK(add(writer, "one") == LCP_OK);
    CHECK(writer->ops->begin(writer) == LCP_OK);
    power_machine_cut(a);
    CHECK(!power_machine_is_on(a));
    CHECK(add(writer, "two") != LCP_OK);
    CHECK(add(other, "one") == LCP_OK);
    reader->ops->close(reader);
    writer->ops->close(writer);
    power_machine_restart(a, &fates);
    CHECK(power_machine_is_on(a));
    reader = open_on(a, true); /* before any writer: it recovers alone */
    CHECK(total(reader) == 1);
    writer = open_on(a, false);
    CHECK(total(writer) == 1 && total(other) == 1);
    CHECK(add(writer, "three") == LCP_OK && total(reader) == 2);
    writer->ops->close(writer);
    reader->ops->close(reader);
    other->ops->close(other);
    power_machine_free(a);
    power_machine_free(b);
}

/* Commits until the armed failure; what was acknowledged is there afterwards. Returns
 * what the machine spent, which tells courses apart. */
static uint64_t
work_until_it_fails(uint64_t seed, uint64_t left, struct power_dump *dump)
{
    struct power_machine *m = power_machine_new(seed);
    struct sim_random fates = sim_random_stream(seed, 9);
    struct lcp_store *s = open_on(m, false);
    uint64_t acknowledged = 0, spent, there;
    char id[32];

    power_machine_arm(m, left, left % 2 == 0);
    while (power_machine_is_on(m)) {
        snprintf(id, sizeof(id), "m-%llu", (unsigned long long)acknowledged);
        acknowledged += add(s, id) == LCP_OK;
        REQUIRE(acknowledged < 1000);
    }
    spent = m->spent;
    s->ops->close(s);
    power_machine_restart(m, &fates);
    s = open_on(m, false);
    there = total(s);
    CHECK(there == acknowledged || there == acknowledged + 1);
    REQUIRE(power_dump(s, dump));
    spent = spent * 1000 + m->spent;
    s->ops->close(s);
    power_machine_free(m);
    return spent;
}

static void
the_same_seeds_give_the_same_fate(void)
{
    struct power_dump first = {0}, second = {0};

    for (uint64_t seed = 1; seed <= 60; seed++) {
        uint64_t spent = work_until_it_fails(seed, 3 + seed, &first);

        CHECK(work_until_it_fails(seed, 3 + seed, &second) == spent);
        CHECK(first.len == second.len &&
              memcmp(first.data, second.data, first.len) == 0);
    }
    free(first.data);
    free(second.data);
}

static void
a_killed_process_loses_no_write(void)
{
    struct power_machine *m = power_machine_new(5);
    struct lcp_store *s = open_on(m, false);

    m->skips_log = true; /* nothing is ever synced */
    CHECK(add(s, "one") == LCP_OK);
    power_machine_cut(m);
    s->ops->close(s);
    power_machine_revive(m);
    s = open_on(m, false);
    CHECK(total(s) == 1);
    s->ops->close(s);
    power_machine_free(m);
}

/* What the power tore off must not be completed by what is written next: behind an
 * opened store there is no old log. */
static void
a_store_that_opens_begins_its_log_anew(void)
{
    struct power_machine *m = power_machine_new(6);
    struct lcp_store *s = open_on(m, false);
    struct power_file *log;

    CHECK(add(s, "one") == LCP_OK);
    power_machine_arm(m, 1, true); /* the commit's sync */
    CHECK(add(s, "two") != LCP_OK);
    s->ops->close(s);
    power_machine_revive(m); /* all that was written arrived */
    log = power_disk_find(&m->disk, "/lcp.db-wal");
    CHECK(log != NULL && log->now.len > 0);
    s = open_on(m, false);
    CHECK(total(s) == 2);
    log = power_disk_find(&m->disk, "/lcp.db-wal");
    CHECK(log != NULL && log->now.len == 0);
    s->ops->close(s);
    power_machine_free(m);
}

static void
run_sql(struct power_machine *m, const char *sql)
{
    sqlite3 *db = NULL;

    REQUIRE(sqlite3_open_v2("/lcp.db", &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE,
                            m->name) == SQLITE_OK);
    REQUIRE(sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK);
    REQUIRE(sqlite3_close(db) == SQLITE_OK);
}

/* The step to the present schema is made whole or not at all, at whatever point of it
 * the power fails. */
static void
a_record_of_version_1_survives_the_loss_of_power_in_its_migration(void)
{
    struct power_dump whole = {0}, got = {0};
    unsigned failed = 0;
    bool has_failed = true;

    for (uint64_t left = 1; left < 200 && (has_failed || left < 3); left++) {
        struct power_machine *m = power_machine_new(left);
        struct sim_random fates = sim_random_stream(left, 4);
        struct lcp_store *s = NULL;

        run_sql(m, version_1);
        for (size_t i = 0; i < COUNT_OF(content_1); i++)
            run_sql(m, content_1[i]);
        power_machine_arm(m, left, false);
        has_failed = left > 1 && power_machine_open(m, false, &s) != LCP_OK;
        if (left == 1) { /* how it is when nothing fails */
            power_machine_revive(m);
            s = open_on(m, false);
            REQUIRE(power_dump(s, &whole));
        }
        failed += has_failed;
        if (s != NULL)
            s->ops->close(s);
        power_machine_cut(m);
        power_machine_restart(m, &fates);
        s = open_on(m, false);
        REQUIRE(power_dump(s, &got));
        CHECK(got.len == whole.len && memcmp(got.data, whole.data, got.len) == 0);
        s->ops->close(s);
        power_machine_free(m);
    }
    printf("machine: the power failed at %u points of the migration\n", failed);
    CHECK(failed > 40 && !has_failed);
    free(whole.data);
    free(got.data);
}

int
main(void)
{
    REQUIRE(lcp_crypto_init() == LCP_OK);
    readers_see_commits_of_their_own_machine();
    one_machine_loses_its_power_the_other_goes_on();
    the_same_seeds_give_the_same_fate();
    a_killed_process_loses_no_write();
    a_store_that_opens_begins_its_log_anew();
    a_record_of_version_1_survives_the_loss_of_power_in_its_migration();
    return check_end("machine");
}
