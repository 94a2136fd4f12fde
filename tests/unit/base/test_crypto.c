/* SPDX-License-Identifier: MIT
 *
 * crypto.c against RFC 8032 (section 7.1, tests 1 to 3) and RFC 7693's BLAKE2b at 128
 * bits, and what it must refuse.
 */
#include "base/crypto.h"

#include "check.h"

static const struct vector {
    const char *label, *seed, *key, *base64, *fingerprint, *message, *signature;
} vectors[] = {
    {"RFC 8032 test 1",
     "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
     "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
     "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=", "d7108b422f25cc5edb865cc4ae184f55",
     "",
     "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc"
     "61e"
     "39701cf9b46bd25bf5f0595bbe24655141438e7a100b"},
    {"RFC 8032 test 2",
     "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
     "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
     "PUAXw+hDiVqStwqnTRt+vJyYLM8uxJaMwM1V8Sr0Zgw=", "a704f70b2e6621fc5f91caa03a905d5a",
     "72",
     "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e4"
     "58f"
     "3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"},
    {"RFC 8032 test 3",
     "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
     "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
     "/FHNjmIYoaONpH7QAjDwWAgW7RO6MwOsXeuRFUiQgCU=", "75ba78b90e83f25e9fee210d51ad9a22",
     "af82",
     "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290a"
     "e67"
     "f760984dc6594a7c15e9716ed28dc027beceea1ec40a"},
};

/* Not lcp_hex_parse: a test of one module leans on no other. */
static size_t
unhex(const char *text, uint8_t *out)
{
    size_t len = strlen(text) / 2;

    for (size_t i = 0; i < len; i++) {
        unsigned value = 0;

        REQUIRE(sscanf(text + 2 * i, "%2x", &value) == 1);
        out[i] = (uint8_t)value;
    }
    return len;
}

static void
signatures_are_those_of_rfc_8032(void)
{
    for (size_t i = 0; i < COUNT_OF(vectors); i++) {
        const struct vector *v = &vectors[i];
        uint8_t seed[LCP_SEED_BYTES], want_key[LCP_KEY_BYTES], want_sig[LCP_SIG_BYTES];
        uint8_t message[8], sig[LCP_SIG_BYTES];
        struct lcp_identity id;
        struct lcp_span bytes = {message, unhex(v->message, message)};

        unhex(v->seed, seed);
        unhex(v->key, want_key);
        unhex(v->signature, want_sig);
        lcp_identity_from_seed(seed, &id);
        CHECK_ROW(v->label, memcmp(id.key.bytes, want_key, sizeof(want_key)) == 0);
        CHECK_ROW(v->label, memcmp(id.seed, seed, sizeof(seed)) == 0);
        lcp_sign(&id, bytes, sig);
        CHECK_ROW(v->label, memcmp(sig, want_sig, sizeof(sig)) == 0);
        CHECK_ROW(v->label, lcp_verify(&id.key, bytes, want_sig));
    }
}

static void
one_flipped_bit_anywhere_is_no_signature(void)
{
    uint8_t seed[LCP_SEED_BYTES] = {7}, text[] = "carry this", sig[LCP_SIG_BYTES];
    struct lcp_span bytes = {text, sizeof(text)};
    struct lcp_identity id;

    lcp_identity_from_seed(seed, &id);
    lcp_sign(&id, bytes, sig);
    CHECK(lcp_verify(&id.key, bytes, sig));
    for (size_t i = 0; i < sizeof(sig) * 8; i++) {
        sig[i / 8] ^= (uint8_t)(1u << i % 8);
        CHECK(!lcp_verify(&id.key, bytes, sig));
        sig[i / 8] ^= (uint8_t)(1u << i % 8);
    }
    for (size_t i = 0; i < sizeof(text) * 8; i++) {
        text[i / 8] ^= (uint8_t)(1u << i % 8);
        CHECK(!lcp_verify(&id.key, bytes, sig));
        text[i / 8] ^= (uint8_t)(1u << i % 8);
    }
    bytes.len--;
    CHECK(!lcp_verify(&id.key, bytes, sig));
}

/* With the neutral element as key and as R, and s = 0, the equation holds for every
 * message: a lax verifier accepts it. */
static void
a_small_order_key_verifies_nothing(void)
{
    struct lcp_key key = {{1}};
    uint8_t sig[LCP_SIG_BYTES] = {1};

    CHECK(!lcp_verify(&key, lcp_span_str("anything"), sig));
}

/* s + L signs the same message for a verifier that does not reduce: a second signature
 * of the same content that its owner never made. */
static void
a_malleated_signature_is_refused(void)
{
    static const uint8_t order[32] = {0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58,
                                      0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14,
                                      0,    0,    0,    0,    0,    0,    0,    0,
                                      0,    0,    0,    0,    0,    0,    0,    0x10};
    uint8_t seed[LCP_SEED_BYTES] = {9}, sig[LCP_SIG_BYTES];
    struct lcp_span bytes = lcp_span_str("once");
    struct lcp_identity id;
    unsigned carry = 0;

    lcp_identity_from_seed(seed, &id);
    lcp_sign(&id, bytes, sig);
    for (size_t i = 0; i < 32; i++) {
        carry += sig[32 + i] + (unsigned)order[i];
        sig[32 + i] = (uint8_t)carry;
        carry >>= 8;
    }
    CHECK(carry == 0);
    CHECK(!lcp_verify(&id.key, bytes, sig));
}

static void
digests_are_blake2b_of_16_bytes(void)
{
    static const struct {
        const char *label, *want;
        struct lcp_span in;
    } rows[] = {
        {"empty", "cae66941d9efbd404e4d88758ea67670", BYTES("")},
        {"abc", "cf4ab791c62b8d2b2109c90275287816", BYTES("abc")},
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        uint8_t digest[LCP_DIGEST_BYTES], want[LCP_DIGEST_BYTES];

        unhex(rows[i].want, want);
        lcp_digest(rows[i].in, digest);
        CHECK_ROW(rows[i].label, memcmp(digest, want, sizeof(want)) == 0);
    }
}

static void
keys_print_and_parse_and_have_fingerprints(void)
{
    for (size_t i = 0; i < COUNT_OF(vectors); i++) {
        const struct vector *v = &vectors[i];
        struct lcp_key key, again = {{0}};
        char text[LCP_KEY_B64 + 1], fingerprint[LCP_FINGERPRINT_CHARS + 1];

        unhex(v->key, key.bytes);
        lcp_key_print(&key, text);
        CHECK_STR(text, v->base64);
        CHECK(!lcp_key_is_set(&again));
        CHECK(lcp_key_parse(lcp_span_str(text), &again) == LCP_OK);
        CHECK(lcp_key_is_set(&again));
        CHECK(lcp_key_eq(&key, &again));
        again.bytes[31] ^= 1;
        CHECK(!lcp_key_eq(&key, &again));
        lcp_fingerprint(&key, fingerprint);
        CHECK_STR(fingerprint, v->fingerprint);
    }
}

static void
what_is_no_key_is_refused(void)
{
    static const struct {
        const char *label, *text;
    } rows[] = {
        {"empty", ""},
        {"one short", "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo"},
        {"one long", "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=="},
        {"unused bits set", "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURp="},
        {"no padding", "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURoA"},
        {"33 bytes", "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURoB"},
        {"31 bytes", "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHUQ=="},
        {"url alphabet", "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo="},
        {"white space", "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHUR ="},
        {"all zero: order 4", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="},
        {"neutral element", "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="},
        {"not reduced: p + 1", "7v///////////////////////////////////////38="},
        {"not on the curve", "AgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="},
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct lcp_key key = {{42}};

        CHECK_ROW(rows[i].label,
                  lcp_key_parse(lcp_span_str(rows[i].text), &key) == LCP_EFORMAT);
        CHECK_ROW(rows[i].label, key.bytes[0] == 42 && key.bytes[1] == 0);
    }
}

static void
random_bytes_differ_and_wiped_bytes_are_zero(void)
{
    uint8_t a[32] = {0}, b[32] = {0}, zero[32] = {0};

    lcp_random(a, sizeof(a));
    lcp_random(b, sizeof(b));
    CHECK(memcmp(a, b, sizeof(a)) != 0);
    lcp_wipe(a, sizeof(a));
    CHECK(memcmp(a, zero, sizeof(a)) == 0);
}

int
main(void)
{
    REQUIRE(lcp_crypto_init() == LCP_OK);
    REQUIRE(lcp_crypto_init() == LCP_OK); /* a second time does no harm */
    CHECK(lcp_crypto_version()[0] != '\0');
    signatures_are_those_of_rfc_8032();
    one_flipped_bit_anywhere_is_no_signature();
    a_small_order_key_verifies_nothing();
    a_malleated_signature_is_refused();
    digests_are_blake2b_of_16_bytes();
    keys_print_and_parse_and_have_fingerprints();
    what_is_no_key_is_refused();
    random_bytes_differ_and_wiped_bytes_are_zero();
    return check_end("crypto");
}
