/* SPDX-License-Identifier: MIT
 *
 * What becomes of a peer's message, and what is said of it: policy, held mail, words of
 * duplicates, a disk that is full. The writer's hand over the memory store.
 */
#include "writer.h"

static bool
says(const struct lcp_job *job, enum lcp_word word, const char *reason)
{
    return job->has_word && job->word == word && strcmp(job->reason, reason) == 0;
}

static void
a_type_that_is_not_allowed_is_refused_for_good(void)
{
    struct hand *h = new_hand(true);
    struct lcp_job *job;

    h->has_policy = true;
    strcpy(h->policy.allow[0], "task");
    h->policy.allow_count = 1;
    job = admit_one(h, ID_A, "chat", "hello", true);
    CHECK(job->admission == LCP_ADM_NOT_TAKEN);
    CHECK(says(job, LCP_WORD_REFUSED, "policy"));
    CHECK(in_state(h, ID_A) == LCP_IN_REFUSED);
    h->has_policy = false; /* too late for this one */
    job = admit_one(h, ID_A, "chat", "hello", true);
    CHECK(job->admission == LCP_ADM_NOT_TAKEN);
    CHECK(says(job, LCP_WORD_REFUSED, "policy"));
    h->has_policy = true;
    CHECK(admit_one(h, ID_B, "task", "hello", true)->admission == LCP_ADM_STORED);
    CHECK(admit_one(h, ID_C, "ping", "", true)->admission == LCP_ADM_STORED);
    CHECK(in_state(h, ID_C) == LCP_IN_CONSUMED);
    free_hand(h);
}

static void
to_a_sender_without_receipts_a_refusal_says_and_keeps_nothing(void)
{
    struct hand *h = new_hand(true);
    struct lcp_job *job;

    h->has_policy = true;
    h->policy.min_version_1_2 = true;
    job = admit_one(h, ID_A, "chat", "hello", false);
    CHECK(job->admission == LCP_ADM_NOT_TAKEN && !job->has_word);
    CHECK(h->batch.answer_count == 0);
    CHECK(in_state(h, ID_A) == -100);
    CHECK(admit_one(h, ID_B, "chat", "hello", true)->admission == LCP_ADM_STORED);
    free_hand(h);
}

static void
what_is_for_somebody_else_is_refused(void)
{
    struct hand *h = new_hand(true);
    struct lcp_job *job = admit(h, ID_A, "chat", "hello", true);

    job->is_for_us = false;
    run(h);
    CHECK(job->admission == LCP_ADM_NOT_TAKEN);
    CHECK(says(job, LCP_WORD_REFUSED, "not-for-me"));
    free_hand(h);
}

static void
a_rate_is_later_and_never_final(void)
{
    struct hand *h = new_hand(true);
    char id[LCP_ID_MAX + 1];
    struct lcp_job *job;

    h->has_policy = true;
    h->policy.rate_per_hour = 3;
    for (int i = 0; i < 3; i++) {
        snprintf(id, sizeof(id), "id-%d", i);
        CHECK(admit_one(h, id, "chat", "x", true)->admission == LCP_ADM_STORED);
    }
    job = admit_one(h, "id-0", "chat", "x", true); /* once more: it costs nothing */
    CHECK(job->admission == LCP_ADM_DUPLICATE && says(job, LCP_WORD_STORED, ""));
    job = admit_one(h, "id-3", "chat", "x", true);
    CHECK(job->admission == LCP_ADM_LATER && says(job, LCP_WORD_LATER, "rate"));
    CHECK(job->retry_s == 1200);
    CHECK(in_state(h, "id-3") == -100);
    h->life_ms += 1200 * 1000 - 1500;
    job = admit_one(h, "id-3", "chat", "x", true);
    CHECK(job->admission == LCP_ADM_LATER && job->retry_s == 2);
    h->life_ms += 1500;
    CHECK(admit_one(h, "id-3", "chat", "x", true)->admission == LCP_ADM_STORED);
    CHECK(admit_one(h, "id-4", "chat", "x", true)->admission == LCP_ADM_LATER);
    free_hand(h);
}

/* Else who may send nothing could fill the disk with it. */
static void
what_is_refused_and_pings_count_for_the_rate(void)
{
    struct hand *h = new_hand(true);
    struct lcp_job *job;

    h->has_policy = true;
    h->policy.rate_per_hour = 3;
    strcpy(h->policy.allow[0], "task");
    h->policy.allow_count = 1;
    CHECK(admit_one(h, "id-0", "ping", "x", true)->admission == LCP_ADM_STORED);
    CHECK(admit_one(h, "id-1", "chat", "x", true)->admission == LCP_ADM_NOT_TAKEN);
    job = admit(h, "id-2", "task", "x", true);
    job->is_for_us = false;
    run(h);
    CHECK(says(job, LCP_WORD_REFUSED, "not-for-me"));
    job = admit_one(h, "id-3", "ping", "x", true);
    CHECK(job->admission == LCP_ADM_LATER && says(job, LCP_WORD_LATER, "rate"));
    job = admit_one(h, "id-4", "chat", "x", true);
    CHECK(job->admission == LCP_ADM_LATER && says(job, LCP_WORD_LATER, "rate"));
    CHECK(in_state(h, "id-3") == -100 && in_state(h, "id-4") == -100);
    job = admit_one(h, "id-1", "chat", "x", true); /* its word stays */
    CHECK(says(job, LCP_WORD_REFUSED, "policy"));
    h->life_ms += 1200 * 1000;
    CHECK(admit_one(h, "id-5", "task", "x", true)->admission == LCP_ADM_STORED);
    free_hand(h);
}

static bool
take_length(void *ctx, const struct lcp_row *row)
{
    *(size_t *)ctx = row->raw.len;
    return false;
}

static void
of_a_ping_no_body_is_kept(void)
{
    struct hand *h = new_hand(true);
    struct lcp_job *job = admit_one(h, ID_A, "ping", "a long story", true);
    size_t len = 1;

    CHECK(job->admission == LCP_ADM_STORED);
    CHECK(h->store->ops->get(h->store, job->number, take_length, &len) == LCP_OK);
    CHECK(len == 0);
    job = admit_one(h, ID_A, "ping", "a long story", true);
    CHECK(job->admission == LCP_ADM_DUPLICATE && says(job, LCP_WORD_STORED, ""));
    free_hand(h);
}

static void
a_quota_is_later_until_there_is_room(void)
{
    struct hand *h = new_hand(true);
    struct lcp_job *job;

    h->has_policy = true;
    h->policy.quota_messages = 2;
    CHECK(admit_one(h, ID_A, "chat", "x", true)->admission == LCP_ADM_STORED);
    CHECK(admit_one(h, ID_B, "chat", "x", true)->admission == LCP_ADM_STORED);
    job = admit_one(h, ID_C, "chat", "x", true);
    CHECK(job->admission == LCP_ADM_LATER && says(job, LCP_WORD_LATER, "quota"));
    CHECK(job->retry_s > 0 && in_state(h, ID_C) == -100);
    move(h, ID_A, LCP_IN_ARCHIVED);
    job = admit_one(h, ID_C, "chat", "x", true);
    CHECK(job->admission == LCP_ADM_STORED);
    h->policy.quota_messages = 0;
    h->policy.quota_bytes = 3 * job->raw_len; /* two are there */
    job = admit_one(h, "id-1", "chat", "x", true);
    CHECK(job->admission == LCP_ADM_STORED);
    job = admit_one(h, "id-2", "chat", "x", true);
    CHECK(job->admission == LCP_ADM_LATER && says(job, LCP_WORD_LATER, "quota"));
    free_hand(h);
}

static void
expire(struct hand *h, struct lcp_job **job)
{
    empty_hand(h);
    *job = take_up(h, LCP_JOB_EXPIRE);
    (*job)->peer_name[0] = '\0';
    run(h);
}

static void
held_mail_is_told_and_refused_after_seven_days(void)
{
    struct hand *h = new_hand(true);
    struct lcp_job *job;

    h->has_policy = true;
    h->policy.hold = true;
    job = admit_one(h, ID_A, "chat", "hello", true);
    CHECK(job->admission == LCP_ADM_STORED && says(job, LCP_WORD_HELD, "policy"));
    CHECK(in_state(h, ID_A) == LCP_IN_HELD);
    job = admit_one(h, ID_A, "chat", "hello", true);
    CHECK(job->admission == LCP_ADM_DUPLICATE && says(job, LCP_WORD_HELD, "policy"));
    h->life_ms += LCP_HELD_LIFE_MS - 1;
    expire(h, &job);
    CHECK(job->done == 0 && in_state(h, ID_A) == LCP_IN_HELD);
    CHECK(job->next_expiry == h->life_ms + 1);
    h->life_ms += 1;
    expire(h, &job);
    CHECK(job->done == 1 && job->number_count == 0 && job->next_expiry == 0);
    CHECK(job->creditor_count == 1 && strcmp(job->creditors[0], "bob") == 0);
    CHECK(in_state(h, ID_A) == LCP_IN_REFUSED);
    job = admit_one(h, ID_A, "chat", "hello", true);
    CHECK(says(job, LCP_WORD_REFUSED, "declined"));
    CHECK(strstr(job->detail, "7 days") != NULL);
    free_hand(h);
}

static void
a_loop_is_held_and_says_so(void)
{
    struct hand *h = new_hand(true);
    struct lcp_job *job = admit(h, ID_A, "chat", "hello", true);

    job->is_looping = true;
    run(h);
    CHECK(job->admission == LCP_ADM_STORED && says(job, LCP_WORD_HELD, "loop"));
    job = admit_one(h, ID_B, "chat", "hello", true);
    CHECK(says(job, LCP_WORD_STORED, ""));
    free_hand(h);
}

static void
a_repeated_message_is_answered_with_its_present_state(void)
{
    static const struct {
        const char *label;
        int state;
        enum lcp_word word;
    } rows[] = {
        {"stored", LCP_IN_STORED, LCP_WORD_STORED},
        {"read", LCP_IN_HANDED, LCP_WORD_READ},
        {"done", LCP_IN_ARCHIVED, LCP_WORD_DONE},
        {"refused", LCP_IN_REFUSED, LCP_WORD_REFUSED},
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct hand *h = new_hand(true);
        struct lcp_receipt receipt;
        struct lcp_job *job;

        CHECK_ROW(rows[i].label,
                  admit_one(h, ID_A, "chat", "x", true)->admission == LCP_ADM_STORED);
        if (rows[i].state != LCP_IN_STORED)
            move(h, ID_A, rows[i].state);
        job = admit_one(h, ID_A, "chat", "x", true);
        CHECK_ROW(rows[i].label, job->admission == LCP_ADM_DUPLICATE);
        read_answer(h, 0, &receipt);
        CHECK_ROW(rows[i].label, receipt.word == rows[i].word && receipt.count == 1);
        CHECK_ROW(rows[i].label, receipt.entries[0].seq == job->seq);
        CHECK_ROW(rows[i].label, strcmp(receipt.entries[0].id, ID_A) == 0);
        free_hand(h);
    }
}

static void
another_content_is_a_conflict_only_when_it_is_signed(void)
{
    struct hand *h = new_hand(true);
    struct lcp_receipt receipt;
    struct lcp_job *job;
    uint8_t digest[LCP_DIGEST_BYTES];

    (void)admit_one(h, ID_A, "chat", "first", true);
    empty_hand(h);
    job = admit(h, ID_A, "chat", "other", true);
    mail_digest(lcp_span(job->raw, job->raw_len), digest);
    run(h);
    CHECK(job->admission == LCP_ADM_CONFLICT);
    CHECK(says(job, LCP_WORD_REFUSED, "conflict"));
    read_answer(h, 0, &receipt);
    CHECK(memcmp(receipt.entries[0].digest, digest, sizeof(digest)) == 0);
    CHECK(in_state(h, ID_A) == LCP_IN_STORED);
    empty_hand(h);
    job = admit(h, ID_A, "chat", "third", true);
    memcpy(strstr((char *)job->raw, "third"), "junk!", 5);
    run(h);
    CHECK(job->admission == LCP_ADM_BADSIG && !job->has_word);
    CHECK(h->batch.answer_count == 0);
    free_hand(h);
}

static void
a_batch_is_answered_in_as_few_receipts_as_fit(void)
{
    struct hand *h = new_hand(true);
    uint32_t entries = 0;
    bool is_seen[41] = {false};
    char id[LCP_ID_MAX + 1];

    for (int i = 0; i < 40; i++) {
        snprintf(id, sizeof(id), "3f2b8a10-5d7c-4e2a-9b1f-0a1b2c3d4e%02d", i);
        (void)admit(h, id, "chat", "x", i != 7); /* one takes no receipts */
    }
    run(h);
    CHECK(h->batch.answer_count >= 3 && h->batch.answer_count <= 5);
    for (uint32_t i = 0; i < h->batch.answer_count; i++) {
        struct lcp_receipt receipt;

        read_answer(h, i, &receipt);
        CHECK(receipt.word == LCP_WORD_STORED);
        entries += receipt.count;
        for (uint32_t j = 0; j < receipt.count; j++)
            is_seen[receipt.entries[j].seq] = true;
    }
    CHECK(entries == 39 && !is_seen[8]);
    for (int i = 1; i <= 40; i++)
        CHECK(is_seen[i] || i == 8);
    free_hand(h);
}

static void
words_that_differ_are_said_apart(void)
{
    struct hand *h = new_hand(true);
    struct lcp_receipt first, second, third;
    struct lcp_job *job;

    (void)admit_one(h, "id-1", "chat", "x", true);
    move(h, "id-1", LCP_IN_HANDED);
    empty_hand(h);
    (void)admit(h, ID_A, "chat", "x", true);
    (void)admit(h, "id-1", "chat", "x", true);
    job = admit(h, ID_B, "chat", "x", true);
    job->is_looping = true;
    (void)admit(h, ID_C, "chat", "x", true);
    run(h);
    CHECK(h->batch.answer_count == 3);
    read_answer(h, 0, &first);
    read_answer(h, 1, &third);
    read_answer(h, 2, &second);
    CHECK(first.word == LCP_WORD_STORED && first.count == 2);
    CHECK(third.word == LCP_WORD_READ && third.count == 1);
    CHECK(second.word == LCP_WORD_HELD && second.count == 1);
    CHECK(strcmp(second.reason, "loop") == 0);
    free_hand(h);
}

static void
a_full_disk_says_later_to_what_is_signed_and_new(void)
{
    struct hand *h = new_hand(true);
    struct lcp_job *fresh, *known, *legacy, *junk, *stranger;

    (void)admit_one(h, ID_A, "chat", "known", true);
    empty_hand(h);
    lcp_memory_disk_fail(h->disk, LCP_ENOSPACE);
    known = admit(h, ID_A, "chat", "known", true);
    fresh = admit(h, ID_B, "chat", "new", true);
    legacy = admit(h, ID_C, "chat", "new", false);
    junk = admit(h, "id-1", "chat", "third", true);
    memcpy(strstr((char *)junk->raw, "third"), "junk!", 5);
    stranger = admit(h, "id-2", "chat", "new", true);
    stranger->is_first_contact = true;
    run(h);
    CHECK(h->batch.err == LCP_ENOSPACE);
    CHECK(known->admission == LCP_ADM_DUPLICATE && says(known, LCP_WORD_STORED, ""));
    CHECK(fresh->admission == LCP_ADM_LATER && says(fresh, LCP_WORD_LATER, "storage"));
    CHECK(fresh->retry_s == LCP_LATER_STORAGE_S);
    CHECK(legacy->admission == LCP_ADM_LATER && !legacy->has_word);
    CHECK(junk->admission == LCP_ADM_BADSIG && !junk->has_word);
    CHECK(stranger->admission == LCP_ADM_LATER && !stranger->has_word);
    CHECK(h->batch.answer_count == 2);
    lcp_memory_disk_fail(h->disk, LCP_OK);
    CHECK(in_state(h, ID_B) == -100);
    CHECK(admit_one(h, ID_B, "chat", "new", true)->admission == LCP_ADM_STORED);
    free_hand(h);
}

static void
without_a_key_nothing_is_pinned_where_one_is_required(void)
{
    struct hand *h = new_hand(false);
    struct lcp_job *job;

    h->batch.require_key = true;
    job = admit_one(h, ID_A, "chat", "x", true);
    CHECK(job->admission == LCP_ADM_REFUSED && !job->has_word && !job->has_pinned);
    h->batch.require_key = false;
    job = admit_one(h, ID_A, "chat", "x", true);
    CHECK(job->admission == LCP_ADM_STORED && job->has_pinned);
    free_hand(h);
}

int
main(void)
{
    a_type_that_is_not_allowed_is_refused_for_good();
    to_a_sender_without_receipts_a_refusal_says_and_keeps_nothing();
    what_is_for_somebody_else_is_refused();
    a_rate_is_later_and_never_final();
    what_is_refused_and_pings_count_for_the_rate();
    of_a_ping_no_body_is_kept();
    a_quota_is_later_until_there_is_room();
    held_mail_is_told_and_refused_after_seven_days();
    a_loop_is_held_and_says_so();
    a_repeated_message_is_answered_with_its_present_state();
    another_content_is_a_conflict_only_when_it_is_signed();
    a_batch_is_answered_in_as_few_receipts_as_fit();
    words_that_differ_are_said_apart();
    a_full_disk_says_later_to_what_is_signed_and_new();
    without_a_key_nothing_is_pinned_where_one_is_required();
    return check_end("policy");
}
