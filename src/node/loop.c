/* SPDX-License-Identifier: MIT
 *
 * The loop guard: two agents that answer each other without a person in between end up
 * held instead of busy for ever. docs/protocol.md "Policy". In memory alone: a restart
 * forgets it, and the next messages count anew.
 */
#include <stdlib.h>

#include "node/state.h"

struct lcp_loop_mark {
    uint64_t at_ms;
    bool is_automatic;
};

void
lcp_loop_note(struct lcp_pump *p, uint32_t peer, bool is_automatic)
{
    struct lcp_loop *loop = &p->peers[peer].loop;

    if (p->loop_limit == 0)
        return;
    if (loop->marks == NULL)
        loop->marks = calloc(p->loop_limit, sizeof(loop->marks[0]));
    if (loop->marks == NULL)
        return;
    loop->marks[loop->next] = (struct lcp_loop_mark){lcp_pump_now(p), is_automatic};
    loop->next = (loop->next + 1) % p->loop_limit;
    loop->count += loop->count < p->loop_limit;
}

void
lcp_loop_clear(struct lcp_pump *p, uint32_t peer)
{
    p->peers[peer].loop.count = 0;
}

bool
lcp_loop_is_closed(struct lcp_pump *p, uint32_t peer, uint32_t pending)
{
    const struct lcp_loop *loop = &p->peers[peer].loop;
    uint64_t now_ms = lcp_pump_now(p);
    uint32_t live = 0;
    bool is_automatic = false;

    for (uint32_t at = loop->next; live < loop->count; live++) {
        at = (at == 0 ? p->loop_limit : at) - 1;
        if (now_ms - loop->marks[at].at_ms > LCP_LOOP_WINDOW_MS)
            break;
        is_automatic = is_automatic || loop->marks[at].is_automatic;
    }
    return p->loop_limit != 0 && is_automatic && live + pending >= p->loop_limit;
}

void
lcp_loop_free(struct lcp_loop *loop)
{
    free(loop->marks);
    *loop = (struct lcp_loop){0};
}
