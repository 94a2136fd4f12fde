/* SPDX-License-Identifier: MIT
 *
 * Deficit round robin: order within a lane, turns between lanes, bytes count.
 */
#include "node/lanes.h"

#include "check.h"
#include "node/job.h"

enum { LANES = 4, JOBS = 64 };

static struct lcp_lane lane_memory[LANES];
static struct lcp_job jobs[JOBS];

static struct lcp_lanes
fresh(void)
{
    struct lcp_lanes lanes;

    memset(lane_memory, 0, sizeof(lane_memory));
    memset(jobs, 0, sizeof(jobs));
    lcp_lanes_init(&lanes, lane_memory, LANES);
    return lanes;
}

static void
a_lane_keeps_its_order(void)
{
    struct lcp_lanes lanes = fresh();

    for (uint64_t i = 0; i < 10; i++) {
        jobs[i].number = i;
        lcp_lanes_put(&lanes, 2, &jobs[i]);
    }
    for (uint64_t i = 0; i < 10; i++) {
        struct lcp_job *job = lcp_lanes_take(&lanes);

        REQUIRE(job != NULL);
        CHECK(job->number == i);
    }
    CHECK(lcp_lanes_take(&lanes) == NULL);
    CHECK(lanes.jobs == 0);
}

static void
a_busy_lane_does_not_starve_a_quiet_one(void)
{
    struct lcp_lanes lanes = fresh();
    uint32_t before = 0;

    for (size_t i = 0; i < JOBS - 1; i++) {
        jobs[i].peer = 0;
        lcp_lanes_put(&lanes, 0, &jobs[i]);
    }
    jobs[JOBS - 1].peer = 1;
    lcp_lanes_put(&lanes, 1, &jobs[JOBS - 1]);
    while (lcp_lanes_take(&lanes)->peer == 0)
        before++;
    /* One turn of the busy lane: its quantum in jobs without payload. */
    CHECK(before <= LCP_LANE_QUANTUM / LCP_LANE_JOB_COST);
    CHECK(lanes.jobs == JOBS - 1 - before);
}

static void
bytes_count_not_jobs(void)
{
    struct lcp_lanes lanes = fresh();
    size_t small = 0;

    for (size_t i = 0; i < 8; i++) {
        jobs[i].peer = 0;
        jobs[i].raw_len = 60000;
        lcp_lanes_put(&lanes, 0, &jobs[i]);
    }
    for (size_t i = 8; i < JOBS; i++) {
        jobs[i].peer = 1;
        lcp_lanes_put(&lanes, 1, &jobs[i]);
    }
    /* All the small ones together weigh less than the first large one. */
    for (size_t i = 8; i < JOBS; i++)
        small += lcp_lanes_take(&lanes)->peer == 1;
    CHECK(small >= JOBS - 8 - 1);
}

static void
jobs_put_while_taking_are_found(void)
{
    struct lcp_lanes lanes = fresh();
    size_t taken = 0;

    lcp_lanes_put(&lanes, 3, &jobs[0]);
    for (size_t i = 1; i < JOBS; i++) {
        taken += lcp_lanes_take(&lanes) != NULL;
        lcp_lanes_put(&lanes, (uint32_t)(i % LANES), &jobs[i]);
    }
    while (lcp_lanes_take(&lanes) != NULL)
        taken++;
    CHECK(taken == JOBS);
}

int
main(void)
{
    a_lane_keeps_its_order();
    a_busy_lane_does_not_starve_a_quiet_one();
    bytes_count_not_jobs();
    jobs_put_while_taking_are_found();
    return check_end("lanes");
}
