/* SPDX-License-Identifier: MIT
 *
 * The signed answers to the messages of a batch. Made after the commit and from nothing
 * else: a receipt is a claim that outlives us. docs/protocol.md "LCP/1.2".
 */
#include "base/text.h"
#include "node/job.h"

static bool
wants_answer(const struct lcp_job *job)
{
    return job->kind == LCP_JOB_ADMIT && job->has_word;
}

/* May both stand in one receipt? */
static bool
is_alike(const struct lcp_job *a, const struct lcp_job *b)
{
    return a->word == b->word && a->retry_s == b->retry_s &&
           strcmp(a->peer_name, b->peer_name) == 0 &&
           strcmp(a->reason, b->reason) == 0 && strcmp(a->detail, b->detail) == 0;
}

static void
write_entry(const struct lcp_job *job, struct lcp_receipt_entry *entry)
{
    memcpy(entry->id, job->id, sizeof(entry->id));
    memcpy(entry->digest, job->digest, sizeof(entry->digest));
    entry->has_seq = true;
    entry->seq = job->seq;
}

/* As many receipts as the entries need. */
static void
build_answers(struct lcp_batch *batch, const struct lcp_job *job,
              const struct lcp_receipt_entry *entries, uint32_t count)
{
    char timestamp[40];
    struct lcp_receipt_draft draft = {.from = batch->name,
                                      .to = job->peer_name,
                                      .timestamp = timestamp,
                                      .word = job->word,
                                      .reason = job->reason,
                                      .text = job->detail,
                                      .retry_s = job->retry_s};

    lcp_iso8601_print(job->wall_ms, timestamp);
    while (count > 0) {
        struct lcp_answer *answer = &batch->answers[batch->answer_count];
        uint32_t used = 0;

        draft.entries = entries;
        draft.count = count;
        if (lcp_receipt_build(&draft, batch->identity, batch->scratch, answer->payload,
                              &answer->len, &used) != LCP_OK ||
            used == 0)
            return;
        answer->peer = job->peer;
        memcpy(answer->peer_name, job->peer_name, sizeof(answer->peer_name));
        batch->answer_count++;
        entries += used;
        count -= used;
    }
}

void
lcp_batch_answer(struct lcp_batch *batch)
{
    bool is_answered[LCP_BATCH_JOBS_MAX] = {false};

    for (uint32_t i = 0; i < batch->count; i++) {
        struct lcp_receipt_entry entries[LCP_RECEIPT_ENTRIES_MAX];
        uint32_t count = 0;

        if (is_answered[i] || !wants_answer(batch->jobs[i]))
            continue;
        for (uint32_t j = i; j < batch->count && count < LCP_RECEIPT_ENTRIES_MAX; j++) {
            if (is_answered[j] || !wants_answer(batch->jobs[j]) ||
                !is_alike(batch->jobs[i], batch->jobs[j]))
                continue;
            is_answered[j] = true;
            write_entry(batch->jobs[j], &entries[count++]);
        }
        build_answers(batch, batch->jobs[i], entries, count);
    }
}

void
lcp_batch_boast(struct lcp_batch *batch)
{
    batch->answer_count = 0;
    for (uint32_t i = 0; i < batch->count; i++) {
        struct lcp_job *job = batch->jobs[i];
        struct lcp_msg msg;

        if (job->kind != LCP_JOB_ADMIT || !job->wants_receipt ||
            lcp_msg_parse(lcp_span(job->raw, job->raw_len), batch->scratch, &msg) !=
                LCP_MSG_OK)
            continue;
        job->has_word = lcp_msg_verify(&msg, batch->scratch, job->digest);
        lcp_job_say(job, LCP_WORD_STORED, "", "");
    }
    lcp_batch_answer(batch);
}
