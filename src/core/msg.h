/* SPDX-License-Identifier: MIT
 *
 * A message: parse and check a DATA payload, build and sign one, verify a signature.
 * docs/protocol.md "Message", "Required members", "Signature". Never asks a clock.
 */
#ifndef LCP_CORE_MSG_H
#define LCP_CORE_MSG_H

#include "base/crypto.h"
#include "base/json.h"
#include "core/canon.h"

/* Scratch for one message at a time; about 700 KiB, so it lives once for each thread.
 */
struct lcp_msg_scratch {
    struct lcp_json_node nodes[LCP_JSON_NODES_MAX];
    char canon[LCP_CANON_BYTES_MAX];
};

enum lcp_msg_fault {
    LCP_MSG_OK,
    LCP_MSG_BAD_JSON,   /* see json_fault */
    LCP_MSG_BAD_MEMBER, /* a required member is missing or of a wrong type or form */
    LCP_MSG_BAD_ID,
    LCP_MSG_BAD_SECURITY, /* algo, pubkey or signature missing or not canonical; or more
                           * members, which nobody signed */
};

/* "bad-id" and so on: the counters' names. Static storage. */
const char *lcp_msg_fault_name(enum lcp_msg_fault fault);

/* A parsed message. Valid while raw and the scratch it was parsed into are. */
struct lcp_msg {
    struct lcp_span raw;
    struct lcp_json doc;
    enum lcp_json_fault json_fault;
    uint32_t from, to, timestamp, type, message,
        reply_to; /* nodes; reply_to 0 when absent or null */
    char id[LCP_ID_MAX + 1];
    struct lcp_key key; /* security.pubkey */
    uint8_t signature[LCP_SIG_BYTES];
    bool is_marked; /* signed member `lcp` says 1.2 or later: its sender takes receipts
                     */
};

/* Parses and checks form, not signature. A hello or a receipt is no message:
 * BAD_MEMBER. */
LCP_MUST_USE enum lcp_msg_fault lcp_msg_parse(struct lcp_span raw,
                                              struct lcp_msg_scratch *scratch,
                                              struct lcp_msg *msg);

/* Canonical bytes without `security`, in scratch->canon. */
LCP_MUST_USE enum lcp_err lcp_msg_canon(const struct lcp_msg *msg,
                                        struct lcp_msg_scratch *scratch,
                                        struct lcp_span *out);

/* True if the signature is that of msg->key over the canonical bytes. Also puts out the
 * digest (BLAKE2b-128 of the canonical bytes) when digest is not NULL, valid or not. */
LCP_MUST_USE bool lcp_msg_verify(const struct lcp_msg *msg,
                                 struct lcp_msg_scratch *scratch,
                                 uint8_t digest[LCP_DIGEST_BYTES]);

/* True for a string member that decodes to text; at 0 is false. */
bool lcp_msg_is(const struct lcp_msg *msg, uint32_t at, const char *text);

/* True if `to` is this name, or a mailbox at it: "name/mailbox". */
bool lcp_msg_to_is(const struct lcp_json *doc, uint32_t to, const char *name);

/* The member `hops`; 0 when it is absent or no count. */
uint32_t lcp_msg_hops(const struct lcp_msg *msg);

/* What lcp_msg_build needs. Strings are UTF-8; reply_to NULL when absent; from and to
 * are "name" or "name/mailbox". */
struct lcp_draft {
    const char *id, *from, *to, *type, *timestamp, *reply_to;
    struct lcp_span message;
    uint32_t hops; /* member `hops`; 0: absent */
};

/* Builds and signs a DATA payload (unescaped UTF-8 JSON, members in the legacy order:
 * id, from, to, timestamp, type, message, replyTo?; then hops?, lcp, security).
 * LCP_EFULL when it exceeds LCP_PAYLOAD_MAX, LCP_EFORMAT when a string is not UTF-8 or
 * a member breaks its form. out holds LCP_PAYLOAD_MAX bytes; digest as above. */
LCP_MUST_USE enum lcp_err lcp_msg_build(const struct lcp_draft *draft,
                                        const struct lcp_identity *identity,
                                        struct lcp_msg_scratch *scratch, char *out,
                                        size_t *len,
                                        uint8_t digest[static LCP_DIGEST_BYTES]);

#endif
