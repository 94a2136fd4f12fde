/* SPDX-License-Identifier: MIT
 *
 * A damaged record is noticed or is no worse for it: of one rich record, killed with
 * half of it in the log, a thousand copies are damaged (bits flipped, files cut,
 * emptied, missing, pages zeroed, swapped and filled with noise, logs of another day),
 * opened by the real store, read through every way of reading, written to, closed and
 * read again. An error is well, and so is the whole truth; anything else is a silent
 * lie.
 *
 *   test_damage [--seeds N] [--seed N]   (--seed: only that one, and what became of it)
 */
#define _POSIX_C_SOURCE 200809L /* mkdtemp */

#include <inttypes.h>
#include <stdarg.h>
#include <unistd.h>

#include "base/crypto.h"
#include "base/os.h"
#include "check.h"
#include "sim/random.h"
#include "store/store.h"

enum {
    PAGE = 4096,
    IMAGE_MAX = 4 << 20,
    DUMP_MAX = 8 << 20,
    ROWS = 90,
    PATH_MAX_BYTES = 256,
    SEEDS = 1000,
};

enum file { BASE, LOG, INDEX, MARK, FILES };
static const char *const suffixes[FILES] = {"", "-wal", "-shm", "-mark"};

struct image {
    char *data[FILES]; /* NULL: not there */
    size_t len[FILES];
};

struct dump {
    char *text;
    size_t len;
    enum lcp_err err; /* the first that any read gave */
    uint64_t numbers;
};

struct world {
    char folder[64], path[PATH_MAX_BYTES];
    struct image whole, earlier; /* as killed; as killed some batches before */
    struct dump truth, got;
};

enum verdict { HARMLESS, NOTICED, SILENT };
static const char *const verdict_names[] = {"harmless", "noticed", "SILENT"};

static size_t
below(struct sim_random *random, size_t n)
{
    return n == 0 ? 0 : (size_t)sim_random_in(random, 0, n - 1);
}

/* ---- the record ---- */

static void
path_of(const struct world *w, enum file file, char out[static PATH_MAX_BYTES])
{
    snprintf(out, PATH_MAX_BYTES, "%s%s", w->path, suffixes[file]);
}

static void
make_id(uint64_t i, char out[static 40])
{
    snprintf(out, 40, "%08" PRIx32 "-1111-4111-8111-0000%08" PRIx32,
             (uint32_t)(i * 2654435761u), (uint32_t)i);
}

static void
add_row(struct lcp_store *s, struct sim_random *random, uint64_t i)
{
    static char raw[16384];
    char id[40], reply[40];
    size_t len = 100 + below(random, i % 7 == 0 ? 12000 : 900);
    struct lcp_row row = {.dir = i % 2 ? LCP_IN : LCP_OUT,
                          .peer = i % 3 ? "AgentB" : "AgentC",
                          .type = i % 5 ? "chat" : "task",
                          .reason = "",
                          .wall_ms = 1700000000000 + (int64_t)i};
    struct lcp_change change = {.state = i % 2 ? LCP_IN_ARCHIVED : LCP_SENT_ACKED,
                                .wall_ms = 1700000000005 + (int64_t)i};
    uint64_t number;
    bool moved;

    make_id(i, id);
    make_id(i / 2, reply);
    row.wants_receipts = i % 5 == 0;
    row.id = id;
    row.reply_to = i % 4 ? "" : reply;
    memset(row.key.bytes, (int)(i % 3), sizeof(row.key.bytes));
    memset(row.digest, (int)i, sizeof(row.digest));
    row.expires_life_ms = row.dir == LCP_OUT ? 1000 * i : 0;
    for (size_t n = 0; n < len; n++)
        raw[n] = (char)('a' + below(random, 26));
    raw[0] = '{';
    raw[len - 1] = '}';
    row.raw = lcp_span(raw, len);
    if (s->ops->add(s, &row, &number) != LCP_OK)
        abort();
    if (i % 3 == 1 && s->ops->change(s, row.dir, number, &change, &moved) != LCP_OK)
        abort();
}

static void
add_rows(struct lcp_store *s, struct sim_random *random, uint64_t from, uint64_t to)
{
    struct lcp_key key = {{7}};

    for (uint64_t i = from; i < to; i += 5) {
        if (s->ops->begin(s) != LCP_OK)
            abort();
        for (uint64_t n = i; n < i + 5; n++)
            add_row(s, random, n);
        if (s->ops->meta_put(s, "life_ms", (int64_t)i * 1000) != LCP_OK ||
            s->ops->pin_put(s, i % 2 ? "AgentB" : "AgentC", &key, "trusted",
                            (int64_t)i) != LCP_OK ||
            s->ops->commit(s) != LCP_OK)
            abort();
    }
}

/* A promise that touches no message. */
static void
pause_one(struct lcp_store *s)
{
    struct lcp_store_peer peer = {.version = 2, .is_paused = true};

    if (s->ops->begin(s) != LCP_OK || s->ops->peer_put(s, "AgentC", &peer) != LCP_OK ||
        s->ops->commit(s) != LCP_OK)
        abort();
}

/* ---- files ---- */

static void
image_free(struct image *image)
{
    for (int i = 0; i < FILES; i++)
        free(image->data[i]);
    *image = (struct image){.data = {NULL}};
}

static void
image_load(const struct world *w, struct image *image)
{
    char path[PATH_MAX_BYTES];

    image_free(image);
    for (int i = 0; i < FILES; i++) {
        path_of(w, (enum file)i, path);
        if (lcp_os_exists(path) && lcp_os_read_file(path, IMAGE_MAX, &image->data[i],
                                                    &image->len[i]) != LCP_OK)
            abort();
    }
}

static void
image_copy(struct image *to, const struct image *from)
{
    for (int i = 0; i < FILES; i++) {
        to->len[i] = from->len[i];
        to->data[i] = from->data[i] != NULL ? malloc(IMAGE_MAX) : NULL;
        if (from->data[i] != NULL)
            memcpy(to->data[i], from->data[i], from->len[i]);
    }
}

static void
image_store(const struct world *w, const struct image *image)
{
    char path[PATH_MAX_BYTES];
    FILE *file;

    for (int i = 0; i < FILES; i++) {
        path_of(w, (enum file)i, path);
        (void)unlink(path);
        if (image->data[i] == NULL)
            continue;
        file = fopen(path, "wb");
        if (file == NULL ||
            fwrite(image->data[i], 1, image->len[i], file) != image->len[i])
            abort();
        fclose(file);
    }
}

/* ---- everything that can be read ---- */

static void
put(struct dump *d, const void *data, size_t len)
{
    if (d->len + len > DUMP_MAX)
        abort();
    if (len > 0)
        memcpy(d->text + d->len, data, len);
    d->len += len;
}

LCP_PRINTF(2, 3)
static void
print(struct dump *d, const char *format, ...)
{
    char line[1024];
    va_list args;
    int len;

    va_start(args, format);
    len = vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    put(d, line, (size_t)len);
}

static void
note(struct dump *d, enum lcp_err err)
{
    if (err != LCP_OK && err != LCP_ENOTFOUND && d->err == LCP_OK)
        d->err = err;
    print(d, "=%d\n", err);
}

static bool
put_row(void *ctx, const struct lcp_row *r)
{
    struct dump *d = ctx;

    print(d,
          "%" PRIu64 " %" PRIu64 " %d %d %s %s %s %s %s %s %" PRId64 " %" PRId64
          " %d %" PRIu64,
          r->number, r->changed, r->dir, r->state, r->peer, r->id, r->type, r->reply_to,
          r->reason, r->file, r->wall_ms, r->state_wall_ms, r->was_transmitted,
          r->expires_life_ms);
    put(d, r->key.bytes, sizeof(r->key.bytes));
    put(d, r->digest, sizeof(r->digest));
    put(d, r->raw.data, r->raw.len);
    print(d, "\n");
    return true;
}

static bool
put_id(void *ctx, const char *id)
{
    print(ctx, "%s\n", id);
    return true;
}

static void
read_listings(struct lcp_store *s, struct dump *d)
{
    struct lcp_query pending = {.dir = LCP_IN, .state_max = 10},
                     all_in = {.dir = LCP_IN, .state_max = 99},
                     all_out = {.dir = LCP_OUT, .state_max = 99, .newest_first = true};
    static const char *const peers[] = {"AgentB", "AgentC"};
    bool more;

    note(d, s->ops->each(s, &pending, put_row, d));
    note(d, s->ops->each(s, &all_in, put_row, d));
    note(d, s->ops->each(s, &all_out, put_row, d));
    note(d, s->ops->each_changed(s, 0, 1000, put_row, d));
    note(d, s->ops->each_seen(s, 1000, put_id, d));
    note(d, s->ops->each_expired(s, 50000, 1000, put_row, d));
    for (size_t i = 0; i < COUNT_OF(peers); i++) {
        struct lcp_key key = {{0}};
        char how[32] = "";
        struct lcp_store_peer peer = {0};
        int64_t wall_ms = 0;
        uint64_t count = 0;

        note(d, s->ops->each_queued(s, peers[i], 0, 1000, 1 << 30, &more, put_row, d));
        note(d, s->ops->queued_to(s, peers[i], &count));
        note(d, s->ops->pin_get(s, peers[i], &key, how, &wall_ms));
        note(d, s->ops->each_owed(s, peers[i], 1000, put_row, d));
        note(d, s->ops->peer_get(s, peers[i], &peer));
        put(d, key.bytes, sizeof(key.bytes));
        print(d, "%" PRIu64 " %s %" PRId64 " %d %d\n", count, how, wall_ms,
              peer.version, peer.is_paused);
    }
}

static void
read_all(struct lcp_store *s, struct dump *d)
{
    struct lcp_store_counts counts = {0};
    int64_t life = 0;
    uint64_t expiry = 0;

    d->len = 0;
    d->err = LCP_OK;
    read_listings(s, d);
    note(d, s->ops->counts(s, &counts));
    note(d, s->ops->next_expiry(s, &expiry));
    note(d, s->ops->meta_get(s, "life_ms", &life));
    print(d,
          "%" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRId64 "\n",
          counts.inbox, counts.unhanded, counts.queued, counts.total, expiry, life);
    for (uint64_t i = 0; i < ROWS; i++) {
        struct lcp_row row = {.number = 0};
        struct lcp_key key;
        uint64_t number = 0;
        char id[40];

        make_id(i, id);
        memset(key.bytes, (int)(i % 3), sizeof(key.bytes));
        note(d, i % 2 ? s->ops->find_in(s, &key, id, &row)
                      : s->ops->find_out(s, id, &row));
        note(d, s->ops->resolve(s, lcp_span_str(id), 3, &number));
        note(d, s->ops->get(s, i + 1, put_row, d));
        print(d, "%" PRIu64 " %d %" PRIu64 "\n", row.number, row.state, number);
    }
}

static bool
is_true(const struct world *w, const struct dump *d)
{
    return d->len == w->truth.len && memcmp(d->text, w->truth.text, d->len) == 0;
}

/* ---- what happens to it ---- */

static void
flip(struct image *image, enum file file, struct sim_random *random, size_t bits)
{
    for (size_t i = 0; image->len[file] > 0 && i < bits; i++)
        image->data[file][below(random, image->len[file])] ^=
            (char)(1 << below(random, 8));
}

static char *
a_page(struct image *image, struct sim_random *random)
{
    return image->data[BASE] + below(random, image->len[BASE] / PAGE) * PAGE;
}

static void
drop(struct image *image, enum file file)
{
    free(image->data[file]);
    image->data[file] = NULL;
    image->len[file] = 0;
}

static void
replace(struct image *image, enum file file, const struct image *by)
{
    image->len[file] = by->len[file];
    memcpy(image->data[file], by->data[file], by->len[file]);
}

static const char *
damage_pages(struct image *image, struct sim_random *random)
{
    char *page = a_page(image, random), *other = a_page(image, random), swap[PAGE];

    switch (below(random, 4)) {
    case 0:
        memset(page, 0, PAGE);
        return "a page of zeros";
    case 1:
        for (size_t i = 0; i < PAGE; i++)
            page[i] = (char)below(random, 256);
        return "a page of noise";
    case 2:
        memcpy(page, other, page == other ? 0 : PAGE);
        return "a page written over another";
    default:
        memcpy(swap, page, PAGE);
        memmove(page, other, PAGE);
        memcpy(other, swap, PAGE);
        return "two pages swapped";
    }
}

static const char *
damage_log(struct image *image, const struct image *earlier, struct sim_random *random)
{
    switch (below(random, 6)) {
    case 0:
        flip(image, LOG, random, 1);
        return "a bit of the log flipped";
    case 1:
        flip(image, LOG, random, 2 + below(random, 60));
        return "many bits of the log flipped";
    case 2:
        image->len[LOG] = below(random, image->len[LOG]);
        return "the log cut";
    case 3:
        image->len[LOG] = 0;
        return "the log empty";
    case 4:
        drop(image, LOG);
        return "the log gone";
    default:
        replace(image, LOG, earlier);
        return "the log of an earlier day";
    }
}

static const char *
damage_base(struct image *image, const struct image *earlier, struct sim_random *random)
{
    switch (below(random, 7)) {
    case 0:
        image->len[BASE] = below(random, image->len[BASE]);
        return "the database cut";
    case 1:
        image->len[BASE] = 0;
        return "the database empty";
    case 2:
        image->len[BASE] = 0;
        drop(image, LOG);
        return "the database empty, the log gone";
    case 3:
        drop(image, BASE);
        drop(image, LOG);
        return "database and log gone";
    case 4:
        for (size_t i = 0; i < 100; i++)
            image->data[BASE][i] = (char)below(random, 256);
        return "a header of noise";
    case 5:
        replace(image, BASE, earlier);
        replace(image, LOG, earlier);
        return "database and log of an earlier day";
    default:
        memset(image->data[BASE] + image->len[BASE], 0x5a, PAGE);
        image->len[BASE] += PAGE;
        return "a page too many";
    }
}

static const char *
damage(const struct world *w, struct image *image, struct sim_random *random)
{
    switch (below(random, 10)) {
    case 0:
    case 1:
    case 2:
        flip(image, BASE, random, 1);
        return "a bit of the database flipped";
    case 3:
        flip(image, BASE, random, 2 + below(random, 60));
        return "many bits of the database flipped";
    case 4:
    case 5:
        return damage_pages(image, random);
    case 6:
    case 7:
        return damage_log(image, &w->earlier, random);
    case 8:
        return damage_base(image, &w->earlier, random);
    default:
        if (image->data[INDEX] != NULL)
            flip(image, INDEX, random, 64);
        return "the log's index damaged";
    }
}

/* ---- what becomes of it ---- */

static bool
is_word(enum lcp_err err)
{
    return err == LCP_ECORRUPT || err == LCP_EIO || err == LCP_EVERSION ||
           err == LCP_ELOST;
}

/* One more message and a checkpoint, as the daemon would. */
static enum lcp_err
write_more(struct lcp_store *s, struct sim_random *random)
{
    enum lcp_err err = s->ops->begin(s);

    if (err == LCP_OK) {
        err = s->ops->meta_put(s, "life_wall_ms", (int64_t)below(random, 1000));
        err = err == LCP_OK ? s->ops->commit(s) : err;
        if (err != LCP_OK)
            s->ops->rollback(s);
    }
    if (err == LCP_OK)
        err = s->ops->checkpoint(s, true);
    return err;
}

static enum verdict
open_and_read(struct world *w, bool and_write, struct sim_random *random)
{
    struct lcp_store *s = NULL;
    enum lcp_err err = lcp_store_sqlite_open(w->path, false, &s);
    enum verdict verdict;

    if (err != LCP_OK)
        return is_word(err) ? NOTICED : SILENT;
    read_all(s, &w->got);
    if (w->got.err != LCP_OK)
        verdict = is_word(w->got.err) ? NOTICED : SILENT;
    else
        verdict = is_true(w, &w->got) ? HARMLESS : SILENT;
    if (and_write && verdict == HARMLESS && (err = write_more(s, random)) != LCP_OK)
        verdict = is_word(err) ? NOTICED : SILENT;
    s->ops->close(s);
    return verdict;
}

static enum verdict
live(struct world *w, uint64_t seed, const char **what)
{
    struct sim_random random = sim_random_stream(seed, 1);
    struct image image;
    enum verdict verdict;

    image_copy(&image, &w->whole);
    *what = damage(w, &image, &random);
    image_store(w, &image);
    verdict = open_and_read(w, true, &random);
    if (verdict == HARMLESS)
        verdict = open_and_read(w, false, &random);
    image_free(&image);
    return verdict;
}

static void
build(struct world *w)
{
    struct sim_random random = sim_random_stream(42, 0);
    struct lcp_store *s = NULL;

    if (lcp_store_sqlite_open(w->path, false, &s) != LCP_OK)
        abort();
    add_rows(s, &random, 0, 30);
    image_load(w, &w->earlier);
    add_rows(s, &random, 30, 60);
    if (s->ops->checkpoint(s, true) != LCP_OK)
        abort();
    add_rows(s, &random, 60, ROWS);
    pause_one(s);
    image_load(w, &w->whole);
    read_all(s, &w->truth);
    if (w->truth.err != LCP_OK)
        abort();
    s->ops->close(s);
}

/* Counts what became of each kind of damage. */
struct tally {
    const char *what;
    unsigned counts[3];
};

static void
count(struct tally *tallies, const char *what, enum verdict verdict)
{
    while (tallies->what != NULL && strcmp(tallies->what, what) != 0)
        tallies++;
    tallies->what = what;
    tallies->counts[verdict]++;
}

static uint64_t
argument(int argc, char **argv, const char *name, uint64_t absent)
{
    for (int i = 1; i + 1 < argc; i++) {
        if (strcmp(argv[i], name) == 0)
            return strtoull(argv[i + 1], NULL, 10);
    }
    return absent;
}

static void
run(struct world *w, uint64_t first, uint64_t seeds)
{
    struct tally tallies[64] = {{.what = NULL}};

    for (uint64_t seed = first; seed < first + seeds; seed++) {
        const char *what;
        enum verdict verdict = live(w, seed, &what);

        count(tallies, what, verdict);
        if (verdict == SILENT || seeds == 1)
            fprintf(stderr, "seed %" PRIu64 ": %s: %s\n", seed, what,
                    verdict_names[verdict]);
        check_that(verdict != SILENT, what, "noticed or harmless", __FILE__, __LINE__);
    }
    for (struct tally *t = tallies; t->what != NULL; t++)
        printf("%-36s %4u noticed %4u harmless %4u silent\n", t->what,
               t->counts[NOTICED], t->counts[HARMLESS], t->counts[SILENT]);
}

int
main(int argc, char **argv)
{
    struct world w = {.folder = "/tmp/lcp-damage-XXXXXX"};
    uint64_t seed = argument(argc, argv, "--seed", 0);
    char path[PATH_MAX_BYTES];

    if (mkdtemp(w.folder) == NULL)
        return 1;
    snprintf(w.path, sizeof(w.path), "%s/lcp.db", w.folder);
    w.truth.text = malloc(DUMP_MAX);
    w.got.text = malloc(DUMP_MAX);
    build(&w);
    run(&w, seed != 0 ? seed : 1,
        seed != 0 ? 1 : argument(argc, argv, "--seeds", SEEDS));
    for (int i = 0; i < FILES; i++) {
        path_of(&w, (enum file)i, path);
        (void)unlink(path);
    }
    (void)rmdir(w.folder);
    image_free(&w.whole);
    image_free(&w.earlier);
    free(w.truth.text);
    free(w.got.text);
    return check_end("damage");
}
