/* SPDX-License-Identifier: MIT
 *
 * What arrives: datagrams, checked cheapest first, and the ends of admissions. Nothing
 * invalid is ever answered; nothing is answered before it is stored. docs/protocol.md
 * "Rules", 1 to 6 and 10.
 */
#include "core/machine.h"

#include "base/bugs.h"
#include "core/frame.h"

enum {
    BEAT_PAUSE_MS = 5000,   /* a peer's heartbeat cannot make us beat faster */
    ALARM_PAUSE_MS = 60000, /* one alarm a minute and peer */
};

/* Counts what LCP_COUNT_MAX is not. */
static void
count(struct lcp_core *core, enum lcp_counter counter)
{
    core->counters[counter]++;
}

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

static bool
is_for_us(const struct lcp_core *core, const struct lcp_msg *msg)
{
    for (size_t i = 0; i < core->name_count; i++)
        if (lcp_msg_is(msg, msg->to, core->names[i]))
            return true;
    return false;
}

/* The pinned key; without a pin any that is nobody else's: the storing transaction
 * pins it. */
static bool
may_be_from(const struct lcp_core *core, uint32_t peer, const struct lcp_key *key)
{
    const struct lcp_peer *p = &core->peers.rows[peer];

    if (lcp_key_is_set(&p->key))
        return lcp_key_eq(&p->key, key);
    return !lcp_key_eq(&core->key, key) &&
           lcp_peers_by_key(&core->peers, key) == LCP_NONE;
}

/* All checks that need no curve and no disk. LCP_COUNT_MAX: none failed. */
static enum lcp_counter
check_message(struct lcp_core *core, uint32_t peer, struct lcp_span payload)
{
    enum lcp_msg_fault fault = lcp_msg_parse(payload, core->scratch, &core->msg);

    if (fault != LCP_MSG_OK)
        return counter_of_form(&core->msg, fault);
    if (!is_for_us(core, &core->msg))
        return LCP_COUNT_NOT_FOR_US;
    if (!may_be_from(core, peer, &core->msg.key))
        return LCP_COUNT_OTHER_KEY;
    return LCP_COUNT_MAX;
}

static void
charge(struct lcp_core *core, struct lcp_peer *p, uint32_t cost)
{
    lcp_bucket_charge(&p->bucket, cost);
    lcp_bucket_charge(&core->bucket, cost);
}

static void
reject(struct lcp_core *core, struct lcp_peer *p, enum lcp_counter why, uint32_t cost)
{
    count(core, why);
    p->rejected++;
    charge(core, p, cost);
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
    count(core, LCP_COUNT_MERGED);
    return LCP_COUNT_MAX;
}

static enum lcp_counter
start_admission(struct lcp_core *core, uint32_t peer, const struct lcp_frame *frame,
                const uint8_t digest[static LCP_DIGEST_BYTES])
{
    struct lcp_peer *p = lcp_core_row(core, peer);
    struct lcp_admit *row = NULL;
    struct lcp_output *out;

    if (p->admissions < core->config.limits.admissions_peer_max)
        row = lcp_admits_add(&core->admits, &core->msg.key, core->msg.id);
    if (row == NULL) {
        count(core, LCP_COUNT_ADMISSIONS_FULL);
        return LCP_COUNT_MAX;
    }
    memcpy(row->digest, digest, LCP_DIGEST_BYTES);
    row->peer = peer;
    row->peer_generation = p->generation;
    row->cost = lcp_bucket_cost(frame->payload.len);
    lcp_admit_note(row, frame->seq);
    p->admissions++;
    charge(core, p, row->cost);
    out = lcp_core_stage(core, LCP_OUT_ADMIT, peer);
    out->ticket = lcp_admits_ticket(&core->admits, row);
    out->payload = frame->payload;
    out->message = &core->msg;
    if (lcp_bug(LCP_BUG_ACK_BEFORE_COMMIT))
        lcp_core_stage_bare(core, peer, LCP_PACKET_ACK, frame->seq);
    return LCP_COUNT_MAX;
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

static void
take_data(struct lcp_core *core, uint32_t peer, const struct lcp_frame *frame)
{
    struct lcp_peer *p = lcp_core_row(core, peer);
    uint32_t cost = lcp_bucket_cost(frame->payload.len);
    uint8_t digest[LCP_DIGEST_BYTES];
    struct lcp_admit *running;
    enum lcp_counter fault;

    if (!lcp_bucket_has(&p->bucket, core->now_ms, cost) ||
        !lcp_bucket_has(&core->bucket, core->now_ms, cost)) {
        count(core, LCP_COUNT_THROTTLED);
        p->rejected++;
        return;
    }
    fault = check_message(core, peer, frame->payload);
    if (fault == LCP_COUNT_MAX) {
        lcp_digest(frame->payload, digest);
        running = lcp_admits_find(&core->admits, &core->msg.key, core->msg.id);
        if (running != NULL && !lcp_bug(LCP_BUG_ADMISSION_NOT_MERGED))
            fault = merge(core, running, peer, frame->seq, digest);
        else
            fault = start_admission(core, peer, frame, digest);
    }
    if (fault == LCP_COUNT_OTHER_KEY && !lcp_key_eq(&core->msg.key, &core->key))
        show_other_key(core, peer, frame->payload);
    if (fault != LCP_COUNT_MAX)
        reject(core, p, fault, cost);
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

    if (item == LCP_NONE || !went_to(core, item, peer)) {
        count(core, LCP_COUNT_ACK_UNMATCHED);
        return;
    }
    count(core, LCP_COUNT_ACK_MATCHED);
    if (lcp_outq_slot_of(&core->outq, item) != LCP_NONE)
        lcp_window_settle(core, item);
    else
        lcp_live_beat_acked(core, item);
    lcp_live_sign(core, peer);
}

/* Anybody can send one in the peer's name: nine bytes for nine, and no sign of life.
 * But a peer that starts again beats, and the ACK of a beat of ours is one. */
static void
take_heartbeat(struct lcp_core *core, uint32_t peer, uint32_t seq)
{
    const struct lcp_peer *p = lcp_core_row(core, peer);

    count(core, LCP_COUNT_HEARTBEATS);
    lcp_core_stage_bare(core, peer, LCP_PACKET_ACK, seq);
    if ((p->is_away || !p->is_online) && core->now_ms - p->beat_ms >= BEAT_PAUSE_MS)
        lcp_live_beat(core, peer);
}

static bool
is_known_type(uint8_t type)
{
    return type == LCP_PACKET_DATA || type == LCP_PACKET_ACK ||
           type == LCP_PACKET_HEARTBEAT;
}

void
lcp_core_datagram(struct lcp_core *core, uint64_t now_ms,
                  const struct lcp_endpoint *from, struct lcp_span bytes)
{
    struct lcp_frame frame;
    uint64_t now = lcp_core_enter(core, now_ms);
    enum lcp_err err = lcp_frame_decode(bytes, &frame);
    uint32_t peer;

    count(core, LCP_COUNT_DATAGRAMS);
    if (err != LCP_OK) {
        count(core, err == LCP_EVERSION ? LCP_COUNT_BAD_MAGIC : LCP_COUNT_TOO_SHORT);
        return;
    }
    if (!is_known_type(frame.type)) {
        count(core, LCP_COUNT_UNKNOWN_TYPE);
        return;
    }
    peer = lcp_peers_by_endpoint(&core->peers, from);
    if (peer == LCP_NONE) {
        count(core, LCP_COUNT_STRANGER);
        lcp_strangers_note(&core->strangers, now, from);
        return;
    }
    if (frame.type == LCP_PACKET_DATA)
        take_data(core, peer, &frame);
    else if (frame.type == LCP_PACKET_ACK)
        take_ack(core, peer, frame.seq);
    else
        take_heartbeat(core, peer, frame.seq);
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

/* What is stored is answered, each of its transmissions. A duplicate is no sign of
 * life: anybody can repeat what he once saw pass. */
static void
end_well(struct lcp_core *core, const struct lcp_admit *row, enum lcp_admission result,
         const struct lcp_key *pinned)
{
    struct lcp_peer *p = lcp_core_row(core, row->peer);

    lcp_bucket_refund(&p->bucket, row->cost);
    if (pinned != NULL && !lcp_key_is_set(&p->key) &&
        lcp_peers_by_key(&core->peers, pinned) == LCP_NONE)
        lcp_peers_pin(&core->peers, row->peer, pinned);
    if (!lcp_bug(LCP_BUG_ACK_BEFORE_COMMIT))
        for (uint32_t i = 0; i < row->seq_count; i++)
            lcp_core_stage_bare(core, row->peer, LCP_PACKET_ACK, row->seqs[i]);
    if (result == LCP_ADM_STORED) {
        p->received++;
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
    struct lcp_key key;
    struct lcp_peer *p;

    lcp_core_enter(core, now_ms);
    if (row == NULL)
        return;
    count(core, counter_of_end(result));
    if (is_stored)
        lcp_bucket_refund(&core->bucket, row->cost);
    if (pinned != NULL)
        memcpy(key.bytes, pinned, sizeof(key.bytes));
    p = lcp_peers_at(&core->peers, row->peer);
    if (p != NULL && p->generation == row->peer_generation) {
        p->admissions--;
        if (is_stored)
            end_well(core, row, result, pinned == NULL ? NULL : &key);
        else
            end_badly(core, row, result);
    }
    lcp_admits_del(&core->admits, row);
}
