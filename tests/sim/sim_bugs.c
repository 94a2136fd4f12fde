/* SPDX-License-Identifier: MIT
 *
 * Proof that the simulator would find what it is there for: each bug of base/bugs.h is
 * switched on, and must break the promise made for it, or one within a bounded number
 * of the sweep's seeds.
 */
#include <stdlib.h>

#include "promises.h"
#include "sweep.h"

enum { SEEDS_MAX = 60 };

static bool
is_caught(const struct promise *promise)
{
    char why[SIM_TEXT_MAX] = "";
    struct sweep_result result;

    if (promise->is_kept != NULL && !sim_promise_is_kept(promise, why, sizeof(why))) {
        printf("caught: not \"%s\", by its story: %s\n", promise->name, why);
        return true;
    }
    for (uint64_t seed = 1; promise->is_kept == NULL && seed <= SEEDS_MAX; seed++) {
        sweep_seed(seed, NULL, &result);
        if (result.violation[0] == '\0')
            continue;
        printf("caught: not \"%s\", by seed %llu: %s\n", promise->name,
               (unsigned long long)seed, result.violation);
        return true;
    }
    printf("NOT CAUGHT: \"%s\"\n", promise->name);
    return false;
}

int
main(void)
{
    bool has_promise[LCP_BUG_COUNT] = {false};
    struct sweep_result result;

    /* Without a bug nothing is found: what is caught below is the bug's doing. */
    sweep_seed(1, NULL, &result);
    CHECK_STR(result.violation, "");
    for (size_t i = 0; i < sim_promise_count; i++) {
        lcp_bug_active = (int)sim_promises[i].bug;
        has_promise[sim_promises[i].bug] = true;
        CHECK_ROW(sim_promises[i].name, is_caught(&sim_promises[i]));
        fflush(stdout);
    }
    for (int bug = LCP_BUG_NONE + 1; bug < LCP_BUG_COUNT; bug++)
        CHECK(has_promise[bug]);
    return check_end("bugs");
}
