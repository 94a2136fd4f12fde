/* SPDX-License-Identifier: MIT
 *
 * Sets of fingerprints.
 */
#include "core/again.h"

#include "core/index.h"

enum { TIME_BITS = 8 };

void
lcp_again_lay(struct lcp_again *again, struct lcp_arena *arena, uint32_t sets)
{
    again->sets = sets;
    again->cells = lcp_arena_take(arena, (size_t)sets * LCP_AGAIN_WAYS,
                                  sizeof(*again->cells));
}

void
lcp_again_init(struct lcp_again *again, uint32_t unit_ms, uint64_t key)
{
    memset(again->cells, 0,
           (size_t)again->sets * LCP_AGAIN_WAYS * sizeof(*again->cells));
    again->unit_ms = unit_ms;
    again->key = key;
}

static uint32_t *
set_of(const struct lcp_again *again, const uint8_t *digest)
{
    uint32_t at = lcp_hash(again->key, digest, LCP_DIGEST_BYTES) & (again->sets - 1);

    return again->cells + (size_t)at * LCP_AGAIN_WAYS;
}

static uint32_t
fingerprint_of(const struct lcp_again *again, const uint8_t *digest)
{
    uint32_t h = lcp_hash(~again->key, digest, LCP_DIGEST_BYTES) >> TIME_BITS;

    return h == 0 ? 1 : h;
}

static uint32_t
units_since(const struct lcp_again *again, uint32_t cell, uint64_t now_ms)
{
    return (uint32_t)(now_ms / again->unit_ms - cell) % LCP_AGAIN_UNITS;
}

/* Its cell, or NULL. */
static uint32_t *
find(const struct lcp_again *again, const uint8_t *digest)
{
    uint32_t *set = set_of(again, digest);
    uint32_t fingerprint = fingerprint_of(again, digest);

    for (int i = 0; i < LCP_AGAIN_WAYS; i++)
        if (set[i] >> TIME_BITS == fingerprint)
            return &set[i];
    return NULL;
}

/* An empty cell, or the one noted longest ago. */
static uint32_t *
room_for(const struct lcp_again *again, const uint8_t *digest, uint64_t now_ms)
{
    uint32_t *set = set_of(again, digest);
    uint32_t *oldest = &set[0];

    for (int i = 0; i < LCP_AGAIN_WAYS; i++) {
        if (set[i] == 0)
            return &set[i];
        if (units_since(again, set[i], now_ms) > units_since(again, *oldest, now_ms))
            oldest = &set[i];
    }
    return oldest;
}

uint64_t
lcp_again_age_ms(const struct lcp_again *again,
                 const uint8_t digest[static LCP_DIGEST_BYTES], uint64_t now_ms)
{
    const uint32_t *cell = find(again, digest);

    return cell == NULL ? UINT64_MAX
                        : (uint64_t)units_since(again, *cell, now_ms) * again->unit_ms;
}

void
lcp_again_note(struct lcp_again *again, const uint8_t digest[static LCP_DIGEST_BYTES],
               uint64_t now_ms)
{
    uint32_t *cell = find(again, digest);

    if (cell == NULL)
        cell = room_for(again, digest, now_ms);
    *cell = fingerprint_of(again, digest) << TIME_BITS |
            (uint32_t)(now_ms / again->unit_ms % LCP_AGAIN_UNITS);
}
