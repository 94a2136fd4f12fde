/* SPDX-License-Identifier: MIT
 *
 * The pump over the smallest world there is: tasks wait in a queue until the test runs
 * them, so each test sees what was said before and after a commit.
 */
#ifndef LCP_TESTS_NODE_RIG_H
#define LCP_TESTS_NODE_RIG_H

#include "node/pump.h"

#include "mail.h"

enum { TASKS = 8, TEXT = 256 * 1024, PORT = 9528 };

struct fake {
    struct lcp_world world; /* first member */
    uint64_t now_ms;
    struct lcp_task *tasks[TASKS];
    size_t task_count;
    char reply[TEXT]; /* the last one */
    size_t reply_len;
    size_t replies;
    bool reply_end;
    uint64_t tag;
    uint8_t sent[16][LCP_DATAGRAM_MAX];
    size_t sent_len[16], sent_count;
    char log[TEXT];
    const char *lost;
    uint8_t random;
};

static inline uint64_t
mono_ms(struct lcp_world *w)
{
    return ((struct fake *)w)->now_ms;
}

static inline int64_t
wall_ms(struct lcp_world *w)
{
    return INT64_C(1774699200000) + (int64_t)((struct fake *)w)->now_ms;
}

static inline void
random_bytes(struct lcp_world *w, void *out, size_t len)
{
    for (size_t i = 0; i < len; i++)
        ((uint8_t *)out)[i] = (uint8_t)(((struct fake *)w)->random++ * 37 + 11);
}

static inline void
send_datagram(struct lcp_world *w, const struct lcp_endpoint *to,
              struct lcp_span header, struct lcp_span payload)
{
    struct fake *f = (struct fake *)w;
    size_t at = f->sent_count++ % 16;

    (void)to;
    memcpy(f->sent[at], header.data, header.len);
    if (payload.len > 0)
        memcpy(f->sent[at] + header.len, payload.data, payload.len);
    f->sent_len[at] = header.len + payload.len;
}

static inline void
work(struct lcp_world *w, struct lcp_task *task)
{
    struct fake *f = (struct fake *)w;

    REQUIRE(f->task_count < TASKS);
    f->tasks[f->task_count++] = task;
}

static inline void
reply(struct lcp_world *w, uint64_t client, struct lcp_span bytes, bool end,
      uint64_t tag)
{
    struct fake *f = (struct fake *)w;

    (void)client;
    REQUIRE(bytes.len < TEXT);
    memcpy(f->reply, bytes.data, bytes.len);
    f->reply[bytes.len] = '\0';
    f->reply_len = bytes.len;
    f->reply_end = end;
    f->tag = tag;
    f->replies++;
}

static inline void
who(struct lcp_world *w, uint64_t client, char out[static LCP_WHO_MAX])
{
    (void)w;
    snprintf(out, LCP_WHO_MAX, "uid 7, client %u", (unsigned)client);
}

static inline void
log_line(struct lcp_world *w, enum lcp_level level, const char *line)
{
    struct fake *f = (struct fake *)w;
    size_t len = strlen(f->log);

    (void)level;
    snprintf(f->log + len, sizeof(f->log) - len, "%s\n", line);
}

static inline void
lost(struct lcp_world *w, const char *why)
{
    ((struct fake *)w)->lost = why;
}

static const struct lcp_world_ops ops = {
    .mono_ms = mono_ms,
    .wall_ms = wall_ms,
    .random = random_bytes,
    .send = send_datagram,
    .work = work,
    .reply = reply,
    .who = who,
    .log = log_line,
    .lost = lost,
};

/* One node with one peer, bob, and bob's key to sign with. */
struct rig {
    struct fake f;
    struct lcp_memory_disk *disk;
    struct lcp_store *writer, *reader;
    struct lcp_pump *pump;
    struct lcp_identity us, bob;
    struct lcp_endpoint from_bob;
    struct lcp_conf_peer peer;
    struct lcp_conf conf;
};

static inline void
run_tasks(struct rig *r)
{
    while (r->f.task_count > 0) {
        struct lcp_task *task = r->f.tasks[0];

        memmove(r->f.tasks, r->f.tasks + 1, --r->f.task_count * sizeof(r->f.tasks[0]));
        task->run(task);
        lcp_pump_done(r->pump, task);
    }
}

/* While the disk takes its time: what the other hands get done. */
static inline void
run_tasks_but_the_writer(struct rig *r)
{
    for (size_t i = 0; i < r->f.task_count;) {
        struct lcp_task *task = r->f.tasks[i];

        if (task->hand == LCP_HAND_WRITER) {
            i++;
            continue;
        }
        memmove(r->f.tasks + i, r->f.tasks + i + 1,
                (--r->f.task_count - i) * sizeof(r->f.tasks[0]));
        task->run(task);
        lcp_pump_done(r->pump, task);
        i = 0;
    }
}

static inline enum lcp_err
open_pump(struct rig *r, char *fault)
{
    struct lcp_pump_config config = {
        .world = &r->f.world, .conf = &r->conf, .identity = &r->us, .version = "test"};
    enum lcp_err err;

    REQUIRE(lcp_store_memory_open(r->disk, false, &r->writer) == LCP_OK);
    REQUIRE(lcp_store_memory_open(r->disk, true, &r->reader) == LCP_OK);
    config.writer = r->writer;
    config.reader = r->reader;
    err = lcp_pump_new(&config, fault, &r->pump);
    if (err == LCP_OK)
        lcp_pump_set_socket(r->pump, true, 0, 0);
    return err;
}

static inline void
close_pump(struct rig *r)
{
    lcp_pump_free(r->pump);
    r->f.task_count = 0;
    r->writer->ops->close(r->writer);
    r->reader->ops->close(r->reader);
}

static inline struct rig *
new_rig(bool has_key)
{
    struct rig *r = calloc(1, sizeof(*r));
    uint8_t seed[LCP_SEED_BYTES] = {1};
    char fault[LCP_CONF_FAULT_MAX];

    REQUIRE(r != NULL && lcp_crypto_init() == LCP_OK);
    r->f.world.ops = &ops;
    r->f.now_ms = 1000;
    lcp_identity_from_seed(seed, &r->us);
    seed[0] = 2;
    lcp_identity_from_seed(seed, &r->bob);
    REQUIRE(lcp_endpoint_parse(lcp_span_str("127.0.0.3"), PORT, &r->from_bob) ==
            LCP_OK);
    strcpy(r->conf.home, "/nowhere");
    strcpy(r->conf.name, "alice");
    strcpy(r->peer.name, "bob");
    r->peer.endpoint = r->from_bob;
    if (has_key)
        r->peer.key = r->bob.key;
    r->conf.peers = &r->peer;
    r->conf.peer_count = 1;
    r->conf.peers_max = 8;
    r->conf.ttl_s = 86400;
    r->disk = lcp_memory_disk_new();
    REQUIRE(r->disk != NULL);
    REQUIRE(open_pump(r, fault) == LCP_OK);
    lcp_pump_tick(r->pump);
    run_tasks(r);
    r->f.sent_count = 0;
    return r;
}

static inline void
free_rig(struct rig *r)
{
    close_pump(r);
    lcp_memory_disk_free(r->disk);
    free(r);
}

static inline void
ask(struct rig *r, const char *text, bool is_ours)
{
    r->f.reply[0] = '\0';
    lcp_pump_request(r->pump, 1, lcp_span_str(text), is_ours);
}

static inline bool
status_says(struct rig *r, const char *text)
{
    ask(r, "{\"cmd\":\"STATUS\"}", true);
    run_tasks(r);
    return strstr(r->f.reply, text) != NULL;
}

static inline void
packet_from_bob(struct rig *r, enum lcp_packet_type type, uint32_t seq, const char *raw,
                size_t len)
{
    static uint8_t packet[LCP_DATAGRAM_MAX] = "LCP1";

    for (int i = 0; i < 4; i++)
        packet[4 + i] = (uint8_t)(seq >> (24 - 8 * i));
    packet[8] = (uint8_t)type;
    if (len > 0)
        memcpy(packet + LCP_HEADER_BYTES, raw, len);
    lcp_pump_datagram(r->pump, &r->from_bob, lcp_span(packet, LCP_HEADER_BYTES + len));
}

/* As a 1.1 node says it: without the marker. */
static inline void
from_bob(struct rig *r, const struct lcp_identity *signer, const char *id,
         const char *type, const char *reply_to, const char *text)
{
    static char raw[LCP_PAYLOAD_MAX];
    struct lcp_draft draft = {.id = id,
                              .from = "bob",
                              .to = "alice",
                              .type = type,
                              .reply_to = reply_to,
                              .message = lcp_span_str(text)};

    packet_from_bob(r, LCP_PACKET_DATA, 7, raw, legacy_mail(signer, &draft, raw));
}

/* As a 1.2 node says it. */
static inline void
marked_from_bob(struct rig *r, uint32_t seq, const char *id, const char *text)
{
    static char raw[LCP_PAYLOAD_MAX];
    struct lcp_draft draft = {.id = id,
                              .from = "bob",
                              .to = "alice",
                              .type = "chat",
                              .message = lcp_span_str(text)};

    packet_from_bob(r, LCP_PACKET_DATA, seq, raw, marked_mail(&r->bob, &draft, raw));
}

/* The newest packet of this type that went out; empty when none did. */
static inline struct lcp_span
last_sent(const struct rig *r, enum lcp_packet_type type)
{
    for (size_t i = 0; i < 16 && i < r->f.sent_count; i++) {
        size_t at = (r->f.sent_count - 1 - i) % 16;

        if (r->f.sent[at][8] == type)
            return lcp_span(r->f.sent[at], r->f.sent_len[at]);
    }
    return lcp_span(NULL, 0);
}

/* The newest receipt that went out, verified. False when none did. */
static inline bool
last_receipt(const struct rig *r, struct lcp_receipt *out)
{
    struct lcp_span packet = last_sent(r, LCP_PACKET_RECEIPT);

    if (packet.len == 0)
        return false;
    packet = lcp_span(packet.data + LCP_HEADER_BYTES, packet.len - LCP_HEADER_BYTES);
    REQUIRE(lcp_receipt_parse(packet, &scratch, out) == LCP_MSG_OK);
    CHECK(lcp_signed_verify(&out->object, &scratch));
    CHECK(lcp_key_eq(&out->object.key, &r->us.key));
    return true;
}

/* A bare ACK of this packet from bob. */
static inline void
bob_acks(struct rig *r, struct lcp_span packet)
{
    uint8_t ack[LCP_HEADER_BYTES];

    REQUIRE(packet.len >= sizeof(ack));
    memcpy(ack, packet.data, sizeof(ack));
    ack[8] = LCP_PACKET_ACK;
    lcp_pump_datagram(r->pump, &r->from_bob, lcp_span(ack, sizeof(ack)));
    run_tasks(r);
}

static inline bool
is_ack(const struct rig *r, size_t at)
{
    return r->f.sent_len[at] == LCP_HEADER_BYTES && r->f.sent[at][8] == LCP_PACKET_ACK;
}

#endif
