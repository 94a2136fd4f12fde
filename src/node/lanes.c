/* SPDX-License-Identifier: MIT
 *
 * Deficit round robin over lanes of jobs.
 */
#include "node/lanes.h"

#include <assert.h>

#include "base/bugs.h"
#include "node/job.h"

void
lcp_lanes_init(struct lcp_lanes *l, struct lcp_lane *lanes, uint32_t count)
{
    *l = (struct lcp_lanes){.lanes = lanes, .count = count, .last_active = UINT32_MAX};
}

static void
enter_ring(struct lcp_lanes *l, uint32_t index)
{
    struct lcp_lane *lane = &l->lanes[index];

    lane->is_active = true;
    lane->deficit = LCP_LANE_QUANTUM;
    if (l->last_active == UINT32_MAX) {
        lane->next_active = index;
    } else {
        lane->next_active = l->lanes[l->last_active].next_active;
        l->lanes[l->last_active].next_active = index;
    }
    l->last_active = index;
}

static void
leave_ring(struct lcp_lanes *l, uint32_t index)
{
    struct lcp_lane *lane = &l->lanes[index];

    assert(l->lanes[l->last_active].next_active == index);
    lane->is_active = false;
    if (l->last_active == index)
        l->last_active = UINT32_MAX;
    else
        l->lanes[l->last_active].next_active = lane->next_active;
}

void
lcp_lanes_put(struct lcp_lanes *l, uint32_t index, struct lcp_job *job)
{
    struct lcp_lane *lane;

    assert(index < l->count);
    if (lcp_bug(LCP_BUG_FAIRNESS_LOST))
        index = 0; /* first come, first served */
    lane = &l->lanes[index];
    job->next = NULL;
    if (lane->tail != NULL)
        lane->tail->next = job;
    else
        lane->head = job;
    lane->tail = job;
    l->jobs++;
    if (!lane->is_active)
        enter_ring(l, index);
}

struct lcp_job *
lcp_lanes_take(struct lcp_lanes *l)
{
    while (l->last_active != UINT32_MAX) {
        uint32_t index = l->lanes[l->last_active].next_active;
        struct lcp_lane *lane = &l->lanes[index];
        struct lcp_job *job = lane->head;
        size_t cost = LCP_LANE_JOB_COST + job->raw_len;

        if (lane->deficit < cost) {
            lane->deficit += LCP_LANE_QUANTUM;
            l->last_active = index; /* its turn is over */
            continue;
        }
        lane->deficit -= cost;
        lane->head = job->next;
        if (lane->head == NULL) {
            lane->tail = NULL;
            leave_ring(l, index);
        }
        job->next = NULL;
        l->jobs--;
        return job;
    }
    return NULL;
}
