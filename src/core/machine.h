/* SPDX-License-Identifier: MIT
 *
 * The inside of struct lcp_core, for the files that are the machine: core.c (its
 * doors), receive.c (what arrives), window.c (messages on their way), live.c (who is
 * there). All times here are the machine's own: the caller's, less what the process
 * slept.
 */
#ifndef LCP_CORE_MACHINE_H
#define LCP_CORE_MACHINE_H

#include "lcp/core.h"

#include "core/admit.h"
#include "core/heap.h"
#include "core/msg.h"
#include "core/outq.h"
#include "core/peers.h"
#include "core/strangers.h"

enum {
    /* Ephemeral messages (top bit of the number) get places of their own, so that a
     * ping does not wait behind mail: the daemon's own ping and a pong, and for all
     * peers together a few. */
    LCP_EPHEMERAL_PEER_MAX = 2,
    LCP_EPHEMERAL_ALL_MAX = 256,
    LCP_WINDOW_CAP =
        64, /* of config.window_max: bounds what deleting a peer puts out */
};

/* Outputs that wait for the polling. */
struct lcp_staged {
    struct lcp_output *items;
    uint32_t head, count, cap;
};

struct lcp_core {
    uint64_t now_ms;   /* never goes back */
    uint64_t slept_ms; /* the caller's time less ours */

    struct lcp_core_config config; /* defaults filled in; its pointers are NULL */
    char names[1 + LCP_ALIASES_MAX][LCP_NAME_MAX + 1]; /* ours first */
    size_t name_count;
    struct lcp_key key; /* ours */

    struct lcp_draw draw;
    struct lcp_peers peers;
    struct lcp_seqs seqs; /* of the slots of outq, then of the peers' heartbeats */
    struct lcp_outq outq;
    struct lcp_heap timers; /* ids: slots of outq, then peers */
    struct lcp_admits admits;
    struct lcp_bucket bucket; /* of all peers together */
    struct lcp_strangers strangers;
    struct lcp_staged staged;

    /* Peers that want a REFILL, each once, in turn. */
    struct lcp_list wanting;
    struct lcp_link *wanting_links;

    /* In windows, reserved or promised to a REFILL, all peers together. */
    uint32_t taken;
    size_t taken_bytes;
    uint32_t ephemerals, ephemerals_max;

    struct lcp_msg msg; /* of the last ADMIT */
    struct lcp_msg_scratch *scratch;
    uint64_t counters[LCP_COUNT_MAX];
};

/* core.c. enter: every feed's first step; the machine's time for the caller's. */
uint64_t lcp_core_enter(struct lcp_core *core, uint64_t now_ms);
struct lcp_output *lcp_core_stage(struct lcp_core *core, enum lcp_output_kind kind,
                                  uint32_t peer);
/* Stages a datagram to the peer. */
void lcp_core_stage_tx(struct lcp_core *core, uint32_t peer, enum lcp_packet_type type,
                       uint32_t seq, struct lcp_span payload);
/* An ACK or HEARTBEAT: a header and no more. */
void lcp_core_stage_bare(struct lcp_core *core, uint32_t peer,
                         enum lcp_packet_type type, uint32_t seq);

/* window.c. Steps carry out one timer or refill and are called at its time. */
void lcp_window_step(struct lcp_core *core, uint32_t slot);
bool lcp_window_refill_step(struct lcp_core *core);
bool lcp_window_can_refill(const struct lcp_core *core);
/* An ACK of the transmission `item` came: SETTLED. */
void lcp_window_settle(struct lcp_core *core, uint32_t item);
/* The peer's queue from its start. */
void lcp_window_restart(struct lcp_core *core, uint32_t peer);
/* Asks for queued rows if there is a reason and room. */
void lcp_window_want(struct lcp_core *core, uint32_t peer);
/* One queued message to a peer that is away; false: not now. */
bool lcp_window_probe(struct lcp_core *core, uint32_t peer);
/* The peer is here again: its probe is a message like the others. */
void lcp_window_unprobe(struct lcp_core *core, uint32_t peer);
/* What is in the peer's window goes now, as if for the first time. */
void lcp_window_hurry(struct lcp_core *core, uint32_t peer);
/* Takes all of a peer's messages out, as PARKED. */
void lcp_window_clear(struct lcp_core *core, uint32_t peer);

/* live.c */
void lcp_live_start(struct lcp_core *core, uint32_t peer);
void lcp_live_stop(struct lcp_core *core, uint32_t peer);
/* Carries out what is due of the peer's timers. */
void lcp_live_step(struct lcp_core *core, uint32_t peer);
/* Sets the peer's timer to the first of its times. */
void lcp_live_rearm(struct lcp_core *core, uint32_t peer);
void lcp_live_beat(struct lcp_core *core, uint32_t peer);
/* Greets the peer now, and probes it now if mail waits for it. */
void lcp_live_hurry(struct lcp_core *core, uint32_t peer);
/* The peer did something that a stranger cannot forge. */
void lcp_live_sign(struct lcp_core *core, uint32_t peer);
/* Its tries went unanswered. */
void lcp_live_away(struct lcp_core *core, uint32_t peer);
/* Rows wait behind the cursor, or for a peer that is away: another round, later. */
void lcp_live_round(struct lcp_core *core, uint32_t peer);
/* The ACK of a heartbeat. */
void lcp_live_beat_acked(struct lcp_core *core, uint32_t item);

/* The peer a heartbeat's number was sent to, or LCP_NONE for the number of a message.
 */
uint32_t lcp_live_peer_of(const struct lcp_core *core, uint32_t item);

static inline struct lcp_peer *
lcp_core_row(struct lcp_core *core, uint32_t peer)
{
    return &core->peers.rows[peer];
}

static inline bool
lcp_is_ephemeral(uint64_t number)
{
    return number >> 63 != 0;
}

#endif
