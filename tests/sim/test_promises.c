/* SPDX-License-Identifier: MIT
 *
 * Each promise of promises.h is kept.
 */
#include "promises.h"

int
main(void)
{
    for (size_t i = 0; i < sim_promise_count; i++) {
        const struct promise *promise = &sim_promises[i];
        char why[SIM_TEXT_MAX] = "";
        bool is_kept = promise->is_kept == NULL ||
                       sim_promise_is_kept(promise, why, sizeof(why));

        if (!is_kept)
            fprintf(stderr, "%s: %s\n", promise->name, why);
        CHECK_ROW(promise->name, is_kept);
    }
    return check_end("promises");
}
