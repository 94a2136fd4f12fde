/* SPDX-License-Identifier: MIT
 *
 * RECEIPT, from the wire: the peer's signed word about messages of ours. It is
 * verified, applied and committed by the caller; only then it is acknowledged and its
 * messages leave the window. docs/protocol.md "LCP/1.2".
 */
#include "core/machine.h"

#include "base/text.h"

static enum lcp_counter
check_receipt(struct lcp_core *core, uint32_t peer, struct lcp_span payload)
{
    const struct lcp_signed *object = &core->receipt.object;

    if (lcp_receipt_parse(payload, core->scratch, &core->receipt) != LCP_MSG_OK ||
        !lcp_gate_is_for_us(core, &object->doc, object->to))
        return LCP_COUNT_BAD_RECEIPT;
    /* It speaks of messages to a pinned key: there is no first contact by receipt. */
    return lcp_key_eq(&lcp_core_row(core, peer)->key, &object->key)
               ? LCP_COUNT_MAX
               : LCP_COUNT_OTHER_KEY;
}

/* The slot that a number of ours was given to, if it went to this peer. */
static uint32_t
slot_of_seq(const struct lcp_core *core, uint32_t peer, uint32_t seq)
{
    uint32_t item = lcp_seqs_find(&core->seqs, seq);
    uint32_t slot = item == LCP_NONE ? LCP_NONE : lcp_outq_slot_of(&core->outq, item);

    return slot != LCP_NONE && core->outq.slots[slot].peer == peer ? slot : LCP_NONE;
}

/* Does it hold the number of a transmission of ours to this peer? Looked for without
 * parsing, as the last member of an entry: a guess that only decides which bucket pays.
 */
static bool
is_proven(const struct lcp_core *core, uint32_t peer, struct lcp_span payload)
{
    uint64_t number = 0;
    bool is_number = false;

    for (size_t i = 0; i < payload.len; i++) {
        uint8_t c = payload.data[i];

        if (c >= '0' && c <= '9' && is_number && number <= UINT32_MAX)
            number = 10 * number + (uint64_t)(c - '0');
        else if (c == ']' && is_number && number <= UINT32_MAX &&
                 slot_of_seq(core, peer, (uint32_t)number) != LCP_NONE)
            return true;
        else if (c == ',')
            number = 0;
        is_number = c == ',' || (is_number && (c == ' ' || (c >= '0' && c <= '9')));
    }
    return false;
}

static void
start_receipt(struct lcp_core *core, uint32_t peer, const struct lcp_frame *frame,
              struct lcp_admit *row)
{
    struct lcp_output *out = lcp_core_stage(core, LCP_OUT_RECEIPT, peer);

    row->is_receipt = true;
    lcp_admit_note(row, frame->seq);
    out->ticket = lcp_admits_ticket(&core->admits, row);
    out->payload = frame->payload;
    out->message = &core->receipt;
    out->seq = frame->seq;
}

/* A repetition joins the one that runs. */
static bool
merge(struct lcp_core *core, uint32_t peer, const struct lcp_frame *frame,
      const char *id)
{
    const struct lcp_peer *p = lcp_core_row(core, peer);
    struct lcp_admit *row = lcp_admits_find(&core->admits, &p->key, id);

    if (row == NULL || !row->is_receipt || row->peer != peer ||
        row->peer_generation != p->generation)
        return false;
    lcp_admit_note(row, frame->seq);
    lcp_gate_count(core, LCP_COUNT_RECEIPTS);
    lcp_gate_count(core, LCP_COUNT_MERGED);
    return true;
}

static enum lcp_purse
open_gate(struct lcp_core *core, uint32_t peer, struct lcp_span payload,
          const uint8_t digest[static LCP_DIGEST_BYTES])
{
    return is_proven(core, peer, payload) ? lcp_gate_open_proven(core, peer, 1)
                                          : lcp_gate_open(core, peer, 1, digest);
}

void
lcp_receipt_take(struct lcp_core *core, uint32_t peer, const struct lcp_frame *frame)
{
    uint8_t digest[LCP_DIGEST_BYTES];
    /* No message has such an id: it holds a character that theirs may not. */
    char id[2 * LCP_DIGEST_BYTES + 2] = "/";
    enum lcp_counter fault;
    enum lcp_purse purse;
    struct lcp_admit *row;

    if (frame->payload.len > LCP_SIGNED_PAYLOAD_MAX) {
        lcp_gate_reject(core, peer, LCP_COUNT_BAD_RECEIPT, LCP_PURSE_FIRST, 1);
        return;
    }
    lcp_digest(frame->payload, digest);
    lcp_hex_print(digest, sizeof(digest), id + 1);
    if (lcp_gate_is_bad(core, digest)) {
        lcp_gate_count(core, LCP_COUNT_BAD_SIGNATURE);
        lcp_core_row(core, peer)->rejected++;
        return;
    }
    if (merge(core, peer, frame, id))
        return;
    purse = open_gate(core, peer, frame->payload, digest);
    if (purse == LCP_PURSES)
        return;
    fault = check_receipt(core, peer, frame->payload);
    if (fault != LCP_COUNT_MAX) {
        lcp_gate_reject(core, peer, fault, purse, 1);
        return;
    }
    lcp_gate_count(core, LCP_COUNT_RECEIPTS);
    row = lcp_gate_admit(core, peer, &core->receipt.object.key, id, purse, 1);
    if (row == NULL)
        return;
    memcpy(row->digest, digest, LCP_DIGEST_BYTES);
    start_receipt(core, peer, frame, row);
}

/* True if the word answers a transmission that this process remembers: only its
 * receiver could make it, and only now. */
static bool
take_word(struct lcp_core *core, uint32_t peer, const struct lcp_core_word *word,
          uint64_t arrived_ms)
{
    uint32_t slot = word->has_seq ? slot_of_seq(core, peer, word->seq) : LCP_NONE;
    bool is_ephemeral = slot != LCP_NONE &&
                        lcp_is_ephemeral(core->outq.slots[slot].number);

    if (word->number == 0 && !is_ephemeral)
        lcp_gate_count(core, LCP_COUNT_RECEIPT_FOREIGN);
    else if (word->number == 0)
        lcp_window_settle(core, lcp_seqs_find(&core->seqs, word->seq));
    else
        lcp_window_told(core, peer, word, arrived_ms);
    return slot != LCP_NONE;
}

static void
end_well(struct lcp_core *core, const struct lcp_admit *row,
         const struct lcp_core_word *words, size_t count)
{
    bool is_alive = false;

    lcp_gate_refund(core, row);
    for (uint32_t i = 0; i < row->seq_count; i++)
        lcp_core_stage_bare(core, row->peer, LCP_PACKET_ACK, row->seqs[i]);
    lcp_live_prove(core, row->peer);
    for (size_t i = 0; i < count; i++)
        is_alive |= take_word(core, row->peer, &words[i], row->since_ms);
    if (is_alive)
        lcp_live_sign(core, row->peer);
}

static void
end_badly(struct lcp_core *core, const struct lcp_admit *row, enum lcp_admission result)
{
    lcp_core_row(core, row->peer)->rejected++;
    if (result == LCP_ADM_BADSIG) {
        lcp_gate_count(core, LCP_COUNT_BAD_SIGNATURE);
        lcp_gate_note_bad(core, row->digest);
    } else {
        lcp_gate_count(core,
                       result == LCP_ADM_LATER ? LCP_COUNT_LATER : LCP_COUNT_REFUSED);
    }
}

void
lcp_core_receipt(struct lcp_core *core, uint64_t now_ms, uint64_t ticket,
                 enum lcp_admission result, const struct lcp_core_word *words,
                 size_t count)
{
    struct lcp_admit *row = lcp_admits_get(&core->admits, ticket);
    struct lcp_peer *p;

    lcp_core_enter(core, now_ms);
    if (row == NULL || !row->is_receipt)
        return;
    p = lcp_peers_at(&core->peers, row->peer);
    if (p != NULL && p->generation == row->peer_generation) {
        p->admissions--;
        if (result == LCP_ADM_STORED)
            end_well(core, row, words, count);
        else
            end_badly(core, row, result);
    }
    lcp_admits_del(&core->admits, row);
}
