/* SPDX-License-Identifier: MIT
 *
 * The machine on a test bench: a virtual clock, a queue of rows behind REFILL, peers
 * that answer after 10 ms or not at all, and a trace of what came out.
 */
#ifndef LCP_TESTS_CORE_RIG_H
#define LCP_TESTS_CORE_RIG_H

#include <inttypes.h>
#include <stdarg.h>

#include "base/crypto.h"
#include "core/frame.h"
#include "lcp/core.h"

#include "check.h"

enum {
    RIG_PEERS = 4,
    RIG_ROWS = 256,
    RIG_TX = 16384,
    RIG_ANSWERS = 4096,
    RIG_RTT_MS = 10,
    RIG_TRACE = 16384,
};

struct rig_tx {
    uint64_t at_ms, number; /* number 0: no DATA */
    uint32_t peer, seq;
    uint8_t type;
    bool has_echo; /* HELLO */
    uint8_t nonce[LCP_NONCE_BYTES], echo[LCP_NONCE_BYTES];
};

struct rig_answer {
    uint64_t due_ms;
    uint32_t peer, seq;
};

struct rig {
    struct lcp_core *core;
    void *memory;
    char boot[17]; /* in HELLO */
    uint64_t now_ms;
    struct lcp_identity us, them[RIG_PEERS];
    struct lcp_endpoint ends[RIG_PEERS];
    uint32_t index[RIG_PEERS];

    /* The caller's queue. Numbers count from 1; a refused row is never acknowledged. */
    struct {
        uint32_t peer;
        bool is_queued, is_refused;
        char payload[16];
    } rows[RIG_ROWS];
    size_t row_count;
    bool holds_refills;       /* leave REFILL to the test */
    struct lcp_output refill; /* the last one */

    bool answers[RIG_PEERS]; /* ACKs what it gets */
    bool verifies;           /* every HELLO that arrives is found valid at once */
    struct rig_answer due[RIG_ANSWERS];
    size_t due_count;

    struct rig_tx tx[RIG_TX];
    size_t tx_count;
    struct lcp_output last[LCP_OUT_VERSION + 1]; /* of each kind */
    uint32_t kinds[LCP_OUT_VERSION + 1];
    bool traces_beats;
    char trace[RIG_TRACE];
    size_t trace_len;
};

static inline void rig_say(struct rig *rig, const char *format, ...) LCP_PRINTF(2, 3);
static inline void
rig_say(struct rig *rig, const char *format, ...)
{
    va_list args;
    size_t left = sizeof(rig->trace) - rig->trace_len;
    int len;

    va_start(args, format);
    len = snprintf(rig->trace + rig->trace_len, left, "%6" PRIu64 " ", rig->now_ms);
    rig->trace_len += (size_t)len < left ? (size_t)len : left - 1;
    left = sizeof(rig->trace) - rig->trace_len;
    len = vsnprintf(rig->trace + rig->trace_len, left, format, args);
    rig->trace_len += (size_t)len < left ? (size_t)len : left - 1;
    va_end(args);
}

static inline struct lcp_core_config
rig_config(struct rig *rig)
{
    struct lcp_core_config config = {.name = "me", .random_seed = {42}};
    uint8_t seed[LCP_SEED_BYTES] = {1};

    lcp_identity_from_seed(seed, &rig->us);
    memcpy(config.key, rig->us.key.bytes, sizeof(config.key));
    return config;
}

static inline void
rig_open(struct rig *rig, const struct lcp_core_config *config)
{
    size_t size = lcp_core_size(&config->limits);

    memset(rig, 0, sizeof(*rig));
    rig->memory = malloc(size);
    REQUIRE(rig->memory != NULL);
    rig->now_ms = 1000;
    REQUIRE(lcp_core_init(rig->memory, size, config, rig->now_ms, &rig->core) ==
            LCP_OK);
    memcpy(rig->us.key.bytes, config->key, LCP_KEY_BYTES);
    for (uint32_t i = 0; i < RIG_PEERS; i++) {
        uint8_t seed[LCP_SEED_BYTES] = {(uint8_t)(2 + i)};

        lcp_identity_from_seed(seed, &rig->them[i]);
        rig->ends[i] = (struct lcp_endpoint){.ip = {10, [15] = (uint8_t)i},
                                             .port = 9528};
        rig->index[i] = LCP_NO_PEER;
    }
}

static inline void
rig_new(struct rig *rig)
{
    struct lcp_core_config config = rig_config(rig);

    rig_open(rig, &config);
}

static inline void
rig_free(struct rig *rig)
{
    free(rig->memory);
}

static inline enum lcp_err
rig_put(struct rig *rig, uint32_t peer, bool has_key)
{
    char name[8] = {'p', (char)('0' + peer)};
    struct lcp_core_peer put = {
        .name = name,
        .endpoint = rig->ends[peer],
        .has_key = has_key,
    };

    memcpy(put.key, rig->them[peer].key.bytes, sizeof(put.key));
    return lcp_core_peer_put(rig->core, rig->now_ms, &put, &rig->index[peer]);
}

static inline void
rig_packet(struct rig *rig, uint32_t peer, uint8_t type, uint32_t seq,
           const char *payload)
{
    static uint8_t bytes[LCP_DATAGRAM_MAX];
    size_t len = strlen(payload);

    REQUIRE(len <= LCP_PAYLOAD_MAX);
    lcp_frame_encode(seq, (enum lcp_packet_type)type, bytes);
    memcpy(bytes + LCP_HEADER_BYTES, payload, len);
    lcp_core_datagram(rig->core, rig->now_ms, &rig->ends[peer],
                      lcp_span(bytes, LCP_HEADER_BYTES + len));
}

/* Queued rows behind `after`, as the store would find them. */
static inline void
rig_refill(struct rig *rig, const struct lcp_output *out)
{
    uint64_t through = out->after, left = out->count;
    size_t i = (size_t)out->after;
    bool more = false;

    for (; i < rig->row_count; i++) {
        if (!rig->rows[i].is_queued || rig->index[rig->rows[i].peer] != out->peer)
            continue;
        more = left == 0;
        if (more)
            break;
        left--;
        through = i + 1;
        switch (lcp_core_offer(rig->core, rig->now_ms, out->peer, i + 1,
                               lcp_span_str(rig->rows[i].payload), false)) {
        case LCP_OK:
        case LCP_EEXIST:
        case LCP_EFULL:
            break;
        default:
            CHECK(!"offer said something else");
        }
    }
    lcp_core_refilled(rig->core, rig->now_ms, out->peer, through, more);
}

static inline uint64_t
rig_queue(struct rig *rig, uint32_t peer)
{
    uint64_t number = ++rig->row_count;

    REQUIRE(number <= RIG_ROWS);
    rig->rows[number - 1].peer = peer;
    rig->rows[number - 1].is_queued = true;
    snprintf(rig->rows[number - 1].payload, sizeof(rig->rows[0].payload), "n%" PRIu64,
             number);
    lcp_core_queued(rig->core, rig->now_ms, rig->index[peer]);
    return number;
}

static inline uint32_t
rig_peer_of(const struct rig *rig, uint32_t index)
{
    for (uint32_t i = 0; i < RIG_PEERS; i++)
        if (rig->index[i] == index)
            return i;
    return RIG_PEERS;
}

static inline void
rig_sent(struct rig *rig, const struct lcp_output *out)
{
    struct rig_tx *tx = &rig->tx[rig->tx_count++];
    uint32_t peer = rig_peer_of(rig, out->peer);
    struct lcp_frame frame;
    bool is_refused = false;

    REQUIRE(rig->tx_count < RIG_TX && peer < RIG_PEERS);
    REQUIRE(lcp_frame_decode(lcp_span(out->header, LCP_HEADER_BYTES), &frame) ==
            LCP_OK);
    *tx = (struct rig_tx){rig->now_ms,   0,   peer, frame.seq, frame.type,
                          out->has_echo, {0}, {0}};
    memcpy(tx->nonce, out->nonce, sizeof(tx->nonce));
    memcpy(tx->echo, out->echo, sizeof(tx->echo));
    if (frame.type == LCP_PACKET_DATA) {
        tx->number = strtoull((const char *)out->payload.data + 1, NULL, 10);
        if (tx->number >= 1 && tx->number <= rig->row_count)
            is_refused = rig->rows[tx->number - 1].is_refused;
        rig_say(rig, "p%u data %" PRIu64 "\n", (unsigned)peer, tx->number);
    } else if (frame.type == LCP_PACKET_ACK) {
        rig_say(rig, "p%u ack %u\n", (unsigned)peer, (unsigned)frame.seq);
    } else if (frame.type == LCP_PACKET_RECEIPT) {
        rig_say(rig, "p%u receipt\n", (unsigned)peer);
    } else if (rig->traces_beats) {
        rig_say(rig, "p%u beat\n", (unsigned)peer);
    }
    if (rig->answers[peer] && !is_refused && frame.type != LCP_PACKET_ACK) {
        REQUIRE(rig->due_count < RIG_ANSWERS);
        rig->due[rig->due_count++] = (struct rig_answer){rig->now_ms + RIG_RTT_MS, peer,
                                                         frame.seq};
    }
}

static inline void
rig_take(struct rig *rig, const struct lcp_output *out)
{
    unsigned peer = (unsigned)rig_peer_of(rig, out->peer);

    rig->kinds[out->kind]++;
    rig->last[out->kind] = *out;
    switch (out->kind) {
    case LCP_OUT_TX:
    case LCP_OUT_HELLO_SIGN:
        rig_sent(rig, out);
        break;
    case LCP_OUT_ADMIT:
        rig_say(rig, "p%u admit\n", peer);
        break;
    case LCP_OUT_REFILL:
        rig_say(rig, "p%u refill after %" PRIu64 " count %u\n", peer, out->after,
                (unsigned)out->count);
        if (!rig->holds_refills)
            rig_refill(rig, out);
        break;
    case LCP_OUT_SETTLED:
        if (out->number >= 1 && out->number <= rig->row_count)
            rig->rows[out->number - 1].is_queued = false;
        rig_say(rig, "p%u settled %" PRIu64 " rtt %u\n", peer, out->number,
                (unsigned)out->rtt_ms);
        break;
    case LCP_OUT_PARKED:
        rig_say(rig, "p%u parked %" PRIu64 "\n", peer, out->number);
        break;
    case LCP_OUT_ONLINE:
        rig_say(rig, "p%u online\n", peer);
        break;
    case LCP_OUT_OFFLINE:
        rig_say(rig, "p%u offline after %" PRIu64 "\n", peer, out->silent_ms);
        break;
    case LCP_OUT_ALARM:
        rig_say(rig, "p%u alarm %d\n", peer, (int)out->alarm);
        break;
    case LCP_OUT_HELLO:
        rig_say(rig, "p%u hello?\n", peer);
        if (rig->verifies)
            lcp_core_hello(rig->core, rig->now_ms, out->ticket, true, NULL);
        break;
    case LCP_OUT_RECEIPT:
        rig_say(rig, "p%u receipt?\n", peer);
        break;
    case LCP_OUT_NEWS:
        rig_say(rig, "p%u news?\n", peer);
        break;
    case LCP_OUT_VERSION:
        rig_say(rig, "p%u speaks 1.2\n", peer);
        break;
    }
}

static inline void
rig_poll(struct rig *rig)
{
    struct lcp_output out;

    while (lcp_core_poll(rig->core, rig->now_ms, &out))
        rig_take(rig, &out);
}

/* Lets the clock go, from one event to the next, to t_ms and what is due then. */
static inline void
rig_run_to(struct rig *rig, uint64_t t_ms)
{
    rig_poll(rig);
    for (;;) {
        uint64_t next = lcp_core_next_ms(rig->core);
        size_t answer = rig->due_count;

        for (size_t i = 0; i < rig->due_count; i++)
            if (rig->due[i].due_ms < next ||
                (rig->due[i].due_ms == next && answer == i)) {
                next = rig->due[i].due_ms;
                answer = i;
            }
        if (next > t_ms)
            break;
        if (next > rig->now_ms)
            rig->now_ms = next;
        if (answer < rig->due_count) {
            struct rig_answer a = rig->due[answer];

            memmove(&rig->due[answer], &rig->due[answer + 1],
                    (--rig->due_count - answer) * sizeof(a));
            rig_packet(rig, a.peer, LCP_PACKET_ACK, a.seq, "");
        }
        rig_poll(rig);
    }
    rig->now_ms = t_ms;
    rig_poll(rig);
}

static inline void
rig_run(struct rig *rig, uint64_t ms)
{
    rig_run_to(rig, rig->now_ms + ms);
}

/* Compares what came out since the last look. */
static inline void
rig_expect(struct rig *rig, const char *label, const char *want)
{
    check_that(strcmp(rig->trace, want) == 0, label, "trace", __FILE__, __LINE__);
    if (strcmp(rig->trace, want) != 0)
        fprintf(stderr, "--- got\n%s--- want\n%s", rig->trace, want);
    rig->trace_len = 0;
    rig->trace[0] = '\0';
}

static inline void
rig_hush(struct rig *rig)
{
    rig->trace_len = 0;
    rig->trace[0] = '\0';
}

/* Datagrams of a type put out from tx[from] on, to this peer. */
static inline size_t
rig_count_tx(const struct rig *rig, size_t from, uint32_t peer, uint8_t type)
{
    size_t count = 0;

    for (size_t i = from; i < rig->tx_count; i++)
        count += rig->tx[i].peer == peer && rig->tx[i].type == type;
    return count;
}

/* The newest transmission to a peer. */
static inline const struct rig_tx *
rig_last_tx(const struct rig *rig, uint32_t peer, uint8_t type)
{
    for (size_t i = rig->tx_count; i > 0; i--)
        if (rig->tx[i - 1].peer == peer && rig->tx[i - 1].type == type)
            return &rig->tx[i - 1];
    REQUIRE(!"nothing was put out");
    return NULL;
}

static inline struct lcp_core_peer_view
rig_view(const struct rig *rig, uint32_t peer)
{
    struct lcp_core_peer_view view = {.inflight = UINT32_MAX};

    REQUIRE(lcp_core_peer_view(rig->core, rig->now_ms, rig->index[peer], &view));
    return view;
}

static inline uint64_t
rig_counter(const struct rig *rig, enum lcp_counter counter)
{
    return lcp_core_counter(rig->core, counter);
}

/* A message as a peer would send it; the machine leaves its signature to the admission.
 */
static inline const char *
rig_message(const struct lcp_key *key, const char *to, const char *id, const char *body)
{
    static char text[1024];
    char key_text[LCP_KEY_B64 + 1], sig_text[LCP_SIG_B64 + 1];

    lcp_key_print(key, key_text);
    memset(sig_text, 'A', LCP_SIG_B64);
    memcpy(sig_text + LCP_SIG_B64 - 2, "==", 3);
    snprintf(
        text, sizeof(text),
        "{\"id\":\"%s\",\"from\":\"them\",\"to\":\"%s\",\"timestamp\":"
        "\"2026-03-28T12:00:00+00:00\",\"type\":\"chat\",\"message\":\"%s\","
        "\"security\":{\"algo\":\"ed25519\",\"pubkey\":\"%s\",\"signature\":\"%s\"}}",
        id, to, body, key_text, sig_text);
    return text;
}

/* A good message arrives; the ticket of its admission, 0 if none was put out. */
static inline uint64_t
rig_mail(struct rig *rig, uint32_t peer, uint32_t seq, const char *id, const char *body)
{
    uint32_t before = rig->kinds[LCP_OUT_ADMIT];

    rig_packet(rig, peer, LCP_PACKET_DATA, seq,
               rig_message(&rig->them[peer].key, "me", id, body));
    rig_poll(rig);
    return rig->kinds[LCP_OUT_ADMIT] > before ? rig->last[LCP_OUT_ADMIT].ticket : 0;
}

static inline void
rig_admitted(struct rig *rig, uint64_t ticket, enum lcp_admission result)
{
    lcp_core_admitted(rig->core, rig->now_ms, ticket, result, NULL);
    rig_poll(rig);
}

#endif
