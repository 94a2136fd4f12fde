/* SPDX-License-Identifier: MIT
 *
 * Makes a big home quickly: a configuration of many peers, and a record that holds what
 * a node of theirs would have after years. The rows go in through the store itself, in
 * large batches; nothing is signed, because nothing of it is verified again, and the
 * folders stay empty (the record says that they were written).
 *
 *     scale_fill HOME NET PEERS STORED QUEUED AWAY_FROM
 *
 * The peers are those of people.h in 127.NET.0.0/16. STORED messages rest in the
 * record: half received and archived, half sent and acknowledged. QUEUED more wait for
 * the peers from AWAY_FROM on. Where there are no such peers, none waits. A home that
 * has a configuration already keeps it, its key and its pins: it grows older, no more.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/os.h"
#include "base/text.h"
#include "people.h"
#include "store/store.h"

enum {
    BATCH_ROWS = 20000,
    RAW_MAX = 1024,
    PATH_BYTES = 4096,
    TEXT_BYTES = 8 << 20,
    HOUR_MS = 3600 * 1000,
};

struct fill {
    const char *home;
    unsigned net, peers, away_from;
    unsigned long stored, queued;
    struct lcp_store *store;
    struct lcp_identity node;
    struct lcp_key *keys;
    int64_t now_ms;
    uint64_t count; /* rows so far */
    bool is_there;  /* the home was made before */
};

static void
must(enum lcp_err err, const char *what)
{
    if (err == LCP_OK)
        return;
    fprintf(stderr, "scale_fill: %s: error %d\n", what, (int)err);
    exit(1);
}

static const char *
path_in(const struct fill *f, const char *name)
{
    static _Thread_local char path[PATH_BYTES];

    snprintf(path, sizeof(path), "%s/%s", f->home, name);
    return path;
}

static void
write_file(const struct fill *f, const char *name, struct lcp_span text)
{
    must(lcp_os_write_file(path_in(f, name), text, 0600, false), name);
}

static void
write_conf(struct fill *f)
{
    char address[SCALE_ADDRESS_MAX], name[LCP_NAME_MAX + 1], key[LCP_KEY_B64 + 1];
    char *text = malloc(TEXT_BYTES);
    size_t len;

    if (text == NULL)
        must(LCP_ENOMEM, "lcp.conf");
    scale_address(f->net, SCALE_NODE, address);
    len = (size_t)snprintf(text, TEXT_BYTES,
                           "[Node]\nName = Big\nAddress = %s\nLegacySocket = none\n",
                           address);
    for (unsigned i = 0; i < f->peers; i++) {
        struct lcp_identity who;

        scale_identity(i, &who);
        f->keys[i] = who.key;
        scale_address(f->net, i, address);
        scale_name(i, name);
        lcp_key_print(&who.key, key);
        len += (size_t)snprintf(text + len, TEXT_BYTES - len,
                                "[Peer]\nName = %s\nAddress = %s\nPublicKey = %s\n",
                                name, address, key);
    }
    write_file(f, "lcp.conf", lcp_span(text, len));
    free(text);
}

/* Ids in order of their making: pages of the indexes are written once, not once a row.
 * They are valid UUIDs of version 4. */
static void
make_id(uint64_t at, char out[static LCP_UUID_CHARS + 1])
{
    snprintf(out, LCP_UUID_CHARS + 1, "%08x-5ca1-4e00-8000-%012llx",
             (unsigned)(at * 37), (unsigned long long)at);
}

static void
add_row(struct fill *f, enum lcp_direction dir, int state, unsigned peer,
        uint64_t expires_life_ms)
{
    char id[LCP_UUID_CHARS + 1], name[LCP_NAME_MAX + 1], raw[RAW_MAX];
    struct lcp_row row = {.dir = dir,
                          .state = state,
                          .peer = name,
                          .id = id,
                          .type = "chat",
                          .reply_to = "",
                          .reason = "",
                          .was_transmitted = dir == LCP_OUT,
                          .expires_life_ms = expires_life_ms};
    uint64_t number;
    int len;

    make_id(f->count, id);
    scale_name(peer, name);
    len = snprintf(raw, sizeof(raw),
                   "{\"id\":\"%s\",\"from\":\"%s\",\"to\":\"%s\",\"timestamp\":"
                   "\"2026-03-28T12:00:00.123456+08:00\",\"type\":\"chat\","
                   "\"message\":\"message %llu of a long life, as long as people "
                   "write to each other\",\"security\":{\"algo\":\"ed25519\","
                   "\"pubkey\":\"%044d\",\"signature\":\"%088d\"}}",
                   id, dir == LCP_IN ? name : "Big", dir == LCP_IN ? "Big" : name,
                   (unsigned long long)f->count, 0, 0);
    row.raw = lcp_span(raw, (size_t)len);
    row.key = dir == LCP_IN ? f->keys[peer] : f->node.key;
    lcp_digest(row.raw, row.digest);
    /* Oldest first, and all of it past: retention is off. */
    row.wall_ms = row.state_wall_ms = f->now_ms - 24 * (int64_t)HOUR_MS +
                                      (int64_t)f->count;
    if (f->count % BATCH_ROWS == 0)
        must(f->store->ops->begin(f->store), "begin");
    must(f->store->ops->add(f->store, &row, &number), "add");
    if (++f->count % BATCH_ROWS == 0) {
        must(f->store->ops->commit(f->store), "commit");
        must(f->store->ops->checkpoint(f->store, false), "checkpoint");
    }
}

/* What a node with this history would have noted: it was stopped properly, its folders
 * are written, every key is pinned. */
static void
add_notes(struct fill *f)
{
    const struct lcp_store_ops *ops = f->store->ops;
    char name[LCP_NAME_MAX + 1];

    if (f->count % BATCH_ROWS == 0)
        must(ops->begin(f->store), "begin");
    for (unsigned i = 0; i < f->peers && !f->is_there; i++) {
        scale_name(i, name);
        must(ops->pin_put(f->store, name, &f->keys[i], "config", f->now_ms), "pin");
    }
    if (!f->is_there) {
        must(ops->meta_put(f->store, "life_ms", 24 * (int64_t)HOUR_MS), "meta");
        must(ops->meta_put(f->store, "life_wall_ms", f->now_ms), "meta");
        must(ops->meta_put(f->store, "clean_stop", 1), "meta");
    }
    must(ops->meta_put(f->store, "mirrored", (int64_t)ops->changed(f->store)), "meta");
    must(ops->commit(f->store), "commit");
    must(ops->checkpoint(f->store, true), "checkpoint");
}

static void
make_home(struct fill *f)
{
    must(lcp_os_mkdir(f->home), "home");
    must(lcp_os_mkdir(path_in(f, "keys")), "keys");
    must(lcp_os_mkdir(path_in(f, "data")), "data");
    write_file(f, "keys/identity.pem", lcp_span(f->node.seed, sizeof(f->node.seed)));
    write_conf(f);
}

static void
fill(struct fill *f)
{
    unsigned away = f->peers > f->away_from ? f->peers - f->away_from : 0;

    scale_identity(SCALE_NODE, &f->node);
    f->is_there = lcp_os_exists(path_in(f, "lcp.conf"));
    if (!f->is_there)
        make_home(f);
    must(lcp_store_sqlite_open(path_in(f, "data/lcp.db"), false, &f->store), "lcp.db");
    for (unsigned long i = 0; i < f->stored; i++)
        add_row(f, i % 2 == 0 ? LCP_IN : LCP_OUT,
                i % 2 == 0 ? (int)LCP_IN_ARCHIVED : (int)LCP_SENT_ACKED,
                (unsigned)(i % f->peers), 0);
    for (unsigned long i = 0; away > 0 && i < f->queued; i++)
        add_row(f, LCP_OUT, LCP_SENT_QUEUED, f->away_from + (unsigned)(i % away),
                48 * (uint64_t)HOUR_MS + i);
    add_notes(f);
    f->store->ops->close(f->store);
}

static unsigned long
number(const char *text, unsigned long max)
{
    uint64_t value = 0;

    must(lcp_uint_parse(lcp_span_str(text), 0, max, &value), text);
    return (unsigned long)value;
}

int
main(int argc, char **argv)
{
    struct fill f = {.now_ms = lcp_os_wall_ms()};

    if (argc != 7) {
        fprintf(stderr, "usage: scale_fill HOME NET PEERS STORED QUEUED AWAY_FROM\n");
        return 2;
    }
    must(lcp_crypto_init(), "libsodium");
    f.home = argv[1];
    f.net = (unsigned)number(argv[2], 255);
    f.peers = (unsigned)number(argv[3], SCALE_PEERS_MAX);
    f.stored = number(argv[4], 100000000);
    f.queued = number(argv[5], 100000000);
    f.away_from = (unsigned)number(argv[6], SCALE_PEERS_MAX);
    f.keys = calloc(f.peers + 1, sizeof(f.keys[0]));
    if (f.keys == NULL || f.peers == 0)
        must(LCP_EINVAL, "peers");
    fill(&f);
    free(f.keys);
    printf("%llu rows, %u peers\n", (unsigned long long)f.count, f.peers);
    return 0;
}
