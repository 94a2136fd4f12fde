/* SPDX-License-Identifier: MIT
 *
 * Bad networks: whatever the network does, every message arrives once, within the bound
 * that its row states, and its sender knows. Prints what it measured: goodput with a
 * backlog and the 99th percentile of single messages, beside the fixed waits of
 * LCP/1.1.
 * --messages N for longer runs.
 */
#include <stdlib.h>

#include "story.h"

#include "conf/conf.h"

enum {
    MESSAGES_DEFAULT = 200,
    MESSAGES_MAX = 20000,
    PACE_MS = 200, /* between two single messages */
    LOOK_MS = 5,
    DOWN_MS = 300,    /* at each restart */
    NOTICED_MS = 100, /* an answer takes 20 where nothing is wrong */
    SECOND = 1000,
    MINUTE = 60 * SECOND,
    HOUR = 60 * MINUTE,
};

struct network {
    const char *label;
    unsigned loss, duplication, copies, corruption, truncation; /* thousandths */
    uint32_t delay_max_ms;
    uint64_t depth;                 /* so many overtake one */
    void (*start)(struct sim *sim); /* what changes while it runs; NULL: nothing */
    uint64_t bound_ms;              /* from the last SEND on */
};

struct measure {
    double goodput;
    uint64_t p99_ms, all_ms;
    const char *broken;
};

static size_t message_count = MESSAGES_DEFAULT;

/* ---- what changes ---- */

static void
flap(struct sim *sim, uint64_t is_cut)
{
    sim_cut(sim, 'A', 'B', is_cut != 0);
    sim_at(sim, sim_now_ms(sim) + 5 * SECOND, flap, !is_cut);
}

static void
start_flapping(struct sim *sim)
{
    flap(sim, 1);
}

/* A second of nothing in every three, in one direction after the other. */
static void
burst(struct sim *sim, uint64_t step)
{
    sim_link(sim, 'A', 'B')->loss = step % 6 == 2 ? 1000 : 0;
    sim_link(sim, 'B', 'A')->loss = step % 6 == 5 ? 1000 : 0;
    sim_at(sim, sim_now_ms(sim) + SECOND, burst, step + 1);
}

static void
start_bursts(struct sim *sim)
{
    burst(sim, 0);
}

static void
heal(struct sim *sim, uint64_t arg)
{
    (void)arg;
    sim_cut(sim, 'A', 'B', false);
}

static void
start_partition(struct sim *sim)
{
    sim_cut(sim, 'A', 'B', true);
    sim_at(sim, sim_now_ms(sim) + 24 * (uint64_t)HOUR, heal, 0);
}

static void
start_one_way(struct sim *sim)
{
    sim_link(sim, 'B', 'A')->is_cut = true;
    sim_at(sim, sim_now_ms(sim) + 10 * MINUTE, heal, 0);
}

static void
come_up(struct sim *sim, uint64_t node)
{
    sim_start(sim, (char)node);
}

static void
restart(struct sim *sim, uint64_t left)
{
    char node = left % 2 == 0 ? 'A' : 'B';

    sim_crash(sim, node, SIM_CRASH_NOW);
    sim_at(sim, sim_now_ms(sim) + DOWN_MS, come_up, (uint64_t)node);
    if (left > 0)
        sim_at(sim, sim_now_ms(sim) + SECOND / 2, restart, left - 1);
}

static void
start_restarting(struct sim *sim)
{
    restart(sim, 240); /* each of them every second, for two minutes */
}

static const struct network losses[] = {
    {.label = "loss 0 %", .bound_ms = 10 * SECOND},
    {.label = "loss 1 %", .loss = 10, .bound_ms = 30 * SECOND},
    {.label = "loss 5 %", .loss = 50, .bound_ms = 60 * SECOND},
    {.label = "loss 10 %", .loss = 100, .bound_ms = 2 * MINUTE},
    {.label = "loss 20 %", .loss = 200, .bound_ms = 5 * MINUTE},
    {.label = "loss 40 %", .loss = 400, .bound_ms = 20 * MINUTE},
};

static const struct network others[] = {
    {.label = "bursts", .start = start_bursts, .bound_ms = 5 * MINUTE},
    {.label = "everything a hundred times",
     .duplication = 1000,
     .copies = 99,
     .bound_ms = MINUTE},
    /* 64 under way, each of up to five tries, with eight copies of each */
    {.label = "overtaken by a thousand",
     .duplication = 1000,
     .copies = 8,
     .delay_max_ms = 8 * SECOND,
     .depth = 1000,
     .bound_ms = 10 * MINUTE},
    {.label = "a tenth altered under a right checksum",
     .corruption = 100,
     .bound_ms = 5 * MINUTE},
    {.label = "a tenth truncated", .truncation = 100, .bound_ms = 5 * MINUTE},
    {.label = "24 hours of partition",
     .start = start_partition,
     .bound_ms = 24 * (uint64_t)HOUR + 15 * MINUTE},
    {.label = "flapping every 5 s", .start = start_flapping, .bound_ms = 15 * MINUTE},
    {.label = "one-way for 10 minutes",
     .start = start_one_way,
     .bound_ms = 25 * MINUTE},
    {.label = "both restarting every second",
     .start = start_restarting,
     .bound_ms = 10 * MINUTE},
};

/* ---- one run ---- */

struct run {
    struct sim *sim;
    size_t count, first; /* first: number of its first id */
    uint64_t *sent_ms, *known_ms;
};

static void
no_loop_guard(struct sim *sim, char node, struct lcp_conf *conf)
{
    (void)sim;
    (void)node;
    conf->loop_limit = 0;
}

static void
print_id(char id[static LCP_UUID_CHARS + 1], size_t number)
{
    (void)snprintf(id, LCP_UUID_CHARS + 1, "%08x-1111-4111-8111-111111111111",
                   (unsigned)number & 0xffffffffu);
}

/* A client that asks again with the same id until it was accepted. */
static void
submit(struct run *run, size_t i)
{
    char id[LCP_UUID_CHARS + 1], json[SIM_TEXT_MAX];
    int request;

    print_id(id, run->first + i);
    (void)snprintf(
        json, sizeof(json),
        "{\"v\":1,\"cmd\":\"SEND\",\"to\":\"B\",\"id\":\"%s\",\"wait\":false,"
        "\"ttl\":604800,\"payload\":{\"type\":\"chat\",\"message\":\"%zu\"}}",
        id, i);
    run->sent_ms[i] = sim_now_ms(run->sim);
    for (;;) {
        request = sim_request(run->sim, 'A', json);
        sim_run_ms(run->sim, 1);
        if (says(run->sim, request, "\"accepted\":true") ||
            sim_violation(run->sim) != NULL)
            return;
    }
}

/* Notes the time of each message whose sender came to know that it arrived. */
static size_t
look(struct run *run)
{
    size_t known = 0;
    char id[LCP_UUID_CHARS + 1];

    for (size_t i = 0; i < run->count; i++) {
        print_id(id, run->first + i);
        if (run->known_ms[i] == 0 && run->sent_ms[i] != 0 &&
            sim_out_state(run->sim, id) >= LCP_SENT_ACKED)
            run->known_ms[i] = sim_now_ms(run->sim);
        known += run->known_ms[i] != 0;
    }
    return known;
}

static bool
wait_for_all(struct run *run, uint64_t bound_ms)
{
    uint64_t end_ms = sim_now_ms(run->sim) + bound_ms;
    uint64_t step_ms = bound_ms > HOUR ? MINUTE : LOOK_MS;

    while (look(run) < run->count) {
        if (sim_now_ms(run->sim) >= end_ms || sim_violation(run->sim) != NULL)
            return false;
        sim_run_ms(run->sim, step_ms);
    }
    return true;
}

static int
by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return x < y ? -1 : x > y;
}

static uint64_t
percentile_99(struct run *run)
{
    for (size_t i = 0; i < run->count; i++)
        run->known_ms[i] -= run->sent_ms[i];
    qsort(run->known_ms, run->count, sizeof(run->known_ms[0]), by_value);
    return run->known_ms[run->count - 1 - run->count / 100];
}

/* Half of the messages at once, the other half one by one. */
static void
play(const struct network *network, bool is_fixed, struct measure *measure)
{
    struct sim_options options = {.seed = 7,
                                  .nodes = 2,
                                  .with_keys = true,
                                  .is_timing_fixed = is_fixed,
                                  .configure = no_loop_guard};
    struct run run = {.sim = sim_new_with(&options), .count = message_count};
    bool arrived;
    uint64_t began_ms;

    run.sent_ms = calloc(run.count, sizeof(run.sent_ms[0]));
    run.known_ms = calloc(run.count, sizeof(run.known_ms[0]));
    for (int i = 0; i < 2; i++) {
        struct sim_link *link = i == 0 ? sim_link(run.sim, 'A', 'B')
                                       : sim_link(run.sim, 'B', 'A');

        link->loss = network->loss;
        link->duplication = network->duplication;
        link->copies = network->copies;
        link->corruption = network->corruption;
        link->truncation = network->truncation;
        if (network->delay_max_ms != 0)
            link->delay_max_ms = network->delay_max_ms;
    }
    if (network->start != NULL)
        network->start(run.sim);
    sim_run_ms(run.sim, 1); /* 0 means: not yet */
    began_ms = sim_now_ms(run.sim);
    for (size_t i = 0; i < run.count; i++)
        submit(&run, i);
    arrived = wait_for_all(&run, network->bound_ms);
    measure->all_ms = sim_now_ms(run.sim) - began_ms;
    measure->goodput = (double)run.count * SECOND / (double)measure->all_ms;
    run.first = run.count;
    memset(run.sent_ms, 0, run.count * sizeof(run.sent_ms[0]));
    memset(run.known_ms, 0, run.count * sizeof(run.known_ms[0]));
    for (size_t i = 0; arrived && i < run.count; i++) {
        submit(&run, i);
        for (int step = 0; step < PACE_MS / LOOK_MS; step++) {
            look(&run);
            sim_run_ms(run.sim, LOOK_MS);
        }
    }
    arrived = arrived && wait_for_all(&run, network->bound_ms);
    measure->p99_ms = arrived ? percentile_99(&run) : 0;
    sim_run_ms(run.sim, SECOND);
    measure->broken = sim_violation(run.sim);
    CHECK_ROW(network->label, arrived);
    CHECK_ROW(network->label, sim_stored(run.sim) == 2 * run.count);
    if (network->depth != 0)
        CHECK_ROW(network->label,
                  sim_link(run.sim, 'A', 'B')->deepest >= network->depth);
    /* What changes while it runs has met the mail. */
    CHECK_ROW(network->label, network->start == NULL || measure->p99_ms > NOTICED_MS ||
                                  measure->all_ms > SECOND);
    if (measure->broken != NULL)
        fprintf(stderr, "%s: %s\n", network->label, measure->broken);
    CHECK_ROW(network->label, measure->broken == NULL);
    free(run.sent_ms);
    free(run.known_ms);
    sim_free(run.sim);
}

int
main(int argc, char **argv)
{
    struct measure measured, fixed;

    if (argc == 3 && strcmp(argv[1], "--messages") == 0)
        message_count = strtoul(argv[2], NULL, 10);
    CHECK(message_count > 0 && message_count <= MESSAGES_MAX);
    printf("%zu messages at once, then one every %d ms; 20 ms round trip\n",
           message_count, PACE_MS);
    printf("%-12s %22s %22s\n", "", "measured RTO", "waits of LCP/1.1");
    printf("%-12s %10s %11s %10s %11s\n", "each way", "goodput/s", "p99 ms",
           "goodput/s", "p99 ms");
    for (size_t i = 0; i < COUNT_OF(losses); i++) {
        play(&losses[i], false, &measured);
        play(&losses[i], true, &fixed);
        printf("%-12s %10.1f %11llu %10.1f %11llu\n", losses[i].label, measured.goodput,
               (unsigned long long)measured.p99_ms, fixed.goodput,
               (unsigned long long)fixed.p99_ms);
        fflush(stdout);
    }
    for (size_t i = 0; i < COUNT_OF(others); i++) {
        play(&others[i], false, &measured);
        printf("%s: all %zu in %.1f s (bound %.0f s), then p99 %llu ms\n",
               others[i].label, message_count, (double)measured.all_ms / SECOND,
               (double)others[i].bound_ms / SECOND,
               (unsigned long long)measured.p99_ms);
        fflush(stdout);
    }
    return check_end("networks");
}
