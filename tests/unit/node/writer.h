/* SPDX-License-Identifier: MIT
 *
 * The writer's hand alone: batches over the memory store, without pump and machine.
 * alice is we, bob the peer.
 */
#ifndef LCP_TESTS_NODE_WRITER_H
#define LCP_TESTS_NODE_WRITER_H

#include "node/job.h"

#include "mail.h"

struct hand {
    struct lcp_memory_disk *disk;
    struct lcp_store *store;
    struct lcp_identity us, bob;
    struct lcp_batch batch;
    struct lcp_policy policy;
    bool has_policy;
    uint64_t life_ms;
    uint32_t next_seq;
};

static inline void
pin_bob(struct hand *h)
{
    REQUIRE(h->store->ops->begin(h->store) == LCP_OK);
    REQUIRE(h->store->ops->pin_put(h->store, "bob", &h->bob.key, "config", 1) ==
            LCP_OK);
    REQUIRE(h->store->ops->commit(h->store) == LCP_OK);
}

static inline struct hand *
new_hand(bool is_pinned)
{
    struct hand *h = calloc(1, sizeof(*h));
    uint8_t seed[LCP_SEED_BYTES] = {1};

    REQUIRE(h != NULL && lcp_crypto_init() == LCP_OK);
    lcp_identity_from_seed(seed, &h->us);
    seed[0] = 2;
    lcp_identity_from_seed(seed, &h->bob);
    h->disk = lcp_memory_disk_new();
    REQUIRE(h->disk != NULL &&
            lcp_store_memory_open(h->disk, false, &h->store) == LCP_OK);
    h->batch.task.run = lcp_batch_run;
    h->batch.store = h->store;
    h->batch.identity = &h->us;
    h->batch.name = "alice";
    h->batch.boot = "0123456789abcdef";
    h->batch.scratch = malloc(sizeof(*h->batch.scratch));
    h->batch.text = malloc(LCP_PAYLOAD_MAX);
    h->batch.answers = calloc(LCP_BATCH_JOBS_MAX, sizeof(h->batch.answers[0]));
    REQUIRE(h->batch.scratch != NULL && h->batch.text != NULL &&
            h->batch.answers != NULL);
    h->life_ms = 1000;
    if (is_pinned)
        pin_bob(h);
    return h;
}

static inline void
empty_hand(struct hand *h)
{
    for (uint32_t i = 0; i < h->batch.count; i++)
        lcp_job_free(h->batch.jobs[i]);
    h->batch.count = 0;
}

static inline void
free_hand(struct hand *h)
{
    empty_hand(h);
    h->store->ops->close(h->store);
    lcp_memory_disk_free(h->disk);
    free(h->batch.scratch);
    free(h->batch.text);
    free(h->batch.answers);
    free(h);
}

static inline struct lcp_job *
take_up(struct hand *h, enum lcp_job_kind kind)
{
    struct lcp_job *job = calloc(1, sizeof(*job));

    REQUIRE(job != NULL && h->batch.count < LCP_BATCH_JOBS_MAX);
    job->kind = kind;
    strcpy(job->peer_name, "bob");
    job->wall_ms = 1774699200000;
    job->life_ms = h->life_ms;
    h->batch.jobs[h->batch.count++] = job;
    return job;
}

static inline void
give_raw(struct lcp_job *job, const char *raw, size_t len)
{
    job->raw = malloc(len + 1);
    REQUIRE(job->raw != NULL);
    memcpy(job->raw, raw, len);
    job->raw_len = len;
}

/* A message of bob's, as the machine would hand it over. */
static inline struct lcp_job *
admit(struct hand *h, const char *id, const char *type, const char *text,
      bool is_marked)
{
    static char raw[LCP_PAYLOAD_MAX];
    struct lcp_draft draft = {.id = id,
                              .from = "bob",
                              .to = "alice",
                              .type = type,
                              .message = lcp_span_str(text)};
    struct lcp_job *job = take_up(h, LCP_JOB_ADMIT);

    give_raw(job, raw,
             is_marked ? marked_mail(&h->bob, &draft, raw)
                       : legacy_mail(&h->bob, &draft, raw));
    job->key = h->bob.key;
    strcpy(job->id, id);
    strcpy(job->type, type);
    job->is_ping = job->is_consumed = strcmp(type, "ping") == 0;
    job->seq = ++h->next_seq;
    job->wants_receipt = is_marked;
    job->is_for_us = true;
    if (h->has_policy) {
        job->policy = malloc(sizeof(*job->policy));
        REQUIRE(job->policy != NULL);
        *job->policy = h->policy;
    }
    return job;
}

static inline void
run(struct hand *h)
{
    lcp_batch_run(&h->batch.task);
}

/* Alone in its batch; the job lives until the next one. */
static inline struct lcp_job *
admit_one(struct hand *h, const char *id, const char *type, const char *text,
          bool is_marked)
{
    struct lcp_job *job;

    empty_hand(h);
    job = admit(h, id, type, text, is_marked);
    run(h);
    return job;
}

static inline bool
copy_row(void *ctx, const struct lcp_row *row)
{
    *(struct lcp_row *)ctx = *row;
    return false;
}

/* State of bob's message with this id, -100 when there is none. */
static inline int
in_state(struct hand *h, const char *id)
{
    struct lcp_row row = {0};

    return h->store->ops->find_in(h->store, &h->bob.key, id, &row) == LCP_OK ? row.state
                                                                             : -100;
}

static inline void
move(struct hand *h, const char *id, int state)
{
    struct lcp_change change = {.state = state, .reason = "declined", .wall_ms = 5};
    struct lcp_row row = {0};
    bool moved;

    if (state != LCP_IN_REFUSED)
        change.reason = NULL;
    REQUIRE(h->store->ops->find_in(h->store, &h->bob.key, id, &row) == LCP_OK);
    REQUIRE(h->store->ops->begin(h->store) == LCP_OK);
    REQUIRE(h->store->ops->change(h->store, LCP_IN, row.number, &change, &moved) ==
            LCP_OK);
    REQUIRE(h->store->ops->commit(h->store) == LCP_OK);
    CHECK(moved);
}

/* The answer's receipt, verified. */
static inline void
read_answer(struct hand *h, uint32_t at, struct lcp_receipt *out)
{
    REQUIRE(at < h->batch.answer_count);
    REQUIRE(lcp_receipt_parse(
                lcp_span(h->batch.answers[at].payload, h->batch.answers[at].len),
                &scratch, out) == LCP_MSG_OK);
    CHECK(lcp_signed_verify(&out->object, &scratch));
    CHECK(lcp_key_eq(&out->object.key, &h->us.key));
    CHECK(h->batch.answers[at].len <= LCP_SIGNED_PAYLOAD_MAX);
}

#endif
