/* SPDX-License-Identifier: MIT
 *
 * The header, to bytes and back.
 */
#include "core/frame.h"

static const uint8_t magic[4] = {'L', 'C', 'P', '1'};

enum lcp_err
lcp_frame_decode(struct lcp_span datagram, struct lcp_frame *out)
{
    const uint8_t *b = datagram.data;

    if (datagram.len < LCP_HEADER_BYTES)
        return LCP_EFORMAT;
    if (memcmp(b, magic, sizeof(magic)) != 0)
        return LCP_EVERSION;
    out->seq = (uint32_t)b[4] << 24 | (uint32_t)b[5] << 16 | (uint32_t)b[6] << 8 | b[7];
    out->type = b[8];
    out->payload = lcp_span(b + LCP_HEADER_BYTES, datagram.len - LCP_HEADER_BYTES);
    return LCP_OK;
}

void
lcp_frame_encode(uint32_t seq, enum lcp_packet_type type,
                 uint8_t out[static LCP_HEADER_BYTES])
{
    memcpy(out, magic, sizeof(magic));
    out[4] = (uint8_t)(seq >> 24);
    out[5] = (uint8_t)(seq >> 16);
    out[6] = (uint8_t)(seq >> 8);
    out[7] = (uint8_t)seq;
    out[8] = (uint8_t)type;
}
