/* SPDX-License-Identifier: MIT
 *
 * The nodes' records: in memory, where a crash loses what is not committed, or the real
 * store on a machine that loses its power (tests/power).
 */
#include "state.h"

#include <assert.h>

enum {
    KILL_PER_MILLE = 500, /* of the crashes of a machine: the process alone dies */
    CHANGES_MAX = 40,     /* to the disk before the power fails within a batch */
};

void
sim_record_make(struct sim_node *node)
{
    struct sim *sim = node->sim;

    if (sim->options.with_sqlite) {
        node->machine = power_machine_new(sim->options.seed ^ (uint64_t)node->index);
        node->power_random = sim_random_stream(sim->options.seed,
                                               0xD15C + (uint64_t)node->index);
        assert(node->machine != NULL);
        return;
    }
    node->disk = lcp_memory_disk_new();
    assert(node->disk != NULL);
    if (lcp_store_memory_open(node->disk, true, &node->watch) != LCP_OK)
        assert(!"no memory");
}

bool
sim_record_open(struct sim_node *node)
{
    if (node->machine == NULL)
        return lcp_store_memory_open(node->disk, false, &node->writer) == LCP_OK &&
               lcp_store_memory_open(node->disk, true, &node->reader) == LCP_OK;
    return power_machine_open(node->machine, false, &node->writer) == LCP_OK &&
           power_machine_open(node->machine, true, &node->reader) == LCP_OK &&
           power_machine_open(node->machine, true, &node->watch) == LCP_OK;
}

void
sim_record_cut(struct sim_node *node)
{
    if (node->machine != NULL)
        power_machine_cut(node->machine);
}

void
sim_record_close(struct sim_node *node)
{
    node->writer->ops->close(node->writer);
    node->reader->ops->close(node->reader);
    if (node->machine == NULL)
        return;
    node->watch->ops->close(node->watch);
    node->watch = NULL;
    if (power_machine_is_on(node->machine))
        return;
    if (sim_random_chance(&node->power_random, KILL_PER_MILLE)) {
        power_machine_revive(node->machine);
    } else {
        sim_count(node->sim, SIM_POWER);
        power_machine_restart(node->machine, &node->power_random);
    }
}

void
sim_record_arm(struct sim_node *node, bool is_armed)
{
    if (node->machine != NULL)
        power_machine_arm(node->machine,
                          is_armed ? sim_random_in(&node->power_random, 1, CHANGES_MAX)
                                   : UINT64_MAX,
                          is_armed && sim_random_chance(&node->power_random, 300));
}

bool
sim_record_is_dead(const struct sim_node *node)
{
    return node->machine != NULL && !power_machine_is_on(node->machine);
}

void
sim_record_free(struct sim_node *node)
{
    if (node->watch != NULL)
        node->watch->ops->close(node->watch);
    lcp_memory_disk_free(node->disk);
    power_machine_free(node->machine);
}
