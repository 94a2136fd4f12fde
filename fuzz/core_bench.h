/* SPDX-License-Identifier: MIT
 *
 * Of fuzz_core.c: the world around the machine. It carries out what the machine puts
 * out, remembers what it lent and what came, and holds it to that.
 */
#ifndef LCP_FUZZ_CORE_BENCH_H
#define LCP_FUZZ_CORE_BENCH_H

#include <stdio.h>
#include <stdlib.h>

#include "base/crypto.h"
#include "base/text.h"
#include "core/frame.h"
#include "core/receipt.h"
#include "lcp/core.h"

enum { PEERS = 4, ROWS = 96, TICKETS = 8, SEQS = 64, PAYLOAD = 40, WORDS = 3 };

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
    uint64_t known_number[SEQS]; /* 0: no message of the queue */
    size_t known_count;
    uint32_t deleted[PEERS];                /* times */
    uint8_t nonces[PEERS][LCP_NONCE_BYTES]; /* the last of ours */
    bool has_nonce[PEERS], news[PEERS];
    uint64_t hellos[TICKETS];
    uint32_t hello_peers[TICKETS];
    size_t hello_count;
    struct words {
        uint64_t ticket;
        uint32_t peer, deleted; /* how often it had been when this came */
        bool is_later;
        uint32_t seqs[WORDS], count;
    } words[TICKETS];
    size_t words_count;
    bool was_receipt[SEQS], is_receipt_applied;
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
know(struct bench *b, uint32_t peer, uint32_t seq, uint64_t number)
{
    size_t at = b->known_count++ % SEQS;

    b->known[at] = seq;
    b->known_peer[at] = peer;
    b->known_number[at] = number;
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
        if (frame.seq >= 2 * SEQS)
            HOLDS(frame.seq < 3 * SEQS && b->was_receipt[frame.seq - 2 * SEQS] &&
                  b->is_receipt_applied);
        else if (frame.seq < SEQS)
            HOLDS((b->ids_of[frame.seq] & b->stored) != 0);
        else
            HOLDS(frame.seq - SEQS < SEQS && b->was_beat[frame.seq - SEQS]);
        return;
    }
    for (size_t i = 1; i < out->payload.len; i++) /* alive and whole */
        HOLDS(out->payload.data[i] == out->payload.data[0]);
    know(b, peer, frame.seq,
         frame.type == LCP_PACKET_DATA && out->payload.len > 0 ? out->payload.data[0]
                                                               : 0);
}

static void
signed_hello(struct bench *b, const struct lcp_output *out)
{
    uint32_t peer = name_of(b, out->peer);
    struct lcp_frame frame;

    HOLDS(lcp_frame_decode(lcp_span(out->header, LCP_HEADER_BYTES), &frame) == LCP_OK);
    HOLDS(peer < PEERS && out->to.ip[1] == peer);
    HOLDS(frame.type == LCP_PACKET_HEARTBEAT);
    memcpy(b->nonces[peer], out->nonce, LCP_NONCE_BYTES);
    b->has_nonce[peer] = true;
    know(b, peer, frame.seq, 0);
}

static void
take_receipt(struct bench *b, const struct lcp_output *out)
{
    const struct lcp_receipt *receipt = out->message;
    struct words *words = &b->words[b->words_count++];

    HOLDS(b->words_count <= TICKETS);
    *words = (struct words){.ticket = out->ticket, .peer = name_of(b, out->peer)};
    words->deleted = b->deleted[words->peer];
    words->is_later = receipt->word == LCP_WORD_LATER;
    for (uint32_t i = 0; i < receipt->count && i < WORDS; i++)
        words->seqs[words->count++] = receipt->entries[i].seq;
}

/* Those of LCP/1.2. */
static void
carry_out_more(struct bench *b, const struct lcp_output *out)
{
    if (out->kind == LCP_OUT_HELLO_SIGN) {
        signed_hello(b, out);
    } else if (out->kind == LCP_OUT_RECEIPT) {
        take_receipt(b, out);
    } else if (out->kind == LCP_OUT_NEWS) {
        HOLDS(!b->news[name_of(b, out->peer)]);
        b->news[name_of(b, out->peer)] = true;
    } else if (out->kind == LCP_OUT_HELLO) {
        /* Of those that nobody ends any more the oldest is forgotten. */
        b->hellos[b->hello_count % TICKETS] = out->ticket;
        b->hello_peers[b->hello_count++ % TICKETS] = out->peer;
    }
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
        } else {
            carry_out_more(b, &out);
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

#endif
