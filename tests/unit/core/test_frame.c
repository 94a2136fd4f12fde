/* SPDX-License-Identifier: MIT
 *
 * frame.c against the layout in docs/protocol.md "Packet".
 */
#include "core/frame.h"

#include "check.h"

static void
only_whole_headers_with_our_magic_are_taken(void)
{
    static const struct {
        const char *label;
        struct lcp_span in;
        enum lcp_err want;
        uint32_t seq;
        uint8_t type;
        size_t payload;
    } rows[] = {
        {"empty", BYTES(""), LCP_EFORMAT, 0, 0, 0},
        {"one byte short", BYTES("LCP1\0\0\0\1"), LCP_EFORMAT, 0, 0, 0},
        {"bare heartbeat", BYTES("LCP1\0\0\0\1\3"), LCP_OK, 1, 3, 0},
        {"other version", BYTES("LCP2\0\0\0\1\3"), LCP_EVERSION, 0, 0, 0},
        {"lower case", BYTES("lcp1\0\0\0\1\3"), LCP_EVERSION, 0, 0, 0},
        {"big-endian", BYTES("LCP1\x01\x02\x03\x04\2"), LCP_OK, 0x01020304, 2, 0},
        {"largest number", BYTES("LCP1\xff\xff\xff\xff\1{}"), LCP_OK, UINT32_MAX, 1, 2},
        {"type is not judged", BYTES("LCP1\0\0\0\0\xff"), LCP_OK, 0, 255, 0},
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct lcp_frame frame = {.seq = 77, .type = 77};

        CHECK_ROW(rows[i].label, lcp_frame_decode(rows[i].in, &frame) == rows[i].want);
        if (rows[i].want != LCP_OK) {
            CHECK_ROW(rows[i].label, frame.seq == 77 && frame.type == 77);
            continue;
        }
        CHECK_ROW(rows[i].label, frame.seq == rows[i].seq);
        CHECK_ROW(rows[i].label, frame.type == rows[i].type);
        CHECK_ROW(rows[i].label, frame.payload.len == rows[i].payload);
        CHECK_ROW(rows[i].label,
                  frame.payload.data == rows[i].in.data + LCP_HEADER_BYTES);
    }
}

static void
what_is_encoded_is_decoded(void)
{
    static const uint32_t seqs[] = {0, 1, 255, 256, 0x80000000, 0xdeadbeef, UINT32_MAX};

    for (size_t i = 0; i < COUNT_OF(seqs); i++)
        for (int type = LCP_PACKET_DATA; type <= LCP_PACKET_HEARTBEAT; type++) {
            uint8_t header[LCP_HEADER_BYTES];
            struct lcp_frame frame;

            lcp_frame_encode(seqs[i], (enum lcp_packet_type)type, header);
            CHECK(lcp_frame_decode(lcp_span(header, sizeof(header)), &frame) == LCP_OK);
            CHECK(frame.seq == seqs[i] && frame.type == type && frame.payload.len == 0);
        }
}

int
main(void)
{
    only_whole_headers_with_our_magic_are_taken();
    what_is_encoded_is_decoded();
    return check_end("frame");
}
