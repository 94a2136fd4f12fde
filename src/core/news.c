/* SPDX-License-Identifier: MIT
 *
 * Receipts of ours: answers, which go out once, and news, which is retried like a
 * message until the peer has acknowledged it. docs/protocol.md "LCP/1.2".
 */
#include "core/machine.h"

void
lcp_core_answer(struct lcp_core *core, uint64_t now_ms, uint32_t peer,
                struct lcp_span payload)
{
    uint32_t seq;

    lcp_core_enter(core, now_ms);
    if (lcp_peers_at(&core->peers, peer) == NULL ||
        payload.len > LCP_SIGNED_PAYLOAD_MAX)
        return;
    /* Nobody waits for its ACK, but it must not be taken for that of another. */
    do
        seq = lcp_draw_u32(&core->nonces);
    while (lcp_seqs_find(&core->seqs, seq) != LCP_NONE);
    lcp_core_stage_tx(core, peer, LCP_PACKET_RECEIPT, seq, payload);
}

/* News. */

/* There is still something to tell, but not now. */
static void
try_again(struct lcp_core *core, uint32_t peer)
{
    struct lcp_peer *p = lcp_core_row(core, peer);

    p->has_news = true;
    if (p->retry_due_ms == LCP_NEVER)
        p->retry_due_ms = core->now_ms + LCP_RETRY_MS;
    lcp_live_rearm(core, peer);
}

/* Who may be dead is not told: the start of a node that owes many a word would be a
 * storm of signatures that nobody reads. */
void
lcp_news_want(struct lcp_core *core, uint32_t peer)
{
    struct lcp_peer *p = lcp_core_row(core, peer);

    if (!p->has_news || p->is_idle || p->news != LCP_NEWS_NONE ||
        p->retry_due_ms != LCP_NEVER)
        return;
    if (core->ephemerals == core->ephemerals_max) {
        try_again(core, peer);
        return;
    }
    p->has_news = false; /* unless there is more by the time it is told */
    p->news = LCP_NEWS_ASKED;
    lcp_core_stage(core, LCP_OUT_NEWS, peer);
}

void
lcp_core_news(struct lcp_core *core, uint64_t now_ms, uint32_t peer)
{
    struct lcp_peer *p = lcp_peers_at(&core->peers, peer);

    lcp_core_enter(core, now_ms);
    if (p == NULL)
        return;
    p->has_news = true;
    lcp_news_want(core, peer);
}

enum lcp_err
lcp_core_offer_receipt(struct lcp_core *core, uint64_t now_ms, uint32_t peer,
                       uint64_t number, struct lcp_span payload)
{
    struct lcp_peer *p = lcp_peers_at(&core->peers, peer);
    uint32_t slot;

    lcp_core_enter(core, now_ms);
    if (p == NULL || p->news != LCP_NEWS_ASKED)
        return LCP_ENOTFOUND;
    if (!lcp_is_ephemeral(number) || payload.len > LCP_SIGNED_PAYLOAD_MAX)
        return LCP_EINVAL;
    if (lcp_outq_find(&core->outq, number) != LCP_NONE)
        return LCP_EEXIST;
    if (core->ephemerals == core->ephemerals_max) {
        p->news = LCP_NEWS_NONE;
        try_again(core, peer);
        return LCP_EFULL;
    }
    core->ephemerals++;
    p->news = LCP_NEWS_SENT;
    slot = lcp_window_enter(core, peer, number, payload);
    core->outq.slots[slot].type = LCP_PACKET_RECEIPT;
    return LCP_OK;
}

void
lcp_core_no_news(struct lcp_core *core, uint64_t now_ms, uint32_t peer, bool failed)
{
    struct lcp_peer *p = lcp_peers_at(&core->peers, peer);

    lcp_core_enter(core, now_ms);
    if (p == NULL || p->news != LCP_NEWS_ASKED)
        return;
    p->news = LCP_NEWS_NONE;
    if (failed)
        try_again(core, peer);
    else
        lcp_news_want(core, peer);
}

void
lcp_news_settled(struct lcp_core *core, uint32_t peer)
{
    lcp_core_row(core, peer)->has_news = true; /* one receipt may not hold it all */
    lcp_news_want(core, peer);
}

void
lcp_news_parked(struct lcp_core *core, uint32_t peer)
{
    lcp_core_row(core, peer)->has_news = true;
    lcp_live_round(core, peer);
}
