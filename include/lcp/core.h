/* SPDX-License-Identifier: MIT
 *
 * The LCP protocol as a pure machine: no socket, clock, file, thread, log or allocator.
 * Datagrams, time and completions go in; things to do come out. The caller carries them
 * out and reports. docs/protocol.md parts 1 and 2; docs/design.md "Five ideas".
 *
 * Use: lcp_core_init, lcp_core_peer_put; then feed (lcp_core_datagram, lcp_core_offer,
 * ...) and after every feed, and when lcp_core_next_ms has come, call lcp_core_poll
 * until it says false.
 */
#ifndef LCP_CORE_H
#define LCP_CORE_H

#include "lcp/types.h"

#ifdef __cplusplus
extern "C" {
#endif

struct lcp_core; /* lives in the caller's memory */

#define LCP_NO_PEER UINT32_MAX
#define LCP_NEVER UINT64_MAX

/* Fixed at start; memory follows from them. Full is LCP_EFULL or a drop with a counter.
 */
struct lcp_core_limits {
    uint32_t peers_max;    /* default 64 */
    uint32_t inflight_max; /* messages in windows, all peers together; default 1,024 */
    uint32_t parked_max; /* transmitted ones of peers that are away, remembered so that
                            a late ACK still settles them; default 4,096; the oldest are
                            forgotten first */
    uint32_t admissions_max;      /* running admissions; default 256 */
    uint32_t admissions_peer_max; /* of one peer; default 64 */
    size_t inflight_bytes_max;    /* default 8 MiB */
};

/* Times in milliseconds. Zero means the default, docs/protocol.md "Defaults". */
struct lcp_core_config {
    const char *name;           /* ours; copied */
    const char *const *aliases; /* further names that `to` may hold; copied */
    size_t alias_count;         /* at most LCP_ALIASES_MAX */
    uint8_t key[LCP_KEY_BYTES]; /* our public key: a peer with it is refused */
    uint8_t random_seed[32];    /* from a good source: sequence numbers, jitter */
    uint32_t retries_max;       /* transmissions of a message, 5 */
    uint32_t retry_base_ms;     /* 500, doubling */
    uint32_t ack_timeout_ms;    /* cap of one wait, 3,000 */
    uint32_t heartbeat_ms;      /* 30,000, spread by 10 % */
    uint32_t peer_timeout_ms;   /* 120,000 */
    uint32_t probe_min_ms,
        probe_max_ms;    /* a peer that is away: 15,000 doubling to 600,000 */
    uint32_t window_max; /* outstanding to one LCP/1.1 peer: 8 */
    uint32_t
        window_1_2_max;   /* to one LCP/1.2 peer: 64, which is also the cap of both */
    bool is_timing_fixed; /* waits and window as LCP/1.1 has them, whatever is measured:
                             to compare with */
    struct lcp_core_limits limits;
};

struct lcp_core_peer {
    const char *name;             /* copied; the peer's identity for the caller */
    struct lcp_endpoint endpoint; /* exactly one; no two peers share it */
    bool has_key;                 /* without: the first verified packet pins one */
    uint8_t key[LCP_KEY_BYTES];
    enum lcp_version version; /* as the record knows it; 0 counts as 1.1, and never
                                 takes a version back */
};

/* What a peer looks like from here. */
struct lcp_core_peer_view {
    char name[LCP_NAME_MAX + 1];
    struct lcp_endpoint endpoint;
    bool has_key;
    uint8_t key[LCP_KEY_BYTES];
    enum lcp_version version;
    bool has_fresh_hello; /* a verified HELLO echoed a nonce of ours from the last
                             150 s (peer_timeout and a heartbeat) */
    bool is_online; /* unforgeable sign of life within peer_timeout; of an LCP/1.2 peer
                       that is a fresh HELLO */
    bool is_away;   /* all tries of a message unanswered and no sign of life since its
                       first, or silent beyond peer_timeout */
    bool was_heard; /* ever, since start */
    uint64_t silent_ms; /* since the last sign of life; valid when was_heard */
    uint32_t rtt_ms;    /* smoothed, 0 when unknown */
    uint32_t rto_ms;    /* wait of a first try, RFC 6298 */
    uint32_t window;    /* messages it may have outstanding now */
    uint64_t later_ms;  /* it asked for so long a pause yet: `later` */
    uint32_t inflight;
    uint64_t received, rejected, transmitted, settled;
};

/* Why something was not taken, and other things worth counting.
 * Names: lcp_counter_name. */
enum lcp_counter {
    LCP_COUNT_DATAGRAMS, /* all that arrived */
    LCP_COUNT_TOO_SHORT,
    LCP_COUNT_BAD_MAGIC,
    LCP_COUNT_UNKNOWN_TYPE,
    LCP_COUNT_STRANGER,  /* source endpoint is no peer's */
    LCP_COUNT_THROTTLED, /* bucket empty: failures of this peer or of all */
    LCP_COUNT_BAD_UTF8,
    LCP_COUNT_BAD_JSON, /* syntax, trailing bytes, BOM, top level */
    LCP_COUNT_JSON_SURROGATE,
    LCP_COUNT_JSON_DUPLICATE,
    LCP_COUNT_JSON_NUMBER,
    LCP_COUNT_JSON_DEPTH,
    LCP_COUNT_JSON_NODES,
    LCP_COUNT_BAD_MEMBER, /* required member missing or of a wrong type */
    LCP_COUNT_BAD_ID,
    LCP_COUNT_BAD_SECURITY,
    LCP_COUNT_NOT_FOR_US, /* `to` */
    LCP_COUNT_OTHER_KEY,  /* security.pubkey is not the pinned key */
    LCP_COUNT_BAD_SIGNATURE,
    LCP_COUNT_CONFLICT,        /* known id, other content, verified */
    LCP_COUNT_REFUSED,         /* pin changed while the admission ran */
    LCP_COUNT_LATER,           /* storage full: not acknowledged */
    LCP_COUNT_ADMISSIONS_FULL, /* no room for a further admission: dropped without
                                  answer */
    LCP_COUNT_STORED,
    LCP_COUNT_DUPLICATE,
    LCP_COUNT_MERGED, /* retransmission of a running admission */
    LCP_COUNT_ACK_MATCHED,
    LCP_COUNT_ACK_UNMATCHED,
    LCP_COUNT_HEARTBEATS,
    LCP_COUNT_TX,          /* datagrams put out */
    LCP_COUNT_RETRIES,     /* transmissions of a message after its first */
    LCP_COUNT_SLEPT,       /* times this process was found to have slept */
    LCP_COUNT_DIFFERS,     /* other bytes, or another sender, under the (key, id) of a
                              running admission: dropped without answer */
    LCP_COUNT_HELLOS,      /* that arrived */
    LCP_COUNT_HELLO_FRESH, /* verified, echoing a nonce of ours */
    LCP_COUNT_HELLO_STALE, /* verified, echoing none, or an old one */
    LCP_COUNT_HELLO_REPEATED,  /* dropped: nonce already heard, or one is being verified
                                */
    LCP_COUNT_BAD_HELLO,       /* says type hello, but form, or not for us */
    LCP_COUNT_RECEIPTS,        /* that arrived */
    LCP_COUNT_BAD_RECEIPT,     /* form, or not for us */
    LCP_COUNT_RECEIPT_FOREIGN, /* entries verified that speak of nothing of ours:
                                  unknown id, other digest, other peer's message; or
                                  LATER without a transmission it answers */
    LCP_COUNT_ACK_NOT_ENOUGH,  /* of a message to an LCP/1.2 peer: stops retransmission,
                                  settles nothing; PARKED if no receipt follows within
                                  one wait, and the next round asks again */
    LCP_COUNT_NOT_TAKEN,       /* verified and refused with a signed word */
    LCP_COUNT_SECOND_CHANCE,   /* throttled, came again, got through */
    LCP_COUNT_BAD_HEARTBEAT,   /* with a payload that is no HELLO: not acknowledged */
    LCP_COUNT_MAX
};

/* How an admission ended. */
enum lcp_admission {
    LCP_ADM_STORED,    /* committed */
    LCP_ADM_DUPLICATE, /* known, same content: answered again */
    LCP_ADM_CONFLICT,  /* known id, other content, verified: never a bare ACK */
    LCP_ADM_BADSIG,
    LCP_ADM_REFUSED, /* pin at commit time: not a word */
    LCP_ADM_LATER,   /* not stored for want of room: never a bare ACK, the sender tries
                        again */
    LCP_ADM_NOT_TAKEN, /* verified, refused by policy or misaddressed: never a bare ACK
                        */
};

enum lcp_output_kind {
    LCP_OUT_TX,      /* send header + payload as one datagram to `to` */
    LCP_OUT_ADMIT,   /* look up, verify, check pin, store; then lcp_core_admitted */
    LCP_OUT_REFILL,  /* offer up to `count` queued messages with number > after; then
                        lcp_core_refilled or _failed, also when the peer is gone */
    LCP_OUT_SETTLED, /* the LCP/1.1 peer acknowledged `number`, or any peer an ephemeral
                        one; its payload is no longer borrowed. May come for a message
                        that was parked long ago */
    LCP_OUT_PARKED,  /* all tries unanswered: payload no longer borrowed, stays queued
                        and comes up in a later REFILL */
    LCP_OUT_ONLINE,  /* peer shows life (again) */
    LCP_OUT_OFFLINE, /* peer silent for silent_ms */
    LCP_OUT_ALARM,   /* something a person should hear of; see lcp_alarm. Those without
                        payload come at most once a minute and peer, those with are
                        charged to its bucket */
    /* LCP/1.2 */
    LCP_OUT_HELLO_SIGN, /* nearly every HEARTBEAT of ours: build a HELLO with nonce,
                           echo, has_echo and send it behind `header` to `to`; there is
                           nothing to report */
    LCP_OUT_HELLO,   /* verify the HELLO in payload (message: const struct lcp_hello *);
                        then lcp_core_hello, in any case: one runs for each peer */
    LCP_OUT_RECEIPT, /* verify the RECEIPT in payload (message: const struct
                        lcp_receipt *), apply and commit it; then lcp_core_receipt */
    LCP_OUT_NEWS,    /* a good time to tell the peer what became of its messages: then
                        lcp_core_offer_receipt or lcp_core_no_news */
    LCP_OUT_VERSION, /* the peer proved to speak 1.2: make that durable */
};

enum lcp_alarm {
    LCP_ALARM_OTHER_KEY, /* with payload: it carries another key than the pinned one and
                            is not verified: verify it before a word is said. Without:
                            the storing transaction refused a key */
    LCP_ALARM_CONFLICT,
};

/* One thing to do. Spans borrow from the core or from the caller's last feed, until the
 * next call that takes a non-const core. */
struct lcp_output {
    enum lcp_output_kind kind;
    uint32_t peer;                    /* index, or LCP_NO_PEER */
    struct lcp_endpoint to;           /* TX */
    uint8_t header[LCP_HEADER_BYTES]; /* TX */
    struct lcp_span
        payload;         /* TX: behind the header, may be empty. ADMIT: the message */
    uint64_t ticket;     /* ADMIT, HELLO, RECEIPT */
    const void *message; /* ADMIT: const struct lcp_msg *, already parsed (internal) */
    uint32_t seq;        /* ADMIT: of the DATA, for the answer */
    bool wants_receipt;  /* ADMIT: the DATA is marked or the peer is known as 1.2 */
    bool is_for_us;      /* ADMIT: false: verified, it is refused as not-for-me */
    uint8_t nonce[LCP_NONCE_BYTES], echo[LCP_NONCE_BYTES]; /* HELLO_SIGN */
    bool has_echo;                                         /* HELLO_SIGN */
    uint64_t number;                                       /* SETTLED, PARKED */
    uint64_t after;                                        /* REFILL */
    uint32_t count;                                        /* REFILL */
    size_t bytes_max;                                      /* REFILL */
    uint32_t rtt_ms;                                       /* SETTLED */
    uint64_t silent_ms;                                    /* OFFLINE */
    enum lcp_alarm alarm;
};

/* Bytes of memory for these limits (zeros take defaults), 16-byte aligned use. */
LCP_API size_t lcp_core_size(const struct lcp_core_limits *limits);
/* memory must live as long as the core; about 4 MiB with the defaults. LCP_EINVAL: a
 * bad name or alias, or too little memory. */
LCP_API LCP_MUST_USE enum lcp_err lcp_core_init(void *memory, size_t size,
                                                const struct lcp_core_config *config,
                                                uint64_t now_ms, struct lcp_core **out);

/* Adds a peer or changes the one of that name (endpoint, key); queued knowledge stays.
 * Without a key a pin it has stays. LCP_EFULL, LCP_EEXIST (endpoint or key of another
 * peer), LCP_EINVAL (bad name, our own key). New peers are greeted by a heartbeat at
 * once and their queue is asked for (REFILL). index may be NULL. */
LCP_API LCP_MUST_USE enum lcp_err lcp_core_peer_put(struct lcp_core *core,
                                                    uint64_t now_ms,
                                                    const struct lcp_core_peer *peer,
                                                    uint32_t *index);
/* Forgets the peer; its messages in flight come out as PARKED. The index is used again
 * once no REFILL and no reservation of this peer is out. */
LCP_API void lcp_core_peer_del(struct lcp_core *core, uint64_t now_ms, uint32_t index);
/* Takes the peer's endpoint away, so that another one can have it: for peers that swap
 * theirs. lcp_core_peer_put must give it a new one before the next datagram or poll. */
LCP_API void lcp_core_peer_vacate(struct lcp_core *core, uint64_t now_ms,
                                  uint32_t index);
LCP_API uint32_t lcp_core_peer_find(const struct lcp_core *core, const char *name);
/* The peer with this pin, or LCP_NO_PEER. */
LCP_API uint32_t lcp_core_peer_of_key(const struct lcp_core *core,
                                      const uint8_t key[LCP_KEY_BYTES]);
/* false: no peer at this index. Indexes are below limits.peers_max. */
LCP_API bool lcp_core_peer_view(const struct lcp_core *core, uint64_t now_ms,
                                uint32_t index, struct lcp_core_peer_view *view);

/* A datagram arrived. The bytes are borrowed until the polling that follows is done. */
LCP_API void lcp_core_datagram(struct lcp_core *core, uint64_t now_ms,
                               const struct lcp_endpoint *from, struct lcp_span bytes);
/* How an ADMIT ended. pinned: the key that this admission's transaction pinned, or
 * NULL. Only STORED and DUPLICATE stage bare ACKs, and only where docs/protocol.md "Who
 * answers how" wants one: what this side has acknowledged, this side cannot lose. The
 * signed answers of a commit come by lcp_core_answer. */
LCP_API void lcp_core_admitted(struct lcp_core *core, uint64_t now_ms, uint64_t ticket,
                               enum lcp_admission result, const uint8_t *pinned);

/* ---- LCP/1.2 ---- */

/* A signed receipt that answers DATA of this peer: goes out once, now. The sender's
 * retransmission is its retry. payload is borrowed until the polling that follows is
 * done; at most LCP_SIGNED_PAYLOAD_MAX. */
LCP_API void lcp_core_answer(struct lcp_core *core, uint64_t now_ms, uint32_t peer,
                             struct lcp_span payload);
/* How a HELLO ended. pinned as in lcp_core_admitted. */
LCP_API void lcp_core_hello(struct lcp_core *core, uint64_t now_ms, uint64_t ticket,
                            bool is_valid, const uint8_t *pinned);

/* What one entry of a verified receipt means here. */
struct lcp_core_word {
    uint64_t number; /* of our message, the record is changed; 0: none of ours (its seq
                        may still settle an ephemeral one) */
    bool has_seq;
    uint32_t seq;
    bool is_later; /* stays queued; nothing goes to this peer for retry_ms */
    uint64_t retry_ms;
};
/* How a RECEIPT ended: STORED (verified, applied, committed: it is acknowledged, its
 * words take their messages out of the window without a SETTLED, and the peer is 1.2),
 * BADSIG, REFUSED (key), LATER (storage failed: no ACK, it comes again). */
LCP_API void lcp_core_receipt(struct lcp_core *core, uint64_t now_ms, uint64_t ticket,
                              enum lcp_admission result,
                              const struct lcp_core_word *words, size_t count);
/* There are states of received messages that this peer has not acknowledged to know. */
LCP_API void lcp_core_news(struct lcp_core *core, uint64_t now_ms, uint32_t peer);
/* Answers NEWS with a signed receipt, retried like a message. number has the top bit
 * set and ends as SETTLED (the peer has it; NEWS comes at once again, until
 * lcp_core_no_news says that nothing is left) or PARKED (NEWS comes again by itself, in
 * the next round or when the peer shows life). LCP_EFULL: NEWS comes again within a
 * second. LCP_ENOTFOUND: the peer is gone, or no NEWS was out for it. LCP_EEXIST,
 * LCP_EINVAL: number or size; answer with lcp_core_no_news. */
LCP_API LCP_MUST_USE enum lcp_err lcp_core_offer_receipt(struct lcp_core *core,
                                                         uint64_t now_ms, uint32_t peer,
                                                         uint64_t number,
                                                         struct lcp_span payload);
/* Answers NEWS otherwise: nothing to tell, or (failed) it could not be read now. */
LCP_API void lcp_core_no_news(struct lcp_core *core, uint64_t now_ms, uint32_t peer,
                              bool failed);
/* What a person said of the peer: `peer set NAME version=1.1`. */
LCP_API void lcp_core_set_version(struct lcp_core *core, uint64_t now_ms, uint32_t peer,
                                  enum lcp_version version);

/* May a message that is about to be stored be transmitted at once, without queueing
 * behind others? true reserves a place in the peer's window; the caller then calls
 * lcp_core_offer or lcp_core_unreserve. false: tell lcp_core_queued when it is stored.
 */
LCP_API bool lcp_core_reserve(struct lcp_core *core, uint64_t now_ms, uint32_t peer,
                              size_t bytes);
LCP_API void lcp_core_unreserve(struct lcp_core *core, uint32_t peer, size_t bytes);
/* There is a queued message for this peer that was not offered. */
LCP_API void lcp_core_queued(struct lcp_core *core, uint64_t now_ms, uint32_t peer);
/* A queued message of this peer was passed over for want of memory: its queue is asked
 * for from the start within a second. */
LCP_API void lcp_core_again(struct lcp_core *core, uint64_t now_ms, uint32_t peer);
/* The way out is open (again): what was put out lately went nowhere. Every peer is
 * greeted and what waits for it goes at once, with all its tries before it. */
LCP_API void lcp_core_hurry(struct lcp_core *core, uint64_t now_ms);
/* Hands a message over for transmission. payload is borrowed until SETTLED, PARKED
 * or lcp_core_forget. number: the caller's name of it; numbers with the top bit
 * set are ephemeral: they are not part of the queue's order and simply end as
 * SETTLED or PARKED. reserved: this uses a reservation. LCP_EEXIST: already in the
 * window (a refill met it): nothing to do, nothing borrowed. LCP_EFULL: no place;
 * it comes up in a later REFILL. LCP_ENOTFOUND: the peer is gone. LCP_EINVAL:
 * longer than LCP_PAYLOAD_MAX. A parked message offered again goes on with its
 * memory of transmissions. */
LCP_API LCP_MUST_USE enum lcp_err lcp_core_offer(struct lcp_core *core, uint64_t now_ms,
                                                 uint32_t peer, uint64_t number,
                                                 struct lcp_span payload,
                                                 bool reserved);
/* A REFILL was carried out: all its offers are made, rows through `through` were looked
 * at, and `more` says that rows after it exist. */
LCP_API void lcp_core_refilled(struct lcp_core *core, uint64_t now_ms, uint32_t peer,
                               uint64_t through, bool more);
/* A REFILL failed (storage): it is asked again within a second. */
LCP_API void lcp_core_refill_failed(struct lcp_core *core, uint64_t now_ms,
                                    uint32_t peer);
/* Expired or cancelled: no further transmission, the payload is no longer borrowed.
 * With keep, a late ACK still comes out as SETTLED. */
LCP_API void lcp_core_forget(struct lcp_core *core, uint64_t now_ms, uint64_t number,
                             bool keep);
/* True when `number` is in a window (its transmission is under way). */
LCP_API bool lcp_core_is_inflight(const struct lcp_core *core, uint64_t number);

/* When lcp_core_poll has something to do by itself; LCP_NEVER when not. */
LCP_API uint64_t lcp_core_next_ms(const struct lcp_core *core);
/* Takes the next thing to do; false: nothing left for now. */
LCP_API bool lcp_core_poll(struct lcp_core *core, uint64_t now_ms,
                           struct lcp_output *out);

LCP_API uint64_t lcp_core_counter(const struct lcp_core *core,
                                  enum lcp_counter counter);
/* "bad_signature" and so on. */
LCP_API const char *lcp_counter_name(enum lcp_counter counter);

/* Endpoints that wrote without being a peer's, the newest 64. Returns how many were
 * filled in. */
struct lcp_stranger {
    struct lcp_endpoint endpoint;
    uint64_t packets;
    uint64_t age_ms; /* since the last */
};
LCP_API size_t lcp_core_strangers(const struct lcp_core *core, uint64_t now_ms,
                                  struct lcp_stranger *out, size_t cap);

#ifdef __cplusplus
}
#endif

#endif
