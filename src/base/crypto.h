/* SPDX-License-Identifier: MIT
 *
 * The only place that knows libsodium: Ed25519, BLAKE2b, randomness, wiping.
 */
#ifndef LCP_BASE_CRYPTO_H
#define LCP_BASE_CRYPTO_H

#include "lcp/types.h"

struct lcp_key { /* an Ed25519 public key; all zero means none */
    uint8_t bytes[LCP_KEY_BYTES];
};

struct lcp_identity { /* our key pair; wipe with lcp_wipe() */
    uint8_t seed[LCP_SEED_BYTES];
    uint8_t secret[64]; /* libsodium's expanded form */
    struct lcp_key key;
};

/* Once per process, before anything else here. */
LCP_MUST_USE enum lcp_err lcp_crypto_init(void);

void lcp_identity_from_seed(const uint8_t seed[static LCP_SEED_BYTES],
                            struct lcp_identity *out);
void lcp_sign(const struct lcp_identity *id, struct lcp_span bytes,
              uint8_t sig[static LCP_SIG_BYTES]);
/* Strict RFC 8032 verification as libsodium does it; false for small-order keys. */
bool lcp_verify(const struct lcp_key *key, struct lcp_span bytes,
                const uint8_t sig[static LCP_SIG_BYTES]);

/* BLAKE2b-128. */
void lcp_digest(struct lcp_span bytes, uint8_t out[static LCP_DIGEST_BYTES]);

/* What people compare: the first 128 bits of BLAKE2b over the key, as 32
 * lower-case hex. */
void lcp_fingerprint(const struct lcp_key *key,
                     char out[static LCP_FINGERPRINT_CHARS + 1]);

bool lcp_key_is_set(const struct lcp_key *key);
bool lcp_key_eq(const struct lcp_key *a, const struct lcp_key *b);
void lcp_key_print(const struct lcp_key *key, char out[static LCP_KEY_B64 + 1]);
/* Base64 of 32 bytes, canonical; LCP_EFORMAT for other text or a key libsodium
 * would refuse. */
LCP_MUST_USE enum lcp_err lcp_key_parse(struct lcp_span text, struct lcp_key *out);

void lcp_random(void *out, size_t len);
void lcp_wipe(void *data, size_t len);
const char *lcp_crypto_version(void);

#endif
