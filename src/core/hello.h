/* SPDX-License-Identifier: MIT
 *
 * HELLO: who I am, which nonce of yours I heard last, what I can do. Payload of
 * HEARTBEAT. docs/protocol.md "LCP/1.2". Pure; says nothing about freshness.
 */
#ifndef LCP_CORE_HELLO_H
#define LCP_CORE_HELLO_H

#include "core/signed.h"

enum { LCP_BOOT_CHARS = 16 };

struct lcp_hello {
    struct lcp_signed object;
    uint8_t nonce[LCP_NONCE_BYTES];
    uint8_t echo[LCP_NONCE_BYTES];
    bool has_echo;
    bool is_1_2; /* `lcp` says 1.2 or later of 1 */
    char boot[LCP_BOOT_CHARS + 1];
    uint64_t max;   /* largest message in bytes; 0 when absent */
    uint32_t agent; /* node of an object, 0 when absent */
};

LCP_MUST_USE enum lcp_msg_fault lcp_hello_parse(struct lcp_span raw,
                                                struct lcp_msg_scratch *scratch,
                                                struct lcp_hello *out);

struct lcp_hello_draft {
    const char *from, *to, *timestamp, *boot;
    uint8_t nonce[LCP_NONCE_BYTES], echo[LCP_NONCE_BYTES];
    bool has_echo;
    uint64_t max;
    int64_t last_read_wall_ms; /* agent.lastRead; 0: not told */
};

/* Builds and signs. out holds LCP_SIGNED_PAYLOAD_MAX bytes. Errors as lcp_msg_build. */
LCP_MUST_USE enum lcp_err lcp_hello_build(const struct lcp_hello_draft *draft,
                                          const struct lcp_identity *identity,
                                          struct lcp_msg_scratch *scratch, char *out,
                                          size_t *len);

#endif
