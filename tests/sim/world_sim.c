/* SPDX-License-Identifier: MIT
 *
 * The queue of events, the nodes' births and deaths, their clocks, hands and disks.
 */
#include "state.h"

#include <assert.h>
#include <stdlib.h>

#include "base/text.h"

enum {
    GREETING_MS = 1000, /* sim_new lets the nodes meet before time 0 */
    CLOCK_START_MS = 1000,
    REBOOT_PER_MILLE = 300, /* starts where the monotone clock begins anew */
    DELAY_DEFAULT_MS = 10,
    SLOW_DISK_MS = 200,
    DEFAULT_PEERS = SIM_ENDPOINTS,
};

static const int64_t wall_start_ms = INT64_C(1774699200000); /* 2026-03-28T12:00:00Z */

void *
sim_grow(void *rows, size_t count, size_t *cap, size_t size)
{
    void *grown;

    if (count < *cap)
        return rows;
    *cap = *cap == 0 ? 64 : *cap * 2;
    grown = realloc(rows, *cap * size);
    assert(grown != NULL);
    return grown;
}

int
sim_index(char letter)
{
    return letter == 'X' ? SIM_X : letter - 'A';
}

char
sim_letter(int index)
{
    return index == SIM_X ? 'X' : (char)('A' + index);
}

struct sim_node *
sim_node(struct sim *sim, char letter)
{
    int index = sim_index(letter);

    assert(index >= 0 && index < sim->options.nodes);
    return &sim->nodes[index];
}

static bool
is_before(const struct sim_event *a, const struct sim_event *b)
{
    return a->at_ms != b->at_ms ? a->at_ms < b->at_ms : a->order < b->order;
}

void
sim_push(struct sim *sim, struct sim_event event)
{
    size_t at = sim->heap_count;

    event.order = sim->next_order++;
    if (event.at_ms < sim->now_ms)
        event.at_ms = sim->now_ms;
    sim->heap = sim_grow(sim->heap, at, &sim->heap_cap, sizeof(event));
    sim->heap_count++;
    for (; at > 0 && is_before(&event, &sim->heap[(at - 1) / 2]); at = (at - 1) / 2)
        sim->heap[at] = sim->heap[(at - 1) / 2];
    sim->heap[at] = event;
}

static struct sim_event
pop(struct sim *sim)
{
    struct sim_event first = sim->heap[0], last = sim->heap[--sim->heap_count];
    size_t at = 0;

    for (;;) {
        size_t child = 2 * at + 1;

        if (child >= sim->heap_count)
            break;
        if (child + 1 < sim->heap_count &&
            is_before(&sim->heap[child + 1], &sim->heap[child]))
            child++;
        if (!is_before(&sim->heap[child], &last))
            break;
        sim->heap[at] = sim->heap[child];
        at = child;
    }
    sim->heap[at] = last;
    return first;
}

void
sim_count(struct sim *sim, enum sim_fault fault)
{
    sim->faults[fault]++;
}

/* The world, as node/world.h wants it. */

static struct sim_node *
self(struct lcp_world *world)
{
    return (struct sim_node *)world;
}

static uint64_t
world_mono_ms(struct lcp_world *world)
{
    return self(world)->sim->now_ms + self(world)->mono_offset_ms;
}

uint64_t
sim_wall_ms(const struct sim *sim, const struct sim_node *node)
{
    return (uint64_t)(wall_start_ms + (int64_t)sim->now_ms + node->wall_offset_ms);
}

static int64_t
world_wall_ms(struct lcp_world *world)
{
    return (int64_t)sim_wall_ms(self(world)->sim, self(world));
}

static void
world_random(struct lcp_world *world, void *out, size_t len)
{
    sim_random_fill(&self(world)->random, out, len);
}

static void
world_send(struct lcp_world *world, const struct lcp_endpoint *to,
           struct lcp_span header, struct lcp_span payload)
{
    struct sim_node *node = self(world);
    uint8_t bytes[LCP_DATAGRAM_MAX];
    int index = sim_who(to);

    if (header.len + payload.len > sizeof(bytes)) {
        sim_break(node->sim, "%c sent a datagram of %zu bytes", sim_letter(node->index),
                  header.len + payload.len);
        return;
    }
    memcpy(bytes, header.data, header.len);
    if (payload.len > 0)
        memcpy(bytes + header.len, payload.data, payload.len);
    if (index < 0) {
        sim_break(node->sim, "%c spoke to a stranger", sim_letter(node->index));
        return;
    }
    sim_transmit(node->sim, node->index, index, bytes, header.len + payload.len,
                 node->is_armed && node->armed == SIM_CRASH_AFTER_CALL);
}

static void
world_work(struct lcp_world *world, struct lcp_task *task)
{
    struct sim_node *node = self(world);
    struct sim *sim = node->sim;
    const struct sim_pace *pace = &node->pace[task->hand];
    uint64_t before = sim_random_in(&sim->random, pace->before_min_ms,
                                    pace->before_max_ms);

    assert(node->tasks[task->hand] == NULL);
    node->tasks[task->hand] = task;
    if (before >= SLOW_DISK_MS)
        sim_count(sim, SIM_SLOW_DISK);
    sim_push(sim, (struct sim_event){.at_ms = sim->now_ms + before,
                                     .kind = SIM_EV_TASK_RUN,
                                     .node = node->index,
                                     .life = node->life,
                                     .arg = task->hand});
}

static void
world_reply(struct lcp_world *world, uint64_t client, struct lcp_span bytes, bool end,
            uint64_t tag)
{
    (void)end;
    sim_client_reply(self(world), client, bytes, tag);
}

static void
world_log(struct lcp_world *world, enum lcp_level level, const char *line)
{
    static const char *const names[] = {"error", "warn", "info"};

    sim_note(self(world)->sim, self(world)->index, names[level], "%s", line);
}

static void
world_lost(struct lcp_world *world, const char *why)
{
    sim_break(self(world)->sim, "%c lost its storage: %s",
              sim_letter(self(world)->index), why);
}

static void
world_who(struct lcp_world *world, uint64_t client, char out[static LCP_WHO_MAX])
{
    (void)world;
    (void)snprintf(out, LCP_WHO_MAX, "uid 1, pid %d", (int)client);
}

static const struct lcp_world_ops world_ops = {
    .mono_ms = world_mono_ms,
    .wall_ms = world_wall_ms,
    .random = world_random,
    .send = world_send,
    .work = world_work,
    .reply = world_reply,
    .who = world_who,
    .log = world_log,
    .lost = world_lost,
};

/* Births and deaths. */

static void
configure(struct sim_node *node, struct lcp_conf *conf, struct lcp_conf_peer *peers)
{
    struct sim *sim = node->sim;

    *conf = (struct lcp_conf){
        .name = {sim_letter(node->index)},
        .address = node->endpoint,
        .has_address = true,
        .retries_max = 5,
        .retry_base_ms = 500,
        .ack_timeout_ms = 3000,
        .heartbeat_ms = 30000,
        .peer_timeout_ms = 120000,
        .ttl_s = 86400,
        .is_timing_fixed = sim->options.is_timing_fixed,
        .peers_max = DEFAULT_PEERS,
        .peers = peers,
    };
    for (int i = 0; i < SIM_ENDPOINTS; i++) {
        struct lcp_conf_peer *peer = &peers[conf->peer_count];

        if (i == node->index || (i >= sim->options.nodes && i != SIM_X) ||
            (i == SIM_X && !sim->options.with_x))
            continue;
        *peer = (struct lcp_conf_peer){.name = {sim_letter(i)},
                                       .endpoint = sim_endpoint(i)};
        if (node->with_key[i])
            peer->key = sim->nodes[i].identity.key;
        conf->peer_count++;
    }
    if (sim->options.configure != NULL)
        sim->options.configure(sim, sim_letter(node->index), conf);
}

void
sim_start(struct sim *sim, char letter)
{
    struct sim_node *node = sim_node(sim, letter);
    struct lcp_conf *conf = calloc(1, sizeof(*conf));
    struct lcp_conf_peer peers[SIM_ENDPOINTS];
    char fault[LCP_CONF_FAULT_MAX] = "";
    struct lcp_pump_config config = {.world = &node->world,
                                     .conf = conf,
                                     .identity = &node->identity,
                                     .version = "sim"};

    assert(node->pump == NULL && conf != NULL);
    if (node->is_legacy) {
        sim_legacy_start(node);
        free(conf);
        return;
    }
    if (!sim_record_open(node))
        sim_break(sim, "%c cannot open its record", letter);
    node->life++;
    node->tick_at_ms = LCP_NEVER;
    node->asleep_until_ms = 0;
    node->is_armed = false;
    node->random = sim_random_stream(sim->options.seed,
                                     (uint64_t)(node->index + 1) << 32 | node->life);
    if (sim_random_chance(&sim->random, REBOOT_PER_MILLE))
        node->mono_offset_ms = sim_random_in(&sim->random, 1, CLOCK_START_MS * 1000);
    memset(node->active_count, 0, sizeof(node->active_count));
    configure(node, conf, peers);
    config.writer = node->writer;
    config.reader = node->reader;
    sim_note(sim, node->index, "start", "process %d", (int)node->life);
    if (lcp_pump_new(&config, fault, &node->pump) != LCP_OK) {
        sim_break(sim, "%c does not start: %s", letter, fault);
        node->pump = NULL;
    } else {
        lcp_pump_set_socket(node->pump, true, 1 << 22, 1 << 22);
        sim_watch_commit(node); /* what starting wrote */
        sim_leave(node);
    }
    free(conf);
}

static void
drop_node(struct sim_node *node)
{
    if (node->pump == NULL)
        return;
    lcp_pump_free(node->pump);
    node->pump = NULL;
    memset(node->tasks, 0, sizeof(node->tasks));
    sim_record_close(node);
    node->life++; /* what is under way for it finds nobody */
    node->is_armed = false;
}

static void
crash_now(struct sim_node *node, enum sim_fault how)
{
    sim_count(node->sim, how);
    sim_note(node->sim, node->index, "crash", "%s", sim_fault_name(how));
    sim_record_cut(node);
    drop_node(node);
    sim_client_crash(node);
}

void
sim_crash(struct sim *sim, char letter, enum sim_crash_point point)
{
    struct sim_node *node = sim_node(sim, letter);

    if (node->is_legacy && node->is_legacy_up) {
        sim_count(sim, SIM_CRASH);
        sim_legacy_stop(node);
    }
    if (node->pump == NULL)
        return;
    if (point == SIM_CRASH_NOW) {
        crash_now(node, SIM_CRASH);
        return;
    }
    node->is_armed = true;
    node->armed = point;
}

void
sim_disarm(struct sim *sim, char letter)
{
    sim_node(sim, letter)->is_armed = false;
}

bool
sim_is_up(const struct sim *sim, char letter)
{
    const struct sim_node *node = &sim->nodes[sim_index(letter)];

    return node->is_legacy ? node->is_legacy_up : node->pump != NULL;
}

/* After every call into the pump: when does it want to be called again? */
void
sim_leave(struct sim_node *node)
{
    struct sim *sim = node->sim;
    uint64_t next_ms;

    if (node->is_armed && node->armed == SIM_CRASH_AFTER_CALL) {
        crash_now(node, SIM_CRASH_UNSENT);
        return;
    }
    next_ms = lcp_pump_next_ms(node->pump);
    if (next_ms != LCP_NEVER)
        next_ms = next_ms > node->mono_offset_ms ? next_ms - node->mono_offset_ms : 0;
    if (next_ms != LCP_NEVER && next_ms < sim->now_ms)
        next_ms = sim->now_ms;
    if (next_ms == node->tick_at_ms)
        return;
    node->tick_at_ms = next_ms;
    if (next_ms != LCP_NEVER)
        sim_push(sim, (struct sim_event){.at_ms = next_ms,
                                         .kind = SIM_EV_TICK,
                                         .node = node->index,
                                         .life = node->life});
}

static void
run_task(struct sim_node *node, uint64_t hand)
{
    struct sim *sim = node->sim;
    struct lcp_task *task = node->tasks[hand];
    const struct sim_pace *pace = &node->pace[hand];
    bool is_writer = hand == LCP_HAND_WRITER;

    if (is_writer && node->is_armed && node->armed == SIM_CRASH_AT_TASK) {
        sim_record_arm(node, true);
        if (node->machine != NULL)
            task->run(task);
        if (node->machine == NULL || sim_record_is_dead(node)) {
            crash_now(node, SIM_CRASH_BEFORE_COMMIT);
            return;
        }
        sim_record_arm(node, false);
    } else {
        task->run(task);
    }
    if (is_writer && node->disk_err == LCP_ENOSPACE)
        sim_count(sim, SIM_DISK_FULL);
    if (is_writer)
        sim_watch_commit(node);
    if (is_writer && node->is_armed && node->armed == SIM_CRASH_AFTER_TASK) {
        crash_now(node, SIM_CRASH_AFTER_COMMIT);
        return;
    }
    sim_push(sim,
             (struct sim_event){.at_ms = sim->now_ms +
                                         sim_random_in(&sim->random, pace->after_min_ms,
                                                       pace->after_max_ms),
                                .kind = SIM_EV_TASK_DONE,
                                .node = node->index,
                                .life = node->life,
                                .arg = hand});
}

static void
finish_task(struct sim_node *node, uint64_t hand)
{
    struct lcp_task *task = node->tasks[hand];

    node->tasks[hand] = NULL;
    lcp_pump_done(node->pump, task);
    sim_leave(node);
}

/* A sleeping node's news wait for it, datagrams in a buffer that can overflow. */
static bool
is_put_off(struct sim *sim, struct sim_node *node, struct sim_event *event)
{
    if (node->asleep_until_ms <= sim->now_ms || event->kind == SIM_EV_CALL)
        return false;
    if (event->kind == SIM_EV_DATAGRAM &&
        ++node->asleep_datagrams > SIM_SOCKET_BUFFER) {
        free(event->bytes);
        return true;
    }
    event->at_ms = node->asleep_until_ms;
    sim_push(sim, *event);
    return true;
}

static void
carry_out(struct sim *sim, struct sim_event *event)
{
    struct sim_node *node = event->node < SIM_NODES_MAX ? &sim->nodes[event->node]
                                                        : NULL;

    if (event->kind == SIM_EV_CALL) {
        event->call(sim, event->arg);
        return;
    }
    if (node == NULL || (node->pump == NULL && !node->is_legacy_up) ||
        (event->life != 0 && event->life != node->life)) {
        free(event->bytes);
        return;
    }
    if (is_put_off(sim, node, event))
        return;
    switch (event->kind) {
    case SIM_EV_DATAGRAM:
        sim_deliver(sim, event);
        break;
    case SIM_EV_TASK_RUN:
        run_task(node, event->arg);
        break;
    case SIM_EV_TASK_DONE:
        finish_task(node, event->arg);
        break;
    case SIM_EV_TICK:
        if (event->at_ms < node->tick_at_ms)
            break; /* planned anew since */
        node->tick_at_ms = LCP_NEVER;
        lcp_pump_tick(node->pump);
        sim_leave(node);
        break;
    case SIM_EV_REQUEST:
        sim_client_request(sim, event->arg);
        break;
    case SIM_EV_REPLIED:
        lcp_pump_replied(node->pump, event->arg, event->tag, true);
        sim_leave(node);
        break;
    case SIM_EV_CALL:
        break;
    }
}

void
sim_run_ms(struct sim *sim, uint64_t ms)
{
    uint64_t end_ms = sim->now_ms + ms;

    while (sim->heap_count > 0 && sim->heap[0].at_ms <= end_ms &&
           sim->violation[0] == '\0') {
        struct sim_event event = pop(sim);

        sim->now_ms = event.at_ms;
        carry_out(sim, &event);
    }
    sim->now_ms = end_ms;
}

static void
make_node(struct sim *sim, int index)
{
    struct sim_node *node = &sim->nodes[index];
    struct sim_random random = sim_random_stream(sim->options.seed,
                                                 0xA11CE + (uint64_t)index);
    uint8_t seed[LCP_SEED_BYTES];

    sim_random_fill(&random, seed, sizeof(seed));
    node->world.ops = &world_ops;
    node->sim = sim;
    node->index = index;
    lcp_identity_from_seed(seed, &node->identity);
    node->endpoint = sim_endpoint(index);
    node->mono_offset_ms = CLOCK_START_MS;
    sim_record_make(node);
    for (int i = 0; i < sim->options.nodes; i++)
        node->with_key[i] = sim->options.with_keys;
    node->is_legacy = index >= sim->options.nodes - sim->options.legacy;
}

struct sim *
sim_new_with(const struct sim_options *options)
{
    struct sim *sim = calloc(1, sizeof(*sim));

    assert(sim != NULL && options->nodes >= 1 && options->nodes <= SIM_NODES_MAX);
    if (lcp_crypto_init() != LCP_OK)
        assert(!"no randomness");
    sim->options = *options;
    sim->random = sim_random_stream(options->seed, 1);
    sim->net_random = sim_random_stream(options->seed, 2);
    sim->hash = UINT64_C(0xcbf29ce484222325);
    for (int from = 0; from < SIM_ENDPOINTS; from++)
        for (int to = 0; to < SIM_ENDPOINTS; to++)
            sim->links[from][to] = (struct sim_link){.delay_min_ms = DELAY_DEFAULT_MS,
                                                     .delay_max_ms = DELAY_DEFAULT_MS};
    for (int i = 0; i < options->nodes; i++)
        make_node(sim, i);
    for (int i = 0; i < options->nodes; i++)
        sim_start(sim, sim_letter(i));
    sim_run_ms(sim, GREETING_MS);
    sim->epoch_ms = sim->now_ms;
    sim_clear_trace(sim);
    return sim;
}

struct sim *
sim_new(uint64_t seed, int nodes)
{
    struct sim_options options = {
        .seed = seed, .nodes = nodes, .with_keys = true, .keep_trace = true};

    return sim_new_with(&options);
}

void
sim_free(struct sim *sim)
{
    for (int i = 0; i < sim->options.nodes; i++) {
        struct sim_node *node = &sim->nodes[i];

        drop_node(node);
        sim_record_free(node);
    }
    for (size_t i = 0; i < sim->heap_count; i++)
        free(sim->heap[i].bytes);
    for (size_t i = 0; i < sim->request_count; i++) {
        free(sim->requests[i].json);
        free(sim->requests[i].reply);
    }
    for (size_t i = 0; i < sim->try_count; i++)
        free(sim->tries[i].bytes);
    free(sim->tries);
    sim_forget_recorded(sim);
    free(sim->heap);
    free(sim->requests);
    free(sim->mails);
    free(sim->mail_buckets);
    free(sim->sent.rows);
    free(sim->delivered.rows);
    free(sim->scratch);
    free(sim->nodes_buf);
    free(sim->trace);
    free(sim);
}
