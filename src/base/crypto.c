/* SPDX-License-Identifier: MIT
 *
 * libsodium behind our own nouns. Nothing else includes sodium.h, so that the curve,
 * the hash and the randomness can be looked at, and exchanged, in one place.
 */
#include "base/crypto.h"

#include <assert.h>

#include <sodium.h>

static_assert(LCP_SEED_BYTES == crypto_sign_SEEDBYTES, "an Ed25519 seed");
static_assert(LCP_KEY_BYTES == crypto_sign_PUBLICKEYBYTES, "an Ed25519 key");
static_assert(LCP_SIG_BYTES == crypto_sign_BYTES, "an Ed25519 signature");
static_assert(sizeof((struct lcp_identity){0}.secret) == crypto_sign_SECRETKEYBYTES,
              "libsodium's secret key");
static_assert(LCP_FINGERPRINT_CHARS == 2 * LCP_DIGEST_BYTES,
              "a fingerprint is a digest");

enum lcp_err
lcp_crypto_init(void)
{
    return sodium_init() < 0 ? LCP_EIO : LCP_OK;
}

void
lcp_identity_from_seed(const uint8_t seed[static LCP_SEED_BYTES],
                       struct lcp_identity *out)
{
    int failed = crypto_sign_seed_keypair(out->key.bytes, out->secret, seed);

    assert(failed == 0);
    (void)failed;
    memmove(out->seed, seed, LCP_SEED_BYTES);
}

void
lcp_sign(const struct lcp_identity *id, struct lcp_span bytes,
         uint8_t sig[static LCP_SIG_BYTES])
{
    int failed = crypto_sign_detached(sig, NULL, bytes.data, bytes.len, id->secret);

    assert(failed == 0);
    (void)failed;
}

bool
lcp_verify(const struct lcp_key *key, struct lcp_span bytes,
           const uint8_t sig[static LCP_SIG_BYTES])
{
    return crypto_sign_verify_detached(sig, bytes.data, bytes.len, key->bytes) == 0;
}

void
lcp_digest(struct lcp_span bytes, uint8_t out[static LCP_DIGEST_BYTES])
{
    int failed = crypto_generichash(out, LCP_DIGEST_BYTES, bytes.data, bytes.len, NULL,
                                    0);

    assert(failed == 0);
    (void)failed;
}

void
lcp_fingerprint(const struct lcp_key *key, char out[static LCP_FINGERPRINT_CHARS + 1])
{
    uint8_t digest[LCP_DIGEST_BYTES];

    lcp_digest(lcp_span(key->bytes, sizeof(key->bytes)), digest);
    sodium_bin2hex(out, LCP_FINGERPRINT_CHARS + 1, digest, sizeof(digest));
}

bool
lcp_key_is_set(const struct lcp_key *key)
{
    return !sodium_is_zero(key->bytes, sizeof(key->bytes));
}

bool
lcp_key_eq(const struct lcp_key *a, const struct lcp_key *b)
{
    return memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

void
lcp_key_print(const struct lcp_key *key, char out[static LCP_KEY_B64 + 1])
{
    sodium_bin2base64(out, LCP_KEY_B64 + 1, key->bytes, sizeof(key->bytes),
                      sodium_base64_VARIANT_ORIGINAL);
}

enum lcp_err
lcp_key_parse(struct lcp_span text, struct lcp_key *out)
{
    struct lcp_key key;
    char again[LCP_KEY_B64 + 1];
    size_t len = 0;

    if (text.len != LCP_KEY_B64)
        return LCP_EFORMAT;
    if (sodium_base642bin(key.bytes, sizeof(key.bytes), (const char *)text.data,
                          text.len, NULL, &len, NULL,
                          sodium_base64_VARIANT_ORIGINAL) != 0 ||
        len != sizeof(key.bytes))
        return LCP_EFORMAT;
    /* Canonical means that there is one text for each key, whatever the
     * decoder forgives. */
    lcp_key_print(&key, again);
    if (memcmp(again, text.data, LCP_KEY_B64) != 0)
        return LCP_EFORMAT;
    /* Off the curve, small order, not reduced: no honest key, and nothing would verify.
     */
    if (!crypto_core_ed25519_is_valid_point(key.bytes))
        return LCP_EFORMAT;
    *out = key;
    return LCP_OK;
}

void
lcp_random(void *out, size_t len)
{
    randombytes_buf(out, len);
}

void
lcp_wipe(void *data, size_t len)
{
    sodium_memzero(data, len);
}

const char *
lcp_crypto_version(void)
{
    return sodium_version_string();
}
