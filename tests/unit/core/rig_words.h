/* SPDX-License-Identifier: MIT
 *
 * More of the bench: peers that say HELLO and answer with receipts. Signatures are
 * real, though the machine leaves them to its caller.
 */
#ifndef LCP_TESTS_CORE_RIG_WORDS_H
#define LCP_TESTS_CORE_RIG_WORDS_H

#include "core/receipt.h"
#include "core/hello.h"

#include "rig.h"

#define RIG_TIME "2026-03-28T12:00:00+00:00"
#define RIG_BOOT "0123456789abcdef"

static struct lcp_msg_scratch rig_scratch;

/* A number as a nonce. */
static inline void
rig_nonce(uint64_t number, uint8_t out[static LCP_NONCE_BYTES])
{
    for (size_t i = 0; i < LCP_NONCE_BYTES; i++)
        out[i] = (uint8_t)(number >> 8 * i);
}

static inline const char *
rig_hello_text(const struct lcp_identity *from, const char *to, const char *boot,
               uint64_t nonce, const uint8_t *echo)
{
    static char text[LCP_SIGNED_PAYLOAD_MAX + 1];
    struct lcp_hello_draft draft = {
        .from = "them", .to = to, .timestamp = RIG_TIME, .boot = boot};
    size_t len;

    rig_nonce(nonce, draft.nonce);
    draft.has_echo = echo != NULL;
    if (echo != NULL)
        memcpy(draft.echo, echo, sizeof(draft.echo));
    REQUIRE(lcp_hello_build(&draft, from, &rig_scratch, text, &len) == LCP_OK);
    text[len] = '\0';
    return text;
}

/* A HELLO arrives; the ticket of its verification, 0 if none was put out. */
static inline uint64_t
rig_hello(struct rig *rig, uint32_t peer, const char *boot, uint64_t nonce,
          const uint8_t *echo)
{
    uint32_t before = rig->kinds[LCP_OUT_HELLO];

    rig_packet(rig, peer, LCP_PACKET_HEARTBEAT, (uint32_t)nonce,
               rig_hello_text(&rig->them[peer], "me", boot, nonce, echo));
    rig_poll(rig);
    return rig->kinds[LCP_OUT_HELLO] > before ? rig->last[LCP_OUT_HELLO].ticket : 0;
}

static inline void
rig_hello_ends(struct rig *rig, uint64_t ticket, bool is_valid)
{
    lcp_core_hello(rig->core, rig->now_ms, ticket, is_valid, NULL);
    rig_poll(rig);
}

/* The nonce of the last HELLO of ours to the peer. */
static inline const uint8_t *
rig_our_nonce(const struct rig *rig, uint32_t peer)
{
    return rig_last_tx(rig, peer, LCP_PACKET_HEARTBEAT)->nonce;
}

/* The peer proves that it is there and speaks 1.2. */
static inline void
rig_meet(struct rig *rig, uint32_t peer)
{
    uint64_t ticket = rig_hello(rig, peer, RIG_BOOT, rig->now_ms + 1,
                                rig_our_nonce(rig, peer));

    REQUIRE(ticket != 0);
    rig_hello_ends(rig, ticket, true);
    CHECK(rig_view(rig, peer).version == LCP_VERSION_1_2);
    rig_hush(rig);
}

/* A receipt about one message. seq: of the DATA answered; NULL: news. */
static inline const char *
rig_receipt_text(const struct lcp_identity *from, const char *to, enum lcp_word word,
                 const char *id, const uint32_t *seq)
{
    static char text[LCP_SIGNED_PAYLOAD_MAX + 1];
    struct lcp_receipt_entry entry = {.digest = {1}, .has_seq = seq != NULL};
    struct lcp_receipt_draft draft = {.from = "them",
                                      .to = to,
                                      .timestamp = RIG_TIME,
                                      .word = word,
                                      .retry_s = word == LCP_WORD_LATER ? 30 : 0,
                                      .reason = word == LCP_WORD_REFUSED ? "policy"
                                                                         : NULL,
                                      .entries = &entry,
                                      .count = 1};
    uint32_t used;
    size_t len;

    snprintf(entry.id, sizeof(entry.id), "%s", id);
    entry.seq = seq == NULL ? 0 : *seq;
    REQUIRE(lcp_receipt_build(&draft, from, &rig_scratch, text, &len, &used) == LCP_OK);
    text[len] = '\0';
    return text;
}

/* A receipt arrives; the ticket of its verification, 0 if none was put out. */
static inline uint64_t
rig_receipt(struct rig *rig, uint32_t peer, uint32_t packet_seq, enum lcp_word word,
            const char *id, const uint32_t *seq)
{
    uint32_t before = rig->kinds[LCP_OUT_RECEIPT];

    rig_packet(rig, peer, LCP_PACKET_RECEIPT, packet_seq,
               rig_receipt_text(&rig->them[peer], "me", word, id, seq));
    rig_poll(rig);
    return rig->kinds[LCP_OUT_RECEIPT] > before ? rig->last[LCP_OUT_RECEIPT].ticket : 0;
}

/* It is verified and applied: about our message `number`, 0 for none of ours. */
static inline void
rig_receipt_ends(struct rig *rig, uint64_t ticket, uint64_t number, const uint32_t *seq,
                 uint64_t later_ms)
{
    struct lcp_core_word word = {.number = number,
                                 .has_seq = seq != NULL,
                                 .seq = seq == NULL ? 0 : *seq,
                                 .is_later = later_ms > 0,
                                 .retry_ms = later_ms};

    lcp_core_receipt(rig->core, rig->now_ms, ticket, LCP_ADM_STORED, &word, 1);
    rig_poll(rig);
}

/* Junk in the peer's name until its bucket is empty. */
static inline void
rig_drain(struct rig *rig, uint32_t peer)
{
    uint64_t before = rig_counter(rig, LCP_COUNT_THROTTLED);

    for (uint32_t i = 0; rig_counter(rig, LCP_COUNT_THROTTLED) == before; i++) {
        char junk[16];

        REQUIRE(i < 10000);
        snprintf(junk, sizeof(junk), "{\"a\":%u}", (unsigned)i);
        rig_packet(rig, peer, LCP_PACKET_DATA, i, junk);
    }
}

/* A message that says its sender takes receipts arrives. */
static inline const char *
rig_marked(const struct lcp_key *key, const char *to, const char *id)
{
    static char text[2048];
    const char *plain = rig_message(key, to, id, "hello");
    const char *security = strstr(plain, ",\"security\"");

    snprintf(text, sizeof(text), "%.*s,\"lcp\":\"1.2\"%s", (int)(security - plain),
             plain, security);
    return text;
}

#endif
