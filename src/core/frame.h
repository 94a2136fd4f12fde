/* SPDX-License-Identifier: MIT
 *
 * The nine bytes before every payload: docs/protocol.md "Packet".
 */
#ifndef LCP_CORE_FRAME_H
#define LCP_CORE_FRAME_H

#include "lcp/types.h"

struct lcp_frame {
    uint32_t seq;
    uint8_t type;            /* as it came: may be no enum lcp_packet_type */
    struct lcp_span payload; /* borrows from the datagram; may be empty */
};

/* LCP_EFORMAT: shorter than a header. LCP_EVERSION: another magic. The type is the
 * caller's to judge. */
LCP_MUST_USE enum lcp_err lcp_frame_decode(struct lcp_span datagram,
                                           struct lcp_frame *out);
void lcp_frame_encode(uint32_t seq, enum lcp_packet_type type,
                      uint8_t out[static LCP_HEADER_BYTES]);

#endif
