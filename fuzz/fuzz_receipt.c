/* SPDX-License-Identifier: MIT
 *
 * A receipt from a stranger: what is taken as one is nothing else, and built anew it
 * says the same of as many messages as fit, signed by us.
 */
#include "core/receipt.h"

#include "core/hello.h"
#include "fuzz.h"

static struct lcp_msg_scratch scratch, other;
static struct lcp_identity identity;
static char fields[3][LCP_SIGNED_PAYLOAD_MAX + 1], built[LCP_SIGNED_PAYLOAD_MAX];
static struct lcp_receipt receipt, copy;

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
    static struct lcp_hello hello;
    static struct lcp_msg msg;

    must(lcp_hello_parse(raw, &other, &hello) != LCP_MSG_OK);
    must(lcp_msg_parse(raw, &other, &msg) != LCP_MSG_OK);
}

static void
is_well_formed(const struct lcp_receipt *r)
{
    must(r->count >= 1 && r->count <= LCP_RECEIPT_ENTRIES_MAX);
    must((unsigned)r->word < LCP_WORD_COUNT && r->retry_s <= LCP_RETRY_S_MAX);
    must(strlen(r->reason) <= LCP_REASON_MAX && strlen(r->text) <= LCP_DETAIL_MAX);
    must(lcp_utf8_valid(lcp_span_str(r->reason)) &&
         lcp_utf8_valid(lcp_span_str(r->text)));
    for (uint32_t i = 0; i < r->count; i++)
        must(lcp_id_is_valid(lcp_span_str(r->entries[i].id)));
}

static void
build_again(void)
{
    struct lcp_receipt_draft draft = {
        .from = field(&receipt.object, receipt.object.from, 0),
        .to = field(&receipt.object, receipt.object.to, 1),
        .timestamp = field(&receipt.object, receipt.object.timestamp, 2),
        .word = receipt.word,
        .reason = receipt.reason,
        .text = receipt.text,
        .retry_s = receipt.retry_s,
        .entries = receipt.entries,
        .count = receipt.count,
    };
    uint32_t used;
    size_t len;

    if (strlen(draft.timestamp) > 40 || /* none of ours is longer */
        lcp_receipt_build(&draft, &identity, &other, built, &len, &used) == LCP_EFORMAT)
        return; /* a foreign name need not be one that we would send */
    must(lcp_receipt_build(&draft, &identity, &other, built, &len, &used) == LCP_OK);
    must(len <= LCP_SIGNED_PAYLOAD_MAX && used >= 1 && used <= receipt.count);
    must(lcp_receipt_parse(lcp_span(built, len), &other, &copy) == LCP_MSG_OK);
    must(lcp_signed_verify(&copy.object, &other));
    must(copy.word == receipt.word && copy.retry_s == receipt.retry_s);
    must(copy.count == used && strcmp(copy.reason, receipt.reason) == 0);
    must(memcmp(copy.entries, receipt.entries, used * sizeof(copy.entries[0])) == 0);
    must(strncmp(copy.text, receipt.text, strlen(copy.text)) == 0);
    if (used > 1)
        must(strcmp(copy.text, receipt.text) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool is_ready;
    bool is_signed;

    if (!is_ready) {
        uint8_t seed[LCP_SEED_BYTES] = {7};

        must(lcp_crypto_init() == LCP_OK);
        lcp_identity_from_seed(seed, &identity);
        is_ready = true;
    }
    if (lcp_receipt_parse(lcp_span(data, size), &scratch, &receipt) != LCP_MSG_OK)
        return 0;
    must(size <= LCP_SIGNED_PAYLOAD_MAX);
    is_well_formed(&receipt);
    is_signed = lcp_signed_verify(&receipt.object, &scratch);
    is_nothing_else(lcp_span(data, size));
    build_again();
    /* Building another one left this one alone. */
    must(is_signed == lcp_signed_verify(&receipt.object, &scratch));
    return 0;
}
