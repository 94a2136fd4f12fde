/* SPDX-License-Identifier: MIT
 *
 * Many at once: a forger at a peer's address, a thousand peers that come back, peers
 * that are dead. In virtual time, bounded.
 */
#include "rig_words.h"

static struct rig rig, sender;

/* A forger. */

enum {
    JUNK_PER_MS = 50, /* 50,000 a second */
    REAL = 100,
    COMMIT_MS = 2,
};

struct flood {
    char junk[1024];
    size_t len;
    char *id; /* eight digits in it */
    uint64_t made;
    bool repeats; /* the same bytes each time */
    size_t carried[2];
    struct {
        uint64_t ticket, due_ms;
    } jobs[1024];
    size_t job_head, job_tail;
    uint64_t stored_ms[REAL + 1]; /* by number; 0: not yet */
    uint32_t stored;
};

static struct flood flood;

static void
throw_junk(void)
{
    static uint8_t bytes[LCP_DATAGRAM_MAX];

    if (flood.made == 0) {
        flood.len = strlen(rig_message(&rig.them[0].key, "me", "junk00000000", "x"));
        memcpy(flood.junk, rig_message(&rig.them[0].key, "me", "junk00000000", "x"),
               flood.len + 1);
        flood.id = strstr(flood.junk, "junk") + 4;
        lcp_frame_encode(7, LCP_PACKET_DATA, bytes);
    }
    flood.made++;
    for (uint64_t n = flood.repeats ? 0 : flood.made, i = 0; i < 8; i++, n /= 10)
        flood.id[i] = (char)('0' + n % 10);
    memcpy(bytes + LCP_HEADER_BYTES, flood.junk, flood.len);
    lcp_core_datagram(rig.core, rig.now_ms, &rig.ends[0],
                      lcp_span(bytes, LCP_HEADER_BYTES + flood.len));
}

/* What the receiver's machine puts out: junk is found forged, real ones are stored. */
static void
receive_step(void)
{
    struct lcp_output out;

    while (lcp_core_poll(rig.core, rig.now_ms, &out)) {
        if (out.kind == LCP_OUT_ADMIT) {
            const struct lcp_msg *msg = out.message;
            bool is_real = msg->id[0] == 'n';

            if (is_real) {
                uint64_t number = strtoull(msg->id + 1, NULL, 10);

                if (flood.stored_ms[number] == 0) {
                    flood.stored_ms[number] = rig.now_ms;
                    flood.stored++;
                }
            }
            /* A verification and a commit take a moment; the low bit says which. */
            flood.jobs[flood.job_tail % COUNT_OF(flood.jobs)].ticket =
                is_real ? out.ticket : out.ticket | UINT64_C(1) << 63;
            flood.jobs[flood.job_tail++ % COUNT_OF(flood.jobs)].due_ms = rig.now_ms +
                                                                         COMMIT_MS;
        } else if (out.kind == LCP_OUT_TX) {
            struct lcp_frame frame;

            REQUIRE(lcp_frame_decode(lcp_span(out.header, LCP_HEADER_BYTES), &frame) ==
                    LCP_OK);
            REQUIRE(sender.due_count < RIG_ANSWERS);
            sender.due[sender.due_count++] = (struct rig_answer){
                sender.now_ms + RIG_RTT_MS / 2, 0, frame.seq};
        } else if (out.kind == LCP_OUT_REFILL) {
            lcp_core_refilled(rig.core, rig.now_ms, out.peer, 0, false);
        }
    }
    while (flood.job_head != flood.job_tail &&
           flood.jobs[flood.job_head % COUNT_OF(flood.jobs)].due_ms <= rig.now_ms) {
        uint64_t ticket = flood.jobs[flood.job_head++ % COUNT_OF(flood.jobs)].ticket;
        bool is_real = ticket >> 63 == 0;

        lcp_core_admitted(rig.core, rig.now_ms, ticket & ~(UINT64_C(1) << 63),
                          is_real ? LCP_ADM_STORED : LCP_ADM_BADSIG, NULL);
    }
}

/* The sender's transmissions arrive after half a round trip. */
static void
carry_real(void)
{
    for (; flood.carried[0] < sender.tx_count; flood.carried[0]++) {
        const struct rig_tx *tx = &sender.tx[flood.carried[0]];
        char id[16];

        if (tx->at_ms + RIG_RTT_MS / 2 > sender.now_ms)
            break;
        if (tx->type != LCP_PACKET_DATA)
            continue;
        snprintf(id, sizeof(id), "n%u", (unsigned)tx->number);
        rig_packet(&rig, 0, LCP_PACKET_DATA, tx->seq,
                   rig_message(&rig.them[0].key, "me", id, "real"));
        receive_step();
    }
}

static void
under_a_flood(const char *label, bool repeats, uint64_t limit_ms)
{
    uint64_t began, worst = 0;

    memset(&flood, 0, sizeof(flood));
    flood.repeats = repeats;
    rig_new(&rig);
    rig_new(&sender);
    REQUIRE(rig_put(&rig, 0, true) == LCP_OK);
    REQUIRE(rig_put(&sender, 0, true) == LCP_OK);
    rig_run(&sender, 1);
    for (int ms = 0; ms < 100; ms++, rig.now_ms++, receive_step())
        for (int i = 0; i < JUNK_PER_MS;
             i++) /* the buckets are empty when mail comes */
            throw_junk();
    began = rig.now_ms;
    for (int i = 0; i < REAL; i++)
        rig_queue(&sender, 0);
    while (flood.stored < REAL && rig.now_ms - began < 30000) {
        for (int i = 0; i < JUNK_PER_MS; i++) {
            throw_junk();
            receive_step();
        }
        rig_run(&sender, 1);
        rig.now_ms++;
        carry_real();
        receive_step();
    }
    for (int i = 1; i <= REAL; i++)
        if (flood.stored_ms[i] - began > worst)
            worst = flood.stored_ms[i] - began;
    printf("%s: %u of %d stored, the last after %llu ms, %llu forged\n", label,
           (unsigned)flood.stored, REAL, (unsigned long long)worst,
           (unsigned long long)flood.made);
    CHECK_ROW(label, flood.stored == REAL);
    CHECK_ROW(label, worst <= limit_ms);
    rig_free(&rig);
    rig_free(&sender);
}

/* Peers by the thousand. */

static struct lcp_core *core;
static void *memory;

static void
open_crowd(uint32_t peers, enum lcp_version version)
{
    struct lcp_core_config config = rig_config(&rig);
    size_t size;

    config.limits.peers_max = peers;
    size = lcp_core_size(&config.limits);
    memory = malloc(size);
    REQUIRE(memory != NULL);
    REQUIRE(lcp_core_init(memory, size, &config, 1000, &core) == LCP_OK);
    for (uint32_t i = 0; i < peers; i++) {
        char name[16];
        struct lcp_core_peer peer = {
            .name = name, .endpoint = {.port = 1}, .has_key = true, .version = version};

        snprintf(name, sizeof(name), "peer-%u", (unsigned)i);
        memcpy(peer.endpoint.ip, &i, sizeof(i));
        memcpy(peer.key, &i, sizeof(i));
        peer.key[31] = 1;
        REQUIRE(lcp_core_peer_put(core, 1000, &peer, NULL) == LCP_OK);
    }
}

struct crowd {
    uint32_t greetings, data, settled, most_greetings, most_data;
    uint32_t window_greetings, window_data; /* in these 100 ms */
    bool is_answering;
    uint32_t living;   /* with is_answering false: only this one answers */
    uint8_t got[1000]; /* of the peers: message settled */
    struct rig_answer acks[4096];
    size_t ack_count;
};

static struct crowd crowd;

static void
crowd_take(uint64_t now_ms, const struct lcp_output *out)
{
    static const char text[] = "n1";
    struct lcp_frame frame;

    switch (out->kind) {
    case LCP_OUT_REFILL: /* everybody has a message, whose number is the peer's */
        if (out->after < out->peer + 1 && !crowd.got[out->peer])
            (void)!lcp_core_offer(core, now_ms, out->peer, out->peer + 1,
                                  lcp_span_str(text), false);
        lcp_core_refilled(core, now_ms, out->peer, out->peer + 1, false);
        break;
    case LCP_OUT_HELLO_SIGN:
    case LCP_OUT_TX:
        crowd.greetings += out->kind == LCP_OUT_HELLO_SIGN;
        crowd.window_greetings += out->kind == LCP_OUT_HELLO_SIGN;
        crowd.data += out->kind == LCP_OUT_TX;
        crowd.window_data += out->kind == LCP_OUT_TX;
        REQUIRE(lcp_frame_decode(lcp_span(out->header, LCP_HEADER_BYTES), &frame) ==
                LCP_OK);
        if ((crowd.is_answering || out->peer == crowd.living) &&
            crowd.ack_count < COUNT_OF(crowd.acks))
            crowd.acks[crowd.ack_count++] = (struct rig_answer){now_ms + RIG_RTT_MS,
                                                                out->peer, frame.seq};
        break;
    case LCP_OUT_SETTLED:
        crowd.got[out->number - 1] = 1;
        crowd.settled++;
        break;
    default:
        break;
    }
}

static void
crowd_run(uint64_t from_ms, uint64_t to_ms, uint64_t step_ms)
{
    for (uint64_t now = from_ms; now < to_ms; now += step_ms) {
        struct lcp_output out;
        size_t kept = 0, count = crowd.ack_count;

        if (now % 100 == 0)
            crowd.window_greetings = crowd.window_data = 0;
        for (size_t i = 0; i < count; i++) {
            struct rig_answer a = crowd.acks[i];
            struct lcp_endpoint end = {.port = 1};
            uint8_t bytes[LCP_HEADER_BYTES];

            if (a.due_ms > now) {
                crowd.acks[kept++] = a;
                continue;
            }
            memcpy(end.ip, &a.peer, sizeof(a.peer));
            lcp_frame_encode(a.seq, LCP_PACKET_ACK, bytes);
            lcp_core_datagram(core, now, &end, lcp_span(bytes, sizeof(bytes)));
        }
        crowd.ack_count = kept;
        while (lcp_core_poll(core, now, &out))
            crowd_take(now, &out);
        if (crowd.window_greetings > crowd.most_greetings)
            crowd.most_greetings = crowd.window_greetings;
        if (crowd.window_data > crowd.most_data)
            crowd.most_data = crowd.window_data;
    }
}

static void
a_thousand_returning_peers_do_not_burst(void)
{
    enum { PEERS = 1000 };
    uint64_t back = 400000;

    memset(&crowd, 0, sizeof(crowd));
    crowd.living = LCP_NO_PEER;
    open_crowd(PEERS, LCP_VERSION_1_1);
    crowd_run(1000, back, 100);
    CHECK(crowd.settled == 0);
    /* Dead ones cost little: after the first minutes not one packet each 100 s. */
    crowd.data = crowd.greetings = 0;
    crowd_run(back, back + 100000, 100);
    CHECK(crowd.greetings < PEERS && crowd.data < PEERS);
    crowd.most_greetings = crowd.most_data = 0;
    crowd.is_answering = true;
    lcp_core_hurry(core, back + 100000); /* the network is there again */
    crowd_run(back + 100000, back + 104000, 1);
    CHECK(crowd.settled == PEERS);
    CHECK(crowd.most_greetings <= 200);
    CHECK(crowd.most_data <= 300);
    printf("returning: at most %u hellos and %u messages in 100 ms\n",
           (unsigned)crowd.most_greetings, (unsigned)crowd.most_data);
    free(memory);
}

static void
the_dead_do_not_starve_the_living(void)
{
    enum { PEERS = 1000 };
    struct lcp_core_peer_view view;
    uint32_t inflight = 0;

    memset(&crowd, 0, sizeof(crowd));
    crowd.living = 777;
    open_crowd(PEERS, LCP_VERSION_1_1);
    CHECK(!lcp_core_reserve(core, 1000, 999, 10)); /* its queue goes before */
    crowd_run(1000, 1001, 1);
    CHECK(crowd.greetings == 101); /* the first hundred, and whom somebody writes to */
    crowd_run(1001, 3000, 1);
    CHECK(crowd.got[777] == 1); /* mail goes before most of the dead had their tries */
    for (uint32_t i = 0; i < PEERS; i++) {
        REQUIRE(lcp_core_peer_view(core, 3000, i, &view));
        inflight += view.inflight;
        CHECK(view.window == 1 || i == 777);
    }
    CHECK(inflight > 0 && inflight <= 256);
    CHECK(lcp_core_reserve(core, 3000, 777, 1000));
    CHECK(lcp_core_peer_view(core, 3000, 777, &view) && view.is_online);
    free(memory);
}

/* Three peers, one of which floods with honest work. */
static void
turns_before_admission_leave_room_for_the_others(void)
{
    struct lcp_core_config config = rig_config(&rig);
    uint32_t taken[3] = {0};

    config.limits.admissions_max = 16;
    config.limits.admissions_peer_max = 16;
    rig_open(&rig, &config);
    for (uint32_t p = 0; p < 3; p++)
        REQUIRE(rig_put(&rig, p, true) == LCP_OK);
    for (uint32_t p = 0; p < 3; p++)
        for (uint32_t i = 0; i < 20; i++) {
            char id[8];

            snprintf(id, sizeof(id), "m%u", (unsigned)i);
            taken[p] += rig_mail(&rig, p, i, id, "") != 0;
        }
    CHECK(taken[0] == 8 && taken[1] == 4 && taken[2] == 2);
    rig_free(&rig);
}

int
main(void)
{
    REQUIRE(lcp_crypto_init() == LCP_OK);
    under_a_flood("fresh junk", false, 30000);
    under_a_flood("the same junk", true, 5000);
    a_thousand_returning_peers_do_not_burst();
    the_dead_do_not_starve_the_living();
    turns_before_admission_leave_room_for_the_others();
    return check_end("crowd");
}
