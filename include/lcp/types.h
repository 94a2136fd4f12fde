/* SPDX-License-Identifier: MIT
 *
 * The nouns every room shares: spans, errors, endpoints, message states, limits.
 * Plain data and constants; knows no other header of ours.
 */
#ifndef LCP_TYPES_H
#define LCP_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(_WIN32)
#define LCP_API
#else
#define LCP_API __attribute__((visibility("default")))
#endif

#if defined(__GNUC__)
#define LCP_MUST_USE __attribute__((warn_unused_result))
#define LCP_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#else
#define LCP_MUST_USE
#define LCP_PRINTF(fmt, args)
#endif

/* Sizes in bytes. Text sizes are without the terminating NUL. */
enum {
    LCP_HEADER_BYTES = 9,    /* docs/protocol.md, "Packet" */
    LCP_PAYLOAD_MAX = 65498, /* one IPv4 datagram less the header */
    LCP_DATAGRAM_MAX = LCP_HEADER_BYTES + LCP_PAYLOAD_MAX,
    LCP_NAME_MAX = 64, /* names of agents */
    LCP_ID_MAX = 128,  /* ids of messages: [A-Za-z0-9._:-]{1,128} */
    LCP_UUID_CHARS = 36,
    LCP_TYPE_MAX = 64,   /* types we make or compare; longer ones pass through */
    LCP_KEY_BYTES = 32,  /* Ed25519 public key */
    LCP_SEED_BYTES = 32, /* Ed25519 seed: keys/identity.pem */
    LCP_SIG_BYTES = 64,
    LCP_DIGEST_BYTES = 16, /* BLAKE2b-128 */
    LCP_KEY_B64 = 44,      /* base64 of a key, with padding */
    LCP_SIG_B64 = 88,
    LCP_FINGERPRINT_CHARS = 32, /* see lcp_fingerprint() */
    LCP_ENDPOINT_TEXT_MAX = 63, /* "[ipv6%zone]:port" */
    LCP_ALIASES_MAX = 16,
    LCP_PORT_DEFAULT = 9528,
    LCP_NONCE_BYTES = 8,          /* of a HELLO; 16 hex digits in text */
    LCP_SIGNED_PACKET_MAX = 1232, /* a HELLO or RECEIPT, header included */
    LCP_SIGNED_PAYLOAD_MAX = LCP_SIGNED_PACKET_MAX - LCP_HEADER_BYTES,
    LCP_REASON_MAX = 32,  /* why a message is held or refused: a word... */
    LCP_DETAIL_MAX = 256, /* ...and a sentence */
};

enum lcp_err {
    LCP_OK = 0,
    LCP_EINVAL,   /* an argument of the caller's is wrong */
    LCP_EFORMAT,  /* bytes or text do not follow their format */
    LCP_EVERSION, /* a magic, schema or protocol version we do not know */
    LCP_EFULL,    /* a named limit is reached */
    LCP_ENOSPACE, /* the disk or quota is full, or the store is read-only: passes */
    LCP_EIO,      /* a device or system call failed */
    LCP_ELOST,    /* an fsync failed: what was promised is unknown; end with 70 */
    LCP_ECORRUPT, /* stored data is damaged */
    LCP_ENOTFOUND,
    LCP_EEXIST,     /* already there */
    LCP_ECONFLICT,  /* already there, and different */
    LCP_EAMBIGUOUS, /* a prefix that fits several */
    LCP_EPERM,      /* the system refuses: permissions, ownership, sandbox */
    LCP_EAUTH,      /* a signature or a key is wrong */
    LCP_EAGAIN,     /* not now; try later */
    LCP_ETIMEOUT,
    LCP_ECLOSED, /* the other end is gone, or nobody listens there */
    LCP_EBUSY,   /* somebody else holds it */
    LCP_ENOMEM,
    LCP_ERR_COUNT
};

/* Borrowed bytes. */
struct lcp_span {
    const uint8_t *data;
    size_t len;
};

static inline struct lcp_span
lcp_span(const void *data, size_t len)
{
    struct lcp_span span;

    span.data = (const uint8_t *)data; /* the cast is for C++ */
    span.len = len;
    return span;
}

static inline struct lcp_span
lcp_span_str(const char *text)
{
    return lcp_span(text, strlen(text));
}

static inline bool
lcp_span_eq(struct lcp_span a, struct lcp_span b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

/* An IP address and port. IPv4 is held as ::ffff:a.b.c.d; the port is in host order. */
struct lcp_endpoint {
    uint8_t ip[16];
    uint16_t port;
};

/* Packet types, docs/protocol.md "Packet" and "LCP/1.2". */
enum lcp_packet_type {
    LCP_PACKET_DATA = 1,
    LCP_PACKET_ACK = 2,
    LCP_PACKET_HEARTBEAT = 3, /* with a HELLO as payload: LCP/1.2 */
    LCP_PACKET_RECEIPT = 4,   /* LCP/1.2 */
};

/* What a peer is known to speak. Stored. */
enum lcp_version {
    LCP_VERSION_1_1 = 11,
    LCP_VERSION_1_2 = 12, /* proved by a fresh HELLO or a RECEIPT; never taken back by
                             the wire */
};

/* States of a message we sent. A change goes only to a greater value; of done and
 * refused the first stays (lcp_out_state_is_final). The values are stored, so they
 * never change meaning. `sent` is QUEUED with was_transmitted, for display. */
enum lcp_out_state {
    LCP_SENT_QUEUED = 0,            /* durable here; goes by itself */
    LCP_SENT_CANCEL_REQUESTED = 10, /* was transmitted before; no longer sent */
    LCP_SENT_CANCELLED = 20,        /* never transmitted, never will be */
    LCP_SENT_EXPIRED = 21,          /* its TTL ran out */
    LCP_SENT_ACKED = 30,            /* the peer's node said it got it (LCP/1.1 ACK) */
    LCP_SENT_HELD = 40,             /* from here on the receiver's word, signed */
    LCP_SENT_STORED = 50,
    LCP_SENT_READ = 60,
    LCP_SENT_DONE = 70,
    LCP_SENT_REFUSED = 71,
};

/* States of a message we received. Same rules: of archived and refused the first
 * stays. */
enum lcp_in_state {
    LCP_IN_HELD = -10,    /* stored, but handed to nobody before a person released it */
    LCP_IN_STORED = 0,    /* in the inbox, handed to nobody yet */
    LCP_IN_HANDED = 10,   /* some CHECK or READ handed it out whole: `read` */
    LCP_IN_ARCHIVED = 20, /* `done` */
    LCP_IN_REFUSED = 21,  /* by policy when it came (then without a body), or by us */
    LCP_IN_CONSUMED = 30, /* ping or pong the daemon dealt with; never in the inbox */
    LCP_IN_PURGED = 40,   /* body deleted by retention; its id stays known */
};

static inline bool
lcp_out_state_is_final(int state)
{
    return state >= LCP_SENT_DONE;
}

/* Nothing but the deletion of its body changes it. */
static inline bool
lcp_in_state_is_final(int state)
{
    return state >= LCP_IN_ARCHIVED;
}

/* The receiver's word for it in a receipt. LATER is an answer, no state. The values
 * are not stored. */
enum lcp_word {
    LCP_WORD_HELD,
    LCP_WORD_STORED,
    LCP_WORD_READ,
    LCP_WORD_DONE,
    LCP_WORD_REFUSED,
    LCP_WORD_LATER,
    LCP_WORD_COUNT
};

enum lcp_level { LCP_LOG_ERROR, LCP_LOG_WARN, LCP_LOG_INFO };

#endif
