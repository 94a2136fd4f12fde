/* SPDX-License-Identifier: MIT
 *
 * What the record in SQLite costs: durable commits, batches, and the reads that must
 * not grow with history. Links lcp_store.
 *
 *     bench_store FOLDER [ROWS]      the folder decides which disk is measured
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/os.h"
#include "store/store.h"

enum { BATCH = 64, ALONE = 500, BATCHES = 300, LOOKUPS = 20000, RAW_BYTES = 400 };

static char raw[RAW_BYTES];

static double
seconds(void)
{
    struct timespec t;

    timespec_get(&t, TIME_UTC);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void
must(enum lcp_err err, const char *what)
{
    if (err == LCP_OK)
        return;
    fprintf(stderr, "bench_store: %s failed with %d\n", what, (int)err);
    exit(1);
}

/* Random version 4 ids, as the node makes them: the index meets no order. */
static void
make_id(uint64_t n, char out[static LCP_UUID_CHARS + 1])
{
    uint64_t a = (n + 1) * UINT64_C(0x9e3779b97f4a7c15), b;

    a = (a ^ (a >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    b = (a ^ (a >> 27)) * UINT64_C(0x94d049bb133111eb);
    snprintf(out, LCP_UUID_CHARS + 1, "%08x-%04x-4%03x-8%03x-%012llx",
             (unsigned)(a >> 32), (unsigned)(a & 0xffff), (unsigned)(b & 0xfff),
             (unsigned)((b >> 12) & 0xfff),
             (unsigned long long)(b >> 16) & 0xffffffffffff);
}

/* Mail of LCP/1.2: it wants receipts, and what we send has a digest to be named by. */
static void
add(struct lcp_store *s, uint64_t n, enum lcp_direction dir, int state)
{
    char id[LCP_UUID_CHARS + 1];
    struct lcp_row row = {.dir = dir,
                          .wants_receipts = true,
                          .canon_digest = {1},
                          .state = state,
                          .peer = "AgentB",
                          .key = {.bytes = {1}},
                          .id = id,
                          .type = "chat",
                          .raw = lcp_span(raw, sizeof(raw)),
                          .wall_ms = (int64_t)n};
    uint64_t number;

    make_id(n, id);
    must(s->ops->add(s, &row, &number), "add");
}

/* Commits of `size` rows each; returns rows a second and the slowest commit. */
static void
measure_commits(struct lcp_store *s, const char *what, unsigned commits, unsigned size,
                uint64_t *n)
{
    double began = seconds(), worst = 0;

    for (unsigned i = 0; i < commits; i++) {
        double at = seconds();

        must(s->ops->begin(s), "begin");
        for (unsigned k = 0; k < size; k++)
            add(s, (*n)++, LCP_IN, LCP_IN_STORED);
        must(s->ops->commit(s), "commit");
        must(s->ops->checkpoint(s, false), "checkpoint");
        at = seconds() - at;
        worst = at > worst ? at : worst;
    }
    began = seconds() - began;
    printf("%-34s %9.0f commits/s %9.0f rows/s  %6.2f ms each, worst %.1f ms\n", what,
           commits / began, commits * size / began, 1e3 * began / commits, 1e3 * worst);
}

/* History: archived mail, and every eighth row a settled message of ours. */
static void
fill(struct lcp_store *s, uint64_t rows, uint64_t *n)
{
    double began = seconds();
    uint64_t first = *n;

    while (*n < first + rows) {
        must(s->ops->begin(s), "begin");
        for (int i = 0; i < 10000; i++, ++*n)
            add(s, *n, *n % 8 == 0 ? LCP_OUT : LCP_IN,
                *n % 8 == 0 ? (int)LCP_SENT_ACKED : (int)LCP_IN_ARCHIVED);
        must(s->ops->commit(s), "commit");
        must(s->ops->checkpoint(s, false), "checkpoint");
    }
    must(s->ops->checkpoint(s, true), "checkpoint");
    printf("%-34s %9.0f rows/s\n", "history, batches of 10,000",
           (double)rows / (seconds() - began));
}

/* All that is pending is done with: what `lcp done --all` costs. */
static void
archive_all(struct lcp_store *s, uint64_t first, uint64_t last)
{
    double began = seconds();
    bool moved;

    must(s->ops->begin(s), "begin");
    for (uint64_t number = first; number <= last; number++)
        must(lcp_store_set_state(s, LCP_IN, number, LCP_IN_ARCHIVED, NULL, 1, &moved),
             "set_state");
    must(s->ops->commit(s), "commit");
    must(s->ops->checkpoint(s, false), "checkpoint");
    printf("%-34s %9.0f rows/s\n", "archiving, one batch",
           (double)(last - first + 1) / (seconds() - began));
}

/* And its senders hear of it. */
static void
tell_all(struct lcp_store *s, uint64_t first, uint64_t last)
{
    double began = seconds();

    must(s->ops->begin(s), "begin");
    for (uint64_t number = first; number <= last; number++)
        must(s->ops->set_told(s, number, LCP_IN_ARCHIVED), "set_told");
    must(s->ops->commit(s), "commit");
    must(s->ops->checkpoint(s, false), "checkpoint");
    printf("%-34s %9.0f rows/s\n", "words told, one batch",
           (double)(last - first + 1) / (seconds() - began));
}

static bool
count_row(void *ctx, const struct lcp_row *row)
{
    uint64_t *count = ctx;

    *count += row->number != 0;
    return true;
}

static void
measure_find(struct lcp_store *s, uint64_t rows, bool is_there)
{
    struct lcp_key key = {.bytes = {1}};
    struct lcp_row row;
    char id[LCP_UUID_CHARS + 1];
    double began = seconds();
    unsigned found = 0;

    for (uint64_t i = 0; i < LOOKUPS; i++) {
        make_id(is_there ? i * 7919 % rows : rows * 10 + i, id);
        found += s->ops->find_in(s, &key, id, &row) == LCP_OK;
    }
    began = seconds() - began;
    printf("%-34s %9.2f us each (%u of %d found)\n",
           is_there ? "find_in, known" : "find_in, unknown", 1e6 * began / LOOKUPS,
           found, (int)LOOKUPS);
}

static void
measure_reads(struct lcp_store *s)
{
    struct lcp_store_counts c;
    struct lcp_store_usage usage;
    struct lcp_query pending = {.state_max = LCP_IN_HANDED, .limit = 100};
    struct lcp_query sent = {
        .dir = LCP_OUT, .state_max = 99, .limit = 100, .newest_first = true};
    struct lcp_query unsent = {.dir = LCP_OUT, .limit = 100, .newest_first = true};
    uint64_t value = 0, rows = 0;
    double at;
    bool more;

#define MEASURE(what, times, call)                                            \
    do {                                                                      \
        rows = 0;                                                             \
        at = seconds();                                                       \
        for (int i = 0; i < (times); i++)                                     \
            must(call, what);                                                 \
        at = seconds() - at;                                                  \
        printf("%-34s %9.2f us each (%llu rows)\n", what, 1e6 * at / (times), \
               (unsigned long long)rows / (times));                           \
    } while (0)
    MEASURE("counts", 1000, s->ops->counts(s, &c));
    printf("    inbox %llu, queued %llu, total %llu\n", (unsigned long long)c.inbox,
           (unsigned long long)c.queued, (unsigned long long)c.total);
    MEASURE("each_queued, 8", 1000,
            s->ops->each_queued(s, "AgentB", 0, 8, 1 << 20, &more, count_row, &rows));
    MEASURE("each_owed, 30", 1000,
            s->ops->each_owed(s, "AgentB", 30, count_row, &rows));
    MEASURE("usage", 1000, s->ops->usage(s, "AgentB", &usage));
    MEASURE("queued_to", 100, s->ops->queued_to(s, "AgentB", &value));
    MEASURE("next_expiry", 1000, s->ops->next_expiry(s, &value));
    MEASURE("pending mail, page of 100", 100,
            s->ops->each(s, &pending, count_row, &rows));
    MEASURE("sent, newest 100", 100, s->ops->each(s, &sent, count_row, &rows));
    MEASURE("queued, newest 100", 100, s->ops->each(s, &unsent, count_row, &rows));
    MEASURE("newest 100 changes", 100,
            s->ops->each_changed(s, s->ops->changed(s) - 100, 100, count_row, &rows));
    MEASURE("resolve a beginning", 1000,
            s->ops->resolve(s, lcp_span_str("ffffffff"), 3, &value) == LCP_EAMBIGUOUS
                ? LCP_EAMBIGUOUS
                : LCP_OK);
#undef MEASURE
}

int
main(int argc, char **argv)
{
    uint64_t rows = argc > 2 ? strtoull(argv[2], NULL, 10) : 1000000, n = 0, kept;
    struct lcp_store *s = NULL, *reader = NULL;
    struct lcp_store_counts c;
    char path[LCP_PATH_MAX];
    double at;

    if (argc < 2 || lcp_crypto_init() != LCP_OK ||
        lcp_path_join(path, sizeof(path), argv[1], "bench_store.db") != LCP_OK) {
        fprintf(stderr, "usage: bench_store FOLDER [ROWS]\n");
        return 2;
    }
    memset(raw, 'x', sizeof(raw));
    if (lcp_os_exists(path)) {
        fprintf(stderr, "bench_store: %s is there already\n", path);
        return 1;
    }
    must(lcp_store_sqlite_open(path, false, &s), "open");
    measure_commits(s, "empty record, one row a commit", ALONE, 1, &n);
    measure_commits(s, "empty record, batches of 64", BATCHES, BATCH, &n);
    archive_all(s, 1, n);
    tell_all(s, 1, n);
    fill(s, rows, &n);
    kept = n;
    measure_commits(s, "full record, one row a commit", ALONE, 1, &n);
    measure_commits(s, "full record, batches of 64", BATCHES, BATCH, &n);
    archive_all(s, kept + 1, n - 100);
    must(s->ops->begin(s), "begin");
    for (int i = 0; i < 1000; i++)
        add(s, n++, LCP_OUT, LCP_SENT_QUEUED);
    must(s->ops->commit(s), "commit");
    at = seconds();
    must(lcp_store_sqlite_open(path, true, &reader), "open");
    printf("%-34s %9.2f ms\n", "a reader opens", 1e3 * (seconds() - at));
    measure_find(reader, n, true);
    measure_find(reader, n, false);
    measure_reads(reader);
    reader->ops->close(reader);
    at = seconds();
    s->ops->close(s);
    printf("%-34s %9.2f ms\n", "the writer closes", 1e3 * (seconds() - at));
    at = seconds();
    must(lcp_store_sqlite_open(path, false, &s), "open");
    must(s->ops->counts(s, &c), "counts");
    printf("%-34s %9.2f ms\n", "the next start: open, counts", 1e3 * (seconds() - at));
    s->ops->close(s);
    must(lcp_os_remove(path), "remove");
    return 0;
}
