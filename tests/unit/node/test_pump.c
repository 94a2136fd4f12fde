/* SPDX-License-Identifier: MIT
 *
 * The pump over the smallest world there is: tasks wait in a queue until the test runs
 * them, so each test sees what was said before and after a commit.
 */
#include "node/pump.h"

#include "base/text.h"
#include "check.h"
#include "core/msg.h"

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

static uint64_t
mono_ms(struct lcp_world *w)
{
    return ((struct fake *)w)->now_ms;
}

static int64_t
wall_ms(struct lcp_world *w)
{
    return INT64_C(1774699200000) + (int64_t)((struct fake *)w)->now_ms;
}

static void
random_bytes(struct lcp_world *w, void *out, size_t len)
{
    for (size_t i = 0; i < len; i++)
        ((uint8_t *)out)[i] = (uint8_t)(((struct fake *)w)->random++ * 37 + 11);
}

static void
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

static void
work(struct lcp_world *w, struct lcp_task *task)
{
    struct fake *f = (struct fake *)w;

    REQUIRE(f->task_count < TASKS);
    f->tasks[f->task_count++] = task;
}

static void
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

static void
log_line(struct lcp_world *w, enum lcp_level level, const char *line)
{
    struct fake *f = (struct fake *)w;
    size_t len = strlen(f->log);

    (void)level;
    snprintf(f->log + len, sizeof f->log - len, "%s\n", line);
}

static void
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

static void
run_tasks(struct rig *r)
{
    while (r->f.task_count > 0) {
        struct lcp_task *task = r->f.tasks[0];

        memmove(r->f.tasks, r->f.tasks + 1, --r->f.task_count * sizeof r->f.tasks[0]);
        task->run(task);
        lcp_pump_done(r->pump, task);
    }
}

/* While the disk takes its time: what the other hands get done. */
static void
run_tasks_but_the_writer(struct rig *r)
{
    for (size_t i = 0; i < r->f.task_count;) {
        struct lcp_task *task = r->f.tasks[i];

        if (task->hand == LCP_HAND_WRITER) {
            i++;
            continue;
        }
        memmove(r->f.tasks + i, r->f.tasks + i + 1,
                (--r->f.task_count - i) * sizeof r->f.tasks[0]);
        task->run(task);
        lcp_pump_done(r->pump, task);
        i = 0;
    }
}

static enum lcp_err
open_pump(struct rig *r, char *fault)
{
    struct lcp_pump_config config = {
        .world = &r->f.world, .conf = &r->conf, .identity = &r->us, .version = "test"};

    REQUIRE(lcp_store_memory_open(r->disk, false, &r->writer) == LCP_OK);
    REQUIRE(lcp_store_memory_open(r->disk, true, &r->reader) == LCP_OK);
    config.writer = r->writer;
    config.reader = r->reader;
    return lcp_pump_new(&config, fault, &r->pump);
}

static void
close_pump(struct rig *r)
{
    lcp_pump_free(r->pump);
    r->f.task_count = 0;
    r->writer->ops->close(r->writer);
    r->reader->ops->close(r->reader);
}

static struct rig *
new_rig(bool has_key)
{
    struct rig *r = calloc(1, sizeof *r);
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

static void
free_rig(struct rig *r)
{
    close_pump(r);
    lcp_memory_disk_free(r->disk);
    free(r);
}

static void
ask(struct rig *r, const char *text, bool is_ours)
{
    r->f.reply[0] = '\0';
    lcp_pump_request(r->pump, 1, lcp_span_str(text), is_ours);
}

static bool
status_says(struct rig *r, const char *text)
{
    ask(r, "{\"cmd\":\"STATUS\"}", true);
    run_tasks(r);
    return strstr(r->f.reply, text) != NULL;
}

static struct lcp_msg_scratch scratch;

static void
from_bob(struct rig *r, const struct lcp_identity *signer, const char *id,
         const char *type, const char *reply_to, const char *text)
{
    static uint8_t packet[LCP_DATAGRAM_MAX] = "LCP1\0\0\0\7\1";
    struct lcp_draft draft = {.id = id,
                              .from = "bob",
                              .to = "alice",
                              .type = type,
                              .timestamp = "2026-03-28T12:00:00Z",
                              .reply_to = reply_to,
                              .message = lcp_span_str(text)};
    uint8_t digest[LCP_DIGEST_BYTES];
    size_t len;

    REQUIRE(lcp_msg_build(&draft, signer, &scratch, (char *)packet + LCP_HEADER_BYTES,
                          &len, digest) == LCP_OK);
    lcp_pump_datagram(r->pump, &r->from_bob, lcp_span(packet, LCP_HEADER_BYTES + len));
}

#define ID_A "3f2b8a10-5d7c-4e2a-9b1f-0a1b2c3d4e5f"
#define ID_B "9f2b8a10-5d7c-4e2a-9b1f-0a1b2c3d4e5f"

static bool
is_ack(const struct rig *r, size_t at)
{
    return r->f.sent_len[at] == LCP_HEADER_BYTES && r->f.sent[at][8] == LCP_PACKET_ACK;
}

static void
nothing_is_acknowledged_before_it_is_stored(void)
{
    struct rig *r = new_rig(true);

    from_bob(r, &r->bob, ID_A, "chat", NULL, "hello");
    CHECK(r->f.sent_count == 0);
    CHECK(r->f.task_count == 1);
    run_tasks(r);
    CHECK(r->f.sent_count == 1 && is_ack(r, 0));
    ask(r, "{\"cmd\":\"CHECK\"}", true);
    run_tasks(r);
    CHECK(strstr(r->f.reply, "{\"count\":1,\"messages\":[{\"id\":\"" ID_A "\"") ==
          r->f.reply);
    CHECK(strstr(r->f.reply, "\"next\":null,\"_source\":\"daemon\"}\n") != NULL);
    free_rig(r);
}

static void
what_was_imported_is_known_whatever_its_content(void)
{
    struct rig *r = new_rig(true);
    struct lcp_row row = {.dir = LCP_IN,
                          .state = LCP_IN_STORED,
                          .peer = "bob",
                          .key = r->bob.key,
                          .id = ID_A,
                          .type = "chat",
                          .reply_to = "",
                          .reason = "",
                          .raw = lcp_span("{}", 2)};
    uint64_t number;

    REQUIRE(r->writer->ops->begin(r->writer) == LCP_OK);
    REQUIRE(r->writer->ops->add(r->writer, &row, &number) == LCP_OK);
    REQUIRE(r->writer->ops->commit(r->writer) == LCP_OK);
    from_bob(r, &r->bob, ID_A, "chat", NULL, "hello");
    run_tasks(r);
    CHECK(r->f.sent_count == 1 && is_ack(r, 0));
    CHECK(status_says(r, "\"duplicate\":1"));
    free_rig(r);
}

static void
a_full_disk_is_no_ack_and_passes(void)
{
    struct rig *r = new_rig(true);

    lcp_memory_disk_fail(r->disk, LCP_ENOSPACE);
    from_bob(r, &r->bob, ID_A, "chat", NULL, "hello");
    run_tasks(r);
    CHECK(r->f.sent_count == 0);
    ask(r, "{\"cmd\":\"SEND\",\"payload\":{\"message\":\"x\"}}", true);
    run_tasks(r);
    CHECK(strstr(r->f.reply, "storage-full") != NULL);
    ask(r, "{\"cmd\":\"STATUS\"}", true);
    run_tasks(r);
    CHECK(strstr(r->f.reply, "\"degraded\":\"the disk is full") != NULL);
    lcp_memory_disk_fail(r->disk, LCP_OK);
    r->f.now_ms += 1500;
    lcp_pump_tick(r->pump);
    run_tasks(r);
    ask(r, "{\"cmd\":\"STATUS\"}", true);
    run_tasks(r);
    CHECK(strstr(r->f.reply, "\"degraded\":null") != NULL);
    from_bob(r, &r->bob, ID_A, "chat", NULL, "hello");
    run_tasks(r);
    CHECK(r->f.sent_count > 0 && is_ack(r, (r->f.sent_count - 1) % 16));
    free_rig(r);
}

static void
a_lost_fsync_says_nothing_more(void)
{
    struct rig *r = new_rig(true);

    lcp_memory_disk_fail(r->disk, LCP_ELOST);
    from_bob(r, &r->bob, ID_A, "chat", NULL, "hello");
    run_tasks(r);
    CHECK(r->f.lost != NULL);
    CHECK(r->f.sent_count == 0);
    free_rig(r);
}

static void
a_send_is_answered_when_durable(void)
{
    struct rig *r = new_rig(true);

    ask(r, "{\"cmd\":\"SEND\",\"payload\":{\"message\":\"x\"},\"wait\":false}", true);
    CHECK(r->f.reply[0] == '\0' && r->f.sent_count == 0);
    run_tasks(r);
    CHECK(strstr(r->f.reply, "{\"ok\":false,\"accepted\":true,\"id\":\"") ==
          r->f.reply);
    CHECK(strstr(r->f.reply, "\"to\":\"bob\",\"state\":\"queued\"") != NULL);
    CHECK(r->f.sent_count == 1 && r->f.sent[0][8] == LCP_PACKET_DATA);
    free_rig(r);
}

static void
an_ack_settles_and_is_told(void)
{
    struct rig *r = new_rig(true);
    uint8_t ack[LCP_HEADER_BYTES];

    ask(r, "{\"cmd\":\"SEND\",\"payload\":{\"message\":\"x\"}}", false);
    run_tasks(r);
    CHECK(r->f.reply[0] == '\0');
    memcpy(ack, r->f.sent[0], sizeof ack);
    ack[8] = LCP_PACKET_ACK;
    lcp_pump_datagram(r->pump, &r->from_bob, lcp_span(ack, sizeof ack));
    CHECK(r->f.reply[0] == '\0'); /* not before that is on disk too */
    run_tasks(r);
    CHECK(strstr(r->f.reply, "{\"ok\":true,\"accepted\":true") == r->f.reply);
    CHECK(r->f.reply_end && r->f.reply[r->f.reply_len - 1] == '}');
    free_rig(r);
}

static void
one_id_is_one_message(void)
{
    struct rig *r = new_rig(true);

    ask(r,
        "{\"cmd\":\"SEND\",\"payload\":{\"message\":\"x\"},\"id\":\"" ID_A
        "\",\"wait\":false}",
        true);
    run_tasks(r);
    ask(r,
        "{\"cmd\":\"SEND\",\"payload\":{\"message\":\"x\"},\"id\":\"" ID_A
        "\",\"wait\":false}",
        true);
    run_tasks(r);
    CHECK(strstr(r->f.reply, "\"number\":1") != NULL);
    ask(r,
        "{\"cmd\":\"SEND\",\"payload\":{\"message\":\"y\"},\"id\":\"" ID_A
        "\",\"wait\":false}",
        true);
    run_tasks(r);
    CHECK(strstr(r->f.reply, "\"code\":\"conflict\"") != NULL);
    CHECK(r->f.sent_count == 1);
    free_rig(r);
}

static void
a_bare_ack_archives_only_what_was_handed_out(void)
{
    struct rig *r = new_rig(true);

    from_bob(r, &r->bob, ID_A, "chat", NULL, "one");
    run_tasks(r);
    ask(r, "{\"cmd\":\"CHECK\"}", false);
    run_tasks(r);
    CHECK(r->f.tag != 0);
    from_bob(r, &r->bob, ID_B, "chat", NULL, "two");
    run_tasks(r);
    lcp_pump_replied(r->pump, 1, r->f.tag, true);
    run_tasks(r);
    ask(r, "{\"cmd\":\"ACK\",\"ids\":[]}", false);
    run_tasks(r);
    CHECK_STR(r->f.reply, "{\"archived\":0}");
    ask(r, "{\"cmd\":\"ack\"}", false);
    run_tasks(r);
    CHECK_STR(r->f.reply, "{\"archived\":1}");
    ask(r, "{\"cmd\":\"CHECK\"}", true);
    run_tasks(r);
    CHECK(strstr(r->f.reply, ID_B) != NULL && strstr(r->f.reply, ID_A) == NULL);
    free_rig(r);
}

static void
a_reply_that_did_not_leave_hands_out_nothing(void)
{
    struct rig *r = new_rig(true);

    from_bob(r, &r->bob, ID_A, "chat", NULL, "one");
    run_tasks(r);
    ask(r, "{\"cmd\":\"CHECK\"}", false);
    run_tasks(r);
    lcp_pump_replied(r->pump, 1, r->f.tag, false);
    ask(r, "{\"cmd\":\"ACK\"}", false);
    run_tasks(r);
    CHECK_STR(r->f.reply, "{\"archived\":0}");
    free_rig(r);
}

static void
first_contact_pins_and_another_key_is_refused_loudly(void)
{
    struct rig *r = new_rig(false);
    struct lcp_identity mallory;
    uint8_t seed[LCP_SEED_BYTES] = {9};
    char fingerprint[LCP_FINGERPRINT_CHARS + 1], request[160];

    from_bob(r, &r->bob, ID_A, "chat", NULL, "one");
    run_tasks(r);
    CHECK(strstr(r->f.log, "key pinned at first contact") != NULL);
    lcp_identity_from_seed(seed, &mallory);
    r->f.sent_count = 0;
    from_bob(r, &mallory, ID_B, "chat", NULL, "two");
    run_tasks(r);
    CHECK(r->f.sent_count == 0);
    lcp_fingerprint(&mallory.key, fingerprint);
    CHECK(strstr(r->f.log, fingerprint) != NULL);
    snprintf(request, sizeof request,
             "{\"cmd\":\"TRUST\",\"name\":\"bob\",\"fingerprint\":\"%s\"}",
             fingerprint);
    ask(r, request, true);
    run_tasks(r);
    CHECK(strstr(r->f.reply, "{\"ok\":true") == r->f.reply);
    from_bob(r, &mallory, ID_B, "chat", NULL, "two");
    run_tasks(r);
    CHECK(r->f.sent_count == 1 && is_ack(r, 0));
    free_rig(r);
}

/* Removed and added again under another key, faster than the record can follow. */
static void
a_peer_comes_back_at_once_with_another_key(void)
{
    struct rig *r = new_rig(true);
    struct lcp_identity other;
    uint8_t seed[LCP_SEED_BYTES] = {9};
    char fault[LCP_CONF_FAULT_MAX], fingerprint[LCP_FINGERPRINT_CHARS + 1];

    for (uint8_t round = 0; round < 4; round++) {
        r->conf.peer_count = 0;
        REQUIRE(lcp_pump_reload(r->pump, &r->conf, fault) == LCP_OK);
        run_tasks_but_the_writer(r);
        r->conf.peer_count = 1;
        seed[1] = round;
        lcp_identity_from_seed(seed, &other);
        r->peer.key = other.key;
        REQUIRE(lcp_pump_reload(r->pump, &r->conf, fault) == LCP_OK);
        run_tasks_but_the_writer(r);
    }
    run_tasks(r);
    CHECK(strstr(r->f.log, "not the key that is pinned") == NULL);
    lcp_fingerprint(&other.key, fingerprint);
    ask(r, "{\"cmd\":\"PEERS\"}", true);
    run_tasks(r);
    CHECK(strstr(r->f.reply, fingerprint) != NULL);
    r->f.sent_count = 0;
    from_bob(r, &other, ID_A, "chat", NULL, "one");
    run_tasks(r);
    CHECK(r->f.sent_count == 1 && is_ack(r, 0));
    close_pump(r); /* the record says the same */
    CHECK(open_pump(r, fault) == LCP_OK);
    free_rig(r);
}

static void
one_key_at_two_places_pins_one(bool in_one_batch)
{
    struct rig *r = new_rig(false);
    struct lcp_conf_peer peers[2] = {r->peer, r->peer};
    struct lcp_endpoint bobs = r->from_bob;
    char fault[LCP_CONF_FAULT_MAX];

    strcpy(peers[1].name, "carol");
    REQUIRE(lcp_endpoint_parse(lcp_span_str("127.0.0.4"), PORT, &peers[1].endpoint) ==
            LCP_OK);
    r->conf.peers = peers;
    r->conf.peer_count = 2;
    REQUIRE(lcp_pump_reload(r->pump, &r->conf, fault) == LCP_OK);
    run_tasks(r);
    r->f.sent_count = 0;
    if (in_one_batch) /* another is running */
        ask(r, "{\"cmd\":\"PURGE\",\"older_than\":0}", true);
    from_bob(r, &r->bob, ID_A, "chat", NULL, "one");
    r->from_bob = peers[1].endpoint;
    from_bob(r, &r->bob, ID_B, "chat", NULL, "two");
    run_tasks(r);
    CHECK(r->f.sent_count == 1 && is_ack(r, 0));
    r->f.sent_count = 0;
    from_bob(r, &r->bob, ID_B, "chat", NULL, "two");
    run_tasks(r);
    CHECK(r->f.sent_count == 0);
    r->from_bob = bobs;
    close_pump(r); /* or no daemon would start here again */
    CHECK(open_pump(r, fault) == LCP_OK);
    free_rig(r);
}

/* Its packet, sent again under another peer's address, is no new key of that one. */
static void
the_key_of_another_peer_cannot_be_trusted(void)
{
    struct rig *r = new_rig(true);
    struct lcp_conf_peer peers[2] = {r->peer, r->peer};
    char fault[LCP_CONF_FAULT_MAX], fingerprint[LCP_FINGERPRINT_CHARS + 1];
    char request[160];
    struct lcp_identity carol;
    uint8_t seed[LCP_SEED_BYTES] = {9};

    lcp_identity_from_seed(seed, &carol);
    strcpy(peers[1].name, "carol");
    peers[1].key = carol.key;
    REQUIRE(lcp_endpoint_parse(lcp_span_str("127.0.0.4"), PORT, &peers[1].endpoint) ==
            LCP_OK);
    r->conf.peers = peers;
    r->conf.peer_count = 2;
    REQUIRE(lcp_pump_reload(r->pump, &r->conf, fault) == LCP_OK);
    run_tasks(r);
    from_bob(r, &carol, ID_A, "chat", NULL, "one");
    run_tasks(r);
    lcp_fingerprint(&carol.key, fingerprint);
    CHECK(strstr(r->f.log, fingerprint) != NULL); /* addresses swapped, perhaps */
    snprintf(request, sizeof request,
             "{\"cmd\":\"TRUST\",\"name\":\"bob\",\"fingerprint\":\"%s\"}",
             fingerprint);
    ask(r, request, true);
    run_tasks(r);
    CHECK(strstr(r->f.reply, "\"conflict\"") != NULL);
    /* There are several peers: we ask which, a legacy client cannot say. */
    ask(r, "{\"cmd\":\"SEND\",\"payload\":{\"message\":\"x\"},\"wait\":false}", true);
    run_tasks(r);
    CHECK(strstr(r->f.reply, "\"no-peer\"") != NULL);
    ask(r, "{\"cmd\":\"SEND\",\"payload\":{\"message\":\"x\"},\"wait\":false}", false);
    run_tasks(r);
    CHECK(strstr(r->f.reply, "\"to\":\"") != NULL);
    free_rig(r);
}

static void
an_unsigned_claim_of_another_key_raises_no_alarm(void)
{
    struct rig *r = new_rig(true);
    struct lcp_identity mallory;
    uint8_t seed[LCP_SEED_BYTES] = {9};

    lcp_identity_from_seed(seed, &mallory);
    mallory.secret[3] ^= 1; /* signs wrongly for its key */
    from_bob(r, &mallory, ID_B, "chat", NULL, "two");
    run_tasks(r);
    CHECK(strstr(r->f.log, "REFUSED") == NULL);
    CHECK(r->f.sent_count == 0);
    free_rig(r);
}

static void
a_ping_is_answered_once_and_kept_from_the_inbox(void)
{
    struct rig *r = new_rig(true);

    from_bob(r, &r->bob, ID_A, "ping", NULL, "");
    run_tasks(r);
    CHECK(r->f.sent_count == 2 && is_ack(r, 0));
    CHECK(strstr((char *)r->f.sent[1] + LCP_HEADER_BYTES, "\"type\":\"pong\"") != NULL);
    CHECK(strstr((char *)r->f.sent[1] + LCP_HEADER_BYTES, "\"replyTo\":\"" ID_A "\"") !=
          NULL);
    from_bob(r, &r->bob, ID_A, "ping", NULL, "");
    run_tasks(r);
    CHECK(r->f.sent_count == 3 && is_ack(r, 2));
    ask(r, "{\"cmd\":\"CHECK\"}", true);
    run_tasks(r);
    CHECK(strstr(r->f.reply, "{\"count\":0,") == r->f.reply);
    free_rig(r);
}

static void
a_configured_key_that_contradicts_a_pin_is_an_error(void)
{
    struct rig *r = new_rig(true);
    char fault[LCP_CONF_FAULT_MAX];

    close_pump(r);
    r->peer.key = r->us.key;
    r->peer.key.bytes[0] ^= 1;
    CHECK(open_pump(r, fault) == LCP_ECONFLICT);
    CHECK(strstr(fault, "lcp peer trust bob") != NULL);
    r->pump = NULL;
    free_rig(r);
}

static void
a_ttl_goes_on_over_a_restart(void)
{
    struct rig *r = new_rig(true);
    char fault[LCP_CONF_FAULT_MAX];

    ask(r,
        "{\"cmd\":\"SEND\",\"payload\":{\"message\":\"x\"},\"ttl\":60,\"wait\":false}",
        true);
    run_tasks(r);
    close_pump(r);
    r->f.now_ms += 61000; /* wall and monotone clock of the fake go together */
    REQUIRE(open_pump(r, fault) == LCP_OK);
    lcp_pump_tick(r->pump);
    run_tasks(r);
    ask(r, "{\"cmd\":\"SENT\"}", true);
    run_tasks(r);
    CHECK(strstr(r->f.reply, "\"state\":\"expired\"") != NULL);
    CHECK(strstr(r->f.reply, "\"reason\":\"ttl\"") != NULL);
    free_rig(r);
}

static void
queued_mail_of_a_former_name_that_was_sent_expires_visibly(void)
{
    struct rig *r = new_rig(true);
    char fault[LCP_CONF_FAULT_MAX];

    ask(r, "{\"cmd\":\"SEND\",\"payload\":{\"message\":\"x\"},\"wait\":false}", true);
    run_tasks(r);
    close_pump(r);
    strcpy(r->conf.name, "alicia");
    REQUIRE(open_pump(r, fault) == LCP_OK);
    lcp_pump_tick(r->pump);
    run_tasks(r);
    ask(r, "{\"cmd\":\"SENT\"}", true);
    run_tasks(r);
    CHECK(strstr(r->f.reply, "\"reason\":\"identity-changed\"") != NULL);
    free_rig(r);
}

static void
stopping_answers_who_waits_and_becomes_idle(void)
{
    struct rig *r = new_rig(true);

    ask(r, "{\"cmd\":\"SEND\",\"payload\":{\"message\":\"x\"}}", true);
    run_tasks(r);
    lcp_pump_stop(r->pump);
    CHECK(strstr(r->f.reply, "\"state\":\"queued\"") != NULL);
    run_tasks(r);
    CHECK(lcp_pump_is_idle(r->pump));
    ask(r, "{\"cmd\":\"STATUS\"}", true);
    CHECK(strstr(r->f.reply, "\"code\":\"stopping\"") != NULL);
    free_rig(r);
}

int
main(void)
{
    nothing_is_acknowledged_before_it_is_stored();
    what_was_imported_is_known_whatever_its_content();
    a_full_disk_is_no_ack_and_passes();
    a_lost_fsync_says_nothing_more();
    a_send_is_answered_when_durable();
    an_ack_settles_and_is_told();
    one_id_is_one_message();
    a_bare_ack_archives_only_what_was_handed_out();
    a_reply_that_did_not_leave_hands_out_nothing();
    first_contact_pins_and_another_key_is_refused_loudly();
    a_peer_comes_back_at_once_with_another_key();
    one_key_at_two_places_pins_one(true);
    one_key_at_two_places_pins_one(false);
    the_key_of_another_peer_cannot_be_trusted();
    an_unsigned_claim_of_another_key_raises_no_alarm();
    a_ping_is_answered_once_and_kept_from_the_inbox();
    a_configured_key_that_contradicts_a_pin_is_an_error();
    a_ttl_goes_on_over_a_restart();
    queued_mail_of_a_former_name_that_was_sent_expires_visibly();
    stopping_answers_who_waits_and_becomes_idle();
    return check_end("pump");
}
