/* SPDX-License-Identifier: MIT
 *
 * The machine under any order of feeds, with tiny limits and virtual time. The bytes
 * are a program: each takes a step. Held to: no assert, nothing borrowed after it was
 * given back (payloads are freed then), no ACK for what was not stored, and in the end,
 * when all peers answer, every queued row is settled.
 */
#include <stdlib.h>

#include "base/crypto.h"
#include "core/frame.h"
#include "lcp/core.h"

enum { PEERS = 4, ROWS = 96, TICKETS = 8, SEQS = 64, PAYLOAD = 40 };

#define HOLDS(claim)  \
    do {              \
        if (!(claim)) \
            abort();  \
    } while (0)

struct row {
    uint32_t peer; /* by name */
    uint32_t offered_to;
    uint8_t *payload; /* lent to the machine */
    bool is_queued;
};

struct bench {
    const uint8_t *in;
    size_t left;
    struct lcp_core *core;
    uint64_t now_ms;
    uint32_t index[PEERS];
    bool answers[PEERS];
    struct row rows[ROWS];
    uint64_t row_count;
    struct lcp_output refills[PEERS];
    bool has_refill[PEERS], holds_refills;
    struct {
        uint64_t ticket;
        uint8_t id;
    } tickets[TICKETS];
    size_t ticket_count;
    uint32_t ids_of[SEQS]; /* bits of the ids that came with this number */
    uint32_t stored;       /* bits of the ids that were stored */
    bool was_beat[SEQS];
    uint32_t known[SEQS]; /* numbers of ours, to be acknowledged */
    uint32_t known_peer[SEQS];
    size_t known_count;
};

static const char *const names[PEERS] = {"p0", "p1", "p2", "p3"};
static struct lcp_key keys[PEERS];

static uint8_t
take(struct bench *b)
{
    if (b->left == 0)
        return 0;
    b->left--;
    return *b->in++;
}

static struct lcp_endpoint
place(uint32_t peer)
{
    return (struct lcp_endpoint){.ip = {1, (uint8_t)peer}, .port = 9528};
}

static uint32_t
name_of(const struct bench *b, uint32_t index)
{
    for (uint32_t i = 0; i < PEERS; i++)
        if (b->index[i] == index)
            return i;
    return PEERS;
}

static void
give_back(struct bench *b, uint64_t number)
{
    struct row *row = &b->rows[number & ~(UINT64_C(1) << 63)];

    free(row->payload);
    row->payload = NULL;
}

static bool
offer(struct bench *b, uint32_t index, uint64_t number, bool reserved)
{
    struct row *row = &b->rows[number & ~(UINT64_C(1) << 63)];
    uint8_t *payload = malloc(PAYLOAD);
    enum lcp_err err;

    HOLDS(payload != NULL);
    memset(payload, (int)number, PAYLOAD);
    err = lcp_core_offer(b->core, b->now_ms, index, number, lcp_span(payload, PAYLOAD),
                         reserved);
    if (err == LCP_OK) {
        HOLDS(row->payload == NULL);
        row->payload = payload;
        row->offered_to = index;
    } else {
        free(payload);
    }
    return err != LCP_EFULL;
}

static void
carry_out_refill(struct bench *b, const struct lcp_output *out)
{
    uint32_t peer = name_of(b, out->peer), left = out->count;
    uint64_t through = out->after, n = out->after + 1;

    for (; peer < PEERS && n <= b->row_count; n++) {
        if (!b->rows[n].is_queued || b->rows[n].peer != peer)
            continue;
        if (left-- == 0 || !offer(b, out->peer, n, false))
            break;
        through = n;
    }
    lcp_core_refilled(b->core, b->now_ms, out->peer, through, n <= b->row_count);
}

static void
sent(struct bench *b, const struct lcp_output *out)
{
    uint32_t peer = name_of(b, out->peer);
    struct lcp_frame frame;

    HOLDS(lcp_frame_decode(lcp_span(out->header, LCP_HEADER_BYTES), &frame) == LCP_OK);
    HOLDS(peer < PEERS && out->to.ip[1] == peer);
    if (frame.type == LCP_PACKET_ACK) {
        HOLDS(out->payload.len == 0);
        if (frame.seq < SEQS)
            HOLDS((b->ids_of[frame.seq] & b->stored) != 0);
        else
            HOLDS(frame.seq - SEQS < SEQS && b->was_beat[frame.seq - SEQS]);
        return;
    }
    for (size_t i = 1; i < out->payload.len; i++) /* alive and whole */
        HOLDS(out->payload.data[i] == out->payload.data[0]);
    b->known[b->known_count % SEQS] = frame.seq;
    b->known_peer[b->known_count++ % SEQS] = peer;
}

static void
poll(struct bench *b)
{
    struct lcp_output out;

    for (uint32_t steps = 0; lcp_core_poll(b->core, b->now_ms, &out); steps++) {
        uint32_t peer = name_of(b, out.peer);

        HOLDS(steps < 100000);
        if (out.kind == LCP_OUT_TX) {
            sent(b, &out);
        } else if (out.kind == LCP_OUT_ADMIT) {
            HOLDS(b->ticket_count < TICKETS);
            b->tickets[b->ticket_count].ticket = out.ticket;
            /* ...{"id":"X" */
            b->tickets[b->ticket_count++].id = out.payload.data[7];
        } else if (out.kind == LCP_OUT_SETTLED) {
            b->rows[out.number & ~(UINT64_C(1) << 63)].is_queued = false;
            give_back(b, out.number);
        } else if (out.kind == LCP_OUT_PARKED) {
            give_back(b, out.number);
        } else if (out.kind == LCP_OUT_REFILL && b->holds_refills && peer < PEERS) {
            HOLDS(!b->has_refill[peer]);
            b->has_refill[peer] = true;
            b->refills[peer] = out;
        } else if (out.kind == LCP_OUT_REFILL) {
            carry_out_refill(b, &out);
        }
    }
}

static void
packet(struct bench *b, uint32_t peer, uint8_t type, uint32_t seq,
       struct lcp_span payload)
{
    static uint8_t bytes[LCP_DATAGRAM_MAX];
    struct lcp_endpoint from = place(peer);

    lcp_frame_encode(seq, (enum lcp_packet_type)type, bytes);
    memcpy(bytes + LCP_HEADER_BYTES, payload.data, payload.len);
    lcp_core_datagram(b->core, b->now_ms, &from,
                      lcp_span(bytes, LCP_HEADER_BYTES + payload.len));
    poll(b);
}

static void
mail(struct bench *b)
{
    static const char rest[] =
        "\",\"from\":\"x\",\"to\":\"me\",\"timestamp\":"
        "\"2026-03-28T12:00:00Z\",\"type\":\"chat\",\"message\":\"\","
        "\"security\":{\"algo\":\"ed25519\",\"pubkey\":\"";
    char text[512] = "{\"id\":\"", key[LCP_KEY_B64 + 1], sig[LCP_SIG_B64 + 1];
    uint32_t peer = take(b) % PEERS, seq = take(b) % SEQS;
    uint8_t id = (uint8_t)('a' + take(b) % 16);

    lcp_key_print(&keys[take(b) % 8 == 0 ? (peer + 1) % PEERS : peer], key);
    memset(sig, 'A', LCP_SIG_B64);
    memcpy(sig + LCP_SIG_B64 - 2, "==", 3);
    text[7] = (char)id;
    strcat(text, rest);
    strcat(text, key);
    strcat(text, "\",\"signature\":\"");
    strcat(text, sig);
    strcat(text, take(b) % 8 == 0 ? "\"},\"more\":1}" : "\"}}");
    b->ids_of[seq] |= UINT32_C(1) << (id - 'a');
    packet(b, peer, LCP_PACKET_DATA, seq, lcp_span_str(text));
}

static void
end_admission(struct bench *b)
{
    size_t i = b->ticket_count == 0 ? 0 : take(b) % b->ticket_count;
    enum lcp_admission result = (enum lcp_admission)(take(b) % (LCP_ADM_LATER + 1));

    if (b->ticket_count == 0)
        return;
    /* Every number that came with this id may be answered from now on. */
    if (result == LCP_ADM_STORED || result == LCP_ADM_DUPLICATE)
        b->stored |= UINT32_C(1) << (b->tickets[i].id - 'a') % 32;
    lcp_core_admitted(b->core, b->now_ms, b->tickets[i].ticket, result,
                      take(b) % 4 == 0 ? keys[take(b) % PEERS].bytes : NULL);
    b->tickets[i] = b->tickets[--b->ticket_count];
    poll(b);
}

static void
put(struct bench *b, uint32_t peer, bool has_key)
{
    struct lcp_core_peer p = {
        .name = names[peer],
        .endpoint = place(peer),
        .has_key = has_key,
    };

    memcpy(p.key, keys[peer].bytes, sizeof(p.key));
    if (lcp_core_peer_put(b->core, b->now_ms, &p, &b->index[peer]) != LCP_OK)
        return;
    poll(b);
}

static void
del(struct bench *b, uint32_t peer)
{
    lcp_core_peer_del(b->core, b->now_ms, b->index[peer]);
    poll(b);
    if (b->has_refill[peer])
        lcp_core_refilled(b->core, b->now_ms, b->index[peer], 0, false);
    b->has_refill[peer] = false;
    b->index[peer] = LCP_NO_PEER;
}

static void
queue(struct bench *b, uint32_t peer, uint8_t how)
{
    uint64_t number = b->row_count + 1;

    if (number >= ROWS || b->index[peer] == LCP_NO_PEER)
        return;
    b->row_count++;
    b->rows[number].peer = peer;
    if (how == 0) {
        offer(b, b->index[peer], number | UINT64_C(1) << 63, false);
    } else if (lcp_core_reserve(b->core, b->now_ms, b->index[peer], PAYLOAD)) {
        b->rows[number].is_queued = true;
        if (how < 3) {
            HOLDS(offer(b, b->index[peer], number, true));
        } else {
            lcp_core_unreserve(b->core, b->index[peer], PAYLOAD);
            lcp_core_queued(b->core, b->now_ms, b->index[peer]);
        }
    } else {
        b->rows[number].is_queued = true;
        lcp_core_queued(b->core, b->now_ms, b->index[peer]);
    }
    poll(b);
}

static void
forget(struct bench *b)
{
    uint64_t number = b->row_count == 0 ? 0 : 1 + take(b) % b->row_count;
    bool is_ephemeral;

    if (number == 0)
        return;
    is_ephemeral = !b->rows[number].is_queued && b->rows[number].payload != NULL;
    lcp_core_forget(b->core, b->now_ms,
                    is_ephemeral ? number | UINT64_C(1) << 63 : number,
                    take(b) % 2 == 0);
    b->rows[number].is_queued = false;
    give_back(b, number);
    poll(b);
}

static void
end_refill(struct bench *b, uint32_t peer, bool is_well)
{
    if (!b->has_refill[peer])
        return;
    b->has_refill[peer] = false;
    if (is_well)
        carry_out_refill(b, &b->refills[peer]);
    else
        lcp_core_refill_failed(b->core, b->now_ms, b->refills[peer].peer);
    poll(b);
}

static void
answer(struct bench *b, size_t i)
{
    if (i < b->known_count)
        packet(b, b->known_peer[i % SEQS], LCP_PACKET_ACK, b->known[i % SEQS],
               lcp_span("", 0));
}

static void
step(struct bench *b)
{
    uint8_t what = take(b), how = take(b);
    uint32_t peer = how % PEERS;

    switch (what % 16) {
    case 0:
        b->now_ms += how;
        break;
    case 1:
        b->now_ms += how * UINT64_C(1000); /* often found to have slept */
        break;
    case 2:
    case 3: {
        uint64_t next = lcp_core_next_ms(b->core);

        b->now_ms = next != LCP_NEVER && next > b->now_ms ? next : b->now_ms;
        break;
    }
    case 4:
    case 5:
        mail(b);
        break;
    case 6:
    case 7:
        end_admission(b);
        break;
    case 8:
    case 9:
        queue(b, peer, how / PEERS % 8);
        break;
    case 10:
        answer(b, b->known_count - 1 -
                      how % (b->known_count < SEQS ? b->known_count + 1 : SEQS));
        break;
    case 11:
        b->was_beat[take(b) % SEQS] = true;
        for (uint32_t i = 0; i < SEQS; i++)
            if (b->was_beat[i])
                packet(b, peer, LCP_PACKET_HEARTBEAT, SEQS + i, lcp_span("", 0));
        break;
    case 12:
        b->holds_refills = how % 2;
        end_refill(b, how / 2 % PEERS, how / 8 % 4 != 0);
        break;
    case 13:
        forget(b);
        break;
    case 14:
        if (how / PEERS % 4 == 0)
            del(b, peer);
        else
            put(b, peer, how / PEERS % 2);
        break;
    default: { /* anything at all */
        size_t len = how < b->left ? how : b->left;
        struct lcp_endpoint from = place(peer);

        if (len < LCP_HEADER_BYTES || b->in[8] != LCP_PACKET_HEARTBEAT)
            lcp_core_datagram(b->core, b->now_ms, &from, lcp_span(b->in, len));
        b->in += len;
        b->left -= len;
        break;
    }
    }
    poll(b);
}

/* All peers answer at once, for an hour: nothing may be left. */
static void
settle_everything(struct bench *b)
{
    uint64_t end = b->now_ms + 3600000;

    b->holds_refills = false;
    for (uint32_t i = 0; i < PEERS; i++)
        end_refill(b, i, true);
    while (b->now_ms < end) {
        size_t from = b->known_count;
        uint64_t next;

        poll(b);
        for (size_t i = from; i < b->known_count; i++)
            answer(b, i);
        next = lcp_core_next_ms(b->core);
        if (next == LCP_NEVER)
            break;
        b->now_ms = next > b->now_ms ? next : b->now_ms;
    }
    for (uint64_t n = 1; n <= b->row_count; n++)
        HOLDS(!b->rows[n].is_queued || b->index[b->rows[n].peer] == LCP_NO_PEER);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct lcp_core_config config = {
        .name = "me",
        .key = {99},
        .limits = {.peers_max = 3,
                   .inflight_max = 10,
                   .parked_max = 4,
                   .admissions_max = 6,
                   .admissions_peer_max = 4},
    };
    size_t memory_size = lcp_core_size(&config.limits);
    void *memory = malloc(memory_size);
    static struct bench b;

    for (uint32_t i = 0; i < PEERS; i++) {
        struct lcp_identity identity;
        uint8_t seed[LCP_SEED_BYTES] = {(uint8_t)(1 + i)};

        lcp_identity_from_seed(seed, &identity);
        keys[i] = identity.key;
    }
    b = (struct bench){.in = data, .left = size, .now_ms = 1000};
    HOLDS(memory != NULL);
    HOLDS(lcp_core_init(memory, memory_size, &config, b.now_ms, &b.core) == LCP_OK);
    for (uint32_t i = 0; i < PEERS; i++)
        b.index[i] = LCP_NO_PEER;
    put(&b, 0, true);
    put(&b, 1, false);
    while (b.left > 0)
        step(&b);
    settle_everything(&b);
    for (uint64_t n = 0; n < ROWS; n++)
        free(b.rows[n].payload);
    free(memory);
    return 0;
}
