/* SPDX-License-Identifier: MIT
 *
 * The registry: who our peers are (name, one endpoint, one pinned key), found in O(1)
 * by each, and what the machine keeps for each of them. docs/protocol.md "Who a peer
 * is".
 */
#ifndef LCP_CORE_PEERS_H
#define LCP_CORE_PEERS_H

#include "base/crypto.h"
#include "core/bucket.h"
#include "core/index.h"

enum { LCP_BEATS_REMEMBERED = 4 }; /* heartbeats of ours whose ACK still counts */

struct lcp_peer {
    /* Who. A slot of a deleted peer is used again only when nothing of it
     * is outstanding. */
    bool is_used;
    uint32_t generation; /* tells a peer from the next one at the same index */
    char name[LCP_NAME_MAX + 1];
    struct lcp_endpoint endpoint;
    struct lcp_key key; /* all zero: none pinned yet */

    /* Liveness. */
    bool is_online, is_away, was_heard;
    uint64_t life_ms;  /* last sign of life; before the first: when it was added */
    uint64_t told_ms;  /* last DATA or HEARTBEAT of ours to it */
    uint64_t beat_ms;  /* last HEARTBEAT of ours to it */
    uint64_t alarm_ms; /* no further alarm before */
    uint32_t rtt_8th; /* smoothed round trip in eighths of a millisecond, 0 = unknown */
    uint32_t next_beat;

    /* When something is to be done: LCP_NEVER when not. */
    uint64_t beat_due_ms, silence_due_ms, round_due_ms, retry_due_ms;
    uint64_t backoff_ms; /* of the next probe */

    /* Its window. */
    uint32_t inflight, ephemerals;
    uint32_t probe; /* the slot that probes while it is away, or LCP_NONE */
    uint32_t reserved;
    size_t reserved_bytes;

    /* Its queue at the caller's. */
    uint64_t cursor;   /* rows up to this number were looked at */
    bool has_more;     /* there may be rows beyond */
    bool has_parked;   /* rows up to the cursor wait for another round */
    bool is_refilling; /* a REFILL is out */
    bool is_told_more; /* while it was out, a row came */
    bool is_restarted; /* while it was out, the queue began anew */
    uint32_t promised; /* places the REFILL may still fill */
    size_t promised_bytes;
    uint32_t offered;

    struct lcp_bucket bucket;
    uint32_t admissions; /* running */
    uint64_t received, rejected, transmitted, settled;
};

struct lcp_peers {
    struct lcp_peer *rows;
    struct lcp_link *links;
    struct lcp_list
        free; /* first in, first out: an index rests before it is used again */
    struct lcp_index by_name, by_endpoint, by_key;
    uint32_t cap;
    uint64_t hash_key;
};

void lcp_peers_lay(struct lcp_peers *peers, struct lcp_arena *arena, uint32_t cap);
void lcp_peers_init(struct lcp_peers *peers, uint64_t hash_key);

/* Indexes, or LCP_NONE. */
uint32_t lcp_peers_by_name(const struct lcp_peers *peers, const char *name);
uint32_t lcp_peers_by_endpoint(const struct lcp_peers *peers,
                               const struct lcp_endpoint *endpoint);
uint32_t lcp_peers_by_key(const struct lcp_peers *peers, const struct lcp_key *key);
/* NULL when there is no peer at this index. */
struct lcp_peer *lcp_peers_at(const struct lcp_peers *peers, uint32_t index);

/* Adds an empty row with these; the name is valid, name and endpoint are no
 * other's. LCP_EFULL. */
LCP_MUST_USE enum lcp_err lcp_peers_add(struct lcp_peers *peers, const char *name,
                                        const struct lcp_endpoint *endpoint,
                                        uint32_t *index);
/* The endpoint is no other's; all zero: it has none for now. */
void lcp_peers_move(struct lcp_peers *peers, uint32_t index,
                    const struct lcp_endpoint *endpoint);
/* Sets the key, which is set and no other's. */
void lcp_peers_pin(struct lcp_peers *peers, uint32_t index, const struct lcp_key *key);
/* The row is used again after lcp_peers_release. */
void lcp_peers_del(struct lcp_peers *peers, uint32_t index);
/* Gives a deleted row free once no REFILL and no reservation of it is out. */
void lcp_peers_release(struct lcp_peers *peers, uint32_t index);

/* RFC 6298, 2.3: a smoothed round trip. Zero counts as one millisecond: zero
 * means unknown. */
void lcp_peer_note_rtt(struct lcp_peer *peer, uint64_t rtt_ms);
uint32_t lcp_peer_rtt_ms(const struct lcp_peer *peer);

#endif
