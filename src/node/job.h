/* SPDX-License-Identifier: MIT
 *
 * Work for the writer: what one job needs, what it found out, and the batch that runs
 * up to 64 of them in one transaction. Runs off the loop; touches the job, the store
 * and the batch's scratch, nothing else.
 */
#ifndef LCP_NODE_JOB_H
#define LCP_NODE_JOB_H

#include "conf/conf.h"
#include "core/receipt.h"
#include "ipc/server.h"
#include "lcp/core.h"
#include "node/world.h"
#include "store/store.h"

enum {
    LCP_BATCH_JOBS_MAX = 64, /* amortizes an fsync, yet bounds the wait for it */
    LCP_BATCH_FAULT_MAX = 160,
    LCP_EXPIRE_MAX = 256, /* messages one EXPIRE job moves */
    LCP_PURGE_MAX = 1000, /* bodies one PURGE job deletes: keeps a batch short */
    LCP_HELD_LIFE_MS = 7 * 24 * 3600 * 1000, /* then held mail is refused */
    LCP_LATER_STORAGE_S = 30,                /* what a LATER asks for: nothing stored */
    LCP_LATER_QUOTA_S = 60,
    LCP_RATE_WINDOW_MS = 3600 * 1000, /* RatePerHour: so much may come at once */
};

enum lcp_job_kind {
    LCP_JOB_ADMIT,   /* a peer's message: known? verify, pin, store */
    LCP_JOB_VERIFY,  /* is this packet with another key really signed by that key? */
    LCP_JOB_SEND,    /* sign and store a message of ours */
    LCP_JOB_SIGN,    /* sign a ping or pong that is not kept */
    LCP_JOB_SETTLE,  /* the peer acknowledged `number` */
    LCP_JOB_REFILL,  /* read queued messages for a peer, mark them transmitted */
    LCP_JOB_ARCHIVE, /* ACK */
    LCP_JOB_HANDED,  /* numbers[] were handed out */
    LCP_JOB_CANCEL,
    LCP_JOB_EXPIRE,
    LCP_JOB_PURGE,
    LCP_JOB_PIN, /* pin `key` for `peer`; how tells why */
    LCP_JOB_UNPIN,
    LCP_JOB_LIFE,   /* the life clock and the mirror's watermark */
    LCP_JOB_RESIGN, /* queued mail of a former identity */
    /* LCP/1.2, the wire */
    LCP_JOB_HELLO,      /* verify one; pin its key at first contact */
    LCP_JOB_HELLO_SIGN, /* build one into raw */
    LCP_JOB_RECEIPT,    /* verify one, move the messages it speaks about */
    LCP_JOB_NEWS,       /* read what is owed to `peer`, build a receipt into raw */
    LCP_JOB_TOLD,       /* numbers[] with `state` are known to their sender */
    LCP_JOB_VERSION,    /* `peer` speaks `version` */
    /* LCP/1.2, local requests */
    LCP_JOB_RELEASE, /* a held message (reply_to: as asked for), audited */
    LCP_JOB_REFUSE,  /* ditto, or one of the inbox: archive and tell the sender */
    LCP_JOB_RESEND,  /* a dead letter (reply_to) becomes a new message */
    LCP_JOB_PAUSE,   /* peer_name ("" = all) is paused or resumed (`all`), audited */
    LCP_JOB_KINDS
};

struct lcp_job_offer {
    uint64_t number;
    uint8_t *raw; /* malloc'ed; the pump takes it over */
    size_t len;
    bool was_transmitted;
};

/* One piece of work. What it owns (raw, offers, numbers, request copies)
 * lcp_job_free frees. */
struct lcp_job {
    struct lcp_job *next;
    enum lcp_job_kind kind;
    enum lcp_err err; /* result; LCP_OK only if the batch was committed */
    uint32_t peer;    /* index, or LCP_NO_PEER */
    char peer_name[LCP_NAME_MAX + 1];
    uint64_t client; /* who waits for the answer; 0: nobody */
    bool is_ours;    /* shape of the answer */
    uint64_t number; /* the message in question, in or out */
    uint8_t *raw;    /* ADMIT, VERIFY: the payload. SEND, SIGN: made by the job */
    size_t raw_len;
    int64_t wall_ms;     /* time of the request */
    uint64_t life_ms;    /* life clock then */
    uint64_t started_ms; /* monotone, for the answer's `ms` */

    uint64_t ticket; /* ADMIT */
    enum lcp_admission admission;
    bool is_ping;       /* ADMIT: to be answered with a pong */
    bool is_consumed;   /* ADMIT: not for the inbox */
    bool is_key_taken;  /* ADMIT: it is another peer's, as far as the machine knows */
    bool has_pinned;    /* ADMIT: this transaction pinned `key` */
    struct lcp_key key; /* ADMIT: claimed. PIN: to pin */

    char id[LCP_ID_MAX + 1]; /* SEND, SIGN: ours. ADMIT: the peer's */
    char type[LCP_TYPE_MAX + 1];
    /* SEND: as asked for; after: the id. CANCEL: whose, as asked for. */
    char reply_to[LCP_REQUEST_ID_TEXT + 1];
    uint8_t *text; /* SEND: message */
    size_t text_len;
    uint64_t ttl_s;
    bool is_reserved, wait;
    int state;            /* SEND, CANCEL: of the message afterwards */
    bool was_transmitted; /* SEND: it may be on the wire already */

    uint64_t after; /* REFILL */
    uint32_t count;
    size_t bytes_max;
    bool more;
    uint64_t through; /* REFILL result; ARCHIVE's bound, 0 = none */
    struct lcp_job_offer *offers;
    uint32_t offer_count;

    bool all;                             /* ARCHIVE: also what nobody saw */
    char (*ids)[LCP_REQUEST_ID_TEXT + 1]; /* ARCHIVE */
    uint32_t id_count;
    uint64_t *numbers; /* HANDED; EXPIRE result; malloc'ed */
    uint32_t number_count;
    uint64_t done; /* ARCHIVE, PURGE: how many */

    uint32_t seq;                     /* ADMIT: of the DATA, for its answer */
    bool wants_receipt, is_for_us;    /* ADMIT: from the machine */
    bool is_looping;                  /* ADMIT: the loop guard holds it */
    struct lcp_policy *policy;        /* ADMIT: malloc'ed; NULL: no limits */
    uint8_t digest[LCP_DIGEST_BYTES]; /* ADMIT result: of the canonical bytes */
    enum lcp_word word;               /* ADMIT result: how its sender is answered */
    bool has_word;                    /* ADMIT result: with a receipt at all */
    uint32_t retry_s;                 /* ADMIT result, LATER */
    char reason[LCP_REASON_MAX + 1];  /* ADMIT result; NEWS; REFUSE */
    char detail[LCP_DETAIL_MAX + 1];  /* ditto */
    struct lcp_core_word *words;      /* RECEIPT result, malloc'ed */
    int word_states[LCP_RECEIPT_ENTRIES_MAX]; /* RECEIPT result: of words[i].number,
                                              when it was moved; else -1 */
    uint32_t word_count, foreign_count;       /* RECEIPT result */
    int version;                              /* VERSION, PAUSE */
    uint8_t nonce[LCP_NONCE_BYTES], echo[LCP_NONCE_BYTES]; /* HELLO_SIGN */
    bool has_echo;
    uint8_t header[LCP_HEADER_BYTES]; /* HELLO_SIGN: goes before raw */
    struct lcp_endpoint to;           /* HELLO_SIGN */
    uint32_t hops;                    /* SEND: of the message answered, plus one */
    bool is_automatic;                /* SEND: by a handler, not typed or called */
    char who[LCP_WHO_MAX];            /* RELEASE, PAUSE, PIN, VERSION: for the record */
    uint64_t next_expiry;             /* EXPIRE result */
    int wait_for;        /* SEND: answered when the message has this state, or a greater
                            one that ends it; 0: any word of the receiver's */
    uint64_t timeout_ms; /* SEND: how long to wait; 0: LCP_SEND_ANSWER_MS */
    /* Result of any job: peers that are now owed a word; the pump tells the machine.
     * malloc'ed, see lcp_job_owe. */
    char (*creditors)[LCP_NAME_MAX + 1];
    uint32_t creditor_count, creditor_cap;
    bool may_owe_all;      /* there was no memory to name them */
    bool is_first_contact; /* ADMIT, HELLO: its peer has no key, as far as the machine
                              knows */
    bool is_ready;         /* ran without the record; the transaction leaves it alone */
    char how[32];          /* PIN */
    uint64_t mirrored;     /* LIFE */
    bool is_clean_stop;
    bool is_stranger; /* PAUSE: no peer of this name is here now */
};

void lcp_job_free(struct lcp_job *job);
/* The job gave a message of this peer's a state its sender does not know yet. */
void lcp_job_owe(struct lcp_job *job, const char *peer);

/* A signed receipt that a batch made for a peer. */
struct lcp_answer {
    uint32_t peer;
    char peer_name[LCP_NAME_MAX + 1]; /* the place may be another's by now */
    size_t len;
    char payload[LCP_SIGNED_PAYLOAD_MAX];
};

/* One transaction. The pump fills in the upper part, the writer hand runs it. */
struct lcp_batch {
    struct lcp_task task; /* first member */
    struct lcp_store *store;
    const struct lcp_identity *identity;
    const char *name; /* ours */
    struct lcp_msg_scratch *scratch;
    char *text;                /* LCP_PAYLOAD_MAX bytes: a payload under construction */
    const char *boot;          /* of this process, for HELLO */
    int64_t last_read_wall_ms; /* for HELLO */
    bool require_key;          /* no key is pinned at first contact */
    struct lcp_answer *answers; /* result: room for LCP_BATCH_JOBS_MAX; sent when all
                                   is committed */
    uint32_t answer_count;
    struct lcp_job *jobs[LCP_BATCH_JOBS_MAX];
    uint32_t count;
    enum lcp_err err;  /* of the transaction as a whole */
    bool is_committed; /* there was a transaction, and it is durable */
    enum lcp_err checkpoint_err;
    char fault[LCP_BATCH_FAULT_MAX]; /* what the store says of err, for the log */
    uint64_t changed;                /* greatest change committed */
};

/* What needs no record; then begin, every other job, commit, the answers, checkpoint.
 * Always leaves each job->err set. */
void lcp_batch_run(struct lcp_task *task);

/* answer.c: the signed answers of a batch: the words of its ADMIT jobs, one receipt for
 * each peer, state and reason. Those that cannot be built are left out: the sender's
 * retransmission asks again. */
void lcp_batch_answer(struct lcp_batch *batch);
/* A seeded bug: the answers of a batch that has not run yet. */
void lcp_batch_boast(struct lcp_batch *batch);

/* policy.c: what a verified message of this peer's is to become here: fills in word,
 * reason, detail and retry_s. A storage error ends the batch. */
LCP_MUST_USE enum lcp_err lcp_policy_decide(struct lcp_batch *batch,
                                            struct lcp_job *job, bool is_marked);
void lcp_job_say(struct lcp_job *job, enum lcp_word word, const char *reason,
                 const char *detail);
/* The word for a state of a message received. */
enum lcp_word lcp_word_of(int in_state);

/* job_admit.c: the transaction failed. What is known is answered as it stands in the
 * record; what is new and verified: later. */
void lcp_job_admit_later(struct lcp_batch *batch, struct lcp_job *job);
/* The key of a verified packet against the pin, which decides, here and not before: it
 * may have changed since the machine looked. Pins at first contact. */
LCP_MUST_USE enum lcp_err lcp_job_check_pin(struct lcp_batch *batch,
                                            struct lcp_job *job,
                                            const struct lcp_key *key, bool *is_right);
/* The peer of this name speaks at least this version: remembered. */
LCP_MUST_USE enum lcp_err lcp_job_note_version(struct lcp_batch *batch,
                                               const char *peer,
                                               enum lcp_version version);
/* batch->text of this length becomes job->raw. */
LCP_MUST_USE enum lcp_err lcp_job_take_text(struct lcp_batch *batch,
                                            struct lcp_job *job, size_t len);

/* A line of the audit record in this transaction: job->who did `what`. LCP_OK without a
 * line when nobody is named. */
LCP_MUST_USE enum lcp_err lcp_batch_audit(struct lcp_batch *batch,
                                          const struct lcp_job *job, const char *what,
                                          const char *detail);

/* Draft digest: what makes two SENDs with one id the same. */
void lcp_draft_digest(const char *to, const char *type, struct lcp_span message,
                      const char *reply_to, uint8_t out[static LCP_DIGEST_BYTES]);

/* Jobs, in the job_*.c. Each returns a storage error, which ends the
 * batch, or LCP_OK with job->err telling how the job itself ended. */
typedef enum lcp_err lcp_job_fn(struct lcp_batch *batch, struct lcp_job *job);
lcp_job_fn lcp_job_admit, lcp_job_verify, lcp_job_send, lcp_job_sign, lcp_job_settle,
    lcp_job_refill, lcp_job_archive, lcp_job_handed, lcp_job_cancel, lcp_job_expire,
    lcp_job_purge, lcp_job_pin, lcp_job_unpin, lcp_job_life, lcp_job_resign,
    lcp_job_hello, lcp_job_hello_sign, lcp_job_receipt, lcp_job_news, lcp_job_told,
    lcp_job_version, lcp_job_release, lcp_job_refuse, lcp_job_resend, lcp_job_pause;

/* True for errors that concern the store as a whole rather than one job. */
static inline bool
lcp_err_is_storage(enum lcp_err err)
{
    return err == LCP_ENOSPACE || err == LCP_EIO || err == LCP_ELOST ||
           err == LCP_ECORRUPT || err == LCP_ENOMEM || err == LCP_EBUSY;
}

#endif
