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
#include "core/cwnd.h"
#include "core/index.h"
#include "core/rto.h"

enum {
    LCP_BEATS_REMEMBERED = 4,  /* heartbeats of ours whose ACK still counts */
    LCP_NONCES_REMEMBERED = 8, /* of either side: more than are live at 30 s apart */
};

/* A nonce of ours that this peer may echo. */
struct lcp_nonce {
    uint8_t bytes[LCP_NONCE_BYTES];
    uint64_t at_ms;
    uint64_t told_boot; /* the HELLO that carried it echoed a live nonce of this boot of
                           the peer's; 0: it did not */
    bool is_set;
};

enum lcp_news_state {
    LCP_NEWS_NONE,
    LCP_NEWS_ASKED, /* NEWS is out */
    LCP_NEWS_SENT,  /* a receipt is on its way */
};

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
    struct lcp_rto rto;
    uint32_t next_beat;
    uint64_t beat_backoff_ms; /* to the next heartbeat while it is away */
    bool is_greeting;         /* beat_due_ms is a greeting's turn, not the interval's */

    /* LCP/1.2: what it speaks, our nonces, its nonces, the HELLO being verified. */
    enum lcp_version version;
    struct lcp_nonce nonces[LCP_NONCES_REMEMBERED];
    uint32_t next_nonce;
    uint8_t heard[LCP_NONCES_REMEMBERED][LCP_NONCE_BYTES];
    uint32_t heard_count;          /* where the next goes, modulo their number */
    uint8_t echo[LCP_NONCE_BYTES]; /* what our heartbeats echo */
    uint64_t echo_ms, echo_boot;   /* when it was heard, and from which boot */
    bool has_echo, is_echo_fresh;  /* heard in a HELLO that was fresh itself */
    uint64_t fresh_ms;        /* when the newest nonce of ours that it echoed went */
    bool was_fresh;           /* ever */
    uint64_t online_ms;       /* its being online counts from here */
    uint64_t answer_after_ms; /* no HELLO in answer to one before */
    uint64_t hello_ticket;    /* 0: none is being verified */
    bool is_hello_proven;     /* that one echoes a live nonce */
    uint8_t hello_nonce[LCP_NONCE_BYTES], hello_echo[LCP_NONCE_BYTES];
    uint64_t hello_boot;
    bool is_hello_1_2;
    enum lcp_purse hello_purse;
    bool has_answer; /* the next HELLO answers this nonce */
    uint8_t answer[LCP_NONCE_BYTES];
    uint64_t answer_boot;

    /* News for it: states of its messages. */
    bool has_news;
    enum lcp_news_state news;

    /* When something is to be done: LCP_NEVER when not. */
    uint64_t beat_due_ms, silence_due_ms, round_due_ms, retry_due_ms;
    uint64_t backoff_ms; /* of the next probe */

    /* Its window. */
    struct lcp_cwnd cwnd;
    uint64_t later_ms; /* it asked to be left alone until then */
    bool is_idle;      /* away, or not heard yet: what it holds is limited */
    uint32_t held;     /* of the machine's places */
    size_t held_bytes;
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

    struct lcp_purses purses;
    uint32_t admissions; /* running, of messages and receipts */
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

#endif
