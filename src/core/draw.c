/* SPDX-License-Identifier: MIT
 *
 * A keyed generator in counter mode.
 */
#include "core/draw.h"

#include "base/crypto.h"

void
lcp_draw_init(struct lcp_draw *draw, const uint8_t seed[static LCP_DRAW_SEED_BYTES])
{
    *draw = (struct lcp_draw){.left = 0};
    memcpy(draw->block, seed, LCP_DRAW_SEED_BYTES);
}

static void
refresh(struct lcp_draw *draw)
{
    uint8_t *counter = draw->block + LCP_DRAW_SEED_BYTES;

    lcp_digest(lcp_span(draw->block, sizeof(draw->block)), draw->drawn);
    draw->left = sizeof(draw->drawn);
    for (size_t i = 0; i < 8 && ++counter[i] == 0; i++)
        continue;
}

uint32_t
lcp_draw_u32(struct lcp_draw *draw)
{
    const uint8_t *b;

    if (draw->left == 0)
        refresh(draw);
    draw->left -= 4;
    b = draw->drawn + draw->left;
    return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

uint64_t
lcp_draw_spread(struct lcp_draw *draw, uint64_t ms, uint32_t percent)
{
    uint64_t reach = ms * percent / 100;

    return ms - reach + lcp_draw_u32(draw) % (2 * reach + 1);
}
