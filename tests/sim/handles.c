/* SPDX-License-Identifier: MIT
 *
 * What a scenario takes hold of: time, paces, sleep, disks, clocks, keys.
 */
#include "state.h"

uint64_t
sim_now_ms(const struct sim *sim)
{
    return sim->now_ms - sim->epoch_ms;
}

uint64_t
sim_seed(const struct sim *sim)
{
    return sim->options.seed;
}

struct sim_random *
sim_chance(struct sim *sim)
{
    return &sim->random;
}

void
sim_at(struct sim *sim, uint64_t at_ms, void (*fn)(struct sim *sim, uint64_t arg),
       uint64_t arg)
{
    sim_push(sim, (struct sim_event){.at_ms = sim->epoch_ms + at_ms,
                                     .kind = SIM_EV_CALL,
                                     .node = SIM_ENDPOINTS,
                                     .call = fn,
                                     .arg = arg});
}

void
sim_set_user(struct sim *sim, void *user)
{
    sim->user = user;
}

void *
sim_user(struct sim *sim)
{
    return sim->user;
}

struct sim_pace *
sim_pace(struct sim *sim, char node, int hand)
{
    return &sim_node(sim, node)->pace[hand];
}

void
sim_sleep(struct sim *sim, char letter, uint64_t ms)
{
    struct sim_node *node = sim_node(sim, letter);

    if (node->pump == NULL)
        return;
    sim_count(sim, SIM_SLEEP);
    sim_note(sim, node->index, "sleep", "%llu ms", (unsigned long long)ms);
    node->asleep_until_ms = sim->now_ms + ms;
    node->asleep_datagrams = 0;
}

void
sim_disk(struct sim *sim, char letter, enum lcp_err err)
{
    struct sim_node *node = sim_node(sim, letter);

    if (node->disk == NULL)
        return; /* what a full disk does to the real store is tested elsewhere */
    node->disk_err = err;
    lcp_memory_disk_fail(node->disk, err);
    sim_note(sim, node->index, "disk", err == LCP_OK ? "works" : "fails");
}

void
sim_clock_jump(struct sim *sim, char letter, int64_t ms)
{
    struct sim_node *node = sim_node(sim, letter);

    sim_count(sim, SIM_CLOCK_JUMP);
    node->wall_offset_ms += ms;
}

void
sim_set_key_configured(struct sim *sim, char letter, char peer, bool is_configured)
{
    sim_node(sim, letter)->with_key[sim_index(peer)] = is_configured;
}

void
sim_set_new_key(struct sim *sim, char letter)
{
    struct sim_node *node = sim_node(sim, letter);
    uint8_t seed[LCP_SEED_BYTES];

    sim_random_fill(&sim->random, seed, sizeof(seed));
    lcp_identity_from_seed(seed, &node->identity);
}

uint64_t
sim_fault_count(const struct sim *sim, enum sim_fault fault)
{
    return sim->faults[fault];
}
