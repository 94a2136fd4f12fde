/* SPDX-License-Identifier: MIT
 *
 * What the pump's files share: its state, and the functions they call in each other.
 * Private to node/.
 */
#ifndef LCP_NODE_STATE_H
#define LCP_NODE_STATE_H

#include "core/hello.h"
#include "lcp/core.h"
#include "node/flights.h"
#include "node/job.h"
#include "node/lanes.h"
#include "node/pump.h"
#include "node/read.h"
#include "store/mirror.h"

enum {
    LCP_SEND_ANSWER_MS = 9500, /* a legacy client gives up at 10 s */
    LCP_PONG_WAIT_MS =
        2000, /* after the ACK: then the peer's agent answers pings, not its node */
    LCP_PINGS_MAX = 32,       /* open at once */
    LCP_LIFE_SAVE_MS = 60000, /* how much of a TTL a crash may give back, at most */
    LCP_SEEN_WRITE_MS = 10000,
    LCP_MIRROR_STEP = 256, /* changes a mirror task carries out */
    LCP_MIRROR_RETRY_MS = 5000,
    LCP_STORE_RETRY_MS = 1000,
    LCP_STORE_HELD_MS = 30000, /* without a failure: then it works, whatever failed */
    LCP_RETENTION_MS = 3600000,
    LCP_OTHER_KEY_MS = 60000, /* one word about another key a minute and peer */
    LCP_LIFE_GAP_MAX_MS = 7 * 24 * 3600 * 1000,
    LCP_LOG_LINE = 512,
    LCP_LOOP_WINDOW_MS = 10 * 60 * 1000, /* LoopLimit is for so long */
};

/* A client that waits for what becomes of a message. */
struct lcp_waiter {
    uint64_t client, number, started_ms, deadline_ms;
    bool is_ours, was_transmitted;
    int state;    /* of the message, as far as is known here */
    int wait_for; /* as in the job */
    char to[LCP_NAME_MAX + 1], id[LCP_ID_MAX + 1];
    char reason[LCP_REASON_MAX + 1], detail[LCP_DETAIL_MAX + 1]; /* of the state */
};

/* A ping of the daemon's own. */
struct lcp_ping {
    uint64_t number; /* ephemeral; 0: free */
    uint64_t client, started_ms, deadline_ms;
    uint32_t peer, rtt_ms;
    bool is_ours, is_acked;
    char id[LCP_ID_MAX + 1];
};

/* The loop guard's memory of a peer: when the last messages came from it or went to it
 * by a handler. A ring, made when it is first needed. */
struct lcp_loop {
    struct lcp_loop_mark *marks;
    uint32_t next, count;
};

/* What the pump remembers of a peer beside the machine. */
struct lcp_pump_peer {
    struct lcp_key offered; /* a key that signed validly but is not the pinned one */
    uint64_t look_after_ms; /* no further look at other keys before that */
    bool is_looking;
    bool is_paused; /* as the record says; the node as a whole: p->is_paused */
    struct lcp_policy *policy; /* malloc'ed; NULL: no limits */
    struct lcp_job *news;      /* the receipt on its way to it; becomes TOLD */
    uint64_t news_number;      /* the machine's name of it */
    struct lcp_loop loop;
};

struct lcp_mirror_task {
    struct lcp_task task;
    struct lcp_mirror *mirror;
    uint64_t after, through;
    uint64_t goal; /* p->changed when the task began */
    uint32_t limit;
    bool seen, is_mend;
    enum lcp_err err;
};

struct lcp_pump {
    struct lcp_world *world;
    const char *version, *uv_version;
    enum lcp_err (*reload)(void *ctx, struct lcp_conf *conf, char *fault);
    void *reload_ctx;
    char home[LCP_PATH_MAX], data_path[LCP_PATH_MAX];
    char name[LCP_NAME_MAX + 1];
    struct lcp_endpoint address;
    struct lcp_identity identity;
    uint64_t ttl_s, retention_s;
    char boot[LCP_BOOT_CHARS + 1]; /* random, of this process */
    int64_t last_read_wall_ms;     /* 0: nothing was handed out since the start */
    bool is_paused;                /* nothing at all is handed out */
    bool require_key;
    uint32_t loop_limit; /* 0: off */

    void *core_memory;
    struct lcp_core *core;
    uint32_t peers_max;
    struct lcp_pump_peer *peers;

    struct lcp_lanes lanes;
    struct lcp_lane *lane_memory;
    struct lcp_batch batch;
    bool is_writing;
    struct lcp_job *retry,
        *retry_last; /* lasting jobs that met a full disk, in order */
    uint64_t retry_at_ms;
    const char *degraded; /* why; NULL when all is well */
    uint64_t failed_ms;   /* the last failure since then */
    int failed_weight;    /* of the heaviest batch that failed since then */
    bool is_failing;      /* the last batch failed */
    /* PIN and UNPIN jobs: ever queued, and not finished yet. A RELOAD must not decide
     * by pins that are about to change. */
    uint64_t pins_queued, pins_open;

    struct lcp_store *reader;
    struct lcp_json_node *read_nodes;
    struct lcp_read *read_head, *read_tail, *read_running;
    struct lcp_read *unwritten; /* answers that wait for the files they name */

    struct lcp_mirror_task mirror;
    bool is_mirroring, seen_is_dirty;
    uint64_t changed, mirrored; /* greatest change committed; done by the mirror */
    uint64_t mend_at, mend_to;  /* background mend after a crash */
    uint64_t mirror_retry_ms, seen_after_ms;
    const char *mirror_fault;

    struct lcp_flights flights;
    /* Acknowledged, and the record does not say so yet: a REFILL may still find them
     * queued. Numbers alone. */
    struct lcp_flights settling;
    uint64_t next_ephemeral;
    struct lcp_waiter *waiters;
    size_t waiter_count, waiter_cap;
    struct lcp_ping pings[LCP_PINGS_MAX];

    uint64_t started_ms, life_start_ms, life_saved_ms, next_expiry, retention_at_ms;
    bool is_expiring, is_purging;

    struct lcp_json_node *request_nodes;
    struct lcp_request request;
    char *reply_buf;
    size_t reply_cap;
    /* HANDED jobs for legacy CHECK answers on their way; ticket is the answer's tag. */
    struct lcp_job *unconfirmed;
    uint64_t next_tag;

    bool is_bound, is_stopping, is_stop_saved;
    int rcv_bytes, snd_bytes;
};

/* pump.c */
uint64_t lcp_pump_now(struct lcp_pump *p);
uint64_t lcp_pump_life_ms(struct lcp_pump *p);
void lcp_pump_log(struct lcp_pump *p, enum lcp_level level, const char *format, ...)
    LCP_PRINTF(3, 4);
const char *lcp_pump_peer_name(struct lcp_pump *p, uint32_t peer,
                               char out[LCP_NAME_MAX + 1]);
/* Is it the key of another peer, or ours? */
bool lcp_pump_is_key_of_another(struct lcp_pump *p, uint32_t peer,
                                const struct lcp_key *key);
/* A zeroed job with times, peer and client filled in; NULL without memory. */
struct lcp_job *lcp_pump_job(struct lcp_pump *p, enum lcp_job_kind kind, uint32_t peer);
void lcp_pump_enqueue(struct lcp_pump *p, struct lcp_job *job);
/* Carries out what the machine wants, starts idle hands. Ends every entry into
 * the pump. */
void lcp_pump_drain(struct lcp_pump *p);
/* A peer that a person removed is forgotten with its pin: under the same name a new one
 * may come. */
void lcp_pump_unpin(struct lcp_pump *p, const char *name);
/* Queues again what met a full disk. */
void lcp_pump_retry(struct lcp_pump *p);
void lcp_pump_save_life(struct lcp_pump *p, bool is_clean_stop);
void lcp_pump_sign_ephemeral(struct lcp_pump *p, uint32_t peer, const char *type,
                             const char *id, const char *reply_to, uint64_t number);
/* peers.c: applies what the configuration says of peers, or nothing of it; pins[i] is
 * what the record knows of conf->peers[i]. LCP_EAGAIN: the place of a removed peer is
 * in use until its jobs are done; the rest is applied. */
LCP_MUST_USE enum lcp_err lcp_pump_apply_peers(struct lcp_pump *p,
                                               const struct lcp_conf *conf,
                                               const struct lcp_read_peer *pins,
                                               char *fault);
/* Frees what is remembered of a peer. */
void lcp_pump_forget_peer(struct lcp_pump_peer *peer);
/* A read with the peers of a configuration by name. NULL without memory. */
struct lcp_read *lcp_pump_overview_of(struct lcp_pump *p, const struct lcp_conf *conf);

/* output.c: carries out one thing the machine wants. */
void lcp_pump_carry_out(struct lcp_pump *p, const struct lcp_output *out);

/* loop.c: the loop guard. docs/protocol.md "Policy". */
/* A message came from this peer, or went to it. */
void lcp_loop_note(struct lcp_pump *p, uint32_t peer, bool is_automatic);
/* A person, or a program outside of a handler, wrote: no loop. */
void lcp_loop_clear(struct lcp_pump *p, uint32_t peer);
/* Would a message that comes now be held? pending: how many are on their way into the
 * record. */
bool lcp_loop_is_closed(struct lcp_pump *p, uint32_t peer, uint32_t pending);
void lcp_loop_free(struct lcp_loop *loop);

/* finish.c: what a job's end means. Frees the job. */
void lcp_pump_finish(struct lcp_pump *p, struct lcp_job *job);
/* A table row for each kind, in finish.c, finish_peer.c, finish_send.c and
 * finish_mail.c. The job is freed afterwards; what it owns may be taken out of it. */
typedef void lcp_finish_fn(struct lcp_pump *p, struct lcp_job *job);
lcp_finish_fn lcp_finish_admit, lcp_finish_verify, lcp_finish_hello,
    lcp_finish_hello_sign, lcp_finish_receipt, lcp_finish_news, lcp_finish_version;
lcp_finish_fn lcp_finish_send, lcp_finish_sign, lcp_finish_settle, lcp_finish_refill,
    lcp_finish_cancel, lcp_finish_expire;
lcp_finish_fn lcp_finish_release, lcp_finish_refuse, lcp_finish_resend,
    lcp_finish_pause;
/* The error reply for a job that names a message; direction is "sent" or "received". */
void lcp_pump_reply_unless_found(struct lcp_pump *p, const struct lcp_job *job,
                                 const char *direction, const char *what);
/* A message was stored to expire at this time of the life clock (0: never). */
void lcp_pump_note_expiry(struct lcp_pump *p, uint64_t expires_life_ms);
bool lcp_pump_is_away(struct lcp_pump *p, uint32_t peer);
/* For how long the peer asked not to be written to, 0: not. */
uint64_t lcp_pump_later_ms(struct lcp_pump *p, uint32_t peer);
/* What the batch that just ended says of the storage. */
void lcp_pump_degrade(struct lcp_pump *p);

/* waiters.c */
/* Who asked for this job, without a deadline. */
struct lcp_waiter lcp_waiter_of(const struct lcp_job *job);
/* The message of a SEND is durable, or was before: answer at once or wait. */
void lcp_waiters_answer(struct lcp_pump *p, const struct lcp_job *job);
/* Tells everyone who waits for this message. QUEUED: its tries are over for now, or its
 * receiver said later. */
void lcp_waiters_tell(struct lcp_pump *p, uint64_t number, int state);
/* The same with the receiver's reason and sentence. */
void lcp_waiters_tell_why(struct lcp_pump *p, uint64_t number, int state,
                          const char *reason, const char *detail);
void lcp_waiters_tick(struct lcp_pump *p, uint64_t now_ms);
void lcp_waiters_drop(struct lcp_pump *p, uint64_t client);
uint64_t lcp_waiters_next_ms(const struct lcp_pump *p);
struct lcp_ping *lcp_ping_find(struct lcp_pump *p, uint64_t number);
struct lcp_ping *lcp_ping_find_id(struct lcp_pump *p, uint32_t peer, const char *id);
void lcp_ping_end(struct lcp_pump *p, struct lcp_ping *ping, const char *answered_by);

/* reply.c */
typedef void lcp_reply_fn(struct lcp_writer *w, void *ctx);
void lcp_pump_reply(struct lcp_pump *p, uint64_t client, bool is_ours,
                    lcp_reply_fn *write, void *ctx);
void lcp_pump_reply_error(struct lcp_pump *p, uint64_t client, bool is_ours,
                          const char *code, const char *message, const char *hint);
/* The error reply that fits err, for requests about a message. */
void lcp_pump_reply_err(struct lcp_pump *p, uint64_t client, bool is_ours,
                        enum lcp_err err, const char *what);
void lcp_pump_reply_ok(struct lcp_pump *p, uint64_t client, bool is_ours);
void lcp_pump_reply_sent(struct lcp_pump *p, const struct lcp_waiter *waiter,
                         int state);
/* What became of a CANCEL; ok: the message is no longer sent. */
void lcp_pump_reply_cancelled(struct lcp_pump *p, const struct lcp_waiter *waiter,
                              int state);
void lcp_pump_reply_count(struct lcp_pump *p, uint64_t client, bool is_ours,
                          const char *member, uint64_t count);
void lcp_pump_reply_overview(struct lcp_pump *p, struct lcp_read *read);
void lcp_pump_reply_strangers(struct lcp_pump *p, uint64_t client, bool is_ours);

/* reads.c */
struct lcp_read *lcp_reads_new(struct lcp_pump *p, enum lcp_verb verb, uint64_t client,
                               bool is_ours);
void lcp_reads_add(struct lcp_pump *p, struct lcp_read *read);
void lcp_reads_start(struct lcp_pump *p);
void lcp_reads_done(struct lcp_pump *p, struct lcp_read *read);
/* Nobody waits for this client's answers any more. */
void lcp_reads_drop(struct lcp_pump *p, uint64_t client);
/* Answers whose files are written now; with a broken mirror they are read again without
 * file names. */
void lcp_reads_written(struct lcp_pump *p);
void lcp_mirror_start(struct lcp_pump *p);
void lcp_mirror_done(struct lcp_pump *p);
uint64_t lcp_mirror_next_ms(const struct lcp_pump *p);

#endif
