/* SPDX-License-Identifier: MIT
 *
 * For the tests of signed objects: signs any text, and tries every forgery of one.
 */
#ifndef LCP_TESTS_CORE_SIGNING_H
#define LCP_TESTS_CORE_SIGNING_H

#include "base/text.h"
#include "check.h"
#include "core/signed.h"

#define ZERO_KEY "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
#define ZERO_SIG                                                                       \
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" \
    "AAAAAA=="
#define ZERO_SECURITY                                                 \
    "\"security\":{\"algo\":\"ed25519\",\"pubkey\":\"" ZERO_KEY "\"," \
    "\"signature\":\"" ZERO_SIG "\"}"

/* Signs an object without `security`; room for LCP_PAYLOAD_MAX in out. */
static inline size_t
sign_object(const char *object, const struct lcp_identity *identity,
            struct lcp_msg_scratch *scratch, char *out)
{
    struct lcp_json doc = {.nodes = scratch->nodes, .cap = LCP_JSON_NODES_MAX};
    char key[LCP_KEY_B64 + 1], text[LCP_SIG_B64 + 1];
    uint8_t sig[LCP_SIG_BYTES];
    struct lcp_span canon;

    REQUIRE(lcp_json_parse(lcp_span_str(object), &doc) == LCP_JSON_FAULT_NONE);
    REQUIRE(lcp_signed_canon(&doc, scratch, &canon) == LCP_OK);
    lcp_sign(identity, canon, sig);
    lcp_key_print(&identity->key, key);
    lcp_base64_print(sig, sizeof(sig), text);
    return (size_t)sprintf(out,
                           "%.*s,\"security\":{\"algo\":\"ed25519\",\"pubkey\":\"%s\","
                           "\"signature\":\"%s\"}}",
                           (int)strlen(object) - 1, object, key, text);
}

/* Would a receiver take this? */
typedef bool passes_fn(struct lcp_span raw);

/* Changes every bit of a signed payload, one at a time. Returns how many passed. */
static inline unsigned
passing_changes(char *payload, size_t len, passes_fn *passes)
{
    unsigned passed = 0;

    for (size_t at = 0; at < len; at++)
        for (int bit = 0; bit < 8; bit++) {
            payload[at] ^= (char)(1 << bit);
            passed += passes(lcp_span(payload, len));
            payload[at] ^= (char)(1 << bit);
        }
    return passed;
}

/* Prints a payload anew without member `skip` (0: with a member `x` more). */
static inline struct lcp_span
without_member(const struct lcp_json *doc, uint32_t skip, char *out)
{
    struct lcp_span text = {0};
    struct lcp_writer w;

    lcp_writer_init(&w, out, LCP_PAYLOAD_MAX, 0);
    lcp_write_object(&w);
    for (uint32_t at = lcp_json_first(doc, 0); at != 0; at = doc->nodes[at].next) {
        char name[32];

        REQUIRE(lcp_json_key(doc, at, name, sizeof(name), NULL) == LCP_OK);
        if (at == skip)
            continue;
        lcp_write_key(&w, name);
        lcp_write_value(&w, doc, at);
    }
    if (skip == 0)
        lcp_write_member_int(&w, "x", 1);
    lcp_write_object_end(&w);
    REQUIRE(lcp_writer_end(&w, &text) == LCP_OK);
    return text;
}

/* Takes each member away, and adds one. Returns how many of those passed; `members` is
 * how many there were. */
static inline unsigned
passing_members(struct lcp_span payload, passes_fn *passes, unsigned *members)
{
    static struct lcp_json_node nodes[LCP_JSON_NODES_MAX];
    static char text[LCP_PAYLOAD_MAX];
    struct lcp_json doc = {.nodes = nodes, .cap = LCP_JSON_NODES_MAX};
    unsigned passed = 0;

    REQUIRE(lcp_json_parse(payload, &doc) == LCP_JSON_FAULT_NONE);
    *members = doc.nodes[0].count;
    passed += passes(without_member(&doc, 0, text));
    for (uint32_t at = lcp_json_first(&doc, 0); at != 0; at = doc.nodes[at].next)
        passed += passes(without_member(&doc, at, text));
    return passed;
}

#endif
