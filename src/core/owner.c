/* SPDX-License-Identifier: MIT
 *
 * Whose key is it?
 */
#include "core/machine.h"

uint32_t
lcp_core_peer_of_key(const struct lcp_core *core, const uint8_t key[LCP_KEY_BYTES])
{
    struct lcp_key wanted;

    memcpy(wanted.bytes, key, sizeof(wanted.bytes));
    return lcp_peers_by_key(&core->peers, &wanted);
}
