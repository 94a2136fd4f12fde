/* SPDX-License-Identifier: MIT
 *
 * One seed of the sweep: two to four nodes, 200 messages and more, 300 virtual seconds
 * of faults, 60 of peace, after which everything must have arrived.
 */
#ifndef LCP_TESTS_SIM_SWEEP_H
#define LCP_TESTS_SIM_SWEEP_H

#include "world_sim.h"

enum {
    SWEEP_FAULTS_MS = 300 * 1000,
    SWEEP_PEACE_MS = 60 * 1000,
    SWEEP_MESSAGES = 200,
};

struct sweep_result {
    uint64_t seed, hash, virtual_ms;
    uint64_t messages, stored;
    uint64_t faults[SIM_FAULTS];
    char violation[SIM_TEXT_MAX]; /* "" when every promise held */
};

/* trace: where to print every line, or NULL. */
void sweep_seed(uint64_t seed, FILE *trace, struct sweep_result *result);

#endif
