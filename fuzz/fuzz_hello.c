/* SPDX-License-Identifier: MIT
 *
 * The payload of a heartbeat from a stranger: what is taken as a hello is nothing else,
 * and built anew it says the same, signed by us.
 */
#include "core/hello.h"

#include "core/receipt.h"
#include "fuzz.h"

static struct lcp_msg_scratch scratch, other;
static struct lcp_identity identity;
static char fields[3][LCP_SIGNED_PAYLOAD_MAX + 1], built[LCP_SIGNED_PAYLOAD_MAX];

static const char *
field(const struct lcp_signed *object, uint32_t at, int row)
{
    must(lcp_json_string(&object->doc, at, fields[row], sizeof(fields[row]), NULL) ==
         LCP_OK);
    return fields[row];
}

static void
is_nothing_else(struct lcp_span raw)
{
    static struct lcp_receipt receipt;
    static struct lcp_msg msg;

    must(lcp_receipt_parse(raw, &other, &receipt) != LCP_MSG_OK);
    must(lcp_msg_parse(raw, &other, &msg) != LCP_MSG_OK);
}

static void
build_again(const struct lcp_hello *hello)
{
    struct lcp_hello_draft draft = {
        .from = field(&hello->object, hello->object.from, 0),
        .to = field(&hello->object, hello->object.to, 1),
        .timestamp = field(&hello->object, hello->object.timestamp, 2),
        .boot = hello->boot,
        .has_echo = hello->has_echo,
        .max = hello->max,
        .last_read_wall_ms = hello->agent != 0,
    };
    struct lcp_hello copy;
    size_t len;

    memcpy(draft.nonce, hello->nonce, sizeof(draft.nonce));
    memcpy(draft.echo, hello->echo, sizeof(draft.echo));
    if (lcp_hello_build(&draft, &identity, &other, built, &len) != LCP_OK)
        return; /* a foreign name need not be one that we would send */
    must(len <= LCP_SIGNED_PAYLOAD_MAX);
    must(lcp_hello_parse(lcp_span(built, len), &other, &copy) == LCP_MSG_OK);
    must(lcp_signed_verify(&copy.object, &other));
    must(copy.is_1_2 && copy.max == hello->max && copy.has_echo == hello->has_echo);
    must(memcmp(copy.nonce, hello->nonce, sizeof(copy.nonce)) == 0 &&
         memcmp(copy.echo, hello->echo, sizeof(copy.echo)) == 0 &&
         strcmp(copy.boot, hello->boot) == 0);
    must((copy.agent != 0) == (hello->agent != 0));
    must(lcp_signed_is(&copy.object, copy.object.to, draft.to));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool is_ready;
    struct lcp_hello hello;
    bool is_signed;

    if (!is_ready) {
        uint8_t seed[LCP_SEED_BYTES] = {7};

        must(lcp_crypto_init() == LCP_OK);
        lcp_identity_from_seed(seed, &identity);
        is_ready = true;
    }
    if (lcp_hello_parse(lcp_span(data, size), &scratch, &hello) != LCP_MSG_OK)
        return 0;
    must(size <= LCP_SIGNED_PAYLOAD_MAX);
    is_signed = lcp_signed_verify(&hello.object, &scratch);
    is_nothing_else(lcp_span(data, size));
    build_again(&hello);
    /* Building another one left this one alone. */
    must(is_signed == lcp_signed_verify(&hello.object, &scratch));
    return 0;
}
