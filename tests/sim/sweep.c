/* SPDX-License-Identifier: MIT
 *
 * The script of one seed: who sends what when, what breaks, and the end of it.
 */
#include "sweep.h"

#include <assert.h>
#include <stdlib.h>

#include "base/text.h"
#include "conf/conf.h"

enum {
    EXTRA_ORDERS = 24, /* short-lived or cancelled mail beside the 200 */
    ORDERS = SWEEP_MESSAGES + EXTRA_ORDERS,
    LAST_ORDER_MS = 410 * 1000,
    CLASS_PER_MILLE = 620, /* of the seeds that know a class of faults */
    TEXT_SMALL = 120,
    TEXT_LARGE = 6000,
    POLL_MS = 700,
    REVIVE_LOOK_MS = 250,
    WRITER = 0, /* enum lcp_hand */
    READER = 1,
};

struct order {
    char from, to;
    char id[LCP_UUID_CHARS + 1];
    char *json;
    int request; /* -1: not under way */
    bool is_accepted, is_to_cancel;
};

struct plan {
    struct sim_random random;
    int nodes, legacy;
    bool has[SIM_FAULTS];
    struct order orders[ORDERS];
    uint64_t revive_ms[SIM_NODES_MAX]; /* 0: up, or not seen down yet */
    uint64_t disk_until_ms[SIM_NODES_MAX];
    bool is_peace;
    char violation[SIM_TEXT_MAX];
};

static struct plan *
plan_of(struct sim *sim)
{
    return sim_user(sim);
}

static uint64_t
pick(struct plan *plan, uint64_t low, uint64_t high)
{
    return sim_random_in(&plan->random, low, high);
}

static char
pick_node(struct plan *plan)
{
    return (char)('A' + pick(plan, 0, (uint64_t)plan->nodes - 1));
}

static char
pick_other(struct plan *plan, char node)
{
    char other = (char)('A' + pick(plan, 0, (uint64_t)plan->nodes - 2));

    return other >= node ? (char)(other + 1) : other;
}

/* Orders: a client that does not rest until its message was accepted. */

static void submit(struct sim *sim, uint64_t at);

static void
poll_order(struct sim *sim, uint64_t at)
{
    struct plan *plan = plan_of(sim);
    struct order *order = &plan->orders[at];
    const char *reply = sim_reply(sim, order->request);

    if (reply == NULL) {
        sim_at(sim, sim_now_ms(sim) + POLL_MS, poll_order, at);
        return;
    }
    if (strstr(reply, "\"accepted\":true") != NULL) {
        order->is_accepted = true;
        return;
    }
    if (reply[0] != '\0' && strstr(reply, "\"storage-full\"") == NULL &&
        strstr(reply, "\"busy\"") == NULL) {
        snprintf(plan->violation, sizeof(plan->violation), "SEND was answered: %.200s",
                 reply);
        return;
    }
    /* The same id again: an agent's own retry is harmless. */
    sim_at(sim, sim_now_ms(sim) + pick(plan, 100, 3000), submit, at);
}

static void
cancel_order(struct sim *sim, uint64_t at)
{
    struct order *order = &plan_of(sim)->orders[at];
    char json[128];

    (void)snprintf(json, sizeof(json), "{\"v\":1,\"cmd\":\"CANCEL\",\"id\":\"%s\"}",
                   order->id);
    (void)sim_request(sim, order->from, json);
}

static void
submit(struct sim *sim, uint64_t at)
{
    struct plan *plan = plan_of(sim);
    struct order *order = &plan->orders[at];

    if (sim_is_legacy(sim, order->from)) {
        sim_legacy_send(sim, order->from, order->to, order->id, "from a Python node");
        order->is_accepted = true; /* it promises nothing */
        return;
    }
    order->request = sim_request(sim, order->from, order->json);
    sim_at(sim, sim_now_ms(sim) + pick(plan, 1, POLL_MS), poll_order, at);
    if (order->is_to_cancel)
        sim_at(sim, sim_now_ms(sim) + pick(plan, 0, 1) * pick(plan, 0, 3000),
               cancel_order, at);
}

static void
make_order(struct sim *sim, uint64_t at, uint64_t at_ms)
{
    struct plan *plan = plan_of(sim);
    struct order *order = &plan->orders[at];
    bool is_extra = at >= SWEEP_MESSAGES;
    size_t len = (size_t)pick(
        plan, 1, sim_random_chance(&plan->random, 30) ? TEXT_LARGE : TEXT_SMALL);
    bool waits = sim_random_chance(&plan->random, 400);
    bool is_short = is_extra && sim_random_chance(&plan->random, 500);
    uint8_t random[16];
    char *text = malloc(len + 1);
    size_t cap = len + 512;

    order->from = pick_node(plan);
    order->to = pick_other(plan, order->from);
    order->request = -1;
    sim_random_fill(&plan->random, random, sizeof(random));
    lcp_uuid_print(random, order->id);
    order->json = malloc(cap);
    assert(text != NULL && order->json != NULL);
    for (size_t i = 0; i < len; i++)
        text[i] = (char)('a' + sim_random_in(&plan->random, 0, 25));
    text[len] = '\0';
    (void)snprintf(order->json, cap,
                   "{\"v\":1,\"cmd\":\"SEND\",\"to\":\"%c\",\"id\":\"%s\",\"wait\":%s%"
                   "s,\"payload\":{"
                   "\"type\":\"%s\",\"message\":\"%s\"}}",
                   order->to, order->id, waits ? "true" : "false",
                   is_short ? ",\"ttl\":20" : "", at % 3 == 0 ? "task" : "chat", text);
    free(text);
    order->is_to_cancel = is_extra && !is_short;
    if (is_extra)
        sim_may_end(sim, order->from, order->to, order->id);
    sim_at(sim, at_ms, submit, at);
}

/* Half of the mail comes in bursts that fill windows. */
static void
make_orders(struct sim *sim)
{
    struct plan *plan = plan_of(sim);
    uint64_t burst_ms = 0, burst_left = 0;

    for (uint64_t at = 0; at < ORDERS; at++) {
        if (burst_left == 0 && sim_random_chance(&plan->random, 60)) {
            burst_left = pick(plan, 8, 30);
            burst_ms = pick(plan, 0, LAST_ORDER_MS);
        }
        if (burst_left > 0) {
            burst_left--;
            make_order(sim, at, burst_ms + pick(plan, 0, 300));
        } else {
            make_order(sim, at, pick(plan, 0, LAST_ORDER_MS));
        }
    }
}

/* Faults. */

static void
calm_link(struct sim_link *link)
{
    *link = (struct sim_link){.delay_min_ms = 2,
                              .delay_max_ms = 30,
                              .last_arrival_ms = link->last_arrival_ms};
}

static void
trouble_link(struct sim *sim, char from, char to)
{
    static const unsigned losses[] = {0, 50, 150, 300, 600};
    struct plan *plan = plan_of(sim);
    struct sim_link *link = sim_link(sim, from, to);
    bool is_cut = link->is_cut;

    calm_link(link);
    link->is_cut = is_cut;
    if (plan->has[SIM_LOSS])
        link->loss = losses[pick(plan, 0, 4)];
    if (plan->has[SIM_DUPLICATION])
        link->duplication = (unsigned)pick(plan, 0, 300);
    if (plan->has[SIM_CORRUPTION])
        link->corruption = (unsigned)pick(plan, 0, 60);
    if (plan->has[SIM_REORDERING])
        link->delay_max_ms = (uint32_t)pick(plan, 30, 400);
    if (plan->has[SIM_DELAY] && sim_random_chance(&plan->random, 500))
        link->delay_max_ms = (uint32_t)pick(plan, 500, 4000);
}

static void
end_cut(struct sim *sim, uint64_t link)
{
    sim_link(sim, (char)(link >> 8), (char)(link & 0xff))->is_cut = false;
}

static void
cut_one_way(struct sim *sim)
{
    struct plan *plan = plan_of(sim);
    char from = pick_node(plan), to = pick_other(plan, from);
    uint64_t link = (uint64_t)from << 8 | (uint64_t)to;

    sim_link(sim, from, to)->is_cut = true;
    sim_at(sim, sim_now_ms(sim) + pick(plan, 1000, 40000), end_cut, link);
    if (!sim_random_chance(&plan->random, 250))
        return;
    sim_link(sim, to, from)->is_cut = true;
    link = (uint64_t)to << 8 | (uint64_t)from;
    sim_at(sim, sim_now_ms(sim) + pick(plan, 1000, 40000), end_cut, link);
}

static void
end_disk_full(struct sim *sim, uint64_t node)
{
    struct plan *plan = plan_of(sim);

    if (sim_now_ms(sim) >= plan->disk_until_ms[node - 'A'])
        sim_disk(sim, (char)node, LCP_OK);
}

static void
fill_disk(struct sim *sim)
{
    struct plan *plan = plan_of(sim);
    char node = pick_node(plan);
    uint64_t until_ms = sim_now_ms(sim) + pick(plan, 500, 12000);

    plan->disk_until_ms[node - 'A'] = until_ms;
    sim_disk(sim, node, LCP_ENOSPACE);
    sim_at(sim, until_ms, end_disk_full, (uint64_t)node);
}

static void
set_pace(struct sim *sim, char node)
{
    *sim_pace(sim, node, WRITER) = (struct sim_pace){.before_max_ms = 12,
                                                     .after_max_ms = 3};
    *sim_pace(sim, node, READER) = (struct sim_pace){.before_max_ms = 5,
                                                     .after_max_ms = 2};
}

static void
end_slow_disk(struct sim *sim, uint64_t node)
{
    set_pace(sim, (char)node);
}

static void
slow_disk(struct sim *sim)
{
    struct plan *plan = plan_of(sim);
    char node = pick_node(plan);

    *sim_pace(sim, node, WRITER) = (struct sim_pace){
        .before_min_ms = 50,
        .before_max_ms = (uint32_t)pick(plan, 200, 2500),
        .after_max_ms = (uint32_t)pick(plan, 1, 300)};
    sim_at(sim, sim_now_ms(sim) + pick(plan, 1000, 8000), end_slow_disk,
           (uint64_t)node);
}

/* A stranger with a key of its own, from X (known without a key: who comes first is
 * pinned) or from the endpoint of a node. */
static void
send_impostor(struct sim *sim)
{
    struct plan *plan = plan_of(sim);
    char to = pick_node(plan);
    char as = sim_random_chance(&plan->random, 600) ? 'X' : pick_other(plan, to);
    uint64_t who = pick(plan, 1000, 1002);
    uint8_t random[16];
    char id[LCP_UUID_CHARS + 1];

    for (int i = 0; i < 3; i++) {
        sim_random_fill(&plan->random, random, sizeof(random));
        lcp_uuid_print(random, id);
        /* From a node's endpoint only where its key is known already: else the impostor
         * may rightly win the first contact. */
        if (as == 'X' || sim_has_pinned(sim, to, as))
            sim_forge(sim, as, to, who + (uint64_t)i % 2, id, "not me");
    }
}

static void
fall_asleep(struct sim *sim, char node)
{
    struct plan *plan = plan_of(sim);
    uint64_t ms = pick(plan, 500,
                       sim_random_chance(&plan->random, 150) ? 150000 : 15000);
    uint64_t left_ms = SWEEP_FAULTS_MS - sim_now_ms(sim);

    sim_sleep(sim, node, ms < left_ms ? ms : left_ms);
}

/* Somebody on the path repeats, alters and floods. */
static void
attack(struct sim *sim, enum sim_fault fault)
{
    struct plan *plan = plan_of(sim);
    char to = pick_node(plan);
    uint64_t count = pick(plan, 1, 12);
    char as;

    if (fault == SIM_FLOOD) {
        as = pick_other(plan, to);
        sim_flood(sim, as, to, (unsigned)pick(plan, 100, 300));
        return;
    }
    for (uint64_t i = 0; i < count; i++) {
        uint64_t which = sim_random_next(&plan->random);

        if (fault == SIM_REPLAY)
            (void)sim_replay(sim, which, sim_random_chance(&plan->random, 300));
        else
            (void)sim_mutate(sim, which);
    }
}

static void
break_something(struct sim *sim)
{
    static const enum sim_crash_point points[] = {
        [SIM_CRASH] = SIM_CRASH_NOW,
        [SIM_CRASH_BEFORE_COMMIT] = SIM_CRASH_AT_TASK,
        [SIM_CRASH_AFTER_COMMIT] = SIM_CRASH_AFTER_TASK,
        [SIM_CRASH_UNSENT] = SIM_CRASH_AFTER_CALL,
    };
    struct plan *plan = plan_of(sim);
    enum sim_fault fault = (enum sim_fault)pick(plan, SIM_ONE_WAY, SIM_FAULTS - 1);
    char node = pick_node(plan);

    if (!plan->has[fault])
        return;
    switch (fault) {
    case SIM_ONE_WAY:
        cut_one_way(sim);
        break;
    case SIM_CRASH:
    case SIM_CRASH_BEFORE_COMMIT:
    case SIM_CRASH_AFTER_COMMIT:
    case SIM_CRASH_UNSENT:
        sim_crash(sim, node, points[fault]);
        break;
    case SIM_DISK_FULL:
        fill_disk(sim);
        break;
    case SIM_SLOW_DISK:
        slow_disk(sim);
        break;
    case SIM_SLEEP:
        fall_asleep(sim, node);
        break;
    case SIM_CLOCK_JUMP:
        sim_clock_jump(sim, node, (int64_t)pick(plan, 0, 3600000) - 1800000);
        break;
    case SIM_IMPOSTOR:
        send_impostor(sim);
        break;
    case SIM_REPLAY:
    case SIM_MUTATION:
    case SIM_FLOOD:
        attack(sim, fault);
        break;
    default:
        break;
    }
}

static void
chaos(struct sim *sim, uint64_t arg)
{
    struct plan *plan = plan_of(sim);
    char from = pick_node(plan), to = pick_other(plan, from);

    (void)arg;
    if (plan->is_peace)
        return;
    trouble_link(sim, from, to);
    break_something(sim);
    break_something(sim);
    sim_at(sim, sim_now_ms(sim) + pick(plan, 1000, 6000), chaos, 0);
}

/* Somebody looks after the nodes, as a service manager would. */
static void
revive(struct sim *sim, uint64_t arg)
{
    struct plan *plan = plan_of(sim);

    (void)arg;
    for (int i = 0; i < plan->nodes; i++) {
        char node = (char)('A' + i);

        if (sim_is_up(sim, node)) {
            plan->revive_ms[i] = 0;
        } else if (plan->revive_ms[i] == 0 && !plan->is_peace) {
            plan->revive_ms[i] = sim_now_ms(sim) +
                                 (sim_random_chance(&plan->random, 700)
                                      ? pick(plan, 1, 1500)
                                      : pick(plan, 1, 25000));
        } else if (plan->is_peace || sim_now_ms(sim) >= plan->revive_ms[i]) {
            plan->revive_ms[i] = 0;
            sim_start(sim, node);
        }
    }
    sim_at(sim, sim_now_ms(sim) + REVIVE_LOOK_MS, revive, 0);
}

static void
resume_all(struct sim *sim, char node)
{
    const struct plan *plan = plan_of(sim);

    (void)sim_pause(sim, node, '\0', false);
    for (int i = 0; i < plan->nodes; i++)
        if ((char)('A' + i) != node)
            (void)sim_pause(sim, node, (char)('A' + i), false);
}

/* Agents read their mail, mostly finish it, refuse some of it; persons pause them. */
static void
look_into_inbox(struct sim *sim, uint64_t node)
{
    struct plan *plan = plan_of(sim);
    const struct order *order = &plan->orders[pick(plan, 0, ORDERS - 1)];
    char peer = sim_random_chance(&plan->random, 500) ? pick_other(plan, (char)node)
                                                      : '\0';

    if (sim_random_chance(&plan->random, 300) && order->to == (char)node)
        (void)sim_refuse(sim, (char)node, order->id);
    if (sim_random_chance(&plan->random, 100) && !plan->is_peace)
        (void)sim_pause(sim, (char)node, peer, true);
    else if (sim_random_chance(&plan->random, 300) || plan->is_peace)
        resume_all(sim, (char)node);
    sim_look(sim, (char)node, sim_random_chance(&plan->random, 800));
    sim_at(sim, sim_now_ms(sim) + pick(plan, 2000, 20000), look_into_inbox, node);
}

static void
make_peace(struct sim *sim, uint64_t arg)
{
    struct plan *plan = plan_of(sim);

    (void)arg;
    plan->is_peace = true;
    for (int i = 0; i < plan->nodes; i++) {
        char node = (char)('A' + i);

        sim_disarm(sim, node);
        sim_disk(sim, node, LCP_OK);
        set_pace(sim, node);
        for (int j = 0; j < plan->nodes; j++)
            calm_link(sim_link(sim, node, (char)('A' + j)));
    }
}

static void
set_up(struct sim *sim)
{
    struct plan *plan = plan_of(sim);

    for (int i = 0; i < SIM_FAULTS; i++)
        plan->has[i] = sim_random_chance(&plan->random, CLASS_PER_MILLE);
    for (int i = 0; i < plan->nodes; i++) {
        set_pace(sim, (char)('A' + i));
        if (!sim_is_legacy(sim, (char)('A' + i)))
            sim_at(sim, pick(plan, 0, 10000), look_into_inbox, (uint64_t)('A' + i));
    }
    make_orders(sim);
    sim_at(sim, pick(plan, 0, 2000), chaos, 0);
    sim_at(sim, 0, revive, 0);
    sim_at(sim, SWEEP_FAULTS_MS, make_peace, 0);
}

static void
judge(struct sim *sim, struct sweep_result *result)
{
    struct plan *plan = plan_of(sim);

    sim_expect_all_delivered(sim, true);
    if (sim_violation(sim) != NULL)
        snprintf(result->violation, sizeof(result->violation), "%s",
                 sim_violation(sim));
    else if (plan->violation[0] != '\0')
        snprintf(result->violation, sizeof(result->violation), "%s", plan->violation);
    for (size_t i = 0; i < ORDERS; i++) {
        if (!plan->orders[i].is_accepted && result->violation[0] == '\0')
            snprintf(result->violation, sizeof(result->violation),
                     "message %s of %c was never accepted", plan->orders[i].id,
                     plan->orders[i].from);
        result->messages += plan->orders[i].is_accepted;
    }
    result->stored = sim_stored(sim);
    result->hash = sim_hash(sim);
    result->virtual_ms = sim_now_ms(sim);
    for (int i = 0; i < SIM_FAULTS; i++)
        result->faults[i] = sim_fault_count(sim, (enum sim_fault)i);
}

static bool
has_quota(uint64_t seed)
{
    return seed % 4 == 1;
}

/* The first node of every fourth seed takes little at a time. */
static void
configure(struct sim *sim, char node, struct lcp_conf *conf)
{
    conf->loop_limit = 0;
    for (size_t i = 0; has_quota(sim_seed(sim)) && node == 'A' && i < conf->peer_count;
         i++)
        conf->peers[i].policy.quota_messages = SWEEP_QUOTA;
}

void
sweep_seed(uint64_t seed, FILE *trace, struct sweep_result *result)
{
    struct plan *plan = calloc(1, sizeof(*plan));
    struct sim_options options = {
        .seed = seed, .trace_all = true, .with_x = true, .configure = configure};
    struct sim *sim;

    assert(plan != NULL);
    *result = (struct sweep_result){.seed = seed};
    plan->random = sim_random_stream(seed, 3);
    plan->nodes = (int)pick(plan, 2, 4);
    plan->legacy = sim_random_chance(&plan->random, 400) ? 1 : 0;
    options.nodes = plan->nodes;
    options.legacy = plan->legacy;
    options.with_sqlite = seed % SWEEP_SQLITE_EVERY == SWEEP_SQLITE_EVERY / 2;
    result->has_sqlite = options.with_sqlite;
    result->has_legacy = plan->legacy > 0;
    result->has_quota = has_quota(seed);
    options.with_keys = sim_random_chance(&plan->random, 500);
    sim = sim_new_with(&options);
    sim_set_user(sim, plan);
    sim_print_to(sim, trace);
    set_up(sim);
    sim_run_ms(sim, SWEEP_FAULTS_MS + SWEEP_PEACE_MS);
    judge(sim, result);
    sim_free(sim);
    for (size_t i = 0; i < ORDERS; i++)
        free(plan->orders[i].json);
    free(plan);
}
