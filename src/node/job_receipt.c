/* SPDX-License-Identifier: MIT
 *
 * RECEIPT, NEWS, TOLD and VERSION: what peers say became of our messages, and what we
 * have to say of theirs. docs/protocol.md "LCP/1.2".
 */
#include "core/receipt.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/bugs.h"
#include "base/text.h"
#include "node/job.h"

/* ---- their word about our messages ---- */

static const int out_states[LCP_WORD_COUNT] = {
    [LCP_WORD_HELD] = LCP_SENT_HELD,       [LCP_WORD_STORED] = LCP_SENT_STORED,
    [LCP_WORD_READ] = LCP_SENT_READ,       [LCP_WORD_DONE] = LCP_SENT_DONE,
    [LCP_WORD_REFUSED] = LCP_SENT_REFUSED, [LCP_WORD_LATER] = LCP_SENT_QUEUED,
};

struct content {
    struct lcp_batch *batch;
    uint8_t digest[LCP_DIGEST_BYTES];
    bool is_known;
};

static bool
take_content(void *ctx, const struct lcp_row *row)
{
    struct content *c = ctx;
    struct lcp_msg msg;
    struct lcp_span canon;

    c->is_known = lcp_msg_parse(row->raw, c->batch->scratch, &msg) == LCP_MSG_OK &&
                  lcp_msg_canon(&msg, c->batch->scratch, &canon) == LCP_OK;
    if (c->is_known)
        lcp_digest(canon, c->digest);
    return false;
}

/* Rows of the first schema do not hold the digest of what was sent. */
static enum lcp_err
is_about(struct lcp_batch *batch, const struct lcp_row *row, const uint8_t *digest,
         bool *is_right)
{
    static const uint8_t unknown[LCP_DIGEST_BYTES];
    struct content c = {.batch = batch, .is_known = true};

    memcpy(c.digest, row->canon_digest, sizeof(c.digest));
    if (memcmp(c.digest, unknown, sizeof(unknown)) == 0) {
        enum lcp_err err;

        c.is_known = false;
        err = batch->store->ops->get(batch->store, row->number, take_content, &c);
        if (err != LCP_OK)
            return err;
    }
    *is_right = (c.is_known && memcmp(c.digest, digest, sizeof(c.digest)) == 0) ||
                lcp_bug(LCP_BUG_DIGEST_IGNORED);
    return LCP_OK;
}

/* A word counts when it is about a message of ours to this very peer with this very
 * content. */
static enum lcp_err
find_subject(struct lcp_batch *batch, const struct lcp_job *job,
             const struct lcp_receipt_entry *entry, struct lcp_row *row, bool *is_ours)
{
    enum lcp_err err = batch->store->ops->find_out(batch->store, entry->id, row);

    *is_ours = err == LCP_OK && strcmp(row->peer, job->peer_name) == 0;
    if (err == LCP_ENOTFOUND)
        return LCP_OK;
    if (err != LCP_OK || !*is_ours)
        return err;
    return is_about(batch, row, entry->digest, is_ours);
}

static enum lcp_err
apply_entry(struct lcp_batch *batch, struct lcp_job *job,
            const struct lcp_receipt *receipt, const struct lcp_receipt_entry *entry)
{
    struct lcp_core_word *word = &job->words[job->word_count];
    struct lcp_change change = {.state = out_states[receipt->word],
                                .reason = receipt->reason,
                                .detail = receipt->text,
                                .evidence = lcp_span(job->raw, job->raw_len),
                                .wall_ms = job->wall_ms};
    struct lcp_row row = {0};
    bool is_ours = false, moved = false;
    enum lcp_err err = find_subject(batch, job, entry, &row, &is_ours);

    if (err != LCP_OK)
        return err;
    *word = (struct lcp_core_word){.has_seq = entry->has_seq, .seq = entry->seq};
    job->word_states[job->word_count++] = -1;
    if (!is_ours) {
        job->foreign_count++;
        return LCP_OK;
    }
    word->number = row.number;
    if (receipt->word == LCP_WORD_LATER) {
        word->is_later = true;
        word->retry_ms = (uint64_t)receipt->retry_s * 1000;
        return LCP_OK;
    }
    err = batch->store->ops->change(batch->store, LCP_OUT, row.number, &change, &moved);
    if (moved)
        job->word_states[job->word_count - 1] = change.state;
    return err;
}

/* Never pins: what it speaks about went to the key that is pinned. */
static enum lcp_err
check_signer(struct lcp_batch *batch, struct lcp_job *job, const struct lcp_key *key)
{
    struct lcp_key pinned;
    char how[32];
    int64_t when;
    enum lcp_err err = batch->store->ops->pin_get(batch->store, job->peer_name, &pinned,
                                                  how, &when);

    if (err == LCP_OK && lcp_key_eq(&pinned, key))
        job->admission = LCP_ADM_STORED;
    else
        job->admission = LCP_ADM_REFUSED;
    return err == LCP_ENOTFOUND ? LCP_OK : err;
}

enum lcp_err
lcp_job_note_version(struct lcp_batch *batch, const char *peer,
                     enum lcp_version version)
{
    const struct lcp_store_ops *ops = batch->store->ops;
    struct lcp_store_peer known;
    enum lcp_err err = ops->peer_get(batch->store, peer, &known);

    if (err != LCP_OK || known.version >= (int)version)
        return err;
    known.version = version;
    return ops->peer_put(batch->store, peer, &known);
}

enum lcp_err
lcp_job_receipt(struct lcp_batch *batch, struct lcp_job *job)
{
    struct lcp_receipt receipt;
    enum lcp_err err;

    job->word_count = job->foreign_count = 0;
    job->admission = LCP_ADM_BADSIG;
    if (lcp_receipt_parse(lcp_span(job->raw, job->raw_len), batch->scratch, &receipt) !=
            LCP_MSG_OK ||
        !lcp_signed_verify(&receipt.object, batch->scratch))
        return LCP_OK;
    err = check_signer(batch, job, &receipt.object.key);
    if (err != LCP_OK || job->admission != LCP_ADM_STORED)
        return err;
    free(job->words);
    job->words = calloc(receipt.count, sizeof(job->words[0]));
    if (job->words == NULL)
        return LCP_ENOMEM;
    lcp_job_say(job, receipt.word, receipt.reason, receipt.text);
    for (uint32_t i = 0; err == LCP_OK && i < receipt.count; i++)
        err = apply_entry(batch, job, &receipt, &receipt.entries[i]);
    if (err != LCP_OK)
        return err;
    return lcp_job_note_version(batch, job->peer_name, LCP_VERSION_1_2);
}

/* ---- our word about theirs ---- */

struct news {
    struct lcp_job *job;
    struct lcp_receipt_entry entries[LCP_RECEIPT_ENTRIES_MAX];
};

/* The first row says what the receipt says; the others must agree. */
static bool
take_owed(void *ctx, const struct lcp_row *row)
{
    struct news *news = ctx;
    struct lcp_job *job = news->job;
    struct lcp_receipt_entry *entry;

    if (job->number_count == 0) {
        job->state = row->state;
        lcp_job_say(job, lcp_word_of(row->state), row->reason, row->detail);
    } else if (job->number_count == LCP_RECEIPT_ENTRIES_MAX ||
               row->state != job->state || strcmp(row->reason, job->reason) != 0 ||
               strcmp(row->detail, job->detail) != 0) {
        return true;
    }
    entry = &news->entries[job->number_count];
    *entry = (struct lcp_receipt_entry){.has_seq = false};
    snprintf(entry->id, sizeof(entry->id), "%s", row->id);
    memcpy(entry->digest, row->digest, sizeof(entry->digest));
    job->numbers[job->number_count++] = row->number;
    return true;
}

static enum lcp_err
build_news(struct lcp_batch *batch, struct lcp_job *job, const struct news *news)
{
    char timestamp[40];
    size_t len = 0;
    uint32_t used = 0;
    struct lcp_receipt_draft draft = {.from = batch->name,
                                      .to = job->peer_name,
                                      .timestamp = timestamp,
                                      .word = job->word,
                                      .reason = job->reason,
                                      .text = job->detail,
                                      .entries = news->entries,
                                      .count = job->number_count};

    lcp_iso8601_print(job->wall_ms, timestamp);
    job->err = lcp_receipt_build(&draft, batch->identity, batch->scratch, batch->text,
                                 &len, &used);
    job->number_count = job->err == LCP_OK ? used : 0;
    return job->err == LCP_OK ? lcp_job_take_text(batch, job, len) : LCP_OK;
}

enum lcp_err
lcp_job_news(struct lcp_batch *batch, struct lcp_job *job)
{
    struct news news = {.job = job};
    enum lcp_err err;

    job->number_count = 0;
    free(job->numbers);
    job->numbers = calloc(LCP_RECEIPT_ENTRIES_MAX, sizeof(job->numbers[0]));
    if (job->numbers == NULL)
        return LCP_ENOMEM;
    err = batch->store->ops->each_owed(batch->store, job->peer_name,
                                       LCP_RECEIPT_ENTRIES_MAX, take_owed, &news);
    if (err != LCP_OK || job->number_count == 0)
        return err;
    return build_news(batch, job, &news);
}

enum lcp_err
lcp_job_told(struct lcp_batch *batch, struct lcp_job *job)
{
    for (uint32_t i = 0; i < job->number_count; i++) {
        enum lcp_err err = batch->store->ops->set_told(batch->store, job->numbers[i],
                                                       job->state);

        if (err != LCP_OK && err != LCP_ENOTFOUND)
            return err;
    }
    return LCP_OK;
}

/* ---- what a peer speaks ---- */

/* A person takes a version back, the wire does not. What proved to speak 1.2 had a key;
 * without one it was removed meanwhile. */
enum lcp_err
lcp_job_version(struct lcp_batch *batch, struct lcp_job *job)
{
    const struct lcp_store_ops *ops = batch->store->ops;
    struct lcp_store_peer known;
    struct lcp_key pinned;
    char how[32], detail[LCP_NAME_MAX + 16];
    int64_t when;
    enum lcp_err err;

    if (job->client == 0) {
        err = ops->pin_get(batch->store, job->peer_name, &pinned, how, &when);
        if (err != LCP_OK)
            return err == LCP_ENOTFOUND ? LCP_OK : err;
        return lcp_job_note_version(batch, job->peer_name,
                                    (enum lcp_version)job->version);
    }
    err = ops->peer_get(batch->store, job->peer_name, &known);
    if (err != LCP_OK)
        return err;
    known.version = job->version;
    err = ops->peer_put(batch->store, job->peer_name, &known);
    if (err != LCP_OK)
        return err;
    snprintf(detail, sizeof(detail), "%s %s", job->peer_name,
             job->version == LCP_VERSION_1_2 ? "1.2" : "1.1");
    return lcp_batch_audit(batch, job, "peer version", detail);
}
