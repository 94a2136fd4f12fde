/* SPDX-License-Identifier: MIT
 *
 * The inside of struct lcp_core, for the files that are the machine: core.c (its
 * doors), gate.c (what may cost us work), receive.c, greet.c and receipt_in.c (DATA and
 * ACK, HELLO, RECEIPT), window.c, tries.c and refill.c (messages on their way), news.c
 * (receipts on their way), live.c (who is there). All times here are the machine's own:
 * the caller's, less what the process slept.
 */
#ifndef LCP_CORE_MACHINE_H
#define LCP_CORE_MACHINE_H

#include "lcp/core.h"

#include "core/admit.h"
#include "core/again.h"
#include "core/frame.h"
#include "core/heap.h"
#include "core/hello.h"
#include "core/outq.h"
#include "core/peers.h"
#include "core/receipt.h"
#include "core/strangers.h"

enum {
    /* Ephemeral messages (top bit of the number) get places of their own, so that a
     * ping does not wait behind mail: the daemon's own ping and a pong, and for all
     * peers together a few. */
    LCP_EPHEMERAL_PEER_MAX = 2,
    LCP_EPHEMERAL_ALL_MAX = 256, /* with the receipts of news among them */
    LCP_WINDOW_CAP = 64,         /* bounds what deleting a peer puts out */
    LCP_ANSWERS_MAX = 64,        /* that a caller hands over before it polls */
    LCP_RETRY_MS = 500,          /* after storage failed: "within a second" */

    /* What peers that may be dead hold together at most, if that is no more than a
     * quarter of all; few peers never notice. */
    LCP_IDLE_PLACES = 256,
    LCP_IDLE_BYTES = 2 << 20,
    LCP_FEW_PEERS = LCP_IDLE_PLACES / LCP_CWND_START,

    /* 512 KiB: at 50,000 forged packets a second it reaches back two seconds. */
    LCP_AGAIN_SETS = 16384,
    LCP_BAD_SETS = 2048,
};

/* Outputs that wait for the polling. */
struct lcp_staged {
    struct lcp_output *items;
    uint32_t head, count, cap;
};

struct lcp_core {
    uint64_t now_ms;   /* never goes back */
    uint64_t slept_ms; /* the caller's time less ours */
    uint64_t woke_ms;  /* when it last grew */

    struct lcp_core_config config; /* defaults filled in; its pointers are NULL */
    char names[1 + LCP_ALIASES_MAX][LCP_NAME_MAX + 1]; /* ours first */
    size_t name_count;
    struct lcp_key key; /* ours */

    struct lcp_draw draw;   /* sequence numbers and jitter */
    struct lcp_draw nonces; /* of HELLO */
    struct lcp_peers peers;
    struct lcp_seqs seqs; /* of the slots of outq, then of the peers' heartbeats */
    struct lcp_outq outq;
    struct lcp_heap timers; /* ids: slots of outq, then peers */
    struct lcp_admits admits;
    struct lcp_purses purses; /* of all peers together */
    struct lcp_again again;   /* what was turned away unparsed */
    struct lcp_again bad;     /* what was verified and found forged */
    struct lcp_strangers strangers;
    struct lcp_staged staged;

    /* Peers that want a REFILL, each once, in turn: those that were heard before those
     * that may be dead. */
    struct lcp_list wanting, wanting_idle;
    struct lcp_link *wanting_links;

    /* In windows, reserved or promised to a REFILL, all peers together; and how much of
     * it peers hold that may be dead. */
    uint32_t taken, idle_taken;
    size_t taken_bytes, idle_bytes;
    uint32_t ephemerals, ephemerals_max;

    uint64_t greet_ms;    /* turn of the next greeting */
    uint32_t hello_count; /* for tickets */

    struct lcp_msg msg;         /* of the last ADMIT */
    struct lcp_hello hello;     /* of the last HELLO */
    struct lcp_receipt receipt; /* of the last RECEIPT */
    struct lcp_msg_scratch *scratch;
    uint64_t counters[LCP_COUNT_MAX];
};

/* core.c. enter: every feed's first step; the machine's time for the caller's. */
uint64_t lcp_core_enter(struct lcp_core *core, uint64_t now_ms);
/* Ditto, for those that only look. */
uint64_t lcp_core_look_at(const struct lcp_core *core, uint64_t now_ms);
struct lcp_output *lcp_core_stage(struct lcp_core *core, enum lcp_output_kind kind,
                                  uint32_t peer);
/* Stages a datagram to the peer. */
void lcp_core_stage_tx(struct lcp_core *core, uint32_t peer, enum lcp_packet_type type,
                       uint32_t seq, struct lcp_span payload);
/* An ACK: a header and no more. */
void lcp_core_stage_bare(struct lcp_core *core, uint32_t peer,
                         enum lcp_packet_type type, uint32_t seq);

/* gate.c. Checks before anything costs much. */
void lcp_gate_count(struct lcp_core *core, enum lcp_counter counter);
/* The purse that may pay for this packet; LCP_PURSES: none, it is counted and dropped.
 * digest: of its payload. */
enum lcp_purse lcp_gate_open(struct lcp_core *core, uint32_t peer, uint32_t cost,
                             const uint8_t digest[static LCP_DIGEST_BYTES]);
/* Ditto for one that carries a random number of ours. */
enum lcp_purse lcp_gate_open_proven(struct lcp_core *core, uint32_t peer,
                                    uint32_t cost);
void lcp_gate_charge(struct lcp_core *core, uint32_t peer, enum lcp_purse purse,
                     uint32_t cost);
void lcp_gate_reject(struct lcp_core *core, uint32_t peer, enum lcp_counter why,
                     enum lcp_purse purse, uint32_t cost);
/* An admission was worth its tokens. */
void lcp_gate_refund(struct lcp_core *core, const struct lcp_admit *row);
/* These bytes are forged: dropped for nothing when they come again. */
void lcp_gate_note_bad(struct lcp_core *core,
                       const uint8_t digest[static LCP_DIGEST_BYTES]);
bool lcp_gate_is_bad(const struct lcp_core *core,
                     const uint8_t digest[static LCP_DIGEST_BYTES]);
/* The pinned key; without a pin any that is nobody else's: the storing transaction pins
 * it. */
bool lcp_gate_may_be_from(const struct lcp_core *core, uint32_t peer,
                          const struct lcp_key *key);
/* True for a name of ours, or a mailbox behind one. */
bool lcp_gate_is_for_us(const struct lcp_core *core, const struct lcp_json *doc,
                        uint32_t to);
/* A row for an admission that starts now, charged; NULL: no room, counted. */
struct lcp_admit *lcp_gate_admit(struct lcp_core *core, uint32_t peer,
                                 const struct lcp_key *key, const char *id,
                                 enum lcp_purse purse, uint32_t cost);
/* What the storing transaction pinned. */
void lcp_gate_pin(struct lcp_core *core, uint32_t peer, const uint8_t *pinned);

/* greet.c: HELLO. */
void lcp_greet_take(struct lcp_core *core, uint32_t peer,
                    const struct lcp_frame *frame);
/* Another key from now on: what the former one said proves nothing. */
void lcp_greet_forget(struct lcp_core *core, uint32_t peer);
/* Stages ours, with this number. */
void lcp_greet_sign(struct lcp_core *core, uint32_t peer, uint32_t seq);

/* receipt_in.c */
void lcp_receipt_take(struct lcp_core *core, uint32_t peer,
                      const struct lcp_frame *frame);

/* news.c. Asks for a receipt to be built, if there is news and it is a good time: the
 * peer was heard and is not away, and there is a place for it. */
void lcp_news_want(struct lcp_core *core, uint32_t peer);
/* Its receipt is acknowledged; or all its tries are used up. */
void lcp_news_settled(struct lcp_core *core, uint32_t peer);
void lcp_news_parked(struct lcp_core *core, uint32_t peer);

/* window.c */
/* Free places in the peer's window. */
uint32_t lcp_window_places(const struct lcp_core *core, const struct lcp_peer *p);
uint32_t lcp_window_size(const struct lcp_core *core, const struct lcp_peer *p);
/* Places and bytes left for such a peer, all limits together. */
uint32_t lcp_window_places_left(const struct lcp_core *core, bool is_idle);
size_t lcp_window_bytes_left(const struct lcp_core *core, bool is_idle);
void lcp_window_take(struct lcp_core *core, struct lcp_peer *p, uint32_t count,
                     size_t bytes);
void lcp_window_give(struct lcp_core *core, struct lcp_peer *p, uint32_t count,
                     size_t bytes);
/* The peer was heard, or fell silent. */
void lcp_window_set_idle(struct lcp_core *core, uint32_t peer, bool is_idle);
/* Gives a slot's place back; what becomes of the slot is the caller's. */
void lcp_window_leave(struct lcp_core *core, uint32_t slot);
/* An ACK of the transmission `item` came: SETTLED, if an ACK is enough. */
void lcp_window_acked(struct lcp_core *core, uint32_t item);
/* SETTLED, whatever the peer speaks. */
void lcp_window_settle(struct lcp_core *core, uint32_t item);
/* A verified receipt speaks of a message of ours. */
void lcp_window_told(struct lcp_core *core, uint32_t peer,
                     const struct lcp_core_word *word, uint64_t arrived_ms);
/* Takes all of a peer's messages out, as PARKED. */
void lcp_window_clear(struct lcp_core *core, uint32_t peer);
/* Puts a message or receipt that has a place on its way. */
uint32_t lcp_window_enter(struct lcp_core *core, uint32_t peer, uint64_t number,
                          struct lcp_span payload);

/* tries.c. Steps carry out one timer or refill and are called at its time. */
void lcp_tries_step(struct lcp_core *core, uint32_t slot);
/* What is in the peer's window goes now, as if for the first time. */
void lcp_tries_hurry(struct lcp_core *core, uint32_t peer);
/* The peer is here again: its probe is a message like the others, and goes now. */
void lcp_tries_unprobe(struct lcp_core *core, uint32_t peer);
/* Wait of a first try. */
uint32_t lcp_tries_rto_ms(const struct lcp_core *core, const struct lcp_peer *p);

/* refill.c */
bool lcp_window_refill_step(struct lcp_core *core);
bool lcp_window_can_refill(const struct lcp_core *core);
/* The peer's queue from its start. */
void lcp_window_restart(struct lcp_core *core, uint32_t peer);
/* Asks for queued rows if there is a reason and room. */
void lcp_window_want(struct lcp_core *core, uint32_t peer);
/* No longer: before it is deleted, or becomes one of the others. */
void lcp_window_unwant(struct lcp_core *core, uint32_t peer);
/* One queued message to a peer that is away; false: not now. */
bool lcp_window_probe(struct lcp_core *core, uint32_t peer);
/* The peer asked to be left alone for so long. */
void lcp_window_later(struct lcp_core *core, uint32_t peer, uint64_t retry_ms);

/* live.c */
void lcp_live_start(struct lcp_core *core, uint32_t peer);
void lcp_live_stop(struct lcp_core *core, uint32_t peer);
/* Carries out what is due of the peer's timers. */
void lcp_live_step(struct lcp_core *core, uint32_t peer);
/* Sets the peer's timer to the first of its times. */
void lcp_live_rearm(struct lcp_core *core, uint32_t peer);
/* A HELLO to the peer at once, or when its turn comes: many do not go together. */
void lcp_live_greet(struct lcp_core *core, uint32_t peer);
/* A bare heartbeat: whoever called for it has proved nothing. */
void lcp_live_knock(struct lcp_core *core, uint32_t peer);
/* Somebody wants to write to it: if its turn has not come yet, it has now. */
void lcp_live_greet_first(struct lcp_core *core, uint32_t peer);
/* Greets the peer, and probes it now if mail waits for it. */
void lcp_live_hurry(struct lcp_core *core, uint32_t peer);
/* The peer did something that a stranger cannot forge. */
void lcp_live_sign(struct lcp_core *core, uint32_t peer);
/* It echoed a nonce of ours of this age. */
void lcp_live_fresh(struct lcp_core *core, uint32_t peer, uint64_t nonce_ms);
bool lcp_live_is_fresh(const struct lcp_core *core, const struct lcp_peer *p);
/* How long a nonce of ours proves its echoer alive. */
uint64_t lcp_live_fresh_ms(const struct lcp_core *core);
/* It proved to speak 1.2. */
void lcp_live_prove(struct lcp_core *core, uint32_t peer);
/* Its tries went unanswered. */
void lcp_live_away(struct lcp_core *core, uint32_t peer);
/* Rows wait behind the cursor, or for a peer that is away, or news: another round,
 * later. */
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
lcp_has_many_peers(const struct lcp_core *core)
{
    return core->peers.cap - core->peers.free.count > LCP_FEW_PEERS;
}

/* Of very many peers those that are due at about the same time come together: one
 * wake-up, one batch. */
static inline uint64_t
lcp_core_gather(const struct lcp_core *core, uint64_t due_ms)
{
    enum { LCP_TICK_MS = 100 };

    if (due_ms == LCP_NEVER || !lcp_has_many_peers(core))
        return due_ms;
    return due_ms + (LCP_TICK_MS - due_ms % LCP_TICK_MS) % LCP_TICK_MS;
}

static inline bool
lcp_is_1_2(const struct lcp_peer *peer)
{
    return peer->version >= LCP_VERSION_1_2;
}

static inline bool
lcp_is_ephemeral(uint64_t number)
{
    return number >> 63 != 0;
}

#endif
