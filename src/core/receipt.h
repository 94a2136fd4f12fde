/* SPDX-License-Identifier: MIT
 *
 * RECEIPT: the receiver's signed word about messages: held, stored, read, done,
 * refused, or later. Packet type 4. docs/protocol.md "LCP/1.2". Pure.
 */
#ifndef LCP_CORE_RECEIPT_H
#define LCP_CORE_RECEIPT_H

#include "core/signed.h"

enum {
    LCP_RECEIPT_ENTRIES_MAX = 16, /* more than fit the packet with ids of ours */
    LCP_RETRY_S_MAX = 24 * 3600,
};

struct lcp_receipt_entry {
    char id[LCP_ID_MAX + 1];
    uint8_t digest[LCP_DIGEST_BYTES]; /* of the message's canonical bytes */
    bool has_seq;                     /* in answers */
    uint32_t seq;                     /* of the DATA answered */
};

struct lcp_receipt {
    struct lcp_signed object;
    enum lcp_word word;
    char reason[LCP_REASON_MAX + 1]; /* "" when absent */
    char text[LCP_DETAIL_MAX + 1];   /* "" when absent */
    uint32_t retry_s;                /* LATER */
    struct lcp_receipt_entry entries[LCP_RECEIPT_ENTRIES_MAX];
    uint32_t count;
};

/* "stored" and so on. */
const char *lcp_word_name(enum lcp_word word);
LCP_MUST_USE enum lcp_err lcp_word_parse(struct lcp_span name, enum lcp_word *word);

/* 1 to LCP_RECEIPT_ENTRIES_MAX entries, each of two or three members; an unknown
 * state is BAD_MEMBER. A longer text is cut at a character. */
LCP_MUST_USE enum lcp_msg_fault lcp_receipt_parse(struct lcp_span raw,
                                                  struct lcp_msg_scratch *scratch,
                                                  struct lcp_receipt *out);

struct lcp_receipt_draft {
    const char *from, *to, *timestamp;
    enum lcp_word word;
    const char *reason, *text; /* NULL or "": absent */
    uint32_t retry_s;          /* LATER */
    const struct lcp_receipt_entry *entries;
    uint32_t count; /* at least 1 */
};

/* Builds and signs a receipt about the first *used entries, as many as fit into
 * LCP_SIGNED_PAYLOAD_MAX (out's size); one always does: the text is cut for it. */
LCP_MUST_USE enum lcp_err lcp_receipt_build(const struct lcp_receipt_draft *draft,
                                            const struct lcp_identity *identity,
                                            struct lcp_msg_scratch *scratch, char *out,
                                            size_t *len, uint32_t *used);

#endif
