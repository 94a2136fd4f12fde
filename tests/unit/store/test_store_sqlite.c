/* SPDX-License-Identifier: MIT
 *
 * The store in SQLite under the contract, and what only files can do: modes, damage,
 * strangers, readers alone.
 */
#include "unit/store/scratch.h"

#include <sys/wait.h>

#include "unit/store/contract.h"

static struct lcp_store *
open_sqlite(bool read_only)
{
    struct lcp_store *s = NULL;

    REQUIRE(lcp_store_sqlite_open(scratch("lcp.db"), read_only, &s) == LCP_OK);
    return s;
}

static void
files_are_for_their_owner_only(void)
{
    static const char *const names[] = {"lcp.db", "lcp.db-wal", "lcp.db-shm"};
    struct lcp_store *s = open_and_begin();
    struct stat st;

    add(s, incoming("a", 1));
    CHECK(s->ops->commit(s) == LCP_OK);
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        CHECK_ROW(names[i], stat(scratch(names[i]), &st) == 0);
        CHECK_ROW(names[i], (st.st_mode & 0777) == 0600);
    }
    s->ops->close(s);
}

static void
a_reader_needs_no_writer_but_a_record(void)
{
    struct lcp_store *s, *reader = NULL;
    struct lcp_store_counts counts = {0};

    scratch_clear();
    CHECK(lcp_store_sqlite_open(scratch("lcp.db"), true, &reader) == LCP_ENOTFOUND);
    CHECK(!lcp_os_exists(scratch("lcp.db")));
    fclose(fopen(scratch("lcp.db"), "w")); /* a daemon died before its first commit */
    CHECK(lcp_store_sqlite_open(scratch("lcp.db"), true, &reader) == LCP_ENOTFOUND);
    s = open_and_begin();
    add(s, incoming("a", 1));
    CHECK(s->ops->commit(s) == LCP_OK);
    s->ops->close(s);
    reader = open_sqlite(true);
    CHECK(reader->ops->counts(reader, &counts) == LCP_OK && counts.inbox == 1);
    /* A writer may come and go beside it. */
    s = open_sqlite(false);
    CHECK(s->ops->begin(s) == LCP_OK);
    add(s, incoming("b", 1));
    CHECK(s->ops->commit(s) == LCP_OK);
    CHECK(s->ops->checkpoint(s, false) == LCP_OK);
    s->ops->close(s);
    CHECK(reader->ops->counts(reader, &counts) == LCP_OK && counts.inbox == 2);
    reader->ops->close(reader);
}

struct writes_beside {
    struct lcp_store *writer;
    enum lcp_err commit, force, mild;
    unsigned count;
};

static bool
write_beside(void *ctx, const struct lcp_row *row)
{
    struct writes_beside *w = ctx;
    char id[32];

    (void)row;
    snprintf(id, sizeof(id), "beside-%u", w->count++);
    REQUIRE(w->writer->ops->begin(w->writer) == LCP_OK);
    add(w->writer, incoming(id, 1));
    w->commit = w->writer->ops->commit(w->writer);
    w->force = w->writer->ops->checkpoint(w->writer, true);
    w->mild = w->writer->ops->checkpoint(w->writer, false);
    return true;
}

static void
a_reader_never_holds_the_writer_up(void)
{
    struct lcp_store *s = open_and_begin(), *reader;
    struct lcp_query all = {.state_max = 99};
    struct writes_beside w = {.writer = s};
    uint64_t began, took;

    add(s, incoming("a", 1));
    CHECK(s->ops->commit(s) == LCP_OK);
    reader = open_sqlite(true);
    began = lcp_os_mono_ms();
    CHECK(reader->ops->each(reader, &all, write_beside, &w) == LCP_OK);
    took = lcp_os_mono_ms() - began;
    CHECK(w.count == 1); /* the walk sees the moment it began in */
    CHECK(w.commit == LCP_OK);
    CHECK(w.force == LCP_EAGAIN); /* harmless, and at once */
    CHECK(w.mild == LCP_OK);
    CHECK(took < 4000);
    CHECK(s->ops->checkpoint(s, true) == LCP_OK);
    reader->ops->close(reader);
    s->ops->close(s);
}

static void
put_file(const char *path, const void *data, size_t len)
{
    FILE *file = fopen(path, "wb");

    REQUIRE(file != NULL);
    REQUIRE(fwrite(data, 1, len, file) == len);
    REQUIRE(fclose(file) == 0);
}

static void
what_is_no_record_is_damage(void)
{
    static const uint8_t zeros[5000];
    struct lcp_store *s = NULL;

    scratch_clear();
    put_file(scratch("text"),
             "just some text that is no database at all, long enough..", 56);
    CHECK(lcp_store_sqlite_open(scratch("text"), false, &s) == LCP_ECORRUPT);
    CHECK(lcp_store_sqlite_open(scratch("text"), true, &s) == LCP_ECORRUPT);
    put_file(scratch("zeros"), zeros, sizeof(zeros));
    CHECK(lcp_store_sqlite_open(scratch("zeros"), false, &s) == LCP_ECORRUPT);
    CHECK(s == NULL);
    CHECK(lcp_store_sqlite_open(scratch("no/such/folder"), false, &s) != LCP_OK);
    CHECK(lcp_os_mkdir(scratch("folder")) == LCP_OK);
    CHECK(lcp_store_sqlite_open(scratch("folder"), false, &s) != LCP_OK);
    CHECK(lcp_store_sqlite_open(scratch("folder"), true, &s) != LCP_OK);
    CHECK(s == NULL);
}

/* Reads all there is through every kind of walk; whatever comes, it must be an answer.
 */
static void
use_all(struct lcp_store *s, unsigned *damaged)
{
    struct lcp_query all = {.state_max = 99}, out = {.dir = LCP_OUT, .state_max = 99};
    struct lcp_row row = incoming("probe", 7), found;
    struct lcp_store_counts counts;
    uint64_t number;
    bool more, moved;
    struct rows *r = calloc(1, sizeof(*r));

    REQUIRE(r != NULL);
#define TRY(call)                           \
    do {                                    \
        memset(r, 0, sizeof(*r));           \
        *damaged += (call) == LCP_ECORRUPT; \
    } while (0)
    TRY(s->ops->each(s, &all, rows_take, r));
    TRY(s->ops->each(s, &out, rows_take, r));
    TRY(s->ops->each_changed(s, 0, 1000, rows_take, r));
    TRY(s->ops->each_queued(s, "bob", 0, 99, 9999, &more, rows_take, r));
    TRY(s->ops->each_seen(s, 100, seen_take, r));
    TRY(s->ops->each_in_thread(s, 1, rows_take, r));
    TRY(s->ops->counts(s, &counts));
    TRY(s->ops->find_in(s, &row.key, "m-5", &found));
    TRY(s->ops->resolve(s, lcp_span_str("m-1000"), 3, &number));
    TRY(s->ops->begin(s));
    TRY(s->ops->add(s, &row, &number));
    TRY(lcp_store_set_state(s, LCP_IN, 3, LCP_IN_ARCHIVED, "x", 1, &moved));
    TRY(s->ops->purge(s, INT64_MAX, 5, &number));
    TRY(s->ops->commit(s));
#undef TRY
    s->ops->rollback(s);
    free(r);
}

static void
a_damaged_file_is_an_error_and_never_a_crash(void)
{
    enum { ROUNDS = 200 };
    struct lcp_store *s = open_and_begin();
    uint32_t random = 20240501;
    unsigned damaged = 0, refused = 0;
    char *good = NULL, *bad, id[32];
    size_t len = 0;

    for (int i = 0; i < 150; i++) {
        snprintf(id, sizeof(id), "m-%d", i);
        add(s, i % 3 == 0 ? outgoing(id, "bob") : incoming(id, 1));
    }
    CHECK(s->ops->commit(s) == LCP_OK);
    s->ops->close(s);
    REQUIRE(lcp_os_read_file(scratch("lcp.db"), 1 << 24, &good, &len) == LCP_OK);
    bad = malloc(len);
    REQUIRE(bad != NULL);
    for (int round = 0; round < ROUNDS; round++) {
        memcpy(bad, good, len);
        for (int hit = 0; hit < 1 + round % 40; hit++) {
            random = random * 1664525u + 1013904223u;
            bad[(random >> 8) % len] = (char)random;
        }
        scratch_clear();
        put_file(scratch("lcp.db"), bad,
                 round % 10 == 9 ? len / 2 + (size_t)round : len);
        s = NULL;
        if (lcp_store_sqlite_open(scratch("lcp.db"), round % 4 == 3, &s) != LCP_OK) {
            refused++;
            CHECK(s == NULL);
            continue;
        }
        use_all(s, &damaged);
        s->ops->close(s);
    }
    printf("damage: %d files, %u refused, %u calls said corrupt\n", ROUNDS, refused,
           damaged);
    CHECK(refused > 10 && damaged > 60);
    free(bad);
    free(good);
}

/* Opens as a user who may read and not write; root becomes nobody for it. */
static enum lcp_err
open_without_rights(bool read_only)
{
    enum { NOBODY = 65534 };
    struct lcp_store *s = NULL;
    int status = 0;
    pid_t pid;

    fflush(NULL);
    pid = fork();
    REQUIRE(pid >= 0);
    if (pid == 0) {
        enum lcp_err err;

        if (geteuid() == 0 && setuid(NOBODY) != 0)
            _exit(99);
        err = lcp_store_sqlite_open(scratch("lcp.db"), read_only, &s);
        if (err == LCP_OK)
            s->ops->close(s);
        _exit((int)err);
    }
    REQUIRE(waitpid(pid, &status, 0) == pid && WIFEXITED(status));
    return (enum lcp_err)WEXITSTATUS(status);
}

static void
what_may_not_be_touched_is_said_so(void)
{
    struct lcp_store *s = open_and_begin();

    add(s, incoming("a", 1));
    CHECK(s->ops->commit(s) == LCP_OK);
    s->ops->close(s);
    REQUIRE(chmod(scratch("lcp.db"), 0444) == 0 && chmod(scratch_path, 0555) == 0);
    CHECK(open_without_rights(false) == LCP_EPERM);
    CHECK(open_without_rights(true) == LCP_EPERM); /* it would need its -shm */
    REQUIRE(chmod(scratch("lcp.db"), 0) == 0);
    CHECK(open_without_rights(false) == LCP_EPERM);
    CHECK(open_without_rights(true) == LCP_EPERM);
    REQUIRE(chmod(scratch_path, 0700) == 0);
}

int
main(void)
{
    REQUIRE(lcp_crypto_init() == LCP_OK);
    scratch_make();
    contract_run((struct contract){open_sqlite, scratch_clear});
    files_are_for_their_owner_only();
    a_reader_needs_no_writer_but_a_record();
    a_reader_never_holds_the_writer_up();
    what_is_no_record_is_damage();
    what_may_not_be_touched_is_said_so();
    a_damaged_file_is_an_error_and_never_a_crash();
    CHECK(lcp_store_sqlite_version()[0] == '3');
    scratch_remove();
    return check_end("store sqlite");
}
