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
/* True for a string member that decodes to text; at 0 is false. */
bool lcp_signed_is(const struct lcp_signed *object, uint32_t at, const char *text);

/* ---- the one piece that messages stand on, too ---- */

/* A string member of the top level that may be missing. `at` is 0 when it is absent or
 * null; false when it is something else. */
LCP_MUST_USE bool lcp_signed_string(const struct lcp_json *doc, const char *name,
                                    uint32_t *at);
/* True if the member `lcp` is a string "1.N" and N is at least 2. */
bool lcp_signed_is_1_2(const struct lcp_json *doc);
/* Reads the member `security`, which must have its form and not a member more: it is
 * the only part that nobody signed. */
LCP_MUST_USE bool lcp_signed_security(const struct lcp_json *doc, struct lcp_key *key,
                                      uint8_t signature[static LCP_SIG_BYTES]);
/* Canonical bytes without `security`, in scratch->canon. */
LCP_MUST_USE enum lcp_err lcp_signed_canon(const struct lcp_json *doc,
                                           struct lcp_msg_scratch *scratch,
                                           struct lcp_span *out);
/* Ends the object that is open in w: signs what a receiver will parse, adds `security`
 * and closes it. digest as in lcp_msg_build. LCP_EFULL; LCP_EFORMAT when what was
 * written is no object that a receiver would take. */
LCP_MUST_USE enum lcp_err lcp_signed_end(struct lcp_writer *w,
                                         const struct lcp_identity *identity,
                                         struct lcp_msg_scratch *scratch, size_t *len,
                                         uint8_t digest[static LCP_DIGEST_BYTES]);
/* What `security` and the last brace take, so that a writer can leave room for them. */
size_t lcp_signed_end_bytes(void);

#endif
