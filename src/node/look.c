/* SPDX-License-Identifier: MIT
 *
 * Is a stored message what was signed? For a record whose pages were changed behind
 * our back.
 */
#include "node/look.h"

static bool
is_known(const uint8_t digest[static LCP_DIGEST_BYTES])
{
    static const uint8_t unknown[LCP_DIGEST_BYTES];

    return memcmp(digest, unknown, LCP_DIGEST_BYTES) != 0;
}

/* What has a digest was verified, or signed, when it was stored. What was taken over
 * from a Python node, or sent by the first version, has none. */
bool
lcp_look_is_sound(struct lcp_msg_scratch *scratch, const struct lcp_row *row)
{
    const uint8_t *digest = row->dir == LCP_IN ? row->digest : row->canon_digest;
    uint8_t now[LCP_DIGEST_BYTES];
    struct lcp_json doc = {.nodes = scratch->nodes, .cap = LCP_JSON_NODES_MAX};
    struct lcp_span canon;
    struct lcp_msg msg;

    if (row->raw.len == 0)
        return true; /* its text was deleted */
    if (!is_known(digest))
        return lcp_json_parse(row->raw, &doc) == LCP_JSON_FAULT_NONE;
    if (lcp_msg_parse(row->raw, scratch, &msg) != LCP_MSG_OK ||
        lcp_msg_canon(&msg, scratch, &canon) != LCP_OK)
        return false;
    lcp_digest(canon, now);
    return memcmp(now, digest, sizeof(now)) == 0 && strcmp(msg.id, row->id) == 0 &&
           memcmp(msg.key.bytes, row->key.bytes, sizeof(msg.key.bytes)) == 0;
}
