/* SPDX-License-Identifier: MIT
 *
 * A payload from a stranger: parsed, verified, and what was taken is built anew and
 * must verify under our own key.
 */
#include "core/msg.h"

#include "fuzz.h"

static struct lcp_msg_scratch scratch, other;
static struct lcp_identity identity;
static char fields[5][LCP_PAYLOAD_MAX + 1], message[LCP_PAYLOAD_MAX + 1];
static char built[LCP_PAYLOAD_MAX];

static const char *
field(const struct lcp_msg *msg, uint32_t at, int row)
{
    size_t len;

    must(lcp_json_string(&msg->doc, at, fields[row], sizeof(fields[row]), &len) ==
         LCP_OK);
    return fields[row];
}

static void
build_again(const struct lcp_msg *msg)
{
    struct lcp_draft draft = {
        .id = msg->id,
        .from = field(msg, msg->from, 0),
        .to = field(msg, msg->to, 1),
        .type = field(msg, msg->type, 2),
        .timestamp = field(msg, msg->timestamp, 3),
        .reply_to = msg->reply_to != 0 ? field(msg, msg->reply_to, 4) : NULL,
    };
    uint8_t digest[LCP_DIGEST_BYTES], seen[LCP_DIGEST_BYTES];
    struct lcp_msg copy;
    size_t len;

    must(lcp_json_string(&msg->doc, msg->message, message, sizeof(message), &len) ==
         LCP_OK);
    draft.message = lcp_span(message, len);
    if (lcp_msg_build(&draft, &identity, &other, built, &len, digest) != LCP_OK)
        return; /* a foreign name need not be one that we would send */
    must(lcp_msg_parse(lcp_span(built, len), &other, &copy) == LCP_MSG_OK);
    must(lcp_msg_verify(&copy, &other, seen));
    must(memcmp(digest, seen, sizeof(digest)) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool is_ready;
    uint8_t digest[LCP_DIGEST_BYTES];
    struct lcp_msg msg;
    bool is_signed;

    if (!is_ready) {
        uint8_t seed[LCP_SEED_BYTES] = {7};

        must(lcp_crypto_init() == LCP_OK);
        lcp_identity_from_seed(seed, &identity);
        is_ready = true;
    }
    if (lcp_msg_parse(lcp_span(data, size), &scratch, &msg) != LCP_MSG_OK)
        return 0;
    is_signed = lcp_msg_verify(&msg, &scratch, digest);
    build_again(&msg);
    /* Building another one left this one alone. */
    must(is_signed == lcp_msg_verify(&msg, &scratch, digest));
    return 0;
}
