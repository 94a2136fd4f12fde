/* SPDX-License-Identifier: MIT
 *
 * Promises as short stories, each true of the product and false of it with the bug it
 * was made for: test_promises runs them as they are, sim_bugs with the bug planted.
 */
#ifndef LCP_TESTS_SIM_PROMISES_H
#define LCP_TESTS_SIM_PROMISES_H

#include "base/bugs.h"
#include "story.h"

struct promise {
    const char *name;
    enum lcp_bug bug;
    bool (*is_kept)(struct sim *sim, char *why, size_t cap); /* NULL: the sweep knows */
    struct sim_options options; /* of the world it happens in */
};

extern const struct promise sim_promises[];
extern const size_t sim_promise_count;

/* Plays one; why says what was seen when it is not kept. */
bool sim_promise_is_kept(const struct promise *promise, char *why, size_t cap);

#endif
