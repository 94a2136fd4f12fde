/* SPDX-License-Identifier: MIT
 *
 * The two stores as models of each other: the same random batches, with rollbacks,
 * crashes and kill -9 in between, must give the same answers. LCP_SEED chooses another
 * course.
 */
#include "unit/store/scratch.h"

#include "unit/store/fault_vfs.h"

#include <signal.h>
#include <stdarg.h>
#include <sys/wait.h>

#include "store/store.h"

enum {
    SEQUENCES = 10000, /* batches beside each other */
    LIFE = 250,        /* of these until both begin with an empty record */
    KILLS = 60,
    DUMP_MAX = 1 << 21,
};

static uint64_t seed;

/* splitmix64 */
static uint64_t
draw(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static unsigned
pick(uint64_t *state, unsigned below)
{
    return (unsigned)(draw(state) % below);
}

struct text {
    char *at;
    size_t len;
};

static void put(struct text *t, const char *format, ...) LCP_PRINTF(2, 3);

static void
put(struct text *t, const char *format, ...)
{
    va_list args;
    int n;

    va_start(args, format);
    n = vsnprintf(t->at + t->len, DUMP_MAX - t->len, format, args);
    va_end(args);
    REQUIRE(n >= 0 && t->len + (size_t)n < DUMP_MAX);
    t->len += (size_t)n;
}

static bool
put_row(void *ctx, const struct lcp_row *r)
{
    put(ctx,
        "%llu/%llu d%d s%d %s k%d %s %s >%s '%s' '%s' %s %.*s %.*s %d %d %lld %lld %d "
        "%d"
        " %d %llu\n",
        (unsigned long long)r->number, (unsigned long long)r->changed, (int)r->dir,
        r->state, r->peer, r->key.bytes[0], r->id, r->type, r->reply_to, r->reason,
        r->detail, r->file, (int)r->evidence.len,
        r->evidence.len ? (const char *)r->evidence.data : "", (int)r->raw.len,
        r->raw.len ? (const char *)r->raw.data : "", r->digest[0], r->canon_digest[0],
        (long long)r->wall_ms, (long long)r->state_wall_ms, r->was_transmitted,
        r->wants_receipts, r->owes, (unsigned long long)r->expires_life_ms);
    return true;
}

static bool
put_number(void *ctx, const struct lcp_row *row)
{
    put(ctx, " %llu", (unsigned long long)row->number);
    return true;
}

static bool
put_id(void *ctx, const char *id)
{
    put(ctx, " %s", id);
    return true;
}

static const char *const peers[] = {"bob", "carol", "dora"};
static const char *const types[] = {"chat", "task", "result"};
static const int in_states[] = {LCP_IN_STORED,   LCP_IN_HANDED,  LCP_IN_ARCHIVED,
                                LCP_IN_CONSUMED, LCP_IN_REFUSED, LCP_IN_HELD};
static const int out_states[] = {LCP_SENT_QUEUED,    LCP_SENT_CANCEL_REQUESTED,
                                 LCP_SENT_CANCELLED, LCP_SENT_EXPIRED,
                                 LCP_SENT_ACKED,     LCP_SENT_HELD,
                                 LCP_SENT_STORED,    LCP_SENT_READ,
                                 LCP_SENT_DONE,      LCP_SENT_REFUSED};

static void
draw_id(uint64_t *state, char out[static 48])
{
    static const char *const forms[] = {"id-", "long-common-beginning-",
                                        "0b9f3f0e-6d0c-4c4e-9a1f-0123456789", ""};
    const char *form = forms[pick(state, 4)];

    snprintf(out, 48, "%s%02u", form, pick(state, 60));
}

static void
do_add(struct lcp_store *s, uint64_t *random, struct text *log)
{
    char id[48], reply_to[48], raw[64];
    struct lcp_row row = {.id = id};
    uint64_t number = 0;
    enum lcp_err err;

    draw_id(random, id);
    draw_id(random, reply_to);
    snprintf(raw, sizeof(raw), "{\"n\":%u}", pick(random, 1000000));
    row.dir = pick(random, 2) ? LCP_OUT : LCP_IN;
    row.state = row.dir == LCP_IN && pick(random, 2) ? in_states[3 + pick(random, 3)]
                                                     : 0;
    row.wants_receipts = pick(random, 3) != 0;
    row.owes = pick(random, 3) == 0;
    row.detail = pick(random, 5) == 0 ? "at length" : NULL;
    row.canon_digest[0] = (uint8_t)pick(random, 256);
    row.peer = peers[pick(random, 3)];
    row.type = types[pick(random, 3)];
    row.reply_to = pick(random, 3) ? "" : reply_to;
    row.key.bytes[0] = (uint8_t)(1 + pick(random, 3));
    row.digest[0] = (uint8_t)pick(random, 256);
    row.raw = lcp_span(raw, pick(random, 9) == 0 ? 0 : strlen(raw));
    row.wall_ms = pick(random, 1000);
    row.expires_life_ms = pick(random, 2) ? pick(random, 1000) : 0;
    err = s->ops->add(s, &row, &number);
    put(log, "add %s %d #%llu\n", id, (int)err, (unsigned long long)number);
}

static void
do_change(struct lcp_store *s, uint64_t *random, uint64_t numbers, struct text *log)
{
    uint64_t number = 1 + pick(random, (unsigned)numbers + 2);
    enum lcp_direction dir = pick(random, 2) ? LCP_OUT : LCP_IN;
    int state = dir == LCP_IN ? in_states[pick(random, 6)]
                              : out_states[pick(random, 10)];
    static const uint8_t canon[LCP_DIGEST_BYTES] = {0xca};
    struct lcp_key key = {.bytes = {77}};
    struct lcp_change change = {0};
    bool moved = false;
    enum lcp_err err;

    switch (pick(random, 6)) {
    case 0:
        err = s->ops->set_transmitted(s, number);
        break;
    case 1:
        err = s->ops->resign(s, number, lcp_span_str("{\"anew\":true}"), &key, canon);
        break;
    case 2:
        err = s->ops->set_told(s, number, in_states[pick(random, 6)]);
        break;
    default:
        change.state = state;
        change.reason = pick(random, 2) ? "why" : NULL;
        change.detail = pick(random, 4) ? NULL : "for that";
        change.evidence = lcp_span("receipt", pick(random, 2) * (4 + pick(random, 3)));
        change.wall_ms = pick(random, 1000);
        change.told = pick(random, 3) == 0;
        err = s->ops->change(s, dir, number, &change, &moved);
        break;
    }
    put(log, "change #%llu %d %d\n", (unsigned long long)number, (int)err, moved);
}

static void
do_side(struct lcp_store *s, uint64_t *random, struct text *log)
{
    char id[48];
    struct lcp_key key = {.bytes = {(uint8_t)(1 + pick(random, 9))}};
    const char *name = peers[pick(random, 3)];
    struct lcp_store_peer peer;
    struct lcp_audit audit = {0, 5, "uid 1000", "release", id};
    uint64_t purged = 0;
    enum lcp_err err = LCP_OK;

    draw_id(random, id);
    peer.version = pick(random, 2) ? LCP_VERSION_1_2 : 0;
    peer.is_paused = pick(random, 2) == 0;
    peer.rate_life_ms = pick(random, 100);
    switch (pick(random, 8)) {
    case 0:
        err = s->ops->pin_put(s, name, &key, "trusted", pick(random, 100));
        break;
    case 1:
        err = s->ops->pin_del(s, name);
        break;
    case 2:
        err = s->ops->meta_put(s, types[pick(random, 3)], pick(random, 100));
        break;
    case 3:
        err = s->ops->add_seen_any(s, id);
        break;
    case 4:
        err = s->ops->peer_put(s, pick(random, 9) ? name : "", &peer);
        break;
    case 5:
        err = s->ops->peer_del(s, pick(random, 2) ? name : "");
        break;
    case 6:
        err = s->ops->audit_add(s, &audit);
        break;
    default:
        err = s->ops->purge(s, pick(random, 500), pick(random, 4), &purged);
        break;
    }
    put(log, "side %d %llu\n", (int)err, (unsigned long long)purged);
}

static void
do_look(struct lcp_store *s, uint64_t *random, struct text *log)
{
    struct lcp_key key = {.bytes = {(uint8_t)(1 + pick(random, 3))}};
    struct lcp_row in = {0}, out = {0};
    uint64_t number = 0;
    char id[48];
    enum lcp_err found_in, found_out, resolved;

    draw_id(random, id);
    found_in = s->ops->find_in(s, &key, id, &in);
    found_out = s->ops->find_out(s, id, &out);
    id[2 + pick(random, 40)] = '\0'; /* a beginning of it, or all */
    resolved = s->ops->resolve(s, lcp_span_str(id), 1 + pick(random, 3), &number);
    put(log, "look %s %d %llu %d %d, %d %llu %d %s %d %d, %d %llu\n", id, (int)found_in,
        (unsigned long long)in.number, in.state, in.digest[0], (int)found_out,
        (unsigned long long)out.number, out.state, out.peer != NULL ? out.peer : "",
        out.canon_digest[0], out.was_transmitted, (int)resolved,
        (unsigned long long)number);
}

/* One batch's operations, the same for the same number whatever the store says. */
static void
do_batch(struct lcp_store *s, uint64_t batch, uint64_t age, struct text *log)
{
    uint64_t random = seed ^ (batch * UINT64_C(0x2545f4914f6cdd1d));
    unsigned count = 1 + pick(&random, 6);

    for (unsigned i = 0; i < count; i++) {
        switch (pick(&random, 8)) {
        case 0:
        case 1:
        case 2:
            do_add(s, &random, log);
            break;
        case 3:
        case 4:
        case 5:
            do_change(s, &random, 10 + age / 2, log);
            break;
        case 6:
            do_side(s, &random, log);
            break;
        default:
            do_look(s, &random, log);
            break;
        }
    }
}

static bool
put_audit(void *ctx, const struct lcp_audit *audit)
{
    put(ctx, " %llu %s", (unsigned long long)audit->number, audit->detail);
    return true;
}

static void
dump_peer(struct lcp_store *s, const char *name, uint64_t after, struct text *t)
{
    struct lcp_store_usage usage = {0};
    struct lcp_store_peer peer = {0};
    struct lcp_key key = {{0}};
    char how[32] = "";
    int64_t at = 0;
    uint64_t queued = 0;
    bool more = false;
    enum lcp_err pinned = s->ops->pin_get(s, name, &key, how, &at);

    REQUIRE(s->ops->queued_to(s, name, &queued) == LCP_OK);
    put(t, "\n%s %d %d %s %lld queued %llu:", name, (int)pinned, key.bytes[0], how,
        (long long)at, (unsigned long long)queued);
    REQUIRE(s->ops->each_queued(s, name, after, 6, 60, &more, put_number, t) == LCP_OK);
    REQUIRE(s->ops->usage(s, name, &usage) == LCP_OK);
    REQUIRE(s->ops->peer_get(s, name, &peer) == LCP_OK);
    put(t, "%s usage %llu %llu version %d %d %llu owed:", more ? " more" : "",
        (unsigned long long)usage.messages, (unsigned long long)usage.bytes,
        peer.version, peer.is_paused, (unsigned long long)peer.rate_life_ms);
    REQUIRE(s->ops->each_owed(s, name, 30, put_number, t) == LCP_OK);
}

/* Everything a store says about its record. */
static void
dump(struct lcp_store *s, struct text *t)
{
    struct lcp_store_counts c = {0};
    uint64_t value = 0;

    for (int dir = LCP_IN; dir <= LCP_OUT; dir++) {
        struct lcp_query q = {
            .dir = (enum lcp_direction)dir, .state_min = LCP_IN_HELD, .state_max = 99};

        REQUIRE(s->ops->each(s, &q, put_row, t) == LCP_OK);
        q.newest_first = q.without_paused = true;
        REQUIRE(s->ops->each(s, &q, put_number, t) == LCP_OK);
        q.state_max = dir == LCP_IN ? (int)LCP_IN_HANDED : (int)LCP_SENT_QUEUED;
        REQUIRE(s->ops->each(s, &q, put_number, t) == LCP_OK);
    }
    put(t, "\nchanged %llu:", (unsigned long long)s->ops->changed(s));
    REQUIRE(s->ops->each_changed(s, 0, 100000, put_number, t) == LCP_OK);
    put(t, "\nseen:");
    REQUIRE(s->ops->each_seen(s, 50, put_id, t) == LCP_OK);
    REQUIRE(s->ops->each_creditor(s, put_id, t) == LCP_OK);
    REQUIRE(s->ops->each_paused(s, put_id, t) == LCP_OK);
    REQUIRE(s->ops->each_audit(s, 20, put_audit, t) == LCP_OK);
    REQUIRE(s->ops->counts(s, &c) == LCP_OK);
    put(t, "\n%llu %llu %llu %llu %llu", (unsigned long long)c.inbox,
        (unsigned long long)c.unhanded, (unsigned long long)c.held,
        (unsigned long long)c.queued, (unsigned long long)c.total);
    REQUIRE(s->ops->next_expiry(s, &value) == LCP_OK);
    put(t, " next %llu:", (unsigned long long)value);
    REQUIRE(s->ops->each_expired(s, 500, 20, put_number, t) == LCP_OK);
    for (uint64_t n = 1; n <= c.total; n += 1 + c.total / 8) {
        put(t, "\nthread");
        REQUIRE(s->ops->each_in_thread(s, n, put_number, t) == LCP_OK);
        REQUIRE(s->ops->get(s, n, put_row, t) == LCP_OK); /* with its evidence */
    }
    for (size_t i = 0; i < COUNT_OF(peers); i++) {
        int64_t at = -1;
        enum lcp_err err = s->ops->meta_get(s, types[i], &at);

        dump_peer(s, peers[i], c.total / 3, t);
        put(t, " meta %d %lld", (int)err, (long long)at);
    }
}

static struct text left, right;

static bool
compare(const char *what, uint64_t batch)
{
    bool is_same = left.len == right.len && memcmp(left.at, right.at, left.len) == 0;
    size_t at = 0;

    CHECK_ROW(what, is_same);
    if (is_same)
        return true;
    while (left.at[at] == right.at[at])
        at++;
    at = at > 80 ? at - 80 : 0;
    fprintf(stderr, "seed %llu batch %llu:\nmemory: %.200s\n--\nsqlite: %.200s\n",
            (unsigned long long)seed, (unsigned long long)batch, left.at + at,
            right.at + at);
    return false;
}

static bool
same_dump(struct lcp_store *memory, struct lcp_store *sqlite, uint64_t batch)
{
    left.len = right.len = 0;
    dump(memory, &left);
    dump(sqlite, &right);
    return compare("record", batch);
}

struct pair {
    struct lcp_memory_disk *disk;
    struct lcp_store *memory, *sqlite;
};

static void
pair_open(struct pair *p)
{
    REQUIRE(lcp_store_memory_open(p->disk, false, &p->memory) == LCP_OK);
    REQUIRE(lcp_store_sqlite_open(scratch("lcp.db"), false, &p->sqlite) == LCP_OK);
}

static void
pair_close(struct pair *p)
{
    p->memory->ops->close(p->memory);
    p->sqlite->ops->close(p->sqlite);
}

static void
pair_clear(struct pair *p)
{
    lcp_memory_disk_free(p->disk);
    p->disk = lcp_memory_disk_new();
    REQUIRE(p->disk != NULL);
    scratch_clear();
}

enum fate { COMMITTED, ROLLED_BACK, CRASHED };

static bool
run_sequence(struct pair *p, uint64_t batch, enum fate fate)
{
    left.len = right.len = 0;
    REQUIRE(p->memory->ops->begin(p->memory) == LCP_OK);
    REQUIRE(p->sqlite->ops->begin(p->sqlite) == LCP_OK);
    do_batch(p->memory, batch, batch % LIFE, &left);
    do_batch(p->sqlite, batch, batch % LIFE, &right);
    if (!compare("answers", batch))
        return false;
    if (batch % 40 == 0 && !same_dump(p->memory, p->sqlite, batch)) /* in the batch */
        return false;
    switch (fate) {
    case COMMITTED:
        REQUIRE(p->memory->ops->commit(p->memory) == LCP_OK);
        REQUIRE(p->sqlite->ops->commit(p->sqlite) == LCP_OK);
        break;
    case ROLLED_BACK:
        p->memory->ops->rollback(p->memory);
        p->sqlite->ops->rollback(p->sqlite);
        break;
    case CRASHED:
        pair_close(p);
        pair_open(p);
        break;
    }
    return true;
}

static void
both_stores_give_the_same_answers(void)
{
    struct pair p = {.disk = NULL};
    uint64_t random = seed;
    unsigned fates[3] = {0};
    uint64_t messages = 0;

    for (uint64_t batch = 0; batch < SEQUENCES; batch++) {
        unsigned roll = pick(&random, 100);
        enum fate fate = roll < 80 ? COMMITTED : roll < 96 ? ROLLED_BACK : CRASHED;

        if (batch % LIFE == 0) {
            if (batch != 0)
                pair_close(&p);
            pair_clear(&p);
            pair_open(&p);
        }
        fates[fate]++;
        if (!run_sequence(&p, batch, fate))
            break;
        if ((fate == CRASHED || batch % 50 == 49) &&
            !same_dump(p.memory, p.sqlite, batch))
            break;
        if (batch % LIFE == LIFE - 1) {
            struct lcp_store_counts counts = {0};

            CHECK(p.memory->ops->counts(p.memory, &counts) == LCP_OK);
            messages += counts.total;
            CHECK(counts.total > 40);
        }
        if (batch % 64 == 0)
            CHECK(p.sqlite->ops->checkpoint(p.sqlite, true) == LCP_OK);
    }
    printf("differential: seed %llu, %u commits, %u rollbacks, %u crashes, %llu "
           "messages\n",
           (unsigned long long)seed, fates[COMMITTED], fates[ROLLED_BACK],
           fates[CRASHED], (unsigned long long)messages);
    pair_close(&p);
    lcp_memory_disk_free(p.disk);
}

/* The victim: batches without end, telling each begin and each commit. */
static void
work_until_killed(uint64_t batch, int fd)
{
    struct lcp_store *s = NULL;

    if (lcp_store_sqlite_open(scratch("lcp.db"), false, &s) != LCP_OK)
        _exit(3);
    for (;; batch++) {
        left.len = 0;
        if (s->ops->begin(s) != LCP_OK)
            _exit(4);
        do_batch(s, batch, batch % LIFE, &left);
        if (s->ops->meta_put(s, "batches", (int64_t)batch + 1) != LCP_OK ||
            write(fd, "b", 1) != 1)
            _exit(5);
        if (s->ops->commit(s) != LCP_OK || write(fd, "c", 1) != 1)
            _exit(6);
        if (batch % 8 == 0 && s->ops->checkpoint(s, true) != LCP_OK)
            _exit(7);
    }
}

/* Kills it after `heard` of its words; *open_batch: a commit was under way, or a batch.
 */
static uint64_t
kill_after(uint64_t batch, unsigned heard, bool *open_batch)
{
    uint64_t commits = 0;
    int ends[2], status = 0;
    char word = 'c';
    pid_t pid;

    REQUIRE(pipe(ends) == 0);
    fflush(NULL);
    pid = fork();
    REQUIRE(pid >= 0);
    if (pid == 0) {
        close(ends[0]);
        work_until_killed(batch, ends[1]);
    }
    close(ends[1]);
    for (unsigned i = 0; i < heard; i++) {
        REQUIRE(read(ends[0], &word, 1) == 1);
        commits += word == 'c';
    }
    REQUIRE(kill(pid, SIGKILL) == 0);
    REQUIRE(waitpid(pid, &status, 0) == pid);
    CHECK(WIFSIGNALED(status));
    while (read(ends[0], &word, 1) == 1) /* what it had said before it died */
        commits += word == 'c';
    close(ends[0]);
    *open_batch = word == 'b';
    return commits;
}

static void
replay(struct lcp_store *memory, uint64_t batch)
{
    left.len = 0;
    REQUIRE(memory->ops->begin(memory) == LCP_OK);
    do_batch(memory, batch, batch % LIFE, &left);
    REQUIRE(memory->ops->meta_put(memory, "batches", (int64_t)batch + 1) == LCP_OK);
    REQUIRE(memory->ops->commit(memory) == LCP_OK);
}

static void
what_was_committed_survives_kill_9_and_the_rest_is_gone(void)
{
    struct lcp_memory_disk *disk = lcp_memory_disk_new();
    struct lcp_store *memory = NULL, *sqlite = NULL;
    uint64_t random = seed + 1, batch = 0;
    unsigned open_batches = 0, survived = 0;

    scratch_clear();
    REQUIRE(disk != NULL && lcp_store_memory_open(disk, false, &memory) == LCP_OK);
    for (unsigned i = 0; i < KILLS; i++) {
        bool open_batch = false;
        uint64_t commits = kill_after(batch, 1 + pick(&random, 30), &open_batch);
        int64_t durable = 0;

        for (; commits > 0; commits--)
            replay(memory, batch++);
        REQUIRE(lcp_store_sqlite_open(scratch("lcp.db"), false, &sqlite) == LCP_OK);
        open_batches += open_batch;
        /* A commit may have become durable although it could not say so any more. */
        if (sqlite->ops->meta_get(sqlite, "batches", &durable) != LCP_OK)
            CHECK(batch == 0);
        if (open_batch && durable == (int64_t)batch + 1) {
            replay(memory, batch++);
            survived++;
        }
        if (!same_dump(memory, sqlite, batch))
            break;
        sqlite->ops->close(sqlite);
        sqlite = NULL;
    }
    printf(
        "kill -9: %u times, %llu batches, %u killed in a batch, of which %u durable\n",
        (unsigned)KILLS, (unsigned long long)batch, open_batches, survived);
    CHECK(open_batches > 0);
    if (sqlite != NULL)
        sqlite->ops->close(sqlite);
    memory->ops->close(memory);
    lcp_memory_disk_free(disk);
}

int
main(void)
{
    const char *chosen = getenv("LCP_SEED");

    REQUIRE(lcp_crypto_init() == LCP_OK);
    seed = chosen != NULL ? strtoull(chosen, NULL, 10) : 20260328;
    left.at = malloc(DUMP_MAX);
    right.at = malloc(DUMP_MAX);
    REQUIRE(left.at != NULL && right.at != NULL);
    fault_vfs_install();
    fault_disk.skips_syncs = true; /* a killed process loses no page of the system's */
    scratch_make();
    both_stores_give_the_same_answers();
    what_was_committed_survives_kill_9_and_the_rest_is_gone();
    scratch_remove();
    free(left.at);
    free(right.at);
    return check_end("differential");
}
