/* SPDX-License-Identifier: MIT
 *
 * What all signed objects of the wire share: a JSON object with `security`, whose
 * signature covers the canonical bytes of the rest. docs/protocol.md "Signature" and
 * "LCP/1.2". Messages, hellos and receipts are told apart by `type`, so none can be
 * taken for another.
 */
#ifndef LCP_CORE_SIGNED_H
#define LCP_CORE_SIGNED_H

#include "core/msg.h"

/* A parsed hello or receipt. Valid while raw and the scratch are. */
struct lcp_signed {
    struct lcp_span raw;
    struct lcp_json doc;
    uint32_t from, to, timestamp; /* nodes of strings */
    struct lcp_key key;
    uint8_t signature[LCP_SIG_BYTES];
};

/* Parses an object of this type of at most LCP_SIGNED_PAYLOAD_MAX bytes and checks the
 * members above. Not the signature. */
LCP_MUST_USE enum lcp_msg_fault lcp_signed_parse(struct lcp_span raw, const char *type,
                                                 struct lcp_msg_scratch *scratch,
                                                 struct lcp_signed *out);
/* True if the signature is that of object->key. */
LCP_MUST_USE bool lcp_signed_verify(const struct lcp_signed *object,
                                    struct lcp_msg_scratch *scratch);
/* True for a string member that decodes to text. */
bool lcp_signed_is(const struct lcp_signed *object, uint32_t at, const char *text);

#endif
