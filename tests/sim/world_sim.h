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
    SIM_WINDOW_1_2_MAX = 64,
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
    SIM_REPLAY,   /* a recorded datagram came once more, or to somebody else */
    SIM_MUTATION, /* the same, altered by somebody who knows the format but no key */
    SIM_FLOOD,    /* junk in a peer's name, a hundred and more at once */
    SIM_POWER,    /* a machine lost its power; only with_sqlite */
    SIM_FAULTS
};
const char *sim_fault_name(enum sim_fault fault);

/* One direction of a link. Chances in thousandths. */
struct sim_link {
    uint32_t delay_min_ms, delay_max_ms;
    unsigned loss, duplication, corruption;
    unsigned truncation;
    unsigned copies; /* how many more a duplicated one makes; 0 counts as 1 */
    bool is_cut;
    uint32_t drop_next; /* of what carries or acknowledges mail */
    uint64_t last_arrival_ms;
    uint64_t put, arrived;
    uint64_t deepest; /* so many at least overtook one of them */
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
struct lcp_conf;

struct sim_options {
    uint64_t seed;
    int nodes;
    int legacy;           /* the last so many of them are models of the Python node */
    bool with_keys;       /* configured keys; else pinned at first contact */
    bool with_x;          /* everybody has a peer X without a key, where nobody lives */
    bool may_end;         /* any mail may be cancelled or expire */
    bool keep_trace;      /* text, for sim_expect and for people */
    bool trace_all;       /* also heartbeats, crashes and log lines */
    bool with_sqlite;     /* the real store, on disks that lose their power */
    bool is_timing_fixed; /* Timing = fixed */
    /* Changes what every node has configured, at each start. NULL: nothing. */
    void (*configure)(struct sim *sim, char node, struct lcp_conf *conf);
};

/* Links of 10 ms without faults, hands that take no time, nodes that have met. Time
 * starts at 0. */
struct sim *sim_new(uint64_t seed, int nodes);
struct sim *sim_new_with(const struct sim_options *options);
void sim_free(struct sim *sim);

uint64_t sim_now_ms(const struct sim *sim);
uint64_t sim_seed(const struct sim *sim);
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
/* An agent's look into its inbox: CHECK, then SHOWN for what came, as our clients do,
 * and with done ACK of the same. */
void sim_look(struct sim *sim, char node, bool done);
/* Asks the node to refuse the mail with this id; -1: no such mail. */
int sim_refuse(struct sim *sim, char node, const char *id);
/* PAUSE or RESUME of a peer (0: of all); -1: the last one is not answered yet. */
int sim_pause(struct sim *sim, char node, char peer, bool is_paused);
/* A model of the Python node sends a message: five tries, then it forgets it. */
void sim_legacy_send(struct sim *sim, char from, char to, const char *id,
                     const char *text);
bool sim_is_legacy(const struct sim *sim, char node);
/* The word that `from` signs with its own key about a message, digest as given (NULL:
 * the right one), comes to `to`. */
void sim_forge_receipt(struct sim *sim, char from, char to, enum lcp_word word,
                       const char *id, const uint8_t *digest);
/* An attacker on the path: hears every datagram (the last 4,096 are kept), knows no
 * key. pick chooses among the recorded. False: nothing recorded yet. */
bool sim_replay(struct sim *sim, uint64_t pick, bool to_another);
bool sim_mutate(struct sim *sim, uint64_t pick);
void sim_flood(struct sim *sim, char as, char to, unsigned count);
/* Every recorded datagram of this packet type on this way comes again, the newest last;
 * how many. */
unsigned sim_replay_each(struct sim *sim, char from, char to,
                         enum lcp_packet_type type);

/* A signed message of somebody who sends from the endpoint of `as`: the key is made
 * from `who`. */
void sim_forge(struct sim *sim, char as, char to, uint64_t who, const char *id,
               const char *text);
/* The number of the last DATA that this node sent. */
uint32_t sim_last_seq(const struct sim *sim, char node);
bool sim_has_pinned(const struct sim *sim, char node, char peer);
/* Any bytes from that endpoint. */
void sim_inject(struct sim *sim, char as, char to, struct lcp_span bytes);

/* Mail that was accepted and neither cancelled nor expired, and of which its sender
 * does not know that its receiver has it. */
size_t sim_undelivered(const struct sim *sim);
/* Received messages in the records of all nodes. */
size_t sim_stored(const struct sim *sim);
/* A counter of docs/ipc.md STATUS of a running node; SIZE_MAX when it has none of
 * that name. */
uint64_t sim_counter(struct sim *sim, char node, const char *name);
uint64_t sim_fault_count(const struct sim *sim, enum sim_fault fault);
/* The first broken promise, or NULL. */
const char *sim_violation(const struct sim *sim);
/* Ends the run: whatever was accepted must have arrived by now, and with told the
 * senders must know what became of it. */
void sim_expect_all_delivered(struct sim *sim, bool told);
/* The state of the message at its sender and at its receiver, -100 when it has none. */
int sim_out_state(struct sim *sim, const char *id);
int sim_in_state(struct sim *sim, const char *id);
/* Of every datagram, commit and reply, in order. */
uint64_t sim_hash(const struct sim *sim);

const char *sim_trace(const struct sim *sim);
void sim_clear_trace(struct sim *sim);
/* True if the trace since the last call is exactly this; else both are printed. */
bool sim_expect(struct sim *sim, const char *want);
void sim_print_to(struct sim *sim, FILE *out); /* every line as it happens */

#endif
