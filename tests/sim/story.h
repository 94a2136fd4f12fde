/* SPDX-License-Identifier: MIT
 *
 * What the simulator's stories share: looking at the trace and at replies.
 */
#ifndef LCP_TESTS_SIM_STORY_H
#define LCP_TESTS_SIM_STORY_H

#include "check.h"
#include "world_sim.h"

enum { WRITER = 0, TIMES_MAX = 64 };

static inline void
end(struct sim *sim)
{
    if (sim_violation(sim) != NULL)
        fprintf(stderr, "broken promise: %s\n", sim_violation(sim));
    CHECK(sim_violation(sim) == NULL);
    sim_free(sim);
}

static inline bool
says(const struct sim *sim, int request, const char *what)
{
    const char *reply = sim_reply(sim, request);

    return reply != NULL && strstr(reply, what) != NULL;
}

/* The times of all trace lines that hold `what`. */
static inline size_t
times_of(const struct sim *sim, const char *what, uint64_t times[static TIMES_MAX])
{
    const char *line = sim_trace(sim);
    size_t count = 0;

    while (*line != '\0') {
        const char *newline = strchr(line, '\n');
        size_t len = (size_t)(newline - line);
        char text[SIM_TEXT_MAX];

        snprintf(text, sizeof(text), "%.*s",
                 (int)(len < SIM_TEXT_MAX ? len : SIM_TEXT_MAX - 1), line);
        if (strstr(text, what) != NULL && count < TIMES_MAX)
            times[count++] = strtoull(text, NULL, 10);
        line = newline + 1;
    }
    return count;
}

static inline size_t
count_of(const struct sim *sim, const char *what)
{
    uint64_t times[TIMES_MAX];

    return times_of(sim, what, times);
}

static inline struct sim *
sim_long(int nodes, bool with_keys)
{
    struct sim_options options = {.seed = 1,
                                  .nodes = nodes,
                                  .with_keys = with_keys,
                                  .keep_trace = true,
                                  .trace_all = true};

    return sim_new_with(&options);
}

#endif
