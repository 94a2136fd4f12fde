/* SPDX-License-Identifier: MIT
 *
 * Queues of jobs that wait for the writer, one lane for each peer and one for local
 * work, taken by deficit round robin: each turn a lane may spend LCP_LANE_QUANTUM
 * bytes, so one busy peer cannot starve another. Jobs of one lane keep their order.
 * Owns nothing.
 */
#ifndef LCP_NODE_LANES_H
#define LCP_NODE_LANES_H

#include "lcp/types.h"

enum {
    LCP_LANE_QUANTUM =
        4096, /* bytes a turn: some small messages, or a sixteenth of the largest */
    LCP_LANE_JOB_COST = 256, /* bytes charged for a job beside its payload */
};

struct lcp_job;

struct lcp_lane {
    struct lcp_job *head, *tail;
    uint32_t next_active; /* ring of lanes that hold jobs */
    size_t deficit;
    bool is_active;
};

struct lcp_lanes {
    struct lcp_lane *lanes; /* the caller's, `count` of them, zeroed */
    uint32_t count;
    uint32_t last_active; /* the ring's tail; its next is whose turn it is. UINT32_MAX:
                             empty */
    uint64_t jobs;        /* in all lanes */
};

void lcp_lanes_init(struct lcp_lanes *l, struct lcp_lane *lanes, uint32_t count);
void lcp_lanes_put(struct lcp_lanes *l, uint32_t lane, struct lcp_job *job);
/* The next job whose turn it is; NULL when there is none. */
struct lcp_job *lcp_lanes_take(struct lcp_lanes *l);

#endif
