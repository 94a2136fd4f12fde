/* SPDX-License-Identifier: MIT
 *
 * The admissions that run: messages handed to the store whose end is not known yet, by
 * (key, id). A retransmission adds its number here instead of starting a second job.
 * Receipts share the table; their id is the digest of their bytes.
 */
#ifndef LCP_CORE_ADMIT_H
#define LCP_CORE_ADMIT_H

#include "base/crypto.h"
#include "core/bucket.h"
#include "core/index.h"

enum {
    /* Retransmissions answered when an admission ends. A sender makes five tries; the
     * other three are for those the network doubles. */
    LCP_ADMIT_SEQS_MAX = 8,
};

struct lcp_admit {
    struct lcp_key key;
    char id[LCP_ID_MAX + 1];
    uint8_t digest[LCP_DIGEST_BYTES]; /* of the payload as it came */
    uint32_t seqs[LCP_ADMIT_SEQS_MAX];
    uint32_t seq_count;
    uint32_t peer, peer_generation;
    uint32_t cost;        /* tokens to refund */
    enum lcp_purse purse; /* where they came from */
    uint64_t since_ms;    /* when the first of them arrived */
    bool is_receipt, is_marked;
    uint32_t generation; /* odd while it runs */
};

struct lcp_admits {
    struct lcp_admit *rows;
    struct lcp_link *links;
    struct lcp_list free;
    struct lcp_index index;
    uint32_t cap;
    uint64_t hash_key;
};

void lcp_admits_lay(struct lcp_admits *admits, struct lcp_arena *arena, uint32_t cap);
void lcp_admits_init(struct lcp_admits *admits, uint64_t hash_key);
/* The one that runs for this key and id, or NULL. */
struct lcp_admit *lcp_admits_find(const struct lcp_admits *admits,
                                  const struct lcp_key *key, const char *id);
/* A new row with key and id set and the rest empty; NULL when full. */
struct lcp_admit *lcp_admits_add(struct lcp_admits *admits, const struct lcp_key *key,
                                 const char *id);
/* Names a row for the caller; a ticket of a row that ended finds nothing. */
uint64_t lcp_admits_ticket(const struct lcp_admits *admits,
                           const struct lcp_admit *row);
struct lcp_admit *lcp_admits_get(const struct lcp_admits *admits, uint64_t ticket);
void lcp_admits_del(struct lcp_admits *admits, struct lcp_admit *row);
/* Remembers the number of a (re)transmission. Beyond the limit it goes without an
 * answer: those before it get theirs, and any one settles the message at its sender. */
void lcp_admit_note(struct lcp_admit *row, uint32_t seq);

#endif
