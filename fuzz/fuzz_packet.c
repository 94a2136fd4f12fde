/* SPDX-License-Identifier: MIT
 *
 * A whole datagram, from the header to the curve: the header is printed as it was read,
 * each payload is of one kind only, and a signature does not depend on how the JSON is
 * laid out.
 */
#include "core/frame.h"
#include "core/hello.h"
#include "core/receipt.h"
#include "fuzz.h"

enum { OUT_MAX = 8 * LCP_PAYLOAD_MAX };

static struct lcp_msg_scratch scratch, other;
static char text[OUT_MAX], canon[OUT_MAX];

/* What all kinds have of a signature. */
struct proof {
    const struct lcp_json *doc;
    const struct lcp_key *key;
    const uint8_t *signature;
};

static bool
read_proof(struct lcp_span payload, struct lcp_msg_scratch *room, struct proof *out)
{
    static struct lcp_msg msgs[2];
    static struct lcp_hello hellos[2];
    static struct lcp_receipt receipts[2];
    int at = room == &other;
    bool is_msg, is_hello, is_receipt;

    is_msg = lcp_msg_parse(payload, room, &msgs[at]) == LCP_MSG_OK;
    is_hello = !is_msg && lcp_hello_parse(payload, room, &hellos[at]) == LCP_MSG_OK;
    is_receipt = !is_msg && !is_hello &&
                 lcp_receipt_parse(payload, room, &receipts[at]) == LCP_MSG_OK;
    if (is_msg)
        *out = (struct proof){&msgs[at].doc, &msgs[at].key, msgs[at].signature};
    else if (is_hello)
        *out = (struct proof){&hellos[at].object.doc, &hellos[at].object.key,
                              hellos[at].object.signature};
    else if (is_receipt)
        *out = (struct proof){&receipts[at].object.doc, &receipts[at].object.key,
                              receipts[at].object.signature};
    return is_msg || is_hello || is_receipt;
}

static bool
is_signed(const struct proof *proof, struct lcp_msg_scratch *room, size_t *len)
{
    struct lcp_span bytes = {0};

    must(lcp_signed_canon(proof->doc, room, &bytes) == LCP_OK);
    *len = bytes.len;
    return lcp_verify(proof->key, bytes, proof->signature);
}

/* The same object in other letters. */
static void
print_and_read_again(const struct proof *proof, bool was_signed, size_t canon_len)
{
    struct lcp_span printed;
    struct proof again;
    struct lcp_writer w;
    size_t len;

    lcp_writer_init(&w, text, sizeof(text), 0);
    lcp_write_value(&w, proof->doc, 0);
    must(lcp_writer_end(&w, &printed) == LCP_OK);
    if (!read_proof(printed, &other, &again)) {
        /* Controls are escaped anew and may not fit any more. */
        must(printed.len > LCP_SIGNED_PAYLOAD_MAX);
        return;
    }
    must(is_signed(&again, &other, &len) == was_signed);
    must(len == canon_len && memcmp(other.canon, canon, len) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t header[LCP_HEADER_BYTES];
    struct lcp_frame frame;
    struct proof proof;
    bool was_signed;
    size_t len;

    must(lcp_crypto_init() == LCP_OK);
    if (lcp_frame_decode(lcp_span(data, size), &frame) != LCP_OK)
        return 0;
    must(frame.payload.len + LCP_HEADER_BYTES == size);
    lcp_frame_encode(frame.seq, (enum lcp_packet_type)frame.type, header);
    must(memcmp(header, data, sizeof(header)) == 0);
    if (!read_proof(frame.payload, &scratch, &proof))
        return 0;
    was_signed = is_signed(&proof, &scratch, &len);
    memcpy(canon, scratch.canon, len);
    print_and_read_again(&proof, was_signed, len);
    return 0;
}
