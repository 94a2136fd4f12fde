/* SPDX-License-Identifier: MIT
 *
 * What peers say, for the tests: messages of both versions, receipts, hellos.
 */
#ifndef LCP_TESTS_NODE_MAIL_H
#define LCP_TESTS_NODE_MAIL_H

#include "base/text.h"
#include "check.h"
#include "core/hello.h"
#include "core/receipt.h"

#define ID_A "3f2b8a10-5d7c-4e2a-9b1f-0a1b2c3d4e5f"
#define ID_B "9f2b8a10-5d7c-4e2a-9b1f-0a1b2c3d4e5f"
#define ID_C "af2b8a10-5d7c-4e2a-9b1f-0a1b2c3d4e5f"

static struct lcp_msg_scratch scratch;

static const char mail_time[] = "2026-03-28T12:00:00Z";

/* One message as LCP/1.2 sends it. Returns its length. */
static inline size_t
marked_mail(const struct lcp_identity *signer, const struct lcp_draft *like,
            char out[static LCP_PAYLOAD_MAX])
{
    struct lcp_draft draft = *like;
    uint8_t digest[LCP_DIGEST_BYTES];
    size_t len;

    draft.timestamp = mail_time;
    REQUIRE(lcp_msg_build(&draft, signer, &scratch, out, &len, digest) == LCP_OK);
    return len;
}

static inline size_t
write_legacy(const struct lcp_identity *signer, const struct lcp_draft *draft,
             const char *signature, char *out)
{
    char key[LCP_KEY_B64 + 1];
    struct lcp_writer w;
    struct lcp_span text;

    lcp_key_print(&signer->key, key);
    lcp_writer_init(&w, out, LCP_PAYLOAD_MAX, 0);
    lcp_write_object(&w);
    lcp_write_member_string(&w, "id", draft->id);
    lcp_write_member_string(&w, "from", draft->from);
    lcp_write_member_string(&w, "to", draft->to);
    lcp_write_member_string(&w, "timestamp", mail_time);
    lcp_write_member_string(&w, "type", draft->type);
    lcp_write_key(&w, "message");
    lcp_write_string_span(&w, draft->message);
    if (draft->reply_to != NULL)
        lcp_write_member_string(&w, "replyTo", draft->reply_to);
    lcp_write_key(&w, "security");
    lcp_write_object(&w);
    lcp_write_member_string(&w, "algo", "ed25519");
    lcp_write_member_string(&w, "pubkey", key);
    lcp_write_member_string(&w, "signature", signature);
    lcp_write_object_end(&w);
    lcp_write_object_end(&w);
    REQUIRE(lcp_writer_end(&w, &text) == LCP_OK);
    return text.len;
}

/* The same as LCP/1.1 sends it: without the marker. */
static inline size_t
legacy_mail(const struct lcp_identity *signer, const struct lcp_draft *draft,
            char out[static LCP_PAYLOAD_MAX])
{
    uint8_t bytes[LCP_SIG_BYTES] = {0};
    char signature[LCP_SIG_B64 + 1];
    struct lcp_msg msg;
    struct lcp_span canon;
    size_t len;

    lcp_base64_print(bytes, sizeof(bytes), signature);
    len = write_legacy(signer, draft, signature, out);
    REQUIRE(lcp_msg_parse(lcp_span(out, len), &scratch, &msg) == LCP_MSG_OK);
    REQUIRE(lcp_msg_canon(&msg, &scratch, &canon) == LCP_OK);
    lcp_sign(signer, canon, bytes);
    lcp_base64_print(bytes, sizeof(bytes), signature);
    return write_legacy(signer, draft, signature, out);
}

/* The digest that a receipt about this payload names. */
static inline void
mail_digest(struct lcp_span raw, uint8_t out[static LCP_DIGEST_BYTES])
{
    struct lcp_msg msg;
    struct lcp_span canon;

    REQUIRE(lcp_msg_parse(raw, &scratch, &msg) == LCP_MSG_OK);
    REQUIRE(lcp_msg_canon(&msg, &scratch, &canon) == LCP_OK);
    lcp_digest(canon, out);
}

static inline size_t
build_receipt(const struct lcp_identity *signer, const char *from, const char *to,
              enum lcp_word word, const struct lcp_receipt_entry *entries,
              uint32_t count, char out[static LCP_SIGNED_PAYLOAD_MAX])
{
    struct lcp_receipt_draft draft = {.from = from,
                                      .to = to,
                                      .timestamp = mail_time,
                                      .word = word,
                                      .reason = word == LCP_WORD_REFUSED ? "declined"
                                                                         : "",
                                      .retry_s = word == LCP_WORD_LATER ? 30 : 0,
                                      .entries = entries,
                                      .count = count};
    uint32_t used;
    size_t len;

    REQUIRE(lcp_receipt_build(&draft, signer, &scratch, out, &len, &used) == LCP_OK);
    REQUIRE(used == count);
    return len;
}

static inline size_t
build_hello(const struct lcp_identity *signer, const char *from, const char *to,
            uint8_t nonce, const uint8_t *echo, char out[static LCP_SIGNED_PAYLOAD_MAX])
{
    struct lcp_hello_draft draft = {.from = from,
                                    .to = to,
                                    .timestamp = mail_time,
                                    .boot = "0123456789abcdef",
                                    .nonce = {nonce},
                                    .has_echo = echo != NULL};
    size_t len;

    if (echo != NULL)
        memcpy(draft.echo, echo, sizeof(draft.echo));
    REQUIRE(lcp_hello_build(&draft, signer, &scratch, out, &len) == LCP_OK);
    return len;
}

#endif
