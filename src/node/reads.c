/* SPDX-License-Identifier: MIT
 *
 * The reader's queue, and the mirror: answers that name files wait until the files are
 * there.
 */
#include <stdlib.h>
#include <string.h>

#include "base/bugs.h"
#include "node/state.h"

struct lcp_read *
lcp_reads_new(struct lcp_pump *p, enum lcp_verb verb, uint64_t client, bool is_ours)
{
    struct lcp_read *read = calloc(1, sizeof(*read));

    if (read == NULL)
        return NULL;
    read->task = (struct lcp_task){.hand = LCP_HAND_READER, .run = lcp_read_run};
    read->store = p->reader;
    read->nodes = p->read_nodes;
    read->verb = verb;
    read->client = client;
    read->is_ours = is_ours;
    read->state = -1;
    read->life_ms = lcp_pump_life_ms(p);
    memcpy(read->data_path, p->data_path, sizeof(read->data_path));
    return read;
}

void
lcp_reads_add(struct lcp_pump *p, struct lcp_read *read)
{
    read->next = NULL;
    if (p->read_tail != NULL)
        p->read_tail->next = read;
    else
        p->read_head = read;
    p->read_tail = read;
}

void
lcp_reads_start(struct lcp_pump *p)
{
    struct lcp_read *read = p->read_head;

    if (p->read_running != NULL || read == NULL)
        return;
    /* On a full disk pins stay open: then by what is known. */
    if (read->verb == LCP_VERB_RELOAD && p->pins_open > 0 && !p->is_failing)
        return;
    read->pins_queued = p->pins_queued;
    p->read_head = read->next;
    if (p->read_head == NULL)
        p->read_tail = NULL;
    read->next = NULL;
    read->with_path = p->mirror.mirror != NULL && p->mirror_fault == NULL;
    p->read_running = read;
    p->world->ops->work(p->world, &read->task);
}

/* The seeded bug: handed out is what may never reach anybody. */
static void
mark_before_print(struct lcp_pump *p, struct lcp_read *read)
{
    struct lcp_job *job;

    if (!lcp_bug(LCP_BUG_READ_BEFORE_PRINT) || !read->is_ours ||
        read->verb != LCP_VERB_CHECK)
        return;
    job = lcp_pump_job(p, LCP_JOB_HANDED, LCP_NO_PEER);
    if (job == NULL)
        return;
    job->numbers = read->numbers;
    job->number_count = read->number_count;
    read->numbers = NULL;
    lcp_pump_enqueue(p, job);
}

/* A legacy CHECK's messages count as handed out once the reply has left;
 * see lcp_pump_replied. */
static uint64_t
expect_confirmation(struct lcp_pump *p, struct lcp_read *read)
{
    struct lcp_job *job;

    if (read->is_ours || read->verb != LCP_VERB_CHECK || read->number_count == 0)
        return 0;
    job = lcp_pump_job(p, LCP_JOB_HANDED, LCP_NO_PEER);
    if (job == NULL)
        return 0;
    job->numbers = read->numbers;
    job->number_count = read->number_count;
    read->numbers = NULL;
    job->ticket = ++p->next_tag;
    job->client = read->client;
    job->next = p->unconfirmed;
    p->unconfirmed = job;
    return job->ticket;
}

void
lcp_pump_replied(struct lcp_pump *p, uint64_t client, uint64_t tag, bool ok)
{
    struct lcp_job **link = &p->unconfirmed, *job;

    (void)client;
    while (*link != NULL && (*link)->ticket != tag)
        link = &(*link)->next;
    job = *link;
    if (job == NULL)
        return;
    *link = job->next;
    job->client = 0;
    if (ok)
        lcp_pump_enqueue(p, job);
    else
        lcp_job_free(job);
    lcp_pump_drain(p);
}

void
lcp_reads_drop(struct lcp_pump *p, uint64_t client)
{
    struct lcp_read *lists[] = {p->read_head, p->read_running, p->unwritten};

    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        for (struct lcp_read *read = lists[i]; read != NULL; read = read->next) {
            if (read->client == client)
                read->client = 0;
        }
    }
}

static void
answer(struct lcp_pump *p, struct lcp_read *read)
{
    if (read->client == 0) {
        lcp_read_free(read);
        return;
    }
    if (read->code != NULL) {
        lcp_pump_reply_error(p, read->client, read->is_ours, read->code, read->message,
                             read->hint);
    } else if (read->err != LCP_OK) {
        lcp_pump_reply_err(p, read->client, read->is_ours, read->err, read->id);
    } else {
        uint64_t tag = expect_confirmation(p, read);

        read->out[read->out_len] = '\n'; /* room is always left for it */
        p->world->ops->reply(p->world, read->client,
                             lcp_span(read->out, read->out_len + read->is_ours),
                             !read->is_ours, tag);
        mark_before_print(p, read);
    }
    lcp_read_free(read);
}

static void
apply_reload(struct lcp_pump *p, struct lcp_read *read)
{
    char fault[LCP_CONF_FAULT_MAX] = "";
    enum lcp_err err = read->err;

    if (read->pins_queued != p->pins_queued && !p->is_failing) {
        lcp_reads_add(p, read); /* a TRUST came between */
        return;
    }
    if (err == LCP_OK)
        err = lcp_pump_apply_peers(p, read->conf, read->peers, fault);
    if (err == LCP_EAGAIN) {
        lcp_reads_add(p, read);
        return;
    }
    if (err == LCP_OK)
        lcp_pump_log(p, LCP_LOG_INFO, "peers: %u configured", read->peer_count);
    else
        lcp_pump_log(p, LCP_LOG_ERROR, "reload: %s",
                     fault[0] != '\0' ? fault : "storage failed");
    if (read->client != 0 && err == LCP_OK)
        lcp_pump_reply_ok(p, read->client, read->is_ours);
    else if (read->client != 0 && fault[0] != '\0')
        lcp_pump_reply_error(p, read->client, read->is_ours, "config", fault,
                             "correct lcp.conf, then try again");
    else if (read->client != 0)
        lcp_pump_reply_err(p, read->client, read->is_ours, err, "");
    lcp_read_free(read);
}

void
lcp_reads_done(struct lcp_pump *p, struct lcp_read *read)
{
    p->read_running = NULL;
    switch (read->verb) {
    case LCP_VERB_RELOAD:
        apply_reload(p, read);
        break;
    case LCP_VERB_STATUS:
    case LCP_VERB_PEERS:
        lcp_pump_reply_overview(p, read);
        lcp_read_free(read);
        break;
    default:
        if (read->err == LCP_OK && read->with_path && read->changed > p->mirrored) {
            read->next = p->unwritten;
            p->unwritten = read;
        } else {
            answer(p, read);
        }
        break;
    }
}

void
lcp_reads_written(struct lcp_pump *p)
{
    struct lcp_read **link = &p->unwritten;

    while (*link != NULL) {
        struct lcp_read *read = *link;

        if (p->mirror_fault == NULL && read->changed > p->mirrored) {
            link = &read->next;
            continue;
        }
        *link = read->next;
        if (p->mirror_fault != NULL)
            lcp_reads_add(p, read); /* again, this time naming no files */
        else
            answer(p, read);
    }
}

/* ---- the mirror ---- */

static void
run_mirror(struct lcp_task *task)
{
    struct lcp_mirror_task *mirror = (struct lcp_mirror_task *)task;

    mirror->through = mirror->after;
    if (mirror->seen)
        mirror->err = lcp_mirror_seen(mirror->mirror);
    else
        mirror->err = lcp_mirror_run(mirror->mirror, mirror->after, mirror->limit,
                                     &mirror->through);
}

/* Fresh changes first, then the list of seen ids, then what a crash may have
 * left undone. */
static bool
plan_mirror(struct lcp_pump *p, uint64_t now_ms)
{
    struct lcp_mirror_task *mirror = &p->mirror;

    mirror->seen = mirror->is_mend = false;
    mirror->limit = LCP_MIRROR_STEP;
    mirror->goal = p->changed;
    if (p->mirrored < p->changed) {
        mirror->after = p->mirrored;
    } else if (p->seen_is_dirty && (now_ms >= p->seen_after_ms || p->is_stopping)) {
        mirror->seen = true;
        p->seen_is_dirty = false;
        p->seen_after_ms = now_ms + LCP_SEEN_WRITE_MS;
    } else if (p->mend_at < p->mend_to && !p->is_stopping) {
        mirror->is_mend = true;
        mirror->after = p->mend_at;
    } else {
        return false;
    }
    return true;
}

void
lcp_mirror_start(struct lcp_pump *p)
{
    uint64_t now_ms = lcp_pump_now(p);

    if (p->mirror.mirror == NULL || p->is_mirroring ||
        (p->mirror_fault != NULL && (now_ms < p->mirror_retry_ms || p->is_stopping)) ||
        !plan_mirror(p, now_ms))
        return;
    p->is_mirroring = true;
    p->mirror.task.run = run_mirror;
    p->world->ops->work(p->world, &p->mirror.task);
}

void
lcp_mirror_done(struct lcp_pump *p)
{
    struct lcp_mirror_task *mirror = &p->mirror;

    p->is_mirroring = false;
    if (mirror->err != LCP_OK) {
        if (p->mirror_fault == NULL && mirror->err == LCP_ECORRUPT)
            lcp_pump_log(p, LCP_LOG_ERROR,
                         "folders: the record is damaged, or another program has "
                         "written to it; stop the daemon, then: lcp node --reseal");
        else if (p->mirror_fault == NULL)
            lcp_pump_log(p, LCP_LOG_WARN,
                         "folders: cannot write below %s; the record is not affected",
                         p->data_path);
        p->mirror_fault = mirror->err == LCP_ECORRUPT
                              ? "the record is damaged: lcp node --reseal"
                              : "the folders below data/ cannot be written";
        p->mirror_retry_ms = lcp_pump_now(p) + LCP_MIRROR_RETRY_MS;
        if (mirror->seen) {
            p->seen_is_dirty = true;
            p->seen_after_ms = p->mirror_retry_ms; /* or nothing is due then */
        }
    } else if (p->mirror_fault != NULL) {
        lcp_pump_log(p, LCP_LOG_INFO, "folders: written again");
        p->mirror_fault = NULL;
    }
    if (mirror->is_mend)
        p->mend_at = mirror->err == LCP_OK && mirror->through == mirror->after
                         ? p->mend_to
                         : mirror->through;
    else if (!mirror->seen)
        p->mirrored = mirror->through > p->mirrored || mirror->err != LCP_OK
                          ? mirror->through
                          : mirror->goal;
    lcp_reads_written(p);
}

uint64_t
lcp_mirror_next_ms(const struct lcp_pump *p)
{
    if (p->mirror.mirror == NULL || p->is_mirroring)
        return UINT64_MAX;
    if (p->mirror_fault != NULL)
        return p->mirror_retry_ms;
    return p->seen_is_dirty ? p->seen_after_ms : UINT64_MAX;
}
