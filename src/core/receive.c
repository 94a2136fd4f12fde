/* SPDX-License-Identifier: MIT
 *
 * What arrives: datagrams, checked cheapest first, and the ends of admissions. Nothing
 * invalid is ever answered; nothing is answered before it is stored. HELLO and RECEIPT
 * are in greet.c and receipt_in.c. docs/protocol.md "Rules", 1 to 6, and "Who answers
 * how".
 */
#include "core/machine.h"

#include "base/bugs.h"

enum {
    BEAT_PAUSE_MS = 5000,   /* a peer's heartbeat cannot make us beat faster */
    ALARM_PAUSE_MS = 60000, /* one alarm a minute and peer */
};

static enum lcp_counter
counter_of_json(enum lcp_json_fault fault)
{
    static const enum lcp_counter counters[LCP_JSON_FAULT_COUNT] = {
        [LCP_JSON_FAULT_NONE] = LCP_COUNT_BAD_JSON, /* cannot be */
        [LCP_JSON_FAULT_SYNTAX] = LCP_COUNT_BAD_JSON,
        [LCP_JSON_FAULT_UTF8] = LCP_COUNT_BAD_UTF8,
        [LCP_JSON_FAULT_SURROGATE] = LCP_COUNT_JSON_SURROGATE,
        [LCP_JSON_FAULT_DUPLICATE] = LCP_COUNT_JSON_DUPLICATE,
        [LCP_JSON_FAULT_NUMBER] = LCP_COUNT_JSON_NUMBER,
        [LCP_JSON_FAULT_DEPTH] = LCP_COUNT_JSON_DEPTH,
        [LCP_JSON_FAULT_NODES] = LCP_COUNT_JSON_NODES,
        [LCP_JSON_FAULT_TOP] = LCP_COUNT_BAD_JSON,
        [LCP_JSON_FAULT_BOM] = LCP_COUNT_BAD_JSON,
        [LCP_JSON_FAULT_TRAILING] = LCP_COUNT_BAD_JSON,
    };

    return counters[fault];
}

static enum lcp_counter
counter_of_form(const struct lcp_msg *msg, enum lcp_msg_fault fault)
{
    switch (fault) {
    case LCP_MSG_BAD_JSON:
        return counter_of_json(msg->json_fault);
    case LCP_MSG_BAD_MEMBER:
        return LCP_COUNT_BAD_MEMBER;
    case LCP_MSG_BAD_ID:
        return LCP_COUNT_BAD_ID;
    case LCP_MSG_BAD_SECURITY:
        return LCP_COUNT_BAD_SECURITY;
    case LCP_MSG_OK:
        break;
    }
    return LCP_COUNT_MAX;
}

/* All checks that need no curve and no disk. LCP_COUNT_MAX: none failed. is_for_us:
 * what is for somebody else is let through only to be refused with a signed word. */
static enum lcp_counter
check_message(struct lcp_core *core, uint32_t peer, struct lcp_span payload,
              bool *is_for_us)
{
    const struct lcp_msg *msg = &core->msg;
    enum lcp_msg_fault fault = lcp_msg_parse(payload, core->scratch, &core->msg);
    bool is_theirs;

    if (fault != LCP_MSG_OK)
        return counter_of_form(msg, fault);
    is_theirs = lcp_gate_may_be_from(core, peer, &msg->key);
    *is_for_us = lcp_gate_is_for_us(core, &msg->doc, msg->to);
    if (!*is_for_us) {
        if (!is_theirs || !(msg->is_marked || lcp_is_1_2(lcp_core_row(core, peer))))
            return LCP_COUNT_NOT_FOR_US;
        lcp_gate_count(core, LCP_COUNT_NOT_FOR_US);
    }
    return is_theirs ? LCP_COUNT_MAX : LCP_COUNT_OTHER_KEY;
}

/* The same bytes while their admission runs: one more number to answer. */
static enum lcp_counter
merge(struct lcp_core *core, struct lcp_admit *row, uint32_t peer, uint32_t seq,
      const uint8_t digest[static LCP_DIGEST_BYTES])
{
    const struct lcp_peer *p = lcp_core_row(core, peer);

    if (row->peer != peer || row->peer_generation != p->generation ||
        memcmp(row->digest, digest, LCP_DIGEST_BYTES) != 0)
        return LCP_COUNT_DIFFERS;
    lcp_admit_note(row, seq);
    lcp_gate_count(core, LCP_COUNT_MERGED);
    return LCP_COUNT_MAX;
}

static void
start_admission(struct lcp_core *core, uint32_t peer, const struct lcp_frame *frame,
                struct lcp_admit *row, bool is_for_us)
{
    struct lcp_output *out = lcp_core_stage(core, LCP_OUT_ADMIT, peer);

    row->is_marked = core->msg.is_marked;
    lcp_admit_note(row, frame->seq);
    out->ticket = lcp_admits_ticket(&core->admits, row);
    out->payload = frame->payload;
    out->message = &core->msg;
    out->seq = frame->seq;
    out->wants_receipt = row->is_marked || lcp_is_1_2(lcp_core_row(core, peer));
    out->is_for_us = is_for_us;
    if (lcp_bug(LCP_BUG_ACK_BEFORE_COMMIT))
        lcp_core_stage_bare(core, peer, LCP_PACKET_ACK, frame->seq);
}

/* Another key than the pinned one. Whether that key really signed it, the caller may
 * find out: the buckets have been charged for it. */
static void
show_other_key(struct lcp_core *core, uint32_t peer, struct lcp_span payload)
{
    struct lcp_output *out = lcp_core_stage(core, LCP_OUT_ALARM, peer);

    out->alarm = LCP_ALARM_OTHER_KEY;
    out->payload = payload;
    out->message = &core->msg;
}

/* A message that passed the checks: its admission starts, or it joins the one that
 * runs. */
static enum lcp_counter
admit(struct lcp_core *core, uint32_t peer, const struct lcp_frame *frame,
      const uint8_t digest[static LCP_DIGEST_BYTES], enum lcp_purse purse,
      bool is_for_us)
{
    struct lcp_admit *row = lcp_admits_find(&core->admits, &core->msg.key,
                                            core->msg.id);

    if (row != NULL && !lcp_bug(LCP_BUG_ADMISSION_NOT_MERGED))
        return merge(core, row, peer, frame->seq, digest);
    row = lcp_gate_admit(core, peer, &core->msg.key, core->msg.id, purse,
                         lcp_bucket_cost(frame->payload.len));
    if (row != NULL) {
        memcpy(row->digest, digest, LCP_DIGEST_BYTES);
        start_admission(core, peer, frame, row, is_for_us);
    }
    return LCP_COUNT_MAX;
}

static void
take_data(struct lcp_core *core, uint32_t peer, const struct lcp_frame *frame)
{
    uint32_t cost = lcp_bucket_cost(frame->payload.len);
    uint8_t digest[LCP_DIGEST_BYTES];
    enum lcp_counter fault;
    enum lcp_purse purse;
    bool is_for_us = false;

    lcp_digest(frame->payload, digest);
    if (lcp_gate_is_bad(core, digest)) {
        lcp_gate_count(core, LCP_COUNT_BAD_SIGNATURE);
        lcp_core_row(core, peer)->rejected++;
        return;
    }
    purse = lcp_gate_open(core, peer, cost, digest);
    if (purse == LCP_PURSES)
        return;
    fault = check_message(core, peer, frame->payload, &is_for_us);
    if (fault == LCP_COUNT_MAX)
        fault = admit(core, peer, frame, digest, purse, is_for_us);
    if (fault == LCP_COUNT_OTHER_KEY && !lcp_key_eq(&core->msg.key, &core->key))
        show_other_key(core, peer, frame->payload);
    if (fault != LCP_COUNT_MAX)
        lcp_gate_reject(core, peer, fault, purse, cost);
}

/* True if the transmission `item` went to this peer. */
static bool
went_to(const struct lcp_core *core, uint32_t item, uint32_t peer)
{
    uint32_t slot = lcp_outq_slot_of(&core->outq, item);

    if (slot == LCP_NONE)
        return lcp_live_peer_of(core, item) == peer;
    if (lcp_bug(LCP_BUG_LATE_ACK_DROPPED) && !lcp_outq_is_newest(&core->outq, item))
        return false;
    return core->outq.slots[slot].peer == peer;
}

static void
take_ack(struct lcp_core *core, uint32_t peer, uint32_t seq)
{
    uint32_t item = lcp_seqs_find(&core->seqs, seq);

    if (item == LCP_NONE || !went_to(core, item, peer) ||
        core->seqs.items[item].is_answered) {
        lcp_gate_count(core, LCP_COUNT_ACK_UNMATCHED);
        return;
    }
    lcp_gate_count(core, LCP_COUNT_ACK_MATCHED);
    if (lcp_outq_slot_of(&core->outq, item) != LCP_NONE)
        lcp_window_acked(core, item);
    else
        lcp_live_beat_acked(core, item);
    lcp_live_sign(core, peer);
}

/* Of an LCP/1.1 peer. Anybody can send one in its name: nine bytes for nine, nothing
 * signed, and no sign of life. But a peer that starts again beats, and the ACK of a
 * beat of ours is one. */
static void
take_heartbeat(struct lcp_core *core, uint32_t peer, const struct lcp_frame *frame)
{
    const struct lcp_peer *p = lcp_core_row(core, peer);

    lcp_gate_count(core, LCP_COUNT_HEARTBEATS);
    if (frame->payload.len > 0) {
        lcp_greet_take(core, peer, frame);
        return;
    }
    lcp_core_stage_bare(core, peer, LCP_PACKET_ACK, frame->seq);
    if ((p->is_away || !p->is_online) && core->now_ms - p->beat_ms >= BEAT_PAUSE_MS)
        lcp_live_knock(core, peer);
}

static void
take_packet(struct lcp_core *core, uint32_t peer, const struct lcp_frame *frame)
{
    switch ((enum lcp_packet_type)frame->type) {
    case LCP_PACKET_DATA:
        take_data(core, peer, frame);
        break;
    case LCP_PACKET_ACK:
        take_ack(core, peer, frame->seq);
        break;
    case LCP_PACKET_HEARTBEAT:
        take_heartbeat(core, peer, frame);
        break;
    case LCP_PACKET_RECEIPT:
        lcp_receipt_take(core, peer, frame);
        break;
    }
}

void
lcp_core_datagram(struct lcp_core *core, uint64_t now_ms,
                  const struct lcp_endpoint *from, struct lcp_span bytes)
{
    struct lcp_frame frame;
    uint64_t now = lcp_core_enter(core, now_ms);
    enum lcp_err err = lcp_frame_decode(bytes, &frame);
    uint32_t peer;

    lcp_gate_count(core, LCP_COUNT_DATAGRAMS);
    if (err != LCP_OK) {
        lcp_gate_count(core,
                       err == LCP_EVERSION ? LCP_COUNT_BAD_MAGIC : LCP_COUNT_TOO_SHORT);
        return;
    }
    if (frame.type < LCP_PACKET_DATA || frame.type > LCP_PACKET_RECEIPT) {
        lcp_gate_count(core, LCP_COUNT_UNKNOWN_TYPE);
        return;
    }
    peer = lcp_peers_by_endpoint(&core->peers, from);
    if (peer == LCP_NONE) {
        lcp_gate_count(core, LCP_COUNT_STRANGER);
        lcp_strangers_note(&core->strangers, now, from);
        return;
    }
    take_packet(core, peer, &frame);
}

static enum lcp_counter
counter_of_end(enum lcp_admission result)
{
    switch (result) {
    case LCP_ADM_STORED:
        return LCP_COUNT_STORED;
    case LCP_ADM_DUPLICATE:
        return LCP_COUNT_DUPLICATE;
    case LCP_ADM_CONFLICT:
        return LCP_COUNT_CONFLICT;
    case LCP_ADM_BADSIG:
        return LCP_COUNT_BAD_SIGNATURE;
    case LCP_ADM_REFUSED:
        return LCP_COUNT_REFUSED;
    case LCP_ADM_NOT_TAKEN:
        return LCP_COUNT_NOT_TAKEN;
    case LCP_ADM_LATER:
        break;
    }
    return LCP_COUNT_LATER;
}

static void
alarm_person(struct lcp_core *core, uint32_t peer, enum lcp_alarm alarm)
{
    struct lcp_peer *p = lcp_core_row(core, peer);

    if (core->now_ms < p->alarm_ms)
        return;
    p->alarm_ms = core->now_ms + ALARM_PAUSE_MS;
    lcp_core_stage(core, LCP_OUT_ALARM, peer)->alarm = alarm;
}

/* A marked message is answered by a receipt, which is worth more. But who repeats it
 * may not understand receipts, or ours may be lost. */
static bool
wants_bare_ack(const struct lcp_core *core, const struct lcp_admit *row,
               enum lcp_admission result)
{
    return !row->is_marked || (result == LCP_ADM_DUPLICATE &&
                               !lcp_live_is_fresh(core, &core->peers.rows[row->peer]));
}

/* What is stored is answered, each of its transmissions. A duplicate is no sign of
 * life: anybody can repeat what he once saw pass. */
static void
end_well(struct lcp_core *core, const struct lcp_admit *row, enum lcp_admission result,
         const uint8_t *pinned)
{
    lcp_gate_pin(core, row->peer, pinned);
    if (wants_bare_ack(core, row, result) && !lcp_bug(LCP_BUG_ACK_BEFORE_COMMIT))
        for (uint32_t i = 0; i < row->seq_count; i++)
            lcp_core_stage_bare(core, row->peer, LCP_PACKET_ACK, row->seqs[i]);
    if (result == LCP_ADM_STORED) {
        lcp_core_row(core, row->peer)->received++;
        lcp_live_sign(core, row->peer);
    }
}

static void
end_badly(struct lcp_core *core, const struct lcp_admit *row, enum lcp_admission result)
{
    lcp_core_row(core, row->peer)->rejected++;
    if (result == LCP_ADM_CONFLICT)
        alarm_person(core, row->peer, LCP_ALARM_CONFLICT);
    else if (result == LCP_ADM_REFUSED)
        alarm_person(core, row->peer, LCP_ALARM_OTHER_KEY);
}

void
lcp_core_admitted(struct lcp_core *core, uint64_t now_ms, uint64_t ticket,
                  enum lcp_admission result, const uint8_t *pinned)
{
    struct lcp_admit *row = lcp_admits_get(&core->admits, ticket);
    bool is_stored = result == LCP_ADM_STORED || result == LCP_ADM_DUPLICATE;
    struct lcp_peer *p;

    lcp_core_enter(core, now_ms);
    if (row == NULL || row->is_receipt)
        return;
    lcp_gate_count(core, counter_of_end(result));
    if (is_stored || result == LCP_ADM_NOT_TAKEN)
        lcp_gate_refund(core, row);
    else if (result == LCP_ADM_BADSIG)
        lcp_gate_note_bad(core, row->digest);
    p = lcp_peers_at(&core->peers, row->peer);
    if (p != NULL && p->generation == row->peer_generation) {
        p->admissions--;
        if (is_stored)
            end_well(core, row, result, pinned);
        else
            end_badly(core, row, result);
    }
    lcp_admits_del(&core->admits, row);
}
