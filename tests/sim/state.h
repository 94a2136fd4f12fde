/* SPDX-License-Identifier: MIT
 *
 * What the simulator's files share. Private to tests/sim.
 */
#ifndef LCP_TESTS_SIM_STATE_H
#define LCP_TESTS_SIM_STATE_H

#include "core/receipt.h"
#include "lcp/core.h"
#include "node/pump.h"
#include "power/vfs.h"
#include "world_sim.h"

enum {
    SIM_X = SIM_NODES_MAX, /* index of the endpoint where nobody lives */
    SIM_ENDPOINTS = SIM_NODES_MAX + 1,
    SIM_SOCKET_BUFFER = 256,  /* datagrams that wait for a sleeping node */
    SIM_ACKS_REMEMBERED = 10, /* docs/protocol.md "Rules", 6 */
    SIM_ACTIVE_MAX = 128,
    SIM_RECORDED_MAX = 4096,
};

enum sim_event_kind {
    SIM_EV_DATAGRAM,
    SIM_EV_TASK_RUN,
    SIM_EV_TASK_DONE,
    SIM_EV_TICK,
    SIM_EV_REQUEST,
    SIM_EV_REPLIED,
    SIM_EV_CALL,
};

struct sim_event {
    uint64_t at_ms, order; /* order: of events of the same time */
    enum sim_event_kind kind;
    int node;        /* SIM_ENDPOINTS: nobody's */
    uint64_t life;   /* only for this process of the node; 0: for any */
    int from;        /* DATAGRAM */
    uint64_t serial; /* DATAGRAM: on its link; 0: the attacker's */
    uint8_t *bytes;  /* DATAGRAM: owned */
    size_t len;
    bool is_corrupt; /* in its payload or type */
    bool is_foreign; /* the attacker's */
    uint64_t arg;    /* TASK: hand. REQUEST, REPLIED: request. CALL: argument */
    uint64_t tag;    /* REPLIED */
    void (*call)(struct sim *sim, uint64_t arg);
};

/* A message as the watcher knows it. */
struct sim_mail {
    char id[LCP_ID_MAX + 1];
    int label;           /* m1, m2... */
    int from, to;        /* nodes; from -1: an impostor's */
    bool is_ours;        /* lies in from's outbox */
    bool is_accepted;    /* its sender was told so */
    bool may_end;        /* cancel was asked for, or it has a short life */
    bool may_be_refused; /* its receiver was asked to, or held it for a week */
    bool has_conflict;   /* somebody with its sender's key made another of this id */
    bool is_shown;       /* a client said so */
    int out_state;
    uint64_t out_number;
    uint32_t stored; /* rows at the receiver */
    int in_state;
    uint64_t in_number, came_ms;
    bool has_digest;
    uint8_t digest[LCP_DIGEST_BYTES]; /* of its canonical bytes, from the record */
    /* in the sender's present process */
    uint64_t life, last_ms, gap_ms, busy_until_ms, acked_life;
    uint32_t transmissions;
};

/* What a sequence number belongs to. */
struct sim_seq {
    uint64_t key;  /* 0: free */
    int mail;      /* -1: a heartbeat */
    int others[3]; /* those before under this number, -1: none. A Python node begins at
                      1 with every start */
    uint32_t ordinal;
    uint64_t life;
    bool was_stored; /* before this copy arrived */
};

struct sim_seqs {
    struct sim_seq *rows;
    size_t count, cap;
};

struct sim_request {
    int node;
    uint64_t life;
    char *json, *reply;
    bool is_send;
    bool is_look, is_done; /* CHECK of an agent; afterwards ACK too */
    int pause;             /* index of a peer + 1, -1 for all; 0: no such request */
    bool is_pause;
};

/* A message that a model of the Python node sends. */
struct sim_try {
    int node, to;
    uint64_t life;
    uint32_t seq;
    unsigned tries;
    bool is_acked;
    uint8_t *bytes;
    size_t len;
};

/* What the attacker heard. */
struct sim_recorded {
    int from, to;
    uint8_t *bytes;
    size_t len;
};

struct sim_node {
    struct lcp_world world; /* first */
    struct sim *sim;
    int index;
    struct lcp_identity identity;
    struct lcp_endpoint endpoint;
    struct lcp_memory_disk *disk;  /* or... */
    struct power_machine *machine; /* ...the real store; then watch lives as long as
                                      the process */
    struct sim_random power_random;
    struct lcp_store *writer, *reader, *watch;
    struct lcp_pump *pump; /* NULL: down */
    bool is_legacy;        /* a model instead of a pump */
    bool is_legacy_up;
    uint32_t legacy_seq;
    /* As clients were told: looks that began later; 0: not paused. */
    size_t paused_at[SIM_ENDPOINTS], all_paused_at;
    int pauses[SIM_ENDPOINTS], all_pause; /* the last requests, plus 1 */
    uint64_t life;                        /* number of its process, from 1 */
    bool with_key[SIM_ENDPOINTS];
    struct sim_random random;
    int64_t wall_offset_ms;
    uint64_t mono_offset_ms, tick_at_ms, asleep_until_ms;
    size_t asleep_datagrams;
    struct lcp_task *tasks[SIM_HANDS];
    struct sim_pace pace[SIM_HANDS];
    bool is_armed;
    enum sim_crash_point armed;
    enum lcp_err disk_err;
    uint64_t watched; /* `changed` of the record, as far as looked at */
    struct lcp_key pins[SIM_ENDPOINTS];
    bool may_repin;
    uint32_t last_seq;
    /* mail that takes a place in the window to a peer, as far as the wire tells */
    int active[SIM_ENDPOINTS][SIM_ACTIVE_MAX];
    size_t active_count[SIM_ENDPOINTS];
};

struct sim {
    struct sim_options options;
    uint64_t now_ms, epoch_ms; /* epoch: what the trace calls 0 */
    struct sim_random random, net_random;
    struct sim_node nodes[SIM_NODES_MAX];
    struct sim_link links[SIM_ENDPOINTS][SIM_ENDPOINTS];
    struct sim_event *heap;
    size_t heap_count, heap_cap;
    uint64_t next_order;
    struct sim_mail *mails;
    size_t mail_count, mail_cap;
    uint32_t *mail_buckets; /* index + 1 */
    size_t bucket_count;
    struct sim_seqs sent, delivered;
    struct sim_request *requests;
    size_t request_count, request_cap;
    struct lcp_msg_scratch *scratch;
    struct lcp_json_node *nodes_buf;
    struct sim_try *tries;
    size_t try_count, try_cap;
    struct sim_recorded *recorded; /* a ring */
    uint64_t recorded_count;
    uint64_t faults[SIM_FAULTS];
    uint64_t hash;
    size_t stored;
    char violation[SIM_TEXT_MAX];
    char *trace;
    size_t trace_len, trace_cap;
    FILE *out;
    void *user;
};

/* world_sim.c */
struct sim_node *sim_node(struct sim *sim, char letter);
int sim_index(char letter);
char sim_letter(int index);
void sim_push(struct sim *sim, struct sim_event event);
uint64_t sim_wall_ms(const struct sim *sim, const struct sim_node *node);
/* Every call into a pump stands between these two. */
void sim_leave(struct sim_node *node);
void sim_count(struct sim *sim, enum sim_fault fault);
void *sim_grow(void *rows, size_t count, size_t *cap, size_t size);

/* net.c */
struct lcp_endpoint sim_endpoint(int index);
int sim_who(const struct lcp_endpoint *endpoint); /* -1: nobody */
void sim_transmit(struct sim *sim, int from, int to, const uint8_t *bytes, size_t len,
                  bool is_lost);
void sim_deliver(struct sim *sim, struct sim_event *event);

/* trace.c */
void sim_say(struct sim *sim, int node, const char *verb, const char *format, ...)
    LCP_PRINTF(4, 5);
/* A line only of the long trace. */
void sim_note(struct sim *sim, int node, const char *verb, const char *format, ...)
    LCP_PRINTF(4, 5);
void sim_mix(struct sim *sim, const void *data, size_t len);
void sim_mix_number(struct sim *sim, uint64_t number);
void sim_break(struct sim *sim, const char *format, ...) LCP_PRINTF(2, 3);

/* disks.c. close is the end of a process: what it lost by a cut is lost then. */
void sim_record_make(struct sim_node *node);
bool sim_record_open(struct sim_node *node);
void sim_record_cut(struct sim_node *node);
void sim_record_close(struct sim_node *node);
void sim_record_free(struct sim_node *node);
/* The power fails within the next batch, if it writes as much. */
void sim_record_arm(struct sim_node *node, bool is_armed);
bool sim_record_is_dead(const struct sim_node *node);

/* legacy.c */
void sim_legacy_start(struct sim_node *node);
void sim_legacy_stop(struct sim_node *node);
void sim_legacy_deliver(struct sim *sim, const struct sim_event *event);

/* attacker.c */
void sim_record(struct sim *sim, int from, int to, const uint8_t *bytes, size_t len);
void sim_forget_recorded(struct sim *sim);

/* book.c */
/* NULL: never seen. */
struct sim_mail *sim_find_mail(struct sim *sim, const char *id);
/* Makes it when it is new. */
struct sim_mail *sim_mail(struct sim *sim, const char *id, int from, int to);
/* The message that has this number in this node's inbox, or NULL. */
struct sim_mail *sim_mail_in(struct sim *sim, int node, uint64_t number);
struct sim_seq *sim_seqs_find(struct sim_seqs *seqs, uint64_t key);
struct sim_seq *sim_seqs_put(struct sim_seqs *seqs, uint64_t key);

/* watch.c: the promises on the wire; record.c: those of the records and to clients */
void sim_watch_sent(struct sim *sim, int from, int to, const uint8_t *bytes, size_t len,
                    bool is_lost);
void sim_watch_delivered(struct sim *sim, const struct sim_event *event);
void sim_watch_commit(struct sim_node *node);
void sim_watch_reply(struct sim *sim, const struct sim_request *request);
/* Our messages begin with their id. */
bool sim_read_id(const uint8_t *payload, size_t len, char id[static LCP_ID_MAX + 1]);
/* What a receiver's state is called by its word: `read` for HANDED. */
bool sim_word_holds(int in_state, enum lcp_word word);

/* client.c */
void sim_client_request(struct sim *sim, uint64_t request);
void sim_client_reply(struct sim_node *node, uint64_t client, struct lcp_span bytes,
                      uint64_t tag);
void sim_client_crash(struct sim_node *node);

#endif
