/* SPDX-License-Identifier: MIT
 *
 * A virtual world under the real pump: network, clocks, hands, disks and local clients
 * of up to eight nodes, all driven by one seed and one queue of events. Crashes at any
 * point, watches the promises of docs/protocol.md on every datagram and every commit,
 * writes a readable trace.
 *
 * Nodes are called 'A' to 'H' everywhere; an 'X' is an endpoint where nobody lives.
 */
#ifndef LCP_TESTS_SIM_WORLD_SIM_H
#define LCP_TESTS_SIM_WORLD_SIM_H

#include <stdio.h>

#include "lcp/types.h"
#include "random.h"
#include "store/store.h"

enum {
    SIM_NODES_MAX = 8,
    SIM_HANDS = 3,
    SIM_TEXT_MAX = 512,
    SIM_WINDOW_MAX = 8, /* docs/protocol.md "Rules", 7 */
};

/* Faults that a run counts; names in sim_fault_name. */
enum sim_fault {
    SIM_LOSS,
    SIM_DUPLICATION,
    SIM_REORDERING, /* a datagram overtook another of its link */
    SIM_DELAY,      /* one took half a second or more */
    SIM_CORRUPTION,
    SIM_ONE_WAY, /* lost to a cut of one direction */
    SIM_CRASH,   /* with nothing under way */
    SIM_CRASH_BEFORE_COMMIT,
    SIM_CRASH_AFTER_COMMIT, /* committed, and nobody was told */
    SIM_CRASH_UNSENT,       /* what the last call wanted to send did not get out */
    SIM_DISK_FULL,          /* a batch met a full disk */
    SIM_SLOW_DISK,
    SIM_SLEEP,
    SIM_CLOCK_JUMP,
    SIM_IMPOSTOR,
    SIM_FAULTS
};
const char *sim_fault_name(enum sim_fault fault);

/* One direction of a link. Chances in thousandths. */
struct sim_link {
    uint32_t delay_min_ms, delay_max_ms;
    unsigned loss, duplication, corruption;
    bool is_cut;
    uint32_t drop_next; /* of what carries or acknowledges mail */
    uint64_t last_arrival_ms;
};

/* A hand's time from start to effect, and from effect to the pump hearing of it. */
struct sim_pace {
    uint32_t before_min_ms, before_max_ms, after_min_ms, after_max_ms;
};

enum sim_crash_point {
    SIM_CRASH_NOW,
    SIM_CRASH_AT_TASK,    /* a batch was begun and is not committed */
    SIM_CRASH_AFTER_TASK, /* it is committed, the pump has not heard */
    SIM_CRASH_AFTER_CALL, /* after the next call into the pump; what it sent is lost */
};

struct sim;

struct sim_options {
    uint64_t seed;
    int nodes;
    bool with_keys;  /* configured keys; else pinned at first contact */
    bool with_x;     /* everybody has a peer X without a key, where nobody lives */
    bool may_end;    /* any mail may be cancelled or expire */
    bool keep_trace; /* text, for sim_expect and for people */
    bool trace_all;  /* also heartbeats, crashes and log lines */
};

/* Links of 10 ms without faults, hands that take no time, nodes that have met. Time
 * starts at 0. */
struct sim *sim_new(uint64_t seed, int nodes);
struct sim *sim_new_with(const struct sim_options *options);
void sim_free(struct sim *sim);

uint64_t sim_now_ms(const struct sim *sim);
void sim_run_ms(struct sim *sim, uint64_t ms);
struct sim_random *sim_chance(struct sim *sim);

/* Calls fn(sim, arg) at that time, between two events. user is the caller's, for
 * such calls. */
void sim_at(struct sim *sim, uint64_t at_ms, void (*fn)(struct sim *sim, uint64_t arg),
            uint64_t arg);
void sim_set_user(struct sim *sim, void *user);
void *sim_user(struct sim *sim);

struct sim_link *sim_link(struct sim *sim, char from, char to);
struct sim_pace *sim_pace(struct sim *sim, char node, int hand);
/* The next count datagrams that carry or acknowledge mail are lost. */
void sim_drop_next(struct sim *sim, char from, char to, uint32_t count);
/* Both directions. */
void sim_cut(struct sim *sim, char a, char b, bool is_cut);
void sim_crash(struct sim *sim, char node, enum sim_crash_point point);
void sim_disarm(struct sim *sim,
                char node); /* a crash that has not come yet does not */
void sim_start(struct sim *sim, char node);
bool sim_is_up(const struct sim *sim, char node);
/* Like SIGSTOP: for ms nothing of this node moves, its clock goes on. */
void sim_sleep(struct sim *sim, char node, uint64_t ms);
void sim_disk(struct sim *sim, char node, enum lcp_err err);
void sim_clock_jump(struct sim *sim, char node, int64_t ms);
/* Whether the next start of this node configures keys for its peers. */
void sim_set_key_configured(struct sim *sim, char node, char peer, bool is_configured);
/* The node's next start has another key pair. */
void sim_set_new_key(struct sim *sim, char node);

/* Local clients. A request is one of docs/ipc.md; returns its number, whose reply
 * is kept. */
int sim_request(struct sim *sim, char node, const char *json);
int sim_send(struct sim *sim, char from, char to, const char *text);
/* NULL: not answered yet; "": the connection broke. Borrowed. */
const char *sim_reply(const struct sim *sim, int request);
/* The message with this id may be cancelled or expire; without this that breaks
 * a promise. */
void sim_may_end(struct sim *sim, char from, char to, const char *id);
/* Archives and hands out whatever lies in the inbox. */
void sim_check_and_ack(struct sim *sim, char node);

/* A signed message of somebody who sends from the endpoint of `as`: the key is made
 * from `who`. */
void sim_forge(struct sim *sim, char as, char to, uint64_t who, const char *id,
               const char *text);
/* The number of the last DATA that this node sent. */
uint32_t sim_last_seq(const struct sim *sim, char node);
bool sim_has_pinned(const struct sim *sim, char node, char peer);
/* Any bytes from that endpoint. */
void sim_inject(struct sim *sim, char as, char to, struct lcp_span bytes);

/* Mail that was accepted and neither cancelled nor expired, and is not
 * acknowledged yet. */
size_t sim_undelivered(const struct sim *sim);
/* Received messages in the records of all nodes. */
size_t sim_stored(const struct sim *sim);
/* A counter of docs/ipc.md STATUS of a running node; SIZE_MAX when it has none of
 * that name. */
uint64_t sim_counter(struct sim *sim, char node, const char *name);
uint64_t sim_fault_count(const struct sim *sim, enum sim_fault fault);
/* The first broken promise, or NULL. */
const char *sim_violation(const struct sim *sim);
/* Ends the run: whatever was accepted must have arrived by now. */
void sim_expect_all_delivered(struct sim *sim);
/* Of every datagram, commit and reply, in order. */
uint64_t sim_hash(const struct sim *sim);

const char *sim_trace(const struct sim *sim);
void sim_clear_trace(struct sim *sim);
/* True if the trace since the last call is exactly this; else both are printed. */
bool sim_expect(struct sim *sim, const char *want);
void sim_print_to(struct sim *sim, FILE *out); /* every line as it happens */

#endif
