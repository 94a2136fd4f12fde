/* SPDX-License-Identifier: MIT
 *
 * Proof that the simulator would find what it is there for: each bug of base/bugs.h is
 * switched on, and must break a promise within a bounded number of seeds, or in the
 * story made for it.
 */
#include <stdlib.h>

#include "base/bugs.h"
#include "story.h"
#include "sweep.h"

enum { SEEDS_MAX = 60, WRITER_HAND = 0 };

/* Two admissions of one message are two verifications: no promise to a peer, but to
 * ourselves. The story says so, the sweep cannot. */
static bool
story_of_a_slow_disk(char *why, size_t cap)
{
    struct sim *sim = sim_new(1, 2);
    struct sim_pace *pace = sim_pace(sim, 'B', WRITER_HAND);
    uint64_t merged;

    pace->before_min_ms = pace->before_max_ms = 1600;
    sim_send(sim, 'A', 'B', "hello");
    sim_run_ms(sim, 2000);
    pace->before_min_ms = pace->before_max_ms = 0;
    sim_run_ms(sim, 3000);
    merged = sim_counter(sim, 'B', "merged");
    if (merged != 2)
        snprintf(why, cap,
                 "two retransmissions came while the admission ran, %llu joined it",
                 (unsigned long long)merged);
    sim_free(sim);
    return merged != 2;
}

static const struct {
    const char *name;
    enum lcp_bug bug;
    bool (*story)(char *why, size_t cap); /* NULL: the sweep finds it */
} rows[] = {
    {"ACK before commit", LCP_BUG_ACK_BEFORE_COMMIT, NULL},
    {"dedup lost at restart", LCP_BUG_DEDUP_LOST, NULL},
    {"pin not checked again in the transaction", LCP_BUG_PIN_NOT_RECHECKED, NULL},
    {"late ACK of an earlier transmission dropped", LCP_BUG_LATE_ACK_DROPPED, NULL},
    {"state moving back", LCP_BUG_STATE_BACK, NULL},
    {"running admission not merged", LCP_BUG_ADMISSION_NOT_MERGED,
     story_of_a_slow_disk},
    {"refill skipping a row", LCP_BUG_REFILL_SKIPS, NULL},
    {"outbox row forgotten after five tries", LCP_BUG_FORGOTTEN_AFTER_FIVE, NULL},
};

static bool
is_caught(size_t row)
{
    char why[SIM_TEXT_MAX] = "";
    struct sweep_result result;

    if (rows[row].story != NULL && rows[row].story(why, sizeof(why))) {
        printf("caught: %s, by its story: %s\n", rows[row].name, why);
        return true;
    }
    for (uint64_t seed = 1; rows[row].story == NULL && seed <= SEEDS_MAX; seed++) {
        sweep_seed(seed, NULL, &result);
        if (result.violation[0] == '\0')
            continue;
        printf("caught: %s, by seed %llu: %s\n", rows[row].name,
               (unsigned long long)seed, result.violation);
        return true;
    }
    printf("NOT CAUGHT: %s\n", rows[row].name);
    return false;
}

int
main(void)
{
    struct sweep_result result;
    char why[SIM_TEXT_MAX] = "";

    /* Without a bug nothing is found: what is caught below is the bug's doing. */
    sweep_seed(1, NULL, &result);
    CHECK_STR(result.violation, "");
    CHECK(!story_of_a_slow_disk(why, sizeof(why)));
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        lcp_bug_active = (int)rows[i].bug;
        CHECK_ROW(rows[i].name, is_caught(i));
        fflush(stdout);
    }
    return check_end("bugs");
}
