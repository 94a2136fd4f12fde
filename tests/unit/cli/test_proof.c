/* SPDX-License-Identifier: MIT
 *
 * Evidence: what is valid, and each way of tampering. The objects are built by the same
 * code as on the wire; what is changed in them is changed as text.
 */
#include "check.h"

#include <stdio.h>

#include "cli/proof.h"

#define ID "7c9e6679-7425-40de-944b-e07fc1f90ae7"
#define OTHER_ID "7c9e6679-7425-40de-944b-e07fc1f90ae8"

enum { TEXT_MAX = 2 * LCP_PAYLOAD_MAX };

static struct lcp_msg_scratch scratch;
static struct lcp_identity us, bob, eve;
static char message[LCP_PAYLOAD_MAX + 1], receipt[LCP_SIGNED_PAYLOAD_MAX + 1];
static char text[TEXT_MAX];

static void
make_identity(uint8_t fill, struct lcp_identity *out)
{
    uint8_t seed[LCP_SEED_BYTES];

    memset(seed, fill, sizeof(seed));
    lcp_identity_from_seed(seed, out);
}

static void
make_message(const char *id, const char *body, uint8_t digest[static LCP_DIGEST_BYTES])
{
    struct lcp_draft draft = {.id = id,
                              .from = "us",
                              .to = "bob",
                              .type = "task",
                              .timestamp = "2026-11-23T01:00:00Z",
                              .message = lcp_span_str(body)};
    size_t len;

    REQUIRE(lcp_msg_build(&draft, &us, &scratch, message, &len, digest) == LCP_OK);
    message[len] = '\0';
}

static void
make_receipt(const struct lcp_identity *signer, const char *id,
             const uint8_t digest[static LCP_DIGEST_BYTES])
{
    struct lcp_receipt_entry entries[2] = {{.id = OTHER_ID}, {.has_seq = false}};
    struct lcp_receipt_draft draft = {.from = "bob",
                                      .to = "us",
                                      .timestamp = "2026-11-23T01:00:01Z",
                                      .word = LCP_WORD_REFUSED,
                                      .reason = "declined",
                                      .text = "not today",
                                      .entries = entries,
                                      .count = 2};
    size_t len;
    uint32_t used;

    snprintf(entries[1].id, sizeof(entries[1].id), "%s", id);
    memcpy(entries[1].digest, digest, LCP_DIGEST_BYTES);
    REQUIRE(lcp_receipt_build(&draft, signer, &scratch, receipt, &len, &used) ==
            LCP_OK);
    REQUIRE(used == 2);
    receipt[len] = '\0';
}

/* A good proof in `text`. */
static void
make_proof(void)
{
    uint8_t digest[LCP_DIGEST_BYTES];

    make_message(ID, "run the tests", digest);
    make_receipt(&bob, ID, digest);
    snprintf(text, sizeof(text), "{\"message\":%s,\"receipt\":%s}", message, receipt);
}

static enum lcp_proof_fault
read_proof(struct lcp_proof *proof)
{
    enum lcp_proof_fault fault;

    REQUIRE(lcp_proof_read(lcp_span_str(text), proof, &fault) == LCP_OK);
    return fault;
}

/* Replaces the first `from` in `text`, of the same length or not. */
static void
edit(const char *from, const char *to)
{
    char *at = strstr(text, from);
    size_t rest;

    REQUIRE(at != NULL);
    rest = strlen(at + strlen(from)) + 1;
    memmove(at + strlen(to), at + strlen(from), rest);
    memcpy(at, to, strlen(to));
}

static void
a_good_proof_says_what_it_proves(void)
{
    struct lcp_proof proof;

    make_proof();
    CHECK(read_proof(&proof) == LCP_PROOF_VALID);
    CHECK_STR(proof.id, ID);
    CHECK_STR(proof.type, "task");
    CHECK_STR(proof.to, "bob");
    CHECK_STR(proof.reason, "declined");
    CHECK_STR(proof.text, "not today");
    CHECK_STR(proof.at, "2026-11-23T01:00:01Z");
    CHECK(proof.word == LCP_WORD_REFUSED);
    CHECK(lcp_key_eq(&proof.sender, &us.key) && lcp_key_eq(&proof.receiver, &bob.key));
}

static void
layout_is_not_content(void)
{
    struct lcp_proof proof;

    make_proof();
    edit("{\"message\":{", " {\n  \"message\" : {\n ");
    edit("\"receipt\":{", "\n\t\"receipt\": {   ");
    edit("run the tests", "\\u0072un the tests");
    CHECK(read_proof(&proof) == LCP_PROOF_VALID);
}

static void
each_way_of_tampering_is_told(void)
{
    static const struct {
        const char *label, *from, *to;
        enum lcp_proof_fault want;
    } rows[] = {
        {"text", "run the tests", "run the texts", LCP_PROOF_ALTERED_MESSAGE},
        {"type", "\"task\"", "\"chat\"", LCP_PROOF_ALTERED_MESSAGE},
        {"a member more", "{\"id\"", "{\"x\":1,\"id\"", LCP_PROOF_ALTERED_MESSAGE},
        {"a member twice", "{\"id\"", "{\"id\":\"1\",\"id\"", LCP_PROOF_NONE},
        {"no message", "\"message\":{", "\"massage\":{", LCP_PROOF_NONE},
        {"no receipt", "\"receipt\":{", "\"recipe\":{", LCP_PROOF_NONE},
        {"half of it", "\"receipt\":{", "\"receipt\":", LCP_PROOF_NONE},
        {"state", "\"refused\"", "\"stored\"", LCP_PROOF_ALTERED_RECEIPT},
        {"state to nonsense", "\"refused\"", "\"loved\"", LCP_PROOF_ALTERED_RECEIPT},
        {"reason", "not today", "not ever", LCP_PROOF_ALTERED_RECEIPT},
        {"time", "01:00:01Z", "01:00:02Z", LCP_PROOF_ALTERED_RECEIPT},
        {"another kind", "\"receipt\",\"", "\"hello\",\"", LCP_PROOF_ALTERED_RECEIPT},
    };
    struct lcp_proof proof;

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        enum lcp_proof_fault got;

        make_proof();
        edit(rows[i].from, rows[i].to);
        got = read_proof(&proof);
        CHECK_ROW(rows[i].label, got == rows[i].want);
        if (got != rows[i].want)
            fprintf(stderr, "  got %s\n", lcp_proof_fault_name(got));
    }
}

/* Two true statements do not make a third one. */
static void
true_parts_do_not_make_a_proof(void)
{
    uint8_t digest[LCP_DIGEST_BYTES], other[LCP_DIGEST_BYTES];
    struct lcp_proof proof;

    make_message(OTHER_ID, "run the tests", other);
    make_receipt(&bob, OTHER_ID, other);
    make_message(ID, "run the tests", digest);
    snprintf(text, sizeof(text), "{\"message\":%s,\"receipt\":%s}", message, receipt);
    CHECK(read_proof(&proof) == LCP_PROOF_OTHER_MESSAGE);

    make_message(ID, "run other tests", other);
    make_receipt(&bob, ID, other);
    make_message(ID, "run the tests", digest);
    snprintf(text, sizeof(text), "{\"message\":%s,\"receipt\":%s}", message, receipt);
    CHECK(read_proof(&proof) == LCP_PROOF_OTHER_MESSAGE);
}

static void
the_receivers_key_counts(void)
{
    struct lcp_known known[] = {
        {.name = ""}, {.name = "bob"}, {.name = "eve"}, {.name = "new"}};
    struct {
        const char *label;
        const struct lcp_identity *sender, *signer;
        const char *receiver;
        size_t count;
        enum lcp_proof_fault want;
    } rows[] = {
        {"bob's", &us, &bob, NULL, 4, LCP_PROOF_VALID},
        {"bob's, by the record", &us, &bob, "bob", 4, LCP_PROOF_VALID},
        {"another peer's", &us, &eve, NULL, 4, LCP_PROOF_OTHER_KEY},
        {"not whom the record names", &us, &bob, "eve", 4, LCP_PROOF_OTHER_KEY},
        {"our own word for him", &us, &us, NULL, 4, LCP_PROOF_OTHER_KEY},
        {"our own word for nobody", &us, &us, "gone", 4, LCP_PROOF_OTHER_KEY},
        {"another's, of a peer without a pin", &us, &bob, "new", 4,
         LCP_PROOF_OTHER_KEY},
        {"another's, of a peer that was removed", &us, &bob, "gone", 4,
         LCP_PROOF_OTHER_KEY},
        {"nobody's, of a peer without a pin", &us, &bob, "new", 0,
         LCP_PROOF_UNKNOWN_KEY},
        {"a former key of ours", &eve, &bob, "bob", 2, LCP_PROOF_VALID},
        {"a stranger's message", &eve, &bob, NULL, 2, LCP_PROOF_UNKNOWN_KEY},
        {"a third one's", &eve, &bob, NULL, 4, LCP_PROOF_VALID},
        {"we said so ourselves", &eve, &us, NULL, 4, LCP_PROOF_VALID},
        {"a sender for himself", &eve, &eve, NULL, 4, LCP_PROOF_OTHER_KEY},
    };

    known[0].key = us.key;
    known[1].key = bob.key;
    known[2].key = eve.key;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const struct lcp_known *sender, *signer;
        struct lcp_proof proof = {.to = "bob"};
        enum lcp_proof_fault got;

        proof.sender = rows[i].sender->key;
        proof.receiver = rows[i].signer->key;
        got = lcp_proof_judge(&proof, known, rows[i].count, rows[i].receiver, &sender,
                              &signer);
        CHECK_ROW(rows[i].label, got == rows[i].want);
        if (got != rows[i].want)
            fprintf(stderr, "  got %s\n", lcp_proof_fault_name(got));
    }
}

int
main(void)
{
    REQUIRE(lcp_crypto_init() == LCP_OK);
    make_identity(1, &us);
    make_identity(2, &bob);
    make_identity(3, &eve);
    a_good_proof_says_what_it_proves();
    layout_is_not_content();
    each_way_of_tampering_is_told();
    true_parts_do_not_make_a_proof();
    the_receivers_key_counts();
    return check_end("test_proof");
}
