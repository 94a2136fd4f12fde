/* SPDX-License-Identifier: MIT
 *
 * One seed of the sweep: two to four nodes, some of them Python nodes, 200 messages and
 * more, 420 virtual seconds of faults and an attacker, 180 of peace, after which
 * everything must have arrived and every sender must know what became of its mail.
 */
#ifndef LCP_TESTS_SIM_SWEEP_H
#define LCP_TESTS_SIM_SWEEP_H

#include "world_sim.h"

enum {
    SWEEP_FAULTS_MS = 420 * 1000,
    SWEEP_PEACE_MS = 180 * 1000,
    SWEEP_MESSAGES = 200,
    SWEEP_SQLITE_EVERY = 20, /* seeds: one on the real store */
    SWEEP_QUOTA = 40,        /* messages, on one node of some seeds */
};

struct sweep_result {
    uint64_t seed, hash, virtual_ms;
    uint64_t messages, stored;
    bool has_legacy, has_quota, has_sqlite;
    uint64_t faults[SIM_FAULTS];
    char violation[SIM_TEXT_MAX]; /* "" when every promise held */
};

/* trace: where to print every line, or NULL. */
void sweep_seed(uint64_t seed, FILE *trace, struct sweep_result *result);

#endif
