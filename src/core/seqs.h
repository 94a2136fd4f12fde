/* SPDX-License-Identifier: MIT
 *
 * The sequence numbers we have out: which transmission each belongs to and when it
 * went. Numbers are uniformly random and unique among those remembered:
 * docs/protocol.md "Rules", 6. An item is one remembered transmission; what it belongs
 * to is the owner's arithmetic.
 */
#ifndef LCP_CORE_SEQS_H
#define LCP_CORE_SEQS_H

#include "core/draw.h"
#include "core/index.h"

struct lcp_seq {
    uint64_t at_ms;
    uint32_t seq;
    bool is_set;
    bool is_answered; /* an ACK came: a second one is nobody's sign of life */
};

struct lcp_seqs {
    struct lcp_seq *items;
    uint32_t count;
    struct lcp_index index;
    struct lcp_draw *draw; /* borrowed */
};

void lcp_seqs_lay(struct lcp_seqs *seqs, struct lcp_arena *arena, uint32_t items);
void lcp_seqs_init(struct lcp_seqs *seqs, struct lcp_draw *draw);
/* Gives the item a fresh number, in place of the one it had. */
uint32_t lcp_seqs_renew(struct lcp_seqs *seqs, uint32_t item, uint64_t now_ms);
/* Forgets the item's number, if it has one. */
void lcp_seqs_clear(struct lcp_seqs *seqs, uint32_t item);
/* The item with this number, or LCP_NONE. */
uint32_t lcp_seqs_find(const struct lcp_seqs *seqs, uint32_t seq);

#endif
