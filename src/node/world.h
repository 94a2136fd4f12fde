/* SPDX-License-Identifier: MIT
 *
 * All that the pump needs from outside: clocks, randomness, UDP, hands that work beside
 * the loop, replies to local clients, a log. Two worlds exist: src/uv (the real one)
 * and tests/sim (virtual, seeded).
 */
#ifndef LCP_NODE_WORLD_H
#define LCP_NODE_WORLD_H

#include "lcp/types.h"

/* A hand does one task at a time, off the loop, in the order given, each with a store
 * handle of its own. */
enum lcp_hand {
    LCP_HAND_WRITER, /* the only writer of the record: batches, group commit */
    LCP_HAND_READER, /* answers CHECK, READ, SENT from a read-only handle */
    LCP_HAND_MIRROR, /* writes the folders */
    LCP_HAND_COUNT
};

/* A piece of work. run() is called on the hand's thread and touches nothing but the
 * task and that hand's own things; afterwards the world calls lcp_pump_done(pump, task)
 * on the loop. The pump owns the task. */
struct lcp_task {
    enum lcp_hand hand;
    void (*run)(struct lcp_task *task);
};

struct lcp_world;

enum { LCP_WHO_MAX = 96 };

struct lcp_world_ops {
    uint64_t (*mono_ms)(struct lcp_world *w); /* never goes back, never 0 */
    int64_t (*wall_ms)(struct lcp_world *w);
    void (*random)(struct lcp_world *w, void *out, size_t len);
    /* One datagram of two parts. Losing it is no error: UDP. */
    void (*send)(struct lcp_world *w, const struct lcp_endpoint *to,
                 struct lcp_span header, struct lcp_span payload);
    /* Starts a task on an idle hand (the pump keeps count). */
    void (*work)(struct lcp_world *w, struct lcp_task *task);
    /* Bytes for a local client; copied or written at once. With end, the connection is
     * closed when they are out. Then lcp_pump_replied(pump, client, tag, ok) says
     * whether they reached the client's socket whole, if tag != 0. */
    void (*reply)(struct lcp_world *w, uint64_t client, struct lcp_span bytes, bool end,
                  uint64_t tag);
    /* Who is at the other end of a local connection, as the system knows it: "uid 1000,
     * pid 4711 (lcp)"; "" when it cannot tell. */
    void (*who)(struct lcp_world *w, uint64_t client, char out[static LCP_WHO_MAX]);
    /* One line, without newline. The world puts a time before it. */
    void (*log)(struct lcp_world *w, enum lcp_level level, const char *line);
    /* Storage is lost (LCP_ELOST): the process must end with 70 and say nothing more
     * to anybody. */
    void (*lost)(struct lcp_world *w, const char *why);
};

struct lcp_world {
    const struct lcp_world_ops *ops;
};

#endif
