/* SPDX-License-Identifier: MIT
 *
 * Messages of ours that were handed over for transmission: those in a peer's window,
 * and those parked after their tries, of which only the numbers are kept so that a late
 * ACK still settles them. Knows no time and decides nothing; window.c does.
 */
#ifndef LCP_CORE_OUTQ_H
#define LCP_CORE_OUTQ_H

#include "core/seqs.h"

enum {
    LCP_OUTQ_REMEMBERED = 10
}; /* transmissions of a message: docs/protocol.md "Rules", 6 */

enum lcp_slot_state { LCP_SLOT_FREE, LCP_SLOT_WINDOW, LCP_SLOT_PARKED };

struct lcp_slot {
    uint64_t number;         /* the caller's name of the message */
    struct lcp_span payload; /* borrowed while in the window */
    uint64_t since_ms;       /* first transmission of this set of tries */
    uint32_t peer;
    uint8_t state;  /* enum lcp_slot_state */
    uint8_t newest; /* which of the remembered transmissions is the last */
    uint8_t type;   /* enum lcp_packet_type: DATA, or RECEIPT for news */
    uint32_t tries; /* transmissions of this set */
    bool was_sent;  /* ever */
    bool is_acked;  /* in this set, which was not enough: no further tries */
};

struct lcp_outq {
    struct lcp_slot *slots;
    struct lcp_link *links;      /* of free or parked */
    struct lcp_link *peer_links; /* of the lists in of_peer */
    struct lcp_list *of_peer;    /* all slots of each peer */
    struct lcp_list free, parked;
    struct lcp_index by_number;
    struct lcp_seqs *seqs; /* borrowed; its first items are ours, slot by slot */
    uint32_t cap, peers, parked_max;
};

/* Slots for window_max in windows and parked_max parked at once. */
void lcp_outq_lay(struct lcp_outq *q, struct lcp_arena *arena, uint32_t window_max,
                  uint32_t parked_max, uint32_t peers);
void lcp_outq_init(struct lcp_outq *q, struct lcp_seqs *seqs);

/* In a window or parked, or LCP_NONE. */
uint32_t lcp_outq_find(const struct lcp_outq *q, uint64_t number);
/* Puts a message into the window: a new slot, or its parked one. The caller keeps
 * to window_max. */
uint32_t lcp_outq_enter(struct lcp_outq *q, uint32_t peer, uint64_t number,
                        struct lcp_span payload);
/* Window -> parked; the one parked longest is forgotten if there are too many. */
void lcp_outq_park(struct lcp_outq *q, uint32_t slot);
void lcp_outq_free(struct lcp_outq *q, uint32_t slot);
/* Counts a transmission and gives it a number. */
uint32_t lcp_outq_transmit(struct lcp_outq *q, uint32_t slot, uint64_t now_ms);

/* The slot that an item of seqs belongs to; LCP_NONE if it is none of ours. */
uint32_t lcp_outq_slot_of(const struct lcp_outq *q, uint32_t item);
bool lcp_outq_is_newest(const struct lcp_outq *q, uint32_t item);
/* The last transmission's number. */
uint32_t lcp_outq_newest_item(const struct lcp_outq *q, uint32_t slot);

#endif
